//! What differs between two outcomes, and what may.
//!
//! A difference has a name: `answer 1 start`, `answer 1 field NAME`, `answer 1 body`, `answer 1 cut`,
//! `answer 1 page` (both gave a page of their own),
//! `text 1`, `answers`, `after`, `requests`, `request 1 start`, `request 1 field NAME`,
//! `request 1 body`, `request 1 trailers`, `request 1 origin`, `request 1 connection`,
//! `request 1 echoed`, `lines`, `line 1` (of the log), `clinging`.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use super::end_to_end::escape;
use super::end_to_end::message::Message;
use super::end_to_end::origin::Taken;
use super::end_to_end::script::Case;
use super::stage::{Event, Outcome};

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    what: String,
    theirs: String,
    ours: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: HAProxy `{}`, Koi `{}`", self.what, self.theirs, self.ours)
    }
}

/// What built-in pages begin with, and the type they say.
const THEIR_PAGE: (&[u8], &str) = (b"<html><body><h1>", "text/html");
const OUR_PAGE: (&[u8], &str) =
    (b"<!DOCTYPE html>\n<html><head><title>", "text/html; charset=utf-8");

/// What differs as the page does.
const PAGE_FIELDS: &[&str] = &["content-length", "content-type"];

/// Whether it is an answer of the proxy's own with a page that nobody configured (to HEAD, without).
fn is_built_in(message: &Message, (begin, kind): (&[u8], &str)) -> bool {
    let is_page = message.body.is_empty() || message.body.starts_with(begin);
    is_page
        && message.value("content-type") == Some(kind)
        && message.value("cache-control") == Some("no-cache")
}

#[derive(Default)]
struct Found(Vec<Difference>);

impl Found {
    fn unless_equal(&mut self, what: String, theirs: String, ours: String) {
        if theirs != ours {
            self.0.push(Difference { what, theirs, ours });
        }
    }

    fn messages(&mut self, what: &str, theirs: &Message, ours: &Message) {
        let show = |text: &str| text.escape_debug().to_string();
        let (mut theirs, mut ours) = (theirs.clone(), ours.clone());
        if is_built_in(&theirs, THEIR_PAGE) && is_built_in(&ours, OUR_PAGE) {
            let page = |message: &Message| escape::show(&message.body);
            self.unless_equal(format!("{what} page"), page(&theirs), page(&ours));
            for message in [&mut theirs, &mut ours] {
                message.start.truncate("HTTP/1.1 400".len());
                message.fields.retain(|field| !PAGE_FIELDS.contains(&&*field.0));
                message.body.clear();
            }
        }
        self.unless_equal(format!("{what} start"), show(&theirs.start), show(&ours.start));
        if theirs.status() != ours.status() {
            return; // another verdict: what it comes with differs, too
        }
        let (theirs, ours) = (&theirs, &ours);
        let names: BTreeSet<&String> =
            theirs.fields.iter().chain(&ours.fields).map(|field| &field.0).collect();
        for name in names {
            let values =
                |message: &Message| show(&message.values(name).collect::<Vec<_>>().join(" | "));
            let absent = |message: &Message| message.value(name).is_none();
            let shown = |message| if absent(message) { "(none)".into() } else { values(message) };
            self.unless_equal(format!("{what} field {name}"), shown(theirs), shown(ours));
        }
        let body = |message: &Message| escape::show(&message.body);
        if theirs.body != ours.body {
            self.unless_equal(format!("{what} body"), body(theirs), body(ours));
        }
        let trailers = |message: &Message| format!("{:?}", message.trailers);
        self.unless_equal(format!("{what} trailers"), trailers(theirs), trailers(ours));
        let cut = |message: &Message| message.cut.is_some().to_string();
        self.unless_equal(format!("{what} cut"), cut(theirs), cut(ours));
    }
}

/// What differs.
pub fn differences(theirs: &Outcome, ours: &Outcome) -> Vec<Difference> {
    let mut found = Found::default();
    let kinds = |outcome: &Outcome| outcome.events.iter().map(kind).collect::<Vec<_>>().join(" ");
    found.unless_equal("answers".into(), kinds(theirs), kinds(ours));
    for (index, pair) in theirs.events.iter().zip(&ours.events).enumerate() {
        let number = index + 1;
        match pair {
            (Event::Answer(theirs), Event::Answer(ours)) => {
                found.messages(&format!("answer {number}"), theirs, ours);
            }
            (Event::Text(theirs, _), Event::Text(ours, _)) => {
                found.unless_equal(
                    format!("text {number}"),
                    escape::show(theirs),
                    escape::show(ours),
                );
            }
            _ => {}
        }
    }

    let after = |outcome: &Outcome| format!("{:?}", outcome.after);
    found.unless_equal("after".into(), after(theirs), after(ours));
    let lines = |outcome: &Outcome| {
        let lines: Vec<&str> = outcome.requests.iter().map(|it| &*it.request.start).collect();
        lines.join(" | ")
    };
    if theirs.requests.len() != ours.requests.len() {
        found.unless_equal("requests".into(), lines(theirs), format!("{} ", lines(ours)));
    }
    for (index, (theirs, ours)) in theirs.requests.iter().zip(&ours.requests).enumerate() {
        requests(&mut found, &format!("request {}", index + 1), theirs, ours);
    }
    let count = |outcome: &Outcome| outcome.lines.len().to_string();
    found.unless_equal("lines".into(), count(theirs), count(ours));
    for (index, (theirs, ours)) in theirs.lines.iter().zip(&ours.lines).enumerate() {
        found.unless_equal(format!("line {}", index + 1), theirs.clone(), ours.clone());
    }
    found.unless_equal("clinging".into(), theirs.clinging.to_string(), ours.clinging.to_string());
    found.0
}

fn requests(found: &mut Found, what: &str, theirs: &Taken, ours: &Taken) {
    found.messages(what, &theirs.request, &ours.request);
    found.unless_equal(format!("{what} origin"), theirs.origin.clone(), ours.origin.clone());
    let connection = |taken: &Taken| taken.connection.to_string();
    found.unless_equal(format!("{what} connection"), connection(theirs), connection(ours));
    let echoed = |taken: &Taken| escape::show(&taken.echoed);
    found.unless_equal(format!("{what} echoed"), echoed(theirs), echoed(ours));
}

fn kind(event: &Event) -> String {
    match event {
        Event::Answer(message) => message.status().to_string(),
        Event::None(end) => format!("none({})", is_silent(*end)),
        Event::Text(_, None) => "text".to_owned(),
        Event::Text(_, Some(end)) => format!("ended({})", is_silent(*end)),
    }
}

/// A reset and an orderly end are the same to a client that knows how long messages are.
fn is_silent(end: super::end_to_end::wire::End) -> &'static str {
    if end == super::end_to_end::wire::End::Silent { "silent" } else { "closed" }
}

/// Differences that are wanted: lines of `case | what | reason`; a `*` stands for anything.
pub struct Allowed {
    entries: Vec<Entry>,
}

struct Entry {
    line: usize,
    case: String,
    what: String,
    used: bool,
}

impl Allowed {
    /// The list.
    pub fn read(path: &Path) -> Allowed {
        let text = fs::read_to_string(path).expect("the list of allowed differences");
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let entry = |(index, line): (usize, &str)| {
            let parts: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
            let [case, what, reason] = parts[..] else { panic!("`{line}`: not three parts") };
            assert!(!reason.is_empty(), "`{line}` gives no reason");
            Entry { line: index + 1, case: case.into(), what: what.into(), used: false }
        };
        Allowed { entries: lines.map(entry).collect() }
    }

    /// The differences that are not allowed.
    pub fn without(&mut self, case: &str, differences: Vec<Difference>) -> Vec<Difference> {
        let mut left = differences;
        left.retain(|difference| {
            let mut is_allowed = false;
            for entry in &mut self.entries {
                if fits(&entry.case, case) && fits(&entry.what, &difference.what) {
                    entry.used = true;
                    is_allowed = true;
                }
            }
            !is_allowed
        });
        left
    }

    /// Entries without need. Only those that name cases which were played count.
    pub fn unused(&self, cases: &[Case], wanted: &str) -> Vec<String> {
        let unused = self.entries.iter().filter(|entry| !entry.used);
        unused
            .filter(|entry| wanted.is_empty() || cases.iter().any(|case| entry.case == case.name))
            .map(|entry| format!("allowed.txt:{}: nothing differs like that", entry.line))
            .collect()
    }
}

/// Whether a text fits a pattern with `*` for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
