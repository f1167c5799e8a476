//! TCP mode: a connection to a server for a connection of a client, and bytes both ways.
//!
//! In: a client's connection, its handshakes done. `tcp-request content` rules decide, a server is
//! taken as for requests (never from the pool), the tunnel runs under `timeout client`, `server`,
//! `tunnel`, `client-fin`, `server-fin`; one log line at its end.
//!
//! Rules decide at once: this build has none that look into bytes (`inspect-delay` waits for nothing).
//! Limits: while there is no server, one chunk of the client's bytes is kept.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::client::Seat;
use super::http;
use super::inbox::Inbox;
use super::server::{self, Link, Wanted};
use super::site::{Counted, Site};
use super::stick;
use super::transport::Transport;
use super::tunnel::{self, Early, Limits, Passed};
use crate::config::plan::is_on;
use crate::ledger::Entry;
use crate::rules::action::setting::Level;
use crate::rules::context::{Connection, Exchange, ServerConnection, Variables};
use crate::rules::ending::{Cause, Ending, Stage, Times};
use crate::rules::walk::{self, Decision, Effects, Passage, Quiet, Walk};

/// Serves one connection of a TCP frontend. `inbox` has what came already; `variables` are those that
/// rules for the connection set.
pub(super) async fn serve(
    seat: Seat,
    client: Transport,
    inbox: Inbox,
    connection: Connection,
    variables: Variables,
    accepted_us: u64,
) {
    let site = seat.site();
    let times =
        Times { accepted: Some(accepted_us), greeted: Some(site.now_us()), ..Times::default() };
    let exchange = Exchange { started_us: connection.accepted_us, times, ..Exchange::default() };
    let facts = Box::new(Facts { connection, variables, exchange });
    let opening = Opening { site, client, inbox, facts };
    // Boxed, so that a tunnel does not keep the room for what happens before it.
    match Box::pin(opening.open()).await {
        Next::Over => {}
        Next::Tunnel(tunnel) => tunnel.run(site).await,
        Next::Http(opening) => {
            let Opening { client, inbox, facts, .. } = *opening;
            let Facts { mut connection, variables, .. } = *facts;
            connection.http_major = 1;
            Box::pin(http::serve(seat, client, inbox, connection, variables, accepted_us)).await;
        }
    }
}

/// What is known of a connection, for rules and the log.
struct Facts {
    connection: Connection,
    variables: Variables,
    exchange: Exchange,
}

/// A connection without a server so far.
struct Opening<'a> {
    site: &'a Rc<Site>,
    client: Transport,
    inbox: Inbox,
    facts: Box<Facts>,
}

/// What becomes of a connection.
enum Next<'a> {
    /// It is closed, and that is logged.
    Over,
    /// Bytes pass.
    Tunnel(Box<Open>),
    /// Its first request comes next.
    Http(Box<Opening<'a>>),
}

impl<'a> Opening<'a> {
    async fn open(mut self) -> Next<'a> {
        let (site, facts) = (self.site, &mut *self.facts);
        let exchange = std::mem::take(&mut facts.exchange);
        let mut walk = walk_of(site, &facts.connection, &facts.variables, exchange);
        let chosen = match walk::request(&mut walk, &mut Quiet) {
            Decision::Forward { server, .. } => server,
            Decision::SwitchToHttp => return Next::Http(Box::new(self)),
            Decision::Drop(ttl) => {
                conclude(site, &mut walk);
                self.client.stream().vanish(ttl);
                return Next::Over;
            }
            // No rule ended it: there is no backend.
            Decision::Close if walk.exchange.ending == Ending::default() => {
                return over(site, &mut walk, Cause::Server, Stage::Connect);
            }
            // Only HTTP has answers.
            Decision::Close
            | Decision::Answer(_)
            | Decision::Tarpit(_)
            | Decision::Service(_)
            | Decision::Statistics { .. } => {
                conclude(site, &mut walk);
                return Next::Over;
            }
        };
        let counted = Counted::new(site, walk.backend.unwrap_or(walk.connection.frontend));
        let link = match acquire(site, &self.client, &mut self.inbox, &mut walk, chosen).await {
            Ok(link) => link,
            Err(Ending { cause, stage }) => {
                drop(counted);
                return over(site, &mut walk, cause, stage);
            }
        };
        if !matches!(walk::response(&mut walk, &mut Quiet), Passage::Forward) {
            return over(site, &mut walk, Cause::Proxy, Stage::Data);
        }
        set_options(&self.client, &link.transport, &walk.effects);
        let proxies = &site.plan.proxies;
        let limits = match (proxies.get(walk.connection.frontend), proxies.get(link.backend)) {
            (Some(front), Some(back)) => {
                let timeouts = (&front.settings.timeouts, &back.settings.timeouts);
                Limits::new(timeouts.0, timeouts.1, &walk.effects)
            }
            _ => Limits::default(),
        };
        let log_level = walk.effects.log_level;
        let exchange = walk.exchange;
        let numbers = Numbers::new(&self.facts.connection, &exchange);
        let tracks = !self.facts.variables.tracks().is_empty();
        let log = (tracks || site.log.wants(self.facts.connection.frontend)).then(|| {
            let facts = Facts { exchange, ..*self.facts };
            Box::new(Log { facts, level: log_level })
        });
        let early = self.inbox.take_all();
        let client = self.client;
        Next::Tunnel(Box::new(Open { client, link, counted, limits, early, numbers, log }))
    }
}

/// A connection with a server.
struct Open {
    client: Transport,
    link: Link,
    counted: Counted,
    limits: Limits,
    early: Option<crate::worker::Chunk>,
    numbers: Numbers,
    /// What its log line needs, if there will be one, or somebody counts it in a stick table.
    log: Option<Box<Log>>,
}

struct Log {
    facts: Facts,
    level: Option<Option<Level>>,
}

impl Open {
    async fn run(mut self: Box<Self>, site: &Rc<Site>) {
        let early = Early { client: self.early.take(), server: None };
        let server = &self.link.transport;
        let passed = tunnel::between(&site.local, &self.client, server, early, self.limits).await;
        let Open { client: _client, link, counted, numbers, log, .. } = *self;
        let (backend, server, facts) = (link.backend, link.server, link.facts.clone());
        // Like HAProxy, the log counts those that are still there.
        drop((link, counted));
        match log {
            Some(log) => log.write(site, (backend, server), &facts, &passed),
            None => numbers.note(site, (backend, server), &passed),
        }
    }
}

/// What the ledger needs of a connection that nobody logs, in less room than the whole exchange takes.
struct Numbers {
    frontend: usize,
    bind: usize,
    serial: u64,
    greeted: Option<u64>,
    assigned: Option<u64>,
    connected: Option<u64>,
    retries: i64,
    redispatched: bool,
}

impl Numbers {
    fn new(connection: &Connection, exchange: &Exchange) -> Numbers {
        let Connection { frontend, bind, serial, .. } = *connection;
        let Times { greeted, assigned, connected, .. } = exchange.times;
        let Exchange { retries, redispatched, .. } = *exchange;
        Numbers { frontend, bind, serial, greeted, assigned, connected, retries, redispatched }
    }

    fn note(self, site: &Site, (backend, server): (usize, usize), passed: &Passed) {
        let Numbers { frontend, bind, serial, greeted, assigned, connected, .. } = self;
        let ended = Some(site.now_us());
        let mut ending = ending(passed);
        ending.cause = site.sessions.rest(serial).unwrap_or(ending.cause);
        let exchange = Exchange {
            times: Times { greeted, assigned, connected, ended, ..Times::default() },
            retries: self.retries,
            redispatched: self.redispatched,
            bytes_in: passed.up.bytes,
            bytes_out: passed.down.bytes,
            ending,
            ..Exchange::default()
        };
        let (backend, server, http) = (Some(backend), Some(server), false);
        site.ledger.note(&Entry { frontend, bind, backend, server, http, exchange: &exchange });
    }
}

/// How a connection with a server ended.
fn ending(passed: &Passed) -> Ending {
    let cause = passed.cause();
    let stage = if cause == Cause::Normal { Stage::Done } else { Stage::Data };
    Ending { cause, stage }
}

impl Log {
    fn write(
        self: Box<Self>,
        site: &Rc<Site>,
        (backend, server): (usize, usize),
        reached: &ServerConnection,
        passed: &Passed,
    ) {
        let Facts { connection, variables, exchange } = self.facts;
        let mut walk = walk_of(site, &connection, &variables, exchange);
        (walk.backend, walk.server) = (Some(backend), Some(server));
        walk.proxy = backend;
        walk.server_connection = Some(reached);
        walk.effects.log_level = self.level;
        walk.exchange.bytes_in = passed.up.bytes;
        walk.exchange.bytes_out = passed.down.bytes;
        walk.exchange.ending = ending(passed);
        conclude(site, &mut walk);
    }
}

/// How long a connection to a server may still take once the client has ended its direction without a
/// word: one that is about to be there is used.
const GRACE: Duration = Duration::from_millis(20);

/// Takes a connection to a server. Meanwhile the client is listened to: one that leaves is not waited
/// for any longer.
///
/// # Errors
/// How it ended instead.
async fn acquire(
    site: &Rc<Site>,
    client: &Transport,
    inbox: &mut Inbox,
    walk: &mut Walk<'_>,
    chosen: Option<usize>,
) -> Result<Link, Ending> {
    let back = walk.backend.and_then(|backend| site.plan.proxies.get(backend));
    site.sessions.asks(walk.connection);
    let aborts = back.is_some_and(|it| is_on(it.settings.options.abort_on_close));
    let taken = {
        let mut acquiring = pin!(server::acquire(site, walk, chosen, Wanted::Own));
        let mut listens = inbox.is_empty() || aborts;
        let mut grace = None;
        poll_fn(|cx| {
            if let Poll::Ready(taken) = acquiring.as_mut().poll(cx) {
                return Poll::Ready(Some(taken));
            }
            while listens && let Poll::Ready(received) = client.poll_receive() {
                match received {
                    Ok(Some(chunk)) => {
                        listens = inbox.push(chunk, site.local.pool()).is_ok() && aborts
                    }
                    // What it said is for the server all the same.
                    Ok(None) => {
                        let waits = inbox.is_empty() || aborts;
                        grace = waits.then(|| site.local.sleep(GRACE));
                        listens = false;
                    }
                    Err(_) => return Poll::Ready(None),
                }
            }
            match &mut grace {
                Some(grace) => Pin::new(grace).poll(cx).map(|()| None),
                None => Poll::Pending,
            }
        })
        .await
    };
    match taken {
        Some(Ok(link)) => {
            let of = (link.backend, link.server);
            site.sessions.reaches(walk.connection, of, link.transport.stream().id());
            Ok(link)
        }
        Some(Err(refusal)) => Err(http::refused(refusal)),
        None => {
            let assigned = &mut walk.exchange.times.assigned;
            let stage = if assigned.is_none() { Stage::Queue } else { Stage::Connect };
            // The time in the queue is over, too.
            assigned.get_or_insert(site.now_us());
            Err(Ending { cause: Cause::Client, stage })
        }
    }
}

/// What rules and the log see.
fn walk_of<'a>(
    site: &'a Site,
    connection: &'a Connection,
    variables: &'a Variables,
    exchange: Exchange,
) -> Walk<'a> {
    Walk {
        plan: &site.plan,
        program: &site.program,
        connection,
        counters: &*site.live,
        tables: &site.tables,
        moment: site.moment(),
        process: &site.process,
        variables,
        request: None,
        response: None,
        exchange,
        server_connection: None,
        proxy: connection.frontend,
        backend: None,
        server: None,
        effects: Effects::default(),
    }
}

fn over<'a>(site: &Site, walk: &mut Walk<'_>, cause: Cause, stage: Stage) -> Next<'a> {
    walk.exchange.ending = Ending { cause, stage };
    conclude(site, walk);
    Next::Over
}

/// The exchange is over: its log line.
fn conclude(site: &Site, walk: &mut Walk<'_>) {
    if let Some(cause) = site.sessions.rests(walk.connection) {
        walk.exchange.ending.cause = cause;
    }
    walk.exchange.times.ended = Some(site.now_us());
    site.note(walk);
    site.log.exchange(walk.plan, walk.program, &walk.context(), walk.effects.log_level);
    stick::end_exchange(site, walk);
}

/// What rules ask of the packets to both sides.
fn set_options(client: &Transport, server: &Transport, effects: &Effects) {
    client.stream().set_packets(effects.client_tos, effects.client_mark);
    server.stream().set_packets(effects.server_tos, effects.server_mark);
}
