//! The timer wheel with a million timers: what it allocates, and how long it takes.
//!
//! Times are the best of several runs, so that a machine busy with something else does not matter.
//! They count in release builds; a debug build only shows that nothing grows with the number.

mod common;

use allocation_counter::measure;
use common::random::Random;
use common::say;
use koi::worker::Time;
use koi::worker::timer::{TimerKey, Wheel};
use koi_sys::table::Key;
use std::time::{Duration, Instant};

const TIMERS: usize = 1_000_000;
const RUNS: usize = 7;
const START: Time = Time(1_000_000_000);

/// What arming and cancelling a timer may take together with its share of everything else.
const LIMIT: Duration =
    if cfg!(debug_assertions) { Duration::from_micros(20) } else { Duration::from_nanos(100) };

fn task(index: usize) -> Key {
    Key { index: index as u32, generation: 0 }
}

/// Deadlines as a proxy has them: most within seconds, some within hours.
fn deadlines() -> Vec<Time> {
    let mut random = Random(1);
    let mut deadline = || {
        let span_ms = if random.once_in(20) { 10_000_000 } else { 60_000 };
        START + Duration::from_micros(1000 * random.below(span_ms) as u64 + 77)
    };
    (0..TIMERS).map(|_| deadline()).collect()
}

/// The shortest of several runs, for each timer.
#[track_caller]
fn assert_quick(what: &str, mut run: impl FnMut() -> Duration) {
    let best = (0..RUNS).map(|_| run()).min().expect("a run") / TIMERS as u32;
    say(&format!("{what}: {best:?} for each of {TIMERS} timers"));
    assert!(best < LIMIT, "{what}: {best:?}");
}

#[test]
fn arming_and_cancelling_allocates_nothing() {
    let deadlines = deadlines();
    let mut wheel = Wheel::with_capacity(START, TIMERS);
    let mut keys: Vec<TimerKey> = Vec::with_capacity(TIMERS);
    let allocated = measure(|| {
        for _ in 0..2 {
            keys.extend(deadlines.iter().enumerate().map(|(i, at)| wheel.arm(*at, task(i))));
            assert!(keys.drain(..).all(|key| wheel.cancel(key)));
        }
        // Firing, too, and what arms another timer then.
        keys.extend(deadlines.iter().enumerate().map(|(i, at)| wheel.arm(*at, task(i))));
        let mut fired = 0;
        wheel.advance(START + Duration::from_secs(100_000), |_| fired += 1);
        assert_eq!(fired, TIMERS);
    });
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

/// Without room made before, the slab grows once and is used again.
#[test]
fn a_warm_wheel_allocates_nothing() {
    let mut wheel = Wheel::new(START);
    let arm_and_cancel = |wheel: &mut Wheel| {
        let keys: [TimerKey; 1000] =
            std::array::from_fn(|i| wheel.arm(START + Duration::from_millis(i as u64), task(i)));
        assert!(keys.into_iter().all(|key| wheel.cancel(key)));
    };
    let cold = measure(|| arm_and_cancel(&mut wheel));
    let warm = measure(|| (0..1000).for_each(|_| arm_and_cancel(&mut wheel)));
    assert!(cold.count_total > 0, "the counter works");
    assert_eq!(warm.count_total, 0, "{warm:?}");
}

#[test]
fn a_timeout_that_is_never_reached_costs_next_to_nothing() {
    let deadlines = deadlines();
    let mut wheel = Wheel::with_capacity(START, TIMERS);
    // A few thousand connections wait meanwhile.
    for (i, deadline) in deadlines.iter().take(5000).enumerate() {
        wheel.arm(*deadline, task(i));
    }
    assert_quick("armed and cancelled at once", || {
        let start = Instant::now();
        for (i, deadline) in deadlines.iter().enumerate() {
            let key = wheel.arm(*deadline, task(i));
            wheel.cancel(std::hint::black_box(key));
        }
        start.elapsed()
    });
    assert_eq!(wheel.len(), 5000);
}

#[test]
fn a_million_timers_at_once_are_armed_and_cancelled() {
    let deadlines = deadlines();
    let mut wheel = Wheel::with_capacity(START, TIMERS);
    let mut keys = Vec::with_capacity(TIMERS);
    assert_quick("armed, and cancelled when all are armed", || {
        let start = Instant::now();
        keys.extend(deadlines.iter().enumerate().map(|(i, at)| wheel.arm(*at, task(i))));
        keys.drain(..).for_each(|key| assert!(wheel.cancel(key)));
        start.elapsed() / 2
    });
    // The worst for the caches.
    let mut random = Random(2);
    assert_quick("cancelled in any order", || {
        keys.extend(deadlines.iter().enumerate().map(|(i, at)| wheel.arm(*at, task(i))));
        (1..TIMERS).for_each(|i| keys.swap(i, random.below(i + 1)));
        let start = Instant::now();
        keys.drain(..).for_each(|key| assert!(wheel.cancel(key)));
        start.elapsed()
    });
    assert!(wheel.is_empty());
}

/// Each at the first millisecond that is not before its deadline, in order.
#[test]
fn a_million_timers_fire_on_time() {
    let deadlines = deadlines();
    let mut wheel = Wheel::with_capacity(START, TIMERS);
    for (i, deadline) in deadlines.iter().enumerate() {
        wheel.arm(*deadline, task(i));
    }
    let mut fired = vec![false; TIMERS];
    let (mut last, mut steps) = (START, 0);
    let start = Instant::now();
    while let Some(now) = wheel.next_deadline() {
        wheel.advance(now, |task| {
            let deadline = deadlines[task.index as usize];
            assert!(deadline <= now && now < deadline + Duration::from_millis(1));
            assert!(!std::mem::replace(&mut fired[task.index as usize], true), "twice");
        });
        assert!(now > last, "no progress");
        (last, steps) = (now, steps + 1);
    }
    let each = start.elapsed() / TIMERS as u32;
    say(&format!("fired: {each:?} for each of {TIMERS} timers, in {steps} steps"));
    assert!(fired.into_iter().all(|fired| fired) && wheel.is_empty());
}
