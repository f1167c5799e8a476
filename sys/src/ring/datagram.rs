//! Datagrams, which go now or not at all.
//!
//! There is nothing to wait for: no kernel tells when a full receiver has room again (epoll calls
//! an unconnected Unix datagram socket writable all the time, kqueue too), and FreeBSD says at once
//! that there is no room. So that is the answer everywhere.

use crate::net::{self, Attempt, SendError, SocketAddress};
use std::os::fd::BorrowedFd;

/// Sends one; without room for it the error is [`SendError::Memory`], as from `ENOBUFS`.
pub(crate) fn send(
    fd: BorrowedFd<'_>,
    to: &SocketAddress,
    datagram: &[u8],
) -> Result<(), SendError> {
    let raw = to.to_raw().ok_or(SendError::from_errno(libc::ENAMETOOLONG))?;
    match net::send_to(fd, datagram, &raw) {
        Ok(_) => Ok(()),
        Err(Attempt::WouldBlock) => Err(SendError::Memory),
        Err(Attempt::Failed(error)) => Err(error),
    }
}
