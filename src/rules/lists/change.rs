//! What happens to a list, as those see it who look things up in it.

use std::sync::Arc;

use super::{Entries, Entry};

/// A change.
#[derive(Debug)]
pub enum Change {
    /// Everything is new.
    All,
    /// These came, at the end.
    Added(Vec<Arc<Entry>>),
    /// These are gone.
    Removed(Vec<Arc<Entry>>),
    /// The value of this one, known by its number, is new.
    Set(Arc<Entry>),
}

/// An index that is ready to be used.
pub struct Prepared<'u>(Box<dyn FnOnce() + 'u>);

impl<'u> Prepared<'u> {
    /// `publish` swaps it in; it cannot fail.
    pub fn new(publish: impl FnOnce() + 'u) -> Prepared<'u> {
        Prepared(Box::new(publish))
    }

    /// From now on it is used.
    pub fn publish(self) {
        (self.0)();
    }
}

/// What a text leads to, for `get map` and `get acl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The method of matching: `str`, `ip` and the like.
    pub method: &'static str,
    /// Whether case is ignored.
    pub fold: bool,
    /// Whether entries are looked up, not tried one after the other.
    pub tree: bool,
    /// The type of values: `str`, `int`, `ip`.
    pub kind: &'static str,
    /// The entry that it leads to.
    pub entry: Option<Arc<Entry>>,
}

/// Somebody who looks things up in a list.
pub trait Use: Send + Sync + std::fmt::Debug {
    /// Whether an entry could be used.
    ///
    /// # Errors
    /// Why not, as the operator reads it.
    fn check(&self, entry: &Entry) -> Result<(), String>;

    /// Makes an index of these entries, which a change led to.
    ///
    /// # Errors
    /// Why there is none: they are too much.
    fn prepare<'u>(&'u self, change: &Change, entries: &Entries) -> Result<Prepared<'u>, String>;

    /// The entries of a key, if there is an index that has them.
    fn entries_of(&self, key: &str) -> Option<Vec<Arc<Entry>>>;

    /// What a text leads to.
    fn look_up(&self, text: &str, entries: &Entries) -> Place;
}
