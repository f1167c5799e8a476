//! Buffers: where they are when a ring dies, and what happens when there are none.

use crate::common::pattern;
use crate::common::{Bench, received, sent};
use koi_sys::buf::PoolConfig;
use koi_sys::net::{Pipe, ReceiveError};
use koi_sys::ring::{Event, Op, Outcome, Payload, Returned};

/// A ring dropped with everything in flight: blocks and payloads return to their pools.
pub fn a_dropped_ring_returns_everything(bench: &mut Bench) {
    for round in 0..6 {
        let (listener, address) = bench.listen();
        bench.submit(Op::Accept(listener));
        for _ in 0..5 {
            let (client, server) = bench.pair();
            bench.greet(client, server);
            bench.submit(Op::Receive(client));
            // Too much for the sockets: under way when the ring goes.
            let payload = bench.pattern(0, [128 << 10; 60]);
            bench.submit(Op::Send(client, payload));
            // Bytes that nobody asks for, and some that are refused and wait as events.
            bench.submit(Op::Receive(server));
            let chunk = bench.chunk(b"refused");
            bench.submit(Op::Send(client, Payload::One(chunk)));
            bench.start_connect(&address);
            if bench.ring.caps().splice {
                let pipe = Box::new(Pipe::new(64 << 10).expect("a pipe"));
                let (_, quiet) = bench.pair();
                bench.submit(Op::Fill(quiet, pipe));
            }
        }
        bench.glance(round);
        let [pool, store] = bench.drop_ring();
        assert_eq!((pool.stats().leased, store.stats().leased), ([0, 0], [0, 0]));
    }
}

/// What an event has handed over is its receiver's, whatever becomes of the ring and the pool.
pub fn events_outlive_their_ring(bench: &mut Bench) {
    let (client, server) = bench.pair();
    bench.send(client, b"kept").expect("sent");
    let chunk = bench.receive(server).expect("bytes").expect("no end");
    let send = bench.start_send(server, b"returned");
    let event = bench.finish(send);
    let [pool, store] = bench.drop_ring();
    assert_eq!((pool.stats().leased, store.stats().leased), ([1, 0], [1, 0]));
    assert_eq!(&chunk[..], b"kept");
    drop((chunk, event));
    assert_eq!((pool.stats().leased, store.stats().leased), ([0, 0], [0, 0]));
}

const TWO: PoolConfig = PoolConfig { small_max: 2, bulk_max: 0, small_keep: 2, bulk_keep: 0 };

/// Two blocks for fifty connections that all have something to say: they take turns.
pub fn an_exhausted_pool_loses_nothing(bench: &mut Bench) {
    bench.reopen(TWO);
    let size = 40_000;
    let mut readers = Vec::new();
    for number in 0..50 {
        let (client, server) = bench.pair();
        let payload = bench.pattern(number, [size]);
        let send = bench.submit(Op::Send(client, payload));
        readers.push((number, server, bench.submit(Op::Receive(server)), 0, send));
    }
    bench.until("all have all", |bench| {
        let mut open = 0;
        for (number, server, receive, got, _) in &mut readers {
            if let Some(event) = bench.take(*receive) {
                let chunk = received(event.outcome).expect("bytes").expect("no end");
                pattern::check(*number + *got, &chunk);
                *got += chunk.len();
                if *got < size {
                    *receive = bench.submit(Op::Receive(*server));
                }
            }
            open += usize::from(*got < size);
        }
        open == 0
    });
    for (_, _, _, got, send) in readers {
        assert_eq!(got, size);
        sent(bench.outcome(send)).expect("sent");
    }
    assert!(bench.ring.counters().starved > 0, "{:?}", bench.ring.counters());
}

/// Takes bytes through one pair until the test holds every block there is.
fn hold_everything(bench: &mut Bench) -> Vec<Event> {
    let (client, server) = bench.pair();
    let mut held = Vec::new();
    while held.len() < 2 {
        bench.send(client, b"mine").expect("sent");
        let receive = bench.submit(Op::Receive(server));
        held.push(bench.finish(receive));
    }
    held
}

/// A fill whose turn comes while a receive starves needs no block and does not wait for one.
pub fn a_fill_needs_no_buffer(bench: &mut Bench) {
    bench.reopen(TWO);
    if !bench.ring.caps().splice {
        return;
    }
    let held = hold_everything(bench);
    let (client, server) = bench.pair();
    bench.send(client, b"starving").expect("sent");
    for early in [false, true] {
        let receive = bench.submit(Op::Receive(server));
        bench.glance(if early { 0 } else { 2 });
        assert!(!bench.has_ended(receive));
        bench.ring.cancel(receive);
        let pipe = Box::new(Pipe::new(64 << 10).expect("a pipe"));
        let fill = bench.submit(Op::Fill(server, pipe));
        assert!(matches!(bench.outcome(receive), Outcome::Received(Err(ReceiveError::Canceled))));
        let event = bench.finish(fill);
        assert!(matches!(event.outcome, Outcome::Filled(Ok(()))), "{event:?}");
        let Returned::Pipe(pipe) = event.returned else { panic!("the pipe is gone") };
        assert_eq!(pipe.held(), 8);
        bench.send(client, b"starving").expect("sent");
    }
    drop(held);
    assert_eq!(bench.receive_exactly(server, 8), b"starving");
}

pub fn a_starved_receive_can_be_cancelled_or_closed(bench: &mut Bench) {
    bench.reopen(TWO);
    let held = hold_everything(bench);
    let (client, server) = bench.pair();
    let (closed_client, closed_server) = bench.pair();
    let (waiting_client, waiting_server) = bench.pair();
    let ends = [(client, server), (closed_client, closed_server), (waiting_client, waiting_server)];
    for (client, _) in ends {
        bench.send(client, b"starving").expect("sent");
    }
    let receives = ends.map(|(_, server)| bench.submit(Op::Receive(server)));
    bench.until("they starve", |bench| bench.ring.counters().starved >= 3);
    assert!(receives.iter().all(|receive| !bench.has_ended(*receive)));
    bench.ring.cancel(receives[0]);
    bench.close(closed_server);
    for receive in &receives[..2] {
        let outcome = bench.outcome(*receive);
        assert!(matches!(outcome, Outcome::Received(Err(ReceiveError::Canceled))), "{outcome:?}");
    }
    let again = bench.submit(Op::Receive(server));
    bench.glance(3);
    assert!(!bench.has_ended(again));
    drop(held);
    for receive in [receives[2], again] {
        let chunk = received(bench.outcome(receive)).expect("bytes").expect("no end");
        assert_eq!(&chunk[..], b"starving");
    }
}

/// Where there are no bulk blocks, or one for everybody, small ones do.
pub fn bulk_blocks_are_a_luxury(bench: &mut Bench) {
    for bulk_max in [0, 1] {
        bench.reopen(PoolConfig { small_max: 8, bulk_max, small_keep: 8, bulk_keep: 1 });
        let total = 2 << 20;
        let mut readers = Vec::new();
        for _ in 0..4 {
            let (client, server) = bench.pair();
            let payload = bench.pattern(0, [128 << 10; 16]);
            assert_eq!(payload.len(), total);
            let send = bench.submit(Op::Send(client, payload));
            readers.push((server, send, 0));
        }
        while readers.iter().any(|(.., got)| *got < total) {
            for (server, _, got) in readers.iter_mut().filter(|(.., got)| *got < total) {
                let chunk = bench.receive(*server).expect("bytes").expect("no end");
                pattern::check(*got, &chunk);
                *got += chunk.len();
            }
        }
        for (_, send, _) in readers {
            sent(bench.outcome(send)).expect("sent");
        }
        assert!(bench.pool.stats().leased_max[1] <= bulk_max);
    }
}
