//! What is known of a server's health: how many checks passed or failed in a row, the last result, for how
//! long it has been down.
//!
//! In: verdicts of checks, errors of requests, the moment. Out: whether the server is fine, and what
//! follows from that. The arithmetic is HAProxy's: a counter that a good check raises and a bad one lowers;
//! below `rise` the server is down, and a step over that line goes all the way.
//!
//! One is kept for each server, behind a mutex that only checks, statistics and operators take; what
//! requests tell (`observe`) goes through atomics.

use std::time::Duration;

use super::state::Health;
use crate::config::plan::{Observe, OnError, Server};
use crate::proto::check::{Status, Verdict};

/// `inter` if nothing says so.
const INTER: Duration = Duration::from_secs(2);
/// `rise` if nothing says so.
const RISE: u32 = 2;
/// `fall` if nothing says so.
const FALL: u32 = 3;
/// `error-limit` if nothing says so.
const ERRORS: u32 = 10;

/// The counter of one kind of check.
#[derive(Clone, Debug)]
pub struct Count {
    /// Whether the configuration asks for it.
    pub configured: bool,
    /// Whether it is done: a command may switch it off.
    pub enabled: bool,
    /// From 0 to `rise + fall - 1`; up from `rise` on.
    health: u32,
    rise: u32,
    fall: u32,
    /// Checks that failed while the server was not at the bottom.
    pub failures: u64,
    /// The last result.
    pub last: Option<Last>,
}

/// The last result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// What it was.
    pub verdict: Verdict,
    /// How long it took.
    pub duration_ms: u64,
    /// When it came, in microseconds since 1970-01-01 UTC.
    pub at_us: u64,
}

impl Count {
    fn new(configured: bool, rise: u32, fall: u32) -> Count {
        // Up, and down with the first failure.
        let (rise, fall) = (rise.max(1), fall.max(1));
        Count { configured, enabled: configured, health: rise, rise, fall, failures: 0, last: None }
    }

    /// Whether the checks so far say that the server is fine, or there are none.
    pub fn is_up(&self) -> bool {
        !self.enabled || self.health >= self.rise
    }

    /// Whether nothing is missing to the best.
    pub fn is_steady(&self) -> bool {
        self.health == self.top()
    }

    /// At the very bottom.
    pub fn is_dead(&self) -> bool {
        self.health == 0
    }

    fn top(&self) -> u32 {
        self.rise + self.fall - 1
    }

    /// How many steps are done of how many, on this side of the line: `1/3`.
    pub fn score(&self) -> (u32, u32) {
        match self.health >= self.rise {
            true => (self.health - self.rise + 1, self.fall),
            false => (self.health, self.rise),
        }
    }

    /// The counter and its parameters, as statistics print them: health, rise, fall.
    pub fn raw(&self) -> (u32, u32, u32) {
        (self.health, self.rise, self.fall)
    }

    /// A check passed; whether that is news.
    fn pass(&mut self) -> bool {
        if self.is_steady() {
            return false;
        }
        self.health += 1;
        if self.health >= self.rise {
            self.health = self.top();
        }
        true
    }

    /// A check failed; whether that is news.
    fn fail(&mut self) -> bool {
        if self.health == 0 {
            return false;
        }
        self.failures += 1;
        self.health -= 1;
        if self.health < self.rise {
            self.health = 0;
        }
        true
    }

    /// Up, and down with the first failure, if checks are done.
    pub fn set_to_edge(&mut self) {
        if self.enabled {
            self.health = self.rise;
        }
    }

    /// The counter at its best, or at the bottom.
    pub fn set(&mut self, up: bool) {
        self.health = if up { self.top() } else { 0 };
    }
}

/// What is known of a server's health.
#[derive(Clone, Debug)]
pub struct Checkup {
    /// Health checks.
    pub check: Count,
    /// The agent.
    pub agent: Count,
    /// Times from one check to the next.
    pub pace: Pace,
    /// The same for the agent.
    pub agent_inter: Duration,
    /// When the state changed last, in microseconds since 1970-01-01 UTC; 0 is never.
    pub changed_us: u64,
    /// How long it was down, all in all, until the last change.
    down_us: u64,
    /// Since when it is down.
    down_since_us: Option<u64>,
    /// How often it went down.
    pub downs: u64,
    /// Where checks go instead, by a command: address and port.
    pub check_address: Option<core::net::IpAddr>,
    /// See `check_address`.
    pub check_port: Option<u16>,
    /// The same for the agent.
    pub agent_address: Option<core::net::IpAddr>,
    /// See `agent_address`.
    pub agent_port: Option<u16>,
    /// What is sent to the agent instead of `agent-send`.
    pub agent_send: Option<Box<str>>,
    /// Requests met too many errors, of which this was the last: what follows is up to who checks the server.
    pub observed: Option<Box<str>>,
}

/// `inter`, `fastinter`, `downinter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// As long as all is well.
    pub inter: Duration,
    /// Between up and down.
    pub fast: Duration,
    /// At the bottom.
    pub down: Duration,
}

/// What observed errors come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// What counts.
    pub what: Observe,
    /// So many in a row.
    pub limit: u32,
    /// Then this.
    pub then: OnError,
}

impl Observed {
    /// What the line says, if it says anything.
    pub fn of(server: &Server) -> Option<Observed> {
        let health = &server.settings.health;
        Some(Observed {
            what: health.observe.as_ref()?.value,
            limit: health.error_limit.map_or(ERRORS, |it| it.value).max(1),
            then: health.on_error.map_or(OnError::FailCheck, |it| it.value),
        })
    }
}

impl Checkup {
    /// As the configuration has it.
    pub fn new(server: &Server) -> Checkup {
        let (health, agent) = (&server.settings.health, &server.settings.agent);
        let inter = health.inter.map_or(INTER, |it| it.value);
        let or = |given: Option<crate::config::plan::Given<Duration>>| {
            given.map_or(inter, |it| it.value)
        };
        let rise = health.rise.map_or(RISE, |it| it.value);
        let fall = health.fall.map_or(FALL, |it| it.value);
        let checked = health.check.is_some() && health.track.is_none();
        Checkup {
            check: Count::new(checked, rise, fall),
            // An agent is believed at once (HAProxy 3.0).
            agent: Count::new(agent.check.is_some(), 1, 1),
            pace: Pace { inter, fast: or(health.fastinter), down: or(health.downinter) },
            agent_inter: agent.inter.map_or(inter, |it| it.value),
            changed_us: 0,
            down_us: 0,
            down_since_us: None,
            downs: 0,
            check_address: None,
            check_port: None,
            agent_address: None,
            agent_port: None,
            agent_send: None,
            observed: None,
        }
    }

    /// The configuration was read again: counters stay, what it says holds.
    pub fn follow(&mut self, server: &Server) {
        let new = Checkup::new(server);
        for (mine, new) in [(&mut self.check, &new.check), (&mut self.agent, &new.agent)] {
            let up = mine.health >= mine.rise;
            if (mine.rise, mine.fall) != (new.rise, new.fall) {
                (mine.rise, mine.fall) = (new.rise, new.fall);
                mine.set(up);
            }
            if mine.configured != new.configured {
                (mine.configured, mine.enabled) = (new.configured, new.enabled);
                mine.health = new.health;
                mine.last = None;
            }
        }
        (self.pace, self.agent_inter) = (new.pace, new.agent_inter);
    }

    /// How long until the next check, `health` being the server's state.
    pub fn wait(&self, health: Health) -> Duration {
        if self.check.is_steady() {
            return self.pace.inter;
        }
        match health == Health::Stopped && self.check.is_dead() {
            true => self.pace.down,
            false => self.pace.fast,
        }
    }

    /// The result of a health check; whether that is news.
    pub fn note_check(&mut self, last: Last) -> bool {
        let status = last.verdict.status;
        self.check.last = Some(last);
        match status.is_passed() {
            true => self.check.pass(),
            false => self.check.fail(),
        }
    }

    /// The result of asking the agent; `fine` is what it said of the server, if it said so. An agent that
    /// cannot be reached or talks nonsense is told, and says nothing about the server.
    pub fn note_agent(&mut self, last: Last, fine: Option<bool>) -> bool {
        self.agent.last = Some(last);
        match fine {
            Some(true) => self.agent.pass(),
            Some(false) => self.agent.fail(),
            None => false,
        }
    }

    /// An observed error that counts as a failed check, or brings the server to the last step before.
    pub fn note_error(&mut self, then: OnError, last: Last) -> bool {
        match then {
            OnError::FastInter => return false,
            OnError::SuddenDeath => {
                if self.check.health > self.check.rise {
                    self.check.health = self.check.rise + 1;
                }
            }
            OnError::MarkDown => self.check.health = self.check.rise,
            OnError::FailCheck => {}
        }
        self.note_check(last)
    }

    /// What the server's state should be, as far as checks say.
    pub fn is_fine(&self) -> bool {
        self.check.is_up() && self.agent.is_up()
    }

    /// The state changed.
    pub fn note_change(&mut self, up: bool, now_us: u64) {
        self.changed_us = now_us;
        match (up, self.down_since_us) {
            (false, None) => {
                self.down_since_us = Some(now_us);
                self.downs += 1;
            }
            (true, Some(since)) => {
                self.down_us += now_us.saturating_sub(since);
                self.down_since_us = None;
            }
            _ => {}
        }
    }

    /// Whether it was down at the last change.
    pub fn is_down(&self) -> bool {
        self.down_since_us.is_some()
    }

    /// How long it has been down, all in all, in seconds.
    pub fn down_seconds(&self, now_us: u64) -> u64 {
        let now = self.down_since_us.map_or(0, |since| now_us.saturating_sub(since));
        self.down_us.saturating_add(now) / 1_000_000
    }
}

impl Last {
    /// What requests told of a server, as the result of a check.
    pub fn analyzed(errors: u32, what: &str, at_us: u64) -> Last {
        let info = format!("Detected {errors} consecutive errors, last one was: {what}");
        Last {
            verdict: Verdict { status: Status::Analyzed, code: None, info },
            duration_ms: 0,
            at_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::testing::listen;

    fn checkup(line: &str) -> Checkup {
        let plan = listen(&format!("server s 127.0.0.1:1 {line}"));
        Checkup::new(&plan.proxies[0].servers[0])
    }

    fn last(status: Status) -> Last {
        Last { verdict: Verdict::plain(status), duration_ms: 0, at_us: 0 }
    }

    fn play(checkup: &mut Checkup, results: &str) -> String {
        let states = results.chars().map(|result| {
            let status = if result == '+' { Status::L4Passed } else { Status::L4Connect };
            checkup.note_check(last(status));
            if checkup.is_fine() { 'U' } else { 'D' }
        });
        states.collect()
    }

    #[test]
    fn a_server_falls_and_rises_as_haproxys_do() {
        let mut it = checkup("check rise 2 fall 3");
        assert_eq!(play(&mut it, "-"), "D", "the first check of all decides at once");
        assert_eq!(play(&mut it, "++"), "DU");
        assert_eq!(play(&mut it, "--+---"), "UUUUUD");
        assert_eq!(it.check.score(), (0, 2));
        assert_eq!(play(&mut it, "+-++"), "DDDU");
        assert_eq!(it.check.score(), (3, 3));
        assert_eq!(it.check.failures, 1 + 2 + 3 + 1);
    }

    #[test]
    fn times_follow_the_counter() {
        let mut it = checkup("check inter 3s fastinter 1s downinter 9s rise 2 fall 3");
        let wait = |it: &Checkup, health| it.wait(health).as_secs();
        play(&mut it, "++");
        assert_eq!(wait(&it, Health::Running), 3);
        play(&mut it, "-");
        assert_eq!(wait(&it, Health::Running), 1);
        play(&mut it, "--");
        assert_eq!(wait(&it, Health::Stopped), 9);
        play(&mut it, "+");
        assert_eq!(wait(&it, Health::Stopped), 1);
    }

    #[test]
    fn an_agent_that_is_not_understood_says_nothing() {
        let mut it = checkup("agent-check agent-port 1");
        assert!(it.is_fine());
        assert!(!it.note_agent(last(Status::L7Response), None) && it.is_fine());
        assert!(it.note_agent(last(Status::L7Status), Some(false)) && !it.is_fine());
        assert!(it.note_agent(last(Status::L7Passed), Some(true)) && it.is_fine());
    }

    #[test]
    fn errors_of_requests_count_as_the_line_says() {
        let errors = |then| {
            let mut it = checkup("check rise 2 fall 3 observe layer4");
            play(&mut it, "++");
            it.note_error(then, Last::analyzed(10, "Connection refused", 0));
            (it.is_fine(), it.check.score())
        };
        assert_eq!(errors(OnError::FastInter), (true, (3, 3)));
        assert_eq!(errors(OnError::FailCheck), (true, (2, 3)));
        assert_eq!(errors(OnError::SuddenDeath), (true, (1, 3)));
        assert_eq!(errors(OnError::MarkDown), (false, (0, 2)));
    }

    #[test]
    fn time_down_adds_up() {
        let mut it = checkup("check");
        it.note_change(false, 1_000_000);
        it.note_change(false, 2_000_000);
        assert_eq!((it.down_seconds(6_000_000), it.downs), (5, 1));
        it.note_change(true, 6_000_000);
        it.note_change(false, 10_000_000);
        assert_eq!((it.down_seconds(11_000_000), it.downs), (6, 2));
    }

    #[test]
    fn counters_survive_a_reload_where_the_line_stays() {
        let mut it = checkup("check rise 2 fall 3");
        play(&mut it, "++-");
        let plan = listen("server s 127.0.0.1:1 check rise 2 fall 3 inter 7s");
        it.follow(&plan.proxies[0].servers[0]);
        assert_eq!((it.check.score(), it.pace.inter.as_secs()), ((2, 3), 7));
        let plan = listen("server s 127.0.0.1:1");
        it.follow(&plan.proxies[0].servers[0]);
        assert!(it.is_fine() && !it.check.enabled);
    }
}
