//! Frontends that pause, and what the process tells of itself.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use crate::client::Stage;
use crate::koi::{Client, until};

const HELLO: &str = "    http-request return status 200 content-type text/plain string hello\n";

#[test]
fn a_frontend_pauses_and_goes_on() {
    let stage = Stage::new("", HELLO, "", &[]);
    let mut before = Client::connect(stage.port);
    assert!(before.get("/").expect("an answer").ends_with("hello"));
    assert_eq!(stage.ask("disable frontend web"), "");
    assert_eq!(stage.ask("disable frontend web"), "All sockets are already disabled.\n");
    assert!(before.get("/").expect("an answer").ends_with("hello"), "connections go on");
    let mut waiting = Client::connect(stage.port);
    waiting.ask("/");
    waiting.0.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let error = waiting.0.read(&mut [0]).expect_err("nothing comes meanwhile");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert_eq!(stage.ask("enable frontend web"), "");
    assert_eq!(stage.ask("enable frontend web"), "All sockets are already enabled.\n");
    waiting.0.set_read_timeout(Some(crate::koi::PATIENCE)).expect("a timeout");
    assert!(waiting.answer().expect("an answer").ends_with("hello"));
    assert_eq!(stage.ask("disable frontend nope"), "No such frontend.\n");
    assert_eq!(stage.ask("disable frontend"), "A frontend name is expected.\n");
}

#[test]
fn workers_tell_what_they_have_done() {
    let stage = Stage::new("", HELLO, "", &[]);
    (0..10).for_each(|_| crate::koi::answers(stage.port));
    let activity = stage.ask("show activity");
    let accepted = activity.lines().find(|line| line.starts_with("accepted: ")).expect("a line");
    let numbers: Vec<u64> = accepted.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers.len(), 3, "a sum and both workers: {accepted}");
    assert!(numbers[0] >= 10 && numbers[0] == numbers[1] + numbers[2], "{accepted}");
    let pools = stage.ask("show pools");
    assert!(pools.contains("  - Pool buffer (") && pools.contains("Total: 2 pools, "), "{pools}");
}

/// The answer of a frontend to these bytes, up to its end.
fn send(port: u16, bytes: &[u8]) -> String {
    let mut client = Client::connect(port);
    client.0.write_all(bytes).expect("they are read");
    let mut answer = String::new();
    client.0.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn what_was_refused_is_shown() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nheader/bizarre :blah\r\n\r\n");
        }
    });
    let sections = format!("backend app\n    server a 127.0.0.1:{port}\n");
    let stage = Stage::new("", "    default_backend app\n", &sections, &[]);
    let none = stage.ask("show errors");
    assert!(none.starts_with("Total events captured on [") && none.ends_with("] : 0\n"), "{none}");
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nbad name: \tx\x1b\\y\r\n\r\n";
    assert!(send(stage.port, request).starts_with("HTTP/1.1 400 "));
    assert!(send(stage.port, b"GET /x HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 502 "));
    let all = stage.ask("show errors");
    for part in [
        "] : 2\n \n[",
        "] frontend web (#1): invalid request\n  backend <NONE> (#-1), server <NONE> (#-1), event #0, src 127.0.0.1:",
        "\n  buffer starts at 0 (including 0 out), 16340 free,\n  len 44, wraps at 16384, error at position 28\n",
        "\n  \n  00000  GET / HTTP/1.1\\r\\n\n  00016  Host: a\\r\\n\n  00025  bad name: \\tx\\e\\\\y\\r\\n\n",
        "] backend app (#2): invalid response\n  frontend web (#1), server a (#1), event #1, src 127.0.0.1:",
        "  00017  header/bizarre :blah\\r\\n\n",
    ] {
        assert!(all.contains(part), "{part}\n{all}");
    }
    let of = |filter: &str| {
        let text = stage.ask(&format!("show errors {filter}"));
        (text.contains("invalid request"), text.contains("invalid response"))
    };
    assert_eq!(of("web"), (true, true), "of a frontend what its backends sent, too");
    assert_eq!((of("app"), of("2"), of("-1")), ((false, true), (false, true), (true, true)));
    assert_eq!((of("-1 request"), of("-1 response")), ((true, false), (false, true)));
    assert_eq!(stage.ask("show errors nope"), "No such proxy.\n");
    // The next one takes its place.
    assert!(send(stage.port, b"G\x01T / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let all = stage.ask("show errors -1 request");
    assert!(
        all.contains("  00000  G\\x01T / HTTP/1.1\\r\\n\n") && !all.contains("bad name"),
        "{all}"
    );
}

#[test]
fn a_frontend_is_shut_down_until_a_reload() {
    let port = crate::koi::free_port();
    let sections = format!("frontend two\n    bind 127.0.0.1:{port}\n{HELLO}");
    let stage = Stage::new("", HELLO, &sections, &[]);
    let mut kept = Client::connect(port);
    assert!(kept.get("/").expect("an answer").ends_with("hello"));
    let state = || {
        let csv = stage.ask("show stat two 1 -1");
        csv.lines().nth(1).and_then(|row| row.split(',').nth(17)).map(str::to_owned)
    };
    assert_eq!(state().as_deref(), Some("OPEN"));
    assert_eq!(stage.ask("disable frontend two"), "");
    assert_eq!(state().as_deref(), Some("PAUSED"));
    assert_eq!(stage.ask("enable frontend two"), "");
    assert_eq!(stage.ask("shutdown frontend two"), "");
    assert_eq!(state().as_deref(), Some("STOP"));
    until("the port is closed", || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    assert!(kept.get("/").expect("an answer").ends_with("hello"), "connections go on");
    assert!(Client::connect(stage.port).get("/").expect("an answer").ends_with("hello"));
    assert_eq!(stage.ask("shutdown frontend two"), "Frontend was already shut down.\n");
    assert_eq!(stage.ask("shutdown frontend #2"), "Frontend was already shut down.\n");
    for verb in ["enable", "disable"] {
        let expected = format!("Frontend was previously shut down, cannot {verb}.\n");
        assert_eq!(stage.ask(&format!("{verb} frontend two")), expected);
    }
    let reloaded = stage.ask("reload");
    assert!(
        reloaded.starts_with("Success=1\n") && reloaded.contains("1 address opened"),
        "{reloaded}"
    );
    assert_eq!(state().as_deref(), Some("OPEN"));
    assert!(Client::connect(port).get("/").expect("an answer").ends_with("hello"));
    let info = stage.ask("show info");
    assert!(
        info.contains("\nPlans: ") && info.ends_with("\nReloads: 1\nReloadsRefused: 0\n"),
        "{info}"
    );
}

/// `stats socket` lines are read anew with the rest: from none at all to several, and back.
#[test]
fn sockets_for_commands_come_and_go_with_a_reload() {
    let (folder, port) = (crate::folder::Folder::new(), crate::koi::free_port());
    let write = |sockets: &str| {
        let whole = crate::client::config("k.sock", port, "", HELLO, "");
        let line = "    stats socket unix@k.sock mode 600 level admin\n";
        folder.file("koi.cfg", whole.replace(line, sockets));
    };
    write("");
    let koi = crate::koi::Koi::start(&folder, &["-f", "koi.cfg"], port);
    let path = |name: &str| folder.path().join(name);
    let is_open = |name: &str| std::os::unix::net::UnixStream::connect(path(name)).is_ok();
    let ask = |name: &str, line: &str| crate::client::ask(&path(name), line);
    assert!(!is_open("one.sock"));
    let reload = |sockets: &str| {
        write(sockets);
        koi_sys::guard::send_signal(koi.pid(), koi_sys::guard::Signal::Hangup)
            .expect("it is there");
    };
    reload("    stats socket unix@one.sock level user\n");
    until("the first socket answers", || is_open("one.sock"));
    assert_eq!(ask("one.sock", "show cli level"), "user\n");
    reload(
        "    stats socket unix@one.sock level admin\n    stats socket unix@two.sock level operator\n",
    );
    // What they may do follows when they are listened on.
    until("the second one, too", || is_open("two.sock"));
    for (name, level) in [("one.sock", "admin\n"), ("two.sock", "operator\n")] {
        until("it has its level", || ask(name, "show cli level") == level);
    }
    // One that cannot be opened: nothing changes.
    write("    stats socket unix@one.sock level admin\n    stats socket unix@none/three.sock\n");
    let answer = ask("one.sock", "reload");
    assert!(answer.starts_with("Success=0\n") && answer.contains("none/three.sock"), "{answer}");
    assert!(is_open("one.sock") && is_open("two.sock"));
    write("    stats socket unix@one.sock level admin\n");
    let answer = ask("one.sock", "reload");
    assert!(answer.contains("; stats socket: 0 opened, 1 closed"), "{answer}");
    assert!(is_open("one.sock") && !is_open("two.sock"));
    assert_eq!(ask("one.sock", "show cli sockets").lines().count(), 2);
    reload("");
    until("the last one closes", || !is_open("one.sock"));
}

#[test]
fn rates_change_at_run_time() {
    let stage = Stage::new("    maxconnrate 50\n", HELLO, "", &[]);
    let limits = || {
        let info = stage.ask("show info");
        let lines = info.lines().filter(|line| line.contains("RateLimit: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limits(), ["ConnRateLimit: 50", "SessRateLimit: 0", "SslRateLimit: 0"]);
    let all = "set rate-limit connections global 7; set rate-limit sessions global 8; \
               set rate-limit ssl-sessions global 9";
    assert_eq!(stage.ask(all), "\n\n");
    assert_eq!(limits(), ["ConnRateLimit: 7", "SessRateLimit: 8", "SslRateLimit: 9"]);
    assert!(stage.ask("reload").starts_with("Success=1\n"));
    assert_eq!(limits(), ["ConnRateLimit: 7", "SessRateLimit: 8", "SslRateLimit: 9"]);
    // Seven in a second; the eighth comes later.
    let begun = std::time::Instant::now();
    (0..15).for_each(|_| crate::koi::answers(stage.port));
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    assert_eq!(stage.ask("set rate-limit connections global x"), "Expects an integer value.\n");
    assert!(
        stage
            .ask("set rate-limit")
            .starts_with("'set rate-limit' only supports :\n   - 'connections global' to ")
    );
}

#[test]
fn the_schema_knows_every_property() {
    let stage = Stage::new("", HELLO, "", &[]);
    let json = |command: &str| -> serde_json::Value {
        serde_json::from_str(&stage.ask(command)).expect("JSON")
    };
    let schema = json("show schema json");
    let properties = |of: &serde_json::Value| -> Vec<String> {
        of.as_object().expect("an object").keys().cloned().collect()
    };
    let of_info = &schema["oneOf"][0]["items"]["properties"];
    let of_stat = &schema["oneOf"][1]["items"]["items"]["properties"];
    assert_eq!(properties(&json("show info json")[0]), properties(of_info));
    assert_eq!(properties(&json("show stat json")[0][0]), properties(of_stat));
    let natures = schema["definitions"]["tags"]["properties"]["nature"]["enum"].to_string();
    for cell in
        json("show stat json").as_array().expect("rows").iter().flat_map(|row| row.as_array())
    {
        assert!(cell.iter().all(|it| natures.contains(&it["tags"]["nature"].to_string())));
    }
}
