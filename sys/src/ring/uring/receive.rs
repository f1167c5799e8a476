//! Receiving: which request is in the kernel's hands, and what came before anybody asked.

use super::super::op::{Event, Op, Outcome, Side};
use super::request::{self, Kind};
use super::{Closing, Uring};
use crate::buf::{Chunk, Class};
use crate::net::ReceiveError;
use crate::table::Key;
use io_uring::cqueue;
use std::collections::VecDeque;
use std::os::fd::AsRawFd;

/// Chunks in the stash at which a multishot receive is stopped.
const STASH_STOP: usize = 2;

/// The receive that the kernel has on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    None,
    /// Multishot, into small buffers.
    Stream,
    /// One, into a bulk buffer.
    Once,
    /// Either, its cancel on the way.
    Stopping,
}

/// What came before it was asked for, in order; empty and unallocated on an idle connection.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "8 bytes on an idle connection instead of 32")]
pub(super) struct Stash(Option<Box<VecDeque<Outcome>>>);

impl Stash {
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Outcome> {
        let queue = self.0.as_mut()?;
        let first = queue.pop_front();
        if queue.is_empty() {
            self.0 = None;
        }
        first
    }

    /// Gives back what could not be used.
    pub(super) fn push_front(&mut self, outcome: Outcome) {
        self.0.get_or_insert_default().push_front(outcome);
    }

    fn push(&mut self, outcome: Outcome) -> usize {
        let queue = self.0.get_or_insert_default();
        queue.push_back(outcome);
        queue.len()
    }
}

impl Uring {
    /// Sees to it that the kernel has a receive on this connection, if somebody waits for one.
    pub(super) fn arm_receive(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.receiving != Request::None || entry.closing != Closing::No {
            return;
        }
        let fd = entry.fd.as_raw_fd();
        let bulk = entry.size.class() == Class::Bulk;
        let entry_request = if (bulk || entry.size.follows_splice()) && self.bulk.has_some() {
            entry.receiving = Request::Once;
            // Multishot would go on to read what is to be spliced.
            let bytes = if bulk { self.bulk.bytes() } else { self.small.bytes() };
            request::receive_once(fd, key, self.bulk.id, bytes)
        } else {
            entry.receiving = Request::Stream;
            request::receive_stream(fd, key, self.small.id)
        };
        entry.kernel += 1;
        self.push(&entry_request);
    }

    /// Takes in the completion of a receive.
    pub(super) fn receive_done(&mut self, kind: Kind, key: Key, result: i32, flags: u32) {
        let chunk = self.chunk_of(kind, result, flags);
        let Some(entry) = self.entries.get_mut(key) else { return };
        if !cqueue::more(flags) {
            entry.receiving = Request::None;
            entry.kernel -= 1;
        }
        if entry.closing != Closing::No {
            return self.settle(key);
        }
        let outcome = match result {
            1.. => {
                entry.size.note(result as usize);
                Some(Ok(chunk))
            }
            0 => Some(entry.lost.take().map_or(Ok(None), Err)),
            _ => match -result {
                libc::ENOBUFS => return self.starve(key),
                // Our own doing: the stream was stopped, or is to become single receives.
                libc::ECANCELED => None,
                errno => Some(Err(ReceiveError::from_errno(errno))),
            },
        };
        if let Some(outcome) = outcome {
            self.deliver(key, Outcome::Received(outcome));
        }
        self.continue_receiving(key);
    }

    /// Puts a receive off until there are buffers; whatever else waits to read needs none.
    fn starve(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let waiting = self.operations.at(entry.read).map(|(_, inflight)| &inflight.op);
        if matches!(waiting, Some(Op::Fill(..))) {
            return self.resume_read(key);
        }
        self.counters.starved += 1;
        self.starved.push(key);
    }

    fn chunk_of(&mut self, kind: Kind, result: i32, flags: u32) -> Option<Chunk> {
        let bid = cqueue::buffer_select(flags)?;
        let group = if kind == Kind::Once { &mut self.bulk } else { &mut self.small };
        group.take(bid, result.max(0) as usize)
    }

    /// To who waits for it, or into the stash.
    fn deliver(&mut self, key: Key, outcome: Outcome) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let waiting = self.operations.at(entry.read);
        if let Some((token, inflight)) = waiting
            && let Op::Receive(_) = inflight.op
        {
            let index = std::mem::replace(&mut entry.read, super::NONE);
            self.operations.clear(index);
            self.counters.note(&outcome);
            return self.done.push(Event::last(token, outcome));
        }
        // A fill that waits for the receive to stop takes it from the stash, too.
        if entry.stash.push(outcome) >= STASH_STOP {
            self.stop_receiving(key);
        }
    }

    /// After a completion: changes to single receives when the connection speaks in bulk, and
    /// starts again where somebody waits.
    fn continue_receiving(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.receiving == Request::Stream && entry.size.class() == Class::Bulk {
            self.stop_receiving(key);
        } else if entry.receiving == Request::None {
            self.resume_read(key);
        }
    }

    /// Starts what waits to read, now that no receive is in the kernel's hands.
    fn resume_read(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        match self.operations.at(entry.read).map(|(_, inflight)| &inflight.op) {
            Some(Op::Receive(_)) => self.arm_receive(key),
            Some(Op::Fill(..)) => self.tries.push((key, Side::Read)),
            _ => {}
        }
    }

    /// Asks for the end of the receive in the kernel's hands, if there is one.
    pub(super) fn stop_receiving(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let kind = match entry.receiving {
            Request::Stream => Kind::Stream,
            Request::Once => Kind::Once,
            Request::None | Request::Stopping => return,
        };
        entry.receiving = Request::Stopping;
        self.push(&request::cancel(kind, key));
    }

    /// Starts receives again that had found no buffer, now that there may be some.
    pub(super) fn restart_starved(&mut self) {
        if self.starved.is_empty() || !self.small.has_some() {
            return;
        }
        for key in std::mem::take(&mut self.starved) {
            self.resume_read(key);
        }
    }
}
