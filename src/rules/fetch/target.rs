//! The request's target and its parts: `path`, `query`, `url`, `url_param`, `base`, and hashes of them
//! (HAProxy 3.0, configuration.txt §7.3.6).
//!
//! A target is a path (`/a?b`), an absolute URI (`http://host/a?b`), an authority (`host:443`, for
//! CONNECT) or `*`. The last two have no path. A fragment is no part of a target; where the parser lets
//! it pass it belongs to the path or query it stands in.

use std::borrow::Cow;
use std::ops::ControlFlow;

use core::net::IpAddr;

use super::fields::ipv4;
use super::list::parts;
use super::places::REQUEST;
use super::{Each, Fetch, Get, number};
use crate::config::advice;
use crate::config::args::shown_text;
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, Param, may};
use crate::rules::compiler::Compiler;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

/// A target, cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The whole.
    pub whole: &'a [u8],
    /// Host and port of an absolute URI, with what stands before an `@`.
    pub authority: Option<&'a [u8]>,
    /// Path and query, as they stand; `None` in `*` and `host:port`. Empty or only a query in an
    /// absolute URI without a path.
    rest: Option<&'a [u8]>,
}

/// Cuts a target.
pub fn target(whole: &[u8]) -> Target<'_> {
    if whole.first() == Some(&b'/') {
        return Target { whole, authority: None, rest: Some(whole) };
    }
    let Some(behind) = behind_scheme(whole) else {
        return Target { whole, authority: None, rest: None };
    };
    let end = behind.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let (authority, rest) = behind.split_at(end.unwrap_or(behind.len()));
    Target { whole, authority: Some(authority), rest: Some(rest) }
}

/// What stands behind `scheme://`.
fn behind_scheme(whole: &[u8]) -> Option<&[u8]> {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let colon = whole.iter().position(|byte| !legal(byte)).filter(|&at| at > 0)?;
    whole.get(colon..)?.strip_prefix(b"://")
}

impl<'a> Target<'a> {
    /// The path without the query; `/` in an absolute URI that has none.
    pub fn path(&self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let end = rest.iter().position(|&byte| byte == b'?').unwrap_or(rest.len());
        Some(if end == 0 { b"/" } else { &rest[..end] })
    }

    /// The path with the query.
    pub fn path_and_query(&self) -> Option<Cow<'a, [u8]>> {
        let rest = self.rest?;
        Some(match rest.first() {
            Some(b'/') => Cow::Borrowed(rest),
            _ => Cow::Owned([b"/", rest].concat()),
        })
    }

    /// What stands behind the first question mark.
    pub fn query(&self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mark = rest.iter().position(|&byte| byte == b'?')?;
        rest.get(mark + 1..)
    }

    /// The whole; an absolute URI without a path gets one.
    pub fn url(&self) -> Cow<'a, [u8]> {
        match (self.authority, self.rest) {
            (Some(_), Some(rest)) if rest.first() != Some(&b'/') => {
                let before = &self.whole[..self.whole.len() - rest.len()];
                Cow::Owned([before, b"/", rest].concat())
            }
            _ => Cow::Borrowed(self.whole),
        }
    }
}

fn of<'a>(context: &Context<'a>) -> Option<Target<'a>> {
    context.request.map(|head| target(head.target()))
}

fn path<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    of(context)?.path().map(Value::str)
}

fn pathq<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    of(context)?.path_and_query().map(Value::Str)
}

fn query<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    of(context)?.query().map(Value::str)
}

fn url<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Str(of(context)?.url()))
}

/// Host and port of an absolute URI whose host is an IPv4 address.
fn url_address(context: &Context<'_>) -> Option<(IpAddr, u16)> {
    let authority = std::str::from_utf8(of(context)?.authority?).ok()?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, number::port(port.as_bytes())?),
        None => (authority, 80),
    };
    Some((IpAddr::V4(ipv4(host)?), port))
}

fn url_ip<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    url_address(context).map(|(address, _)| Value::Addr(address))
}

fn url_port<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    url_address(context).map(|(_, port)| Value::Int(port.into()))
}

/// The first value of the first `Host` field, if it is not empty.
fn host<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    let value = context.request?.values(b"host").next()?;
    parts(value).next().filter(|host| !host.is_empty())
}

/// Host and path, joined. Without a host it is the path.
fn joined<'a>(context: &Context<'a>, path: Option<Cow<'a, [u8]>>) -> Option<Cow<'a, [u8]>> {
    match (host(context), path) {
        (Some(host), Some(path)) => Some(Cow::Owned([host, &path].concat())),
        (Some(host), None) => Some(Cow::Borrowed(host)),
        (None, path) => path,
    }
}

fn base_bytes<'a>(context: &Context<'a>) -> Option<Cow<'a, [u8]>> {
    joined(context, of(context)?.path().map(Cow::Borrowed))
}

fn baseq_bytes<'a>(context: &Context<'a>) -> Option<Cow<'a, [u8]>> {
    joined(context, of(context)?.path_and_query())
}

fn base<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    base_bytes(context).map(Value::Str)
}

fn baseq<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    baseq_bytes(context).map(Value::Str)
}

fn base32<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(hash(&base_bytes(context)?).into()))
}

fn url32<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(hash(&baseq_bytes(context)?).into()))
}

fn base32_src<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(with_source(hash(&base_bytes(context)?), context))
}

fn url32_src<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(with_source(hash(&baseq_bytes(context)?), context))
}

/// A hash and the client's address, 8 or 20 bytes.
fn with_source<'a>(hash: u32, context: &Context<'a>) -> Value<'a> {
    let mut out = hash.to_be_bytes().to_vec();
    match super::connection::source(context).ip().to_canonical() {
        IpAddr::V4(address) => out.extend(address.octets()),
        IpAddr::V6(address) => out.extend(address.octets()),
    }
    Value::Bin(Cow::Owned(out))
}

/// SDBM, its bits mixed: what the converter `sdbm(1)` gives.
fn hash(bytes: &[u8]) -> u32 {
    let sdbm = bytes.iter().fold(0_u32, |sum, &byte| {
        let shifted = (sum << 6).wrapping_add(sum << 16).wrapping_sub(sum);
        shifted.wrapping_add(u32::from(byte))
    });
    avalanche(sdbm)
}

/// Bob Jenkins' full avalanche of 32 bits (six shifts), and a multiplication.
fn avalanche(mut hash: u32) -> u32 {
    hash = hash.wrapping_add(0x7ed5_5d16).wrapping_add(hash << 12);
    hash = (hash ^ 0xc761_c23c) ^ (hash >> 19);
    hash = hash.wrapping_add(0x1656_67b1).wrapping_add(hash << 5);
    hash = hash.wrapping_add(0xd3a2_646c) ^ (hash << 9);
    hash = hash.wrapping_add(0xfd70_46c5).wrapping_add(hash << 3);
    hash = (hash ^ 0xb55a_4f09) ^ (hash >> 16);
    hash.wrapping_mul(3_221_225_473)
}

/// The parameters of a path: pairs behind the first `?` (or another delimiter), cut at `&`, `;` and
/// that delimiter.
struct Parameters<'a> {
    rest: Option<&'a [u8]>,
    delimiter: u8,
}

impl<'a> Iterator for Parameters<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let is_end = |byte: &u8| matches!(byte, b'&' | b';') || *byte == self.delimiter;
        let end = rest.iter().position(is_end);
        self.rest = end.and_then(|end| rest.get(end + 1..));
        Some(&rest[..end.unwrap_or(rest.len())])
    }
}

/// Hands the values of the parameters that the arguments ask for to `each`.
fn walk<'a>(
    context: &Context<'a>,
    args: &[Arg],
    mut each: impl FnMut(&'a [u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let argument = |at: usize| args.get(at).and_then(Arg::text).unwrap_or_default().as_bytes();
    let (name, delimiter) = (argument(0), argument(1).first().copied().unwrap_or(b'?'));
    let any_case = argument(2).starts_with(b"i");
    let Some(rest) = of(context).and_then(|target| target.rest) else {
        return ControlFlow::Continue(());
    };
    let start = rest.iter().position(|&byte| byte == delimiter);
    let rest = start.and_then(|start| rest.get(start + 1..));
    for pair in (Parameters { rest, delimiter }) {
        let Some(equals) = pair.iter().position(|&byte| byte == b'=') else { continue };
        let (given, value) = (&pair[..equals], &pair[equals + 1..]);
        let fits = match any_case {
            true => given.eq_ignore_ascii_case(name),
            false => given == name,
        };
        if name.is_empty() || fits {
            each(value)?;
        }
    }
    ControlFlow::Continue(())
}

fn first_parameter<'a>(context: &Context<'a>, args: &[Arg]) -> Option<&'a [u8]> {
    let mut found = None;
    let _ = walk(context, args, |value| {
        found = Some(value);
        ControlFlow::Break(())
    });
    found
}

fn url_param<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    first_parameter(context, args).map(Value::str)
}

fn url_param_each<'a>(
    context: &Context<'a>,
    args: &'a [Arg],
    each: Each<'_, 'a>,
) -> ControlFlow<()> {
    walk(context, args, |value| each(Value::str(value)))
}

fn urlp_val<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    first_parameter(context, args).map(|value| Value::Int(number::loose(value)))
}

fn urlp_val_each<'a>(
    context: &Context<'a>,
    args: &'a [Arg],
    each: Each<'_, 'a>,
) -> ControlFlow<()> {
    walk(context, args, |value| each(Value::Int(number::loose(value))))
}

/// Says that a third argument other than `i` does nothing.
fn check_case(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    if let Some(other) = args.get(2).and_then(Arg::text)
        && !(other.is_empty() || other.starts_with('i'))
    {
        let message = format!("the third argument `{}` has no effect", shown_text(other));
        compiler
            .report
            .advise(&advice::NO_EFFECT, span, message)
            .label("only `i` (any case) means something");
    }
    Some(())
}

const PARAMETER: &[Param] =
    &[may("name", Kind::Str), may("delimiter", Kind::Str), may("i", Kind::Str)];

const fn parameter(name: &'static str, example: &'static str) -> Fetch {
    Fetch::new(
        name,
        Type::Str,
        REQUEST,
        Get::Many(url_param, url_param_each),
        "The first parameter of a name in the query, or behind another delimiter, as it stands (not \
         decoded). Without name, the first of all; in an ACL, each. `i`: in any case.",
    )
    .takes(PARAMETER, example)
    .checked(check_case)
}

const fn part(name: &'static str, get: Get, about: &'static str) -> Fetch {
    Fetch::new(name, Type::Str, REQUEST, get, about)
}

/// The table.
pub const FETCHES: &[Fetch] = &[
    part("path", Get::One(path), "The path: from the first slash up to the question mark."),
    part("pathq", Get::One(pathq), "The path and the query."),
    part("query", Get::One(query), "What stands behind the question mark, if there is one."),
    part("url", Get::One(url), "The target as it came, with scheme and host if it has them."),
    part("base", Get::One(base), "The host and the path."),
    part("baseq", Get::One(baseq), "The host, the path and the query."),
    Fetch::new("base32", Type::Int, REQUEST, Get::One(base32), "A hash of `base`: `base,sdbm(1)`."),
    Fetch::new("url32", Type::Int, REQUEST, Get::One(url32), "A hash of `baseq`: `baseq,sdbm(1)`."),
    Fetch::new(
        "base32+src",
        Type::Bin,
        REQUEST,
        Get::One(base32_src),
        "`base32` and the client's address: 8 or 20 bytes.",
    ),
    Fetch::new(
        "url32+src",
        Type::Bin,
        REQUEST,
        Get::One(url32_src),
        "`url32` and the client's address: 8 or 20 bytes.",
    ),
    Fetch::new(
        "url_ip",
        Type::Ipv4,
        REQUEST,
        Get::One(url_ip),
        "The address in an absolute target, if its host is an IPv4 address.",
    ),
    Fetch::new(
        "url_port",
        Type::Int,
        REQUEST,
        Get::One(url_port),
        "The port in an absolute target whose host is an IPv4 address; 80 if it names none.",
    ),
    parameter("url_param", "url_param(id)"),
    parameter("urlp", "urlp(id,;)"),
    Fetch::new(
        "urlp_val",
        Type::Int,
        REQUEST,
        Get::Many(urlp_val, urlp_val_each),
        "A parameter as a number; otherwise like `urlp`.",
    )
    .takes(PARAMETER, "urlp_val(page)")
    .checked(check_case),
];

#[cfg(test)]
mod tests {
    use crate::rules::testing::World;

    fn get(target: &str, host: &str) -> World {
        World::request(&format!("GET {target} HTTP/1.1\nHost: {host}\n"))
    }

    /// What HAProxy 3.0.11 gives: path, pathq, query, url, base.
    #[test]
    fn targets_are_cut_as_by_haproxy() {
        for (target, path, pathq, query, url, base) in [
            ("/", Some("/"), Some("/"), None, "/", "h/"),
            ("/a?b", Some("/a"), Some("/a?b"), Some("b"), "/a?b", "h/a"),
            ("/a?", Some("/a"), Some("/a?"), Some(""), "/a?", "h/a"),
            ("/a#f?x", Some("/a#f"), Some("/a#f?x"), Some("x"), "/a#f?x", "h/a#f"),
            ("//x/y", Some("//x/y"), Some("//x/y"), None, "//x/y", "h//x/y"),
            ("*", None, None, None, "*", "h"),
            ("ex.com:443", None, None, None, "ex.com:443", "h"),
            (
                "http://e.com:8080/p?q=1",
                Some("/p"),
                Some("/p?q=1"),
                Some("q=1"),
                "http://e.com:8080/p?q=1",
                "h/p",
            ),
            ("http://e.com", Some("/"), Some("/"), None, "http://e.com/", "h/"),
            // HAProxy takes the query for a part of the host.
            ("http://e.com?x", Some("/"), Some("/?x"), Some("x"), "http://e.com/?x", "h/"),
        ] {
            let world = get(target, "h");
            assert_eq!(world.text("path").as_deref(), path, "{target}");
            assert_eq!(world.text("pathq").as_deref(), pathq, "{target}");
            assert_eq!(world.text("query").as_deref(), query, "{target}");
            assert_eq!(world.text("url").as_deref(), Some(url), "{target}");
            assert_eq!(world.text("base").as_deref(), Some(base), "{target}");
        }
        assert_eq!(get("/p?q", "").text("baseq").as_deref(), Some("/p?q"));
        assert_eq!(get("/p", "a, b").text("base").as_deref(), Some("a/p"));
    }

    /// What HAProxy 3.0.11 gives.
    #[test]
    fn hashes_are_those_of_haproxy() {
        let world = get("/a?b", "Ex.com").from("127.0.0.1:1");
        assert_eq!(world.text("base32"), Some(0xe4b3_028e_u32.to_string()));
        assert_eq!(world.text("url32"), Some(0xe40f_04d8_u32.to_string()));
        assert_eq!(world.text("base32+src,hex").as_deref(), Some("E4B3028E7F000001"));
        assert_eq!(world.text("url32+src,hex").as_deref(), Some("E40F04D87F000001"));
        assert_eq!(get("*", "Ex.com").text("url32"), Some(0x5ff0_42f3_u32.to_string()));
        let world = get("/", "Ex.com").from("[2001:db8::1]:1");
        let source = "20010DB8000000000000000000000001";
        assert_eq!(world.text("base32+src,hex"), Some(format!("07A22265{source}")));
    }

    #[test]
    fn an_absolute_target_may_have_an_address() {
        for (target, address, port) in [
            ("http://10.1.2.3/", Some("10.1.2.3"), Some("80")),
            ("http://10.1.2.3:81/x", Some("10.1.2.3"), Some("81")),
            ("http://[::1]:8081/z", None, None),
            ("http://e.com:81/", None, None),
            ("/", None, None),
        ] {
            let world = get(target, "h");
            assert_eq!(world.text("url_ip").as_deref(), address, "{target}");
            assert_eq!(world.text("url_port").as_deref(), port, "{target}");
        }
    }

    /// What HAProxy 3.0.11 gives.
    #[test]
    fn parameters_are_those_of_haproxy() {
        for (target, expr, wanted) in [
            ("/p?b=2;a=3", "url_param(a)", Some("3")),
            ("/p?b=2;a=3", "url_param(a,;)", Some("3")),
            ("/p?b=2;a=3", "url_param", Some("2")),
            ("/p?b=2;a=3", "url_param(,;)", Some("3")),
            ("/p?a&b=2", "url_param(a)", None),
            ("/p?a&b=2", "url_param()", Some("2")),
            ("/p?a=", "url_param(a)", Some("")),
            ("/p?=5", "url_param", Some("5")),
            ("/p?b=2:a=3", "url_param", Some("2:a=3")),
            ("/p?b=2:a=3", "urlp(a,:,i)", Some("3")),
            ("/p;a=1", "url_param(a)", None),
            ("/p;a=1", "url_param(a,;x)", Some("1")),
            ("/p;b;a=1&c", "url_param(,;)", Some("1")),
            ("/p;a=4?a=5", "url_param(a,;)", Some("4?a=5")),
            ("/p;x?a=2", "url_param(a,;)", None),
            ("/p;x?a=2", "url_param(,;)", Some("2")),
            ("/p?b=a=1", "url_param(a)", None),
            ("/p?b=a=1", "url_param(b)", Some("a=1")),
            ("/p?aa=1&Aa=2&A=3", "url_param(a)", None),
            ("/p?aa=1&Aa=2&A=3", "url_param(a,,i)", Some("3")),
            ("/p:A=5:b", "urlp(a,:,i)", Some("5")),
            ("/p?a==1", "url_param(a)", Some("=1")),
            ("/p?b=1&a=2?a=3", "url_param(a)", Some("2")),
            ("/p?aa=1&a=&a=5", "url_param(a)", Some("")),
            ("/?a=-3&", "urlp_val(a)", Some("-3")),
            ("/p?a=12x", "urlp_val(a)", Some("12")),
            ("/p?a=%41+b", "url_param(a)", Some("%41+b")),
            ("*", "url_param", None),
        ] {
            assert_eq!(get(target, "h").text(expr).as_deref(), wanted, "{target} {expr}");
        }
        assert_eq!(get("/?a=1&b=2&a=3", "h").texts("urlp(a)"), ["1", "3"]);
        assert_eq!(get("/?a=1&b=2&a=3", "h").texts("urlp_val"), ["1", "2", "3"]);
        assert_eq!(get("/?A=1", "h").text("urlp(a,,x)"), None);
        assert_eq!(get("/", "h").faults("urlp(a,,x)").len(), 1);
    }
}
