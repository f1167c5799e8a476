//! Answers of Koi's own: what a rule gives, and what stands for a status.
//!
//! In: a [`Reply`], a redirection, a status. Out: an [`Answer`]: a head and a body, ready for the rules
//! that run over every response.

use std::borrow::Cow;
use std::sync::Arc;

use super::action::redirect::Redirect;
use super::action::reply::{Body as ReplyBody, Reply};
use super::action::start::reason;
use super::context::Context;
use super::program::Program;
use crate::config::keywords::errors::parse_response;
use crate::config::plan::{Answer as Configured, Plan, Statuses, StoredResponse};
use crate::config::source::Span;
use crate::proto::head::{Head, Start, Version};

/// A response that no server sent.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its head; its base is empty. Lengths and connection handling are the writer's business.
    pub head: Head,
    /// Its body.
    pub body: Arc<[u8]>,
    /// Nothing is sent and the connection ends: `errorfile 408 /dev/null`.
    pub silent: bool,
}

impl Answer {
    /// A status with these fields and this body.
    pub fn new(status: u16, fields: &[(&[u8], &[u8])], body: impl Into<Arc<[u8]>>) -> Answer {
        let start = Start::Response { status, reason: Default::default() };
        let mut head = Head::new(start, Version::Http11, Vec::with_capacity(fields.len()));
        let reason = head.add(reason(status).as_bytes());
        head.start = Start::Response { status, reason };
        for (name, value) in fields {
            head.append(name, value);
        }
        Answer { head, body: body.into(), silent: false }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.head.view(b"").status()
    }

    /// No answer at all.
    fn silence(status: u16) -> Answer {
        Answer { silent: true, ..Answer::new(status, &[], []) }
    }

    fn stored(response: &StoredResponse, status: u16) -> Answer {
        match response {
            StoredResponse::Silence => Answer::silence(status),
            StoredResponse::Response { status, reason, fields, body } => {
                let fields: Vec<(&[u8], &[u8])> =
                    fields.iter().map(|(name, value)| (name.as_bytes(), &**value)).collect();
                let mut answer = Answer::new(*status, &fields, &**body);
                let reason = answer.head.add(reason);
                answer.head.start = Start::Response { status: *status, reason };
                answer
            }
        }
    }
}

/// The answer that a rule gives. Formats are evaluated against `context`.
pub fn reply(reply: &Reply, program: &Program, context: &Context<'_>) -> Answer {
    let status = reply.status;
    let body: Cow<'_, [u8]> = match &reply.body {
        ReplyBody::Default => return default(status, program, context),
        ReplyBody::Stored(response) => return Answer::stored(response, status),
        ReplyBody::Section(index) => {
            return section(context.plan, *index, status)
                .unwrap_or_else(|| default(status, program, context));
        }
        ReplyBody::Empty => Cow::Borrowed(b""),
        ReplyBody::Bytes(bytes) => Cow::Borrowed(bytes),
        ReplyBody::Format(format) => format.bytes(context),
    };
    let mut answer = Answer::new(status, &[], &*body);
    for (name, value) in &reply.fields {
        answer.head.append(name.as_bytes(), &value.bytes(context));
    }
    if let Some(kind) = reply.content_type.as_deref().filter(|_| !answer.body.is_empty()) {
        answer.head.append(b"Content-Type", kind.as_bytes());
    }
    answer
}

/// The answer of a redirection to `location`.
pub fn redirection(redirect: &Redirect, location: &[u8]) -> Answer {
    let mut answer = Answer::new(redirect.status, &[(b"Location", location)], []);
    if redirect.is_temporary() {
        answer.head.append(b"Cache-Control", b"no-cache");
    }
    if let Some(cookie) = &redirect.cookie {
        answer.head.append(b"Set-Cookie", cookie.as_bytes());
    }
    answer
}

/// A 401 that asks for a name and a password for `realm` (RFC 7617 §2).
pub fn challenge(realm: &str, program: &Program, context: &Context<'_>) -> Answer {
    let mut answer = default(401, program, context);
    answer.head.remove(b"", |name, _| name.eq_ignore_ascii_case(b"www-authenticate"));
    let mut value = b"Basic realm=\"".to_vec();
    for byte in realm.bytes().filter(|byte| *byte >= 0x20 && *byte != 0x7f) {
        if matches!(byte, b'"' | b'\\') {
            value.push(b'\\');
        }
        value.push(byte);
    }
    value.push(b'"');
    answer.head.append(b"WWW-Authenticate", &value);
    answer
}

/// What is answered with this status: what the backend configures, else the frontend, else Koi's own.
pub fn default(status: u16, program: &Program, context: &Context<'_>) -> Answer {
    let proxies = [context.backend, Some(context.connection.frontend)];
    let configured = proxies.into_iter().flatten();
    let mut found = configured.filter_map(|proxy| configured_for(status, proxy, program, context));
    found.next().unwrap_or_else(|| own(status))
}

/// What a proxy configures for a status: of several lines the last one.
fn configured_for(
    status: u16,
    proxy: usize,
    program: &Program,
    context: &Context<'_>,
) -> Option<Answer> {
    let plan = context.plan;
    let lines = plan.proxies.get(proxy)?.settings.error_answers.iter().rev();
    let mut lines = lines.filter(|line| is_for(plan, &line.statuses, &line.answer, status));
    let line = lines.next();
    let answers = &program.proxy(proxy).answers;
    let own = answers.iter().rev().find(|rule| rule.action.status == status);
    let spans: (Option<Span>, Option<Span>) = (line.map(|it| it.span), own.map(|it| it.span));
    match (line, own) {
        (_, Some(rule)) if spans.1 > spans.0 => match rule.action.body {
            // `default-errorfiles` takes back what was configured before.
            ReplyBody::Default => None,
            _ => Some(reply(&rule.action, program, context)),
        },
        (Some(line), _) => configured(plan, &line.answer, status),
        _ => None,
    }
}

fn is_for(plan: &Plan, statuses: &Statuses, answer: &Configured, status: u16) -> bool {
    match (statuses, answer) {
        (Statuses::Some(all), _) => all.iter().any(|it| it.value == status),
        (Statuses::All, Configured::Section(name)) => {
            let section = plan.http_errors.iter().find(|it| it.name == name.value);
            section.is_some_and(|it| it.files.iter().any(|file| file.status.value == status))
        }
        (Statuses::All, _) => true,
    }
}

fn configured(plan: &Plan, answer: &Configured, status: u16) -> Option<Answer> {
    match answer {
        Configured::File { response, .. } => Some(Answer::stored(response, status)),
        Configured::Section(name) => {
            let index = plan.http_errors.iter().position(|it| it.name == name.value)?;
            section(plan, index, status)
        }
        Configured::Redirect { status, location } => Some(Answer::new(
            *status,
            &[(b"Location", location.value.as_bytes()), (b"Cache-Control", b"no-cache")],
            [],
        )),
    }
}

/// What an `http-errors` section has for a status.
fn section(plan: &Plan, index: usize, status: u16) -> Option<Answer> {
    let section = plan.http_errors.get(index)?;
    let file = section.files.iter().rev().find(|file| file.status.value == status)?;
    // It was checked when it was read.
    parse_response(&file.content).ok().map(|response| Answer::stored(&response, status))
}

/// What Koi says with a status when nothing is configured.
fn own(status: u16) -> Answer {
    let reason = reason(status);
    let body = format!(
        "<!DOCTYPE html>\n<html><head><title>{status} {reason}</title></head>\n\
         <body><h1>{status} {reason}</h1>\n<p>{}</p>\n</body></html>\n",
        explanation(status)
    );
    let fields: &[(&[u8], &[u8])] =
        &[(b"Cache-Control", b"no-cache"), (b"Content-Type", b"text/html; charset=utf-8")];
    Answer::new(status, fields, body.into_bytes())
}

fn explanation(status: u16) -> &'static str {
    match status {
        200 => "All is well.",
        400 => "This request could not be understood.",
        401 => "Say who you are to see this.",
        403 => "This request is not allowed here.",
        404 => "There is nothing here.",
        405 => "This method is not possible here.",
        407 => "Say who you are to use this proxy.",
        408 => "The request took too long to arrive.",
        410 => "What was here is gone.",
        413 => "The request is too large.",
        421 => "The request came to the wrong place.",
        422 => "The request could not be processed.",
        425 => "The request came too early; send it again.",
        429 => "Too many requests came; wait a little.",
        500 => "Something went wrong here.",
        501 => "This is not possible here.",
        502 => "The server behind this one gave no good answer.",
        503 => "No server can take this request now; try again later.",
        504 => "The server behind this one took too long to answer.",
        _ => "",
    }
}
