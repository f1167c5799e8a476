//! The program: every rule of a plan, compiled.
//!
//! What `compile` makes and `walk` runs. Nothing here changes after the start; indexes are those of the
//! plan: `Program::proxies[n]` has the rules of `Plan::proxies[n]`.

use regex::bytes::Regex;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::action::redirect::Redirect;
use super::action::reply::Reply;
use super::action::variable::VariableEdit;
use super::action::{Action, Ruleset};
use super::condition::Condition;
use super::context::Context;
use super::expr::Expr;
use super::format::Format;
use super::lists::Lists;
use super::select::Select;
use crate::config::plan::TableId;
use crate::config::source::Span;

/// The rules of a plan.
#[derive(Debug, Default)]
pub struct Program {
    /// Of each proxy.
    pub proxies: Vec<ProxyProgram>,
    /// `set-var` and `set-var-fmt` of `global`, in order.
    pub variables: Vec<VariableEdit>,
    /// The conditions of each `carp` section's demotions, in order; `None` for one with a fault.
    pub demotions: Vec<Vec<Option<Condition>>>,
    /// Maps and files of patterns, which change at run time.
    pub lists: Arc<Lists>,
}

impl Program {
    /// The rules of a proxy.
    pub fn proxy(&self, index: usize) -> &ProxyProgram {
        static NONE: std::sync::OnceLock<ProxyProgram> = std::sync::OnceLock::new();
        self.proxies.get(index).unwrap_or_else(|| NONE.get_or_init(ProxyProgram::default))
    }
}

/// The rules of a proxy.
#[derive(Debug, Default)]
pub struct ProxyProgram {
    /// `http-request` and its relatives, by [`Ruleset`].
    lists: [List<Action>; 7],
    /// `redirect`.
    pub redirects: List<Redirect>,
    /// `use_backend`.
    pub routes: List<Route>,
    /// `use-server`.
    pub servers: List<ServerChoice>,
    /// `force-persist` and `ignore-persist`.
    pub persistence: List<Persistence>,
    /// `stick ...`.
    pub stickiness: List<Stick>,
    /// `monitor fail`.
    pub monitor_fail: List<()>,
    /// `stats admin`.
    pub stats_admin: List<()>,
    /// `stats http-request`.
    pub stats_rules: List<Action>,
    /// `http-error`: of two for one status the later holds.
    pub answers: Vec<Rule<Reply>>,
    /// The expressions and formats of `RuleLines::formats`, by the same index; `None` for one with a
    /// fault.
    pub formats: Vec<Option<Compiled>>,
    /// What the steps in `RuleLines::checks` evaluate, by the same index.
    pub checks: Vec<Vec<Compiled>>,
    /// What options of servers evaluate (`sni` and the like), by the place of the word that holds it,
    /// which may be a `default-server`'s; `None` for one with a fault.
    pub server_options: BTreeMap<Span, Option<Compiled>>,
    /// The index of the backend that `default_backend` names.
    pub default_backend: Option<usize>,
    /// The formats of log lines; of a frontend only.
    pub log: LogFormats,
    /// The slots of request captures.
    pub request_captures: Vec<CaptureSlot>,
    /// The slots of response captures.
    pub response_captures: Vec<CaptureSlot>,
}

impl ProxyProgram {
    /// A list of rules.
    pub fn list(&self, ruleset: Ruleset) -> &List<Action> {
        &self.lists[ruleset as usize]
    }

    /// The same, to fill.
    pub fn list_mut(&mut self, ruleset: Ruleset) -> &mut List<Action> {
        &mut self.lists[ruleset as usize]
    }
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule<A> {
    /// When it runs; `None` is always.
    pub condition: Option<Condition>,
    /// What it does.
    pub action: A,
    /// The whole line.
    pub span: Span,
}

/// A list of rules, in order.
#[derive(Debug)]
pub struct List<A> {
    /// The rules.
    pub rules: Vec<Rule<A>>,
    select: Select,
}

impl<A> Default for List<A> {
    fn default() -> List<A> {
        List { rules: Vec::new(), select: Select::default() }
    }
}

impl<A> List<A> {
    /// A list of these.
    pub fn new(rules: Vec<Rule<A>>) -> List<A> {
        let select = Select::new(rules.iter().map(|rule| rule.condition.clone()).collect());
        List { rules, select }
    }

    /// The first rule from `from` on whose condition holds, and its place.
    pub fn next(&self, from: usize, context: &Context<'_>) -> Option<(usize, &Rule<A>)> {
        if from >= self.rules.len() {
            return None;
        }
        let index = self.select.next(from, context)?;
        self.rules.get(index).map(|rule| (index, rule))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// Where `use_backend` leads.
#[derive(Clone, Debug)]
pub enum Route {
    /// This backend, an index into `Plan::proxies`.
    Backend(usize),
    /// The backend of the name that this gives; `default_backend` if there is none.
    Named(Format),
}

/// What `use-server` chooses.
#[derive(Clone, Debug)]
pub enum ServerChoice {
    /// This server: its index in the backend.
    Server(usize),
    /// The server of the name that this gives; the balance's choice if there is none.
    Named(Format),
}

/// What `force-persist` and `ignore-persist` ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Clients stay on their server even if it is down.
    Force,
    /// Clients are balanced anew.
    Ignore,
}

/// A `stick` line.
#[derive(Clone, Debug)]
pub struct Stick {
    /// What it does.
    pub kind: StickKind,
    /// The key.
    pub key: Expr,
    /// It is `src`, as most are: it need not be evaluated.
    pub by_source: bool,
    /// The table.
    pub table: TableId,
}

/// What a `stick` line does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StickKind {
    /// `stick on`: the next two.
    On,
    /// `stick match`: looks the server up.
    Match,
    /// `stick store-request`: remembers it.
    StoreRequest,
    /// `stick store-response`: remembers it under what the response says.
    StoreResponse,
}

/// Something to evaluate.
#[derive(Clone, Debug)]
pub enum Compiled {
    /// An expression.
    Expr(Expr),
    /// A log format.
    Format(Format),
    /// A regular expression.
    Regex(Arc<Regex>),
    /// A change to a variable.
    Variable(VariableEdit),
}

/// The formats of a frontend's log lines.
#[derive(Clone, Debug, Default)]
pub struct LogFormats {
    /// An exchange.
    pub line: Option<Format>,
    /// Whether `line` tells its own number (`%lc`).
    pub counted: bool,
    /// A connection that failed before there was one: `error-log-format`.
    pub error: Option<Format>,
    /// Structured data of RFC 5424: `log-format-sd`.
    pub structured: Option<Format>,
}

/// A place that keeps a piece of a request or response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureSlot {
    /// The field to take; `None` if a rule fills it.
    pub field: Option<Box<str>>,
    /// How many bytes it keeps.
    pub length: usize,
}
