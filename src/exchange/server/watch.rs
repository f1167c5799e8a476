//! The task that looks after idle connections and the windows of the rates.
//!
//! A connection that was just given back still wakes the task that used it; the watcher takes it over
//! within [`SOON`], so that a busy worker does not wake it for every request. From then on it is woken
//! by what the server does.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::balance::Admin;
use crate::exchange::sessions;
use crate::exchange::site::Site;

/// Within which a connection given back is watched.
const SOON: Duration = Duration::from_millis(100);

/// How often it looks whether anything is to be purged, and ends the windows of the rates.
const TICK: Duration = Duration::from_secs(1);

/// Watches the idle connections of a site until the worker stops or another site takes them over, and
/// closes what is left then. To be spawned once.
pub async fn watch(site: Rc<Site>) {
    let servers = &site.servers;
    servers.watcher.set(Some(site.local.current()));
    sessions::enter(&site);
    tell_addresses(&site);
    let is_over = || site.local.is_stopping() || site.tenure.is_over();
    while !is_over() {
        let fresh = servers.tally.fresh.get() > 0;
        let mut sleep = pin!(site.local.sleep(if fresh { SOON } else { TICK }));
        let mut stopping = pin!(site.local.stopping());
        poll_fn(|cx| {
            let hurry = !fresh && servers.tally.fresh.get() > 0;
            let over = stopping.as_mut().poll(cx).is_ready() || sleep.as_mut().poll(cx).is_ready();
            if site.tenure.is_over() {
                return Poll::Ready(());
            }
            if !hurry && !over {
                // Woken by a server, then.
                look(&site, false);
            }
            if hurry || over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        if !site.tenure.is_over() {
            look(&site, fresh);
            site.live.tick();
        }
    }
    for stock in servers.stocks.iter().flatten() {
        stock.borrow_mut().clear(&servers.tally);
    }
}

/// Says where servers are; those whose names have no address are down, until a reload finds one.
fn tell_addresses(site: &Site) {
    for (backend, servers) in site.servers.destinations.servers.iter().enumerate() {
        for (server, destination) in servers.iter().enumerate() {
            site.live.set_address(backend, server, destination.address());
            let unresolved = destination.address().is_none() && destination.unix.is_none();
            site.live.set_admin(backend, server, Admin::UNRESOLVED, unresolved);
        }
    }
}

/// Closes what the servers gave up and what is too much; takes over what is new, if asked to.
fn look(site: &Site, take_over: bool) {
    let (servers, now_us) = (&site.servers, site.now_us());
    for (backend, stocks) in servers.stocks.iter().enumerate() {
        let Some(recipe) = servers.recipe(site, backend) else { continue };
        for (server, (stock, recipe)) in stocks.iter().zip(&recipe.servers).enumerate() {
            let mut stock = stock.borrow_mut();
            if !stock.is_quiet() {
                stock.watch(&servers.tally, take_over);
                stock.purge(now_us, recipe, &servers.tally);
                site.ledger.set_idle(backend, server, stock.idle());
            }
        }
    }
}
