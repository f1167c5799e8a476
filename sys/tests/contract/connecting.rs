//! Connecting, and the addresses of both ends.

use crate::common::Bench;
use koi_sys::net::{self, ConnectError, ListenOptions, SocketAddress};
use koi_sys::ring::{Op, Outcome};

pub fn nobody_listens(bench: &mut Bench) {
    let address = bench.deaf_address();
    for _ in 0..20 {
        assert_eq!(bench.connect(&address), Err(ConnectError::Refused));
    }
    let (client, server) = bench.pair();
    bench.greet(client, server);
}

/// Such a socket is good for nothing but closing; what is asked of it ends all the same.
pub fn a_socket_whose_connect_failed_does_not_hang(bench: &mut Bench) {
    let address = bench.deaf_address();
    let (socket, first) = bench.start_connect(&address);
    assert!(matches!(bench.outcome(first), Outcome::Connected(Err(ConnectError::Refused))));
    let again = bench.submit(Op::Connect(socket, Box::new(address)));
    match bench.outcome(again) {
        Outcome::Connected(Err(_)) => {}
        other => panic!("{other:?}"),
    }
    for _ in 0..2 {
        let receive = bench.submit(Op::Receive(socket));
        let send = bench.start_send(socket, b"to whom?");
        assert!(matches!(bench.outcome(receive), Outcome::Received(Ok(None) | Err(_))));
        assert!(matches!(bench.outcome(send), Outcome::Sent(Err(_))));
    }
    bench.close(socket);
}

/// A connection that stands stays; connecting it again changes nothing.
pub fn a_second_connect_is_no_harm(bench: &mut Bench) {
    let (client, server) = bench.pair();
    let address = bench.ring.peer_address(client).expect("a peer");
    let again = bench.submit(Op::Connect(client, Box::new(address)));
    assert!(matches!(bench.outcome(again), Outcome::Connected(Ok(()))));
    bench.greet(client, server);
}

pub fn a_connect_cancelled_at_any_moment_ends_once(bench: &mut Bench) {
    let (listener, address) = bench.listen();
    let accept = bench.submit(Op::Accept(listener));
    let mut connected = 0;
    for round in 0..200 {
        let (socket, connect) = bench.start_connect(&address);
        bench.glance(round % 4);
        bench.ring.cancel(connect);
        match bench.outcome(connect) {
            Outcome::Connected(Ok(())) => connected += 1,
            Outcome::Connected(Err(ConnectError::Canceled)) => {}
            other => panic!("{other:?}"),
        }
        bench.abort(socket);
    }
    bench.until("what was connected is accepted", |bench| bench.arrived() >= connected);
    let (client, server) = bench.pair();
    bench.greet(client, server);
    bench.ring.cancel(accept);
    bench.outcome(accept);
}

/// A path of our own, removed in the end.
struct Path(std::path::PathBuf);

impl Path {
    fn new(bench: &Bench, name: &str) -> Path {
        let name = format!("koi-contract-{}-{:?}-{name}", std::process::id(), bench.kind);
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        Path(path)
    }

    fn address(&self) -> SocketAddress {
        SocketAddress::Unix(self.0.clone())
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub fn unix_sockets_carry_streams(bench: &mut Bench) {
    if bench.is_sim() {
        // Addresses of the simulation are IP addresses; its streams are those of the other tests.
        return;
    }
    let path = Path::new(bench, "stream");
    let address = path.address();
    let (listener, _) = bench.listen_at(&address, &ListenOptions::default());
    let accept = bench.submit(Op::Accept(listener));
    let (client, server) = bench.pair_at(accept, &address);
    bench.greet(client, server);
    let payload = bench.pattern(0, [100_000, 0, 100_000]);
    let send = bench.submit(Op::Send(client, payload));
    let bytes = bench.receive_exactly(server, 200_000);
    crate::common::pattern::check(0, &bytes);
    bench.outcome(send);
    bench.shutdown(client, net::How::Write);
    assert_eq!(bench.receive_to_end(server), b"");
    bench.send(server, b"still open").expect("sent");
    assert_eq!(bench.receive_exactly(client, 10), b"still open");
}

pub fn a_unix_path_that_is_not_there(bench: &mut Bench) {
    if bench.is_sim() {
        return;
    }
    let path = Path::new(bench, "missing");
    assert_eq!(bench.connect(&path.address()), Err(ConnectError::NotFound));
    // Longer than the kernel has room for: an error of the operation, and counted as unexpected.
    let long = SocketAddress::Unix("/tmp/".to_owned().repeat(40).into());
    let refused = bench.connect(&long);
    assert_eq!(refused, Err(ConnectError::Unexpected(libc::ENAMETOOLONG)));
    bench.forgive(1);
    // A file whose listener has gone refuses.
    let (listener, _) = bench.listen_at(&path.address(), &ListenOptions::default());
    let open = bench.ring.descriptors();
    bench.close(listener);
    bench.until("the listener is gone", |bench| bench.ring.descriptors() < open);
    assert_eq!(bench.connect(&path.address()), Err(ConnectError::Refused));
}

/// A listener that nobody accepts from and whose queue is full: the operation says so instead of
/// waiting for who knows how long.
pub fn a_unix_queue_that_is_full(bench: &mut Bench) {
    if bench.is_sim() {
        return;
    }
    let path = Path::new(bench, "full");
    let options = ListenOptions { backlog: 2, ..Default::default() };
    let (listener, _) = bench.listen_at(&path.address(), &options);
    let results: Vec<_> = (0..6).map(|_| bench.connect(&path.address())).collect();
    assert!(results[0].is_ok(), "{results:?}");
    // FreeBSD has no number of its own for it.
    let full = [Err(ConnectError::Full), Err(ConnectError::Refused)];
    assert!(full.contains(&results[5]), "{results:?}");
    let accept = bench.submit(Op::Accept(listener));
    let waiting = results.iter().filter(|result| result.is_ok()).count();
    bench.until("those in the queue arrive", |bench| bench.arrived() == waiting);
    bench.ring.cancel(accept);
    bench.outcome(accept);
}

pub fn addresses_are_told(bench: &mut Bench) {
    let (listener, address) = bench.listen();
    assert!(address.port().is_some_and(|port| port > 0));
    let accept = bench.submit(Op::Accept(listener));
    let (client, server) = bench.pair_at(accept, &address);
    assert_eq!(bench.ring.peer_address(client), Some(address.clone()));
    assert_eq!(bench.ring.local_address(server), Some(address.clone()));
    assert_eq!(bench.ring.peer_address(server), bench.ring.local_address(client));
    // Two listeners at one address: the second is told.
    let second = bench.ring.listen(&address, &ListenOptions::default());
    assert!(second.is_err(), "{second:?}");
}

/// A receive that waits on the same socket must not take the error that is the connect's.
pub fn a_refused_connect_beside_a_receive_ends(bench: &mut Bench) {
    let nobody = bench.deaf_address();
    let (socket, connect) = bench.start_connect(&nobody);
    let receive = bench.submit(Op::Receive(socket));
    match bench.outcome(connect) {
        Outcome::Connected(Err(ConnectError::Refused)) => {}
        other => panic!("{other:?}"),
    }
    bench.close(socket);
    bench.outcome(receive);
}
