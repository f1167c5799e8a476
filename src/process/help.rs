//! `koi help`: what a word of the language means.
//!
//! In: `[CLASS] [NAME]`. Out: the entry of that name in the class, or in every class; the names of a
//! class; or the classes.

use crate::config::advice::{self, ADVICE};
use crate::config::keyword::{Keyword, Prefix, Status};
use crate::config::keywords::{self, bind_options, server_options};
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::report::Level;
use crate::config::section::Section;
use crate::rules::fetch::acl_names;
use crate::rules::{action, convert, fetch};

mod lines;
mod rules;

/// How wide explanations are printed.
const WIDTH: usize = 80;

/// A kind of words that can be asked about.
struct Class {
    name: &'static str,
    about: &'static str,
    names: fn() -> Vec<&'static str>,
    /// What is known of a name; nothing if the class does not have it.
    show: fn(&str) -> Vec<String>,
}

const CLASSES: &[Class] = &[
    Class {
        name: "keyword",
        about: "what a line may begin with",
        names: || keywords::all().map(|keyword| keyword.name).collect(),
        show: |name| keywords::all().filter(|it| it.name == name).map(keyword).collect(),
    },
    Class {
        name: "bind-option",
        about: "what stands behind the address of `bind`",
        names: || bind_options::OPTIONS.iter().map(|it| it.name).collect(),
        show: |name| {
            let found = bind_options::OPTIONS.iter().filter(|it| it.name == name);
            found.map(lines::bind_option).collect()
        },
    },
    Class {
        name: "server-option",
        about: "what stands behind the address of `server`",
        names: || server_options::OPTIONS.iter().map(|it| it.name).collect(),
        show: |name| {
            let found = server_options::OPTIONS.iter().filter(|it| it.name == name);
            found.map(lines::server_option).collect()
        },
    },
    Class {
        name: "fetch",
        about: "where samples come from: `req.hdr(host)`, `src`",
        names: || fetch::names().chain(acl_names::all().map(|it| it.name)).collect(),
        show: |name| {
            let fetches = fetch::find(name).map(rules::fetch);
            fetches.into_iter().chain(acl_names::acl_name(name).map(rules::acl_name)).collect()
        },
    },
    Class {
        name: "converter",
        about: "what changes a sample: `lower`, `map(file)`",
        names: || convert::names().collect(),
        show: |name| convert::find(name).map(rules::converter).into_iter().collect(),
    },
    Class {
        name: "action",
        about: "what rules do: `http-request deny`",
        names: || action::all().map(|it| it.name).collect(),
        show: |name| action::all().filter(|it| it.name == name).map(rules::action).collect(),
    },
    Class {
        name: "section",
        about: "what keywords stand in",
        names: || Section::ALL.iter().map(|section| section.word()).collect(),
        show: |name| {
            Section::ALL.iter().filter(|it| it.word() == name).map(|&it| section(it)).collect()
        },
    },
    Class {
        name: "advice",
        about: "what the check warns of, and by which name that is silenced",
        names: || advice::names().collect(),
        show: |name| ADVICE.iter().filter(|it| it.name == name).map(one_advice).collect(),
    },
];

/// Answers `koi help WORDS`.
///
/// # Errors
/// That there is no such word, and which are near.
pub fn about(words: &[String]) -> Result<String, String> {
    let class = words.first().and_then(|word| CLASSES.iter().find(|class| class.name == *word));
    match (class, words) {
        (_, []) => Ok(classes()),
        // `koi help section` asks for the class although a word may have the same name.
        (Some(class), [_]) => Ok(names(class)),
        (Some(class), [_, name @ ..]) => search(std::slice::from_ref(class), &name.join(" ")),
        (None, _) => search(CLASSES, &words.join(" ")),
    }
}

fn classes() -> String {
    let mut out = "koi help [CLASS] [NAME], with a name, a class, or both. Classes:\n".to_owned();
    for class in CLASSES {
        out.push_str(&format!("  {:<13} {}\n", class.name, class.about));
    }
    out
}

fn names(class: &Class) -> String {
    let mut names = (class.names)();
    names.sort_unstable();
    names.dedup();
    names.join("\n") + "\n"
}

fn search(classes: &[Class], name: &str) -> Result<String, String> {
    let mut found = Vec::new();
    for class in classes {
        found.extend((class.show)(name).into_iter().map(|text| format!("{}: {text}", class.name)));
    }
    if !found.is_empty() {
        return Ok(found.join("\n"));
    }
    let names: Vec<&str> = classes.iter().flat_map(|class| (class.names)()).collect();
    // `koi help option`: the keywords of two words or more that begin so.
    let longer = |other: &&&str| other.strip_prefix(name).is_some_and(|rest| rest.starts_with(' '));
    let mut longer: Vec<&str> = names.iter().filter(longer).copied().collect();
    if !longer.is_empty() {
        longer.sort_unstable();
        longer.dedup();
        return Ok(longer.join("\n") + "\n");
    }
    let near = did_you_mean(&nearest(name, names));
    let help = near.unwrap_or_else(|| "`koi help` lists what can be asked".to_owned());
    Err(format!("nothing is known of `{name}`; {help}"))
}

fn keyword(keyword: &Keyword) -> String {
    let mut out = format!("{} {}", keyword.name, keyword.syntax).trim_end().to_owned();
    out.push_str(&format!("\n{}", wrap(keyword.about)));
    out.push_str(&format!("  in:      {}\n", keyword.sections));
    match keyword.prefix {
        Prefix::None => {}
        Prefix::No => out.push_str("  prefix:  no\n"),
    }
    out.push_str(&status(keyword.status));
    if !keyword.example.is_empty() {
        out.push_str(&format!("  example: {}\n", keyword.example));
    }
    out
}

/// What Koi does with a word, as a line of its entry.
fn status(status: Status) -> String {
    match status {
        Status::Supported => "  status:  supported\n".to_owned(),
        Status::Later(feature) => {
            format!(
                "  status:  read and checked; this build does not have {} yet\n",
                feature.words()
            )
        }
        Status::NoEffect(why) => format!("  status:  no effect: {why}\n"),
        Status::Refused { why, instead } => {
            format!("  status:  refused: {why}\n  instead: {instead}\n")
        }
    }
}

fn section(section: Section) -> String {
    let mut out = format!("{}\n{}", section.word(), wrap(section.about()));
    let legal = keywords::all().filter(|keyword| keyword.legal_in(section));
    let mut names: Vec<&str> = legal.map(|keyword| keyword.name).collect();
    names.sort_unstable();
    out.push_str(&format!("  keywords: {}\n", names.len()));
    for name in names {
        out.push_str(&format!("    {name}\n"));
    }
    out
}

fn one_advice(advice: &advice::Advice) -> String {
    let level = match advice.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    format!(
        "{} ({level})\n{}  silence: --silence {}, or in the file # koi: silence {}\n",
        advice.name,
        wrap(advice.about),
        advice.name,
        advice.name
    )
}

/// Text in lines of at most [`WIDTH`] characters, indented.
fn wrap(text: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH - 2 {
            out.push_str(&format!("  {line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    out + &format!("  {line}\n")
}
