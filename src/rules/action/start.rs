//! The start line: method, target, status.

use std::borrow::Cow;
use std::sync::Arc;

use regex::bytes::Regex;

use super::field::substitute;
use super::line::Line;
use super::normalize::Normalizer;
use super::{Action, ActionEntry, Rulesets, action};
use crate::proto::head::{Head, Start};
use crate::rules::format::Format;
use crate::rules::target::Target;

/// A change to a start line.
#[derive(Clone, Debug)]
pub enum StartEdit {
    /// `set-method`.
    Method(Format),
    /// `set-path`, `set-pathq`, `set-query`, `set-uri`.
    Set(Piece, Format),
    /// `replace-path`, `replace-pathq`, `replace-uri`.
    Replace(Piece, Arc<Regex>, Format),
    /// `normalize-uri`.
    Normalize(Normalizer),
    /// `set-status`.
    Status {
        /// 100 to 999.
        status: u16,
        /// The reason; `None` is the usual one.
        reason: Option<Box<str>>,
    },
}

/// A piece of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The path without the query.
    Path,
    /// Path and query.
    PathAndQuery,
    /// What stands behind the question mark.
    Query,
    /// The whole target.
    Whole,
}

impl Piece {
    fn of<'a>(self, target: &Target<'a>, whole: &'a [u8]) -> &'a [u8] {
        match self {
            Piece::Path => target.path(),
            Piece::PathAndQuery => target.path_and_query(),
            Piece::Query => target.query().unwrap_or_default(),
            Piece::Whole => whole,
        }
    }

    fn replaced<'v>(self, target: &Target<'_>, value: &'v [u8]) -> Cow<'v, [u8]> {
        match self {
            Piece::Path => target.with_path(value).into(),
            Piece::PathAndQuery => target.with_path_and_query(value).into(),
            Piece::Query => target.with_query(value).into(),
            Piece::Whole => value.into(),
        }
    }
}

/// What a change to a start line came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The line is another.
    Changed,
    /// It is as it was.
    Same,
    /// The target is broken, and `strict` was said: the request is refused (400).
    Broken,
}

impl StartEdit {
    /// The format that gives its value.
    pub fn format(&self) -> Option<&Format> {
        match self {
            StartEdit::Method(value)
            | StartEdit::Set(_, value)
            | StartEdit::Replace(_, _, value) => Some(value),
            StartEdit::Normalize(_) | StartEdit::Status { .. } => None,
        }
    }

    /// Changes a head whose base is `base`; `value` is what the format gave before.
    pub fn apply(&self, value: &[u8], head: &mut Head, base: &[u8]) -> Outcome {
        match self {
            StartEdit::Status { status, reason } => set_status(head, *status, reason.as_deref()),
            StartEdit::Method(_) => {
                let new = head.add(value);
                match &mut head.start {
                    Start::Request { method, .. } => *method = new,
                    Start::Response { .. } => return Outcome::Same,
                }
                Outcome::Changed
            }
            StartEdit::Set(piece, _) => {
                let target = head.view(base).target();
                let new = piece.replaced(&Target::of(target), value).into_owned();
                set_target(head, base, &new, *piece)
            }
            StartEdit::Replace(piece, regex, _) => {
                let whole = head.view(base).target();
                let target = Target::of(whole);
                // What has no path (`*`) has none to replace.
                if *piece != Piece::Whole && target.path().is_empty() {
                    return Outcome::Same;
                }
                let Some(new) = substitute(regex, value, piece.of(&target, whole)) else {
                    return Outcome::Same;
                };
                let new = piece.replaced(&target, &new).into_owned();
                set_target(head, base, &new, *piece)
            }
            StartEdit::Normalize(normalizer) => match normalizer.apply(head.view(base).target()) {
                Ok(Some(new)) => set_target(head, base, &new, Piece::PathAndQuery),
                Ok(None) => Outcome::Same,
                Err(_) => Outcome::Broken,
            },
        }
    }
}

/// Puts a new target in. An absolute one takes the `Host` field along (RFC 9112 §3.2.2).
fn set_target(head: &mut Head, base: &[u8], new: &[u8], piece: Piece) -> Outcome {
    if head.view(base).target() == new {
        return Outcome::Same;
    }
    let piece_of = head.add(new);
    if let Start::Request { target, .. } = &mut head.start {
        *target = piece_of;
    }
    if let (Piece::Whole, Some(authority)) = (piece, Target::of(new).authority()) {
        let host = head.add(authority);
        let view = head.view(base);
        let is_host = |name: &[u8]| name.eq_ignore_ascii_case(b"host");
        let at = head.fields.iter().position(|field| is_host(view.bytes(field.name)));
        if let Some(field) = at.and_then(|at| head.fields.get_mut(at)) {
            field.value = host;
        }
    }
    Outcome::Changed
}

/// Takes the authority of an absolute target along when a rule has set `Host`.
pub fn follow_host(head: &mut Head, base: &[u8]) {
    let view = head.view(base);
    let target = Target::of(view.target());
    let (Some(old), Some(host)) = (target.authority(), view.values(b"host").next()) else {
        return;
    };
    if old == host {
        return;
    }
    let new = target.with_authority(host);
    let piece = head.add(&new);
    if let Start::Request { target, .. } = &mut head.start {
        *target = piece;
    }
}

fn set_status(head: &mut Head, new: u16, text: Option<&str>) -> Outcome {
    let piece = head.add(text.unwrap_or_else(|| reason(new)).as_bytes());
    if let Start::Response { status, reason } = &mut head.start {
        *status = new;
        *reason = piece;
    }
    Outcome::Changed
}

/// The reason that usually stands behind a status (RFC 9110 §15); of unknown ones, their class.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        511 => "Network Authentication Required",
        other => class(other),
    }
}

/// The reason of a status that nobody knows.
fn class(status: u16) -> &'static str {
    match status {
        100..=199 => "Information",
        200..=299 => "Success",
        300..=399 => "Redirection",
        400..=499 => "Client Error",
        500..=599 => "Server Error",
        _ => "Other",
    }
}

fn method(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let format = line.format("a method")?;
    if let Some(text) = format.constant() {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if !text.chars().all(token) {
            let message = format!("`{}` is not a method", crate::config::args::shown_text(text));
            line.error(format.span, message).label("a method is one word, such as GET");
            return None;
        }
    }
    Some(Action::Start(StartEdit::Method(format)))
}

fn set(line: &mut Line<'_, '_, '_>, piece: Piece, expected: &str) -> Option<Action> {
    Some(Action::Start(StartEdit::Set(piece, line.format(expected)?)))
}

fn replace(line: &mut Line<'_, '_, '_>, piece: Piece) -> Option<Action> {
    let regex = line.regex("a regular expression")?;
    let with = line.format("what comes instead")?;
    Some(Action::Start(StartEdit::Replace(piece, regex, with)))
}

fn status(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let status = line.number("a status", 100..=999)?;
    let reason = line.option("reason", "the reason")?.map(|word| word.text.clone());
    let status = u16::try_from(status).ok()?;
    Some(Action::Start(StartEdit::Status { status, reason }))
}

/// The table.
pub const ACTIONS: &[ActionEntry] = &[
    action(
        "set-method",
        Rulesets::REQUEST,
        "<format>",
        "Replaces the request's method.",
        "set-method GET if { method HEAD }",
        method,
    ),
    action(
        "set-path",
        Rulesets::REQUEST,
        "<format>",
        "Replaces the path; scheme, host and query stay.",
        "set-path /prefix%[path]",
        |line| set(line, Piece::Path, "a path"),
    ),
    action(
        "set-pathq",
        Rulesets::REQUEST,
        "<format>",
        "Replaces path and query; scheme and host stay.",
        "set-pathq /other",
        |line| set(line, Piece::PathAndQuery, "a path and query"),
    ),
    action(
        "set-query",
        Rulesets::REQUEST,
        "<format>",
        "Replaces the query; a question mark comes if there was none, and never goes.",
        "set-query %[query]&from=koi",
        |line| set(line, Piece::Query, "a query"),
    ),
    action(
        "set-uri",
        Rulesets::REQUEST,
        "<format>",
        "Replaces the whole target; of an absolute one the host goes into the Host field.",
        "set-uri /%[hdr(host)]%[path]",
        |line| set(line, Piece::Whole, "a target"),
    ),
    action(
        "replace-path",
        Rulesets::REQUEST,
        "<regex> <format>",
        "Replaces the path if it matches; `\\1` is the first group.",
        "replace-path /foo/(.*) /\\1",
        |line| replace(line, Piece::Path),
    ),
    action(
        "replace-pathq",
        Rulesets::REQUEST,
        "<regex> <format>",
        "Replaces path and query if they match; `\\1` is the first group.",
        "replace-pathq ([^?]*)(\\?(.*))? \\1/foo\\2",
        |line| replace(line, Piece::PathAndQuery),
    ),
    action(
        "replace-uri",
        Rulesets::REQUEST,
        "<regex> <format>",
        "Replaces the whole target if it matches; `\\1` is the first group.",
        "replace-uri ^http://(.*) https://\\1",
        |line| replace(line, Piece::Whole),
    ),
    action(
        "set-status",
        Rulesets::RESPONSE.or(Rulesets::AFTER),
        "<status> [reason <text>]",
        "Replaces the response's status, and its reason in HTTP/1.",
        "set-status 503 reason \"Slow down\"",
        status,
    ),
];
