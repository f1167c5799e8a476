//! Creating sockets, naming their ends, closing one direction.
//!
//! In: a family, or a descriptor. Out: a descriptor, non-blocking and close-on-exec, or an address
//! in its [canonical](SocketAddress::canonical) form.

use super::raw_address::RawAddress;
use super::{ConnectError, Family, NameError, ShutdownError, SocketAddress};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, Shutdown, SockFlag, SockType, socket, socketpair};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Which direction of a connection to close (shutdown(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Receive no more. The peer does not learn of it.
    Read,
    /// Send no more: the peer reads end of stream after what was sent.
    Write,
    /// Both.
    Both,
}

/// A stream socket to connect with. The error is what connecting would say.
pub fn stream_socket(family: Family) -> Result<OwnedFd, ConnectError> {
    new_socket(family, SockType::Stream).map_err(|errno| ConnectError::from_errno(errno as i32))
}

/// A datagram socket, for `udp@` and `uxdg@` targets.
pub fn datagram_socket(family: Family) -> Result<OwnedFd, ConnectError> {
    new_socket(family, SockType::Datagram).map_err(|errno| ConnectError::from_errno(errno as i32))
}

/// Two connected Unix stream sockets.
pub fn socket_pair() -> Result<(OwnedFd, OwnedFd), ConnectError> {
    socketpair(AddressFamily::Unix, SockType::Stream, None, flags())
        .map_err(|errno| ConnectError::from_errno(errno as i32))
}

/// socket(2), non-blocking and close-on-exec from its birth.
pub(super) fn new_socket(family: Family, kind: SockType) -> Result<OwnedFd, Errno> {
    let family = match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
        Family::Unix => AddressFamily::Unix,
    };
    socket(family, kind, flags(), None)
}

fn flags() -> SockFlag {
    SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC
}

/// Closes one direction, or both (shutdown(2)). The descriptor stays open.
pub fn shutdown(fd: BorrowedFd<'_>, how: How) -> Result<(), ShutdownError> {
    let how = match how {
        How::Read => Shutdown::Read,
        How::Write => Shutdown::Write,
        How::Both => Shutdown::Both,
    };
    nix::sys::socket::shutdown(fd.as_raw_fd(), how)
        .map_err(|errno| ShutdownError::from_errno(errno as i32))
}

/// Our end's address (getsockname(2)); for a listener, where it listens.
pub fn local_address(fd: BorrowedFd<'_>) -> Result<SocketAddress, NameError> {
    let mut raw = RawAddress::empty();
    let (address, len) = raw.room();
    // SAFETY: both pointers are into `raw`, which lives on this stack through the call; the length
    // is the room at `address`, and the kernel writes no more than that.
    let result = unsafe { libc::getsockname(fd.as_raw_fd(), address, len) };
    named(result, &raw)
}

/// The other end's address (getpeername(2)).
pub fn peer_address(fd: BorrowedFd<'_>) -> Result<SocketAddress, NameError> {
    let mut raw = RawAddress::empty();
    let (address, len) = raw.room();
    // SAFETY: both pointers are into `raw`, which lives on this stack through the call; the length
    // is the room at `address`, and the kernel writes no more than that.
    let result = unsafe { libc::getpeername(fd.as_raw_fd(), address, len) };
    named(result, &raw)
}

fn named(result: i32, raw: &RawAddress) -> Result<SocketAddress, NameError> {
    Errno::result(result).map_err(|errno| NameError::from_errno(errno as i32))?;
    SocketAddress::from_raw(raw).map(SocketAddress::canonical).ok_or(NameError::Family)
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;

/// Makes a descriptor from elsewhere non-blocking (fcntl(2)). `Err` is the errno.
pub fn set_nonblocking(fd: &OwnedFd) -> Result<(), i32> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = fcntl(fd, FcntlArg::F_GETFL).map_err(|errno| errno as i32)?;
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
    fcntl(fd, FcntlArg::F_SETFL(flags)).map(|_| ()).map_err(|errno| errno as i32)
}
