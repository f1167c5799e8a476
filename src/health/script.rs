//! What a check does, step by step, as the plan says.
//!
//! In: a backend's `option httpchk` and its like, `http-check` and `tcp-check` lines. Out: the steps, with
//! those that go without saying: a connection first, a request and an expectation for HTTP.

use crate::config::plan::{
    CheckAction, CheckBytes, CheckConnect, CheckExpect, CheckKind, CheckRequest, CheckStep, Proxy,
};
use crate::proto::check::preset;
use crate::rules::program::{Compiled, ProxyProgram};

/// A check.
#[derive(Debug)]
pub(super) struct Script<'p> {
    pub form: Form,
    pub steps: Vec<Step<'p>>,
    /// `http-check disable-on-404`.
    pub disable_on_404: bool,
    /// `http-check send-state`.
    pub send_state: bool,
}

/// What kind of check it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A connection, and its handshake.
    Plain,
    /// HTTP: requests and answers.
    Http,
    /// Bytes.
    Tcp,
    /// A fixed question.
    Preset(preset::Kind),
}

/// A step.
#[derive(Debug)]
pub(super) struct Step<'p> {
    pub act: Act<'p>,
    /// Its number among the lines, from 1; 0 for one that goes without saying.
    pub number: usize,
    pub comment: Option<&'p str>,
    /// What its words evaluate, in their order.
    pub compiled: &'p [Compiled],
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Act<'p> {
    /// Connects: as the server's line says, if nothing else is said.
    Connect(Option<&'p CheckConnect>),
    /// Sends a request: what the step says, and what `option httpchk` says.
    Request(Option<&'p CheckRequest>, Line<'p>),
    /// Sends bytes.
    Bytes(&'p CheckBytes),
    /// Compares the answer.
    Expect(&'p CheckExpect),
    /// An answer of HTTP that is no error.
    ExpectSuccess,
    /// Changes a variable.
    Variable,
}

/// The request line of `option httpchk`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'p> {
    pub method: &'p str,
    pub uri: &'p str,
    /// The version; old files put fields behind it.
    pub version: &'p str,
}

impl<'p> Script<'p> {
    /// The check of a backend's servers.
    pub(super) fn new(proxy: &'p Proxy, program: &'p ProxyProgram) -> Script<'p> {
        let checks = &proxy.back.checks;
        let kind = checks.kind.as_ref().map(|it| &it.value);
        let mut script = Script {
            form: form(kind),
            steps: Vec::new(),
            disable_on_404: checks.disable_on_404,
            send_state: checks.send_state,
        };
        let lines = match (&script.form, kind) {
            (Form::Http, _) => &checks.http_steps[..],
            (Form::Tcp, _) => &checks.tcp_steps[..],
            _ => &[],
        };
        let line = request_line(kind);
        for (index, step) in lines.iter().enumerate() {
            script.steps.extend(made(step, index + 1, line, program));
        }
        script.complete(line);
        script
    }

    /// Adds what goes without saying.
    fn complete(&mut self, line: Line<'p>) {
        let unsaid = |act| Step { act, number: 0, comment: None, compiled: &[] };
        let connects = self.steps.iter().find(|it| !matches!(it.act, Act::Variable));
        if !connects.is_some_and(|it| matches!(it.act, Act::Connect(_))) {
            self.steps.insert(0, unsaid(Act::Connect(None)));
        }
        if self.form != Form::Http {
            return;
        }
        if !self.steps.iter().any(|it| matches!(it.act, Act::Request(..))) {
            let behind = self.steps.iter().position(|it| matches!(it.act, Act::Connect(_)));
            self.steps.insert(behind.map_or(0, |at| at + 1), unsaid(Act::Request(None, line)));
        }
        if !self.steps.iter().any(|it| matches!(it.act, Act::Expect(_))) {
            self.steps.push(unsaid(Act::ExpectSuccess));
        }
    }
}

fn form(kind: Option<&CheckKind>) -> Form {
    match kind {
        None => Form::Plain,
        Some(CheckKind::Http { .. }) => Form::Http,
        Some(CheckKind::Tcp) => Form::Tcp,
        Some(CheckKind::TlsHello) => Form::Preset(preset::Kind::TlsHello),
        Some(CheckKind::Smtp { hello, domain }) => {
            Form::Preset(preset::Kind::Smtp(hello.clone(), domain.clone()))
        }
        Some(CheckKind::Mysql { user, pre_41 }) => {
            Form::Preset(preset::Kind::Mysql(user.clone(), *pre_41))
        }
        Some(CheckKind::Postgres { user }) => Form::Preset(preset::Kind::Postgres(user.clone())),
        Some(CheckKind::Redis) => Form::Preset(preset::Kind::Redis),
        Some(CheckKind::Ldap) => Form::Preset(preset::Kind::Ldap),
    }
}

fn request_line(kind: Option<&CheckKind>) -> Line<'_> {
    let mut line = Line { method: "OPTIONS", uri: "/", version: "HTTP/1.0" };
    if let Some(CheckKind::Http { method, uri, version }) = kind {
        line.method = method.as_deref().unwrap_or(line.method);
        line.uri = uri.as_deref().unwrap_or(line.uri);
        line.version = version.as_deref().unwrap_or(line.version);
    }
    line
}

fn made<'p>(
    step: &'p CheckStep,
    number: usize,
    line: Line<'p>,
    program: &'p ProxyProgram,
) -> Option<Step<'p>> {
    let act = match &step.action {
        CheckAction::Comment => return None,
        CheckAction::Connect(connect) => Act::Connect(Some(connect)),
        CheckAction::SendRequest(request) => Act::Request(Some(request), line),
        CheckAction::SendBytes(bytes) => Act::Bytes(bytes),
        CheckAction::Expect(expect) => Act::Expect(expect),
        CheckAction::Variable => Act::Variable,
    };
    let compiled = step.line.and_then(|at| program.checks.get(at)).map_or(&[][..], |it| it);
    Some(Step { act, number, comment: step.comment.as_deref(), compiled })
}
