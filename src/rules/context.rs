//! What expressions are evaluated against: facts that are passed in, never fetched.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use core::net::SocketAddr;

use super::ending::{CookieState, Ending, Times};
use super::value::Value;
use crate::config::source::Span;
use crate::proto::head::View;
use crate::stick::{Local, Tracks};

/// What is known of the client's connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The client's address and port (after PROXY protocol).
    pub source: SocketAddr,
    /// The address it connected to.
    pub destination: SocketAddr,
    /// TLS, if the connection has it.
    pub tls: Option<TlsFacts>,
    /// The frontend, an index into `Plan::proxies`.
    pub frontend: usize,
    /// The bind's `name` or `id`, by its place in the frontend.
    pub bind: usize,
    /// When it was accepted, in microseconds since 1970-01-01 UTC.
    pub accepted_us: u64,
    /// Its number on its worker, from 1: no two have the same, whatever their addresses.
    pub serial: u64,
    /// The protocol spoken on it: 1 or 2; 0 if it passes bytes.
    pub http_major: u8,
    /// What a PROXY protocol header said, if one came.
    pub proxy_protocol: Option<ProxyFacts>,
}

/// What a PROXY protocol header carries besides addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyFacts {
    /// The address and port of whom the connection came from, who said so.
    pub source: SocketAddr,
    /// The address that this one connected to.
    pub destination: SocketAddr,
    /// Types and values, in order; version 1 has none. At most 1024 bytes each.
    pub tlvs: Vec<(u8, Box<[u8]>)>,
}

/// What is known of a TLS connection.
#[derive(Clone, Debug, Default)]
pub struct TlsFacts {
    /// The name the client asked for.
    pub sni: Option<Box<str>>,
    /// The protocol agreed on by ALPN.
    pub alpn: Option<Cow<'static, str>>,
    /// `TLSv1.3`.
    pub version: Cow<'static, str>,
    /// The cipher suite's name in OpenSSL's spelling.
    pub cipher: Cow<'static, str>,
    /// Whether the session was resumed.
    pub resumed: bool,
    /// Whether the client presented a certificate.
    pub client_certificate: bool,
    /// The client certificate, DER.
    pub client_der: Option<Arc<[u8]>>,
    /// The result of its verification, OpenSSL's number; 0 is success.
    pub verify_result: i64,
    /// The certificate of our side, DER.
    pub own_der: Option<Arc<[u8]>>,
    /// Whether the request came as early data and the handshake is not yet done.
    pub early: bool,
}

/// What is known of the connection to a server.
#[derive(Clone, Debug)]
pub struct ServerConnection {
    /// The address we connected from.
    pub source: SocketAddr,
    /// The address we connected to.
    pub destination: SocketAddr,
    /// TLS, if the connection has it; the certificates are those of the server.
    pub tls: Option<TlsFacts>,
    /// The protocol spoken on it: 1 or 2; 0 if it passes bytes.
    pub http_major: u8,
}

/// What is known of one request and its response besides their heads: it outlives them, so rules for
/// responses and logs can ask.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// How many requests came on this connection before.
    pub number: u64,
    /// When its first byte came, in microseconds since 1970-01-01 UTC.
    pub started_us: u64,
    /// What stands for the connection's source since `set-src` or `set-src-port`.
    pub source: Option<SocketAddr>,
    /// What stands for the connection's destination since `set-dst` or `set-dst-port`.
    pub destination: Option<SocketAddr>,
    /// The request line as it came: method, target, version. `None` until it was read.
    pub line: Option<RequestLine>,
    /// The version of the response as it came: `1.1`.
    pub response_version: Option<&'static str>,
    /// What `unique-id-format` made.
    pub unique_id: Option<Box<[u8]>>,
    /// What `capture request header` and `http-request capture` kept, by slot.
    pub request_captures: Vec<Option<Box<[u8]>>>,
    /// What `capture response header` and `http-response capture` kept, by slot.
    pub response_captures: Vec<Option<Box<[u8]>>>,
    /// What `capture cookie` kept of the request.
    pub request_cookie: Option<Box<[u8]>>,
    /// What `capture cookie` kept of the response.
    pub response_cookie: Option<Box<[u8]>>,
    /// The server that the client is bound to: by `use-server`, its cookie, a stick table. The balance
    /// chooses if it is none, or if that server does not answer.
    pub bound: Option<usize>,
    /// What is known of the cookie that binds it.
    pub cookie: CookieState,
    /// What failed on the client's connection, if that is why there is no request.
    pub failure: Option<Failure>,
    /// The number of this exchange's log line among those of its frontend: set when it is written.
    pub log_number: Cell<u64>,
    /// The rule that ended a list of rules last: its line.
    pub last_rule: Option<Span>,
    /// What `set-priority-class` set.
    pub priority_class: i64,
    /// What `set-priority-offset` set.
    pub priority_offset: i64,
    /// What `set-timeout client` set, in milliseconds.
    pub client_timeout_ms: Option<u64>,
    /// What `set-timeout server` set, in milliseconds.
    pub server_timeout_ms: Option<u64>,
    /// What `set-timeout tunnel` set, in milliseconds.
    pub tunnel_timeout_ms: Option<u64>,
    /// How often a server was dialled again.
    pub retries: i64,
    /// Whether another server was chosen after a failure.
    pub redispatched: bool,
    /// The status as the server sent it.
    pub server_status: Option<u16>,
    /// Bytes from the client to the server.
    pub bytes_in: u64,
    /// Bytes from the server to the client.
    pub bytes_out: u64,
    /// When each step happened.
    pub times: Times,
    /// How it ended.
    pub ending: Ending,
    /// Whether a rule refused the request or the response.
    pub denied: bool,
    /// The status that the client got; `None` before there is one.
    pub status: Option<u16>,
}

impl Exchange {
    /// Where it comes from: what stands for the connection's source, if something does.
    pub fn source(&self, connection: &Connection) -> SocketAddr {
        self.source.unwrap_or(connection.source)
    }
}

/// What failed on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// HAProxy's number for it.
    pub number: i64,
    /// HAProxy's phrase.
    pub text: Box<str>,
}

/// A request line as it came in, kept for responses and logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine {
    /// Method and target, in one piece of memory: every request has one.
    text: Vec<u8>,
    method: usize,
    /// `1.1`.
    pub version: &'static str,
}

impl RequestLine {
    /// Of this request.
    pub fn new(method: &[u8], target: &[u8], version: &'static str) -> RequestLine {
        RequestLine::in_room(Vec::new(), method, target, version)
    }

    /// The same, kept in a vector that had another use before.
    pub fn in_room(
        mut room: Vec<u8>,
        method: &[u8],
        target: &[u8],
        version: &'static str,
    ) -> RequestLine {
        room.clear();
        room.reserve(method.len() + target.len());
        room.extend_from_slice(method);
        room.extend_from_slice(target);
        RequestLine { text: room, method: method.len(), version }
    }

    /// `GET`.
    pub fn method(&self) -> &[u8] {
        self.text.get(..self.method).unwrap_or_default()
    }

    /// The target, in the form it came in.
    pub fn target(&self) -> &[u8] {
        self.text.get(self.method..).unwrap_or_default()
    }

    /// The vector, for another use.
    pub fn into_room(self) -> Vec<u8> {
        self.text
    }
}

/// What is known of the process. Changes never.
#[derive(Clone, Debug, Default)]
pub struct ProcessFacts {
    /// The host's name.
    pub hostname: Box<str>,
    /// The process's number.
    pub pid: i64,
    /// When it started, in microseconds since 1970-01-01 UTC.
    pub started_us: u64,
    /// Which worker evaluates, from 0.
    pub worker: usize,
}

/// What is known of the running proxies; every answer is a snapshot.
pub trait Counters {
    /// Usable servers of a backend.
    fn servers_up(&self, backend: usize) -> i64;
    /// Requests in progress in a backend.
    fn backend_connections(&self, backend: usize) -> i64;
    /// Connections in progress in a frontend.
    fn frontend_connections(&self, frontend: usize) -> i64;
    /// Requests waiting in a backend's queue and its servers' queues.
    fn queue(&self, backend: usize) -> i64;
    /// Whether a server is up: backend, index in it.
    fn server_up(&self, backend: usize, server: usize) -> bool;
    /// Requests in progress on a server.
    fn server_connections(&self, backend: usize, server: usize) -> i64;
    /// Requests waiting in a server's queue.
    fn server_queue(&self, backend: usize, server: usize) -> i64;
    /// Connections in progress in the process.
    fn connections(&self) -> i64;
    /// Connections in progress on a bind: frontend, index in it.
    fn bind_connections(&self, frontend: usize, bind: usize) -> i64;
    /// A rate of the last second.
    fn rate(&self, of: Rate) -> i64;
    /// Whether the process is stopping.
    fn stopping(&self) -> bool;
    /// Where a server is: backend, index in it; `None` if that is not known.
    fn server_address(&self, _backend: usize, _server: usize) -> Option<SocketAddr> {
        None
    }
}

/// What a rate is of: events in the last second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// Connections accepted by a frontend.
    FrontendConnections(usize),
    /// Requests read by a frontend.
    FrontendRequests(usize),
    /// Requests that reached a backend.
    Backend(usize),
    /// Requests that reached a server: backend, index in it.
    Server(usize, usize),
}

/// The time of day and a source of random numbers: passed in, so that evaluation can be repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Microseconds since 1970-01-01 UTC.
    pub unix_us: u64,
    /// A random number, new for each evaluation.
    pub random: u64,
}

/// A variable's name: `txn.name` is scope and name in one.
pub type VariableName = Box<str>;

/// The variables of one exchange (`txn.`, `req.`, `res.`, `sess.`, `proc.`), and what else rules leave
/// behind for later ones: the entries they track.
///
/// Limits: [`VARIABLES_MAX`] of them; setting one more does nothing.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    values: RefCell<BTreeMap<VariableName, Value<'static>>>,
    /// Whether the response is processed.
    replying: Cell<bool>,
    tracks: Tracks,
}

/// How many variables an exchange may have.
pub const VARIABLES_MAX: usize = 1024;

impl Variables {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<Value<'static>> {
        self.values.borrow().get(name).cloned()
    }

    /// Sets a variable; whether it could: those of the response (`res.`) wait for it, those of the
    /// request (`req.`) are over then.
    pub fn set(&self, name: &str, value: Value<'static>) -> bool {
        let absent = if self.replying.get() { "req." } else { "res." };
        let mut values = self.values.borrow_mut();
        let room = values.len() < VARIABLES_MAX || values.contains_key(name);
        if !room || name.starts_with(absent) {
            return false;
        }
        values.insert(name.into(), value);
        true
    }

    /// The entries of stick tables that the connection and the exchange are counted in.
    pub fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    /// A request is processed from now on: variables of a response (`res.`) are over.
    pub fn request_begins(&self) {
        self.begin(false, "res.");
    }

    /// A response is processed from now on: variables of the request (`req.`) are over.
    pub fn response_begins(&self) {
        self.begin(true, "req.");
    }

    fn begin(&self, replying: bool, over: &str) {
        if self.replying.replace(replying) != replying {
            let mut values = self.values.borrow_mut();
            if !values.is_empty() {
                values.retain(|name, _| !name.starts_with(over));
            }
        }
    }

    /// The exchange is over: only variables of the connection (`sess.`) and of the process stay.
    pub fn exchange_ends(&self) {
        self.replying.set(false);
        let mut values = self.values.borrow_mut();
        if !values.is_empty() {
            values.retain(|name, _| name.starts_with("sess.") || name.starts_with("proc."));
        }
    }

    /// Forgets a variable.
    pub fn unset(&self, name: &str) {
        self.values.borrow_mut().remove(name);
    }
}

/// Everything an expression can see.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The client's connection.
    pub connection: &'a Connection,
    /// The request's head: once it is there, and until the request is sent to the server. What rules
    /// for responses and logs may know of the request stands in `exchange`.
    pub request: Option<View<'a>>,
    /// The response's head, once it is there.
    pub response: Option<View<'a>>,
    /// What outlives the heads.
    pub exchange: &'a Exchange,
    /// The connection to the server, once there is one.
    pub server_connection: Option<&'a ServerConnection>,
    /// The proxy whose rules run, an index into `Plan::proxies`.
    pub proxy: usize,
    /// The backend chosen, if one is.
    pub backend: Option<usize>,
    /// The server chosen, if one is: its index in the backend.
    pub server: Option<usize>,
    /// The exchange's variables.
    pub variables: &'a Variables,
    /// Counters of the proxies.
    pub counters: &'a dyn Counters,
    /// The stick tables.
    pub tables: &'a Local,
    /// Time and chance.
    pub moment: Moment,
    /// The process.
    pub process: &'a ProcessFacts,
    /// The plan, for names.
    pub plan: &'a crate::config::plan::Plan,
}
