//! Running out of descriptors.

use crate::common::{Bench, received};
use koi_sys::net::{AcceptError, ReceiveError};
use koi_sys::ring::sim::Faults;
use koi_sys::ring::{Handle, Op, Outcome, Token};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::time::Duration;

/// Lets so many more descriptors be opened; `None` lifts the limit. On a real ring that is the
/// limit of the whole process, so this belongs in a process of its own.
fn allow(bench: &Bench, more: Option<usize>) {
    if let Some(network) = &bench.network {
        let sockets_max = more.map_or(0, |more| network.open_sockets() + more);
        return network.set_faults(Faults { sockets_max, ..Faults::default() });
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit");
    let limit = match more {
        None => hard.min(20_000),
        // The limit bounds the numbers, so it is the first one past so many free ones.
        Some(more) => {
            let number = (0..).filter(|number| !is_open(*number)).nth(more).expect("free numbers");
            libc::rlim_t::from(number.unsigned_abs())
        }
    };
    setrlimit(Resource::RLIMIT_NOFILE, limit, hard).expect("a new limit");
}

fn is_open(number: i32) -> bool {
    // SAFETY: asks for flags only; a number that is not open is answered with an error.
    unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
}

/// The accept that runs into the limit: how many it brought before.
fn accept_up_to_the_limit(bench: &mut Bench, listener: Handle) -> Vec<Handle> {
    let accept = bench.submit(Op::Accept(listener));
    match bench.outcome(accept) {
        Outcome::Accepted(Err(AcceptError::DescriptorLimit)) => {}
        other => panic!("{other:?}"),
    }
    std::iter::from_fn(|| bench.accepted(accept)).collect()
}

fn idle_turns(bench: &mut Bench) -> u64 {
    let turns = bench.ring.counters().turns;
    let deadline = bench.ring.now() + Duration::from_millis(200);
    while bench.ring.now() < deadline {
        bench.turn(Some(deadline));
    }
    bench.ring.counters().turns - turns
}

/// How many of these receives have learnt that their connection is gone.
fn gone(bench: &mut Bench, receives: &[Token]) -> usize {
    receives.iter().filter(|receive| bench.has_ended(**receive)).count()
}

/// Accepting stops with an error and without a spin, sheds, and goes on when there is room again.
/// What stands is not disturbed, and who waits in the queue loses nothing.
pub fn descriptors_run_out(bench: &mut Bench) {
    if !bench.is_sim() && !crate::common::child::is_any() {
        // Tests of real back-ends run this in a child: see `descriptors_run_out_for_real`.
        return;
    }
    let (client, server) = bench.pair();
    let waiting = bench.submit(Op::Receive(server));
    let (listener, address) = bench.listen();
    let mut clients = Vec::new();
    for number in 0..12_u8 {
        let client = bench.connect(&address).expect("connected to the queue");
        bench.send(client, &[number; 100]).expect("sent");
        clients.push((client, bench.submit(Op::Receive(client))));
    }
    let receives: Vec<Token> = clients.iter().map(|(_, receive)| *receive).collect();

    allow(bench, Some(4));
    let mut servers = accept_up_to_the_limit(bench, listener);
    assert_eq!(servers.len(), 4);
    let turns = idle_turns(bench);
    assert!(turns < 20, "{turns} turns while nothing could be accepted");
    // Asking again without room is answered again, once for each time.
    assert!(accept_up_to_the_limit(bench, listener).is_empty());

    assert_eq!(gone(bench, &receives), 0);
    assert!(bench.ring.shed(listener), "there were eight to shed");
    bench.until("the shed one learns of it", |bench| gone(bench, &receives) > 0);
    let turns = idle_turns(bench);
    assert!(turns < 20, "{turns} turns while nothing could be accepted");
    assert_eq!(gone(bench, &receives), 1, "exactly one was shed");

    // What stands goes on.
    bench.send(client, b"undisturbed").expect("sent");
    let chunk = received(bench.outcome(waiting)).expect("bytes").expect("no end");
    assert_eq!(&chunk[..], b"undisturbed");
    drop(chunk);
    bench.greet(client, server);

    // One closed, one more accepted.
    let leaving = servers.remove(0);
    let open = bench.ring.descriptors();
    let first = bench.receive_exactly(leaving, 100)[0];
    bench.close(leaving);
    bench.until("it is closed", |bench| bench.ring.descriptors() < open);
    let more = accept_up_to_the_limit(bench, listener);
    assert_eq!(more.len(), 1);
    servers.extend(more);

    allow(bench, None);
    let accept = bench.submit(Op::Accept(listener));
    bench.until("the rest has arrived", |bench| bench.arrived() == 6);
    servers.extend(std::iter::from_fn(|| bench.accepted(accept)));
    assert!(!bench.ring.shed(listener), "nobody is left");
    assert_eq!(servers.len(), 10);
    // Each with what it had sent: all but the one that left and the one that was shed.
    let mut numbers: Vec<u8> = servers
        .iter()
        .map(|server| {
            let bytes = bench.receive_exactly(*server, 100);
            assert!(bytes.iter().all(|byte| *byte == bytes[0]));
            bytes[0]
        })
        .collect();
    numbers.push(first);
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 11, "{numbers:?}");
    let lost = (0..12).find(|number| !numbers.contains(number)).expect("the shed one");
    let outcome = received(bench.outcome(receives[lost as usize]));
    assert!(matches!(outcome, Ok(None) | Err(ReceiveError::Reset)), "{outcome:?}");
}
