//! What the small sections and `global` can only be judged by as a whole.
//!
//! In: the plan once all files are read. Out: reports.

use std::collections::{BTreeMap, BTreeSet};

use super::advice;
use super::args::shown_text;
use super::nearest::{did_you_mean, nearest};
use super::plan::{
    Cache, Carp, CrtStore, Given, Mailers, Peers, Plan, Process, Resolvers, Ring, Userlist,
};
use super::report::Report;
use super::source::Span;

/// Checks all small sections. That their names are their own is checked where names are resolved.
pub fn finish(plan: &Plan, report: &mut Report) {
    plan.userlists.iter().for_each(|list| finish_userlist(list, report));
    plan.resolvers.iter().for_each(|resolvers| finish_resolvers(resolvers, report));
    plan.peers.iter().for_each(|peers| finish_peers(peers, &plan.global.process, report));
    plan.mailers.iter().for_each(|mailers| finish_mailers(mailers, report));
    plan.rings.iter().for_each(|ring| finish_ring(ring, report));
    plan.caches.iter().for_each(|cache| finish_cache(cache, report));
    finish_crt_stores(&plan.crt_stores, report);
    plan.carps.iter().for_each(|carp| finish_carp(carp, report));
    finish_carps(&plan.carps, report);
}

/// Users of groups and groups of users must exist.
pub fn finish_userlist(list: &Userlist, report: &mut Report) {
    let users: BTreeSet<&str> = list.users.iter().map(|user| &*user.name.value).collect();
    let groups: BTreeSet<&str> = list.groups.iter().map(|group| &*group.name.value).collect();
    for group in &list.groups {
        missing("user", &group.users, &users, report);
    }
    for user in &list.users {
        missing("group", &user.groups, &groups, report);
    }
}

fn missing(what: &str, named: &[Given<Box<str>>], there: &BTreeSet<&str>, report: &mut Report) {
    for name in named.iter().filter(|name| !there.contains(&*name.value)) {
        let message = format!("this userlist has no {what} `{}`", shown_text(&name.value));
        let fault = report.error(name.span, message);
        fault.label(format!("no such {what}"));
        if let Some(meant) = did_you_mean(&nearest(&name.value, there.iter().copied())) {
            fault.help(meant);
        }
    }
}

/// A list of name servers should have some.
pub fn finish_resolvers(resolvers: &Resolvers, report: &mut Report) {
    if resolvers.servers.is_empty() && !resolvers.system {
        empty(
            resolvers.span,
            "name servers",
            "add `nameserver` lines, or `parse-resolv-conf`",
            report,
        );
    }
}

/// A list of mailers should have some.
pub fn finish_mailers(mailers: &Mailers, report: &mut Report) {
    if mailers.mailers.is_empty() {
        empty(mailers.span, "mail servers", "add `mailer` lines", report);
    }
}

fn empty(span: Span, what: &str, help: &str, report: &mut Report) {
    report.advise(&advice::NO_SERVER, span, format!("this section has no {what}")).help(help);
}

/// Two peers of one name: told at the first of them, as HAProxy does.
fn double_peers(peers: &Peers, report: &mut Report) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for peer in &peers.peers {
        let Some(first) = seen.insert(&peer.name.value, peer.name.span) else { continue };
        let name = shown_text(&peer.name.value);
        report
            .error(first, format!("two peers are called `{name}`"))
            .label("one of the two needs another name")
            .also(peer.name.span, "the other one");
    }
}

/// Where `bind` says where this process listens, its own `server` line must not.
pub fn finish_peers(peers: &Peers, process: &Process, report: &mut Report) {
    double_peers(peers, report);
    let Some(local) = &process.localpeer else { return };
    for peer in peers.peers.iter().filter(|peer| !peer.old_style && *peer.name == **local) {
        if let Some(address) = &peer.address {
            report
                .error(address.span, "the `server` line of this process has no address")
                .label("not expected here")
                .also(local.span, "this process is called so here")
                .help("write the address behind `bind`");
        }
    }
}

/// A ring's messages must fit into it.
pub fn finish_ring(ring: &Ring, report: &mut Report) {
    if let (Some(length), Some(size)) = (ring.length, ring.size)
        && length.value > size.value
    {
        report
            .advise(&advice::OVERRIDES, length.span, "messages of this length do not fit")
            .label("it is cut to what fits")
            .also(size.span, "the ring is smaller");
    }
}

/// A cache must have a size, and its entries must fit.
pub fn finish_cache(cache: &Cache, report: &mut Report) {
    let Some(size) = cache.size else {
        report
            .error(cache.span, "this cache has no size")
            .help("add `total-max-size` and a number of megabytes");
        return;
    };
    let most = u64::from(size.value) << 19;
    if let Some(object) = cache.object_size.filter(|object| u64::from(object.value) > most) {
        report
            .error(object.span, "this is more than half of the cache")
            .label(format!("at most {most} is possible"))
            .also(size.span, "the cache has this many megabytes");
    }
}

/// Within a store, an alias is one certificate's.
pub fn finish_crt_stores(stores: &[CrtStore], report: &mut Report) {
    let mut seen: BTreeMap<(&str, &str), Span> = BTreeMap::new();
    for store in stores {
        for alias in store.certificates.iter().filter_map(|it| it.alias.as_ref()) {
            let key = (&*store.name, &*alias.value);
            if let Some(&earlier) = seen.get(&key) {
                let name = shown_text(&alias.value);
                report
                    .error(alias.span, format!("two certificates are called `{name}`"))
                    .label("choose another alias")
                    .also(earlier, "the other one");
            } else {
                seen.insert(key, alias.span);
            }
        }
    }
}

/// What a virtual host cannot do without.
pub fn finish_carp(carp: &Carp, report: &mut Report) {
    let mut need = |there: bool, what: &str, help: &str| {
        if !there {
            report.error(carp.span, format!("this `carp` section has no {what}")).help(help);
        }
    };
    need(carp.interface.is_some(), "interface", "add `interface` and its name");
    need(carp.vhid.is_some(), "vhid", "add `vhid` and a number from 1 to 255");
    need(!carp.addresses.is_empty(), "address", "add `address` lines");
    need(carp.key.is_some(), "password", "add `pass`, `pass-file` or `key-hex`");
    if let (Some(delay), None) = (carp.preempt_delay, carp.preempt) {
        report
            .advise(
                &advice::OVERRIDES,
                delay.span,
                "`preempt-delay` without `preempt` does nothing",
            )
            .help("add `preempt`, or remove this line");
    }
}

/// Two virtual hosts on one interface need two numbers, and no address can belong to both.
pub fn finish_carps(carps: &[Carp], report: &mut Report) {
    let mut numbers = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    for carp in carps {
        if let (Some(interface), Some(vhid)) = (&carp.interface, carp.vhid)
            && let Some(earlier) = numbers.insert((&*interface.value, vhid.value), vhid.span)
        {
            report
                .error(vhid.span, format!("vhid {} is taken on this interface", vhid.value))
                .label("choose another number")
                .also(earlier, "here");
        }
        for address in &carp.addresses {
            if let Some(earlier) = addresses.insert(address.address, address.span)
                && !carp.addresses.iter().any(|other| other.span == earlier)
            {
                report
                    .error(address.span, "this address belongs to another `carp` section")
                    .label("one of the two must go")
                    .also(earlier, "the other one");
            }
        }
    }
}
