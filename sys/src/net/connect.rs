//! Connecting, and learning how it went.

use super::{ConnectError, NameError, RawAddress, options, socket};
use nix::errno::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connected {
    /// It is there.
    Done,
    /// Not yet: when the socket becomes writable, ask [`connect_outcome`].
    InProgress,
}

/// Starts connecting a non-blocking socket (connect(2)).
///
/// The address may go away afterwards: the kernel copies it before it returns. (io_uring's connect
/// reads it later and needs it until the completion.)
pub fn connect(fd: BorrowedFd<'_>, address: &RawAddress) -> Result<Connected, ConnectError> {
    // SAFETY: `address` is borrowed for the call, and pointer and length are of one value.
    let result = unsafe { libc::connect(fd.as_raw_fd(), address.as_ptr(), address.len()) };
    match Errno::result(result) {
        Ok(_) | Err(Errno::EISCONN) => Ok(Connected::Done),
        // Interrupted, the attempt goes on by itself (POSIX, connect).
        Err(Errno::EINPROGRESS | Errno::EALREADY | Errno::EINTR) => Ok(Connected::InProgress),
        Err(errno) => Err(ConnectError::from_errno(errno as i32)),
    }
}

/// How the attempt ended, for when the socket has become writable.
///
/// Writability alone proves nothing: epoll reports it for a socket that has not begun to connect,
/// and a stale event may come early. Who has a peer is connected, in one system call; of one that lost
/// it again the first operation will tell. Who has none either failed, or is still connecting.
pub fn connect_outcome(fd: BorrowedFd<'_>) -> Result<Connected, ConnectError> {
    match socket::peer_address(fd) {
        Ok(_) => Ok(Connected::Done),
        Err(NameError::NotConnected) => match take_error(fd) {
            0 => Ok(Connected::InProgress),
            errno => Err(ConnectError::from_errno(errno)),
        },
        Err(NameError::Memory) => Err(ConnectError::Memory),
        Err(NameError::Closed) => Err(ConnectError::Closed),
        Err(NameError::Family) => Err(ConnectError::Unexpected(libc::EAFNOSUPPORT)),
        Err(NameError::Unexpected(errno)) => Err(ConnectError::Unexpected(errno)),
    }
}

/// Takes the socket's pending error number (`SO_ERROR`); 0 is none, and asking clears it. Should
/// asking itself fail, its error number is the answer: sort it with the operation's `from_errno`.
pub fn take_error(fd: BorrowedFd<'_>) -> i32 {
    match options::get_int(fd, libc::SOL_SOCKET, libc::SO_ERROR) {
        Ok(errno) => errno,
        Err(errno) => errno as i32,
    }
}
