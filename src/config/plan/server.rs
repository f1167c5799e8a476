//! Where requests go.

use super::Given;
use crate::config::source::Span;

/// A `server` line, or one of a `server-template`.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name.
    pub name: Given<Box<str>>,
    /// The whole line.
    pub span: Span,
    /// `id`.
    pub id: Option<Given<u32>>,
    /// Its settings, those of `default-server` included.
    pub settings: ServerSettings,
}

/// What `server` and `default-server` set.
#[derive(Clone, Debug, Default)]
pub struct ServerSettings {
    /// `weight`.
    pub weight: Option<Given<u16>>,
    /// `backup`.
    pub backup: Option<Span>,
    /// `maxconn`.
    pub maxconn: Option<Given<u32>>,
    /// `maxqueue`.
    pub maxqueue: Option<Given<u32>>,
}
