//! Where facts are known: the columns of `haproxy -dKsmp` that its fetches tell apart.

use crate::rules::compiler::Scope;

/// At any time.
pub const ANY: Scope = Scope::ALL;
/// Once the process runs.
pub const RUNNING: Scope = ANY.without(Scope::START);
/// Wherever there is a connection.
pub const STREAM: Scope = RUNNING.without(Scope::COMMAND);
/// Wherever there is a client's connection.
pub const CLIENT: Scope = STREAM.without(Scope::CHECK);
/// Wherever the handshakes of a client's connection are done.
pub const SESSION: Scope = CLIENT.without(Scope::CONNECTION);
/// While the request is at hand: up to the choice of a server, which may need it for `source`.
pub const REQUEST: Scope = Scope::REQUEST.or(Scope::SERVER);
/// From the request on, up to the log.
pub const KEPT: Scope = REQUEST.or(Scope::RESPONSE).or(Scope::LOG);
/// While the request or the response is at hand.
pub const EITHER: Scope = REQUEST.or(RESPONSE);
/// From the choice of a backend on.
pub const BACKEND: Scope = Scope::BACK.or(CHOSEN);
/// From the choice of a server on.
pub const CHOSEN: Scope = Scope::SERVER.or(REPLIED);
/// From the response on.
pub const REPLIED: Scope = RESPONSE.or(Scope::LOG);
/// While the response is at hand.
pub const RESPONSE: Scope = Scope::RESPONSE.or(Scope::CHECK);
