//! What travels: parcels with an hour of arrival. Those of one direction never overtake each other.

use crate::clock::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something on its way to a socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Parcel {
    /// A connection request from one socket to a listener's socket.
    Syn {
        from: usize,
        to: usize,
    },
    /// The answer to it: connected to that socket, or refused.
    Answer {
        to: usize,
        peer: Option<usize>,
    },
    Bytes {
        to: usize,
        bytes: Vec<u8>,
    },
    Fin {
        to: usize,
    },
    Reset {
        to: usize,
    },
    /// The socket finds that it can be read or written after all.
    Edge {
        to: usize,
        readable: bool,
        writable: bool,
    },
}

/// Everything on its way.
#[derive(Debug, Default)]
pub(super) struct Wire {
    heap: BinaryHeap<Reverse<(Time, u64, Parcel)>>,
    sequence: u64,
}

impl Wire {
    pub(super) fn send(&mut self, at: Time, parcel: Parcel) {
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, parcel)));
    }

    pub(super) fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }

    pub(super) fn take_due(&mut self, now: Time) -> Option<Parcel> {
        if self.next_at()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, _, parcel))| parcel)
    }
}
