//! Giving a socket its own address.

use super::options::set_int;
use super::{RawAddress, SocketAddress, error};
use nix::errno::Errno;
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Why a socket could not be bound, or could not listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindError {
    /// `EADDRINUSE`: another socket holds the address.
    AddressInUse,
    /// `EADDRNOTAVAIL`: no interface has the address.
    AddressNotAvailable,
    /// `EACCES`, `EPERM`: a privileged port, or a directory that is not ours to write to.
    Denied,
    /// `EAFNOSUPPORT`, `EPROTONOSUPPORT`: the system has no such address family (IPv6 off, say).
    FamilyUnsupported,
    /// `ENOENT`, `ENOTDIR`, `ELOOP`: the directory of a Unix path does not exist.
    NoDirectory,
    /// `EROFS`, `ENOSPC`, `EDQUOT`, `EIO`: the file system takes no new file.
    FileSystem,
    /// A Unix path that is too long together with the suffix of its temporary name.
    PathTooLong,
    /// The Unix path exists and is no socket; it is left alone.
    PathTaken,
    /// `EINVAL`: the address and the socket do not fit, or the socket is bound already. For a
    /// link-local IPv6 address: its scope is missing.
    Invalid,
    /// `ENODEV`, `ENXIO`: the scope's interface does not exist.
    NoInterface,
    /// `EMFILE`, `ENFILE`.
    DescriptorLimit,
    /// `ENOMEM`, `ENOBUFS`.
    Memory,
    /// The kernel refused an option. The caller may drop the option, warn, and try again.
    Option {
        /// The option's name as the manuals have it.
        name: &'static str,
        /// Why.
        errno: i32,
    },
    /// An error number that binding is not known to give: count it and log it.
    Unexpected(i32),
}

impl BindError {
    /// Sorts an error number of socket(2), bind(2), listen(2), and of the file system calls around
    /// a Unix socket.
    pub fn from_errno(errno: i32) -> Self {
        match errno {
            libc::EADDRINUSE => Self::AddressInUse,
            libc::EADDRNOTAVAIL => Self::AddressNotAvailable,
            libc::EACCES | libc::EPERM => Self::Denied,
            libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT => Self::FamilyUnsupported,
            libc::ENOENT | libc::ENOTDIR | libc::ELOOP => Self::NoDirectory,
            libc::EROFS | libc::ENOSPC | libc::EDQUOT | libc::EIO => Self::FileSystem,
            libc::ENAMETOOLONG => Self::PathTooLong,
            libc::EEXIST | libc::EISDIR => Self::PathTaken,
            libc::EINVAL => Self::Invalid,
            libc::ENODEV | libc::ENXIO => Self::NoInterface,
            libc::EMFILE | libc::ENFILE => Self::DescriptorLimit,
            libc::ENOMEM | libc::ENOBUFS => Self::Memory,
            other => Self::Unexpected(other),
        }
    }

    /// Names the option that the kernel refused.
    pub(super) fn option(name: &'static str) -> impl Fn(Errno) -> Self {
        move |errno| Self::Option { name, errno: errno as i32 }
    }
}

impl From<Errno> for BindError {
    fn from(errno: Errno) -> Self {
        Self::from_errno(errno as i32)
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::AddressInUse => "the address is in use",
            Self::AddressNotAvailable => "no interface has the address",
            Self::Denied => "permission denied",
            Self::FamilyUnsupported => "the system does not have this address family",
            Self::NoDirectory => "the socket's directory does not exist",
            Self::FileSystem => "the file system takes no new file",
            Self::PathTooLong => "the path, or the temporary name made from it, is too long",
            Self::PathTaken => "the path exists and is not a socket",
            Self::Invalid => "the address is not valid for this socket",
            Self::NoInterface => "the interface does not exist",
            Self::DescriptorLimit => "no descriptor left",
            Self::Memory => "no kernel memory",
            Self::Option { name, errno } => {
                let reason = std::io::Error::from_raw_os_error(*errno);
                return write!(f, "the kernel refused the option {name}: {reason}");
            }
            Self::Unexpected(errno) => return error::unexpected(*errno, f),
        };
        f.write_str(text)
    }
}

impl std::error::Error for BindError {}

/// Binds a socket (bind(2)).
pub fn bind(fd: BorrowedFd<'_>, address: &SocketAddress) -> Result<(), BindError> {
    let raw = address.to_raw().ok_or(BindError::PathTooLong)?;
    Ok(bind_raw(fd, &raw)?)
}

/// Binds a socket that is going to connect: the `source` of a server.
///
/// `SO_REUSEADDR` lets a fixed source port be used towards several servers. With port 0 on Linux
/// `IP_BIND_ADDRESS_NO_PORT` (ip(7)) leaves the choice of port to connect(2), which knows the
/// destination, so that each destination has a port range of its own.
pub fn bind_source(fd: BorrowedFd<'_>, address: &SocketAddress) -> Result<(), BindError> {
    set_int(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)
        .map_err(BindError::option("SO_REUSEADDR"))?;
    #[cfg(target_os = "linux")]
    if address.port() == Some(0) {
        // Good for IPv6 too: the kernel keeps the flag in the part that both families share.
        set_int(fd, libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
            .map_err(BindError::option("IP_BIND_ADDRESS_NO_PORT"))?;
    }
    bind(fd, address)
}

pub(super) fn bind_raw(fd: BorrowedFd<'_>, address: &RawAddress) -> Result<(), Errno> {
    // SAFETY: `address` is borrowed for the call, pointer and length are of one value, and the
    // kernel copies it before it returns.
    let result = unsafe { libc::bind(fd.as_raw_fd(), address.as_ptr(), address.len()) };
    Errno::result(result).map(drop)
}
