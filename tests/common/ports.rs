//! Ports for tests: of the loopback address, nobody's, each given once in a process.
//!
//! They lie below those that the system gives to outgoing connections (from 32 768 on Linux): one of
//! those could be taken between the look and the bind. The look is a connection that is refused. It is
//! not a listener of our own: a child that another test starts at this moment would hold a copy of it
//! until its `exec`, and whoever binds next would be told that the address is in use.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

const PORTS: std::ops::Range<u32> = 10_000..32_000;

/// So many ports, all different, and others each time.
pub fn free_ports(count: usize) -> Vec<u16> {
    (0..count).map(|_| free_port()).collect()
}

/// One of them.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let size = PORTS.end - PORTS.start;
    // Test processes that run at the same time begin at different places.
    let first = std::process::id().wrapping_mul(7919);
    (0..size)
        .map(|_| {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let number = PORTS.start + first.wrapping_add(step) % size;
            u16::try_from(number).expect("a port")
        })
        .find(|port| is_free(*port))
        .expect("a free port among all")
}

fn is_free(port: u16) -> bool {
    TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_err()
}
