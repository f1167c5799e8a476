//! What a reload carries over because it is made from the same words as before: TLS with its sessions and
//! ticket keys, log targets with their rings, the last addresses of names that are not found just now.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::address::Target;
use super::prepare::{self, BindsTls};
use super::workers::Shared;
use crate::config::content::same;
use crate::config::plan::Plan;
use crate::config::report::Report;
use crate::config::succession::Succession;
use crate::exchange::server::Destinations;
use crate::log::access::Targets;

/// Where the new plan's servers were before, by backend and server.
pub fn last_addresses<'a>(
    shared: &'a Shared,
    heirs: &'a Succession,
) -> impl Fn(usize, usize) -> Option<Target> + 'a {
    |backend, server| {
        let (backend, server) = heirs.server_before(backend, server)?;
        let known = shared.destinations.servers.get(backend)?.get(server)?;
        (known.address.is_some() || known.unix.is_some()).then(|| Target {
            address: known.address,
            unix: known.unix.clone(),
            port_offset: known.port_offset,
        })
    }
}

/// Puts the TLS that is in use in place of what was loaded anew, where nothing was said otherwise. Files
/// that changed on disk are looked at as ever.
pub fn keep_tls(
    shared: &Shared,
    plan: &Plan,
    heirs: &Succession,
    tls: &mut BindsTls,
    destinations: &mut Destinations,
) {
    let old = &shared.plan;
    let globals = |plan: &Plan| (plan.global.tls.clone(), plan.global.tuning.clone());
    if !same(&globals(old), &globals(plan)) || !same(&old.crt_stores, &plan.crt_stores) {
        return;
    }
    for (number, proxy) in old.proxies.iter().enumerate() {
        for place in 0..proxy.binds.len() {
            let Some((frontend, bind)) = heirs.connection(number, place) else { continue };
            let line = |plan: &Plan, (proxy, bind): (usize, usize)| {
                Some(plan.proxies.get(proxy)?.binds.get(bind)?.tls.clone())
            };
            if !same(&line(old, (number, place)), &line(plan, (frontend, bind))) {
                continue;
            }
            let used = shared.tls.get(number).and_then(|of| of.get(place));
            let new = tls.get_mut(frontend).and_then(|of| of.get_mut(bind));
            if let (Some(Some(used)), Some(Some(new))) = (used, new) {
                *new = used.clone();
            }
        }
        for (place, server) in proxy.servers.iter().enumerate() {
            let heir = heirs.backend(number).zip(heirs.server(number, place));
            let Some((backend, heir)) = heir else { continue };
            let said = plan.proxies.get(backend).and_then(|it| it.servers.get(heir));
            let used = shared.destinations.servers.get(number).and_then(|of| of.get(place));
            let new = destinations.servers.get_mut(backend).and_then(|of| of.get_mut(heir));
            let (Some(said), Some(used), Some(new)) = (said, used, new) else { continue };
            // Checks may ask for TLS since: there is none to carry then.
            let known = new.tls.is_some() && used.tls.is_some();
            if known && same(&server.settings.tls, &said.settings.tls) {
                new.tls.clone_from(&used.tls);
            }
        }
    }
}

/// Certificates that were set at run time and do not live on in the new plan's TLS, in words.
pub fn certificates_from_files(shared: &Shared, tls: &BindsTls) -> Vec<String> {
    let given = |tls: &BindsTls| -> BTreeSet<(String, bool)> {
        tls.iter().flatten().flatten().flat_map(|bind| bind.given_files()).collect()
    };
    let (before, behind) = (given(&shared.tls), given(tls));
    let lost = before.difference(&behind);
    lost.map(|(file, is_there)| match is_there {
        true => format!("{file} was changed at run time and is read from its file again"),
        false => format!("{file} was made at run time and has no file: it is not in use any more"),
    })
    .collect()
}

/// The log targets: those that are open, if all proxies log as before.
pub fn targets(shared: &Shared, plan: &Plan, report: &mut Report) -> Option<Arc<Targets>> {
    let of_proxies = |plan: &Plan| {
        let lines = plan.proxies.iter().map(|it| (it.name.clone(), it.logging.clone()));
        lines.collect::<Vec<_>>()
    };
    let old = &shared.plan;
    let alike = same(&old.global.logs, &plan.global.logs)
        && same(&old.rings, &plan.rings)
        && same(&of_proxies(old), &of_proxies(plan));
    match alike {
        true => Some(shared.targets.clone()),
        false => prepare::log_targets(plan, report),
    }
}
