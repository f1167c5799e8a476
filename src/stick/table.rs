//! A table: shards, how many entries there are, and what may be done with them.
//!
//! In: keys and the time. Out: entries. Limits: `size` entries, exactly: a place is had before an entry is
//! made. Up to [`EXACT`] entries a table is one shard, so that the oldest of all goes first (to a second).

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::Entry;
use super::key::Key;
use super::layout::Layout;
use super::shard::{Gone, Shard};
use crate::config::plan::{DataKind, DataType, KeyKind, ServerKey, StickTable};

/// How many entries a shard is for.
pub const EXACT: u32 = 4096;

/// Most shards of a table.
const SHARDS_MAX: u32 = 4096;

/// Expired entries that an insert clears away in passing.
const CLEARED: usize = 2;

/// Shards that are asked for an entry to drop if the key's own has none.
const ASKED: usize = 16;

/// Entries of a shard that one look at what expired drops.
const DROPPED: usize = 256;

/// What a table is: two plans whose declarations are equal have the same table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declaration {
    pub(super) kind: KeyKind,
    pub(super) size: u32,
    pub(super) expire_ms: Option<u64>,
    pub(super) no_purge: bool,
    pub(super) server_key: ServerKey,
    pub(super) data: Vec<DataType>,
}

impl Declaration {
    /// `sticks`: a `stick` line names it, so that it stores servers.
    pub(super) fn new(line: &StickTable, sticks: bool) -> Declaration {
        let mut data: Vec<DataType> = line.store.iter().map(|it| it.value).collect();
        if sticks && data.iter().all(|it| it.kind != DataKind::ServerId) {
            data.push(DataType { kind: DataKind::ServerId, count: 1, period: None });
        }
        let expire = line.expire.map(|it| it.value).filter(|it| !it.is_zero());
        Declaration {
            kind: line.kind.value,
            size: line.size.value,
            expire_ms: expire.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX)),
            no_purge: line.no_purge,
            server_key: line.server_key,
            data,
        }
    }
}

/// A table.
pub struct Table {
    /// Its name: that of its proxy, or `section/table`.
    pub name: Box<str>,
    /// Its number among all tables that there ever were.
    pub(super) number: u64,
    pub(super) declaration: Declaration,
    layout: Layout,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    used: AtomicU32,
    clock_ms: Arc<AtomicU64>,
}

impl Table {
    /// `clock_ms`: what time it is, as far as it was told.
    pub(super) fn new(name: Box<str>, declaration: Declaration, clock_ms: Arc<AtomicU64>) -> Table {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let shards = declaration.size.div_ceil(EXACT).next_power_of_two().min(SHARDS_MAX);
        Table {
            name,
            number: NEXT.fetch_add(1, Relaxed),
            layout: Layout::new(declaration.kind, declaration.data.iter().copied()),
            declaration,
            hasher: RandomState::new(),
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            used: AtomicU32::new(0),
            clock_ms,
        }
    }

    /// What its keys are.
    pub fn kind(&self) -> KeyKind {
        self.declaration.kind
    }

    /// What it remembers servers by.
    pub fn server_key(&self) -> ServerKey {
        self.declaration.server_key
    }

    /// Where its entries have what.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many entries it may have.
    pub fn size(&self) -> u32 {
        self.declaration.size
    }

    /// How many it has.
    pub fn used(&self) -> u32 {
        self.used.load(Relaxed)
    }

    /// After how many unused milliseconds an entry goes.
    pub fn expire_ms(&self) -> Option<u64> {
        self.declaration.expire_ms
    }

    /// The entry of a key, if there is one. That is no use of it.
    pub fn find(&self, key: &Key<'_>, now_ms: u64) -> Option<Entry> {
        self.look(key, now_ms, false)
    }

    /// The same, and it is used.
    pub fn touch(&self, key: &Key<'_>, now_ms: u64) -> Option<Entry> {
        self.look(key, now_ms, true)
    }

    fn look(&self, key: &Key<'_>, now_ms: u64, uses: bool) -> Option<Entry> {
        let hash = self.hash(key);
        let mut shard = self.shard(hash);
        let at = self.find_live(&mut shard, hash, key, now_ms)?;
        match uses {
            true => self.use_at(&mut shard, at, now_ms, false),
            false => shard.entry(at).cloned(),
        }
    }

    /// The entry of a place, used now; who `holds` it is in it from now on. `None`: too many are.
    fn use_at(&self, shard: &mut Shard, at: u32, now_ms: u64, holds: bool) -> Option<Entry> {
        let entry = shard.entry(at)?.clone();
        let good = match holds {
            true => entry.begin_use(now_ms, self.expire_ms()),
            false => entry.touch(now_ms, self.expire_ms()),
        };
        shard.hear_of(at, now_ms);
        good.then_some(entry)
    }

    /// The entry of a key, made if there is none; it is used. `None`: the table is full.
    pub fn obtain(&self, key: &Key<'_>, now_ms: u64) -> Option<Entry> {
        self.obtain_in(key, now_ms, false)
    }

    /// The same; it is in use until [`Table::release`].
    pub(super) fn hold(&self, key: &Key<'_>, now_ms: u64) -> Option<Entry> {
        self.obtain_in(key, now_ms, true)
    }

    fn obtain_in(&self, key: &Key<'_>, now_ms: u64, holds: bool) -> Option<Entry> {
        let hash = self.hash(key);
        let take = |shard: &mut Shard| {
            let at = self.find_live(shard, hash, key, now_ms)?;
            Some(self.use_at(shard, at, now_ms, holds))
        };
        if let Some(found) = take(&mut self.shard(hash)) {
            return found;
        }
        if !self.take_room(hash, now_ms) {
            return None;
        }
        let entry = Entry::new(&self.layout, key, now_ms);
        if holds {
            entry.begin_use(now_ms, None);
        }
        let mut shard = self.shard(hash);
        // Another worker may have made it meanwhile.
        if let Some(other) = take(&mut shard) {
            self.used.fetch_sub(1, Relaxed);
            return other;
        }
        self.clear_some(&mut shard, now_ms, CLEARED);
        if shard.insert(entry.clone(), hash, now_ms).is_none() {
            self.used.fetch_sub(1, Relaxed);
            return None;
        }
        Some(entry)
    }

    /// An entry was used by a handle.
    pub(super) fn report(&self, entry: &Entry, now_ms: u64) {
        let Some(key) = Key::same(self.kind(), entry.key_bytes(&self.layout)) else { return };
        let hash = self.hash(&key);
        let mut shard = self.shard(hash);
        let found = shard.find(&self.layout, hash, &key);
        // Another one may be there by now.
        if let Some(at) = found.filter(|at| shard.entry(*at).is_some_and(|it| it.is(entry))) {
            shard.hear_of(at, now_ms);
        }
    }

    /// One who held it counts in it no longer: it is used now.
    pub(super) fn release(&self, entry: &Entry) {
        entry.end_use(self.clock_ms.load(Relaxed));
    }

    /// Takes a key out.
    pub(super) fn take_out(&self, key: &Key<'_>) -> Gone {
        let hash = self.hash(key);
        let mut shard = self.shard(hash);
        let found = shard.find(&self.layout, hash, key);
        let gone = found.map_or(Gone::Unknown, |at| shard.remove(at));
        if gone == Gone::Removed {
            self.used.fetch_sub(1, Relaxed);
        }
        gone
    }

    /// Drops what has expired in the shards that are `worker`'s of `workers`: to be called every second or
    /// so by each.
    pub fn purge(&self, worker: usize, workers: usize, now_ms: u64) {
        for shard in self.shards.iter().skip(worker).step_by(workers.max(1)) {
            self.clear_some(&mut lock(shard), now_ms, DROPPED);
        }
    }

    /// Drops expired entries; the rest of them another time.
    fn clear_some(&self, shard: &mut Shard, now_ms: u64, most: usize) {
        if let Some(expire) = self.declaration.expire_ms {
            let dropped = shard.drop_expired(now_ms, expire, most);
            if dropped > 0 {
                self.used.fetch_sub(dropped, Relaxed);
            }
        }
    }

    /// Where a key's entry is, unless it has expired: then it goes.
    fn find_live(&self, shard: &mut Shard, hash: u32, key: &Key<'_>, now_ms: u64) -> Option<u32> {
        let at = shard.find(&self.layout, hash, key)?;
        if shard.entry(at)?.state().is_expired(now_ms, self.declaration.expire_ms) {
            if shard.remove(at) == Gone::Removed {
                self.used.fetch_sub(1, Relaxed);
            }
            return None;
        }
        Some(at)
    }

    /// Counts one entry more; drops another one for it if the table is full.
    fn take_room(&self, hash: u32, now_ms: u64) -> bool {
        let size = self.declaration.size;
        let more = || {
            self.used.try_update(Relaxed, Relaxed, |used| (used < size).then_some(used + 1)).is_ok()
        };
        // Each round drops one, which another worker may be quicker to take.
        (0..4).any(|_| more() || (self.make_room(hash, now_ms) && more()))
    }

    fn make_room(&self, hash: u32, now_ms: u64) -> bool {
        let own = self.shard_number(hash);
        for step in 0..self.shards.len().min(ASKED) {
            let Some(shard) = self.shards.get((own + step) % self.shards.len()) else { continue };
            let mut shard = lock(shard);
            let dropped = match (self.declaration.no_purge, self.declaration.expire_ms) {
                (false, _) => u32::from(shard.drop_oldest(now_ms)),
                (true, Some(expire)) => shard.drop_expired(now_ms, expire, CLEARED),
                (true, None) => return false,
            };
            if dropped > 0 {
                self.used.fetch_sub(dropped, Relaxed);
                return true;
            }
        }
        false
    }

    /// How many shards there are.
    pub(super) fn shard_count(&self) -> usize {
        self.shards.len()
    }

    pub(super) fn shard_at(&self, number: usize) -> Option<MutexGuard<'_, Shard>> {
        self.shards.get(number).map(lock)
    }

    fn hash(&self, key: &Key<'_>) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        key.hash_into(&mut hasher);
        let hash = hasher.finish();
        (hash ^ hash >> 32) as u32
    }

    fn shard_number(&self, hash: u32) -> usize {
        // There are a power of two; the index of the shard uses other bits, by multiplication.
        hash as usize & (self.shards.len() - 1)
    }

    fn shard(&self, hash: u32) -> MutexGuard<'_, Shard> {
        // There is at least one.
        lock(&self.shards[self.shard_number(hash)])
    }
}

/// Nothing behind the lock panics; if something did, the shard is still one.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({}, {} of {})", self.name, self.used(), self.size())
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
