//! The runtime socket: clients that send commands and read answers.
//!
//! In: listening sockets, the office. Out: a task for each client, which ends when the client goes, says
//! nothing for `stats timeout`, or does not read for so long. It runs on a worker that has no traffic, so
//! that no command, however dear, makes a request wait.
//!
//! Limits: `stats maxconn` clients at a time (the others wait in the kernel's queue), lines of
//! `tune.bufsize` bytes, payloads of [`PAYLOAD_MAX`] bytes, answers in pieces of [`PIECE`] bytes, each of
//! which the client must have taken before the next one is made.

mod input;
mod session;
mod words;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub use session::Session;
pub use words::{COMMANDS_MAX, Request, WORDS_MAX, split};

use super::office::Office;
use crate::config::plan::{CommandLevel, SeverityOutput};
use crate::worker::{Listener, Local};

/// Bytes of a payload, at most: a certificate with a long chain, a few thousand lines of a map.
pub const PAYLOAD_MAX: usize = 1 << 20;

/// Bytes of an answer that are made at once, or hardly more.
pub const PIECE: usize = 8 << 10;

/// How long a client waits before it is looked again whether it may come in.
const FULL: Duration = Duration::from_millis(20);

/// How clients of the socket are served.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What clients may do.
    pub level: CommandLevel,
    /// How answers are marked.
    pub severity: SeverityOutput,
    /// How long a client may say, or read, nothing (`stats timeout`).
    pub patience: Duration,
    /// The longest line, in bytes (`tune.bufsize`).
    pub line_max: usize,
}

/// Clients at a time, over all sockets (`stats maxconn`).
#[derive(Debug)]
pub struct Room {
    most: Cell<usize>,
    taken: Cell<usize>,
}

impl Room {
    /// Room for so many.
    pub fn new(most: usize) -> Rc<Room> {
        Rc::new(Room { most: Cell::new(most), taken: Cell::new(0) })
    }

    /// So many from now on; those that are too many stay.
    pub fn resize(&self, most: usize) {
        self.most.set(most);
    }
}

/// A client's place.
struct Seat(Rc<Room>);

impl Seat {
    fn take(room: &Rc<Room>) -> Option<Seat> {
        let taken = room.taken.get();
        (taken < room.most.get()).then(|| {
            room.taken.set(taken + 1);
            Seat(room.clone())
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.set(self.0.taken.get().saturating_sub(1));
    }
}

/// Serves the clients of a socket until that closes or the worker stops. Its terms may change.
pub async fn serve(
    local: Local,
    mut listener: Listener,
    terms: Rc<Cell<Terms>>,
    room: Rc<Room>,
    office: Arc<Office>,
) {
    while let Some(stream) = listener.accept().await {
        let seat = loop {
            if let Some(seat) = Seat::take(&room) {
                break seat;
            }
            if local.is_stopping() {
                return;
            }
            local.sleep(FULL).await;
        };
        let client = session::serve(local.clone(), stream, terms.get(), office.clone());
        local.spawn(async move {
            client.await;
            drop(seat);
        });
    }
}
