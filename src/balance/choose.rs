//! The algorithms of `balance`.
//!
//! In: a backend, what the choice may depend on, the figures. Out: a server, or why there is none.
//! Servers that are down, disabled or of no weight get nothing; backup servers only when no other is
//! usable (the first of them, or all with `option allbackups`). A server at its `maxconn` is passed
//! over, except where a hash leads to it; a request without anything to hash takes its turn.
//!
//! Costs: `leastconn` and `first` look at every server, `roundrobin` grows with the logarithm of their
//! number, the others do not grow. What a choice needs is made again when a server's state changes.

use core::net::{IpAddr, SocketAddr};
use std::cell::RefCell;

use super::Live;
use super::draw::{self, Urn};
use super::figures::ServerFigures;
use super::hash;
use super::ring::{self, Member, Ring};
use super::table::spread;
use super::turns::Turns;
use crate::config::plan::{Balance, HashKey, HashMethod, HashType, Plan, Proxy, Server, is_on};

/// The most draws of `random`: with so many it finds the least loaded server of any farm.
const DRAWS_MAX: u32 = 1000;

/// What the choice may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The client's address.
    pub source: IpAddr,
    /// A random number.
    pub random: u64,
    /// The hash of the request, for algorithms that take one and requests that have one.
    pub hash: Option<u32>,
    /// A server that failed just now: another one is preferred (`option redispatch`).
    pub avoid: Option<usize>,
}

/// What a choice comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This server: its index in the backend.
    Server(usize),
    /// All that are usable have as many requests as they may: the backend's queue.
    Full,
    /// No server is usable.
    None,
}

/// One worker's choosers, one per backend: what they remember (whose turn it is) is their own.
#[derive(Debug)]
pub struct Chooser {
    backends: Vec<RefCell<Backend>>,
}

/// A backend's chooser.
#[derive(Debug)]
struct Backend {
    index: usize,
    worker: usize,
    algorithm: Algorithm,
    all_backups: bool,
    /// The servers in the order of `first`: by `id`, then as written.
    ordered: Vec<usize>,
    /// The generation of the states that the rest was made of; `None` at the start.
    generation: Option<u32>,
    /// The usable servers.
    usable: Vec<usize>,
    means: Means,
    hashing: Hashing,
}

/// What a hash is to lead by.
#[derive(Debug)]
struct Hashing {
    how: HashType,
    /// `balance source`: the client's address is the key.
    by_source: bool,
    /// `hash-balance-factor`; 0 is none.
    factor: u32,
    /// Of each server: its number and what its points are made of.
    keys: Vec<(u32, HashKey)>,
}

#[derive(Clone, Copy, Debug)]
enum Algorithm {
    Turns,
    StaticTurns,
    Least,
    First,
    Random(u32),
    Hash,
}

/// What an algorithm needs. Places are indexes into the usable servers.
#[derive(Debug)]
enum Means {
    Turns(Turns),
    /// A table, and what comes next if it is gone through in turn.
    Table(Vec<usize>, usize),
    /// The place after the last one.
    After(usize),
    Urn(Urn),
    Ring(Ring),
}

/// See [`Live::has_fixed_weights`].
pub(crate) fn has_fixed_weights(proxy: &Proxy) -> bool {
    let method = hash::hash_type(proxy).method;
    let balance = proxy.back.balance.as_ref().map_or(&Balance::RoundRobin, |it| &it.value);
    match balance {
        Balance::RoundRobin
        | Balance::LeastConnections
        | Balance::First
        | Balance::Random { .. } => false,
        Balance::StaticRoundRobin | Balance::Sticky => true,
        _ => method == HashMethod::MapBased,
    }
}

impl Chooser {
    /// For a plan; `worker` is this worker's number, so that workers do not all begin with the first.
    pub fn new(plan: &Plan, worker: usize) -> Chooser {
        let of = |(index, proxy)| RefCell::new(Backend::new(index, proxy, worker));
        Chooser { backends: plan.proxies.iter().enumerate().map(of).collect() }
    }

    /// A server of a backend.
    pub fn choose(&self, backend: usize, key: &Key, live: &Live) -> Choice {
        match self.backends.get(backend) {
            Some(backend) => backend.borrow_mut().choose(key, live),
            None => Choice::None,
        }
    }
}

impl Backend {
    fn new(index: usize, proxy: &Proxy, worker: usize) -> Backend {
        let balance = proxy.back.balance.as_ref().map_or(&Balance::RoundRobin, |it| &it.value);
        let algorithm = match balance {
            Balance::StaticRoundRobin => Algorithm::StaticTurns,
            Balance::LeastConnections => Algorithm::Least,
            Balance::First => Algorithm::First,
            Balance::Random { draws } => Algorithm::Random((*draws).clamp(1, DRAWS_MAX)),
            _ if hash::hashes(proxy) => Algorithm::Hash,
            _ => Algorithm::Turns,
        };
        let mut ordered: Vec<usize> = (0..proxy.servers.len()).collect();
        ordered.sort_by_key(|&server| {
            let id = proxy.servers.get(server).and_then(|it| it.id).map(|id| id.value);
            id.unwrap_or_else(|| u32::try_from(server + 1).unwrap_or(u32::MAX))
        });
        Backend {
            index,
            worker,
            algorithm,
            all_backups: is_on(proxy.settings.options.all_backups),
            ordered,
            generation: None,
            usable: Vec::new(),
            means: Means::After(0),
            hashing: Hashing::new(proxy),
        }
    }

    fn choose(&mut self, key: &Key, live: &Live) -> Choice {
        let generation = live.generation(self.index);
        if self.generation != Some(generation) {
            self.prepare(live);
            self.generation = Some(generation);
        }
        if self.usable.is_empty() {
            return Choice::None;
        }
        // One that failed is better than none.
        let avoid = key.avoid.filter(|_| self.usable.len() > 1);
        let chosen = self.pick(key, avoid, live);
        let chosen = chosen.or_else(|| avoid.and_then(|_| self.pick(key, None, live)));
        chosen.map_or(Choice::Full, Choice::Server)
    }

    /// Makes what the algorithm needs from the states as they are.
    fn prepare(&mut self, live: &Live) {
        let servers = live.servers(self.index);
        let of = |backup: bool| {
            let fits = |it: &ServerFigures| it.is_usable() && it.is_backup() == backup;
            let order = match self.algorithm {
                Algorithm::First => self.ordered.clone(),
                _ => (0..servers.len()).collect(),
            };
            order.into_iter().filter(|&at| servers.get(at).is_some_and(|it| fits(it))).collect()
        };
        let mut usable: Vec<usize> = of(false);
        if usable.is_empty() {
            usable = of(true);
            if !self.all_backups {
                // Like in HAProxy: the first as written, whatever the algorithm's order.
                let first = usable.iter().min().copied();
                usable.retain(|&server| Some(server) == first);
            }
        }
        let fixed = live.has_fixed_weights(self.index);
        let weight = |&server: &usize| {
            servers.get(server).map_or(0, |it| match fixed {
                true => it.fixed_weight(),
                false => it.effective_weight(),
            })
        };
        let weights: Vec<u16> = usable.iter().map(weight).collect();
        let start = self.worker % usable.len().max(1);
        self.means = match self.algorithm {
            Algorithm::Turns => {
                let mut turns = Turns::new(weights);
                for _ in 0..start {
                    turns.next(|_| true);
                }
                Means::Turns(turns)
            }
            Algorithm::Hash if self.hashing.how.method == HashMethod::Consistent => {
                let members = usable.iter().zip(&weights).map(|(&server, &weight)| Member {
                    server,
                    key: self.hashing.key(server, live.address(self.index, server)),
                    weight,
                });
                let members: Vec<Member> = members.collect();
                let mut ring = match std::mem::replace(&mut self.means, Means::After(0)) {
                    Means::Ring(ring) => ring,
                    _ => Ring::default(),
                };
                ring.update(&members, start);
                Means::Ring(ring)
            }
            Algorithm::StaticTurns | Algorithm::Hash => Means::Table(spread(&weights), start),
            Algorithm::Least | Algorithm::First => Means::After(start),
            Algorithm::Random(_) => Means::Urn(Urn::new(&weights)),
        };
        self.usable = usable;
    }

    fn pick(&mut self, key: &Key, avoid: Option<usize>, live: &Live) -> Option<usize> {
        let Backend { index, algorithm, usable, means, hashing, .. } = self;
        let (index, usable): (_, &[usize]) = (*index, usable);
        let fits = |server: usize| Some(server) != avoid && has_room(live, index, server);
        if let (Algorithm::Turns, [only]) = (&*algorithm, usable) {
            // Most backends have one server: it is always its turn.
            return Some(*only).filter(|&server| fits(server));
        }
        let server = |place: usize| usable.get(place).copied();
        let fits_at = |place: usize| server(place).is_some_and(fits);
        match (algorithm, means) {
            (Algorithm::Turns, Means::Turns(turns)) => turns.next(fits_at).and_then(server),
            (Algorithm::Hash, Means::Table(table, next)) => match (avoid, hashing.hash(key)) {
                (None, Some(hash)) => at(table, hash).and_then(server),
                // Nothing to hash, or what failed is left behind: the next one in turn.
                _ => step(table, next, fits_at).and_then(server),
            },
            (Algorithm::Hash, Means::Ring(ring)) => match hashing.hash(key) {
                None => ring.turn(fits_at).and_then(server),
                Some(hash) => {
                    let factor = hashing.factor;
                    let servers = live.servers(index);
                    let all = match factor {
                        0 => 0,
                        _ => servers.iter().map(|it| u64::from(it.current())).sum(),
                    };
                    let takes = |place: usize| {
                        let figures = server(place).and_then(|server| servers.get(server));
                        factor == 0
                            || figures.is_some_and(|it| ring.is_eligible(place, (all, it), factor))
                    };
                    let nearest = ring.nearest(hash, |at| server(at) != avoid && takes(at));
                    nearest.and_then(server)
                }
            },
            (_, Means::Table(table, next)) => step(table, next, fits_at).and_then(server),
            (Algorithm::First, _) => usable.iter().copied().find(|&server| fits(server)),
            (_, Means::After(after)) => {
                let place = least(live, index, usable, *after, avoid)?;
                *after = place + 1;
                server(place)
            }
            (Algorithm::Random(draws), Means::Urn(urn)) => {
                let drawn = drawn(live, index, usable, urn, key.random, *draws, avoid)?;
                Some(drawn).filter(|&server| has_room(live, index, server))
            }
            // Means are made for the algorithm.
            _ => None,
        }
    }
}

impl Hashing {
    fn new(proxy: &Proxy) -> Hashing {
        let balance = proxy.back.balance.as_ref().map(|it| &it.value);
        let key = |(index, server): (usize, &Server)| {
            let place = u32::try_from(index + 1).unwrap_or(u32::MAX);
            let by = server.settings.hash_key.map_or(HashKey::Id, |it| it.value);
            (server.id.map_or(place, |id| id.value), by)
        };
        Hashing {
            how: hash::hash_type(proxy),
            by_source: balance == Some(&Balance::Source),
            factor: proxy.back.hash_balance_factor.map_or(0, |it| it.value),
            keys: proxy.servers.iter().enumerate().map(key).collect(),
        }
    }

    fn hash(&self, key: &Key) -> Option<u32> {
        match self.by_source {
            true => Some(hash::of_address(key.source, self.how)),
            false => key.hash,
        }
    }

    fn key(&self, server: usize, address: Option<SocketAddr>) -> u32 {
        let (id, by) = self.keys.get(server).copied().unwrap_or((0, HashKey::Id));
        ring::server_key(by, id, address)
    }
}

/// Whether a server takes a request at once.
fn has_room(live: &Live, backend: usize, server: usize) -> bool {
    let limit = live.server_limit(backend, server);
    limit == 0
        || live.server(backend, server).is_some_and(|it| it.waiting() == 0 && it.current() < limit)
}

/// The next entry of a table that fits, once around at most.
fn step(table: &[usize], next: &mut usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
    for _ in 0..table.len() {
        let place = *table.get(*next % table.len())?;
        *next = (*next + 1) % table.len();
        if fits(place) {
            return Some(place);
        }
    }
    None
}

/// The place that a hash leads to in a table.
fn at(table: &[usize], hash: u32) -> Option<usize> {
    let index = usize::try_from(hash).ok()?.checked_rem(table.len())?;
    table.get(index).copied()
}

/// `leastconn`: the place with the fewest requests, on it or waiting, for its weight; of equal ones the
/// first from `after` on.
fn least(
    live: &Live,
    backend: usize,
    usable: &[usize],
    after: usize,
    avoid: Option<usize>,
) -> Option<usize> {
    let after = if after < usable.len() { after } else { 0 };
    let mut best: Option<(usize, u64, u64)> = None;
    for place in (after..usable.len()).chain(0..after) {
        let server = *usable.get(place)?;
        let figures = live.server(backend, server)?;
        let requests = u64::from(figures.current()) + u64::from(figures.waiting());
        // A server with `maxqueue` takes so many more than it serves at once.
        let limit = match u64::from(live.server_limit(backend, server)) {
            0 => u64::MAX,
            limit => limit + u64::from(figures.queue_max()),
        };
        if Some(server) == avoid || requests >= limit {
            continue;
        }
        // With the new request; none is none, whatever the weight.
        let load = if requests == 0 { 0 } else { requests + 1 };
        let weight = u64::from(figures.effective_weight());
        if best.is_none_or(|(_, least, of)| load * of < least * weight) {
            best = Some((place, load, weight));
        }
    }
    best.map(|(place, ..)| place)
}

/// `random`: of so many servers drawn the one with the fewest requests for its weight.
fn drawn(
    live: &Live,
    backend: usize,
    usable: &[usize],
    urn: &Urn,
    random: u64,
    draws: u32,
    avoid: Option<usize>,
) -> Option<usize> {
    let (mut random, mut best) = (random, None);
    for _ in 0..draws {
        random = draw::next(random);
        let Some(place) = urn.draw(random) else { continue };
        // Instead of one to avoid its neighbour.
        let places = [place, (place + 1) % usable.len().max(1)];
        let servers = places.into_iter().filter_map(|place| usable.get(place).copied());
        let Some(server) = servers.into_iter().find(|&server| Some(server) != avoid) else {
            continue;
        };
        let figures = live.server(backend, server)?;
        let (load, weight) = (u64::from(figures.current()), u64::from(figures.effective_weight()));
        if best.is_none_or(|(_, least, of)| load * of < least * weight) {
            best = Some((server, load, weight));
        }
    }
    best.map(|(server, ..)| server)
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
