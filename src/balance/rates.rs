//! How many connections, sessions and TLS handshakes the process takes in a second: limits that a command
//! may change (`set rate-limit`).
//!
//! In: the plan, commands. Out: limits. Who accepts connections counts against them.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::config::plan::{Given, Limits};

/// One of them; 0 is none.
#[derive(Debug, Default)]
pub struct RateLimit {
    now: AtomicU32,
    /// What the configuration says.
    said: AtomicU32,
}

impl RateLimit {
    fn new(said: Option<Given<u32>>) -> RateLimit {
        let said = said.map_or(0, |it| it.value);
        RateLimit { now: AtomicU32::new(said), said: AtomicU32::new(said) }
    }

    /// What holds.
    pub fn get(&self) -> u32 {
        self.now.load(Relaxed)
    }

    /// From now on.
    pub fn set(&self, limit: u32) {
        self.now.store(limit, Relaxed);
    }

    /// The configuration was read again: what it says otherwise than before holds.
    fn follow(&self, said: Option<Given<u32>>) {
        let said = said.map_or(0, |it| it.value);
        if self.said.swap(said, Relaxed) != said {
            self.set(said);
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct RateLimits {
    /// `maxconnrate`.
    pub connections: RateLimit,
    /// `maxsessrate`.
    pub sessions: RateLimit,
    /// `maxsslrate`.
    pub tls: RateLimit,
}

impl RateLimits {
    /// As the plan says.
    pub fn new(limits: &Limits) -> RateLimits {
        RateLimits {
            connections: RateLimit::new(limits.connection_rate),
            sessions: RateLimit::new(limits.session_rate),
            tls: RateLimit::new(limits.tls_rate),
        }
    }

    /// The plan is another one.
    pub fn follow(&self, limits: &Limits) {
        self.connections.follow(limits.connection_rate);
        self.sessions.follow(limits.session_rate);
        self.tls.follow(limits.tls_rate);
    }

    /// The lesser of the limits of connections and sessions, which are the same thing here; 0 is none.
    pub fn accepting(&self) -> u32 {
        match (self.connections.get(), self.sessions.get()) {
            (0, limit) | (limit, 0) => limit,
            (one, other) => one.min(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::source::Span;

    fn limits(connections: u32) -> Limits {
        let given = Given { value: connections, span: Span::default() };
        Limits { connection_rate: Some(given), ..Limits::default() }
    }

    #[test]
    fn what_a_command_said_holds_until_the_configuration_changes() {
        let rates = RateLimits::new(&limits(9));
        assert_eq!(rates.accepting(), 9);
        rates.sessions.set(4);
        assert_eq!(rates.accepting(), 4);
        rates.connections.set(3);
        rates.follow(&limits(9));
        assert_eq!(rates.accepting(), 3);
        rates.follow(&limits(8));
        assert_eq!((rates.connections.get(), rates.accepting()), (8, 4));
        rates.sessions.set(0);
        assert_eq!(rates.accepting(), 8);
    }
}
