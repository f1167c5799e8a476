//! What a `bind ... ssl` line needs, loaded.
//!
//! In: the line, files, streams of clients. Out: streams that speak TLS. A handshake begins with a look
//! at the ClientHello, which decides on the certificate and with it on everything else that a line of
//! a `crt-list` may set; then rustls has it from the start.
//!
//! Limits: a ClientHello of `HELLO_MAX` bytes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::server::{Acceptor, ClientHello, ServerConfig, UnbufferedServerConnection};

use super::facts::facts;
use super::files::{Stamp, stamp};
use super::load::{Loaded, Recipe, Unloaded, is_different};
use super::machine::Machine;
use super::names::{Asked, Entry};
use super::replace::{Given, Over, keep_used};
use super::settings::record_max;
use super::{HandshakeFault, LoadFault, Reload, TlsStream};
use crate::config::plan::{Bind, Plan};
use crate::config::source::{Disk, Files};
use crate::rules::context::TlsFacts;
use crate::worker::{Chunk, Class, Stream};

/// The longest ClientHello, with what comes behind it. Those of today take up to 2 KiB.
const HELLO_MAX: usize = Class::Small.bytes();

/// The alert unrecognized_name, as a record (RFC 6066 §3, RFC 8446 §6).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The alert handshake_failure, as a record.
const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// The alert unexpected_message, as a record.
const UNEXPECTED_MESSAGE: [u8; 7] = [21, 3, 3, 0, 2, 2, 10];

/// Certificates, their index by name, and settings. Shared by the workers; what is on disk may be
/// loaded again behind it.
#[derive(Debug)]
pub struct BindTls {
    pub(super) recipe: Recipe,
    /// Read once a handshake.
    pub(super) loaded: RwLock<Arc<Loaded>>,
    /// What counts instead of files.
    pub(super) given: Mutex<Given>,
    /// What was looked at the last time, if that could not be loaded: it is told of once.
    in_vain: Mutex<Option<BTreeMap<String, Stamp>>>,
    record_max: usize,
}

impl BindTls {
    /// Loads what a bind of the plan names. Warnings (a key that others can read) go to `warn`.
    ///
    /// # Errors
    /// What cannot be loaded, all of it.
    pub fn load(
        plan: &Plan,
        bind: &Bind,
        warn: &mut dyn FnMut(LoadFault),
    ) -> Result<Arc<BindTls>, Vec<LoadFault>> {
        BindTls::load_from(&Disk, plan, bind, warn)
    }

    /// The same, of files that lie elsewhere. [`BindTls::reload`] looks for new ones on the disk.
    ///
    /// # Errors
    /// What cannot be loaded, all of it.
    pub fn load_from(
        files: &dyn Files,
        plan: &Plan,
        bind: &Bind,
        warn: &mut dyn FnMut(LoadFault),
    ) -> Result<Arc<BindTls>, Vec<LoadFault>> {
        let recipe = Recipe::new(plan, bind);
        let loaded = recipe.load(files, None, warn).map_err(|unloaded| unloaded.faults)?;
        let (loaded, in_vain) = (RwLock::new(Arc::new(loaded)), Mutex::new(None));
        let (given, record_max) = (Mutex::default(), record_max(&plan.global.tls));
        Ok(Arc::new(BindTls { recipe, loaded, given, in_vain, record_max }))
    }

    /// Shakes hands with a client. `first` is what it sent already (behind a PROXY protocol header).
    ///
    /// # Errors
    /// See [`HandshakeFault`].
    pub async fn accept(
        self: &Arc<Self>,
        stream: Stream,
        first: Option<Chunk>,
    ) -> Result<(TlsStream, TlsFacts), HandshakeFault> {
        let mut hello = Hello { acceptor: Acceptor::default(), bytes: None };
        let mut next = first;
        let seen = loop {
            if let Some(chunk) = next.take() {
                match self.look(&mut hello, chunk, &stream) {
                    Ok(Some(seen)) => break seen,
                    Ok(None) => {}
                    Err((fault, alert)) => {
                        refuse(&stream, &alert).await;
                        return Err(fault);
                    }
                }
            }
            match stream.receive().await {
                Ok(Some(chunk)) => next = Some(chunk),
                Ok(None) | Err(_) => return Err(HandshakeFault::Gone),
            }
        };
        let connection =
            UnbufferedServerConnection::new(seen.config).map_err(HandshakeFault::Tls)?;
        let machine = Machine::server(connection);
        let shaken = TlsStream::shake(stream, machine, hello.bytes, self.record_max).await;
        let tls = shaken.map_err(|(fault, _)| fault)?;
        let facts = facts(tls.machine().borrow().common(), seen.sni, Some(seen.own));
        Ok((tls, facts))
    }

    /// Adds bytes to a ClientHello; once it is whole, what follows from it.
    fn look(
        &self,
        hello: &mut Hello,
        chunk: Chunk,
        stream: &Stream,
    ) -> Result<Option<Seen>, (HandshakeFault, Vec<u8>)> {
        let mut new: &[u8] = &chunk;
        while !new.is_empty() {
            // It reads from memory: a failure is a hello that is too long.
            if hello.acceptor.read_tls(&mut new).is_err() {
                break;
            }
            let accepted = match hello.acceptor.accept() {
                Ok(None) => continue,
                Ok(Some(accepted)) => accepted,
                Err((error, mut alert)) => {
                    let mut bytes = Vec::new();
                    let _ = alert.write_all(&mut bytes);
                    if bytes.is_empty() {
                        bytes.extend_from_slice(&UNEXPECTED_MESSAGE);
                    }
                    return Err((HandshakeFault::Tls(error), bytes));
                }
            };
            hello.keep(chunk, stream)?;
            return self.choose(&accepted.client_hello()).map(Some);
        }
        hello.keep(chunk, stream)?;
        Ok(None)
    }

    fn choose(&self, hello: &ClientHello<'_>) -> Result<Seen, (HandshakeFault, Vec<u8>)> {
        let loaded = self.now();
        let entry = loaded.index.choose(&Asked::new(hello));
        let entry =
            entry.ok_or_else(|| (HandshakeFault::UnknownName, UNRECOGNIZED_NAME.to_vec()))?;
        Ok(Seen {
            config: config(entry, hello).clone(),
            sni: hello.server_name().map(Into::into),
            own: entry.der.clone(),
        })
    }

    /// What it has just now.
    pub(super) fn now(&self) -> Arc<Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether files have changed since they were loaded, and loads those that parse.
    pub fn reload(&self) -> Reload {
        let mut told = Reload::default();
        let old = self.now();
        let mut in_vain = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = match &*in_vain {
            Some(seen) => is_different(seen),
            None => old.has_changed(),
        };
        if !changed {
            return told;
        }
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|path, (_, seen)| stamp(path) == *seen);
        match self.recipe.load(&Over(&given), Some(&old), &mut |warning| told.fault(&warning)) {
            Ok(new) => {
                told.changes = old.changes(&new);
                if told == Reload::default() {
                    told.changes.push("files of certificates were loaded again".to_owned());
                }
                *in_vain = None;
                keep_used(&mut given, &new);
                *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
            }
            Err(Unloaded { faults, seen }) => {
                faults.iter().for_each(|fault| told.fault(fault));
                told.faults.push("all certificates of this bind stay as they were".to_owned());
                *in_vain = Some(seen);
            }
        }
        told
    }
}

/// A ClientHello that is coming in.
struct Hello {
    acceptor: Acceptor,
    /// All that came, for rustls to read once more.
    bytes: Option<Chunk>,
}

impl Hello {
    fn keep(&mut self, chunk: Chunk, stream: &Stream) -> Result<(), (HandshakeFault, Vec<u8>)> {
        let all = match self.bytes.take() {
            None => Some(chunk),
            Some(before) if before.len() + chunk.len() > HELLO_MAX => {
                let fault = rustls::Error::General("the ClientHello is too long".to_owned());
                return Err((HandshakeFault::Tls(fault), HANDSHAKE_FAILURE.to_vec()));
            }
            Some(before) => stream.pool().join(&before, &chunk),
        };
        self.bytes = Some(all.ok_or((HandshakeFault::Starved, Vec::new()))?);
        Ok(())
    }
}

/// What follows from a ClientHello.
struct Seen {
    config: Arc<ServerConfig>,
    sni: Option<Box<str>>,
    own: Arc<[u8]>,
}

/// A client that offers protocols of which none is ours gets none, as from HAProxy; rustls would
/// refuse it.
fn config<'a>(entry: &'a Entry, hello: &ClientHello<'_>) -> &'a Arc<ServerConfig> {
    let ours = &entry.config.alpn_protocols;
    let in_common = hello
        .alpn()
        .is_none_or(|mut offered| offered.any(|offered| ours.iter().any(|our| our == offered)));
    if in_common { &entry.config } else { &entry.without_alpn }
}

/// Sends an alert. A client that is gone needs none.
async fn refuse(stream: &Stream, alert: &[u8]) {
    if let Some(alert) = stream.pool().copy_from(alert).filter(|alert| !alert.is_empty()) {
        let _ = stream.send(alert).await;
    }
}
