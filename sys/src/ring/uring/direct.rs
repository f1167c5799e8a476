//! Operations done by direct calls: io_uring would hand each to a kernel thread, or has none.

use super::super::op::{Event, Op, Outcome, Side};
use super::request::{self, Kind};
use super::{Closing, Extra, NONE, Uring};
use crate::net::{self, Attempt, SendError};
use crate::ring::inflight::InFlight;
use crate::table::Key;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

impl Uring {
    /// Tries everything that was submitted since the last turn.
    pub(super) fn try_direct(&mut self) {
        let mut tries = std::mem::take(&mut self.tries);
        for (key, side) in tries.drain(..) {
            self.attempt(key, side);
        }
        self.tries = tries;
    }

    fn attempt(&mut self, key: Key, side: Side) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let index = *entry.side(side);
        let Some((_, inflight)) = self.operations.at(index) else { return };
        match attempt(entry.fd.as_fd(), inflight) {
            Ok(outcome) | Err(Attempt::Failed(outcome)) => self.conclude(key, side, outcome),
            Err(Attempt::WouldBlock) => {
                let kind = if side == Side::Read { Kind::PollRead } else { Kind::PollWrite };
                entry.kernel += 1;
                let request = request::poll(entry.fd.as_raw_fd(), key, kind);
                self.push(&request);
            }
        }
    }

    /// Takes in that a descriptor is ready, or that waiting for it was cancelled.
    pub(super) fn poll_done(&mut self, key: Key, side: Side) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.kernel -= 1;
        let index = *entry.side(side);
        let closing = entry.closing != Closing::No;
        match self.operations.at(index) {
            Some((_, inflight)) if inflight.extra.canceled || closing => {
                self.finish_canceled(key, side);
            }
            Some(_) => self.attempt(key, side),
            None => {}
        }
        self.settle(key);
    }

    /// Ends the operation on this side.
    pub(super) fn conclude(&mut self, key: Key, side: Side, outcome: Outcome) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let index = std::mem::replace(entry.side(side), NONE);
        if let Some((token, inflight)) = self.operations.take(index) {
            self.counters.note(&outcome);
            self.done.push(Event::end(token, inflight.op, outcome));
        }
    }
}

fn attempt(
    fd: BorrowedFd<'_>,
    inflight: &mut InFlight<Extra>,
) -> Result<Outcome, Attempt<Outcome>> {
    match &mut inflight.op {
        Op::Fill(_, pipe) => match pipe.fill_from(fd, pipe.capacity()) {
            Ok(_) => Ok(Outcome::Filled(Ok(()))),
            Err(error) => Err(error.map(|e| Outcome::Filled(Err(e)))),
        },
        Op::Drain(_, pipe) => {
            while !pipe.is_empty() {
                pipe.drain_to(fd, pipe.held(), false)
                    .map_err(|e| e.map(|e| Outcome::Drained(Err(e))))?;
            }
            Ok(Outcome::Drained(Ok(())))
        }
        Op::SendTo(_, datagram) => {
            let (to, chunk) = &**datagram;
            let Some(raw) = to.to_raw() else {
                return Ok(Outcome::Sent(Err(SendError::from_errno(libc::ENAMETOOLONG))));
            };
            net::send_to(fd, chunk, &raw)
                .map(|_| Outcome::Sent(Ok(())))
                .map_err(|e| e.map(|e| Outcome::Sent(Err(e))))
        }
        Op::Shutdown(_, how) => {
            // An error means that the connection is gone, which the other operations say better.
            let _ = net::shutdown(fd, *how);
            Ok(Outcome::ShutDown)
        }
        // A send of nothing. The others are never filed here.
        _ => Ok(Outcome::Sent(Ok(()))),
    }
}
