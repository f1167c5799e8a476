//! Arguments in parentheses: `hdr(host,-1)`, `regsub("(a)",b,g)`.
//!
//! In: the text behind a name, and the parameters its table entry declares. Out: typed arguments,
//! checked when the configuration is read (HAProxy 3.0, configuration.txt §2.2 for the second level of
//! quotes).
//!
//! Limits: [`ARGS_MAX`] arguments.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use core::net::{Ipv4Addr, Ipv6Addr};

use super::compiler::Compiler;
use super::map::Map;
use super::pcre;
use crate::config::args::shown_text;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::TableId;
use crate::config::section::Section;
use crate::config::source::Span;
use crate::config::value;
use crate::config::word::Word;

/// How many arguments a name may have.
pub const ARGS_MAX: usize = 12;

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Str,
    /// A signed number.
    Int,
    /// A time; a plain number is milliseconds.
    Time,
    /// A number of bytes.
    Size,
    /// An IPv4 mask: `24` or `255.255.255.0`.
    Mask4,
    /// An IPv6 mask: `64` or `ffff::`.
    Mask6,
    /// The name of a frontend; absent, the current one.
    Frontend,
    /// The name of a backend; absent, the current one.
    Backend,
    /// `[backend/]server`.
    Server,
    /// The name of a proxy (or `peers` section's table) that has a stick table; absent, the current one.
    Table,
    /// The name of a userlist.
    Userlist,
    /// A regular expression.
    Regex,
    /// The name of a variable, `txn.x`.
    Variable,
    /// The name of a field, kept in lower case.
    Field,
    /// A signed number, or the name of a variable that holds one.
    IntOrVariable,
    /// `0` or `1`, as numbers go.
    Flag,
}

/// A parameter of a fetch or a converter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name in documentation.
    pub name: &'static str,
    /// What it must be.
    pub kind: Kind,
    /// Whether it may be left out.
    pub optional: bool,
}

/// A parameter that must be there.
pub const fn must(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, optional: false }
}

/// A parameter that may be left out.
pub const fn may(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, optional: true }
}

/// A typed argument.
#[derive(Clone, Debug)]
pub enum Arg {
    /// Left out.
    Absent,
    /// Text.
    Str(Box<str>),
    /// A number.
    Int(i64),
    /// A time.
    Time(Duration),
    /// An IPv4 mask.
    Mask4(Ipv4Addr),
    /// An IPv6 mask.
    Mask6(Ipv6Addr),
    /// A proxy, an index into `Plan::proxies`.
    Proxy(usize),
    /// A stick table.
    Table(TableId),
    /// A server: proxy, index in it.
    Server(usize, usize),
    /// A userlist, an index into `Plan::userlists`.
    Userlist(usize),
    /// A regular expression.
    Regex(Arc<regex::bytes::Regex>),
    /// A map file (put here by the converter's own check).
    Map(Arc<Map>),
}

impl Arg {
    /// The text, if it is text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Arg::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn int(&self) -> Option<i64> {
        match self {
            Arg::Int(number) => Some(*number),
            _ => None,
        }
    }
}

/// An argument's text, before its type is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// Unquoted.
    pub text: String,
    /// Bytes of the word it stands in.
    pub range: Range<usize>,
}

/// What is wrong with parentheses, and which bytes of the word.
pub type SplitFault = (&'static str, Range<usize>);

/// Cuts the arguments behind an opening parenthesis at byte `open` of `text`. Gives them and the
/// offset behind the closing parenthesis.
///
/// # Errors
/// What is wrong, and which bytes.
pub fn split(text: &str, open: usize) -> Result<(Vec<Raw>, usize), SplitFault> {
    let bytes = text.as_bytes();
    let mut at = open + 1;
    let mut args = Vec::new();
    let mut current = Vec::new();
    let mut start = at;
    let mut quote: Option<(u8, usize)> = None;
    loop {
        let Some(&byte) = bytes.get(at) else {
            return Err(match quote {
                Some((_, from)) => {
                    ("this quote inside the parentheses is never closed", from..from + 1)
                }
                None => ("this parenthesis is never closed", open..open + 1),
            });
        };
        match (byte, quote) {
            (b'\'', Some((b'\'', _))) | (b'"', Some((b'"', _))) => quote = None,
            (b'\'' | b'"', None) => quote = Some((byte, at)),
            (b'\\', None | Some((b'"', _))) => {
                let (escaped, length) = escape(bytes.get(at + 1).copied());
                current.push(escaped);
                at += length - 1;
            }
            (b',' | b')', None) => {
                if args.len() == ARGS_MAX {
                    return Err(("too many arguments", start..at));
                }
                let text = String::from_utf8_lossy(&current).into_owned();
                args.push(Raw { text, range: start..at });
                current.clear();
                start = at + 1;
                if byte == b')' {
                    return Ok((args, at + 1));
                }
            }
            _ => current.push(byte),
        }
        at += 1;
    }
}

/// A backslash and what follows: the byte it makes, and how many bytes it took.
fn escape(next: Option<u8>) -> (u8, usize) {
    match next {
        Some(b'n') => (b'\n', 2),
        Some(b'r') => (b'\r', 2),
        Some(b't') => (b'\t', 2),
        Some(byte @ (b'\\' | b'\'' | b'"' | b' ' | b',' | b'(' | b')')) => (byte, 2),
        _ => (b'\\', 1),
    }
}

/// Types the arguments of `name` by its parameters. Faults are reported.
pub fn check(
    name: &str,
    at: Span,
    params: &[Param],
    raw: &[Raw],
    word: &Word,
    compiler: &mut Compiler<'_>,
) -> Option<Vec<Arg>> {
    // `name()` is the same as `name`, except where an empty text is a value.
    let raw = if let [only] = raw
        && only.text.is_empty()
        && !params.first().is_some_and(|first| takes_empty(first.kind))
    {
        &[]
    } else {
        raw
    };
    if let Some(extra) = raw.get(params.len()) {
        let message = match params.len() {
            0 => format!("`{name}` takes no arguments"),
            1 => format!("`{name}` takes one argument"),
            many => format!("`{name}` takes {many} arguments"),
        };
        compiler.report.error(word.part(extra.range.clone()), message).label("this is too much");
        return None;
    }
    let mut args = Vec::with_capacity(params.len());
    for (index, param) in params.iter().enumerate() {
        match raw.get(index) {
            // An empty text is a value of its own where text is wanted.
            Some(one) if !one.text.is_empty() || takes_empty(param.kind) => {
                args.push(typed(name, param, one, word, compiler)?);
            }
            // Only text can be passed over: a number must be there if something stands behind it.
            Some(one) if needs_number(param.kind) && index + 1 < raw.len() => {
                let place = word.part(one.range.clone());
                let message = format!("`{name}` needs its argument `{}`", param.name);
                compiler.report.error(place, message).label("nothing stands here").help(format!(
                    "it is written: {name}({}); what is left out at the end may be left out",
                    signature(params)
                ));
                return None;
            }
            // A proxy is the current one if it is not named; an index before it makes the comma needed.
            given if param.optional || is_proxy(param.kind) && (given.is_some() || index == 0) => {
                let arg = absent(param, at, compiler)?;
                if !param.optional {
                    in_defaults(name, param, at, compiler)?;
                }
                args.push(arg);
            }
            _ => {
                let fault = compiler
                    .report
                    .error(at, format!("`{name}` needs its argument `{}`", param.name));
                fault.label(format!("expected {name}({})", signature(params)));
                return None;
            }
        }
    }
    Some(args)
}

fn is_proxy(kind: Kind) -> bool {
    matches!(kind, Kind::Frontend | Kind::Backend | Kind::Table)
}

/// Whether it is a number of some kind, so that no text cannot stand for it.
fn needs_number(kind: Kind) -> bool {
    matches!(kind, Kind::Int | Kind::Flag | Kind::Time | Kind::Size | Kind::Mask4 | Kind::Mask6)
}

/// Reports a table that is not named in `defaults`, where there is no proxy that could be meant.
fn in_defaults(name: &str, param: &Param, at: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    let defaults = compiler.proxy.is_some_and(|proxy| proxy.section == Section::Defaults);
    if !defaults || param.kind != Kind::Table {
        return Some(());
    }
    compiler
        .report
        .error(at, format!("`{name}` must name its table in `defaults`"))
        .label("which table?")
        .help("write the name of the proxy that has it between the parentheses");
    None
}

/// Whether an empty text is a value of its own.
fn takes_empty(kind: Kind) -> bool {
    matches!(kind, Kind::Str | Kind::Regex | Kind::Field)
}

/// `name[,occurrence]`: the parameters as documentation shows them.
pub fn signature(params: &[Param]) -> String {
    let mut out = String::new();
    for (index, param) in params.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        match param.optional {
            true => out.push_str(&format!("[{comma}{}]", param.name)),
            false => out.push_str(&format!("{comma}{}", param.name)),
        }
    }
    out
}

/// What a left-out argument stands for. A table that has to be there and is not is reported.
fn absent(param: &Param, at: Span, compiler: &mut Compiler<'_>) -> Option<Arg> {
    let Some(proxy) = compiler.proxy else { return Some(Arg::Absent) };
    let plan = compiler.plan;
    let here = match param.kind {
        Kind::Frontend if proxy.has_frontend() => plan.frontend(&proxy.name),
        Kind::Backend if proxy.has_backend() => plan.backend(&proxy.name),
        // Optional, it is the table of the tracked entry; in `defaults`, of who inherits the rule.
        Kind::Table if !param.optional && proxy.section != Section::Defaults => {
            let own = plan.own_table(proxy);
            if own.is_none() {
                let message = format!("`{}` has no stick table", shown_text(&proxy.name));
                compiler
                    .report
                    .error(at, message)
                    .label("expected the name of a table in parentheses")
                    .help("add a `stick-table` line, or name the table of another section");
            }
            return own.map(Arg::Table);
        }
        _ => None,
    };
    Some(here.map_or(Arg::Absent, Arg::Proxy))
}

fn typed(
    name: &str,
    param: &Param,
    raw: &Raw,
    word: &Word,
    compiler: &mut Compiler<'_>,
) -> Option<Arg> {
    let text = raw.text.as_str();
    let span = word.part(raw.range.clone());
    let arg = match param.kind {
        Kind::Str => Some(Arg::Str(text.into())),
        Kind::Field => Some(Arg::Str(text.to_ascii_lowercase().into())),
        Kind::Int => text.parse().ok().map(Arg::Int),
        Kind::Time => value::time(text, 1).ok().map(Arg::Time),
        Kind::Size => value::size(text).ok().and_then(|it| i64::try_from(it).ok()).map(Arg::Int),
        Kind::Mask4 => mask4(text).map(Arg::Mask4),
        Kind::Mask6 => mask6(text).map(Arg::Mask6),
        Kind::Flag => text.parse().ok().filter(|it| matches!(it, 0 | 1)).map(Arg::Int),
        Kind::IntOrVariable => match text.parse() {
            Ok(number) => Some(Arg::Int(number)),
            Err(_) => return variable(text, span, compiler),
        },
        Kind::Regex => return regex(text, span, compiler),
        Kind::Variable => return variable(text, span, compiler),
        Kind::Frontend | Kind::Backend | Kind::Table | Kind::Userlist | Kind::Server => {
            return named(param.kind, text, span, compiler);
        }
    };
    if arg.is_none() {
        let message =
            format!("`{}` is not {} for `{name}`", shown_text(text), kind_words(param.kind));
        compiler.report.error(span, message).label(format!("the argument `{}`", param.name));
    }
    arg
}

fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Int => "a number",
        Kind::Flag => "0 or 1",
        Kind::Time => "a time",
        Kind::Size => "a size",
        Kind::Mask4 => "an IPv4 mask (0 to 32, or 255.255.255.0)",
        Kind::Mask6 => "an IPv6 mask (0 to 128)",
        _ => "an argument",
    }
}

fn mask4(text: &str) -> Option<Ipv4Addr> {
    match text.parse::<u32>() {
        Ok(length @ 0..=32) => Some((u32::MAX.checked_shl(32 - length).unwrap_or(0)).into()),
        Ok(_) => None,
        Err(_) => text.parse().ok(),
    }
}

fn mask6(text: &str) -> Option<Ipv6Addr> {
    match text.parse::<u32>() {
        Ok(length @ 0..=128) => Some((u128::MAX.checked_shl(128 - length).unwrap_or(0)).into()),
        Ok(_) => None,
        Err(_) => text.parse().ok(),
    }
}

/// A regular expression; what the linear-time engine does not have is explained.
pub fn regex(text: &str, span: Span, compiler: &mut Compiler<'_>) -> Option<Arg> {
    match pcre::regex(text, false) {
        Ok(regex) => Some(Arg::Regex(Arc::new(regex))),
        Err(reason) => {
            compiler.report.error(span, format!("this is no regular expression: {reason}")).help(
                "look-around and back-references are not possible: matching time is always linear",
            );
            None
        }
    }
}

const SCOPES: &[&str] = &["proc", "sess", "txn", "req", "res", "check"];

/// Whether it is the name of a variable: scope, dot, name.
pub fn is_variable(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    text.split_once('.').is_some_and(|(scope, name)| {
        SCOPES.contains(&scope) && !name.is_empty() && name.chars().all(legal)
    })
}

/// The name of a variable; what is wrong with it is reported.
pub fn variable(text: &str, span: Span, compiler: &mut Compiler<'_>) -> Option<Arg> {
    if is_variable(text) {
        return Some(Arg::Str(text.into()));
    }
    match text.split_once('.') {
        Some((scope, name)) if SCOPES.contains(&scope) && !name.is_empty() => {
            let message = format!("`{}` is not a name for a variable", shown_text(name));
            compiler.report.error(span, message).label("letters, digits, _ and . are possible");
        }
        _ => {
            let message = format!("`{}` is not a variable", shown_text(text));
            let label = "expected a scope, a dot and a name: txn.name";
            compiler
                .report
                .error(span, message)
                .label(label)
                .help(format!("scopes are {}", SCOPES.join(", ")));
        }
    }
    None
}

/// A thing of the plan, by its name.
fn named(kind: Kind, text: &str, span: Span, compiler: &mut Compiler<'_>) -> Option<Arg> {
    let plan = compiler.plan;
    let found = match kind {
        Kind::Frontend => plan.frontend(text).map(Arg::Proxy),
        Kind::Userlist => {
            plan.userlists.iter().position(|list| *list.name == *text).map(Arg::Userlist)
        }
        Kind::Server => return server(text, span, compiler),
        Kind::Table => plan.table(text).map(Arg::Table),
        _ => plan.backend(text).map(Arg::Proxy),
    };
    if found.is_none() {
        let tables = plan.table_names();
        let (what, names): (_, Vec<&str>) = match kind {
            Kind::Frontend => ("frontend", plan.frontends_by_name.keys().map(|it| &**it).collect()),
            Kind::Userlist => ("userlist", plan.userlists.iter().map(|it| &*it.name).collect()),
            Kind::Table => ("stick table", tables.iter().map(String::as_str).collect()),
            _ => ("backend", plan.backends_by_name.keys().map(|it| &**it).collect()),
        };
        unknown(what, text, span, names, compiler);
    }
    found
}

fn server(text: &str, span: Span, compiler: &mut Compiler<'_>) -> Option<Arg> {
    let plan = compiler.plan;
    let (backend, name) = match text.split_once('/') {
        Some((backend, name)) => (plan.backend(backend), name),
        None => (compiler.proxy.and_then(|proxy| plan.backend(&proxy.name)), text),
    };
    let Some(backend) = backend else {
        let message = format!("`{}`: no such backend", shown_text(text));
        compiler.report.error(span, message).label("expected backend/server");
        return None;
    };
    let servers = &plan.proxies[backend].servers;
    let found = servers.iter().position(|server| *server.name.value == *name);
    if found.is_none() {
        let names = servers.iter().map(|server| &*server.name.value).collect();
        unknown("server", name, span, names, compiler);
    }
    found.map(|index| Arg::Server(backend, index))
}

fn unknown(what: &str, text: &str, span: Span, names: Vec<&str>, compiler: &mut Compiler<'_>) {
    let near = did_you_mean(&nearest(text, names));
    let fault = compiler.report.error(span, format!("there is no {what} `{}`", shown_text(text)));
    if let Some(near) = near {
        fault.help(near);
    }
}
