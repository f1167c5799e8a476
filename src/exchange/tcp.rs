//! TCP mode: a connection to a server for a connection of a client, and bytes both ways.
//!
//! In: a client's connection, its handshakes done. `tcp-request content` rules decide, a server is
//! taken as for requests (never from the pool), the tunnel runs under `timeout client`, `server`,
//! `tunnel`, `client-fin`, `server-fin`; one log line at its end.

use std::rc::Rc;

use super::inbox::Inbox;
use super::site::Site;
use super::transport::Transport;
use crate::rules::context::Connection;

/// Serves one connection of a TCP frontend. `inbox` has what came already.
pub async fn serve(
    _site: &Rc<Site>,
    _client: Transport,
    _inbox: Inbox,
    _connection: Connection,
    _accepted_us: u64,
) {
    unimplemented!()
}
