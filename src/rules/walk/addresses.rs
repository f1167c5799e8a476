//! The fields that tell a server about addresses: `option forwardfor` and `option originalto`.
//!
//! In: the options of the frontend and the backend, and the connection. Out: fields appended to the
//! request. Both proxies may have the option: the backend's field name goes before, either one's
//! `except` holds, and `if-none` counts only if both that have the option say so (HAProxy 3.0,
//! configuration.txt "option forwardfor").

use core::net::IpAddr;

use super::Walk;
use crate::config::plan::{ForwardFor, Network, OriginalTo, Proxy};
use crate::rules::address_text::AddressText;

const FORWARDED_FOR: &str = "X-Forwarded-For";
const ORIGINAL_TO: &str = "X-Original-To";

/// Appends the fields that the two proxies ask for, if they do.
pub(super) fn send(walk: &mut Walk<'_>, backend: usize) {
    let plan = walk.plan;
    let proxies = [plan.proxies.get(backend), plan.proxies.get(walk.connection.frontend)];
    let forwarded = proxies.map(|it| it.and_then(forward_for));
    if forwarded.iter().any(Option::is_some) {
        let client = walk.exchange.source(walk.connection).ip();
        forwarded_for(walk, forwarded, client.to_canonical());
    }
    let original = proxies.map(|it| it.and_then(originally_to));
    if original.iter().any(Option::is_some) {
        let wanted = walk.exchange.destination.unwrap_or(walk.connection.destination).ip();
        original_to(walk, original, wanted.to_canonical());
    }
}

fn forward_for(proxy: &Proxy) -> Option<&ForwardFor> {
    proxy.settings.options.forward_for.as_ref().map(|given| &given.value)
}

fn originally_to(proxy: &Proxy) -> Option<&OriginalTo> {
    proxy.settings.options.original_to.as_ref().map(|given| &given.value)
}

fn forwarded_for(walk: &mut Walk<'_>, options: [Option<&ForwardFor>; 2], client: IpAddr) {
    let given = || options.into_iter().flatten();
    if given().any(|it| excepts(it.except, client)) {
        return;
    }
    let name = given().find_map(|it| it.header.as_deref()).unwrap_or(FORWARDED_FOR);
    if given().all(|it| it.if_none) && has(walk, name) {
        return;
    }
    append(walk, name, client);
}

fn original_to(walk: &mut Walk<'_>, options: [Option<&OriginalTo>; 2], wanted: IpAddr) {
    let given = || options.into_iter().flatten();
    if given().any(|it| excepts(it.except, wanted)) {
        return;
    }
    let name = given().find_map(|it| it.header.as_deref()).unwrap_or(ORIGINAL_TO);
    append(walk, name, wanted);
}

fn has(walk: &Walk<'_>, name: &str) -> bool {
    let request = walk.request.as_ref();
    request.is_some_and(|it| it.view().values(name.as_bytes()).next().is_some())
}

fn append(walk: &mut Walk<'_>, name: &str, address: IpAddr) {
    if let Some(request) = &mut walk.request {
        request.head.append(name.as_bytes(), &AddressText::of(address));
    }
}

/// Whether a network holds an address; one of the other family holds none.
fn excepts(network: Option<Network>, address: IpAddr) -> bool {
    let Some(Network { address: base, prefix }) = network else { return false };
    match (base.to_canonical(), address) {
        (IpAddr::V4(base), IpAddr::V4(it)) => {
            let shift = 32_u32.saturating_sub(u32::from(prefix));
            same(u32::from(base).checked_shr(shift), u32::from(it).checked_shr(shift))
        }
        (IpAddr::V6(base), IpAddr::V6(it)) => {
            let shift = 128_u32.saturating_sub(u32::from(prefix));
            same(u128::from(base).checked_shr(shift), u128::from(it).checked_shr(shift))
        }
        _ => false,
    }
}

/// Equal bits; a shift by all of them leaves none, which are equal.
fn same<T: PartialEq>(left: Option<T>, right: Option<T>) -> bool {
    left == right
}
