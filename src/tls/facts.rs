//! What was agreed on in a handshake, for rules and logs.

use std::borrow::Cow;
use std::sync::Arc;

use rustls::{CommonState, HandshakeKind, ProtocolVersion};

use super::settings::suite_name;
use crate::rules::context::TlsFacts;

/// The facts of a connection whose handshake is done. `own` is our certificate.
pub(super) fn facts(
    common: &CommonState,
    sni: Option<Box<str>>,
    own: Option<Arc<[u8]>>,
) -> TlsFacts {
    let peer = common.peer_certificates().and_then(|chain| chain.first());
    TlsFacts {
        sni,
        alpn: common.alpn_protocol().map(protocol),
        version: match common.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".into(),
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".into(),
            _ => "".into(),
        },
        cipher: common.negotiated_cipher_suite().map_or("", suite_name).into(),
        resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
        client_certificate: peer.is_some(),
        client_der: peer.map(|der| Arc::from(&**der)),
        verify_result: 0,
        own_der: own,
        early: false,
    }
}

fn protocol(name: &[u8]) -> Cow<'static, str> {
    match name {
        b"http/1.1" => "http/1.1".into(),
        other => String::from_utf8_lossy(other).into_owned().into(),
    }
}
