//! Certificates, keys, authorities and lists of revoked certificates, read from files.
//!
//! In: paths. Out: what they hold, or a [`Problem`] in words; what was looked at is remembered with its
//! size and time, so that it can be told later whether it has changed. Private keys never appear in
//! messages.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{SectionKind, from_buf};
use rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, PrivatePkcs1KeyDer,
    PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

use crate::config::args::shown_text;
use crate::config::source::{Disk, Files, why};

/// Where systems keep the authorities they trust: Debian, Red Hat, FreeBSD and Alpine, FreeBSD's
/// package; a folder as the last.
const SYSTEM: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    "/etc/ssl/certs",
];

/// The files of a folder of authorities.
const AUTHORITIES: &[&str] = &[".pem", ".crt", ".cer", ".crl", ".0"];

/// The marks that OpenSSL knows besides `CERTIFICATE`.
const OTHER_MARKS: &[&str] = &["X509 CERTIFICATE", "TRUSTED CERTIFICATE"];

/// Certificates in a chain that is completed.
const CHAIN_MAX: usize = 8;

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub message: String,
    pub help: Option<String>,
    /// There is no such file.
    pub absent: bool,
}

impl Problem {
    pub fn new(message: String) -> Problem {
        Problem { message, help: None, absent: false }
    }

    pub fn helped(self, help: &str) -> Problem {
        Problem { help: Some(help.to_owned()), ..self }
    }
}

/// A certificate with its key.
#[derive(Debug)]
pub(super) struct Pair {
    pub key: Arc<CertifiedKey>,
    /// The certificate, DER.
    pub der: Arc<[u8]>,
    /// What it is for, by its own words: lower case.
    pub names: Vec<String>,
}

/// What a file or folder was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    Absent,
    File { changed: Option<SystemTime>, bytes: u64, inode: u64 },
    Folder(Vec<String>),
}

/// Looks at a file or folder.
pub(super) fn stamp(path: &str) -> Stamp {
    let Ok(about) = std::fs::metadata(path) else { return Stamp::Absent };
    if about.is_dir() {
        let mut names = Disk.list(path).unwrap_or_default();
        names.sort();
        return Stamp::Folder(names);
    }
    Stamp::File { changed: about.modified().ok(), bytes: about.len(), inode: about.ino() }
}

/// Pairs that were loaded, by the paths of certificate and key.
pub(super) type Pairs = BTreeMap<(String, Option<String>), Arc<Pair>>;

/// Reads files, and remembers them.
pub(super) struct Reader<'a> {
    files: &'a dyn Files,
    /// Everything that was looked at.
    pub seen: BTreeMap<String, Stamp>,
    /// The pairs that are in use now.
    pub pairs: Pairs,
    /// Those of the last time; one that cannot be loaded any more stays as it was.
    pub last: Option<&'a Pairs>,
    /// What is worth a warning: message and help.
    pub warnings: Vec<(String, Option<String>)>,
    /// Keys may lie in `<file>.key`.
    pub key_beside: bool,
    /// `ssl-load-extra-del-ext`: `site.key` beside `site.crt`.
    pub replace_extension: bool,
    /// OCSP answers may lie in `<file>.ocsp`.
    pub ocsp_beside: bool,
    /// `ssl-skip-self-issued-ca`: roots are not sent along.
    pub without_roots: bool,
    /// `issuers-chain-path`: a folder of certificates that complete chains.
    pub issuers: Option<String>,
}

impl<'a> Reader<'a> {
    pub fn new(files: &'a dyn Files, last: Option<&'a Pairs>) -> Reader<'a> {
        Reader {
            files,
            seen: BTreeMap::new(),
            pairs: Pairs::new(),
            last,
            warnings: Vec::new(),
            key_beside: true,
            replace_extension: false,
            ocsp_beside: false,
            without_roots: false,
            issuers: None,
        }
    }

    /// The content of a file.
    pub fn read(&mut self, path: &str) -> Result<Vec<u8>, Problem> {
        self.seen.insert(path.to_owned(), stamp(path));
        self.files.read(path).map_err(|error| unreadable(path, &error))
    }

    /// The names in a folder; `None` if it is none.
    pub fn list(&mut self, path: &str) -> Option<Vec<String>> {
        self.seen.insert(path.to_owned(), stamp(path));
        let mut names = self.files.list(path).ok()?;
        names.sort();
        Some(names)
    }

    /// A certificate with its key, which is in the same file, in `key`, or in the file beside it.
    ///
    /// # Errors
    /// What is wrong. If it was loaded the last time, that is a warning, and it stays as it was.
    pub fn pair(&mut self, path: &str, key: Option<&str>) -> Result<Arc<Pair>, Problem> {
        let id = (path.to_owned(), key.map(str::to_owned));
        if let Some(pair) = self.pairs.get(&id) {
            return Ok(pair.clone());
        }
        let pair = match (self.load_pair(path, key), self.last.and_then(|last| last.get(&id))) {
            (Ok(pair), _) => Arc::new(pair),
            (Err(problem), Some(old)) => {
                let message = format!("{}; the certificate stays as it was", problem.message);
                self.warnings.push((message, problem.help));
                old.clone()
            }
            (Err(problem), None) => return Err(problem),
        };
        self.pairs.insert(id, pair.clone());
        Ok(pair)
    }

    fn load_pair(&mut self, path: &str, key: Option<&str>) -> Result<Pair, Problem> {
        let content = self.read(path)?;
        let own = blocks(&content, path)?;
        if own.certificates.is_empty() {
            let what =
                if own.is_empty() { "neither a certificate nor a key" } else { "no certificate" };
            return Err(Problem::new(format!("`{}` holds {what}", shown_text(path)))
                .helped("the file must be in PEM form, with a line -----BEGIN CERTIFICATE-----"));
        }
        let (keys, holder) = match (key, own.key) {
            (Some(key), _) => (self.key_in(key)?, key.to_owned()),
            (None, Some(found)) => {
                self.warn_if_open(path);
                (found, path.to_owned())
            }
            (None, None) => self.key_near(path)?,
        };
        let chain = self.chain(own.certificates)?;
        self.warn_of_ocsp(path);
        let key = CertifiedKey::new(chain, signing_key(keys, &holder)?);
        let der: Arc<[u8]> = key.cert.first().map_or(&[][..], |cert| cert).into();
        if !belongs(&*key.key, &der).ok_or_else(|| not_a_certificate(path))? {
            let message = format!(
                "the private key in `{}` does not belong to the first certificate in `{}`",
                shown_text(&holder),
                shown_text(path)
            );
            return Err(Problem::new(message)
                .helped("put the server's own certificate before those that it was signed with"));
        }
        let names = self.names(&der, path)?;
        Ok(Pair { key: Arc::new(key), der, names })
    }

    /// A certificate alone gets those that it was signed with, from `issuers-chain-path`.
    fn chain(
        &mut self,
        mut chain: Vec<CertificateDer<'static>>,
    ) -> Result<Vec<CertificateDer<'static>>, Problem> {
        if let (1, Some(folder)) = (chain.len(), self.issuers.clone()) {
            let known = self.bundle(&folder)?.certificates;
            while chain.len() < CHAIN_MAX
                && let Some(last) = chain.last()
                && !is_root(last)
                && let Some(issuer) = known.iter().find(|it| signs(it, last))
            {
                chain.push(issuer.clone());
            }
        }
        if self.without_roots && chain.len() > 1 && chain.last().is_some_and(|it| is_root(it)) {
            chain.pop();
        }
        Ok(chain)
    }

    fn warn_of_ocsp(&mut self, path: &str) {
        let near = format!("{path}.ocsp");
        if self.ocsp_beside && std::fs::metadata(&near).is_ok_and(|about| about.len() > 0) {
            let message =
                format!("the OCSP answer in `{}` is not sent to clients", shown_text(&near));
            self.warnings.push((message, Some("this build does not have that yet".to_owned())));
        }
    }

    /// The names in a certificate: its alternative ones, and the common name.
    fn names(&mut self, der: &[u8], path: &str) -> Result<Vec<String>, Problem> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| not_a_certificate(path))?;
        if !certificate.validity().is_valid() {
            let ends = certificate.validity().not_after;
            let begins = certificate.validity().not_before;
            let message = format!(
                "the certificate in `{}` is good from {begins} to {ends}, not now",
                shown_text(path)
            );
            self.warnings.push((message, None));
        }
        Ok(names_of(&certificate))
    }

    fn key_in(&mut self, path: &str) -> Result<PrivateKeyDer<'static>, Problem> {
        let content = self.read(path)?;
        let key = blocks(&content, path)?.key.ok_or_else(|| no_key(&[path]))?;
        self.warn_if_open(path);
        Ok(key)
    }

    /// The key in a file beside the certificate.
    fn key_near(&mut self, path: &str) -> Result<(PrivateKeyDer<'static>, String), Problem> {
        if !self.key_beside {
            return Err(no_key(&[path]));
        }
        let near = match path.rsplit_once('.') {
            Some((stem, extension)) if self.replace_extension && !extension.contains('/') => {
                format!("{stem}.key")
            }
            _ => format!("{path}.key"),
        };
        match self.key_in(&near) {
            Ok(key) => Ok((key, near)),
            Err(problem) if problem.absent => Err(no_key(&[path, &near])),
            Err(problem) => Err(problem),
        }
    }

    fn warn_if_open(&mut self, path: &str) {
        let open = std::fs::metadata(path).is_ok_and(|about| about.mode() & 0o004 != 0);
        let message = format!("every user can read the private key in `{}`", shown_text(path));
        if open && !self.warnings.iter().any(|(other, _)| *other == message) {
            self.warnings.push((message, Some("take that away: chmod o-r <file>".to_owned())));
        }
    }

    /// The certificates in a file, in the files of a folder, or those that the system trusts.
    pub fn authorities(&mut self, path: &str) -> Result<Vec<CertificateDer<'static>>, Problem> {
        let found = match path {
            "@system-ca" => self.system()?,
            _ => self.bundle(path)?.certificates,
        };
        match found.is_empty() {
            true => Err(Problem::new(format!("`{}` holds no certificate", shown_text(path)))
                .helped("such a file has lines like -----BEGIN CERTIFICATE-----")),
            false => Ok(found),
        }
    }

    fn system(&mut self) -> Result<Vec<CertificateDer<'static>>, Problem> {
        for path in SYSTEM {
            if let Ok(blocks) = self.bundle(path)
                && !blocks.certificates.is_empty()
            {
                return Ok(blocks.certificates);
            }
        }
        let message = format!("the system has no authorities in {}", SYSTEM.join(", "));
        Err(Problem::new(message).helped("install the package ca-certificates or ca_root_nss"))
    }

    /// The lists of revoked certificates in a file or folder.
    pub fn revocations(
        &mut self,
        path: &str,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, Problem> {
        let lists = self.bundle(path)?.revocations;
        for list in &lists {
            let (_, list) = CertificateRevocationList::from_der(list).map_err(|_| {
                let what = "holds a list of revoked certificates that cannot be read";
                Problem::new(format!("`{}` {what}", shown_text(path)))
                    .helped("look at it: openssl crl -in <file> -text")
            })?;
            if list.version().is_none() {
                let what = "holds a list of revoked certificates of version 1";
                return Err(Problem::new(format!("`{}` {what}", shown_text(path))).helped(
                    "lists have to be of version 2: openssl ca -gencrl -crlexts <section>, \
                     with `authorityKeyIdentifier = keyid` in the section",
                ));
            }
        }
        match lists.is_empty() {
            true => Err(Problem::new(format!(
                "`{}` holds no list of revoked certificates",
                shown_text(path)
            ))
            .helped("such a file has lines like -----BEGIN X509 CRL-----")),
            false => Ok(lists),
        }
    }

    fn bundle(&mut self, path: &str) -> Result<Blocks, Problem> {
        let Some(names) = self.list(path) else {
            let content = self.read(path)?;
            return blocks(&content, path);
        };
        let mut all = Blocks::default();
        let fits = |name: &&String| {
            !name.starts_with('.') && AUTHORITIES.iter().any(|end| name.ends_with(end))
        };
        for name in names.iter().filter(fits) {
            let full = format!("{}/{name}", path.trim_end_matches('/'));
            let content = self.read(&full)?;
            let more = blocks(&content, &full)?;
            all.certificates.extend(more.certificates);
            all.revocations.extend(more.revocations);
        }
        Ok(all)
    }
}

fn unreadable(path: &str, error: &io::Error) -> Problem {
    let message = format!("cannot read `{}`: {}", shown_text(path), why(error));
    let help = (error.kind() == io::ErrorKind::PermissionDenied)
        .then(|| "it is read as the user that starts Koi".to_owned());
    Problem { message, help, absent: error.kind() == io::ErrorKind::NotFound }
}

fn no_key(paths: &[&str]) -> Problem {
    let paths: Vec<String> = paths.iter().map(|path| format!("`{}`", shown_text(path))).collect();
    Problem::new(format!("there is no private key in {}", paths.join(" or ")))
        .helped("put the key behind the certificate, or into <file>.key")
}

fn not_a_certificate(path: &str) -> Problem {
    Problem::new(format!("`{}` holds a certificate that cannot be read", shown_text(path)))
        .helped("look at it: openssl x509 -in <file> -text")
}

fn signing_key(
    key: PrivateKeyDer<'static>,
    holder: &str,
) -> Result<Arc<dyn rustls::sign::SigningKey>, Problem> {
    aws_lc_rs::sign::any_supported_type(&key).map_err(|_| {
        Problem::new(format!("the private key in `{}` cannot be used", shown_text(holder)))
            .helped("keys are RSA of 2048 to 8192 bits, ECDSA of P-256, P-384 or P-521, or Ed25519")
    })
}

/// Whether a key is a certificate's; `None` if that cannot be read. (rustls's own comparison takes no
/// certificates of version 1, which `openssl x509 -req` makes where nobody asks for extensions.)
fn belongs(key: &dyn rustls::sign::SigningKey, der: &[u8]) -> Option<bool> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let of_certificate = certificate.public_key().raw;
    Some(key.public_key().is_none_or(|of_key| &*of_key == of_certificate))
}

/// Whether a certificate was issued to its own issuer.
fn is_root(der: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, it)| it.subject() == it.issuer())
}

/// Whether `issuer` has the name that `der` says it was signed by.
fn signs(issuer: &CertificateDer<'_>, der: &CertificateDer<'_>) -> bool {
    let (Ok((_, issuer)), Ok((_, it))) =
        (X509Certificate::from_der(issuer), X509Certificate::from_der(der))
    else {
        return false;
    };
    issuer.subject() == it.issuer()
}

/// The names in a certificate, in lower case.
fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let alternative = alternative.iter().flat_map(|names| &names.value.general_names);
    let mut names: Vec<String> = alternative
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    for name in common.map(str::to_ascii_lowercase) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What a PEM file holds.
#[derive(Default)]
struct Blocks {
    certificates: Vec<CertificateDer<'static>>,
    revocations: Vec<CertificateRevocationListDer<'static>>,
    /// The first of its keys.
    key: Option<PrivateKeyDer<'static>>,
}

impl Blocks {
    fn is_empty(&self) -> bool {
        self.certificates.is_empty() && self.revocations.is_empty() && self.key.is_none()
    }
}

fn blocks(content: &[u8], path: &str) -> Result<Blocks, Problem> {
    let text = String::from_utf8_lossy(content);
    if text.contains("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        let message = format!("the private key of `{}` needs a pass phrase", shown_text(path));
        return Err(Problem::new(message)
            .helped("take the pass phrase away: openssl pkey -in <file> -out <file>"));
    }
    let text = OTHER_MARKS.iter().fold(text.into_owned(), |text, mark| {
        text.replace(&format!("BEGIN {mark}-"), "BEGIN CERTIFICATE-")
            .replace(&format!("END {mark}-"), "END CERTIFICATE-")
    });
    let mut rest = text.as_bytes();
    let mut found = Blocks::default();
    loop {
        match from_buf(&mut rest) {
            Ok(Some((kind, der))) => found.add(kind, der),
            Ok(None) => return Ok(found),
            Err(_) => {
                let message = format!("`{}` has a PEM block that is broken", shown_text(path));
                return Err(Problem::new(message)
                    .helped("each block has a line -----BEGIN, base64 text and a line -----END"));
            }
        }
    }
}

impl Blocks {
    fn add(&mut self, kind: SectionKind, der: Vec<u8>) {
        let key: PrivateKeyDer<'static> = match kind {
            SectionKind::Certificate => {
                self.certificates.push(outermost(der).into());
                return;
            }
            SectionKind::Crl => {
                self.revocations.push(der.into());
                return;
            }
            SectionKind::PrivateKey => PrivatePkcs8KeyDer::from(der).into(),
            SectionKind::RsaPrivateKey => PrivatePkcs1KeyDer::from(der).into(),
            SectionKind::EcPrivateKey => PrivateSec1KeyDer::from(der).into(),
            _ => return,
        };
        self.key.get_or_insert(key);
    }
}

/// The first DER element: what OpenSSL puts behind a trusted certificate is none of it.
fn outermost(mut der: Vec<u8>) -> Vec<u8> {
    let len = match X509Certificate::from_der(&der) {
        Ok((rest, _)) => der.len() - rest.len(),
        Err(_) => der.len(),
    };
    der.truncate(len);
    der
}
