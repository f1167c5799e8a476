//! OpenSSL's vocabulary of cipher suites, curves and versions, and what of it Koi's TLS has.
//!
//! In: the lists of `ciphers`, `ciphersuites`, `curves` and the words of `ssl-default-*-options`,
//! as openssl-ciphers(1) and SSL_CTX_set1_groups_list(3) define them. Out: what is available, in the
//! list's order ([`Reading::kept`]), and every name that is not, with the reason
//! ([`Reading::dropped`]).
//!
//! Available is what rustls offers: TLS 1.2 with ECDHE and an AEAD cipher, TLS 1.3 without CCM.
//! Everything else is either weak or slow, and is left out with a warning; a list of which nothing
//! is left is an error.

mod advise;
mod ciphers;
mod curves;
mod options;

pub use advise::{Bases, advise_lists, advise_plan};
pub use ciphers::{ciphers, ciphersuites};
pub use curves::curves;
pub use options::{OPTIONS, Side, VERSIONS, read_options, set_option, takes_version};

use core::ops::Range;

/// Why a name is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Finite-field Diffie-Hellman.
    Dhe,
    /// The key travels under the server's RSA key, or static Diffie-Hellman.
    NoForwardSecrecy,
    /// CBC mode.
    Cbc,
    /// A mode or cipher that is sound, but not built in: CCM, ARIA, Camellia.
    Rare,
    /// Pre-shared keys, SRP, Kerberos.
    SharedSecret,
    /// Broken ciphers, or none at all.
    Broken,
    /// DSA certificates.
    Dsa,
    /// A name of TLS 1.3 in a list for TLS 1.2, or the other way round.
    OtherList,
    /// A level of security: it does not change what is left.
    Level,
    /// A group that is not built in.
    Group,
    /// A name that OpenSSL does not know either.
    Unknown,
}

impl Reason {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Reason::Dhe => "Diffie-Hellman over finite fields (DHE) is not built in",
            Reason::NoForwardSecrecy => "keys without forward secrecy are not possible",
            Reason::Cbc => "CBC mode is not built in",
            Reason::Rare => "CCM, ARIA and Camellia are not built in",
            Reason::SharedSecret => "PSK, SRP and Kerberos are not built in",
            Reason::Broken => "broken ciphers, and none at all, are not possible",
            Reason::Dsa => "DSA certificates are not possible",
            Reason::OtherList => {
                "TLS 1.3 suites belong in `ciphersuites`, those of TLS 1.2 in `ciphers`"
            }
            Reason::Level => "levels of security do not change what is possible",
            Reason::Group => "this group is not built in",
            Reason::Unknown => "no such name is known",
        }
    }
}

/// A name that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// As it was written.
    pub name: Box<str>,
    /// Its bytes in the list.
    pub range: Range<usize>,
    /// Why.
    pub reason: Reason,
}

/// What a list comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<T> {
    /// What is available, in order.
    pub kept: Vec<T>,
    /// What is not, in the list's order.
    pub dropped: Vec<Dropped>,
}

/// The pieces of a list and their bytes, without empty ones.
fn pieces<'a>(
    text: &'a str,
    separators: &'a [char],
) -> impl Iterator<Item = (&'a str, Range<usize>)> {
    let mut start = 0;
    text.split(separators)
        .map(move |piece| {
            let range = start..start + piece.len();
            start = range.end + 1;
            (piece, range)
        })
        .filter(|(piece, _)| !piece.is_empty())
}

#[cfg(test)]
mod tests;
