//! What the rows of the statistics say: the plan, the figures and the ledger side by side.
//!
//! In: a [`Sight`]. Out: rows, one after the other in HAProxy's order: of each proxy its frontend, its
//! sockets (`option socket-stats`), its servers, its backend. Each is made when it is asked for, so that
//! a thousand servers need no memory for a thousand rows.

use super::state;
use super::table::{Column, Kind, Row, Value};
use crate::balance::Live;
use crate::config::plan::{Balance, Bind, Given, Mode, Plan, Proxy, is_on};
use crate::exchange::server::Destinations;
use crate::ledger::{Count, Ledger, Sheets, Span};

/// What is looked at.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What is in progress.
    pub live: &'a Live,
    /// What has happened.
    pub ledger: &'a Ledger,
    /// Where servers are.
    pub destinations: &'a Destinations,
    /// Now, in microseconds since 1970-01-01 UTC.
    pub unix_us: u64,
}

/// A place among the rows: the proxy, and a step within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    proxy: usize,
    step: usize,
}

impl Cursor {
    /// The first row of a proxy.
    pub fn at(proxy: usize) -> Cursor {
        Cursor { proxy, step: 0 }
    }

    /// The proxy it is in.
    pub fn proxy(&self) -> usize {
        self.proxy
    }

    /// The next row; `None` behind the last one.
    pub fn next(&mut self, sight: &Sight<'_>) -> Option<Row> {
        loop {
            let proxy = sight.plan.proxies.get(self.proxy)?;
            match self.next_of(sight, proxy) {
                Some(row) => return Some(row),
                None => *self = Cursor::at(self.proxy + 1),
            }
        }
    }

    /// The next row of this proxy; `None` behind its last one.
    pub fn next_of(&mut self, sight: &Sight<'_>, proxy: &Proxy) -> Option<Row> {
        let (binds, servers) = (proxy.binds.len(), proxy.servers.len());
        while !proxy.disabled && self.step < binds + servers + 2 {
            let step = self.step;
            self.step += 1;
            let (fronts, backs) = (proxy.has_frontend(), proxy.has_backend());
            let row = match step.checked_sub(1) {
                None => fronts.then(|| frontend(sight, self.proxy)),
                Some(bind) if bind < binds => listener(sight, self.proxy, bind),
                Some(part) if part < binds + servers => server(sight, self.proxy, part - binds),
                Some(_) => backs.then(|| backend(sight, self.proxy)),
            };
            if row.is_some() {
                return row;
            }
        }
        None
    }
}

/// A microsecond count as whole milliseconds.
fn ms(us: u64) -> Value {
    Value::U32(u32::try_from(us / 1000).unwrap_or(u32::MAX))
}

fn limit(given: Option<Given<u32>>) -> u32 {
    given.map_or(0, |it| it.value)
}

/// The number of the `index`-th thing: the one given, or its place, counted from 1.
fn number(given: Option<Given<u32>>, index: usize) -> Value {
    let counted = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
    Value::U32(given.map_or(counted, |it| it.value))
}

fn begin(sight: &Sight<'_>, kind: Kind, proxy: usize, part: usize) -> Row {
    let mut row = Row::new(kind, proxy, part);
    // A head that rules make larger gets the room it needs: no change fails.
    row.set(Column::RewriteErrors, Value::U64(0));
    let Some(of) = sight.plan.proxies.get(proxy) else { return row };
    row.set(Column::Proxy, Value::text(&*of.name));
    row.set(Column::ProcessNumber, Value::U32(1));
    row.set(Column::ProxyId, number(of.settings.id, proxy));
    row.set(Column::PartId, Value::U32(0));
    row.set(Column::Type, Value::U32(kind.number()));
    row.set(Column::Mode, Value::text(mode(of)));
    row
}

fn mode(proxy: &Proxy) -> &'static str {
    match proxy.mode() {
        Mode::Tcp => "tcp",
        Mode::Http => "http",
        Mode::Log => "log",
    }
}

/// Sums that stand in the same column for whoever has them.
fn sums(row: &mut Row, sheets: Option<&Sheets>, columns: &[(Column, Count)]) {
    for &(column, count) in columns {
        row.set(column, Value::U64(sheets.map_or(0, |it| it.total(count))));
    }
}

const EVERYWHERE: &[(Column, Count)] = &[
    (Column::SessionsTotal, Count::Sessions),
    (Column::BytesIn, Count::BytesIn),
    (Column::BytesOut, Count::BytesOut),
    (Column::DeniedResponses, Count::DeniedResponses),
    (Column::InternalErrors, Count::InternalErrors),
];

const IN_FRONT: &[(Column, Count)] = &[
    (Column::DeniedRequests, Count::DeniedRequests),
    (Column::RequestErrors, Count::RequestErrors),
    (Column::Connections, Count::Connections),
    (Column::DeniedConnections, Count::DeniedConnections),
    (Column::DeniedSessions, Count::DeniedSessions),
    (Column::TlsSessions, Count::TlsSessions),
    (Column::TlsResumed, Count::TlsResumed),
    (Column::TlsFailed, Count::TlsFailed),
];

const BEHIND: &[(Column, Count)] = &[
    (Column::ConnectErrors, Count::ConnectErrors),
    (Column::ResponseErrors, Count::ResponseErrors),
    (Column::Retries, Count::Retries),
    (Column::Redispatches, Count::Redispatches),
    (Column::Balanced, Count::Balanced),
    (Column::ClientAborts, Count::ClientAborts),
    (Column::ServerAborts, Count::ServerAborts),
    (Column::Connects, Count::Connects),
    (Column::Reuses, Count::Reuses),
];

const STATUSES: &[(Column, Count)] = &[
    (Column::Status1, Count::Status1),
    (Column::Status2, Count::Status2),
    (Column::Status3, Count::Status3),
    (Column::Status4, Count::Status4),
    (Column::Status5, Count::Status5),
    (Column::StatusOther, Count::StatusOther),
    (Column::Requests, Count::Requests),
];

/// What this build does not do, so that nothing was counted; HAProxy shows it for every HTTP proxy.
const NOTHING_COMPRESSED: &[Column] = &[
    Column::CompressedIn,
    Column::CompressedOut,
    Column::CompressionBypassed,
    Column::CompressedResponses,
];

/// What this build has none of.
fn zeros(row: &mut Row, columns: &[Column]) {
    columns.iter().for_each(|&column| row.set(column, Value::U64(0)));
}

/// Means and maxima of times, and when the last session began.
fn times(row: &mut Row, sight: &Sight<'_>, sheets: Option<&Sheets>) {
    let Some(sheets) = sheets else { return };
    let columns = [
        (Span::Queue, Column::QueueTime, Column::QueueTimeMax),
        (Span::Connect, Column::ConnectTime, Column::ConnectTimeMax),
        (Span::Response, Column::ResponseTime, Column::ResponseTimeMax),
        (Span::Total, Column::TotalTime, Column::TotalTimeMax),
    ];
    for (span, mean, longest) in columns {
        row.set(mean, ms(sheets.mean_us(span)));
        row.set(longest, ms(sheets.longest_us(span)));
    }
    let ago = match sheets.last_us() {
        0 => -1,
        at => seconds_since(sight, at).try_into().unwrap_or(i32::MAX),
    };
    row.set(Column::LastSession, Value::S32(ago));
}

/// Whole seconds from a moment until now.
pub(super) fn seconds_since(sight: &Sight<'_>, unix_us: u64) -> u32 {
    u32::try_from(sight.unix_us.saturating_sub(unix_us) / 1_000_000).unwrap_or(u32::MAX)
}

/// A frontend.
pub fn frontend(sight: &Sight<'_>, proxy: usize) -> Row {
    let mut row = begin(sight, Kind::Frontend, proxy, 0);
    let Some(of) = sight.plan.proxies.get(proxy) else { return row };
    let sheets = sight.ledger.front(proxy);
    let figures = sight.live.front_figures(proxy).unwrap_or_default();
    let most = match figures.limit {
        0 => sight.live.process_figures().limit,
        limit => limit,
    };
    row.set(Column::Part, Value::text("FRONTEND"));
    row.set(Column::SessionsNow, Value::U32(figures.connections));
    row.set(Column::SessionsMax, Value::U32(figures.connections_peak));
    row.set(Column::SessionsLimit, Value::U32(most));
    row.set(Column::Status, Value::text(front_state(sight.live, proxy)));
    row.set(Column::Rate, Value::U32(figures.rate));
    row.set(Column::RateLimit, Value::U32(limit(of.front.session_rate)));
    row.set(Column::RateMax, Value::U32(figures.rate_peak));
    row.set(Column::ConnectionRate, Value::U32(figures.rate));
    row.set(Column::ConnectionRateMax, Value::U32(figures.rate_peak));
    row.set(Column::RequestRate, Value::U32(figures.request_rate));
    row.set(Column::RequestRateMax, Value::U32(figures.request_rate_peak));
    row.set(Column::Requests, Value::U64(sheets.map_or(0, |it| it.total(Count::Requests))));
    sums(&mut row, sheets, EVERYWHERE);
    sums(&mut row, sheets, IN_FRONT);
    let http = of.mode() == Mode::Http;
    if http {
        sums(&mut row, sheets, STATUSES);
        sums(&mut row, sheets, &[(Column::Intercepted, Count::Intercepted)]);
        zeros(&mut row, &[Column::CacheLookups, Column::CacheHits]);
    }
    zeros(&mut row, NOTHING_COMPRESSED);
    by_version(&mut row, sheets, http);
    row
}

fn front_state(live: &Live, frontend: usize) -> &'static str {
    match (live.is_shut(frontend), live.is_paused(frontend)) {
        (true, _) => "STOP",
        (false, true) => "PAUSED",
        (false, false) => "OPEN",
    }
}

/// This build speaks HTTP/1 to clients.
fn by_version(row: &mut Row, sheets: Option<&Sheets>, http: bool) {
    let total = |count| sheets.map_or(0, |it| it.total(count));
    let (sessions, requests) = (total(Count::Sessions), total(Count::Requests));
    let h1 = |number, is_h1: bool| Value::U64(if is_h1 == http { number } else { 0 });
    row.set(Column::SessionsOther, h1(sessions, false));
    row.set(Column::SessionsH1, h1(sessions, true));
    row.set(Column::RequestsOther, Value::U64(0));
    row.set(Column::RequestsH1, Value::U64(requests));
    zeros(row, &[Column::SessionsH2, Column::SessionsH3, Column::RequestsH2, Column::RequestsH3]);
}

/// A bind, if it counts for itself.
pub fn listener(sight: &Sight<'_>, proxy: usize, bind: usize) -> Option<Row> {
    let of = sight.plan.proxies.get(proxy)?;
    let line = of.binds.get(bind)?;
    is_on(of.settings.options.socket_stats).then_some(())?;
    let sheets = Some(sight.ledger.bind(proxy, bind)?);
    let mut row = begin(sight, Kind::Listener, proxy, bind);
    let (now, peak, most) = sight.live.bind_figures(proxy, bind)?;
    let name = line.name.as_ref().map(|name| name.value.to_string());
    row.set(Column::Part, Value::text(name.unwrap_or_else(|| format!("sock-{}", bind + 1))));
    row.set(Column::PartId, number(line.id, bind));
    row.set(Column::SessionsNow, Value::U32(now));
    row.set(Column::SessionsMax, Value::U32(peak));
    row.set(Column::SessionsLimit, Value::U32(most));
    let full = most > 0 && now >= most;
    row.set(Column::Status, Value::text(if full { "FULL" } else { "OPEN" }));
    row.set(Column::Address, Value::text(addresses(line)));
    row.set(Column::Protocol, Value::text(protocol(line)));
    sums(&mut row, sheets, EVERYWHERE);
    sums(&mut row, sheets, IN_FRONT);
    Some(row)
}

fn addresses(bind: &Bind) -> String {
    let all: Vec<String> = bind.endpoints.iter().map(|it| it.value.to_string()).collect();
    all.join(",")
}

fn protocol(bind: &Bind) -> &'static str {
    use crate::config::plan::Location;
    match bind.endpoints.first().map(|it| &it.value.location) {
        Some(Location::V6 { .. }) => "tcpv6",
        Some(Location::Unix(_) | Location::Abstract(_)) => "unix_stream",
        _ => "tcpv4",
    }
}

/// A server.
pub fn server(sight: &Sight<'_>, proxy: usize, place: usize) -> Option<Row> {
    let of = sight.plan.proxies.get(proxy)?;
    let line = of.servers.get(place)?;
    let figures = sight.live.server(proxy, place)?;
    let sheets = sight.ledger.server(proxy, place);
    let mut row = begin(sight, Kind::Server, proxy, place);
    let (_, most) = figures.limits();
    let (rate, rate_peak) = sight.live.server_rates(proxy, place)?;
    row.set(Column::Part, Value::text(&*line.name.value));
    row.set(Column::PartId, number(line.id, place));
    row.set(Column::QueueNow, Value::U32(figures.waiting()));
    row.set(Column::QueueMax, Value::U32(figures.waiting_peak()));
    row.set(Column::SessionsNow, Value::U32(figures.current()));
    row.set(Column::SessionsMax, Value::U32(figures.peak()));
    if most > 0 {
        row.set(Column::SessionsLimit, Value::U32(most));
    }
    if figures.queue_max() > 0 {
        row.set(Column::QueueLimit, Value::U32(figures.queue_max()));
    }
    if figures.ramp() < 100 {
        row.set(Column::Throttle, Value::U32(figures.ramp().into()));
    }
    // What it has of its weight so far (`slowstart`), where weights can change at all.
    let share = match sight.live.has_fixed_weights(proxy) {
        true => figures.weight(),
        false => figures.grown_weight(),
    };
    row.set(Column::Weight, Value::U32(share.into()));
    row.set(Column::UserWeight, Value::U32(figures.weight().into()));
    row.set(Column::Active, Value::U32(u32::from(!figures.is_backup())));
    row.set(Column::Backup, Value::U32(u32::from(figures.is_backup())));
    row.set(Column::Rate, Value::U32(rate));
    row.set(Column::RateMax, Value::U32(rate_peak));
    row.set(Column::Address, Value::text(address(sight, proxy, place)));
    if let Some(cookie) = &line.settings.cookie {
        row.set(Column::Cookie, Value::text(&*cookie.value));
    }
    // Numbers are never given to other servers.
    row.set(Column::ServerRevision, Value::U32(0));
    sums(&mut row, sheets, EVERYWHERE);
    sums(&mut row, sheets, BEHIND);
    if of.mode() == Mode::Http {
        sums(&mut row, sheets, STATUSES);
    }
    pool(&mut row, figures.current(), sheets);
    times(&mut row, sight, sheets);
    state::describe(&mut row, sight, (proxy, place));
    Some(row)
}

/// Idle connections, and those in use. How many will be needed nobody estimates here.
fn pool(row: &mut Row, used: u32, sheets: Option<&Sheets>) {
    let idle = sheets.map_or(0, Sheets::idle);
    row.set(Column::IdleNow, Value::U32(idle));
    row.set(Column::IdleSafe, Value::U32(idle));
    row.set(Column::IdleUnsafe, Value::U32(0));
    row.set(Column::Used, Value::U32(used));
}

/// A server's address and port, as it is used; as it was written where there is none.
fn address(sight: &Sight<'_>, proxy: usize, place: usize) -> String {
    let found = sight.destinations.servers.get(proxy).and_then(|it| it.get(place));
    match found {
        Some(it) if it.unix.is_some() => {
            it.unix.as_ref().map_or_else(String::new, |it| it.to_string())
        }
        Some(it) if it.address().is_some() => {
            it.address().map_or_else(String::new, |address| address.to_string())
        }
        _ => {
            let line = sight.plan.proxies.get(proxy).and_then(|it| it.servers.get(place));
            line.map_or_else(String::new, |line| line.endpoint.value.to_string())
        }
    }
}

/// A backend.
pub fn backend(sight: &Sight<'_>, proxy: usize) -> Row {
    let mut row = begin(sight, Kind::Backend, proxy, 0);
    let Some(of) = sight.plan.proxies.get(proxy) else { return row };
    let sheets = sight.ledger.back(proxy);
    let figures = sight.live.back_figures(proxy).unwrap_or_default();
    row.set(Column::Part, Value::text("BACKEND"));
    row.set(Column::QueueNow, Value::U32(figures.waiting));
    row.set(Column::QueueMax, Value::U32(figures.waiting_peak));
    row.set(Column::SessionsNow, Value::U32(figures.requests));
    row.set(Column::SessionsMax, Value::U32(figures.requests_peak));
    row.set(Column::SessionsLimit, Value::U32(sight.live.full_load(proxy)));
    row.set(Column::Rate, Value::U32(figures.rate));
    row.set(Column::RateMax, Value::U32(figures.rate_peak));
    row.set(Column::Algorithm, Value::text(algorithm(of)));
    sums(&mut row, sheets, EVERYWHERE);
    sums(&mut row, sheets, BEHIND);
    sums(&mut row, sheets, &[(Column::DeniedRequests, Count::DeniedRequests)]);
    zeros(&mut row, NOTHING_COMPRESSED);
    if of.mode() == Mode::Http {
        sums(&mut row, sheets, STATUSES);
        zeros(&mut row, &[Column::CacheLookups, Column::CacheHits]);
        if let Some(cookie) = &of.back.cookie {
            row.set(Column::Cookie, Value::text(&*cookie.value.name));
        }
    }
    let sums_up = [Column::ServersByState, Column::ServersByCheck, Column::ServersByResult];
    sums_up.iter().for_each(|&column| row.set(column, Value::U32(0)));
    times(&mut row, sight, sheets);
    state::sum_up(&mut row, sight, proxy);
    row
}

fn algorithm(proxy: &Proxy) -> &'static str {
    match proxy.back.balance.as_ref().map(|it| &it.value) {
        None | Some(Balance::RoundRobin) => "roundrobin",
        Some(Balance::StaticRoundRobin) => "static-rr",
        Some(Balance::LeastConnections) => "leastconn",
        Some(Balance::First) => "first",
        Some(Balance::Random { .. }) => "random",
        Some(Balance::Source) => "source",
        Some(Balance::Uri { .. }) => "uri",
        Some(Balance::UrlParam { .. }) => "url_param",
        Some(Balance::Header { .. }) => "hdr",
        Some(Balance::RdpCookie { .. }) => "rdp-cookie",
        Some(Balance::Hash) => "hash",
        Some(Balance::LogHash) => "log-hash",
        Some(Balance::Sticky) => "sticky",
    }
}
