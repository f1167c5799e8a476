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
pub mod wire;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

/// After which something that should have happened counts as never happening.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The loopback address at this port.
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// So many ports of the loopback address that nobody listened at a moment ago, all different.
pub fn free_ports(count: usize) -> Vec<u16> {
    let bound: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind(loopback(0)).expect("a port of the loopback address"))
        .collect();
    bound.iter().map(|listener| listener.local_addr().expect("its address").port()).collect()
}
