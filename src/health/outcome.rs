//! What a result comes to: the server's state, who hears of it, what follows from it.

use std::rc::Rc;

use super::decide::decide;
use super::follow::follow;
use super::standing::{left, online, tell_if_none, usable};
use super::{Kind, is_running, ramp, words};
use crate::balance::checkup::{Last, Observed};
use crate::balance::state::weight_of_percent;
use crate::balance::{Admin, Health};
use crate::config::plan::{LogLevel, OnError, is_on};
use crate::exchange::site::Site;
use crate::exchange::{server, sessions};
use crate::proto::check::Status;
use crate::proto::check::agent::Advice;
use crate::rules::ending::Cause;

/// A health check came to this.
pub(super) fn checked(site: &Rc<Site>, backend: usize, server: usize, last: Last) {
    note_observed(site, (backend, server));
    let Some(figures) = site.live.server(backend, server) else { return };
    let news = figures.checkup().note_check(last.clone());
    note_result(site, (backend, server), Kind::Check, &last, news);
    settle(site, (backend, server), Some(&last));
}

/// Draws the conclusion if requests met too many errors since the last time; whether they did.
pub(super) fn note_observed(site: &Rc<Site>, (backend, server): (usize, usize)) -> bool {
    let Some(figures) = site.live.server(backend, server) else { return false };
    let error = figures.checkup().observed.take();
    if let Some(error) = &error {
        observed(site, (backend, server), error);
    }
    error.is_some()
}

/// Requests met too many errors: what the line's `on-error` says.
fn observed(site: &Rc<Site>, (backend, server): (usize, usize), error: &str) {
    let line = site.plan.proxies.get(backend).and_then(|proxy| proxy.servers.get(server));
    let Some(observes) = line.and_then(Observed::of) else { return };
    if observes.then == OnError::FastInter {
        return;
    }
    let Some(figures) = site.live.server(backend, server) else { return };
    let last = Last::analyzed(observes.limit, error, site.unix_us(site.local.now()));
    let news = figures.checkup().note_error(observes.then, last.clone());
    note_result(site, (backend, server), Kind::Check, &last, news);
    settle(site, (backend, server), Some(&last));
}

/// An agent was asked.
pub(super) fn advised(site: &Rc<Site>, of: (usize, usize), last: Last, advice: Option<Advice>) {
    let (backend, server) = of;
    let Some(figures) = site.live.server(backend, server) else { return };
    let advice = advice.unwrap_or_default();
    let news = figures.checkup().note_agent(last.clone(), advice.health);
    note_result(site, of, Kind::Agent, &last, news);
    if let Some(percent) = advice.weight_percent {
        let weight = weight_of_percent(figures.initial_weight(), percent);
        if site.live.takes_weight(backend, server, weight)
            && site.live.set_weight(backend, server, weight) != Some(weight)
        {
            server::state_changed(site, backend, server);
        }
    }
    if let Some(most) = advice.maxconn {
        figures.set_limit(most);
        server::state_changed(site, backend, server);
    }
    if let Some(wish) = advice.admin {
        decide(site, of, wish);
    }
    settle(site, of, Some(&last));
}

/// `option log-health-checks`.
fn note_result(site: &Site, of: (usize, usize), kind: Kind, last: &Last, news: bool) {
    let Some(proxy) = site.plan.proxies.get(of.0) else { return };
    if !news || !is_on(proxy.logging.health_checks) {
        return;
    }
    let Some(figures) = site.live.server(of.0, of.1) else { return };
    let (weight, checkup) = (figures.weight(), figures.checkup());
    let (what, count) = match kind {
        Kind::Check => ("Health", &checkup.check),
        Kind::Agent => ("Agent", &checkup.agent),
    };
    let text = words::result(&site.plan, of, what, last, count, weight);
    site.log.announce(of.0, LogLevel::Notice, &text);
}

/// A command or statistics page says how a server is: the counters follow, and checks go on from there. Of one
/// that tracks another it cannot be said.
pub fn force(site: &Rc<Site>, of: (usize, usize), health: Health) {
    let Some((site, of)) = site.server_now(of) else { return };
    let Some(figures) = site.live.server(of.0, of.1) else { return };
    {
        let mut checkup = figures.checkup();
        if checkup.check.configured {
            checkup.check.set(is_running(health));
        }
        if is_running(health) {
            checkup.agent.set(true);
        }
    }
    turn(&site, of, health, Why::Command);
}

/// The same as if the agent had said so: it is up or down, whatever checks say.
pub fn force_agent(site: &Rc<Site>, of: (usize, usize), up: bool) {
    let Some((site, of)) = site.server_now(of) else { return };
    let Some(figures) = site.live.server(of.0, of.1) else { return };
    figures.checkup().agent.set(up);
    turn(&site, of, if up { Health::Running } else { Health::Stopped }, Why::Command);
}

/// Brings the server's state to what checks say.
fn settle(site: &Rc<Site>, of: (usize, usize), last: Option<&Last>) {
    let Some(figures) = site.live.server(of.0, of.1) else { return };
    let now = figures.health();
    let checkup = figures.checkup();
    let leaving =
        checkup.check.last.as_ref().is_some_and(|it| it.verdict.status == Status::L7Conditional);
    let wanted = match (checkup.is_fine(), leaving) {
        (false, _) => Health::Stopped,
        (true, true) => Health::Stopping,
        (true, false) if now == Health::Starting => Health::Starting,
        (true, false) => Health::Running,
    };
    drop(checkup);
    let told = is_on(site.plan.proxies.get(of.0).and_then(|it| it.logging.health_checks));
    turn(site, of, wanted, Why::Checked(last.filter(|_| !told)));
}

/// Why a state changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why<'w> {
    /// A check came to this, unless that was told already.
    Checked(Option<&'w Last>),
    /// Somebody said so.
    Command,
    /// The server that it tracks did.
    Follows((usize, usize)),
}

/// Changes a server's state, if it is another. In maintenance it has none: what holds then is found when it
/// leaves that.
pub(super) fn turn(site: &Rc<Site>, of: (usize, usize), wanted: Health, why: Why<'_>) {
    let (backend, server) = of;
    let Some(figures) = site.live.server(backend, server) else { return };
    let before = figures.health();
    if before == wanted
        || (before, wanted) == (Health::Starting, Health::Running)
        || figures.admin().has(Admin::MAINT)
    {
        return;
    }
    let had = usable(site, backend);
    let now_us = site.unix_us(site.local.now());
    let begin = || {
        figures.checkup().note_change(is_running(wanted), now_us);
        ramp::begin(site, of, wanted)
    };
    let changed = match why {
        Why::Follows(_) => site.live.inherit(begin).unwrap_or(false),
        Why::Checked(_) | Why::Command => begin(),
    };
    // Another worker may have been first, or another plan holds.
    if !changed {
        return;
    }
    let requeued = server::redistribute(site, backend, server);
    tell(site, of, before, wanted, why, requeued);
    tell_if_none(site, backend, had);
    if is_running(before) != is_running(wanted) {
        end_sessions(site, of, is_running(wanted));
    }
    follow(site, of, true);
}

/// A reload changed a server's state: what follows from that.
pub(super) fn note_reload(site: &Rc<Site>, (backend, server): (usize, usize)) {
    let Some(figures) = site.live.server(backend, server) else { return };
    let (up, mut checkup) = (figures.is_up(), figures.checkup());
    if checkup.is_down() == up {
        checkup.note_change(up, site.unix_us(site.local.now()));
    }
    drop(checkup);
    server::state_changed(site, backend, server);
}

/// `on-marked-down shutdown-sessions`, `on-marked-up shutdown-backup-sessions`.
pub(super) fn end_sessions(site: &Rc<Site>, (backend, server): (usize, usize), up: bool) {
    let Some(proxy) = site.plan.proxies.get(backend) else { return };
    let Some(line) = proxy.servers.get(server) else { return };
    let Some(figures) = site.live.server(backend, server) else { return };
    let health = &line.settings.health;
    if !up && health.down_shuts_sessions.is_some() {
        sessions::shut_all_of(site, backend, server, Cause::Down);
    }
    // One that takes no clients makes no backup superfluous.
    if up
        && health.up_shuts_backup_sessions.is_some()
        && !figures.is_backup()
        && figures.is_usable()
    {
        for (other, line) in proxy.servers.iter().enumerate() {
            if line.settings.backup.is_some() {
                sessions::shut_all_of(site, backend, other, Cause::Up);
            }
        }
    }
}

/// The line in the log.
fn tell(
    site: &Site,
    of: (usize, usize),
    before: Health,
    now: Health,
    why: Why<'_>,
    requeued: usize,
) {
    let why = match why {
        Why::Checked(last) => last.map_or(String::new(), words::reason),
        Why::Command => ", changed from CLI".to_owned(),
        Why::Follows(leader) => words::via(&site.plan, Some(leader)),
    };
    let admin = site.live.server(of.0, of.1).map_or(Admin::default(), |it| it.admin());
    let who = words::server(&site.plan, of, true);
    let (level, what, servers) = match now {
        Health::Stopped => (words::down_level(admin, before), "DOWN", left(site, of, requeued)),
        Health::Stopping => (LogLevel::Notice, "stopping", online(site, of.0, requeued)),
        Health::Starting | Health::Running => {
            (LogLevel::Notice, "UP", online(site, of.0, requeued))
        }
    };
    site.log.announce(of.0, level, &format!("{who} is {what}{why}{servers}"));
}
