//! Internal states and constants (HAProxy 3.0, configuration.txt §7.3.2).

use std::borrow::Cow;

use core::net::IpAddr;

use super::lookup::{self, max_connections, max_queue};
use super::places::{ANY, RUNNING};
use super::time::{self, OPTIONAL_UNIT};
use super::{Fetch, Get};
use crate::config::args::shown_text;
use crate::config::keyword::{Feature, Status};
use crate::config::source::Span;
use crate::rules::arg::{Arg, Kind, Param, may, must};
use crate::rules::compiler::{Compiler, Scope};
use crate::rules::context::{Context, Rate};
use crate::rules::value::{Type, Value};

fn always_true<'a>(_: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(true))
}

fn always_false<'a>(_: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(false))
}

fn termination<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::string(context.exchange.ending.letters()))
}

fn text(args: &[Arg], at: usize) -> Option<&str> {
    args.get(at).and_then(Arg::text)
}

fn constant_str<'a>(_: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    text(args, 0).map(|text| Value::str(text.as_bytes()))
}

fn constant_int<'a>(_: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    args.first()?.int().map(Value::Int)
}

fn constant_meth<'a>(_: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    text(args, 0).map(|text| Value::Method(Cow::Borrowed(text.as_bytes())))
}

/// A token, RFC 9110 §5.6.2.
fn check_meth(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let method = text(args, 0).unwrap_or_default();
    if !method.bytes().all(legal) {
        let message = format!("`{}` is not a method", shown_text(method));
        compiler.report.error(span, message).label("expected a method like GET");
        return None;
    }
    Some(())
}

fn constant_bool<'a>(_: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    text(args, 0).map(|text| Value::Bool(matches!(text, "true" | "1")))
}

fn check_bool(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    match text(args, 0) {
        Some("true" | "false" | "1" | "0") => Some(()),
        other => {
            let shown = shown_text(other.unwrap_or_default());
            let message = format!("`{shown}` is not a boolean");
            compiler.report.error(span, message).label("expected true, false, 1 or 0");
            None
        }
    }
}

/// The bytes that hexadecimal digits stand for.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| match *pair {
        [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

fn constant_bin<'a>(_: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    unhex(text(args, 0)?).map(|bytes| Value::Bin(Cow::Owned(bytes)))
}

fn check_bin(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    if text(args, 0).filter(|text| !text.is_empty()).and_then(unhex).is_none() {
        let fault = compiler.report.error(span, "bytes are written as pairs of hexadecimal digits");
        fault.label("expected pairs like 0d0a");
        return None;
    }
    Some(())
}

fn constant_address<'a>(_: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let address: IpAddr = text(args, 0)?.parse().ok()?;
    Some(Value::Addr(address))
}

fn check_ipv4(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    check_address(args, span, compiler, IpAddr::is_ipv4, "an IPv4 address")
}

fn check_ipv6(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    check_address(args, span, compiler, IpAddr::is_ipv6, "an IPv6 address")
}

fn check_address(
    args: &[Arg],
    span: Span,
    compiler: &mut Compiler<'_>,
    fits: fn(&IpAddr) -> bool,
    expected: &str,
) -> Option<()> {
    let text = text(args, 0).unwrap_or_default();
    if !text.parse().is_ok_and(|address| fits(&address)) {
        let message = format!("`{}` is not {expected}", shown_text(text));
        compiler.report.error(span, message).label(format!("expected {expected}"));
        return None;
    }
    Some(())
}

fn var<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let found = text(args, 0).and_then(|name| context.variables.get(name));
    found.or_else(|| text(args, 1).map(|default| Value::str(default.as_bytes())))
}

fn env<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    context.plan.environment.get(text(args, 0)?).map(|text| Value::str(text.as_bytes()))
}

fn hostname<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::str(context.process.hostname.as_bytes()))
}

fn pid<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.process.pid))
}

fn one<'a>(_: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(1))
}

fn thread<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    i64::try_from(context.process.worker).ok().map(Value::Int)
}

fn uptime<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let up_us = context.moment.unix_us.saturating_sub(context.process.started_us);
    i64::try_from(up_us / 1_000_000).ok().map(Value::Int)
}

fn stopping<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Bool(context.counters.stopping()))
}

fn date<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let now = time::in_unit(context.moment.unix_us, text(args, 1));
    let offset = args.first().and_then(Arg::int).unwrap_or(0);
    Some(Value::Int(now.wrapping_add(offset)))
}

fn date_us<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    i64::try_from(context.moment.unix_us % 1_000_000).ok().map(Value::Int)
}

fn check_date_unit(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    time::check_unit(text(args, 1), span, compiler)
}

/// Of 32 random bits, so a larger range has gaps.
fn rand<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let random = i64::from(context.moment.random as u32);
    Some(Value::Int(match args.first().and_then(Arg::int) {
        Some(range) => random.wrapping_mul(range) >> 32,
        None => random,
    }))
}

/// 128 bits out of the 64 there are (SplitMix64).
fn random_bits(seed: u64) -> u128 {
    let mix = |step: u64| {
        let mut bits = seed.wrapping_add(step.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    u128::from(mix(1)) << 64 | u128::from(mix(2))
}

/// RFC 9562 §5.4 and §5.7.
fn uuid<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let random = random_bits(context.moment.random);
    let (version, bits) = match args.first().and_then(Arg::int) {
        Some(7) => {
            let unix_ms = u128::from(context.moment.unix_us / 1000);
            (7, unix_ms << 80 | random & ((1 << 80) - 1))
        }
        _ => (4, random),
    };
    let bits = bits & !(0xf << 76) | version << 76;
    let bits = bits & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{bits:032x}");
    Some(Value::string(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )))
}

fn check_uuid(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    match args.first().and_then(Arg::int) {
        None | Some(4 | 7) => Some(()),
        Some(other) => {
            let message = format!("a UUID of version {other} is not possible");
            compiler.report.error(span, message).label("expected 4 or 7");
            None
        }
    }
}

/// The proxy of the first argument, which stands for the current one if it was left out.
fn proxy(args: &[Arg]) -> Option<usize> {
    match args.first() {
        Some(Arg::Proxy(index)) => Some(*index),
        _ => None,
    }
}

/// The server of the first argument.
fn server(args: &[Arg]) -> Option<(usize, usize)> {
    match args.first() {
        Some(Arg::Server(backend, index)) => Some((*backend, *index)),
        _ => None,
    }
}

fn nbsrv<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.counters.servers_up(proxy(args)?)))
}

fn be_conn<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.counters.backend_connections(proxy(args)?)))
}

fn fe_conn<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.counters.frontend_connections(proxy(args)?)))
}

fn queue<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.counters.queue(proxy(args)?)))
}

/// Waiting requests per usable server, rounded up; twice as many as wait if there is none.
fn avg_queue<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let backend = proxy(args)?;
    let (waiting, servers) =
        (context.counters.queue(backend), context.counters.servers_up(backend));
    Some(Value::Int(match servers > 0 {
        true => (waiting + servers - 1) / servers,
        false => waiting * 2,
    }))
}

fn act_conn<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.counters.connections()))
}

fn fe_sess_rate<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.counters.rate(Rate::FrontendConnections(proxy(args)?))))
}

fn fe_req_rate<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.counters.rate(Rate::FrontendRequests(proxy(args)?))))
}

fn be_sess_rate<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.counters.rate(Rate::Backend(proxy(args)?))))
}

fn srv_sess_rate<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let (backend, server) = server(args)?;
    Some(Value::Int(context.counters.rate(Rate::Server(backend, server))))
}

/// What of a server's limits is free: -1 if one that counts is not set.
fn free(context: &Context<'_>, backend: usize, index: usize, with_queue: bool) -> Option<i64> {
    let server = lookup::server(context.plan, backend, index)?;
    let (connections, queue) = (max_connections(server), max_queue(server));
    if connections == 0 || with_queue && queue == 0 {
        return Some(-1);
    }
    let mut free = connections - context.counters.server_connections(backend, index);
    if with_queue {
        free += queue - context.counters.server_queue(backend, index);
    }
    Some(free.max(0))
}

/// The sum of what the usable servers of a backend have free; -1 if one has no limit.
fn free_in_backend(context: &Context<'_>, backend: usize, with_queue: bool) -> Option<i64> {
    let servers = &lookup::proxy(context.plan, backend)?.servers;
    let up = |index: usize| context.counters.server_up(backend, index);
    let backup = |index: usize| servers.get(index).is_some_and(|it| it.settings.backup.is_some());
    // Queues are counted for backups too; that is how HAProxy does it.
    let skip_backups = !with_queue && (0..servers.len()).any(|index| up(index) && !backup(index));
    let mut sum = 0;
    for index in 0..servers.len() {
        if !up(index) || skip_backups && backup(index) {
            continue;
        }
        match free(context, backend, index, with_queue)? {
            -1 => return Some(-1),
            free => sum += free,
        }
    }
    Some(sum)
}

fn connslots<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    free_in_backend(context, proxy(args)?, true).map(Value::Int)
}

fn be_conn_free<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    free_in_backend(context, proxy(args)?, false).map(Value::Int)
}

fn srv_conn_free<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let (backend, index) = server(args)?;
    free(context, backend, index, false).map(Value::Int)
}

fn srv_conn<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let (backend, index) = server(args)?;
    Some(Value::Int(context.counters.server_connections(backend, index)))
}

fn srv_queue<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let (backend, index) = server(args)?;
    Some(Value::Int(context.counters.server_queue(backend, index)))
}

fn srv_is_up<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let (backend, index) = server(args)?;
    Some(Value::Bool(context.counters.server_up(backend, index)))
}

fn srv_weight<'a>(context: &Context<'a>, args: &'a [Arg]) -> Option<Value<'a>> {
    let (backend, index) = server(args)?;
    lookup::server(context.plan, backend, index).map(|it| Value::Int(lookup::weight(it)))
}

fn prio_class<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.exchange.priority_class))
}

fn prio_offset<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    Some(Value::Int(context.exchange.priority_offset))
}

fn last_rule_file<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let place = context.plan.sources.place(context.exchange.last_rule?);
    Some(Value::str(place.file.as_bytes()))
}

fn last_rule_line<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    let line = context.plan.sources.line(context.exchange.last_rule?);
    i64::try_from(line).ok().map(Value::Int)
}

fn unique_id<'a>(context: &Context<'a>, _: &'a [Arg]) -> Option<Value<'a>> {
    context.exchange.unique_id.as_deref().map(Value::str)
}

/// The ACLs that every proxy has (HAProxy 3.0, configuration.txt §7.4).
const PREDEFINED: &[&str] = &[
    "FALSE",
    "HTTP",
    "HTTP_1.0",
    "HTTP_1.1",
    "HTTP_2.0",
    "HTTP_3.0",
    "HTTP_CONTENT",
    "HTTP_URL_ABS",
    "HTTP_URL_SLASH",
    "HTTP_URL_STAR",
    "LOCALHOST",
    "METH_CONNECT",
    "METH_DELETE",
    "METH_GET",
    "METH_HEAD",
    "METH_OPTIONS",
    "METH_POST",
    "METH_PUT",
    "METH_TRACE",
    "RDP_COOKIE",
    "REQ_CONTENT",
    "TRUE",
    "WAIT_END",
];

/// Reports the names of ACLs that the proxy does not have.
fn check_acls(args: &mut [Arg], span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    let proxy = compiler.proxy;
    let acls = proxy.map(|proxy| proxy.rules.acls.as_slice()).unwrap_or_default();
    for name in args.iter().filter_map(Arg::text) {
        let name = name.strip_prefix('!').unwrap_or(name);
        let known = acls.iter().any(|acl| acl.words.first().is_some_and(|word| **word == *name));
        if !known && !PREDEFINED.contains(&name) {
            let message = format!("there is no ACL `{}`", shown_text(name));
            compiler.report.error(span, message).label("expected the name of an ACL");
            return None;
        }
    }
    Some(())
}

/// As many ACLs as a name may have arguments.
const ACLS: &[Param] = &[
    must("[!]acl", Kind::Str),
    may("[!]acl", Kind::Str),
    may("[!]acl", Kind::Str),
    may("[!]acl", Kind::Str),
    may("[!]acl", Kind::Str),
    may("[!]acl", Kind::Str),
    may("[!]acl", Kind::Str),
    may("[!]acl", Kind::Str),
    may("[!]acl", Kind::Str),
    may("[!]acl", Kind::Str),
    may("[!]acl", Kind::Str),
    may("[!]acl", Kind::Str),
];

const BACKEND: &[Param] = &[may("backend", Kind::Backend)];
const FRONTEND: &[Param] = &[may("frontend", Kind::Frontend)];
const SERVER: &[Param] = &[must("[backend/]server", Kind::Server)];

const fn simple(
    name: &'static str,
    output: Type,
    at: Scope,
    get: Get,
    about: &'static str,
) -> Fetch {
    Fetch::new(name, output, at, get, about)
}

const fn of_backend(name: &'static str, get: Get, about: &'static str) -> Fetch {
    Fetch::new(name, Type::Int, RUNNING, get, about).takes(BACKEND, name)
}

const fn of_frontend(name: &'static str, get: Get, about: &'static str) -> Fetch {
    Fetch::new(name, Type::Int, RUNNING, get, about).takes(FRONTEND, name)
}

const fn of_server(
    name: &'static str,
    output: Type,
    get: Get,
    about: &'static str,
    example: &'static str,
) -> Fetch {
    Fetch::new(name, output, RUNNING, get, about).takes(SERVER, example)
}

/// Figures of HAProxy's scheduler.
const fn scheduler(name: &'static str, about: &'static str) -> Fetch {
    let fetch = Fetch::new(name, Type::Int, RUNNING, Get::Never, about);
    let why = "it is a figure of HAProxy's scheduler, which Koi does not have; it gives no sample";
    Fetch { status: Status::NoEffect(why), ..fetch }
}

/// The table.
pub const FETCHES: &[Fetch] = &[
    simple("always_true", Type::Bool, ANY, Get::One(always_true), "True."),
    simple("always_false", Type::Bool, ANY, Get::One(always_false), "False."),
    simple("str", Type::Str, ANY, Get::One(constant_str), "The text itself.")
        .takes(&[must("string", Kind::Str)], "str(text)"),
    simple("int", Type::Int, ANY, Get::One(constant_int), "The number itself.")
        .takes(&[must("integer", Kind::Int)], "int(42)"),
    simple("bool", Type::Bool, ANY, Get::One(constant_bool), "True or false, as written.")
        .takes(&[must("bool", Kind::Str)], "bool(true)")
        .checked(check_bool),
    simple("bin", Type::Bin, ANY, Get::One(constant_bin), "Bytes, from hexadecimal digits.")
        .takes(&[must("hex", Kind::Str)], "bin(0d0a)")
        .checked(check_bin),
    simple("ipv4", Type::Ipv4, ANY, Get::One(constant_address), "The IPv4 address itself.")
        .takes(&[must("ipv4", Kind::Str)], "ipv4(192.0.2.1)")
        .checked(check_ipv4),
    simple("ipv6", Type::Ipv6, ANY, Get::One(constant_address), "The IPv6 address itself.")
        .takes(&[must("ipv6", Kind::Str)], "ipv6(2001:db8::1)")
        .checked(check_ipv6),
    simple("meth", Type::Method, ANY, Get::One(constant_meth), "The HTTP method itself.")
        .takes(&[must("method", Kind::Str)], "meth(GET)")
        .checked(check_meth),
    simple(
        "var",
        Type::Any,
        ANY,
        Get::One(var),
        "A variable's value, of the type it was set with; if it is not set, the default as text.",
    )
    .takes(&[must("name", Kind::Variable), may("default", Kind::Str)], "var(txn.name,none)"),
    simple("env", Type::Str, ANY, Get::One(env), "An environment variable, if it is set.")
        .takes(&[must("name", Kind::Str)], "env(HOSTNAME)"),
    simple("hostname", Type::Str, ANY, Get::One(hostname), "The host's name."),
    simple("pid", Type::Int, ANY, Get::One(pid), "The process's number."),
    simple("proc", Type::Int, ANY, Get::One(one), "Always 1."),
    simple("nbproc", Type::Int, ANY, Get::One(one), "Always 1."),
    simple("thread", Type::Int, ANY, Get::One(thread), "Which worker it is, from 0."),
    simple("uptime", Type::Int, ANY, Get::One(uptime), "For how many seconds the process has run."),
    simple("stopping", Type::Bool, RUNNING, Get::One(stopping), "Whether the process is stopping."),
    simple("quic_enabled", Type::Bool, ANY, Get::One(always_false), "False: there is no QUIC."),
    simple(
        "date",
        Type::Int,
        ANY,
        Get::One(date),
        "The time since 1970, in seconds or the unit `ms` or `us`, plus an offset in that unit.",
    )
    .takes(&[may("offset", Kind::Int), OPTIONAL_UNIT], "date(3600)")
    .checked(check_date_unit),
    simple("date_us", Type::Int, ANY, Get::One(date_us), "The microseconds of the time's second."),
    simple(
        "rand",
        Type::Int,
        ANY,
        Get::One(rand),
        "A random number below the range, which is 2^32 unless given. Not for secrets.",
    )
    .takes(&[may("range", Kind::Int)], "rand(100)"),
    simple("uuid", Type::Str, ANY, Get::One(uuid), "A new UUID, of version 4 or 7.")
        .takes(&[may("version", Kind::Int)], "uuid")
        .checked(check_uuid),
    simple("unique-id", Type::Str, ANY, Get::One(unique_id), "What `unique-id-format` made."),
    simple(
        "act_conn",
        Type::Int,
        ANY,
        Get::One(act_conn),
        "Connections in progress in the process.",
    ),
    of_backend("nbsrv", Get::One(nbsrv), "How many servers of a backend are usable."),
    of_backend("be_conn", Get::One(be_conn), "Requests in progress in a backend."),
    of_backend(
        "be_conn_free",
        Get::One(be_conn_free),
        "How many more requests a backend's servers may have at once; -1 if one has no `maxconn`.",
    ),
    of_backend(
        "connslots",
        Get::One(connslots),
        "How many more requests a backend's servers and their queues may take; -1 if one of them has \
         no `maxconn` or no `maxqueue`.",
    ),
    of_backend("be_sess_rate", Get::One(be_sess_rate), "Requests per second to a backend."),
    of_backend("queue", Get::One(queue), "Requests that wait for a backend's servers."),
    of_backend("avg_queue", Get::One(avg_queue), "Waiting requests per usable server."),
    of_frontend("fe_conn", Get::One(fe_conn), "Connections in progress in a frontend."),
    of_frontend("fe_sess_rate", Get::One(fe_sess_rate), "Connections per second to a frontend."),
    of_frontend("fe_req_rate", Get::One(fe_req_rate), "Requests per second to a frontend."),
    of_server(
        "srv_conn",
        Type::Int,
        Get::One(srv_conn),
        "Requests in progress on a server.",
        "srv_conn(s1)",
    ),
    of_server(
        "srv_conn_free",
        Type::Int,
        Get::One(srv_conn_free),
        "How many more requests a server may have at once; -1 if it has no `maxconn`.",
        "srv_conn_free(s1)",
    ),
    of_server(
        "srv_is_up",
        Type::Bool,
        Get::One(srv_is_up),
        "Whether a server is up.",
        "srv_is_up(s1)",
    ),
    of_server(
        "srv_queue",
        Type::Int,
        Get::One(srv_queue),
        "Requests that wait for a server.",
        "srv_queue(s1)",
    ),
    of_server(
        "srv_sess_rate",
        Type::Int,
        Get::One(srv_sess_rate),
        "Requests per second to a server.",
        "srv_sess_rate(s1)",
    ),
    of_server(
        "srv_weight",
        Type::Int,
        Get::One(srv_weight),
        "A server's weight.",
        "srv_weight(s1)",
    ),
    of_server(
        "srv_uweight",
        Type::Int,
        Get::One(srv_weight),
        "A server's weight as set.",
        "srv_uweight(s1)",
    ),
    of_server(
        "srv_iweight",
        Type::Int,
        Get::One(srv_weight),
        "A server's weight at the start.",
        "srv_iweight(s1)",
    ),
    simple(
        "prio_class",
        Type::Int,
        RUNNING,
        Get::One(prio_class),
        "What `set-priority-class` set.",
    ),
    simple(
        "prio_offset",
        Type::Int,
        RUNNING,
        Get::One(prio_offset),
        "What `set-priority-offset` set.",
    ),
    simple(
        "last_rule_file",
        Type::Str,
        RUNNING,
        Get::One(last_rule_file),
        "The file with the rule that ended a list of rules last.",
    ),
    simple(
        "last_rule_line",
        Type::Int,
        RUNNING,
        Get::One(last_rule_line),
        "The line of the rule that ended a list of rules last.",
    ),
    Fetch::later("acl", Type::Bool, ANY, Feature::AclSamples, "Whether all of these ACLs hold.")
        .takes(ACLS, "acl(TRUE,!FALSE)")
        .checked(check_acls),
    scheduler("cpu_calls", "How often HAProxy's task was called."),
    scheduler("cpu_ns_avg", "The time that HAProxy's task took per call."),
    scheduler("cpu_ns_tot", "The time that HAProxy's task took."),
    scheduler("lat_ns_avg", "The time that HAProxy's task waited per call."),
    scheduler("lat_ns_tot", "The time that HAProxy's task waited."),
    Fetch::later(
        "txn.id32",
        Type::Int,
        RUNNING,
        Feature::Logs,
        "The number of the exchange, 32 bits.",
    ),
    Fetch::new(
        "txn.sess_term_state",
        Type::Str,
        RUNNING,
        Get::One(termination),
        "How the exchange ended, in the two letters of the log.",
    ),
];

#[cfg(test)]
mod tests {
    use crate::config::environment::Environment;
    use crate::rules::testing::World;
    use crate::rules::value::Value;

    #[test]
    fn constants_are_what_they_say() {
        let world = World::new();
        for (expr, wanted) in [
            ("always_true", "1"),
            ("always_false", "0"),
            ("str(a b)", "a b"),
            ("str", ""),
            ("str('a,b')", "a,b"),
            ("int(-5)", "-5"),
            ("bool(true)", "1"),
            ("bool(0)", "0"),
            ("bin(0d0A),hex", "0D0A"),
            ("ipv4(192.0.2.1)", "192.0.2.1"),
            ("ipv6(2001:DB8::1)", "2001:db8::1"),
            ("meth(PURGE)", "PURGE"),
            ("proc", "1"),
            ("thread", "1"),
            ("hostname", "proxy1"),
            ("pid", "4711"),
            ("uptime", "1000"),
            ("stopping", "0"),
            ("act_conn", "11"),
        ] {
            assert_eq!(world.text(&quoted(expr)).as_deref(), Some(wanted), "{expr}");
        }
        for expr in
            ["bool(yes)", "bool", "bin(123)", "bin(xy)", "bin()", "ipv4(::1)", "ipv6(1.2.3.4)"]
        {
            assert_eq!(world.faults(expr).len(), 1, "{expr}");
        }
        for expr in ["int", "int(a)", "meth(a/b)", "uuid(5)", "date(1,min)", "acl(nope)"] {
            assert_eq!(world.faults(expr).len(), 1, "{expr}");
        }
    }

    /// As one word.
    fn quoted(expr: &str) -> String {
        format!("\"{expr}\"")
    }

    #[test]
    fn variables_have_their_type_and_defaults_are_text() {
        let world = World::new();
        world.variables.set("txn.n", Value::Int(7));
        assert_eq!(world.value("var(txn.n)"), Some(Value::Int(7)));
        assert_eq!(world.value("var(txn.m)"), None);
        assert_eq!(world.value("var(txn.m,8)"), Some(Value::str(b"8")));
        assert_eq!(world.value("var(txn.m,)"), Some(Value::str(b"")));
        assert_eq!(world.faults("var(m)").len(), 1);
    }

    #[test]
    fn the_environment_is_that_of_the_plan() {
        let mut world = World::new();
        world.plan.environment = Environment::new([("A".to_owned(), "b".to_owned())]);
        assert_eq!(world.text("env(A)").as_deref(), Some("b"));
        assert_eq!(world.text("env(B)"), None);
        assert_eq!(world.text("env"), None);
    }

    #[test]
    fn dates_have_units_and_offsets() {
        let world = World::new();
        for (expr, wanted) in [
            ("date", "1700000000"),
            ("date(3600)", "1700003600"),
            ("date(-5)", "1699999995"),
            ("date(10,ms)", "1700000000133"),
            ("date(0,us)", "1700000000123456"),
            ("date_us", "123456"),
        ] {
            assert_eq!(world.text(expr).as_deref(), Some(wanted), "{expr}");
        }
    }

    #[test]
    fn random_numbers_stay_in_their_range() {
        let mut world = World::new();
        assert_eq!(world.text("rand"), Some(0x89ab_cdef_u32.to_string()));
        assert_eq!(world.text("rand(100)").as_deref(), Some("53"));
        world.moment.random = u64::MAX;
        assert_eq!(world.text("rand(100)").as_deref(), Some("99"));
        assert_eq!(world.text("rand(1)").as_deref(), Some("0"));
    }

    #[test]
    fn uuids_have_their_version() {
        let world = World::new();
        let four = world.text("uuid").expect("a UUID");
        let seven = world.text("uuid(7)").expect("a UUID");
        let shape = |text: &str| text.split('-').map(str::len).collect::<Vec<_>>();
        assert_eq!((shape(&four), shape(&seven)), (vec![8, 4, 4, 4, 12], vec![8, 4, 4, 4, 12]));
        assert_eq!((&four[14..15], &seven[14..15]), ("4", "7"));
        assert!(matches!(&four[19..20], "8" | "9" | "a" | "b"), "{four}");
        // The time in milliseconds.
        assert_eq!(seven[..13].replace('-', ""), format!("{:012x}", 1_700_000_000_123_u64));
    }

    /// A backend of two servers, of which the first is up.
    fn backend(limit: Option<u32>) -> World {
        let limits = limit.map_or_else(String::new, |it| format!(" maxconn {it} maxqueue {it}"));
        World::new()
            .plan(&format!("backend b\nserver s1 192.0.2.1:80{limits}\nserver s2 192.0.2.2:80\n"))
    }

    #[test]
    fn counters_are_of_the_named_or_the_current_proxy() {
        let world = backend(Some(10));
        for (expr, wanted) in [
            ("nbsrv", "2"),
            ("nbsrv(b)", "2"),
            ("be_conn(b)", "5"),
            ("queue", "3"),
            ("avg_queue", "2"),
            ("be_sess_rate(b)", "9"),
            ("srv_is_up(b/s1)", "1"),
            ("srv_is_up(s2)", "0"),
            ("srv_conn(s1)", "4"),
            ("srv_queue(s1)", "1"),
            ("srv_weight(s1)", "1"),
            ("srv_conn_free(s1)", "6"),
            ("srv_conn_free(s2)", "-1"),
            // The second server is down.
            ("be_conn_free(b)", "6"),
            ("connslots(b)", "15"),
        ] {
            assert_eq!(world.text(expr).as_deref(), Some(wanted), "{expr}");
        }
        assert_eq!(backend(None).text("connslots(b)").as_deref(), Some("-1"));
        assert_eq!(world.faults("nbsrv(nope)").len(), 1);
        assert_eq!(world.faults("srv_is_up(b/nope)").len(), 1);
    }

    #[test]
    fn the_last_rule_has_a_place() {
        let mut world = World::new().plan("# a comment\nfrontend f\n");
        assert_eq!(world.text("last_rule_line"), None);
        world.exchange.last_rule = Some(world.plan.proxies[0].span);
        assert_eq!(world.text("last_rule_file").as_deref(), Some("test.cfg"));
        assert_eq!(world.text("last_rule_line").as_deref(), Some("2"));
    }
}
