//! `errorfile`, `errorfiles`, `errorloc` and `http-error`: what is answered when something goes wrong.
//!
//! Limits: a file of an answer has at most [`ANSWER_MAX`] bytes (HAProxy's buffer).

use super::common::{row, rule_line, text, word};
use crate::config::advice;
use crate::config::args::{Args, shown, shown_text};
use crate::config::keyword::Keyword;
use crate::config::plan::{Answer, ErrorAnswer, Given, Proxy, Statuses, StoredResponse};
use crate::config::section::Sections;
use crate::config::source::Span;
use crate::config::value;
use crate::config::word::Word;

/// How large the file of an answer may be.
pub const ANSWER_MAX: usize = 16_384;

/// The statuses that have an answer of their own to be replaced.
pub const STATUSES: &[u16] = &[
    200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504,
];

/// A status whose answer can be replaced.
pub fn status(args: &mut Args<'_>) -> Option<Given<u16>> {
    let word = word(args, "a status")?;
    status_of(args, word)
}

fn status_of(args: &mut Args<'_>, word: &Word) -> Option<Given<u16>> {
    let number = value::count(word).ok().and_then(|number| u16::try_from(number).ok());
    match number.filter(|number| STATUSES.contains(number)) {
        Some(value) => Some(Given { value, span: word.span }),
        None => {
            let all: Vec<String> = STATUSES.iter().map(u16::to_string).collect();
            args.error(word.span, format!("no answer for `{}` can be replaced", shown(word)))
                .label("expected the status of an answer that Koi gives itself")
                .help(format!("there are: {}", all.join(", ")));
            None
        }
    }
}

fn errorfile(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(status) = status(args) else { return args.skip() };
    let Some(path) = word(args, "a file") else { return };
    let Some(response) = stored_response(args, path) else { return args.skip() };
    let path = Given { value: path.text.clone(), span: path.span };
    push(args, proxy, Statuses::Some(vec![status]), Answer::File { path, response });
}

fn push(args: &Args<'_>, proxy: &mut Proxy, statuses: Statuses, answer: Answer) {
    let span = args.line.span;
    proxy.settings.error_answers.push(ErrorAnswer { span, statuses, answer });
}

fn errorfiles(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(name) = text(args, "the name of an `http-errors` section") else {
        return args.skip();
    };
    let mut statuses = Vec::new();
    while args.peek().is_some() {
        let Some(status) = status(args) else { return args.skip() };
        statuses.push(status);
    }
    let statuses = if statuses.is_empty() { Statuses::All } else { Statuses::Some(statuses) };
    push(args, proxy, statuses, Answer::Section(name));
}

fn errorloc(args: &mut Args<'_>, proxy: &mut Proxy, redirect: u16) {
    let Some(status) = status(args) else { return args.skip() };
    let Some(location) = text(args, "where to") else { return args.skip() };
    let answer = Answer::Redirect { status: redirect, location };
    push(args, proxy, Statuses::Some(vec![status]), answer);
}

/// Reads the file that `path` names as a response; what is wrong with it is reported.
pub fn stored_response(args: &mut Args<'_>, path: &Word) -> Option<StoredResponse> {
    let bytes = args.file(path)?;
    match parse_response(&bytes) {
        Ok(response) => Some(response),
        Err(fault) => {
            args.error(path.span, format!("`{}` is no answer: {fault}", shown(path)))
                .label("this file")
                .help("it holds a whole HTTP/1 response: status line, fields, an empty line, the body");
            None
        }
    }
}

/// Bytes to a response (RFC 9112 §2.1; line feeds alone end lines too, as in HAProxy).
///
/// # Errors
/// Why they are none.
pub fn parse_response(bytes: &[u8]) -> Result<StoredResponse, String> {
    if bytes.is_empty() {
        return Ok(StoredResponse::Silence);
    }
    if bytes.len() > ANSWER_MAX {
        return Err(format!("it has {} bytes, {ANSWER_MAX} are possible", bytes.len()));
    }
    let mut rest = bytes;
    let mut number = 0;
    let mut line = next_line(&mut rest, &mut number)?;
    while line.is_empty() {
        line = next_line(&mut rest, &mut number)?;
    }
    let (status, reason) = status_line(line).map_err(|fault| format!("line {number}: {fault}"))?;
    let mut fields = Vec::new();
    let mut length = None;
    loop {
        let line = next_line(&mut rest, &mut number)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = field(line).map_err(|fault| format!("line {number}: {fault}"))?;
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(std::str::from_utf8(value).ok().and_then(|text| value::count(text).ok()));
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(format!("line {number}: the body cannot be in chunks"));
        } else if !name.eq_ignore_ascii_case("connection") {
            fields.push((name.into(), value.into()));
        }
    }
    if length.is_some_and(|length| length != Some(rest.len() as u64)) {
        return Err(format!("Content-Length is not the body's length, {}", rest.len()));
    }
    if matches!(status, 204 | 304) && !rest.is_empty() {
        return Err(format!("a response {status} has no body"));
    }
    Ok(StoredResponse::Response { status, reason, fields, body: rest.into() })
}

/// The next line of the head, without its end.
fn next_line<'a>(rest: &mut &'a [u8], number: &mut usize) -> Result<&'a [u8], String> {
    *number += 1;
    let end = rest.iter().position(|&byte| byte == b'\n');
    let Some(end) = end else { return Err("its head does not end".to_owned()) };
    let (line, behind) = rest.split_at(end);
    *rest = behind.get(1..).unwrap_or_default();
    Ok(line.strip_suffix(b"\r").unwrap_or(line))
}

/// The status and the reason behind it.
fn status_line(line: &[u8]) -> Result<(u16, Box<[u8]>), String> {
    let text = String::from_utf8_lossy(line);
    let (version, behind) = text.split_once(' ').unwrap_or((&text, ""));
    let digits = version.strip_prefix("HTTP/").unwrap_or("").as_bytes();
    if !matches!(digits, [a, b'.', b] if a.is_ascii_digit() && b.is_ascii_digit()) {
        return Err(format!("`{}` is no HTTP version", shown_text(version)));
    }
    let (status, _) = behind.split_once(' ').unwrap_or((behind, ""));
    let number = value::count(status).ok().and_then(|number| u16::try_from(number).ok());
    let number = number.filter(|_| status.len() == 3);
    let number = number
        .filter(|number| (200..600).contains(number))
        .ok_or_else(|| format!("`{}` is no status of a final answer", shown_text(status)))?;
    // The bytes, not the text: a reason may hold any byte from 0x80 (RFC 9112 §4).
    let reason = line.splitn(3, |&byte| byte == b' ').nth(2).unwrap_or_default().trim_ascii();
    if reason.iter().any(u8::is_ascii_control) {
        return Err("a control character in the reason".to_owned());
    }
    Ok((number, reason.into()))
}

fn field(line: &[u8]) -> Result<(&str, &[u8]), String> {
    let colon = line.iter().position(|&byte| byte == b':');
    let Some(colon) = colon else { return Err("a field without a colon".to_owned()) };
    let name = std::str::from_utf8(&line[..colon]).unwrap_or("");
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return Err("what stands before the colon is no field name".to_owned());
    }
    Ok((name, line[colon + 1..].trim_ascii()))
}

const PAYLOADS: &[&str] =
    &["errorfile", "errorfiles", "default-errorfiles", "file", "lf-file", "string", "lf-string"];

/// What an `http-error` line has said so far.
#[derive(Default)]
struct HttpError {
    status: Option<Given<u16>>,
    content_type: Option<Span>,
    payload: Option<Span>,
    /// Whether the payload needs a content type.
    bare: bool,
}

/// Checks the words; they are kept for the compiler, since they may hold log formats.
fn http_error(args: &mut Args<'_>, proxy: &mut Proxy) {
    let first = args.next;
    let mut seen = HttpError::default();
    while let Some(word) = args.take() {
        if http_error_word(args, &mut seen, word).is_none() {
            return args.skip();
        }
    }
    if seen.status.is_none() {
        args.missing("`status` and a status");
        return;
    }
    match (seen.content_type, seen.payload) {
        (None, Some(payload)) if seen.bare => {
            args.error(payload, "a body needs a `content-type` beside it")
                .label("of what type is this?")
                .help("add, for example, `content-type text/plain`");
            return;
        }
        (Some(kind), None) => {
            args.report.advise(&advice::EXTRA_WORDS, kind, "a `content-type` without a body");
        }
        _ => {}
    }
    args.next = first;
    proxy.rules.http_errors.push(rule_line(args));
}

fn http_error_word(args: &mut Args<'_>, seen: &mut HttpError, word: &Word) -> Option<()> {
    if PAYLOADS.contains(&&*word.text) {
        if let Some(earlier) = seen.payload.replace(word.span) {
            args.error(word.span, "an answer has one body")
                .label("a second one")
                .also(earlier, "the first one");
            return None;
        }
        seen.bare = matches!(&*word.text, "string" | "lf-string");
    }
    match &*word.text {
        "status" => seen.status = Some(status(args)?),
        "content-type" => {
            seen.content_type = Some(word.span);
            self::word(args, "a media type")?;
        }
        "default-errorfiles" => {}
        "errorfiles" => drop(self::word(args, "the name of an `http-errors` section")?),
        "string" | "lf-string" => drop(self::word(args, "a text")?),
        "errorfile" => {
            let path = self::word(args, "a file")?;
            stored_response(args, path)?;
        }
        "file" | "lf-file" => seen.bare = body_file(args)? > 0,
        "hdr" => {
            self::word(args, "a field's name")?;
            self::word(args, "a field's value")?;
        }
        _ => {
            let all = PAYLOADS.iter().copied().chain(["status", "content-type", "hdr"]);
            args.unknown(word, "an argument", all);
            return None;
        }
    }
    Some(())
}

/// A file that becomes a body; its length.
fn body_file(args: &mut Args<'_>) -> Option<usize> {
    let path = word(args, "a file")?;
    let length = args.file(path)?.len();
    if length > ANSWER_MAX {
        let message = format!("`{}` has {length} bytes", shown(path));
        args.error(path.span, message).label(format!("{ANSWER_MAX} are possible"));
        return None;
    }
    Some(length)
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "errorfile",
        Sections::PROXIES,
        "<status> <file>",
        "Answers with the response in a file instead of Koi's own; an empty file ends the connection.",
        "errorfile 503 /dev/null",
        errorfile,
    ),
    row(
        "errorfiles",
        Sections::PROXIES,
        "<name> [<status>]...",
        "Answers with those of an `http-errors` section, for all its statuses or for these.",
        "errorfiles mysite 404 503",
        errorfiles,
    ),
    row(
        "errorloc",
        Sections::PROXIES,
        "<status> <url>",
        "Redirects by 302 instead of answering.",
        "errorloc 503 /maintenance",
        |args, proxy| errorloc(args, proxy, 302),
    ),
    row(
        "errorloc302",
        Sections::PROXIES,
        "<status> <url>",
        "Redirects by 302 instead of answering; the client repeats its method.",
        "errorloc302 503 /maintenance",
        |args, proxy| errorloc(args, proxy, 302),
    ),
    row(
        "errorloc303",
        Sections::PROXIES,
        "<status> <url>",
        "Redirects by 303 instead of answering; the client goes on with GET.",
        "errorloc303 503 /maintenance",
        |args, proxy| errorloc(args, proxy, 303),
    ),
    row(
        "http-error",
        Sections::PROXIES,
        "status <status> [content-type <type>] [{ errorfile | file | lf-file } <file> | errorfiles <name> | default-errorfiles | { string | lf-string } <text>] [hdr <name> <value>]...",
        "Answers with what is given here instead of Koi's own.",
        "http-error status 404 content-type text/plain string missing",
        http_error,
    ),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::{advice_in, bad, good};
    use super::*;

    #[test]
    fn files_are_read_at_once() {
        let proxy = good("errorfile 503 /503\nerrorfile 408 /empty");
        let [busy, silent] = &proxy.settings.error_answers[..] else { panic!("two") };
        let Answer::File { response, .. } = &busy.answer else { panic!("{busy:?}") };
        let StoredResponse::Response { status, reason, fields, body } = response else {
            panic!("{busy:?}")
        };
        assert_eq!((*status, &**body), (503, &b"<p>busy"[..]));
        assert_eq!(&**reason, b"Busy");
        assert_eq!(fields.len(), 1);
        let Answer::File { response, .. } = &silent.answer else { panic!("{silent:?}") };
        assert_eq!(*response, StoredResponse::Silence);
        assert_eq!(bad("errorfile 503 /nowhere"), ["/nowhere"]);
        assert_eq!(bad("errorfile 503 a.cfg"), ["a.cfg"]);
        assert_eq!(bad("errorfile 418 /503"), ["418"]);
        assert_eq!(bad("errorfile 503"), [""]);
        assert_eq!(bad("errorfile 503 /503 more"), ["more"]);
    }

    #[test]
    fn responses_that_are_none() {
        let fault = |text: &str| parse_response(text.as_bytes()).expect_err(text);
        assert_eq!(fault("HTTP/1.1 503 x\r\nA: b\r\n"), "its head does not end");
        assert_eq!(fault("HTTP/2 503 x\r\n\r\n"), "line 1: `HTTP/2` is no HTTP version");
        assert_eq!(fault("HTTP/1.1 103 x\r\n\r\n"), "line 1: `103` is no status of a final answer");
        assert!(fault("HTTP/1.1 503 x\r\nA b: c\r\n\r\n").starts_with("line 2"));
        assert!(fault("HTTP/1.1 503 x\r\n A: c\r\n\r\n").starts_with("line 2"));
        assert!(fault("HTTP/1.1 503 x\nTransfer-Encoding: chunked\n\n").starts_with("line 2"));
        assert!(fault("HTTP/1.1 503 x\nContent-Length: 2\n\nabc").starts_with("Content-Length"));
        assert!(fault("HTTP/1.1 204 x\n\nabc").starts_with("a response 204"));
        assert!(parse_response(b"\r\nHTTP/1.1 503\n\n").is_ok());
        assert!(parse_response(b"HTTP/1.1 503\nContent-Length: 1\nContent-Length: 1\n\nx").is_ok());
        let long = [b"HTTP/1.1 503 x\r\n\r\n".as_slice(), &[b'x'; ANSWER_MAX]].concat();
        assert!(parse_response(&long).is_err());
    }

    #[test]
    fn redirections_and_sections() {
        let lines = "errorloc303 404 /x\nerrorfiles site 404 503\nhttp-errors site";
        let answers = good(lines).settings.error_answers;
        assert!(matches!(&answers[0].answer, Answer::Redirect { status: 303, .. }));
        assert!(matches!(&answers[1].statuses, Statuses::Some(statuses) if statuses.len() == 2));
        assert_eq!(bad("errorloc 404"), [""]);
        assert_eq!(bad("errorloc 404 /a b"), ["b"]);
        assert_eq!(bad("errorfiles site 404 999"), ["999"]);
    }

    #[test]
    fn http_errors_are_checked_and_kept() {
        let line = "http-error status 404 content-type text/plain lf-string %[src] hdr A b";
        let rules = good(line).rules.http_errors;
        assert_eq!((rules[0].keyword, rules[0].words.len()), ("http-error", 9));
        assert_eq!(bad("http-error content-type a/b"), [""]);
        assert_eq!(bad("http-error status 418"), ["418"]);
        assert_eq!(bad("http-error status 404 string a"), ["string"]);
        let two = "http-error status 404 content-type a/b string a string b";
        assert_eq!(bad(two), ["string"]);
        assert_eq!(bad("http-error status 404 if TRUE"), ["if"]);
        assert_eq!(bad("http-error status 404 hdr A"), [""]);
        assert_eq!(bad("http-error status 404 errorfile /nowhere"), ["/nowhere"]);
        let advice = advice_in("listen l", "http-error status 404 content-type a/b");
        assert_eq!(advice, ["extra-words"]);
    }
}
