//! It does not start, and says at which words.

use std::net::TcpListener;

use crate::folder::Folder;
use crate::koi::*;

#[test]
fn a_wrong_word_is_told() {
    let folder = Folder::new();
    folder.file("a.cfg", "frontend web\n    bnid :80\n");
    for words in [&["-f", "a.cfg"][..], &["-D", "-f", "a.cfg"], &["-Ws", "-f", "a.cfg"]] {
        let said = folder.koi(words);
        said.exits(1).tells("--> a.cfg:2:5").tells("    ^^^^").tells("did you mean `bind`?");
        assert_eq!(said.out, "");
    }
}

#[test]
fn nothing_to_listen_on_is_told() {
    let folder = Folder::new();
    folder.file("a.cfg", "backend b\n    server s 192.0.2.1:80\n");
    folder.koi(&["-f", "a.cfg"]).exits(1).tells("koi: nothing would listen");
}

#[test]
fn an_occupied_port_is_told() {
    let folder = Folder::new();
    let other = TcpListener::bind(loopback(0)).expect("a port");
    let port = other.local_addr().expect("its address").port();
    folder.file("a.cfg", hello(port, "    pidfile pid\n", ""));
    for words in [&["-f", "a.cfg"][..], &["-D", "-f", "a.cfg"], &["-W", "-f", "a.cfg"]] {
        let said = folder.koi(words);
        said.exits(1).tells(&format!("cannot listen on 127.0.0.1:{port}: address already in use"));
        said.tells("--> a.cfg:10:10").tells("^ another process listens on it");
        said.tells("-ltnp").keeps("worker");
    }
    let pid = std::fs::read_to_string(folder.path().join("pid"));
    assert!(pid.is_ok_and(|pid| pid.is_empty()), "the number of a process that did not start");
}

#[test]
fn a_host_without_an_address_is_told() {
    let (folder, port) = (Folder::new(), free_port());
    let text = hello(port, "", "");
    let lines = "listen b\n    bind no-such-host.invalid:81\n    \
                 server s no-such-host.invalid:80 weight 7\n";
    folder.file("a.cfg", format!("{text}{lines}"));
    let said = folder.koi(&["-f", "a.cfg"]);
    said.exits(1).tells("the host name `no-such-host.invalid` has no address");
    said.tells("--> a.cfg:12:10").tells("--> a.cfg:13:14").tells("2 errors");
    said.tells("init-addr libc,none");
}

#[test]
fn an_address_of_another_machine_is_told() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", "    bind 192.0.2.77:8080\n"));
    let said = folder.koi(&["-f", "a.cfg"]);
    said.exits(1).tells("cannot listen on 192.0.2.77:8080: no interface").tells("`transparent`");
}

#[test]
fn a_descriptor_that_is_not_open_is_told() {
    let (folder, port) = (Folder::new(), free_port());
    folder.file("a.cfg", hello(port, "", "    bind fd@77\n"));
    folder.koi(&["-f", "a.cfg"]).exits(1).tells("cannot listen on fd@77: no descriptor");
}

#[test]
fn an_unreadable_certificate_is_told() {
    let (folder, port) = (Folder::new(), free_port());
    let pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n\
               -----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    folder.file("broken.pem", pem);
    let line = "    bind 127.0.0.1:1 ssl crt broken.pem\n";
    folder.file("a.cfg", hello(port, "", line));
    let said = folder.koi(&["-f", "a.cfg"]);
    said.exits(1).tells("broken.pem").tells("--> a.cfg:10:30").keeps("panicked");
}

#[test]
fn more_descriptors_than_there_are_are_told() {
    let (folder, port) = (Folder::new(), free_port());
    let words = |global: &str| {
        folder.file("a.cfg", hello(port, global, ""));
        let binary = env!("CARGO_BIN_EXE_koi");
        let script = format!("ulimit -n 200 && exec {binary} -c --here -f a.cfg");
        let mut command = std::process::Command::new("sh");
        // Who may raise the limit gives that up first.
        let plain = ["-c", "exec setpriv --bounding-set=-sys_resource sh -c \"$0\"", &script];
        let output = command.args(plain).current_dir(folder.path()).output().expect("a shell");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = words("    maxconn 1000\n");
    if said.contains("setpriv") {
        eprintln!("skipped: no setpriv(1), or not allowed: {said}");
        return;
    }
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("descriptors are needed, and the system allows 200"), "{said}");
    assert!(said.contains("--> a.cfg:3:13"), "{said}");
    let (code, said) = words("    no strict-limits\n    maxconn 1000\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("instead of 1000"), "{said}");
}

#[test]
fn wrong_command_lines_are_told() {
    let folder = Folder::new();
    folder
        .koi(&["-f", "a.cfg", "-sf", "12x"])
        .exits(1)
        .tells("-sf 12x: not the number of a process");
    folder.koi(&["-f", "a.cfg", "-sf", "0"]).exits(1).tells("not the number of a process");
    folder.koi(&["-f", "a.cfg", "-n", "many"]).exits(1).tells("-n many: not a number");
    folder.koi(&["--here", "-f", "a.cfg"]).exits(1).tells("`--here` belongs to a check");
}
