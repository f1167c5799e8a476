//! What a `server ... ssl` line needs, loaded.
//!
//! In: the line, files. Out: connections to the server, verified as the line says. Sessions are
//! resumed (`SESSIONS` are kept for each server), unless the line says no. Files that change on disk are
//! loaded again.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{
    ClientConfig, ClientSessionMemoryCache, Resumption, Tls12Resumption, UnbufferedClientConnection,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;

use super::facts::facts;
use super::files::{Pair, Problem, Reader, Stamp};
use super::load::is_different;
use super::machine::Machine;
use super::settings::{Offer, record_max, spoken};
use super::store::Store;
use super::verify::{Anybody, Verified};
use super::{HandshakeFault, LoadFault, Reload, TlsStream};
use crate::config::args::shown_text;
use crate::config::plan::{Given, Plan, Server, ServerVerify};
use crate::config::source::Disk;
use crate::config::source::Span;
use crate::config::tls_names::Side;
use crate::rules::context::TlsFacts;
use crate::worker::Stream;

/// How many sessions are kept for a server.
const SESSIONS: usize = 32;

/// Stands for the server where no name is asked for; it is never sent, and never compared with.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Authorities, our certificate, settings. Shared by the workers; what is on disk may be loaded again
/// behind it.
#[derive(Debug)]
pub struct ServerTls {
    /// Read once a handshake.
    loaded: RwLock<Arc<Loaded>>,
    /// What was looked at the last time, whether or not it could be loaded.
    seen: Mutex<BTreeMap<String, Stamp>>,
    /// Bytes of plaintext in a record at most.
    record_max: usize,
}

#[derive(Debug)]
struct Loaded {
    /// Asks for a name.
    named: Arc<ClientConfig>,
    /// Asks for none.
    nameless: Arc<ClientConfig>,
    /// Our certificate, if there is one to show.
    own: Option<Arc<[u8]>>,
}

impl ServerTls {
    /// Loads what a server of the plan names.
    ///
    /// # Errors
    /// What cannot be loaded, all of it.
    pub fn load(
        plan: &Plan,
        server: &Server,
        warn: &mut dyn FnMut(LoadFault),
    ) -> Result<Arc<ServerTls>, Vec<LoadFault>> {
        let (loaded, seen) = load(plan, server, warn);
        Ok(Arc::new(ServerTls {
            loaded: RwLock::new(Arc::new(loaded?)),
            seen: Mutex::new(seen),
            record_max: record_max(&plan.global.tls),
        }))
    }

    /// Looks whether files have changed since they were loaded, and loads them if all of them parse.
    /// Plan and server are those that this was loaded for.
    pub fn reload(&self, plan: &Plan, server: &Server) -> Reload {
        let mut told = Reload::default();
        let mut known = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_different(&known) {
            return told;
        }
        let (loaded, seen) = load(plan, server, &mut |warning| told.fault(&warning));
        *known = seen;
        match loaded {
            Ok(new) => {
                *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                told.changes.push("its files of certificates were loaded again".to_owned());
            }
            Err(faults) => {
                faults.iter().for_each(|fault| told.fault(fault));
                told.faults.push("its certificates stay as they were".to_owned());
            }
        }
        told
    }

    /// Shakes hands with a server. `name` is what `sni` gives: it is asked for, and the certificate is
    /// compared with it (or with `verifyhost`) if the server is verified.
    ///
    /// # Errors
    /// See [`HandshakeFault`].
    pub async fn connect(
        self: &Arc<Self>,
        stream: Stream,
        name: Option<&str>,
    ) -> Result<(TlsStream, TlsFacts), HandshakeFault> {
        self.connect_offering(stream, name, None).await
    }

    /// The same; these protocols are offered in place of the line's `alpn`, if they are given.
    ///
    /// # Errors
    /// See [`HandshakeFault`].
    pub async fn connect_offering(
        self: &Arc<Self>,
        stream: Stream,
        name: Option<&str>,
        protocols: Option<&[Box<str>]>,
    ) -> Result<(TlsStream, TlsFacts), HandshakeFault> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (config, name) = match name {
            Some(name) => (&loaded.named, server_name(name)?),
            None => (&loaded.nameless, ServerName::from(NOBODY)),
        };
        let config = match protocols {
            None => config.clone(),
            Some(names) => {
                let mut config = ClientConfig::clone(config);
                config.alpn_protocols = spoken(names.iter().map(|name| &**name));
                Arc::new(config)
            }
        };
        let connection = UnbufferedClientConnection::new(config, name);
        let machine = Machine::client(connection.map_err(HandshakeFault::Tls)?);
        let shaken = TlsStream::shake(stream, machine, None, self.record_max).await;
        let tls = shaken.map_err(|(fault, _)| fault)?;
        let facts = facts(tls.machine().borrow().common(), None, loaded.own.clone());
        Ok((tls, facts))
    }
}

/// What the line names, or what is wrong with it; and what was looked at.
fn load(
    plan: &Plan,
    server: &Server,
    warn: &mut dyn FnMut(LoadFault),
) -> (Result<Loaded, Vec<LoadFault>>, BTreeMap<String, Stamp>) {
    let (store, reader) = (Store::new(plan), Reader::new(&Disk, None));
    let mut loader = Loader { plan, server, store, reader, faults: Vec::new() };
    let built = loader.build();
    let Loader { reader, faults, .. } = loader;
    for (message, help) in reader.warnings {
        warn(LoadFault { span: server.span, message, help });
    }
    let loaded = built.filter(|_| faults.is_empty()).ok_or(faults);
    (loaded, reader.seen)
}

fn server_name(name: &str) -> Result<ServerName<'static>, HandshakeFault> {
    let wrong = |_| {
        let message = format!("`{}` is not a name to ask for", shown_text(name));
        HandshakeFault::Tls(rustls::Error::General(message))
    };
    ServerName::try_from(name.to_owned()).map_err(wrong)
}

struct Loader<'a> {
    plan: &'a Plan,
    server: &'a Server,
    store: Store,
    reader: Reader<'static>,
    faults: Vec<LoadFault>,
}

impl Loader<'_> {
    fn build(&mut self) -> Option<Loaded> {
        let global = &self.plan.global.tls;
        let tls = &self.server.settings.tls;
        let offer = Offer::new(&tls.options, &global.server, Side::Server);
        let provider = offer.provider();
        let (verifier, own) = (self.verifier(&provider), self.certificate());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(&offer.versions()).map_err(|error| {
            let message = format!("these settings of TLS do not fit together: {error}");
            self.tell(self.server.span, Problem::new(message));
        });
        let builder = builder.ok()?.dangerous().with_custom_certificate_verifier(verifier?);
        let mut config = match &own {
            Some(pair) => {
                let key = SingleCertAndKey::from(pair.key.clone());
                builder.with_client_cert_resolver(Arc::new(key))
            }
            None => builder.with_no_client_auth(),
        };
        let names = tls.alpn.iter().flat_map(|names| names.value.iter());
        config.alpn_protocols = spoken(names.map(|name| &**name));
        config.resumption = self.resumption(offer.tickets);
        let mut nameless = config.clone();
        nameless.enable_sni = false;
        Some(Loaded {
            named: Arc::new(config),
            nameless: Arc::new(nameless),
            own: own.map(|pair| pair.der.clone()),
        })
    }

    fn resumption(&self, tickets: bool) -> Resumption {
        if self.server.settings.tls.reuse.is_some_and(|reuse| !reuse.value) {
            return Resumption::disabled();
        }
        let resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(SESSIONS)));
        match tickets {
            true => resumption,
            false => resumption.tls12_resumption(Tls12Resumption::SessionIdOnly),
        }
    }

    /// Who checks the server's certificate. `None` is reported.
    fn verifier(&mut self, provider: &Arc<CryptoProvider>) -> Option<Arc<dyn ServerCertVerifier>> {
        let tls = &self.server.settings.tls;
        let usual = self.plan.global.tls.verify_servers.is_none_or(|verify| verify.value);
        let verify = tls.verify.map_or(usual, |verify| verify.value == ServerVerify::Required);
        if !verify {
            return Some(Arc::new(Anybody { provider: provider.clone() }));
        }
        let host = tls.verify_host.as_ref().map(|host| self.host(host));
        let Some(file) = &tls.ca_file else {
            let problem =
                Problem::new("nothing says who signs the server's certificate".to_owned());
            let help = "write `ca-file <file>` with those who do, or `verify none`";
            self.tell(self.server.span, problem.helped(help));
            return None;
        };
        let path = self.store.authorities(&file.value);
        let authorities = self.reader.authorities(&path);
        let authorities = self.or_tell(file.span, authorities);
        let revoked = match &tls.crl_file {
            Some(file) => {
                let path = self.store.authorities(&file.value);
                let revoked = self.reader.revocations(&path);
                self.or_tell(file.span, revoked)
            }
            None => Some(Vec::new()),
        };
        let host = match host {
            Some(host) => Some(host?),
            None => None,
        };
        let verified = Verified::new(provider.clone(), authorities?, revoked?, host);
        let verified = self.or_tell(self.server.span, verified)?;
        Some(Arc::new(verified))
    }

    fn host(&mut self, host: &Given<Box<str>>) -> Option<ServerName<'static>> {
        let name = ServerName::try_from(host.value.to_string()).map_err(|_| {
            let message = format!("`{}` is not the name of a host", shown_text(&host.value));
            Problem::new(message)
        });
        self.or_tell(host.span, name)
    }

    /// What we show if the server asks.
    fn certificate(&mut self) -> Option<Arc<Pair>> {
        let word = self.server.settings.tls.certificate.as_ref()?;
        let place = self.store.certificate(&word.value);
        let pair = place.and_then(|place| self.reader.pair(&place.path, place.key.as_deref()));
        self.or_tell(word.span, pair)
    }

    fn or_tell<T>(&mut self, span: Span, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.tell(span, problem)).ok()
    }

    fn tell(&mut self, span: Span, problem: Problem) {
        let Problem { message, help, .. } = problem;
        self.faults.push(LoadFault { span, message, help });
    }
}
