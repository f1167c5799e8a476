//! What waits for something, and what belongs to parts that are not built yet.

use std::time::Duration;

use super::line::{Amount, Line};
use super::{Action, ActionEntry, Rulesets, action};
use crate::config::args::{shown, shown_text};
use crate::config::keyword::{Feature, Status};
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::Filter;
use crate::config::value;
use crate::config::word::Word;
use crate::rules::arg;
use crate::rules::context::VariableName;
use crate::rules::expr::Expr;
use crate::rules::value::Type;

/// An action of those.
#[derive(Clone, Debug)]
pub enum Other {
    /// `expect-proxy layer4`: a PROXY protocol header comes first.
    ExpectProxy,
    /// `wait-for-body`.
    WaitForBody {
        /// How long at most.
        time: Duration,
        /// From so many bytes on it is enough; zero is all of it.
        at_least: u64,
    },
    /// `wait-for-handshake`: early data waits until the handshake is done.
    WaitForHandshake,
    /// `cache-use`: an index into `Plan::caches`.
    CacheUse(usize),
    /// `cache-store`: an index into `Plan::caches`.
    CacheStore(usize),
    /// `set-bandwidth-limit`.
    Bandwidth {
        /// The filter's name.
        filter: Box<str>,
        /// Bytes.
        limit: Option<Amount>,
        /// Milliseconds.
        period: Option<Amount>,
    },
    /// `do-resolve`.
    Resolve {
        /// Where the address goes.
        variable: VariableName,
        /// An index into `Plan::resolvers`.
        resolvers: usize,
        /// Which family is preferred: IPv4 or IPv6.
        prefer_ipv4: Option<bool>,
        /// The name.
        name: Expr,
    },
}

fn expect_proxy(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let word = line.text("`layer4`")?;
    if &*word.text != "layer4" {
        line.error(word.span, format!("`{}` says nothing here", shown(word)))
            .label("expected `layer4`");
        return None;
    }
    Some(Action::Other(Other::ExpectProxy))
}

fn wait_for_body(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let (mut time, mut at_least) = (None, 0);
    loop {
        if line.words.flag("time") {
            time = Some(line.time("a time")?);
        } else if line.words.flag("at-least") {
            at_least = line.size("a number of bytes")?;
        } else {
            break;
        }
    }
    let Some(time) = time else {
        line.missing("`time` and a time");
        return None;
    };
    Some(Action::Other(Other::WaitForBody { time, at_least }))
}

fn cache(line: &mut Line<'_, '_, '_>, make: fn(usize) -> Other) -> Option<Action> {
    let name = line.text("the name of a cache")?;
    let caches = &line.compiler.plan.caches;
    if let Some(index) = caches.iter().position(|cache| cache.name == name.text) {
        return Some(Action::Other(make(index)));
    }
    let near = nearest(name, caches.iter().map(|cache| &*cache.name));
    unknown(line, name, "cache", did_you_mean(&near));
    None
}

fn unknown(line: &mut Line<'_, '_, '_>, name: &Word, what: &str, near: Option<String>) {
    let fault = line.error(name.span, format!("there is no {what} `{}`", shown(name)));
    fault.label(format!("expected the name of a {what}"));
    if let Some(near) = near {
        fault.help(near);
    }
}

fn bandwidth(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let name = line.text("the name of a filter")?;
    let known = |proxy: &crate::config::plan::Proxy| {
        let names = proxy.settings.filters.iter().filter_map(|filter| match filter {
            Filter::Bandwidth(limit) => Some(limit.name.value.clone()),
            _ => None,
        });
        names.collect::<Vec<_>>()
    };
    let names = line.compiler.proxy.map(known).unwrap_or_default();
    if !names.contains(&name.text) {
        let near = nearest(name, names.iter().map(|name| &**name));
        unknown(line, name, "filter for bandwidth", did_you_mean(&near));
        return None;
    }
    let (mut limit, mut period) = (None, None);
    loop {
        if line.words.flag("limit") {
            limit = Some(quantity(line, "a number of bytes", |line| {
                line.size("a number of bytes").and_then(|it| i64::try_from(it).ok())
            })?);
        } else if line.words.flag("period") {
            period = Some(quantity(line, "a time", |line| {
                let time = line.time("a time")?;
                i64::try_from(time.as_millis()).ok()
            })?);
        } else {
            break;
        }
    }
    let filter = name.text.clone();
    Some(Action::Other(Other::Bandwidth { filter, limit, period }))
}

/// A number with a unit, or an expression that gives it.
fn quantity(
    line: &mut Line<'_, '_, '_>,
    expected: &str,
    read: fn(&mut Line<'_, '_, '_>) -> Option<i64>,
) -> Option<Amount> {
    match line.words.peek() {
        Some(word) if value::size(word).is_ok() || value::time(word, 1).is_ok() => {
            read(line).map(Amount::Fixed)
        }
        Some(_) => line.expr_of(Type::Int).map(Amount::Expr),
        None => {
            line.missing(expected);
            None
        }
    }
}

fn resolve(line: &mut Line<'_, '_, '_>) -> Option<Action> {
    let raw = line.arguments()?;
    let word = line.word;
    let [variable, resolvers, rest @ ..] = &raw[..] else {
        let open = word.find('(').unwrap_or_default();
        line.error(word.part(open..word.len()), "`do-resolve` needs a variable and name servers")
            .help("it is written: do-resolve(<variable>,<resolvers>[,ipv4|ipv6]) <expression>");
        return None;
    };
    let checked = arg::variable(&variable.text, word.part(variable.range.clone()), line.compiler)?;
    let all = &line.compiler.plan.resolvers;
    let found = all.iter().position(|it| *it.name == *resolvers.text);
    let Some(index) = found else {
        let near = did_you_mean(&nearest(&resolvers.text, all.iter().map(|it| &*it.name)));
        let shown = shown_text(&resolvers.text);
        let fault = line.error(
            word.part(resolvers.range.clone()),
            format!("there is no `resolvers` section `{shown}`"),
        );
        fault.label("expected its name");
        if let Some(near) = near {
            fault.help(near);
        }
        return None;
    };
    let mut prefer_ipv4 = None;
    for one in rest {
        prefer_ipv4 = Some(match one.text.as_str() {
            "ipv4" => true,
            "ipv6" => false,
            other => {
                let message = format!("`{}` is no family of addresses", shown_text(other));
                line.error(word.part(one.range.clone()), message).label("expected ipv4 or ipv6");
                return None;
            }
        });
    }
    let name = line.expr_of(Type::Str)?;
    let variable = checked.text()?.into();
    Some(Action::Other(Other::Resolve { variable, resolvers: index, prefer_ipv4, name }))
}

fn never(_: &mut Line<'_, '_, '_>) -> Option<Action> {
    None
}

const STREAM: Rulesets = Rulesets::CONTENT.or(Rulesets::TCP_RESPONSE).or(Rulesets::HTTP);

const fn refused(
    name: &'static str,
    rulesets: Rulesets,
    syntax: &'static str,
    about: &'static str,
    example: &'static str,
    why: &'static str,
    instead: &'static str,
) -> ActionEntry {
    ActionEntry {
        status: Status::Refused { why, instead },
        ..action(name, rulesets, syntax, about, example, never)
    }
}

/// The table.
pub const ACTIONS: &[ActionEntry] = &[
    action(
        "expect-proxy",
        Rulesets::CONNECTION,
        "layer4",
        "These connections begin with a PROXY protocol header.",
        "expect-proxy layer4 if { src 192.0.2.0/24 }",
        expect_proxy,
    ),
    action(
        "wait-for-body",
        Rulesets::HTTP,
        "time <time> [at-least <bytes>]",
        "Waits until the body, or so much of it, is there.",
        "wait-for-body time 1s at-least 1k",
        wait_for_body,
    )
    .later(Feature::Bodies),
    action(
        "wait-for-handshake",
        Rulesets::REQUEST,
        "",
        "A request that came as early data waits until the handshake is done.",
        "wait-for-handshake",
        |_| Some(Action::Other(Other::WaitForHandshake)),
    ),
    action(
        "cache-use",
        Rulesets::REQUEST,
        "<cache>",
        "Answers from a cache if it has the answer.",
        "cache-use static",
        |line| cache(line, Other::CacheUse),
    )
    .later(Feature::Cache),
    action(
        "cache-store",
        Rulesets::RESPONSE,
        "<cache>",
        "Keeps the response in a cache.",
        "cache-store static",
        |line| cache(line, Other::CacheStore),
    )
    .later(Feature::Cache),
    action(
        "set-bandwidth-limit",
        STREAM,
        "<filter> [limit <size or expression>] [period <time or expression>]",
        "Switches a limit of bandwidth on.",
        "set-bandwidth-limit slow limit 1m period 10s",
        bandwidth,
    )
    .later(Feature::Bandwidth),
    action(
        "do-resolve",
        Rulesets::CONTENT.or(Rulesets::REQUEST),
        "(<variable>,<resolvers>[,ipv4|ipv6]) <expression>",
        "Looks a name up and puts its address into a variable.",
        "do-resolve(txn.ip,dns,ipv4) hdr(host),host_only",
        resolve,
    )
    .later(Feature::Resolvers),
    refused(
        "send-spoe-group",
        STREAM,
        "<engine> <group>",
        "Sends a group of messages to an SPOE agent.",
        "send-spoe-group engine group",
        "Koi has no SPOE",
        "decide with expressions and maps",
    ),
    refused(
        "attach-srv",
        Rulesets::SESSION,
        "<server> [name <expression>]",
        "Makes this connection one to a server (reverse HTTP).",
        "attach-srv be/s1",
        "Koi has no reverse HTTP, an experiment of HAProxy",
        "connect to the server instead",
    ),
    refused(
        "expect-netscaler-cip",
        Rulesets::CONNECTION,
        "layer4",
        "These connections begin with a header of NetScaler's protocol.",
        "expect-netscaler-cip layer4",
        "Koi does not speak NetScaler's client IP protocol",
        "let the balancer send the PROXY protocol: expect-proxy layer4",
    ),
    refused(
        "ot-group",
        STREAM.or(Rulesets::AFTER),
        "<filter> <group>",
        "Traces this by OpenTracing.",
        "ot-group filter group",
        "Koi has no OpenTracing",
        "put an identifier into a field: unique-id-header",
    ),
];
