//! Bytes that pass without being seen: pipes and datagrams.

use crate::common::pattern;
use crate::common::{Bench, sent};
use koi_sys::net::{self, Family, How, Pipe, ReceiveError, SendError, SocketAddress};
use koi_sys::ring::{Adopt, Handle, Op, Outcome, Payload, Refused, Returned, Token};
use std::net::UdpSocket;
use std::time::Duration;

/// A pipe, where the ring can use one; where it cannot, whoever tries is refused and gets it back.
fn pipe(bench: &mut Bench) -> Option<Box<Pipe>> {
    let pipe = Box::new(Pipe::new(64 << 10).ok()?);
    if bench.ring.caps().splice {
        return Some(pipe);
    }
    let (client, server) = bench.pair();
    let fill = bench.submit(Op::Fill(client, pipe));
    let event = bench.finish(fill);
    assert!(matches!(event.outcome, Outcome::Refused(Refused::Unsupported)), "{event:?}");
    let Returned::Pipe(pipe) = event.returned else { panic!("the pipe is gone") };
    assert_eq!(bench.refused(Op::Drain(server, pipe)), Refused::Unsupported);
    bench.greet(client, server);
    None
}

fn returned_pipe(bench: &mut Bench, token: Token) -> (Outcome, Box<Pipe>) {
    let event = bench.finish(token);
    match event.returned {
        Returned::Pipe(pipe) => (event.outcome, pipe),
        other => panic!("{other:?}"),
    }
}

/// Fills the pipe from one socket and empties it into another; false at the end of the stream.
fn pass(bench: &mut Bench, from: Handle, pipe: Box<Pipe>, to: Handle) -> (bool, Box<Pipe>) {
    let fill = bench.submit(Op::Fill(from, pipe));
    let (outcome, pipe) = returned_pipe(bench, fill);
    assert!(matches!(outcome, Outcome::Filled(Ok(()))), "{outcome:?}");
    if pipe.is_empty() {
        return (false, pipe);
    }
    (true, drain_all(bench, pipe, to))
}

/// Empties the pipe into a socket.
fn drain_all(bench: &mut Bench, mut pipe: Box<Pipe>, to: Handle) -> Box<Pipe> {
    while !pipe.is_empty() {
        let held = pipe.held();
        let drain = bench.submit(Op::Drain(to, pipe));
        let (outcome, back) = returned_pipe(bench, drain);
        assert!(matches!(outcome, Outcome::Drained(Ok(()))), "{outcome:?}");
        assert!(back.held() < held, "a drain moves something");
        pipe = back;
    }
    pipe
}

/// What lies behind a limit stays for the next fill or receive, whoever had read it by then.
pub fn a_fill_takes_no_more_than_its_limit(bench: &mut Bench) {
    let Some(mut pipe) = pipe(bench) else { return };
    for round in 0..20 {
        let (client, near) = bench.pair();
        let (far, server) = bench.pair();
        // A ring may read ahead from here.
        bench.send(client, b"head").expect("sent");
        assert_eq!(bench.receive_exactly(near, 4), b"head");
        let bytes: Vec<u8> = (0..50_000u32).map(|n| (n % 251) as u8).collect();
        bench.send(client, &bytes).expect("sent");
        bench.glance(round % 4);
        let mut passed = 0;
        while passed < 40_001 {
            pipe.set_limit((40_001 - passed).min(30_000));
            let fill = bench.submit(Op::Fill(near, pipe));
            let (outcome, back) = returned_pipe(bench, fill);
            assert!(matches!(outcome, Outcome::Filled(Ok(()))), "{outcome:?}");
            assert!((1..=(40_001 - passed).min(30_000)).contains(&back.held()));
            passed += back.held();
            pipe = drain_all(bench, back, far);
        }
        assert_eq!(bench.receive_exactly(server, 40_001), bytes[..40_001]);
        assert_eq!(bench.receive_exactly(near, 9_999), bytes[40_001..]);
        for end in [client, near, far, server] {
            bench.close(end);
        }
    }
}

/// What the socket takes is told at once, not only once it has taken everything.
pub fn a_drain_ends_with_what_was_taken(bench: &mut Bench) {
    if !bench.ring.caps().splice {
        return;
    }
    let mut pipe = Box::new(Pipe::new(1 << 20).expect("a pipe"));
    let (client, near) = bench.pair();
    let (far, server) = bench.pair();
    let bytes = vec![7; 100_000];
    let mut sent = 0;
    let left = loop {
        bench.send(client, &bytes).expect("sent");
        sent += bytes.len();
        let mut filled = 0;
        let mut left = 0;
        while filled < bytes.len() && left == 0 {
            let fill = bench.submit(Op::Fill(near, pipe));
            let (outcome, back) = returned_pipe(bench, fill);
            assert!(matches!(outcome, Outcome::Filled(Ok(()))), "{outcome:?}");
            filled += back.held();
            let drain = bench.submit(Op::Drain(far, back));
            let (outcome, back) = returned_pipe(bench, drain);
            assert!(matches!(outcome, Outcome::Drained(Ok(()))), "{outcome:?}");
            (left, pipe) = (back.held(), back);
        }
        if left > 0 {
            break left;
        }
        assert!(sent < 1 << 30, "a socket that nobody reads is never full");
    };
    // The next waits until somebody reads.
    let drain = bench.submit(Op::Drain(far, pipe));
    bench.glance(3);
    assert!(!bench.has_ended(drain));
    let mut got = 0;
    while !bench.has_ended(drain) {
        got += bench.receive(server).expect("bytes").map_or(0, |chunk| chunk.len());
    }
    let (outcome, back) = returned_pipe(bench, drain);
    assert!(matches!(outcome, Outcome::Drained(Ok(()))), "{outcome:?}");
    assert!(back.held() < left && got > 0);
}

/// Receives in the background all that comes, which must be the pattern from its beginning.
struct Sink {
    end: Handle,
    receive: Token,
    got: usize,
    ended: bool,
}

impl Sink {
    fn new(bench: &mut Bench, end: Handle) -> Sink {
        Sink { end, receive: bench.submit(Op::Receive(end)), got: 0, ended: false }
    }

    fn look(&mut self, bench: &mut Bench) {
        let Some(event) = bench.take(self.receive) else { return };
        match event.outcome {
            Outcome::Received(Ok(Some(chunk))) => {
                pattern::check(self.got, &chunk);
                self.got += chunk.len();
                self.receive = bench.submit(Op::Receive(self.end));
            }
            Outcome::Received(Ok(None)) => self.ended = true,
            other => panic!("{other:?}"),
        }
    }
}

pub fn a_stream_through_a_pipe(bench: &mut Bench) {
    let Some(mut pipe) = pipe(bench) else { return };
    let (client, near) = bench.pair();
    let (far, server) = bench.pair();
    let total = 8 << 20;
    let payload = bench.pattern(0, [128 << 10; 64]);
    let send = bench.submit(Op::Send(client, payload));
    let mut sink = Sink::new(bench, server);
    let mut shut = None;
    loop {
        sink.look(bench);
        if shut.is_none() && bench.has_ended(send) {
            shut = Some(bench.submit(Op::Shutdown(client, How::Write)));
        }
        let passed = pass(bench, near, pipe, far);
        pipe = passed.1;
        if !passed.0 {
            break;
        }
        // The sink must not be far behind, or the drain waits for it in vain.
        let mut filled = None;
        while filled.is_none() {
            let before = sink.got;
            sink.look(bench);
            if sink.got == before {
                filled = Some(());
            }
        }
    }
    bench.shutdown(far, How::Write);
    bench.until("the end has arrived", |bench| {
        sink.look(bench);
        sink.ended
    });
    assert_eq!(sink.got, total);
    sent(bench.outcome(send)).expect("sent");
}

pub fn the_end_of_a_stream_is_an_empty_pipe(bench: &mut Bench) {
    let Some(pipe) = pipe(bench) else { return };
    let (client, server) = bench.pair();
    let fill = bench.submit(Op::Fill(server, pipe));
    bench.glance(2);
    assert!(!bench.has_ended(fill));
    bench.close(client);
    let (outcome, pipe) = returned_pipe(bench, fill);
    assert!(matches!(outcome, Outcome::Filled(Ok(()))) && pipe.is_empty(), "{outcome:?}");
    let fill = bench.submit(Op::Fill(server, pipe));
    let (outcome, pipe) = returned_pipe(bench, fill);
    assert!(matches!(outcome, Outcome::Filled(Ok(()))) && pipe.is_empty(), "{outcome:?}");
    // A reset is none.
    let (client, server) = bench.pair();
    let fill = bench.submit(Op::Fill(server, pipe));
    bench.glance(2);
    bench.abort(client);
    let (outcome, pipe) = returned_pipe(bench, fill);
    assert!(matches!(outcome, Outcome::Filled(Err(ReceiveError::Reset))), "{outcome:?}");
    // Draining nothing is done at once, and draining into the dead is an error.
    let drain = bench.submit(Op::Drain(server, pipe));
    let (outcome, _) = returned_pipe(bench, drain);
    assert!(matches!(outcome, Outcome::Drained(_)), "{outcome:?}");
}

pub fn a_cancelled_fill_returns_its_pipe(bench: &mut Bench) {
    let Some(mut pipe) = pipe(bench) else { return };
    let (client, server) = bench.pair();
    for round in 0..40 {
        let fill = bench.submit(Op::Fill(server, pipe));
        bench.glance(round % 3);
        let speaks = round % 2 == 0;
        if speaks {
            bench.send(client, b"now").expect("sent");
        }
        bench.ring.cancel(fill);
        let (outcome, back) = returned_pipe(bench, fill);
        pipe = back;
        match outcome {
            Outcome::Filled(Ok(())) => assert!(speaks && pipe.held() == 3),
            Outcome::Filled(Err(ReceiveError::Canceled)) => assert!(pipe.is_empty()),
            other => panic!("{other:?}"),
        }
        // Nothing is lost: what the fill did not take is there for the next receive.
        if pipe.is_empty() && speaks {
            assert_eq!(bench.receive_exactly(server, 3), b"now");
        }
        if !pipe.is_empty() {
            let drain = bench.submit(Op::Drain(server, pipe));
            pipe = returned_pipe(bench, drain).1;
            assert_eq!(bench.receive_exactly(client, 3), b"now");
        }
    }
}

pub fn a_cancelled_drain_returns_its_pipe(bench: &mut Bench) {
    let Some(pipe) = pipe(bench) else { return };
    let (client, near) = bench.pair();
    let (far, server) = bench.pair();
    // Fills the sockets on the far side, so that the drain has to wait.
    let payload = bench.pattern(0, [128 << 10; 100]);
    let stuffing = bench.submit(Op::Send(far, payload));
    bench.glance(5);
    assert!(!bench.has_ended(stuffing));
    bench.ring.cancel(stuffing);
    bench.outcome(stuffing);
    bench.send(client, b"through the pipe").expect("sent");
    let fill = bench.submit(Op::Fill(near, pipe));
    let (_, pipe) = returned_pipe(bench, fill);
    assert_eq!(pipe.held(), 16);
    let drain = bench.submit(Op::Drain(far, pipe));
    bench.glance(3);
    bench.ring.cancel(drain);
    let (outcome, pipe) = returned_pipe(bench, drain);
    match outcome {
        Outcome::Drained(Err(SendError::Canceled)) => assert_eq!(pipe.held(), 16),
        Outcome::Drained(Ok(())) => assert!(pipe.is_empty()),
        other => panic!("{other:?}"),
    }
    // And closed instead of cancelled.
    drop(pipe);
    bench.close(server);
    let pipe = Box::new(Pipe::new(64 << 10).expect("a pipe"));
    let fill = bench.submit(Op::Fill(near, pipe));
    bench.glance(2);
    bench.close(near);
    let (outcome, _) = returned_pipe(bench, fill);
    assert!(matches!(outcome, Outcome::Filled(Err(ReceiveError::Canceled))), "{outcome:?}");
    bench.close(far);
}

/// A connection may change from receives to pipes and back; no byte goes astray.
pub fn bytes_received_before_the_pipe_keep_their_order(bench: &mut Bench) {
    let Some(mut pipe) = pipe(bench) else { return };
    for round in 0..30 {
        let (client, near) = bench.pair();
        let (far, server) = bench.pair();
        // A receive first: a ring may go on to read ahead from here.
        let payload = bench.pattern(0, [1000]);
        let send = bench.submit(Op::Send(client, payload));
        sent(bench.outcome(send)).expect("sent");
        let head = bench.receive_exactly(near, 1000);
        pattern::check(0, &head);
        if round % 3 == 1 {
            // One that is cancelled, too.
            let receive = bench.submit(Op::Receive(near));
            bench.glance(round % 2);
            bench.ring.cancel(receive);
            bench.outcome(receive);
        }
        let chunk = bench.chunk(&head);
        let forward = bench.submit(Op::Send(far, Payload::One(chunk)));
        sent(bench.outcome(forward)).expect("sent");
        let sizes = [20_000, 30_000, 5];
        let payload = bench.pattern(1000, sizes);
        let total = 1000 + payload.len();
        let send = bench.submit(Op::Send(client, payload));
        sent(bench.outcome(send)).expect("sent");
        bench.glance(round % 4);
        bench.shutdown(client, How::Write);
        loop {
            let passed = pass(bench, near, pipe, far);
            pipe = passed.1;
            if !passed.0 {
                break;
            }
        }
        // The end stays the end for receives.
        assert!(matches!(bench.receive(near), Ok(None)));
        let bytes = bench.receive_exactly(server, total);
        pattern::check(0, &bytes);
        for end in [client, near, far, server] {
            bench.close(end);
        }
    }
}

/// A datagram goes now or not at all: a receiver that is full is an error, not a wait for news that
/// no kernel gives.
pub fn a_datagram_without_room_is_refused(bench: &mut Bench) {
    if bench.is_sim() {
        return;
    }
    let name = format!("koi-contract-{}-{:?}-datagrams", std::process::id(), bench.kind);
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    let receiver = std::os::unix::net::UnixDatagram::bind(&path).expect("a receiver");
    let to = SocketAddress::Unix(path.clone());
    let socket = net::datagram_socket(Family::Unix).expect("a datagram socket");
    let handle = bench.ring.adopt(socket, Adopt::Idle).expect("adopted");
    bench.know(handle);
    let send = |bench: &mut Bench| {
        let datagram = bench.chunk(&[1; 1000]);
        let send = bench.submit(Op::SendTo(handle, Box::new((to.clone(), datagram))));
        sent(bench.outcome(send))
    };
    let mut room = 0;
    let full = loop {
        match send(bench) {
            Ok(()) => room += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full, SendError::Memory);
    let mut buffer = [0; 2000];
    for _ in 0..room {
        assert_eq!(receiver.recv(&mut buffer).expect("a datagram"), 1000);
    }
    assert_eq!(send(bench), Ok(()));
    let _ = std::fs::remove_file(path);
}

pub fn datagrams_are_sent(bench: &mut Bench) {
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    receiver.set_read_timeout(Some(Duration::from_secs(30))).expect("a guard");
    let to = SocketAddress::from(receiver.local_addr().expect("an address"));
    let socket = net::datagram_socket(Family::V4).expect("a UDP socket");
    let handle = match bench.ring.adopt(socket, Adopt::Idle) {
        Ok(handle) => bench.know(handle),
        Err(errno) => {
            assert!(bench.is_sim() && errno == libc::ENOTSUP, "{errno}");
            return;
        }
    };
    let mut buffer = [0; 2000];
    for size in [0, 1, 1200, 40] {
        let datagram = bench.chunk(&vec![7; size]);
        let send = bench.submit(Op::SendTo(handle, Box::new((to.clone(), datagram))));
        sent(bench.outcome(send)).expect("sent");
        let (count, _) = receiver.recv_from(&mut buffer).expect("a datagram");
        assert_eq!(buffer[..count], vec![7; size]);
    }
    let large = bench.chunk(&vec![7; 100_000]);
    let send = bench.submit(Op::SendTo(handle, Box::new((to.clone(), large))));
    assert_eq!(sent(bench.outcome(send)), Err(SendError::MessageTooLong));
    // Nobody there: the kernel may tell the next sender, once.
    drop(receiver);
    for _ in 0..4 {
        let datagram = bench.chunk(b"anybody?");
        let send = bench.submit(Op::SendTo(handle, Box::new((to.clone(), datagram))));
        let outcome = sent(bench.outcome(send));
        assert!(matches!(outcome, Ok(()) | Err(SendError::Refused)), "{outcome:?}");
    }
    let datagram = bench.chunk(b"cancelled, or not");
    let send = bench.submit(Op::SendTo(handle, Box::new((to, datagram))));
    bench.ring.cancel(send);
    let outcome = sent(bench.outcome(send));
    assert!(
        matches!(outcome, Ok(()) | Err(SendError::Refused | SendError::Canceled)),
        "{outcome:?}"
    );
}
