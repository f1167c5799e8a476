//! Which certificate a client gets, by the name it asks for (HAProxy 3.0, configuration.txt §5.1,
//! `crt`, `crt-list`, `strict-sni`).
//!
//! In: certificates with the names they are for. Out: the one for a ClientHello: that of the exact
//! name, else of the wildcard for it, else a default one; of several the first whose key the client
//! can check, keys of elliptic curves before RSA.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ServerConfig};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, SignatureAlgorithm, SignatureScheme};

/// A certificate of a bind.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The chain and the key.
    pub key: Arc<CertifiedKey>,
    /// The certificate, DER.
    pub der: Arc<[u8]>,
    /// What handshakes with it follow.
    pub config: Arc<ServerConfig>,
    /// The same for clients that offer no protocol (ALPN) of ours: they get none, not an error.
    pub without_alpn: Arc<ServerConfig>,
}

/// What a client says that matters for the choice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// The name, in any case.
    pub name: Option<&'a str>,
    /// The signatures it can check.
    pub schemes: &'a [SignatureScheme],
    /// Its suites go with keys of elliptic curves.
    pub elliptic: bool,
    /// Its suites go with RSA keys.
    pub rsa: bool,
}

impl<'a> Asked<'a> {
    pub fn new(hello: &'a ClientHello<'_>) -> Asked<'a> {
        let has = |of: fn(&CipherSuite) -> bool| hello.cipher_suites().iter().any(of);
        // The suites of TLS 1.3 go with all keys.
        let any = has(|suite| u16::from(*suite) >> 8 == 0x13);
        Asked {
            name: hello.server_name(),
            schemes: hello.signature_schemes(),
            elliptic: any || has(|suite| ECDSA.contains(suite)),
            rsa: any || has(|suite| RSA.contains(suite)),
        }
    }
}

/// The suites of TLS 1.2 that rustls has, by key.
const ECDSA: [CipherSuite; 3] = [
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];
const RSA: [CipherSuite; 3] = [
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// The names a certificate is for, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// `a.example`, `*.example`.
    pub wanted: Vec<String>,
    /// Those it is not for although a wildcard says so.
    pub unwanted: Vec<String>,
    /// It is for clients whose name nobody else has.
    pub default: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Vec<Listed>,
    exact: HashMap<Box<str>, Vec<usize>>,
    /// By what stands behind `*.`.
    wildcard: HashMap<Box<str>, Vec<usize>>,
    defaults: Vec<usize>,
    /// Clients whose name nobody has are refused.
    strict: bool,
}

#[derive(Debug)]
struct Listed {
    entry: Arc<Entry>,
    unwanted: Vec<String>,
}

impl Index {
    pub fn new(strict: bool) -> Index {
        Index { strict, ..Index::default() }
    }

    /// Adds a certificate.
    pub fn add(&mut self, entry: Arc<Entry>, names: Names) {
        let at = self.entries.len();
        for name in &names.wanted {
            let (map, key) = match name.strip_prefix("*.") {
                Some(parent) => (&mut self.wildcard, parent),
                None => (&mut self.exact, name.as_str()),
            };
            let of_name = map.entry(key.into()).or_default();
            if !of_name.contains(&at) {
                of_name.push(at);
            }
        }
        if names.default {
            self.defaults.push(at);
        }
        self.entries.push(Listed { entry, unwanted: names.unwanted });
    }

    /// Without certificates that are said to be default ones the first `count` are.
    pub fn settle_defaults(&mut self, count: usize) {
        if self.defaults.is_empty() {
            self.defaults = (0..count.min(self.entries.len())).collect();
        }
    }

    /// Whether there is no certificate at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The certificate for a client.
    pub fn choose(&self, asked: &Asked<'_>) -> Option<&Arc<Entry>> {
        let name = asked.name.map(str::to_ascii_lowercase);
        let named = name.and_then(|name| self.named(&name, asked));
        named.or_else(|| match self.strict {
            true => None,
            false => best(self.defaults.iter().filter_map(|at| self.entries.get(*at)), asked),
        })
    }

    fn named(&self, name: &str, asked: &Asked<'_>) -> Option<&Arc<Entry>> {
        let parent = name.split_once('.').map(|(_, parent)| parent);
        let exact = self.exact.get(name);
        let wildcard = parent.and_then(|parent| self.wildcard.get(parent));
        [exact, wildcard].into_iter().flatten().find_map(|list| {
            let entries = list.iter().filter_map(|at| self.entries.get(*at));
            best(entries.filter(|it| !it.unwanted.iter().any(|no| fits(no, name))), asked)
        })
    }
}

/// Whether a name, perhaps a wildcard, stands for `name`.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => pattern == name,
    }
}

fn best<'a>(
    entries: impl Iterator<Item = &'a Listed>,
    asked: &Asked<'_>,
) -> Option<&'a Arc<Entry>> {
    // The lower the better; of equals the first.
    let rank = |listed: &&Listed| {
        let key = &listed.entry.key.key;
        let is_rsa = key.algorithm() == SignatureAlgorithm::RSA;
        let suits = if is_rsa { asked.rsa } else { asked.elliptic };
        match suits && key.choose_scheme(asked.schemes).is_some() {
            true => u8::from(is_rsa),
            false => 2,
        }
    };
    entries.min_by_key(rank).map(|listed| &listed.entry)
}
