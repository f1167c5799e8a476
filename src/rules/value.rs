//! Samples: typed values (HAProxy 3.0, configuration.txt §7.1 and §7.3).

use std::borrow::Cow;
use std::fmt;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::address_text::AddressText;

/// The type of a sample, of what a fetch gives or a converter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Bool,
    /// A signed number of 64 bits.
    Int,
    /// An IPv4 or IPv6 address.
    Addr,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// Text, in bytes.
    Str,
    /// Bytes.
    Bin,
    /// An HTTP method.
    Method,
    /// Any of them (variables).
    Any,
    /// What a converter was given.
    Same,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Bool => "boolean",
            Type::Int => "integer",
            Type::Addr => "address",
            Type::Ipv4 => "IPv4 address",
            Type::Ipv6 => "IPv6 address",
            Type::Str => "string",
            Type::Bin => "binary",
            Type::Method => "method",
            Type::Any => "any",
            Type::Same => "same as its input",
        })
    }
}

/// A sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A number.
    Int(i64),
    /// An address. An IPv4-mapped IPv6 address never stands here: it is IPv4 from accept on.
    Addr(IpAddr),
    /// Text.
    Str(Cow<'a, [u8]>),
    /// Bytes.
    Bin(Cow<'a, [u8]>),
    /// An HTTP method.
    Method(Cow<'a, [u8]>),
}

impl<'a> Value<'a> {
    /// Text that is borrowed.
    pub fn str(text: &'a [u8]) -> Value<'a> {
        Value::Str(Cow::Borrowed(text))
    }

    /// Text that is made.
    pub fn string(text: impl Into<Vec<u8>>) -> Value<'a> {
        Value::Str(Cow::Owned(text.into()))
    }

    /// The type it has.
    pub fn kind(&self) -> Type {
        match self {
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Addr(IpAddr::V4(_)) => Type::Ipv4,
            Value::Addr(IpAddr::V6(_)) => Type::Ipv6,
            Value::Str(_) => Type::Str,
            Value::Bin(_) => Type::Bin,
            Value::Method(_) => Type::Method,
        }
    }

    /// The same, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Bool(it) => Value::Bool(it),
            Value::Int(it) => Value::Int(it),
            Value::Addr(it) => Value::Addr(it),
            Value::Str(it) => Value::Str(Cow::Owned(it.into_owned())),
            Value::Bin(it) => Value::Bin(Cow::Owned(it.into_owned())),
            Value::Method(it) => Value::Method(Cow::Owned(it.into_owned())),
        }
    }

    /// As text: what a log format or a string converter sees. Binary stays as it is.
    pub fn into_text(self) -> Cow<'a, [u8]> {
        match self {
            Value::Bool(it) => Cow::Borrowed(if it { b"1" } else { b"0" }),
            Value::Int(it) => Cow::Owned(it.to_string().into_bytes()),
            Value::Addr(it) => Cow::Owned(AddressText::of(it).to_vec()),
            Value::Str(it) | Value::Method(it) | Value::Bin(it) => it,
        }
    }

    /// As bytes: what a hash or a binary converter sees.
    pub fn into_bytes(self) -> Cow<'a, [u8]> {
        match self {
            Value::Bin(it) => it,
            Value::Int(it) => Cow::Owned(it.to_be_bytes().to_vec()),
            Value::Bool(it) => Cow::Owned(i64::from(it).to_be_bytes().to_vec()),
            Value::Addr(IpAddr::V4(it)) => Cow::Owned(it.octets().to_vec()),
            Value::Addr(IpAddr::V6(it)) => Cow::Owned(it.octets().to_vec()),
            other => other.into_text(),
        }
    }

    /// As a number, if it can be one.
    pub fn to_int(&self) -> Option<i64> {
        match self {
            Value::Bool(it) => Some(i64::from(*it)),
            Value::Int(it) => Some(*it),
            Value::Addr(IpAddr::V4(it)) => Some(i64::from(u32::from(*it))),
            Value::Addr(IpAddr::V6(_)) => None,
            Value::Str(it) | Value::Bin(it) | Value::Method(it) => leading_number(it),
        }
    }

    /// As an address, if it can be one.
    pub fn to_addr(&self) -> Option<IpAddr> {
        match self {
            Value::Addr(it) => Some(*it),
            Value::Str(it) | Value::Bin(it) => text_to_addr(it),
            Value::Int(it) => u32::try_from(*it).ok().map(|it| IpAddr::V4(it.into())),
            Value::Bool(_) | Value::Method(_) => None,
        }
    }

    /// As `wanted`, by HAProxy's table of casts; `None` if there is no such cast or it fails.
    pub fn cast(self, wanted: Type) -> Option<Value<'a>> {
        match wanted {
            Type::Any | Type::Same => Some(self),
            Type::Bool => self.to_int().map(|it| Value::Bool(it != 0)),
            Type::Int => self.to_int().map(Value::Int),
            Type::Addr => self.to_addr().map(Value::Addr),
            Type::Ipv4 => self.to_addr().filter(IpAddr::is_ipv4).map(Value::Addr),
            Type::Ipv6 => self.to_addr().map(|it| match it {
                IpAddr::V4(it) => Value::Addr(IpAddr::V6(it.to_ipv6_mapped())),
                it => Value::Addr(it),
            }),
            Type::Str => Some(Value::Str(self.into_text())),
            Type::Bin => Some(Value::Bin(self.into_bytes())),
            Type::Method => Some(Value::Method(self.into_text())),
        }
    }
}

/// Whether a sample of one type can be cast to another at all (at compile time), as HAProxy 3.0.11
/// answers when it is asked for each pair. An address that may be of either family is no number,
/// although an IPv4 address is one.
pub fn castable(from: Type, to: Type) -> bool {
    use Type::{Addr, Any, Bin, Bool, Int, Ipv4, Ipv6, Method, Same, Str};
    match (from, to) {
        (Any | Same, _) | (_, Any | Same | Str | Bin) => true,
        (from, to) if from == to => true,
        (Bool | Int | Str, Bool | Int) | (Ipv4, Int) => true,
        (Int | Str | Addr | Ipv4 | Ipv6, Addr | Ipv4 | Ipv6) => true,
        (Bool | Int | Addr | Ipv4 | Ipv6 | Str | Bin | Method, _) => false,
    }
}

/// The address that text is, as HAProxy casts it: an IPv4 address at the start, whatever follows
/// (`10.1.2.3:80`, `10.1.2.3, 2001:db8::1`), or an IPv6 address from end to end.
fn text_to_addr(text: &[u8]) -> Option<IpAddr> {
    if let Some(address) = leading_ipv4(text) {
        return Some(IpAddr::V4(address));
    }
    let address: Ipv6Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(IpAddr::V6(address).to_canonical())
}

/// Four decimal numbers up to 255 and their dots at the start of text. Leading zeros do not make them
/// octal. Only another dot right behind them is refused.
fn leading_ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut rest = text;
    let mut octets = [0_u8; 4];
    for (at, octet) in octets.iter_mut().enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, behind) = rest.split_at_checked(digits).filter(|(it, _)| !it.is_empty())?;
        *octet = number
            .iter()
            .try_fold(0_u8, |sum, digit| sum.checked_mul(10)?.checked_add(digit - b'0'))?;
        rest = behind;
    }
    (rest.first() != Some(&b'.')).then(|| octets.into())
}

/// The number that text begins with, as C's `strtol`: HAProxy ignores what follows, so text without a
/// number is zero. Empty text is no number.
fn leading_number(text: &[u8]) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    let (negative, digits) = match text.trim_ascii_start() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let number = digits[..end].iter().try_fold(0_i64, |sum, digit| {
        let (ten, digit) = (sum.checked_mul(10)?, i64::from(digit - b'0'));
        if negative { ten.checked_sub(digit) } else { ten.checked_add(digit) }
    });
    Some(number.unwrap_or(if negative { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As HAProxy 3.0.11 answers.
    #[test]
    fn text_begins_with_an_ipv4_address_or_is_an_ipv6_address() {
        let of = |text: &str| Value::str(text.as_bytes()).to_addr().map(|it| it.to_string());
        for text in ["10.1.2.3", "10.1.2.3, 2001:db8::1", "10.1.2.3:80", "10.1.2.3/24"] {
            assert_eq!(of(text).as_deref(), Some("10.1.2.3"), "{text}");
        }
        assert_eq!(of("010.001.002.0003x").as_deref(), Some("10.1.2.3"));
        assert_eq!(of("2001:db8::1").as_deref(), Some("2001:db8::1"));
        assert_eq!(of("::ffff:10.1.2.3").as_deref(), Some("10.1.2.3"));
        for text in ["", " 10.1.2.3", " ::1", "::1, 10.1.2.3", "::1 ", "10.1.2", "10.1.2.256"] {
            assert_eq!(of(text), None, "{text}");
        }
        for text in ["10..2.3", ".10.1.2.3", "10.1.2.3.4", "10.1.2.3.", "+1.2.3.4", "1.2.3.x"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_end_at_their_bounds() {
        let of = |text: &str| Value::str(text.as_bytes()).to_int();
        assert_eq!(of("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(of("-9223372036854775809"), Some(i64::MIN));
        assert_eq!(of("9223372036854775808"), Some(i64::MAX));
        assert_eq!((of("-12x"), of("x"), of("")), (Some(-12), Some(0), None));
    }
}
