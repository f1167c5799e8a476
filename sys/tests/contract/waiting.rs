//! Waiting: deadlines, and wakes from other threads.

use crate::common::Bench;
use koi_sys::clock::Time;
use koi_sys::ring::{Op, Payload};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What a wait that should not need a deadline gets as one, so that a hang is a failure.
fn guard(bench: &Bench) -> Option<Time> {
    // The simulated clock would jump there at once; the simulation has a guard of its own.
    (!bench.is_sim()).then(|| bench.ring.now() + Duration::from_secs(40))
}

pub fn deadlines_are_never_early(bench: &mut Bench) {
    bench.glance(2);
    for micros in [0, 1, 300, 1000, 1500, 2_999, 10_000, 25_000, 50_500] {
        for offset in [0, 123] {
            let start = bench.ring.now();
            let deadline = start + Duration::from_nanos(micros * 1000 + offset);
            assert_eq!(bench.turn(Some(deadline)), 0);
            let now = bench.ring.now();
            assert!(now >= deadline, "{micros} us: early by {:?}", deadline - now);
            assert!(now - deadline < Duration::from_secs(20), "late by {:?}", now - deadline);
            assert!(!bench.is_sim() || now == deadline, "the virtual clock is exact");
        }
    }
    // The same with connections that wait.
    let (client, server) = bench.pair();
    bench.submit(Op::Receive(client));
    bench.submit(Op::Receive(server));
    bench.glance(3);
    for _ in 0..5 {
        let deadline = bench.ring.now() + Duration::from_millis(7);
        while bench.ring.now() < deadline {
            assert_eq!(bench.turn(Some(deadline)), 0);
        }
    }
}

pub fn a_deadline_in_the_past_returns_at_once(bench: &mut Bench) {
    let (client, server) = bench.pair();
    bench.submit(Op::Receive(client));
    let start = bench.ring.now();
    for _ in 0..50 {
        assert_eq!(bench.turn(Some(Time::default())), 0);
        assert_eq!(bench.turn(Some(start)), 0);
    }
    let passed = bench.ring.now() - start;
    assert!(passed < Duration::from_secs(20), "{passed:?}");
    assert!(!bench.is_sim() || passed.is_zero());
    bench.send(server, b"!").expect("sent");
    bench.until("it is received", |bench| bench.pending() == 1);
}

pub fn what_is_done_ends_a_wait_without_deadline(bench: &mut Bench) {
    let (client, server) = bench.pair();
    // Refused, cancelled, and done without the kernel.
    let deadline = guard(bench);
    let refused = bench.submit(Op::Receive(koi_sys::ring::Handle(koi_sys::table::Key::NONE)));
    while !bench.has_ended(refused) {
        bench.turn(deadline);
    }
    let empty = bench.submit(Op::Send(client, Payload::from(vec![])));
    while !bench.has_ended(empty) {
        bench.turn(deadline);
    }
    let receive = bench.submit(Op::Receive(server));
    bench.glance(2);
    bench.ring.cancel(receive);
    while !bench.has_ended(receive) {
        bench.turn(deadline);
    }
    let receive = bench.submit(Op::Receive(server));
    bench.start_send(client, b"!");
    while !bench.has_ended(receive) {
        bench.turn(deadline);
    }
    // Bytes that were there before they were asked for.
    bench.send(client, b"!").expect("sent");
    bench.glance(2);
    let receive = bench.submit(Op::Receive(server));
    while !bench.has_ended(receive) {
        bench.turn(deadline);
    }
    assert!(deadline.is_none_or(|deadline| bench.ring.now() < deadline), "a wait hung");
}

/// Connections that wait, some with bytes that nobody asks for: one turn until the deadline, not
/// thousands.
pub fn an_idle_ring_does_not_spin(bench: &mut Bench) {
    let mut pairs = Vec::new();
    for number in 0..30 {
        let (client, server) = bench.pair();
        if number % 3 == 0 {
            bench.greet(client, server);
        }
        if number % 3 != 2 {
            bench.submit(Op::Receive(client));
        }
        // Nobody receives these.
        let send = bench.start_send(client, &[1; 50_000]);
        bench.outcome(send);
        pairs.push((client, server));
    }
    // One that nobody takes further, full to the brim.
    let payload = bench.pattern(0, [128 << 10; 100]);
    let (client, _) = pairs[2];
    let stuck = bench.submit(Op::Send(client, payload));
    // And ends that nobody has been told of.
    for (client, _) in &pairs[20..] {
        bench.close(*client);
    }
    bench.glance(50);
    let turns = bench.ring.counters().turns;
    let deadline = bench.ring.now() + Duration::from_millis(300);
    while bench.ring.now() < deadline {
        bench.turn(Some(deadline));
    }
    let turns = bench.ring.counters().turns - turns;
    assert!(turns < 50, "{turns} turns in 300 ms of silence");
    assert!(!bench.has_ended(stuck));
}

pub fn a_wake_ends_a_wait(bench: &mut Bench) {
    let waker = bench.ring.waker();
    let started = Arc::new(AtomicU32::new(0));
    let seen = started.clone();
    let thread = std::thread::spawn(move || {
        for number in 1..=20 {
            // Each wake only once the last was seen.
            while seen.load(Ordering::SeqCst) < number {
                std::thread::yield_now();
            }
            waker.wake();
        }
    });
    let deadline = guard(bench);
    for number in 1..=20 {
        let woken = bench.woken;
        started.store(number, Ordering::SeqCst);
        while bench.woken == woken {
            bench.turn(deadline);
            assert!(deadline.is_none_or(|deadline| bench.ring.now() < deadline), "no wake came");
        }
        assert_eq!(bench.woken, woken + 1);
    }
    thread.join().expect("the waking thread");
}

pub fn wakes_before_the_wait_are_one(bench: &mut Bench) {
    for round in 0..5 {
        let waker = bench.ring.waker();
        for _ in 0..1000 {
            waker.clone().wake();
        }
        let woken = bench.woken;
        bench.until("the wake is seen", |bench| bench.woken > woken);
        bench.glance(3);
        assert_eq!(bench.woken, woken + 1, "round {round}");
    }
}

/// Threads that wake as fast as they can, beside traffic: after the last wake comes a `Woken`.
pub fn a_storm_of_wakes(bench: &mut Bench) {
    const THREADS: u32 = 8;
    const WAKES: u64 = 10_000;
    let (client, server) = bench.pair();
    let before_last = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (waker, before_last) = (bench.ring.waker(), before_last.clone());
            std::thread::spawn(move || {
                for _ in 1..WAKES {
                    waker.wake();
                }
                before_last.fetch_add(1, Ordering::SeqCst);
                waker.wake();
            })
        })
        .collect();
    let deadline = guard(bench).map(|deadline| deadline + Duration::from_secs(60));
    let turns = bench.ring.counters().turns;
    // The last wake of all comes after the last count, so the `Woken` that it causes is seen with
    // the count complete.
    let mut seen_by_woken = 0;
    while seen_by_woken < THREADS {
        let woken = bench.woken;
        bench.turn(deadline);
        assert!(
            deadline.is_none_or(|deadline| bench.ring.now() < deadline),
            "the last wake is lost"
        );
        if bench.woken > woken {
            seen_by_woken = before_last.load(Ordering::SeqCst);
        }
    }
    for thread in threads {
        thread.join().expect("a waking thread");
    }
    bench.glance(3);
    let turns = bench.ring.counters().turns - turns;
    assert!(bench.woken <= turns, "{} wakes in {turns} turns", bench.woken);
    bench.greet(client, server);
}

pub fn a_waker_outlives_its_ring(bench: &mut Bench) {
    let wakers: Vec<_> = (0..3).map(|_| bench.ring.waker()).collect();
    bench.drop_ring();
    let fresh = bench.ring.waker();
    for waker in &wakers {
        waker.wake();
        waker.wake();
    }
    bench.glance(3);
    assert_eq!(bench.woken, 0, "a wake for another ring");
    fresh.wake();
    bench.until("the wake is seen", |bench| bench.woken == 1);
    std::thread::spawn(move || wakers.iter().for_each(|waker| waker.wake()))
        .join()
        .expect("the other thread");
}
