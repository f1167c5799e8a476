//! How a format's values are written: hexadecimal, quotes, escapes, JSON.

use core::net::IpAddr;

use super::alias::Kind;
use super::{Flags, OutputType, Style};
use crate::rules::value::Value;

/// Writes the value of an alias.
pub fn alias(kind: Kind, value: Option<Value<'_>>, flags: Flags, style: Style, out: &mut Vec<u8>) {
    match (kind, value) {
        (Kind::Number(digits), Some(Value::Int(number))) if flags.hex && digits > 0 => {
            out.extend_from_slice(format!("{number:0digits$X}").as_bytes());
        }
        (Kind::Address, Some(Value::Addr(address))) if flags.hex => hex_address(address, out),
        (Kind::Number(_), Some(value)) => out.extend_from_slice(&value.into_text()),
        (kind, Some(value)) => {
            let text = value.into_text();
            let unsafe_byte = match kind {
                Kind::Target => {
                    |byte: u8| is_control(byte) || byte >= 0x7f || b"\"#".contains(&byte)
                }
                _ => |_: u8| false,
            };
            quoted(flags, out, |out| escaped(&text, flags, b'#', unsafe_byte, out));
        }
        (_, None) => missing(flags, style, out),
    }
}

/// Writes the value of an expression.
pub fn sample(value: Option<Value<'_>>, flags: Flags, style: Style, out: &mut Vec<u8>) {
    let Some(value) = value else { return missing(flags, style, out) };
    let text = value.into_text();
    match style {
        Style::Http => escaped(&text, flags, b'%', is_forbidden_in_http, out),
        Style::Log if text.is_empty() => missing(flags, style, out),
        Style::Text | Style::Log => {
            quoted(flags, out, |out| escaped(&text, flags, b'%', |_| false, out));
        }
    }
}

/// A value that is not there: a dash in logs, nothing elsewhere.
fn missing(flags: Flags, style: Style, out: &mut Vec<u8>) {
    if style == Style::Log {
        quoted(flags, out, |out| out.push(b'-'));
    }
}

fn quoted(flags: Flags, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    if flags.quote {
        out.push(b'"');
    }
    write(out);
    if flags.quote {
        out.push(b'"');
    }
}

/// Writes text; bytes that `unsafe_byte` names as `mark` and two hexadecimal digits.
fn escaped(
    text: &[u8],
    flags: Flags,
    mark: u8,
    unsafe_byte: impl Fn(u8) -> bool,
    out: &mut Vec<u8>,
) {
    for &byte in text {
        if unsafe_byte(byte) {
            out.push(mark);
            out.extend_from_slice(&hex_digits(byte));
            continue;
        }
        if flags.escape && matches!(byte, b'"' | b'\\' | b']') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

fn is_control(byte: u8) -> bool {
    byte < 0x20
}

/// What must never reach a field's value (RFC 9110 §5.5): control characters but the tab.
fn is_forbidden_in_http(byte: u8) -> bool {
    (is_control(byte) && byte != b'\t') || byte == 0x7f
}

fn hex_digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

fn hex_address(address: IpAddr, out: &mut Vec<u8>) {
    let mut hex =
        |bytes: &[u8]| bytes.iter().for_each(|&byte| out.extend_from_slice(&hex_digits(byte)));
    match address {
        IpAddr::V4(it) => hex(&it.octets()),
        IpAddr::V6(it) => hex(&it.octets()),
    }
}

/// Writes a value as JSON (RFC 8259). What is missing is an empty text, as HAProxy has it.
pub fn json(value: Option<Value<'_>>, output: Option<OutputType>, out: &mut Vec<u8>) {
    let value = match (value, output) {
        (Some(value), Some(OutputType::Str)) => Some(Value::Str(value.into_text())),
        (Some(value), Some(OutputType::Int)) => Some(Value::Int(value.to_int().unwrap_or(0))),
        (Some(value), Some(OutputType::Bool)) => {
            Some(Value::Bool(value.to_int().unwrap_or(0) != 0))
        }
        (value, Some(OutputType::Raw) | None) => value,
        (None, Some(_)) => None,
    };
    match value {
        Some(Value::Bool(it)) => out.extend_from_slice(if it { b"true" } else { b"false" }),
        Some(Value::Int(it)) => out.extend_from_slice(it.to_string().as_bytes()),
        Some(value) => json_string(&value.into_text(), out),
        None => out.extend_from_slice(b"\"\""),
    }
}

/// Writes text as a JSON string; bytes that are no UTF-8 become U+FFFD.
pub fn json_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            control if control.is_control() => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes());
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
