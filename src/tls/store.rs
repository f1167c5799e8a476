//! Where the words of binds and servers lead: paths below `crt-base` and `ca-base`, names of
//! `crt-store` sections.

use std::collections::BTreeMap;

use super::files::Problem;
use crate::config::args::shown_text;
use crate::config::plan::{CrtStore, Given, Plan};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Store {
    certificates: Option<Box<str>>,
    authorities: Option<Box<str>>,
    /// By `@store/alias` and `@store/file`.
    stored: BTreeMap<String, Place>,
}

/// Where a certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub path: String,
    /// Its key, if that is said.
    pub key: Option<String>,
}

/// A path, relative ones below `base`.
fn below(base: Option<&str>, path: &str) -> String {
    match base {
        Some(base) if !path.starts_with('/') => format!("{}/{path}", base.trim_end_matches('/')),
        _ => path.to_owned(),
    }
}

impl Store {
    pub fn new(plan: &Plan) -> Store {
        let global = &plan.global.tls;
        let text = |given: &Option<Given<Box<str>>>| given.as_ref().map(|it| it.value.clone());
        let [certificates, authorities] = [&global.crt_base, &global.ca_base].map(text);
        let mut stored = BTreeMap::new();
        for store in &plan.crt_stores {
            read_store(store, plan, &mut stored);
        }
        Store { certificates, authorities, stored }
    }

    /// Where a certificate is: a path, or `@store/name`.
    pub fn certificate(&self, word: &str) -> Result<Place, Problem> {
        if !word.starts_with('@') {
            return Ok(Place { path: below(self.certificates.as_deref(), word), key: None });
        }
        self.stored.get(word).cloned().ok_or_else(|| {
            Problem::new(format!("no `crt-store` has the certificate `{}`", shown_text(word)))
        })
    }

    /// A file beside the certificates.
    pub fn beside_certificates(&self, path: &str) -> String {
        below(self.certificates.as_deref(), path)
    }

    /// Where authorities are: a path, or `@system-ca`.
    pub fn authorities(&self, word: &str) -> String {
        match word.starts_with('@') {
            true => word.to_owned(),
            false => below(self.authorities.as_deref(), word),
        }
    }
}

/// The store's own bases are part of its names already; those of `global` hold where it has none.
fn read_store(store: &CrtStore, plan: &Plan, stored: &mut BTreeMap<String, Place>) {
    let global = &plan.global.tls;
    for loaded in &store.certificates {
        let base = |own: &Option<Given<Box<str>>>, global: &Option<Given<Box<str>>>, path: &str| {
            let has_own = own.as_ref().is_some_and(|own| own.span < loaded.span);
            let global = global.as_ref().filter(|_| !has_own);
            below(global.map(|base| &*base.value), path)
        };
        let place = Place {
            path: base(&store.crt_base, &global.crt_base, &loaded.certificate.value),
            key: loaded.key.as_ref().map(|key| base(&store.key_base, &global.key_base, &key.value)),
        };
        let written = plan.sources.slice(loaded.certificate.span).trim_matches(['"', '\'']);
        let alias = loaded.alias.as_ref().map(|alias| &*alias.value);
        for name in alias.into_iter().chain([written, &*loaded.certificate.value]) {
            stored.insert(format!("@{}/{name}", store.name), place.clone());
        }
    }
}
