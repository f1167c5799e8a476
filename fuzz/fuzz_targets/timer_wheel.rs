//! The timer wheel against a sorted map: what is armed, what fires when, what is stale.

#![no_main]

use koi::worker::Time;
use koi::worker::timer::{TimerKey, Wheel};
use koi_sys::table::Key;
use std::collections::BTreeMap;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut state = State::new();
    // Each step takes six bytes: what to do, and a number of any magnitude.
    for step in input.chunks_exact(6) {
        let mantissa = u64::from(u32::from_le_bytes([step[1], step[2], step[3], step[4]]));
        state.step(step[0], mantissa << (step[5] % 33));
        state.check();
    }
    state.finish();
});

/// Nothing happens after this, in 146 years.
const END: Time = Time(1 << 62);

struct State {
    wheel: Wheel,
    now: Time,
    /// Armed timers by the millisecond they are due at.
    model: BTreeMap<(u64, u32), ()>,
    /// Every timer that ever was, with its millisecond; the place is its task.
    timers: Vec<(TimerKey, u64)>,
}

impl State {
    fn new() -> State {
        let now = Time(7_000_000_123);
        State { wheel: Wheel::new(now), now, model: BTreeMap::new(), timers: Vec::new() }
    }

    fn step(&mut self, what: u8, number: u64) {
        match what % 8 {
            0..3 => self.arm(Time(self.now.0.saturating_add(number)).min(END)),
            3 => self.arm(Time(number).min(END)),
            4 => self.cancel(number),
            5 => self.advance(Time(self.now.0.saturating_add(number)).min(END)),
            6 => {
                if let Some(next) = self.wheel.next_deadline() {
                    self.advance(next);
                }
            }
            // A clock that goes back.
            _ => self.wheel.advance(Time(self.now.0.saturating_sub(number)), |_| {
                panic!("fired before its time")
            }),
        }
    }

    fn arm(&mut self, deadline: Time) {
        let index = self.timers.len() as u32;
        let key = self.wheel.arm(deadline, Key { index, generation: 0 });
        assert!(self.wheel.is_armed(key));
        let due_ms = deadline.0.div_ceil(1_000_000).max(self.now.as_millis() + 1);
        self.timers.push((key, due_ms));
        self.model.insert((due_ms, index), ());
    }

    fn cancel(&mut self, number: u64) {
        if self.timers.is_empty() {
            return;
        }
        let index = (number % self.timers.len() as u64) as u32;
        let (key, due_ms) = self.timers[index as usize];
        let armed = self.model.remove(&(due_ms, index)).is_some();
        assert_eq!(self.wheel.is_armed(key), armed);
        assert_eq!(self.wheel.cancel(key), armed);
        assert!(!self.wheel.is_armed(key));
    }

    fn advance(&mut self, now: Time) {
        let mut fired = Vec::new();
        self.wheel
            .advance(now, |task| fired.push((self.timers[task.index as usize].1, task.index)));
        assert!(fired.is_sorted_by_key(|(due_ms, _)| *due_ms), "out of order: {fired:?}");
        fired.sort_unstable();
        self.now = self.now.max(now);
        let later = self.model.split_off(&(self.now.as_millis() + 1, 0));
        let due = std::mem::replace(&mut self.model, later);
        assert!(due.into_keys().eq(fired), "other timers than were due");
    }

    fn check(&self) {
        assert_eq!(
            (self.wheel.len(), self.wheel.is_empty()),
            (self.model.len(), self.model.is_empty())
        );
        let earliest = self.model.keys().next().map(|(due_ms, _)| *due_ms);
        let next = self.wheel.next_deadline().map(Time::as_millis);
        match (next, earliest) {
            (None, None) => {}
            (Some(next), Some(earliest)) => {
                assert!(next <= earliest, "it would be late");
                assert!(next > self.now.as_millis(), "it would spin");
            }
            other => panic!("{other:?}"),
        }
    }

    /// Every timer fires in the end.
    fn finish(mut self) {
        while let Some(next) = self.wheel.next_deadline() {
            self.advance(next);
            self.check();
        }
        assert!(self.model.is_empty());
    }
}
