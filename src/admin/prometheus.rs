//! Metrics for Prometheus, by the names of HAProxy's exporter (`http-request use-service
//! prometheus-exporter`), so that dashboards go on.
//!
//! In: rows and the process's fields, and what the query asks for: `scope=` (global, frontend, listener,
//! backend, server, `*`), `no-maint`, `metrics=` (names, or names to leave out behind `-`). Out: text in
//! Prometheus's exposition format 0.0.4, metric by metric.
//!
//! Limits: the rows are made once and kept until the last metric is sent: about 4 KB for each server.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::desk::Held;
use super::info::{self, Process};
use super::rows::Cursor;
use super::table::{COLUMNS, Column, Kind, Row, Value};
use crate::exchange::service::Pieces;

/// The content type of the format.
pub const TYPE: &str = "text/plain; version=0.0.4";

/// How many rows are made before there is something to send.
const ROWS: usize = 64;

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

/// How a cell becomes a sample.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// As it is.
    Plain,
    /// Milliseconds as seconds.
    Seconds,
    /// Only of HTTP.
    Http,
    /// By status, of HTTP.
    Codes,
    /// By state.
    State,
    /// Servers by state.
    Servers,
    /// By a check's result.
    Result,
}

/// A metric: what stands behind `haproxy_frontend_` and its like, for which rows (by letter), of what.
struct Metric {
    rows: &'static str,
    name: &'static str,
    kind: &'static str,
    column: Column,
    how: How,
}

impl Metric {
    fn is_of_checks(&self) -> bool {
        matches!(self.column, Column::CheckCode | Column::CheckDuration)
    }
}

const fn metric(
    rows: &'static str,
    name: &'static str,
    kind: &'static str,
    column: Column,
    how: How,
) -> Metric {
    Metric { rows, name, kind, column, how }
}

const METRICS: &[Metric] = &[
    metric("BS", "current_queue", GAUGE, Column::QueueNow, How::Plain),
    metric("BS", "max_queue", GAUGE, Column::QueueMax, How::Plain),
    metric("FLBS", "current_sessions", GAUGE, Column::SessionsNow, How::Plain),
    metric("FLBS", "max_sessions", GAUGE, Column::SessionsMax, How::Plain),
    metric("FLBS", "limit_sessions", GAUGE, Column::SessionsLimit, How::Plain),
    metric("FLBS", "sessions_total", COUNTER, Column::SessionsTotal, How::Plain),
    metric("FLBS", "bytes_in_total", COUNTER, Column::BytesIn, How::Plain),
    metric("FLBS", "bytes_out_total", COUNTER, Column::BytesOut, How::Plain),
    metric("FLB", "requests_denied_total", COUNTER, Column::DeniedRequests, How::Plain),
    metric("FLBS", "responses_denied_total", COUNTER, Column::DeniedResponses, How::Plain),
    metric("FL", "request_errors_total", COUNTER, Column::RequestErrors, How::Plain),
    metric("BS", "connection_errors_total", COUNTER, Column::ConnectErrors, How::Plain),
    metric("BS", "response_errors_total", COUNTER, Column::ResponseErrors, How::Plain),
    metric("BS", "retry_warnings_total", COUNTER, Column::Retries, How::Plain),
    metric("BS", "redispatch_warnings_total", COUNTER, Column::Redispatches, How::Plain),
    metric("FLBS", "status", GAUGE, Column::Status, How::State),
    metric("BS", "weight", GAUGE, Column::Weight, How::Plain),
    metric("B", "active_servers", GAUGE, Column::Active, How::Plain),
    metric("B", "backup_servers", GAUGE, Column::Backup, How::Plain),
    metric("S", "active", GAUGE, Column::Active, How::Plain),
    metric("S", "backup", GAUGE, Column::Backup, How::Plain),
    metric("S", "check_failures_total", COUNTER, Column::CheckFailures, How::Plain),
    metric("BS", "check_up_down_total", COUNTER, Column::Downs, How::Plain),
    metric("BS", "check_last_change_seconds", GAUGE, Column::LastChange, How::Plain),
    metric("BS", "downtime_seconds_total", COUNTER, Column::Downtime, How::Plain),
    metric("S", "queue_limit", GAUGE, Column::QueueLimit, How::Plain),
    metric("S", "current_throttle", GAUGE, Column::Throttle, How::Plain),
    metric("BS", "loadbalanced_total", COUNTER, Column::Balanced, How::Plain),
    metric("F", "limit_session_rate", GAUGE, Column::RateLimit, How::Plain),
    metric("FBS", "max_session_rate", GAUGE, Column::RateMax, How::Plain),
    metric("S", "check_status", GAUGE, Column::CheckStatus, How::Result),
    metric("S", "check_code", GAUGE, Column::CheckCode, How::Plain),
    metric("S", "check_duration_seconds", GAUGE, Column::CheckDuration, How::Seconds),
    metric("FBS", "http_responses_total", COUNTER, Column::Status1, How::Codes),
    metric("F", "http_requests_rate_max", GAUGE, Column::RequestRateMax, How::Http),
    metric("FB", "http_requests_total", COUNTER, Column::Requests, How::Http),
    metric("BS", "client_aborts_total", COUNTER, Column::ClientAborts, How::Plain),
    metric("BS", "server_aborts_total", COUNTER, Column::ServerAborts, How::Plain),
    metric("FB", "http_comp_bytes_in_total", COUNTER, Column::CompressedIn, How::Http),
    metric("FB", "http_comp_bytes_out_total", COUNTER, Column::CompressedOut, How::Http),
    metric("FB", "http_comp_bytes_bypassed_total", COUNTER, Column::CompressionBypassed, How::Http),
    metric("FB", "http_comp_responses_total", COUNTER, Column::CompressedResponses, How::Http),
    metric("BS", "last_session_seconds", GAUGE, Column::LastSession, How::Plain),
    metric("BS", "queue_time_average_seconds", GAUGE, Column::QueueTime, How::Seconds),
    metric("BS", "connect_time_average_seconds", GAUGE, Column::ConnectTime, How::Seconds),
    metric("BS", "response_time_average_seconds", GAUGE, Column::ResponseTime, How::Seconds),
    metric("BS", "total_time_average_seconds", GAUGE, Column::TotalTime, How::Seconds),
    metric("F", "connections_rate_max", GAUGE, Column::ConnectionRateMax, How::Plain),
    metric("F", "connections_total", COUNTER, Column::Connections, How::Plain),
    metric("F", "intercepted_requests_total", COUNTER, Column::Intercepted, How::Http),
    metric("FL", "denied_connections_total", COUNTER, Column::DeniedConnections, How::Plain),
    metric("FL", "denied_sessions_total", COUNTER, Column::DeniedSessions, How::Plain),
    metric("FLBS", "failed_header_rewriting_total", COUNTER, Column::RewriteErrors, How::Plain),
    metric("BS", "connection_attempts_total", COUNTER, Column::Connects, How::Plain),
    metric("BS", "connection_reuses_total", COUNTER, Column::Reuses, How::Plain),
    metric("FB", "http_cache_lookups_total", COUNTER, Column::CacheLookups, How::Http),
    metric("FB", "http_cache_hits_total", COUNTER, Column::CacheHits, How::Http),
    metric("S", "idle_connections_current", GAUGE, Column::IdleNow, How::Plain),
    metric("S", "idle_connections_limit", GAUGE, Column::IdleLimit, How::Plain),
    metric("BS", "max_queue_time_seconds", GAUGE, Column::QueueTimeMax, How::Seconds),
    metric("BS", "max_connect_time_seconds", GAUGE, Column::ConnectTimeMax, How::Seconds),
    metric("BS", "max_response_time_seconds", GAUGE, Column::ResponseTimeMax, How::Seconds),
    metric("BS", "max_total_time_seconds", GAUGE, Column::TotalTimeMax, How::Seconds),
    metric("FLBS", "internal_errors_total", COUNTER, Column::InternalErrors, How::Plain),
    metric("S", "unsafe_idle_connections_current", GAUGE, Column::IdleUnsafe, How::Plain),
    metric("S", "safe_idle_connections_current", GAUGE, Column::IdleSafe, How::Plain),
    metric("S", "used_connections_current", GAUGE, Column::Used, How::Plain),
    metric("S", "need_connections_current", GAUGE, Column::Needed, How::Plain),
    metric("BS", "uweight", GAUGE, Column::UserWeight, How::Plain),
    metric("B", "agg_server_status", GAUGE, Column::ServersByState, How::Servers),
    metric("B", "agg_server_check_status", GAUGE, Column::ServersByCheck, How::Servers),
];

/// Fields of the process: the metric's name, its kind, the field of `show info`.
const OF_PROCESS: &[(&str, &str, &str)] = &[
    ("nbthread", GAUGE, "Nbthread"),
    ("nbproc", GAUGE, "Nbproc"),
    ("relative_process_id", GAUGE, "Process_num"),
    ("uptime_seconds", GAUGE, "Uptime_sec"),
    ("start_time_seconds", GAUGE, "Start_time_sec"),
    ("max_memory_bytes", GAUGE, "Memmax_bytes"),
    ("max_connections", GAUGE, "Maxconn"),
    ("hard_max_connections", GAUGE, "Hard_maxconn"),
    ("current_connections", GAUGE, "CurrConns"),
    ("connections_total", COUNTER, "CumConns"),
    ("requests_total", COUNTER, "CumReq"),
    ("max_ssl_connections", GAUGE, "MaxSslConns"),
    ("ssl_connections_total", COUNTER, "CumSslConns"),
    ("current_connection_rate", GAUGE, "ConnRate"),
    ("limit_connection_rate", GAUGE, "ConnRateLimit"),
    ("max_connection_rate", GAUGE, "MaxConnRate"),
    ("current_session_rate", GAUGE, "SessRate"),
    ("limit_session_rate", GAUGE, "SessRateLimit"),
    ("max_session_rate", GAUGE, "MaxSessRate"),
    ("limit_ssl_rate", GAUGE, "SslRateLimit"),
    ("frontend_ssl_reuse", GAUGE, "SslFrontendSessionReuse_pct"),
    ("http_comp_bytes_in_total", COUNTER, "CompressBpsIn"),
    ("http_comp_bytes_out_total", COUNTER, "CompressBpsOut"),
    ("limit_http_comp", GAUGE, "CompressBpsRateLim"),
    ("current_tasks", GAUGE, "Tasks"),
    ("current_run_queue", GAUGE, "Run_queue"),
    ("stopping", GAUGE, "Stopping"),
    ("jobs", GAUGE, "Jobs"),
    ("unstoppable_jobs", GAUGE, "Unstoppable Jobs"),
    ("listeners", GAUGE, "Listeners"),
    ("active_peers", GAUGE, "ActivePeers"),
    ("connected_peers", GAUGE, "ConnectedPeers"),
    ("busy_polling_enabled", GAUGE, "BusyPolling"),
    ("bytes_out_total", COUNTER, "TotalBytesOut"),
    ("recv_logs_total", COUNTER, "CumRecvLogs"),
];

const KINDS: [(Kind, &str); 4] = [
    (Kind::Frontend, "frontend"),
    (Kind::Listener, "listener"),
    (Kind::Backend, "backend"),
    (Kind::Server, "server"),
];

const CODES: [(&str, Column); 6] = [
    ("1xx", Column::Status1),
    ("2xx", Column::Status2),
    ("3xx", Column::Status3),
    ("4xx", Column::Status4),
    ("5xx", Column::Status5),
    ("other", Column::StatusOther),
];

const SERVER_STATES: [&str; 5] = ["DOWN", "UP", "MAINT", "DRAIN", "NOLB"];

const RESULTS: [&str; 16] = [
    "HANA", "SOCKERR", "L4OK", "L4TOUT", "L4CON", "L6OK", "L6TOUT", "L6RSP", "L7TOUT", "L7RSP",
    "L7OK", "L7OKC", "L7STS", "PROCERR", "PROCTOUT", "PROCOK",
];

/// What a query asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    scopes: Vec<String>,
    no_maint: bool,
    metrics: Vec<String>,
}

impl Filter {
    /// Of the query string.
    pub fn parse(query: &[u8]) -> Filter {
        let mut filter = Filter::default();
        for part in query.split(|&byte| byte == b'&') {
            let text = percent_encoding::percent_decode(part).decode_utf8_lossy();
            match text.split_once('=') {
                Some(("scope", "*")) => filter.scopes.clear(),
                Some(("scope", scope)) => filter.scopes.push(scope.to_owned()),
                Some(("metrics", names)) => {
                    filter.metrics.extend(names.split(',').map(str::to_owned));
                }
                _ => filter.no_maint |= text == "no-maint",
            }
        }
        filter
    }

    fn wants_scope(&self, scope: &str) -> bool {
        self.scopes.is_empty() || self.scopes.iter().any(|it| it == scope)
    }

    fn wants(&self, name: &str) -> bool {
        let named = |it: &String| it.trim_start_matches('+') == name;
        let out = |it: &String| it.strip_prefix('-') == Some(name);
        let only = self.metrics.iter().any(|it| !it.starts_with('-'));
        (!only || self.metrics.iter().any(named)) && !self.metrics.iter().any(out)
    }
}

/// Metrics, made while they are sent.
pub(super) struct Metrics {
    held: Held,
    process: Process,
    filter: Filter,
    rows: Vec<Row>,
    /// Servers of each backend by [`SERVER_STATES`].
    states: BTreeMap<usize, [u32; 5]>,
    cursor: Option<Cursor>,
    /// Which kind of row, and which metric of it.
    at: (usize, usize),
}

impl Metrics {
    pub(super) fn new(held: Held, process: Process, filter: Filter) -> Metrics {
        let cursor = Some(Cursor::default());
        Metrics {
            held,
            process,
            filter,
            rows: Vec::new(),
            states: BTreeMap::new(),
            cursor,
            at: (0, 0),
        }
    }

    /// Makes some of the rows; the last ones end it.
    fn gather(&mut self, mut cursor: Cursor) {
        for _ in 0..ROWS {
            let Some(row) = cursor.next(&self.held.sight()) else { return };
            if row.kind == Kind::Server {
                let state = server_state(row.text(Column::Status));
                let counts = self.states.entry(row.proxy).or_default();
                let named = SERVER_STATES.iter().zip(counts).filter(|(it, _)| **it == state);
                named.for_each(|(_, count)| *count += 1);
            }
            let hidden = self.filter.no_maint && row.text(Column::Status).starts_with("MAINT");
            if !(row.kind == Kind::Server && hidden) {
                self.rows.push(row);
            }
        }
        self.cursor = Some(cursor);
    }

    fn of_process(&self, out: &mut String) {
        let values = info::values(&self.held.sight(), &self.process);
        for &(name, kind, field) in OF_PROCESS {
            let found = values.iter().find(|(_, it, _)| it.name == field);
            let name = format!("haproxy_process_{name}");
            if let Some((_, field, value)) = found.filter(|_| self.filter.wants(&name)) {
                head(out, &name, kind, field.help);
                put(out, format_args!("{name} {value}\n"));
            }
        }
        let name = "haproxy_process_build_info";
        if self.filter.wants(name) {
            head(out, name, GAUGE, "The version.");
            put(out, format_args!("{name}{{version=\"{}\"}} 1\n", info::VERSION));
        }
    }
}

impl Pieces for Metrics {
    fn next(&mut self, bytes: &mut Vec<u8>) -> bool {
        if let Some(cursor) = self.cursor.take() {
            self.gather(cursor);
            if self.cursor.is_none() && self.filter.wants_scope("global") {
                let mut out = String::new();
                self.of_process(&mut out);
                bytes.extend_from_slice(out.as_bytes());
            }
            return true;
        }
        let Some(&(kind, scope)) = KINDS.get(self.at.0) else { return false };
        let metric = METRICS.get(self.at.1).filter(|_| self.filter.wants_scope(scope));
        let Some(metric) = metric else {
            self.at = (self.at.0 + 1, 0);
            return true;
        };
        self.at.1 += 1;
        let name = format!("haproxy_{scope}_{}", metric.name);
        if metric.rows.contains(kind.letter()) && self.filter.wants(&name) {
            let mut samples = String::new();
            for row in self.rows.iter().filter(|row| row.kind == kind) {
                let states = self.states.get(&row.proxy).copied().unwrap_or_default();
                sample(&name, metric, row, states, &mut samples);
            }
            if !samples.is_empty() {
                let mut out = String::new();
                let help = COLUMNS.get(metric.column as usize).map_or("", |(_, field)| field.help);
                head(&mut out, &name, metric.kind, help);
                bytes.extend_from_slice(out.as_bytes());
                bytes.extend_from_slice(samples.as_bytes());
            }
        }
        true
    }
}

/// The samples of a metric for a row.
fn sample(name: &str, metric: &Metric, row: &Row, servers: [u32; 5], out: &mut String) {
    let mut labels = String::from("proxy=\"");
    escape(row.text(Column::Proxy), &mut labels);
    let part = match row.kind {
        Kind::Server => "\",server=\"",
        Kind::Listener => "\",listener=\"",
        _ => "",
    };
    if !part.is_empty() {
        labels.push_str(part);
        escape(row.text(Column::Part), &mut labels);
    }
    labels.push('"');
    let is_http = row.text(Column::Mode) == "http";
    let states = |out: &mut String, states: &[&str], is: &str| {
        for state in states {
            let value = u8::from(*state == is);
            put(out, format_args!("{name}{{{labels},state=\"{state}\"}} {value}\n"));
        }
    };
    match metric.how {
        How::Http | How::Codes if !is_http => {}
        How::Codes => {
            for (code, column) in CODES {
                let value = row.number(column);
                put(out, format_args!("{name}{{{labels},code=\"{code}\"}} {value}\n"));
            }
        }
        How::State => match row.kind {
            Kind::Frontend => {
                let up = row.text(Column::Status) == "OPEN";
                states(out, &["DOWN", "UP"], if up { "UP" } else { "DOWN" });
            }
            Kind::Listener => {
                states(out, &["WAITING", "OPEN", "FULL"], row.text(Column::Status));
            }
            Kind::Backend => states(out, &["DOWN", "UP"], row.text(Column::Status)),
            Kind::Server => states(out, &SERVER_STATES, server_state(row.text(Column::Status))),
        },
        How::Servers => {
            for (state, count) in SERVER_STATES.iter().zip(servers) {
                put(out, format_args!("{name}{{{labels},state=\"{state}\"}} {count}\n"));
            }
        }
        How::Result => {
            let result = row.text(Column::CheckStatus).trim_start_matches("* ");
            if !result.is_empty() {
                states(out, &RESULTS, result);
            }
        }
        // Of servers that nobody checks there is none.
        _ if metric.is_of_checks() && row.text(Column::CheckStatus).is_empty() => {}
        How::Seconds => match row.get(metric.column).and_then(Value::number) {
            Some(ms) => put(
                out,
                format_args!("{name}{{{labels}}} {}.{:03}000\n", ms / 1000, ms.rem_euclid(1000)),
            ),
            None => put(out, format_args!("{name}{{{labels}}} NaN\n")),
        },
        How::Plain | How::Http => match row.get(metric.column) {
            Some(value) => put(out, format_args!("{name}{{{labels}}} {value}\n")),
            None => put(out, format_args!("{name}{{{labels}}} NaN\n")),
        },
    }
}

/// The exporter's word for a server's state.
pub(super) fn server_state(status: &str) -> &'static str {
    match status.split(' ').next() {
        Some("DOWN") => "DOWN",
        Some("MAINT") => "MAINT",
        Some("DRAIN") => "DRAIN",
        Some("NOLB") => "NOLB",
        _ => "UP",
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    put(out, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
}

/// A label's value.
fn escape(text: &str, out: &mut String) {
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            letter => out.push(letter),
        }
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_choose() {
        let filter =
            Filter::parse(b"scope=frontend&scope=server&no-maint&metrics=-haproxy_server_status");
        assert!(filter.wants_scope("server") && !filter.wants_scope("backend") && filter.no_maint);
        assert!(!filter.wants("haproxy_server_status") && filter.wants("haproxy_server_weight"));
        let only = Filter::parse(b"metrics=haproxy_server_status,haproxy_server_weight");
        assert!(only.wants("haproxy_server_status") && !only.wants("haproxy_server_active"));
        assert!(Filter::parse(b"scope=server&scope=*").wants_scope("global"));
    }

    #[test]
    fn labels_are_escaped() {
        let mut out = String::new();
        escape("a\"b\\c\nd", &mut out);
        assert_eq!(out, "a\\\"b\\\\c\\nd");
    }
}
