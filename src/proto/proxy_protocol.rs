//! The PROXY protocol, versions 1 and 2: what a proxy says about the connection it relays, before the
//! connection's first byte (haproxy/haproxy: doc/proxy-protocol.txt).
//!
//! In: bytes, or addresses. Out: addresses, or bytes.

use core::net::SocketAddr;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source and destination; `None` for `LOCAL`, `UNKNOWN` and families that are not ours.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// Types and values.
    pub tlvs: Vec<(u8, Box<[u8]>)>,
    /// Bytes of the header.
    pub length: usize,
}

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes do not begin as one.
    NotOne,
    /// It begins as one and is wrong.
    Malformed,
}

/// Looks for a header at the beginning of `bytes`; `None` if more has to come.
///
/// # Errors
/// See [`Fault`].
pub fn parse(_bytes: &[u8]) -> Result<Option<Header>, Fault> {
    unimplemented!()
}
