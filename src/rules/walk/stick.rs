//! Stickiness: the server that a table has for a client, and what is to be stored.
//!
//! In: the `stick` lines of a backend. Out: the server that the first table which knows the client leads
//! to, unless a rule or a cookie chose one before; and keys under which the server is to be stored once it
//! is known ([`Sticking`]).
//!
//! Limits: of each table the first line that has a key stores, as in HAProxy; [`STORES_MAX`] tables at most.
//!
//! [`STORES_MAX`]: crate::stick::STORES_MAX

use super::{Did, Walk, Watch};
use crate::config::plan::{DataKind, KeyKind, TableId, is_on};
use crate::rules::program::{List, Persistence, Rule, Stick, StickKind};
use crate::rules::table;
use crate::stick::{Identity, Key, Stores, Table};

/// What `stick` lines ask for.
#[derive(Clone, Debug, Default)]
pub struct Sticking {
    /// Where the server is to be stored.
    pub stores: Stores,
    /// Whether the server was found in a table.
    pub found: bool,
}

impl Walk<'_> {
    /// Looks for the server, and notes what is to be stored.
    #[inline]
    pub(super) fn stick<W: Watch>(&mut self, backend: usize, watch: &mut W) {
        let list = &self.program.proxy(backend).stickiness;
        self.effects.sticking = None;
        if !list.is_empty() {
            self.look_through(list, backend, watch);
        }
    }

    fn look_through<W: Watch>(&mut self, list: &List<Stick>, backend: usize, watch: &mut W) {
        if W::ACTIVE {
            watch.list(self, "stick", list.rules.len());
        }
        self.effects.sticking = Some(Sticking::default());
        let chosen = self.server.is_some();
        for rule in &list.rules {
            if self.holds(rule, watch) {
                self.apply(&rule.action, backend);
            }
        }
        if self.effects.sticking.as_ref().is_some_and(|it| it.found) {
            // As with HAProxy, no cookie is needed for it.
            self.exchange.bound = self.server;
        }
        if W::ACTIVE && !chosen {
            watch.did(self, Did::Server(self.server));
        }
    }

    /// Whether a line's condition holds. Most have none, and no backend has many lines.
    fn holds<W: Watch>(&self, rule: &Rule<Stick>, watch: &mut W) -> bool {
        let condition = rule.condition.as_ref();
        let held = condition.is_none_or(|condition| condition.holds(&self.context()));
        if W::ACTIVE {
            watch.rule(self, rule.span, condition, held);
        }
        held
    }

    fn apply(&mut self, line: &Stick, backend: usize) -> Option<()> {
        let Stick { kind, table: id, .. } = line;
        let stores = matches!(kind, StickKind::On | StickKind::StoreRequest);
        let is_named = || self.effects.sticking.as_ref().is_some_and(|it| it.stores.names(*id));
        if *kind == StickKind::StoreResponse || (stores && is_named()) {
            return None;
        }
        let (tables, table) = (self.tables, self.tables.get(*id)?);
        let key = self.key(line, table)?;
        let slot = table.layout().slot(DataKind::ServerId)?;
        let matches = matches!(kind, StickKind::On | StickKind::Match);
        let seen = tables.read(table, &key, slot, matches);
        let key = stores.then(|| key.into_owned());
        let sticking = self.effects.sticking.get_or_insert_default();
        if let Some(key) = key {
            sticking.stores.push(*id, key, seen, matches);
        }
        if matches
            && self.server.is_none()
            && seen != 0
            && let Some(server) = tables.server(table, backend, Identity(seen))
            && self.may_stick(backend, server)
        {
            self.server = Some(server);
            self.effects.sticking.get_or_insert_default().found = true;
        }
        Some(())
    }

    /// The key of a line in its table.
    #[inline]
    fn key<'k>(&'k self, line: &'k Stick, table: &Table) -> Option<Key<'k>> {
        if line.by_source && matches!(table.kind(), KeyKind::Ip | KeyKind::Ipv6) {
            return Key::address(table.kind(), self.exchange.source(self.connection).ip());
        }
        table::key(table.kind(), line.key.last(&self.context())?)
    }

    /// Whether a client goes to the server that it is known to have, in the state that it is in.
    #[inline]
    pub fn may_stick(&self, backend: usize, server: usize) -> bool {
        let persists = || self.plan.proxies.get(backend).map(|it| it.settings.options.persist);
        self.counters.server_up(backend, server)
            || self.effects.persistence == Some(Persistence::Force)
            || persists().is_some_and(is_on)
    }

    /// `stick store-response`: stores the server under what the response says.
    pub(super) fn stick_by_response(&self, backend: usize) {
        let list = &self.program.proxy(backend).stickiness;
        let stores = |rule: &Rule<Stick>| rule.action.kind == StickKind::StoreResponse;
        let Some(server) = self.server.filter(|_| list.rules.iter().any(stores)) else { return };
        let mut stored: Vec<TableId> = Vec::new();
        let mut from = 0;
        while let Some((index, rule)) = list.next(from, &self.context()) {
            from = index + 1;
            let Stick { kind, table, .. } = &rule.action;
            if *kind == StickKind::StoreResponse
                && !stored.contains(table)
                && self.store_by(backend, server, &rule.action).is_some()
            {
                stored.push(*table);
            }
        }
    }

    fn store_by(&self, backend: usize, server: usize, line: &Stick) -> Option<()> {
        let proxy = self.plan.proxies.get(backend)?;
        if proxy.servers.get(server)?.settings.non_stick.is_some() {
            return None;
        }
        let (tables, table) = (self.tables, self.tables.get(line.table)?);
        let key = self.key(line, table)?;
        let identity = tables.identity(table, backend, server)?;
        tables.store(table, &key, identity)
    }
}
