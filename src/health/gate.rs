//! How many checks a worker has under way at once (`tune.max-checks-per-thread`).
//!
//! In: tasks that want to begin one. Out: as many as may, in the order in which they came. The queue is no longer
//! than there are checks.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::worker::{Local, TaskRef};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// 0 is any number.
    most: u32,
    under_way: Cell<u32>,
    waiting: RefCell<VecDeque<TaskRef>>,
}

/// A check that is under way until this is dropped.
pub(super) struct Pass<'g> {
    gate: &'g Gate,
    local: &'g Local,
}

impl Gate {
    pub(super) fn new(most: u32) -> Gate {
        Gate { most, ..Gate::default() }
    }

    /// Waits until one more may begin; `None` once it is all over.
    pub(super) async fn enter<'g>(
        &'g self,
        local: &'g Local,
        is_over: impl Fn() -> bool,
    ) -> Option<Pass<'g>> {
        let me = local.current();
        let mut stopping = pin!(local.stopping());
        let mut waits = false;
        poll_fn(|cx| {
            if is_over() || stopping.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            let mut waiting = self.waiting.borrow_mut();
            let next = if waits { waiting.front() == Some(&me) } else { waiting.is_empty() };
            if next && self.has_room() {
                if waits {
                    waiting.pop_front();
                }
                self.under_way.set(self.under_way.get() + 1);
                drop(waiting);
                self.call_next(local);
                return Poll::Ready(Some(Pass { gate: self, local }));
            }
            if !waits {
                waiting.push_back(me);
                waits = true;
            }
            Poll::Pending
        })
        .await
    }

    fn has_room(&self) -> bool {
        self.most == 0 || self.under_way.get() < self.most
    }

    /// Wakes who is next, if there is room.
    fn call_next(&self, local: &Local) {
        if let Some(&next) = self.waiting.borrow().front().filter(|_| self.has_room()) {
            local.wake(next);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.under_way.set(self.gate.under_way.get().saturating_sub(1));
        self.gate.call_next(self.local);
    }
}
