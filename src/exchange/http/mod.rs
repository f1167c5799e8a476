//! HTTP/1.1 to a client: requests and responses, one after the other.
//!
//! In: a client's connection, its handshakes done. Out: exchanges: each request read, decided by the
//! rules, sent to a server or answered here, its response sent back, its line logged.

use std::rc::Rc;

use super::inbox::Inbox;
use super::site::Site;
use super::transport::Transport;
use crate::rules::context::Connection;

/// Serves the requests of one connection until it ends. `inbox` has what came already.
pub async fn serve(
    _site: &Rc<Site>,
    _client: Transport,
    _inbox: Inbox,
    _connection: Connection,
    _accepted_us: u64,
) {
    unimplemented!()
}
