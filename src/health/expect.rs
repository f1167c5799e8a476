//! What a check expects of an answer, and whether it is there.

use regex::bytes::Regex;

use super::script::{Act, Step};
use super::talk::{Judged, Talk};
use crate::config::plan::{CheckExpect, CheckField, CheckMatch, CheckPattern};
use crate::config::word::Word;
use crate::proto::check::reply::Reply;
use crate::proto::check::{Status, Verdict, printable};
use crate::rules::program::Compiled;

/// Whether an answer is as expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Yes,
    No,
    /// More may come that decides.
    Later,
}

impl From<bool> for Match {
    fn from(is_so: bool) -> Match {
        if is_so { Match::Yes } else { Match::No }
    }
}

/// An answer of HTTP that is no error: what is expected where nothing is said.
pub(super) async fn success(talk: &mut Talk<'_>) -> Judged<Verdict> {
    let step = Step { act: Act::ExpectSuccess, number: 0, comment: None, compiled: &[] };
    let status = head(talk, &step).await?;
    match status {
        404 if talk.disable_on_404() => Ok(with_code(Status::L7Conditional, status, "")),
        200..400 => Ok(with_code(Status::L7Passed, status, "")),
        _ => Err(with_code(Status::L7Status, status, &reason(talk))),
    }
}

/// Waits until an expectation is met. The verdict so far, if that is said by the step.
pub(super) async fn wait(
    talk: &mut Talk<'_>,
    step: &Step<'_>,
    expect: &CheckExpect,
) -> Judged<Option<Verdict>> {
    if talk.reply.is_some() {
        let status = head(talk, step).await.map_err(|verdict| timed_out(verdict, expect))?;
        if status == 404 && talk.disable_on_404() {
            return Ok(Some(with_code(Status::L7Conditional, status, "")));
        }
    }
    let least = expect.min_received.and_then(|it| usize::try_from(it).ok());
    loop {
        let complete = talk.ended || talk.reply.as_ref().is_some_and(Reply::is_whole);
        let enough = least.is_none_or(|least| talk.bytes.len() >= least);
        let met = if enough || complete { compare(talk, step, expect) } else { Match::Later };
        let conclusive = complete || least.is_some() && enough;
        match met {
            Match::Yes if !expect.not => return Ok(passed(talk, step, expect)),
            Match::Yes => return Err(failed(talk, step, expect, true)),
            Match::No if conclusive || talk.reply.is_some() && is_of_head(&expect.pattern) => {
                return match expect.not {
                    true => Ok(passed(talk, step, expect)),
                    false => Err(failed(talk, step, expect, false)),
                };
            }
            Match::No | Match::Later => {
                let more =
                    talk.receive(step).await.map_err(|verdict| timed_out(verdict, expect))?;
                if !more && met == Match::Later && complete {
                    return Err(failed(talk, step, expect, false));
                }
            }
        }
    }
}

/// Waits for the head of an answer: its status.
async fn head(talk: &mut Talk<'_>, step: &Step<'_>) -> Judged<u16> {
    loop {
        if let Some(status) = status(talk) {
            return Ok(status);
        }
        if !talk.receive(step).await? {
            // In HAProxy's words; what came so far, if anything did, is no answer.
            let status = match talk.reply.as_ref().is_none_or(|it| it.base().is_empty()) {
                true => Status::SocketError,
                false => Status::L7Response,
            };
            return Err(Verdict::plain(status));
        }
    }
}

fn status(talk: &Talk<'_>) -> Option<u16> {
    let reply = talk.reply.as_ref()?;
    Some(reply.head()?.head.view(reply.base()).status())
}

/// The phrase behind the status.
fn reason(talk: &Talk<'_>) -> String {
    let Some(reply) = &talk.reply else { return String::new() };
    let line = reply.base().split(|&byte| byte == b'\n').next().unwrap_or_default();
    printable(line.splitn(3, |&byte| byte == b' ').nth(2).unwrap_or_default())
}

fn with_code(status: Status, code: u16, info: &str) -> Verdict {
    Verdict { code: Some(code), ..Verdict::with(status, info) }
}

fn is_of_head(pattern: &CheckPattern) -> bool {
    matches!(
        pattern,
        CheckPattern::Statuses(_)
            | CheckPattern::StatusRegex(_)
            | CheckPattern::Field(_)
            | CheckPattern::FullField(_)
    )
}

// --- comparing ---

fn compare(talk: &Talk<'_>, step: &Step<'_>, expect: &CheckExpect) -> Match {
    let content = match &talk.reply {
        Some(reply) => reply.content(),
        None => &talk.bytes,
    };
    let regex = || match step.compiled.first() {
        Some(Compiled::Regex(regex)) => Some(&**regex),
        _ => None,
    };
    match &expect.pattern {
        CheckPattern::Statuses(ranges) => {
            let status = status(talk).unwrap_or(0);
            ranges.iter().any(|&(from, to)| (from..=to).contains(&status)).into()
        }
        CheckPattern::StatusRegex(_) => {
            let status = status(talk).unwrap_or(0).to_string();
            regex().is_some_and(|it| it.is_match(status.as_bytes())).into()
        }
        CheckPattern::Text(word) => contains(content, word.text.as_bytes()).into(),
        CheckPattern::Regex(_) => regex().is_some_and(|it| it.is_match(content)).into(),
        CheckPattern::Format(_) => contains(content, &talk.format(step.compiled.first())).into(),
        CheckPattern::Binary(bytes) => contains(content, bytes).into(),
        CheckPattern::BinaryRegex(_) => {
            let digits = data_encoding::HEXUPPER.encode(content);
            regex().is_some_and(|it| it.is_match(digits.as_bytes())).into()
        }
        CheckPattern::HexFormat(_) => {
            let digits = talk.format(step.compiled.first()).to_ascii_uppercase();
            let bytes = data_encoding::HEXUPPER.decode(&digits);
            bytes.is_ok_and(|bytes| contains(content, &bytes)).into()
        }
        CheckPattern::Field(field) => has_field(talk, step, field, false).into(),
        CheckPattern::FullField(field) => has_field(talk, step, field, true).into(),
        // What it comes to is said by `on-success` and its like.
        CheckPattern::Custom => match content.is_empty() && !talk.ended {
            true => Match::Later,
            false => Match::Yes,
        },
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    wanted.is_empty() || bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// What a name or value is compared with.
enum Wanted<'w> {
    Text(CheckMatch, Vec<u8>),
    Regex(&'w Regex),
}

impl Wanted<'_> {
    fn fits(&self, bytes: &[u8], folded: bool) -> bool {
        let Wanted::Text(how, text) = self else {
            let Wanted::Regex(regex) = self else { return false };
            return regex.is_match(bytes);
        };
        let (bytes, text) = match folded {
            true => (bytes.to_ascii_lowercase(), text.to_ascii_lowercase()),
            false => (bytes.to_vec(), text.clone()),
        };
        match how {
            CheckMatch::Exact => bytes == text,
            CheckMatch::Beginning => bytes.starts_with(&text),
            CheckMatch::End => bytes.ends_with(&text),
            CheckMatch::Contains => contains(&bytes, &text),
            CheckMatch::Regex => false,
        }
    }
}

fn has_field(talk: &Talk<'_>, step: &Step<'_>, field: &CheckField, full: bool) -> bool {
    let Some(reply) = &talk.reply else { return false };
    let Some(head) = reply.head() else { return false };
    let mut compiled = step.compiled.iter();
    let mut wanted = |how: CheckMatch, word: &Word, is_format: bool| match (is_format, how) {
        (true, _) => Wanted::Text(how, talk.format(compiled.next())),
        (false, CheckMatch::Regex) => match compiled.next() {
            Some(Compiled::Regex(regex)) => Wanted::Regex(regex),
            _ => Wanted::Text(CheckMatch::Regex, Vec::new()),
        },
        (false, _) => Wanted::Text(how, word.text.as_bytes().to_vec()),
    };
    let name = wanted(field.name.0, &field.name.1, field.name_format);
    let value = field.value.as_ref().map(|(how, word)| wanted(*how, word, field.value_format));
    head.head.view(reply.base()).fields().any(|(its, content)| {
        let one = |content: &[u8]| value.as_ref().is_none_or(|value| value.fits(content, false));
        name.fits(its, true)
            && match full {
                true => one(content),
                false => content.split(|&byte| byte == b',').any(|part| one(part.trim_ascii())),
            }
    })
}

// --- what it comes to ---

fn named(status: &Option<Box<str>>, otherwise: Status) -> Status {
    status.as_deref().and_then(Status::named).unwrap_or(otherwise)
}

fn code(talk: &Talk<'_>, step: &Step<'_>, expect: &CheckExpect) -> Option<u16> {
    if expect.status_code.is_some()
        && let Some(Compiled::Expr(expr)) = step.compiled.last()
    {
        let context = talk.context();
        let text = expr.last(&context)?.into_text();
        return std::str::from_utf8(&text).ok()?.trim().parse().ok();
    }
    status(talk).or(Some(0))
}

/// `on-success`; nothing if the step is not the last one that says something.
fn passed(talk: &Talk<'_>, step: &Step<'_>, expect: &CheckExpect) -> Option<Verdict> {
    let said = message(talk, step, expect, true).unwrap_or_default();
    let status = named(&expect.ok_status, Status::L7Passed);
    Some(Verdict { code: code(talk, step, expect), ..Verdict::with(status, &said) })
}

fn failed(talk: &Talk<'_>, step: &Step<'_>, expect: &CheckExpect, unwanted: bool) -> Verdict {
    let of_head = is_of_head(&expect.pattern);
    let usual = if of_head { Status::L7Status } else { Status::L7Response };
    let status = named(&expect.error_status, usual);
    let info = message(talk, step, expect, false)
        .unwrap_or_else(|| mismatch(talk, step, expect, unwanted));
    Verdict { code: code(talk, step, expect), ..Verdict::with(status, &info) }
}

/// What an answer was that is not as expected, in HAProxy's words.
fn mismatch(talk: &Talk<'_>, step: &Step<'_>, expect: &CheckExpect, unwanted: bool) -> String {
    let Some(reply) = &talk.reply else { return mismatch_of_bytes(talk, step, expect, unwanted) };
    let info = match () {
        () if is_of_head(&expect.pattern) => reason(talk),
        () if unwanted => "HTTP check matched unwanted content".to_owned(),
        () if reply.content().is_empty() => {
            "HTTP content check could not find a response body".to_owned()
        }
        () => "HTTP content check did not match".to_owned(),
    };
    match step.comment {
        Some(comment) => format!("{info} comment: {comment}"),
        None => info,
    }
}

fn mismatch_of_bytes(
    talk: &Talk<'_>,
    step: &Step<'_>,
    expect: &CheckExpect,
    unwanted: bool,
) -> String {
    let what = match unwanted {
        true => "TCPCHK matched unwanted content",
        false if talk.bytes.is_empty() => "TCPCHK got an empty response",
        false => "TCPCHK did not match content",
    };
    let of = match &expect.pattern {
        _ if talk.bytes.is_empty() => String::new(),
        CheckPattern::Text(word) => format!(" '{}'", word.text),
        CheckPattern::Binary(_) => " (binary)".to_owned(),
        CheckPattern::Regex(_) => " (regex)".to_owned(),
        CheckPattern::BinaryRegex(_) => " (binary regex)".to_owned(),
        CheckPattern::Format(_) => " (log-format string)".to_owned(),
        CheckPattern::HexFormat(_) => " (log-format binary)".to_owned(),
        _ => String::new(),
    };
    let comment = step.comment.map_or(String::new(), |it| format!(" comment: '{it}'"));
    format!("{what}{of} at step {}{comment}", step.number)
}

/// `on-success` or `on-error`, as they stand behind the pattern among what is compiled.
fn message(talk: &Talk<'_>, step: &Step<'_>, expect: &CheckExpect, good: bool) -> Option<String> {
    let messages =
        usize::from(expect.on_success.is_some()) + usize::from(expect.on_error.is_some());
    let behind = messages + usize::from(expect.status_code.is_some());
    let first = step.compiled.len().checked_sub(behind)?;
    let at = match good {
        true => expect.on_success.as_ref().map(|_| first)?,
        false => {
            expect.on_error.as_ref().map(|_| first + usize::from(expect.on_success.is_some()))?
        }
    };
    Some(printable(&talk.format(step.compiled.get(at))))
}

fn timed_out(verdict: Verdict, expect: &CheckExpect) -> Verdict {
    match verdict.status {
        Status::L7Timeout => {
            Verdict { status: named(&expect.timeout_status, Status::L7Timeout), ..verdict }
        }
        _ => verdict,
    }
}

/// What is looked for: `expect string 'OK'`.
pub(super) fn words(pattern: &CheckPattern) -> String {
    match pattern {
        CheckPattern::Statuses(_) => "expect HTTP status codes".to_owned(),
        CheckPattern::StatusRegex(_) => "expect HTTP status regex".to_owned(),
        CheckPattern::Text(word) => format!("expect string '{}'", word.text),
        CheckPattern::Regex(_) => "expect regex".to_owned(),
        CheckPattern::Format(_) => "expect log-format string".to_owned(),
        CheckPattern::Binary(bytes) => {
            format!("expect binary '{}'", data_encoding::HEXUPPER.encode(bytes))
        }
        CheckPattern::BinaryRegex(_) => "expect binary regex".to_owned(),
        CheckPattern::HexFormat(_) => "expect log-format binary".to_owned(),
        CheckPattern::Field(_) | CheckPattern::FullField(_) => {
            "expect HTTP header pattern".to_owned()
        }
        CheckPattern::Custom => "expect custom".to_owned(),
    }
}
