//! What a `server ... ssl` line needs, loaded.

use std::sync::Arc;

use super::{HandshakeFault, LoadFault, TlsStream};
use crate::config::plan::{Plan, Server};
use crate::rules::context::TlsFacts;
use crate::worker::Stream;

/// Authorities, our certificate, settings.
#[derive(Debug)]
pub struct ServerTls {}

impl ServerTls {
    /// Loads what a server of the plan names.
    ///
    /// # Errors
    /// What cannot be loaded, all of it.
    pub fn load(
        _plan: &Plan,
        _server: &Server,
        _warn: &mut dyn FnMut(LoadFault),
    ) -> Result<Arc<ServerTls>, Vec<LoadFault>> {
        unimplemented!()
    }

    /// Shakes hands with a server. `name` is what `sni` gives: it is asked for, and the certificate is
    /// compared with it (or with `verifyhost`) if the server is verified.
    ///
    /// # Errors
    /// See [`HandshakeFault`].
    pub async fn connect(
        self: &Arc<Self>,
        _stream: Stream,
        _name: Option<&str>,
    ) -> Result<(TlsStream, TlsFacts), HandshakeFault> {
        unimplemented!()
    }
}
