//! The steps of `http-check` and `tcp-check`.
//!
//! A line whose words hold an expression, a log format or a regular expression is kept as a rule line
//! too, for the compiler; here everything else is checked.
//!
//! The first step of a section takes the place of all inherited ones, as in HAProxy.

use core::net::IpAddr;

use super::common::{in_section, keep, surplus, text, word};
use super::connection;
use crate::config::args::{Args, shown};
use crate::config::keyword::Feature;
use crate::config::plan::{
    CheckAction, CheckBytes, CheckConnect, CheckExpect, CheckField, CheckMatch, CheckPattern,
    CheckRequest, CheckStep, CheckText, Given, Proxy, RuleLine,
};
use crate::config::source::Span;
use crate::config::value;
use crate::config::word::Word;

/// What a step is, while its words are read.
struct Draft {
    action: CheckAction,
    comment: Option<Box<str>>,
    /// Whether the `rules` room must compile something of it.
    compile: bool,
}

impl Draft {
    fn plain(action: CheckAction) -> Draft {
        Draft { action, comment: None, compile: false }
    }
}

const HTTP_STEPS: &[&str] = &[
    "comment",
    "connect",
    "disable-on-404",
    "expect",
    "send",
    "send-state",
    "set-var()",
    "set-var-fmt()",
    "unset-var()",
];

const TCP_STEPS: &[&str] = &[
    "comment",
    "connect",
    "expect",
    "send",
    "send-lf",
    "send-binary",
    "send-binary-lf",
    "set-var()",
    "set-var-fmt()",
    "unset-var()",
];

/// `http-check expect` and the other steps that are keywords of their own: the last word of the
/// keyword is the step's name.
pub fn http_step(args: &mut Args<'_>, proxy: &mut Proxy) {
    args.next -= 1;
    http_check(args, proxy);
}

/// `tcp-check expect` and its like.
pub fn tcp_step(args: &mut Args<'_>, proxy: &mut Proxy) {
    args.next -= 1;
    tcp_check(args, proxy);
}

/// `http-check`.
pub fn http_check(args: &mut Args<'_>, proxy: &mut Proxy) {
    let first = args.next;
    let Some(name) = args.word("a step") else { return };
    let draft = match &*name.text {
        "comment" => comment(args),
        "connect" => connect(args),
        "send" => send_request(args),
        "expect" => expect(args, true),
        _ if is_variable(name) => variable(args, name),
        _ => {
            args.unknown(name, "a step", HTTP_STEPS.iter().copied());
            None
        }
    };
    let Some(draft) = draft else { return args.skip() };
    let steps = &mut proxy.back.checks.http_steps;
    drop_inherited(steps, proxy.span);
    if !in_order(args, name, steps, &draft.action, true) {
        return;
    }
    let step = step(args, proxy, ("http-check", first), draft);
    proxy.back.checks.http_steps.push(step);
}

/// `tcp-check`.
pub fn tcp_check(args: &mut Args<'_>, proxy: &mut Proxy) {
    let first = args.next;
    let Some(name) = args.word("a step") else { return };
    let draft = match &*name.text {
        "comment" => comment(args),
        "connect" => connect(args),
        "send" | "send-lf" | "send-binary" | "send-binary-lf" => send_bytes(args, name),
        "expect" => expect(args, false),
        _ if is_variable(name) => variable(args, name),
        _ => {
            args.unknown(name, "a step", TCP_STEPS.iter().copied());
            None
        }
    };
    let Some(draft) = draft else { return args.skip() };
    let steps = &mut proxy.back.checks.tcp_steps;
    drop_inherited(steps, proxy.span);
    if !in_order(args, name, steps, &draft.action, false) {
        return;
    }
    let step = step(args, proxy, ("tcp-check", first), draft);
    proxy.back.checks.tcp_steps.push(step);
}

/// What matters for the order of steps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connect,
    Send,
    Expect,
}

fn stage(action: &CheckAction) -> Option<Stage> {
    match action {
        CheckAction::Comment | CheckAction::Variable => None,
        CheckAction::Connect(_) => Some(Stage::Connect),
        CheckAction::SendRequest(_) | CheckAction::SendBytes(_) => Some(Stage::Send),
        CheckAction::Expect(_) => Some(Stage::Expect),
    }
}

/// Whether a step may follow the others: connections come first, and HTTP has one request and its
/// expectations for each connection.
fn in_order(
    args: &mut Args<'_>,
    name: &Word,
    steps: &[CheckStep],
    action: &CheckAction,
    http: bool,
) -> bool {
    let mut before = steps.iter().filter_map(|step| stage(&step.action));
    let first = before.next();
    let last = before.next_back().or(first);
    let missing = match (stage(action), last) {
        (Some(Stage::Connect), Some(_)) if first != Some(Stage::Connect) => {
            args.error(name.span, "the first step must connect if a later one does")
                .label("there are steps before this that use another connection")
                .help("begin with `connect`");
            return false;
        }
        (Some(Stage::Connect), Some(Stage::Connect | Stage::Send)) if http => "expect",
        (Some(Stage::Send), Some(Stage::Send | Stage::Expect)) if http => "connect",
        (Some(Stage::Expect), Some(Stage::Connect)) if http => "send",
        _ => return true,
    };
    args.error(name.span, format!("a step with `{missing}` is missing before this one"))
        .label("HTTP checks go: connect, send, expect, and then again");
    false
}

/// Forgets the steps of `defaults`; `proxy` is the place of the section's header.
fn drop_inherited(steps: &mut Vec<CheckStep>, proxy: Span) {
    if steps.first().is_some_and(|step| !in_section(proxy, step.span)) {
        steps.clear();
    }
}

/// The step, its line kept if something is to be compiled; `first` is the index of its first word.
fn step(
    args: &Args<'_>,
    proxy: &mut Proxy,
    (keyword, first): (&'static str, usize),
    draft: Draft,
) -> CheckStep {
    let span = args.line.span;
    let line = draft.compile.then(|| {
        let words = args.line.words.get(first..).unwrap_or_default();
        let line = RuleLine { keyword, words: words.into(), span };
        keep(&mut proxy.rules.checks, line)
    });
    CheckStep { span, action: draft.action, line, comment: draft.comment }
}

fn comment(args: &mut Args<'_>) -> Option<Draft> {
    let comment = text(args, "a comment")?;
    surplus(args);
    let comment = Some(comment.value);
    Some(Draft { comment, ..Draft::plain(CheckAction::Comment) })
}

const CONNECT_OPTIONS: &[&str] = &[
    "default",
    "port",
    "addr",
    "send-proxy",
    "via-socks4",
    "ssl",
    "sni",
    "alpn",
    "linger",
    "proto",
    "comment",
];

fn connect(args: &mut Args<'_>) -> Option<Draft> {
    let mut connect = CheckConnect::default();
    let mut comment = None;
    while let Some(option) = args.take() {
        match &*option.text {
            "default" => connect.as_server = true,
            "port" => port(args, &mut connect)?,
            "addr" => connect.address = Some(address(args)?),
            "send-proxy" => connect.send_proxy = true,
            "via-socks4" => connect.via_socks4 = true,
            "ssl" => connect.tls = true,
            "linger" => connect.linger = true,
            "sni" => connect.sni = Some(text(args, "a host's name")?),
            "alpn" => connect.alpn = alpn(args)?,
            "proto" => connect.protocol = Some(protocol(args)?),
            "comment" => comment = Some(text(args, "a comment")?.value),
            _ => {
                args.unknown(option, "an option", CONNECT_OPTIONS.iter().copied());
                return None;
            }
        }
    }
    let compile = connect.port_expression.is_some();
    Some(Draft { action: CheckAction::Connect(connect), comment, compile })
}

/// A number, or else an expression.
fn port(args: &mut Args<'_>, connect: &mut CheckConnect) -> Option<()> {
    let word = word(args, "a port or an expression")?;
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        connect.port = Some(args.number_of(word, "a port", 1..=u16::MAX)?);
    } else {
        connect.port_expression = Some(word.clone());
    }
    Some(())
}

/// An address; a port behind it is read past, as in HAProxy.
fn address(args: &mut Args<'_>) -> Option<Given<IpAddr>> {
    let word = word(args, "an address")?;
    let (address, _) = connection::address(args, word)?;
    let Some(value) = address else {
        args.error(word.span, "a single address is needed")
            .label("expected an IPv4 or IPv6 address");
        return None;
    };
    Some(Given { value, span: word.span })
}

fn alpn(args: &mut Args<'_>) -> Option<Vec<Box<str>>> {
    let word = word(args, "protocols, with commas between them")?;
    let list: Vec<Box<str>> = word.split(',').map(Into::into).collect();
    if list.iter().any(|name| &**name == "h2") {
        args.later(Feature::Http2, word.span);
    }
    if list.iter().any(|name| name.is_empty() || name.len() > 255) {
        args.error(word.span, "a protocol's name has from 1 to 255 bytes");
        return None;
    }
    Some(list)
}

fn protocol(args: &mut Args<'_>) -> Option<Given<Box<str>>> {
    let word = word(args, "`h1` or `h2`")?;
    if !matches!(&*word.text, "h1" | "h2") {
        args.unknown(word, "a protocol", ["h1", "h2"]);
        return None;
    }
    if &*word.text == "h2" {
        args.later(Feature::Http2, word.span);
    }
    Some(Given { value: word.text.clone(), span: word.span })
}

const SEND_OPTIONS: &[&str] =
    &["meth", "uri", "uri-lf", "ver", "hdr", "body", "body-lf", "comment"];

fn send_request(args: &mut Args<'_>) -> Option<Draft> {
    let mut request = CheckRequest::default();
    let mut comment = None;
    while let Some(option) = args.take() {
        match &*option.text {
            "meth" => request.method = Some(text(args, "a method")?.value),
            "uri" => request.uri = Some(CheckText::Plain(text(args, "a URI")?.value)),
            "uri-lf" => request.uri = Some(CheckText::Format(word(args, "a format")?.clone())),
            "ver" => request.version = Some(text(args, "a version")?.value),
            "body" => request.body = Some(CheckText::Plain(text(args, "a body")?.value)),
            "body-lf" => request.body = Some(CheckText::Format(word(args, "a format")?.clone())),
            "comment" => comment = Some(text(args, "a comment")?.value),
            "hdr" => {
                let name = word(args, "a field's name")?.clone();
                request.fields.push((name, word(args, "a field's value")?.clone()));
            }
            _ => {
                args.unknown(option, "an option", SEND_OPTIONS.iter().copied());
                return None;
            }
        }
    }
    let format = |text: &Option<CheckText>| matches!(text, Some(CheckText::Format(_)));
    let compile = !request.fields.is_empty() || format(&request.uri) || format(&request.body);
    Some(Draft { action: CheckAction::SendRequest(request), comment, compile })
}

fn send_bytes(args: &mut Args<'_>, name: &Word) -> Option<Draft> {
    let data = word(args, "what to send")?;
    let (bytes, compile) = match &*name.text {
        "send" => (CheckBytes::Text(data.text.clone()), false),
        "send-binary" => (CheckBytes::Binary(hexadecimal(args, data)?), false),
        "send-lf" => (CheckBytes::Format(data.clone()), true),
        _ => (CheckBytes::HexFormat(data.clone()), true),
    };
    let mut comment = None;
    while let Some(option) = args.take() {
        if &*option.text != "comment" {
            args.unknown(option, "an option", ["comment"])
                .help("what is sent is one word: put it in quotes");
            return None;
        }
        comment = Some(text(args, "a comment")?.value);
    }
    Some(Draft { action: CheckAction::SendBytes(bytes), comment, compile })
}

/// Bytes as pairs of hexadecimal digits.
fn hexadecimal(args: &mut Args<'_>, word: &Word) -> Option<Box<[u8]>> {
    if let Some(at) = word.find(|c: char| !c.is_ascii_hexdigit()) {
        let length = word[at..].chars().next().map_or(1, char::len_utf8);
        args.error(word.part(at..at + length), "this is no hexadecimal digit")
            .label("0 to 9 and a to f are possible");
        return None;
    }
    let digits: Vec<u8> =
        word.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        args.error(word.span, "a byte has two hexadecimal digits")
            .label(format!("these are {} digits", digits.len()));
        return None;
    }
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Statuses of checks by HAProxy's names.
const OK_STATUSES: &[&str] = &["L4OK", "L6OK", "L7OK", "L7OKC"];
const ERROR_STATUSES: &[&str] = &["L4CON", "L6RSP", "L7RSP", "L7STS", "L7OKC"];
const TIMEOUT_STATUSES: &[&str] = &["L4TOUT", "L6TOUT", "L7TOUT"];

const HTTP_PATTERNS: &[&str] =
    &["status", "rstatus", "string", "rstring", "string-lf", "hdr", "fhdr", "custom"];
const TCP_PATTERNS: &[&str] =
    &["string", "rstring", "string-lf", "binary", "rbinary", "binary-lf", "custom"];
const EXPECT_OPTIONS: &[&str] = &[
    "min-recv",
    "comment",
    "ok-status",
    "error-status",
    "tout-status",
    "on-success",
    "on-error",
    "status-code",
];

fn expect(args: &mut Args<'_>, http: bool) -> Option<Draft> {
    let mut comment = None;
    let mut given: Option<(bool, CheckPattern)> = None;
    let mut expect = CheckExpect {
        not: false,
        min_received: None,
        pattern: CheckPattern::Custom,
        ok_status: None,
        error_status: None,
        timeout_status: None,
        on_success: None,
        on_error: None,
        status_code: None,
    };
    while let Some(option) = args.take() {
        match &*option.text {
            "min-recv" => expect.min_received = min_received(args)?,
            "comment" => comment = Some(text(args, "a comment")?.value),
            "ok-status" => expect.ok_status = Some(status(args, OK_STATUSES)?),
            "error-status" => expect.error_status = Some(status(args, ERROR_STATUSES)?),
            "tout-status" => expect.timeout_status = Some(status(args, TIMEOUT_STATUSES)?),
            "on-success" => expect.on_success = Some(word(args, "a format")?.clone()),
            "on-error" => expect.on_error = Some(word(args, "a format")?.clone()),
            "status-code" => expect.status_code = Some(word(args, "an expression")?.clone()),
            _ => {
                let found = pattern(args, option, http)?;
                if given.replace(found).is_some() {
                    args.error(option.span, "a step expects one thing")
                        .label("a second one")
                        .help("write a line for each");
                    return None;
                }
            }
        }
    }
    let Some((not, pattern)) = given else {
        args.missing("what is expected");
        return None;
    };
    (expect.not, expect.pattern) = (not, pattern);
    let compile = needs_compiler(&expect);
    Some(Draft { action: CheckAction::Expect(expect), comment, compile })
}

fn needs_compiler(expect: &CheckExpect) -> bool {
    expect.on_success.is_some()
        || expect.on_error.is_some()
        || expect.status_code.is_some()
        || match &expect.pattern {
            CheckPattern::Statuses(_)
            | CheckPattern::Text(_)
            | CheckPattern::Binary(_)
            | CheckPattern::Custom => false,
            CheckPattern::StatusRegex(_)
            | CheckPattern::Regex(_)
            | CheckPattern::Format(_)
            | CheckPattern::BinaryRegex(_)
            | CheckPattern::HexFormat(_) => true,
            CheckPattern::Field(field) | CheckPattern::FullField(field) => {
                let regex = |part: &(CheckMatch, Word)| part.0 == CheckMatch::Regex;
                field.name_format
                    || field.value_format
                    || regex(&field.name)
                    || field.value.as_ref().is_some_and(regex)
            }
        }
}

/// `-1` is as if nothing was said.
fn min_received(args: &mut Args<'_>) -> Option<Option<u32>> {
    if args.flag("-1") {
        return Some(None);
    }
    Some(Some(args.number("a number of bytes", 0..=i32::MAX as u32)?.value))
}

fn status(args: &mut Args<'_>, all: &[&'static str]) -> Option<Box<str>> {
    let word = word(args, "a status of checks")?;
    if !all.contains(&&*word.text) {
        args.unknown(word, "a status", all.iter().copied());
        return None;
    }
    Some(word.text.clone())
}

/// A pattern, `!` before it or not; `first` is the word that was just taken.
fn pattern(args: &mut Args<'_>, first: &Word, http: bool) -> Option<(bool, CheckPattern)> {
    let mut not = false;
    let mut name = first.clone();
    while let Some(rest) = name.strip_prefix('!') {
        not = !not;
        name = if rest.is_empty() {
            args.word("what is expected")?.clone()
        } else {
            name.cut(1..name.len())
        };
    }
    if not && &*name.text == "custom" {
        args.error(name.span, "`!` cannot stand before `custom`");
        return None;
    }
    let pattern = match (&*name.text, http) {
        ("status", true) => CheckPattern::Statuses(statuses(args)?),
        ("rstatus", true) => CheckPattern::StatusRegex(operand(args)?),
        ("hdr", true) => CheckPattern::Field(field(args)?),
        ("fhdr", true) => CheckPattern::FullField(field(args)?),
        ("binary", false) => {
            let word = operand(args)?;
            CheckPattern::Binary(hexadecimal(args, &word)?)
        }
        ("rbinary", false) => CheckPattern::BinaryRegex(operand(args)?),
        ("binary-lf", false) => CheckPattern::HexFormat(operand(args)?),
        ("string", _) => CheckPattern::Text(operand(args)?),
        ("rstring", _) => CheckPattern::Regex(operand(args)?),
        ("string-lf", _) => CheckPattern::Format(operand(args)?),
        ("custom", _) => CheckPattern::Custom,
        _ => {
            let patterns = if http { HTTP_PATTERNS } else { TCP_PATTERNS };
            let all = patterns.iter().chain(EXPECT_OPTIONS).copied();
            args.unknown(&name, "an expectation", all);
            return None;
        }
    };
    Some((not, pattern))
}

fn operand(args: &mut Args<'_>) -> Option<Word> {
    word(args, "a pattern").cloned()
}

/// `200-299,301`.
fn statuses(args: &mut Args<'_>) -> Option<Vec<(u16, u16)>> {
    let word = word(args, "statuses, like 200-299,301")?;
    let mut ranges = Vec::new();
    let mut at = 0;
    for piece in word.split(',') {
        let (low, high) = piece.split_once('-').unwrap_or((piece, piece));
        let number = |text| value::count(text).ok().and_then(|number| u16::try_from(number).ok());
        match (number(low), number(high)) {
            (Some(low), Some(high)) if low <= high => ranges.push((low, high)),
            _ => {
                args.error(word.part(at..at + piece.len()), "this is no status or range of them")
                    .label("like 200 or 200-299");
                return None;
            }
        }
        at += piece.len() + 1;
    }
    Some(ranges)
}

/// `{ name | name-lf } [-m <how>] <name> [{ value | value-lf } [-m <how>] <value>]`.
fn field(args: &mut Args<'_>) -> Option<CheckField> {
    let Some(first) = args.peek().filter(|word| matches!(&*word.text, "name" | "name-lf")) else {
        match args.take() {
            Some(word) => drop(args.unknown(word, "an argument", ["name", "name-lf"])),
            None => drop(args.missing("`name` and a field's name")),
        }
        return None;
    };
    args.take();
    let name = compared(args)?;
    let mut field = CheckField {
        name,
        name_format: &*first.text == "name-lf",
        value: None,
        value_format: false,
    };
    let second = args.peek().filter(|word| matches!(&*word.text, "value" | "value-lf"));
    if let Some(second) = second {
        args.take();
        field.value_format = &*second.text == "value-lf";
        field.value = Some(compared(args)?);
    }
    Some(field)
}

fn compared(args: &mut Args<'_>) -> Option<(CheckMatch, Word)> {
    let ways = [
        ("str", CheckMatch::Exact),
        ("beg", CheckMatch::Beginning),
        ("end", CheckMatch::End),
        ("sub", CheckMatch::Contains),
        ("reg", CheckMatch::Regex),
    ];
    let way = match args.flag("-m") {
        true => args.one_of("`str`, `beg`, `end`, `sub` or `reg`", &ways)?.value,
        false => CheckMatch::Exact,
    };
    Some((way, operand(args)?))
}

fn is_variable(name: &Word) -> bool {
    ["set-var", "unset-var"].iter().any(|start| name.starts_with(start))
}

/// What a variable's name may begin with.
const SCOPES: &[&str] = &["proc", "sess", "txn", "req", "res", "check"];

/// `set-var(<name>[,<condition>...]) <expression>` and its relatives.
fn variable(args: &mut Args<'_>, name: &Word) -> Option<Draft> {
    let (action, behind) = name.split_once('(').unwrap_or((name, ""));
    let known = ["set-var", "set-var-fmt", "unset-var"];
    let start = action.len() + 1;
    let end = behind.find([',', ')']).map(|end| start + end);
    let (true, Some(end), true) = (known.contains(&action), end, behind.ends_with(')')) else {
        let all = ["set-var(<name>)", "set-var-fmt(<name>)", "unset-var(<name>)"];
        args.unknown(name, "a step", all);
        return None;
    };
    let variable = name.cut(start..end);
    let scoped = variable.split_once('.').is_some_and(|(scope, rest)| {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        SCOPES.contains(&scope) && !rest.is_empty() && rest.chars().all(legal)
    });
    if !scoped {
        args.error(variable.span, format!("`{}` is no name of a variable", shown(&variable)))
            .label("expected a scope, a dot and letters or digits")
            .help(format!("scopes are: {}", SCOPES.join(", ")));
        return None;
    }
    conditions(args, name, end, action)?;
    match action {
        "unset-var" => surplus(args),
        "set-var" => {
            word(args, "an expression")?;
            args.rest();
        }
        _ => {
            word(args, "a format")?;
            surplus(args);
        }
    }
    Some(Draft { compile: true, ..Draft::plain(CheckAction::Variable) })
}

/// When a variable is set.
const CONDITIONS: &[&str] =
    &["ifexists", "ifnotexists", "ifempty", "ifnotempty", "ifset", "ifnotset", "ifgt", "iflt"];

/// The conditions behind a variable's name, which ends at byte `end` of the word.
fn conditions(args: &mut Args<'_>, name: &Word, end: usize, action: &str) -> Option<()> {
    let list = name.cut(end..name.len() - 1);
    let mut at = end + 1;
    for condition in list.split(',').skip(1) {
        let word = name.cut(at..at + condition.len());
        if action == "unset-var" {
            args.error(word.span, "`unset-var` takes no conditions");
            return None;
        }
        if !CONDITIONS.contains(&condition) {
            args.unknown(&word, "a condition", CONDITIONS.iter().copied());
            return None;
        }
        at += condition.len() + 1;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::common::testing::{bad, good, plan};
    use super::*;

    fn http(line: &str) -> CheckAction {
        let mut steps = good(&format!("http-check {line}")).back.checks.http_steps;
        steps.pop().expect("a step").action
    }

    fn tcp(line: &str) -> CheckAction {
        let mut steps = good(&format!("tcp-check {line}")).back.checks.tcp_steps;
        steps.pop().expect("a step").action
    }

    #[test]
    fn expectations() {
        let CheckAction::Expect(expect) = http("expect ! status 200-299,301 min-recv 5") else {
            panic!("expect")
        };
        assert!(expect.not);
        assert_eq!(expect.min_received, Some(5));
        assert_eq!(expect.pattern, CheckPattern::Statuses(vec![(200, 299), (301, 301)]));
        let CheckAction::Expect(expect) = http("expect hdr name -m beg a value b") else {
            panic!("expect")
        };
        let CheckPattern::Field(field) = expect.pattern else { panic!("a field") };
        assert_eq!(field.name.0, CheckMatch::Beginning);
        assert!(field.value.is_some());
        let CheckAction::Expect(expect) = tcp("expect !binary 00fF") else { panic!("expect") };
        assert_eq!((expect.not, expect.pattern), (true, CheckPattern::Binary([0, 255].into())));
    }

    #[test]
    fn lines_with_something_to_compile_are_kept() {
        let proxy = good("http-check connect\nhttp-check send hdr Host %[src]");
        let [plain, with_format] = &proxy.back.checks.http_steps[..] else { panic!("two") };
        assert_eq!((plain.line, with_format.line), (None, Some(0)));
        assert_eq!(
            (proxy.rules.checks[0].keyword, proxy.rules.checks[0].words.len()),
            ("http-check", 4)
        );
        let proxy = good("tcp-check set-var(check.a) int(1)\ntcp-check connect port src");
        assert_eq!(proxy.rules.checks.len(), 2);
    }

    #[test]
    fn own_steps_take_the_place_of_inherited_ones() {
        let text = "defaults\nhttp-check expect status 200\ntcp-check send a\n\
                    backend b\nhttp-check send meth GET\nhttp-check expect status 204\n";
        let (plan, report) = plan(text);
        assert!(!report.failed());
        let checks = &plan.proxies[0].back.checks;
        assert_eq!((checks.http_steps.len(), checks.tcp_steps.len()), (2, 1));
    }

    #[test]
    fn steps_have_an_order() {
        let http = |steps: &str| {
            let lines: Vec<_> = steps
                .split(' ')
                .map(|step| match step {
                    "c" => "http-check connect",
                    "s" => "http-check send",
                    "e" => "http-check expect status 200",
                    _ => "http-check comment x",
                })
                .collect();
            bad(&lines.join("\n"))
        };
        for fine in ["c s e", "e e", "s e e", "x c x s e", "c s e c s e", "s"] {
            assert!(http(fine).is_empty(), "{fine}");
        }
        assert_eq!(http("c e"), ["expect"]);
        assert_eq!(http("c c"), ["connect"]);
        assert_eq!(http("s c"), ["connect"]);
        assert_eq!(http("s x s"), ["send"]);
        assert_eq!(http("e s"), ["send"]);
        assert_eq!(bad("tcp-check send a\ntcp-check connect"), ["connect"]);
        assert!(bad("tcp-check connect\ntcp-check send a\ntcp-check connect").is_empty());
    }

    #[test]
    fn faults_point_at_the_word() {
        assert_eq!(bad("http-check"), [""]);
        assert_eq!(bad("http-check expct status 200"), ["expct"]);
        assert_eq!(bad("http-check expect"), [""]);
        assert_eq!(bad("http-check expect status 200,2x"), ["2x"]);
        assert_eq!(bad("http-check expect status 200 string a"), ["string"]);
        assert_eq!(bad("http-check expect binary aa"), ["binary"]);
        assert_eq!(bad("http-check expect hdr Host"), ["Host"]);
        assert_eq!(bad("http-check expect hdr name -m like a"), ["like"]);
        assert_eq!(bad("http-check expect ok-status OK status 200"), ["OK"]);
        assert_eq!(bad("http-check send hdr Host"), [""]);
        assert_eq!(bad("http-check send method GET"), ["method"]);
        assert_eq!(bad("http-check connect port 0"), ["0"]);
        assert_eq!(bad("http-check connect addr here"), ["here"]);
        assert_eq!(bad("http-check connect proto h3"), ["h3"]);
        assert_eq!(bad("http-check set-var(a) int(1)"), ["a"]);
        assert_eq!(bad("http-check set-var(check.a)"), [""]);
        assert_eq!(bad("http-check set-var(check.a,ifexists,iff) int(1)"), ["iff"]);
        assert_eq!(bad("http-check unset-var(check.a,ifset)"), ["ifset"]);
        assert_eq!(bad("tcp-check expect ! custom"), ["custom"]);
        assert_eq!(bad("tcp-check send a b"), ["b"]);
        assert_eq!(bad("tcp-check send-binary abc"), ["abc"]);
        assert_eq!(bad("tcp-check send-binary axbc"), ["x"]);
        assert_eq!(bad("tcp-check expect status 200"), ["status"]);
        assert_eq!(bad("tcp-check expect min-recv -2 string a"), ["-2"]);
    }
}
