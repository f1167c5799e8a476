//! Rows as CSV (RFC 4180) and as typed text, in HAProxy's shape (management.txt §9.1, §9.2).

use std::fmt::Write;

use super::table::{COLUMNS, Field, Row, Value};

/// The first line: `# pxname,svname,...`.
pub fn header(out: &mut String) {
    out.push_str("# ");
    for (_, field) in COLUMNS {
        out.push_str(field.name);
        out.push(',');
    }
    out.push('\n');
}

/// A row.
pub fn row(row: &Row, out: &mut String) {
    for (_, value) in row.cells() {
        match value {
            Some(Value::Str(text)) => quoted(text, out),
            Some(number) => put(out, format_args!("{number}")),
            None => {}
        }
        out.push(',');
    }
    out.push('\n');
}

/// A text of several lines is one line; quotes stand around what needs them.
fn quoted(text: &str, out: &mut String) {
    let needs = text.contains(['"', ',', '\n', '\r']);
    if !needs {
        return out.push_str(text);
    }
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\"\""),
            '\n' | '\r' => out.push(' '),
            letter => out.push(letter),
        }
    }
    out.push('"');
}

/// A row as typed text: a line for each cell; `described` adds what it says.
pub fn typed(row: &Row, described: bool, out: &mut String) {
    let (proxy, part) = (row.number(super::table::Column::ProxyId), part_id(row));
    for (place, (field, value)) in row.cells().enumerate() {
        let Some(value) = value else { continue };
        let letter = row.kind.letter();
        put(out, format_args!("{letter}.{proxy}.{part}.{place}.{}.1:", field.name));
        typed_value(field, value, described, out);
    }
}

/// The number of a server or socket in its proxy.
pub fn part_id(row: &Row) -> i128 {
    row.number(super::table::Column::PartId)
}

/// Tags, type and value, and the line's end.
pub fn typed_value(field: &Field, value: &Value, described: bool, out: &mut String) {
    put(out, format_args!("{}:{}:", field.tags, value.kind()));
    match value {
        Value::Str(text) => {
            out.extend(text.chars().map(|it| if it.is_control() { ' ' } else { it }))
        }
        number => put(out, format_args!("{number}")),
    }
    if described {
        put(out, format_args!(":\"{}\"", field.help));
    }
    out.push('\n');
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::super::table::{COMMON, Column, Kind};
    use super::*;

    /// The common part of what HAProxy 3.0.11 prints.
    #[test]
    fn the_header_is_haproxys() {
        let mut line = String::new();
        header(&mut line);
        let begin = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,\
                     wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,\
                     sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,check_code,\
                     check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,\
                     req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,\
                     lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,\
                     agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_rise,\
                     agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,\
                     intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,\
                     qtime_max,ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,\
                     used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_check_status,\
                     agg_check_status,srid,sess_other,h1sess,h2sess,h3sess,req_other,h1req,h2req,h3req,\
                     proto,-,";
        assert!(line.starts_with(begin), "{line}");
        assert_eq!(begin.matches(',').count(), COMMON);
    }

    #[test]
    fn what_needs_quotes_has_them() {
        let mut it = Row::new(Kind::Server, 0, 0);
        it.set(Column::Proxy, Value::text("a,b\"c\nd"));
        it.set(Column::Part, Value::text("plain"));
        it.set(Column::QueueNow, Value::U32(7));
        it.set(Column::ProxyId, Value::U32(2));
        it.set(Column::PartId, Value::U32(1));
        let mut line = String::new();
        row(&it, &mut line);
        assert!(line.starts_with("\"a,b\"\"c d\",plain,7,,"), "{line}");
        assert_eq!(line.lines().count(), 1);
        let mut lines = String::new();
        typed(&it, false, &mut lines);
        assert!(lines.starts_with("S.2.1.0.pxname.1:KNS:str:a,b\"c d\n"), "{lines}");
        assert!(lines.contains("S.2.1.2.qcur.1:MGP:u32:7\n"), "{lines}");
    }
}
