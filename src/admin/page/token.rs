//! Against forgery: forms of the page carry a token, and a change must come from the page itself.
//!
//! In: a secret of this process, the proxy that has the page, the time. Out: a token that holds for one to
//! two hours; and whether a request comes from a page of the same origin. Who may change things at all is
//! another question (`stats admin`).

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::proto::head::View;

/// How long a token holds at least, in microseconds.
const HOLDS_US: u64 = 3_600_000_000;

/// What tokens are made with.
pub struct Secret([u8; 32]);

impl Secret {
    /// A new one, of the operating system's randomness. `None` if there is none: then nothing can be
    /// changed through the page.
    pub fn new() -> Option<Secret> {
        let mut bytes = [0; 32];
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.secure_random.fill(&mut bytes).ok()?;
        Some(Secret(bytes))
    }

    fn mac(&self, proxy: usize, window: u64) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(b"statistics");
        mac.update(&u64::try_from(proxy).ok()?.to_be_bytes());
        mac.update(&window.to_be_bytes());
        Some(mac)
    }

    /// A token for the page of a proxy.
    pub fn token(&self, proxy: usize, unix_us: u64) -> String {
        let mac = self.mac(proxy, unix_us / HOLDS_US);
        mac.map_or_else(String::new, |mac| HEXLOWER.encode(&mac.finalize().into_bytes()))
    }

    /// Whether a token is one that holds. Compared in a time that tells nothing.
    pub fn holds(&self, token: &str, proxy: usize, unix_us: u64) -> bool {
        let Ok(given) = HEXLOWER.decode(token.as_bytes()) else { return false };
        let window = unix_us / HOLDS_US;
        [window, window.saturating_sub(1)].into_iter().any(|window| {
            self.mac(proxy, window).is_some_and(|mac| mac.verify_slice(&given).is_ok())
        })
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Whether a request comes from a page of the same host, as far as the browser says: `Origin` and
/// `Sec-Fetch-Site`. Programs that say nothing are not browsers.
pub fn is_same_origin(head: View<'_>) -> bool {
    let first = |name: &'static [u8]| head.values(name).next();
    let site = first(b"sec-fetch-site");
    let same_site = site.is_none_or(|it| matches!(it, b"same-origin" | b"none"));
    let origin = first(b"origin").is_none_or(|origin| {
        // TLS may end in front of us: the scheme says nothing.
        let authority = origin.strip_prefix(b"https://").or(origin.strip_prefix(b"http://"));
        authority.is_some() && authority == first(b"host")
    });
    same_site && origin
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::head::{Head, Start, Version};

    #[test]
    fn a_token_is_for_one_page_and_for_a_while() {
        let secret = Secret::new().expect("randomness");
        let now = 10 * HOLDS_US;
        let token = secret.token(3, now);
        assert!(secret.holds(&token, 3, now) && secret.holds(&token, 3, now + HOLDS_US));
        assert!(!secret.holds(&token, 3, now + 2 * HOLDS_US) && !secret.holds(&token, 2, now));
        let other = Secret::new().expect("randomness");
        assert!(!other.holds(&token, 3, now));
        for wrong in ["", "00", "zz", &token[1..], &token.to_uppercase()] {
            assert!(!secret.holds(wrong, 3, now), "{wrong}");
        }
    }

    #[test]
    fn other_origins_are_told_apart() {
        let is_same = |fields: &[(&str, &str)]| {
            let start = Start::Response { status: 200, reason: Default::default() };
            let mut head = Head::new(start, Version::Http11, Vec::new());
            head.append(b"Host", b"a:8080");
            fields.iter().for_each(|(name, value)| head.append(name.as_bytes(), value.as_bytes()));
            is_same_origin(head.view(b""))
        };
        assert!(is_same(&[]) && is_same(&[("Origin", "https://a:8080")]));
        assert!(is_same(&[("Sec-Fetch-Site", "same-origin"), ("Origin", "http://a:8080")]));
        for origin in ["null", "http://b", "http://a", "http://a:8080.evil", "a:8080"] {
            assert!(!is_same(&[("Origin", origin)]), "{origin}");
        }
        assert!(!is_same(&[("Sec-Fetch-Site", "cross-site")]));
    }
}
