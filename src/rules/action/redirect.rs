//! `redirect`: as an action, and as a keyword of its own.
//!
//! In: the words `location`, `prefix`, `scheme` and their options. Out: a [`Redirect`], which makes the
//! `Location` of a request. The keyword `redirect` takes no log formats: HAProxy sends `%[path]` there
//! as it stands.

use super::line::Line;
use super::verdict::Verdict;
use super::{Action, Ruleset};
use crate::config::advice;
use crate::config::args::shown;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::source::Span;
use crate::config::word::Word;
use crate::rules::context::Context;
use crate::rules::format::{Format, Style};
use crate::rules::target::Target;

/// A redirection.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// What `to` is.
    pub kind: Kind,
    /// The location, prefix or scheme.
    pub to: Format,
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// `drop-query`: path without the query.
    pub drop_query: bool,
    /// `append-slash`: a location that has no slash at its end gets one (after a prefix or scheme), be it
    /// behind the query.
    pub append_slash: bool,
    /// `ignore-empty`: an empty location is no redirection.
    pub ignore_empty: bool,
    /// The value of `Set-Cookie`, if one is sent.
    pub cookie: Option<Box<str>>,
}

/// What a redirection is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The location itself.
    Location,
    /// What stands before path and query.
    Prefix,
    /// The scheme before host, path and query.
    Scheme,
}

/// The codes that a redirection may have.
pub const CODES: [u16; 5] = [301, 302, 303, 307, 308];

impl Redirect {
    /// The `Location`; `None` if it is empty and that is no redirection.
    pub fn location(&self, context: &Context<'_>) -> Option<Vec<u8>> {
        let to = self.to.bytes(context);
        if self.ignore_empty && to.is_empty() {
            return None;
        }
        let mut out = match self.kind {
            Kind::Location => return Some(to.into_owned()),
            // Only a slash: the same target again.
            Kind::Prefix if &*to == b"/" => Vec::new(),
            Kind::Prefix => to.into_owned(),
            Kind::Scheme => {
                let host = context.request.and_then(|view| view.values(b"host").next());
                [&to, &b"://"[..], host.unwrap_or_default()].concat()
            }
        };
        let target = Target::of(context.request.map_or(b"", |view| view.target()));
        let path = match self.drop_query {
            true => target.path(),
            false => target.path_and_query(),
        };
        out.extend_from_slice(if path.is_empty() { b"/" } else { path });
        if self.append_slash && out.last() != Some(&b'/') {
            out.push(b'/');
        }
        Some(out)
    }

    /// Whether browsers must ask again: all but the permanent ones.
    pub fn is_temporary(&self) -> bool {
        !matches!(self.status, 301 | 308)
    }
}

/// The words so far.
#[derive(Default)]
struct Parts<'w> {
    to: Option<(Kind, &'w Word, Span)>,
    status: Option<u16>,
    drop_query: bool,
    append_slash: Option<Span>,
    ignore_empty: Option<Span>,
    cookie: Option<Box<str>>,
}

const OPTIONS: &[&str] = &[
    "location",
    "prefix",
    "scheme",
    "code",
    "set-cookie",
    "clear-cookie",
    "drop-query",
    "append-slash",
    "ignore-empty",
];

/// The action `redirect`.
pub fn action(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    parse(line, true).map(Verdict::Redirect).map(Action::Verdict)
}

/// Parses up to the condition. `formats` says whether `%[..]` is evaluated.
pub fn parse(line: &mut Line<'_, '_, '_>, formats: bool) -> Option<Redirect> {
    let mut parts = Parts::default();
    while let Some(word) = line.words.peek().filter(|_| !line.words.at_condition()) {
        line.words.take();
        option(line, word, &mut parts)?;
    }
    let Some((kind, to, kind_span)) = parts.to else {
        line.missing("location, prefix or scheme");
        return None;
    };
    if line.ruleset != Ruleset::HttpRequest && kind != Kind::Location {
        line.error(kind_span, "a response can only be redirected by `location`")
            .label("expected `location`");
        return None;
    }
    let format = match formats {
        true => line.format_of(to, Style::Http)?,
        false => literal(line, to),
    };
    if let (Some(span), false) = (parts.append_slash, parts.drop_query) {
        line.compiler.report.advise(
            &advice::SLASH_BEHIND_QUERY,
            span,
            "without `drop-query` the slash comes behind the query: `/a?b` becomes `/a?b/`",
        );
    }
    if let (Some(span), Some(_)) = (parts.ignore_empty, format.constant()) {
        line.compiler.report.advise(
            &advice::NO_EFFECT,
            span,
            "`ignore-empty` has no effect: this is never empty",
        );
    }
    Some(Redirect {
        kind,
        to: format,
        status: parts.status.unwrap_or(302),
        drop_query: parts.drop_query,
        append_slash: parts.append_slash.is_some(),
        ignore_empty: parts.ignore_empty.is_some(),
        cookie: parts.cookie,
    })
}

/// The keyword's text; what looks like a format in it is warned of.
fn literal(line: &mut Line<'_, '_, '_>, word: &Word) -> Format {
    if let Some(at) = word.find("%[") {
        let end = word[at..].find(']').map_or(word.len(), |length| at + length + 1);
        line.compiler
            .report
            .advise(
                &advice::LITERAL_FORMAT,
                word.part(at..end),
                "the keyword `redirect` sends this to clients as it stands",
            )
            .label("not evaluated")
            .help("write `http-request redirect` to have it evaluated");
    }
    Format::literal(word)
}

fn option<'w>(line: &mut Line<'_, 'w, '_>, word: &'w Word, parts: &mut Parts<'w>) -> Option<()> {
    let mut to = |kind, line: &mut Line<'_, 'w, '_>, expected| {
        parts.to = Some((kind, line.text(expected)?, word.span));
        Some(())
    };
    match &*word.text {
        "location" => to(Kind::Location, line, "a location")?,
        "prefix" => to(Kind::Prefix, line, "a prefix")?,
        "scheme" => to(Kind::Scheme, line, "a scheme")?,
        "code" => parts.status = Some(code(line)?),
        "set-cookie" => {
            let cookie = cookie(line)?;
            parts.cookie = Some(format!("{}; path=/;", cookie.text).into());
        }
        "clear-cookie" => {
            let cookie = cookie(line)?;
            parts.cookie = Some(format!("{}; path=/; Max-Age=0;", cookie.text).into());
        }
        "drop-query" => parts.drop_query = true,
        "append-slash" => parts.append_slash = Some(word.span),
        "ignore-empty" => parts.ignore_empty = Some(word.span),
        _ => {
            let near = did_you_mean(&nearest(word, OPTIONS.iter().copied()));
            let help = near.unwrap_or_else(|| format!("there are: {}", OPTIONS.join(", ")));
            line.error(word.span, format!("`{}` is no option of `redirect`", shown(word)))
                .label("expected an option, `if` or `unless`")
                .help(help);
            return None;
        }
    }
    Some(())
}

fn code(line: &mut Line<'_, '_, '_>) -> Option<u16> {
    let word = line.text("a status")?;
    let code = word.parse().ok().filter(|code| CODES.contains(code));
    if code.is_none() {
        line.error(word.span, format!("`{}` is no status of a redirection", shown(word)))
            .label("expected 301, 302, 303, 307 or 308");
    }
    code
}

/// A cookie's text goes into a field as it stands, so it must be able to.
fn cookie<'w>(line: &mut Line<'_, 'w, '_>) -> Option<&'w Word> {
    let word = line.text("a cookie")?;
    if let Some(at) = word.bytes().position(|byte| byte < 0x20 || byte == 0x7f) {
        line.error(word.part(at..at + 1), "a control character cannot stand in a cookie");
        return None;
    }
    Some(word)
}
