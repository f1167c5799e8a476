//! Operations in flight as the tasks see them: a slot each, found by the ring's token.
//!
//! In: submitted operations and the ring's events. Out: results for the futures that wait, and the
//! tasks to wake. A future that is dropped leaves its slot behind, marked, until the final event:
//! the ring has the buffers until then.

use super::task::TaskKey;
use koi_sys::net::AcceptError;
use koi_sys::ring::{Event, Handle, Outcome, Returned, Token};
use koi_sys::table::{Key, Table};
use std::collections::VecDeque;

/// A completed operation.
pub(crate) type Completed = (Outcome, Returned);

/// What a slot is waiting for, or has.
#[derive(Debug)]
enum Slot {
    /// The task that waits.
    Waiting(TaskKey),
    /// The result's place in `results`.
    Done(Key),
    /// An accept, which has many results.
    Accepting(Box<Accepting>),
    /// Nobody waits any more.
    Abandoned,
}

/// Connections accepted and not taken yet.
#[derive(Debug)]
struct Accepting {
    task: TaskKey,
    queue: VecDeque<Handle>,
    end: Option<AcceptError>,
}

/// What the shell has to do after an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    Wake(TaskKey),
    /// A connection that nobody wants.
    Close(Handle),
    Nothing,
}

/// All slots of a worker.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    slots: Table<Slot>,
    /// Results not taken yet; few at any time, so the slots of idle connections stay small.
    results: Table<Completed>,
}

impl Operations {
    /// A slot for an operation about to be submitted.
    pub(crate) fn begin(&mut self, task: TaskKey) -> Token {
        Token(self.slots.insert(Slot::Waiting(task)))
    }

    /// A slot for an accept.
    pub(crate) fn begin_accepting(&mut self, task: TaskKey) -> Token {
        let accepting = Accepting { task, queue: VecDeque::new(), end: None };
        Token(self.slots.insert(Slot::Accepting(Box::new(accepting))))
    }

    /// Takes in an event of the ring.
    pub(crate) fn handle_event(&mut self, event: Event) -> After {
        let Event { token: Token(key), last, outcome, returned } = event;
        let Some(slot) = self.slots.get_mut(key) else { return After::Nothing };
        match (&mut *slot, outcome) {
            (Slot::Waiting(task), outcome) => {
                let task = *task;
                *slot = Slot::Done(self.results.insert((outcome, returned)));
                After::Wake(task)
            }
            (Slot::Accepting(accepting), Outcome::Accepted(Ok(handle))) => {
                accepting.queue.push_back(handle);
                After::Wake(accepting.task)
            }
            (Slot::Accepting(accepting), outcome) => {
                accepting.end = Some(match outcome {
                    Outcome::Accepted(Err(error)) => error,
                    _ => AcceptError::Closed,
                });
                After::Wake(accepting.task)
            }
            (Slot::Abandoned, outcome) => {
                if last {
                    self.slots.remove(key);
                }
                match outcome {
                    Outcome::Accepted(Ok(handle)) => After::Close(handle),
                    _ => After::Nothing,
                }
            }
            (Slot::Done(_), _) => After::Nothing,
        }
    }

    /// Whether this task is already known to wait for an operation that is not done.
    #[inline]
    pub(crate) fn waits_for(&self, token: Token, task: TaskKey) -> bool {
        matches!(self.slots.get(token.0), Some(Slot::Waiting(waiting)) if *waiting == task)
    }

    /// The result, if it has come; the slot is gone then. Otherwise `task` will be woken.
    pub(crate) fn poll(&mut self, token: Token, task: TaskKey) -> Option<Completed> {
        match self.slots.get_mut(token.0)? {
            Slot::Done(result) => {
                let result = *result;
                self.slots.remove(token.0);
                self.results.remove(result)
            }
            Slot::Waiting(waiting) => {
                *waiting = task;
                None
            }
            Slot::Accepting(_) | Slot::Abandoned => None,
        }
    }

    /// The next connection, or the accept's end.
    pub(crate) fn poll_accept(
        &mut self,
        token: Token,
        task: TaskKey,
    ) -> Option<Result<Handle, AcceptError>> {
        let Some(Slot::Accepting(accepting)) = self.slots.get_mut(token.0) else {
            return Some(Err(AcceptError::Closed));
        };
        accepting.task = task;
        if let Some(handle) = accepting.queue.pop_front() {
            return Some(Ok(handle));
        }
        let end = accepting.end?;
        self.slots.remove(token.0);
        Some(Err(end))
    }

    /// The future is gone. True if the ring has to be told; connections that wait are pushed to
    /// `orphans`.
    pub(crate) fn abandon(&mut self, token: Token, orphans: &mut Vec<Handle>) -> bool {
        match self.slots.get_mut(token.0) {
            None | Some(Slot::Abandoned) => false,
            Some(Slot::Done(result)) => {
                let result = *result;
                self.results.remove(result);
                self.slots.remove(token.0);
                false
            }
            Some(slot @ Slot::Waiting(_)) => {
                *slot = Slot::Abandoned;
                true
            }
            Some(slot) => {
                let Slot::Accepting(accepting) = std::mem::replace(slot, Slot::Abandoned) else {
                    return false;
                };
                orphans.extend(accepting.queue);
                if accepting.end.is_some() {
                    self.slots.remove(token.0);
                    return false;
                }
                true
            }
        }
    }

    /// Slots in use.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}
