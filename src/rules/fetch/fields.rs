//! Fields of requests and responses: `hdr`, `req.hdr`, `res.fhdr`, their counts, names, numbers and
//! addresses (HAProxy 3.0, configuration.txt §7.3.6).
//!
//! `hdr` cuts values at commas outside double quotes, `fhdr` does not. As a sample they give the last
//! value or the one of the given occurrence; an ACL sees each.

use std::borrow::Cow;
use std::ops::ControlFlow;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::list::{self, last, parts};
use super::places::{EITHER, REQUEST, RESPONSE};
use super::{Each, Fetch, Get, number};
use crate::config::source::Span;
use crate::proto::head::{Field, View};
use crate::rules::arg::{Arg, Kind, Param, may};
use crate::rules::ascii;
use crate::rules::compiler::{Compiler, Scope};
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

/// Whose fields.
pub trait Side {
    /// The head they stand in.
    fn head<'a>(context: &Context<'a>) -> Option<View<'a>>;
}

/// The request's.
pub struct Request;

impl Side for Request {
    fn head<'a>(context: &Context<'a>) -> Option<View<'a>> {
        context.request
    }
}

/// The response's.
pub struct Response;

impl Side for Response {
    fn head<'a>(context: &Context<'a>) -> Option<View<'a>> {
        context.response
    }
}

/// The response's once there is one, before that the request's.
pub struct Either;

impl Side for Either {
    fn head<'a>(context: &Context<'a>) -> Option<View<'a>> {
        context.response.or(context.request)
    }
}

/// How the values of a field are cut.
trait Cut {
    /// The parts of a value.
    fn cut(value: &[u8]) -> impl Iterator<Item = &[u8]>;
    /// The part of a value that has but one.
    fn one(value: &[u8]) -> Option<&[u8]>;
    /// The last of them.
    fn last(value: &[u8]) -> &[u8];
}

/// At commas.
struct AtCommas;

impl Cut for AtCommas {
    fn cut(value: &[u8]) -> impl Iterator<Item = &[u8]> {
        parts(value)
    }

    #[inline(always)]
    fn one(value: &[u8]) -> Option<&[u8]> {
        list::one(value)
    }

    fn last(value: &[u8]) -> &[u8] {
        last(value)
    }
}

/// Not at all.
struct Whole;

impl Cut for Whole {
    fn cut(value: &[u8]) -> impl Iterator<Item = &[u8]> {
        std::iter::once(value)
    }

    fn one(value: &[u8]) -> Option<&[u8]> {
        Some(value)
    }

    fn last(value: &[u8]) -> &[u8] {
        value
    }
}

/// Whether a field has this name, which is in lower case. By length first.
#[inline]
fn is_named(head: View<'_>, field: &Field, name: &[u8]) -> bool {
    field.name.len() == name.len() && ascii::is(name, head.bytes(field.name))
}

/// The values of the fields of this name, which is in lower case; of all if it is empty.
fn values<'a, 'n>(
    head: View<'a>,
    name: &'n [u8],
) -> impl DoubleEndedIterator<Item = &'a [u8]> + use<'a, 'n> {
    let named = move |field: &&Field| name.is_empty() || is_named(head, field, name);
    head.head.fields.iter().filter(named).map(move |field| head.bytes(field.value))
}

/// The arguments of `hdr` and its relatives: name and occurrence. No name at all (which is not the
/// same as an empty one) finds nothing.
fn wanted(args: &[Arg]) -> Option<(&[u8], i64)> {
    let name = args.first()?.text()?;
    Some((name.as_bytes(), args.get(1).and_then(Arg::int).unwrap_or(0)))
}

/// The value of an occurrence: 1 is the first, -1 the last.
fn occurrence<'a, C: Cut>(head: View<'a>, name: &[u8], occurrence: i64) -> Option<&'a [u8]> {
    if occurrence > 0 {
        let index = usize::try_from(occurrence - 1).ok()?;
        return values(head, name).flat_map(C::cut).nth(index);
    }
    let mut back = usize::try_from(occurrence.unsigned_abs()).ok()?.max(1);
    let mut fields = values(head, name);
    if back == 1 {
        return fields.next_back().map(C::last);
    }
    for value in fields.rev() {
        let count = C::cut(value).count();
        if back <= count {
            return C::cut(value).nth(count - back);
        }
        back -= count;
    }
    None
}

fn one_text<'a, S: Side, C: Cut>(context: &Context<'a>, args: &[Arg]) -> Option<&'a [u8]> {
    let (name, at) = wanted(args)?;
    occurrence::<C>(S::head(context)?, name, at)
}

/// Hands the values to `each`: all of them, or the one of the occurrence.
fn each_text<'a, S: Side, C: Cut>(
    context: &Context<'a>,
    args: &[Arg],
    mut each: impl FnMut(&'a [u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let (Some(head), Some((name, at))) = (S::head(context), wanted(args)) else {
        return ControlFlow::Continue(());
    };
    if at != 0 {
        return occurrence::<C>(head, name, at).map_or(ControlFlow::Continue(()), each);
    }
    if name.is_empty() {
        return values(head, name).flat_map(C::cut).try_for_each(each);
    }
    // The hottest loop of all: every rule that asks for a field runs through all of them.
    let mut fields = head.head.fields.iter();
    while let Some(field) = fields.find(|field| field.name.len() == name.len()) {
        if ascii::is(name, head.bytes(field.name)) {
            let value = head.bytes(field.value);
            match C::one(value) {
                Some(part) => each(part)?,
                None => C::cut(value).try_for_each(&mut each)?,
            }
        }
    }
    ControlFlow::Continue(())
}

fn hdr<'a, S: Side>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    one_text::<S, AtCommas>(context, args).map(Value::str)
}

fn hdr_each<'a, S: Side>(
    context: &Context<'a>,
    args: &'a [Arg],
    each: Each<'_, 'a>,
) -> ControlFlow<()> {
    each_text::<S, AtCommas>(context, args, |text| each(Value::str(text)))
}

fn fhdr<'a, S: Side>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    one_text::<S, Whole>(context, args).map(Value::str)
}

fn fhdr_each<'a, S: Side>(
    context: &Context<'a>,
    args: &'a [Arg],
    each: Each<'_, 'a>,
) -> ControlFlow<()> {
    each_text::<S, Whole>(context, args, |text| each(Value::str(text)))
}

fn val<'a, S: Side>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    one_text::<S, AtCommas>(context, args).map(|text| Value::Int(number::loose(text)))
}

fn val_each<'a, S: Side>(
    context: &Context<'a>,
    args: &'a [Arg],
    each: Each<'_, 'a>,
) -> ControlFlow<()> {
    each_text::<S, AtCommas>(context, args, |text| each(Value::Int(number::loose(text))))
}

fn ip<'a, S: Side>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    address(one_text::<S, AtCommas>(context, args)?).map(Value::Addr)
}

fn ip_each<'a, S: Side>(
    context: &Context<'a>,
    args: &'a [Arg],
    each: Each<'_, 'a>,
) -> ControlFlow<()> {
    each_text::<S, AtCommas>(context, args, |text| match address(text) {
        Some(address) => each(Value::Addr(address)),
        None => ControlFlow::Continue(()),
    })
}

fn count<'a, S: Side, C: Cut>(context: &Context<'a>, args: &[Arg]) -> Option<Value<'a>> {
    let name = args.first().and_then(Arg::text).unwrap_or_default();
    let count = values(S::head(context)?, name.as_bytes()).flat_map(C::cut).count();
    Some(Value::Int(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn cnt<'a, S: Side>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    count::<S, AtCommas>(context, args)
}

fn fcnt<'a, S: Side>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    count::<S, Whole>(context, args)
}

/// The names, joined by the first character of the argument, or by commas. In lower case: that is how
/// HAProxy keeps them, and so does HTTP/2.
fn names<'a, S: Side>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let mut out = Vec::new();
    for (index, (name, _)) in S::head(context)?.fields().enumerate() {
        if index > 0 {
            out.push(delimiter(args));
        }
        out.extend(name.iter().map(u8::to_ascii_lowercase));
    }
    Some(Value::string(out))
}

/// The first character of the first argument; a comma if there is none.
pub fn delimiter(args: &[Arg]) -> u8 {
    args.first().and_then(Arg::text).and_then(|text| text.bytes().next()).unwrap_or(b',')
}

/// All field lines and the empty line behind them.
fn lines<'a, S: Side>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let mut out = Vec::new();
    for (name, value) in S::head(context)?.fields() {
        out.extend(name.iter().map(u8::to_ascii_lowercase));
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Some(Value::Bin(Cow::Owned(out)))
}

/// All names and values, each behind its length, and two empty ones.
fn lengths<'a, S: Side>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let mut out = Vec::new();
    for (name, value) in S::head(context)?.fields() {
        push_length(name.len(), &mut out);
        out.extend(name.iter().map(u8::to_ascii_lowercase));
        push_length(value.len(), &mut out);
        out.extend_from_slice(value);
    }
    out.extend_from_slice(&[0, 0]);
    Some(Value::Bin(Cow::Owned(out)))
}

/// A length as SPOE encodes it (SPOE.txt §3.1): four bits in the first byte, seven in each further.
fn push_length(length: usize, out: &mut Vec<u8>) {
    let low = |number: usize, mask: usize| (number & mask) as u8;
    if length < 240 {
        out.push(low(length, 0xff));
        return;
    }
    out.push(low(length, 0x0f) | 0xf0);
    let mut rest = (length - 240) >> 4;
    while rest >= 128 {
        out.push(low(rest, 0x7f) | 0x80);
        rest = (rest - 128) >> 7;
    }
    out.push(low(rest, 0x7f));
}

/// An address as it stands in `X-Forwarded-For`: IPv4 with or without a port, IPv6 with or without
/// brackets.
pub fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(inner) = text.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(IpAddr::V6(address).to_canonical());
    }
    match text.split_once(':') {
        None => ipv4(text).map(IpAddr::V4),
        Some((before, after)) => match ipv4(before) {
            Some(address) => number::port(after.as_bytes()).map(|_| IpAddr::V4(address)),
            None => text.parse::<Ipv6Addr>().ok().map(|it| IpAddr::V6(it).to_canonical()),
        },
    }
}

/// Four decimal numbers; unlike the standard library's, they may have leading zeros.
pub fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut numbers = text.split('.').map(|part| match part.len() {
        1..=3 if part.bytes().all(|byte| byte.is_ascii_digit()) => part.parse::<u8>().ok(),
        _ => None,
    });
    let mut next = || numbers.next().flatten();
    let address = Ipv4Addr::new(next()?, next()?, next()?, next()?);
    numbers.next().is_none().then_some(address)
}

/// How far an occurrence may count from the end.
pub const OCCURRENCE_MIN: i64 = -10;

fn check_occurrence(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    match args.get(1).and_then(Arg::int) {
        Some(occurrence) if occurrence < OCCURRENCE_MIN => {
            let message = format!("the occurrence {occurrence} is too far from the end");
            compiler.report.error(span, message).label(format!("{OCCURRENCE_MIN} is the limit"));
            None
        }
        _ => Some(()),
    }
}

const NAME: &[Param] = &[may("name", Kind::Field)];
const NAME_OCCURRENCE: &[Param] = &[may("name", Kind::Field), may("occurrence", Kind::Int)];
const DELIMITER: &[Param] = &[may("delimiter", Kind::Str)];

const fn text(name: &'static str, at: Scope, get: Get, example: &'static str) -> Fetch {
    let about = "A field's value, cut at commas: the last, or the one of the occurrence \
                 (negative: from the end). In an ACL, each of them.";
    Fetch::new(name, Type::Str, at, get, about)
        .takes(NAME_OCCURRENCE, example)
        .checked(check_occurrence)
}

const fn whole(name: &'static str, at: Scope, get: Get, example: &'static str) -> Fetch {
    let about = "A field's whole value, commas and all: of the last field of the name, or of the \
                 occurrence. In an ACL, each of them.";
    Fetch::new(name, Type::Str, at, get, about)
        .takes(NAME_OCCURRENCE, example)
        .checked(check_occurrence)
}

const fn integer(name: &'static str, at: Scope, get: Get, example: &'static str) -> Fetch {
    Fetch::new(name, Type::Int, at, get, "A field's value as a number; otherwise like `hdr`.")
        .takes(NAME_OCCURRENCE, example)
        .checked(check_occurrence)
}

const fn addr(name: &'static str, at: Scope, get: Get, example: &'static str) -> Fetch {
    let about = "A field's value as an address (a port behind an IPv4 address is left out); \
                 otherwise like `hdr`. No sample if it is none.";
    Fetch::new(name, Type::Addr, at, get, about)
        .takes(NAME_OCCURRENCE, example)
        .checked(check_occurrence)
}

const fn counted(name: &'static str, at: Scope, get: Get, example: &'static str) -> Fetch {
    let about = "How many comma-separated values the fields of a name have; without name, all.";
    Fetch::new(name, Type::Int, at, get, about).takes(NAME, example)
}

const fn lines_counted(name: &'static str, at: Scope, get: Get, example: &'static str) -> Fetch {
    let about = "How many fields of a name there are; without name, all.";
    Fetch::new(name, Type::Int, at, get, about).takes(NAME, example)
}

const fn named(name: &'static str, at: Scope, get: Get, example: &'static str) -> Fetch {
    let about = "The names of all fields, joined by a character (a comma unless given).";
    Fetch::new(name, Type::Str, at, get, about).takes(DELIMITER, example)
}

/// The table.
pub const FETCHES: &[Fetch] = &[
    text("hdr", EITHER, Get::Many(hdr::<Either>, hdr_each::<Either>), "hdr(host)"),
    text("req.hdr", REQUEST, Get::Many(hdr::<Request>, hdr_each::<Request>), "req.hdr(accept,1)"),
    text("res.hdr", RESPONSE, Get::Many(hdr::<Response>, hdr_each::<Response>), "res.hdr(server)"),
    text("shdr", RESPONSE, Get::Many(hdr::<Response>, hdr_each::<Response>), "shdr(server)"),
    whole(
        "req.fhdr",
        REQUEST,
        Get::Many(fhdr::<Request>, fhdr_each::<Request>),
        "req.fhdr(user-agent)",
    ),
    whole(
        "res.fhdr",
        RESPONSE,
        Get::Many(fhdr::<Response>, fhdr_each::<Response>),
        "res.fhdr(date)",
    ),
    integer(
        "req.hdr_val",
        REQUEST,
        Get::Many(val::<Request>, val_each::<Request>),
        "req.hdr_val(content-length)",
    ),
    integer(
        "hdr_val",
        REQUEST,
        Get::Many(val::<Request>, val_each::<Request>),
        "hdr_val(content-length)",
    ),
    integer(
        "res.hdr_val",
        RESPONSE,
        Get::Many(val::<Response>, val_each::<Response>),
        "res.hdr_val(age)",
    ),
    integer(
        "shdr_val",
        RESPONSE,
        Get::Many(val::<Response>, val_each::<Response>),
        "shdr_val(age)",
    ),
    addr(
        "req.hdr_ip",
        REQUEST,
        Get::Many(ip::<Request>, ip_each::<Request>),
        "req.hdr_ip(x-forwarded-for,-1)",
    ),
    addr(
        "hdr_ip",
        REQUEST,
        Get::Many(ip::<Request>, ip_each::<Request>),
        "hdr_ip(x-forwarded-for)",
    ),
    addr(
        "res.hdr_ip",
        RESPONSE,
        Get::Many(ip::<Response>, ip_each::<Response>),
        "res.hdr_ip(x-server)",
    ),
    addr("shdr_ip", RESPONSE, Get::Many(ip::<Response>, ip_each::<Response>), "shdr_ip(x-server)"),
    counted("req.hdr_cnt", REQUEST, Get::One(cnt::<Request>), "req.hdr_cnt(host)"),
    counted("hdr_cnt", REQUEST, Get::One(cnt::<Request>), "hdr_cnt(host)"),
    counted("res.hdr_cnt", RESPONSE, Get::One(cnt::<Response>), "res.hdr_cnt(via)"),
    counted("shdr_cnt", RESPONSE, Get::One(cnt::<Response>), "shdr_cnt(via)"),
    lines_counted("req.fhdr_cnt", REQUEST, Get::One(fcnt::<Request>), "req.fhdr_cnt(host)"),
    lines_counted("res.fhdr_cnt", RESPONSE, Get::One(fcnt::<Response>), "res.fhdr_cnt(via)"),
    named("req.hdr_names", REQUEST, Get::One(names::<Request>), "req.hdr_names(:)"),
    named("res.hdr_names", RESPONSE, Get::One(names::<Response>), "res.hdr_names"),
    Fetch::new(
        "req.hdrs",
        Type::Bin,
        REQUEST,
        Get::One(lines::<Request>),
        "All field lines of the request and the empty line behind them.",
    ),
    Fetch::new(
        "res.hdrs",
        Type::Bin,
        RESPONSE,
        Get::One(lines::<Response>),
        "All field lines of the response and the empty line behind them.",
    ),
    Fetch::new(
        "req.hdrs_bin",
        Type::Bin,
        REQUEST,
        Get::One(lengths::<Request>),
        "All names and values of the request's fields, each behind its length as SPOE writes it.",
    ),
    Fetch::new(
        "res.hdrs_bin",
        Type::Bin,
        RESPONSE,
        Get::One(lengths::<Response>),
        "All names and values of the response's fields, each behind its length as SPOE writes it.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::World;

    fn with(fields: &str) -> World {
        World::request(&format!("GET / HTTP/1.1\nHost: h\n{fields}\n"))
    }

    #[test]
    fn samples_are_the_last_or_the_occurrence() {
        let world = with("X: a,b\nx: c\nY: z\nX: d\n");
        for (expr, wanted) in [
            ("req.hdr(x)", Some("d")),
            ("req.hdr(X,1)", Some("a")),
            ("req.hdr(x,2)", Some("b")),
            ("req.hdr(x,3)", Some("c")),
            ("req.hdr(x,5)", None),
            ("req.hdr(x,-1)", Some("d")),
            ("req.hdr(x,-3)", Some("b")),
            ("req.hdr(x,-4)", Some("a")),
            ("req.hdr(x,-5)", None),
            ("req.fhdr(x,1)", Some("a,b")),
            ("req.fhdr(x,-2)", Some("c")),
            ("req.fhdr(x,-4)", None),
            ("req.hdr_cnt(x)", Some("4")),
            ("req.hdr_cnt", Some("6")),
            ("req.fhdr_cnt(x)", Some("3")),
            ("req.fhdr_cnt", Some("5")),
            ("req.hdr_names", Some("host,x,x,y,x")),
            ("req.hdr_names(;x)", Some("host;x;x;y;x")),
            ("req.hdr(nope)", None),
            // No name finds nothing, an empty name any field.
            ("req.hdr", None),
            ("req.hdr()", Some("d")),
            ("req.hdr(,1)", Some("h")),
        ] {
            assert_eq!(world.text(expr).as_deref(), wanted, "{expr}");
        }
        assert_eq!(world.texts("req.hdr(x)"), ["a", "b", "c", "d"]);
        assert_eq!(world.texts("req.fhdr(x)"), ["a,b", "c", "d"]);
        assert_eq!(world.texts("req.hdr(x,2)"), ["b"]);
    }

    #[test]
    fn empty_values_are_values() {
        for (value, count, last, before) in [
            ("", "1", "", None),
            ("a,", "2", "", Some("a")),
            (",", "2", "", Some("")),
            ("a,,b", "3", "b", Some("")),
            (" \t, x", "2", "x", Some("")),
        ] {
            let world = with(&format!("X: {value}\n"));
            assert_eq!(world.text("req.hdr_cnt(x)").as_deref(), Some(count), "{value}");
            assert_eq!(world.text("req.hdr(x)").as_deref(), Some(last), "{value}");
            assert_eq!(world.text("req.hdr(x,-2)").as_deref(), before, "{value}");
        }
    }

    #[test]
    fn addresses_are_those_of_rfc_7239() {
        for (text, wanted) in [
            ("1.2.3.4", Some("1.2.3.4")),
            ("01.2.3.4", Some("1.2.3.4")),
            ("1.2.3.4:80", Some("1.2.3.4")),
            ("1.2.3.4:99999", None),
            ("1.2.3.4:", None),
            ("1.2.3", None),
            ("256.1.1.1", None),
            ("12", None),
            ("::1", Some("::1")),
            ("[::1]", Some("::1")),
            ("[::1]:80", None),
            ("2001:db8::1:80", Some("2001:db8::1:80")),
            ("fe80::1%eth0", None),
            ("::ffff:1.2.3.4", Some("1.2.3.4")),
        ] {
            let world = with(&format!("X: {text}\n"));
            assert_eq!(world.text("req.hdr_ip(x)").as_deref(), wanted, "{text}");
        }
        let world = with("X: 1.2.3.4, bad, ::1\nX: none\n");
        assert_eq!(world.text("req.hdr_ip(x)"), None);
        assert_eq!(world.texts("req.hdr_ip(x)"), ["1.2.3.4", "::1"]);
    }

    #[test]
    fn the_side_is_that_of_the_message_at_hand() {
        let world = with("X: q\n");
        assert_eq!(world.text("hdr(x)").as_deref(), Some("q"));
        let world = world.response("HTTP/1.1 200 OK\nX: s\nLong: 1\n");
        assert_eq!(world.text("hdr(x)").as_deref(), Some("s"));
        assert_eq!(world.text("req.hdr(x)"), None);
        assert_eq!(world.text("shdr_val(long)").as_deref(), Some("1"));
        assert_eq!(
            world.text("res.hdrs,hex"),
            Some("783A20730D0A6C6F6E673A20310D0A0D0A".to_owned())
        );
        assert_eq!(world.text("res.hdrs_bin,hex"), Some("01780173046C6F6E6701310000".to_owned()));
    }

    #[test]
    fn lengths_are_those_of_spoe() {
        let encode = |length| {
            let mut out = Vec::new();
            push_length(length, &mut out);
            out
        };
        assert_eq!(encode(239), [239]);
        assert_eq!(encode(240), [0xf0, 0]);
        assert_eq!(encode(2287), [0xff, 0x7f]);
        assert_eq!(encode(2288), [0xf0, 0x80, 0x00]);
    }

    #[test]
    fn an_occurrence_may_not_be_far_from_the_end() {
        let world = with("");
        assert_eq!(world.faults("req.hdr(x,-10)"), [""; 0]);
        assert_eq!(world.faults("req.hdr(x,-11)").len(), 1);
    }
}
