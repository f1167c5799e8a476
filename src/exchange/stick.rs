//! Stick tables, where an exchange meets them: what is stored once a server is assigned, and what is
//! counted when a session begins and an exchange ends.
//!
//! In: the exchange, and the server that it was assigned. Out: whether it stays there.

use super::site::Site;
use crate::config::plan::DataKind;
use crate::rules::context::Variables;
use crate::rules::walk::Walk;

/// Stores the server under the exchange's keys, unless another one is there that was not when they were
/// looked up, and that can be used: then that one. `fixed`: a rule or a cookie chose the server, which
/// holds. `avoid`: it just failed.
pub(super) fn settle(
    site: &Site,
    walk: &mut Walk<'_>,
    (backend, server): (usize, usize),
    fixed: bool,
    avoid: Option<usize>,
) -> Option<usize> {
    let stores = &walk.effects.sticking.as_ref()?.stores;
    if stores.is_settled(&site.tables, (backend, server)) {
        return None;
    }
    let mut sticking = walk.effects.sticking.take()?;
    let proxy = site.plan.proxies.get(backend);
    let line = proxy.and_then(|it| it.servers.get(server));
    let winner = line.filter(|it| it.settings.non_stick.is_none()).and_then(|_| {
        sticking.stores.settle(&site.tables, (backend, server), |it| {
            !fixed && Some(it) != avoid && walk.may_stick(backend, it)
        })
    });
    walk.effects.sticking = Some(sticking);
    winner
}

/// The server could not be reached: it is the client's no longer.
pub(super) fn take_back(site: &Site, walk: &mut Walk<'_>) {
    if let Some(sticking) = &mut walk.effects.sticking {
        sticking.stores.take_back(&site.tables);
    }
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
