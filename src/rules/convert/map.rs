//! `map_<matching>_<output>(file[,default])`.

use std::sync::Arc;

use super::{Converter, checked, converter};
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, Param, may, must};
use crate::rules::compiler::Compiler;
use crate::rules::context::Context;
use crate::rules::map::{Map, Matching, Output};
use crate::rules::value::{Type, Value};

fn find<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let Some(Arg::Map(map)) = args.first() else { return None };
    match map.find(&value?) {
        Some(found) => Some(found),
        None => match args.get(1)? {
            Arg::Str(text) => Some(Value::str(text.as_bytes())),
            Arg::Int(number) => Some(Value::Int(*number)),
            _ => None,
        },
    }
}

/// As [`find`], for maps of addresses: the default is an address too.
fn find_ip<'a>(
    context: &Context<'a>,
    value: Option<Value<'a>>,
    args: &'a [Arg],
) -> Option<Value<'a>> {
    find(context, value, args)?.cast(Type::Addr)
}

fn load(
    matching: Matching,
    output: Output,
    args: &mut [Arg],
    span: Span,
    compiler: &mut Compiler<'_>,
) -> Option<()> {
    let name = args.first().and_then(Arg::text).unwrap_or_default().to_owned();
    if let (Output::Ip, Some(Arg::Str(text))) = (output, args.get(1))
        && text.parse::<core::net::IpAddr>().is_err()
    {
        compiler.report.error(span, format!("the default `{text}` is not an address"));
        return None;
    }
    args[0] = Arg::Map(Arc::new(Map::load(&name, matching, output, span, compiler)?));
    Some(())
}

macro_rules! check {
    ($matching:ident, $output:ident) => {{
        fn check(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
            load(Matching::$matching, Output::$output, args, span, compiler)
        }
        check
    }};
}

const TEXT: &[Param] = &[must("file", Kind::Str), may("default", Kind::Str)];
const NUMBER: &[Param] = &[must("file", Kind::Str), may("default", Kind::Int)];
const KEY: &[Param] = &[must("file", Kind::Str)];

macro_rules! family {
    ($input:ident, $matching:ident, $how:literal, $str:literal $int:literal $ip:literal $key:literal) => {
        [
            checked(
                converter(
                    $str,
                    TEXT,
                    Type::$input,
                    Type::Str,
                    concat!("The value in a map file for ", $how, "."),
                    concat!("path,", $str, "(virt@m)"),
                    find,
                ),
                check!($matching, Str),
            ),
            checked(
                converter(
                    $int,
                    NUMBER,
                    Type::$input,
                    Type::Int,
                    concat!("The number in a map file for ", $how, "."),
                    concat!("path,", $int, "(virt@m)"),
                    find,
                ),
                check!($matching, Int),
            ),
            checked(
                converter(
                    $ip,
                    TEXT,
                    Type::$input,
                    Type::Addr,
                    concat!("The address in a map file for ", $how, "."),
                    concat!("path,", $ip, "(virt@m)"),
                    find_ip,
                ),
                check!($matching, Ip),
            ),
            checked(
                converter(
                    $key,
                    KEY,
                    Type::$input,
                    Type::Str,
                    concat!("The key of a map file that fits ", $how, "."),
                    concat!("path,", $key, "(virt@m)"),
                    find,
                ),
                check!($matching, Key),
            ),
        ]
    };
}

/// Exact strings.
pub const STR: &[Converter] =
    &family!(Str, Str, "the text", "map_str" "map_str_int" "map_str_ip" "map_str_key");
/// Prefixes.
pub const BEG: &[Converter] = &family!(Str, Beg, "the longest beginning of the text", "map_beg" "map_beg_int" "map_beg_ip" "map_beg_key");
/// Suffixes.
pub const END: &[Converter] =
    &family!(Str, End, "the end of the text", "map_end" "map_end_int" "map_end_ip" "map_end_key");
/// Substrings.
pub const SUB: &[Converter] =
    &family!(Str, Sub, "a part of the text", "map_sub" "map_sub_int" "map_sub_ip" "map_sub_key");
/// Parts between slashes.
pub const DIR: &[Converter] = &family!(Str, Dir, "a part between slashes", "map_dir" "map_dir_int" "map_dir_ip" "map_dir_key");
/// Parts between dots.
pub const DOM: &[Converter] =
    &family!(Str, Dom, "a part between dots", "map_dom" "map_dom_int" "map_dom_ip" "map_dom_key");
/// Regular expressions.
pub const REG: &[Converter] = &family!(Str, Reg, "the first regular expression that matches", "map_reg" "map_reg_int" "map_reg_ip" "map_reg_key");
/// Numbers.
pub const INT: &[Converter] =
    &family!(Int, Int, "the number", "map_int" "map_int_int" "map_int_ip" "map_int_key");
/// Addresses.
pub const IP: &[Converter] = &family!(Addr, Ip, "the longest network of the address", "map_ip" "map_ip_int" "map_ip_ip" "map_ip_key");

/// The two that stand alone.
pub const OTHERS: &[Converter] = &[
    checked(
        converter(
            "map",
            TEXT,
            Type::Str,
            Type::Str,
            "The same as `map_str`.",
            "path,map(virt@m)",
            find,
        ),
        check!(Str, Str),
    ),
    checked(
        converter(
            "map_regm",
            TEXT,
            Type::Str,
            Type::Str,
            "The value for the first regular expression that matches; `\\1` in it is a group.",
            "path,map_regm(virt@m)",
            find,
        ),
        check!(Regm, Str),
    ),
];
