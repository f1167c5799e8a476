//! Where an exchange's server is to be stored, and how it is.
//!
//! In: keys of tables, what was under them when they were looked up, the server that was assigned. Out:
//! the server that the client has. Of two clients' first requests at the same moment one stores its server
//! first, by one atomic exchange in an entry that nobody can drop meanwhile; the other one finds that and
//! goes there, before it is sent. A server that could not be reached is taken back, as if it had never been
//! stored: HAProxy stores only what was reached.
//!
//! Limits: [`STORES_MAX`] tables for an exchange.

use super::key::Key;
use super::local::Local;
use super::tables::Identity;
use crate::config::plan::{DataKind, TableId};

/// In how many tables an exchange's server is stored.
pub const STORES_MAX: usize = 8;

/// Where an exchange's server is to be stored.
#[derive(Clone, Debug, Default)]
pub struct Stores {
    /// Most have one.
    first: Option<Store>,
    more: Vec<Store>,
}

/// A place for it.
#[derive(Clone, Debug)]
struct Store {
    table: TableId,
    key: Key<'static>,
    /// What the table had before; 0 is nothing. Who finds something else there came second.
    seen: u64,
    /// The look-up was a use: if the server stays the same, nothing is left to be done.
    used: bool,
    /// This exchange stored what is `seen`; there was this before.
    stored: Option<u64>,
}

impl Stores {
    /// Whether the server is to be stored in this table: of the lines that name it, the first one counts.
    #[inline]
    pub fn names(&self, table: TableId) -> bool {
        self.all().any(|it| it.table == table)
    }

    /// One place more. `seen` is what the look-up found; `used`: it was a use of the entry.
    #[inline]
    pub fn push(&mut self, table: TableId, key: Key<'static>, seen: u64, used: bool) {
        let store = Store { table, key, seen, used, stored: None };
        match &self.first {
            None => self.first = Some(store),
            Some(_) if self.more.len() + 1 < STORES_MAX => self.more.push(store),
            Some(_) => {}
        }
    }

    fn all(&self) -> impl Iterator<Item = &Store> {
        self.first.iter().chain(&self.more)
    }

    /// Whether all of them have this server of a backend already, and were used by the look-up.
    pub fn is_settled(&self, local: &Local, (backend, server): (usize, usize)) -> bool {
        self.all().all(|store| store.is_settled(store.mine(local, (backend, server))))
    }

    /// Stores a server of a backend in all of them. If one has another server meanwhile that the client
    /// `may_use`, it is that one, which is to be assigned instead.
    pub fn settle(
        &mut self,
        local: &Local,
        (backend, server): (usize, usize),
        may_use: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let may_use = |it: usize| it != server && may_use(it);
        let mut all = self.first.iter_mut().chain(&mut self.more);
        all.find_map(|store| store.settle(local, (backend, server), &may_use))
    }

    /// The server could not be reached: what this exchange stored is as it was before.
    pub fn take_back(&mut self, local: &Local) {
        for Store { table, key, seen, stored, .. } in self.first.iter_mut().chain(&mut self.more) {
            if let (Some(before), Some(table)) = (stored.take(), local.get(*table))
                && let Some(slot) = table.layout().slot(DataKind::ServerId)
                && let Some(entry) = local.find(table, key)
                // Another server in it is another exchange's.
                && entry.swap(slot, *seen, before).is_ok()
            {
                *seen = before;
            }
        }
    }
}

impl Store {
    /// What the table knows a server by.
    fn mine(&self, local: &Local, (backend, server): (usize, usize)) -> Option<Identity> {
        local.identity(local.get(self.table)?, backend, server)
    }

    fn is_settled(&self, mine: Option<Identity>) -> bool {
        self.used && mine == Some(Identity(self.seen))
    }

    fn settle(
        &mut self,
        local: &Local,
        (backend, server): (usize, usize),
        may_use: &impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let table = local.get(self.table)?;
        let mine = self.mine(local, (backend, server));
        if self.is_settled(mine) {
            return None;
        }
        let Identity(mine) = mine?;
        let slot = table.layout().slot(DataKind::ServerId)?;
        // A table that is full forgets this client. Held, so that no other worker makes a new entry
        // between this one's look and its store.
        let entry = local.hold(table, &self.key)?;
        let found = loop {
            match entry.swap(slot, self.seen, mine) {
                Ok(()) => {
                    self.stored = self.stored.or(Some(self.seen));
                    self.seen = mine;
                    break None;
                }
                // What this exchange stored, if it did, is another's by now.
                Err(other) => (self.seen, self.stored) = (other, None),
            }
            if self.seen == mine {
                break None;
            }
            let winner = local.server(table, backend, Identity(self.seen));
            if let Some(winner) = winner.filter(|it| may_use(*it)) {
                break Some(winner);
            }
        };
        table.release(&entry);
        found
    }
}
