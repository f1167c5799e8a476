//! TLS across reloads: who is connected stays, who comes gets what is new.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::folder::Folder;
use crate::koi::*;
use crate::origin::defaults;
use crate::tell::done;

/// Makes a certificate, and writes it with its key.
fn certificate(folder: &Folder, file: &str) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).expect("made");
    let path = folder.file(file, made.cert.pem() + &made.signing_key.serialize_pem());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    made.cert.der().clone()
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn connect(port: u16, roots: &[&CertificateDer<'static>]) -> Tls {
    let mut store = RootCertStore::empty();
    roots.iter().for_each(|root| store.add((*root).clone()).expect("a root"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(store)
        .with_no_client_auth();
    let name = ServerName::try_from("a.example").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    StreamOwned::new(connection, Client::connect(port).0)
}

/// One exchange; the certificate that was shown.
fn ask(tls: &mut Tls) -> (String, Vec<u8>) {
    tls.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").expect("a request");
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"hello") {
        tls.read_exact(&mut byte).expect("an answer");
        text.push(byte[0]);
    }
    let shown = tls.conn.peer_certificates().expect("certificates")[0].to_vec();
    (String::from_utf8(text).expect("text"), shown)
}

fn text(port: u16, words: &str) -> String {
    defaults(&format!(
        "frontend web\n    bind 127.0.0.1:{port} ssl {words}\n    \
         http-request return status 200 content-type text/plain string hello\n"
    ))
}

#[test]
fn a_connection_stays_and_a_new_one_gets_the_new_certificate() {
    let (folder, port) = (Folder::new(), free_port());
    let one = certificate(&folder, "one.pem");
    let two = certificate(&folder, "two.pem");
    folder.file("a.cfg", text(port, "crt one.pem"));
    let koi = Koi::start(&folder, &["-f", "a.cfg"], port);
    let mut kept = connect(port, &[&one, &two]);
    assert_eq!(ask(&mut kept).1, one.to_vec());
    let said = done(&koi, &folder, &text(port, "crt two.pem"));
    assert!(said.contains("1 proxy changed") && !said.contains("opened"), "{said}");
    assert_eq!(ask(&mut connect(port, &[&one, &two])).1, two.to_vec());
    let (answer, _) = ask(&mut kept);
    assert!(!answer.to_lowercase().contains("connection: close"), "{answer}");
    // The same words, another file.
    let three = certificate(&folder, "two.pem");
    done(&koi, &folder, &text(port, "crt two.pem"));
    assert_eq!(ask(&mut connect(port, &[&two, &three])).1, three.to_vec());
    // A file that cannot be used: everything stays.
    folder.file("two.pem", "nonsense");
    let said = crate::tell::reload(&koi, &folder, &text(port, "crt two.pem"));
    assert!(said.contains("refused") && said.contains("two.pem"), "{said}");
    assert_eq!(ask(&mut connect(port, &[&two, &three])).1, three.to_vec());
    ask(&mut kept);
    // Who has shown no certificate may not go on where one is asked for now.
    let three = certificate(&folder, "two.pem");
    done(&koi, &folder, &text(port, "crt two.pem verify required ca-file one.pem"));
    assert_eq!(kept.read(&mut [0]).expect("an end in order"), 0);
    drop(three);
}
