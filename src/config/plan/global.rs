//! Settings of the process (HAProxy 3.0, configuration.txt §3.1 to §3.3).

use std::time::Duration;

use super::{Bind, Given, LogTarget, RuleLine};
use crate::config::source::Span;
use crate::config::word::Word;

/// The `global` sections, as one.
#[derive(Clone, Debug, Default)]
pub struct Global {
    /// How the process runs.
    pub process: Process,
    /// How much it takes on.
    pub limits: Limits,
    /// What `bind` and `server` lines start from where they use TLS.
    pub tls: TlsDefaults,
    /// Sizes and thresholds.
    pub tuning: Tuning,
    /// HTTP/2.
    pub h2: H2Tuning,
    /// Health checks.
    pub checks: CheckTuning,
    /// Files of servers' states.
    pub states: StateFiles,
    /// `log` and its relatives.
    pub logs: GlobalLogs,
    /// `stats ...`.
    pub stats: RuntimeSocket,
    /// `set-var` and `set-var-fmt`: variables of the process, set at the start.
    pub variables: Vec<RuleLine>,
    /// `h1-case-adjust`: header names as they are written to HTTP/1 peers that are picky.
    pub case_adjust: Vec<CaseAdjust>,
    /// `h1-case-adjust-file`: the file, and its names. Another such line replaces them.
    pub case_adjust_file: Option<Given<Box<[HeaderCase]>>>,
    /// `h2-workaround-bogus-websocket-clients`: HTTP/2 clients are not told of RFC 8441.
    pub hide_h2_websocket: bool,
    /// `http-err-codes`: which status codes count as errors.
    pub error_codes: CodeChanges,
    /// `http-fail-codes`: which status codes count as failures.
    pub fail_codes: CodeChanges,
    /// `pp2-never-send-local`: health checks announce themselves as PROXY, not LOCAL.
    pub proxy_never_local: bool,
    /// `zero-warning`: warnings are errors.
    pub zero_warning: Option<Span>,
    /// `expose-experimental-directives` was written.
    pub experimental: bool,
    /// `expose-deprecated-directives` was written.
    pub deprecated: bool,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// By name.
    Name(Box<str>),
    /// By number.
    Id(u32),
}

/// How the process runs.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// `daemon`: it goes to the background.
    pub daemon: bool,
    /// `user` or `uid`.
    pub user: Option<Given<Account>>,
    /// `group` or `gid`.
    pub group: Option<Given<Account>>,
    /// `chroot`.
    pub chroot: Option<Given<Box<str>>>,
    /// `pidfile`.
    pub pidfile: Option<Given<Box<str>>>,
    /// `node`: the name that the statistics show.
    pub node: Option<Given<Box<str>>>,
    /// `description`.
    pub description: Option<Given<Box<str>>>,
    /// `localpeer`: this process's name in `peers` sections.
    pub localpeer: Option<Given<Box<str>>>,
    /// `cluster-secret`.
    pub cluster_secret: Option<Given<Box<str>>>,
    /// `grace`: how long listeners stay open once the process was asked to stop.
    pub grace: Option<Given<Duration>>,
    /// `hard-stop-after`: when connections are cut off.
    pub hard_stop_after: Option<Given<Duration>>,
    /// `close-spread-time`: over which time idle connections are closed; never if `None`.
    pub close_spread: Option<Given<Option<Duration>>>,
    /// `nbthread`: the number of workers.
    pub threads: Option<Given<u32>>,
    /// `thread-hard-limit`: the most workers there may be.
    pub threads_max: Option<Given<u32>>,
    /// `cpu-map`: in the order written; a later one wins.
    pub cpu_maps: Vec<CpuMap>,
    /// `ulimit-n`: the number of descriptors to ask the system for.
    pub descriptors: Option<Given<u32>>,
    /// `fd-hard-limit`: the most descriptors to use.
    pub descriptors_max: Option<Given<u32>>,
    /// `strict-limits`, on unless `no` stands before it: not to get what is asked for is fatal.
    pub strict_limits: Option<Given<bool>>,
    /// `setcap`: Linux capabilities that are kept.
    pub capabilities: Vec<Given<Capability>>,
    /// `unix-bind`.
    pub unix_bind: UnixBind,
    /// `noreuseport`: workers share one listening socket.
    pub no_reuse_port: bool,
    /// `nosplice`, `-dS`: the kernel passes no bytes on.
    pub no_splice: bool,
    /// `harden.reject-privileged-ports.tcp`: clients with a source port below 1024 are refused.
    pub reject_privileged_ports: Option<Given<bool>>,
}

/// A capability that `setcap` can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `cap_net_raw`.
    NetRaw,
    /// `cap_net_admin`.
    NetAdmin,
    /// `cap_net_bind_service`.
    NetBindService,
    /// `cap_sys_admin`.
    SysAdmin,
}

/// `cpu-map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuMap {
    /// The whole line.
    pub span: Span,
    /// `auto:`: one thread, one CPU; otherwise each thread may use all of them.
    pub each: bool,
    /// Bit n: group n + 1. Koi has one group; lines for other groups change nothing.
    pub groups: u64,
    /// Bit n: thread n + 1 of the group.
    pub threads: u64,
    /// The CPUs, in ascending order.
    pub cpus: Box<[u16]>,
}

/// `unix-bind`: what Unix sockets of `bind` lines start from.
#[derive(Clone, Debug, Default)]
pub struct UnixBind {
    /// Put before their paths.
    pub prefix: Option<Given<Box<str>>>,
    /// Their access mode.
    pub mode: Option<Given<u32>>,
    /// Their owner.
    pub user: Option<Given<Account>>,
    /// Their group.
    pub group: Option<Given<Account>>,
}

/// How much the process takes on. Zero or nothing: no limit of its own.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// `maxconn`: connections of clients.
    pub connections: Option<Given<u32>>,
    /// `maxconnrate`: new connections a second.
    pub connection_rate: Option<Given<u32>>,
    /// `maxsessrate`: new sessions a second.
    pub session_rate: Option<Given<u32>>,
    /// `maxsslconn`: connections with TLS, to clients and servers.
    pub tls_connections: Option<Given<u32>>,
    /// `maxsslrate`: TLS handshakes with clients a second.
    pub tls_rate: Option<Given<u32>>,
    /// `maxcomprate`: kilobytes a second that go into compression.
    pub compression_rate: Option<Given<u32>>,
    /// `maxcompcpuusage`: percent of the CPU above which nothing more is compressed.
    pub compression_cpu: Option<Given<u32>>,
    /// `maxpipes`: pipes through which the kernel passes bytes on; 0: none. If not said, a quarter of
    /// `maxconn`.
    pub pipes: Option<Given<u32>>,
}

/// What `bind` and `server` lines start from where they use TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsDefaults {
    /// `ca-base`.
    pub ca_base: Option<Given<Box<str>>>,
    /// `crt-base`.
    pub crt_base: Option<Given<Box<str>>>,
    /// `key-base`.
    pub key_base: Option<Given<Box<str>>>,
    /// `ssl-default-bind-...`.
    pub bind: TlsSide,
    /// `ssl-default-server-...`.
    pub server: TlsSide,
    /// `ssl-server-verify`: whether servers' certificates are checked; they are unless it says no.
    pub verify_servers: Option<Given<bool>>,
    /// `issuers-chain-path`: where intermediate certificates lie.
    pub issuers: Option<Given<Box<str>>>,
    /// `ssl-load-extra-files`: which files beside a certificate are looked for; all if nothing.
    pub extra_files: Option<Given<ExtraFiles>>,
    /// `ssl-load-extra-del-ext`: their names replace the certificate's extension.
    pub extra_replace_extension: bool,
    /// `ssl-skip-self-issued-ca`: a root is not sent with the chain.
    pub skip_self_issued: bool,
    /// `tune.ssl.cachesize`: how many sessions are kept.
    pub sessions: Option<Given<u32>>,
    /// `tune.ssl.lifetime`: for how long.
    pub session_lifetime: Option<Given<Duration>>,
    /// `tune.ssl.maxrecord`: bytes in a record once data flows.
    pub record: Option<Given<u32>>,
    /// `tune.ssl.hard-maxrecord`: bytes in a record at most.
    pub record_max: Option<Given<u32>>,
}

/// The TLS settings of one side. The words are read by who knows the vocabulary.
#[derive(Clone, Debug, Default)]
pub struct TlsSide {
    /// `...-ciphers`: TLS 1.2 and before.
    pub ciphers: Option<Given<Box<str>>>,
    /// `...-ciphersuites`: TLS 1.3.
    pub ciphersuites: Option<Given<Box<str>>>,
    /// `...-curves`.
    pub curves: Option<Given<Box<str>>>,
    /// `...-options`: of all lines, one behind the other.
    pub options: Vec<Word>,
}

/// Which files beside a certificate are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtraFiles {
    /// `bundle`: `.rsa`, `.ecdsa`, `.dsa`.
    pub bundle: bool,
    /// `sctl`.
    pub sctl: bool,
    /// `ocsp`.
    pub ocsp: bool,
    /// `issuer`.
    pub issuer: bool,
    /// `key`.
    pub key: bool,
}

/// Sizes and thresholds.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    /// `tune.bufsize`: bytes that a head must fit into.
    pub buffer: Option<Given<u32>>,
    /// `tune.maxrewrite`: bytes of it kept free for rules that add headers.
    pub rewrite: Option<Given<u32>>,
    /// `tune.http.cookielen`: how much of a cookie is captured.
    pub cookie_length: Option<Given<u32>>,
    /// `tune.http.logurilen`: how much of a request line is logged.
    pub log_uri_length: Option<Given<u32>>,
    /// `tune.http.maxhdr`: how many headers a message may have.
    pub headers_max: Option<Given<u32>>,
    /// `tune.rcvbuf.client`: the kernel's receive buffer of client connections.
    pub client_receive: Option<Given<u32>>,
    /// `tune.sndbuf.client`.
    pub client_send: Option<Given<u32>>,
    /// `tune.rcvbuf.server`.
    pub server_receive: Option<Given<u32>>,
    /// `tune.sndbuf.server`.
    pub server_send: Option<Given<u32>>,
    /// `tune.stick-counters`: how many entries a connection may track (`sc0`, `sc1`, ...).
    pub stick_counters: Option<Given<u32>>,
    /// `tune.peers.max-updates-at-once`.
    pub peer_updates: Option<Given<u32>>,
    /// `tune.comp.maxlevel`.
    pub compression_level: Option<Given<u32>>,
    /// `tune.pipesize`: bytes in a pipe; 0: as if not said.
    pub pipe: Option<Given<u32>>,
    /// `tune.vars.*-max-size`.
    pub variables: VariableSizes,
}

/// How many bytes variables may take, by scope. Nothing, or zero: no limit of that scope.
#[derive(Clone, Debug, Default)]
pub struct VariableSizes {
    /// All of them together.
    pub all: Option<Given<u32>>,
    /// `proc.`.
    pub process: Option<Given<u32>>,
    /// `sess.` and what lies within.
    pub session: Option<Given<u32>>,
    /// `txn.` and what lies within.
    pub transaction: Option<Given<u32>>,
    /// `req.` and `res.`.
    pub message: Option<Given<u32>>,
    /// `check.`.
    pub check: Option<Given<u32>>,
}

/// `tune.h2.*`.
#[derive(Clone, Debug, Default)]
pub struct H2Tuning {
    /// `tune.h2.header-table-size`.
    pub header_table: Option<Given<u32>>,
    /// `tune.h2.max-frame-size`.
    pub frame: Option<Given<u32>>,
    /// To clients.
    pub front: H2Side,
    /// To servers.
    pub back: H2Side,
    /// For both, where nothing else is said.
    pub both: H2Side,
}

/// HTTP/2 on one side.
#[derive(Clone, Debug, Default)]
pub struct H2Side {
    /// `...initial-window-size`.
    pub window: Option<Given<u32>>,
    /// `...max-concurrent-streams`.
    pub streams: Option<Given<u32>>,
    /// `...max-total-streams`: after so many the connection is closed.
    pub total_streams: Option<Given<u32>>,
    /// `...glitches-threshold`: after so many oddities the connection is closed.
    pub glitches: Option<Given<u32>>,
}

/// Health checks of all servers.
#[derive(Clone, Debug, Default)]
pub struct CheckTuning {
    /// `spread-checks`: percent by which intervals vary.
    pub spread_percent: Option<Given<u32>>,
    /// `max-spread-checks`: the longest time between the first and the last check at the start.
    pub spread_max: Option<Given<Duration>>,
    /// `tune.max-checks-per-thread`.
    pub at_once: Option<Given<u32>>,
}

/// Where the servers' states at the last run are.
#[derive(Clone, Debug, Default)]
pub struct StateFiles {
    /// `server-state-base`: the folder of names that begin with no slash.
    pub base: Option<Given<Box<str>>>,
    /// `server-state-file`.
    pub file: Option<Given<Box<str>>>,
}

/// `log` and its relatives in `global`.
#[derive(Clone, Debug, Default)]
pub struct GlobalLogs {
    /// `log` lines.
    pub targets: Vec<LogTarget>,
    /// `log-tag`.
    pub tag: Option<Given<Box<str>>>,
    /// `log-send-hostname`: the host name in messages; the system's if `None`.
    pub hostname: Option<Given<Option<Box<str>>>>,
}

/// The runtime socket: `stats ...` in `global`.
#[derive(Clone, Debug, Default)]
pub struct RuntimeSocket {
    /// `stats socket`.
    pub sockets: Vec<Bind>,
    /// `stats timeout`: how long an idle client stays.
    pub timeout: Option<Given<Duration>>,
    /// `stats maxconn`: how many clients at once.
    pub connections: Option<Given<u32>>,
}

/// `h1-case-adjust`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseAdjust {
    /// The name as HTTP/2 has it.
    pub from: Given<Box<str>>,
    /// The name as it is sent.
    pub to: Given<Box<str>>,
}

/// A header's name as HTTP/2 has it, and as it is sent.
pub type HeaderCase = (Box<str>, Box<str>);

/// `http-err-codes`, `http-fail-codes`: what is done to the set that holds at the start, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeChanges(pub Vec<CodeChange>);

/// One range of status codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeChange {
    /// Nothing but these.
    Only(u16, u16),
    /// These too.
    Add(u16, u16),
    /// Not these.
    Remove(u16, u16),
}

impl CodeChanges {
    /// Whether `code` is in the set, given whether it is without any change.
    pub fn has(&self, code: u16, start: bool) -> bool {
        self.0.iter().fold(start, |within, change| match *change {
            CodeChange::Only(low, high) => (low..=high).contains(&code),
            CodeChange::Add(low, high) => within || (low..=high).contains(&code),
            CodeChange::Remove(low, high) => within && !(low..=high).contains(&code),
        })
    }
}
