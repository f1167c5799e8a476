//! Walks the keyword table: every entry is complete, and does what it says.

use std::collections::BTreeSet;

use koi::config::advice;
use koi::config::keyword::{Keyword, Parse, Status};
use koi::config::keywords::{self, bind_options, server_options};
use koi::config::section::{Section, Sections};

#[path = "keywords/harness.rs"]
mod harness;
#[path = "keywords/rules.rs"]
mod rules;
#[path = "keywords/verdicts.rs"]
mod verdicts;

/// Sections whose header is an error, so that their lines say nothing.
const REFUSED: Sections =
    Sections::LOG_FORWARD.or(Sections::FCGI_APP).or(Sections::PROGRAM).or(Sections::TRACES);

/// What a section cannot do without, each line with the keywords that stand for it.
fn needs(section: Section) -> &'static [(&'static str, &'static [&'static str])] {
    match section {
        Section::Global => {
            &[("expose-experimental-directives", &["expose-experimental-directives"])]
        }
        Section::Cache => &[("total-max-size 4", &["total-max-size"])],
        Section::Carp => &[
            ("interface em0", &["interface"]),
            ("vhid 7", &["vhid"]),
            ("pass sesame", &["pass", "pass-file", "key-hex"]),
            ("address 198.51.100.7/32", &["address"]),
        ],
        _ => &[],
    }
}

/// Sections that examples name.
const NAMED: &str = "http-errors mysite\nbackend web\n";

/// An example in the smallest configuration that it can stand in, and its line.
fn wrapped(keyword: &Keyword, section: Section) -> (String, usize) {
    let name = match section {
        Section::Global | Section::Traces => "",
        _ => " name",
    };
    let mut text = format!("{}{name}\n", section.word());
    for (line, keywords) in needs(section) {
        if !keywords.contains(&keyword.name) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text.push_str(&format!("    {}\n", keyword.example));
    let line = text.lines().count();
    (text + NAMED, line)
}

#[test]
fn every_example_does_what_its_entry_says() {
    for keyword in keywords::all() {
        for section in keyword.sections.iter() {
            let (text, line) = wrapped(keyword, section);
            let (plan, report) = harness::check(&text);
            let errors = harness::messages(&plan, &report);
            match keyword.status {
                Status::Refused { why, .. } => {
                    let expected = match REFUSED.has(section) {
                        true => format!("1: `{}` sections are not possible", section.word()),
                        false => format!("{line}: `{}` is not possible: {why}", keyword.name),
                    };
                    assert_eq!(errors, [expected], "{text}");
                }
                Status::Later(feature) => {
                    assert!(errors.is_empty(), "{text}{errors:#?}");
                    assert!(report.missing.contains_key(&feature), "{text}");
                }
                Status::NoEffect(_) => {
                    assert!(errors.is_empty(), "{text}{errors:#?}");
                    let names = report.faults.iter().filter_map(|fault| fault.advice);
                    assert!(names.into_iter().any(|name| name == advice::NO_EFFECT.name), "{text}");
                }
                Status::Supported => assert!(errors.is_empty(), "{text}{errors:#?}"),
            }
        }
    }
}

#[test]
fn no_section_has_a_keyword_twice() {
    let mut seen = BTreeSet::new();
    for keyword in keywords::all() {
        for section in keyword.sections.iter() {
            assert!(seen.insert((section, keyword.name)), "{} {}", section.word(), keyword.name);
        }
    }
}

#[test]
fn every_entry_is_complete() {
    for keyword in keywords::all() {
        let (name, example) = (keyword.name, keyword.example);
        assert!(keyword.sections.iter().next().is_some(), "{name} is legal nowhere");
        assert!(keyword.about.ends_with('.'), "{name} is about: {:?}", keyword.about);
        let plain = ["no ", "default "].iter().find_map(|prefix| example.strip_prefix(prefix));
        let rest = plain.unwrap_or(example).strip_prefix(name);
        assert!(
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')),
            "{name} is not what `{example}` shows"
        );
        let words = rest.is_some_and(|rest| !rest.is_empty());
        let wanted = matches!(keyword.parse, Parse::Count(least, _) if least > 0);
        assert!(!(words || wanted) || !keyword.syntax.is_empty(), "{name} has no syntax");
        assert!(!name.contains("  ") && !name.ends_with(' '), "{name:?}");
    }
}

/// Whether the table has a keyword in one of `sections`, of this name, or with this first word.
fn has(sections: Sections, name: &str) -> bool {
    keywords::all().any(|keyword| {
        let first = keyword.name.split(' ').next();
        (keyword.name == name || first == Some(name))
            && keyword.sections.iter().any(|section| sections.has(section))
    })
}

/// What HAProxy's list of the proxies' keywords has and the tables have not. Options of `bind` and
/// `server` and actions of rules are in tables of their own: see [`in_other_tables`].
fn missing_of_proxies(listed: &[String]) -> Vec<&str> {
    let mut missing = Vec::new();
    for line in listed {
        let words: Vec<&str> = line.split_whitespace().collect();
        let found = match words[..] {
            ["option", name, ..] => has(Sections::PROXIES, &format!("option {name}")),
            [name] => has(Sections::PROXIES, name),
            _ => in_other_tables(&words) || has(Sections::PROXIES, line),
        };
        if !found {
            missing.push(line.as_str());
        }
    }
    missing
}

/// Whether a line of HAProxy's list with more than one word is in a table of options or actions:
/// `bind <addr> [ssl] NAME [+1]`, `server <name> <addr> NAME [+1]`, `http-request ACTION[*]`. One
/// that ends with a star may go on: `set-var(`.
fn in_other_tables(words: &[&str]) -> bool {
    match *words {
        ["bind", "<addr>", "ssl", name, ..] | ["bind", "<addr>", name, ..] => {
            bind_options::find(name).is_some()
        }
        ["server", "<name>", "<addr>", name, ..] => {
            server_options::OPTIONS.iter().any(|option| option.name == name)
        }
        [http @ ("http-request" | "http-response" | "http-after-response"), name] => {
            rules::has_action(http, name)
        }
        [tcp @ ("tcp-request" | "tcp-response"), list, name] => {
            rules::has_action(&format!("{tcp} {list}"), name)
        }
        _ => false,
    }
}

#[test]
fn every_keyword_of_haproxy_is_in_the_table() {
    let Some(program) = harness::haproxy() else { return };
    let listed = harness::listed(&program);
    let global = listed.get("global").expect("HAProxy lists keywords of global");
    assert!(global.len() > 100, "{global:?}");
    let missing: Vec<&String> = global.iter().filter(|name| !has(Sections::GLOBAL, name)).collect();
    assert!(missing.is_empty(), "not in the table: {missing:#?}");
    for section in [Section::Userlist, Section::Peers, Section::Resolvers] {
        let names = listed.get(section.word()).into_iter().flatten();
        for name in names {
            assert!(has(section.set(), name), "not in the table: {} {name}", section.word());
        }
    }
    let missing = missing_of_proxies(listed.get("listen").map_or(&[], Vec::as_slice));
    assert!(missing.is_empty(), "not in a table: {missing:#?}");
}
