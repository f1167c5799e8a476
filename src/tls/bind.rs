//! What a `bind ... ssl` line needs, loaded.

use std::sync::Arc;

use super::{HandshakeFault, LoadFault, TlsStream};
use crate::config::plan::{Bind, Plan};
use crate::rules::context::TlsFacts;
use crate::worker::{Chunk, Stream};

/// Certificates, their index by name, and settings. Shared by the workers; what is on disk may be
/// loaded again behind it.
#[derive(Debug)]
pub struct BindTls {}

impl BindTls {
    /// Loads what a bind of the plan names. Warnings (a key that others can read) go to `warn`.
    ///
    /// # Errors
    /// What cannot be loaded, all of it.
    pub fn load(
        _plan: &Plan,
        _bind: &Bind,
        _warn: &mut dyn FnMut(LoadFault),
    ) -> Result<Arc<BindTls>, Vec<LoadFault>> {
        unimplemented!()
    }

    /// Shakes hands with a client. `first` is what it sent already (behind a PROXY protocol header).
    ///
    /// # Errors
    /// See [`HandshakeFault`].
    pub async fn accept(
        self: &Arc<Self>,
        _stream: Stream,
        _first: Option<Chunk>,
    ) -> Result<(TlsStream, TlsFacts), HandshakeFault> {
        unimplemented!()
    }

    /// Looks whether files have changed since they were loaded, and loads those that parse. What
    /// happened, for the log.
    pub fn reload(&self) -> Vec<String> {
        unimplemented!()
    }
}
