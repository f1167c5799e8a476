//! Many connections through a relay that do everything wrong that peers can do, by dice.
//!
//! Clients, relay and servers are tasks of one worker. A connection's first byte says what the
//! server will do with it, so a client knows what to expect: whoever is told of an orderly end has
//! got everything.

use super::peer::{chunk, hear, say, send_all, store};
use super::random::{Random, assert_same};
use koi::exchange::tunnel::tunnel;
use koi::worker::future::join;
use koi::worker::{How, ListenOptions, Local, Pool, SocketAddress, Stream, Time};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

/// What a server does.
const SERVERS: [Server; 6] = [
    Server::Echoes,
    Server::Stalls,
    Server::Answers,
    Server::Hurries,
    Server::Resets,
    Server::Goes,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    /// Sends back what it gets.
    Echoes,
    /// The same, after a while.
    Stalls,
    /// Answers when the question has ended.
    Answers,
    /// Answers and says that no more comes; only then reads the question.
    Hurries,
    Resets,
    /// Closes with bytes unread.
    Goes,
}

/// What a run is like.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub clients: usize,
    pub relays: Vec<SocketAddress>,
    pub servers: Vec<SocketAddress>,
    /// The longest that a client says at a time.
    pub bytes_max: usize,
    /// The longest that a client rests between two connections.
    pub rest: Duration,
    pub until: Time,
    /// Whether the network itself may fail a connection.
    pub lossy: bool,
}

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub connections: u64,
    pub unconnected: u64,
    pub given_up: u64,
    pub whole: u64,
    pub failed: u64,
    pub resets: u64,
    pub cancels: u64,
    pub bytes: u64,
}

struct Soak {
    plan: Plan,
    store: Pool,
    answer: Vec<u8>,
    tally: Cell<Tally>,
    addresses: RefCell<Vec<SocketAddress>>,
}

impl Soak {
    fn count(&self, change: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally.get();
        change(&mut tally);
        self.tally.set(tally);
    }
}

/// Runs it until the plan's end, and until every connection has ended.
pub async fn soak(local: &Local, plan: Plan) -> Tally {
    let before = local.leftovers();
    let answer = Random(plan.seed).bytes(plan.bytes_max);
    let soak = Rc::new(Soak {
        store: store(),
        answer,
        tally: Cell::default(),
        addresses: RefCell::default(),
        plan,
    });
    for (number, (relay, server)) in soak.plan.relays.iter().zip(&soak.plan.servers).enumerate() {
        let server = start_server(local, server, &soak);
        let relay = start_relay(local, relay, server, number % 2 == 0);
        soak.addresses.borrow_mut().push(relay);
    }
    for number in 0..soak.plan.clients {
        let random = Random(soak.plan.seed ^ (number as u64) << 32);
        local.spawn(client(local.clone(), soak.clone(), random));
    }
    let listeners = 2 * soak.plan.relays.len();
    while local.leftovers().tasks > before.tasks + listeners {
        local.sleep(Duration::from_millis(10)).await;
    }
    soak.tally.get()
}

fn start_relay(
    local: &Local,
    at: &SocketAddress,
    to: SocketAddress,
    splice: bool,
) -> SocketAddress {
    let listener = local.listen(at, &ListenOptions::default()).expect("a relay");
    let address = listener.local_address().expect("an address");
    let to = Rc::new(to);
    local.spawn(listener.serve(move |local, client| {
        let to = to.clone();
        async move {
            match local.connect(&to).await {
                Ok(server) => drop(tunnel(&client, &server, splice).await),
                Err(_) => client.abort(),
            }
        }
    }));
    address
}

fn start_server(local: &Local, at: &SocketAddress, soak: &Rc<Soak>) -> SocketAddress {
    let listener = local.listen(at, &ListenOptions::default()).expect("a server");
    let address = listener.local_address().expect("an address");
    let (soak, mut dice) = (soak.clone(), Random(soak.plan.seed.wrapping_add(1)));
    local.spawn(listener.serve(move |local, stream| {
        let (soak, random) = (soak.clone(), Random(dice.next()));
        async move { serve(&local, &stream, &soak, random).await }
    }));
    address
}

async fn serve(local: &Local, stream: &Stream, soak: &Soak, mut random: Random) {
    let Ok(Some(first)) = stream.receive().await else { return };
    match SERVERS[first[0] as usize % SERVERS.len()] {
        server @ (Server::Echoes | Server::Stalls) => {
            let mut next = Some(first);
            while let Some(chunk) = next {
                if server == Server::Stalls && random.once_in(4) {
                    local.sleep(Duration::from_millis(random.below(50) as u64)).await;
                }
                if stream.send(chunk).await.is_err() {
                    return;
                }
                next = stream.receive().await.unwrap_or(None);
            }
            stream.shutdown(How::Write).await;
        }
        Server::Answers => {
            drop(first);
            if hear(stream).await.1.is_ok() {
                let _ = say(stream, &soak.store, &soak.answer, &mut random).await;
            }
        }
        Server::Hurries => {
            drop(first);
            let _ = say(stream, &soak.store, &soak.answer, &mut random).await;
            let _ = hear(stream).await;
        }
        Server::Resets => {
            local.sleep(Duration::from_millis(random.below(5) as u64)).await;
            stream.abort();
        }
        Server::Goes => {}
    }
}

async fn client(local: Local, soak: Rc<Soak>, mut random: Random) {
    while local.now() < soak.plan.until {
        let address = {
            let addresses = soak.addresses.borrow();
            addresses[random.below(addresses.len())].clone()
        };
        let patience = match random.once_in(20) {
            true => Duration::from_micros(random.below(2000) as u64),
            false => super::HANG,
        };
        match local.timeout(patience, local.connect(&address)).await {
            Ok(Ok(stream)) => {
                soak.count(|tally| tally.connections += 1);
                visit(&local, &stream, &soak, &mut random).await;
            }
            Ok(Err(_)) => {
                soak.count(|tally| tally.unconnected += 1);
                local.sleep(Duration::from_millis(10)).await;
            }
            Err(_) => soak.count(|tally| tally.given_up += 1),
        }
        if random.once_in(3) {
            let rest = random.below(soak.plan.rest.as_millis() as usize) as u64;
            local.sleep(Duration::from_millis(rest)).await;
        }
    }
}

/// One connection of a client.
async fn visit(local: &Local, stream: &Stream, soak: &Soak, random: &mut Random) {
    let server = SERVERS[random.below(SERVERS.len())];
    let length = random.length(soak.plan.bytes_max - 1);
    let mut question = random.bytes(1 + length);
    question[0] = SERVERS.iter().position(|known| *known == server).unwrap_or(0) as u8;
    let moment = Duration::from_millis(random.below(10) as u64);
    match random.below(8) {
        0 => {
            let _ = local.timeout(moment, send_all(stream, &soak.store, &question, random)).await;
            stream.abort();
            soak.count(|tally| tally.resets += 1);
        }
        1 => {
            let talk = talk(local, stream, soak, &question, Duration::ZERO, random);
            let _ = local.timeout(moment, talk).await;
            soak.count(|tally| tally.cancels += 1);
        }
        2 => {
            // A request that is cancelled, and the connection used all the same.
            drop(stream.start_receive());
            drop(local.timeout(moment, stream.receive()).await);
            let _ = stream.send(chunk(&soak.store, &question[..1])).await;
        }
        habit => {
            let stall = if habit == 3 { moment * 10 } else { Duration::ZERO };
            let (heard, whole) = talk(local, stream, soak, &question, stall, random).await;
            check(soak, server, &question, &heard, whole);
        }
    }
}

/// Says the question and hears the answer, which it begins to read after a while.
async fn talk(
    local: &Local,
    stream: &Stream,
    soak: &Soak,
    question: &[u8],
    stall: Duration,
    random: &mut Random,
) -> (Vec<u8>, bool) {
    let hear = async {
        local.sleep(stall).await;
        hear(stream).await
    };
    let (_, (heard, end)) =
        join(pin!(say(stream, &soak.store, question, random)), pin!(hear)).await;
    (heard, end.is_ok())
}

/// Whoever was told of an orderly end has got everything, and nobody anything else.
fn check(soak: &Soak, server: Server, question: &[u8], heard: &[u8], whole: bool) {
    let expected = match server {
        Server::Echoes | Server::Stalls => question,
        Server::Answers | Server::Hurries => &soak.answer,
        Server::Resets | Server::Goes => &[],
    };
    assert!(heard.len() <= expected.len(), "{server:?}: more bytes than were sent");
    assert_same(heard, &expected[..heard.len()]);
    // Shed for want of descriptors: an orderly end of nothing.
    let shed = soak.plan.lossy && heard.is_empty();
    assert!(!whole || shed || heard.len() == expected.len(), "{server:?}: half taken for all");
    let told = matches!(server, Server::Resets | Server::Goes);
    assert!(whole || told || soak.plan.lossy, "{server:?}: failed for no reason");
    soak.count(|tally| {
        tally.bytes += heard.len() as u64;
        if whole { tally.whole += 1 } else { tally.failed += 1 }
    });
}
