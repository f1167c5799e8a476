//! How workers end when it is not in order, and listeners whose tasks are slow.

mod common;

use common::{HANG, any_port, block_on, each_ring, end, std_address, worker};
use koi::worker::{ListenOptions, Local, Message};
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

/// Connections waiting for a task that takes none: more than a listener accepts ahead.
const CROWD: usize = 1000;

#[test]
fn a_message_that_panics_costs_the_worker_nothing_else() {
    each_ring(|kind| {
        let worker = worker(kind);
        let local = worker.local().clone();
        let address = worker.address();
        address.send(Message::Run(Box::new(|_| panic!("on purpose")))).ok().expect("sent");
        address.send(Message::Stop(Duration::ZERO)).ok().expect("sent");
        let left = worker.run();
        assert_eq!(left, Default::default());
        assert_eq!((local.counters().panics, local.counters().messages), (1, 2));
    });
}

#[test]
fn a_worker_that_goes_away_closes_its_sockets() {
    each_ring(|kind| {
        let worker = worker(kind);
        let listener = worker.local().listen(&any_port(), &ListenOptions::default());
        let listener = listener.expect("a listener");
        let address = std_address(&listener.local_address().expect("an address"));
        let serve = listener.serve(|local: Local, _stream| async move { local.stopping().await });
        worker.local().spawn(serve);
        worker.block_on(async {});
        drop(worker);
        assert!(TcpStream::connect_timeout(&address, HANG).is_err(), "somebody still listens");
    });
}

#[test]
fn a_task_that_takes_no_connections_leaves_them_in_the_queue() {
    each_ring(|kind| {
        let worker = worker(kind);
        block_on(&worker, HANG, async |local: Local| {
            let mut listener =
                local.listen(&any_port(), &ListenOptions::default()).expect("a listener");
            let address = std_address(&listener.local_address().expect("an address"));
            let first = TcpStream::connect(address).expect("a first connection");
            drop(listener.accept().await.expect("the first connection"));
            drop(first);
            let mut crowd = Vec::new();
            while crowd.len() < CROWD {
                // In groups, because io_uring takes all that wait in one go.
                crowd.extend((0..50).map(|_| TcpStream::connect(address).expect("connected")));
                local.sleep(Duration::from_millis(2)).await;
            }
            // One for each accepted, and what the ring had taken before it heard of the pause.
            let descriptors = local.leftovers().descriptors;
            assert!(descriptors < CROWD * 3 / 4, "{descriptors} accepted ahead");
            for _ in 0..CROWD {
                drop(listener.accept().await.expect("one of the crowd"));
            }
            drop(listener);
            for mut client in crowd {
                client.set_read_timeout(Some(HANG)).expect("a time limit");
                assert_eq!(client.read(&mut [0]).expect("an orderly end"), 0);
            }
        });
        end(worker);
    });
}
