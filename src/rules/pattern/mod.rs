//! Patterns: what the samples of an ACL are compared with, by one of the match methods (HAProxy 3.0,
//! configuration.txt §7.1).
//!
//! In: a method and patterns as they were written, each with its place. Out: [`Patterns`], which says
//! of a sample whether any of them matches, and which. Matching allocates nothing and takes time that
//! grows with the sample and hardly with the number of patterns: exact strings are hashed, prefixes,
//! suffixes, networks and numbers are searched in sorted order, substrings and regular expressions run
//! through one automaton.

mod affix;
mod automaton;
mod bytes;
mod exact;
mod file;
mod live;
mod net;
mod number;
mod parse;

pub use bytes::{as_bytes, as_text};
pub use exact::FoldMap;
pub use file::{Path, Shapes, read};
pub use live::FilePatterns;
pub use parse::{Fault, Operator, Parsed, parse};

use crate::config::source::Span;
pub use crate::rules::fetch::acl_names::Method;
use crate::rules::value::{Type, Value};

/// The methods that `-m` takes.
pub const NAMED: &[Method] = &[
    Method::Found,
    Method::Bool,
    Method::Int,
    Method::Ip,
    Method::Bin,
    Method::Len,
    Method::Str,
    Method::Sub,
    Method::Beg,
    Method::Dir,
    Method::Dom,
    Method::End,
    Method::Reg,
];

impl Method {
    /// What is used for samples of a type if nothing is said.
    pub fn of(kind: Type) -> Option<Method> {
        match kind {
            Type::Bool => Some(Method::Bool),
            Type::Int => Some(Method::Int),
            Type::Addr | Type::Ipv4 | Type::Ipv6 => Some(Method::Ip),
            Type::Str => Some(Method::Str),
            // The name `method` brings a way of its own to compare; the fetch `meth` has none.
            Type::Method | Type::Bin | Type::Any | Type::Same => None,
        }
    }

    /// Whether it can be used for samples of a type.
    pub fn takes(self, kind: Type) -> bool {
        use Type::{Addr, Any, Bool, Int, Ipv4, Ipv6, Same, Str};
        match self {
            Method::Bool | Method::Int | Method::Version => {
                matches!(kind, Bool | Int | Ipv4 | Str | Any | Same)
            }
            Method::Ip => matches!(kind, Int | Addr | Ipv4 | Ipv6 | Str | Any | Same),
            _ => true,
        }
    }

    /// Whether it compares with patterns at all.
    pub fn has_patterns(self) -> bool {
        !matches!(self, Method::Found | Method::Bool)
    }

    /// Whether its patterns may have an operator before them.
    pub fn has_operators(self) -> bool {
        matches!(self, Method::Int | Method::Len | Method::Version)
    }
}

/// Where a pattern was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A word of the configuration.
    Word(Span),
    /// A line, from 1, of a file that `-f` names.
    Line(std::sync::Arc<str>, usize),
}

/// A pattern as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Its text.
    pub text: Box<str>,
    /// The operator that holds for it.
    pub operator: Operator,
    /// Whether case is ignored (`-i`).
    pub fold: bool,
    /// Where it stands.
    pub origin: Origin,
}

/// The patterns of one ACL.
#[derive(Clone, Debug)]
pub struct Patterns {
    method: Method,
    list: Box<[Pattern]>,
    matcher: Matcher,
    files: Box<[FilePatterns]>,
}

/// What is looked through when a sample comes.
#[derive(Clone, Debug)]
enum Matcher {
    Found,
    Bool,
    /// Not by the sample alone: whoever has the users answers.
    Group,
    Numbers(number::Ranges),
    Lengths(number::Ranges),
    Nets(net::Nets),
    Bytes(exact::Exact),
    Text(exact::Exact),
    Affixes(affix::Affixes),
    Pieces(automaton::Pieces),
    Parts(automaton::Parts),
    Regexes(automaton::Regexes),
}

impl Patterns {
    /// Builds the look-ups. `list` and `parsed` belong together: what [`parse`] made of each pattern.
    ///
    /// # Errors
    /// What stands in the way: the patterns together are too large for an automaton.
    pub fn new(
        method: Method,
        list: Vec<Pattern>,
        parsed: Vec<Parsed>,
    ) -> Result<Patterns, String> {
        let matcher = Matcher::new(method, &list, parsed)?;
        Ok(Patterns { method, list: list.into(), matcher, files: Box::default() })
    }

    /// These, and those of files.
    pub fn with_files(self, files: Vec<FilePatterns>) -> Patterns {
        Patterns { files: files.into(), ..self }
    }

    /// The files, whose patterns may change.
    pub fn files(&self) -> &[FilePatterns] {
        &self.files
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The patterns, in the order written; without those of files that may change.
    pub fn list(&self) -> &[Pattern] {
        &self.list
    }

    /// Whether any pattern matches.
    pub fn matches(&self, value: &Value<'_>) -> bool {
        self.matcher.matches(value) || self.files.iter().any(|file| file.matches(value))
    }

    /// The first pattern that matches, in the order written, those of files in front. Slow: each is tried
    /// by itself.
    pub fn first(&self, value: &Value<'_>) -> Option<Pattern> {
        let of_files = self.files.iter().find_map(|file| file.first(value));
        of_files.or_else(|| self.first_written(value).cloned())
    }

    fn first_written(&self, value: &Value<'_>) -> Option<&Pattern> {
        self.list.iter().find(|pattern| {
            let parsed = parse(self.method, &pattern.text, pattern.operator, pattern.fold, false);
            let alone = std::slice::from_ref(*pattern);
            let matcher =
                parsed.ok().and_then(|it| Matcher::new(self.method, alone, vec![it]).ok());
            matcher.is_some_and(|matcher| matcher.matches(value))
        })
    }
}

impl Matcher {
    fn new(method: Method, list: &[Pattern], parsed: Vec<Parsed>) -> Result<Matcher, String> {
        let folds = list.iter().map(|pattern| pattern.fold);
        let texts = || {
            parsed.iter().zip(folds.clone()).filter_map(|(parsed, fold)| match parsed {
                Parsed::Bytes(bytes) => Some((bytes.clone(), fold)),
                _ => None,
            })
        };
        let ranges = || {
            number::Ranges::new(parsed.iter().filter_map(|parsed| match parsed {
                Parsed::Range(least, most) => Some((*least, *most)),
                _ => None,
            }))
        };
        Ok(match method {
            Method::Found => Matcher::Found,
            Method::Bool => Matcher::Bool,
            Method::Group => Matcher::Group,
            Method::Int | Method::Version => Matcher::Numbers(ranges()),
            Method::Len => Matcher::Lengths(ranges()),
            Method::Ip => {
                Matcher::Nets(net::Nets::new(parsed.iter().filter_map(|parsed| match parsed {
                    Parsed::Net(net) => Some(*net),
                    _ => None,
                })))
            }
            // Digits of either case are the same bytes, so `-i` says nothing here.
            Method::Bin => {
                Matcher::Bytes(exact::Exact::new(texts().map(|(text, _)| (text, false))))
            }
            Method::Str => Matcher::Text(exact::Exact::new(texts())),
            Method::Meth => Matcher::Text(exact::Exact::new(texts().map(verb))),
            Method::Beg => Matcher::Affixes(affix::Affixes::beginnings(texts())),
            Method::End => Matcher::Affixes(affix::Affixes::endings(texts())),
            Method::Sub => Matcher::Pieces(automaton::Pieces::new(texts())?),
            Method::Dir => Matcher::Parts(automaton::Parts::new(texts(), DIR)?),
            Method::Dom => Matcher::Parts(automaton::Parts::new(texts(), DOM)?),
            Method::Reg => {
                let texts = list.iter().map(|pattern| (&*pattern.text, pattern.fold));
                Matcher::Regexes(automaton::Regexes::new(texts)?)
            }
        })
    }

    fn matches(&self, value: &Value<'_>) -> bool {
        match self {
            Matcher::Found => true,
            Matcher::Group => false,
            Matcher::Bool => value.to_int().is_some_and(|number| number != 0),
            Matcher::Numbers(ranges) => value.to_int().is_some_and(|number| ranges.has(number)),
            Matcher::Lengths(ranges) => {
                as_text(value, |text| i64::try_from(text.len()).is_ok_and(|it| ranges.has(it)))
            }
            Matcher::Nets(nets) => value.to_addr().is_some_and(|address| nets.has(address)),
            Matcher::Bytes(exact) => as_bytes(value, |bytes| exact.has(bytes)),
            Matcher::Text(exact) => as_text(value, |text| exact.has(text)),
            Matcher::Affixes(affixes) => as_text(value, |text| affixes.has(text)),
            Matcher::Pieces(pieces) => as_text(value, |text| pieces.has(text)),
            Matcher::Parts(parts) => as_text(value, |text| parts.has(text)),
            Matcher::Regexes(regexes) => as_text(value, |text| regexes.has(text)),
        }
    }
}

/// What divides the parts of a path, and of a name or an address.
const DIR: &[u8] = b"/";
const DOM: &[u8] = b".:/?";

/// Whether nothing is left of a pattern for `dir` or `dom` without the delimiters around it.
pub fn only_delimiters(method: Method, text: &str) -> bool {
    let delimiters = match method {
        Method::Dir => DIR,
        Method::Dom => DOM,
        _ => return false,
    };
    text.bytes().all(|byte| delimiters.contains(&byte))
}

/// Whether it is one of HTTP's methods in the wrong case: only a request that spells it so matches.
pub fn misspelt_verb(text: &str) -> bool {
    let text = text.as_bytes();
    VERBS.iter().any(|verb| verb.eq_ignore_ascii_case(text)) && !VERBS.contains(&text)
}

/// The methods that HAProxy knows by number: `-i` does not help a wrong spelling of them.
const VERBS: &[&[u8]] =
    &[b"OPTIONS", b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"TRACE", b"CONNECT"];

/// One of these in any spelling is compared as it is written, `-i` or not.
fn verb((text, fold): (Box<[u8]>, bool)) -> (Box<[u8]>, bool) {
    let known = VERBS.iter().any(|verb| verb.eq_ignore_ascii_case(&text));
    (text, fold && !known)
}
