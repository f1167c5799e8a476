//! Where a request arrives.
//!
//! In: the plan, and what is asked. Out: the frontend and its bind, and why there: it was named, it is
//! the only one, or its `bind` line fits the destination and TLS.

use core::net::IpAddr;

use super::Asked;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{Bind, Endpoint, Location, Mode, Plan, PortSpec, Proxy};

/// Where it arrives.
pub struct Arrival {
    /// An index into `Plan::proxies`.
    pub frontend: usize,
    /// Its bind.
    pub bind: usize,
    /// Why there.
    pub because: String,
}

/// The place.
///
/// # Errors
/// Why there is none.
pub fn arrive(plan: &Plan, asked: &Asked) -> Result<Arrival, String> {
    if let Some(name) = &asked.frontend {
        return named(plan, name, asked);
    }
    let all: Vec<(usize, &Proxy)> = plan
        .proxies
        .iter()
        .enumerate()
        .filter(|(_, proxy)| proxy.has_frontend() && !proxy.disabled)
        .collect();
    if let [(frontend, proxy)] = all[..] {
        let bind = best(proxy, asked).map_or(0, |(bind, _)| bind);
        return Ok(Arrival { frontend, bind, because: "the only one".to_owned() });
    }
    let mut fitting: Vec<(usize, usize, Fit)> = all
        .iter()
        .filter_map(|&(at, proxy)| best(proxy, asked).map(|(bind, fit)| (at, bind, fit)))
        .collect();
    let most = fitting.iter().map(|(_, _, fit)| *fit).max();
    fitting.retain(|(_, _, fit)| Some(*fit) == most);
    // Requests of HTTP more probably mean a frontend in mode http.
    if fitting.len() > 1 {
        let http = |at: usize| plan.proxies.get(at).is_some_and(|it| it.mode() == Mode::Http);
        if fitting.iter().any(|(at, _, _)| http(*at)) {
            fitting.retain(|(at, _, _)| http(*at));
        }
    }
    match (&fitting[..], &all[..]) {
        (_, []) => Err("no section of the configuration listens for clients".to_owned()),
        ([(frontend, bind, fit)], _) => {
            Ok(Arrival { frontend: *frontend, bind: *bind, because: fit.words().to_owned() })
        }
        ([], all) => Err(several(all.iter().map(|(_, proxy)| *proxy), "none of them fits")),
        (many, _) => {
            let proxies = many.iter().filter_map(|(at, _, _)| plan.proxies.get(*at));
            Err(several(proxies, "more than one fits"))
        }
    }
}

fn named(plan: &Plan, name: &str, asked: &Asked) -> Result<Arrival, String> {
    let Some(frontend) = plan.frontend(name) else {
        let near = nearest(name, plan.frontends_by_name.keys().map(|name| &**name));
        let near = did_you_mean(&near).map(|it| format!("; {it}")).unwrap_or_default();
        return Err(format!("there is no frontend `{name}`{near}"));
    };
    let proxy = plan.proxies.get(frontend);
    let bind = proxy.and_then(|proxy| best(proxy, asked)).map_or(0, |(bind, _)| bind);
    Ok(Arrival { frontend, bind, because: "it was asked for".to_owned() })
}

fn several<'p>(proxies: impl Iterator<Item = &'p Proxy>, why: &str) -> String {
    let names: Vec<String> = proxies.map(|proxy| format!("`{}`", proxy.name)).collect();
    format!("several sections listen for clients, and {why}: say which: {}", names.join(", "))
}

/// How well a bind fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// Only TLS does.
    Tls,
    /// Its port does, on any address.
    Port,
    /// Its address and port do.
    Address,
}

impl Fit {
    fn words(self) -> &'static str {
        match self {
            Fit::Tls => "no other takes such connections",
            Fit::Port => "its `bind` has the port",
            Fit::Address => "its `bind` has the address",
        }
    }
}

/// The bind of a proxy that fits best, and how well.
fn best(proxy: &Proxy, asked: &Asked) -> Option<(usize, Fit)> {
    let fits =
        proxy.binds.iter().enumerate().filter_map(|(at, bind)| Some((at, fit(bind, asked)?)));
    fits.max_by_key(|(at, fit)| (*fit, std::cmp::Reverse(*at)))
}

fn fit(bind: &Bind, asked: &Asked) -> Option<Fit> {
    if bind.tls.enabled.is_some() != asked.tls.is_some() {
        return None;
    }
    let best = bind.endpoints.iter().filter_map(|it| endpoint(&it.value, asked)).max();
    best.or(asked.destination.is_none().then_some(Fit::Tls))
}

fn endpoint(endpoint: &Endpoint, asked: &Asked) -> Option<Fit> {
    let usual = if asked.tls.is_some() { 443 } else { 80 };
    let port = asked.destination.map_or(usual, |destination| destination.port());
    let port_fits = match endpoint.port {
        PortSpec::One(one) => one == port,
        PortSpec::Range(first, last) => (first..=last).contains(&port),
        PortSpec::None | PortSpec::Offset(_) => false,
    };
    if !port_fits {
        return None;
    }
    let wanted =
        asked.destination.map(|it| it.ip().to_canonical()).filter(|it| !it.is_unspecified());
    let here = match &endpoint.location {
        Location::V4(ip) => Some(IpAddr::V4(*ip)),
        Location::V6 { ip, .. } => Some(IpAddr::V6(*ip).to_canonical()),
        _ => None,
    };
    match (wanted, here) {
        (None, _) => Some(Fit::Port),
        (Some(_), Some(here)) if here.is_unspecified() => Some(Fit::Port),
        (Some(wanted), Some(here)) => (wanted == here).then_some(Fit::Address),
        (Some(_), None) => None,
    }
}
