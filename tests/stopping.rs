//! Messages to a worker, and how it stops.

mod common;

use common::peer::{chunk, hear, store};
use common::relay::{ask, start_group};
use common::{HANG, address, any_port, each_ring, rings, simulated, std_address, worker};
use koi::worker::mailbox::{Address, Mailbox};
use koi::worker::{
    Kind, Leftovers, ListenOptions, Local, MAILBOX, Message, Pool, PoolConfig, Ring, Stream, Worker,
};
use koi_sys::ring::sim::{Faults, Network};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// Sends a message as often as it takes.
fn insist(worker: &Address<Message>, mut message: Message) {
    loop {
        match worker.send(message) {
            Ok(()) => return,
            Err(back) => message = back,
        }
        thread::yield_now();
    }
}

#[test]
fn no_message_is_lost_and_each_senders_come_in_order() {
    const SENDERS: usize = 4;
    const MESSAGES: u32 = 10_000;
    each_ring(|kind| {
        let group = start_group(kind, |_| Ok(()));
        let to = &group.addresses()[0];
        let (told, heard) = channel();
        thread::scope(|scope| {
            for sender in 0..SENDERS {
                let told = told.clone();
                scope.spawn(move || {
                    for number in 0..MESSAGES {
                        let told = told.clone();
                        let run = move |_: &Local| told.send((sender, number)).expect("heard");
                        insist(to, Message::Run(Box::new(run)));
                    }
                });
            }
            let mut next = [0; SENDERS];
            for _ in 0..SENDERS as u32 * MESSAGES {
                let (sender, number) = heard.recv_timeout(HANG).expect("every message comes");
                assert_eq!(number, next[sender], "in another order than sent");
                next[sender] += 1;
            }
        });
        let counters = ask(to, |local| local.counters());
        assert_eq!(counters.messages, u64::from(MESSAGES) * SENDERS as u64 + 1);
        group.stop(Duration::ZERO);
        assert_eq!(group.join(), [Some(Leftovers::default())]);
    });
}

#[test]
fn a_full_mailbox_gives_the_message_back() {
    let pool = Pool::new(PoolConfig::default());
    let ring = Ring::open(koi::worker::Choice::Forced(rings()[0]), &pool).expect("a ring");
    let mailbox = Mailbox::new(3, ring.waker());
    let address = mailbox.address();
    let sent: Vec<_> = (0..5).map(|number| address.send(number)).collect();
    assert_eq!(sent, [Ok(()), Ok(()), Ok(()), Err(3), Err(4)]);
    let mut got = Vec::new();
    mailbox.drain(|number| got.push(number));
    assert_eq!(got, [0, 1, 2]);
    assert_eq!(address.send(5), Ok(()));
}

#[test]
fn a_worker_that_was_stuck_still_gets_its_mail() {
    each_ring(|kind| {
        let worker = worker(kind);
        let to = worker.address();
        let count = |local: &Local| {
            local.spawn(async {});
        };
        for _ in 0..MAILBOX {
            assert!(to.send(Message::Run(Box::new(count))).is_ok());
        }
        let back = to.send(Message::Stop(Duration::ZERO));
        assert!(matches!(back, Err(Message::Stop(Duration::ZERO))));
        worker.turn();
        assert_eq!(worker.local().counters().tasks, MAILBOX as u64);
        assert!(to.send(Message::Stop(Duration::ZERO)).is_ok());
        assert_eq!(worker.run(), Leftovers::default());
    });
}

/// Answers each connection's one byte with the same byte, after a while.
fn start_server(local: &Local, think: Duration) -> std::net::SocketAddr {
    let listener = local.listen(&any_port(), &ListenOptions::default()).expect("a listener");
    let address = listener.local_address().expect("an address");
    local.spawn(listener.serve(move |local, stream: Stream| async move {
        if let Ok(Some(question)) = stream.receive().await {
            local.sleep(think).await;
            let _ = stream.send(question).await;
        }
    }));
    std_address(&address)
}

/// So many connections that wait to be accepted, each with a byte.
fn connect_many(to: std::net::SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count)
        .map(|number| {
            let mut stream = TcpStream::connect(to).expect("a connection");
            stream.set_read_timeout(Some(HANG)).expect("a timeout");
            stream.write_all(&[number as u8]).expect("sent");
            stream
        })
        .collect()
}

/// How many of these connections were answered.
fn answered(clients: Vec<TcpStream>) -> usize {
    let answers = clients.into_iter().map(|mut client| client.read_exact(&mut [0]).is_ok());
    answers.filter(|answered| *answered).count()
}

/// The clients believe that they are connected, so they are served, although the worker has heard
/// neither of them nor of the stop when it comes.
#[test]
fn a_stop_serves_every_connection_that_had_arrived() {
    const CLIENTS: usize = 300;
    each_ring(|kind| {
        let worker = worker(kind);
        let local = worker.local().clone();
        let address = start_server(&local, Duration::from_millis(20));
        common::block_on(&worker, HANG, async |local| local.sleep(Duration::from_millis(1)).await);
        let clients = connect_many(address, CLIENTS);
        local.stop_within(HANG);
        assert_eq!(worker.run(), Leftovers::default());
        assert_eq!(answered(clients), CLIENTS);
        assert!(TcpStream::connect(address).is_err(), "the listener is closed");
    });
}

/// With no event left to wake it, and a deadline far away.
#[test]
fn a_stop_ends_with_the_last_task() {
    each_ring(|kind| {
        let worker = worker(kind);
        worker.local().spawn(async {});
        worker.local().stop_within(10 * HANG);
        let start = Instant::now();
        assert_eq!(worker.run(), Leftovers::default());
        assert!(start.elapsed() < HANG, "it waited out the grace");
    });
}

#[test]
fn a_stop_drops_what_its_deadline_finds() {
    let check = |worker: Worker| {
        let local = worker.local().clone();
        let (done, dropped) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        struct Count(Rc<Cell<u32>>);
        impl Drop for Count {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        for length in [0, 10, 86_400_000, 86_400_001] {
            let (done, dropped, clock) = (done.clone(), Count(dropped.clone()), local.clone());
            local.spawn(async move {
                let _dropped = dropped;
                clock.sleep(Duration::from_millis(length)).await;
                done.set(done.get() + 1);
            });
        }
        let deadline = local.now() + Duration::from_millis(200);
        local.stop_within(Duration::from_millis(200));
        assert!(local.is_stopping());
        assert_eq!(worker.run(), Leftovers::default());
        assert_eq!((done.get(), dropped.get()), (2, 4));
        assert!(local.now() >= deadline, "the grace was cut short");
    };
    each_ring(|kind| check(worker(kind)));
    check(simulated(&Network::new(1, Faults::default())));
}

/// Whatever is in flight when a worker is stopped at once, its ring gives back.
#[test]
fn a_stop_without_grace_leaves_nothing() {
    let check = |worker: Worker| {
        let local = worker.local().clone();
        let at = if local.caps().kind == Kind::Sim { address("10.0.0.1:80") } else { any_port() };
        let test = async move |local: Local| {
            let listener = local.listen(&at, &ListenOptions::default()).expect("a listener");
            let at = listener.local_address().expect("an address");
            local.spawn(listener.serve(|_, stream| async move {
                // Never reads, so that the sends below are stuck.
                stream.shutdown(koi::worker::How::Write).await;
                std::future::pending::<()>().await;
            }));
            for _ in 0..20 {
                let (peer, at) = (local.clone(), at.clone());
                local.spawn(async move {
                    let (store, stream) = (store(), peer.connect(&at).await.expect("connected"));
                    assert!(hear(&stream).await.1.is_ok());
                    while stream.send(chunk(&store, &[1; 100_000])).await.is_ok() {}
                });
            }
            local.sleep(Duration::from_millis(100)).await;
        };
        common::block_on(&worker, HANG, test);
        assert_eq!(local.counters().panics, 0);
        assert!(local.leftovers().operations >= 20);
        local.stop_within(Duration::ZERO);
        assert_eq!(worker.run(), Leftovers::default());
    };
    each_ring(|kind| check(worker(kind)));
    check(simulated(&Network::new(1, Faults::default())));
}
