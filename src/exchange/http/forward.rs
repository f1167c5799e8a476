//! The request to a server: a connection taken, the head written afresh, the body behind it, and the
//! response's head awaited; tried again where that is safe.
//!
//! A request is tried again as long as nothing of it is lost: its head is kept until the response is
//! there, its body only as far as it came with the head.
//!
//! Limits: [`INTERIM`] interim responses; tries as `retries` says.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use super::answer::{self, Unwritten};
use super::body::{Broken, Flow, Gather, Progress, Way, relay};
use super::capture;
use super::connection::Next;
use super::decide::{Ask, Places, Side, client_timeout, closes_server, conclude};
use super::ending::{self, Fault};
use super::read;
use super::respond::{self, End, Reply};
use super::spare;
use super::splice::{self, Part};
use super::upgrade::Upgraded;
use super::upload::{Left, Upload, unless_left};
use super::wait::{self, Alarm};
use crate::balance::checkup::Observed;
use crate::config::plan::{Observe, Proxy, is_on};
use crate::exchange::inbox::Inbox;
use crate::exchange::server::{self, Link, Wanted};
use crate::exchange::site::{Counted, Site};
use crate::exchange::transport::Transport;
use crate::log;
use crate::proto::h1::encode::{self, ConnectionField, Outgoing};
use crate::proto::h1::response::Asked;
use crate::proto::h1::{Framing, Reject};
use crate::proto::head::Version;
use crate::rules::answer as answers;
use crate::rules::ending::{Ending, Stage};
use crate::rules::walk::{self, Message, Quiet, Walk};
use crate::worker::Chunk;

/// Interim responses (1xx) to one request: hints are a few, and more is an attack.
const INTERIM: u32 = 16;

/// How often a server is tried again if `retries` does not say.
const RETRIES: u32 = 3;

/// Sends a request to a server of the backend and its response to the client.
pub(super) async fn forward<'w>(
    side: &mut Side<'_>,
    walk: &mut Walk<'w>,
    ask: &Ask,
    chosen: Option<usize>,
    places: &'w Places,
) -> Next {
    let (site, client) = (side.site, side.transport);
    let counted = Counted::new(site, walk.backend.unwrap_or(walk.connection.frontend));
    site.sessions.asks(walk.connection);
    let options = back(walk).map(|it| &it.settings.options);
    let aborts = options.is_some_and(|it| is_on(it.abort_on_close));
    // A client that is still to send its body is listened to anyway.
    let watched = (aborts && side.body.is_done()).then_some(client);
    let kept = (!side.body.is_done()).then(|| (side.inbox.clone(), side.body.clone()));
    let sent = Cell::new(walk.exchange.bytes_in);
    let due = Cell::new(None);
    let mut wanted = if ask.number == 0 { Wanted::First } else { Wanted::Later };
    loop {
        let mut ahead = None;
        let acquired = server::acquire(site, walk, chosen, wanted);
        let acquired = match watched {
            None => Ok(acquired.await),
            Some(client) => Box::pin(unless_left(client, &mut ahead, acquired)).await,
        };
        if let Err(fault) = stow(site, side.inbox, ahead) {
            drop(counted);
            return Box::pin(failed(side, walk, ask, fault, false)).await;
        }
        let mut link = match acquired {
            Ok(Ok(link)) => link,
            Ok(Err(refusal)) => {
                drop(counted);
                let fault = Fault::Refused(refusal);
                return Box::pin(failed(side, walk, ask, fault, false)).await;
            }
            Err(Left) => {
                drop(counted);
                return Box::pin(failed(side, walk, ask, Fault::LeftQueue, false)).await;
            }
        };
        let of = (link.backend, link.server);
        site.sessions.reaches(walk.connection, of, link.transport.stream().id());
        link.transport.stream().set_packets(walk.effects.server_tos, walk.effects.server_mark);
        let mut inbox = Inbox::default();
        let mut upload = Upload::new(&site.local, server_timeout(walk), &due);
        upload.watch(aborts.then_some(client));
        let attempt = Attempt { site, client, alarm: side.alarm, link: &link, ask, sent: &sent };
        let request = (&mut *side.inbox, &mut *side.body);
        let reached = attempt.reach(request, walk, &mut inbox, &mut upload).await;
        if let Err(Fault::Junk(reject)) = reached {
            capture::response(site, walk, inbox.bytes(), reject);
        }
        if let Some(observed) = link.observed
            && !site.sessions.is_ended(walk.connection)
        {
            observe(site, &link, observed, &reached);
        }
        let repeats = upload.may_repeat() && !site.sessions.is_ended(walk.connection);
        if repeats && tries_again(walk, &link, &reached) {
            drop(upload);
            if let Some((inbox, body)) = &kept {
                (*side.inbox, *side.body) = (inbox.clone(), body.clone());
            }
            sent.set(walk.exchange.bytes_in);
            wanted = Wanted::Fresh;
            continue;
        }
        walk.server_connection = Some(places.server.get_or_init(|| link.facts.clone()));
        let (response, bytes) = match reached {
            Ok(found) => found,
            Err(fault) => {
                drop(upload);
                walk.exchange.bytes_in = sent.get();
                let reused = link.reused;
                // The place is somebody else's while the client gets its answer.
                drop((link, counted));
                return Box::pin(failed(side, walk, ask, fault, reused)).await;
            }
        };
        upload.watch(None);
        let base = places.head.get_or_init(|| bytes);
        let alarm = side.alarm;
        let reply = Reply { response, base, inbox: &mut inbox, link: &link, alarm };
        let mut done = respond::pass(site, client, walk, ask, reply, &mut upload).await;
        if let End::Complete { keep: true } = done.end
            && let Err(broken) = upload.finish().await
        {
            walk.exchange.ending = Ending { stage: Stage::Last, ..ending::upload(broken) };
            done.end = End::Next(Next::Close);
        }
        let ahead = upload.take_ahead();
        let reusable = done.lasts && upload.is_complete() && !closes_server(walk);
        drop(upload);
        walk.exchange.bytes_in = sent.get();
        if stow(site, side.inbox, ahead).is_err() {
            done.end = End::Next(Next::Close);
        }
        if let Some(response) = walk.response.take() {
            spare::give(response.head);
        }
        let next = match done.end {
            End::Complete { keep } => answer::next(keep, side.body.skip(side.inbox)),
            End::Next(next) => next,
            End::Answer(answer) => Box::pin(answer::own(side, walk, ask, answer)).await,
            End::Upgraded => return Next::Upgraded(Upgraded::new(walk, link, inbox, counted)),
        };
        if reusable && inbox.is_empty() {
            if done.private {
                link.keep_for(walk.connection);
            }
            link.give_back(site);
        } else {
            drop(link);
        }
        // Like HAProxy, the log counts those that are still there.
        drop(counted);
        conclude(site, walk);
        return next;
    }
}

/// Keeps what a client sent while something else was done.
fn stow(site: &Site, inbox: &mut Inbox, ahead: Option<Chunk>) -> Result<(), Fault> {
    let Some(chunk) = ahead else { return Ok(()) };
    inbox.push(chunk, site.local.pool()).map_err(|_| Fault::Starved)
}

/// `timeout server`, or what a rule set instead.
pub(super) fn server_timeout(walk: &Walk<'_>) -> Option<Duration> {
    let set = walk.effects.server_timeout_ms.map(Duration::from_millis);
    set.or_else(|| wait::limit(back(walk)?.settings.timeouts.server))
}

/// The backend.
pub(super) fn back<'a>(walk: &Walk<'a>) -> Option<&'a Proxy> {
    walk.plan.proxies.get(walk.backend?)
}

/// There is no response that could be passed on: answered, unless nobody is left or the client had
/// better send its request again.
async fn failed(
    side: &mut Side<'_>,
    walk: &mut Walk<'_>,
    ask: &Ask,
    fault: Fault,
    reused: bool,
) -> Next {
    walk.exchange.ending = fault.ending();
    if matches!(fault.status(), Some(502 | 504)) {
        walk.count_failure();
    }
    if let Fault::Junk(reject) = fault {
        note_junk(walk, reject);
    }
    // A kept connection that broke under a request which must not be sent twice by us: closing tells
    // the client that it may (RFC 9112 §9.3.1), as a status would not.
    let silent = fault == Fault::Empty && reused && ask.number > 0;
    let silent = silent && !side.site.sessions.is_ended(walk.connection);
    if silent {
        walk.effects.log_level = Some(None);
    }
    let status = fault.status().filter(|_| !silent);
    let ask = &ask.closing(fault.closes());
    let next = match status {
        Some(status) => {
            let answer = answers::default(status, walk.program, &walk.context());
            let answer = walk::own_answer(walk, answer, &mut Quiet);
            answer::own(side, walk, ask, answer).await
        }
        None => {
            walk.exchange.status = (!silent).then_some(400);
            Next::Close
        }
    };
    conclude(side.site, walk);
    next
}

/// Tells the operator what a server did wrong.
pub(super) fn note_junk(walk: &Walk<'_>, reject: Reject) {
    let proxy = back(walk);
    let server = proxy.and_then(|it| it.servers.get(walk.server?));
    let (backend, server) =
        (proxy.map_or("", |it| &it.name), server.map_or("", |it| &it.name.value));
    let (reason, section) = (reject.reason.code(), reject.reason.section());
    static JUNK: log::Limit = log::Limit::new();
    JUNK.warning(format_args!(
        "server {backend}/{server} sent no good response: {reason} ({section})"
    ));
}

/// `observe layer7`: what an answer, or that there is none, says of the server.
fn observe(
    site: &Site,
    link: &Link,
    observed: Observed,
    reached: &Result<(crate::proto::h1::response::Response, Chunk), Fault>,
) {
    if observed.what != Observe::Layer7 {
        return;
    }
    let error = match reached {
        Ok((response, base)) => match response.head.view(base).status() {
            501 | 505 => None,
            status if status >= 500 => Some("Wrong http response"),
            _ => None,
        },
        Err(Fault::Silence) => Some("Http response timeout"),
        Err(Fault::Junk(_) | Fault::Short | Fault::Interim) => {
            Some("Invalid http response (headers)")
        }
        // A kept connection that the server closed is nobody's fault.
        Err(Fault::Empty) if !link.reused => Some("Read error (http)"),
        Err(_) => return,
    };
    server::observe(site, (link.backend, link.server), observed, error);
}

/// Whether the request goes to a server once more; if so, that is counted.
fn tries_again(
    walk: &mut Walk<'_>,
    link: &Link,
    reached: &Result<(crate::proto::h1::response::Response, Chunk), Fault>,
) -> bool {
    let Some(back) = back(walk) else { return false };
    let limit = back.back.retries.map_or(RETRIES, |it| it.value);
    if walk.exchange.retries >= i64::from(limit) {
        return false;
    }
    // The server closed an idle connection while the request was on its way.
    let stale = link.reused && matches!(reached, Err(Fault::Empty)) && may_be_sent_twice(walk);
    let configured = || {
        let on = back.back.retry_on.as_ref().filter(|_| !walk.effects.no_retry);
        on.is_some_and(|on| match reached {
            Err(Fault::Empty) => on.empty_response,
            Err(Fault::Junk(_) | Fault::Short | Fault::Interim) => on.junk_response,
            Err(Fault::Silence) => on.response_timeout,
            Err(_) => false,
            Ok((response, base)) => on.statuses.contains(&response.head.view(base).status()),
        })
    };
    let again = stale || configured();
    if again && !stale {
        walk.exchange.retries += 1;
    }
    again
}

/// Whether the request, as rules left it, does the same twice as once (RFC 9110 §9.2.2).
fn may_be_sent_twice(walk: &Walk<'_>) -> bool {
    let method = walk.request.as_ref().map(|request| request.view().method());
    matches!(method, Some(b"GET" | b"HEAD" | b"OPTIONS" | b"PUT" | b"DELETE" | b"TRACE"))
}

/// A request on a connection to a server.
struct Attempt<'u> {
    site: &'u Rc<Site>,
    client: &'u Transport,
    alarm: &'u Alarm,
    link: &'u Link,
    ask: &'u Ask,
    sent: &'u Cell<u64>,
}

impl<'u> Attempt<'u> {
    /// Sends the request and waits for the head of the final response. Interim ones pass to the
    /// client. What is left of the body is then `upload`'s.
    async fn reach(
        &self,
        request: (&'u mut Inbox, &'u mut Flow),
        walk: &mut Walk<'_>,
        inbox: &mut Inbox,
        upload: &mut Upload<'u>,
    ) -> Result<(crate::proto::h1::response::Response, Chunk), Fault> {
        let (client_inbox, body) = request;
        let (head, asked) = self.head(walk)?;
        let patience = server_timeout(walk);
        let mut out = Gather::Nothing;
        out.push(head);
        let pool = self.site.local.pool();
        let before = out.len() as u64;
        let progress = body.cut(client_inbox, pool, &mut out).map_err(|broken| match broken {
            // Nothing of it was sent.
            Broken::Bad(reject) => {
                capture::request(self.site, walk, client_inbox.bytes(), reject);
                Fault::Unwritable
            }
            broken => Fault::Upload(broken),
        })?;
        self.sent.set(self.sent.get() + out.len() as u64 - before);
        let Some((payload, _)) = out.take(pool) else { return Err(Fault::Unwritable) };
        let taken = wait::send(&self.site.local, &self.link.transport, payload, patience).await;
        match (taken, progress) {
            (Ok(()), Progress::Done) => upload.is_sent(),
            (Ok(()), _) => upload.begin(self.rest(client_inbox, body, walk)),
            (Err(wait::Unsent::Expired), _) => return Err(Fault::Stuck),
            // The server may have said why it closes.
            (Err(wait::Unsent::Failed(_)), Progress::Done) => upload.is_sent(),
            (Err(wait::Unsent::Failed(_)), _) => upload.is_refused(),
        }
        self.await_final(walk, asked, inbox, upload).await
    }

    /// The request's head for this server, and what its response has to be read by: rules may have
    /// changed what the client asked.
    fn head(&self, walk: &mut Walk<'_>) -> Result<(Chunk, Asked), Fault> {
        name_server(walk, self.link);
        let Some(request) = &walk.request else { return Err(Fault::Unwritable) };
        let view = request.view();
        // Not enabled, whoever wants it.
        if view.method() == b"CONNECT" {
            return Err(Fault::Unwritable);
        }
        let framing = self.ask.framing;
        let had_length = || view.values(b"content-length").next().is_some();
        let how = Outgoing {
            framing,
            length_field: (framing == Framing::None && had_length()).then_some(0),
            connection: self.connection(walk, view),
        };
        let asked = Asked {
            head: view.method() == b"HEAD",
            connect: false,
            upgrade: matches!(how.connection, ConnectionField::Upgrade(_)),
        };
        match answer::write(self.site.local.pool(), |out| encode::request(view, &how, out)) {
            Ok(head) => Ok((head, asked)),
            Err(Unwritten::Bad(_)) => Err(Fault::Unwritable),
            Err(Unwritten::Starved) => Err(Fault::Starved),
        }
    }

    /// What the server is told about its connection.
    fn connection<'v>(
        &self,
        walk: &Walk<'_>,
        view: crate::proto::head::View<'v>,
    ) -> ConnectionField<'v> {
        if self.ask.asked.upgrade
            && let Some(protocol) = view.values(b"upgrade").next()
        {
            return ConnectionField::Upgrade(protocol);
        }
        let pretends = back(walk).is_some_and(|it| is_on(it.settings.options.pretend_keepalive));
        match closes_server(walk) && !pretends {
            true => ConnectionField::Close,
            false => ConnectionField::None,
        }
    }

    /// The rest of the body.
    fn rest(
        &self,
        inbox: &'u mut Inbox,
        body: &'u mut Flow,
        walk: &Walk<'_>,
    ) -> impl Future<Output = Result<(), Broken>> + use<'u> {
        let (local, from, to, sent) =
            (&self.site.local, self.client, &self.link.transport, self.sent);
        let (patience, stamina) = (client_timeout(walk), server_timeout(walk));
        let splices = splice::is_wanted(walk, Part::Request);
        async move {
            // It waits while the response is waited for, so it has a timer of its own.
            let alarm = Alarm::default();
            let way = Way { local, alarm: &alarm, from, to, patience, stamina, sent, splices };
            relay(way, body, inbox, Gather::Nothing).await
        }
    }

    /// Waits for the final response; passes interim ones on.
    async fn await_final(
        &self,
        walk: &mut Walk<'_>,
        asked: Asked,
        inbox: &mut Inbox,
        upload: &mut Upload<'u>,
    ) -> Result<(crate::proto::h1::response::Response, Chunk), Fault> {
        let server = &self.link.transport;
        let due = upload.due;
        for _ in 0..INTERIM {
            let reading = pin!(read::response(self.site, server, self.alarm, inbox, asked, due));
            let (response, base) = match upload.beside(reading).await {
                Ok(read) => read?,
                // The body was there: it was the client that was watched.
                Err(_) if upload.is_complete() => return Err(Fault::Left),
                Err(broken) => return Err(Fault::Upload(broken)),
            };
            match response.head.view(&base).status() {
                101 if asked.upgrade => return Ok((response, base)),
                101 => return Err(Fault::Interim),
                100 => upload.invite(),
                102..=199 => {}
                _ => return Ok((response, base)),
            }
            if self.ask.version != Version::Http10 {
                let message = Message { head: response.head, base: &base };
                Box::pin(self.pass_interim(walk, message, upload)).await?;
            }
            upload.extend_due();
        }
        Err(Fault::Interim)
    }

    async fn pass_interim(
        &self,
        walk: &mut Walk<'_>,
        message: Message<'_>,
        upload: &mut Upload<'u>,
    ) -> Result<(), Fault> {
        let local = &self.site.local;
        let chunk = answer::interim(local.pool(), message.view()).map_err(|_| Fault::Interim)?;
        walk.exchange.bytes_out += chunk.len() as u64;
        let sending = pin!(wait::send(local, self.client, chunk.into(), client_timeout(walk)));
        upload.beside(sending).await.map_err(Fault::Upload)?.map_err(|_| Fault::Left)
    }
}

/// `http-send-name-header`.
fn name_server(walk: &mut Walk<'_>, link: &Link) {
    let Some(proxy) = back(walk) else { return };
    let Some(field) = &proxy.back.name_header else { return };
    let Some(server) = proxy.servers.get(link.server) else { return };
    let Some(Message { head, base }) = &mut walk.request else { return };
    let wanted = field.value.as_bytes();
    head.remove(base, |name, _| name.eq_ignore_ascii_case(wanted));
    head.append(wanted, server.name.value.as_bytes());
}
