//! The tunnel in a simulated network: the cases of `tests/tunnel.rs`, with a seed for each run, and
//! with short reads and writes, calls that block for no reason, delays, and resets at any send.
//!
//! `KOI_SEED` runs one seed only, `KOI_SEEDS` so many.

mod common;

use common::peer::{Ends, LocalRelay, hear, say, store, talk};
use common::random::{Random, assert_same, seeds};
use common::{address, run, simulated};
use koi::exchange::tunnel::{Direction, End};
use koi::worker::future::join;
use koi::worker::{How, Local, ReceiveError};
use koi_sys::ring::sim::{Faults, Network};
use std::pin::pin;
use std::time::Duration;

/// Blocks that one tunnel may hold at a time (see `tests/tunnel.rs`).
const BLOCKS_PER_TUNNEL: usize = 4;

/// A network on which each kind of trouble happens or does not, as the seed has it.
fn network(seed: u64, resets: bool) -> Network {
    let mut random = Random(seed);
    let mut rate = |often: usize| if random.once_in(2) { random.below(often) as u16 } else { 0 };
    let faults = Faults {
        short_reads: rate(600),
        short_writes: rate(600),
        spurious_blocks: rate(400),
        resets: if resets { 1 + rate(40) } else { 0 },
        delay_max: Duration::from_micros(u64::from(rate(1000)) * 100),
        ..Faults::default()
    };
    println!("seed {seed}: {faults:?}");
    Network::new(seed, faults)
}

/// Runs a case for every seed; all connections have ended after it, and nothing is left.
fn each_seed(resets: bool, case: impl AsyncFnOnce(LocalRelay, Random) + Clone + 'static) {
    for seed in seeds(40) {
        let network = network(seed, resets);
        let case = case.clone();
        run(simulated(&network), async move |local: Local| {
            let relay = relay(&local);
            case(relay, Random(seed)).await;
        });
        assert_eq!(network.open_sockets(), 0);
    }
}

fn relay(local: &Local) -> LocalRelay {
    LocalRelay::start(local, &address("10.0.0.1:80"), &address("10.0.0.2:80"), false)
}

fn finished(up: usize, down: usize) -> Ends {
    let direction = |bytes: usize| Direction { bytes: bytes as u64, end: End::Finished };
    (direction(up), direction(down))
}

#[test]
fn bytes_pass_unchanged_both_ways_at_once() {
    each_seed(false, async |mut relay, mut random| {
        let store = store();
        for _ in 0..3 {
            let (client, server) = relay.connect().await;
            let up = random.length(1 << 20);
            let down = random.length(1 << 20);
            let (up, down) = (random.bytes(up), random.bytes(down));
            let (mut one, mut other) = (Random(random.next()), Random(random.next()));
            let ((up_sent, (down_got, down_end)), (down_sent, (up_got, up_end))) = join(
                pin!(talk(&client, &store, &up, &mut one)),
                pin!(talk(&server, &store, &down, &mut other)),
            )
            .await;
            assert_eq!((up_sent, down_sent, up_end, down_end), (Ok(()), Ok(()), Ok(()), Ok(())));
            assert_same(&up_got, &up);
            assert_same(&down_got, &down);
            assert_eq!(relay.ends().await, finished(up.len(), down.len()));
        }
        assert_eq!(relay.local.pool().stats().copied_bytes, 0);
    });
}

/// A relay that was told to splice copies where the ring cannot.
#[test]
fn a_ring_that_cannot_splice_copies() {
    let worker = simulated(&Network::new(1, Faults::default()));
    run(worker, async |local: Local| {
        let (at, server) = (address("10.0.0.1:80"), address("10.0.0.2:80"));
        let mut relay = LocalRelay::start(&local, &at, &server, true);
        let (store, mut random, bytes) = (store(), Random(1), Random(2).bytes(1 << 20));
        let (client, server) = relay.connect().await;
        let (said, (heard, end)) =
            join(pin!(say(&client, &store, &bytes, &mut random)), pin!(hear(&server))).await;
        assert_eq!((said, end), (Ok(()), Ok(())));
        assert_same(&heard, &bytes);
        server.shutdown(How::Write).await;
        assert_eq!(relay.ends().await, finished(bytes.len(), 0));
    });
}

#[test]
fn one_direction_ends_and_the_other_goes_on() {
    each_seed(false, async |mut relay, mut random| {
        let store = store();
        for client_first in [true, false] {
            let (client, server) = relay.connect().await;
            let (first, last) = if client_first { (client, server) } else { (server, client) };
            say(&first, &store, b"a question", &mut random).await.expect("sent");
            assert_eq!(hear(&last).await, (b"a question".to_vec(), Ok(())));
            let answer = random.bytes(200_000);
            let (said, (heard, end)) =
                join(pin!(say(&last, &store, &answer, &mut random)), pin!(hear(&first))).await;
            assert_eq!((said, end), (Ok(()), Ok(())));
            assert_same(&heard, &answer);
            let (asked, answered) = (b"a question".len(), answer.len());
            let expected =
                if client_first { finished(asked, answered) } else { finished(answered, asked) };
            assert_eq!(relay.ends().await, expected);
        }
    });
}

#[test]
fn a_reset_from_either_side_reaches_the_other() {
    each_seed(false, async |mut relay, mut random| {
        let store = store();
        for client_resets in [true, false] {
            let (client, server) = relay.connect().await;
            let (bad, good) = if client_resets { (client, server) } else { (server, client) };
            let bytes = random.length(200_000);
            let bytes = random.bytes(bytes);
            // What is sent just before may arrive or be lost with it, but not be taken for all.
            let _ = relay
                .local
                .timeout(
                    Duration::from_millis(random.below(200) as u64),
                    common::peer::send_all(&bad, &store, &bytes, &mut random),
                )
                .await;
            bad.abort();
            drop(bad);
            let (heard, end) = hear(&good).await;
            assert_eq!(end, Err(ReceiveError::Reset));
            assert_same(&heard, &bytes[..heard.len()]);
            drop(good);
            let (up, down) = relay.ends().await;
            let failed = if client_resets { up } else { down };
            assert_ne!(failed.end, End::Finished, "{up:?} {down:?}");
        }
    });
}

/// Whatever is reset and whenever: each side got a beginning of what the other said, and whoever
/// was told of an orderly end got all of it.
#[test]
fn half_of_something_is_never_taken_for_all_of_it() {
    each_seed(true, async |mut relay, mut random| {
        let store = store();
        for _ in 0..4 {
            let (client, server) = relay.connect().await;
            let (up, down) = (random.length(1 << 19), random.length(1 << 19));
            let (up, down) = (random.bytes(up), random.bytes(down));
            let (mut one, mut other) = (Random(random.next()), Random(random.next()));
            let ((_, (down_got, down_end)), (_, (up_got, up_end))) = join(
                pin!(talk(&client, &store, &up, &mut one)),
                pin!(talk(&server, &store, &down, &mut other)),
            )
            .await;
            drop((client, server));
            for (got, end, sent) in [(up_got, up_end, &up), (down_got, down_end, &down)] {
                assert!(got.len() <= sent.len(), "more bytes than were sent");
                assert_same(&got, &sent[..got.len()]);
                assert!(end.is_err() || got.len() == sent.len(), "half taken for all");
            }
            relay.ends().await;
        }
    });
}

#[test]
fn a_reader_that_stalls_holds_back_the_writer() {
    each_seed(false, async |mut relay, mut random| {
        let store = store();
        let (client, server) = relay.connect().await;
        let bytes = random.bytes(600_000);
        let stall = async {
            relay.local.sleep(Duration::from_secs(30)).await;
            assert!(relay.local.leftovers().blocks <= BLOCKS_PER_TUNNEL);
            hear(&server).await
        };
        let (said, (heard, end)) =
            join(pin!(say(&client, &store, &bytes, &mut random)), pin!(stall)).await;
        assert_eq!((said, end), (Ok(()), Ok(())));
        assert_same(&heard, &bytes);
        server.shutdown(How::Write).await;
        assert_eq!(relay.ends().await, finished(bytes.len(), 0));
        // What both peers may hold at a time counts, too: they are on the same worker.
        let most = relay.local.pool().stats().leased_max;
        assert!(most.iter().sum::<usize>() <= BLOCKS_PER_TUNNEL + 2, "{most:?}");
    });
}
