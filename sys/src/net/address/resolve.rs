//! From an address that names no host to what the kernel takes.

use super::{Address, Place, PortSpec};
use crate::net::SocketAddress;
use crate::net::raw_address::PATH_CAPACITY;
use std::fmt;
use std::net::{SocketAddrV4, SocketAddrV6};

/// Why an address cannot be turned into socket addresses by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolveError {
    /// It is a host name: ask a resolver.
    HostName,
    /// It is a descriptor: adopt it.
    Descriptor,
    /// The port is relative to the client's.
    RelativePort,
    /// There is no interface of this name.
    NoInterface(String),
    /// Only Linux has the abstract namespace.
    NoAbstractNamespace,
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostName => f.write_str("a host name needs a resolver; write an IP address here"),
            Self::Descriptor => {
                f.write_str("a descriptor has no address of its own; write an address here")
            }
            Self::RelativePort => {
                f.write_str("the port depends on the client's; write a port without sign here")
            }
            Self::NoInterface(name) => {
                write!(f, "there is no interface '{name}'; write the name of one that exists")
            }
            Self::NoAbstractNamespace => {
                f.write_str("only Linux has abstract socket names; write unix@ and a path")
            }
        }
    }
}

impl std::error::Error for ResolveError {}

impl Address {
    /// The socket addresses that this literal address stands for: one, or one per port of a range.
    /// Without a port it is port 0. A scope costs a look-up of the interface, nothing else does.
    pub fn resolve_literal(&self) -> Result<Vec<SocketAddress>, ResolveError> {
        let first = match &self.place {
            Place::V4(ip) => SocketAddress::V4(SocketAddrV4::new(*ip, 0)),
            Place::V6 { ip, scope } => {
                let scope = scope.as_deref().map_or(Ok(0), interface_index)?;
                SocketAddress::V6(SocketAddrV6::new(*ip, 0, 0, scope))
            }
            Place::Host { .. } => return Err(ResolveError::HostName),
            Place::Unix(path) => return Ok(vec![SocketAddress::Unix(path.clone())]),
            Place::Abstract { name, padded } => return Ok(vec![abstract_name(name, *padded)?]),
            Place::Descriptor(_) => return Err(ResolveError::Descriptor),
        };
        Ok(self.port.ports()?.map(|port| first.clone().with_port(port)).collect())
    }
}

impl PortSpec {
    /// The ports meant, zero for none.
    fn ports(self) -> Result<std::ops::RangeInclusive<u16>, ResolveError> {
        match self {
            Self::None => Ok(0..=0),
            Self::One(port) => Ok(port..=port),
            Self::Range(first, last) => Ok(first..=last),
            Self::Offset(_) => Err(ResolveError::RelativePort),
        }
    }
}

/// HAProxy pads the name of `abns@` to the whole field, and both sides must agree on the length.
fn abstract_name(name: &str, padded: bool) -> Result<SocketAddress, ResolveError> {
    if !cfg!(target_os = "linux") {
        return Err(ResolveError::NoAbstractNamespace);
    }
    let mut bytes = name.as_bytes().to_vec();
    if padded {
        // One byte of the field is the NUL in front.
        bytes.resize(PATH_CAPACITY - 1, 0);
    }
    Ok(SocketAddress::Abstract(bytes))
}

/// if_nametoindex(3); a number that is no interface's name is taken as the index itself.
fn interface_index(name: &str) -> Result<u32, ResolveError> {
    match nix::net::if_::if_nametoindex(name) {
        Ok(index) => Ok(index),
        Err(_) => match name.parse() {
            Ok(index) if index > 0 => Ok(index),
            _ => Err(ResolveError::NoInterface(name.to_owned())),
        },
    }
}
