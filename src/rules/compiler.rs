//! What compiling a rule needs at hand, and the cursor over its words.

use std::sync::Arc;

use super::lists::Lists;
use crate::config::args::shown;
use crate::config::plan::{Plan, Proxy};
use crate::config::report::{Fault, Report};
use crate::config::source::{Files, Span};
use crate::config::word::Word;

/// Where an expression may stand: which facts exist when it is evaluated.
///
/// A place is one bit, or several where several kinds of rules may run it; a fetch lists the places
/// where it is known. It fits if they share a bit. The bits are HAProxy's check points
/// (`haproxy -dKsmp`), those that no fetch tells apart as one.
///
/// Where HAProxy 3.0 checks against what:
///
/// | rule | place |
/// |---|---|
/// | `tcp-request connection`, `session` | [`CONNECTION`](Scope::CONNECTION), [`SESSION`](Scope::SESSION) |
/// | `tcp-request content`, `http-request`, `unique-id-format` | [`REQUEST`](Scope::REQUEST) |
/// | `use_backend`, `http-request capture` | [`FRONT`](Scope::FRONT), in a `listen` too |
/// | `balance hash`, `stick on`, `use-server`, `force-persist` | [`BACK`](Scope::BACK) |
/// | `sni` of a server | [`SERVER`](Scope::SERVER) |
/// | `tcp-response`, `http-response`, `http-after-response`, `stick store-response` | [`RESPONSE`](Scope::RESPONSE) |
/// | `log-format`, `error-log-format` | [`LOG`](Scope::LOG) |
/// | `tcp-check`, `http-check` | [`CHECK`](Scope::CHECK) |
/// | `redirect`, `monitor fail`, `http-error`, `http-request set-timeout` | [`ALL`](Scope::ALL): it does not check |
///
/// What does not fit is an error in an expression or log format; in a condition it is a warning, and
/// the test never holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope(pub u16);

impl Scope {
    /// A connection is accepted: `tcp-request connection`.
    pub const CONNECTION: Scope = Scope(1);
    /// Its handshakes are done: `tcp-request session`.
    pub const SESSION: Scope = Scope(2);
    /// Requests in a frontend, from the first bytes to the choice of a backend.
    pub const FRONT: Scope = Scope(4);
    /// Requests in a backend, up to the choice of a server (balance, stickiness).
    pub const BACK: Scope = Scope(8);
    /// A server is chosen and dialled: its `source`, `sni`.
    pub const SERVER: Scope = Scope(16);
    /// The response, its first bytes included.
    pub const RESPONSE: Scope = Scope(32);
    /// The exchange is over: its log line is written.
    pub const LOG: Scope = Scope(64);
    /// A health check runs.
    pub const CHECK: Scope = Scope(128);
    /// The configuration is read: `.if`, `http-errors`, `set-var` in `global`.
    pub const START: Scope = Scope(256);
    /// A command of the runtime socket runs.
    pub const COMMAND: Scope = Scope(512);

    /// Requests, in whichever side of the proxy. [`Expr::check_scope`](super::expr::Expr::check_scope)
    /// leaves out the side that the expression's proxy does not have.
    pub const REQUEST: Scope = Scope::FRONT.or(Scope::BACK);
    /// The first bytes of a stream, or the request's body: what is known in `REQUEST`.
    pub const CONTENT: Scope = Scope::REQUEST;
    /// All of them.
    pub const ALL: Scope = Scope(0x3ff);

    /// This and that.
    pub const fn or(self, other: Scope) -> Scope {
        Scope(self.0 | other.0)
    }

    /// This without that.
    pub const fn without(self, other: Scope) -> Scope {
        Scope(self.0 & !other.0)
    }

    /// Whether all of `other` is in it.
    pub const fn has(self, other: Scope) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether they share a place.
    pub const fn meets(self, other: Scope) -> bool {
        self.0 & other.0 != 0
    }

    /// The places that rules of this proxy can run in: a `frontend` has no [`Scope::BACK`], a
    /// `backend` no [`Scope::FRONT`].
    pub fn of(proxy: &Proxy) -> Scope {
        let mut scope = Scope::ALL;
        if !proxy.has_frontend() && proxy.has_backend() {
            scope = scope.without(Scope::FRONT);
        }
        if !proxy.has_backend() && proxy.has_frontend() {
            scope = scope.without(Scope::BACK);
        }
        scope
    }
}

/// What compiling needs: the plan to look names up in, and where to report.
pub struct Compiler<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The proxy whose rules are compiled; `None` for `global` and `carp`.
    pub proxy: Option<&'a Proxy>,
    /// Where to report.
    pub report: &'a mut Report,
    /// Where map and pattern files are read from.
    pub files: &'a dyn Files,
    /// The lists that were read: maps, files of patterns.
    pub lists: &'a Arc<Lists>,
}

/// A cursor over the words of a rule.
pub struct Words<'a> {
    words: &'a [Word],
    at: usize,
    /// The whole line, for what is missing.
    pub line: Span,
}

impl<'a> Words<'a> {
    /// The words of a rule.
    pub fn new(words: &'a [Word], line: Span) -> Words<'a> {
        Words { words, at: 0, line }
    }

    /// The next word, which stays.
    pub fn peek(&self) -> Option<&'a Word> {
        self.words.get(self.at)
    }

    /// The next word.
    pub fn take(&mut self) -> Option<&'a Word> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    /// Takes the next word if it is `text`.
    pub fn flag(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|word| &*word.text == text);
        self.at += usize::from(found);
        found
    }

    /// Whether the next word is `if` or `unless`.
    pub fn at_condition(&self) -> bool {
        self.peek().is_some_and(|word| matches!(&*word.text, "if" | "unless"))
    }

    /// The next word unless it is missing or begins a condition, which is reported.
    pub fn word(&mut self, expected: &str, compiler: &mut Compiler<'_>) -> Option<&'a Word> {
        if self.peek().is_none() || self.at_condition() {
            self.missing(expected, compiler.report);
            return None;
        }
        self.take()
    }

    /// Reports that `expected` is missing here.
    pub fn missing<'r>(&self, expected: &str, report: &'r mut Report) -> &'r mut Fault {
        let span = match self.at.checked_sub(1).and_then(|at| self.words.get(at)) {
            Some(before) => before.span.after(),
            None => self.line.after(),
        };
        let fault = report.error(span, format!("{expected} is missing"));
        fault.label(format!("expected {expected}"))
    }

    /// Reports what is left as superfluous.
    pub fn end(&mut self, report: &mut Report) {
        let Some(word) = self.peek() else { return };
        let last = self.words.last().map_or(word.span, |last| last.span);
        self.at = self.words.len();
        report
            .error(word.span.to(last), format!("unexpected `{}`", shown(word)))
            .label("not expected here");
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [Word] {
        let rest = self.words.get(self.at..).unwrap_or_default();
        self.at = self.words.len();
        rest
    }
}
