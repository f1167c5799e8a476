//! The queue: order, limits, nobody forgotten. Threads stand for workers; what they wait with is a
//! number.

use super::*;
use crate::balance::Health;
use crate::balance::testing::listen;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

type Numbers = Line<u32>;

fn wish(server: Option<usize>) -> Wish {
    Wish { server, ..Wish::default() }
}

/// Hands over on every server, and gives the numbers that were woken.
fn hand_over(line: &Numbers, live: &Live, server: usize) -> Vec<u32> {
    let mut woken = Vec::new();
    line.hand_over(server, live, |number| woken.push(*number));
    woken
}

#[test]
fn first_come_first_served() {
    let live = Live::new(&listen("server a 127.0.0.1:1 maxconn 1\nserver b 127.0.0.1:1 maxconn 1"));
    let line = Numbers::new(0);
    assert!(live.begin_server(0, 0) && live.begin_server(0, 1));
    let one = line.join(wish(Some(0)), 1, &live);
    let any = line.join(wish(None), 2, &live);
    let last = line.join(wish(Some(0)), 3, &live);
    assert_eq!((live.waits(0), live.server(0, 0).expect("it").waiting()), (1, 2));
    assert_eq!(hand_over(&line, &live, 0), [0; 0], "nothing is free");
    live.end_server(0, 0);
    assert_eq!(hand_over(&line, &live, 0), [1]);
    assert_eq!((one.turn(), any.turn(), last.turn()), (Some(Turn::Place(0)), None, None));
    live.end_server(0, 0);
    assert_eq!(hand_over(&line, &live, 0), [2], "who waits for any comes before who came later");
    live.end_server(0, 1);
    assert_eq!(hand_over(&line, &live, 1), [0; 0], "nobody waits for this one");
    live.end_server(0, 0);
    assert_eq!(hand_over(&line, &live, 0), [3]);
    assert_eq!((live.waits(0), live.server(0, 0).expect("it").waiting()), (0, 0));
}

#[test]
fn priorities_come_before_the_order() {
    let live = Live::new(&listen("server a 127.0.0.1:1 maxconn 1"));
    let line = Numbers::new(0);
    assert!(live.begin_server(0, 0));
    let wishes = [(0, 0), (0, 0), (5, 0), (-1, 0), (0, -2), (0, 3)];
    for (number, (class, offset_ms)) in (0..).zip(wishes) {
        let now_us = 1_000 * u64::from(number);
        line.join(Wish { class, offset_ms, now_us, ..Wish::default() }, number, &live);
    }
    let mut order = Vec::new();
    for _ in wishes {
        live.end_server(0, 0);
        order.extend(hand_over(&line, &live, 0));
    }
    // Moments in milliseconds: 0, 1, (2), (3), 4 - 2, 5 + 3.
    assert_eq!(order, [3, 0, 1, 4, 5, 2]);
}

#[test]
fn who_leaves_takes_a_granted_place_along_and_else_nothing() {
    let live = Live::new(&listen("server a 127.0.0.1:1 maxconn 1"));
    let line = Numbers::new(0);
    assert!(live.begin_server(0, 0));
    let first = line.join(wish(None), 1, &live);
    let second = line.join(wish(None), 2, &live);
    assert_eq!(line.leave(&first, &live), None);
    assert_eq!(live.waits(0), 1);
    live.end_server(0, 0);
    assert_eq!(hand_over(&line, &live, 0), [2]);
    assert_eq!(
        line.leave(&second, &live),
        Some(Turn::Place(0)),
        "the place is the leaver's to give back"
    );
    assert_eq!((live.waits(0), live.server(0, 0).expect("it").current()), (0, 1));
}

#[test]
fn a_backup_serves_the_backend_only_when_it_has_to() {
    let lines = "server a 127.0.0.1:1 maxconn 1\nserver b 127.0.0.1:1 maxconn 1 backup\n\
                 server c 127.0.0.1:1 maxconn 1 disabled";
    let live = Live::new(&listen(lines));
    let line = Numbers::new(0);
    line.join(wish(None), 1, &live);
    assert_eq!(hand_over(&line, &live, 1), [0; 0]);
    assert_eq!(hand_over(&line, &live, 2), [0; 0]);
    live.set_health(0, 0, Health::Stopped);
    assert_eq!(hand_over(&line, &live, 0), [0; 0]);
    assert_eq!(hand_over(&line, &live, 1), [1]);
}

#[test]
fn nothing_is_kept_of_servers_that_nobody_waits_for() {
    let live = Live::new(&listen("server a 127.0.0.1:1 maxconn 1"));
    let line = Numbers::new(0);
    let kept = || line.lock().servers.len();
    assert!(live.begin_server(0, 0));
    let leaves = line.join(wish(Some(0)), 1, &live);
    line.join(wish(Some(0)), 2, &live);
    assert_eq!(line.leave(&leaves, &live), None);
    assert_eq!(kept(), 1, "one waits still");
    live.end_server(0, 0);
    assert_eq!((hand_over(&line, &live, 0), kept()), (vec![2], 0));
    let leaves = line.join(wish(Some(0)), 3, &live);
    assert_eq!((line.leave(&leaves, &live), kept()), (None, 0));
    line.join(wish(Some(0)), 4, &live);
    assert_eq!((line.send_back(Some(0), &live, |_| true, |_| ()), kept()), (1, 0));
}

/// What the threads of the next test share.
struct Race {
    live: Live,
    line: Numbers,
    /// Requests on each server, counted by the holders themselves.
    held: Vec<AtomicU32>,
    served: AtomicU64,
    left: AtomicU64,
}

impl Race {
    fn release(&self, server: usize) {
        self.held[server].fetch_sub(1, SeqCst);
        self.live.end_server(0, server);
        if Numbers::is_waited_for(0, server, &self.live) {
            self.line.hand_over(server, &self.live, |_| ());
        }
    }

    fn hold(&self, server: usize, limit: u32) {
        let now = self.held[server].fetch_add(1, SeqCst) + 1;
        assert!(now <= limit, "{now} requests on server {server}");
    }

    /// One request: a place at once or by the queue, or it gives up.
    fn request(&self, random: &mut fastrand::Rng, limit: u32) {
        let servers = self.held.len();
        let server = random.usize(..servers);
        let own = random.bool().then_some(server);
        let free = !Numbers::is_waited_for(0, server, &self.live);
        let place = if free && self.live.begin_server(0, server) {
            Some(server)
        } else {
            let ticket = self.line.join(wish(own), 0, &self.live);
            for server in 0..servers {
                self.line.hand_over(server, &self.live, |_| ());
            }
            let patience = if random.u8(..8) == 0 { random.usize(..50) } else { usize::MAX };
            let mut waited = 0;
            while ticket.turn().is_none() && waited < patience {
                waited += 1;
                thread::yield_now();
            }
            match self.line.leave(&ticket, &self.live) {
                Some(Turn::Place(server)) => Some(server),
                Some(Turn::Again) => panic!("no server went down"),
                None => None,
            }
        };
        let Some(server) = place else {
            self.left.fetch_add(1, SeqCst);
            return;
        };
        self.hold(server, limit);
        if random.bool() {
            thread::yield_now();
        }
        self.served.fetch_add(1, SeqCst);
        self.release(server);
    }
}

/// A lost hand-over would hang it: those with endless patience are never served.
#[test]
fn threads_never_pass_maxconn_and_nobody_is_forgotten() {
    for (seed, servers, limit) in [(1, 1, 1), (2, 1, 3), (3, 3, 1), (4, 2, 2)] {
        let server = |at| format!("server s{at} 127.0.0.1:1 maxconn {limit}\n");
        let lines: String = (0..servers).map(server).collect();
        let race = Race {
            live: Live::new(&listen(&lines)),
            line: Line::new(0),
            held: (0..servers).map(|_| AtomicU32::new(0)).collect(),
            served: AtomicU64::new(0),
            left: AtomicU64::new(0),
        };
        const REQUESTS: u64 = 2_000;
        const THREADS: u64 = 6;
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let race = &race;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed * 100 + thread);
                    (0..REQUESTS).for_each(|_| race.request(&mut random, limit));
                });
            }
        });
        let (served, left) = (race.served.load(SeqCst), race.left.load(SeqCst));
        assert_eq!(served + left, REQUESTS * THREADS);
        assert!(served > left, "{served} served, {left} left");
        assert_eq!(race.live.waits(0), 0);
        for server in race.live.servers(0) {
            assert_eq!((server.current(), server.waiting()), (0, 0));
        }
    }
}

/// The same while a server goes and comes and its limit changes. Who waits for a server that goes is sent
/// back; who is not would wait for ever.
#[test]
fn threads_lose_nobody_while_states_change() {
    for seed in 1..=4_u64 {
        let lines = "server a 127.0.0.1:1 maxconn 2\nserver b 127.0.0.1:1 maxconn 2\n";
        let race = Race {
            live: Live::new(&listen(lines)),
            line: Line::new(0),
            held: (0..2).map(|_| AtomicU32::new(0)).collect(),
            served: AtomicU64::new(0),
            left: AtomicU64::new(0),
        };
        const REQUESTS: u64 = 500;
        const THREADS: u64 = 5;
        let running = AtomicU64::new(THREADS);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (race, running) = (&race, &running);
                scope.spawn(move || {
                    let _ends = Ends(running);
                    let mut random = fastrand::Rng::with_seed(seed * 100 + thread);
                    (0..REQUESTS).for_each(|_| race.steady_request(&mut random));
                });
            }
            let mut random = fastrand::Rng::with_seed(seed);
            while running.load(SeqCst) > 0 {
                race.change(&mut random);
                (0..random.u8(..20)).for_each(|_| thread::yield_now());
                thread::sleep(std::time::Duration::from_micros(20));
            }
        });
        assert_eq!(race.served.load(SeqCst), REQUESTS * THREADS);
        assert_eq!(race.live.waits(0), 0);
        for server in race.live.servers(0) {
            assert_eq!((server.current(), server.waiting()), (0, 0));
        }
    }
}

/// A thread that ends, whether or not it panicked.
struct Ends<'a>(&'a AtomicU64);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Race {
    /// Server 1 goes or comes, or server 0 gets another limit, up to 4.
    fn change(&self, random: &mut fastrand::Rng) {
        let server = random.usize(..2);
        if server == 1 {
            let up = random.bool();
            self.live.set_health(0, 1, if up { Health::Running } else { Health::Stopped });
        } else {
            self.live.servers(0)[0].set_limit(random.u32(1..=4));
        }
        if !self.live.servers(0)[server].is_usable() {
            self.line.send_back(Some(server), &self.live, |tie| tie == Tie::Loose, |_| ());
        }
        for server in 0..2 {
            self.line.hand_over(server, &self.live, |_| ());
        }
    }

    /// A request with endless patience that looks for another server when its own goes.
    fn steady_request(&self, random: &mut fastrand::Rng) {
        let server = loop {
            let server = random.usize(..2);
            let own = random.bool().then_some(server);
            if own.is_some() && !self.live.servers(0)[server].is_usable() {
                continue;
            }
            let ticket = self.line.join(wish(own), 0, &self.live);
            let gone = own.is_some_and(|server| !self.live.servers(0)[server].is_usable());
            (0..2).for_each(|server| self.line.hand_over(server, &self.live, |_| ()));
            while !gone && ticket.turn().is_none() {
                thread::yield_now();
            }
            if let Some(Turn::Place(server)) = self.line.leave(&ticket, &self.live) {
                break server;
            }
        };
        self.hold(server, 4);
        if random.bool() {
            thread::yield_now();
        }
        self.served.fetch_add(1, SeqCst);
        self.release(server);
    }
}
