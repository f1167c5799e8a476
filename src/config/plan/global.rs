//! Settings of the process.

/// The `global` sections.
#[derive(Clone, Debug, Default)]
pub struct Global {}
