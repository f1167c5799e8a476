//! Accepting connections.

use crate::common::{Bench, received};
use koi_sys::net::{AcceptError, ConnectError, ReceiveError};
use koi_sys::ring::{Handle, Op, Outcome};
use std::collections::BTreeSet;

/// Thousands of clients at once: each is accepted once, and is who it says it is.
pub fn a_crowd_arrives_exactly_once(bench: &mut Bench) {
    let crowd = 3000;
    let (listener, address) = bench.listen();
    let accept = bench.submit(Op::Accept(listener));
    let clients: Vec<Handle> = (0..crowd).map(|_| bench.start_connect(&address).0).collect();
    bench.until("all are connected", |bench| bench.pending() == 1);
    bench.until("all have arrived", |bench| bench.arrived() == crowd);

    for (number, client) in clients.iter().enumerate() {
        bench.start_send(*client, &(number as u32).to_le_bytes());
    }
    let mut receives = Vec::new();
    while let Some(server) = bench.accepted(accept) {
        receives.push((server, bench.submit(Op::Receive(server))));
    }
    let mut numbers = BTreeSet::new();
    for (server, receive) in receives {
        let mut bytes = received(bench.outcome(receive)).expect("bytes").expect("no end").to_vec();
        while bytes.len() < 4 {
            bytes.extend_from_slice(&bench.receive(server).expect("bytes").expect("no end"));
        }
        let number = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        assert!(numbers.insert(number), "{number} arrived twice");
        let client = bench.ring.local_address(clients[number as usize]);
        assert_eq!(bench.ring.peer_address(server), client);
    }
    assert_eq!(numbers.len(), crowd);
    // Aborted, so that no thousands of connections stay in TIME_WAIT.
    clients.into_iter().for_each(|client| bench.abort(client));
}

/// Accepts cancelled at all moments while connections come in: none is lost, none comes twice.
pub fn a_cancelled_accept_leaves_the_rest_to_the_next(bench: &mut Bench) {
    let (listener, address) = bench.listen();
    let mut clients = Vec::new();
    let mut servers = 0;
    for round in 0..60 {
        let accept = bench.submit(Op::Accept(listener));
        bench.glance(round % 3);
        clients.extend((0..4).map(|_| bench.start_connect(&address).0));
        bench.glance(round % 4);
        bench.ring.cancel(accept);
        match bench.outcome(accept) {
            Outcome::Accepted(Err(AcceptError::Canceled)) => {}
            other => panic!("{other:?}"),
        }
        while let Some(server) = bench.accepted(accept) {
            servers += 1;
            bench.close(server);
        }
    }
    let accept = bench.submit(Op::Accept(listener));
    bench.until("all have arrived", |bench| bench.arrived() + servers == clients.len());
    bench.until("all are connected", |bench| bench.pending() == 1);
    bench.ring.cancel(accept);
    bench.outcome(accept);
}

/// A client that gave up before it was accepted is skipped, or turns out to be gone; the next one
/// is accepted.
pub fn a_connection_that_died_in_the_queue_does_no_harm(bench: &mut Bench) {
    let (listener, address) = bench.listen();
    let gone = bench.connect(&address).expect("connected to the queue");
    bench.abort(gone);
    bench.glance(2);
    let alive = bench.connect(&address).expect("connected to the queue");
    let accept = bench.submit(Op::Accept(listener));
    let mut server = bench.accept(accept);
    bench.send(alive, b"alive").expect("sent");
    match bench.receive(server) {
        Ok(Some(chunk)) => assert_eq!(&chunk[..], b"alive"),
        // Linux accepts the dead one too; what it was reset by comes with the first call.
        Err(ReceiveError::Reset) => {
            server = bench.accept(accept);
            assert_eq!(bench.receive_exactly(server, 5), b"alive");
        }
        other => panic!("{other:?}"),
    }
    bench.greet(server, alive);
}

pub fn closing_a_listener_ends_its_accept(bench: &mut Bench) {
    let (listener, address) = bench.listen();
    let accept = bench.submit(Op::Accept(listener));
    let client = bench.connect(&address).expect("connected");
    let server = bench.accept(accept);
    bench.close(listener);
    match bench.outcome(accept) {
        Outcome::Accepted(Err(AcceptError::Canceled)) => {}
        other => panic!("{other:?}"),
    }
    bench.until("the listener is gone", |bench| bench.ring.descriptors() == 2);
    assert_eq!(bench.connect(&address), Err(ConnectError::Refused));
    assert!(!bench.ring.shed(listener), "a closed listener has nobody to shed");
    bench.greet(client, server);
}
