//! A network in memory with a virtual clock and seeded faults.
//!
//! In: a seed, [`Faults`], and the operations of one or several rings made by [`Network::ring`].
//! Out: what a kernel would have answered, the same for the same seed. The readiness engine above
//! is the production one, so what is simulated is everything but the system calls.
//!
//! Time: with one ring its `wait` moves the clock to the next delivery or to its deadline. With
//! several, `wait` never moves it: whoever drives them calls [`Network::advance`] when all are idle.
//!
//! Limits: [`BUFFER_BYTES`] unread bytes per direction, [`BACKLOG`] waiting connections per
//! listener. Datagrams vanish (and are counted).

mod host;
mod random;
mod stream;
mod wire;

pub use host::Host;

use super::engine::Engine;
use super::{Backend, Caps, Counters, Kind, Ring, Waker};
use crate::buf::Pool;
use crate::clock::Time;
use random::Random;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use stream::Sockets;
use wire::Wire;

/// Unread bytes that one direction of a connection holds before its sender has to wait.
pub const BUFFER_BYTES: usize = 64 * 1024;

/// Connections that wait at one listener before others are refused.
pub const BACKLOG: usize = 4096;

/// What goes wrong, and how often. Rates are per mille of the calls concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Reads that bring less than is there.
    pub short_reads: u16,
    /// Sends that take less than there is room for.
    pub short_writes: u16,
    /// Calls that would block although they need not.
    pub spurious_blocks: u16,
    /// Sends upon which the connection is reset.
    pub resets: u16,
    /// Connects that are refused although somebody listens.
    pub refused_connects: u16,
    /// Connections reset while they wait to be accepted.
    pub aborted_accepts: u16,
    /// The longest that bytes travel; each journey takes between nothing and this.
    pub delay_max: Duration,
    /// Sockets one host may have; zero means no limit.
    pub sockets_max: usize,
}

/// The network. Clones name the same one.
#[derive(Clone)]
pub struct Network(Rc<RefCell<State>>);

struct State {
    now: Time,
    random: Random,
    faults: Faults,
    wire: Wire,
    sockets: Sockets,
    /// News for each host, in order.
    news: Vec<Vec<super::system::Ready>>,
    open: Vec<usize>,
    next_port: u16,
    datagrams: u64,
}

impl Network {
    /// An empty network. The same seed and the same calls give the same history.
    pub fn new(seed: u64, faults: Faults) -> Network {
        Network(Rc::new(RefCell::new(State {
            now: Time(1_000_000_000),
            random: Random::new(seed),
            faults,
            wire: Wire::default(),
            sockets: Sockets::default(),
            news: Vec::new(),
            open: Vec::new(),
            next_port: 1024,
            datagrams: 0,
        })))
    }

    /// A ring on a new host of this network. All hosts share one address space.
    pub fn ring(&self, pool: &Pool) -> Ring {
        let mut state = self.0.borrow_mut();
        let host = state.news.len();
        state.news.push(Vec::new());
        state.open.push(0);
        drop(state);
        Ring {
            backend: Backend::Sim(Box::new(Engine::new(
                Host::new(self.clone(), host),
                pool.clone(),
            ))),
            caps: Caps { kind: Kind::Sim, splice: false, other: None },
        }
    }

    /// The virtual clock.
    pub fn now(&self) -> Time {
        self.0.borrow().now
    }

    /// Changes what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.0.borrow_mut().faults = faults;
    }

    /// Moves the clock to the next delivery, or to `limit` if that comes first, and delivers. False
    /// when nothing travels and there is no limit: nothing will ever happen again by itself.
    pub fn advance(&self, limit: Option<Time>) -> bool {
        self.0.borrow_mut().advance(limit)
    }

    /// Sockets that are open, over all hosts.
    pub fn open_sockets(&self) -> usize {
        self.0.borrow().open.iter().sum()
    }

    /// Datagrams sent so far.
    pub fn datagrams(&self) -> u64 {
        self.0.borrow().datagrams
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.0.borrow();
        f.debug_struct("Network").field("now", &state.now).field("faults", &state.faults).finish()
    }
}

impl State {
    fn advance(&mut self, limit: Option<Time>) -> bool {
        let next = match (self.wire.next_at(), limit) {
            (Some(next), Some(limit)) => next.min(limit),
            (Some(time), None) | (None, Some(time)) => time,
            (None, None) => return false,
        };
        self.now = self.now.max(next);
        self.deliver();
        true
    }

    /// Delivers everything that has arrived by now.
    fn deliver(&mut self) {
        while let Some(parcel) = self.wire.take_due(self.now) {
            self.receive_parcel(parcel);
        }
    }
}

/// What [`Ring`] asks of a back-end beside the contract.
impl Engine<Host> {
    pub(crate) fn waker(&self) -> Waker {
        self.system.waker()
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
}
