//! A tunnel: bytes both ways between two connections, read by nobody.
//!
//! In: two connected streams. Out: how many bytes went each way, and what ended each. Half-close
//! is passed on: the end of one direction shuts down the other side's, and the other direction goes
//! on. Back-pressure: a direction reads again only when what it read has gone to the kernel, so it
//! holds one chunk (or one pipe) at a time, and none while it is idle.

use crate::worker::future::join;
use crate::worker::{How, Pipe, ReceiveError, SendError, Stream};

/// Bytes in the pipe of a direction that splices: large, because each of its two system calls costs
/// the same for much as for little.
pub const PIPE_BYTES: usize = 1024 * 1024;

/// Bytes in one read from which a direction that may splice begins to: small messages cost more
/// through a pipe than by a copy.
pub const SPLICE_FROM: usize = 16 * 1024;

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
pub async fn tunnel(client: &Stream, server: &Stream, splice: bool) -> (Direction, Direction) {
    join(pump(client, server, splice), pump(server, client, splice)).await
}

/// One direction.
async fn pump(from: &Stream, to: &Stream, splice: bool) -> Direction {
    let mut bytes = 0;
    let end = loop {
        let len = match from.receive().await {
            Ok(Some(chunk)) => {
                let len = chunk.len();
                bytes += len as u64;
                if let Err(failure) = to.send(chunk).await {
                    break End::Destination(failure.error);
                }
                len
            }
            Ok(None) => break End::Finished,
            Err(error) => break End::Source(error),
        };
        if splice
            && len >= SPLICE_FROM
            && let Ok(pipe) = Pipe::new(PIPE_BYTES)
        {
            // Boxed, so that an idle tunnel does not carry the room for it.
            let spliced = Box::pin(pump_spliced(from, to, Box::new(pipe), &mut bytes));
            if let Some(end) = spliced.await {
                break end;
            }
        }
    };
    finish(to, end).await;
    Direction { bytes, end }
}

/// Splices as long as it pays; `None` when it no longer does.
async fn pump_spliced(
    from: &Stream,
    to: &Stream,
    mut pipe: Box<Pipe>,
    bytes: &mut u64,
) -> Option<End> {
    let mut small = 0;
    while small < SMALL_FILLS {
        pipe = match from.fill(pipe).await {
            Ok(pipe) if pipe.is_empty() => return Some(End::Finished),
            Ok(pipe) => pipe,
            Err(failure) => return Some(End::Source(failure.error)),
        };
        small = if pipe.held() < SPLICE_FROM { small + 1 } else { 0 };
        *bytes += pipe.held() as u64;
        pipe = match to.drain(pipe).await {
            Ok(pipe) => pipe,
            Err(failure) => return Some(End::Destination(failure.error)),
        };
    }
    None
}

/// Tells the destination that no more comes.
async fn finish(to: &Stream, end: End) {
    match end {
        End::Finished => to.shutdown(How::Write).await,
        // The peer must not take a failure for an orderly end, and the other direction must learn
        // that nobody is left to send to.
        End::Source(_) | End::Destination(_) => to.shutdown(How::Both).await,
    }
}
