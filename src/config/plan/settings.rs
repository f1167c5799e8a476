//! What both sides of a proxy have.

use std::time::Duration;

use super::Given;

/// Settings that a frontend and a backend share.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `id`.
    pub id: Option<Given<u32>>,
    /// `timeout ...`.
    pub timeouts: Timeouts,
}

/// The times after which something ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// `timeout client`: no byte from or to the client.
    pub client: Option<Given<Duration>>,
    /// `timeout server`: no byte from or to the server.
    pub server: Option<Given<Duration>>,
    /// `timeout tunnel`: no byte in either direction of a tunnel.
    pub tunnel: Option<Given<Duration>>,
}
