//! Variables: `set-var`, `set-var-fmt`, `unset-var`.

use core::cmp::Ordering;

use super::line::Line;
use super::{Action, ActionEntry, Ruleset, Rulesets, action};
use crate::config::args::shown_text;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::word::Word;
use crate::rules::arg;
use crate::rules::compiler::{Compiler, Scope, Words};
use crate::rules::context::{Context, VariableName};
use crate::rules::expr::Expr;
use crate::rules::format::{Format, Style, Use};
use crate::rules::value::Value;

/// A change to a variable.
#[derive(Clone, Debug)]
pub enum VariableEdit {
    /// `set-var`.
    Set {
        /// Which one.
        name: VariableName,
        /// What must hold.
        conditions: Conditions,
        /// The new value.
        value: Expr,
    },
    /// `set-var-fmt`.
    Format {
        /// Which one.
        name: VariableName,
        /// What must hold.
        conditions: Conditions,
        /// The new value, text.
        value: Format,
    },
    /// `unset-var`.
    Unset(VariableName),
}

/// What `set-var(name,...)` makes dependent on the old and the new value; all must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions(u8);

impl Conditions {
    const TABLE: &'static [(&'static str, u8)] = &[
        ("ifexists", 1),
        ("ifnotexists", 2),
        ("ifempty", 4),
        ("ifnotempty", 8),
        ("ifset", 16),
        ("ifnotset", 32),
        ("ifgt", 64),
        ("iflt", 128),
    ];

    /// Every name.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Conditions::TABLE.iter().map(|(name, _)| *name)
    }

    /// Adds the condition of this name; whether there is one.
    pub fn add(&mut self, name: &str) -> bool {
        let found = Conditions::TABLE.iter().find(|(known, _)| *known == name);
        self.0 |= found.map_or(0, |(_, bit)| *bit);
        found.is_some()
    }

    fn has(self, name: &str) -> bool {
        Conditions::TABLE.iter().any(|(known, bit)| *known == name && self.0 & bit != 0)
    }

    /// Whether the variable `name` may be set: `old` is what it is, `new` what it would be.
    pub fn hold(self, name: &str, old: Option<&Value<'_>>, new: &Value<'_>) -> bool {
        if self.0 == 0 {
            return true;
        }
        let is_empty = |value: &Value<'_>| match value {
            Value::Str(text) | Value::Bin(text) => text.is_empty(),
            _ => false,
        };
        // Only numbers are compared; a variable that is not there passes.
        let compared = match (old, new) {
            (Some(Value::Int(old)), Value::Int(new)) => new.cmp(old),
            _ => Ordering::Equal,
        };
        let numbers = matches!((old, new), (Some(Value::Int(_)), Value::Int(_)));
        // Variables of the process are there from the start, if only without a value.
        let exists = old.is_some() || name.starts_with("proc.");
        let refused = (self.has("ifexists") && !exists)
            || (self.has("ifnotexists") && exists)
            || (self.has("ifempty") && !is_empty(new))
            || (self.has("ifnotempty") && is_empty(new))
            || (self.has("ifset") && old.is_none())
            || (self.has("ifnotset") && old.is_some())
            || (self.has("ifgt") && numbers && compared != Ordering::Less)
            || (self.has("iflt") && numbers && compared != Ordering::Greater);
        !refused
    }
}

impl VariableEdit {
    /// The variable.
    pub fn name(&self) -> &str {
        match self {
            VariableEdit::Set { name, .. }
            | VariableEdit::Format { name, .. }
            | VariableEdit::Unset(name) => name,
        }
    }

    /// Changes the context's variables; whether it did.
    pub fn apply(&self, context: &Context<'_>) -> bool {
        let (name, conditions, value) = match self {
            VariableEdit::Unset(name) => {
                let was = context.variables.get(name).is_some();
                context.variables.unset(name);
                return was;
            }
            VariableEdit::Set { name, conditions, value } => {
                let Some(value) = value.last(context) else { return false };
                (name, conditions, value.into_owned())
            }
            VariableEdit::Format { name, conditions, value } => {
                let text = value.bytes(context).into_owned();
                (name, conditions, Value::string(text))
            }
        };
        let holds = conditions.hold(name, context.variables.get(name).as_ref(), &value);
        holds && context.variables.set(name, value)
    }
}

/// `(name[,condition...])`.
fn target(line: &mut Line<'_, '_, '_>) -> Option<(VariableName, Conditions)> {
    let raw = line.arguments()?;
    let (name, rest) = raw.split_first()?;
    let span = line.word.part(name.range.clone());
    let checked = arg::variable(&name.text, span, line.compiler)?;
    let variable = checked.text()?.into();
    if let Some(at) = name.text.find('-') {
        let span = line.word.part(name.range.start + at..name.range.start + at + 1);
        line.error(span, "a variable's name has no hyphen")
            .label("letters, digits, _ and . are possible");
        return None;
    }
    let mut conditions = Conditions::default();
    for one in rest {
        if conditions.add(&one.text) {
            continue;
        }
        let near = did_you_mean(&nearest(&one.text, Conditions::names()));
        let all: Vec<&str> = Conditions::names().collect();
        let help = near.unwrap_or_else(|| format!("there are: {}", all.join(", ")));
        let span = line.word.part(one.range.clone());
        line.error(span, format!("`{}` is no condition of a variable", shown_text(&one.text)))
            .label("expected a condition")
            .help(help);
        return None;
    }
    Some((variable, conditions))
}

fn set(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let (name, conditions) = target(line)?;
    let value = line.expr()?;
    Some(Action::Variable(VariableEdit::Set { name, conditions, value }))
}

fn set_format(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let (name, conditions) = target(line)?;
    let value = line.format_in("a format", Style::Text)?;
    Some(Action::Variable(VariableEdit::Format { name, conditions, value }))
}

fn unset(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let (name, conditions) = target(line)?;
    if conditions != Conditions::default() {
        let comma = line.word.find(',').unwrap_or_default();
        let span = line.word.part(comma..line.word.len());
        line.error(span, "`unset-var` takes no conditions");
        return None;
    }
    Some(Action::Variable(VariableEdit::Unset(name)))
}

/// The same in a step of a health check: `word` is `set-var(name)` or a relative.
pub fn parse_for<'w>(
    word: &'w Word,
    words: &mut Words<'w>,
    scope: Scope,
    place: &str,
    compiler: &mut Compiler<'_>,
) -> Option<VariableEdit> {
    let entry = super::find(word)?;
    let ruleset = Ruleset::HttpRequest;
    let line = &mut Line { entry, ruleset, place, word, words, compiler };
    let (name, conditions) = target(line)?;
    match entry.name {
        "set-var" => {
            let value = Expr::parse(line.words, line.compiler)?;
            let known = value.check_scope(scope, place, line.compiler.report);
            known.then_some(VariableEdit::Set { name, conditions, value })
        }
        "set-var-fmt" => {
            let word = line.text("a format")?;
            let of = Use { style: Style::Text, scope, place };
            let value = Format::parse(word, of, line.compiler)?;
            Some(VariableEdit::Format { name, conditions, value })
        }
        _ => Some(VariableEdit::Unset(name)),
    }
}

/// The table.
pub const ACTIONS: &[ActionEntry] = &[
    action(
        "set-var",
        Rulesets::ALL,
        "(<name>[,<condition>]...) <expression>",
        "Sets a variable; scopes are proc, sess, txn, req, res.",
        "set-var(sess.client) src",
        set,
    ),
    action(
        "set-var-fmt",
        Rulesets::ALL,
        "(<name>[,<condition>]...) <format>",
        "Sets a variable to the text of a log format.",
        "set-var-fmt(sess.from) %[src]:%[src_port]",
        set_format,
    ),
    action(
        "unset-var",
        Rulesets::ALL,
        "(<name>)",
        "Forgets a variable.",
        "unset-var(sess.client)",
        unset,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_look_at_the_old_and_the_new_value() {
        let holds = |name: &str, old: Option<Value<'_>>, new: Value<'_>| {
            let mut conditions = Conditions::default();
            assert!(conditions.add(name), "{name}");
            conditions.hold("txn.x", old.as_ref(), &new)
        };
        let (text, empty) = (|| Value::str(b"a"), || Value::str(b""));
        assert!(!holds("ifexists", None, text()) && holds("ifexists", Some(empty()), text()));
        assert!(holds("ifnotexists", None, text()) && !holds("ifnotexists", Some(text()), text()));
        assert!(holds("ifempty", None, empty()) && !holds("ifempty", None, text()));
        assert!(!holds("ifnotempty", None, empty()) && holds("ifnotempty", None, Value::Int(0)));
        assert!(!holds("ifset", None, text()) && holds("ifset", Some(empty()), text()));
        assert!(holds("ifnotset", None, text()) && !holds("ifnotset", Some(empty()), text()));
        let int = |number| Value::Int(number);
        // The variable must be greater than what it is to be set to.
        assert!(holds("ifgt", Some(int(5)), int(3)) && !holds("ifgt", Some(int(3)), int(5)));
        assert!(holds("iflt", Some(int(3)), int(5)) && !holds("iflt", Some(int(5)), int(5)));
        assert!(holds("ifgt", None, int(1)));
        let mut process = Conditions::default();
        assert!(process.add("ifexists") && process.hold("proc.x", None, &int(1)));
        assert!(!Conditions::default().add("iffy"));
    }
}
