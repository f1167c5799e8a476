//! Version 1: a line of text (§2.1).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

use super::{Fault, Header, V1_MAX, canonical};

pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// A line that begins with the signature; `None` if its end has not come.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let room = bytes.get(..V1_MAX).unwrap_or(bytes);
    let Some(end) = room.iter().position(|&byte| byte == b'\n') else {
        return if bytes.len() < V1_MAX { Ok(None) } else { Err(Fault::Malformed) };
    };
    let line = room.get(SIGNATURE.len()..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").ok_or(Fault::Malformed)?;
    let addresses = addresses(line).ok_or(Fault::Malformed)?;
    Ok(Some(Header { addresses, tlvs: Vec::new(), length: end + 1 }))
}

/// What stands behind `PROXY `: the inner `None` is `UNKNOWN`, behind which anything may stand.
fn addresses(line: &[u8]) -> Option<Option<(SocketAddr, SocketAddr)>> {
    let line = core::str::from_utf8(line).ok()?;
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Some(None);
    }
    let mut words = line.split(' ');
    let ip: fn(&str) -> Option<IpAddr> = match words.next()? {
        "TCP4" => |word| Ipv4Addr::from_str(word).ok().map(IpAddr::V4),
        "TCP6" => |word| Ipv6Addr::from_str(word).ok().map(IpAddr::V6),
        _ => return None,
    };
    let (source, destination) = (ip(words.next()?)?, ip(words.next()?)?);
    let (from, to) = (port(words.next()?)?, port(words.next()?)?);
    if words.next().is_some() {
        return None;
    }
    let address = |ip, port| canonical(SocketAddr::new(ip, port));
    Some(Some((address(source, from), address(destination, to))))
}

/// Digits without a zero in front.
fn port(word: &str) -> Option<u16> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit());
    let zero = word.len() > 1 && word.starts_with('0');
    if plain && !zero { word.parse().ok() } else { None }
}
