//! It serves, by HAProxy's command lines.

use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use koi_sys::guard::Signal;

use crate::folder::Folder;
use crate::koi::*;

#[test]
fn a_file_is_served() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", ""));
    for words in [&["-f", "a.cfg"][..], &["-db", "-f", "a.cfg"], &["-d", "-V", "--", "a.cfg"]] {
        let mut koi = Koi::start(&folder, words, port);
        answers(port);
        koi.signal(Signal::Terminate);
        let (status, said) = koi.ended();
        assert!(status.success(), "{status}\n{said}");
        assert!(!said.contains("error"), "{said}");
        assert!(is_closed(port));
    }
}

#[test]
fn ipv6_stands_beside_ipv4() {
    if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("skipped: no IPv6 loopback");
        return;
    }
    let (folder, port) = (Folder::new(), free_port());
    for (v4, v6) in [
        (format!(":{port}"), format!("ipv6@:{port}")),
        (format!("*:{port}"), format!(":::{port} v6only")),
        (format!("ipv4@:{port}"), format!("[::]:{port} v4v6")),
    ] {
        let text = hello(port, "", &format!("    bind {v6}\n"));
        folder
            .file("a.cfg", text.replace(&format!("bind 127.0.0.1:{port}"), &format!("bind {v4}")));
        let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
        answers(port);
        let stream = TcpStream::connect((Ipv6Addr::LOCALHOST, port)).expect("a connection");
        assert!(Client(stream).get("/").expect("an answer").ends_with("hello"), "{v6}");
        koi.signal(Signal::Interrupt);
        assert!(koi.ended().0.success());
    }
}

#[test]
fn a_unix_socket_has_its_mode() {
    let (folder, port) = (Folder::new(), free_port());
    let path = folder.path().join("http.sock");
    let prefix = folder.path().display();
    let global = format!("    unix-bind prefix {prefix}/ mode 600\n");
    let lines = "    bind unix@http.sock mode 640\n    bind unix@other.sock\n";
    folder.file("a.cfg", hello(port, &global, lines));
    let _koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mode = |name: &str| {
        let found = std::fs::metadata(folder.path().join(name)).expect("a socket");
        found.permissions().mode() & 0o777
    };
    assert_eq!((mode("http.sock"), mode("other.sock")), (0o640, 0o600));
    let mut stream = UnixStream::connect(&path).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.ends_with("hello"), "{answer}");
}

#[test]
fn what_is_too_much_waits() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", "    maxconn 1\n"));
    let _koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    // The connection that has found out that it listens may not have been seen to end.
    let mut first = Client::connect(port);
    assert!(first.get("/").expect("an answer").ends_with("hello"));
    let mut second = Client::connect(port);
    second.ask("/");
    second.0.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let mut byte = [0; 1];
    assert!(second.0.peek(&mut byte).is_err(), "served beside the first");
    assert!(first.get("/").expect("an answer").ends_with("hello"));
    drop(first);
    second.0.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    assert!(second.answer().expect("an answer").ends_with("hello"));
}

#[test]
fn a_host_name_is_resolved() {
    let (folder, port, origin) = (Folder::new(), free_port(), free_port());
    let text = hello(origin, "", "");
    folder.file(
        "a.cfg",
        format!(
            "{text}frontend f\n    bind ipv4@localhost:{port}\n    default_backend b\n\
             backend b\n    server s ipv4@localhost:{origin}\n    \
             server t no-such-host.invalid:80 init-addr libc,none\n"
        ),
    );
    let _koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    for _ in 0..4 {
        answers(port);
    }
}

#[test]
fn signals_that_ask_for_nothing_new_change_nothing() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", ""));
    let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let idle =
        [Signal::Hangup, Signal::User2, Signal::Quit, Signal::StopListening, Signal::ListenAgain];
    for signal in idle {
        koi.signal(signal);
        answers(port);
    }
    koi.signal(Signal::Terminate);
    let (status, said) = koi.ended();
    assert!(status.success() && said.contains("holds: nothing changed"), "{said}");
}

#[test]
fn limits_come_from_the_command_line() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "    maxconn 100\n", ""));
    let _koi = Koi::start(&folder, &["-f", "a.cfg", "-n", "1", "-N", "7", "-m", "64"], port);
    let mut first = Client::connect(port);
    assert!(first.get("/").expect("an answer").ends_with("hello"));
    let mut second = Client::connect(port);
    second.ask("/");
    second.0.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    assert!(second.0.peek(&mut [0; 1]).is_err(), "served beside the first");
}

#[test]
fn connections_come_no_faster_than_allowed() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", "    rate-limit sessions 4\n"));
    let _koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let start = std::time::Instant::now();
    for _ in 0..13 {
        answers(port);
    }
    // At most four (and one a worker) in the first second, and four more in each of the next ones.
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn a_certificate_that_is_replaced_is_read_again() {
    let (folder, port) = (Folder::new(), free_port());
    let certificate = |name: &str| {
        let made =
            rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
        let pem = format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem());
        let path = folder.file("site.pem", pem);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    };
    certificate("old.example");
    let line = format!("    bind 127.0.0.1:{} ssl crt site.pem\n", free_port());
    folder.file("a.cfg", hello(port, "", &line));
    let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    answers(port);
    certificate("new.example");
    koi.signal(Signal::Hangup);
    until("the new one is in use", || koi.told().contains("in use: `site.pem`"));
    folder.file("site.pem", "nonsense");
    koi.signal(Signal::Hangup);
    until("the bad one is told of", || koi.told().contains("stays as it was"));
    answers(port);
    koi.signal(Signal::Terminate);
    let (status, said) = koi.ended();
    assert!(status.success(), "{said}");
}

/// `SC` in a line of the log does not say what is wrong with a server's TLS.
#[test]
fn why_a_server_has_no_tls_is_told() {
    let (folder, port) = (Folder::new(), free_port());
    let server = std::net::TcpListener::bind(loopback(0)).expect("a port");
    let to = server.local_addr().expect("its address");
    std::thread::spawn(move || {
        for mut stream in server.incoming().map_while(Result::ok) {
            let _ = stream.write_all(b"HTTP/1.1 400 This port speaks no TLS\r\n\r\n");
            // What is left unread would make a reset of the end.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    let backend = format!("backend b\n    retries 0\n    server s {to} ssl verify none\n");
    let text = hello(port, "", "    use_backend b if { path /b }\n") + &backend;
    let text = text.replace("string hello", "string hello if { path / }");
    folder.file("a.cfg", text);
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let answer = Client::connect(port).get("/b").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    until("it is told", || koi.told().contains("warning: server b/s: no TLS: received corrupt"));
}
