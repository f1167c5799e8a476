//! Bodies that pass through the kernel: `option splice-auto`, `splice-request`, `splice-response`.
//! What both sides and the log see is what they see of a body that is copied, on each ring.

#![cfg(target_os = "linux")]

mod common;
mod end_to_end;

use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use end_to_end::client::Client;
use end_to_end::message::Message;
use end_to_end::origin::{Origins, Record, Reply, Step};
use end_to_end::proxy::{Folder, Program, Proxy};
use end_to_end::wire::End;
use end_to_end::{PATIENCE, free_ports, loopback};
use koi_sys::ring::Kind;

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n";

const MIB: usize = 1 << 20;

/// A small time limit, where a limit is what the test is about.
const SOON: &str = "300ms";

/// A proxy with one origin, and its log.
struct Site {
    // Before the origins: it goes first.
    proxy: Proxy,
    origins: Origins,
    log: UdpSocket,
    port: u16,
    /// Pipes that it had at the start.
    pipes: usize,
}

impl Site {
    /// On this ring, with these lines in `global` and in the `listen` section.
    fn start(ring: &str, global: &str, lines: &str) -> Site {
        let log = UdpSocket::bind(loopback(0)).expect("a socket for the log");
        log.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let log_port = log.local_addr().expect("its address").port();
        let origins = Origins::start(&["origin"]);
        let origin = origins.port("origin");
        let port = free_ports(1)[0];
        // There are no requests in TCP mode.
        let (status, method) = if lines.contains("mode tcp") { ("0", "-") } else { ("%ST", "%HM") };
        let format = format!("ended {status} %ts %U %B {method}");
        let text = format!(
            "global\n    nbthread 1\n    {global}\ndefaults\n    mode http\n    retries 0\n    \
             timeout connect 30s\n    timeout client 30s\n    timeout server 30s\n\
             listen all\n    bind 127.0.0.1:{port}\n    log 127.0.0.1:{log_port} local0\n    \
             log-format \"{format}\"\n    {lines}\n    \
             server origin 127.0.0.1:{origin}\n"
        );
        let folder = Folder::new("splice");
        let program = Program::koi();
        let file = folder.file("proxy.cfg", text);
        let mut command = Command::new(&program.path);
        command.arg("-db").arg("-f").arg(&file).env("KOI_RING", ring);
        let proxy = Proxy::start_command(&program, folder, command, &[loopback(port)]);
        let mut site = Site { proxy, origins, log, port, pipes: 0 };
        site.pipes = site.count_pipes();
        site
    }

    fn connect(&self) -> Client {
        Client::connect(loopback(self.port))
    }

    /// Status, termination state and bytes of the next exchange that is logged.
    fn ended(&self) -> Ended {
        loop {
            let mut buffer = [0; 4096];
            let length = self.log.recv(&mut buffer).expect("a line of the log");
            let line = String::from_utf8_lossy(&buffer[..length]).into_owned();
            // The connection by which the start was awaited carried nothing.
            if let Some((_, told)) = line.split_once("ended ")
                && !told.contains("<BADREQ>")
                && !told.trim_end().ends_with(" 0 0 -")
            {
                let words: Vec<&str> = told.split_whitespace().collect();
                let number = |at: usize| words[at].parse().expect("a number");
                let how = format!("{} {}", words[0], words[1]);
                return Ended { how, up: number(2), down: number(3) };
            }
        }
    }

    fn count_pipes(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.proxy.id());
        let entries = fs::read_dir(folder).expect("its descriptors");
        let target = |entry: fs::DirEntry| fs::read_link(entry.path()).ok();
        let targets = entries.filter_map(|entry| target(entry.expect("an entry")));
        targets.filter(|target| target.to_string_lossy().starts_with("pipe:")).count()
    }

    /// Whether anything was spliced so far: a pipe that was needed once is kept.
    fn has_spliced(&self) -> bool {
        self.count_pipes() > self.pipes
    }
}

/// What the log says of an exchange.
struct Ended {
    how: String,
    up: usize,
    down: usize,
}

/// The rings of this machine, by the word that `KOI_RING` takes.
fn rings() -> Vec<&'static str> {
    let word = |kind| if kind == Kind::Uring { "uring" } else { "poll" };
    common::rings().into_iter().map(word).collect()
}

/// So many bytes, others at each place.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ (at / 65_521) as u8).collect()
}

fn assert_pattern(bytes: &[u8], length: usize) {
    let expected = pattern(length);
    let wrong = bytes.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!((bytes.len(), wrong), (length, None));
}

/// A response of known length.
fn sized(length: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    [head.into_bytes(), pattern(length)].concat()
}

fn reply(bytes: Vec<u8>) -> Reply {
    vec![Step::Body, Step::Send(bytes)]
}

fn response(client: &mut Client) -> Message {
    client.response(false).expect("a response")
}

/// All requests came on one connection.
fn shared_one(record: &Record) -> bool {
    record.requests.iter().all(|taken| taken.connection == record.requests[0].connection)
}

/// Lengths around what reads, thresholds and pipes hold.
fn lengths() -> Vec<usize> {
    let edges = [16 * 1024, 16 * 1024 + 512, 32 * 1024, 128 * 1024, MIB];
    let around = edges.iter().flat_map(|&edge| [edge - 1, edge, edge + 1]);
    [0, 1, 1000].into_iter().chain(around).chain([3 * MIB + 7]).collect()
}

#[test]
fn responses_arrive_whole_one_behind_the_other() {
    for ring in rings() {
        let site = Site::start(ring, "", "option splice-auto");
        let lengths = lengths();
        site.origins.begin(lengths.iter().map(|&length| reply(sized(length))).collect());
        let mut client = site.connect();
        for &length in &lengths {
            client.send(GET);
            assert_pattern(&response(&mut client).body, length);
            let ended = site.ended();
            assert_eq!(ended.how, "200 --");
            assert!((length + 30..length + 400).contains(&ended.down), "{}", ended.down);
        }
        assert!(site.has_spliced(), "{ring}");
        let record = site.origins.so_far();
        assert!(record.requests.len() == lengths.len() && shared_one(&record));
    }
}

#[test]
fn pipelined_requests_are_served_behind_a_spliced_body() {
    for ring in rings() {
        let site = Site::start(ring, "", "option splice-response");
        let lengths = [2 * MIB, 10, MIB, MIB, 0, 100_000];
        site.origins.begin(lengths.iter().map(|&length| reply(sized(length))).collect());
        let mut client = site.connect();
        client.send(&GET.repeat(lengths.len()));
        for length in lengths {
            assert_pattern(&response(&mut client).body, length);
        }
        assert!(site.has_spliced() && shared_one(&site.origins.so_far()));
    }
}

/// What a server sends behind the body belongs to nobody, least of all to the next response.
#[test]
fn nothing_beyond_the_length_passes() {
    for ring in rings() {
        let site = Site::start(ring, "", "option splice-auto");
        let beyond = [sized(2 * MIB), b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil".to_vec()];
        site.origins.begin(vec![reply(beyond.concat()), reply(sized(7))]);
        let mut client = site.connect();
        client.send(GET);
        assert_pattern(&response(&mut client).body, 2 * MIB);
        client.send(GET);
        assert_pattern(&response(&mut client).body, 7);
        assert!(site.has_spliced());
    }
}

#[test]
fn a_body_up_to_the_close_arrives_whole() {
    let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    for ring in rings() {
        let site = Site::start(ring, "", "option splice-auto");
        let whole = [head.clone(), pattern(3 * MIB)].concat();
        site.origins.begin(vec![[reply(whole.clone()), vec![Step::Close]].concat()]);
        let mut client = site.connect();
        client.send(GET);
        let answer = response(&mut client);
        assert_pattern(&answer.body, 3 * MIB);
        assert_eq!(answer.cut, None);
        assert_eq!(site.ended().how, "200 --");
        assert!(site.has_spliced());
        // A reset is no end.
        let steps = vec![Step::Pause(Duration::from_millis(100)), Step::Reset];
        site.origins.begin(vec![[reply(whole), steps].concat()]);
        let mut client = site.connect();
        client.send(GET);
        assert_eq!(client.drain().1, End::Broken);
        assert_eq!(site.ended().how, "200 SD");
    }
}

/// The steps of a server that breaks off in the middle of four MiB.
fn half(last: Step) -> Reply {
    let mut bytes = sized(4 * MIB);
    bytes.truncate(2 * MIB);
    vec![Step::Body, Step::Send(bytes), Step::Pause(Duration::from_millis(100)), last]
}

#[test]
fn a_server_that_breaks_off_is_seen_and_logged() {
    for ring in rings() {
        for options in ["option splice-auto", "no option splice-auto"] {
            let site = Site::start(ring, "", &format!("{options}\n    timeout server {SOON}"));
            for (last, ended) in
                [(Step::Close, "200 SD"), (Step::Reset, "200 SD"), (Step::Hold, "200 sD")]
            {
                site.origins.begin(vec![half(last.clone())]);
                let mut client = site.connect();
                client.send(GET);
                let answer = response(&mut client);
                assert!(answer.cut.is_some(), "{ring} {options} {last:?}");
                assert!(pattern(4 * MIB).starts_with(&answer.body));
                if last != Step::Reset {
                    assert!(answer.body.len() > 2 * MIB - 100, "{}", answer.body.len());
                }
                assert_eq!(site.ended().how, ended, "{ring} {options} {last:?}");
                assert_ne!(client.drain().1, End::Silent);
                // One that was under way when time ran out is gone.
                if last != Step::Hold {
                    assert_eq!(site.has_spliced(), options.starts_with("option"));
                }
            }
        }
    }
}

#[test]
fn a_client_that_leaves_ends_the_servers_connection() {
    for ring in rings() {
        let site = Site::start(ring, "", "option splice-auto");
        for reset in [false, true] {
            site.origins.begin(vec![reply(sized(50 * MIB))]);
            let mut client = site.connect();
            client.send(GET);
            client.wire.take(MIB).expect("the beginning");
            assert!(site.has_spliced());
            if reset {
                client.wire.reset();
            } else {
                drop(client);
            }
            site.origins.wait_for("the end", |record| record.heard[0].end.is_some());
            assert_eq!(site.ended().how, "200 CD");
        }
    }
}

#[test]
fn a_client_that_takes_nothing_is_not_waited_for() {
    for ring in rings() {
        let lines = format!("option splice-auto\n    timeout client {SOON}");
        let site = Site::start(ring, "", &lines);
        site.origins.begin(vec![reply(sized(2 * MIB)), reply(sized(50 * MIB))]);
        let mut client = site.connect();
        client.send(GET);
        assert_pattern(&response(&mut client).body, 2 * MIB);
        assert!(site.has_spliced());
        site.ended();
        client.send(GET);
        assert_eq!(site.ended().how, "200 cD");
        assert!(!site.has_spliced(), "the pipe went with what was in it");
        site.origins.wait_for("the end", |record| record.heard[0].end.is_some());
    }
}

/// A client that reads slowly, but reads, has its time again and again: a pipe that takes longer to
/// empty than the timeout is no silence.
#[test]
fn a_slow_client_gets_everything() {
    slow("option splice-auto", "200");
}

#[test]
fn a_slow_client_of_a_tunnel_gets_everything() {
    slow("mode tcp", "0");
}

fn slow(lines: &str, status: &str) {
    const SLOWLY: Duration = Duration::from_millis(4_500);
    for ring in rings() {
        let lines = format!("{lines}\n    timeout client 2s");
        let site = Site::start(ring, "tune.sndbuf.client 65536", &lines);
        let length = 6 * MIB;
        site.origins.begin(vec![reply(sized(length))]);
        let mut client = site.connect();
        client.send(GET);
        client.wire.take_through(b"\r\n\r\n").expect("a head");
        let start = Instant::now();
        while start.elapsed() < SLOWLY {
            client.wire.fill().expect("bytes");
            thread::sleep(Duration::from_millis(40));
        }
        let got = client.wire.waiting.len();
        assert!(got < 4 * MIB, "{got} bytes are not slow");
        let body = client.wire.take(length);
        client.wire.finish();
        assert_eq!(site.ended().how, format!("{status} --"), "{ring}, {got} bytes slowly");
        assert_pattern(&body.expect("all of it"), length);
        assert!(site.has_spliced());
    }
}

fn put(length: usize) -> Vec<u8> {
    let head = format!("PUT /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n\r\n");
    [head.into_bytes(), pattern(length)].concat()
}

#[test]
fn uploads_arrive_whole_one_behind_the_other() {
    for ring in rings() {
        let site = Site::start(ring, "", "option splice-request");
        let mut client = site.connect();
        for length in lengths() {
            site.origins.begin(vec![reply(sized(5))]);
            // The next request comes with it.
            client.send(&[&put(length), GET].concat());
            assert_pattern(&response(&mut client).body, 5);
            assert_eq!(response(&mut client).body, b"ok\n");
            let record = site.origins.so_far();
            assert_pattern(&record.requests[0].request.body, length);
            assert_eq!(record.requests[1].request.method(), "GET");
            let ended = site.ended();
            assert_eq!(ended.how, "200 --");
            assert!((length + 30..length + 400).contains(&ended.up), "{}", ended.up);
            site.ended();
        }
        assert!(site.has_spliced());
    }
}

#[test]
fn a_client_that_breaks_off_its_upload_is_seen_and_logged() {
    for ring in rings() {
        for options in ["option splice-request", "no option splice-request"] {
            let site = Site::start(ring, "", &format!("{options}\n    timeout client {SOON}"));
            for reset in [false, true] {
                site.origins.begin(vec![vec![Step::Body]]);
                let mut client = site.connect();
                client.send(&put(4 * MIB)[..2 * MIB]);
                site.origins.wait_for("the head", |record| record.requests.len() == 1);
                if reset {
                    client.wire.reset();
                } else {
                    drop(client);
                }
                let record = site.origins.wait_for("the end", |record| {
                    record.heard.first().is_some_and(|heard| heard.end.is_some())
                });
                assert!(record.requests[0].request.cut.is_some());
                let ended = site.ended().how;
                assert!(ended.ends_with(" CD") || ended.ends_with(" CH"), "{ended}");
                assert_eq!(site.has_spliced(), options.starts_with("option"));
            }
            // One that says no more, but stays.
            site.origins.begin(vec![vec![Step::Body]]);
            let mut client = site.connect();
            client.send(&put(4 * MIB)[..2 * MIB]);
            let ended = site.ended().how;
            assert!(ended.ends_with(" cD") || ended.ends_with(" cH"), "{ended}");
            assert_ne!(client.drain().1, End::Silent);
        }
    }
}

/// What a file says against it holds, and bodies pass as ever.
#[test]
fn it_can_be_switched_off() {
    let cases = [
        ("", "", false),
        ("", "option splice-auto", true),
        ("", "option splice-response", true),
        ("", "option splice-request", false),
        ("nosplice", "option splice-auto", false),
        ("maxpipes 0", "option splice-auto", false),
        ("maxpipes 1\n    tune.pipesize 65536", "option splice-auto", true),
    ];
    for ring in rings() {
        for (global, options, splices) in cases {
            let site = Site::start(ring, global, options);
            site.origins.begin(vec![reply(sized(2 * MIB)), reply(sized(2 * MIB))]);
            let (mut one, mut other) = (site.connect(), site.connect());
            one.send(GET);
            other.send(GET);
            for client in [&mut one, &mut other] {
                assert_pattern(&response(client).body, 2 * MIB);
            }
            assert_eq!(site.has_spliced(), splices, "{ring} {global} {options}");
            if global.starts_with("maxpipes") {
                assert!(site.count_pipes() <= site.pipes + 2);
            }
        }
    }
}

/// Chunked bodies are framed anew, and that takes a look at them.
#[test]
fn chunked_bodies_are_copied() {
    for ring in rings() {
        let site = Site::start(ring, "", "option splice-auto");
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n".to_vec();
        bytes.extend(pattern(2 * MIB));
        bytes.extend(b"\r\n0\r\n\r\n");
        site.origins.begin(vec![reply(bytes)]);
        let mut client = site.connect();
        client.send(GET);
        assert_pattern(&response(&mut client).body, 2 * MIB);
        assert!(!site.has_spliced());
    }
}
