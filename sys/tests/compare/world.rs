//! A script carried out on one ring, and what came of it.
//!
//! Outcomes are compared between rings, so what kernels may decide differently by timing, by the
//! size of their buffers or by how far a ring reads ahead is written as `*`. What that is follows
//! from the script alone (see [`Direction`]), never from what happened, or a fault could hide
//! behind it:
//!
//! - A send that was cancelled, or cut off by a close or an abort of either end, before a `Quiet`
//!   with its reader reading: how much of it went depends on buffers. Its bytes must still be a
//!   beginning of it, in their place.
//! - How the stream ends for one whose peer closed with bytes unread, or closed before bytes that
//!   were sent to it: a kernel answers those by a reset, a ring that had read them ahead by the end.
//! - The same for a peer that shut and then aborted: the end or the reset, whichever is read first.

use super::script::{At, Script, Side, Step};
use crate::common::{Bench, received, sent};
use koi_sys::net::{ConnectError, How, ReceiveError, SendError, SocketAddress};
use koi_sys::ring::{Handle, Op, Outcome, Payload, Refused, Token};
use std::collections::VecDeque;

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    End,
    Reset,
}

enum Item {
    /// The number of the send in its direction.
    Send(usize),
    Shutdown,
}

/// One send and its fate.
struct Sent {
    size: usize,
    chunks: usize,
    result: Option<Result<(), SendError>>,
    arrived: usize,
    /// Its fate is for the kernel to decide.
    open: bool,
}

/// One end of a connection.
#[derive(Default)]
struct End {
    handle: Option<Handle>,
    /// The handle, once it is closed.
    stale: Option<Handle>,
    reading: bool,
    receive: Option<Token>,
    /// The receive in flight has been cancelled.
    canceled: bool,
    queue: VecDeque<Item>,
    current: Option<(Token, Item)>,
    ended: Option<Ended>,
}

/// What is known of the bytes from one end to the other.
#[derive(Default)]
struct Direction {
    sends: Vec<Sent>,
    /// The sends from here on may be under way, as far as the script can tell.
    settled: usize,
    /// A send was cancelled: how many bytes are under way is unknown from then on.
    murky: bool,
    shut: bool,
    closed: bool,
    aborted: bool,
    /// The script knows that the reader has seen how it ended.
    end_seen: bool,
    /// How it ends for the reader is for the kernel to decide.
    end_open: bool,
}

impl Direction {
    fn is_under_way(&self) -> bool {
        self.murky || self.settled < self.sends.len()
    }

    /// The fate of everything under way is the kernel's from here on.
    fn leave_open(&mut self) {
        let settled = self.settled;
        self.sends[settled..].iter_mut().for_each(|send| send.open = true);
    }
}

/// By side: the end, and the direction from it to the other.
struct Conn {
    ends: [End; 2],
    from: [Direction; 2],
}

pub struct World {
    bench: Bench,
    address: SocketAddress,
    nowhere: SocketAddress,
    listener: Handle,
    accept: Token,
    /// `None` where the connection did not come about (under faults).
    conns: Vec<Option<Conn>>,
    strays: usize,
    log: Vec<String>,
}

/// The byte that a send consists of: its number, told apart from its neighbours'.
fn label(number: usize) -> u8 {
    number as u8
}

impl Conn {
    fn scan(&mut self, bench: &mut Bench) {
        for side in [Side::Client, Side::Server] {
            self.scan_receive(bench, side);
            self.scan_send(bench, side);
        }
    }

    fn scan_receive(&mut self, bench: &mut Bench, side: Side) {
        let end = &mut self.ends[side.index()];
        if let Some(event) = end.receive.and_then(|receive| bench.take(receive)) {
            (end.receive, end.canceled) = (None, false);
            match received(event.outcome) {
                Ok(Some(chunk)) => self.from[side.other().index()].arrive(&chunk),
                Ok(None) => end.ended = Some(Ended::End),
                Err(ReceiveError::Reset) => end.ended = Some(Ended::Reset),
                Err(ReceiveError::Canceled) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        if let Some(handle) = end.handle
            && end.reading
            && end.receive.is_none()
            && end.ended.is_none()
        {
            end.receive = Some(bench.submit(Op::Receive(handle)));
        }
    }

    fn scan_send(&mut self, bench: &mut Bench, side: Side) {
        let (end, direction) = (&mut self.ends[side.index()], &mut self.from[side.index()]);
        if let Some((token, item)) = end.current.take() {
            match bench.take(token) {
                None => end.current = Some((token, item)),
                Some(event) => match item {
                    Item::Send(number) => {
                        direction.sends[number].result = Some(sent(event.outcome));
                    }
                    Item::Shutdown => assert!(matches!(event.outcome, Outcome::ShutDown)),
                },
            }
        }
        if let Some(handle) = end.handle
            && end.current.is_none()
            && let Some(item) = end.queue.pop_front()
        {
            let op = match item {
                Item::Shutdown => Op::Shutdown(handle, How::Write),
                Item::Send(number) => {
                    let Sent { size, chunks, .. } = direction.sends[number];
                    Op::Send(handle, payload(bench, number, size, chunks))
                }
            };
            end.current = Some((bench.submit(op), item));
        }
    }

    /// Whether what must happen has happened.
    fn is_quiet(&self) -> bool {
        [Side::Client, Side::Server].into_iter().all(|side| {
            let (end, other) = (&self.ends[side.index()], &self.ends[side.other().index()]);
            let direction = &self.from[side.index()];
            let reader_gone = other.handle.is_none();
            let reads = !reader_gone && other.reading;
            let idle = end.current.is_none() && end.queue.is_empty();
            // A send waits only for a reader that is there and does not read.
            let sent = end.handle.is_none() || idle || (!reader_gone && !reads);
            let receiving = !end.reading
                || end.handle.is_none()
                || end.ended.is_some()
                || end.receive.is_some() && !end.canceled;
            let ending = direction.closed || direction.aborted || (direction.shut && idle);
            let arrived = !reads
                || other.ended.is_some()
                || (!ending && direction.sends.iter().all(Sent::has_arrived));
            sent && arrived && receiving
        })
    }

    /// After a `Quiet`: what the script can be sure of.
    fn settle(&mut self) {
        for side in [Side::Client, Side::Server] {
            let reader = &self.ends[side.other().index()];
            let direction = &mut self.from[side.index()];
            if reader.handle.is_some() && reader.reading {
                direction.settled = direction.sends.len();
                direction.end_seen |= direction.shut || direction.closed || direction.aborted;
            }
        }
    }

    fn close(&mut self, bench: &mut Bench, side: Side, abort: bool) {
        let end = &mut self.ends[side.index()];
        let Some(handle) = end.handle.take() else { return };
        end.stale = Some(handle);
        if abort {
            bench.abort(handle)
        } else {
            bench.close(handle)
        }
        end.queue.clear();
        let [from, to] = match side {
            Side::Client => {
                let [client, server] = &mut self.from;
                [client, server]
            }
            Side::Server => {
                let [client, server] = &mut self.from;
                [server, client]
            }
        };
        if !from.end_seen {
            let unread = to.is_under_way();
            from.end_open |= if abort { from.shut || to.closed } else { unread };
        }
        if !to.end_seen {
            // Whether this end had seen it when it was closed.
            to.end_open |= to.shut || to.closed || to.aborted;
        }
        from.leave_open();
        to.leave_open();
        (from.closed, from.aborted) = (from.closed | !abort, from.aborted | abort);
    }

    /// What each direction came to, with `*` where kernels may differ.
    fn outcome(&self) -> String {
        let words = [Side::Client, Side::Server].map(|side| {
            let direction = &self.from[side.index()];
            let sends: Vec<String> = direction.sends.iter().map(Sent::to_string).collect();
            let ended = match self.ends[side.other().index()].ended {
                _ if direction.end_open => "*".to_owned(),
                ended => format!("{ended:?}"),
            };
            format!("{side:?}: {} | {ended}", sends.join(" "))
        });
        words.join("; ")
    }

    /// What holds whatever happened.
    fn check(&self) {
        for side in [Side::Client, Side::Server] {
            let direction = &self.from[side.index()];
            let last = direction.sends.iter().rposition(|send| send.arrived > 0);
            for (number, send) in direction.sends.iter().enumerate() {
                assert!(send.arrived <= send.size, "more of {number} than was sent");
                let whole = send.arrived == send.size;
                let overtaken = last.is_some_and(|last| last > number);
                assert!(!overtaken || whole || send.result != Some(Ok(())), "a gap in {number}");
                let ended = self.ends[side.other().index()].ended == Some(Ended::End);
                let cut = direction.closed || direction.aborted;
                assert!(
                    !ended || whole || send.result != Some(Ok(())) || cut && send.open,
                    "{number} is not there, but the stream has ended well: {}",
                    self.outcome()
                );
            }
        }
    }
}

impl Direction {
    fn arrive(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let run = rest.iter().take_while(|b| **b == byte).count();
            let last = self.sends.iter().rposition(|send| send.arrived > 0).unwrap_or(0);
            let at = (last..self.sends.len()).find(|number| {
                label(*number) == byte && self.sends[*number].arrived < self.sends[*number].size
            });
            let at = at.unwrap_or_else(|| panic!("{run} bytes {byte}, which nobody sent here"));
            self.sends[at].arrived += run;
            assert!(self.sends[at].arrived <= self.sends[at].size, "more bytes than were sent");
            rest = &rest[run..];
        }
    }
}

impl Sent {
    /// Or failed, or was cancelled.
    fn has_arrived(&self) -> bool {
        self.arrived == self.size || !matches!(self.result, Some(Ok(())))
    }
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.open {
            true => write!(f, "{}=*", self.size),
            false => write!(f, "{}={:?},{}", self.size, self.result, self.arrived),
        }
    }
}

fn payload(bench: &mut Bench, number: usize, size: usize, chunks: usize) -> Payload {
    // A chunk holds at most a bulk block.
    let chunks = chunks.max(size.div_ceil(100_000)).max(1);
    let mut chunks: Vec<_> = (0..chunks)
        .map(|i| (size * i / chunks, size * (i + 1) / chunks))
        .map(|(start, end)| bench.chunk(&vec![label(number); end - start]))
        .collect();
    match chunks.len() {
        1 => Payload::from(chunks.remove(0)),
        _ => Payload::from(chunks),
    }
}

impl World {
    pub fn new(mut bench: Bench) -> World {
        let (listener, address) = bench.listen();
        let accept = bench.submit(Op::Accept(listener));
        let nowhere = bench.deaf_address();
        let (conns, log) = (Vec::new(), Vec::new());
        World { bench, address, nowhere, listener, accept, conns, strays: 0, log }
    }

    pub fn run(&mut self, script: &Script) {
        for step in &script.0 {
            self.step(step);
            self.scan();
        }
    }

    fn scan(&mut self) {
        for conn in self.conns.iter_mut().flatten() {
            conn.scan(&mut self.bench);
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Connect => self.connect(),
            Step::ConnectNowhere => {
                let result = self.bench.connect(&self.nowhere);
                assert_eq!(result, Err(ConnectError::Refused));
            }
            Step::ConnectAndCancel(turns) => self.connect_and_cancel(turns),
            Step::AcceptAgain => {
                self.bench.ring.cancel(self.accept);
                self.bench.outcome(self.accept);
                self.take_strays();
                self.accept = self.bench.submit(Op::Accept(self.listener));
            }
            Step::Glance(turns) => {
                for _ in 0..turns {
                    self.bench.glance(1);
                    self.scan();
                }
            }
            Step::Quiet => self.quiet(),
            Step::Send(at, ..)
            | Step::Shutdown(at)
            | Step::Read(at, _)
            | Step::CancelSend(at)
            | Step::Close(at)
            | Step::Abort(at)
            | Step::Stale(at)
            | Step::Busy(at) => self.step_at(at, step),
        }
    }

    fn step_at(&mut self, (conn, side): At, step: &Step) {
        let bench = &mut self.bench;
        let Some(conn) = self.conns.get_mut(conn).and_then(Option::as_mut) else { return };
        let reader_gone = conn.ends[side.other().index()].handle.is_none();
        let end = &mut conn.ends[side.index()];
        let direction = &mut conn.from[side.index()];
        match *step {
            Step::Send(_, size, chunks) => {
                end.queue.push_back(Item::Send(direction.sends.len()));
                let (result, arrived) = (None, 0);
                direction.sends.push(Sent { size, chunks, result, arrived, open: reader_gone });
                if reader_gone {
                    // Answered by a reset, sooner or later than the end is read.
                    let back = &mut conn.from[side.other().index()];
                    back.end_open |= !back.end_seen;
                }
            }
            Step::Shutdown(_) => {
                end.queue.push_back(Item::Shutdown);
                direction.shut = true;
            }
            Step::Read(_, on) => {
                end.reading = on;
                if let (false, Some(receive)) = (on, end.receive) {
                    bench.ring.cancel(receive);
                    end.canceled = true;
                }
            }
            Step::CancelSend(_) => {
                direction.leave_open();
                direction.murky |= direction.is_under_way();
                if let Some((token, Item::Send(_))) = end.current {
                    bench.ring.cancel(token);
                }
            }
            Step::Close(_) => conn.close(bench, side, false),
            Step::Abort(_) => conn.close(bench, side, true),
            Step::Stale(_) => {
                if let Some(stale) = end.stale {
                    assert_eq!(bench.refused(Op::Receive(stale)), Refused::Closed);
                    assert_eq!(bench.refused(Op::Shutdown(stale, How::Both)), Refused::Closed);
                }
            }
            Step::Busy(_) => {
                if let Some(handle) = end.handle
                    && end.ended.is_none()
                {
                    let refused = bench.refused(Op::Receive(handle));
                    self.log.push(format!("{side:?}: {refused:?}"));
                }
            }
            _ => {}
        }
    }

    fn connect(&mut self) {
        let aborted = self.bench.ring.counters().accepts_aborted;
        let conn = match self.bench.connect(&self.address) {
            Err(ConnectError::Refused) => None,
            Err(error) => panic!("{error:?}"),
            Ok(client) => self.wait_for_server(client, aborted).map(|server| {
                let end = |handle| End { handle: Some(handle), ..End::default() };
                Conn { ends: [end(client), end(server)], from: Default::default() }
            }),
        };
        self.log.push(format!("connected: {}", conn.is_some()));
        self.conns.push(conn);
    }

    /// The other end of a client, unless the accept says that somebody gave up (under faults).
    fn wait_for_server(&mut self, client: Handle, aborted: u64) -> Option<Handle> {
        let address = self.bench.ring.local_address(client);
        let mut server = None;
        let (accept, strays) = (self.accept, &mut self.strays);
        self.bench.until("the client is accepted", |bench| {
            while let Some(handle) = bench.accepted(accept) {
                if bench.ring.peer_address(handle) == address {
                    server = Some(handle);
                } else {
                    *strays += 1;
                    bench.abort(handle);
                }
            }
            server.is_some() || bench.ring.counters().accepts_aborted > aborted
        });
        server
    }

    /// Connections whose client was cancelled.
    fn take_strays(&mut self) {
        while let Some(handle) = self.bench.accepted(self.accept) {
            self.strays += 1;
            self.bench.abort(handle);
        }
    }

    fn connect_and_cancel(&mut self, turns: usize) {
        let (socket, connect) = self.bench.start_connect(&self.address);
        self.bench.glance(turns);
        self.bench.ring.cancel(connect);
        match self.bench.outcome(connect) {
            Outcome::Connected(Ok(()) | Err(ConnectError::Canceled | ConnectError::Refused)) => {}
            other => panic!("{other:?}"),
        }
        self.bench.abort(socket);
    }

    fn quiet(&mut self) {
        let conns = &mut self.conns;
        self.bench.until("everything is quiet", |bench| {
            conns.iter_mut().flatten().for_each(|conn| conn.scan(bench));
            conns.iter().flatten().all(Conn::is_quiet)
        });
        conns.iter_mut().flatten().for_each(Conn::settle);
    }

    /// Lets everybody read to the end: what was sent arrives; then one side closes or aborts, and
    /// the other hears of it.
    pub fn finish(&mut self) {
        self.read_all();
        self.quiet();
        for second in [false, true] {
            for (number, conn) in self.conns.iter_mut().enumerate() {
                let Some(conn) = conn else { continue };
                let first = [Side::Client, Side::Server][number % 2];
                let side = if second { first.other() } else { first };
                conn.close(&mut self.bench, side, number % 4 >= 2);
            }
            self.quiet();
        }
    }

    fn read_all(&mut self) {
        for conn in self.conns.iter_mut().flatten() {
            conn.ends.iter_mut().for_each(|end| end.reading = true);
        }
    }

    /// What came of it, in a form that does not depend on the ring.
    pub fn outcomes(&self) -> Vec<String> {
        let mut outcomes = self.log.clone();
        for conn in self.conns.iter().flatten() {
            conn.check();
            outcomes.push(conn.outcome());
        }
        outcomes
    }

    /// Everything that happened, with nothing left open: for runs that must be the same.
    pub fn history(&self) -> Vec<String> {
        let mut history = vec![format!("{:?} {}", self.bench.ring.counters(), self.strays)];
        for conn in self.conns.iter().flatten() {
            for (from, end) in conn.from.iter().zip(&conn.ends) {
                let sends = from.sends.iter().map(|send| (send.result, send.arrived));
                history.push(format!("{:?} {:?}", sends.collect::<Vec<_>>(), end.ended));
            }
        }
        history
    }

    /// A new connection works in both directions.
    pub fn greet(&mut self) {
        self.connect();
        let conn = self.conns.last().and_then(Option::as_ref).expect("no faults any more");
        let handles = [0, 1].map(|i| conn.ends[i].handle.expect("it is new"));
        self.bench.greet(handles[0], handles[1]);
    }

    pub fn end(self) {
        self.bench.end();
    }
}
