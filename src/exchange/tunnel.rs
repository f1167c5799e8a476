//! A tunnel: bytes both ways between two connections, read by nobody.
//!
//! In: two connected streams. Out: how many bytes went each way, and what ended each. Half-close
//! is passed on: the end of one direction shuts down the other side's, and the other direction goes
//! on. A failure ends both, and who is still there gets a reset. Back-pressure: a direction reads
//! again only when what it read has gone to the kernel, so it holds one chunk (or one pipe) at a
//! time, and none while it is idle.
//!
//! [`between`] is that for any two [`Transport`]s, under timeouts: `watch` ends what was silent for
//! too long, `relay` is the slower way for connections of which one speaks TLS.

mod relay;
mod watch;

pub use watch::{Limits, Passed, Side};

use super::splice::{Gauge, SPLICE_FROM, Stopped, splice};
use super::transport::Transport;
use crate::worker::{
    Chunk, How, Lent, Local, Pending, ReceiveError, SendError, Sending, Started, Stream,
};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use watch::{Carrier, Due, Progress, Standing, Taking, Watched};

/// What ended a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its source said so, and its destination was told.
    Finished,
    /// Its source failed.
    Source(ReceiveError),
    /// Its destination failed.
    Destination(SendError),
    /// Time ran out for one of them.
    Expired,
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
pub fn tunnel<'a>(client: &'a Stream, server: &'a Stream, splice: bool) -> Tunnel<'a> {
    Tunnel { up: Pump::new(client, server, splice), down: Pump::new(server, client, splice) }
}

/// What was received before a tunnel began, and goes first.
#[derive(Debug, Default)]
pub struct Early {
    /// From the client, for the server.
    pub client: Option<Chunk>,
    /// From the server, for the client.
    pub server: Option<Chunk>,
}

/// Moves bytes both ways between any two connections until both directions have ended, or one of
/// them was silent for longer than `limits` allow. For TCP mode, and for what follows a 101 or a
/// CONNECT. Bytes pass through the kernel where they can.
pub async fn between(
    local: &Local,
    client: &Transport,
    server: &Transport,
    early: Early,
    limits: Limits,
) -> Passed {
    match (client.plain(), server.plain()) {
        (Some(client), Some(server)) => {
            let mut tunnel = tunnel(client, server, true);
            tunnel.up.begin_with(early.client);
            tunnel.down.begin_with(early.server);
            Watched::new(local, limits, tunnel).await
        }
        _ => Watched::new(local, limits, relay::Relay::new(client, server, early)).await,
    }
}

/// The future of [`tunnel`]. Written by hand rather than as `async fn`s: it is all that an idle
/// connection consists of, and as those it was two and a half times the size and the work.
#[must_use = "futures do nothing unless awaited"]
pub struct Tunnel<'a> {
    up: Pump<'a>,
    down: Pump<'a>,
}

impl Future for Tunnel<'_> {
    type Output = (Direction, Direction);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Mostly one of them was woken, and the other has nothing new: both have to have ended.
        let up = if this.up.is_quiet() { None } else { this.up.poll(cx) };
        let down = if this.down.is_quiet() { None } else { this.down.poll(cx) };
        match (up, down) {
            (Some(up), Some(down)) => Poll::Ready((up, down)),
            _ => Poll::Pending,
        }
    }
}

impl Carrier for Tunnel<'_> {
    fn poll_ends(&mut self, cx: &mut Context<'_>) -> Poll<(Direction, Direction)> {
        Pin::new(self).poll(cx)
    }

    #[inline]
    fn progress(&self) -> Progress {
        let ended = self.up.has_ended() || self.down.has_ended();
        Progress { up: self.up.signs(), down: self.down.signs(), ended }
    }

    fn standing(&self) -> (Standing, Standing) {
        (self.up.standing(), self.down.standing())
    }

    fn unsent(&self) -> Taking {
        Taking { up: self.up.to.unsent(), down: self.down.to.unsent() }
    }

    fn expire(&mut self, due: Due) {
        match due {
            Due::Read(Side::Client) => self.up.stop_reading(),
            Due::Read(Side::Server) => self.down.stop_reading(),
            Due::Write(Side::Server) => self.up.give_up(),
            Due::Write(Side::Client) => self.down.give_up(),
        }
    }
}

/// One direction.
struct Pump<'a> {
    from: &'a Stream,
    to: &'a Stream,
    bytes: u64,
    /// The last send. Its end wakes nobody unless it is bad news: what it brings is seen when the
    /// next chunk is there.
    sending: Option<Pending<'a, Sending>>,
    phase: Phase<'a>,
    splices: bool,
}

enum Phase<'a> {
    Receiving,
    /// This chunk waits until the last send is done.
    Holding(Chunk),
    /// Boxed, so that an idle tunnel does not carry the room for it.
    Splicing(Box<Splicing<'a>>),
    /// Nothing more comes; the last send may still be under way.
    Ending(End),
    Ended(End),
}

/// A direction whose bytes pass through the kernel.
struct Splicing<'a> {
    /// What ended it; `None` when copying is better.
    future: Pin<Box<dyn Future<Output = Option<End>> + 'a>>,
    gauge: Rc<Gauge>,
}

impl<'a> Pump<'a> {
    fn new(from: &'a Stream, to: &'a Stream, splices: bool) -> Pump<'a> {
        let phase = Phase::Receiving;
        Pump { from, to, bytes: 0, sending: None, phase, splices }
    }

    /// Whether it only waits to receive, still in vain.
    #[inline]
    fn is_quiet(&self) -> bool {
        self.sending.is_none() && matches!(self.phase, Phase::Receiving) && self.from.is_receiving()
    }

    /// Goes on as far as it can; the result once it has ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Option<Direction> {
        loop {
            self.phase = match self.phase {
                Phase::Receiving => self.poll_receive()?,
                Phase::Ended(end) => return Some(Direction { bytes: self.bytes, end }),
                _ => self.poll_rarely(cx)?,
            };
        }
    }

    /// The phase after one of those that last only for a moment.
    fn poll_rarely(&mut self, cx: &mut Context<'_>) -> Option<Phase<'a>> {
        Some(match std::mem::replace(&mut self.phase, Phase::Receiving) {
            Phase::Holding(chunk) => match self.poll_send(cx) {
                Poll::Ready(Ok(())) => self.start_send(chunk),
                Poll::Ready(Err(end)) => Phase::Ending(end),
                Poll::Pending => return self.stay(Phase::Holding(chunk)),
            },
            Phase::Splicing(mut splicing) => match splicing.future.as_mut().poll(cx) {
                Poll::Ready(end) => {
                    self.bytes += splicing.gauge.received();
                    end.map_or(Phase::Receiving, Phase::Ending)
                }
                Poll::Pending => return self.stay(Phase::Splicing(splicing)),
            },
            Phase::Ending(end) => match self.poll_send(cx) {
                Poll::Ready(sent) => self.end(sent.err().unwrap_or(end)),
                Poll::Pending => return self.stay(Phase::Ending(end)),
            },
            phase @ (Phase::Receiving | Phase::Ended(_)) => phase,
        })
    }

    fn stay(&mut self, phase: Phase<'a>) -> Option<Phase<'a>> {
        self.phase = phase;
        None
    }

    /// The phase after what was received; `None` while nothing was.
    fn poll_receive(&mut self) -> Option<Phase<'a>> {
        if let Some(sent) = self.sending.as_mut().and_then(Pending::peek) {
            self.sending = None;
            if let Err(failure) = sent {
                return Some(Phase::Ending(End::Destination(failure.error)));
            }
        }
        let Poll::Ready(received) = self.from.poll_receive() else { return None };
        Some(match received {
            Ok(Some(chunk)) if self.sending.is_some() => Phase::Holding(chunk),
            Ok(Some(chunk)) => self.start_send(chunk),
            Ok(None) => Phase::Ending(End::Finished),
            Err(error) => Phase::Ending(End::Source(error)),
        })
    }

    /// Waits for the last send.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let Some(pending) = &mut self.sending else { return Poll::Ready(Ok(())) };
        Pin::new(pending).poll(cx).map(|sent| {
            self.sending = None;
            sent.map_err(|failure| End::Destination(failure.error))
        })
    }

    fn start_send(&mut self, chunk: Chunk) -> Phase<'a> {
        let len = chunk.len();
        self.bytes += len as u64;
        match self.to.start_send(chunk) {
            Started::Done(Ok(())) => {}
            Started::Done(Err(failure)) => {
                return Phase::Ending(End::Destination(failure.error));
            }
            Started::Pending(pending) => self.sending = Some(pending),
        }
        if self.splices && len >= SPLICE_FROM {
            match self.from.lend_pipe() {
                Some(lent) => {
                    let gauge = Rc::<Gauge>::default();
                    let last = self.sending.take();
                    let future = pass(last, self.from, self.to, lent, gauge.clone());
                    let future = Box::pin(future);
                    return Phase::Splicing(Box::new(Splicing { future, gauge }));
                }
                // None to be had: copying needs none.
                None => self.splices = false,
            }
        }
        Phase::Receiving
    }

    /// Sends this before anything else. Only before the first poll.
    fn begin_with(&mut self, chunk: Option<Chunk>) {
        if let Some(chunk) = chunk {
            self.phase = Phase::Holding(chunk);
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Bytes received so far.
    #[inline]
    fn moved(&self) -> u64 {
        match &self.phase {
            Phase::Splicing(splicing) => self.bytes + splicing.gauge.received(),
            _ => self.bytes,
        }
    }

    /// A number that changes with every sign of life: what was received, and what was taken of a pipe.
    #[inline]
    fn signs(&self) -> u64 {
        match &self.phase {
            Phase::Splicing(splicing) => self.moved() + splicing.gauge.sent(),
            _ => self.bytes,
        }
    }

    /// What it waits for.
    fn standing(&self) -> Standing {
        let sends = self.sending.as_ref().is_some_and(Pending::is_in_flight);
        match &self.phase {
            Phase::Receiving => Standing { reads: true, sends },
            Phase::Holding(_) | Phase::Ending(_) => Standing { reads: false, sends },
            Phase::Splicing(splicing) => {
                let sends = splicing.gauge.sends();
                Standing { reads: !sends, sends }
            }
            Phase::Ended(_) => Standing::default(),
        }
    }

    /// The source is not listened to any more; what it sent still goes out.
    fn stop_reading(&mut self) {
        drop(self.from.start_receive());
        self.bytes = self.moved();
        self.phase = Phase::Ending(End::Expired);
    }

    /// The destination takes nothing: both are left, at once.
    fn give_up(&mut self) {
        self.bytes = self.moved();
        self.phase = Phase::Ended(End::Expired);
        self.sending = None;
        self.from.abort();
        self.to.abort();
    }

    /// Tells the destination that no more comes. After a failure by a reset: it must not take half
    /// of something for all of it, and the other direction must learn that nobody is left.
    fn end(&mut self, end: End) -> Phase<'a> {
        match end {
            End::Finished | End::Expired => drop(self.to.shutdown(How::Write)),
            End::Source(_) | End::Destination(_) => self.to.abort(),
        }
        Phase::Ended(end)
    }
}

/// Splices as long as it pays, once the last send is done; `None` when it no longer does.
async fn pass(
    last: Option<Pending<'_, Sending>>,
    from: &Stream,
    to: &Stream,
    lent: Lent,
    gauge: Rc<Gauge>,
) -> Option<End> {
    gauge.begin_send();
    if let Some(sending) = last
        && let Err(failure) = sending.await
    {
        return Some(End::Destination(failure.error));
    }
    match splice(from, to, lent, u64::MAX, &gauge).await {
        Stopped::Enough | Stopped::Small => None,
        Stopped::Ended => Some(End::Finished),
        Stopped::Source(error) => Some(End::Source(error)),
        Stopped::Destination(error) => Some(End::Destination(error)),
    }
}
