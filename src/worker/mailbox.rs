//! Messages between threads: a bounded queue and a wake that coalesces.
//!
//! In: messages from any thread. Out: the same, in order per sender, at the worker that owns the
//! mailbox. Limits: a full queue gives the message back; nothing waits and nothing is lost.
//!
//! However many messages come between two turns of the worker, it is woken once.

use crossbeam::queue::ArrayQueue;
use koi_sys::ring::Waker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

struct Shared<T> {
    queue: ArrayQueue<T>,
    /// Whether a wake is on its way that the owner has not answered.
    ringing: AtomicBool,
    waker: Waker,
}

/// The owner's end.
pub struct Mailbox<T>(Arc<Shared<T>>);

/// The end to send from; clones send to the same mailbox.
pub struct Address<T>(Arc<Shared<T>>);

impl<T> Mailbox<T> {
    /// A mailbox for at most `capacity` messages, whose owner is woken by `waker`.
    pub fn new(capacity: usize, waker: Waker) -> Mailbox<T> {
        Mailbox(Arc::new(Shared {
            queue: ArrayQueue::new(capacity.max(1)),
            ringing: AtomicBool::new(false),
            waker,
        }))
    }

    /// An end to send from.
    pub fn address(&self) -> Address<T> {
        Address(self.0.clone())
    }

    /// Takes the messages that are there. To be called after each wake; what comes meanwhile rings
    /// again, so that messages that cause messages cannot keep the worker from its ring.
    pub fn drain(&self, mut take: impl FnMut(T)) {
        // Before the queue is looked at: a message that comes later rings again.
        self.0.ringing.swap(false, Ordering::AcqRel);
        for _ in 0..self.0.queue.len() {
            let Some(message) = self.0.queue.pop() else { return };
            take(message);
        }
    }
}

impl<T> Address<T> {
    /// Sends a message and wakes the owner unless a wake is on its way already.
    ///
    /// # Errors
    /// The message, when the mailbox is full.
    pub fn send(&self, message: T) -> Result<(), T> {
        self.0.queue.push(message)?;
        if !self.0.ringing.swap(true, Ordering::AcqRel) {
            self.0.waker.wake();
        }
        Ok(())
    }
}

impl<T> Clone for Address<T> {
    fn clone(&self) -> Self {
        Address(self.0.clone())
    }
}

impl<T> std::fmt::Debug for Address<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Address({} waiting)", self.0.queue.len())
    }
}
