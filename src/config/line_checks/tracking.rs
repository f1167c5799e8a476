//! `track`: the server must exist, and at the end of the chain there must be a check.

use std::collections::BTreeMap;

use super::error;
use crate::config::args::shown_text;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{Given, Plan, Proxy, Server, Track};
use crate::config::report::Report;

/// A server by the places of its proxy and of itself.
type Id = (usize, usize);

struct Index<'a> {
    plan: &'a Plan,
    /// Proxies with servers, by name.
    proxies: BTreeMap<&'a str, usize>,
    /// Servers by proxy and name.
    servers: BTreeMap<(usize, &'a str), usize>,
}

pub(super) fn check(plan: &Plan, report: &mut Report) {
    let tracks = |server: &Server| server.settings.health.track.is_some();
    if !plan.proxies.iter().any(|proxy| proxy.servers.iter().any(tracks)) {
        return;
    }
    let index = Index::new(plan);
    for (at, proxy) in plan.proxies.iter().enumerate().filter(|(_, proxy)| !proxy.disabled) {
        for (number, server) in proxy.servers.iter().enumerate() {
            let told = server.template.is_some_and(|number| number > 0);
            if let (Some(track), false) = (&server.settings.health.track, told) {
                index.follow((at, number), server, track, report);
            }
        }
    }
}

impl<'a> Index<'a> {
    fn new(plan: &'a Plan) -> Index<'a> {
        let mut index = Index { plan, proxies: BTreeMap::new(), servers: BTreeMap::new() };
        for (at, proxy) in plan.proxies.iter().enumerate().filter(|(_, it)| it.has_backend()) {
            index.proxies.entry(&proxy.name).or_insert(at);
            for (number, server) in proxy.servers.iter().enumerate() {
                index.servers.entry((at, &server.name.value)).or_insert(number);
            }
        }
        index
    }

    fn server(&self, id: Id) -> Option<&'a Server> {
        self.plan.proxies.get(id.0)?.servers.get(id.1)
    }

    /// Walks the chain from `start`; at most as many steps as there are servers.
    fn follow(&self, start: Id, server: &Server, own: &Given<Track>, report: &mut Report) {
        if let Some(check) = server.settings.health.check {
            error(report, server, own.span, "a server cannot be checked and follow another one")
                .also(check, "checked here")
                .help("take away `check` or `track`");
            return;
        }
        let (mut at, mut next, mut last) = (start, Some(own), start);
        for _ in 0..=self.servers.len() {
            let Some(track) = next else { break };
            let Some(found) = self.target(at, track, (at == start).then_some(&mut *report)) else {
                return;
            };
            if found == start {
                // Every member of a circle gets here: the last one in the file is told.
                if last == start {
                    let message = "this chain of `track` leads back to where it began";
                    error(report, server, own.span, message).label("one too many");
                }
                return;
            }
            (at, last) = (found, last.max(found));
            next = self.server(at).and_then(|server| server.settings.health.track.as_ref());
        }
        let health = self.server(at).map(|server| {
            server.settings.health.check.is_some() || server.settings.agent.check.is_some()
        });
        if health == Some(false) && next.is_none() {
            error(report, server, own.span, "nobody checks the server at the end of this chain")
                .label("it has neither `check` nor `agent-check`");
        }
    }

    /// Whom a `track` means; nobody is reported where there is a report.
    fn target(&self, from: Id, track: &Track, report: Option<&mut Report>) -> Option<Id> {
        let proxy = match &track.backend {
            None => Some(from.0),
            Some(name) => self.proxies.get(&**name).copied(),
        };
        let found = proxy.and_then(|proxy| {
            self.servers.get(&(proxy, &*track.server)).map(|server| (proxy, *server))
        });
        if let (None, Some(report)) = (found, report) {
            self.missing(from, proxy, track, report);
        }
        found
    }

    fn missing(&self, from: Id, proxy: Option<usize>, track: &Track, report: &mut Report) {
        let Some(server) = self.server(from) else { return };
        let given = server.settings.health.track.as_ref();
        let span = given.map_or(server.name.span, |track| track.span);
        let (message, near) = match (proxy, &track.backend) {
            (None, Some(name)) => (
                format!("no backend is named `{}`", shown_text(name)),
                nearest(name, self.proxies.keys().copied()),
            ),
            _ => {
                let servers: &[Server] = proxy
                    .and_then(|at| self.plan.proxies.get(at))
                    .map(|proxy: &Proxy| &*proxy.servers)
                    .unwrap_or_default();
                (
                    format!("no server there is named `{}`", shown_text(&track.server)),
                    nearest(&track.server, servers.iter().map(|server| &*server.name.value)),
                )
            }
        };
        let fault = error(report, server, span, message);
        fault.label("expected a server that exists");
        if let Some(meant) = did_you_mean(&near) {
            fault.help(meant);
        }
    }
}
