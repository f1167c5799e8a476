//! Where something is reached: `127.0.0.1:514`, `tcp@[::1]:53`, `/dev/log`, `ring@buffer`.

use core::net::IpAddr;

use super::Given;

/// An address that Koi connects or sends to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What its prefix asks for; what is usual if it has none.
    pub transport: Transport,
    /// Where.
    pub place: Place,
}

/// How bytes get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// As is usual for the keyword.
    Usual,
    /// Datagrams.
    Datagram,
    /// A stream.
    Stream,
}

/// Where an [`Endpoint`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An internet address (`*` is the unspecified one), and the port if one was given.
    Ip(IpAddr, Option<Given<u16>>),
    /// A host name, looked up at the start, and the port.
    Name(Box<str>, Option<Given<u16>>),
    /// A socket in the file system.
    Path(Box<str>),
    /// A socket with an abstract name (Linux).
    Abstract(Box<str>),
    /// An open file descriptor.
    Descriptor(u32),
    /// A `ring` section.
    Ring(Box<str>),
    /// A `backend` of log servers.
    Backend(Box<str>),
}
