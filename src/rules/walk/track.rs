//! Entries of stick tables that a connection or a request is counted in.
//!
//! In: `track-sc0`, `sc-inc-gpc0` and their relatives, and what happens to a request. Out: counts in the
//! entries, at once.

use super::Walk;
use crate::config::plan::DataKind::{
    HttpErrCnt, HttpErrRate, HttpFailCnt, HttpFailRate, HttpReqCnt, HttpReqRate,
};
use crate::config::plan::{DataKind, TableId};
use crate::rules::action::Ruleset;
use crate::rules::action::counter::{CounterEdit, Index};
use crate::rules::expr::Expr;
use crate::rules::table::{self, Counter};
use crate::stick::{Level, Tracked};

const REQUESTS: &[DataKind] = &[HttpReqCnt, HttpReqRate];
const ERRORS: &[DataKind] = &[HttpErrCnt, HttpErrRate];
const FAILURES: &[DataKind] = &[HttpFailCnt, HttpFailRate];

impl Walk<'_> {
    /// Does what a rule says; in words, for an explanation.
    pub(super) fn count_in(&mut self, edit: &CounterEdit) -> String {
        let done = match edit {
            CounterEdit::Track { counter, key, table } => self.track(*counter, key, *table),
            CounterEdit::Add { counter, index, amount } => {
                let by = self.amount(amount).and_then(|it| u64::try_from(it).ok());
                let (which, element) = match *index {
                    Index::Old(number) => (Counter::Old(number), 0),
                    Index::Array(number) => (Counter::Element, number.into()),
                };
                by.and_then(|by| {
                    table::add_to_tracked(&self.context(), *counter, which, element, by)
                })
            }
            CounterEdit::Tag { counter, index, amount } => {
                let tag = self.amount(amount).and_then(|it| u64::try_from(it).ok());
                let element = match *index {
                    Index::Old(_) => None,
                    Index::Array(number) => Some(number.into()),
                };
                let low = |tag: u64| tag & u64::from(u32::MAX);
                tag.and_then(|tag| table::tag_tracked(&self.context(), *counter, element, low(tag)))
            }
        };
        let (CounterEdit::Track { counter, .. }
        | CounterEdit::Add { counter, .. }
        | CounterEdit::Tag { counter, .. }) = edit;
        match (edit, done) {
            (CounterEdit::Track { .. }, Some(())) => format!("tracked as sc{counter}"),
            (CounterEdit::Track { .. }, None) => format!("sc{counter} tracks nothing more"),
            (_, Some(())) => format!("counted in what sc{counter} tracks"),
            (_, None) => format!("nothing is counted: sc{counter} tracks nothing that stores it"),
        }
    }

    /// A place that is taken stays as it is; no key, or a table that is full: nothing is tracked.
    fn track(&mut self, counter: u8, key: &Expr, id: TableId) -> Option<()> {
        let ruleset = self.effects.ruleset?;
        let level = match ruleset {
            Ruleset::TcpConnection | Ruleset::TcpSession => Level::Connection,
            _ => Level::Exchange,
        };
        let tracks = self.variables.tracks();
        if tracks.is_taken(counter.into(), level) {
            return None;
        }
        let (table, now_ms) = (self.tables.get(id)?, self.tables.now_ms());
        let key = table::key(table.kind(), key.last(&self.context())?)?;
        let tracked = Tracked::begin(self.tables, table, &key)?;
        if ruleset.is_http() {
            // The request was counted before in those that were tracked then.
            tracked.count(REQUESTS, 1, now_ms);
        }
        if ruleset == Ruleset::HttpResponse {
            let (error, failure) = self.blame();
            tracked.count(ERRORS, error.into(), now_ms);
            tracked.count(FAILURES, failure.into(), now_ms);
        }
        tracks.set(counter.into(), level, tracked);
        Some(())
    }

    fn note(&self, kinds: &[DataKind]) {
        let tracks = self.variables.tracks();
        if !tracks.is_empty() {
            tracks.count(kinds, 1, self.tables.now_ms());
        }
    }

    /// A request is there.
    pub(super) fn count_request(&self) {
        if self.request.is_some() {
            self.note(REQUESTS);
        }
    }

    /// A request did not come whole, or was `wrong`.
    pub fn count_unread(&self, wrong: bool) {
        self.note(REQUESTS);
        if wrong {
            self.note(ERRORS);
        }
    }

    /// A rule refuses the request.
    pub(super) fn count_refusal(&self) {
        if self.request.is_some() {
            self.note(ERRORS);
        }
    }

    /// A server's answer tells whose fault something is.
    pub(super) fn count_status(&self) {
        let (error, failure) = match self.variables.tracks().is_empty() {
            true => return,
            false => self.blame(),
        };
        if error {
            self.note(ERRORS);
        }
        if failure {
            self.note(FAILURES);
        }
    }

    /// A server gave no answer that could be passed on.
    pub fn count_failure(&self) {
        self.note(FAILURES);
    }

    /// Whether the server's status is an error of the client, and whether a failure of the server.
    fn blame(&self) -> (bool, bool) {
        let global = &self.plan.global;
        self.exchange.server_status.map_or((false, false), |status| {
            let error = matches!(status, 400..=499);
            // Clients can cause these two.
            let failure = matches!(status, 500..=599) && !matches!(status, 501 | 505);
            (global.error_codes.has(status, error), global.fail_codes.has(status, failure))
        })
    }
}
