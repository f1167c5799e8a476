//! A worker's side of a start and of a reload: its site, its doors, and the change from one plan to the
//! next.
//!
//! In: what all workers share of a plan, this worker's new sockets, which sockets stay and which go. Out:
//! a site that serves, and an old one that ends with its last connection. A reload has two steps, so that
//! nothing has changed if a worker cannot do its part: [`adopt`] takes the sockets, [`change`] (which
//! cannot fail) makes the new plan hold, or [`forget`] gives the sockets up.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::door::Door;
use super::ports::{Port, PortId};
use super::workers::{Shared, Workplace};
use crate::config::succession::Succession;
use crate::exchange::server;
use crate::exchange::site::Site;
use crate::health::{self, Checks};
use crate::worker::{ListenOptions, Listener, Local};

/// How often stick tables are looked through.
const PURGE: Duration = Duration::from_secs(1);

/// What a reload changes on a worker, besides its new sockets.
#[derive(Clone, Debug)]
pub struct Change {
    /// The new plan.
    pub shared: Shared,
    /// What the old one's proxies become.
    pub heirs: Arc<Succession>,
    /// Sockets that stay.
    pub kept: Arc<[Kept]>,
    /// Sockets that go.
    pub gone: Arc<[PortId]>,
}

/// A socket that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub id: PortId,
    /// Its frontend in the new plan.
    pub frontend: usize,
    /// Its bind there.
    pub bind: usize,
    /// Connections that may wait in it from now on, if that is new.
    pub backlog: Option<i32>,
    /// What its connections are to have from now on, if that is new.
    pub options: Option<Arc<ListenOptions>>,
}

/// What a worker has from one plan to the next.
struct Floor {
    workplace: Workplace,
    site: Rc<Site>,
    /// This worker's health checks for the plan.
    checks: Checks,
    doors: BTreeMap<PortId, Rc<Door>>,
    /// Sockets of a reload that does not hold yet.
    adopted: Vec<(PortId, (usize, usize), Listener)>,
}

thread_local! {
    /// This thread's worker's.
    static FLOOR: RefCell<Option<Floor>> = const { RefCell::new(None) };
}

fn with_floor<T>(with: impl FnOnce(&mut Floor) -> T) -> Option<T> {
    FLOOR.with_borrow_mut(|floor| floor.as_mut().map(with))
}

/// What a worker begins with.
///
/// # Errors
/// What cannot be listened on.
pub fn begin(
    worker: usize,
    local: &Local,
    shared: &Shared,
    ports: Vec<Port>,
) -> Result<(), String> {
    let workplace = Workplace::new(worker, local, shared.started_us);
    let site = Rc::new(workplace.site(shared));
    site.begin_tenure();
    let checks = Checks::default();
    let mut floor = Floor { workplace, site, checks, doors: BTreeMap::new(), adopted: Vec::new() };
    floor.adopt(ports)?;
    floor.open_adopted(shared);
    local.spawn(server::watch(floor.site.clone()));
    floor.checks = health::start(&floor.site, shared.workers);
    local.spawn(floor.workplace.clone().follow_the_clock());
    local.spawn(tend_tables(local.clone()));
    FLOOR.set(Some(floor));
    local.spawn(leave(local.clone(), Cleared));
    Ok(())
}

/// Drops what has expired in this worker's part of the stick tables, whatever the plan.
async fn tend_tables(local: Local) {
    while local.timeout(PURGE, local.stopping()).await.is_err() {
        if let Some(site) = with_floor(|floor| floor.site.clone()) {
            site.purge_tables();
        }
    }
}

/// What a worker has is dropped when it stops, or with this task: its doors end by themselves.
async fn leave(local: Local, cleared: Cleared) {
    local.stopping().await;
    drop(cleared);
}

struct Cleared;

impl Drop for Cleared {
    fn drop(&mut self) {
        drop(FLOOR.take());
    }
}

/// The first step of a reload: new sockets are taken, and wait.
///
/// # Errors
/// What cannot be listened on. To be followed by [`forget`].
pub fn adopt(ports: Vec<Port>) -> Result<(), String> {
    with_floor(|floor| floor.adopt(ports)).unwrap_or_else(|| Err("the worker stops".to_owned()))
}

/// The reload does not come to pass.
pub fn forget() {
    with_floor(|floor| floor.adopted.clear());
}

/// Closes a frontend's sockets, until a reload opens them again.
pub fn shut(frontend: usize) {
    with_floor(|floor| floor.shut(frontend));
}

/// The second step: the new plan holds; false if the worker stops.
pub fn change(local: &Local, change: &Change) -> bool {
    let changed = with_floor(|floor| floor.change(change)).is_some();
    // Whoever waits looks whether its site is still the worker's own.
    local.wake_all();
    changed
}

impl Floor {
    fn adopt(&mut self, ports: Vec<Port>) -> Result<(), String> {
        let worker = self.workplace.process.worker;
        for Port { id, frontend, bind, socket, backlog } in ports {
            let listener = self.workplace.local.adopt_listener(socket, backlog);
            let listener =
                listener.map_err(|error| format!("worker {worker} cannot listen: {error}"))?;
            self.adopted.push((id, (frontend, bind), listener));
        }
        Ok(())
    }

    fn open_adopted(&mut self, shared: &Shared) {
        for (id, place, listener) in std::mem::take(&mut self.adopted) {
            let door = Door::open(&self.site, &shared.pace, place, listener);
            self.doors.insert(id, door);
        }
    }

    fn shut(&mut self, frontend: usize) {
        let leads_there = |(_, door): &(&PortId, &Rc<Door>)| door.frontend() == frontend;
        let closed: Vec<PortId> =
            self.doors.iter().filter(leads_there).map(|(id, _)| *id).collect();
        closed.iter().for_each(|id| self.close(id));
    }

    fn close(&mut self, id: &PortId) {
        if let Some(door) = self.doors.remove(id) {
            door.listener.close();
        }
    }

    fn change(&mut self, Change { shared, heirs, kept, gone }: &Change) {
        let site = Rc::new(self.workplace.site(shared));
        let old = std::mem::replace(&mut self.site, site.clone());
        site.succeed(&old, heirs.clone());
        for kept in &**kept {
            let Some(door) = self.doors.get(&kept.id) else { continue };
            door.lead(&site, &shared.pace, (kept.frontend, kept.bind));
            if let Some(backlog) = kept.backlog {
                door.listener.set_backlog(backlog);
            }
            if let Some(options) = &kept.options {
                door.listener.set_options(options);
            }
        }
        gone.iter().for_each(|id| self.close(id));
        self.open_adopted(shared);
        site.local.spawn(server::watch(site.clone()));
        self.checks.end();
        self.checks = health::start(&site, shared.workers);
    }
}
