//! The queue in front of full servers.
//!
//! In: who waits, for one server or for any of a backend. Out: whose turn it is when a place becomes
//! free. Shared by the workers, and locked only while somebody waits.
//!
//! First in, first out, unless priorities say otherwise. A place that becomes free is handed over
//! before it can be seen as free. Nobody is forgotten: who gives a place back first counts it as free
//! and then looks whether anybody waits; who begins to wait first counts as waiting and then looks
//! whether a place is free. All of these are sequentially consistent, so one of the two sees the other.
//!
//! A server that goes out of service sends those who wait for it back to choose again. Who begins to wait
//! then looks at the server's state: either it sees the change, or who changed it sees the waiter.
//!
//! Limits: as many wait as there are requests, or `maxqueue` for a server.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::balance::Live;
use crate::balance::figures::ServerFigures;

/// The queue of a backend and of its servers. `W` is how to wake who waits.
#[derive(Debug)]
pub(super) struct Line<W> {
    backend: usize,
    /// The numbers of the plan's servers, for who waits.
    known: OnceLock<Arc<[u64]>>,
    /// Shared with the plans before and behind this one.
    waiting: Arc<Mutex<Waiting<W>>>,
}

#[derive(Debug)]
struct Waiting<W> {
    any: Tickets<W>,
    /// By the server's number, which is the same in all plans.
    servers: BTreeMap<u64, Tickets<W>>,
    /// How many came so far.
    count: u64,
    /// The latest moment that anybody came at.
    latest_us: i64,
}

type Tickets<W> = BTreeMap<Rank, Arc<Ticket<W>>>;

/// Who comes first: the class, then the moment (shifted by the offset), then who came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    class: i64,
    moment_us: i64,
    number: u64,
}

/// How a waiter is tied to the server it waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tie {
    /// The balance chose it: another is as good.
    #[default]
    Loose,
    /// A rule, a cookie or a table chose it.
    Bound,
    /// The same, and it is to stay whatever happens (`force-persist`).
    Forced,
}

/// What a waiter wants.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    /// This server, or any.
    pub server: Option<usize>,
    /// How it is tied to that.
    pub tie: Tie,
    /// `set-priority-class`.
    pub class: i64,
    /// `set-priority-offset`, in milliseconds.
    pub offset_ms: i64,
    /// The moment.
    pub now_us: u64,
}

/// A place in the queue.
#[derive(Debug)]
pub(super) struct Ticket<W> {
    rank: Rank,
    /// The number of the server that is waited for.
    server: Option<u64>,
    /// The servers of the waiter's plan: it can use no other.
    known: Arc<[u64]>,
    tie: Tie,
    /// The server that gave a place, plus one; 0 is none yet, [`AGAIN`] is that none will.
    granted: AtomicU32,
    waker: W,
}

/// What stands in [`Ticket::granted`] for who is to choose again.
const AGAIN: u32 = u32::MAX;

/// What came of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// A place is taken on this server.
    Place(usize),
    /// The server is gone: choose again.
    Again,
}

impl<W> Ticket<W> {
    /// What came of waiting so far.
    pub(super) fn turn(&self) -> Option<Turn> {
        match self.granted.load(Ordering::Acquire) {
            0 => None,
            AGAIN => Some(Turn::Again),
            number => usize::try_from(number - 1).ok().map(Turn::Place),
        }
    }

    /// A server's place in the waiter's plan.
    fn place_of(&self, server: u64) -> Option<usize> {
        self.known.iter().position(|&known| known == server)
    }

    fn grant(&self, server: usize) {
        let number = u32::try_from(server).unwrap_or(AGAIN - 2).min(AGAIN - 2) + 1;
        self.granted.store(number, Ordering::Release);
    }
}

impl<W> Line<W> {
    pub(super) fn new(backend: usize) -> Line<W> {
        let (any, servers) = (BTreeMap::new(), BTreeMap::new());
        let waiting = Mutex::new(Waiting { any, servers, count: 0, latest_us: 0 });
        Line { backend, known: OnceLock::new(), waiting: Arc::new(waiting) }
    }

    /// The queue of the same backend in the plan that follows, where it has another number: those who wait
    /// in either wait together.
    pub(super) fn succeed(&self, backend: usize) -> Line<W> {
        Line { backend, known: OnceLock::new(), waiting: self.waiting.clone() }
    }

    fn number(&self, server: usize, live: &Live) -> Option<u64> {
        live.server(self.backend, server).map(ServerFigures::number)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<W>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody begins to wait. To be followed by [`Line::hand_over`] for the servers in question.
    pub(super) fn join(&self, wish: Wish, waker: W, live: &Live) -> Arc<Ticket<W>> {
        let mut waiting = self.lock();
        waiting.count += 1;
        // Clocks of workers differ a little, the order in which they come does not.
        let now_us = i64::try_from(wish.now_us).unwrap_or(i64::MAX);
        waiting.latest_us = waiting.latest_us.max(now_us);
        let moment_us = waiting.latest_us.saturating_add(wish.offset_ms.saturating_mul(1000));
        let rank = Rank { class: wish.class, moment_us, number: waiting.count };
        let (granted, tie) = (AtomicU32::new(0), wish.tie);
        let server = wish.server.and_then(|server| self.number(server, live));
        let numbers = || live.servers(self.backend).iter().map(|it| it.number()).collect();
        let known = self.known.get_or_init(numbers).clone();
        let ticket = Arc::new(Ticket { rank, server, known, tie, granted, waker });
        waiting.tickets(server).insert(rank, ticket.clone());
        self.count(server, live, |count| count.fetch_add(1, Ordering::SeqCst));
        live.note_waiting(self.backend, wish.server);
        ticket
    }

    /// Somebody waits no longer: what it came to until then. A place that is taken is the leaver's.
    pub(super) fn leave(&self, ticket: &Ticket<W>, live: &Live) -> Option<Turn> {
        let mut waiting = self.lock();
        if waiting.take(ticket.server, ticket.rank).is_some() {
            self.count(ticket.server, live, |count| count.fetch_sub(1, Ordering::SeqCst));
        }
        ticket.turn()
    }

    /// Has those who wait for a server (or for any) choose again, if their tie allows it. How many.
    pub(super) fn send_back(
        &self,
        server: Option<usize>,
        live: &Live,
        may_go: impl Fn(Tie) -> bool,
        mut wake: impl FnMut(&W),
    ) -> usize {
        let mut waiting = self.lock();
        let server = server.and_then(|server| self.number(server, live));
        let tickets = waiting.tickets(server);
        let before = tickets.len();
        tickets.retain(|_, ticket| {
            if !may_go(ticket.tie) {
                return true;
            }
            self.count(server, live, |count| count.fetch_sub(1, Ordering::SeqCst));
            ticket.granted.store(AGAIN, Ordering::Release);
            wake(&ticket.waker);
            false
        });
        let sent = before - tickets.len();
        waiting.drop_empty(server);
        sent
    }

    /// Gives free places of a server to those who wait for it, the first first.
    pub(super) fn hand_over(&self, server: usize, live: &Live, mut wake: impl FnMut(&W)) {
        let mut waiting = self.lock();
        let Some(number) = self.number(server, live) else { return };
        while let Some((rank, of)) = waiting.first(number, live.is_active(self.backend, server)) {
            if !live.begin_server(self.backend, server) {
                return;
            }
            if let Some(ticket) = waiting.take(of, rank) {
                self.count(of, live, |count| count.fetch_sub(1, Ordering::SeqCst));
                ticket.grant(ticket.place_of(number).unwrap_or(server));
                wake(&ticket.waker);
            }
        }
    }

    /// Whether anybody waits whom this server could serve.
    pub(super) fn is_waited_for(backend: usize, server: usize, live: &Live) -> bool {
        live.server(backend, server).is_some_and(|it| it.waiting() > 0) || live.waits(backend) > 0
    }

    fn count(&self, server: Option<u64>, live: &Live, change: impl FnOnce(&AtomicU32) -> u32) {
        let mut servers = live.servers(self.backend).iter();
        let count = match server {
            Some(number) => servers.find(|it| it.number() == number).map(|it| it.waiting_count()),
            None => live.waiting(self.backend),
        };
        count.map(change);
    }
}

impl<W> Waiting<W> {
    fn tickets(&mut self, server: Option<u64>) -> &mut Tickets<W> {
        match server {
            Some(server) => self.servers.entry(server).or_default(),
            None => &mut self.any,
        }
    }

    fn take(&mut self, server: Option<u64>, rank: Rank) -> Option<Arc<Ticket<W>>> {
        let ticket = self.tickets(server).remove(&rank);
        self.drop_empty(server);
        ticket
    }

    /// Reloads bring servers with new numbers again and again: of those nobody waits for, nothing is kept.
    fn drop_empty(&mut self, server: Option<u64>) {
        if let Some(server) = server
            && self.servers.get(&server).is_some_and(BTreeMap::is_empty)
        {
            self.servers.remove(&server);
        }
    }

    /// Who is first among those who wait for this server and, perhaps, for any: and in which of the two.
    fn first(&self, server: u64, any: bool) -> Option<(Rank, Option<u64>)> {
        let own = self.servers.get(&server).and_then(|it| it.keys().next());
        let own = own.map(|&rank| (rank, Some(server)));
        // Those of another plan may not know it.
        let mut knows = self.any.iter().filter(|(_, it)| it.place_of(server).is_some());
        let any = any.then(|| knows.next()).flatten().map(|(&rank, _)| (rank, None));
        match (own, any) {
            (Some(own), Some(any)) => Some(if own.0 < any.0 { own } else { any }),
            (own, any) => own.or(any),
        }
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
