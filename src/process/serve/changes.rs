//! What a reload changed, in a line.

use super::ports::{Held, PortId};
use super::switch::Kept;
use super::workers::Shared;
use crate::config::content::same;
use crate::config::plan::Plan;
use crate::config::succession::Succession;

/// `reload: plan 7 holds: 1 bind opened, 2 servers added`.
pub fn of(
    old: &Plan,
    shared: &Shared,
    heirs: &Succession,
    (opened, kept, closed): (&[Held], &[Kept], &[PortId]),
) -> String {
    let new = &shared.plan;
    let proxies = Counts::of_proxies(old, new, heirs);
    let servers = Counts::of_servers(old, new, heirs);
    let mut parts = Vec::new();
    let mut add = |count: usize, what: &str, done: &str| match count {
        0 => {}
        1 => parts.push(format!("1 {what} {done}")),
        _ => parts.push(format!("{count} {} {done}", plural(what))),
    };
    add(opened.len(), "address", "opened");
    add(closed.len(), "address", "closed");
    for (counts, what) in [(proxies, "proxy"), (servers, "server")] {
        add(counts.added, what, "added");
        add(counts.removed, what, "removed");
        add(counts.changed, what, "changed");
    }
    parts.extend(others(old, new).into_iter().map(|what| format!("{what} changed")));
    if parts.is_empty() {
        parts.push("nothing changed".to_owned());
    }
    format!(
        "reload: plan {} holds: {} ({} addresses stay open)",
        shared.number,
        parts.join(", "),
        kept.len()
    )
}

/// Sections that are none of a proxy and say something else now. What `defaults` say is in the proxies.
fn others(old: &Plan, new: &Plan) -> Vec<&'static str> {
    let all = [
        ("global", same(&old.global, &new.global)),
        ("the environment", same(&old.environment, &new.environment)),
        ("userlist", same(&old.userlists, &new.userlists)),
        ("resolvers", same(&old.resolvers, &new.resolvers)),
        ("peers", same(&old.peers, &new.peers)),
        ("http-errors", same(&old.http_errors, &new.http_errors)),
        ("cache", same(&old.caches, &new.caches)),
        ("ring", same(&old.rings, &new.rings)),
        ("crt-store", same(&old.crt_stores, &new.crt_stores)),
        ("mailers", same(&old.mailers, &new.mailers)),
        ("carp", same(&old.carps, &new.carps)),
    ];
    all.into_iter().filter(|(_, same)| !same).map(|(what, _)| what).collect()
}

fn plural(what: &str) -> String {
    match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if what.ends_with('s') => format!("{what}es"),
        None => format!("{what}s"),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    added: usize,
    removed: usize,
    changed: usize,
}

impl Counts {
    /// Proxies: a change in a `server` line counts there.
    fn of_proxies(old: &Plan, new: &Plan, heirs: &Succession) -> Counts {
        let mut counts = Counts::default();
        for (number, proxy) in old.proxies.iter().enumerate() {
            let heir = heirs.frontend(number).or(heirs.backend(number));
            match heir.and_then(|it| new.proxies.get(it)) {
                None => counts.removed += usize::from(!proxy.disabled),
                Some(next) => {
                    let bare = |of: &crate::config::plan::Proxy| {
                        let mut bare = of.clone();
                        bare.servers.clear();
                        bare.default_server = Default::default();
                        bare.from = None;
                        bare
                    };
                    counts.changed += usize::from(!same(&bare(proxy), &bare(next)));
                }
            }
        }
        let is_new = |&number: &usize| {
            let known = heirs.frontend_before(number).or(heirs.backend_before(number));
            known.is_none() && new.proxies.get(number).is_some_and(|it| !it.disabled)
        };
        counts.added = (0..new.proxies.len()).filter(is_new).count();
        counts
    }

    fn of_servers(old: &Plan, new: &Plan, heirs: &Succession) -> Counts {
        let mut counts = Counts::default();
        for (number, proxy) in old.proxies.iter().enumerate() {
            for (place, server) in proxy.servers.iter().enumerate() {
                let heir = heirs.backend(number).zip(heirs.server(number, place));
                let next = heir
                    .and_then(|(backend, server)| new.proxies.get(backend)?.servers.get(server));
                match next {
                    None => counts.removed += 1,
                    Some(next) => counts.changed += usize::from(!same(server, next)),
                }
            }
        }
        for (number, proxy) in new.proxies.iter().enumerate() {
            let is_new = |&place: &usize| heirs.server_before(number, place).is_none();
            counts.added += (0..proxy.servers.len()).filter(is_new).count();
        }
        counts
    }
}
