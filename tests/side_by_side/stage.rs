//! A proxy with its origins, on which cases are played one after the other.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use super::end_to_end::client::{After, Client};
use super::end_to_end::message::{Message, latin};
use super::end_to_end::origin::{Origins, Taken};
use super::end_to_end::proxy::{Folder, Program, Proxy};
use super::end_to_end::script::{Act, Case};
use super::end_to_end::wire::End;
use super::end_to_end::{PATIENCE, escape, free_ports, loopback};

/// The origins that the configuration may name; `down` is a port at which nobody listens.
const ORIGINS: &[&str] = &["a", "b", "c"];

/// What every frontend answers by itself (`monitor-uri`).
const PROBE: &[u8] = b"GET /-alive HTTP/1.1\r\nHost: probe.example\r\n\r\n";

/// Its line ends those of a case.
const MARK: &str = "GET /mark HTTP/1.1\r\nHost: mark.example\r\nConnection: close\r\n\r\n";

/// How long a line of the log may take.
const LOGGED: Duration = Duration::from_secs(2);

/// Files that the configuration names as `@DIR@/NAME`.
const FILES: &[&str] = &["hosts.map", "paths.map", "503.http", "page.html", "agents.lst"];

/// What the client saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Answer(Message),
    /// There was none.
    None(End),
    /// Bytes up to the ones waited for, or to the end.
    Text(Vec<u8>, Option<End>),
}

/// What came of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub events: Vec<Event>,
    pub after: Option<After>,
    pub requests: Vec<Taken>,
    pub clinging: usize,
    /// Of the log.
    pub lines: Vec<String>,
}

/// A proxy and its origins.
pub struct Stage {
    // First, so that it goes first: origins that close would be answered.
    proxy: Proxy,
    origins: Origins,
    ports: BTreeMap<String, u16>,
    log: UdpSocket,
}

impl Stage {
    /// Starts both.
    pub fn start(program: &Program) -> Stage {
        let template = fs::read_to_string(super::place("site.cfg")).expect("the configuration");
        let folder = Folder::new(&format!("sides-{}", program.name));
        for name in FILES {
            let content = fs::read(super::place("files").join(name)).expect("a file it names");
            folder.file(name, content);
        }
        let origins = Origins::start(ORIGINS);
        let names = names(&template, "@port:");
        let numbers = free_ports(names.len() + 1);
        let ports: BTreeMap<String, u16> = names.into_iter().zip(numbers.clone()).collect();
        let mut text = template.replace("@DIR@", &folder.path().display().to_string());
        for (name, port) in &ports {
            text = text.replace(&format!("@port:{name}@"), &port.to_string());
        }
        for name in ORIGINS {
            text = text.replace(&format!("@origin:{name}@"), &origins.port(name).to_string());
        }
        let log = UdpSocket::bind(loopback(0)).expect("a socket for the log");
        log.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let log_port = log.local_addr().expect("its address").port();
        text = text.replace("@log@", &log_port.to_string());
        let down = numbers.last().expect("one more than names").to_string();
        text = text.replace("@origin:down@", &down);
        let ready: Vec<_> = ports.values().map(|&port| loopback(port)).collect();
        let proxy = Proxy::start(program, folder, &text, &ready);
        let stage = Stage { proxy, origins, ports, log };
        stage.lines_with("relay "); // of the connections by which its start was awaited
        stage
    }

    /// The lines of the log up to one that begins like this: the exchange that it tells of may end a
    /// moment after the client has seen all of it.
    fn lines_with(&self, begin: &str) -> Vec<String> {
        let start = Instant::now();
        let mut lines = self.lines();
        while !lines.iter().any(|line| line.starts_with(begin)) && start.elapsed() < LOGGED {
            thread::sleep(Duration::from_millis(10));
            lines.extend(self.lines());
        }
        lines
    }

    /// The lines of the log so far.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        Client::connect(loopback(self.ports["mark"])).ask(MARK);
        loop {
            let mut buffer = [0; 64 * 1024];
            let length = self.log.recv(&mut buffer).expect("a line of the log");
            let line = latin(&buffer[..length]);
            let Some((_, told)) = line.split_once("ended ") else { continue };
            let told = told.trim_end();
            if told.starts_with("mark ") && told.contains("/mark") {
                return lines;
            }
            lines.push(told.to_owned());
        }
    }

    /// Plays a case.
    pub fn play(&mut self, case: &Case) -> Outcome {
        self.origins.begin(case.replies.clone());
        let port = self.ports.get(&case.frontend);
        let port = *port.unwrap_or_else(|| panic!("{}: no such frontend", case.name));
        let mut client = Client::connect(loopback(port));
        let mut events = Vec::new();
        let mut goes_on = true;
        for act in &case.acts {
            goes_on &= perform(&mut client, act, &mut events);
        }
        let after = match goes_on && case.probe {
            true => Some(client.probe(PROBE, 200)),
            false => {
                drop(client); // the origins' connections may wait for it
                None
            }
        };
        let record = self.origins.end();
        self.proxy.assert_well();
        // A client that leaves is noticed some time.
        let lines = if case.probe { self.lines() } else { self.lines_with("") };
        let (requests, clinging) = (record.requests, record.clinging);
        Outcome { events, after, requests, clinging, lines }
    }
}

/// Whether the connection may go on.
fn perform(client: &mut Client, act: &Act, events: &mut Vec<Event>) -> bool {
    match act {
        Act::Send(bytes) => client.send(bytes),
        Act::Finish => client.wire.finish(),
        Act::Pause(time) => thread::sleep(*time),
        Act::Leave => {
            client.wire.finish();
            return false;
        }
        Act::Await { count, bodiless } => {
            for _ in 0..*count {
                match client.responses(*bodiless) {
                    Ok(answers) => events.extend(answers.into_iter().map(Event::Answer)),
                    Err(end) => events.push(Event::None(end)),
                }
            }
        }
        Act::AwaitText(text) => events.push(match client.wire.take_through(text) {
            Ok(bytes) => Event::Text(bytes, None),
            Err(end) => Event::Text(std::mem::take(&mut client.wire.waiting), Some(end)),
        }),
        Act::AwaitClose => {
            while let Ok(answer) = client.response(false) {
                events.push(Event::Answer(answer));
            }
            let (bytes, end) = client.drain();
            events.push(Event::Text(bytes, Some(end)));
            return false;
        }
    }
    true
}

/// What stands between `mark` and `@`, each once.
fn names(text: &str, mark: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .split(mark)
        .skip(1)
        .filter_map(|rest| rest.split_once('@'))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_'))
        .collect();
    names.sort();
    names.dedup();
    names
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.events {
            match event {
                Event::Answer(message) => write!(f, "answer {message}")?,
                Event::None(end) => writeln!(f, "no answer: {end:?}")?,
                Event::Text(bytes, end) => writeln!(f, "text {}; {end:?}", escape::show(bytes))?,
            }
        }
        if let Some(after) = self.after {
            writeln!(f, "then {after:?}")?;
        }
        for taken in &self.requests {
            let Taken { origin, connection, request, echoed } = taken;
            write!(f, "at origin {origin} by connection {connection}: {request}")?;
            if !echoed.is_empty() {
                writeln!(f, "echoed {}", escape::show(echoed))?;
            }
        }
        for line in &self.lines {
            writeln!(f, "logged {line}")?;
        }
        Ok(())
    }
}
