//! Settings of a proxy.

use super::Given;

/// To be filled.
#[derive(Clone, Debug, Default)]
pub struct FrontSettings {
    /// `default_backend`.
    pub default_backend: Option<Given<Box<str>>>,
}
