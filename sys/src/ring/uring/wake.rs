//! Wakes from other threads: an eventfd that the ring always has a read on.

use super::super::Waker;
use super::super::waker::Wake;
use super::request;
use io_uring::squeue;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

/// The descriptor and the eight bytes that the kernel reads its counter into.
pub(super) struct Wakeup {
    // Blocking, because io_uring gives up at once on a read of a non-blocking file.
    event: Arc<EventFd>,
    counter: Box<u64>,
    armed: bool,
    stopped: bool,
}

impl Wakeup {
    pub(super) fn new() -> io::Result<Wakeup> {
        let event = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?);
        Ok(Wakeup { event, counter: Box::new(0), armed: false, stopped: false })
    }

    /// The read to push. The counter stays where it is until its completion.
    pub(super) fn request(&mut self) -> squeue::Entry {
        self.armed = true;
        request::wake(self.event.as_fd().as_raw_fd(), &raw mut *self.counter)
    }

    /// Takes in that the read has ended; true if it should be pushed again.
    pub(super) fn handle_end(&mut self) -> bool {
        self.armed = false;
        !self.stopped
    }

    /// Lets the read in flight be the last.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(super) fn is_armed(&self) -> bool {
        self.armed
    }

    pub(super) fn waker(&self) -> Waker {
        Waker::new(self.event.clone())
    }
}

impl Wake for Arc<EventFd> {
    fn wake(&self) {
        // It blocks only at 2^64 - 2 wakes that nobody saw, and fails only on a bad descriptor.
        let _ = self.write(1);
    }
}
