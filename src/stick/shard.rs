//! A part of a table: the entries of some of its keys, in the order of their last use.
//!
//! In: keys with their hash, and the time. Out: entries. One at a time looks into it.
//! Limits: purging looks at [`LOOKED_AT`] entries at once.

use hashbrown::HashTable;

use super::entry::Entry;
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
    /// How many count in it.
    uses: u32,
    used_ms: u64,
}

/// A part of a table.
pub(super) struct Shard {
    index: HashTable<u32>,
    places: Vec<Vec<Place>>,
    free: u32,
    oldest: u32,
    newest: u32,
}

/// What a shard tells of an entry.
pub(super) struct Seen {
    pub(super) entry: Entry,
    pub(super) uses: u32,
    pub(super) used_ms: u64,
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
    pub(super) fn find(&self, layout: &Layout, hash: u32, key: &[u8]) -> Option<u32> {
        let is_it = |at: &u32| {
            self.place(*at).is_some_and(|place| {
                place.hash == hash
                    && place.entry.as_ref().is_some_and(|entry| entry.has_key(layout, key))
            })
        };
        self.index.find(spread(hash), is_it).copied()
    }

    /// What is known of a place.
    pub(super) fn see(&self, at: u32) -> Option<Seen> {
        let place = self.place(at)?;
        let entry = place.entry.clone()?;
        Some(Seen { entry, uses: place.uses, used_ms: place.used_ms })
    }

    /// Whether a place's entry has not been used for so long, and is not in use.
    pub(super) fn is_expired(&self, at: u32, now_ms: u64, expire_ms: Option<u64>) -> bool {
        self.place(at).zip(expire_ms).is_some_and(|(place, expire)| {
            place.uses == 0 && now_ms.saturating_sub(place.used_ms) >= expire
        })
    }

    /// Puts an entry in, as the newest; false if no memory can name it.
    pub(super) fn insert(&mut self, entry: Entry, hash: u32, now_ms: u64) -> Option<u32> {
        let at = self.take_place()?;
        if let Some(place) = self.place_mut(at) {
            *place = Place {
                entry: Some(entry),
                hash,
                older: NONE,
                newer: NONE,
                uses: 0,
                used_ms: now_ms,
            };
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
        piece.push(Place { entry: None, hash: 0, older: NONE, newer: NONE, uses: 0, used_ms: 0 });
        Some(at)
    }

    /// It is used now: the newest.
    pub(super) fn touch(&mut self, at: u32, now_ms: u64) {
        if let Some(place) = self.place_mut(at) {
            place.used_ms = place.used_ms.max(now_ms);
        }
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
    }

    /// One more counts in it, or one fewer.
    pub(super) fn use_it(&mut self, at: u32, begins: bool) {
        if let Some(place) = self.place_mut(at) {
            place.uses = match begins {
                true => place.uses.saturating_add(1),
                false => place.uses.saturating_sub(1),
            };
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
        let before = self.newest;
        if let Some(place) = self.place_mut(at) {
            (place.older, place.newer) = (before, NONE);
        }
        match self.place_mut(before) {
            Some(place) => place.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    /// Takes an entry out, unless it is in use.
    pub(super) fn remove(&mut self, at: u32) -> Gone {
        let Some(place) = self.place(at).filter(|place| place.entry.is_some()) else {
            return Gone::Unknown;
        };
        if place.uses > 0 {
            return Gone::InUse;
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
        Gone::Removed
    }

    /// Drops the oldest entry that is not in use; false if none of the first [`LOOKED_AT`] may go.
    pub(super) fn drop_oldest(&mut self, now_ms: u64) -> bool {
        let mut at = self.oldest;
        for _ in 0..LOOKED_AT {
            let Some(newer) = self.place(at).map(|place| place.newer) else { return false };
            if self.remove(at) == Gone::Removed {
                return true;
            }
            // It is in use, so it is not old: the next one who looks finds others.
            self.touch(at, now_ms);
            at = newer;
        }
        false
    }

    /// Drops entries that have expired, `most` at most; how many. One that is in use stays.
    pub(super) fn drop_expired(&mut self, now_ms: u64, expire_ms: u64, most: usize) -> u32 {
        let (mut at, mut dropped) = (self.oldest, 0);
        for _ in 0..most {
            let Some((newer, used)) = self.place(at).map(|it| (it.newer, it.used_ms)) else {
                break;
            };
            if now_ms.saturating_sub(used) < expire_ms {
                break;
            }
            if self.remove(at) == Gone::Removed {
                dropped += 1;
            } else {
                // It is in use, so it is not old: nobody has to look at it again soon.
                self.touch(at, now_ms);
            }
            at = newer;
        }
        if self.index.is_empty() {
            // What a flood took goes back.
            *self = Shard::default();
        }
        dropped
    }

    /// The first place from `at` on that has an entry.
    pub(super) fn next_from(&self, at: u32) -> Option<(u32, Seen)> {
        let end = u32::try_from(self.places.len().saturating_mul(PIECE)).unwrap_or(NONE);
        (at..end).find_map(|at| Some((at, self.see(at)?)))
    }
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shard({} entries)", self.index.len())
    }
}
