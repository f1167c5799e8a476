//! Koi serves what HAProxy 3.0 serves: one configuration, the same requests to both, the same scripts
//! for the origins behind both; what the client gets and what the origins get must be equal.
//!
//! ```sh
//! KOI_HAPROXY=/usr/sbin/haproxy cargo test --test side_by_side
//! KOI_CASES=rules/deny cargo test --test side_by_side -- --nocapture   # only those, all shown
//! KOI_SUBJECT=/usr/sbin/haproxy cargo test --test side_by_side         # HAProxy beside itself
//! ```
//!
//! The configuration is `tests/side_by_side/site.cfg`, the cases are in `tests/side_by_side/AREA.txt`
//! (see `end_to_end/script.rs`); `allowed.txt` lists where Koi differs, and why.

#[path = "side_by_side/compare.rs"]
mod compare;
mod end_to_end;
#[path = "side_by_side/stage.rs"]
mod stage;

use compare::Allowed;
use end_to_end::proxy::Program;
use end_to_end::script::{self, Case};
use stage::{Outcome, Stage};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// A case that takes longer is told: something probably waits in vain.
const SLOW: Duration = Duration::from_secs(5);

/// `tests/side_by_side/NAME`.
fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/side_by_side").join(name)
}

#[test]
fn koi_serves_as_haproxy_does() {
    let haproxy = match Program::haproxy() {
        Ok(haproxy) => haproxy,
        Err(why) => {
            println!("*** SKIPPED: Koi beside HAProxy: {why} ***");
            return;
        }
    };
    let wanted = std::env::var("KOI_CASES").unwrap_or_default();
    let mut cases = script::read_folder(&place(""));
    cases.retain(|case| case.name.contains(&wanted));
    let run = |program: &Program| -> Vec<Outcome> {
        let mut stage = Stage::start(program);
        let play = |case: &Case| {
            let start = Instant::now();
            let outcome = stage.play(case);
            if start.elapsed() > SLOW {
                println!("{} took {:?} with {}", case.name, start.elapsed(), program.name);
            }
            outcome
        };
        cases.iter().map(play).collect()
    };
    let (theirs, ours) = thread::scope(|scope| {
        let theirs = scope.spawn(|| run(&haproxy));
        let ours = scope.spawn(|| run(&Program::koi()));
        (theirs.join(), ours.join())
    });
    let (theirs, ours) = (theirs.expect("HAProxy's side"), ours.expect("Koi's side"));
    let mut allowed = Allowed::read(&place("allowed.txt"));
    let mut faults = Vec::new();
    for ((case, theirs), ours) in cases.iter().zip(&theirs).zip(&ours) {
        let differences = compare::differences(theirs, ours);
        let left = allowed.without(&case.name, differences);
        if !wanted.is_empty() {
            println!("== {}\n-- HAProxy\n{theirs}-- Koi\n{ours}", case.name);
        }
        faults.extend(left.iter().map(|difference| format!("{}: {difference}", case.name)));
    }
    let requests: usize = ours.iter().map(|outcome| outcome.requests.len()).sum();
    println!("{} cases; {requests} requests reached Koi's origins", cases.len());
    if !Program::is_stand_in() {
        faults.extend(allowed.unused(&cases, &wanted));
    }
    assert!(faults.is_empty(), "{} differences:\n{}\n", faults.len(), faults.join("\n"));
}
