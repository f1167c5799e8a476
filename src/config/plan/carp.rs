//! Virtual addresses.

use crate::config::source::Span;

/// A `carp` section.
#[derive(Clone, Debug, Default)]
pub struct Carp {
    /// Its name.
    pub name: Box<str>,
    /// The words `carp NAME`.
    pub span: Span,
}
