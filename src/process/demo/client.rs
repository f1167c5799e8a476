//! The demonstration's own client: GET, one request after the other, in the clear or by TLS.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::proto::h1::response::{self, Asked};
use crate::proto::h1::{Framing, Limits, Scan};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most that an answer may have.
const ANSWER_MAX: usize = 64 * 1024;

trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

/// A connection to Koi.
pub(super) struct Client(Box<dyn Connection>);

/// An answer.
pub(super) struct Reply {
    /// Its status.
    pub(super) status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    /// The first field of this name, in lower case.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Its body.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim_end().to_owned()
    }
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("the demonstration's own request failed: {error}")
}

fn dial(port: u16) -> Result<TcpStream, String> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

impl Client {
    /// In the clear.
    pub(super) fn plain(port: u16) -> Result<Client, String> {
        Ok(Client(Box::new(dial(port)?)))
    }

    /// By TLS, asking for this name and trusting this certificate alone.
    pub(super) fn tls(port: u16, name: &str, certificate: &[u8]) -> Result<Client, String> {
        let mut trusted = RootCertStore::empty();
        trusted.add(CertificateDer::from(certificate.to_vec())).map_err(failed)?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).map_err(failed)?;
        let tls = ClientConnection::new(Arc::new(config), name).map_err(failed)?;
        Ok(Client(Box::new(StreamOwned::new(tls, dial(port)?))))
    }

    /// Asks, and waits for the answer.
    pub(super) fn get(
        &mut self,
        host: &str,
        target: &str,
        fields: &[(&str, &str)],
    ) -> Result<Reply, String> {
        let mut ask = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in fields {
            ask += &format!("{name}: {value}\r\n");
        }
        ask += "\r\n";
        self.0.write_all(ask.as_bytes()).map_err(failed)?;
        self.0.flush().map_err(failed)?;
        self.reply()
    }

    fn reply(&mut self) -> Result<Reply, String> {
        let (mut bytes, mut scan) = (Vec::new(), Scan::default());
        let response = loop {
            self.more(&mut bytes)?;
            let parsed =
                response::parse(&bytes, &mut scan, &Limits::default(), Asked::default(), vec![]);
            match parsed {
                Ok(Some(response)) => break response,
                Ok(None) => {}
                Err(reject) => return Err(failed(reject.reason.code())),
            }
        };
        let length = match response.framing {
            Framing::None => 0,
            Framing::Length(length) => usize::try_from(length).map_err(failed)?,
            _ => return Err(failed("the answer has no length")),
        };
        while bytes.len() < response.length + length {
            self.more(&mut bytes)?;
        }
        let view = response.head.view(&bytes);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let fields = view.fields().map(|(name, value)| (text(name).to_lowercase(), text(value)));
        let (status, fields) = (view.status(), fields.collect());
        Ok(Reply { status, fields, body: bytes.split_off(response.length) })
    }

    fn more(&mut self, bytes: &mut Vec<u8>) -> Result<(), String> {
        let mut piece = [0; 4096];
        match self.0.read(&mut piece).map_err(failed)? {
            0 => Err(failed("the connection ended")),
            _ if bytes.len() > ANSWER_MAX => Err(failed("the answer is too long")),
            n => {
                bytes.extend_from_slice(&piece[..n]);
                Ok(())
            }
        }
    }
}
