//! The processes that this one replaces (`-sf`, `-st`).

use std::time::Duration;

use crate::log;
use crate::process::options::Predecessor;
use koi_sys::guard::{self, KillError, Signal};

/// How often an occupied port is tried again while a predecessor lets go of it, and how long between
/// two attempts; HAProxy's numbers.
pub const ATTEMPTS: u32 = 200;
/// See [`ATTEMPTS`].
pub const PAUSE: Duration = Duration::from_millis(10);

/// Asks them for ports that only one can have.
pub fn ask_for_ports(predecessors: &[Predecessor]) {
    for predecessor in predecessors {
        signal(*predecessor, Signal::StopListening);
    }
}

/// This process could not start: they go on.
pub fn give_back(predecessors: &[Predecessor]) {
    for predecessor in predecessors {
        signal(*predecessor, Signal::ListenAgain);
    }
}

/// Everything listens: they may go.
pub fn relieve(predecessors: &[Predecessor]) {
    for predecessor in predecessors {
        let end = if predecessor.at_once { Signal::Terminate } else { Signal::User1 };
        signal(*predecessor, end);
    }
}

fn signal(predecessor: Predecessor, signal: Signal) {
    match guard::send_signal(predecessor.pid, signal) {
        Ok(()) | Err(KillError::Gone) => {}
        Err(error) => {
            log::warning(format_args!("process {} gets no {signal}: {error}", predecessor.pid));
        }
    }
}
