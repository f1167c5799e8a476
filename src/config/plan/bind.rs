//! What a proxy listens on.

use std::time::Duration;

use super::{Endpoint, Given, TlsOptions};
use crate::config::source::Span;

/// A `bind` line, or a `stats socket`.
#[derive(Clone, Debug, Default)]
pub struct Bind {
    /// The whole line.
    pub span: Span,
    /// The addresses, with ports (or ranges) unless they are Unix sockets or descriptors.
    pub endpoints: Vec<Given<Endpoint>>,
    /// `name`.
    pub name: Option<Given<Box<str>>>,
    /// `id`: only where there is a single socket.
    pub id: Option<Given<u32>>,
    /// `guid-prefix`.
    pub guid_prefix: Option<Given<Box<str>>>,
    /// `maxconn`: connections to each socket at a time; 0 means the proxy's limit.
    pub maxconn: Option<Given<u32>>,
    /// `backlog`: 0 means the proxy's.
    pub backlog: Option<Given<u32>>,
    /// `accept-proxy`: every connection begins with a PROXY header.
    pub accept_proxy: Option<Span>,
    /// `proto`.
    pub proto: Option<Given<Proto>>,
    /// `transparent`: addresses need not be ours.
    pub transparent: Option<Span>,
    /// `v4v6`: an IPv6 socket that takes IPv4 too.
    pub v4v6: Option<Span>,
    /// `v6only`: stronger than `v4v6`.
    pub v6only: Option<Span>,
    /// `interface`.
    pub interface: Option<Given<Box<str>>>,
    /// `mss`: bytes; a negative number is what to take away from the usual value.
    pub mss: Option<Given<i32>>,
    /// `tcp-ut`: how long sent bytes may stay unacknowledged.
    pub tcp_user_timeout: Option<Given<Duration>>,
    /// Who may open the Unix socket.
    pub unix: UnixAccess,
    /// `level` (of the statistics' socket).
    pub level: Option<Given<CommandLevel>>,
    /// `severity-output` (of the statistics' socket).
    pub severity_output: Option<Given<SeverityOutput>>,
    /// The least of the threads that `thread` names; every worker listens here all the same.
    pub first_thread: Option<Given<u16>>,
    /// TLS.
    pub tls: BindTls,
}

impl Bind {
    /// How many sockets the line opens.
    pub fn sockets(&self) -> usize {
        self.endpoints.iter().map(|endpoint| endpoint.sockets()).sum()
    }
}

/// `mode`, `user`, `uid`, `group`, `gid` of a Unix socket.
#[derive(Clone, Debug, Default)]
pub struct UnixAccess {
    /// The permission bits.
    pub mode: Option<Given<u16>>,
    /// Its owner.
    pub user: Option<Given<Owner>>,
    /// Its group.
    pub group: Option<Given<Owner>>,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// By name; whether it exists is seen at start.
    Name(Box<str>),
    /// By number.
    Id(u32),
}

/// A protocol that is spoken without being negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proto {
    /// HTTP/1.1.
    H1,
    /// HTTP/2.
    H2,
    /// Bytes (`mode tcp` only).
    None,
}

/// What may be asked through a statistics' socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommandLevel {
    /// Figures that are not sensitive.
    User,
    /// All figures, and harmless changes.
    Operator,
    /// Everything.
    Admin,
}

/// How answers of a statistics' socket are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeverityOutput {
    /// Not at all.
    None,
    /// With a number from 0 to 7 (RFC 5424).
    Number,
    /// With a word.
    String,
}

/// TLS of a bind.
#[derive(Clone, Debug, Default)]
pub struct BindTls {
    /// `ssl`.
    pub enabled: Option<Span>,
    /// `crt`, `default-crt`, `crt-list`, in the line's order.
    pub certificates: Vec<Certificates>,
    /// `verify`: whether clients show a certificate.
    pub verify: Option<Given<ClientVerify>>,
    /// `ca-file`: a file, a folder, or `@system-ca`.
    pub ca_file: Option<Given<Box<str>>>,
    /// `ca-verify-file`: more of them, which clients are not told about.
    pub ca_verify_file: Option<Given<Box<str>>>,
    /// `crl-file`.
    pub crl_file: Option<Given<Box<str>>>,
    /// `no-ca-names`.
    pub no_ca_names: Option<Span>,
    /// `strict-sni`.
    pub strict_sni: Option<Span>,
    /// `alpn`, in order; empty for `no-alpn`. `None`: h2 and http/1.1 in HTTP mode.
    pub alpn: Option<Given<Box<[Box<str>]>>>,
    /// `tls-ticket-keys`.
    pub ticket_keys: Option<Given<Box<str>>>,
    /// Versions, cipher suites, curves.
    pub options: TlsOptions,
}

/// Where certificates come from. The path is as written: relative to `crt-base`, if that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// Which keyword named it.
    pub kind: CertificateKind,
    /// The path, or `@store/name`.
    pub path: Given<Box<str>>,
}

/// The keywords that name certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKind {
    /// `crt`: a file, or a folder of files.
    Crt,
    /// `default-crt`: the same, for clients whose name no certificate has.
    DefaultCrt,
    /// `crt-list`: a file that lists certificates with options and names.
    List,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientVerify {
    /// They are not asked.
    None,
    /// They are asked.
    Optional,
    /// They must.
    Required,
}
