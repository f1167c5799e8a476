//! Who tracks whom (`track`): found once for a plan.
//!
//! In: the plan, whose check has seen to it that every chain has an end. Out: for a server those that follow it,
//! and whom it follows.

use std::collections::BTreeMap;

use crate::config::plan::Plan;

/// A server: its backend's index, and its own in it.
type Which = (usize, usize);

/// See the module.
#[derive(Debug, Default)]
pub struct Tracking {
    followers: BTreeMap<Which, Vec<Which>>,
    leaders: BTreeMap<Which, Which>,
}

impl Tracking {
    /// That of a plan.
    pub fn new(plan: &Plan) -> Tracking {
        let mut tracking = Tracking::default();
        // By backend, those that somebody tracks: its servers by their names.
        let mut names: BTreeMap<usize, BTreeMap<&str, usize>> = BTreeMap::new();
        for (backend, proxy) in plan.proxies.iter().enumerate() {
            for (server, line) in proxy.servers.iter().enumerate() {
                let Some(track) = &line.settings.health.track else { continue };
                let target = match &track.backend {
                    Some(name) => plan.backend(name),
                    None => Some(backend),
                };
                let Some(target) = target else { continue };
                let names = names.entry(target).or_insert_with(|| named(plan, target));
                if let Some(&place) = names.get(&*track.server) {
                    tracking.note((backend, server), (target, place));
                }
            }
        }
        tracking
    }

    fn note(&mut self, follower: Which, leader: Which) {
        self.leaders.insert(follower, leader);
        self.followers.entry(leader).or_default().push(follower);
    }

    /// Those that track this server.
    pub fn followers(&self, of: Which) -> &[Which] {
        self.followers.get(&of).map_or(&[], |it| it)
    }

    /// The server that this one tracks.
    pub fn leader(&self, of: Which) -> Option<Which> {
        self.leaders.get(&of).copied()
    }

    /// The end of the chain: the server that is checked for this one; itself, if it tracks none.
    pub fn root(&self, of: Which) -> Which {
        let mut at = of;
        // The check knows no circles; a plan that was not checked must not hang.
        for _ in 0..self.leaders.len() {
            match self.leader(at) {
                Some(leader) => at = leader,
                None => break,
            }
        }
        at
    }

    /// Those that are tracked and track none.
    pub fn roots(&self) -> impl Iterator<Item = Which> {
        self.followers.keys().copied().filter(|&it| self.leader(it).is_none())
    }
}

/// The servers of a backend by their names; of several the first.
fn named(plan: &Plan, backend: usize) -> BTreeMap<&str, usize> {
    let mut names = BTreeMap::new();
    let servers = plan.proxies.get(backend).map_or(&[][..], |proxy| &proxy.servers);
    for (place, line) in servers.iter().enumerate() {
        names.entry(&*line.name.value).or_insert(place);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::testing::listen;

    #[test]
    fn chains_are_followed_both_ways() {
        let plan = listen(
            "server a 127.0.0.1:1 check\nserver b 127.0.0.1:1 track c\nserver c 127.0.0.1:1 track a\n\
             server d 127.0.0.1:1 track l/a\nserver e 127.0.0.1:1",
        );
        let tracking = Tracking::new(&plan);
        let at = |name: &str| {
            let servers = &plan.proxies[0].servers;
            (0, servers.iter().position(|it| &*it.name.value == name).expect("a server"))
        };
        assert_eq!(tracking.followers(at("a")), [at("c"), at("d")]);
        assert_eq!(tracking.followers(at("b")), []);
        assert_eq!((tracking.leader(at("b")), tracking.leader(at("a"))), (Some(at("c")), None));
        assert_eq!((tracking.root(at("b")), tracking.root(at("e"))), (at("a"), at("e")));
        assert_eq!(tracking.roots().collect::<Vec<_>>(), [at("a")]);
    }
}
