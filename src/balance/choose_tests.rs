//! Order, weights, ties, what is passed over. (The orders themselves are compared with HAProxy's in
//! `turns` and `table`.)

use super::*;
use crate::balance::Health;
use crate::balance::testing::listen;

fn key(source: &str) -> Key {
    Key { source: source.parse().expect("an address"), random: 1, hash: None, avoid: None }
}

struct World {
    chooser: Chooser,
    live: Live,
    random: fastrand::Rng,
}

impl World {
    fn new(lines: &str) -> World {
        let plan = listen(lines);
        let (chooser, live) = (Chooser::new(&plan, 0), Live::new(&plan));
        World { chooser, live, random: fastrand::Rng::with_seed(1) }
    }

    fn choose(&mut self, avoid: Option<usize>) -> Choice {
        let key = Key { random: self.random.u64(..), avoid, ..key("192.0.2.1") };
        self.chooser.choose(0, &key, &self.live)
    }

    /// The servers (from 1) of requests that are over at once.
    fn sequence(&mut self, requests: usize) -> String {
        let one = |_| match self.choose(None) {
            Choice::Server(server) => char::from_digit(server as u32 + 1, 10).expect("a digit"),
            Choice::Full => 'F',
            Choice::None => '-',
        };
        (0..requests).map(one).collect()
    }

    /// A request that stays.
    fn stay(&mut self) -> Choice {
        let choice = self.choose(None);
        if let Choice::Server(server) = choice {
            assert!(self.live.begin_server(0, server));
        }
        choice
    }
}

const THREE: &str = "server a 127.0.0.1:1\nserver b 127.0.0.1:1\nserver c 127.0.0.1:1\n";

#[test]
fn turns_begin_with_the_first_server_and_the_others_workers_do_not() {
    assert_eq!(World::new(THREE).sequence(7), "1231231");
    assert_eq!(World::new(&format!("balance static-rr\n{THREE}")).sequence(7), "1231231");
    assert_eq!(World::new(&format!("balance leastconn\n{THREE}")).sequence(7), "1231231");
    let plan = listen(THREE);
    let (second, live) = (Chooser::new(&plan, 1), Live::new(&plan));
    assert_eq!(second.choose(0, &key("::1"), &live), Choice::Server(1));
}

#[test]
fn a_full_server_is_passed_over_and_a_full_backend_says_so() {
    for balance in ["roundrobin", "static-rr", "leastconn", "first"] {
        let lines = "server a 127.0.0.1:1 maxconn 1\nserver b 127.0.0.1:1 maxconn 2\n";
        let mut world = World::new(&format!("balance {balance}\n{lines}"));
        let mut count = [0; 2];
        for _ in 0..3 {
            let Choice::Server(server) = world.stay() else { panic!("{balance}") };
            count[server] += 1;
        }
        assert_eq!((count, world.stay()), ([1, 2], Choice::Full), "{balance}");
        world.live.end_server(0, 0);
        assert_eq!(world.stay(), Choice::Server(0), "{balance}");
    }
}

#[test]
fn what_is_down_disabled_or_of_no_weight_gets_nothing() {
    let lines = "server a 127.0.0.1:1 disabled\nserver b 127.0.0.1:1 weight 0\n\
                 server c 127.0.0.1:1\nserver d 127.0.0.1:1 backup\nserver e 127.0.0.1:1 backup\n";
    for balance in ["roundrobin", "static-rr", "leastconn", "first", "source", "random"] {
        let mut world = World::new(&format!("balance {balance}\n{lines}"));
        assert_eq!(world.sequence(4), "3333", "{balance}");
        world.live.set_health(0, 2, Health::Stopped);
        assert_eq!(world.sequence(4), "4444", "{balance}: the first backup");
        world.live.set_health(0, 3, Health::Stopped);
        assert_eq!(world.sequence(2), "55", "{balance}");
        world.live.set_health(0, 4, Health::Stopped);
        assert_eq!(world.sequence(2), "--", "{balance}");
        world.live.set_health(0, 2, Health::Running);
        assert_eq!(world.sequence(2), "33", "{balance}");
    }
    let mut all = World::new(&format!("option allbackups\n{lines}"));
    all.live.set_health(0, 2, Health::Stopped);
    assert_eq!(all.sequence(4), "4545");
}

#[test]
fn one_backup_serves_at_a_time_whatever_the_order() {
    let lines = "server a 127.0.0.1:1 disabled\nserver b 127.0.0.1:1 id 9 backup\n\
                 server c 127.0.0.1:1 id 3 backup\n";
    for balance in ["first", "roundrobin", "leastconn"] {
        let mut world = World::new(&format!("balance {balance}\n{lines}"));
        assert_eq!(world.sequence(4), "2222", "{balance}");
        assert!(world.live.is_active(0, 1) && !world.live.is_active(0, 2));
    }
    let mut all = World::new(&format!("balance first\noption allbackups\n{lines}"));
    assert_eq!(all.sequence(2), "33", "all of them in the algorithm's order");
}

#[test]
fn who_failed_is_avoided_if_there_is_another() {
    for balance in ["roundrobin", "static-rr", "leastconn", "first", "source", "random"] {
        let mut world = World::new(&format!("balance {balance}\n{THREE}"));
        for round in 0..30 {
            let avoid = round % 3;
            let choice = world.choose(Some(avoid));
            assert!(matches!(choice, Choice::Server(it) if it != avoid), "{balance}: {choice:?}");
        }
        let mut alone = World::new(&format!("balance {balance}\nserver a 127.0.0.1:1\n"));
        assert_eq!(alone.choose(Some(0)), Choice::Server(0), "{balance}");
    }
}

#[test]
fn leastconn_weighs_and_takes_turns_among_equals() {
    let lines =
        "balance leastconn\nserver a 127.0.0.1:1 weight 30\nserver b 127.0.0.1:1 weight 10\n";
    let mut world = World::new(lines);
    let mut count = [0; 2];
    for _ in 0..400 {
        let Choice::Server(server) = world.stay() else { panic!("nobody is full") };
        count[server] += 1;
    }
    assert!((count[0] - 300_i32).abs() <= 2, "{count:?}");
    // With `maxqueue` a server may have some wait.
    let mut queued = World::new("balance leastconn\nserver a 127.0.0.1:1 maxconn 1 maxqueue 2\n");
    assert_eq!(queued.stay(), Choice::Server(0));
    assert_eq!(queued.choose(None), Choice::Server(0));
}

#[test]
fn first_goes_by_id() {
    let lines =
        "balance first\nserver a 127.0.0.1:1 id 7 maxconn 1\nserver b 127.0.0.1:1 id 1 maxconn 2\n";
    let mut world = World::new(lines);
    let stayed: Vec<Choice> = (0..3).map(|_| world.stay()).collect();
    assert_eq!(stayed, [Choice::Server(1), Choice::Server(1), Choice::Server(0)]);
}

#[test]
fn a_client_stays_on_the_server_that_haproxy_gives_it() {
    // What HAProxy 3.0.11 answered to 127.0.0.1 (from 1), by weights.
    let known: [(&[u16], usize); 8] = [
        (&[1, 1, 1], 3),
        (&[3, 1], 1),
        (&[1, 3], 2),
        (&[5, 3, 1], 2),
        (&[2, 4], 2),
        (&[1, 2, 3], 3),
        (&[10, 1, 1, 1], 1),
        (&[0, 1, 1], 3),
    ];
    for (weights, server) in known {
        let line = |(at, weight)| format!("server s{at} 127.0.0.1:1 weight {weight}\n");
        let lines: String = weights.iter().enumerate().map(line).collect();
        let plan = listen(&format!("balance source\n{lines}"));
        let (chooser, live) = (Chooser::new(&plan, 3), Live::new(&plan));
        for _ in 0..3 {
            let choice = chooser.choose(0, &key("127.0.0.1"), &live);
            assert_eq!(choice, Choice::Server(server - 1), "{weights:?}");
        }
    }
    let v6 = "2001:db8::7".parse().expect("an address");
    let how = HashType { method: HashMethod::MapBased, function: None, avalanche: false };
    assert_eq!(hash::of_address(v6, how), 0x2001_0db8 ^ 7);
}

#[test]
fn draws_find_the_less_loaded_and_follow_the_weights() {
    let lines = "server a 127.0.0.1:1 weight 1\nserver b 127.0.0.1:1 weight 3\n";
    let mut one = World::new(&format!("balance random(1)\n{lines}"));
    let many = one.sequence(4000);
    let first = many.matches('1').count();
    assert!((800..1200).contains(&first), "{first} of 4000 for a quarter of the weight");
    let mut many = World::new(&format!("balance random(100)\n{THREE}"));
    (0..2).for_each(|server| assert!(many.live.begin_server(0, server)));
    assert_eq!(many.sequence(20), "3".repeat(20));
    let mut full = World::new("balance random\nserver a 127.0.0.1:1 maxconn 1\n");
    assert_eq!((full.stay(), full.choose(None)), (Choice::Server(0), Choice::Full));
    let none = World::new("balance random\n").choose(None);
    assert_eq!(none, Choice::None);
}
