//! Certificates and lists of them that are replaced while they are in use (`set ssl cert`, `commit ssl
//! cert`; `add ssl crt-list`, `del ssl crt-list`).
//!
//! In: a file's name and what it shall hold. Out: every bind that uses the file takes it, or none does. What
//! was given so counts instead of the file until the file itself changes, as long as the bind uses it; it is not
//! written to the disk.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError};

use super::bind::BindTls;
use super::files::{Pair, Reader, Stamp, stamp};
use super::load::Loaded;
use crate::config::plan::CertificateKind;
use crate::config::source::{Disk, Files};

/// What counts instead of files.
pub(super) type Given = BTreeMap<String, (Arc<[u8]>, Stamp)>;

/// Forgets what nothing looks at any more: keys that are deleted are to be gone.
pub(super) fn keep_used(given: &mut Given, loaded: &Loaded) {
    given.retain(|path, _| loaded.seen.contains_key(path));
}

/// The disk, but for what was given.
pub(super) struct Over<'a>(pub &'a Given);

impl Files for Over<'_> {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        match self.0.get(path) {
            Some((bytes, _)) => Ok(bytes.to_vec()),
            None => Disk.read(path),
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        Disk.list(path)
    }
}

/// A bind's certificates with a new one among them, ready to be used.
pub struct Replacement {
    of: Arc<BindTls>,
    loaded: Loaded,
    given: Given,
}

/// Whether a text holds a certificate with its key; the chain, DER, its own certificate first.
///
/// # Errors
/// What is missing or wrong, as the operator reads it.
pub fn look(path: &str, pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let given = Given::from([(path.to_owned(), (pem.into(), Stamp::Absent))]);
    let files = Over(&given);
    let mut reader = Reader::new(&files, None);
    reader.key_beside = false;
    let pair = reader.pair(path, None).map_err(|problem| match problem.help {
        Some(help) => format!("{} ({help})", problem.message),
        None => problem.message,
    })?;
    Ok(chain(&pair))
}

fn chain(pair: &Pair) -> Vec<Vec<u8>> {
    pair.key.cert.iter().map(|cert| cert.to_vec()).collect()
}

impl BindTls {
    /// The files of its certificates, in order.
    pub fn certificates(&self) -> Vec<String> {
        self.now().pairs.keys().map(|(path, _)| path.clone()).collect()
    }

    /// The chain that a file of it holds, DER, its own certificate first.
    pub fn chain_of(&self, path: &str) -> Option<Vec<Vec<u8>>> {
        let now = self.now();
        let found = now.pairs.iter().find(|((held, _), _)| held == path);
        found.map(|(_, pair)| chain(pair))
    }

    /// Loads its certificates anew, with this in a file's place.
    ///
    /// # Errors
    /// What cannot be loaded so.
    pub fn replace(self: &Arc<Self>, path: &str, pem: &[u8]) -> Result<Replacement, String> {
        self.with(&[(path, pem)])
    }

    /// What was given instead of files.
    fn given(&self) -> Given {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner).clone();
        given.retain(|path, (_, seen)| stamp(path) == *seen);
        given
    }

    /// What something was given for, and whether a file is there besides.
    pub fn given_files(&self) -> Vec<(String, bool)> {
        let given = self.given().into_iter();
        given.map(|(path, (_, seen))| (path, seen != Stamp::Absent)).collect()
    }

    /// What a file holds for this bind.
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        Over(&self.given()).read(path).ok()
    }

    /// The lists of certificates that its line names.
    pub fn lists(&self) -> impl Iterator<Item = &str> {
        let certificates = self.recipe.tls.certificates.iter();
        let lists = certificates.filter(|it| it.kind == CertificateKind::List);
        lists.map(|it| &*it.path.value)
    }

    /// Whether the first certificate of this list is what clients get that ask for no known name.
    pub fn begins_with_list(&self, list: &str) -> bool {
        let first = self.recipe.tls.certificates.first();
        self.recipe.tls.strict_sni.is_none()
            && first.is_some_and(|it| it.kind == CertificateKind::List && *it.path.value == *list)
    }

    /// Where a certificate is that a list calls so.
    pub fn place_of(&self, word: &str) -> Option<String> {
        self.recipe.store.certificate(word).ok().map(|place| place.path)
    }

    /// Loads its certificates anew, with these in the place of files.
    ///
    /// # Errors
    /// What cannot be loaded so.
    pub fn with(self: &Arc<Self>, files: &[(&str, &[u8])]) -> Result<Replacement, String> {
        let mut given = self.given();
        for (path, content) in files {
            given.insert((*path).to_owned(), ((*content).into(), stamp(path)));
        }
        let old = self.now();
        let loaded = self.recipe.load(&Over(&given), Some(&old), &mut |_| {});
        match loaded {
            Ok(loaded) => Ok(Replacement { of: self.clone(), loaded, given }),
            Err(unloaded) => {
                let faults = unloaded.faults.iter().map(|fault| fault.message.clone());
                Err(faults.collect::<Vec<_>>().join("; "))
            }
        }
    }
}

impl Replacement {
    /// From now on handshakes use it; connections that are there go on.
    pub fn publish(self) {
        let Replacement { of, loaded, mut given } = self;
        keep_used(&mut given, &loaded);
        *of.given.lock().unwrap_or_else(PoisonError::into_inner) = given;
        *of.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }
}
