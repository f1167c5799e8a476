//! The plan: what a checked configuration says, typed, with names resolved, immutable.
//!
//! Rules, ACLs and expressions stand here as the words they were written with ([`RuleLine`]); the
//! `rules` room compiles them. Everything else is a value, with the place that set it.

mod answers;
mod backside;
mod balance;
mod bind;
mod carp;
mod checks;
mod cookie;
mod email;
mod endpoint;
mod filters;
mod frontside;
mod global;
mod log_target;
mod logging;
mod options;
mod peers;
mod proxy;
mod secret;
mod server;
mod settings;
mod small;
mod stats;
mod stick;
mod tls;

use std::collections::BTreeMap;
use std::ops::Deref;

pub use answers::*;
pub use backside::*;
pub use balance::*;
pub use bind::*;
pub use carp::*;
pub use checks::*;
pub use cookie::*;
pub use email::*;
pub use endpoint::*;
pub use filters::*;
pub use frontside::*;
pub use global::*;
pub use log_target::*;
pub use logging::*;
pub use options::*;
pub use peers::*;
pub use proxy::*;
pub use secret::*;
pub use server::*;
pub use settings::*;
pub use small::*;
pub use stats::*;
pub use stick::*;
pub use tls::*;

use super::environment::Environment;
use super::source::{Sources, Span};
use super::word::Word;

/// A value and the words that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Deref for Given<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A rule as it was written: what stands behind its keyword.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleLine {
    /// The keyword: `http-request`, `use_backend`, `tcp-request content`.
    pub keyword: &'static str,
    /// The words behind it.
    pub words: Box<[Word]>,
    /// The whole line.
    pub span: Span,
}

/// The whole configuration.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The files it was read from.
    pub sources: Sources,
    /// The environment's variables once all files were read: what the fetch `env` gives.
    pub environment: Environment,
    /// The `global` sections, as one.
    pub global: Global,
    /// The `defaults` sections, in order.
    pub defaults: Vec<Proxy>,
    /// `frontend`, `backend` and `listen`, in order.
    pub proxies: Vec<Proxy>,
    /// `userlist` sections.
    pub userlists: Vec<Userlist>,
    /// `resolvers` sections.
    pub resolvers: Vec<Resolvers>,
    /// `peers` sections.
    pub peers: Vec<Peers>,
    /// `http-errors` sections.
    pub http_errors: Vec<HttpErrors>,
    /// `cache` sections.
    pub caches: Vec<Cache>,
    /// `ring` sections.
    pub rings: Vec<Ring>,
    /// `crt-store` sections.
    pub crt_stores: Vec<CrtStore>,
    /// `mailers` sections.
    pub mailers: Vec<Mailers>,
    /// `carp` sections.
    pub carps: Vec<Carp>,
    /// Indexes into `proxies` by name: what has a frontend side.
    pub frontends_by_name: BTreeMap<Box<str>, usize>,
    /// Indexes into `proxies` by name: what has a backend side.
    pub backends_by_name: BTreeMap<Box<str>, usize>,
}

impl Plan {
    /// The index of the `backend` or `listen` of this name.
    pub fn backend(&self, name: &str) -> Option<usize> {
        self.backends_by_name.get(name).copied()
    }

    /// The stick table that a name stands for: that of the proxy of this name, or `section/table` for
    /// one of a `peers` section.
    pub fn table(&self, name: &str) -> Option<TableId> {
        let has = |&index: &usize| {
            self.proxies.get(index).is_some_and(|proxy| proxy.settings.stick_table.is_some())
        };
        let proxy = self.backend(name).filter(has).or_else(|| self.frontend(name).filter(has));
        if let Some(index) = proxy {
            return Some(TableId::Proxy(index));
        }
        let (section, table) = name.split_once('/')?;
        let at = self.peers.iter().position(|peers| *peers.name == *section)?;
        let tables = &self.peers.get(at)?.tables;
        let table = tables.iter().position(|it| *it.name.value == *table)?;
        Some(TableId::Peers { section: at, table })
    }

    /// The stick table of this very proxy.
    pub fn own_table(&self, proxy: &Proxy) -> Option<TableId> {
        let own = |index: &usize| self.proxies.get(*index).is_some_and(|it| it.span == proxy.span);
        let name = &*proxy.name;
        let index = self.backend(name).filter(own).or_else(|| self.frontend(name).filter(own))?;
        self.proxies.get(index)?.settings.stick_table.as_ref()?;
        Some(TableId::Proxy(index))
    }

    /// The names of all stick tables.
    pub fn table_names(&self) -> Vec<String> {
        let proxies = self.proxies.iter().filter(|proxy| proxy.settings.stick_table.is_some());
        let of_peers = self.peers.iter().flat_map(|peers| {
            peers.tables.iter().map(move |table| format!("{}/{}", peers.name, &*table.name.value))
        });
        proxies.map(|proxy| proxy.name.to_string()).chain(of_peers).collect()
    }

    /// The index of the `frontend` or `listen` of this name.
    pub fn frontend(&self, name: &str) -> Option<usize> {
        self.frontends_by_name.get(name).copied()
    }
}
