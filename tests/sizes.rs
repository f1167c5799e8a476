//! What an idle connection costs.

mod common;

use common::child::{self, Process};
use common::relay::{ask, start_group};
use common::{HANG, address, any_port, rings, run, say, simulated, std_address};
use koi::exchange::tunnel::tunnel;
use koi::worker::future::join;
use koi::worker::{Kind, Leftovers, ListenOptions, Local, SocketAddress, Stream};
use koi_sys::guard::raise_descriptor_limit;
use koi_sys::ring::sim::{Faults, Network};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc::channel;

/// All that an idle connection's task waits in.
const TUNNEL_BYTES: usize = 192;

/// The relay's whole task: two streams, the tunnel between them, and what it was started with.
const TASK_BYTES: usize = 256;

/// User memory of an idle connection: its two descriptors, and the task between them.
const CONNECTION_BYTES: u64 = 512;

/// Connections to measure with. Each takes two descriptors in either process; a lower limit on
/// those means fewer.
const CONNECTIONS: usize = 9_000;

/// Connections before the first measurement, for what is there once and for all.
const WARM_UP: usize = 100;

/// The relay's task, as `benches/relay.rs` has it.
#[allow(clippy::manual_async_fn, reason = "an async fn holds its arguments twice: 32 bytes more")]
fn relay(
    local: Local,
    client: Stream,
    server: Rc<SocketAddress>,
) -> impl Future<Output = ()> + 'static {
    async move {
        if let Ok(server) = local.connect(&server).await {
            tunnel(&client, &server, true).await;
        }
    }
}

#[test]
fn the_futures_of_an_idle_connection_are_small() {
    run(simulated(&Network::new(1, Faults::default())), async |local: Local| {
        let at = address("10.0.0.1:80");
        let mut listener = local.listen(&at, &ListenOptions::default()).expect("a listener");
        let (one, other) = join(pin!(local.connect(&at)), pin!(listener.accept())).await;
        let (one, other) = (one.expect("a connection"), other.expect("a connection"));
        let bytes = size_of_val(&tunnel(&one, &other, true));
        let task = size_of_val(&relay(local.clone(), one, Rc::new(at)));
        say(&format!("the tunnel: {bytes} bytes; the relay's task: {task} bytes"));
        assert!(bytes <= TUNNEL_BYTES && task <= TASK_BYTES);
    });
}

const MEASURED: &str = "an_idle_connection_costs_little_and_holds_no_buffer";

/// The relay runs in a process of its own, clients and servers in this one, so that only the
/// relay's memory is measured.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "it reads Linux's /proc")]
fn an_idle_connection_costs_little_and_holds_no_buffer() {
    if let Some(argument) = child::argument(MEASURED) {
        let (ring, server) = argument.split_once(' ').expect("two words");
        let kind = rings()[ring.parse::<usize>().expect("a number")];
        return serve_and_measure(kind, address(server));
    }
    let limit = raise_descriptor_limit(u64::MAX).expect("the limit on descriptors").soft;
    let room = usize::try_from(limit / 2).unwrap_or(usize::MAX).saturating_sub(200);
    for (number, kind) in rings().into_iter().enumerate() {
        let server = TcpListener::bind("127.0.0.1:0").expect("a server");
        let argument = format!("{number} {}", server.local_addr().expect("its address"));
        let mut relay = Process::start(child::command(MEASURED, &argument));
        let to: SocketAddress = address(&relay.hear());

        let mut idle = connect(&to, &server, WARM_UP);
        let [before, _, _] = relay.ask();
        let count = CONNECTIONS.min(room);
        idle.extend(connect(&to, &server, count));
        let [after, blocks, tasks] = relay.ask();

        let each = after.saturating_sub(before) / count as u64;
        say(&format!("{kind}: {each} bytes for each of {count} idle connections"));
        assert_eq!((blocks, tasks), (0, (WARM_UP + count) as u64 + 1));
        assert!(each <= allowed(kind), "{each} bytes for an idle connection");
        drop(idle);
        relay.stop();
    }
}

/// The target, where it is reached.
fn allowed(kind: Kind) -> u64 {
    match kind {
        // Measured: 570 bytes, and a tenth for other allocators. The entry of a descriptor is larger
        // here (`sys/src/ring/uring`).
        Kind::Uring => 627,
        _ => CONNECTION_BYTES,
    }
}

/// So many connections through the relay, over each of which something has passed both ways.
fn connect(to: &SocketAddress, server: &TcpListener, count: usize) -> Vec<(TcpStream, TcpStream)> {
    let connect = |_| {
        let mut client = TcpStream::connect(std_address(to)).expect("a connection");
        let (mut server, _) = server.accept().expect("a connection");
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(HANG)).expect("a timeout");
        }
        client.write_all(b"question").expect("sent");
        server.read_exact(&mut [0; 8]).expect("received");
        server.write_all(b"answer").expect("sent");
        client.read_exact(&mut [0; 6]).expect("received");
        (client, server)
    };
    (0..count).map(connect).collect()
}

fn serve_and_measure(kind: Kind, server: SocketAddress) {
    raise_descriptor_limit(u64::MAX).expect("the limit on descriptors");
    let (said, heard) = channel();
    let group = start_group(kind, move |local| {
        let listener = local.listen(&any_port(), &ListenOptions::default())?;
        let _ = said.send(listener.local_address());
        let server = Rc::new(server.clone());
        local.spawn(listener.serve(move |local, client| relay(local, client, server.clone())));
        Ok(())
    });
    let at = heard.recv().expect("it listens").expect("an address");
    child::tell(&at.to_string());
    let worker = &group.addresses()[0];
    child::answer(|| {
        let left = ask(worker, Local::leftovers);
        [resident_bytes(), left.blocks as u64, left.tasks as u64]
    });
    group.stop(HANG);
    assert_eq!(group.join(), [Some(Leftovers::default())]);
}

/// Memory of this process that no file backs.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux's /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("RssAnon");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
    kib * 1024
}
