//! What goes wrong on either side of the proxy: servers that die, clients that vanish, both when they
//! are slow; and a few seconds of rubbish. Each fault ends its exchange with the status and the
//! termination state that HAProxy gives, and nothing else.

mod end_to_end;

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::client::Client;
use end_to_end::origin::{Origins, Record, Reply, Step, ok, reply};
use end_to_end::proxy::{Folder, Program, Proxy};
use end_to_end::wire::{End, Wire};
use end_to_end::{PATIENCE, free_ports, loopback};

const GET: &str = "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// A small time limit, where a limit is what the test is about.
const SOON: &str = "300ms";

/// A proxy with one origin, and its log.
struct Site {
    // Before the origins: it goes first.
    proxy: Proxy,
    origins: Origins,
    log: UdpSocket,
    port: u16,
}

impl Site {
    /// With these lines in its `listen` section, which come after generous time limits.
    fn start(lines: &str) -> Site {
        let log = UdpSocket::bind(loopback(0)).expect("a socket for the log");
        log.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let log_port = log.local_addr().expect("its address").port();
        let origins = Origins::start(&["origin"]);
        let origin = origins.port("origin");
        let ports = free_ports(2);
        let (port, down) = (ports[0], ports[1]);
        let text = format!(
            "defaults\n    mode http\n    retries 0\n    timeout connect 30s\n    \
             timeout client 30s\n    timeout server 30s\n    timeout http-request 30s\n\
             listen all\n    bind 127.0.0.1:{port}\n    log 127.0.0.1:{log_port} local0\n    \
             log-format \"ended %ST %ts %{{+Q}}r\"\n    {lines}\n    \
             use-server down if {{ path /down }}\n    server origin 127.0.0.1:{origin}\n    \
             server down 127.0.0.1:{down} weight 0\n"
        );
        let folder = Folder::new("faults");
        let proxy = Proxy::start(&Program::koi(), folder, &text, &[loopback(port)]);
        Site { proxy, origins, log, port }
    }

    fn connect(&self) -> Client {
        Client::connect(loopback(self.port))
    }

    /// Status and termination state of the next exchange that is logged.
    fn ended(&self) -> String {
        loop {
            let mut buffer = [0; 4096];
            let length = self.log.recv(&mut buffer).expect("a line of the log");
            let line = String::from_utf8_lossy(&buffer[..length]).into_owned();
            // The connection by which the start was awaited carried nothing.
            if let Some((_, told)) = line.split_once("ended ")
                && !told.contains("<BADREQ>\"")
            {
                return told.split(" \"").next().unwrap_or_default().to_owned();
            }
        }
    }

    /// The same of one that never was a request.
    fn ended_without_request(&self) -> String {
        loop {
            let mut buffer = [0; 4096];
            let length = self.log.recv(&mut buffer).expect("a line of the log");
            let line = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if let Some((_, told)) = line.split_once("ended ")
                && told.contains("<BADREQ>\"")
                && !told.starts_with("0 ")
                && !told.starts_with("400 CR")
            {
                return told.split(" \"").next().unwrap_or_default().to_owned();
            }
        }
    }

    /// It serves as if nothing had been.
    fn assert_well(&mut self) {
        self.origins.begin(vec![ok("well")]);
        assert_eq!(self.connect().ask(GET).body, b"well");
        self.proxy.assert_well();
    }
}

/// Whether the first connection to the origin has ended.
fn has_ended(record: &Record) -> bool {
    record.heard.first().is_some_and(|heard| heard.end.is_some())
}

/// One request with this reply of the server: what the client got of it, and how it was logged.
fn fault(reply: Reply, status: u16, ended: &str) {
    let mut site = Site::start("");
    site.origins.begin(vec![reply]);
    let mut client = site.connect();
    client.send(GET.as_bytes());
    let answer = client.response(false).expect("an answer");
    assert_eq!(answer.status(), status, "{answer}");
    assert_eq!(site.ended(), ended);
    if status == 200 {
        assert!(answer.cut.is_some(), "cut off: {answer}");
        assert_ne!(client.drain().1, End::Silent);
    }
    site.assert_well();
}

#[test]
fn server_closes_before_its_response() {
    fault(vec![Step::Body, Step::Close], 502, "502 SH");
}

#[test]
fn server_resets_before_its_response() {
    fault(vec![Step::Body, Step::Reset], 502, "502 SH");
}

#[test]
fn server_closes_in_the_head() {
    let half = reply("HTTP/1.1 200 OK\r\nContent-Le");
    fault([half, vec![Step::Close]].concat(), 502, "502 PH");
}

#[test]
fn server_dies_in_the_body() {
    let half = reply("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nthe beginning");
    fault(
        [half, vec![Step::Pause(Duration::from_millis(50)), Step::Reset]].concat(),
        200,
        "200 SD",
    );
}

#[test]
fn server_ends_in_the_body() {
    let half = reply("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nthe beginning");
    fault(
        [half, vec![Step::Pause(Duration::from_millis(50)), Step::Close]].concat(),
        200,
        "200 SD",
    );
}

#[test]
fn server_says_garbage() {
    fault(reply("\x00\x01garbage\r\n\r\n"), 502, "502 PH");
    fault(reply("HTTP/1.1 2x0 OK\r\n\r\n"), 502, "502 PH");
}

#[test]
fn server_refuses() {
    let mut site = Site::start("");
    let mut client = site.connect();
    assert_eq!(client.ask(&GET.replace("/x", "/down")).status(), 503);
    assert_eq!(site.ended(), "503 SC");
    site.assert_well();
}

#[test]
fn server_says_nothing() {
    let mut site = Site::start(&format!("timeout server {SOON}"));
    site.origins.begin(vec![vec![Step::Hold]]);
    let mut client = site.connect();
    assert_eq!(client.ask(GET).status(), 504);
    assert_eq!(site.ended(), "504 sH");
    site.origins.wait_for("the end", |record| record.heard.iter().all(|it| it.end.is_some()));
    site.assert_well();
}

#[test]
fn server_stops_in_the_body() {
    let mut site = Site::start(&format!("timeout server {SOON}"));
    let half = reply("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nthe beginning");
    site.origins.begin(vec![[half, vec![Step::Hold]].concat()]);
    let mut client = site.connect();
    client.send(GET.as_bytes());
    let answer = client.response(false).expect("an answer");
    assert_eq!((answer.status(), answer.cut.is_some()), (200, true));
    assert_eq!(site.ended(), "200 sD");
    site.assert_well();
}

/// The connection to the server goes, too: the server must not take half a body for a whole one.
#[test]
fn client_vanishes_in_its_body() {
    let mut site = Site::start("");
    for reset in [false, true] {
        site.origins.begin(vec![vec![Step::Body]]);
        let mut client = site.connect();
        client.send(
            b"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\nthe beginning",
        );
        site.origins.wait_for("the head", |record| record.requests.len() == 1);
        if reset {
            client.wire.reset();
        } else {
            drop(client);
        }
        let record = site.origins.wait_for("the end", has_ended);
        assert!(record.requests[0].request.cut.is_some());
        let ended = site.ended();
        assert!(ended.ends_with(" CD") || ended.ends_with(" CH"), "{ended}");
    }
    site.assert_well();
}

#[test]
fn client_vanishes_in_the_response() {
    let mut site = Site::start("");
    for reset in [false, true] {
        let body = "x".repeat(50_000_000);
        site.origins.begin(vec![ok(&body)]);
        let mut client = site.connect();
        client.send(GET.as_bytes());
        client.wire.fill().expect("the beginning");
        if reset {
            client.wire.reset();
        } else {
            drop(client);
        }
        site.origins.wait_for("the end", has_ended);
        assert_eq!(site.ended(), "200 CD");
    }
    site.assert_well();
}

#[test]
fn client_vanishes_while_the_server_thinks() {
    let mut site = Site::start("option abortonclose");
    site.origins.begin(vec![vec![Step::Hold]]);
    let mut client = site.connect();
    client.send(GET.as_bytes());
    site.origins.wait_for("the head", |record| record.requests.len() == 1);
    client.wire.reset();
    site.origins.wait_for("the end", has_ended);
    let ended = site.ended();
    assert!(ended.ends_with(" CH"), "{ended}");
    site.assert_well();
}

/// A client that says it will send no more still wants its response.
#[test]
fn client_closes_its_half() {
    let mut site = Site::start("");
    site.origins.begin(vec![vec![
        Step::Body,
        Step::Pause(Duration::from_millis(100)),
        Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate".to_vec()),
    ]]);
    let mut client = site.connect();
    client.send(GET.as_bytes());
    client.wire.finish();
    let answer = client.response(false).expect("an answer");
    assert_eq!(answer.body, b"late");
    assert_eq!(client.drain(), (vec![], End::Finished));
    site.assert_well();
}

/// A head that comes in drops is not waited for longer than one that does not come at all.
#[test]
fn head_in_drops() {
    let mut site = Site::start(&format!("timeout http-request {SOON}"));
    let mut client = site.connect();
    let socket = client.wire.socket();
    let drops = thread::spawn(move || {
        let mut wire = Wire::new(socket).expect("a second handle");
        let head = "GET /x HTTP/1.1\r\nHost: a.example\r\nX-Slow: ".bytes();
        for byte in head.chain(std::iter::repeat(b'x')).take(2000) {
            if wire.send(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it could go on dropping for 20 seconds");
    });
    let answer = client.response(false).expect("an answer");
    assert_eq!(answer.status(), 408, "{answer}");
    assert_ne!(client.drain().1, End::Silent);
    drop(client);
    drops.join().expect("the one that sends drops");
    assert_eq!(site.ended_without_request(), "408 cR");
    assert_eq!(site.origins.so_far().requests.len(), 0);
    site.assert_well();
}

#[test]
fn idle_connections_are_closed() {
    let mut site = Site::start(&format!("timeout http-keep-alive {SOON}"));
    let mut client = site.connect();
    assert_eq!(client.ask(GET).status(), 200);
    assert_eq!(client.drain(), (vec![], End::Finished));
    site.assert_well();
}

/// A server that closes an idle connection, perhaps just now: the next request has no part in it.
#[test]
fn idle_server_connections_end() {
    let mut site = Site::start("http-reuse always");
    for _ in 0..50 {
        site.origins.begin(vec![[ok("first"), vec![Step::Close]].concat(), ok("second")]);
        let mut client = site.connect();
        assert_eq!(client.ask(GET).body, b"first");
        site.origins.wait_for("the close", has_ended);
        assert_eq!(client.ask(GET).body, b"second");
    }
    site.assert_well();
}

/// A server that closes a kept connection under a request: that is sent again if what was sent is
/// idempotent (RFC 9110 §9.2.2), whatever the client sent.
#[test]
fn a_request_that_a_rule_made_a_post_is_sent_once() {
    let rules = "http-request set-method POST if { path /post }\n    \
                 http-request set-method GET if { path /get }";
    let site = Site::start(&format!("retries 3\n    {rules}"));
    let fields = "HTTP/1.1\r\nHost: a.example\r\n\r\n";
    for (line, again) in
        [("GET /x", true), ("GET /post", false), ("POST /x", false), ("POST /get", true)]
    {
        site.origins.begin(vec![ok("first"), vec![Step::Close], ok("again")]);
        let mut client = site.connect();
        assert_eq!(client.ask(GET).body, b"first");
        client.send(format!("{line} {fields}").as_bytes());
        let answer = client.response(false).map(|answer| answer.body);
        assert_eq!(
            answer,
            if again { Ok(b"again".to_vec()) } else { Err(End::Finished) },
            "{line}"
        );
        let sent = site.origins.so_far().requests.len();
        assert_eq!(sent, if again { 3 } else { 2 }, "{line}");
    }
}

/// Clients that come and go at any moment leave nothing behind.
#[test]
fn descriptors_come_back() {
    let mut site = Site::start("");
    site.assert_well();
    let before = descriptors(&site.proxy);
    for round in 0..300 {
        site.origins.begin(Vec::new());
        let mut client = site.connect();
        let sent = round % (GET.len() + 1);
        client.send(&GET.as_bytes()[..sent]);
        if round % 2 == 0 {
            client.wire.reset();
        }
    }
    let start = Instant::now();
    // The idle connections to the origin may stay; they go with the origin's.
    site.origins.end();
    while let Some(after) = descriptors(&site.proxy)
        && before.is_some_and(|before| after > before + 2)
    {
        assert!(start.elapsed() < PATIENCE, "{before:?} descriptors, then {after}");
        thread::sleep(Duration::from_millis(20));
    }
    site.assert_well();
}

/// How many descriptors the process has, where one can see it.
fn descriptors(proxy: &Proxy) -> Option<usize> {
    let folder = PathBuf::from(format!("/proc/{}/fd", proxy.id()));
    Some(std::fs::read_dir(folder).ok()?.count())
}

/// Rubbish from both sides, half of it made of pieces that mean something: the process lives, no task
/// of it panics, and it serves.
#[test]
fn rubbish_from_both_sides() {
    const FOR: Duration = Duration::from_secs(4);
    let mut site = Site::start("timeout client 500ms\n    timeout server 500ms");
    let seed = std::env::var("KOI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("KOI_SEED={seed}");
    let start = Instant::now();
    let port = site.port;
    thread::scope(|scope| {
        for number in 0..6 {
            scope.spawn(move || {
                let mut dice = fastrand::Rng::with_seed(seed.wrapping_add(number));
                while start.elapsed() < FOR {
                    rubbish_client(&mut dice, port);
                }
            });
        }
        let mut dice = fastrand::Rng::with_seed(seed ^ 0x5eed);
        while start.elapsed() < FOR {
            let replies = (0..50).map(|_| rubbish_reply(&mut dice)).collect();
            site.origins.begin(replies);
            thread::sleep(Duration::from_millis(10));
        }
    });
    site.origins.end();
    site.assert_well();
}

fn rubbish_client(dice: &mut fastrand::Rng, port: u16) {
    let Ok(mut wire) = Wire::connect(loopback(port)) else { return };
    wire.be_patient_for(Duration::from_millis(dice.u64(1..50)));
    for _ in 0..dice.usize(1..6) {
        let bytes = rubbish(dice, REQUEST_PIECES);
        if wire.send(&bytes).is_err() {
            return;
        }
        if dice.u8(..) < 60 {
            let _ = wire.fill(); // whatever it says
        }
    }
    match dice.u8(..3) {
        0 => koi_sys::net::set_linger_zero(wire.socket().as_fd()).expect("a linger time"),
        1 => wire.finish(),
        _ => {}
    }
}

fn rubbish_reply(dice: &mut fastrand::Rng) -> Reply {
    let mut steps = if dice.bool() { vec![Step::Body] } else { Vec::new() };
    for _ in 0..dice.usize(..4) {
        steps.push(Step::Send(rubbish(dice, RESPONSE_PIECES)));
    }
    steps.extend(dice.choice([None, Some(Step::Close), Some(Step::Reset)]).flatten());
    steps
}

const REQUEST_PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /x HTTP/1.1\r\n",
    "HEAD * HTTP/1.0\r\n",
    "Host: a.example\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 99999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "\r\n",
    "\r\n\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "Connection: close\r\n",
    "Connection: Upgrade\r\n",
    "Upgrade: own\r\n",
    "Expect: 100-continue\r\n",
    "X: ",
    "\n",
    ":",
    " ",
    "HTTP/1.1",
    "hello",
    "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
];

const RESPONSE_PIECES: &[&str] = &[
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 200 OK\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "hello",
    "Connection: close\r\n",
    ":",
    " ",
    "\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
];

/// Pieces that mean something, and bytes that do not.
fn rubbish(dice: &mut fastrand::Rng, pieces: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..dice.usize(1..12) {
        match dice.u8(..10) {
            0 => out.extend((0..dice.usize(1..40)).map(|_| dice.u8(..))),
            1 => out.extend(std::iter::repeat_n(dice.u8(..), dice.usize(1..30_000))),
            _ => out.extend_from_slice(pieces[dice.usize(..pieces.len())].as_bytes()),
        }
    }
    out
}

/// What HAProxy 3.0 logs: `%bc` and `%sc` are about others, for this exchange has given its places back.
#[test]
fn the_log_counts_those_that_are_still_there() {
    let mut site = Site::start("log-format \"ended %ST %bc/%sc %{+Q}r\"");
    site.origins.begin(vec![ok("well"), reply("rubbish\r\n\r\n")]);
    let mut client = site.connect();
    assert_eq!(client.ask(GET).status(), 200);
    assert_eq!(site.ended(), "200 0/0");
    assert_eq!(client.ask(GET).status(), 502);
    assert_eq!(site.ended(), "502 0/0");
    site.assert_well();
}

/// The manual on `PT`: how long it was kept is in `Tw`.
#[test]
fn a_tarpit_is_timed() {
    let lines = format!(
        "timeout tarpit {SOON}\n    log-format \"ended %Tw %ts %{{+Q}}r\"\n    \
         http-request tarpit if {{ path /pit }}"
    );
    let mut site = Site::start(&lines);
    let answer = site.connect().ask("GET /pit HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(answer.status(), 500);
    let ended = site.ended();
    let (waited, state) = ended.split_once(' ').expect("two words");
    let waited: u64 = waited.parse().expect("milliseconds");
    assert!(waited >= 300 && state == "PT", "{ended}");
    site.assert_well();
}
