//! What was read, for `-V`: files, sections, a line a proxy.

use crate::config::plan::{Mode, Plan, Proxy, RuleLines};
use crate::stick::{Local, Tables};

/// The summary.
pub fn summary(plan: &Plan) -> String {
    let mut out = String::new();
    for file in plan.sources.files() {
        let lines = count(plan.sources.lines(file), "line");
        out.push_str(&format!("read {}: {lines}\n", plan.sources.name(file)));
    }
    let kinds = [
        ("defaults section", plan.defaults.len()),
        ("proxy", plan.proxies.len()),
        ("userlist", plan.userlists.len()),
        ("resolvers section", plan.resolvers.len()),
        ("peers section", plan.peers.len()),
        ("mailers section", plan.mailers.len()),
        ("http-errors section", plan.http_errors.len()),
        ("cache", plan.caches.len()),
        ("ring", plan.rings.len()),
        ("crt-store", plan.crt_stores.len()),
        ("carp section", plan.carps.len()),
    ];
    let some = kinds.iter().filter(|(_, number)| *number > 0);
    let some: Vec<String> = some.map(|&(what, number)| count(number, what)).collect();
    if !some.is_empty() {
        out.push_str(&format!("{}\n", some.join(", ")));
    }
    for proxy in &plan.proxies {
        out.push_str(&line(plan, proxy));
    }
    out.push_str(&tables(plan));
    out
}

/// What stick tables take at most, whatever the number of workers, and what each worker has beside them.
fn tables(plan: &Plan) -> String {
    let bounds = Tables::bounds(plan);
    let mut out = String::new();
    for (name, entry, all) in &bounds {
        let all = mebibytes(*all);
        out.push_str(&format!(
            "stick table {name}: at most {entry} bytes an entry, {all} in all\n"
        ));
    }
    if bounds.len() > 1 {
        let sum = bounds.iter().fold(0_u64, |sum, (_, _, all)| sum.saturating_add(*all));
        out.push_str(&format!("{} stick tables: at most {}\n", bounds.len(), mebibytes(sum)));
    }
    if let Some(largest) = bounds.iter().map(|(_, entry, _)| *entry).max() {
        let handles = mebibytes(Local::bytes(largest));
        out.push_str(&format!(
            "beside them, each worker's handles of entries: at most {handles}\n"
        ));
    }
    out
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

fn line(plan: &Plan, proxy: &Proxy) -> String {
    let place = plan.sources.place(proxy.span);
    let mode = match proxy.mode() {
        Mode::Tcp => "tcp",
        Mode::Http => "http",
        Mode::Log => "log",
    };
    let mut parts = vec![format!("mode {mode}")];
    if proxy.has_frontend() {
        parts.push(count(proxy.binds.len(), "bind line"));
    }
    if proxy.has_backend() {
        parts.push(count(proxy.servers.len(), "server line"));
    }
    parts.push(count(rules(&proxy.rules), "rule"));
    if proxy.disabled {
        parts.push("disabled".to_owned());
    }
    let (kind, name, parts) = (proxy.section.word(), &proxy.name, parts.join(", "));
    format!("{kind} {name} ({}:{}): {parts}\n", place.file, place.line)
}

/// How many lines are rules; an ACL alone does nothing.
fn rules(rules: &RuleLines) -> usize {
    [
        &rules.tcp_connection,
        &rules.tcp_session,
        &rules.tcp_content,
        &rules.tcp_response,
        &rules.http_request,
        &rules.http_response,
        &rules.http_after_response,
        &rules.redirect,
        &rules.use_backend,
        &rules.use_server,
        &rules.persist,
        &rules.stick,
    ]
    .iter()
    .map(|lines| lines.len())
    .sum()
}

/// `1 proxy`, `2 proxies`.
fn count(number: usize, what: &str) -> String {
    match (number, what) {
        (1, _) => format!("1 {what}"),
        (_, "proxy") => format!("{number} proxies"),
        (_, what) => format!("{number} {what}s"),
    }
}
