//! Whether a backend has a server that can be used, since when, and for how long it had none.
//!
//! In: what there is, behind each change to a server; the time. Out: the age of the last change and the
//! time it was down, as HAProxy counts them (`lastchg`, `downtime`, `chkdown` of a backend's row).
//!
//! Behind a mutex that only changes of state and statistics take.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    down: bool,
    changed_us: u64,
    /// Until the last change.
    down_us: u64,
    downs: u64,
}

/// What there is to show of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Seconds since the last change.
    pub since_change_s: u64,
    /// Seconds without a server, all in all.
    pub down_s: u64,
    /// How often the last server went.
    pub downs: u64,
}

impl Outage {
    /// It begins so.
    pub(crate) fn begin(down: bool, now_us: u64) -> Outage {
        Outage(Mutex::new(Counted { down, changed_us: now_us, ..Counted::default() }))
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A server changed. What there is now is asked for under the lock: of two changes at once the later
    /// one to come here sees both.
    pub(crate) fn note(&self, has_server: impl FnOnce() -> bool, now_us: u64) {
        let mut counted = self.counted();
        let down = !has_server();
        if down == counted.down {
            return;
        }
        if down {
            counted.downs += 1;
        } else {
            counted.down_us += now_us.saturating_sub(counted.changed_us);
        }
        (counted.down, counted.changed_us) = (down, now_us);
    }

    pub(crate) fn condition(&self, now_us: u64) -> Condition {
        let counted = self.counted();
        let since_us = now_us.saturating_sub(counted.changed_us);
        let down_us = counted.down_us + if counted.down { since_us } else { 0 };
        Condition {
            since_change_s: since_us / 1_000_000,
            down_s: down_us / 1_000_000,
            downs: counted.downs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_without_a_server_is_summed() {
        let second = 1_000_000;
        let it = Outage::begin(false, 10 * second);
        let shown = |at: u64| {
            let Condition { since_change_s, down_s, downs } = it.condition(at * second);
            (since_change_s, down_s, downs)
        };
        assert_eq!(shown(14), (4, 0, 0));
        it.note(|| true, 15 * second);
        assert_eq!(shown(16), (6, 0, 0), "another server changed");
        it.note(|| false, 20 * second);
        assert_eq!(shown(23), (3, 3, 1));
        it.note(|| true, 24 * second);
        assert_eq!(shown(30), (6, 4, 1));
        it.note(|| false, 40 * second);
        assert_eq!(shown(41), (1, 5, 2));
    }

    #[test]
    fn who_begins_without_a_server_never_lost_one() {
        let it = Outage::begin(true, 0);
        let Condition { down_s, downs, .. } = it.condition(7_000_000);
        assert_eq!((down_s, downs), (7, 0));
    }
}
