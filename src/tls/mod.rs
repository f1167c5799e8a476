//! TLS: certificates and names, the cipher vocabulary, the pump around rustls.
//!
//! In: what binds and servers of the plan say, files, connected streams. Out: streams that speak TLS,
//! and what was agreed on. Records are opened in place in the blocks they came in.
//!
//! - [`bind`]: what a `bind ... ssl` line needs, loaded; - [`server`]: the same of a `server` line;
//! - [`stream`]: a connection, after its handshake; `machine`: the same without its socket;
//! - `load`, `files`, `store`: from words to certificates; `names`: which of them a client gets;
//! - `settings`: versions, suites and curves; `verify`: who vouches for the peer; `resume`: sessions
//!   that are taken up again; [`replace`]: new certificates at run time; `facts`: what rules may know.

pub mod bind;
mod facts;
mod files;
mod load;
mod machine;
mod names;
pub mod replace;
mod resume;
pub mod server;
mod settings;
mod store;
pub mod stream;
mod verify;

pub use bind::BindTls;
pub use server::ServerTls;
pub use stream::TlsStream;

/// Why something cannot be loaded: for the operator, with the file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadFault {
    /// Where in the configuration it was asked for.
    pub span: crate::config::source::Span,
    /// What is wrong, one sentence, lower case.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// What came of looking at files again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reload {
    /// What cannot be loaded, and what is doubtful; what was there before is still in use.
    pub faults: Vec<String>,
    /// What is different now.
    pub changes: Vec<String>,
}

impl Reload {
    fn fault(&mut self, fault: &LoadFault) {
        self.faults.push(match &fault.help {
            Some(help) => format!("{} ({help})", fault.message),
            None => fault.message.clone(),
        });
    }
}

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq)]
pub enum HandshakeFault {
    /// The peer closed or reset the connection.
    Gone,
    /// No certificate for the name it asked for (`strict-sni`).
    UnknownName,
    /// What rustls said; an alert was sent.
    Tls(rustls::Error),
    /// No buffers.
    Starved,
}
