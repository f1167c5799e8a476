//! What a proxy listens on.

use super::Given;
use crate::config::source::Span;

/// A `bind` line.
#[derive(Clone, Debug)]
pub struct Bind {
    /// The whole line.
    pub span: Span,
    /// `name`.
    pub name: Option<Given<Box<str>>>,
    /// `id`.
    pub id: Option<Given<u32>>,
}
