//! How many servers a backend has, as the log's lines tell it.

use crate::config::plan::LogLevel;
use crate::exchange::site::Site;
use crate::rules::context::Counters;

/// How many servers may be chosen: others than backups, and backups.
pub(super) fn usable(site: &Site, backend: usize) -> (usize, usize) {
    let servers = site.live.servers(backend);
    let count =
        |backup| servers.iter().filter(|it| it.is_usable() && it.is_backup() == backup).count();
    (count(false), count(true))
}

fn on_backup((active, backups): (usize, usize)) -> &'static str {
    if active == 0 && backups > 0 { " Running on backup." } else { "" }
}

/// What is left without a server.
pub(super) fn left(site: &Site, of: (usize, usize), requeued: usize) -> String {
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
pub(super) fn online(site: &Site, backend: usize, requeued: usize) -> String {
    let (active, backups) = usable(site, backend);
    let on_backup = on_backup((active, backups));
    let queue = site.live.queue(backend);
    format!(
        ". {active} active and {backups} backup servers online.{on_backup} {requeued} sessions \
         requeued, {queue} total in queue."
    )
}

/// Tells that a backend has lost its last server.
pub(super) fn tell_if_none(site: &Site, backend: usize, had: (usize, usize)) {
    if had != (0, 0) && usable(site, backend) == (0, 0) {
        let name = site.plan.proxies.get(backend).map_or("", |proxy| &proxy.name);
        let text = format!("backend {name} has no server available!");
        site.log.announce(backend, LogLevel::Emergency, &text);
    }
}
