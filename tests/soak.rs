//! A soak on every ring: whatever peers do, nothing is left of it in the end.
//!
//! `KOI_SEED` chooses the dice, `KOI_SOAK_SECONDS` how long (for each ring; 10 without it).

mod common;

use common::random::{number, seed};
use common::soak::{Plan, soak};
use common::{HANG, any_port, block_on, each_ring, end, say, worker};
use koi::worker::{Kind, Local};
use koi_sys::guard::raise_descriptor_limit;
use std::time::Duration;

const CLIENTS: usize = 50;
const RELAYS: usize = 4;

#[test]
fn nothing_is_left_of_many_bad_connections() {
    raise_descriptor_limit(4096).expect("the limit on descriptors");
    let seconds = number("KOI_SOAK_SECONDS").unwrap_or(10);
    each_ring(|kind| soak_on(kind, Duration::from_secs(seconds)));
}

fn soak_on(kind: Kind, length: Duration) {
    let descriptors = open_descriptors();
    let worker = worker(kind);
    let local = worker.local().clone();
    let seed = seed(1);
    let tally = block_on(&worker, length + HANG, async move |local: Local| {
        let plan = Plan {
            seed,
            clients: CLIENTS,
            relays: vec![any_port(); RELAYS],
            servers: vec![any_port(); RELAYS],
            bytes_max: 300_000,
            rest: Duration::from_millis(20),
            until: local.now() + length,
            lossy: false,
        };
        soak(&local, plan).await
    });
    let (counters, ring, pool) = (local.counters(), local.ring_counters(), local.pool().stats());
    end(worker);
    drop(local);
    say(&format!("{kind}, seed {seed}: {tally:?}\n{counters:?}\n{ring:?}\n{pool:?}"));
    assert_eq!(open_descriptors(), descriptors, "descriptors leaked");
    assert_eq!(pool.copied_bytes, 0);
    assert!(tally.whole > 0 && tally.bytes > 0);
}

/// Descriptors of this process; zero where the system does not say.
fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}
