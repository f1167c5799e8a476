//! A connection's handle: what tasks do with a stream.
//!
//! [`Stream::receive`] and [`Stream::send`] begin when they are first polled, and are often done
//! then; the `start_` methods begin at once, for tasks that have two things under way. Dropping a
//! future cancels its operation; dropping the stream closes it.

use super::Local;
use super::pending::{
    Connecting, Draining, Filling, Nothing, Pending, Reading, ReceiveResult, Receiving, SendResult,
    Sending,
};
use super::pipes::Pipes;
use super::shell::{Shell, Started as Begun};
use koi_sys::buf::Pool;
use koi_sys::net::{
    ConnectError, How, Pipe, SocketAddress, set_hops, set_mark, set_silent_close, set_tos,
};
use koi_sys::ring::{Handle, Op, Payload, Token, Unsent};
use koi_sys::table::Key;
use std::cell::Cell;
use std::future::Future;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A connected (or connecting) stream socket of this worker.
pub struct Stream {
    shell: Rc<Shell>,
    /// [`Key::NONE`] once the connection was aborted.
    handle: Cell<Handle>,
    /// The receive that [`Stream::poll_receive`] and [`Stream::arm`] began. Its slot stays with the
    /// stream, whoever asks: what it brings is never lost, and the next one costs no new slot.
    /// [`Token::WAKE`] if there is none: four bytes less than an option, in every idle connection.
    armed: Cell<Token>,
}

/// A stream by name: for who ends it from elsewhere ([`Local::abort`]). The name of one that is gone names
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId(Handle);

impl StreamId {
    /// That of no stream.
    pub const NONE: StreamId = StreamId(Handle(Key::NONE));
}

/// An operation that was done at once, or is in flight.
pub enum Started<'a, R: Reading> {
    /// Its result.
    Done(R::Result),
    /// It itself.
    Pending(Pending<'a, R>),
}

/// The future of [`Stream::receive`]. Dropping it leaves the receive under way: the next one has
/// what it brings.
#[must_use = "futures do nothing unless awaited"]
pub struct ReceiveFuture<'a>(&'a Stream);

impl Future for ReceiveFuture<'_> {
    type Output = ReceiveResult;

    #[inline]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<ReceiveResult> {
        self.0.poll_receive()
    }
}

/// The future of [`Stream::send`].
#[must_use = "futures do nothing unless awaited"]
pub struct SendFuture<'a> {
    stream: &'a Stream,
    state: SendState<'a>,
}

enum SendState<'a> {
    Before(Payload),
    Pending(Pending<'a, Sending>),
    Done,
}

impl Future for SendFuture<'_> {
    type Output = SendResult;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<SendResult> {
        if let SendState::Pending(pending) = &mut self.state {
            return Pin::new(pending).poll(cx);
        }
        let SendState::Before(payload) = std::mem::replace(&mut self.state, SendState::Done) else {
            return Poll::Pending;
        };
        match self.stream.begin_send(payload, true) {
            Started::Done(result) => Poll::Ready(result),
            Started::Pending(pending) => {
                self.state = SendState::Pending(pending);
                Poll::Pending
            }
        }
    }
}

impl Stream {
    pub(crate) fn new(shell: Rc<Shell>, handle: Handle) -> Stream {
        Stream { shell, handle: Cell::new(handle), armed: Cell::new(Token::WAKE) }
    }

    /// Reads what is there, at least a byte; `None` at the end of the stream. Gives an error when
    /// the connection failed, `Closed` when another receive is under way.
    #[inline]
    pub fn receive(&self) -> ReceiveFuture<'_> {
        ReceiveFuture(self)
    }

    /// The same for a task that polls by itself. The task that asked last is woken.
    #[inline]
    pub fn poll_receive(&self) -> Poll<ReceiveResult> {
        let armed = self.armed();
        if let Some(token) = armed {
            if let Some((outcome, returned)) = self.shell.poll_operation(token) {
                return Poll::Ready(Receiving::read(outcome, returned));
            }
            if self.shell.is_in_flight(token) {
                return Poll::Pending;
            }
        }
        match self.shell.receive(self.handle.get(), armed) {
            Begun::Done(result) => Poll::Ready(result),
            Begun::Waiting(token) => {
                self.keep(armed, token);
                Poll::Pending
            }
        }
    }

    /// Begins a receive, if none is under way, for the current task to be woken by. What was there
    /// already is its result; [`Stream::has_news`] tells whether one that waits has ended since.
    pub fn arm(&self) -> Option<ReceiveResult> {
        match self.poll_receive() {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    /// Whether a receive is under way, still in vain.
    #[inline]
    pub fn is_receiving(&self) -> bool {
        self.armed().is_some_and(|token| self.shell.is_in_flight(token))
    }

    /// Whether an armed receive has ended: [`Stream::receive`] gives its result at once.
    pub fn has_news(&self) -> bool {
        self.armed().is_some_and(|token| self.shell.has_result(token))
    }

    #[inline]
    fn armed(&self) -> Option<Token> {
        Some(self.armed.get()).filter(|token| *token != Token::WAKE)
    }

    #[inline]
    fn disarm(&self) -> Option<Token> {
        Some(self.armed.replace(Token::WAKE)).filter(|token| *token != Token::WAKE)
    }

    fn keep(&self, old: Option<Token>, token: Token) {
        if old != Some(token) {
            if let Some(old) = old {
                self.shell.release(old);
            }
            self.armed.set(token);
        }
    }

    /// Sends all of it. Gives an error and the payload back when the connection failed.
    #[inline]
    pub fn send(&self, payload: impl Into<Payload>) -> SendFuture<'_> {
        SendFuture { stream: self, state: SendState::Before(payload.into()) }
    }

    /// As [`Stream::receive`], begun now; dropping what it gives cancels it. One that was armed
    /// before is taken over.
    #[inline]
    pub fn start_receive(&self) -> Started<'_, Receiving> {
        if let Some(token) = self.disarm() {
            let mut pending = Pending::<Receiving>::new(&self.shell, token);
            if pending.is_in_flight() {
                return Started::Pending(pending);
            }
            if let Some(result) = pending.peek() {
                return Started::Done(result);
            }
        }
        match self.shell.receive(self.handle.get(), None) {
            Begun::Done(result) => Started::Done(result),
            Begun::Waiting(token) => Started::Pending(Pending::new(&self.shell, token)),
        }
    }

    /// As [`Stream::send`], begun now. Its end wakes the task only if it is an error, or once it is
    /// awaited.
    #[inline]
    pub fn start_send(&self, payload: impl Into<Payload>) -> Started<'_, Sending> {
        self.begin_send(payload.into(), false)
    }

    #[inline]
    fn begin_send(&self, payload: Payload, awaited: bool) -> Started<'_, Sending> {
        match self.shell.send(self.handle.get(), payload, awaited) {
            Begun::Done(result) => Started::Done(result),
            Begun::Waiting(token) => Started::Pending(Pending::new(&self.shell, token)),
        }
    }

    /// How far the bytes under way to the peer are; `None` if there are none. It stays the same while the
    /// peer takes nothing.
    pub fn unsent(&self) -> Option<Unsent> {
        self.shell.ring.borrow().unsent(self.handle.get())
    }

    /// Whether [`Stream::fill`] and [`Stream::drain`] work here.
    pub fn can_splice(&self) -> bool {
        self.shell.ring.borrow().caps().splice
    }

    /// Moves what is there into an empty pipe, up to its limit; a pipe still empty afterwards is the
    /// stream's end.
    pub fn fill(&self, pipe: Box<Pipe>) -> Pending<'_, Filling> {
        Pending::submit(&self.shell, Op::Fill(self.handle.get(), pipe))
    }

    /// Moves what a pipe holds to the peer, as much as is taken at once; at least a byte, or it waits.
    /// What is left is for the next one.
    pub fn drain(&self, pipe: Box<Pipe>) -> Pending<'_, Draining> {
        Pending::submit(&self.shell, Op::Drain(self.handle.get(), pipe))
    }

    /// Closes one direction for the peer to see. A connection already gone is no error. It happens
    /// even if nobody waits for it.
    pub fn shutdown(&self, how: How) -> Pending<'_, Nothing> {
        Pending::submit(&self.shell, Op::Shutdown(self.handle.get(), how))
    }

    /// Closes the connection at once, so that the peer gets a reset. What is under way on it ends as
    /// canceled, what comes later as closed.
    pub fn abort(&self) {
        let handle = self.handle.replace(Handle(Key::NONE));
        if handle != Handle(Key::NONE) {
            self.shell.ring.borrow_mut().abort(handle);
        }
    }

    /// Its name.
    #[inline]
    pub fn id(&self) -> StreamId {
        StreamId(self.handle.get())
    }

    /// Closes the connection so that its peer does not learn of it. Where that cannot be done (it takes
    /// Linux, and CAP_NET_ADMIN) the peer gets a reset that lives for `hops` hops, one if not said, which
    /// spares the firewalls near the peer; with `hops` it always does.
    pub fn vanish(&self, hops: Option<u8>) {
        self.with_fd(|fd| {
            if hops.is_some() || set_silent_close(fd).is_err() {
                // Refused, the reset goes all the way: still a close.
                let _ = set_hops(fd, hops.unwrap_or(1));
            }
        });
        self.abort();
    }

    /// Sets the type of service and the mark of the packets to the peer, where they are given. What the
    /// system refuses (a mark takes a privilege) stays as it is.
    pub fn set_packets(&self, tos: Option<u8>, mark: Option<u32>) {
        if tos.is_none() && mark.is_none() {
            return;
        }
        self.with_fd(|fd| {
            let _ = tos.map(|tos| set_tos(fd, tos));
            let _ = mark.map(|mark| set_mark(fd, mark));
        });
    }

    /// Calls `with` on the descriptor, where there is one.
    fn with_fd(&self, with: impl FnOnce(BorrowedFd<'_>)) {
        self.shell.ring.borrow().with_fd(self.handle.get(), with);
    }

    /// The pipes of this stream's worker.
    pub(super) fn pipes(&self) -> &Rc<Pipes> {
        &self.shell.pipes
    }

    /// The buffers of this stream's worker.
    pub fn pool(&self) -> &Pool {
        &self.shell.pool
    }

    /// The peer's address; `None` once it is gone.
    pub fn peer_address(&self) -> Option<SocketAddress> {
        self.shell.ring.borrow().peer_address(self.handle.get())
    }

    /// Our own address of this connection.
    pub fn local_address(&self) -> Option<SocketAddress> {
        self.shell.ring.borrow().local_address(self.handle.get())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(token) = self.disarm() {
            self.shell.release(token);
        }
        let handle = self.handle.get();
        if handle != Handle(Key::NONE) {
            self.shell.ring.borrow_mut().close(handle);
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({:?})", self.handle.get())
    }
}

impl Local {
    /// [`Stream::abort`] for who does not hold the stream. The task that uses it sees it fail.
    pub fn abort(&self, StreamId(handle): StreamId) {
        if handle != Handle(Key::NONE) {
            self.0.ring.borrow_mut().abort(handle);
        }
    }

    /// A new connection to this address.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn connect(&self, to: &SocketAddress) -> Result<Stream, ConnectError> {
        let handle = self.0.ring.borrow_mut().stream_socket(to)?;
        let stream = Stream::new(self.0.clone(), handle);
        let op = Op::Connect(handle, Box::new(to.clone()));
        Pending::<Connecting>::submit(&self.0, op).await?;
        Ok(stream)
    }
}
