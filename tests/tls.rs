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
