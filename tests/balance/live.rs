//! Servers change while they serve, as an operator changes them over the runtime socket: who gets requests
//! then, and who is bound.

use super::beside::{origin, servers};
use super::end_to_end::client::Client;
use super::end_to_end::proxy::{Folder, Program, Proxy};
use super::end_to_end::{PATIENCE, free_ports, loopback};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

struct Koi {
    socket: PathBuf,
    port: u16,
    _proxy: Proxy,
}

impl Koi {
    fn start(backend: &str) -> Koi {
        let (port, origin) = (free_ports(1)[0], origin());
        let folder = Folder::new("live");
        let socket = folder.path().join("socket");
        let text = format!(
            "global\nnbthread 1\nstats socket {} level admin\ndefaults\nmode http\n\
             timeout connect 5s\ntimeout client 30s\ntimeout server 30s\n\
             listen l\nbind 127.0.0.1:{port}\nhttp-after-response set-header x-srv %[srv_name]\n\
             {}\n",
            socket.display(),
            backend.replace("@origin@", &origin.to_string()),
        );
        let proxy = Proxy::start(&Program::koi(), folder, &text, &[loopback(port)]);
        Koi { socket, port, _proxy: proxy }
    }

    fn command(&self, line: &str) -> String {
        // It has its name a little after the port is open.
        let begun = Instant::now();
        let mut stream = loop {
            match UnixStream::connect(&self.socket) {
                Ok(stream) => break stream,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "the runtime socket: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        stream.write_all(format!("{line}\n").as_bytes()).expect("sent");
        let mut said = String::new();
        stream.read_to_string(&mut said).expect("an answer");
        said
    }

    /// How many of 48 requests each server gets.
    fn counts(&self, field: &str) -> [usize; 3] {
        let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{field}\r\n");
        let mut client = Client::connect(loopback(self.port));
        let all = servers(&mut client, &vec![request; 48]);
        ["1", "2", "3"].map(|name| all.matches(name).count())
    }
}

const THREE: &str = "server 1 127.0.0.1:@origin@ weight 2 cookie one\n\
                     server 2 127.0.0.1:@origin@ weight 1 cookie two\n\
                     server 3 127.0.0.1:@origin@ weight 1 cookie three";

#[test]
fn weights_and_states_hold_from_the_moment_they_are_set() {
    for balance in ["roundrobin", "static-rr"] {
        let koi = Koi::start(&format!("balance {balance}\n{THREE}"));
        assert_eq!(koi.counts(""), [24, 12, 12], "{balance}");
        koi.command("disable server l/1");
        assert_eq!(koi.counts(""), [0, 24, 24], "{balance}");
        koi.command("enable server l/1");
        koi.command("set server l/3 state drain");
        assert_eq!(koi.counts(""), [32, 16, 0], "{balance}");
        koi.command("set server l/3 state ready");
        koi.command("set weight l/2 0%");
        assert_eq!(koi.counts(""), [32, 0, 16], "{balance}");
    }
    let koi = Koi::start(THREE);
    koi.command("set weight l/2 6");
    koi.command("set weight l/3 4");
    assert_eq!(koi.counts(""), [8, 24, 16]);
}

#[test]
fn who_is_bound_stays_on_a_server_that_drains_and_leaves_one_that_is_taken_out() {
    let koi = Koi::start(&format!("cookie S insert indirect\n{THREE}"));
    assert_eq!(koi.counts("Cookie: S=three\r\n"), [0, 0, 48]);
    koi.command("set server l/3 state drain");
    assert_eq!(koi.counts("Cookie: S=three\r\n"), [0, 0, 48], "draining");
    assert_eq!(koi.counts(""), [32, 16, 0]);
    koi.command("set weight l/2 0");
    assert_eq!(koi.counts("Cookie: S=two\r\n"), [0, 48, 0], "no weight");
    koi.command("disable server l/3");
    assert_eq!(koi.counts("Cookie: S=three\r\n"), [48, 0, 0], "maintenance");
}
