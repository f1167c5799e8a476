//! What both sides of a proxy have.

use std::time::Duration;

use super::Given;

/// Settings that a frontend and a backend share.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `timeout ...`.
    pub timeouts: Timeouts,
}

/// The times after which something ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// `timeout client`: no byte from or to the client.
    pub client: Option<Given<Duration>>,
}
