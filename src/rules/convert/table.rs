//! What stick tables know of a key: `in_table` and `table_*`.

use super::{Converter, converter};
use crate::config::plan::DataKind;
use crate::rules::arg::{Kind, Param, may, must};
use crate::rules::table::{self, Of};
use crate::rules::value::Type;

const TABLE: &[Param] = &[must("table", Kind::Table)];
const TABLE_INDEX: &[Param] = &[must("index", Kind::Int), must("table", Kind::Table)];
const TABLE_DEFAULT: &[Param] = &[must("table", Kind::Table), may("default", Kind::Int)];

macro_rules! table {
    ($($name:literal $params:ident $output:ident ($of:expr) $about:literal $example:literal;)*) => {
        &[$(converter(
            $name,
            $params,
            Type::Any,
            Type::$output,
            $about,
            $example,
            |context, value, args| table::convert(context, value?, args, $of),
        ),)*]
    };
}

/// The table.
pub const CONVERTERS: &[Converter] = table! {
    "in_table" TABLE Bool (Of::Known) "Whether a stick table has the key." "src,in_table(t)";
    "table_bytes_in_rate" TABLE Int (Of::Get(DataKind::BytesInRate))
        "Bytes from clients over the table's period." "src,table_bytes_in_rate(t)";
    "table_bytes_out_rate" TABLE Int (Of::Get(DataKind::BytesOutRate))
        "Bytes to clients over the table's period." "src,table_bytes_out_rate(t)";
    "table_conn_cnt" TABLE Int (Of::Get(DataKind::ConnCnt))
        "Connections so far." "src,table_conn_cnt(t)";
    "table_conn_cur" TABLE Int (Of::Get(DataKind::ConnCur))
        "Connections now." "src,table_conn_cur(t)";
    "table_conn_rate" TABLE Int (Of::Get(DataKind::ConnRate))
        "Connections over the table's period." "src,table_conn_rate(t)";
    "table_expire" TABLE_DEFAULT Int (Of::Expire)
        "Milliseconds until the entry expires." "src,table_expire(t)";
    "table_glitch_cnt" TABLE Int (Of::Get(DataKind::GlitchCnt))
        "Protocol oddities so far." "src,table_glitch_cnt(t)";
    "table_glitch_rate" TABLE Int (Of::Get(DataKind::GlitchRate))
        "Protocol oddities over the table's period." "src,table_glitch_rate(t)";
    "table_gpc" TABLE_INDEX Int (Of::Element(DataKind::Gpc))
        "A counter of the array `gpc`." "src,table_gpc(0,t)";
    "table_gpc_rate" TABLE_INDEX Int (Of::Element(DataKind::GpcRate))
        "The rate of a counter of the array `gpc`." "src,table_gpc_rate(0,t)";
    "table_gpc0" TABLE Int (Of::Get(DataKind::Gpc0))
        "The counter `gpc0`." "src,table_gpc0(t)";
    "table_gpc0_rate" TABLE Int (Of::Get(DataKind::Gpc0Rate))
        "The rate of `gpc0`." "src,table_gpc0_rate(t)";
    "table_gpc1" TABLE Int (Of::Get(DataKind::Gpc1))
        "The counter `gpc1`." "src,table_gpc1(t)";
    "table_gpc1_rate" TABLE Int (Of::Get(DataKind::Gpc1Rate))
        "The rate of `gpc1`." "src,table_gpc1_rate(t)";
    "table_gpt" TABLE_INDEX Int (Of::Element(DataKind::Gpt))
        "A tag of the array `gpt`." "src,table_gpt(0,t)";
    "table_gpt0" TABLE Int (Of::Get(DataKind::Gpt0))
        "The tag `gpt0`." "src,table_gpt0(t)";
    "table_http_err_cnt" TABLE Int (Of::Get(DataKind::HttpErrCnt))
        "Clients' errors so far." "src,table_http_err_cnt(t)";
    "table_http_err_rate" TABLE Int (Of::Get(DataKind::HttpErrRate))
        "Clients' errors over the table's period." "src,table_http_err_rate(t)";
    "table_http_fail_cnt" TABLE Int (Of::Get(DataKind::HttpFailCnt))
        "Servers' failures so far." "src,table_http_fail_cnt(t)";
    "table_http_fail_rate" TABLE Int (Of::Get(DataKind::HttpFailRate))
        "Servers' failures over the table's period." "src,table_http_fail_rate(t)";
    "table_http_req_cnt" TABLE Int (Of::Get(DataKind::HttpReqCnt))
        "Requests so far." "src,table_http_req_cnt(t)";
    "table_http_req_rate" TABLE Int (Of::Get(DataKind::HttpReqRate))
        "Requests over the table's period." "src,table_http_req_rate(t)";
    "table_idle" TABLE_DEFAULT Int (Of::Idle)
        "Milliseconds since the entry was used." "src,table_idle(t)";
    "table_kbytes_in" TABLE Int (Of::Kilo(DataKind::BytesInCnt))
        "Kilobytes from clients." "src,table_kbytes_in(t)";
    "table_kbytes_out" TABLE Int (Of::Kilo(DataKind::BytesOutCnt))
        "Kilobytes to clients." "src,table_kbytes_out(t)";
    "table_server_id" TABLE Int (Of::Server)
        "The server stored." "src,table_server_id(t)";
    "table_sess_cnt" TABLE Int (Of::Get(DataKind::SessCnt))
        "Sessions so far." "src,table_sess_cnt(t)";
    "table_sess_rate" TABLE Int (Of::Get(DataKind::SessRate))
        "Sessions over the table's period." "src,table_sess_rate(t)";
    "table_trackers" TABLE Int (Of::Trackers)
        "Connections that track the key now." "src,table_trackers(t)";
};
