//! Health checks: servers and their agents are asked how they are, and what they say decides about them.
//!
//! In: the plan's `check`, `agent-check`, `option httpchk` and their like; answers of servers. Out: states
//! of servers ([`crate::balance::Live`]), which all workers see, and lines in the log, in HAProxy's words.
//!
//! Each server is checked by one worker, the workers take them in turn. A check is a task that sleeps,
//! connects, speaks, and judges: `script` is what the plan says about a check, `run` does it, `expect`
//! compares, `agent` asks agents, `outcome` draws the conclusions, `words` puts them into lines, `ramp` lets a server that came
//! back take its share step by step (`slowstart`).
//!
//! Limits: one check of a server at a time, of a reply [`crate::proto::check::REPLY_MAX`] bytes, and no
//! check takes longer than its time (`timeout check`, `inter`).

mod agent;
mod expect;
mod outcome;
mod ramp;
mod run;
mod script;
mod words;

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::balance::checkup::Last;
use crate::balance::{Admin, Health};
use crate::config::plan::Plan;
use crate::exchange::site::Site;

pub use outcome::{force, force_agent};

/// The longest time over which the first checks are spread, unless `max-spread-checks` says so.
const SPREAD: Duration = Duration::from_secs(60);

/// How often a server whose checks are off, or that is in maintenance, is looked at.
const RESTING: Duration = Duration::from_millis(500);

/// The checks that a worker does for a plan. They end when the worker stops, or this says so.
#[derive(Clone, Debug, Default)]
pub struct Checks(Rc<Cell<bool>>);

impl Checks {
    /// They end, as soon as each has been polled once more (a reload wakes all tasks).
    pub fn end(&self) {
        self.0.set(true);
    }

    fn are_over(&self, site: &Site) -> bool {
        self.0.get() || site.local.is_stopping()
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
    let checks = Checks::default();
    let all = wanted(&site.plan);
    let spread = Spread::new(&site.plan, &all);
    let workers = workers.max(1);
    for (place, &(backend, server, kind)) in all.iter().enumerate() {
        if place % workers == site.process.worker % workers {
            let first = spread.first(place);
            site.local.spawn(watch(site.clone(), checks.clone(), (backend, server, kind), first));
        }
    }
    if site.process.worker == 0 {
        note_beginning(site);
        site.local.spawn(ramp::watch(site.clone(), checks.clone()));
        outcome::follow_all(site);
    }
    checks
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

/// How the first checks are spread: over the shortest interval, at most over `max-spread-checks`.
struct Spread {
    over: Duration,
    count: u32,
}

impl Spread {
    fn new(plan: &Plan, all: &[(usize, usize, Kind)]) -> Spread {
        let most = plan.global.checks.spread_max.map_or(SPREAD, |it| it.value);
        let inter = all.iter().filter_map(|&(backend, server, kind)| {
            let line = plan.proxies.get(backend)?.servers.get(server)?;
            let checkup = crate::balance::checkup::Checkup::new(line);
            Some(if kind == Kind::Agent { checkup.agent_inter } else { checkup.pace.inter })
        });
        let over = inter.min().unwrap_or(Duration::ZERO).min(most);
        Spread { over, count: u32::try_from(all.len()).unwrap_or(u32::MAX).max(1) }
    }

    fn first(&self, place: usize) -> Duration {
        self.over / self.count * u32::try_from(place).unwrap_or(u32::MAX).min(self.count)
    }
}

/// Asks one server, or its agent, again and again.
async fn watch(site: Rc<Site>, checks: Checks, what: (usize, usize, Kind), first: Duration) {
    let (backend, server, kind) = what;
    rest(&site, &checks, what, first).await;
    while !checks.are_over(&site) {
        let Some(wait) = interval(&site, what) else {
            rest(&site, &checks, what, RESTING).await;
            continue;
        };
        let began = site.now_us();
        match kind {
            Kind::Check => {
                // At once: the check that they brought forward may take long.
                outcome::note_observed(&site, (backend, server));
                let verdict = run::check(&site, backend, server).await;
                // One that was switched off meanwhile is not believed.
                if interval(&site, what).is_some() && !checks.are_over(&site) {
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
        let spent = Duration::from_micros(site.now_us().saturating_sub(began));
        let wait = interval(&site, what).unwrap_or(wait);
        let wait = varied(&site, wait).saturating_sub(spent).max(Duration::from_millis(1));
        rest(&site, &checks, what, wait).await;
    }
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

/// Sleeps, unless it is all over, or an error of a request wants a check at once.
async fn rest(site: &Site, checks: &Checks, what: (usize, usize, Kind), time: Duration) {
    const LOOK: Duration = Duration::from_millis(250);
    let mut left = time;
    while !left.is_zero() && !checks.are_over(site) && !is_hurried(site, what) {
        // In slices: a hurry comes from any worker, and checks are few.
        let slice = left.min(LOOK);
        let mut sleep = pin!(site.local.sleep(slice));
        poll_fn(|cx| match checks.0.get() {
            true => Poll::Ready(()),
            false => sleep.as_mut().poll(cx),
        })
        .await;
        left = left.saturating_sub(slice);
    }
}

fn is_hurried(site: &Site, (backend, server, kind): (usize, usize, Kind)) -> bool {
    let figures = site.live.server(backend, server).filter(|_| kind == Kind::Check);
    figures.is_some_and(|it| std::mem::take(&mut it.checkup().hurry))
}

/// Whether a state takes requests at all.
fn is_running(health: Health) -> bool {
    health != Health::Stopped
}
