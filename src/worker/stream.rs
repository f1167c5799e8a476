//! A connection's handle: what tasks do with a stream.
//!
//! Every operation is submitted when its method is called, not when its future is first polled, so
//! two of them can be under way before either is awaited. Dropping a future cancels its operation;
//! dropping the stream closes it.

use super::Local;
use super::shell::{Shell, Started};
use koi_sys::buf::Chunk;
use koi_sys::net::{ConnectError, How, Pipe, ReceiveError, SendError, SocketAddress};
use koi_sys::ring::{Handle, Op, Outcome, Payload, Returned, Token};
use koi_sys::table::Key;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A connected (or connecting) stream socket of this worker.
pub struct Stream {
    shell: Rc<Shell>,
    handle: Handle,
}

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

/// An operation in flight, or its result, which `R` takes out of what the ring says. Dropping it
/// cancels the operation.
#[must_use = "dropping it cancels the operation"]
pub struct Operation<'a, R: Reading> {
    shell: &'a Shell,
    state: State<R::Result>,
}

enum State<T> {
    Waiting(Token),
    Done(T),
    Taken,
}

/// How a kind of operation reads its result out of its final event.
pub trait Reading {
    /// The result.
    type Result;
    /// Reads it. An operation that the ring refused reads as one on a closed connection.
    fn read(outcome: Outcome, returned: Returned) -> Self::Result;
}

// Nothing in it is pinned: the future is its token or its result.
impl<R: Reading> Unpin for Operation<'_, R> {}

impl<'a, R: Reading> Operation<'a, R> {
    fn submit(shell: &'a Shell, op: Op) -> Self {
        Operation { shell, state: State::Waiting(shell.submit(op)) }
    }

    #[inline]
    fn started(shell: &'a Shell, started: Started<R::Result>) -> Self {
        let state = match started {
            Started::Waiting(token) => State::Waiting(token),
            Started::Done(result) => State::Done(result),
        };
        Operation { shell, state }
    }
}

impl<R: Reading> Future for Operation<'_, R> {
    type Output = R::Result;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R::Result> {
        if let State::Waiting(token) = self.state {
            let Some((outcome, returned)) = self.shell.poll_operation(token) else {
                return Poll::Pending;
            };
            self.state = State::Taken;
            return Poll::Ready(R::read(outcome, returned));
        }
        match std::mem::replace(&mut self.state, State::Taken) {
            State::Done(result) => Poll::Ready(result),
            _ => Poll::Pending,
        }
    }
}

impl<R: Reading> Drop for Operation<'_, R> {
    #[inline]
    fn drop(&mut self) {
        if let State::Waiting(token) = self.state {
            self.shell.abandon(token);
        }
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

impl Stream {
    pub(crate) fn new(shell: Rc<Shell>, handle: Handle) -> Stream {
        Stream { shell, handle }
    }

    /// Reads what is there, at least a byte; `None` at the end of the stream. Gives an error when
    /// the connection failed, `Closed` when another receive is under way.
    #[inline]
    pub fn receive(&self) -> Operation<'_, Receiving> {
        Operation::started(&self.shell, self.shell.receive(self.handle))
    }

    /// Sends all of it. Gives an error and the payload back when the connection failed.
    #[inline]
    pub fn send(&self, payload: impl Into<Payload>) -> Operation<'_, Sending> {
        Operation::started(&self.shell, self.shell.send(self.handle, payload.into()))
    }

    /// Moves what is there into an empty pipe; a pipe still empty afterwards is the stream's end.
    pub fn fill(&self, pipe: Box<Pipe>) -> Operation<'_, Filling> {
        Operation::submit(&self.shell, Op::Fill(self.handle, pipe))
    }

    /// Moves all that a pipe holds to the peer.
    pub fn drain(&self, pipe: Box<Pipe>) -> Operation<'_, Draining> {
        Operation::submit(&self.shell, Op::Drain(self.handle, pipe))
    }

    /// Closes one direction for the peer to see. A connection already gone is no error.
    pub fn shutdown(&self, how: How) -> Operation<'_, Nothing> {
        Operation::submit(&self.shell, Op::Shutdown(self.handle, how))
    }

    /// Closes the connection so that the peer gets a reset.
    pub fn abort(mut self) {
        let handle = std::mem::replace(&mut self.handle, Handle(Key::NONE));
        self.shell.ring.borrow_mut().abort(handle);
    }

    /// The peer's address; `None` once it is gone.
    pub fn peer_address(&self) -> Option<SocketAddress> {
        self.shell.ring.borrow().peer_address(self.handle)
    }

    /// Our own address of this connection.
    pub fn local_address(&self) -> Option<SocketAddress> {
        self.shell.ring.borrow().local_address(self.handle)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.handle != Handle(Key::NONE) {
            self.shell.ring.borrow_mut().close(self.handle);
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({:?})", self.handle)
    }
}

impl Local {
    /// A new connection to this address.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(&self, to: &SocketAddress) -> Result<Stream, ConnectError> {
        let handle = self.0.ring.borrow_mut().stream_socket(to)?;
        let stream = Stream::new(self.0.clone(), handle);
        let op = Op::Connect(handle, Box::new(to.clone()));
        Operation::<Connecting>::submit(&self.0, op).await?;
        Ok(stream)
    }
}
