//! Stick tables.

use std::time::Duration;

use super::Given;
use crate::config::source::Span;

/// `stick-table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickTable {
    /// The whole line.
    pub span: Span,
    /// What its keys are.
    pub kind: Given<KeyKind>,
    /// How many entries it holds.
    pub size: Given<u32>,
    /// `expire`: after how long an unused entry goes.
    pub expire: Option<Given<Duration>>,
    /// `nopurge`: a full table takes no more instead of dropping the oldest.
    pub no_purge: bool,
    /// `peers`: the section that shares it.
    pub peers: Option<Given<Box<str>>>,
    /// `srvkey`: what a server is remembered by.
    pub server_key: ServerKey,
    /// `write-to`: another table that peers' updates go to as well.
    pub write_to: Option<Given<Box<str>>>,
    /// `store`: what an entry counts.
    pub store: Vec<Given<DataType>>,
}

/// Whose table: where in the plan it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableId {
    /// The `stick-table` of this proxy, an index into `Plan::proxies`.
    Proxy(usize),
    /// A `table` of a `peers` section.
    Peers {
        /// An index into `Plan::peers`.
        section: usize,
        /// An index into its `tables`.
        table: usize,
    },
}

/// What the keys of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// IPv4 addresses.
    Ip,
    /// IPv6 addresses.
    Ipv6,
    /// Numbers of 32 bits.
    Integer,
    /// Text of at most so many bytes.
    Text(u32),
    /// Exactly so many bytes.
    Binary(u32),
}

/// What a server is remembered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ServerKey {
    /// Its name.
    #[default]
    Name,
    /// Its address and port.
    Address,
}

/// What an entry counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataType {
    /// Which one.
    pub kind: DataKind,
    /// How many of them (`gpc(5)`); 1 for what is no array.
    pub count: u16,
    /// For a rate: over how long.
    pub period: Option<Duration>,
}

macro_rules! data_kinds {
    ($($kind:ident $word:literal $about:literal,)*) => {
        /// The data that an entry can hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DataKind { $(#[doc = $about] $kind,)* }

        impl DataKind {
            /// All of it.
            pub const ALL: &'static [DataKind] = &[$(DataKind::$kind,)*];

            /// Its word in `store`.
            pub fn word(self) -> &'static str {
                match self { $(DataKind::$kind => $word,)* }
            }
        }
    };
}

data_kinds! {
    ServerId "server_id" "The number of the server that the key leads to.",
    ServerName "server_name" "The name of that server.",
    ServerKey "server_key" "What that server is remembered by.",
    Gpt "gpt" "An array of tags.",
    Gpt0 "gpt0" "A tag.",
    Gpc "gpc" "An array of counters.",
    GpcRate "gpc_rate" "The rates of an array of counters.",
    Gpc0 "gpc0" "The first counter.",
    Gpc0Rate "gpc0_rate" "Its rate.",
    Gpc1 "gpc1" "The second counter.",
    Gpc1Rate "gpc1_rate" "Its rate.",
    ConnCnt "conn_cnt" "Connections.",
    ConnCur "conn_cur" "Connections that are open.",
    ConnRate "conn_rate" "The rate of connections.",
    SessCnt "sess_cnt" "Sessions.",
    SessRate "sess_rate" "The rate of sessions.",
    HttpReqCnt "http_req_cnt" "Requests.",
    HttpReqRate "http_req_rate" "The rate of requests.",
    HttpErrCnt "http_err_cnt" "Requests that were wrong.",
    HttpErrRate "http_err_rate" "Their rate.",
    HttpFailCnt "http_fail_cnt" "Answers that were failures.",
    HttpFailRate "http_fail_rate" "Their rate.",
    BytesInCnt "bytes_in_cnt" "Bytes from clients.",
    BytesInRate "bytes_in_rate" "Their rate.",
    BytesOutCnt "bytes_out_cnt" "Bytes to clients.",
    BytesOutRate "bytes_out_rate" "Their rate.",
    GlitchCnt "glitch_cnt" "Protocol faults that are no errors.",
    GlitchRate "glitch_rate" "Their rate.",
}

impl DataKind {
    /// Whether it is a rate, over a period.
    pub fn is_rate(self) -> bool {
        self.word().ends_with("_rate")
    }

    /// Whether it is an array, with a length.
    pub fn is_array(self) -> bool {
        matches!(self, DataKind::Gpt | DataKind::Gpc | DataKind::GpcRate)
    }
}
