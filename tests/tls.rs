//! TLS over real sockets, with rustls's usual interface as the other side.

mod common;

use common::peer::{chunk, store};
use common::random::Random;
use common::tls::{Accepted, Authority, dial, hear, key, meet, receive, rsa, shake};
use common::{each_ring, rings};
use koi::rules::context::TlsFacts;
use koi::tls::{BindTls, HandshakeFault};
use koi::worker::future::join;
use koi::worker::{Kind, Local, Payload, ReceiveError};
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::pin::pin;
use std::sync::Arc;

fn kind() -> Kind {
    rings()[0]
}

/// A handshake with a client that asks for `name`: the facts, and the certificate that the client got.
fn agree(
    bind: &Arc<BindTls>,
    client: ClientConfig,
    name: &str,
) -> (Result<TlsFacts, HandshakeFault>, Result<Vec<u8>, String>) {
    let (client, name) = (Arc::new(client), name.to_owned());
    let serve = async |_: Local, accepted: Accepted| {
        let (tls, facts) = accepted?;
        tls.send(chunk(&store(), b"hello").into()).await.expect("it is sent");
        let (said, end) = hear(&tls).await;
        assert_eq!((&*said, end), (&b"bye"[..], Ok(())));
        Ok(facts)
    };
    meet(kind(), bind, serve, move |to| {
        let mut client = dial(to, &client, &name);
        let greeting = &mut [0; 5];
        client.read_exact(greeting).map_err(|error| error.to_string())?;
        assert_eq!(greeting, b"hello");
        client.write_all(b"bye").expect("it is sent");
        client.conn.send_close_notify();
        client.flush().expect("it is sent");
        let _ = client.sock.shutdown(Shutdown::Write);
        let mut rest = Vec::new();
        let _ = client.sock.read_to_end(&mut rest);
        Ok(client.conn.peer_certificates().expect("a chain")[0].to_vec())
    })
}

#[test]
fn one_certificate_and_the_facts() {
    let authority = Authority::new();
    let own = authority.file("one.pem", &["one.example"]);
    let bind = authority.bind("crt @/one.pem");
    let (facts, got) = agree(&bind, authority.client(), "one.example");
    let facts = facts.expect("a handshake");
    assert_eq!(got.expect("a certificate"), &*own.der);
    assert_eq!(facts.sni.as_deref(), Some("one.example"));
    assert_eq!((&*facts.version, &*facts.cipher), ("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
    assert_eq!((facts.alpn, facts.resumed, facts.client_certificate), (None, false, false));
    assert_eq!(facts.own_der.as_deref(), Some(&*own.der));
}

#[test]
fn the_name_chooses_the_certificate() {
    let authority = Authority::new();
    let first = authority.file("first.pem", &["first.example"]);
    let exact = authority.file("exact.pem", &["a.wild.example"]);
    let wild = authority.file("wild.pem", &["*.wild.example"]);
    let bind = authority.bind("crt @/first.pem crt @/exact.pem crt @/wild.pem");
    let mut blind = authority.client();
    blind.dangerous().set_certificate_verifier(Arc::new(Careless));
    for (name, wanted) in [
        ("first.example", &first),
        ("A.wild.Example", &exact),
        ("b.wild.example", &wild),
        ("wild.example", &first),
        ("c.b.wild.example", &first),
        ("other.example", &first),
    ] {
        let (facts, got) = agree(&bind, blind.clone(), name);
        assert_eq!(got.expect("a certificate"), &*wanted.der, "{name}");
        let facts = facts.expect("a handshake");
        assert_eq!(facts.own_der.as_deref(), Some(&*wanted.der), "{name}");
        assert_eq!(facts.sni.as_deref(), Some(&*name.to_ascii_lowercase()));
    }
    blind.enable_sni = false;
    let (facts, got) = agree(&bind, blind, "b.wild.example");
    assert_eq!(got.expect("a certificate"), &*first.der);
    assert_eq!(facts.expect("a handshake").sni, None);
}

/// Takes any certificate: these tests look at it themselves.
#[derive(Debug)]
struct Careless;

impl rustls::client::danger::ServerCertVerifier for Careless {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[test]
fn strict_sni_refuses_names_that_no_certificate_has() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    let bind = authority.bind("strict-sni crt @/one.pem");
    let (facts, _) = agree(&bind, authority.client(), "one.example");
    assert!(facts.is_ok());
    let (facts, got) = agree(&bind, authority.client(), "two.example");
    assert_eq!(facts.expect_err("refused"), HandshakeFault::UnknownName);
    assert!(got.expect_err("refused").contains("UnrecognisedName"));
    let mut nameless = authority.client();
    nameless.enable_sni = false;
    let (facts, _) = agree(&bind, nameless, "one.example");
    assert_eq!(facts.expect_err("refused"), HandshakeFault::UnknownName);
}

/// A provider with these suites only.
fn only(suites: &[rustls::SupportedCipherSuite]) -> rustls::crypto::CryptoProvider {
    let provider = aws_lc_rs::default_provider();
    rustls::crypto::CryptoProvider { cipher_suites: suites.to_vec(), ..provider }
}

#[test]
fn of_two_kinds_of_keys_the_client_gets_one_it_can_check() {
    let authority = Authority::new();
    let elliptic = authority.file("site.pem.ecdsa", &["site.example"]);
    let classic = authority.file_with("site.pem.rsa", &["site.example"], rsa());
    let bind = authority.bind("crt @/site.pem");
    let tls12 = &[&rustls::version::TLS12];
    let with = |suite| authority.client_with(only(&[suite]), tls12);
    let (facts, got) = agree(&bind, authority.client(), "site.example");
    assert_eq!(got.expect("a certificate"), &*elliptic.der);
    assert!(facts.is_ok());
    let ecdsa = with(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    let (facts, got) = agree(&bind, ecdsa, "site.example");
    assert_eq!(got.expect("a certificate"), &*elliptic.der);
    assert_eq!(facts.expect("a handshake").cipher, "ECDHE-ECDSA-AES128-GCM-SHA256");
    for (suite, name) in [
        (cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384"),
        (cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305"),
    ] {
        // Without the name both are default certificates: they are one bundle.
        let mut nameless = with(suite);
        nameless.enable_sni = false;
        for client in [with(suite), nameless] {
            let (facts, got) = agree(&bind, client, "site.example");
            assert_eq!(got.expect("a certificate"), &*classic.der);
            let facts = facts.expect("a handshake");
            assert_eq!((&*facts.version, &*facts.cipher), ("TLSv1.2", name));
        }
    }
}

#[test]
fn keys_of_every_kind() {
    let authority = Authority::new();
    for (name, key) in [
        ("p256", key(&rcgen::PKCS_ECDSA_P256_SHA256)),
        ("p384", key(&rcgen::PKCS_ECDSA_P384_SHA384)),
        ("p521", key(&rcgen::PKCS_ECDSA_P521_SHA512)),
        ("ed25519", key(&rcgen::PKCS_ED25519)),
        ("rsa", rsa()),
    ] {
        let own = authority.file_with("key.pem", &["one.example"], key);
        let bind = authority.bind("crt @/key.pem");
        let (facts, got) = agree(&bind, authority.client(), "one.example");
        assert_eq!(got.expect(name), &*own.der, "{name}");
        assert!(facts.is_ok(), "{name}");
    }
}

#[test]
fn alpn_is_what_the_line_says_without_http2() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    for (words, offered, wanted) in [
        ("", &["h2", "http/1.1"][..], Some("http/1.1")),
        ("alpn h2,http/1.1", &["h2", "http/1.1"], Some("http/1.1")),
        ("alpn h2", &["h2"], None),
        ("alpn http/1.1", &["h2"], None),
        ("alpn http/1.1,http/1.0", &["http/1.0"], Some("http/1.0")),
        ("no-alpn", &["http/1.1"], None),
        ("alpn http/1.1", &[], None),
    ] {
        let bind = authority.bind(&format!("crt @/one.pem {words}"));
        let mut client = authority.client();
        client.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let (facts, _) = agree(&bind, client, "one.example");
        assert_eq!(facts.expect("a handshake").alpn.as_deref(), wanted, "{words} {offered:?}");
    }
}

#[test]
fn versions_suites_and_their_order() {
    let authority = Authority::new();
    authority.file_with("one.pem", &["one.example"], rsa());
    let default = || authority.client();
    let tls12 = || authority.client_with(aws_lc_rs::default_provider(), &[&rustls::version::TLS12]);
    let backwards = || {
        let mut suites = aws_lc_rs::DEFAULT_CIPHER_SUITES.to_vec();
        suites.reverse();
        authority.client_with(only(&suites), rustls::ALL_VERSIONS)
    };
    let suites = "ciphersuites TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
    let ciphers = "ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384";
    for (words, client, wanted) in [
        ("ssl-max-ver TLSv1.2", default(), Some("ECDHE-RSA-AES256-GCM-SHA384")),
        ("ssl-min-ver TLSv1.3", default(), Some("TLS_AES_256_GCM_SHA384")),
        ("ssl-min-ver TLSv1.3", tls12(), None),
        ("no-tlsv12", tls12(), None),
        (suites, default(), Some("TLS_CHACHA20_POLY1305_SHA256")),
        (ciphers, tls12(), Some("ECDHE-RSA-AES128-GCM-SHA256")),
        ("ciphersuites TLS_AES_128_GCM_SHA256", default(), Some("TLS_AES_128_GCM_SHA256")),
        // Our order counts, unless the line says that the client's does.
        ("", backwards(), Some("TLS_AES_256_GCM_SHA384")),
        ("prefer-client-ciphers", backwards(), Some("TLS_CHACHA20_POLY1305_SHA256")),
    ] {
        let bind = authority.bind(&format!("crt @/one.pem {words}"));
        let (facts, _) = agree(&bind, client, "one.example");
        assert_eq!(facts.ok().map(|it| it.cipher.into_owned()).as_deref(), wanted, "{words}");
    }
    // What `global` says holds where the line says nothing.
    let global = "ssl-default-bind-options ssl-max-ver TLSv1.2\n\
                  ssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256\ntune.ssl.maxrecord 1000\n";
    let bind = authority.try_bind(&format!("{global}crt @/one.pem")).0.expect("it loads");
    let (facts, _) = agree(&bind, default(), "one.example");
    assert_eq!(facts.expect("a handshake").cipher, "ECDHE-RSA-AES128-GCM-SHA256");
    let bind = authority.bind("crt @/one.pem curves P-384");
    let (facts, _) = agree(&bind, default(), "one.example");
    assert!(facts.is_ok(), "with a HelloRetryRequest");
}

#[test]
fn sessions_are_resumed() {
    let authority = Authority::new();
    authority.file_with("one.pem", &["one.example"], rsa());
    for versions in [&[&rustls::version::TLS12][..], &[&rustls::version::TLS13]] {
        for words in ["", "no-tls-tickets"] {
            let bind = authority.bind(&format!("crt @/one.pem {words}"));
            let client = authority.client_with(aws_lc_rs::default_provider(), versions);
            for resumed in [false, true, true] {
                let (facts, _) = agree(&bind, client.clone(), "one.example");
                assert_eq!(facts.expect("a handshake").resumed, resumed, "{versions:?} {words}");
            }
        }
    }
}

/// nginx's CVE-2025-23419 (operators.md, 29).
#[test]
fn a_session_without_a_certificate_is_none_where_one_is_required() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    for words in ["", "no-tls-tickets"] {
        let open = authority.bind(&format!("crt @/one.pem {words}"));
        let closed =
            authority.bind(&format!("crt @/one.pem verify required ca-file @/ca.pem {words}"));
        let client = authority.client();
        assert!(agree(&open, client.clone(), "one.example").0.is_ok());
        assert!(agree(&open, client.clone(), "one.example").0.expect("a handshake").resumed);
        let (facts, _) = agree(&closed, client, "one.example");
        assert!(matches!(facts, Err(HandshakeFault::Tls(_))), "{facts:?}");
    }
}

#[test]
fn clients_show_certificates() {
    let authority = Authority::new();
    let stranger = Authority::new();
    authority.file("one.pem", &["one.example"]);
    let known = || authority.sign(&["client"], rcgen::KeyPair::generate().expect("a key"), 100);
    let unknown = || stranger.sign(&["client"], rcgen::KeyPair::generate().expect("a key"), 100);
    let crl = authority.folder.file("crl.pem", authority.revoke(&[100]));
    let with = |signed: Option<common::tls::Signed>| {
        let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .expect("versions")
            .with_root_certificates(authority.roots());
        match signed {
            None => builder.with_no_client_auth(),
            Some(signed) => {
                let chain = signed.chain();
                builder.with_client_auth_cert(chain, signed.key).expect("a certificate")
            }
        }
    };
    let required = "crt @/one.pem verify required ca-file @/ca.pem";
    let optional = "crt @/one.pem verify optional ca-file @/ca.pem";
    let revoking = format!("{required} crl-file {}", crl.display());
    for (words, client, wanted) in [
        (required, with(Some(known())), Some(true)),
        (required, with(Some(unknown())), None),
        (required, with(None), None),
        (optional, with(None), Some(false)),
        (optional, with(Some(known())), Some(true)),
        (optional, with(Some(unknown())), None),
        (&format!("{required} no-ca-names"), with(Some(known())), Some(true)),
        (&revoking, with(Some(known())), None),
        ("crt @/one.pem verify none ca-file @/ca.pem", with(Some(unknown())), Some(false)),
    ] {
        let bind = authority.bind(words);
        for resumed in [false, true] {
            let (facts, _) = agree(&bind, client.clone(), "one.example");
            let facts = facts.ok();
            assert_eq!(facts.as_ref().map(|it| it.client_certificate), wanted, "{words}");
            if let Some(facts) = facts {
                assert_eq!(facts.client_der.is_some(), facts.client_certificate);
                assert_eq!((facts.resumed, facts.verify_result), (resumed, 0), "{words}");
            }
        }
    }
}
