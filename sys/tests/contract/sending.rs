//! Sending: once, whole, in order.

use crate::common::pattern::{self, Random};
use crate::common::{Bench, sent};
use koi_sys::buf::BULK_BYTES;
use koi_sys::net::{How, ListenOptions, SendError, set_send_buffer};
use koi_sys::ring::{Op, Outcome, Payload, Refused, Runs};

/// Sends of nothing complete, in whatever shape the nothing comes, and send nothing.
pub fn nothing_is_sent_at_once(bench: &mut Bench) {
    let (client, server) = bench.pair();
    for _ in 0..3 {
        let empty = bench.chunk(b"");
        for nothing in [
            Payload::One(empty.clone()),
            Payload::from(vec![]),
            Payload::from(vec![empty.clone()]),
            Payload::from(vec![empty.clone(); 2000]),
        ] {
            let send = bench.submit(Op::Send(client, nothing));
            sent(bench.outcome(send)).expect("sent");
        }
        bench.greet(client, server);
    }
    // Cancelled, it has ended one way or the other.
    let send = bench.submit(Op::Send(client, Payload::from(vec![])));
    bench.ring.cancel(send);
    assert!(matches!(bench.outcome(send), Outcome::Sent(Ok(()) | Err(SendError::Canceled))));
}

/// Far more chunks than one call takes, empty ones among them, to a reader that takes its time.
pub fn a_send_of_many_chunks_through_a_slow_reader(bench: &mut Bench) {
    let options = ListenOptions { receive_buffer_bytes: Some(32 << 10), ..Default::default() };
    let (listener, address) = bench.listen_with(&options);
    let accept = bench.submit(Op::Accept(listener));
    let (client, server) = bench.pair_at(accept, &address);
    let scale = if bench.is_sim() { 1 } else { 3 };
    let mut random = Random(11);
    let odd = [0, 1, 7, 0, 0, 1460, 16_384, 16_896, 16_897, 0, 100_000];
    let runs = [
        // More than 64, more than 1024 and more than 4096 in one payload.
        (0..100).map(|i| odd[i % odd.len()]).collect::<Vec<_>>(),
        (0..1500).map(|_| random.below(3000)).collect(),
        (0..5000).map(|i| i % 3).collect(),
        vec![BULK_BYTES; 64 * scale],
    ];
    let mut at = 0;
    for sizes in runs {
        let total: usize = sizes.iter().sum();
        let payload = bench.pattern(at, sizes);
        let send = bench.submit(Op::Send(client, payload));
        let mut got = 0;
        while got < total {
            bench.glance(random.below(3));
            let chunk = bench.receive(server).expect("bytes").expect("no end yet");
            pattern::check(at + got, &chunk);
            got += chunk.len();
        }
        assert_eq!(got, total);
        at += total;
        sent(bench.outcome(send)).expect("sent");
    }
    bench.greet(client, server);
}

/// A send that the socket takes in many small pieces ends once, when the last one has gone.
pub fn a_short_write_is_finished_inside(bench: &mut Bench) {
    let options = ListenOptions { receive_buffer_bytes: Some(32 << 10), ..Default::default() };
    let (listener, address) = bench.listen_with(&options);
    let accept = bench.submit(Op::Accept(listener));
    let (client, server) = bench.pair_at(accept, &address);
    bench.ring.with_fd(client, |fd| set_send_buffer(fd, 4096).expect("a send buffer"));
    let total = 1 << 20;
    let payload = bench.pattern(0, [BULK_BYTES; 8]);
    let send = bench.submit(Op::Send(client, payload));
    // It cannot end before the reader has begun: it is larger than any buffer on the way.
    bench.glance(5);
    assert!(!bench.has_ended(send), "a MiB went into buffers of some KiB");
    let bytes = bench.receive_exactly(server, total);
    pattern::check(0, &bytes);
    sent(bench.outcome(send)).expect("sent");
    // One run, in one chunk, the same way.
    let chunk = match bench.pattern(total, [BULK_BYTES]) {
        Payload::Many(runs) => match *runs {
            Runs::Two([first, _]) => first,
            Runs::Any(mut chunks) => chunks.remove(0),
        },
        one => panic!("{one:?}"),
    };
    let send = bench.submit(Op::Send(client, Payload::One(chunk)));
    let bytes = bench.receive_exactly(server, BULK_BYTES);
    pattern::check(total, &bytes);
    sent(bench.outcome(send)).expect("sent");
}

/// What is left to send shrinks as the reader takes it, and stays the same while it takes nothing.
pub fn what_is_unsent_tells_whether_it_moves(bench: &mut Bench) {
    let options = ListenOptions { receive_buffer_bytes: Some(32 << 10), ..Default::default() };
    let (listener, address) = bench.listen_with(&options);
    let accept = bench.submit(Op::Accept(listener));
    let (client, server) = bench.pair_at(accept, &address);
    bench.ring.with_fd(client, |fd| set_send_buffer(fd, 4096).expect("a send buffer"));
    assert_eq!(bench.ring.unsent(client), None);
    let payload = bench.pattern(0, [BULK_BYTES; 8]);
    let send = bench.submit(Op::Send(client, payload));
    bench.glance(50);
    let mut last = bench.ring.unsent(client);
    assert!(last.is_some() && bench.ring.unsent(server).is_none());
    bench.glance(50);
    assert_eq!(bench.ring.unsent(client), last, "nobody read");
    let mut got = 0;
    for _ in 0..4 {
        got += bench.receive_exactly(server, BULK_BYTES).len();
        bench.until("it moves", |bench| bench.ring.unsent(client) != last);
        last = bench.ring.unsent(client);
    }
    bench.receive_exactly(server, 8 * BULK_BYTES - got);
    sent(bench.outcome(send)).expect("sent");
    assert_eq!(bench.ring.unsent(client), None);
    assert_eq!(bench.ring.unsent(listener), None);
}

/// What arrives of a cancelled send is its beginning; a send that ended well arrives whole.
pub fn a_send_cancelled_at_any_moment_ends_once(bench: &mut Bench) {
    let (client, server) = bench.pair();
    bench.ring.with_fd(client, |fd| set_send_buffer(fd, 16 << 10).expect("a send buffer"));
    let rounds = 120;
    let mut random = Random(5);
    let mut expected = Vec::new();
    let mut got = Vec::new();
    let mut receive = bench.submit(Op::Receive(server));
    let mut ended = [0, 0];
    for round in 0..rounds {
        let size = [10, 5_000, 120_000][random.below(3)];
        let chunk = bench.chunk(&vec![round as u8; size]);
        let payload = match random.below(2) {
            0 => Payload::One(chunk),
            _ => Payload::from(vec![chunk.slice(0..7), chunk.slice(7..size)]),
        };
        let send = bench.submit(Op::Send(client, payload));
        bench.glance(random.below(5));
        bench.ring.cancel(send);
        bench.ring.cancel(send);
        let whole = match bench.outcome(send) {
            Outcome::Sent(Ok(())) => true,
            Outcome::Sent(Err(SendError::Canceled)) => false,
            other => panic!("{other:?}"),
        };
        ended[usize::from(whole)] += 1;
        expected.push((round as u8, size, whole));
        while let Some(event) = bench.take(receive) {
            let chunk = crate::common::received(event.outcome).expect("bytes").expect("no end");
            got.extend_from_slice(&chunk);
            receive = bench.submit(Op::Receive(server));
        }
    }
    assert!(ended[0] > 0, "no send was ever cancelled");
    bench.shutdown(client, How::Write);
    while let Some(chunk) =
        crate::common::received(bench.outcome(receive)).expect("bytes or the end")
    {
        got.extend_from_slice(&chunk);
        receive = bench.submit(Op::Receive(server));
    }
    let mut rest = &got[..];
    for (byte, size, whole) in expected {
        let count = rest.iter().take_while(|b| **b == byte).count();
        assert!(count <= size && (!whole || count == size), "{count} of {size} ({whole})");
        rest = &rest[count..];
    }
    assert!(rest.is_empty(), "bytes that nobody sent");
}

/// Sends and receives that are tried at once, mixed with operations: the stream is the same.
pub fn what_is_done_now_keeps_its_place(bench: &mut Bench) {
    let (client, server) = bench.pair();
    let mut random = Random(31);
    let total = 2 << 20;
    let (mut at, mut got) = (0, 0);
    let (mut send, mut receive) = (None, None);
    while got < total {
        send = send.filter(|send| bench.take(*send).is_none());
        if send.is_none() && at < total {
            let size = random.below(100_000).min(total - at);
            let payload = bench.pattern(at, [size / 2, 0, size - size / 2]);
            at += size;
            send = match random.once_in(3) {
                true => Some(bench.submit(Op::Send(client, payload))),
                false => bench.send_now(client, payload).map(|sent| sent.expect("sent")).err(),
            };
        }
        let event = receive.and_then(|receive| bench.take(receive));
        let mut chunk = None;
        if let Some(event) = event {
            receive = None;
            chunk = crate::common::received(event.outcome).expect("bytes");
        } else if receive.is_none() && random.once_in(3) {
            receive = Some(bench.submit(Op::Receive(server)));
        } else if receive.is_none() {
            match bench.receive_now(server) {
                Ok(now) => chunk = now.expect("bytes"),
                Err(token) => receive = Some(token),
            }
        }
        if let Some(chunk) = chunk {
            pattern::check(got, &chunk);
            got += chunk.len();
        } else if receive.is_some() {
            let waited = receive;
            bench.until("something ends", |bench| {
                [send, waited].into_iter().flatten().any(|token| bench.has_ended(token))
            });
        }
    }
    assert_eq!(got, total);
    if let Some(receive) = receive {
        bench.ring.cancel(receive);
        bench.outcome(receive);
    }
    if let Some(send) = send {
        bench.until("the last send ends", |bench| bench.has_ended(send));
    }
    // Ends and refusals come by either way.
    let stale = {
        let (client, server) = bench.pair();
        bench.close(client);
        bench.close(server);
        client
    };
    let token = bench.receive_now(stale).expect_err("a stale handle");
    assert!(matches!(bench.outcome(token), Outcome::Refused(Refused::Closed)));
    let payload = bench.pattern(0, [10]);
    let token = bench.send_now(stale, payload).expect_err("a stale handle");
    assert!(matches!(bench.outcome(token), Outcome::Refused(Refused::Closed)));
    let waiting = bench.submit(Op::Receive(server));
    let token = bench.receive_now(server).expect_err("a busy side");
    assert!(matches!(bench.outcome(token), Outcome::Refused(Refused::Busy)));
    bench.shutdown(client, How::Write);
    assert!(matches!(bench.outcome(waiting), Outcome::Received(Ok(None))));
    for _ in 0..3 {
        let ended = match bench.receive_now(server) {
            Ok(now) => now,
            Err(token) => crate::common::received(bench.outcome(token)),
        };
        assert!(matches!(ended, Ok(None)));
    }
    for size in [0, 10] {
        let payload = bench.pattern(0, [size]);
        let result = match bench.send_now(client, payload) {
            Ok(now) => now,
            Err(token) => sent(bench.outcome(token)),
        };
        assert_eq!(result, if size == 0 { Ok(()) } else { Err(SendError::Broken) });
    }
}

/// One send after the other, of all sizes and shapes, each submitted in the turn of the last's end.
pub fn sends_of_all_sizes_keep_their_order(bench: &mut Bench) {
    let (client, server) = bench.pair();
    let mut random = Random(23);
    let total = 3 << 20;
    let (mut at, mut got, mut send) = (0, 0, None);
    let mut receive = bench.submit(Op::Receive(server));
    while got < total {
        if send.is_none_or(|send| bench.take(send).is_some()) && at < total {
            let parts = 1 + random.below(80);
            let most = [2, 300, 20_000][random.below(3)];
            let mut sizes: Vec<usize> = (0..parts).map(|_| random.below(most)).collect();
            if at + sizes.iter().sum::<usize>() > total {
                sizes = vec![(total - at).min(BULK_BYTES)];
            }
            let payload = bench.pattern(at, sizes);
            at += payload.len();
            send = Some(bench.submit(Op::Send(client, payload)));
        }
        bench.until("something ends", |bench| {
            bench.has_ended(receive) || send.is_some_and(|send| bench.has_ended(send))
        });
        if let Some(event) = bench.take(receive) {
            let chunk = crate::common::received(event.outcome).expect("bytes").expect("no end");
            pattern::check(got, &chunk);
            got += chunk.len();
            receive = bench.submit(Op::Receive(server));
        }
    }
    assert_eq!(got, total);
}
