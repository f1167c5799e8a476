//! Lists that change while they are in use: maps, and files of patterns.
//!
//! In: lists by their files' names, and changes, from any thread. Out: [`List`]s, which tell everybody who
//! looks things up in them (a [`Use`]) what has changed. A use keeps an index of its own, which it swaps as a
//! whole: whoever looks something up never waits, and sees either what was before or what is now.
//!
//! A list has one current version, and others that are [prepared](List::prepare) beside it and take its
//! place when they are [committed](List::commit).
//!
//! Limits: [`PREPARED_MAX`] versions beside the current one. An entry more or less costs time that grows with
//! the logarithm of the list where it is a map; patterns of ACLs are built anew together, now and then.

mod book;
mod change;

pub use book::{Lists, Origins};
pub use change::{Change, Place, Prepared, Use};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use imbl::OrdMap;

/// Versions beside the current one.
pub const PREPARED_MAX: usize = 8;

/// A line of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the list.
    pub id: u64,
    /// The key, or the pattern.
    pub key: Box<str>,
    /// The value; empty if there is none.
    pub value: Box<str>,
    /// The line of the file, from 1; 0 for one that came later.
    pub line: usize,
}

/// Entries by their numbers, in order.
pub type Entries = OrdMap<u64, Arc<Entry>>;

/// What is wrong with a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Some use cannot take the key or the value, and says why.
    Refused(String),
    /// There is no such key or entry.
    Absent,
    /// The version is neither the current one nor prepared, and lies behind.
    Past,
    /// It has not been prepared yet.
    Future,
    /// There are [`PREPARED_MAX`] versions already.
    Full,
}

/// See the module.
#[derive(Debug)]
pub struct List {
    /// Its number.
    pub id: u32,
    /// The name of its file, or its own.
    pub name: Box<str>,
    /// Whether its lines are keys and values.
    pub is_map: bool,
    /// A number that differs where the file's content does.
    digest: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: Entries,
    next_id: u64,
    current: u32,
    newest: u32,
    prepared: Vec<(u32, Entries)>,
    uses: Vec<Weak<dyn Use>>,
    /// Where it is used.
    about: String,
    /// Whether it is not what its file said any more.
    changed: bool,
}

/// What a list is just now.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Where it is used, in words.
    pub about: String,
    /// The version in use.
    pub current: u32,
    /// The version prepared last.
    pub newest: u32,
    /// Entries in use.
    pub entries: usize,
}

impl List {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is just now.
    pub fn figures(&self) -> Figures {
        let state = self.lock();
        Figures {
            about: state.about.clone(),
            current: state.current,
            newest: state.newest,
            entries: state.entries.len(),
        }
    }

    /// The entries of the current version, or of a prepared one.
    pub fn entries(&self, version: Option<u32>) -> Entries {
        let state = self.lock();
        match version {
            None => state.entries.clone(),
            Some(version) if version == state.current => state.entries.clone(),
            Some(version) => {
                let found = state.prepared.iter().find(|(number, _)| *number == version);
                found.map(|(_, entries)| entries.clone()).unwrap_or_default()
            }
        }
    }

    /// Adds somebody who looks things up in it.
    ///
    /// # Errors
    /// What in the list cannot be used so.
    pub fn join(&self, by: &Arc<dyn Use>, about: &str) -> Result<(), String> {
        let mut state = self.lock();
        for entry in state.entries.values() {
            by.check(entry).map_err(|message| match entry.line {
                0 => format!(" `{}`, added at run time: {message}", entry.key),
                line => format!("{line}: {message}"),
            })?;
        }
        by.prepare(&Change::All, &state.entries)?.publish();
        state.uses.retain(|it| it.strong_count() > 0);
        state.uses.push(Arc::downgrade(by));
        if !state.about.contains(about) {
            let divide = if state.about.is_empty() { "" } else { ", " };
            state.about += &format!("{divide}{about}");
        }
        Ok(())
    }

    /// Whether it has an entry of this key.
    pub fn has(&self, key: &str) -> bool {
        !self.lock().find(&Which::Key(key)).is_empty()
    }

    /// Everybody who looks things up in it.
    pub fn uses(&self) -> Vec<Arc<dyn Use>> {
        self.lock().uses.iter().filter_map(Weak::upgrade).collect()
    }

    /// Adds an entry: to the current version, or to a prepared one.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn add(&self, version: Option<u32>, key: &str, value: &str) -> Result<(), Fault> {
        self.lock().add(version, key, value, 0)
    }

    /// Adds several at once: all, or those in front of the first that is refused.
    ///
    /// # Errors
    /// How many were added, and why the next one was not.
    pub fn add_all<'t>(
        &self,
        version: Option<u32>,
        pairs: impl Iterator<Item = (&'t str, &'t str)>,
    ) -> Result<(), Fault> {
        self.lock().add_all(version, pairs.map(|(key, value)| (key, value, 0)))
    }

    /// Gives all entries of a key a value.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn set(&self, which: &Which<'_>, value: &str) -> Result<(), Fault> {
        let mut state = self.lock();
        let found = state.find(which);
        if found.is_empty() {
            return Err(Fault::Absent);
        }
        for old in &found {
            state.check(&Entry {
                id: old.id,
                key: old.key.clone(),
                value: value.into(),
                line: 0,
            })?;
        }
        for old in found {
            let (id, key, line) = (old.id, old.key.clone(), old.line);
            let new = Arc::new(Entry { id, key, value: value.into(), line });
            let mut entries = state.entries.clone();
            entries.insert(id, new.clone());
            state.publish(&Change::Set(new), entries)?;
        }
        Ok(())
    }

    /// Gives a key a value, be it new.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn put(&self, key: &str, value: &str) -> Result<(), Fault> {
        match self.set(&Which::Key(key), value) {
            Err(Fault::Absent) => self.add(None, key, value),
            done => done,
        }
    }

    /// Removes all entries of a key, or one.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn remove(&self, which: &Which<'_>) -> Result<(), Fault> {
        let mut state = self.lock();
        let found = state.find(which);
        if found.is_empty() {
            return Err(Fault::Absent);
        }
        let mut entries = state.entries.clone();
        for entry in &found {
            entries.remove(&entry.id);
        }
        state.publish(&Change::Removed(found), entries)
    }

    /// Removes everything from the current version, or from a prepared one.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn clear(&self, version: Option<u32>) -> Result<(), Fault> {
        let mut state = self.lock();
        match version.filter(|version| *version != state.current) {
            None => state.publish(&Change::All, Entries::new()),
            Some(version) => {
                *state.prepared_mut(version)? = Entries::new();
                Ok(())
            }
        }
    }

    /// Begins a version beside the current one, with nothing in it: its number.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn prepare(&self) -> Result<u32, Fault> {
        let mut state = self.lock();
        if state.prepared.len() >= PREPARED_MAX {
            return Err(Fault::Full);
        }
        state.newest = state.newest.wrapping_add(1);
        let version = state.newest;
        state.prepared.push((version, Entries::new()));
        Ok(version)
    }

    /// A prepared version takes the current one's place; older ones are forgotten.
    ///
    /// # Errors
    /// See [`Fault`].
    pub fn commit(&self, version: u32) -> Result<(), Fault> {
        let mut state = self.lock();
        let entries = state.prepared_mut(version)?.clone();
        state.publish(&Change::All, entries)?;
        state.current = version;
        state.prepared.retain(|(number, _)| *number > version);
        Ok(())
    }
}

/// Which entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'t> {
    /// Those of a key.
    Key(&'t str),
    /// The one of a number.
    Id(u64),
}

impl State {
    fn live_uses(&self) -> impl Iterator<Item = Arc<dyn Use>> + '_ {
        self.uses.iter().filter_map(Weak::upgrade)
    }

    fn check(&self, entry: &Entry) -> Result<(), Fault> {
        self.live_uses().try_for_each(|it| it.check(entry)).map_err(Fault::Refused)
    }

    fn prepared_mut(&mut self, version: u32) -> Result<&mut Entries, Fault> {
        let newest = self.newest;
        let found = self.prepared.iter_mut().find(|(number, _)| *number == version);
        let future = if version > newest { Fault::Future } else { Fault::Past };
        found.map(|(_, entries)| entries).ok_or(future)
    }

    fn find(&self, which: &Which<'_>) -> Vec<Arc<Entry>> {
        match which {
            Which::Id(id) => self.entries.get(id).cloned().into_iter().collect(),
            Which::Key(key) => {
                // Who has an index by keys answers at once; the others look at all.
                let by_index = self.live_uses().find_map(|it| it.entries_of(key));
                by_index.unwrap_or_else(|| {
                    self.entries.values().filter(|it| *it.key == **key).cloned().collect()
                })
            }
        }
    }

    fn add(
        &mut self,
        version: Option<u32>,
        key: &str,
        value: &str,
        line: usize,
    ) -> Result<(), Fault> {
        self.add_all(version, std::iter::once((key, value, line)))
    }

    fn add_all<'t>(
        &mut self,
        version: Option<u32>,
        lines: impl Iterator<Item = (&'t str, &'t str, usize)>,
    ) -> Result<(), Fault> {
        let beside = version.filter(|version| *version != self.current);
        let mut entries = match beside {
            None => self.entries.clone(),
            Some(version) => self.prepared_mut(version)?.clone(),
        };
        let (mut added, mut refused) = (Vec::new(), None);
        for (key, value, line) in lines {
            let id = self.next_id;
            let entry = Entry { id, key: key.into(), value: value.into(), line };
            if let Err(fault) = self.check(&entry) {
                refused = Some(fault);
                break;
            }
            self.next_id += 1;
            let entry = Arc::new(entry);
            entries.insert(id, entry.clone());
            added.push(entry);
        }
        match beside {
            None => self.publish(&Change::Added(added), entries)?,
            Some(version) => *self.prepared_mut(version)? = entries,
        }
        refused.map_or(Ok(()), Err)
    }

    /// Has all uses take these entries over: all of them, or none if one cannot.
    fn publish(&mut self, change: &Change, entries: Entries) -> Result<(), Fault> {
        let uses: Vec<_> = self.live_uses().collect();
        let prepared: Result<Vec<_>, String> =
            uses.iter().map(|it| it.prepare(change, &entries)).collect();
        let prepared = prepared.map_err(Fault::Refused)?;
        prepared.into_iter().for_each(Prepared::publish);
        self.entries = entries;
        self.changed = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
