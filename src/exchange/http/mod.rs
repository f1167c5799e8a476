//! HTTP/1.1 to a client: requests and responses, one after the other.
//!
//! In: a client's connection, its handshakes done. Out: exchanges: each request read, decided by the
//! rules, sent to a server or answered here, its response sent back, its line logged.
//!
//! In the order in which a request meets them:
//!
//! - `connection`: the connection, from one exchange to the next;
//! - `read`: heads, as they come, each within its time;
//! - `decide`: the rules, and what is done with what they say;
//! - `forward`: the request to a server, tried again where that is safe;
//! - `respond`: the response to the client; `answer`: our own answers; `service`: those about Koi
//!   itself;
//! - `body`: a body, from one connection to the other; `splice`: by the kernel; `upload`: the request's,
//!   beside the response;
//! - `upgrade`: bytes both ways behind a 101;
//! - `ending`: what can go wrong, which status answers it, and what the log says of it; `capture`: what
//!   came instead of HTTP, kept to be shown;
//! - `wait`: to receive and to send, but not for ever.
//!
//! Limits: one chunk is under way in each direction; what a client or a server may send beyond is said
//! in the files (interim responses, unread bodies).

mod answer;
mod body;
mod capture;
mod connection;
mod decide;
mod ending;
mod forward;
mod read;

mod respond;
mod service;
mod spare;
mod splice;
mod upgrade;
mod upload;
mod wait;

pub(super) use connection::serve;
pub(super) use ending::refused;
