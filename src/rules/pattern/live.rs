//! Patterns of a file, which may change while they are in use.
//!
//! In: a [`List`], and how its lines are compared. Out: whether one matches. Patterns are built into one
//! matcher, which takes time that grows with their number; so those that came since the last time are kept in
//! a small matcher of their own until they are too many for that.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Matcher, Method, Operator, Origin, Parsed, Pattern, parse};
use crate::rules::lists::{Change, Entries, Entry, List, Place, Prepared, Use};
use crate::rules::value::Value;

/// How many patterns a small matcher holds, whatever the others are.
const RECENT_LEAST: usize = 64;

/// The patterns of a file, as one ACL compares them.
#[derive(Clone, Debug)]
pub struct FilePatterns {
    list: Arc<List>,
    index: Arc<Index>,
}

#[derive(Debug)]
struct Index {
    name: Arc<str>,
    method: Method,
    fold: bool,
    strict: bool,
    now: ArcSwap<Content>,
}

#[derive(Clone, Debug)]
struct Content {
    base: Arc<Matcher>,
    count: usize,
    /// Those that came since, and their matcher; none if there are none.
    recent: Vec<Arc<Entry>>,
    small: Option<Arc<Matcher>>,
}

impl FilePatterns {
    /// Joins those who look things up in the list.
    ///
    /// # Errors
    /// What in the list cannot be compared so.
    pub fn new(
        list: Arc<List>,
        (method, fold, strict): (Method, bool, bool),
        about: &str,
    ) -> Result<FilePatterns, String> {
        let name: Arc<str> = (&*list.name).into();
        let base = Arc::new(Matcher::new(method, &[], Vec::new())?);
        let empty = Content { base, count: 0, recent: Vec::new(), small: None };
        let index =
            Arc::new(Index { name, method, fold, strict, now: ArcSwap::from_pointee(empty) });
        let user: Arc<dyn Use> = index.clone();
        list.join(&user, about)?;
        Ok(FilePatterns { list, index })
    }

    /// The list.
    pub fn list(&self) -> &Arc<List> {
        &self.list
    }

    /// Whether any pattern matches.
    #[inline]
    pub fn matches(&self, value: &Value<'_>) -> bool {
        let now = self.index.now.load();
        now.base.matches(value) || now.small.as_ref().is_some_and(|small| small.matches(value))
    }

    /// The first pattern that matches. Slow: each is tried by itself.
    pub fn first(&self, value: &Value<'_>) -> Option<Pattern> {
        let entries = self.list.entries(None);
        let found = entries.values().find(|entry| self.index.alone_matches(entry, value))?;
        Some(self.index.pattern(found))
    }
}

impl Index {
    fn pattern(&self, entry: &Entry) -> Pattern {
        Pattern {
            text: entry.key.clone(),
            operator: Operator::Eq,
            fold: self.fold,
            origin: Origin::Line(self.name.clone(), entry.line),
        }
    }

    fn parse(&self, entry: &Entry) -> Result<Parsed, String> {
        parse(self.method, &entry.key, Operator::Eq, self.fold, self.strict).map_err(|fault| {
            let text = crate::config::args::shown_text(&entry.key);
            format!("'{text}' {}.", fault.message)
        })
    }

    fn matcher<'e>(
        &self,
        entries: impl Iterator<Item = &'e Arc<Entry>>,
    ) -> Result<Arc<Matcher>, String> {
        let (mut list, mut parsed) = (Vec::new(), Vec::new());
        for entry in entries {
            list.push(self.pattern(entry));
            parsed.push(self.parse(entry)?);
        }
        Ok(Arc::new(Matcher::new(self.method, &list, parsed)?))
    }

    fn alone_matches(&self, entry: &Arc<Entry>, value: &Value<'_>) -> bool {
        self.matcher(std::iter::once(entry)).is_ok_and(|matcher| matcher.matches(value))
    }

    fn built(&self, entries: &Entries) -> Result<Content, String> {
        let base = self.matcher(entries.values())?;
        Ok(Content { base, count: entries.len(), recent: Vec::new(), small: None })
    }

    fn with_recent(&self, old: &Content, recent: Vec<Arc<Entry>>) -> Result<Content, String> {
        let small = match recent.is_empty() {
            true => None,
            false => Some(self.matcher(recent.iter())?),
        };
        Ok(Content { base: old.base.clone(), count: old.count, recent, small })
    }

    fn changed(&self, change: &Change, entries: &Entries) -> Result<Content, String> {
        let old = self.now.load();
        match change {
            Change::Added(added)
                if old.recent.len() + added.len() <= RECENT_LEAST + old.count.isqrt() =>
            {
                let recent = old.recent.iter().chain(added).cloned().collect();
                self.with_recent(&old, recent)
            }
            Change::Removed(gone)
                if gone.iter().all(|it| old.recent.iter().any(|recent| recent.id == it.id)) =>
            {
                let stays = |it: &&Arc<Entry>| !gone.iter().any(|gone| gone.id == it.id);
                self.with_recent(&old, old.recent.iter().filter(stays).cloned().collect())
            }
            // Patterns have no value.
            Change::Set(_) => Ok(Content::clone(&old)),
            Change::All | Change::Added(_) | Change::Removed(_) => self.built(entries),
        }
    }
}

impl Use for Index {
    fn check(&self, entry: &Entry) -> Result<(), String> {
        self.parse(entry).map(drop)
    }

    fn prepare<'u>(&'u self, change: &Change, entries: &Entries) -> Result<Prepared<'u>, String> {
        let content = Arc::new(self.changed(change, entries)?);
        Ok(Prepared::new(move || self.now.store(content)))
    }

    fn entries_of(&self, _: &str) -> Option<Vec<Arc<Entry>>> {
        None
    }

    fn look_up(&self, text: &str, entries: &Entries) -> Place {
        let value = Value::str(text.as_bytes());
        let found = entries.values().find(|entry| self.alone_matches(entry, &value));
        Place {
            method: self.method.name(),
            fold: self.fold,
            tree: self.method == Method::Ip
                || (!self.fold && matches!(self.method, Method::Str | Method::Beg)),
            kind: "str",
            entry: found.cloned(),
        }
    }
}
