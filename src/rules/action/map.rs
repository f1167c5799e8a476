//! Changes to maps and lists of patterns while Koi runs.

use super::line::Line;
use super::{Action, ActionEntry, Rulesets, action};
use crate::config::keyword::Feature;
use crate::rules::format::Format;

/// A change to a map or list.
#[derive(Clone, Debug)]
pub struct MapEdit {
    /// The file it was loaded from, or its name.
    pub file: Box<str>,
    /// What is done.
    pub kind: EditKind,
    /// The key.
    pub key: Format,
}

/// What is done to a map or list.
#[derive(Clone, Debug)]
pub enum EditKind {
    /// `set-map`: the key gets this value.
    Set(Format),
    /// `del-map`: the key goes.
    Unset,
    /// `add-acl`: a pattern comes.
    Add,
    /// `del-acl`: a pattern goes.
    Remove,
}

fn file(line: &mut Line<'_, '_, '_>) -> Option<Box<str>> {
    let raw = line.arguments()?;
    let name = raw.iter().map(|one| one.text.as_str()).collect::<Vec<_>>().join(",");
    if name.is_empty() {
        let span = line.word.span;
        line.error(span, format!("`{}` needs the name of a file", line.entry.name))
            .label("expected a name in the parentheses");
        return None;
    }
    Some(name.into())
}

fn set(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let file = file(line)?;
    let key = line.format("a key")?;
    let kind = EditKind::Set(line.format("a value")?);
    Some(Action::Map(MapEdit { file, kind, key }))
}

fn other(line: &mut Line<'_, '_, '_>, kind: EditKind) -> Option<Action> {
    let file = file(line)?;
    let key = line.format("a key")?;
    Some(Action::Map(MapEdit { file, kind, key }))
}

/// The table.
pub const ACTIONS: &[ActionEntry] = &[
    action(
        "set-map",
        Rulesets::HTTP_ALL,
        "(<file>) <key> <value>",
        "Sets the value of a key in a map that was loaded from this file.",
        "set-map(/etc/koi/seen.map) %[src] 1",
        set,
    )
    .later(Feature::MapChanges),
    action(
        "del-map",
        Rulesets::HTTP_ALL,
        "(<file>) <key>",
        "Removes a key from a map that was loaded from this file.",
        "del-map(/etc/koi/seen.map) %[src]",
        |line| other(line, EditKind::Unset),
    )
    .later(Feature::MapChanges),
    action(
        "add-acl",
        Rulesets::HTTP,
        "(<file>) <pattern>",
        "Adds a pattern to the ACLs that were loaded from this file.",
        "add-acl(/etc/koi/bad.lst) %[src]",
        |line| other(line, EditKind::Add),
    )
    .later(Feature::MapChanges),
    action(
        "del-acl",
        Rulesets::HTTP_ALL,
        "(<file>) <pattern>",
        "Removes a pattern from the ACLs that were loaded from this file.",
        "del-acl(/etc/koi/bad.lst) %[src]",
        |line| other(line, EditKind::Remove),
    )
    .later(Feature::MapChanges),
];
