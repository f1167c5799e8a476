//! How fast connections are taken: `maxconnrate`, `maxsessrate`, `maxsslrate`, `rate-limit sessions`,
//! and how many speak TLS: `maxsslconn`.
//!
//! In: the plan; a moment. Out: whether one connection more may be taken now. Shared by the workers;
//! each limit is a few relaxed atomics, so it may be passed by as many as there are workers. What is not
//! limited costs nothing. Sessions are counted as connections, before rules could refuse them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::config::plan::{Given, Plan};
use crate::config::succession::Succession;

/// A second, in microseconds: the time that rates are about.
const WINDOW_US: u64 = 1_000_000;

/// The limits of a plan.
#[derive(Debug)]
pub struct Pace {
    process: Option<Rate>,
    tls: Option<Rate>,
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
    /// As the plan says.
    pub fn new(plan: &Plan) -> Pace {
        let limits = &plan.global.limits;
        let value = |limit: Option<Given<u32>>| limit.map(|it| it.value).filter(|&it| it > 0);
        let connections = value(limits.connection_rate);
        let sessions = value(limits.session_rate);
        let least = connections.into_iter().chain(sessions).min();
        let of_proxy = |proxy: &crate::config::plan::Proxy| value(proxy.front.session_rate);
        Pace {
            process: least.map(Rate::new),
            tls: value(limits.tls_rate).map(Rate::new),
            frontends: plan.proxies.iter().map(|proxy| of_proxy(proxy).map(Rate::new)).collect(),
            tls_most: value(limits.tls_connections).unwrap_or(0),
            tls_count: Arc::default(),
        }
    }

    /// Takes a connection of a frontend, by TLS or not, at a moment of the workers' clock. `None` if it
    /// has to wait; then nothing is counted.
    pub fn take(&self, frontend: usize, tls: bool, now_us: u64) -> Option<Taken> {
        let of_frontend = self.frontends.get(frontend).and_then(Option::as_ref);
        let of_tls = self.tls.as_ref().filter(|_| tls);
        let rates = [self.process.as_ref(), of_frontend, of_tls];
        if !rates.iter().flatten().all(|rate| rate.has_room(now_us)) {
            return None;
        }
        let counted = match tls && self.tls_most > 0 {
            true => Some(self.count_tls()?),
            false => None,
        };
        for rate in rates.iter().flatten() {
            rate.window.current.fetch_add(1, Relaxed);
        }
        Some(Taken { tls: counted })
    }

    /// For the plan that follows: what was counted counts on.
    pub fn succeed(&self, plan: &Plan, heirs: &Succession) -> Pace {
        let mut new = Pace::new(plan);
        let share = |new: &mut Option<Rate>, old: Option<&Rate>| {
            if let (Some(new), Some(old)) = (new, old) {
                new.window = old.window.clone();
            }
        };
        share(&mut new.process, self.process.as_ref());
        share(&mut new.tls, self.tls.as_ref());
        for (number, rate) in new.frontends.iter_mut().enumerate() {
            let before = heirs.frontend_before(number).and_then(|it| self.frontends.get(it));
            share(rate, before.and_then(Option::as_ref));
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

/// So many a second: those of this second, and of the one before as much as still lies within a
/// second, as HAProxy counts.
#[derive(Debug)]
struct Rate {
    limit: u32,
    window: Arc<Window>,
}

/// What was counted.
#[derive(Debug, Default)]
struct Window {
    began_us: AtomicU64,
    current: AtomicU32,
    previous: AtomicU32,
}

impl Rate {
    fn new(limit: u32) -> Rate {
        Rate { limit, window: Arc::default() }
    }

    fn has_room(&self, now_us: u64) -> bool {
        let Window { began_us, current, previous } = &*self.window;
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
        current + before < u64::from(self.limit)
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

    fn taken(pace: &Pace, frontend: usize, times: usize, now_us: u64) -> usize {
        (0..times).filter(|_| pace.take(frontend, false, now_us).is_some()).count()
    }

    #[test]
    fn without_limits_all_are_taken() {
        assert_eq!(taken(&Pace::new(&plan()), 0, 1000, 5), 1000);
    }

    #[test]
    fn a_frontends_rate_holds_in_every_second() {
        let mut plan = plan();
        plan.proxies[0].front.session_rate = given(10);
        let pace = Pace::new(&plan);
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
        let pace = Pace::new(&plan);
        assert_eq!(taken(&pace, 0, 3, WINDOW_US) + taken(&pace, 1, 3, WINDOW_US), 4);
    }

    #[test]
    fn tls_is_limited_by_itself() {
        let mut plan = plan();
        plan.global.limits.tls_connections = given(2);
        let pace = Pace::new(&plan);
        let first = pace.take(0, true, 0).unwrap();
        let _second = pace.take(0, true, 0).unwrap();
        assert!(pace.take(0, true, 0).is_none());
        assert!(pace.take(0, false, 0).is_some());
        drop(first);
        assert!(pace.take(0, true, 0).is_some());
        plan.global.limits.tls_connections = None;
        plan.global.limits.tls_rate = given(1);
        let pace = Pace::new(&plan);
        assert!(pace.take(0, true, WINDOW_US).is_some());
        assert!(pace.take(0, true, WINDOW_US).is_none());
        assert!(pace.take(0, false, WINDOW_US).is_some());
    }
}
