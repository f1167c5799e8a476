//! What the log says of checks, in HAProxy's words.

use crate::balance::checkup::{Count, Last};
use crate::config::plan::{Plan, Server};
use crate::proto::check::Status;

/// `, reason: Layer4 connection problem, info: "Connection refused", check duration: 0ms`
pub(super) fn reason(last: &Last) -> String {
    let verdict = &last.verdict;
    let mut out = format!(", reason: {}", verdict.status.text());
    if verdict.status.has_code() {
        out.push_str(&format!(", code: {}", verdict.code.unwrap_or(0)));
    }
    if !verdict.info.is_empty() {
        out.push_str(&format!(", info: \"{}\"", verdict.info));
    }
    // What requests told took no time.
    if verdict.status != Status::Analyzed {
        out.push_str(&format!(", check duration: {}ms", last.duration_ms));
    }
    out
}

/// One result (`option log-health-checks`).
pub(super) fn result(
    plan: &Plan,
    of: (usize, usize),
    what: &str,
    last: &Last,
    count: &Count,
    weight: u16,
) -> String {
    let (done, needed) = count.score();
    let state = match (count.is_up(), weight) {
        (false, _) => "DOWN",
        (true, 0) => "DRAIN",
        (true, _) => "UP",
    };
    let how = match last.verdict.status.is_passed() {
        true if last.verdict.status == Status::L7Conditional => "conditionally succeeded",
        true => "succeeded",
        false => "failed",
    };
    format!(
        "{what} check for {} {how}{}, status: {done}/{needed} {state}.",
        server(plan, of, false),
        reason(last)
    )
}

/// `server b/s`, or `Backup Server b/s`.
pub(super) fn server(plan: &Plan, (backend, server): (usize, usize), begins: bool) -> String {
    let proxy = plan.proxies.get(backend);
    let line = proxy.and_then(|proxy| proxy.servers.get(server));
    let names = format!(
        "{}/{}",
        proxy.map_or("", |it| &it.name),
        line.map_or("", |it: &Server| &it.name.value)
    );
    let backup = line.is_some_and(|it| it.settings.backup.is_some());
    match (backup, begins) {
        (true, true) => format!("Backup Server {names}"),
        (true, false) => format!("backup server {names}"),
        (false, true) => format!("Server {names}"),
        (false, false) => format!("server {names}"),
    }
}
