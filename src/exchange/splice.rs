//! Bytes that the kernel moves from one connection to another, through a pipe, seen by nobody.
//!
//! In: two connections in the clear, a pipe of the worker's, how many bytes at most. Out: what ended it.
//! For tunnels and for bodies, which do the rest: [`Gauge`] tells them how far it is, and who is waited
//! for.
//!
//! Limits: one pipe is under way; a byte beyond those asked for stays in its connection.

use std::cell::Cell;

use crate::worker::{Lent, ReceiveError, SendError, Stream};

/// Bytes in one read from which splicing is worth it: small messages cost more through a pipe than by a
/// copy.
pub const SPLICE_FROM: usize = 16 * 1024;

/// Smaller fills in a row after which copies are better.
const SMALL_FILLS: u32 = 8;

/// How far it is.
#[derive(Debug, Default)]
pub struct Gauge {
    received: Cell<u64>,
    sent: Cell<u64>,
    sends: Cell<bool>,
}

impl Gauge {
    /// Bytes that the source gave.
    pub fn received(&self) -> u64 {
        self.received.get()
    }

    /// Bytes that the destination took.
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// Whether the destination is waited for, not the source.
    pub fn sends(&self) -> bool {
        self.sends.get()
    }

    /// The destination is waited for from now on.
    pub fn begin_send(&self) {
        self.sends.set(true);
    }
}

/// What ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// As many bytes have passed as were asked for.
    Enough,
    /// The source ended. All that it gave has passed.
    Ended,
    /// So little comes at a time that copies are better. All that came has passed.
    Small,
    /// The source failed.
    Source(ReceiveError),
    /// The destination failed.
    Destination(SendError),
}

/// Moves up to `most` bytes. No receive may be under way at the source.
pub async fn splice(
    from: &Stream,
    to: &Stream,
    mut lent: Lent,
    most: u64,
    gauge: &Gauge,
) -> Stopped {
    let Some(mut pipe) = lent.take() else { return Stopped::Small };
    let (mut left, mut small) = (most, 0);
    let stopped = loop {
        if left == 0 {
            break Stopped::Enough;
        }
        if small == SMALL_FILLS {
            break Stopped::Small;
        }
        pipe.set_limit(usize::try_from(left).unwrap_or(usize::MAX));
        gauge.sends.set(false);
        pipe = match from.fill(pipe).await {
            Ok(pipe) => pipe,
            Err(failure) => {
                // It is empty, and as good as ever.
                failure.given.into_iter().for_each(|pipe| lent.put(pipe));
                return Stopped::Source(failure.error);
            }
        };
        let held = pipe.held();
        if held == 0 {
            break Stopped::Ended;
        }
        small = if held < SPLICE_FROM { small + 1 } else { 0 };
        left = left.saturating_sub(held as u64);
        gauge.received.set(gauge.received.get() + held as u64);
        gauge.sends.set(true);
        while !pipe.is_empty() {
            let held = pipe.held();
            pipe = match to.drain(pipe).await {
                Ok(pipe) => pipe,
                Err(failure) => return Stopped::Destination(failure.error),
            };
            gauge.sent.set(gauge.sent.get() + (held - pipe.held()) as u64);
        }
    };
    lent.put(pipe);
    stopped
}
