//! Servers: states, weights, limits.

use crate::client::Stage;
use crate::koi::{Client, free_port, until};

fn stage() -> Stage {
    let (one, two) = (free_port(), free_port());
    let sections = format!(
        "backend app\n    server a 127.0.0.1:{one} weight 10\n    server b 127.0.0.1:{two} disabled\n\
         frontend one\n    bind 127.0.0.1:{one}\n    http-request return status 200 content-type text/plain string one\n\
         frontend two\n    bind 127.0.0.1:{two}\n    http-request return status 200 content-type text/plain string two\n"
    );
    Stage::new("", "    default_backend app\n", &sections, &[])
}

/// Which servers answer twenty requests.
fn who(stage: &Stage) -> Vec<String> {
    let body = |_| {
        let answer = Client::connect(stage.port).get("/").expect("an answer");
        let status = answer.split(' ').nth(1).unwrap_or_default();
        match answer.split_once("\r\n\r\n") {
            Some((_, body)) if status == "200" => body.to_owned(),
            _ => status.to_owned(),
        }
    };
    let mut all: Vec<String> = (0..20).map(body).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn states_change_where_requests_go() {
    let stage = stage();
    assert_eq!(who(&stage), ["one"]);
    assert_eq!(stage.ask("enable server app/b"), "");
    assert_eq!(who(&stage), ["one", "two"]);
    assert_eq!(stage.ask("disable server app/a"), "");
    assert_eq!(who(&stage), ["two"]);
    assert_eq!(stage.ask("set server app/a state ready; set server app/b state drain"), "\n");
    assert_eq!(who(&stage), ["one"]);
    assert_eq!(stage.ask("set server app/b state ready"), "");
    assert_eq!(stage.ask("set server app/a weight 0"), "");
    assert_eq!(who(&stage), ["two"]);
    assert_eq!(stage.ask("get weight app/a"), "0 (initial 10)\n");
    assert_eq!(stage.ask("set weight app/a 50%"), "");
    assert_eq!(stage.ask("get weight app/a"), "5 (initial 10)\n");
    assert_eq!(stage.ask("set server app/a state maint; set server app/b state maint"), "\n");
    assert_eq!(who(&stage), ["503"]);
}

#[test]
fn what_is_wrong_is_said_as_haproxy_says_it() {
    let stage = stage();
    for (command, answer) in [
        ("set server app/zz weight 1", "No such server."),
        ("set server zz/a weight 1", "No such backend."),
        ("set server app", "Require 'backend/server'."),
        ("set server app/a weight 300", "Absolute weight can only be between 0 and 256 inclusive."),
        ("set server app/a weight", "Require <weight> or <weight%>."),
        (
            "set server app/a state drian",
            "'set server <srv> state' expects 'ready', 'drain' and 'maint'.",
        ),
        (
            "set server app/a health foo",
            "'set server <srv> health' expects 'up', 'stopping', or 'down'.",
        ),
        ("set maxconn server app/a", "Require <maxconn>."),
        ("set maxconn server app/a x", "maxconn string empty or preceded by garbage"),
        ("disable server", "Require 'backend/server'."),
        ("get weight app/zz", "No such server."),
        ("show servers state nope", "Can't find backend."),
    ] {
        assert_eq!(stage.ask(command), format!("{answer}\n"), "{command}");
    }
    let usage = stage.ask("set server app/a wieght 1");
    assert!(usage.starts_with("usage: set server <backend>/<server> "), "{usage}");
    assert!(usage.contains("did you mean `weight`?"), "{usage}");
}

#[test]
fn tables_show_states() {
    let stage = stage();
    let row = |server: &str| -> Vec<String> {
        let table = stage.ask("show servers state app");
        let row = table.lines().find(|line| line.split(' ').nth(3) == Some(server)).expect("a row");
        row.split(' ').map(str::to_owned).collect()
    };
    assert_eq!(row("a").len(), 25);
    assert_eq!(row("a")[4..9], ["127.0.0.1", "2", "0", "10", "10"]);
    assert_eq!(row("b")[5..7], ["0", "5"]);
    assert_eq!(stage.ask("set server app/a state drain; set server app/a weight 3"), "\n");
    assert_eq!(row("a")[5..9], ["2", "8", "3", "10"]);
    assert_eq!(stage.ask("show backend"), "# name\napp\n");
    assert_eq!(stage.ask("show servers conn app").lines().count(), 3);
}

/// Maintenance, draining and health of a server that others track are theirs, too, by the time that the command is
/// answered; and they come back with it.
#[test]
fn those_that_track_a_server_follow_commands_at_once() {
    let (one, two) = (free_port(), free_port());
    let sections = format!(
        "backend app\n    server a 127.0.0.1:{one} check inter 60s\n\
         backend other\n    server b 127.0.0.1:{two} track app/a\n    server c 127.0.0.1:{two} track b backup\n\
         frontend one\n    bind 127.0.0.1:{one}\n    http-request return status 200\n\
         frontend two\n    bind 127.0.0.1:{two}\n    http-request return status 200 content-type text/plain string two\n"
    );
    let stage = Stage::new("", "    default_backend other\n", &sections, &[]);
    // The first check has been: no other one comes.
    until("the server was checked", || stage.cell("app", "a", "check_status") == "L4OK");
    let states = || {
        [("app", "a"), ("other", "b"), ("other", "c")]
            .map(|(backend, server)| stage.cell(backend, server, "status"))
    };
    let numbers = || {
        let table = stage.ask("show servers state");
        let lines = table.lines().skip(2).map(|line| line.split(' ').collect::<Vec<_>>());
        lines.map(|it| format!("{} {} {}", it[3], it[5], it[6])).collect::<Vec<_>>()
    };
    let up = ["UP", "UP", "UP"];
    let maint = ["MAINT", "MAINT (via app/a)", "MAINT (via other/b)"];
    assert_eq!(states(), up);
    assert_eq!(who(&stage), ["two"]);
    for command in ["disable server app/a", "set server app/a state maint"] {
        assert_eq!(stage.ask(command), "");
        assert_eq!(states(), maint, "{command}");
        assert_eq!(numbers(), ["a 0 1", "b 0 2", "c 0 2"]);
        assert_eq!(who(&stage), ["503"]);
        // As HAProxy: up, and down with the first check that fails.
        assert_eq!(stage.ask("enable server app/a"), "");
        assert_eq!(states(), ["UP 1/3"; 3]);
        assert_eq!(numbers(), ["a 2 0", "b 2 0", "c 2 0"]);
        assert_eq!(who(&stage), ["two"]);
    }
    assert_eq!(stage.ask("set server app/a state drain"), "");
    assert_eq!(numbers(), ["a 2 8", "b 2 16", "c 2 16"]);
    assert_eq!(who(&stage), ["503"]);
    assert_eq!(stage.ask("set server app/a state ready"), "");
    assert_eq!(numbers(), ["a 2 0", "b 2 0", "c 2 0"]);
    assert_eq!(stage.ask("set server app/a health down"), "");
    assert_eq!(states(), ["DOWN"; 3]);
    assert_eq!(stage.ask("set server app/a health up"), "");
    assert_eq!(states(), up);
    assert_eq!(
        stage.ask("set server other/b health down"),
        "cannot change health on a tracking server.\n"
    );
    // Its own maintenance stays where the one that it tracks comes back.
    assert_eq!(stage.ask("disable server other/b"), "");
    assert_eq!(states(), ["UP", "MAINT", "MAINT (via other/b)"]);
    assert_eq!(stage.ask("disable server app/a; enable server app/a"), "\n");
    assert_eq!(numbers(), ["a 2 0", "b 0 1", "c 0 2"]);
    assert_eq!(stage.ask("disable server app/a; enable server other/b"), "\n");
    assert_eq!(numbers(), ["a 0 1", "b 0 2", "c 0 2"]);
    assert_eq!(stage.ask("enable server app/a"), "");
    assert_eq!(numbers(), ["a 2 0", "b 2 0", "c 2 0"]);
}
