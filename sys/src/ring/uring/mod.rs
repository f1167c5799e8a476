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
mod probe;
mod receive;
mod request;
mod wake;

use super::inflight::{Cursor, InFlight, Operations, RUNS_MAX};
use super::op::{Event, Handle, Op, Outcome, Payload, Refused, Side, Token, hand_over};
use super::reserve::Reserve;
use super::size::Size;
use super::{Adopt, Counters, OpenError, Waker};
use crate::buf::{Chunk, Class, Pool};
use crate::clock::Time;
use crate::net::{ConnectError, RawAddress, ReceiveError, SendError, set_linger_zero};
use crate::table::{Key, Table};
use buffers::Group;
use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, squeue};
pub(super) use probe::probe;
use receive::{Request, Stash};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
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

/// What an operation in flight keeps beside itself.
#[derive(Debug, Default)]
struct Extra {
    canceled: bool,
    /// The kernel has a poll request for it.
    polling: bool,
    memory: Memory,
}

/// Memory that the kernel reads until the final completion.
#[derive(Debug, Default)]
#[expect(dead_code, reason = "kept for the kernel, which reads it by address")]
enum Memory {
    #[default]
    Nothing,
    Address(Box<RawAddress>),
    Message(Box<Message>),
}

/// A vectored send in the kernel's words.
struct Message {
    header: libc::msghdr,
    runs: [libc::iovec; RUNS_MAX],
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} runs)", self.header.msg_iovlen)
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

/// Whether an operation's end has been asked for.
fn is_canceled(inflight: &InFlight<Extra>) -> bool {
    inflight.extra().is_some_and(|extra| extra.canceled)
}

/// The request that the kernel has for an operation itself.
fn kernel_request(inflight: &InFlight<Extra>) -> Option<request::Kind> {
    use request::Kind;
    let polling = inflight.extra().is_some_and(|extra| extra.polling);
    match &inflight.op {
        // Its request is the connection's: what that brings waits in the stash for the next one.
        Op::Receive(_) => None,
        Op::Accept(_) => Some(Kind::Accept),
        Op::Connect(..) => Some(Kind::Connect),
        Op::Send(_, payload) => (!payload.is_empty()).then_some(Kind::Send),
        Op::Fill(..) => polling.then_some(Kind::PollRead),
        Op::Drain(..) | Op::SendTo(..) | Op::Shutdown(..) => polling.then_some(Kind::PollWrite),
    }
}

impl Uring {
    pub(crate) fn open(pool: Pool) -> Result<Uring, OpenError> {
        probe()?;
        let failed =
            |error: io::Error| OpenError::from_errno(error.raw_os_error().unwrap_or(libc::EINVAL));
        let ring = build(SUBMISSIONS).map_err(failed)?;
        let group = |id, class, entries| {
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

    pub(crate) fn submit(&mut self, op: Op, token: Token) {
        let (Handle(key), side) = (op.handle(), op.side());
        let Some(entry) = self.entries.get_mut(key).filter(|e| e.closing == Closing::No) else {
            self.counters.stale_handles += 1;
            self.done.push(op.refuse(token, Refused::Closed));
            return;
        };
        if *entry.side(side) != NONE {
            self.done.push(op.refuse(token, Refused::Busy));
            return;
        }
        if let Op::Receive(_) = op
            && let Some(outcome) = entry.stash.pop()
        {
            self.counters.note(&outcome);
            self.done.push(Event::last(token, outcome));
            return;
        }
        *entry.side(side) = token.0.index;
        if let Err(op) = self.operations.put(token, op, Cursor::default()) {
            *entry.side(side) = NONE;
            self.done.push(op.refuse(token, Refused::Busy));
            return;
        }
        self.start(key, side);
    }

    /// Gives an operation just filed to the kernel, or to the next turn's direct calls.
    fn start(&mut self, key: Key, side: Side) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let index = *entry.side(side);
        let Some((_, inflight)) = self.operations.at(index) else { return };
        match &inflight.op {
            Op::Receive(_) => self.arm_receive(key),
            Op::Send(_, payload) if !payload.is_empty() => self.push_send(key),
            Op::Accept(_) => {
                entry.kernel += 1;
                let request = request::accept(entry.fd.as_raw_fd(), key);
                self.push(&request);
            }
            Op::Connect(_, to) => {
                let Some(raw) = to.to_raw() else {
                    let error = ConnectError::from_errno(libc::ENAMETOOLONG);
                    return self.conclude(key, side, Outcome::Connected(Err(error)));
                };
                let address = Box::new(raw);
                let (pointer, len) = (address.as_ptr(), address.len());
                inflight.extra_mut().memory = Memory::Address(address);
                entry.kernel += 1;
                let request = request::connect(entry.fd.as_raw_fd(), key, pointer, len);
                self.push(&request);
            }
            _ => self.tries.push((key, side)),
        }
    }

    /// Queues what is left of the send in flight on a descriptor.
    fn push_send(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let Some((_, inflight)) = self.operations.at(entry.write) else { return };
        let Op::Send(_, payload) = &inflight.op else { return };
        let fd = entry.fd.as_raw_fd();
        let cursor = inflight.cursor();
        let request = if cursor.runs(payload).nth(1).is_some() {
            let message = Message::new(cursor.runs(payload));
            let request = request::send_message(fd, key, &message.header);
            inflight.extra_mut().memory = Memory::Message(message);
            request
        } else {
            request::send(fd, key, cursor.runs(payload).next().unwrap_or_default())
        };
        entry.kernel += 1;
        self.push(&request);
    }

    /// See [`super::Ring::send_now`].
    #[inline]
    pub(crate) fn send_now(
        &mut self,
        socket: Handle,
        payload: Payload,
        token: impl FnOnce() -> Token,
    ) -> Option<(Result<(), SendError>, Payload)> {
        let token = token();
        if let Payload::One(chunk) = &payload
            && !chunk.is_empty()
            && let Some(entry) = self.entries.get_mut(socket.0)
            && entry.closing == Closing::No
            && entry.write == NONE
        {
            // The usual case, with one look-up instead of four.
            let request = request::send(entry.fd.as_raw_fd(), socket.0, chunk);
            let filed = self.operations.put(token, Op::Send(socket, payload), Cursor::default());
            if let Err(op) = filed {
                self.done.push(op.refuse(token, Refused::Busy));
                return None;
            }
            entry.write = token.0.index;
            entry.kernel += 1;
            self.push(&request);
            return None;
        }
        self.submit(Op::Send(socket, payload), token);
        None
    }

    /// See [`super::Ring::receive_now`].
    #[inline]
    pub(crate) fn receive_now(
        &mut self,
        socket: Handle,
        token: impl FnOnce() -> Token,
    ) -> Option<Result<Option<Chunk>, ReceiveError>> {
        let usual = self.entries.get_mut(socket.0);
        let usual = usual.filter(|e| e.read == NONE && e.closing == Closing::No);
        let Some(entry) = usual else {
            self.submit(Op::Receive(socket), token());
            return None;
        };
        if let Some(Outcome::Received(result)) = entry.stash.pop() {
            if let Err(error) = result {
                self.counters.note(&Outcome::Received(Err(error)));
            }
            return Some(result);
        }
        let token = token();
        if self.operations.put(token, Op::Receive(socket), Cursor::default()).is_err() {
            self.done.push(Op::Receive(socket).refuse(token, Refused::Busy));
            return None;
        }
        entry.read = token.0.index;
        if entry.receiving == Request::None {
            self.arm_receive(socket.0);
        }
        None
    }

    pub(crate) fn cancel(&mut self, token: Token) {
        let Some(inflight) = self.operations.get_mut(token) else {
            self.counters.stale_tokens += 1;
            return;
        };
        if inflight.op.outruns_cancel() {
            return;
        }
        let (Handle(key), side) = (inflight.op.handle(), inflight.op.side());
        match kernel_request(inflight) {
            Some(kind) => {
                inflight.extra_mut().canceled = true;
                self.push(&request::cancel(kind, key));
            }
            None => self.finish_canceled(key, side),
        }
    }

    /// Ends an operation that the kernel does not have.
    fn finish_canceled(&mut self, key: Key, side: Side) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let index = std::mem::replace(entry.side(side), NONE);
        if let Some((token, inflight)) = self.operations.take(index) {
            self.done.push(inflight.op.canceled(token));
        }
    }

    pub(crate) fn close(&mut self, handle: Handle, abort: bool) {
        let Handle(key) = handle;
        let Some(entry) = self.entries.get_mut(key).filter(|e| e.closing == Closing::No) else {
            self.counters.stale_handles += 1;
            return;
        };
        entry.closing = if abort { Closing::Abort } else { Closing::Close };
        entry.stash = Stash::default();
        let (fd, kernel) = (entry.fd.as_raw_fd(), entry.kernel);
        if kernel > 0 {
            self.push(&request::cancel_descriptor(fd));
        }
        for side in [Side::Read, Side::Write] {
            if !self.in_kernel(key, side) {
                self.finish_canceled(key, side);
            }
        }
        self.settle(key);
    }

    /// Whether the kernel will complete the operation on this side by itself.
    fn in_kernel(&mut self, key: Key, side: Side) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return false };
        let index = *entry.side(side);
        self.operations.at(index).is_some_and(|(_, inflight)| kernel_request(inflight).is_some())
    }

    /// Lets go of a closing descriptor once the kernel has.
    fn settle(&mut self, key: Key) {
        match self.entries.get(key) {
            Some(entry) if entry.closing != Closing::No && entry.kernel == 0 => {}
            _ => return,
        }
        if let Some(entry) = self.entries.remove(key)
            && entry.closing == Closing::Abort
        {
            // A socket that cannot be reset (already gone) is closed all the same.
            let _ = set_linger_zero(entry.fd.as_fd());
        }
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

impl Message {
    fn new<'a>(runs: impl Iterator<Item = &'a [u8]>) -> Box<Message> {
        let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        // SAFETY: msghdr is plain data for which all zeroes mean "nothing": no name, no control.
        let header: libc::msghdr = unsafe { std::mem::zeroed() };
        let mut message = Box::new(Message { header, runs: [empty; RUNS_MAX] });
        let mut count = 0;
        for run in runs {
            message.runs[count] =
                libc::iovec { iov_base: run.as_ptr().cast_mut().cast(), iov_len: run.len() };
            count += 1;
        }
        message.header.msg_iov = message.runs.as_mut_ptr();
        message.header.msg_iovlen = count as _;
        message
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
