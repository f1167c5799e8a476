//! JSON and the parts of a JSON Web Token (RFC 7519).

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value as Json;

use super::{Converter, checked, converter};
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, Param, may, must};
use crate::rules::compiler::Compiler;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

/// A step of a path: a member's name or an element's index.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

/// `$.a.b[0]`; a backslash takes a dot or bracket literally.
fn path(text: &str) -> Option<Vec<Step>> {
    let mut characters = text.strip_prefix('$')?.chars().peekable();
    let mut steps = Vec::new();
    while let Some(first) = characters.next() {
        match first {
            '.' => {
                let mut name = String::new();
                while let Some(next) = characters.next_if(|c| !matches!(c, '.' | '[')) {
                    name.push(if next == '\\' { characters.next()? } else { next });
                }
                if name.is_empty() {
                    return None;
                }
                steps.push(Step::Name(name));
            }
            '[' => {
                let mut digits = String::new();
                while let Some(next) = characters.next_if(char::is_ascii_digit) {
                    digits.push(next);
                }
                characters.next_if_eq(&']')?;
                steps.push(Step::Index(digits.parse().ok()?));
            }
            _ => return None,
        }
    }
    (!steps.is_empty()).then_some(steps)
}

fn look_up(json: &[u8], at: &str, int: bool) -> Option<Value<'static>> {
    let root: Json = serde_json::from_slice(json).ok()?;
    let found = path(at)?.iter().try_fold(&root, |json, step| match step {
        Step::Name(name) => json.get(name),
        Step::Index(index) => json.get(index),
    })?;
    match found {
        Json::Bool(it) => Some(Value::Bool(*it)),
        Json::Number(it) if int => it.as_i64().map(Value::Int),
        Json::String(it) if int => it.parse().ok().map(Value::Int),
        Json::Number(it) => Some(Value::string(it.to_string())),
        Json::String(it) => Some(Value::string(it.as_str())),
        Json::Array(_) => Some(Value::string(found.to_string())),
        Json::Object(_) | Json::Null => None,
    }
}

fn wants_int(args: &[Arg]) -> bool {
    args.get(1).and_then(Arg::text) == Some("int")
}

fn json_query<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    look_up(&value?.into_text(), args.first()?.text()?, wants_int(args))
}

/// Part `index` of a token, decoded, and what a path finds in it.
fn token_part<'a>(value: Option<Value<'a>>, args: &'a [Arg], index: usize) -> Option<Value<'a>> {
    let token = value?.into_text();
    let part = token.split(|&byte| byte == b'.').nth(index)?;
    let json = BASE64URL_NOPAD.decode(part).ok()?;
    match args.first().and_then(Arg::text) {
        Some(path) => look_up(&json, path, wants_int(args)),
        None => Some(Value::string(json)),
    }
}

fn jwt_header<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    token_part(value, args, 0)
}

fn jwt_payload<'a>(
    _: &Context<'a>,
    value: Option<Value<'a>>,
    args: &'a [Arg],
) -> Option<Value<'a>> {
    token_part(value, args, 1)
}

fn check_path(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    if let Some(text) = args.first().and_then(Arg::text)
        && path(text).is_none()
    {
        let message = format!("`{text}` is not a JSON path");
        compiler
            .report
            .error(span, message)
            .label("expected `$`, then `.name` or `[index]`, several times");
        return None;
    }
    match args.get(1).and_then(Arg::text) {
        None | Some("int") => Some(()),
        Some(other) => {
            let message = format!("`{other}` is not an output type");
            compiler.report.error(span, message).label("only `int` is possible");
            None
        }
    }
}

const OPTIONAL: &[Param] = &[may("path", Kind::Str), may("type", Kind::Str)];

/// The table.
pub const CONVERTERS: &[Converter] = &[
    checked(
        converter(
            "json_query",
            &[must("path", Kind::Str), may("type", Kind::Str)],
            Type::Str,
            Type::Any,
            "What a path finds in JSON text; `int` makes it a number.",
            "req.hdr(x),json_query($.a.b)",
            json_query,
        ),
        check_path,
    ),
    checked(
        converter(
            "jwt_header_query",
            OPTIONAL,
            Type::Bin,
            Type::Any,
            "The header of a JSON Web Token, or what a path finds in it.",
            "http_auth_bearer,jwt_header_query($.alg)",
            jwt_header,
        ),
        check_path,
    ),
    checked(
        converter(
            "jwt_payload_query",
            OPTIONAL,
            Type::Bin,
            Type::Any,
            "The payload of a JSON Web Token, or what a path finds in it.",
            "http_auth_bearer,jwt_payload_query($.iss)",
            jwt_payload,
        ),
        check_path,
    ),
];
