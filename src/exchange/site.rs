//! What a worker has: everything an exchange needs besides its connections.
//!
//! One per worker and plan, shared by the worker's tasks. Immutable but for what its parts guard
//! themselves.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::control::Control;
use super::server::Servers;
use super::service::Service;
use super::sessions::Sessions;
use super::tenure::Tenure;
use crate::balance::{Chooser, Live};
use crate::config::plan::Plan;
use crate::ledger::{Clerk, Entry};
use crate::log::access::Sink;
use crate::proto::h1::Limits;
use crate::rules::context::{Moment, ProcessFacts};
use crate::rules::program::Program;
use crate::rules::walk::Walk;
use crate::stick;
use crate::tls::BindTls;
use crate::worker::{Local, Time};

/// What a worker has.
pub struct Site {
    /// The worker.
    pub local: Local,
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its rules.
    pub program: Arc<Program>,
    /// Figures of the proxies, shared with the other workers.
    pub live: Arc<Live>,
    /// The stick tables, shared with them, too, and this worker's handles of their entries.
    pub tables: stick::Local,
    /// What has happened, counted: this worker's hand in it.
    pub ledger: Clerk,
    /// What answers requests that are about Koi itself, if anything does.
    pub service: Option<Arc<dyn Service>>,
    /// The process.
    pub process: ProcessFacts,
    /// Who is next, in each backend.
    pub chooser: Chooser,
    /// Where servers are, what they need, and idle connections to them.
    pub servers: Servers,
    /// TLS of binds: by frontend, then by bind.
    pub tls: Arc<Vec<Vec<Option<Arc<BindTls>>>>>,
    /// The log.
    pub log: Sink,
    /// How large heads may be.
    pub limits: Limits,
    /// Unix time less the worker's clock, in microseconds; set again every second.
    pub wall_offset_us: Rc<Cell<u64>>,
    /// The worker's own random numbers: for chance, not for secrets.
    pub random: std::cell::RefCell<fastrand::Rng>,
    /// The connections of clients.
    pub sessions: Sessions,
    /// Whether it is still the worker's own, and what follows it.
    pub tenure: Tenure,
    /// The way to the main thread.
    pub control: Control,
}

impl Site {
    /// The time of day and a random number, for rules.
    pub fn moment(&self) -> Moment {
        self.tell_time();
        Moment { unix_us: self.unix_us(self.local.now()), random: self.random.borrow_mut().u64(..) }
    }

    /// Tells the stick tables what time it is.
    pub fn tell_time(&self) {
        self.tables.tell_time(self.now_us() / 1000);
    }

    /// Drops what has expired in this worker's part of the stick tables.
    pub fn purge_tables(&self) {
        self.tell_time();
        let tables = &self.tables;
        tables.sweep();
        let workers = self.servers.workers().len().max(1);
        for (_, table) in tables.all() {
            table.purge(self.process.worker, workers, tables.now_ms());
        }
    }

    /// A moment of the worker's clock as microseconds since 1970-01-01 UTC.
    pub fn unix_us(&self, at: Time) -> u64 {
        self.wall_offset_us.get().wrapping_add(at.as_micros())
    }

    /// An exchange ended: into the ledger.
    pub fn note(&self, walk: &Walk<'_>) {
        self.ledger.note(&Entry {
            frontend: walk.connection.frontend,
            bind: walk.connection.bind,
            backend: walk.backend,
            server: walk.server,
            http: walk.connection.http_major > 0,
            exchange: &walk.exchange,
        });
    }

    /// The worker's clock, as of this turn, in microseconds.
    pub fn now_us(&self) -> u64 {
        self.local.now().as_micros()
    }
}

/// An exchange or connection in a backend, counted until this is dropped.
pub struct Counted {
    site: Rc<Site>,
    backend: usize,
}

impl Counted {
    /// It begins.
    pub fn new(site: &Rc<Site>, backend: usize) -> Counted {
        site.live.begin_backend(backend);
        site.ledger.enter_backend(backend, site.unix_us(site.local.now()));
        Counted { site: site.clone(), backend }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.site.live.end_backend(self.backend);
    }
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Site(worker {})", self.process.worker)
    }
}
