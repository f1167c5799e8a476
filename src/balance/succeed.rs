//! The figures of a plan that follows another: a reload counts on.
//!
//! In: the figures so far, both plans. Out: figures for the new one, which share with the old ones
//! whatever lives on: connections of both plans count together, states and weights stay. What the
//! configuration says otherwise than before holds from now on, for both.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Gauge, Live, Padded, ProxyFigures};
use crate::config::plan::Plan;
use crate::config::succession::Succession;

impl Live {
    /// For the plan that follows `old_plan`, whose figures these are; and what is to be said of tables
    /// whose entries are forgotten.
    pub fn succeed(&self, old_plan: &Plan, plan: &Plan, heirs: &Succession) -> (Live, Vec<String>) {
        let fresh = Live::since(plan, self.origin);
        // Before anything is taken over: what somebody does by the old plan must not undo it.
        *self.superseded.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.process.0.take_limit(&fresh.process.0);
        self.rates.follow(&plan.global.limits);
        let mut proxies = Vec::with_capacity(fresh.proxies.len());
        let mut changed = Vec::new();
        for (number, figures) in fresh.proxies.into_iter().enumerate() {
            let figures = self.share_front(number, figures, heirs);
            proxies.push(self.share_back(number, figures, (old_plan, plan), heirs, &mut changed));
        }
        let (tables, forgotten) = self.tables.succeed(plan);
        let live = Live {
            process: self.process.clone(),
            proxies: proxies.into(),
            stopping: self.stopping.clone(),
            origin: self.origin,
            window: self.window.clone(),
            tables: Arc::new(tables),
            tracking: fresh.tracking,
            superseded: Mutex::default(),
            changed,
            rate_peak: self.rate_peak.clone(),
            rates: self.rates.clone(),
        };
        (live, forgotten)
    }

    /// The frontend's side. Limits that are new hold, those that were set at run time stay where the
    /// configuration says the same as before.
    fn share_front(
        &self,
        number: usize,
        mut figures: ProxyFigures,
        heirs: &Succession,
    ) -> ProxyFigures {
        let Some(before) = heirs.frontend_before(number) else { return figures };
        let Some(old) = self.proxies.get(before) else { return figures };
        old.front.0.connections.take_limit(&figures.front.0.connections);
        figures.front = old.front.clone();
        for (place, gauge) in old.binds.iter().enumerate() {
            let heir = heirs.bind(before, place);
            if let Some(new) = heir.and_then(|place| figures.binds.get_mut(place)) {
                follow(new, gauge);
            }
        }
        figures
    }

    /// The backend's side, with its servers.
    fn share_back(
        &self,
        number: usize,
        mut figures: ProxyFigures,
        (old_plan, plan): (&Plan, &Plan),
        heirs: &Succession,
        changed: &mut Vec<(usize, usize)>,
    ) -> ProxyFigures {
        let Some(old) = heirs.backend_before(number).and_then(|it| self.proxies.get(it)) else {
            return figures;
        };
        figures.back = old.back.clone();
        let of_plan = |plan: &Plan, (proxy, server): (usize, usize)| {
            plan.proxies.get(proxy)?.servers.get(server).cloned()
        };
        for (place, new) in figures.servers.iter_mut().enumerate() {
            let Some(before) = heirs.server_before(number, place) else { continue };
            let said = of_plan(old_plan, before).zip(of_plan(plan, (number, place)));
            let (Some(same), Some((was, is))) = (old.servers.get(before.1), said) else { continue };
            if same.follow(&was, &is) {
                changed.push((number, place));
            }
            *new = same.clone();
        }
        figures.back.0.generation.fetch_add(1, Ordering::Release);
        let up = || figures.servers.is_empty() || figures.has_usable();
        figures.back.0.outage.note(up, self.elapsed_us());
        figures
    }
}

fn follow(new: &mut Arc<Padded<Gauge>>, old: &Arc<Padded<Gauge>>) {
    old.0.take_limit(&new.0);
    *new = old.clone();
}
