//! What both sides of a proxy have.

use std::time::Duration;

use super::{Compression, EmailAlert, ErrorAnswer, Filter, Given, Options, StatsPage, StickTable};

/// Settings that a frontend and a backend share.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `id`: the number in the statistics.
    pub id: Option<Given<u32>>,
    /// `guid`: a name that is unique among everything.
    pub guid: Option<Given<Box<str>>>,
    /// `timeout ...`, `tcp-request inspect-delay` and its sibling.
    pub timeouts: Timeouts,
    /// `option ...`.
    pub options: Options,
    /// `errorfile`, `errorfiles`, `errorloc`, `errorloc302`, `errorloc303`, in the order written: of
    /// two for one code the later holds. (`http-error` stands in the rule lines.)
    pub error_answers: Vec<ErrorAnswer>,
    /// `email-alert ...`.
    pub email_alert: EmailAlert,
    /// `compression ...`.
    pub compression: Compression,
    /// `filter ...`, in the order written.
    pub filters: Vec<Filter>,
    /// `stats ...`; `None` if no line asks for the page.
    pub stats: Option<StatsPage>,
    /// `stick-table`.
    pub stick_table: Option<StickTable>,
}

/// The times after which something ends. Zero means never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// `timeout client`: no byte from or to the client.
    pub client: Option<Given<Duration>>,
    /// `timeout client-fin`: the same once the client's direction is closed.
    pub client_fin: Option<Given<Duration>>,
    /// `timeout client-hs`: for TLS and PROXY headers of clients.
    pub client_handshake: Option<Given<Duration>>,
    /// `timeout http-request`: for a whole request head.
    pub http_request: Option<Given<Duration>>,
    /// `timeout http-keep-alive`: for the next request of a connection.
    pub http_keep_alive: Option<Given<Duration>>,
    /// `timeout tarpit`: how long a tarpitted request hangs.
    pub tarpit: Option<Given<Duration>>,
    /// `timeout connect`: for a connection to a server.
    pub connect: Option<Given<Duration>>,
    /// `timeout queue`: how long a request waits for a free place at a server.
    pub queue: Option<Given<Duration>>,
    /// `timeout server`: no byte from or to the server.
    pub server: Option<Given<Duration>>,
    /// `timeout server-fin`: the same once the server's direction is closed.
    pub server_fin: Option<Given<Duration>>,
    /// `timeout tunnel`: no byte either way in a tunnel.
    pub tunnel: Option<Given<Duration>>,
    /// `timeout check`: for the answer to a health check once connected.
    pub check: Option<Given<Duration>>,
    /// `tcp-request inspect-delay`: how long rules wait for the client's first bytes.
    pub request_inspect: Option<Given<Duration>>,
    /// `tcp-response inspect-delay`: how long rules wait for the server's first bytes.
    pub response_inspect: Option<Given<Duration>>,
}
