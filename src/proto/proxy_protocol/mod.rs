//! The PROXY protocol, versions 1 and 2: what a proxy says about the connection it relays, before the
//! connection's first byte (haproxy/haproxy: doc/proxy-protocol.txt).
//!
//! In: bytes, or addresses. Out: addresses, or bytes. Strict: what the specification forbids is refused,
//! and every answer about the beginning of some bytes is also the answer about all of them.
//!
//! Limits: a header of version 1 has at most [`V1_MAX`] bytes, one of version 2 [`V2_MAX`] with
//! [`TLVS_MAX`] fields of [`TLV_MAX`] bytes.

mod v1;
mod v2;
mod write;

pub use write::{Command, ssl_value, write_v1, write_v2};

use core::net::SocketAddr;

/// Bytes that a header of version 1 may have, its line end included (§2.1).
pub const V1_MAX: usize = 107;

/// Bytes that a header of version 2 may have: what HAProxy has room for, too (`tune.bufsize`).
pub const V2_MAX: usize = 16 * 1024;

/// Bytes that a field's value may have, as in HAProxy.
pub const TLV_MAX: usize = 1024;

/// Fields that a header may have.
pub const TLVS_MAX: usize = 128;

/// The types of fields (§2.2).
pub mod tlv {
    /// The protocol spoken behind the header, in ALPN's names.
    pub const ALPN: u8 = 0x01;
    /// The host name that the client asked for (SNI).
    pub const AUTHORITY: u8 = 0x02;
    /// A checksum of the header.
    pub const CRC32C: u8 = 0x03;
    /// Nothing: padding.
    pub const NOOP: u8 = 0x04;
    /// The request's identifier.
    pub const UNIQUE_ID: u8 = 0x05;
    /// The client's TLS: see [`super::ssl_value`].
    pub const SSL: u8 = 0x20;
    /// In [`SSL`]: its version, `TLSv1.3`.
    pub const SSL_VERSION: u8 = 0x21;
    /// In [`SSL`]: the common name of the client's certificate.
    pub const SSL_CN: u8 = 0x22;
    /// In [`SSL`]: the cipher suite.
    pub const SSL_CIPHER: u8 = 0x23;
    /// In [`SSL`]: the signature algorithm of our certificate.
    pub const SSL_SIG_ALG: u8 = 0x24;
    /// In [`SSL`]: the key algorithm of our certificate.
    pub const SSL_KEY_ALG: u8 = 0x25;
}

/// Bits of the first byte of [`tlv::SSL`] (§2.2.6).
pub mod client {
    /// The client spoke TLS.
    pub const SSL: u8 = 0x01;
    /// It gave a certificate on this connection.
    pub const CERT_CONN: u8 = 0x02;
    /// It gave a certificate in this TLS session, perhaps on an earlier connection.
    pub const CERT_SESS: u8 = 0x04;
}

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source and destination, IPv4-mapped ones as IPv4; `None` for `LOCAL` and `UNKNOWN`, of which
    /// the connection's own are to be used.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// Types and values. Version 1 has none, and with `LOCAL` they do not count.
    pub tlvs: Vec<(u8, Box<[u8]>)>,
    /// Bytes of the header.
    pub length: usize,
}

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes do not begin as one.
    NotOne,
    /// It begins as one and is wrong, or for something else than TCP (which HAProxy refuses, too).
    Malformed,
}

/// Looks for a header at the beginning of `bytes`; `None` if more has to come, which is so for less than
/// [`V2_MAX`] bytes only.
///
/// # Errors
/// See [`Fault`].
pub fn parse(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    match (begins(bytes, v1::SIGNATURE), begins(bytes, v2::SIGNATURE)) {
        (Begins::Whole, _) => v1::parse(bytes),
        (_, Begins::Whole) => v2::parse(bytes),
        (Begins::Differs, Begins::Differs) => Err(Fault::NotOne),
        _ => Ok(None),
    }
}

/// How bytes begin.
enum Begins {
    /// With a whole signature.
    Whole,
    /// With a part of it, for more have not come.
    Part,
    /// Otherwise.
    Differs,
}

fn begins(bytes: &[u8], signature: &[u8]) -> Begins {
    match bytes {
        _ if bytes.starts_with(signature) => Begins::Whole,
        _ if signature.starts_with(bytes) => Begins::Part,
        _ => Begins::Differs,
    }
}

/// An IPv4-mapped address as IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests;
