//! Real sockets under the readiness engine: the calls are the same on every kernel, only the
//! [`Selector`] differs.

use super::datagram;
use super::engine::Engine;
use super::op::Handle;
use super::reserve::Reserve;
use super::system::{Interest, Ready, System};
use super::{Adopt, Counters, Waker};
use crate::clock::Time;
use crate::net::{
    self, AcceptError, Attempt, ConnectError, Connected, How, Pipe, ReceiveError, SendError,
    SocketAddress,
};
use crate::table::Key;
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The kernel's way of telling readiness.
pub(crate) trait Selector {
    /// Watches a descriptor, edge-triggered, from now until it is closed.
    fn watch(&mut self, fd: BorrowedFd<'_>, key: Key, interest: Interest) -> Result<(), i32>;
    /// Stops watching a descriptor whose file may stay open elsewhere.
    fn unwatch(&mut self, fd: BorrowedFd<'_>);
    /// Forgets changes not yet carried to the kernel for a descriptor about to be closed.
    fn forget(&mut self, fd: BorrowedFd<'_>);
    /// Waits at most until the deadline.
    fn select(&mut self, deadline: Option<Time>, ready: &mut Vec<Ready>) -> Result<(), i32>;
    fn waker(&self) -> Waker;
}

/// A selector and the calls around it.
pub(crate) struct Posix<S> {
    selector: S,
    reserve: Reserve,
}

impl<S: Selector> Posix<S> {
    pub(crate) fn new(selector: S) -> Self {
        Posix { selector, reserve: Reserve::new() }
    }
}

impl<S: Selector> System for Posix<S> {
    type Socket = OwnedFd;

    fn watch(&mut self, socket: &OwnedFd, key: Key, interest: Interest) -> Result<(), i32> {
        self.selector.watch(socket.as_fd(), key, interest)
    }

    fn select(&mut self, deadline: Option<Time>, ready: &mut Vec<Ready>) -> Result<(), i32> {
        self.selector.select(deadline, ready)
    }

    fn forget(&mut self, socket: &OwnedFd) {
        self.selector.unwatch(socket.as_fd());
    }

    fn close(&mut self, socket: OwnedFd, abort: bool) {
        self.selector.forget(socket.as_fd());
        if abort {
            // A socket that cannot be reset (already gone) is closed all the same.
            let _ = net::set_linger_zero(socket.as_fd());
        }
        drop(socket);
    }

    fn shed(&mut self, listener: &OwnedFd) -> bool {
        self.reserve.shed(listener.as_fd())
    }

    fn accept(&mut self, listener: &OwnedFd) -> Result<OwnedFd, Attempt<AcceptError>> {
        net::accept(listener.as_fd()).map(|(fd, _)| fd)
    }

    fn connect(&mut self, socket: &OwnedFd, to: &SocketAddress) -> Result<Connected, ConnectError> {
        let raw = to.to_raw().ok_or(ConnectError::from_errno(libc::ENAMETOOLONG))?;
        net::connect(socket.as_fd(), &raw)
    }

    fn connect_outcome(&mut self, socket: &OwnedFd) -> Result<Connected, ConnectError> {
        net::connect_outcome(socket.as_fd())
    }

    fn receive(
        &mut self,
        socket: &OwnedFd,
        into: &mut [u8],
    ) -> Result<usize, Attempt<ReceiveError>> {
        net::receive(socket.as_fd(), into)
    }

    fn send(
        &mut self,
        socket: &OwnedFd,
        runs: &[IoSlice<'_>],
    ) -> Result<usize, Attempt<SendError>> {
        match runs {
            [run] => net::send(socket.as_fd(), run),
            runs => net::send_vectored(socket.as_fd(), runs, false),
        }
    }

    fn send_to(
        &mut self,
        socket: &OwnedFd,
        to: &SocketAddress,
        bytes: &[u8],
    ) -> Result<(), SendError> {
        datagram::send(socket.as_fd(), to, bytes)
    }

    fn shutdown(&mut self, socket: &OwnedFd, how: How) {
        // An error means that the connection is gone, which the other operations say better.
        let _ = net::shutdown(socket.as_fd(), how);
    }

    fn can_splice(&self) -> bool {
        net::CAN_SPLICE
    }

    fn fill(&mut self, socket: &OwnedFd, pipe: &mut Pipe) -> Result<usize, Attempt<ReceiveError>> {
        pipe.fill_from(socket.as_fd(), pipe.room())
    }

    fn drain(&mut self, socket: &OwnedFd, pipe: &mut Pipe) -> Result<usize, Attempt<SendError>> {
        pipe.drain_to(socket.as_fd(), pipe.held(), false)
    }
}

/// What [`super::Ring`] asks of a back-end on real sockets beside the contract.
impl<S: Selector> Engine<Posix<S>> {
    pub(crate) fn adopt_fd(&mut self, fd: OwnedFd, kind: Adopt) -> Result<Handle, i32> {
        self.adopt(
            fd,
            match kind {
                Adopt::Listener => Interest::Listener,
                Adopt::Stream => Interest::Stream,
                Adopt::Idle => Interest::Later,
            },
        )
    }

    pub(crate) fn fd(&self, handle: Handle) -> Option<BorrowedFd<'_>> {
        self.socket(handle).map(|fd| fd.as_fd())
    }

    pub(crate) fn waker(&self) -> Waker {
        self.system.selector.waker()
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
}
