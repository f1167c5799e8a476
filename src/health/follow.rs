//! `track`: servers take over what another one is, at once.
//!
//! In: a server that changed. Out: those that track it are the same, and those that track them, with a line
//! in the log for each.

use std::rc::Rc;
use std::sync::atomic::{Ordering, fence};

use super::decide::{Shift, shift};
use super::outcome::{Why, turn};
use crate::balance::{Admin, Health};
use crate::exchange::site::Site;

/// Servers that track this one take its state over.
pub(super) fn follow(site: &Rc<Site>, of: (usize, usize), aloud: bool) {
    for &follower in site.live.tracking().followers(of) {
        inherit(site, of, follower, aloud);
    }
}

/// Every server that tracks another takes its state over, at the start and behind a reload. What was decided is not
/// told again; that one goes up or down is.
///
/// Each worker sees to it when it takes a plan: until then it may change a leader by the plan before, in which its
/// followers of now may be none.
pub(super) fn follow_all(site: &Rc<Site>) {
    for root in site.live.tracking().roots() {
        follow(site, root, false);
    }
}

fn inherit(site: &Rc<Site>, from: (usize, usize), to: (usize, usize), aloud: bool) {
    let Some(source) = site.live.server(from.0, from.1) else { return };
    loop {
        let seen = (source.admin(), source.health());
        let (admin, health) = seen;
        let mut on = Admin::default();
        for (of, bit) in
            [(Admin::MAINT, Admin::INHERITED_MAINT), (Admin::DRAIN, Admin::INHERITED_DRAIN)]
        {
            on.0 |= if admin.has(of) { bit.0 } else { 0 };
        }
        let shifted = Shift { on, off: Admin(Admin::INHERITED.0 & !on.0), via: Some(from), aloud };
        if !shift(site, to, &shifted) && !aloud {
            // Its own followers may be new.
            follow(site, to, false);
        }
        turn(site, to, as_followed(health), Why::Follows(from));
        // Two workers may do this at once for two changes of the leader: whoever wrote last has seen both.
        fence(Ordering::SeqCst);
        if (source.admin(), source.health()) == seen {
            return;
        }
    }
}

/// A follower takes its share step by step only if its own line says so.
pub(super) fn as_followed(leader: Health) -> Health {
    if leader == Health::Starting { Health::Running } else { leader }
}
