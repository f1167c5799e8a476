//! Certificates that change on disk while the process serves.
//!
//! In: what is loaded. Out: the same, or new; and a line for each change or fault. Several lines of the
//! configuration may name one file: what is the same of them is told once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::workers::Shared;
use crate::log;
use crate::tls::Reload;

/// Looks at all of them.
pub fn look(shared: &Shared) {
    let plan = &shared.plan;
    let mut told = Told::default();
    for (proxy, binds) in plan.proxies.iter().zip(&*shared.tls) {
        for tls in binds.iter().flatten() {
            told.add(&proxy.name, tls.reload());
        }
    }
    for (proxy, servers) in plan.proxies.iter().zip(&shared.destinations.servers) {
        for (server, destination) in proxy.servers.iter().zip(servers) {
            if let Some(tls) = &destination.tls {
                let who = format!("{}/{}", proxy.name, server.name.value);
                told.add(&who, tls.reload(plan, server));
            }
        }
    }
    for (text, who) in told.faults {
        log::warning(format_args!("{who}: {text}"));
    }
    for (text, who) in told.changes {
        log::notice(format_args!("{who}: {text}"));
    }
}

/// What is to be told, and whose it is.
#[derive(Default)]
struct Told {
    faults: BTreeMap<String, String>,
    changes: BTreeMap<String, String>,
}

impl Told {
    fn add(&mut self, who: &str, reload: Reload) {
        for (lines, into) in
            [(reload.faults, &mut self.faults), (reload.changes, &mut self.changes)]
        {
            for line in lines {
                match into.entry(line) {
                    Entry::Vacant(free) => drop(free.insert(who.to_owned())),
                    Entry::Occupied(mut held) if !held.get().split(", ").any(|it| it == who) => {
                        *held.get_mut() += &format!(", {who}");
                    }
                    Entry::Occupied(_) => {}
                }
            }
        }
    }
}
