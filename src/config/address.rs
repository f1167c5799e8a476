//! Addresses: text to [`Endpoint`] (HAProxy 3.0, configuration.txt §11).
//!
//! In: a word, and what its statement allows ([`Allowed`]). Out: the address, or a fault with the
//! bytes that are wrong. Names are not resolved, descriptors not looked at.
//!
//! Limits: names as RFC 1035 §2.3.4 has them, Unix paths up to [`UNIX_PATH_MAX`] bytes.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops::Range;

use super::args::shown_text;
use super::nearest::{did_you_mean, nearest};
use super::plan::{Endpoint, Given, IpFamily, Location, PortSpec, Transport};
use super::report::Report;
use super::word::Word;

/// How long the path of a Unix socket may be: the kernel's field without its final NUL (unix(7) on
/// Linux, unix(4) on FreeBSD).
pub const UNIX_PATH_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };
/// How long an interface's name may be (`IF_NAMESIZE` without its NUL).
const INTERFACE_MAX: usize = 15;
/// How long a host name and a label of it may be (RFC 1035 §2.3.4).
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// What to do about the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// There must be one, and not zero.
    Required,
    /// There may be one.
    Optional,
    /// There must be none.
    Forbidden,
}

/// What a statement's address may be.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// Whether there is a port.
    pub port: Port,
    /// Whether the port may be a range.
    pub range: bool,
    /// Whether the port may be an offset.
    pub offset: bool,
    /// Whether host names may be written.
    pub name: bool,
    /// Whether streams are possible.
    pub stream: bool,
    /// Whether datagrams are.
    pub datagram: bool,
    /// Whether Unix sockets are.
    pub unix: bool,
    /// Whether inherited descriptors are.
    pub descriptor: bool,
    /// A good one, for the help.
    pub example: &'static str,
}

/// Nothing special: an internet address.
const PLAIN: Allowed = Allowed {
    port: Port::Optional,
    range: false,
    offset: false,
    name: false,
    stream: true,
    datagram: false,
    unix: false,
    descriptor: false,
    example: "192.0.2.1:80",
};

impl Allowed {
    /// `bind`, `stats socket`.
    pub const BIND: Allowed = Allowed {
        port: Port::Required,
        range: true,
        name: true,
        unix: true,
        descriptor: true,
        example: "192.0.2.1:80, [2001:db8::1]:80, :80, or /run/koi.sock",
        ..PLAIN
    };
    /// `server`, `server-template`.
    pub const SERVER: Allowed = Allowed {
        offset: true,
        name: true,
        datagram: true,
        unix: true,
        example: "192.0.2.1:80, [2001:db8::1]:80, or app.example:80",
        ..PLAIN
    };
    /// `source`, `usesrc`.
    pub const SOURCE: Allowed =
        Allowed { range: true, unix: true, example: "192.0.2.1 or [2001:db8::1]", ..PLAIN };
    /// `addr` of a server: where its checks go.
    pub const CHECK: Allowed = Allowed { name: true, unix: true, ..PLAIN };
    /// `agent-addr` of a server.
    pub const AGENT: Allowed =
        Allowed { port: Port::Forbidden, name: true, example: "192.0.2.1 or 2001:db8::1", ..PLAIN };
    /// The target of a `log` line that is no ring and no standard stream.
    pub const LOG: Allowed = Allowed {
        name: true,
        datagram: true,
        unix: true,
        descriptor: true,
        example: "192.0.2.1:514 or /dev/log",
        ..PLAIN
    };
    /// `nameserver`.
    pub const NAMESERVER: Allowed =
        Allowed { port: Port::Required, datagram: true, example: "192.0.2.1:53", ..PLAIN };
    /// `peer`, and `server` in `peers`.
    pub const PEER: Allowed = Allowed {
        port: Port::Required,
        name: true,
        unix: true,
        example: "192.0.2.1:10000",
        ..PLAIN
    };
    /// `mailer`.
    pub const MAILER: Allowed =
        Allowed { port: Port::Required, name: true, example: "192.0.2.1:25", ..PLAIN };
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressFault {
    /// The bytes it is about.
    pub range: Range<usize>,
    /// What is wrong: one sentence.
    pub message: String,
    /// What was expected at those bytes.
    pub label: &'static str,
    /// What to do, if there is more to say than what may be written here.
    pub help: Option<String>,
}

type Result<T> = core::result::Result<T, AddressFault>;

fn fault<T>(range: Range<usize>, message: impl Into<String>, label: &'static str) -> Result<T> {
    Err(AddressFault { range, message: message.into(), label, help: None })
}

/// Reads an address and reports what is wrong with it.
pub fn read(report: &mut Report, word: &Word, allowed: &Allowed) -> Option<Given<Endpoint>> {
    match parse(word, allowed) {
        Ok(value) => Some(Given { value, span: word.span }),
        Err(fault) => {
            tell(report, word, fault, allowed);
            None
        }
    }
}

/// Reads a list with commas; one comma may end it.
pub fn list(report: &mut Report, word: &Word, allowed: &Allowed) -> Vec<Given<Endpoint>> {
    let mut found = Vec::new();
    let mut start = 0;
    let text = word.strip_suffix(',').unwrap_or(word);
    for piece in text.split(',') {
        found.extend(read(report, &word.cut(start..start + piece.len()), allowed));
        start += piece.len() + 1;
    }
    found
}

fn tell(report: &mut Report, word: &Word, fault: AddressFault, allowed: &Allowed) {
    let help = fault.help.unwrap_or_else(|| format!("write it like {}", allowed.example));
    report.error(word.part(fault.range), fault.message).label(fault.label).help(help);
}

/// Reads an address.
///
/// # Errors
/// What is wrong, and which bytes of `text`.
pub fn parse(text: &str, allowed: &Allowed) -> Result<Endpoint> {
    if text.is_empty() {
        return fault(0..0, "the address is empty", "an address is missing here");
    }
    let (transport, shape, at) = prefix(text)?;
    if text.contains('\0') {
        return fault(0..text.len(), "an address cannot hold a NUL", "expected text");
    }
    check_transport(transport, at, allowed)?;
    let rest = &text[at..];
    let (location, port) = match shape {
        Shape::Internet(family) => internet(rest, at, family, allowed)?,
        Shape::Unix | Shape::Abstract => {
            if !allowed.unix {
                return fault(0..text.len(), "a Unix socket is not possible here", "not this");
            }
            let name = path(rest, at)?.into();
            let unix = shape == Shape::Unix;
            (if unix { Location::Unix(name) } else { Location::Abstract(name) }, PortSpec::None)
        }
        Shape::Descriptor => {
            if !allowed.descriptor {
                return fault(0..text.len(), "a descriptor is not possible here", "not this");
            }
            (Location::Descriptor(descriptor(rest, at)?), PortSpec::None)
        }
    };
    Ok(Endpoint { transport, location, port })
}

fn check_transport(transport: Option<Transport>, at: usize, allowed: &Allowed) -> Result<()> {
    match transport {
        Some(Transport::Stream) if !allowed.stream => {
            fault(0..at, "a stream is not possible here", "this asks for a stream")
        }
        Some(Transport::Datagram) if !allowed.datagram => {
            fault(0..at, "datagrams are not possible here", "this asks for datagrams")
        }
        _ => Ok(()),
    }
}

/// What stands behind a prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Internet(Option<IpFamily>),
    Unix,
    Abstract,
    Descriptor,
}

const STREAM: Option<Transport> = Some(Transport::Stream);
const DATAGRAM: Option<Transport> = Some(Transport::Datagram);
const V4: Shape = Shape::Internet(Some(IpFamily::V4));
const V6: Shape = Shape::Internet(Some(IpFamily::V6));

const PREFIXES: &[(&str, Option<Transport>, Shape)] = &[
    ("ip", None, Shape::Internet(None)),
    ("ipv4", None, V4),
    ("ipv6", None, V6),
    ("tcp", STREAM, Shape::Internet(None)),
    ("tcp4", STREAM, V4),
    ("tcp6", STREAM, V6),
    ("udp", DATAGRAM, Shape::Internet(None)),
    ("udp4", DATAGRAM, V4),
    ("udp6", DATAGRAM, V6),
    ("unix", None, Shape::Unix),
    ("uxst", STREAM, Shape::Unix),
    ("uxdg", DATAGRAM, Shape::Unix),
    ("abns", None, Shape::Abstract),
    ("fd", None, Shape::Descriptor),
];

/// Prefixes of HAProxy's (some of versions behind 3.0) that Koi refuses by name, and what to do.
const UNSUPPORTED: &[(&str, &str, &str)] = &[
    ("quic", "QUIC", "listen on TCP: browsers fall back to HTTP/2 by themselves"),
    ("quic4", "QUIC", "listen on TCP: browsers fall back to HTTP/2 by themselves"),
    ("quic6", "QUIC", "listen on TCP: browsers fall back to HTTP/2 by themselves"),
    ("sockpair", "passing connections over a socket pair", "use a Unix socket: unix@<path>"),
    ("rhttp", "reverse HTTP", "let the clients' side connect directly, or through a VPN"),
    ("mptcp", "multipath TCP", "write ipv4@ or ipv6@"),
    ("mptcp4", "multipath TCP", "write ipv4@"),
    ("mptcp6", "multipath TCP", "write ipv6@"),
    ("abnsz", "an abstract name that is not padded (HAProxy 3.1)", "write abns@ or unix@"),
];

/// The transport, the shape, and how many bytes said so.
fn prefix(text: &str) -> Result<(Option<Transport>, Shape, usize)> {
    let (forced, start) = match text.split_once('+') {
        Some(("stream", _)) => (STREAM, "stream+".len()),
        Some(("dgram", _)) => (DATAGRAM, "dgram+".len()),
        Some(("quic", _)) => return unsupported("quic", 0..5),
        _ => (None, 0),
    };
    let rest = &text[start..];
    if rest.starts_with('/') {
        return Ok((forced, Shape::Unix, start));
    }
    let Some((word, _)) = rest.split_once('@') else {
        return Ok((forced, Shape::Internet(None), start));
    };
    match PREFIXES.iter().find(|(name, ..)| *name == word) {
        Some(&(_, own, shape)) => Ok((own.or(forced), shape, start + word.len() + 1)),
        None => unsupported(word, start..start + word.len() + 1),
    }
}

/// A prefix that is not possible, or is none.
fn unsupported<T>(word: &str, range: Range<usize>) -> Result<T> {
    if let Some((_, what, instead)) = UNSUPPORTED.iter().find(|(name, ..)| *name == word) {
        return Err(AddressFault {
            range,
            message: format!("`{word}@` is not possible: Koi does not speak {what}"),
            label: "refused",
            help: Some((*instead).to_owned()),
        });
    }
    let near = nearest(word, PREFIXES.iter().map(|(name, ..)| *name));
    let known = || "there are ipv4@, ipv6@, tcp@, udp@, unix@, abns@, fd@ and others".to_owned();
    Err(AddressFault {
        range,
        message: format!("`{}@` is not a prefix of addresses", shown_text(word)),
        label: "expected a prefix like ipv6@ or unix@",
        help: Some(did_you_mean(&near).unwrap_or_else(known)),
    })
}

fn path(text: &str, at: usize) -> Result<&str> {
    let range = at..at + text.len();
    match text.len() {
        0 => fault(range, "the name of the Unix socket is empty", "a path is missing here"),
        length if length > UNIX_PATH_MAX => Err(AddressFault {
            range,
            message: format!("the name of the Unix socket has {length} bytes"),
            label: "too long for the kernel",
            help: Some(format!("at most {UNIX_PATH_MAX} bytes are possible")),
        }),
        _ => Ok(text),
    }
}

fn descriptor(text: &str, at: usize) -> Result<u32> {
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok());
    match number.flatten().filter(|&number| number <= i32::MAX as u32) {
        Some(number) => Ok(number),
        None => fault(
            at..at + text.len(),
            format!("`{}` is not a descriptor", shown_text(text)),
            "expected the number of an open descriptor, as in fd@3",
        ),
    }
}

fn internet(
    text: &str,
    at: usize,
    family: Option<IpFamily>,
    allowed: &Allowed,
) -> Result<(Location, PortSpec)> {
    if allowed.port == Port::Forbidden {
        return Ok((without_port(text, at, family, allowed)?, PortSpec::None));
    }
    if let Some(inside) = text.strip_prefix('[') {
        return bracketed(inside, at + 1, family, allowed);
    }
    let Some((host, digits)) = text.rsplit_once(':') else {
        let location = location(text, at, family, allowed)?;
        let end = at + text.len();
        if allowed.port == Port::Required {
            return missing_port(end);
        }
        return Ok((location, PortSpec::None));
    };
    // `2001:db8::1` splits into a broken address and a port; the cause is the missing port.
    if host.contains(':') && v6_of(host).is_none() && v6_of(text).is_some() {
        return fault(
            at..at + text.len(),
            "an IPv6 address without brackets must end in a port",
            "the last colon would divide the address",
        )
        .map_err(|fault| AddressFault {
            help: Some(format!("write [{text}], or [{text}]:80 with a port")),
            ..fault
        });
    }
    let location = location(host, at, family, allowed)?;
    Ok((location, port(digits, at + host.len() + 1, allowed)?))
}

fn missing_port<T>(end: usize) -> Result<T> {
    fault(end..end, "the port is missing", "expected `:` and a port")
}

/// The address of `ip%scope`, if it is one.
fn v6_of(text: &str) -> Option<Ipv6Addr> {
    text.split_once('%').map_or(text, |(ip, _)| ip).parse().ok()
}

fn without_port(
    text: &str,
    at: usize,
    family: Option<IpFamily>,
    allowed: &Allowed,
) -> Result<Location> {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(inside) = inside {
        return v6(inside, at + 1, family);
    }
    if let (None, Some((host, digits))) = (v6_of(text), text.rsplit_once(':')) {
        let start = at + host.len();
        return fault(
            start..start + digits.len() + 1,
            "no port may stand here",
            "expected an address only",
        );
    }
    location(text, at, family, allowed)
}

/// Reads what follows `[`.
fn bracketed(
    text: &str,
    at: usize,
    family: Option<IpFamily>,
    allowed: &Allowed,
) -> Result<(Location, PortSpec)> {
    let Some((inside, behind)) = text.split_once(']') else {
        return fault(at - 1..at, "this bracket is not closed", "`]` is missing");
    };
    // HAProxy takes brackets around IPv4 addresses too.
    let location = match inside.parse::<Ipv4Addr>() {
        Ok(_) => location(inside, at, family, allowed)?,
        Err(_) => v6(inside, at, family)?,
    };
    let start = at + inside.len() + 1;
    let end = start + behind.len();
    match behind.strip_prefix(':') {
        Some(digits) => Ok((location, port(digits, start + 1, allowed)?)),
        None if !behind.is_empty() => {
            fault(start..end, "only a port can follow `]`", "expected `:` and a port")
        }
        None if allowed.port == Port::Required => missing_port(end),
        None => Ok((location, PortSpec::None)),
    }
}

/// Reads what stands before the port, without brackets.
fn location(
    text: &str,
    at: usize,
    family: Option<IpFamily>,
    allowed: &Allowed,
) -> Result<Location> {
    let range = at..at + text.len();
    if text.is_empty() || text == "*" {
        return Ok(match family {
            Some(IpFamily::V6) => Location::V6 { ip: Ipv6Addr::UNSPECIFIED, scope: None },
            _ => Location::V4(Ipv4Addr::UNSPECIFIED),
        });
    }
    if let Some(bracket) = text.find(['[', ']']) {
        let bracket = at + bracket;
        return fault(bracket..bracket + 1, "a bracket in the wrong place", "not expected here");
    }
    if text.contains([':', '%']) {
        return v6(text, at, family);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressFault {
            help: Some(format!("a port alone is written `:{text}`")),
            ..AddressFault {
                range,
                message: format!("`{}` is a number, not an address", shown_text(text)),
                label: "expected an address",
                help: None,
            }
        });
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return v4(text, range, family);
    }
    if !allowed.name {
        let message = format!("`{}` is not an address", shown_text(text));
        return fault(range, message, "expected an address; a host name is not possible here");
    }
    check_name(text, at)?;
    Ok(Location::Name { name: text.into(), family })
}

/// Digits and dots are never a name: a resolver would take `1.2.3` for 1.2.0.3, and `010` for 8
/// (inet_aton(3)).
fn v4(text: &str, range: Range<usize>, family: Option<IpFamily>) -> Result<Location> {
    let Ok(ip) = text.parse() else {
        return fault(
            range,
            format!("`{}` is not an IPv4 address", shown_text(text)),
            "expected four numbers from 0 to 255, without leading zeros",
        );
    };
    match family {
        Some(IpFamily::V6) => wrong_family(range, "IPv4", "ipv6@"),
        _ => Ok(Location::V4(ip)),
    }
}

fn v6(text: &str, at: usize, family: Option<IpFamily>) -> Result<Location> {
    let range = at..at + text.len();
    let (address, scope) = match text.split_once('%') {
        None => (text, None),
        Some((address, name)) => {
            check_interface(name, at + address.len() + 1)?;
            (address, Some(name.into()))
        }
    };
    let Ok(ip) = address.parse() else {
        let message = format!("`{}` is not an IPv6 address", shown_text(address));
        return fault(range, message, "expected one like 2001:db8::1");
    };
    match family {
        Some(IpFamily::V4) => wrong_family(range, "IPv6", "ipv4@"),
        _ => Ok(Location::V6 { ip, scope }),
    }
}

fn wrong_family<T>(range: Range<usize>, is: &str, prefix: &str) -> Result<T> {
    fault(range, format!("an {is} address behind `{prefix}`"), "of the other family")
}

/// What fits the kernel's field, without what would not read back.
fn check_interface(name: &str, at: usize) -> Result<()> {
    let odd = |c: char| !c.is_ascii_graphic() || "/%[]@".contains(c);
    if name.is_empty() || name.len() > INTERFACE_MAX || name.contains(odd) {
        let message = format!("`{}` is not an interface", shown_text(name));
        return fault(at..at + name.len(), message, "expected an interface, as in fe80::1%em0");
    }
    Ok(())
}

/// Letters, digits, `-`, `_` and dots. One final dot is allowed.
fn check_name(name: &str, at: usize) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if let Some((bad, c)) = name.char_indices().find(|&(_, c)| !legal(c)) {
        return fault(
            at + bad..at + bad + c.len_utf8(),
            format!("no host name has the character {c:?}"),
            "expected letters, digits, - _ and dots",
        );
    }
    let labels = name.strip_suffix('.').unwrap_or(name);
    if labels.len() > NAME_MAX {
        let message = format!("the host name has {} bytes", labels.len());
        return fault(at..at + name.len(), message, "at most 253 are possible");
    }
    let mut start = at;
    for label in labels.split('.') {
        let range = start..start + label.len();
        match label.len() {
            0 => return fault(range, "two dots of a host name have nothing between them", "here"),
            length if length > LABEL_MAX => {
                return fault(range, "a part of the host name has more than 63 bytes", "this one");
            }
            length => start += length + 1,
        }
    }
    Ok(())
}

/// Reads what follows the last colon: nothing, `N`, `N-M`, `+N` or `-N`.
fn port(text: &str, at: usize, allowed: &Allowed) -> Result<PortSpec> {
    let range = at..at + text.len();
    if text.is_empty() {
        return match allowed.port {
            Port::Required => fault(range, "the port is missing", "expected a port"),
            _ => Ok(PortSpec::None),
        };
    }
    if let Some(sign) = text.chars().next().filter(|c| "+-".contains(*c)) {
        if !allowed.offset {
            let message = format!("`{}` is no port", shown_text(text));
            return fault(range, message, "a port relative to the client's is not possible here");
        }
        let offset = i32::from(number(&text[1..], at + 1, 0)?);
        return Ok(PortSpec::Offset(if sign == '-' { -offset } else { offset }));
    }
    let least = u16::from(allowed.port == Port::Required);
    let Some((first, last)) = text.split_once('-') else {
        return Ok(PortSpec::One(number(text, at, least)?));
    };
    if !allowed.range {
        return fault(range, "a range of ports is not possible here", "expected one port");
    }
    let low = number(first, at, least)?;
    let high = number(last, at + first.len() + 1, least)?;
    match low.cmp(&high) {
        core::cmp::Ordering::Less => Ok(PortSpec::Range(low, high)),
        core::cmp::Ordering::Equal => Ok(PortSpec::One(low)),
        core::cmp::Ordering::Greater => {
            fault(range, "the range of ports runs backwards", "the smaller port stands first")
        }
    }
}

/// One or more ASCII digits. `str::parse` alone would allow a sign.
fn number(text: &str, at: usize, least: u16) -> Result<u16> {
    if let Some((bad, c)) = text.char_indices().find(|(_, c)| !c.is_ascii_digit()) {
        return fault(
            at + bad..at + bad + c.len_utf8(),
            format!("no port has the character {c:?}"),
            "expected digits",
        );
    }
    let range = at..at + text.len();
    match text.parse::<u16>() {
        Ok(number) if number >= least => Ok(number),
        _ if text.is_empty() => fault(range, "the port is missing", "expected a port"),
        Ok(_) => fault(range, "port 0 is not possible here", "expected a port from 1 to 65535"),
        Err(_) => fault(
            range,
            format!("`{}` is too large for a port", shown_text(text)),
            "expected a port up to 65535",
        ),
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
