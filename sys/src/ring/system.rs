//! What the readiness engine asks of a system: calls that never block, and news of readiness.

use crate::clock::Time;
use crate::net::{
    AcceptError, Attempt, ConnectError, Connected, How, Pipe, ReceiveError, SendError,
    SocketAddress,
};
use crate::table::Key;
use std::io::IoSlice;

/// What to watch a descriptor for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Connections to accept.
    Listener,
    /// Both directions of a stream.
    Stream,
    /// Nothing yet: a socket still to be connected, or one that only sends datagrams.
    Later,
}

/// News of one descriptor, or with [`Key::NONE`] of a wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) key: Key,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer has closed its direction, or the connection failed.
    pub(crate) hangup: bool,
    /// Watching it failed with this errno (zero: it did not), so no more news of it will come.
    pub(crate) failed: i32,
}

impl Ready {
    /// News of a wake.
    pub(crate) const WOKEN: Ready =
        Ready { key: Key::NONE, readable: true, writable: false, hangup: false, failed: 0 };
}

/// A kernel, or something that behaves like one.
pub(crate) trait System {
    /// A socket it made.
    type Socket;

    /// Starts watching, edge-triggered, once per descriptor. `Err` is an errno.
    fn watch(&mut self, socket: &Self::Socket, key: Key, interest: Interest) -> Result<(), i32>;
    /// Waits until the deadline (one that has passed: just looks) and appends news. `Err` is an
    /// errno; an interrupted call is no error.
    fn select(&mut self, deadline: Option<Time>, ready: &mut Vec<Ready>) -> Result<(), i32>;
    /// Closes; `abort` sends a reset.
    fn close(&mut self, socket: Self::Socket, abort: bool);

    /// Accepts one waiting connection and closes it at once, whatever the limits say.
    fn shed(&mut self, listener: &Self::Socket) -> bool;
    fn accept(&mut self, listener: &Self::Socket) -> Result<Self::Socket, Attempt<AcceptError>>;
    fn connect(
        &mut self,
        socket: &Self::Socket,
        to: &SocketAddress,
    ) -> Result<Connected, ConnectError>;
    /// The verdict on a started connect, once the socket is writable.
    fn connect_outcome(&mut self, socket: &Self::Socket) -> Result<Connected, ConnectError>;
    fn receive(
        &mut self,
        socket: &Self::Socket,
        into: &mut [u8],
    ) -> Result<usize, Attempt<ReceiveError>>;
    fn send(
        &mut self,
        socket: &Self::Socket,
        runs: &[IoSlice<'_>],
    ) -> Result<usize, Attempt<SendError>>;
    fn send_to(
        &mut self,
        socket: &Self::Socket,
        to: &SocketAddress,
        datagram: &[u8],
    ) -> Result<(), SendError>;
    fn shutdown(&mut self, socket: &Self::Socket, how: How);

    /// Whether [`System::fill`] and [`System::drain`] work here.
    fn can_splice(&self) -> bool;
    fn fill(
        &mut self,
        socket: &Self::Socket,
        pipe: &mut Pipe,
    ) -> Result<usize, Attempt<ReceiveError>>;
    fn drain(
        &mut self,
        socket: &Self::Socket,
        pipe: &mut Pipe,
    ) -> Result<usize, Attempt<SendError>>;
}
