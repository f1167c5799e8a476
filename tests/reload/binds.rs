//! Addresses that come and go, and those whose settings change.

use std::net::TcpListener;

use crate::folder::Folder;
use crate::koi::*;
use crate::origin::defaults;
use crate::tell::{done, reload};

fn web(binds: &[String]) -> String {
    let lines: String = binds.iter().map(|it| format!("    bind {it}\n")).collect();
    defaults(&format!(
        "frontend web\n{lines}    http-request return status 200 \
                       content-type text/plain string hello\n"
    ))
}

fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

#[test]
fn an_address_is_opened_and_closed() {
    let (folder, one, two) = (Folder::new(), free_port(), free_port());
    folder.file("a.cfg", web(&[at(one)]));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], one);
    let said = done(&koi, &folder, &web(&[at(one), at(two)]));
    assert!(said.contains("1 address opened") && said.contains("1 addresses stay"), "{said}");
    answers(one);
    answers(two);
    // In another line and another frontend it is the same socket.
    let moved = web(&[at(one)])
        + &web(&[at(two)])
            .replace("frontend web", "frontend other")
            .split("frontend other")
            .nth(1)
            .map(|it| format!("frontend other{it}"))
            .expect("it");
    let said = done(&koi, &folder, &moved);
    assert!(!said.contains("opened") && !said.contains("closed"), "{said}");
    answers(two);
    let said = done(&koi, &folder, &web(&[at(two)]));
    assert!(said.contains("1 address closed"), "{said}");
    until("the port closes", || is_closed(one));
    answers(two);
}

#[test]
fn settings_change_without_the_socket() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", web(&[at(port)]));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    for more in [" maxconn 50", " maxconn 70 backlog 30", " name x", ""] {
        let said = done(&koi, &folder, &web(&[at(port) + more]));
        assert!(!said.contains("opened") && !said.contains("closed"), "{said}");
        answers(port);
    }
}

#[test]
fn options_of_connections_change_without_the_socket() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", web(&[at(port)]));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let keeping =
        |text: String| text.replace("    http-request", "    option clitcpka\n    http-request");
    let rounds = [
        web(&[at(port) + " tcp-ut 5s"]),
        web(&[at(port) + " tcp-ut 6s mss 1200"]),
        keeping(web(&[at(port) + " tcp-ut 6s"])),
        web(&[at(port)]),
        web(&[at(port)]).replace("global\n", "global\n    tune.rcvbuf.client 65536\n"),
    ];
    for text in rounds {
        let said = done(&koi, &folder, &text);
        assert!(!said.contains("opened") && !said.contains("another process"), "{said}");
        answers(port);
    }
}

#[test]
fn a_socket_with_other_options_takes_the_place_of_the_old_one() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", web(&[at(port)]));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let said = done(&koi, &folder, &web(&[at(port) + " v4v6"]));
    assert!(said.contains("1 address opened, 1 address closed"), "{said}");
    assert!(!said.contains("another process"), "the one that listens is this one: {said}");
    assert!(said.contains(&format!("listens anew at 127.0.0.1:{port}")), "{said}");
    for _ in 0..50 {
        answers(port);
    }
}

#[test]
fn an_address_that_is_taken_leaves_everything_as_it_was() {
    let (folder, one, two) = (Folder::new(), free_port(), free_port());
    let holder = TcpListener::bind(loopback(0)).expect("a holder");
    let taken = holder.local_addr().expect("its address").port();
    folder.file("a.cfg", web(&[at(one)]));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], one);
    let said = reload(&koi, &folder, &web(&[at(two), at(taken)]));
    assert!(said.contains("reload: refused, and plan 1 holds as before"), "{said}");
    assert!(said.contains(&format!("cannot listen on 127.0.0.1:{taken}")), "{said}");
    assert!(said.contains("a.cfg:10:") && said.contains("^^^"), "{said}");
    answers(one);
    assert!(is_closed(two), "what was opened is closed again");
    drop(holder);
    done(&koi, &folder, &web(&[at(two), at(taken)]));
    answers(two);
    answers(taken);
}

#[cfg(unix)]
#[test]
fn unix_sockets_come_and_go() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", web(&[at(port)]));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let path = folder.path().join("s");
    let ask = || {
        let mut stream = UnixStream::connect(&path).expect("a connection");
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        assert!(text.ends_with("hello"), "{text}");
    };
    let unix = format!("unix@{}", path.display());
    done(&koi, &folder, &web(&[at(port), unix.clone()]));
    ask();
    done(&koi, &folder, &web(&[at(port), unix + " mode 600"]));
    ask();
    done(&koi, &folder, &web(&[at(port)]));
    until("nobody listens", || UnixStream::connect(&path).is_err());
}

#[test]
fn lines_that_become_one_count_their_connections_together() {
    let (folder, one, two) = (Folder::new(), free_port(), free_port());
    let counting = |binds: &[String]| {
        web(binds).replace("text/plain string hello", "text/plain lf-string %[dst_conn]")
    };
    let count = |client: &mut Client| {
        let answer = client.get("/").expect("an answer");
        answer.split("\r\n\r\n").nth(1).expect("a body").to_owned()
    };
    folder.file("a.cfg", counting(&[at(one), at(two)]));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], one);
    let mut clients: Vec<Client> = [one, one, one, two].into_iter().map(Client::connect).collect();
    until("all are counted", || count(&mut clients[0]) == "3" && count(&mut clients[3]) == "1");
    done(&koi, &folder, &counting(&[format!("{},127.0.0.1:{two}", at(one))]));
    until("all have moved", || count(&mut clients[0]) == "4");
    assert_eq!(count(&mut clients[3]), "4");
    clients.truncate(1);
    until("the others have left", || count(&mut clients[0]) == "1");
    // Two lines again: who came by the one goes on by the first of them.
    done(&koi, &folder, &counting(&[at(one), at(two)]));
    until("it has moved back", || count(&mut clients[0]) == "1");
    clients.clear();
    assert_eq!(count(&mut Client::connect(two)), "1");
    until("the last has left", || count(&mut Client::connect(one)) == "1");
    assert!(!koi.told().contains("panic"), "{}", koi.told());
}
