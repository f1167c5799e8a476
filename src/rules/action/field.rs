//! Fields: add, set, delete, replace; and hints.

use std::sync::Arc;

use regex::bytes::Regex;

use super::line::Line;
use super::{Action, ActionEntry, Rulesets, action};
use crate::config::args::shown;
use crate::proto::head::Head;
use crate::rules::format::Format;

/// A change to the fields of a head.
#[derive(Clone, Debug)]
pub enum FieldEdit {
    /// `add-header`.
    Add {
        /// The field's name.
        name: Box<str>,
        /// Its value.
        value: Format,
    },
    /// `set-header`.
    Set {
        /// The field's name.
        name: Box<str>,
        /// Its value, evaluated before the old ones go.
        value: Format,
    },
    /// `del-header`.
    Delete(NameMatch),
    /// `replace-header`: the whole value of each field line that matches.
    ReplaceLine(Replacement),
    /// `replace-value`: each comma-separated value that matches.
    ReplaceValue(Replacement),
    /// `early-hint`: a field of a 103 that is sent at once.
    Hint {
        /// The field's name.
        name: Box<str>,
        /// Its value.
        value: Format,
    },
}

/// Which fields go.
#[derive(Clone, Debug)]
pub enum NameMatch {
    /// This name.
    Exact(Box<str>),
    /// Names that begin so.
    Begin(Box<str>),
    /// Names that end so.
    End(Box<str>),
    /// Names that contain it.
    Contain(Box<str>),
    /// Names that match.
    Regex(Arc<Regex>),
}

impl NameMatch {
    /// Whether a field of this name goes. Case does not matter.
    pub fn matches(&self, name: &[u8]) -> bool {
        let at = |start: usize, text: &str| {
            let part = name.get(start..).and_then(|rest| rest.get(..text.len()));
            part.is_some_and(|part| part.eq_ignore_ascii_case(text.as_bytes()))
        };
        match self {
            NameMatch::Exact(text) => name.eq_ignore_ascii_case(text.as_bytes()),
            NameMatch::Begin(text) => at(0, text),
            NameMatch::End(text) => {
                name.len().checked_sub(text.len()).is_some_and(|start| at(start, text))
            }
            NameMatch::Contain(text) => (0..name.len()).any(|start| at(start, text)),
            NameMatch::Regex(regex) => regex.is_match(name),
        }
    }
}

/// `replace-header` and its relatives.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// The field's name.
    pub name: Box<str>,
    /// What must match.
    pub regex: Arc<Regex>,
    /// What comes instead; `\1` is the first group.
    pub with: Format,
}

impl FieldEdit {
    /// The format that gives its value.
    pub fn format(&self) -> Option<&Format> {
        match self {
            FieldEdit::Add { value, .. }
            | FieldEdit::Set { value, .. }
            | FieldEdit::Hint { value, .. } => Some(value),
            FieldEdit::ReplaceLine(it) | FieldEdit::ReplaceValue(it) => Some(&it.with),
            FieldEdit::Delete(_) => None,
        }
    }

    /// Changes a head whose base is `base`; `value` is what the format gave while the head was as it
    /// was. Whether anything changed.
    pub fn apply(&self, value: &[u8], head: &mut Head, base: &[u8]) -> bool {
        match self {
            FieldEdit::Add { name, .. } => head.append(name.as_bytes(), value),
            FieldEdit::Set { name, .. } => {
                head.remove(base, |field, _| field.eq_ignore_ascii_case(name.as_bytes()));
                head.append(name.as_bytes(), value);
            }
            FieldEdit::Delete(names) => {
                let before = head.fields.len();
                head.remove(base, |name, _| names.matches(name));
                return head.fields.len() < before;
            }
            FieldEdit::ReplaceLine(it) => {
                return replace(it, head, base, |old| substitute(&it.regex, value, old));
            }
            FieldEdit::ReplaceValue(it) => {
                return replace(it, head, base, |old| replace_values(&it.regex, value, old));
            }
            FieldEdit::Hint { .. } => return false,
        }
        true
    }
}

/// Gives the fields of that name new values, where `new` has one.
fn replace(
    it: &Replacement,
    head: &mut Head,
    base: &[u8],
    new: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> bool {
    let mut changed = false;
    for index in 0..head.fields.len() {
        let view = head.view(base);
        let Some(&field) = head.fields.get(index) else { break };
        if !view.bytes(field.name).eq_ignore_ascii_case(it.name.as_bytes()) {
            continue;
        }
        let Some(value) = new(view.bytes(field.value)) else { continue };
        let value = head.add(&value);
        if let Some(field) = head.fields.get_mut(index) {
            field.value = value;
            changed = true;
        }
    }
    changed
}

/// What a value becomes that `regex` matches anywhere: `with`, groups put in. `None` if it does not
/// match.
pub fn substitute(regex: &Regex, with: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let groups = regex.captures(value)?;
    let mut out = Vec::with_capacity(with.len() + value.len());
    let mut rest = with;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        // A backslash at the very end is dropped.
        let Some((&escaped, behind)) = rest.split_first() else { break };
        rest = behind;
        if escaped.is_ascii_digit() {
            let group = groups.get(usize::from(escaped - b'0'));
            out.extend_from_slice(group.map_or(b"", |group| group.as_bytes()));
        } else if let (b'x', Some((byte, behind))) = (escaped, hex(rest)) {
            out.push(byte);
            rest = behind;
        } else {
            out.push(escaped);
        }
    }
    Some(out)
}

/// The byte that two hexadecimal digits make, and what follows them.
fn hex(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, rest) = text.split_at_checked(2)?;
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|it| it.is_ascii_hexdigit()).then_some(())?;
    Some((u8::from_str_radix(digits, 16).ok()?, rest))
}

/// A list with each value that matches replaced; blanks and commas stay. `None` if none matches.
fn replace_values(regex: &Regex, with: &[u8], list: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(list.len());
    let mut changed = false;
    let mut rest = list;
    loop {
        let end = value_end(rest);
        let (value, behind) = rest.split_at(end);
        let trimmed = value.trim_ascii();
        match (!trimmed.is_empty()).then(|| substitute(regex, with, trimmed)).flatten() {
            Some(new) => {
                changed = true;
                let lead = value.len() - value.trim_ascii_start().len();
                let tail = value.trim_ascii_end().len();
                out.extend_from_slice(value.get(..lead).unwrap_or_default());
                out.extend_from_slice(&new);
                out.extend_from_slice(value.get(tail..).unwrap_or_default());
            }
            None => out.extend_from_slice(value),
        }
        match behind.split_first() {
            Some((&comma, behind)) => {
                out.push(comma);
                rest = behind;
            }
            None => return changed.then_some(out),
        }
    }
}

/// Where the first value of a list ends: at a comma outside double quotes.
fn value_end(list: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, &byte) in list.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    list.len()
}

fn name_and_value(line: &mut Line<'_, '_, '_>) -> Option<(Box<str>, Format)> {
    let name = line.field_name()?;
    Some((name, line.format("a value")?))
}

fn add(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let (name, value) = name_and_value(line)?;
    Some(Action::Field(FieldEdit::Add { name, value }))
}

fn set(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let (name, value) = name_and_value(line)?;
    Some(Action::Field(FieldEdit::Set { name, value }))
}

fn hint(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let (name, value) = name_and_value(line)?;
    Some(Action::Field(FieldEdit::Hint { name, value }))
}

fn delete(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let name = line.text("the name of a field")?;
    let text = name.text.clone();
    let names = match line.option("-m", "a method of matching")? {
        None => NameMatch::Exact(text),
        Some(method) => match &*method.text {
            "str" => NameMatch::Exact(text),
            "beg" => NameMatch::Begin(text),
            "end" => NameMatch::End(text),
            "sub" => NameMatch::Contain(text),
            "reg" => NameMatch::Regex(line.regex_of(name)?),
            _ => {
                line.error(method.span, format!("`{}` is no way to match a name", shown(method)))
                    .label("expected str, beg, end, sub or reg");
                return None;
            }
        },
    };
    Some(Action::Field(FieldEdit::Delete(names)))
}

fn replacement(line: &mut Line<'_, '_, '_>) -> Option<Replacement> {
    let name = line.field_name()?;
    let regex = line.regex("a regular expression")?;
    Some(Replacement { name, regex, with: line.format("what comes instead")? })
}

fn replace_line(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    replacement(line).map(FieldEdit::ReplaceLine).map(Action::Field)
}

fn replace_value(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    replacement(line).map(FieldEdit::ReplaceValue).map(Action::Field)
}

/// The table.
pub const ACTIONS: &[ActionEntry] = &[
    action(
        "add-header",
        Rulesets::HTTP_ALL,
        "<name> <format>",
        "Appends a field; others of its name stay.",
        "add-header X-Forwarded-Proto https if { ssl_fc }",
        add,
    ),
    action(
        "set-header",
        Rulesets::HTTP_ALL,
        "<name> <format>",
        "Appends a field and removes the others of its name. The value may use the old ones.",
        "set-header X-Client %[src]",
        set,
    ),
    action(
        "del-header",
        Rulesets::HTTP_ALL,
        "<name> [-m { str | beg | end | sub | reg }]",
        "Removes the fields of a name, or whose names match.",
        "del-header X-Internal- -m beg",
        delete,
    ),
    action(
        "replace-header",
        Rulesets::HTTP_ALL,
        "<name> <regex> <format>",
        "Replaces the whole value of each field line that matches; `\\1` is the first group.",
        "replace-header Cookie foo=([^;]*);(.*) foo=\\1;ip=%[src];\\2",
        replace_line,
    ),
    action(
        "replace-value",
        Rulesets::HTTP_ALL,
        "<name> <regex> <format>",
        "Replaces each comma-separated value that matches; `\\1` is the first group.",
        "replace-value X-Forwarded-For ^192\\.168\\.(.*)$ 172.16.\\1",
        replace_value,
    ),
    action(
        "early-hint",
        Rulesets::REQUEST,
        "<name> <format>",
        "Sends a response 103 with this field at once; hints that follow each other share one.",
        "early-hint Link \"</style.css>; rel=preload; as=style\"",
        hint,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(regex: &str, with: &str, value: &str) -> Option<String> {
        let regex = Regex::new(regex).expect("a regex");
        let out = substitute(&regex, with.as_bytes(), value.as_bytes())?;
        Some(String::from_utf8(out).expect("text"))
    }

    #[test]
    fn groups_are_put_in() {
        // As HAProxy 3.0.11 answers.
        assert_eq!(changed("(/.)/(.)", r"\2\0/\1\\3", "/a/b").as_deref(), Some(r"b/a/b//a\3"));
        assert_eq!(changed("(o)ne.*", r"<\1\0\9>", "one, two").as_deref(), Some("<oone, two>"));
        assert_eq!(changed("one", "two", "one, two").as_deref(), Some("two"));
        assert_eq!(changed("(.*)", r"\1 \x41\xzz\", "q").as_deref(), Some("q Axzz"));
        assert_eq!(changed("x", "y", "a"), None);
    }

    #[test]
    fn values_of_a_list_are_replaced_one_by_one() {
        let regex = Regex::new("^o.*$").expect("a regex");
        let list =
            |text: &str| replace_values(&regex, br"[\0]", text.as_bytes()).map(String::from_utf8);
        let is = |text: &str| Some(Ok(text.to_owned()));
        assert_eq!(list("one ,  two,one,"), is("[one] ,  two,[one],"));
        assert_eq!(list("a\"one,two\""), None);
        assert_eq!(list(""), None);
        assert_eq!(list("x,\"\\\"o,\",only"), is("x,\"\\\"o,\",[only]"));
    }

    #[test]
    fn names_match_in_any_case() {
        let matches = |names: NameMatch, name: &str| names.matches(name.as_bytes());
        assert!(matches(NameMatch::Begin("x-".into()), "X-A"));
        assert!(matches(NameMatch::End("-A".into()), "x-a"));
        assert!(!matches(NameMatch::End("long-name".into()), "name"));
        assert!(matches(NameMatch::Contain("RES".into()), "x-resp"));
        assert!(!matches(NameMatch::Exact("x".into()), "x-a"));
    }
}
