//! Connections of clients across reloads: none is reset, none waits.

use std::io::{Read, Write};
use std::net::TcpListener;

use koi_sys::guard::Signal;

use crate::folder::Folder;
use crate::koi::*;
use crate::origin::{Origin, answer, defaults, read_head, request};
use crate::tell::{done, signal};

fn says(port: u16, word: &str) -> String {
    defaults(&format!(
        "frontend web\n    bind 127.0.0.1:{port}\n    \
         http-request return status 200 content-type text/plain string {word}\n"
    ))
}

fn body(answer: Option<String>) -> String {
    let answer = answer.expect("an answer");
    answer.split("\r\n\r\n").nth(1).expect("a body").to_owned()
}

#[test]
fn an_idle_connection_goes_on_under_the_new_plan() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", says(port, "one"));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut used = Client::connect(port);
    assert_eq!(body(used.get("/")), "one");
    let mut fresh = Client::connect(port);
    for word in ["two", "three", "four"] {
        done(&koi, &folder, &says(port, word));
        assert_eq!(body(used.get("/")), word);
    }
    // It was accepted under the first plan and never asked for anything.
    assert_eq!(body(fresh.get("/")), "four");
    // Nothing of the earlier plans is left: one holds.
    until("plans are gone", || !signal(&koi, Signal::User2).contains("earlier plans"));
    assert_eq!(body(used.get("/")), "four");
}

#[test]
fn a_request_in_flight_ends_under_its_plan_and_its_connection_stays() {
    let (folder, port) = (Folder::new(), free_port());
    let origin = TcpListener::bind("127.0.0.1:0").expect("an origin");
    let at = origin.local_addr().expect("its address");
    let listen = format!("listen web\n    bind 127.0.0.1:{port}\n    server s {at}\n");
    folder.file("a.cfg", defaults(&listen));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut client = Client::connect(port);
    client.ask("/slow");
    let mut server = request(&origin);
    // Its backend and server are gone, the frontend answers by itself now.
    let said = done(&koi, &folder, &says(port, "new"));
    assert!(said.contains("1 server removed"), "{said}");
    assert_eq!(body(Client::connect(port).get("/")), "new");
    answer(&mut server, "late");
    let first = client.answer().expect("an answer");
    assert!(first.ends_with("late") && !first.to_lowercase().contains("connection: close"));
    assert_eq!(body(client.get("/")), "new", "its next request is the new plan's");
}

#[test]
fn a_frontend_that_goes_ends_its_connections_in_order() {
    let (folder, port, other) = (Folder::new(), free_port(), free_port());
    let origin = TcpListener::bind("127.0.0.1:0").expect("an origin");
    let at = origin.local_addr().expect("its address");
    let text = |gone: &str| {
        defaults(&format!(
            "listen stays\n    bind 127.0.0.1:{port}\n    http-request return status 200\n{gone}"
        ))
    };
    let gone = format!("listen goes\n    bind 127.0.0.1:{other}\n    server s {at}\n");
    folder.file("a.cfg", text(&gone));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], other);
    let mut busy = Client::connect(other);
    busy.ask("/");
    let mut server = request(&origin);
    let mut idle = Client::connect(other);
    idle.ask("/");
    let mut second = request(&origin);
    answer(&mut second, "x");
    idle.answer().expect("an answer");
    let mut fresh = Client::connect(other);
    let said = done(&koi, &folder, &text(""));
    assert!(said.contains("1 address closed"), "{said}");
    // In order: an end of the stream, no reset.
    let mut rest = Vec::new();
    assert_eq!(idle.0.read_to_end(&mut rest).expect("no reset"), 0);
    answer(&mut server, "late");
    let last = busy.answer().expect("an answer");
    assert!(last.ends_with("late") && last.to_lowercase().contains("connection: close"), "{last}");
    // One that was accepted and had not asked yet gets its answer.
    fresh.ask("/");
    let mut third = request(&origin);
    answer(&mut third, "fresh");
    let last = fresh.answer().expect("an answer");
    assert!(last.ends_with("fresh") && last.to_lowercase().contains("connection: close"), "{last}");
    until("the port closes", || is_closed(other));
}

#[test]
fn tunnels_live_through_reloads() {
    let (folder, port, tcp) = (Folder::new(), free_port(), free_port());
    let echo = TcpListener::bind("127.0.0.1:0").expect("an origin");
    let at = echo.local_addr().expect("its address");
    std::thread::spawn(move || {
        for mut stream in echo.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..read]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let upgrading = TcpListener::bind("127.0.0.1:0").expect("an origin");
    let web = upgrading.local_addr().expect("its address");
    std::thread::spawn(move || {
        let (mut stream, _) = upgrading.accept().expect("a connection");
        read_head(&mut stream).expect("a request");
        let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\
                      Upgrade: websocket\r\n\r\n";
        stream.write_all(switch.as_bytes()).expect("a head");
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..read]).expect("an echo");
        }
    });
    let text = |more: &str| {
        defaults(&format!(
            "listen web\n    bind 127.0.0.1:{port}\n    server s {web}\n\
             listen raw\n    mode tcp\n    bind 127.0.0.1:{tcp}\n    server s {at}\n{more}"
        ))
    };
    folder.file("a.cfg", text(""));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], tcp);
    let mut raw = Client::connect(tcp).0;
    let mut socket = Client::connect(port).0;
    let head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    socket.write_all(head.as_bytes()).expect("a head");
    assert!(read_head(&mut socket).expect("a head").starts_with("HTTP/1.1 101 "));
    for round in 0_u8..4 {
        for stream in [&mut raw, &mut socket] {
            stream.write_all(&[round; 100]).expect("bytes");
            let mut back = [0; 100];
            stream.read_exact(&mut back).expect("the same bytes");
            assert_eq!(back, [round; 100]);
        }
        let more = format!("backend more{round}\n    server s {at}\n");
        done(&koi, &folder, &text(&more));
    }
    // Their proxies go, they stay.
    done(&koi, &folder, &says(port, "x"));
    for stream in [&mut raw, &mut socket] {
        stream.write_all(b"end").expect("bytes");
        let mut back = [0; 3];
        stream.read_exact(&mut back).expect("the same bytes");
    }
}

#[test]
fn idle_connections_to_servers_are_used_again() {
    let (folder, port) = (Folder::new(), free_port());
    let (one, two) = (Origin::start("one"), Origin::start("two"));
    let text = |timeout: &str, more: &str| {
        defaults(&format!(
            "listen web\n    bind 127.0.0.1:{port}\n    timeout tunnel {timeout}\n    \
             http-reuse always\n    server s {}{more}\n",
            one.at
        ))
        .replace("nbthread 2", "nbthread 1")
    };
    folder.file("a.cfg", text("1h", ""));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut client = Client::connect(port);
    assert_eq!(body(client.get("/")), "one");
    let before = one.connections();
    for hours in ["2h", "3h", "4h"] {
        done(&koi, &folder, &text(hours, " weight 7"));
        assert_eq!(body(client.get("/")), "one");
        assert_eq!(body(Client::connect(port).get("/")), "one");
    }
    assert_eq!(one.connections(), before, "nothing was dialled anew");
    // It is spoken to in another way now.
    done(&koi, &folder, &text("4h", " send-proxy"));
    let other = text("4h", "").replace(&one.at.to_string(), &two.at.to_string());
    done(&koi, &folder, &other);
    assert_eq!(body(client.get("/")), "two");
}

#[test]
fn a_stop_answers_whoever_was_accepted() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", says(port, "hello"));
    let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut clients: Vec<Client> = (0..50).map(|_| Client::connect(port)).collect();
    koi.signal(Signal::User1);
    for client in &mut clients {
        client.ask("/");
    }
    for client in &mut clients {
        assert!(client.answer().expect("an answer").ends_with("hello"));
    }
    assert!(koi.ended().0.success());
}
