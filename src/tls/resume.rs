//! Resumption on the side of the binds: tickets and kept sessions.
//!
//! All binds of the process share the keys of tickets, which change every six hours, and the sessions
//! that are kept, so that a new configuration does not end them. What a session was checked for goes
//! into both: one that began where clients need no certificate is none where they do
//! (nginx's CVE-2025-23419).

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use rustls::server::{
    NoServerSessionStorage, ProducesTickets, ServerSessionMemoryCache, StoresServerSessions,
};
use sha2::{Digest, Sha256};

/// Sessions that are kept if `tune.ssl.cachesize` says nothing.
pub(super) const SESSIONS: usize = 20_000;

/// How long a session can be taken up again if `tune.ssl.lifetime` says nothing.
pub(super) const LIFETIME: Duration = Duration::from_secs(300);

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

/// What stands before a session, in a ticket and among those that are kept: its policy, and the second
/// it began in, since 1970-01-01 UTC.
const PREFIX: usize = size_of::<Policy>() + size_of::<u64>();

/// For whom sessions are, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub policy: Policy,
    pub lifetime: Duration,
}

impl Terms {
    fn mark(&self, session: &[u8], now_s: u64) -> Vec<u8> {
        [&self.policy, &now_s.to_be_bytes()[..], session].concat()
    }

    /// The session, if it is one of these and not too old.
    fn unmark(&self, mut marked: Vec<u8>, now_s: u64) -> Option<Vec<u8>> {
        let rest = marked.strip_prefix(&self.policy)?;
        let began_s = u64::from_be_bytes(*rest.first_chunk()?);
        if now_s.saturating_sub(began_s) > self.lifetime.as_secs() {
            return None;
        }
        marked.drain(..PREFIX);
        Some(marked)
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Tickets.
///
/// # Errors
/// The system gives no random numbers.
pub(super) fn tickets(terms: Terms) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    static KEYS: OnceLock<Arc<dyn ProducesTickets>> = OnceLock::new();
    let keys = match KEYS.get() {
        Some(keys) => keys,
        None => {
            let made = rustls::crypto::aws_lc_rs::Ticketer::new()?;
            KEYS.get_or_init(|| made)
        }
    };
    Ok(Arc::new(Tickets { keys: keys.clone(), terms }))
}

/// Kept sessions. How many there may be is settled by the first who asks; none if `max` is zero.
pub(super) fn sessions(terms: Terms, max: usize) -> Arc<dyn StoresServerSessions> {
    static KEPT: OnceLock<Arc<ServerSessionMemoryCache>> = OnceLock::new();
    if max == 0 {
        return Arc::new(NoServerSessionStorage {});
    }
    let kept = KEPT.get_or_init(|| ServerSessionMemoryCache::new(max));
    Arc::new(Sessions { kept: kept.clone(), terms })
}

struct Tickets {
    keys: Arc<dyn ProducesTickets>,
    terms: Terms,
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.keys.enabled()
    }

    fn lifetime(&self) -> u32 {
        let seconds = u32::try_from(self.terms.lifetime.as_secs()).unwrap_or(u32::MAX);
        self.keys.lifetime().min(seconds)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.keys.encrypt(&self.terms.mark(plain, now_s()))
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.terms.unmark(self.keys.decrypt(cipher)?, now_s())
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

struct Sessions {
    kept: Arc<ServerSessionMemoryCache>,
    terms: Terms,
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.kept.put(key, self.terms.mark(&value, now_s()))
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.terms.unmark(self.kept.get(key)?, now_s())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.terms.unmark(self.kept.take(key)?, now_s())
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

    fn terms(words: &[u8]) -> Terms {
        Terms { policy: policy([words].into_iter()), lifetime: LIFETIME }
    }

    #[test]
    fn a_ticket_is_good_for_its_policy_only() {
        let [open, closed] = [&b"none"[..], b"required"].map(terms);
        let ticket = tickets(open).expect("keys").encrypt(b"session").expect("a ticket");
        assert_eq!(tickets(open).expect("keys").decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(tickets(closed).expect("keys").decrypt(&ticket), None);
        let kept = sessions(open, 100);
        assert!(kept.put(b"id".to_vec(), b"session".to_vec()));
        assert_eq!(sessions(closed, 100).get(b"id"), None);
        assert_eq!(sessions(open, 100).take(b"id").as_deref(), Some(&b"session"[..]));
        assert!(!sessions(open, 0).can_cache());
    }

    #[test]
    fn sessions_grow_old() {
        let terms = terms(b"");
        let marked = || terms.mark(b"session", 1000);
        assert_eq!(terms.unmark(marked(), 1300).as_deref(), Some(&b"session"[..]));
        assert_eq!(terms.unmark(marked(), 1301), None);
        assert!(terms.unmark(marked(), 900).is_some(), "a clock that was set back is no reason");
        for len in 0..PREFIX {
            assert_eq!(terms.unmark(marked()[..len].to_vec(), 1000), None);
        }
    }
}
