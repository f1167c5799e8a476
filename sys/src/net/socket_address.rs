//! A socket address that is ready for the kernel.
//!
//! In: a resolved address, or what the kernel reported. Out: the same,
//! compared, printed, or laid out for a system call ([`RawAddress`]).

use super::RawAddress;
use super::raw_address::PATH_CAPACITY;
use std::ffi::OsStr;
use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// An address family of the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
    /// `AF_UNIX`.
    Unix,
}

/// Where a socket is, or shall be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SocketAddress {
    /// IPv4 address and port.
    V4(SocketAddrV4),
    /// IPv6 address and port, with the scope that a link-local address needs (RFC 4007 §11).
    V6(SocketAddrV6),
    /// A Unix socket in the file system.
    Unix(PathBuf),
    /// A Unix socket in Linux's abstract namespace: the name without its leading NUL, every other
    /// byte counting, trailing NULs too (unix(7)).
    Abstract(Vec<u8>),
    /// A Unix socket without a name: the usual peer of a Unix listener, and both ends of a pair.
    Unnamed,
}

impl SocketAddress {
    /// The address in the kernel's layout. `None` only for a Unix path that is too long (more than
    /// 107 bytes on Linux, 103 on FreeBSD) or holds a NUL, and for an abstract name of more than
    /// 107 bytes, or any outside Linux.
    pub fn to_raw(&self) -> Option<RawAddress> {
        match self {
            Self::V4(address) => Some(RawAddress::from_v4(address)),
            Self::V6(address) => Some(RawAddress::from_v6(address)),
            Self::Unix(path) => RawAddress::from_path(path.as_os_str().as_bytes()),
            Self::Abstract(name) => RawAddress::from_abstract(name),
            Self::Unnamed => Some(RawAddress::unnamed()),
        }
    }

    /// Reads what the kernel wrote. `None` if the family is not one of ours or the length is short.
    pub fn from_raw(raw: &RawAddress) -> Option<Self> {
        raw.to_socket_address()
    }

    /// The address with an IPv4-mapped IPv6 address turned into IPv4 (RFC 4291 §2.5.5.2), so that a
    /// client has one address whichever listener it came by. Everything that reports a peer uses
    /// it.
    #[must_use]
    pub fn canonical(self) -> Self {
        match self {
            Self::V6(v6) => match v6.ip().to_ipv4_mapped() {
                Some(v4) => Self::V4(SocketAddrV4::new(v4, v6.port())),
                None => Self::V6(v6),
            },
            other => other,
        }
    }

    /// The address family that a socket needs for this address.
    pub fn family(&self) -> Family {
        match self {
            Self::V4(_) => Family::V4,
            Self::V6(_) => Family::V6,
            Self::Unix(_) | Self::Abstract(_) | Self::Unnamed => Family::Unix,
        }
    }

    /// The IP address; `None` for Unix sockets.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::V4(address) => Some(IpAddr::V4(*address.ip())),
            Self::V6(address) => Some(IpAddr::V6(*address.ip())),
            _ => None,
        }
    }

    /// The port; `None` for Unix sockets.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::V4(address) => Some(address.port()),
            Self::V6(address) => Some(address.port()),
            _ => None,
        }
    }

    /// The same address with another port. A Unix address stays as it is.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        match &mut self {
            Self::V4(address) => address.set_port(port),
            Self::V6(address) => address.set_port(port),
            _ => {}
        }
        self
    }

    /// The abstract name of `abns@`, which HAProxy fills with NULs up to the length of the kernel's
    /// field; both sides must agree on the length. `None` where there is no abstract namespace
    /// (outside Linux), and for a name longer than the field.
    pub fn padded_abstract(name: &str) -> Option<Self> {
        // One byte of the field is the NUL in front.
        let room = PATH_CAPACITY - 1;
        let mut bytes = name.as_bytes().to_vec();
        if !cfg!(target_os = "linux") || bytes.len() > room {
            return None;
        }
        bytes.resize(room, 0);
        Some(Self::Abstract(bytes))
    }

    pub(super) fn from_path_bytes(path: &[u8]) -> Self {
        Self::Unix(Path::new(OsStr::from_bytes(path)).to_path_buf())
    }
}

impl From<SocketAddr> for SocketAddress {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => Self::V4(v4),
            SocketAddr::V6(v6) => Self::V6(v6),
        }
    }
}

/// As a configuration would have it, except for `Unnamed`, which is empty angle brackets.
impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
            Self::Unix(path) if path.is_absolute() => path.display().fmt(f),
            Self::Unix(path) => write!(f, "unix@{}", path.display()),
            Self::Abstract(name) => write!(f, "abns@{}", without_padding(name).escape_ascii()),
            Self::Unnamed => f.write_str("<>"),
        }
    }
}

/// Without trailing NULs, with which HAProxy's `abns@` pads a name.
fn without_padding(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &name[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abstract_names_are_padded_like_haproxys() {
        let linux = cfg!(target_os = "linux");
        let name = SocketAddress::padded_abstract("koi");
        assert_eq!(name.is_some(), linux);
        if let Some(SocketAddress::Abstract(bytes)) = &name {
            assert_eq!(bytes.len(), PATH_CAPACITY - 1);
            assert!(bytes.starts_with(b"koi\0"));
        }
        assert_eq!(name.map(|name| name.to_string()), linux.then(|| "abns@koi".to_owned()));
        assert_eq!(SocketAddress::padded_abstract(&"x".repeat(PATH_CAPACITY)), None);
    }
}
