//! Whether servers' certificates are checked.

use std::collections::BTreeSet;

use super::{error, place};
use crate::config::advice;
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

/// One warning for each `server` line whose TLS checks no certificate: by its own `verify none`, by
/// `default-server`'s, or because `global` says `ssl-server-verify none`.
pub fn verify_none(proxies: &[Proxy], server_verify_none: bool, report: &mut Report) {
    for proxy in proxies.iter().filter(|proxy| !proxy.disabled) {
        for server in lines(proxy) {
            let (ServerVerify::None, span) = holding(server, server_verify_none) else { continue };
            let at = span.map_or(server.name.span, |span| place(server, span));
            let name = &server.name.value;
            let message = format!("nobody checks the certificate of `{name}`");
            let fault = report.advise(&advice::VERIFY_NONE, at, message);
            fault.label("whoever sits in between can read and change everything");
            match span {
                Some(inherited) if inherited != at => {
                    fault.also(inherited, "inherited from here");
                }
                None => {
                    fault.help("`ssl-server-verify none` in `global` says so");
                }
                Some(_) => {}
            }
            fault.help("write `verify required ca-file <file>` with the authority that signed it");
        }
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
