//! Advice about rules that run before rules above them: kinds of rules run one after the other,
//! wherever their lines stand.

use crate::config::advice;
use crate::config::plan::{Plan, Proxy, RuleLine, RuleLines};
use crate::config::report::Report;

/// The kinds of rules of a section, in the order they run in; `redirect` and what follows it are the
/// last.
pub fn lists(rules: &RuleLines) -> [(&'static str, &[RuleLine]); 8] {
    [
        ("tcp-request connection", &rules.tcp_connection),
        ("tcp-request session", &rules.tcp_session),
        ("tcp-request content", &rules.tcp_content),
        ("monitor fail", &rules.monitor_fail),
        ("http-request", &rules.http_request),
        ("redirect", &rules.redirect),
        ("use_backend", &rules.use_backend),
        ("use-server", &rules.use_server),
    ]
}

/// Advice about each line of the proxy's own section that runs before a kind of rule above it.
pub fn advise(proxy: &Proxy, plan: &Plan, report: &mut Report) {
    let inherited = proxy.from.and_then(|from| plan.defaults.get(from)).map(|it| lists(&it.rules));
    let mut own: Vec<(usize, &'static str, &RuleLine)> = Vec::new();
    for (rank, (kind, lines)) in lists(&proxy.rules).into_iter().enumerate() {
        let skip = inherited.as_ref().map_or(0, |lists| lists[rank].1.len());
        own.extend(lines.iter().skip(skip).map(|line| (rank, kind, line)));
    }
    own.sort_by_key(|(_, _, line)| line.span);
    // For each kind the last line so far.
    let mut last: [Option<&RuleLine>; 8] = [None; 8];
    for (rank, kind, line) in own {
        let later = (rank + 1..last.len()).filter_map(|it| last[it].map(|line| (it, line)));
        if let Some((other, above)) = later.max_by_key(|(_, line)| line.span) {
            let other = lists(&proxy.rules)[other].0;
            report
                .advise(
                    &advice::RULE_ORDER,
                    line.span,
                    format!("this `{kind}` rule runs before the `{other}` rules above it"),
                )
                .label("runs first")
                .also(above.span, "runs later")
                .help("put the lines in the order they run in");
        }
        last[rank] = Some(line);
    }
}
