//! Balancing while servers come and go: who waits chooses again, who is bound stays, sessions end when an
//! operator or a check says so; the algorithms beside HAProxy's.

#[path = "balance/beside.rs"]
mod beside;
mod common;
#[path = "balance/cookies.rs"]
mod cookies;
mod end_to_end;
#[path = "balance/hashes.rs"]
mod hashes;
#[path = "balance/live.rs"]
mod live;
#[path = "balance/queue.rs"]
mod queue;

use common::site::{Running, Way, client, reach};
use common::{any_port, run, simulated};
use koi::balance::{Admin, Health};
use koi::exchange::server::{Refusal, Wanted, state_changed};
use koi::exchange::sessions;
use koi::exchange::site::Site;
use koi::rules::context::Connection;
use koi::rules::ending::Cause;
use koi::worker::{ListenOptions, Local, SocketAddress, StreamId};
use koi_sys::ring::sim::{Faults, Network};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Runs a test in the simulation.
fn virtually(test: impl AsyncFn(Local) + Copy + 'static) {
    let worker = simulated(&Network::new(1, Faults::default()));
    run(worker, async move |local: Local| test(local).await);
}

/// Something that accepts, and keeps what it accepted.
fn host(local: &Local) -> SocketAddress {
    let mut listener = local.listen(&any_port(), &ListenOptions::default()).expect("a listener");
    let address = listener.local_address().expect("an address");
    local.spawn(async move {
        let mut kept = Vec::new();
        while let Some(stream) = listener.accept().await {
            kept.push(stream);
        }
    });
    address
}

fn site(local: &Local, lines: &str) -> Rc<Site> {
    let address = host(local);
    let text = format!("listen l\nmode http\n{lines}\n");
    Running::new(&text, |_, _| address.clone()).site(local, 0)
}

/// What became of requests that wait: the server of each, or its refusal, in order.
type Came = Rc<RefCell<Vec<(u16, Result<usize, Refusal>)>>>;

/// A request that waits; it keeps what it got for `keeps`.
fn begin(site: &Rc<Site>, came: &Came, port: u16, chosen: Option<usize>, keeps: Duration) {
    let (site, came) = (site.clone(), came.clone());
    site.local.clone().spawn(async move {
        let Way { link, .. } = reach(&site, &client(port), chosen, Wanted::First).await;
        let (server, link) = match link {
            Ok(link) => (Ok(link.server), Some(link)),
            Err(refusal) => (Err(refusal), None),
        };
        came.borrow_mut().push((port, server));
        if link.is_some() {
            site.local.sleep(keeps).await;
        }
    });
}

async fn settle(local: &Local) {
    local.sleep(ms(2)).await;
}

/// What changes, and is made known.
fn change(site: &Rc<Site>, server: usize, change: impl FnOnce(&Site)) {
    change(site);
    state_changed(site, 0, server);
}

const TWO: &str = "server a 127.0.0.1:1 maxconn 1\nserver b 127.0.0.1:1 maxconn 1";

#[test]
fn who_waits_for_a_server_that_goes_down_chooses_again() {
    virtually(async |local| {
        let site = site(&local, &format!("balance source\ntimeout queue 2s\n{TWO}"));
        let came = Came::default();
        (1..=3).for_each(|port| begin(&site, &came, port, None, ms(100)));
        settle(&local).await;
        let first = came.borrow()[0].1.expect("the first has it");
        assert_eq!(site.live.servers(0)[first].waiting(), 2);
        change(&site, first, |it| {
            let _ = it.live.set_health(0, first, Health::Stopped);
        });
        settle(&local).await;
        assert_eq!(came.borrow()[1], (2, Ok(1 - first)));
        local.sleep(ms(150)).await;
        assert_eq!(came.borrow()[2], (3, Ok(1 - first)));
        local.sleep(ms(300)).await;
        for server in site.live.servers(0) {
            assert_eq!((server.current(), server.waiting()), (0, 0));
        }
    });
}

#[test]
fn who_is_bound_leaves_a_dead_server_only_as_options_say() {
    virtually(async |local| {
        // (options, state of server a, what becomes of who waits for it)
        let down = |site: &Site| {
            let _ = site.live.set_health(0, 0, Health::Stopped);
        };
        let maint = |site: &Site| {
            let _ = site.live.set_admin(0, 0, Admin::FORCED_MAINT, true);
        };
        let drain = |site: &Site| {
            let _ = site.live.set_admin(0, 0, Admin::FORCED_DRAIN, true);
        };
        type Case = (&'static str, fn(&Site), Result<usize, Refusal>);
        let cases: [Case; 5] = [
            ("", down, Err(Refusal::QueueTimeout)),
            ("option redispatch", down, Ok(1)),
            ("option redispatch\noption persist", down, Err(Refusal::QueueTimeout)),
            ("", maint, Ok(1)),
            ("option redispatch", drain, Err(Refusal::QueueTimeout)),
        ];
        for (options, what, wanted) in cases {
            let site = site(&local, &format!("{options}\ntimeout queue 50ms\n{TWO}"));
            let came = Came::default();
            begin(&site, &came, 1, Some(0), ms(1000));
            settle(&local).await;
            begin(&site, &came, 2, Some(0), ms(10));
            settle(&local).await;
            assert_eq!(came.borrow().len(), 1, "{options}: the second waits");
            change(&site, 0, what);
            local.sleep(ms(100)).await;
            assert_eq!(came.borrow()[1], (2, wanted), "{options}");
        }
    });
}

#[test]
fn the_last_server_takes_the_queue_along_and_a_backup_takes_it_over() {
    virtually(async |local| {
        let lines = "timeout queue 9s\nserver a 127.0.0.1:1 maxconn 1";
        let alone = site(&local, lines);
        let came = Came::default();
        (1..=2).for_each(|port| begin(&alone, &came, port, None, ms(5000)));
        settle(&local).await;
        change(&alone, 0, |it| {
            let _ = it.live.set_health(0, 0, Health::Stopped);
        });
        settle(&local).await;
        assert_eq!(came.borrow()[1], (2, Err(Refusal::NoServer)), "nobody is left to wait for");
        let site = site(&local, &format!("{lines}\nserver b 127.0.0.1:1 maxconn 1 backup"));
        let came = Came::default();
        (1..=2).for_each(|port| begin(&site, &came, port, None, ms(5000)));
        settle(&local).await;
        assert_eq!((came.borrow().len(), site.live.waits(0)), (1, 1));
        change(&site, 0, |it| {
            let _ = it.live.set_health(0, 0, Health::Stopped);
        });
        settle(&local).await;
        assert_eq!(came.borrow()[1], (2, Ok(1)));
    });
}

#[test]
fn more_room_is_handed_over_at_once() {
    virtually(async |local| {
        let site = site(&local, "timeout queue 9s\nserver a 127.0.0.1:1 maxconn 1");
        let came = Came::default();
        (1..=4).for_each(|port| begin(&site, &came, port, None, ms(5000)));
        settle(&local).await;
        assert_eq!(came.borrow().len(), 1);
        change(&site, 0, |it| it.live.servers(0)[0].set_limit(3));
        settle(&local).await;
        assert_eq!((came.borrow().len(), site.live.waits(0)), (3, 1));
        // A server that takes a growing share only has that part of its places.
        change(&site, 0, |it| {
            let _ = it.live.set_ramp(0, 0, 34);
        });
        assert_eq!(site.live.server_limit(0, 0), 1);
        change(&site, 0, |it| it.live.servers(0)[0].set_limit(0));
        settle(&local).await;
        assert_eq!((came.borrow().len(), site.live.waits(0)), (4, 0));
    });
}

/// A connection of a client that is shown.
fn listed(site: &Site, port: u16) -> Connection {
    let plain = client(port);
    let here = (StreamId::NONE, site.local.current());
    let serial = site.sessions.begin(plain.source, (0, 0), site.now_us(), here);
    Connection { serial, ..plain }
}

#[test]
fn sessions_end_when_they_are_told_to() {
    virtually(async |local| {
        let site = site(&local, &format!("timeout queue 9s\n{TWO}"));
        // One with a connection: it is closed under it.
        let one = listed(&site, 1);
        let link = reach(&site, &one, Some(0), Wanted::Own).await.link();
        site.sessions.asks(&one);
        site.sessions.reaches(&one, (0, 0), link.transport.stream().id());
        sessions::shut_all_of(&site, 0, 1, Cause::Down);
        assert!(!site.sessions.is_ended(&one), "that is another server");
        sessions::shut_all_of(&site, 0, 0, Cause::Down);
        assert!(link.transport.receive().await.is_err());
        assert_eq!(site.sessions.rests(&one), Some(Cause::Down));
        assert_eq!(site.sessions.rests(&one), None);
        // One that waits in the queue.
        let ended = Rc::new(RefCell::new(None));
        let (waits, came) = (site.clone(), ended.clone());
        local.spawn(async move {
            let two = listed(&waits, 2);
            waits.sessions.asks(&two);
            let refusal = reach(&waits, &two, Some(0), Wanted::Own).await.link.err();
            *came.borrow_mut() = Some((refusal, waits.sessions.rests(&two)));
            waits.sessions.end(two.serial);
        });
        settle(&local).await;
        let mut serial = 0;
        site.sessions
            .each(|it| serial = if it.source.get().port() == 2 { it.serial } else { serial });
        assert!(sessions::shut(&site, serial, Cause::Killed));
        settle(&local).await;
        assert_eq!(*ended.borrow(), Some((Some(Refusal::Ended), Some(Cause::Killed))));
        assert!(!sessions::shut(&site, serial, Cause::Killed), "it is gone");
        assert_eq!(site.live.servers(0)[0].waiting(), 0);
    });
}
