//! Bytes both ways behind a 101.
//!
//! In: both connections, and what had come on them. Out: how it ended. The end of one direction is
//! passed on, and the other one goes on; a failure ends both.
//!
//! Limits: one chunk is under way in each direction.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use super::connection::Next;
use super::decide::{Side, client_timeout};
use super::forward::{back, server_timeout};
use super::wait::{self, Waited};
use crate::exchange::inbox::Inbox;
use crate::exchange::server::Link;
use crate::exchange::transport::Transport;
use crate::rules::ending::{Cause, Ending, Stage};
use crate::rules::walk::Walk;
use crate::worker::future::{Either, race};
use crate::worker::{Local, Time};

/// One direction.
struct Pump<'a> {
    local: &'a Local,
    from: &'a Transport,
    to: &'a Transport,
    /// When both sides have been silent for too long.
    due: &'a Cell<Option<Time>>,
    limit: Option<Duration>,
    bytes: &'a Cell<u64>,
    /// Who its source and its destination are, for the log.
    between: (Cause, Cause),
}

/// How a direction ended.
enum Stopped {
    /// Its source ended it.
    Finished,
    /// It failed, or nothing came for too long.
    Broken(Cause),
}

impl Pump<'_> {
    async fn run(&self, inbox: &mut Inbox) -> Stopped {
        let mut next = inbox.take_all();
        loop {
            if let Some(chunk) = next.take() {
                let bytes = chunk.len() as u64;
                if wait::send(self.local, self.to, chunk.into(), self.limit).await.is_err() {
                    return Stopped::Broken(self.between.1);
                }
                self.bytes.set(self.bytes.get() + bytes);
                self.due.set(wait::deadline(self.local, self.limit));
            }
            match wait::receive(self.local, self.from, self.due).await {
                Waited::Bytes(chunk) => next = Some(chunk),
                Waited::End => {
                    self.to.finish().await;
                    return Stopped::Finished;
                }
                Waited::Failed(_) => return Stopped::Broken(self.between.0),
                Waited::Expired => return Stopped::Broken(timeout_of(self.between.0)),
            }
        }
    }
}

fn timeout_of(cause: Cause) -> Cause {
    match cause {
        Cause::Server => Cause::ServerTimeout,
        _ => Cause::ClientTimeout,
    }
}

/// Passes bytes both ways until both directions have ended.
pub(super) async fn tunnel(
    side: &mut Side<'_>,
    walk: &mut Walk<'_>,
    link: &Link,
    server: &mut Inbox,
) -> Next {
    let local = &side.site.local;
    let limit = tunnel_timeout(walk);
    let due = Cell::new(wait::deadline(local, limit));
    let (up, down) = (Cell::new(walk.exchange.bytes_in), Cell::new(walk.exchange.bytes_out));
    let upward = Pump {
        local,
        from: side.transport,
        to: &link.transport,
        due: &due,
        limit,
        bytes: &up,
        between: (Cause::Client, Cause::Server),
    };
    let downward = Pump {
        from: &link.transport,
        to: side.transport,
        bytes: &down,
        between: (Cause::Server, Cause::Client),
        ..upward
    };
    let mut one = pin!(upward.run(side.inbox));
    let mut other = pin!(downward.run(server));
    let last = match race(one.as_mut(), other.as_mut()).await {
        Either::First(Stopped::Finished) => other.await,
        Either::Second(Stopped::Finished) => one.await,
        Either::First(broken) | Either::Second(broken) => broken,
    };
    walk.exchange.bytes_in = up.get();
    walk.exchange.bytes_out = down.get();
    match last {
        Stopped::Finished => Next::Close,
        Stopped::Broken(cause) => {
            walk.exchange.ending = Ending { cause, stage: Stage::Data };
            Next::Abort
        }
    }
}

/// `timeout tunnel`, else the longer one of the two sides'.
fn tunnel_timeout(walk: &Walk<'_>) -> Option<Duration> {
    let set = walk.effects.tunnel_timeout_ms.map(Duration::from_millis);
    let configured = || wait::limit(back(walk)?.settings.timeouts.tunnel);
    set.or_else(configured).or_else(|| Some(client_timeout(walk)?.max(server_timeout(walk)?)))
}
