//! A bind's certificates and settings, read from where its line says.
//!
//! In: the line and its files. Out: [`Loaded`]: the index of certificates, each with the configuration
//! that handshakes follow. Every fault of the line is reported, not only the first.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::server::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;

use super::LoadFault;
use super::files::{Pair, Pairs, Problem, Reader, Stamp, stamp};
use super::names::{Entry, Index, Names};
use super::resume::{self, Policy};
use super::settings::{Offer, spoken};
use super::store::{Place, Store};
use super::verify::ClientRules;
use crate::config::args::shown_text;
use crate::config::crt_list;
use crate::config::plan::{
    self, Bind, CertificateKind, ClientVerify, Given, Mode, Plan, TlsDefaults, TlsVersions,
};
use crate::config::source::{Files, Span};
use crate::config::tls_names::{Side, VERSIONS};

/// Names in a folder that belong to a certificate beside them.
const COMPANIONS: &[&str] = &[".key", ".issuer", ".ocsp", ".sctl"];

/// What the files of a bundle end in, one for each kind of key.
const BUNDLE: &[&str] = &[".ecdsa", ".rsa", ".dsa"];

/// What a bind's line says, kept so that its files can be loaded again.
#[derive(Debug)]
pub(super) struct Recipe {
    span: Span,
    pub tls: plan::BindTls,
    global: TlsDefaults,
    pub store: Store,
    /// HTTP is spoken on it.
    http: bool,
}

/// What a bind's files came to.
#[derive(Debug)]
pub(super) struct Loaded {
    pub index: Index,
    pub pairs: Pairs,
    pub seen: BTreeMap<String, Stamp>,
}

impl Loaded {
    /// Whether a file or folder is not what it was.
    pub fn has_changed(&self) -> bool {
        is_different(&self.seen)
    }

    /// What is different in `new`, for the log.
    pub fn changes(&self, new: &Loaded) -> Vec<String> {
        let mut changes = Vec::new();
        let fresh = new
            .pairs
            .iter()
            .filter(|(path, pair)| self.pairs.get(*path).is_none_or(|old| old.der != pair.der));
        let fresh = named(fresh.map(|((path, _), _)| path));
        if !fresh.is_empty() {
            changes.push(format!("new certificates are in use: {fresh}"));
        }
        let gone = self.pairs.keys().filter(|path| !new.pairs.contains_key(*path));
        let gone = named(gone.map(|(path, _)| path));
        if !gone.is_empty() {
            changes.push(format!("certificates are not in use any more: {gone}"));
        }
        changes
    }
}

/// Whether any of these is not what it was.
pub(super) fn is_different(seen: &BTreeMap<String, Stamp>) -> bool {
    seen.iter().any(|(path, seen)| stamp(path) != *seen)
}

fn named<'a>(paths: impl Iterator<Item = &'a String>) -> String {
    paths.map(|path| format!("`{}`", shown_text(path))).collect::<Vec<_>>().join(", ")
}

/// What could not be loaded, and what was looked at for it.
#[derive(Debug)]
pub(super) struct Unloaded {
    pub faults: Vec<LoadFault>,
    pub seen: BTreeMap<String, Stamp>,
}

/// What handshakes follow, certificates aside. It may differ by certificate (`crt-list`).
#[derive(Clone, Debug, PartialEq)]
struct Terms {
    offer: Offer,
    alpn: Vec<Vec<u8>>,
    verify: ClientVerify,
    ca_file: Option<Box<str>>,
    ca_verify_file: Option<Box<str>>,
    crl_file: Option<Box<str>>,
    no_ca_names: bool,
}

impl Recipe {
    pub fn new(plan: &Plan, bind: &Bind) -> Recipe {
        let owner = plan.proxies.iter().find(|it| it.binds.iter().any(|it| it.span == bind.span));
        let mode = owner.and_then(|proxy| proxy.mode).map(|mode| mode.value).unwrap_or_default();
        Recipe {
            span: bind.span,
            tls: bind.tls.clone(),
            global: plan.global.tls.clone(),
            store: Store::new(plan),
            http: mode == Mode::Http,
        }
    }

    /// Loads all of it. What was loaded the last time and cannot be read now stays as it was.
    ///
    /// # Errors
    /// What cannot be loaded, all of it.
    pub fn load(
        &self,
        files: &dyn Files,
        last: Option<&Loaded>,
        warn: &mut dyn FnMut(LoadFault),
    ) -> Result<Loaded, Unloaded> {
        let mut reader = Reader::new(files, last.map(|last| &last.pairs));
        reader.key_beside = self.global.extra_files.is_none_or(|files| files.key);
        reader.replace_extension = self.global.extra_replace_extension;
        reader.ocsp_beside = self.global.extra_files.is_none_or(|files| files.ocsp);
        reader.without_roots = self.global.skip_self_issued;
        reader.issuers = self.global.issuers.as_ref().map(|folder| folder.value.to_string());
        let mut loader = Loader {
            recipe: self,
            reader,
            index: Index::new(self.tls.strict_sni.is_some()),
            configs: Vec::new(),
            faults: Vec::new(),
            first: None,
        };
        loader.run();
        let Loader { reader, mut index, faults, first, .. } = loader;
        for (message, help) in reader.warnings {
            warn(LoadFault { span: self.span, message, help });
        }
        if !faults.is_empty() {
            return Err(Unloaded { faults, seen: reader.seen });
        }
        index.settle_defaults(first.unwrap_or(1));
        Ok(Loaded { index, pairs: reader.pairs, seen: reader.seen })
    }

    fn terms(&self) -> Terms {
        let tls = &self.tls;
        let path = |given: &Option<Given<Box<str>>>| given.as_ref().map(|it| it.value.clone());
        let alpn = match &tls.alpn {
            Some(names) => spoken(names.value.iter().map(|name| &**name)),
            None if self.http => spoken(["http/1.1"].into_iter()),
            None => Vec::new(),
        };
        Terms {
            offer: Offer::new(&tls.options, &self.global.bind, Side::Bind),
            alpn,
            verify: tls.verify.map_or(ClientVerify::None, |verify| verify.value),
            ca_file: path(&tls.ca_file),
            ca_verify_file: path(&tls.ca_verify_file),
            crl_file: path(&tls.crl_file),
            no_ca_names: tls.no_ca_names.is_some(),
        }
    }
}

struct Loader<'a> {
    recipe: &'a Recipe,
    reader: Reader<'a>,
    index: Index,
    /// A configuration for each kind of terms; its certificate is set for each.
    configs: Vec<(Terms, Option<ServerConfig>)>,
    faults: Vec<LoadFault>,
    /// How many certificates the first word brought: a bundle has several.
    first: Option<usize>,
}

impl Loader<'_> {
    fn run(&mut self) {
        let recipe = self.recipe;
        let terms = recipe.terms();
        for certificates in &recipe.tls.certificates {
            let path = &certificates.path;
            match certificates.kind {
                CertificateKind::List => self.list(path, &terms),
                CertificateKind::Crt => self.certificates(path, &terms, false),
                CertificateKind::DefaultCrt => self.certificates(path, &terms, true),
            }
        }
        if self.index.is_empty() && self.faults.is_empty() && recipe.tls.strict_sni.is_none() {
            let problem = Problem::new("the line has no certificate".to_owned());
            self.tell(recipe.span, problem.helped("write `crt <file>`"));
        }
    }

    /// `crt` and `default-crt`: a file, a bundle of files, a folder, or a name in a store.
    fn certificates(&mut self, path: &Given<Box<str>>, terms: &Terms, default: bool) {
        let place = match self.recipe.store.certificate(&path.value) {
            Ok(place) => place,
            Err(problem) => return self.tell(path.span, problem),
        };
        let folder = match place.key {
            None => self.reader.list(&place.path),
            Some(_) => None,
        };
        let Some(names) = folder else {
            match self.bundle(&place) {
                Ok(pairs) => self.add_all(pairs, terms, default, path.span),
                Err(problem) => self.tell_of_one(path.span, problem),
            }
            return;
        };
        let fits = |name: &&String| {
            !name.starts_with('.') && !COMPANIONS.iter().any(|end| name.ends_with(end))
        };
        for name in names.iter().filter(fits) {
            let full = format!("{}/{name}", place.path.trim_end_matches('/'));
            match self.reader.pair(&full, None) {
                Ok(pair) => self.add_all(vec![pair], terms, default, path.span),
                Err(problem) => self.tell_of_one(path.span, problem),
            }
        }
    }

    fn add_all(&mut self, pairs: Vec<Arc<Pair>>, terms: &Terms, default: bool, span: Span) {
        self.first.get_or_insert(pairs.len());
        for pair in pairs {
            let names = Names { wanted: pair.names.clone(), default, ..Names::default() };
            self.add(&pair, names, terms, span);
        }
    }

    /// A file, or those of a bundle.
    fn bundle(&mut self, place: &Place) -> Result<Vec<Arc<Pair>>, Problem> {
        let alone = self.reader.pair(&place.path, place.key.as_deref());
        let bundles = self.recipe.global.extra_files.is_none_or(|files| files.bundle);
        match alone {
            Ok(pair) => Ok(vec![pair]),
            Err(problem) if problem.absent && bundles && place.key.is_none() => {
                let mut pairs = Vec::new();
                for end in BUNDLE {
                    match self.reader.pair(&format!("{}{end}", place.path), None) {
                        Ok(pair) => pairs.push(pair),
                        Err(other) if other.absent => {}
                        Err(other) => return Err(other),
                    }
                }
                if pairs.is_empty() { Err(problem) } else { Ok(pairs) }
            }
            Err(problem) => Err(problem),
        }
    }

    /// `crt-list`.
    fn list(&mut self, path: &Given<Box<str>>, terms: &Terms) {
        let content = match self.reader.read(&path.value) {
            Ok(content) => content,
            Err(problem) => return self.tell(path.span, problem),
        };
        let (entries, faults) = crt_list::read(&String::from_utf8_lossy(&content));
        let place = |line: usize| format!("line {line} of `{}`", shown_text(&path.value));
        for fault in faults {
            let message = format!("{}: {}", place(fault.line), fault.message);
            self.faults.push(LoadFault { span: path.span, message, help: fault.help });
        }
        for entry in &entries {
            if let Err(problem) = self.entry(entry, terms, path.span) {
                let message = format!("{}: {}", place(entry.line), problem.message);
                self.tell_of_one(path.span, Problem { message, ..problem });
            }
        }
    }

    fn entry(&mut self, entry: &crt_list::Entry, terms: &Terms, span: Span) -> Result<(), Problem> {
        let mut place = self.recipe.store.certificate(&entry.path)?;
        let terms = of_line(terms, &entry.options, |key| {
            place.key = Some(self.recipe.store.beside_certificates(key));
        })?;
        let pairs = self.bundle(&place)?;
        self.first.get_or_insert(pairs.len());
        for pair in pairs {
            let names = names_of_line(&entry.names, &pair.names);
            self.add(&pair, names, &terms, span);
        }
        Ok(())
    }

    fn add(&mut self, pair: &Arc<Pair>, names: Names, terms: &Terms, span: Span) {
        let Some(config) = self.config(terms, span) else { return };
        let mut config = config.clone();
        config.cert_resolver = Arc::new(SingleCertAndKey::from(pair.key.clone()));
        let mut without_alpn = config.clone();
        without_alpn.alpn_protocols.clear();
        let config = Arc::new(config);
        let without_alpn = match config.alpn_protocols.is_empty() {
            true => config.clone(),
            false => Arc::new(without_alpn),
        };
        let (key, der) = (pair.key.clone(), pair.der.clone());
        self.index.add(Arc::new(Entry { key, der, config, without_alpn }), names);
    }

    /// The configuration for these terms; what is wrong with them is told once.
    fn config(&mut self, terms: &Terms, span: Span) -> Option<&ServerConfig> {
        let at = match self.configs.iter().position(|(known, _)| known == terms) {
            Some(at) => at,
            None => {
                let config = match self.build(terms) {
                    Ok(config) => Some(config),
                    Err(problem) => {
                        self.tell(span, problem);
                        None
                    }
                };
                self.configs.push((terms.clone(), config));
                self.configs.len() - 1
            }
        };
        self.configs.get(at)?.1.as_ref()
    }

    fn build(&mut self, terms: &Terms) -> Result<ServerConfig, Problem> {
        let provider = terms.offer.provider();
        let (verifier, policy) = self.clients(terms, &provider)?;
        let unfit =
            |error| Problem::new(format!("these settings of TLS do not fit together: {error}"));
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(&terms.offer.versions()).map_err(unfit)?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(Nobody));
        config.ignore_client_order = !terms.offer.client_order;
        config.alpn_protocols = terms.alpn.clone();
        let global = &self.recipe.global;
        let lifetime = global.session_lifetime.map_or(resume::LIFETIME, |it| it.value);
        let terms_kept = resume::Terms { policy, lifetime };
        let max = global
            .sessions
            .map_or(resume::SESSIONS, |it| usize::try_from(it.value).unwrap_or(usize::MAX));
        config.session_storage = resume::sessions(terms_kept, max);
        if terms.offer.tickets {
            config.ticketer = resume::tickets(terms_kept).map_err(unfit)?;
        }
        Ok(config)
    }

    /// Who checks clients, if anybody does, and what sessions are bound to.
    fn clients(
        &mut self,
        terms: &Terms,
        provider: &Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<(Option<Arc<dyn ClientCertVerifier>>, Policy), Problem> {
        if terms.verify == ClientVerify::None {
            return Ok((None, resume::policy(std::iter::empty())));
        }
        let (store, reader) = (&self.recipe.store, &mut self.reader);
        let Some(file) = &terms.ca_file else {
            let problem = Problem::new("nothing says who signs clients' certificates".to_owned());
            return Err(problem.helped("write `ca-file <file>` with those who do"));
        };
        let authorities = reader.authorities(&store.authorities(file))?;
        let silent = match &terms.ca_verify_file {
            Some(file) => reader.authorities(&store.authorities(file))?,
            None => Vec::new(),
        };
        let revoked = match &terms.crl_file {
            Some(file) => reader.revocations(&store.authorities(file))?,
            None => Vec::new(),
        };
        let optional = terms.verify == ClientVerify::Optional;
        let mode: &[u8] = if optional { b"optional" } else { b"required" };
        let known = authorities.iter().chain(&silent).map(|der| &**der);
        let policy =
            resume::policy([mode].into_iter().chain(known).chain(revoked.iter().map(|it| &**it)));
        let no_names = terms.no_ca_names;
        let rules = ClientRules { optional, authorities, silent, no_names, revoked };
        Ok((Some(rules.verifier(provider.clone())?), policy))
    }

    /// A certificate that was not there the last time holds nothing up.
    fn tell_of_one(&mut self, span: Span, problem: Problem) {
        match self.reader.last {
            Some(_) => self.reader.warnings.push((problem.message, problem.help)),
            None => self.tell(span, problem),
        }
    }

    fn tell(&mut self, span: Span, problem: Problem) {
        let Problem { message, help, .. } = problem;
        self.faults.push(LoadFault { span, message, help });
    }
}

/// Stands where a certificate is set later.
#[derive(Debug)]
struct Nobody;

impl rustls::server::ResolvesServerCert for Nobody {
    fn resolve(
        &self,
        _: rustls::server::ClientHello<'_>,
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }
}

/// The names of a list's line: its filters, or where it has none those of the certificate.
fn names_of_line(filters: &[Box<str>], own: &[String]) -> Names {
    let mut names = Names::default();
    let mut instead = false;
    let mut nothing = false;
    for filter in filters.iter().map(|filter| filter.to_ascii_lowercase()) {
        match (filter.strip_prefix('!'), filter.as_str()) {
            (Some("*"), _) => nothing = true,
            (Some(name), _) => names.unwanted.push(name.to_owned()),
            (None, "*") => (names.default, instead) = (true, true),
            (None, _) => {
                names.wanted.push(filter);
                instead = true;
            }
        }
    }
    if !instead && !nothing {
        names.wanted = own.to_vec();
    }
    names
}

/// The terms of a list's line: those of the bind, with its options. `key` takes the key's path.
fn of_line(
    terms: &Terms,
    options: &[Box<str>],
    mut key: impl FnMut(&str),
) -> Result<Terms, Problem> {
    let mut terms = terms.clone();
    let mut versions = TlsVersions::default();
    let mut words = options.iter().map(|word| &**word);
    while let Some(option) = words.next() {
        match option {
            "no-alpn" => terms.alpn.clear(),
            "no-ca-names" => terms.no_ca_names = true,
            "allow-0rtt" => {}
            _ => {
                let value = words.next().unwrap_or_default();
                set(&mut terms, &mut versions, option, value, &mut key)?;
            }
        }
    }
    if versions != TlsVersions::default() {
        terms.offer.narrow(&versions);
    }
    Ok(terms)
}

fn set(
    terms: &mut Terms,
    versions: &mut TlsVersions,
    option: &str,
    value: &str,
    key: &mut impl FnMut(&str),
) -> Result<(), Problem> {
    let wrong = || Problem::new(format!("`{option}` cannot be `{}`", shown_text(value)));
    let version = || {
        let found = VERSIONS.iter().find(|(name, _)| *name == value);
        let (_, value) = *found.ok_or_else(wrong)?;
        Ok(Some(Given { value, span: Span::default() }))
    };
    match option {
        "alpn" => terms.alpn = spoken(value.split(',')),
        "ca-file" => terms.ca_file = Some(value.into()),
        "ca-verify-file" => terms.ca_verify_file = Some(value.into()),
        "crl-file" => terms.crl_file = Some(value.into()),
        "ciphers" => terms.offer.set_ciphers(value),
        "ciphersuites" => terms.offer.set_ciphersuites(value),
        "curves" | "ecdhe" => terms.offer.set_curves(value),
        "ssl-min-ver" => versions.min = version()?,
        "ssl-max-ver" => versions.max = version()?,
        "verify" => {
            terms.verify = match value {
                "none" => ClientVerify::None,
                "optional" => ClientVerify::Optional,
                "required" => ClientVerify::Required,
                _ => return Err(wrong()),
            }
        }
        "key" => key(value),
        // The rest has no meaning here, and the check says so.
        _ => {}
    }
    Ok(())
}
