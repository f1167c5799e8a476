//! What the tests of the ring stand on: one ring of any back-end, the tokens in flight, and a pump.
//!
//! Every event passes through [`Bench::absorb`], which holds it to the contract: its token is in
//! flight, its outcome is one of the operation's, it brings back what the operation was given, and
//! it is final exactly once.
//!
//! No test waits for the clock. Waiting is always for a condition; the limits below only turn a
//! hang into a failure, and are far beyond what a stalled machine needs.

#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod child;
pub mod pattern;

use koi_sys::buf::{BULK_BYTES, Chunk, Class, Pool, PoolConfig, SMALL_BYTES};
use koi_sys::clock::Time;
use koi_sys::guard::raise_descriptor_limit;
use koi_sys::net::{self, Family};
use koi_sys::net::{ConnectError, How, ListenOptions, ReceiveError, SendError, SocketAddress};
use koi_sys::ring::sim::{Faults, Network};
use koi_sys::ring::{
    Choice, Event, Handle, Kind, Op, Outcome, Payload, Refused, Returned, Ring, Token,
};
use koi_sys::table::Table;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Once;
use std::time::{Duration, Instant};

/// Silence after which a real ring counts as hung.
const HANG: Duration = Duration::from_secs(40);
/// Turns without an event after which a ring counts as hung (simulated) or as spinning (real).
const SILENT_TURNS: [u32; 2] = [2_000, 2_000_000];
/// Descriptors that the largest tests need, with room for those that run beside them.
const DESCRIPTORS: u64 = 20_000;

/// What was submitted, as far as its events are concerned.
#[derive(Debug)]
enum Pending {
    Accept,
    Connect,
    Receive,
    Send(Identity),
    Fill,
    Drain,
    Shutdown,
}

/// Enough of a payload to know it again: its chunks, its bytes, and where the first begins.
#[derive(Debug, PartialEq, Eq)]
struct Identity(usize, usize, Option<*const u8>);

impl Identity {
    fn of(chunks: &[Chunk]) -> Identity {
        let bytes = chunks.iter().map(|chunk| chunk.len()).sum();
        Identity(chunks.len(), bytes, chunks.first().map(|chunk| chunk.as_ptr()))
    }
}

impl Pending {
    fn of(op: &Op) -> Pending {
        match op {
            Op::Accept(_) => Pending::Accept,
            Op::Connect(..) => Pending::Connect,
            Op::Receive(_) => Pending::Receive,
            Op::Send(_, payload) => Pending::Send(Identity::of(payload.chunks())),
            Op::SendTo(_, to) => Pending::Send(Identity::of(std::slice::from_ref(&to.1))),
            Op::Fill(..) => Pending::Fill,
            Op::Drain(..) => Pending::Drain,
            Op::Shutdown(..) => Pending::Shutdown,
        }
    }

    /// Whether an event can belong to the operation, and brings back what it was given.
    fn fits(&self, event: &Event) -> bool {
        use Outcome as O;
        let outcome = matches!(event.outcome, O::Refused(_) if event.last)
            || match self {
                Pending::Accept => {
                    matches!(&event.outcome, O::Accepted(result) if result.is_err() == event.last)
                }
                Pending::Connect => matches!(event.outcome, O::Connected(_)),
                Pending::Receive => matches!(event.outcome, O::Received(_)),
                Pending::Send(_) => matches!(event.outcome, O::Sent(_)),
                Pending::Fill => matches!(event.outcome, O::Filled(_)),
                Pending::Drain => matches!(event.outcome, O::Drained(_)),
                Pending::Shutdown => matches!(event.outcome, O::ShutDown),
            };
        let returned = match (self, &event.returned) {
            (Pending::Send(given), Returned::Payload(payload)) => {
                *given == Identity::of(payload.chunks())
            }
            (Pending::Fill | Pending::Drain, Returned::Pipe(_)) => true,
            (Pending::Send(_) | Pending::Fill | Pending::Drain, _) => false,
            (_, returned) => matches!(returned, Returned::Nothing),
        };
        outcome && returned && (event.last || matches!(self, Pending::Accept))
    }
}

/// A ring under test and what its user knows.
pub struct Bench {
    pub kind: Kind,
    pub ring: Ring,
    /// The ring's buffers.
    pub pool: Pool,
    /// The test's own, for payloads.
    pub store: Pool,
    /// The simulated network, for its faults.
    pub network: Option<Network>,
    /// Wakes seen.
    pub woken: u64,
    tokens: Table<Pending>,
    finals: HashMap<Token, Event>,
    accepted: VecDeque<(Token, Handle)>,
    open: BTreeSet<Handle>,
    door: Option<(Token, SocketAddress)>,
    forgiven: u64,
    bound: Vec<OwnedFd>,
    events: Vec<Event>,
}

/// The back-ends of this machine that the environment wants: what `KOI_RING` names, or all.
pub fn wanted(kind: Kind) -> bool {
    let choice = Choice::from_environment().expect("KOI_RING names a ring");
    kind == Kind::Sim || choice == Choice::Auto || choice == Choice::Forced(kind)
}

/// Says something although the test harness captures what passing tests print.
pub fn say(words: &str) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

fn open(kind: Kind, pool: &Pool) -> Option<(Ring, Option<Network>)> {
    if !wanted(kind) {
        return None;
    }
    if kind == Kind::Sim {
        let network = Network::new(1, Faults::default());
        return Some((network.ring(pool), Some(network)));
    }
    match Ring::open(Choice::Forced(kind), pool) {
        Ok(ring) => Some((ring, None)),
        Err(why) if Choice::from_environment() == Ok(Choice::Auto) => {
            static SAID: Once = Once::new();
            SAID.call_once(|| say(&format!("*** SKIPPED: all tests on {kind}: {why} ***")));
            None
        }
        Err(why) => panic!("KOI_RING forces {kind}: {why}"),
    }
}

/// Runs a behaviour on a back-end, if this machine has it.
pub fn run(kind: Kind, behaviour: fn(&mut Bench)) {
    if let Some(mut bench) = Bench::open(kind) {
        behaviour(&mut bench);
        bench.end();
    }
}

impl Bench {
    /// A bench with a pool of the usual size.
    pub fn open(kind: Kind) -> Option<Bench> {
        Bench::open_with(kind, PoolConfig::default())
    }

    /// A bench on a given simulated network.
    pub fn simulated(network: &Network) -> Bench {
        let pool = Pool::new(PoolConfig::default());
        Bench::on(network.ring(&pool), Some(network.clone()), pool)
    }

    fn open_with(kind: Kind, config: PoolConfig) -> Option<Bench> {
        raise_descriptor_limit(DESCRIPTORS).expect("the limit on descriptors");
        let pool = Pool::new(config);
        let (ring, network) = open(kind, &pool)?;
        Some(Bench::on(ring, network, pool))
    }

    fn on(ring: Ring, network: Option<Network>, pool: Pool) -> Bench {
        let many =
            PoolConfig { small_max: 1 << 16, bulk_max: 1 << 12, small_keep: 64, bulk_keep: 8 };
        Bench {
            kind: ring.caps().kind,
            ring,
            pool,
            store: Pool::new(many),
            network,
            woken: 0,
            tokens: Table::default(),
            finals: HashMap::new(),
            accepted: VecDeque::new(),
            open: BTreeSet::new(),
            door: None,
            forgiven: 0,
            bound: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Ends this ring as [`Bench::end`] does and goes on with a fresh one and another pool.
    pub fn reopen(&mut self, config: PoolConfig) {
        let fresh = Bench::open_with(self.kind, config).expect("it could be opened before");
        std::mem::replace(self, fresh).end();
    }

    /// Drops the ring as it is, with all that is in flight, and says what its pools look like.
    pub fn drop_ring(&mut self) -> [Pool; 2] {
        let fresh = Bench::open(self.kind).expect("it could be opened before");
        let old = std::mem::replace(self, fresh);
        [old.pool.clone(), old.store.clone()]
    }

    pub fn is_sim(&self) -> bool {
        self.kind == Kind::Sim
    }

    /// Closes everything and checks that nothing is left of it.
    pub fn end(mut self) {
        for handle in std::mem::take(&mut self.open) {
            self.ring.close(handle);
        }
        self.until("everything is closed", |bench| {
            bench.ring.descriptors() == 0 && bench.ring.in_flight() == 0 && bench.tokens.is_empty()
        });
        let counters = *self.ring.counters();
        assert_eq!(counters.unexpected, self.forgiven, "an errno that no enum names: {counters:?}");
        if let Some(network) = &self.network {
            assert_eq!(network.open_sockets(), 0);
        }
        let Bench { ring, pool, store, finals, events, .. } = self;
        drop((finals, events));
        let held = ring.blocks_held();
        let leased = pool.stats().leased;
        assert_eq!(leased[0] + leased[1], held, "blocks leased besides the kernel's");
        drop(ring);
        assert_eq!((pool.stats().leased, store.stats().leased), ([0, 0], [0, 0]));
    }

    /// Says that so many errors outside all enums were meant.
    pub fn forgive(&mut self, count: u64) {
        self.forgiven += count;
    }

    // Turning

    /// One turn; the number of events it brought.
    pub fn turn(&mut self, deadline: Option<Time>) -> usize {
        let mut events = std::mem::take(&mut self.events);
        self.ring.wait(deadline, &mut events).expect("a wait that works");
        let count = events.len();
        for event in events.drain(..) {
            self.absorb(event);
        }
        self.events = events;
        count
    }

    /// A few turns that do not wait: something else gets its chance to happen, or not.
    pub fn glance(&mut self, turns: usize) {
        for _ in 0..turns {
            self.turn(Some(Time::default()));
        }
    }

    fn absorb(&mut self, event: Event) {
        if event.token == Token::WAKE {
            assert!(matches!(event.outcome, Outcome::Woken), "{event:?}");
            self.woken += 1;
            return;
        }
        let Some(pending) = self.tokens.get(event.token.0) else {
            panic!("an event whose token is not in flight: {event:?}");
        };
        assert!(pending.fits(&event), "{event:?} does not fit {pending:?}");
        if let Outcome::Accepted(Ok(handle)) = event.outcome {
            assert!(self.open.insert(handle), "{handle:?} was accepted twice");
            self.accepted.push_back((event.token, handle));
            return;
        }
        self.tokens.remove(event.token.0);
        self.finals.insert(event.token, event);
    }

    /// Turns until the condition holds.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Bench) -> bool) {
        let (mut heard, mut silent) = (Instant::now(), 0);
        while !holds(self) {
            // Short, because a condition may come true in a turn that then waits.
            let deadline = self.ring.now() + Duration::from_millis(100);
            if self.turn(Some(deadline)) > 0 {
                (heard, silent) = (Instant::now(), 0);
                continue;
            }
            silent += 1;
            let hung = if self.is_sim() { false } else { heard.elapsed() > HANG };
            if hung || silent > SILENT_TURNS[usize::from(!self.is_sim())] {
                panic!(
                    "{}: nothing happens any more ({silent} turns, {:?}), waiting until {what}: {} \
                     in flight, {} known; {:?}; {:?}",
                    self.kind,
                    heard.elapsed(),
                    self.ring.in_flight(),
                    self.tokens.len(),
                    self.ring.counters(),
                    self.pool,
                );
            }
        }
    }

    /// Operations submitted whose final event has not come.
    pub fn pending(&self) -> usize {
        self.tokens.len()
    }

    // Operations

    /// Hands in an operation under a token of its own.
    pub fn submit(&mut self, op: Op) -> Token {
        let token = Token(self.tokens.insert(Pending::of(&op)));
        self.ring.submit(op, token);
        token
    }

    /// Receives without an operation, or starts one.
    pub fn receive_now(
        &mut self,
        handle: Handle,
    ) -> Result<Result<Option<Chunk>, ReceiveError>, Token> {
        let (tokens, mut token) = (&mut self.tokens, None);
        let now =
            self.ring.receive_now(handle, || *token.insert(Token(tokens.insert(Pending::Receive))));
        now.ok_or_else(|| token.expect("neither a result nor an operation"))
    }

    /// Sends without an operation, or starts one.
    pub fn send_now(
        &mut self,
        handle: Handle,
        payload: Payload,
    ) -> Result<Result<(), SendError>, Token> {
        let identity = Identity::of(payload.chunks());
        let again = Identity::of(payload.chunks());
        let (tokens, mut token) = (&mut self.tokens, None);
        let now = self.ring.send_now(handle, payload, || {
            *token.insert(Token(tokens.insert(Pending::Send(identity))))
        });
        match now {
            Some((result, payload)) => {
                assert!(token.is_none(), "a result and an operation");
                assert_eq!(again, Identity::of(payload.chunks()), "another payload came back");
                Ok(result)
            }
            None => Err(token.expect("neither a result nor an operation")),
        }
    }

    /// Whether the final event has come.
    pub fn has_ended(&self, token: Token) -> bool {
        self.finals.contains_key(&token)
    }

    /// The final event, if it has come.
    pub fn take(&mut self, token: Token) -> Option<Event> {
        self.finals.remove(&token)
    }

    /// Waits for the final event.
    pub fn finish(&mut self, token: Token) -> Event {
        self.until("an operation ends", |bench| bench.has_ended(token));
        self.take(token).expect("it has ended")
    }

    /// Waits for the final event and drops what it brings back.
    pub fn outcome(&mut self, token: Token) -> Outcome {
        self.finish(token).outcome
    }

    /// Submits something that must be refused, for this reason.
    pub fn refused(&mut self, op: Op) -> Refused {
        let token = self.submit(op);
        match self.outcome(token) {
            Outcome::Refused(why) => why,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub fn listen(&mut self) -> (Handle, SocketAddress) {
        self.listen_with(&ListenOptions::default())
    }

    pub fn listen_with(&mut self, options: &ListenOptions) -> (Handle, SocketAddress) {
        self.listen_at(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into_address(), options)
    }

    pub fn listen_at(
        &mut self,
        at: &SocketAddress,
        options: &ListenOptions,
    ) -> (Handle, SocketAddress) {
        let listener = self.ring.listen(at, options).expect("a listener");
        self.open.insert(listener);
        let address = self.ring.local_address(listener).expect("a listener has an address");
        (listener, address)
    }

    /// An address at which nobody listens, as long as the bench stands.
    pub fn deaf_address(&mut self) -> SocketAddress {
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into_address();
        if self.is_sim() {
            return any.with_port(9);
        }
        // Bound and not listening: nobody else gets the port.
        let socket = net::stream_socket(Family::V4).expect("a socket");
        net::bind(socket.as_fd(), &any).expect("bound");
        let address = net::local_address(socket.as_fd()).expect("an address");
        self.bound.push(socket);
        address
    }

    pub fn socket(&mut self, to: &SocketAddress) -> Handle {
        let socket = self.ring.stream_socket(to).expect("a socket");
        self.open.insert(socket);
        socket
    }

    /// Takes note of a handle made by the test itself.
    pub fn know(&mut self, handle: Handle) -> Handle {
        self.open.insert(handle);
        handle
    }

    /// Starts to connect a new socket.
    pub fn start_connect(&mut self, to: &SocketAddress) -> (Handle, Token) {
        let socket = self.socket(to);
        let token = self.submit(Op::Connect(socket, Box::new(to.clone())));
        (socket, token)
    }

    /// Connects a new socket, or not.
    pub fn connect(&mut self, to: &SocketAddress) -> Result<Handle, ConnectError> {
        let (socket, token) = self.start_connect(to);
        match self.outcome(token) {
            Outcome::Connected(result) => result.map(|()| socket),
            other => panic!("{other:?}"),
        }
    }

    /// The next connection of an accept that has arrived already.
    pub fn accepted(&mut self, accept: Token) -> Option<Handle> {
        let at = self.accepted.iter().position(|(token, _)| *token == accept)?;
        self.accepted.remove(at).map(|(_, handle)| handle)
    }

    /// The next connection of an accept.
    pub fn accept(&mut self, accept: Token) -> Handle {
        self.until("a connection arrives", |bench| {
            bench.accepted.iter().any(|(token, _)| *token == accept)
        });
        self.accepted(accept).expect("one has arrived")
    }

    /// How many connections have arrived and were not taken.
    pub fn arrived(&self) -> usize {
        self.accepted.len()
    }

    /// A connection: the end that connected and the one that was accepted.
    pub fn pair(&mut self) -> (Handle, Handle) {
        let (accept, address) = match self.door.clone() {
            Some(door) => door,
            None => {
                let (listener, address) = self.listen();
                let accept = self.submit(Op::Accept(listener));
                self.door.insert((accept, address)).clone()
            }
        };
        self.pair_at(accept, &address)
    }

    /// The same through a listener of the test's own.
    pub fn pair_at(&mut self, accept: Token, address: &SocketAddress) -> (Handle, Handle) {
        let client = self.connect(address).expect("a connection");
        (client, self.accept(accept))
    }

    pub fn close(&mut self, handle: Handle) {
        assert!(self.open.remove(&handle), "{handle:?} is not open");
        self.ring.close(handle);
    }

    pub fn abort(&mut self, handle: Handle) {
        assert!(self.open.remove(&handle), "{handle:?} is not open");
        self.ring.abort(handle);
    }

    pub fn shutdown(&mut self, handle: Handle, how: How) {
        let token = self.submit(Op::Shutdown(handle, how));
        assert!(matches!(self.outcome(token), Outcome::ShutDown));
    }

    pub fn receive(&mut self, handle: Handle) -> Result<Option<Chunk>, ReceiveError> {
        let token = self.submit(Op::Receive(handle));
        received(self.outcome(token))
    }

    pub fn start_send(&mut self, handle: Handle, bytes: &[u8]) -> Token {
        let chunk = self.chunk(bytes);
        self.submit(Op::Send(handle, Payload::One(chunk)))
    }

    pub fn send(&mut self, handle: Handle, bytes: &[u8]) -> Result<(), SendError> {
        let token = self.start_send(handle, bytes);
        sent(self.outcome(token))
    }

    /// Receives until so many bytes are there.
    pub fn receive_exactly(&mut self, handle: Handle, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let chunk = self.receive(handle).expect("bytes").expect("no end yet");
            bytes.extend_from_slice(&chunk);
        }
        assert_eq!(bytes.len(), count, "more bytes than were sent");
        bytes
    }

    /// Receives until the end of the stream.
    pub fn receive_to_end(&mut self, handle: Handle) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.receive(handle).expect("bytes or the end") {
            assert!(!chunk.is_empty(), "a chunk of nothing");
            bytes.extend_from_slice(&chunk);
        }
        bytes
    }

    /// A byte there and back: both directions of a connection work.
    pub fn greet(&mut self, one: Handle, other: Handle) {
        for (from, to) in [(one, other), (other, one)] {
            self.send(from, b"!").expect("sent");
            assert_eq!(self.receive_exactly(to, 1), b"!");
        }
    }

    // Bytes

    pub fn chunk(&mut self, bytes: &[u8]) -> Chunk {
        self.store.copy_from(bytes).expect("it fits in a bulk block")
    }

    /// The bytes of the pattern at an offset, in chunks of these sizes.
    pub fn pattern(&mut self, offset: usize, sizes: impl IntoIterator<Item = usize>) -> Payload {
        let mut at = offset;
        let chunks = sizes.into_iter().map(|size| {
            let class = if size <= SMALL_BYTES { Class::Small } else { Class::Bulk };
            assert!(size <= BULK_BYTES);
            let mut lease = self.store.lease(class).expect("the store is large");
            lease[..size].copy_from_slice(pattern::at(at, size));
            at += size;
            lease.freeze(size)
        });
        Payload::from(chunks.collect::<Vec<_>>())
    }
}

pub fn received(outcome: Outcome) -> Result<Option<Chunk>, ReceiveError> {
    match outcome {
        Outcome::Received(result) => result,
        other => panic!("{other:?}"),
    }
}

pub fn sent(outcome: Outcome) -> Result<(), SendError> {
    match outcome {
        Outcome::Sent(result) => result,
        other => panic!("{other:?}"),
    }
}

/// A shorter way to write addresses.
pub trait IntoAddress {
    fn into_address(self) -> SocketAddress;
}

impl IntoAddress for SocketAddrV4 {
    fn into_address(self) -> SocketAddress {
        SocketAddress::V4(self)
    }
}
