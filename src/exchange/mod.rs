//! One request and its response, from first byte to log line.
//!
//! - [`site`]: what a worker has: plan, rules, figures, pools, log; [`tenure`]: what follows it when a
//!   reload brings a new plan; [`control`]: what the main thread is asked for;
//! - [`transport`]: a connection in the clear or by TLS; [`inbox`]: what came on it and was not used;
//! - [`client`]: a client's connection from accept on: PROXY protocol, TLS, rules for connections;
//! - [`http`]: requests and responses on it; [`tcp`]: TCP mode; [`tunnel`]: bytes both ways;
//! - [`splice`]: bytes one way, by the kernel;
//! - [`server`]: a connection to a server: chosen, taken from the pool or dialled, given back;
//! - `stick`: which server a client is remembered by; what it is counted in ends with it;
//! - [`sessions`]: the connections of clients, to be shown and ended;
//! - [`service`]: who answers requests that are about Koi itself.

pub mod client;
pub mod control;
pub mod http;
pub mod inbox;
pub mod server;
pub mod service;
pub mod sessions;
pub mod site;
pub mod splice;
mod stick;
pub mod tcp;
pub mod tenure;
pub mod transport;
pub mod tunnel;
