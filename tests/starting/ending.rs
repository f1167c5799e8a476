//! It ends: at once, or when what is under way is done.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::sleep;
use std::time::Duration;

use koi_sys::guard::Signal;

use crate::folder::Folder;
use crate::koi::*;

/// A frontend whose requests go to a server of the test's.
fn slow(folder: &Folder, port: u16, global: &str) -> TcpListener {
    let origin = TcpListener::bind(loopback(0)).expect("an origin");
    let at = origin.local_addr().expect("its address");
    folder.file(
        "a.cfg",
        format!(
            "global\n    nbthread 2\n{global}defaults\n    mode http\n    timeout connect 20s\n    \
             timeout client 20s\n    timeout server 20s\n\
             listen web\n    bind 127.0.0.1:{port}\n    server s {at}\n"
        ),
    );
    origin
}

fn request(origin: &TcpListener) -> std::net::TcpStream {
    let (mut stream, _) = origin.accept().expect("a request");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0; 1];
        assert_eq!(stream.read(&mut byte).expect("a head"), 1);
        head.push(byte[0]);
    }
    stream
}

#[test]
fn gracefully_what_is_under_way_ends_first() {
    let (folder, port) = (Folder::new(), free_port());
    let origin = slow(&folder, port, "");
    let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut client = Client::connect(port);
    client.ask("/");
    let mut server = request(&origin);
    koi.signal(Signal::User1);
    until("the port closes", || is_closed(port));
    assert!(koi.runs());
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate").expect("an answer");
    assert!(client.answer().expect("an answer").ends_with("late"));
    let (status, said) = koi.ended();
    assert!(status.success(), "{status}\n{said}");
    assert!(!said.contains("panic"), "{said}");
}

#[test]
fn an_idle_client_does_not_keep_it() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", ""));
    let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut client = Client::connect(port);
    client.get("/").expect("an answer");
    koi.signal(Signal::User1);
    assert!(koi.ended().0.success());
    assert_eq!(client.answer(), None);
}

#[test]
fn at_once_nothing_is_waited_for() {
    let (folder, port) = (Folder::new(), free_port());
    let origin = slow(&folder, port, "");
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
        let mut client = Client::connect(port);
        client.ask("/");
        let _server = request(&origin);
        koi.signal(signal);
        assert!(koi.ended().0.success());
        assert_eq!(client.answer(), None);
    }
}

#[test]
fn a_graceful_stop_has_an_end() {
    let (folder, port) = (Folder::new(), free_port());
    let origin = slow(&folder, port, "    hard-stop-after 200ms\n");
    let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut client = Client::connect(port);
    client.ask("/");
    let _server = request(&origin);
    koi.signal(Signal::User1);
    assert!(koi.ended().0.success());
    assert_eq!(client.answer(), None);
}

#[test]
fn a_graceful_stop_can_be_cut_short() {
    let (folder, port) = (Folder::new(), free_port());
    let origin = slow(&folder, port, "");
    let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut client = Client::connect(port);
    client.ask("/");
    let _server = request(&origin);
    koi.signal(Signal::User1);
    until("the port closes", || is_closed(port));
    koi.signal(Signal::Terminate);
    assert!(koi.ended().0.success());
}

#[test]
fn listeners_stay_open_for_the_grace() {
    let (folder, port) = (Folder::new(), free_port());
    let stopping = "    http-request return status 503 if { stopping }\n";
    folder.file("a.cfg", hello(port, "    grace 600ms\n", stopping));
    let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    answers(port);
    koi.signal(Signal::User1);
    until("it says that it stops", || {
        get(port).is_some_and(|answer| answer.starts_with("HTTP/1.1 503"))
    });
    sleep(Duration::from_millis(10));
    assert!(koi.ended().0.success());
    assert!(is_closed(port));
}
