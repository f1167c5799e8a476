//! `send-proxy` and its relatives.

use super::Target;
use crate::config::args::shown;
use crate::config::keywords::option::Opt;
use crate::config::plan::{Given, ProxyTlv, ProxyV2Option};

const OPTIONS: &[(&str, ProxyV2Option)] = &[
    ("ssl", ProxyV2Option::Ssl),
    ("cert-cn", ProxyV2Option::CertCn),
    ("ssl-cipher", ProxyV2Option::SslCipher),
    ("cert-sig", ProxyV2Option::CertSig),
    ("cert-key", ProxyV2Option::CertKey),
    ("authority", ProxyV2Option::Authority),
    ("crc32c", ProxyV2Option::Crc32c),
    ("unique-id", ProxyV2Option::UniqueId),
];

/// What `send-proxy-v2-ssl` and `send-proxy-v2-ssl-cn` say besides `send-proxy-v2`.
fn implied(name: &str) -> &'static [ProxyV2Option] {
    match name {
        "send-proxy-v2-ssl" => &[ProxyV2Option::Ssl],
        "send-proxy-v2-ssl-cn" => &[ProxyV2Option::Ssl, ProxyV2Option::CertCn],
        _ => &[],
    }
}

/// `send-proxy-v2`, `send-proxy-v2-ssl`, `send-proxy-v2-ssl-cn`.
pub(super) fn v2(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let span = opt.word.span;
    let settings = &mut target.settings.proxy_protocol;
    settings.v2 = Some(span);
    settings.options.extend(implied(opt.name()).iter().map(|&value| Given { value, span }));
}

/// The same with `no-`.
pub(super) fn no_v2(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let gone = implied(opt.name().trim_start_matches("no-"));
    let settings = &mut target.settings.proxy_protocol;
    settings.v2 = None;
    settings.options.retain(|option| !gone.contains(&option.value));
}

/// `proxy-v2-options`.
pub(super) fn options(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let found = opt.list("options", OPTIONS);
    target.settings.proxy_protocol.options.extend(found);
}

/// `set-proxy-v2-tlv-fmt(<id>) <fmt>`.
pub(super) fn tlv(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let start = opt.name().len() + 1;
    let end = opt.word.len().saturating_sub(1).max(start);
    let id = opt.word.cut(start..end);
    let number = match id.strip_prefix("0x").or_else(|| id.strip_prefix("0X")) {
        Some(digits) => u8::from_str_radix(digits, 16).ok(),
        None => id.parse().ok(),
    };
    let Some(format) = opt.value("a log format") else { return };
    match number.filter(|_| !id.contains('+')) {
        Some(value) => {
            let id = Given { value, span: id.span };
            let tlv = ProxyTlv { id, format: format.clone() };
            target.settings.proxy_protocol.tlvs.push(tlv);
        }
        None => {
            opt.args
                .error(id.span, format!("`{}` is not the type of a field", shown(&id)))
                .label("expected a number from 0 to 255, or 0x00 to 0xff");
        }
    }
}
