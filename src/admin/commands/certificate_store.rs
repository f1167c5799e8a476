//! Certificates that are made at run time: `new ssl cert`, `del ssl cert`. They are filled with `set ssl cert`
//! and used once a list names them (`add ssl crt-list`).
//!
//! Limits: [`STORED_MAX`] of them, [`BYTES_MAX`] together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::certificates::{binds, files, said};
use super::{Call, Command};
use crate::config::plan::CommandLevel;

/// How many there may be.
const STORED_MAX: usize = 1024;

/// Bytes that all of them may have.
const BYTES_MAX: usize = 16 << 20;

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "new ssl cert",
        usage: "<certfile>",
        about: "create a new certificate file to be used in a crt-list or a directory",
        level: CommandLevel::Admin,
        run: |call, _| said(new(call)),
    },
    Command {
        name: "del ssl cert",
        usage: "<certfile>",
        about: "delete an unused certificate file",
        level: CommandLevel::Admin,
        run: |call, _| said(delete(call)),
    },
];

type ByName = BTreeMap<String, Option<Arc<[u8]>>>;

/// By name; without content until it is committed.
#[derive(Debug, Default)]
pub(super) struct Stored(Mutex<ByName>);

impl Stored {
    fn lock(&self) -> MutexGuard<'_, ByName> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<Option<Arc<[u8]>>> {
        self.lock().get(name).cloned()
    }

    /// Whether there is room for this under a name, if there is one of this name.
    pub(super) fn has_room(&self, name: &str, bytes: usize) -> bool {
        let all = self.lock();
        let others = all.iter().filter(|(other, _)| *other != name);
        let used: usize = others.filter_map(|(_, it)| Some(it.as_ref()?.len())).sum();
        !all.contains_key(name) || used.saturating_add(bytes) <= BYTES_MAX
    }

    /// Whether there is one of this name, which holds this from now on.
    pub(super) fn fill(&self, name: &str, pem: &Arc<[u8]>) -> bool {
        self.lock().get_mut(name).map(|it| *it = Some(pem.clone())).is_some()
    }
}

fn new(call: &Call) -> Result<String, String> {
    let file = call.word(0).ok_or_else(|| "'new ssl cert' expects a filename".to_owned())?;
    if files(call).iter().any(|known| known == file) {
        return Err(format!("Certificate '{file}' already exists!"));
    }
    let mut stored = call.office.transactions.stored.lock();
    if stored.len() >= STORED_MAX {
        return Err(format!("{STORED_MAX} certificates were made at run time already!"));
    }
    stored.insert(file.to_owned(), None);
    Ok(format!("New empty certificate store '{file}'!"))
}

fn delete(call: &Call) -> Result<String, String> {
    let file =
        call.word(0).ok_or_else(|| "'del ssl cert' expects a certificate name".to_owned())?;
    let fail = |why: String| Err(format!("Can't remove the certificate: {why}"));
    let transactions = &call.office.transactions;
    if transactions.with(|open| open.contains_key(file)) {
        return fail(format!("ongoing transaction for the certificate '{file}'"));
    }
    if binds(call).any(|bind| bind.certificates().iter().any(|used| used == file)) {
        return fail(format!("certificate '{file}' in use, can't be deleted!"));
    }
    match transactions.stored.lock().remove(file) {
        Some(_) => Ok(format!("Certificate '{file}' deleted!")),
        None => fail(format!("certificate '{file}' doesn't exist!")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_has_a_bound() {
        let stored = Stored::default();
        stored.lock().extend(["a", "b"].map(|name| (name.to_owned(), None)));
        let most: Arc<[u8]> = vec![0; BYTES_MAX - 1].into();
        assert!(stored.has_room("a", most.len()) && stored.fill("a", &most));
        assert!(stored.has_room("b", 1) && !stored.has_room("b", 2));
        // What it replaces does not count, nor does what is stored elsewhere.
        assert!(stored.has_room("a", BYTES_MAX) && stored.has_room("c", BYTES_MAX + 1));
    }
}
