//! Figures of the running proxies, shared by the workers.
//!
//! In: what begins and ends. Out: counts, for limits, balancing, rules and logs. Relaxed atomics, one
//! cache line per server; nothing here waits.

use crate::config::plan::Plan;
use crate::rules::context::{Counters, Rate};

/// The figures of a plan's proxies.
#[derive(Debug)]
pub struct Live {}

impl Live {
    /// For a plan.
    pub fn new(_plan: &Plan) -> Live {
        unimplemented!()
    }

    /// A connection was accepted on a bind of a frontend; false if `maxconn` (of the process, the
    /// frontend or the bind) forbids it, and then nothing is counted.
    pub fn begin_connection(&self, _frontend: usize, _bind: usize) -> bool {
        unimplemented!()
    }

    /// It ended.
    pub fn end_connection(&self, _frontend: usize, _bind: usize) {
        unimplemented!()
    }

    /// A request was read by a frontend.
    pub fn note_request(&self, _frontend: usize) {
        unimplemented!()
    }

    /// A request reached a backend / left it.
    pub fn begin_backend(&self, _backend: usize) {
        unimplemented!()
    }

    /// It ended.
    pub fn end_backend(&self, _backend: usize) {
        unimplemented!()
    }
}

impl Counters for Live {
    fn servers_up(&self, _backend: usize) -> i64 {
        unimplemented!()
    }
    fn backend_connections(&self, _backend: usize) -> i64 {
        unimplemented!()
    }
    fn frontend_connections(&self, _frontend: usize) -> i64 {
        unimplemented!()
    }
    fn queue(&self, _backend: usize) -> i64 {
        unimplemented!()
    }
    fn server_up(&self, _backend: usize, _server: usize) -> bool {
        unimplemented!()
    }
    fn server_connections(&self, _backend: usize, _server: usize) -> i64 {
        unimplemented!()
    }
    fn server_queue(&self, _backend: usize, _server: usize) -> i64 {
        unimplemented!()
    }
    fn connections(&self) -> i64 {
        unimplemented!()
    }
    fn bind_connections(&self, _frontend: usize, _bind: usize) -> i64 {
        unimplemented!()
    }
    fn rate(&self, _of: Rate) -> i64 {
        unimplemented!()
    }
    fn stopping(&self) -> bool {
        unimplemented!()
    }
}
