//! What is in a certificate: `ssl_c_s_dn` and its relatives (HAProxy 3.0, configuration.txt §7.3.4).
//!
//! In: DER. Out: samples in OpenSSL's words. One that cannot be read gives none.

use std::borrow::Cow;

use sha1::{Digest, Sha1};
use x509_parser::asn1_rs::Oid;
use x509_parser::prelude::{ASN1Time, AttributeTypeAndValue, FromDer, X509Certificate, X509Name};

use crate::rules::arg::Arg;
use crate::rules::value::Value;

/// OpenSSL's short names of what names are made of.
const ENTRIES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
];

/// And of algorithms.
const ALGORITHMS: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.1", "rsaEncryption"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.10045.2.1", "id-ecPublicKey"),
    ("1.3.101.112", "ED25519"),
    ("1.3.101.113", "ED448"),
    ("1.2.840.113549.1.1.5", "RSA-SHA1"),
    ("1.2.840.113549.1.1.11", "RSA-SHA256"),
    ("1.2.840.113549.1.1.12", "RSA-SHA384"),
    ("1.2.840.113549.1.1.13", "RSA-SHA512"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
];

/// What is asked of a certificate.
pub type Ask = fn(&[u8], &X509Certificate<'_>, &[Arg]) -> Option<Value<'static>>;

/// Asks a certificate.
pub fn ask(der: &[u8], args: &[Arg], ask: Ask) -> Option<Value<'static>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    ask(der, &certificate, args)
}

fn text(text: impl Into<Vec<u8>>) -> Option<Value<'static>> {
    Some(Value::Str(Cow::Owned(text.into())))
}

fn binary(bytes: impl Into<Vec<u8>>) -> Option<Value<'static>> {
    Some(Value::Bin(Cow::Owned(bytes.into())))
}

/// The name of who issued it.
pub fn issuer(_: &[u8], it: &X509Certificate<'_>, args: &[Arg]) -> Option<Value<'static>> {
    name(it.issuer(), args)
}

/// The name it is for.
pub fn subject(_: &[u8], it: &X509Certificate<'_>, args: &[Arg]) -> Option<Value<'static>> {
    name(it.subject(), args)
}

/// The algorithm of its key.
pub fn key_alg(_: &[u8], it: &X509Certificate<'_>, _: &[Arg]) -> Option<Value<'static>> {
    text(short(&it.public_key().algorithm.algorithm, ALGORITHMS).into_owned())
}

pub(super) fn sig_alg(_: &[u8], it: &X509Certificate<'_>, _: &[Arg]) -> Option<Value<'static>> {
    text(short(&it.signature_algorithm.algorithm, ALGORITHMS).into_owned())
}

pub(super) fn not_after(_: &[u8], it: &X509Certificate<'_>, _: &[Arg]) -> Option<Value<'static>> {
    time(it.validity().not_after)
}

pub(super) fn not_before(_: &[u8], it: &X509Certificate<'_>, _: &[Arg]) -> Option<Value<'static>> {
    time(it.validity().not_before)
}

/// Its serial number.
pub fn serial(_: &[u8], it: &X509Certificate<'_>, _: &[Arg]) -> Option<Value<'static>> {
    // A zero before the highest bit is DER's, not the number's.
    match it.raw_serial() {
        [0, rest @ ..] if !rest.is_empty() => binary(rest),
        all => binary(all),
    }
}

/// Its fingerprint.
pub fn sha1(der: &[u8], _: &X509Certificate<'_>, _: &[Arg]) -> Option<Value<'static>> {
    binary(Sha1::digest(der).to_vec())
}

pub(super) fn version(_: &[u8], it: &X509Certificate<'_>, _: &[Arg]) -> Option<Value<'static>> {
    Some(Value::Int(i64::from(it.version().0) + 1))
}

/// `YYMMDDhhmmssZ`; a year of another century than this one or the last half of the one before has no
/// such form.
fn time(time: ASN1Time) -> Option<Value<'static>> {
    let at = time.to_datetime();
    let year = u32::try_from(at.year()).ok().filter(|year| (1950..2100).contains(year))?;
    let (month, day) = (u8::from(at.month()), at.day());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    text(format!("{:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z", year % 100))
}

fn short(oid: &Oid<'_>, names: &[(&'static str, &'static str)]) -> Cow<'static, str> {
    let dotted = oid.to_id_string();
    match names.iter().find(|(known, _)| *known == dotted) {
        Some((_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(dotted),
    }
}

/// A whole name, or an entry of it: which, and which of several.
fn name(name: &X509Name<'_>, args: &[Arg]) -> Option<Value<'static>> {
    let wanted = args.first().and_then(Arg::text).unwrap_or_default();
    if !wanted.is_empty() {
        return entry(name, wanted, args.get(1).and_then(Arg::int).unwrap_or(1));
    }
    let entries = name.iter_attributes().map(|it| (short(it.attr_type(), ENTRIES), it));
    match args.get(2).and_then(Arg::text) {
        Some("rfc2253") => text(rfc2253(name)),
        _ => {
            let mut line = Vec::new();
            for (key, value) in entries {
                line.extend_from_slice(b"/");
                line.extend_from_slice(key.as_bytes());
                line.extend_from_slice(b"=");
                line.extend_from_slice(value.attr_value().data);
            }
            if line.is_empty() { None } else { text(line) }
        }
    }
}

/// The entry of this name, in any case: from the start, or with a negative number from the end.
fn entry(name: &X509Name<'_>, wanted: &str, occurrence: i64) -> Option<Value<'static>> {
    let fits = |it: &&AttributeTypeAndValue<'_>| {
        short(it.attr_type(), ENTRIES).eq_ignore_ascii_case(wanted)
    };
    let all: Vec<_> = name.iter_attributes().collect();
    let nth = usize::try_from(occurrence.unsigned_abs().checked_sub(1)?).ok()?;
    let found = match occurrence < 0 {
        true => all.iter().rev().copied().filter(|it| fits(it)).nth(nth),
        false => all.iter().copied().filter(|it| fits(it)).nth(nth),
    };
    text(found?.attr_value().data)
}

/// As LDAP writes it: the last entry first, with escapes (RFC 2253 §2).
fn rfc2253(name: &X509Name<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    let sets: Vec<_> = name.iter_rdn().collect();
    for (number, set) in sets.into_iter().rev().enumerate() {
        for (place, it) in set.iter().enumerate() {
            match (number, place) {
                (0, 0) => {}
                (_, 0) => line.push(b','),
                _ => line.push(b'+'),
            }
            line.extend_from_slice(short(it.attr_type(), ENTRIES).as_bytes());
            line.push(b'=');
            escape(it.attr_value().data, &mut line);
        }
    }
    line
}

fn escape(value: &[u8], line: &mut Vec<u8>) {
    let last = value.len().saturating_sub(1);
    for (at, &byte) in value.iter().enumerate() {
        let edge = (at == 0 && matches!(byte, b' ' | b'#')) || (at == last && byte == b' ');
        if edge || matches!(byte, b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';') {
            line.push(b'\\');
            line.push(byte);
        } else if !(0x20..0x7f).contains(&byte) {
            line.extend_from_slice(format!("\\{byte:02X}").as_bytes());
        } else {
            line.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::rules::context::TlsFacts;
    use crate::rules::testing::World;

    /// Made by openssl: /C=DE/O=.../OU=zwei/CN=.../emailAddress=.../UID=17/organizationIdentifier=VAT1.
    const DER: &str = "\
        MIICWTCCAUECBwD/EjRWeJAwDQYJKoZIhvcNAQELBQAwHDENMAsGA1UECgwEVGVzdDELMAkGA1UEAwwCQ0EwHhcN\
        MjYxMTI0MDA1MTA1WhcNMjYxMjE0MDA1MTA1WjCBjTELMAkGA1UEBhMCREUxEzARBgNVBAoMCsOELCBGaXJtYSAx\
        DTALBgNVBAsMBHp3ZWkxGzAZBgNVBAMMEktsYXVzOyBkZXIgIyBlcnN0ZTEaMBgGCSqGSIb3DQEJARYLa0B4LmV4\
        YW1wbGUxEjAQBgoJkiaJk/IsZAEBDAIxNzENMAsGA1UEYQwEVkFUMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA\
        BLOTcvkiN5oJTa6f/OIiQI44Owlcm2A1jGmXAeziOEZOCPZ4cvIa4Ir9vhf/sXkhpV+hAAnXxtD6rNsWnFenOIYw\
        DQYJKoZIhvcNAQELBQADggEBAJnBm6Ajsq/WrN0Q2u1Sedue2bY7FNh2rpVXdREHqVoratqPdp/sgGo6BP5SqMNT\
        re6UbjEDCEBoJWXPA+BZU/jo/K1UIV5nXVoNdm34X7OexrxKPYE86ividStgI441AGCA+zNiZ/xjST0JIaYK5gV5\
        r4hMoSttqKsGaQJ716mHH2cG2W0iSoYtA9A2Gowrlh1wKqZMNi7q3UtW1yS2x7dEk1fy0q5EOaj0P+OPO62I2wzN\
        Ka497jGMQQFcviP3Bol8KQU7gc8/yybbVrk6W4LM/i3MY/z3ZiEva76RUvQDmzbTcH43VPPhu3iTpqRYYwA/ds6l\
        cqHV+JS2DKaWshE=";

    /// What HAProxy 3.0 says of the same certificate.
    #[test]
    fn a_client_certificate() {
        let der = data_encoding::BASE64.decode(DER.as_bytes()).expect("base64");
        let world = World::new().tls(TlsFacts {
            client_certificate: true,
            client_der: Some(Arc::from(der)),
            own_der: Some(Arc::from(&b"rubbish"[..])),
            ..TlsFacts::default()
        });
        for (expr, wanted) in [
            (
                "ssl_c_s_dn",
                "/C=DE/O=Ä, Firma /OU=zwei/CN=Klaus; der # erste/emailAddress=k@x.example/UID=17\
                 /organizationIdentifier=VAT1",
            ),
            ("ssl_c_s_dn(cn)", "Klaus; der # erste"),
            ("ssl_c_s_dn(OU,2)", ""),
            ("ssl_c_s_dn(OU,0)", ""),
            ("ssl_c_s_dn(OU,1)", "zwei"),
            ("ssl_c_s_dn(OU,-1)", "zwei"),
            ("ssl_c_s_dn(UID)", "17"),
            ("ssl_c_s_dn(emailaddress)", "k@x.example"),
            (
                "ssl_c_s_dn(,0,rfc2253)",
                concat!(
                    "organizationIdentifier=VAT1,UID=17,emailAddress=k@x.example,",
                    r"CN=Klaus\; der # erste,OU=zwei,O=\C3\84\, Firma\ ,C=DE",
                ),
            ),
            ("ssl_c_i_dn", "/O=Test/CN=CA"),
            ("ssl_c_key_alg", "id-ecPublicKey"),
            ("ssl_c_sig_alg", "RSA-SHA256"),
            ("ssl_c_notafter", "261214005105Z"),
            ("ssl_c_notbefore", "261124005105Z"),
            ("ssl_c_serial,hex", "FF1234567890"),
            ("ssl_c_sha1,hex", "F1D838A1011F1B3BDE69E6CDA38CC89D024F30ED"),
            ("ssl_c_version", "1"),
            ("ssl_f_s_dn", ""),
            ("ssl_s_s_dn", ""),
        ] {
            assert_eq!(world.text(expr).unwrap_or_default(), wanted, "{expr}");
        }
    }
}
