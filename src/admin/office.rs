//! What commands look at and change: one object for all who ask.
//!
//! In: what runs (again after each reload), the workers' addresses. Out: the same, to everybody. Commands
//! run on a thread of their own, so the locks in here make nobody on a request's path wait.

use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use super::commands::Transactions;
use super::info::Process;
use super::rows::Sight;
use crate::balance::Live;
use crate::config::plan::{CommandLevel, Plan};
use crate::exchange::control::Control;
use crate::exchange::server::{Destination, Destinations};
use crate::exchange::sessions;
use crate::exchange::site::Site;
use crate::ledger::Ledger;
use crate::log;
use crate::rules::program::Program;
use crate::tls::BindTls;
use crate::worker::mailbox::Address;
use crate::worker::{Local, Message};

/// How long a worker may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Between two looks whether it has.
const LOOK: Duration = Duration::from_millis(2);

/// What runs just now.
#[derive(Clone, Debug)]
pub struct Running {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its rules.
    pub program: Arc<Program>,
    /// Figures.
    pub live: Arc<Live>,
    /// What has happened.
    pub ledger: Arc<Ledger>,
    /// The process.
    pub process: Process,
    /// Where servers are.
    pub destinations: Arc<Destinations>,
    /// TLS of the binds: by proxy, then by bind.
    pub tls: Arc<Vec<Vec<Option<Arc<BindTls>>>>>,
    /// The way to the main thread.
    pub control: Control,
}

impl Running {
    /// What the statistics look at ([`super::rows`], [`super::info`]).
    pub fn sight(&self) -> Sight<'_> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Sight {
            plan: &self.plan,
            live: &self.live,
            ledger: &self.ledger,
            destinations: &self.destinations,
            unix_us: u64::try_from(now.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// Where a server is.
    pub fn destination(&self, backend: usize, server: usize) -> Option<&Destination> {
        self.destinations.servers.get(backend)?.get(server)
    }
}

/// A socket that commands come to.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its address as `show cli sockets` prints it.
    pub address: String,
    /// What clients may do.
    pub level: CommandLevel,
}

/// See the module.
#[derive(Debug)]
pub struct Office {
    running: RwLock<Arc<Running>>,
    workers: OnceLock<Vec<Address<Message>>>,
    places: Mutex<Vec<Place>>,
    /// Certificates that wait to be committed.
    pub(super) transactions: Transactions,
    started: Instant,
    started_at: SystemTime,
}

impl Office {
    /// For what runs now.
    pub fn new(running: Running) -> Arc<Office> {
        Arc::new(Office {
            running: RwLock::new(Arc::new(running)),
            workers: OnceLock::new(),
            places: Mutex::default(),
            transactions: Transactions::default(),
            started: Instant::now(),
            started_at: SystemTime::now(),
        })
    }

    /// What runs now.
    pub fn running(&self) -> Arc<Running> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// After a reload: this runs from now on.
    pub fn replace(&self, running: Running) {
        *self.running.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(running);
    }

    /// The workers, by number; a second call changes nothing.
    pub fn set_workers(&self, workers: Vec<Address<Message>>) {
        let _ = self.workers.set(workers);
    }

    /// The workers' addresses, by number.
    pub fn workers(&self) -> &[Address<Message>] {
        self.workers.get().map_or(&[], |workers| workers)
    }

    /// The sockets that commands come to.
    pub fn places(&self) -> Vec<Place> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes them.
    pub fn set_places(&self, places: Vec<Place>) {
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = places;
    }

    /// How long the process has run.
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// When it began.
    pub fn started_at(&self) -> SystemTime {
        self.started_at
    }

    /// Asks a worker for something, and waits for the answer: `None` if it does not come in time, as the
    /// worker is gone or stuck. `look` gets the worker's sites, that of the newest plan as the last.
    pub async fn ask<T: Send + 'static>(
        &self,
        local: &Local,
        worker: usize,
        look: impl FnOnce(&[Rc<Site>]) -> T + Send + 'static,
    ) -> Option<T> {
        let address = self.workers().get(worker)?;
        let answer: Arc<Mutex<Option<T>>> = Arc::default();
        let into = answer.clone();
        let mut message = Message::Run(Box::new(move |_: &Local| {
            let told = sessions::with_sites(look);
            *into.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        }));
        let deadline = local.now() + ANSWER;
        // A mailbox that is full is being emptied.
        while let Err(unsent) = address.send(message) {
            if local.now() >= deadline || local.is_stopping() {
                return None;
            }
            message = unsent;
            local.sleep(LOOK).await;
        }
        loop {
            if let Some(told) = answer.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Some(told);
            }
            if local.now() >= deadline || Arc::strong_count(&answer) == 1 {
                return None;
            }
            local.sleep(LOOK).await;
        }
    }

    /// Has a worker's site of this plan do something, which reaches the other workers by itself if it has to.
    /// False if that plan serves no more, nothing if the worker does not answer.
    pub async fn on_site(
        &self,
        local: &Local,
        live: Arc<Live>,
        run: impl FnOnce(&Rc<Site>) + Send + 'static,
    ) -> Option<bool> {
        let told = self.ask(local, 0, move |sites| {
            let site = sites.iter().find(|site| Arc::ptr_eq(&site.live, &live));
            site.map(run).is_some()
        });
        told.await
    }

    /// The same, without waiting for it.
    pub fn tell_site(
        self: &Arc<Self>,
        local: &Local,
        live: Arc<Live>,
        run: impl FnOnce(&Rc<Site>) + Send + 'static,
    ) {
        let (office, of_task) = (self.clone(), local.clone());
        local.spawn(async move {
            if office.on_site(&of_task, live, run).await.is_none() {
                log::limited(format_args!("worker 0 does not answer the runtime socket"));
            }
        });
    }
}
