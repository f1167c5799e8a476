//! In the background, under a master, in the place of another.

use std::os::unix::net::UnixDatagram;

use koi_sys::guard::{Signal, send_signal};

use crate::folder::Folder;
use crate::koi::*;

/// The number in a pidfile.
fn number(folder: &Folder, name: &str) -> i32 {
    let text = std::fs::read_to_string(folder.path().join(name)).expect("a pidfile");
    text.strip_suffix('\n').and_then(|text| text.parse().ok()).expect("a number")
}

#[test]
fn in_the_background_it_serves_when_the_command_is_done() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", ""));
    folder.file("daemon.cfg", hello(port, "    daemon\n    pidfile other\n", ""));
    for words in [&["-D", "-p", "pid", "-f", "a.cfg"][..], &["-p", "pid", "-f", "daemon.cfg"]] {
        let said = folder.koi(words);
        said.exits(0).keeps("error");
        answers(port);
        let pid = number(&folder, "pid");
        send_signal(pid, Signal::Terminate).expect("it runs");
        until("the port closes", || is_closed(port));
        assert_eq!(number(&folder, "pid"), pid, "as with HAProxy the file stays");
    }
    assert!(!folder.path().join("other").exists());
}

/// What there would be to read on standard error goes where `global` logs.
#[test]
fn in_the_background_the_operator_reads_the_log() {
    let (folder, port) = (Folder::new(), free_port());
    let global = format!("    log {}/log local0\n", folder.path().display());
    folder.file("a.cfg", hello(port, &global, ""));
    for words in [&["-D", "-q"][..], &["-D", "-W"]] {
        let path = folder.path().join("log");
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let words = [words, &["-p", "pid", "-f", "a.cfg"]].concat();
        let said = folder.koi(&words);
        assert_eq!(said.exits(0).err.is_empty(), words.contains(&"-q"), "{said}");
        let pid = number(&folder, "pid");
        send_signal(pid, Signal::Hangup).expect("it runs");
        let mut line = [0; 512];
        let length = socket.recv(&mut line).expect("a line");
        let line = String::from_utf8_lossy(&line[..length]);
        assert!(line.contains("notice: reload: plan 2 holds"), "{line}");
        send_signal(pid, Signal::Terminate).expect("it runs");
        until("the port closes", || is_closed(port));
    }
}

/// Whoever reads what the command says (a shell's `$(...)`, ssh, cron) is not kept waiting.
#[test]
fn in_the_background_a_worker_holds_no_stream_of_its_starters() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "    log stdout local0\n    log stderr local0\n", ""));
    for words in [&["-W", "-D"][..], &["-D"]] {
        // It ends once the streams do.
        folder.koi(&[words, &["-p", "pid", "-f", "a.cfg"]].concat()).exits(0).keeps("error");
        answers(port);
        send_signal(number(&folder, "pid"), Signal::Terminate).expect("it runs");
        until("the port closes", || is_closed(port));
    }
}

#[test]
fn the_foreground_stands_above_the_file() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "    daemon\n    pidfile pid\n", ""));
    let mut koi = Koi::start(&folder, &["-db", "-f", "a.cfg"], port);
    answers(port);
    assert!(koi.runs());
    assert!(!folder.path().join("pid").exists(), "as with HAProxy");
}

#[test]
fn a_successor_takes_over_and_nobody_is_cut_off() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", "    http-request set-var(txn.a) int(0)\n"));
    let mut first = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut client = Client::connect(port);
    client.get("/").expect("an answer");
    let pid = first.pid().to_string();
    let mut second = Koi::start_quietly(&folder, &["-f", "a.cfg", "-sf", &pid], &[]);
    // What was connected may be told to come back, but somebody always listens.
    until("the first one ends", || {
        assert!(!is_closed(port), "nobody listens");
        !first.runs()
    });
    assert!(first.ended().0.success());
    until("the second one serves", || get(port).is_some());
    answers(port);
    // There is no first one any more; that is no fault.
    let mut third = Koi::start_quietly(&folder, &["-f", "a.cfg", "-st", &pid, "999999"], &[]);
    // An answer could still be the second one's.
    until("the third one serves", || third.told().contains("worker 1"));
    second.signal(Signal::Terminate);
    assert!(second.ended().0.success());
    until("it serves alone", || get(port).is_some());
    assert!(third.runs());
}

/// As with HAProxy both get connections; but nobody wants that.
#[test]
fn who_is_started_twice_is_told() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", ""));
    let first = Koi::start(&folder, &["-f", "a.cfg"], port);
    assert!(!first.told().contains("another process"), "{}", first.told());
    let second = Koi::start_quietly(&folder, &["-f", "a.cfg"], &[]);
    let told = format!("warning: a.cfg:9: another process listens on 127.0.0.1:{port}, too");
    until("it is told", || second.told().contains(&told));
    let pid = first.pid().to_string();
    let third = Koi::start_quietly(&folder, &["-f", "a.cfg", "-sf", &pid], &[]);
    until("the third one serves", || third.told().contains("worker 1"));
    assert!(!third.told().contains("another process"), "{}", third.told());
}

#[test]
fn a_failed_successor_changes_nothing() {
    let (folder, port) = (Folder::new(), free_port());
    let other = std::net::TcpListener::bind(loopback(0)).expect("a port");
    let taken = other.local_addr().expect("its address");
    folder.file("a.cfg", hello(port, "", ""));
    folder.file("b.cfg", hello(port, "", &format!("    bind {taken}\n")));
    let mut koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let pid = koi.pid().to_string();
    folder.koi(&["-f", "b.cfg", "-sf", &pid]).exits(1).tells("address already in use");
    assert!(koi.runs());
    answers(port);
}

#[test]
fn a_master_passes_signals_on_and_ends_with_its_worker() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "    pidfile pid\n", ""));
    for signal in [Signal::Terminate, Signal::Interrupt, Signal::User1] {
        let mut koi = Koi::start(&folder, &["-W", "-db", "-f", "a.cfg"], port);
        answers(port);
        until("the pidfile is written", || folder.path().join("pid").exists());
        until("it holds the master's number", || {
            let text = std::fs::read_to_string(folder.path().join("pid")).expect("a pidfile");
            text == format!("{}\n", koi.pid())
        });
        koi.signal(Signal::User2);
        answers(port);
        koi.signal(signal);
        let (status, said) = koi.ended();
        assert!(status.success(), "{status}\n{said}");
        assert!(is_closed(port));
        std::fs::remove_file(folder.path().join("pid")).expect("a file");
    }
}

/// The number of the worker process, from what the kernel says of its master.
#[cfg(target_os = "linux")]
fn worker_of(master: i32) -> i32 {
    let path = format!("/proc/{master}/task/{master}/children");
    let text = std::fs::read_to_string(path).expect("the master's children");
    text.trim().parse().expect("one child")
}

#[cfg(target_os = "linux")]
#[test]
fn master_and_worker_do_not_outlive_each_other() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", ""));
    let mut koi = Koi::start(&folder, &["-W", "-f", "a.cfg"], port);
    let kill = |pid: i32| {
        let status = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()));
    };
    kill(worker_of(koi.pid()));
    let (status, said) = koi.ended();
    assert_eq!(status.code(), Some(137), "{said}");
    let koi = Koi::start(&folder, &["-W", "-f", "a.cfg"], port);
    kill(koi.pid());
    until("the port closes", || is_closed(port));
}

#[test]
fn systemd_hears_when_it_is_ready_and_when_it_stops() {
    let (folder, port) = (Folder::new(), free_port());
    // As distributions' files have it; the unit says -Ws.
    folder.file("a.cfg", hello(port, "    daemon\n", ""));
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let hear = || {
        let mut text = [0; 256];
        let length = socket.recv(&mut text).expect("a message");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let path = path.display().to_string();
    let words = ["-Ws", "-f", "a.cfg", "-S", "/run/nothing.sock"];
    let mut koi = Koi::start_quietly(&folder, &words, &[("NOTIFY_SOCKET", &path)]);
    let message = hear();
    assert!(message.starts_with(&format!("READY=1\nMAINPID={}\n", koi.pid())), "{message}");
    answers(port);
    koi.signal(Signal::Terminate);
    let message = hear();
    assert!(message.starts_with("STOPPING=1\n"), "{message}");
    let (status, said) = koi.ended();
    assert!(status.success() && said.contains("-S changes nothing"), "{said}");
}
