//! The request's body, on its way to the server while the response is awaited and passed on.
//!
//! Limits: none of its own; see [`super::body`].

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::body::Broken;
use super::wait;
use crate::exchange::transport::Transport;
use crate::worker::{Chunk, Local, Time};

/// Sends what is left of a body.
type Rest<'a> = Pin<Box<dyn Future<Output = Result<(), Broken>> + 'a>>;

/// The rest of a request's body, and from when on the server owes its response.
pub(super) struct Upload<'a> {
    local: &'a Local,
    rest: Option<Rest<'a>>,
    /// Whether the server asked for the body (100).
    invited: bool,
    /// Whether more of the body was read than what came with the head.
    began: bool,
    /// How it ended; `Ok` if there was none.
    result: Result<(), Broken>,
    /// `timeout server`.
    patience: Option<Duration>,
    /// `option abortonclose`: who must not leave before the response comes.
    watched: Option<&'a Transport>,
    /// What a watched client sent ahead. One chunk is enough to know that it has not left.
    ahead: Option<Chunk>,
    /// When the response has to be there. Nothing is awaited of a server that waits itself.
    pub(super) due: &'a Cell<Option<Time>>,
}

impl<'a> Upload<'a> {
    /// Nothing to send, so far.
    pub(super) fn new(
        local: &'a Local,
        patience: Option<Duration>,
        due: &'a Cell<Option<Time>>,
    ) -> Upload<'a> {
        Upload {
            watched: None,
            ahead: None,
            local,
            rest: None,
            invited: false,
            began: false,
            result: Ok(()),
            patience,
            due,
        }
    }

    /// This is what is left of the body.
    pub(super) fn begin(&mut self, rest: impl Future<Output = Result<(), Broken>> + 'a) {
        self.due.set(None);
        self.began = true;
        self.rest = Some(Box::pin(rest));
    }

    /// The request was sent whole: the time for its response begins.
    pub(super) fn is_sent(&mut self) {
        self.due.set(wait::deadline(self.local, self.patience));
    }

    /// Nothing was sent, or not all: the server takes nothing, but may have answered.
    pub(super) fn is_refused(&mut self) {
        self.is_sent();
        self.result = Err(Broken::Destination);
    }

    /// From now on a client that leaves ends it all; `None`: it may leave.
    pub(super) fn watch(&mut self, client: Option<&'a Transport>) {
        self.watched = client;
    }

    /// What the client sent meanwhile, behind what the inbox has.
    pub(super) fn take_ahead(&mut self) -> Option<Chunk> {
        self.ahead.take()
    }

    /// The server asked for the body.
    pub(super) fn invite(&mut self) {
        self.invited = true;
    }

    /// Whether it did.
    pub(super) fn is_invited(&self) -> bool {
        self.invited
    }

    /// Something came of the server: it has its whole time again.
    pub(super) fn extend_due(&mut self) {
        if self.due.get().is_some() {
            self.is_sent();
        }
    }

    /// Whether all that was sent is still held, so that it could be sent once more.
    pub(super) fn may_repeat(&self) -> bool {
        !self.began
    }

    /// Sends what is left of the body. A server that takes no more is no fault of the client's.
    ///
    /// # Errors
    /// As of [`Upload::beside`].
    pub(super) async fn finish(&mut self) -> Result<(), Broken> {
        if let Some(rest) = self.rest.take() {
            self.result = rest.await;
        }
        match self.result {
            Err(Broken::Destination | Broken::DestinationTimeout) => Ok(()),
            result => result,
        }
    }

    /// Whether all of the body was sent.
    pub(super) fn is_complete(&self) -> bool {
        self.rest.is_none() && self.result.is_ok()
    }

    /// Does something else, and meanwhile sends the body.
    ///
    /// # Errors
    /// The body cannot go on because of the client. A server that takes no more may still answer, so
    /// that is no error here.
    pub(super) async fn beside<T>(
        &mut self,
        mut other: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, Broken> {
        poll_fn(|cx| {
            if let Some(rest) = &mut self.rest
                && let Poll::Ready(result) = rest.as_mut().poll(cx)
            {
                self.rest = None;
                self.result = result;
                self.is_sent();
                match result {
                    Ok(()) | Err(Broken::Destination | Broken::DestinationTimeout) => {}
                    Err(broken) => return Poll::Ready(Err(broken)),
                }
            }
            if let Poll::Ready(output) = other.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            match self.watched {
                Some(client) if self.rest.is_none() => {
                    poll_leaving(client, &mut self.ahead).map(|()| Err(Broken::Source(None)))
                }
                _ => Poll::Pending,
            }
        })
        .await
    }
}

/// Ready once the client has left. What it sends is kept; more is not looked at then.
fn poll_leaving(client: &Transport, ahead: &mut Option<Chunk>) -> Poll<()> {
    if ahead.is_some() {
        return Poll::Pending;
    }
    match client.poll_receive() {
        Poll::Ready(Ok(Some(chunk))) => {
            *ahead = Some(chunk);
            Poll::Pending
        }
        Poll::Ready(_) => Poll::Ready(()),
        Poll::Pending => Poll::Pending,
    }
}

/// The client left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left;

/// Does something unless the client leaves meanwhile.
///
/// # Errors
/// [`Left`].
pub(super) async fn unless_left<T>(
    client: &Transport,
    ahead: &mut Option<Chunk>,
    other: impl Future<Output = T>,
) -> Result<T, Left> {
    let mut other = pin!(other);
    poll_fn(|cx| match other.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => poll_leaving(client, ahead).map(|()| Err(Left)),
    })
    .await
}
