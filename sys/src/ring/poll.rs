//! The `poll` back-end's selector: mio, which is epoll on Linux and kqueue on FreeBSD.

use super::Waker;
use super::posix::Selector;
use super::system::{Interest, Ready};
use super::waker::Wake;
use crate::clock::Time;
use crate::table::Key;
use mio::unix::SourceFd;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

/// News fetched in one call.
const EVENTS_PER_TURN: usize = 512;

const WAKE: mio::Token = mio::Token(usize::MAX);

/// A mio poll and its buffer.
pub(crate) struct Poll {
    poll: mio::Poll,
    events: mio::Events,
    waker: Arc<mio::Waker>,
}

const _: () = assert!(usize::BITS == 64, "a key needs 60 bits of mio's token");

impl Poll {
    pub(crate) fn new() -> io::Result<Poll> {
        let poll = mio::Poll::new()?;
        let waker = Arc::new(mio::Waker::new(poll.registry(), WAKE)?);
        Ok(Poll { poll, events: mio::Events::with_capacity(EVENTS_PER_TURN), waker })
    }
}

impl Selector for Poll {
    fn watch(&mut self, fd: BorrowedFd<'_>, key: Key, interest: Interest) -> Result<(), i32> {
        let interest = match interest {
            Interest::Listener => mio::Interest::READABLE,
            Interest::Stream => mio::Interest::READABLE | mio::Interest::WRITABLE,
            Interest::Later => return Ok(()),
        };
        let token = mio::Token(key.to_bits() as usize);
        self.poll
            .registry()
            .register(&mut SourceFd(&fd.as_raw_fd()), token, interest)
            .map_err(|error| error.raw_os_error().unwrap_or(libc::EINVAL))
    }

    fn forget(&mut self, _fd: BorrowedFd<'_>) {
        // Closing the last descriptor of a file takes it out of epoll(7) and kqueue(2) by itself,
        // and nothing here duplicates one: the system call can be saved.
    }

    fn select(&mut self, deadline: Option<Time>, ready: &mut Vec<Ready>) -> Result<(), i32> {
        let timeout = deadline.map(|deadline| deadline.since(Time::monotonic()));
        match self.poll.poll(&mut self.events, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error.raw_os_error().unwrap_or(libc::EINVAL)),
        }
        ready.extend(self.events.iter().map(|event| match event.token() {
            WAKE => Ready::WOKEN,
            token => Ready {
                key: Key::from_bits(token.0 as u64),
                readable: event.is_readable(),
                writable: event.is_writable(),
                // An error alone counts as a closed write side.
                hangup: event.is_read_closed() || event.is_write_closed(),
                failed: 0,
            },
        }));
        Ok(())
    }

    fn waker(&self) -> Waker {
        Waker::new(self.waker.clone())
    }
}

impl Wake for Arc<mio::Waker> {
    fn wake(&self) {
        // It fails only when its descriptor is bad, and the Arc keeps that open.
        let _ = mio::Waker::wake(self);
    }
}
