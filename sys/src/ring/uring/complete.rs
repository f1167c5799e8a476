//! Completions of the kernel, turned into events.

use super::super::op::{Event, Op, Outcome, Payload, Side};
use super::held::is_canceled;
use super::request::{self, Kind};
use super::{Closing, NONE, Uring};
use crate::net::{AcceptError, ConnectError, SendError};
use crate::ring::{Adopt, Token};
use crate::table::Key;
use io_uring::cqueue;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

impl Uring {
    /// Takes everything out of the completion queue.
    pub(super) fn complete_all(&mut self) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.extend(self.ring.completion().map(|c| (c.user_data(), c.result(), c.flags())));
        for (user_data, result, flags) in scratch.drain(..) {
            self.complete(user_data, result, flags);
        }
        self.scratch = scratch;
    }

    fn complete(&mut self, user_data: u64, result: i32, flags: u32) {
        let Some((kind, key)) = request::split(user_data) else {
            self.counters.stale_events += 1;
            return;
        };
        match kind {
            Kind::Cancel => {}
            Kind::Wake => self.wake_done(result),
            Kind::Accept => self.accept_done(key, result, cqueue::more(flags)),
            Kind::Stream | Kind::Once => self.receive_done(kind, key, result, flags),
            Kind::Connect => self.connect_done(key, result),
            Kind::Send => self.send_done(key, result),
            Kind::PollRead => self.poll_done(key, Side::Read),
            Kind::PollWrite => self.poll_done(key, Side::Write),
        }
    }

    fn wake_done(&mut self, result: i32) {
        if result > 0 {
            self.done.push(Event::last(Token::WAKE, Outcome::Woken));
        }
        if self.wakeup.handle_end() {
            self.arm_wake();
        }
    }

    /// A connection, or the end of the multishot accept.
    fn accept_done(&mut self, key: Key, result: i32, more: bool) {
        let accepted = (result >= 0).then(|| {
            // SAFETY: the kernel has just made this descriptor for us; nobody else knows it.
            unsafe { OwnedFd::from_raw_fd(result) }
        });
        let Some(entry) = self.entries.get_mut(key) else { return };
        if !more {
            entry.kernel -= 1;
        }
        let (fd, closing) = (entry.fd.as_raw_fd(), entry.closing != Closing::No);
        let Some((token, inflight)) = self.operations.at(entry.read) else {
            return self.settle(key);
        };
        let canceled = is_canceled(inflight) || closing;
        let error = match accepted {
            Some(fd) => {
                if let Ok(handle) = self.adopt_fd(fd, Adopt::Stream) {
                    self.done.push(Event::accepted(token, handle));
                }
                None
            }
            None => match AcceptError::from_errno(-result) {
                AcceptError::Aborted => {
                    self.counters.accepts_aborted += 1;
                    None
                }
                error => Some(error),
            },
        };
        if more {
            return;
        }
        if canceled {
            self.conclude(key, Side::Read, Outcome::Accepted(Err(AcceptError::Canceled)));
        } else if let Some(error) = error {
            self.conclude(key, Side::Read, Outcome::Accepted(Err(error)));
        } else {
            // The kernel may end a multishot request at its convenience.
            if let Some(entry) = self.entries.get_mut(key) {
                entry.kernel += 1;
            }
            self.push(&request::accept(fd, key));
        }
        self.settle(key);
    }

    fn connect_done(&mut self, key: Key, result: i32) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.kernel -= 1;
        let connected = match -result {
            // As connect(2) everywhere else in this house: what stands, stands.
            ..=0 | libc::EISCONN => Ok(()),
            libc::ECANCELED => Err(ConnectError::Canceled),
            errno => Err(ConnectError::from_errno(errno)),
        };
        self.conclude(key, Side::Write, Outcome::Connected(connected));
        self.settle(key);
    }

    fn send_done(&mut self, key: Key, result: i32) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.kernel -= 1;
        let closing = entry.closing != Closing::No;
        let Some((_, inflight)) = self.operations.at(entry.write) else { return };
        let canceled = is_canceled(inflight) || closing;
        let Op::Send(_, payload) = &inflight.op else { return };
        if let Payload::One(chunk) = payload
            && result as usize == chunk.len()
            && !closing
        {
            // The usual case, with one look-up instead of four.
            let index = std::mem::replace(&mut entry.write, NONE);
            if let Some((token, inflight)) = self.operations.take(index) {
                self.done.push(Event::end(token, inflight.op, Outcome::Sent(Ok(()))));
            }
            return;
        }
        let mut cursor = inflight.cursor();
        if result >= 0 {
            cursor.advance(payload, result as usize);
        }
        let sent = match -result {
            ..=0 if cursor.at_end(payload) => Some(Ok(())),
            ..=0 | libc::EINTR | libc::EAGAIN if canceled => Some(Err(SendError::Canceled)),
            ..=0 | libc::EINTR | libc::EAGAIN => None,
            libc::ECANCELED => Some(Err(SendError::Canceled)),
            errno => Some(Err(SendError::from_errno(errno))),
        };
        inflight.set_cursor(cursor);
        match sent {
            Some(result) => self.conclude(key, Side::Write, Outcome::Sent(result)),
            None => self.push_send(key),
        }
        self.settle(key);
    }
}
