//! An entry: its data, as relaxed atomics that any worker counts in, its key, and whether it is in use.
//!
//! In: what happened. Out: counts and rates. Rates are HAProxy's (`freq_ctr`): what came in the period
//! that runs, and of the one before it the part that the running one has not yet replaced.
//!
//! A rate's first word has the start of its period and the count in it, so that both change together;
//! the second has the count of the period before. No count is lost when two workers begin a period.
//!
//! The first word of all is the entry's state: when it was used last, how many count in it, and whether
//! it is gone. All three change together, so that who has a handle may use the entry without asking its
//! table: it is gone only if nobody was in it, and who comes later sees that it is.
//! Limits: [`USES_MAX`] count in an entry at once; times are 40 bits of milliseconds, 34 years.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::key::Key;
use super::layout::{KeyRoom, Layout, STATE_WORD, Slot};

/// How far clocks of workers may lie behind one another, in milliseconds: more is an old period.
const BEHIND_MS: u32 = 10_000;

/// How many may count in an entry at once.
const USES_MAX: u64 = (1 << 23) - 1;

/// What becomes of an entry: used last at a time, by so many at once, gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State(u64);

impl State {
    const GONE: u64 = 1;
    const USE: u64 = 1 << 1;
    const USED_SHIFT: u32 = 24;

    fn new(used_ms: u64) -> State {
        State(used_ms << State::USED_SHIFT)
    }

    fn is_gone(self) -> bool {
        self.0 & State::GONE != 0
    }

    fn is_there(self, now_ms: u64, expire_ms: Option<u64>) -> bool {
        !self.is_gone() && !self.is_expired(now_ms, expire_ms)
    }

    /// How many count in it.
    pub(super) fn uses(self) -> u32 {
        ((self.0 / State::USE) & USES_MAX) as u32
    }

    /// When it was used last.
    pub(super) fn used_ms(self) -> u64 {
        self.0 >> State::USED_SHIFT
    }

    /// Whether nobody has used it for so long, and nobody does.
    pub(super) fn is_expired(self, now_ms: u64, expire_ms: Option<u64>) -> bool {
        let idle = now_ms.saturating_sub(self.used_ms());
        self.uses() == 0 && expire_ms.is_some_and(|expire| idle >= expire)
    }

    /// The same, used now.
    fn at(self, now_ms: u64) -> State {
        let low = self.0 & ((1 << State::USED_SHIFT) - 1);
        State(now_ms.max(self.used_ms()) << State::USED_SHIFT | low)
    }
}

/// An entry. Clones are handles of the same.
#[derive(Clone, Debug)]
pub struct Entry(pub(super) Arc<[AtomicU64]>);

impl Entry {
    /// With this key, used now; all of its data is zero.
    pub(super) fn new(layout: &Layout, key: &Key<'_>, now_ms: u64) -> Entry {
        let bytes = key.as_bytes();
        let length = match layout.key() {
            KeyRoom::Fixed(_) => None,
            KeyRoom::Any => Some(bytes.len() as u64),
        };
        let state = State::new(now_ms).0;
        let data = std::iter::repeat_n(0, layout.words().saturating_sub(1));
        let words = std::iter::once(state).chain(data).chain(length);
        let words = words.chain(bytes.chunks(8).map(word));
        Entry(words.map(AtomicU64::new).collect())
    }

    /// Whether this is its key.
    #[inline]
    pub(super) fn has_key(&self, layout: &Layout, key: &Key<'_>) -> bool {
        if let (Some((length, [low, high])), KeyRoom::Fixed(room)) =
            (key.short_words(), layout.key())
        {
            // The usual ones: addresses and numbers.
            let is_it = |at: usize, word: u64| {
                self.0.get(layout.words() + at).is_none_or(|kept| kept.load(Relaxed) == word)
            };
            return length == room && is_it(0, low) && is_it(1, high);
        }
        let bytes = key.as_bytes();
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

    /// Its state as it is just now.
    pub(super) fn state(&self) -> State {
        State(self.0.get(STATE_WORD).map_or(State::GONE, |word| word.load(Relaxed)))
    }

    /// Changes the state, unless `change` says that it stays; whether it changed.
    fn change(&self, change: impl Fn(State) -> Option<State>) -> bool {
        let word = self.0.get(STATE_WORD);
        let change = |it| change(State(it)).map(|it| it.0);
        word.is_some_and(|word| word.try_update(Relaxed, Relaxed, change).is_ok())
    }

    /// Whether it is gone: out of its table.
    pub(super) fn is_gone(&self) -> bool {
        self.state().is_gone()
    }

    /// Whether it is neither gone nor has expired.
    pub(super) fn is_there(&self, now_ms: u64, expire_ms: Option<u64>) -> bool {
        self.state().is_there(now_ms, expire_ms)
    }

    /// It is used now; false if it is gone or has expired.
    pub(super) fn touch(&self, now_ms: u64, expire_ms: Option<u64>) -> bool {
        let state = self.state();
        // Most uses come within the same millisecond as one before.
        (state.used_ms() >= now_ms && !state.is_gone())
            || self.change(|state| state.is_there(now_ms, expire_ms).then(|| state.at(now_ms)))
    }

    /// One more counts in it, from now on; false if it is gone or has expired, or too many do.
    pub(super) fn begin_use(&self, now_ms: u64, expire_ms: Option<u64>) -> bool {
        self.change(|state| {
            let fits = u64::from(state.uses()) < USES_MAX && state.is_there(now_ms, expire_ms);
            fits.then(|| State(state.at(now_ms).0 + State::USE))
        })
    }

    /// One of those is done: it is used now.
    pub(super) fn end_use(&self, now_ms: u64) {
        self.change(|state| (state.uses() > 0).then(|| State(state.at(now_ms).0 - State::USE)));
    }

    /// It goes, if nobody is in it and its last use is the one that was seen; whether it did.
    pub(super) fn retire(&self, seen: State) -> bool {
        self.change(|state| {
            (state == seen && state.uses() == 0).then_some(State(state.0 | State::GONE))
        })
    }

    /// How many count in it.
    pub fn uses(&self) -> u32 {
        self.state().uses()
    }

    /// Since when it has not been used, in milliseconds.
    pub fn idle_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.state().used_ms())
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
        let entry = Entry::new(&layout, &key, 0);
        (layout, entry)
    }

    #[test]
    fn a_key_is_kept_behind_the_data() {
        let (layout, entry) = entry(&[DataType { kind: DataKind::Gpc, count: 3, period: None }]);
        assert_eq!(entry.key_bytes(&layout), b"a key of bytes");
        let key = |bytes: &'static [u8]| Key::bytes(KeyKind::Text(20), bytes).expect("text");
        assert!(entry.has_key(&layout, &key(b"a key of bytes")));
        assert!(!entry.has_key(&layout, &key(b"a key of bytez")));
        assert!(!entry.has_key(&layout, &key(b"a key of byte")));
        let gpc = layout.slot(DataKind::Gpc).expect("stored");
        assert_eq!(entry.add(gpc, 2, 7, 0), Some(7));
        assert_eq!((entry.get(gpc, 2, 0), entry.get(gpc, 0, 0)), (Some(7), Some(0)));
        assert_eq!(entry.get(gpc, 3, 0), None);
        assert!(entry.has_key(&layout, &key(b"a key of bytes")));
    }

    #[test]
    fn addresses_and_numbers_are_told_apart_by_all_their_bytes() {
        let address = |kind, text: &str| {
            Key::address(kind, text.parse().expect("an address")).expect("of this kind")
        };
        for (kind, texts) in [
            (KeyKind::Ip, ["192.0.2.1", "192.0.2.2", "193.0.2.1"]),
            (KeyKind::Ipv6, ["2001:db8::1", "2001:db8::2", "2001:db9::1"]),
        ] {
            let layout = Layout::new(kind, std::iter::empty());
            for one in texts {
                let entry = Entry::new(&layout, &address(kind, one), 0);
                assert_eq!(entry.key_bytes(&layout), address(kind, one).as_bytes());
                for other in texts {
                    let key = address(kind, other);
                    assert_eq!(entry.has_key(&layout, &key), one == other, "{one} {other}");
                }
            }
        }
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
    fn an_entry_goes_only_while_nobody_is_in_it() {
        let (_, entry) = entry(&[]);
        assert!(entry.begin_use(5, Some(10)) && entry.begin_use(7, Some(10)));
        assert_eq!((entry.uses(), entry.idle_ms(9)), (2, 2));
        assert!(!entry.retire(entry.state()), "two are in it");
        assert!(entry.touch(1000, Some(10)), "in use, it does not expire");
        entry.end_use(1001);
        entry.end_use(1000);
        entry.end_use(2000);
        assert_eq!((entry.uses(), entry.idle_ms(1001)), (0, 0), "one too many changes nothing");
        assert!(!entry.touch(1011, Some(10)) && !entry.begin_use(1011, Some(10)), "expired");
        let seen = entry.state();
        assert!(entry.touch(1002, Some(10)) && !entry.retire(seen), "used meanwhile");
        assert!(entry.retire(entry.state()));
        assert!(!entry.touch(1003, None) && !entry.begin_use(1003, None));
        assert_eq!(entry.uses(), 0);
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
