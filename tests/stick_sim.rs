//! Stick tables under eight virtual workers, whose steps come in any order: a look at the table, the choice
//! of a server, the store, counts, the end. Seeded, so that what fails can be had again.
//!
//! A step of one worker may come any time after the one before it: between a client's look-up and its
//! store, others look up, store, expire and drop whatever they like. That is as late and as much out of
//! order as messages between workers could be. Each worker has handles of its own, which lead to entries
//! that the others have dropped meanwhile.

use koi::config::environment::Environment;
use koi::config::plan::{DataKind, KeyKind, TableId};
use koi::config::source::MemoryFiles;
use koi::process::check::check;
use koi::stick::{Entry, Identity, Key, Local, Stores, Table, Tables, Tracked};
use std::collections::BTreeMap;
use std::sync::Arc;

const WORKERS: usize = 8;
const SERVERS: usize = 5;

fn tables(line: &str) -> Tables {
    let servers: String =
        (0..SERVERS).map(|it| format!(" server s{it} 192.0.2.{it}:80\n")).collect();
    let text = format!("listen l\n mode http\n bind :80\n {line}\n stick on src\n{servers}");
    let files = MemoryFiles([("t.cfg".into(), text.into())].into());
    let checked = check(&["t.cfg".to_owned()], &files, &mut Environment::default(), &[]);
    assert!(!checked.report.failed(), "{:?}", checked.report.faults);
    Tables::new(&checked.plan)
}

fn key(source: u32) -> Key<'static> {
    let address = core::net::Ipv4Addr::from_bits(source);
    Key::address(KeyKind::Ip, address.into()).expect("an address")
}

/// What a worker does about its client, and how far it is.
enum Step {
    /// It looked the client up, and knows where its server is to be stored.
    Looked { source: u32, stores: Stores, found: Option<usize> },
    /// The server is chosen: the one that was there, or one of the balance's.
    Chosen { source: u32, stores: Stores, server: usize },
    /// The request is at its server, and counted.
    Served { tracked: Tracked },
}

struct World {
    tables: Arc<Tables>,
    table: Arc<Table>,
    /// By worker.
    locals: Vec<Local>,
    random: fastrand::Rng,
    now_ms: u64,
    /// Where requests of each source went.
    went: BTreeMap<u32, Vec<usize>>,
    /// How many requests of each source were counted.
    counted: BTreeMap<u32, u64>,
}

impl World {
    fn new(line: &str, seed: u64) -> World {
        let tables = Arc::new(tables(line));
        let locals = (0..WORKERS).map(|_| Local::new(tables.clone())).collect();
        let table = tables.get(TableId::Proxy(0)).expect("there").clone();
        let random = fastrand::Rng::with_seed(seed);
        let (went, counted) = (BTreeMap::new(), BTreeMap::new());
        World { tables, table, locals, random, now_ms: 1, went, counted }
    }

    fn get(&self, entry: &Entry, kind: DataKind) -> u64 {
        let slot = self.table.layout().slot(kind).expect("stored");
        entry.get(slot, 0, self.now_ms).expect("one element")
    }

    /// As a `stick` line does it.
    fn look(&self, worker: usize, source: u32) -> Step {
        let entry = self.locals[worker].touch(&self.table, &key(source));
        let seen = entry.map_or(0, |entry| self.get(&entry, DataKind::ServerId));
        let mut stores = Stores::default();
        stores.push(TableId::Proxy(0), key(source), seen, true);
        let found = self.tables.server(&self.table, 0, Identity(seen));
        Step::Looked { source, stores, found }
    }

    /// The next step of a worker; `None`: its client is done.
    fn go(&mut self, worker: usize, step: Step) -> Option<Step> {
        match step {
            Step::Looked { source, stores, found } => {
                let server = found.unwrap_or_else(|| self.random.usize(0..SERVERS));
                Some(Step::Chosen { source, stores, server })
            }
            Step::Chosen { source, mut stores, server } => {
                let local = &self.locals[worker];
                if let Some(winner) = stores.settle(local, (0, server), |_| true) {
                    // Another worker was quicker.
                    return Some(Step::Looked { source, stores, found: Some(winner) });
                }
                self.went.entry(source).or_default().push(server);
                let tracked = Tracked::begin(local, &self.table, &key(source))?;
                let there = self.table.find(&key(source), self.now_ms);
                assert!(
                    there.is_some_and(|it| it.is(&tracked.entry)),
                    "it counts in the one entry"
                );
                tracked.count(&[DataKind::HttpReqCnt], 1, self.now_ms);
                *self.counted.entry(source).or_default() += 1;
                Some(Step::Served { tracked })
            }
            Step::Served { tracked } => {
                drop(tracked);
                None
            }
        }
    }

    /// Runs so many steps of workers in any order, each with a client of `sources` at a time.
    fn run(&mut self, steps: usize, sources: u32) {
        let mut workers: [Option<Step>; WORKERS] = Default::default();
        for _ in 0..steps {
            self.now_ms += self.random.u64(0..3);
            self.tables.tell_time(self.now_ms);
            let worker = self.random.usize(0..WORKERS);
            workers[worker] = match workers[worker].take() {
                Some(step) => self.go(worker, step),
                None => {
                    let source = self.random.u32(0..sources);
                    Some(self.look(worker, source))
                }
            };
            assert!(self.table.used() <= self.table.size());
            if self.random.u32(0..100) == 0 {
                self.locals[worker].sweep();
                self.table.purge(worker, WORKERS, self.now_ms);
            }
        }
        // What is under way ends.
        for (worker, mut step) in workers.into_iter().enumerate() {
            while let Some(next) = step.take() {
                step = self.go(worker, next);
            }
        }
    }
}

#[test]
fn a_source_has_one_server_and_its_counts_are_exact() {
    for seed in 0..50 {
        let line = "stick-table type ip size 10000 expire 1h store http_req_cnt,conn_cur,conn_cnt";
        let mut world = World::new(line, seed);
        world.run(20_000, 300);
        for (source, servers) in &world.went {
            let first = servers[0];
            assert!(servers.iter().all(|it| *it == first), "seed {seed}, {source}: {servers:?}");
            let entry = world.table.find(&key(*source), world.now_ms).expect("remembered");
            let counted = world.counted[source];
            assert_eq!(world.get(&entry, DataKind::HttpReqCnt), counted, "seed {seed}");
            assert_eq!(world.get(&entry, DataKind::ConnCnt), counted, "seed {seed}");
            assert_eq!(world.get(&entry, DataKind::ConnCur), 0, "seed {seed}");
            assert_eq!(entry.uses(), 0, "seed {seed}");
        }
    }
}

#[test]
fn a_small_table_keeps_its_bound_and_nothing_leaks_when_entries_expire() {
    for (seed, nopurge) in (0..50).flat_map(|seed| [(seed, ""), (seed, "nopurge")]) {
        let line = format!(
            "stick-table type ip size 100 expire 200ms {nopurge} store http_req_cnt,conn_cur"
        );
        let mut world = World::new(&line, seed);
        world.run(20_000, 1_000);
        assert!(world.went.len() > 100, "seed {seed}: more sources than entries");
        world.now_ms += 200;
        for worker in 0..WORKERS {
            world.table.purge(worker, WORKERS, world.now_ms);
        }
        assert_eq!(world.table.used(), 0, "seed {seed}");
        let (rows, next) = world.table.rows(Default::default(), 10, world.now_ms);
        assert!(rows.is_empty() && next.is_none(), "seed {seed}: {rows:?}");
    }
}

/// A server that nobody reached is forgotten, unless somebody stored another one meanwhile.
#[test]
fn a_server_that_could_not_be_reached_is_taken_back() {
    let mut world = World::new("stick-table type ip size 100 expire 1h", 1);
    let stored = |world: &World| {
        let entry = world.table.find(&key(7), 1).expect("there");
        let seen = Identity(world.get(&entry, DataKind::ServerId));
        world.tables.server(&world.table, 0, seen)
    };
    let stores = |step| match step {
        Step::Looked { stores, .. } => stores,
        _ => unreachable!("it has looked"),
    };
    let [mut one, mut other] = [0, 1].map(|worker| stores(world.look(worker, 7)));
    assert_eq!(one.settle(&world.locals[0], (0, 2), |_| true), None);
    assert_eq!(other.settle(&world.locals[1], (0, 3), |_| true), Some(2), "the first one holds");
    // A retry on another server stores that one.
    assert_eq!(one.settle(&world.locals[0], (0, 4), |_| true), None);
    assert_eq!(stored(&world), Some(4));
    one.take_back(&world.locals[0]);
    assert_eq!(stored(&world), None);
    assert_eq!(other.settle(&world.locals[1], (0, 3), |it| it == 3), None, "2 was refused");
    one.take_back(&world.locals[0]);
    assert_eq!(stored(&world), Some(3), "another's stays");
    world.run(100, 1);
    assert!(world.went[&0].iter().all(|it| *it == world.went[&0][0]));
}
