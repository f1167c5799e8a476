//! Reloads under load: no failed request, no reset, no growth.
//!
//! `KOI_RELOADS` says how many reloads there are (20 without it), `KOI_RELOAD_RATE` how many requests a
//! second (1 000 without it). Half of the reloads have a changed file, a twentieth a broken one.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use koi_sys::guard::Signal;

use crate::folder::Folder;
use crate::koi::*;
use crate::origin::{Origin, defaults};
use crate::tell::{reload, signal};

/// What memory may grow by whatever happens: buffers and what the allocator keeps come and go with the load.
const SLACK_KIB: u64 = 4096;

/// What it may grow by with each reload. A plan of this file's that is kept costs more.
const EACH_KIB: u64 = 32;

/// Connections that stay, each asking again and again; and as many that ask once.
const CLIENTS: usize = 16;

#[derive(Default)]
struct Tally {
    answered: AtomicU64,
    stops: AtomicBool,
    faults: std::sync::Mutex<Vec<String>>,
}

impl Tally {
    fn fault(&self, what: String) {
        let mut faults = self.faults.lock().expect("a lock");
        if faults.len() < 20 {
            faults.push(what);
        }
    }
}

fn exchange(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<bool, String> {
    let request = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    stream.write_all(request).map_err(|error| format!("sending: {error}"))?;
    let mut length = 0;
    loop {
        match stream.read(&mut buffer[length..]) {
            Ok(0) => return Err(format!("the end after {length} bytes")),
            Ok(read) => length += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("reading: {error}")),
        }
        let text = String::from_utf8_lossy(&buffer[..length]);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() == 3
        {
            return match head.starts_with("HTTP/1.1 200 ") {
                true => Ok(!head.to_lowercase().contains("connection: close")),
                false => Err(head.to_owned()),
            };
        }
    }
}

/// One client: `stays` on its connection, or takes a new one for each request.
fn client(port: u16, stays: bool, pause: Duration, tally: &Tally) {
    let mut kept: Option<TcpStream> = None;
    let mut buffer = [0; 2048];
    let mut next = Instant::now();
    while !tally.stops.load(Relaxed) {
        next += pause;
        if let Some(wait) = next.checked_duration_since(Instant::now()) {
            std::thread::sleep(wait);
        }
        let stream = match kept.take() {
            Some(stream) => Ok(stream),
            None => TcpStream::connect(loopback(port)),
        };
        let mut stream = match stream {
            Ok(stream) => stream,
            Err(error) => {
                tally.fault(format!("connecting: {error}"));
                continue;
            }
        };
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        match exchange(&mut stream, &mut buffer) {
            Ok(keeps) => {
                tally.answered.fetch_add(1, Relaxed);
                kept = Some(stream).filter(|_| stays && keeps);
            }
            Err(fault) => tally.fault(format!("{}: {fault}", if stays { "kept" } else { "new" })),
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Resident KiB and descriptors of a process.
#[cfg(target_os = "linux")]
fn size(pid: i32) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    let kib = line.split_whitespace().nth(1).and_then(|it| it.parse().ok()).expect("a number");
    (kib, std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count())
}

#[cfg(not(target_os = "linux"))]
fn size(_: i32) -> (u64, usize) {
    (0, 0)
}

/// The file of a round: servers and rules come and go, a port, too.
fn text(port: u16, other: u16, origin: &Origin, round: u64) -> String {
    let change = round / 2 % 4;
    let mut text = defaults(&format!(
        "frontend web\n    bind 127.0.0.1:{port}\n    http-request set-header X-Round {change}\n    \
         default_backend b\n"
    ));
    if change == 1 {
        text += &format!("    bind 127.0.0.1:{other}\n");
    }
    text += "backend b\n";
    for server in 0..=change {
        text += &format!("    server s{server} {} maxconn {}\n", origin.at, 1000 + change);
    }
    text
}

#[test]
fn reloads_under_load_cost_nobody_anything() {
    let (folder, port, other) = (Folder::new(), free_port(), free_port());
    let reloads = number("KOI_RELOADS", 20);
    let rate = number("KOI_RELOAD_RATE", 1_000);
    let origin = Origin::start("one");
    folder.file("a.cfg", text(port, other, &origin, 0));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let tally = Arc::new(Tally::default());
    let pause = Duration::from_secs_f64(2.0 * CLIENTS as f64 / rate as f64);
    let start = |stays| {
        let tally = tally.clone();
        std::thread::spawn(move || client(port, stays, pause, &tally))
    };
    let clients: Vec<_> = (0..2 * CLIENTS).map(|number| start(number < CLIENTS)).collect();
    let begun = Instant::now();
    let warm_up = (reloads / 4).max(8);
    let (mut after_warm_up, mut slowest) = ((0, 0), Duration::ZERO);
    for round in 1..=reloads {
        let asked = Instant::now();
        let said = match round % 20 {
            10 => reload(&koi, &folder, "frontend web\n    bnid 127.0.0.1:1\n"),
            _ => reload(&koi, &folder, &text(port, other, &origin, round)),
        };
        assert_eq!(said.contains("refused"), round % 20 == 10, "{said}");
        slowest = slowest.max(asked.elapsed());
        // The first rounds make what stays: every plan that the file has, once.
        if round == warm_up {
            after_warm_up = size(koi.pid());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let elapsed = begun.elapsed();
    tally.stops.store(true, Relaxed);
    clients.into_iter().for_each(|it| it.join().expect("a client"));
    let faults = tally.faults.lock().expect("a lock").clone();
    let answered = tally.answered.load(Relaxed);
    let per_second = answered as f64 / elapsed.as_secs_f64();
    until("earlier plans are gone", || {
        folder.file("a.cfg", text(port, other, &origin, reloads));
        !signal(&koi, Signal::User2).contains("earlier plans")
    });
    let ((before, open), (behind, open_now)) = (after_warm_up, size(koi.pid()));
    eprintln!(
        "{reloads} reloads, {answered} requests answered ({per_second:.0} a second), {} failed; the slowest \
         reload took {slowest:?}; {before} KiB and {open} descriptors after the warm-up, {behind} KiB and \
         {open_now} at the end",
        faults.len()
    );
    assert_eq!(faults, [""; 0]);
    assert!(per_second > 0.5 * rate as f64, "too little load to prove anything: {per_second}");
    // Idle connections to servers and those that are just accepted come and go.
    assert!(open_now <= open + CLIENTS, "{open} descriptors grew to {open_now}");
    let most = before + SLACK_KIB + EACH_KIB * reloads.saturating_sub(warm_up);
    assert!(behind <= most, "{before} KiB grew to {behind}, more than {most}");
}
