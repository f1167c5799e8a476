//! Addresses as a configuration writes them: checked, not resolved (HAProxy 3.0,
//! configuration.txt §11). [`crate::config::address`] reads them.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

/// What a prefix says about the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `tcp@`, `uxst@`, `stream+`.
    Stream,
    /// `udp@`, `uxdg@`, `dgram+`.
    Datagram,
}

/// A family of internet addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Which transport the prefix forces; without one the statement's own default holds.
    pub transport: Option<Transport>,
    /// Where, without the port.
    pub location: Location,
    /// Which port; always `None` where `location` has no ports.
    pub port: PortSpec,
}

/// The part of an address without the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// An IPv4 address; nothing and `*` are `0.0.0.0`.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6 {
        /// The address.
        ip: Ipv6Addr,
        /// The interface after `%`, by name or number (RFC 4007 §11.2). HAProxy has no such thing.
        scope: Option<Box<str>>,
    },
    /// A host name, for a resolver.
    Name {
        /// As written.
        name: Box<str>,
        /// The family that `ipv4@` or `ipv6@` asks for.
        family: Option<IpFamily>,
    },
    /// A Unix socket in the file system; relative only behind `unix@`.
    Unix(Box<str>),
    /// A Unix socket in Linux's abstract namespace.
    Abstract(Box<str>),
    /// A descriptor that our parent left open, `fd@N`.
    Descriptor(u32),
}

/// The part after the last colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Endpoint {
    /// Whether it is an internet address or a host name, so that ports make sense.
    pub fn is_internet(&self) -> bool {
        matches!(self.location, Location::V4(_) | Location::V6 { .. } | Location::Name { .. })
    }

    /// Whether it is `0.0.0.0` or `::`: any address to listen on, or the one the client wanted.
    pub fn is_unspecified(&self) -> bool {
        match &self.location {
            Location::V4(ip) => ip.is_unspecified(),
            Location::V6 { ip, .. } => ip.is_unspecified(),
            _ => false,
        }
    }

    /// The one port it names; `None` for none, zero, a range or an offset.
    pub fn fixed_port(&self) -> Option<u16> {
        match self.port {
            PortSpec::One(port) if port > 0 => Some(port),
            _ => None,
        }
    }

    /// How many sockets it takes to listen on it.
    pub fn sockets(&self) -> usize {
        match self.port {
            PortSpec::Range(first, last) => usize::from(last.saturating_sub(first)) + 1,
            _ => 1,
        }
    }
}

/// The address in a form that reads back as itself.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.transport {
            None => "",
            Some(Transport::Stream) => "stream+",
            Some(Transport::Datagram) => "dgram+",
        })?;
        match &self.location {
            Location::V4(ip) => write!(f, "{ip}")?,
            Location::V6 { ip, scope: None } => write!(f, "[{ip}]")?,
            Location::V6 { ip, scope: Some(scope) } => write!(f, "[{ip}%{scope}]")?,
            Location::Name { name, family: None } => f.write_str(name)?,
            Location::Name { name, family: Some(IpFamily::V4) } => write!(f, "ipv4@{name}")?,
            Location::Name { name, family: Some(IpFamily::V6) } => write!(f, "ipv6@{name}")?,
            Location::Unix(path) if path.starts_with('/') => f.write_str(path)?,
            Location::Unix(path) => write!(f, "unix@{path}")?,
            Location::Abstract(name) => write!(f, "abns@{name}")?,
            Location::Descriptor(number) => write!(f, "fd@{number}")?,
        }
        match self.port {
            PortSpec::None => Ok(()),
            PortSpec::One(port) => write!(f, ":{port}"),
            PortSpec::Range(first, last) => write!(f, ":{first}-{last}"),
            PortSpec::Offset(offset) => write!(f, ":{offset:+}"),
        }
    }
}
