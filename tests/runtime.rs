//! The runtime socket, as its users see it: a running Koi, clients that speak to its Unix socket.
//!
//! Where there is an HAProxy (`KOI_HAPROXY`, or /work/haproxy-3.0/haproxy) the same commands are given to both,
//! and the answers are compared: see `runtime/compare.rs`.

mod common;
#[path = "starting/koi.rs"]
#[allow(dead_code)]
mod koi;

use common::folder;

#[path = "runtime/certificates.rs"]
mod certificates;
#[path = "runtime/client.rs"]
mod client;
#[path = "runtime/compare.rs"]
mod compare;
#[path = "runtime/counted.rs"]
mod counted;
#[path = "runtime/lists.rs"]
mod lists;
#[path = "runtime/process.rs"]
mod process;
#[path = "runtime/servers.rs"]
mod servers;
#[path = "runtime/sessions.rs"]
mod sessions;
#[path = "runtime/socket.rs"]
mod socket;
#[path = "runtime/statistics.rs"]
mod statistics;
