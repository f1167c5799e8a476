//! Connections of clients, shown and ended; servers that are moved.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::client::Stage;
use crate::koi::{Client, PATIENCE, free_port, until};

/// A server that answers with its name, but for `/hang`, which it never answers.
fn origin(name: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream, name));
        }
    });
    port
}

fn serve(mut stream: TcpStream, name: &str) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte).is_ok_and(|n| n == 1) {
        head.push(byte[0]);
        if head.ends_with(b"\r\n\r\n") {
            if head.starts_with(b"GET /hang ") {
                let _ = stream.read(&mut byte);
                return;
            }
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
            head.clear();
        }
    }
}

fn stage(port: u16) -> Stage {
    let sections = format!("backend app\n    server a 127.0.0.1:{port}\n");
    Stage::new("", "    default_backend app\n", &sections, &[])
}

/// The lines of sessions that have a server.
fn busy(stage: &Stage) -> Vec<String> {
    let all = stage.ask("show sess");
    all.lines().filter(|line| line.contains(" srv=a ")).map(str::to_owned).collect()
}

fn is_ended(client: &mut Client) -> bool {
    client.0.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut rest = Vec::new();
    let _ = client.0.read_to_end(&mut rest);
    !String::from_utf8_lossy(&rest).contains("200 OK")
}

#[test]
fn a_session_is_shown_and_ended() {
    let stage = stage(origin("one"));
    let mut clients: Vec<Client> = (0..4).map(|_| Client::connect(stage.port)).collect();
    clients.iter_mut().for_each(|client| client.ask("/hang"));
    until("all are at the server", || busy(&stage).len() == 4);
    let line = busy(&stage).remove(0);
    for part in [": proto=tcpv4 src=127.0.0.1:", " fe=web be=app srv=a ", " age="] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(stage.ask("show sess older 1h"), "");
    let number = line.split(':').next().expect("a number").to_owned();
    assert_eq!(stage.ask(&format!("show sess {number}")).lines().count(), 1);
    assert_eq!(stage.ask(&format!("shutdown session {number}")), "");
    until("one is gone", || busy(&stage).len() == 3);
    assert_eq!(
        stage.ask(&format!("shutdown session {number}x")),
        "No such session (use 'show sess').\n"
    );
    assert_eq!(stage.ask("shutdown session"), "Session pointer expected (use 'show sess').\n");
    assert_eq!(stage.ask("shutdown sessions server app/a"), "");
    until("all are gone", || busy(&stage).is_empty());
    assert!(clients.iter_mut().all(is_ended));
    assert_eq!(stage.ask("shutdown sessions server app"), "Require 'backend/server'.\n");
}

/// A server that begins a download of a gigabyte and goes on until nobody takes it.
fn downloads() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
                while stream.write_all(&[b'x'; 16_384]).is_ok() {}
            });
        }
    });
    port
}

/// Clients in the middle of a download are cut off: by a session's number, or all of a server.
#[test]
fn downloads_are_ended() {
    let stage = stage(downloads());
    let begin = || {
        let mut client = Client::connect(stage.port);
        client.0.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        client.ask("/big");
        let mut some = vec![0; 100_000];
        client.0.read_exact(&mut some).expect("a part of it");
        assert!(some.starts_with(b"HTTP/1.1 200 OK"));
        client
    };
    // What is left of it ends before its length, and no time-out ends it.
    let is_cut = |mut client: Client| {
        let (mut rest, mut total) = (vec![0; 65_536], 0);
        loop {
            match client.0.read(&mut rest) {
                Ok(0) => return total < 1 << 30,
                Ok(n) => total += n,
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    };
    let (one, two, three) = (begin(), begin(), begin());
    until("all are at the server", || busy(&stage).len() == 3);
    let number = busy(&stage)[0].split(':').next().expect("a number").to_owned();
    assert_eq!(stage.ask(&format!("shutdown session {number}")), "");
    until("one is gone", || busy(&stage).len() == 2);
    assert_eq!(stage.ask("shutdown sessions server app/a"), "");
    until("all are gone", || busy(&stage).is_empty());
    assert!([one, two, three].into_iter().all(is_cut));
    let row = stage.ask("show stat app 4 -1");
    assert!(row.contains("\napp,a,"), "{row}");
    assert!(is_cut({
        let client = begin();
        assert_eq!(stage.ask("shutdown sessions server app/a"), "");
        client
    }));
}

#[test]
fn a_server_is_moved_to_another_address() {
    let (one, two) = (origin("one"), origin("two"));
    let stage = stage(one);
    let mut client = Client::connect(stage.port);
    assert!(client.get("/").expect("an answer").ends_with("one"));
    let answer = stage.ask(&format!("set server app/a addr 127.0.0.1 port {two}"));
    assert_eq!(answer, format!("port changed from '{one}' to '{two}' by 'stats socket command'\n"));
    (0..10).for_each(|_| {
        assert!(client.get("/").expect("an answer").ends_with("two"));
        assert!(Client::connect(stage.port).get("/").expect("an answer").ends_with("two"));
    });
    assert_eq!(
        stage.ask(&format!("set server app/a addr 127.0.0.1 port {two}")),
        "nothing changed\n"
    );
    assert!(stage.ask("show servers state").contains(&format!(" - {two} - ")));
    assert_eq!(stage.ask("set server app/a addr nonsense"), "Invalid addr 'nonsense'\n");
    assert!(
        stage
            .ask("set server app/a addr 127.0.0.1 port 0")
            .starts_with("provided port is not valid")
    );
    let nobody = free_port();
    stage.ask(&format!("set server app/a addr 127.0.0.1 port {nobody}"));
    assert!(Client::connect(stage.port).get("/").expect("an answer").starts_with("HTTP/1.1 503 "));
}

#[test]
fn a_larger_limit_lets_those_in_who_wait() {
    let sections = format!("backend app\n    server a 127.0.0.1:{} maxconn 1\n", origin("one"));
    let stage = Stage::new("", "    default_backend app\n", &sections, &[]);
    let mut hanging = Client::connect(stage.port);
    hanging.ask("/hang");
    until("it is at the server", || busy(&stage).len() == 1);
    let mut waiting = Client::connect(stage.port);
    waiting.ask("/");
    assert_eq!(stage.ask("set maxconn server app/a 2"), "");
    assert!(waiting.answer().expect("an answer").ends_with("one"));
}
