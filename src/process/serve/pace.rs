//! How fast connections are taken: `maxconnrate`, `maxsessrate`, `maxsslrate`, `rate-limit sessions`,
//! and how many speak TLS: `maxsslconn`.
//!
//! In: the plan; a moment. Out: whether one connection more may be taken now. Shared by the workers;
//! each limit is a few relaxed atomics, so it may be passed by as many as there are workers. What is not
//! limited is not counted. Sessions are counted as connections, before rules could refuse them. The
//! process's limits are [`RateLimits`], which a command may change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::balance::rates::RateLimits;
use crate::config::plan::{Given, Plan};
use crate::config::succession::Succession;

/// A second, in microseconds: the time that rates are about.
const WINDOW_US: u64 = 1_000_000;

/// The limits of a plan.
#[derive(Debug)]
pub struct Pace {
    rates: Arc<RateLimits>,
    process: Arc<Window>,
    tls: Arc<Window>,
    /// By proxy.
    frontends: Vec<Option<Rate>>,
    /// How many connections with TLS there may be; 0 is no limit.
    tls_most: u32,
    tls_count: Arc<AtomicU32>,
}

/// A connection with TLS, counted until this is dropped.
#[derive(Debug)]
pub struct Counted(Arc<AtomicU32>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Taken, with what has to live as long as the connection.
#[derive(Debug)]
pub struct Taken {
    /// Its place among those with TLS, if they are limited.
    pub tls: Option<Counted>,
}

impl Pace {
    /// As the plan says, with the process's limits.
    pub fn new(plan: &Plan, rates: &Arc<RateLimits>) -> Pace {
        let value = |limit: Option<Given<u32>>| limit.map(|it| it.value).filter(|&it| it > 0);
        let of_proxy = |proxy: &crate::config::plan::Proxy| {
            Some(Rate { limit: value(proxy.front.session_rate)?, window: Arc::default() })
        };
        Pace {
            rates: rates.clone(),
            process: Arc::default(),
            tls: Arc::default(),
            frontends: plan.proxies.iter().map(of_proxy).collect(),
            tls_most: value(plan.global.limits.tls_connections).unwrap_or(0),
            tls_count: Arc::default(),
        }
    }

    /// Takes a connection of a frontend, by TLS or not, at a moment of the workers' clock. `None` if it
    /// has to wait; then nothing is counted.
    pub fn take(&self, frontend: usize, tls: bool, now_us: u64) -> Option<Taken> {
        let of_frontend = self.frontends.get(frontend).and_then(Option::as_ref);
        let of_tls = if tls { self.rates.tls.get() } else { 0 };
        let windows = [
            (&self.process, self.rates.accepting()),
            (&self.tls, of_tls),
            of_frontend.map_or((&self.process, 0), |rate| (&rate.window, rate.limit)),
        ];
        let limited = windows.into_iter().filter(|(_, limit)| *limit > 0);
        if !limited.clone().all(|(window, limit)| window.has_room(limit, now_us)) {
            return None;
        }
        let counted = match tls && self.tls_most > 0 {
            true => Some(self.count_tls()?),
            false => None,
        };
        for (window, _) in limited {
            window.current.fetch_add(1, Relaxed);
        }
        Some(Taken { tls: counted })
    }

    /// For the plan that follows: what was counted counts on.
    pub fn succeed(&self, plan: &Plan, heirs: &Succession) -> Pace {
        let mut new = Pace::new(plan, &self.rates);
        (new.process, new.tls) = (self.process.clone(), self.tls.clone());
        for (number, rate) in new.frontends.iter_mut().enumerate() {
            let before = heirs.frontend_before(number).and_then(|it| self.frontends.get(it));
            if let (Some(new), Some(Some(old))) = (rate, before) {
                new.window = old.window.clone();
            }
        }
        new.tls_count = self.tls_count.clone();
        new
    }

    fn count_tls(&self) -> Option<Counted> {
        let up = |count| Some(count + 1).filter(|_| count < self.tls_most);
        self.tls_count.fetch_update(Relaxed, Relaxed, up).ok()?;
        Some(Counted(self.tls_count.clone()))
    }
}

/// So many a second.
#[derive(Debug)]
struct Rate {
    limit: u32,
    window: Arc<Window>,
}

/// What was counted: in this second, and in the one before, of which as much counts as still lies within a
/// second, as HAProxy does it.
#[derive(Debug, Default)]
struct Window {
    began_us: AtomicU64,
    current: AtomicU32,
    previous: AtomicU32,
}

impl Window {
    fn has_room(&self, limit: u32, now_us: u64) -> bool {
        let Window { began_us, current, previous } = self;
        let began = began_us.load(Relaxed);
        let mut gone = now_us.saturating_sub(began);
        if gone >= WINDOW_US && began_us.compare_exchange(began, now_us, Relaxed, Relaxed).is_ok() {
            let last = current.swap(0, Relaxed);
            // Of a second that nobody looked at nothing remains.
            previous.store(if gone < 2 * WINDOW_US { last } else { 0 }, Relaxed);
            gone = 0;
        }
        let previous = u64::from(previous.load(Relaxed));
        let current = u64::from(current.load(Relaxed));
        let before = previous * WINDOW_US.saturating_sub(gone) / WINDOW_US;
        current + before < u64::from(limit)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::plan::Proxy;
    use crate::config::section::Section;
    use crate::config::source::Span;

    fn given(value: u32) -> Option<Given<u32>> {
        Some(Given { value, span: Span::default() })
    }

    fn plan() -> Plan {
        let mut plan = Plan::default();
        for name in ["a", "b"] {
            plan.proxies.push(Proxy::new(Section::Frontend, name.into(), Span::default()));
        }
        plan
    }

    fn of(plan: &Plan) -> Pace {
        Pace::new(plan, &Arc::new(RateLimits::new(&plan.global.limits)))
    }

    fn taken(pace: &Pace, frontend: usize, times: usize, now_us: u64) -> usize {
        (0..times).filter(|_| pace.take(frontend, false, now_us).is_some()).count()
    }

    #[test]
    fn without_limits_all_are_taken() {
        assert_eq!(taken(&of(&plan()), 0, 1000, 5), 1000);
    }

    #[test]
    fn a_frontends_rate_holds_in_every_second() {
        let mut plan = plan();
        plan.proxies[0].front.session_rate = given(10);
        let pace = of(&plan);
        let start = 77 * WINDOW_US;
        assert_eq!(taken(&pace, 0, 50, start), 10);
        assert_eq!(taken(&pace, 1, 50, start), 50);
        assert_eq!(taken(&pace, 0, 50, start + WINDOW_US - 1), 0);
        // Those of the second before leave it one by one.
        assert_eq!(taken(&pace, 0, 50, start + WINDOW_US), 0);
        assert_eq!(taken(&pace, 0, 50, start + 3 * WINDOW_US / 2), 5);
        assert_eq!(taken(&pace, 0, 50, start + 10 * WINDOW_US), 10);
    }

    #[test]
    fn the_process_has_the_lesser_of_its_rates() {
        let mut plan = plan();
        plan.global.limits.connection_rate = given(9);
        plan.global.limits.session_rate = given(4);
        let pace = of(&plan);
        assert_eq!(taken(&pace, 0, 3, WINDOW_US) + taken(&pace, 1, 3, WINDOW_US), 4);
    }

    #[test]
    fn a_command_changes_a_rate_at_once() {
        let plan = plan();
        let pace = of(&plan);
        assert_eq!(taken(&pace, 0, 20, 5), 20);
        pace.rates.sessions.set(3);
        assert_eq!(taken(&pace, 0, 20, WINDOW_US), 3);
        pace.rates.sessions.set(0);
        assert_eq!(taken(&pace, 0, 20, WINDOW_US), 20);
    }

    #[test]
    fn tls_is_limited_by_itself() {
        let mut plan = plan();
        plan.global.limits.tls_connections = given(2);
        let pace = of(&plan);
        let first = pace.take(0, true, 0).unwrap();
        let _second = pace.take(0, true, 0).unwrap();
        assert!(pace.take(0, true, 0).is_none());
        assert!(pace.take(0, false, 0).is_some());
        drop(first);
        assert!(pace.take(0, true, 0).is_some());
        plan.global.limits.tls_connections = None;
        plan.global.limits.tls_rate = given(1);
        let pace = of(&plan);
        assert!(pace.take(0, true, WINDOW_US).is_some());
        assert!(pace.take(0, true, WINDOW_US).is_none());
        assert!(pace.take(0, false, WINDOW_US).is_some());
    }
}
