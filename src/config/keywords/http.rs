//! HTTP between Koi and servers, and what Koi answers itself.

use super::common::{BACKS, FRONTS, empty, field_name, refused, row, set, surplus, text};
use crate::config::args::Args;
use crate::config::keyword::Keyword;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{Proxy, RetryOn, Reuse};
use crate::config::section::Sections;
use crate::config::value;
use crate::config::word::Word;

fn reuse(args: &mut Args<'_>, proxy: &mut Proxy) {
    let choices = [
        ("never", Reuse::Never),
        ("safe", Reuse::Safe),
        ("aggressive", Reuse::Aggressive),
        ("always", Reuse::Always),
    ];
    let expected = "`never`, `safe`, `aggressive` or `always`";
    let Some(reuse) = args.one_of(expected, &choices) else { return args.skip() };
    set(args, proxy.span, &mut proxy.back.reuse, reuse);
}

fn name_header(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(name) = field_name(args, "a field's name") else { return args.skip() };
    surplus(args);
    let length = ["transfer-encoding", "content-length", "connection"];
    if length.iter().any(|field| name.value.eq_ignore_ascii_case(field)) {
        args.error(name.span, "this field belongs to the protocol itself")
            .label("Koi cannot write a server's name into it");
        return;
    }
    set(args, proxy.span, &mut proxy.back.name_header, name);
}

fn monitor_uri(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(uri) = text(args, "a path") else { return args.skip() };
    set(args, proxy.span, &mut proxy.front.monitor_uri, uri);
}

fn retries(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(retries) = args.number("a number of retries", 0..=i32::MAX as u32) else {
        return args.skip();
    };
    set(args, proxy.span, &mut proxy.back.retries, retries);
}

const FAILURES: &[&str] = &[
    "none",
    "conn-failure",
    "empty-response",
    "junk-response",
    "response-timeout",
    "0rtt-rejected",
    "all-retryable-errors",
];

/// The statuses that a request can be tried again for.
const RETRY_STATUSES: &[u16] = &[401, 403, 404, 408, 425, 429, 500, 501, 502, 503, 504];

fn retry_on(args: &mut Args<'_>, proxy: &mut Proxy) {
    let span = args.keyword_span();
    let Some(first) = args.word("what is tried again") else { return };
    if first.is_empty() {
        empty(args, first, "what is tried again");
        return args.skip();
    }
    let mut given = RetryOn::default();
    if &*first.text == "none" {
        if let Some(extra) = args.peek() {
            args.error(extra.span, "nothing may stand beside `none`").label("not expected here");
            return args.skip();
        }
    } else if failure(args, &mut given, first).is_none() {
        return args.skip();
    }
    while let Some(word) = args.take() {
        if failure(args, &mut given, word).is_none() {
            return args.skip();
        }
    }
    let given = crate::config::plan::Given { value: given, span };
    set(args, proxy.span, &mut proxy.back.retry_on, given);
}

fn failure(args: &mut Args<'_>, given: &mut RetryOn, word: &Word) -> Option<()> {
    match &*word.text {
        "conn-failure" => given.connect_failure = true,
        "empty-response" => given.empty_response = true,
        "junk-response" => given.junk_response = true,
        "response-timeout" => given.response_timeout = true,
        "0rtt-rejected" => given.early_data_rejected = true,
        "all-retryable-errors" => {
            given.connect_failure = true;
            given.empty_response = true;
            given.junk_response = true;
            given.response_timeout = true;
            given.early_data_rejected = true;
            given.statuses.extend([500, 502, 503, 504]);
        }
        text => {
            let status = value::count(text).ok().and_then(|status| u16::try_from(status).ok());
            let listed = |status: &u16| text.len() == 3 && RETRY_STATUSES.contains(status);
            let Some(status) = status.filter(listed) else {
                unknown_failure(args, word);
                return None;
            };
            given.statuses.push(status);
        }
    }
    Some(())
}

fn unknown_failure(args: &mut Args<'_>, word: &Word) {
    let near = did_you_mean(&nearest(word, FAILURES.iter().copied()));
    let statuses: Vec<String> = RETRY_STATUSES.iter().map(u16::to_string).collect();
    let message = format!("`{}` cannot be tried again", crate::config::args::shown(word));
    let fault = args.error(word.span, message);
    fault.label("expected a failure or a status");
    fault.help(near.unwrap_or_else(|| format!("there are: {}", FAILURES.join(", "))));
    fault.help(format!("and these statuses: {}", statuses.join(", ")));
}

fn keep_alive_queue(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(word) = args.word("a length") else { return };
    let (digits, negative) = match word.strip_prefix('-') {
        Some(_) => (word.cut(1..word.len()), true),
        None => (word.clone(), false),
    };
    let Some(length) = args.number_of(&digits, "a length of a queue", 0..=i32::MAX) else {
        return args.skip();
    };
    surplus(args);
    let value = if negative { -length.value } else { length.value };
    let length = crate::config::plan::Given { value, span: word.span };
    set(args, proxy.span, &mut proxy.back.keep_alive_queue, length);
}

fn session_servers(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(number) = args.number("a number of connections", 0..=i32::MAX as u32) else {
        return args.skip();
    };
    surplus(args);
    set(args, proxy.span, &mut proxy.front.session_servers, number);
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "http-reuse",
        BACKS,
        "{ never | safe | aggressive | always }",
        "Who may use an idle server connection that another client's request opened.",
        "http-reuse safe",
        reuse,
    ),
    row(
        "http-send-name-header",
        BACKS,
        "<name>",
        "Tells servers, in this field, by which name they stand in this file.",
        "http-send-name-header X-Server",
        name_header,
    ),
    row(
        "monitor-uri",
        FRONTS,
        "<path>",
        "Answers 200 for this path without asking a server; see `monitor fail`.",
        "monitor-uri /alive",
        monitor_uri,
    ),
    row(
        "retries",
        BACKS,
        "<number>",
        "How often a server is tried again after a failure.",
        "retries 3",
        retries,
    ),
    row(
        "retry-on",
        BACKS,
        "{ none | <failure or status>... }",
        "After what a request is sent again: conn-failure, empty-response, junk-response, response-timeout, 0rtt-rejected, all-retryable-errors, or statuses.",
        "retry-on conn-failure 503",
        retry_on,
    ),
    row(
        "max-keep-alive-queue",
        BACKS,
        "{ <length> | -1 }",
        "A client leaves its last server if more than so many requests wait there.",
        "max-keep-alive-queue 10",
        keep_alive_queue,
    ),
    row(
        "max-session-srv-conns",
        FRONTS,
        "<number>",
        "How many idle server connections a client connection keeps for itself.",
        "max-session-srv-conns 5",
        session_servers,
    ),
    refused(
        "use-fcgi-app",
        Sections::BACKS,
        "Koi does not speak FastCGI",
        "put a web server that speaks FastCGI behind Koi",
        "Sends requests to servers of FastCGI.",
        "use-fcgi-app php",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::{bad, bad_in, good};
    use super::*;

    #[test]
    fn settings_towards_servers() {
        let back = good(
            "http-reuse always\nhttp-send-name-header X-Server\nretries 0\n\
             max-keep-alive-queue -1\nretry-on conn-failure 503 404",
        )
        .back;
        assert_eq!(back.reuse.map(|reuse| reuse.value), Some(Reuse::Always));
        assert_eq!(back.retries.map(|retries| retries.value), Some(0));
        assert_eq!(back.keep_alive_queue.map(|length| length.value), Some(-1));
        let retry = back.retry_on.expect("given").value;
        assert!(retry.connect_failure && !retry.junk_response);
        assert_eq!(retry.statuses, [503, 404]);
        let none = good("retry-on none").back.retry_on.expect("given").value;
        assert_eq!(none, RetryOn::default());
    }

    #[test]
    fn faults_point_at_the_word() {
        assert_eq!(bad("http-reuse sometimes"), ["sometimes"]);
        assert_eq!(bad("http-reuse always x"), ["x"]);
        assert_eq!(bad("http-send-name-header A:B"), [":"]);
        assert_eq!(bad("http-send-name-header Content-Length"), ["Content-Length"]);
        assert_eq!(bad("retries many"), ["many"]);
        assert_eq!(bad("retries 3 4"), ["4"]);
        assert_eq!(bad("retry-on none 503"), ["503"]);
        assert_eq!(bad("retry-on 503 409"), ["409"]);
        assert_eq!(bad("retry-on"), [""]);
        assert_eq!(bad("max-keep-alive-queue -x"), ["x"]);
        assert_eq!(bad("monitor-uri"), [""]);
        assert_eq!(bad("monitor-uri /x y"), ["y"]);
        assert_eq!(bad("use-fcgi-app php"), ["use-fcgi-app"]);
        assert_eq!(bad_in("frontend f", "retry-on 503"), ["retry-on"]);
    }
}
