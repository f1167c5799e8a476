//! Completions made out of readiness: what the `poll`, `kqueue` and `sim` back-ends share.
//!
//! In: operations and, from a [`System`], the news that a descriptor can be read or written. Out:
//! one final event per operation. Readiness is edge-triggered and cached: a descriptor is read
//! until it says it has no more, and then not touched until the system reports an edge.
//!
//! Each turn tries what was submitted, then selects once, then tries what became ready. Limits:
//! [`ACCEPTS_PER_TURN`] connections from one listener in a turn.

use super::Counters;
use super::inflight::{Cursor, InFlight, Operations, RUNS_MAX};
use super::op::{Event, Handle, Op, Outcome, Payload, Refused, Side, Token};
use super::size::Size;
use super::system::{Interest, Ready, System};
use crate::buf::{Class, Pool};
use crate::clock::Time;
use crate::net::{AcceptError, Attempt, ConnectError, Connected, Pipe, SendError};
use crate::table::{Key, Table};
use std::io::IoSlice;

/// Connections taken from one listener before the others get their turn.
const ACCEPTS_PER_TURN: usize = 64;

const NONE: u32 = u32::MAX;

/// A descriptor and what is known of it.
struct Entry<S> {
    socket: S,
    /// The operation slots in flight, per side.
    read: u32,
    write: u32,
    readable: bool,
    writable: bool,
    /// The peer has closed or failed: an empty read is coming, so a short read proves nothing.
    hangup: bool,
    watched: bool,
    /// A connect is under way: the system's verdict comes when the socket is writable.
    connecting: bool,
    size: Size,
}

impl<S> Entry<S> {
    fn side(&mut self, side: Side) -> &mut u32 {
        match side {
            Side::Read => &mut self.read,
            Side::Write => &mut self.write,
        }
    }
}

/// How an attempt at an operation ended.
enum Step {
    Done(Outcome),
    Wait,
    /// No buffer: try again when one may have come back.
    Starved,
    /// Still ready, but others come first.
    Again,
}

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
            connecting: false,
            size: Size::default(),
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

    pub(crate) fn descriptors(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.operations.len()
    }

    pub(crate) fn submit(&mut self, op: Op, token: Token) {
        let (handle, side) = (op.handle(), op.side());
        let Some(entry) = self.entries.get_mut(handle.0) else {
            self.counters.stale_handles += 1;
            self.done.push(op.refuse(token, Refused::Closed));
            return;
        };
        if matches!(op, Op::Fill(..) | Op::Drain(..)) && !self.system.can_splice() {
            self.done.push(op.refuse(token, Refused::Unsupported));
            return;
        }
        if *entry.side(side) != NONE {
            self.done.push(op.refuse(token, Refused::Busy));
            return;
        }
        // One that is not watched gives no news: what makes no sense on it must be tried to fail.
        let unwatched = !entry.watched;
        let ready = match op {
            Op::Connect(..) | Op::Shutdown(..) | Op::SendTo(..) => true,
            Op::Send(_, ref payload) => entry.writable || unwatched || payload.is_empty(),
            Op::Drain(..) => entry.writable || unwatched,
            Op::Accept(_) | Op::Receive(_) | Op::Fill(..) => entry.readable || unwatched,
        };
        *entry.side(side) = token.0.index;
        if let Err(op) = self.operations.put(token, op) {
            *entry.side(side) = NONE;
            self.done.push(op.refuse(token, Refused::Busy));
            return;
        }
        if ready {
            self.tries.push((handle.0, side));
        }
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
        events.append(&mut self.done);
        selected
    }

    fn retry_starved(&mut self) {
        if self.starved.is_empty() || !self.pool.available(Class::Small) {
            return;
        }
        for key in std::mem::take(&mut self.starved) {
            self.attempt(key, Side::Read);
        }
    }

    fn try_submitted(&mut self) {
        // An attempt may ask for another turn by pushing to the (then new) list.
        let mut tries = std::mem::take(&mut self.tries);
        for (key, side) in tries.drain(..) {
            self.attempt(key, side);
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
        entry.readable |= news.readable || news.hangup;
        entry.writable |= news.writable || news.hangup;
        entry.hangup |= news.hangup;
        let (read, write) = (entry.readable, entry.writable);
        if read {
            self.attempt(news.key, Side::Read);
        }
        if write {
            self.attempt(news.key, Side::Write);
        }
    }

    fn attempt(&mut self, key: Key, side: Side) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let index = *entry.side(side);
        let Some((token, inflight)) = self.operations.at(index) else { return };
        let step = match (&inflight.op, side) {
            (Op::Accept(_), _) => return self.attempt_accept(key, token),
            (Op::Connect(..), _) => return self.attempt_connect(key),
            (Op::Receive(_), _) => receive(&mut self.system, &self.pool, entry),
            (_, Side::Read) => fill(&mut self.system, entry, inflight),
            (_, Side::Write) => write(&mut self.system, entry, inflight),
        };
        self.conclude(key, side, step);
    }

    fn conclude(&mut self, key: Key, side: Side, step: Step) {
        let outcome = match step {
            Step::Done(outcome) => outcome,
            Step::Wait => return,
            Step::Starved => {
                self.counters.starved += 1;
                return self.starved.push(key);
            }
            Step::Again => return self.tries.push((key, side)),
        };
        let Some(entry) = self.entries.get_mut(key) else { return };
        let index = std::mem::replace(entry.side(side), NONE);
        let Some((token, inflight)) = self.operations.take(index) else { return };
        self.counters.note(&outcome);
        self.done.push(Event::end(token, inflight.op, outcome));
    }

    fn attempt_accept(&mut self, key: Key, token: Token) {
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
                Err(Attempt::Failed(AcceptError::Aborted)) => {
                    self.counters.accepts_aborted += 1;
                    continue;
                }
                Err(Attempt::Failed(error)) => error,
            };
            return self.conclude(key, Side::Read, Step::Done(Outcome::Accepted(Err(error))));
        }
        self.conclude(key, Side::Read, Step::Again);
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
        self.conclude(key, Side::Write, Step::Done(Outcome::Connected(result)));
    }
}

/// Reads once, into a block of the size that the transfer deserves.
fn receive<S: System>(system: &mut S, pool: &Pool, entry: &mut Entry<S::Socket>) -> Step {
    let Some(mut lease) = entry.size.lease(pool) else { return Step::Starved };
    match system.receive(&entry.socket, &mut lease) {
        Ok(0) => Step::Done(Outcome::Received(Ok(None))),
        Ok(n) => {
            // A short read has emptied the socket, unless its end or an error waits behind.
            if n < lease.len() && !entry.hangup {
                entry.readable = false;
            }
            entry.size.note(n);
            Step::Done(Outcome::Received(Ok(Some(lease.freeze(n)))))
        }
        Err(Attempt::WouldBlock) => {
            entry.readable = false;
            Step::Wait
        }
        Err(Attempt::Failed(error)) => Step::Done(Outcome::Received(Err(error))),
    }
}

fn fill<S: System>(
    system: &mut S,
    entry: &mut Entry<S::Socket>,
    inflight: &mut InFlight<()>,
) -> Step {
    let Op::Fill(_, ref mut pipe) = inflight.op else { return Step::Wait };
    match system.fill(&entry.socket, pipe) {
        Ok(_) => Step::Done(Outcome::Filled(Ok(()))),
        Err(Attempt::WouldBlock) => {
            entry.readable = false;
            Step::Wait
        }
        Err(Attempt::Failed(error)) => Step::Done(Outcome::Filled(Err(error))),
    }
}

fn write<S: System>(
    system: &mut S,
    entry: &mut Entry<S::Socket>,
    inflight: &mut InFlight<()>,
) -> Step {
    let result = match &mut inflight.op {
        Op::Send(_, payload) => {
            let result = send(system, &entry.socket, payload, &mut inflight.cursor);
            result.map(|()| Outcome::Sent(Ok(()))).map_err(|e| e.map(|e| Outcome::Sent(Err(e))))
        }
        Op::Drain(_, pipe) => {
            let result = drain(system, &entry.socket, pipe);
            result
                .map(|()| Outcome::Drained(Ok(())))
                .map_err(|e| e.map(|e| Outcome::Drained(Err(e))))
        }
        Op::SendTo(_, datagram) => system
            .send_to(&entry.socket, &datagram.0, &datagram.1)
            .map(|()| Outcome::Sent(Ok(())))
            .map_err(|e| e.map(|e| Outcome::Sent(Err(e)))),
        Op::Shutdown(_, how) => {
            system.shutdown(&entry.socket, *how);
            Ok(Outcome::ShutDown)
        }
        Op::Accept(_) | Op::Connect(..) | Op::Receive(_) | Op::Fill(..) => return Step::Wait,
    };
    match result {
        Ok(outcome) | Err(Attempt::Failed(outcome)) => Step::Done(outcome),
        Err(Attempt::WouldBlock) => {
            entry.writable = false;
            Step::Wait
        }
    }
}

/// Sends until all is gone or the socket is full.
fn send<S: System>(
    system: &mut S,
    socket: &S::Socket,
    payload: &Payload,
    cursor: &mut Cursor,
) -> Result<(), Attempt<SendError>> {
    if let Payload::One(chunk) = payload {
        // The usual case without building a vector.
        let rest = cursor.runs(payload).next().unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        let n = system.send(socket, &[IoSlice::new(rest)])?;
        cursor.advance(payload, n);
        debug_assert!(n <= chunk.len());
        return if n == rest.len() { Ok(()) } else { Err(Attempt::WouldBlock) };
    }
    while !cursor.at_end(payload) {
        let mut slices = [IoSlice::new(&[]); RUNS_MAX];
        let runs = cursor.slices(payload, &mut slices);
        let offered = slices[..runs].iter().map(|run| run.len()).sum::<usize>();
        let n = system.send(socket, &slices[..runs])?;
        cursor.advance(payload, n);
        // A short write means that the socket is full: an edge follows when it is not.
        if n < offered {
            return Err(Attempt::WouldBlock);
        }
    }
    Ok(())
}

/// Moves what the pipe holds until it is empty or the socket is full.
fn drain<S: System>(
    system: &mut S,
    socket: &S::Socket,
    pipe: &mut Pipe,
) -> Result<(), Attempt<SendError>> {
    while !pipe.is_empty() {
        system.drain(socket, pipe)?;
    }
    Ok(())
}
