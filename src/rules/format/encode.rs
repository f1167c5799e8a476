//! How a format's values are written: hexadecimal, quotes, escapes, JSON.

use core::net::IpAddr;

use super::alias::{Alias, Get, Kind};
use super::{Flags, OutputType, Style};
use crate::config::plan::is_on;
use crate::rules::address_text::AddressText;
use crate::rules::context::Context;
use crate::rules::value::Value;

/// Writes an alias.
pub fn alias(alias: &Alias, context: &Context<'_>, flags: Flags, style: Style, out: &mut Vec<u8>) {
    match alias.kind {
        Kind::Number(digits) => number(alias, digits, context, flags, style, out),
        Kind::Running => {
            mark_early(context, out);
            number(alias, 0, context, flags, style, out);
        }
        // Without a slot there is nothing at all, not even a dash.
        Kind::Captures | Kind::CaptureList | Kind::Plain => drop(text(alias, context, flags, out)),
        Kind::Address if flags.hex => match alias.get.value(context) {
            Some(Value::Addr(it)) => hex_address(it, out),
            _ => missing(flags, style, out),
        },
        kind @ (Kind::Text | Kind::Target | Kind::Address) => {
            let start = out.len();
            if flags.quote {
                out.push(b'"');
            }
            let from = out.len();
            if text(alias, context, flags, out).is_none() {
                out.truncate(start);
                return missing(flags, style, out);
            }
            match kind {
                Kind::Target => escape_from(from, flags, b'#', is_unsafe_in_target, out),
                _ if flags.escape => escape_from(from, flags, b'#', |_| false, out),
                _ => {}
            }
            if flags.quote {
                out.push(b'"');
            }
        }
    }
}

/// Lines that are written before everything is known (`option logasap`) say so by a `+`.
pub fn mark_early(context: &Context<'_>, out: &mut Vec<u8>) {
    let frontend = context.plan.proxies.get(context.connection.frontend);
    if frontend.is_some_and(|proxy| is_on(proxy.logging.early)) {
        out.push(b'+');
    }
}

/// Writes a number; never in quotes.
fn number(
    alias: &Alias,
    digits: usize,
    context: &Context<'_>,
    flags: Flags,
    style: Style,
    out: &mut Vec<u8>,
) {
    let Get::Int(get) = alias.get else {
        let _ = text(alias, context, flags, out);
        return;
    };
    match get(context) {
        Some(number) if flags.hex && digits > 0 => {
            out.extend_from_slice(format!("{number:0digits$X}").as_bytes());
        }
        Some(number) => decimal(number, out),
        None => missing(flags, style, out),
    }
}

/// Appends an alias as it is; `None` if there is nothing.
fn text(alias: &Alias, context: &Context<'_>, flags: Flags, out: &mut Vec<u8>) -> Option<()> {
    match alias.get {
        Get::Text(write) => return write(context, flags, out),
        Get::Int(get) => decimal(get(context)?, out),
        Get::Str(get) => out.extend_from_slice(get(context)?),
        Get::Addr(get) => address(get(context)?, out),
    }
    Some(())
}

/// Appends a value as text.
fn plain(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Int(number) => decimal(number, out),
        Value::Addr(it) => address(it, out),
        other => out.extend_from_slice(&other.into_text()),
    }
}

/// Appends an address.
pub fn address(address: IpAddr, out: &mut Vec<u8>) {
    out.extend_from_slice(&AddressText::of(address));
}

/// Appends a number in decimal digits.
#[inline]
pub fn decimal(number: i64, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    digits(number.unsigned_abs(), out);
}

/// The digits of 0 to 99, two each.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

#[inline]
fn digits(number: u64, out: &mut Vec<u8>) {
    match number {
        0..=9 => out.push(b'0' + number as u8),
        10..=99 => out.extend_from_slice(&PAIRS[number as usize]),
        _ => many_digits(number, out),
    }
}

#[inline(never)]
fn many_digits(number: u64, out: &mut Vec<u8>) {
    digits(number / 100, out);
    out.extend_from_slice(&PAIRS[(number % 100) as usize]);
}

/// Writes captured fields as `{a|b}`, if any is declared.
pub fn captures(
    slots: &[Option<Box<[u8]>>],
    declared: usize,
    flags: Flags,
    out: &mut Vec<u8>,
) -> Option<()> {
    let count = declared.max(slots.len());
    if count == 0 {
        return None;
    }
    quoted(flags, out, |out| {
        out.push(b'{');
        for index in 0..count {
            if index > 0 {
                out.push(b'|');
            }
            captured(slots.get(index), flags, out);
        }
        out.push(b'}');
    });
    Some(())
}

/// Writes captured fields one by one, as the common log format has it: `a -`, or `"a" ""` in quotes.
pub fn captures_clf(
    slots: &[Option<Box<[u8]>>],
    declared: usize,
    flags: Flags,
    out: &mut Vec<u8>,
) -> Option<()> {
    let count = declared.max(slots.len());
    if flags.json && count > 0 {
        return captures_json(slots, count, out);
    }
    for index in 0..count {
        if index > 0 {
            out.push(b' ');
        }
        quoted(flags, out, |out| {
            let from = out.len();
            captured(slots.get(index), flags, out);
            if out.len() == from && !flags.quote {
                out.push(b'-');
            }
        });
    }
    (count > 0).then_some(())
}

/// `["a", "-"]`, each escaped as elsewhere.
fn captures_json(slots: &[Option<Box<[u8]>>], count: usize, out: &mut Vec<u8>) -> Option<()> {
    out.push(b'[');
    for index in 0..count {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        let mut value = Vec::new();
        captured(slots.get(index), Flags::default(), &mut value);
        json_string(if value.is_empty() { b"-" } else { &value }, out);
    }
    out.push(b']');
    Some(())
}

fn captured(slot: Option<&Option<Box<[u8]>>>, flags: Flags, out: &mut Vec<u8>) {
    let from = out.len();
    if let Some(Some(value)) = slot {
        out.extend_from_slice(value);
        let is_unsafe = |byte| is_unsafe_in_target(byte) || b"{|}".contains(&byte);
        escape_from(from, flags, b'#', is_unsafe, out);
    }
}

/// Writes the value of an expression.
pub fn sample(value: Option<Value<'_>>, flags: Flags, style: Style, out: &mut Vec<u8>) {
    let Some(value) = value else { return missing(flags, style, out) };
    if style == Style::Http {
        let from = out.len();
        plain(value, out);
        return escape_from(from, flags, b'%', is_forbidden_in_http, out);
    }
    let start = out.len();
    if flags.quote {
        out.push(b'"');
    }
    let from = out.len();
    plain(value, out);
    if style == Style::Log {
        if out.len() == from {
            out.truncate(start);
            return missing(flags, style, out);
        }
        // A line break in a value would begin a line of its own.
        escape_from(from, flags, b'#', |byte| is_control(byte) || byte == 0x7f, out);
    } else {
        escape_from(from, flags, b'%', |_| false, out);
    }
    if flags.quote {
        out.push(b'"');
    }
}

/// A value that is not there: in logs a dash, or nothing between quotes; nothing elsewhere.
pub fn missing(flags: Flags, style: Style, out: &mut Vec<u8>) {
    if style == Style::Log {
        out.extend_from_slice(if flags.quote { b"\"\"" } else { b"-" });
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

/// Escapes what was written from `from` on: bytes that `is_unsafe` names become `mark` and two
/// hexadecimal digits; with `E` a backslash stands before `"`, `\` and `]`.
fn escape_from(
    from: usize,
    flags: Flags,
    mark: u8,
    is_unsafe: impl Fn(u8) -> bool,
    out: &mut Vec<u8>,
) {
    let needs = |byte: u8| is_unsafe(byte) || (flags.escape && is_escaped(byte));
    let tail = out.get(from..).unwrap_or_default();
    let Some(first) = tail.iter().position(|&byte| needs(byte)) else { return };
    let text = out.split_off(from + first);
    for byte in text {
        if is_unsafe(byte) {
            out.push(mark);
            out.extend_from_slice(&hex_digits(byte));
            continue;
        }
        if flags.escape && is_escaped(byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

/// What `E` puts a backslash before.
fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | b']')
}

/// What must not stand in a log line's request (configuration.txt §8.6).
fn is_unsafe_in_target(byte: u8) -> bool {
    is_control(byte) || byte >= 0x7f || b"\"#".contains(&byte)
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
