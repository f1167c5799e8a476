//! Operations in flight as the tasks see them: a slot each, found by the ring's token.
//!
//! In: submitted operations and the ring's events. Out: results for the futures that wait, and the
//! tasks to wake. A future that is dropped leaves its slot behind, marked, until the final event:
//! the ring has the buffers until then.

use super::task::TaskKey;
use koi_sys::net::AcceptError;
use koi_sys::ring::{Event, Handle, Outcome, Returned, Token};
use koi_sys::table::Table;
use std::collections::VecDeque;

/// A completed operation.
pub(crate) type Completed = (Outcome, Returned);

/// An operation's slot. Plain numbers, 20 bytes: every idle connection has two.
#[derive(Clone, Copy, Debug)]
struct Slot {
    state: State,
    /// Whether the task has asked for the result. Until then only bad news wakes it.
    awaited: bool,
    /// The task that submitted it, or asked last.
    task: TaskKey,
    /// Where its result is, or its accepting.
    place: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InFlight,
    Done,
    /// Its result was taken.
    Idle,
    /// An accept, which has many results.
    Accepting,
    /// Nobody waits any more.
    Abandoned,
}

/// Connections accepted and not taken yet.
#[derive(Debug, Default)]
struct Accepting {
    queue: VecDeque<Handle>,
    end: Option<AcceptError>,
}

/// The place of a result that says only that all was sent.
const SENT: u32 = u32::MAX;

/// Connections accepted and not taken by their task before accepting pauses. (Those that the kernel
/// had accepted by then still come.)
const ACCEPTED_MAX: usize = 256;

/// What the shell has to do after an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    Wake(TaskKey),
    /// Wake it, and accept no more until it has taken what there is.
    Pause(TaskKey),
    /// A connection that nobody wants.
    Close(Handle),
    Nothing,
}

/// Values in numbered places, reused last in, first out.
#[derive(Debug)]
struct Places<T> {
    values: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Places { values: Vec::new(), free: Vec::new() }
    }
}

impl<T> Places<T> {
    #[inline]
    fn put(&mut self, value: T) -> u32 {
        match self.free.pop() {
            Some(place) => {
                self.values[place as usize] = Some(value);
                place
            }
            None => {
                self.values.push(Some(value));
                self.values.len() as u32 - 1
            }
        }
    }

    #[inline]
    fn take(&mut self, place: u32) -> Option<T> {
        let value = self.values.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some(value)
    }

    fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.values.get_mut(place as usize)?.as_mut()
    }
}

/// All slots of a worker.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    slots: Table<Slot>,
    /// Results not taken yet; few at any time, so the slots of idle connections stay small.
    results: Places<Completed>,
    accepting: Places<Accepting>,
}

impl Operations {
    /// A slot for an operation about to be submitted.
    #[inline]
    pub(crate) fn begin(&mut self, task: TaskKey, awaited: bool) -> Token {
        let slot = Slot { state: State::InFlight, awaited, task, place: 0 };
        Token(self.slots.insert(slot))
    }

    /// A slot for an accept.
    pub(crate) fn begin_accepting(&mut self, task: TaskKey) -> Token {
        let place = self.accepting.put(Accepting::default());
        Token(self.slots.insert(Slot { state: State::Accepting, awaited: true, task, place }))
    }

    /// Takes in an event of the ring.
    #[inline]
    pub(crate) fn handle_event(&mut self, event: Event) -> After {
        let Some(slot) = self.slots.get_mut(event.token.0) else { return After::Nothing };
        if slot.state != State::InFlight {
            return self.handle_rare(event);
        }
        let wakes = slot.awaited || is_bad_news(&event.outcome);
        slot.state = State::Done;
        // What was sent is of no more use, and its task may be a long time in asking: an idle
        // connection must keep neither its buffer nor a result of so little news.
        slot.place = match event.outcome {
            Outcome::Sent(Ok(())) => SENT,
            outcome => self.results.put((outcome, event.returned)),
        };
        if wakes { After::Wake(slot.task) } else { After::Nothing }
    }

    /// An event of an accept, or of an operation that nobody waits for.
    #[cold]
    fn handle_rare(&mut self, event: Event) -> After {
        let key = event.token.0;
        let Some(slot) = self.slots.get_mut(key) else { return After::Nothing };
        let accepting = match slot.state {
            State::Accepting => self.accepting.get_mut(slot.place),
            _ => None,
        };
        match (event.outcome, accepting) {
            (Outcome::Accepted(Ok(handle)), Some(accepting)) => {
                accepting.queue.push_back(handle);
                match accepting.queue.len() {
                    ACCEPTED_MAX => After::Pause(slot.task),
                    _ => After::Wake(slot.task),
                }
            }
            (outcome, Some(accepting)) => {
                accepting.end = Some(match outcome {
                    Outcome::Accepted(Err(error)) => error,
                    _ => AcceptError::Closed,
                });
                After::Wake(slot.task)
            }
            (outcome, None) => {
                if event.last {
                    self.slots.remove(key);
                }
                match outcome {
                    Outcome::Accepted(Ok(handle)) => After::Close(handle),
                    _ => After::Nothing,
                }
            }
        }
    }

    /// The result, if it has come. Otherwise `task` will be woken when it does. The slot stays, to
    /// be used again or freed.
    #[inline]
    pub(crate) fn poll(&mut self, token: Token, task: TaskKey) -> Option<Completed> {
        let slot = self.slots.get_mut(token.0)?;
        if slot.state != State::Done {
            (slot.awaited, slot.task) = (true, task);
            return None;
        }
        slot.state = State::Idle;
        let place = slot.place;
        self.take_result(place)
    }

    /// Whether the operation has no result yet.
    #[inline]
    pub(crate) fn is_in_flight(&self, token: Token) -> bool {
        self.slots.get(token.0).is_some_and(|slot| slot.state == State::InFlight)
    }

    /// Whether the operation has a result that nobody took.
    #[inline]
    pub(crate) fn has_result(&self, token: Token) -> bool {
        self.slots.get(token.0).is_some_and(|slot| slot.state == State::Done)
    }

    /// The result, if it has come; without asking to be woken for it.
    #[inline]
    pub(crate) fn peek(&mut self, token: Token) -> Option<Completed> {
        let slot = self.slots.get_mut(token.0)?;
        if slot.state != State::Done {
            return None;
        }
        slot.state = State::Idle;
        let place = slot.place;
        self.take_result(place)
    }

    /// Uses a slot whose result was taken for another operation.
    #[inline]
    pub(crate) fn begin_again(&mut self, token: Token, task: TaskKey, awaited: bool) -> bool {
        match self.slots.get_mut(token.0) {
            Some(slot) if slot.state == State::Idle => {
                (slot.state, slot.awaited, slot.task) = (State::InFlight, awaited, task);
                true
            }
            _ => false,
        }
    }

    /// Frees a slot whose result was taken. False if it is not such a slot.
    #[inline]
    pub(crate) fn free_idle(&mut self, token: Token) -> bool {
        let idle = self.slots.get(token.0).is_some_and(|slot| slot.state == State::Idle);
        if idle {
            self.slots.free(token.0);
        }
        idle
    }

    #[inline]
    fn take_result(&mut self, place: u32) -> Option<Completed> {
        match place {
            SENT => Some((Outcome::Sent(Ok(())), Returned::Nothing)),
            place => self.results.take(place),
        }
    }

    /// The next connection, or the accept's end.
    pub(crate) fn poll_accept(
        &mut self,
        token: Token,
        task: TaskKey,
    ) -> Option<Result<Handle, AcceptError>> {
        let slot = self.slots.get_mut(token.0).filter(|slot| slot.state == State::Accepting);
        let Some(slot) = slot else { return Some(Err(AcceptError::Closed)) };
        slot.task = task;
        let place = slot.place;
        let accepting = self.accepting.get_mut(place)?;
        if let Some(handle) = accepting.queue.pop_front() {
            return Some(Ok(handle));
        }
        let end = accepting.end?;
        self.accepting.take(place);
        self.slots.remove(token.0);
        Some(Err(end))
    }

    /// The future is gone. True if the ring has to be told; connections that wait are pushed to
    /// `orphans`.
    pub(crate) fn abandon(&mut self, token: Token, orphans: &mut Vec<Handle>) -> bool {
        let Some(slot) = self.slots.get_mut(token.0) else { return false };
        let (state, place) = (slot.state, slot.place);
        slot.state = State::Abandoned;
        let ended = match state {
            State::InFlight => false,
            State::Abandoned => return false,
            State::Idle => true,
            State::Done => {
                self.results.take(place);
                true
            }
            State::Accepting => self.accepting.take(place).is_none_or(|accepting| {
                orphans.extend(accepting.queue);
                accepting.end.is_some()
            }),
        };
        if ended {
            self.slots.remove(token.0);
        }
        !ended
    }

    /// Slots in use.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}

/// Whether an outcome is an error that its task should hear of even if it has not asked.
#[inline]
fn is_bad_news(outcome: &Outcome) -> bool {
    !matches!(
        outcome,
        Outcome::Sent(Ok(()))
            | Outcome::Received(Ok(_))
            | Outcome::Drained(Ok(()))
            | Outcome::ShutDown
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use koi_sys::net::SendError;
    use koi_sys::ring::Returned;
    use koi_sys::table::Key;

    const TASK: TaskKey = Key { index: 3, generation: 0 };

    fn sent(token: Token, result: Result<(), SendError>) -> Event {
        Event { token, last: true, outcome: Outcome::Sent(result), returned: Returned::Nothing }
    }

    #[test]
    fn an_operation_nobody_asked_about_wakes_only_for_bad_news() {
        let mut operations = Operations::default();
        let good = operations.begin(TASK, false);
        let bad = operations.begin(TASK, false);
        let asked = operations.begin(TASK, false);
        assert!(operations.poll(asked, TASK).is_none());
        assert_eq!(operations.handle_event(sent(good, Ok(()))), After::Nothing);
        let reset = Err(SendError::Reset);
        assert_eq!(operations.handle_event(sent(bad, reset)), After::Wake(TASK));
        assert_eq!(operations.handle_event(sent(asked, Ok(()))), After::Wake(TASK));
        let peeked = operations.peek(good);
        assert!(matches!(peeked, Some((Outcome::Sent(Ok(())), Returned::Nothing))));
        for token in [bad, asked] {
            assert!(operations.poll(token, TASK).is_some());
        }
        for token in [good, bad, asked] {
            assert!(!operations.abandon(token, &mut Vec::new()));
        }
        assert_eq!(operations.len(), 0);
    }

    #[test]
    fn an_abandoned_accept_closes_what_it_gets() {
        let mut operations = Operations::default();
        let token = operations.begin_accepting(TASK);
        let accepted = |index| Event {
            token,
            last: false,
            outcome: Outcome::Accepted(Ok(Handle(Key { index, generation: 0 }))),
            returned: Returned::Nothing,
        };
        assert_eq!(operations.handle_event(accepted(1)), After::Wake(TASK));
        let mut orphans = Vec::new();
        assert!(operations.abandon(token, &mut orphans));
        assert_eq!(orphans, [Handle(Key { index: 1, generation: 0 })]);
        let second = Handle(Key { index: 2, generation: 0 });
        assert_eq!(operations.handle_event(accepted(2)), After::Close(second));
        let end = Outcome::Accepted(Err(AcceptError::Canceled));
        let last = Event { token, last: true, outcome: end, returned: Returned::Nothing };
        assert_eq!(operations.handle_event(last), After::Nothing);
        assert_eq!(operations.len(), 0);
    }
}
