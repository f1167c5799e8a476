//! The way to a connection: a server, a place on it, an idle connection or a new one, and what happens
//! when an attempt fails.
//!
//! In: an exchange that goes to a backend. Out: a [`Link`]. HAProxy's order of things: a server is
//! chosen once, by a rule or the balance; a failed attempt is repeated on it, after
//! min(`timeout connect`, 1 s) unless the attempt took all of `timeout connect`. With
//! `option redispatch` a retry goes elsewhere at once: the last one (or as its number says), and every
//! one where nothing but the balance's turn led to the server and there are others.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use super::dial::{Wants, dial};
use super::line::{Line, Ticket, Wish};
use super::pool::Claim;
use super::recipe::BackendRecipe;
use super::{Link, Refusal, Slot, Waiter, Wanted};
use crate::balance::{Choice, Key};
use crate::config::plan::{Redispatch, Reuse};
use crate::exchange::site::Site;
use crate::rules::program::Persistence;
use crate::rules::walk::Walk;

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
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        match fault {
            Fault::Refused => Refusal::Connect,
            Fault::Expired => Refusal::ConnectTimeout,
            Fault::Handshake => Refusal::Handshake,
            Fault::Resource => Refusal::Resource,
        }
    }
}

/// See [`super::acquire`].
pub(super) async fn acquire(
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
        if retry >= recipe.retries {
            return Err(fault.into());
        }
        retry += 1;
        walk.exchange.retries += 1;
        let goes = goes_elsewhere(site, walk, recipe, backend, chosen, retry);
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
    walk.server = None;
    let slot = find(site, walk, recipe, backend, chosen, avoid).await?;
    walk.server = Some(slot.server);
    walk.exchange.times.assigned = Some(site.now_us());
    Ok(slot)
}

/// A place on the server that a rule chose, or else on the balance's choice; waits for it if it is full.
async fn find(
    site: &Rc<Site>,
    walk: &mut Walk<'_>,
    recipe: &BackendRecipe,
    backend: usize,
    chosen: Option<usize>,
    avoid: Option<usize>,
) -> Result<Slot, Refusal> {
    if let Some(server) = chosen.filter(|&server| site.live.server(backend, server).is_some()) {
        match take(site, backend, server) {
            Some(slot) => return Ok(slot),
            // Rather another server than a queue that is full.
            None if is_queue_full(site, backend, server) => {}
            None => return wait(site, walk, recipe, backend, Some(server)).await,
        }
    }
    for _ in 0..CHOICES {
        match choose(site, walk, backend, avoid) {
            Choice::None => return Err(Refusal::NoServer),
            Choice::Full => break,
            Choice::Server(server) => {
                if let Some(slot) = take(site, backend, server) {
                    return Ok(slot);
                }
                if recipe.hashes || queues(site, backend, server) {
                    if is_queue_full(site, backend, server) {
                        walk.server = Some(server);
                        return Err(Refusal::QueueFull);
                    }
                    return wait(site, walk, recipe, backend, Some(server)).await;
                }
            }
        }
    }
    wait(site, walk, recipe, backend, None).await
}

fn choose(site: &Site, walk: &Walk<'_>, backend: usize, avoid: Option<usize>) -> Choice {
    let source = walk.exchange.source.unwrap_or(walk.connection.source).ip();
    let random = site.random.borrow_mut().u64(..);
    site.chooser.choose(backend, &Key { source, random, avoid }, &site.live)
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

/// Waits for a place: on this server, or on any.
async fn wait(
    site: &Rc<Site>,
    walk: &mut Walk<'_>,
    recipe: &BackendRecipe,
    backend: usize,
    server: Option<usize>,
) -> Result<Slot, Refusal> {
    walk.server = server;
    let wish = Wish {
        server,
        class: walk.exchange.priority_class,
        offset_ms: walk.exchange.priority_offset,
        now_us: site.now_us(),
    };
    let line = site.servers.line(backend).ok_or(Refusal::NoServer)?;
    let waker = Waiter { worker: site.process.worker, task: site.local.current() };
    let ticket = line.join(wish, waker, &site.live);
    let mut waiting = Turn { site, backend, ticket: Some(ticket.clone()) };
    // A place may have become free since it was looked for.
    match server {
        Some(server) => site.servers.hand_over(site, backend, server),
        None => (0..site.live.servers(backend).len())
            .for_each(|server| site.servers.hand_over(site, backend, server)),
    }
    let turn = poll_fn(|_| match ticket.granted() {
        Some(_) => Poll::Ready(()),
        None => Poll::Pending,
    });
    match recipe.queue {
        // A place that came at the last moment counts.
        Some(limit) => drop(site.local.timeout(limit, turn).await),
        None => turn.await,
    }
    let slot = waiting.end();
    // It waited until now, whatever came of it.
    walk.exchange.times.assigned = Some(site.now_us());
    slot.ok_or(Refusal::QueueTimeout)
}

/// Somebody's place in a queue, and the server's place once it is granted: neither is lost if the
/// exchange ends meanwhile.
struct Turn<'a> {
    site: &'a Rc<Site>,
    backend: usize,
    ticket: Option<Arc<Ticket<Waiter>>>,
}

impl Turn<'_> {
    /// Stops waiting.
    fn end(&mut self) -> Option<Slot> {
        let ticket = self.ticket.take()?;
        let server = self.site.servers.line(self.backend)?.leave(&ticket, &self.site.live)?;
        Some(Slot::new(self.site.clone(), self.backend, server))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        drop(self.end());
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
        return Ok(Link::reuse(slot, idle));
    }
    // Boxed, so that a request that takes an idle connection does not carry the room for it.
    let dialled = Box::pin(dial(site, walk, &slot, destination, recipe_of, &wants));
    let dialled = match recipe.connect {
        None => dialled.await,
        Some(limit) => site.local.timeout(limit, dialled).await.unwrap_or(Err(Fault::Expired)),
    };
    match dialled {
        Err(fault) => Err((slot, fault)),
        Ok((transport, facts)) => {
            walk.exchange.times.connected = Some(site.now_us());
            let private = recipe_of.reuse == Reuse::Never;
            let owner = if private { walk.connection.serial } else { 0 };
            Ok(Link::dialled(slot, transport, facts, wants.key, owner))
        }
    }
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
