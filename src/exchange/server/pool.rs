//! Idle connections of one worker.
//!
//! In: connections whose exchange is complete. Out: the one given back last that fits, if it has been
//! silent since. What is kept: no more than were in use at the same time lately (and `pool-low-conn`),
//! no more than `pool-max-conn`, and never more than [`IDLE_MAX`] on a worker. Of what is too much, half
//! is closed every `pool-purge-delay`, the oldest first.

use std::cell::Cell;
use std::collections::VecDeque;

use std::rc::Rc;

use super::recipe::Recipe;
use crate::exchange::transport::Transport;
use crate::rules::context::ServerConnection;

/// Idle connections of a worker, to all servers together.
pub const IDLE_MAX: usize = 4096;

/// An idle connection.
pub(super) struct Idle {
    pub transport: Transport,
    pub facts: Rc<ServerConnection>,
    /// A number that is another for each name, source and the like.
    pub key: u64,
    /// The serial number of the client connection it belongs to; 0 if anybody may use it.
    pub owner: u64,
    /// Requests it has carried.
    pub uses: u32,
    /// When it became idle.
    pub since_us: u64,
    /// Whether the watcher is woken when something comes.
    pub watched: bool,
}

/// Who may have which connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub key: u64,
    pub owner: u64,
    /// Only one that has been used again before.
    pub proven: bool,
}

/// The connections to one server.
#[derive(Default)]
pub(super) struct Stock {
    idle: VecDeque<Idle>,
    /// Connections in use.
    used: u32,
    /// The most that were in use since the last purge.
    peak: u32,
    /// How many were needed before, on the way down.
    need: u32,
    purged_us: u64,
}

/// Figures of a worker's idle connections.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many there are.
    pub idle: Cell<usize>,
    /// Of those the ones that the watcher has not seen yet.
    pub(super) fresh: Cell<usize>,
    /// Of those the ones that belong to one client.
    pub(super) owned: Cell<usize>,
    /// Requests that went over a connection that was idle before.
    pub reused: Cell<u64>,
    /// Connections dialled.
    pub dialled: Cell<u64>,
    /// Idle connections that the server closed or reset.
    pub stale: Cell<u64>,
    /// Idle connections closed because bytes came on them that answer nothing.
    pub unasked: Cell<u64>,
    /// Idle connections closed because there were too many.
    pub purged: Cell<u64>,
}

fn add(cell: &Cell<u64>) {
    cell.set(cell.get().wrapping_add(1));
}

impl Idle {
    /// Closes it by a reset, as HAProxy does: nothing is under way on it, and a proxy that closes many
    /// in order would run out of ports, each of which the kernel keeps for a minute (TIME-WAIT).
    fn reset(&self) {
        self.transport.abort();
    }

    fn fits(&self, claim: Claim) -> bool {
        let theirs = if self.owner == 0 { !claim.proven || self.uses > 1 } else { true };
        self.key == claim.key && (self.owner == 0 || self.owner == claim.owner) && theirs
    }
}

impl Tally {
    fn came(&self, idle: &Idle) {
        self.idle.set(self.idle.get() + 1);
        self.fresh.set(self.fresh.get() + 1);
        if idle.owner != 0 {
            self.owned.set(self.owned.get() + 1);
        }
    }

    fn left(&self, idle: &Idle) {
        self.idle.set(self.idle.get().saturating_sub(1));
        if !idle.watched {
            self.seen();
        }
        if idle.owner != 0 {
            self.owned.set(self.owned.get().saturating_sub(1));
        }
    }

    fn seen(&self) {
        self.fresh.set(self.fresh.get().saturating_sub(1));
    }

    /// Something came on an idle connection, which is closed for it.
    fn note_news(&self, idle: &Idle) {
        use std::task::Poll;
        match idle.transport.poll_receive() {
            Poll::Ready(Ok(Some(_))) => add(&self.unasked),
            _ => add(&self.stale),
        }
    }
}

impl Stock {
    /// The connection given back last that fits, silent ones only.
    pub(super) fn take(&mut self, claim: Claim, tally: &Tally) -> Option<Idle> {
        let mut end = self.idle.len();
        while let Some(at) = self.idle.iter().take(end).rposition(|idle| idle.fits(claim)) {
            let idle = self.idle.remove(at)?;
            tally.left(&idle);
            if !idle.transport.has_news() {
                add(&tally.reused);
                return Some(idle);
            }
            tally.note_news(&idle);
            end = at;
        }
        None
    }

    /// When the connection became idle that is kept for this client alone, if there is one.
    pub(super) fn kept_since_us(&self, owner: u64) -> Option<u64> {
        self.idle.iter().filter(|idle| idle.owner == owner).map(|idle| idle.since_us).max()
    }

    /// How many idle connections there are.
    pub(super) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// A connection is used from now on.
    pub(super) fn begin(&mut self) {
        self.used += 1;
        self.peak = self.peak.max(self.used);
    }

    /// It no longer is.
    pub(super) fn end(&mut self) {
        self.used = self.used.saturating_sub(1);
    }

    /// Keeps a connection whose use ends now (and is to be counted as such after this). If there are as
    /// many as may be, the oldest goes: it is the least likely to be wanted, or to live.
    pub(super) fn put(&mut self, idle: Idle, recipe: &Recipe, tally: &Tally) {
        let max = recipe.idle_max.unwrap_or(u32::MAX);
        let wanted = idle.uses < recipe.uses_max && recipe.purge_delay_us > 0 && max > 0;
        // From the second look on whatever comes is found by `has_news`.
        if idle.transport.has_news() || idle.transport.poll_receive().is_ready() {
            return;
        }
        if !wanted {
            return idle.reset();
        }
        let count = u32::try_from(self.idle.len()).unwrap_or(u32::MAX);
        let need = self.peak.max(self.need).saturating_add(recipe.idle_low);
        let full = tally.idle.get() >= IDLE_MAX;
        // What belongs to a client goes with it; others cannot take its place.
        let much = idle.owner == 0 && self.used.saturating_add(count) > need;
        if full || much || count >= max {
            match self.idle.pop_front() {
                Some(oldest) => {
                    oldest.reset();
                    tally.left(&oldest);
                    add(&tally.purged);
                }
                None if full => return idle.reset(),
                None => {}
            }
        }
        tally.came(&idle);
        self.idle.push_back(idle);
    }

    /// Closes what the server closed or spoke on, and has the current task woken for the others.
    pub(super) fn watch(&mut self, tally: &Tally, take_over: bool) {
        self.idle.retain_mut(|idle| {
            if idle.transport.has_news() {
                tally.left(idle);
                tally.note_news(idle);
                return false;
            }
            if idle.watched || !take_over {
                return true;
            }
            if idle.transport.poll_receive().is_ready() {
                tally.left(idle);
                add(&tally.stale);
                return false;
            }
            tally.seen();
            idle.watched = true;
            true
        });
    }

    /// Closes half of what is too much, if it is time to.
    pub(super) fn purge(&mut self, now_us: u64, recipe: &Recipe, tally: &Tally) {
        if now_us.saturating_sub(self.purged_us) < recipe.purge_delay_us {
            return;
        }
        let last = std::mem::replace(&mut self.purged_us, now_us);
        if last == 0 {
            return;
        }
        let count = u32::try_from(self.idle.len()).unwrap_or(u32::MAX);
        self.need = self.need.midpoint(self.peak).max(self.used);
        self.peak = self.used;
        let excess = self.used.saturating_add(count).saturating_sub(self.need);
        let mut close = usize::try_from(excess.div_ceil(2)).unwrap_or(usize::MAX);
        // The oldest stand in front. Of those that belong to one client all that were not used since
        // the last purge go: their client has gone, most likely.
        self.idle.retain(|idle| {
            let left = idle.owner != 0 && idle.since_us < last;
            if !left && close == 0 {
                return true;
            }
            if !left {
                close -= 1;
            }
            idle.reset();
            tally.left(idle);
            add(&tally.purged);
            false
        });
    }

    /// Closes the connections of a client that is gone.
    pub(super) fn forget(&mut self, owner: u64, tally: &Tally) {
        self.idle.retain(|idle| {
            let gone = idle.owner == owner;
            if gone {
                idle.reset();
                tally.left(idle);
            }
            !gone
        });
    }

    /// Closes all.
    pub(super) fn clear(&mut self, tally: &Tally) {
        for idle in self.idle.drain(..) {
            idle.reset();
            tally.left(&idle);
        }
    }

    /// Takes over the connections of the same server under the plan before, and how many were needed.
    pub(super) fn inherit(&mut self, old: &mut Stock, tally: &Tally) {
        self.need = self.need.max(old.need).max(old.peak);
        self.purged_us = self.purged_us.max(old.purged_us);
        for mut idle in old.idle.drain(..) {
            // Another task watches it from now on.
            if std::mem::replace(&mut idle.watched, false) {
                tally.fresh.set(tally.fresh.get() + 1);
            }
            self.idle.push_back(idle);
        }
    }

    /// Whether [`Stock::watch`] and [`Stock::purge`] have anything to look at.
    pub(super) fn is_quiet(&self) -> bool {
        self.idle.is_empty() && self.used == 0 && self.peak == 0 && self.need == 0
    }
}
