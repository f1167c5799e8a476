//! The queue while servers go and come: with virtual workers in many interleavings, and with real ones
//! under load. Nobody passes `maxconn`, nobody is forgotten.

use super::common::site::{Running, client, reach};
use super::common::{HANG, run, simulated};
use super::{host, ms};
use koi::balance::{Health, Live};
use koi::exchange::server::{Refusal, Wanted, state_changed};
use koi::exchange::site::Site;
use koi::worker::{Group, GroupConfig, Local, SocketAddress};
use koi_sys::ring::sim::{Faults, Network};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

const LINES: &str = "listen l\nmode http\ntimeout queue 90s\noption redispatch\n\
                     server a 127.0.0.1:1 maxconn 2\nserver b 127.0.0.1:1 maxconn 3\n\
                     server c 127.0.0.1:1 maxconn 1 backup\n";

/// What is known of the requests of one seed.
#[derive(Default)]
struct Tally {
    served: Cell<u32>,
    refused: Cell<u32>,
    faults: RefCell<Vec<String>>,
}

/// The limits that hold: a server may have no more requests than that, or than it had when its limit was
/// set.
struct Limits {
    said: [u32; 3],
    most: [u32; 3],
}

impl Limits {
    fn new(said: [u32; 3]) -> Limits {
        Limits { said, most: said }
    }

    /// Looks whether any server has had too many since the last look.
    fn check(&mut self, live: &Live, seed: u64) {
        for (server, figures) in live.servers(0).iter().enumerate() {
            let (peak, most) = (figures.peak(), self.most[server]);
            assert!(peak <= most, "seed {seed}: {peak} on server {server}, which takes {most}");
            self.most[server] = self.said[server].max(figures.current());
        }
        live.clear_peaks();
    }

    /// Another limit for the first server.
    fn set(&mut self, live: &Live, limit: u32) {
        live.servers(0)[0].set_limit(limit);
        self.said[0] = limit;
        self.most[0] = limit.max(live.servers(0)[0].current());
    }
}

async fn requests(site: Rc<Site>, tally: Rc<Tally>, seed: u64, count: u32) {
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..count {
        site.local.sleep(Duration::from_micros(random.u64(..3000))).await;
        let chosen = (random.u8(..4) == 0).then(|| random.usize(..2));
        let port = random.u16(1..);
        let way = reach(&site, &client(port), chosen, Wanted::Later).await;
        let link = match way.link {
            Ok(link) => link,
            Err(Refusal::NoServer) => {
                tally.refused.set(tally.refused.get() + 1);
                continue;
            }
            Err(refusal) => {
                tally.faults.borrow_mut().push(format!("seed {seed}: {refusal:?}"));
                continue;
            }
        };
        site.local.sleep(Duration::from_micros(random.u64(..5000))).await;
        match random.bool() {
            true => link.give_back(&site),
            false => drop(link),
        }
        tally.served.set(tally.served.get() + 1);
    }
}

/// Servers go and come, limits change; at the end all are there.
async fn changes(site: Rc<Site>, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut limits = Limits::new([2, 3, 1]);
    for _ in 0..60 {
        site.local.sleep(Duration::from_micros(random.u64(..8000))).await;
        let server = random.usize(..3);
        limits.check(&site.live, seed);
        match (random.u8(..4), server) {
            (0, 0) => limits.set(&site.live, random.u32(1..=4)),
            (1 | 2, _) => {
                site.live.set_health(0, server, Health::Stopped);
            }
            _ => {
                site.live.set_health(0, server, Health::Running);
            }
        }
        state_changed(&site, 0, server);
    }
    for server in 0..3 {
        site.live.set_health(0, server, Health::Running);
        state_changed(&site, 0, server);
    }
    limits.check(&site.live, seed);
}

#[test]
fn virtual_workers_lose_nobody_while_servers_go_and_come() {
    const WORKERS: usize = 8;
    const EACH: u32 = 25;
    let (mut served, mut refused) = (0, 0);
    for seed in 1..=25_u64 {
        let faults = Faults::default();
        let worker = simulated(&Network::new(seed, faults));
        let mailbox = worker.address();
        let tally = run(worker, async move |local: Local| {
            let address = host(&local);
            let running = Running::new(LINES, |_, _| address.clone());
            let tally = Rc::new(Tally::default());
            // Each is a worker's site, and they wake each other by mail; they share one executor, whose
            // order the seed decides.
            running.destinations.set_workers(vec![mailbox; WORKERS]);
            for worker in 0..WORKERS {
                let site = running.site(&local, worker);
                let seed = seed * 1000 + u64::try_from(worker).expect("few");
                local.spawn(requests(site.clone(), tally.clone(), seed, EACH));
                if worker == 0 {
                    local.spawn(changes(site, seed));
                }
            }
            let all = u32::try_from(WORKERS).expect("few") * EACH;
            for _ in 0..2_000 {
                let faults = u32::try_from(tally.faults.borrow().len()).expect("few");
                if tally.served.get() + tally.refused.get() + faults == all {
                    break;
                }
                local.sleep(ms(10)).await;
            }
            assert_eq!(*tally.faults.borrow(), [""; 0]);
            assert_eq!(tally.served.get() + tally.refused.get(), all, "seed {seed}");
            let live = &running.live;
            assert_eq!(live.waits(0), 0);
            for server in live.servers(0) {
                assert_eq!((server.current(), server.waiting()), (0, 0), "seed {seed}");
            }
            (tally.served.get(), tally.refused.get())
        });
        served += tally.0;
        refused += tally.1;
    }
    println!("{served} served, {refused} refused while no server was up");
    assert!(served > refused * 2);
}

/// A lost wake would end in `timeout queue`, which fails the test; so would a place too many.
#[test]
fn real_workers_lose_nobody_under_load_while_servers_go_and_come() {
    const WORKERS: usize = 3;
    const TASKS: usize = 8;
    const ROUNDS: usize = 60;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address: SocketAddress = listener.local_addr().expect("an address").into();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            kept.push(stream);
        }
    });
    let text = "listen l\nmode http\ntimeout queue 50s\nserver a 127.0.0.1:1 maxconn 2\n\
                server b 127.0.0.1:1 maxconn 2\n";
    let running = Running::new(text, |_, _| address.clone());
    let done = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let inside: Arc<[AtomicU32; 2]> = Arc::default();
    let config = GroupConfig { workers: WORKERS, cores: Vec::new(), ..GroupConfig::default() };
    let (shared, finished, within, ended) =
        (running.clone(), done.clone(), inside.clone(), over.clone());
    let group = Group::start(&config, move |worker, local| {
        let site = shared.site(local, worker);
        local.spawn(koi::exchange::server::watch(site.clone()));
        for task in 0..TASKS {
            let (site, done, inside) = (site.clone(), finished.clone(), within.clone());
            local.spawn(async move {
                let port = u16::try_from(worker * TASKS + task).expect("few");
                for _ in 0..ROUNDS {
                    let link = reach(&site, &client(port), None, Wanted::Later).await.link();
                    let now = inside[link.server].fetch_add(1, SeqCst) + 1;
                    // The first one's limit is three at the most.
                    let most = [3, 2][link.server];
                    assert!(now <= most, "{now} on server {}", link.server);
                    site.local.sleep(Duration::from_micros(300)).await;
                    inside[link.server].fetch_sub(1, SeqCst);
                    link.give_back(&site);
                }
                done.fetch_add(1, SeqCst);
            });
        }
        if worker == 1 {
            let over = ended.clone();
            local.spawn(async move {
                let mut random = fastrand::Rng::with_seed(7);
                while !over.load(SeqCst) {
                    site.local.sleep(Duration::from_micros(random.u64(..2_000))).await;
                    let up = random.bool();
                    site.live.set_health(0, 1, if up { Health::Running } else { Health::Stopped });
                    site.live.servers(0)[0].set_limit(random.u32(1..=3));
                    state_changed(&site, 0, 1);
                    state_changed(&site, 0, 0);
                }
            });
        }
        Ok(())
    })
    .expect("workers");
    running.destinations.set_workers(group.addresses());
    let deadline = Instant::now() + HANG;
    while done.load(SeqCst) < WORKERS * TASKS && Instant::now() < deadline {
        std::thread::sleep(ms(5));
    }
    let all = done.load(SeqCst);
    over.store(true, SeqCst);
    assert_eq!(all, WORKERS * TASKS, "{} wait", running.live.waits(0));
    group.stop(ms(500));
    group.join();
    for server in running.live.servers(0) {
        assert_eq!((server.current(), server.waiting()), (0, 0));
    }
}
