//! Stick tables: tracking, and counters of tracked entries.

use super::line::{Amount, Line};
use super::{Action, ActionEntry, Rulesets, action};
use crate::config::args::shown_text;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::TableId;
use crate::config::section::Section;
use crate::rules::arg::Raw;
use crate::rules::expr::Expr;

/// How many entries a connection tracks unless `tune.stick-counters` says otherwise.
pub const TRACKED: i64 = 3;
/// How many counters and tags an entry has at most.
pub const INDEX_MAX: i64 = 99;

/// A change to an entry of a stick table.
#[derive(Clone, Debug)]
pub enum CounterEdit {
    /// `track-sc0` and its relatives.
    Track {
        /// Which of the tracked entries.
        counter: u8,
        /// The key.
        key: Expr,
        /// The table.
        table: TableId,
    },
    /// `sc-inc-gpc`, `sc-add-gpc` and their relatives.
    Add {
        /// Which of the tracked entries.
        counter: u8,
        /// Which counter.
        index: Index,
        /// How much.
        amount: Amount,
    },
    /// `sc-set-gpt` and `sc-set-gpt0`.
    Tag {
        /// Which of the tracked entries.
        counter: u8,
        /// Which tag.
        index: Index,
        /// What it becomes.
        amount: Amount,
    },
}

/// Which counter or tag of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// `gpc0`, `gpc1`, `gpt0`.
    Old(u8),
    /// One of an array.
    Array(u8),
}

/// How many entries can be tracked.
fn tracked(line: &Line<'_, '_, '_>) -> i64 {
    line.compiler.plan.global.tuning.stick_counters.map_or(TRACKED, |it| i64::from(it.value))
}

fn track(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let digits = line.word.trim_start_matches("track-sc");
    let most = tracked(line) - 1;
    if digits.is_empty() {
        line.error(line.word.span.after(), "`track-sc` needs a number")
            .label(format!("expected track-sc0 to track-sc{most}"));
        return None;
    }
    let digits_at = line.word.part(line.word.len() - digits.len()..line.word.len());
    let word = line.word;
    let counter = line.number_of(digits, digits_at, word, "a counter", 0..=most)?;
    let counter = u8::try_from(counter).ok()?;
    let key = line.expr()?;
    let named = line.option("table", "the name of a table")?;
    let plan = line.compiler.plan;
    let Some(name) = named else {
        // In `defaults` the table is that of the proxy that inherits the rule.
        let proxy = line.compiler.proxy.filter(|proxy| proxy.section != Section::Defaults)?;
        let own = plan.own_table(proxy);
        if own.is_none() {
            line.error(line.word.span, format!("`{}` has no stick table", proxy.name))
                .label("nothing to track in")
                .help("add a `stick-table` line to it, or name another one by `table`");
        }
        return own.map(|table| Action::Counter(CounterEdit::Track { counter, key, table }));
    };
    let Some(table) = plan.table(name) else {
        let names = plan.table_names();
        let near = did_you_mean(&nearest(name, names.iter().map(String::as_str)));
        let proxy = plan.backend(name).or_else(|| plan.frontend(name)).is_some();
        let message = match proxy {
            true => format!("`{}` has no stick table", shown_text(name)),
            false => format!("there is no stick table `{}`", shown_text(name)),
        };
        let fault = line.error(name.span, message);
        fault.label("expected the name of a section that has a `stick-table`");
        if let Some(meant) = near.filter(|_| !proxy) {
            fault.help(meant);
        }
        return None;
    };
    Some(Action::Counter(CounterEdit::Track { counter, key, table }))
}

/// The arguments in parentheses: `(index,counter)` or `(counter)`.
fn numbers(line: &mut Line<'_, '_, '_>, array: bool) -> Option<(Option<u8>, u8)> {
    let raw = match line.word.contains('(') || array {
        true => line.arguments()?,
        // `sc-inc-gpc0` alone means the first one.
        false => Vec::new(),
    };
    let wanted = if array { 2 } else { 1 };
    if raw.len() > wanted || (array && raw.len() < wanted) {
        let (name, syntax) = (line.entry.name, line.entry.syntax);
        let open = line.word.find('(').unwrap_or_default();
        let span = line.word.part(open..line.word.len());
        let what = if array { "a counter's index and a tracked entry" } else { "a tracked entry" };
        line.error(span, format!("`{name}` needs {what}"))
            .help(format!("it is written: {name}{syntax}"));
        return None;
    }
    let most = tracked(line) - 1;
    let (index, counter) = match (array, &raw[..]) {
        (true, [index, counter]) => (
            Some(one(line, index, "an index", INDEX_MAX)?),
            one(line, counter, "a tracked entry", most)?,
        ),
        (false, [counter]) if !counter.text.is_empty() => {
            (None, one(line, counter, "a tracked entry", most)?)
        }
        _ => (None, 0),
    };
    Some((index, counter))
}

fn one(line: &mut Line<'_, '_, '_>, raw: &Raw, expected: &str, max: i64) -> Option<u8> {
    let span = line.word.part(raw.range.clone());
    let word = line.word;
    let number = line.number_of(&raw.text, span, word, expected, 0..=max)?;
    u8::try_from(number).ok()
}

fn add(line: &mut Line<'_, '_, '_>, old: Option<u8>, by_one: bool) -> Option<Action> {
    let (index, counter) = numbers(line, old.is_none())?;
    let index = old.map(Index::Old).or(index.map(Index::Array))?;
    let amount = match by_one {
        true => Amount::Fixed(1),
        false => line.amount("a number", 0xffff_ffff)?,
    };
    Some(Action::Counter(CounterEdit::Add { counter, index, amount }))
}

fn tag(line: &mut Line<'_, '_, '_>, old: Option<u8>) -> Option<Action> {
    let (index, counter) = numbers(line, old.is_none())?;
    let index = old.map(Index::Old).or(index.map(Index::Array))?;
    let amount = line.amount("a number", 0xffff_ffff)?;
    Some(Action::Counter(CounterEdit::Tag { counter, index, amount }))
}

const TRACKS: Rulesets = Rulesets::TCP_REQUEST.or(Rulesets::HTTP);

const fn tracking(name: &'static str, example: &'static str) -> ActionEntry {
    action(
        name,
        TRACKS,
        "<key> [table <proxy>]",
        "Counts this connection or request in an entry of a stick table, from here on.",
        example,
        track,
    )
}

const fn counting(
    name: &'static str,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    parse: fn(&mut Line<'_, '_, '_>) -> Option<Action>,
) -> ActionEntry {
    action(name, Rulesets::ALL, syntax, about, example, parse)
}

/// The table.
pub const ACTIONS: &[ActionEntry] = &[
    tracking("track-sc0", "track-sc0 src"),
    tracking("track-sc1", "track-sc1 src"),
    tracking("track-sc2", "track-sc2 src"),
    counting(
        "sc-inc-gpc",
        "(<index>,<entry>)",
        "Adds one to a general counter of a tracked entry.",
        "sc-inc-gpc(0,0)",
        |line| add(line, None, true),
    ),
    counting(
        "sc-inc-gpc0",
        "(<entry>)",
        "Adds one to the counter gpc0 of a tracked entry.",
        "sc-inc-gpc0(0)",
        |line| add(line, Some(0), true),
    ),
    counting(
        "sc-inc-gpc1",
        "(<entry>)",
        "Adds one to the counter gpc1 of a tracked entry.",
        "sc-inc-gpc1(0)",
        |line| add(line, Some(1), true),
    ),
    counting(
        "sc-add-gpc",
        "(<index>,<entry>) <number or expression>",
        "Adds a number to a general counter of a tracked entry.",
        "sc-add-gpc(0,0) 5",
        |line| add(line, None, false),
    ),
    counting(
        "sc-set-gpt",
        "(<index>,<entry>) <number or expression>",
        "Sets a general tag of a tracked entry.",
        "sc-set-gpt(0,0) 1",
        |line| tag(line, None),
    ),
    counting(
        "sc-set-gpt0",
        "(<entry>) <number or expression>",
        "Sets the tag gpt0 of a tracked entry.",
        "sc-set-gpt0(0) 1",
        |line| tag(line, Some(0)),
    ),
];
