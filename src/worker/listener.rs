//! Accepting, and what to do when there are no descriptors left.
//!
//! In: a listening socket. Out: connections. When the kernel has no descriptor (or memory) for one,
//! accepting pauses: the connections wait in the kernel's queue and nothing spins. If the pause did
//! not help, one waiting connection per pause is accepted with a descriptor kept in reserve and
//! closed, so that its client learns of it. Lines about it are logged once a second at most.

use super::shell::Shell;
use super::stream::Stream;
use super::time::Expired;
use super::{Local, TaskRef};
use crate::log;
use koi_sys::net::{AcceptError, BindError, ListenOptions, SocketAddress};
use koi_sys::ring::{Adopt, Handle, Token};
use std::cell::Cell;
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// How long accepting pauses for want of descriptors or memory.
pub const PAUSE: Duration = Duration::from_millis(100);

/// A listening socket of this worker. Dropping it closes it.
pub struct Listener {
    local: Local,
    handle: Handle,
    token: Option<Token>,
    /// The last attempt ended for want of descriptors.
    short: bool,
    /// Connections still accepted once it closes or the worker stops: more cannot have arrived before.
    last: usize,
    shared: Rc<Shared>,
}

/// What a listener shares with its references.
#[derive(Default)]
struct Shared {
    /// It is to close.
    closes: Cell<bool>,
    /// The task that accepts.
    task: Cell<Option<TaskRef>>,
    /// Set anew while it listens.
    backlog: Cell<Option<usize>>,
}

/// A listener that another task accepts on.
#[derive(Clone)]
pub struct ListenerRef {
    local: Local,
    handle: Handle,
    shared: Rc<Shared>,
}

impl ListenerRef {
    /// Closes it, once the connections that had arrived by now are accepted.
    pub fn close(&self) {
        self.shared.closes.set(true);
        if let Some(task) = self.shared.task.get() {
            self.local.wake(task);
        }
    }

    /// So many connections may wait in it from now on.
    pub fn set_backlog(&self, backlog: i32) {
        let ring = self.local.0.ring.borrow();
        match ring.with_fd(self.handle, |fd| koi_sys::net::set_backlog(fd, backlog)) {
            Some(Err(error)) => log::limited(format_args!("a backlog stays as it was: {error}")),
            _ => self.shared.backlog.set(usize::try_from(backlog).ok()),
        }
    }

    /// Connections that come from now on have what these options say.
    pub fn set_options(&self, options: &ListenOptions) {
        let ring = self.local.0.ring.borrow();
        let set = |fd: std::os::fd::BorrowedFd<'_>| koi_sys::net::change_connections(fd, options);
        if let Some(Err(error)) = ring.with_fd(self.handle, set) {
            log::limited(format_args!("options of a listener stay as they were: {error}"));
        }
    }
}

impl Local {
    /// Listens at a concrete address.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn listen(
        &self,
        address: &SocketAddress,
        options: &ListenOptions,
    ) -> Result<Listener, BindError> {
        let handle = self.0.ring.borrow_mut().listen(address, options)?;
        let last = usize::try_from(options.backlog).unwrap_or(0);
        Ok(Listener::new(self, handle, last))
    }
}

impl Local {
    /// Takes over a descriptor that listens already, with the backlog it was given.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn adopt_listener(&self, fd: OwnedFd, backlog: usize) -> Result<Listener, BindError> {
        let adopted = self.0.ring.borrow_mut().adopt(fd, Adopt::Listener);
        let handle = adopted.map_err(BindError::from_errno)?;
        Ok(Listener::new(self, handle, backlog))
    }
}

impl Listener {
    fn new(local: &Local, handle: Handle, last: usize) -> Listener {
        let (local, shared) = (local.clone(), Rc::default());
        Listener { local, handle, token: None, short: false, last, shared }
    }

    /// For who closes it from elsewhere.
    pub fn reference(&self) -> ListenerRef {
        let Listener { local, handle, shared, .. } = self;
        ListenerRef { local: local.clone(), handle: *handle, shared: shared.clone() }
    }

    /// The worker.
    pub fn local(&self) -> &Local {
        &self.local
    }

    fn shell(&self) -> &Rc<Shell> {
        &self.local.0
    }

    /// The address it listens at (the port of `:0`).
    pub fn local_address(&self) -> Option<SocketAddress> {
        self.shell().ring.borrow().local_address(self.handle)
    }

    /// Whether it is to close: by itself or with its worker.
    pub fn is_closing(&self) -> bool {
        self.local.is_stopping() || self.shared.closes.get()
    }

    /// The next connection. Waits out shortages; `None` when it is closed or the worker stops, after
    /// the connections that had arrived by then.
    pub async fn accept(&mut self) -> Option<Stream> {
        self.shared.task.set(Some(self.local.current()));
        loop {
            if let Some(backlog) = self.shared.backlog.take() {
                self.last = backlog;
            }
            let token = match self.token {
                Some(token) => token,
                None => *self.token.insert(self.shell().submit_accept(self.handle)),
            };
            let (shell, shared, mut asked) = (&self.local.0, &self.shared, self.last == 0);
            let next = poll_fn(|_| match shell.poll_accept(token) {
                Some(result) => Poll::Ready(Some(result)),
                None if !shell.poll_stop() && !shared.closes.get() => Poll::Pending,
                None if asked => Poll::Ready(None),
                None => {
                    // The ring may not have heard yet of what waits in the kernel's queue.
                    asked = true;
                    shell.wake_current();
                    Poll::Pending
                }
            });
            match next.await? {
                Ok(handle) => {
                    self.short = false;
                    self.last -= usize::from(self.is_closing() && self.last > 0);
                    self.shell().count(|counters| counters.accepted += 1);
                    return Some(Stream::new(self.shell().clone(), handle));
                }
                Err(error) => {
                    self.token = None;
                    self.wait_out(error).await?;
                }
            }
        }
    }

    /// Serves every connection in a task of its own until the worker stops.
    pub async fn serve<F: Future<Output = ()> + 'static>(
        mut self,
        mut connection: impl FnMut(Local, Stream) -> F,
    ) {
        let local = self.local.clone();
        while let Some(stream) = self.accept().await {
            local.spawn(connection(local.clone(), stream));
        }
    }

    /// Pauses, and sheds if the last pause did not help. `None` when the worker stops.
    async fn wait_out(&mut self, error: AcceptError) -> Option<()> {
        match error {
            // We were slow to take connections, and accepting paused for us.
            AcceptError::Canceled => return Some(()),
            AcceptError::Closed => return None,
            _ => {}
        }
        let shed = self.short
            && error == AcceptError::DescriptorLimit
            && self.shell().ring.borrow_mut().shed(self.handle);
        self.shell().count(|counters| {
            counters.accept_pauses += 1;
            counters.shed += u64::from(shed);
        });
        self.short = true;
        log::limited(format_args!("accepting pauses: {error}"));
        let pause = self.local.timeout(PAUSE, self.local.stopping());
        match pause.await {
            Ok(()) => None,
            Err(Expired) => Some(()),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(token) = self.token {
            self.shell().abandon(token);
        }
        self.shell().ring.borrow_mut().close(self.handle);
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listener({:?})", self.handle)
    }
}
