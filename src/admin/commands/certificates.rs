//! Certificates: `show ssl cert`, and `set`, `commit`, `abort ssl cert`.
//!
//! A certificate that is set waits in a transaction until it is committed; then every bind that uses the
//! file takes it, for new handshakes. It counts until the file on the disk changes, and is not written there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::Offset;
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::certificate_store::Stored;
use super::{Answer, Call, Command};
use crate::admin::socket::Session;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::CommandLevel;
use crate::rules::fetch::certificate;
use crate::tls::{BindTls, replace};

/// Transactions at a time.
const TRANSACTIONS_MAX: usize = 64;

/// Certificates that were set and not committed yet, by file; and those that were made at run time.
#[derive(Debug, Default)]
pub(in crate::admin) struct Transactions {
    open: Mutex<BTreeMap<String, Arc<[u8]>>>,
    pub(super) stored: Stored,
}

impl Transactions {
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<String, Arc<[u8]>>) -> T) -> T {
        look(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "show ssl cert",
        usage: "[<certfile>]",
        about: "display the SSL certificates used in memory, or the details of a file",
        level: CommandLevel::Operator,
        run: show,
    },
    Command {
        name: "set ssl cert",
        usage: "<certfile> <payload>",
        about: "replace a certificate file",
        level: CommandLevel::Admin,
        run: |call, _| said(set(call)),
    },
    Command {
        name: "commit ssl cert",
        usage: "<certfile>",
        about: "commit a certificate file",
        level: CommandLevel::Admin,
        run: |call, _| said(commit(call)),
    },
    Command {
        name: "abort ssl cert",
        usage: "<certfile>",
        about: "abort a transaction for a certificate file",
        level: CommandLevel::Admin,
        run: |call, _| said(abort(call)),
    },
];

pub(super) fn said(outcome: Result<String, String>) -> Answer {
    match outcome {
        Ok(text) => Answer::info(text),
        Err(text) => Answer::error(text),
    }
}

/// Every bind with TLS.
pub(super) fn binds(call: &Call) -> impl Iterator<Item = &Arc<BindTls>> {
    call.running.tls.iter().flatten().flatten()
}

/// The files of all certificates, and those that were made at run time, each once.
pub(super) fn files(call: &Call) -> Vec<String> {
    let mut files: Vec<String> = binds(call).flat_map(|bind| bind.certificates()).collect();
    files.extend(call.office.transactions.stored.names());
    files.sort();
    files.dedup();
    files
}

fn show(call: &mut Call, _: &mut Session) -> Answer {
    let waiting = &call.office.transactions;
    let Some(name) = call.word(0) else {
        let open: Vec<String> = waiting.with(|all| all.keys().cloned().collect());
        let mut text = String::new();
        if !open.is_empty() {
            text.push_str("# transaction\n");
            open.iter().for_each(|file| text.push_str(&format!("*{file}\n")));
        }
        let known = files(call);
        if !known.is_empty() {
            text.push_str("# filename\n");
        }
        known.iter().for_each(|file| text.push_str(&format!("{file}\n")));
        return Answer::Text(text);
    };
    let chain = match name.strip_prefix('*') {
        Some(file) => {
            let pem = waiting.with(|all| all.get(file).cloned());
            pem.and_then(|pem| replace::look(file, &pem).ok())
        }
        None => binds(call).find_map(|bind| bind.chain_of(name)),
    };
    let stored = waiting.stored.get(name);
    if chain.is_none() && stored == Some(None) {
        return Answer::Text(format!("Filename: {name}\nStatus: Empty\nOCSP Response Key: \n"));
    }
    let used = chain.is_some() && !name.starts_with('*');
    let unused = stored.flatten().and_then(|pem| replace::look(name, &pem).ok());
    let chain = chain.or(unused);
    let status = if used { "Used" } else { "Unused" };
    match chain.and_then(|chain| details(name, status, &chain)) {
        Some(text) => Answer::Text(text),
        None => {
            let known = files(call);
            let near = did_you_mean(&nearest(name, known.iter().map(|file| &**file)));
            let near = near.map(|near| format!(" ({near})")).unwrap_or_default();
            Answer::error(format!(
                "Can't display the certificate: Not found or the certificate is a bundle!{near}"
            ))
        }
    }
}

/// What there is to know of a chain, as HAProxy writes it.
fn details(name: &str, status: &str, chain: &[Vec<u8>]) -> Option<String> {
    let (own, others) = chain.split_first()?;
    let (_, certificate) = X509Certificate::from_der(own).ok()?;
    let mut text = format!("Filename: {name}\nStatus: {status}\n");
    let hex = |bytes: &[u8]| data_encoding::HEXUPPER.encode(bytes);
    let der = own;
    let _ = writeln!(text, "Serial: {}", hex(&asked(der, certificate::serial)));
    let _ = writeln!(text, "notBefore: {}", moment(certificate.validity().not_before));
    let _ = writeln!(text, "notAfter: {}", moment(certificate.validity().not_after));
    let _ = writeln!(text, "Subject Alternative Name: {}", names(&certificate));
    let _ = writeln!(text, "Algorithm: {}", algorithm(der, &certificate));
    let _ = writeln!(text, "SHA1 FingerPrint: {}", hex(&asked(own, certificate::sha1)));
    let _ = writeln!(text, "Subject: {}", shown(der, certificate::subject));
    let _ = writeln!(text, "Issuer: {}", shown(der, certificate::issuer));
    for der in others {
        let subject = shown(der, certificate::subject);
        let issuer = shown(der, certificate::issuer);
        let _ = write!(text, "Chain Subject: {subject}\nChain Issuer: {issuer}\n");
    }
    text.push_str("OCSP Response Key: \n");
    Some(text)
}

fn asked(der: &[u8], what: certificate::Ask) -> Vec<u8> {
    certificate::ask(der, &[], what).map(|value| value.into_text().into_owned()).unwrap_or_default()
}

fn shown(der: &[u8], what: certificate::Ask) -> String {
    String::from_utf8_lossy(&asked(der, what)).into_owned()
}

/// `Dec 31 12:14:43 2026 GMT`.
fn moment(time: ASN1Time) -> String {
    match Timestamp::from_second(time.timestamp()) {
        Ok(at) => Offset::UTC.to_datetime(at).strftime("%b %e %H:%M:%S %Y GMT").to_string(),
        Err(_) => time.to_string(),
    }
}

fn names(certificate: &X509Certificate<'_>) -> String {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let names = alternative.iter().flat_map(|names| &names.value.general_names);
    // What is no host name stays empty, as in HAProxy.
    let shown = names.map(|name| match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        _ => String::new(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn algorithm(der: &[u8], certificate: &X509Certificate<'_>) -> String {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA{}", key.key_size()),
        Ok(PublicKey::EC(point)) => format!("EC{}", point.key_size()),
        _ => shown(der, certificate::key_alg),
    }
}

fn set(call: &Call) -> Result<String, String> {
    let expected = "'set ssl cert' expects a filename and a certificate as a payload";
    let (Some(file), Some(payload)) = (call.word(0), &call.payload) else {
        return Err(expected.to_owned());
    };
    let fail = |why: &str| format!("{why}\nCan't update {file}!");
    let known = files(call);
    if !known.iter().any(|known| known == file) {
        let near = did_you_mean(&nearest(file, known.iter().map(|it| &**it)));
        let near = near.map(|near| format!(" ({near})")).unwrap_or_default();
        let why = "Can't replace a certificate which is not referenced by the configuration!";
        return Err(fail(&format!("{why}{near}")));
    }
    replace::look(file, payload.as_bytes()).map_err(|why| fail(&why))?;
    call.office.transactions.with(|all| {
        if all.len() >= TRANSACTIONS_MAX && !all.contains_key(file) {
            return Err(fail(&format!("{TRANSACTIONS_MAX} transactions are open already!")));
        }
        let updated = all.insert(file.to_owned(), payload.as_bytes().into()).is_some();
        let what = if updated { "updated" } else { "created" };
        Ok(format!("Transaction {what} for certificate {file}!"))
    })
}

fn commit(call: &Call) -> Result<String, String> {
    let file = call.word(0).ok_or_else(|| "'commit ssl cert' expects a filename".to_owned())?;
    let fail = |why: &str| format!("{why}\nCan't commit {file}!");
    let pem = call.office.transactions.with(|all| all.get(file).cloned());
    let pem = pem.ok_or_else(|| fail("No ongoing transaction! !"))?;
    if !call.office.transactions.stored.has_room(file, pem.len()) {
        return Err(fail("The certificates that were made at run time have too many bytes!"));
    }
    let mut ready = Vec::new();
    for bind in binds(call).filter(|bind| bind.certificates().iter().any(|it| it == file)) {
        ready.push(bind.replace(file, &pem).map_err(|why| fail(&why))?);
    }
    let stored = call.office.transactions.stored.fill(file, &pem);
    if ready.is_empty() && !stored {
        return Err(fail("No bind uses it any more!"));
    }
    ready.into_iter().for_each(replace::Replacement::publish);
    call.office.transactions.with(|all| all.remove(file));
    Ok(format!("Committing {file}.\nSuccess!"))
}

fn abort(call: &Call) -> Result<String, String> {
    let file = call.word(0).ok_or_else(|| "'abort ssl cert' expects a filename".to_owned())?;
    let was = call.office.transactions.with(|all| all.remove(file));
    was.map(|_| format!("Transaction aborted for certificate '{file}'!"))
        .ok_or_else(|| "No ongoing transaction!".to_owned())
}
