//! The `kqueue` back-end's selector (FreeBSD).
//!
//! Each descriptor is registered once per direction with `EV_CLEAR`; its key, generation included,
//! is the `udata`. A turn is one `kevent` call that carries the changes and returns the events.
//! Errors of single changes come back as events with `EV_ERROR` and are checked. Wakes are an
//! `EVFILT_USER`. A queue is not inherited by fork(2): nothing forks after a ring was opened.

use super::Waker;
use super::posix::Selector;
use super::system::{Interest, Ready};
use super::waker::Wake;
use crate::clock::Time;
use crate::table::Key;
use kqueue_sys::{EventFilter, EventFlag, FilterFlag, kevent};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;

/// News fetched in one call.
const EVENTS_PER_TURN: usize = 512;
/// Changes kept before they are carried over by themselves.
const CHANGES_MAX: usize = 512;

// FreeBSD 12 and later, sys/event.h.
const _: () = assert!(size_of::<kevent>() == 64 && align_of::<kevent>() == 8);

/// A kernel queue, the changes not yet carried to it, and room for its events.
pub(crate) struct Kqueue {
    queue: Arc<OwnedFd>,
    changes: Vec<kevent>,
    events: Vec<kevent>,
}

impl Kqueue {
    pub(crate) fn new() -> io::Result<Kqueue> {
        // SAFETY: takes nothing, returns a new descriptor or -1.
        let raw = unsafe { kqueue_sys::kqueue() };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        let queue = Arc::new(unsafe { OwnedFd::from_raw_fd(raw) });
        close_on_exec(&queue)?;
        let mut kqueue = Kqueue { queue, changes: Vec::new(), events: Vec::new() };
        let user = EventFlag::EV_ADD | EventFlag::EV_CLEAR;
        kqueue.changes.push(change(0, EventFilter::EVFILT_USER, user, Key::NONE));
        kqueue.call(Some(Time::default())).map_err(io::Error::from_raw_os_error)?;
        match kqueue.events.first().map(error_of) {
            Some(errno) if errno != 0 => Err(io::Error::from_raw_os_error(errno)),
            _ => Ok(kqueue),
        }
    }

    fn add(&mut self, fd: BorrowedFd<'_>, filter: EventFilter, key: Key) {
        let ident = fd.as_raw_fd() as usize;
        self.changes.push(change(ident, filter, EventFlag::EV_ADD | EventFlag::EV_CLEAR, key));
    }

    /// The one system call of a turn: changes over, events back into `self.events`.
    fn call(&mut self, deadline: Option<Time>) -> Result<(), i32> {
        let timeout = deadline.map(|deadline| {
            let left = deadline.since(Time::monotonic());
            libc::timespec {
                tv_sec: left.as_secs() as libc::time_t,
                tv_nsec: libc::c_long::from(left.subsec_nanos()),
            }
        });
        let timeout = timeout.as_ref().map_or(std::ptr::null(), |t| t as *const libc::timespec);
        self.events.clear();
        // Room for every change to report an error: an event that finds none is lost (kqueue(2)).
        self.events.reserve(EVENTS_PER_TURN.max(self.changes.len()));
        // SAFETY: both lists are valid for the lengths given, the timeout is null or a valid
        // timespec; the kernel keeps none of them past the call.
        let n = unsafe {
            kevent(
                self.queue.as_raw_fd(),
                self.changes.as_ptr(),
                self.changes.len() as i32,
                self.events.as_mut_ptr(),
                self.events.capacity().min(i32::MAX as usize) as i32,
                timeout,
            )
        };
        // The kernel has taken the changes even when the wait was interrupted.
        self.changes.clear();
        if n < 0 {
            let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
            return if errno == libc::EINTR { Ok(()) } else { Err(errno) };
        }
        // SAFETY: the kernel has filled the first n, which is at most the capacity given.
        unsafe { self.events.set_len(n as usize) };
        Ok(())
    }
}

fn close_on_exec(fd: &OwnedFd) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map(|_| ()).map_err(io::Error::from)
}

fn change(ident: usize, filter: EventFilter, flags: EventFlag, key: Key) -> kevent {
    let mut change = kevent::new(ident, filter, flags, FilterFlag::empty());
    change.udata = key.to_bits() as *mut libc::c_void;
    change
}

/// The errno that an event carries, zero for real news.
fn error_of(event: &kevent) -> i32 {
    if event.flags.contains(EventFlag::EV_ERROR) { event.data as i32 } else { 0 }
}

/// What an event says.
fn news(event: &kevent) -> Ready {
    if event.filter == EventFilter::EVFILT_USER {
        return Ready::WOKEN;
    }
    let failed = error_of(event);
    Ready {
        key: Key::from_bits(event.udata as u64),
        readable: event.filter == EventFilter::EVFILT_READ,
        writable: event.filter == EventFilter::EVFILT_WRITE,
        // EV_EOF is a hint: bytes may wait before the end, so it only says "keep reading". A change
        // that failed leaves the descriptor unwatched: what is in flight on it must try and learn.
        hangup: event.flags.contains(EventFlag::EV_EOF) || failed != 0,
        failed,
    }
}

impl Selector for Kqueue {
    fn watch(&mut self, fd: BorrowedFd<'_>, key: Key, interest: Interest) -> Result<(), i32> {
        match interest {
            Interest::Later => {}
            Interest::Listener => self.add(fd, EventFilter::EVFILT_READ, key),
            Interest::Stream => {
                self.add(fd, EventFilter::EVFILT_READ, key);
                self.add(fd, EventFilter::EVFILT_WRITE, key);
            }
        }
        Ok(())
    }

    fn forget(&mut self, fd: BorrowedFd<'_>) {
        // A change carried after the close would hit whoever has the number by then.
        let ident = fd.as_raw_fd() as usize;
        self.changes.retain(|c| c.ident != ident || c.filter == EventFilter::EVFILT_USER);
    }

    fn select(&mut self, deadline: Option<Time>, ready: &mut Vec<Ready>) -> Result<(), i32> {
        let deadline =
            if self.changes.len() > CHANGES_MAX { Some(Time::default()) } else { deadline };
        self.call(deadline)?;
        ready.extend(self.events.iter().map(news));
        Ok(())
    }

    fn waker(&self) -> Waker {
        Waker::new(Trigger(self.queue.clone()))
    }
}

/// Triggers the queue's user event from any thread.
struct Trigger(Arc<OwnedFd>);

impl Wake for Trigger {
    fn wake(&self) {
        let mut trigger = change(0, EventFilter::EVFILT_USER, EventFlag::empty(), Key::NONE);
        trigger.fflags = FilterFlag::NOTE_TRIGGER;
        // SAFETY: one valid change, no room for events, no timeout needed: the call cannot wait.
        // The Arc keeps the queue open.
        unsafe {
            kevent(self.0.as_raw_fd(), &trigger, 1, std::ptr::null_mut(), 0, std::ptr::null());
        }
    }
}
