//! Trying an operation on a descriptor: one attempt, until it is done or would block.
//!
//! In: a [`System`], a descriptor's [`Entry`], the operation. Out: a [`Step`]. What is learned of the
//! descriptor's readiness stays in its entry.

use super::inflight::{Cursor, RUNS_MAX};
use super::op::{Op, Outcome, Payload, Side, loss};
use super::size::Size;
use super::system::System;
use crate::buf::Pool;
use crate::net::{Attempt, Pipe, ReceiveError, SendError};
use std::io::IoSlice;

/// Runs that are sent without room for more.
const RUNS_FEW: usize = 4;

/// No operation.
pub(super) const NONE: u32 = u32::MAX;

/// A descriptor and what is known of it.
pub(super) struct Entry<S> {
    pub(super) socket: S,
    /// The operation slots in flight, per side.
    pub(super) read: u32,
    pub(super) write: u32,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The peer has closed, failed, or sent urgent data: a short read proves nothing.
    pub(super) hangup: bool,
    pub(super) watched: bool,
    pub(super) listener: bool,
    /// Bytes that the system has said are there.
    pub(super) promised: u32,
    /// In the list of those that wait for a buffer, or (a listener) for their next turn.
    pub(super) listed: bool,
    /// A connect is under way: the system's verdict comes when the socket is writable.
    pub(super) connecting: bool,
    pub(super) size: Size,
    /// How the connection was lost, if a send was told and receives were not yet.
    pub(super) lost: Option<ReceiveError>,
}

impl<S> Entry<S> {
    #[inline]
    pub(super) fn side(&mut self, side: Side) -> &mut u32 {
        match side {
            Side::Read => &mut self.read,
            Side::Write => &mut self.write,
        }
    }

    /// Whether trying is worth a system call. A socket that is not watched gives no news: what makes
    /// no sense on it must be tried to fail.
    #[inline]
    pub(super) fn is_ready_for(&self, op: &Op) -> bool {
        match op {
            Op::Connect(..) | Op::Shutdown(..) | Op::SendTo(..) => true,
            Op::Send(_, payload) => self.writable || !self.watched || payload.is_empty(),
            Op::Drain(..) => self.writable || !self.watched,
            Op::Accept(_) | Op::Receive(_) | Op::Fill(..) => self.readable || !self.watched,
        }
    }
}

/// How an attempt at an operation ended.
pub(super) enum Step {
    Done(Outcome),
    Wait,
    /// No buffer: try again when one may have come back.
    Starved,
}

/// Tries an operation that moves bytes (or the like) on a socket, but for receives.
pub(super) fn transfer<S: System>(
    system: &mut S,
    entry: &mut Entry<S::Socket>,
    op: &mut Op,
    cursor: &mut Cursor,
) -> Step {
    let result = match op {
        Op::Fill(_, pipe) => return fill(system, entry, pipe),
        Op::Send(_, payload) => report(send(system, &entry.socket, payload, cursor), Outcome::Sent),
        Op::Drain(_, pipe) => {
            let held = pipe.held();
            match drain(system, &entry.socket, pipe) {
                Err(Attempt::WouldBlock) if pipe.held() < held => {
                    entry.writable = false;
                    Some(Outcome::Drained(Ok(())))
                }
                drained => report(drained, Outcome::Drained),
            }
        }
        Op::SendTo(_, datagram) => {
            Some(Outcome::Sent(system.send_to(&entry.socket, &datagram.0, &datagram.1)))
        }
        Op::Shutdown(_, how) => {
            system.shutdown(&entry.socket, *how);
            Some(Outcome::ShutDown)
        }
        Op::Accept(_) | Op::Connect(..) | Op::Receive(_) => None,
    };
    match result {
        Some(outcome) => {
            entry.lost = entry.lost.or(loss(&outcome));
            Step::Done(outcome)
        }
        None => {
            entry.writable = false;
            Step::Wait
        }
    }
}

/// The outcome of an attempt, unless it would have blocked.
fn report<E>(
    attempted: Result<(), Attempt<E>>,
    outcome: impl FnOnce(Result<(), E>) -> Outcome,
) -> Option<Outcome> {
    match attempted {
        Ok(()) => Some(outcome(Ok(()))),
        Err(Attempt::Failed(error)) => Some(outcome(Err(error))),
        Err(Attempt::WouldBlock) => None,
    }
}

/// Reads once, into a block of the size that the transfer deserves.
pub(super) fn receive<S: System>(
    system: &mut S,
    pool: &Pool,
    entry: &mut Entry<S::Socket>,
) -> Step {
    let Some(mut lease) = entry.size.lease(pool) else { return Step::Starved };
    match system.receive(&entry.socket, &mut lease) {
        Ok(0) => Step::Done(Outcome::Received(entry.lost.take().map_or(Ok(None), Err))),
        Ok(n) => {
            // A short read has emptied the socket, unless its end or an error waits behind.
            entry.promised = entry.promised.saturating_sub(n as u32);
            if n < lease.len() && !entry.hangup && entry.promised == 0 {
                entry.readable = false;
            }
            entry.size.note(n);
            Step::Done(Outcome::Received(Ok(Some(lease.freeze(n)))))
        }
        Err(Attempt::WouldBlock) => {
            entry.readable = false;
            entry.promised = 0;
            Step::Wait
        }
        Err(Attempt::Failed(error)) => Step::Done(Outcome::Received(Err(error))),
    }
}

fn fill<S: System>(system: &mut S, entry: &mut Entry<S::Socket>, pipe: &mut Pipe) -> Step {
    match system.fill(&entry.socket, pipe) {
        Ok(0) if pipe.is_empty() => {
            Step::Done(Outcome::Filled(entry.lost.take().map_or(Ok(()), Err)))
        }
        Ok(_) => {
            entry.size.note_splice();
            Step::Done(Outcome::Filled(Ok(())))
        }
        Err(Attempt::WouldBlock) => {
            entry.readable = false;
            Step::Wait
        }
        Err(Attempt::Failed(error)) => Step::Done(Outcome::Filled(Err(error))),
    }
}

/// Sends until all is gone or the socket is full.
pub(super) fn send<S: System>(
    system: &mut S,
    socket: &S::Socket,
    payload: &Payload,
    cursor: &mut Cursor,
) -> Result<(), Attempt<SendError>> {
    if let Payload::One(chunk) = payload {
        // The usual case without building a vector.
        let rest = cursor.rest_of(chunk);
        if rest.is_empty() {
            return Ok(());
        }
        let n = system.send(socket, &[IoSlice::new(rest)])?;
        if n == rest.len() {
            return Ok(());
        }
        cursor.advance(payload, n);
        return Err(Attempt::WouldBlock);
    }
    // A head and a body are two runs; room for many takes as long to clear as all the rest.
    match payload.chunks().len() {
        ..=RUNS_FEW => send_runs::<S, RUNS_FEW>(system, socket, payload, cursor),
        _ => send_runs::<S, RUNS_MAX>(system, socket, payload, cursor),
    }
}

/// Sends several runs, `N` at a time.
fn send_runs<S: System, const N: usize>(
    system: &mut S,
    socket: &S::Socket,
    payload: &Payload,
    cursor: &mut Cursor,
) -> Result<(), Attempt<SendError>> {
    while !cursor.at_end(payload) {
        let mut slices = [IoSlice::new(&[]); N];
        let runs = cursor.slices(payload, &mut slices);
        let slices = slices.get(..runs).unwrap_or_default();
        let offered = slices.iter().map(|run| run.len()).sum::<usize>();
        let n = system.send(socket, slices)?;
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
