//! What an exchange that ended adds to the ledger.
//!
//! In: the exchange, and where it went. Out: cells added to. What counts as what is HAProxy's
//! (configuration.txt §8.5, management.txt §9.1).

use super::sheet::{Count, Span, Writer};
use super::{Clerk, Sheets};
use crate::rules::context::Exchange;
use crate::rules::ending::{Cause, Ending, Stage, Times};

/// An exchange that ended.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The frontend.
    pub frontend: usize,
    /// The bind, its place in the frontend.
    pub bind: usize,
    /// The backend, if one was chosen.
    pub backend: Option<usize>,
    /// The server, if one was chosen: its place in the backend.
    pub server: Option<usize>,
    /// Whether it is one of HTTP.
    pub http: bool,
    /// The exchange.
    pub exchange: &'a Exchange,
}

impl Clerk {
    #[inline]
    fn row<'a>(&self, sheets: Option<&'a Sheets>) -> Option<Writer<'a>> {
        sheets?.row(self.worker)
    }

    /// An exchange ended.
    pub fn note(&self, entry: &Entry<'_>) {
        let Entry { frontend, bind, backend, server, http, exchange } = *entry;
        let normal = exchange.ending.is_normal();
        let status = |status: Option<u16>| match status.unwrap_or(0) / 100 {
            1 => Count::Status1,
            2 => Count::Status2,
            3 => Count::Status3,
            4 => Count::Status4,
            5 => Count::Status5,
            _ => Count::StatusOther,
        };
        let client_got = status(exchange.status);
        let fronts =
            [self.row(self.ledger.front(frontend)), self.row(self.ledger.bind(frontend, bind))];
        for row in fronts.into_iter().flatten() {
            add_bytes(row, exchange);
            if http {
                row.add(client_got, 1);
                row.add(Count::Requests, 1);
            }
            if !normal || exchange.denied {
                add_front_faults(row, exchange);
            }
        }
        if exchange.ending.cause == Cause::Local
            && backend.is_none_or(|it| it == frontend)
            && let Some(row) = self.row(self.ledger.front(frontend))
        {
            row.add(Count::Intercepted, 1);
        }
        let Some(backend) = backend else { return };
        let back = self.row(self.ledger.back(backend));
        let server = server.and_then(|server| self.row(self.ledger.server(backend, server)));
        if let Some(row) = back {
            add_bytes(row, exchange);
            if http {
                row.add(client_got, 1);
                row.add(Count::Requests, 1);
            }
        }
        if let Some(row) = server {
            add_bytes(row, exchange);
            if http && exchange.server_status.is_some() {
                row.add(status(exchange.server_status), 1);
                row.add(Count::Requests, 1);
            }
        }
        if exchange.times.connected.is_some() {
            let spans = spans_us(&exchange.times);
            back.into_iter().chain(server).for_each(|row| row.time(spans));
        }
        if !normal || exchange.denied || exchange.retries > 0 || exchange.redispatched {
            back.into_iter().for_each(|row| add_back_faults(row, exchange, true));
            server.into_iter().for_each(|row| add_back_faults(row, exchange, false));
        }
    }
}

#[inline]
fn add_bytes(row: Writer<'_>, exchange: &Exchange) {
    row.add(Count::BytesIn, exchange.bytes_in);
    row.add(Count::BytesOut, exchange.bytes_out);
}

/// What the side of the clients counts of what went wrong.
fn add_front_faults(row: Writer<'_>, exchange: &Exchange) {
    let Ending { cause, stage } = exchange.ending;
    if exchange.denied {
        row.add(denied(stage), 1);
    } else if matches!(cause, Cause::Resource | Cause::Internal) {
        row.add(Count::InternalErrors, 1);
    } else if stage == Stage::Request {
        row.add(Count::RequestErrors, 1);
    }
    if let Some(count) = abort(exchange.ending) {
        row.add(count, 1);
    }
}

/// What the side of the servers counts of it; `whole` is the backend, otherwise it is the server.
fn add_back_faults(row: Writer<'_>, exchange: &Exchange, whole: bool) {
    let Ending { cause, stage } = exchange.ending;
    row.add(Count::Retries, u64::try_from(exchange.retries).unwrap_or(0));
    row.add(Count::Redispatches, u64::from(exchange.redispatched));
    if exchange.denied {
        if whole || stage != Stage::Request {
            row.add(denied(stage), 1);
        }
        return;
    }
    let count = match (cause, stage) {
        (Cause::Resource | Cause::Internal, _) => Some(Count::InternalErrors),
        (Cause::Server | Cause::ServerTimeout, Stage::Connect | Stage::Queue) => {
            Some(Count::ConnectErrors)
        }
        (Cause::Server | Cause::ServerTimeout | Cause::Proxy, Stage::Headers) => {
            Some(Count::ResponseErrors)
        }
        _ => abort(exchange.ending),
    };
    if let Some(count) = count {
        row.add(count, 1);
    }
}

fn denied(stage: Stage) -> Count {
    match stage {
        Stage::Headers => Count::DeniedResponses,
        _ => Count::DeniedRequests,
    }
}

/// Who gave an exchange up that was under way.
fn abort(Ending { cause, stage }: Ending) -> Option<Count> {
    if stage == Stage::Request {
        return None;
    }
    match cause {
        Cause::Client | Cause::ClientTimeout => Some(Count::ClientAborts),
        Cause::Server | Cause::ServerTimeout if stage == Stage::Data => Some(Count::ServerAborts),
        _ => None,
    }
}

/// By [`Span`].
#[inline]
fn spans_us(times: &Times) -> [u64; 4] {
    let span = |from: Option<u64>, to: Option<u64>| match (from, to) {
        (Some(from), Some(to)) => to.saturating_sub(from),
        _ => 0,
    };
    let begun = times.requested.or(times.greeted);
    let mut spans = [0; 4];
    spans[Span::Queue as usize] = span(begun, times.assigned);
    spans[Span::Connect as usize] = span(times.assigned, times.connected);
    spans[Span::Response as usize] = span(times.connected, times.answered);
    spans[Span::Total as usize] = span(times.begun.or(times.greeted), times.ended);
    spans
}
