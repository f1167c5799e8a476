//! A connection's handle: what tasks do with a stream.
//!
//! Every operation is submitted when its method is called, not when its future is first polled, so
//! two of them can be under way before either is awaited. Dropping a future cancels its operation;
//! dropping the stream closes it.

use super::Local;
use super::operation::Completed;
use super::shell::Shell;
use koi_sys::buf::Chunk;
use koi_sys::net::{ConnectError, How, Pipe, ReceiveError, SendError, SocketAddress};
use koi_sys::ring::{Handle, Op, Outcome, Payload, Refused, Returned, Token};
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

/// An operation in flight. Its destructor cancels it.
struct Operation<'a> {
    shell: &'a Shell,
    token: Token,
}

impl Future for Operation<'_> {
    type Output = Completed;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Completed> {
        match self.shell.poll_operation(self.token) {
            Some(completed) => Poll::Ready(completed),
            None => Poll::Pending,
        }
    }
}

impl Drop for Operation<'_> {
    fn drop(&mut self) {
        self.shell.abandon(self.token);
    }
}

impl Stream {
    pub(crate) fn new(shell: Rc<Shell>, handle: Handle) -> Stream {
        Stream { shell, handle }
    }

    fn submit(&self, op: Op) -> Operation<'_> {
        Operation { shell: &self.shell, token: self.shell.submit(op) }
    }

    /// Reads what is there, at least a byte; `None` at the end of the stream.
    ///
    /// # Errors
    /// What became of the connection; `Canceled` never, `Closed` when another receive is under way.
    pub fn receive(&self) -> impl Future<Output = Result<Option<Chunk>, ReceiveError>> + '_ {
        let operation = self.submit(Op::Receive(self.handle));
        async move {
            match operation.await.0 {
                Outcome::Received(result) => result,
                _ => Err(ReceiveError::Closed),
            }
        }
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// What became of the connection, with the payload.
    pub fn send(
        &self,
        payload: Payload,
    ) -> impl Future<Output = Result<(), Failure<SendError, Payload>>> + '_ {
        let operation = self.submit(Op::Send(self.handle, payload));
        async move {
            let (outcome, returned) = operation.await;
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

    /// Moves what is there into an empty pipe; a pipe still empty afterwards is the stream's end.
    ///
    /// # Errors
    /// What became of the connection, with the pipe.
    pub fn fill(
        &self,
        pipe: Box<Pipe>,
    ) -> impl Future<Output = Result<Box<Pipe>, Failure<ReceiveError, Box<Pipe>>>> + '_ {
        let operation = self.submit(Op::Fill(self.handle, pipe));
        async move {
            let (outcome, returned) = operation.await;
            match (outcome, pipe_of(returned)) {
                (Outcome::Filled(Ok(())), Some(pipe)) => Ok(pipe),
                (Outcome::Filled(Err(error)), given) => Err(Failure { error, given }),
                (_, given) => Err(Failure { error: ReceiveError::Closed, given }),
            }
        }
    }

    /// Moves all that a pipe holds to the peer.
    ///
    /// # Errors
    /// What became of the connection, with the pipe and what is left in it.
    pub fn drain(
        &self,
        pipe: Box<Pipe>,
    ) -> impl Future<Output = Result<Box<Pipe>, Failure<SendError, Box<Pipe>>>> + '_ {
        let operation = self.submit(Op::Drain(self.handle, pipe));
        async move {
            let (outcome, returned) = operation.await;
            match (outcome, pipe_of(returned)) {
                (Outcome::Drained(Ok(())), Some(pipe)) => Ok(pipe),
                (Outcome::Drained(Err(error)), given) => Err(Failure { error, given }),
                (_, given) => Err(Failure { error: SendError::Closed, given }),
            }
        }
    }

    /// Closes one direction for the peer to see. A connection already gone is no error.
    pub async fn shutdown(&self, how: How) {
        self.submit(Op::Shutdown(self.handle, how)).await;
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

fn pipe_of(returned: Returned) -> Option<Box<Pipe>> {
    match returned {
        Returned::Pipe(pipe) => Some(pipe),
        _ => None,
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
        let outcome = stream.submit(Op::Connect(handle, Box::new(to.clone()))).await.0;
        match outcome {
            Outcome::Connected(Ok(())) => Ok(stream),
            Outcome::Connected(Err(error)) => Err(error),
            Outcome::Refused(Refused::Closed) => Err(ConnectError::Closed),
            _ => Err(ConnectError::Canceled),
        }
    }
}
