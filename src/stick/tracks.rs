//! Entries that a connection or a request is counted in: `track-sc0` and its relatives.
//!
//! In: entries to hold, what happened. Out: counts in them. What a rule for connections tracks holds as
//! long as the connection, what one for requests tracks as long as the exchange; of two in one place the
//! exchange's is meant.
//! Limits: as many as `tune.stick-counters` says; without any, nothing is kept.

use std::cell::RefCell;
use std::sync::Arc;

use super::entry::Entry;
use super::key::Key;
use super::local::Local;
use super::table::Table;
use crate::config::plan::DataKind;

/// An entry that is in use until this is dropped.
#[derive(Debug)]
pub struct Tracked {
    /// Its table.
    pub table: Arc<Table>,
    /// The entry.
    pub entry: Entry,
}

impl Tracked {
    /// The entry of this key, made if there is none; one more connection is counted. `None`: the table is
    /// full.
    pub fn begin(local: &Local, table: &Arc<Table>, key: &Key<'_>) -> Option<Tracked> {
        let entry = local.hold(table, key)?;
        let tracked = Tracked { table: table.clone(), entry };
        let kinds = [DataKind::ConnCur, DataKind::ConnCnt, DataKind::ConnRate];
        tracked.count(&kinds, 1, local.now_ms());
        Some(tracked)
    }

    /// Adds to what of these is stored.
    pub fn count(&self, kinds: &[DataKind], by: u64, now_ms: u64) {
        for kind in kinds {
            if let Some(slot) = self.table.layout().slot(*kind) {
                self.entry.add(slot, 0, by, now_ms);
            }
        }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if let Some(slot) = self.table.layout().slot(DataKind::ConnCur) {
            self.entry.take_one(slot);
        }
        self.table.release(&self.entry);
    }
}

/// For how long an entry is tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As long as the connection.
    Connection,
    /// As long as the exchange.
    Exchange,
}

/// What a connection and its exchange track.
#[derive(Debug, Default)]
pub struct Tracks(RefCell<Option<Box<Places>>>);

#[derive(Debug, Default)]
struct Places {
    connection: Vec<Option<Tracked>>,
    exchange: Vec<Option<Tracked>>,
}

impl Places {
    fn is_empty(&self) -> bool {
        self.connection.is_empty() && self.exchange.is_empty()
    }

    fn get(&self, number: usize) -> Option<&Tracked> {
        let of = |list: &'_ Vec<Option<Tracked>>| list.get(number).is_some_and(Option::is_some);
        let list = if of(&self.exchange) { &self.exchange } else { &self.connection };
        list.get(number)?.as_ref()
    }

    fn all(&self) -> impl Iterator<Item = &Tracked> {
        let numbers = 0..self.exchange.len().max(self.connection.len());
        numbers.filter_map(|number| self.get(number))
    }
}

impl Tracks {
    /// Whether nothing is tracked.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().as_ref().is_none_or(|places| places.is_empty())
    }

    /// Whether something is tracked in this place at this level: then nothing else can be.
    pub fn is_taken(&self, number: usize, level: Level) -> bool {
        self.0.borrow().as_ref().is_some_and(|places| {
            let list = match level {
                Level::Connection => &places.connection,
                Level::Exchange => &places.exchange,
            };
            list.get(number).is_some_and(Option::is_some)
        })
    }

    /// Tracks an entry in a place that is not taken.
    pub fn set(&self, number: usize, level: Level, tracked: Tracked) {
        let mut places = self.0.borrow_mut();
        let places = places.get_or_insert_default();
        let list = match level {
            Level::Connection => &mut places.connection,
            Level::Exchange => &mut places.exchange,
        };
        if list.len() <= number {
            list.resize_with(number + 1, || None);
        }
        if let Some(place) = list.get_mut(number) {
            *place = Some(tracked);
        }
    }

    /// What is tracked in a place.
    pub fn get(&self, number: usize) -> Option<(Arc<Table>, Entry)> {
        let places = self.0.borrow();
        let tracked = places.as_ref()?.get(number)?;
        Some((tracked.table.clone(), tracked.entry.clone()))
    }

    /// Adds to what of these is stored, in each of them.
    pub fn count(&self, kinds: &[DataKind], by: u64, now_ms: u64) {
        if by == 0 {
            return;
        }
        if let Some(places) = &*self.0.borrow() {
            places.all().for_each(|tracked| tracked.count(kinds, by, now_ms));
        }
    }

    /// The exchange is over. The places stay, for the next one.
    pub fn end_exchange(&self) {
        if let Some(places) = &mut *self.0.borrow_mut() {
            places.exchange.clear();
        }
    }

    /// The connection is over.
    pub fn end_connection(&self) {
        *self.0.borrow_mut() = None;
    }
}

/// A copy tracks nothing: what is in use is counted once.
impl Clone for Tracks {
    fn clone(&self) -> Tracks {
        Tracks::default()
    }
}
