//! A hierarchical timer wheel: who is to be woken when.
//!
//! In: deadlines and the task each belongs to. Out: the tasks whose deadline has passed, and the
//! next moment worth waking up for. Arming, cancelling and firing cost the same however many timers
//! there are, and allocate nothing once the slab has grown ([`Wheel::with_capacity`]).
//!
//! Precision: 1 ms, never early. Range: [`RANGE_MS`], over two years; later deadlines wait at the
//! end of the range and are filed again from there.
//!
//! Six levels of 64 slots: level n holds timers due in less than 64^(n+1) ms, in slots of 64^n ms.
//! When a slot's time comes its timers move a level down. (The design is Varghese and Lauck's,
//! scheme 6, 1987.)

use koi_sys::clock::Time;
use koi_sys::table::Key;

const LEVELS: usize = 6;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;

/// The furthest deadline that is filed exactly, in milliseconds from now.
pub const RANGE_MS: u64 = (1 << (SLOT_BITS as u64 * LEVELS as u64)) - 1;

const NIL: u32 = u32::MAX;

/// Names one armed timer; stale once it has fired or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerKey {
    index: u32,
    generation: u32,
}

/// A timer in its slot's list, or a free node.
#[derive(Clone, Copy, Debug)]
struct Node {
    due_ms: u64,
    task: Key,
    next: u32,
    previous: u32,
    generation: u32,
    /// Level and slot, so that an emptied slot's bit can be cleared. [`FREE`] when free.
    place: u16,
}

const FREE: u16 = u16::MAX;

/// The wheel.
#[derive(Debug)]
pub struct Wheel {
    now_ms: u64,
    nodes: Vec<Node>,
    free: u32,
    heads: [[u32; SLOTS]; LEVELS],
    /// A bit for each slot that holds timers.
    occupied: [u64; LEVELS],
    armed: usize,
}

impl Wheel {
    /// An empty wheel whose clock stands at `now`.
    pub fn new(now: Time) -> Wheel {
        Wheel::with_capacity(now, 0)
    }

    /// The same with room for `timers` before anything is allocated.
    pub fn with_capacity(now: Time, timers: usize) -> Wheel {
        Wheel {
            now_ms: now.as_millis(),
            nodes: Vec::with_capacity(timers),
            free: NIL,
            heads: [[NIL; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            armed: 0,
        }
    }

    /// Timers armed.
    pub fn len(&self) -> usize {
        self.armed
    }

    /// Whether none is armed.
    pub fn is_empty(&self) -> bool {
        self.armed == 0
    }

    /// Arms a timer. It fires at the first [`Wheel::advance`] to the deadline or later.
    pub fn arm(&mut self, deadline: Time, task: Key) -> TimerKey {
        // Rounded up: a timer may be late by its precision, never early.
        let due_ms = deadline.0.div_ceil(1_000_000).max(self.now_ms + 1);
        let index = self.take_node(due_ms, task);
        self.file(index);
        self.armed += 1;
        TimerKey { index, generation: self.nodes[index as usize].generation }
    }

    /// Disarms a timer. False if it had fired or been cancelled.
    pub fn cancel(&mut self, key: TimerKey) -> bool {
        if !self.is_armed(key) {
            return false;
        }
        self.unlink(key.index);
        self.release(key.index);
        true
    }

    /// Whether the timer has neither fired nor been cancelled.
    pub fn is_armed(&self, key: TimerKey) -> bool {
        self.nodes
            .get(key.index as usize)
            .is_some_and(|node| node.generation == key.generation && node.place != FREE)
    }

    /// Moves the clock and reports the task of every timer that is due, in order of deadline by the
    /// millisecond. A clock that goes back stands still.
    pub fn advance(&mut self, now: Time, mut fire: impl FnMut(Key)) {
        let target = now.as_millis();
        while self.armed > 0 {
            match self.next_slot_ms() {
                Some(at) if at <= target => {
                    self.now_ms = at;
                    self.turn_slots(&mut fire);
                }
                _ => break,
            }
        }
        self.now_ms = self.now_ms.max(target);
    }

    /// When [`Wheel::advance`] next has something to do: a deadline, or a moment at which far
    /// timers move nearer.
    pub fn next_deadline(&self) -> Option<Time> {
        self.next_slot_ms().map(|ms| Time(ms.saturating_mul(1_000_000)))
    }

    /// The start of the earliest occupied slot after now.
    fn next_slot_ms(&self) -> Option<u64> {
        (0..LEVELS).filter_map(|level| self.next_in_level(level)).min()
    }

    fn next_in_level(&self, level: usize) -> Option<u64> {
        let occupied = self.occupied[level];
        if occupied == 0 {
            return None;
        }
        let shift = SLOT_BITS * level as u32;
        let current = self.now_ms >> shift;
        // Turned so that the slot after the current one is bit 0.
        let turned = occupied.rotate_right((current as u32 + 1) % SLOTS as u32);
        let ahead = u64::from(turned.trailing_zeros()) + 1;
        Some((current + ahead) << shift)
    }

    /// Empties the slots whose time is now: level 0 fires, the others move down.
    fn turn_slots(&mut self, fire: &mut impl FnMut(Key)) {
        for level in (0..LEVELS).rev() {
            let shift = SLOT_BITS * level as u32;
            if self.now_ms & ((1 << shift) - 1) != 0 {
                continue;
            }
            let slot = (self.now_ms >> shift) as usize % SLOTS;
            let mut index = std::mem::replace(&mut self.heads[level][slot], NIL);
            self.occupied[level] &= !(1 << slot);
            while index != NIL {
                let node = self.nodes[index as usize];
                if node.due_ms <= self.now_ms {
                    self.release(index);
                    fire(node.task);
                } else {
                    self.file(index);
                }
                index = node.next;
            }
        }
    }

    /// Puts a node into the slot for its deadline.
    fn file(&mut self, index: u32) {
        let due = self.nodes[index as usize].due_ms;
        let ahead = (due - self.now_ms).min(RANGE_MS);
        let level = ((63 - (ahead | 1).leading_zeros()) / SLOT_BITS) as usize;
        let slot = ((self.now_ms + ahead) >> (SLOT_BITS * level as u32)) as usize % SLOTS;
        let head = std::mem::replace(&mut self.heads[level][slot], index);
        if head != NIL {
            self.nodes[head as usize].previous = index;
        }
        self.occupied[level] |= 1 << slot;
        let node = &mut self.nodes[index as usize];
        (node.next, node.previous) = (head, NIL);
        node.place = (level * SLOTS + slot) as u16;
    }

    fn unlink(&mut self, index: u32) {
        let node = self.nodes[index as usize];
        let (level, slot) = (node.place as usize / SLOTS, node.place as usize % SLOTS);
        if node.next != NIL {
            self.nodes[node.next as usize].previous = node.previous;
        }
        if node.previous != NIL {
            self.nodes[node.previous as usize].next = node.next;
        } else {
            self.heads[level][slot] = node.next;
            if node.next == NIL {
                self.occupied[level] &= !(1 << slot);
            }
        }
    }

    fn take_node(&mut self, due_ms: u64, task: Key) -> u32 {
        if self.free == NIL {
            let node = Node { due_ms, task, next: NIL, previous: NIL, generation: 0, place: 0 };
            self.nodes.push(node);
            return self.nodes.len() as u32 - 1;
        }
        let index = self.free;
        let node = &mut self.nodes[index as usize];
        self.free = node.next;
        (node.due_ms, node.task, node.place) = (due_ms, task, 0);
        index
    }

    fn release(&mut self, index: u32) {
        let node = &mut self.nodes[index as usize];
        node.generation = node.generation.wrapping_add(1);
        node.place = FREE;
        node.next = self.free;
        self.free = index;
        self.armed -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    const START: Time = Time(5_000_000_000);

    fn task(index: u32) -> Key {
        Key { index, generation: 0 }
    }

    fn fired(wheel: &mut Wheel, now: Time) -> Vec<u32> {
        let mut out = Vec::new();
        wheel.advance(now, |task| out.push(task.index));
        out
    }

    #[test]
    fn a_timer_fires_at_its_deadline_and_not_before() {
        for ms in [1, 2, 63, 64, 65, 4095, 4096, 4097, 262_143, 262_144, 1_000_000, 90_000_000] {
            let mut wheel = Wheel::new(START);
            wheel.arm(START + Duration::from_millis(ms), task(7));
            assert_eq!(
                fired(&mut wheel, START + Duration::from_millis(ms - 1)),
                [0_u32; 0],
                "{ms}"
            );
            assert_eq!(fired(&mut wheel, START + Duration::from_millis(ms)), [7], "{ms}");
            assert_eq!(wheel.next_deadline(), None);
        }
    }

    #[test]
    fn a_deadline_beyond_the_range_is_filed_again() {
        let mut wheel = Wheel::new(START);
        let due = START + Duration::from_millis(RANGE_MS * 2 + 5);
        wheel.arm(due, task(1));
        let mut steps = 0;
        while let Some(next) = wheel.next_deadline() {
            steps += 1;
            let fired = fired(&mut wheel, next);
            assert_eq!(fired.is_empty(), next < due, "{next:?}");
            assert!(steps < 100, "no progress");
        }
    }

    #[test]
    fn a_deadline_in_the_past_fires_at_the_next_millisecond() {
        let mut wheel = Wheel::new(START);
        wheel.arm(Time(0), task(1));
        assert_eq!(fired(&mut wheel, START), [0_u32; 0]);
        assert_eq!(fired(&mut wheel, START + Duration::from_millis(1)), [1]);
    }

    #[test]
    fn a_cancelled_timer_is_stale_and_its_node_reused() {
        let mut wheel = Wheel::new(START);
        let a = wheel.arm(START + Duration::from_secs(1), task(1));
        assert!(wheel.cancel(a) && !wheel.cancel(a) && wheel.next_deadline().is_none());
        let b = wheel.arm(START + Duration::from_secs(1), task(2));
        assert!(!wheel.is_armed(a) && wheel.is_armed(b) && !wheel.cancel(a));
        assert_eq!(fired(&mut wheel, START + Duration::from_secs(2)), [2]);
        assert!(!wheel.cancel(b) && wheel.is_empty());
    }

    /// Against a sorted map, on a seeded sequence of arms, cancels and jumps.
    #[test]
    fn random_sequences_agree_with_a_sorted_map() {
        for seed in 0..50u64 {
            let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut next = |bound: u64| {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                dice % bound
            };
            let (mut wheel, mut model) = (Wheel::new(START), BTreeMap::new());
            let (mut now, mut keys) = (START, Vec::new());
            for step in 0..2000u32 {
                match next(10) {
                    0..5 => {
                        let span = 1 << (next(34) + 1);
                        let deadline = now + Duration::from_millis(1 + next(span));
                        keys.push((wheel.arm(deadline, task(step)), deadline, step));
                        model.insert((deadline, step), ());
                    }
                    5..7 if !keys.is_empty() => {
                        let (key, deadline, id) =
                            keys.swap_remove(next(keys.len() as u64) as usize);
                        let known = model.remove(&(deadline, id)).is_some();
                        assert_eq!(wheel.cancel(key), known, "seed {seed} step {step}");
                    }
                    _ => {
                        let span = 1 << (next(34) + 1);
                        now = now + Duration::from_millis(next(span));
                        let mut got = fired(&mut wheel, now);
                        let later = model.split_off(&(now, u32::MAX));
                        let mut due: Vec<u32> = model.keys().map(|(_, id)| *id).collect();
                        model = later;
                        got.sort_unstable();
                        due.sort_unstable();
                        assert_eq!(got, due, "seed {seed} step {step}");
                    }
                }
                assert_eq!(wheel.len(), model.len());
                let earliest = model.keys().next().map(|(deadline, _)| *deadline);
                assert!(wheel.next_deadline() <= earliest || earliest.is_none());
            }
        }
    }
}
