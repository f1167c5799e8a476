//! An entry: its data, as relaxed atomics that any worker counts in, and its key.
//!
//! In: what happened. Out: counts and rates. Rates are HAProxy's (`freq_ctr`): what came in the period
//! that runs, and of the one before it the part that the running one has not yet replaced.
//!
//! A rate's first word has the start of its period and the count in it, so that both change together;
//! the second has the count of the period before. No count is lost when two workers begin a period.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::key::Key;
use super::layout::{KeyRoom, Layout, Slot};

/// How far clocks of workers may lie behind one another, in milliseconds: more is an old period.
const BEHIND_MS: u32 = 10_000;

/// An entry. Clones are handles of the same.
#[derive(Clone, Debug)]
pub struct Entry(Arc<[AtomicU64]>);

impl Entry {
    /// With this key; all of its data is zero.
    pub(super) fn new(layout: &Layout, key: &Key<'_>) -> Entry {
        let bytes = key.as_bytes();
        let length = match layout.key() {
            KeyRoom::Fixed(_) => None,
            KeyRoom::Any => Some(bytes.len() as u64),
        };
        let data = std::iter::repeat_n(0, layout.words());
        let words = data.chain(length).chain(bytes.chunks(8).map(word));
        Entry(words.map(AtomicU64::new).collect())
    }

    /// Whether this is its key.
    pub(super) fn has_key(&self, layout: &Layout, bytes: &[u8]) -> bool {
        let (length, words) = self.key_words(layout);
        length == bytes.len() && words.zip(bytes.chunks(8)).all(|(kept, it)| kept == word(it))
    }

    /// Its key.
    pub fn key_bytes(&self, layout: &Layout) -> Vec<u8> {
        let (length, words) = self.key_words(layout);
        let mut bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
        bytes.truncate(length);
        bytes
    }

    fn key_words(&self, layout: &Layout) -> (usize, impl Iterator<Item = u64>) {
        let rest = self.0.get(layout.words()..).unwrap_or_default();
        let load = |word: &AtomicU64| word.load(Relaxed);
        let (length, rest) = match (layout.key(), rest) {
            (KeyRoom::Any, [length, rest @ ..]) => {
                (usize::try_from(load(length)).unwrap_or_default(), rest)
            }
            (KeyRoom::Any, []) => (0, rest),
            (KeyRoom::Fixed(length), _) => (length, rest),
        };
        (length, rest.iter().map(load))
    }

    /// Whether both are the same entry.
    pub fn is(&self, other: &Entry) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn word(&self, slot: &Slot, index: usize) -> Option<&AtomicU64> {
        self.0.get(slot.word(index)?)
    }

    fn rate_words(&self, slot: &Slot, index: usize) -> Option<(&AtomicU64, &AtomicU64)> {
        let at = slot.word(index)?;
        Some((self.0.get(at)?, self.0.get(at + 1)?))
    }

    /// A count, or what came within the period of a rate until now.
    pub fn get(&self, slot: &Slot, index: usize, now_ms: u64) -> Option<u64> {
        match slot.period_ms {
            None => self.word(slot, index).map(|word| word.load(Relaxed)),
            Some(period) => {
                let (current, before) = self.rate_words(slot, index)?;
                Some(rate(current.load(Relaxed), before.load(Relaxed), period, now_ms as u32))
            }
        }
    }

    /// Adds to a count or a rate; the count then (of a rate: in the period that runs).
    pub fn add(&self, slot: &Slot, index: usize, by: u64, now_ms: u64) -> Option<u64> {
        match slot.period_ms {
            None => {
                let word = self.word(slot, index)?;
                Some(word.fetch_add(by, Relaxed).wrapping_add(by))
            }
            Some(period) => {
                let (current, before) = self.rate_words(slot, index)?;
                Some(add_to_rate(current, before, period, now_ms as u32, by).into())
            }
        }
    }

    /// Takes one from a count that is not zero.
    pub fn take_one(&self, slot: &Slot) {
        if let Some(word) = self.word(slot, 0) {
            let _ = word.try_update(Relaxed, Relaxed, |count| count.checked_sub(1));
        }
    }

    /// Sets a count; a rate becomes what gives this value just now. The value before.
    pub fn set(&self, slot: &Slot, index: usize, value: u64, now_ms: u64) -> Option<u64> {
        let before = self.get(slot, index, now_ms)?;
        match slot.period_ms {
            None => self.word(slot, index)?.store(value, Relaxed),
            Some(_) => {
                let (current, earlier) = self.rate_words(slot, index)?;
                earlier.store(0, Relaxed);
                current
                    .store(pack(now_ms as u32, u32::try_from(value).unwrap_or(u32::MAX)), Relaxed);
            }
        }
        Some(before)
    }

    /// Sets a word to `new` if it is `seen`.
    ///
    /// # Errors
    /// What it is instead.
    pub fn swap(&self, slot: &Slot, seen: u64, new: u64) -> Result<(), u64> {
        let Some(word) = self.word(slot, 0) else { return Ok(()) };
        word.compare_exchange(seen, new, Relaxed, Relaxed).map(drop)
    }
}

/// Eight bytes of a key, or fewer and zeros.
fn word(bytes: &[u8]) -> u64 {
    let mut room = [0; 8];
    room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    u64::from_ne_bytes(room)
}

fn pack(tick: u32, count: u32) -> u64 {
    u64::from(tick) << 32 | u64::from(count)
}

fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

/// How long a period has run.
fn elapsed(now: u32, tick: u32) -> u32 {
    let gone = now.wrapping_sub(tick);
    if gone > u32::MAX - BEHIND_MS { 0 } else { gone }
}

fn add_to_rate(current: &AtomicU64, before: &AtomicU64, period: u32, now: u32, by: u64) -> u32 {
    let by = u32::try_from(by).unwrap_or(u32::MAX);
    let mut seen = current.load(Relaxed);
    loop {
        let (tick, count) = unpack(seen);
        let gone = elapsed(now, tick);
        let (next, ended) = match gone {
            _ if gone < period => (pack(tick, count.saturating_add(by)), None),
            // Two periods or more went by without anything.
            _ if gone - period >= period => (pack(now, by), Some(0)),
            _ => (pack(tick.wrapping_add(period), by), Some(count)),
        };
        match current.compare_exchange_weak(seen, next, Relaxed, Relaxed) {
            Ok(_) => {
                if let Some(ended) = ended {
                    before.store(ended.into(), Relaxed);
                }
                return unpack(next).1;
            }
            Err(other) => seen = other,
        }
    }
}

/// As HAProxy computes it (`read_freq_ctr_period`), with its correction for very low rates.
fn rate(current: u64, before: u64, period: u32, now: u32) -> u64 {
    let (tick, count) = unpack(current);
    let gone = elapsed(now, tick);
    let (past, count, remain) = match gone {
        _ if gone <= period => (before, u64::from(count), period - gone),
        _ if gone - period <= period => (u64::from(count), 0, 2 * period - gone),
        _ => return 0,
    };
    if count == 0 && past <= 1 {
        return past;
    }
    past * u64::from(remain) / u64::from(period) + count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::{DataKind, DataType, KeyKind};
    use std::time::Duration;

    fn entry(data: &[DataType]) -> (Layout, Entry) {
        let layout = Layout::new(KeyKind::Text(20), data.iter().copied());
        let key = Key::bytes(KeyKind::Text(20), &b"a key of bytes"[..]).expect("text");
        let entry = Entry::new(&layout, &key);
        (layout, entry)
    }

    #[test]
    fn a_key_is_kept_behind_the_data() {
        let (layout, entry) = entry(&[DataType { kind: DataKind::Gpc, count: 3, period: None }]);
        assert_eq!(entry.key_bytes(&layout), b"a key of bytes");
        assert!(entry.has_key(&layout, b"a key of bytes"));
        assert!(!entry.has_key(&layout, b"a key of bytez"));
        assert!(!entry.has_key(&layout, b"a key of byte"));
        let gpc = layout.slot(DataKind::Gpc).expect("stored");
        assert_eq!(entry.add(gpc, 2, 7, 0), Some(7));
        assert_eq!((entry.get(gpc, 2, 0), entry.get(gpc, 0, 0)), (Some(7), Some(0)));
        assert_eq!(entry.get(gpc, 3, 0), None);
        assert!(entry.has_key(&layout, b"a key of bytes"));
    }

    /// Worked out by hand from HAProxy's formula.
    #[test]
    fn a_rate_slides_from_one_period_into_the_next() {
        let period = Some(Duration::from_secs(10));
        let (layout, entry) = entry(&[DataType { kind: DataKind::ConnRate, count: 1, period }]);
        let slot = layout.slot(DataKind::ConnRate).expect("stored");
        let rate = |now| entry.get(slot, 0, now).expect("a rate");
        let start = 1_000_000;
        for _ in 0..100 {
            entry.add(slot, 0, 1, start);
        }
        assert_eq!((rate(start), rate(start + 9_999)), (100, 100));
        assert_eq!((rate(start + 12_500), rate(start + 17_500)), (75, 25));
        assert_eq!((rate(start + 20_000), rate(start + 60_000)), (0, 0));
        entry.add(slot, 0, 10, start + 12_500);
        assert_eq!(rate(start + 15_000), 60);
        assert_eq!(rate(start + 30_000), 0);
    }

    #[test]
    fn no_count_is_lost_between_threads() {
        let period = Some(Duration::from_secs(3600));
        let (layout, entry) = entry(&[
            DataType { kind: DataKind::ConnRate, count: 1, period },
            DataType { kind: DataKind::ConnCnt, count: 1, period: None },
        ]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        for kind in [DataKind::ConnRate, DataKind::ConnCnt] {
                            let slot = layout.slot(kind).expect("stored");
                            entry.add(slot, 0, 1, 5_000_000);
                        }
                    }
                });
            }
        });
        for kind in [DataKind::ConnRate, DataKind::ConnCnt] {
            let slot = layout.slot(kind).expect("stored");
            assert_eq!(entry.get(slot, 0, 5_000_000), Some(40_000));
        }
    }
}
