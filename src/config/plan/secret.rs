//! Text that must not be shown.

use std::fmt;
use std::ops::Deref;

use crate::config::content::Hidden;

/// A password. It does not appear in debugging output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Box<str>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({:?})", Hidden(&self.0))
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}
