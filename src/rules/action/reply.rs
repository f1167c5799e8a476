//! Answers that a rule gives: the arguments that `return`, `deny`, `tarpit` and `http-error` share.
//!
//! In: `status`, `content-type`, a body by one of seven words, `hdr`. Out: a [`Reply`], files read.
//!
//! Limits: a body must fit into a buffer (`tune.bufsize`).

use std::sync::Arc;

use super::line::Line;
use super::{Ruleset, no_effect};
use crate::config::advice;
use crate::config::args::shown;
use crate::config::keywords::errors::{STATUSES, parse_response};
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::StoredResponse;
use crate::config::source::Span;
use crate::config::word::Word;
use crate::rules::format::{Format, Style};

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status; a stored response has its own.
    pub status: u16,
    /// What follows the head.
    pub body: Body,
    /// The `Content-Type` of a body made of bytes or a format.
    pub content_type: Option<Box<str>>,
    /// `hdr`: fields to add. Not to stored responses.
    pub fields: Box<[(Box<str>, Format)]>,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum Body {
    /// None.
    Empty,
    /// What the proxy answers with this status: `errorfile` and its relatives, or Koi's own.
    Default,
    /// `errorfile`: a whole response.
    Stored(Arc<StoredResponse>),
    /// `errorfiles`: what this `http-errors` section has for the status; an index into
    /// `Plan::http_errors`.
    Section(usize),
    /// `file`, `string`.
    Bytes(Arc<[u8]>),
    /// `lf-file`, `lf-string`.
    Format(Format),
}

/// Who parses an answer: it decides the default status and the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// `deny`.
    Deny,
    /// `tarpit`.
    Tarpit,
    /// `return`.
    Return,
    /// `http-error`.
    Error,
}

impl For {
    fn default_status(self, ruleset: Ruleset) -> u16 {
        match self {
            For::Return | For::Error => 200,
            For::Tarpit => 500,
            For::Deny if ruleset == Ruleset::HttpRequest => 403,
            For::Deny => 502,
        }
    }

    /// Whether an answer without a body is the proxy's own for its status.
    fn answers_by_default(self) -> bool {
        matches!(self, For::Deny | For::Tarpit)
    }
}

const ARGUMENTS: &[&str] = &[
    "status",
    "content-type",
    "default-errorfiles",
    "errorfile",
    "errorfiles",
    "file",
    "lf-file",
    "string",
    "lf-string",
    "hdr",
];

/// The words so far.
#[derive(Default)]
struct Parts<'w> {
    status: Option<(u16, Span)>,
    /// Whether that was by `deny_status`, which wants an answer that is there.
    old_name: bool,
    content_type: Option<&'w Word>,
    /// The word that said which body, and the body.
    body: Option<(&'w Word, Body)>,
    fields: Vec<(Box<str>, Format)>,
    /// The first `hdr`.
    field_word: Option<&'w Word>,
}

/// Parses up to the first word that is no argument of an answer.
pub fn parse(line: &mut Line<'_, '_, '_>, of: For) -> Option<Reply> {
    let mut parts = Parts::default();
    while let Some(word) = line.words.peek().filter(|_| !line.words.at_condition()) {
        let old_name = &*word.text == "deny_status" && of.answers_by_default();
        if !ARGUMENTS.contains(&&*word.text) && !old_name {
            misspelt(line, word, of);
            return None;
        }
        line.words.take();
        argument(line, word, &mut parts)?;
    }
    finish(line, parts, of)
}

fn misspelt(line: &mut Line<'_, '_, '_>, word: &Word, of: For) {
    let name = line.entry.name;
    let names = ARGUMENTS.iter().copied();
    let near = did_you_mean(&nearest(word, names));
    let fault = line.error(word.span, format!("`{}` is no argument of `{name}`", shown(word)));
    fault.label(match of {
        For::Error => "expected an argument",
        _ => "expected an argument, `if` or `unless`",
    });
    fault.help(near.unwrap_or_else(|| format!("there are: {}", ARGUMENTS.join(", "))));
}

fn argument<'w>(line: &mut Line<'_, 'w, '_>, word: &'w Word, parts: &mut Parts<'w>) -> Option<()> {
    match &*word.text {
        "status" | "deny_status" => {
            let given = line.words.peek().map_or(word.span, |given| given.span);
            let status = line.number("a status", 200..=599)?;
            parts.status = Some((u16::try_from(status).ok()?, given));
            parts.old_name = &*word.text == "deny_status";
        }
        "content-type" => parts.content_type = Some(media_type(line)?),
        "hdr" => {
            let name = line.field_name()?;
            parts.fields.push((name, line.format("the field's value")?));
            parts.field_word.get_or_insert(word);
        }
        _ => {
            if let Some((first, _)) = &parts.body {
                let first = first.span;
                line.error(word.span, "an answer has one body")
                    .label("a second one")
                    .also(first, "the first one");
                return None;
            }
            let body = body(line, word)?;
            parts.body = Some((word, body));
        }
    }
    Some(())
}

/// It goes into a field as it stands.
fn media_type<'w>(line: &mut Line<'_, 'w, '_>) -> Option<&'w Word> {
    let word = line.text("a media type")?;
    if let Some(at) = word.bytes().position(|byte| byte < 0x20 || byte == 0x7f) {
        line.error(word.part(at..at + 1), "a control character cannot stand in a field");
        return None;
    }
    Some(word)
}

fn body(line: &mut Line<'_, '_, '_>, word: &Word) -> Option<Body> {
    match &*word.text {
        "default-errorfiles" => Some(Body::Default),
        "errorfile" => {
            let path = line.text("a file")?;
            stored(line, path).map(Arc::new).map(Body::Stored)
        }
        "errorfiles" => {
            let name = line.text("the name of an `http-errors` section")?;
            let all = &line.compiler.plan.http_errors;
            if let Some(index) = all.iter().position(|it| it.name == name.text) {
                return Some(Body::Section(index));
            }
            let near = did_you_mean(&nearest(name, all.iter().map(|it| &*it.name)));
            let message = format!("there is no `http-errors` section `{}`", shown(name));
            let fault = line.error(name.span, message);
            fault.label("expected the name of one");
            if let Some(near) = near {
                fault.help(near);
            }
            None
        }
        "file" => {
            let path = line.text("a file")?;
            read(line, path).map(|bytes| Body::Bytes(bytes.into()))
        }
        "lf-file" => {
            let path = line.text("a file")?;
            let bytes = read(line, path)?;
            let Ok(text) = String::from_utf8(bytes) else {
                line.error(path.span, format!("`{}` is not UTF-8", shown(path)))
                    .label("a log format is text");
                return None;
            };
            let word = Word { text: text.into(), span: path.span, verbatim: false };
            line.format_of(&word, Style::Http).map(Body::Format)
        }
        "string" => {
            let text = line.text("a text")?;
            Some(Body::Bytes(text.as_bytes().into()))
        }
        _ => line.format("a log format").map(Body::Format),
    }
}

/// Reads a file that must fit into a buffer.
fn read(line: &mut Line<'_, '_, '_>, path: &Word) -> Option<Vec<u8>> {
    let bytes = match line.compiler.files.read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            line.error(path.span, format!("cannot read `{}`: {error}", shown(path)))
                .label("this file");
            return None;
        }
    };
    let tuning = &line.compiler.plan.global.tuning;
    let buffer = tuning.buffer.map_or(BUFFER, |it| it.value) as usize;
    let reserve = tuning.rewrite.map_or(REWRITE, |it| it.value) as usize;
    let length = bytes.len();
    if length > buffer {
        line.error(path.span, format!("`{}` has {length} bytes", shown(path)))
            .label(format!("a body may have {buffer} bytes"))
            .help("serve large files from a server");
        return None;
    }
    if length > buffer.saturating_sub(reserve) {
        let message = format!("`{}` leaves no room for rules that add fields", shown(path));
        line.compiler.report.advise(&advice::ROOM, path.span, message);
    }
    Some(bytes)
}

/// `tune.bufsize`, if nothing is said.
const BUFFER: u32 = 16_384;
/// `tune.maxrewrite`, if nothing is said.
const REWRITE: u32 = 1024;

fn stored(line: &mut Line<'_, '_, '_>, path: &Word) -> Option<StoredResponse> {
    let bytes = match line.compiler.files.read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            line.error(path.span, format!("cannot read `{}`: {error}", shown(path)))
                .label("this file");
            return None;
        }
    };
    match parse_response(&bytes) {
        Ok(response) => Some(response),
        Err(fault) => {
            line.error(path.span, format!("`{}` is no answer: {fault}", shown(path)))
                .label("this file")
                .help("it holds a whole HTTP/1 response: status line, fields, an empty line, body");
            None
        }
    }
}

/// What no single argument can know.
fn finish(line: &mut Line<'_, '_, '_>, parts: Parts<'_>, of: For) -> Option<Reply> {
    let status = parts.status.map_or(of.default_status(line.ruleset), |(status, _)| status);
    let has_answer = STATUSES.contains(&status);
    let body = match &parts.body {
        Some((_, body)) => body.clone(),
        None if parts.old_name && parts.fields.is_empty() => Body::Default,
        // A status by its new name stands for itself: an empty answer, as in HAProxy.
        None if of.answers_by_default() && parts.status.is_none() && parts.fields.is_empty() => {
            Body::Default
        }
        None => Body::Empty,
    };
    match &body {
        Body::Default | Body::Section(_) if !has_answer => {
            let span = parts.status.map_or(line.word.span, |(_, span)| span);
            let all: Vec<String> = STATUSES.iter().map(u16::to_string).collect();
            line.error(span, format!("there is no answer for the status {status} by default"))
                .label("expected a status that Koi answers with itself")
                .help(format!("there are: {}", all.join(", ")))
                .help(format!("an empty answer of any status is written: status {status}"));
            return None;
        }
        Body::Bytes(bytes) => {
            content_type_needed(line, &parts, !bytes.is_empty())?;
            no_body_for(line, &parts, status, !bytes.is_empty())?;
        }
        Body::Format(_) => {
            content_type_needed(line, &parts, true)?;
            no_body_for(line, &parts, status, true)?;
        }
        Body::Empty if parts.content_type.is_some() => {
            surplus(line, parts.content_type, "`content-type` has no effect without a body");
        }
        Body::Stored(_) | Body::Section(_) | Body::Default => {
            let why = "has no effect beside a whole response";
            surplus(line, parts.content_type, &format!("`content-type` {why}"));
            surplus(line, parts.field_word, &format!("`hdr` {why}"));
        }
        Body::Empty => {}
    }
    if let (Body::Section(index), Some((word, _))) = (&body, &parts.body) {
        section_has(line, *index, status, word);
    }
    let content_type = parts.content_type.map(|word| word.text.clone());
    Some(Reply { status, body, content_type, fields: parts.fields.into() })
}

fn surplus(line: &mut Line<'_, '_, '_>, word: Option<&Word>, message: &str) {
    if let Some(word) = word {
        no_effect(line, word, message);
    }
}

fn content_type_needed(line: &mut Line<'_, '_, '_>, parts: &Parts<'_>, needed: bool) -> Option<()> {
    if !needed || parts.content_type.is_some() {
        return Some(());
    }
    let span = parts.body.as_ref().map_or(line.word.span, |(word, _)| word.span);
    line.error(span, "a body needs a `content-type` beside it")
        .label("of what type is this?")
        .help("add, for example, `content-type text/plain`");
    None
}

/// RFC 9110 §6.4.1: these statuses have no content.
fn no_body_for(
    line: &mut Line<'_, '_, '_>,
    parts: &Parts<'_>,
    status: u16,
    has_body: bool,
) -> Option<()> {
    if !has_body || !matches!(status, 204 | 304) {
        return Some(());
    }
    let span = parts.body.as_ref().map_or(line.word.span, |(word, _)| word.span);
    line.error(span, format!("a response {status} has no body")).label("leave it out");
    None
}

/// A section that has nothing for the status: the proxy's own answer comes.
fn section_has(line: &mut Line<'_, '_, '_>, index: usize, status: u16, word: &Word) {
    let Some(section) = line.compiler.plan.http_errors.get(index) else { return };
    if section.files.iter().any(|file| file.status.value == status) {
        return;
    }
    let message = format!("`http-errors {}` has no answer for {status}", section.name);
    let span = section.span;
    line.compiler
        .report
        .advise(&advice::NO_EFFECT, word.span, message)
        .label("the proxy's own comes instead")
        .also(span, "this section");
}
