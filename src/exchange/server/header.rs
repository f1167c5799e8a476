//! The PROXY protocol to a server: what it says about the client's connection.
//!
//! In: the exchange, and what the server's options ask for. Out: a header, at most a bulk block.

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use crate::config::plan::{ProxyProtocol, ProxyV2Option};
use crate::exchange::site::Site;
use crate::proto::proxy_protocol::{Command, client, ssl_value, tlv, write_v1, write_v2};
use crate::rules::context::TlsFacts;
use crate::rules::program::Compiled;
use crate::rules::walk::Walk;
use crate::worker::{Chunk, Class};

/// The header's bytes. Version 2, if both are asked for.
pub(super) fn encode(walk: &Walk<'_>, says: &ProxyProtocol) -> Vec<u8> {
    let source = walk.exchange.source(walk.connection);
    let destination = walk.exchange.destination.unwrap_or(walk.connection.destination);
    let mut out = Vec::new();
    if says.v2.is_none() {
        write_v1(source, destination, &mut out);
        return out;
    }
    let fields = fields(walk, says);
    let fields: Vec<(u8, &[u8])> = fields.iter().map(|(kind, it)| (*kind, &**it)).collect();
    let command = Command::Proxy(Some((source, destination)));
    write_v2(command, &fields, has(says, ProxyV2Option::Crc32c), &mut out);
    out
}

/// The same in a buffer; `None` if there is none, or it is too long.
pub(super) fn payload(site: &Site, bytes: &[u8]) -> Option<Chunk> {
    let class = if bytes.len() <= Class::Small.bytes() { Class::Small } else { Class::Bulk };
    let mut lease = site.local.pool().lease(class)?;
    lease.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(lease.freeze(bytes.len()))
}

fn has(says: &ProxyProtocol, option: ProxyV2Option) -> bool {
    says.options.iter().any(|it| it.value == option)
}

type Fields = Vec<(u8, Vec<u8>)>;

fn fields(walk: &Walk<'_>, says: &ProxyProtocol) -> Fields {
    let (mut fields, tls) = (Fields::new(), walk.connection.tls.as_ref());
    if let Some(alpn) = tls.and_then(|tls| tls.alpn.as_ref()) {
        fields.push((tlv::ALPN, alpn.as_bytes().to_vec()));
    }
    let backend = walk.backend.unwrap_or(walk.connection.frontend);
    let options = &walk.program.proxy(backend).server_options;
    for field in &says.tlvs {
        if let Some(Some(Compiled::Format(format))) = options.get(&field.format.span) {
            fields.push((field.id.value, format.bytes(&walk.context()).into_owned()));
        }
    }
    if has(says, ProxyV2Option::Authority)
        && let Some(name) = tls.and_then(|tls| tls.sni.as_ref())
    {
        fields.push((tlv::AUTHORITY, name.as_bytes().to_vec()));
    }
    if has(says, ProxyV2Option::UniqueId)
        && let Some(id) = &walk.exchange.unique_id
    {
        fields.push((tlv::UNIQUE_ID, id.to_vec()));
    }
    let of_tls = [
        ProxyV2Option::Ssl,
        ProxyV2Option::CertCn,
        ProxyV2Option::SslCipher,
        ProxyV2Option::CertSig,
        ProxyV2Option::CertKey,
    ];
    if of_tls.into_iter().any(|option| has(says, option)) {
        fields.push((tlv::SSL, of_client(tls, says)));
    }
    fields
}

/// What is said of the client's TLS. Without TLS it says so.
fn of_client(tls: Option<&TlsFacts>, says: &ProxyProtocol) -> Vec<u8> {
    let Some(tls) = tls else { return ssl_value(0, 1, &[]) };
    let mut bits = client::SSL;
    if tls.client_certificate {
        bits |= client::CERT_SESS | if tls.resumed { 0 } else { client::CERT_CONN };
    }
    let mut fields: Fields = vec![(tlv::SSL_VERSION, tls.version.as_bytes().to_vec())];
    if has(says, ProxyV2Option::CertCn) {
        let name = tls.client_der.as_deref().and_then(common_name);
        fields.extend(name.map(|name| (tlv::SSL_CN, name.into_bytes())));
    }
    if has(says, ProxyV2Option::CertKey) {
        let key = tls.own_der.as_deref().and_then(key_algorithm);
        fields.extend(key.map(|key| (tlv::SSL_KEY_ALG, key.into_bytes())));
    }
    if has(says, ProxyV2Option::CertSig) {
        let signature = tls.own_der.as_deref().and_then(signature_algorithm);
        fields.extend(signature.map(|it| (tlv::SSL_SIG_ALG, it.as_bytes().to_vec())));
    }
    if has(says, ProxyV2Option::SslCipher) {
        fields.push((tlv::SSL_CIPHER, tls.cipher.as_bytes().to_vec()));
    }
    let fields: Vec<(u8, &[u8])> = fields.iter().map(|(kind, it)| (*kind, &**it)).collect();
    let verify = u32::from(!tls.client_certificate || tls.verify_result != 0);
    ssl_value(bits, verify, &fields)
}

fn common_name(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let name = certificate.subject().iter_common_name().next()?.as_str().ok()?;
    Some(name.to_owned())
}

/// As HAProxy says it: `RSA2048`, `EC256`.
fn key_algorithm(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    match certificate.public_key().parsed().ok()? {
        PublicKey::RSA(key) => Some(format!("RSA{}", key.key_size())),
        PublicKey::EC(point) => Some(format!("EC{}", point.key_size())),
        _ => None,
    }
}

/// In OpenSSL's short names.
fn signature_algorithm(der: &[u8]) -> Option<&'static str> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(match &*certificate.signature_algorithm.algorithm.to_id_string() {
        "1.2.840.113549.1.1.5" => "RSA-SHA1",
        "1.2.840.113549.1.1.10" => "RSASSA-PSS",
        "1.2.840.113549.1.1.11" => "RSA-SHA256",
        "1.2.840.113549.1.1.12" => "RSA-SHA384",
        "1.2.840.113549.1.1.13" => "RSA-SHA512",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "ED25519",
        "1.3.101.113" => "ED448",
        _ => return None,
    })
}
