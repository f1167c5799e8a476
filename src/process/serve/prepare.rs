//! What must be in memory before a port is opened: addresses of servers, certificates, log targets.
//!
//! In: the plan. Out: all of it, or errors at the words that ask for it. Everything is tried, so that
//! one start tells of all that is wrong.

use std::sync::Arc;

use super::address::{self, Names, Target};
use crate::config::plan::{InitAddr, Location, Plan, Proxy, Server};
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
    destinations_after(plan, names, &|_, _| None, report)
}

/// The same behind an earlier plan: `last` says where a server was, by its place in this plan.
pub fn destinations_after(
    plan: &Plan,
    names: &mut Names,
    last: &dyn Fn(usize, usize) -> Option<Target>,
    report: &mut Report,
) -> Destinations {
    let mut all = Vec::with_capacity(plan.proxies.len());
    for (number, proxy) in plan.proxies.iter().enumerate() {
        let servers = if proxy.disabled { &[][..] } else { &proxy.servers[..] };
        let of_server = |(place, server)| {
            destination((plan, proxy), server, names, last(number, place), report)
        };
        all.push(servers.iter().enumerate().map(of_server).collect());
    }
    Destinations::new(all)
}

fn destination(
    (plan, proxy): (&Plan, &Proxy),
    server: &Server,
    names: &mut Names,
    last: Option<Target>,
    report: &mut Report,
) -> Destination {
    let Target { address, unix, port_offset } = target(server, names, last, report);
    // A step of a check may ask for TLS where the server's line does not.
    let by_check = server.settings.health.check.is_some() && proxy.back.checks.uses_tls();
    let tls = match server.settings.uses_tls() || by_check {
        true => loaded(ServerTls::load(plan, server, &mut warn(plan)), report),
        false => None,
    };
    Destination { address, unix, port_offset, tls, moved: Moved::default() }
}

/// Where a server is, by its `init-addr`. Files of states (`last`) are not read; but a name that is not
/// found any more keeps the address it had.
fn target(server: &Server, names: &mut Names, last: Option<Target>, report: &mut Report) -> Target {
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
            InitAddr::None | InitAddr::Ip(_) if last.is_some() => break,
            InitAddr::None => return address::without_name(None, endpoint.port),
            InitAddr::Ip(ip) => return address::without_name(Some(*ip), endpoint.port),
            InitAddr::Libc => match address::connecting(endpoint, names) {
                Ok(target) => return target,
                Err(unusable) => fault = Some(unusable),
            },
        }
    }
    if let (Location::Name { name, .. }, Some(last)) = (&endpoint.location, last) {
        log::warning(format_args!(
            "`{name}` of server {} has no address just now: the last one stays",
            server.name.value
        ));
        return last;
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
