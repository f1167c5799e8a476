//! Stick tables, and stickiness that changes nothing.

use super::group;
use crate::config::advice;
use crate::config::plan::{KeyKind, Plan};
use crate::config::report::Report;

/// Tables of `type ip`: an IPv6 client has no key in them.
pub fn tables_of_ipv4(plan: &Plan, report: &mut Report) {
    let of_proxies = plan.proxies.iter().filter_map(|proxy| proxy.settings.stick_table.as_ref());
    let of_peers = plan.peers.iter().flat_map(|peers| &peers.tables).map(|it| &it.table);
    let tables = of_proxies.chain(of_peers);
    let spans = tables.filter(|table| table.kind.value == KeyKind::Ip).map(|table| table.kind.span);
    let message = "a stick table of `type ip` cannot hold IPv6 clients";
    if let Some(fault) = group::advise(report, &advice::STICK_TABLE_IPV4, spans.collect(), message)
    {
        fault
            .label("IPv6 clients have no entry here, and are neither kept nor counted")
            .help("write `type ipv6`: it holds both, IPv4 addresses as IPv4-mapped ones");
    }
}

/// `stick on` where there is one server anyway.
pub fn single_servers(plan: &Plan, report: &mut Report) {
    let single = plan.proxies.iter().filter(|proxy| {
        proxy.has_backend() && matches!(&proxy.servers[..], [only] if only.template.is_none())
    });
    let spans = single.flat_map(|proxy| &proxy.rules.stick).map(|line| line.span);
    let message = "stickiness in a backend with one server changes nothing";
    if let Some(fault) = group::advise(report, &advice::STICK_ONE_SERVER, spans.collect(), message)
    {
        fault.label("every request goes to the same server anyway");
    }
}
