//! A client's connection, from one exchange to the next.
//!
//! It waits for the first bytes of a request without a buffer, runs one exchange after the other, and
//! closes as the last one asks for.
//!
//! Limits: what a client still sends when its connection closes is read for [`LINGER`] or up to
//! [`LINGER_BYTES`], so that it gets the answer instead of a reset.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::decide::{self, Missed};
use super::ending::Unread;
use super::upgrade::Upgraded;
use super::wait::{self, Alarm, Waited};
use crate::config::plan::is_on;
use crate::exchange::client::Seat;
use crate::exchange::inbox::{Full, Inbox};
use crate::exchange::site::Site;
use crate::exchange::transport::Transport;
use crate::rules::context::{Connection, Variables};
use crate::worker::Time;

/// How long the next request may take to come until the room for it is given back.
const SOON: Duration = Duration::from_secs(1);

/// How long a connection that never asked for anything is waited for when the worker stops: it may have
/// been accepted a moment ago.
const LAST_CALL: Duration = Duration::from_secs(1);

/// How long a closing connection is read.
const LINGER: Duration = Duration::from_secs(1);

/// How much of it.
const LINGER_BYTES: usize = 256 * 1024;

/// A client's connection and what is kept of it from one exchange to the next.
pub(super) struct Client {
    /// What the worker has.
    pub(super) site: Rc<Site>,
    /// Its place in the figures.
    seat: Seat,
    /// It gets one more answer under its plan, although that holds no longer.
    stays: bool,
    /// The connection.
    pub(super) transport: Transport,
    /// What came on it and was not used.
    pub(super) inbox: Inbox,
    /// Its timer.
    pub(super) alarm: Alarm,
    /// What rules may know of it.
    pub(super) facts: Connection,
    /// Its variables; those of the last exchange are forgotten.
    pub(super) variables: Variables,
    /// How many requests came on it before.
    pub(super) number: u64,
    /// When it was accepted, or its last exchange ended: microseconds of the worker's clock.
    pub(super) since_us: u64,
    /// When its handshakes were done, or its last exchange ended.
    pub(super) greeted_us: u64,
}

/// What becomes of a client's connection behind an exchange.
pub(super) enum Next {
    /// The next request may come.
    Again,
    /// The same, once the rest of this one's body was read.
    Drain,
    /// It closes.
    Close,
    /// It closes; the client may still be sending.
    Linger,
    /// It closes in a way that nobody takes for a complete response.
    Abort,
    /// It is forgotten, so that the client does not learn of it; or it gets a reset that lives for so
    /// many hops.
    Vanish(Option<u8>),
    /// It is another protocol's.
    Upgraded(Box<Upgraded>),
}

/// Serves the requests of one connection until it ends. `inbox` has what came already; `variables` are
/// those that rules for the connection set.
pub(in crate::exchange) fn serve(
    seat: Seat,
    client: Transport,
    inbox: Inbox,
    connection: Connection,
    variables: Variables,
    accepted_us: u64,
) -> impl Future<Output = ()> + use<> {
    let site = seat.site().clone();
    let mut client = Client {
        greeted_us: site.now_us(),
        site,
        seat,
        stays: false,
        transport: client,
        inbox,
        alarm: Alarm::default(),
        facts: connection,
        variables,
        number: 0,
        since_us: accepted_us,
    };
    // A block instead of an `async fn`: that would hold its arguments beside what is made of them, and
    // this is what an idle connection consists of.
    async move {
        wake_at_stop(&client.site).await;
        let next = loop {
            if client.inbox.is_empty()
                && let Came::Nothing(next) = client.wait(None).await
            {
                break next;
            }
            if let Some(next) = Box::pin(client.exchanges()).await {
                break next;
            }
        };
        Box::pin(client.end(next)).await;
    }
}

/// Has this task polled when the worker stops, whatever it waits for then.
async fn wake_at_stop(site: &Site) {
    let mut stopping = pin!(site.local.stopping());
    poll_fn(|cx| {
        let _ = stopping.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

/// What waiting for a request brought.
enum Came {
    /// Its first bytes.
    Bytes,
    /// Nothing so far.
    Lull,
    /// Nothing, and this is what becomes of the connection.
    Nothing(Next),
}

impl Client {
    /// Runs exchanges as long as one follows another soon: the room that they need is had once for all
    /// of them. Gives what becomes of the connection, if it does not stay idle.
    async fn exchanges(&mut self) -> Option<Next> {
        loop {
            if self.site.tenure.is_over() {
                self.move_on();
            }
            match decide::exchange(self).await {
                Ok(Next::Again) => self.begin_again(),
                Ok(next) => return Some(next),
                Err(missed) => return Some(Box::pin(decide::missed(self, missed)).await),
            }
            if self.inbox.is_empty() {
                match self.wait(Some(SOON)).await {
                    Came::Bytes => {}
                    Came::Lull => return None,
                    Came::Nothing(next) => return Some(next),
                }
            }
        }
    }

    /// Goes on under the worker's plan of now; false if that has no place for it.
    fn move_on(&mut self) -> bool {
        let moved = self.seat.move_on(&mut self.facts);
        if moved {
            self.site = self.seat.site().clone();
        }
        moved
    }

    /// Waits for the first bytes of a request, for `soon` at most. Meanwhile the plan may change.
    async fn wait(&mut self, soon: Option<Duration>) -> Came {
        loop {
            match self.wait_under_plan(soon).await {
                Some(came) => return came,
                None if self.move_on() => {}
                // It was accepted before its frontend went: it gets its first answer.
                None if self.number == 0 || self.is_patient() => self.stays = true,
                None => return Came::Nothing(Next::Linger),
            }
        }
    }

    /// The same as long as the site is the worker's own.
    async fn wait_under_plan(&mut self, soon: Option<Duration>) -> Option<Came> {
        let end = self.idle_deadline();
        let lull = soon.map(|soon| self.site.local.now() + soon);
        let deadline = Cell::new(lull.into_iter().chain(end).min());
        let local = self.site.local.clone();
        let mut received = pin!(wait::receive(&local, &self.alarm, &self.transport, &deadline));
        let (site, stays, fresh) = (&self.site, self.stays, self.number == 0);
        let patient = self.is_patient();
        let (frontend, bind) = (self.facts.frontend, self.facts.bind);
        let mut asked = false;
        let waited = poll_fn(|cx| match received.as_mut().poll(cx) {
            Poll::Ready(waited) => Poll::Ready(Some(waited)),
            Poll::Pending if local.is_stopping() && !patient => {
                if std::mem::replace(&mut asked, true) {
                    return if fresh { Poll::Pending } else { Poll::Ready(None) };
                }
                // What the client sent before may not have been heard of yet; and one that never asked
                // for anything may be about to.
                if fresh {
                    let last = local.now() + LAST_CALL;
                    deadline.set(Some(deadline.get().map_or(last, |at| at.min(last))));
                }
                local.wake(local.current());
                Poll::Pending
            }
            Poll::Pending if site.tenure.is_over() && !stays => {
                // Where there is no place for it any more, a request that came before is answered still:
                // like above, it may not have been heard of yet.
                if asked || site.keeps(frontend, bind) {
                    return Poll::Ready(None);
                }
                asked = true;
                local.wake(local.current());
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        })
        .await;
        let stops = local.is_stopping();
        Some(match waited {
            None if !stops => return None,
            Some(Waited::Bytes(chunk)) => match self.inbox.push(chunk, local.pool()) {
                Ok(()) => Came::Bytes,
                Err(Full) => Came::Nothing(Next::Close),
            },
            Some(Waited::Expired) if stops && !patient => Came::Nothing(Next::Linger),
            Some(Waited::Expired) if end.is_none_or(|end| local.now() < end) => Came::Lull,
            Some(Waited::Expired) => Came::Nothing(self.give_up(Unread::Late).await),
            Some(Waited::End | Waited::Failed(_)) => {
                Came::Nothing(self.give_up(Unread::Gone).await)
            }
            None => Came::Nothing(Next::Linger),
        })
    }

    /// No request came. The first one is missed, with an answer unless that is not wanted; a
    /// connection that was kept for more just ends.
    async fn give_up(&mut self, why: Unread) -> Next {
        let plan = self.site.plan.clone();
        let frontend = plan.proxies.get(self.facts.frontend);
        let ignores = frontend.is_some_and(|it| is_on(it.settings.options.ignore_probes));
        if self.number > 0 || ignores {
            return Next::Close;
        }
        Box::pin(decide::missed(self, Missed { why, begun_us: None })).await
    }

    /// `option idle-close-on-response`: a worker that stops waits for one more request.
    fn is_patient(&self) -> bool {
        let frontend = self.site.plan.proxies.get(self.facts.frontend);
        frontend.is_some_and(|it| is_on(it.settings.options.idle_close_on_response))
    }

    /// When an idle connection ends.
    fn idle_deadline(&self) -> Option<Time> {
        let timeouts = &self.site.plan.proxies.get(self.facts.frontend)?.settings.timeouts;
        let request = wait::limit(timeouts.http_request);
        let client = wait::limit(timeouts.client);
        if self.number > 0 {
            let idle = wait::limit(timeouts.http_keep_alive).or(request).or(client);
            return idle.map(|limit| self.since() + limit);
        }
        // The first request has its whole time from accept on.
        let limits = request.into_iter().chain(client).min();
        limits.map(|limit| self.since() + limit)
    }

    /// When the head of the request that has begun has to be complete.
    pub(super) fn head_deadline(&self) -> Option<Time> {
        let timeouts = &self.site.plan.proxies.get(self.facts.frontend)?.settings.timeouts;
        match wait::limit(timeouts.http_request) {
            Some(limit) if self.number == 0 => Some(self.since() + limit),
            Some(limit) => Some(self.site.local.now() + limit),
            None => wait::deadline(&self.site.local, wait::limit(timeouts.client)),
        }
    }

    fn since(&self) -> Time {
        Time::default() + Duration::from_micros(self.since_us)
    }

    /// Gets ready for the next request.
    fn begin_again(&mut self) {
        self.number += 1;
        self.since_us = self.site.now_us();
        self.greeted_us = self.since_us;
        self.variables.exchange_ends();
    }

    /// Ends the connection.
    async fn end(mut self, next: Next) {
        self.site.servers.forget(&self.facts);
        match next {
            Next::Abort => self.transport.abort(),
            Next::Vanish(hops) => self.transport.stream().vanish(hops),
            Next::Upgraded(upgraded) => upgraded.run(&mut self).await,
            Next::Again | Next::Drain | Next::Close if self.inbox.is_empty() => {
                // In the clear, closing says it all.
                if self.transport.plain().is_none() {
                    self.finish().await;
                }
            }
            Next::Again | Next::Drain | Next::Close | Next::Linger => {
                self.finish().await;
                self.linger().await;
            }
        }
    }

    /// Says that nothing more comes.
    async fn finish(&self) {
        // It waits for the network only if that is full, and then nobody listens.
        let _ = self.site.local.timeout(LINGER, self.transport.finish()).await;
    }

    /// Reads what the client still sends, and forgets it.
    async fn linger(&self) {
        let local = &self.site.local;
        let deadline = Cell::new(Some(local.now() + LINGER));
        let mut left = LINGER_BYTES;
        while let Waited::Bytes(chunk) =
            wait::receive(local, &self.alarm, &self.transport, &deadline).await
        {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }
}
