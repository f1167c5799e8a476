//! The states of servers at the last run, as `show servers state` printed them (`server-state-file`).
//!
//! In: text of version 1 (management.txt, `show servers state`), the plan, the time. Out: states, weights and
//! switches of the servers that it names; what the configuration says otherwise since then stands above it, as in
//! HAProxy. What is no line of a server is told with its number and changes nothing.
//!
//! Addresses and ports are not taken over.

use std::collections::BTreeMap;

use super::Live;
use super::state::{Admin, Health, WEIGHT_MAX};
use super::tracking::named;
use crate::config::plan::{Plan, Server};

/// Columns of a line.
const COLUMNS: usize = 25;

/// Bits of a check's switches: it is configured, it is done.
const CONFIGURED: u8 = 2;
const ENABLED: u8 = 4;

/// What came of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Servers whose states were taken over.
    pub servers: usize,
    /// Lines that cannot be read.
    pub unread: usize,
    /// The first of them, from 1, and why.
    pub first: Option<(usize, &'static str)>,
}

impl Restored {
    fn note(&mut self, line: usize, why: &'static str) {
        self.unread += 1;
        self.first.get_or_insert((line, why));
    }
}

/// A server's line.
#[derive(Debug)]
struct Saved<'t> {
    backend: &'t str,
    server: &'t str,
    health: u8,
    admin: Admin,
    weight: u16,
    initial_weight: u16,
    since_change_s: u64,
    check: u8,
    agent: u8,
}

impl Saved<'_> {
    fn parse(line: &str) -> Option<Saved<'_>> {
        let (mut given, mut words) = (line.split_ascii_whitespace(), [""; COLUMNS]);
        for word in &mut words {
            *word = given.next()?;
        }
        Some(Saved {
            backend: words.get(1)?,
            server: words.get(3)?,
            health: words.get(5)?.parse().ok().filter(|state| *state <= Health::Stopping as u8)?,
            admin: Admin(words.get(6)?.parse().ok()?),
            weight: words.get(7)?.parse().ok()?,
            initial_weight: words.get(8)?.parse().ok()?,
            since_change_s: words.get(9)?.parse().ok()?,
            check: words.get(13)?.parse().ok()?,
            agent: words.get(14)?.parse().ok()?,
        })
    }
}

impl Live {
    /// Takes the states of a text over for the backends that want them.
    pub fn restore(
        &self,
        plan: &Plan,
        text: &str,
        wants: impl Fn(usize) -> bool,
        now_us: u64,
    ) -> Restored {
        let mut restored = Restored::default();
        let mut names = BTreeMap::new();
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        if lines.next().is_none_or(|(_, line)| line != "1") {
            restored.note(1, "expected the version, which is 1");
            return restored;
        }
        for (line, text) in lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#')) {
            let Some(saved) = Saved::parse(text) else {
                restored.note(line, "this is no line of `show servers state`");
                continue;
            };
            let Some(backend) = plan.backend(saved.backend).filter(|&it| wants(it)) else {
                continue;
            };
            let names = names.entry(backend).or_insert_with(|| named(plan, backend));
            let Some(&place) = names.get(saved.server) else { continue };
            let line = plan.proxies.get(backend).and_then(|proxy| proxy.servers.get(place));
            if let Some(line) = line {
                self.restore_one((backend, place), line, &saved, now_us);
                restored.servers += 1;
            }
        }
        restored
    }

    fn restore_one(&self, of: (usize, usize), line: &Server, saved: &Saved<'_>, now_us: u64) {
        let Some(figures) = self.server(of.0, of.1) else { return };
        let health = match saved.health {
            0 => Health::Stopped,
            3 => Health::Stopping,
            _ => Health::Running,
        };
        let (on, off) = decided(saved, line.settings.disabled.is_some(), figures.initial_weight());
        self.set_admin(of.0, of.1, on, true);
        self.set_admin(of.0, of.1, off, false);
        // In maintenance there was no such state; followers have that of their leaders.
        let known = !saved.admin.has(Admin::MAINT) && self.tracking().leader(of).is_none();
        if known {
            self.set_health(of.0, of.1, health);
        }
        // A weight that the configuration changed since stands above one that was set.
        if saved.initial_weight == figures.initial_weight()
            && saved.weight <= WEIGHT_MAX
            && self.takes_weight(of.0, of.1, saved.weight)
        {
            self.set_weight(of.0, of.1, saved.weight);
        }
        let up = figures.is_up();
        let checkup = &mut *figures.checkup();
        checkup
            .note_change(up, now_us.saturating_sub(saved.since_change_s.saturating_mul(1_000_000)));
        if known {
            checkup.check.set(health != Health::Stopped);
        }
        for (count, switches) in
            [(&mut checkup.check, saved.check), (&mut checkup.agent, saved.agent)]
        {
            let off = switches & CONFIGURED != 0 && switches & ENABLED == 0;
            count.enabled &= !off;
        }
    }
}

/// What is decided about a server: bits that it gets, and that it loses.
fn decided(saved: &Saved<'_>, disabled: bool, weight: u16) -> (Admin, Admin) {
    let by_decision = Admin(Admin::FORCED_MAINT.0 | Admin::CONFIG_MAINT.0);
    let was_disabled = saved.admin.has(Admin::CONFIG_MAINT);
    let was_in_maintenance = saved.admin.has(Admin::FORCED_MAINT);
    let (mut on, mut off) = (Admin::default(), Admin::default());
    let maintained = match was_disabled == disabled {
        // `disabled` came or went: that is newer.
        false => disabled,
        true => was_in_maintenance,
    };
    match maintained {
        true if !disabled => on.0 |= Admin::FORCED_MAINT.0,
        true => {}
        false => off.0 |= by_decision.0,
    }
    // With a weight of zero it was drained by the configuration; another weight ends that.
    let drained = saved.admin.has(Admin::FORCED_DRAIN);
    if !maintained && drained && (saved.initial_weight > 0 || weight == 0) {
        on.0 |= Admin::FORCED_DRAIN.0;
    }
    (on, off)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::testing::listen;

    /// A line, from the operational state to the agent's switches.
    fn line(server: &str, middle: &str) -> String {
        format!("1 l 1 {server} 127.0.0.1 {middle} 0 0 - 80 - 0 0 - - 0\n")
    }

    #[test]
    fn states_come_back_unless_the_configuration_says_otherwise() {
        let plan = listen(
            "server a 127.0.0.1:1 check weight 5\nserver b 127.0.0.1:1 weight 6\n\
             server c 127.0.0.1:1 disabled\nserver d 127.0.0.1:1",
        );
        let live = Live::new(&plan);
        let text = [
            "1\n# be_id be_name and so on\n".to_owned(),
            line("a", "0 0 3 5 60 8 2 0 6 0"),
            line("b", "2 8 3 5 60 1 0 0 2 0"),
            line("c", "2 0 1 1 60 1 0 0 0 0"),
            line("d", "0 1 1 1 60 1 0 0 0 0"),
            line("gone", "0 1 1 1 60 1 0 0 0 0"),
            "nonsense\n".to_owned(),
            "more of it\n".to_owned(),
        ]
        .concat();
        let restored = live.restore(&plan, &text, |_| true, 100_000_000);
        assert_eq!((restored.servers, restored.unread), (4, 2));
        assert_eq!(restored.first.map(|(line, _)| line), Some(8));
        let of = |server| live.server(0, server).expect("a server");
        let seen = |server| (of(server).health(), of(server).admin(), of(server).weight());
        assert_eq!(seen(0), (Health::Stopped, Admin::default(), 3));
        let checkup = of(0).checkup().clone();
        assert_eq!((checkup.changed_us, checkup.check.is_dead()), (40_000_000, true));
        // Its weight is another since.
        assert_eq!(seen(1), (Health::Running, Admin::FORCED_DRAIN, 6));
        assert_eq!(seen(2), (Health::Running, Admin::CONFIG_MAINT, 1), "`disabled` is new");
        assert_eq!((seen(3).0, seen(3).1), (Health::Running, Admin::FORCED_MAINT));
        for nothing in ["2\n", ""] {
            let restored = live.restore(&plan, nothing, |_| true, 0);
            assert_eq!((restored.servers, restored.unread), (0, 1));
        }
    }

    /// What commands may not say of a weight, a file may not either.
    #[test]
    fn a_weight_that_cannot_change_stays() {
        let plan = listen(
            "balance static-rr\nserver a 127.0.0.1:1 weight 5\nserver b 127.0.0.1:1 weight 5",
        );
        let live = Live::new(&plan);
        let text = [
            "1\n".to_owned(),
            line("a", "2 0 3 5 60 1 0 0 0 0"),
            line("b", "2 0 0 5 60 1 0 0 0 0"),
        ];
        assert_eq!(live.restore(&plan, &text.concat(), |_| true, 100_000_000).servers, 2);
        let weight = |server| live.server(0, server).expect("a server").weight();
        assert_eq!((weight(0), weight(1)), (5, 0));
    }
}
