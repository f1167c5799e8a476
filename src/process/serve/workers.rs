//! The workers: what each has, and what it runs.
//!
//! In: the plan and everything prepared for it, and each worker's listening sockets. Out: running
//! workers, which accept.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::pace::Pace;
use super::ports::Port;
use super::prepare::BindsTls;
use crate::admin::desk::Desk;
use crate::admin::info;
use crate::balance::{Chooser, Live};
use crate::config::plan::{Given, Plan, Process};
use crate::exchange::client;
use crate::exchange::server::{self, Destinations, Servers};
use crate::exchange::sessions::Sessions;
use crate::exchange::site::Site;
use crate::ledger::Ledger;
use crate::log::access::{Sink, Targets};
use crate::proto::h1::Limits;
use crate::rules::context::ProcessFacts;
use crate::rules::program::Program;
use crate::worker::{Group, GroupConfig, Listener, Local, StartError};
use koi_sys::guard;

/// How long a worker waits before it looks again whether it may take one connection more.
const FULL: Duration = Duration::from_millis(5);

/// How often the time of day is read.
const SECOND: Duration = Duration::from_secs(1);

/// What all workers share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its rules.
    pub program: Arc<Program>,
    /// Figures.
    pub live: Arc<Live>,
    /// What has happened.
    pub ledger: Arc<Ledger>,
    /// Who answers requests that are about Koi.
    pub desk: Arc<Desk>,
    /// How fast connections are taken.
    pub pace: Arc<Pace>,
    /// Where servers are.
    pub destinations: Arc<Destinations>,
    /// TLS of the binds.
    pub tls: Arc<BindsTls>,
    /// Log targets.
    pub targets: Arc<Targets>,
}

/// How many workers the plan asks for, and on which cores.
pub fn group_config(process: &Process) -> GroupConfig {
    let mut config = GroupConfig::default();
    let most = process.threads_max.map_or(u32::MAX, |it| it.value.max(1));
    if let Some(Given { value: threads, .. }) = process.threads {
        config.workers = usize::try_from(threads.max(1)).unwrap_or(1);
    }
    config.workers = config.workers.min(usize::try_from(most).unwrap_or(usize::MAX));
    let mapped: Option<Vec<usize>> =
        (0..config.workers).map(|worker| mapped_core(process, worker)).collect();
    if let Some(cores) = mapped {
        config.cores = cores;
    }
    config
}

/// The core that `cpu-map` gives a worker, which is thread `worker + 1`. Of several it takes one: a
/// worker stays on its core.
fn mapped_core(process: &Process, worker: usize) -> Option<usize> {
    let of_worker = |set: u64| worker < 64 && set >> worker & 1 == 1;
    let map =
        process.cpu_maps.iter().rev().find(|map| map.groups & 1 == 1 && of_worker(map.threads))?;
    // How many threads of the line come before this one.
    let before = (0..worker).filter(|earlier| map.threads >> earlier & 1 == 1).count();
    map.cpus.get(before % map.cpus.len().max(1)).map(|&cpu| usize::from(cpu))
}

/// Starts the workers, each with its share of the ports.
///
/// # Errors
/// The first worker's that could not start.
pub fn start(
    config: &GroupConfig,
    shared: Shared,
    shares: Vec<Vec<Port>>,
) -> Result<Group, StartError> {
    let shares: Mutex<Vec<Option<Vec<Port>>>> = Mutex::new(shares.into_iter().map(Some).collect());
    let started_us = unix_us();
    let destinations = shared.destinations.clone();
    let group = Group::start(config, move |worker, local| {
        let mut shares = shares.lock().unwrap_or_else(PoisonError::into_inner);
        let ports = shares.get_mut(worker).and_then(Option::take).unwrap_or_default();
        drop(shares);
        run(worker, local, &shared, started_us, ports)
    })?;
    destinations.set_workers(group.addresses());
    Ok(group)
}

/// What a worker begins with.
fn run(
    worker: usize,
    local: &Local,
    shared: &Shared,
    started_us: u64,
    ports: Vec<Port>,
) -> Result<(), String> {
    let site = Rc::new(site(worker, local, shared, started_us));
    for port in ports {
        let Port { frontend, bind, socket, backlog } = port;
        let listener = local
            .adopt_listener(socket, backlog)
            .map_err(|error| format!("worker {worker} cannot listen: {error}"))?;
        let tls = shared.tls.get(frontend).and_then(|of_proxy| of_proxy.get(bind));
        let tls = tls.is_some_and(Option::is_some);
        let door =
            Door { frontend, bind, tls, address: only_address(shared, &listener, frontend, bind) };
        local.spawn(accept(site.clone(), shared.pace.clone(), door, listener));
    }
    local.spawn(server::watch(site.clone()));
    local.spawn(follow_the_clock(site));
    Ok(())
}

/// Who answers requests that are about Koi itself.
pub fn desk(plan: &Plan, workers: usize) -> Desk {
    let host = || guard::host_name().unwrap_or_default().into();
    Desk::new(info::Process {
        pid: std::process::id(),
        started_us: unix_us(),
        workers: u32::try_from(workers).unwrap_or(u32::MAX),
        node: plan.global.process.node.as_ref().map_or_else(host, |it| it.value.clone()),
    })
}

fn site(worker: usize, local: &Local, shared: &Shared, started_us: u64) -> Site {
    let plan = &shared.plan;
    Site {
        local: local.clone(),
        plan: plan.clone(),
        program: shared.program.clone(),
        live: shared.live.clone(),
        ledger: shared.ledger.clerk(worker),
        service: Some(shared.desk.clone()),
        process: ProcessFacts {
            hostname: guard::host_name().unwrap_or_default().into(),
            pid: i64::from(std::process::id()),
            started_us,
            worker,
        },
        chooser: Chooser::new(plan, worker),
        servers: Servers::new(shared.destinations.clone()),
        tls: shared.tls.clone(),
        log: Sink::new(shared.targets.clone(), local),
        limits: head_limits(plan),
        wall_offset_us: Cell::new(wall_offset_us(local)),
        random: RefCell::new(fastrand::Rng::new()),
        sessions: Sessions::default(),
    }
}

/// A head has to fit into HAProxy's buffer, less what is kept free for rules.
fn head_limits(plan: &Plan) -> Limits {
    const BUFFER: u32 = 16_384;
    const REWRITE: u32 = 1_024;
    const FIELDS: u32 = 101;
    let tuning = &plan.global.tuning;
    let or = |value: Option<Given<u32>>, default| value.map_or(default, |it| it.value);
    let buffer = or(tuning.buffer, BUFFER);
    let rewrite = or(tuning.rewrite, REWRITE).min(buffer / 2);
    let bytes = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Limits { head_bytes: bytes(buffer - rewrite), fields: bytes(or(tuning.headers_max, FIELDS)) }
}

/// Accepts until the worker stops. What may not be served yet waits: one connection here, the others
/// in the kernel.
async fn accept(site: Rc<Site>, pace: Arc<Pace>, door: Door, mut listener: Listener) {
    let Door { frontend, bind, tls, address } = door;
    while let Some(stream) = listener.accept().await {
        let taken = loop {
            match pace.take(frontend, tls, site.now_us()) {
                Some(taken) => break taken,
                None => site.local.sleep(FULL).await,
            }
        };
        while !site.live.begin_connection(frontend, bind) {
            site.local.sleep(FULL).await;
        }
        let served = client::serve(site.clone(), frontend, bind, stream, address);
        match taken.tls {
            None => site.local.spawn(served),
            Some(counted) => site.local.spawn(async move {
                served.await;
                drop(counted);
            }),
        }
    }
}

/// What a listener belongs to.
struct Door {
    frontend: usize,
    bind: usize,
    /// Whether connections begin with a TLS handshake.
    tls: bool,
    /// The address that all connections come to, if it can be only one.
    address: Option<SocketAddr>,
}

/// The address that all connections to a listener come to. One that listens at all addresses of the host,
/// or at those of others (`transparent`), has to be asked each time.
fn only_address(
    shared: &Shared,
    listener: &Listener,
    frontend: usize,
    bind: usize,
) -> Option<SocketAddr> {
    let line = shared.plan.proxies.get(frontend)?.binds.get(bind)?;
    let address = client::ip_address(&listener.local_address()?);
    (line.transparent.is_none() && !address.ip().is_unspecified()).then_some(address)
}

/// Keeps the time of day right when it is set.
async fn follow_the_clock(site: Rc<Site>) {
    while site.local.timeout(SECOND, site.local.stopping()).await.is_err() {
        site.wall_offset_us.set(wall_offset_us(&site.local));
    }
}

fn wall_offset_us(local: &Local) -> u64 {
    // The worker's clock stands still within a turn; that is what moments are computed from.
    unix_us().wrapping_sub(local.now().as_micros())
}

fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
