//! Certificates made for the test, and both sides of TLS.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    SupportedProtocolVersion,
};

use super::PATIENCE;
use super::client::Client;
use super::wire::Wire;

/// A certificate that signed itself.
pub struct Certificate {
    made: rcgen::CertifiedKey<rcgen::KeyPair>,
}

impl Certificate {
    /// For these names.
    pub fn new(names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        Certificate { made: rcgen::generate_simple_self_signed(names).expect("a certificate") }
    }

    /// Certificate and key, as `crt` wants them.
    pub fn pem(&self) -> String {
        format!("{}{}", self.made.cert.pem(), self.made.signing_key.serialize_pem())
    }

    /// A server that shows it.
    pub fn server(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.made.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth();
        let chain = vec![self.made.cert.der().clone()];
        Arc::new(config.with_single_cert(chain, key).expect("a certificate and its key"))
    }

    /// A client that trusts nothing else, and offers these protocols.
    pub fn client(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&str],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.made.cert.der().clone()).expect("a root");
        let config = ClientConfig::builder_with_protocol_versions(versions);
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// A connection by TLS, its handshake done: the client, and the protocol that was agreed on.
///
/// # Errors
/// Why the handshake failed.
pub fn connect(
    config: &Arc<ClientConfig>,
    address: SocketAddr,
    name: &str,
) -> Result<(Client, Option<String>), String> {
    let name = ServerName::try_from(name.to_owned()).expect("a host's name");
    let mut connection =
        ClientConnection::new(config.clone(), name).map_err(|why| why.to_string())?;
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE)
        .unwrap_or_else(|why| panic!("{address}: {why}"));
    socket.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).map_err(|why| why.to_string())?;
    }
    let protocol =
        connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    let wire = Wire::new(StreamOwned::new(connection, socket)).expect("a socket with options");
    Ok((Client { wire }, protocol))
}
