//! Where requests go.

use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Endpoint, Given, Network, Proto, TlsOptions};
use crate::config::source::Span;
use crate::config::word::Word;

/// A `server` line, or one of a `server-template`.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name. For one of a template the place is the template's prefix.
    pub name: Given<Box<str>>,
    /// The whole line.
    pub span: Span,
    /// Its address.
    pub endpoint: Given<Endpoint>,
    /// `id`.
    pub id: Option<Given<u32>>,
    /// `guid`.
    pub guid: Option<Given<Box<str>>>,
    /// Its place in its `server-template`, from zero; `None` if it is a line of its own.
    pub template: Option<u32>,
    /// Its settings, those of `default-server` included; the servers of a template share them.
    pub settings: Arc<ServerSettings>,
}

/// What `server` and `default-server` set. A flag's place is that of its word.
#[derive(Clone, Debug, Default)]
pub struct ServerSettings {
    /// `weight`, 0 to 256; 1 if not set.
    pub weight: Option<Given<u16>>,
    /// `backup`.
    pub backup: Option<Span>,
    /// `disabled`.
    pub disabled: Option<Span>,
    /// `maxconn`; 0 means no limit.
    pub maxconn: Option<Given<u32>>,
    /// `minconn`.
    pub minconn: Option<Given<u32>>,
    /// `maxqueue`; 0 means no limit.
    pub maxqueue: Option<Given<u32>>,
    /// `slowstart`.
    pub slowstart: Option<Given<Duration>>,
    /// `cookie`.
    pub cookie: Option<Given<Box<str>>>,
    /// `non-stick`.
    pub non_stick: Option<Span>,
    /// `redir`: what redirections begin with.
    pub redir: Option<Given<Box<str>>>,
    /// `hash-key`.
    pub hash_key: Option<Given<HashKey>>,
    /// `proto`.
    pub proto: Option<Given<Proto>>,
    /// `ws`.
    pub ws: Option<Given<WebSocket>>,
    /// `tcp-ut`: how long sent bytes may stay unacknowledged.
    pub tcp_user_timeout: Option<Given<Duration>>,
    /// `source`.
    pub source: Option<Source>,
    /// Checks of the server's health, and what else changes its state.
    pub health: Health,
    /// The agent.
    pub agent: Agent,
    /// How its name becomes an address.
    pub naming: Naming,
    /// The PROXY protocol.
    pub proxy_protocol: ProxyProtocol,
    /// Idle connections.
    pub pool: Pool,
    /// TLS.
    pub tls: ServerTls,
    /// `log-proto`, in `mode log`.
    pub log_framing: Option<Given<LogFraming>>,
    /// `log-bufsize`, in `mode log`: bytes.
    pub log_buffer_bytes: Option<Given<u64>>,
}

/// What consistent hashing hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// The server's id.
    Id,
    /// Its address.
    Addr,
    /// Its address and port.
    AddrPort,
}

/// What WebSockets are spoken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebSocket {
    /// What everything else is, or HTTP/1.1 if ALPN has it.
    Auto,
    /// HTTP/1.1.
    H1,
    /// HTTP/2 (RFC 8441).
    H2,
}

/// How log messages are divided on a stream (RFC 6587).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFraming {
    /// By line feeds.
    Legacy,
    /// By their length.
    OctetCount,
}

/// `check` and its relatives.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// `check`.
    pub check: Option<Span>,
    /// `addr`, with a port or without.
    pub addr: Option<Given<Endpoint>>,
    /// `port`.
    pub port: Option<Given<u16>>,
    /// `inter`.
    pub inter: Option<Given<Duration>>,
    /// `fastinter`.
    pub fastinter: Option<Given<Duration>>,
    /// `downinter`.
    pub downinter: Option<Given<Duration>>,
    /// `rise`.
    pub rise: Option<Given<u32>>,
    /// `fall`.
    pub fall: Option<Given<u32>>,
    /// `check-ssl` and `no-check-ssl`.
    pub ssl: Option<Given<bool>>,
    /// `check-sni`.
    pub sni: Option<Given<Box<str>>>,
    /// `check-alpn`.
    pub alpn: Option<Given<Box<[Box<str>]>>>,
    /// `check-proto`.
    pub proto: Option<Given<Proto>>,
    /// `check-send-proxy`.
    pub send_proxy: Option<Span>,
    /// `observe`; `none` is none.
    pub observe: Option<Given<Observe>>,
    /// `error-limit`.
    pub error_limit: Option<Given<u32>>,
    /// `on-error`.
    pub on_error: Option<Given<OnError>>,
    /// `on-marked-down shutdown-sessions`.
    pub down_shuts_sessions: Option<Span>,
    /// `on-marked-up shutdown-backup-sessions`.
    pub up_shuts_backup_sessions: Option<Span>,
    /// `track`: the state is that of another server.
    pub track: Option<Given<Track>>,
}

/// What counts as an error of a server in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observe {
    /// Connections.
    Layer4,
    /// Answers (HTTP mode only).
    Layer7,
}

/// What happens after too many errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Checks come more often.
    FastInter,
    /// As after a failed check.
    FailCheck,
    /// One failed check more, and it is down.
    SuddenDeath,
    /// It is down.
    MarkDown,
}

/// Whose state to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// The backend; `None` for the server's own.
    pub backend: Option<Box<str>>,
    /// The server.
    pub server: Box<str>,
}

/// `agent-check` and its relatives.
#[derive(Clone, Debug, Default)]
pub struct Agent {
    /// `agent-check`.
    pub check: Option<Span>,
    /// `agent-addr`.
    pub addr: Option<Given<Endpoint>>,
    /// `agent-port`.
    pub port: Option<Given<u16>>,
    /// `agent-inter`.
    pub inter: Option<Given<Duration>>,
    /// `agent-send`.
    pub send: Option<Given<Box<str>>>,
}

/// How a server's name becomes an address.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    /// `init-addr`, in order; none: `last,libc`.
    pub init_addr: Option<Given<Box<[InitAddr]>>>,
    /// `resolvers`: the name of a section.
    pub resolvers: Option<Given<Box<str>>>,
    /// `resolve-prefer`.
    pub prefer: Option<Given<super::IpFamily>>,
    /// `resolve-opts`.
    pub options: Option<Given<ResolveOptions>>,
    /// `resolve-net`: networks that are preferred.
    pub networks: Option<Given<Box<[Network]>>>,
}

/// Where a first address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitAddr {
    /// The state file.
    Last,
    /// The system's resolver.
    Libc,
    /// Nowhere: the server starts without one.
    None,
    /// This one.
    Ip(IpAddr),
}

/// `resolve-opts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResolveOptions {
    /// Two servers of a backend may have one address.
    pub allow_duplicates: bool,
    /// Weights of SRV records do not count.
    pub ignore_weight: bool,
}

/// `source`: where connections come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The address to bind to.
    pub endpoint: Given<Endpoint>,
    /// `usesrc`.
    pub pretend: Option<Given<Pretend>>,
    /// `interface`.
    pub interface: Option<Given<Box<str>>>,
}

/// Whose address servers shall see (transparent proxying).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pretend {
    /// The client's, with its port.
    Client,
    /// The client's, with another port.
    ClientIp,
    /// This one.
    Address(Endpoint),
    /// One that stands in a header.
    Header {
        /// The header's name.
        name: Box<str>,
        /// Which of several: from the start if positive, from the end if negative.
        occurrence: i32,
    },
}

/// `send-proxy` and its relatives.
#[derive(Clone, Debug, Default)]
pub struct ProxyProtocol {
    /// `send-proxy`: version 1.
    pub v1: Option<Span>,
    /// `send-proxy-v2` and relatives: version 2.
    pub v2: Option<Span>,
    /// What a header of version 2 says besides.
    pub options: Vec<Given<ProxyV2Option>>,
    /// `set-proxy-v2-tlv-fmt`, in order.
    pub tlvs: Vec<ProxyTlv>,
}

/// `proxy-v2-options`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyV2Option {
    /// That the client spoke TLS, and which.
    Ssl,
    /// The common name of its certificate.
    CertCn,
    /// The cipher suite.
    SslCipher,
    /// The certificate's signature algorithm.
    CertSig,
    /// The certificate's key algorithm.
    CertKey,
    /// The name that the client asked for (SNI).
    Authority,
    /// A checksum.
    Crc32c,
    /// The unique id.
    UniqueId,
}

/// A field of a PROXY header.
#[derive(Clone, Debug)]
pub struct ProxyTlv {
    /// Its type.
    pub id: Given<u8>,
    /// Its content: a log format.
    pub format: Word,
}

/// Idle connections to a server.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// `pool-max-conn`; `None` inside for any number (-1).
    pub max_idle: Option<Given<Option<u32>>>,
    /// `pool-low-conn`.
    pub low_idle: Option<Given<u32>>,
    /// `pool-purge-delay`.
    pub purge_delay: Option<Given<Duration>>,
    /// `max-reuse`; `None` inside for any number (-1).
    pub max_reuse: Option<Given<Option<u32>>>,
    /// `pool-conn-name`: an expression.
    pub connection_name: Option<Word>,
}

/// TLS to a server.
#[derive(Clone, Debug, Default)]
pub struct ServerTls {
    /// `ssl` and `no-ssl`.
    pub enabled: Option<Given<bool>>,
    /// `verify`, with the place of both words.
    pub verify: Option<Given<ServerVerify>>,
    /// `verifyhost`.
    pub verify_host: Option<Given<Box<str>>>,
    /// `ca-file`: a file, a folder, or `@system-ca`.
    pub ca_file: Option<Given<Box<str>>>,
    /// `crl-file`.
    pub crl_file: Option<Given<Box<str>>>,
    /// `crt`: what we show if the server asks.
    pub certificate: Option<Given<Box<str>>>,
    /// `sni`: an expression.
    pub sni: Option<Word>,
    /// `alpn`, in order.
    pub alpn: Option<Given<Box<[Box<str>]>>>,
    /// `ssl-reuse` and `no-ssl-reuse`.
    pub reuse: Option<Given<bool>>,
    /// Versions, cipher suites, curves.
    pub options: TlsOptions,
}

/// Whether a server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerVerify {
    /// It is not.
    None,
    /// It is.
    Required,
}

impl ServerSettings {
    /// Whether connections or checks use TLS.
    pub fn uses_tls(&self) -> bool {
        let on = |flag: Option<Given<bool>>| flag.is_some_and(|it| it.value);
        on(self.tls.enabled) || on(self.health.ssl)
    }

    /// The port that checks go to, if it is known.
    pub fn check_port(&self, endpoint: &Endpoint) -> Option<u16> {
        let of_addr = || self.health.addr.as_ref().and_then(|addr| addr.fixed_port());
        self.health.port.map(|port| port.value).or_else(of_addr).or_else(|| endpoint.fixed_port())
    }
}
