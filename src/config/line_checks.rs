//! What no single `bind` or `server` line can know: names that are taken, certificates that are
//! missing, modes that do not fit, ports of checks, whom `track` means.
//!
//! In: a plan whose files are all read. Out: faults. Runs once, after reading; the order of the calls
//! does not matter.

mod binds;
mod servers;
mod tracking;
mod verify;

pub use verify::verify_none;

use std::collections::BTreeMap;
use std::fmt::Display;

use super::plan::{Given, Plan, Proxy, Server};
use super::report::{Fault, Report};
use super::source::Span;

/// Checks every bind and server. `server_verify_none`: whether `global` says
/// `ssl-server-verify none`.
pub fn check(plan: &Plan, server_verify_none: bool, report: &mut Report) {
    for proxy in &plan.proxies {
        binds::ids(proxy, report);
        binds::check(proxy, report);
        servers::names(proxy, report);
        // HAProxy looks at the binds of a proxy that is disabled, but not at its servers.
        if !proxy.disabled {
            servers::check(plan, proxy, report);
            verify::authorities(proxy, server_verify_none, report);
        }
    }
    guids(plan, report);
    tracking::check(plan, report);
}

/// Values that two lines of the whole configuration have. `what` they are, for messages.
pub fn unique<'a, T: Ord + Display + 'a>(
    what: &str,
    all: impl Iterator<Item = &'a Given<T>>,
    report: &mut Report,
) {
    let mut taken = BTreeMap::new();
    for given in all {
        if let Some(first) = taken.insert(&given.value, given.span) {
            report
                .error(given.span, format!("the {what} `{}` is taken", given.value))
                .label("expected one of its own")
                .also(first, "first used here");
        }
    }
}

/// Proxies and servers share one set of such names.
fn guids(plan: &Plan, report: &mut Report) {
    let guids = plan.proxies.iter().flat_map(|proxy| {
        let servers = proxy.servers.iter().filter_map(|server| server.guid.as_ref());
        proxy.settings.guid.iter().chain(servers)
    });
    unique("guid", guids, report);
}

/// Where to point on a server's own line: at `words` if they stand there, else at its name, because
/// they were inherited from `default-server`.
fn place(server: &Server, words: Span) -> Span {
    let inside = words.file == server.span.file
        && words.start >= server.span.start
        && words.end <= server.span.end;
    if inside { words } else { server.name.span }
}

/// An error about a server's `words`, wherever those stand.
fn error<'r>(
    report: &'r mut Report,
    server: &Server,
    words: Span,
    message: impl Into<String>,
) -> &'r mut Fault {
    let at = place(server, words);
    let fault = report.error(at, message);
    if at != words {
        fault.also(words, "inherited from here");
    }
    fault
}

/// What a proxy is, for messages: "frontend `www`".
fn title(proxy: &Proxy) -> String {
    format!("{} `{}`", proxy.section.word(), proxy.name)
}

#[cfg(test)]
mod tests;
