//! Addresses as an operator writes them.
//!
//! In: the word after `bind`, `server`, `source`, `log` (HAProxy 3.0, configuration.txt §2.9
//! "Address formats", `bind`, `server`). Out: an [`Address`], checked but not resolved; printing it
//! gives a word that reads back as the same value.
//!
//! Limits: this grammar knows no statement. Whether a port is required, whether a range or an
//! offset makes sense, whether datagrams do, is for the configuration to say. Environment
//! variables, comma-separated lists and `unix-bind prefix` are expanded before.

mod fault;
mod host;
mod parse;
mod prefix;
mod resolve;

pub use fault::{AddressError, AddressFault};
pub use resolve::ResolveError;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

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

/// What a prefix says about the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// `tcp@`, `uxst@`, `stream+`.
    Stream,
    /// `udp@`, `uxdg@`, `dgram+`.
    Datagram,
}

/// An address before resolution.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Which transport the prefix forces; without one the statement's own default holds.
    pub transport: Option<Transport>,
    /// Where.
    pub place: Place,
    /// Which port, always `None` where `place` has no ports.
    pub port: PortSpec,
}

/// The part of an address without the port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// An IPv4 address; nothing and `*` are `0.0.0.0`, as in HAProxy.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6 {
        /// The address.
        ip: Ipv6Addr,
        /// The interface after `%`, by name or number (RFC 4007 §11.2). HAProxy has no such thing.
        scope: Option<String>,
    },
    /// A host name, for somebody else to resolve.
    Host {
        /// The name, as written.
        name: String,
        /// The family that `ipv4@` or `ipv6@` asks for.
        family: Option<Family>,
    },
    /// A Unix socket in the file system; relative only behind `unix@`.
    Unix(PathBuf),
    /// A Unix socket in Linux's abstract namespace.
    Abstract {
        /// The name without its leading NUL.
        name: String,
        /// `abns@` fills the name with NULs up to the length of the field, `abnsz@` does not. The
        /// two never meet, because the length is part of an abstract name (unix(7)).
        padded: bool,
    },
    /// A descriptor that our parent left open, `fd@N`.
    Descriptor(i32),
}

/// The part after the last colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortSpec {
    /// No port: for a server, the port that the client connected to.
    None,
    /// One port. Zero lets the kernel choose.
    One(u16),
    /// First and last port, both included; the first is the smaller.
    Range(u16, u16),
    /// `+N` or `-N`, for servers: what to add to the port that the client connected to. At most
    /// 65535 either way.
    Offset(i32),
}

impl Address {
    /// Reads an address. The error says where in `text` the fault is, in bytes.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        parse::address(text)
    }

    /// Reads an address from bytes that may not be UTF-8.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, AddressError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(error) => Err(AddressFault::NotUtf8.at(error.valid_up_to())),
        }
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.prefix())?;
        match &self.place {
            Place::V4(ip) => write!(f, "{ip}")?,
            Place::V6 { ip, scope: None } => write!(f, "[{ip}]")?,
            Place::V6 { ip, scope: Some(scope) } => write!(f, "[{ip}%{scope}]")?,
            Place::Host { name, .. } => f.write_str(name)?,
            Place::Unix(path) => write!(f, "{}", path.display())?,
            Place::Abstract { name, .. } => f.write_str(name)?,
            Place::Descriptor(number) => write!(f, "{number}")?,
        }
        self.port.fmt(f)
    }
}

impl Address {
    /// The shortest prefix that says what the rest does not.
    fn prefix(&self) -> &'static str {
        use Transport::{Datagram, Stream};
        match (&self.place, self.transport) {
            (Place::V4(_) | Place::V6 { .. } | Place::Host { family: None, .. }, transport) => {
                match transport {
                    None => "",
                    Some(Stream) => "tcp@",
                    Some(Datagram) => "udp@",
                }
            }
            (Place::Host { family: Some(Family::V6), .. }, None) => "ipv6@",
            (Place::Host { family: Some(Family::V6), .. }, Some(Stream)) => "tcp6@",
            (Place::Host { family: Some(Family::V6), .. }, Some(Datagram)) => "udp6@",
            (Place::Host { .. }, None) => "ipv4@",
            (Place::Host { .. }, Some(Stream)) => "tcp4@",
            (Place::Host { .. }, Some(Datagram)) => "udp4@",
            (Place::Unix(path), None) if path.is_absolute() => "",
            (Place::Unix(_), None) => "unix@",
            (Place::Unix(_), Some(Stream)) => "uxst@",
            (Place::Unix(_), Some(Datagram)) => "uxdg@",
            (Place::Abstract { padded: true, .. }, None) => "abns@",
            (Place::Abstract { padded: true, .. }, Some(Stream)) => "stream+abns@",
            (Place::Abstract { padded: true, .. }, Some(Datagram)) => "dgram+abns@",
            (Place::Abstract { .. }, None) => "abnsz@",
            (Place::Abstract { .. }, Some(Stream)) => "stream+abnsz@",
            (Place::Abstract { .. }, Some(Datagram)) => "dgram+abnsz@",
            (Place::Descriptor(_), None) => "fd@",
            (Place::Descriptor(_), Some(Stream)) => "stream+fd@",
            (Place::Descriptor(_), Some(Datagram)) => "dgram+fd@",
        }
    }
}

impl fmt::Display for PortSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::One(port) => write!(f, ":{port}"),
            Self::Range(first, last) => write!(f, ":{first}-{last}"),
            Self::Offset(offset) => write!(f, ":{offset:+}"),
        }
    }
}

#[cfg(test)]
mod tests;
