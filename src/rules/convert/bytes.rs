//! Encodings: base64, hexadecimal, percent, big-endian numbers.

use std::borrow::Cow;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXUPPER};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::text::part;
use super::{Converter, checked, converter};
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, may, must};
use crate::rules::compiler::Compiler;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

/// What may stand in a query as it is (RFC 3986 §2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn base64<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::string(BASE64.encode(&value?.into_bytes())))
}

fn b64dec<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bin(Cow::Owned(BASE64.decode(&value?.into_text()).ok()?)))
}

fn ub64enc<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::string(BASE64URL_NOPAD.encode(&value?.into_bytes())))
}

fn ub64dec<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let text = &text[..text.iter().rposition(|&byte| byte != b'=').map_or(0, |last| last + 1)];
    Some(Value::Bin(Cow::Owned(BASE64URL_NOPAD.decode(text).ok()?)))
}

fn hex<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::string(HEXUPPER.encode(&value?.into_bytes())))
}

fn hex2i<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let number = u64::from_str_radix(digits(&text)?, 16).ok()?;
    Some(Value::Int(number.cast_signed()))
}

/// Hexadecimal digits and nothing else (no sign, which `from_str_radix` would take).
fn digits(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(text)
}

/// Chunks of big-endian bytes, each written by `write`, with a separator between them.
fn chunks(
    value: Option<Value<'_>>,
    args: &[Arg],
    write: impl Fn(&[u8]) -> String,
) -> Option<Value<'static>> {
    let bytes = value?.into_bytes();
    let separator = args.first().and_then(Arg::text).unwrap_or_default();
    let size = usize::try_from(args.get(1).and_then(Arg::int).unwrap_or(0)).ok()?;
    let size = if size == 0 { bytes.len().max(1) } else { size };
    let truncate = args.get(2).and_then(Arg::int).is_some_and(|flag| flag != 0);
    let whole = bytes.chunks(size).filter(|chunk| !truncate || chunk.len() == size);
    Some(Value::string(whole.map(write).collect::<Vec<_>>().join(separator)))
}

fn be2hex<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    chunks(value, args, |chunk| HEXUPPER.encode(chunk))
}

fn be2dec<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    chunks(value, args, |chunk| {
        let number = chunk.iter().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
        number.to_string()
    })
}

fn check_chunks(most: i64) -> impl Fn(&mut [Arg], Span, &mut Compiler<'_>) -> Option<()> {
    move |args, span, compiler| match args.get(1).and_then(Arg::int) {
        Some(size) if size < 0 || size > most => {
            compiler
                .report
                .error(span, format!("a chunk of {size} bytes"))
                .label("the size is out of range");
            None
        }
        _ => Some(()),
    }
}

fn check_dec(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    if args.get(1).and_then(Arg::int) == Some(0) {
        compiler.report.error(span, "a chunk of 0 bytes").label("1 to 8 bytes are possible");
        return None;
    }
    check_chunks(8)(args, span, compiler)
}

fn check_hex(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    check_chunks(i64::from(i32::MAX))(args, span, compiler)
}

/// A number, or what a variable holds.
fn number(context: &Context<'_>, arg: &Arg) -> Option<i64> {
    match arg {
        Arg::Int(number) => Some(*number),
        Arg::Str(name) => context.variables.get(name)?.to_int(),
        _ => None,
    }
}

/// Bytes from an offset on. A length that goes beyond the end goes to the end.
fn bytes<'a>(
    context: &Context<'a>,
    value: Option<Value<'a>>,
    args: &'a [Arg],
) -> Option<Value<'a>> {
    let bytes = value?.into_bytes();
    let empty = || Some(Value::Bin(Cow::Borrowed(&[])));
    let offset = number(context, args.first()?).and_then(|it| usize::try_from(it).ok());
    let Some(offset) = offset.filter(|&offset| offset < bytes.len()) else { return empty() };
    let end = match args.get(1) {
        None | Some(Arg::Absent) => bytes.len(),
        Some(length) => match number(context, length).and_then(|it| usize::try_from(it).ok()) {
            Some(length) => bytes.len().min(offset.saturating_add(length)),
            None => return empty(),
        },
    };
    Some(Value::Bin(part(bytes, offset..end)))
}

fn check_bytes(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    let offset = args.first().and_then(Arg::int).is_some_and(|offset| offset < 0);
    let length = args.get(1).and_then(Arg::int).is_some_and(|length| length <= 0);
    if offset || length {
        compiler
            .report
            .error(span, "`bytes` wants an offset of 0 or more and a length of 1 or more");
        return None;
    }
    Some(())
}

fn htonl<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let number = value?.to_int()?;
    Some(Value::Bin(Cow::Owned(number.to_be_bytes()[4..].to_vec())))
}

fn url_enc<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::string(percent_encode(&value?.into_text(), ENCODED).to_string()))
}

fn check_url_enc(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    match args.first().and_then(Arg::text) {
        None | Some("query" | "") => Some(()),
        Some(other) => {
            compiler
                .report
                .error(span, format!("`{other}` is not an encoding"))
                .label("there is `query`");
            None
        }
    }
}

/// Percent-decoding; a broken escape gives nothing. `+` is a space in a query, or everywhere if asked.
fn url_dec<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let mut in_query = args.first().and_then(Arg::int).is_some_and(|flag| flag != 0);
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'%' => {
                out.push(u8::from_str_radix(digits(text.get(at..at + 2)?)?, 16).ok()?);
                at += 2;
            }
            b'+' if in_query => out.push(b' '),
            _ => {
                in_query |= byte == b'?';
                out.push(byte);
            }
        }
    }
    Some(Value::string(out))
}

/// The table.
pub const CONVERTERS: &[Converter] = &[
    converter("base64", &[], Type::Bin, Type::Str, "In base64.", "src,base64", base64),
    converter("b64dec", &[], Type::Str, Type::Bin, "Decoded from base64.", "hdr(x),b64dec", b64dec),
    converter(
        "ub64enc",
        &[],
        Type::Bin,
        Type::Str,
        "In base64url without padding.",
        "src,ub64enc",
        ub64enc,
    ),
    converter(
        "ub64dec",
        &[],
        Type::Str,
        Type::Bin,
        "Decoded from base64url.",
        "hdr(x),ub64dec",
        ub64dec,
    ),
    converter("hex", &[], Type::Bin, Type::Str, "In upper-case hexadecimal.", "src,hex", hex),
    converter(
        "hex2i",
        &[],
        Type::Str,
        Type::Int,
        "The number that hexadecimal digits write.",
        "str(ff),hex2i",
        hex2i,
    ),
    checked(
        converter(
            "be2dec",
            &[
                must("separator", Kind::Str),
                may("chunk-size", Kind::Int),
                may("truncate", Kind::Flag),
            ],
            Type::Bin,
            Type::Str,
            "Chunks of bytes as decimal numbers.",
            "src,be2dec(.,1)",
            be2dec,
        ),
        check_dec,
    ),
    checked(
        converter(
            "be2hex",
            &[
                may("separator", Kind::Str),
                may("chunk-size", Kind::Int),
                may("truncate", Kind::Flag),
            ],
            Type::Bin,
            Type::Str,
            "Chunks of bytes in hexadecimal.",
            "src,be2hex(:,2)",
            be2hex,
        ),
        check_hex,
    ),
    checked(
        converter(
            "bytes",
            &[must("offset", Kind::IntOrVariable), may("length", Kind::IntOrVariable)],
            Type::Bin,
            Type::Bin,
            "Bytes from an offset on, at most so many.",
            "src,bytes(0,2)",
            bytes,
        ),
        check_bytes,
    ),
    converter(
        "htonl",
        &[],
        Type::Int,
        Type::Bin,
        "Its lower 32 bits, big-endian.",
        "int(258),htonl",
        htonl,
    ),
    checked(
        converter(
            "url_enc",
            &[may("type", Kind::Str)],
            Type::Str,
            Type::Str,
            "Percent-encoded for a query.",
            "path,url_enc",
            url_enc,
        ),
        check_url_enc,
    ),
    converter(
        "url_dec",
        &[may("in-form", Kind::Int)],
        Type::Str,
        Type::Str,
        "Percent-decoded; `+` becomes a space behind `?`, or everywhere if the argument is not 0.",
        "query,url_dec(1)",
        url_dec,
    ),
];
