//! Lists of groups: `curves`, `ecdhe` (SSL_CTX_set1_groups_list(3)).

use super::{Dropped, Reading, Reason, pieces};
use crate::config::plan::Curve;

/// Every spelling of what is available.
pub const NAMES: &[(&str, Curve)] = &[
    ("X25519", Curve::X25519),
    ("P-256", Curve::Secp256r1),
    ("prime256v1", Curve::Secp256r1),
    ("secp256r1", Curve::Secp256r1),
    ("P-384", Curve::Secp384r1),
    ("secp384r1", Curve::Secp384r1),
    ("X25519MLKEM768", Curve::X25519MlKem768),
];

/// What OpenSSL knows besides.
const OTHERS: &[&str] = &[
    "P-521",
    "secp521r1",
    "X448",
    "ffdhe2048",
    "ffdhe3072",
    "ffdhe4096",
    "ffdhe6144",
    "ffdhe8192",
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
    "brainpoolP256r1tls13",
    "brainpoolP384r1tls13",
    "brainpoolP512r1tls13",
    "P-192",
    "prime192v1",
    "secp192r1",
    "secp192k1",
    "P-224",
    "secp224r1",
    "secp224k1",
    "secp256k1",
    "sect163k1",
    "sect163r1",
    "sect163r2",
    "sect193r1",
    "sect193r2",
    "sect233k1",
    "sect233r1",
    "sect239k1",
    "sect283k1",
    "sect283r1",
    "sect409k1",
    "sect409r1",
    "sect571k1",
    "sect571r1",
    "B-163",
    "B-233",
    "B-283",
    "B-409",
    "B-571",
    "K-163",
    "K-233",
    "K-283",
    "K-409",
    "K-571",
    "MLKEM512",
    "MLKEM768",
    "MLKEM1024",
    "SecP256r1MLKEM768",
    "SecP384r1MLKEM1024",
    "X448MLKEM1024",
    "X25519Kyber768Draft00",
];

/// Reads a list of groups. A name that OpenSSL does not know is dropped as [`Reason::Unknown`],
/// which is an error unless it has a `?` before it.
pub fn curves(text: &str) -> Reading<Curve> {
    let mut reading = Reading { kept: Vec::new(), dropped: Vec::new() };
    for (piece, range) in pieces(text, &[':', '/']) {
        // `?`: no fault if it is unknown. `*`: a hint for clients which key to send first.
        let name = piece.trim_start_matches(['?', '*']);
        let is = |other: &str| other.eq_ignore_ascii_case(name);
        match NAMES.iter().find(|(known, _)| is(known)) {
            Some((_, curve)) if !reading.kept.contains(curve) => reading.kept.push(*curve),
            Some(_) => {}
            None => {
                let known = OTHERS.iter().any(|known| is(known)) || piece.contains('?');
                let reason = if known { Reason::Group } else { Reason::Unknown };
                reading.dropped.push(Dropped { name: piece.into(), range, reason });
            }
        }
    }
    reading
}
