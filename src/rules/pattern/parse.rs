//! Patterns as text.
//!
//! In: the text of one pattern and the method. Out: what it means, or what is wrong with it.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::Method;
use super::net::Net;
use crate::rules::pcre::regex;

/// What stands before numbers; it holds for all that follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operator {
    /// `eq`.
    #[default]
    Eq,
    /// `ge`.
    Ge,
    /// `gt`.
    Gt,
    /// `le`.
    Le,
    /// `lt`.
    Lt,
}

impl Operator {
    /// The operator of this name.
    pub fn named(name: &str) -> Option<Operator> {
        Some(match name {
            "eq" => Operator::Eq,
            "ge" => Operator::Ge,
            "gt" => Operator::Gt,
            "le" => Operator::Le,
            "lt" => Operator::Lt,
            _ => return None,
        })
    }
}

/// What a pattern means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Nothing: the method has no patterns, or keeps them elsewhere.
    Nothing,
    /// Text or bytes.
    Bytes(Box<[u8]>),
    /// Numbers, both ends included.
    Range(i64, i64),
    /// Addresses.
    Net(Net),
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is not: "is not a number or a range".
    pub message: String,
    /// What to do.
    pub help: &'static str,
}

fn fault(message: &str, help: &'static str) -> Fault {
    Fault { message: message.to_owned(), help }
}

/// Reads a pattern. `strict` refuses addresses in an abbreviated form (`-n`).
///
/// # Errors
/// What is wrong with it.
pub fn parse(
    method: Method,
    text: &str,
    operator: Operator,
    fold: bool,
    strict: bool,
) -> Result<Parsed, Fault> {
    match method {
        Method::Found | Method::Bool | Method::Group => Ok(Parsed::Nothing),
        Method::Int | Method::Len => range(text, operator, integer, NUMBERS),
        Method::Version => range(text, operator, dotted, VERSIONS),
        Method::Ip => net(text, strict).map(Parsed::Net),
        Method::Bin => hex(text).map(Parsed::Bytes),
        Method::Reg => match regex(text, fold) {
            Ok(_) => Ok(Parsed::Nothing),
            Err(reason) => Err(Fault {
                message: format!("is no regular expression: {reason}"),
                help: "look-around and back-references are not possible: matching time is always \
                       linear",
            }),
        },
        _ => Ok(Parsed::Bytes(text.as_bytes().into())),
    }
}

/// Digits.
fn integer(text: &str) -> Option<i64> {
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits_only { text.parse().ok() } else { None }
}

/// `3.1` as one number; `3` is `3.0`.
fn dotted(text: &str) -> Option<i64> {
    let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
    let part = |text: &str| integer(text).filter(|number| (0..1 << 16).contains(number));
    Some((part(major)? << 16) + part(minor)?)
}

const NUMBERS: &str = "write a number or a range: 80, 1024:65535, :80 or 80:";
const NEGATIVE: &str =
    "write :2 if all numbers up to 2 are meant; what is below zero matches `lt 0`";
const VERSIONS: &str = "write a version or a range: 3.1, 3.0:3.3 or 3.1:";

/// A number or `least:most`. An operator changes what a single number means; ranges stay what they are.
fn range(
    text: &str,
    operator: Operator,
    number: fn(&str) -> Option<i64>,
    help: &'static str,
) -> Result<Parsed, Fault> {
    if text.starts_with('-') {
        return Err(fault(
            "is a negative number, which HAProxy takes for a range up to it",
            NEGATIVE,
        ));
    }
    // A dash does what a colon does, though no manual says so.
    if let Some((least, most)) = text.split_once([':', '-']) {
        let bounds = match (least, most) {
            ("", "") => None,
            ("", most) => number(most).map(|most| (i64::MIN, most)),
            (least, "") => number(least).map(|least| (least, i64::MAX)),
            (least, most) => number(least).zip(number(most)).filter(|(least, most)| least <= most),
        };
        let (least, most) = bounds.ok_or_else(|| fault("is not a range of numbers", help))?;
        return Ok(Parsed::Range(least, most));
    }
    let Some(value) = number(text) else { return Err(fault("is not a number or a range", help)) };
    let bounds = match operator {
        Operator::Eq => Some((value, value)),
        Operator::Ge => Some((value, i64::MAX)),
        Operator::Gt => value.checked_add(1).map(|least| (least, i64::MAX)),
        Operator::Le => Some((i64::MIN, value)),
        Operator::Lt => value.checked_sub(1).map(|most| (i64::MIN, most)),
    };
    let (least, most) = bounds.ok_or_else(|| fault("leaves no number over", help))?;
    Ok(Parsed::Range(least, most))
}

/// Pairs of hexadecimal digits.
fn hex(text: &str) -> Result<Box<[u8]>, Fault> {
    const HELP: &str = "write two hexadecimal digits for each byte: 48656c6c6f";
    if text.len() % 2 == 1 {
        return Err(fault("has an odd number of hexadecimal digits", HELP));
    }
    let pairs = text.as_bytes().chunks(2).map(|pair| {
        let digits = std::str::from_utf8(pair).ok();
        let digits = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())
    });
    pairs.collect::<Option<_>>().ok_or_else(|| fault("is not hexadecimal", HELP))
}

/// An address or a network of either family.
fn net(text: &str, strict: bool) -> Result<Net, Fault> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let wrong = |what: &str| {
        fault(what, "write 192.0.2.1, 192.0.2.0/24, 192.0.2.0/255.255.255.0 or 2001:db8::/32")
    };
    if let Ok(v6) = address.parse::<Ipv6Addr>() {
        let length = mask.map_or(Some(128), |mask| prefix(mask, 128));
        return length
            .map(|length| Net::V6(v6, length))
            .ok_or_else(|| wrong("has no length of a prefix from 0 to 128 behind the slash"));
    }
    let v4 = address.parse::<Ipv4Addr>().ok();
    match v4.or_else(|| abbreviated(address).filter(|_| !strict)) {
        Some(v4) => match mask.map_or(Some(Ipv4Addr::BROADCAST), mask4) {
            Some(mask) => Ok(Net::V4(v4, mask)),
            None => Err(wrong("has no mask from 0 to 32 (or 255.255.255.0) behind the slash")),
        },
        None if abbreviated(address).is_some() => {
            Err(fault("is an abbreviated address, which `-n` forbids", "write all four numbers"))
        }
        None if host_name(address) => Err(fault(
            "is a host name, not an address",
            "Koi resolves no names while it reads the configuration: write the addresses themselves, \
             or keep them in a file and name it with -f",
        )),
        None => Err(wrong("is not an address or a network")),
    }
}

fn prefix(text: &str, most: u8) -> Option<u8> {
    // A plus is what C's number reader takes.
    let digits = text.strip_prefix('+').unwrap_or(text);
    let digits_only = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !digits_only {
        return None;
    }
    digits.parse().ok().filter(|length| *length <= most)
}

fn mask4(text: &str) -> Option<Ipv4Addr> {
    if let Some(length) = prefix(text, 32) {
        return Some(u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0).into());
    }
    text.parse().ok()
}

/// The forms that C's `inet_aton` takes: fewer than four numbers, of which the last fills what is
/// left; a zero in front makes a number octal.
fn abbreviated(text: &str) -> Option<Ipv4Addr> {
    let mut parts = Vec::with_capacity(4);
    for part in text.split('.') {
        if part.is_empty() || parts.len() == 4 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let radix = if part.len() > 1 && part.starts_with('0') { 8 } else { 10 };
        parts.push(u32::from_str_radix(part, radix).ok()?);
    }
    let (last, front) = parts.split_last()?;
    let room = 32 - 8 * u32::try_from(front.len()).ok()?;
    if room < 32 && last >> room != 0 {
        return None;
    }
    let mut address = *last;
    for (at, part) in (0_u32..).zip(front) {
        address |= u32::from(u8::try_from(*part).ok()?) << (24 - 8 * at);
    }
    Some(address.into())
}

fn host_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(text: &str, operator: &str) -> Option<(i64, i64)> {
        let operator = Operator::named(operator).expect("an operator");
        match parse(Method::Int, text, operator, false, false) {
            Ok(Parsed::Range(least, most)) => Some((least, most)),
            Ok(other) => panic!("{other:?}"),
            Err(_) => None,
        }
    }

    #[test]
    fn numbers_ranges_and_operators() {
        assert_eq!(bounds("080", "eq"), Some((80, 80)));
        assert_eq!(bounds("80-90", "eq"), Some((80, 90)));
        assert_eq!(bounds("0", "lt"), Some((i64::MIN, -1)));
        assert_eq!(bounds("3", "ge"), Some((3, i64::MAX)));
        assert_eq!(bounds("3", "le"), Some((i64::MIN, 3)));
        // A range is a range, whatever stands before it.
        assert_eq!(bounds("1024:65535", "gt"), Some((1024, 65_535)));
        assert_eq!(bounds(":80", "eq"), Some((i64::MIN, 80)));
        assert_eq!(bounds("80:", "eq"), Some((80, i64::MAX)));
        for wrong in
            [":", "80:70", "8a", "+5", "0x10", "1.5", "-5:5", "9223372036854775808", "", "-"]
        {
            assert_eq!(bounds(wrong, "eq"), None, "{wrong}");
        }
        assert_eq!(bounds("9223372036854775807", "gt"), None);
        let version = |text| parse(Method::Version, text, Operator::Eq, false, false);
        assert_eq!(version("3.0:3.1"), Ok(Parsed::Range(3 << 16, (3 << 16) + 1)));
        assert!(version("3.1.2").is_err() && version("3.65536").is_err());
    }

    #[test]
    fn addresses_and_networks() {
        let v4 = |address: &str, mask: &str| {
            Ok(Net::V4(address.parse().expect("v4"), mask.parse().expect("a mask")))
        };
        assert_eq!(net("10.12/8", false), v4("10.0.0.12", "255.0.0.0"));
        assert_eq!(net("192.168.1", false), v4("192.168.0.1", "255.255.255.255"));
        assert_eq!(net("010.1.1.1", false), v4("8.1.1.1", "255.255.255.255"));
        assert_eq!(net("3232235777", false), v4("192.168.1.1", "255.255.255.255"));
        assert_eq!(net("1.2.3.4/255.255.0.255", true), v4("1.2.3.4", "255.255.0.255"));
        assert_eq!(net("1.2.3.4/0", true), v4("1.2.3.4", "0.0.0.0"));
        assert_eq!(net("::1/08", true), Ok(Net::V6("::1".parse().expect("v6"), 8)));
        for wrong in [
            "08.1",
            "256.1",
            "1.2.3.4.5",
            "1.",
            ".1",
            "1.65536.1",
            "4294967296",
            "1.16777216",
            "",
            "/8",
        ] {
            assert!(net(wrong, false).is_err(), "{wrong}");
        }
        for wrong in ["::1/129", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1", "[::1]", "fe80::1%eth0"] {
            assert!(net(wrong, false).is_err(), "{wrong}");
        }
        assert!(net("10.12", true).expect_err("short").message.contains("abbreviated"));
        assert!(net("localhost", false).expect_err("a name").message.contains("host name"));
    }

    #[test]
    fn bytes_are_pairs_of_digits() {
        assert_eq!(hex("4a4B").as_deref(), Ok(&b"JK"[..]));
        assert!(
            hex("4a4").is_err() && hex("zz").is_err() && hex("+1").is_err() && hex("ä").is_err()
        );
    }
}
