//! Who vouches for the peer: verifiers of clients' and of servers' certificates.
//!
//! In: authorities, lists of revoked certificates. Out: rustls's verifiers. Chains are webpki's work
//! (RFC 5280); what is ours is what HAProxy does besides: `verify none`, chains without a name,
//! certificates that are trusted themselves, names in the subject where there are no others.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::files::Problem;

/// Certificates as anchors of trust. Those that cannot be are left out.
fn anchors(authorities: &[CertificateDer<'static>]) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    Arc::new(roots)
}

/// What a bind asks of its clients.
pub(super) struct ClientRules {
    /// They need not show a certificate.
    pub optional: bool,
    /// Who may have signed it; clients are told the names of these.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Who else may have.
    pub silent: Vec<CertificateDer<'static>>,
    /// Clients are told no names.
    pub no_names: bool,
    pub revoked: Vec<CertificateRevocationListDer<'static>>,
}

impl ClientRules {
    pub fn verifier(
        self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, Problem> {
        let told = anchors(&self.authorities).subjects();
        let all: Vec<_> = self.authorities.into_iter().chain(self.silent).collect();
        let builder = WebPkiClientVerifier::builder_with_provider(anchors(&all), provider);
        let builder = builder.clear_root_hint_subjects();
        let builder = if self.no_names { builder } else { builder.add_root_hint_subjects(told) };
        let revokes = !self.revoked.is_empty();
        let builder = builder.with_crls(self.revoked);
        let builder = if revokes { builder.enforce_revocation_expiration() } else { builder };
        let builder = if self.optional { builder.allow_unauthenticated() } else { builder };
        let usual = builder
            .build()
            .map_err(|error| Problem::new(format!("clients cannot be verified: {error}")))?;
        // Who could have revoked a certificate that nobody signed is not known.
        let trusted = if revokes { Vec::new() } else { all };
        Ok(Arc::new(Clients { usual, trusted }))
    }
}

/// Checks a client's certificate: its chain, or whether it is trusted itself.
#[derive(Debug)]
struct Clients {
    usual: Arc<dyn ClientCertVerifier>,
    /// Certificates that are good although nobody signed them: a client's own in a `ca-file`.
    trusted: Vec<CertificateDer<'static>>,
}

impl ClientCertVerifier for Clients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.usual.root_hint_subjects()
    }

    fn offer_client_auth(&self) -> bool {
        self.usual.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.usual.client_auth_mandatory()
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.usual.verify_client_cert(own, others, now) {
            Err(_) if self.trusted.contains(own) => {
                in_its_time(own, now).map(|()| ClientCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// `verify none`: takes any server. Nor does its signature count: whoever sits in between can make a
/// certificate that fits his own, and those of appliances (version 1, RSA of 1024 bits) are none that
/// webpki could check signatures with.
#[derive(Debug)]
pub(super) struct Anybody {
    pub provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks a server's certificate: its chain, and its name if there is one to compare with.
#[derive(Debug)]
pub(super) struct Verified {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    /// Certificates that are good although nobody signed them: a server's own in a `ca-file`.
    trusted: Vec<CertificateDer<'static>>,
    revocation: Option<Arc<WebPkiServerVerifier>>,
    /// `verifyhost`: the name where none was asked for.
    host: Option<ServerName<'static>>,
}

impl Verified {
    pub fn new(
        provider: Arc<CryptoProvider>,
        authorities: Vec<CertificateDer<'static>>,
        revoked: Vec<CertificateRevocationListDer<'static>>,
        host: Option<ServerName<'static>>,
    ) -> Result<Verified, Problem> {
        let roots = anchors(&authorities);
        let revocation = match revoked.is_empty() {
            true => None,
            false => {
                let builder =
                    WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone());
                let builder = builder.with_crls(revoked).enforce_revocation_expiration();
                let built = builder.build();
                Some(built.map_err(|error| {
                    Problem::new(format!("servers cannot be verified: {error}"))
                })?)
            }
        };
        Ok(Verified { provider, roots, trusted: authorities, revocation, host })
    }

    fn chain(
        &self,
        own: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let found =
            verify_server_cert_signed_by_trust_anchor(parsed, &self.roots, others, now, algorithms);
        match found {
            Err(_) if self.trusted.contains(own) => in_its_time(own, now),
            other => other,
        }
    }

    fn name(
        &self,
        own: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        name: &ServerName<'_>,
    ) -> Result<(), Error> {
        match verify_server_name(parsed, name) {
            Err(error) => match name {
                ServerName::DnsName(name) if has_common_name(own, name.as_ref()) => Ok(()),
                _ => Err(error),
            },
            Ok(()) => Ok(()),
        }
    }
}

/// Whether the certificate's time has come, and is not over.
fn in_its_time(der: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|_| CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.timestamp() {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// Whether the subject's common name is this one, where there are no alternative names (RFC 6125
/// §6.4.4): OpenSSL, and so HAProxy, compares with it.
fn has_common_name(der: &CertificateDer<'_>, name: &str) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
    if !matches!(certificate.subject_alternative_name(), Ok(None)) {
        return false;
    }
    let name = name.to_ascii_lowercase();
    let mut common = certificate.subject().iter_common_name().filter_map(|it| it.as_str().ok());
    common.any(|common| {
        let common = common.to_ascii_lowercase();
        match common.strip_prefix("*.") {
            Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest == parent),
            None => common == name,
        }
    })
}

impl ServerCertVerifier for Verified {
    /// `name` is an address where no name was asked for.
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(own)?;
        self.chain(own, &parsed, others, now)?;
        if let Some(revocation) = &self.revocation {
            // It looks at the name last, which is not its business here.
            match revocation.verify_server_cert(own, others, name, ocsp, now) {
                Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                ))
                | Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
        let asked = match name {
            ServerName::IpAddress(_) => self.host.as_ref(),
            other => Some(other),
        };
        if let Some(name) = asked {
            self.name(own, &parsed, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let supported = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, supported)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let supported = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, supported)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
