//! What the end-to-end tests stand on: a proxy as a process, origins that follow a script and
//! remember what reached them, a client of raw bytes.
//!
//! No test waits for the clock where it can wait for something to happen; [`PATIENCE`] only turns a
//! hang into a failure. Nothing outlives its test: a [`proxy::Proxy`] and an [`origin::Origins`] end
//! when they are dropped.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod client;
pub mod escape;
pub mod message;
pub mod origin;
pub mod proxy;
pub mod script;
pub mod strict;
pub mod tls;
pub mod wire;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// After which something that should have happened counts as never happening.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The loopback address at this port.
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Ports below those that the system gives to outgoing connections (from 32768 on Linux): one of
/// those could be taken between our look and the proxy's start.
const PORTS: std::ops::Range<u32> = 10_000..32_000;

/// So many ports of the loopback address at which nobody listens, all different, and others each time.
pub fn free_ports(count: usize) -> Vec<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let size = PORTS.end - PORTS.start;
    // Test processes that run at the same time begin at different places.
    let first = std::process::id().wrapping_mul(7919);
    let mut tries = 0..size;
    let mut next = || {
        tries.next().expect("a free port among all");
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let number = PORTS.start + first.wrapping_add(step) % size;
        u16::try_from(number).expect("a port")
    };
    let mut ports = Vec::with_capacity(count);
    while ports.len() < count {
        let port = next();
        if TcpListener::bind(loopback(port)).is_ok() {
            ports.push(port);
        }
    }
    ports
}
