//! `option ...`: what is on, what is off, and the few that take words.

use core::net::IpAddr;

use super::Given;

/// On, off, or not said.
pub type Switch = Option<Given<bool>>;

/// Whether a switch is on, if saying nothing means off.
pub fn is_on(switch: Switch) -> bool {
    switch.is_some_and(|given| given.value)
}

/// `option ...`, those of logs, health checks and cookies apart.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `abortonclose`: a request whose client left while it waited is dropped.
    pub abort_on_close: Switch,
    /// `allbackups`: all backup servers share the load, not just the first.
    pub all_backups: Switch,
    /// `checkcache`: answers that a cache could keep together with a cookie are refused.
    pub check_cache: Switch,
    /// `clitcpka`: TCP keep-alive to clients.
    pub client_keepalive: Switch,
    /// `srvtcpka`: TCP keep-alive to servers.
    pub server_keepalive: Switch,
    /// `disable-h2-upgrade`: no HTTP/2 on a clear connection that begins like one.
    pub disable_h2_upgrade: Switch,
    /// `http-buffer-request`: rules run once the body is there.
    pub buffer_request: Switch,
    /// `http-ignore-probes`: a connection without a request ends without an answer.
    pub ignore_probes: Switch,
    /// `http-pretend-keepalive`: servers are not told that the connection will close.
    pub pretend_keepalive: Switch,
    /// `idle-close-on-response`: a leaving process lets idle clients send one more request.
    pub idle_close_on_response: Switch,
    /// `independent-streams`: writing does not refresh the timeout for reading.
    pub independent_streams: Switch,
    /// `persist`: a cookie leads to its server even if that is down.
    pub persist: Switch,
    /// `prefer-last-server`: a client's connection stays at its last server.
    pub prefer_last_server: Switch,
    /// `splice-auto`: the kernel may pass bodies on, where it seems better.
    pub splice_auto: Switch,
    /// `splice-request`: those of requests.
    pub splice_request: Switch,
    /// `splice-response`: those of responses.
    pub splice_response: Switch,
    /// `socket-stats`: statistics for each listening socket.
    pub socket_stats: Switch,
    /// How server connections are kept: `httpclose`, `http-server-close`, `http-keep-alive`.
    pub connection: Option<Given<ConnectionMode>>,
    /// `http-restrict-req-hdr-names`.
    pub header_names: Option<Given<HeaderNames>>,
    /// `forwardfor`.
    pub forward_for: Option<Given<ForwardFor>>,
    /// `originalto`.
    pub original_to: Option<Given<OriginalTo>>,
    /// `forwarded` (RFC 7239).
    pub forwarded: Option<Given<Forwarded>>,
    /// `redispatch`.
    pub redispatch: Option<Given<Redispatch>>,
}

/// What becomes of connections behind a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionMode {
    /// Both are kept.
    KeepAlive,
    /// The server's is closed.
    ServerClose,
    /// Both are closed.
    Close,
}

/// What becomes of request fields whose names hold more than letters, digits and `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderNames {
    /// They pass.
    Preserve,
    /// They are removed.
    Delete,
    /// The request is refused.
    Reject,
}

/// A network: addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Any address of it.
    pub address: IpAddr,
    /// How many bits count.
    pub prefix: u8,
}

/// `option forwardfor`: adds the client's address in a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardFor {
    /// `except`: not for clients of this network.
    pub except: Option<Network>,
    /// `header`: the field's name, `X-Forwarded-For` if not said.
    pub header: Option<Box<str>>,
    /// `if-none`: only if the field is missing.
    pub if_none: bool,
}

/// `option originalto`: adds the address the client connected to in a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginalTo {
    /// `except`: not for connections to this network.
    pub except: Option<Network>,
    /// `header`: the field's name, `X-Original-To` if not said.
    pub header: Option<Box<str>>,
}

/// `option forwarded`. Expressions stand in the rule line `formats`, in the order of the words here.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Forwarded {
    /// `no option forwarded`: not even if a `defaults` says so.
    pub off: bool,
    /// `proto`.
    pub proto: bool,
    /// `host` or `host-expr`.
    pub host: Option<ForwardedFrom>,
    /// `by` or `by-expr`.
    pub by: Option<ForwardedFrom>,
    /// `by_port` or `by_port-expr`.
    pub by_port: Option<ForwardedFrom>,
    /// `for` or `for-expr`.
    pub forwarded_for: Option<ForwardedFrom>,
    /// `for_port` or `for_port-expr`.
    pub for_port: Option<ForwardedFrom>,
}

/// Where a parameter of `Forwarded` comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardedFrom {
    /// The connection.
    Connection,
    /// An expression: the index of its rule line in `RuleLines::formats`.
    Expression(usize),
}

/// `option redispatch`: when a retry goes to another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redispatch {
    /// Never.
    Off,
    /// At every so many retries.
    Every(u32),
    /// This many retries before the last one: 1 is the last, which is the default.
    BeforeLast(u32),
}
