//! The comparison: the recorded verdicts with HAProxy's, and Koi's with the recorded ones.
//!
//! Goes in: cases, the folder their files lie in, the differences that are allowed. Comes out:
//! lines for the terminal, or a panic that lists all that is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::folder::Folder;
use super::haproxy::{Haproxy, Ruling};
use super::koi::{self, Answer};
use super::run::in_parallel;
use super::verdict::{Case, Verdict};

/// Whether the verdicts are to be written down anew.
pub fn is_recording() -> bool {
    std::env::var_os("KOI_RECORD").is_some_and(|value| value != "0")
}

/// HAProxy's verdict of every case, each change told on the terminal.
pub fn record(cases: &[Case], folder: &Folder) -> Vec<Verdict> {
    let haproxy = Haproxy::find().unwrap_or_else(|why| panic!("nothing to record from: {why}"));
    let rulings = ask_haproxy(&haproxy, &cases.iter().collect::<Vec<_>>(), folder);
    for (case, ruling) in cases.iter().zip(&rulings) {
        if case.recorded != Some(ruling.verdict) {
            let before = case.recorded.map_or("nothing".to_owned(), |verdict| verdict.to_string());
            println!("{}: {before} -> {}: {}", case.name, ruling.verdict, ruling.message);
        }
    }
    println!("recorded {} from {haproxy}", count(rulings.iter().map(|ruling| ruling.verdict)));
    rulings.iter().map(|ruling| ruling.verdict).collect()
}

/// Both halves of the test, for the cases that `KOI_CASES` wants: those whose name contains it, or
/// all. Panics with the list of all faults.
pub fn check(cases: &[Case], folder: &Folder, allowed: &Path) {
    let wanted = std::env::var("KOI_CASES").unwrap_or_default();
    let cases: Vec<&Case> = cases.iter().filter(|case| case.name.contains(&wanted)).collect();
    println!("{}", count(cases.iter().map(|case| expected(case))));
    let rulings = rulings(&cases, folder);
    let mut faults = rulings.as_ref().map_or(Vec::new(), |rulings| unconfirmed(&cases, rulings));
    let mut allowed = read_allowed(allowed);
    allowed.retain(|name, _| name.contains(&wanted));
    faults.extend(compare(&cases, folder, rulings.as_deref(), &allowed));
    assert!(faults.is_empty(), "{} faults:\n{}\n", faults.len(), faults.join("\n"));
}

/// HAProxy's, if there is one to ask.
fn rulings(cases: &[&Case], folder: &Folder) -> Option<Vec<Ruling>> {
    match Haproxy::find() {
        Ok(haproxy) => {
            println!("confirming them by {haproxy}");
            Some(ask_haproxy(&haproxy, cases, folder))
        }
        Err(why) => {
            println!("*** SKIPPED: confirming the recorded verdicts: {why} ***");
            None
        }
    }
}

fn ask_haproxy(haproxy: &Haproxy, cases: &[&Case], folder: &Folder) -> Vec<Ruling> {
    in_parallel(cases, |case| {
        haproxy.judge(folder, &folder.put(&case.name, &folder.fill_in(&case.text)))
    })
}

fn expected(case: &Case) -> Verdict {
    case.recorded.unwrap_or_else(|| panic!("{} has no verdict yet: KOI_RECORD=1", case.name))
}

/// The cases of which HAProxy says something else than what is recorded.
fn unconfirmed(cases: &[&Case], rulings: &[Ruling]) -> Vec<String> {
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
    cases: &[&Case],
    folder: &Folder,
    rulings: Option<&[Ruling]>,
    allowed: &BTreeMap<String, String>,
) -> Vec<String> {
    let answers = in_parallel(cases, |case| {
        koi::ask(folder, &folder.put(&case.name, &folder.fill_in(&case.text)))
    });
    let (mut faults, mut kinds) = (Vec::new(), BTreeMap::new());
    for (index, (case, answer)) in cases.iter().zip(&answers).enumerate() {
        let difference = answer.difference(expected(case));
        let kind = match (difference, allowed.contains_key(&case.name)) {
            (None, false) => "equal",
            (Some(_), true) => "allowed to differ",
            (None, true) => {
                faults.push(format!("{}: allowed, but equal now", case.name));
                "equal, though allowed to differ"
            }
            (Some(difference), false) => {
                let message = rulings.map_or("", |rulings| &rulings[index].message);
                faults.push(difference_line(case, message, answer));
                difference
            }
        };
        *kinds.entry(kind).or_insert(0) += 1;
    }
    for name in allowed.keys().filter(|name| !cases.iter().any(|case| case.name == **name)) {
        faults.push(format!("{name}: allowed, but there is no such case"));
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("Koi: {}", kinds.join(", "));
    faults
}

fn difference_line(case: &Case, message: &str, answer: &Answer) -> String {
    let (name, verdict, brief) = (&case.name, expected(case), answer.brief());
    let message = if message.is_empty() { String::new() } else { format!(" ({message})") };
    format!("{name}: HAProxy {verdict}{message}; Koi {brief}")
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
