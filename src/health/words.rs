//! What the log says of checks, in HAProxy's words.

use crate::balance::checkup::{Count, Last};
use crate::balance::{Admin, Health};
use crate::config::plan::{LogLevel, Plan, Server};
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

/// How bad it is that a server goes: nobody was sent any more to one that was leaving.
pub(super) fn down_level(admin: Admin, health: Health) -> LogLevel {
    match health == Health::Stopping || admin.has(Admin::DRAIN) {
        true => LogLevel::Notice,
        false => LogLevel::Alert,
    }
}

/// ` via b/s`, for the server that is tracked.
pub(super) fn via(plan: &Plan, leader: Option<(usize, usize)>) -> String {
    leader.map_or(String::new(), |leader| format!(" via {}", names(plan, leader)))
}

fn line(plan: &Plan, (backend, server): (usize, usize)) -> Option<&Server> {
    plan.proxies.get(backend)?.servers.get(server)
}

/// `b/s`.
fn names(plan: &Plan, of: (usize, usize)) -> String {
    let backend = plan.proxies.get(of.0).map_or("", |it| &it.name);
    format!("{backend}/{}", line(plan, of).map_or("", |it| &it.name.value))
}

/// `server b/s`, or `Backup Server b/s`.
pub(super) fn server(plan: &Plan, of: (usize, usize), begins: bool) -> String {
    let names = names(plan, of);
    let backup = line(plan, of).is_some_and(|it| it.settings.backup.is_some());
    match (backup, begins) {
        (true, true) => format!("Backup Server {names}"),
        (true, false) => format!("backup server {names}"),
        (false, true) => format!("Server {names}"),
        (false, false) => format!("server {names}"),
    }
}
