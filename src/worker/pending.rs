//! An operation in flight, and how its result is read.
//!
//! In: a token. Out: the result, once. Dropping it cancels the operation; its slot, and the buffers
//! in the ring, stay until the ring has let go of them.

use super::shell::Shell;
use koi_sys::buf::Chunk;
use koi_sys::net::{ConnectError, Pipe, ReceiveError, SendError};
use koi_sys::ring::{Op, Outcome, Payload, Returned, Token};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An error, with what the operation had been given.
#[derive(Debug)]
pub struct Failure<Error, Given> {
    /// What went wrong.
    pub error: Error,
    /// The payload or pipe; `None` only after a bug of ours.
    pub given: Option<Given>,
}

/// What a receive brings: bytes, or `None` at the end of the stream.
pub type ReceiveResult = Result<Option<Chunk>, ReceiveError>;

/// What a send brings: the payload comes back only when it failed.
pub type SendResult = Result<(), Failure<SendError, Payload>>;

/// An operation in flight, whose result `R` reads out of its final event.
#[must_use = "dropping it cancels the operation"]
pub struct Pending<'a, R: Reading> {
    shell: &'a Shell,
    token: Token,
    reading: PhantomData<R>,
}

/// How a kind of operation reads its result.
pub trait Reading {
    /// The result.
    type Result;
    /// Reads it. An operation that the ring refused reads as one on a closed connection.
    fn read(outcome: Outcome, returned: Returned) -> Self::Result;
}

// Nothing in it is pinned.
impl<R: Reading> Unpin for Pending<'_, R> {}

impl<'a, R: Reading> Pending<'a, R> {
    #[inline]
    pub(crate) fn new(shell: &'a Shell, token: Token) -> Self {
        Pending { shell, token, reading: PhantomData }
    }

    pub(crate) fn submit(shell: &'a Shell, op: Op) -> Self {
        Pending::new(shell, shell.submit(op))
    }

    /// Whether there is no result yet. Asks for nothing.
    #[inline]
    pub fn is_in_flight(&self) -> bool {
        self.shell.is_in_flight(self.token)
    }

    /// The result, if there is one by now. Unlike awaiting it this does not ask to be woken for it,
    /// except when it is an error: a task that goes on with something else is left in peace.
    #[inline]
    pub fn peek(&mut self) -> Option<R::Result> {
        let (outcome, returned) = self.shell.peek_operation(self.token)?;
        Some(R::read(outcome, returned))
    }
}

impl<R: Reading> Future for Pending<'_, R> {
    type Output = R::Result;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R::Result> {
        match self.shell.poll_operation(self.token) {
            Some((outcome, returned)) => Poll::Ready(R::read(outcome, returned)),
            None => Poll::Pending,
        }
    }
}

impl<R: Reading> Drop for Pending<'_, R> {
    #[inline]
    fn drop(&mut self) {
        self.shell.release(self.token);
    }
}

/// Reads the result of a receive.
pub struct Receiving;
impl Reading for Receiving {
    type Result = ReceiveResult;

    #[inline]
    fn read(outcome: Outcome, _: Returned) -> Self::Result {
        match outcome {
            Outcome::Received(result) => result,
            _ => Err(ReceiveError::Closed),
        }
    }
}

/// Reads the result of a send.
pub struct Sending;
impl Reading for Sending {
    type Result = SendResult;

    #[inline]
    fn read(outcome: Outcome, returned: Returned) -> Self::Result {
        let error = match outcome {
            Outcome::Sent(Ok(())) => return Ok(()),
            Outcome::Sent(Err(error)) => error,
            _ => SendError::Closed,
        };
        let given = match returned {
            Returned::Payload(payload) => Some(payload),
            _ => None,
        };
        Err(Failure { error, given })
    }
}

/// Reads the result of a fill.
pub struct Filling;
impl Reading for Filling {
    type Result = Result<Box<Pipe>, Failure<ReceiveError, Box<Pipe>>>;

    fn read(outcome: Outcome, returned: Returned) -> Self::Result {
        match (outcome, pipe_of(returned)) {
            (Outcome::Filled(Ok(())), Some(pipe)) => Ok(pipe),
            (Outcome::Filled(Err(error)), given) => Err(Failure { error, given }),
            (_, given) => Err(Failure { error: ReceiveError::Closed, given }),
        }
    }
}

/// Reads the result of a drain.
pub struct Draining;
impl Reading for Draining {
    type Result = Result<Box<Pipe>, Failure<SendError, Box<Pipe>>>;

    fn read(outcome: Outcome, returned: Returned) -> Self::Result {
        match (outcome, pipe_of(returned)) {
            (Outcome::Drained(Ok(())), Some(pipe)) => Ok(pipe),
            (Outcome::Drained(Err(error)), given) => Err(Failure { error, given }),
            (_, given) => Err(Failure { error: SendError::Closed, given }),
        }
    }
}

/// Reads the result of a connect.
pub struct Connecting;
impl Reading for Connecting {
    type Result = Result<(), ConnectError>;

    fn read(outcome: Outcome, _: Returned) -> Self::Result {
        match outcome {
            Outcome::Connected(result) => result,
            _ => Err(ConnectError::Closed),
        }
    }
}

/// Has no result to read: a shutdown.
pub struct Nothing;
impl Reading for Nothing {
    type Result = ();
    fn read(_: Outcome, _: Returned) {}
}

fn pipe_of(returned: Returned) -> Option<Box<Pipe>> {
    match returned {
        Returned::Pipe(pipe) => Some(pipe),
        _ => None,
    }
}
