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
#[path = "../common/ports.rs"]
pub mod ports;
pub mod proxy;
pub mod script;
pub mod strict;
pub mod tls;
pub mod wire;

pub use ports::free_ports;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// After which something that should have happened counts as never happening.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The loopback address at this port.
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
