//! Servers.

use std::collections::BTreeMap;

use super::{error, title};
use crate::config::advice;
use crate::config::args::shown_text;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{
    CheckKind, InitAddr, Location, Mode, Observe, Plan, Proto, Proxy, RuleLine, Server, Transport,
};
use crate::config::report::Report;

/// Names and ids that two servers of a proxy have.
pub(super) fn names(proxy: &Proxy, report: &mut Report) {
    let (mut names, mut ids) = (BTreeMap::new(), BTreeMap::new());
    for server in &proxy.servers {
        if let Some(first) = names.insert(&*server.name.value, server.name.span) {
            let message = format!("another server is named `{}`", shown_text(&server.name.value));
            let fault = report.error(server.name.span, message);
            fault.label("expected a name of its own").also(first, "first used here");
        }
        let Some(id) = server.id else { continue };
        if let Some(first) = ids.insert(id.value, id.span) {
            report
                .error(id.span, format!("the id {} is taken", id.value))
                .label("expected an id of its own")
                .also(first, "first used here");
        }
    }
}

pub(super) fn check(plan: &Plan, proxy: &Proxy, report: &mut Report) {
    let connects = proxy.rules.checks.iter().any(says_where);
    for server in &proxy.servers {
        // The servers of a template are alike: what is wrong with one is told once.
        if server.template.is_some_and(|number| number > 0) {
            continue;
        }
        transport(proxy, server, report);
        mode(proxy, server, report);
        if !connects {
            check_port(server, report);
        }
        check_proto(proxy, server, report);
        agent_port(server, report);
        resolvers(plan, server, report);
    }
}

/// Whether a rule says itself where a check connects to.
fn says_where(rule: &RuleLine) -> bool {
    let mut words = rule.words.iter().map(|word| &*word.text);
    let connect = rule.keyword.ends_with("connect") || words.next() == Some("connect");
    connect && words.any(|word| matches!(word, "port" | "addr"))
}

fn transport(proxy: &Proxy, server: &Server, report: &mut Report) {
    let datagrams = server.endpoint.transport == Some(Transport::Datagram);
    if proxy.mode() != Mode::Log && datagrams {
        report
            .error(server.endpoint.span, format!("{} cannot send datagrams", title(proxy)))
            .label("possible in `mode log`");
    }
    if proxy.mode() == Mode::Log && !server.endpoint.is_internet() {
        report
            .error(server.endpoint.span, "a log server cannot be a Unix socket here")
            .label("expected an internet address");
    }
}

fn mode(proxy: &Proxy, server: &Server, report: &mut Report) {
    let settings = &server.settings;
    let http = proxy.mode() == Mode::Http;
    if let Some(proto) = settings.proto {
        let fits = match proto.value {
            Proto::H1 | Proto::H2 => http,
            Proto::None => proxy.mode() == Mode::Tcp,
        };
        if !fits {
            let message = format!("this protocol does not fit the mode of {}", title(proxy));
            error(report, server, proto.span, message);
        }
    }
    if http {
        return;
    }
    if let Some(redir) = &settings.redir {
        error(report, server, redir.span, "redirections are possible in `mode http` only")
            .label(format!("{} passes bytes", title(proxy)));
    }
    if let Some(cookie) = &settings.cookie {
        report.advise(&advice::MODE, cookie.span, "cookies have an effect in `mode http` only");
    }
    if let Some(observe) = settings.health.observe.filter(|it| it.value == Observe::Layer7) {
        report.advise(&advice::MODE, observe.span, "`layer7` has an effect in `mode http` only");
    }
}

/// `check-proto` has to be one of HTTP for checks of HTTP, and none for all others.
fn check_proto(proxy: &Proxy, server: &Server, report: &mut Report) {
    let health = &server.settings.health;
    let (Some(_), Some(proto)) = (health.check, health.proto) else { return };
    let kind = proxy.back.checks.kind.as_ref().map(|it| &it.value);
    let http = matches!(kind, Some(CheckKind::Http { .. }));
    if http == (proto.value == Proto::None) {
        let message = format!("this protocol does not fit the checks of {}", title(proxy));
        error(report, server, proto.span, message).label(match http {
            true => "`option httpchk` asks in HTTP: expected h1 or h2",
            false => "expected none, or `option httpchk`",
        });
    }
}

/// A check needs a port, unless it goes to a Unix socket or to wherever the client went.
fn check_port(server: &Server, report: &mut Report) {
    let health = &server.settings.health;
    let Some(check) = health.check else { return };
    let target = health.addr.as_ref().filter(|addr| !addr.is_unspecified());
    let target = target.unwrap_or(&server.endpoint);
    // The name of a service (`_web._tcp...`) gets its port from an SRV record, and so may one that
    // has no address at the start.
    let naming = &server.settings.naming.init_addr;
    let may_wait = match &target.location {
        Location::Name { name, .. } => {
            let is_service = name.starts_with('_') && server.settings.naming.resolvers.is_some();
            is_service || naming.as_ref().is_some_and(|ways| ways.contains(&InitAddr::None))
        }
        _ => false,
    };
    if !target.is_internet()
        || target.is_unspecified()
        || may_wait
        || server.settings.check_port(&server.endpoint).is_some()
    {
        return;
    }
    let behind = match &server.endpoint.location {
        Location::Name { .. } => "the name",
        _ => "the address",
    };
    error(report, server, check, format!("the check of `{}` has no port", server.name.value))
        .label("which port?")
        .also(server.endpoint.span, "no port here")
        .help(format!("write `:` and a port behind {behind}, or `port` and a port"));
}

fn agent_port(server: &Server, report: &mut Report) {
    let agent = &server.settings.agent;
    if let (Some(check), None) = (agent.check, agent.port) {
        error(report, server, check, format!("the agent of `{}` has no port", server.name.value))
            .label("which port?")
            .help("add `agent-port` and a port");
    }
}

fn resolvers(plan: &Plan, server: &Server, report: &mut Report) {
    let Some(name) = &server.settings.naming.resolvers else { return };
    let all = || plan.resolvers.iter().map(|section| &*section.name);
    if !all().any(|known| *known == *name.value) {
        let message = format!("no `resolvers` section is named `{}`", shown_text(&name.value));
        let fault = error(report, server, name.span, message);
        fault.label("expected the name of a `resolvers` section");
        if let Some(meant) = did_you_mean(&nearest(&name.value, all())) {
            fault.help(meant);
        }
    }
}
