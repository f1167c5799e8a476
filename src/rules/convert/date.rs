//! Dates.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::{Converter, checked, converter};
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, Param, may, must};
use crate::rules::compiler::Compiler;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

/// A moment given in seconds, milliseconds or microseconds, moved by an offset of the same unit.
fn moment(value: Option<Value<'_>>, offset: Option<&Arg>, us_each: i64) -> Option<Timestamp> {
    let offset = offset.and_then(Arg::int).unwrap_or(0);
    let us = value?.to_int()?.checked_add(offset)?.checked_mul(us_each)?;
    Timestamp::from_microsecond(us).ok()
}

/// `strftime` with the moment in a time zone. `%N` is nanoseconds, `%3N` milliseconds.
fn written(at: ZonedDateTime, format: &str) -> Option<Value<'static>> {
    let nanoseconds = format!("{:09}", at.subsec_nanosecond());
    let format = fractions(format, &nanoseconds);
    jiff::fmt::strtime::format(&*format, &at).ok().map(Value::string)
}

/// Replaces `%N` and `%1N` to `%9N`, which strftime(3) does not have.
fn fractions(format: &str, nanoseconds: &str) -> String {
    let mut out = String::with_capacity(format.len());
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let width =
            tail.bytes().next().filter(u8::is_ascii_digit).map(|digit| usize::from(digit - b'0'));
        let behind = &tail[usize::from(width.is_some())..];
        if let Some(behind) = behind.strip_prefix('N') {
            out.push_str(&nanoseconds[..width.unwrap_or(9).clamp(1, 9)]);
            rest = behind;
            continue;
        }
        out.push('%');
        let next = tail.chars().next();
        out.extend(next);
        rest = &tail[next.map_or(0, char::len_utf8)..];
    }
    out.push_str(rest);
    out
}

macro_rules! dates {
    ($($name:ident $us:literal $zone:expr;)*) => {
        $(fn $name<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
            let at = moment(value, args.get(1), $us)?;
            written(at.to_zoned_datetime($zone), args.first()?.text()?)
        })*
    };
}

dates! {
    utime 1_000_000 TimeZone::UTC;
    ms_utime 1_000 TimeZone::UTC;
    us_utime 1 TimeZone::UTC;
    ltime 1_000_000 TimeZone::system();
    ms_ltime 1_000 TimeZone::system();
    us_ltime 1 TimeZone::system();
}

/// RFC 9110 §5.6.7, IMF-fixdate.
fn http_date<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let us_each = match args.get(1).and_then(Arg::text) {
        Some("ms") => 1_000,
        Some("us") => 1,
        _ => 1_000_000,
    };
    let at = moment(value, args.first(), us_each)?;
    jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", at).ok().map(Value::string)
}

fn check_unit(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    match args.get(1).and_then(Arg::text) {
        None | Some("s" | "ms" | "us") => Some(()),
        Some(other) => {
            compiler
                .report
                .error(span, format!("`{other}` is not a unit"))
                .label("units are s, ms, us");
            None
        }
    }
}

const FORMAT: &[Param] = &[must("format", Kind::Str), may("offset", Kind::Int)];

/// The table.
pub const CONVERTERS: &[Converter] = &[
    converter(
        "utime",
        FORMAT,
        Type::Int,
        Type::Str,
        "Seconds since 1970 by strftime(3), UTC.",
        "date,utime(%Y-%m-%d)",
        utime,
    ),
    converter(
        "ms_utime",
        FORMAT,
        Type::Int,
        Type::Str,
        "Milliseconds since 1970 by strftime(3), UTC; `%3N` are its milliseconds.",
        "date,mul(1000),ms_utime(%H:%M:%S.%3N)",
        ms_utime,
    ),
    converter(
        "us_utime",
        FORMAT,
        Type::Int,
        Type::Str,
        "Microseconds since 1970 by strftime(3), UTC; `%6N` are its microseconds.",
        "date_us,us_utime(%S.%6N)",
        us_utime,
    ),
    converter(
        "ltime",
        FORMAT,
        Type::Int,
        Type::Str,
        "Seconds since 1970 by strftime(3), local time.",
        "date,ltime(%H:%M)",
        ltime,
    ),
    converter(
        "ms_ltime",
        FORMAT,
        Type::Int,
        Type::Str,
        "Milliseconds since 1970 by strftime(3), local time.",
        "date,mul(1000),ms_ltime(%H:%M)",
        ms_ltime,
    ),
    converter(
        "us_ltime",
        FORMAT,
        Type::Int,
        Type::Str,
        "Microseconds since 1970 by strftime(3), local time.",
        "date_us,us_ltime(%H:%M)",
        us_ltime,
    ),
    checked(
        converter(
            "http_date",
            &[may("offset", Kind::Int), may("unit", Kind::Str)],
            Type::Int,
            Type::Str,
            "A date as fields have it; `unit` (s, ms, us) is the input's.",
            "date,http_date(3600)",
            http_date,
        ),
        check_unit,
    ),
];
