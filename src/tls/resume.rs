//! Resumption on the side of the binds: tickets and kept sessions.
//!
//! All binds of the process share the keys of tickets, which change every six hours, and the sessions
//! that are kept, so that a new configuration does not end them. What a session was checked for goes
//! into both: one that began where clients need no certificate is none where they do
//! (nginx's CVE-2025-23419).

use std::sync::{Arc, OnceLock};

use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};
use sha2::{Digest, Sha256};

/// Sessions that are kept if `tune.ssl.cachesize` says nothing.
pub(super) const SESSIONS: usize = 20_000;

/// What the client's certificate was checked for: equal for configurations that ask for the same.
pub(super) type Policy = [u8; 16];

/// The policy of these bytes: whether certificates are asked for, and who may have signed them.
pub(super) fn policy<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Policy {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    *digest.first_chunk().unwrap_or(&[0; 16])
}

/// Tickets of a policy.
///
/// # Errors
/// The system gives no random numbers.
pub(super) fn tickets(policy: Policy) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    static KEYS: OnceLock<Arc<dyn ProducesTickets>> = OnceLock::new();
    let keys = match KEYS.get() {
        Some(keys) => keys,
        None => {
            let made = rustls::crypto::aws_lc_rs::Ticketer::new()?;
            KEYS.get_or_init(|| made)
        }
    };
    Ok(Arc::new(Tickets { keys: keys.clone(), policy }))
}

/// Kept sessions of a policy. How many there may be is settled by the first who asks.
pub(super) fn sessions(policy: Policy, max: usize) -> Arc<dyn StoresServerSessions> {
    static KEPT: OnceLock<Arc<ServerSessionMemoryCache>> = OnceLock::new();
    let kept = KEPT.get_or_init(|| ServerSessionMemoryCache::new(max));
    Arc::new(Sessions { kept: kept.clone(), policy })
}

struct Tickets {
    keys: Arc<dyn ProducesTickets>,
    policy: Policy,
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.keys.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.keys.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys.encrypt(&[&self.policy, plain].concat())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let mut plain = self.keys.decrypt(cipher)?;
        if !plain.starts_with(&self.policy) {
            return None;
        }
        plain.drain(..self.policy.len());
        Some(plain)
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

struct Sessions {
    kept: Arc<ServerSessionMemoryCache>,
    policy: Policy,
}

impl Sessions {
    fn key(&self, key: &[u8]) -> Vec<u8> {
        [&self.policy, key].concat()
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.kept.put(self.key(&key), value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept.get(&self.key(key))
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept.take(&self.key(key))
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_for_its_policy_only() {
        let [open, closed] = [b"none".as_slice(), b"required"].map(|it| policy([it].into_iter()));
        let ticket = tickets(open).expect("keys").encrypt(b"session").expect("a ticket");
        assert_eq!(tickets(open).expect("keys").decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(tickets(closed).expect("keys").decrypt(&ticket), None);
        let kept = sessions(open, 100);
        assert!(kept.put(b"id".to_vec(), b"session".to_vec()));
        assert_eq!(sessions(closed, 100).get(b"id"), None);
        assert_eq!(sessions(open, 100).take(b"id").as_deref(), Some(&b"session"[..]));
    }
}
