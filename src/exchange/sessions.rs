//! The connections of clients on one worker, to be shown and ended by an operator.
//!
//! In: what a connection comes to, as it happens: a few cells written for each exchange. Out: a list;
//! and the end of one of them, or of all that use a server. Each worker has its own; [`everywhere`]
//! reaches the others.
//!
//! A session is ended by closing its connection to the server, as HAProxy does; one that has none yet is
//! woken where it waits for one. A client that takes nothing would keep it nevertheless: its connection is
//! cut off `LAST_BYTES` later. The log tells by whom ([`Cause`]).
//!
//! Limits: [`SESSIONS_MAX`] connections have a place here; more than those are served all the same, but
//! not shown.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::site::Site;
use crate::balance::figures::ServerFigures;
use crate::rules::context::Connection;
use crate::rules::ending::Cause;
use crate::worker::{Message, StreamId, TaskRef};

/// Bits of a serial number that tell the place.
const PLACE_BITS: u32 = 20;

/// How long a client of a session that is ended may take for what is on its way to it.
const LAST_BYTES: Duration = Duration::from_millis(250);

/// How many connections of a worker are shown.
pub const SESSIONS_MAX: usize = (1 << PLACE_BITS) - 1;

/// What a session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It waits for a request, or greets.
    Idle,
    /// Its request is read or decided about, or it waits for a server.
    Request,
    /// It has a connection to a server.
    Server,
}

/// A client's connection.
#[derive(Debug)]
pub struct Session {
    /// The number of the connection on this worker, never given twice.
    pub serial: u64,
    /// The number of the plan that it is served under.
    pub plan: u64,
    /// Its frontend.
    pub frontend: usize,
    /// The bind it came by.
    pub bind: usize,
    /// When it was accepted, in microseconds of the worker's clock.
    pub since_us: u64,
    /// The client's address.
    pub source: Cell<SocketAddr>,
    /// What it is doing.
    pub step: Cell<Step>,
    /// The backend and the server it uses, while it does.
    pub server: Cell<Option<(u32, u32)>>,
    /// Exchanges that reached a server.
    pub exchanges: Cell<u32>,
    task: TaskRef,
    client: Cell<StreamId>,
    stream: Cell<StreamId>,
    ended: Cell<Option<Cause>>,
}

/// The sessions of a worker that are served under one plan. Those of all its plans share their numbers.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    plan: u64,
    places: Rc<RefCell<Places>>,
}

#[derive(Debug, Default)]
struct Places {
    all: Vec<Option<Session>>,
    free: Vec<usize>,
    count: u64,
}

/// The place that a serial number tells; 0 is none.
fn place_of(serial: u64) -> Option<usize> {
    usize::try_from(serial & ((1 << PLACE_BITS) - 1)).ok()?.checked_sub(1)
}

impl Sessions {
    /// The same worker's, under the plan of this number.
    pub fn of_plan(&self, number: u64) -> Sessions {
        Sessions { plan: number, places: self.places.clone() }
    }

    /// A session of an earlier plan goes on under this one.
    pub fn takes_over(&self, serial: u64, (frontend, bind): (usize, usize)) {
        let mut places = self.places.borrow_mut();
        let slot = place_of(serial).and_then(|place| places.all.get_mut(place));
        if let Some(Some(session)) = slot
            && session.serial == serial
        {
            (session.plan, session.frontend, session.bind) = (self.plan, frontend, bind);
        }
    }

    /// A connection begins: its serial number.
    pub fn begin(
        &self,
        source: SocketAddr,
        (frontend, bind): (usize, usize),
        since_us: u64,
        (client, task): (StreamId, TaskRef),
    ) -> u64 {
        let mut places = self.places.borrow_mut();
        let places = &mut *places;
        places.count = places.count.wrapping_add(1);
        let number = places.count << PLACE_BITS;
        let place = match places.free.pop() {
            Some(place) => place,
            None if places.all.len() < SESSIONS_MAX => {
                places.all.push(None);
                places.all.len() - 1
            }
            None => return number,
        };
        let serial = number | u64::try_from(place + 1).unwrap_or(0);
        if let Some(slot) = places.all.get_mut(place) {
            *slot = Some(Session {
                serial,
                plan: self.plan,
                frontend,
                bind,
                since_us,
                source: Cell::new(source),
                step: Cell::new(Step::Idle),
                server: Cell::new(None),
                exchanges: Cell::new(0),
                task,
                client: Cell::new(client),
                stream: Cell::new(StreamId::NONE),
                ended: Cell::new(None),
            });
        }
        serial
    }

    /// It ended.
    pub fn end(&self, serial: u64) {
        let mut places = self.places.borrow_mut();
        let Places { all, free, .. } = &mut *places;
        let Some(place) = place_of(serial) else { return };
        if let Some(slot) = all.get_mut(place)
            && slot.take_if(|session| session.serial == serial).is_some()
        {
            free.push(place);
        }
    }

    #[inline]
    fn with<T>(&self, serial: u64, look: impl FnOnce(&Session) -> T) -> Option<T> {
        let places = self.places.borrow();
        let session = places.all.get(place_of(serial)?)?.as_ref()?;
        (session.serial == serial).then(|| look(session))
    }

    /// Its rules decide about a request, or a server is looked for.
    #[inline]
    pub fn asks(&self, connection: &Connection) {
        self.with(connection.serial, |it| {
            it.step.set(Step::Request);
            it.source.set(connection.source);
        });
    }

    /// It has a connection to a server.
    #[inline]
    pub fn reaches(&self, connection: &Connection, of: (usize, usize), stream: StreamId) {
        self.with(connection.serial, |it| {
            it.step.set(Step::Server);
            it.server.set(u32::try_from(of.0).ok().zip(u32::try_from(of.1).ok()));
            it.exchanges.set(it.exchanges.get().wrapping_add(1));
            it.stream.set(stream);
        });
    }

    /// It has none any more. Gives by whom that was ended, if an operator or a check did.
    #[inline]
    pub fn rests(&self, connection: &Connection) -> Option<Cause> {
        self.rest(connection.serial)
    }

    /// The same by the session's number.
    #[inline]
    pub fn rest(&self, serial: u64) -> Option<Cause> {
        self.with(serial, |it| {
            it.step.set(Step::Idle);
            it.server.set(None);
            it.stream.set(StreamId::NONE);
            it.ended.take()
        })
        .flatten()
    }

    /// Whether it is to end.
    pub fn is_ended(&self, connection: &Connection) -> bool {
        self.with(connection.serial, |it| it.ended.get().is_some()) == Some(true)
    }

    /// Looks at each of this plan.
    pub fn each(&self, look: impl FnMut(&Session)) {
        let places = self.places.borrow();
        places.all.iter().flatten().filter(|it| it.plan == self.plan).for_each(look);
    }

    /// Looks at some, whatever their plans, from a place on; the place to go on at, if there are more.
    pub fn some(&self, from: usize, most: usize, look: impl FnMut(&Session)) -> Option<usize> {
        let places = self.places.borrow();
        let end = from.saturating_add(most).min(places.all.len());
        places.all.get(from..end).unwrap_or_default().iter().flatten().for_each(look);
        (end < places.all.len()).then_some(end)
    }

    /// How many there are on the worker, whatever their plans.
    pub fn count(&self) -> usize {
        let places = self.places.borrow();
        places.all.len() - places.free.len()
    }
}

impl Session {
    fn shut(&self, site: &Site, cause: Cause) {
        if self.step.get() == Step::Idle {
            return site.local.abort(self.client.get());
        }
        self.ended.set(Some(cause));
        site.local.abort(self.stream.get());
        site.local.wake(self.task);
        let (sessions, local, serial) = (site.sessions.clone(), site.local.clone(), self.serial);
        site.local.spawn(async move {
            local.sleep(LAST_BYTES).await;
            let stuck = sessions.with(serial, |it| it.ended.get().map(|_| it.client.get()));
            if let Some(client) = stuck.flatten() {
                local.abort(client);
            }
        });
    }
}

/// Ends one session of this site's worker; false if there is none of this number.
pub fn shut(site: &Site, serial: u64, cause: Cause) -> bool {
    site.sessions.with(serial, |session| session.shut(site, cause)).is_some()
}

/// Ends the sessions that use a server, on every worker and whatever the plan they began under:
/// [`Cause::Killed`] by a command, [`Cause::Down`] when a check failed, [`Cause::Up`] when a server came back
/// and its backups are left.
pub fn shut_all_of(site: &Rc<Site>, backend: usize, server: usize, cause: Cause) {
    everywhere(site, (backend, server), move |site, (backend, server)| {
        let of = u32::try_from(backend).ok().zip(u32::try_from(server).ok());
        site.sessions.each(|session| {
            if of.is_some() && session.server.get() == of {
                session.shut(site, cause);
            }
        });
    });
}

thread_local! {
    /// The sites of this thread's worker: one for each plan that still serves.
    static SITES: RefCell<Vec<Weak<Site>>> = const { RefCell::new(Vec::new()) };
}

/// Makes a site known to [`everywhere`].
pub(super) fn enter(site: &Rc<Site>) {
    SITES.with_borrow_mut(|sites| {
        sites.retain(|it| it.strong_count() > 0);
        sites.push(Rc::downgrade(site));
    });
}

/// Shows the sites of this thread's worker, that of the newest plan as the last.
pub fn with_sites<T>(look: impl FnOnce(&[Rc<Site>]) -> T) -> T {
    let sites: Vec<_> = SITES.with_borrow(|sites| sites.iter().filter_map(Weak::upgrade).collect());
    look(&sites)
}

/// Runs something about a server on every site of every worker that knows it, with the place that it has
/// there: on this worker at once, on the others soon. Sites of earlier plans serve on, and in each a server
/// may have another place.
pub fn everywhere(
    site: &Rc<Site>,
    (backend, server): (usize, usize),
    run: impl Fn(&Rc<Site>, (usize, usize)) + Clone + Send + 'static,
) {
    let Some(number) = site.live.server(backend, server).map(ServerFigures::number) else { return };
    if !is_known(site) {
        run(site, (backend, server));
    }
    here(number, &run);
    for worker in site.servers.workers() {
        if worker == site.process.worker {
            continue;
        }
        let run = run.clone();
        site.servers.tell(site, worker, move || {
            let run = run.clone();
            Message::Run(Box::new(move |_| here(number, &run)))
        });
    }
}

/// Whether [`enter`] has been called for it.
fn is_known(site: &Rc<Site>) -> bool {
    SITES.with_borrow(|sites| sites.iter().any(|it| std::ptr::eq(it.as_ptr(), Rc::as_ptr(site))))
}

/// The same on this worker, of a server by its number.
fn here(number: u64, run: &impl Fn(&Rc<Site>, (usize, usize))) {
    with_sites(|sites| {
        for site in sites {
            if let Some(place) = site.live.place_of(number) {
                run(site, place);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(sessions: &Sessions, port: u16) -> u64 {
        let source = ([192, 0, 2, 1], port).into();
        sessions.begin(source, (1, 2), 3, (StreamId::NONE, TaskRef::NONE))
    }

    fn ports(sessions: &Sessions) -> Vec<u16> {
        let mut ports = Vec::new();
        sessions.each(|session| ports.push(session.source.get().port()));
        ports
    }

    #[test]
    fn a_place_is_used_again_and_its_number_is_not() {
        let sessions = Sessions::default();
        let (one, two) = (begin(&sessions, 1), begin(&sessions, 2));
        assert_eq!((ports(&sessions), sessions.count()), (vec![1, 2], 2));
        sessions.end(one);
        let three = begin(&sessions, 3);
        assert_eq!((place_of(three), ports(&sessions)), (place_of(one), vec![3, 2]));
        sessions.end(one);
        assert_eq!(sessions.count(), 2, "an old number ends nobody else");
        assert!(three != one && two != one);
        sessions.end(two);
        sessions.end(three);
        assert_eq!((ports(&sessions), sessions.count()), (vec![], 0));
        sessions.end(0);
    }
}
