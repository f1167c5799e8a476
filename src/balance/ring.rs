//! `hash-type consistent`: servers as points on a ring of 32 bits; a hash leads to the nearest point.
//!
//! In: who is usable, with keys and weights. Out: the place of a server. Each server has a point for
//! every sixteenth of its weight, so that a change of a weight, or of who is usable, moves few hashes.
//! The points, and what follows of them, are HAProxy's: the same hash leads to the same server.
//!
//! Points are made once and kept when a server goes; a change costs one pass over them.
//! Limits: 4096 points for a server, which is the heaviest weight.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use xxhash_rust::xxh32::xxh32;

use super::figures::ServerFigures;
use crate::config::plan::HashKey;
use crate::rules::convert::hash::avalanche;

/// What a server's points begin with.
pub(crate) fn server_key(by: HashKey, id: u32, address: Option<SocketAddr>) -> u32 {
    let Some(address) = address.filter(|_| by != HashKey::Id) else {
        return avalanche(id);
    };
    let port = match by {
        HashKey::AddrPort => avalanche(u32::from(address.port())),
        _ => 0,
    };
    match address.ip() {
        // As on the machines where HAProxy runs: network order, read as a little-endian number.
        IpAddr::V4(ip) => avalanche(port.wrapping_add(u32::from_le_bytes(ip.octets()))),
        IpAddr::V6(ip) => xxh32(&ip.octets(), port),
    }
}

/// A usable server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// Its index in the backend.
    pub server: usize,
    /// See [`server_key`].
    pub key: u32,
    /// How many points it has.
    pub weight: u16,
}

/// A point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    hash: u32,
    server: usize,
    /// Which one of its server's.
    number: u16,
}

/// The ring.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    /// All points made so far, in order.
    points: Vec<Point>,
    /// How they were made: for each server its key and their number.
    made: BTreeMap<usize, (u32, u16)>,
    /// The points of usable servers, in order, and the places of those.
    now: Vec<(u32, usize)>,
    /// For each place its weight and the weight of those before it.
    weights: Vec<(u64, u64)>,
    /// What comes next if it is gone through in turn.
    next: usize,
}

impl Ring {
    /// Makes it fit these members, whose order is that of their places. In turn it is gone through from
    /// the `start`-th point on.
    pub(crate) fn update(&mut self, members: &[Member], start: usize) {
        let mut stale = false;
        for member in members {
            let made = self.made.entry(member.server).or_insert((member.key, 0));
            if made.0 != member.key || made.1 < member.weight {
                *made = (member.key, made.1.max(member.weight));
                stale = true;
            }
        }
        if stale {
            self.make();
        }
        let places: BTreeMap<usize, (usize, u16)> =
            members.iter().enumerate().map(|(place, it)| (it.server, (place, it.weight))).collect();
        self.now.clear();
        self.now.extend(self.points.iter().filter_map(|point| {
            let (place, weight) = places.get(&point.server)?;
            (point.number < *weight).then_some((point.hash, *place))
        }));
        let mut sum = 0;
        self.weights.clear();
        self.weights.extend(members.iter().map(|member| {
            let weight = u64::from(member.weight);
            sum += weight;
            (weight, sum - weight)
        }));
        self.next = start;
    }

    fn make(&mut self) {
        self.points.clear();
        for (&server, &(key, count)) in &self.made {
            let point = |number: u16| {
                let hash = avalanche(key.wrapping_add(u32::from(number)));
                Point { hash, server, number }
            };
            self.points.extend((0..count).map(point));
        }
        self.points.sort_unstable();
    }

    /// The place of the server nearest to a hash that fits; if none does, of any.
    pub(crate) fn nearest(&self, hash: u32, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let length = self.now.len();
        let after = self.now.partition_point(|&(point, _)| point < hash);
        let after = if after < length { after } else { 0 };
        let before = after.checked_sub(1).or(length.checked_sub(1))?;
        let (low, high) = (self.now.get(before)?.0, self.now.get(after)?.0);
        let nearest = match hash.wrapping_sub(low) <= high.wrapping_sub(hash) {
            true => before,
            false => after,
        };
        let around = (nearest..length).chain(0..nearest).filter_map(|at| self.now.get(at));
        let place = around.map(|&(_, place)| place).find(|&place| fits(place));
        place.or_else(|| self.now.get(nearest).map(|&(_, place)| place))
    }

    /// The next place that fits, once around at most: for requests without a hash.
    pub(crate) fn turn(&mut self, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let length = self.now.len();
        let from = self.next.checked_rem(length)?;
        let around = (from..length).chain(0..from);
        let found = around.map(|at| (at, self.now.get(at).map_or(0, |it| it.1)));
        let (at, place) = found.into_iter().find(|&(_, place)| fits(place))?;
        self.next = at + 1;
        Some(place)
    }

    /// `hash-balance-factor`: whether a server has less than its share of the requests, and of the
    /// `factor` (in per cent) beyond it. A share is a whole number for each part of the weight, and what
    /// is left over goes to the servers by their weights, in order.
    pub(crate) fn is_eligible(
        &self,
        place: usize,
        servers: (u64, &ServerFigures),
        factor: u32,
    ) -> bool {
        let (all, figures) = servers;
        let Some(&(weight, before)) = self.weights.get(place) else { return false };
        let total = self.weights.last().map_or(1, |(weight, before)| weight + before).max(1);
        let slots = ((all + 1) * u64::from(factor)).div_ceil(100);
        let (each, rest) = (slots / total, slots % total);
        let own = weight * each + (before + weight) * rest / total - before * rest / total;
        u64::from(figures.current()) < own.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(server: usize, weight: u16) -> Member {
        let id = u32::try_from(server + 1).expect("few");
        Member { server, key: server_key(HashKey::Id, id, None), weight }
    }

    fn places(ring: &Ring, members: &[Member]) -> Vec<usize> {
        let hashes = (0..10_000_u32).map(avalanche);
        let place = |hash| ring.nearest(hash, |_| true).expect("a point");
        hashes.map(|hash| members[place(hash)].server).collect()
    }

    #[test]
    fn a_server_that_goes_moves_only_its_own_hashes() {
        let all: Vec<Member> = (0..5).map(|server| member(server, 16)).collect();
        let mut ring = Ring::default();
        ring.update(&all, 0);
        let before = places(&ring, &all);
        let less: Vec<Member> = all.iter().copied().filter(|it| it.server != 2).collect();
        ring.update(&less, 0);
        for (before, after) in before.iter().zip(places(&ring, &less)) {
            assert!(after != 2 && (*before == 2 || *before == after));
        }
        ring.update(&all, 0);
        assert_eq!(places(&ring, &all), before, "it is back as it was");
    }

    #[test]
    fn weights_are_shares_and_a_small_change_moves_little() {
        let of = |weights: [u16; 2]| {
            let members = [member(0, weights[0]), member(1, weights[1])];
            let mut ring = Ring::default();
            ring.update(&members, 0);
            places(&ring, &members)
        };
        let (even, more) = (of([1600, 1600]), of([1600, 1700]));
        let share = even.iter().filter(|&&it| it == 0).count();
        assert!((4000..6000).contains(&share), "{share}");
        let moved = even.iter().zip(&more).filter(|(a, b)| a != b).count();
        assert!(moved < 600, "{moved}");
    }

    #[test]
    fn who_has_no_place_is_passed_over() {
        let members = [member(0, 16), member(1, 16)];
        let mut ring = Ring::default();
        assert_eq!((ring.nearest(7, |_| true), ring.turn(|_| true)), (None, None));
        ring.update(&members, 0);
        for hash in (0..100).map(avalanche) {
            assert_eq!(ring.nearest(hash, |place| place == 1), Some(1));
            assert!(ring.nearest(hash, |_| false).is_some());
        }
        let turns: Vec<_> = (0..64).filter_map(|_| ring.turn(|_| true)).collect();
        assert_eq!(turns.iter().filter(|&&place| place == 0).count(), 32);
        assert_eq!(ring.turn(|_| false), None);
    }
}
