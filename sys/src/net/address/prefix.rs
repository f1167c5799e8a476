//! The words before `@` (HAProxy 3.0, configuration.txt §2.9.1 to §2.9.3).

use super::{AddressError, AddressFault, Family, Transport};

/// What the text after a prefix is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `host:port`, in the family named, if one is.
    Internet(Option<Family>),
    /// A path.
    Unix,
    /// An abstract name.
    Abstract { padded: bool },
    /// A number.
    Descriptor,
}

/// A text without its prefix.
pub(super) struct Prefixed {
    pub(super) transport: Option<Transport>,
    pub(super) shape: Shape,
    /// Bytes that the prefix took.
    pub(super) len: usize,
}

const STREAM: Option<Transport> = Some(Transport::Stream);
const DATAGRAM: Option<Transport> = Some(Transport::Datagram);
const ANY: Shape = Shape::Internet(None);
const V4: Shape = Shape::Internet(Some(Family::V4));
const V6: Shape = Shape::Internet(Some(Family::V6));

const PREFIXES: [(&str, Option<Transport>, Shape); 15] = [
    ("ip", None, ANY),
    ("ipv4", None, V4),
    ("ipv6", None, V6),
    ("tcp", STREAM, ANY),
    ("tcp4", STREAM, V4),
    ("tcp6", STREAM, V6),
    ("udp", DATAGRAM, ANY),
    ("udp4", DATAGRAM, V4),
    ("udp6", DATAGRAM, V6),
    ("unix", None, Shape::Unix),
    ("uxst", STREAM, Shape::Unix),
    ("uxdg", DATAGRAM, Shape::Unix),
    ("abns", None, Shape::Abstract { padded: true }),
    ("abnsz", None, Shape::Abstract { padded: false }),
    ("fd", None, Shape::Descriptor),
];

/// Prefixes of HAProxy's that Koi refuses by name.
const UNSUPPORTED: [&str; 8] =
    ["quic", "quic4", "quic6", "mptcp", "mptcp4", "mptcp6", "sockpair", "rhttp"];

/// Reads the prefix, if there is one; a leading `/` is a path and has none.
pub(super) fn split(text: &str) -> Result<Prefixed, AddressError> {
    let (forced, start) = socket_type(text)?;
    let rest = &text[start..];
    if rest.starts_with('/') {
        return Ok(Prefixed { transport: forced, shape: Shape::Unix, len: start });
    }
    let Some(at_sign) = rest.find('@') else {
        return Ok(Prefixed { transport: forced, shape: ANY, len: start });
    };
    let word = &rest[..at_sign];
    if UNSUPPORTED.contains(&word) {
        return Err(AddressFault::UnsupportedPrefix.at(start));
    }
    let Some((_, own, shape)) = PREFIXES.iter().find(|(name, ..)| *name == word) else {
        return Err(AddressFault::UnknownPrefix.at(start));
    };
    Ok(Prefixed { transport: own.or(forced), shape: *shape, len: start + at_sign + 1 })
}

/// Reads `stream+` or `dgram+` (§2.9.2).
fn socket_type(text: &str) -> Result<(Option<Transport>, usize), AddressError> {
    match text.split_once('+') {
        Some(("stream", _)) => Ok((STREAM, "stream+".len())),
        Some(("dgram", _)) => Ok((DATAGRAM, "dgram+".len())),
        Some(("quic", _)) => Err(AddressFault::UnsupportedPrefix.at(0)),
        _ => Ok((None, 0)),
    }
}
