//! The desk: answers requests that are about Koi itself.
//!
//! In: a request that rules let through to the statistics page or to `use-service`. Out: the page, CSV,
//! JSON, metrics, made row by row while they are sent.

use std::sync::Arc;

use super::info::Process;
use super::page::action::{self, Outcome};
use super::page::token::{self, Secret};
use super::page::{self, Figures, Page};
use super::prometheus::{self, Filter, Metrics};
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
use crate::rules::target::Target;
use crate::rules::walk::page::DEFAULT_URI;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Who answers.
#[derive(Debug)]
pub struct Desk {
    process: Process,
    /// What tokens of forms are made with.
    secret: Option<Secret>,
}

impl Desk {
    /// In this process.
    pub fn new(process: Process) -> Desk {
        Desk { process, secret: Secret::new() }
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

    /// Where the page is.
    pub(super) fn uri(&self) -> &str {
        let uri = self.page().and_then(|page| page.uri.as_ref());
        uri.map_or(DEFAULT_URI, |it| &it.value)
    }

    /// What links of the page keep of the query.
    pub(super) fn suffix(&self) -> String {
        let mut suffix = String::new();
        if let Some(scope) = &self.query.scope {
            let scope = utf8_percent_encode(scope, NON_ALPHANUMERIC);
            suffix.push_str(&format!(";scope={scope}"));
        }
        suffix
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
            Subject::Named(_) => {
                let query = Target::of(call.head.target()).query().unwrap_or_default();
                self.metrics(Held::new(call.site), Filter::parse(query))
            }
            Subject::Page { proxy, admin } => self.page(call, proxy, admin),
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
    fn metrics(&self, held: Held, filter: Filter) -> Reply {
        streamed(prometheus::TYPE, Metrics::new(held, self.process.clone(), filter))
    }

    fn page(&self, call: &Call<'_>, proxy: usize, admin: bool) -> Reply {
        let held = Held::new(call.site);
        let mut wanted = Wanted { held, proxy, query: Query::default() };
        wanted.query = Query::parse(behind(call.head.target(), wanted.uri().as_bytes()));
        if call.head.method() == b"POST" {
            let outcome = self.change(call, &wanted, admin);
            let location = format!("{};st={}{}", wanted.uri(), outcome.word(), wanted.suffix());
            let fields: &[(&[u8], &[u8])] =
                &[(b"Cache-Control", b"no-cache"), (b"Location", location.as_bytes())];
            return Answer::new(303, fields, []).into();
        }
        let process = self.process.clone();
        match wanted.query.form {
            Form::Script => file("text/javascript; charset=utf-8", page::SCRIPT),
            Form::Style => file("text/css; charset=utf-8", page::STYLE),
            Form::Metrics => self.metrics(wanted.held, Filter::default()),
            Form::Figures => streamed("application/json", Figures::new(wanted, process)),
            Form::Json => streamed("application/json", Rows::new(wanted)),
            Form::Csv | Form::Typed => streamed("text/plain; charset=utf-8", Rows::new(wanted)),
            Form::Page => {
                let secret = self.secret.as_ref().filter(|_| admin);
                let token = secret.map(|it| it.token(proxy, wanted.held.unix_us));
                html(streamed("text/html; charset=utf-8", Page::new(wanted, process, token)))
            }
        }
    }

    /// A form of the page.
    fn change(&self, call: &Call<'_>, wanted: &Wanted, admin: bool) -> Outcome {
        let form = action::Form::parse(call.body);
        let holds = |it: &Secret| it.holds(&form.token, wanted.proxy, wanted.held.unix_us);
        let ours = self.secret.as_ref().is_some_and(holds) && token::is_same_origin(call.head);
        match admin && ours {
            true => action::apply(call.site, &form, |proxy| wanted.shows_proxy(proxy)),
            false => Outcome::Denied,
        }
    }
}

/// What stands behind the page's URI in a target.
fn behind<'t>(target: &'t [u8], uri: &[u8]) -> &'t [u8] {
    let whole = Target::of(target);
    let target = if uri.starts_with(b"/") { whole.path_and_query() } else { target };
    target.get(uri.len()..).unwrap_or_default()
}

/// A file that changes with the version only.
fn file(kind: &str, content: &str) -> Reply {
    let fields: &[(&[u8], &[u8])] =
        &[(b"Cache-Control", b"private, max-age=3600"), (b"Content-Type", kind.as_bytes())];
    Answer::new(200, fields, content.as_bytes()).into()
}

/// What browsers are told about the page.
fn html(mut reply: Reply) -> Reply {
    let head = &mut reply.answer.head;
    head.append(b"Content-Security-Policy", page::POLICY.as_bytes());
    head.append(b"X-Content-Type-Options", b"nosniff");
    // Not `no-referrer`: with that, forms would come from the origin `null`.
    head.append(b"Referrer-Policy", b"same-origin");
    reply
}

/// What only `stats show-legends` shows.
const LEGENDS: &[Column] = &[Column::Address, Column::Cookie, Column::Algorithm];

/// Rows as text.
struct Rows {
    wanted: Wanted,
    cursor: Cursor,
    begun: bool,
}

impl Rows {
    fn new(wanted: Wanted) -> Rows {
        Rows { wanted, cursor: Cursor::default(), begun: false }
    }

    /// The next row that is shown.
    fn next_row(&mut self) -> Option<Row> {
        loop {
            let mut row = self.cursor.next(&self.wanted.held.sight())?;
            if self.wanted.shows_proxy(row.proxy) && self.wanted.shows_row(&row) {
                // As in HAProxy: who may not see legends does not learn where servers are.
                if !self.wanted.page().is_some_and(|page| page.show_legends) {
                    LEGENDS.iter().for_each(|&column| row.clear(column));
                }
                return Some(row);
            }
        }
    }
}

impl Pieces for Rows {
    fn next(&mut self, out: &mut Vec<u8>) -> bool {
        let mut text = String::new();
        let first = !std::mem::replace(&mut self.begun, true);
        if first && self.wanted.query.form == Form::Csv {
            csv::header(&mut text);
        }
        let row = self.next_row();
        match (self.wanted.query.form, &row) {
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
