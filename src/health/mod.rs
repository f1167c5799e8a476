//! Health checks: servers and their agents are asked how they are, and what they say decides about them.
//!
//! In: the plan's `check`, `agent-check`, `option httpchk` and their like; answers of servers. Out: states
//! of servers ([`crate::balance::Live`]), which all workers see, and lines in the log, in HAProxy's words.
//!
//! Each server is checked by one worker, the workers take them in turn. A check is a task that sleeps, connects,
//! speaks, and judges:
//!
//! - `script` is what the plan says about a check, `run` does it step by step: `connect` makes the connection,
//!   `request` the bytes of a request, `expect` compares; `talk` is what they share. `agent` asks agents. `gate`
//!   lets so many under way at once.
//! - `outcome` draws the conclusions, `decide` does what operators and agents say of a server, `follow` lets
//!   servers be as those that they track, `ramp` lets a server that came back take its share step by step.
//! - `standing` and `words` put it into lines of the log.
//!
//! Limits: one check of a server at a time, of a reply [`crate::proto::check::REPLY_MAX`] bytes, and no
//! check takes longer than its time (`timeout check`, `inter`).

mod agent;
mod connect;
mod decide;
mod expect;
mod follow;
mod gate;
mod outcome;
mod ramp;
mod request;
mod run;
mod script;
mod standing;
mod talk;
mod words;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::balance::checkup::Last;
use crate::balance::{Admin, Health};
use crate::config::plan::Plan;
use crate::exchange::server;
use crate::exchange::site::Site;
use gate::Gate;

pub use decide::decide;
pub use outcome::{force, force_agent};

/// How often a server whose checks are off, or that is in maintenance, is looked at.
const RESTING: Duration = Duration::from_millis(500);

/// The checks that a worker does for a plan. They end when the worker stops, or this says so.
#[derive(Clone, Debug, Default)]
pub struct Checks(Rc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    ended: Cell<bool>,
    gate: Gate,
}

impl Checks {
    fn new(plan: &Plan) -> Checks {
        let most = plan.global.checks.at_once.map_or(0, |it| it.value);
        Checks(Rc::new(Shared { ended: Cell::new(false), gate: Gate::new(most) }))
    }

    /// They end, as soon as each has been polled once more (a reload wakes all tasks).
    pub fn end(&self) {
        self.0.ended.set(true);
    }

    fn are_over(&self, site: &Site) -> bool {
        self.0.ended.get() || site.local.is_stopping() || site.live.is_superseded()
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The server.
    Check,
    /// Its agent.
    Agent,
}

/// Begins this worker's part of the checks, one worker of so many.
pub fn start(site: &Rc<Site>, workers: usize) -> Checks {
    let checks = Checks::new(&site.plan);
    let all = wanted(&site.plan);
    let spread = Spread::new(site, &all);
    let workers = workers.max(1);
    for (place, &(backend, server, kind)) in all.iter().enumerate() {
        if place % workers == site.process.worker % workers {
            let what = (backend, server, kind);
            let first = left(site, what).unwrap_or_else(|| spread.first(site, place, what));
            site.local.spawn(watch(site.clone(), checks.clone(), what, first));
        }
    }
    if site.process.worker == 0 {
        note_beginning(site);
        site.local.spawn(ramp::watch(site.clone(), checks.clone()));
    }
    site.local.spawn(take_stock(site.clone(), checks.clone()));
    checks
}

/// What follows from a plan for the states of its servers. As a task it comes behind the one that finds out which
/// servers have no address.
async fn take_stock(site: Rc<Site>, checks: Checks) {
    if checks.are_over(&site) {
        return;
    }
    follow::follow_all(&site);
    if site.process.worker == 0 {
        site.live.changed().iter().for_each(|&of| outcome::note_reload(&site, of));
    }
}

/// A server's state is as old as the process, or as the server's line.
fn note_beginning(site: &Site) {
    let now_us = site.unix_us(site.local.now());
    for backend in 0..site.plan.proxies.len() {
        for figures in site.live.servers(backend) {
            let mut checkup = figures.checkup();
            if checkup.changed_us == 0 {
                checkup.changed_us = now_us;
            }
        }
    }
}

/// Everything that is to be asked, in the order of the plan.
fn wanted(plan: &Plan) -> Vec<(usize, usize, Kind)> {
    let mut all = Vec::new();
    for (backend, proxy) in plan.proxies.iter().enumerate() {
        if proxy.disabled || !proxy.has_backend() {
            continue;
        }
        for (server, line) in proxy.servers.iter().enumerate() {
            let settings = &line.settings;
            if settings.health.check.is_some() && settings.health.track.is_none() {
                all.push((backend, server, Kind::Check));
            }
            if settings.agent.check.is_some() && settings.health.track.is_none() {
                all.push((backend, server, Kind::Agent));
            }
        }
    }
    all
}

/// How the first checks are spread: each over its own interval, or the shortest of all if that is longer; at most
/// over `max-spread-checks`.
struct Spread {
    least: Duration,
    most: Option<Duration>,
    count: u32,
}

impl Spread {
    fn new(site: &Site, all: &[(usize, usize, Kind)]) -> Spread {
        let least = all.iter().filter_map(|&what| interval(site, what)).min();
        let most = site.plan.global.checks.spread_max.map(|it| it.value);
        let count = u32::try_from(all.len()).unwrap_or(u32::MAX).max(1);
        Spread { least: least.unwrap_or_default(), most: most.filter(|it| !it.is_zero()), count }
    }

    fn first(&self, site: &Site, place: usize, what: (usize, usize, Kind)) -> Duration {
        let over = interval(site, what).unwrap_or_default().max(self.least);
        let over = self.most.map_or(over, |most| over.min(most));
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        over.mul_f64(f64::from(place) / f64::from(self.count))
    }
}

/// What is left of the time until the next check, for a server that was checked under the plan before.
fn left(site: &Site, what: (usize, usize, Kind)) -> Option<Duration> {
    let wait = interval(site, what)?;
    let checkup = site.live.server(what.0, what.1)?.checkup();
    let count = if what.2 == Kind::Agent { &checkup.agent } else { &checkup.check };
    let gone = site.unix_us(site.local.now()).saturating_sub(count.last.as_ref()?.at_us);
    Some(wait.saturating_sub(Duration::from_micros(gone)))
}

/// Asks one server, or its agent, again and again.
async fn watch(site: Rc<Site>, checks: Checks, what: (usize, usize, Kind), first: Duration) {
    let (backend, server, kind) = what;
    if kind == Kind::Check {
        server::attend(&site, (backend, server));
    }
    rest(&site, &checks, what, first).await;
    while !checks.are_over(&site) {
        let Some(wait) = interval(&site, what) else {
            rest(&site, &checks, what, RESTING).await;
            continue;
        };
        let enter = checks.0.gate.enter(&site.local, || checks.are_over(&site));
        let pass = match kind {
            Kind::Check => attending(&site, &checks, (backend, server), enter).await.flatten(),
            Kind::Agent => enter.await,
        };
        let Some(pass) = pass else { break };
        let began = site.now_us();
        match kind {
            Kind::Check => {
                let check = run::check(&site, backend, server);
                let verdict = attending(&site, &checks, (backend, server), check).await;
                let Some(verdict) = verdict else { break };
                // One that was switched off meanwhile is not believed.
                if interval(&site, what).is_some() {
                    outcome::checked(&site, backend, server, last(&site, verdict, began));
                }
            }
            Kind::Agent => {
                let (verdict, advice) = agent::ask(&site, backend, server).await;
                if interval(&site, what).is_some() && !checks.are_over(&site) {
                    outcome::advised(&site, (backend, server), last(&site, verdict, began), advice);
                }
            }
        }
        drop(pass);
        // From the end of one to the beginning of the next, as HAProxy: a server that hangs gets its pause, too.
        let wait = interval(&site, what).unwrap_or(wait);
        rest(&site, &checks, what, varied(&site, wait).max(Duration::from_millis(1))).await;
    }
}

/// Runs a check, or waits until it may begin; what requests tell meanwhile takes effect at once, however long it
/// takes. Nothing if all is over before it is.
async fn attending<T>(
    site: &Rc<Site>,
    checks: &Checks,
    of: (usize, usize),
    check: impl Future<Output = T>,
) -> Option<T> {
    let (mut check, mut stopping) = (pin!(check), pin!(site.local.stopping()));
    poll_fn(|cx| {
        if stopping.as_mut().poll(cx).is_ready() || checks.are_over(site) {
            return Poll::Ready(None);
        }
        outcome::note_observed(site, of);
        check.as_mut().poll(cx).map(Some)
    })
    .await
}

fn last(site: &Site, verdict: crate::proto::check::Verdict, began_us: u64) -> Last {
    let duration_ms = site.now_us().saturating_sub(began_us) / 1000;
    Last { verdict, duration_ms, at_us: site.unix_us(site.local.now()) }
}

/// How long until the next check; `None` while there is none: switched off, or in maintenance.
fn interval(site: &Site, (backend, server, kind): (usize, usize, Kind)) -> Option<Duration> {
    let figures = site.live.server(backend, server)?;
    let paused = Admin::FORCED_MAINT.0 | Admin::CONFIG_MAINT.0 | Admin::UNRESOLVED.0;
    let checkup = figures.checkup();
    match kind {
        // An agent may take a server out of maintenance that it put there.
        Kind::Agent => checkup.agent.enabled.then_some(checkup.agent_inter),
        Kind::Check if figures.admin().has(Admin(paused)) => None,
        Kind::Check => checkup.check.enabled.then(|| checkup.wait(figures.health())),
    }
}

/// `spread-checks`: so much more or less.
fn varied(site: &Site, wait: Duration) -> Duration {
    let percent =
        site.plan.global.checks.spread_percent.map_or(0, |it| u64::from(it.value)).min(50);
    if percent == 0 {
        return wait;
    }
    let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
    let range = micros / 100 * percent;
    let shift = site.random.borrow_mut().u64(..=range.saturating_mul(2));
    Duration::from_micros(micros.saturating_sub(range).saturating_add(shift))
}

/// Sleeps, unless it is all over. Errors of requests take effect at once; the next check then comes as soon as
/// `fastinter` says.
async fn rest(
    site: &Rc<Site>,
    checks: &Checks,
    (backend, server, kind): (usize, usize, Kind),
    time: Duration,
) {
    let mut stopping = pin!(site.local.stopping());
    let mut due = site.local.now() + time;
    while !checks.are_over(site) {
        let mut sleep = pin!(site.local.sleep_until(due));
        let observed = poll_fn(|cx| {
            if kind == Kind::Check && outcome::note_observed(site, (backend, server)) {
                return Poll::Ready(true);
            }
            let over = stopping.as_mut().poll(cx).is_ready() || checks.are_over(site);
            match over || sleep.as_mut().poll(cx).is_ready() {
                true => Poll::Ready(false),
                false => Poll::Pending,
            }
        });
        if !observed.await {
            return;
        }
        let fast = site.live.server(backend, server).map(|it| it.checkup().pace.fast);
        due = due.min(site.local.now() + fast.unwrap_or_default());
    }
}

/// Whether a state takes requests at all.
fn is_running(health: Health) -> bool {
    health != Health::Stopped
}
