//! How streams end: half by half, or by a reset.

use crate::common::{Bench, received, sent};
use koi_sys::net::{How, ReceiveError, SendError};
use koi_sys::ring::{Handle, Op, Outcome};

fn half_close(bench: &mut Bench, first: Handle, second: Handle) {
    let receive = bench.submit(Op::Receive(second));
    bench.send(first, b"last words").expect("sent");
    bench.shutdown(first, How::Write);
    assert_eq!(&received(bench.outcome(receive)).expect("bytes").expect("no end")[..1], b"l");
    while bench.receive(second).expect("bytes or the end").is_some() {}
    // The other direction is open as before, for much and for little.
    for _ in 0..3 {
        bench.send(second, b"an answer").expect("sent");
        assert_eq!(bench.receive_exactly(first, 9), b"an answer");
    }
    let receive = bench.submit(Op::Receive(first));
    bench.glance(2);
    bench.shutdown(second, How::Write);
    assert!(matches!(bench.outcome(receive), Outcome::Received(Ok(None))));
    assert!(matches!(bench.receive(second), Ok(None)));
}

pub fn half_closed_by_the_client_first(bench: &mut Bench) {
    let (client, server) = bench.pair();
    half_close(bench, client, server);
}

pub fn half_closed_by_the_server_first(bench: &mut Bench) {
    let (client, server) = bench.pair();
    half_close(bench, server, client);
}

pub fn the_end_of_the_stream_repeats(bench: &mut Bench) {
    let (client, server) = bench.pair();
    bench.close(client);
    for _ in 0..5 {
        assert!(matches!(bench.receive(server), Ok(None)));
        bench.glance(1);
    }
    // With both directions shut by hand.
    let (client, server) = bench.pair();
    bench.shutdown(client, How::Both);
    bench.shutdown(server, How::Both);
    for end in [client, server, client] {
        assert!(matches!(bench.receive(end), Ok(None)));
    }
}

/// Close and shutdown let what was sent before them arrive.
pub fn bytes_before_the_end_arrive(bench: &mut Bench) {
    for round in 0..20 {
        let (client, server) = bench.pair();
        // Less than any socket holds.
        let payload = bench.pattern(round, [30_000, 10_000]);
        let send = bench.submit(Op::Send(client, payload));
        sent(bench.outcome(send)).expect("sent");
        if round % 2 == 0 {
            bench.close(client);
        } else {
            bench.shutdown(client, How::Write);
        }
        bench.glance(round % 3);
        let bytes = bench.receive_to_end(server);
        assert_eq!(bytes.len(), 40_000);
        crate::common::pattern::check(round, &bytes);
    }
}

/// Reads what came before a reset, then the reset; it is said once, and the stream has ended.
fn expect_reset(bench: &mut Bench, end: Handle, before: &[u8]) {
    let mut bytes = Vec::new();
    loop {
        match bench.receive(end) {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Err(ReceiveError::Reset) => break,
            other => panic!("{other:?} after {} bytes", bytes.len()),
        }
    }
    assert_eq!(bytes, before);
    assert!(matches!(bench.receive(end), Ok(None)));
    let error = bench.send(end, b"too late").expect_err("the connection is gone");
    assert!(matches!(error, SendError::Broken | SendError::Reset), "{error:?}");
}

pub fn a_reset_is_no_end(bench: &mut Bench) {
    for round in 0..20 {
        let (client, server) = bench.pair();
        let (one, other) = if round % 2 == 0 { (client, server) } else { (server, client) };
        let before: &[u8] = if round % 4 < 2 { b"" } else { b"bytes before the reset" };
        if !before.is_empty() {
            bench.send(one, before).expect("sent");
        }
        bench.glance(round % 3);
        bench.abort(one);
        bench.glance(round % 3);
        expect_reset(bench, other, before);
        bench.close(other);
    }
}

/// A receive and a send that wait when the reset comes both learn of it. A kernel tells an error to
/// whoever asks first and then says that the stream has ended; the ring does not.
pub fn a_reset_reaches_what_is_in_flight(bench: &mut Bench) {
    for round in 0..20 {
        let (client, server) = bench.pair();
        let receive = (round % 2 == 0).then(|| bench.submit(Op::Receive(server)));
        // More than all buffers on the way, so that it is still under way.
        let payload = bench.pattern(0, [128 << 10; 80]);
        let send = bench.submit(Op::Send(server, payload));
        bench.glance(round % 5);
        bench.abort(client);
        let sent = sent(bench.outcome(send));
        assert!(matches!(sent, Err(SendError::Reset | SendError::Broken)), "{sent:?}");
        let received = match receive {
            Some(receive) => received(bench.outcome(receive)),
            None => bench.receive(server),
        };
        assert!(matches!(received, Err(ReceiveError::Reset)), "{received:?}, {sent:?}");
        assert!(matches!(bench.receive(server), Ok(None)));
        assert_eq!(bench.send(server, b"too late"), Err(SendError::Broken));
        bench.close(server);
    }
}

/// Closing with bytes unread loses them, which kernels tell the peer by a reset; where the ring
/// has taken them out of the kernel already, by the end. What the peer sent is not taken for read.
pub fn a_close_with_bytes_unread_is_seen(bench: &mut Bench) {
    for round in 0..10 {
        let (client, server) = bench.pair();
        if round % 2 == 0 {
            // Bytes that the ring may have taken before anybody asked for them.
            bench.greet(client, server);
        }
        bench.send(client, b"never read").expect("sent");
        bench.glance(round % 3);
        bench.close(server);
        match bench.receive(client) {
            Err(ReceiveError::Reset) | Ok(None) => {}
            other => panic!("{other:?}"),
        }
        assert!(matches!(bench.receive(client), Ok(None)));
    }
}

pub fn sends_after_the_end_fail(bench: &mut Bench) {
    let (client, server) = bench.pair();
    bench.shutdown(client, How::Write);
    assert_eq!(bench.send(client, b"no"), Err(SendError::Broken));
    assert_eq!(bench.send(client, b"no"), Err(SendError::Broken));
    // Shut twice is shut.
    bench.shutdown(client, How::Write);
    assert!(matches!(bench.receive(server), Ok(None)));
    // The peer closed for good: a send may be taken before its refusal is known, a later one not.
    let (client, server) = bench.pair();
    bench.close(server);
    bench.until("sends fail", |bench| bench.send(client, b"anybody?").is_err());
    let error = bench.send(client, b"anybody?").expect_err("nobody");
    assert!(matches!(error, SendError::Broken | SendError::Reset), "{error:?}");
}

/// A shutdown is quicker than its cancel: what its event says is true.
pub fn a_cancelled_shutdown_shuts_all_the_same(bench: &mut Bench) {
    let (client, server) = bench.pair();
    let shutdown = bench.submit(Op::Shutdown(client, How::Write));
    bench.ring.cancel(shutdown);
    assert!(matches!(bench.outcome(shutdown), Outcome::ShutDown));
    assert!(matches!(bench.receive(server), Ok(None)));
}

pub fn shutting_the_reading_side_ends_a_receive(bench: &mut Bench) {
    let (client, server) = bench.pair();
    let receive = bench.submit(Op::Receive(server));
    bench.glance(2);
    bench.shutdown(server, How::Read);
    assert!(matches!(bench.outcome(receive), Outcome::Received(Ok(None))));
    bench.send(server, b"still open").expect("sent");
    assert_eq!(bench.receive_exactly(client, 10), b"still open");
}
