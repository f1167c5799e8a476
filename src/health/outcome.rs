//! What a result comes to: the server's state, who hears of it, what follows from it.

use std::rc::Rc;

use super::{Kind, is_running, ramp, words};
use crate::balance::checkup::{Last, Observed};
use crate::balance::{Admin, Health};
use crate::config::plan::{LogLevel, OnError, Plan, is_on};
use crate::exchange::site::Site;
use crate::exchange::{server, sessions};
use crate::proto::check::Status;
use crate::proto::check::agent::{Advice, Wish};
use crate::rules::context::Counters;
use crate::rules::ending::Cause;

/// A health check came to this.
pub(super) fn checked(site: &Rc<Site>, backend: usize, server: usize, last: Last) {
    note_observed(site, (backend, server));
    let Some(figures) = site.live.server(backend, server) else { return };
    let news = figures.checkup().note_check(last.clone());
    note_result(site, (backend, server), Kind::Check, &last, news);
    settle(site, (backend, server), Some(&last));
}

/// Draws the conclusion if requests met too many errors since the last time.
pub(super) fn note_observed(site: &Rc<Site>, (backend, server): (usize, usize)) {
    let Some(figures) = site.live.server(backend, server) else { return };
    let error = figures.checkup().observed.take();
    if let Some(error) = error {
        observed(site, (backend, server), &error);
    }
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
        let weight = u32::from(figures.initial_weight()) * percent / 100;
        // Something of little is not nothing (as HAProxy rounds).
        let least = u32::from(percent > 0 && figures.initial_weight() > 0);
        let weight = u16::try_from(weight.clamp(least, 256)).unwrap_or(256);
        if site.live.set_weight(backend, server, weight) != Some(weight) {
            server::state_changed(site, backend, server);
        }
    }
    if let Some(most) = advice.maxconn {
        figures.set_limit(most);
        server::state_changed(site, backend, server);
    }
    match advice.admin {
        None => {}
        Some(Wish::Ready) => decide(site, of, Admin::default()),
        Some(Wish::Drain) => decide(site, of, Admin::FORCED_DRAIN),
        Some(Wish::Maint) => decide(site, of, Admin::FORCED_MAINT),
    }
    settle(site, of, Some(&last));
}

/// Puts a server into maintenance, drains it, or lets it serve again, and tells so.
fn decide(site: &Rc<Site>, of: (usize, usize), wanted: Admin) {
    let (backend, server) = of;
    let both = Admin(Admin::FORCED_DRAIN.0 | Admin::FORCED_MAINT.0);
    let Some(before) = site.live.server(backend, server).map(|it| Admin(it.admin().0 & both.0))
    else {
        return;
    };
    if before == wanted {
        return;
    }
    let had = usable(site, backend);
    site.live.set_admin(backend, server, both, false);
    site.live.set_admin(backend, server, wanted, true);
    server::state_changed(site, backend, server);
    let Some(figures) = site.live.server(backend, server) else { return };
    let who = words::server(&site.plan, of, true);
    let up = if figures.is_up() { "UP" } else { "DOWN" };
    let (level, text) = match wanted {
        Admin::FORCED_MAINT => {
            (LogLevel::Alert, format!("{who} is going DOWN for maintenance{}", left(site, of, 0)))
        }
        Admin::FORCED_DRAIN => {
            (LogLevel::Notice, format!("{who} enters drain state{}", online(site, backend, 0)))
        }
        _ if before == Admin::FORCED_DRAIN => {
            (LogLevel::Notice, format!("{who} is {up} (leaving forced drain)."))
        }
        _ => (LogLevel::Notice, format!("{who} is {up}/READY (leaving forced maintenance).")),
    };
    site.log.announce(backend, level, &text);
    tell_if_none(site, backend, had);
    follow(site, of);
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

/// A command or statistics page says how a server is: the counters follow, and checks go on from there.
pub fn force(site: &Rc<Site>, backend: usize, server: usize, health: Health) {
    let Some(figures) = site.live.server(backend, server) else { return };
    {
        let mut checkup = figures.checkup();
        checkup.check.set(is_running(health));
        if is_running(health) {
            checkup.agent.set(true);
        }
    }
    turn(site, (backend, server), health, None, None);
}

/// The same as if the agent had said so.
pub fn force_agent(site: &Rc<Site>, of: (usize, usize), up: bool) {
    let Some(figures) = site.live.server(of.0, of.1) else { return };
    figures.checkup().agent.set(up);
    settle(site, of, None);
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
    turn(site, of, wanted, last.filter(|_| !told), None);
}

/// Changes a server's state, if it is another; `via` is the server that it tracks.
fn turn(
    site: &Rc<Site>,
    of: (usize, usize),
    wanted: Health,
    last: Option<&Last>,
    via: Option<(usize, usize)>,
) {
    let (backend, server) = of;
    let Some(figures) = site.live.server(backend, server) else { return };
    let before = figures.health();
    if before == wanted {
        return;
    }
    let rises = !is_running(before) && wanted == Health::Running;
    let slow = rises && ramp::time(site, backend, server).is_some();
    let wanted = if slow { Health::Starting } else { wanted };
    let (waiting, had) = (figures.waiting(), usable(site, backend));
    let now_us = site.unix_us(site.local.now());
    figures.checkup().note_change(is_running(wanted), now_us);
    site.live.set_ramp(backend, server, if slow { 1 } else { 100 });
    site.live.set_health(backend, server, wanted);
    server::state_changed(site, backend, server);
    let requeued = waiting.saturating_sub(figures.waiting());
    tell(site, of, wanted, last, via, requeued);
    tell_if_none(site, backend, had);
    end_sessions(site, of, wanted);
    follow(site, of);
}

/// `on-marked-down shutdown-sessions`, `on-marked-up shutdown-backup-sessions`.
fn end_sessions(site: &Rc<Site>, (backend, server): (usize, usize), now: Health) {
    let Some(proxy) = site.plan.proxies.get(backend) else { return };
    let Some(line) = proxy.servers.get(server) else { return };
    let health = &line.settings.health;
    if now == Health::Stopped && health.down_shuts_sessions.is_some() {
        sessions::shut_all_of(site, backend, server, Cause::Down);
    }
    if is_running(now) && now != Health::Stopping && health.up_shuts_backup_sessions.is_some() {
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
    now: Health,
    last: Option<&Last>,
    via: Option<(usize, usize)>,
    requeued: u32,
) {
    let via = via.map_or(String::new(), |it| {
        let name = words::server(&site.plan, it, false);
        format!(" via {}", name.trim_start_matches("backup ").trim_start_matches("server "))
    });
    let reason = last.map_or(String::new(), words::reason);
    let who = words::server(&site.plan, of, true);
    let (level, what, servers) = match now {
        Health::Stopped => (LogLevel::Alert, "DOWN", left(site, of, requeued)),
        Health::Stopping => (LogLevel::Notice, "stopping", online(site, of.0, requeued)),
        Health::Starting | Health::Running => {
            (LogLevel::Notice, "UP", online(site, of.0, requeued))
        }
    };
    site.log.announce(of.0, level, &format!("{who} is {what}{via}{reason}{servers}"));
}

/// How many servers may be chosen: others than backups, and backups.
fn usable(site: &Site, backend: usize) -> (usize, usize) {
    let servers = site.live.servers(backend);
    let count =
        |backup| servers.iter().filter(|it| it.is_usable() && it.is_backup() == backup).count();
    (count(false), count(true))
}

fn on_backup((active, backups): (usize, usize)) -> &'static str {
    if active == 0 && backups > 0 { " Running on backup." } else { "" }
}

/// What is left without a server.
fn left(site: &Site, of: (usize, usize), requeued: u32) -> String {
    let (active, backups) = usable(site, of.0);
    let on_backup = on_backup((active, backups));
    let figures = site.live.server(of.0, of.1);
    let (current, waiting) = figures.map_or((0, 0), |it| (it.current(), it.waiting()));
    format!(
        ". {active} active and {backups} backup servers left.{on_backup} {current} sessions \
         active, {requeued} requeued, {waiting} remaining in queue."
    )
}

/// What there is with it.
fn online(site: &Site, backend: usize, requeued: u32) -> String {
    let (active, backups) = usable(site, backend);
    let on_backup = on_backup((active, backups));
    let queue = site.live.queue(backend);
    format!(
        ". {active} active and {backups} backup servers online.{on_backup} {requeued} sessions \
         requeued, {queue} total in queue."
    )
}

/// Tells that a backend has lost its last server.
fn tell_if_none(site: &Site, backend: usize, had: (usize, usize)) {
    if had != (0, 0) && usable(site, backend) == (0, 0) {
        let name = site.plan.proxies.get(backend).map_or("", |proxy| &proxy.name);
        let text = format!("backend {name} has no server available!");
        site.log.announce(backend, LogLevel::Emergency, &text);
    }
}

/// Servers that track this one take its state over.
fn follow(site: &Rc<Site>, of: (usize, usize)) {
    for other in trackers(site, of) {
        inherit(site, of, other);
    }
}

/// Every server that tracks another takes its state over: at the start, and behind commands.
pub(super) fn follow_all(site: &Rc<Site>) {
    for (to, from) in tracking(&site.plan) {
        inherit(site, from, to);
    }
}

fn inherit(site: &Rc<Site>, from: (usize, usize), to: (usize, usize)) {
    let Some(source) = site.live.server(from.0, from.1) else { return };
    let admin = source.admin();
    for (of, bit) in
        [(Admin::MAINT, Admin::INHERITED_MAINT), (Admin::DRAIN, Admin::INHERITED_DRAIN)]
    {
        let before = site.live.set_admin(to.0, to.1, bit, admin.has(of));
        if before.is_some_and(|it| it.has(bit) != admin.has(of)) {
            server::state_changed(site, to.0, to.1);
            follow(site, to);
        }
    }
    turn(site, to, source.health(), None, Some(from));
}

/// Who tracks a server. The check has seen to it that nobody tracks itself, however far around.
fn trackers(site: &Site, of: (usize, usize)) -> Vec<(usize, usize)> {
    let all = tracking(&site.plan).into_iter();
    all.filter(|&(_, from)| from == of).map(|(to, _)| to).collect()
}

/// The servers that track another one, and which.
fn tracking(plan: &Plan) -> Vec<((usize, usize), (usize, usize))> {
    let mut all = Vec::new();
    for (backend, proxy) in plan.proxies.iter().enumerate() {
        for (server, line) in proxy.servers.iter().enumerate() {
            let Some(track) = &line.settings.health.track else { continue };
            let target = match &track.backend {
                Some(name) => plan.backend(name),
                None => Some(backend),
            };
            let Some(target) = target else { continue };
            let Some(proxy) = plan.proxies.get(target) else { continue };
            let place = proxy.servers.iter().position(|it| it.name.value == track.server);
            all.extend(place.map(|place| ((backend, server), (target, place))));
        }
    }
    all
}
