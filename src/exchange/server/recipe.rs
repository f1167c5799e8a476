//! What a plan says about servers and the way to them, looked up once.

use std::time::Duration;

use crate::balance::checkup::Observed;
use crate::balance::hash::{self, Hash};
use crate::config::plan::{
    Given, KeepaliveProbes, Location, Mode, Plan, PortSpec, Pretend, Proxy, ProxyProtocol,
    Redispatch, Reuse, Server, is_on,
};
use crate::config::source::Span;
use crate::rules::program::ProxyProgram;
use crate::worker::{DialOptions, KeepAlive, SocketAddress};

/// Retries if the plan says nothing.
const RETRIES: u32 = 3;

/// The longest wait before the same server is tried again.
const TURN_AROUND: Duration = Duration::from_secs(1);

/// How often idle connections are purged if the plan says nothing.
const PURGE_DELAY: Duration = Duration::from_secs(5);

/// A backend.
#[derive(Debug)]
pub(super) struct BackendRecipe {
    /// `timeout connect`; `None` is for ever.
    pub connect: Option<Duration>,
    /// `timeout queue`, or else the same.
    pub queue: Option<Duration>,
    /// How long to wait before the same server is tried again.
    pub turn_around: Duration,
    pub retries: u32,
    pub redispatch: Redispatch,
    /// The client or the request decides where it goes, not the turn.
    pub hashes: bool,
    /// What of a request decides.
    pub hash: Option<Hash>,
    /// `option prefer-last-server`.
    pub prefers_last: bool,
    /// How many may wait in front of the last server for a client to come back to it
    /// (`max-keep-alive-queue`); `None` is any number.
    pub last_queue_max: Option<u32>,
    pub servers: Vec<Recipe>,
}

/// A server.
#[derive(Debug)]
pub(super) struct Recipe {
    pub reuse: Reuse,
    /// 1 for HTTP, 0 for bytes.
    pub http_major: u8,
    /// Whether connections use TLS (checks may do so by themselves).
    pub tls: bool,
    /// The word of `sni`.
    pub sni: Option<Span>,
    /// The word of `pool-conn-name`.
    pub name: Option<Span>,
    /// What a PROXY header says; `None` if none is sent.
    pub header: Option<ProxyProtocol>,
    pub dial: DialOptions,
    /// Whether the source address is the client's; with its port, too.
    pub pretend: Option<WithPort>,
    /// `pool-max-conn`.
    pub idle_max: Option<u32>,
    /// `pool-low-conn`.
    pub idle_low: u32,
    /// `pool-purge-delay`; nothing is kept if it is zero.
    pub purge_delay_us: u64,
    /// How many requests a connection may carry.
    pub uses_max: u32,
    /// `observe`.
    pub observed: Option<Observed>,
}

/// Whether it is the client's port as well as its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WithPort(pub bool);

impl BackendRecipe {
    pub(super) fn new(plan: &Plan, proxy: &Proxy, program: &ProxyProgram) -> BackendRecipe {
        let timeouts = &proxy.settings.timeouts;
        let lasting = |given: Given<Duration>| Some(given.value).filter(|it| !it.is_zero());
        let connect = timeouts.connect.and_then(lasting);
        BackendRecipe {
            connect,
            queue: timeouts.queue.map_or(connect, lasting),
            turn_around: connect.map_or(TURN_AROUND, |it| it.min(TURN_AROUND)),
            retries: proxy.back.retries.map_or(RETRIES, |given| given.value),
            redispatch: proxy.settings.options.redispatch.map_or(Redispatch::Off, |it| it.value),
            hashes: hash::hashes(proxy),
            hash: Hash::new(proxy, program),
            prefers_last: is_on(proxy.settings.options.prefer_last_server),
            last_queue_max: proxy.back.keep_alive_queue.and_then(|it| u32::try_from(it.value).ok()),
            servers: proxy.servers.iter().map(|server| Recipe::new(plan, proxy, server)).collect(),
        }
    }
}

impl Recipe {
    fn new(plan: &Plan, proxy: &Proxy, server: &Server) -> Recipe {
        let settings = &server.settings;
        let (pool, tuning) = (&settings.pool, &plan.global.tuning);
        let protocol = &settings.proxy_protocol;
        let header = (protocol.v1.is_some() || protocol.v2.is_some()).then(|| protocol.clone());
        let buffer = |given: Option<Given<u32>>| given.map(|it| it.value).filter(|it| *it > 0);
        let keeps_alive = is_on(proxy.settings.options.server_keepalive);
        let uses = pool.max_reuse.and_then(|given| given.value);
        let delay = pool.purge_delay.map_or(PURGE_DELAY, |given| given.value);
        let pretend = settings.source.as_ref().and_then(|source| source.pretend.as_ref());
        let client = pretend.and_then(|pretend| match pretend.value {
            Pretend::Client => Some(WithPort(true)),
            Pretend::ClientIp => Some(WithPort(false)),
            _ => None,
        });
        Recipe {
            // Nobody but this client may speak behind its header, or from its address.
            reuse: match header.is_some() || client.is_some() {
                true => Reuse::Never,
                false => proxy.back.reuse.map_or(Reuse::Safe, |given| given.value),
            },
            http_major: u8::from(proxy.mode() == Mode::Http),
            tls: settings.tls.enabled.is_some_and(|given| given.value),
            sni: settings.tls.sni.as_ref().map(|word| word.span),
            name: pool.connection_name.as_ref().map(|word| word.span),
            header,
            dial: DialOptions {
                source: source(proxy, server),
                foreign: client.is_some(),
                keep_alive: keeps_alive.then(|| keep_alive(&proxy.back.keepalive)),
                receive_buffer: buffer(tuning.server_receive),
                send_buffer: buffer(tuning.server_send),
            },
            pretend: client,
            idle_max: pool.max_idle.and_then(|given| given.value),
            idle_low: pool.low_idle.map_or(0, |given| given.value),
            purge_delay_us: u64::try_from(delay.as_micros()).unwrap_or(u64::MAX),
            observed: Observed::of(server),
            uses_max: uses.map_or(u32::MAX, |uses| uses.saturating_add(1)),
        }
    }
}

fn keep_alive(probes: &KeepaliveProbes) -> KeepAlive {
    let seconds = |given: Given<Duration>| u32::try_from(given.as_secs()).unwrap_or(u32::MAX);
    KeepAlive {
        idle_s: probes.idle.map(seconds),
        interval_s: probes.interval.map(seconds),
        count: probes.count.map(|given| given.value),
    }
}

/// Where connections to a server come from: what it says itself, or else its backend.
pub(super) fn source(proxy: &Proxy, server: &Server) -> Option<SocketAddress> {
    if let Some(source) = &server.settings.source {
        let port = match source.endpoint.port {
            PortSpec::One(port) => port,
            _ => 0,
        };
        let ip = match &source.endpoint.location {
            Location::V4(ip) => core::net::IpAddr::V4(*ip),
            Location::V6 { ip, .. } => core::net::IpAddr::V6(*ip),
            _ => return None,
        };
        return bindable(ip, port);
    }
    let source = &proxy.back.source.as_ref()?.value;
    bindable(source.address?, source.port)
}

/// The address to bind to; none if it is any.
fn bindable(ip: core::net::IpAddr, port: u16) -> Option<SocketAddress> {
    let any = ip.is_unspecified() && port == 0;
    (!any).then(|| core::net::SocketAddr::new(ip, port).into())
}
