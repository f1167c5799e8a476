//! Explaining: the same walk as for a real request, narrated.
//!
//! In: a plan, its program, and a request that somebody asks about. Out: an [`Explanation`]: every rule
//! that was considered with its place and text, what its condition's expressions gave, what its action
//! changed, and the outcome. `text` prints it.
//!
//! What no file can know is assumed: every server is up, nothing is queued, tables are empty.

mod arrive;
mod recorder;
mod text;

use std::sync::Arc;

use core::net::SocketAddr;

use super::context::{
    Connection, Counters, Exchange, Moment, ProcessFacts, Rate, RequestLine, TlsFacts, Variables,
};
use super::program::{Persistence, Program};
use super::walk::{self, Admission, Decision, Effects, Message, Passage, Walk};
use crate::config::plan::Plan;
use crate::config::source::Span;
use crate::proto::head::{Field, Head, Piece, Start, Version, View};
use crate::rules::action::Ruleset;
use crate::stick::{Local, Tables};
use arrive::{Arrival, arrive};
use recorder::Recorder;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET`.
    pub method: String,
    /// The target as it stands in the request line: `/path?query`.
    pub target: String,
    /// The version.
    pub version: Version,
    /// The fields in order, `Host` among them.
    pub fields: Vec<(String, String)>,
    /// Where it comes from.
    pub source: SocketAddr,
    /// Which address of ours it was sent to, if that was said.
    pub destination: Option<SocketAddr>,
    /// The TLS of the connection.
    pub tls: Option<TlsFacts>,
    /// The frontend, if that was said.
    pub frontend: Option<String>,
    /// What the server answers: then the rules for responses run too.
    pub response: Option<AskedResponse>,
    /// The time.
    pub moment: Moment,
}

/// What the server answers.
#[derive(Clone, Debug)]
pub struct AskedResponse {
    /// 100 to 999.
    pub status: u16,
    /// The fields in order.
    pub fields: Vec<(String, String)>,
}

/// A message as text: its start line, and its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `GET / HTTP/1.1`, `HTTP/1.1 200 OK`.
    pub start: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A list of rules begins.
    List {
        /// The keyword of its lines.
        keyword: &'static str,
        /// The proxy, an index into `Plan::proxies`.
        proxy: usize,
        /// How many rules it has.
        rules: usize,
    },
    /// A rule was considered.
    Rule {
        /// Its line.
        span: Span,
        /// Whether its condition held.
        held: bool,
        /// Whether it begins with `unless`; `None`: it has none.
        unless: Option<bool>,
        /// The terms of its condition.
        terms: Vec<Term>,
    },
    /// What its action came to.
    Effect(Effect),
}

/// A term of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The branch it stands in; branches are divided by `or`.
    pub branch: usize,
    /// As it was written.
    pub text: String,
    /// Whether it holds, its negation included.
    pub holds: bool,
    /// Whether evaluating gets to it.
    pub reached: bool,
    /// What it tests: any of these.
    pub tests: Vec<Test>,
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// As it was written.
    pub text: String,
    /// The expression.
    pub expression: String,
    /// Whether it is known where the rule runs.
    pub known: bool,
    /// What the expression gave.
    pub values: Vec<String>,
    /// Which of them matched, and what pattern.
    pub matched: Option<(usize, Option<String>)>,
}

/// What an action came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The start line is another.
    StartLine {
        /// As it was.
        before: String,
        /// As it is.
        after: String,
    },
    /// The fields of a name are others.
    Field {
        /// The name.
        name: String,
        /// Their values before.
        before: Vec<String>,
        /// Their values now.
        after: Vec<String>,
    },
    /// A variable has a value, or none.
    Variable {
        /// The name.
        name: String,
        /// The value.
        value: Option<String>,
    },
    /// A backend was chosen.
    Backend {
        /// An index into `Plan::proxies`; `None`: there is none.
        backend: Option<usize>,
        /// By what.
        by: walk::By,
    },
    /// A server was chosen; `None`: it is down.
    Server(Option<usize>),
    /// Something else, in words.
    Said(String),
}

/// How it ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The connection was not let in.
    Refused(Admission),
    /// The request was decided about.
    Request(Decision),
    /// The response was decided about, after the request went to this backend.
    Response(Passage),
}

/// What a configuration does with a request.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The frontend it arrives at, an index into `Plan::proxies`.
    pub frontend: usize,
    /// Why there.
    pub because: String,
    /// Where it comes from.
    pub source: SocketAddr,
    /// Whether the connection has TLS.
    pub tls: bool,
    /// The request as it came.
    pub request: Seen,
    /// The request as the server gets it, if one does.
    pub sent: Option<Seen>,
    /// The response that came, if one was given.
    pub response: Option<Seen>,
    /// The response as the client gets it, if it is known.
    pub answered: Option<Seen>,
    /// The body of an answer of Koi's own.
    pub body: Vec<u8>,
    /// What happened.
    pub steps: Vec<Step>,
    /// The outcome.
    pub outcome: Outcome,
    /// What `force-persist` or `ignore-persist` asked for.
    pub persistence: Option<Persistence>,
    /// The backend, once it was chosen.
    pub backend: Option<usize>,
    /// The server that a rule chose.
    pub server: Option<usize>,
    /// What rules asked for besides.
    pub effects: Effects,
}

/// Walks the rules with what is asked.
///
/// # Errors
/// Why the request arrives nowhere.
pub fn explain(plan: &Plan, program: &Program, asked: &Asked) -> Result<Explanation, String> {
    let Arrival { frontend, bind, because } = arrive(plan, asked)?;
    let request = Text::request(asked);
    let response = asked.response.as_ref().map(Text::response);
    let connection = connection(asked, frontend, bind);
    let (variables, process) = (Variables::default(), ProcessFacts::default());
    let mut walk = Walk {
        plan,
        program,
        connection: &connection,
        counters: &Assumed { plan },
        tables: &Local::new(Arc::new(Tables::new(plan))),
        moment: asked.moment,
        process: &process,
        variables: &variables,
        request: None,
        response: None,
        exchange: exchange(asked),
        server_connection: None,
        proxy: frontend,
        backend: None,
        server: None,
        effects: Effects::default(),
    };
    for edit in &program.variables {
        edit.apply(&walk.context());
    }
    let mut told =
        Told { recorder: Recorder::default(), sent: None, answered: None, body: Vec::new() };
    let outcome = told.run(&mut walk, &request, response.as_ref());
    Ok(Explanation {
        frontend,
        because,
        source: asked.source,
        tls: asked.tls.is_some(),
        request: request.seen(),
        sent: told.sent,
        response: response.as_ref().map(Text::seen),
        answered: told.answered,
        body: told.body,
        steps: told.recorder.steps,
        outcome,
        persistence: walk.effects.persistence,
        backend: walk.backend,
        server: walk.server,
        effects: walk.effects,
    })
}

/// What the walk leaves behind.
struct Told {
    recorder: Recorder,
    sent: Option<Seen>,
    answered: Option<Seen>,
    body: Vec<u8>,
}

impl Told {
    fn run<'a>(
        &mut self,
        walk: &mut Walk<'a>,
        request: &'a Text,
        response: Option<&'a Text>,
    ) -> Outcome {
        for ruleset in [Ruleset::TcpConnection, Ruleset::TcpSession] {
            match walk::connection(walk, ruleset, &mut self.recorder) {
                Admission::Accept => {}
                refused => return Outcome::Refused(refused),
            }
        }
        walk.request = Some(request.message());
        let decision = walk::request(walk, &mut self.recorder);
        match &decision {
            Decision::Answer(answer) | Decision::Tarpit(answer) => self.answer(answer),
            Decision::Forward { .. } => {
                self.sent = walk.request.as_ref().map(|message| Seen::of(message.view()));
                if let Some(response) = response {
                    return self.respond(walk, response);
                }
            }
            _ => {}
        }
        Outcome::Request(decision)
    }

    fn respond<'a>(&mut self, walk: &mut Walk<'a>, response: &'a Text) -> Outcome {
        let message = response.message();
        walk.exchange.server_status = Some(message.view().status());
        walk.exchange.response_version = Some(message.head.version.number());
        walk.response = Some(message);
        let passage = walk::response(walk, &mut self.recorder);
        match &passage {
            Passage::Answer(answer) => self.answer(answer),
            Passage::Forward => {
                self.answered = walk.response.as_ref().map(|message| Seen::of(message.view()));
            }
            _ => {}
        }
        Outcome::Response(passage)
    }

    fn answer(&mut self, answer: &super::answer::Answer) {
        self.answered = Some(Seen::of(answer.head.view(b"")));
        self.body = answer.body.to_vec();
    }
}

fn connection(asked: &Asked, frontend: usize, bind: usize) -> Connection {
    let port = if asked.tls.is_some() { 443 } else { 80 };
    let unspecified = SocketAddr::from(([0, 0, 0, 0], port));
    Connection {
        source: asked.source,
        destination: asked.destination.unwrap_or(unspecified),
        tls: asked.tls.clone(),
        frontend,
        bind,
        accepted_us: asked.moment.unix_us,
        serial: 1,
        http_major: if asked.version == Version::Http2 { 2 } else { 1 },
        proxy_protocol: None,
    }
}

fn exchange(asked: &Asked) -> Exchange {
    Exchange {
        started_us: asked.moment.unix_us,
        line: Some(RequestLine::new(
            asked.method.as_bytes(),
            asked.target.as_bytes(),
            asked.version.number(),
        )),
        ..Exchange::default()
    }
}

/// What cannot be known is assumed to be fine.
struct Assumed<'a> {
    plan: &'a Plan,
}

impl Counters for Assumed<'_> {
    fn servers_up(&self, backend: usize) -> i64 {
        let count = self.plan.proxies.get(backend).map_or(0, |proxy| proxy.servers.len());
        i64::try_from(count).unwrap_or(i64::MAX)
    }

    fn backend_connections(&self, _: usize) -> i64 {
        0
    }

    fn frontend_connections(&self, _: usize) -> i64 {
        1
    }

    fn queue(&self, _: usize) -> i64 {
        0
    }

    fn server_up(&self, _: usize, _: usize) -> bool {
        true
    }

    fn server_connections(&self, _: usize, _: usize) -> i64 {
        0
    }

    fn server_queue(&self, _: usize, _: usize) -> i64 {
        0
    }

    fn connections(&self) -> i64 {
        1
    }

    fn bind_connections(&self, _: usize, _: usize) -> i64 {
        1
    }

    fn rate(&self, _: Rate) -> i64 {
        0
    }

    fn stopping(&self) -> bool {
        false
    }
}

/// A message as bytes, and the places of its parts.
struct Text {
    base: Vec<u8>,
    head: Head,
}

impl Text {
    fn request(asked: &Asked) -> Text {
        let mut base = Vec::new();
        let method = push(&mut base, &asked.method);
        let target = push(&mut base, &asked.target);
        Text::with(base, Start::Request { method, target }, asked.version, &asked.fields)
    }

    fn response(asked: &AskedResponse) -> Text {
        let mut base = Vec::new();
        let reason = push(&mut base, super::action::start::reason(asked.status));
        let start = Start::Response { status: asked.status, reason };
        Text::with(base, start, Version::Http11, &asked.fields)
    }

    fn with(
        mut base: Vec<u8>,
        start: Start,
        version: Version,
        fields: &[(String, String)],
    ) -> Text {
        let fields = fields.iter().map(|(name, value)| Field {
            name: push(&mut base, name),
            value: push(&mut base, value.trim_matches([' ', '\t'])),
        });
        let head = Head::new(start, version, fields.collect());
        Text { base, head }
    }

    fn message(&self) -> Message<'_> {
        Message { head: self.head.clone(), base: &self.base }
    }

    fn seen(&self) -> Seen {
        Seen::of(self.head.view(&self.base))
    }
}

fn push(base: &mut Vec<u8>, text: &str) -> Piece {
    let start = base.len();
    base.extend_from_slice(text.as_bytes());
    Piece::base(start, base.len())
}

impl Seen {
    /// What a head says.
    pub fn of(view: View<'_>) -> Seen {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let version = view.head.version.number();
        let start = match view.head.start {
            Start::Request { .. } => {
                format!("{} {} HTTP/{version}", lossy(view.method()), lossy(view.target()))
            }
            Start::Response { status, reason } => {
                format!("HTTP/{version} {status} {}", lossy(view.bytes(reason)))
            }
        };
        let fields = view.fields().map(|(name, value)| (lossy(name), lossy(value)));
        Seen { start: start.trim_end().to_owned(), fields: fields.collect() }
    }
}

#[cfg(test)]
mod tests;
