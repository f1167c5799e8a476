//! What the kernel can answer, operation by operation.
//!
//! In: an error number. Out: a variant of the operation's own enum, so that a reader's error cannot
//! hold a writer's fault. The tables below are complete: a number outside them becomes
//! `Unexpected`, which the caller counts and logs.
//!
//! Two variants have a meaning of ours. `Canceled` is our own cancel (io_uring reports it as
//! `ECANCELED`). `Closed` says that the handle is stale (`EBADF`). `EAGAIN` is not in the tables:
//! it is [`Attempt::WouldBlock`](super::Attempt), except for connect(2) on a Unix socket.

use std::fmt;

/// Linux only (accept(2)); no error number is negative, so elsewhere it never matches.
#[cfg(target_os = "linux")]
const ENONET: i32 = libc::ENONET;
#[cfg(not(target_os = "linux"))]
const ENONET: i32 = -1;

/// Builds one error enum: a row is `Variant = "text": ERRNO ERRNO;`.
macro_rules! errno_enum {
    ($(#[$about:meta])* $name:ident {
        $($variant:ident = $text:literal : $($errno:expr),*;)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!($text, ".")] $variant,)*
            /// An error number that this operation is not known to give: count it and log it.
            Unexpected(i32),
        }

        impl $name {
            /// Sorts an error number (errno(3)).
            pub fn from_errno(errno: i32) -> Self {
                $(if [$($errno),*].contains(&errno) { return Self::$variant; })*
                Self::Unexpected(errno)
            }

            /// The error number, if it is one that this operation is not known to give.
            pub fn unexpected(self) -> Option<i32> {
                match self {
                    Self::Unexpected(errno) => Some(errno),
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($text),)*
                    Self::Unexpected(errno) => unexpected(*errno, f),
                }
            }
        }

        impl std::error::Error for $name {}
    };
}

/// The text of an error number that no table holds.
pub(super) fn unexpected(errno: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "unexpected: {}", std::io::Error::from_raw_os_error(errno))
}

errno_enum! {
    /// Why accept(2) gave no connection.
    ///
    /// After `Aborted` the listener is sound: accept again. After `DescriptorLimit` and `Memory`
    /// wait first, or the loop spins: the connection stays in the queue.
    AcceptError {
        DescriptorLimit = "no descriptor left for the connection": libc::EMFILE, libc::ENFILE;
        Memory = "no kernel memory for the connection": libc::ENOMEM, libc::ENOBUFS;
        // accept(2) on Linux: network errors of the new connection are reported here, and EPERM
        // when a firewall rule forbids it.
        Aborted = "the connection was gone before it was accepted":
            libc::ECONNABORTED, libc::EPROTO, libc::ENETDOWN, libc::ENOPROTOOPT, libc::EHOSTDOWN,
            ENONET, libc::EHOSTUNREACH, libc::ENETUNREACH, libc::EPERM;
        Canceled = "the accept was canceled": libc::ECANCELED;
        Closed = "the listener is closed": libc::EBADF;
    }
}

errno_enum! {
    /// Why connect(2) failed, at once or later (`SO_ERROR`).
    ConnectError {
        Refused = "connection refused": libc::ECONNREFUSED;
        TimedOut = "the connection attempt timed out": libc::ETIMEDOUT;
        HostUnreachable = "no route to the host": libc::EHOSTUNREACH, libc::EHOSTDOWN;
        NetworkUnreachable = "the network is unreachable": libc::ENETUNREACH, libc::ENETDOWN;
        AddressNotAvailable = "no local address or port is available": libc::EADDRNOTAVAIL;
        AddressInUse = "the local address is in use": libc::EADDRINUSE;
        Denied = "permission denied": libc::EACCES, libc::EPERM;
        NotFound = "there is no such socket file": libc::ENOENT;
        Reset = "the connection was reset while it was being made":
            libc::ECONNRESET, libc::ECONNABORTED, libc::EPIPE;
        // connect(2), Linux: a non-blocking Unix socket whose listener's queue is full.
        Full = "the listener's queue is full": libc::EAGAIN;
        DescriptorLimit = "no descriptor left": libc::EMFILE, libc::ENFILE;
        Memory = "no kernel memory for the connection": libc::ENOMEM, libc::ENOBUFS;
        Canceled = "the connection attempt was canceled": libc::ECANCELED;
        Closed = "the socket is closed": libc::EBADF;
    }
}

errno_enum! {
    /// Why recv(2), or the reading half of splice(2), failed. End of stream is no error: it is 0.
    ReceiveError {
        Reset = "the peer reset the connection": libc::ECONNRESET, libc::EPIPE, libc::ECONNABORTED;
        TimedOut = "the peer stopped answering": libc::ETIMEDOUT;
        Refused = "the peer refused the datagram": libc::ECONNREFUSED;
        HostUnreachable = "no route to the host": libc::EHOSTUNREACH, libc::EHOSTDOWN;
        NetworkUnreachable = "the network is unreachable": libc::ENETUNREACH, libc::ENETDOWN;
        NotConnected = "the socket is not connected": libc::ENOTCONN;
        Memory = "no kernel memory": libc::ENOMEM, libc::ENOBUFS;
        Canceled = "the receive was canceled": libc::ECANCELED;
        Closed = "the socket is closed": libc::EBADF;
    }
}

errno_enum! {
    /// Why send(2), or the writing half of splice(2), failed.
    SendError {
        Reset = "the peer reset the connection": libc::ECONNRESET;
        Broken = "the sending side is closed": libc::EPIPE;
        TimedOut = "the peer stopped answering": libc::ETIMEDOUT;
        Refused = "the peer refused the datagram": libc::ECONNREFUSED;
        HostUnreachable = "no route to the host": libc::EHOSTUNREACH, libc::EHOSTDOWN;
        NetworkUnreachable = "the network is unreachable": libc::ENETUNREACH, libc::ENETDOWN;
        NotConnected = "the socket is not connected": libc::ENOTCONN, libc::EDESTADDRREQ;
        MessageTooLong = "the datagram is too long": libc::EMSGSIZE;
        Denied = "permission denied": libc::EACCES, libc::EPERM;
        Memory = "no kernel memory": libc::ENOMEM, libc::ENOBUFS;
        Canceled = "the send was canceled": libc::ECANCELED;
        Closed = "the socket is closed": libc::EBADF;
    }
}

errno_enum! {
    /// Why shutdown(2) failed.
    ShutdownError {
        // FreeBSD says ECONNRESET for a TCP connection that is already gone.
        NotConnected = "the socket is not connected": libc::ENOTCONN, libc::ECONNRESET;
        Closed = "the socket is closed": libc::EBADF;
    }
}

errno_enum! {
    /// Why getsockname(2) or getpeername(2) gave no address.
    NameError {
        // FreeBSD says EINVAL or ECONNRESET once the connection was dropped.
        NotConnected = "the socket is not connected":
            libc::ENOTCONN, libc::ECONNRESET, libc::EINVAL;
        Family = "the socket's address family is not one of ours": libc::EAFNOSUPPORT;
        Memory = "no kernel memory": libc::ENOMEM, libc::ENOBUFS;
        Closed = "the socket is closed": libc::EBADF;
    }
}

errno_enum! {
    /// Why setsockopt(2) refused an option.
    OptionError {
        Unsupported = "the kernel does not know the option here":
            libc::ENOPROTOOPT, libc::EOPNOTSUPP;
        // FreeBSD answers so for an option on a TCP connection that is already gone.
        Gone = "the connection is gone": libc::ECONNRESET, libc::ENOTCONN;
        Invalid = "the option's value is out of range": libc::EINVAL, libc::EDOM;
        Denied = "permission denied": libc::EACCES, libc::EPERM;
        NotFound = "what the option names does not exist": libc::ENOENT, libc::ENODEV, libc::ENXIO;
        Memory = "no kernel memory": libc::ENOMEM, libc::ENOBUFS;
        Closed = "the socket is closed": libc::EBADF;
    }
}

errno_enum! {
    /// Why a descriptor that our parent left open cannot be a listener (`fd@N`).
    AdoptError {
        NotOpen = "no descriptor of that number is open": libc::EBADF;
        NotSocket = "the descriptor is not a socket": libc::ENOTSOCK;
        NotStream = "the socket is not a stream socket": libc::EPROTOTYPE, libc::EOPNOTSUPP;
        NotBound = "the socket is bound to no address": libc::EDESTADDRREQ;
        Connected = "the socket is a connection, not a listener": libc::EINVAL, libc::EISCONN;
        DescriptorLimit = "no descriptor left": libc::EMFILE, libc::ENFILE;
    }
}

errno_enum! {
    /// Why a splice pipe could not be made.
    PipeError {
        Unsupported = "this system has no splice(2)": libc::ENOSYS;
        DescriptorLimit = "no descriptor left for the pipe": libc::EMFILE, libc::ENFILE;
        Memory = "no kernel memory for the pipe": libc::ENOMEM;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_per_operation() {
        assert_eq!(AcceptError::from_errno(libc::ENFILE), AcceptError::DescriptorLimit);
        assert_eq!(AcceptError::from_errno(libc::EPROTO), AcceptError::Aborted);
        assert_eq!(ConnectError::from_errno(libc::EAGAIN), ConnectError::Full);
        assert_eq!(ConnectError::from_errno(libc::EPIPE), ConnectError::Reset);
        assert_eq!(ReceiveError::from_errno(libc::EPIPE), ReceiveError::Reset);
        assert_eq!(SendError::from_errno(libc::EPIPE), SendError::Broken);
        assert_eq!(SendError::from_errno(libc::ECANCELED), SendError::Canceled);
        assert_eq!(SendError::from_errno(libc::EBADF), SendError::Closed);
    }

    #[test]
    fn an_unknown_number_is_kept_and_shown() {
        let error = ReceiveError::from_errno(libc::EXDEV);
        assert_eq!(error, ReceiveError::Unexpected(libc::EXDEV));
        assert!(error.to_string().contains(&format!("os error {}", libc::EXDEV)));
    }

    #[test]
    fn a_number_out_of_range_is_unexpected() {
        for errno in [i32::MIN, -2, 0, i32::MAX] {
            assert_eq!(AcceptError::from_errno(errno), AcceptError::Unexpected(errno));
        }
    }
}
