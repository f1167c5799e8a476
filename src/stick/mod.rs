//! Stick tables: what is remembered of clients, by a key.
//!
//! In: keys, the time, what happened. Out: entries, their counts and rates, the server that a key leads
//! to. No I/O, no clock: the time is told ([`Tables::tell_time`]).
//!
//! There is **one** entry for a key, whatever the number of workers, and who has a handle of it ([`Entry`])
//! reads, counts and stays in it by relaxed atomics, without any lock. So what one worker counted the next
//! one sees, and two workers cannot store two servers for one key. A worker keeps handles of the entries
//! that it used last ([`Local`]), so that the usual look-up is its own.
//!
//! What is left is asked of the table, which is cut into shards by a keyed hash whose key is drawn at start:
//! a shard finds, makes, orders and drops entries behind a short lock (a look-up and a few links; nothing is
//! awaited, nothing is copied, no memory but the entry's is asked for).
//!
//! - `key`: the bytes of a key; `layout`: where an entry has what `store` names;
//! - `entry`: counts, rates, the server, its state; `shard`: the entries of a part of the keys, the oldest
//!   first; `table`: a table; `local`: a worker's handles;
//! - `tracks`: entries that a connection or request is counted in; `stores`: where its server is stored;
//! - `tables`: those of a plan; `listing`: for who looks in from outside.
//!
//! Limits: a table has at most `size` entries; a full one drops its oldest entry that is not in use
//! (`nopurge`: takes no more). Up to [`EXACT`] entries that is the oldest of all, up to a second; a larger
//! table looks in the shard that the new key belongs to. An insert looks at [`LOOKED_AT`] entries of a shard at
//! most.

mod entry;
mod key;
mod layout;
mod listing;
mod local;
mod shard;
mod stores;
mod table;
mod tables;
mod tracks;

pub use entry::Entry;
pub use key::Key;
pub use layout::{Layout, Slot};
pub use listing::{Change, Cursor, Removed, Row};
pub use local::Local;
pub use shard::LOOKED_AT;
pub use stores::{STORES_MAX, Stores};
pub use table::{EXACT, Table};
pub use tables::{Identity, Tables};
pub use tracks::{Level, Tracked, Tracks};
