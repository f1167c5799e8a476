//! TLS to servers: whose certificates are taken, what is asked for, sessions.

mod common;

use common::peer::{chunk, store};
use common::tls::{Authority, Signed, hear, key, origins};
use common::{address, rings, run, worker};
use koi::rules::context::TlsFacts;
use koi::tls::{HandshakeFault, Reload, ServerTls};
use koi::worker::{Local, ReceiveError, SendError};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, Error, ServerConfig};
use std::io::{Read, Write};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// A server with this certificate.
fn config(own: &Signed) -> ServerConfig {
    ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(own.chain(), own.key.clone_key())
        .expect("a certificate")
}

/// What a connection came to, and what the server saw: the name and the protocol asked for.
type Met = (Result<TlsFacts, HandshakeFault>, Option<(Option<String>, Option<Vec<u8>>)>);

/// Connects so many times, one behind the other.
fn connect(
    tls: &Arc<ServerTls>,
    config: ServerConfig,
    name: Option<&str>,
    times: usize,
) -> Vec<Met> {
    let mut all = Vec::new();
    let (tls, name) = (tls.clone(), name.map(str::to_owned));
    let (seen, told) = std::sync::mpsc::channel();
    let (to, serving) = origins(config, times, move |mut stream| {
        let mut word = [0; 4];
        let heard = stream.read_exact(&mut word).is_ok() && stream.write_all(b"pong").is_ok();
        let name = stream.conn.server_name().map(str::to_owned);
        let protocol = stream.conn.alpn_protocol().map(<[u8]>::to_vec);
        seen.send(heard.then_some((name, protocol))).expect("somebody listens");
        stream.conn.send_close_notify();
        let _ = stream.flush();
        let _ = stream.sock.shutdown(std::net::Shutdown::Write);
        let _ = stream.sock.read_to_end(&mut Vec::new());
    });
    for _ in 0..times {
        let (tls, name) = (tls.clone(), name.clone());
        let met = run(worker(rings()[0]), async move |local: Local| {
            let to = address(&to.to_string());
            let stream = local.connect(&to).await.expect("a connection");
            let (tls, facts) = tls.connect(stream, name.as_deref()).await?;
            tls.send(chunk(&store(), b"ping").into()).await.expect("it is sent");
            assert_eq!(hear(&tls).await, (b"pong".to_vec(), Ok(())));
            tls.finish().await;
            Ok(facts)
        });
        all.push((met, told.recv().expect("the server is done")));
    }
    serving.join().expect("the server is done");
    all
}

fn one(tls: &Arc<ServerTls>, config: ServerConfig, name: Option<&str>) -> Met {
    connect(tls, config, name, 1).remove(0)
}

fn refusal(met: Met) -> CertificateError {
    match met.0 {
        Err(HandshakeFault::Tls(Error::InvalidCertificate(error))) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn chains_and_names() {
    let authority = Authority::new();
    let stranger = Authority::new();
    let new_key = || rcgen::KeyPair::generate().expect("a key");
    let good = authority.sign(&["good.example"], new_key(), 5);
    let other = stranger.sign(&["good.example"], new_key(), 5);
    authority.folder.file("crl.pem", authority.revoke(&[5]));
    authority.folder.file("other-crl.pem", authority.revoke(&[6]));
    let required = authority.server("verify required ca-file @/ca.pem").expect("it loads");
    let none = authority.server("verify none").expect("it loads");
    let host = authority.server("ca-file @/ca.pem verifyhost good.example").expect("it loads");
    let wrong = authority.server("ca-file @/ca.pem verifyhost bad.example").expect("it loads");
    let revoking = authority.server("ca-file @/ca.pem crl-file @/crl.pem").expect("it loads");
    let passing = authority.server("ca-file @/ca.pem crl-file @/other-crl.pem").expect("it loads");

    for (tls, name) in [
        (&required, Some("good.example")),
        // The chain counts, the name does not.
        (&required, None),
        (&host, None),
        // A name that is asked for counts before `verifyhost`.
        (&wrong, Some("good.example")),
        (&passing, Some("good.example")),
        (&passing, None),
        (&none, None),
        (&none, Some("whatever.example")),
    ] {
        let (facts, seen) = one(tls, config(&good), name);
        let facts = facts.expect("a handshake");
        assert_eq!(facts.client_der.as_deref(), Some(&*good.der), "the server's certificate");
        assert_eq!((&*facts.version, &*facts.cipher), ("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
        assert_eq!(seen.expect("it heard").0.as_deref(), name);
    }
    assert!(one(&none, config(&other), None).0.is_ok());
    // Both authorities have one name.
    assert_eq!(refusal(one(&required, config(&other), None)), CertificateError::BadSignature);
    assert_eq!(refusal(one(&revoking, config(&good), None)), CertificateError::Revoked);
    let name = Some("good.example");
    assert_eq!(refusal(one(&revoking, config(&good), name)), CertificateError::Revoked);
    for (tls, name) in [(&required, Some("bad.example")), (&wrong, None), (&host, Some("a.b"))] {
        let error = refusal(one(tls, config(&good), name));
        assert!(matches!(error, CertificateError::NotValidForNameContext { .. }), "{error:?}");
    }
}

/// As `openssl req -x509` makes them: the server's own certificate is the `ca-file`.
#[test]
fn a_server_that_vouches_for_itself() {
    let authority = Authority::new();
    for (is_ca, expired) in [(false, false), (true, false), (true, true)] {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(rcgen::DnType::CommonName, "Self.Example");
        if is_ca {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        if expired {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let key = key(&rcgen::PKCS_ECDSA_P256_SHA256);
        let certificate = params.self_signed(&key).expect("a certificate");
        let own = Signed {
            der: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
            pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        };
        authority.folder.file("self.pem", &own.pem);
        let tls = authority.server("ca-file @/self.pem").expect("it loads");
        let nameless = one(&tls, config(&own), None);
        if expired {
            let error = refusal(nameless);
            assert!(
                matches!(
                    error,
                    CertificateError::Expired | CertificateError::ExpiredContext { .. }
                ),
                "{error:?}"
            );
            continue;
        }
        assert!(nameless.0.is_ok(), "{is_ca}: {:?}", nameless.0);
        // The subject's name counts where there is no other.
        assert!(one(&tls, config(&own), Some("self.example")).0.is_ok());
        refusal(one(&tls, config(&own), Some("other.example")));
    }
}

#[test]
fn sessions_protocols_and_versions() {
    let authority = Authority::new();
    let own = authority.sign(&["s.example"], rcgen::KeyPair::generate().expect("a key"), 5);
    let resumed = |words: &str, name: Option<&str>| -> Vec<bool> {
        let tls = authority.server(&format!("verify none {words}")).expect("it loads");
        let met = connect(&tls, config(&own), name, 3);
        met.into_iter().map(|(facts, _)| facts.expect("a handshake").resumed).collect()
    };
    assert_eq!(resumed("", None), [false, true, true]);
    assert_eq!(resumed("", Some("s.example")), [false, true, true]);
    assert_eq!(resumed("ssl-max-ver TLSv1.2", None), [false, true, true]);
    assert_eq!(resumed("no-ssl-reuse", None), [false, false, false]);

    let mut speaks = config(&own);
    speaks.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tls = authority.server("verify none alpn h2,http/1.1").expect("it loads");
    let (facts, seen) = one(&tls, speaks, None);
    assert_eq!(facts.expect("a handshake").alpn.as_deref(), Some("http/1.1"));
    assert_eq!(seen.expect("it heard").1.as_deref(), Some(&b"http/1.1"[..]));

    let tls = authority
        .server("verify none ssl-max-ver TLSv1.2 ciphers ECDHE-ECDSA-CHACHA20-POLY1305")
        .expect("it loads");
    let (facts, _) = one(&tls, config(&own), None);
    assert_eq!(facts.expect("a handshake").cipher, "ECDHE-ECDSA-CHACHA20-POLY1305");
}

/// With `verify none` any server is taken, as by HAProxy: appliances have certificates of version 1,
/// and keys that are too short for anybody to trust.
#[test]
fn nobody_checks_what_is_not_verified() {
    let pem = include_str!("certificates/version1.pem").as_bytes();
    let der = CertificateDer::from_pem_slice(pem).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(pem).expect("a key");
    // One whose certificate webpki cannot read, and one whose signatures do not fit.
    let fitting = aws_lc_rs::sign::any_supported_type(&key).expect("a key");
    let other = rcgen::KeyPair::generate().expect("a key").serialize_der();
    let other = PrivateKeyDer::try_from(other).expect("a key");
    let other = aws_lc_rs::sign::any_supported_type(&other).expect("a key");
    let authority = Authority::new();
    let none = authority.server("verify none").expect("it loads");
    let required = authority.server("verify required ca-file @/ca.pem").expect("it loads");
    for signer in [fitting, other] {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let own = Arc::new(CertifiedKey::new(vec![der.clone()], signer.clone()));
            let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
                .with_protocol_versions(&[version])
                .expect("a version")
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
            let (facts, _) = one(&none, config.clone(), None);
            assert_eq!(facts.expect("a handshake").client_der.as_deref(), Some(&*der));
            assert!(one(&required, config, None).0.is_err());
        }
    }
}

#[test]
fn we_show_a_certificate() {
    let authority = Authority::new();
    let own = authority.sign(&["s.example"], rcgen::KeyPair::generate().expect("a key"), 5);
    let ours = authority.file("ours.pem", &["koi.example"]);
    let asking = || {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = Arc::new(authority.roots());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
        ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(own.chain(), own.key.clone_key())
            .expect("a certificate")
    };
    let tls = authority.server("verify none crt @/ours.pem").expect("it loads");
    let (facts, seen) = one(&tls, asking(), None);
    assert!(seen.is_some(), "the server took it");
    assert_eq!(facts.expect("a handshake").own_der.as_deref(), Some(&*ours.der));
}

#[test]
fn files_are_loaded_again() {
    let (authority, other) = (Authority::new(), Authority::new());
    let signed = |authority: &Authority| {
        config(&authority.sign(&["good.example"], rcgen::KeyPair::generate().expect("a key"), 5))
    };
    let (of_one, of_other) = (signed(&authority), signed(&other));
    let pem = |authority: &Authority| {
        std::fs::read(authority.folder.path().join("ca.pem")).expect("a file")
    };
    let text = "backend b\n server s 127.0.0.1:8443 ssl verify required ca-file @/trusted.pem\n";
    authority.folder.file("trusted.pem", pem(&authority));
    let plan = authority.plan(text);
    let server = &plan.proxies[0].servers[0];
    let tls = ServerTls::load(&plan, server, &mut |_| {}).expect("it loads");
    assert_eq!(tls.reload(&plan, server), Reload::default());
    assert!(one(&tls, of_one.clone(), None).0.is_ok());
    // A broken one changes nothing, and is told of once.
    authority.folder.file("trusted.pem", "rubbish");
    let told = tls.reload(&plan, server);
    assert!(told.faults.iter().any(|line| line.contains("trusted.pem")), "{told:?}");
    assert_eq!(tls.reload(&plan, server), Reload::default());
    assert!(one(&tls, of_one.clone(), None).0.is_ok());
    authority.folder.file("trusted.pem", pem(&other));
    let told = tls.reload(&plan, server);
    assert_eq!((told.faults.len(), told.changes.len()), (0, 1), "{told:?}");
    assert!(one(&tls, of_other, None).0.is_ok());
    assert!(one(&tls, of_one, None).0.is_err());
}

#[test]
fn what_cannot_be_loaded_is_told() {
    let authority = Authority::new();
    authority.folder.file("text.pem", "hello");
    for (words, wanted) in [
        ("verify required", "nothing says who signs the server's certificate"),
        ("ca-file @/absent.pem", "there is no such file"),
        ("ca-file @/text.pem", "holds no certificate"),
        ("ca-file @/ca.pem crl-file @/ca.pem", "holds no list of revoked certificates"),
        ("verify none crt @/ca.pem", "there is no private key"),
        ("ca-file @/ca.pem verifyhost a..b", "is not the name of a host"),
    ] {
        let faults = authority.server(words).expect_err("it does not load");
        assert!(faults.iter().any(|it| it.message.contains(wanted)), "{words}: {faults:?}");
    }
}

/// TLS 1.3 servers send tickets when nobody asks: an idle connection is not unfit for use by that.
#[test]
fn tickets_are_no_news() {
    let authority = Authority::new();
    let own = authority.sign(&["s.example"], rcgen::KeyPair::generate().expect("a key"), 5);
    let tls = authority.server("verify none").expect("it loads");
    let (go, gone) = std::sync::mpsc::channel();
    let (to, serving) = origins(config(&own), 1, move |mut stream| {
        stream.conn.complete_io(&mut stream.sock).expect("a handshake");
        gone.recv().expect("somebody listens");
        stream.write_all(b"unasked").expect("it is sent");
    });
    run(worker(rings()[0]), async move |local: Local| {
        let to = address(&to.to_string());
        let stream = local.connect(&to).await.expect("a connection");
        let (tls, _) = tls.connect(stream, None).await.expect("a handshake");
        let receive = || std::future::poll_fn(|_| Poll::Ready(tls.poll_receive().is_ready()));
        assert!(!receive().await);
        // They come, now or a little later.
        for _ in 0..20 {
            assert!(!tls.has_news(), "tickets");
            local.sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(local.leftovers().blocks, 0);
        go.send(()).expect("the server waits");
        while !tls.has_news() {
            local.sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(hear(&tls).await, (b"unasked".to_vec(), Err(ReceiveError::Reset)));
    });
    serving.join().expect("the server is done");
}

/// What was sealed and not sent cannot be made good: nothing may follow it.
#[test]
fn a_send_that_is_dropped_is_the_last() {
    let authority = Authority::new();
    let own = authority.sign(&["s.example"], rcgen::KeyPair::generate().expect("a key"), 5);
    let tls = authority.server("verify none").expect("it loads");
    let (go, gone) = std::sync::mpsc::channel();
    let (to, serving) = origins(config(&own), 1, move |mut stream| {
        stream.conn.complete_io(&mut stream.sock).expect("a handshake");
        gone.recv().expect("somebody listens");
        let mut heard = Vec::new();
        let end = stream.read_to_end(&mut heard);
        assert!(end.is_err(), "no close_notify");
        assert!(heard.iter().all(|byte| *byte == 7));
    });
    run(worker(rings()[0]), async move |local: Local| {
        let to = address(&to.to_string());
        let stream = local.connect(&to).await.expect("a connection");
        let (tls, _) = tls.connect(stream, None).await.expect("a handshake");
        let store = store();
        let much: Vec<_> = (0..200).map(|_| chunk(&store, &[7; 128 << 10])).collect();
        // More than the kernel holds, and nobody reads.
        let sent = local.timeout(Duration::from_millis(50), tls.send(much.into())).await;
        assert!(sent.is_err(), "it waits");
        let more = tls.send(chunk(&store, b"more").into()).await;
        assert_eq!(more, Err(SendError::Broken));
        go.send(()).expect("the server waits");
        tls.finish().await;
    });
    serving.join().expect("the server is done");
}
