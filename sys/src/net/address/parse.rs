//! Text to [`Address`].
//!
//! Each function takes the text and the byte at which that text starts within the whole, so that
//! faults point into what the operator wrote.

use super::prefix::{self, Shape};
use super::{Address, AddressError, AddressFault, Family, Place, PortSpec, host};
use crate::net::raw_address::PATH_CAPACITY;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// Reads a whole address.
pub(super) fn address(text: &str) -> Result<Address, AddressError> {
    if text.is_empty() {
        return Err(AddressFault::Empty.at(0));
    }
    let prefixed = prefix::split(text)?;
    let at = prefixed.len;
    let rest = &text[at..];
    let (place, port) = match prefixed.shape {
        Shape::Internet(family) => internet(rest, at, family)?,
        Shape::Unix => (Place::Unix(PathBuf::from(path(rest, at)?)), PortSpec::None),
        Shape::Abstract { padded } => (abstract_name(rest, at, padded)?, PortSpec::None),
        Shape::Descriptor => (descriptor(rest, at)?, PortSpec::None),
    };
    Ok(Address { transport: prefixed.transport, place, port })
}

fn path(text: &str, at: usize) -> Result<&str, AddressError> {
    if text.is_empty() {
        return Err(AddressFault::MissingName.at(at));
    }
    if let Some(nul) = text.find('\0') {
        return Err(AddressFault::Nul.at(at + nul));
    }
    // The field also holds a final NUL, for abstract names a leading one.
    if text.len() >= PATH_CAPACITY {
        return Err(AddressFault::NameTooLong.at(at));
    }
    Ok(text)
}

fn abstract_name(text: &str, at: usize, padded: bool) -> Result<Place, AddressError> {
    Ok(Place::Abstract { name: path(text, at)?.to_owned(), padded })
}

fn descriptor(text: &str, at: usize) -> Result<Place, AddressError> {
    let fault = AddressFault::NotDescriptor.at(at);
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault);
    }
    text.parse().map(Place::Descriptor).map_err(|_| fault)
}

fn internet(
    text: &str,
    at: usize,
    family: Option<Family>,
) -> Result<(Place, PortSpec), AddressError> {
    if text == ":" {
        return Err(AddressFault::Empty.at(at));
    }
    if let Some(inside) = text.strip_prefix('[') {
        return bracketed(inside, at + 1, family);
    }
    let Some((host, port_text)) = text.rsplit_once(':') else {
        return Ok((place(text, at, family)?, PortSpec::None));
    };
    let place = place(host, at, family).map_err(|error| match error.fault {
        // `2001:db8::1` splits into a broken host and a port; the cause is the missing port.
        AddressFault::NotV6 if is_v6(text) => AddressFault::BareV6.at(at),
        _ => error,
    })?;
    Ok((place, port(port_text, at + host.len() + 1)?))
}

fn is_v6(text: &str) -> bool {
    let ip = text.split_once('%').map_or(text, |(ip, _scope)| ip);
    ip.parse::<Ipv6Addr>().is_ok()
}

/// Reads what follows `[`.
fn bracketed(
    text: &str,
    at: usize,
    family: Option<Family>,
) -> Result<(Place, PortSpec), AddressError> {
    let Some((inside, after)) = text.split_once(']') else {
        return Err(AddressFault::UnclosedBracket.at(at - 1));
    };
    let place = v6(inside, at, family)?;
    let after_at = at + inside.len() + 1;
    match after.strip_prefix(':') {
        Some(port_text) => Ok((place, port(port_text, after_at + 1)?)),
        None if after.is_empty() => Ok((place, PortSpec::None)),
        None => Err(AddressFault::AfterBracket.at(after_at)),
    }
}

/// Reads what stands before the port, without brackets.
fn place(text: &str, at: usize, family: Option<Family>) -> Result<Place, AddressError> {
    if text.is_empty() || text == "*" {
        return Ok(match family {
            Some(Family::V6) => Place::V6 { ip: Ipv6Addr::UNSPECIFIED, scope: None },
            _ => Place::V4(Ipv4Addr::UNSPECIFIED),
        });
    }
    if let Some(bracket) = text.find(['[', ']']) {
        return Err(AddressFault::StrayBracket.at(at + bracket));
    }
    if text.contains([':', '%']) {
        return v6(text, at, family);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressFault::PortAlone.at(at));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return v4(text, at, family);
    }
    host::check(text, at)?;
    Ok(Place::Host { name: text.to_owned(), family })
}

/// Digits and dots are never a name: a resolver would take `1.2.3` for 1.2.0.3 (inet_aton(3)).
fn v4(text: &str, at: usize, family: Option<Family>) -> Result<Place, AddressError> {
    let ip = text.parse().map_err(|_| AddressFault::NotV4.at(at))?;
    match family {
        Some(Family::V6) => Err(AddressFault::WrongFamily.at(at)),
        _ => Ok(Place::V4(ip)),
    }
}

fn v6(text: &str, at: usize, family: Option<Family>) -> Result<Place, AddressError> {
    let (ip_text, scope) = match text.split_once('%') {
        None => (text, None),
        Some((ip, name)) => {
            host::check_interface(name, at + ip.len() + 1)?;
            (ip, Some(name.to_owned()))
        }
    };
    let ip = ip_text.parse().map_err(|_| AddressFault::NotV6.at(at))?;
    match family {
        Some(Family::V4) => Err(AddressFault::WrongFamily.at(at)),
        _ => Ok(Place::V6 { ip, scope }),
    }
}

/// Reads what follows the last colon: nothing, `N`, `N-M`, `+N` or `-N`.
fn port(text: &str, at: usize) -> Result<PortSpec, AddressError> {
    if text.is_empty() {
        return Ok(PortSpec::None);
    }
    if let Some(digits) = text.strip_prefix('+') {
        return Ok(PortSpec::Offset(i32::from(number(digits, at + 1)?)));
    }
    if let Some(digits) = text.strip_prefix('-') {
        return Ok(PortSpec::Offset(-i32::from(number(digits, at + 1)?)));
    }
    let Some((first, last)) = text.split_once('-') else {
        return Ok(PortSpec::One(number(text, at)?));
    };
    let low = number(first, at)?;
    let high = number(last, at + first.len() + 1)?;
    match low.cmp(&high) {
        std::cmp::Ordering::Less => Ok(PortSpec::Range(low, high)),
        std::cmp::Ordering::Equal => Ok(PortSpec::One(low)),
        std::cmp::Ordering::Greater => Err(AddressFault::RangeReversed.at(at)),
    }
}

/// One or more ASCII digits, at most 65535. `str::parse` alone would allow a sign.
fn number(text: &str, at: usize) -> Result<u16, AddressError> {
    if let Some(bad) = text.find(|character: char| !character.is_ascii_digit()) {
        return Err(AddressFault::PortCharacter.at(at + bad));
    }
    if text.is_empty() {
        return Err(AddressFault::PortCharacter.at(at));
    }
    text.parse().map_err(|_| AddressFault::PortTooLarge.at(at))
}
