//! `option ...`, apart from those of logs, health checks and errors' files.
//!
//! Most are switches: `no` turns one off that a `defaults` turned on, `default` forgets what it said.

use core::net::{IpAddr, Ipv4Addr};

use super::common::{BACKS, FRONTS, field_name, here, keep, refused, replaced, row, set, surplus};
use super::common::{rule_of, word};
use crate::config::args::{Args, Negation, shown};
use crate::config::keyword::{Feature, Keyword, Parse, Prefix};
use crate::config::plan::{
    ConnectionMode, ForwardFor, Forwarded, ForwardedFrom, HeaderNames, Network, OriginalTo, Proxy,
    Redispatch, Switch,
};
use crate::config::section::Sections;
use crate::config::value;
use crate::config::word::Word;

/// Turns a switch on or off.
pub fn switch(args: &mut Args<'_>, slot: &mut Switch) {
    *slot = match args.negation {
        Negation::None => Some(here(args, true)),
        Negation::No => Some(here(args, false)),
    };
}

fn connection(args: &mut Args<'_>, proxy: &mut Proxy, mode: ConnectionMode) {
    let slot = &mut proxy.settings.options.connection;
    match args.negation {
        Negation::None => *slot = Some(here(args, mode)),
        Negation::No => *slot = slot.filter(|given| given.value != mode),
    }
}

/// Nothing is kept.
fn nothing(_: &mut Args<'_>) {}

fn header_names(args: &mut Args<'_>, proxy: &mut Proxy) {
    let choices = [
        ("preserve", HeaderNames::Preserve),
        ("delete", HeaderNames::Delete),
        ("reject", HeaderNames::Reject),
    ];
    if let Some(choice) = args.one_of("`preserve`, `delete` or `reject`", &choices) {
        let slot = &mut proxy.settings.options.header_names;
        set(args, proxy.span, slot, choice);
    }
}

/// `<address>[/<bits or mask>]`.
fn network(args: &mut Args<'_>) -> Option<Network> {
    let word = word(args, "a network")?;
    let (address, mask) = match word.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (&*word.text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        args.error(word.part(0..address.len()), format!("`{}` is not an address", shown(word)))
            .label("an address or network is expected, like 10.0.0.0/8");
        return None;
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match mask {
        None => Some(longest),
        Some(mask) => mask_length(mask, address).filter(|&bits| bits <= longest),
    };
    let Some(prefix) = prefix else {
        let at = word.find('/').map_or(0, |at| at + 1);
        args.error(word.part(at..word.len()), "this is no length of a network's prefix")
            .label(format!("from 0 to {longest} is possible"));
        return None;
    };
    Some(Network { address, prefix })
}

/// The length that a mask stands for, written as a number or (IPv4) as an address.
fn mask_length(mask: &str, address: IpAddr) -> Option<u8> {
    if let (Ok(mask), true) = (mask.parse::<Ipv4Addr>(), address.is_ipv4()) {
        let bits = u32::from(mask);
        let length = bits.leading_ones();
        return (bits.count_ones() == length).then_some(length as u8);
    }
    value::count(mask).ok()?.try_into().ok()
}

fn forward_for(args: &mut Args<'_>, proxy: &mut Proxy) {
    let mut given = ForwardFor::default();
    while let Some(word) = args.take() {
        match &*word.text {
            "except" => match network(args) {
                Some(network) => given.except = Some(network),
                None => return args.skip(),
            },
            "header" => match field_name(args, "a field's name") {
                Some(name) => given.header = Some(name.value),
                None => return args.skip(),
            },
            "if-none" => given.if_none = true,
            _ => {
                args.unknown(word, "an argument", ["except", "header", "if-none"]);
                return args.skip();
            }
        }
    }
    proxy.settings.options.forward_for = Some(here(args, given));
}

fn original_to(args: &mut Args<'_>, proxy: &mut Proxy) {
    let mut given = OriginalTo::default();
    while let Some(word) = args.take() {
        match &*word.text {
            "except" => match network(args) {
                Some(network) => given.except = Some(network),
                None => return args.skip(),
            },
            "header" => match field_name(args, "a field's name") {
                Some(name) => given.header = Some(name.value),
                None => return args.skip(),
            },
            _ => {
                args.unknown(word, "an argument", ["except", "header"]);
                return args.skip();
            }
        }
    }
    proxy.settings.options.original_to = Some(here(args, given));
}

const FORWARDED: &[&str] = &[
    "proto",
    "host",
    "host-expr",
    "by",
    "by-expr",
    "by_port",
    "by_port-expr",
    "for",
    "for-expr",
    "for_port",
    "for_port-expr",
];

/// RFC 7239. Each expression becomes a rule line of its own.
fn forwarded(args: &mut Args<'_>, proxy: &mut Proxy) {
    let mut given = Forwarded { off: args.negation == Negation::No, ..Forwarded::default() };
    if args.peek().is_none() {
        given.proto = true;
        given.forwarded_for = Some(ForwardedFrom::Connection);
    }
    while let Some(word) = args.take() {
        let Some(name) = FORWARDED.iter().find(|name| **name == &*word.text) else {
            args.unknown(word, "an argument", FORWARDED.iter().copied());
            return args.skip();
        };
        let Some(from) = forwarded_from(args, proxy, word) else { return args.skip() };
        let slot = match name.trim_end_matches("-expr") {
            "host" => &mut given.host,
            "by" => &mut given.by,
            "by_port" => &mut given.by_port,
            "for" => &mut given.forwarded_for,
            "for_port" => &mut given.for_port,
            _ => {
                given.proto = true;
                continue;
            }
        };
        *slot = Some(from);
    }
    proxy.settings.options.forwarded = Some(here(args, given));
}

/// Where the parameter that `word` names comes from.
fn forwarded_from(args: &mut Args<'_>, proxy: &mut Proxy, word: &Word) -> Option<ForwardedFrom> {
    if !word.ends_with("-expr") {
        return Some(ForwardedFrom::Connection);
    }
    let expression = args.word("an expression")?;
    let line = rule_of(args, &[word.clone(), expression.clone()]);
    Some(ForwardedFrom::Expression(keep(&mut proxy.rules.formats, line)))
}

/// `-1` is the retry before the last; without a number it is the last.
fn redispatch(args: &mut Args<'_>, proxy: &mut Proxy) {
    let value = match (args.negation, args.take()) {
        (Negation::No, _) => Redispatch::Off,
        (Negation::None, None) => Redispatch::BeforeLast(1),
        (Negation::None, Some(word)) => match interval(args, word) {
            Some(value) => value,
            None => return args.skip(),
        },
    };
    surplus(args);
    if let Some(earlier) = &proxy.settings.options.redispatch {
        replaced(args, proxy.span, earlier.span);
    }
    proxy.settings.options.redispatch = Some(here(args, value));
}

fn interval(args: &mut Args<'_>, word: &Word) -> Option<Redispatch> {
    match word.strip_prefix('-') {
        Some(_) => {
            let number = word.cut(1..word.len());
            let before = args.number_of(&number, "a number of retries", 1..=u32::MAX)?;
            Some(Redispatch::BeforeLast(before.value))
        }
        None => {
            let every = args.number_of(word, "a number of retries", 0..=u32::MAX)?.value;
            Some(if every == 0 { Redispatch::Off } else { Redispatch::Every(every) })
        }
    }
}

macro_rules! switch {
    ($name:literal $sections:expr, $field:ident, $about:literal) => {
        row($name, $sections, "", $about, $name, |args, proxy| {
            switch(args, &mut proxy.settings.options.$field)
        })
        .with(Prefix::No)
    };
}

/// A switch that changes nothing.
const fn idle(
    name: &'static str,
    sections: Sections,
    about: &'static str,
    why: &'static str,
) -> Keyword {
    Keyword {
        parse: Parse::Check(nothing),
        ..row(name, sections, "", about, name, |_, _| {}).without_effect(why).with(Prefix::No)
    }
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    switch!(
        "option abortonclose" BACKS, abort_on_close,
        "Drops a request that waits for a server once its client is gone."
    ),
    idle(
        "option accept-invalid-http-request",
        FRONTS,
        "In HAProxy: lets some requests pass that break the grammar of HTTP.",
        "Koi refuses such requests in any case, since others may read them differently",
    ),
    idle(
        "option accept-invalid-http-response",
        BACKS,
        "In HAProxy: lets some responses pass that break the grammar of HTTP.",
        "Koi refuses such responses in any case, since others may read them differently",
    ),
    switch!(
        "option allbackups" BACKS, all_backups,
        "Lets all backup servers share the load once no other server is up, not just the first."
    ),
    switch!(
        "option checkcache" BACKS, check_cache,
        "Refuses responses that a cache could keep although they set a cookie."
    ),
    switch!(
        "option clitcpka" FRONTS, client_keepalive,
        "Sends TCP keep-alive probes to clients."
    ),
    idle(
        "option contstats",
        FRONTS,
        "In HAProxy: counts bytes while they pass instead of at the end of a session.",
        "Koi counts bytes while they pass in any case",
    ),
    switch!(
        "option disable-h2-upgrade" FRONTS, disable_h2_upgrade,
        "Does not take a clear connection for HTTP/2 because it begins like one."
    )
    .later(Feature::Http2),
    row(
        "option forwardfor",
        Sections::PROXIES,
        "[except <network>] [header <name>] [if-none]",
        "Adds the client's address to requests in the field X-Forwarded-For.",
        "option forwardfor except 127.0.0.1 if-none",
        forward_for,
    ),
    row(
        "option forwarded",
        BACKS,
        "[proto] [host | host-expr <expr>] [by | by-expr <expr>] [by_port | by_port-expr <expr>] [for | for-expr <expr>] [for_port | for_port-expr <expr>]",
        "Adds the field Forwarded (RFC 7239) to requests; without words `proto for`.",
        "option forwarded proto for by",
        forwarded,
    )
    .with(Prefix::No),
    idle(
        "option h1-case-adjust-bogus-client",
        FRONTS,
        "In HAProxy: writes field names to HTTP/1 clients as `h1-case-adjust` lists them.",
        "Koi does not change the case of letters in field names",
    ),
    idle(
        "option h1-case-adjust-bogus-server",
        BACKS,
        "In HAProxy: writes field names to HTTP/1 servers as `h1-case-adjust` lists them.",
        "Koi does not change the case of letters in field names",
    ),
    switch!(
        "option http-buffer-request" Sections::PROXIES, buffer_request,
        "Runs rules once the body is there, or as much of it as fits into a buffer."
    )
    .later(Feature::Bodies),
    switch!(
        "option http-ignore-probes" FRONTS, ignore_probes,
        "Ends connections that brought no request without an answer and without a log line."
    ),
    row(
        "option http-keep-alive",
        Sections::PROXIES,
        "",
        "Keeps connections to clients and servers behind a response; this is the default.",
        "option http-keep-alive",
        |args, proxy| connection(args, proxy, ConnectionMode::KeepAlive),
    )
    .with(Prefix::No),
    idle(
        "option http-no-delay",
        Sections::PROXIES,
        "In HAProxy: sends every piece of a body at once instead of collecting.",
        "Koi sends every piece at once in any case",
    ),
    switch!(
        "option http-pretend-keepalive" BACKS, pretend_keepalive,
        "Does not tell servers that their connection will be closed."
    ),
    row(
        "option http-restrict-req-hdr-names",
        Sections::PROXIES,
        "{ preserve | delete | reject }",
        "What becomes of request fields whose names hold other characters than letters, digits and `-`.",
        "option http-restrict-req-hdr-names delete",
        header_names,
    ),
    row(
        "option http-server-close",
        Sections::PROXIES,
        "",
        "Closes the server's connection behind a response and keeps the client's.",
        "option http-server-close",
        |args, proxy| connection(args, proxy, ConnectionMode::ServerClose),
    )
    .with(Prefix::No),
    refused(
        "option http-use-proxy-header",
        FRONTS,
        "it changes who is asked for a password, and by which field; Koi is no proxy for clients",
        "leave it out: passwords are asked for by `WWW-Authenticate`",
        "In HAProxy: the fields of a clients' proxy (Proxy-Authorization, Proxy-Connection) hold.",
        "option http-use-proxy-header",
    )
    .with(Prefix::No),
    row(
        "option httpclose",
        Sections::PROXIES,
        "",
        "Closes both connections behind a response.",
        "option httpclose",
        |args, proxy| connection(args, proxy, ConnectionMode::Close),
    )
    .with(Prefix::No),
    switch!(
        "option idle-close-on-response" FRONTS, idle_close_on_response,
        "Lets an idle client send one more request while the process leaves."
    ),
    switch!(
        "option independent-streams" Sections::PROXIES, independent_streams,
        "Does not let bytes written count as a sign of life of the one who should send."
    )
    .later(Feature::OneWay),
    idle(
        "option nolinger",
        Sections::PROXIES,
        "In HAProxy: throws away what a closed connection has not sent yet.",
        "Koi closes connections in order and leaves the rest to the kernel",
    ),
    row(
        "option originalto",
        Sections::PROXIES,
        "[except <network>] [header <name>]",
        "Adds the address that the client connected to in the field X-Original-To.",
        "option originalto except 127.0.0.1",
        original_to,
    ),
    switch!(
        "option persist" BACKS, persist,
        "Sends a client with a cookie to its server even if that is down."
    ),
    switch!(
        "option prefer-last-server" BACKS, prefer_last_server,
        "Keeps the requests of one client connection at the server of the last one."
    )
    .later(Feature::LastServer),
    row(
        "option redispatch",
        BACKS,
        "[<interval>]",
        "Lets a retry go to another server: every <interval> retries, or with -n the n-th before the last.",
        "option redispatch 1",
        redispatch,
    )
    .with(Prefix::No),
    switch!(
        "option socket-stats" FRONTS, socket_stats,
        "Keeps statistics for each listening socket."
    ),
    switch!(
        "option splice-auto" Sections::PROXIES, splice_auto,
        "Lets the kernel pass large bodies on, in the clear, on Linux."
    ),
    switch!(
        "option splice-request" Sections::PROXIES, splice_request,
        "Lets the kernel pass the large bodies of requests on."
    ),
    switch!(
        "option splice-response" Sections::PROXIES, splice_response,
        "Lets the kernel pass the large bodies of responses on."
    ),
    switch!(
        "option srvtcpka" BACKS, server_keepalive,
        "Sends TCP keep-alive probes to servers."
    ),
    idle(
        "option tcp-smart-accept",
        FRONTS,
        "In HAProxy: delays the acknowledgement of a client's first bytes.",
        "a hint for saving a packet that Koi does not use",
    ),
    idle(
        "option tcp-smart-connect",
        BACKS,
        "In HAProxy: sends the acknowledgement of a connection with the first bytes.",
        "a hint for saving a packet that Koi does not use",
    ),
    row(
        "option tcpka",
        Sections::PROXIES,
        "",
        "Sends TCP keep-alive probes to clients and servers.",
        "option tcpka",
        |args, proxy| {
            switch(args, &mut proxy.settings.options.client_keepalive);
            switch(args, &mut proxy.settings.options.server_keepalive);
        },
    ),
    refused(
        "option transparent",
        BACKS,
        "it connects to whatever address the client asked the network for",
        "name the servers with `server`",
        "Connects to the address that the client asked for.",
        "option transparent",
    )
    .with(Prefix::No),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::{advice_in, bad, bad_in, good, good_in};
    use super::*;
    use crate::config::plan::is_on;

    #[test]
    fn switches_turn_on_and_off() {
        let text = "option clitcpka\noption abortonclose\nlisten l\nno option clitcpka\n\
                    option persist";
        let options = good_in("defaults", text);
        // `good_in` gives the last thing: the defaults.
        assert!(is_on(options.settings.options.client_keepalive));
        let proxy = good("option clitcpka\nno option clitcpka\noption allbackups");
        assert_eq!(proxy.settings.options.client_keepalive.map(|on| on.value), Some(false));
        assert!(is_on(proxy.settings.options.all_backups));
        assert_eq!(bad("default option clitcpka"), ["default"]);
    }

    #[test]
    fn the_last_connection_mode_holds() {
        let mode = |lines| good(lines).settings.options.connection.map(|mode| mode.value);
        assert_eq!(
            mode("option httpclose\noption http-keep-alive"),
            Some(ConnectionMode::KeepAlive)
        );
        assert_eq!(
            mode("option http-server-close\nno option httpclose"),
            Some(ConnectionMode::ServerClose)
        );
        assert_eq!(mode("option httpclose\nno option httpclose"), None);
    }

    #[test]
    fn forwardfor() {
        let line = "option forwardfor except 10.0.0.0/255.0.0.0 header X-Client if-none";
        let given = good(line).settings.options.forward_for.expect("given").value;
        let network = Network { address: IpAddr::from([10, 0, 0, 0]), prefix: 8 };
        assert_eq!(given.except, Some(network));
        assert_eq!(given.header.as_deref(), Some("X-Client"));
        assert!(given.if_none);
        assert_eq!(bad("option forwardfor except 10.0.0.0/33"), ["33"]);
        assert_eq!(bad("option forwardfor except ten/8"), ["ten"]);
        assert_eq!(bad("option forwardfor header X@Y"), ["@"]);
        assert_eq!(bad("option forwardfor if-non"), ["if-non"]);
        assert_eq!(bad("option forwardfor header"), [""]);
        assert_eq!(bad("no option forwardfor"), ["no"]);
        assert_eq!(bad("option originalto if-none"), ["if-none"]);
    }

    #[test]
    fn forwarded_keeps_its_expressions() {
        let proxy = good("option forwarded proto for-expr src host");
        let given = proxy.settings.options.forwarded.expect("given").value;
        assert!(given.proto);
        assert_eq!(given.forwarded_for, Some(ForwardedFrom::Expression(0)));
        assert_eq!(given.host, Some(ForwardedFrom::Connection));
        assert_eq!(&*proxy.rules.formats[0].words[1].text, "src");
        assert_eq!(bad("option forwarded foo"), ["foo"]);
        assert_eq!(bad("default option forwarded"), ["default"]);
    }

    #[test]
    fn redispatch_counts_from_either_end() {
        let every = |line| good(line).settings.options.redispatch.map(|given| given.value);
        assert_eq!(every("option redispatch"), Some(Redispatch::BeforeLast(1)));
        assert_eq!(every("option redispatch 3"), Some(Redispatch::Every(3)));
        assert_eq!(every("option redispatch -2"), Some(Redispatch::BeforeLast(2)));
        assert_eq!(every("no option redispatch"), Some(Redispatch::Off));
        assert_eq!(bad("option redispatch often"), ["often"]);
        assert_eq!(advice_in("backend b", "option redispatch 1 2"), ["extra-words"]);
    }

    #[test]
    fn words_and_sides() {
        assert_eq!(bad("option abortonclose x"), ["x"]);
        assert_eq!(bad("option abortonclos"), ["abortonclos"]);
        assert_eq!(bad("option"), [""]);
        assert_eq!(bad("option transparent"), ["option transparent"]);
        assert_eq!(bad("option http-restrict-req-hdr-names remove"), ["remove"]);
        assert_eq!(advice_in("frontend f", "option abortonclose"), ["other-side"]);
        assert_eq!(bad_in("frontend f", "option abortonclose x"), ["x"]);
        assert_eq!(advice_in("listen l", "option nolinger"), ["no-effect"]);
    }
}
