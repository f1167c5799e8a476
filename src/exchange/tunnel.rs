//! A tunnel: bytes both ways between two connections, read by nobody.
//!
//! In: two connected streams. Out: how many bytes went each way, and what ended each. Half-close
//! is passed on: the end of one direction shuts down the other side's, and the other direction goes
//! on. Back-pressure: a direction reads again only when what it read has gone to the kernel, so it
//! holds one chunk (or one pipe) at a time, and none while it is idle.

use crate::worker::future::join;
use crate::worker::{How, Pipe, ReceiveError, SendError, Stream};
use std::pin::pin;

/// Bytes in the pipe of a direction that splices: large, because each of its two system calls costs
/// the same for much as for little.
pub const PIPE_BYTES: usize = 1024 * 1024;

/// Bytes in one read from which a direction that may splice begins to: small messages cost more
/// through a pipe than by a copy.
pub const SPLICE_FROM: u64 = 16 * 1024;

/// Smaller fills in a row after which a direction that spliced goes back to copies.
const SMALL_FILLS: u32 = 8;

/// What ended a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its source said so, and its destination was told.
    Finished,
    /// Its source failed.
    Source(ReceiveError),
    /// Its destination failed.
    Destination(SendError),
}

/// One direction's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Direction {
    /// Bytes moved.
    pub bytes: u64,
    /// What ended it.
    pub end: End,
}

/// Moves bytes both ways until both directions have ended. `splice` lets bulk pass through the
/// kernel where it can.
pub fn tunnel(
    client: &Stream,
    server: &Stream,
    splice: bool,
) -> impl Future<Output = (Direction, Direction)> {
    async move {
        let up = pin!(pump(client, server, splice));
        let down = pin!(pump(server, client, splice));
        join(up, down).await
    }
}

/// One direction. (An `async fn` would hold its arguments twice; this future is what an idle
/// connection is made of.)
fn pump(from: &Stream, to: &Stream, splice: bool) -> impl Future<Output = Direction> {
    async move {
        let mut bytes = 0;
        let end = loop {
            let chunk = match from.receive().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break End::Finished,
                Err(error) => break End::Source(error),
            };
            let len = chunk.len() as u64;
            bytes += len;
            if let Err(failure) = to.send(chunk).await {
                break End::Destination(failure.error);
            }
            if splice && len >= SPLICE_FROM {
                // Boxed, so that an idle tunnel does not carry the room for it.
                let spliced = Box::pin(pump_spliced(from, to, &mut bytes));
                if let Some(end) = spliced.await {
                    break end;
                }
            }
        };
        // Tells the destination that no more comes. It must not take a failure for an orderly end,
        // and the other direction must learn that nobody is left to send to.
        let how = if end == End::Finished { How::Write } else { How::Both };
        to.shutdown(how).await;
        Direction { bytes, end }
    }
}

/// Splices as long as it pays; `None` when it no longer does, or when there is no pipe to be had.
async fn pump_spliced(from: &Stream, to: &Stream, bytes: &mut u64) -> Option<End> {
    let mut pipe = Box::new(Pipe::new(PIPE_BYTES).ok()?);
    let mut small = 0;
    while small < SMALL_FILLS {
        pipe = match from.fill(pipe).await {
            Ok(pipe) if pipe.is_empty() => return Some(End::Finished),
            Ok(pipe) => pipe,
            Err(failure) => return Some(End::Source(failure.error)),
        };
        let held = pipe.held() as u64;
        small = if held < SPLICE_FROM { small + 1 } else { 0 };
        *bytes += held;
        pipe = match to.drain(pipe).await {
            Ok(pipe) => pipe,
            Err(failure) => return Some(End::Destination(failure.error)),
        };
    }
    None
}
