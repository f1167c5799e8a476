//! Processes that share stick tables.

use super::{Bind, Endpoint, Given, LogTarget, ServerSettings, StickTable};
use crate::config::source::Span;

/// A `peers` section (HAProxy 3.0, configuration.txt §3.5).
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// Its name.
    pub name: Box<str>,
    /// The words that opened it.
    pub span: Span,
    /// `disabled`, unless `enabled` stands behind it.
    pub disabled: bool,
    /// `peer` and `server` lines.
    pub peers: Vec<Peer>,
    /// `bind`: where this process listens.
    pub bind: Option<Bind>,
    /// `default-bind`: options for it.
    pub default_bind: Bind,
    /// `default-server`: options for the peers behind it.
    pub default_server: ServerSettings,
    /// `table` lines.
    pub tables: Vec<PeerTable>,
    /// `shards`: how many peers share the entries of a table.
    pub shards: Option<Given<u32>>,
    /// `log` lines with a target.
    pub logs: Vec<LogTarget>,
    /// `log global`.
    pub log_global: Option<Span>,
}

/// A `peer`, or a `server` of a `peers` section.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its name.
    pub name: Given<Box<str>>,
    /// The whole line.
    pub span: Span,
    /// Whether the line says `peer`.
    pub old_style: bool,
    /// Where it is; nothing for this process itself where `bind` says it.
    pub address: Option<Given<Endpoint>>,
    /// Its settings, those of `default-server` included.
    pub settings: ServerSettings,
}

/// A `table` of a `peers` section. Elsewhere it is called by the section's name, a slash, and its own.
#[derive(Clone, Debug)]
pub struct PeerTable {
    /// Its name.
    pub name: Given<Box<str>>,
    /// What it is.
    pub table: StickTable,
}
