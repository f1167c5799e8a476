//! A part of a table: the entries of some of its keys, in the order in which it heard of their use.
//!
//! In: keys with their hash, and the time. Out: entries. One at a time looks into it.
//!
//! Who has a handle uses the entry without coming here, and tells of it within a second or so
//! ([`Local::sweep`](super::Local::sweep)). So the order is that of the last uses up to a second; who looks
//! for the oldest passes over what was used since it was heard of.
//! Limits: purging looks at [`LOOKED_AT`] entries at once; if all of them were used just now, the oldest is
//! the oldest of those.

use hashbrown::HashTable;

use super::entry::{Entry, State};
use super::key::Key;
use super::layout::Layout;

/// How many entries are looked at for one that may go.
pub const LOOKED_AT: usize = 64;

/// Places of one piece of memory: it grows by pieces, so that nothing is ever moved.
const PIECE: usize = 64;

/// No place.
const NONE: u32 = u32::MAX;

/// An entry's place.
struct Place {
    entry: Option<Entry>,
    hash: u32,
    /// The one used before it, or, of a free place, the next free one.
    older: u32,
    newer: u32,
    /// When it was heard of last: the order goes by this.
    heard_ms: u64,
}

/// A part of a table.
pub(super) struct Shard {
    index: HashTable<u32>,
    places: Vec<Vec<Place>>,
    free: u32,
    oldest: u32,
    newest: u32,
}

/// What became of an entry that should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gone {
    Removed,
    InUse,
    Unknown,
}

impl Default for Shard {
    fn default() -> Shard {
        let index = HashTable::new();
        Shard { index, places: Vec::new(), free: NONE, oldest: NONE, newest: NONE }
    }
}

/// The index takes its bits from both ends of 64; a place keeps 32, whose low ones are the same in all of
/// a shard. In the upper half of the product all of them count.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

impl Shard {
    fn place(&self, at: u32) -> Option<&Place> {
        let at = usize::try_from(at).ok()?;
        self.places.get(at / PIECE)?.get(at % PIECE)
    }

    fn place_mut(&mut self, at: u32) -> Option<&mut Place> {
        let at = usize::try_from(at).ok()?;
        self.places.get_mut(at / PIECE)?.get_mut(at % PIECE)
    }

    /// Where a key is.
    pub(super) fn find(&self, layout: &Layout, hash: u32, key: &Key<'_>) -> Option<u32> {
        let is_it = |at: &u32| {
            self.place(*at).is_some_and(|place| {
                place.hash == hash
                    && place.entry.as_ref().is_some_and(|entry| entry.has_key(layout, key))
            })
        };
        self.index.find(spread(hash), is_it).copied()
    }

    /// The entry of a place.
    pub(super) fn entry(&self, at: u32) -> Option<&Entry> {
        self.place(at)?.entry.as_ref()
    }

    /// Puts an entry in, as the newest; `None` if no number can name its place.
    pub(super) fn insert(&mut self, entry: Entry, hash: u32, now_ms: u64) -> Option<u32> {
        let at = self.take_place()?;
        if let Some(place) = self.place_mut(at) {
            *place = Place { entry: Some(entry), hash, older: NONE, newer: NONE, heard_ms: now_ms };
        }
        self.link_newest(at);
        let Shard { index, places, .. } = self;
        let hash_of = |at: &u32| {
            let at = usize::try_from(*at).unwrap_or(usize::MAX);
            let place = places.get(at / PIECE).and_then(|piece| piece.get(at % PIECE));
            spread(place.map_or(0, |place| place.hash))
        };
        index.insert_unique(spread(hash), at, hash_of);
        Some(at)
    }

    fn take_place(&mut self) -> Option<u32> {
        if self.free != NONE {
            let at = self.free;
            self.free = self.place(at)?.older;
            return Some(at);
        }
        let full = self.places.last().is_none_or(|piece| piece.len() == PIECE);
        if full {
            self.places.push(Vec::with_capacity(PIECE));
        }
        let pieces = self.places.len();
        let piece = self.places.last_mut()?;
        let at = u32::try_from((pieces - 1) * PIECE + piece.len()).ok().filter(|&at| at != NONE)?;
        piece.push(Place { entry: None, hash: 0, older: NONE, newer: NONE, heard_ms: 0 });
        Some(at)
    }

    /// It is heard of now: the newest.
    pub(super) fn hear_of(&mut self, at: u32, now_ms: u64) {
        let Some(place) = self.place_mut(at) else { return };
        place.heard_ms = now_ms;
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
    }

    fn unlink(&mut self, at: u32) {
        let Some((older, newer)) = self.place(at).map(|it| (it.older, it.newer)) else { return };
        match self.place_mut(older) {
            Some(place) => place.newer = newer,
            None => self.oldest = newer,
        }
        match self.place_mut(newer) {
            Some(place) => place.older = older,
            None => self.newest = older,
        }
    }

    fn link_newest(&mut self, at: u32) {
        let older = std::mem::replace(&mut self.newest, at);
        match self.place_mut(older) {
            Some(place) => place.newer = at,
            None => self.oldest = at,
        }
        if let Some(place) = self.place_mut(at) {
            (place.older, place.newer) = (older, NONE);
        }
    }

    /// Takes an entry out, unless it is in use.
    pub(super) fn remove(&mut self, at: u32) -> Gone {
        loop {
            let Some(entry) = self.entry(at) else { return Gone::Unknown };
            let seen = entry.state();
            if seen.uses() > 0 {
                return Gone::InUse;
            }
            // If it was used meanwhile, by a handle, it is looked at again.
            if self.remove_seen(at, seen) {
                return Gone::Removed;
            }
        }
    }

    /// Takes an entry out if nobody is in it and it was not used since it was seen.
    fn remove_seen(&mut self, at: u32, seen: State) -> bool {
        let Some(place) = self.place(at) else { return false };
        if !place.entry.as_ref().is_some_and(|entry| entry.retire(seen)) {
            return false;
        }
        let hash = place.hash;
        if let Ok(found) = self.index.find_entry(spread(hash), |it| *it == at) {
            found.remove();
        }
        self.unlink(at);
        let free = self.free;
        if let Some(place) = self.place_mut(at) {
            (place.entry, place.older) = (None, free);
        }
        self.free = at;
        true
    }

    /// Drops the oldest entry that is not in use; false if all of the first [`LOOKED_AT`] are.
    pub(super) fn drop_oldest(&mut self, now_ms: u64) -> bool {
        let mut oldest: Option<(u32, State)> = None;
        for _ in 0..LOOKED_AT {
            let at = self.oldest;
            let Some((place, entry)) =
                self.place(at).and_then(|place| Some((place, place.entry.as_ref()?)))
            else {
                break;
            };
            let state = entry.state();
            if state.uses() > 0 {
                // It is not old: the next one who looks finds others.
                self.hear_of(at, now_ms);
            } else if state.used_ms() > place.heard_ms {
                self.hear_of(at, now_ms);
                if oldest.is_none_or(|(_, other)| other.used_ms() > state.used_ms()) {
                    oldest = Some((at, state));
                }
            } else if self.remove_seen(at, state) {
                return true;
            }
        }
        oldest.is_some_and(|(at, state)| self.remove_seen(at, state))
    }

    /// Drops entries that have expired, `most` at most; how many. One that is in use stays.
    pub(super) fn drop_expired(&mut self, now_ms: u64, expire_ms: u64, most: usize) -> u32 {
        let mut dropped = 0;
        for _ in 0..most {
            let at = self.oldest;
            let Some((place, entry)) =
                self.place(at).and_then(|place| Some((place, place.entry.as_ref()?)))
            else {
                break;
            };
            if now_ms.saturating_sub(place.heard_ms) < expire_ms {
                break;
            }
            let state = entry.state();
            if !state.is_expired(now_ms, Some(expire_ms)) {
                // In use, or used since: nobody has to look at it again soon.
                self.hear_of(at, now_ms);
            } else if self.remove_seen(at, state) {
                dropped += 1;
            }
        }
        if self.index.is_empty() {
            // What a flood took goes back.
            *self = Shard::default();
        }
        dropped
    }

    /// The first place from `at` on that has an entry.
    pub(super) fn next_from(&self, at: u32) -> Option<(u32, &Entry)> {
        let end = u32::try_from(self.places.len().saturating_mul(PIECE)).unwrap_or(NONE);
        (at..end).find_map(|at| Some((at, self.entry(at)?)))
    }
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shard({} entries)", self.index.len())
    }
}
