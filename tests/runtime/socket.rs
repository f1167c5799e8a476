//! Clients: lines, levels, prompts, and those that behave badly.

use std::io::{Read, Write};

use crate::client::{Stage, ask, connect, read_until};
use crate::koi::{answers, until};

const HELLO: &str = "    http-request return status 200 content-type text/plain string hello\n";

fn stage(global: &str) -> Stage {
    Stage::new(global, HELLO, "", &[])
}

#[test]
fn one_line_is_answered_and_the_connection_closed() {
    let stage = stage("");
    assert_eq!(stage.ask("show version"), format!("{}\n", env!("CARGO_PKG_VERSION")));
    let both = stage.ask("show version; show cli level");
    assert_eq!(both, format!("{}\n\nadmin\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(stage.ask(""), "");
    assert_eq!(stage.ask("@1 show cli level"), "admin\n");
    assert!(stage.ask("@7 show cli level").starts_with("'@7' is no process"));
    let sockets = stage.ask("show cli sockets");
    assert_eq!(sockets, "# socket lvl processes\nunix@k.sock admin all\n");
    let environment = stage.ask("show env PATH");
    assert!(environment.starts_with("PATH=") && environment.lines().count() == 1, "{environment}");
    assert_eq!(stage.ask("show env NO_SUCH_VARIABLE"), "Variable not found\n");
}

#[test]
fn a_typo_is_answered_with_what_it_may_have_been() {
    let stage = stage("");
    let answer = stage.ask("show verison");
    assert!(answer.starts_with("Unknown command: 'show', but maybe one of"), "{answer}");
    assert!(answer.contains("\n  show version "), "{answer}");
    assert!(answer.contains("\n  help [<command>]                        : list"), "{answer}");
    let answer = stage.ask("zzzz");
    assert!(
        answer.starts_with("Unknown command: 'zzzz'. Please enter one of the following"),
        "{answer}"
    );
    let help = stage.ask("help show servers");
    assert!(help.starts_with("The following commands are valid at this level:\n"), "{help}");
    assert!(help.contains("show servers state") && !help.contains("set weight"), "{help}");
}

#[test]
fn a_client_that_wants_a_prompt_stays() {
    let stage = stage("");
    let mut stream = connect(&stage.socket());
    stream.write_all(b"prompt\n").expect("it is read");
    assert_eq!(read_until(&mut stream, "> "), "\n> ");
    stream.write_all(b"show cli level\n").expect("it is read");
    assert_eq!(read_until(&mut stream, "> "), "admin\n\n> ");
    stream.write_all(b"operator\nshow cli level\n").expect("it is read");
    assert_eq!(read_until(&mut stream, "operator\n\n> "), "\n> operator\n\n> ");
    stream.write_all(b"set timeout cli 1h; set severity-output number\n").expect("it is read");
    read_until(&mut stream, "> \n> ");
    stream.write_all(b"set weight a/b 1\n").expect("it is read");
    assert_eq!(read_until(&mut stream, "> "), "[3]: Permission denied\n\n> ");
    stream.write_all(b"quit\n").expect("it is read");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the end");
    assert_eq!(rest, "");
}

#[test]
fn levels_are_kept_and_only_ever_lowered() {
    let stage =
        stage("    stats socket unix@user.sock level user\n    stats socket unix@op.sock\n");
    let (user, operator) =
        (stage.folder.path().join("user.sock"), stage.folder.path().join("op.sock"));
    assert_eq!(ask(&user, "show cli level"), "user\n");
    assert_eq!(ask(&operator, "show cli level"), "operator\n");
    for forbidden in ["show env", "operator", "set server a/b state maint", "add map x a b"] {
        assert_eq!(ask(&user, forbidden), "Permission denied\n", "{forbidden}");
    }
    assert_eq!(ask(&operator, "set server a/b state maint"), "Permission denied\n");
    assert!(ask(&operator, "show env PATH").starts_with("PATH="));
    let lowered = stage.ask("user; show cli level; show env; operator");
    assert_eq!(lowered, "\nuser\n\nPermission denied\n\nPermission denied\n");
}

#[test]
fn a_megabyte_is_refused_and_hurts_nobody() {
    let stage = stage("");
    let mut stream = connect(&stage.socket());
    let writer = std::thread::spawn({
        let mut stream = stream.try_clone().expect("a handle");
        move || stream.write_all(&[b'a'; 1 << 20])
    });
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer, not a reset");
    assert_eq!(text, "The line is longer than 16384 bytes (tune.bufsize); nothing was done.\n\n");
    // Whether all of it was taken is the socket's business.
    let _ = writer.join().expect("the writer");
    // The same as a payload.
    let mut stream = connect(&stage.socket());
    let writer = std::thread::spawn({
        let mut stream = stream.try_clone().expect("a handle");
        move || {
            stream.write_all(b"add map x <<\n")?;
            (0..1 << 16).try_for_each(|_| stream.write_all(b"/0123456789012345678901 value\n"))
        }
    });
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer, not a reset");
    assert!(text.starts_with("The payload is longer than 1048576 bytes"), "{text}");
    let _ = writer.join().expect("the writer");
    assert!(stage.ask(&"x ".repeat(100)).starts_with("A command has at most 64 words"));
    assert_eq!(stage.ask("show cli level"), "admin\n");
    answers(stage.port);
}

#[test]
fn a_client_that_never_reads_or_speaks_is_sent_away() {
    // Room for two; both are taken by such clients, until their time is over.
    let map: String = (0..200_000).map(|n| format!("/path/{n} value\n")).collect();
    let rules = format!("    http-request set-header X %[path,map(big.map)]\n{HELLO}");
    let global = "    stats timeout 1s\n    stats maxconn 2\n";
    let stage = Stage::new(global, &rules, "", &[("big.map", &map)]);
    let mut deaf = connect(&stage.socket());
    deaf.write_all(b"show map big.map\n").expect("it is read");
    let _silent = connect(&stage.socket());
    assert_eq!(stage.ask("show cli level"), "admin\n");
    answers(stage.port);
    // The one that does read gets all of it.
    assert_eq!(stage.ask("show map big.map").lines().count(), 200_000);
    let mut text = Vec::new();
    let read = deaf.read_to_end(&mut text);
    assert!(read.is_err() || text.len() < 4 << 20, "it was cut off: {}", text.len());
}

#[test]
fn many_clients_at_once_are_answered() {
    let stage = stage("    stats maxconn 20\n");
    let path = stage.socket();
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || {
                (0..20).for_each(|_| assert_eq!(ask(&path, "show cli level"), "admin\n"));
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().expect("a client"));
    until("it still answers", || stage.ask("show cli level") == "admin\n");
}

#[test]
fn socat_speaks_to_it() {
    let stage = stage("");
    let to = format!("UNIX-CONNECT:{}", stage.socket().display());
    let mut command = std::process::Command::new("socat");
    command.args(["-t10", "-", &to]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        println!("*** SKIPPED: socat_speaks_to_it: socat is not installed ***");
        return;
    };
    let mut input = child.stdin.take().expect("piped");
    input.write_all(b"show cli level\n").expect("it is read");
    drop(input);
    let output = child.wait_with_output().expect("its end");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "admin\n\n");
}
