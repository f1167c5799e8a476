//! The `%`-names of log formats.
//!
//! One entry a name: what it gives, where it is known, and how it is had from a [`Context`]. What did
//! not happen yet is a dash in logs, or -1.

use core::net::{IpAddr, SocketAddr};

use super::encode::{self, decimal};
use super::{Flags, date};
use crate::config::plan::{Capture, FrontSettings};
use crate::rules::context::{Context, Exchange, RequestLine, TlsFacts};
use crate::rules::ending::Times;
use crate::rules::value::Value;

/// What an alias gives: it decides about quotes and hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A piece of a request's target: unsafe bytes become `#XX`.
    Target,
    /// Captured fields: they quote and escape by themselves, and are nothing where none is declared.
    Captures,
    /// The same, one by one; in JSON a list.
    CaptureList,
    /// A number that is not final when lines are written early (`option logasap`): then `+` stands
    /// before it.
    Running,
    /// A number; with `X` in at least so many hexadecimal digits, or in decimal ones if zero.
    Number(usize),
    /// An address.
    Address,
    /// A date, or letters of our own: never in quotes.
    Plain,
}

/// Where an alias has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everywhere.
    Any,
    /// Where requests are HTTP.
    Http,
    /// Where connections have TLS.
    Tls,
}

/// An alias.
pub struct Alias {
    /// Its name, without the percent sign.
    pub name: &'static str,
    /// What it gives.
    pub about: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Where it has a meaning.
    pub mode: Mode,
    /// Its value.
    pub get: Get,
}

/// How an alias is had. Numbers and text come as they are: a line has two dozen of them, and a [`Value`]
/// costs more than what is in it.
#[derive(Clone, Copy)]
pub enum Get {
    /// As a number.
    Int(fn(&Context<'_>) -> Option<i64>),
    /// As text that is there.
    Str(for<'a> fn(&Context<'a>) -> Option<&'a [u8]>),
    /// As an address.
    Addr(fn(&Context<'_>) -> Option<IpAddr>),
    /// As text that has to be put together: written without a detour. `None` if there is none, then
    /// nothing was written.
    Text(fn(&Context<'_>, Flags, &mut Vec<u8>) -> Option<()>),
}

impl Get {
    /// The value.
    pub fn value<'a>(self, context: &Context<'a>) -> Option<Value<'a>> {
        match self {
            Get::Int(get) => get(context).map(Value::Int),
            Get::Str(get) => get(context).map(Value::str),
            Get::Addr(get) => get(context).map(Value::Addr),
            Get::Text(write) => {
                let mut text = Vec::new();
                write(context, Flags::default(), &mut text)?;
                Some(Value::string(text))
            }
        }
    }
}

impl std::fmt::Debug for Alias {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "%{}", self.name)
    }
}

impl Alias {
    /// Its value: what JSON makes of it.
    pub fn value<'a>(&self, context: &Context<'a>) -> Option<Value<'a>> {
        let value = self.get.value(context)?;
        match (self.kind, value.to_int()) {
            (Number(_) | Running, Some(number)) => Some(Value::Int(number)),
            _ => Some(value),
        }
    }
}

/// The alias of this name.
pub fn find(name: &str) -> Option<&'static Alias> {
    ALIASES.iter().find(|alias| alias.name == name)
}

/// Every name.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALIASES.iter().map(|alias| alias.name)
}

const fn alias(name: &'static str, kind: Kind, mode: Mode, about: &'static str, get: Get) -> Alias {
    Alias { name, about, kind, mode, get }
}

// ---------------------------------------------------------------------------------------- Dates

/// When the exchange began: the accept date, or for later requests of a connection when the response
/// before was over.
fn start_us(context: &Context<'_>) -> u64 {
    let exchange = context.exchange;
    let times = &exchange.times;
    match (exchange.number, times.accepted, times.begun) {
        (1.., Some(start), Some(begun)) if exchange.started_us > 0 => {
            exchange.started_us.saturating_sub(begun.saturating_sub(start))
        }
        _ => context.connection.accepted_us,
    }
}

/// When the request's first byte came; without any, when the exchange began.
fn request_us(context: &Context<'_>) -> u64 {
    match context.exchange.started_us {
        0 => start_us(context),
        us => us,
    }
}

fn accept_date(context: &Context<'_>, _: Flags, out: &mut Vec<u8>) -> Option<()> {
    date::utc(start_us(context), out)
}

fn accept_date_local(context: &Context<'_>, _: Flags, out: &mut Vec<u8>) -> Option<()> {
    date::local(start_us(context), out)
}

fn accept_date_ms(context: &Context<'_>, _: Flags, out: &mut Vec<u8>) -> Option<()> {
    date::local_ms(start_us(context), out)
}

fn request_date(context: &Context<'_>, _: Flags, out: &mut Vec<u8>) -> Option<()> {
    date::utc(request_us(context), out)
}

fn request_date_local(context: &Context<'_>, _: Flags, out: &mut Vec<u8>) -> Option<()> {
    date::local(request_us(context), out)
}

fn request_date_ms(context: &Context<'_>, _: Flags, out: &mut Vec<u8>) -> Option<()> {
    date::local_ms(request_us(context), out)
}

fn accept_seconds(context: &Context<'_>) -> Option<i64> {
    i64::try_from(start_us(context) / 1_000_000).ok()
}

/// Three digits; in hexadecimal at least two.
fn accept_ms(context: &Context<'_>, flags: Flags, out: &mut Vec<u8>) -> Option<()> {
    let ms = start_us(context) / 1000 % 1000;
    let text = if flags.hex { format!("{ms:02X}") } else { format!("{ms:03}") };
    out.extend_from_slice(text.as_bytes());
    Some(())
}

// --------------------------------------------------------------------------------------- Timers

macro_rules! timers {
    ($($name:ident = $span:ident;)*) => {
        $(fn $name(context: &Context<'_>) -> Option<i64> {
            Some(Times::$span(&context.exchange.times))
        })*
    };
}

timers! {
    handshake_ms = handshake_ms;
    idle_ms = idle_ms;
    request_ms = request_ms;
    until_request_ms = until_request_ms;
    queue_ms = queue_ms;
    connect_ms = connect_ms;
    response_ms = response_ms;
    data_ms = data_ms;
    active_ms = active_ms;
    total_ms = total_ms;
    user_ms = user_ms;
}

// -------------------------------------------------------------------------------------- The end

fn ending(context: &Context<'_>, _: Flags, out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(&context.exchange.ending.letters());
    Some(())
}

/// The two letters for cookies are dashes where Koi makes none.
fn ending_cookie(context: &Context<'_>, flags: Flags, out: &mut Vec<u8>) -> Option<()> {
    ending(context, flags, out)?;
    let back = context.backend.and_then(|backend| context.plan.proxies.get(backend));
    let cookie = back.and_then(|it| it.back.cookie.as_ref());
    let makes = cookie.is_some_and(|it| it.value.mode.is_some() || it.value.indirect);
    let exchange = context.exchange;
    let letters = exchange.cookie.letters(exchange.redispatched);
    out.extend_from_slice(if makes { &letters } else { b"--" });
    Some(())
}

fn log_counter(context: &Context<'_>) -> Option<i64> {
    i64::try_from(context.exchange.log_number.get()).ok()
}

// ------------------------------------------------------------------------------------ Addresses

fn source(context: &Context<'_>) -> SocketAddr {
    context.exchange.source(context.connection)
}

fn destination(context: &Context<'_>) -> SocketAddr {
    context.exchange.destination.unwrap_or(context.connection.destination)
}

fn ip(address: SocketAddr) -> Option<IpAddr> {
    Some(address.ip().to_canonical())
}

fn port(address: SocketAddr) -> Option<i64> {
    Some(i64::from(address.port()))
}

fn client_ip(context: &Context<'_>) -> Option<IpAddr> {
    ip(source(context))
}

fn client_port(context: &Context<'_>) -> Option<i64> {
    port(source(context))
}

fn frontend_ip(context: &Context<'_>) -> Option<IpAddr> {
    ip(destination(context))
}

fn frontend_port(context: &Context<'_>) -> Option<i64> {
    port(destination(context))
}

fn backend_ip(context: &Context<'_>) -> Option<IpAddr> {
    ip(context.server_connection?.source)
}

fn backend_port(context: &Context<'_>) -> Option<i64> {
    port(context.server_connection?.source)
}

fn server_ip(context: &Context<'_>) -> Option<IpAddr> {
    ip(context.server_connection?.destination)
}

fn server_port(context: &Context<'_>) -> Option<i64> {
    port(context.server_connection?.destination)
}

// ---------------------------------------------------------------------------------------- Names

fn proxy_name<'a>(context: &Context<'a>, index: usize) -> Option<&'a [u8]> {
    Some(context.plan.proxies.get(index)?.name.as_bytes())
}

fn frontend_name<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    proxy_name(context, context.connection.frontend)
}

/// With `~` behind it if the client's connection has TLS.
fn frontend_transport(context: &Context<'_>, _: Flags, out: &mut Vec<u8>) -> Option<()> {
    let proxy = context.plan.proxies.get(context.connection.frontend)?;
    out.extend_from_slice(proxy.name.as_bytes());
    // Also before, or without, a handshake that succeeded.
    let bind = proxy.binds.get(context.connection.bind);
    if context.connection.tls.is_some() || bind.is_some_and(|bind| bind.tls.enabled.is_some()) {
        out.push(b'~');
    }
    Some(())
}

/// The frontend's name until a backend is chosen.
fn backend_name<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    proxy_name(context, context.backend.unwrap_or(context.connection.frontend))
}

fn server_name<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    let server = || {
        let backend = context.plan.proxies.get(context.backend?)?;
        backend.servers.get(context.server?)
    };
    Some(server().map_or(b"<NOSRV>", |server| server.name.value.as_bytes()))
}

fn hostname<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    Some(context.process.hostname.as_bytes())
}

fn pid(context: &Context<'_>) -> Option<i64> {
    Some(context.process.pid)
}

fn unique_id<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    context.exchange.unique_id.as_deref()
}

// --------------------------------------------------------------------------------- Counters

fn active(context: &Context<'_>) -> Option<i64> {
    Some(context.counters.connections())
}

fn frontend_connections(context: &Context<'_>) -> Option<i64> {
    Some(context.counters.frontend_connections(context.connection.frontend))
}

fn backend_connections(context: &Context<'_>) -> Option<i64> {
    Some(context.backend.map_or(0, |it| context.counters.backend_connections(it)))
}

fn backend_queue(context: &Context<'_>) -> Option<i64> {
    Some(context.backend.map_or(0, |it| context.counters.queue(it)))
}

fn server_connections(context: &Context<'_>) -> Option<i64> {
    let count = |(backend, server)| context.counters.server_connections(backend, server);
    Some(context.backend.zip(context.server).map_or(0, count))
}

fn server_queue(context: &Context<'_>) -> Option<i64> {
    let count = |(backend, server)| context.counters.server_queue(backend, server);
    Some(context.backend.zip(context.server).map_or(0, count))
}

fn bytes_out(context: &Context<'_>) -> Option<i64> {
    i64::try_from(context.exchange.bytes_out).ok()
}

fn bytes_in(context: &Context<'_>) -> Option<i64> {
    i64::try_from(context.exchange.bytes_in).ok()
}

/// With `+` before it if another server was chosen.
fn retries(context: &Context<'_>, _: Flags, out: &mut Vec<u8>) -> Option<()> {
    if context.exchange.redispatched {
        out.push(b'+');
    }
    decimal(context.exchange.retries, out);
    Some(())
}

fn request_number(context: &Context<'_>) -> Option<i64> {
    i64::try_from(context.exchange.number).ok()
}

// ------------------------------------------------------------------------------------ Requests

/// What stands for a request that was never understood.
const BAD: &[u8] = b"<BADREQ>";

fn line<'a>(context: &Context<'a>) -> Option<&'a RequestLine> {
    let exchange: &'a Exchange = context.exchange;
    exchange.line.as_ref()
}

fn of_line<'a>(context: &Context<'a>, get: fn(&'a [u8]) -> &'a [u8]) -> Option<&'a [u8]> {
    let target = line(context).map(RequestLine::target);
    Some(target.map_or(BAD, get))
}

/// As it is now, or as it came once the request is gone.
fn method<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    let kept = || line(context).map_or(BAD, RequestLine::method);
    Some(context.request.map_or_else(kept, |view| view.method()))
}

fn target<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    of_line(context, |target| target)
}

/// The bytes before the question mark, and those from it on.
fn split(target: &[u8]) -> (&[u8], &[u8]) {
    let at = target.iter().position(|&byte| byte == b'?').unwrap_or(target.len());
    target.split_at(at)
}

fn target_without_query<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    of_line(context, |target| split(target).0)
}

fn path<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    of_line(context, |target| crate::rules::target::Target::of(target).path())
}

fn query<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    of_line(context, |target| split(target).1)
}

fn version(context: &Context<'_>, _: Flags, out: &mut Vec<u8>) -> Option<()> {
    let Some(line) = line(context) else {
        out.extend_from_slice(BAD);
        return Some(());
    };
    out.extend_from_slice(b"HTTP/");
    out.extend_from_slice(line.version.as_bytes());
    Some(())
}

fn request_line(context: &Context<'_>, flags: Flags, out: &mut Vec<u8>) -> Option<()> {
    let Some(line) = line(context) else {
        out.extend_from_slice(BAD);
        return Some(());
    };
    out.extend_from_slice(line.method());
    out.push(b' ');
    out.extend_from_slice(line.target());
    out.push(b' ');
    version(context, flags, out)
}

/// -1 until there is one.
fn status(context: &Context<'_>) -> Option<i64> {
    let exchange = context.exchange;
    let response = || context.response.map(|view| view.status());
    let status = exchange.status.or_else(response).or(exchange.server_status);
    Some(status.map_or(-1, i64::from))
}

/// How many slots the frontend declares; rules may add some.
fn declared(context: &Context<'_>, slots: fn(&FrontSettings) -> &Vec<Capture>) -> usize {
    context.plan.proxies.get(context.connection.frontend).map_or(0, |it| slots(&it.front).len())
}

fn request_captures(context: &Context<'_>, flags: Flags, out: &mut Vec<u8>) -> Option<()> {
    let count = declared(context, |front| &front.request_captures);
    encode::captures(&context.exchange.request_captures, count, flags, out)
}

fn request_captures_clf(context: &Context<'_>, flags: Flags, out: &mut Vec<u8>) -> Option<()> {
    let count = declared(context, |front| &front.request_captures);
    encode::captures_clf(&context.exchange.request_captures, count, flags, out)
}

fn response_captures(context: &Context<'_>, flags: Flags, out: &mut Vec<u8>) -> Option<()> {
    let count = declared(context, |front| &front.response_captures);
    encode::captures(&context.exchange.response_captures, count, flags, out)
}

fn response_captures_clf(context: &Context<'_>, flags: Flags, out: &mut Vec<u8>) -> Option<()> {
    let count = declared(context, |front| &front.response_captures);
    encode::captures_clf(&context.exchange.response_captures, count, flags, out)
}

fn request_cookie<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    context.exchange.request_cookie.as_deref()
}

fn response_cookie<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    context.exchange.response_cookie.as_deref()
}

// ------------------------------------------------------------------------------------------ TLS

fn tls<'a>(context: &Context<'a>) -> Option<&'a TlsFacts> {
    context.connection.tls.as_ref()
}

fn tls_cipher<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    Some(tls(context)?.cipher.as_bytes())
}

fn tls_version<'a>(context: &Context<'a>) -> Option<&'a [u8]> {
    Some(tls(context)?.version.as_bytes())
}

// ------------------------------------------------------------------------------------ The table

use Kind::{Address, CaptureList, Captures, Number, Plain, Running, Target, Text};
use Mode::{Any, Http, Tls};

/// The table.
pub const ALIASES: &[Alias] = &[
    alias("B", Running, Any, "Bytes sent to the client.", Get::Int(bytes_out)),
    alias("CC", Text, Http, "The captured cookie of the request.", Get::Str(request_cookie)),
    alias("CS", Text, Http, "The captured cookie of the response.", Get::Str(response_cookie)),
    alias("H", Text, Any, "The name of this host.", Get::Str(hostname)),
    alias("HM", Text, Http, "The request's method.", Get::Str(method)),
    alias(
        "HP",
        Target,
        Http,
        "The request's target as it came, without its query.",
        Get::Str(target_without_query),
    ),
    alias("HPO", Target, Http, "The request's path as it came.", Get::Str(path)),
    alias(
        "HQ",
        Target,
        Http,
        "The request's query as it came, question mark included.",
        Get::Str(query),
    ),
    alias("HU", Target, Http, "The request's target as it came.", Get::Str(target)),
    alias("HV", Text, Http, "The request's version, `HTTP/1.1`.", Get::Text(version)),
    alias("ID", Text, Any, "The request's identifier (`unique-id-format`).", Get::Str(unique_id)),
    alias("ST", Number(0), Any, "The response's status; -1 before there is one.", Get::Int(status)),
    alias("T", Plain, Any, "When the connection was accepted, in UTC.", Get::Text(accept_date)),
    alias(
        "TR",
        Number(0),
        Http,
        "Milliseconds to receive the request's head.",
        Get::Int(request_ms),
    ),
    alias(
        "Ta",
        Running,
        Http,
        "Milliseconds from the request's first byte to the end.",
        Get::Int(active_ms),
    ),
    alias("Tc", Number(0), Any, "Milliseconds to connect to the server.", Get::Int(connect_ms)),
    alias("Td", Number(0), Any, "Milliseconds of the transfer of data.", Get::Int(data_ms)),
    alias("Th", Number(0), Any, "Milliseconds of handshakes.", Get::Int(handshake_ms)),
    alias("Ti", Number(0), Http, "Milliseconds before the request.", Get::Int(idle_ms)),
    alias(
        "Tl",
        Plain,
        Any,
        "When the connection was accepted, in local time.",
        Get::Text(accept_date_local),
    ),
    alias(
        "Tq",
        Number(0),
        Http,
        "Milliseconds until the request was there.",
        Get::Int(until_request_ms),
    ),
    alias(
        "Tr",
        Number(0),
        Http,
        "Milliseconds until the response's head was there.",
        Get::Int(response_ms),
    ),
    alias(
        "Ts",
        Number(1),
        Any,
        "When the connection was accepted, in seconds since 1970.",
        Get::Int(accept_seconds),
    ),
    alias("Tt", Running, Any, "Milliseconds from accept to the end.", Get::Int(total_ms)),
    alias("Tu", Running, Any, "Milliseconds as the client sees it.", Get::Int(user_ms)),
    alias("Tw", Number(0), Any, "Milliseconds in queues.", Get::Int(queue_ms)),
    alias("U", Number(0), Any, "Bytes received from the client.", Get::Int(bytes_in)),
    alias("ac", Number(0), Any, "Connections in progress.", Get::Int(active)),
    alias(
        "b",
        Text,
        Any,
        "The backend's name; the frontend's before one is chosen.",
        Get::Str(backend_name),
    ),
    alias(
        "bc",
        Number(0),
        Any,
        "Connections in progress in the backend.",
        Get::Int(backend_connections),
    ),
    alias(
        "bi",
        Address,
        Any,
        "The address we connected to the server from.",
        Get::Addr(backend_ip),
    ),
    alias(
        "bp",
        Number(4),
        Any,
        "The port we connected to the server from.",
        Get::Int(backend_port),
    ),
    alias("bq", Number(0), Any, "Requests in the backend's queue.", Get::Int(backend_queue)),
    alias("ci", Address, Any, "The client's address.", Get::Addr(client_ip)),
    alias("cp", Number(4), Any, "The client's port.", Get::Int(client_port)),
    alias("f", Text, Any, "The frontend's name.", Get::Str(frontend_name)),
    alias(
        "fc",
        Number(0),
        Any,
        "Connections in progress in the frontend.",
        Get::Int(frontend_connections),
    ),
    alias("fi", Address, Any, "The address the client connected to.", Get::Addr(frontend_ip)),
    alias("fp", Number(4), Any, "The port the client connected to.", Get::Int(frontend_port)),
    alias("ft", Text, Any, "The frontend's name, with `~` for TLS.", Get::Text(frontend_transport)),
    alias(
        "hr",
        Captures,
        Any,
        "The captured fields of the request, `{a|b}`.",
        Get::Text(request_captures),
    ),
    alias(
        "hrl",
        CaptureList,
        Any,
        "The captured fields of the request, `\"a\" \"b\"`.",
        Get::Text(request_captures_clf),
    ),
    alias(
        "hs",
        Captures,
        Any,
        "The captured fields of the response, `{a|b}`.",
        Get::Text(response_captures),
    ),
    alias(
        "hsl",
        CaptureList,
        Any,
        "The captured fields of the response, `\"a\" \"b\"`.",
        Get::Text(response_captures_clf),
    ),
    alias("lc", Number(0), Any, "The number of the frontend's log line.", Get::Int(log_counter)),
    alias("ms", Number(0), Any, "The milliseconds of the accept date.", Get::Text(accept_ms)),
    alias("pid", Number(4), Any, "The process's number.", Get::Int(pid)),
    alias("r", Target, Http, "The request line as it came.", Get::Text(request_line)),
    alias(
        "rc",
        Number(0),
        Any,
        "Retries, with `+` if another server was chosen.",
        Get::Text(retries),
    ),
    alias("rt", Number(4), Any, "The number of the request.", Get::Int(request_number)),
    alias("s", Text, Any, "The server's name; `<NOSRV>` if none is chosen.", Get::Str(server_name)),
    alias(
        "sc",
        Number(0),
        Any,
        "Connections in progress on the server.",
        Get::Int(server_connections),
    ),
    alias("si", Address, Any, "The server's address.", Get::Addr(server_ip)),
    alias("sp", Number(4), Any, "The server's port.", Get::Int(server_port)),
    alias("sq", Number(0), Any, "Requests in the server's queue.", Get::Int(server_queue)),
    alias("sslc", Text, Tls, "The cipher suite of the client's connection.", Get::Str(tls_cipher)),
    alias("sslv", Text, Tls, "The TLS version of the client's connection.", Get::Str(tls_version)),
    alias(
        "t",
        Plain,
        Any,
        "When the connection was accepted, in local time with milliseconds.",
        Get::Text(accept_date_ms),
    ),
    alias(
        "tr",
        Plain,
        Http,
        "When the request came, in local time with milliseconds.",
        Get::Text(request_date_ms),
    ),
    alias("trg", Plain, Http, "When the request came, in UTC.", Get::Text(request_date)),
    alias(
        "trl",
        Plain,
        Http,
        "When the request came, in local time.",
        Get::Text(request_date_local),
    ),
    alias("ts", Plain, Any, "How the exchange ended, two characters.", Get::Text(ending)),
    alias(
        "tsc",
        Plain,
        Http,
        "How the exchange ended, with the state of the cookie.",
        Get::Text(ending_cookie),
    ),
];
