//! Receiving, and what it costs in buffers.

use crate::common::pattern::{self, Random};
use crate::common::{Bench, received, sent};
use koi_sys::buf::{Class, PoolConfig};
use koi_sys::net::{How, ReceiveError};
use koi_sys::ring::{Op, Outcome};

/// Receives cancelled at random moments while bytes pour in: the stream stays whole.
pub fn a_cancelled_receive_loses_no_bytes(bench: &mut Bench) {
    let (client, server) = bench.pair();
    let total = 4 << 20;
    let mut random = Random(3);
    let (mut submitted, mut got, mut canceled) = (0, 0, 0);
    let mut send = None;
    while got < total {
        if send.is_none_or(|send| bench.take(send).is_some()) && submitted < total {
            let size = (1 + random.below(60_000)).min(total - submitted);
            let payload = bench.pattern(submitted, [size]);
            submitted += size;
            send = Some(bench.submit(Op::Send(client, payload)));
        }
        let receive = bench.submit(Op::Receive(server));
        bench.glance(random.below(3));
        bench.ring.cancel(receive);
        match bench.outcome(receive) {
            Outcome::Received(Err(ReceiveError::Canceled)) => canceled += 1,
            Outcome::Received(Ok(Some(chunk))) => {
                pattern::check(got, &chunk);
                got += chunk.len();
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(got, total);
    assert!(canceled > 0, "no receive was ever cancelled");
    // Cancelled for the last time, then the end: it too waits for the next receive.
    let receive = bench.submit(Op::Receive(server));
    bench.glance(1);
    bench.ring.cancel(receive);
    bench.outcome(receive);
    bench.shutdown(client, How::Write);
    bench.glance(2);
    assert!(matches!(bench.receive(server), Ok(None)));
}

/// Bytes that come while nobody receives wait, and come in order when somebody does.
pub fn receives_take_turns_with_silence(bench: &mut Bench) {
    // Together less than any socket holds, so that no send waits for the reader.
    const SIZES: [usize; 5] = [1, 100, 3000, 17_000, 40_000];
    let (client, server) = bench.pair();
    let mut at = 0;
    for round in 0..50 {
        let start = at;
        for size in SIZES {
            let payload = bench.pattern(at, [size]);
            let send = bench.submit(Op::Send(client, payload));
            sent(bench.outcome(send)).expect("sent");
            at += size;
        }
        bench.glance(round % 3);
        let bytes = bench.receive_exactly(server, at - start);
        pattern::check(start, &bytes);
    }
}

/// A thousand connections that wait for bytes hold none of the pool's blocks.
pub fn an_idle_connection_holds_no_buffer(bench: &mut Bench) {
    let pairs: Vec<_> = (0..1000).map(|_| bench.pair()).collect();
    let mut receives = Vec::new();
    for (client, server) in &pairs {
        receives.push(bench.submit(Op::Receive(*server)));
        receives.push(bench.submit(Op::Receive(*client)));
    }
    bench.glance(3);
    let held = bench.ring.blocks_held();
    assert_eq!(bench.pool.stats().leased.iter().sum::<usize>(), held);
    assert!(held <= 512, "{held} blocks in the kernel's hands");
    // The same after each has spoken once.
    for (client, server) in &pairs {
        bench.start_send(*client, b"ping");
        bench.start_send(*server, b"pong");
    }
    bench.until("all was sent and received", |bench| bench.pending() == 1);
    for receive in receives {
        assert_eq!(received(bench.outcome(receive)).expect("bytes").expect("no end").len(), 4);
    }
    for (client, server) in &pairs {
        bench.submit(Op::Receive(*server));
        bench.submit(Op::Receive(*client));
    }
    bench.glance(3);
    assert_eq!(bench.pool.stats().leased.iter().sum::<usize>(), bench.ring.blocks_held());
    for (client, _) in pairs {
        bench.abort(client);
    }
}

/// A large transfer moves to bulk blocks by itself, and nobody copies a byte of it.
pub fn a_transfer_in_bulk_copies_nothing(bench: &mut Bench) {
    let (client, server) = bench.pair();
    let total: usize = if bench.is_sim() { 16 << 20 } else { 64 << 20 };
    let copied = bench.pool.stats().copied_bytes;
    let (mut submitted, mut got, mut large) = (0, 0, 0);
    let mut send = None;
    while got < total {
        if send.is_none_or(|send| bench.take(send).is_some()) && submitted < total {
            let sizes = [Class::Bulk.bytes(); 8];
            let payload = bench.pattern(submitted, sizes);
            submitted += payload.len();
            send = Some(bench.submit(Op::Send(client, payload)));
        }
        let chunk = bench.receive(server).expect("bytes").expect("no end yet");
        pattern::check(got, &chunk);
        got += chunk.len();
        large += usize::from(chunk.len() > Class::Small.bytes()) * chunk.len();
    }
    assert_eq!(got, total);
    let stats = bench.pool.stats();
    assert_eq!(stats.copied_bytes, copied);
    // The simulation's window is smaller than a bulk block, so every read of it could be.
    assert!(large > total / 4, "{large} of {total} bytes came in bulk blocks; {stats:?}");
}

/// Sends and receives in both directions of many connections at once, with a pool that is small.
pub fn both_directions_at_once(bench: &mut Bench) {
    bench.reopen(PoolConfig { small_max: 64, bulk_max: 4, small_keep: 16, bulk_keep: 1 });
    let total = 200_000;
    let mut ends = Vec::new();
    for _ in 0..20 {
        let (client, server) = bench.pair();
        for end in [client, server] {
            let payload = bench.pattern(0, [50_000, 1, 99_999, 0, 50_000]);
            assert_eq!(payload.len(), total);
            let send = bench.submit(Op::Send(end, payload));
            ends.push((end, send, bench.submit(Op::Receive(end)), 0));
        }
    }
    bench.until("all have all", |bench| {
        let mut open = 0;
        for (end, _, receive, got) in &mut ends {
            if let Some(event) = bench.take(*receive) {
                let chunk = received(event.outcome).expect("bytes").expect("no end");
                pattern::check(*got, &chunk);
                *got += chunk.len();
                if *got < total {
                    *receive = bench.submit(Op::Receive(*end));
                }
            }
            open += usize::from(*got < total);
        }
        open == 0
    });
    for (_, send, _, got) in ends {
        assert_eq!(got, total);
        sent(bench.outcome(send)).expect("sent");
    }
}
