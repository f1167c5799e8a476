//! Settings of a proxy.

/// To be filled.
#[derive(Clone, Debug, Default)]
pub struct LogSettings {}
