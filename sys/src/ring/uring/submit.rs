//! Operations on their way in: submitted, cancelled, closed.

use super::super::inflight::Cursor;
use super::super::op::{Event, Handle, Op, Outcome, Payload, Refused, Side, Token};
use super::held::{Memory, Message, kernel_request};
use super::receive::{Request, Stash};
use super::{Closing, NONE, Uring, request};
use crate::buf::Chunk;
use crate::net::{ConnectError, ReceiveError, SendError, set_linger_zero};
use crate::table::Key;
use std::os::fd::{AsFd, AsRawFd};

impl Uring {
    pub(crate) fn submit(&mut self, op: Op, token: Token) {
        let (Handle(key), side) = (op.handle(), op.side());
        let Some(entry) = self.entries.get_mut(key).filter(|e| e.closing == Closing::No) else {
            self.counters.stale_handles += 1;
            self.done.push(op.refuse(token, Refused::Closed));
            return;
        };
        if *entry.side(side) != NONE {
            self.done.push(op.refuse(token, Refused::Busy));
            return;
        }
        if let Op::Receive(_) = op
            && let Some(outcome) = entry.stash.pop()
        {
            self.counters.note(&outcome);
            self.done.push(Event::last(token, outcome));
            return;
        }
        *entry.side(side) = token.0.index;
        if let Err(op) = self.operations.put(token, op, Cursor::default()) {
            *entry.side(side) = NONE;
            self.done.push(op.refuse(token, Refused::Busy));
            return;
        }
        self.start(key, side);
    }

    /// Gives an operation just filed to the kernel, or to the next turn's direct calls.
    fn start(&mut self, key: Key, side: Side) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let index = *entry.side(side);
        let Some((_, inflight)) = self.operations.at(index) else { return };
        match &inflight.op {
            Op::Receive(_) => self.arm_receive(key),
            Op::Send(_, payload) if !payload.is_empty() => self.push_send(key),
            Op::Accept(_) => {
                entry.kernel += 1;
                let request = request::accept(entry.fd.as_raw_fd(), key);
                self.push(&request);
            }
            Op::Connect(_, to) => {
                let Some(raw) = to.to_raw() else {
                    let error = ConnectError::from_errno(libc::ENAMETOOLONG);
                    return self.conclude(key, side, Outcome::Connected(Err(error)));
                };
                let address = Box::new(raw);
                let (pointer, len) = (address.as_ptr(), address.len());
                inflight.extra_mut().memory = Memory::Address(address);
                entry.kernel += 1;
                let request = request::connect(entry.fd.as_raw_fd(), key, pointer, len);
                self.push(&request);
            }
            _ => self.tries.push((key, side)),
        }
    }

    /// Queues what is left of the send in flight on a descriptor.
    pub(super) fn push_send(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let Some((_, inflight)) = self.operations.at(entry.write) else { return };
        let Op::Send(_, payload) = &inflight.op else { return };
        let fd = entry.fd.as_raw_fd();
        let cursor = inflight.cursor();
        let request = if cursor.runs(payload).nth(1).is_some() {
            let message = Message::new(cursor.runs(payload));
            let request = request::send_message(fd, key, &message.header);
            inflight.extra_mut().memory = Memory::Message(message);
            request
        } else {
            request::send(fd, key, cursor.runs(payload).next().unwrap_or_default())
        };
        entry.kernel += 1;
        self.push(&request);
    }

    /// See [`super::Ring::send_now`].
    #[inline]
    pub(crate) fn send_now(
        &mut self,
        socket: Handle,
        payload: Payload,
        token: impl FnOnce() -> Token,
    ) -> Option<(Result<(), SendError>, Payload)> {
        let token = token();
        if let Payload::One(chunk) = &payload
            && !chunk.is_empty()
            && let Some(entry) = self.entries.get_mut(socket.0)
            && entry.closing == Closing::No
            && entry.write == NONE
        {
            // The usual case, with one look-up instead of four.
            let request = request::send(entry.fd.as_raw_fd(), socket.0, chunk);
            let filed = self.operations.put(token, Op::Send(socket, payload), Cursor::default());
            if let Err(op) = filed {
                self.done.push(op.refuse(token, Refused::Busy));
                return None;
            }
            entry.write = token.0.index;
            entry.kernel += 1;
            self.push(&request);
            return None;
        }
        self.submit(Op::Send(socket, payload), token);
        None
    }

    /// See [`super::Ring::receive_now`].
    #[inline]
    pub(crate) fn receive_now(
        &mut self,
        socket: Handle,
        token: impl FnOnce() -> Token,
    ) -> Option<Result<Option<Chunk>, ReceiveError>> {
        let usual = self.entries.get_mut(socket.0);
        let usual = usual.filter(|e| e.read == NONE && e.closing == Closing::No);
        let Some(entry) = usual else {
            self.submit(Op::Receive(socket), token());
            return None;
        };
        if let Some(Outcome::Received(result)) = entry.stash.pop() {
            if let Err(error) = result {
                self.counters.note(&Outcome::Received(Err(error)));
            }
            return Some(result);
        }
        let token = token();
        if self.operations.put(token, Op::Receive(socket), Cursor::default()).is_err() {
            self.done.push(Op::Receive(socket).refuse(token, Refused::Busy));
            return None;
        }
        entry.read = token.0.index;
        if entry.receiving == Request::None {
            self.arm_receive(socket.0);
        }
        None
    }

    pub(crate) fn cancel(&mut self, token: Token) {
        let Some(inflight) = self.operations.get_mut(token) else {
            self.counters.stale_tokens += 1;
            return;
        };
        if inflight.op.outruns_cancel() {
            return;
        }
        let (Handle(key), side) = (inflight.op.handle(), inflight.op.side());
        match kernel_request(inflight) {
            Some(kind) => {
                inflight.extra_mut().canceled = true;
                self.push(&request::cancel(kind, key));
            }
            None => self.finish_canceled(key, side),
        }
    }

    /// Ends an operation that the kernel does not have.
    pub(super) fn finish_canceled(&mut self, key: Key, side: Side) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let index = std::mem::replace(entry.side(side), NONE);
        if let Some((token, inflight)) = self.operations.take(index) {
            self.done.push(inflight.op.canceled(token));
        }
    }

    pub(crate) fn close(&mut self, handle: Handle, abort: bool) {
        let Handle(key) = handle;
        let Some(entry) = self.entries.get_mut(key).filter(|e| e.closing == Closing::No) else {
            self.counters.stale_handles += 1;
            return;
        };
        entry.closing = if abort { Closing::Abort } else { Closing::Close };
        entry.stash = Stash::default();
        let (fd, kernel) = (entry.fd.as_raw_fd(), entry.kernel);
        if kernel > 0 {
            self.push(&request::cancel_descriptor(fd));
        }
        for side in [Side::Read, Side::Write] {
            if !self.in_kernel(key, side) {
                self.finish_canceled(key, side);
            }
        }
        self.settle(key);
    }

    /// Whether the kernel will complete the operation on this side by itself.
    fn in_kernel(&mut self, key: Key, side: Side) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return false };
        let index = *entry.side(side);
        self.operations.at(index).is_some_and(|(_, inflight)| kernel_request(inflight).is_some())
    }

    /// Lets go of a closing descriptor once the kernel has.
    pub(super) fn settle(&mut self, key: Key) {
        match self.entries.get(key) {
            Some(entry) if entry.closing != Closing::No && entry.kernel == 0 => {}
            _ => return,
        }
        if let Some(entry) = self.entries.remove(key)
            && entry.closing == Closing::Abort
        {
            // A socket that cannot be reset (already gone) is closed all the same.
            let _ = set_linger_zero(entry.fd.as_fd());
        }
    }
}
