//! What the handles of one worker share: the ring, the slots, the tasks, the timers.
//!
//! One thread, so `RefCell`s suffice; none is borrowed while foreign code (a task) runs.

use super::operation::{After, Completed, Operations};
use super::pending::{Failure, ReceiveResult, SendResult};
use super::pipes::{PipeConfig, Pipes};
use super::task::{TaskKey, Tasks};
use super::timer::{TimerKey, Wheel};
use crate::log;
use koi_sys::buf::Pool;
use koi_sys::clock::Time;
use koi_sys::net::AcceptError;
use koi_sys::ring::{Event, Handle, Op, Payload, Ring, Token};
use koi_sys::table::Key;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

/// The shared state of one worker.
pub(crate) struct Shell {
    pub(crate) ring: RefCell<Ring>,
    pub(crate) pool: Pool,
    pub(crate) pipes: Rc<Pipes>,
    pub(crate) tasks: RefCell<Tasks>,
    operations: RefCell<Operations>,
    timers: RefCell<Wheel>,
    /// Unexpected errno values logged so far.
    unexpected: Cell<u64>,
    /// The task being polled.
    pub(crate) current: Cell<TaskKey>,
    /// Operations that the task being polled may still have done at once; then others come first.
    pub(crate) credit: Cell<u32>,
    /// The clock, read once a turn.
    now: Cell<Time>,
    pub(crate) stop: Cell<Option<Stop>>,
    /// Tasks that wait for the stop.
    stop_waiters: RefCell<HashSet<TaskKey>>,
    pub(crate) counters: RefCell<Counters>,
}

/// An operation that was done at once, or is in flight.
pub(crate) enum Started<T> {
    Done(T),
    Waiting(Token),
}

/// An orderly stop: no new work, and a last moment for what is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// When what is still running is dropped.
    pub deadline: Time,
}

/// What a worker has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Tasks started.
    pub tasks: u64,
    /// Tasks that panicked; each cost its own connection and nothing else.
    pub panics: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Times that accepting paused for want of descriptors or memory.
    pub accept_pauses: u64,
    /// Connections closed unserved because there were no descriptors.
    pub shed: u64,
    /// Messages from other threads.
    pub messages: u64,
    /// Wakes through a foreign future's waker, each of which polls every task.
    pub foreign_wakes: u64,
}

impl Shell {
    pub(crate) fn new(ring: Ring, pool: Pool, pipes: PipeConfig) -> Shell {
        let now = ring.now();
        Shell {
            ring: RefCell::new(ring),
            pool,
            pipes: Pipes::new(pipes),
            tasks: RefCell::default(),
            operations: RefCell::default(),
            timers: RefCell::new(Wheel::new(now)),
            unexpected: Cell::new(0),
            current: Cell::new(Key::NONE),
            credit: Cell::new(0),
            now: Cell::new(now),
            stop: Cell::new(None),
            stop_waiters: RefCell::default(),
            counters: RefCell::default(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.now.get()
    }

    pub(crate) fn read_clock(&self) {
        self.now.set(self.ring.borrow().now());
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters.borrow_mut());
    }

    /// A slot for an operation: the old one's, if it has one that is done with.
    #[inline]
    fn begin(&self, old: Option<Token>, awaited: bool) -> Token {
        let (mut operations, task) = (self.operations.borrow_mut(), self.current.get());
        match old {
            Some(token) if operations.begin_again(token, task, awaited) => token,
            _ => operations.begin(task, awaited),
        }
    }

    /// Whether the task being polled may have one more operation done at once.
    fn spend_credit(&self) -> bool {
        let credit = self.credit.get();
        self.credit.set(credit.saturating_sub(1));
        credit > 0
    }

    /// Hands an operation to the ring.
    pub(crate) fn submit(&self, op: Op) -> Token {
        let token = self.begin(None, true);
        self.ring.borrow_mut().submit(op, token);
        token
    }

    /// Sends at once, if that is possible, or hands the send to the ring.
    #[inline]
    pub(crate) fn send(
        &self,
        socket: Handle,
        payload: Payload,
        awaited: bool,
    ) -> Started<SendResult> {
        if !self.spend_credit() {
            return Started::Waiting(self.submit(Op::Send(socket, payload)));
        }
        let mut token = Token::WAKE;
        let sent = self.ring.borrow_mut().send_now(socket, payload, || {
            token = self.begin(None, awaited);
            token
        });
        match sent {
            Some((Ok(()), _)) => Started::Done(Ok(())),
            Some((Err(error), given)) => Started::Done(Err(Failure { error, given: Some(given) })),
            None => Started::Waiting(token),
        }
    }

    /// Receives what is there, or hands the receive to the ring.
    #[inline]
    pub(crate) fn receive(&self, socket: Handle, old: Option<Token>) -> Started<ReceiveResult> {
        let mut token = Token::WAKE;
        let mut begin = || {
            token = self.begin(old, true);
            token
        };
        if !self.spend_credit() {
            self.ring.borrow_mut().submit(Op::Receive(socket), begin());
            return Started::Waiting(token);
        }
        let received = self.ring.borrow_mut().receive_now(socket, begin);
        match received {
            Some(result) => Started::Done(result),
            None => Started::Waiting(token),
        }
    }

    pub(crate) fn submit_accept(&self, listener: Handle) -> Token {
        let token = self.operations.borrow_mut().begin_accepting(self.current.get());
        self.ring.borrow_mut().submit(Op::Accept(listener), token);
        token
    }

    #[inline]
    pub(crate) fn poll_operation(&self, token: Token) -> Option<Completed> {
        self.operations.borrow_mut().poll(token, self.current.get())
    }

    #[inline]
    pub(crate) fn is_in_flight(&self, token: Token) -> bool {
        self.operations.borrow().is_in_flight(token)
    }

    #[inline]
    pub(crate) fn has_result(&self, token: Token) -> bool {
        self.operations.borrow().has_result(token)
    }

    #[inline]
    pub(crate) fn peek_operation(&self, token: Token) -> Option<Completed> {
        self.operations.borrow_mut().peek(token)
    }

    pub(crate) fn poll_accept(&self, token: Token) -> Option<Result<Handle, AcceptError>> {
        self.operations.borrow_mut().poll_accept(token, self.current.get())
    }

    /// A future with this operation is gone.
    #[inline]
    pub(crate) fn release(&self, token: Token) {
        if !self.operations.borrow_mut().free_idle(token) {
            self.abandon(token);
        }
    }

    /// The same for one that is not known to be done with.
    pub(crate) fn abandon(&self, token: Token) {
        let mut orphans = Vec::new();
        let cancel = self.operations.borrow_mut().abandon(token, &mut orphans);
        let mut ring = self.ring.borrow_mut();
        if cancel {
            ring.cancel(token);
        }
        for handle in orphans {
            ring.close(handle);
        }
    }

    #[inline]
    pub(crate) fn handle_event(&self, event: Event) {
        let token = event.token;
        let after = self.operations.borrow_mut().handle_event(event);
        match after {
            After::Wake(task) => self.tasks.borrow_mut().wake(task),
            After::Pause(task) => {
                self.ring.borrow_mut().cancel(token);
                self.tasks.borrow_mut().wake(task);
            }
            After::Close(handle) => self.ring.borrow_mut().close(handle),
            After::Nothing => {}
        }
    }

    pub(crate) fn arm_timer(&self, deadline: Time) -> TimerKey {
        self.timers.borrow_mut().arm(deadline, self.current.get())
    }

    pub(crate) fn cancel_timer(&self, key: TimerKey) {
        self.timers.borrow_mut().cancel(key);
    }

    pub(crate) fn is_timer_armed(&self, key: TimerKey) -> bool {
        self.timers.borrow().is_armed(key)
    }

    pub(crate) fn fire_timers(&self) {
        let mut tasks = self.tasks.borrow_mut();
        self.timers.borrow_mut().advance(self.now.get(), |task| tasks.wake(task));
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let timer = self.timers.borrow().next_deadline();
        // One that has passed is no reason to hurry: whoever runs to it has seen it.
        let stop = self.stop.get().map(|stop| stop.deadline).filter(|at| *at > self.now());
        match (timer, stop) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Begins an orderly stop; an earlier deadline than the last one wins.
    pub(crate) fn begin_stop(&self, stop: Stop) {
        let earlier = self.stop.get().is_none_or(|last| stop.deadline < last.deadline);
        if earlier {
            self.stop.set(Some(stop));
        }
        for task in self.stop_waiters.borrow_mut().drain() {
            self.tasks.borrow_mut().wake(task);
        }
    }

    /// Whether a stop has begun; if not, the current task is woken when it does.
    pub(crate) fn poll_stop(&self) -> bool {
        let stopping = self.stop.get().is_some();
        let task = self.current.get();
        let mut waiters = self.stop_waiters.borrow_mut();
        if !stopping && waiters.insert(task) && waiters.len() == waiters.capacity() {
            // Before it grows: those whose tasks have ended are waiting for nothing.
            let tasks = self.tasks.borrow();
            waiters.retain(|task| tasks.contains(*task));
        }
        stopping
    }

    /// Has the task being polled polled again at the next turn.
    pub(crate) fn wake_current(&self) {
        self.tasks.borrow_mut().wake(self.current.get());
    }

    /// Operations whose final event has not come.
    pub(crate) fn operations(&self) -> usize {
        self.operations.borrow().len()
    }

    pub(crate) fn timers(&self) -> usize {
        self.timers.borrow().len()
    }

    /// Logs that the kernel gave an errno that no operation is known to give, if it has.
    #[inline]
    pub(crate) fn note_unexpected(&self) {
        let ring = self.ring.borrow();
        if ring.counters().unexpected != self.unexpected.get() {
            self.unexpected.set(ring.counters().unexpected);
            let last = std::io::Error::from_raw_os_error(ring.counters().unexpected_last);
            log::limited(format_args!("an operation failed as none is known to: {last}"));
        }
    }

    pub(crate) fn note_panic(&self) {
        self.count(|counters| counters.panics += 1);
        static PANICS: log::Limit = log::Limit::new();
        PANICS
            .warning(format_args!("a task panicked; its connection is closed, the worker goes on"));
    }
}
