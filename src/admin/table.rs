//! The columns of the statistics: one list for CSV, typed text, JSON and metrics.
//!
//! Names, order and tags are those of HAProxy 3.0 (management.txt §9.1, §9.2), since tools read by them;
//! the explanations are ours.

/// What a value is: its type and the value, as typed output has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `u32`.
    U32(u32),
    /// `u64`.
    U64(u64),
    /// `s32`.
    S32(i32),
    /// `str`.
    Str(Box<str>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<Box<str>>) -> Value {
        Value::Str(text.into())
    }

    /// The name of its type.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::U32(_) => "u32",
            Value::U64(_) => "u64",
            Value::S32(_) => "s32",
            Value::Str(_) => "str",
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<i128> {
        match self {
            Value::U32(number) => Some((*number).into()),
            Value::U64(number) => Some((*number).into()),
            Value::S32(number) => Some((*number).into()),
            Value::Str(_) => None,
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::U32(number) => write!(f, "{number}"),
            Value::U64(number) => write!(f, "{number}"),
            Value::S32(number) => write!(f, "{number}"),
            Value::Str(text) => f.write_str(text),
        }
    }
}

/// A field of `show stat` or `show info`.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Three letters: where it comes from, what it is, what it is about.
    pub tags: &'static str,
    /// What it says.
    pub help: &'static str,
}

macro_rules! columns {
    ($($column:ident $name:literal $tags:literal $help:literal,)*) => {
        /// A column, by its place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Column { $(#[doc = $help] $column,)* }

        /// All columns, in HAProxy's order.
        pub const COLUMNS: &[(Column, Field)] =
            &[$((Column::$column, Field { name: $name, tags: $tags, help: $help }),)*];
    };
}

columns! {
    Proxy "pxname" "KNS" "The proxy's name.",
    Part "svname" "KNS" "FRONTEND, BACKEND, or the name of the server or socket.",
    QueueNow "qcur" "MGP" "Requests that wait in the queue now.",
    QueueMax "qmax" "MMP" "The most that waited at a time.",
    SessionsNow "scur" "MGP" "Sessions in progress.",
    SessionsMax "smax" "MMP" "The most sessions at a time.",
    SessionsLimit "slim" "CLP" "How many sessions there may be.",
    SessionsTotal "stot" "MCP" "Sessions so far.",
    BytesIn "bin" "MCP" "Bytes of requests so far.",
    BytesOut "bout" "MCP" "Bytes of responses so far.",
    DeniedRequests "dreq" "MCP" "Requests that a rule refused.",
    DeniedResponses "dresp" "MCP" "Responses that a rule refused.",
    RequestErrors "ereq" "MCP" "Requests that came broken or not whole.",
    ConnectErrors "econ" "MCP" "Requests that got no connection to a server.",
    ResponseErrors "eresp" "MCP" "Responses that came broken or not whole.",
    Retries "wretr" "MCP" "Attempts to connect that were repeated.",
    Redispatches "wredis" "MCP" "Requests that went to another server than the first choice.",
    Status "status" "SGP" "The state.",
    Weight "weight" "MaP" "The weight of the server, or of all usable servers together.",
    Active "act" "SGP" "Usable servers that are no backups; of a server whether it is none.",
    Backup "bck" "SGP" "Usable backup servers; of a server whether it is one.",
    CheckFailures "chkfail" "MCP" "Health checks that failed.",
    Downs "chkdown" "MCP" "How often it went from UP to DOWN.",
    LastChange "lastchg" "MAP" "Seconds since the last change of state.",
    Downtime "downtime" "MCP" "Seconds it was DOWN, all together.",
    QueueLimit "qlimit" "CLS" "How many may wait for the server.",
    ProcessNumber "pid" "KGP" "The number of the process: always 1.",
    ProxyId "iid" "KGS" "The proxy's number.",
    PartId "sid" "KGS" "The server's or socket's number in its proxy.",
    Throttle "throttle" "MGP" "The share of its load that a server takes after it came back, in per cent.",
    Balanced "lbtot" "MCP" "Requests that the balance sent here.",
    Tracked "tracked" "CGS" "The server whose state is taken over.",
    Type "type" "CGS" "0: frontend, 1: backend, 2: server, 3: socket.",
    Rate "rate" "MRP" "Sessions in the last second.",
    RateLimit "rate_lim" "CLP" "How many new sessions a second there may be.",
    RateMax "rate_max" "MMP" "The most new sessions in a second.",
    CheckStatus "check_status" "MOP" "What the last health check came to.",
    CheckCode "check_code" "MOP" "The code in its answer.",
    CheckDuration "check_duration" "MDP" "How long it took, in milliseconds.",
    Status1 "hrsp_1xx" "MCP" "Responses with a status from 100 to 199.",
    Status2 "hrsp_2xx" "MCP" "Responses with a status from 200 to 299.",
    Status3 "hrsp_3xx" "MCP" "Responses with a status from 300 to 399.",
    Status4 "hrsp_4xx" "MCP" "Responses with a status from 400 to 499.",
    Status5 "hrsp_5xx" "MCP" "Responses with a status from 500 to 599.",
    StatusOther "hrsp_other" "MCP" "Exchanges that ended without such a response.",
    ObservedFailures "hanafail" "MGP" "Failures that were observed in traffic.",
    RequestRate "req_rate" "MRP" "Requests of HTTP in the last second.",
    RequestRateMax "req_rate_max" "MMP" "The most requests of HTTP in a second.",
    Requests "req_tot" "MCP" "Requests of HTTP so far.",
    ClientAborts "cli_abrt" "MCP" "Exchanges that the client gave up.",
    ServerAborts "srv_abrt" "MCP" "Exchanges that the server gave up.",
    CompressedIn "comp_in" "MCP" "Bytes that were compressed, before.",
    CompressedOut "comp_out" "MCP" "Bytes that were compressed, after.",
    CompressionBypassed "comp_byp" "MCP" "Bytes that compression left out.",
    CompressedResponses "comp_rsp" "MCP" "Responses that were compressed.",
    LastSession "lastsess" "MAP" "Seconds since the last session; -1 if there was none.",
    LastCheck "last_chk" "MOP" "What the last health check's answer said.",
    LastAgent "last_agt" "MOP" "What the agent said last.",
    QueueTime "qtime" "MaP" "Time in the queue, mean of the last 1024, in milliseconds.",
    ConnectTime "ctime" "MaP" "Time to connect, mean of the last 1024, in milliseconds.",
    ResponseTime "rtime" "MaP" "Time until the response, mean of the last 1024, in milliseconds.",
    TotalTime "ttime" "MaP" "Time of everything, mean of the last 1024, in milliseconds.",
    AgentStatus "agent_status" "MOP" "What the last agent check came to.",
    AgentCode "agent_code" "MOP" "The code of the last agent check.",
    AgentDuration "agent_duration" "MDP" "How long it took, in milliseconds.",
    CheckWords "check_desc" "MOP" "What the last health check came to, in words.",
    AgentWords "agent_desc" "MOP" "What the last agent check came to, in words.",
    CheckRise "check_rise" "CGS" "Checks that have to succeed before it is UP.",
    CheckFall "check_fall" "CGS" "Checks that have to fail before it is DOWN.",
    CheckHealth "check_health" "CGS" "How healthy it is, from 0 to rise + fall - 1.",
    AgentRise "agent_rise" "CGS" "Agent checks that have to succeed before it is UP.",
    AgentFall "agent_fall" "CGS" "Agent checks that have to fail before it is DOWN.",
    AgentHealth "agent_health" "CGS" "How healthy it is by the agent.",
    Address "addr" "CGS" "The address and port.",
    Cookie "cookie" "CNS" "The server's cookie, or the backend's cookie's name.",
    Mode "mode" "CGS" "tcp or http.",
    Algorithm "algo" "CGS" "The balance algorithm.",
    ConnectionRate "conn_rate" "MRP" "Connections in the last second.",
    ConnectionRateMax "conn_rate_max" "MMP" "The most connections in a second.",
    Connections "conn_tot" "MCP" "Connections so far.",
    Intercepted "intercepted" "MCP" "Requests that the proxy answered itself.",
    DeniedConnections "dcon" "MCP" "Connections that a rule refused.",
    DeniedSessions "dses" "MCP" "Sessions that a rule refused.",
    RewriteErrors "wrew" "MCP" "Changes to messages that failed.",
    Connects "connect" "MCP" "Connections made to servers.",
    Reuses "reuse" "MCP" "Requests that took an idle connection.",
    CacheLookups "cache_lookups" "MCP" "Look-ups in the cache.",
    CacheHits "cache_hits" "MCP" "Look-ups that found something.",
    IdleNow "srv_icur" "MGP" "Idle connections to the server.",
    IdleLimit "src_ilim" "CLP" "How many there may be.",
    QueueTimeMax "qtime_max" "MMP" "The longest time in the queue, in milliseconds.",
    ConnectTimeMax "ctime_max" "MMP" "The longest time to connect, in milliseconds.",
    ResponseTimeMax "rtime_max" "MMP" "The longest time until a response, in milliseconds.",
    TotalTimeMax "ttime_max" "MMP" "The longest time of everything, in milliseconds.",
    InternalErrors "eint" "MCP" "Exchanges that ended for want of something of ours.",
    IdleUnsafe "idle_conn_cur" "MGP" "Idle connections that not everybody may use.",
    IdleSafe "safe_conn_cur" "MGP" "Idle connections that anybody may use.",
    Used "used_conn_cur" "MGP" "Connections in use.",
    Needed "need_conn_est" "MGP" "Connections that will be needed, by estimate.",
    UserWeight "uweight" "MaP" "The weight that was set.",
    ServersByState "agg_server_status" "MGP" "Servers by state (kept for dashboards).",
    ServersByCheck "agg_server_check_status" "MGP" "Servers by state (kept for dashboards).",
    ServersByResult "agg_check_status" "MGP" "Servers by the last check's result.",
    ServerRevision "srid" "MCP" "How often its number was given to another server: never.",
    SessionsOther "sess_other" "MCP" "Sessions that are none of HTTP.",
    SessionsH1 "h1sess" "MCP" "Sessions of HTTP/1.",
    SessionsH2 "h2sess" "MCP" "Sessions of HTTP/2.",
    SessionsH3 "h3sess" "MCP" "Sessions of HTTP/3.",
    RequestsOther "req_other" "MCP" "Requests of other versions.",
    RequestsH1 "h1req" "MCP" "Requests of HTTP/1.",
    RequestsH2 "h2req" "MCP" "Requests of HTTP/2.",
    RequestsH3 "h3req" "MCP" "Requests of HTTP/3.",
    Protocol "proto" "SGP" "The protocol of the socket.",
    Divider "-" "" "Ends what every build has; behind it modules count.",
    TlsSessions "ssl_sess" "MCP" "Connections with TLS so far.",
    TlsResumed "ssl_reused_sess" "MCP" "Of those the ones that resumed a session.",
    TlsFailed "ssl_failed_handshake" "MCP" "TLS handshakes that failed.",
}

/// How many columns there are.
pub const WIDTH: usize = COLUMNS.len();

/// How many of them every build of HAProxy has; behind them modules count.
pub const COMMON: usize = Column::Divider as usize + 1;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A frontend.
    Frontend,
    /// A backend.
    Backend,
    /// A server.
    Server,
    /// A listening socket.
    Listener,
}

impl Kind {
    /// The number in the column `type`, and the bit that asks for such rows (`show stat`).
    pub fn number(self) -> u32 {
        match self {
            Kind::Frontend => 0,
            Kind::Backend => 1,
            Kind::Server => 2,
            Kind::Listener => 3,
        }
    }

    /// The letter of typed output.
    pub fn letter(self) -> char {
        match self {
            Kind::Frontend => 'F',
            Kind::Backend => 'B',
            Kind::Server => 'S',
            Kind::Listener => 'L',
        }
    }

    /// The word of JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Frontend => "Frontend",
            Kind::Backend => "Backend",
            Kind::Server => "Server",
            Kind::Listener => "Listener",
        }
    }
}

/// A row: what one frontend, backend, server or socket has.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is about.
    pub kind: Kind,
    /// The proxy, an index into the plan.
    pub proxy: usize,
    /// The server's or bind's place in it.
    pub part: usize,
    cells: Box<[Option<Value>; WIDTH]>,
}

impl Row {
    /// An empty one.
    pub fn new(kind: Kind, proxy: usize, part: usize) -> Row {
        Row { kind, proxy, part, cells: Box::new([const { None }; WIDTH]) }
    }

    /// Sets a cell.
    pub fn set(&mut self, column: Column, value: Value) {
        self.cells[column as usize] = Some(value);
    }

    /// Empties a cell.
    pub fn clear(&mut self, column: Column) {
        self.cells[column as usize] = None;
    }

    /// A cell.
    pub fn get(&self, column: Column) -> Option<&Value> {
        self.cells[column as usize].as_ref()
    }

    /// The number in a cell; 0 where there is none.
    pub fn number(&self, column: Column) -> i128 {
        self.get(column).and_then(Value::number).unwrap_or(0)
    }

    /// The text in a cell; empty where there is none.
    pub fn text(&self, column: Column) -> &str {
        match self.get(column) {
            Some(Value::Str(text)) => text,
            _ => "",
        }
    }

    /// All cells with their columns.
    pub fn cells(&self) -> impl Iterator<Item = (&'static Field, Option<&Value>)> {
        COLUMNS.iter().zip(&*self.cells).map(|((_, field), cell)| (field, cell.as_ref()))
    }
}

/// The words behind the letters of [`Field::tags`], for JSON: origin, nature, scope.
pub fn tag_words(tags: &str) -> [&'static str; 3] {
    let mut letters = tags.bytes();
    let mut next = || letters.next().unwrap_or(b' ');
    let origin = match next() {
        b'M' => "Metric",
        b'S' => "Status",
        b'K' => "Key",
        b'C' => "Config",
        b'P' => "Product",
        _ => "Unknown",
    };
    let nature = match next() {
        b'A' => "Age",
        b'a' => "Avg",
        b'C' => "Counter",
        b'D' => "Duration",
        b'G' => "Gauge",
        b'L' => "Limit",
        b'M' => "Max",
        b'm' => "Min",
        b'N' => "Name",
        b'O' => "Output",
        b'R' => "Rate",
        b'T' => "Time",
        _ => "Unknown",
    };
    let scope = match next() {
        b'C' => "Cluster",
        b'P' => "Process",
        b'S' => "Service",
        b's' => "System",
        _ => "Unknown",
    };
    [origin, nature, scope]
}
