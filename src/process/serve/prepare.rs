//! What must be in memory before a port is opened: addresses of servers, certificates, log targets.
//!
//! In: the plan. Out: all of it, or errors at the words that ask for it. Everything is tried, so that
//! one start tells of all that is wrong.

use std::sync::Arc;

use super::address::{self, Names, Target};
use crate::config::plan::{InitAddr, Location, Plan, Server};
use crate::config::report::Report;
use crate::config::source::Files;
use crate::exchange::server::{Destination, Destinations, Moved};
use crate::log;
use crate::log::access::Targets;
use crate::tls::{BindTls, LoadFault, ServerTls};

/// TLS of the binds: by proxy, then by bind.
pub type BindsTls = Vec<Vec<Option<Arc<BindTls>>>>;

/// Addresses and TLS of every server.
pub fn destinations(plan: &Plan, names: &mut Names, report: &mut Report) -> Destinations {
    let of_proxy = |proxy: &crate::config::plan::Proxy| {
        let servers = if proxy.disabled { &[][..] } else { &proxy.servers[..] };
        servers.iter().map(|server| destination(plan, server, names, report)).collect()
    };
    Destinations::new(plan.proxies.iter().map(of_proxy).collect())
}

fn destination(
    plan: &Plan,
    server: &Server,
    names: &mut Names,
    report: &mut Report,
) -> Destination {
    let Target { address, unix, port_offset } = target(server, names, report);
    let tls = match server.settings.uses_tls() {
        true => loaded(ServerTls::load(plan, server, &mut warn(plan)), report),
        false => None,
    };
    Destination { address, unix, port_offset, tls, moved: Moved::default() }
}

/// Where a server is, by its `init-addr`. Files of states (`last`) are not read.
fn target(server: &Server, names: &mut Names, report: &mut Report) -> Target {
    const DEFAULT: &[InitAddr] = &[InitAddr::Last, InitAddr::Libc];
    let endpoint = &server.endpoint;
    let ways = match (&endpoint.location, &server.settings.naming.init_addr) {
        (Location::Name { .. }, Some(ways)) => &ways.value[..],
        _ => DEFAULT,
    };
    let mut fault = None;
    for way in ways {
        match way {
            InitAddr::Last => {}
            InitAddr::None => return address::without_name(None, endpoint.port),
            InitAddr::Ip(ip) => return address::without_name(Some(*ip), endpoint.port),
            InitAddr::Libc => match address::connecting(endpoint, names) {
                Ok(target) => return target,
                Err(unusable) => fault = Some(unusable),
            },
        }
    }
    match fault {
        Some(mut unusable) => {
            if matches!(endpoint.location, Location::Name { .. }) {
                unusable.help =
                    "mend the name, or start without its address: `init-addr libc,none`";
            }
            unusable.tell(endpoint.span, report);
        }
        None => {
            report
                .error(endpoint.span, "the server has no address to start with")
                .label("none of its `init-addr` gives one")
                .help("write `init-addr last,libc,none` to start without");
        }
    }
    Target::default()
}

/// Certificates and settings of every `bind ... ssl`, whose files lie in `files`.
pub fn binds_tls(plan: &Plan, files: &dyn Files, report: &mut Report) -> BindsTls {
    let mut all = Vec::with_capacity(plan.proxies.len());
    for proxy in &plan.proxies {
        let binds = proxy.binds.iter().map(|bind| {
            let wanted = bind.tls.enabled.is_some() && !proxy.disabled;
            wanted
                .then(|| loaded(BindTls::load_from(files, plan, bind, &mut warn(plan)), report))
                .flatten()
        });
        all.push(binds.collect());
    }
    all
}

fn loaded<T>(outcome: Result<Arc<T>, Vec<LoadFault>>, report: &mut Report) -> Option<Arc<T>> {
    match outcome {
        Ok(it) => Some(it),
        Err(faults) => {
            for fault in faults {
                let told = report.error(fault.span, fault.message);
                told.label("asked for here");
                if let Some(help) = fault.help {
                    told.help(help);
                }
            }
            None
        }
    }
}

fn warn(plan: &Plan) -> impl FnMut(LoadFault) {
    |fault| {
        let place = plan.sources.place(fault.span);
        log::warning(format_args!("{}:{}: {}", place.file, place.line, fault.message));
    }
}

/// The targets of `log` lines.
pub fn log_targets(plan: &Plan, report: &mut Report) -> Option<Arc<Targets>> {
    match Targets::open(plan) {
        Ok(targets) => Some(targets),
        Err(faults) => {
            for (span, message) in faults {
                report.error(span, message).label("cannot be opened");
            }
            None
        }
    }
}
