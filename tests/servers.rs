//! The way to a server: connections kept and given up, retries, queues. In the simulation time is
//! virtual, so that every timeout has its exact moment; what takes no time also runs on every ring of
//! the machine.

mod common;

use common::peer::{chunk, store};
use common::site::{Running, Way, client, reach};
use common::{any_port, each_ring, run, simulated, worker};
use koi::exchange::server::{Link, Refusal, Wanted, watch};
use koi::exchange::site::Site;
use koi::rules::context::{Connection, Counters};
use koi::worker::future::{Either, race};
use koi::worker::{
    Group, GroupConfig, ListenOptions, Listener, Local, ReceiveError, SocketAddress, Stream,
};
use koi_sys::ring::sim::{Faults, Network};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Runs a test on every ring and in the simulation.
fn everywhere(test: impl AsyncFn(Local) + Copy + 'static) {
    each_ring(|kind| run(worker(kind), async move |local: Local| test(local).await));
    virtually(test);
}

/// Runs a test in the simulation only.
fn virtually(test: impl AsyncFn(Local) + Copy + 'static) {
    println!("simulated:");
    let worker = simulated(&Network::new(1, Faults::default()));
    run(worker, async move |local: Local| test(local).await);
}

/// What a server of a test does with its connections.
#[derive(Default)]
struct Server {
    accepted: Cell<usize>,
    /// How many of its connections ended by a reset.
    resets: Cell<usize>,
    /// Connections to close, or to speak on, while they are idle.
    streams: RefCell<Vec<Rc<Stream>>>,
}

/// A server that answers every byte with `y`, until its task is dropped.
struct Host {
    address: SocketAddress,
    server: Rc<Server>,
}

async fn host(local: &Local) -> Host {
    let listener = local.listen(&any_port(), &ListenOptions::default()).expect("a listener");
    let address = listener.local_address().expect("an address");
    let server = Rc::new(Server::default());
    local.spawn(accept(local.clone(), listener, server.clone()));
    Host { address, server }
}

async fn accept(local: Local, mut listener: Listener, server: Rc<Server>) {
    while let Some(stream) = listener.accept().await {
        server.accepted.set(server.accepted.get() + 1);
        let stream = Rc::new(stream);
        server.streams.borrow_mut().push(stream.clone());
        let server = server.clone();
        local.spawn(async move {
            let store = store();
            loop {
                match stream.receive().await {
                    Ok(Some(_)) if stream.send(chunk(&store, b"y")).await.is_ok() => {}
                    Err(ReceiveError::Reset) => return server.resets.set(server.resets.get() + 1),
                    _ => return,
                }
            }
        });
    }
}

/// A backend of one server.
struct World {
    site: Rc<Site>,
    host: Host,
}

async fn world(local: &Local, backend: &str, server: &str) -> World {
    let host = host(local).await;
    let text = format!("listen l\nmode http\n{backend}\nserver s 127.0.0.1:1 {server}\n");
    let address = host.address.clone();
    let running = Running::new(&text, |_, _| address.clone());
    World { site: running.site(local, 0), host }
}

impl World {
    /// A request and its response.
    async fn exchange(&self, port: u16, wanted: Wanted) -> Link {
        let link = reach(&self.site, &client(port), None, wanted).await.link();
        talk(&link).await;
        link
    }

    /// The same, and the connection goes back. Whether it had been idle.
    async fn keep(&self, port: u16, wanted: Wanted) -> bool {
        let link = self.exchange(port, wanted).await;
        let reused = link.reused;
        link.give_back(&self.site);
        reused
    }

    fn idle(&self) -> usize {
        self.site.servers.tally().idle.get()
    }

    fn accepted(&self) -> usize {
        self.host.server.accepted.get()
    }
}

async fn talk(link: &Link) {
    link.transport.send(chunk(&store(), b"x")).await.expect("it is sent");
    let answer = link.transport.receive().await.expect("it comes").expect("no end");
    assert_eq!(&*answer, b"y");
}

/// Lets everything happen that takes no time.
async fn settle(local: &Local) {
    local.sleep(ms(2)).await;
}

#[test]
fn a_connection_is_kept_and_used_again() {
    everywhere(async |local| {
        let world = world(&local, "", "").await;
        assert!(!world.keep(1, Wanted::First).await);
        assert_eq!(world.idle(), 1);
        for _ in 0..5 {
            assert!(world.keep(1, Wanted::Later).await);
        }
        assert_eq!((world.accepted(), world.idle()), (1, 1));
        let one = world.exchange(1, Wanted::Later).await;
        let other = world.exchange(2, Wanted::Later).await;
        assert_eq!((world.accepted(), one.reused, other.reused), (2, true, false));
        assert_eq!(world.site.live.server(0, 0).expect("it").current(), 2);
        one.give_back(&world.site);
        other.give_back(&world.site);
        assert_eq!((world.idle(), world.site.live.server(0, 0).expect("it").current()), (2, 0));
        // A link that is dropped is closed, and its place is free.
        drop(world.exchange(2, Wanted::Later).await);
        assert_eq!((world.idle(), world.site.live.server(0, 0).expect("it").current()), (1, 0));
    });
}

/// A reset leaves no port behind that the kernel keeps for a minute.
#[test]
fn an_idle_connection_that_is_too_much_is_reset() {
    everywhere(async |local| {
        let world = world(&local, "", "pool-max-conn 1").await;
        let (one, other) =
            (world.exchange(1, Wanted::First).await, world.exchange(2, Wanted::First).await);
        one.give_back(&world.site);
        settle(&local).await;
        assert_eq!((world.idle(), world.host.server.resets.get()), (1, 0));
        other.give_back(&world.site);
        // The news takes its time on a real network, loopback included.
        for _ in 0..5_000 {
            if world.host.server.resets.get() > 0 {
                break;
            }
            local.sleep(ms(1)).await;
        }
        assert_eq!((world.idle(), world.host.server.resets.get()), (1, 1));
    });
}

#[test]
fn who_may_use_an_idle_connection() {
    virtually(async |local| {
        // Another client's first and later request: after one request, and after two.
        let modes = [
            ("never", [false, false], [false, false]),
            ("safe", [false, true], [false, true]),
            ("aggressive", [false, true], [true, true]),
            ("always", [true, true], [true, true]),
        ];
        for (mode, once, twice) in modes {
            for (requests, expected) in [(1, once), (2, twice)] {
                for (wanted, expected) in [Wanted::First, Wanted::Later].into_iter().zip(expected) {
                    let world = world(&local, &format!("http-reuse {mode}"), "").await;
                    world.keep(1, Wanted::First).await;
                    for _ in 1..requests {
                        assert!(world.keep(1, Wanted::Later).await, "{mode}: its own client's");
                    }
                    assert!(!world.exchange(3, Wanted::Fresh).await.reused);
                    assert!(!world.exchange(3, Wanted::Own).await.reused);
                    let link = world.exchange(2, wanted).await;
                    assert_eq!(link.reused, expected, "{mode}, {wanted:?} after {requests}");
                }
            }
        }
    });
}

#[test]
fn what_was_kept_for_one_client_goes_with_it() {
    virtually(async |local| {
        let world = world(&local, "http-reuse never", "").await;
        world.keep(1, Wanted::First).await;
        assert_eq!(world.idle(), 1);
        world.site.servers.forget(&client(2));
        assert_eq!(world.idle(), 1);
        world.site.servers.forget(&client(1));
        assert_eq!(world.idle(), 0);
        assert!(!world.keep(1, Wanted::Later).await);
    });
}

/// By a Unix socket clients have no addresses, and several are accepted in the same microsecond.
#[test]
fn clients_that_look_the_same_are_not_mixed_up() {
    virtually(async |local| {
        let world = world(&local, "http-reuse never", "").await;
        let (one, other) = (client(1), Connection { source: client(1).source, ..client(2) });
        let link = reach(&world.site, &one, None, Wanted::First).await.link();
        talk(&link).await;
        link.give_back(&world.site);
        let link = reach(&world.site, &other, None, Wanted::Later).await.link();
        assert!(!link.reused, "it was the other one's");
        let link = reach(&world.site, &one, None, Wanted::Later).await.link();
        assert!(link.reused, "its own");
    });
}

#[test]
fn a_connection_that_the_server_gave_up_is_never_used() {
    everywhere(async |local| {
        let world = world(&local, "http-reuse always", "").await;
        world.keep(1, Wanted::First).await;
        let stream = world.host.server.streams.borrow_mut().remove(0);
        stream.abort();
        settle(&local).await;
        assert!(!world.exchange(2, Wanted::Later).await.reused);
        assert_eq!((world.site.servers.tally().stale.get(), world.accepted()), (1, 2));
    });
}

#[test]
fn bytes_that_answer_nothing_close_the_connection() {
    everywhere(async |local| {
        let world = world(&local, "http-reuse always", "").await;
        world.keep(1, Wanted::First).await;
        let stream = world.host.server.streams.borrow()[0].clone();
        stream.send(chunk(&store(), b"HTTP/1.1 200 OK")).await.expect("it is sent");
        settle(&local).await;
        assert!(!world.exchange(2, Wanted::Later).await.reused);
        assert_eq!(world.site.servers.tally().unasked.get(), 1);
        assert_eq!((world.site.servers.tally().stale.get(), world.idle()), (0, 0));
    });
}

#[test]
fn the_watcher_closes_what_the_server_gave_up() {
    everywhere(async |local| {
        let world = world(&local, "", "").await;
        local.spawn(watch(world.site.clone()));
        let (one, two) =
            (world.exchange(1, Wanted::First).await, world.exchange(2, Wanted::First).await);
        one.give_back(&world.site);
        two.give_back(&world.site);
        // One goes at once, one after the watcher has taken it over.
        world.host.server.streams.borrow_mut().remove(0).abort();
        while world.idle() > 1 {
            local.sleep(ms(1)).await;
        }
        local.sleep(ms(250)).await;
        world.host.server.streams.borrow_mut().remove(0).abort();
        while world.idle() > 0 {
            local.sleep(ms(1)).await;
        }
        assert_eq!(world.site.servers.tally().stale.get(), 2);
        local.stop_within(ms(0));
    });
}

#[test]
fn half_of_what_is_not_needed_goes_with_every_purge() {
    virtually(async |local| {
        let world = world(&local, "", "pool-purge-delay 10s").await;
        local.spawn(watch(world.site.clone()));
        let mut links = Vec::new();
        for port in 1..=8 {
            links.push(world.exchange(port, Wanted::First).await);
        }
        links.into_iter().for_each(|link| link.give_back(&world.site));
        assert_eq!(world.idle(), 8);
        let mut seen = vec![8];
        for _ in 0..200 {
            local.sleep(ms(500)).await;
            if seen.last() != Some(&world.idle()) {
                seen.push(world.idle());
            }
        }
        assert_eq!(seen.last(), Some(&0), "{seen:?}");
        assert!(seen.windows(2).all(|pair| pair[1] >= pair[0] / 2 || pair[0] == 1), "{seen:?}");
        assert_eq!(world.site.servers.tally().purged.get(), 8);
        local.stop_within(ms(0));
    });
}

#[test]
fn how_many_are_kept() {
    virtually(async |local| {
        for (options, kept) in [
            ("", 3),
            ("pool-max-conn 2", 2),
            ("pool-max-conn 0", 0),
            ("pool-purge-delay 0", 0),
            ("max-reuse 0", 0),
        ] {
            let world = world(&local, "", options).await;
            let mut links = Vec::new();
            for port in 1..=3 {
                links.push(world.exchange(port, Wanted::First).await);
            }
            links.into_iter().for_each(|link| link.give_back(&world.site));
            assert_eq!(world.idle(), kept, "{options}");
        }
        // One request after the other never needs two, whatever is dialled.
        let one = world(&local, "", "").await;
        for port in 1..=5 {
            one.keep(port, Wanted::First).await;
        }
        assert_eq!((one.idle(), one.accepted()), (1, 5));
        let low = world(&local, "", "pool-low-conn 2").await;
        for port in 1..=5 {
            low.keep(port, Wanted::First).await;
        }
        assert_eq!(low.idle(), 3);
        let reused = world(&local, "", "max-reuse 2").await;
        let uses = [reused.keep(1, Wanted::First).await, reused.keep(1, Wanted::Later).await];
        assert_eq!((uses, reused.keep(1, Wanted::Later).await), ([false, true], true));
        assert!(!reused.keep(1, Wanted::Later).await, "it has been used again twice");
    });
}

#[test]
fn connections_that_differ_are_not_mixed_up() {
    virtually(async |local| {
        let named = world(&local, "http-reuse always", "pool-conn-name src_port").await;
        let one = named.exchange(1, Wanted::Later).await;
        let two = named.exchange(2, Wanted::Later).await;
        one.give_back(&named.site);
        assert!(!named.exchange(2, Wanted::Later).await.reused);
        two.give_back(&named.site);
        assert!(named.keep(1, Wanted::Later).await && named.keep(2, Wanted::Later).await);
        let header = world(&local, "http-reuse always", "send-proxy").await;
        // The header is one chunk for the server, and so is the request.
        for (port, reused) in [(1, false), (2, false), (1, true), (2, true)] {
            let link = reach(&header.site, &client(port), None, Wanted::Later).await.link();
            assert_eq!(link.reused, reused, "client {port}");
            link.give_back(&header.site);
        }
    });
}

#[test]
fn a_proxy_header_comes_first() {
    everywhere(async |local| {
        for (option, start) in [
            ("send-proxy", &b"PROXY TCP4 192.0.2.1 198.51.100.1 7 80\r\n"[..]),
            (
                "send-proxy-v2",
                b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\0\x07\0\x50",
            ),
        ] {
            let mut listener =
                local.listen(&any_port(), &ListenOptions::default()).expect("a listener");
            let address = listener.local_address().expect("an address");
            let text = format!("listen l\nmode http\nserver s 127.0.0.1:1 {option}\n");
            let site = Running::new(&text, |_, _| address.clone()).site(&local, 0);
            let link = reach(&site, &client(7), None, Wanted::First).await.link();
            link.transport.send(chunk(&store(), b"x")).await.expect("it is sent");
            let stream = listener.accept().await.expect("a connection");
            let mut came = Vec::new();
            while came.len() <= start.len() {
                let chunk = stream.receive().await.expect("it comes").expect("no end");
                came.extend_from_slice(&chunk);
            }
            assert_eq!(came, [start, b"x"].concat(), "{option}");
        }
    });
}

/// How long the way took, in milliseconds, how often it was tried again, and where it led.
async fn attempt(local: &Local, site: &Rc<Site>, chosen: Option<usize>) -> (u64, i64, Way) {
    let start = local.now();
    let way = reach(site, &client(1), chosen, Wanted::First).await;
    let took = local.now().since(start).as_millis() as u64;
    (took, way.exchange.retries, way)
}

/// Two servers, of which the first (or both) refuse.
async fn half_dead(local: &Local, lines: &str, dead: usize) -> Rc<Site> {
    let alive = host(local).await.address;
    // Nobody listens on a port that was just closed.
    let refuses = {
        let listener = local.listen(&any_port(), &ListenOptions::default()).expect("a listener");
        listener.local_address().expect("an address")
    };
    settle(local).await;
    let text =
        format!("listen l\nmode http\n{lines}\nserver a 127.0.0.1:1\nserver b 127.0.0.1:1\n");
    let place = move |_, server| if server < dead { refuses.clone() } else { alive.clone() };
    Running::new(&text, place).site(local, 0)
}

#[test]
fn retries_and_redispatch_are_as_in_haproxy() {
    virtually(async |local| {
        // What HAProxy 3.0.11 did with the same lines: milliseconds, retries, whether another server
        // was chosen, and whether there was a connection in the end.
        let cases = [
            ("timeout connect 700ms", None, 1, (2100, 3, false, false)),
            ("timeout connect 5s", None, 1, (3000, 3, false, false)),
            ("retries 0", None, 1, (0, 0, false, false)),
            ("option redispatch", None, 1, (0, 1, true, true)),
            ("balance leastconn\noption redispatch", None, 1, (0, 1, true, true)),
            ("timeout connect 700ms\noption redispatch", Some(0), 1, (1400, 3, true, true)),
            ("timeout connect 700ms\noption redispatch 2", Some(0), 1, (700, 2, true, true)),
            ("option redispatch", None, 2, (0, 3, true, false)),
            ("timeout connect 700ms\noption redispatch -2", Some(0), 2, (700, 3, true, false)),
        ];
        for (lines, chosen, dead, (took, retries, moved, reached)) in cases {
            let site = half_dead(&local, lines, dead).await;
            let way = attempt(&local, &site, chosen).await;
            assert!(way.0 >= took && way.0 < took + 50, "{lines}: {} ms", way.0);
            assert_eq!(way.1, retries, "{lines}");
            assert_eq!(way.2.exchange.redispatched, moved, "{lines}");
            match way.2.link {
                Ok(link) => assert_eq!((reached, link.server), (true, 1), "{lines}"),
                Err(refusal) => {
                    assert_eq!((reached, refusal), (false, Refusal::Connect), "{lines}")
                }
            }
            assert_eq!(way.2.exchange.times.connected.is_some(), reached, "{lines}");
            let left = site.live.servers(0).iter().map(|it| it.current()).sum::<u32>();
            assert_eq!(left, 0, "{lines}");
        }
    });
}

#[test]
fn a_server_that_does_not_answer_is_given_up_in_time() {
    let slow = Faults { delay_max: Duration::from_secs(100_000), ..Faults::default() };
    let network = Network::new(7, Faults::default());
    let worker = simulated(&network);
    run(worker, async move |local: Local| {
        let host = host(&local).await;
        let text = "listen l\nmode http\ntimeout connect 300ms\nserver a 127.0.0.1:1\n";
        let site = Running::new(text, |_, _| host.address.clone()).site(&local, 0);
        network.set_faults(slow);
        let (took, retries, way) = attempt(&local, &site, None).await;
        // No wait before a retry: the time was long enough.
        assert_eq!((took, retries), (1200, 3));
        assert!(matches!(way.link, Err(Refusal::ConnectTimeout)));
        network.set_faults(Faults::default());
    });
}

#[test]
fn who_waits_is_served_in_order_and_not_for_ever() {
    virtually(async |local| {
        let world = world(&local, "timeout queue 400ms", "maxconn 1").await;
        let held = world.exchange(1, Wanted::First).await;
        let order: Rc<RefCell<Vec<u16>>> = Rc::default();
        for port in 2..=5 {
            let (site, order, local) = (world.site.clone(), order.clone(), local.clone());
            local.clone().spawn(async move {
                let way = reach(&site, &client(port), None, Wanted::First).await;
                match way.link {
                    Ok(link) => {
                        order.borrow_mut().push(port);
                        local.sleep(ms(100)).await;
                        link.give_back(&site);
                    }
                    Err(refusal) => {
                        assert_eq!(refusal, Refusal::QueueTimeout);
                        order.borrow_mut().push(100 + port);
                        assert!(way.exchange.times.assigned.is_some());
                    }
                }
            });
        }
        settle(&local).await;
        assert_eq!(world.site.live.waits(0), 4);
        local.sleep(ms(150)).await;
        assert!(order.borrow().is_empty());
        held.give_back(&world.site);
        local.sleep(ms(800)).await;
        // 2 at 150 ms, 3 at 250, 4 at 350; 5 would have been at 450.
        assert_eq!(*order.borrow(), [2, 3, 4, 105]);
        assert_eq!((world.site.live.waits(0), world.site.live.servers(0)[0].current()), (0, 0));
    });
}

#[test]
fn a_waiter_that_goes_away_keeps_no_place() {
    virtually(async |local| {
        let world = world(&local, "", "maxconn 1").await;
        let held = world.exchange(1, Wanted::First).await;
        {
            let client = client(2);
            let waits = reach(&world.site, &client, None, Wanted::First);
            let gone = race(pin!(waits), pin!(local.sleep(ms(10)))).await;
            assert!(matches!(gone, Either::Second(())));
        }
        assert_eq!(world.site.live.waits(0), 0);
        // One that goes in the turn in which it is served.
        let late = client(3);
        let waits = reach(&world.site, &late, None, Wanted::First);
        let mut held = Some(held);
        let gone = race(
            pin!(waits),
            pin!(async {
                local.sleep(ms(10)).await;
                drop(held.take());
            }),
        )
        .await;
        assert!(matches!(gone, Either::Second(())));
        assert_eq!(world.site.live.servers(0)[0].current(), 0, "the place was passed on or back");
        assert!(!world.keep(4, Wanted::First).await);
    });
}

#[test]
fn a_queue_that_is_full_says_so() {
    virtually(async |local| {
        let world =
            world(&local, "balance source\ntimeout queue 400ms", "maxconn 1 maxqueue 1").await;
        let held = world.exchange(1, Wanted::First).await;
        let site = world.site.clone();
        local.spawn(async move {
            let way = reach(&site, &client(2), None, Wanted::First).await;
            assert!(matches!(way.link, Err(Refusal::QueueTimeout)));
        });
        settle(&local).await;
        let full = reach(&world.site, &client(3), None, Wanted::First).await;
        assert!(matches!(full.link, Err(Refusal::QueueFull)));
        assert_eq!((full.server, full.exchange.times.assigned), (Some(0), None));
        local.sleep(ms(500)).await;
        drop(held);
        assert_eq!(world.site.live.servers(0)[0].waiting(), 0);
        let none = Running::new("listen l\nserver a 127.0.0.1:1 disabled\n", |_, _| any_port());
        let none = reach(&none.site(&local, 0), &client(1), None, Wanted::First).await;
        assert!(matches!((none.link, none.server), (Err(Refusal::NoServer), None)));
    });
}

/// Real workers, real connections, one server with few places: nobody passes `maxconn`, nobody waits in
/// vain (a lost wake would end in `timeout queue`), whatever worker the place comes from.
#[test]
fn workers_share_the_places() {
    const WORKERS: usize = 3;
    const TASKS: usize = 8;
    const ROUNDS: usize = 40;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address: SocketAddress = listener.local_addr().expect("an address").into();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            kept.push(stream);
        }
    });
    let text = "listen l\nmode http\ntimeout queue 50s\nserver s 127.0.0.1:1 maxconn 2\n";
    let running = Running::new(text, |_, _| address.clone());
    let (done, inside) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU32::new(0)));
    let config = GroupConfig { workers: WORKERS, cores: Vec::new(), ..GroupConfig::default() };
    let (shared, finished, served) = (running.clone(), done.clone(), inside.clone());
    let group = Group::start(&config, move |worker, local| {
        let site = shared.site(local, worker);
        for task in 0..TASKS {
            let (site, done, inside) = (site.clone(), finished.clone(), served.clone());
            local.spawn(async move {
                let port = (worker * TASKS + task) as u16;
                for _ in 0..ROUNDS {
                    let link = reach(&site, &client(port), None, Wanted::Later).await.link();
                    assert!(inside.fetch_add(1, SeqCst) < 2, "more than maxconn");
                    site.local.sleep(Duration::from_micros(300)).await;
                    inside.fetch_sub(1, SeqCst);
                    link.give_back(&site);
                }
                done.fetch_add(1, SeqCst);
            });
        }
        Ok(())
    })
    .expect("workers");
    running.destinations.set_workers(group.addresses());
    let deadline = std::time::Instant::now() + common::HANG;
    while done.load(SeqCst) < WORKERS * TASKS && std::time::Instant::now() < deadline {
        std::thread::sleep(ms(5));
    }
    assert_eq!(done.load(SeqCst), WORKERS * TASKS, "{:?}", running.live.waits(0));
    group.stop(ms(0));
    group.join();
    assert_eq!(running.live.servers(0)[0].current(), 0);
}

#[test]
fn where_connections_come_from_and_go_to() {
    each_ring(|kind| {
        run(worker(kind), async |local: Local| {
            let host = host(&local).await;
            let address = host.address.clone();
            let text = "listen l\nmode http\nsource 127.0.0.2\nserver a 127.0.0.1:1\n\
                        server b 127.0.0.1:1 source 127.0.0.3\n";
            let site = Running::new(text, |_, _| address.clone()).site(&local, 0);
            for (server, from) in [(0, "127.0.0.2"), (1, "127.0.0.3")] {
                let way = reach(&site, &client(1), Some(server), Wanted::First).await;
                assert_eq!(way.server, Some(server));
                let facts = &way.link().facts;
                assert_eq!(facts.source.ip().to_string(), from);
                assert_eq!(SocketAddress::from(facts.destination), address);
            }
        });
    });
}

/// `minconn` and `be_conn` are about them, too.
#[test]
fn connections_of_tcp_mode_count_in_their_backend() {
    virtually(async |local| {
        let host = host(&local).await;
        let text = "listen l\nmode tcp\nfullconn 2\nserver s 127.0.0.1:1 minconn 1 maxconn 9\n";
        let address = host.address.clone();
        let site = Running::new(text, |_, _| address.clone()).site(&local, 0);
        let mut listener =
            local.listen(&any_port(), &ListenOptions::default()).expect("a listener");
        let here = listener.local_address().expect("an address");
        let mut clients = Vec::new();
        for count in 1..=3 {
            clients.push(local.connect(&here).await.expect("a connection"));
            let accepted = listener.accept().await.expect("it");
            assert!(site.live.begin_connection(0, 0), "room for one");
            local.spawn(koi::exchange::client::serve(site.clone(), 0, 0, accepted, None));
            settle(&local).await;
            assert_eq!(site.live.backend_connections(0), count);
            // The first one has the only place of an idle backend; then more are needed.
            assert_eq!(host.server.accepted.get(), usize::try_from(count).expect("a few"));
        }
        drop(clients);
        host.server.streams.borrow_mut().clear();
        settle(&local).await;
        assert_eq!(site.live.backend_connections(0), 0);
    });
}
