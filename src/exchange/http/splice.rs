//! Bodies that the kernel passes on: `option splice-auto`, `splice-request`, `splice-response`.
//!
//! In: a body on its way between two connections in the clear, framed by its length or by the end of its
//! connection. Out: what is left of it, if it was better to copy the rest. What both sides and the log see
//! is as if it had been copied.
//!
//! The options only say where it may be done; whether it pays is decided here, by how much is left or
//! came at once. That is so for `splice-request` and `splice-response`, too, which in HAProxy mean
//! whenever it can be done.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::body::{Broken, Flow, Way};
use super::decide::front;
use super::forward::back;
use super::wait;
use crate::config::plan::{Options, Proxy, is_on};
use crate::exchange::splice::{Gauge, SPLICE_FROM, Stopped, splice};
use crate::rules::walk::Walk;
use crate::worker::{Lent, Stream};

/// Whose body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The client's.
    Request,
    /// The server's.
    Response,
}

/// Whether the frontend or the backend lets the kernel pass this on.
pub(super) fn is_wanted(walk: &Walk<'_>, part: Part) -> bool {
    let says = |options: &Options| {
        let one = match part {
            Part::Request => options.splice_request,
            Part::Response => options.splice_response,
        };
        is_on(options.splice_auto) || is_on(one)
    };
    let of = |proxy: Option<&Proxy>| proxy.is_some_and(|it| says(&it.settings.options));
    of(front(walk)) || of(back(walk))
}

/// A body of which the rest may be spliced, and a pipe for it.
pub(super) struct Offer<'a> {
    from: &'a Stream,
    to: &'a Stream,
    lent: Lent,
    /// Bytes at most.
    most: u64,
}

/// Whether the rest of a body can be spliced. Nothing of it may be in the inbox.
pub(super) fn offer<'a>(way: &Way<'a>, flow: &Flow) -> Option<Offer<'a>> {
    let most = flow.unframed().filter(|left| *left >= SPLICE_FROM as u64)?;
    let (from, to) = (way.from.plain()?, way.to.plain()?);
    // What an earlier receive may still bring comes first.
    if from.is_receiving() || from.has_news() {
        return None;
    }
    Some(Offer { from, to, lent: from.lend_pipe()?, most })
}

/// How splicing went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spliced {
    /// There may be more to copy.
    Some,
    /// The source ended.
    Ended,
}

/// Splices as much as there is, or as it pays.
///
/// # Errors
/// As of a body that is copied.
pub(super) async fn pass(
    way: &Way<'_>,
    flow: &mut Flow,
    offer: Offer<'_>,
) -> Result<Spliced, Broken> {
    let Offer { from, to, lent, most } = offer;
    let gauge = Gauge::default();
    // Given up in the middle, nobody can tell how much was taken from the source.
    flow.lose_sight();
    let stopped = watch(way, &gauge, splice(from, to, lent, most, &gauge)).await;
    if stopped != Err(Broken::SourceTimeout) {
        flow.see_again(gauge.received());
    }
    match stopped? {
        Stopped::Enough | Stopped::Small => Ok(Spliced::Some),
        Stopped::Ended => Ok(Spliced::Ended),
        Stopped::Source(error) => Err(Broken::Source(Some(error))),
        Stopped::Destination(_) => Err(Broken::Destination),
    }
}

/// Ends it when who is waited for takes too long, and counts what was sent.
async fn watch(
    way: &Way<'_>,
    gauge: &Gauge,
    splicing: impl Future<Output = Stopped>,
) -> Result<Stopped, Broken> {
    let mut splicing = pin!(splicing);
    let before = way.sent.get();
    let seen = Cell::new(None);
    let due = Cell::new(None);
    poll_fn(|cx| {
        let stopped = splicing.as_mut().poll(cx);
        way.sent.set(before + gauge.sent());
        if let Poll::Ready(stopped) = stopped {
            return Poll::Ready(Ok(stopped));
        }
        let now = Some((gauge.received(), gauge.sent(), gauge.sends()));
        let limit = if gauge.sends() { way.stamina } else { way.patience };
        if seen.replace(now) != now {
            due.set(wait::deadline(way.local, limit));
        }
        let Some(at) = due.get() else { return Poll::Pending };
        way.alarm.poll(way.local, at, cx).map(|()| {
            Err(if gauge.sends() { Broken::DestinationTimeout } else { Broken::SourceTimeout })
        })
    })
    .await
}
