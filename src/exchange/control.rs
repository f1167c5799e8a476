//! What a worker's task may ask of the main thread, and what the main thread tells of itself.
//!
//! In: an order, from any worker. Out: the answer, once the main thread has done it. Orders go one after
//! the other; who asks is woken by its answer. Limits: as many orders wait as the main thread's queue
//! holds; then the next one is refused at once.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use crate::worker::{Local, TaskRef};

/// How often who asks looks by itself: a message that was lost with a full mailbox delays no longer.
const LOOK: Duration = Duration::from_millis(50);

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The files are read again, and hold if they can.
    Reload,
    /// A graceful stop.
    Stop,
    /// The ports of this frontend are closed.
    ShutFrontend(Box<str>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it was done.
    pub done: bool,
    /// What changed, or what is wrong: lines for the operator.
    pub text: String,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// Too many orders wait.
    Busy,
    /// Nobody takes orders: the process ends, or is no server.
    Nobody,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unanswered::Busy => "too many orders wait: try again",
            Unanswered::Nobody => "nobody takes orders: the process ends",
        })
    }
}

/// An order with its way back.
#[derive(Debug)]
pub struct Ask {
    /// What is asked for.
    pub order: Order,
    /// Whose task waits: the worker, and the task on it.
    pub asker: (usize, TaskRef),
    answer: Arc<Mutex<Reply>>,
}

#[derive(Debug, Default)]
enum Reply {
    #[default]
    None,
    Given(Answer),
    /// It was dropped without one.
    Never,
}

impl Ask {
    /// Leaves the answer; the asker is to be woken then.
    pub fn answer(self, answer: Answer) {
        *lock(&self.answer) = Reply::Given(answer);
    }
}

impl Drop for Ask {
    fn drop(&mut self) {
        let mut reply = lock(&self.answer);
        if matches!(*reply, Reply::None) {
            *reply = Reply::Never;
        }
    }
}

fn lock(reply: &Mutex<Reply>) -> std::sync::MutexGuard<'_, Reply> {
    reply.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes an order to the main thread.
type Taker = dyn Fn(Ask) -> Result<(), Unanswered> + Send + Sync;

/// The way to the main thread. Clones lead to the same.
#[derive(Clone, Default)]
pub struct Control {
    taker: Option<Arc<Taker>>,
    facts: Arc<Facts>,
}

/// What the main thread tells: for `show info`.
#[derive(Debug, Default)]
pub struct Facts {
    /// Plans that connections still use, the one that holds included.
    pub plans: AtomicU64,
    /// Reloads that hold.
    pub reloads: AtomicU64,
    /// Reloads that were refused.
    pub refused: AtomicU64,
}

impl Control {
    /// Orders go to `taker`, which must not wait.
    pub fn new(taker: impl Fn(Ask) -> Result<(), Unanswered> + Send + Sync + 'static) -> Control {
        Control { taker: Some(Arc::new(taker)), facts: Arc::default() }
    }

    /// Asks, and waits for the answer. `worker` is the number of the worker that `local` is of.
    ///
    /// # Errors
    /// See [`Unanswered`].
    pub async fn ask(
        &self,
        local: &Local,
        worker: usize,
        order: Order,
    ) -> Result<Answer, Unanswered> {
        let taker = self.taker.as_ref().ok_or(Unanswered::Nobody)?;
        let answer: Arc<Mutex<Reply>> = Arc::default();
        taker(Ask { order, asker: (worker, local.current()), answer: answer.clone() })?;
        loop {
            let come = poll_fn(|_| match std::mem::take(&mut *lock(&answer)) {
                Reply::None => Poll::Pending,
                Reply::Given(answer) => Poll::Ready(Ok(answer)),
                Reply::Never => Poll::Ready(Err(Unanswered::Nobody)),
            });
            if let Ok(answer) = local.timeout(LOOK, come).await {
                return answer;
            }
        }
    }

    /// What the main thread tells.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

impl Facts {
    /// Adds one.
    pub fn note(count: &AtomicU64) {
        count.fetch_add(1, Relaxed);
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Control({:?})", self.facts)
    }
}
