//! Stick tables and what they count: `table_*`, `sc_*`, `sc0_*`, `src_*` (HAProxy 3.0,
//! configuration.txt §7.3.2 and §7.3.3). Their arguments are checked; this build has no tables yet.

use super::Fetch;
use super::places::{RUNNING, STREAM};
use crate::config::keyword::Feature;
use crate::rules::arg::{Kind, Param, may, must};
use crate::rules::compiler::Scope;
use crate::rules::value::Type;

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
) -> Fetch {
    Fetch::later(name, output, at, Feature::StickTables, about).takes(params, example)
}

/// `sc_X(counter[,table])`, `sc0_X([table])`, `sc1_X`, `sc2_X` and, with `src`, `src_X(table)`.
macro_rules! counters {
    ($($name:literal $output:ident $at:ident $($src:ident)? $about:literal,)*) => {
        &[$(
            fetch(
                concat!("sc_", $name),
                Type::$output,
                $at,
                &[COUNTER, TABLE],
                concat!("sc_", $name, "(0)"),
                concat!($about, ", for the key that the given counter tracks."),
            ),
            fetch(
                concat!("sc0_", $name),
                Type::$output,
                $at,
                &[TABLE],
                concat!("sc0_", $name),
                concat!($about, ", for the key that counter 0 tracks."),
            ),
            fetch(
                concat!("sc1_", $name),
                Type::$output,
                $at,
                &[TABLE],
                concat!("sc1_", $name),
                concat!($about, ", for the key that counter 1 tracks."),
            ),
            fetch(
                concat!("sc2_", $name),
                Type::$output,
                $at,
                &[TABLE],
                concat!("sc2_", $name),
                concat!($about, ", for the key that counter 2 tracks."),
            ),
            $(counters!(@$src $name $output $about),)?
        )*]
    };
    (@src $name:literal $output:ident $about:literal) => {
        fetch(
            concat!("src_", $name),
            Type::$output,
            STREAM,
            &[NAMED_TABLE],
            concat!("src_", $name),
            concat!($about, ", for the client's address."),
        )
    };
}

/// The counters that every entry may have.
pub const COUNTERS: &[Fetch] = counters! {
    "bytes_in_rate" Int RUNNING src "Bytes from clients per period",
    "bytes_out_rate" Int RUNNING src "Bytes to clients per period",
    "clr_gpc0" Int RUNNING src "Clears the first general purpose counter; its value before",
    "clr_gpc1" Int RUNNING src "Clears the second general purpose counter; its value before",
    "conn_cnt" Int RUNNING src "Connections so far",
    "conn_cur" Int RUNNING src "Connections in progress",
    "conn_rate" Int RUNNING src "Connections per period",
    "get_gpc0" Int RUNNING src "The first general purpose counter",
    "get_gpc1" Int RUNNING src "The second general purpose counter",
    "get_gpt0" Int RUNNING src "The first general purpose tag",
    "glitch_cnt" Int RUNNING src "Misuses of the protocol so far",
    "glitch_rate" Int RUNNING src "Misuses of the protocol per period",
    "gpc0_rate" Int RUNNING src "The first general purpose counter's growth per period",
    "gpc1_rate" Int RUNNING src "The second general purpose counter's growth per period",
    "http_err_cnt" Int RUNNING src "Requests in error so far",
    "http_err_rate" Int RUNNING src "Requests in error per period",
    "http_fail_cnt" Int RUNNING src "Failed responses so far",
    "http_fail_rate" Int RUNNING src "Failed responses per period",
    "http_req_cnt" Int RUNNING src "Requests so far",
    "http_req_rate" Int RUNNING src "Requests per period",
    "inc_gpc0" Int RUNNING src "Adds one to the first general purpose counter; its value then",
    "inc_gpc1" Int RUNNING src "Adds one to the second general purpose counter; its value then",
    "kbytes_in" Int STREAM src "Kilobytes from clients so far",
    "kbytes_out" Int STREAM src "Kilobytes to clients so far",
    "sess_cnt" Int RUNNING src "Accepted connections so far",
    "sess_rate" Int RUNNING src "Accepted connections per period",
    "tracked" Bool RUNNING "Whether there is an entry",
    "trackers" Int RUNNING "How many connections track the same entry",
};

/// One of the arrays `gpc` and `gpt`: by index and counter, or by index and for the client's address.
macro_rules! arrays {
    ($($name:literal $about:literal,)*) => {
        &[$(
            fetch(
                concat!("sc_", $name),
                Type::Int,
                RUNNING,
                &[INDEX, COUNTER, TABLE],
                concat!("sc_", $name, "(0,0)"),
                concat!($about, ", for the key that the given counter tracks."),
            ),
            fetch(
                concat!("src_", $name),
                Type::Int,
                STREAM,
                &[INDEX, NAMED_TABLE],
                concat!("src_", $name, "(0,)"),
                concat!($about, ", for the client's address."),
            ),
        )*]
    };
}

/// General purpose counters and tags, by index.
pub const ARRAYS: &[Fetch] = arrays! {
    "clr_gpc" "Clears a general purpose counter; its value before",
    "get_gpc" "A general purpose counter",
    "get_gpt" "A general purpose tag",
    "gpc_rate" "A general purpose counter's growth per period",
    "inc_gpc" "Adds one to a general purpose counter; its value then",
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
    ),
    fetch(
        "src_updt_conn_cnt",
        Type::Int,
        STREAM,
        &[NAMED_TABLE],
        "src_updt_conn_cnt",
        "Adds one to the connections of the client's address; how many they are then.",
    ),
    fetch("table_avl", Type::Int, RUNNING, &[NAMED_TABLE], "table_avl", "Free entries of a table."),
    fetch(
        "table_cnt",
        Type::Int,
        RUNNING,
        &[NAMED_TABLE],
        "table_cnt",
        "Entries of a table in use.",
    ),
];
