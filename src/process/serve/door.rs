//! A worker's listening sockets, and where the connections go that come by them.
//!
//! In: sockets that listen. Out: connections, counted and served under the plan that holds when they are
//! accepted. A reload changes where a door leads without closing it. One that closes accepts what waits
//! in its queue first: whoever the kernel told that it is connected is served.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::pace::{Pace, Taken};
use crate::exchange::client;
use crate::exchange::site::Site;
use crate::worker::{Listener, ListenerRef, SocketAddress};

/// How long a worker waits before it looks again whether it may take one connection more.
const FULL: Duration = Duration::from_millis(5);

/// A listening socket of a worker.
pub struct Door {
    /// Where its connections go.
    way: RefCell<Rc<Way>>,
    /// The socket.
    pub listener: ListenerRef,
    listens_at: Option<SocketAddress>,
}

/// Where connections go.
pub struct Way {
    site: Rc<Site>,
    pace: Arc<Pace>,
    frontend: usize,
    bind: usize,
    /// Whether connections begin with a TLS handshake.
    tls: bool,
    /// The address that all connections come to, if it can be only one.
    address: Option<SocketAddr>,
}

impl Door {
    /// Opens it: its connections are served from now on.
    pub fn open(
        site: &Rc<Site>,
        pace: &Arc<Pace>,
        place: (usize, usize),
        listener: Listener,
    ) -> Rc<Door> {
        let listens_at = listener.local_address();
        let way = RefCell::new(Way::new(site, pace, place, listens_at.as_ref()));
        let door = Rc::new(Door { way, listener: listener.reference(), listens_at });
        site.local.spawn(door.clone().accept(listener));
        door
    }

    /// It leads elsewhere from now on.
    pub fn lead(&self, site: &Rc<Site>, pace: &Arc<Pace>, place: (usize, usize)) {
        *self.way.borrow_mut() = Way::new(site, pace, place, self.listens_at.as_ref());
    }

    /// The frontend that its connections come to.
    pub fn frontend(&self) -> usize {
        self.way.borrow().frontend
    }

    /// Accepts until it is closed or the worker stops. What may not be served yet waits: one connection
    /// here, the others in the kernel. Once the door closes, who waits in vain is not waited for.
    async fn accept(self: Rc<Door>, mut listener: Listener) {
        while let Some(stream) = listener.accept().await {
            let Some((way, taken)) = self.admit(&listener).await else { return };
            let served =
                client::serve(way.site.clone(), way.frontend, way.bind, stream, way.address);
            match taken.tls {
                None => way.site.local.spawn(served),
                Some(counted) => way.site.local.spawn(async move {
                    served.await;
                    drop(counted);
                }),
            }
        }
    }

    /// Waits until one connection more may be served, and counts it. `None` if that does not come: the
    /// frontend takes none, and the door closes.
    async fn admit(&self, listener: &Listener) -> Option<(Rc<Way>, Taken)> {
        let local = listener.local();
        let mut taken: Option<Taken> = None;
        loop {
            let way = self.way.borrow().clone();
            if taken.is_none() {
                taken = way.pace.take(way.frontend, way.tls, way.site.now_us());
            }
            if let Some(taken) = taken.take_if(|_| way.begins()) {
                return Some((way, taken));
            }
            if listener.is_closing() && way.is_barred() {
                return None;
            }
            drop(way);
            local.sleep(FULL).await;
        }
    }
}

impl Way {
    fn new(
        site: &Rc<Site>,
        pace: &Arc<Pace>,
        (frontend, bind): (usize, usize),
        listens_at: Option<&SocketAddress>,
    ) -> Rc<Way> {
        let tls = site.tls.get(frontend).and_then(|of_proxy| of_proxy.get(bind));
        Rc::new(Way {
            site: site.clone(),
            pace: pace.clone(),
            frontend,
            bind,
            tls: tls.is_some_and(Option::is_some),
            address: listens_at.and_then(|at| only_address(site, at, frontend, bind)),
        })
    }

    /// Whether none begins until somebody says so. Of a frontend that is gone nobody does.
    fn is_barred(&self) -> bool {
        self.site.live.is_paused(self.frontend)
    }

    fn begins(&self) -> bool {
        self.site.live.begin_connection(self.frontend, self.bind)
    }
}

/// The address that all connections to a listener come to. One that listens at all addresses of the host,
/// or at those of others (`transparent`), has to be asked each time.
fn only_address(
    site: &Site,
    listens_at: &SocketAddress,
    frontend: usize,
    bind: usize,
) -> Option<SocketAddr> {
    let line = site.plan.proxies.get(frontend)?.binds.get(bind)?;
    let address = client::ip_address(listens_at);
    (line.transparent.is_none() && !address.ip().is_unspecified()).then_some(address)
}
