//! The executor's tasks: futures in a slab, and who is to be polled.
//!
//! A task is woken by its key, not by a `Waker`: completions and timers know whose they are. The
//! `Waker` that futures see is one for the whole worker and polls every task ([`Tasks::wake_all`]);
//! it exists so that a foreign future is slow rather than stuck.

use koi_sys::table::{Key, Table};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

/// A task.
pub(crate) type TaskKey = Key;

/// A task's future. The box is the connection's memory while it is idle.
pub(crate) type TaskFuture = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
struct Task {
    /// Away while it is being polled.
    future: Option<TaskFuture>,
    queued: bool,
}

/// All tasks of a worker.
#[derive(Default)]
pub(crate) struct Tasks {
    table: Table<Task>,
    queue: VecDeque<TaskKey>,
}

impl Tasks {
    /// Adds a task; it is polled at the next turn.
    pub(crate) fn spawn(&mut self, future: TaskFuture) -> TaskKey {
        let key = self.table.insert(Task { future: Some(future), queued: true });
        self.queue.push_back(key);
        key
    }

    /// Queues a task to be polled, once however often it is woken.
    pub(crate) fn wake(&mut self, key: TaskKey) {
        if let Some(task) = self.table.get_mut(key)
            && !std::mem::replace(&mut task.queued, true)
        {
            self.queue.push_back(key);
        }
    }

    /// Queues every task.
    pub(crate) fn wake_all(&mut self) {
        for key in self.table.keys().collect::<Vec<_>>() {
            self.wake(key);
        }
    }

    /// The next task to poll, with its future.
    pub(crate) fn take_next(&mut self) -> Option<(TaskKey, TaskFuture)> {
        loop {
            let key = self.queue.pop_front()?;
            let Some(task) = self.table.get_mut(key) else { continue };
            task.queued = false;
            if let Some(future) = task.future.take() {
                return Some((key, future));
            }
        }
    }

    /// Puts a future back that is not finished.
    pub(crate) fn put_back(&mut self, key: TaskKey, future: TaskFuture) {
        if let Some(task) = self.table.get_mut(key) {
            task.future = Some(future);
        }
    }

    /// Forgets a task.
    pub(crate) fn remove(&mut self, key: TaskKey) -> Option<TaskFuture> {
        self.table.remove(key)?.future
    }

    /// Whether the task has not ended.
    pub(crate) fn contains(&self, key: TaskKey) -> bool {
        self.table.get(key).is_some()
    }

    /// The keys of all tasks.
    pub(crate) fn keys(&self) -> Vec<TaskKey> {
        self.table.keys().collect()
    }

    /// Tasks that are not finished.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Tasks waiting to be polled.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }
}
