//! Binds.

use std::collections::BTreeMap;

use super::title;
use crate::config::advice;
use crate::config::plan::{Bind, ClientVerify, Mode, Plan, Proto, Proxy};
use crate::config::report::Report;

/// Ids that two sockets of a proxy have.
pub(super) fn ids(proxy: &Proxy, report: &mut Report) {
    let mut taken = BTreeMap::new();
    for id in proxy.binds.iter().filter_map(|bind| bind.id) {
        if let Some(first) = taken.insert(id.value, id.span) {
            report
                .error(id.span, format!("the id {} is taken", id.value))
                .label("expected an id of its own")
                .also(first, "first used here");
        }
    }
}

pub(super) fn check(plan: &Plan, proxy: &Proxy, report: &mut Report) {
    for bind in &proxy.binds {
        threads(plan, bind, report);
        proto(proxy, bind, report);
        match bind.tls.enabled.is_some() {
            true => tls(bind, report),
            false => clear(bind, report),
        }
    }
}

/// `thread` must name one that there is, if `nbthread` says how many there are.
fn threads(plan: &Plan, bind: &Bind, report: &mut Report) {
    let (Some(first), Some(all)) = (bind.first_thread, plan.global.process.threads) else { return };
    if u32::from(first.value) > all.value {
        report
            .error(first.span, "none of these threads is there")
            .label(format!("expected threads from 1 to {}", all.value))
            .also(all.span, "there are as many as this says");
    }
}

fn proto(proxy: &Proxy, bind: &Bind, report: &mut Report) {
    let Some(proto) = bind.proto else { return };
    let mode = match proto.value {
        Proto::H1 | Proto::H2 => Mode::Http,
        Proto::None => Mode::Tcp,
    };
    if proxy.mode() != mode {
        let word = if mode == Mode::Http { "http" } else { "tcp" };
        report
            .error(proto.span, format!("this protocol does not fit the mode of {}", title(proxy)))
            .label(format!("possible in `mode {word}`"));
    }
}

fn tls(bind: &Bind, report: &mut Report) {
    let (tls, span) = (&bind.tls, bind.tls.enabled.unwrap_or_default());
    match (tls.certificates.is_empty(), tls.strict_sni) {
        (true, None) => {
            report
                .error(span, "`ssl` needs a certificate")
                .label("no `crt` and no `crt-list` on this line")
                .help("write `crt` and the path of a file that holds the certificate and its key");
        }
        (true, Some(_)) => {
            report
                .advise(&advice::NO_CERTIFICATE, span, "no certificate: every handshake will fail")
                .help("add `crt` and the path of a file");
        }
        _ => {}
    }
    let asks = tls.verify.filter(|verify| verify.value != ClientVerify::None);
    if let (Some(verify), None) = (asks, &tls.ca_file) {
        report
            .error(verify.span, "clients' certificates cannot be checked without `ca-file`")
            .label("against whose authority?")
            .help("add `ca-file` and the path of a file with the authorities' certificates");
    }
}

/// Certificates on a line that does not use them: probably `ssl` was forgotten.
fn clear(bind: &Bind, report: &mut Report) {
    if let Some(certificates) = bind.tls.certificates.first() {
        report
            .advise(
                &advice::NO_EFFECT,
                certificates.path.span,
                "the certificate has no effect: this line has no `ssl`",
            )
            .label("clients connect in the clear")
            .help("add `ssl`, or take the certificate away");
    }
}
