//! What Koi logs, byte by byte, and that the real HAProxy 3.0 logs the same.
//!
//! ```sh
//! cargo test --test logs                                        # Koi against what stands here
//! KOI_HAPROXY=/usr/sbin/haproxy cargo test --test logs          # and HAProxy against it
//! ```
//!
//! A line's dates, ports, counts of bytes, milliseconds and process numbers are masked, a -1 is not.

mod end_to_end;

use end_to_end::client::Client;
use end_to_end::origin::{Origins, reply};
use end_to_end::proxy::{Folder, Program, Proxy};
use end_to_end::{PATIENCE, free_ports, loopback};
use regex::bytes::Regex;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// What is sent to a frontend.
#[derive(Clone, Copy, Debug)]
enum Ask {
    /// A request with fields to capture; the response is read.
    Get,
    /// A request line that is none; the answer is read.
    Bad,
    /// Nothing: the connection is closed.
    Nothing,
    /// These bytes, and the end.
    Bytes(&'static [u8]),
}

/// A frontend and what it logs, of one connection.
struct Case {
    name: &'static str,
    /// Behind `log ADDRESS `.
    log: &'static str,
    /// Behind `bind ADDRESS `.
    bind: &'static str,
    lines: &'static [&'static str],
    ask: Ask,
    /// Without the ends of lines; none: nothing is logged.
    logged: &'static [&'static str],
}

const fn case(
    name: &'static str,
    log: &'static str,
    lines: &'static [&'static str],
    logged: &'static [&'static str],
) -> Case {
    Case { name, log, bind: "", lines, ask: Ask::Get, logged }
}

impl Case {
    const fn ask(self, ask: Ask) -> Case {
        Case { ask, ..self }
    }

    const fn bind(self, bind: &'static str) -> Case {
        Case { bind, ..self }
    }
}

const RAW: &str = "format raw daemon";
const SHORT: &str = "format short daemon";
const STATUS: &str = "log-format x%ST";
const HTTP: &str = "option httplog";

const CASES: &[Case] = &[
    // The frames.
    case("local", "format local local0", &[STATUS], &["<134>OLD web[PID]: x200"]),
    case("usual", "local0", &[STATUS], &["<134>OLD web[PID]: x200"]),
    case("rfc3164", "format rfc3164 local0", &[STATUS], &["<134>OLD localhost web[PID]: x200"]),
    case("rfc5424", "format rfc5424 local0", &[STATUS], &["<134>1 ISO - web PID - - x200"]),
    case("priority", "format priority local0", &[STATUS], &["<134>x200"]),
    case("short", "format short local0", &[STATUS], &["<6>x200"]),
    case("timed", "format timed local0", &[STATUS], &["<6>ISO x200"]),
    case("iso", "format iso local0", &[STATUS], &["ISO x200"]),
    case("raw", "format raw local0", &[STATUS], &["x200"]),
    case("tag", "format local daemon", &[STATUS, "log-tag other"], &["<30>OLD other[PID]: x200"]),
    case(
        "structured",
        "format rfc5424 local7",
        &[STATUS, "log-format-sd [id@1\\ a=\\\"%ST\\\"]"],
        &["<190>1 ISO - web PID - [id@1 a=\"200\"] x200"],
    ),
    case(
        "length",
        "len 80 format raw daemon",
        &["log-format 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"],
        &["0123456789012345678901234567890123456789012345678901234567890123456789012345678"],
    ),
    // The formats.
    case("none", RAW, &[], &["Connect from 127.0.0.1:P to 127.0.0.1:P (none/HTTP)"]),
    case(
        "http",
        RAW,
        &[HTTP],
        &["127.0.0.1:P [DATE] http b/s1 T/T/T/T/T 200 B - - ---- COUNTS \"GET /a/b?x=1 HTTP/1.1\""],
    ),
    case(
        "captures",
        RAW,
        &[
            HTTP,
            "capture request header Host len 5",
            "capture request header None len 9",
            "capture request header User-Agent len 20",
            "capture response header X-R len 20",
            "capture cookie SID len 6",
        ],
        &["127.0.0.1:P [DATE] captures b/s1 T/T/T/T/T 200 B SID=ab SID=sr ---- COUNTS \
           {ex.co||u#7Ba#7D#7C#22b#23} {r#7Cv#7B#7D#22} \"GET /a/b?x=1 HTTP/1.1\""],
    ),
    case(
        "common",
        RAW,
        &["option httplog clf", "capture request header Host len 10", "capture request header N len 5"],
        &["127.0.0.1 - - [DATE +N] \"GET /a/b?x=1 HTTP/1.1\" 200 B \"\" \"\" N N \"common\" \"b\" \
           \"s1\" N N N N N ---- N N N N N N N \"\" \"\" \"ex.com\" \"\" "],
    ),
    case(
        "https",
        RAW,
        &["option httpslog"],
        &["127.0.0.1:P [DATE] https b/s1 T/T/T/T/T 200 B - - ---- COUNTS \
           \"GET /a/b?x=1 HTTP/1.1\" 0/-/-/-/0 -/-/-"],
    ),
    // What is missing.
    case(
        "missing",
        RAW,
        &["log-format \"[%hr][%hs][%hrl][%hsl][%CC][%CS][%ID][%sslc][%sslv][%[var(txn.a)]]\""],
        &["[][][][][-][-][-][-][-][-]"],
    ),
    case(
        "missing-quoted",
        RAW,
        &["log-format \"%{+Q}o[%hr][%CC][%ID][%sslc][%[var(txn.a)]][%ts][%tsc][%HM][%B][%rc][%hrl]\""],
        &["[][\"\"][\"\"][\"\"][\"\"][--][----][\"GET\"][N][N][]"],
    ),
    case(
        "no-server",
        RAW,
        &[
            "log-format \"[%si][%sp][%bi][%bp][%{+Q}si][%{+X}si][%{+X}sp][%s] %ts %ST\"",
            "http-request return status 200",
        ],
        &["[-][-][-][-][\"\"][-][-][<NOSRV>] LR 200"],
    ),
    case("spaces", RAW, &["log-format \"  a  b %hr %hs c  %hr  d%hr %hs\""], &["a b c d "]),
    case(
        "json",
        RAW,
        &[
            "log-format \"%{+json}o %(a)ci %(c)HM %(f)CC %(g)hr %(i)ST %(k)ts %(m)[var(txn.x)] \
             %(o)hrl %(p)hsl %(q)rc\"",
            "capture request header Host len 9",
            "capture request header N len 9",
        ],
        &["{\"a\": \"127.0.0.1\", \"c\": \"GET\", \"f\": \"\", \"g\": \"{ex.com|}\", \"i\": 200, \
           \"k\": \"--\", \"m\": \"\", \"o\": [\"ex.com\", \"-\"], \"p\": null, \"q\": 0}"],
    ),
    case(
        "early",
        RAW,
        &["option logasap", "log-format \"%ST %{+Q}B %Ta %Tt %Tu|%{+X}B\""],
        &["200 +N +N +N +N|+N"],
    ),
    // What is on its way when the line is made counts.
    case("early-bytes", RAW, &["option logasap", "log-format \"%ST bytes%B\""], &["200 bytes+SOME"]),
    // Levels.
    case("denied", SHORT, &[HTTP, "http-request deny"], &[
        "<6>127.0.0.1:P [DATE] denied denied/<NOSRV> T/-1/-1/-1/T 403 B - - PR-- COUNTS \
         \"GET /a/b?x=1 HTTP/1.1\"",
    ]),
    case(
        "separate",
        SHORT,
        &[STATUS, "option log-separate-errors", "http-request deny"],
        &["<3>x403"],
    ),
    case(
        "separate-500",
        SHORT,
        &[STATUS, "option log-separate-errors", "http-request return status 503"],
        &["<3>x503"],
    ),
    case("separate-normal", SHORT, &[STATUS, "option log-separate-errors"], &["<6>x200"]),
    case(
        "asked",
        SHORT,
        &[
            STATUS,
            "option log-separate-errors",
            "http-request set-log-level notice",
            "http-request deny",
        ],
        &["<5>x403"],
    ),
    case("silent", SHORT, &[STATUS, "http-request set-log-level silent"], &[]),
    case("monitor", SHORT, &[STATUS, "monitor-uri /a/b?x=1"], &[]),
    case("normal", SHORT, &[STATUS, "option dontlog-normal"], &[]),
    case(
        "not-normal",
        SHORT,
        &[STATUS, "option dontlog-normal", "http-request deny"],
        &["<6>x403"],
    ),
    case("filtered", "format short daemon notice", &[STATUS], &[]),
    case("lowered", "format priority daemon debug debug", &[STATUS], &["<31>x200"]),
    case("sampled", "format short sample 2:2 daemon", &[STATUS], &[]),
    // What never became a request.
    case("bad", SHORT, &[HTTP], &[
        "<6>127.0.0.1:P [DATE] bad bad/<NOSRV> -1/-1/-1/-1/T 400 B - - PR-- COUNTS \"<BADREQ>\"",
    ])
    .ask(Ask::Bad),
    case(
        "bad-own",
        SHORT,
        &[HTTP, "error-log-format \"ERR %ci %[fc_err] %[fc_err_str] %r %ST %ts %b %s %HM %HU %HV\""],
        &["<6>ERR 127.0.0.1 0 Success <BADREQ> 400 PR bad-own <NOSRV> <BADREQ> <BADREQ> <BADREQ>"],
    )
    .ask(Ask::Bad),
    case("bad-short", SHORT, &[], &[]).ask(Ask::Bad),
    case("nothing", SHORT, &[HTTP], &[
        "<6>127.0.0.1:P [DATE] nothing nothing/<NOSRV> -1/-1/-1/-1/T 400 B - - CR-- COUNTS \
         \"<BADREQ>\"",
    ])
    .ask(Ask::Nothing),
    case("nothing-ignored", SHORT, &[HTTP, "option dontlognull"], &[]).ask(Ask::Nothing),
    case("half", SHORT, &[HTTP, "option dontlognull"], &[
        "<6>127.0.0.1:P [DATE] half half/<NOSRV> -1/-1/-1/-1/T 400 B - - CR-- COUNTS \"<BADREQ>\"",
    ])
    .ask(Ask::Bytes(b"GET / HT")),
    case("proxy", SHORT, &[HTTP], &[
        "<6>127.0.0.1:P [DATE] proxy/1: Received something which does not look like a PROXY protocol \
         header",
    ])
    .bind("accept-proxy")
    .ask(Ask::Bytes(b"PROXX TCP4 1.2.3.4 5.6.7.8 1 2\r\n")),
    case("proxy-ignored", SHORT, &[HTTP, "option dontlognull"], &[])
        .bind("accept-proxy")
        .ask(Ask::Nothing),
    case(
        "proxy-own",
        SHORT,
        &[
            HTTP,
            "option log-separate-errors",
            "error-log-format \"ERR %ci %[fc_err] %[fc_err_str] %ft %b %s [%r] %ST %ts\"",
        ],
        &["<3>ERR 127.0.0.1 14 Truncated PROXY protocol header received proxy-own proxy-own <NOSRV> \
           [<BADREQ>] 0 PR"],
    )
    .bind("accept-proxy name x")
    .ask(Ask::Bytes(b"PROXY")),
];

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\
    Set-Cookie: SID=srv42; path=/\r\nX-R: r|v{}\"\r\n\r\nhello";

const REQUEST: &[u8] = b"GET /a/b?x=1 HTTP/1.1\r\nHost: ex.com\r\n\
    Cookie: SID=abc123; z=1\r\nUser-Agent: u{a}|\"b#\r\n\r\n";

/// The line that follows where none is expected.
const MARK: &str = "<6>mark200";

#[test]
fn lines_are_haproxys() {
    check(&Program::koi());
    match Program::haproxy() {
        Ok(haproxy) => check(&haproxy),
        Err(why) => println!("*** SKIPPED: the same lines of HAProxy: {why} ***"),
    }
}

fn check(program: &Program) {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    receiver.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let to = receiver.local_addr().expect("an address");
    let origins = Origins::start(&["s"]);
    origins.begin(vec![reply(RESPONSE); 2 * CASES.len()]);
    let ports = free_ports(CASES.len() + 1);
    let mut text = "global\n log-tag web\ndefaults\n mode http\n timeout connect 5s\n \
                    timeout client 5s\n timeout server 5s\n default_backend b\n"
        .to_owned();
    for (case, port) in CASES.iter().zip(&ports) {
        let Case { name, log, bind, lines, .. } = case;
        text += &format!("frontend {name}\n bind 127.0.0.1:{port} {bind}\n log {to} {log}\n");
        lines.iter().for_each(|line| text += &format!(" {line}\n"));
    }
    let mark = *ports.last().expect("one more than cases");
    text += &format!("frontend mark\n bind 127.0.0.1:{mark}\n log {to} {SHORT}\n");
    text += " option dontlognull\n log-format mark%ST\n";
    text += &format!("backend b\n server s1 127.0.0.1:{}\n", origins.port("s"));
    // The test's own look whether it serves would be logged, but not by the mark.
    let folder = Folder::new("logs");
    let proxy = Proxy::start(program, folder, &text, &[loopback(mark)]);
    let mut faults = Vec::new();
    for (case, &port) in CASES.iter().zip(&ports) {
        play(case.ask, port);
        let mut lines = Vec::new();
        if !case.logged.is_empty() {
            lines.push(next(&receiver));
        }
        play(Ask::Get, mark);
        lines.push(next(&receiver));
        let mut wanted: Vec<&str> = case.logged.to_vec();
        wanted.push(MARK);
        if lines != wanted {
            faults.push(format!("{}:\n  {lines:?}\n  {wanted:?}", case.name));
        }
        // What else came belongs to this case.
        if lines.last().map(String::as_str) != Some(MARK) {
            while next(&receiver) != MARK {}
        }
    }
    drop(proxy);
    assert!(faults.is_empty(), "{}:\n{}", program.name, faults.join("\n"));
}

/// Sends it, and waits for the answer if there is one.
fn play(ask: Ask, port: u16) {
    let mut client = Client::connect(loopback(port));
    match ask {
        Ask::Get => {
            client.send(REQUEST);
            client.response(false).expect("a response");
        }
        Ask::Bad => {
            client.send(b"GET / bad\r\n\r\n");
            client.response(false).expect("an answer");
        }
        Ask::Nothing => {}
        Ask::Bytes(bytes) => {
            client.send(bytes);
            client.wire.finish();
            client.drain();
        }
    }
}

/// The next line, masked; without its end, which must be there.
fn next(receiver: &UdpSocket) -> String {
    let mut buffer = [0; 4096];
    let count = receiver.recv(&mut buffer).expect("a line");
    let line = buffer[..count].strip_suffix(b"\n").expect("each line has an end");
    String::from_utf8_lossy(&masked(line)).into_owned()
}

fn masked(line: &[u8]) -> Vec<u8> {
    let mut line = line.to_vec();
    for (pattern, by) in [
        (r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(\.\d{3})?", "DATE"),
        (r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d", "OLD"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d", "ISO"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:P"),
        (r"(web|other)\[\d+\]", "$1[PID]"),
        (r" web \d+ ", " web PID "),
        (r"\d+/\d+/\d+/\d+/\d+ \d+/\d+ ", "COUNTS "),
        // The common format's numbers, between blanks.
        ("(\" \\d{3}) \\d+ \"\" \"\" \\d+ \\d+ ", "$1 B \"\" \"\" N N "),
        ("( \"s1\") \\d+ \\d+ \\d+ \\d+ \\d+ ", "$1 N N N N N "),
        (r"(----) \d+ \d+ \d+ \d+ \d+ \d+ \d+ ", "$1 N N N N N N N "),
        (r" (\d{3}|-1) \+?\d+ - - ", " $1 B - - "),
        (r" (\d{3}) \d+ (SID|-)", " $1 B $2"),
        (r"bytes\+[1-9]\d*", "bytes+SOME"),
        (r"\+\d+", "+N"),
        (r"\]\[\d+\]\[\d+\]", "][N][N]"),
    ] {
        let pattern = Regex::new(pattern).expect("a pattern");
        line = pattern.replace_all(&line, by.as_bytes()).into_owned();
    }
    // Timers: -1 stays.
    let timers = Regex::new(r" (-1|\d+)/(-1|\d+)/(-1|\d+)/(-1|\d+)/\d+ ").expect("a pattern");
    let mask = |found: &regex::bytes::Captures<'_>| {
        let text = String::from_utf8_lossy(&found[0]).into_owned();
        let parts = text.trim().split('/').map(|part| if part == "-1" { "-1" } else { "T" });
        format!(" {} ", parts.collect::<Vec<_>>().join("/")).into_bytes()
    };
    timers.replace(&line, mask).into_owned()
}

/// A proxy with one frontend that logs `x200` so, and its port.
fn one(folder: Folder, log: &str) -> (Proxy, Origins, u16) {
    let origins = Origins::start(&["s"]);
    origins.begin(vec![reply(RESPONSE); 5000]);
    let port = free_ports(1)[0];
    let text = format!(
        "global\n log-tag web\ndefaults\n mode http\n timeout connect 5s\n timeout client 5s\n \
         timeout server 5s\nfrontend f\n bind 127.0.0.1:{port}\n {log}\n option dontlognull\n \
         log-format x%ST\n default_backend b\nbackend b\n server s1 127.0.0.1:{}\n",
        origins.port("s")
    );
    let proxy = Proxy::start(&Program::koi(), folder, &text, &[loopback(port)]);
    (proxy, origins, port)
}

#[test]
fn lines_reach_standard_output_and_error() {
    let log = "log stdout format raw daemon\n log stderr format short daemon\n \
               log fd@1 format priority local0";
    let (proxy, _origins, port) = one(Folder::new("logs-stdout"), log);
    for _ in 0..10 {
        play(Ask::Get, port);
    }
    let start = Instant::now();
    loop {
        let said = proxy.said();
        let count = |line: &str| said.lines().filter(|said| *said == line).count();
        if [count("x200"), count("<6>x200"), count("<134>x200")] == [10; 3] {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{said}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn bind(path: &Path) -> UnixDatagram {
    let receiver = UnixDatagram::bind(path).expect("a receiver");
    receiver.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    receiver
}

#[test]
fn a_unix_receiver_may_come_late_and_come_back() {
    let folder = Folder::new("logs-unix");
    let path = folder.path().join("log");
    let log = format!("log {} format local daemon", path.display());
    let (mut proxy, _origins, port) = one(folder, &log);
    let mut buffer = [0; 100];
    play(Ask::Get, port);
    for _ in 0..2 {
        let receiver = bind(&path);
        let start = Instant::now();
        let line = loop {
            play(Ask::Get, port);
            if let Ok(count) = receiver.recv(&mut buffer) {
                break masked(&buffer[..count]);
            }
            assert!(start.elapsed() < PATIENCE, "the receiver is not found: {}", proxy.said());
        };
        assert_eq!(String::from_utf8_lossy(&line), "<30>OLD web[PID]: x200\n");
        drop(receiver);
        std::fs::remove_file(&path).expect("it is there");
    }
    proxy.assert_well();
}

#[test]
fn a_receiver_that_does_not_read_stalls_nobody() {
    let folder = Folder::new("logs-full");
    let path = folder.path().join("log");
    let receiver = bind(&path);
    let log = format!("log {} format raw daemon", path.display());
    let (mut proxy, _origins, port) = one(folder, &log);
    // More than any receiver's queue holds; what waits goes once it reads.
    for _ in 0..1000 {
        play(Ask::Get, port);
    }
    let mut buffer = [0; 100];
    for number in 0..1000 {
        let start = Instant::now();
        while receiver.recv(&mut buffer).is_err() {
            assert!(start.elapsed() < PATIENCE, "line {number}: {}", proxy.said());
        }
        assert_eq!(&buffer[..5], b"x200\n");
    }
    proxy.assert_well();
}
