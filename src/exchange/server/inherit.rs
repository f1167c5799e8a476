//! Idle connections to servers outlive the plan that they were made under.
//!
//! In: the site before, and what became of its servers. Out: its idle connections, where the server is the
//! same and is spoken to in the same way; all others are closed.

use std::rc::Rc;
use std::sync::Arc;

use super::line::Line;
use super::pool::Idle;
use super::recipe::Recipe;
use super::{Destination, Servers, Waiter};
use crate::config::content::same;
use crate::config::succession::Succession;
use crate::exchange::site::Site;

impl Destination {
    /// Whether connections to the one are as good as connections to the other.
    fn is_same(&self, other: &Destination) -> bool {
        let tls = match (&self.tls, &other.tls) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        tls && self.address == other.address
            && self.unix == other.unix
            && self.port_offset == other.port_offset
    }
}

impl Servers {
    /// Takes over the idle connections of the site before.
    pub(in crate::exchange) fn inherit(&self, site: &Rc<Site>, old: &Site, heirs: &Succession) {
        for (backend, stocks) in old.servers.stocks.iter().enumerate() {
            for (server, stock) in stocks.iter().enumerate() {
                let mut stock = stock.borrow_mut();
                let heir = heirs.backend(backend).zip(heirs.server(backend, server));
                let heir = heir.filter(|&to| fits(site, to, old, (backend, server)));
                match heir.and_then(|(backend, server)| self.stock(backend, server)) {
                    Some(to) => to.borrow_mut().inherit(&mut stock, &self.tally),
                    None => stock.clear(&self.tally),
                }
            }
        }
    }

    /// Gives places that a new plan brought to who waits for them.
    pub(in crate::exchange) fn hand_over_all(&self, site: &Site) {
        for backend in 0..site.plan.proxies.len() {
            for server in 0..site.live.servers(backend).len() {
                if Line::<Waiter>::is_waited_for(backend, server, &site.live) {
                    self.hand_over(site, backend, server);
                }
            }
        }
    }

    /// Keeps an idle connection that an exchange of an earlier plan has done with, if its server is still
    /// there; else it is closed.
    pub(super) fn bequeath(old: &Site, from: (usize, usize), idle: Idle) {
        if let Some((site, backend, server)) = old.server_heir(from.0, from.1)
            && fits(&site, (backend, server), old, from)
        {
            site.servers.keep(&site, (backend, server), idle);
        }
    }
}

/// Whether a server of a plan is spoken to as one of an earlier plan was.
fn fits(site: &Site, to: (usize, usize), old: &Site, from: (usize, usize)) -> bool {
    fn recipe(site: &Site, (backend, server): (usize, usize)) -> Option<&Recipe> {
        site.servers.recipe(site, backend)?.servers.get(server)
    }
    let places = site.servers.destination(to.0, to.1).zip(old.servers.destination(from.0, from.1));
    let recipes = recipe(site, to).zip(recipe(old, from));
    places.is_some_and(|(new, old)| new.is_same(old))
        && recipes.is_some_and(|(new, old)| same(new, old))
}
