//! Converters of text.

use std::borrow::Cow;

use super::Converter;
use crate::config::keyword::Status;
use crate::rules::arg::Arg;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

fn lower<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    Some(Value::Str(match text.iter().any(u8::is_ascii_uppercase) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => text,
    }))
}

/// The table.
pub const CONVERTERS: &[Converter] = &[Converter {
    name: "lower",
    params: &[],
    input: Type::Str,
    output: Type::Str,
    status: Status::Supported,
    about: "ASCII letters in lower case.",
    example: "hdr(host),lower",
    check: None,
    apply: lower,
}];
