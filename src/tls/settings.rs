//! What binds and servers say about versions, suites and curves, in rustls's words.
//!
//! In: a line's [`TlsOptions`] and what `global` says. Out: a [`CryptoProvider`] and versions.

use std::sync::Arc;

use rustls::SupportedCipherSuite;
use rustls::SupportedProtocolVersion;
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};

use super::machine::PLAIN_MAX;
use crate::config::plan::{
    Chosen, Curve, Given, Suite12, Suite13, TlsDefaults, TlsOptions, TlsSide, TlsVersion,
    TlsVersions,
};
use crate::config::report::Report;
use crate::config::tls_names::{self, Side};

/// The least plaintext in a record that may be asked for.
const RECORD_MIN: usize = 512;

/// What handshakes may agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    suites12: Vec<Suite12>,
    suites13: Vec<Suite13>,
    curves: Vec<Curve>,
    pub tls12: bool,
    pub tls13: bool,
    /// Session tickets (of TLS 1.2; those of TLS 1.3 then stand for sessions that are kept here).
    pub tickets: bool,
    /// The client's order of suites counts, not ours.
    pub client_order: bool,
}

impl Offer {
    /// The line's own words, and where it says nothing those of `global`.
    pub fn new(own: &TlsOptions, global: &TlsSide, side: Side) -> Offer {
        let base = tls_names::read_options(&global.options, side, &mut Report::default());
        let versions = own.versions.or(&base.versions);
        let suites12 = or(&own.ciphers, &global.ciphers, |text| tls_names::ciphers(text).kept);
        let suites13 =
            or(&own.ciphersuites, &global.ciphersuites, |text| tls_names::ciphersuites(text).kept);
        let curves = or(&own.curves, &global.curves, |text| tls_names::curves(text).kept);
        Offer {
            suites12: suites12.unwrap_or_else(|| Suite12::ALL.to_vec()),
            suites13: suites13.unwrap_or_else(|| Suite13::ALL.to_vec()),
            curves: curves.unwrap_or_else(|| Curve::ALL.to_vec()),
            tls12: versions.allow(TlsVersion::Tls12),
            tls13: versions.allow(TlsVersion::Tls13),
            tickets: own.tickets.or(base.tickets).is_none_or(|tickets| tickets.value),
            client_order: own.prefer_client_ciphers.or(base.prefer_client_ciphers).is_some(),
        }
    }

    /// `ciphers`, in a line of a list.
    pub fn set_ciphers(&mut self, text: &str) {
        self.suites12 = tls_names::ciphers(text).kept;
    }

    /// `ciphersuites`, in a line of a list.
    pub fn set_ciphersuites(&mut self, text: &str) {
        self.suites13 = tls_names::ciphersuites(text).kept;
    }

    /// `curves`, in a line of a list.
    pub fn set_curves(&mut self, text: &str) {
        self.curves = tls_names::curves(text).kept;
    }

    /// `ssl-min-ver`, `ssl-max-ver`, in a line of a list.
    pub fn narrow(&mut self, versions: &TlsVersions) {
        self.tls12 = versions.allow(TlsVersion::Tls12);
        self.tls13 = versions.allow(TlsVersion::Tls13);
    }

    /// The cryptography, in the order given.
    pub fn provider(&self) -> Arc<CryptoProvider> {
        let suites13 = self.suites13.iter().filter(|_| self.tls13).map(|it| suite13(*it));
        let suites12 = self.suites12.iter().filter(|_| self.tls12).map(|it| suite12(*it));
        Arc::new(CryptoProvider {
            cipher_suites: suites13.chain(suites12).collect(),
            kx_groups: self.curves.iter().map(|it| group(*it)).collect(),
            ..aws_lc_rs::default_provider()
        })
    }

    /// The versions that may be spoken. Neither is an error that the check has reported.
    pub fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let both = [(self.tls13, &rustls::version::TLS13), (self.tls12, &rustls::version::TLS12)];
        both.into_iter().filter(|(on, _)| *on).map(|(_, version)| version).collect()
    }
}

fn or<T: Copy>(
    own: &Option<Chosen<T>>,
    global: &Option<Given<Box<str>>>,
    read: fn(&str) -> Vec<T>,
) -> Option<Vec<T>> {
    let own = own.as_ref().map(|chosen| chosen.kept.to_vec());
    own.or_else(|| global.as_ref().map(|text| read(&text.value)))
}

fn suite13(suite: Suite13) -> SupportedCipherSuite {
    match suite {
        Suite13::Aes256 => cipher_suite::TLS13_AES_256_GCM_SHA384,
        Suite13::ChaCha20 => cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        Suite13::Aes128 => cipher_suite::TLS13_AES_128_GCM_SHA256,
    }
}

fn suite12(suite: Suite12) -> SupportedCipherSuite {
    match suite {
        Suite12::EcdsaAes256 => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        Suite12::RsaAes256 => cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        Suite12::EcdsaChaCha20 => cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        Suite12::RsaChaCha20 => cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        Suite12::EcdsaAes128 => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        Suite12::RsaAes128 => cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    }
}

fn group(curve: Curve) -> &'static dyn SupportedKxGroup {
    match curve {
        Curve::X25519MlKem768 => kx_group::X25519MLKEM768,
        Curve::X25519 => kx_group::X25519,
        Curve::Secp256r1 => kx_group::SECP256R1,
        Curve::Secp384r1 => kx_group::SECP384R1,
    }
}

/// A suite's name as OpenSSL writes it.
pub(super) fn suite_name(suite: SupportedCipherSuite) -> &'static str {
    let of13 = Suite13::ALL.iter().find(|it| suite13(**it) == suite).map(|it| it.name());
    let of12 = || Suite12::ALL.iter().find(|it| suite12(**it) == suite).map(|it| it.name());
    of13.or_else(of12).unwrap_or("")
}

/// The protocols of an `alpn` that can be spoken: HTTP/2 comes later.
pub(super) fn spoken<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Vec<u8>> {
    names.filter(|name| *name != "h2").map(|name| name.as_bytes().to_vec()).collect()
}

/// How much plaintext goes into a record: `tune.ssl.maxrecord`, `tune.ssl.hard-maxrecord`.
pub(super) fn record_max(global: &TlsDefaults) -> usize {
    let limits = [&global.record, &global.record_max].into_iter().flatten();
    let limits = limits.filter_map(|it| usize::try_from(it.value).ok()).filter(|max| *max > 0);
    limits.min().unwrap_or(PLAIN_MAX).clamp(RECORD_MIN, PLAIN_MAX)
}
