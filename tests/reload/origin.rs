//! A server of the test's, which answers as it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::koi::{PATIENCE, until};

/// Answers every request at once with its name, on connections that stay.
pub struct Origin {
    pub at: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Origin {
    pub fn start(name: &'static str) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").expect("an origin");
        let at = listener.local_addr().expect("its address");
        let connections: Arc<AtomicUsize> = Arc::default();
        let count = connections.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || serve(stream, name));
            }
        });
        Origin { at, connections }
    }

    /// Connections it has taken so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, name: &str) {
    stream.set_nodelay(true).expect("an option");
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
    while read_head(&mut stream).is_some() {
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads a head; `None` if the connection ends.
pub fn read_head(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => head.extend_from_slice(&buffer[..read]),
        }
    }
    String::from_utf8(head).ok()
}

/// The next request that comes to a server of the test's: its connection, its head read.
pub fn request(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("an option");
    let mut taken = None;
    until("a connection comes", || {
        taken = listener.accept().ok();
        taken.is_some()
    });
    let (mut stream, _) = taken.expect("it came");
    stream.set_nonblocking(false).expect("an option");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    read_head(&mut stream).expect("a request");
    stream
}

/// Answers a request that was held back.
pub fn answer(stream: &mut TcpStream, text: &str) {
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    stream.write_all(answer.as_bytes()).expect("an answer");
}

/// The beginning of all configurations here.
pub fn defaults(more: &str) -> String {
    format!(
        "global\n    nbthread 2\ndefaults\n    mode http\n    timeout connect 20s\n    \
         timeout client 20s\n    timeout server 20s\n{more}"
    )
}
