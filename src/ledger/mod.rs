//! The ledger: what has happened in each frontend, bind, backend and server, counted.
//!
//! In: what ended, from the workers. Out: sums, for the statistics page, the runtime socket and metrics.
//! Each worker writes into cells of its own, which nobody else writes: a load and a store, no locked
//! instruction and no cache line that two cores write. Readers sum, and may be a moment behind.
//!
//! Limits: [`CELLS`] cells of 8 bytes for each of those, for each worker. What is in progress, and rates,
//! are [`crate::balance::Live`]'s. What was refused is kept beside it, the last message of each kind.

mod capture;
mod note;
mod sheet;

use std::sync::Arc;

use crate::config::plan::{Plan, Proxy, is_on};
use crate::config::succession::Succession;

pub use capture::{CAPTURE_MAX, Capture, Named, Refused};
use capture::{Events, Shelf};
pub use note::Entry;
pub use sheet::{CELLS, Count, Sheets, Span};

/// What a plan's proxies have counted.
#[derive(Debug)]
pub struct Ledger {
    proxies: Box<[ProxySheets]>,
    workers: usize,
    events: Events,
}

/// A proxy's sheets. Those of what lives on are shared with the plan before and the plan behind.
#[derive(Debug)]
struct ProxySheets {
    front: Arc<Sheets>,
    /// Those of binds only with `option socket-stats`.
    binds: Box<[Option<Arc<Sheets>>]>,
    back: Arc<Sheets>,
    servers: Box<[Arc<Sheets>]>,
    refused_request: Arc<Shelf>,
    refused_response: Arc<Shelf>,
}

impl ProxySheets {
    fn new(proxy: &Proxy, workers: usize) -> ProxySheets {
        let sheets = || Arc::new(Sheets::new(workers));
        let counts_binds = is_on(proxy.settings.options.socket_stats);
        // A side that there is not has nobody to write into its sheets.
        let side = |there: bool| Arc::new(Sheets::new(if there { workers } else { 0 }));
        ProxySheets {
            front: side(proxy.has_frontend()),
            binds: proxy.binds.iter().map(|_| counts_binds.then(sheets)).collect(),
            back: side(proxy.has_backend()),
            servers: proxy.servers.iter().map(|_| sheets()).collect(),
            refused_request: Arc::default(),
            refused_response: Arc::default(),
        }
    }
}

impl Ledger {
    /// Of a plan, for so many workers.
    pub fn new(plan: &Plan, workers: usize) -> Ledger {
        let proxies = plan.proxies.iter().map(|proxy| ProxySheets::new(proxy, workers));
        Ledger { proxies: proxies.collect(), workers, events: Events::default() }
    }

    /// Of the plan that follows: what lives on counts on.
    pub fn succeed(&self, plan: &Plan, heirs: &Succession) -> Ledger {
        let mut next = Ledger { events: self.events.clone(), ..Ledger::new(plan, self.workers) };
        for (number, sheets) in next.proxies.iter_mut().enumerate() {
            let before = heirs.frontend_before(number);
            if let Some((before, old)) = before.and_then(|at| Some((at, self.proxies.get(at)?))) {
                sheets.front = old.front.clone();
                sheets.refused_request = old.refused_request.clone();
                for (place, old) in old.binds.iter().enumerate() {
                    let heir = heirs.bind(before, place).and_then(|at| sheets.binds.get_mut(at));
                    if let (Some(Some(heir)), Some(old)) = (heir, old) {
                        *heir = old.clone();
                    }
                }
            }
            if let Some(old) = heirs.backend_before(number).and_then(|at| self.proxies.get(at)) {
                sheets.back = old.back.clone();
                sheets.refused_response = old.refused_response.clone();
            }
            for (place, sheets) in sheets.servers.iter_mut().enumerate() {
                let before = heirs.server_before(number, place);
                let old =
                    before.and_then(|(proxy, server)| self.proxies.get(proxy)?.servers.get(server));
                if let Some(old) = old {
                    *sheets = old.clone();
                }
            }
        }
        next
    }

    /// What a frontend has counted.
    pub fn front(&self, proxy: usize) -> Option<&Sheets> {
        self.proxies.get(proxy).map(|it| &*it.front)
    }

    /// What a bind has counted, if it counts.
    pub fn bind(&self, proxy: usize, bind: usize) -> Option<&Sheets> {
        self.proxies.get(proxy)?.binds.get(bind)?.as_deref()
    }

    /// What a backend has counted.
    pub fn back(&self, proxy: usize) -> Option<&Sheets> {
        self.proxies.get(proxy).map(|it| &*it.back)
    }

    /// What a server has counted.
    pub fn server(&self, proxy: usize, server: usize) -> Option<&Sheets> {
        self.proxies.get(proxy)?.servers.get(server).map(|it| &**it)
    }

    /// A count of all frontends.
    pub fn fronts_total(&self, count: Count) -> u64 {
        self.proxies.iter().fold(0, |sum, it| sum.saturating_add(it.front.total(count)))
    }

    /// Forgets the maxima, and with `all` the sums as well (`clear counters [all]`).
    pub fn clear(&self, all: bool) {
        for proxy in &self.proxies {
            let binds = proxy.binds.iter().flatten();
            let sides = [&proxy.front, &proxy.back].into_iter();
            sides.chain(binds).chain(&proxy.servers).for_each(|sheets| sheets.clear(all));
        }
    }

    /// What worker `worker` writes with.
    pub fn clerk(self: &Arc<Ledger>, worker: usize) -> Clerk {
        Clerk { ledger: self.clone(), worker }
    }
}

/// A worker's hand in the ledger.
#[derive(Clone, Debug)]
pub struct Clerk {
    ledger: Arc<Ledger>,
    worker: usize,
}

impl Clerk {
    /// The ledger.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// A connection was accepted on a bind.
    pub fn accepted(&self, frontend: usize, bind: usize) {
        self.count_front(frontend, bind, Count::Connections);
    }

    /// Something happened on a frontend and its bind.
    pub fn count_front(&self, frontend: usize, bind: usize, count: Count) {
        if let Some(sheets) = self.ledger.front(frontend) {
            sheets.add(self.worker, count, 1);
        }
        if let Some(sheets) = self.ledger.bind(frontend, bind) {
            sheets.add(self.worker, count, 1);
        }
    }

    /// A request or connection begins in a backend.
    #[inline]
    pub fn enter_backend(&self, backend: usize, unix_us: u64) {
        if let Some(sheets) = self.ledger.back(backend) {
            sheets.add(self.worker, Count::Sessions, 1);
            sheets.set_last(self.worker, unix_us);
        }
    }

    /// It goes to a server; `balanced` if nothing bound it to that.
    #[inline]
    pub fn enter_server(&self, backend: usize, server: usize, unix_us: u64, balanced: bool) {
        if let Some(sheets) = self.ledger.server(backend, server) {
            sheets.add(self.worker, Count::Sessions, 1);
            sheets.add(self.worker, Count::Balanced, u64::from(balanced));
            sheets.set_last(self.worker, unix_us);
        }
        if balanced && let Some(sheets) = self.ledger.back(backend) {
            sheets.add(self.worker, Count::Balanced, 1);
        }
    }

    /// How many idle connections to a server this worker holds now.
    pub fn set_idle(&self, backend: usize, server: usize, idle: usize) {
        if let Some(sheets) = self.ledger.server(backend, server) {
            sheets.set_idle(self.worker, u64::try_from(idle).unwrap_or(u64::MAX));
        }
    }

    /// Something happened on a server and its backend.
    #[inline]
    pub fn count_server(&self, backend: usize, server: usize, count: Count) {
        if let Some(sheets) = self.ledger.server(backend, server) {
            sheets.add(self.worker, count, 1);
        }
        if let Some(sheets) = self.ledger.back(backend) {
            sheets.add(self.worker, count, 1);
        }
    }
}

#[cfg(test)]
mod tests;
