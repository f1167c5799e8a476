//! A descriptor kept back for the day there are none left.
//!
//! In: a listener whose connections cannot be accepted. Out: whether one was taken and closed, so
//! that its client hears of it. Limits: one connection a call; the caller sets the pace.

use crate::net;
use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};

/// The descriptor, while nothing has taken it.
#[derive(Debug)]
pub(crate) struct Reserve(Option<OwnedFd>);

impl Reserve {
    pub(crate) fn new() -> Reserve {
        Reserve(open())
    }

    /// Accepts one connection with the reserve's place and closes it.
    pub(crate) fn shed(&mut self, listener: BorrowedFd<'_>) -> bool {
        if self.0.take().is_none() {
            // Somebody took the place last time; perhaps it is free by now.
            self.0 = open();
            return false;
        }
        let shed = net::accept(listener).is_ok();
        self.0 = open();
        shed
    }
}

fn open() -> Option<OwnedFd> {
    File::open("/dev/null").ok().map(OwnedFd::from)
}
