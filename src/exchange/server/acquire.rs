//! The way to a connection: a server, a place on it, an idle connection or a new one, and what happens
//! when an attempt fails.
//!
//! In: an exchange that goes to a backend. Out: a [`Link`]. HAProxy's order of things: a server is
//! chosen once, by a rule or the balance; a failed attempt is repeated on it, after
//! min(`timeout connect`, 1 s) unless the attempt took all of `timeout connect`. With
//! `option redispatch` a retry goes elsewhere at once: the last one (or as its number says), and every
//! one where nothing but the balance's turn led to the server and there are others.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::dial::{Wants, dial};
use super::line::{self, Line, Ticket, Tie, Wish};
use super::pool::Claim;
use super::recipe::{BackendRecipe, Recipe};
use super::{Link, Refusal, Slot, Waiter, Wanted};
use crate::balance::{Admin, Choice, Key};
use crate::config::plan::{Observe, Redispatch, Reuse, is_on};
use crate::exchange::site::Site;
use crate::exchange::stick;
use crate::ledger::Count;
use crate::rules::context::Connection;
use crate::rules::program::Persistence;
use crate::rules::walk::Walk;
use crate::worker::Time;

/// How often a choice that was overtaken by another worker is made again before the request waits.
const CHOICES: usize = 4;

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Refused, reset, unreachable; or the server has no address.
    Refused,
    /// It took all of `timeout connect`.
    Expired,
    /// TLS.
    Handshake,
    /// No descriptor, port, or buffer.
    Resource,
    /// An operator ended the session.
    Ended,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        match fault {
            Fault::Refused => Refusal::Connect,
            Fault::Expired => Refusal::ConnectTimeout,
            Fault::Handshake => Refusal::Handshake,
            Fault::Resource => Refusal::Resource,
            Fault::Ended => Refusal::Ended,
        }
    }
}

/// Takes a connection to a server of `walk.backend`, which it sets `walk.server` and
/// `walk.exchange`'s retries, redispatch and times for. `chosen` is what `use-server` chose. Retries that
/// `walk.exchange` counted before count against the backend's `retries`.
///
/// # Errors
/// See [`Refusal`].
pub async fn acquire(
    site: &Rc<Site>,
    walk: &mut Walk<'_>,
    chosen: Option<usize>,
    wanted: Wanted,
) -> Result<Link, Refusal> {
    let backend = walk.backend.unwrap_or(walk.connection.frontend);
    let recipe = site.servers.recipe(site, backend).ok_or(Refusal::NoServer)?;
    let mut chosen = chosen;
    // Those of an earlier attempt count, too (`retry-on`).
    let mut retry = u32::try_from(walk.exchange.retries).unwrap_or(0);
    let mut slot = place(site, walk, recipe, backend, chosen, None).await?;
    loop {
        let fault = match connect(site, walk, recipe, slot, wanted).await {
            Ok(link) => return Ok(link),
            Err((failed, fault)) => {
                slot = failed;
                fault
            }
        };
        let is_last = retry >= recipe.retries || fault == Fault::Ended;
        let goes = !is_last
            && goes_elsewhere(site, walk, recipe, backend, chosen, retry.saturating_add(1));
        let is_its = matches!(fault, Fault::Refused | Fault::Expired | Fault::Handshake);
        if is_its && (is_last || goes) {
            stick::take_back(site, walk);
        }
        if is_last {
            return Err(fault.into());
        }
        retry += 1;
        walk.exchange.retries += 1;
        let alone = !recipe.hashes && chosen.is_none() && active(site, backend) <= 1;
        if matches!(fault, Fault::Refused | Fault::Handshake) && (!goes || alone) {
            site.local.sleep(recipe.turn_around).await;
        }
        if goes {
            let failed = slot.server;
            // The place goes to who waits for it, before this request looks for another.
            drop(slot);
            chosen = None;
            slot = place(site, walk, recipe, backend, chosen, Some(failed)).await?;
            walk.exchange.redispatched |= slot.server != failed;
        }
    }
}

/// Whether the `retry`-th retry (from 1) may choose another server.
fn goes_elsewhere(
    site: &Site,
    walk: &Walk<'_>,
    recipe: &BackendRecipe,
    backend: usize,
    chosen: Option<usize>,
    retry: u32,
) -> bool {
    if walk.effects.persistence == Some(Persistence::Force) {
        return false;
    }
    let due = match recipe.redispatch {
        Redispatch::Off | Redispatch::Every(0) => return false,
        Redispatch::Every(n) => retry.is_multiple_of(n),
        Redispatch::BeforeLast(n) => match (recipe.retries + 1).saturating_sub(n) {
            0 => false,
            period => retry.is_multiple_of(period),
        },
    };
    due || (chosen.is_none() && !recipe.hashes && active(site, backend) > 1)
}

/// Usable servers that are no backups.
fn active(site: &Site, backend: usize) -> usize {
    let servers = site.live.servers(backend);
    servers.iter().filter(|it| it.is_usable() && !it.is_backup()).count()
}

/// A place on a server, which is assigned.
async fn place(
    site: &Rc<Site>,
    walk: &mut Walk<'_>,
    recipe: &BackendRecipe,
    backend: usize,
    chosen: Option<usize>,
    avoid: Option<usize>,
) -> Result<Slot, Refusal> {
    // What a table leads to may be another server by now; what a rule chose holds.
    let fixed = chosen.is_some() && !walk.effects.sticking.as_ref().is_some_and(|it| it.found);
    let (mut wanted, mut settled) = (chosen, 0);
    let slot = loop {
        walk.server = None;
        let slot = find(site, walk, recipe, backend, wanted, avoid).await?;
        walk.server = Some(slot.server);
        settled += 1;
        match stick::settle(site, walk, (backend, slot.server), fixed, avoid) {
            // Another worker was quicker: its server is the client's.
            Some(winner) if settled < CHOICES => wanted = Some(winner),
            _ => break slot,
        }
    };
    walk.exchange.redispatched |= chosen.is_some_and(|chosen| chosen != slot.server);
    walk.exchange.times.assigned = Some(site.now_us());
    let now = site.unix_us(site.local.now());
    site.ledger.enter_server(backend, slot.server, now, wanted != Some(slot.server));
    Ok(slot)
}

/// A place on the server that a rule chose, or else on the balance's choice; waits for it if it is full.
/// If the server it waits for goes away, it begins anew.
async fn find(
    site: &Rc<Site>,
    walk: &mut Walk<'_>,
    recipe: &BackendRecipe,
    backend: usize,
    chosen: Option<usize>,
    avoid: Option<usize>,
) -> Result<Slot, Refusal> {
    let mut chosen = chosen.filter(|&server| site.live.server(backend, server).is_some());
    let mut since_us = None;
    loop {
        let server = match seek(site, walk, recipe, backend, chosen, avoid)? {
            Sought::Place(slot) => return Ok(slot),
            Sought::Queue(server) => server,
        };
        let bound = chosen.is_some() && server == chosen;
        let tie = match walk.effects.persistence {
            _ if !bound => Tie::Loose,
            Some(Persistence::Force) => Tie::Forced,
            _ => Tie::Bound,
        };
        // Who begins anew keeps its place in the order, and its time is not longer for it.
        let now_us = *since_us.get_or_insert(site.now_us());
        match wait(site, walk, recipe, backend, (server, tie), now_us).await? {
            line::Turn::Place(server) => return Ok(Slot::new(site.clone(), backend, server)),
            line::Turn::Again => chosen = None,
        }
    }
}

/// What looking for a place comes to.
enum Sought {
    /// It is there.
    Place(Slot),
    /// It has to be waited for: on this server, or on any.
    Queue(Option<usize>),
}

fn seek(
    site: &Rc<Site>,
    walk: &mut Walk<'_>,
    recipe: &BackendRecipe,
    backend: usize,
    chosen: Option<usize>,
    avoid: Option<usize>,
) -> Result<Sought, Refusal> {
    if let Some(server) = chosen {
        match take(site, backend, server) {
            Some(slot) => return Ok(Sought::Place(slot)),
            // Rather another server than a queue that is full.
            None if is_queue_full(site, backend, server) => {}
            None => return Ok(Sought::Queue(Some(server))),
        }
    }
    if let Some(server) = last(site, walk, recipe, backend).filter(|it| avoid != Some(*it)) {
        return Ok(match take(site, backend, server) {
            Some(slot) => Sought::Place(slot),
            None => Sought::Queue(Some(server)),
        });
    }
    for _ in 0..CHOICES {
        match choose(site, walk, recipe, backend, avoid) {
            Choice::None => return Err(Refusal::NoServer),
            Choice::Full => break,
            Choice::Server(server) => {
                if let Some(slot) = take(site, backend, server) {
                    return Ok(Sought::Place(slot));
                }
                if recipe.hashes || queues(site, backend, server) {
                    if is_queue_full(site, backend, server) {
                        walk.server = Some(server);
                        return Err(Refusal::QueueFull);
                    }
                    return Ok(Sought::Queue(Some(server)));
                }
            }
        }
    }
    Ok(Sought::Queue(None))
}

/// The server that the client's last request went to, if a connection to it is kept for this client
/// alone: by `option prefer-last-server` (and the queue in front of it is not too long), or because it was
/// authenticated, which is worth nothing elsewhere.
fn last(site: &Site, walk: &Walk<'_>, recipe: &BackendRecipe, backend: usize) -> Option<usize> {
    if recipe.hashes || site.servers.tally().owned.get() == 0 {
        return None;
    }
    let kept = |(server, of): (usize, &Recipe)| {
        let authenticated = of.reuse != Reuse::Never;
        if !recipe.prefers_last && !authenticated {
            return None;
        }
        let figures = site.live.server(backend, server).filter(|it| it.is_usable())?;
        let queue_max = recipe.last_queue_max.filter(|_| !authenticated);
        let waits = figures.waiting() > 0 || {
            let limit = site.live.server_limit(backend, server);
            limit > 0 && figures.current() >= limit
        };
        if waits && queue_max.is_some_and(|most| figures.waiting() >= most) {
            return None;
        }
        let stock = site.servers.stock(backend, server)?.borrow();
        Some((stock.kept_since_us(walk.connection.serial)?, server))
    };
    recipe.servers.iter().enumerate().filter_map(kept).max().map(|(_, server)| server)
}

fn choose(
    site: &Site,
    walk: &Walk<'_>,
    recipe: &BackendRecipe,
    backend: usize,
    avoid: Option<usize>,
) -> Choice {
    let source = walk.exchange.source(walk.connection).ip();
    let random = site.random.borrow_mut().u64(..);
    let hash = recipe.hash.as_ref().and_then(|hash| hash.of(&walk.context()));
    site.chooser.choose(backend, &Key { source, random, hash, avoid }, &site.live)
}

/// A place on a server that has one, unless others wait for it.
fn take(site: &Rc<Site>, backend: usize, server: usize) -> Option<Slot> {
    let waited = Line::<Waiter>::is_waited_for(backend, server, &site.live);
    (!waited && site.live.begin_server(backend, server))
        .then(|| Slot::new(site.clone(), backend, server))
}

/// Whether a full server's own queue takes what the balance chose it for.
fn queues(site: &Site, backend: usize, server: usize) -> bool {
    site.live.server(backend, server).is_some_and(|it| it.queue_max() > 0)
}

fn is_queue_full(site: &Site, backend: usize, server: usize) -> bool {
    let figures = site.live.server(backend, server);
    figures.is_some_and(|it| it.queue_max() > 0 && it.waiting() >= it.queue_max())
}

/// Whether those whom a rule, a cookie or a table sends to a server may leave its queue: it is in
/// maintenance, or it is down and `option redispatch` says so, `option persist` not saying otherwise.
pub(super) fn frees_the_bound(site: &Site, backend: usize, server: usize) -> bool {
    let Some(figures) = site.live.server(backend, server) else { return false };
    let options = site.plan.proxies.get(backend).map(|it| &it.settings.options);
    let persists = options.is_some_and(|it| is_on(it.persist));
    let redispatches = options.is_some_and(|it| {
        it.redispatch.is_some_and(|it| !matches!(it.value, Redispatch::Off | Redispatch::Every(0)))
    });
    figures.admin().has(Admin::MAINT) || (!figures.is_up() && redispatches && !persists)
}

/// Waits for a place: on this server, or on any.
async fn wait(
    site: &Rc<Site>,
    walk: &mut Walk<'_>,
    recipe: &BackendRecipe,
    backend: usize,
    (server, tie): (Option<usize>, Tie),
    now_us: u64,
) -> Result<line::Turn, Refusal> {
    walk.server = server;
    let wish = Wish {
        server,
        tie,
        class: walk.exchange.priority_class,
        offset_ms: walk.exchange.priority_offset,
        now_us,
    };
    let line = site.servers.line(backend).ok_or(Refusal::NoServer)?;
    let waker = Waiter { worker: site.process.worker, task: site.local.current() };
    let ticket = line.join(wish, waker, &site.live);
    let mut waiting = Waiting { site, backend, ticket: Some(ticket.clone()) };
    if is_gone(site, backend, server, tie) {
        // It went while it was chosen: nobody will say so again.
        let came = waiting.end();
        return Ok(came.unwrap_or(line::Turn::Again));
    }
    // A place may have become free since it was looked for.
    match server {
        Some(server) => site.servers.hand_over(site, backend, server),
        None => (0..site.live.servers(backend).len())
            .for_each(|server| site.servers.hand_over(site, backend, server)),
    }
    let turn = poll_fn(|_| {
        let over = ticket.turn().is_some() || site.sessions.is_ended(walk.connection);
        if over { Poll::Ready(()) } else { Poll::Pending }
    });
    match recipe.queue {
        // A place that came at the last moment counts.
        Some(limit) => {
            let until = Time::default() + Duration::from_micros(now_us) + limit;
            let left = until.since(site.local.now());
            let _ = site.local.timeout(left, turn).await;
        }
        None => turn.await,
    }
    let came = waiting.end();
    // It waited until now, whatever came of it.
    walk.exchange.times.assigned = Some(site.now_us());
    match came {
        Some(turn) => Ok(turn),
        None if site.sessions.is_ended(walk.connection) => Err(Refusal::Ended),
        None => Err(Refusal::QueueTimeout),
    }
}

/// Whether nobody should wait for this server (or for any): what [`super::state_changed`] sends back.
fn is_gone(site: &Site, backend: usize, server: Option<usize>, tie: Tie) -> bool {
    match server {
        None => !site.live.has_usable(backend),
        Some(server) => match tie {
            Tie::Loose => !site.live.server(backend, server).is_some_and(|it| it.is_usable()),
            Tie::Bound => frees_the_bound(site, backend, server),
            Tie::Forced => false,
        },
    }
}

/// Somebody's place in a queue, and the server's place once it is granted: neither is lost if the
/// exchange ends meanwhile.
struct Waiting<'a> {
    site: &'a Rc<Site>,
    backend: usize,
    ticket: Option<Arc<Ticket<Waiter>>>,
}

impl Waiting<'_> {
    /// Stops waiting.
    fn end(&mut self) -> Option<line::Turn> {
        let ticket = self.ticket.take()?;
        self.site.servers.line(self.backend)?.leave(&ticket, &self.site.live)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(line::Turn::Place(server)) = self.end() {
            drop(Slot::new(self.site.clone(), self.backend, server));
        }
    }
}

/// One attempt.
async fn connect(
    site: &Rc<Site>,
    walk: &mut Walk<'_>,
    recipe: &BackendRecipe,
    slot: Slot,
    wanted: Wanted,
) -> Result<Link, (Slot, Fault)> {
    let server = slot.server;
    let Some(recipe_of) = recipe.servers.get(server) else { return Err((slot, Fault::Refused)) };
    let destination = site.servers.destination(slot.backend, server);
    let wants = destination.and_then(|it| Wants::new(walk, it, recipe_of));
    let (Some(destination), Some(wants)) = (destination, wants) else {
        return Err((slot, Fault::Refused));
    };
    let owner = walk.connection.serial;
    if let Some(claim) = claim(recipe_of.reuse, wanted, wants.key, owner)
        && let Some(idle) = site.servers.take_idle(slot.backend, server, claim)
    {
        walk.exchange.times.connected = Some(site.now_us());
        site.ledger.count_server(slot.backend, server, Count::Reuses);
        return Ok(Link::reuse(slot, idle, recipe_of.observed));
    }
    // Boxed, so that a request that takes an idle connection does not carry the room for it.
    let dialled = Box::pin(dial(site, walk, &slot, destination, recipe_of, &wants));
    let dialled = unless_ended(site, walk.connection, dialled);
    let dialled = match recipe.connect {
        None => dialled.await,
        Some(limit) => site.local.timeout(limit, dialled).await.unwrap_or(Err(Fault::Expired)),
    };
    match dialled {
        Err(fault) => {
            // Without a connection there is no answer either: both kinds of observing count it. That we lack
            // something, or somebody ended the session, is not the server's fault.
            let of_server = matches!(fault, Fault::Refused | Fault::Expired | Fault::Handshake);
            if let Some(observed) = recipe_of.observed.filter(|_| of_server) {
                let error = Some("L4 unsuccessful connection");
                super::observe(site, (slot.backend, server), observed, error);
            }
            Err((slot, fault))
        }
        Ok((transport, facts)) => {
            walk.exchange.times.connected = Some(site.now_us());
            site.ledger.count_server(slot.backend, server, Count::Connects);
            let observed = recipe_of.observed;
            if let Some(observed) = observed.filter(|it| it.what == Observe::Layer4) {
                super::observe(site, (slot.backend, server), observed, None);
            }
            let private = recipe_of.reuse == Reuse::Never;
            let owner = if private { walk.connection.serial } else { 0 };
            Ok(Link::dialled(slot, transport, facts, (wants.key, owner), observed))
        }
    }
}

/// What a dial comes to, unless an operator ends the session first.
async fn unless_ended<T>(
    site: &Site,
    connection: &Connection,
    dialled: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let mut dialled = pin!(dialled);
    poll_fn(|cx| match site.sessions.is_ended(connection) {
        true => Poll::Ready(Err(Fault::Ended)),
        false => dialled.as_mut().poll(cx),
    })
    .await
}

/// Which idle connections may carry this request.
fn claim(reuse: Reuse, wanted: Wanted, key: u64, owner: u64) -> Option<Claim> {
    let shared = Claim { key, owner, proven: false };
    match (wanted, reuse) {
        (Wanted::Own | Wanted::Fresh, _) => None,
        (Wanted::First, Reuse::Never | Reuse::Safe) => None,
        (Wanted::First, Reuse::Aggressive) => Some(Claim { proven: true, ..shared }),
        (Wanted::First | Wanted::Later, _) => Some(shared),
    }
}
