//! The figures as they are shown: current, highest, limits.
//!
//! In: the running counts. Out: numbers by themselves, each exact, read one after the other.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::{Back, Front, Live, WINDOW_US};
use crate::balance::figures::{Rated, heighten};

/// What a frontend has going.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrontFigures {
    /// Connections.
    pub connections: u32,
    /// The most at a time.
    pub connections_peak: u32,
    /// How many there may be; 0 is no limit of its own.
    pub limit: u32,
    /// Connections in the last second.
    pub rate: u32,
    /// The most in a second.
    pub rate_peak: u32,
    /// Requests in the last second.
    pub request_rate: u32,
    /// The most in a second.
    pub request_rate_peak: u32,
}

/// What a backend has going.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackFigures {
    /// Requests or connections.
    pub requests: u32,
    /// The most at a time.
    pub requests_peak: u32,
    /// Those that wait for any server.
    pub waiting: u32,
    /// The most at a time.
    pub waiting_peak: u32,
    /// Those that came in the last second.
    pub rate: u32,
    /// The most in a second.
    pub rate_peak: u32,
}

/// What the process has going.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessFigures {
    /// Connections of clients.
    pub connections: u32,
    /// The most at a time.
    pub connections_peak: u32,
    /// How many there may be; 0 is no limit.
    pub limit: u32,
    /// Connections in the last second.
    pub rate: u32,
    /// The most in a second.
    pub rate_peak: u32,
}

impl Live {
    /// Of a frontend.
    pub fn front_figures(&self, frontend: usize) -> Option<FrontFigures> {
        let Front { connections, accepted, requests, .. } = &self.proxies.get(frontend)?.front.0;
        let ((rate, rate_peak), (request_rate, request_rate_peak)) =
            (self.rates(accepted), self.rates(requests));
        Some(FrontFigures {
            connections: connections.current(),
            connections_peak: connections.peak().load(Relaxed),
            limit: connections.limit(),
            rate,
            rate_peak,
            request_rate,
            request_rate_peak,
        })
    }

    /// Of a bind: connections, the most at a time, how many there may be (0 is no limit of its own).
    pub fn bind_figures(&self, frontend: usize, bind: usize) -> Option<(u32, u32, u32)> {
        let gauge = &self.proxies.get(frontend)?.binds.get(bind)?.0;
        Some((gauge.current(), gauge.peak().load(Relaxed), gauge.limit()))
    }

    /// Of a backend.
    pub fn back_figures(&self, backend: usize) -> Option<BackFigures> {
        let Back { requests, reached, waiting, waiting_peak, .. } =
            &self.proxies.get(backend)?.back.0;
        let (rate, rate_peak) = self.rates(reached);
        Some(BackFigures {
            requests: requests.current(),
            requests_peak: requests.peak().load(Relaxed),
            waiting: waiting.load(Relaxed),
            waiting_peak: waiting_peak.load(Relaxed),
            rate,
            rate_peak,
        })
    }

    /// Requests from which on a backend is fully loaded (`fullconn`).
    pub fn full_load(&self, backend: usize) -> u32 {
        self.proxies.get(backend).map_or(0, |proxy| proxy.full_load)
    }

    /// Of a server: requests in the last second, and the most in a second.
    pub fn server_rates(&self, backend: usize, server: usize) -> Option<(u32, u32)> {
        Some(self.rates(&self.server(backend, server)?.requests))
    }

    /// Of the process.
    pub fn process_figures(&self) -> ProcessFigures {
        let gauge = &self.process.0;
        let rates = self.proxies.iter().map(|proxy| self.rates(&proxy.front.0.accepted).0);
        let rate = rates.fold(0, u32::saturating_add);
        ProcessFigures {
            connections: gauge.current(),
            connections_peak: gauge.peak().load(Relaxed),
            limit: gauge.limit(),
            rate,
            rate_peak: self.rate_peak.load(Relaxed).max(rate),
        }
    }

    /// Somebody began to wait for a server, or for any.
    pub(crate) fn note_waiting(&self, backend: usize, server: Option<usize>) {
        if let Some(server) = server {
            self.server(backend, server).into_iter().for_each(|figures| figures.note_waiting());
        } else if let Some(proxy) = self.proxies.get(backend) {
            heighten(&proxy.back.0.waiting_peak, proxy.back.0.waiting.load(Relaxed));
        }
    }

    /// A window of the rates is over.
    pub(super) fn note_rate(&self) {
        let rates = self.proxies.iter().map(|proxy| proxy.front.0.accepted.last_window());
        heighten(&self.rate_peak, rates.fold(0, u32::saturating_add));
    }

    /// Forgets all maxima (`clear counters`).
    pub fn clear_peaks(&self) {
        let clear = |peak: &AtomicU32| peak.store(0, Relaxed);
        clear(self.process.0.peak());
        clear(&self.rate_peak);
        for proxy in &self.proxies {
            let (Front { connections, accepted, requests, .. }, back) =
                (&proxy.front.0, &proxy.back.0);
            [connections.peak(), accepted.peak(), requests.peak()].into_iter().for_each(clear);
            [back.requests.peak(), back.reached.peak(), &back.waiting_peak]
                .into_iter()
                .for_each(clear);
            proxy.binds.iter().for_each(|gauge| clear(gauge.0.peak()));
            proxy.servers.iter().for_each(|server| server.clear_peaks());
        }
    }

    /// Events in the last second, and the most in a second.
    fn rates(&self, rated: &Rated) -> (u32, u32) {
        let gone = self.elapsed_us().saturating_sub(self.window.load(Relaxed));
        let rate = rated.rate(gone.min(WINDOW_US));
        let rate = u32::try_from(rate).unwrap_or(u32::MAX);
        (rate, rated.peak().load(Relaxed).max(rate))
    }
}
