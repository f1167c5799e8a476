//! A client's connection, from accept to its protocol.
//!
//! In: an accepted stream and the bind it came by. Then, in this order: `tcp-request connection` rules,
//! the PROXY protocol (`accept-proxy`), TLS, `tcp-request session` rules, and HTTP or TCP mode.
//! Out: served connections, counted and ended.

use std::rc::Rc;

use super::site::Site;
use crate::worker::Stream;

/// Serves a connection that was accepted on a bind of a frontend (indexes into the plan). It has been
/// counted ([`crate::balance::Live::begin_connection`]); its end is counted here, however it comes.
pub async fn serve(_site: Rc<Site>, _frontend: usize, _bind: usize, _stream: Stream) {
    unimplemented!()
}
