//! Which site is a worker's own, and what follows one that no longer is.
//!
//! In: a reload's new site. Out: for the connections of the old one, where they go on. A site whose
//! tenure is over serves the exchanges and tunnels that began under it to their end; a client's connection
//! goes on under the new plan with its next request, unless its frontend is gone. When the last of them
//! has left, the old site is dropped, and the old plan with it: nothing here keeps either.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::site::Site;
use crate::config::succession::Succession;

/// What a worker's sites share: which of them is its own.
#[derive(Debug, Default)]
pub struct Throne(RefCell<Weak<Site>>);

/// A site's time as its worker's own.
#[derive(Debug, Default)]
pub struct Tenure {
    /// Which plan it is, from 1.
    pub number: u64,
    throne: Rc<Throne>,
    over: Cell<bool>,
    /// What the site's proxies became in the plan of this number: made once, for all that move there.
    heirs: RefCell<Option<(u64, Arc<Succession>)>>,
}

impl Tenure {
    /// Of the plan of this number, on the worker that the throne is of.
    pub fn new(number: u64, throne: Rc<Throne>) -> Tenure {
        Tenure { number, throne, ..Tenure::default() }
    }

    /// Whether another site is the worker's own now.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.over.get()
    }
}

impl Site {
    /// This site is the worker's own from now on, without another before it.
    pub fn begin_tenure(self: &Rc<Site>) {
        *self.tenure.throne.0.borrow_mut() = Rc::downgrade(self);
    }

    /// The same behind another one, whose time is over: idle connections to servers come along. The tasks
    /// of the old site have to be woken ([`crate::worker::Local::wake_all`]).
    pub fn succeed(self: &Rc<Site>, old: &Rc<Site>, heirs: Arc<Succession>) {
        let heirs = match self.tenure.number == old.tenure.number.saturating_add(1) {
            true => heirs,
            // They are about the plan just before this one.
            false => Arc::new(Succession::new(&old.plan, &self.plan)),
        };
        *old.tenure.heirs.borrow_mut() = Some((self.tenure.number, heirs.clone()));
        self.begin_tenure();
        old.tenure.over.set(true);
        old.tables.close();
        self.servers.inherit(self, old, &heirs);
        self.servers.hand_over_all(self);
    }

    /// The worker's own site, and what this one's proxies are called there.
    fn heir(&self) -> Option<(Rc<Site>, Arc<Succession>)> {
        let site = self.tenure.throne.0.borrow().upgrade()?;
        let number = site.tenure.number;
        let mut known = self.tenure.heirs.borrow_mut();
        let heirs = match &*known {
            Some((of, heirs)) if *of == number => heirs.clone(),
            _ => {
                let heirs = Arc::new(Succession::new(&self.plan, &site.plan));
                *known = Some((number, heirs.clone()));
                heirs
            }
        };
        Some((site, heirs))
    }

    /// Where a client's connection goes on that came by this bind: the site, the frontend and the bind
    /// there. `None` if there is no such place any more, or if the worker stops.
    pub fn next_for(&self, frontend: usize, bind: usize) -> Option<(Rc<Site>, usize, usize)> {
        let (site, heirs) = self.heir()?;
        let (frontend, bind) = heirs.connection(frontend, bind)?;
        Some((site, frontend, bind))
    }

    /// Who decides about a server, and which it is there: this site, or the worker's own once this one's time is
    /// over. `None` if it is gone.
    pub fn server_now(
        self: &Rc<Site>,
        (backend, server): (usize, usize),
    ) -> Option<(Rc<Site>, (usize, usize))> {
        if !self.tenure.is_over() {
            return Some((self.clone(), (backend, server)));
        }
        let (site, backend, server) = self.server_heir(backend, server)?;
        Some((site, (backend, server)))
    }

    /// Where a server is known now.
    pub(super) fn server_heir(
        &self,
        backend: usize,
        server: usize,
    ) -> Option<(Rc<Site>, usize, usize)> {
        let (site, heirs) = self.heir()?;
        let place = heirs.server(backend, server)?;
        Some((site, heirs.backend(backend)?, place))
    }

    /// Whether a client's connection that came by this bind may stay for another request: the worker does
    /// not stop, and the frontend is still there.
    #[inline]
    pub fn keeps(&self, frontend: usize, bind: usize) -> bool {
        !self.local.is_stopping()
            && (!self.tenure.is_over() || self.next_for(frontend, bind).is_some())
    }
}
