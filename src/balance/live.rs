//! Figures of the running proxies, shared by the workers.
//!
//! In: what begins and ends. Out: counts, for limits, balancing, rules and logs. Relaxed atomics, one
//! cache line per server; nothing here waits. A count is exact; two counts read one after the other
//! need not fit together.
//!
//! Limits hold exactly: a count is raised only while it is below its limit, by one atomic operation.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::choose::has_fixed_weights;
use super::figures::{Gauge, Rated, ServerFigures, WINDOW_US};
use super::fullness::full_load;
use super::outage::{Condition, Outage};
use super::rates::RateLimits;
use super::state::{Admin, Health};
use super::tracking::Tracking;
use crate::config::plan::{Plan, Proxy, is_on};
use crate::rules::context::{Counters, Rate};
use crate::stick::Tables;

/// Descriptors that are not for connections: logs, event queues, files that are being read.
const DESCRIPTORS_ASIDE: u64 = 64;

/// Fewer connections than this make no sense, however few descriptors there are.
const CONNECTIONS_LEAST: u64 = 16;

/// The figures of a plan's proxies.
#[derive(Debug)]
pub struct Live {
    process: Arc<Padded<Gauge>>,
    proxies: Box<[ProxyFigures]>,
    stopping: Arc<AtomicBool>,
    origin: Instant,
    /// When the current window of the rates began, in microseconds after the origin.
    window: Arc<AtomicU64>,
    tables: Arc<Tables>,
    tracking: Tracking,
    /// Another plan has followed this one: nobody follows anybody by this one any more.
    pub(super) superseded: Mutex<bool>,
    /// Servers whose state a reload changed.
    changed: Vec<(usize, usize)>,
    /// The most connections that all frontends took in a second.
    rate_peak: Arc<AtomicU32>,
    rates: Arc<RateLimits>,
}

/// A proxy's figures. Those that count are shared with the plan before this one and the plan behind it
/// ([`Live::succeed`]).
#[derive(Debug)]
struct ProxyFigures {
    front: Arc<Padded<Front>>,
    binds: Box<[Arc<Padded<Gauge>>]>,
    back: Arc<Padded<Back>>,
    servers: Box<[Arc<ServerFigures>]>,
    /// Requests from which on a server takes all of its `maxconn`.
    full_load: u32,
    /// `option allbackups`.
    all_backups: bool,
    /// The algorithm heeds a weight only as far as it is zero.
    fixed_weights: bool,
}

#[derive(Debug, Default)]
struct Front {
    /// No connections are taken for now.
    paused: AtomicBool,
    /// Its ports are closed.
    shut: AtomicBool,
    connections: Gauge,
    accepted: Rated,
    requests: Rated,
}

#[derive(Debug, Default)]
struct Back {
    requests: Gauge,
    reached: Rated,
    /// Requests that wait for any server.
    waiting: AtomicU32,
    /// The most that waited at a time.
    waiting_peak: AtomicU32,
    /// Changes whenever the state of a server changes.
    generation: AtomicU32,
    outage: Outage,
}

/// A cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Padded<T>(T);

impl Live {
    /// For a plan. A process without `maxconn` is not limited until
    /// [`Live::limit_by_descriptors`] is called.
    pub fn new(plan: &Plan) -> Live {
        Live::since(plan, Instant::now())
    }

    /// The same; times count from `origin`.
    fn since(plan: &Plan, origin: Instant) -> Live {
        let connections = plan.global.limits.connections;
        let now_us = micros_since(origin);
        let proxies = plan.proxies.iter().map(|proxy| ProxyFigures::new(plan, proxy, now_us));
        Live {
            process: Arc::new(Padded(Gauge::new(connections.map_or(0, |given| given.value)))),
            proxies: proxies.collect(),
            stopping: Arc::default(),
            origin,
            window: Arc::default(),
            tables: Arc::new(Tables::new(plan)),
            tracking: Tracking::new(plan),
            superseded: Mutex::default(),
            changed: Vec::new(),
            rate_peak: Arc::default(),
            rates: Arc::new(RateLimits::new(&plan.global.limits)),
        }
    }

    /// Without `maxconn` in `global` as many connections are taken as there are descriptors for: each
    /// needs one more for its server. `others` are what the process holds besides (listeners, say).
    /// The limit that holds; 0 is none.
    pub fn limit_by_descriptors(&mut self, descriptors: u64, others: u64) -> u32 {
        if self.process.0.limit() == 0 {
            let free = descriptors.saturating_sub(others.saturating_add(DESCRIPTORS_ASIDE));
            let limit = u32::try_from((free / 2).max(CONNECTIONS_LEAST)).unwrap_or(u32::MAX);
            self.process.0.set_limit(limit);
        }
        self.process.0.limit()
    }

    /// Connections of the process at a time, from now on (`set maxconn global`); 0 is no limit.
    pub fn set_limit(&self, most: u32) {
        self.process.0.set_limit(most);
    }

    /// How many connections the process takes in a second: the same limits for all plans.
    pub fn rate_limits(&self) -> &Arc<RateLimits> {
        &self.rates
    }

    /// Connections of a frontend at a time, from now on (`set maxconn frontend`); 0 is no limit.
    pub fn set_frontend_limit(&self, frontend: usize, most: u32) {
        if let Some(proxy) = self.proxies.get(frontend) {
            proxy.front.0.connections.set_limit(most);
        }
    }

    /// Has a frontend take no connections, or take them again; whether it took none before.
    pub fn pause_frontend(&self, frontend: usize, paused: bool) -> bool {
        let proxy = self.proxies.get(frontend);
        proxy.is_some_and(|proxy| proxy.front.0.paused.swap(paused, Relaxed))
    }

    /// Notes that a frontend's ports are closed (`shutdown frontend`), or open again.
    pub fn shut_frontend(&self, frontend: usize, shut: bool) {
        if let Some(front) = self.front(frontend) {
            front.shut.store(shut, Relaxed);
        }
    }

    /// Whether they are closed.
    pub fn is_shut(&self, frontend: usize) -> bool {
        self.front(frontend).is_some_and(|front| front.shut.load(Relaxed))
    }

    /// Whether a frontend takes no connections for now (`disable frontend`).
    pub fn is_paused(&self, frontend: usize) -> bool {
        self.proxies.get(frontend).is_some_and(|proxy| proxy.front.0.paused.load(Relaxed))
    }

    /// A connection was accepted on a bind of a frontend; false if `maxconn` (of the process, the
    /// frontend or the bind) forbids it, or the frontend is paused; then nothing is counted.
    pub fn begin_connection(&self, frontend: usize, bind: usize) -> bool {
        if self.is_paused(frontend) {
            return false;
        }
        if !self.process.0.begin() {
            return false;
        }
        let Some(proxy) = self.proxies.get(frontend) else { return true };
        if !proxy.front.0.connections.begin() {
            self.process.0.end();
            return false;
        }
        if proxy.binds.get(bind).is_some_and(|gauge| !gauge.0.begin()) {
            proxy.front.0.connections.end();
            self.process.0.end();
            return false;
        }
        proxy.front.0.accepted.note();
        true
    }

    /// Whether [`Live::begin_connection`] would count one just now: for who had better not accept.
    pub fn has_room(&self, frontend: usize, bind: usize) -> bool {
        let proxy = self.proxies.get(frontend);
        self.process.0.has_room()
            && proxy.is_none_or(|proxy| {
                proxy.front.0.connections.has_room()
                    && proxy.binds.get(bind).is_none_or(|gauge| gauge.0.has_room())
            })
    }

    /// It ended.
    pub fn end_connection(&self, frontend: usize, bind: usize) {
        self.process.0.end();
        let Some(proxy) = self.proxies.get(frontend) else { return };
        proxy.front.0.connections.end();
        if let Some(gauge) = proxy.binds.get(bind) {
            gauge.0.end();
        }
    }

    /// A connection of an earlier plan goes on here. It is counted already, but where several binds became
    /// one, or one became several, not in the right place. It came before, so no limit keeps it out.
    pub fn take_over(&self, old: &Live, from: (usize, usize), to: (usize, usize)) {
        let gauge = |live: &Live, (frontend, bind): (usize, usize)| {
            live.proxies.get(frontend).and_then(|proxy| proxy.binds.get(bind)).cloned()
        };
        let (before, behind) = (gauge(old, from), gauge(self, to));
        if let (Some(one), Some(other)) = (&before, &behind)
            && Arc::ptr_eq(one, other)
        {
            return;
        }
        before.inspect(|it| it.0.end());
        behind.inspect(|it| it.0.receive());
    }

    /// A request was read by a frontend.
    pub fn note_request(&self, frontend: usize) {
        if let Some(proxy) = self.proxies.get(frontend) {
            proxy.front.0.requests.note();
        }
    }

    /// A request reached a backend.
    pub fn begin_backend(&self, backend: usize) {
        if let Some(proxy) = self.proxies.get(backend) {
            proxy.back.0.requests.begin();
            proxy.back.0.reached.note();
        }
    }

    /// It ended.
    pub fn end_backend(&self, backend: usize) {
        if let Some(proxy) = self.proxies.get(backend) {
            proxy.back.0.requests.end();
        }
    }

    /// A server's figures.
    #[inline]
    pub fn server(&self, backend: usize, server: usize) -> Option<&ServerFigures> {
        self.proxies.get(backend)?.servers.get(server).map(|it| &**it)
    }

    /// The stick tables.
    pub fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    /// Where the server of this number ([`ServerFigures::number`]) is in this plan: looks through all.
    pub fn place_of(&self, number: u64) -> Option<(usize, usize)> {
        let place =
            |proxy: &ProxyFigures| proxy.servers.iter().position(|it| it.number() == number);
        let backends = self.proxies.iter().enumerate();
        backends.filter_map(|(backend, proxy)| Some((backend, place(proxy)?))).next()
    }

    /// The figures of all servers of a backend.
    #[inline]
    pub fn servers(&self, backend: usize) -> &[Arc<ServerFigures>] {
        self.proxies.get(backend).map_or(&[], |proxy| &proxy.servers)
    }

    /// Requests on a server at a time, just now; 0 is no limit. Below `fullconn` requests in the
    /// backend a server with `minconn` takes its share of `maxconn`, but `minconn` at least.
    #[inline]
    pub fn server_limit(&self, backend: usize, server: usize) -> u32 {
        let Some(proxy) = self.proxies.get(backend) else { return 0 };
        let Some(figures) = proxy.servers.get(server) else { return 0 };
        let (least, most) = figures.limits();
        let load = proxy.back.0.requests.current();
        let limit = if least == most || load >= proxy.full_load {
            most
        } else {
            let share = u64::from(most) * u64::from(load) / u64::from(proxy.full_load);
            // A limit that is being changed may be read half: not `clamp`, which panics then.
            u32::try_from(share).unwrap_or(most).max(least).min(most)
        };
        // A server that takes a growing share only has that part of its places, too.
        match figures.ramp() {
            100 => limit,
            _ if limit == 0 => 0,
            percent => {
                let part = u64::from(limit) * u64::from(percent) / 100;
                u32::try_from(part).unwrap_or(limit).max(1)
            }
        }
    }

    /// Takes a place on a server, if it has one.
    #[inline]
    pub fn begin_server(&self, backend: usize, server: usize) -> bool {
        let limit = self.server_limit(backend, server);
        self.server(backend, server).is_some_and(|figures| figures.begin(limit))
    }

    /// Gives a place back.
    #[inline]
    pub fn end_server(&self, backend: usize, server: usize) {
        if let Some(figures) = self.server(backend, server) {
            figures.end();
        }
    }

    /// The servers whose state is another since the reload that brought this plan: nobody has been told.
    pub fn changed(&self) -> &[(usize, usize)] {
        &self.changed
    }

    /// Who tracks whom.
    pub fn tracking(&self) -> &Tracking {
        &self.tracking
    }

    /// Makes a change that follows from who tracks whom by this plan. Once another plan has followed it there is
    /// none: the figures are shared, and nobody would take back what the other plan does not know of.
    pub fn inherit<T>(&self, change: impl FnOnce() -> T) -> Option<T> {
        let superseded = self.superseded.lock().unwrap_or_else(PoisonError::into_inner);
        (!*superseded).then(change)
    }

    /// Whether another plan has followed this one.
    pub fn is_superseded(&self) -> bool {
        *self.superseded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets or clears bits of what was decided about a server; what there was before, if there is such a
    /// server.
    pub fn set_admin(&self, backend: usize, server: usize, bits: Admin, on: bool) -> Option<Admin> {
        self.change(backend, server, |figures| figures.state().set_admin(bits, on))
    }

    /// Sets what checks found of a server; what they had found before, if there is such a server.
    pub fn set_health(&self, backend: usize, server: usize, health: Health) -> Option<Health> {
        self.change(backend, server, |figures| figures.state().set_health(health))
    }

    /// Sets a server's weight, 0 to 256; what it was, if there is such a server.
    pub fn set_weight(&self, backend: usize, server: usize, weight: u16) -> Option<u16> {
        self.change(backend, server, |figures| figures.state().set_weight(weight))
    }

    /// Sets how much of its share a server gets, 1 to 100 per cent (`slowstart`); what it was, if there is
    /// such a server. It holds for its weight, where that can change, and for its `maxconn`.
    pub fn set_ramp(&self, backend: usize, server: usize, percent: u8) -> Option<u8> {
        self.change(backend, server, |figures| figures.state().set_ramp(percent))
    }

    /// Where a server is from now on (a name was resolved, a command said so): consistent hashes may
    /// depend on it.
    pub fn set_address(&self, backend: usize, server: usize, address: Option<SocketAddr>) {
        let Some(proxy) = self.proxies.get(backend) else { return };
        let Some(figures) = proxy.servers.get(server) else { return };
        if figures.set_address(address) != address {
            proxy.back.0.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Where a server is, as far as that was said.
    pub fn address(&self, backend: usize, server: usize) -> Option<SocketAddr> {
        self.server(backend, server)?.address()
    }

    /// Whether a command or an agent may set this weight: see [`Live::has_fixed_weights`].
    pub fn takes_weight(&self, backend: usize, server: usize, weight: u16) -> bool {
        let initial = self.server(backend, server).map(ServerFigures::initial_weight);
        weight == 0 || Some(weight) == initial || !self.has_fixed_weights(backend)
    }

    /// Whether the algorithm of a backend heeds weights only as far as they are zero (`static-rr`,
    /// hashes with a table): commands then may say 0 or the configured weight, and nothing else.
    pub fn has_fixed_weights(&self, backend: usize) -> bool {
        self.proxies.get(backend).is_some_and(|it| it.fixed_weights)
    }

    /// Whether the balance would choose among servers with this one, now: it is usable, and no backup, or
    /// a backup whose time has come.
    pub fn is_active(&self, backend: usize, server: usize) -> bool {
        let Some(proxy) = self.proxies.get(backend) else { return false };
        let Some(figures) = proxy.servers.get(server) else { return false };
        if !figures.is_usable() || !figures.is_backup() {
            return figures.is_usable();
        }
        let first = |backup: bool| {
            let fits = |it: &Arc<ServerFigures>| it.is_usable() && it.is_backup() == backup;
            proxy.servers.iter().position(fits)
        };
        first(false).is_none() && (proxy.all_backups || first(true) == Some(server))
    }

    /// Whether the balance finds any server.
    pub fn has_usable(&self, backend: usize) -> bool {
        self.proxies.get(backend).is_some_and(ProxyFigures::has_usable)
    }

    /// Since when a backend has or has no server that can be used.
    pub fn condition(&self, backend: usize) -> Condition {
        let proxy = self.proxies.get(backend);
        proxy.map_or_else(Condition::default, |it| it.back.0.outage.condition(self.elapsed_us()))
    }

    fn change<T>(
        &self,
        backend: usize,
        server: usize,
        change: impl FnOnce(&ServerFigures) -> T,
    ) -> Option<T> {
        let proxy = self.proxies.get(backend)?;
        let figures = proxy.servers.get(server)?;
        let seen = |it: &ServerFigures| (it.admin(), it.health(), it.weight(), it.ramp());
        let old = seen(figures);
        let before = change(figures);
        if seen(figures) != old {
            // Behind the state, so that who sees the number sees the state.
            proxy.back.0.generation.fetch_add(1, Ordering::Release);
            proxy.back.0.outage.note(|| proxy.has_usable(), self.elapsed_us());
        }
        Some(before)
    }

    /// A number that changes whenever the state of a server of this backend changes.
    #[inline]
    pub fn generation(&self, backend: usize) -> u32 {
        let proxy = self.proxies.get(backend);
        proxy.map_or(0, |it| it.back.0.generation.load(Ordering::Acquire))
    }

    /// How many requests wait for any server of a backend.
    #[inline]
    pub fn waits(&self, backend: usize) -> u32 {
        let waiting = self.waiting(backend);
        waiting.map_or(0, |it| it.load(Ordering::SeqCst))
    }

    /// The count of that.
    pub(crate) fn waiting(&self, backend: usize) -> Option<&AtomicU32> {
        self.proxies.get(backend).map(|proxy| &proxy.back.0.waiting)
    }

    /// The process begins to stop.
    pub fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// Ends the window of the rates if it is over. To be called every second, by any worker.
    pub fn tick(&self) {
        let (now, began) = (self.elapsed_us(), self.window.load(Relaxed));
        let length = now.saturating_sub(began);
        if length < WINDOW_US || self.window.compare_exchange(began, now, Relaxed, Relaxed).is_err()
        {
            return;
        }
        for proxy in &self.proxies {
            proxy.front.0.accepted.roll(length);
            proxy.front.0.requests.roll(length);
            proxy.back.0.reached.roll(length);
            for server in &proxy.servers {
                server.requests.roll(length);
            }
        }
        self.note_rate();
    }

    fn elapsed_us(&self) -> u64 {
        micros_since(self.origin)
    }

    fn front(&self, frontend: usize) -> Option<&Front> {
        self.proxies.get(frontend).map(|proxy| &proxy.front.0)
    }
}

fn micros_since(origin: Instant) -> u64 {
    u64::try_from(origin.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl ProxyFigures {
    fn new(plan: &Plan, proxy: &Proxy, now_us: u64) -> ProxyFigures {
        let limit = proxy.front.max_connections.map_or(0, |given| given.value);
        let binds = proxy.binds.iter().map(|bind| {
            // The limit is one of each socket.
            let each = bind.maxconn.map_or(0, |given| given.value);
            let sockets = u32::try_from(bind.sockets()).unwrap_or(u32::MAX);
            Arc::new(Padded(Gauge::new(each.saturating_mul(sockets))))
        });
        let connections = Gauge::new(limit);
        let servers: Box<[_]> =
            proxy.servers.iter().map(|it| Arc::new(ServerFigures::new(it))).collect();
        let down = !servers.is_empty() && !servers.iter().any(|it| it.is_usable());
        let outage = Outage::begin(down, now_us);
        ProxyFigures {
            front: Arc::new(Padded(Front { connections, ..Front::default() })),
            binds: binds.collect(),
            back: Arc::new(Padded(Back { outage, ..Back::default() })),
            full_load: full_load(plan, proxy),
            all_backups: is_on(proxy.settings.options.all_backups),
            fixed_weights: has_fixed_weights(proxy),
            servers,
        }
    }

    fn has_usable(&self) -> bool {
        self.servers.iter().any(|it| it.is_usable())
    }
}

impl Counters for Live {
    fn servers_up(&self, backend: usize) -> i64 {
        let Some(proxy) = self.proxies.get(backend) else { return 0 };
        let usable = |backup: bool| {
            let fits = |it: &&Arc<ServerFigures>| it.is_usable() && it.is_backup() == backup;
            proxy.servers.iter().filter(fits).count()
        };
        // Backup servers count once they are what is left.
        let usable = Some(usable(false)).filter(|&n| n > 0).unwrap_or_else(|| usable(true));
        i64::try_from(usable).unwrap_or(i64::MAX)
    }

    fn backend_connections(&self, backend: usize) -> i64 {
        self.proxies.get(backend).map_or(0, |proxy| proxy.back.0.requests.current().into())
    }

    fn frontend_connections(&self, frontend: usize) -> i64 {
        self.front(frontend).map_or(0, |front| front.connections.current().into())
    }

    fn queue(&self, backend: usize) -> i64 {
        let Some(proxy) = self.proxies.get(backend) else { return 0 };
        let of_servers = proxy.servers.iter().map(|server| i64::from(server.waiting()));
        i64::from(proxy.back.0.waiting.load(Relaxed)) + of_servers.sum::<i64>()
    }

    fn server_up(&self, backend: usize, server: usize) -> bool {
        self.server(backend, server).is_some_and(ServerFigures::is_up)
    }

    fn server_connections(&self, backend: usize, server: usize) -> i64 {
        self.server(backend, server).map_or(0, |figures| figures.current().into())
    }

    fn server_queue(&self, backend: usize, server: usize) -> i64 {
        self.server(backend, server).map_or(0, |figures| figures.waiting().into())
    }

    fn connections(&self) -> i64 {
        self.process.0.current().into()
    }

    fn bind_connections(&self, frontend: usize, bind: usize) -> i64 {
        let proxy = self.proxies.get(frontend);
        let gauge = proxy.and_then(|proxy| proxy.binds.get(bind));
        gauge.map_or(0, |gauge| gauge.0.current().into())
    }

    fn rate(&self, of: Rate) -> i64 {
        let rated = match of {
            Rate::FrontendConnections(index) => self.front(index).map(|front| &front.accepted),
            Rate::FrontendRequests(index) => self.front(index).map(|front| &front.requests),
            Rate::Backend(index) => self.proxies.get(index).map(|proxy| &proxy.back.0.reached),
            Rate::Server(backend, server) => self.server(backend, server).map(|it| &it.requests),
        };
        let gone = self.elapsed_us().saturating_sub(self.window.load(Relaxed));
        rated.map_or(0, |rated| i64::try_from(rated.rate(gone)).unwrap_or(i64::MAX))
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    fn server_address(&self, backend: usize, server: usize) -> Option<SocketAddr> {
        self.address(backend, server)
    }
}

#[path = "shown.rs"]
mod shown;
#[path = "succeed.rs"]
mod succeed;

pub use shown::{BackFigures, FrontFigures, ProcessFigures};

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
