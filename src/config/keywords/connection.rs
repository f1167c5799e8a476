//! How many connections, how fast, from where, and how their life is probed.

use core::net::{IpAddr, Ipv6Addr};

use super::common::{BACKS, FRONTS, here, replaced, row, set, surplus, word};
use crate::config::args::{Args, shown};
use crate::config::keyword::Keyword;
use crate::config::plan::{KeepaliveProbes, Proxy, SourceAddress};
use crate::config::word::Word;

fn max_connections(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(number) = args.number("a number of connections", 0..=i32::MAX as u32) else {
        return args.skip();
    };
    set(args, proxy.span, &mut proxy.front.max_connections, number);
}

fn backlog(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(number) = args.number("a number of connections", 0..=i32::MAX as u32) else {
        return args.skip();
    };
    set(args, proxy.span, &mut proxy.front.backlog, number);
}

fn full_load(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(number) = args.number("a number of connections", 0..=i32::MAX as u32) else {
        return args.skip();
    };
    set(args, proxy.span, &mut proxy.back.full_load, number);
}

fn session_rate(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(number) = args.number("a number of sessions a second", 0..=i32::MAX as u32) else {
        return args.skip();
    };
    surplus(args);
    set(args, proxy.span, &mut proxy.front.session_rate, number);
}

fn probe_count(args: &mut Args<'_>, proxy: &mut Proxy, probes: Probes) {
    let Some(number) = args.number("a number of probes", 0..=i32::MAX as u32) else {
        return args.skip();
    };
    surplus(args);
    let header = proxy.span;
    set(args, header, &mut probes(proxy).count, number);
}

fn probe_idle(args: &mut Args<'_>, proxy: &mut Proxy, probes: Probes) {
    let Some(time) = args.long_seconds("a time") else { return args.skip() };
    surplus(args);
    let header = proxy.span;
    set(args, header, &mut probes(proxy).idle, time);
}

fn probe_interval(args: &mut Args<'_>, proxy: &mut Proxy, probes: Probes) {
    let Some(time) = args.long_seconds("a time") else { return args.skip() };
    surplus(args);
    let header = proxy.span;
    set(args, header, &mut probes(proxy).interval, time);
}

type Probes = fn(&mut Proxy) -> &mut KeepaliveProbes;

fn clients(proxy: &mut Proxy) -> &mut KeepaliveProbes {
    &mut proxy.front.keepalive
}

fn servers(proxy: &mut Proxy) -> &mut KeepaliveProbes {
    &mut proxy.back.keepalive
}

fn source(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(word) = word(args, "an address") else { return args.skip() };
    let Some((address, port)) = address(args, word) else { return args.skip() };
    let mut interface = None;
    while let Some(word) = args.take() {
        match &*word.text {
            "interface" => match super::common::text(args, "an interface's name") {
                Some(name) => interface = Some(name.value),
                None => return args.skip(),
            },
            "usesrc" => {
                args.error(word.span, "Koi does not connect to servers with others' addresses")
                    .label("refused")
                    .help("tell servers the client's address by `option forwardfor` or `send-proxy-v2`");
                return args.skip();
            }
            _ => {
                args.unknown(word, "an argument", ["interface", "usesrc"]);
                return args.skip();
            }
        }
    }
    if let Some(earlier) = &proxy.back.source {
        replaced(args, proxy.span, earlier.span);
    }
    proxy.back.source = Some(here(args, SourceAddress { address, port, interface }));
}

/// `address[:port]`: without brackets, what stands behind the last colon is the port, in IPv6 too.
pub fn address(args: &mut Args<'_>, word: &Word) -> Option<(Option<IpAddr>, u16)> {
    let start = ["ipv4@", "ipv6@"].iter().find(|family| word.starts_with(**family));
    let start = start.map_or(0, |family| family.len());
    let colon = match word.rfind(']') {
        Some(bracket) => word[bracket..].find(':').map(|at| bracket + at),
        None => word.rfind(':'),
    };
    let end = colon.unwrap_or(word.len()).max(start);
    let host = word[start..end].trim_start_matches('[').trim_end_matches(']');
    let address = match host {
        "" | "*" => None,
        host => match host.parse::<IpAddr>() {
            Ok(address) if of_family(word, address) => Some(address),
            _ => {
                not_an_address(args, word, start..end);
                return None;
            }
        },
    };
    let port = match colon {
        Some(colon) if colon + 1 < word.len() => {
            args.number_of(&word.cut(colon + 1..word.len()), "a port", 0..=u16::MAX)?.value
        }
        _ => 0,
    };
    Some((address, port))
}

/// Whether an address is of the family that `ipv4@` or `ipv6@` before it asks for.
fn of_family(word: &Word, address: IpAddr) -> bool {
    !(word.starts_with("ipv4@") && address.is_ipv6()
        || word.starts_with("ipv6@") && address.is_ipv4())
}

fn not_an_address(args: &mut Args<'_>, word: &Word, range: std::ops::Range<usize>) {
    let unbracketed = word.trim_start_matches("ipv6@").parse::<Ipv6Addr>();
    let span = if unbracketed.is_ok() { word.span } else { word.part(range) };
    let fault = args.error(span, format!("`{}` is not an address", shown(word)));
    fault.label("expected an IPv4 or IPv6 address of this machine");
    if let Ok(address) = unbracketed {
        fault.help(format!("what follows the last colon is a port: write `[{address}]`"));
    }
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "maxconn",
        FRONTS,
        "<number>",
        "How many client connections there may be at the same time; others wait in the kernel. Zero: as many as the process can hold.",
        "maxconn 1000",
        max_connections,
    ),
    row(
        "backlog",
        FRONTS,
        "<number>",
        "How many connections the kernel keeps until they are accepted.",
        "backlog 1024",
        backlog,
    ),
    row(
        "fullconn",
        BACKS,
        "<number>",
        "How many connections are the full load, at which servers get their `maxconn` instead of `minconn`.",
        "fullconn 1000",
        full_load,
    ),
    row(
        "rate-limit sessions",
        FRONTS,
        "<number>",
        "How many new sessions a second are accepted; others wait.",
        "rate-limit sessions 100",
        session_rate,
    ),
    row(
        "clitcpka-cnt",
        FRONTS,
        "<number>",
        "After how many unanswered TCP probes a client's connection ends.",
        "clitcpka-cnt 3",
        |args, proxy| probe_count(args, proxy, clients),
    ),
    row(
        "clitcpka-idle",
        FRONTS,
        "<time>",
        "After how long without a byte a client is probed, in seconds or with a unit.",
        "clitcpka-idle 60s",
        |args, proxy| probe_idle(args, proxy, clients),
    ),
    row(
        "clitcpka-intvl",
        FRONTS,
        "<time>",
        "The time between two TCP probes of a client, in seconds or with a unit.",
        "clitcpka-intvl 10s",
        |args, proxy| probe_interval(args, proxy, clients),
    ),
    row(
        "srvtcpka-cnt",
        BACKS,
        "<number>",
        "After how many unanswered TCP probes a server's connection ends.",
        "srvtcpka-cnt 3",
        |args, proxy| probe_count(args, proxy, servers),
    ),
    row(
        "srvtcpka-idle",
        BACKS,
        "<time>",
        "After how long without a byte a server is probed, in seconds or with a unit.",
        "srvtcpka-idle 60s",
        |args, proxy| probe_idle(args, proxy, servers),
    ),
    row(
        "srvtcpka-intvl",
        BACKS,
        "<time>",
        "The time between two TCP probes of a server, in seconds or with a unit.",
        "srvtcpka-intvl 10s",
        |args, proxy| probe_interval(args, proxy, servers),
    ),
    row(
        "source",
        BACKS,
        "<address>[:<port>] [interface <name>]",
        "Which address connections to servers come from.",
        "source 192.0.2.1",
        source,
    ),
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::common::testing::{advice_in, bad, good};

    #[test]
    fn numbers_and_probes() {
        let proxy = good(
            "maxconn 0\nbacklog 5\nfullconn 9\nrate-limit sessions 7\nclitcpka-idle 30d\n\
             srvtcpka-cnt 4\nsrvtcpka-intvl 5",
        );
        assert_eq!(proxy.front.max_connections.map(|number| number.value), Some(0));
        assert_eq!(proxy.front.session_rate.map(|number| number.value), Some(7));
        let idle = proxy.front.keepalive.idle.map(|time| time.value);
        assert_eq!(idle, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(proxy.back.keepalive.count.map(|number| number.value), Some(4));
        let interval = proxy.back.keepalive.interval.map(|time| time.value);
        assert_eq!(interval, Some(Duration::from_secs(5)));
    }

    #[test]
    fn source_addresses() {
        let of = |line: &str| {
            let source = good(line).back.source.expect("given").value;
            (source.address.map(|address| address.to_string()), source.port)
        };
        assert_eq!(of("source 192.0.2.1"), (Some("192.0.2.1".to_owned()), 0));
        assert_eq!(of("source 192.0.2.1:80"), (Some("192.0.2.1".to_owned()), 80));
        assert_eq!(of("source [::1]:80"), (Some("::1".to_owned()), 80));
        assert_eq!(of("source ipv6@[::1]"), (Some("::1".to_owned()), 0));
        assert_eq!(of("source :80"), (None, 80));
        let lines = "source 0.0.0.0 interface em0";
        assert_eq!(good(lines).back.source.expect("given").value.interface.as_deref(), Some("em0"));
    }

    #[test]
    fn faults_point_at_the_piece() {
        assert_eq!(bad("maxconn 1k"), ["k"]);
        assert_eq!(bad("maxconn -1"), ["-1"]);
        assert_eq!(bad("maxconn"), [""]);
        assert_eq!(bad("maxconn 1 2"), ["2"]);
        assert_eq!(bad("rate-limit sessions 10k"), ["k"]);
        assert_eq!(bad("rate-limit session 10"), ["session"]);
        assert_eq!(bad("clitcpka-cnt few"), ["few"]);
        assert_eq!(bad("source here"), ["here"]);
        assert_eq!(bad("source ::1"), ["::1"]);
        assert_eq!(bad("source 192.0.2.1:80-90"), ["-90"]);
        assert_eq!(bad("source 192.0.2.1 usesrc client"), ["usesrc"]);
        assert_eq!(bad("source 192.0.2.1 interface"), [""]);
        assert_eq!(bad("source 192.0.2.1 iface em0"), ["iface"]);
        assert_eq!(advice_in("listen l", "clitcpka-cnt 1 2"), ["extra-words"]);
        assert_eq!(advice_in("backend b", "maxconn 5"), ["other-side"]);
    }
}
