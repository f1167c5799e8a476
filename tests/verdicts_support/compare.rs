//! The comparison: the recorded verdicts with HAProxy's, and Koi's with the recorded ones.
//!
//! Goes in: cases, the folder their files lie in, the differences that are allowed. Comes out:
//! lines for the terminal, or a panic that lists all that is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::folder::Folder;
use super::haproxy::{Haproxy, Ruling};
use super::koi;
use super::run::in_parallel;
use super::verdict::{Case, Verdict};

/// Whether the verdicts are to be written down anew.
pub fn is_recording() -> bool {
    std::env::var_os("KOI_RECORD").is_some_and(|value| value != "0")
}

/// HAProxy's verdict of every case, each change told on the terminal.
pub fn record(cases: &[Case], folder: &Folder) -> Vec<Verdict> {
    let haproxy = Haproxy::find().unwrap_or_else(|why| panic!("nothing to record from: {why}"));
    let rulings = ask_haproxy(&haproxy, cases, folder);
    for (case, ruling) in cases.iter().zip(&rulings) {
        if case.recorded != Some(ruling.verdict) {
            let before = case.recorded.map_or("nothing".to_owned(), |verdict| verdict.to_string());
            println!("{}: {before} -> {}: {}", case.name, ruling.verdict, ruling.message);
        }
    }
    println!("recorded {} from {haproxy}", count(rulings.iter().map(|ruling| ruling.verdict)));
    rulings.iter().map(|ruling| ruling.verdict).collect()
}

/// Both halves of the test. Panics with the list of all faults.
pub fn check(cases: &[Case], folder: &Folder, allowed: &Path) {
    println!("{}", count(cases.iter().map(expected)));
    let rulings = match Haproxy::find() {
        Ok(haproxy) => Some((ask_haproxy(&haproxy, cases, folder), haproxy)),
        Err(why) => {
            println!("*** SKIPPED: confirming the recorded verdicts: {why} ***");
            None
        }
    };
    let mut faults = Vec::new();
    if let Some((rulings, haproxy)) = &rulings {
        let wrong = unconfirmed(cases, rulings);
        println!("{haproxy} confirms {} of {}", cases.len() - wrong.len(), cases.len());
        faults.extend(wrong);
    }
    let allowed = read_allowed(allowed);
    faults.extend(compare(
        cases,
        folder,
        rulings.as_ref().map(|(rulings, _)| &rulings[..]),
        &allowed,
    ));
    assert!(faults.is_empty(), "{} faults:\n{}\n", faults.len(), faults.join("\n"));
}

fn ask_haproxy(haproxy: &Haproxy, cases: &[Case], folder: &Folder) -> Vec<Ruling> {
    in_parallel(cases, |case| {
        haproxy.judge(folder, &folder.put(&case.name, &folder.fill_in(&case.text)))
    })
}

fn expected(case: &Case) -> Verdict {
    case.recorded.unwrap_or_else(|| panic!("{} has no verdict yet: KOI_RECORD=1", case.name))
}

/// The cases of which HAProxy says something else than what is recorded.
fn unconfirmed(cases: &[Case], rulings: &[Ruling]) -> Vec<String> {
    let wrong = cases.iter().zip(rulings).filter(|(case, now)| expected(case) != now.verdict);
    wrong
        .map(|(case, now)| {
            let (name, recorded) = (&case.name, expected(case));
            format!("{name}: recorded `{recorded}`; HAProxy now {}: {}", now.verdict, now.message)
        })
        .collect()
}

/// The cases of which Koi says something else, unless that is allowed; and whatever is allowed
/// without need.
fn compare(
    cases: &[Case],
    folder: &Folder,
    rulings: Option<&[Ruling]>,
    allowed: &BTreeMap<String, String>,
) -> Vec<String> {
    let answers = in_parallel(cases, |case| {
        koi::ask(folder, &folder.put(&case.name, &folder.fill_in(&case.text)))
    });
    let mut faults = Vec::new();
    let mut needed = 0;
    for (index, (case, answer)) in cases.iter().zip(&answers).enumerate() {
        let verdict = expected(case);
        match (answer.equals(verdict), allowed.get(&case.name)) {
            (true, None) => {}
            (false, Some(_)) => needed += 1,
            (true, Some(_)) => faults.push(format!("{}: allowed, but equal now", case.name)),
            (false, None) => {
                let message = rulings.map_or("", |rulings| &rulings[index].message);
                let (name, brief) = (&case.name, answer.brief());
                faults.push(format!("{name}: HAProxy {verdict} ({message}); Koi {brief}"));
            }
        }
    }
    for name in allowed.keys().filter(|name| !cases.iter().any(|case| case.name == **name)) {
        faults.push(format!("{name}: allowed, but there is no such case"));
    }
    println!("Koi differs in {}, {needed} of them as allowed", faults.len() + needed);
    faults
}

/// `case-name: reason` per line; lines with `#` and empty ones say nothing.
fn read_allowed(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).expect("the list of allowed differences");
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match line.split_once(": ") {
            Some((name, reason)) if !reason.trim().is_empty() => {
                (name.to_owned(), reason.to_owned())
            }
            _ => panic!("{}: `{line}` gives no reason", path.display()),
        })
        .collect()
}

fn count(verdicts: impl Iterator<Item = Verdict>) -> String {
    let (good, bad): (Vec<_>, Vec<_>) = verdicts.partition(|verdict| *verdict == Verdict::Accepts);
    format!("{} cases: {} accepted, {} refused", good.len() + bad.len(), good.len(), bad.len())
}
