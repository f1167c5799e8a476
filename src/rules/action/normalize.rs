//! `normalize-uri`: one spelling for targets that mean the same (RFC 3986 §6.2.2).
//!
//! In: a target. Out: its path and query in the normal form; only these two change.

use super::line::Line;
use super::start::StartEdit;
use super::{Action, ActionEntry, Rulesets, action};
use crate::config::args::shown;
use crate::config::nearest::{did_you_mean, nearest};
use crate::rules::target::Target;

/// A kind of normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalizer {
    /// `fragment-encode`: `#` becomes `%23`.
    FragmentEncode,
    /// `fragment-strip`: what begins with `#` goes.
    FragmentStrip,
    /// `path-merge-slashes`: several slashes become one.
    MergeSlashes,
    /// `path-strip-dot`: `/./` goes.
    StripDot,
    /// `path-strip-dotdot`: `/a/../` goes; with `full`, leading `/../` too.
    StripDotDot {
        /// `full`.
        full: bool,
    },
    /// `percent-decode-unreserved`: `%61` becomes `a`.
    DecodeUnreserved {
        /// `strict`: a broken sequence is refused.
        strict: bool,
    },
    /// `percent-to-uppercase`: `%6f` becomes `%6F`.
    Uppercase {
        /// `strict`: a broken sequence is refused.
        strict: bool,
    },
    /// `query-sort-by-name`: parameters in the order of their names.
    SortQuery,
}

/// A percent sign without two hexadecimal digits, where `strict` refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Normalizer {
    /// The normal form of a target, or nothing if it has it already.
    ///
    /// # Errors
    /// A broken percent sequence under `strict`.
    pub fn apply(self, whole: &[u8]) -> Result<Option<Vec<u8>>, Broken> {
        let target = Target::of(whole);
        let all = target.path_and_query();
        let path = target.path();
        let new = match self {
            Normalizer::FragmentEncode => target.with_path_and_query(&encode_fragment(all)),
            Normalizer::FragmentStrip => {
                let end = all.iter().position(|&byte| byte == b'#').unwrap_or(all.len());
                target.with_path_and_query(&all[..end])
            }
            Normalizer::MergeSlashes => target.with_path(&merge_slashes(path)),
            Normalizer::StripDot => target.with_path(&strip_dot(path)),
            Normalizer::StripDotDot { full } => target.with_path(&strip_dot_dot(path, full)),
            Normalizer::DecodeUnreserved { strict } => {
                target.with_path_and_query(&sequences(all, strict, |byte, digits, out| {
                    match is_unreserved(byte) {
                        true => out.push(byte),
                        false => out.extend_from_slice(digits),
                    }
                })?)
            }
            Normalizer::Uppercase { strict } => {
                target.with_path_and_query(&sequences(all, strict, |_, digits, out| {
                    out.extend(digits.iter().map(u8::to_ascii_uppercase));
                })?)
            }
            Normalizer::SortQuery => match target.query() {
                Some(query) => target.with_query(&sort(query)),
                None => return Ok(None),
            },
        };
        Ok((new != whole).then_some(new))
    }
}

fn encode_fragment(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'#' => out.extend_from_slice(b"%23"),
            other => out.push(other),
        }
    }
    out
}

fn merge_slashes(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for &byte in path {
        if byte != b'/' || out.last() != Some(&b'/') {
            out.push(byte);
        }
    }
    out
}

fn strip_dot(path: &[u8]) -> Vec<u8> {
    let segments: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    let last = segments.len().saturating_sub(1);
    let mut kept: Vec<&[u8]> = Vec::with_capacity(segments.len());
    for (index, &segment) in segments.iter().enumerate() {
        match segment {
            b"." if index == last && index > 0 => kept.push(b""),
            b"." if index > 0 => {}
            other => kept.push(other),
        }
    }
    kept.join(&b'/')
}

/// Only what has a leading slash is a path here; each `..` takes the segment before it along.
fn strip_dot_dot(path: &[u8], full: bool) -> Vec<u8> {
    let Some(inside) = path.strip_prefix(b"/") else { return path.to_vec() };
    let segments: Vec<&[u8]> = inside.split(|&byte| byte == b'/').collect();
    let last = segments.len().saturating_sub(1);
    let mut kept: Vec<&[u8]> = Vec::with_capacity(segments.len());
    for (index, &segment) in segments.iter().enumerate() {
        if segment != b".." {
            kept.push(segment);
            continue;
        }
        match kept.last() {
            Some(&before) if before != b".." => drop(kept.pop()),
            _ if full => {}
            _ => {
                kept.push(segment);
                continue;
            }
        }
        if index == last {
            kept.push(b"");
        }
    }
    [b"/", kept.join(&b'/').as_slice()].concat()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Hands every `%XX` to `write`: its byte, and the three bytes it was written with.
fn sequences(
    text: &[u8],
    strict: bool,
    write: impl Fn(u8, &[u8], &mut Vec<u8>),
) -> Result<Vec<u8>, Broken> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        if byte != b'%' {
            out.push(byte);
            rest = behind;
            continue;
        }
        let digits = rest.get(..3).filter(|it| it[1..].iter().all(u8::is_ascii_hexdigit));
        let value = digits
            .and_then(|it| std::str::from_utf8(&it[1..]).ok())
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        match (digits, value) {
            (Some(digits), Some(value)) => {
                write(value, digits, &mut out);
                rest = rest.get(3..).unwrap_or_default();
            }
            _ if strict => return Err(Broken),
            _ => {
                out.push(byte);
                rest = behind;
            }
        }
    }
    Ok(out)
}

/// Parameters in the order of their names; those of one name keep theirs.
fn sort(query: &[u8]) -> Vec<u8> {
    fn name(parameter: &[u8]) -> &[u8] {
        parameter.split(|&byte| byte == b'=').next().unwrap_or_default()
    }
    let mut parameters: Vec<&[u8]> = query.split(|&byte| byte == b'&').collect();
    parameters.sort_by(|a, b| name(a).cmp(name(b)));
    parameters.join(&b'&')
}

const NAMES: &[&str] = &[
    "fragment-encode",
    "fragment-strip",
    "path-merge-slashes",
    "path-strip-dot",
    "path-strip-dotdot",
    "percent-decode-unreserved",
    "percent-to-uppercase",
    "query-sort-by-name",
];

fn parse(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let word = line.text("a normalizer")?;
    let normalizer = match &*word.text {
        "fragment-encode" => Normalizer::FragmentEncode,
        "fragment-strip" => Normalizer::FragmentStrip,
        "path-merge-slashes" => Normalizer::MergeSlashes,
        "path-strip-dot" => Normalizer::StripDot,
        "path-strip-dotdot" => Normalizer::StripDotDot { full: line.words.flag("full") },
        "percent-decode-unreserved" => {
            Normalizer::DecodeUnreserved { strict: line.words.flag("strict") }
        }
        "percent-to-uppercase" => Normalizer::Uppercase { strict: line.words.flag("strict") },
        "query-sort-by-name" => Normalizer::SortQuery,
        other => {
            let near = did_you_mean(&nearest(other, NAMES.iter().copied()));
            let help = near.unwrap_or_else(|| format!("there are: {}", NAMES.join(", ")));
            line.error(word.span, format!("`{}` is no normalizer", shown(word)))
                .label("expected a normalizer")
                .help(help);
            return None;
        }
    };
    Some(Action::Start(StartEdit::Normalize(normalizer)))
}

/// The table.
pub const ACTIONS: &[ActionEntry] = &[ActionEntry {
    experimental: true,
    ..action(
        "normalize-uri",
        Rulesets::REQUEST,
        "<normalizer> [full | strict]",
        "Gives targets that mean the same one spelling. An experiment in HAProxy 3.0.",
        "normalize-uri path-merge-slashes",
        parse,
    )
}];

#[cfg(test)]
mod tests {
    use super::*;

    fn done(normalizer: Normalizer, target: &str) -> String {
        match normalizer.apply(target.as_bytes()) {
            Ok(Some(new)) => String::from_utf8(new).expect("text"),
            Ok(None) => target.to_owned(),
            Err(Broken) => "400".to_owned(),
        }
    }

    #[test]
    fn the_examples_of_the_manual_hold() {
        let all = |normalizer, cases: &[(&str, &str)]| {
            for (target, wanted) in cases {
                assert_eq!(done(normalizer, target), *wanted, "{normalizer:?} of {target}");
            }
        };
        all(Normalizer::FragmentEncode, &[("/#foo", "/%23foo")]);
        all(Normalizer::FragmentStrip, &[("/#foo", "/"), ("/a?b#c", "/a?b")]);
        all(
            Normalizer::MergeSlashes,
            &[("//", "/"), ("/foo//bar", "/foo/bar"), ("/a?//", "/a?//")],
        );
        all(
            Normalizer::StripDot,
            &[("/.", "/"), ("/./bar/", "/bar/"), ("/a/./a", "/a/a"), ("/.well/", "/.well/")],
        );
        all(
            Normalizer::StripDotDot { full: false },
            &[
                ("/foo/../", "/"),
                ("/foo/../bar/", "/bar/"),
                ("/foo/bar/../", "/foo/"),
                ("/../bar/", "/../bar/"),
                ("/bar/../../", "/../"),
                ("/foo//../", "/foo/"),
                ("/foo/%2E%2E/", "/foo/%2E%2E/"),
                ("http://h/a/..?q", "http://h/?q"),
            ],
        );
        all(
            Normalizer::StripDotDot { full: true },
            &[("/../bar/", "/bar/"), ("/bar/../../", "/"), ("/..", "/")],
        );
        all(
            Normalizer::DecodeUnreserved { strict: false },
            &[
                ("/%61dmin", "/admin"),
                ("/foo%3Fbar=baz", "/foo%3Fbar=baz"),
                ("/%%36%36", "/%66"),
                ("/%ZZ", "/%ZZ"),
            ],
        );
        all(Normalizer::DecodeUnreserved { strict: true }, &[("/%%36%36", "400"), ("/%ZZ", "400")]);
        all(Normalizer::Uppercase { strict: false }, &[("/%6f", "/%6F"), ("/%zz", "/%zz")]);
        all(Normalizer::Uppercase { strict: true }, &[("/%zz", "400"), ("/a%4", "400")]);
        all(
            Normalizer::SortQuery,
            &[
                ("/?c=3&a=1&b=2", "/?a=1&b=2&c=3"),
                ("/?aaa=3&a=1&aa=2", "/?a=1&aa=2&aaa=3"),
                ("/?a=3&b=4&a=1&b=5&a=2", "/?a=3&a=1&a=2&b=4&b=5"),
                ("/x", "/x"),
            ],
        );
    }
}
