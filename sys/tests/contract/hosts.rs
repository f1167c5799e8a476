//! Several rings on one simulated network.

use crate::common::Bench;
use koi_sys::net::{How, SocketAddress};
use koi_sys::ring::sim::{Faults, Network};
use koi_sys::ring::{Op, Outcome, Token};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// Turns both rings, and the clock when both are idle, until the operation of the first has ended.
fn drive(network: &Network, benches: [&mut Bench; 2], token: Token) -> Outcome {
    let [one, other] = benches;
    for _ in 0..10_000 {
        if let Some(event) = one.take(token) {
            return event.outcome;
        }
        let before = network.now();
        let events = one.turn(None) + other.turn(None);
        assert_eq!(network.now(), before, "a ring moved the clock of all");
        if events == 0 && !network.advance(None) {
            panic!("nothing travels, and the operation has not ended");
        }
    }
    panic!("no end");
}

pub fn two_hosts_talk() {
    let delay_max = Duration::from_millis(20);
    let network = Network::new(9, Faults { delay_max, ..Faults::default() });
    let (mut near, mut far) = (Bench::simulated(&network), Bench::simulated(&network));
    let at = SocketAddress::V4(SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 80));
    let (listener, address) = far.listen_at(&at, &Default::default());
    let accept = far.submit(Op::Accept(listener));
    let (client, connect) = near.start_connect(&address);
    let outcome = drive(&network, [&mut near, &mut far], connect);
    assert!(matches!(outcome, Outcome::Connected(Ok(()))), "{outcome:?}");
    let server = far.accepted(accept).expect("it is accepted before the client hears of it");

    let receive = far.submit(Op::Receive(server));
    near.start_send(client, b"from afar");
    let start = network.now();
    match drive(&network, [&mut far, &mut near], receive) {
        Outcome::Received(Ok(Some(chunk))) => assert_eq!(&chunk[..], b"from afar"),
        other => panic!("{other:?}"),
    }
    assert!(network.now() - start <= delay_max);
    let shutdown = near.submit(Op::Shutdown(client, How::Write));
    drive(&network, [&mut near, &mut far], shutdown);
    let receive = far.submit(Op::Receive(server));
    let outcome = drive(&network, [&mut far, &mut near], receive);
    assert!(matches!(outcome, Outcome::Received(Ok(None))), "{outcome:?}");
    near.close(client);
    far.close(server);
    assert_eq!(network.open_sockets(), 1);
}
