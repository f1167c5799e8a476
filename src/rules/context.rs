//! What expressions are evaluated against: facts that are passed in, never fetched.

use std::cell::RefCell;
use std::collections::BTreeMap;

use core::net::SocketAddr;

use super::value::Value;
use crate::proto::head::View;

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
}

/// What is known of a TLS connection.
#[derive(Clone, Debug, Default)]
pub struct TlsFacts {
    /// The name the client asked for.
    pub sni: Option<Box<str>>,
    /// The protocol agreed on by ALPN.
    pub alpn: Option<Box<str>>,
    /// `TLSv1.3`.
    pub version: Box<str>,
    /// The cipher suite's name in OpenSSL's spelling.
    pub cipher: Box<str>,
    /// Whether the session was resumed.
    pub resumed: bool,
    /// Whether the client presented a certificate.
    pub client_certificate: bool,
    /// The client certificate, DER.
    pub client_der: Option<Box<[u8]>>,
    /// The result of its verification, OpenSSL's number; 0 is success.
    pub verify_result: i64,
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
    /// Requests waiting for a server.
    fn server_queue(&self, backend: usize, server: usize) -> i64;
    /// Requests in progress on a server.
    fn server_connections(&self, backend: usize, server: usize) -> i64;
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

/// The variables of one exchange (`txn.`, `req.`, `res.`, `sess.`, `proc.`).
///
/// Limits: [`VARIABLES_MAX`] of them; setting one more does nothing.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    values: RefCell<BTreeMap<VariableName, Value<'static>>>,
}

/// How many variables an exchange may have.
pub const VARIABLES_MAX: usize = 1024;

impl Variables {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<Value<'static>> {
        self.values.borrow().get(name).cloned()
    }

    /// Sets a variable.
    pub fn set(&self, name: &str, value: Value<'static>) {
        let mut values = self.values.borrow_mut();
        if values.len() < VARIABLES_MAX || values.contains_key(name) {
            values.insert(name.into(), value);
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
    /// The request's head, once it is there.
    pub request: Option<View<'a>>,
    /// The response's head, once it is there.
    pub response: Option<View<'a>>,
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
    /// Time and chance.
    pub moment: Moment,
    /// The plan, for names.
    pub plan: &'a crate::config::plan::Plan,
}
