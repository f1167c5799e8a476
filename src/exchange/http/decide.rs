//! One request: read, decided by the rules, and what is done with what they say.
//!
//! Limits: of a body that nobody wants [`DRAIN_BYTES`] are read, for [`DRAIN`]; then the connection
//! closes.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::time::Duration;

use super::answer;
use super::body::{DRAIN_BYTES, Flow, Rest};
use super::capture;
use super::connection::{Client, Next};
use super::ending::Unread;
use super::forward;
use super::read;
use super::service;
use super::spare;
use super::wait::{self, Alarm, Waited};
use crate::config::plan::{ConnectionMode, HeaderNames, Proxy};
use crate::exchange::inbox::Inbox;
use crate::exchange::service::Subject;
use crate::exchange::site::Site;
use crate::exchange::stick;
use crate::exchange::transport::Transport;
use crate::proto::h1::request::{self, Expect, Request};
use crate::proto::h1::response::Asked;
use crate::proto::h1::{Connection, Framing};
use crate::proto::head::Version;
use crate::rules::answer::{self as answers, Answer};
use crate::rules::context::{Exchange, RequestLine, ServerConnection, Variables};
use crate::rules::ending::{Cause, Ending, Stage};
use crate::rules::walk::{self, Decision, Message, Quiet, Walk};
use crate::worker::Chunk;

/// How long a body that nobody wants is read.
const DRAIN: Duration = Duration::from_secs(2);

/// The client's side of an exchange.
pub(super) struct Side<'c> {
    /// What the worker has.
    pub(super) site: &'c Rc<Site>,
    /// The connection.
    pub(super) transport: &'c Transport,
    /// The timer.
    pub(super) alarm: &'c Alarm,
    /// What came on it and was not used: the request's body, and what follows.
    pub(super) inbox: &'c mut Inbox,
    /// The request's body: how much of it was taken from there.
    pub(super) body: &'c mut Flow,
}

/// Where what the walk points to is kept once it is there.
#[derive(Default)]
pub(super) struct Places {
    /// What is known of the connection to the server.
    pub(super) server: OnceCell<Rc<ServerConnection>>,
    /// The bytes of the response's head.
    pub(super) head: OnceCell<Chunk>,
}

/// What a request asks for, besides what rules see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// Its version.
    pub(super) version: Version,
    /// How its body is framed.
    pub(super) framing: Framing,
    /// What it says about the connection.
    pub(super) connection: Connection,
    /// Whether it waits with its body until that is asked for.
    pub(super) expects: bool,
    /// What the response has to be read by.
    pub(super) asked: Asked,
    /// How many requests came on the connection before.
    pub(super) number: u64,
}

impl Ask {
    /// Of a request that cannot be known: it gets an answer that ends the connection.
    fn nothing() -> Ask {
        Ask {
            version: Version::Http11,
            framing: Framing::None,
            connection: Connection { close: true, ..Connection::default() },
            expects: false,
            asked: Asked::default(),
            number: 0,
        }
    }

    fn new(request: &Request, bytes: &[u8], number: u64) -> Ask {
        let view = request.head.view(bytes);
        let method = view.method();
        // Bytes behind a head that asks for an upgrade must be either a body or the new protocol:
        // a request that has a body does not get one (hostile-input.md, row 62).
        let upgrade = request.connection.upgrade
            && request.framing == Framing::None
            && request.head.version == Version::Http11
            && method == b"GET";
        let asked = Asked { head: method == b"HEAD", connect: method == b"CONNECT", upgrade };
        Ask {
            version: request.head.version,
            framing: request.framing,
            connection: request.connection,
            expects: request.expect == Expect::Continue,
            asked,
            number,
        }
    }

    /// The same, but the connection ends if `closes`.
    pub(super) fn closing(self, closes: bool) -> Ask {
        let close = self.connection.close || closes;
        Ask { connection: Connection { close, ..self.connection }, ..self }
    }

    /// Whether the client's connection may be kept, as far as the client says.
    pub(super) fn keeps(&self) -> bool {
        match self.version {
            Version::Http10 => self.connection.keep_alive && !self.connection.close,
            _ => !self.connection.close,
        }
    }
}

/// `option httpclose` of the frontend: the client's connection ends with its first response.
pub(super) fn closes_client(walk: &Walk<'_>) -> bool {
    connection_mode(walk, Some(walk.connection.frontend)) == ConnectionMode::Close
}

/// Whether the server's connection ends with its response: `option http-server-close` of either side,
/// or `option httpclose` of the backend.
pub(super) fn closes_server(walk: &Walk<'_>) -> bool {
    connection_mode(walk, walk.backend) != ConnectionMode::KeepAlive
        || connection_mode(walk, Some(walk.connection.frontend)) == ConnectionMode::ServerClose
}

fn connection_mode(walk: &Walk<'_>, proxy: Option<usize>) -> ConnectionMode {
    let found = proxy.and_then(|proxy| walk.plan.proxies.get(proxy));
    let given = found.and_then(|proxy| proxy.settings.options.connection);
    given.map_or(ConnectionMode::KeepAlive, |given| given.value)
}

/// `timeout client`, or what a rule set instead.
pub(super) fn client_timeout(walk: &Walk<'_>) -> Option<Duration> {
    let set = walk.effects.client_timeout_ms.map(Duration::from_millis);
    set.or_else(|| wait::limit(front(walk)?.settings.timeouts.client))
}

/// The frontend.
pub(super) fn front<'a>(walk: &Walk<'a>) -> Option<&'a Proxy> {
    walk.plan.proxies.get(walk.connection.frontend)
}

/// A request that was not read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missed {
    /// Why.
    pub(super) why: Unread,
    /// When its first byte came.
    pub(super) begun_us: Option<u64>,
}

/// Runs one exchange.
///
/// # Errors
/// There was none.
pub(super) async fn exchange(client: &mut Client) -> Result<Next, Missed> {
    let begun_us = Some(client.site.now_us());
    let deadline = client.head_deadline();
    let known = Known::of(client, begun_us);
    let Client { site, transport, alarm, inbox, facts, variables, .. } = client;
    let site = &*site;
    let missed = |why| Missed { why, begun_us };
    let mut walk = walk(site, facts, variables);
    known.tell(&mut walk.exchange);
    let (places, base, ask);
    {
        let read = read::request(site, transport, alarm, inbox, deadline).await;
        let (mut request, bytes) = read.map_err(missed)?;
        (places, base) = (Places::default(), bytes);
        ask = Ask::new(&request, &base, walk.exchange.number);
        arrived(site, &mut walk, &request, &base);
        request::prepare(&mut request, &base);
        walk.request = Some(Message { head: request.head, base: &base });
    }
    let mut body = Flow::new(ask.framing, ask.framing);
    let mut side = Side { site, transport, alarm, inbox, body: &mut body };
    let decision = decide(&mut walk);
    if !walk.effects.hints.is_empty() && ask.version == Version::Http11 {
        Box::pin(answer::hints(&side, &mut walk)).await;
    }
    transport.stream().set_packets(walk.effects.client_tos, walk.effects.client_mark);
    let next = match decision {
        Decision::Forward { server, .. } => {
            forward::forward(&mut side, &mut walk, &ask, server, &places).await
        }
        decision => Box::pin(settle(&mut side, &mut walk, &ask, decision)).await,
    };
    Ok(match next {
        Next::Drain => Box::pin(drain(&mut side)).await,
        next => next,
    })
}

/// What is noted of a request as it came.
fn arrived(site: &Site, walk: &mut Walk<'_>, request: &Request, bytes: &[u8]) {
    site.live.note_request(walk.connection.frontend);
    let view = request.head.view(bytes);
    let version = request.head.version.number();
    let line = RequestLine::in_room(spare::bytes(), view.method(), view.target(), version);
    walk.moment = site.moment();
    walk.exchange.line = Some(line);
    walk.exchange.times.requested = Some(site.now_us());
    walk.exchange.bytes_in = request.length as u64;
}

/// Reads what is left of a request's body and forgets it, if that is not too much.
async fn drain(side: &mut Side<'_>) -> Next {
    let local = &side.site.local;
    let deadline = Cell::new(Some(local.now() + DRAIN));
    let mut left = DRAIN_BYTES;
    loop {
        match side.body.skip(side.inbox) {
            Rest::Nothing => return Next::Again,
            Rest::Little => {}
            Rest::Much => return Next::Linger,
        }
        let Waited::Bytes(chunk) =
            wait::receive(local, side.alarm, side.transport, &deadline).await
        else {
            return Next::Close;
        };
        match left.checked_sub(chunk.len() as u64) {
            Some(rest) if side.inbox.push(chunk, local.pool()).is_ok() => left = rest,
            _ => return Next::Linger,
        }
    }
}

/// A request that did not come, or cannot be understood: answered, logged, and the last one.
pub(super) async fn missed(client: &mut Client, Missed { why, begun_us }: Missed) -> Next {
    let known = Known::of(client, begun_us);
    let Client { site, transport, alarm, inbox, facts, variables, .. } = client;
    let mut walk = walk(site, facts, variables);
    known.tell(&mut walk.exchange);
    walk.exchange.ending = why.ending();
    walk.count_unread(matches!(why, Unread::Bad(_)));
    if let Unread::Bad(reject) = why {
        capture::request(site, &walk, inbox.bytes(), reject);
    }
    let mut body = Flow::new(Framing::None, Framing::None);
    let mut side = Side { site, transport, alarm, inbox, body: &mut body };
    let answer = answers::default(why.status(), walk.program, &walk.context());
    let next = answer::own(&mut side, &mut walk, &Ask::nothing(), answer).await;
    conclude(site, &mut walk);
    next
}

/// What is known of an exchange before its request is. (A whole [`Exchange`] is too large to be handed
/// around.)
struct Known {
    number: u64,
    started_us: u64,
    accepted_us: u64,
    greeted_us: u64,
    begun_us: Option<u64>,
}

impl Known {
    fn of(client: &Client, begun_us: Option<u64>) -> Known {
        let start_us = begun_us.unwrap_or(client.since_us);
        Known {
            number: client.number,
            started_us: client.site.wall_offset_us.get().wrapping_add(start_us),
            accepted_us: client.since_us,
            greeted_us: client.greeted_us,
            begun_us,
        }
    }

    fn tell(&self, exchange: &mut Exchange) {
        exchange.number = self.number;
        exchange.started_us = self.started_us;
        exchange.times.accepted = Some(self.accepted_us);
        exchange.times.greeted = Some(self.greeted_us);
        exchange.times.begun = self.begun_us;
    }
}

/// An exchange's walk, as it begins.
pub(super) fn walk<'a>(
    site: &'a Rc<Site>,
    facts: &'a crate::rules::context::Connection,
    variables: &'a Variables,
) -> Walk<'a> {
    Walk {
        plan: &site.plan,
        program: &site.program,
        connection: facts,
        counters: &*site.live,
        tables: &site.tables,
        moment: site.moment(),
        process: &site.process,
        variables,
        request: None,
        response: None,
        exchange: Exchange::default(),
        server_connection: None,
        proxy: facts.frontend,
        backend: None,
        server: None,
        effects: walk::Effects::default(),
    }
}

/// Runs the rules.
fn decide(walk: &mut Walk<'_>) -> Decision {
    let decision = match names(walk) {
        Ok(()) => walk::request(walk, &mut Quiet),
        Err(answer) => Decision::Answer(answer),
    };
    walk.exchange.client_timeout_ms = walk.effects.client_timeout_ms;
    walk.exchange.server_timeout_ms = walk.effects.server_timeout_ms;
    walk.exchange.tunnel_timeout_ms = walk.effects.tunnel_timeout_ms;
    decision
}

/// Does what the rules decided about a request that goes to no server.
async fn settle(side: &mut Side<'_>, walk: &mut Walk<'_>, ask: &Ask, decision: Decision) -> Next {
    let next = match decision {
        Decision::Answer(answer) => answer::own(side, walk, ask, answer).await,
        Decision::Tarpit(answer) => {
            walk.exchange.ending = Ending { cause: Cause::Proxy, stage: Stage::Tarpit };
            tarpit(side.site, walk).await;
            // The log tells how long (`Tw`).
            walk.exchange.times.assigned = Some(side.site.now_us());
            answer::own(side, walk, ask, answer).await
        }
        Decision::Service(name) => service::serve(side, walk, ask, Subject::Named(&name)).await,
        Decision::Statistics { proxy, admin } => {
            service::serve(side, walk, ask, Subject::Page { proxy, admin }).await
        }
        Decision::Forward { .. } | Decision::Close | Decision::SwitchToHttp => Next::Close,
        Decision::Drop(hops) => Next::Vanish(hops),
    };
    conclude(side.site, walk);
    next
}

/// `option http-restrict-req-hdr-names`.
fn names(walk: &mut Walk<'_>) -> Result<(), Answer> {
    let rule = front(walk).and_then(|it| it.settings.options.header_names).map(|it| it.value);
    let (Some(rule), Some(request)) = (rule, &mut walk.request) else { return Ok(()) };
    let plain = |name: &[u8]| name.iter().all(|it| it.is_ascii_alphanumeric() || *it == b'-');
    let Message { head, base } = request;
    match rule {
        HeaderNames::Preserve => Ok(()),
        HeaderNames::Delete => {
            head.remove(base, |name, _| !plain(name));
            Ok(())
        }
        HeaderNames::Reject if head.view(base).fields().all(|(name, _)| plain(name)) => Ok(()),
        HeaderNames::Reject => {
            walk.exchange.ending = Ending { cause: Cause::Proxy, stage: Stage::Request };
            let answer = answers::default(403, walk.program, &walk.context());
            Err(walk::own_answer(walk, answer, &mut Quiet))
        }
    }
}

/// Keeps a client waiting that a rule wants to slow down, whether it stays or not.
async fn tarpit(site: &Site, walk: &Walk<'_>) {
    let Some(timeouts) = front(walk).map(|it| &it.settings.timeouts) else { return };
    let limit = wait::limit(timeouts.tarpit).or(wait::limit(timeouts.connect));
    if let Some(limit) = limit.or_else(|| client_timeout(walk)) {
        site.local.sleep(limit).await;
    }
}

/// Everything is over: the exchange is logged.
pub(super) fn conclude(site: &Site, walk: &mut Walk<'_>) {
    if let Some(cause) = site.sessions.rests(walk.connection) {
        walk.exchange.ending.cause = cause;
    }
    walk.exchange.times.ended = Some(site.now_us());
    site.note(walk);
    log(site, walk);
    stick::end_exchange(site, walk);
    if let Some(line) = walk.exchange.line.take() {
        spare::give_bytes(line.into_room());
    }
}

/// The line in the log.
pub(super) fn log(site: &Site, walk: &Walk<'_>) {
    if !site.log.wants(walk.connection.frontend) {
        return;
    }
    site.log.exchange(walk.plan, walk.program, &walk.context(), walk.effects.log_level);
}
