//! Actions: what a rule does when its condition holds (HAProxy 3.0, configuration.txt §4.3 and §4.4).
//!
//! In: the words behind `http-request` and its relatives. Out: a typed [`Action`], with every
//! argument checked. One file a family, each with an `ACTIONS` table beside its functions.

pub mod counter;
pub mod field;
pub mod line;
pub mod map;
pub mod normalize;
pub mod other;
pub mod redirect;
pub mod reply;
pub mod setting;
pub mod start;
pub mod variable;
pub mod verdict;

use super::compiler::{Compiler, Scope, Words};
use super::expr::usable;
use crate::config::advice;
use crate::config::args::shown_text;
use crate::config::keyword::{Feature, Status};
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::word::Word;
use line::Line;

/// A list of rules that actions may stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ruleset {
    /// `tcp-request connection`.
    TcpConnection,
    /// `tcp-request session`.
    TcpSession,
    /// `tcp-request content`.
    TcpContent,
    /// `tcp-response content`.
    TcpResponse,
    /// `http-request`.
    HttpRequest,
    /// `http-response`.
    HttpResponse,
    /// `http-after-response`.
    HttpAfterResponse,
}

impl Ruleset {
    /// All of them, in the order of the manual.
    pub const ALL: [Ruleset; 7] = [
        Ruleset::TcpConnection,
        Ruleset::TcpSession,
        Ruleset::TcpContent,
        Ruleset::TcpResponse,
        Ruleset::HttpRequest,
        Ruleset::HttpResponse,
        Ruleset::HttpAfterResponse,
    ];

    /// The keyword of its lines.
    pub fn keyword(self) -> &'static str {
        match self {
            Ruleset::TcpConnection => "tcp-request connection",
            Ruleset::TcpSession => "tcp-request session",
            Ruleset::TcpContent => "tcp-request content",
            Ruleset::TcpResponse => "tcp-response content",
            Ruleset::HttpRequest => "http-request",
            Ruleset::HttpResponse => "http-response",
            Ruleset::HttpAfterResponse => "http-after-response",
        }
    }

    /// When its rules run.
    pub fn scope(self) -> Scope {
        match self {
            Ruleset::TcpConnection => Scope::CONNECTION,
            Ruleset::TcpSession => Scope::SESSION,
            Ruleset::TcpContent => Scope::CONTENT,
            Ruleset::HttpRequest => Scope::REQUEST,
            Ruleset::TcpResponse | Ruleset::HttpResponse | Ruleset::HttpAfterResponse => {
                Scope::RESPONSE
            }
        }
    }

    /// Whether it is one of HTTP's.
    pub fn is_http(self) -> bool {
        matches!(self, Ruleset::HttpRequest | Ruleset::HttpResponse | Ruleset::HttpAfterResponse)
    }

    /// "in `http-request` rules".
    pub fn place(self) -> String {
        format!("`{}` rules", self.keyword())
    }

    const fn set(self) -> Rulesets {
        Rulesets(1 << self as u8)
    }
}

/// A set of lists of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rulesets(u8);

impl Rulesets {
    /// `http-request`.
    pub const REQUEST: Rulesets = Ruleset::HttpRequest.set();
    /// `http-response`.
    pub const RESPONSE: Rulesets = Ruleset::HttpResponse.set();
    /// `http-after-response`.
    pub const AFTER: Rulesets = Ruleset::HttpAfterResponse.set();
    /// `http-request` and `http-response`.
    pub const HTTP: Rulesets = Rulesets::REQUEST.or(Rulesets::RESPONSE);
    /// All of HTTP's.
    pub const HTTP_ALL: Rulesets = Rulesets::HTTP.or(Rulesets::AFTER);
    /// `tcp-request connection`.
    pub const CONNECTION: Rulesets = Ruleset::TcpConnection.set();
    /// `tcp-request session`.
    pub const SESSION: Rulesets = Ruleset::TcpSession.set();
    /// `tcp-request content`.
    pub const CONTENT: Rulesets = Ruleset::TcpContent.set();
    /// `tcp-response content`.
    pub const TCP_RESPONSE: Rulesets = Ruleset::TcpResponse.set();
    /// The three of `tcp-request`.
    pub const TCP_REQUEST: Rulesets =
        Rulesets::CONNECTION.or(Rulesets::SESSION).or(Rulesets::CONTENT);
    /// All of TCP's.
    pub const TCP_ALL: Rulesets = Rulesets::TCP_REQUEST.or(Rulesets::TCP_RESPONSE);
    /// Every one.
    pub const ALL: Rulesets = Rulesets::TCP_ALL.or(Rulesets::HTTP_ALL);

    /// This and that.
    pub const fn or(self, other: Rulesets) -> Rulesets {
        Rulesets(self.0 | other.0)
    }

    /// Whether it is in the set.
    pub fn has(self, ruleset: Ruleset) -> bool {
        self.0 & ruleset.set().0 != 0
    }

    /// Its members, in the manual's order.
    pub fn iter(self) -> impl Iterator<Item = Ruleset> {
        Ruleset::ALL.into_iter().filter(move |&it| self.has(it))
    }
}

/// An action of the language.
pub struct ActionEntry {
    /// Its name, without the parentheses that may follow.
    pub name: &'static str,
    /// The rules where it is legal.
    pub rulesets: Rulesets,
    /// How its arguments are written; those in parentheses stand first.
    pub syntax: &'static str,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// What may stand behind the first of its rulesets' keywords.
    pub example: &'static str,
    /// What Koi does with it.
    pub status: Status,
    /// Whether `expose-experimental-directives` must stand in `global`.
    pub experimental: bool,
    /// Reads its arguments.
    pub parse: fn(&mut Line<'_, '_, '_>) -> Option<Action>,
}

/// An entry of a supported action.
const fn action(
    name: &'static str,
    rulesets: Rulesets,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Line<'_, '_, '_>) -> Option<Action>,
) -> ActionEntry {
    let (status, experimental) = (Status::Supported, false);
    ActionEntry { name, rulesets, syntax, about, example, status, experimental, parse }
}

impl ActionEntry {
    /// The same, not built yet.
    const fn later(self, feature: Feature) -> ActionEntry {
        ActionEntry { status: Status::Later(feature), ..self }
    }
}

/// What a rule does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ends the list of rules, or the exchange.
    Verdict(verdict::Verdict),
    /// Changes fields.
    Field(field::FieldEdit),
    /// Changes the start line.
    Start(start::StartEdit),
    /// Sets or forgets a variable.
    Variable(variable::VariableEdit),
    /// Changes how this exchange is treated.
    Setting(setting::Setting),
    /// Changes a map or a list of patterns.
    Map(map::MapEdit),
    /// Changes an entry of a stick table.
    Counter(counter::CounterEdit),
    /// What waits for something, or belongs to something that is not built yet.
    Other(other::Other),
}

impl Action {
    /// Whether no rule behind it is reached when it runs.
    pub fn is_final(&self) -> bool {
        matches!(self, Action::Verdict(verdict) if verdict.is_final())
    }
}

/// The tables, one a family.
const TABLES: &[&[ActionEntry]] = &[
    verdict::ACTIONS,
    field::ACTIONS,
    start::ACTIONS,
    normalize::ACTIONS,
    variable::ACTIONS,
    setting::ACTIONS,
    map::ACTIONS,
    counter::ACTIONS,
    other::ACTIONS,
];

/// Every action.
pub fn all() -> impl Iterator<Item = &'static ActionEntry> {
    TABLES.iter().copied().flatten()
}

/// The action of this name, whatever stands in parentheses behind it. `track-sc3` and above are
/// found as `track-sc0`.
pub fn find(name: &str) -> Option<&'static ActionEntry> {
    let name = name.split('(').next().unwrap_or_default();
    let exact = all().find(|entry| entry.name == name);
    let numbered = || match name.strip_prefix("track-sc") {
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            all().find(|entry| entry.name == "track-sc0")
        }
        _ => None,
    };
    exact.or_else(numbered)
}

/// Parses the action that begins with the next word. Faults are reported.
pub fn parse(
    words: &mut Words<'_>,
    ruleset: Ruleset,
    compiler: &mut Compiler<'_>,
) -> Option<Action> {
    let Some(word) = words.take() else {
        let names: Vec<&str> = legal_in(ruleset).map(|entry| entry.name).collect();
        words.missing("an action", compiler.report).help(format!(
            "in `{}` there are: {}",
            ruleset.keyword(),
            names.join(", ")
        ));
        return None;
    };
    let entry = known(word, ruleset, compiler)?;
    let name = word.part(0..entry.name.len());
    usable(entry.name, entry.status, name, compiler.report)?;
    if entry.experimental && !compiler.plan.global.experimental {
        compiler
            .report
            .error(name, format!("`{}` is an experiment in HAProxy 3.0", entry.name))
            .label("not exposed")
            .help("write `expose-experimental-directives` in `global` to use it");
        return None;
    }
    if !entry.syntax.starts_with('(') && word.contains('(') {
        let open = word.find('(').unwrap_or_default();
        compiler
            .report
            .error(word.part(open..word.len()), format!("`{}` takes no parentheses", entry.name))
            .help(format!("it is written: {} {}", entry.name, entry.syntax));
        return None;
    }
    let place = ruleset.place();
    (entry.parse)(&mut Line { entry, ruleset, place: &place, word, words, compiler })
}

/// Every action that is legal in a list of rules.
pub fn legal_in(ruleset: Ruleset) -> impl Iterator<Item = &'static ActionEntry> {
    all().filter(move |entry| entry.rulesets.has(ruleset))
}

/// The entry of an action that may stand here; the fault otherwise.
fn known(
    word: &Word,
    ruleset: Ruleset,
    compiler: &mut Compiler<'_>,
) -> Option<&'static ActionEntry> {
    let name = word.split('(').next().unwrap_or_default();
    let span = word.part(0..name.len());
    if name.starts_with("lua.") {
        compiler
            .report
            .error(span, format!("`{}` is not possible: Koi runs no Lua", shown_text(name)))
            .label("refused")
            .help("say it with Koi's own actions and expressions");
        return None;
    }
    match find(word) {
        Some(entry) if entry.rulesets.has(ruleset) => Some(entry),
        Some(entry) => {
            elsewhere(entry, word, ruleset, compiler);
            None
        }
        None => {
            let near = nearest(name, legal_in(ruleset).map(|entry| entry.name));
            let message = format!("`{}` is no action of `{}`", shown_text(name), ruleset.keyword());
            let fault = compiler.report.error(span, message);
            fault.label("expected an action");
            match did_you_mean(&near) {
                Some(meant) => fault.help(meant),
                None => fault.help("see `koi help action`"),
            };
            None
        }
    }
}

/// Reports an action that other lists of rules have.
fn elsewhere(entry: &ActionEntry, word: &Word, ruleset: Ruleset, compiler: &mut Compiler<'_>) {
    let places: Vec<String> =
        entry.rulesets.iter().map(|it| format!("`{}`", it.keyword())).collect();
    let message = format!("`{}` has no place in `{}`", entry.name, ruleset.keyword());
    let fault = compiler.report.error(word.part(0..entry.name.len()), message);
    fault.label(format!("it belongs in {}", places.join(", ")));
    let other = match (entry.name, ruleset.is_http()) {
        ("accept", true) => Some("allow"),
        ("allow", false) => Some("accept"),
        ("deny", false) => Some("reject"),
        ("reject", true) => Some("deny"),
        _ => None,
    };
    if let Some(other) = other.filter(|it| find(it).is_some_and(|it| it.rulesets.has(ruleset))) {
        fault.help(format!("in `{}` it is called `{other}`", ruleset.keyword()));
    }
}

/// Advice about words that change nothing.
fn no_effect(line: &mut Line<'_, '_, '_>, word: &Word, message: &str) {
    line.compiler.report.advise(&advice::NO_EFFECT, word.span, message);
}

#[cfg(test)]
mod tests;
