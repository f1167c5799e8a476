//! Certificates made for a test, binds and servers loaded from a configuration's text, and a TLS client
//! and server that are not Koi's: rustls by its usual interface, on threads with blocking sockets.

use super::folder::Folder;
use super::{HANG, any_port, run, std_address, worker};
use koi::config::plan::Plan;
use koi::process::check::check_disk;
use koi::rules::context::TlsFacts;
use koi::tls::{BindTls, HandshakeFault, LoadFault, ServerTls, TlsStream};
use koi::worker::{Chunk, Kind, ListenOptions, Local, ReceiveError};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RevocationReason,
    RevokedCertParams, RsaKeySize, SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use std::future::poll_fn;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// An authority, and a folder for what it signs.
pub struct Authority {
    pub folder: Folder,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate, its key, and both as files.
pub struct Signed {
    pub der: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
    pub pem: String,
    pub key_pem: String,
}

impl Signed {
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.der.clone()]
    }
}

impl Authority {
    /// `ca.pem` in a folder of its own.
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "the test's authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a root certificate");
        let folder = Folder::new();
        folder.file("ca.pem", issuer.pem());
        Authority { folder, issuer }
    }

    /// A certificate for these names.
    pub fn sign(&self, names: &[&str], key: KeyPair, serial: u64) -> Signed {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "test");
        params.serial_number = Some(SerialNumber::from(serial));
        self.sign_params(params, key)
    }

    pub fn sign_params(&self, params: CertificateParams, key: KeyPair) -> Signed {
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key_pem = key.serialize_pem();
        Signed {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key: PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
            key_pem,
        }
    }

    /// The same with a P-256 key, written to a file with its key behind it.
    pub fn file(&self, name: &str, names: &[&str]) -> Signed {
        self.file_with(name, names, KeyPair::generate().expect("a key"))
    }

    pub fn file_with(&self, name: &str, names: &[&str], key: KeyPair) -> Signed {
        let signed = self.sign(names, key, 7);
        let path = self.folder.file(name, format!("{}{}", signed.pem, signed.key_pem));
        close(&path);
        signed
    }

    /// A list of these serial numbers.
    pub fn revoke(&self, serials: &[u64]) -> String {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a list").pem().expect("PEM")
    }

    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a root");
        roots
    }

    /// The plan of this text; `@/` stands for the folder.
    pub fn plan(&self, text: &str) -> Plan {
        let folder = self.folder.path().to_str().expect("UTF-8");
        let path = self.folder.file("koi.cfg", text.replace("@/", &format!("{folder}/")));
        check_disk(&[path.to_str().expect("UTF-8").to_owned()]).plan
    }

    /// A bind's line, loaded: what stands behind `ssl`.
    pub fn bind(&self, words: &str) -> Arc<BindTls> {
        self.try_bind(words).0.expect("it loads")
    }

    /// The same, with global lines before it; and warnings.
    pub fn try_bind(&self, words: &str) -> (Result<Arc<BindTls>, Vec<LoadFault>>, Vec<LoadFault>) {
        let (global, words) = words.rsplit_once('\n').unwrap_or(("", words));
        let plan = self.plan(&format!(
            "global\n{global}\nfrontend f\n mode http\n bind 127.0.0.1:8443 ssl {words}\n"
        ));
        let mut warnings = Vec::new();
        let bind = &plan.proxies[0].binds[0];
        let loaded = BindTls::load(&plan, bind, &mut |warning| warnings.push(warning));
        (loaded, warnings)
    }

    /// A server's line, loaded: what stands behind `ssl`.
    pub fn server(&self, words: &str) -> Result<Arc<ServerTls>, Vec<LoadFault>> {
        let plan = self.plan(&format!("backend b\n server s 127.0.0.1:8443 ssl {words}\n"));
        ServerTls::load(&plan, &plan.proxies[0].servers[0], &mut |_| {})
    }

    /// A client that trusts the authority.
    pub fn client(&self) -> ClientConfig {
        self.client_with(aws_lc_rs::default_provider(), rustls::ALL_VERSIONS)
    }

    pub fn client_with(
        &self,
        provider: CryptoProvider,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }
}

/// Takes a file's content away from others.
pub fn close(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
}

pub fn rsa() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key")
}

pub fn key(kind: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(kind).expect("a key")
}

/// The independent client's connection.
pub type Client = StreamOwned<ClientConnection, TcpStream>;

/// Connects; the handshake comes with the first byte, or by `shake`.
pub fn dial(to: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Client {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let tcp = TcpStream::connect(to).expect("a connection");
    tcp.set_read_timeout(Some(HANG)).expect("a timeout");
    StreamOwned::new(ClientConnection::new(config.clone(), name).expect("a client"), tcp)
}

/// Shakes hands.
pub fn shake(client: &mut Client) -> std::io::Result<()> {
    while client.conn.is_handshaking() {
        client.conn.complete_io(&mut client.sock)?;
    }
    Ok(())
}

pub type Accepted = Result<(TlsStream, TlsFacts), HandshakeFault>;

/// A client on a thread of its own, and what the bind made of it.
pub fn meet<R: 'static, T: Send + 'static>(
    kind: Kind,
    bind: &Arc<BindTls>,
    serve: impl AsyncFnOnce(Local, Accepted) -> R + 'static,
    client: impl FnOnce(SocketAddr) -> T + Send + 'static,
) -> (R, T) {
    let bind = bind.clone();
    run(worker(kind), async move |local: Local| {
        let options = ListenOptions::default();
        let mut listener = local.listen(&any_port(), &options).expect("a listener");
        let to = std_address(&listener.local_address().expect("an address"));
        let client = thread::spawn(move || client(to));
        let stream = listener.accept().await.expect("a connection");
        let served = serve(local.clone(), bind.accept(stream, None).await).await;
        drop(listener);
        // What was dropped is closed when the worker has its turn.
        while !client.is_finished() {
            local.sleep(Duration::from_millis(1)).await;
        }
        (served, client.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// The independent server: takes one connection, and hands it to `serve`.
pub fn origin<T: Send + 'static>(
    config: ServerConfig,
    serve: impl FnOnce(StreamOwned<ServerConnection, TcpStream>) -> T + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<T>) {
    origins(config, 1, serve_one(serve))
}

fn serve_one<T>(
    serve: impl FnOnce(StreamOwned<ServerConnection, TcpStream>) -> T,
) -> impl FnMut(StreamOwned<ServerConnection, TcpStream>) -> T {
    let mut serve = Some(serve);
    move |stream| serve.take().expect("one connection")(stream)
}

/// The same for several, one behind the other; what the last came to.
pub fn origins<T: Send + 'static>(
    config: ServerConfig,
    count: usize,
    mut serve: impl FnMut(StreamOwned<ServerConnection, TcpStream>) -> T + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let config = Arc::new(config);
    let serving = thread::spawn(move || {
        let mut last = None;
        for _ in 0..count {
            let (tcp, _) = listener.accept().expect("a connection");
            tcp.set_read_timeout(Some(HANG)).expect("a timeout");
            let connection = ServerConnection::new(config.clone()).expect("a server");
            last = Some(serve(StreamOwned::new(connection, tcp)));
        }
        last.expect("a connection")
    });
    (address, serving)
}

/// Plaintext, or the end.
pub async fn receive(tls: &TlsStream) -> Result<Option<Chunk>, ReceiveError> {
    poll_fn(|_| tls.poll_receive()).await
}

/// All plaintext, and how it ended.
pub async fn hear(tls: &TlsStream) -> (Vec<u8>, Result<(), ReceiveError>) {
    let mut bytes = Vec::new();
    loop {
        match receive(tls).await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return (bytes, Ok(())),
            Err(error) => return (bytes, Err(error)),
        }
    }
}
