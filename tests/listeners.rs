//! Listeners: how connections spread over workers, and what happens when descriptors run out.

mod common;

use common::child::Process;
use common::relay::{ask, start_group};
use common::{HANG, address, any_port, child, each_ring, rings, say, std_address};
use koi::worker::mailbox::Address;
use koi::worker::{
    Choice, Group, GroupConfig, Kind, Leftovers, ListenOptions, Local, Message, PipeConfig,
    PoolConfig,
};
use koi_sys::guard::raise_descriptor_limit;
use koi_sys::net::{Family, bind_source, connect, stream_socket};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Connections, and how many of them are open at a time.
const CONNECTIONS: usize = 10_000;
const BATCH: usize = 500;

/// Accepts and closes.
fn start_sink(local: &Local, at: &koi::worker::SocketAddress) -> Option<SocketAddr> {
    let options = ListenOptions { reuse_port: true, ..ListenOptions::default() };
    let listener = local.listen(at, &options).expect("a listener");
    let bound = listener.local_address();
    local.spawn(listener.serve(|_, stream| async move { drop(stream) }));
    bound.as_ref().map(std_address)
}

#[test]
fn two_workers_share_the_connections() {
    each_ring(|kind| {
        let _ = raise_descriptor_limit(8_000);
        // A port that both can share, found by a socket that stays until both listen.
        let config = GroupConfig {
            workers: 2,
            cores: Vec::new(),
            ring: Choice::Forced(kind),
            pool: PoolConfig::default(),
            pipes: PipeConfig::default(),
            name: "worker",
        };
        let (said, heard) = channel();
        let group = Group::start(&config, |_, _| Ok(())).expect("workers");
        let workers = group.addresses();
        let tell = said.clone();
        ask(&workers[0], move |local| tell.send(start_sink(local, &any_port())).expect("heard"));
        let to = heard.recv().expect("an answer").expect("an address");
        ask(&workers[1], move |local| {
            said.send(start_sink(local, &to.into())).expect("heard");
        });
        heard.recv().expect("an answer").expect("the same address");

        for batch in 0..CONNECTIONS / BATCH {
            // From other addresses each time: the kernel chooses by a hash of both ends.
            let source = address(&format!("127.1.{}.{}:0", batch / 8, 1 + batch % 8));
            let clients: Vec<TcpStream> = (0..BATCH).map(|_| connect_from(&source, to)).collect();
            clients.into_iter().for_each(read_end);
        }
        let counts: Vec<u64> =
            workers.iter().map(|worker| ask(worker, |local| local.counters().accepted)).collect();
        let share = counts[0] as f64 / CONNECTIONS as f64;
        say(&format!("{kind}: {counts:?} connections, {:.1} %", 100.0 * share));
        assert_eq!(counts.iter().sum::<u64>(), CONNECTIONS as u64);
        assert!((0.4..=0.6).contains(&share), "{counts:?}");
        stop(group, 2);
    });
}

fn stop(group: Group, workers: usize) {
    group.stop(Duration::ZERO);
    assert_eq!(group.join(), vec![Some(Leftovers::default()); workers]);
}

/// A connection from this address.
fn connect_from(source: &koi::worker::SocketAddress, to: SocketAddr) -> TcpStream {
    let fd = stream_socket(Family::V4).expect("a socket");
    bind_source(fd.as_fd(), source).expect("an address of this machine");
    let stream = TcpStream::from(fd);
    stream.set_nonblocking(false).expect("an option");
    let to = koi::worker::SocketAddress::from(to).to_raw().expect("an address");
    connect(stream.as_fd(), &to).expect("a connection");
    stream
}

fn read_end(mut stream: TcpStream) {
    stream.set_read_timeout(Some(HANG)).expect("a timeout");
    assert!(matches!(stream.read_to_end(&mut Vec::new()), Ok(0)), "the other end is closed");
}

/// Echoes, so that a connection can show that it works.
fn start_echo(local: &Local) -> SocketAddr {
    let listener = local.listen(&any_port(), &ListenOptions::default()).expect("a listener");
    let address = listener.local_address().expect("an address");
    local.spawn(listener.serve(|_, stream| async move {
        while let Ok(Some(chunk)) = stream.receive().await {
            if stream.send(chunk).await.is_err() {
                break;
            }
        }
    }));
    std_address(&address)
}

fn echo(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"?")?;
    stream.read_exact(&mut [0])
}

const OUT_OF_DESCRIPTORS: &str = "accepting_pauses_sheds_and_recovers";

/// Descriptors that the worker's process may have, and clients that all want one of them.
const DESCRIPTORS: u32 = 64;
const CLIENTS: usize = 100;

/// The worker runs in a process with few descriptors, its clients in this one.
#[test]
fn accepting_pauses_sheds_and_recovers() {
    if let Some(kind) = child::argument(OUT_OF_DESCRIPTORS) {
        return serve_in_want(rings()[kind.parse::<usize>().expect("a number")]);
    }
    for (number, kind) in rings().into_iter().enumerate() {
        println!("on {kind}:");
        let (number, limit) = (number.to_string(), DESCRIPTORS);
        let mut server = Server::start(child::command_limited(OUT_OF_DESCRIPTORS, &number, limit));
        starve(&mut server);
        server.process.stop();
    }
}

/// What the worker's process says when it is asked.
#[derive(Clone, Copy, Debug)]
struct Report {
    accepted: u64,
    pauses: u64,
    shed: u64,
    turns: u64,
    at_ms: u64,
}

/// The other process: answers each line with a report, and stops at the end of its input.
fn serve_in_want(kind: Kind) {
    let (said, heard) = channel();
    let group = start_group(kind, move |local| {
        said.send(start_echo(local)).expect("heard");
        Ok(())
    });
    child::tell(&heard.recv().expect("an address").to_string());
    let worker: &Address<Message> = &group.addresses()[0];
    child::answer(|| {
        let (counters, ring, now) =
            ask(worker, |local| (local.counters(), local.ring_counters(), local.now()));
        let (accepted, pauses, shed) = (counters.accepted, counters.accept_pauses, counters.shed);
        [accepted, pauses, shed, ring.turns, now.as_millis()]
    });
    // Its clients have all gone; its tasks may hear of it first.
    group.stop(HANG);
    assert_eq!(group.join(), [Some(Leftovers::default())]);
}

/// The other process as its clients see it.
struct Server {
    process: Process,
    address: SocketAddr,
}

impl Server {
    fn start(command: Command) -> Server {
        let mut process = Process::start(command);
        let address = process.hear().parse().expect("an address");
        Server { process, address }
    }

    fn report(&mut self) -> Report {
        let [accepted, pauses, shed, turns, at_ms] = self.process.ask();
        Report { accepted, pauses, shed, turns, at_ms }
    }

    fn wait_until(&mut self, what: &str, holds: impl Fn(Report) -> bool) -> Report {
        let start = Instant::now();
        loop {
            let report = self.report();
            if holds(report) {
                return report;
            }
            assert!(start.elapsed() < HANG, "{report:?}, waiting until {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection, or a place in a queue");
        stream.set_read_timeout(Some(HANG)).expect("a timeout");
        stream
    }
}

fn starve(server: &mut Server) {
    let mut steady = server.connect();
    echo(&mut steady).expect("an answer");
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| server.connect()).collect();
    let first = server.wait_until("accepting pauses", |report| report.pauses > 0);
    assert!(first.accepted < u64::from(DESCRIPTORS));

    // Nothing spins meanwhile, and some are told.
    let second = server.wait_until("some were shed", |report| report.shed >= 3);
    let pauses = (second.at_ms - first.at_ms) / 100 + 1;
    assert!(second.pauses - first.pauses <= pauses, "{first:?} {second:?}");
    let turns = second.turns - first.turns;
    assert!(turns <= 20 * (pauses + 5), "{turns} turns in {pauses} pauses");

    // Who was served before is served now.
    for _ in 0..100 {
        echo(&mut steady).expect("an answer");
    }

    // Each client that goes makes room for another, and nobody but the shed is lost.
    let failures = clients.into_iter().filter_map(|mut client| echo(&mut client).err());
    let failures: Vec<ErrorKind> = failures.map(|error| error.kind()).collect();
    let told = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(failures.iter().all(|kind| told.contains(kind)), "{failures:?}");
    let third = server.report();
    assert_eq!(failures.len() as u64, third.shed, "{third:?}");
    assert_eq!(third.accepted + third.shed, 1 + CLIENTS as u64, "{third:?}");

    // It has recovered.
    let mut late: Vec<TcpStream> = (0..20).map(|_| server.connect()).collect();
    late.iter_mut().for_each(|client| echo(client).expect("an answer"));
    assert_eq!(server.report().shed, third.shed);
    echo(&mut steady).expect("an answer");
}
