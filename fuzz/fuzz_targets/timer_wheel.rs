//! The timer wheel against a sorted map: the same timers fire at the same advance, cancelling tells
//! the truth, and the next deadline is never later than the earliest timer.
#![no_main]

use koi::worker::Time;
use koi::worker::timer::Wheel;
use koi_sys::table::Key;
use std::collections::BTreeSet;
use std::time::Duration;

const START: Time = Time(7_000_000_000);

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let (mut wheel, mut model) = (Wheel::new(START), BTreeSet::new());
    let (mut now, mut keys) = (START, Vec::new());
    for (number, step) in input.chunks_exact(3).enumerate() {
        // Spans of every magnitude, from nothing to decades.
        let span = Duration::from_micros(u64::from(step[1]) << (step[2] % 44));
        match step[0] % 3 {
            0 => {
                let task = Key { index: number as u32, generation: 0 };
                // What is due already fires at the next millisecond.
                let deadline = (now + span).max(Time((now.as_millis() + 1) * 1_000_000));
                keys.push((wheel.arm(now + span, task), deadline, number as u32));
                model.insert((deadline.0.div_ceil(1_000_000), number as u32));
            }
            1 if !keys.is_empty() => {
                let (key, deadline, id) = keys.swap_remove(usize::from(step[1]) % keys.len());
                let known = model.remove(&(deadline.0.div_ceil(1_000_000), id));
                assert_eq!(wheel.is_armed(key), known);
                assert_eq!(wheel.cancel(key), known);
            }
            _ => {
                now = now + span;
                let mut fired = Vec::new();
                wheel.advance(now, |task| fired.push(task.index));
                let later = model.split_off(&(now.as_millis() + 1, 0));
                let mut due: Vec<u32> = model.iter().map(|(_, id)| *id).collect();
                model = later;
                fired.sort_unstable();
                due.sort_unstable();
                assert_eq!(fired, due);
            }
        }
        assert_eq!(wheel.len(), model.len());
        let earliest = model.first().map(|(ms, _)| Time(ms * 1_000_000));
        match (wheel.next_deadline(), earliest) {
            (Some(next), Some(earliest)) => assert!(next <= earliest && next > now),
            (next, earliest) => assert_eq!(next.is_some(), earliest.is_some()),
        }
    }
});
