//! The plan: what a checked configuration says, typed, with names resolved, immutable.
//!
//! Rules, ACLs and expressions stand here as the words they were written with ([`RuleLine`]); the
//! `rules` room compiles them. Everything else is a value, with the place that set it.

mod backside;
mod bind;
mod carp;
mod endpoint;
mod frontside;
mod global;
mod logging;
mod proxy;
mod server;
mod settings;
mod small;
mod tls;

use std::collections::BTreeMap;
use std::ops::Deref;

pub use backside::*;
pub use bind::*;
pub use carp::*;
pub use endpoint::*;
pub use frontside::*;
pub use global::*;
pub use logging::*;
pub use proxy::*;
pub use server::*;
pub use settings::*;
pub use small::*;
pub use tls::*;

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

    /// The index of the `frontend` or `listen` of this name.
    pub fn frontend(&self, name: &str) -> Option<usize> {
        self.frontends_by_name.get(name).copied()
    }
}
