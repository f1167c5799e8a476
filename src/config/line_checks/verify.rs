//! Whether servers' certificates are checked.

use std::collections::BTreeSet;

use super::{error, place};
use crate::config::advice;
use crate::config::lint::group;
use crate::config::plan::{Proxy, Server, ServerVerify};
use crate::config::report::Report;
use crate::config::source::Span;

/// What holds for a server, and the words that say so; `None` for what `global` or nobody says.
fn holding(server: &Server, global_none: bool) -> (ServerVerify, Option<Span>) {
    match server.settings.tls.verify {
        Some(verify) => (verify.value, Some(verify.span)),
        None if global_none => (ServerVerify::None, None),
        None => (ServerVerify::Required, None),
    }
}

/// Lines of servers, each once: a template makes many of one line.
fn lines(proxy: &Proxy) -> impl Iterator<Item = &Server> {
    let mut seen = BTreeSet::new();
    let uses = |server: &&Server| server.settings.uses_tls();
    proxy.servers.iter().filter(uses).filter(move |server| seen.insert(server.span))
}

/// One warning for all `server` lines whose TLS checks no certificate: by their own `verify none`, by
/// `default-server`'s, or because `global` says `ssl-server-verify none`.
pub fn verify_none(proxies: &[Proxy], server_verify_none: bool, report: &mut Report) {
    let mut places = Vec::new();
    for proxy in proxies.iter().filter(|proxy| !proxy.disabled) {
        for server in lines(proxy) {
            if let (ServerVerify::None, span) = holding(server, server_verify_none) {
                places.push(span.map_or(server.name.span, |span| place(server, span)));
            }
        }
    }
    let message = "nobody checks the certificates of these servers";
    if let Some(fault) = group::advise(report, &advice::VERIFY_NONE, places, message) {
        fault
            .label("whoever sits in between can read and change everything")
            .help("write `verify required ca-file <file>` with the authority that signed them");
    }
}

/// Servers whose certificate is checked against nothing.
pub(super) fn authorities(proxy: &Proxy, server_verify_none: bool, report: &mut Report) {
    for server in lines(proxy) {
        let tls = &server.settings.tls;
        let (ServerVerify::Required, span) = holding(server, server_verify_none) else { continue };
        if tls.ca_file.is_some() {
            continue;
        }
        let ssl = tls.enabled.or(server.settings.health.ssl).map(|it| it.span);
        let words = span.or(ssl).unwrap_or(server.name.span);
        error(
            report,
            server,
            words,
            "the server's certificate is checked, but there is no `ca-file`",
        )
        .label("against whose authority?")
        .help("add `ca-file <file>`; `ca-file @system-ca` is the system's own collection")
        .help("`verify none` would check nothing");
    }
}
