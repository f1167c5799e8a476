//! What is logged and how: formats, captures, tags, identifiers.
//!
//! Formats are kept as rule lines for the compiler; the plan's [`LogSettings`] says which one holds.
//!
//! [`LogSettings`]: crate::config::plan::LogSettings

use super::common::{
    FRONTS, field_name, here, keep, replaced, row, rule_of, set, surplus, text, word,
};
use super::log_line::log_target;
use super::options::switch;
use crate::config::advice;
use crate::config::args::{Args, Negation};
use crate::config::keyword::{Keyword, Prefix};
use crate::config::plan::{
    Capture, CookieCapture, Given, LogFormat, LogLine, LogSettings, Proxy, RuleLine,
};
use crate::config::section::Sections;

fn log(args: &mut Args<'_>, proxy: &mut Proxy) {
    if args.negation == Negation::No {
        proxy.logging.targets.clear();
        return;
    }
    let Some(first) = args.peek() else {
        args.missing("`global` or a target");
        return;
    };
    if &*first.text == "global" && args.line.words.len() == args.next + 1 {
        args.take();
        proxy.logging.targets.push(LogLine::Global(Given { value: (), span: first.span }));
        return;
    }
    proxy.logging.targets.extend(log_target(args).map(LogLine::Target));
}

/// A format, which is one word; its index among the rule lines.
fn format(args: &mut Args<'_>, proxy: &mut Proxy) -> Option<usize> {
    let format = word(args, "a format")?;
    if let Some(extra) = args.peek() {
        let last = args.line.words.last().map_or(extra.span, |last| last.span);
        args.error(extra.span.to(last), "a format is one word")
            .label("these words are too many")
            .help("put the format in quotes, or a backslash before each space");
        return None;
    }
    let line: RuleLine = rule_of(args, std::slice::from_ref(format));
    Some(keep(&mut proxy.rules.formats, line))
}

fn log_format(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(index) = format(args, proxy) else { return args.skip() };
    the_format(args, proxy, LogFormat::Custom(index));
}

/// Sets the format of log lines; a later line replaces an earlier one without a word, since it is
/// usual to give a standard format and then an own one.
fn the_format(args: &Args<'_>, proxy: &mut Proxy, format: LogFormat) {
    proxy.logging.format = Some(here(args, format));
}

fn kept_format(
    args: &mut Args<'_>,
    proxy: &mut Proxy,
    place: fn(&mut LogSettings) -> &mut Option<Given<usize>>,
) {
    let Some(index) = format(args, proxy) else { return args.skip() };
    let (header, index) = (proxy.span, here(args, index));
    set(args, header, place(&mut proxy.logging), index);
}

fn httplog(args: &mut Args<'_>, proxy: &mut Proxy) {
    let format = match args.take() {
        None => LogFormat::Http,
        Some(word) if &*word.text == "clf" => LogFormat::CommonLog,
        Some(word) => {
            args.unknown(word, "an argument", ["clf"]);
            return args.skip();
        }
    };
    the_format(args, proxy, format);
}

fn httpslog(args: &mut Args<'_>, proxy: &mut Proxy) {
    surplus(args);
    the_format(args, proxy, LogFormat::Https);
}

fn tag(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(tag) = text(args, "a tag") else { return args.skip() };
    surplus(args);
    set(args, proxy.span, &mut proxy.logging.tag, tag);
}

fn unique_id_header(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(name) = field_name(args, "a field's name") else { return args.skip() };
    surplus(args);
    set(args, proxy.span, &mut proxy.front.unique_id_header, name);
}

/// `len <number>`, of a capture.
fn length(args: &mut Args<'_>, range: std::ops::RangeInclusive<u32>) -> Option<Given<u32>> {
    if !args.flag("len") {
        match args.peek() {
            Some(word) => drop(args.unknown(word, "an argument", ["len"])),
            None => drop(args.missing("`len` and a number of characters")),
        }
        return None;
    }
    args.number("a number of characters", range)
}

/// The longest piece of a cookie that HAProxy keeps by default (`tune.http.cookielen`, less one).
const COOKIE_MAX: u32 = 63;

fn capture_cookie(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(name) = args.text("a cookie's name") else { return };
    let Some(length) = length(args, 0..=u32::MAX) else { return args.skip() };
    surplus(args);
    if length.value > COOKIE_MAX {
        args.report
            .advise(&advice::CAPTURE_LENGTH, length.span, "not so much of a cookie is kept")
            .label(format!("{COOKIE_MAX} characters are, unless `tune.http.cookielen` says more"));
    }
    if let Some(earlier) = &proxy.front.cookie_capture {
        replaced(args, proxy.span, earlier.span);
    }
    let capture = CookieCapture { name: name.value, length: length.value };
    proxy.front.cookie_capture = Some(here(args, capture));
}

fn capture_header(args: &mut Args<'_>) -> Option<Capture> {
    let header = field_name(args, "a field's name")?;
    Some(Capture { header: Some(header), length: length(args, 0..=i32::MAX as u32)? })
}

fn capture_request(args: &mut Args<'_>, proxy: &mut Proxy) {
    match capture_header(args) {
        Some(capture) => proxy.front.request_captures.push(capture),
        None => args.skip(),
    }
}

fn capture_response(args: &mut Args<'_>, proxy: &mut Proxy) {
    match capture_header(args) {
        Some(capture) => proxy.front.response_captures.push(capture),
        None => args.skip(),
    }
}

fn declare(args: &mut Args<'_>, proxy: &mut Proxy) {
    let sides = [("request", true), ("response", false)];
    let Some(request) = args.one_of("`request` or `response`", &sides) else {
        return args.skip();
    };
    let Some(length) = length(args, 1..=i32::MAX as u32) else { return args.skip() };
    surplus(args);
    let capture = Capture { header: None, length };
    match request.value {
        true => proxy.front.request_captures.push(capture),
        false => proxy.front.response_captures.push(capture),
    }
}

macro_rules! switch {
    ($name:literal $sections:expr, $field:ident, $about:literal) => {
        row($name, $sections, "", $about, $name, |args, proxy| {
            switch(args, &mut proxy.logging.$field)
        })
        .with(Prefix::No)
    };
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "log",
        Sections::PROXIES,
        "{ global | <target> [len <length>] [format <format>] [sample <ranges>:<size>] <facility> [<level> [<level>]] }",
        "Where log lines go. `no log` forgets all targets, inherited ones too.",
        "log global",
        log,
    )
    .with(Prefix::No),
    row(
        "log-format",
        FRONTS,
        "<format>",
        "What a log line says.",
        "log-format \"%ci:%cp %r %ST\"",
        log_format,
    ),
    row(
        "log-format-sd",
        FRONTS,
        "<format>",
        "The structured data of syslog lines (RFC 5424).",
        "log-format-sd \"[id@1 a=\\\"b\\\"]\"",
        |args, proxy| kept_format(args, proxy, |logging| &mut logging.structured_data),
    ),
    row(
        "error-log-format",
        FRONTS,
        "<format>",
        "What the log line of a connection says that failed before its first request.",
        "error-log-format \"%ci:%cp failed\"",
        |args, proxy| kept_format(args, proxy, |logging| &mut logging.error_format),
    ),
    row(
        "log-tag",
        Sections::PROXIES,
        "<tag>",
        "The program's name in syslog lines.",
        "log-tag web",
        tag,
    ),
    row(
        "unique-id-format",
        Sections::PROXIES,
        "<format>",
        "How a request's identifier is made.",
        "unique-id-format %{+X}o%ci:%cp-%rt",
        |args, proxy| kept_format(args, proxy, |logging| &mut logging.unique_id),
    ),
    row(
        "unique-id-header",
        Sections::PROXIES,
        "<name>",
        "The field that tells servers a request's identifier.",
        "unique-id-header X-Unique-ID",
        unique_id_header,
    ),
    row(
        "option httplog",
        FRONTS,
        "[clf]",
        "Log lines of HTTP, or those of the common log format.",
        "option httplog",
        httplog,
    ),
    row(
        "option httpslog",
        FRONTS,
        "",
        "Log lines of HTTP with what TLS has to tell.",
        "option httpslog",
        httpslog,
    ),
    row(
        "option tcplog",
        FRONTS,
        "",
        "Log lines of connections.",
        "option tcplog",
        |args, proxy| the_format(args, proxy, LogFormat::Tcp),
    ),
    switch!(
        "option dontlog-normal" FRONTS, errors_only,
        "Logs only what went wrong."
    ),
    switch!(
        "option dontlognull" FRONTS, skip_empty,
        "Does not log connections that brought no byte."
    ),
    switch!(
        "option logasap" FRONTS, early,
        "Logs as soon as the response's head is there instead of at its end."
    ),
    switch!(
        "option log-separate-errors" FRONTS, separate_errors,
        "Logs what went wrong one level higher."
    ),
    switch!(
        "option log-health-checks" super::common::BACKS, health_checks,
        "Logs every change of a health check's outcome."
    ),
    row(
        "capture cookie",
        Sections::FRONTS,
        "<name> len <length>",
        "Keeps a cookie whose name begins so, for the logs.",
        "capture cookie SESSION len 32",
        capture_cookie,
    ),
    row(
        "capture request header",
        Sections::FRONTS,
        "<name> len <length>",
        "Keeps a request field for the logs.",
        "capture request header Host len 64",
        capture_request,
    ),
    row(
        "capture response header",
        Sections::FRONTS,
        "<name> len <length>",
        "Keeps a response field for the logs.",
        "capture response header Location len 64",
        capture_response,
    ),
    row(
        "declare capture",
        Sections::FRONTS,
        "{ request | response } len <length>",
        "Makes a place that a rule fills by `capture ... id`.",
        "declare capture request len 64",
        declare,
    ),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::{advice_in, bad, bad_in, good};
    use super::*;

    #[test]
    fn formats_and_where_they_are() {
        let proxy = good("option httplog\nlog-format \"%ci %r\"\nerror-log-format %T");
        let format = proxy.logging.format.expect("given").value;
        assert_eq!(format, LogFormat::Custom(0));
        assert_eq!(&*proxy.rules.formats[0].words[0].text, "%ci %r");
        assert_eq!(proxy.logging.error_format.map(|index| index.value), Some(1));
        let format = good("option httplog clf").logging.format.expect("given").value;
        assert_eq!(format, LogFormat::CommonLog);
        assert_eq!(bad("log-format %ci %r"), ["%r"]);
        assert_eq!(bad("log-format"), [""]);
        assert_eq!(bad("option httplog all"), ["all"]);
        assert_eq!(bad("option tcplog x"), ["x"]);
    }

    #[test]
    fn targets() {
        let targets = good("log global\nlog 127.0.0.1 local0").logging.targets;
        assert!(matches!(&targets[..], [LogLine::Global(_), LogLine::Target(_)]));
        assert!(good("log global\nno log").logging.targets.is_empty());
        assert_eq!(bad("log"), [""]);
        assert_eq!(bad("no log global"), ["global"]);
        assert_eq!(bad("default log"), ["default"]);
    }

    #[test]
    fn captures() {
        let front = good(
            "capture request header Host len 10\ndeclare capture request len 5\n\
             capture cookie A len 20\ndeclare capture response len 7",
        )
        .front;
        let lengths: Vec<_> =
            front.request_captures.iter().map(|capture| capture.length.value).collect();
        assert_eq!(lengths, [10, 5]);
        assert_eq!(front.response_captures.len(), 1);
        assert_eq!(front.cookie_capture.map(|capture| capture.value.length), Some(20));
        assert_eq!(bad("capture request header Host 10"), ["10"]);
        assert_eq!(bad("capture request header Host len x"), ["x"]);
        assert_eq!(bad("capture request header Host len 10 x"), ["x"]);
        assert_eq!(bad("capture request heder Host len 10"), ["request"]);
        assert_eq!(bad("declare capture request len 0"), ["0"]);
        assert_eq!(bad("declare capture requests len 5"), ["requests"]);
        assert_eq!(bad_in("backend b", "declare capture request len 5"), ["declare capture"]);
        assert_eq!(advice_in("listen l", "capture cookie A len 64"), ["capture-length"]);
        assert_eq!(advice_in("backend b", "capture cookie A len 6"), ["other-side"]);
    }
}
