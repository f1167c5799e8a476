//! Converters of text.

use std::borrow::Cow;

use super::{Converter, checked, converter};
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, may, must};
use crate::rules::compiler::Compiler;
use crate::rules::context::Context;
use crate::rules::value::{Type, Value};

fn lower<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    Some(Value::Str(match text.iter().any(u8::is_ascii_uppercase) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => text,
    }))
}

fn upper<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    Some(Value::Str(match text.iter().any(u8::is_ascii_lowercase) {
        true => Cow::Owned(text.to_ascii_uppercase()),
        false => text,
    }))
}

fn length<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let length = value?.into_text().len();
    Some(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// Bytes `range` of a sample's text, without copying where it is borrowed.
pub(super) fn part<'a>(text: Cow<'a, [u8]>, range: std::ops::Range<usize>) -> Cow<'a, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_vec()),
    }
}

/// The pieces of `text` between delimiters: empty ones too, or not.
fn pieces(text: &[u8], delimiters: &[u8], empty: bool) -> Vec<std::ops::Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for at in 0..=text.len() {
        if text.get(at).is_none_or(|byte| delimiters.contains(byte)) {
            if empty || at > start {
                pieces.push(start..at);
            }
            start = at + 1;
        }
    }
    pieces
}

/// `count` pieces (0: all that are left) from the `index`-th on, from the start or (negative) the end.
fn pick<'a>(value: Option<Value<'a>>, args: &'a [Arg], empty: bool) -> Option<Value<'a>> {
    let text = value?.into_text();
    let index = args.first()?.int()?;
    let delimiters = args.get(1)?.text()?.as_bytes();
    let count = usize::try_from(args.get(2).and_then(Arg::int).unwrap_or(1)).ok()?;
    let found = pieces(&text, delimiters, empty);
    let place = usize::try_from(index.unsigned_abs()).ok()?.checked_sub(1)?;
    if place >= found.len() {
        return None;
    }
    let whole = text.len();
    let (from, to) = match index > 0 {
        true => {
            let last = if count == 0 { found.len() } else { (place + count).min(found.len()) };
            // All that is left is all of it: empty pieces at the end included.
            let end = if count == 0 { whole } else { found[last - 1].end };
            (found[place].start, end)
        }
        false => {
            let last = found.len() - 1 - place;
            let first = if count == 0 { 0 } else { (last + 1).saturating_sub(count) };
            // Too few: HAProxy takes what stands before the first one too.
            let all = count == 0 || count > last + 1;
            let start = if all { 0 } else { found[first].start };
            (start, found[last].end)
        }
    };
    Some(Value::Str(part(text, from..to)))
}

fn field<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    pick(value, args, true)
}

fn word<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    pick(value, args, false)
}

fn check_index(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    if args.first().and_then(Arg::int) == Some(0) {
        compiler
            .report
            .error(span, "an index of 0")
            .label("they count from 1, or from -1 at the end");
        return None;
    }
    if args.get(1).and_then(Arg::text) == Some("") {
        compiler
            .report
            .error(span, "there are no delimiters")
            .label("expected the characters that divide the text")
            .help("a comma as a delimiter stands in quotes or behind a backslash");
        return None;
    }
    Some(())
}

/// Appends text, a variable's value, text: `concat([start],[variable],[end])`.
fn concat<'a>(
    context: &Context<'a>,
    value: Option<Value<'a>>,
    args: &'a [Arg],
) -> Option<Value<'a>> {
    let mut text = value?.into_text().into_owned();
    text.extend(args.first().and_then(Arg::text).unwrap_or_default().bytes());
    text.extend_from_slice(&variable(context, args.get(1)).unwrap_or_default());
    text.extend(args.get(2).and_then(Arg::text).unwrap_or_default().bytes());
    Some(Value::string(text))
}

fn variable<'a>(context: &Context<'a>, name: Option<&Arg>) -> Option<Cow<'a, [u8]>> {
    Some(context.variables.get(name?.text()?)?.into_text())
}

/// Appends a variable's value and text, with a delimiter before them if there is something on both
/// sides.
fn add_item<'a>(
    context: &Context<'a>,
    value: Option<Value<'a>>,
    args: &'a [Arg],
) -> Option<Value<'a>> {
    let mut text = value?.into_text().into_owned();
    let item = variable(context, args.get(1)).unwrap_or_default();
    let suffix = args.get(2).and_then(Arg::text).unwrap_or_default();
    let adds = !(item.is_empty() && suffix.is_empty());
    if adds && !text.is_empty() {
        text.extend(args.first()?.text()?.bytes());
    }
    text.extend_from_slice(&item);
    text.extend(suffix.bytes());
    Some(Value::string(text))
}

fn check_item(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    if matches!((&args[1], &args[2]), (Arg::Absent, Arg::Absent)) {
        compiler.report.error(span, "`add_item` needs a variable or a suffix behind the delimiter");
        return None;
    }
    Some(())
}

fn strcmp<'a>(
    context: &Context<'a>,
    value: Option<Value<'a>>,
    args: &'a [Arg],
) -> Option<Value<'a>> {
    let other = variable(context, args.first())?;
    Some(Value::Int(value?.into_text().as_ref().cmp(&other) as i64))
}

fn secure_memcmp<'a>(
    context: &Context<'a>,
    value: Option<Value<'a>>,
    args: &'a [Arg],
) -> Option<Value<'a>> {
    let other = context.variables.get(args.first()?.text()?)?.into_bytes();
    let own = value?.into_bytes();
    // Every byte is looked at, whatever the first ones say.
    let differ = own.iter().zip(other.iter()).fold(0, |sum, (left, right)| sum | (left ^ right));
    Some(Value::Bool(own.len() == other.len() && std::hint::black_box(differ) == 0))
}

fn ltrim<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let (text, drop) = (value?.into_text(), args.first()?.text()?.as_bytes());
    let start = text.iter().position(|byte| !drop.contains(byte)).unwrap_or(text.len());
    let end = text.len();
    Some(Value::Str(part(text, start..end)))
}

fn rtrim<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let (text, drop) = (value?.into_text(), args.first()?.text()?.as_bytes());
    let end = text.iter().rposition(|byte| !drop.contains(byte)).map_or(0, |last| last + 1);
    Some(Value::Str(part(text, 0..end)))
}

fn cut_crlf<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(text.len());
    Some(Value::Str(part(text, 0..end)))
}

fn iif<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let chosen = if value?.to_int()? != 0 { args.first() } else { args.get(1) };
    Some(Value::str(chosen?.text()?.as_bytes()))
}

fn default<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    value.or_else(|| Some(Value::str(args.first()?.text()?.as_bytes())))
}

/// The first parameter of that name: `a=b&c=d`.
fn param<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let name = args.first()?.text()?.as_bytes();
    let delimiter = args.get(1).and_then(Arg::text).unwrap_or("&").as_bytes();
    for piece in pieces(&text, delimiter.get(..1)?, true) {
        let here = &text[piece.clone()];
        let end = here.iter().position(|&byte| byte == b'=').unwrap_or(here.len());
        if &here[..end] == name {
            return Some(Value::Str(part(text, (piece.start + end + 1).min(piece.end)..piece.end)));
        }
    }
    None
}

fn check_delimiter(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    match args.get(1) {
        Some(Arg::Str(text)) if text.len() != 1 => {
            compiler.report.error(span, "the delimiter must be a single character");
            None
        }
        _ => Some(()),
    }
}

/// Where the port of a `Host` begins, colon included.
fn port_at(text: &[u8]) -> Option<usize> {
    let from = text.iter().rposition(|&byte| byte == b']').unwrap_or(0);
    text[from..].iter().rposition(|&byte| byte == b':').map(|at| from + at)
}

fn host_only<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let end = port_at(&text).unwrap_or(text.len());
    Some(Value::string(text[..end].to_ascii_lowercase()))
}

fn port_only<'a>(_: &Context<'a>, value: Option<Value<'a>>, _: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let Some(at) = port_at(&text) else { return Some(Value::Int(0)) };
    let port: u16 = std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?;
    Some(Value::Int(i64::from(port)))
}

/// The client's favourite among the languages given (RFC 9110 §12.5.4).
fn language<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let offered: Vec<&[u8]> =
        args.first()?.text()?.as_bytes().split(|&byte| byte == b';').collect();
    let mut best: Option<(i64, &[u8])> = None;
    for wish in text.split(|&byte| byte == b',') {
        let (name, quality) = wish_of(wish);
        let base = name.split(|&byte| byte == b'-').next().unwrap_or(name);
        let fits = |&&one: &&&[u8]| one == name || one == base;
        if let Some(found) = offered.iter().find(fits).filter(|_| quality > 0)
            && best.is_none_or(|(before, _)| quality > before)
        {
            best = Some((quality, found));
        }
    }
    match (best, args.get(1).and_then(Arg::text)) {
        (Some((_, found)), _) => Some(Value::str(found)),
        (None, default) => default.map(|text| Value::str(text.as_bytes())),
    }
}

/// `en-US;q=0.8`: the range and its weight in thousandths.
fn wish_of(wish: &[u8]) -> (&[u8], i64) {
    let mut parts = wish.split(|&byte| byte == b';');
    let name = parts.next().unwrap_or_default().trim_ascii();
    let quality = parts.find_map(|part| part.trim_ascii().strip_prefix(b"q="));
    let quality = quality.and_then(|text| std::str::from_utf8(text).ok()?.parse::<f64>().ok());
    (name, quality.map_or(1000, |quality| (quality.clamp(0.0, 1.0) * 1000.0) as i64))
}

/// A regular expression, what stands for a match, and whether for every match.
fn regsub<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let Arg::Regex(regex) = args.first()? else { return None };
    let with = args.get(1)?.text()?.as_bytes();
    let all = args.get(2).and_then(Arg::text).is_some_and(|flags| flags.contains('g'));
    let limit = if all { usize::MAX } else { 1 };
    let mut out = Vec::with_capacity(text.len());
    let mut last = 0;
    for found in regex.captures_iter(&text).take(limit) {
        let whole = found.get(0)?;
        out.extend_from_slice(&text[last..whole.start()]);
        substitute(with, &found, &mut out);
        last = whole.end();
    }
    if last == 0 && out.is_empty() && !regex.is_match(&text) {
        return Some(Value::Str(text));
    }
    out.extend_from_slice(&text[last..]);
    Some(Value::string(out))
}

/// Writes a substitution: `\0` to `\9` are what was matched, another backslash hides itself.
pub fn substitute(with: &[u8], found: &regex::bytes::Captures<'_>, out: &mut Vec<u8>) {
    let mut bytes = with.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.as_slice_first()) {
            (b'\\', Some(digit)) if digit.is_ascii_digit() => {
                bytes.next();
                let group = found.get(usize::from(digit - b'0'));
                out.extend_from_slice(group.map_or(&[], |group| group.as_bytes()));
            }
            (b'\\', Some(next)) => {
                bytes.next();
                out.push(next);
            }
            _ => out.push(byte),
        }
    }
}

fn check_regsub(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    let flags = args.get(2).and_then(Arg::text).unwrap_or_default();
    if let Some(bad) = flags.chars().find(|flag| !matches!(flag, 'g' | 'i')) {
        compiler
            .report
            .error(span, format!("`{bad}` is not a flag of `regsub`"))
            .label("flags are g and i");
        return None;
    }
    if let (true, Some(Arg::Regex(regex))) = (flags.contains('i'), args.first()) {
        args[0] = crate::rules::arg::regex(&format!("(?i){}", regex.as_str()), span, compiler)?;
    }
    Some(())
}

fn check_json(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    match args.first().and_then(Arg::text) {
        None | Some("ascii" | "utf8" | "utf8s" | "utf8p" | "utf8ps") => Some(()),
        Some(other) => {
            compiler
                .report
                .error(span, format!("`{other}` is not an input code of `json`"))
                .label("there are ascii, utf8, utf8s, utf8p, utf8ps");
            None
        }
    }
}

/// Text as the inside of a JSON string, in ASCII.
fn json<'a>(_: &Context<'a>, value: Option<Value<'a>>, args: &'a [Arg]) -> Option<Value<'a>> {
    let text = value?.into_text();
    let code = args.first().and_then(Arg::text).unwrap_or("ascii");
    let mut out = String::with_capacity(text.len() + 16);
    if code == "ascii" {
        text.iter().for_each(|&byte| json_character(u32::from(byte), &mut out));
        return Some(Value::string(out));
    }
    let silent = code.ends_with('s');
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match u32::from(character) {
                // A JSON escape has four digits: what is beyond is an error, or left out.
                0x1_0000.. if !silent => return None,
                0x1_0000.. => {}
                code => json_character(code, &mut out),
            }
        }
        if !chunk.invalid().is_empty() && !silent {
            return None;
        }
    }
    Some(Value::string(out))
}

fn json_character(code: u32, out: &mut String) {
    match code {
        0x22 => out.push_str("\\\""),
        0x5c => out.push_str("\\\\"),
        0x2f => out.push_str("\\/"),
        0x08 => out.push_str("\\b"),
        0x0c => out.push_str("\\f"),
        0x0a => out.push_str("\\n"),
        0x0d => out.push_str("\\r"),
        0x09 => out.push_str("\\t"),
        0x20..0x7f => out.extend(char::from_u32(code)),
        _ => out.push_str(&format!("\\u{code:04x}")),
    }
}

/// Looking one byte ahead of an iterator over copied bytes.
trait Ahead {
    fn as_slice_first(&self) -> Option<u8>;
}

impl Ahead for std::iter::Copied<std::slice::Iter<'_, u8>> {
    fn as_slice_first(&self) -> Option<u8> {
        self.clone().next()
    }
}

/// The table.
pub const CONVERTERS: &[Converter] = &[
    converter(
        "lower",
        &[],
        Type::Str,
        Type::Str,
        "ASCII letters in lower case.",
        "hdr(host),lower",
        lower,
    ),
    converter(
        "upper",
        &[],
        Type::Str,
        Type::Str,
        "ASCII letters in upper case.",
        "hdr(host),upper",
        upper,
    ),
    converter("length", &[], Type::Str, Type::Int, "How many bytes it has.", "path,length", length),
    checked(
        converter(
            "field",
            &[must("index", Kind::Int), must("delimiters", Kind::Str), may("count", Kind::Int)],
            Type::Str,
            Type::Str,
            "A field between delimiters, from 1 or (from the end) -1; empty fields count. A count gives several, 0 all that are left.",
            "hdr(host),field(1,:)",
            field,
        ),
        check_index,
    ),
    checked(
        converter(
            "word",
            &[must("index", Kind::Int), must("delimiters", Kind::Str), may("count", Kind::Int)],
            Type::Str,
            Type::Str,
            "Like `field`, but empty fields are skipped.",
            "path,word(1,/)",
            word,
        ),
        check_index,
    ),
    converter(
        "concat",
        &[may("start", Kind::Str), may("variable", Kind::Variable), may("end", Kind::Str)],
        Type::Str,
        Type::Str,
        "Appends text, a variable's value, and text.",
        "src,concat(-,txn.a,-)",
        concat,
    ),
    checked(
        converter(
            "add_item",
            &[
                must("delimiter", Kind::Str),
                may("variable", Kind::Variable),
                may("suffix", Kind::Str),
            ],
            Type::Str,
            Type::Str,
            "Appends a variable's value and a suffix to a list, with a delimiter where it is needed.",
            "var(txn.a),add_item(-,txn.b)",
            add_item,
        ),
        check_item,
    ),
    converter(
        "strcmp",
        &[must("variable", Kind::Variable)],
        Type::Str,
        Type::Int,
        "Compares with a variable: 0 if equal, negative if this one sorts before.",
        "ssl_fc_sni,strcmp(txn.host)",
        strcmp,
    ),
    converter(
        "secure_memcmp",
        &[must("variable", Kind::Variable)],
        Type::Bin,
        Type::Bool,
        "Whether it equals a variable, in a time that does not depend on where they differ.",
        "hdr(token),secure_memcmp(txn.token)",
        secure_memcmp,
    ),
    converter(
        "ltrim",
        &[must("characters", Kind::Str)],
        Type::Str,
        Type::Str,
        "Without these characters at the start.",
        "path,ltrim(/)",
        ltrim,
    ),
    converter(
        "rtrim",
        &[must("characters", Kind::Str)],
        Type::Str,
        Type::Str,
        "Without these characters at the end.",
        "path,rtrim(/)",
        rtrim,
    ),
    converter(
        "cut_crlf",
        &[],
        Type::Str,
        Type::Str,
        "Cut before the first CR or LF.",
        "hdr(x),cut_crlf",
        cut_crlf,
    ),
    converter(
        "iif",
        &[must("true", Kind::Str), must("false", Kind::Str)],
        Type::Bool,
        Type::Str,
        "One text if it is true, another if not.",
        "ssl_fc,iif(https,http)",
        iif,
    ),
    converter(
        "default",
        &[must("text", Kind::Str)],
        Type::Any,
        Type::Same,
        "A text for what is missing (Koi's own; HAProxy 3.0 does not have it).",
        "hdr(x),default(none)",
        default,
    ),
    checked(
        converter(
            "param",
            &[must("name", Kind::Str), may("delimiter", Kind::Str)],
            Type::Str,
            Type::Str,
            "The value of a parameter in text such as a query string.",
            "query,param(id)",
            param,
        ),
        check_delimiter,
    ),
    converter(
        "host_only",
        &[],
        Type::Str,
        Type::Str,
        "A `Host` without its port, in lower case.",
        "hdr(host),host_only",
        host_only,
    ),
    converter(
        "port_only",
        &[],
        Type::Str,
        Type::Int,
        "The port of a `Host`, 0 if it has none.",
        "hdr(host),port_only",
        port_only,
    ),
    converter(
        "language",
        &[must("languages", Kind::Str), may("default", Kind::Str)],
        Type::Str,
        Type::Str,
        "The favourite of an Accept-Language among these, divided by semicolons.",
        "req.fhdr(accept-language),language(es;fr;en)",
        language,
    ),
    checked(
        converter(
            "regsub",
            &[must("regex", Kind::Regex), must("substitute", Kind::Str), may("flags", Kind::Str)],
            Type::Str,
            Type::Str,
            "Replaces the first match of a regular expression; every one with flag `g`, in any case with `i`. `\\1` is a group.",
            "path,regsub(/+,/,g)",
            regsub,
        ),
        check_regsub,
    ),
    checked(
        converter(
            "json",
            &[may("input-code", Kind::Str)],
            Type::Str,
            Type::Str,
            "Escaped for the inside of a JSON string.",
            "hdr(user-agent),json(utf8s)",
            json,
        ),
        check_json,
    ),
];

#[cfg(test)]
mod tests {
    use crate::rules::testing::World;

    /// As HAProxy 3.0.11 answers.
    #[test]
    fn too_few_words_bring_what_stands_before_them() {
        for (path, expr, expected) in [
            ("/a", "path,word(-1,/,2)", "/a"),
            ("/a", "path,word(-1,/,1)", "a"),
            ("/a/b/", "path,word(-1,/,2)", "a/b"),
            ("/a/b", "path,word(-2,/,2)", "/a"),
            ("//a//b/c", "path,word(-2,/,2)", "a//b"),
            ("//a//b/c", "path,word(-2,/,3)", "//a//b"),
            ("//a//b/c", "path,word(-1,/,0)", "//a//b/c"),
        ] {
            let world = World::request(&format!("GET {path} HTTP/1.1\n"));
            assert_eq!(world.text(expr).as_deref(), Some(expected), "{path} {expr}");
        }
    }
}
