//! Files that cannot hold: everything stays as it was, and the reason is told.

use koi_sys::guard::Signal;

use crate::folder::Folder;
use crate::koi::*;
use crate::tell::{done, reload, signal};

#[test]
fn a_broken_file_changes_nothing() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", ""));
    let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut client = Client::connect(port);
    client.get("/").expect("an answer");
    let said = reload(&koi, &folder, &hello(port, "", "    http-requst deny\n"));
    assert!(said.contains("refused, and plan 1 holds as before"), "{said}");
    assert!(said.contains("a.cfg:10:") && said.contains("http-request"), "{said}");
    client.get("/").expect("an answer");
    let said = reload(&koi, &folder, &hello(port, "", "    use_backend nowhere\n"));
    assert!(said.contains("nowhere"), "{said}");
    std::fs::remove_file(folder.path().join("a.cfg")).expect("removed");
    let said = signal(&koi, Signal::User2);
    assert!(said.contains("refused") && said.contains("a.cfg"), "{said}");
    client.get("/").expect("an answer");
    answers(port);
    let said = done(&koi, &folder, &hello(port, "", ""));
    assert!(said.contains("plan 2 holds: nothing changed"), "{said}");
    assert!(koi.runs());
}

#[test]
fn what_needs_a_restart_is_said() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", ""));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let text = hello(port, "    noreuseport\n", "").replace("nbthread 2", "nbthread 3");
    let said = done(&koi, &folder, &text);
    assert!(said.contains("needs a restart: nbthread (2 -> 3), noreuseport"), "{said}");
    answers(port);
}

#[test]
fn a_table_that_is_declared_otherwise_is_told_of() {
    let (folder, port) = (Folder::new(), free_port());
    let with = |table: &str| {
        let rules = "    http-request track-sc0 src\n";
        hello(
            port,
            "",
            &format!("    stick-table {table} size 100 expire 10m store conn_cnt\n{rules}"),
        )
    };
    folder.file("a.cfg", with("type ip"));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    answers(port);
    let said = done(&koi, &folder, &(with("type ip") + "# the same\n"));
    assert!(!said.contains("forgotten"), "{said}");
    let said = done(&koi, &folder, &with("type ipv6"));
    assert!(
        said.contains(
            "reload: stick table web is declared in another way: its 1 entries are forgotten"
        ),
        "{said}"
    );
}

/// What the runtime socket answers.
#[cfg(unix)]
fn said(path: &std::path::Path, command: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(path).expect("a connection");
    stream.write_all(format!("{command}\n").as_bytes()).expect("a command");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

#[cfg(unix)]
#[test]
fn the_runtime_socket_reloads_and_tells() {
    let (folder, port) = (Folder::new(), free_port());
    let path = folder.path().join("s");
    let global = format!("    stats socket {} level admin\n", path.display());
    folder.file("a.cfg", hello(port, &global, ""));
    let _koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let answer = said(&path, "reload");
    assert!(answer.starts_with("Success=1\n--\nreload: plan 2 holds: nothing"), "{answer}");
    folder.file("a.cfg", hello(port, &global, "    nonsense\n"));
    let answer = said(&path, "reload");
    assert!(answer.starts_with("Success=0\n--\nreload: refused, and plan 2 holds"), "{answer}");
    assert!(answer.contains("a.cfg:11:5"), "{answer}");
    let more = "backend more\n    server s 127.0.0.1:9\n";
    folder.file("a.cfg", hello(port, &global, "") + more);
    let answer = said(&path, "reload");
    assert!(answer.contains("plan 3 holds: 1 proxy added, 1 server added"), "{answer}");
    assert!(said(&path, "show servers state more").contains(" more "), "commands know it");
    answers(port);
}

#[cfg(unix)]
#[test]
fn sockets_in_the_file_system_outlive_a_refused_reload() {
    let (folder, port) = (Folder::new(), free_port());
    let (stats, web) = (folder.path().join("s"), folder.path().join("w"));
    let text = |mode: u32, more: &str| {
        let global = format!("    stats socket {} mode {mode} level admin\n", stats.display());
        let global = format!("{global}    stats socket unix@{more}t level user\n");
        hello(port, &global, &format!("    bind unix@{} mode {mode}\n", web.display()))
    };
    let names = || std::fs::read_dir(folder.path()).expect("the folder").count();
    folder.file("a.cfg", text(600, ""));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let before = names();
    // Both would be opened anew, and then one cannot be had.
    let refused = reload(&koi, &folder, &text(660, "none/"));
    assert!(refused.contains("refused") && refused.contains("none/t"), "{refused}");
    let both = || {
        assert!(said(&stats, "show version").contains(env!("CARGO_PKG_VERSION")));
        assert!(said(&web, "GET / HTTP/1.0\r\n\r").ends_with("hello"));
        assert_eq!(names(), before, "no temporary file is left");
    };
    both();
    folder.file("a.cfg", text(600, ""));
    assert!(said(&stats, "reload").contains("plan 2 holds: nothing changed"));
    both();
    folder.file("a.cfg", text(660, ""));
    assert!(said(&stats, "reload").contains("plan 3 holds"));
    both();
}

#[test]
fn a_reload_while_it_stops_is_refused() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "    grace 2s\n", ""));
    let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    koi.signal(Signal::User1);
    // Of two signals that wait, the system gives the one with the lower number first.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let said = signal(&koi, Signal::Hangup);
    assert!(said.contains("refused: the process is stopping"), "{said}");
    assert!(koi.ended().0.success());
}

#[test]
fn many_at_once_are_done_together() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", ""));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    for _ in 0..50 {
        koi.signal(Signal::Hangup);
        koi.signal(Signal::User2);
    }
    until("the first one is over", || koi.told().contains("reload: plan 2 holds"));
    answers(port);
    let said = done(&koi, &folder, &hello(port, "", "    maxconn 99\n"));
    until("the last change holds", || koi.told().contains("1 proxy changed"));
    // Those that wait when one begins are done by that one: some came while others were under way.
    let plans = koi.told().matches("reload: plan ").count();
    assert!((2..50).contains(&plans), "{plans} reloads for 101 signals: {said}");
}

#[test]
fn under_a_master_both_signals_reload() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", ""));
    let mut koi = Koi::start(&folder, &["-W", "-f", "a.cfg"], port);
    for (number, kind) in [Signal::User2, Signal::Hangup].into_iter().enumerate() {
        let said = signal(&koi, kind);
        assert!(said.contains(&format!("plan {} holds", number + 2)), "{said}");
        answers(port);
    }
    koi.signal(Signal::Terminate);
    koi.ended();
}

#[cfg(target_os = "linux")]
#[test]
fn systemd_hears_of_it() {
    use std::os::unix::net::UnixDatagram;
    let (folder, port) = (Folder::new(), free_port());
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let hear = || {
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    folder.file("a.cfg", hello(port, "", ""));
    let variables = [("NOTIFY_SOCKET", path.to_str().expect("text"))];
    let mut koi = Koi::start_quietly(&folder, &["-Ws", "-f", "a.cfg"], &variables);
    assert!(hear().starts_with("READY=1\n"));
    koi.signal(Signal::User2);
    let said = hear();
    assert!(said.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{said}");
    assert_eq!(hear(), "READY=1\nSTATUS=Ready.\n");
    folder.file("a.cfg", "nonsense\n");
    koi.signal(Signal::Hangup);
    assert!(hear().starts_with("RELOADING=1\n"));
    assert_eq!(hear(), "READY=1\nSTATUS=Ready; the last reload was refused.\n");
    koi.signal(Signal::Terminate);
    koi.ended();
}
