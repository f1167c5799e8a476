//! Hosts: the value of `Host` and the authority of a target.

use super::bytes::{HOST, are, skip};

/// Digits of a port at most; leading zeros count.
const PORT_DIGITS_MAX: usize = 5;

/// Whether it is a host and perhaps a port, and nothing else: no user, path, list or blank
/// (RFC 9110 §7.2, RFC 3986 §3.2.2).
pub fn is_authority(bytes: &[u8]) -> bool {
    // Mostly there is no port.
    if are(bytes, HOST) {
        return !bytes.is_empty();
    }
    let end = match bytes {
        [b'[', rest @ ..] => match rest.iter().position(|byte| *byte == b']') {
            Some(end) if is_ipv6(rest.get(..end).unwrap_or_default()) => end + 2,
            _ => return false,
        },
        _ => skip(bytes, 0, HOST),
    };
    match bytes.get(end..) {
        Some([]) => end > 0,
        Some([b':', port @ ..]) => end > 0 && is_port(port),
        _ => false,
    }
}

/// Whether two authorities name the same place for a scheme with this default port.
pub fn same_authority(a: &[u8], b: &[u8], default_port: &[u8]) -> bool {
    let plain = |authority| match split_port(authority) {
        (host, Some(port)) if port.is_empty() || port == default_port => host,
        _ => authority,
    };
    plain(a).eq_ignore_ascii_case(plain(b))
}

/// The port stands behind the last colon; the colons within brackets are the address's.
fn split_port(authority: &[u8]) -> (&[u8], Option<&[u8]>) {
    match authority.iter().rposition(|byte| *byte == b':' || *byte == b']') {
        Some(at) if authority.get(at) == Some(&b':') => {
            let (host, port) = authority.split_at(at);
            (host, port.get(1..))
        }
        _ => (authority, None),
    }
}

fn is_ipv6(address: &[u8]) -> bool {
    std::str::from_utf8(address).is_ok_and(|text| text.parse::<core::net::Ipv6Addr>().is_ok())
}

/// An empty port means the default one (RFC 3986 §3.2.3).
fn is_port(port: &[u8]) -> bool {
    let number = |value: u32, digit: &u8| value * 10 + u32::from(digit - b'0');
    port.len() <= PORT_DIGITS_MAX
        && port.iter().all(u8::is_ascii_digit)
        && port.iter().fold(0, number) <= u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        let good = ["a", "a.example", "a_b", "127.0.0.1:80", "a:", "[::1]", "[::1]:8080", "a%20b"];
        for text in good {
            assert!(is_authority(text.as_bytes()), "{text}");
        }
        let bad = [
            "",
            ":80",
            "a:b",
            "a:65536",
            "a:000080",
            "u@a",
            "a/b",
            "a,b",
            "a b",
            "a?b",
            "a#b",
            "[::1",
            "::1",
            "[]",
            "[::1]x",
            "[::1%25eth0]",
            "a\\b",
            "\u{e4}",
            "a\"",
            "[::1]:x",
        ];
        for text in bad {
            assert!(!is_authority(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn the_default_port_makes_no_difference() {
        assert!(same_authority(b"A.example:80", b"a.EXAMPLE", b"80"));
        assert!(same_authority(b"[::1]", b"[::1]:443", b"443"));
        assert!(same_authority(b"a:", b"a", b"80"));
        assert!(!same_authority(b"a:81", b"a", b"80"));
        assert!(!same_authority(b"a:80", b"a", b"443"));
        assert!(!same_authority(b"[::1]", b"[::2]", b"80"));
    }
}
