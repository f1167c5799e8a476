//! The thread-per-core shell: a small single-threaded executor on one ring.
//!
//! In: futures to run, messages from other threads. Out: what the futures do. A turn polls the
//! tasks that were woken, then waits once for the ring, the next timer, or a message. Completions
//! wake by token, timers by key; there is no lock and no atomic operation on a request's path.
//!
//! A task that panics ends alone: its future is dropped, its descriptors closed, and it is counted.
//!
//! Limits: [`MAILBOX`] messages may wait; a turn polls each woken task once, so tasks that wake each
//! other cannot keep the ring from its turn.

mod dial;
pub mod future;
mod group;
mod listener;
pub mod mailbox;
mod operation;
mod pending;
mod pipes;
mod shell;
mod stream;
mod task;
mod time;
pub mod timer;

pub use dial::DialOptions;
pub use group::{Group, GroupConfig, StartError};
pub use koi_sys::buf::Class;
pub use koi_sys::buf::{Chunk, Lease, Pool, PoolConfig, PoolStats};
pub use koi_sys::clock::Time;
pub use koi_sys::net::{
    ConnectError, How, KeepAlive, ListenOptions, Pipe, ReceiveError, SendError, SocketAddress,
};
pub use koi_sys::ring::{Adopt, Caps, Choice, Kind, Payload, Refused, Ring, Unsent};
pub use listener::{Listener, ListenerRef};
pub use pending::{
    Connecting, Draining, Failure, Filling, Nothing, Pending, Reading, ReceiveResult, Receiving,
    SendResult, Sending,
};
pub use pipes::{Lent, PipeConfig};
pub use shell::{Counters, Stop};
pub use stream::{ReceiveFuture, SendFuture, Started, Stream, StreamId};
pub use time::{Expired, Sleep};

use koi_sys::ring::{Event, Outcome};
use mailbox::{Address, Mailbox};
use shell::Shell;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Messages that may wait for a worker.
pub const MAILBOX: usize = 1024;

/// Operations that a task may have done at once each time it is polled, before the others get
/// their turn.
const CREDIT: u32 = 16;

/// Turns that a finished worker gives its ring to hand back what it still has.
const LAST_TURNS: usize = 1000;

/// What other threads tell a worker.
pub enum Message {
    /// Stop in order, what is under way to end within the time given.
    Stop(Duration),
    /// Run this on the worker's thread.
    Run(Box<dyn FnOnce(&Local) + Send>),
}

/// A worker: owns its tasks; runs on the thread that made it.
pub struct Worker {
    local: Local,
    mailbox: Mailbox<Message>,
    foreign: Arc<Foreign>,
    waker: Waker,
    events: RefCell<Vec<Event>>,
}

/// A handle on the worker for what runs on its thread.
#[derive(Clone)]
pub struct Local(pub(crate) Rc<Shell>);

/// What a worker leaves behind: zero everywhere, or something leaked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Tasks not finished.
    pub tasks: usize,
    /// Operations without their final event.
    pub operations: usize,
    /// Timers still armed.
    pub timers: usize,
    /// Descriptors still open.
    pub descriptors: usize,
    /// Blocks not returned, beyond those in the kernel's hands.
    pub blocks: usize,
}

/// A task of this worker, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskRef(task::TaskKey);

impl TaskRef {
    /// That of no task.
    pub const NONE: TaskRef = TaskRef(koi_sys::table::Key::NONE);
}

/// The waker that futures see.
struct Foreign {
    woken: AtomicBool,
    waker: koi_sys::ring::Waker,
}

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }
}

impl Worker {
    /// A worker on a ring that takes its buffers from `pool`.
    pub fn new(ring: Ring, pool: Pool) -> Worker {
        Worker::with_pipes(ring, pool, PipeConfig::default())
    }

    /// The same with pipes of this kind.
    pub fn with_pipes(ring: Ring, pool: Pool, pipes: PipeConfig) -> Worker {
        let waker = ring.waker();
        let foreign = Arc::new(Foreign { woken: AtomicBool::new(false), waker: waker.clone() });
        Worker {
            local: Local(Rc::new(Shell::new(ring, pool, pipes))),
            mailbox: Mailbox::new(MAILBOX, waker),
            waker: foreign.clone().into(),
            foreign,
            events: RefCell::default(),
        }
    }

    /// The handle for what runs on this worker.
    pub fn local(&self) -> &Local {
        &self.local
    }

    /// Where other threads send messages to.
    pub fn address(&self) -> Address<Message> {
        self.mailbox.address()
    }

    /// Runs until a stop was asked for and every task has ended or its deadline has passed; then
    /// drops what is left.
    pub fn run(self) -> Leftovers {
        let shell = &self.local.0;
        loop {
            self.poll_tasks();
            if let Some(stop) = shell.stop.get()
                && (shell.tasks.borrow().len() == 0 || shell.now() >= stop.deadline)
            {
                return self.finish();
            }
            self.wait();
        }
    }

    /// Runs until this future has ended, and gives its result. Other tasks stay where they are.
    pub fn block_on<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> T {
        let result = Rc::new(RefCell::new(None));
        let slot = result.clone();
        self.local.spawn(async move {
            let value = future.await;
            *slot.borrow_mut() = Some(value);
        });
        loop {
            self.poll_tasks();
            if let Some(value) = result.borrow_mut().take() {
                return value;
            }
            // The task is gone without a result: it panicked, and here that is the caller's.
            assert!(Rc::strong_count(&result) > 1, "the task panicked");
            self.wait();
        }
    }

    /// Polls every task that was woken, then waits for something to happen.
    pub fn turn(&self) {
        self.poll_tasks();
        self.wait();
    }

    fn wait(&self) {
        let shell = &self.local.0;
        let deadline = match shell.tasks.borrow().queued() {
            0 => shell.next_deadline(),
            _ => Some(Time::default()),
        };
        let mut events = self.events.borrow_mut();
        let waited = shell.ring.borrow_mut().wait(deadline, &mut events);
        if let Err(errno) = waited {
            crate::log::limited(format_args!(
                "waiting for events failed: {}",
                std::io::Error::from_raw_os_error(errno)
            ));
        }
        shell.read_clock();
        shell.note_unexpected();
        let woken = self.take_in(&mut events);
        drop(events);
        shell.fire_timers();
        if woken {
            self.handle_wake();
        }
    }

    /// Hands events to who waits for them; true if a wake was among them.
    fn take_in(&self, events: &mut Vec<Event>) -> bool {
        let mut woken = false;
        for event in events.drain(..) {
            match event.outcome {
                Outcome::Woken => woken = true,
                _ => self.local.0.handle_event(event),
            }
        }
        woken
    }

    fn handle_wake(&self) {
        if self.foreign.woken.swap(false, Ordering::AcqRel) {
            self.local.0.count(|counters| counters.foreign_wakes += 1);
            self.local.0.tasks.borrow_mut().wake_all();
        }
        self.mailbox.drain(|message| {
            self.local.0.count(|counters| counters.messages += 1);
            match message {
                Message::Stop(grace) => self.local.stop_within(grace),
                Message::Run(run) => {
                    if catch_unwind(AssertUnwindSafe(|| run(&self.local))).is_err() {
                        self.local.0.note_panic();
                    }
                }
            }
        });
    }

    /// Polls the tasks woken before this turn, each once.
    fn poll_tasks(&self) {
        let shell = &self.local.0;
        let woken = shell.tasks.borrow().queued();
        for _ in 0..woken {
            let Some((key, mut future)) = shell.tasks.borrow_mut().take_next() else { return };
            shell.current.set(key);
            shell.credit.set(CREDIT);
            let mut context = Context::from_waker(&self.waker);
            let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)));
            match polled {
                Ok(Poll::Pending) => shell.tasks.borrow_mut().put_back(key, future),
                Ok(Poll::Ready(())) => {
                    shell.tasks.borrow_mut().remove(key);
                    drop_quietly(shell, future);
                }
                Err(_) => {
                    shell.tasks.borrow_mut().remove(key);
                    shell.note_panic();
                    drop_quietly(shell, future);
                }
            }
            shell.current.set(koi_sys::table::Key::NONE);
            shell.credit.set(0);
        }
    }

    /// Drops every task and waits for the ring to hand everything back.
    fn finish(self) -> Leftovers {
        self.drop_tasks();
        let shell = &self.local.0;
        for _ in 0..LAST_TURNS {
            if shell.operations() == 0 && shell.ring.borrow().descriptors() == 0 {
                break;
            }
            let deadline = shell.ring.borrow().now() + Duration::from_millis(10);
            let mut events = Vec::new();
            let _ = shell.ring.borrow_mut().wait(Some(deadline), &mut events);
            self.take_in(&mut events);
        }
        self.local.leftovers()
    }

    fn drop_tasks(&self) {
        let shell = &self.local.0;
        let keys = shell.tasks.borrow().keys();
        for key in keys {
            let future = shell.tasks.borrow_mut().remove(key);
            if let Some(future) = future {
                drop_quietly(shell, future);
            }
        }
    }
}

impl Drop for Worker {
    /// Tasks hold handles on the shell that holds them: without this a worker that ends by a panic
    /// would leave its listeners open, and connections waiting in them for ever.
    fn drop(&mut self) {
        self.drop_tasks();
    }
}

/// A future's destructor is foreign code too.
fn drop_quietly(shell: &Shell, future: task::TaskFuture) {
    if catch_unwind(AssertUnwindSafe(|| drop(future))).is_err() {
        shell.note_panic();
    }
}

impl Local {
    /// Starts a task. It is first polled at the next turn.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.0.count(|counters| counters.tasks += 1);
        self.0.tasks.borrow_mut().spawn(Box::pin(future));
    }

    /// The task that is running, to be woken by [`Local::wake`]. Of no use to other workers.
    pub fn current(&self) -> TaskRef {
        TaskRef(self.0.current.get())
    }

    /// Has a task polled at the next turn; one that has ended is no error. The task has to look
    /// whether what it waits for has come.
    pub fn wake(&self, task: TaskRef) {
        self.0.tasks.borrow_mut().wake(task.0);
    }

    /// Has every task polled at the next turn: something has changed that each looks at by itself.
    pub fn wake_all(&self) {
        self.0.tasks.borrow_mut().wake_all();
    }

    /// The worker's clock, as of this turn.
    pub fn now(&self) -> Time {
        self.0.now()
    }

    /// The worker's buffers.
    pub fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// What the ring is.
    pub fn caps(&self) -> Caps {
        self.0.ring.borrow().caps()
    }

    /// What the worker has done so far.
    pub fn counters(&self) -> Counters {
        *self.0.counters.borrow()
    }

    /// What the ring has seen so far.
    pub fn ring_counters(&self) -> koi_sys::ring::Counters {
        *self.0.ring.borrow().counters()
    }

    /// Begins an orderly stop of this worker, what is under way to end within `grace`.
    pub fn stop_within(&self, grace: Duration) {
        self.0.read_clock();
        self.0.begin_stop(Stop { deadline: self.0.now() + grace });
    }

    /// Whether a stop has begun.
    pub fn is_stopping(&self) -> bool {
        self.0.stop.get().is_some()
    }

    /// Ends when a stop begins.
    pub async fn stopping(&self) {
        poll_fn(|_| if self.0.poll_stop() { Poll::Ready(()) } else { Poll::Pending }).await
    }

    /// What is in use right now.
    pub fn leftovers(&self) -> Leftovers {
        let shell = &self.0;
        let leased = shell.pool.stats().leased.iter().sum::<usize>();
        Leftovers {
            tasks: shell.tasks.borrow().len(),
            operations: shell.operations(),
            timers: shell.timers(),
            descriptors: shell.ring.borrow().descriptors(),
            blocks: leased.saturating_sub(shell.ring.borrow().blocks_held()),
        }
    }
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Local").field(&self.leftovers()).finish()
    }
}
