//! The first bytes of a connection, and bodies (HAProxy 3.0, configuration.txt §7.3.5 to §7.3.7). Their
//! arguments are checked; this build does not look into them yet.

use super::places::{EITHER, REQUEST, RESPONSE, RUNNING};
use super::{Fetch, Get};
use crate::config::args::shown_text;
use crate::config::keyword::{Feature, Status};
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, Param, may, must};
use crate::rules::compiler::{Compiler, Scope};
use crate::rules::value::Type;

const fn inspected(name: &'static str, output: Type, at: Scope, about: &'static str) -> Fetch {
    Fetch::later(name, output, at, Feature::Inspection, about)
}

const fn body(name: &'static str, output: Type, at: Scope, about: &'static str) -> Fetch {
    Fetch::later(name, output, at, Feature::Bodies, about)
}

/// HAProxy's own insides.
const fn internal(name: &'static str, output: Type, at: Scope) -> Fetch {
    let fetch = Fetch::new(name, output, at, Get::Never, "HAProxy's own insides, for developers.");
    let why = "it shows the insides of HAProxy, for its developers";
    Fetch { status: Status::Refused { why, instead: "leave it out" }, ..fetch }
}

const fn block(name: &'static str, output: Type, example: &'static str) -> Fetch {
    internal(name, output, EITHER).takes(INDEX, example)
}

fn number(args: &[Arg], at: usize) -> i64 {
    args.get(at).and_then(Arg::int).unwrap_or(0)
}

/// Offset and size of the length; where the bytes are, perhaps with a sign: relative.
fn check_payload_lv(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    let (offset, size) = (number(args, 0), number(args, 1));
    if offset < 0 || size == 0 {
        let message = match size {
            0 => "the length has no bytes".to_owned(),
            _ => format!("the offset of the length cannot be {offset}"),
        };
        compiler.report.error(span, message).label("expected an offset and a number of bytes");
        return None;
    }
    let Some(text) = args.get(2).and_then(Arg::text) else { return Some(()) };
    let Ok(back) = text.parse::<i64>() else {
        let message = format!("`{}` is not an offset", shown_text(text));
        compiler.report.error(span, message).label("expected a number, with a sign if relative");
        return None;
    };
    let relative = text.starts_with(['+', '-']);
    if relative && offset.saturating_add(size).saturating_add(back) < 0 {
        compiler.report.error(span, "the offset lies before the first byte").label("too far back");
        return None;
    }
    Some(())
}

/// How long a token of distcc's protocol is.
const TOKEN_LENGTH: usize = 4;

fn check_distcc(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    let token = args.first().and_then(Arg::text).unwrap_or_default();
    if token.len() != TOKEN_LENGTH {
        let message = format!("`{}` is not a token of distcc", shown_text(token));
        compiler.report.error(span, message).label("expected four letters: ARGC, DOTI...");
        return None;
    }
    Some(())
}

const PAYLOAD: &[Param] = &[must("offset", Kind::Int), must("length", Kind::Int)];
const PAYLOAD_LV: &[Param] =
    &[must("offset1", Kind::Int), must("length", Kind::Int), may("offset2", Kind::Str)];
const INDEX: &[Param] = &[must("index", Kind::Str)];
const COOKIE: &[Param] = &[may("name", Kind::Str)];
const DISTCC: &[Param] = &[must("token", Kind::Str), may("occurrence", Kind::Int)];

const BYTES: &str = "Bytes at an offset; of length 0, all from there on.";
const LENGTH_VALUE: &str = "Bytes whose number stands before them, at an offset of its own.";
const HELLO: &str = "The type of the TLS hello: 1 is a client's.";
const SNI: &str = "The host name in a TLS client hello that passes through.";
const HELLO_VERSION: &str = "The TLS version in a client hello that passes through.";
const RDP: &str = "An RDP cookie of a connection that passes through.";
const RDP_COUNT: &str = "How many RDP cookies there are.";
const REQUEST_BYTES: &str = "How many bytes of the request are there.";

/// The table.
pub const FETCHES: &[Fetch] = &[
    inspected("req.len", Type::Int, REQUEST, REQUEST_BYTES),
    inspected("req_len", Type::Int, REQUEST, REQUEST_BYTES),
    inspected("res.len", Type::Int, RESPONSE, "How many bytes of the response are there."),
    inspected("payload", Type::Bin, EITHER, BYTES).takes(PAYLOAD, "payload(0,8)"),
    inspected("req.payload", Type::Bin, REQUEST, BYTES).takes(PAYLOAD, "req.payload(0,8)"),
    inspected("res.payload", Type::Bin, RESPONSE, BYTES).takes(PAYLOAD, "res.payload(0,8)"),
    inspected("payload_lv", Type::Bin, EITHER, LENGTH_VALUE)
        .takes(PAYLOAD_LV, "payload_lv(43,1)")
        .checked(check_payload_lv),
    inspected("req.payload_lv", Type::Bin, REQUEST, LENGTH_VALUE)
        .takes(PAYLOAD_LV, "req.payload_lv(43,1,+1)")
        .checked(check_payload_lv),
    inspected("res.payload_lv", Type::Bin, RESPONSE, LENGTH_VALUE)
        .takes(PAYLOAD_LV, "res.payload_lv(43,1)")
        .checked(check_payload_lv),
    inspected("req.ssl_hello_type", Type::Int, REQUEST, HELLO),
    inspected("req_ssl_hello_type", Type::Int, REQUEST, HELLO),
    inspected("res.ssl_hello_type", Type::Int, RESPONSE, HELLO),
    inspected("rep_ssl_hello_type", Type::Int, RESPONSE, HELLO),
    inspected("req.ssl_sni", Type::Str, REQUEST, SNI),
    inspected("req_ssl_sni", Type::Str, REQUEST, SNI),
    inspected("req.ssl_ver", Type::Int, REQUEST, HELLO_VERSION),
    inspected("req_ssl_ver", Type::Int, REQUEST, HELLO_VERSION),
    inspected("req.ssl_alpn", Type::Str, REQUEST, "The ALPN list of a client hello."),
    inspected("req.ssl_ec_ext", Type::Bool, REQUEST, "Whether a client hello lists curves."),
    inspected("req.ssl_st_ext", Type::Int, REQUEST, "A client hello's session ticket: 0, 1, 2."),
    inspected("req.rdp_cookie", Type::Str, REQUEST, RDP).takes(COOKIE, "req.rdp_cookie(mstshash)"),
    inspected("rdp_cookie", Type::Str, REQUEST, RDP).takes(COOKIE, "rdp_cookie(mstshash)"),
    inspected("req.rdp_cookie_cnt", Type::Int, REQUEST, RDP_COUNT)
        .takes(COOKIE, "req.rdp_cookie_cnt"),
    inspected("rdp_cookie_cnt", Type::Int, REQUEST, RDP_COUNT).takes(COOKIE, "rdp_cookie_cnt"),
    inspected("distcc_body", Type::Bin, EITHER, "The content behind a token of distcc.")
        .takes(DISTCC, "distcc_body(DOTI)")
        .checked(check_distcc),
    inspected("distcc_param", Type::Int, EITHER, "The number behind a token of distcc.")
        .takes(DISTCC, "distcc_param(ARGC)")
        .checked(check_distcc),
    inspected("wait_end", Type::Bool, RUNNING, "True once the time for inspection is over."),
    body("req.body", Type::Bin, REQUEST, "The request's body, as far as it is there."),
    body("req.body_len", Type::Int, REQUEST, "How many bytes of the request's body are there."),
    body("req.body_size", Type::Int, REQUEST, "How long the request's body says it is."),
    body("req.body_param", Type::Bin, REQUEST, "A parameter in a form's body, not decoded.")
        .takes(&[may("name", Kind::Str), may("i", Kind::Str)], "req.body_param(id)"),
    body("res.body", Type::Bin, RESPONSE, "The response's body, as far as it is there."),
    body("res.body_len", Type::Int, RESPONSE, "How many bytes of the response's body are there."),
    body("res.body_size", Type::Int, RESPONSE, "How long the response's body says it is."),
    Fetch {
        status: Status::Refused {
            why: "servers that speak FastCGI are not supported",
            instead: "put a web server that speaks HTTP before the application",
        },
        ..Fetch::new(
            "fcgi.docroot",
            Type::Str,
            REQUEST,
            Get::Never,
            "The FastCGI application's root.",
        )
    },
    Fetch {
        status: Status::Refused {
            why: "servers that speak FastCGI are not supported",
            instead: "put a web server that speaks HTTP before the application",
        },
        ..Fetch::new(
            "fcgi.index",
            Type::Str,
            REQUEST,
            Get::Never,
            "The FastCGI application's index.",
        )
    },
    internal("internal.strm.is_htx", Type::Bool, RUNNING),
    internal("internal.htx.data", Type::Int, EITHER),
    internal("internal.htx.free", Type::Int, EITHER),
    internal("internal.htx.free_data", Type::Int, EITHER),
    internal("internal.htx.has_eom", Type::Bool, EITHER),
    internal("internal.htx.nbblks", Type::Int, EITHER),
    internal("internal.htx.size", Type::Int, EITHER),
    internal("internal.htx.used", Type::Int, EITHER),
    block("internal.htx_blk.data", Type::Bin, "internal.htx_blk.data(head)"),
    block("internal.htx_blk.hdrname", Type::Str, "internal.htx_blk.hdrname(head)"),
    block("internal.htx_blk.hdrval", Type::Str, "internal.htx_blk.hdrval(head)"),
    block("internal.htx_blk.size", Type::Int, "internal.htx_blk.size(head)"),
    block("internal.htx_blk.start_line", Type::Str, "internal.htx_blk.start_line(head)"),
    block("internal.htx_blk.type", Type::Str, "internal.htx_blk.type(head)"),
];
