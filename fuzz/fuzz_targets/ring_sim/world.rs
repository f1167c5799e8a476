//! The rings, and all that their user knows of them.

use koi_sys::buf::{Chunk, Class, Pool, PoolConfig};
use koi_sys::net::{How, ListenOptions, SendError, SocketAddress};
use koi_sys::ring::sim::{Faults, Network};
use koi_sys::ring::{Event, Handle, Op, Outcome, Payload, Returned, Ring, Token};
use koi_sys::table::{Key, Table};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// Blocks of each ring's pool: few, so that receives have to wait for them.
const BLOCKS: usize = 3;
/// Turns without an event after which nothing will come any more.
const SILENT_TURNS: usize = 200;

/// One direction of a connection: the port of its client, and whether the client sends.
type Flow = (u16, bool);

/// What the sender of a flow knows.
#[derive(Default)]
struct Sent {
    /// Bytes handed in; the next send goes on from here.
    offered: usize,
    /// Bytes whose sends have succeeded.
    done: usize,
    /// The end of its last send has not been told.
    pending: bool,
    /// A send failed or was cancelled: how much of it went is unknown, so nothing more is sent.
    broken: bool,
}

struct Socket {
    handle: Handle,
    listener: bool,
    /// Known once it is connected.
    sends: Option<Flow>,
    received: usize,
    /// Told of a failure, or deaf by its own will: what it receives from then on says nothing.
    deaf: bool,
    open: bool,
}

/// An operation in flight: the socket, and what it must bring back.
struct Pending {
    socket: usize,
    kind: Kind,
}

enum Kind {
    Accept,
    Connect,
    Receive,
    Send { chunk: (usize, usize), flow: Option<Flow>, end: usize },
    Shutdown,
}

struct Host {
    ring: Ring,
    pool: Pool,
    sockets: Vec<Socket>,
    tokens: Table<Pending>,
    /// Tokens that have been given out, stale ones too.
    known: Vec<Token>,
}

pub struct World {
    network: Network,
    hosts: Vec<Host>,
    /// Payloads come from here.
    store: Pool,
    flows: HashMap<Flow, Sent>,
    listeners: Vec<SocketAddress>,
}

/// The byte of a flow at an offset.
fn byte((port, up): Flow, offset: usize) -> u8 {
    let mixed = offset + offset / 251 + usize::from(port) * 37 + usize::from(up) * 101;
    mixed as u8
}

impl World {
    pub fn new(rings: usize, seed: u64, faults: Faults) -> World {
        let network = Network::new(seed, faults);
        let config =
            |max| PoolConfig { small_max: max, bulk_max: max, small_keep: 4, bulk_keep: 1 };
        let hosts = (0..rings).map(|_| {
            let pool = Pool::new(config(BLOCKS));
            let ring = network.ring(&pool);
            Host { ring, pool, sockets: Vec::new(), tokens: Table::default(), known: Vec::new() }
        });
        let hosts = hosts.collect();
        let (flows, listeners) = (HashMap::new(), Vec::new());
        World { network, hosts, store: Pool::new(config(1 << 16)), flows, listeners }
    }

    pub fn step(&mut self, what: u8, which: usize, amount: usize) {
        let (host, which) = (which % self.hosts.len(), which / self.hosts.len());
        match what % 16 {
            0 => self.listen(host),
            1 => self.start(host, which, Op::Accept, Kind::Accept),
            2 | 3 => self.connect(host, which),
            4 | 5 => self.start(host, which, Op::Receive, Kind::Receive),
            6 | 7 => self.send(host, which, amount, false),
            8 => self.send(host, which, amount, true),
            9 => self.receive_now(host, which),
            10 => self.shutdown(host, which, amount),
            11 => self.close(host, which, amount.is_multiple_of(4)),
            12 => self.cancel(host, which),
            13 => self.odd(host, which, amount),
            14 => {
                let limit = self.network.now() + Duration::from_micros(amount as u64);
                self.network.advance(Some(limit));
            }
            _ => {
                self.turn(host, amount);
            }
        }
    }

    fn pick(&self, host: usize, which: usize) -> Option<usize> {
        let count = self.hosts[host].sockets.len();
        // The youngest are the likeliest to be of use.
        (count > 0).then(|| count - 1 - which % count)
    }

    fn add(&mut self, host: usize, handle: Handle, listener: bool) -> usize {
        let (sends, received, deaf, open) = (None, 0, false, true);
        let sockets = &mut self.hosts[host].sockets;
        assert!(sockets.iter().all(|known| known.handle != handle), "{handle:?} came twice");
        sockets.push(Socket { handle, listener, sends, received, deaf, open });
        sockets.len() - 1
    }

    fn listen(&mut self, host: usize) {
        let any = SocketAddress::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
        let Ok(handle) = self.hosts[host].ring.listen(&any, &ListenOptions::default()) else {
            return;
        };
        self.listeners.extend(self.hosts[host].ring.local_address(handle));
        let socket = self.add(host, handle, true);
        self.submit(host, Op::Accept(handle), Pending { socket, kind: Kind::Accept });
    }

    fn submit(&mut self, host: usize, op: Op, pending: Pending) {
        let host = &mut self.hosts[host];
        let token = Token(host.tokens.insert(pending));
        host.known.push(token);
        host.ring.submit(op, token);
    }

    fn start(&mut self, host: usize, which: usize, op: fn(Handle) -> Op, kind: Kind) {
        if let Some(socket) = self.pick(host, which) {
            let handle = self.hosts[host].sockets[socket].handle;
            self.submit(host, op(handle), Pending { socket, kind });
        }
    }

    fn connect(&mut self, host: usize, which: usize) {
        if self.listeners.is_empty() {
            return;
        }
        let to = self.listeners[which % self.listeners.len()].clone();
        let Ok(handle) = self.hosts[host].ring.stream_socket(&to) else { return };
        let socket = self.add(host, handle, false);
        let pending = Pending { socket, kind: Kind::Connect };
        self.submit(host, Op::Connect(handle, Box::new(to)), pending);
    }

    /// Goes on with the flow of a socket. Where it is not known, or its last send may be under way,
    /// only nothing can be sent: that is refused, or harmless.
    fn send(&mut self, host: usize, which: usize, amount: usize, now: bool) {
        let Some(socket) = self.pick(host, which) else { return };
        let Socket { handle, sends, .. } = self.hosts[host].sockets[socket];
        let flow = sends.filter(|flow| !self.flows.entry(*flow).or_default().pending);
        let Some(mut lease) = self.store.lease(Class::Small) else { return };
        let (mut amount, mut end) = (amount % lease.len(), 0);
        match flow.and_then(|flow| Some((flow, self.flows.get_mut(&flow)?))) {
            Some((_, sent)) if sent.broken => return,
            Some((flow, sent)) => {
                for (i, slot) in lease[..amount].iter_mut().enumerate() {
                    *slot = byte(flow, sent.offered + i);
                }
                (sent.offered, sent.pending) = (sent.offered + amount, true);
                end = sent.offered;
            }
            None => amount = 0,
        }
        let chunk = lease.freeze(amount);
        let kind = Kind::Send { chunk: identity(&chunk), flow, end };
        let pending = Pending { socket, kind };
        if !now {
            return self.submit(host, Op::Send(handle, Payload::One(chunk)), pending);
        }
        let at = identity(&chunk);
        let Host { ring, tokens, known, .. } = &mut self.hosts[host];
        let mut begun = false;
        let done = ring.send_now(handle, Payload::One(chunk), || {
            begun = true;
            let token = Token(tokens.insert(pending));
            known.push(token);
            token
        });
        assert_eq!(done.is_none(), begun, "a result and an operation, or neither");
        if let Some((result, payload)) = done {
            assert_eq!(at, identity(&payload.chunks()[0]), "another payload came back");
            self.sent(flow, end, result);
        }
    }

    /// Notes how a send ended.
    fn sent(&mut self, flow: Option<Flow>, end: usize, result: Result<(), SendError>) {
        let Some(sent) = flow.and_then(|flow| self.flows.get_mut(&flow)) else { return };
        sent.pending = false;
        match result {
            Ok(()) => sent.done = sent.done.max(end),
            Err(_) => sent.broken = true,
        }
    }

    fn receive_now(&mut self, host: usize, which: usize) {
        let Some(socket) = self.pick(host, which) else { return };
        let Host { ring, tokens, known, sockets, .. } = &mut self.hosts[host];
        let mut begun = false;
        let received = ring.receive_now(sockets[socket].handle, || {
            begun = true;
            let token = Token(tokens.insert(Pending { socket, kind: Kind::Receive }));
            known.push(token);
            token
        });
        assert_eq!(received.is_none(), begun, "a result and an operation, or neither");
        if let Some(result) = received {
            self.received(host, socket, result.map_err(drop));
        }
    }

    /// Holds what came against what was sent.
    fn received(&mut self, host: usize, socket: usize, result: Result<Option<Chunk>, ()>) {
        let socket = &mut self.hosts[host].sockets[socket];
        let Some((port, up)) = socket.sends else { return };
        let flow = (port, !up);
        let sent = self.flows.entry(flow).or_default();
        match result {
            Ok(Some(chunk)) => {
                assert!(!chunk.is_empty(), "a chunk of nothing");
                for (i, got) in chunk.iter().enumerate() {
                    assert_eq!(*got, byte(flow, socket.received + i), "another byte than was sent");
                }
                socket.received += chunk.len();
                assert!(socket.received <= sent.offered, "more than was sent");
            }
            Ok(None) if socket.deaf => {}
            Ok(None) => assert!(socket.received >= sent.done, "an orderly end, and bytes missing"),
            Err(()) => socket.deaf = true,
        }
    }

    fn shutdown(&mut self, host: usize, which: usize, amount: usize) {
        let Some(socket) = self.pick(host, which) else { return };
        let how = [How::Write, How::Read, How::Both][amount % 3];
        let Socket { handle, .. } = self.hosts[host].sockets[socket];
        self.hosts[host].sockets[socket].deaf |= how != How::Write;
        self.submit(host, Op::Shutdown(handle, how), Pending { socket, kind: Kind::Shutdown });
    }

    fn close(&mut self, host: usize, which: usize, abort: bool) {
        let Some(socket) = self.pick(host, which) else { return };
        let Host { ring, sockets, .. } = &mut self.hosts[host];
        // Stale handles, too: they are counted and otherwise ignored.
        match abort {
            true => ring.abort(sockets[socket].handle),
            false => ring.close(sockets[socket].handle),
        }
        sockets[socket].open = false;
    }

    fn cancel(&mut self, host: usize, which: usize) {
        let Host { ring, known, .. } = &mut self.hosts[host];
        if !known.is_empty() {
            ring.cancel(known[known.len() - 1 - which % known.len()]);
        }
    }

    fn odd(&mut self, host: usize, which: usize, amount: usize) {
        let socket = self.pick(host, which);
        let Host { ring, sockets, .. } = &mut self.hosts[host];
        match (amount % 3, socket) {
            (0, _) => ring.waker().wake(),
            (1, Some(socket)) if sockets[socket].listener => {
                ring.shed(sockets[socket].handle);
            }
            // A token that was never given out.
            _ => ring.cancel(Token(Key { index: amount as u32, generation: 99 })),
        }
    }

    /// A turn, which moves the clock if this is the only ring; how many events it brought.
    fn turn(&mut self, host: usize, wait_us: usize) -> usize {
        let mut events = Vec::new();
        let ring = &mut self.hosts[host].ring;
        let deadline = ring.now() + Duration::from_micros(wait_us as u64);
        ring.wait(Some(deadline), &mut events).expect("a turn");
        let count = events.len();
        for event in events {
            self.absorb(host, event);
        }
        count
    }

    fn absorb(&mut self, host: usize, event: Event) {
        if event.token == Token::WAKE {
            return assert!(matches!(event.outcome, Outcome::Woken));
        }
        let tokens = &mut self.hosts[host].tokens;
        let Some(pending) = tokens.get(event.token.0) else {
            panic!("no operation in flight has this token: {event:?}");
        };
        let socket = pending.socket;
        if let (Outcome::Accepted(Ok(handle)), Kind::Accept) = (&event.outcome, &pending.kind) {
            assert!(!event.last);
            return self.accepted(host, *handle);
        }
        assert!(event.last, "{event:?}");
        let Some(Pending { kind, .. }) = tokens.remove(event.token.0) else { return };
        match (kind, event.outcome, event.returned) {
            (Kind::Send { chunk, flow, end }, outcome, Returned::Payload(payload)) => {
                assert_eq!(chunk, identity(&payload.chunks()[0]), "another payload came back");
                let result = match outcome {
                    Outcome::Sent(result) => result,
                    Outcome::Refused(_) => Err(SendError::Closed),
                    other => panic!("{other:?}"),
                };
                self.sent(flow, end, result);
            }
            (kind, Outcome::Refused(_), Returned::Nothing) => {
                assert!(!matches!(kind, Kind::Send { .. }));
            }
            (Kind::Accept, Outcome::Accepted(Err(_)), Returned::Nothing)
            | (Kind::Shutdown, Outcome::ShutDown, Returned::Nothing) => {}
            (Kind::Connect, Outcome::Connected(result), Returned::Nothing) => {
                if result.is_ok() {
                    self.connected(host, socket);
                }
            }
            (Kind::Receive, Outcome::Received(result), Returned::Nothing) => {
                use koi_sys::net::ReceiveError::Canceled;
                if !matches!(result, Err(Canceled)) {
                    self.received(host, socket, result.map_err(drop));
                }
            }
            (_, outcome, returned) => panic!("{outcome:?} with {returned:?} does not fit"),
        }
    }

    fn connected(&mut self, host: usize, socket: usize) {
        let Host { ring, sockets, .. } = &mut self.hosts[host];
        let port = ring.local_address(sockets[socket].handle).and_then(|address| address.port());
        sockets[socket].sends = port.map(|port| (port, true));
    }

    fn accepted(&mut self, host: usize, handle: Handle) {
        let socket = self.add(host, handle, false);
        let Host { ring, sockets, .. } = &mut self.hosts[host];
        let port = ring.peer_address(handle).and_then(|address| address.port());
        sockets[socket].sends = port.map(|port| (port, false));
    }

    /// Closes everything; then nothing may be left.
    pub fn end(mut self) {
        let mut silent = 0;
        while silent < SILENT_TURNS {
            for host in 0..self.hosts.len() {
                // A connection may be accepted by a listener that is about to close.
                for socket in 0..self.hosts[host].sockets.len() {
                    if self.hosts[host].sockets[socket].open {
                        let last = self.hosts[host].sockets.len() - 1;
                        self.close(host, last - socket, false);
                    }
                }
                silent = if self.turn(host, 0) > 0 { 0 } else { silent + 1 };
            }
            self.network.advance(None);
        }
        for Host { ring, pool, tokens, .. } in &self.hosts {
            assert_eq!((tokens.len(), ring.in_flight(), ring.descriptors()), (0, 0, 0));
            assert_eq!(pool.stats().leased, [0, 0]);
        }
        assert_eq!((self.network.open_sockets(), self.store.stats().leased), (0, [0, 0]));
    }
}

/// Enough of a chunk to know it again.
fn identity(chunk: &Chunk) -> (usize, usize) {
    (chunk.as_ptr() as usize, chunk.len())
}
