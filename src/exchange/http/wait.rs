//! To receive and to send, but not for ever.
//!
//! A timer is armed only for what cannot be done at once, and it stays armed for the next wait.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::config::plan::Given;
use crate::exchange::transport::Transport;
use crate::worker::future::{Either, race};
use crate::worker::{self, Chunk, Local, Payload, ReceiveError, SendError, Sleep, Time};

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

/// A timer that stays armed from one wait to the next: moments mostly move further away, and then the
/// one it is armed for is as good. When that comes, it is armed again for what is still to come.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    armed: RefCell<Option<(Time, Sleep)>>,
}

impl Alarm {
    /// Ready once a moment has come.
    pub(super) fn poll(&self, local: &Local, at: Time, cx: &mut Context<'_>) -> Poll<()> {
        let mut armed = self.armed.borrow_mut();
        loop {
            match &mut *armed {
                Some((until, sleep)) if *until <= at => {
                    let until = *until;
                    ready!(Pin::new(sleep).poll(cx));
                    *armed = None;
                    if until == at || local.now() >= at {
                        return Poll::Ready(());
                    }
                }
                _ => *armed = Some((at, local.sleep_until(at))),
            }
        }
    }
}

/// Receives, up to a moment that may be moved while this waits.
pub(super) fn receive<'a>(
    local: &'a Local,
    alarm: &'a Alarm,
    from: &'a Transport,
    deadline: &'a Cell<Option<Time>>,
) -> Receive<'a> {
    Receive { local, alarm, from, deadline }
}

/// The future of [`receive`].
pub(super) struct Receive<'a> {
    local: &'a Local,
    alarm: &'a Alarm,
    from: &'a Transport,
    deadline: &'a Cell<Option<Time>>,
}

impl Future for Receive<'_> {
    type Output = Waited;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited> {
        if let Poll::Ready(received) = self.from.poll_receive() {
            return Poll::Ready(match received {
                Ok(Some(chunk)) => Waited::Bytes(chunk),
                Ok(None) => Waited::End,
                Err(error) => Waited::Failed(error),
            });
        }
        match self.deadline.get() {
            None => Poll::Pending,
            Some(at) => self.alarm.poll(self.local, at, cx).map(|()| Waited::Expired),
        }
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

/// Sends all of it, or gives up once the peer has taken nothing of it for `limit` (for twice that at
/// most: whether it took something is looked at when a limit is over).
pub(super) async fn send(
    local: &Local,
    to: &Transport,
    payload: Payload,
    limit: Option<Duration>,
) -> Result<(), Unsent> {
    let sending = pin!(to.send(payload));
    match race(sending, pin!(Patience { local, to, limit, look: None })).await {
        Either::First(sent) => sent.map_err(Unsent::Failed),
        Either::Second(()) => Err(Unsent::Expired),
    }
}

/// Ends when a peer took nothing for a time that begins when this is first polled; without a limit never.
struct Patience<'a> {
    local: &'a Local,
    to: &'a Transport,
    limit: Option<Duration>,
    look: Option<Look>,
}

/// When to look again, and what there was to take at the last look.
struct Look {
    at: Sleep,
    unsent: Option<worker::Unsent>,
}

impl Future for Patience<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.limit else { return Poll::Pending };
        let (local, to) = (self.local, self.to);
        loop {
            if let Some(look) = &mut self.look {
                ready!(Pin::new(&mut look.at).poll(cx));
                if look.unsent == to.stream().unsent() {
                    return Poll::Ready(());
                }
            }
            self.look = Some(Look { at: local.sleep(limit), unsent: to.stream().unsent() });
        }
    }
}
