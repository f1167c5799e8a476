//! What the tests of the worker stand on: the rings of this machine, workers that must leave
//! nothing behind, a relay to talk through, dice.
//!
//! No test waits for the clock. Waiting is always for something to happen; [`HANG`] only turns a
//! hang into a failure, and is far beyond what a stalled machine needs.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod child;
pub mod folder;
pub mod peer;
pub mod random;
pub mod relay;
pub mod rules;
pub mod site;
pub mod soak;
pub mod tls;

use koi::worker::{Choice, Kind, Leftovers, Local, Pool, PoolConfig, Ring, SocketAddress, Worker};
use koi_sys::ring::sim::Network;
use std::io::Write;
use std::sync::Once;
use std::time::Duration;

/// After which a test counts as hung.
pub const HANG: Duration = Duration::from_secs(60);

/// The rings of this machine that the environment wants: what `KOI_RING` names, or all of them. One
/// that the machine refuses is skipped with a loud line, unless `KOI_RING` names it.
pub fn rings() -> Vec<Kind> {
    let best = if cfg!(target_os = "freebsd") { Kind::Kqueue } else { Kind::Uring };
    match Choice::from_environment().expect("KOI_RING names a ring") {
        Choice::Forced(kind) => vec![kind],
        Choice::Auto => [best, Kind::Poll].into_iter().filter(|kind| is_here(*kind)).collect(),
    }
}

fn is_here(kind: Kind) -> bool {
    match Ring::open(Choice::Forced(kind), &Pool::new(PoolConfig::default())) {
        Ok(_) => true,
        Err(why) => {
            static SAID: Once = Once::new();
            SAID.call_once(|| say(&format!("*** SKIPPED: all tests on {kind}: {why} ***")));
            false
        }
    }
}

/// The same by a virtual clock, which costs nothing.
pub const VIRTUAL_HANG: Duration = Duration::from_secs(24 * 3600);

/// Runs a test on every ring.
pub fn each_ring(test: impl Fn(Kind)) {
    for kind in rings() {
        println!("on {kind}:");
        test(kind);
    }
}

/// Says something although the test harness captures what passing tests print.
pub fn say(words: &str) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// A worker on a ring of this kind.
pub fn worker(kind: Kind) -> Worker {
    let pool = Pool::new(PoolConfig::default());
    let ring = Ring::open(Choice::Forced(kind), &pool).expect("a ring");
    Worker::new(ring, pool)
}

/// A worker on a host of a simulated network.
pub fn simulated(network: &Network) -> Worker {
    let pool = Pool::new(PoolConfig::default());
    Worker::new(network.ring(&pool), pool)
}

/// Runs a test on a worker, which must leave nothing behind.
pub fn run<T: 'static>(worker: Worker, test: impl AsyncFnOnce(Local) -> T + 'static) -> T {
    let simulated = worker.local().caps().kind == Kind::Sim;
    let value = block_on(&worker, if simulated { VIRTUAL_HANG } else { HANG }, test);
    end(worker);
    value
}

/// Runs a test on a worker, and no longer than this.
pub fn block_on<T: 'static>(
    worker: &Worker,
    limit: Duration,
    test: impl AsyncFnOnce(Local) -> T + 'static,
) -> T {
    let local = worker.local().clone();
    worker.block_on(async move {
        let test = test(local.clone());
        match local.timeout(limit, test).await {
            Ok(value) => value,
            Err(_) => panic!("it hangs: {:?}, {:?}", local, local.ring_counters()),
        }
    })
}

/// Stops a worker on which no task is supposed to run any more.
pub fn end(worker: Worker) {
    let local = worker.local().clone();
    assert_eq!(local.counters().panics, 0, "a task panicked");
    local.stop_within(Duration::ZERO);
    assert_eq!(worker.run(), Leftovers::default());
    assert_eq!(local.ring_counters().unexpected, 0, "{:?}", local.ring_counters());
}

/// An address from text.
pub fn address(text: &str) -> SocketAddress {
    text.parse::<std::net::SocketAddr>().expect("an address").into()
}

/// A port of this machine that the system chooses.
pub fn any_port() -> SocketAddress {
    address("127.0.0.1:0")
}

/// An address as the standard library has it.
pub fn std_address(address: &SocketAddress) -> std::net::SocketAddr {
    std::net::SocketAddr::new(address.ip().expect("an IP"), address.port().expect("a port"))
}
