//! Stick tables, where an exchange meets them: what is stored once a server is assigned, and what is
//! counted when a session begins and an exchange ends.
//!
//! In: the exchange, and the server that it was assigned. Out: whether it stays there. Of two clients'
//! first requests at the same moment one stores its server first, by one atomic exchange; the other one
//! finds that and goes there, before it is sent.

use super::site::Site;
use crate::config::plan::DataKind;
use crate::rules::context::Variables;
use crate::rules::walk::Walk;
use crate::stick::Identity;

/// The server under the exchange's keys, unless another one is there that was not when they were looked
/// up, and that can be used: then that one, and nothing is stored. `fixed`: a rule or a cookie chose
/// the server, which holds. `avoid`: it just failed.
pub(super) fn settle(
    site: &Site,
    walk: &mut Walk<'_>,
    (backend, server): (usize, usize),
    fixed: bool,
    avoid: Option<usize>,
) -> Option<usize> {
    let mut sticking = walk.effects.sticking.take()?;
    let proxy = site.plan.proxies.get(backend);
    let settings = proxy.and_then(|it| it.servers.get(server)).map(|it| &it.settings);
    if settings.is_none_or(|it| it.non_stick.is_some()) {
        walk.effects.sticking = Some(sticking);
        return None;
    }
    let tables = &site.tables;
    let mut winner = None;
    for store in &mut sticking.stores {
        let Some(table) = tables.get(store.table) else { continue };
        let Some(slot) = table.layout().slot(DataKind::ServerId) else { continue };
        let Some(mine) = tables.identity(table, backend, server) else { continue };
        if store.used && store.seen == mine.0 {
            continue;
        }
        // A table that is full forgets this client.
        let Some(entry) = tables.obtain(table, &store.key) else { continue };
        while let Err(other) = entry.swap(slot, store.seen, mine.0) {
            if other != mine.0 {
                let known = tables.server(table, backend, Identity(other));
                let good = known.filter(|&it| {
                    !fixed && Some(it) != avoid && it != server && walk.may_stick(backend, it)
                });
                store.seen = other;
                if good.is_some() {
                    winner = good;
                    break;
                }
            } else {
                store.seen = other;
                break;
            }
        }
        if winner.is_some() {
            break;
        }
        store.seen = mine.0;
    }
    walk.effects.sticking = Some(sticking);
    winner
}

/// The exchange is over: its bytes are counted, and it is in use no longer.
pub(super) fn end_exchange(site: &Site, walk: &Walk<'_>) {
    let tracks = walk.variables.tracks();
    if tracks.is_empty() {
        return;
    }
    site.tell_time();
    let now_ms = site.tables.now_ms();
    tracks.count(&[DataKind::BytesInCnt, DataKind::BytesInRate], walk.exchange.bytes_in, now_ms);
    tracks.count(&[DataKind::BytesOutCnt, DataKind::BytesOutRate], walk.exchange.bytes_out, now_ms);
    tracks.end_exchange();
}

/// The handshakes of a connection are done: it is a session from now on.
pub(super) fn begin_session(site: &Site, variables: &Variables) {
    let tracks = variables.tracks();
    if !tracks.is_empty() {
        let now_ms = site.tables.now_ms();
        tracks.count(&[DataKind::SessCnt, DataKind::SessRate], 1, now_ms);
    }
}
