//! Timeouts of a tunnel.
//!
//! In: what moves bytes, and how long each side may be silent. Out: what it gives in the end. Looking
//! costs a comparison each time the task is woken; a timer is armed only when the last one has run out.
//!
//! As in HAProxy: a side is waited for while it is read from, or while it does not take what is sent to
//! it. What passes either way shows that both sides live, except for a side that takes nothing. A side
//! that is silent for too long is not read any more, as if it had ended its direction, and the other
//! direction goes on; one that takes nothing for too long ends both. An end is no sign of life.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Direction, End, SPLICE_FROM};
use crate::config::plan::{Given, Timeouts};
use crate::rules::ending::Cause;
use crate::rules::walk::Effects;
use crate::worker::{Local, ReceiveError, SendError, Sleep, Time, Unsent};

/// How long the sides of a tunnel may be silent; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The client.
    pub client: Option<Duration>,
    /// The client, once one direction has ended.
    pub client_fin: Option<Duration>,
    /// The server.
    pub server: Option<Duration>,
    /// The server, once one direction has ended.
    pub server_fin: Option<Duration>,
}

impl Limits {
    /// `timeout tunnel` or else `timeout client` and `server`, and the two `-fin`, of a frontend and a
    /// backend, where rules (`set-timeout`) do not say otherwise.
    pub fn new(front: &Timeouts, back: &Timeouts, effects: &Effects) -> Limits {
        let set = |ms: Option<u64>| ms.map(Duration::from_millis);
        let given = |given: Option<Given<Duration>>| {
            given.map(|given| given.value).filter(|limit| !limit.is_zero())
        };
        let tunnel = set(effects.tunnel_timeout_ms).or(given(back.tunnel));
        let client = tunnel.or(set(effects.client_timeout_ms)).or(given(front.client));
        let server = tunnel.or(set(effects.server_timeout_ms)).or(given(back.server));
        Limits {
            client,
            client_fin: given(front.client_fin).or(client),
            server,
            server_fin: given(back.server_fin).or(server),
        }
    }

    fn of(&self, side: Side, ended: bool) -> Option<Duration> {
        match (side, ended) {
            (Side::Client, false) => self.client,
            (Side::Client, true) => self.client_fin,
            (Side::Server, false) => self.server,
            (Side::Server, true) => self.server_fin,
        }
    }

    /// The shortest; `None` if there is none at all.
    fn shortest(&self) -> Option<Duration> {
        [self.client, self.client_fin, self.server, self.server_fin].into_iter().flatten().min()
    }
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who connected to us.
    Client,
    /// Whom we connected to.
    Server,
}

/// How a tunnel ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// From the client to the server.
    pub up: Direction,
    /// From the server to the client.
    pub down: Direction,
    /// Who was silent for too long first.
    pub expired: Option<Side>,
}

impl Passed {
    /// Who ended it, for the log.
    pub fn cause(&self) -> Cause {
        match (self.expired, broken(self.up.end), broken(self.down.end)) {
            (Some(Side::Client), ..) => Cause::ClientTimeout,
            (Some(Side::Server), ..) => Cause::ServerTimeout,
            (None, Some(End::Source(_)), _) | (None, _, Some(End::Destination(_))) => Cause::Client,
            (None, Some(_), _) | (None, _, Some(_)) => Cause::Server,
            (None, None, None) => Cause::Normal,
        }
    }
}

/// An end by a failure that is no consequence of the other direction's.
fn broken(end: End) -> Option<End> {
    match end {
        End::Finished | End::Expired => None,
        End::Source(ReceiveError::Canceled | ReceiveError::Closed) => None,
        End::Destination(SendError::Canceled | SendError::Closed) => None,
        End::Source(_) | End::Destination(_) => Some(end),
    }
}

/// What moves bytes both ways.
pub(super) trait Carrier {
    /// Goes on; how both directions ended, once they have.
    fn poll_ends(&mut self, cx: &mut Context<'_>) -> Poll<(Direction, Direction)>;
    /// How far it is; cheap.
    fn progress(&self) -> Progress;
    /// What it waits for, up and down.
    fn standing(&self) -> (Standing, Standing);
    /// What is under way, up and down.
    fn unsent(&self) -> Taking;
    /// Time has run out.
    fn expire(&mut self, due: Due);
}

/// How far both directions are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Signs of life of the direction from the client: changes with what passes.
    pub(super) up: u64,
    /// The same of the direction from the server.
    pub(super) down: u64,
    /// Whether one of them has ended.
    pub(super) ended: bool,
}

/// What a direction waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// For its source.
    pub(super) reads: bool,
    /// For its destination.
    pub(super) sends: bool,
}

/// What is under way to the server (up) and to the client (down): who takes some of it lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taking {
    /// To the server.
    pub(super) up: Option<Unsent>,
    /// To the client.
    pub(super) down: Option<Unsent>,
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Something to come from a side.
    Read(Side),
    /// Something to be taken by a side.
    Write(Side),
}

/// A carrier under timeouts.
#[must_use = "futures do nothing unless awaited"]
pub(super) struct Watched<'a, C> {
    carrier: C,
    local: &'a Local,
    limits: Limits,
    last: Last,
    timer: Option<Sleep>,
    /// What was under way at the last look; not there until something could not go at once.
    taking: Option<Box<Taking>>,
    expired: Option<Side>,
}

/// When what was last seen.
#[derive(Clone, Copy, Debug)]
struct Last {
    progress: Progress,
    up: Time,
    down: Time,
}

impl<'a, C: Carrier + Unpin> Watched<'a, C> {
    pub(super) fn new(local: &'a Local, limits: Limits, carrier: C) -> Watched<'a, C> {
        let now = local.now();
        let last = Last { progress: Progress::default(), up: now, down: now };
        Watched { carrier, local, limits, last, timer: None, taking: None, expired: None }
    }

    /// Takes note of what has moved.
    #[inline]
    fn note(&mut self) {
        let progress = self.carrier.progress();
        if progress == self.last.progress {
            return;
        }
        let now = self.local.now();
        if progress.up != self.last.progress.up {
            self.last.up = now;
        }
        if progress.down != self.last.progress.down {
            self.last.down = now;
        }
        if progress.ended != self.last.progress.ended {
            // Other limits hold from now on, and count from what passed last.
            self.timer = None;
        }
        self.last.progress = progress;
        let (up, down) = self.carrier.standing();
        if up.sends || down.sends {
            **self.taking.get_or_insert_default() = self.carrier.unsent();
        }
    }

    /// Takes note of what the sides have taken since the last look; whether they have. Bytes taken wake
    /// nobody, so this is looked at only when time is over: one who takes nothing any more may have up
    /// to twice his time.
    fn note_taken(&mut self, now: Time) -> bool {
        let Some(before) = &mut self.taking else { return false };
        let taking = self.carrier.unsent();
        let last = std::mem::replace(&mut **before, taking);
        let (up, down) = (has_taken(last.up, taking.up), has_taken(last.down, taking.down));
        if up {
            self.last.up = now;
        }
        if down {
            self.last.down = now;
        }
        up || down
    }

    /// What has taken too long by now. Arms the timer if nothing has.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Option<Due> {
        let shortest = self.limits.shortest()?;
        loop {
            if let Some(timer) = &mut self.timer {
                if Pin::new(timer).poll(cx).is_pending() {
                    return None;
                }
                self.timer = None;
            }
            let now = self.local.now();
            let next = next(&self.last, &self.limits, self.carrier.standing());
            match next {
                Some((_, at)) if at <= now && self.note_taken(now) => {}
                Some((due, at)) if at <= now => return Some(due),
                // Which side is waited for may change meanwhile, without a wake.
                _ => {
                    self.note_taken(now);
                    let at = next.map_or(now + shortest, |(_, at)| at.min(now + shortest));
                    self.timer = Some(self.local.sleep_until(at));
                }
            }
        }
    }
}

/// Whether a side has taken something. What is gone may have gone at once: on io_uring every send is under
/// way for a moment, and of a few bytes that says nothing.
fn has_taken(last: Option<Unsent>, now: Option<Unsent>) -> bool {
    match (last, now) {
        (Some(last), None) => last.bytes() >= SPLICE_FROM,
        (Some(last), Some(now)) => last != now,
        (None, _) => false,
    }
}

/// What will take too long first, and when. Of two at a time it is the client's.
fn next(last: &Last, limits: &Limits, (up, down): (Standing, Standing)) -> Option<(Due, Time)> {
    let any = last.up.max(last.down);
    let all = [
        (up.reads, Due::Read(Side::Client), any),
        (down.sends, Due::Write(Side::Client), last.down),
        (down.reads, Due::Read(Side::Server), any),
        (up.sends, Due::Write(Side::Server), last.up),
    ];
    let waited = all.into_iter().filter(|(waits, ..)| *waits);
    waited
        .filter_map(|(_, due, since)| {
            let (Due::Read(side) | Due::Write(side)) = due;
            Some((due, since + limits.of(side, last.progress.ended)?))
        })
        .min_by_key(|(_, at)| *at)
}

impl<C: Carrier + Unpin> Future for Watched<'_, C> {
    type Output = Passed;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Passed> {
        let this = &mut *self;
        loop {
            if let Poll::Ready((up, down)) = this.carrier.poll_ends(cx) {
                return Poll::Ready(Passed { up, down, expired: this.expired });
            }
            this.note();
            let Some(due) = this.poll_due(cx) else { return Poll::Pending };
            let (Due::Read(side) | Due::Write(side)) = due;
            this.expired = this.expired.or(Some(side));
            this.carrier.expire(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const READS: Standing = Standing { reads: true, sends: false };
    const SENDS: Standing = Standing { reads: false, sends: true };
    const NOTHING: Standing = Standing { reads: false, sends: false };

    fn at(seconds: u32) -> Time {
        Time::default() + SECOND * seconds
    }

    fn limits(client: u32, server: u32) -> Limits {
        Limits {
            client: Some(SECOND * client),
            client_fin: Some(SECOND),
            server: Some(SECOND * server),
            server_fin: None,
        }
    }

    fn last(up: u32, down: u32, ended: bool) -> Last {
        let progress = Progress { ended, ..Progress::default() };
        Last { progress, up: at(up), down: at(down) }
    }

    #[test]
    fn what_passes_either_way_shows_that_both_live() {
        let both = (READS, READS);
        let due = next(&last(10, 3, false), &limits(5, 5), both);
        assert_eq!(due, Some((Due::Read(Side::Client), at(15))));
        let due = next(&last(3, 10, false), &limits(5, 4), both);
        assert_eq!(due, Some((Due::Read(Side::Server), at(14))));
        assert_eq!(next(&last(3, 10, false), &Limits::default(), both), None);
    }

    #[test]
    fn a_side_that_takes_nothing_is_due_whatever_it_sends() {
        let due = next(&last(10, 3, false), &limits(5, 9), (READS, SENDS));
        assert_eq!(due, Some((Due::Write(Side::Client), at(8))));
        let due = next(&last(3, 10, false), &limits(5, 4), (SENDS, READS));
        assert_eq!(due, Some((Due::Write(Side::Server), at(7))));
    }

    #[test]
    fn other_limits_hold_behind_an_end() {
        let due = next(&last(1, 2, true), &limits(5, 5), (READS, NOTHING));
        assert_eq!(due, Some((Due::Read(Side::Client), at(3))));
        assert_eq!(next(&last(1, 2, true), &limits(5, 5), (NOTHING, READS)), None);
    }

    #[test]
    fn the_one_who_began_to_fail_is_named() {
        let direction = |end| Direction { bytes: 0, end };
        let passed =
            |up, down| Passed { up: direction(up), down: direction(down), expired: None }.cause();
        let aborted = End::Source(ReceiveError::Canceled);
        assert_eq!(passed(End::Finished, End::Finished), Cause::Normal);
        assert_eq!(passed(End::Source(ReceiveError::Reset), aborted), Cause::Client);
        assert_eq!(passed(aborted, End::Source(ReceiveError::Reset)), Cause::Server);
        assert_eq!(passed(aborted, End::Destination(SendError::Reset)), Cause::Client);
        assert_eq!(passed(End::Destination(SendError::Reset), aborted), Cause::Server);
    }
}
