//! Taking a connection from a listener.

use super::{AcceptError, Attempt, RawAddress, SocketAddress};
use nix::errno::Errno;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Takes one connection (accept4(2)): non-blocking, close-on-exec, with the peer's address in its
/// [canonical](SocketAddress::canonical) form. Options set on the listener are inherited.
pub fn accept(listener: BorrowedFd<'_>) -> Result<(OwnedFd, SocketAddress), Attempt<AcceptError>> {
    let (fd, raw) = loop {
        match accept_raw(listener) {
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Attempt::new(errno, AcceptError::from_errno)),
            Ok(accepted) => break accepted,
        }
    };
    // A connection that was reset in the queue can come without an address: it is of no use.
    match SocketAddress::from_raw(&raw) {
        Some(peer) => Ok((fd, peer.canonical())),
        None => Err(Attempt::Failed(AcceptError::Aborted)),
    }
}

fn accept_raw(listener: BorrowedFd<'_>) -> Result<(OwnedFd, RawAddress), Errno> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let mut raw = RawAddress::empty();
    let (address, len) = raw.room();
    // SAFETY: both pointers are into `raw`, which lives on this stack through the call; the length
    // is the room at `address`, and the kernel writes no more than that.
    let result = unsafe { libc::accept4(listener.as_raw_fd(), address, len, flags) };
    let fd = Errno::result(result)?;
    // SAFETY: no system call; the kernel has just opened `fd` for us and nobody else knows it.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, raw))
}
