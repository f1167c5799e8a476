//! How a server's name becomes an address.

use core::net::IpAddr;

use super::Target;
use crate::config::args::shown;
use crate::config::keywords::option::{Opt, pieces};
use crate::config::plan::{Given, InitAddr, IpFamily, Network, ResolveOptions};

/// How many networks `resolve-net` takes (HAProxy's `SRV_MAX_PREF_NET`).
const NETWORKS_MAX: usize = 5;

/// `init-addr {last|libc|none|<ip>}[,...]`.
pub(super) fn init_addr(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let Some(word) = opt.value("where the first address comes from") else { return };
    let mut ways: Vec<InitAddr> = Vec::new();
    for piece in pieces(word, ',').into_iter().filter(|piece| !piece.is_empty()) {
        let way = match &*piece.text {
            "last" => InitAddr::Last,
            "libc" => InitAddr::Libc,
            "none" => InitAddr::None,
            text => match text.parse() {
                Ok(ip) => InitAddr::Ip(ip),
                Err(_) => {
                    opt.args
                        .error(piece.span, format!("`{}` is no way to an address", shown(&piece)))
                        .label("expected last, libc, none or an IP address");
                    continue;
                }
            },
        };
        let ip = |way: &InitAddr| matches!(way, InitAddr::Ip(_));
        if ip(&way) && ways.iter().any(ip) {
            opt.args.error(piece.span, "a second IP address").label("one is possible");
            continue;
        }
        ways.push(way);
    }
    target.settings.naming.init_addr = Some(Given { value: ways.into(), span: word.span });
}

pub(super) fn prefer(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let found = opt.one_of(&[("ipv4", IpFamily::V4), ("ipv6", IpFamily::V6)]);
    target.settings.naming.prefer = found.or(target.settings.naming.prefer);
}

pub(super) fn options(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let words = [("allow-dup-ip", 0), ("ignore-weight", 1), ("prevent-dup-ip", 2)];
    let found = opt.list("options", &words);
    let mut value = target.settings.naming.options.map(|it| it.value).unwrap_or_default();
    for option in &found {
        value = match option.value {
            0 => ResolveOptions { allow_duplicates: true, ..value },
            1 => ResolveOptions { ignore_weight: true, ..value },
            _ => ResolveOptions { allow_duplicates: false, ..value },
        };
    }
    target.settings.naming.options = Some(Given { value, span: opt.span() });
}

pub(super) fn networks(opt: &mut Opt<'_, '_>, target: &mut Target<'_>) {
    let Some(word) = opt.value("a list of networks") else { return };
    let mut found = Vec::new();
    for piece in pieces(word, ',') {
        match network(&piece) {
            Some(network) => found.push(network),
            None => {
                opt.args
                    .error(piece.span, format!("`{}` is not a network", shown(&piece)))
                    .label("expected one like 192.0.2.0/24");
            }
        }
    }
    if found.len() > NETWORKS_MAX {
        opt.args
            .error(word.span, format!("{} networks", found.len()))
            .label(format!("at most {NETWORKS_MAX} are possible"));
    }
    target.settings.naming.networks = Some(Given { value: found.into(), span: word.span });
}

/// An address, with the length of a prefix or whole.
fn network(text: &str) -> Option<Network> {
    let (ip, length) = match text.split_once('/') {
        Some((ip, length)) => (ip, Some(length)),
        None => (text, None),
    };
    let ip: IpAddr = ip.parse().ok()?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let length = match length {
        Some(length) if digits(length) => length.parse().ok().filter(|it| *it <= most)?,
        Some(_) => return None,
        None => most,
    };
    Some(Network { address: ip, prefix: length })
}
