//! Listeners that a parent left open: systemd, a service manager, our own predecessor.
//!
//! In: the number of a descriptor, from `fd@N`. Out: a listening descriptor of our own.

use super::listen::start;
use super::options::get_int;
use super::{AdoptError, NameError, SocketAddress, local_address};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

/// Makes a listener of a descriptor that our parent left open (`fd@N`).
///
/// As in HAProxy it has to be bound and may or may not be listening yet. The result is a duplicate,
/// so that one `fd@N` can stand on several lines; descriptor N itself stays open, and with it the
/// queue of the listener, for as long as the process lives. Non-blocking mode belongs to the open
/// socket and so changes for the parent, too.
pub fn adopt_listener(number: i32, backlog: i32) -> Result<OwnedFd, AdoptError> {
    let sort = |errno: Errno| AdoptError::from_errno(errno as i32);
    let fd = duplicate(number).map_err(sort)?;
    let kind = get_int(fd.as_fd(), libc::SOL_SOCKET, libc::SO_TYPE).map_err(sort)?;
    if kind != libc::SOCK_STREAM {
        return Err(AdoptError::NotStream);
    }
    let listening = get_int(fd.as_fd(), libc::SOL_SOCKET, libc::SO_ACCEPTCONN).map_err(sort)?;
    if listening == 0 {
        // listen(2) would choose a port for a socket that has none, and nobody would find it.
        check_bound(fd.as_fd())?;
        start(fd.as_fd(), backlog).map_err(sort)?;
    }
    set_non_blocking(fd.as_fd()).map_err(sort)?;
    Ok(fd)
}

/// A duplicate of a descriptor that our parent left open, to write to: a pipe, a terminal, a file, a
/// socket (`log fd@N`). Its mode stays as the parent set it.
pub fn adopt_output(number: i32) -> Result<OwnedFd, AdoptError> {
    duplicate(number).map_err(|errno| AdoptError::from_errno(errno as i32))
}

fn check_bound(fd: BorrowedFd<'_>) -> Result<(), AdoptError> {
    match local_address(fd) {
        Ok(SocketAddress::Unnamed) => Err(AdoptError::NotBound),
        Ok(address) if address.port() == Some(0) => Err(AdoptError::NotBound),
        Ok(_) => Ok(()),
        Err(NameError::Unexpected(errno)) => Err(AdoptError::Unexpected(errno)),
        Err(_) => Err(AdoptError::NotStream),
    }
}

/// fcntl(2), `F_DUPFD_CLOEXEC`: takes any number, so that one that is not open is only an error.
fn duplicate(number: i32) -> Result<OwnedFd, Errno> {
    // Not over the standard descriptors, should one of them be closed.
    const LOWEST: i32 = 3;
    // SAFETY: no memory is passed, and the kernel checks the number.
    let result = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, LOWEST) };
    let fd = Errno::result(result)?;
    // SAFETY: no system call; the kernel has just opened `fd` for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn set_non_blocking(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::net::testing::*;
    use crate::net::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn an_inherited_listener_is_adopted() {
        let original = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let adopted = adopt_listener(original.as_raw_fd(), 10).unwrap();
        assert!(matches!(accept(adopted.as_fd()), Err(Attempt::WouldBlock)));
        connected(&adopted);
    }

    #[test]
    fn a_bound_socket_is_adopted_and_made_to_listen() {
        let original = stream_socket(Family::V4).unwrap();
        assert_eq!(adopt_listener(original.as_raw_fd(), 10).unwrap_err(), AdoptError::NotBound);
        bind(original.as_fd(), &address("127.0.0.1:0")).unwrap();
        connected(&adopt_listener(original.as_raw_fd(), 10).unwrap());
    }

    #[test]
    fn what_cannot_listen_is_not_adopted() {
        let adopt = |fd: &OwnedFd| adopt_listener(fd.as_raw_fd(), 10).unwrap_err();
        assert_eq!(adopt_listener(-1, 10).unwrap_err(), AdoptError::NotOpen);
        assert_eq!(adopt_listener(i32::MAX, 10).unwrap_err(), AdoptError::NotOpen);
        let (read, _write) = nix::unistd::pipe().unwrap();
        assert_eq!(adopt(&read), AdoptError::NotSocket);
        assert_eq!(adopt(&datagram_socket(Family::V4).unwrap()), AdoptError::NotStream);
        assert_eq!(adopt(&tcp_pair().0), AdoptError::Connected);
    }
}
