//! TLS settings of binds and servers, in the words of what Koi's TLS offers.

use super::Given;
use crate::config::source::Span;
use crate::config::word::Word;

/// A version of the protocol, old ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// SSLv3.
    Ssl3,
    /// TLSv1.0.
    Tls10,
    /// TLSv1.1.
    Tls11,
    /// TLSv1.2.
    Tls12,
    /// TLSv1.3.
    Tls13,
}

impl TlsVersion {
    /// As it is written behind `ssl-min-ver`.
    pub fn name(self) -> &'static str {
        match self {
            TlsVersion::Ssl3 => "SSLv3",
            TlsVersion::Tls10 => "TLSv1.0",
            TlsVersion::Tls11 => "TLSv1.1",
            TlsVersion::Tls12 => "TLSv1.2",
            TlsVersion::Tls13 => "TLSv1.3",
        }
    }
}

macro_rules! names {
    ($(#[$about:meta])* $kind:ident { $($variant:ident $name:literal $standard:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $kind { $(#[doc = $standard] $variant,)* }

        impl $kind {
            /// All of them, the preferred one first.
            pub const ALL: &'static [$kind] = &[$($kind::$variant,)*];

            /// As OpenSSL writes it.
            pub fn name(self) -> &'static str {
                match self { $($kind::$variant => $name,)* }
            }

            /// As the standard writes it.
            pub fn standard_name(self) -> &'static str {
                match self { $($kind::$variant => $standard,)* }
            }
        }
    };
}

names! {
    /// The cipher suites of TLS 1.2.
    Suite12 {
        EcdsaAes256 "ECDHE-ECDSA-AES256-GCM-SHA384" "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        RsaAes256 "ECDHE-RSA-AES256-GCM-SHA384" "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        EcdsaChaCha20 "ECDHE-ECDSA-CHACHA20-POLY1305" "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        RsaChaCha20 "ECDHE-RSA-CHACHA20-POLY1305" "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        EcdsaAes128 "ECDHE-ECDSA-AES128-GCM-SHA256" "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        RsaAes128 "ECDHE-RSA-AES128-GCM-SHA256" "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    }
}

names! {
    /// The cipher suites of TLS 1.3.
    Suite13 {
        Aes256 "TLS_AES_256_GCM_SHA384" "TLS_AES_256_GCM_SHA384",
        ChaCha20 "TLS_CHACHA20_POLY1305_SHA256" "TLS_CHACHA20_POLY1305_SHA256",
        Aes128 "TLS_AES_128_GCM_SHA256" "TLS_AES_128_GCM_SHA256",
    }
}

names! {
    /// The groups for the exchange of keys ("curves").
    Curve {
        X25519MlKem768 "X25519MLKEM768" "X25519MLKEM768",
        X25519 "X25519" "x25519",
        Secp256r1 "prime256v1" "secp256r1",
        Secp384r1 "secp384r1" "secp384r1",
    }
}

/// A list of names, and what of it Koi's TLS has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen<T> {
    /// What is available, in the list's order. Empty: the check has reported an error if TLS is used.
    pub kept: Box<[T]>,
    /// The list as written.
    pub word: Word,
}

/// What binds, servers and `ssl-default-*-options` have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// `ciphers`.
    pub ciphers: Option<Chosen<Suite12>>,
    /// `ciphersuites`.
    pub ciphersuites: Option<Chosen<Suite13>>,
    /// `curves`, or else `ecdhe`.
    pub curves: Option<Chosen<Curve>>,
    /// Which versions may be spoken.
    pub versions: TlsVersions,
    /// `tls-tickets` and `no-tls-tickets`: session tickets of TLS 1.2.
    pub tickets: Option<Given<bool>>,
    /// `prefer-client-ciphers` (binds only).
    pub prefer_client_ciphers: Option<Span>,
}

/// `ssl-min-ver`, `ssl-max-ver`, `force-*`, `no-*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsVersions {
    /// The oldest.
    pub min: Option<Given<TlsVersion>>,
    /// The newest.
    pub max: Option<Given<TlsVersion>>,
    /// `no-tlsv12` and its relatives; they count only where there is neither `min` nor `max`.
    pub excluded: Vec<Given<TlsVersion>>,
}

impl TlsVersions {
    /// These, and where they say nothing, those of `global`.
    pub fn or(&self, base: &TlsVersions) -> TlsVersions {
        TlsVersions {
            min: self.min.or(base.min),
            max: self.max.or(base.max),
            excluded: self.excluded.iter().chain(&base.excluded).copied().collect(),
        }
    }

    /// Whether `version` may be spoken as far as these words go.
    pub fn allow(&self, version: TlsVersion) -> bool {
        match (self.min, self.max) {
            (None, None) => self.excluded.iter().all(|it| it.value != version),
            (min, max) => {
                min.is_none_or(|min| version >= min.value)
                    && max.is_none_or(|max| version <= max.value)
            }
        }
    }

    /// Whether one of the versions that Koi speaks is left.
    pub fn leave_any(&self) -> bool {
        self.allow(TlsVersion::Tls12) || self.allow(TlsVersion::Tls13)
    }
}
