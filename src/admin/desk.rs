//! The desk: answers requests that are about Koi itself.
//!
//! In: a request that rules let through to the statistics page or to `use-service`. Out: the page, CSV,
//! JSON, metrics, made row by row while they are sent.

use std::sync::Arc;

use super::info::Process;
use super::query::{self, Form, Query};
use super::rows::{Cursor, Sight};
use super::table::{Column, Kind, Row};
use super::{csv, json};
use crate::balance::Live;
use crate::config::plan::{Plan, StatsPage};
use crate::exchange::server::Destinations;
use crate::exchange::service::{Call, Pieces, Reply, Service, Subject};
use crate::exchange::site::Site;
use crate::ledger::Ledger;
use crate::rules::answer::Answer;
use crate::rules::walk::page::DEFAULT_URI;

/// Who answers.
#[derive(Debug)]
pub struct Desk {
    process: Process,
}

impl Desk {
    /// In this process.
    pub fn new(process: Process) -> Desk {
        Desk { process }
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// What is looked at, held as long as an answer is made.
#[derive(Clone)]
pub(super) struct Held {
    plan: Arc<Plan>,
    live: Arc<Live>,
    ledger: Arc<Ledger>,
    destinations: Arc<Destinations>,
    unix_us: u64,
}

impl Held {
    fn new(site: &Site) -> Held {
        Held {
            plan: site.plan.clone(),
            live: site.live.clone(),
            ledger: site.ledger.ledger().clone(),
            destinations: site.servers.destinations().clone(),
            unix_us: site.unix_us(site.local.now()),
        }
    }

    pub(super) fn sight(&self) -> Sight<'_> {
        Sight {
            plan: &self.plan,
            live: &self.live,
            ledger: &self.ledger,
            destinations: &self.destinations,
            unix_us: self.unix_us,
        }
    }
}

/// A page that is asked for.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) held: Held,
    /// The proxy that has it.
    pub(super) proxy: usize,
    pub(super) query: Query,
}

impl Wanted {
    pub(super) fn page(&self) -> Option<&StatsPage> {
        self.held.plan.proxies.get(self.proxy)?.settings.stats.as_ref()
    }

    /// Whether a proxy is shown.
    pub(super) fn shows_proxy(&self, proxy: usize) -> bool {
        let name = |at: usize| self.held.plan.proxies.get(at).map(|it| &*it.name);
        match (self.page(), name(self.proxy), name(proxy)) {
            (Some(page), Some(own), Some(name)) => query::shows(page, &self.query, own, name),
            _ => false,
        }
    }

    /// Whether a row of such a proxy is.
    pub(super) fn shows_row(&self, row: &Row) -> bool {
        let status = row.text(Column::Status);
        let hidden = (self.query.up && status.starts_with("DOWN"))
            || (self.query.no_maint && status.starts_with("MAINT"));
        row.kind != Kind::Server || !hidden
    }
}

impl Service for Desk {
    fn answer(&self, call: &Call<'_>) -> Reply {
        match call.subject {
            Subject::Named(_) => plain(404, "text/plain", ""),
            Subject::Page { proxy, .. } => self.page(call, proxy),
        }
    }
}

/// An answer that is short.
pub(super) fn plain(status: u16, kind: &str, body: &str) -> Reply {
    let fields: &[(&[u8], &[u8])] =
        &[(b"Cache-Control", b"no-cache"), (b"Content-Type", kind.as_bytes())];
    Answer::new(status, fields, body.as_bytes()).into()
}

/// One whose body is made while it is sent.
pub(super) fn streamed(kind: &str, pieces: impl Pieces + 'static) -> Reply {
    Reply { pieces: Some(Box::new(pieces)), ..plain(200, kind, "") }
}

impl Desk {
    fn page(&self, call: &Call<'_>, proxy: usize) -> Reply {
        let held = Held::new(call.site);
        let uri = call.site.plan.proxies.get(proxy).and_then(|it| it.settings.stats.as_ref());
        let uri = uri.and_then(|it| it.uri.as_ref()).map_or(DEFAULT_URI, |it| &it.value);
        let target = call.head.target();
        let rest = target
            .windows(uri.len().max(1))
            .position(|it| it == uri.as_bytes())
            .and_then(|at| target.get(at + uri.len()..));
        let wanted = Wanted { held, proxy, query: Query::parse(rest.unwrap_or_default()) };
        let form = wanted.query.form;
        let rows = Rows { wanted, form, cursor: Cursor::default(), begun: false };
        match form {
            Form::Json => streamed("application/json", rows),
            _ => streamed("text/plain", rows),
        }
    }
}

/// Rows as text.
struct Rows {
    wanted: Wanted,
    form: Form,
    cursor: Cursor,
    begun: bool,
}

impl Rows {
    /// The next row that is shown.
    fn next_row(&mut self) -> Option<Row> {
        loop {
            let row = self.cursor.next(&self.wanted.held.sight())?;
            if self.wanted.shows_proxy(row.proxy) && self.wanted.shows_row(&row) {
                return Some(row);
            }
        }
    }
}

impl Pieces for Rows {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let mut text = String::new();
        let first = !std::mem::replace(&mut self.begun, true);
        if first && self.form == Form::Csv {
            csv::header(&mut text);
        }
        let row = self.next_row();
        match (self.form, &row) {
            (Form::Json, Some(row)) => {
                text.push(if first { '[' } else { ',' });
                json::row(row, &mut text);
            }
            (Form::Json, None) => text.push_str(if first { "[]" } else { "]" }),
            (Form::Typed, Some(row)) => csv::typed(row, false, &mut text),
            (_, Some(row)) => csv::row(row, &mut text),
            (_, None) => {}
        }
        out.extend_from_slice(text.as_bytes());
        row.is_some()
    }
}
