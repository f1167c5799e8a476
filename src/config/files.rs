//! The files that binds and servers name: whether they are there, and whether they hold what they
//! should.
//!
//! In: a plan, the folders of `crt-base` and `ca-base`, and where files are read from. Out: faults at
//! the words that name the files. Certificates are not decoded: only the marks of PEM blocks are
//! looked for.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::advice;
use super::args::shown_text;
use super::crt_list;
use super::nearest::{did_you_mean, nearest};
use super::plan::{BindTls, CertificateKind, CrtStore, Given, Plan, ServerTls};
use super::report::Report;
use super::source::{Files, Span, why};
use super::tls_names::{self, Dropped, Reading};

mod pem;

use pem::{Problem, certificate_and_key};

/// Where relative paths begin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bases<'a> {
    /// `crt-base`, for certificates with keys.
    pub certificates: Option<&'a str>,
    /// `key-base`, for keys of `crt-store` sections.
    pub keys: Option<&'a str>,
    /// `ca-base`, for authorities and lists of revoked certificates.
    pub authorities: Option<&'a str>,
}

/// Names in a folder that belong to a certificate beside them.
const COMPANIONS: &[&str] = &[".key", ".issuer", ".ocsp", ".sctl"];
/// What the files of a bundle end in, one for each kind of key.
const BUNDLE: &[&str] = &[".ecdsa", ".rsa", ".dsa"];
/// The files of a folder of authorities.
const AUTHORITIES: &[&str] = &[".pem", ".crt", ".cer", ".crl"];
/// How many keys a file of ticket keys has at least.
const TICKET_KEYS_MIN: usize = 3;

/// Checks every file that the plan's binds and servers name.
pub fn check_files(plan: &Plan, bases: &Bases<'_>, files: &dyn Files, report: &mut Report) {
    let stored = stored(plan);
    let mut check = Check { bases: *bases, files, report, stored, known: BTreeMap::new() };
    for store in &plan.crt_stores {
        check.store(store, bases.keys);
    }
    for proxy in &plan.proxies {
        for bind in &proxy.binds {
            check.bind(&bind.tls);
        }
        for server in &proxy.servers {
            // The servers of a template name the same files.
            if server.template.is_none_or(|number| number == 0) {
                check.server(&server.settings.tls, server.settings.uses_tls());
            }
        }
    }
}

impl Check<'_> {
    /// The files of a `crt-store`. Its own bases are part of the names already; those of `global` hold
    /// for the lines before them.
    fn store(&mut self, store: &CrtStore, keys: Option<&str>) {
        let base = |own: &Option<Given<Box<str>>>, line: Span| {
            own.as_ref().is_some_and(|own| own.span < line)
        };
        for loaded in &store.certificates {
            let others = [&loaded.ocsp, &loaded.issuer, &loaded.sctl];
            let global = self.bases.certificates.filter(|_| !base(&store.crt_base, loaded.span));
            for file in [Some(&loaded.certificate)].into_iter().chain(others.map(Option::as_ref)) {
                self.exists(file, global);
            }
            self.exists(loaded.key.as_ref(), keys.filter(|_| !base(&store.key_base, loaded.span)));
        }
    }

    /// What is in the file is looked at when it is used.
    fn exists(&mut self, file: Option<&Given<Box<str>>>, base: Option<&str>) {
        if let Some(file) = file {
            self.text(file.span, &below(base, &file.value));
        }
    }
}

struct Check<'a> {
    bases: Bases<'a>,
    files: &'a dyn Files,
    report: &'a mut Report,
    /// The certificates of `crt-store` sections, as references name them.
    stored: BTreeSet<String>,
    /// What is known of certificates, by path: many lines name the same one.
    known: BTreeMap<String, Result<(), Problem>>,
}

/// A path, relative ones below `base`.
fn below(base: Option<&str>, path: &str) -> String {
    match base {
        Some(base) if !path.starts_with('/') => {
            format!("{}/{path}", base.trim_end_matches('/'))
        }
        _ => path.to_owned(),
    }
}

/// `@store/alias` and `@store/file` of every `load` line.
fn stored(plan: &Plan) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for store in &plan.crt_stores {
        for loaded in &store.certificates {
            let file = plan.sources.slice(loaded.certificate.span).trim_matches(['"', '\'']);
            let alias = loaded.alias.as_ref().map(|alias| &*alias.value);
            for name in alias.into_iter().chain([file, &*loaded.certificate.value]) {
                all.insert(format!("@{}/{name}", store.name));
            }
        }
    }
    all
}

/// Whether a word names something else than a file: `@store/name`, `@system-ca`.
fn is_reference(path: &str) -> bool {
    path.starts_with('@')
}

impl Check<'_> {
    fn bind(&mut self, tls: &BindTls) {
        for certificates in &tls.certificates {
            let path = &certificates.path;
            match certificates.kind {
                CertificateKind::List => self.list(path),
                _ if is_reference(&path.value) => self.reference(path.span, &path.value, None),
                CertificateKind::Crt | CertificateKind::DefaultCrt => {
                    self.certificates(path, tls);
                }
            }
        }
        let lists = [&tls.ca_file, &tls.ca_verify_file, &tls.crl_file];
        for path in lists.into_iter().flatten() {
            self.authorities(path);
        }
        if let Some(path) = &tls.ticket_keys {
            self.ticket_keys(path);
        }
    }

    fn server(&mut self, tls: &ServerTls, used: bool) {
        for path in [&tls.ca_file, &tls.crl_file].into_iter().flatten() {
            self.authorities(path);
        }
        let Some(path) = tls.certificate.as_ref().filter(|_| used) else { return };
        if is_reference(&path.value) {
            self.reference(path.span, &path.value, None);
        } else {
            let full = below(self.bases.certificates, &path.value);
            if let Err(problem) = self.certificate(&full) {
                self.tell(path.span, &full, &problem);
            }
        }
    }

    /// `@store/name`, perhaps in a line of a list.
    fn reference(&mut self, span: Span, name: &str, list: Option<(&str, usize)>) {
        if self.stored.contains(name) {
            return;
        }
        let place = list.map_or(String::new(), |(list, line)| format!("line {line} of `{list}`: "));
        let near = did_you_mean(&nearest(name, self.stored.iter().map(String::as_str)));
        let message = format!("{place}no `crt-store` has the certificate `{}`", shown_text(name));
        let fault = self.report.error(span, message);
        fault.label("expected the name of a section and of a certificate in it");
        fault.help(near.unwrap_or_else(|| {
            "write `crt-store <name>` and in it `load crt <file> alias <alias>`".to_owned()
        }));
    }

    /// `crt`: a file, a bundle of files, or a folder.
    fn certificates(&mut self, path: &Given<Box<str>>, tls: &BindTls) {
        let full = below(self.bases.certificates, &path.value);
        match self.files.list(&full) {
            Ok(names) => self.folder(path.span, &full, names, tls),
            Err(_) => {
                if let Err(problem) = self.bundle(&full) {
                    self.tell(path.span, &full, &problem);
                }
            }
        }
    }

    fn folder(&mut self, span: Span, folder: &str, mut names: Vec<String>, tls: &BindTls) {
        names.retain(|name| {
            !name.starts_with('.') && !COMPANIONS.iter().any(|end| name.ends_with(end))
        });
        names.sort();
        for name in &names {
            let full = below(Some(folder), name);
            if let Err(problem) = self.certificate(&full) {
                self.tell(span, &full, &problem);
            }
        }
        let alone = tls.certificates.len() == 1 && tls.enabled.is_some();
        if names.is_empty() && alone && tls.strict_sni.is_none() {
            self.report
                .error(span, format!("the folder `{}` has no certificates", shown_text(folder)))
                .label("expected certificates in here")
                .help("with `strict-sni` Koi starts without any");
        } else if names.is_empty() && alone {
            let message = "the folder has no certificates: every handshake will fail";
            self.report.advise(&advice::NO_CERTIFICATE, span, message);
        }
    }

    /// A file, or those of a bundle.
    fn bundle(&mut self, path: &str) -> Result<(), Problem> {
        let found = self.certificate(path);
        let Err(Problem::Unreadable(io::ErrorKind::NotFound, _)) = found else { return found };
        let mut any = None;
        for end in BUNDLE {
            match self.certificate(&format!("{path}{end}")) {
                Err(Problem::Unreadable(io::ErrorKind::NotFound, _)) => {}
                other => any = Some(any.unwrap_or(Ok(())).and(other)),
            }
        }
        any.unwrap_or(found)
    }

    fn certificate(&mut self, path: &str) -> Result<(), Problem> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let found = certificate_and_key(path, self.files);
        self.known.insert(path.to_owned(), found.clone());
        found
    }

    fn tell(&mut self, span: Span, path: &str, problem: &Problem) {
        let fault = self.report.error(span, problem.message(path));
        fault.label("this certificate");
        if let Some(help) = problem.help(path) {
            fault.help(help);
        }
    }

    /// `crt-list`: the list, and the certificates in it.
    fn list(&mut self, path: &Given<Box<str>>) {
        let Some(text) = self.text(path.span, &path.value) else { return };
        let name = shown_text(&path.value);
        let (entries, faults) = crt_list::read(&text);
        for fault in faults {
            let message = format!("line {} of `{name}`: {}", fault.line, fault.message);
            let error = self.report.error(path.span, message);
            error.label("in this list");
            if let Some(help) = fault.help {
                error.help(help);
            }
        }
        for entry in &entries {
            self.left_out(path.span, &format!("line {} of `{name}`", entry.line), entry);
            if is_reference(&entry.path) {
                self.reference(path.span, &entry.path, Some((&name, entry.line)));
                continue;
            }
            let full = below(self.bases.certificates, &entry.path);
            match self.bundle(&full) {
                Err(Problem::NoKey) if entry.has("key") => {}
                Err(problem) => {
                    let message =
                        format!("line {} of `{name}`: {}", entry.line, problem.message(&full));
                    let error = self.report.error(path.span, message);
                    error.label("in this list");
                    if let Some(help) = problem.help(&full) {
                        error.help(help);
                    }
                }
                Ok(()) => {}
            }
        }
        if text.trim().is_empty() {
            self.report.advise(
                &advice::NO_CERTIFICATE,
                path.span,
                format!("the list `{name}` is empty"),
            );
        }
    }

    /// What a line of a list asks of TLS that Koi's does not have.
    fn left_out(&mut self, span: Span, place: &str, entry: &crt_list::Entry) {
        for (option, value) in entry.values() {
            let (nothing, dropped) = match option {
                "ciphers" => of(tls_names::ciphers(value)),
                "ciphersuites" => of(tls_names::ciphersuites(value)),
                "curves" | "ecdhe" => of(tls_names::curves(value)),
                _ => continue,
            };
            let names: Vec<_> = dropped.iter().map(|it| shown_text(&it.name)).collect();
            let reason = dropped.first().map_or("it names none", |it| it.reason.text());
            if nothing {
                let message = format!("{place}: of `{option}` nothing is left");
                self.report.error(span, message).label("in this list").help(reason);
            } else if !names.is_empty() {
                let message = format!(
                    "{place}: of `{option}` Koi's TLS does not have, and leaves out: {}",
                    names.join(", ")
                );
                self.report.advise(&advice::TLS_DROPPED, span, message).help(reason);
            }
        }
    }

    /// `ca-file` and the like: a file, or a folder of files.
    fn authorities(&mut self, path: &Given<Box<str>>) {
        if is_reference(&path.value) {
            return;
        }
        let full = below(self.bases.authorities, &path.value);
        let names = match self.files.list(&full) {
            Ok(names) => names,
            Err(_) => {
                self.authority(path.span, &full);
                return;
            }
        };
        let fits = |name: &&String| {
            !name.starts_with('.') && AUTHORITIES.iter().any(|end| name.ends_with(end))
        };
        let mut names: Vec<&String> = names.iter().filter(fits).collect();
        names.sort();
        for name in &names {
            self.authority(path.span, &below(Some(&full), name));
        }
        if names.is_empty() {
            let message = format!("the folder `{}` has no authorities", shown_text(&full));
            self.report.advise(&advice::NO_CERTIFICATE, path.span, message);
        }
    }

    fn authority(&mut self, span: Span, path: &str) {
        let Some(text) = self.text(span, path) else { return };
        if !pem::has_certificate(&text) && !pem::has_revocations(&text) {
            self.report
                .error(span, format!("`{}` holds no certificate", shown_text(path)))
                .label("expected certificates in PEM form")
                .help("such a file has lines like -----BEGIN CERTIFICATE-----");
        }
    }

    /// `tls-ticket-keys`: at least three lines, each a key of 48 or 80 bytes in base64.
    fn ticket_keys(&mut self, path: &Given<Box<str>>) {
        let Some(text) = self.text(path.span, &path.value) else { return };
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let base64 = |line: &str| {
            line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        };
        // 48 bytes are 64 characters, 80 bytes are 108.
        let lengths = [64, 108];
        let first = lines.first().map_or(0, |line| line.len());
        let bad = lines.iter().position(|line| {
            !base64(line) || line.len() != first || !lengths.contains(&line.len())
        });
        let message = match bad {
            Some(at) => format!("key {} of `{}` is no key", at + 1, shown_text(&path.value)),
            None if lines.len() < TICKET_KEYS_MIN => {
                format!("`{}` has {} keys", shown_text(&path.value), lines.len())
            }
            None => return,
        };
        self.report
            .error(path.span, message)
            .label("expected three keys or more, all of 48 or all of 80 bytes")
            .help("make one with: openssl rand 80 | openssl base64 -A");
    }

    /// A file as text; one that cannot be read is reported.
    fn text(&mut self, span: Span, path: &str) -> Option<String> {
        match self.files.read(path) {
            Ok(content) => Some(String::from_utf8_lossy(&content).into_owned()),
            Err(error) => {
                let message = format!("cannot read `{}`: {}", shown_text(path), why(&error));
                self.report.error(span, message).label("this file");
                None
            }
        }
    }
}

/// Whether a list leaves nothing, and what it loses.
fn of<T>(reading: Reading<T>) -> (bool, Vec<Dropped>) {
    (reading.kept.is_empty(), reading.dropped)
}

#[cfg(test)]
mod tests;
