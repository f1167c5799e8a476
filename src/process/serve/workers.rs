//! The workers: what each has.
//!
//! In: the plan and everything prepared for it, and each worker's listening sockets. Out: running
//! workers, which accept.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::pace::Pace;
use super::ports::Port;
use super::prepare::BindsTls;
use super::switch;
use crate::admin::desk::Desk;
use crate::admin::info;
use crate::balance::{Chooser, Live};
use crate::config::plan::{Given, Plan, Process};
use crate::exchange::control::Control;
use crate::exchange::server::{Destinations, Servers, Tally};
use crate::exchange::sessions::Sessions;
use crate::exchange::site::Site;
use crate::exchange::tenure::{Tenure, Throne};
use crate::ledger::Ledger;
use crate::log::access::{Sink, Targets};
use crate::proto::h1::Limits;
use crate::rules::context::ProcessFacts;
use crate::rules::program::Program;
use crate::stick;
use crate::worker::{Group, GroupConfig, Local, StartError};
use koi_sys::guard;

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
    /// How many workers there are.
    pub workers: usize,
    /// Which plan it is, from 1.
    pub number: u64,
    /// The way to the main thread.
    pub control: Control,
    /// When the process started, in microseconds since 1970-01-01 UTC.
    pub started_us: u64,
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
    let destinations = shared.destinations.clone();
    let first = Arc::new(Mutex::new(Some(shared)));
    let theirs = first.clone();
    let started = Group::start(config, move |worker, local| {
        let mut shares = shares.lock().unwrap_or_else(PoisonError::into_inner);
        let ports = shares.get_mut(worker).and_then(Option::take).unwrap_or_default();
        drop(shares);
        let shared = theirs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match shared {
            Some(shared) => switch::begin(worker, local, &shared, ports),
            None => Err("there is no plan".to_owned()),
        }
    });
    // It must not live as long as the workers: a reload may bring another plan.
    drop(first.lock().unwrap_or_else(PoisonError::into_inner).take());
    let group = started?;
    destinations.set_workers(group.addresses());
    Ok(group)
}

/// What a worker has whatever the plan: its sites share it.
#[derive(Clone)]
pub struct Workplace {
    /// The worker.
    pub local: Local,
    /// The process, and the worker's number.
    pub process: ProcessFacts,
    throne: Rc<Throne>,
    tally: Rc<Tally>,
    wall_offset_us: Rc<Cell<u64>>,
    sessions: Sessions,
}

/// Who answers requests that are about Koi itself.
pub fn desk(plan: &Plan, workers: usize, control: &Control) -> Desk {
    let host = || guard::host_name().unwrap_or_default().into();
    Desk::new(info::Process {
        pid: std::process::id(),
        started_us: unix_us(),
        workers: u32::try_from(workers).unwrap_or(u32::MAX),
        node: plan.global.process.node.as_ref().map_or_else(host, |it| it.value.clone()),
        control: control.clone(),
    })
}

impl Workplace {
    /// Of a worker that begins.
    pub fn new(worker: usize, local: &Local, started_us: u64) -> Workplace {
        Workplace {
            local: local.clone(),
            process: ProcessFacts {
                hostname: guard::host_name().unwrap_or_default().into(),
                pid: i64::from(std::process::id()),
                started_us,
                worker,
            },
            throne: Rc::default(),
            tally: Rc::default(),
            wall_offset_us: Rc::new(Cell::new(wall_offset_us(local))),
            sessions: Sessions::default(),
        }
    }

    /// The worker's site for a plan.
    pub fn site(&self, shared: &Shared) -> Site {
        let plan = &shared.plan;
        Site {
            local: self.local.clone(),
            plan: plan.clone(),
            program: shared.program.clone(),
            live: shared.live.clone(),
            tables: stick::Local::new(shared.live.tables().clone()),
            ledger: shared.ledger.clerk(self.process.worker),
            service: Some(shared.desk.clone()),
            process: self.process.clone(),
            chooser: Chooser::new(plan, self.process.worker),
            servers: Servers::counted(shared.destinations.clone(), self.tally.clone()),
            tls: shared.tls.clone(),
            log: Sink::new(shared.targets.clone(), &self.local),
            limits: head_limits(plan),
            wall_offset_us: self.wall_offset_us.clone(),
            random: RefCell::new(fastrand::Rng::new()),
            sessions: self.sessions.of_plan(shared.number),
            tenure: Tenure::new(shared.number, self.throne.clone()),
            control: shared.control.clone(),
        }
    }

    /// Keeps the time of day right when it is set.
    pub async fn follow_the_clock(self) {
        while self.local.timeout(SECOND, self.local.stopping()).await.is_err() {
            self.wall_offset_us.set(wall_offset_us(&self.local));
        }
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

fn wall_offset_us(local: &Local) -> u64 {
    // The worker's clock stands still within a turn; that is what moments are computed from.
    unix_us().wrapping_sub(local.now().as_micros())
}

/// The time of day, in microseconds since 1970-01-01 UTC.
pub fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
