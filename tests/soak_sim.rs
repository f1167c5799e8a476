//! The soak of `tests/soak.rs` in a simulated network, where everything also happens that a kernel
//! rarely does: short reads and writes, calls that block for no reason, refused and aborted
//! connections, resets at any send, too few sockets. Virtual minutes, for several seeds.
//!
//! `KOI_SEED` runs one seed only, `KOI_SEEDS` so many.

mod common;

use common::random::{Random, seeds};
use common::soak::{Plan, Tally, soak};
use common::{VIRTUAL_HANG, address, block_on, end, simulated};
use koi::worker::Local;
use koi_sys::ring::sim::{Faults, Network};
use std::time::Duration;

const LENGTH: Duration = Duration::from_secs(120);

#[test]
fn nothing_is_left_of_many_bad_connections() {
    let mut whole = 0;
    for seed in seeds(6) {
        whole += soak_in(seed).whole;
    }
    assert!(whole > 0, "nothing ever worked");
}

/// Each kind of trouble happens or does not, as the seed has it.
fn faults(seed: u64) -> Faults {
    let mut random = Random(seed);
    let mut rate = |most: usize| if random.once_in(2) { random.below(most) as u16 } else { 0 };
    Faults {
        short_reads: rate(500),
        short_writes: rate(500),
        spurious_blocks: rate(300),
        resets: rate(20),
        refused_connects: rate(100),
        aborted_accepts: rate(100),
        delay_max: Duration::from_micros(u64::from(rate(1000)) * 50),
        sockets_max: usize::from(rate(2)) * 40,
    }
}

fn soak_in(seed: u64) -> Tally {
    let faults = faults(seed);
    println!("seed {seed}: {faults:?}");
    let network = Network::new(seed, faults);
    let worker = simulated(&network);
    let local = worker.local().clone();
    let tally = block_on(&worker, VIRTUAL_HANG, async move |local: Local| {
        let plan = Plan {
            seed,
            clients: 8,
            relays: vec![address("10.0.0.1:80"), address("10.0.0.1:81")],
            servers: vec![address("10.0.0.2:80"), address("10.0.0.2:81")],
            bytes_max: 20_000,
            rest: Duration::from_secs(2),
            until: local.now() + LENGTH,
            lossy: faults != Faults::default(),
        };
        soak(&local, plan).await
    });
    println!("{tally:?}\n{:?}\n{:?}", local.counters(), local.ring_counters());
    end(worker);
    assert_eq!((network.open_sockets(), local.pool().stats().copied_bytes), (0, 0));
    tally
}
