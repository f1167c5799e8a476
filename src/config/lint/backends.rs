//! Backends that nobody uses, checks that nobody runs, timeouts that nobody set.

use std::collections::BTreeSet;

use super::group;
use crate::config::advice;
use crate::config::plan::{Mode, Plan, Proxy, Server};
use crate::config::report::Report;
use crate::config::section::Section;

/// `option httpchk` and its like where no server has `check`.
pub fn checks_of_nobody(plan: &Plan, report: &mut Report) {
    for proxy in plan.proxies.iter().filter(|proxy| proxy.has_backend()) {
        let Some(kind) = &proxy.back.checks.kind else { continue };
        // One of `defaults` is meant for those backends that have checks.
        if proxy.servers.is_empty() || !own(proxy, plan, kind.span) {
            continue;
        }
        if !proxy.servers.iter().any(is_checked) {
            report
                .advise(
                    &advice::CHECK_WITHOUT_CHECK,
                    kind.span,
                    format!("no server of `{}` is checked", proxy.name),
                )
                .label("this says how to check, not that anything is checked")
                .help("write `check` on the `server` lines, or on a `default-server` line");
        }
    }
}

/// Whether a line at `span` stands in the proxy's own section.
fn own(proxy: &Proxy, plan: &Plan, span: crate::config::source::Span) -> bool {
    let base = proxy.from.and_then(|index| plan.defaults.get(index));
    base.and_then(|base| base.back.checks.kind.as_ref()).is_none_or(|kind| kind.span != span)
}

fn is_checked(server: &Server) -> bool {
    server.settings.health.check.is_some() || server.settings.health.track.is_some()
}

/// Backends with servers that no rule, no `default_backend`, no `track` and no expression names.
pub fn unused(plan: &Plan, report: &mut Report) {
    let Some(used) = used(plan) else { return };
    let unused = plan.proxies.iter().filter(|proxy| {
        proxy.section == Section::Backend
            && !proxy.disabled
            && !proxy.servers.is_empty()
            && proxy.mode() != Mode::Log
            && !used.contains(&*proxy.name)
    });
    let spans = unused.map(|proxy| proxy.span).collect();
    let message = "nothing sends requests to this backend";
    if let Some(fault) = group::advise(report, &advice::UNUSED_BACKEND, spans, message) {
        fault
            .label("no `use_backend` and no `default_backend` names it")
            .help("name it in a frontend, or remove it");
    }
}

/// The backends that proxies which are not disabled name; `None` if a name is made at run time, and
/// may be any.
fn used(plan: &Plan) -> Option<BTreeSet<&str>> {
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for proxy in plan.proxies.iter().filter(|proxy| !proxy.disabled) {
        used.extend(proxy.front.default_backend.iter().map(|given| &*given.value));
        for line in &proxy.rules.use_backend {
            let name = line.words.first()?;
            if name.contains('%') {
                return None;
            }
            used.insert(name);
        }
        let tracks =
            proxy.servers.iter().filter_map(|server| server.settings.health.track.as_ref());
        used.extend(tracks.filter_map(|track| track.value.backend.as_deref()));
        // What stands in parentheses may be a backend whose servers are counted: `nbsrv(probe)`.
        used.extend(proxy.rules.lines().flat_map(|line| &*line.words).flat_map(|word| names(word)));
    }
    Some(used)
}

/// The words in parentheses, and what stands before a slash in them.
fn names(word: &str) -> impl Iterator<Item = &str> {
    let inside = word.split('(').skip(1).filter_map(|rest| rest.split(')').next());
    inside
        .flat_map(|args| args.split(','))
        .flat_map(|arg| [arg, arg.split('/').next().unwrap_or(arg)])
}

/// Proxies without the timeouts that end dead connections.
pub fn without_timeouts(plan: &Plan, report: &mut Report) {
    for proxy in plan.proxies.iter().filter(|proxy| !proxy.disabled) {
        let timeouts = &proxy.settings.timeouts;
        let front = proxy.has_frontend() && !proxy.binds.is_empty();
        let back = proxy.has_backend() && !proxy.servers.is_empty() && proxy.mode() != Mode::Log;
        let missing: Vec<&str> = [
            (front && timeouts.client.is_none(), "`timeout client`"),
            (back && timeouts.connect.is_none(), "`timeout connect`"),
            (back && timeouts.server.is_none(), "`timeout server`"),
        ]
        .into_iter()
        .filter_map(|(missing, name)| missing.then_some(name))
        .collect();
        if missing.is_empty() {
            continue;
        }
        report
            .advise(
                &advice::NO_TIMEOUT,
                proxy.span,
                format!("`{}` has no {}", proxy.name, missing.join(", no ")),
            )
            .label("a connection that hangs is kept for ever")
            .help("set them here or in `defaults`; 30s is a beginning");
    }
}
