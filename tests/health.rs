//! Health checks as a user sees them: a running Koi, real servers, the runtime socket's tables. What the log says is
//! in `check_words.rs`.
//!
//! Nothing waits for the clock: where something must not happen, something else has to happen several times
//! meanwhile.

#![allow(
    clippy::duplicate_mod,
    reason = "both harnesses take ports; only one of them is asked here"
)]

mod common;
#[path = "starting/koi.rs"]
#[allow(dead_code)]
mod koi;

use common::folder;

mod check_words {
    #[allow(dead_code)]
    pub mod part;
}
#[path = "runtime/client.rs"]
#[allow(dead_code)]
mod client;
#[allow(unused_imports, reason = "ports come from elsewhere")]
mod end_to_end;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;

use check_words::part::{Act, Player};
use client::Stage;
use end_to_end::loopback;
use end_to_end::tls::Certificate;
use koi::{Client, PATIENCE, free_port, until};

/// A check that nobody waits for.
const NEVER: &str = "600s";

const OK: Act = Act::Answer(b"\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
const BROKEN: Act = Act::Answer(b"\r\n\r\n", b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");

fn player(act: Act) -> Player {
    Player::start(free_port(), act)
}

/// A Koi with these sections behind its frontend.
fn stage(frontend: &str, sections: &str) -> Stage {
    Stage::new("", frontend, sections, &[])
}

fn becomes(stage: &Stage, server: &str, column: &str, wanted: &str) {
    let what = format!("{column} of {server} becomes {wanted}");
    let mut last = String::new();
    until(&what, || {
        let now = stage.cell("b", server, column);
        if now != last {
            eprintln!("{server} {column}: {now}");
            last.clone_from(&now);
        }
        now == wanted
    });
}

/// The sections change, and it is read again.
fn reload(stage: &Stage, sections: &str) {
    stage.folder.file("koi.cfg", client::config("k.sock", stage.port, "", "", sections));
    let answer = stage.ask("reload");
    assert!(answer.starts_with("Success=1"), "{answer}");
}

/// A server that answers a check only when it is told how.
struct Told(Receiver<TcpStream>);

impl Told {
    fn start() -> (Told, u16) {
        let listener = TcpListener::bind(loopback(0)).expect("it listens");
        let port = listener.local_addr().expect("an address").port();
        let (into, told) = mpsc::channel();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let _ = into.send(stream);
            }
        });
        (Told(told), port)
    }

    /// Answers the next check with this status; one that was given up does not count.
    fn answer(&self, status: u16) {
        loop {
            let mut stream = self.0.recv_timeout(PATIENCE).expect("a check");
            stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
            let mut had = Vec::new();
            let mut buffer = [0; 4096];
            while !had.ends_with(b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(count) if count > 0 => had.extend_from_slice(&buffer[..count]),
                    _ => break,
                }
            }
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
            stream.set_nonblocking(true).expect("a mode");
            let open = matches!(stream.peek(&mut buffer), Err(why) if why.kind() == std::io::ErrorKind::WouldBlock);
            if open && stream.write_all(answer.as_bytes()).is_ok() {
                return;
            }
        }
    }
}

/// `fall` and `rise`, counted; a reload in between changes nothing of that.
#[test]
fn a_server_falls_after_three_checks_and_rises_after_two() {
    let (server, port) = Told::start();
    let sections = |weight: u8| {
        format!(
            "backend b\n    option httpchk\n    timeout check {NEVER}\n    server s 127.0.0.1:{port} weight \
             {weight} check inter 50ms rise 2 fall 3\n"
        )
    };
    let stage = stage("", &sections(1));
    let step = |status, becomes_so: &str| {
        server.answer(status);
        becomes(&stage, "s", "status", becomes_so);
    };
    step(200, "UP");
    step(500, "UP 2/3");
    step(500, "UP 1/3");
    // The next check has begun, most likely: it is begun again.
    reload(&stage, &sections(2));
    assert_eq!(stage.cell("b", "s", "status"), "UP 1/3");
    assert_eq!(stage.cell("b", "s", "weight"), "2");
    step(500, "DOWN");
    step(200, "DOWN 1/2");
    reload(&stage, &sections(3));
    step(200, "UP");
    step(500, "UP 2/3");
    step(200, "UP");
    assert_eq!(stage.cell("b", "s", "chkdown"), "1");
}

/// A server that was DOWN when its checks were taken away serves again, and so do those that followed it.
#[test]
fn a_reload_without_checks_ends_what_they_found() {
    let server = player(Act::Refuse);
    let sections = |check: &str, track: &str| {
        format!(
            "backend b\n    server s 127.0.0.1:{} {check}\n    server t 127.0.0.1:1 {track}\n",
            server.port
        )
    };
    let stage = stage("", &sections("check inter 50ms", "track s"));
    becomes(&stage, "s", "status", "DOWN");
    becomes(&stage, "t", "status", "DOWN");
    reload(&stage, &sections("check inter 50ms", ""));
    assert_eq!(stage.cell("b", "s", "status"), "DOWN");
    assert_eq!(stage.cell("b", "t", "status"), "no check");
    reload(&stage, &sections("", ""));
    assert_eq!(stage.cell("b", "s", "status"), "no check");
    // The same with maintenance that came from another server.
    reload(&stage, &sections("check inter 50ms", "track s"));
    assert_eq!(stage.ask("disable server b/s"), "");
    assert_eq!(stage.cell("b", "t", "status"), "MAINT (via b/s)");
    reload(&stage, &sections("check inter 50ms", ""));
    assert_eq!(stage.cell("b", "t", "status"), "no check");
    assert_eq!(stage.cell("b", "s", "status"), "MAINT");
}

/// Checks may ask for TLS since a reload, on a server that has none for requests.
#[test]
fn a_reload_brings_tls_to_checks() {
    let certificate = Certificate::new(&["a.example"]);
    let config = certificate.server();
    let listener = TcpListener::bind(loopback(0)).expect("it listens");
    let port = listener.local_addr().expect("an address").port();
    let shaken = Arc::new(AtomicUsize::new(0));
    let count = shaken.clone();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut tls = rustls::ServerConnection::new(config.clone()).expect("a connection");
            while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
            count.fetch_add(usize::from(!tls.is_handshaking()), Ordering::SeqCst);
        }
    });
    let sections = |step: &str| {
        format!(
            "backend b\n    option tcp-check\n{step}    server s 127.0.0.1:{port} verify none check inter 50ms\n"
        )
    };
    let stage = stage("", &sections(""));
    becomes(&stage, "s", "check_status", "L7OK");
    assert_eq!(shaken.load(Ordering::SeqCst), 0);
    reload(&stage, &sections("    tcp-check connect ssl\n"));
    until("checks shake hands", || shaken.load(Ordering::SeqCst) > 3);
    assert_eq!(stage.cell("b", "s", "check_status"), "L7OK");
    assert_eq!(stage.cell("b", "s", "status"), "UP");
}

/// `slowstart`: a server that comes back takes more and more.
#[test]
fn a_server_that_came_back_takes_its_share_step_by_step() {
    let server = player(Act::Refuse);
    let stage = stage(
        "",
        &format!(
            "backend b\n    server s 127.0.0.1:{} check inter 100ms rise 1 fall 1 weight 200 slowstart 8s\n",
            server.port
        ),
    );
    let state = || {
        let table = stage.ask("show servers state b");
        let row = table.lines().nth(2).expect("a row").to_owned();
        let cells: Vec<_> = row.split(' ').collect();
        (cells[5].to_owned(), cells[7].to_owned())
    };
    becomes(&stage, "s", "status", "DOWN");
    assert_eq!(state(), ("0".to_owned(), "200".to_owned()));
    server.act(Act::Hold);
    until("it is starting", || state().0 == "1");
    let mut weights = Vec::new();
    until("it has all of its share", || {
        let table = stage.ask("show stat b 4 -1");
        let cell = |column| client::cell(&table, ("b", "s"), column);
        let weight: u32 = cell("weight").parse().expect("a number");
        // The share is told as long as there is one.
        assert_eq!(
            (cell("throttle").is_empty(), cell("uweight")),
            (weight == 200, "200".to_owned())
        );
        weights.push(weight);
        weight == 200
    });
    assert!(weights.is_sorted(), "{weights:?}");
    weights.dedup();
    assert!(weights[0] < 100 && weights.len() > 2, "it grows: {weights:?}");
    until("it runs", || state().0 == "2");
}

/// Three kinds of time between checks. A server whose time is long is asked no more, while another one is asked
/// again and again.
#[test]
fn checks_come_as_often_as_the_state_says() {
    let [steady, failing, falling, rising] = [OK, BROKEN, OK, BROKEN].map(player);
    let line = |name: &str, of: &Player, times: &str| {
        format!("    server {name} 127.0.0.1:{} check {times} rise 2 fall 3\n", of.port)
    };
    let stage = Stage::new(
        "    max-spread-checks 1ms\n",
        "",
        &[
            "backend b\n    option httpchk\n".to_owned(),
            line("steady", &steady, &format!("inter 50ms fastinter {NEVER} downinter {NEVER}")),
            line("failing", &failing, &format!("inter 50ms fastinter 50ms downinter {NEVER}")),
            line("falling", &falling, &format!("inter 50ms fastinter {NEVER} downinter 50ms")),
            line("rising", &rising, &format!("inter {NEVER} fastinter 50ms downinter 50ms")),
        ]
        .concat(),
        &[],
    );
    // Down from its first check on, and looked at seldom (`downinter`) or often.
    becomes(&stage, "failing", "status", "DOWN");
    becomes(&stage, "rising", "status", "DOWN");
    rising.wait(4);
    // One failure of three: it is in between (`fastinter`).
    falling.wait(3);
    falling.act(BROKEN);
    becomes(&stage, "falling", "status", "UP 2/3");
    // Two good checks, with `fastinter` between them; then there is nothing more to find out.
    rising.act(OK);
    becomes(&stage, "rising", "status", "UP");
    let before = [&failing, &falling, &rising].map(Player::seen);
    steady.wait(20);
    assert_eq!([&failing, &falling, &rising].map(Player::seen), before);
    assert_eq!(before[0], 1);
    assert_eq!(stage.cell("b", "falling", "status"), "UP 2/3");
}

/// What an agent says of weight and state, and that the next word of it holds.
#[test]
fn an_agent_sets_weight_and_state() {
    let agent = player(Act::SayEnd(b"up 50%\n"));
    let stage = stage(
        "",
        &format!(
            "backend b\n    server s 127.0.0.1:{port} weight 40 agent-check agent-port {port} agent-inter 50ms\n",
            port = agent.port
        ),
    );
    becomes(&stage, "s", "weight", "20");
    let steps: &[(&[u8], &str, &str)] = &[
        (b"75%\n", "weight", "30"),
        (b"drain\n", "status", "DRAIN"),
        // Neither says anything of draining.
        (b"up 10%\n", "weight", "4"),
        (b"ready\n", "status", "UP"),
        (b"down #disk is full\n", "status", "DOWN"),
        (b"maint\n", "status", "MAINT"),
        (b"ready up 100%\n", "status", "UP"),
        (b"fail\n", "status", "DOWN"),
        (b"up\n", "status", "UP"),
        (b"stopped\n", "status", "DOWN"),
    ];
    for &(says, column, wanted) in steps {
        agent.act(Act::SayEnd(says));
        becomes(&stage, "s", column, wanted);
    }
    assert_eq!(stage.cell("b", "s", "weight"), "40");
    assert_eq!(stage.cell("b", "s", "last_agt"), "via agent : stopped");
}

/// A stored server that is down is not used: another one is, and stored in its place.
#[test]
fn a_stored_server_that_is_down_is_replaced() {
    let checked = [OK, OK].map(player);
    let [one, two] = [free_port(), free_port()];
    let line = |name: &str, port: u16, of: &Player| {
        format!(
            "    server {name} 127.0.0.1:{port} check port {} inter 100ms rise 1 fall 1\n",
            of.port
        )
    };
    let front = |name: &str, port: u16| {
        format!(
            "frontend f-{name}\n    bind 127.0.0.1:{port}\n    http-request return status 200 \
             content-type text/plain string {name}\n"
        )
    };
    let stage = stage(
        "    default_backend b\n",
        &[
            "backend b\n    option httpchk\n    stick-table type ip size 10 expire 10m\n    stick on src\n"
                .to_owned(),
            line("one", one, &checked[0]),
            line("two", two, &checked[1]),
            front("one", one),
            front("two", two),
        ]
        .concat(),
    );
    for server in ["one", "two"] {
        becomes(&stage, server, "check_status", "L7OK");
    }
    let who = || {
        let answer = Client::connect(stage.port).get("/").expect("an answer");
        answer.split("\r\n\r\n").nth(1).expect("a body").to_owned()
    };
    let stored = || {
        let table = stage.ask("show table b");
        let entry = table.lines().nth(1).expect("an entry").to_owned();
        entry.split_once("server_id=").expect("a server").1[..1].to_owned()
    };
    let first = who();
    let (at, other) = if first == "one" { (0, "two") } else { (1, "one") };
    let numbers = [(at + 1).to_string(), (2 - at).to_string()];
    assert!((0..5).all(|_| who() == first));
    assert_eq!(stored(), numbers[0]);
    checked[at].act(BROKEN);
    becomes(&stage, &first, "status", "DOWN");
    assert!((0..5).all(|_| who() == other));
    assert_eq!(stored(), numbers[1]);
    // The one that was stored since is kept.
    checked[at].act(OK);
    becomes(&stage, &first, "status", "UP");
    assert!((0..5).all(|_| who() == other));
}

/// A check that hangs ends by `timeout check`, and holds nobody else up.
#[test]
fn a_check_that_hangs_ends_by_its_timeout() {
    let [hangs, fine] = [Act::Hold, OK].map(player);
    let sections = |time: &str| {
        format!(
            "backend b\n    option httpchk\n    timeout check {time}\n    \
             server hangs 127.0.0.1:{} check inter {NEVER}\n    \
             server fine 127.0.0.1:{} check inter 20ms\n",
            hangs.port, fine.port
        )
    };
    let stage = stage("", &sections(NEVER));
    hangs.wait_for(1);
    // In the time of one check of the one, several of the other.
    fine.wait(5);
    assert_eq!(hangs.seen(), 1);
    reload(&stage, &sections("700ms"));
    becomes(&stage, "hangs", "check_status", "L7TOUT");
    let spent: u64 = stage.cell("b", "hangs", "check_duration").parse().expect("a number");
    assert!(spent >= 700, "{spent}");
    assert_eq!(stage.cell("b", "hangs", "status"), "DOWN");
    assert_eq!(stage.cell("b", "fine", "status"), "UP");
}

/// `on-error mark-down` holds at once, even while a check hangs that would take for ever.
#[test]
fn requests_mark_a_server_down_while_its_check_hangs() {
    let [server, checked] = [BROKEN, Act::Hold].map(player);
    let stage = stage(
        "    default_backend b\n",
        &format!(
            "backend b\n    option httpchk\n    timeout check {NEVER}\n    \
             server s 127.0.0.1:{} check port {} inter {NEVER} observe layer7 error-limit 3 on-error mark-down\n",
            server.port, checked.port
        ),
    );
    checked.wait_for(1);
    let ask = || Client::connect(stage.port).get("/").expect("an answer");
    assert!((0..3).all(|_| ask().starts_with("HTTP/1.1 500")));
    becomes(&stage, "s", "status", "DOWN");
    assert!(ask().starts_with("HTTP/1.1 503"));
    assert_eq!(checked.seen(), 1, "no check has said so");
}

/// The same while a check waits for its turn behind one that hangs (`tune.max-checks-per-thread`).
#[test]
fn requests_mark_a_server_down_while_its_check_waits() {
    let [hangs, server] = [Act::Hold, BROKEN].map(player);
    let [fine, checked] = [OK, OK].map(player);
    // Two workers take the servers in turn: the first and the third are checked by the same.
    let stage = Stage::new(
        "    tune.max-checks-per-thread 1\n",
        "    default_backend b\n",
        &format!(
            "backend b\n    option httpchk\n    timeout check {NEVER}\n    \
             server hangs 127.0.0.1:{} check inter {NEVER} backup\n    \
             server fine 127.0.0.1:{} check inter 20ms backup\n    \
             server s 127.0.0.1:{} check port {} inter 20ms observe layer7 error-limit 3 on-error mark-down\n",
            hangs.port, fine.port, server.port, checked.port
        ),
        &[],
    );
    hangs.wait_for(1);
    // Much later than the first check of `s` would be.
    fine.wait(20);
    let ask = || Client::connect(stage.port).get("/").expect("an answer");
    assert!((0..3).all(|_| ask().starts_with("HTTP/1.1 500")));
    becomes(&stage, "s", "status", "DOWN");
    assert_eq!(checked.seen(), 0, "it is not its turn");
}

/// `observe layer4`: refused connections count if they follow each other; a good one between them forgets them.
#[test]
fn only_errors_in_a_row_count() {
    let checked = player(Act::Hold);
    let [front, port] = [free_port(), free_port()];
    let stage = stage(
        "",
        &format!(
            "listen b\n    mode tcp\n    retries 0\n    bind 127.0.0.1:{front}\n    \
             server s 127.0.0.1:{port} check port {} inter {NEVER} observe layer4 error-limit 2 \
             on-error mark-down\n",
            checked.port
        ),
    );
    becomes(&stage, "s", "check_status", "L4OK");
    let failed = || stage.cell("b", "s", "econ").parse::<usize>().expect("a number");
    let fail = || {
        let before = failed();
        let mut client = TcpStream::connect(loopback(front)).expect("a connection");
        client.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)), "nobody is there");
        until("it is counted", || failed() > before);
    };
    let reach = || {
        let server = TcpListener::bind(loopback(port)).expect("it listens");
        let client = TcpStream::connect(loopback(front)).expect("a connection");
        drop((server.accept().expect("a connection"), client));
    };
    for _ in 0..3 {
        fail();
        reach();
    }
    assert_eq!(stage.cell("b", "s", "status"), "UP");
    fail();
    fail();
    becomes(&stage, "s", "status", "DOWN");
}

/// `on-marked-up shutdown-backup-sessions`: who is on a backup is sent away when the server is back.
#[test]
fn a_server_that_comes_back_ends_the_sessions_of_its_backups() {
    let [checked, backup] = [Act::Refuse, Act::Say(b"hello")].map(player);
    let [front, server] = [free_port(), free_port()];
    let stage = stage(
        "",
        &format!(
            "listen b\n    mode tcp\n    bind 127.0.0.1:{front}\n    \
             server s 127.0.0.1:{server} check port {} inter 100ms on-marked-up shutdown-backup-sessions\n    \
             server z 127.0.0.1:{} backup\n",
            checked.port, backup.port
        ),
    );
    becomes(&stage, "s", "status", "DOWN");
    let mut clients: Vec<TcpStream> = (0..6)
        .map(|_| {
            let mut client = TcpStream::connect(loopback(front)).expect("a connection");
            client.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
            client.read_exact(&mut [0; 5]).expect("the backup's hello");
            client
        })
        .collect();
    checked.act(Act::Hold);
    for client in &mut clients {
        assert!(
            matches!(client.read(&mut [0; 9]), Ok(0)) || client.write(b"x").is_err(),
            "it goes on"
        );
    }
    becomes(&stage, "s", "status", "UP");
    until("the backup has none", || stage.cell("b", "z", "scur") == "0");
}

/// `tune.max-checks-per-thread`: no more are under way, and nobody starves.
#[test]
fn a_worker_has_so_many_checks_under_way() {
    let server = player(Act::ReadEnd);
    let lines: String = (0..5)
        .map(|n| format!("    server s{n} 127.0.0.1:{} check inter 50ms\n", server.port))
        .collect();
    let stage = Stage::new(
        "    tune.max-checks-per-thread 1\n",
        "",
        &format!("backend b\n    option httpchk\n    timeout check 20s\n{lines}"),
        &[],
    );
    for n in 0..5 {
        becomes(&stage, &format!("s{n}"), "status", "DOWN");
    }
    server.wait(20);
    // Two workers.
    assert!(server.peak() <= 2, "{}", server.peak());
}

/// `check-alpn`: what checks offer, whatever requests do.
#[test]
fn checks_offer_their_own_protocols() {
    let certificate = Certificate::new(&["a.example"]);
    let mut config = rustls::ServerConfig::clone(&certificate.server());
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"ping/1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind(loopback(0)).expect("it listens");
    let port = listener.local_addr().expect("an address").port();
    let agreed: Arc<Mutex<Vec<Option<Vec<u8>>>>> = Arc::default();
    let into = agreed.clone();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut tls = rustls::ServerConnection::new(config.clone()).expect("a connection");
            while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok() {}
            into.lock().expect("no panic").push(tls.alpn_protocol().map(<[u8]>::to_vec));
        }
    });
    let stage = stage(
        "",
        &format!(
            "backend b\n    server s 127.0.0.1:{port} ssl verify none alpn http/1.1 check check-alpn ping/1 inter 50ms\n"
        ),
    );
    becomes(&stage, "s", "check_status", "L6OK");
    assert_eq!(agreed.lock().expect("no panic")[0].as_deref(), Some(&b"ping/1"[..]));
}
