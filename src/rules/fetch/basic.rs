//! The first few fetches.

use std::ops::ControlFlow;

use super::{Each, Fetch, Get};
use crate::config::keyword::Status;
use crate::rules::arg::{Arg, Kind, may};
use crate::rules::compiler::Scope;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

/// From the accepted connection on, everywhere.
const EVERYWHERE: Scope = Scope::ALL;
/// Wherever the request's head is at hand: not in rules for responses.
const REQUEST: Scope = Scope::REQUEST.or(Scope::SERVER);

fn src<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Addr(context.connection.source.ip().to_canonical()))
}

fn ssl_fc<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(context.connection.tls.is_some()))
}

/// Every comma-separated part of every field of that name.
fn hdr<'a>(context: &Context<'a>, args: &'a [Arg], each: Each<'_, 'a>) -> ControlFlow<()> {
    let (Some(head), Some(name)) = (context.request, args.first().and_then(Arg::text)) else {
        return ControlFlow::Continue(());
    };
    for value in head.values(name.as_bytes()) {
        for part in value.split(|&byte| byte == b',') {
            each(Value::str(part.trim_ascii()))?;
        }
    }
    ControlFlow::Continue(())
}

/// The table.
pub const FETCHES: &[Fetch] = &[
    Fetch {
        name: "src",
        params: &[],
        output: Type::Addr,
        scopes: EVERYWHERE,
        status: Status::Supported,
        about: "The client's address.",
        example: "src",
        check: None,
        get: Get::One(src),
    },
    Fetch {
        name: "ssl_fc",
        params: &[],
        output: Type::Bool,
        scopes: EVERYWHERE,
        status: Status::Supported,
        about: "Whether the client's connection has TLS.",
        example: "ssl_fc",
        check: None,
        get: Get::One(ssl_fc),
    },
    Fetch {
        name: "hdr",
        params: &[may("name", Kind::Field), may("occurrence", Kind::Int)],
        output: Type::Str,
        scopes: REQUEST,
        status: Status::Supported,
        about: "A field of the request: in an ACL every comma-separated value, elsewhere the last.",
        example: "hdr(host)",
        check: None,
        get: Get::Many(hdr),
    },
];
