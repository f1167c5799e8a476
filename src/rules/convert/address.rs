//! Converters of addresses, and of the nodes of RFC 7239.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Converter, checked, converter};
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, may, must};
use crate::rules::compiler::Compiler;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

fn ipmask<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let masked = match (value?.to_addr()?.to_canonical(), args) {
        (IpAddr::V4(it), [Arg::Mask4(mask), ..]) => {
            IpAddr::V4(Ipv4Addr::from(u32::from(it) & u32::from(*mask)))
        }
        (IpAddr::V6(it), [_, Arg::Mask6(mask)]) => {
            IpAddr::V6(Ipv6Addr::from(u128::from(it) & u128::from(*mask)))
        }
        _ => return None,
    };
    Some(Value::Addr(masked))
}

/// A parameter of the first element of a Forwarded field (RFC 7239 §4).
struct Pair<'t> {
    name: &'t str,
    value: String,
}

/// The parameters, or `None` if the field is not made as RFC 7239 §4 says.
fn pairs(text: &str) -> Option<Vec<Pair<'_>>> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    let mut rest = text;
    loop {
        let (name, tail) = rest.split_once('=')?;
        let name = name.trim_start();
        if name.is_empty() || !name.bytes().all(is_token) {
            return None;
        }
        let (value, tail) = parameter_value(tail)?;
        if pairs.iter().any(|pair| pair.name.eq_ignore_ascii_case(name)) {
            return None;
        }
        pairs.push(Pair { name, value });
        match tail.trim_start().strip_prefix(';') {
            Some(more) => rest = more,
            None if tail.trim().is_empty() || tail.trim_start().starts_with(',') => {
                return Some(pairs);
            }
            None => return None,
        }
    }
}

/// A token or a quoted string at the start of `text`, and what follows.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !c.is_ascii() || !is_token(c as u8)).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn pair_is_valid(pair: &Pair<'_>) -> bool {
    match pair.name.to_ascii_lowercase().as_str() {
        "proto" => matches!(&*pair.value, "http" | "https"),
        "host" => !pair.value.is_empty() && !pair.value.contains(|c: char| c.is_whitespace()),
        "for" | "by" => node(&pair.value).is_some(),
        _ => false,
    }
}

/// A node's name and port (RFC 7239 §6).
fn node(text: &str) -> Option<(Name<'_>, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, tail) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let port = match tail {
            "" => None,
            tail => Some(port(tail.strip_prefix(':')?)?),
        };
        return Some((Name::Address(IpAddr::V6(address)), port));
    }
    let (name, tail) = match text.split_once(':') {
        Some((name, tail)) => (name, Some(port(tail)?)),
        None => (text, None),
    };
    let name = match name {
        "unknown" => Name::Text(name),
        _ if name.starts_with('_') && obfuscated(name) => Name::Text(name),
        _ => Name::Address(IpAddr::V4(name.parse().ok()?)),
    };
    Some((name, tail))
}

enum Name<'t> {
    Address(IpAddr),
    Text(&'t str),
}

fn port(text: &str) -> Option<&str> {
    let number = text.len() <= 5 && text.parse::<u16>().is_ok();
    (number || text.starts_with('_') && obfuscated(text)).then_some(text)
}

fn obfuscated(text: &str) -> bool {
    text.len() > 1
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_valid<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let pairs = std::str::from_utf8(&text).ok().and_then(pairs);
    Some(Value::Bool(pairs.is_some_and(|pairs| pairs.iter().all(pair_is_valid))))
}

fn field<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let (text, name) = (value?.into_text(), args.first()?.text()?);
    let found = pairs(std::str::from_utf8(&text).ok()?)?;
    let pair = found.into_iter().find(|pair| pair.name.eq_ignore_ascii_case(name))?;
    Some(Value::string(pair.value))
}

fn node_name<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    Some(match node(std::str::from_utf8(&text).ok()?)?.0 {
        Name::Address(address) => Value::Addr(address.to_canonical()),
        Name::Text(name) => Value::string(name),
    })
}

fn node_port<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let port = node(std::str::from_utf8(&text).ok()?)?.1?;
    Some(match port.parse::<u16>() {
        Ok(number) => Value::Int(i64::from(number)),
        Err(_) => Value::string(port),
    })
}

fn check_field(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    match args.first().and_then(Arg::text) {
        Some("proto" | "host" | "for" | "by") => Some(()),
        other => {
            let message =
                format!("`{}` is not a parameter of Forwarded", other.unwrap_or_default());
            compiler.report.error(span, message).label("there are proto, host, for, by");
            None
        }
    }
}

/// The table.
pub const CONVERTERS: &[Converter] = &[
    converter(
        "ipmask",
        &[must("mask4", Kind::Mask4), may("mask6", Kind::Mask6)],
        Type::Addr,
        Type::Addr,
        "The network of an address. Without a mask for IPv6, an IPv6 address gives nothing.",
        "src,ipmask(24,64)",
        ipmask,
    ),
    converter(
        "rfc7239_is_valid",
        &[],
        Type::Str,
        Type::Bool,
        "Whether it is a Forwarded field as RFC 7239 says.",
        "req.hdr(forwarded),rfc7239_is_valid",
        is_valid,
    ),
    checked(
        converter(
            "rfc7239_field",
            &[must("parameter", Kind::Str)],
            Type::Str,
            Type::Str,
            "A parameter of a Forwarded field: proto, host, for, by.",
            "req.hdr(forwarded),rfc7239_field(for)",
            field,
        ),
        check_field,
    ),
    converter(
        "rfc7239_n2nn",
        &[],
        Type::Str,
        Type::Any,
        "The name of a node: an address, `unknown` or an obfuscated name.",
        "req.hdr(forwarded),rfc7239_field(for),rfc7239_n2nn",
        node_name,
    ),
    converter(
        "rfc7239_n2np",
        &[],
        Type::Str,
        Type::Any,
        "The port of a node: a number or an obfuscated name.",
        "req.hdr(forwarded),rfc7239_field(for),rfc7239_n2np",
        node_port,
    ),
];
