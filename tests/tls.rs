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
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::pki_types::PrivateKeyDer;
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

/// As `openssl req -x509` makes them: a client's own certificate, an authority by its own words, is the
/// `ca-file`.
#[test]
fn a_client_that_vouches_for_itself() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    let own = |name: &str, ends: i32| {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(ends, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let signed = params.self_signed(&key).expect("a certificate");
        authority.folder.file(name, signed.pem());
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .expect("versions")
            .with_root_certificates(authority.roots())
            .with_client_auth_cert(vec![signed.der().clone()], key)
            .expect("a certificate")
    };
    let (known, other) = (own("known.pem", 4000), own("other.pem", 4000));
    let old = own("old.pem", 2001);
    for (file, client, taken) in
        [("known", &known, true), ("known", &other, false), ("old", &old, false)]
    {
        let words = format!("crt @/one.pem verify required ca-file @/{file}.pem");
        let (facts, _) = agree(&authority.bind(&words), client.clone(), "one.example");
        assert_eq!(facts.is_ok_and(|facts| facts.client_certificate), taken, "{file}");
    }
}

/// The lengths of the records in these bytes.
fn records(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [_, 3, 3, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        lengths.push(length);
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty());
    lengths
}

#[test]
fn a_payload_is_one_record_and_large_ones_are_full() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    let bind = authority.bind("crt @/one.pem");
    let client = Arc::new(authority.client());
    let serve = async |local: Local, accepted: Accepted| {
        let (tls, _) = accepted.expect("a handshake");
        let store = store();
        let bytes = [7; 20_000];
        for parts in [&[1000][..], &[300, 1024], &[1, 0, 2, 3], &[16_384], &[300, 20_000, 1]] {
            let parts: Vec<_> = parts.iter().map(|len| chunk(&store, &bytes[..*len])).collect();
            // Each is heard before the next is said.
            assert_eq!(receive(&tls).await.expect("a word").as_deref(), Some(&b"next"[..]));
            tls.send(parts.into()).await.expect("it is sent");
        }
        assert_eq!(local.leftovers().blocks, 0, "nothing is under way, nothing is held");
        tls.finish().await;
        assert_eq!(hear(&tls).await, (vec![], Ok(())));
    };
    let (_, mut heard) = meet(kind(), &bind, serve, move |to| {
        let mut client = dial(to, &client, "one.example");
        shake(&mut client).expect("a handshake");
        let mut heard = Vec::new();
        for wanted in [1000, 1324, 6, 16_384, 20_301] {
            client.write_all(b"next").expect("it is sent");
            let mut raw = Vec::new();
            let mut plain = 0;
            while plain < wanted {
                let mut piece = [0; 65_536];
                let n = client.sock.read(&mut piece).expect("records");
                assert!(n > 0);
                raw.extend_from_slice(&piece[..n]);
                let mut rest = &piece[..n];
                while !rest.is_empty() {
                    client.conn.read_tls(&mut rest).expect("records");
                    let state = client.conn.process_new_packets().expect("records");
                    let len = state.plaintext_bytes_to_read();
                    client.conn.reader().read_exact(&mut vec![0; len]).expect("plaintext");
                    plain += len;
                }
            }
            assert_eq!(plain, wanted);
            heard.push(records(&raw));
        }
        let mut rest = Vec::new();
        assert_eq!(client.read_to_end(&mut rest).expect("close_notify"), 0);
        client.conn.send_close_notify();
        client.flush().expect("it is sent");
        heard
    });
    let [first, .., last] = &mut heard[..] else { panic!("five payloads") };
    assert_eq!(first.len(), 2, "tickets leave with the first data: {first:?}");
    first.remove(0);
    // The end may have come with it.
    last.truncate(2);
    let wanted = [vec![1017], vec![1341], vec![23], vec![16_401], vec![16_401, 3917 + 17]];
    assert_eq!(heard, wanted);
}

/// Bytes that no compressor and no mistake makes equal.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes: Vec<u8> = (0..len / 8 + 1).flat_map(|_| random.next().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

#[test]
fn megabytes_both_ways_at_once() {
    const LEN: usize = 6 << 20;
    let authority = Authority::new();
    authority.file_with("one.pem", &["one.example"], rsa());
    for (number, suite) in aws_lc_rs::DEFAULT_CIPHER_SUITES.iter().enumerate() {
        let version = match suite.tls13() {
            Some(_) => &rustls::version::TLS13,
            None => &rustls::version::TLS12,
        };
        if suite.suite().as_str().is_some_and(|name| name.contains("ECDSA")) {
            continue;
        }
        let bind = authority.bind("crt @/one.pem");
        let client = Arc::new(authority.client_with(only(&[*suite]), &[version]));
        each_ring(|kind| {
            let client = client.clone();
            let (seed, other) = (number as u64, number as u64 + 100);
            let serve = async move |_: Local, accepted: Accepted| {
                let (tls, _) = accepted.expect("a handshake");
                let (store, bytes, mut random) = (store(), noise(seed, LEN), Random(seed));
                let say = async {
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        let count = 1 + random.below(4);
                        let mut parts = Vec::new();
                        for _ in 0..count {
                            let len = random.length(rest.len().min(128 << 10));
                            let (part, after) = rest.split_at(len);
                            parts.push(chunk(&store, part));
                            rest = after;
                        }
                        tls.send(Payload::from(parts)).await.expect("it is sent");
                    }
                    tls.finish().await;
                };
                let ((), (heard, end)) = join(pin!(say), pin!(hear(&tls))).await;
                assert_eq!(end, Ok(()));
                assert!(heard == noise(other, LEN), "what came is what was said");
            };
            let ((), heard) = meet(kind, &bind, serve, move |to| converse(to, &client, other, LEN));
            assert!(heard == noise(seed, LEN), "what came is what was said");
        });
    }
}

/// Says and hears at once, on one thread: whenever one direction can go on, it does.
fn converse(
    to: std::net::SocketAddr,
    config: &Arc<ClientConfig>,
    seed: u64,
    len: usize,
) -> Vec<u8> {
    let mut client = dial(to, config, "one.example");
    shake(&mut client).expect("a handshake");
    client.sock.set_nonblocking(true).expect("a mode");
    let (bytes, mut random) = (noise(seed, len), Random(seed));
    let (mut rest, mut heard, mut ended) = (&bytes[..], Vec::new(), false);
    let mut said_end = false;
    loop {
        if !client.conn.wants_write() && !rest.is_empty() {
            let n = random.length(rest.len().min(50_000));
            rest = &rest[client.conn.writer().write(&rest[..n]).expect("room")..];
        }
        if rest.is_empty() && !said_end {
            client.conn.send_close_notify();
            said_end = true;
        }
        let mut stuck = true;
        while client.conn.wants_write() {
            match client.conn.write_tls(&mut client.sock) {
                Ok(_) => stuck = false,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        if !ended {
            match client.conn.read_tls(&mut client.sock) {
                Ok(0) => ended = true,
                Ok(_) => stuck = false,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
            let state = client.conn.process_new_packets().expect("records");
            let start = heard.len();
            heard.resize(start + state.plaintext_bytes_to_read(), 0);
            client.conn.reader().read_exact(&mut heard[start..]).expect("plaintext");
            ended |= state.peer_has_closed();
        }
        if ended && said_end && !client.conn.wants_write() {
            return heard;
        }
        if stuck {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_byte_at_a_time() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    let bind = authority.bind("crt @/one.pem");
    let client = Arc::new(authority.client());
    each_ring(|kind| {
        let client = client.clone();
        let serve = async |_: Local, accepted: Accepted| {
            let (tls, _) = accepted.expect("a handshake");
            let (heard, end) = hear(&tls).await;
            assert_eq!((heard, end), (noise(1, 3000), Ok(())));
            tls.send(chunk(&store(), b"all of it").into()).await.expect("it is sent");
            tls.finish().await;
        };
        meet(kind, &bind, serve, move |to| {
            let mut client = dial(to, &client, "one.example");
            client.sock.set_nodelay(true).expect("an option");
            while client.conn.is_handshaking() {
                trickle(&mut client);
                if client.conn.wants_read() {
                    client.conn.read_tls(&mut client.sock).expect("records");
                    client.conn.process_new_packets().expect("records");
                }
            }
            for part in noise(1, 3000).chunks(1000) {
                client.conn.writer().write_all(part).expect("room");
            }
            client.conn.send_close_notify();
            trickle(&mut client);
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).expect("close_notify");
            assert_eq!(heard, b"all of it");
        });
    });
}

/// Sends what the client has to say a byte at a time.
fn trickle(client: &mut common::tls::Client) {
    let mut bytes = Vec::new();
    while client.conn.wants_write() {
        client.conn.write_tls(&mut bytes).expect("memory");
    }
    for byte in bytes {
        client.sock.write_all(&[byte]).expect("it is sent");
    }
}

#[test]
fn an_end_without_close_notify_is_a_reset() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    let bind = authority.bind("crt @/one.pem");
    let client = Arc::new(authority.client());
    for part in [0, 1, 5, 30, usize::MAX] {
        let client = client.clone();
        let serve = async |_: Local, accepted: Accepted| {
            let (tls, _) = accepted.expect("a handshake");
            let heard = hear(&tls).await;
            assert_eq!(tls.fault(), None);
            assert!(tls.has_news(), "the end is news");
            assert_eq!(receive(&tls).await.map(|_| ()), Err(ReceiveError::Reset), "it stays so");
            heard
        };
        let (heard, ()) = meet(kind(), &bind, serve, move |to| {
            let mut client = dial(to, &client, "one.example");
            shake(&mut client).expect("a handshake");
            client.write_all(b"the first word").expect("it is sent");
            client.conn.writer().write_all(b"the second").expect("room");
            let mut bytes = Vec::new();
            client.conn.write_tls(&mut bytes).expect("memory");
            client.sock.write_all(&bytes[..part.min(bytes.len())]).expect("it is sent");
        });
        let wanted = if part == usize::MAX { "the first wordthe second" } else { "the first word" };
        assert_eq!(heard, (wanted.as_bytes().to_vec(), Err(ReceiveError::Reset)));
    }
}

#[test]
fn records_that_are_none_get_an_alert() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    let bind = authority.bind("crt @/one.pem");
    let client = Arc::new(authority.client());
    for (bytes, alert) in [
        // Application data that nobody sealed; a content type that there is not; one that is too long;
        // a handshake message, and an alert, in the clear.
        (&[23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1][..], 20),
        (b"GET / HTTP/1.1\r\n\r\n", 50),
        (&[23, 3, 3, 0xff, 0xff], 50),
        (&[22, 3, 3, 0, 4, 24, 0, 0, 0], 20),
        (&[23, 3, 3, 0, 0], 20),
        (&[20, 3, 3, 0, 1, 1], 10),
    ] {
        let client = client.clone();
        let serve = async |_: Local, accepted: Accepted| {
            let (tls, _) = accepted.expect("a handshake");
            assert_eq!(receive(&tls).await.expect("a word").as_deref(), Some(&b"well"[..]));
            assert_eq!(hear(&tls).await, (vec![], Err(ReceiveError::Reset)));
            assert!(tls.fault().is_some());
            let more = tls.send(chunk(&store(), b"more").into()).await;
            assert!(more.is_err(), "nothing follows an alert");
            tls.finish().await;
        };
        let (_, error) = meet(kind(), &bind, serve, move |to| {
            let mut client = dial(to, &client, "one.example");
            shake(&mut client).expect("a handshake");
            client.write_all(b"well").expect("it is sent");
            client.sock.write_all(bytes).expect("it is sent");
            let mut heard = Vec::new();
            client.read_to_end(&mut heard).expect_err("an alert").into_inner()
        });
        let error = error.expect("of rustls");
        let error = error.downcast::<rustls::Error>().expect("of rustls");
        let rustls::Error::AlertReceived(got) = *error else { panic!("{error}") };
        assert_eq!(u8::from(got), alert, "{bytes:?}");
    }
}

#[test]
fn a_handshake_that_is_none_gets_an_alert() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    let bind = authority.bind("crt @/one.pem");
    // A ClientHello of 30 KiB in two records.
    let record = [&[22, 3, 1, 0x3c, 0][..], &[0; 15 * 1024]].concat();
    let mut large = [record.clone(), record].concat();
    large[5..9].copy_from_slice(&[1, 0, 0x77, 0xfc]);
    let large: &'static [u8] = large.leak();
    for (bytes, alert) in [
        (large, true),
        (&b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\n"[..], true),
        (&[22, 3, 1, 0, 4, 1, 0, 0, 0], true),
        (&[23, 3, 3, 0, 1, 0], true),
        (&[22, 3, 1, 0xff, 0xff], true),
        (&[21, 3, 3, 0, 2, 1, 0], true),
        (&[22, 3, 1, 0x40, 0, 1], false),
        (b"", false),
    ] {
        let serve = async |_: Local, accepted: Accepted| accepted.map(|_| ());
        let (fault, answer) = meet(kind(), &bind, serve, move |to| {
            let mut tcp = TcpStream::connect(to).expect("a connection");
            tcp.write_all(bytes).expect("it is sent");
            tcp.shutdown(Shutdown::Write).expect("an end");
            let mut answer = Vec::new();
            // Some of what came may be unread: then a reset follows the alert.
            let _ = tcp.read_to_end(&mut answer);
            answer
        });
        match alert {
            true => assert!(matches!(fault, Err(HandshakeFault::Tls(_))), "{bytes:?}: {fault:?}"),
            false => assert_eq!(fault, Err(HandshakeFault::Gone), "{bytes:?}"),
        }
        assert_eq!(answer.first() == Some(&21), alert, "{bytes:?}: {answer:?}");
    }
}

/// hostile-input.md, row B20.
#[test]
fn a_flood_of_key_updates_ends() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    let bind = authority.bind("crt @/one.pem");
    let client = Arc::new(authority.client());
    for with_data in [false, true] {
        let client = client.clone();
        let serve = async |_: Local, accepted: Accepted| {
            let (tls, _) = accepted.expect("a handshake");
            let (heard, end) = hear(&tls).await;
            assert_eq!(end, Err(ReceiveError::Reset));
            assert!(tls.fault().is_some());
            heard.len()
        };
        let (heard, ()) = meet(kind(), &bind, serve, move |to| {
            let mut client = dial(to, &client, "one.example");
            shake(&mut client).expect("a handshake");
            for _ in 0..1000 {
                client.conn.refresh_traffic_keys().expect("TLS 1.3");
                let said = if with_data { client.write_all(b"x") } else { client.flush() };
                if said.is_err() {
                    return;
                }
            }
            // All of it may be in the kernel's buffers by now.
            let _ = client.read_to_end(&mut Vec::new());
        });
        assert!(heard <= 100, "{heard}");
    }
}

#[test]
fn key_updates_in_both_directions() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    let bind = authority.bind("crt @/one.pem");
    let client = Arc::new(authority.client());
    let serve = async |_: Local, accepted: Accepted| {
        let (tls, _) = accepted.expect("a handshake");
        for _ in 0..20 {
            let word = receive(&tls).await.expect("a word").expect("a word");
            tls.send(word.into()).await.expect("it is sent");
        }
        assert_eq!(hear(&tls).await, (vec![], Ok(())));
        tls.finish().await;
    };
    meet(kind(), &bind, serve, move |to| {
        let mut client = dial(to, &client, "one.example");
        shake(&mut client).expect("a handshake");
        for number in 0..20u8 {
            client.conn.refresh_traffic_keys().expect("TLS 1.3");
            client.write_all(&[number; 9]).expect("it is sent");
            let answer = &mut [0; 9];
            client.read_exact(answer).expect("an answer");
            assert_eq!(answer, &[number; 9]);
        }
        client.conn.send_close_notify();
        client.flush().expect("it is sent");
        assert_eq!(client.read_to_end(&mut Vec::new()).expect("close_notify"), 0);
    });
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let authority = Authority::new();
    authority.file("one.pem", &["one.example"]);
    let bind = authority.bind("crt @/one.pem");
    let client = Arc::new(authority.client());
    let (go, went) = std::sync::mpsc::channel();
    let serve = async move |local: Local, accepted: Accepted| {
        let (tls, _) = accepted.expect("a handshake");
        let word = receive(&tls).await.expect("a word").expect("a word");
        assert_eq!(&*word, b"word");
        drop(word);
        assert!(
            std::future::poll_fn(|_| std::task::Poll::Ready(tls.poll_receive())).await.is_pending()
        );
        assert!(!tls.has_news());
        assert_eq!(local.leftovers().blocks, 0);
        go.send(()).expect("the client waits");
        assert_eq!(hear(&tls).await, (vec![], Ok(())));
        assert!(tls.has_news(), "the end is news");
    };
    meet(kind(), &bind, serve, move |to| {
        let mut client = dial(to, &client, "one.example");
        client.write_all(b"word").expect("it is sent");
        went.recv().expect("the server is there");
        client.conn.send_close_notify();
        client.flush().expect("it is sent");
    });
}

/// OpenSSL's client, if the machine has it: another implementation than the one that Koi stands on.
#[test]
fn openssl_is_served() {
    let authority = Authority::new();
    authority.file("site.pem.ecdsa", &["one.example"]);
    authority.file_with("site.pem.rsa", &["one.example"], rsa());
    let bind = authority.bind("crt @/site.pem alpn http/1.1 verify optional ca-file @/ca.pem");
    let own = authority.file("client.pem", &["client"]);
    for (words, version, shows) in [
        ("-tls1_3", "TLSv1.3", false),
        ("-tls1_2", "TLSv1.2", false),
        ("-tls1_2 -sigalgs RSA+SHA256", "TLSv1.2", false),
        ("-tls1_3 -groups P-384 -cert client.pem -alpn h2,http/1.1", "TLSv1.3", true),
        ("-tls1_2 -cert client.pem", "TLSv1.2", true),
    ] {
        let serve = async |_: Local, accepted: Accepted| {
            let (tls, facts) = accepted?;
            let line = receive(&tls).await.expect("a line").expect("a line");
            tls.send(line.into()).await.expect("it is sent");
            let end = hear(&tls).await;
            tls.finish().await;
            assert_eq!(end, (vec![], Ok(())), "openssl says close_notify");
            Ok::<_, HandshakeFault>(facts)
        };
        let folder = authority.folder.path().to_owned();
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let (facts, said) = meet(kind(), &bind, serve, move |to| {
            let mut openssl = std::process::Command::new("openssl");
            openssl.args(["s_client", "-quiet", "-no_ign_eof", "-verify_return_error"]);
            openssl.args(["-CAfile", "ca.pem", "-servername", "one.example"]);
            openssl.args(["-connect", &to.to_string()]).args(words).current_dir(folder);
            openssl.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
            openssl.stderr(std::process::Stdio::null());
            let Ok(mut openssl) = openssl.spawn() else {
                // The other side waits for somebody.
                let _ = TcpStream::connect(to);
                return None;
            };
            let mut words = openssl.stdin.take().expect("a pipe");
            words.write_all(b"hello\n").expect("it listens");
            let mut said = [0; 6];
            openssl.stdout.take().expect("a pipe").read_exact(&mut said).expect("the echo");
            drop(words);
            openssl.wait().expect("it ends");
            Some(said)
        });
        let Some(said) = said else {
            common::say("*** SKIPPED: openssl is not installed ***");
            return;
        };
        let facts = facts.expect("a handshake");
        assert_eq!((&said, &*facts.version), (b"hello\n", version));
        assert_eq!(facts.client_der.as_deref(), shows.then_some(&*own.der));
        assert_eq!(facts.alpn.is_some(), shows && version == "TLSv1.3");
    }
}
