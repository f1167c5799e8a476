//! `balance`, `hash-type`, `hash-balance-factor`.

use super::common::{
    BACKS, empty, here, keep, refused, replaced, row, rule_of, set, surplus, text, word,
};
use crate::config::args::{Args, shown};
use crate::config::keyword::{Feature, Keyword};
use crate::config::plan::{Balance, HashFunction, HashMethod, HashType, Proxy};
use crate::config::section::Sections;
use crate::config::value;
use crate::config::word::Word;

const ALGORITHMS: &[&str] = &[
    "roundrobin",
    "static-rr",
    "leastconn",
    "first",
    "random",
    "source",
    "uri",
    "url_param",
    "hdr(<name>)",
    "hash",
    "rdp-cookie(<name>)",
    "log-hash",
    "sticky",
];

fn balance(args: &mut Args<'_>, proxy: &mut Proxy) {
    let algorithm = match args.take() {
        Some(word) if !word.is_empty() => algorithm(args, proxy, word),
        // HAProxy takes `balance` alone for the default.
        _ => Some(Balance::RoundRobin),
    };
    let Some(algorithm) = algorithm else { return args.skip() };
    surplus(args);
    if looks_into_bytes(&algorithm) {
        args.later(Feature::Bodies, args.keyword_span());
    }
    if let Some(earlier) = &proxy.back.balance {
        replaced(args, proxy.span, earlier.span);
    }
    proxy.back.balance = Some(here(args, algorithm));
}

/// Whether it chooses by what this build does not look at: without it, requests take turns.
fn looks_into_bytes(algorithm: &Balance) -> bool {
    matches!(algorithm, Balance::UrlParam { check_post: true, .. } | Balance::RdpCookie { .. })
}

fn algorithm(args: &mut Args<'_>, proxy: &mut Proxy, word: &Word) -> Option<Balance> {
    let (name, argument) = match word.find('(') {
        Some(at) => (&word[..at], Some(at + 1)),
        None => (&*word.text, None),
    };
    Some(match (name, argument) {
        ("roundrobin", None) => Balance::RoundRobin,
        ("static-rr", None) => Balance::StaticRoundRobin,
        ("leastconn", None) => Balance::LeastConnections,
        ("first", None) => Balance::First,
        ("source", None) => Balance::Source,
        ("sticky", None) => Balance::Sticky,
        ("random", None) => Balance::Random { draws: 2 },
        ("random", Some(at)) => Balance::Random { draws: draws(args, word, at)? },
        ("uri", None) => uri(args)?,
        ("url_param", None) => url_param(args)?,
        ("hdr", Some(at)) => header(args, word, at)?,
        ("rdp-cookie", None) => Balance::RdpCookie { name: "mstshash".into() },
        ("rdp-cookie", Some(at)) => {
            Balance::RdpCookie { name: argument_of(args, word, at, "a cookie's name")?.text }
        }
        ("hash", None) => expression(args, proxy, word, "an expression", Balance::Hash)?,
        ("log-hash", None) => expression(args, proxy, word, "converters", Balance::LogHash)?,
        _ => {
            args.unknown(word, "an algorithm", ALGORITHMS.iter().copied());
            return None;
        }
    })
}

/// The text between the parentheses that open before byte `at` of `word`.
fn argument_of(args: &mut Args<'_>, word: &Word, at: usize, expected: &str) -> Option<Word> {
    let Some(length) = word[at..].find(')') else {
        args.error(word.part(at - 1..at), "this parenthesis is not closed");
        return None;
    };
    let argument = word.cut(at..at + length);
    if argument.is_empty() {
        args.error(word.part(at - 1..at + 1), format!("{expected} is missing in the parentheses"));
        return None;
    }
    behind(args, word, at + length + 1)?;
    Some(argument)
}

/// Whether nothing follows the parentheses.
fn behind(args: &mut Args<'_>, word: &Word, at: usize) -> Option<()> {
    if at < word.len() {
        args.error(word.part(at..word.len()), "nothing may follow the parenthesis");
        return None;
    }
    Some(())
}

/// `random()` is as `random`.
fn draws(args: &mut Args<'_>, word: &Word, at: usize) -> Option<u32> {
    if &word[at..] == ")" {
        return Some(2);
    }
    let number = argument_of(args, word, at, "a number")?;
    Some(args.number_of(&number, "a number of draws", 1..=u32::MAX)?.value)
}

fn uri(args: &mut Args<'_>) -> Option<Balance> {
    let (mut whole, mut path_only, mut length, mut depth) = (false, false, None, None);
    while let Some(word) = args.take() {
        match &*word.text {
            "whole" => whole = true,
            "path-only" => path_only = true,
            "len" => length = Some(args.number("a number of characters", 1..=u32::MAX)?.value),
            "depth" => depth = Some(args.number("a number of folders", 1..=u32::MAX)?.value),
            _ => {
                let all = ["whole", "path-only", "len", "depth"];
                args.unknown(word, "an argument", all);
                return None;
            }
        }
    }
    Some(Balance::Uri { whole, path_only, length, depth })
}

fn url_param(args: &mut Args<'_>) -> Option<Balance> {
    let name = text(args, "a parameter's name")?.value;
    let check_post = args.flag("check_post");
    // An old limit may follow, which HAProxy ignores.
    let limit = args.peek().is_some_and(|word| value::count(word).is_ok());
    if let (Some(word), false) = (args.peek(), check_post && limit) {
        args.unknown(word, "an argument", ["check_post"]);
        return None;
    }
    Some(Balance::UrlParam { name, check_post })
}

fn header(args: &mut Args<'_>, word: &Word, at: usize) -> Option<Balance> {
    let name = argument_of(args, word, at, "a field's name")?.text;
    let domain_only = args.flag("use_domain_only");
    if let (Some(word), false) = (args.peek(), domain_only) {
        args.unknown(word, "an argument", ["use_domain_only"]);
        return None;
    }
    Some(Balance::Header { name, domain_only })
}

/// An expression, which is left for the compiler, behind the algorithm's name.
fn expression(
    args: &mut Args<'_>,
    proxy: &mut Proxy,
    name: &Word,
    expected: &str,
    balance: Balance,
) -> Option<Balance> {
    let expression = word(args, expected)?;
    if let Some(extra) = args.peek() {
        let message = format!("unexpected `{}` behind the expression", shown(extra));
        args.error(extra.span, message).help("an expression is one word: no spaces");
        return None;
    }
    let line = rule_of(args, &[name.clone(), expression.clone()]);
    keep(&mut proxy.rules.formats, line);
    Some(balance)
}

const METHODS: &[(&str, HashMethod)] =
    &[("map-based", HashMethod::MapBased), ("consistent", HashMethod::Consistent)];

const FUNCTIONS: &[(&str, HashFunction)] = &[
    ("sdbm", HashFunction::Sdbm),
    ("djb2", HashFunction::Djb2),
    ("wt6", HashFunction::Wt6),
    ("crc32", HashFunction::Crc32),
    ("none", HashFunction::None),
];

fn hash_type(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(method) = args.one_of("`map-based` or `consistent`", METHODS) else {
        return args.skip();
    };
    let mut given = HashType { method: method.value, function: None, avalanche: false };
    if args.peek().is_some() {
        let Some(function) = args.one_of("a hash function", FUNCTIONS) else {
            return args.skip();
        };
        given.function = Some(function.value);
    }
    if let Some(word) = args.take() {
        if &*word.text != "avalanche" {
            args.unknown(word, "a modifier", ["avalanche"]);
            return args.skip();
        }
        given.avalanche = true;
    }
    surplus(args);
    let given = here(args, given);
    set(args, proxy.span, &mut proxy.back.hash_type, given);
}

fn balance_factor(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(word) = args.word("a percentage") else { return };
    if word.is_empty() {
        return empty(args, word, "a percentage");
    }
    let Some(factor) = args.number_of(word, "a percentage", 0..=u32::MAX) else {
        return args.skip();
    };
    if (1..=100).contains(&factor.value) {
        args.error(factor.span, "a server cannot have less than the mean load")
            .label("0 (no limit) or more than 100 (per cent) is possible");
        return args.skip();
    }
    surplus(args);
    set(args, proxy.span, &mut proxy.back.hash_balance_factor, factor);
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "balance",
        BACKS,
        "<algorithm> [<arguments>]",
        "How a server is chosen: roundrobin, static-rr, leastconn, first, random, source, uri, url_param, hdr(), hash, rdp-cookie().",
        "balance leastconn",
        balance,
    ),
    row(
        "hash-type",
        BACKS,
        "{ map-based | consistent } [<function> [avalanche]]",
        "How a hash leads to a server, and how it is made: sdbm, djb2, wt6, crc32, none.",
        "hash-type consistent sdbm avalanche",
        hash_type,
    ),
    row(
        "hash-balance-factor",
        BACKS,
        "<percentage>",
        "The most that a server of a consistent hash may have, in per cent of the mean load.",
        "hash-balance-factor 150",
        balance_factor,
    ),
    refused(
        "dispatch",
        Sections::BACKS,
        "a proxy without servers would have no health checks, limits or statistics",
        "write `server NAME ADDRESS:PORT`",
        "Sends every request to one address.",
        "dispatch 192.0.2.1:80",
    ),
    refused(
        "transparent",
        BACKS,
        "it connects to whatever address the client asked the network for",
        "name the servers with `server`",
        "Connects to the address that the client asked for.",
        "transparent",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::{advice_in, bad, bad_in, good, missing};
    use super::*;

    fn given(line: &str) -> Balance {
        good(line).back.balance.expect("given").value
    }

    #[test]
    fn algorithms_and_their_arguments() {
        assert_eq!(given("balance leastconn"), Balance::LeastConnections);
        assert_eq!(given("balance random(3)"), Balance::Random { draws: 3 });
        assert_eq!(given("balance"), Balance::RoundRobin);
        let uri = Balance::Uri { whole: true, path_only: false, length: Some(5), depth: Some(3) };
        assert_eq!(given("balance uri len 5 depth 3 whole"), uri);
        let header = Balance::Header { name: "Host".into(), domain_only: true };
        assert_eq!(given("balance hdr(Host) use_domain_only"), header);
        let param = Balance::UrlParam { name: "id".into(), check_post: true };
        assert_eq!(given("balance url_param id check_post 100"), param);
        assert_eq!(given("balance rdp-cookie"), Balance::RdpCookie { name: "mstshash".into() });
        let proxy = good("balance hash src,ipmask(24)");
        assert_eq!(&*proxy.rules.formats[0].words[1].text, "src,ipmask(24)");
    }

    #[test]
    fn what_chooses_nothing_yet_says_so() {
        for line in ["balance url_param id check_post", "balance rdp-cookie"] {
            assert_eq!(missing(line), ["Bodies"], "{line}");
        }
        let lines = [
            "balance uri",
            "balance url_param id",
            "balance hdr(host)",
            "balance hash src",
            "hash-type consistent djb2 avalanche",
            "hash-balance-factor 150",
        ];
        for line in lines {
            assert_eq!(missing(line), [""; 0], "{line}");
        }
    }

    #[test]
    fn faults_point_at_the_piece() {
        assert_eq!(bad("balance leastcon"), ["leastcon"]);
        assert_eq!(bad("balance random(0)"), ["0"]);
        assert_eq!(bad("balance random(x)"), ["x"]);
        assert_eq!(bad("balance random(2"), ["("]);
        assert_eq!(bad("balance hdr()"), ["()"]);
        assert_eq!(bad("balance hdr(Host) use_domain"), ["use_domain"]);
        assert_eq!(bad("balance uri len 0"), ["0"]);
        assert_eq!(bad("balance uri len"), [""]);
        assert_eq!(bad("balance url_param"), [""]);
        assert_eq!(bad("balance url_param x foo"), ["foo"]);
        assert_eq!(bad("balance hash"), [""]);
        assert_eq!(bad("balance hash src foo"), ["foo"]);
        assert_eq!(bad_in("frontend f", "balance foo"), ["foo"]);
        assert_eq!(advice_in("listen l", "balance roundrobin x"), ["extra-words"]);
    }

    #[test]
    fn hashes() {
        let hash = good("hash-type map-based sdbm avalanche").back.hash_type.expect("given");
        assert_eq!(hash.method, HashMethod::MapBased);
        assert_eq!(hash.function, Some(HashFunction::Sdbm));
        assert!(hash.avalanche);
        assert_eq!(bad("hash-type consistent avalanche"), ["avalanche"]);
        assert_eq!(bad("hash-type consistent sdbm foo"), ["foo"]);
        assert_eq!(bad("hash-type modulo"), ["modulo"]);
        assert_eq!(bad("hash-balance-factor 50"), ["50"]);
        assert_eq!(bad("hash-balance-factor 1.5"), [".5"]);
        assert_eq!(bad("dispatch 192.0.2.1:80"), ["dispatch"]);
    }
}
