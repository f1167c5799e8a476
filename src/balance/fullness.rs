//! `fullconn`: with how many requests a backend counts as fully loaded, so that servers with `minconn`
//! take all of their `maxconn`.

use crate::config::plan::{Plan, Proxy};

/// What it says, or else a tenth of the connections of all frontends that lead here by name.
pub(crate) fn full_load(plan: &Plan, backend: &Proxy) -> u32 {
    let said = backend.back.full_load.map_or(0, |given| given.value);
    if said > 0 {
        return said;
    }
    let process = plan.global.limits.connections.map_or(0, |given| given.value);
    let connections = plan.proxies.iter().filter(|front| leads(front, backend)).map(|front| {
        let own = front.front.max_connections.map_or(0, |given| given.value);
        u64::from(if own > 0 { own } else { process })
    });
    u32::try_from(connections.sum::<u64>().div_ceil(10)).unwrap_or(u32::MAX).max(1)
}

/// Whether a frontend's `use_backend` or `default_backend` names this backend.
fn leads(front: &Proxy, backend: &Proxy) -> bool {
    if !front.has_frontend() {
        return false;
    }
    let default = front.front.default_backend.as_ref();
    let named = front.rules.use_backend.iter().filter_map(|line| line.words.first());
    front.span == backend.span
        || default.is_some_and(|name| *name.value == *backend.name)
        || named.into_iter().any(|word| *word.text == *backend.name)
}
