//! Settings for the side of the clients.

use super::{Given, KeepaliveProbes};

/// What a `frontend` or `listen` has, and a `defaults` for them.
#[derive(Clone, Debug, Default)]
pub struct FrontSettings {
    /// `maxconn`: connections at the same time. Zero is whatever the process can hold.
    pub max_connections: Option<Given<u32>>,
    /// `backlog`: connections that the kernel keeps until they are accepted; zero is its default.
    pub backlog: Option<Given<u32>>,
    /// `rate-limit sessions`: new connections a second; zero is no limit.
    pub session_rate: Option<Given<u32>>,
    /// `max-session-srv-conns`: idle server connections that a client connection keeps for itself.
    pub session_servers: Option<Given<u32>>,
    /// `default_backend`.
    pub default_backend: Option<Given<Box<str>>>,
    /// `monitor-uri`: this path is answered by Koi itself.
    pub monitor_uri: Option<Given<Box<str>>>,
    /// `unique-id-header`: the field that carries the request's identifier. (`unique-id-format` is a
    /// rule line.)
    pub unique_id_header: Option<Given<Box<str>>>,
    /// `capture cookie`.
    pub cookie_capture: Option<Given<CookieCapture>>,
    /// `capture request header` and `declare capture request`, in the order written.
    pub request_captures: Vec<Capture>,
    /// `capture response header` and `declare capture response`.
    pub response_captures: Vec<Capture>,
    /// `clitcpka-cnt`, `clitcpka-idle`, `clitcpka-intvl`.
    pub keepalive: KeepaliveProbes,
}

/// `capture cookie`: a cookie for the logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieCapture {
    /// The start of `name=value`.
    pub name: Box<str>,
    /// How many characters are kept, name and `=` included.
    pub length: u32,
}

/// A place that keeps a piece of a request or response for logs and rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The field to take; `None` for one that only a rule fills (`declare capture`).
    pub header: Option<Given<Box<str>>>,
    /// How many characters are kept.
    pub length: Given<u32>,
}
