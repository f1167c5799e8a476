//! Cookies: `req.cook`, `res.cook`, their counts, numbers and names (HAProxy 3.0, configuration.txt
//! §7.3.6).
//!
//! A request's `Cookie` fields hold several cookies each; of a response's `Set-Cookie` field only the
//! first pair is a cookie and the rest are its attributes. Quotes stay part of a value. A name beginning
//! with `$` is none (RFC 2109's attributes).

use std::ops::ControlFlow;

use super::fields::{Either, Request, Response, Side, delimiter};
use super::list::{end_at, parts, trim};
use super::places::{EITHER, REQUEST, RESPONSE};
use super::{Each, Fetch, Get, number};
use crate::proto::head::{Start, View};
use crate::rules::arg::{Arg, Kind, Param, may};
use crate::rules::compiler::Scope;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

/// One pair of a `Cookie` or `Set-Cookie` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair<'a> {
    name: &'a [u8],
    value: &'a [u8],
    /// The bytes from behind the separator before it to the end of the whole value.
    room: usize,
}

/// The pairs of a value; what has no `=` is left out.
struct Pairs<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        loop {
            let rest = self.rest?;
            let name_end = rest.iter().position(|byte| matches!(byte, b'=' | b';' | b','));
            let Some(name_end) = name_end else {
                self.rest = None;
                return None;
            };
            if rest[name_end] != b'=' {
                self.rest = Some(&rest[name_end + 1..]);
                continue;
            }
            let behind = &rest[name_end + 1..];
            let value_end = end_at(behind, |byte| matches!(byte, b';' | b','));
            self.rest = value_end.map(|end| &behind[end + 1..]);
            let name = trim(&rest[..name_end]);
            let value = trim(&behind[..value_end.unwrap_or(behind.len())]);
            if !name.starts_with(b"$") {
                return Some(Pair { name, value, room: rest.len() });
            }
        }
    }
}

/// Hands the values of the cookies of this name, or of all if it is empty, to `each`.
fn walk<'a>(
    head: View<'a>,
    name: &[u8],
    mut each: impl FnMut(&'a [u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let is_request = matches!(head.head.start, Start::Request { .. });
    let field = if is_request { &b"cookie"[..] } else { b"set-cookie" };
    for part in head.values(field).flat_map(parts) {
        for pair in (Pairs { rest: Some(part) }) {
            // HAProxy does not look at what is too short to hold the name, `=` and a byte more, so a
            // cookie without a value at the very end is not there.
            if pair.room <= name.len() + 1 {
                break;
            }
            if name.is_empty() || pair.name == name {
                each(pair.value)?;
            } else if !is_request {
                break;
            }
        }
    }
    ControlFlow::Continue(())
}

fn name(args: &[Arg]) -> &[u8] {
    args.first().and_then(Arg::text).unwrap_or_default().as_bytes()
}

/// The last cookie of the name; the first if there is no name.
fn find<'a, S: Side>(context: &Context<'a>, args: &[Arg]) -> Option<&'a [u8]> {
    let name = name(args);
    let mut found = None;
    let _ = walk(S::head(context)?, name, |value| {
        found = Some(value);
        if name.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}

fn cook<'a, S: Side>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    find::<S>(context, args).map(Value::str)
}

fn cook_each<'a, S: Side>(
    context: &Context<'a>,
    args: &'a [Arg],
    each: Each<'_, 'a>,
) -> ControlFlow<()> {
    let Some(head) = S::head(context) else { return ControlFlow::Continue(()) };
    walk(head, name(args), |value| each(Value::str(value)))
}

fn val<'a, S: Side>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    find::<S>(context, args).map(|text| Value::Int(number::loose(text)))
}

fn val_each<'a, S: Side>(
    context: &Context<'a>,
    args: &'a [Arg],
    each: Each<'_, 'a>,
) -> ControlFlow<()> {
    let Some(head) = S::head(context) else { return ControlFlow::Continue(()) };
    walk(head, name(args), |value| each(Value::Int(number::loose(value))))
}

fn cnt<'a, S: Side>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let mut count = 0;
    let _ = walk(S::head(context)?, name(args), |_| {
        count += 1;
        ControlFlow::Continue(())
    });
    Some(Value::Int(count))
}

fn names<'a, S: Side>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let head = S::head(context)?;
    let is_request = matches!(head.head.start, Start::Request { .. });
    let (field, most) = match is_request {
        true => (&b"cookie"[..], usize::MAX),
        false => (&b"set-cookie"[..], 1),
    };
    let mut out = Vec::new();
    for value in head.values(field) {
        let named = Pairs { rest: Some(value) }.take(most).filter(|pair| !pair.name.is_empty());
        for pair in named {
            if !out.is_empty() {
                out.push(delimiter(args));
            }
            out.extend_from_slice(pair.name);
        }
    }
    Some(Value::string(out))
}

const NAME: &[Param] = &[may("name", Kind::Str)];
const DELIMITER: &[Param] = &[may("delimiter", Kind::Str)];

const fn text(name: &'static str, at: Scope, get: Get, example: &'static str) -> Fetch {
    let about = "The value of the last cookie of a name; without name, of the first cookie. In an \
                 ACL, of each.";
    Fetch::new(name, Type::Str, at, get, about).takes(NAME, example)
}

const fn integer(name: &'static str, at: Scope, get: Get, example: &'static str) -> Fetch {
    let about = "The value of a cookie as a number; otherwise like `cook`.";
    Fetch::new(name, Type::Int, at, get, about).takes(NAME, example)
}

const fn counted(name: &'static str, at: Scope, get: Get, example: &'static str) -> Fetch {
    Fetch::new(name, Type::Int, at, get, "How many cookies of a name there are; without name, all.")
        .takes(NAME, example)
}

const fn named(name: &'static str, at: Scope, get: Get) -> Fetch {
    let about = "The names of all cookies, joined by a character (a comma unless given).";
    Fetch::new(name, Type::Str, at, get, about).takes(DELIMITER, name)
}

/// The table.
pub const FETCHES: &[Fetch] = &[
    text("req.cook", REQUEST, Get::Many(cook::<Request>, cook_each::<Request>), "req.cook(sid)"),
    text("cook", REQUEST, Get::Many(cook::<Request>, cook_each::<Request>), "cook(sid)"),
    text("res.cook", RESPONSE, Get::Many(cook::<Response>, cook_each::<Response>), "res.cook(sid)"),
    text("scook", RESPONSE, Get::Many(cook::<Response>, cook_each::<Response>), "scook(sid)"),
    text("cookie", EITHER, Get::Many(cook::<Either>, cook_each::<Either>), "cookie(sid)"),
    integer(
        "req.cook_val",
        REQUEST,
        Get::Many(val::<Request>, val_each::<Request>),
        "req.cook_val(n)",
    ),
    integer("cook_val", REQUEST, Get::Many(val::<Request>, val_each::<Request>), "cook_val(n)"),
    integer(
        "res.cook_val",
        RESPONSE,
        Get::Many(val::<Response>, val_each::<Response>),
        "res.cook_val(n)",
    ),
    integer(
        "scook_val",
        RESPONSE,
        Get::Many(val::<Response>, val_each::<Response>),
        "scook_val(n)",
    ),
    counted("req.cook_cnt", REQUEST, Get::One(cnt::<Request>), "req.cook_cnt(sid)"),
    counted("cook_cnt", REQUEST, Get::One(cnt::<Request>), "cook_cnt(sid)"),
    counted("res.cook_cnt", RESPONSE, Get::One(cnt::<Response>), "res.cook_cnt(sid)"),
    counted("scook_cnt", RESPONSE, Get::One(cnt::<Response>), "scook_cnt(sid)"),
    named("req.cook_names", REQUEST, Get::One(names::<Request>)),
    named("res.cook_names", RESPONSE, Get::One(names::<Response>)),
];

#[cfg(test)]
mod tests {
    use crate::rules::testing::World;

    /// What HAProxy 3.0.11 gives: value of `a`, of no name, count of `a`, of all, names.
    #[test]
    fn cookies_of_requests_are_those_of_haproxy() {
        for (cookie, a, first, count_a, count, names) in [
            ("a=1", Some("1"), Some("1"), 1, 1, "a"),
            ("a=1; b=2; a=3", Some("3"), Some("1"), 2, 3, "a,b,a"),
            ("b=2", None, Some("2"), 0, 1, "b"),
            ("a=", None, Some(""), 0, 1, "a"),
            ("a=;", Some(""), Some(""), 1, 1, "a"),
            ("b=1; a=", Some(""), Some("1"), 1, 2, "b,a"),
            ("a=x; a=", Some(""), Some("x"), 2, 2, "a,a"),
            ("a=\"x;y\"; b=1", Some("\"x;y\""), Some("\"x;y\""), 1, 2, "a,b"),
            ("a=\"x,y\"; b=2", Some("\"x,y\""), Some("\"x,y\""), 1, 2, "a,b"),
            ("a=\"1", Some("\"1"), Some("\"1"), 1, 1, "a"),
            ("a='x;y'", Some("'x"), Some("'x"), 1, 1, "a"),
            ("a = 1 ;b=2", Some("1"), Some("1"), 1, 2, "a,b"),
            ("a", None, None, 0, 0, ""),
            ("a; b=1", None, Some("1"), 0, 1, "b"),
            ("=1; a=2", Some("2"), Some("1"), 1, 2, "a"),
            ("a=1,b=2", Some("1"), Some("1"), 1, 2, "a,b"),
            ("a=1;a=2,3", Some("2"), Some("1"), 2, 2, "a,a"),
            ("A=1", None, Some("1"), 0, 1, "A"),
            ("a=1=2", Some("1=2"), Some("1=2"), 1, 1, "a"),
            ("$Version=1; a=2", Some("2"), Some("2"), 1, 1, "a"),
            (";;a=1", Some("1"), Some("1"), 1, 1, "a"),
            ("a=1;;b=2", Some("1"), Some("1"), 1, 2, "a,b"),
            ("a=1 2; b=3", Some("1 2"), Some("1 2"), 1, 2, "a,b"),
            ("b=1; a", None, Some("1"), 0, 1, "b"),
            ("a=x,; b=2", Some("x"), Some("x"), 1, 2, "a,b"),
            (" a b=1;a=2", Some("2"), Some("1"), 1, 2, "a b,a"),
        ] {
            let world = World::request(&format!("GET / HTTP/1.1\nHost: h\nCookie: {cookie}\n"));
            assert_eq!(world.text("req.cook(a)").as_deref(), a, "{cookie}");
            assert_eq!(world.text("req.cook").as_deref(), first, "{cookie}");
            assert_eq!(world.text("req.cook_cnt(a)"), Some(count_a.to_string()), "{cookie}");
            assert_eq!(world.text("req.cook_cnt"), Some(count.to_string()), "{cookie}");
            assert_eq!(world.text("req.cook_names").as_deref(), Some(names), "{cookie}");
        }
    }

    #[test]
    fn several_fields_are_one_list() {
        let world = World::request("GET / HTTP/1.1\nCookie: a=1; a=2\nCookie: a=3x; b=4\n");
        assert_eq!(world.text("cookie(a)").as_deref(), Some("3x"));
        assert_eq!(world.text("cook").as_deref(), Some("1"));
        assert_eq!(world.text("cook_val(a)").as_deref(), Some("3"));
        assert_eq!(world.texts("req.cook(a)"), ["1", "2", "3x"]);
        assert_eq!(world.texts("req.cook"), ["1", "2", "3x", "4"]);
        assert_eq!(world.text("req.cook_names(;)").as_deref(), Some("a;a;a;b"));
    }

    /// What HAProxy 3.0.11 gives.
    #[test]
    fn cookies_of_responses_have_attributes() {
        let dated = "Set-Cookie: a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT; Path=/\n\
                     Set-Cookie: b=2\nSet-Cookie: a=3; b=9\n";
        for (fields, a, first, count_a, count, names) in [
            ("Set-Cookie: a=1; Path=/\n", Some("1"), Some("1"), 1, 2, "a"),
            (dated, Some("3"), Some("1"), 2, 6, "a,b,a"),
            ("X: 1\n", None, None, 0, 0, ""),
            ("Set-Cookie: a=\n", None, Some(""), 0, 1, "a"),
            ("Set-Cookie: a=; Path=/\n", Some(""), Some(""), 1, 2, "a"),
            ("Set-Cookie: a=1,b=2\n", Some("1"), Some("1"), 1, 2, "a"),
        ] {
            let world = World::new().response(&format!("HTTP/1.1 200 OK\n{fields}"));
            assert_eq!(world.text("res.cook(a)").as_deref(), a, "{fields}");
            assert_eq!(world.text("scook").as_deref(), first, "{fields}");
            assert_eq!(world.text("cookie(a)").as_deref(), a, "{fields}");
            assert_eq!(world.text("res.cook_cnt(a)"), Some(count_a.to_string()), "{fields}");
            assert_eq!(world.text("res.cook_cnt"), Some(count.to_string()), "{fields}");
            assert_eq!(world.text("res.cook_names").as_deref(), Some(names), "{fields}");
        }
    }
}
