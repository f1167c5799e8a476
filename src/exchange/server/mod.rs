//! A connection to a server: chosen, taken from the pool or dialled, given back.
//!
//! In: a backend, what `use-server` chose, the exchange's facts. Out: a [`Link`], or why there is none.
//! Balancing, `maxconn` with its queue, `timeout queue` and `connect`, `retries`, `option redispatch`,
//! the source address, TLS with its `sni`, the PROXY protocol: all of it happens here.

//!
//! - `acquire`: a server, a place on it, retries; `line`: the queue in front of full servers;
//! - `dial`: one attempt; `header`: the PROXY protocol out; `recipe`: what the plan says, looked up once;
//! - `pool`: idle connections, `inherit`: those of the plan before; `watch`: the task that closes those that the server gave up.
//!
//! A backend's places (`maxconn`) are shared by the workers, idle connections are each worker's own.

mod acquire;
mod dial;
mod header;
mod inherit;
mod line;
mod pool;
mod recipe;
mod watch;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::sessions;
use super::site::Site;
use super::transport::Transport;
use crate::balance::checkup::Observed;
use crate::config::succession::Succession;
use crate::rules::context::{Connection, ServerConnection};
use crate::worker::mailbox::Address;
use crate::worker::{Message, SocketAddress, TaskRef};
use line::{Line, Tie};
use pool::{Claim, Idle, Stock};
use recipe::BackendRecipe;

pub use acquire::acquire;
pub use dial::{NO_ADDRESS, internet};
pub use pool::{IDLE_MAX, Tally};
pub use watch::watch;

/// How long to wait before another worker's full mailbox is tried again.
const MAILBOX_FULL: Duration = Duration::from_millis(1);

/// Where the servers of a plan are and what they need: made at the start (names resolved, files
/// loaded), shared by the workers; and who waits for them.
#[derive(Debug, Default)]
pub struct Destinations {
    /// By proxy (all of `Plan::proxies`), then by server.
    pub servers: Vec<Vec<Destination>>,
    /// By proxy.
    lines: Vec<Line<Waiter>>,
    workers: OnceLock<Vec<Address<Message>>>,
    /// Who checks which server.
    checkers: Mutex<BTreeMap<(usize, usize), Waiter>>,
}

impl Destinations {
    /// These, by proxy and then by server.
    pub fn new(servers: Vec<Vec<Destination>>) -> Destinations {
        let lines = (0..servers.len()).map(Line::new).collect();
        Destinations { servers, lines, ..Destinations::default() }
    }

    /// For the plan that follows: who waits for a server goes on waiting, and a server that was moved stays
    /// where it is, unless the configuration says another address now.
    pub fn succeed(&mut self, old: &Destinations, heirs: &Succession) {
        for (backend, servers) in self.servers.iter().enumerate() {
            for (server, new) in servers.iter().enumerate() {
                let before = heirs.server_before(backend, server);
                let before =
                    before.and_then(|(backend, server)| old.servers.get(backend)?.get(server));
                let moved = before.filter(|it| it.is_moved() && it.address == new.address);
                if let Some(address) = moved.and_then(Destination::address) {
                    new.move_to(address);
                }
            }
        }
        for (backend, line) in self.lines.iter_mut().enumerate() {
            let before = heirs.backend_before(backend).and_then(|it| old.lines.get(it));
            if let Some(before) = before {
                *line = before.succeed(backend);
            }
        }
    }

    /// The workers, by number: whoever waits for a server on another worker is woken through these.
    /// Without them a process must have only one.
    pub fn set_workers(&self, workers: Vec<Address<Message>>) {
        // A second call would name the same workers.
        let _ = self.workers.set(workers);
    }
}

/// Where one server is.
#[derive(Debug)]
pub struct Destination {
    /// Its address; `None` while its name has none (`init-addr none`), and then it is not used. For a
    /// Unix socket see `unix`. A port of 0 is the port that the client connected to, plus `port_offset`.
    pub address: Option<SocketAddr>,
    /// Its Unix socket, instead of an address.
    pub unix: Option<SocketAddress>,
    /// What is added to the client's port if `address` has none.
    pub port_offset: i32,
    /// What its TLS needs, if it has any.
    pub tls: Option<Arc<crate::tls::ServerTls>>,
    /// Where it was moved to at run time.
    pub moved: Moved,
}

/// An address that a command gave a server in place of its own.
#[derive(Debug, Default)]
pub struct Moved {
    /// Whether there is one: looked at for each request.
    is: AtomicBool,
    to: ArcSwapOption<SocketAddr>,
}

impl Destination {
    /// Its address, just now.
    #[inline]
    pub fn address(&self) -> Option<SocketAddr> {
        match self.moved.is.load(Relaxed) {
            false => self.address,
            true => self.moved.to.load().as_ref().map(|it| **it),
        }
    }

    /// Whether it was moved.
    #[inline]
    pub fn is_moved(&self) -> bool {
        self.moved.is.load(Relaxed)
    }

    /// Moves it; requests that have a connection to the old address keep it.
    pub fn move_to(&self, address: SocketAddr) {
        self.moved.to.store(Some(Arc::new(address)));
        self.moved.is.store(true, Relaxed);
    }
}

/// Who waits in a queue, wherever it is.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    worker: usize,
    task: TaskRef,
}

/// A worker's way to the servers: destinations and idle connections.
pub struct Servers {
    destinations: Arc<Destinations>,
    recipes: OnceCell<Vec<BackendRecipe>>,
    /// By proxy, then by server.
    stocks: Vec<Vec<RefCell<Stock>>>,
    tally: Rc<Tally>,
    /// The task that watches idle connections.
    watcher: Cell<Option<TaskRef>>,
}

impl Servers {
    /// With no idle connection yet. A task that watches idle connections (closes what the server
    /// closed, what is too many, what is too old) is spawned on the site's worker by [`watch`].
    pub fn new(destinations: Arc<Destinations>) -> Servers {
        Servers::counted(destinations, Rc::default())
    }

    /// The same, with the figures of the worker's idle connections, which the sites of all its plans share.
    pub fn counted(destinations: Arc<Destinations>, tally: Rc<Tally>) -> Servers {
        let stocks =
            |servers: &Vec<Destination>| servers.iter().map(|_| RefCell::default()).collect();
        Servers {
            recipes: OnceCell::new(),
            stocks: destinations.servers.iter().map(stocks).collect(),
            tally,
            watcher: Cell::new(None),
            destinations,
        }
    }

    /// Where servers are.
    pub fn destinations(&self) -> &Arc<Destinations> {
        &self.destinations
    }

    /// Figures of the idle connections.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// A client's connection ended: what was kept for it alone (`http-reuse never`, a PROXY header) is
    /// closed. Without this it is closed by the next purge.
    pub fn forget(&self, connection: &Connection) {
        if self.tally.owned.get() == 0 {
            return;
        }
        let owner = connection.serial;
        for stock in self.stocks.iter().flatten() {
            stock.borrow_mut().forget(owner, &self.tally);
        }
    }

    fn recipe(&self, site: &Site, backend: usize) -> Option<&BackendRecipe> {
        let make = || {
            let proxies = site.plan.proxies.iter().enumerate();
            let of =
                |(index, proxy)| BackendRecipe::new(&site.plan, proxy, site.program.proxy(index));
            proxies.map(of).collect()
        };
        self.recipes.get_or_init(make).get(backend)
    }

    fn destination(&self, backend: usize, server: usize) -> Option<&Destination> {
        self.destinations.servers.get(backend)?.get(server)
    }

    fn line(&self, backend: usize) -> Option<&Line<Waiter>> {
        self.destinations.lines.get(backend)
    }

    fn stock(&self, backend: usize, server: usize) -> Option<&RefCell<Stock>> {
        self.stocks.get(backend)?.get(server)
    }

    fn take_idle(&self, backend: usize, server: usize, claim: Claim) -> Option<Idle> {
        self.stock(backend, server)?.borrow_mut().take(claim, &self.tally)
    }

    /// Keeps a connection that is idle from now on.
    fn keep(&self, site: &Site, (backend, server): (usize, usize), idle: Idle) {
        let recipe = self.recipe(site, backend).and_then(|it| it.servers.get(server));
        let (Some(recipe), Some(stock)) = (recipe, self.stock(backend, server)) else { return };
        stock.borrow_mut().put(idle, recipe, &self.tally);
        if self.tally.fresh.get() == 1
            && let Some(watcher) = self.watcher.get()
        {
            site.local.wake(watcher);
        }
    }

    /// Gives free places of a server to who waits for them.
    fn hand_over(&self, site: &Site, backend: usize, server: usize) {
        if let Some(line) = self.line(backend) {
            line.hand_over(server, &site.live, |waiter| self.wake(site, *waiter));
        }
    }

    fn wake(&self, site: &Site, Waiter { worker, task }: Waiter) {
        if worker == site.process.worker {
            return site.local.wake(task);
        }
        self.tell(site, worker, move || Message::Run(Box::new(move |local| local.wake(task))));
    }

    /// The numbers of all workers, as far as they are known.
    pub(super) fn workers(&self) -> std::ops::Range<usize> {
        0..self.destinations.workers.get().map_or(0, Vec::len)
    }

    /// Sends a worker a message, sooner or later.
    pub(super) fn tell(&self, site: &Site, worker: usize, message: impl Fn() -> Message + 'static) {
        if self.destinations.send(worker, message()) {
            return;
        }
        // Its mailbox is full, or not known yet: whoever waits must not wait for its timeout.
        let (local, destinations) = (site.local.clone(), self.destinations.clone());
        site.local.spawn(async move {
            while !local.is_stopping() && !destinations.send(worker, message()) {
                local.sleep(MAILBOX_FULL).await;
            }
        });
    }
}

impl Destinations {
    fn checkers(&self) -> MutexGuard<'_, BTreeMap<(usize, usize), Waiter>> {
        self.checkers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a message could be sent.
    fn send(&self, worker: usize, message: Message) -> bool {
        let address = self.workers.get().and_then(|workers| workers.get(worker));
        address.is_some_and(|address| address.send(message).is_ok())
    }
}

/// To be called behind every change to a server's state, weight or limits, by any worker's task. Those who
/// wait for a server that is gone choose again; those who wait for a place get what became free; idle
/// connections to a server that is down are closed, on every worker.
pub fn state_changed(site: &Rc<Site>, backend: usize, server: usize) {
    let _ = redistribute(site, backend, server);
}

/// The same. Gives exactly how many chose again (the log's "requeued").
pub fn redistribute(site: &Rc<Site>, backend: usize, server: usize) -> usize {
    let Some(figures) = site.live.server(backend, server) else { return 0 };
    let (up, mut requeued) = (figures.is_up(), 0);
    if let Some(line) = site.servers.line(backend) {
        let wake = |waiter: &Waiter| site.servers.wake(site, *waiter);
        if !figures.is_usable() {
            let frees = acquire::frees_the_bound(site, backend, server);
            let may_go = |tie| tie == Tie::Loose || (tie == Tie::Bound && frees);
            requeued += line.send_back(Some(server), &site.live, may_go, wake);
        }
        if !site.live.has_usable(backend) {
            requeued += line.send_back(None, &site.live, |_| true, wake);
        }
        // One that went may make room for a backup.
        for server in 0..site.live.servers(backend).len() {
            if Line::<Waiter>::is_waited_for(backend, server, &site.live) {
                site.servers.hand_over(site, backend, server);
            }
        }
    }
    if !up {
        sessions::everywhere(site, (backend, server), |site, (backend, server)| {
            if let Some(stock) = site.servers.stock(backend, server) {
                stock.borrow_mut().clear(&site.servers.tally);
            }
        });
    }
    requeued
}

/// The task that calls this checks a server: it is woken when requests met too many errors there.
pub fn attend(site: &Site, of: (usize, usize)) {
    let me = Waiter { worker: site.process.worker, task: site.local.current() };
    site.servers.destinations.checkers().insert(of, me);
}

/// A request met an error on a server whose line observes that, or none. Enough of them in a row are told to who
/// checks the server, who does what the line says (`on-error`).
pub fn observe(site: &Site, of: (usize, usize), observed: Observed, error: Option<&str>) {
    let Some(figures) = site.live.server(of.0, of.1) else { return };
    let Some(error) = error else { return figures.note_success() };
    if figures.note_error(observed.limit) < observed.limit {
        return;
    }
    figures.checkup().observed = Some(error.into());
    // Since a reload others check it.
    match site.tenure.is_over().then(|| site.server_heir(of.0, of.1)).flatten() {
        Some((site, backend, server)) => wake_checker(&site, (backend, server)),
        None => wake_checker(site, of),
    }
}

fn wake_checker(site: &Site, of: (usize, usize)) {
    let checker = site.servers.destinations.checkers().get(&of).copied();
    if let Some(checker) = checker {
        site.servers.wake(site, checker);
    }
}

/// Where a server is just now; none while its name has no address, or if that is each client's own.
pub fn place(site: &Site, (backend, server): (usize, usize)) -> Option<SocketAddress> {
    let destination = site.servers.destination(backend, server)?;
    if let Some(unix) = &destination.unix {
        return Some(unix.clone());
    }
    Some(destination.address()?.into())
}

/// What TLS with a server needs, if its line has any.
pub fn tls_of(
    site: &Site,
    (backend, server): (usize, usize),
) -> Option<Arc<crate::tls::ServerTls>> {
    site.servers.destination(backend, server)?.tls.clone()
}

/// Where connections to a server come from, if that is said.
pub fn source(plan: &crate::config::plan::Plan, of: (usize, usize)) -> Option<SocketAddress> {
    let proxy = plan.proxies.get(of.0)?;
    recipe::source(proxy, proxy.servers.get(of.1)?)
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Servers({:?})", self.tally)
    }
}

/// A place on a server. Dropping it gives it to who waits, or back.
struct Slot {
    site: Rc<Site>,
    backend: usize,
    server: usize,
}

impl Slot {
    /// The place has been taken.
    fn new(site: Rc<Site>, backend: usize, server: usize) -> Slot {
        if let Some(stock) = site.servers.stock(backend, server) {
            stock.borrow_mut().begin();
        }
        Slot { site, backend, server }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Slot { site, backend, server } = self;
        if let Some(stock) = site.servers.stock(*backend, *server) {
            stock.borrow_mut().end();
        }
        site.live.end_server(*backend, *server);
        if Line::<Waiter>::is_waited_for(*backend, *server, &site.live) {
            site.servers.hand_over(site, *backend, *server);
        }
    }
}

/// A connection to a server for one exchange. Dropping it closes it and frees the server's slot.
pub struct Link {
    /// The connection.
    pub transport: Transport,
    /// What rules and logs may know of it.
    pub facts: Rc<ServerConnection>,
    /// The backend, an index into `Plan::proxies`.
    pub backend: usize,
    /// The server, its index there.
    pub server: usize,
    /// Whether it carried requests before.
    pub reused: bool,
    /// What the server's line observes.
    pub observed: Option<Observed>,
    slot: Slot,
    key: u64,
    owner: u64,
    uses: u32,
}

impl Link {
    fn dialled(
        slot: Slot,
        transport: Transport,
        facts: ServerConnection,
        (key, owner): (u64, u64),
        observed: Option<Observed>,
    ) -> Link {
        let (backend, server, facts) = (slot.backend, slot.server, Rc::new(facts));
        let (reused, uses) = (false, 1);
        Link { transport, facts, backend, server, reused, observed, slot, key, owner, uses }
    }

    fn reuse(slot: Slot, idle: Idle, observed: Option<Observed>) -> Link {
        let (backend, server) = (slot.backend, slot.server);
        let Idle { transport, facts, key, owner, uses, .. } = idle;
        let uses = uses.saturating_add(1);
        let reused = true;
        Link { transport, facts, backend, server, reused, observed, slot, key, owner, uses }
    }

    /// From now on it is only for this client's connection (one that was authenticated, say).
    pub fn keep_for(&mut self, connection: &Connection) {
        self.owner = connection.serial;
    }

    /// Gives it back for the next exchange. Only for one whose both directions are known to be
    /// complete.
    pub fn give_back(self, site: &Rc<Site>) {
        let Link { transport, facts, backend, server, slot, key, owner, uses, .. } = self;
        // The connection before the place, so that who waits for the place finds it.
        let servers = &site.servers;
        if !site.local.is_stopping() {
            let (since_us, watched) = (site.now_us(), false);
            let idle = Idle { transport, facts, key, owner, uses, since_us, watched };
            match site.tenure.is_over() {
                false => servers.keep(site, (backend, server), idle),
                true => Servers::bequeath(site, (backend, server), idle),
            }
        }
        drop(slot);
    }
}

/// What kind of connection is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// For TCP mode: its own.
    Own,
    /// For the first request of a client's connection (`http-reuse safe` dials for it unless an idle
    /// one has proved itself).
    First,
    /// For a later request.
    Later,
    /// A new one: an idle one failed this request before it was sent whole.
    Fresh,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No server is usable: 503, `SC--`.
    NoServer,
    /// An operator ended the session before it had a connection: 503, and the log tells who.
    Ended,
    /// The queue was full: 503, `SQ--`.
    QueueFull,
    /// `timeout queue`: 503, `sQ--`.
    QueueTimeout,
    /// The last attempt was refused or reset: 503, `SC--`.
    Connect,
    /// The last attempt took longer than `timeout connect`: 503, `sC--`.
    ConnectTimeout,
    /// The TLS handshake with the server failed: 503, `SC--`.
    Handshake,
    /// No descriptor, port or buffer for it: 503, `RC--`.
    Resource,
}
