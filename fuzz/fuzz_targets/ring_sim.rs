//! One or two rings on a simulated network with faults, and any sequence of operations on them. What
//! the contract promises must hold: exactly one final event for each operation, with what it had been
//! given; bytes in order, none lost and none made up; nothing left when everything is closed.

#![no_main]

#[path = "ring_sim/world.rs"]
mod world;

use koi_sys::ring::sim::Faults;
use std::time::Duration;
use world::World;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((head, steps)) = input.split_first_chunk::<10>() else { return };
    let mut world = World::new(1 + usize::from(head[9] & 1), u64::from(head[0]), faults(head));
    // Each step takes four bytes: what, on which of the things there are, and how much.
    for step in steps.chunks_exact(4) {
        let amount = usize::from(u16::from_le_bytes([step[2], step[3]]));
        world.step(step[0], usize::from(step[1]), amount);
    }
    world.end();
});

/// Rates up to a half; zero is as likely as anything else in a small input.
fn faults(head: &[u8; 10]) -> Faults {
    let rate = |byte: u8| u16::from(byte) * 2;
    Faults {
        short_reads: rate(head[1]),
        short_writes: rate(head[2]),
        spurious_blocks: rate(head[3]),
        resets: rate(head[4]) / 8,
        refused_connects: rate(head[5]),
        aborted_accepts: rate(head[6]),
        delay_max: Duration::from_micros(u64::from(head[7])),
        sockets_max: usize::from(head[8] % 32),
    }
}
