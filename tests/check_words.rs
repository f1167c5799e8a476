//! What Koi logs of health checks, word by word and by level, and that the real HAProxy 3.0 logs the same.
//!
//! ```sh
//! cargo test --test check_words                                  # Koi against what stands here
//! KOI_HAPROXY=/usr/sbin/haproxy cargo test --test check_words    # and HAProxy against it
//! ```
//!
//! All cases are backends of one proxy; each has a server of its own, which plays its part, and a log of
//! its own. Nothing waits for the clock: a step ends when its lines have come, and that nothing is
//! logged is judged after several checks more. Durations and counts of sessions are masked.

mod check_words {
    pub mod cases;
    #[allow(dead_code, reason = "tests/health.rs uses more of it")]
    pub mod part;
}
mod end_to_end;

use check_words::cases::{self, Case, Line, Step};
use check_words::part::{Act, Player};
use end_to_end::client::Client;
use end_to_end::proxy::{Folder, Program, Proxy};
use end_to_end::{PATIENCE, free_ports, loopback};
use regex::Regex;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::LazyLock;
use std::thread;

/// Checks that must pass without a line before a step counts as silent.
const SILENT_CHECKS: usize = 6;

/// What a case needs while it is played.
struct Scene {
    case: Case,
    player: Player,
    log: UdpSocket,
    front: u16,
    /// Nobody listens there.
    nowhere: u16,
}

impl Scene {
    fn new(case: Case) -> Scene {
        let log = UdpSocket::bind(loopback(0)).expect("a socket for the log");
        log.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let ports = free_ports(3);
        let player = Player::start(ports[0], case.steps[0].act);
        Scene { case, player, log, front: ports[1], nowhere: ports[2] }
    }

    /// Its frontend and backend; more if it has some.
    fn text(&self) -> String {
        let Case { name, mode, backend, server, more, .. } = &self.case;
        let log = self.log.local_addr().expect("its address");
        let (front, port) = (self.front, self.player.port);
        let mut text = format!(
            "frontend f-{name}\n mode {mode}\n bind 127.0.0.1:{front}\n default_backend {name}\n\
             backend {name}\n mode {mode}\n log {log} format priority daemon\n"
        );
        for line in *backend {
            let _ = writeln!(text, " {line}");
        }
        let _ = writeln!(text, " server s 127.0.0.1:{port} {server}");
        for line in *more {
            let line = line.replace("LOG", &format!("log {log} format priority daemon"));
            let _ = writeln!(text, "{line}");
        }
        let numbers = [("PORT", port), ("NOWHERE", self.nowhere)];
        numbers.iter().fold(text.replace('@', name), |text, (word, number)| {
            text.replace(word, &number.to_string())
        })
    }

    /// Plays it: what was wrong.
    fn play(&self, program: &Program, socket: &Path) -> Result<(), String> {
        for (number, step) in self.case.steps.iter().enumerate() {
            self.player.act(step.act);
            self.ask(step);
            self.order(step, socket);
            let told = |what: String| format!("{}, step {number}: {what}", self.case.name);
            let lines =
                if program.name == "koi" { step.koi.unwrap_or(step.lines) } else { step.lines };
            for line in lines {
                let wanted = line.text(self.case.name);
                let had = self.line().ok_or_else(|| told(format!("missing: {wanted}")))?;
                if had != wanted {
                    return Err(told(format!("\n  had    {had}\n  wanted {wanted}")));
                }
            }
            // Connections of HAProxy's that say nothing are reset before a server sees them.
            let unseen = program.name != "koi" && matches!(step.act, Act::Hold);
            if lines.is_empty() && !unseen {
                self.player.wait(SILENT_CHECKS);
                self.log.set_nonblocking(true).expect("a mode");
                if let Some(had) = self.line() {
                    return Err(told(format!("unwanted: {had}")));
                }
                self.log.set_nonblocking(false).expect("a mode");
            }
        }
        Ok(())
    }

    fn ask(&self, step: &Step) {
        let Some((path, count)) = step.ask else { return };
        for _ in 0..count {
            let mut client = Client::connect(loopback(self.front));
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
            client.send(request.as_bytes());
            client.response(false).expect("an answer");
        }
    }

    fn order(&self, step: &Step, socket: &Path) {
        let Some(order) = step.order else { return };
        let mut stream = UnixStream::connect(socket).expect("the runtime socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let order = order.replace('@', self.case.name);
        stream.write_all(format!("{order}\n").as_bytes()).expect("it is read");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert_eq!(answer, "\n", "{order}");
    }

    /// The next line, masked.
    fn line(&self) -> Option<String> {
        static MASKS: LazyLock<[(Regex, &str); 2]> = LazyLock::new(|| {
            let mask = |text| Regex::new(text).expect("a pattern");
            [
                (mask(r"check duration: \d+ms"), "check duration: T"),
                (mask(r"\d+ sessions active"), "N sessions active"),
            ]
        });
        let mut buffer = [0; 4096];
        let count = self.log.recv(&mut buffer).ok()?;
        let line = String::from_utf8_lossy(&buffer[..count]).trim_end().to_owned();
        let masked =
            MASKS.iter().fold(line, |line, (mask, by)| mask.replace(&line, *by).into_owned());
        Some(masked)
    }
}

impl Line {
    /// With the backend's name.
    fn text(&self, backend: &str) -> String {
        const LEFT: &str = "active and 0 backup servers left. \
                            N sessions active, 0 requeued, 0 remaining in queue.";
        const ONLINE: &str = "active and 0 backup servers online. \
                              0 sessions requeued, 0 total in queue.";
        let text = match self {
            Line::Down(why) => {
                format!("<25>Server @/s is DOWN, reason: {why}, check duration: T. 0 {LEFT}")
            }
            Line::Up(why) => {
                format!("<29>Server @/s is UP, reason: {why}, check duration: T. 1 {ONLINE}")
            }
            Line::None => "<24>backend @ has no server available!".to_owned(),
            Line::Other(text) => text.replace("LEFT", LEFT).replace("ONLINE", ONLINE),
        };
        text.replace('@', backend)
    }
}

fn head(program: &Program, workers: usize, socket: &Path) -> String {
    // HAProxy's groups of threads are not its threads; one is enough of it.
    let workers = if program.name == "koi" { workers } else { 1 };
    format!(
        "global\n log-tag web\n nbthread {workers}\n stats socket unix@{socket} level admin\ndefaults\n retries 0\n timeout connect 5s\n \
         timeout client 20s\n timeout server 20s\n timeout check 10s\n \
         default-server inter 1s fastinter 100ms downinter 100ms rise 2 fall 2\n",
        socket = socket.display(),
    )
}

fn judge(program: &Program, workers: usize) {
    let scenes: Vec<Scene> = cases::cases().into_iter().map(Scene::new).collect();
    let folder = Folder::new("check-words");
    let socket = folder.path().join("s");
    let mut text = head(program, workers, &socket);
    text.extend(scenes.iter().map(Scene::text));
    let ready: Vec<_> = scenes.iter().map(|scene| loopback(scene.front)).collect();
    let mut proxy = Proxy::start(program, folder, &text, &ready);
    let faults: Vec<String> = thread::scope(|scope| {
        let play = |scene: &Scene| scene.play(program, &socket).err();
        let plays: Vec<_> = scenes.iter().map(|scene| scope.spawn(move || play(scene))).collect();
        plays.into_iter().filter_map(|play| play.join().expect("no panic")).collect()
    });
    proxy.assert_well();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn koi_with_one_worker() {
    judge(&Program::koi(), 1);
}

#[test]
fn koi_with_two_workers() {
    judge(&Program::koi(), 2);
}

#[test]
fn haproxy_says_the_same() {
    match Program::haproxy() {
        Ok(haproxy) => judge(&haproxy, 1),
        Err(why) => eprintln!("*** SKIPPED: HAProxy against the words: {why} ***"),
    }
}

/// `on-marked-down shutdown-sessions`: who is connected when the server goes down is sent away.
#[test]
fn a_server_that_goes_down_takes_its_sessions_along() {
    use std::net::TcpStream;
    for workers in [1, 2] {
        let [front, port, checked] = free_ports(3).try_into().expect("three ports");
        let server = Player::start(port, Act::Say(b"hello"));
        let health = Player::start(checked, Act::Hold);
        let program = Program::koi();
        let folder = Folder::new("check-sessions");
        let text = head(&program, workers, &folder.path().join("s"))
            + &format!(
                "listen l\n mode tcp\n bind 127.0.0.1:{front}\n server s 127.0.0.1:{port} check \
                 port {checked} on-marked-down shutdown-sessions\n"
            );
        let _proxy = Proxy::start(&program, folder, &text, &[loopback(front)]);
        let mut clients: Vec<TcpStream> = (0..8)
            .map(|_| {
                let mut client = TcpStream::connect(loopback(front)).expect("a connection");
                client.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
                let mut hello = [0; 5];
                client.read_exact(&mut hello).expect("what the server says");
                client
            })
            .collect();
        health.end();
        for client in &mut clients {
            // A reset is an end, too.
            assert!(matches!(client.read(&mut [0; 9]), Ok(0) | Err(_)), "it goes on");
        }
        drop(server);
    }
}
