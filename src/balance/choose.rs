//! The algorithms of `balance`.

use core::net::IpAddr;

use super::Live;
use crate::config::plan::Plan;

/// What the choice may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The client's address.
    pub source: IpAddr,
    /// A random number.
    pub random: u64,
    /// A server that failed just now: another one is preferred (`option redispatch`).
    pub avoid: Option<usize>,
}

/// One worker's choosers, one per backend: what they remember (whose turn it is) is their own.
#[derive(Debug)]
pub struct Chooser {}

impl Chooser {
    /// For a plan; `worker` is this worker's number, so that workers do not all begin with the first.
    pub fn new(_plan: &Plan, _worker: usize) -> Chooser {
        unimplemented!()
    }

    /// A server of a backend; `None` if none is usable.
    pub fn choose(&self, _backend: usize, _key: &Key, _live: &Live) -> Option<usize> {
        unimplemented!()
    }
}
