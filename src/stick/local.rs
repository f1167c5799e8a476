//! A worker's way to the tables: the shared ones, and handles of the entries that it used last.
//!
//! In: tables, keys, the time. Out: entries. A handle leads to the one entry that all workers have, so it
//! is never old: it only may be gone ([`Entry::touch`] says so), and then the table is asked. With a
//! handle an entry is used without a lock, and found without the table's hash, which is keyed against
//! floods and costs more than all the rest.
//!
//! Every second or so ([`Local::sweep`]) the tables are told which entries were used by handles, for their
//! order.
//!
//! Limits: [`PLACES`] handles; the one that comes later has the place. Memory for them is taken with the
//! first. A handle keeps the memory of an entry that is gone until the next sweep. An entry that was used by a
//! handle that had lost its place (in use meanwhile) may stay in its table for twice its time; nobody finds it.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Deref;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::entry::Entry;
use super::key::Key;
use super::layout::Slot;
use super::table::Table;
use super::tables::{Identity, Tables};
use crate::config::plan::DataKind;

/// How many handles a worker keeps: a power of two.
pub const PLACES: usize = 4096;

/// A worker's way to the tables.
#[derive(Debug)]
pub struct Local {
    tables: Arc<Tables>,
    /// Keyed, so that it is not known which keys take each other's places. Who finds out only causes misses.
    hasher: FixedState,
    places: RefCell<Box<[Option<Handle>]>>,
    /// It keeps no more of them.
    is_closed: Cell<bool>,
}

#[derive(Debug)]
struct Handle {
    /// The number of its table.
    table: u64,
    entry: Entry,
    /// The last use that the table was told of.
    told_ms: u64,
}

impl Local {
    /// What a worker's handles take at most, if entries take so many bytes: handles may keep such as their
    /// table has dropped since the last sweep.
    pub fn bytes(entry: usize) -> u64 {
        (entry.saturating_add(size_of::<Option<Handle>>()) as u64).saturating_mul(PLACES as u64)
    }

    /// To these.
    pub fn new(tables: Arc<Tables>) -> Local {
        let hasher = FixedState::with_seed(RandomState::new().hash_one(0));
        Local { tables, hasher, places: RefCell::default(), is_closed: Cell::new(false) }
    }

    /// The entry of a key, if there is one. That is no use of it.
    pub fn find(&self, table: &Table, key: &Key<'_>) -> Option<Entry> {
        let (at, now_ms) = (self.place(table, key), self.now_ms());
        let there = |entry: &Entry| entry.is_there(now_ms, table.expire_ms());
        self.kept(at, table, key, there).or_else(|| self.keep(at, table, table.find(key, now_ms)))
    }

    /// The same, and it is used.
    pub fn touch(&self, table: &Table, key: &Key<'_>) -> Option<Entry> {
        let (at, now_ms) = (self.place(table, key), self.now_ms());
        let touch = |entry: &Entry| entry.touch(now_ms, table.expire_ms());
        self.kept(at, table, key, touch).or_else(|| self.keep(at, table, table.touch(key, now_ms)))
    }

    /// What a key's entry has in a slot; zero if there is no entry. It is used, or not.
    #[inline]
    pub fn read(&self, table: &Table, key: &Key<'_>, slot: &Slot, uses: bool) -> u64 {
        let (at, now_ms) = (self.place(table, key), self.now_ms());
        let good = |entry: &Entry| match uses {
            true => entry.touch(now_ms, table.expire_ms()),
            false => entry.is_there(now_ms, table.expire_ms()),
        };
        let get = |entry: &Entry| entry.get(slot, 0, now_ms);
        let asked = || {
            let entry = match uses {
                true => table.touch(key, now_ms),
                false => table.find(key, now_ms),
            };
            self.keep(at, table, entry).as_ref().and_then(get)
        };
        self.with(at, table, key, good, get).unwrap_or_else(asked).unwrap_or_default()
    }

    /// The entry of a key, made if there is none; it is used. `None`: the table is full.
    pub fn obtain(&self, table: &Table, key: &Key<'_>) -> Option<Entry> {
        let (at, now_ms) = (self.place(table, key), self.now_ms());
        let touch = |entry: &Entry| entry.touch(now_ms, table.expire_ms());
        self.kept(at, table, key, touch).or_else(|| self.keep(at, table, table.obtain(key, now_ms)))
    }

    /// The same; it is in use until [`Table::release`].
    pub(super) fn hold(&self, table: &Table, key: &Key<'_>) -> Option<Entry> {
        let (at, now_ms) = (self.place(table, key), self.now_ms());
        let hold = |entry: &Entry| entry.begin_use(now_ms, table.expire_ms());
        self.kept(at, table, key, hold).or_else(|| self.keep(at, table, table.hold(key, now_ms)))
    }

    /// Stores a server for a key, whatever was there; `None`: the table is full, or stores none.
    pub fn store(&self, table: &Table, key: &Key<'_>, Identity(server): Identity) -> Option<()> {
        let slot = table.layout().slot(DataKind::ServerId)?;
        // Held, so that no other worker drops it meanwhile.
        let entry = self.hold(table, key)?;
        entry.set(slot, 0, server, 0);
        table.release(&entry);
        Some(())
    }

    /// Tells the tables what was used, and lets go of what is gone: to be called every second or so.
    pub fn sweep(&self) {
        for place in &mut *self.places.borrow_mut() {
            if let Some(handle) = place {
                self.tell(handle);
                if handle.entry.is_gone() {
                    *place = None;
                }
            }
        }
    }

    /// Keeps no handles any more: the worker has another way, and this one is for what ends.
    pub fn close(&self) {
        self.sweep();
        self.is_closed.set(true);
        *self.places.borrow_mut() = Box::default();
    }

    /// Tells an entry's table that it was used.
    fn tell(&self, handle: &mut Handle) {
        let used_ms = handle.entry.state().used_ms();
        if used_ms != handle.told_ms {
            handle.told_ms = used_ms;
            if let Some((_, table)) = self.tables.all().find(|it| it.1.number == handle.table) {
                table.report(&handle.entry, self.now_ms());
            }
        }
    }

    /// Where the handle of a key has its place.
    fn place(&self, table: &Table, key: &Key<'_>) -> usize {
        let mut hasher = self.hasher.build_hasher();
        // A number and a short key in two words, for this is what most look-ups consist of.
        match key.short_words() {
            Some((_, [low, high])) => {
                hasher.write_u64(low ^ table.number.rotate_left(32));
                if high != 0 {
                    hasher.write_u64(high);
                }
            }
            None => {
                hasher.write_u64(table.number);
                hasher.write(key.as_bytes());
            }
        }
        // The upper half is as good as the lower one; which bits are taken does not matter.
        hasher.finish() as usize & (PLACES - 1)
    }

    /// The entry, if the handle in this place is its and `is_good` for it.
    fn kept(
        &self,
        at: usize,
        table: &Table,
        key: &Key<'_>,
        is_good: impl Fn(&Entry) -> bool,
    ) -> Option<Entry> {
        self.with(at, table, key, is_good, Entry::clone)
    }

    /// What is read of it.
    #[inline]
    fn with<T>(
        &self,
        at: usize,
        table: &Table,
        key: &Key<'_>,
        is_good: impl Fn(&Entry) -> bool,
        read: impl FnOnce(&Entry) -> T,
    ) -> Option<T> {
        let places = self.places.borrow();
        let Handle { table: number, entry, .. } = places.get(at)?.as_ref()?;
        let is_it = *number == table.number && entry.has_key(table.layout(), key);
        (is_it && is_good(entry)).then(|| read(entry))
    }

    /// Keeps a handle.
    fn keep(&self, at: usize, table: &Table, entry: Option<Entry>) -> Option<Entry> {
        let entry = entry?;
        if self.is_closed.get() {
            return Some(entry);
        }
        let mut places = self.places.borrow_mut();
        if places.is_empty() {
            *places = (0..PLACES).map(|_| None).collect();
        }
        if let Some(place) = places.get_mut(at) {
            let told_ms = entry.state().used_ms();
            let handle = Handle { table: table.number, entry: entry.clone(), told_ms };
            if let Some(mut before) = place.replace(handle) {
                self.tell(&mut before);
            }
        }
        Some(entry)
    }
}

impl Deref for Local {
    type Target = Tables;

    fn deref(&self) -> &Tables {
        &self.tables
    }
}

impl Default for Local {
    /// To no tables.
    fn default() -> Local {
        Local::new(Arc::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::environment::Environment;
    use crate::config::plan::TableId;
    use crate::config::read::read;
    use crate::config::report::Report;
    use crate::config::source::MemoryFiles;
    use crate::stick::{Removed, Tracked};

    fn two() -> (Local, Local, Arc<Table>) {
        of("backend t\n stick-table type integer size 4 expire 1s store gpc0\n")
    }

    fn of(text: &str) -> (Local, Local, Arc<Table>) {
        let files = MemoryFiles([("t.cfg".into(), text.into())].into());
        let (mut environment, mut report) = (Environment::default(), Report::default());
        let plan = read(&["t.cfg".into()], &files, &mut environment, &mut report);
        let tables = Arc::new(Tables::new(&plan));
        let table = tables.get(TableId::Proxy(0)).expect("declared").clone();
        (Local::new(tables.clone()), Local::new(tables), table)
    }

    #[test]
    fn workers_have_handles_of_the_one_entry() {
        let (one, other, table) = two();
        let key = Key::number(7);
        assert!(other.find(&table, &key).is_none());
        let entry = one.obtain(&table, &key).expect("room");
        for local in [&one, &other, &one] {
            assert!(local.find(&table, &key).is_some_and(|it| it.is(&entry)));
            assert!(local.touch(&table, &key).is_some_and(|it| it.is(&entry)));
            assert!(local.obtain(&table, &key).is_some_and(|it| it.is(&entry)));
        }
        let held = Tracked::begin(&other, &table, &key).expect("room");
        assert!(held.entry.is(&entry) && entry.uses() == 1);
        assert_eq!(table.used(), 1);
    }

    #[test]
    fn a_handle_of_what_is_gone_leads_to_what_came_after() {
        let (one, other, table) = two();
        let key = Key::number(7);
        let first = one.obtain(&table, &key).expect("room");
        assert_eq!(table.remove(&key), Removed::Gone);
        assert!(one.touch(&table, &key).is_none());
        let second = other.obtain(&table, &key).expect("room");
        assert!(!second.is(&first));
        assert!(one.touch(&table, &key).is_some_and(|it| it.is(&second)));
        // It expires for both, whatever handles they have.
        one.tell_time(1000);
        assert!(one.find(&table, &key).is_none() && other.touch(&table, &key).is_none());
        assert_eq!(table.used(), 0);
        let memory = Arc::downgrade(&second.0);
        drop(second);
        one.sweep();
        other.sweep();
        assert_eq!(memory.strong_count(), 0, "nobody keeps it");
    }

    #[test]
    fn a_use_by_a_handle_counts_when_the_oldest_goes() {
        let (one, other, table) = two();
        for number in 1..=4 {
            one.tell_time(number as u64);
            one.obtain(&table, &Key::number(number)).expect("room");
        }
        for (now_ms, number) in [(10, 2), (11, 1), (12, 4)] {
            one.tell_time(now_ms);
            one.touch(&table, &Key::number(number)).expect("there");
            one.sweep();
        }
        // Not told of, but seen.
        one.tell_time(13);
        one.touch(&table, &Key::number(2)).expect("there");
        let there = |number| other.find(&table, &Key::number(number)).is_some();
        for (new, oldest) in [(5, 3), (6, 1), (7, 4), (8, 5), (9, 2)] {
            one.tell_time(20 + new as u64);
            assert!(there(oldest), "{oldest}");
            one.obtain(&table, &Key::number(new)).expect("room is made");
            assert!(!there(oldest), "{oldest}");
            assert_eq!(table.used(), 4);
        }
    }

    #[test]
    fn what_was_used_by_handles_expires_in_time() {
        let text = "backend t\n stick-table type integer size 10k expire 100s store gpc0\n";
        let (one, _, table) = of(text);
        // Two new keys a second, each used again a little later.
        for second in 0..400_u64 {
            one.tell_time(second * 1000);
            for number in [2 * second, 2 * second + 1] {
                one.obtain(&table, &Key::number(number as i64)).expect("room");
            }
            for number in [second.saturating_sub(5) * 2, second.saturating_sub(5) * 2 + 1] {
                one.touch(&table, &Key::number(number as i64)).expect("there");
            }
            one.sweep();
            table.purge(0, 1, second * 1000);
            assert!(table.used() <= 2 * 107, "{second} s: {} entries", table.used());
        }
    }

    #[test]
    fn what_is_gone_or_expired_is_not_held_by_a_handle() {
        let (one, _, table) = two();
        let key = Key::number(7);
        let first = one.obtain(&table, &key).expect("room");
        assert_eq!(table.remove(&key), Removed::Gone);
        let second = one.hold(&table, &key).expect("room");
        assert!(!second.is(&first) && second.uses() == 1 && first.uses() == 0);
        table.release(&second);
        one.tell_time(1000);
        let third = one.hold(&table, &key).expect("room");
        assert!(!third.is(&second) && table.used() == 1);
    }

    #[test]
    fn one_that_is_closed_keeps_nothing() {
        let (one, _, table) = two();
        let key = Key::number(7);
        one.obtain(&table, &key).expect("room");
        one.close();
        let entry = one.obtain(&table, &key).expect("there");
        let memory = Arc::downgrade(&entry.0);
        drop(entry);
        assert_eq!(table.remove(&key), Removed::Gone);
        assert_eq!(memory.strong_count(), 0);
    }
}
