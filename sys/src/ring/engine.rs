//! Completions made out of readiness: what the `poll`, `kqueue` and `sim` back-ends share.
//!
//! In: operations and, from a [`System`], the news that a descriptor can be read or written. Out:
//! one final event per operation. Readiness is edge-triggered and cached: a descriptor is read
//! until it says it has no more, and then not touched until the system reports an edge.
//!
//! Each turn tries what was submitted, then selects once, then tries what became ready. Limits:
//! [`ACCEPTS_PER_TURN`] connections from one listener in a turn.

use super::Counters;
use super::inflight::{Cursor, Operations};
use super::op::{
    Event, Handle, Op, Outcome, Payload, Refused, Side, Token, Unsent, hand_over, loss,
};
use super::size::Size;
use super::system::{Interest, Ready, System};
use super::transfer::{Entry, NONE, Step, receive, send, transfer};
use crate::buf::{Chunk, Class, Pool};
use crate::clock::Time;
use crate::net::{AcceptError, Attempt, ConnectError, Connected, ReceiveError, SendError};
use crate::table::{Key, Table};

/// Connections taken from one listener before the others get their turn.
const ACCEPTS_PER_TURN: usize = 64;

pub(crate) struct Engine<S: System> {
    pub(crate) system: S,
    entries: Table<Entry<S::Socket>>,
    operations: Operations<()>,
    /// Sides to try at the next turn.
    tries: Vec<(Key, Side)>,
    starved: Vec<Key>,
    done: Vec<Event>,
    ready: Vec<Ready>,
    pool: Pool,
    pub(crate) counters: Counters,
}

impl<S: System> Engine<S> {
    pub(crate) fn new(system: S, pool: Pool) -> Self {
        Engine {
            system,
            entries: Table::default(),
            operations: Operations::new(),
            tries: Vec::new(),
            starved: Vec::new(),
            done: Vec::new(),
            ready: Vec::new(),
            pool,
            counters: Counters::default(),
        }
    }

    /// Takes a socket in. `connected` ones are watched at once, the others when they connect.
    pub(crate) fn adopt(&mut self, socket: S::Socket, interest: Interest) -> Result<Handle, i32> {
        let watched = interest != Interest::Later;
        // Watching needs the key, so the entry comes first.
        let key = self.entries.insert(Entry {
            socket,
            read: NONE,
            write: NONE,
            readable: false,
            // A fresh connection has room to send; a wrong guess costs one refused call.
            writable: interest == Interest::Stream,
            hangup: false,
            watched,
            listener: interest == Interest::Listener,
            listed: false,
            promised: 0,
            connecting: false,
            size: Size::default(),
            lost: None,
        });
        if watched
            && let Some(entry) = self.entries.get(key)
            && let Err(errno) = self.system.watch(&entry.socket, key, interest)
        {
            self.close(Handle(key), false);
            return Err(errno);
        }
        Ok(Handle(key))
    }

    pub(crate) fn socket(&self, handle: Handle) -> Option<&S::Socket> {
        self.entries.get(handle.0).map(|entry| &entry.socket)
    }

    pub(crate) fn unsent(&self, socket: Handle) -> Option<Unsent> {
        self.operations.unsent(self.entries.get(socket.0)?.write)
    }

    pub(crate) fn descriptors(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.operations.len()
    }

    pub(crate) fn submit(&mut self, op: Op, token: Token) {
        self.submit_from(op, Cursor::default(), token);
    }

    /// Files an operation, a send from where it has come to.
    fn submit_from(&mut self, op: Op, cursor: Cursor, token: Token) {
        let (Handle(key), side) = (op.handle(), op.side());
        let Some(entry) = self.entries.get_mut(key) else {
            self.counters.stale_handles += 1;
            return self.done.push(op.refuse(token, Refused::Closed));
        };
        if *entry.side(side) != NONE {
            return self.done.push(op.refuse(token, Refused::Busy));
        }
        if matches!(op, Op::Fill(..) | Op::Drain(..)) && !self.system.can_splice() {
            return self.done.push(op.refuse(token, Refused::Unsupported));
        }
        let ready = entry.is_ready_for(&op);
        *entry.side(side) = token.0.index;
        if let Err(op) = self.operations.put(token, op, cursor) {
            *entry.side(side) = NONE;
            return self.done.push(op.refuse(token, Refused::Busy));
        }
        if ready {
            self.tries.push((key, side));
        }
    }

    /// See [`super::Ring::send_now`].
    #[inline]
    pub(crate) fn send_now(
        &mut self,
        socket: Handle,
        payload: Payload,
        token: impl FnOnce() -> Token,
    ) -> Option<(Result<(), SendError>, Payload)> {
        let mut cursor = Cursor::default();
        if let Some(entry) = self.entries.get_mut(socket.0)
            && entry.write == NONE
            && entry.writable
        {
            match send(&mut self.system, &entry.socket, &payload, &mut cursor) {
                Ok(()) => return Some((Ok(()), payload)),
                Err(Attempt::WouldBlock) => entry.writable = false,
                Err(Attempt::Failed(error)) => {
                    let outcome = Outcome::Sent(Err(error));
                    entry.lost = entry.lost.or(loss(&outcome));
                    self.counters.note(&outcome);
                    return Some((Err(error), payload));
                }
            }
        }
        self.submit_from(Op::Send(socket, payload), cursor, token());
        None
    }

    /// See [`super::Ring::receive_now`].
    #[inline]
    pub(crate) fn receive_now(
        &mut self,
        socket: Handle,
        token: impl FnOnce() -> Token,
    ) -> Option<Result<Option<Chunk>, ReceiveError>> {
        let usual = self.entries.get_mut(socket.0).filter(|e| e.read == NONE && e.watched);
        let Some(entry) = usual else {
            self.submit(Op::Receive(socket), token());
            return None;
        };
        let mut starved = false;
        if entry.readable {
            match receive(&mut self.system, &self.pool, entry) {
                Step::Done(Outcome::Received(result)) => {
                    if let Err(error) = result {
                        self.counters.note(&Outcome::Received(Err(error)));
                    }
                    return Some(result);
                }
                Step::Starved => starved = true,
                _ => {}
            }
        }
        let token = token();
        if self.operations.put(token, Op::Receive(socket), Cursor::default()).is_err() {
            self.done.push(Op::Receive(socket).refuse(token, Refused::Busy));
            return None;
        }
        entry.read = token.0.index;
        if starved {
            self.starve(socket.0);
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
        let (handle, side) = (inflight.op.handle(), inflight.op.side());
        if let Some(entry) = self.entries.get_mut(handle.0) {
            *entry.side(side) = NONE;
        }
        self.finish_canceled(token.0.index);
    }

    fn finish_canceled(&mut self, index: u32) {
        if let Some((token, inflight)) = self.operations.take(index) {
            self.done.push(inflight.op.canceled(token));
        }
    }

    /// Closes a descriptor; what was in flight on it ends as cancelled. With `abort` the peer gets
    /// a reset.
    pub(crate) fn close(&mut self, handle: Handle, abort: bool) {
        let Some(entry) = self.entries.remove(handle.0) else {
            self.counters.stale_handles += 1;
            return;
        };
        for index in [entry.read, entry.write] {
            self.finish_canceled(index);
        }
        if entry.listener {
            self.system.forget(&entry.socket);
        }
        self.system.close(entry.socket, abort);
    }

    /// See [`super::Ring::shed`].
    pub(crate) fn shed(&mut self, listener: Handle) -> bool {
        let Some(entry) = self.entries.get(listener.0) else { return false };
        self.system.shed(&entry.socket)
    }

    /// One turn. See [`super::Ring::wait`].
    pub(crate) fn wait(
        &mut self,
        deadline: Option<Time>,
        events: &mut Vec<Event>,
    ) -> Result<(), i32> {
        self.counters.turns += 1;
        self.retry_starved();
        self.try_submitted();
        let deadline = if self.done.is_empty() && self.tries.is_empty() {
            deadline
        } else {
            Some(Time::default())
        };
        let mut ready = std::mem::take(&mut self.ready);
        let selected = self.system.select(deadline, &mut ready);
        for news in ready.drain(..) {
            self.handle_ready(news);
        }
        self.ready = ready;
        hand_over(&mut self.done, events);
        selected
    }

    fn retry_starved(&mut self) {
        if self.starved.is_empty() || !self.pool.available(Class::Small) {
            return;
        }
        for key in std::mem::take(&mut self.starved) {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.listed = false;
                self.attempt(key, Side::Read);
            }
        }
    }

    fn try_submitted(&mut self) {
        // An attempt may ask for another turn by pushing to the (then new) list.
        let mut tries = std::mem::take(&mut self.tries);
        for (key, side) in tries.drain(..) {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.listed &= side == Side::Write;
                self.attempt(key, side);
            }
        }
        if self.tries.is_empty() {
            self.tries = tries;
        }
    }

    fn handle_ready(&mut self, news: Ready) {
        if news.key == Key::NONE {
            self.done.push(Event::last(Token::WAKE, Outcome::Woken));
            return;
        }
        let Some(entry) = self.entries.get_mut(news.key) else {
            self.counters.stale_events += 1;
            return;
        };
        if news.failed != 0 {
            self.counters.note_unexpected(news.failed);
        }
        entry.readable |= news.readable || news.hangup;
        entry.writable |= news.writable || news.hangup;
        entry.hangup |= news.hangup;
        entry.promised = entry.promised.max(news.bytes);
        let (read, write) = (entry.readable, entry.writable);
        let (waits_read, waits_write) = (entry.read != NONE, entry.write != NONE);
        if read && waits_read {
            self.attempt(news.key, Side::Read);
        }
        if write && waits_write {
            self.attempt(news.key, Side::Write);
        }
        if news.failed != 0 {
            self.fail(news.key, news.failed);
        }
    }

    /// Ends what waits on a descriptor of which no news will come.
    fn fail(&mut self, key: Key, errno: i32) {
        for side in [Side::Read, Side::Write] {
            let Some(entry) = self.entries.get_mut(key) else { return };
            let index = *entry.side(side);
            if let Some((_, inflight)) = self.operations.at(index) {
                let outcome = inflight.op.failure(errno);
                self.conclude(key, side, outcome);
            }
        }
    }

    fn attempt(&mut self, key: Key, side: Side) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.connecting && side == Side::Read {
            // It would take the error that is the connect's verdict. Its turn comes after that.
            return;
        }
        let index = *entry.side(side);
        let Some((token, inflight)) = self.operations.at(index) else { return };
        let step = match &mut inflight.op {
            Op::Receive(_) => {
                let step = receive(&mut self.system, &self.pool, entry);
                if let Step::Done(outcome) = step {
                    // The usual case, without moving an operation that holds nothing.
                    entry.read = NONE;
                    self.operations.clear(index);
                    self.counters.note(&outcome);
                    return self.done.push(Event::last(token, outcome));
                }
                step
            }
            Op::Accept(_) => return self.attempt_accept(key, token),
            Op::Connect(..) => return self.attempt_connect(key),
            _ => {
                let mut cursor = inflight.cursor();
                let step = transfer(&mut self.system, entry, &mut inflight.op, &mut cursor);
                inflight.set_cursor(cursor);
                step
            }
        };
        match step {
            Step::Done(outcome) => {
                *entry.side(side) = NONE;
                self.finish(index, outcome);
            }
            Step::Wait => {}
            Step::Starved => self.starve(key),
        }
    }

    /// Makes the final event of an operation that its side has been freed of.
    fn finish(&mut self, index: u32, outcome: Outcome) {
        if let Some((token, inflight)) = self.operations.take(index) {
            self.counters.note(&outcome);
            self.done.push(Event::end(token, inflight.op, outcome));
        }
    }

    fn starve(&mut self, key: Key) {
        self.counters.starved += 1;
        if let Some(entry) = self.entries.get_mut(key)
            && !std::mem::replace(&mut entry.listed, true)
        {
            self.starved.push(key);
        }
    }

    fn attempt_accept(&mut self, key: Key, token: Token) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.listed {
            // It has had its turn; the next one is coming.
            return;
        }
        let mut aborted = 0;
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(entry) = self.entries.get_mut(key) else { return };
            let error = match self.system.accept(&entry.socket) {
                Ok(socket) => match self.adopt(socket, Interest::Stream) {
                    Ok(handle) => {
                        self.done.push(Event::accepted(token, handle));
                        continue;
                    }
                    Err(errno) => AcceptError::from_errno(errno),
                },
                Err(Attempt::WouldBlock) => {
                    entry.readable = false;
                    return;
                }
                // The peer gave up while it waited in the queue.
                Err(Attempt::Failed(AcceptError::Aborted)) if aborted + 1 < ACCEPTS_PER_TURN => {
                    aborted += 1;
                    self.counters.accepts_aborted += 1;
                    continue;
                }
                Err(Attempt::Failed(error)) => error,
            };
            return self.conclude(key, Side::Read, Outcome::Accepted(Err(error)));
        }
        if let Some(entry) = self.entries.get_mut(key) {
            entry.listed = true;
            self.tries.push((key, Side::Read));
        }
    }

    fn conclude(&mut self, key: Key, side: Side, outcome: Outcome) {
        if let Some(entry) = self.entries.get_mut(key) {
            let index = std::mem::replace(entry.side(side), NONE);
            self.finish(index, outcome);
        }
    }

    fn attempt_connect(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let progress = if entry.connecting {
            if !entry.writable {
                return;
            }
            self.system.connect_outcome(&entry.socket)
        } else {
            let Some((_, inflight)) = self.operations.at(entry.write) else { return };
            let Op::Connect(_, ref address) = inflight.op else { return };
            let started = self.system.connect(&entry.socket, address);
            // Watched only from here: a socket that has not begun to connect counts as hung up.
            let watched = match std::mem::replace(&mut entry.watched, true) {
                true => Ok(()),
                false => self.system.watch(&entry.socket, key, Interest::Stream),
            };
            watched.map_err(ConnectError::from_errno).and(started)
        };
        entry.connecting = progress == Ok(Connected::InProgress);
        // After a failure too: the next send must be tried, to learn that nothing is connected.
        entry.writable = progress != Ok(Connected::InProgress);
        let result = match progress {
            Ok(Connected::InProgress) => return,
            Ok(Connected::Done) => Ok(()),
            Err(error) => Err(error),
        };
        let reads = entry.read != NONE;
        self.conclude(key, Side::Write, Outcome::Connected(result));
        if reads {
            self.tries.push((key, Side::Read));
        }
    }
}
