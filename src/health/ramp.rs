//! `slowstart`: a server that came back takes its share step by step.

use std::rc::Rc;
use std::time::Duration;

use super::Checks;
use crate::balance::Health;
use crate::exchange::server;
use crate::exchange::site::Site;

/// How often shares grow.
const STEP: Duration = Duration::from_secs(1);

/// The whole share, in per cent.
const WHOLE: u64 = 100;

/// A server has this state from now on: one that comes back begins with the smallest share, if its line says
/// `slowstart`. Whether it had another.
pub(super) fn begin(site: &Site, (backend, server): (usize, usize), health: Health) -> bool {
    let slow = health == Health::Running && time(site, backend, server).is_some();
    site.live.set_ramp(backend, server, if slow { 1 } else { 100 });
    let health = if slow { Health::Starting } else { health };
    site.live.set_health(backend, server, health).is_some_and(|before| before != health)
}

/// How long a server takes to get its share, if it does.
fn time(site: &Site, backend: usize, server: usize) -> Option<Duration> {
    let line = site.plan.proxies.get(backend)?.servers.get(server)?;
    line.settings.slowstart.map(|it| it.value).filter(|it| !it.is_zero())
}

/// Lets the shares of starting servers grow, until checks end.
pub(super) async fn watch(site: Rc<Site>, checks: Checks) {
    let slow: Vec<(usize, usize, Duration)> = (site.plan.proxies.iter().enumerate())
        .flat_map(|(backend, proxy)| (0..proxy.servers.len()).map(move |server| (backend, server)))
        .filter_map(|(backend, server)| Some((backend, server, time(&site, backend, server)?)))
        .collect();
    if slow.is_empty() {
        return;
    }
    while !checks.are_over(&site) {
        for &(backend, server, time) in &slow {
            grow(&site, backend, server, time);
        }
        // It ends by the stop, or at its next step.
        let _ = site.local.timeout(STEP, site.local.stopping()).await;
    }
}

fn grow(site: &Rc<Site>, backend: usize, server: usize, time: Duration) {
    let Some(figures) = site.live.server(backend, server) else { return };
    if figures.health() != Health::Starting {
        return;
    }
    let now_us = site.unix_us(site.local.now());
    let gone = now_us.saturating_sub(figures.checkup().changed_us);
    let whole = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    let percent = gone.saturating_mul(WHOLE) / whole;
    if percent >= WHOLE {
        site.live.set_ramp(backend, server, 100);
        site.live.set_health(backend, server, Health::Running);
    } else {
        site.live.set_ramp(backend, server, u8::try_from(percent).unwrap_or(100).max(1));
    }
    server::state_changed(site, backend, server);
}
