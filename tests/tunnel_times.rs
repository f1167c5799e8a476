//! What becomes of a tunnel whose sides are silent, on a virtual clock. The expected ends are what
//! HAProxy 3.0 does with the same peers.

mod common;

use common::peer::{chunk, store};
use common::{address, any_port, each_ring, run, simulated, worker};
use koi::exchange::transport::Transport;
use koi::exchange::tunnel::{Early, End, Limits, Passed, Side, between};
use koi::rules::ending::Cause;
use koi::worker::future::join;
use koi::worker::{Class, How, ListenOptions, Local, Stream, Time};
use koi_sys::ring::sim::{Faults, Network};
use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A client, a server, and the tunnel between them.
struct Ends {
    local: Local,
    client: Stream,
    server: Stream,
    began: Time,
    passed: Rc<Cell<Option<(Passed, Time)>>>,
}

impl Ends {
    /// How the tunnel ended, and after how many milliseconds.
    async fn end(&self) -> (Passed, u128) {
        loop {
            if let Some((passed, at)) = self.passed.take() {
                return (passed, at.since(self.began).as_millis());
            }
            self.local.sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Two ends of a connection.
async fn pair(local: &Local, at: &str) -> (Stream, Stream) {
    let at = address(at);
    let mut listener = local.listen(&at, &ListenOptions::default()).expect("a listener");
    let (one, other) = join(pin!(local.connect(&at)), pin!(listener.accept())).await;
    (one.expect("a connection"), other.expect("a connection"))
}

fn with(limits: Limits, early: &'static [u8], case: impl AsyncFnOnce(Ends) + 'static) {
    let worker = simulated(&Network::new(1, Faults::default()));
    run(worker, async move |local: Local| {
        let (client, front) = pair(&local, "10.0.0.1:80").await;
        let (back, server) = pair(&local, "10.0.0.2:80").await;
        let (front, back) = (Transport::Plain(front), Transport::Plain(back));
        let passed = Rc::<Cell<_>>::default();
        let (told, here) = (passed.clone(), local.clone());
        let early = Early { client: here.pool().copy_from(early), server: None };
        local.spawn(async move {
            let passed = between(&here, &front, &back, early, limits).await;
            told.set(Some((passed, here.now())));
        });
        let began = local.now();
        case(Ends { local, client, server, began, passed }).await;
    });
}

fn limits(client_s: u32, server_s: u32) -> Limits {
    let limit = |seconds: u32| (seconds > 0).then_some(SECOND * seconds);
    let (client, server) = (limit(client_s), limit(server_s));
    Limits { client, client_fin: client, server, server_fin: server }
}

/// Until the end, then how many milliseconds the tunnel is old.
async fn silence(ends: &Ends, of: &Stream) -> u128 {
    while let Ok(Some(_)) = of.receive().await {}
    ends.local.now().since(ends.began).as_millis()
}

async fn say(stream: &Stream, bytes: &[u8]) {
    stream.send(chunk(&store(), bytes)).await.expect("sent");
}

#[test]
fn a_silent_client_is_taken_for_one_that_ended() {
    with(limits(3, 5), b"", async |ends| {
        // The server is told, and then has its own time.
        assert_eq!(silence(&ends, &ends.server).await, 3_000);
        ends.local.sleep(SECOND).await;
        say(&ends.server, b"goodbye").await;
        ends.server.shutdown(How::Write).await;
        let (passed, after) = ends.end().await;
        assert_eq!((passed.cause(), after), (Cause::ClientTimeout, 4_000));
        assert_eq!((passed.down.bytes, passed.down.end), (7, End::Finished));
    });
}

#[test]
fn both_are_silent() {
    with(limits(3, 3), b"", async |ends| {
        let (passed, after) = ends.end().await;
        assert_eq!((passed.cause(), after), (Cause::ClientTimeout, 3_000));
    });
    with(limits(5, 3), b"", async |ends| {
        let (passed, after) = ends.end().await;
        assert_eq!((passed.expired, after), (Some(Side::Server), 5_000));
    });
    with(limits(0, 3), b"", async |ends| {
        ends.client.shutdown(How::Write).await;
        let (passed, after) = ends.end().await;
        assert_eq!((passed.cause(), after), (Cause::ServerTimeout, 3_000));
    });
}

#[test]
fn what_passes_one_way_keeps_both() {
    with(limits(2, 3), b"", async |ends| {
        for _ in 0..10 {
            ends.local.sleep(SECOND).await;
            say(&ends.server, b"tick").await;
        }
        assert_eq!(ends.passed.get(), None);
        let (passed, after) = ends.end().await;
        // Ten seconds, then two of the client's, then one that the server has left.
        assert_eq!((passed.expired, after), (Some(Side::Client), 13_000));
        assert_eq!(passed.down.bytes, 40);
    });
}

#[test]
fn behind_an_end_other_limits_hold() {
    let limits = Limits { client_fin: Some(SECOND), ..limits(9, 9) };
    with(limits, b"", async |ends| {
        ends.local.sleep(SECOND).await;
        ends.server.shutdown(How::Write).await;
        let (passed, after) = ends.end().await;
        // An end is no sign of life: the second has passed.
        assert_eq!((passed.cause(), after), (Cause::ClientTimeout, 1_000));
        assert_eq!(passed.down.end, End::Finished);
    });
}

#[test]
fn a_side_that_takes_nothing_is_left() {
    with(limits(3, 0), b"", async |ends| {
        let bulk = vec![0; Class::Bulk.bytes()];
        let flood = async {
            while ends.server.send(chunk(&store(), &bulk)).await.is_ok() {}
            ends.local.now().since(ends.began).as_millis()
        };
        // What the client says meanwhile does not help it.
        let chatter = async {
            for _ in 0..5 {
                ends.local.sleep(SECOND).await;
                let _ = ends.client.send(chunk(&store(), b"still here")).await;
            }
        };
        let (ended, ()) = join(pin!(flood), pin!(chatter)).await;
        assert!((3_000..3_100).contains(&ended), "{ended}");
        assert_eq!(ends.end().await.0.cause(), Cause::ClientTimeout);
    });
}

#[test]
fn what_came_early_goes_first() {
    with(limits(0, 0), b"early ", async |ends| {
        say(&ends.client, b"late").await;
        ends.client.shutdown(How::Write).await;
        let mut heard = Vec::new();
        while let Ok(Some(bytes)) = ends.server.receive().await {
            heard.extend_from_slice(&bytes);
        }
        assert_eq!(heard, b"early late");
        ends.server.shutdown(How::Write).await;
        let (passed, _) = ends.end().await;
        assert_eq!((passed.cause(), passed.up.bytes), (Cause::Normal, 10));
    });
}

#[test]
fn who_resets_is_named() {
    for (server, cause) in [(false, Cause::Client), (true, Cause::Server)] {
        with(limits(9, 9), b"", async move |ends| {
            if server { &ends.server } else { &ends.client }.abort();
            assert_eq!(ends.end().await.0.cause(), cause);
        });
    }
}

/// What is under way at once may be much for a slow link: who takes some of it, however little, lives.
#[test]
fn a_side_that_takes_a_little_at_a_time_is_not_left() {
    with(limits(3, 3), b"", async |ends| {
        let body = vec![0; Class::Bulk.bytes()];
        let flood = async {
            for _ in 0..4 {
                ends.server.send(chunk(&store(), &body)).await.expect("sent");
            }
            ends.server.shutdown(How::Write).await;
        };
        let sips = async {
            let mut taken = 0;
            while let Ok(Some(bytes)) = ends.client.receive().await {
                taken += bytes.len();
                ends.local.sleep(SECOND * 2).await;
            }
            ends.client.shutdown(How::Write).await;
            taken
        };
        let ((), taken) = join(pin!(flood), pin!(sips)).await;
        assert_eq!(taken, 4 * body.len());
        assert_eq!(ends.end().await.0.down.end, End::Finished);
    });
}

/// On every ring, so in real time: a message that was sent at once is no reason to wait for longer.
#[test]
fn a_few_bytes_do_not_double_the_time() {
    each_ring(|kind| {
        run(worker(kind), async |local: Local| {
            let mut listener =
                local.listen(&any_port(), &ListenOptions::default()).expect("a listener");
            let at = listener.local_address().expect("an address");
            let mut ends = Vec::new();
            for _ in 0..2 {
                let (one, other) = join(pin!(local.connect(&at)), pin!(listener.accept())).await;
                ends.push((one.expect("a connection"), other.expect("a connection")));
            }
            let ((back, server), (client, front)) =
                (ends.pop().expect("two"), ends.pop().expect("two"));
            let (front, back) = (Transport::Plain(front), Transport::Plain(back));
            say(&client, b"hello").await;
            say(&server, b"hello").await;
            let began = local.now();
            let passed = between(&local, &front, &back, Early::default(), limits(2, 2)).await;
            let after = local.now().since(began);
            assert!((SECOND * 2..SECOND * 7 / 2).contains(&after), "{after:?}");
            assert_eq!((passed.cause(), passed.up.bytes), (Cause::ClientTimeout, 5));
        });
    });
}
