//! Converters that are read and checked, but give nothing in this build.

use data_encoding::BASE64;

use super::{Converter, checked, converter};
use crate::config::args::shown_text;
use crate::config::keyword::{Feature, Status};
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::source::Span;
use crate::rules::arg::{self, Arg, Kind, Param, may, must};
use crate::rules::compiler::Compiler;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

fn nothing<'a>(_: &Context<'a>, _: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    None
}

fn same<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    value
}

const fn later(
    feature: Feature,
    name: &'static str,
    params: &'static [Param],
    input: Type,
    output: Type,
    about: &'static str,
    example: &'static str,
) -> Converter {
    let entry = converter(name, params, input, output, about, example, nothing);
    Converter { status: Status::Later(feature), ..entry }
}

const FIELD: &[Param] = &[must("field", Kind::Str), may("type", Kind::Str)];
const GCM: &[Param] = &[
    must("bits", Kind::Int),
    must("nonce", Kind::Str),
    must("key", Kind::Str),
    must("tag", Kind::Str),
];

/// The algorithms of signatures (RFC 7518 §3.1), spelt as tokens have them.
const ALGORITHMS: &[&str] = &[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256",
    "PS384", "PS512", "none",
];

fn check_jwt(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    let name = args.first().and_then(Arg::text).unwrap_or_default();
    // A variable says which one when a token comes.
    if ALGORITHMS.contains(&name) || arg::is_variable(name) {
        return Some(());
    }
    let near = did_you_mean(&nearest(name, ALGORITHMS.iter().copied()));
    let message = format!("`{}` is no algorithm of a signature", shown_text(name));
    let fault = compiler.report.error(span, message);
    fault.label("expected an algorithm");
    fault.help(near.unwrap_or_else(|| format!("there are: {}", ALGORITHMS.join(", "))));
    None
}

fn check_gcm(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    let [bits, texts @ ..] = args else { return Some(()) };
    if !matches!(bits.int(), Some(128 | 192 | 256)) {
        let message = "AES has keys of 128, 192 or 256 bits";
        compiler.report.error(span, message).label("the first argument is something else");
        return None;
    }
    for (text, what) in texts.iter().zip(["nonce", "key", "tag"]) {
        let text = text.text().unwrap_or_default();
        if !arg::is_variable(text) && BASE64.decode(text.as_bytes()).is_err() {
            compiler
                .report
                .error(span, format!("the {what} is neither base64 nor a variable"))
                .label(format!("this {what}: `{}`", shown_text(text)));
            return None;
        }
    }
    Some(())
}

fn check_gcm_enc(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    check_gcm(args, span, compiler)?;
    // The tag is a result here.
    arg::variable(args.last().and_then(Arg::text)?, span, compiler).map(drop)
}

/// The table.
pub const CONVERTERS: &[Converter] = &[
    later(
        Feature::Logs,
        "capture-req",
        &[must("id", Kind::Int)],
        Type::Str,
        Type::Str,
        "Stores the sample in a capture slot of the request.",
        "path,capture-req(0)",
    ),
    later(
        Feature::Logs,
        "capture-res",
        &[must("id", Kind::Int)],
        Type::Str,
        Type::Str,
        "Stores the sample in a capture slot of the response.",
        "path,capture-res(0)",
    ),
    later(
        Feature::Logs,
        "when",
        &[
            must("condition", Kind::Str),
            may("argument", Kind::Str),
            may("argument", Kind::Str),
            may("argument", Kind::Str),
        ],
        Type::Any,
        Type::Any,
        "The sample, if something is true of the exchange.",
        "path,when(error)",
    ),
    later(
        Feature::Bodies,
        "protobuf",
        FIELD,
        Type::Bin,
        Type::Bin,
        "A field of a Protocol Buffers message.",
        "req.body,protobuf(1)",
    ),
    later(
        Feature::Bodies,
        "ungrpc",
        FIELD,
        Type::Bin,
        Type::Bin,
        "A field of the message in a gRPC body.",
        "req.body,ungrpc(1)",
    ),
    later(
        Feature::Bodies,
        "mqtt_is_valid",
        &[],
        Type::Bin,
        Type::Bool,
        "Whether it is an MQTT packet.",
        "req.payload(0,0),mqtt_is_valid",
    ),
    later(
        Feature::Bodies,
        "mqtt_field_value",
        &[must("packet", Kind::Str), must("field", Kind::Str)],
        Type::Bin,
        Type::Str,
        "A field of an MQTT packet.",
        "req.payload(0,0),mqtt_field_value(connect,username)",
    ),
    later(
        Feature::Bodies,
        "fix_is_valid",
        &[],
        Type::Bin,
        Type::Bool,
        "Whether it is a FIX message.",
        "req.payload(0,0),fix_is_valid",
    ),
    later(
        Feature::Bodies,
        "fix_tag_value",
        &[must("tag", Kind::Str)],
        Type::Bin,
        Type::Bin,
        "A tag of a FIX message.",
        "req.payload(0,0),fix_tag_value(35)",
    ),
    checked(
        later(
            Feature::Cryptography,
            "jwt_verify",
            &[must("algorithm", Kind::Str), must("key", Kind::Str)],
            Type::Bin,
            Type::Int,
            "Whether the signature of a JSON Web Token is right: 1 if so.",
            "http_auth_bearer,jwt_verify(HS256,key)",
        ),
        check_jwt,
    ),
    checked(
        later(
            Feature::Cryptography,
            "aes_gcm_enc",
            GCM,
            Type::Bin,
            Type::Bin,
            "Encrypted with AES-GCM.",
            "var(txn.a),aes_gcm_enc(128,txn.n,Zm9v,txn.t)",
        ),
        check_gcm_enc,
    ),
    checked(
        later(
            Feature::Cryptography,
            "aes_gcm_dec",
            GCM,
            Type::Bin,
            Type::Bin,
            "Decrypted with AES-GCM.",
            "var(txn.a),aes_gcm_dec(128,txn.n,Zm9v,txn.t)",
        ),
        check_gcm,
    ),
    Converter {
        status: Status::NoEffect("it only shows samples to developers"),
        ..converter(
            "debug",
            &[may("prefix", Kind::Str), may("destination", Kind::Str)],
            Type::Any,
            Type::Same,
            "Passes the sample on.",
            "src,debug(x)",
            same,
        )
    },
];
