//! What a proxy listens on.

use crate::config::source::Span;

/// A `bind` line.
#[derive(Clone, Debug)]
pub struct Bind {
    /// The whole line.
    pub span: Span,
}
