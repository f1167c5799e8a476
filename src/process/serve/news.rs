//! What the main thread is told while the workers serve: signals, and orders of workers' tasks.
//!
//! In: signals of the process, taken by a thread of their own; orders by a [`Control`]. Out: one after the
//! other. Limits: `WAITING` wait; an order that finds no room is refused, a signal waits for some.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::exchange::control::{Ask, Control, Unanswered};
use koi_sys::guard::{self, Signal, SignalError};

/// How many may wait.
const WAITING: usize = 64;

/// One piece of it.
#[derive(Debug)]
pub enum News {
    /// A signal came.
    Signal(Signal),
    /// Signals cannot be waited for.
    Deaf(SignalError),
    /// A worker's task wants something.
    Asked(Ask),
}

/// Where it comes in.
#[derive(Debug)]
pub struct Newsroom {
    receiver: Receiver<News>,
    sender: SyncSender<News>,
}

impl Newsroom {
    /// A room that nobody has told anything yet.
    pub fn open() -> Newsroom {
        let (sender, receiver) = sync_channel(WAITING);
        Newsroom { receiver, sender }
    }

    /// The way in for workers' tasks.
    pub fn control(&self) -> Control {
        let sender = self.sender.clone();
        Control::new(move |ask| {
            sender.try_send(News::Asked(ask)).map_err(|error| match error {
                TrySendError::Full(_) => Unanswered::Busy,
                TrySendError::Disconnected(_) => Unanswered::Nobody,
            })
        })
    }

    /// Takes the process's signals from now on. They have to be blocked in all threads.
    ///
    /// # Errors
    /// No thread for it.
    pub fn listen_to_signals(&self) -> std::io::Result<()> {
        let sender = self.sender.clone();
        let listen = move || {
            loop {
                let news = guard::wait_signal().map_or_else(News::Deaf, News::Signal);
                let deaf = matches!(news, News::Deaf(_));
                if sender.send(news).is_err() || deaf {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop)
    }

    /// The next piece, if one comes in time.
    pub fn next(&self, limit: Duration) -> Option<News> {
        self.receiver.recv_timeout(limit).ok()
    }

    /// What is there already.
    pub fn at_once(&self) -> Option<News> {
        self.receiver.try_recv().ok()
    }
}
