//! Cipher lists of TLS 1.2 (openssl-ciphers(1)) and cipher suites of TLS 1.3.

use super::{Dropped, Reading, Reason, pieces};
use crate::config::plan::{Suite12, Suite13};

/// Reads a list of TLS 1.2.
pub fn ciphers(text: &str) -> Reading<Suite12> {
    let mut list = List { kept: Vec::new(), killed: Vec::new(), dropped: Vec::new() };
    for (piece, range) in pieces(text, &[':', ',', ' ', ';']) {
        match piece.as_bytes().first() {
            Some(b'!') => list.kill(&piece[1..]),
            Some(b'-') => list.remove(&piece[1..]),
            Some(b'+') => list.move_back(&piece[1..]),
            Some(b'@') => list.command(piece, range),
            _ => list.add(piece, range),
        }
    }
    Reading { kept: list.kept, dropped: list.dropped }
}

/// Reads a list of TLS 1.3.
pub fn ciphersuites(text: &str) -> Reading<Suite13> {
    let mut reading = Reading { kept: Vec::new(), dropped: Vec::new() };
    for (name, range) in pieces(text, &[':', ',', ' ']) {
        match Suite13::ALL.iter().find(|suite| suite.name() == name) {
            Some(suite) if !reading.kept.contains(suite) => reading.kept.push(*suite),
            Some(_) => {}
            None => {
                let reason = match name {
                    "TLS_AES_128_CCM_SHA256" | "TLS_AES_128_CCM_8_SHA256" => Reason::Rare,
                    _ if known(name).is_some() || twelve(name).is_some() => Reason::OtherList,
                    _ => Reason::Unknown,
                };
                reading.dropped.push(Dropped { name: name.into(), range, reason });
            }
        }
    }
    reading
}

struct List {
    kept: Vec<Suite12>,
    killed: Vec<Suite12>,
    dropped: Vec<Dropped>,
}

impl List {
    /// `NAME`, `GROUP`, `GROUP+GROUP`: what it selects, and is not there yet, comes at the end.
    fn add(&mut self, piece: &str, range: core::ops::Range<usize>) {
        let selected = select(piece);
        if selected.is_empty() {
            let reason = why_nothing(piece);
            self.dropped.push(Dropped { name: piece.into(), range, reason });
        }
        for suite in selected {
            if !self.kept.contains(&suite) && !self.killed.contains(&suite) {
                self.kept.push(suite);
            }
        }
    }

    /// `!X`: away, for good.
    fn kill(&mut self, piece: &str) {
        self.killed.extend(select(piece));
        self.remove(piece);
    }

    /// `-X`: away, but it may come back.
    fn remove(&mut self, piece: &str) {
        let selected = select(piece);
        self.kept.retain(|suite| !selected.contains(suite));
    }

    /// `+X`: to the end.
    fn move_back(&mut self, piece: &str) {
        let selected = select(piece);
        let moved: Vec<_> =
            self.kept.iter().copied().filter(|suite| selected.contains(suite)).collect();
        self.remove(piece);
        self.kept.extend(moved);
    }

    fn command(&mut self, piece: &str, range: core::ops::Range<usize>) {
        match piece {
            "@STRENGTH" => self.kept.sort_by_key(|suite| suite.name().contains("AES128")),
            _ => {
                let level = piece.starts_with("@SECLEVEL=");
                let reason = if level { Reason::Level } else { Reason::Unknown };
                self.dropped.push(Dropped { name: piece.into(), range, reason });
            }
        }
    }
}

/// The suites that `A+B+C` stands for, in OpenSSL's own order.
fn select(piece: &str) -> Vec<Suite12> {
    let fits = |suite: &Suite12| piece.split('+').all(|part| selects(part, *suite));
    Suite12::ALL.iter().copied().filter(fits).collect()
}

fn selects(part: &str, suite: Suite12) -> bool {
    let has = |text: &str| suite.name().contains(text);
    match part {
        "ALL" | "DEFAULT" | "HIGH" | "TLSv1.2" => true,
        "ECDHE" | "EECDH" | "kECDHE" | "kEECDH" => true,
        "ECDSA" | "aECDSA" => has("ECDSA"),
        "aRSA" => has("RSA-") && !has("ECDSA"),
        "AES" | "AESGCM" => has("AES"),
        "AES128" => has("AES128"),
        "AES256" => has("AES256"),
        "CHACHA20" => has("CHACHA20"),
        "SUITEB128" => suite == Suite12::EcdsaAes128 || suite == Suite12::EcdsaAes256,
        "SUITEB128ONLY" => suite == Suite12::EcdsaAes128,
        "SUITEB192" => suite == Suite12::EcdsaAes256,
        name => twelve(name) == Some(suite),
    }
}

/// The suite of this name, in OpenSSL's spelling or the standard's.
fn twelve(name: &str) -> Option<Suite12> {
    let named = |suite: &&Suite12| suite.name() == name || suite.standard_name() == name;
    Suite12::ALL.iter().find(named).copied()
}

/// Why `A+B` selects nothing: the first part that has a reason.
fn why_nothing(piece: &str) -> Reason {
    let reasons = piece.split('+').filter_map(known);
    let nothing = |part: &str| Suite12::ALL.iter().all(|suite| !selects(part, *suite));
    let unknown = piece.split('+').any(|part| nothing(part) && known(part).is_none());
    match unknown {
        true => Reason::Unknown,
        false => reasons.min().unwrap_or(Reason::Cbc),
    }
}

/// Words that cipher names are made of, with what they tell; `None` tells nothing.
const PARTS: &[(&str, Option<Reason>)] = &[
    ("DHE", Some(Reason::Dhe)),
    ("EDH", Some(Reason::Dhe)),
    ("kDHE", Some(Reason::Dhe)),
    ("kEDH", Some(Reason::Dhe)),
    ("DH", Some(Reason::Dhe)),
    ("ADH", Some(Reason::Broken)),
    ("AECDH", Some(Reason::Broken)),
    ("aNULL", Some(Reason::Broken)),
    ("eNULL", Some(Reason::Broken)),
    ("NULL", Some(Reason::Broken)),
    ("anon", Some(Reason::Broken)),
    ("RC4", Some(Reason::Broken)),
    ("RC2", Some(Reason::Broken)),
    ("DES", Some(Reason::Broken)),
    ("3DES", Some(Reason::Broken)),
    ("CBC3", Some(Reason::Broken)),
    ("EDE", Some(Reason::Broken)),
    ("IDEA", Some(Reason::Broken)),
    ("SEED", Some(Reason::Broken)),
    ("MD5", Some(Reason::Broken)),
    ("EXP", Some(Reason::Broken)),
    ("EXPORT", Some(Reason::Broken)),
    ("EXPORT40", Some(Reason::Broken)),
    ("EXPORT56", Some(Reason::Broken)),
    ("LOW", Some(Reason::Broken)),
    ("MEDIUM", Some(Reason::Broken)),
    ("COMPLEMENTOFALL", Some(Reason::Broken)),
    ("COMPLEMENTOFDEFAULT", Some(Reason::Broken)),
    ("SSLv2", Some(Reason::Broken)),
    ("SSLv3", Some(Reason::Cbc)),
    ("TLSv1", Some(Reason::Cbc)),
    ("TLSv1.0", Some(Reason::Cbc)),
    ("PSK", Some(Reason::SharedSecret)),
    ("kPSK", Some(Reason::SharedSecret)),
    ("aPSK", Some(Reason::SharedSecret)),
    ("kECDHEPSK", Some(Reason::SharedSecret)),
    ("kDHEPSK", Some(Reason::SharedSecret)),
    ("kRSAPSK", Some(Reason::SharedSecret)),
    ("SRP", Some(Reason::SharedSecret)),
    ("KRB5", Some(Reason::SharedSecret)),
    ("DSS", Some(Reason::Dsa)),
    ("aDSS", Some(Reason::Dsa)),
    ("kRSA", Some(Reason::NoForwardSecrecy)),
    ("aECDH", Some(Reason::NoForwardSecrecy)),
    ("kECDH", Some(Reason::NoForwardSecrecy)),
    ("kECDHr", Some(Reason::NoForwardSecrecy)),
    ("kECDHe", Some(Reason::NoForwardSecrecy)),
    ("kDH", Some(Reason::NoForwardSecrecy)),
    ("aDH", Some(Reason::NoForwardSecrecy)),
    ("ECDH", Some(Reason::NoForwardSecrecy)),
    ("CCM", Some(Reason::Rare)),
    ("CCM8", Some(Reason::Rare)),
    ("AESCCM", Some(Reason::Rare)),
    ("AESCCM8", Some(Reason::Rare)),
    ("CAMELLIA", Some(Reason::Rare)),
    ("CAMELLIA128", Some(Reason::Rare)),
    ("CAMELLIA256", Some(Reason::Rare)),
    ("ARIA", Some(Reason::Rare)),
    ("ARIA128", Some(Reason::Rare)),
    ("ARIA256", Some(Reason::Rare)),
    ("ARIAGCM", Some(Reason::Rare)),
    ("GOST94", Some(Reason::Rare)),
    ("GOST89MAC", Some(Reason::Rare)),
    ("aGOST", Some(Reason::Rare)),
    ("kGOST", Some(Reason::Rare)),
    ("SHA", Some(Reason::Cbc)),
    ("SHA1", Some(Reason::Cbc)),
    ("CBC", Some(Reason::Cbc)),
    ("ECDHE", None),
    ("EECDH", None),
    ("ECDSA", None),
    ("RSA", None),
    ("AES", None),
    ("AES128", None),
    ("AES256", None),
    ("128", None),
    ("256", None),
    ("8", None),
    ("112", None),
    ("GCM", None),
    ("CHACHA20", None),
    ("POLY1305", None),
    ("SHA256", None),
    ("SHA384", None),
    ("WITH", None),
    ("TLS", None),
    ("SSL", None),
];

/// Why a name that OpenSSL knows is not available; `None` for a name that it does not know.
fn known(name: &str) -> Option<Reason> {
    if Suite13::ALL.iter().any(|suite| suite.name() == name) || name.starts_with("TLS_AES_128_CCM")
    {
        return Some(Reason::OtherList);
    }
    let parts: Vec<&str> = name.split(['-', '_']).collect();
    let mut reasons = Vec::new();
    for part in &parts {
        // A word nobody knows: the question mark returns `None`.
        reasons.extend(PARTS.iter().find(|(known, _)| known == part)?.1);
    }
    let has = |part: &str| parts.contains(&part);
    // SHA-256 in a suite without an AEAD cipher: CBC with that MAC. Alone, it is the group of those.
    let aead = has("GCM") || has("CCM") || has("CCM8") || has("CHACHA20");
    if !aead && (has("SHA256") || has("SHA384")) {
        reasons.push(Reason::Cbc);
    }
    let ephemeral = ["ECDHE", "EECDH", "DHE", "EDH", "DH", "ADH", "AECDH"].iter().any(|it| has(it));
    if !ephemeral && (parts.len() > 1 || name == "RSA") {
        reasons.push(Reason::NoForwardSecrecy);
    }
    reasons.sort_by_key(|reason| weight(*reason));
    reasons.first().copied()
}

/// Which of several reasons is told: what cannot be mended by another key or mode comes first.
fn weight(reason: Reason) -> u8 {
    match reason {
        Reason::Broken => 0,
        Reason::SharedSecret => 1,
        Reason::Dsa => 2,
        Reason::Dhe => 3,
        Reason::NoForwardSecrecy => 4,
        Reason::Rare => 5,
        _ => 6,
    }
}
