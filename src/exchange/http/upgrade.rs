//! Bytes both ways behind a 101.
//!
//! In: both connections, and what had come on them behind the heads. Out: how it ended, in the log. The
//! heads and what the exchange needed are gone by then: such a tunnel may last for days.

use super::connection::Client;
use crate::exchange::inbox::Inbox;
use crate::exchange::server::Link;
use crate::exchange::site::Counted;
use crate::exchange::tunnel::{self, Early, Limits};
use crate::rules::action::setting::Level;
use crate::rules::context::Exchange;
use crate::rules::ending::{Cause, Ending, Stage};
use crate::rules::walk::Walk;

use super::decide::{conclude, walk};
use super::forward::back;

/// What is left of an exchange whose connections are the new protocol's.
pub(super) struct Upgraded {
    link: Link,
    /// What came of the server.
    early: Inbox,
    limits: Limits,
    exchange: Exchange,
    level: Option<Option<Level>>,
    counted: Counted,
}

impl Upgraded {
    /// Of an exchange whose 101 was sent.
    pub(super) fn new(
        walk: &mut Walk<'_>,
        link: Link,
        early: Inbox,
        counted: Counted,
    ) -> Box<Upgraded> {
        let none = Default::default();
        let front = walk.plan.proxies.get(walk.connection.frontend);
        let front = front.map_or(&none, |it| &it.settings.timeouts);
        let back = back(walk).map_or(&none, |it| &it.settings.timeouts);
        let limits = Limits::new(front, back, &walk.effects);
        let exchange = std::mem::take(&mut walk.exchange);
        Box::new(Upgraded { link, early, limits, exchange, level: walk.effects.log_level, counted })
    }

    /// Passes bytes both ways until both directions have ended.
    pub(super) async fn run(self: Box<Self>, client: &mut Client) {
        let Upgraded { link, mut early, limits, exchange, level, counted } = *self;
        let early = Early { client: client.inbox.take_all(), server: early.take_all() };
        let local = &client.site.local;
        let between = tunnel::between(local, &client.transport, &link.transport, early, limits);
        let passed = Box::pin(between).await;
        let (backend, server, facts) = (link.backend, link.server, link.facts.clone());
        drop((link, counted));
        let mut walk = walk(&client.site, &client.facts, &client.variables);
        walk.exchange = exchange;
        (walk.backend, walk.server) = (Some(backend), Some(server));
        walk.proxy = backend;
        walk.server_connection = Some(&facts);
        walk.effects.log_level = level;
        walk.exchange.bytes_in += passed.up.bytes;
        walk.exchange.bytes_out += passed.down.bytes;
        let cause = passed.cause();
        let stage = if cause == Cause::Normal { Stage::Done } else { Stage::Data };
        walk.exchange.ending = Ending { cause, stage };
        conclude(&client.site, &mut walk);
    }
}
