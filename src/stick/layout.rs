//! Where an entry of a table has what `store` names.
//!
//! In: a table's declaration. Out: the place of each kind of data in the entry's words. The first word is
//! the entry's state; a count has one word, a rate two. Behind the data stands the key.

use crate::config::plan::{DataKind, DataType, KeyKind};

/// Bytes of an entry's place in its shard, beside its words.
const PLACE_BYTES: usize = 40;
/// Bytes that the words of an entry cost beside themselves (how many hold them).
const HEAD_BYTES: usize = 16;
/// Bytes in the index of a shard: five for each place, of which at least seven sixteenths are in use.
const INDEX_BYTES: usize = 12;

/// The word of the entry's state.
pub(super) const STATE_WORD: usize = 0;

/// How long the key of a table is, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRoom {
    /// Always this many bytes.
    Fixed(usize),
    /// Any number of bytes, which stands in a word before them.
    Any,
}

/// The places of a table's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    slots: [Option<Slot>; DataKind::ALL.len()],
    /// Words of the state and of data.
    words: usize,
    key: KeyRoom,
    key_bytes_max: usize,
}

/// The place of a kind of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its first word.
    at: u16,
    /// How many elements it has: 1 unless it is an array.
    pub count: u16,
    /// For a rate: over how many milliseconds.
    pub period_ms: Option<u32>,
}

impl Slot {
    /// The first word of an element.
    pub fn word(&self, index: usize) -> Option<usize> {
        let width = if self.period_ms.is_some() { 2 } else { 1 };
        (index < usize::from(self.count)).then(|| usize::from(self.at) + index * width)
    }
}

impl Layout {
    /// For keys of this kind and this data. What stands twice has one place.
    pub fn new(kind: KeyKind, data: impl Iterator<Item = DataType>) -> Layout {
        let (key, key_bytes_max) = match kind {
            KeyKind::Ip | KeyKind::Integer => (KeyRoom::Fixed(4), 4),
            KeyKind::Ipv6 => (KeyRoom::Fixed(16), 16),
            KeyKind::Text(length) => (KeyRoom::Any, usize::try_from(length).unwrap_or(usize::MAX)),
            KeyKind::Binary(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                (KeyRoom::Fixed(length), length)
            }
        };
        let mut layout = Layout {
            slots: [None; DataKind::ALL.len()],
            words: STATE_WORD + 1,
            key,
            key_bytes_max,
        };
        for DataType { kind, count, period } in data {
            let at = u16::try_from(layout.words).unwrap_or(u16::MAX);
            let Some(slot) = layout.slots.get_mut(kind as usize) else { continue };
            if slot.is_some() {
                continue;
            }
            let period_ms = kind.is_rate().then(|| {
                let ms = period.unwrap_or_default().as_millis();
                u32::try_from(ms).unwrap_or(u32::MAX / 2).clamp(1, u32::MAX / 2)
            });
            let width = if period_ms.is_some() { 2 } else { 1 };
            *slot = Some(Slot { at, count, period_ms });
            layout.words += width * usize::from(count);
        }
        layout
    }

    /// The place of a kind, if it is stored.
    pub fn slot(&self, kind: DataKind) -> Option<&Slot> {
        self.slots.get(kind as usize)?.as_ref()
    }

    /// What is stored, in HAProxy's order.
    pub fn stored(&self) -> impl Iterator<Item = (DataKind, &Slot)> {
        DataKind::ALL.iter().filter_map(|&kind| Some((kind, self.slot(kind)?)))
    }

    /// Words of the state and of data.
    pub(super) fn words(&self) -> usize {
        self.words
    }

    /// How the key is kept.
    pub(super) fn key(&self) -> KeyRoom {
        self.key
    }

    /// How many bytes an entry takes at most, all told.
    pub fn entry_bytes(&self) -> usize {
        let length = if self.key == KeyRoom::Any { 8 } else { 0 };
        let key = self.key_bytes_max.div_ceil(8).saturating_mul(8).saturating_add(length);
        (PLACE_BYTES + HEAD_BYTES + INDEX_BYTES + 8 * self.words).saturating_add(key)
    }
}
