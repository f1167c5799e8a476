//! To receive and to send, but not for ever.
//!
//! A timer is armed only for what cannot be done at once, and one is armed at a time.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::config::plan::Given;
use crate::exchange::transport::Transport;
use crate::worker::future::{Either, race};
use crate::worker::{Chunk, Local, Payload, ReceiveError, SendError, Sleep, Time};

/// What a wait for bytes brought.
#[derive(Debug)]
pub(super) enum Waited {
    /// Bytes, at least one.
    Bytes(Chunk),
    /// The end of the stream.
    End,
    /// The connection failed.
    Failed(ReceiveError),
    /// The time was over first.
    Expired,
}

/// A configured time: `None` if there is none, or none that ends.
pub(super) fn limit(given: Option<Given<Duration>>) -> Option<Duration> {
    given.map(|given| given.value).filter(|limit| !limit.is_zero())
}

/// The moment at which a time that begins now is over.
pub(super) fn deadline(local: &Local, limit: Option<Duration>) -> Option<Time> {
    limit.map(|limit| local.now() + limit)
}

/// Receives, up to a moment that may be moved while this waits.
pub(super) fn receive<'a>(
    local: &'a Local,
    from: &'a Transport,
    deadline: &'a Cell<Option<Time>>,
) -> Receive<'a> {
    Receive { local, from, deadline, sleep: None }
}

/// The future of [`receive`].
pub(super) struct Receive<'a> {
    local: &'a Local,
    from: &'a Transport,
    deadline: &'a Cell<Option<Time>>,
    sleep: Option<(Time, Sleep)>,
}

impl Future for Receive<'_> {
    type Output = Waited;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited> {
        if let Poll::Ready(received) = self.from.poll_receive() {
            return Poll::Ready(match received {
                Ok(Some(chunk)) => Waited::Bytes(chunk),
                Ok(None) => Waited::End,
                Err(error) => Waited::Failed(error),
            });
        }
        let Some(at) = self.deadline.get() else {
            self.sleep = None;
            return Poll::Pending;
        };
        if self.sleep.as_ref().is_none_or(|(armed, _)| *armed != at) {
            self.sleep = Some((at, self.local.sleep_until(at)));
        }
        if let Some((_, sleep)) = &mut self.sleep {
            ready!(Pin::new(sleep).poll(cx));
        }
        Poll::Ready(Waited::Expired)
    }
}

/// Why something was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// The connection failed.
    Failed(SendError),
    /// The peer took nothing for too long.
    Expired,
}

/// Sends all of it, or gives up when that takes longer than `limit`.
pub(super) async fn send(
    local: &Local,
    to: &Transport,
    payload: Payload,
    limit: Option<Duration>,
) -> Result<(), Unsent> {
    let sending = pin!(to.send(payload));
    match race(sending, pin!(Patience { local, limit, sleep: None })).await {
        Either::First(sent) => sent.map_err(Unsent::Failed),
        Either::Second(()) => Err(Unsent::Expired),
    }
}

/// Ends after a time that begins when it is first polled; without a limit never.
struct Patience<'a> {
    local: &'a Local,
    limit: Option<Duration>,
    sleep: Option<Sleep>,
}

impl Future for Patience<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.limit else { return Poll::Pending };
        let local = self.local;
        let sleep = self.sleep.get_or_insert_with(|| local.sleep(limit));
        Pin::new(sleep).poll(cx)
    }
}
