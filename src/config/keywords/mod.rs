//! The keyword table: every keyword of HAProxy 3.0's manual, and Koi's own.
//!
//! One file a family, each with a `KEYWORDS` table and the functions that read the words. The
//! options of `bind`, `server` and `default-server` are tables too ([`bind_options`],
//! [`server_options`]), as are the actions of rules (in `rules`).

mod balance;
pub mod bind;
pub mod bind_options;
mod check_steps;
mod checks;
pub(super) mod common;
mod connection;
mod cookie;
mod email;
mod entry;
pub mod errors;
mod filters;
mod global;
mod http;
mod lenient;
mod log_line;
mod logging;
mod misc;
pub mod option;
mod options;
mod removed;
mod rules;
pub mod server;
pub mod server_options;
mod small;
mod stats;
mod stick;
#[cfg(test)]
pub(in crate::config) mod testing;
mod timeouts;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::keyword::Keyword;
use super::nearest::nearest;
use super::section::{Section, Sections};

/// The tables, one a family.
const TABLES: &[&[Keyword]] = &[
    global::idle::KEYWORDS,
    global::log::KEYWORDS,
    global::process::KEYWORDS,
    global::refused::KEYWORDS,
    global::threads::KEYWORDS,
    global::tls::KEYWORDS,
    global::tuning::KEYWORDS,
    http::KEYWORDS,
    logging::KEYWORDS,
    misc::KEYWORDS,
    options::KEYWORDS,
    removed::KEYWORDS,
    rules::KEYWORDS,
    small::cache::KEYWORDS,
    small::carp::KEYWORDS,
    small::crt_store::KEYWORDS,
    small::http_errors::KEYWORDS,
    small::mailers::KEYWORDS,
    small::peers::KEYWORDS,
    small::refused::KEYWORDS,
    small::resolvers::KEYWORDS,
    small::ring::KEYWORDS,
    small::userlist::KEYWORDS,
    balance::KEYWORDS,
    bind::KEYWORDS,
    checks::KEYWORDS,
    connection::KEYWORDS,
    cookie::KEYWORDS,
    email::KEYWORDS,
    errors::KEYWORDS,
    filters::KEYWORDS,
    server::KEYWORDS,
    stats::KEYWORDS,
    stick::KEYWORDS,
    timeouts::KEYWORDS,
];

/// Every keyword that stands at the start of a line.
pub fn all() -> impl Iterator<Item = &'static Keyword> {
    TABLES.iter().copied().flatten()
}

/// What a line's first words are.
pub enum Found {
    /// A keyword of this section, of so many words.
    Keyword(&'static Keyword, usize),
    /// A keyword of the other side of a proxy, of so many words: of the clients' side in a `backend`,
    /// of the servers' side in a `frontend`. HAProxy reads it, says so and ignores it.
    OtherSide(&'static Keyword, usize),
    /// A keyword of other sections only, of so many words.
    Elsewhere(Sections, usize),
    /// The start of keywords of two words or more, but no such second word. The second words there are.
    Second(Vec<&'static str>),
    /// No keyword.
    Unknown,
}

type Index = BTreeMap<&'static str, Vec<&'static Keyword>>;

/// Keywords by their first word.
fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = Index::new();
        for keyword in all() {
            let first = keyword.name.split(' ').next().unwrap_or_default();
            index.entry(first).or_default().push(keyword);
        }
        index
    })
}

/// Looks up the longest keyword that a line in `section` starts with.
pub fn find<'a>(section: Section, words: impl Iterator<Item = &'a str> + Clone) -> Found {
    let Some(first) = words.clone().next() else { return Found::Unknown };
    let Some(group) = index().get(first) else { return Found::Unknown };
    let matching = |keyword: &&&'static Keyword| {
        let mut given = words.clone();
        keyword.name.split(' ').all(|word| given.next() == Some(word))
    };
    let length = |keyword: &Keyword| keyword.name.split(' ').count();
    let mut fitting: Vec<_> = group.iter().filter(matching).copied().collect();
    fitting.sort_by_key(|keyword| std::cmp::Reverse(length(keyword)));
    if let Some(keyword) = fitting.iter().find(|keyword| keyword.legal_in(section)) {
        return Found::Keyword(keyword, length(keyword));
    }
    if let Some(keyword) = fitting.iter().find(|keyword| other_side(section, keyword)) {
        return Found::OtherSide(keyword, length(keyword));
    }
    let seconds = group.iter().filter(|keyword| keyword.legal_in(section));
    let seconds: Vec<_> =
        seconds.filter_map(|keyword| keyword.name.split_once(' ').map(|(_, rest)| rest)).collect();
    // One word of another section (`external-check` of global) says less than what may follow it here.
    if let Some(longest) = fitting.first()
        && (length(longest) > 1 || seconds.is_empty())
    {
        let sections = fitting.iter().fold(Sections::default(), |all, one| all | one.sections);
        return Found::Elsewhere(sections, length(longest));
    }
    Found::Second(seconds)
}

/// Keywords that HAProxy refuses on the wrong side of a proxy; the others it only warns about.
const ONE_SIDE_ONLY: &[&str] = &[
    "declare capture",
    "default-server",
    "retry-on",
    "server",
    "server-template",
    "tcp-request connection",
    "tcp-request session",
    "tcp-response content",
    "tcp-response inspect-delay",
    "use-fcgi-app",
];

/// Whether `section` is one side of a proxy and the keyword belongs to the other.
fn other_side(section: Section, keyword: &Keyword) -> bool {
    matches!(section, Section::Frontend | Section::Backend)
        && keyword.legal_in(Section::Listen)
        && !ONE_SIDE_ONLY.contains(&keyword.name)
}

/// The keywords of `section` that `word` may have been meant to be.
pub fn nearest_in(section: Section, word: &str) -> Vec<&'static str> {
    nearest(word, all().filter(|keyword| keyword.legal_in(section)).map(|keyword| keyword.name))
}
