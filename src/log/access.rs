//! The lines of `log`: one per exchange (or connection in TCP mode).
//!
//! In: an exchange that ended, as rules see it. Out: a line in the format of the frontend, to its
//! targets, batched per worker; dropped with a count rather than stall.

use crate::config::plan::Plan;
use crate::rules::action::setting::Level;
use crate::rules::context::Context;
use crate::rules::program::Program;
use crate::worker::Local;

/// A worker's log.
#[derive(Debug)]
pub struct Sink {}

/// Log targets of a plan, opened: made once, before privileges go, and shared by the workers.
#[derive(Debug)]
pub struct Targets {}

impl Targets {
    /// Opens what the plan's `log` lines name.
    ///
    /// # Errors
    /// What cannot be opened, in words, with its place.
    pub fn open(
        _plan: &Plan,
    ) -> Result<std::sync::Arc<Targets>, Vec<(crate::config::source::Span, String)>> {
        unimplemented!()
    }
}

impl Sink {
    /// A worker's sink. Its task, which sends what has gathered at each turn of the worker, is spawned
    /// on `local`.
    pub fn new(_targets: std::sync::Arc<Targets>, _local: &Local) -> Sink {
        unimplemented!()
    }

    /// An exchange ended: writes its line, if its frontend logs (`log`, `option httplog`,
    /// `dontlog-normal`, `dontlognull`, sampling, levels). Cheap when it does not. `level` is what
    /// `set-log-level` asked for; its inner `None` is `silent`.
    pub fn exchange(
        &self,
        _plan: &Plan,
        _program: &Program,
        _context: &Context<'_>,
        _level: Option<Option<Level>>,
    ) {
        unimplemented!()
    }

    /// Whether lines of a frontend go anywhere: if not, nothing needs to be kept for them.
    pub fn wants(&self, _frontend: usize) -> bool {
        unimplemented!()
    }

    /// Something happened that is no exchange (a handshake failed, a connection without a request).
    /// Goes to the frontend's targets in the manner of `error-log-format`.
    pub fn connection(
        &self,
        _plan: &Plan,
        _program: &Program,
        _context: &Context<'_>,
        _what: &str,
    ) {
        unimplemented!()
    }
}
