//! The tunnel on real sockets: what a client and a server see of a relay between them.
//!
//! Client and server are the standard library's blocking sockets on threads of their own, so both
//! ends of every case are independent of what is tested.

mod common;

use common::random::{Random, assert_same};
use common::relay::{Ends, Relay};
use common::{each_ring, rings};
use koi::exchange::tunnel::{Direction, End};
use koi::worker::Kind;
use koi_sys::net::{set_linger_zero, set_receive_buffer};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// Blocks that one tunnel may hold at a time: in each direction what it read last and what its last
/// send has not handed over yet.
const BLOCKS_PER_TUNNEL: usize = 4;

/// What it may hold for a moment where receives are multishot: the kernel goes on into the buffers
/// it has (256 small ones, filled up once meanwhile) until it has heard that it shall stop.
const BLOCKS_FOR_A_MOMENT: usize = 512;

/// Runs a case on every ring, copying and splicing.
fn each_relay(case: impl Fn(&Relay)) {
    each_ring(|kind| {
        for splice in [false, true] {
            println!("  splice {splice}");
            let relay = Relay::start(kind, splice);
            case(&relay);
            relay.end();
        }
    });
}

/// Sends in pieces of random sizes, then says that no more comes.
fn send_all(mut to: &TcpStream, bytes: &[u8], mut random: Random) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(1 + random.length(rest.len() - 1));
        to.write_all(piece).expect("sent");
        rest = after;
    }
    to.shutdown(Shutdown::Write).expect("shut down");
}

fn receive_all(mut from: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("received");
    bytes
}

/// Both ends send everything at once, and get everything.
fn talk(client: &TcpStream, server: &TcpStream, up: &[u8], down: &[u8], random: &mut Random) {
    let dice = (Random(random.next()), Random(random.next()));
    thread::scope(|scope| {
        scope.spawn(|| send_all(client, up, dice.0));
        scope.spawn(|| send_all(server, down, dice.1));
        scope.spawn(|| assert_same(&receive_all(client), down));
        assert_same(&receive_all(server), up);
    });
}

fn finished(up: usize, down: usize) -> Ends {
    let direction = |bytes: usize| Direction { bytes: bytes as u64, end: End::Finished };
    (direction(up), direction(down))
}

#[test]
fn bytes_pass_unchanged_both_ways_at_once() {
    each_relay(|relay| {
        let mut random = Random(common::random::seed(1));
        let mut sizes = vec![(0, 0), (0, 1), (1, 0), (16 * 1024 + 512, 128 * 1024), (8 * MIB, 0)];
        sizes.resize_with(10, || (random.length(8 * MIB), random.length(8 * MIB)));
        sizes.push((8 * MIB, 8 * MIB));
        for (up, down) in sizes {
            let (client, server) = relay.connect();
            let (up, down) = (random.bytes(up), random.bytes(down));
            talk(&client, &server, &up, &down, &mut random);
            assert_eq!(relay.ends(), finished(up.len(), down.len()));
        }
    });
}

#[test]
fn connections_do_not_mix() {
    each_relay(|relay| {
        let connections: Vec<_> = (0..8).map(|_| relay.connect()).collect();
        thread::scope(|scope| {
            for (number, (client, server)) in connections.iter().enumerate() {
                scope.spawn(move || {
                    let mut random = Random(number as u64);
                    let up = random.bytes(MIB / 2 + number);
                    let down = random.bytes(MIB / 4 + number);
                    talk(client, server, &up, &down, &mut random);
                });
            }
        });
        connections.iter().for_each(|_| {
            let (up, down) = relay.ends();
            assert_eq!((up.end, down.end), (End::Finished, End::Finished));
        });
    });
}

#[test]
fn one_direction_ends_and_the_other_goes_on() {
    each_relay(|relay| {
        for client_first in [true, false] {
            let (client, server) = relay.connect();
            let (first, last) = if client_first { (&client, &server) } else { (&server, &client) };
            send_all(first, b"a question", Random(1));
            assert_same(&receive_all(last), b"a question");
            // The end of the question has come through. What comes after it, comes back whole.
            let answer = Random(2).bytes(2 * MIB);
            thread::scope(|scope| {
                scope.spawn(|| send_all(last, &answer, Random(3)));
                assert_same(&receive_all(first), &answer);
            });
            let (asked, answered) = (b"a question".len(), answer.len());
            assert_eq!(
                relay.ends(),
                if client_first { finished(asked, answered) } else { finished(answered, asked) }
            );
        }
    });
}

/// Whether the peer's end was made known as a reset; an orderly end is `false`.
fn is_reset(mut stream: &TcpStream) -> bool {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return true,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("neither an end nor a reset: {error}"),
        }
    }
}

/// Sends for ever; true if a reset ended that.
fn send_until_it_fails(mut stream: &TcpStream) -> bool {
    loop {
        if let Err(error) = stream.write_all(&[7; 65536]) {
            return error.kind() == ErrorKind::ConnectionReset;
        }
    }
}

#[test]
fn a_reset_from_either_side_reaches_the_other() {
    each_relay(|relay| {
        for (client_resets, busy) in [(true, false), (false, false), (true, true), (false, true)] {
            let (client, server) = relay.connect();
            let (bad, good) = if client_resets { (client, server) } else { (server, client) };
            (&bad).write_all(b"hello").expect("sent");
            let mut hello = [0; 5];
            (&good).read_exact(&mut hello).expect("received");
            let learnt = thread::scope(|scope| {
                let sender = busy.then(|| {
                    let sender = scope.spawn(|| send_until_it_fails(&good));
                    (&bad).read_exact(&mut [0; 1000]).expect("received");
                    sender
                });
                set_linger_zero(bad.as_fd()).expect("an option");
                drop(bad);
                // The kernel says it once, to whichever asks first.
                let received = is_reset(&good);
                let sent = sender.is_some_and(|sender| sender.join().expect("no panic"));
                received || sent
            });
            assert!(learnt, "a broken connection looks like an orderly end");
            let (up, down) = relay.ends();
            let failed = if client_resets { up } else { down };
            assert_ne!(failed.end, End::Finished, "{up:?} {down:?}");
        }
    });
}

/// Sends until the other side takes no more for a moment; how many bytes went.
fn fill_up(mut to: &TcpStream, bytes: &[u8]) -> usize {
    to.set_write_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let mut sent = 0;
    while sent < bytes.len() {
        match to.write(&bytes[sent..]) {
            Ok(n) => sent += n,
            // A moment that came too early because the machine stalled only weakens the test.
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
    }
    to.set_write_timeout(Some(common::HANG)).expect("a timeout");
    sent
}

#[test]
fn a_reader_that_stalls_holds_back_the_writer() {
    let bytes = Random(1).bytes(128 * MIB);
    each_relay(|relay| {
        set_receive_buffer(relay.server.as_fd(), 64 * 1024).expect("an option");
        let idle = relay.ask(|local| local.pool().stats().leased_max);
        let (client, server) = relay.connect();
        let sent = fill_up(&client, &bytes);
        assert!(sent < bytes.len(), "all of it went although nobody read");
        let held = relay.ask(|local| local.leftovers().blocks);
        assert!(held <= BLOCKS_PER_TUNNEL, "a stalled tunnel holds {held} blocks");
        // Nothing was lost meanwhile.
        thread::scope(|scope| {
            scope.spawn(|| send_all(&client, &bytes[sent..sent + MIB], Random(2)));
            assert_same(&receive_all(&server), &bytes[..sent + MIB]);
        });
        drop((client, server));
        assert_eq!(relay.ends(), finished(sent + MIB, 0));
        let (kind, stats) = relay.ask(|local| (local.caps().kind, local.pool().stats()));
        let bound = if kind == Kind::Uring { BLOCKS_FOR_A_MOMENT } else { BLOCKS_PER_TUNNEL };
        for (class, most) in stats.leased_max.into_iter().enumerate() {
            let more = most - idle[class];
            assert!(more <= bound, "{more} blocks more than idle: {stats:?}");
        }
    });
}

#[test]
fn bodies_are_never_copied_in_user_space() {
    each_relay(|relay| {
        let (client, server) = relay.connect();
        let (mut random, up) = (Random(1), Random(2).bytes(64 * MIB));
        let down = random.bytes(MIB);
        talk(&client, &server, &up, &down, &mut random);
        assert_eq!(relay.ends(), finished(up.len(), down.len()));
        let stats = relay.ask(|local| local.pool().stats());
        assert_eq!(stats.copied_bytes, 0, "{stats:?}");
    });
}

#[test]
fn a_machine_has_at_least_one_ring() {
    let rings = rings();
    assert!(!rings.is_empty());
    assert!(!rings.contains(&Kind::Sim), "the simulation has tests of its own");
}
