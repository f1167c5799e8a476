//! The command line as a new user meets it.

use std::process::{Command, Output};

fn koi(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_koi")).args(words).output().expect("koi runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_demonstration_serves() {
    let words = ["demo", "--once", "--port", "0", "--tls-port", "0", "--requests", "50"];
    let output = koi(&words);
    let (said, logged) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{logged}");
    for line in [
        "302 -> https://app.localhost:",
        "200 origin app, which saw X-Forwarded-For: 127.0.0.1",
        "200 origin wiki, which saw X-Forwarded-For: 127.0.0.1",
        "200 origin files, which saw X-Forwarded-For: 127.0.0.1",
        "200 origin app, which saw X-Forwarded-For: 198.51.100.7",
        "https://nobody.localhost/                        503",
        "50 requests over one TLS connection: all answered",
    ] {
        assert!(said.contains(line), "{line} in {said}{logged}");
    }
    // Which ring runs is always said.
    assert!(logged.contains("worker 0: "), "{logged}");
}

#[test]
fn wrong_words_are_answered_with_what_to_write() {
    for (words, advice) in [
        (&["demo", "--ring", "foo"][..], "auto, uring, kqueue or poll"),
        (&["demo", "--port", "70000"], "--port 70000: not a number that fits"),
        (&["demo", "--nonsense"], "koi demo [--port N]"),
        (&["-f", "no-such-file.cfg"], "cannot read `no-such-file.cfg`: there is no such file"),
        (&[], "koi demo [--port N]"),
    ] {
        let output = koi(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(text(&output.stderr).contains(advice), "{words:?}: {}", text(&output.stderr));
    }
}
