//! Stick tables and what they count: `table_*`, `sc_*`, `sc0_*`, `src_*` (HAProxy 3.0,
//! configuration.txt §7.3.2 and §7.3.3).

use super::places::{RUNNING, STREAM};
use super::{Fetch, Get, One};
use crate::config::plan::DataKind;
use crate::rules::arg::{Arg, Kind, Param, may, must};
use crate::rules::compiler::Scope;
use crate::rules::context::Context;
use crate::rules::table::{self, Ask, Counter, Whose};
use crate::rules::value::{Type, Value};

const COUNTER: Param = must("counter", Kind::Int);
const INDEX: Param = must("index", Kind::Int);
/// Left out, it is the table that the entry is tracked in.
const TABLE: Param = may("table", Kind::Table);
/// The current proxy's, which must have one, if nothing stands first; behind another argument it may
/// be empty, but not left out.
const NAMED_TABLE: Param = must("table", Kind::Table);

const fn fetch(
    name: &'static str,
    output: Type,
    at: Scope,
    params: &'static [Param],
    example: &'static str,
    about: &'static str,
    get: One,
) -> Fetch {
    Fetch::new(name, output, at, Get::One(get), about).takes(params, example)
}

/// `sc_X(counter[,table])`, `sc0_X([table])`, `sc1_X`, `sc2_X` and, with `src`, `src_X(table)`.
macro_rules! counters {
    ($($name:literal $output:ident $at:ident $($src:ident)? ($ask:expr) $about:literal,)*) => {
        &[$(
            fetch(
                concat!("sc_", $name),
                Type::$output,
                $at,
                &[COUNTER, TABLE],
                concat!("sc_", $name, "(0)"),
                concat!($about, ", for the key that the given counter tracks."),
                |context, args| table::fetch(context, args, Whose::Numbered, $ask),
            ),
            fetch(
                concat!("sc0_", $name),
                Type::$output,
                $at,
                &[TABLE],
                concat!("sc0_", $name),
                concat!($about, ", for the key that counter 0 tracks."),
                |context, args| table::fetch(context, args, Whose::Counter(0), $ask),
            ),
            fetch(
                concat!("sc1_", $name),
                Type::$output,
                $at,
                &[TABLE],
                concat!("sc1_", $name),
                concat!($about, ", for the key that counter 1 tracks."),
                |context, args| table::fetch(context, args, Whose::Counter(1), $ask),
            ),
            fetch(
                concat!("sc2_", $name),
                Type::$output,
                $at,
                &[TABLE],
                concat!("sc2_", $name),
                concat!($about, ", for the key that counter 2 tracks."),
                |context, args| table::fetch(context, args, Whose::Counter(2), $ask),
            ),
            $(counters!(@$src $name $output ($ask) $about),)?
        )*]
    };
    (@src $name:literal $output:ident ($ask:expr) $about:literal) => {
        fetch(
            concat!("src_", $name),
            Type::$output,
            STREAM,
            &[NAMED_TABLE],
            concat!("src_", $name),
            concat!($about, ", for the client's address."),
            |context, args| table::fetch(context, args, Whose::Source, $ask),
        )
    };
}

/// The counters that every entry may have.
pub const COUNTERS: &[Fetch] = counters! {
    "bytes_in_rate" Int RUNNING src (Ask::Get(DataKind::BytesInRate))
        "Bytes from clients per period",
    "bytes_out_rate" Int RUNNING src (Ask::Get(DataKind::BytesOutRate))
        "Bytes to clients per period",
    "clr_gpc0" Int RUNNING src (Ask::Clear(Counter::Old(0)))
        "Clears the first general purpose counter; its value before",
    "clr_gpc1" Int RUNNING src (Ask::Clear(Counter::Old(1)))
        "Clears the second general purpose counter; its value before",
    "conn_cnt" Int RUNNING src (Ask::Get(DataKind::ConnCnt))
        "Connections so far",
    "conn_cur" Int RUNNING src (Ask::Get(DataKind::ConnCur))
        "Connections in progress",
    "conn_rate" Int RUNNING src (Ask::Get(DataKind::ConnRate))
        "Connections per period",
    "get_gpc0" Int RUNNING src (Ask::Get(DataKind::Gpc0))
        "The first general purpose counter",
    "get_gpc1" Int RUNNING src (Ask::Get(DataKind::Gpc1))
        "The second general purpose counter",
    "get_gpt0" Int RUNNING src (Ask::Get(DataKind::Gpt0))
        "The first general purpose tag",
    "glitch_cnt" Int RUNNING src (Ask::Get(DataKind::GlitchCnt))
        "Misuses of the protocol so far",
    "glitch_rate" Int RUNNING src (Ask::Get(DataKind::GlitchRate))
        "Misuses of the protocol per period",
    "gpc0_rate" Int RUNNING src (Ask::Get(DataKind::Gpc0Rate))
        "The first general purpose counter's growth per period",
    "gpc1_rate" Int RUNNING src (Ask::Get(DataKind::Gpc1Rate))
        "The second general purpose counter's growth per period",
    "http_err_cnt" Int RUNNING src (Ask::Get(DataKind::HttpErrCnt))
        "Requests in error so far",
    "http_err_rate" Int RUNNING src (Ask::Get(DataKind::HttpErrRate))
        "Requests in error per period",
    "http_fail_cnt" Int RUNNING src (Ask::Get(DataKind::HttpFailCnt))
        "Failed responses so far",
    "http_fail_rate" Int RUNNING src (Ask::Get(DataKind::HttpFailRate))
        "Failed responses per period",
    "http_req_cnt" Int RUNNING src (Ask::Get(DataKind::HttpReqCnt))
        "Requests so far",
    "http_req_rate" Int RUNNING src (Ask::Get(DataKind::HttpReqRate))
        "Requests per period",
    "inc_gpc0" Int RUNNING src (Ask::Increase(Counter::Old(0)))
        "Adds one to the first general purpose counter; its value then",
    "inc_gpc1" Int RUNNING src (Ask::Increase(Counter::Old(1)))
        "Adds one to the second general purpose counter; its value then",
    "kbytes_in" Int STREAM src (Ask::Kilo(DataKind::BytesInCnt))
        "Kilobytes from clients so far",
    "kbytes_out" Int STREAM src (Ask::Kilo(DataKind::BytesOutCnt))
        "Kilobytes to clients so far",
    "sess_cnt" Int RUNNING src (Ask::Get(DataKind::SessCnt))
        "Accepted connections so far",
    "sess_rate" Int RUNNING src (Ask::Get(DataKind::SessRate))
        "Accepted connections per period",
    "tracked" Bool RUNNING (Ask::Tracked)
        "Whether there is an entry",
    "trackers" Int RUNNING (Ask::Trackers)
        "How many connections track the same entry",
};

/// One of the arrays `gpc` and `gpt`: by index and counter, or by index and for the client's address.
macro_rules! arrays {
    ($($name:literal ($ask:expr) $about:literal,)*) => {
        &[$(
            fetch(
                concat!("sc_", $name),
                Type::Int,
                RUNNING,
                &[INDEX, COUNTER, TABLE],
                concat!("sc_", $name, "(0,0)"),
                concat!($about, ", for the key that the given counter tracks."),
                |context, args| table::fetch(context, args, Whose::Numbered, $ask),
            ),
            fetch(
                concat!("src_", $name),
                Type::Int,
                STREAM,
                &[INDEX, NAMED_TABLE],
                concat!("src_", $name, "(0,)"),
                concat!($about, ", for the client's address."),
                |context, args| table::fetch(context, args, Whose::Source, $ask),
            ),
        )*]
    };
}

/// General purpose counters and tags, by index.
pub const ARRAYS: &[Fetch] = arrays! {
    "clr_gpc" (Ask::Clear(Counter::Element)) "Clears a general purpose counter; its value before",
    "get_gpc" (Ask::Element(DataKind::Gpc)) "A general purpose counter",
    "get_gpt" (Ask::Element(DataKind::Gpt)) "A general purpose tag",
    "gpc_rate" (Ask::Element(DataKind::GpcRate)) "A general purpose counter's growth per period",
    "inc_gpc" (Ask::Increase(Counter::Element)) "Adds one to a general purpose counter; its value then",
};

/// The rest.
pub const FETCHES: &[Fetch] = &[
    fetch(
        "sc1_clr_gpc",
        Type::Int,
        RUNNING,
        &[INDEX, TABLE],
        "sc1_clr_gpc(0)",
        "Clears a general purpose counter; its value before, for the key that counter 1 tracks.",
        |context, args| {
            table::fetch(context, args, Whose::Counter(1), Ask::Clear(Counter::Element))
        },
    ),
    fetch(
        "src_updt_conn_cnt",
        Type::Int,
        STREAM,
        &[NAMED_TABLE],
        "src_updt_conn_cnt",
        "Adds one to the connections of the client's address; how many they are then.",
        |context, args| table::fetch(context, args, Whose::Source, Ask::Connected),
    ),
    fetch(
        "table_avl",
        Type::Int,
        RUNNING,
        &[NAMED_TABLE],
        "table_avl",
        "Free entries of a table.",
        |context, args| {
            room(context, args).map(|(used, size)| size.saturating_sub(used).into()).map(Value::Int)
        },
    ),
    fetch(
        "table_cnt",
        Type::Int,
        RUNNING,
        &[NAMED_TABLE],
        "table_cnt",
        "Entries of a table in use.",
        |context, args| room(context, args).map(|(used, _)| Value::Int(used.into())),
    ),
];

/// How many entries a table has, and how many it may have.
fn room(context: &Context<'_>, args: &[Arg]) -> Option<(u32, u32)> {
    let Some(Arg::Table(id)) = args.first() else { return None };
    let table = context.tables.get(*id)?;
    Some((table.used(), table.size()))
}
