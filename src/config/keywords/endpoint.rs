//! Words to [`Endpoint`]s: addresses that Koi connects or sends to.
//!
//! Names are kept, not looked up: a check must not depend on who answers today.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::args::{Args, shown, shown_text};
use crate::config::plan::{Endpoint, Given, Place, Transport};
use crate::config::word::Word;

/// What kinds of addresses a keyword takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Internet addresses with a port.
    Internet,
    /// Those, and sockets in the file system.
    InternetOrPath,
    /// Anything that takes log messages; the port may be left out.
    Log,
}

/// The longest host name (RFC 1035 §2.3.4, in text form).
const NAME_MAX: usize = 253;

/// What may stand before `@`: transport, and what follows.
const PREFIXES: &[(&str, Transport, After)] = &[
    ("abns", Transport::Usual, After::Abstract),
    ("backend", Transport::Usual, After::Backend),
    ("fd", Transport::Usual, After::Descriptor),
    ("ipv4", Transport::Usual, After::V4),
    ("ipv6", Transport::Usual, After::V6),
    ("ring", Transport::Usual, After::Ring),
    ("tcp", Transport::Stream, After::Any),
    ("tcp4", Transport::Stream, After::V4),
    ("tcp6", Transport::Stream, After::V6),
    ("udp", Transport::Datagram, After::Any),
    ("udp4", Transport::Datagram, After::V4),
    ("udp6", Transport::Datagram, After::V6),
    ("unix", Transport::Usual, After::Path),
    ("uxdg", Transport::Datagram, After::Path),
    ("uxst", Transport::Stream, After::Path),
];

/// What follows a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Any,
    V4,
    V6,
    Path,
    Abstract,
    Descriptor,
    Ring,
    Backend,
}

/// Reads `word` as an address of the wanted kind. Faults are reported.
pub fn endpoint(args: &mut Args<'_>, word: &Word, kind: Kind) -> Option<Given<Endpoint>> {
    let (transport, after, start) = prefix(args, word)?;
    let rest = word.cut(start..word.len());
    let after = match rest.starts_with('/') && after == After::Any {
        true => After::Path,
        false => after,
    };
    let place = match after {
        After::Any | After::V4 | After::V6 => internet(args, &rest, after, kind)?,
        _ if !allowed(after, kind) => {
            args.error(word.span, format!("`{}` cannot be used here", shown(word)))
                .label("an internet address is needed");
            return None;
        }
        After::Path => Place::Path(rest.text.clone()),
        After::Abstract => Place::Abstract(rest.text.clone()),
        After::Ring => Place::Ring(rest.text.clone()),
        After::Backend => Place::Backend(rest.text.clone()),
        After::Descriptor => Place::Descriptor(
            args.number_of(&rest, "a file descriptor", 0..=i32::MAX.unsigned_abs())?.value,
        ),
    };
    Some(Given { value: Endpoint { transport, place }, span: word.span })
}

fn allowed(after: After, kind: Kind) -> bool {
    match kind {
        Kind::Internet => false,
        Kind::InternetOrPath => matches!(after, After::Path | After::Abstract),
        Kind::Log => true,
    }
}

/// The prefix of an address: transport, what follows, and where that begins.
fn prefix(args: &mut Args<'_>, word: &Word) -> Option<(Transport, After, usize)> {
    let Some((name, _)) = word.split_once('@') else {
        return Some((Transport::Usual, After::Any, 0));
    };
    let plain = name.strip_prefix("stream+").map(|rest| (Transport::Stream, rest));
    let plain =
        plain.or_else(|| name.strip_prefix("dgram+").map(|rest| (Transport::Datagram, rest)));
    let (forced, family) = plain.map_or((None, name), |(transport, rest)| (Some(transport), rest));
    match PREFIXES.iter().find(|(known, ..)| *known == family) {
        Some(&(_, transport, after)) => Some((forced.unwrap_or(transport), after, name.len() + 1)),
        None => {
            let message = format!("no address begins with `{}@`", shown_text(name));
            let known: Vec<&str> = PREFIXES.iter().map(|(known, ..)| *known).collect();
            args.error(word.part(0..name.len() + 1), message)
                .label("an unknown kind of address")
                .help(format!("there are: {}", known.join(", ")));
            None
        }
    }
}

/// `address[:port]`: the last colon divides, as HAProxy has it, unless the address ends in `]`.
fn internet(args: &mut Args<'_>, word: &Word, after: After, kind: Kind) -> Option<Place> {
    let colon = match word.rfind(']') {
        Some(end) => word[end..].find(':').map(|at| end + at),
        None => word.rfind(':'),
    };
    let host = word.cut(0..colon.unwrap_or(word.len()));
    let port = match colon {
        Some(at) => Some(port(args, &word.cut(at + 1..word.len()), kind)?),
        None if kind == Kind::Log => None,
        None => {
            args.error(word.span.after(), format!("`{}` has no port", shown(word)))
                .label("`:` and a port are missing here");
            return None;
        }
    };
    if let Some(address) = address(&host, after) {
        return Some(Place::Ip(address, port));
    }
    if after != After::V6 && is_name(&host) {
        return Some(Place::Name(host.text.clone(), port));
    }
    args.error(host.span, format!("`{}` is no address", shown(&host))).label("expected an address");
    None
}

fn port(args: &mut Args<'_>, word: &Word, kind: Kind) -> Option<Given<u16>> {
    if word.starts_with(['+', '-']) || word.split_once('-').is_some() {
        args.error(word.span, format!("`{}` is not one port", shown(word)))
            .label("neither offsets nor ranges of ports are possible here");
        return None;
    }
    let least = if kind == Kind::Log { 0 } else { 1 };
    args.number_of(word, "a port", least..=u16::MAX)
}

fn address(host: &str, after: After) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let v6 = inner.unwrap_or(host).parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let v4 = host.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    match (host, after) {
        ("*" | "", After::V6) => Some(Ipv6Addr::UNSPECIFIED.into()),
        ("*" | "", _) => Some(Ipv4Addr::UNSPECIFIED.into()),
        (_, After::V4) => v4,
        (_, After::V6) => v6,
        _ => v4.or(v6),
    }
}

/// Whether `host` may be a host name: letters, digits, `-`, `_` and dots, not all digits.
fn is_name(host: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let label = |label: &str| !label.is_empty() && label.len() <= 63;
    host.len() <= NAME_MAX
        && host.chars().all(legal)
        && host.contains(|c: char| c.is_ascii_alphabetic())
        && host.strip_suffix('.').unwrap_or(host).split('.').all(label)
}
