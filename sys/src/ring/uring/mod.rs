//! The `uring` back-end: completions from the kernel itself.
//!
//! One ring per worker with `SINGLE_ISSUER` and `DEFER_TASKRUN`, one `io_uring_enter` per turn.
//! Receives are multishot into a group of small provided buffers, as long as a connection is
//! small-spoken; one that fills its buffers gets single receives into bulk buffers, which the
//! reader's pace throttles by itself. What a multishot receive brings before anybody asks is kept
//! in the connection's stash; two such chunks stop the request.
//!
//! Splice, shutdown and datagrams are direct calls (io_uring would hand them to a kernel thread),
//! with a poll request where they would block.
//!
//! A descriptor is closed when the kernel has no request on it any more; its handle is stale from
//! the moment it was asked for.

mod buffers;
mod complete;
mod direct;
mod held;
mod probe;
mod receive;
mod request;
mod submit;
mod wake;

use super::inflight::Operations;
use super::op::{Event, Handle, Side, Unsent, hand_over};
use super::reserve::Reserve;
use super::size::Size;
use super::{Adopt, Counters, OpenError, Waker};
use crate::buf::{Class, Pool};
use crate::clock::Time;
use crate::net::ReceiveError;
use crate::table::{Key, Table};
use buffers::Group;
use held::Extra;
use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, squeue};
pub(super) use probe::probe;
use receive::{Request, Stash};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use wake::Wakeup;

/// Requests that fit in one turn before an extra system call is needed.
const SUBMISSIONS: u32 = 512;
/// Buffers in the kernel's hands, powers of two.
const SMALL_BUFFERS: u16 = 256;
const BULK_BUFFERS: u16 = 32;
/// How long a dropped ring waits for the kernel to give its buffers back.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);

const NONE: u32 = u32::MAX;

/// Whether a descriptor is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    Close,
    Abort,
}

/// A descriptor and what the kernel has in hand on it.
struct Entry {
    fd: OwnedFd,
    read: u32,
    write: u32,
    /// Requests whose final completion has not come.
    kernel: u8,
    closing: Closing,
    receiving: Request,
    size: Size,
    stash: Stash,
    /// How the connection was lost, if a send was told and receives were not yet.
    lost: Option<ReceiveError>,
}

impl Entry {
    fn side(&mut self, side: Side) -> &mut u32 {
        match side {
            Side::Read => &mut self.read,
            Side::Write => &mut self.write,
        }
    }
}

/// The back-end.
pub(crate) struct Uring {
    /// Dropped by hand: the buffers below must outlive it.
    ring: ManuallyDrop<IoUring>,
    small: ManuallyDrop<Group>,
    bulk: ManuallyDrop<Group>,
    wakeup: ManuallyDrop<Wakeup>,
    entries: Table<Entry>,
    operations: ManuallyDrop<Operations<Extra>>,
    /// Sides with something to do by a direct call.
    tries: Vec<(Key, Side)>,
    /// Receives that found no buffer.
    starved: Vec<Key>,
    done: Vec<Event>,
    scratch: Vec<(u64, i32, u32)>,
    reserve: Reserve,
    pool: Pool,
    counters: Counters,
}

/// A ring with the set-up that the rest relies on.
fn build(entries: u32) -> io::Result<IoUring> {
    IoUring::builder()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_cqsize(entries * 8)
        .setup_clamp()
        .build(entries)
}

/// The one system call: submits everything, runs what the kernel deferred, and waits for `want`
/// completions or the timeout. Interrupted or out of time is no error.
fn enter(ring: &mut IoUring, want: u32, timeout: Option<Duration>) -> io::Result<()> {
    let submit = ring.submission().len() as u32;
    let timespec = timeout.map(Timespec::from);
    let arguments = match timespec {
        Some(ref timespec) => SubmitArgs::new().timespec(timespec),
        None => SubmitArgs::new(),
    };
    let flags = (EnterFlags::GETEVENTS | EnterFlags::EXT_ARG).bits();
    // SAFETY: the arguments live across the call and are of the type that EXT_ARG announces; every
    // entry in the queue was pushed with memory that lives until its completion.
    let result = unsafe { ring.submitter().enter(submit, want, flags, Some(&arguments)) };
    match result {
        Ok(_) => Ok(()),
        Err(error) => match error.raw_os_error() {
            // EBUSY, EAGAIN: the completion queue is full; taking from it is what follows anyway.
            Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
            _ => Err(error),
        },
    }
}

impl Uring {
    pub(crate) fn open(pool: Pool) -> Result<Uring, OpenError> {
        probe()?;
        let failed =
            |error: io::Error| OpenError::from_errno(error.raw_os_error().unwrap_or(libc::EINVAL));
        let ring = build(SUBMISSIONS).map_err(failed)?;
        // At most half of what may exist: the other half is for what tasks write.
        let group = |id, class, entries: u16| {
            let most = u16::try_from(pool.max(class) / 2).unwrap_or(u16::MAX).max(1);
            let entries = entries.min(1 << most.ilog2());
            Group::register(&ring.submitter(), id, class, entries).map_err(failed)
        };
        let small = group(0, Class::Small, SMALL_BUFFERS)?;
        let bulk = group(1, Class::Bulk, BULK_BUFFERS)?;
        let wakeup = Wakeup::new().map_err(failed)?;
        let mut uring = Uring {
            ring: ManuallyDrop::new(ring),
            small: ManuallyDrop::new(small),
            bulk: ManuallyDrop::new(bulk),
            wakeup: ManuallyDrop::new(wakeup),
            entries: Table::default(),
            operations: ManuallyDrop::new(Operations::new()),
            tries: Vec::new(),
            starved: Vec::new(),
            done: Vec::new(),
            scratch: Vec::new(),
            reserve: Reserve::new(),
            pool,
            counters: Counters::default(),
        };
        uring.arm_wake();
        Ok(uring)
    }

    /// Queues a request. A full queue is carried over at once, without waiting.
    #[inline]
    fn push(&mut self, entry: &squeue::Entry) {
        loop {
            // SAFETY: whoever built the entry keeps what it points to until its completion: the
            // in-flight table, the buffer groups and the wake buffer, none of which is freed
            // before the ring is drained; descriptors stay open while a request is on them.
            if unsafe { self.ring.submission().push(entry) }.is_ok() {
                return;
            }
            if let Err(error) = enter(&mut self.ring, 0, None) {
                self.counters.note_unexpected(error.raw_os_error().unwrap_or(0));
            }
        }
    }

    fn arm_wake(&mut self) {
        let entry = self.wakeup.request();
        self.push(&entry);
    }

    pub(crate) fn adopt_fd(&mut self, fd: OwnedFd, _kind: Adopt) -> Result<Handle, i32> {
        Ok(Handle(self.entries.insert(Entry {
            fd,
            read: NONE,
            write: NONE,
            kernel: 0,
            closing: Closing::No,
            receiving: Request::None,
            size: Size::default(),
            stash: Stash::default(),
            lost: None,
        })))
    }

    pub(crate) fn fd(&self, handle: Handle) -> Option<BorrowedFd<'_>> {
        let entry = self.entries.get(handle.0)?;
        (entry.closing == Closing::No).then(|| entry.fd.as_fd())
    }

    pub(crate) fn unsent(&self, socket: Handle) -> Option<Unsent> {
        self.operations.unsent(self.entries.get(socket.0)?.write)
    }

    pub(crate) fn descriptors(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.operations.len()
    }

    /// Blocks in the kernel's hands.
    pub(crate) fn blocks_held(&self) -> usize {
        self.small.held() + self.bulk.held()
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn waker(&self) -> Waker {
        self.wakeup.waker()
    }

    pub(crate) fn shed(&mut self, listener: Handle) -> bool {
        // Not through `fd()`, which would borrow the reserve, too.
        let entry = self.entries.get(listener.0).filter(|entry| entry.closing == Closing::No);
        entry.is_some_and(|entry| self.reserve.shed(entry.fd.as_fd()))
    }

    pub(crate) fn wait(
        &mut self,
        deadline: Option<Time>,
        events: &mut Vec<Event>,
    ) -> Result<(), i32> {
        self.counters.turns += 1;
        self.try_direct();
        self.small.refill(&self.pool);
        self.bulk.refill(&self.pool);
        self.restart_starved();
        let entered = if self.done.is_empty() {
            let timeout = deadline.map(|deadline| deadline.since(Time::monotonic()));
            let want = u32::from(timeout != Some(Duration::ZERO));
            enter(&mut self.ring, want, timeout)
        } else {
            enter(&mut self.ring, 0, Some(Duration::ZERO))
        };
        self.complete_all();
        hand_over(&mut self.done, events);
        entered.map_err(|error| error.raw_os_error().unwrap_or(libc::EINVAL))
    }

    /// Waits until the kernel has nothing of ours any more; false if it would not let go.
    fn drain(&mut self) -> bool {
        for key in self.entries.keys().collect::<Vec<_>>() {
            self.close(Handle(key), false);
        }
        self.push(&request::cancel_everything());
        self.wakeup.stop();
        let until = Time::monotonic() + DRAIN_LIMIT;
        while !self.entries.is_empty() || self.wakeup.is_armed() {
            let left = until.since(Time::monotonic());
            if left.is_zero() || enter(&mut self.ring, 1, Some(left)).is_err() {
                return false;
            }
            self.complete_all();
        }
        true
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        if !self.drain() {
            // The kernel may still write to the buffers: losing their memory is the lesser harm.
            return;
        }
        // SAFETY: each is dropped here once and not used afterwards; the ring goes first, so that
        // no registration outlives its memory.
        unsafe {
            ManuallyDrop::drop(&mut self.ring);
            ManuallyDrop::drop(&mut self.small);
            ManuallyDrop::drop(&mut self.bulk);
            ManuallyDrop::drop(&mut self.wakeup);
            ManuallyDrop::drop(&mut self.operations);
        }
    }
}
