//! Settings for the side of the servers.

use core::net::IpAddr;
use std::time::Duration;

use super::{Balance, Checks, Cookie, Given, HashType};

/// What a `backend` or `listen` has, and a `defaults` for them.
#[derive(Clone, Debug, Default)]
pub struct BackSettings {
    /// `balance`; round robin if not said.
    pub balance: Option<Given<Balance>>,
    /// `hash-type`.
    pub hash_type: Option<Given<HashType>>,
    /// `hash-balance-factor`: a server's share in percent of the mean, above 100; zero is no limit.
    pub hash_balance_factor: Option<Given<u32>>,
    /// `cookie`.
    pub cookie: Option<Given<Cookie>>,
    /// `dynamic-cookie-key`: the secret that servers' cookies are made with.
    pub dynamic_cookie_key: Option<Given<Box<str>>>,
    /// `persist rdp-cookie`: the name of the RDP cookie that leads to a server.
    pub rdp_cookie: Option<Given<Box<str>>>,
    /// `fullconn`: how many connections are the full load for servers' `minconn`.
    pub full_load: Option<Given<u32>>,
    /// `retries`: how often a server is tried again.
    pub retries: Option<Given<u32>>,
    /// `retry-on`: what is tried again.
    pub retry_on: Option<Given<RetryOn>>,
    /// `http-reuse`: who may use a server connection again.
    pub reuse: Option<Given<Reuse>>,
    /// `http-send-name-header`: the field that tells a server its name.
    pub name_header: Option<Given<Box<str>>>,
    /// `max-keep-alive-queue`: how long a server's queue may be for a client to come back to it; -1 is
    /// any length.
    pub keep_alive_queue: Option<Given<i32>>,
    /// `source`: where connections to servers come from.
    pub source: Option<Given<SourceAddress>>,
    /// `load-server-state-from-file`.
    pub state_file: Option<Given<StateFile>>,
    /// `server-state-file-name`; the section's own name if it is not given.
    pub state_file_name: Option<Given<Box<str>>>,
    /// `srvtcpka-cnt`, `srvtcpka-idle`, `srvtcpka-intvl`.
    pub keepalive: KeepaliveProbes,
    /// `option httpchk` and its like, `http-check`, `tcp-check`.
    pub checks: Checks,
}

/// TCP keep-alive probes; the system's numbers where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeepaliveProbes {
    /// How many go unanswered before the connection ends.
    pub count: Option<Given<u32>>,
    /// After how long the first is sent.
    pub idle: Option<Given<Duration>>,
    /// The time between two.
    pub interval: Option<Given<Duration>>,
}

/// Who may use an idle server connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Only the client it was made for.
    Never,
    /// Anyone, but not for a client's first request.
    Safe,
    /// Anyone, for a first request only if it was reused before.
    Aggressive,
    /// Anyone.
    Always,
}

/// What failures are tried again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryOn {
    /// `conn-failure`: no connection.
    pub connect_failure: bool,
    /// `empty-response`: closed before the first byte.
    pub empty_response: bool,
    /// `junk-response`: no HTTP.
    pub junk_response: bool,
    /// `response-timeout`: nothing within `timeout server`.
    pub response_timeout: bool,
    /// `0rtt-rejected`: early data not taken.
    pub early_data_rejected: bool,
    /// These statuses.
    pub statuses: Vec<u16>,
}

/// `source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAddress {
    /// The address; `None` for the system's choice.
    pub address: Option<IpAddr>,
    /// The port; zero for the system's choice.
    pub port: u16,
    /// `interface`: the device that packets leave through.
    pub interface: Option<Box<str>>,
}

/// Where the servers' state at the last run is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFile {
    /// `server-state-file` in `global`.
    Global,
    /// `server-state-file-name` in this section.
    Local,
    /// Nowhere.
    None,
}
