//! Ending another thread's wait.

use std::fmt;
use std::sync::Arc;

/// Ends the wait of the ring it came from, with an `Outcome::Woken`. Several wakes before the ring
/// looks are one. Cheap to clone; may outlive its ring, and then does nothing.
#[derive(Clone)]
pub struct Waker(Arc<dyn Wake>);

/// How one back-end is woken.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self);
}

impl Waker {
    pub(crate) fn new(wake: impl Wake + 'static) -> Waker {
        Waker(Arc::new(wake))
    }

    /// One system call; never blocks.
    pub fn wake(&self) {
        self.0.wake();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}
