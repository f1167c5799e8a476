//! Names to what is known of proxies and certificates.

use super::{Converter, converter};
use crate::rules::arg::Arg;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

fn nbsrv<'a>(context: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let name = value?.into_text();
    let backend = context.plan.backend(std::str::from_utf8(&name).ok()?)?;
    Some(Value::Int(context.counters.servers_up(backend)))
}

fn srv_queue<'a>(
    context: &Context<'a>,
    value: Option<Value<'a>>,
    _: &'a [Arg],
) -> Option<Value<'a>> {
    let text = value?.into_text();
    let text = std::str::from_utf8(&text).ok()?;
    let (backend, name) = match text.split_once('/') {
        Some((backend, name)) => (context.plan.backend(backend)?, name),
        None => (context.backend.unwrap_or(context.proxy), text),
    };
    let servers = &context.plan.proxies.get(backend)?.servers;
    let server = servers.iter().position(|server| *server.name.value == *name)?;
    Some(Value::Int(context.counters.server_queue(backend, server)))
}

/// The names of the results of verifying a certificate (X509_V_*), by number.
const VERIFY: &[(i64, &str)] = &[
    (0, "X509_V_OK"),
    (1, "X509_V_ERR_UNSPECIFIED"),
    (2, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT"),
    (3, "X509_V_ERR_UNABLE_TO_GET_CRL"),
    (7, "X509_V_ERR_CERT_SIGNATURE_FAILURE"),
    (8, "X509_V_ERR_CRL_SIGNATURE_FAILURE"),
    (9, "X509_V_ERR_CERT_NOT_YET_VALID"),
    (10, "X509_V_ERR_CERT_HAS_EXPIRED"),
    (11, "X509_V_ERR_CRL_NOT_YET_VALID"),
    (12, "X509_V_ERR_CRL_HAS_EXPIRED"),
    (18, "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT"),
    (19, "X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN"),
    (20, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
    (21, "X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    (22, "X509_V_ERR_CERT_CHAIN_TOO_LONG"),
    (23, "X509_V_ERR_CERT_REVOKED"),
    (26, "X509_V_ERR_INVALID_PURPOSE"),
    (27, "X509_V_ERR_CERT_UNTRUSTED"),
    (28, "X509_V_ERR_CERT_REJECTED"),
    (62, "X509_V_ERR_HOSTNAME_MISMATCH"),
];

fn verify_name<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let number = value?.to_int()?;
    Some(match VERIFY.iter().find(|(code, _)| *code == number) {
        Some((_, name)) => Value::str(name.as_bytes()),
        None => Value::string(number.to_string()),
    })
}

/// The table.
pub const CONVERTERS: &[Converter] = &[
    converter(
        "nbsrv",
        &[],
        Type::Str,
        Type::Int,
        "How many servers of the backend of that name are usable.",
        "hdr(x),nbsrv",
        nbsrv,
    ),
    converter(
        "srv_queue",
        &[],
        Type::Str,
        Type::Int,
        "How many requests wait for the server `[backend/]server`.",
        "req.cook(srv),srv_queue",
        srv_queue,
    ),
    converter(
        "x509_v_err_str",
        &[],
        Type::Int,
        Type::Str,
        "The name of a result of verifying a certificate.",
        "ssl_c_verify,x509_v_err_str",
        verify_name,
    ),
];
