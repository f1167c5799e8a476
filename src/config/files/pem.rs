//! What PEM blocks a file has.

use std::io;

use crate::config::args::shown_text;
use crate::config::source::{Files, why};

/// What is wrong with a certificate's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// What the system says.
    Unreadable(io::ErrorKind, String),
    /// No PEM block at all.
    NoPem,
    /// Blocks, but no certificate among them.
    NoCertificate,
    /// No key, neither in it nor in the file beside it.
    NoKey,
    /// A key that needs a pass phrase.
    Encrypted,
}

impl Problem {
    pub fn message(&self, path: &str) -> String {
        let path = shown_text(path);
        match self {
            Problem::Unreadable(_, error) => format!("cannot read `{path}`: {error}"),
            Problem::NoPem => format!("`{path}` holds neither a certificate nor a key"),
            Problem::NoCertificate => format!("`{path}` holds no certificate"),
            Problem::NoKey => format!("there is no private key in `{path}` or `{path}.key`"),
            Problem::Encrypted => format!("the private key of `{path}` needs a pass phrase"),
        }
    }

    pub fn help(&self, path: &str) -> Option<String> {
        let path = shown_text(path);
        Some(match self {
            Problem::Unreadable(io::ErrorKind::PermissionDenied, _) => {
                "it is read as the user that starts Koi".to_owned()
            }
            Problem::Unreadable(..) => return None,
            Problem::NoPem | Problem::NoCertificate => {
                "the file must be in PEM form, with a line -----BEGIN CERTIFICATE-----".to_owned()
            }
            Problem::NoKey => format!("put the key behind the certificate, or into `{path}.key`"),
            Problem::Encrypted => {
                "take the pass phrase away: openssl pkey -in <file> -out <file>".to_owned()
            }
        })
    }
}

/// Whether there is a certificate.
pub(super) fn has_certificate(text: &str) -> bool {
    ["", "X509 ", "TRUSTED "].iter().any(|kind| has(text, &format!("{kind}CERTIFICATE")))
}

/// Whether there is a list of revoked certificates.
pub(super) fn has_revocations(text: &str) -> bool {
    has(text, "X509 CRL")
}

fn has(text: &str, block: &str) -> bool {
    text.contains(&format!("-----BEGIN {block}-----"))
}

/// Whether there is a private key, of any kind.
fn has_key(text: &str) -> bool {
    text.contains("PRIVATE KEY-----") && text.contains("-----BEGIN ")
}

fn is_encrypted(text: &str) -> bool {
    has(text, "ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// Looks for a certificate in `path`, and for its key there or in `path.key`.
pub(super) fn certificate_and_key(path: &str, files: &dyn Files) -> Result<(), Problem> {
    let text = read(path, files)?;
    match (has_certificate(&text), has_key(&text)) {
        (true, _) => {}
        (false, true) => return Err(Problem::NoCertificate),
        (false, false) if text.contains("-----BEGIN ") => return Err(Problem::NoCertificate),
        (false, false) => return Err(Problem::NoPem),
    }
    let holder = match has_key(&text) {
        true => text,
        false => read(&format!("{path}.key"), files).map_err(|_| Problem::NoKey)?,
    };
    match has_key(&holder) {
        true if is_encrypted(&holder) => Err(Problem::Encrypted),
        true => Ok(()),
        false => Err(Problem::NoKey),
    }
}

fn read(path: &str, files: &dyn Files) -> Result<String, Problem> {
    match files.read(path) {
        Ok(content) => Ok(String::from_utf8_lossy(&content).into_owned()),
        Err(error) => Err(Problem::Unreadable(error.kind(), why(&error))),
    }
}
