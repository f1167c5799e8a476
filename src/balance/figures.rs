//! Counts that several workers change: what is in progress, what happened in the last second, a server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::checkup::Checkup;
use super::state::{Admin, Health, State, WEIGHT_PARTS};
use crate::config::plan::{Given, Location, PortSpec, Server};

/// The length of a rate's window, in microseconds.
pub(crate) const WINDOW_US: u64 = 1_000_000;

/// How many are in progress, how many there may be, and how many there have been.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    current: AtomicU32,
    /// 0 is no limit.
    limit: AtomicU32,
    /// The limit that the configuration gave.
    said: AtomicU32,
    total: AtomicU64,
    /// The most at a time.
    peak: AtomicU32,
}

/// Takes a new maximum over. Mostly it is none.
#[inline]
pub(crate) fn heighten(peak: &AtomicU32, value: u32) {
    if value > peak.load(Relaxed) {
        peak.fetch_max(value, Relaxed);
    }
}

impl Gauge {
    pub(crate) fn new(limit: u32) -> Gauge {
        let (limit, said) = (AtomicU32::new(limit), AtomicU32::new(limit));
        Gauge { limit, said, ..Gauge::default() }
    }

    /// Takes another's limit over, if the configuration says another one than it said.
    pub(crate) fn take_limit(&self, new: &Gauge) {
        let said = new.said.load(Relaxed);
        if self.said.swap(said, Relaxed) != said {
            self.set_limit(said);
        }
    }

    /// As many there may be from now on; those that are too many stay.
    pub(crate) fn set_limit(&self, limit: u32) {
        self.limit.store(limit, Relaxed);
    }

    /// One more, unless there are as many as there may be.
    #[inline]
    pub(crate) fn begin(&self) -> bool {
        let begun = raise(&self.current, self.limit());
        if begun {
            self.total.fetch_add(1, Relaxed);
            heighten(&self.peak, self.current());
        }
        begun
    }

    /// One more that was counted elsewhere so far.
    pub(crate) fn receive(&self) {
        raise(&self.current, 0);
        heighten(&self.peak, self.current());
    }

    /// The most at a time.
    pub(crate) fn peak(&self) -> &AtomicU32 {
        &self.peak
    }

    #[inline]
    pub(crate) fn end(&self) {
        lower(&self.current);
    }

    pub(crate) fn has_room(&self) -> bool {
        let limit = self.limit();
        limit == 0 || self.current() < limit
    }

    #[inline]
    pub(crate) fn current(&self) -> u32 {
        self.current.load(Relaxed)
    }

    #[inline]
    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }
}

/// Adds one, unless the limit is reached; 0 is no limit. Sequentially consistent, because of what
/// `queue` needs.
#[inline]
fn raise(count: &AtomicU32, limit: u32) -> bool {
    if limit == 0 {
        count.fetch_add(1, SeqCst);
        return true;
    }
    let up = |current| Some(current + 1).filter(|_| current < limit);
    count.fetch_update(SeqCst, SeqCst, up).is_ok()
}

/// Takes one away; a count never falls below zero.
#[inline]
fn lower(count: &AtomicU32) {
    if count.fetch_sub(1, SeqCst) == 0 {
        debug_assert!(false, "what ends has begun");
        count.fetch_add(1, SeqCst);
    }
}

/// Events in the last second: those of the current window, and as much of the last one as still lies
/// within a second.
#[derive(Debug, Default)]
pub(crate) struct Rated {
    current: AtomicU32,
    previous: AtomicU32,
    /// The most in one window.
    peak: AtomicU32,
}

impl Rated {
    #[inline]
    pub(crate) fn note(&self) {
        self.current.fetch_add(1, Relaxed);
    }

    /// The current window is over, and was this long.
    pub(crate) fn roll(&self, length_us: u64) {
        let events = u64::from(self.current.swap(0, Relaxed));
        let per_second = events * WINDOW_US / length_us.max(WINDOW_US);
        // It is no more than the events, which were 32 bits.
        let per_second = u32::try_from(per_second).unwrap_or(u32::MAX);
        self.previous.store(per_second, Relaxed);
        heighten(&self.peak, per_second);
    }

    /// The most in one second.
    pub(crate) fn peak(&self) -> &AtomicU32 {
        &self.peak
    }

    /// Those of the last whole window.
    pub(crate) fn last_window(&self) -> u32 {
        self.previous.load(Relaxed)
    }

    /// Events in the last second, when the current window began so long ago.
    pub(crate) fn rate(&self, gone_us: u64) -> u64 {
        let current = u64::from(self.current.load(Relaxed));
        let previous = u64::from(self.previous.load(Relaxed));
        current + previous * WINDOW_US.saturating_sub(gone_us) / WINDOW_US
    }
}

/// A server's figures, on cache lines of their own.
#[derive(Debug)]
#[repr(align(64))]
pub struct ServerFigures {
    /// Never given twice.
    number: u64,
    /// Requests on it.
    current: AtomicU32,
    /// Requests that wait for it.
    waiting: AtomicU32,
    /// The most on it at a time.
    peak: AtomicU32,
    /// The most that waited at a time.
    waiting_peak: AtomicU32,
    pub(crate) requests: Rated,
    total: AtomicU64,
    state: State,
    backup: AtomicBool,
    /// `minconn`, or `maxconn`; 0 is no limit.
    least: AtomicU32,
    /// `maxconn`; 0 is no limit.
    most: AtomicU32,
    /// `maxqueue`; 0 is no limit.
    queue_max: AtomicU32,
    /// Where it is; asked for only when the balance prepares.
    address: Mutex<Option<SocketAddr>>,
    /// Its health; not on the path of a request.
    checkup: Mutex<Checkup>,
    /// Errors of requests in a row (`observe`).
    errors: AtomicU32,
}

fn number(given: Option<Given<u32>>) -> u32 {
    given.map_or(0, |it| it.value)
}

/// `minconn` and `maxconn`; `minconn` alone is `maxconn`.
fn limits_of(server: &Server) -> (u32, u32) {
    match (number(server.settings.minconn), number(server.settings.maxconn)) {
        (0, most) => (most, most),
        (least, most) if least >= most => (least, least),
        both => both,
    }
}

/// The address that is written down, if it is one.
fn address_of(server: &Server) -> Option<SocketAddr> {
    let endpoint = &server.endpoint.value;
    let port = match endpoint.port {
        PortSpec::One(port) => port,
        _ => 0,
    };
    match &endpoint.location {
        Location::V4(ip) => Some((*ip, port).into()),
        Location::V6 { ip, .. } => Some((*ip, port).into()),
        _ => None,
    }
}

fn queue_of(server: &Server) -> u32 {
    number(server.settings.maxqueue)
}

impl ServerFigures {
    pub(crate) fn new(server: &Server) -> ServerFigures {
        let (least, most) = limits_of(server);
        static COUNT: AtomicU64 = AtomicU64::new(0);
        ServerFigures {
            number: COUNT.fetch_add(1, Relaxed),
            current: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            peak: AtomicU32::new(0),
            waiting_peak: AtomicU32::new(0),
            requests: Rated::default(),
            total: AtomicU64::new(0),
            state: State::new(server),
            backup: AtomicBool::new(server.settings.backup.is_some()),
            least: AtomicU32::new(least),
            most: AtomicU32::new(most),
            queue_max: AtomicU32::new(queue_of(server)),
            address: Mutex::new(address_of(server)),
            checkup: Mutex::new(Checkup::new(server)),
            errors: AtomicU32::new(0),
        }
    }

    /// A number that the server has in every plan, and no other server.
    #[inline]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// What was decided about it.
    #[inline]
    pub fn admin(&self) -> Admin {
        self.state.admin()
    }

    /// What checks found.
    #[inline]
    pub fn health(&self) -> Health {
        self.state.health()
    }

    /// Whether who is bound to it (by a cookie, a stick table, `use-server`) may go there: it answers,
    /// and nobody took it out of service.
    #[inline]
    pub fn is_up(&self) -> bool {
        !self.admin().has(Admin::MAINT) && self.health() != Health::Stopped
    }

    /// Whether the balance may choose it.
    #[inline]
    pub fn is_usable(&self) -> bool {
        self.is_up()
            && !self.admin().has(Admin::DRAIN)
            && self.health() != Health::Stopping
            && self.weight() > 0
    }

    /// `backup`.
    pub fn is_backup(&self) -> bool {
        self.backup.load(Relaxed)
    }

    /// Its weight, now.
    #[inline]
    pub fn weight(&self) -> u16 {
        self.state.weight()
    }

    /// Its weight, by the configuration.
    pub fn initial_weight(&self) -> u16 {
        self.state.initial_weight()
    }

    /// Its weight as the balance has it: in sixteenths, and less while it takes a growing share only.
    #[inline]
    pub fn effective_weight(&self) -> u16 {
        self.state.effective_weight()
    }

    /// The same in whole parts: what it has so far of its weight.
    pub fn grown_weight(&self) -> u16 {
        self.effective_weight().div_ceil(WEIGHT_PARTS)
    }

    /// Its weight where weights are fixed (`static-rr`, tables that hashes lead to): that of the
    /// configuration, or nothing.
    pub fn fixed_weight(&self) -> u16 {
        if self.weight() == 0 { 0 } else { self.initial_weight().max(1) }
    }

    /// How much of its share it gets (`slowstart`), in per cent.
    #[inline]
    pub fn ramp(&self) -> u8 {
        self.state.ramp()
    }

    /// Requests on it.
    #[inline]
    pub fn current(&self) -> u32 {
        self.current.load(SeqCst)
    }

    /// Requests that wait for it, and for no other server.
    #[inline]
    pub fn waiting(&self) -> u32 {
        self.waiting.load(SeqCst)
    }

    /// Requests it has had.
    pub fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }

    /// `maxqueue`; 0 is no limit.
    pub fn queue_max(&self) -> u32 {
        self.queue_max.load(Relaxed)
    }

    /// `minconn` (or `maxconn`) and `maxconn`; 0 is no limit.
    #[inline]
    pub fn limits(&self) -> (u32, u32) {
        (self.least.load(Relaxed), self.most.load(Relaxed))
    }

    /// `maxconn` from now on (`set maxconn server`); 0 is no limit.
    pub fn set_limit(&self, most: u32) {
        let (least, before) = self.limits();
        self.most.store(most, Relaxed);
        if least == before || least > most {
            self.least.store(most, Relaxed);
        }
    }

    /// Where it is, as far as that was said.
    pub fn address(&self) -> Option<SocketAddr> {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives where it was.
    pub(crate) fn set_address(&self, address: Option<SocketAddr>) -> Option<SocketAddr> {
        let mut here = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut here, address)
    }

    /// The configuration was read again: what it says otherwise than before holds from now on, and what
    /// was set at run time stays where it says the same. Whether that changed its state.
    pub(crate) fn follow(&self, old: &Server, new: &Server) -> bool {
        let seen = || (self.admin(), self.health(), self.weight(), self.ramp(), self.limits());
        let before = seen();
        self.take_over(old, new);
        seen() != before
    }

    fn take_over(&self, old: &Server, new: &Server) {
        self.state.follow(old, new);
        self.backup.store(new.settings.backup.is_some(), Relaxed);
        self.queue_max.store(queue_of(new), Relaxed);
        self.checkup().follow(new);
        if limits_of(old) != limits_of(new) {
            let (least, most) = limits_of(new);
            self.least.store(least, Relaxed);
            self.most.store(most, Relaxed);
        }
        // What others found holds no longer than they look.
        let judges = |line: &Server| {
            let (health, agent) = (&line.settings.health, &line.settings.agent);
            (health.check.is_some(), agent.check.is_some(), health.track.is_some())
        };
        let tracks = new.settings.health.track.is_some();
        if judges(old) != judges(new) && !tracks {
            self.state.set_admin(Admin::INHERITED, false);
            let fine = self.checkup().is_fine();
            self.state.set_health(if fine { Health::Running } else { Health::Stopped });
            self.state.set_ramp(100);
        }
        if new.settings.slowstart.is_none() && self.health() == Health::Starting {
            self.state.set_health(Health::Running);
            self.state.set_ramp(100);
        }
    }

    /// What is known of its health.
    pub fn checkup(&self) -> MutexGuard<'_, Checkup> {
        self.checkup.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request met no error (`observe`): cheap if there was none before.
    #[inline]
    pub fn note_success(&self) {
        if self.errors.load(Relaxed) > 0 {
            self.errors.store(0, Relaxed);
        }
    }

    /// A request met an error (`observe`): how many there were in a row. At the limit they begin anew.
    pub fn note_error(&self, limit: u32) -> u32 {
        let errors = self.errors.fetch_add(1, Relaxed).saturating_add(1);
        if errors >= limit {
            self.errors.store(0, Relaxed);
        }
        errors
    }

    pub(crate) fn waiting_count(&self) -> &AtomicU32 {
        &self.waiting
    }

    /// Somebody began to wait.
    pub(crate) fn note_waiting(&self) {
        heighten(&self.waiting_peak, self.waiting());
    }

    /// The most requests on it at a time.
    pub fn peak(&self) -> u32 {
        self.peak.load(Relaxed)
    }

    /// The most that waited for it at a time.
    pub fn waiting_peak(&self) -> u32 {
        self.waiting_peak.load(Relaxed)
    }

    /// Forgets the maxima.
    pub(crate) fn clear_peaks(&self) {
        [&self.peak, &self.waiting_peak, self.requests.peak()]
            .into_iter()
            .for_each(|peak| peak.store(0, Relaxed));
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    #[inline]
    pub(crate) fn begin(&self, limit: u32) -> bool {
        let begun = raise(&self.current, limit);
        if begun {
            self.requests.note();
            self.total.fetch_add(1, Relaxed);
            heighten(&self.peak, self.current.load(Relaxed));
        }
        begun
    }

    #[inline]
    pub(crate) fn end(&self) {
        lower(&self.current);
    }
}
