//! Walks the tables that rules are made of: actions, fetches, converters, names of ACLs.

use koi::config::advice;
use koi::config::keyword::Status;
use koi::rules::action::{self, Ruleset};
use koi::rules::fetch::acl_names;
use koi::rules::{convert, fetch};

use crate::harness::{compiled, haproxy, list, messages};

/// Whether the rules of this keyword have an action. HAProxy's list writes a star behind a name that
/// may go on.
pub fn has_action(keyword: &str, name: &str) -> bool {
    let found = action::find(name.trim_end_matches('*'));
    let ruleset = Ruleset::ALL.into_iter().find(|ruleset| ruleset.keyword() == keyword);
    found.zip(ruleset).is_some_and(|(entry, ruleset)| entry.rulesets.has(ruleset))
        || REMOVED.contains(&name)
}

/// What HAProxy lists and this build names nowhere.
const REMOVED: &[&str] = &[];

/// What examples name.
const NAMED: &str = "global\n    expose-experimental-directives\n\
                     userlist staff\n    user a insecure-password b\n\
                     userlist admins\n    user a insecure-password b\n\
                     resolvers dns\n    nameserver a 192.0.2.53:53\n\
                     cache static\n    total-max-size 4\n\
                     http-errors mysite\n\
                     backend t\n    stick-table type ip size 1k expire 1m store \
                     gpc(4),gpt(4),conn_cnt,conn_cur,conn_rate(1m),http_req_cnt,http_req_rate(1m)\n";

/// What is wrong with a line in a `listen` section, with the advice that it brings.
fn said(line: &str) -> (Vec<String>, Vec<&'static str>, bool) {
    let text = format!(
        "{NAMED}listen l\n    mode http\n    bind :80\n    timeout tarpit 1s\n    \
         stick-table type ip size 1k\n    server s1 192.0.2.1:80\n    \
         filter bwlim-out slow default-limit 1m default-period 10s\n    {line}\n"
    );
    let (plan, report) = compiled(&text);
    let advice = report.faults.iter().filter_map(|fault| fault.advice).collect();
    (messages(&plan, &report), advice, !report.missing.is_empty())
}

/// What is wrong with an entry, whose example is in `line`.
fn wrong(name: &str, status: Status, line: &str) -> Option<String> {
    let (errors, advice, later) = said(line);
    let right = match status {
        Status::Refused { why, .. } => {
            let wanted = format!("`{name}` is not possible: {why}");
            matches!(&errors[..], [only] if only.ends_with(&wanted))
        }
        Status::Later(_) => errors.is_empty() && later,
        Status::NoEffect(_) => errors.is_empty() && advice.contains(&advice::NO_EFFECT.name),
        Status::Supported => errors.is_empty(),
    };
    (!right).then(|| format!("{line}: {errors:?}"))
}

fn assert_none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn actions_do_what_their_entries_say() {
    let all = action::all().filter_map(|entry| {
        let lines = entry.rulesets.iter().map(|it| format!("{} {}", it.keyword(), entry.example));
        wrong_everywhere(entry.name, entry.status, lines)
    });
    assert_none(all.collect());
}

/// Where an expression is evaluated, one kind of rules a line.
const PLACES: &[&str] = &[
    "http-request set-var(txn.a)",
    "http-response set-var(txn.a)",
    "tcp-request session set-var(sess.a)",
    "tcp-request connection set-var(sess.a)",
    "tcp-request content set-var(sess.a)",
    "tcp-check set-var(check.a)",
];

/// What is wrong with the first of these lines, unless one of them is right.
fn wrong_everywhere(
    name: &str,
    status: Status,
    lines: impl Iterator<Item = String>,
) -> Option<String> {
    let mut wrong = lines.map(|line| wrong(name, status, &line));
    let first = wrong.next()??;
    wrong.all(|it| it.is_some()).then_some(first)
}

/// An expression in every place, and in a line of the log, where it must be quoted.
fn places(example: &str) -> impl Iterator<Item = String> {
    let rules = PLACES.iter().map(move |place| format!("{place} {example}"));
    rules.chain([format!("log-format '%[{example}]'")])
}

#[test]
fn fetches_do_what_their_entries_say() {
    let all =
        fetch::all().filter_map(|it| wrong_everywhere(it.name, it.status, places(it.example)));
    assert_none(all.collect());
}

#[test]
fn converters_do_what_their_entries_say() {
    let all =
        convert::all().filter_map(|it| wrong_everywhere(it.name, it.status, places(it.example)));
    assert_none(all.collect());
}

#[test]
fn entries_are_complete() {
    let actions = action::all().map(|it| (it.name, it.about, it.example));
    let fetches = fetch::all().map(|it| (it.name, it.about, it.example));
    let converters = convert::all().map(|it| (it.name, it.about, it.example));
    for (name, about, example) in actions.chain(fetches).chain(converters) {
        assert!(about.ends_with('.'), "{name} is about: {about:?}");
        assert!(example.contains(name), "{name} is not what `{example}` shows");
    }
}

/// `name(a[,b]): out` as the name and what is behind the colon.
fn name_and_types(line: &str) -> (&str, &str) {
    let name = line.split(['(', ':']).next().unwrap_or_default();
    (name, line.rsplit_once(": ").map_or("", |(_, types)| types))
}

#[test]
fn haproxys_fetches_are_in_the_table() {
    let Some(program) = haproxy() else { return };
    let lines = list(&program, "smp");
    assert!(lines.len() > 300, "{lines:?}");
    let behind = |line: &str| line.split_once("] ").map_or(String::new(), |it| it.1.to_owned());
    let names = lines.iter().map(|line| behind(line));
    let missing = names.filter(|line| fetch::find(name_and_types(line).0).is_none());
    assert_none(missing.collect());
}

#[test]
fn haproxys_names_of_acls_are_in_the_table() {
    let Some(program) = haproxy() else { return };
    let lines = list(&program, "acl");
    assert!(lines.len() > 50, "{lines:?}");
    let missing = lines.into_iter().filter(|line| {
        let name = line.split(' ').next().unwrap_or_default();
        acl_names::acl_name(name).is_none() && fetch::find(name).is_none()
    });
    assert_none(missing.collect());
}

#[test]
fn haproxys_converters_are_in_the_table() {
    let Some(program) = haproxy() else { return };
    let lines = list(&program, "cnv");
    assert!(lines.len() > 100, "{lines:?}");
    let short = |kind: koi::rules::value::Type| match kind.to_string().as_str() {
        "boolean" => "bool".to_owned(),
        "integer" => "sint".to_owned(),
        "address" => "addr".to_owned(),
        "string" => "str".to_owned(),
        "binary" => "bin".to_owned(),
        "same as its input" => "same".to_owned(),
        other => other.to_owned(),
    };
    let differ = lines.iter().filter(|line| {
        let (name, types) = name_and_types(line);
        let Some(converter) = convert::find(name) else { return true };
        types != format!("{} => {}", short(converter.output), short(converter.input))
    });
    assert_none(differ.cloned().collect());
}
