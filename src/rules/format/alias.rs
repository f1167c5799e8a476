//! The `%`-names of log formats.
//!
//! One entry a name: what it gives, where it is known, and how it is had from a [`Context`]. What only
//! a log line knows gives nothing until then.

use std::borrow::Cow;

use core::net::SocketAddr;

use crate::rules::context::{Context, RequestLine, TlsFacts};
use crate::rules::value::Value;

/// What an alias gives: it decides about quotes and hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A piece of a request's target: unsafe bytes become `#XX`.
    Target,
    /// A number; with `X` in at least so many hexadecimal digits, or in decimal ones if zero.
    Number(usize),
    /// An address.
    Address,
    /// A date.
    Date,
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

/// From when on an alias is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// In rules too, as far as the exchange got.
    Rules,
    /// In log lines only.
    Log,
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
    /// From when on it is known.
    pub known: Known,
    /// Its value.
    pub get: for<'a> fn(&Context<'a>) -> Option<Value<'a>>,
}

impl std::fmt::Debug for Alias {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "%{}", self.name)
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

const fn alias(
    name: &'static str,
    kind: Kind,
    mode: Mode,
    known: Known,
    about: &'static str,
    get: for<'a> fn(&Context<'a>) -> Option<Value<'a>>,
) -> Alias {
    Alias { name, about, kind, mode, known, get }
}

fn later<'a>(_: &Context<'a>) -> Option<Value<'a>> {
    None
}

// ---------------------------------------------------------------------------------------- Dates

/// `day/Mon/year:hour:minute:second` in UTC.
fn date(unix_us: u64, format: &str) -> Option<Value<'static>> {
    let at = jiff::Timestamp::from_microsecond(i64::try_from(unix_us).ok()?).ok()?;
    Some(Value::string(jiff::fmt::strtime::format(format, at).ok()?))
}

const DATE: &str = "%d/%b/%Y:%H:%M:%S";
const DATE_ZONE: &str = "%d/%b/%Y:%H:%M:%S %z";

fn date_ms(unix_us: u64) -> Option<Value<'static>> {
    let seconds = date(unix_us, DATE)?.into_text();
    let seconds = String::from_utf8_lossy(&seconds);
    Some(Value::string(format!("{seconds}.{:03}", unix_us / 1000 % 1000)))
}

fn accept_date<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    date(context.connection.accepted_us, DATE_ZONE)
}

fn accept_seconds<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    i64::try_from(context.connection.accepted_us / 1_000_000).ok().map(Value::Int)
}

fn accept_date_ms<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    date_ms(context.connection.accepted_us)
}

fn accept_ms<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::string(format!("{:03}", context.connection.accepted_us / 1000 % 1000)))
}

fn request_date<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    date(context.exchange.started_us, DATE_ZONE)
}

fn request_date_ms<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    date_ms(context.exchange.started_us)
}

// ------------------------------------------------------------------------------------ Addresses

fn source(context: &Context<'_>) -> SocketAddr {
    context.exchange.source.unwrap_or(context.connection.source)
}

fn destination(context: &Context<'_>) -> SocketAddr {
    context.exchange.destination.unwrap_or(context.connection.destination)
}

fn ip(address: SocketAddr) -> Option<Value<'static>> {
    Some(Value::Addr(address.ip().to_canonical()))
}

fn port(address: SocketAddr) -> Option<Value<'static>> {
    Some(Value::Int(i64::from(address.port())))
}

fn client_ip<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    ip(source(context))
}

fn client_port<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    port(source(context))
}

fn frontend_ip<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    ip(destination(context))
}

fn frontend_port<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    port(destination(context))
}

fn backend_ip<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    ip(context.server_connection?.source)
}

fn backend_port<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    port(context.server_connection?.source)
}

fn server_ip<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    ip(context.server_connection?.destination)
}

fn server_port<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    port(context.server_connection?.destination)
}

// ---------------------------------------------------------------------------------------- Names

fn proxy_name<'a>(context: &Context<'a>, index: usize) -> Option<Value<'a>> {
    Some(Value::str(context.plan.proxies.get(index)?.name.as_bytes()))
}

fn frontend_name<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    proxy_name(context, context.connection.frontend)
}

/// With `~` behind it if the client's connection has TLS.
fn frontend_transport<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    let name = frontend_name(context)?;
    match context.connection.tls {
        None => Some(name),
        Some(_) => {
            let mut text = name.into_text().into_owned();
            text.push(b'~');
            Some(Value::string(text))
        }
    }
}

/// The frontend's name until a backend is chosen.
fn backend_name<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    proxy_name(context, context.backend.unwrap_or(context.connection.frontend))
}

fn server_name<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    let server = || {
        let backend = context.plan.proxies.get(context.backend?)?;
        backend.servers.get(context.server?)
    };
    Some(Value::str(server().map_or(b"<NOSRV>", |server| server.name.value.as_bytes())))
}

fn hostname<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::str(context.process.hostname.as_bytes()))
}

fn pid<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::Int(context.process.pid))
}

fn unique_id<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    context.exchange.unique_id.as_deref().map(Value::str)
}

// --------------------------------------------------------------------------------- Counters

fn active<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::Int(context.counters.connections()))
}

fn frontend_connections<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::Int(context.counters.frontend_connections(context.connection.frontend)))
}

fn backend_connections<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::Int(context.backend.map_or(0, |it| context.counters.backend_connections(it))))
}

fn backend_queue<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::Int(context.backend.map_or(0, |it| context.counters.queue(it))))
}

fn server_connections<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    let count = |(backend, server)| context.counters.server_connections(backend, server);
    Some(Value::Int(context.backend.zip(context.server).map_or(0, count)))
}

fn server_queue<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    let count = |(backend, server)| context.counters.server_queue(backend, server);
    Some(Value::Int(context.backend.zip(context.server).map_or(0, count)))
}

fn bytes_out<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    i64::try_from(context.exchange.bytes_out).ok().map(Value::Int)
}

fn bytes_in<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    i64::try_from(context.exchange.bytes_in).ok().map(Value::Int)
}

/// With `+` before it if another server was chosen.
fn retries<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    let retries = context.exchange.retries;
    match context.exchange.redispatched {
        true => Some(Value::string(format!("+{retries}"))),
        false => Some(Value::Int(retries)),
    }
}

fn request_number<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    i64::try_from(context.exchange.number).ok().map(Value::Int)
}

// ------------------------------------------------------------------------------------ Requests

fn line<'a>(context: &Context<'a>) -> Option<&'a RequestLine> {
    context.exchange.line.as_ref()
}

/// As it is now, or as it came once the request is gone.
fn method<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    match context.request {
        Some(view) => Some(Value::str(view.method())),
        None => Some(Value::str(&line(context)?.method)),
    }
}

fn target<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::str(&line(context)?.target))
}

/// The bytes before the question mark, and those from it on.
fn split(target: &[u8]) -> (&[u8], &[u8]) {
    let at = target.iter().position(|&byte| byte == b'?').unwrap_or(target.len());
    target.split_at(at)
}

fn target_without_query<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::str(split(&line(context)?.target).0))
}

fn path<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    let target: &'a [u8] = &line(context)?.target;
    Some(Value::str(crate::rules::target::Target::of(target).path()))
}

fn query<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::str(split(&line(context)?.target).1))
}

fn version<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::string(format!("HTTP/{}", line(context)?.version)))
}

fn request_line<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    let line = line(context)?;
    let mut text = Vec::with_capacity(line.method.len() + line.target.len() + 10);
    text.extend_from_slice(&line.method);
    text.push(b' ');
    text.extend_from_slice(&line.target);
    text.extend_from_slice(b" HTTP/");
    text.extend_from_slice(line.version.as_bytes());
    Some(Value::string(text))
}

/// -1 until there is one.
fn status<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    let status = context.response.map(|view| view.status()).or(context.exchange.server_status);
    Some(Value::Int(status.map_or(-1, i64::from)))
}

/// `{a|b}`; nothing if no capture is declared.
fn captures<'a>(slots: &[Option<Box<[u8]>>]) -> Option<Value<'a>> {
    if slots.is_empty() {
        return None;
    }
    let mut text = vec![b'{'];
    for (index, slot) in slots.iter().enumerate() {
        if index > 0 {
            text.push(b'|');
        }
        text.extend_from_slice(slot.as_deref().unwrap_or_default());
    }
    text.push(b'}');
    Some(Value::string(text))
}

/// `"a" "b"`.
fn captures_clf<'a>(slots: &[Option<Box<[u8]>>]) -> Option<Value<'a>> {
    if slots.is_empty() {
        return None;
    }
    let mut text = Vec::new();
    for (index, slot) in slots.iter().enumerate() {
        if index > 0 {
            text.push(b' ');
        }
        text.push(b'"');
        text.extend_from_slice(slot.as_deref().unwrap_or(b"-"));
        text.push(b'"');
    }
    Some(Value::string(text))
}

fn request_captures<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    captures(&context.exchange.request_captures)
}

fn request_captures_clf<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    captures_clf(&context.exchange.request_captures)
}

fn response_captures<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    captures(&context.exchange.response_captures)
}

fn response_captures_clf<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    captures_clf(&context.exchange.response_captures)
}

// ------------------------------------------------------------------------------------------ TLS

fn tls<'a>(context: &Context<'a>) -> Option<&'a TlsFacts> {
    context.connection.tls.as_ref()
}

fn tls_cipher<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::Str(Cow::Borrowed(tls(context)?.cipher.as_bytes())))
}

fn tls_version<'a>(context: &Context<'a>) -> Option<Value<'a>> {
    Some(Value::Str(Cow::Borrowed(tls(context)?.version.as_bytes())))
}

// ------------------------------------------------------------------------------------ The table

use Kind::{Address, Date, Number, Target, Text};
use Known::{Log, Rules};
use Mode::{Any, Http, Tls};

/// The table. Dates "local" are in UTC until logs are built.
pub const ALIASES: &[Alias] = &[
    alias("B", Number(0), Any, Rules, "Bytes sent to the client.", bytes_out),
    alias("CC", Text, Http, Log, "The captured cookie of the request.", later),
    alias("CS", Text, Http, Log, "The captured cookie of the response.", later),
    alias("H", Text, Any, Rules, "The name of this host.", hostname),
    alias("HM", Text, Http, Rules, "The request's method.", method),
    alias(
        "HP",
        Target,
        Http,
        Rules,
        "The request's target as it came, without its query.",
        target_without_query,
    ),
    alias("HPO", Target, Http, Rules, "The request's path as it came.", path),
    alias(
        "HQ",
        Target,
        Http,
        Rules,
        "The request's query as it came, question mark included.",
        query,
    ),
    alias("HU", Target, Http, Rules, "The request's target as it came.", target),
    alias("HV", Text, Http, Rules, "The request's version, `HTTP/1.1`.", version),
    alias("ID", Text, Any, Rules, "The request's identifier (`unique-id-format`).", unique_id),
    alias("ST", Number(0), Any, Rules, "The response's status; -1 before there is one.", status),
    alias("T", Date, Any, Rules, "When the connection was accepted, in UTC.", accept_date),
    alias("TR", Number(0), Http, Log, "Milliseconds to receive the request's head.", later),
    alias(
        "Ta",
        Number(0),
        Http,
        Log,
        "Milliseconds from the request's first byte to the end.",
        later,
    ),
    alias("Tc", Number(0), Any, Log, "Milliseconds to connect to the server.", later),
    alias("Td", Number(0), Any, Log, "Milliseconds of the transfer of data.", later),
    alias("Th", Number(0), Any, Log, "Milliseconds of handshakes.", later),
    alias("Ti", Number(0), Http, Log, "Milliseconds before the request.", later),
    alias("Tl", Date, Any, Rules, "When the connection was accepted, in local time.", accept_date),
    alias("Tq", Number(0), Http, Log, "Milliseconds until the request was there.", later),
    alias("Tr", Number(0), Http, Log, "Milliseconds until the response's head was there.", later),
    alias(
        "Ts",
        Number(1),
        Any,
        Rules,
        "When the connection was accepted, in seconds since 1970.",
        accept_seconds,
    ),
    alias("Tt", Number(0), Any, Log, "Milliseconds from accept to the end.", later),
    alias("Tu", Number(0), Any, Log, "Milliseconds as the client sees it.", later),
    alias("Tw", Number(0), Any, Log, "Milliseconds in queues.", later),
    alias("U", Number(0), Any, Rules, "Bytes received from the client.", bytes_in),
    alias("ac", Number(0), Any, Rules, "Connections in progress.", active),
    alias(
        "b",
        Text,
        Any,
        Rules,
        "The backend's name; the frontend's before one is chosen.",
        backend_name,
    ),
    alias(
        "bc",
        Number(0),
        Any,
        Rules,
        "Connections in progress in the backend.",
        backend_connections,
    ),
    alias("bi", Address, Any, Rules, "The address we connected to the server from.", backend_ip),
    alias("bp", Number(4), Any, Rules, "The port we connected to the server from.", backend_port),
    alias("bq", Number(0), Any, Rules, "Requests in the backend's queue.", backend_queue),
    alias("ci", Address, Any, Rules, "The client's address.", client_ip),
    alias("cp", Number(4), Any, Rules, "The client's port.", client_port),
    alias("f", Text, Any, Rules, "The frontend's name.", frontend_name),
    alias(
        "fc",
        Number(0),
        Any,
        Rules,
        "Connections in progress in the frontend.",
        frontend_connections,
    ),
    alias("fi", Address, Any, Rules, "The address the client connected to.", frontend_ip),
    alias("fp", Number(4), Any, Rules, "The port the client connected to.", frontend_port),
    alias("ft", Text, Any, Rules, "The frontend's name, with `~` for TLS.", frontend_transport),
    alias("hr", Text, Any, Rules, "The captured fields of the request, `{a|b}`.", request_captures),
    alias(
        "hrl",
        Text,
        Any,
        Rules,
        "The captured fields of the request, `\"a\" \"b\"`.",
        request_captures_clf,
    ),
    alias(
        "hs",
        Text,
        Any,
        Rules,
        "The captured fields of the response, `{a|b}`.",
        response_captures,
    ),
    alias(
        "hsl",
        Text,
        Any,
        Rules,
        "The captured fields of the response, `\"a\" \"b\"`.",
        response_captures_clf,
    ),
    alias("lc", Number(0), Any, Log, "The number of the frontend's log line.", later),
    alias("ms", Number(0), Any, Rules, "The milliseconds of the accept date.", accept_ms),
    alias("pid", Number(4), Any, Rules, "The process's number.", pid),
    alias("r", Target, Http, Rules, "The request line as it came.", request_line),
    alias("rc", Number(0), Any, Rules, "Retries, with `+` if another server was chosen.", retries),
    alias("rt", Number(4), Any, Rules, "The number of the request.", request_number),
    alias("s", Text, Any, Rules, "The server's name; `<NOSRV>` if none is chosen.", server_name),
    alias(
        "sc",
        Number(0),
        Any,
        Rules,
        "Connections in progress on the server.",
        server_connections,
    ),
    alias("si", Address, Any, Rules, "The server's address.", server_ip),
    alias("sp", Number(4), Any, Rules, "The server's port.", server_port),
    alias("sq", Number(0), Any, Rules, "Requests in the server's queue.", server_queue),
    alias("sslc", Text, Tls, Rules, "The cipher suite of the client's connection.", tls_cipher),
    alias("sslv", Text, Tls, Rules, "The TLS version of the client's connection.", tls_version),
    alias(
        "t",
        Date,
        Any,
        Rules,
        "When the connection was accepted, in local time with milliseconds.",
        accept_date_ms,
    ),
    alias(
        "tr",
        Date,
        Http,
        Rules,
        "When the request came, in local time with milliseconds.",
        request_date_ms,
    ),
    alias("trg", Date, Http, Rules, "When the request came, in UTC.", request_date),
    alias("trl", Date, Http, Rules, "When the request came, in local time.", request_date),
    alias("ts", Text, Any, Log, "How the exchange ended, two characters.", later),
    alias("tsc", Text, Http, Log, "How the exchange ended, with the state of the cookie.", later),
];
