//! Version 2: binary (§2.2).

use core::net::{IpAddr, SocketAddr};

use super::{Fault, Header, TLV_MAX, TLVS_MAX, V2_MAX, canonical, tlv};

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes in front of the addresses: signature, version and command, family, length.
pub(super) const FIXED: usize = 16;
/// Version 2 with the command LOCAL.
pub(super) const LOCAL: u8 = 0x20;
/// Version 2 with the command PROXY.
pub(super) const PROXY: u8 = 0x21;
/// No addresses.
pub(super) const UNSPECIFIED: u8 = 0x00;
/// TCP over IPv4.
pub(super) const TCP4: u8 = 0x11;
/// TCP over IPv6.
pub(super) const TCP6: u8 = 0x21;

const CHECKSUM: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

/// A header that begins with the signature; `None` if it is not all there.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    // Looked at byte by byte: a wrong one is told at once, however many came behind it.
    let Some((&command, rest)) = rest.split_first() else { return Ok(None) };
    if command != LOCAL && command != PROXY {
        return Err(Fault::Malformed);
    }
    let Some((&family, rest)) = rest.split_first() else { return Ok(None) };
    if command == PROXY && family != TCP4 && family != TCP6 {
        return Err(Fault::Malformed);
    }
    let Some((length, rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*length));
    if FIXED + length > V2_MAX {
        return Err(Fault::Malformed);
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let length = FIXED + length;
    if command == LOCAL {
        return Ok(Some(Header { addresses: None, tlvs: Vec::new(), length }));
    }
    let header = bytes.get(..length).unwrap_or_default();
    let (addresses, fields) = addresses(family, body).ok_or(Fault::Malformed)?;
    let tlvs = self::fields(header, fields).ok_or(Fault::Malformed)?;
    Ok(Some(Header { addresses: Some(addresses), tlvs, length }))
}

/// Source and destination, and what stands behind them.
fn addresses(family: u8, body: &[u8]) -> Option<((SocketAddr, SocketAddr), &[u8])> {
    match family {
        TCP4 => pair::<4>(body),
        _ => pair::<16>(body),
    }
}

/// Two addresses of so many bytes, then their ports.
fn pair<const N: usize>(body: &[u8]) -> Option<((SocketAddr, SocketAddr), &[u8])>
where
    IpAddr: From<[u8; N]>,
{
    let (source, rest) = body.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (from, rest) = rest.split_first_chunk::<2>()?;
    let (to, rest) = rest.split_first_chunk::<2>()?;
    let address = |ip: &[u8; N], port: &[u8; 2]| {
        canonical(SocketAddr::new(IpAddr::from(*ip), u16::from_be_bytes(*port)))
    };
    Some(((address(source, from), address(destination, to)), rest))
}

/// The fields; `None` if they do not fill their place exactly, or the checksum is wrong.
fn fields(header: &[u8], mut rest: &[u8]) -> Option<Vec<(u8, Box<[u8]>)>> {
    let mut found = Vec::new();
    let mut count = 0;
    while !rest.is_empty() {
        count += 1;
        let (&[kind, high, low], behind) = rest.split_first_chunk::<3>()?;
        let (value, behind) =
            behind.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        if count > TLVS_MAX || value.len() > TLV_MAX {
            return None;
        }
        if kind == tlv::CRC32C && !holds(header, value, behind.len()) {
            return None;
        }
        if kind != tlv::NOOP {
            found.push((kind, value.into()));
        }
        rest = behind;
    }
    Some(found)
}

/// Whether a checksum, behind which so many bytes stand, is that of the header with zeros in its place.
fn holds(header: &[u8], value: &[u8], behind: usize) -> bool {
    let Ok(given) = <[u8; 4]>::try_from(value) else { return false };
    let Some(end) = header.len().checked_sub(behind) else { return false };
    let Some((before, after)) = header.split_at_checked(end) else { return false };
    let Some(before) = before.get(..before.len().saturating_sub(given.len())) else { return false };
    checksum([before, &[0; 4], after]) == u32::from_be_bytes(given)
}

/// The CRC32c of these pieces, one behind the other.
pub(super) fn checksum<const N: usize>(pieces: [&[u8]; N]) -> u32 {
    let mut digest = CHECKSUM.digest();
    for piece in pieces {
        digest.update(piece);
    }
    digest.finalize()
}
