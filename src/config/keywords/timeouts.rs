//! `timeout ...` and the delays of `tcp-request` and `tcp-response`.
//!
//! Times without a unit are milliseconds. Zero means that nothing is waited for an end of
//! (HAProxy 3.0, configuration.txt §4.2).

use std::time::Duration;

use super::common::{BACKS, FRONTS, in_section, named, replaced, row, surplus};
use crate::config::advice;
use crate::config::args::Args;
use crate::config::keyword::Keyword;
use crate::config::plan::{Given, Proxy, Timeouts};
use crate::config::section::Sections;
use crate::config::value;

/// Reads a time into its place.
fn time(args: &mut Args<'_>, proxy: &mut Proxy, place: fn(&mut Timeouts) -> &mut Slot) {
    let Some(time) = args.time("a time") else {
        args.rest();
        return;
    };
    let header = proxy.span;
    let slot = place(&mut proxy.settings.timeouts);
    match *slot {
        Some(earlier) if in_section(header, earlier.span) => replaced(args, header, earlier.span),
        Some(earlier) if earlier.value != time.value => differs(args, &proxy.name, earlier, time),
        _ => {}
    }
    *slot = Some(time);
}

type Slot = Option<Given<Duration>>;

/// Says that a time is not the one of the `defaults`.
fn differs(args: &mut Args<'_>, proxy: &str, earlier: Given<Duration>, now: Given<Duration>) {
    let message = format!(
        "`{}` {} in `{} {proxy}` overrides the {} of `defaults`",
        args.keyword.name,
        value::time_words(now.value),
        args.section.word(),
        value::time_words(earlier.value),
    );
    let fault = args.report.advise(&advice::OVERRIDES, now.span, message);
    fault.label("this one holds here").also(earlier.span, "the inherited one");
}

fn request_inspect(args: &mut Args<'_>, proxy: &mut Proxy) {
    if named(args, proxy) {
        time(args, proxy, |all| &mut all.request_inspect);
        surplus(args);
    }
}

fn response_inspect(args: &mut Args<'_>, proxy: &mut Proxy) {
    if named(args, proxy) {
        time(args, proxy, |all| &mut all.response_inspect);
        surplus(args);
    }
}

macro_rules! timeout {
    ($name:literal $sections:expr, $field:ident, $about:literal, $example:literal) => {
        row($name, $sections, "<time>", $about, $example, |args, proxy| {
            time(args, proxy, |all| &mut all.$field)
        })
    };
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    timeout!(
        "timeout client" FRONTS, client,
        "How long a client may be silent, or take nothing, before its connection ends.",
        "timeout client 30s"
    ),
    timeout!(
        "timeout client-fin" FRONTS, client_fin,
        "The same once the client has closed its direction; `timeout client` if not said.",
        "timeout client-fin 5s"
    ),
    timeout!(
        "timeout client-hs" FRONTS, client_handshake,
        "How long the handshake of TLS and of the PROXY protocol may take; `timeout client` if not said.",
        "timeout client-hs 5s"
    ),
    timeout!(
        "timeout http-request" Sections::PROXIES, http_request,
        "How long a whole request head may take from its first byte.",
        "timeout http-request 10s"
    ),
    timeout!(
        "timeout http-keep-alive" Sections::PROXIES, http_keep_alive,
        "How long a connection waits for its next request; `timeout http-request` if not said.",
        "timeout http-keep-alive 5s"
    ),
    timeout!(
        "timeout tarpit" Sections::PROXIES, tarpit,
        "How long a tarpitted request hangs; `timeout connect` if not said.",
        "timeout tarpit 60s"
    ),
    timeout!(
        "timeout connect" BACKS, connect,
        "How long an attempt to connect to a server may take.",
        "timeout connect 5s"
    ),
    timeout!(
        "timeout queue" BACKS, queue,
        "How long a request waits for a free place at a server; `timeout connect` if not said.",
        "timeout queue 10s"
    ),
    timeout!(
        "timeout server" BACKS, server,
        "How long a server may be silent, or take nothing, before its connection ends.",
        "timeout server 30s"
    ),
    timeout!(
        "timeout server-fin" BACKS, server_fin,
        "The same once the server has closed its direction; `timeout server` if not said.",
        "timeout server-fin 5s"
    ),
    timeout!(
        "timeout tunnel" BACKS, tunnel,
        "How long a tunnel may be silent both ways; it takes the place of both other timeouts.",
        "timeout tunnel 1h"
    ),
    timeout!(
        "timeout check" BACKS, check,
        "How long a health check may wait for an answer once connected.",
        "timeout check 2s"
    ),
    row(
        "tcp-request inspect-delay",
        Sections::PROXIES,
        "<time>",
        "How long `tcp-request content` rules wait for the bytes that they look at.",
        "tcp-request inspect-delay 5s",
        request_inspect,
    ),
    row(
        "tcp-response inspect-delay",
        BACKS,
        "<time>",
        "How long `tcp-response content` rules wait for the bytes that they look at.",
        "tcp-response inspect-delay 5s",
        response_inspect,
    ),
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::common::testing::{advice_in, bad, bad_in, good};
    use crate::config::plan::Given;

    #[test]
    fn times_go_to_their_places() {
        let proxy = good("timeout client 5s\ntimeout connect 300\ntimeout tunnel 0");
        let times = proxy.settings.timeouts;
        let value = |given: Option<Given<Duration>>| given.map(|given| given.value);
        assert_eq!(value(times.client), Some(Duration::from_secs(5)));
        assert_eq!(value(times.connect), Some(Duration::from_millis(300)));
        assert_eq!(value(times.tunnel), Some(Duration::ZERO));
        assert_eq!(times.server, None);
    }

    #[test]
    fn faults_point_at_the_word() {
        assert_eq!(bad("timeout client 5x"), ["x"]);
        assert_eq!(bad("timeout client soon"), ["soon"]);
        assert_eq!(bad("timeout client 30d"), ["30d"]);
        assert_eq!(bad("timeout client 5s 6s"), ["6s"]);
        assert_eq!(bad("timeout client"), [""]);
        assert_eq!(bad("timeout clien 5s"), ["clien"]);
        assert_eq!(bad("timeout clitimeout 5s"), ["timeout clitimeout"]);
        assert_eq!(
            bad_in("defaults", "tcp-request inspect-delay 5s"),
            ["tcp-request inspect-delay"]
        );
        assert!(bad_in("defaults d", "tcp-request inspect-delay 5s").is_empty());
    }

    #[test]
    fn doubled_and_overridden_times_are_told() {
        assert_eq!(advice_in("listen l", "timeout client 1\ntimeout client 1"), ["duplicate"]);
        let inherited = "timeout client 1\nlisten l\ntimeout client 2";
        assert_eq!(advice_in("defaults", inherited), ["overrides"]);
        assert_eq!(advice_in("backend b", "timeout client 1"), ["other-side"]);
    }
}
