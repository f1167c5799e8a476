//! One ring over four back-ends: operations in, completions out.
//!
//! | back-end | where | how |
//! |---|---|---|
//! | `uring` | Linux 6.1 and later | completions from the kernel |
//! | `kqueue` | FreeBSD | readiness, made into completions by `engine` |
//! | `poll` | everywhere (mio) | the same |
//! | `sim` | in memory | the same, on a simulated network with a virtual clock |
//!
//! The contract, which `tests/contract.rs` holds every back-end to:
//!
//! - Nothing completes inside [`Ring::submit`]; every operation has exactly one final event, after
//!   [`Ring::cancel`] and [`Ring::close`] too.
//! - Buffers belong to the ring from submit to the final event and come back with it.
//! - An idle connection holds no buffer: a receive takes its block when bytes are there.
//! - A cancelled receive loses no bytes: the next one gets them.
//! - A send completes once, whole or with an error.
//! - End of stream, reset and half-close are distinct, and the same everywhere.
//!
//! A ring belongs to the thread that opened it. Only [`Waker`]s cross threads.

mod counters;
mod datagram;
mod engine;
mod inflight;
mod op;
mod open;
mod poll;
mod posix;
mod reserve;
pub mod sim;
mod size;
mod system;
mod transfer;
#[cfg(target_os = "linux")]
mod uring;
mod waker;

#[cfg(target_os = "freebsd")]
mod kqueue;

pub use counters::Counters;
pub use op::{Event, Handle, Op, Outcome, Payload, Refused, Returned, Runs, Token, Unsent};
pub use open::{Caps, Choice, Kind, OpenError};
pub use waker::Waker;

use crate::buf::Chunk;
use crate::clock::Time;
use crate::net::{BindError, ConnectError, ListenOptions, ReceiveError, SendError, SocketAddress};
use engine::Engine;
use posix::Posix;
use std::fmt;
use std::os::fd::OwnedFd;

/// What [`Ring::adopt`] takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopt {
    /// A listening socket.
    Listener,
    /// A connected stream.
    Stream,
    /// A stream socket yet to be connected, or a datagram socket.
    Idle,
}

/// A ring: one back-end, chosen by [`Ring::open`].
pub struct Ring {
    backend: Backend,
    caps: Caps,
}

enum Backend {
    #[cfg(target_os = "linux")]
    Uring(Box<uring::Uring>),
    #[cfg(target_os = "freebsd")]
    Kqueue(Box<Engine<Posix<kqueue::Kqueue>>>),
    Poll(Box<Engine<Posix<poll::Poll>>>),
    Sim(Box<Engine<sim::Host>>),
}

/// Runs the same expression on whichever back-end it is.
macro_rules! each {
    ($backend:expr, $b:ident => $do:expr) => {
        match $backend {
            #[cfg(target_os = "linux")]
            Backend::Uring($b) => $do,
            #[cfg(target_os = "freebsd")]
            Backend::Kqueue($b) => $do,
            Backend::Poll($b) => $do,
            Backend::Sim($b) => $do,
        }
    };
}

/// As [`each`], with an arm of its own for the simulation, which has no descriptors.
macro_rules! real_or_sim {
    ($backend:expr, $b:ident => $real:expr, $s:ident => $sim:expr) => {
        match $backend {
            #[cfg(target_os = "linux")]
            Backend::Uring($b) => $real,
            #[cfg(target_os = "freebsd")]
            Backend::Kqueue($b) => $real,
            Backend::Poll($b) => $real,
            Backend::Sim($s) => $sim,
        }
    };
}

impl Ring {
    /// What the back-end is and can do.
    pub fn caps(&self) -> Caps {
        self.caps
    }

    /// The ring's clock: the system's monotonic one, or the simulation's.
    pub fn now(&self) -> Time {
        match &self.backend {
            Backend::Sim(engine) => engine.system.now(),
            _ => Time::monotonic(),
        }
    }

    /// A listening socket at a concrete address.
    ///
    /// # Errors
    /// What the kernel said to socket, bind or listen.
    pub fn listen(
        &mut self,
        address: &SocketAddress,
        options: &ListenOptions,
    ) -> Result<Handle, BindError> {
        let adopted = real_or_sim!(&mut self.backend,
            ring => ring.adopt_fd(crate::net::listen(address, options)?, Adopt::Listener),
            engine => {
                let socket = engine.system.listen(address)?;
                engine.adopt(socket, system::Interest::Listener)
            }
        );
        adopted.map_err(BindError::from_errno)
    }

    /// A stream socket for [`Op::Connect`] to this kind of address.
    ///
    /// # Errors
    /// What the kernel said: out of descriptors, mostly.
    pub fn stream_socket(&mut self, to: &SocketAddress) -> Result<Handle, ConnectError> {
        let adopted = real_or_sim!(&mut self.backend,
            ring => ring.adopt_fd(crate::net::stream_socket(to.family())?, Adopt::Idle),
            engine => {
                let socket = engine.system.stream_socket()?;
                engine.adopt(socket, system::Interest::Later)
            }
        );
        adopted.map_err(ConnectError::from_errno)
    }

    /// Takes in a descriptor made elsewhere (`fd@N`, a socket pair). It is made non-blocking.
    ///
    /// # Errors
    /// The errno of the call that failed; `ENOTSUP` in a simulation.
    pub fn adopt(&mut self, fd: OwnedFd, kind: Adopt) -> Result<Handle, i32> {
        crate::net::set_nonblocking(&fd)?;
        real_or_sim!(&mut self.backend, ring => ring.adopt_fd(fd, kind), _engine => {
            let _ = (fd, kind);
            Err(libc::ENOTSUP)
        })
    }

    /// Hands in an operation. The token must not be in flight already. Nothing completes here.
    #[inline]
    pub fn submit(&mut self, op: Op, token: Token) {
        each!(&mut self.backend, ring => ring.submit(op, token));
    }

    /// Sends without an operation, if all of it can go at once: the result, and the payload back.
    /// `None` when it cannot; then a send is in flight, under the token that was asked for.
    ///
    /// Nobody is called back: who asks gets the answer. It saves a turn's bookkeeping where each
    /// send is a system call anyway. io_uring carries a turn's sends over together and has no answer.
    #[inline]
    pub fn send_now(
        &mut self,
        socket: Handle,
        payload: Payload,
        token: impl FnOnce() -> Token,
    ) -> Option<(Result<(), SendError>, Payload)> {
        each!(&mut self.backend, ring => ring.send_now(socket, payload, token))
    }

    /// Receives without an operation what is known to be there; else as [`Ring::send_now`].
    #[inline]
    pub fn receive_now(
        &mut self,
        socket: Handle,
        token: impl FnOnce() -> Token,
    ) -> Option<Result<Option<Chunk>, ReceiveError>> {
        each!(&mut self.backend, ring => ring.receive_now(socket, token))
    }

    /// How far the send or drain in flight on a socket is; `None` if there is none. (io_uring tells it
    /// as of the last turn.)
    pub fn unsent(&self, socket: Handle) -> Option<Unsent> {
        each!(&self.backend, ring => ring.unsent(socket))
    }

    /// Asks for an operation's end: its final event follows, with the error `Canceled` unless it
    /// was quicker. A stale token is counted and otherwise ignored.
    pub fn cancel(&mut self, token: Token) {
        each!(&mut self.backend, ring => ring.cancel(token));
    }

    /// Closes a descriptor. Operations in flight on it get their final events.
    pub fn close(&mut self, handle: Handle) {
        each!(&mut self.backend, ring => ring.close(handle, false));
    }

    /// Closes a descriptor so that the peer gets a reset.
    pub fn abort(&mut self, handle: Handle) {
        each!(&mut self.backend, ring => ring.close(handle, true));
    }

    /// Accepts one waiting connection with a descriptor kept in reserve and closes it, so that its
    /// client learns that we are full. False when none was waiting (or the reserve is gone).
    pub fn shed(&mut self, listener: Handle) -> bool {
        each!(&mut self.backend, ring => ring.shed(listener))
    }

    /// One turn: carries what was submitted to the kernel and appends the events that are there,
    /// waiting for the first until the deadline (`None`: for ever). Calls nobody back.
    ///
    /// # Errors
    /// An errno that no back-end can do anything about; the ring stays usable.
    #[inline]
    pub fn wait(&mut self, deadline: Option<Time>, events: &mut Vec<Event>) -> Result<(), i32> {
        each!(&mut self.backend, ring => ring.wait(deadline, events))
    }

    /// A handle for other threads to end [`Ring::wait`] with.
    pub fn waker(&self) -> Waker {
        each!(&self.backend, ring => ring.waker())
    }

    /// The address a socket is bound to (the port of `:0`), where it has one.
    pub fn local_address(&self, handle: Handle) -> Option<SocketAddress> {
        real_or_sim!(&self.backend,
            ring => crate::net::local_address(ring.fd(handle)?).ok(),
            engine => engine.system.local_address(*engine.socket(handle)?)
        )
    }

    /// The peer's address, IPv4-mapped ones as IPv4. `None` once the peer is gone.
    pub fn peer_address(&self, handle: Handle) -> Option<SocketAddress> {
        real_or_sim!(&self.backend,
            ring => crate::net::peer_address(ring.fd(handle)?).ok().map(|a| a.canonical()),
            engine => engine.system.peer_address(*engine.socket(handle)?)
        )
    }

    /// Calls `with` on the descriptor, for socket options. `None` for a stale handle or where there
    /// is no descriptor.
    pub fn with_fd<R>(
        &self,
        handle: Handle,
        with: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> R,
    ) -> Option<R> {
        real_or_sim!(&self.backend, ring => ring.fd(handle).map(with), _engine => None)
    }

    /// What the ring has seen so far.
    pub fn counters(&self) -> &Counters {
        each!(&self.backend, ring => ring.counters())
    }

    /// Descriptors it owns.
    pub fn descriptors(&self) -> usize {
        each!(&self.backend, ring => ring.descriptors())
    }

    /// Blocks of the pool that are in the kernel's hands, waiting to be filled.
    pub fn blocks_held(&self) -> usize {
        match &self.backend {
            #[cfg(target_os = "linux")]
            Backend::Uring(ring) => ring.blocks_held(),
            _ => 0,
        }
    }

    /// Operations whose final event has not been made yet.
    pub fn in_flight(&self) -> usize {
        each!(&self.backend, ring => ring.in_flight())
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("caps", &self.caps).field("counters", self.counters()).finish()
    }
}
