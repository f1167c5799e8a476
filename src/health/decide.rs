//! What is decided about a server: maintenance, draining, or that it serves. By a command, the statistics page, its
//! agent, or because the server that it tracks is so.
//!
//! In: a wish. Out: the server's state, who follows from it, and the log's lines, in HAProxy's words.
//!
//! A server that leaves maintenance is as if it were just checked for the first time: up, and down with the first
//! failure.

use std::rc::Rc;

use super::follow::{as_followed, follow};
use super::outcome::end_sessions;
use super::standing::{left, online, tell_if_none, usable};
use super::{ramp, words};
use crate::balance::{Admin, Health};
use crate::config::plan::LogLevel;
use crate::exchange::server;
use crate::exchange::site::Site;
use crate::proto::check::agent::Wish;

/// Maintenance that somebody decided: `disabled` lasts until somebody enables it.
const BY_DECISION: Admin = Admin(Admin::FORCED_MAINT.0 | Admin::CONFIG_MAINT.0);

/// Has a server serve again, drains it, or takes it out of service; servers that track it follow.
pub fn decide(site: &Rc<Site>, of: (usize, usize), wish: Wish) {
    let Some((site, of)) = site.server_now(of) else { return };
    let (on, off) = match wish {
        Wish::Ready => (Admin::default(), Admin(BY_DECISION.0 | Admin::FORCED_DRAIN.0)),
        Wish::Drain => (Admin::FORCED_DRAIN, BY_DECISION),
        Wish::Maint => (Admin::FORCED_MAINT, Admin::FORCED_DRAIN),
    };
    shift(&site, of, &Shift { on, off, via: None, aloud: true });
}

/// A change to what is decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    /// What holds from now on.
    pub on: Admin,
    /// What does not any more.
    pub off: Admin,
    /// The server that it comes from, for one that tracks it.
    pub via: Option<(usize, usize)>,
    /// Whether the log tells it.
    pub aloud: bool,
}

/// A server before a change.
struct Before {
    admin: Admin,
    health: Health,
    up: bool,
    usable: (usize, usize),
}

/// Makes the change; false if it is none.
pub(super) fn shift(site: &Rc<Site>, of: (usize, usize), shift: &Shift) -> bool {
    let (backend, server) = of;
    let Some(figures) = site.live.server(backend, server) else { return false };
    let mut before = Before {
        admin: figures.admin(),
        health: figures.health(),
        up: figures.is_up(),
        usable: usable(site, backend),
    };
    let set = || {
        // In this order the server is not open between the two.
        let admin = site.live.set_admin(backend, server, shift.on, true);
        site.live.set_admin(backend, server, shift.off, false);
        admin
    };
    let admin = match shift.via {
        Some(_) => site.live.inherit(set).flatten(),
        None => set(),
    };
    let Some(admin) = admin else { return false };
    before.admin = admin;
    let after = Admin((admin.0 | shift.on.0) & !shift.off.0);
    if admin == after {
        return false;
    }
    if admin.has(Admin::MAINT) && !after.has(Admin::MAINT) {
        come_back(site, of);
    }
    let up = figures.is_up();
    if up != before.up || figures.health() != before.health {
        figures.checkup().note_change(up, site.unix_us(site.local.now()));
    }
    let requeued = server::redistribute(site, backend, server);
    if shift.aloud {
        for (level, text) in lines(site, of, &before, after, shift.via, requeued) {
            site.log.announce(backend, level, &text);
        }
        tell_if_none(site, backend, before.usable);
    }
    if up != before.up {
        end_sessions(site, of, up);
    }
    follow(site, of, shift.aloud);
    true
}

/// What checks say holds again, for a server that leaves maintenance.
fn come_back(site: &Rc<Site>, (backend, server): (usize, usize)) {
    let Some(figures) = site.live.server(backend, server) else { return };
    let leader = site.live.tracking().leader((backend, server));
    let leader = leader.and_then(|(backend, server)| site.live.server(backend, server));
    let health = match leader {
        Some(leader) => as_followed(leader.health()),
        None => {
            let mut checkup = figures.checkup();
            checkup.check.set_to_edge();
            if checkup.is_fine() { Health::Running } else { Health::Stopped }
        }
    };
    ramp::begin(site, (backend, server), health);
}

/// What the log says.
fn lines(
    site: &Site,
    of: (usize, usize),
    before: &Before,
    after: Admin,
    via: Option<(usize, usize)>,
    requeued: usize,
) -> Vec<(LogLevel, String)> {
    let who = words::server(&site.plan, of, true);
    let health = site.live.server(of.0, of.1).map_or(Health::Stopped, |it| it.health());
    let state = if health == Health::Stopped { "DOWN" } else { "UP" };
    let by = words::via(&site.plan, via);
    let (was, had) = (before.admin, |bits| before.admin.has(bits));
    let notice = |text: String| vec![(LogLevel::Notice, text)];
    match (had(Admin::MAINT), after.has(Admin::MAINT)) {
        (false, true) if before.health == Health::Stopped => {
            notice(format!("{who} was DOWN and now enters maintenance{by}."))
        }
        (false, true) => {
            let text =
                format!("{who} is going DOWN for maintenance{by}{}", left(site, of, requeued));
            vec![(words::down_level(was, before.health), text)]
        }
        (true, true) => {
            let leaves = had(BY_DECISION) && !after.has(BY_DECISION);
            let leader = words::via(&site.plan, site.live.tracking().leader(of));
            if leaves && after.has(Admin::INHERITED_MAINT) {
                notice(format!(
                    "{who} is leaving forced maintenance but remains in maintenance{leader}."
                ))
            } else if had(Admin::INHERITED_MAINT) && !after.has(Admin::INHERITED_MAINT) {
                notice(format!("{who} remains in forced maintenance."))
            } else {
                Vec::new()
            }
        }
        (true, false) => {
            let what = if after.has(Admin::DRAIN) { "DRAIN" } else { "READY" };
            let how = if had(BY_DECISION) { "forced maintenance" } else { "maintenance" };
            let mut all = notice(format!("{who} is {state}/{what} (leaving {how})."));
            if after.has(Admin::FORCED_DRAIN) {
                all.extend(notice(format!("{who} remains in forced drain mode.")));
            }
            all
        }
        (false, false) => match (had(Admin::DRAIN), after.has(Admin::DRAIN)) {
            (false, true) if health == Health::Stopped => {
                notice(format!("{who} enters drain state{by}{}", left(site, of, requeued)))
            }
            (false, true) => {
                notice(format!("{who} enters drain state{by}{}", online(site, of.0, requeued)))
            }
            (true, false) => {
                let how = if had(Admin::FORCED_DRAIN) { "forced drain" } else { "drain" };
                notice(format!("{who} is {state} (leaving {how}){by}."))
            }
            _ => Vec::new(),
        },
    }
}
