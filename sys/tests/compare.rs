//! A randomised comparison: the same seeded script of operations gives the same outcomes on the
//! simulation and on every real ring of this machine. And the simulation with all its faults: no
//! byte is lost or out of place unless the connection was reset, every operation ends once, and when
//! the faults stop everything comes to its end.
//!
//! `KOI_SEED=n` runs only that seed; a failure prints its seed and its script.

mod common;

mod compare {
    pub mod script;
    pub mod world;
}

use common::pattern::Random;
use common::{Bench, wanted};
use compare::script::{self, Script};
use compare::world::World;
use koi_sys::ring::Kind;
use koi_sys::ring::sim::{Faults, Network};
use std::time::Duration;

/// Scripts compared per back-end.
const SEEDS: u64 = 300;
/// Scripts run under faults.
const FAULTY_SEEDS: u64 = 500;

fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("KOI_SEED") {
        Ok(seed) => vec![seed.parse().expect("KOI_SEED is a number")],
        Err(_) => (0..count).collect(),
    }
}

/// Prints what failed if the test panics before it is disarmed.
struct OnPanic<'a>(u64, &'a Script);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("KOI_SEED={}; the script:\n{}", self.0, self.1);
        }
    }
}

fn outcomes(bench: Bench, script: &Script) -> Vec<String> {
    let mut world = World::new(bench);
    world.run(script);
    world.finish();
    let outcomes = world.outcomes();
    world.end();
    outcomes
}

fn compare(kind: Kind) {
    for seed in seeds(SEEDS) {
        let script = script::generate(seed);
        let _seen = OnPanic(seed, &script);
        let Some(bench) = Bench::open(kind) else { return };
        let real = outcomes(bench, &script);
        let network = Network::new(seed, Faults::default());
        let simulated = outcomes(Bench::simulated(&network), &script);
        assert_eq!(real.len(), simulated.len());
        for (real, simulated) in real.iter().zip(&simulated) {
            assert_eq!(real, simulated, "{kind} (left) and the simulation (right) differ");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn uring_and_the_simulation_agree() {
    compare(Kind::Uring);
}

#[cfg(target_os = "freebsd")]
#[test]
fn kqueue_and_the_simulation_agree() {
    compare(Kind::Kqueue);
}

#[test]
fn poll_and_the_simulation_agree() {
    compare(Kind::Poll);
}

/// A random subset of the faults, mild or wild.
fn faults(random: &mut Random) -> Faults {
    let mut rate = |most: usize| match random.once_in(2) {
        true => random.below(most) as u16,
        false => 0,
    };
    let (short_reads, short_writes) = (rate(900), rate(900));
    let (spurious_blocks, resets) = (rate(500), rate(60));
    let (refused_connects, aborted_accepts) = (rate(400), rate(300));
    let delay_max = Duration::from_micros(u64::from(rate(40_000)));
    Faults {
        short_reads,
        short_writes,
        spurious_blocks,
        resets,
        refused_connects,
        aborted_accepts,
        delay_max,
        sockets_max: 0,
    }
}

/// All invariants that hold whatever goes wrong; then nothing goes wrong any more, and what is left
/// must come to its end and new connections must work.
#[test]
fn the_simulation_keeps_its_word_under_faults() {
    for seed in seeds(FAULTY_SEEDS) {
        let script = script::generate(seed);
        let _seen = OnPanic(seed, &script);
        let faults = faults(&mut Random(seed));
        let network = Network::new(seed, faults);
        let mut world = World::new(Bench::simulated(&network));
        world.run(&script);
        network.set_faults(Faults::default());
        world.finish();
        world.outcomes();
        world.greet();
        world.end();
    }
}

/// The same seed gives the same history, faults and all.
#[test]
fn the_simulation_repeats_itself() {
    for seed in seeds(20) {
        let script = script::generate(seed);
        let _seen = OnPanic(seed, &script);
        let run = || {
            let network = Network::new(seed, faults(&mut Random(seed)));
            let mut world = World::new(Bench::simulated(&network));
            world.run(&script);
            network.set_faults(Faults::default());
            world.finish();
            let history = (world.history(), network.now());
            world.end();
            history
        };
        assert_eq!(run(), run());
    }
}

#[test]
fn one_ring_at_least_is_compared() {
    let kinds = [Kind::Uring, Kind::Kqueue, Kind::Poll];
    assert!(kinds.into_iter().any(wanted));
}
