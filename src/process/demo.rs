//! `koi demo`: what is built so far, to be seen at work.
//!
//! Starts workers that relay TCP from one address to an origin of its own, sends requests through,
//! says what happened, and (unless told to end) goes on serving until Ctrl-C. Everything stays on
//! the loopback address.

use crate::exchange::tunnel::tunnel;
use crate::worker::{
    Choice, Group, GroupConfig, ListenOptions, Listener, Local, SocketAddress, Stream,
};
use koi_sys::guard;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the origin says.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 50\r\n\r\n\
                        This came through Koi's relay from its demo server\
                        ";
const _: () = assert!(ANSWER.len() == 65 + 50);

/// Bytes of request head that the origin reads before it gives up.
const HEAD_MAX: usize = 16 * 1024;

/// How long the demonstration's own requests may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The relay's port; 0 lets the system choose.
    pub port: u16,
    /// The back-end.
    pub ring: Choice,
    /// Requests to send.
    pub requests: u32,
    /// Whether to end after them.
    pub once: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { port: 8080, ring: Choice::Auto, requests: 1000, once: false }
    }
}

/// Runs the demonstration.
///
/// # Errors
/// What could not be started or did not work, in words.
pub fn run(options: &Options) -> Result<(), String> {
    guard::block_signals().map_err(|error| error.to_string())?;
    guard::ignore_broken_pipe().map_err(|error| error.to_string())?;
    let config = GroupConfig { ring: options.ring, ..GroupConfig::default() };
    let workers = config.workers;
    // The first worker's listeners choose the ports, the others join them.
    let ports = Arc::new(Mutex::new((options.port, 0)));
    let shared = ports.clone();
    let group = Group::start(&config, move |_, local| {
        let mut ports = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = listen(local, &mut ports.1)?;
        let relay = listen(local, &mut ports.0)?;
        let server = loopback(ports.1);
        local.spawn(origin.serve(|_, stream| answer(stream)));
        local.spawn(relay.serve(move |local, client| relay_to(local, client, server.clone())));
        Ok(())
    })
    .map_err(|error| error.to_string())?;
    let port = ports.lock().unwrap_or_else(PoisonError::into_inner).0;
    println!("Koi relays http://127.0.0.1:{port}/ to an origin of its own on {workers} worker(s).");
    let shown = send_requests(port, options.requests);
    if shown.is_ok() && !options.once {
        println!("Try it: curl http://127.0.0.1:{port}/    Ctrl-C ends it.");
        guard::wait_signal().map_err(|error| error.to_string())?;
    }
    group.stop(Duration::from_secs(2));
    for (number, left) in group.join().into_iter().enumerate() {
        match left {
            Some(left) => println!("worker {number} stopped: {left:?}"),
            None => println!("worker {number} did not stop in order"),
        }
    }
    shown
}

fn loopback(port: u16) -> SocketAddress {
    SocketAddress::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

/// Listens at a loopback port beside the other workers; port 0 is replaced by the one chosen.
fn listen(local: &Local, port: &mut u16) -> Result<Listener, String> {
    let options = ListenOptions { reuse_port: true, ..ListenOptions::default() };
    let listener = local.listen(&loopback(*port), &options).map_err(|error| {
        format!("cannot listen at 127.0.0.1:{port}: {error}; --port N chooses another")
    })?;
    *port = listener.local_address().and_then(|address| address.port()).unwrap_or(*port);
    Ok(listener)
}

async fn relay_to(local: Local, client: Stream, server: SocketAddress) {
    // A server that refuses ends this connection; the client sees the close.
    if let Ok(server) = local.connect(&server).await {
        tunnel(&client, &server, true).await;
    }
}

/// The origin: one answer per request head, as long as the client asks. It understands no more of
/// HTTP than the blank line that ends a head.
async fn answer(stream: Stream) {
    let mut head = Vec::new();
    while let Ok(Some(chunk)) = stream.receive().await {
        head.extend_from_slice(&chunk);
        while let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            head.drain(..end + 4);
            let Some(answer) = stream.pool().copy_from(ANSWER) else { return };
            if stream.send(answer).await.is_err() {
                return;
            }
        }
        if head.len() > HEAD_MAX {
            return;
        }
    }
}

/// Sends requests over one connection, each after the last one's answer.
fn send_requests(port: u16, requests: u32) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("the demonstration's own request failed: {error}");
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    connection.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    connection.set_nodelay(true).map_err(failed)?;
    let mut answer = [0; ANSWER.len()];
    let start = koi_sys::clock::Time::monotonic();
    for _ in 0..requests {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: demo\r\n\r\n").map_err(failed)?;
        connection.read_exact(&mut answer).map_err(failed)?;
        if answer != ANSWER {
            return Err("an answer came back changed".to_owned());
        }
    }
    let took = koi_sys::clock::Time::monotonic().since(start);
    println!(
        "{requests} requests over one connection: all answered, {:.1} us each.",
        took.as_secs_f64() * 1e6 / f64::from(requests.max(1))
    );
    Ok(())
}
