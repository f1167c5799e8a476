//! Changes to maps and lists of patterns while Koi runs.

use std::sync::{Arc, OnceLock};

use super::line::Line;
use super::{Action, ActionEntry, Rulesets, action};
use crate::rules::context::Context;
use crate::rules::format::Format;
use crate::rules::lists::{List, Lists, Which};
use crate::rules::pattern::Path;

/// A change to a map or list.
#[derive(Clone, Debug)]
pub struct MapEdit {
    /// The file it was loaded from, or its name.
    pub file: Box<str>,
    /// What is done.
    pub kind: EditKind,
    /// The key.
    pub key: Format,
    /// All lists; rules further down may name the file for the first time.
    lists: Arc<Lists>,
    list: OnceLock<Option<Arc<List>>>,
}

impl MapEdit {
    /// Does it, for everybody at once. What cannot be done (no such key, a value of the wrong type, a key
    /// that is not UTF-8) changes nothing, as in HAProxy.
    pub fn run(&self, context: &Context<'_>) {
        let is_map = matches!(self.kind, EditKind::Set(_) | EditKind::Unset);
        let find = || self.lists.named(Path::new(&self.file).name(), is_map);
        let Some(list) = self.list.get_or_init(find) else { return };
        let key = self.key.bytes(context);
        let Ok(key) = std::str::from_utf8(&key) else { return };
        let _ = match &self.kind {
            EditKind::Set(value) => match std::str::from_utf8(&value.bytes(context)) {
                Ok(value) => list.put(key, value),
                Err(_) => return,
            },
            EditKind::Add if !list.has(key) => list.add(None, key, ""),
            EditKind::Add => return,
            EditKind::Unset | EditKind::Remove => list.remove(&Which::Key(key)),
        };
    }
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

fn edit(line: &Line<'_, '_, '_>, file: Box<str>, kind: EditKind, key: Format) -> Action {
    let lists = line.compiler.lists.clone();
    Action::Map(MapEdit { file, kind, key, lists, list: OnceLock::new() })
}

fn set(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let file = file(line)?;
    let key = line.format("a key")?;
    let kind = EditKind::Set(line.format("a value")?);
    Some(edit(line, file, kind, key))
}

fn other(line: &mut Line<'_, '_, '_>, kind: EditKind) -> Option<Action> {
    let file = file(line)?;
    let key = line.format("a key")?;
    Some(edit(line, file, kind, key))
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
    ),
    action(
        "del-map",
        Rulesets::HTTP_ALL,
        "(<file>) <key>",
        "Removes a key from a map that was loaded from this file.",
        "del-map(/etc/koi/seen.map) %[src]",
        |line| other(line, EditKind::Unset),
    ),
    action(
        "add-acl",
        Rulesets::HTTP,
        "(<file>) <pattern>",
        "Adds a pattern to the ACLs that were loaded from this file.",
        "add-acl(/etc/koi/bad.lst) %[src]",
        |line| other(line, EditKind::Add),
    ),
    action(
        "del-acl",
        Rulesets::HTTP_ALL,
        "(<file>) <pattern>",
        "Removes a pattern from the ACLs that were loaded from this file.",
        "del-acl(/etc/koi/bad.lst) %[src]",
        |line| other(line, EditKind::Remove),
    ),
];
