//! The start lines of request and response, and what is kept of them (HAProxy 3.0, configuration.txt
//! §7.3.6).

use std::borrow::Cow;

use super::places::{KEPT, REPLIED, REQUEST, RESPONSE};
use super::target::target;
use super::{Fetch, Get};
use crate::config::keyword::Feature;
use crate::rules::arg::{Arg, Kind, Param, must};
use crate::rules::compiler::Scope;
use crate::rules::context::{Context, RequestLine};
use crate::rules::value::{Type, Value};

fn method<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    // `set-method` does not change it: HAProxy looks at what arrived.
    let arrived = context.exchange.line.as_ref().map(RequestLine::method);
    let method = arrived.or_else(|| context.request.map(|head| head.method()))?;
    Some(Value::Method(Cow::Borrowed(method)))
}

fn req_ver<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::str(context.request?.head.version.number().as_bytes()))
}

fn res_ver<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::str(context.response?.head.version.number().as_bytes()))
}

/// The response's, also when it has gone to the client.
fn status<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let now = context.response.map(|response| response.status());
    now.or(context.exchange.server_status).map(|status| Value::Int(status.into()))
}

/// Of an answer of our own, too.
fn final_status<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let told = context.exchange.status.map(|status| Value::Int(status.into()));
    told.or_else(|| status(context, args))
}

fn server_status<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    context.exchange.server_status.map(|status| Value::Int(status.into()))
}

fn first_req<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(context.exchange.number == 0))
}

fn is_http<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    (context.request.is_some() || context.exchange.line.is_some()).then_some(Value::Bool(true))
}

fn captured_method<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::str(context.exchange.line.as_ref()?.method()))
}

fn captured_uri<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let whole = context.exchange.line.as_ref()?.target();
    target(whole).path_and_query().map(Value::Str)
}

times! { request_ms idle_ms queue_ms until_request_ms response_ms active_ms }

fn full_version<'a>(number: &str) -> Value<'a> {
    Value::string(format!("HTTP/{number}"))
}

fn captured_ver<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(full_version(context.exchange.line.as_ref()?.version))
}

fn captured_res_ver<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    context.exchange.response_version.map(full_version)
}

fn slot<'a>(captures: &'a [Option<Box<[u8]>>], args: &[Arg]) -> Option<Value<'a>> {
    let index = usize::try_from(args.first()?.int()?).ok()?;
    captures.get(index)?.as_deref().map(Value::str)
}

fn captured_req_hdr<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    slot(&context.exchange.request_captures, args)
}

fn captured_res_hdr<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    slot(&context.exchange.response_captures, args)
}

const SLOT: &[Param] = &[must("slot", Kind::Int)];

const fn known(
    name: &'static str,
    output: Type,
    at: Scope,
    get: for<'a> fn(&Context<'a>, &'a [Arg]) -> Option<Value<'a>>,
    about: &'static str,
) -> Fetch {
    Fetch::new(name, output, at, Get::One(get), about)
}

const REQ_VER: &str = "The request's HTTP version: 1.0, 1.1 or 2.0.";
const RES_VER: &str = "The response's HTTP version: 1.0, 1.1 or 2.0.";
const IS_HTTP: &str = "True once an HTTP request is there.";

/// The table.
pub const FETCHES: &[Fetch] = &[
    known("method", Type::Method, KEPT, method, "The request's method as it came."),
    known("req.ver", Type::Str, REQUEST, req_ver, REQ_VER),
    known("req_ver", Type::Str, REQUEST, req_ver, REQ_VER),
    known("res.ver", Type::Str, RESPONSE, res_ver, RES_VER),
    known("resp_ver", Type::Str, RESPONSE, res_ver, RES_VER),
    known("status", Type::Int, REPLIED, status, "The response's status."),
    known("txn.status", Type::Int, REPLIED, final_status, "The status that the client gets."),
    known("server_status", Type::Int, REPLIED, server_status, "The status that the server sent."),
    known(
        "http_first_req",
        Type::Bool,
        KEPT,
        first_req,
        "Whether the request is the first of its connection.",
    ),
    known("req.proto_http", Type::Bool, KEPT, is_http, IS_HTTP),
    known("req_proto_http", Type::Bool, KEPT, is_http, IS_HTTP),
    known("capture.req.method", Type::Str, KEPT, captured_method, "The method as it came."),
    known("capture.req.uri", Type::Str, KEPT, captured_uri, "Path and query as they came."),
    known("capture.req.ver", Type::Str, KEPT, captured_ver, "The version as it came: HTTP/1.1."),
    known(
        "capture.res.ver",
        Type::Str,
        KEPT,
        captured_res_ver,
        "The response's version as it came: HTTP/1.1.",
    ),
    known(
        "capture.req.hdr",
        Type::Str,
        KEPT,
        captured_req_hdr,
        "A capture of the request, by slot.",
    )
    .takes(SLOT, "capture.req.hdr(0)"),
    known(
        "capture.res.hdr",
        Type::Str,
        REPLIED,
        captured_res_hdr,
        "A capture of the response, by slot.",
    )
    .takes(SLOT, "capture.res.hdr(0)"),
    known(
        "req.timer.hdr",
        Type::Int,
        REQUEST,
        request_ms,
        "How long the request's head took, in ms.",
    ),
    known(
        "req.timer.idle",
        Type::Int,
        REQUEST,
        idle_ms,
        "How long the connection was idle before the request, in ms.",
    ),
    known(
        "req.timer.queue",
        Type::Int,
        REPLIED,
        queue_ms,
        "How long the request waited for a server, in ms.",
    ),
    known(
        "req.timer.tq",
        Type::Int,
        REQUEST,
        until_request_ms,
        "From the connection or the last response to the head, in ms.",
    ),
    known(
        "res.timer.hdr",
        Type::Int,
        RESPONSE,
        response_ms,
        "How long the server took to answer, in ms.",
    ),
    known(
        "txn.timer.total",
        Type::Int,
        Scope::LOG,
        active_ms,
        "From the request's first byte to the response's last.",
    ),
    Fetch::later(
        "res.comp",
        Type::Bool,
        REPLIED,
        Feature::Compression,
        "Whether it was compressed.",
    ),
    Fetch::later(
        "res.comp_algo",
        Type::Str,
        REPLIED,
        Feature::Compression,
        "What the response was compressed with.",
    ),
    Fetch::later(
        "res.cache_hit",
        Type::Bool,
        super::places::CHOSEN,
        Feature::Cache,
        "Whether the response came from a cache.",
    ),
    Fetch::later(
        "res.cache_name",
        Type::Str,
        super::places::CHOSEN,
        Feature::Cache,
        "The cache that the response came from.",
    ),
];

#[cfg(test)]
mod tests {
    use crate::rules::testing::World;

    #[test]
    fn start_lines_are_kept() {
        let world = World::request("PURGE http://h/p?q HTTP/1.0\nHost: h\n");
        assert_eq!(world.text("method").as_deref(), Some("PURGE"));
        assert_eq!(world.text("req.ver").as_deref(), Some("1.0"));
        assert_eq!(world.text("capture.req.uri").as_deref(), Some("/p?q"));
        assert_eq!(world.text("req.proto_http").as_deref(), Some("1"));
        assert_eq!(world.text("status"), None);
        let mut world = world.response("HTTP/2.0 404 Not Found\n");
        assert_eq!(world.text("method").as_deref(), Some("PURGE"));
        assert_eq!(world.text("req.ver"), None);
        assert_eq!(world.text("capture.req.ver").as_deref(), Some("HTTP/1.0"));
        assert_eq!(world.text("status").as_deref(), Some("404"));
        assert_eq!(world.text("res.ver").as_deref(), Some("2.0"));
        assert_eq!(world.text("capture.res.ver").as_deref(), Some("HTTP/2.0"));
        assert_eq!(world.text("server_status").as_deref(), Some("404"));
        assert_eq!(world.text("http_first_req").as_deref(), Some("1"));
        world.exchange.number = 1;
        assert_eq!(world.text("http_first_req").as_deref(), Some("0"));
    }

    #[test]
    fn the_method_is_the_one_that_arrived() {
        let mut world = World::request("POST / HTTP/1.1\n");
        world.request = World::request("GET / HTTP/1.1\n").request;
        assert_eq!(world.text("method").as_deref(), Some("POST"));
        world.exchange.line = None;
        assert_eq!(world.text("method").as_deref(), Some("GET"));
    }

    #[test]
    fn captures_have_slots() {
        let mut world = World::request("GET / HTTP/1.1\n");
        world.exchange.request_captures = vec![None, Some(b"b"[..].into())];
        assert_eq!(world.text("capture.req.hdr(0)"), None);
        assert_eq!(world.text("capture.req.hdr(1)").as_deref(), Some("b"));
        assert_eq!(world.text("capture.req.hdr(2)"), None);
        assert_eq!(world.text("capture.req.hdr(-1)"), None);
    }
}
