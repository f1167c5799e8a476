//! Headers to write.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::{tlv, v2};

/// What a header of version 2 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The connection is the proxy's own (a health check): who reads it uses the connection's addresses.
    Local,
    /// The connection is relayed for a source that connected to a destination, as far as these are
    /// known.
    Proxy(Option<(SocketAddr, SocketAddr)>),
}

/// Appends a header of version 1 (§2.1). If one of the addresses is IPv6, both are written so.
pub fn write_v1(source: SocketAddr, destination: SocketAddr, out: &mut Vec<u8>) {
    let (from, to) = (source.port(), destination.port());
    let line = match Family::of(source, destination) {
        Family::V4(source, destination) => {
            format!("PROXY TCP4 {source} {destination} {from} {to}\r\n")
        }
        Family::V6(source, destination) => {
            format!("PROXY TCP6 {source} {destination} {from} {to}\r\n")
        }
    };
    out.extend_from_slice(line.as_bytes());
}

/// Appends a header of version 2 (§2.2), with these fields and, if asked for, a checksum. A field that
/// does not fit into the 65 535 bytes that the format has room for is left out. If one of the addresses
/// is IPv6, both are written so.
pub fn write_v2(command: Command, tlvs: &[(u8, &[u8])], crc32c: bool, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(v2::SIGNATURE);
    let (word, addresses) = match command {
        Command::Local => (v2::LOCAL, None),
        Command::Proxy(addresses) => (v2::PROXY, addresses),
    };
    out.push(word);
    let body = out.len() + 3;
    match addresses {
        None => out.extend_from_slice(&[v2::UNSPECIFIED, 0, 0]),
        Some((source, destination)) => {
            match Family::of(source, destination) {
                Family::V4(source, destination) => {
                    out.extend_from_slice(&[v2::TCP4, 0, 0]);
                    out.extend_from_slice(&source.octets());
                    out.extend_from_slice(&destination.octets());
                }
                Family::V6(source, destination) => {
                    out.extend_from_slice(&[v2::TCP6, 0, 0]);
                    out.extend_from_slice(&source.octets());
                    out.extend_from_slice(&destination.octets());
                }
            }
            out.extend_from_slice(&source.port().to_be_bytes());
            out.extend_from_slice(&destination.port().to_be_bytes());
        }
    }
    let room = usize::from(u16::MAX) - if crc32c { CHECKSUM_FIELD.len() } else { 0 };
    for (kind, value) in tlvs {
        if out.len() - body + 3 + value.len() <= room {
            push(*kind, value, out);
        }
    }
    if crc32c {
        out.extend_from_slice(&CHECKSUM_FIELD);
    }
    let length = u16::try_from(out.len() - body).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(place) = out.get_mut(body - 2..body) {
        place.copy_from_slice(&length);
    }
    if crc32c {
        let sum = v2::checksum([out.get(start..).unwrap_or_default()]).to_be_bytes();
        let end = out.len();
        if let Some(place) = out.get_mut(end - sum.len()..) {
            place.copy_from_slice(&sum);
        }
    }
}

/// A checksum's field, before the sum is known.
const CHECKSUM_FIELD: [u8; 7] = [tlv::CRC32C, 0, 4, 0, 0, 0, 0];

/// The value of a [`tlv::SSL`]: bits of [`super::client`], whether the client's certificate was
/// verified (0) or not, and fields of its own (§2.2.6). One that does not fit is left out.
pub fn ssl_value(client: u8, verify: u32, tlvs: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = vec![client];
    out.extend_from_slice(&verify.to_be_bytes());
    for (kind, value) in tlvs {
        if out.len() + 3 + value.len() <= usize::from(u16::MAX) {
            push(*kind, value, &mut out);
        }
    }
    out
}

/// Appends a field whose length is known to fit.
fn push(kind: u8, value: &[u8], out: &mut Vec<u8>) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
    out.push(kind);
    out.extend_from_slice(&length);
    out.extend_from_slice(value);
}

/// Two addresses of one family.
enum Family {
    V4(core::net::Ipv4Addr, core::net::Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl Family {
    /// IPv4 if both are, mapped or not (RFC 4291 §2.5.5.2).
    fn of(source: SocketAddr, destination: SocketAddr) -> Family {
        match (source.ip().to_canonical(), destination.ip().to_canonical()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Family::V4(source, destination),
            (source, destination) => Family::V6(wide(source), wide(destination)),
        }
    }
}

fn wide(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}
