//! What is known of the process: `show info`, in HAProxy's names and order (management.txt §9.3).
//!
//! In: a [`Sight`] and who we are. Out: names and values. What this program does not have is left out;
//! what it has none of (compression, peers) is 0.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde_json::Value as Json;

use super::csv::typed_value;
use super::json;
use super::rows::Sight;
use super::table::{Field, Value};
use crate::config::plan::Given;
use crate::exchange::control::{Control, Facts};
use crate::ledger::Count;
use crate::rules::context::Counters;

/// The process.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it started, in microseconds since 1970-01-01 UTC.
    pub started_us: u64,
    /// Its workers.
    pub workers: u32,
    /// The host's name, or `node`.
    pub node: Box<str>,
    /// What the main thread tells of reloads.
    pub control: Control,
}

/// Our version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

type Get = fn(&Sight<'_>, &Process) -> Option<Value>;

fn field(name: &'static str, tags: &'static str, help: &'static str, get: Get) -> (Field, Get) {
    (Field { name, tags, help }, get)
}

fn small(number: u64) -> Option<Value> {
    Some(Value::U32(u32::try_from(number).unwrap_or(u32::MAX)))
}

fn given(limit: Option<Given<u32>>) -> Option<Value> {
    Some(Value::U32(limit.map_or(0, |it| it.value)))
}

fn fact(process: &Process, of: impl Fn(&Facts) -> &AtomicU64) -> Option<Value> {
    small(of(process.control.facts()).load(Relaxed))
}

fn unknown(_: &Sight<'_>, _: &Process) -> Option<Value> {
    None
}

fn none(_: &Sight<'_>, _: &Process) -> Option<Value> {
    Some(Value::U32(0))
}

fn uptime_s(sight: &Sight<'_>, process: &Process) -> u64 {
    sight.unix_us.saturating_sub(process.started_us) / 1_000_000
}

/// `0d 0h00m18s`.
pub fn uptime(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60 % 60, seconds / 3600 % 24);
    format!("{}d {hours}h{minutes:02}m{:02}s", seconds / 86_400, seconds % 60)
}

fn listeners(sight: &Sight<'_>) -> u64 {
    let proxies = sight.plan.proxies.iter().filter(|it| it.has_frontend() && !it.disabled);
    let sockets = proxies.flat_map(|it| &it.binds).map(|bind| bind.sockets());
    u64::try_from(sockets.sum::<usize>()).unwrap_or(u64::MAX)
}

/// What is counted of everything.
fn total(sight: &Sight<'_>, count: Count) -> Option<Value> {
    small(sight.ledger.fronts_total(count))
}

/// All fields, in HAProxy's order.
fn fields() -> [(Field, Get); 79] {
    [
        field("Name", "POS", "The program.", |_, _| Some(Value::text("Koi"))),
        field("Version", "POS", "Its version.", |_, _| Some(Value::text(VERSION))),
        field("Release_date", "POS", "When it was released.", unknown),
        field("Nbthread", "CGS", "Worker threads.", |_, it| Some(Value::U32(it.workers))),
        field("Nbproc", "CGS", "Worker processes: always 1.", |_, _| Some(Value::U32(1))),
        field("Process_num", "KGP", "The process's number: always 1.", |_, _| Some(Value::U32(1))),
        field("Pid", "SGP", "The system's number for it.", |_, it| Some(Value::U32(it.pid))),
        field("Uptime", "MDP", "Since when it has run, in words.", |sight, it| {
            Some(Value::text(uptime(uptime_s(sight, it))))
        }),
        field("Uptime_sec", "MDP", "Since when it has run, in seconds.", |sight, it| {
            small(uptime_s(sight, it))
        }),
        field("Memmax_MB", "CLP", "A limit on memory: there is none.", none),
        field("PoolAlloc_MB", "MGP", "Memory of buffers.", unknown),
        field("PoolUsed_MB", "MGP", "Memory of buffers in use.", unknown),
        field("PoolFailed", "MCP", "Buffers that could not be had.", unknown),
        field("Ulimit-n", "CLP", "How many descriptors there may be.", unknown),
        field("Maxsock", "CLP", "How many sockets there may be.", unknown),
        field("Maxconn", "CLP", "How many connections of clients there may be.", |sight, _| {
            Some(Value::U32(sight.live.process_figures().limit))
        }),
        field("Hard_maxconn", "CLP", "The same.", |sight, _| {
            Some(Value::U32(sight.live.process_figures().limit))
        }),
        field("CurrConns", "MGP", "Connections of clients.", |sight, _| {
            Some(Value::U32(sight.live.process_figures().connections))
        }),
        field("CumConns", "MCP", "Connections of clients so far.", |sight, _| {
            total(sight, Count::Connections)
        }),
        field("CumReq", "MCP", "Requests so far.", |sight, _| total(sight, Count::Requests)),
        field("MaxSslConns", "MMP", "How many connections with TLS there may be.", |sight, _| {
            given(sight.plan.global.limits.tls_connections)
        }),
        field("CurrSslConns", "MGP", "Connections with TLS.", unknown),
        field("CumSslConns", "MCP", "Connections of clients with TLS so far.", |sight, _| {
            total(sight, Count::TlsSessions)
        }),
        field("Maxpipes", "CLP", "How many pipes there may be for splicing.", unknown),
        field("PipesUsed", "MGP", "Pipes in use.", unknown),
        field("PipesFree", "MGP", "Pipes that are free.", unknown),
        field("ConnRate", "MRP", "Connections in the last second.", |sight, _| {
            Some(Value::U32(sight.live.process_figures().rate))
        }),
        field("ConnRateLimit", "CLP", "How many there may be.", |sight, _| {
            Some(Value::U32(sight.live.rate_limits().connections.get()))
        }),
        field("MaxConnRate", "MMP", "The most connections in a second.", |sight, _| {
            Some(Value::U32(sight.live.process_figures().rate_peak))
        }),
        field("SessRate", "MRP", "Sessions in the last second.", |sight, _| {
            Some(Value::U32(sight.live.process_figures().rate))
        }),
        field("SessRateLimit", "CLP", "How many there may be.", |sight, _| {
            Some(Value::U32(sight.live.rate_limits().sessions.get()))
        }),
        field("MaxSessRate", "MRP", "The most sessions in a second.", |sight, _| {
            Some(Value::U32(sight.live.process_figures().rate_peak))
        }),
        field("SslRate", "MRP", "TLS handshakes in the last second.", unknown),
        field("SslRateLimit", "CLP", "How many there may be.", |sight, _| {
            Some(Value::U32(sight.live.rate_limits().tls.get()))
        }),
        field("MaxSslRate", "MMP", "The most TLS handshakes in a second.", unknown),
        field("SslFrontendKeyRate", "MGP", "Full handshakes in the last second.", unknown),
        field("SslFrontendMaxKeyRate", "MMP", "The most of those in a second.", unknown),
        field(
            "SslFrontendSessionReuse_pct",
            "MGP",
            "Resumed sessions, in per cent.",
            |sight, _| {
                let all = sight.ledger.fronts_total(Count::TlsSessions);
                let resumed = sight.ledger.fronts_total(Count::TlsResumed);
                small(resumed.saturating_mul(100).checked_div(all).unwrap_or(0))
            },
        ),
        field("SslBackendKeyRate", "MRP", "The same towards servers.", unknown),
        field("SslBackendMaxKeyRate", "MMP", "The most of those in a second.", unknown),
        field("SslCacheLookups", "MCP", "Look-ups in the cache of sessions.", unknown),
        field("SslCacheMisses", "MCP", "Of those the ones that found none.", unknown),
        field("CompressBpsIn", "MRP", "Bytes to compress in the last second.", none),
        field("CompressBpsOut", "MRP", "Bytes compressed in the last second.", none),
        field("CompressBpsRateLim", "CLP", "How many there may be.", none),
        field("Tasks", "MGP", "Connections of clients: each is a task.", |sight, _| {
            Some(Value::U32(sight.live.process_figures().connections))
        }),
        field("Run_queue", "MGP", "Always 0: what is ready has run when this is looked at.", none),
        field("Idle_pct", "MaP", "How idle the threads are, in per cent.", unknown),
        field("node", "CGS", "The name of the host.", |_, it| Some(Value::Str(it.node.clone()))),
        field("Stopping", "SGP", "Whether it is stopping.", |sight, _| {
            small(sight.live.stopping().into())
        }),
        field("Jobs", "MGP", "Connections and listening sockets.", |sight, _| {
            let connections = sight.live.process_figures().connections;
            small(u64::from(connections) + listeners(sight))
        }),
        field("Unstoppable Jobs", "MGP", "Those that outlive a stop: none.", none),
        field("Listeners", "MGP", "Listening sockets.", |sight, _| small(listeners(sight))),
        field("ActivePeers", "MGP", "Peers that are in touch.", none),
        field("ConnectedPeers", "MGP", "Peers that are connected.", none),
        field("DroppedLogs", "MCP", "Log lines that were dropped.", unknown),
        field("BusyPolling", "CGP", "Whether threads wait without sleeping: never.", none),
        field("FailedResolutions", "MCP", "Names that could not be resolved.", unknown),
        field("TotalBytesOut", "MCP", "Bytes to clients so far.", |sight, _| {
            Some(Value::U64(sight.ledger.fronts_total(Count::BytesOut)))
        }),
        field(
            "TotalSplicedBytesOut",
            "MCP",
            "Of those the ones that the kernel passed on.",
            unknown,
        ),
        field("BytesOutRate", "MRP", "Bytes to clients in the last second.", unknown),
        field("DebugCommandsIssued", "MCP", "Commands for debugging: there are none.", none),
        field("CumRecvLogs", "MCP", "Log messages received so far.", none),
        field("Build info", "POS", "The version.", |_, _| Some(Value::text(VERSION))),
        field("Memmax_bytes", "CLP", "A limit on memory: there is none.", none),
        field("PoolAlloc_bytes", "MGP", "Memory of buffers.", unknown),
        field("PoolUsed_bytes", "MGP", "Memory of buffers in use.", unknown),
        field("Start_time_sec", "MDP", "When it started, in seconds since 1970.", |_, it| {
            small(it.started_us / 1_000_000)
        }),
        field("Tainted", "SOP", "Unsafe settings in use: there are none.", none),
        field("TotalWarnings", "MCP", "Warnings so far.", unknown),
        field("MaxconnReached", "MCP", "How often there were too many connections.", unknown),
        field("BootTime_ms", "MDP", "How long the start took.", unknown),
        field("Niced_tasks", "MGP", "Tasks with a priority: there are none.", none),
        field(
            "CurrStreams",
            "MGP",
            "Requests and connections that are in a backend.",
            |sight, _| {
                let all = 0..sight.plan.proxies.len();
                let of =
                    |proxy| sight.live.back_figures(proxy).map_or(0, |it| u64::from(it.requests));
                small(all.map(of).sum())
            },
        ),
        field("CumStreams", "MCP", "Requests so far.", |sight, _| total(sight, Count::Requests)),
        field("BlockedTrafficWarnings", "MCP", "Warnings of tasks that took too long.", unknown),
        // What HAProxy has no name for.
        field(
            "Plans",
            "MGP",
            "Configurations in use: more than one while connections end.",
            |_, it| fact(it, |facts| &facts.plans),
        ),
        field("Reloads", "MCP", "Reloads that hold.", |_, it| fact(it, |facts| &facts.reloads)),
        field("ReloadsRefused", "MCP", "Reloads that were refused.", |_, it| {
            fact(it, |facts| &facts.refused)
        }),
    ]
}

/// The fields that there are: place, field, value.
pub fn values(sight: &Sight<'_>, process: &Process) -> Vec<(usize, Field, Value)> {
    let all = fields().into_iter().enumerate();
    all.filter_map(|(place, (field, get))| Some((place, field, get(sight, process)?))).collect()
}

/// `show info`: a line for each; `described` adds what it says.
pub fn text(sight: &Sight<'_>, process: &Process, described: bool, out: &mut String) {
    for (_, field, value) in values(sight, process) {
        let help = if described { format!(":\"{}\"", field.help) } else { String::new() };
        out.push_str(&format!("{}: {value}{help}\n", field.name));
    }
}

/// `show info typed`.
pub fn typed(sight: &Sight<'_>, process: &Process, described: bool, out: &mut String) {
    for (place, field, value) in values(sight, process) {
        out.push_str(&format!("{place}.{}.1:", field.name));
        typed_value(&field, &value, described, out);
    }
}

/// `show info json`.
pub fn json(sight: &Sight<'_>, process: &Process, out: &mut String) {
    let cells = values(sight, process);
    let cells: Vec<Json> =
        cells.iter().map(|(place, field, value)| json::cell(*place, field, value)).collect();
    out.push_str(&Json::Array(cells).to_string());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_written_as_by_haproxy() {
        assert_eq!(uptime(18), "0d 0h00m18s");
        assert_eq!(uptime(2 * 86_400 + 3 * 3600 + 4 * 60 + 5), "2d 3h04m05s");
    }
}
