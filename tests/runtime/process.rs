//! Frontends that pause, and what the process tells of itself.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use crate::client::Stage;
use crate::koi::Client;

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
    assert!(stage.ask("show errors").starts_with("This build captures no messages"));
}
