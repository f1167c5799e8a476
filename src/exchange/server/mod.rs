//! A connection to a server: chosen, taken from the pool or dialled, given back.
//!
//! In: a backend, what `use-server` chose, the exchange's facts. Out: a [`Link`], or why there is none.
//! Balancing, `maxconn` with its queue, `timeout queue` and `connect`, `retries`, `option redispatch`,
//! the source address, TLS with its `sni`, the PROXY protocol: all of it happens here.

use std::net::SocketAddr;
use std::rc::Rc;

use super::site::Site;
use super::transport::Transport;
use crate::rules::context::ServerConnection;
use crate::rules::walk::Walk;

/// Where the servers of a plan are and what they need: made at the start (names resolved, files
/// loaded), shared by the workers.
#[derive(Debug)]
pub struct Destinations {
    /// By proxy (all of `Plan::proxies`), then by server.
    pub servers: Vec<Vec<Destination>>,
}

/// Where one server is.
#[derive(Debug)]
pub struct Destination {
    /// Its address; `None` while its name has none (`init-addr none`), and then it is not used. For a
    /// Unix socket see `unix`. A port of 0 is the port that the client connected to, plus `port_offset`.
    pub address: Option<SocketAddr>,
    /// Its Unix socket, instead of an address.
    pub unix: Option<crate::worker::SocketAddress>,
    /// What is added to the client's port if `address` has none.
    pub port_offset: i32,
    /// What its TLS needs, if it has any.
    pub tls: Option<std::sync::Arc<crate::tls::ServerTls>>,
}

/// A worker's way to the servers: destinations and idle connections.
#[derive(Debug)]
pub struct Servers {}

impl Servers {
    /// With no idle connection yet. A task that watches idle connections (closes what the server
    /// closed, what is too many, what is too old) is spawned on the site's worker by [`watch`].
    pub fn new(_destinations: std::sync::Arc<Destinations>) -> Servers {
        unimplemented!()
    }
}

/// Watches the idle connections of a site until the worker stops. To be spawned once.
pub async fn watch(_site: Rc<Site>) {
    unimplemented!()
}

/// A connection to a server for one exchange. Dropping it closes it and frees the server's slot.
pub struct Link {
    /// The connection.
    pub transport: Transport,
    /// What rules and logs may know of it.
    pub facts: ServerConnection,
    /// The backend, an index into `Plan::proxies`.
    pub backend: usize,
    /// The server, its index there.
    pub server: usize,
    /// Whether it carried requests before.
    pub reused: bool,
    _slot: (),
}

impl Link {
    /// Gives it back for the next exchange. Only for one whose both directions are known to be
    /// complete.
    pub fn give_back(self, _site: &Rc<Site>) {
        unimplemented!()
    }
}

/// What kind of connection is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// For TCP mode: its own.
    Own,
    /// For the first request of a client's connection (`http-reuse safe` dials for it unless an idle
    /// one has proved itself).
    First,
    /// For a later request.
    Later,
    /// A new one: an idle one failed this request before it was sent whole.
    Fresh,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No server is usable: 503, `SC--`.
    NoServer,
    /// The queue was full: 503, `SQ--`.
    QueueFull,
    /// `timeout queue`: 503, `sQ--`.
    QueueTimeout,
    /// The last attempt was refused or reset: 503, `SC--`.
    Connect,
    /// The last attempt took longer than `timeout connect`: 503, `sC--`.
    ConnectTimeout,
    /// The TLS handshake with the server failed: 503, `SC--`.
    Handshake,
    /// No descriptor, port or buffer for it: 503, `RC--`.
    Resource,
}

/// Takes a connection to a server of `walk.backend`, which it sets `walk.server` and
/// `walk.exchange`'s retries, redispatch and times for. `chosen` is what `use-server` chose.
///
/// # Errors
/// See [`Refusal`].
pub async fn acquire(
    _site: &Rc<Site>,
    _walk: &mut Walk<'_>,
    _chosen: Option<usize>,
    _wanted: Wanted,
) -> Result<Link, Refusal> {
    unimplemented!()
}
