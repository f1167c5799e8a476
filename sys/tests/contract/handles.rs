//! Handles and tokens: stale ones, busy ones, and numbers that change hands.

use crate::common::{Bench, IntoAddress};
use koi_sys::net::{AcceptError, How, ReceiveError, SendError};
use koi_sys::ring::{Handle, Op, Outcome, Payload, Refused, Token};
use koi_sys::table::Key;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;

fn refuse_everything(bench: &mut Bench, stale: Handle) {
    let anywhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9).into_address();
    let before = bench.ring.counters().stale_handles;
    let chunk = bench.chunk(b"refused");
    let ops = [
        Op::Accept(stale),
        Op::Connect(stale, Box::new(anywhere.clone())),
        Op::Receive(stale),
        Op::Send(stale, Payload::One(chunk.clone())),
        Op::Send(stale, Payload::from(vec![])),
        Op::SendTo(stale, Box::new((anywhere, chunk))),
        Op::Shutdown(stale, How::Both),
    ];
    let count = ops.len() as u64;
    for op in ops {
        assert_eq!(bench.refused(op), Refused::Closed);
    }
    assert_eq!(bench.ring.counters().stale_handles, before + count);
    bench.ring.close(stale);
    bench.ring.abort(stale);
    assert_eq!(bench.ring.counters().stale_handles, before + count + 2);
    assert!(!bench.ring.shed(stale));
    assert_eq!(bench.ring.local_address(stale), None);
    assert_eq!(bench.ring.peer_address(stale), None);
    assert!(bench.ring.with_fd(stale, |_| ()).is_none());
}

pub fn a_stale_handle_is_refused(bench: &mut Bench) {
    let (client, server) = bench.pair();
    // With a receive in the kernel's hands the descriptor may live on for a turn; the handle does
    // not.
    let receive = bench.submit(Op::Receive(client));
    bench.glance(2);
    bench.close(client);
    refuse_everything(bench, client);
    assert!(matches!(bench.outcome(receive), Outcome::Received(Err(ReceiveError::Canceled))));
    bench.close(server);
    refuse_everything(bench, server);
    refuse_everything(bench, Handle(Key::NONE));
    refuse_everything(bench, Handle(Key { index: 1 << 20, generation: 0 }));
}

/// A listener that was closed this very turn: who waits there is not ours any more.
pub fn a_closed_listener_sheds_nobody(bench: &mut Bench) {
    let (listener, address) = bench.listen();
    let client = bench.connect(&address).expect("connected to the queue");
    let accept = bench.submit(Op::Accept(listener));
    bench.close(listener);
    assert!(!bench.ring.shed(listener));
    assert!(matches!(bench.outcome(accept), Outcome::Accepted(Err(AcceptError::Canceled))));
    // One the accept was quick enough for is closed by hand; any other by the kernel.
    while let Some(server) = bench.accepted(accept) {
        bench.close(server);
    }
    assert!(matches!(bench.receive(client), Ok(None) | Err(ReceiveError::Reset)));
}

pub fn a_stale_token_is_counted(bench: &mut Bench) {
    let (client, server) = bench.pair();
    let old = bench.submit(Op::Shutdown(client, How::Read));
    bench.outcome(old);
    let stale = bench.ring.counters().stale_tokens;
    let receive = bench.submit(Op::Receive(server));
    assert_eq!(receive.0.index, old.0.index, "the slot is used again");
    bench.ring.cancel(old);
    bench.ring.cancel(Token(Key { index: 1 << 20, generation: 3 }));
    bench.ring.cancel(Token::WAKE);
    assert_eq!(bench.ring.counters().stale_tokens, stale + 3);
    bench.glance(3);
    assert!(!bench.has_ended(receive), "the slot's new owner was cancelled");
    bench.send(client, b"alive").expect("sent");
    assert!(matches!(bench.outcome(receive), Outcome::Received(Ok(Some(_)))));
}

/// A handle kept after its close does not reach whoever has its descriptor's number now.
pub fn a_reused_descriptor_belongs_to_its_new_owner(bench: &mut Bench) {
    for round in 0..20 {
        let (client, server) = bench.pair();
        let number = bench.ring.with_fd(client, |fd| fd.as_raw_fd());
        let receive = bench.submit(Op::Receive(client));
        bench.glance(round % 3);
        let open = bench.ring.descriptors();
        bench.close(client);
        bench.until("it is closed", |bench| bench.ring.descriptors() < open);
        assert!(matches!(bench.outcome(receive), Outcome::Received(Err(ReceiveError::Canceled))));
        // Until the number comes back; other tests of this process may have it for a while.
        let mut pairs = Vec::new();
        let (new_client, new_server) = loop {
            let (new_client, new_server) = bench.pair();
            let numbers = [new_client, new_server]
                .map(|handle| bench.ring.with_fd(handle, |fd| fd.as_raw_fd()));
            pairs.push((new_client, new_server));
            if numbers.contains(&number) || pairs.len() == 50 {
                break (new_client, new_server);
            }
        };
        let waiting = bench.submit(Op::Receive(new_client));
        assert_eq!(bench.refused(Op::Receive(client)), Refused::Closed);
        bench.ring.cancel(receive);
        bench.ring.close(client);
        bench.ring.abort(client);
        bench.glance(2);
        assert!(!bench.has_ended(waiting));
        bench.send(new_server, b"!").expect("sent");
        assert!(matches!(bench.outcome(waiting), Outcome::Received(Ok(Some(_)))));
        bench.greet(new_client, new_server);
        bench.close(server);
        for (one, other) in pairs {
            bench.close(one);
            bench.close(other);
        }
    }
}

/// One operation in each direction; what is in flight is not disturbed by what is refused.
pub fn one_operation_in_each_direction(bench: &mut Bench) {
    let (client, server) = bench.pair();
    let receive = bench.submit(Op::Receive(server));
    assert_eq!(bench.refused(Op::Receive(server)), Refused::Busy);
    assert_eq!(bench.refused(Op::Accept(server)), Refused::Busy);
    bench.glance(2);
    assert_eq!(bench.refused(Op::Receive(server)), Refused::Busy);

    let payload = bench.pattern(0, [128 << 10; 80]);
    let total = payload.len();
    let send = bench.submit(Op::Send(client, payload));
    let chunk = bench.chunk(b"refused");
    assert_eq!(bench.refused(Op::Send(client, Payload::One(chunk))), Refused::Busy);
    assert_eq!(bench.refused(Op::Send(client, Payload::from(vec![]))), Refused::Busy);
    assert_eq!(bench.refused(Op::Shutdown(client, How::Write)), Refused::Busy);
    let first = match bench.outcome(receive) {
        Outcome::Received(Ok(Some(chunk))) => chunk,
        other => panic!("{other:?}"),
    };
    let mut bytes = first.to_vec();
    drop(first);
    bytes.extend(bench.receive_exactly(server, total - bytes.len()));
    crate::common::pattern::check(0, &bytes);
    assert!(matches!(bench.outcome(send), Outcome::Sent(Ok(()))));

    let (listener, _) = bench.listen();
    let accept = bench.submit(Op::Accept(listener));
    assert_eq!(bench.refused(Op::Accept(listener)), Refused::Busy);
    bench.ring.cancel(accept);
    bench.outcome(accept);
    bench.greet(client, server);
}

/// The caller's mistake, and a refusal: the operation that has the token goes on.
pub fn a_token_in_use_is_refused(bench: &mut Bench) {
    let (client, server) = bench.pair();
    let receive = bench.submit(Op::Receive(server));
    let mut events = Vec::new();
    bench.ring.submit(Op::Receive(client), receive);
    while events.is_empty() {
        bench.ring.wait(Some(koi_sys::clock::Time::default()), &mut events).expect("a wait");
    }
    assert_eq!(events.len(), 1);
    assert!(matches!(events[0].outcome, Outcome::Refused(Refused::Busy)), "{events:?}");
    bench.send(client, b"alive").expect("sent");
    assert!(matches!(bench.outcome(receive), Outcome::Received(Ok(Some(_)))));
    bench.greet(client, server);
}

pub fn closing_ends_what_is_in_flight(bench: &mut Bench) {
    for round in 0..30 {
        let (client, server) = bench.pair();
        let receive = bench.submit(Op::Receive(client));
        let payload = bench.pattern(0, [128 << 10; 80]);
        let send = bench.submit(Op::Send(client, payload));
        bench.glance(round % 4);
        if round % 2 == 0 {
            bench.close(client)
        } else {
            bench.abort(client)
        }
        bench.ring.cancel(send);
        let ended = bench.outcome(receive);
        assert!(matches!(ended, Outcome::Received(Err(ReceiveError::Canceled))), "{ended:?}");
        let ended = bench.outcome(send);
        assert!(matches!(ended, Outcome::Sent(Err(SendError::Canceled))), "{ended:?}");
        bench.close(server);
    }
    bench.until("all are closed", |bench| bench.ring.descriptors() == 1);
    assert_eq!(bench.store.stats().leased, [0, 0]);
}

/// What makes no sense before a connection stands ends with an error, soon.
pub fn an_unconnected_socket_does_not_hang(bench: &mut Bench) {
    let (_, address) = bench.listen();
    let socket = bench.socket(&address);
    let receive = bench.submit(Op::Receive(socket));
    let send = bench.start_send(socket, b"to whom?");
    let outcome = bench.outcome(receive);
    assert!(matches!(outcome, Outcome::Received(Err(ReceiveError::NotConnected))), "{outcome:?}");
    let outcome = bench.outcome(send);
    // Linux says Broken (EPIPE) for a TCP socket that never was connected.
    let expected =
        matches!(outcome, Outcome::Sent(Err(SendError::NotConnected | SendError::Broken)));
    assert!(expected, "{outcome:?}");
    bench.shutdown(socket, How::Both);
    let (listener, address) = bench.listen();
    let accept = bench.submit(Op::Accept(listener));
    let (client, server) = bench.pair_at(accept, &address);
    bench.greet(client, server);
}
