//! Operations done by direct calls: io_uring would hand each to a kernel thread, or has none.

use super::super::op::{Event, Op, Outcome, Side, loss};
use super::held::is_canceled;
use super::receive::{Request, Stash};
use super::request::{self, Kind};
use super::{Closing, NONE, Uring};
use crate::net::{self, Attempt, Pipe};
use crate::ring::datagram;
use crate::table::Key;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

impl Uring {
    /// Tries everything that was submitted since the last turn.
    pub(super) fn try_direct(&mut self) {
        let mut tries = std::mem::take(&mut self.tries);
        for (key, side) in tries.drain(..) {
            self.attempt(key, side);
        }
        if self.tries.is_empty() {
            self.tries = tries;
        }
    }

    fn attempt(&mut self, key: Key, side: Side) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let index = *entry.side(side);
        let Some((_, inflight)) = self.operations.at(index) else { return };
        let attempted = match &mut inflight.op {
            Op::Fill(_, pipe) => {
                if entry.receiving != Request::None {
                    // What it may still bring comes first; its completion tries again.
                    return self.stop_receiving(key);
                }
                let filled = fill(entry.fd.as_fd(), &mut entry.stash, pipe);
                entry.size.note_splice();
                match (filled, entry.lost) {
                    (Ok(Outcome::Filled(Ok(()))), Some(lost)) if pipe.is_empty() => {
                        entry.lost = None;
                        Ok(Outcome::Filled(Err(lost)))
                    }
                    (filled, _) => filled,
                }
            }
            Op::Drain(..) | Op::SendTo(..) | Op::Shutdown(..) | Op::Send(..) => {
                write(entry.fd.as_fd(), &mut inflight.op)
            }
            // The side has gone on to an operation that the kernel has.
            Op::Accept(_) | Op::Connect(..) | Op::Receive(_) => return,
        };
        match attempted {
            Ok(outcome) | Err(Attempt::Failed(outcome)) => self.conclude(key, side, outcome),
            Err(Attempt::WouldBlock) => {
                let kind = if side == Side::Read { Kind::PollRead } else { Kind::PollWrite };
                inflight.extra_mut().polling = true;
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
            Some((_, inflight)) if is_canceled(inflight) || closing => {
                self.finish_canceled(key, side);
            }
            Some((_, inflight)) => {
                inflight.extra_mut().polling = false;
                self.attempt(key, side);
            }
            None => {}
        }
        self.settle(key);
    }

    /// Ends the operation on this side.
    pub(super) fn conclude(&mut self, key: Key, side: Side, outcome: Outcome) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let index = std::mem::replace(entry.side(side), NONE);
        entry.lost = entry.lost.or(loss(&outcome));
        if let Some((token, inflight)) = self.operations.take(index) {
            self.counters.note(&outcome);
            self.done.push(Event::end(token, inflight.op, outcome));
        }
    }
}

/// Fills a pipe, first with what was received before it was asked for.
fn fill(
    fd: BorrowedFd<'_>,
    stash: &mut Stash,
    pipe: &mut Pipe,
) -> Result<Outcome, Attempt<Outcome>> {
    let failed = |error: Attempt<_>| error.map(|e| Outcome::Filled(Err(e)));
    while let Some(outcome) = stash.pop() {
        match outcome {
            Outcome::Received(Ok(Some(mut chunk))) => {
                let written = pipe.fill_with(&chunk[..chunk.len().min(pipe.room())]);
                chunk.advance(written.unwrap_or(0));
                if !chunk.is_empty() {
                    stash.push_front(Outcome::Received(Ok(Some(chunk))));
                    return match written {
                        // It is full, not empty-handed.
                        Err(Attempt::WouldBlock) if !pipe.is_empty() => Ok(Outcome::Filled(Ok(()))),
                        Err(error) => Err(failed(error)),
                        Ok(_) => Ok(Outcome::Filled(Ok(()))),
                    };
                }
            }
            // An end or an error behind bytes waits for the next fill.
            outcome if !pipe.is_empty() => {
                stash.push_front(outcome);
                return Ok(Outcome::Filled(Ok(())));
            }
            Outcome::Received(Err(error)) => return Ok(Outcome::Filled(Err(error))),
            _ => return Ok(Outcome::Filled(Ok(()))),
        }
    }
    if pipe.room() == 0 {
        return Ok(Outcome::Filled(Ok(())));
    }
    match pipe.fill_from(fd, pipe.room()) {
        Err(Attempt::WouldBlock) if !pipe.is_empty() => Ok(Outcome::Filled(Ok(()))),
        Ok(_) => Ok(Outcome::Filled(Ok(()))),
        Err(error) => Err(failed(error)),
    }
}

fn write(fd: BorrowedFd<'_>, op: &mut Op) -> Result<Outcome, Attempt<Outcome>> {
    match op {
        Op::Drain(_, pipe) => {
            let held = pipe.held();
            while !pipe.is_empty() {
                match pipe.drain_to(fd, pipe.held(), false) {
                    Ok(_) => {}
                    Err(Attempt::WouldBlock) if pipe.held() < held => break,
                    Err(error) => return Err(error.map(|e| Outcome::Drained(Err(e)))),
                }
            }
            Ok(Outcome::Drained(Ok(())))
        }
        Op::SendTo(_, datagram) => Ok(Outcome::Sent(datagram::send(fd, &datagram.0, &datagram.1))),
        Op::Shutdown(_, how) => {
            // An error means that the connection is gone, which the other operations say better.
            let _ = net::shutdown(fd, *how);
            Ok(Outcome::ShutDown)
        }
        // A send of nothing: the others are not called with.
        _ => Ok(Outcome::Sent(Ok(()))),
    }
}
