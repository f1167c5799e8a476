//! What rules ask for besides decisions and changed heads.

use super::stick::Sticking;
use crate::rules::action::Ruleset;
use crate::rules::action::setting::Level;
use crate::rules::program::Persistence;

/// What rules ask for.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// `set-log-level`; the inner `None` is `silent`.
    pub log_level: Option<Option<Level>>,
    /// `set-fc-tos`.
    pub client_tos: Option<u8>,
    /// `set-bc-tos`.
    pub server_tos: Option<u8>,
    /// `set-fc-mark`.
    pub client_mark: Option<u32>,
    /// `set-bc-mark`.
    pub server_mark: Option<u32>,
    /// `set-timeout client`, in milliseconds.
    pub client_timeout_ms: Option<u64>,
    /// `set-timeout server`, in milliseconds.
    pub server_timeout_ms: Option<u64>,
    /// `set-timeout tunnel`, in milliseconds.
    pub tunnel_timeout_ms: Option<u64>,
    /// `disable-l7-retry`.
    pub no_retry: bool,
    /// `early-hint`: fields, in order. They are sent before the answer.
    pub hints: Vec<(Box<str>, Vec<u8>)>,
    /// `force-persist` and `ignore-persist`.
    pub persistence: Option<Persistence>,
    /// `strict-mode off`, in the list of rules that runs.
    pub lenient: bool,
    /// `switch-mode http` was done before.
    pub switched: bool,
    /// `expect-proxy layer4`.
    pub expect_proxy: bool,
    /// What the list of rules that runs belongs to.
    pub ruleset: Option<Ruleset>,
    /// What `stick` lines ask for.
    pub sticking: Option<Sticking>,
}
