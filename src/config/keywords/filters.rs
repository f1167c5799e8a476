//! `compression ...` and `filter ...`.

use super::common::{SERVING, keep, row, rule_of, set, surplus, text, word};
use crate::config::advice;
use crate::config::args::Args;
use crate::config::keyword::{Feature, Keyword};
use crate::config::plan::{
    BandwidthLimit, BandwidthScope, CompressionAlgorithm, Filter, Given, Messages, Proxy,
};
use crate::config::section::{Section, Sections};
use crate::config::word::Word;

const ALGORITHMS: &[(&str, CompressionAlgorithm)] = &[
    ("identity", CompressionAlgorithm::Identity),
    ("gzip", CompressionAlgorithm::Gzip),
    ("deflate", CompressionAlgorithm::Deflate),
    ("raw-deflate", CompressionAlgorithm::RawDeflate),
];

fn algorithms(args: &mut Args<'_>, proxy: &mut Proxy) {
    loop {
        let Some(algorithm) = args.one_of("an algorithm", ALGORITHMS) else {
            return args.skip();
        };
        proxy.settings.compression.algorithms.push(algorithm);
        if args.peek().is_none() {
            return;
        }
    }
}

fn request_algorithm(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(algorithm) = args.one_of("an algorithm", ALGORITHMS) else {
        return args.skip();
    };
    surplus(args);
    set(args, proxy.span, &mut proxy.settings.compression.request_algorithm, algorithm);
}

fn types(args: &mut Args<'_>, types: &mut Vec<Given<Box<str>>>) {
    loop {
        let Some(kind) = text(args, "a media type") else { return args.skip() };
        types.push(kind);
        if args.peek().is_none() {
            return;
        }
    }
}

fn offload(args: &mut Args<'_>, proxy: &mut Proxy) {
    surplus(args);
    if proxy.section == Section::Defaults {
        let span = args.keyword_span();
        let message = "`compression offload` does nothing in `defaults`";
        args.report
            .advise(&advice::NO_EFFECT, span, message)
            .help("write it in the proxies themselves");
        return;
    }
    proxy.settings.compression.offload = true;
}

fn direction(args: &mut Args<'_>, proxy: &mut Proxy) {
    let choices = [
        ("request", Messages::Request),
        ("response", Messages::Response),
        ("both", Messages::Both),
    ];
    let Some(direction) = args.one_of("`request`, `response` or `both`", &choices) else {
        return args.skip();
    };
    surplus(args);
    set(args, proxy.span, &mut proxy.settings.compression.direction, direction);
}

const FILTERS: &[&str] = &["bwlim-in", "bwlim-out", "cache", "compression"];

fn filter(args: &mut Args<'_>, proxy: &mut Proxy) {
    let Some(name) = word(args, "a filter's name") else { return args.skip() };
    let span = args.keyword_span().to(name.span);
    let filter = match &*name.text {
        "compression" => {
            args.later(Feature::Compression, span);
            Some(Filter::Compression { span: args.line.span })
        }
        "cache" => {
            args.later(Feature::Cache, span);
            text(args, "the name of a `cache` section").map(|name| Filter::Cache { name })
        }
        "bwlim-in" | "bwlim-out" => {
            args.later(Feature::Bandwidth, span);
            let incoming = &*name.text == "bwlim-in";
            let direction = if incoming { Messages::Request } else { Messages::Response };
            bandwidth(args, proxy, direction).map(Filter::Bandwidth)
        }
        "trace" => return trace(args),
        "spoe" | "opentracing" | "fcgi-app" => {
            args.rest();
            args.error(span, format!("`filter {}` is not possible", name.text))
                .label("Koi does not have this filter")
                .help(instead(name));
            return;
        }
        _ => {
            args.unknown(name, "a filter", FILTERS.iter().copied());
            None
        }
    };
    let compression = |filter: &Filter| matches!(filter, Filter::Compression { .. });
    if filter.as_ref().is_some_and(compression) && proxy.settings.filters.iter().any(compression) {
        args.error(span, "a proxy has one compression filter").label("a second one");
        return;
    }
    match filter {
        Some(filter) => proxy.settings.filters.push(filter),
        None => args.skip(),
    }
}

fn instead(name: &Word) -> &'static str {
    match &*name.text {
        "spoe" => "Koi asks no other program about requests; decide by rules",
        "fcgi-app" => "put a web server that speaks FastCGI behind Koi",
        _ => "Koi sends no traces; the log can carry identifiers: `unique-id-format`",
    }
}

/// For debugging HAProxy itself.
fn trace(args: &mut Args<'_>) {
    let options = ["name", "random-forwarding", "hexdump", "quiet"];
    let mut named = false;
    while let Some(option) = args.take() {
        if !options.contains(&&*option.text) {
            args.unknown(option, "an option", options);
            return args.skip();
        }
        if &*option.text != "name" {
            continue;
        }
        if std::mem::replace(&mut named, true) {
            args.error(option.span, "a filter has one name").label("a second one");
            return args.skip();
        }
        if word(args, "a name").is_none() {
            return args.skip();
        }
    }
    let span = args.line.span;
    let message = "`filter trace` has no effect: it shows the inside of HAProxy";
    args.report.advise(&advice::NO_EFFECT, span, message);
}

/// What the words of a limit have said so far.
#[derive(Default)]
struct Limit<'a> {
    default_limit: Option<Given<u64>>,
    default_period: Option<Given<std::time::Duration>>,
    limit: Option<Given<u64>>,
    key: Option<&'a Word>,
    table: Option<Given<Box<str>>>,
    min_size: Option<Given<u64>>,
}

const LIMIT_OPTIONS: &[&str] =
    &["default-limit", "default-period", "limit", "key", "table", "min-size"];

fn bandwidth(
    args: &mut Args<'_>,
    proxy: &mut Proxy,
    direction: Messages,
) -> Option<BandwidthLimit> {
    let name = text(args, "a name")?;
    let mut limit = Limit::default();
    while let Some(word) = args.take() {
        match &*word.text {
            "default-limit" => {
                limit.default_limit =
                    Some(args.size("a number of bytes")?).filter(|it| it.value > 0)
            }
            "default-period" => {
                limit.default_period = Some(args.time("a time")?).filter(|it| !it.value.is_zero())
            }
            "limit" => limit.limit = Some(args.size("a number of bytes")?),
            "key" => limit.key = Some(super::common::word(args, "an expression")?),
            "table" => limit.table = Some(text(args, "a table's name")?),
            "min-size" => limit.min_size = Some(args.size("a number of bytes")?),
            _ => {
                args.unknown(word, "an option", LIMIT_OPTIONS.iter().copied());
                return None;
            }
        }
    }
    let scope = scope(args, &limit)?;
    if let Some(key) = limit.key {
        let line = rule_of(args, std::slice::from_ref(key));
        keep(&mut proxy.rules.formats, line);
    }
    Some(BandwidthLimit { name, direction, scope, min_size: limit.min_size })
}

/// Either a limit for each stream or one for each key.
fn scope(args: &mut Args<'_>, limit: &Limit<'_>) -> Option<BandwidthScope> {
    let span = args.line.span;
    let shared = limit.limit.is_some() || limit.key.is_some() || limit.table.is_some();
    let single = limit.default_limit.is_some() || limit.default_period.is_some();
    if shared && single {
        args.error(span, "`default-limit` and `default-period` exclude `limit`, `key` and `table`")
            .label("either a limit for each stream, or one that a key's streams share");
        return None;
    }
    match (shared, limit.limit, limit.key, limit.default_limit, limit.default_period) {
        (true, Some(bytes), Some(_), ..) => {
            Some(BandwidthScope::Key { limit: bytes, table: limit.table.clone() })
        }
        (true, ..) => {
            args.missing("both `limit` and `key`");
            None
        }
        (false, _, _, Some(limit), Some(period)) => Some(BandwidthScope::Stream { limit, period }),
        _ => {
            args.missing("`default-limit` and `default-period`, or `limit` and `key`");
            None
        }
    }
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    row(
        "compression algo",
        Sections::PROXIES,
        "<algorithm>...",
        "How responses may be compressed: gzip, deflate, raw-deflate, identity.",
        "compression algo gzip",
        algorithms,
    )
    .later(Feature::Compression),
    row(
        "compression algo-res",
        Sections::PROXIES,
        "<algorithm>...",
        "How responses may be compressed: gzip, deflate, raw-deflate, identity.",
        "compression algo-res gzip",
        algorithms,
    )
    .later(Feature::Compression),
    row(
        "compression algo-req",
        Sections::PROXIES,
        "<algorithm>",
        "How requests are compressed.",
        "compression algo-req gzip",
        request_algorithm,
    )
    .later(Feature::Compression),
    row(
        "compression type",
        Sections::PROXIES,
        "<media type>...",
        "Of which types responses are compressed.",
        "compression type text/html text/plain",
        |args, proxy| types(args, &mut proxy.settings.compression.types),
    )
    .later(Feature::Compression),
    row(
        "compression type-res",
        Sections::PROXIES,
        "<media type>...",
        "Of which types responses are compressed.",
        "compression type-res text/html",
        |args, proxy| types(args, &mut proxy.settings.compression.types),
    )
    .later(Feature::Compression),
    row(
        "compression type-req",
        Sections::PROXIES,
        "<media type>...",
        "Of which types requests are compressed.",
        "compression type-req application/json",
        |args, proxy| types(args, &mut proxy.settings.compression.request_types),
    )
    .later(Feature::Compression),
    row(
        "compression offload",
        Sections::PROXIES,
        "",
        "Asks servers for answers that are not compressed, so that Koi compresses them.",
        "compression offload",
        offload,
    )
    .later(Feature::Compression),
    row(
        "compression direction",
        Sections::PROXIES,
        "{ request | response | both }",
        "What is compressed; responses if not said.",
        "compression direction both",
        direction,
    )
    .later(Feature::Compression),
    row(
        "filter",
        SERVING,
        "{ compression | cache <name> | { bwlim-in | bwlim-out } <name> <options>... }",
        "Passes messages through a filter, in the order written.",
        "filter compression",
        filter,
    ),
];

#[cfg(test)]
mod tests {
    use super::super::common::testing::{advice_in, bad, bad_in, good};
    use super::*;

    #[test]
    fn compression() {
        let compression = good(
            "compression algo gzip deflate\ncompression algo-req gzip\n\
             compression type text/html text/css\ncompression offload\n\
             compression direction both",
        )
        .settings
        .compression;
        let algorithms: Vec<_> = compression.algorithms.iter().map(|one| one.value).collect();
        assert_eq!(algorithms, [CompressionAlgorithm::Gzip, CompressionAlgorithm::Deflate]);
        assert_eq!(compression.types.len(), 2);
        assert!(compression.offload && compression.request_algorithm.is_some());
        assert_eq!(compression.direction.map(|one| one.value), Some(Messages::Both));
        assert_eq!(bad("compression algo brotli"), ["brotli"]);
        assert_eq!(bad("compression algo"), [""]);
        assert_eq!(bad("compression type"), [""]);
        assert_eq!(bad("compression direction up"), ["up"]);
        assert_eq!(bad("compression algorithm gzip"), ["algorithm"]);
        assert_eq!(advice_in("defaults", "compression offload"), ["no-effect"]);
    }

    #[test]
    fn filters() {
        let proxy = good(
            "filter compression\nfilter cache c\n\
             filter bwlim-in a default-limit 1m default-period 1s\n\
             filter bwlim-out b limit 10m key src table t min-size 1k",
        );
        let [_, Filter::Cache { name }, Filter::Bandwidth(a), Filter::Bandwidth(b)] =
            &proxy.settings.filters[..]
        else {
            panic!("{:?}", proxy.settings.filters)
        };
        assert_eq!(&*name.value, "c");
        assert!(matches!(&a.scope, BandwidthScope::Stream { limit, .. } if **limit == 1 << 20));
        assert!(matches!(&b.scope, BandwidthScope::Key { table: Some(_), .. }));
        assert_eq!(&*proxy.rules.formats[0].words[0].text, "src");
        assert_eq!(bad("filter bwlim-in a"), [""]);
        assert_eq!(bad("filter bwlim-in a limit 1 default-limit 1").len(), 1);
        assert_eq!(bad("filter bwlim-in a limt 1"), ["limt"]);
        assert_eq!(bad("filter spoe engine x config y"), ["filter spoe"]);
        assert_eq!(bad("filter compresion"), ["compresion"]);
        assert_eq!(bad("filter"), [""]);
        assert_eq!(bad_in("defaults", "filter compression"), ["filter"]);
        assert_eq!(advice_in("listen l", "filter trace"), ["no-effect"]);
    }
}
