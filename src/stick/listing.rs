//! For who looks in from outside: the runtime socket, statistics.
//!
//! In: a table, and where the last look ended. Out: rows, a few at a time, so that nobody waits; changes.
//! Keys that come or go meanwhile may be missed or not; no other is.
//! Limits: [`Table::rows`] looks into at most one shard and gives at most so many rows.

use super::entry::Entry;
use super::key::Key;
use super::shard::Gone;
use super::table::Table;
use crate::config::plan::DataKind;

/// Where to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Cursor {
    shard: usize,
    place: u32,
}

/// An entry as it is just now.
#[derive(Clone, Debug)]
pub struct Row {
    /// The entry.
    pub entry: Entry,
    /// Its key's bytes: addresses and numbers in network order.
    pub key: Vec<u8>,
    /// How many connections and requests are counted in it.
    pub uses: u32,
    /// In how many milliseconds it expires.
    pub expires_ms: Option<u64>,
}

/// What may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub kind: DataKind,
    /// Which element; 0 unless it is an array.
    pub index: usize,
    /// To what. A server is an [`Identity`](super::Identity).
    pub value: u64,
}

/// What became of an entry that should be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Gone,
    /// Connections or requests are counted in it.
    InUse,
    /// There is none.
    Unknown,
}

impl Table {
    /// Up to `most` rows of one shard from the cursor on, and where to go on; `None`: that was all.
    pub fn rows(&self, cursor: Cursor, most: usize, now_ms: u64) -> (Vec<Row>, Option<Cursor>) {
        let mut rows = Vec::new();
        let Some(shard) = self.shard_at(cursor.shard) else { return (rows, None) };
        let mut place = cursor.place;
        while let Some((at, entry)) = shard.next_from(place) {
            if rows.len() >= most {
                return (rows, Some(Cursor { place, ..cursor }));
            }
            place = at.saturating_add(1);
            if !entry.state().is_expired(now_ms, self.expire_ms()) {
                rows.push(self.row_of(entry.clone(), now_ms));
            }
        }
        drop(shard);
        let next = Cursor { shard: cursor.shard + 1, place: 0 };
        (rows, (next.shard < self.shard_count()).then_some(next))
    }

    /// The row of one key.
    pub fn row(&self, key: &Key<'_>, now_ms: u64) -> Option<Row> {
        self.find(key, now_ms).map(|entry| self.row_of(entry, now_ms))
    }

    fn row_of(&self, entry: Entry, now_ms: u64) -> Row {
        let idle = entry.idle_ms(now_ms);
        let expires_ms = self.expire_ms().map(|expire| expire.saturating_sub(idle));
        Row { key: entry.key_bytes(self.layout()), uses: entry.uses(), entry, expires_ms }
    }

    /// Sets data of a key's entry, which is made if there is none; false if the table is full.
    pub fn change(&self, key: &Key<'_>, changes: &[Change], now_ms: u64) -> bool {
        let Some(entry) = self.obtain(key, now_ms) else { return false };
        for Change { kind, index, value } in changes {
            if let Some(slot) = self.layout().slot(*kind) {
                entry.set(slot, *index, *value, now_ms);
            }
        }
        true
    }

    /// Removes the entry of a key.
    pub fn remove(&self, key: &Key<'_>) -> Removed {
        match self.take_out(key) {
            Gone::Removed => Removed::Gone,
            Gone::InUse => Removed::InUse,
            Gone::Unknown => Removed::Unknown,
        }
    }
}
