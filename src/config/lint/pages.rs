//! The statistics page under every host name, and log lines that go nowhere.

use super::group;
use crate::config::advice;
use crate::config::plan::{LogLine, Mode, Plan, Proxy};
use crate::config::report::Report;

/// Statistics pages in proxies that serve something else, too: any host name leads to them.
pub fn everywhere(plan: &Plan, report: &mut Report) {
    let pages = plan.proxies.iter().filter(|proxy| proxy.mode() == Mode::Http && serves(proxy));
    let pages: Vec<_> = pages
        .filter_map(|proxy| Some((proxy.settings.stats.as_ref()?, proxy.rules.stats.is_empty())))
        .collect();
    let open = pages.iter().any(|(page, no_rules)| page.auth.is_empty() && *no_rules);
    let spans = pages.iter().map(|(page, _)| page.span);
    let message = "the statistics page is reachable under every host name of these proxies";
    if let Some(fault) = group::advise(report, &advice::STATS_EVERYWHERE, spans.collect(), message)
    {
        fault
            .label(match open {
                true => "whoever can send a request can ask for it, and sees it",
                false => "whoever can send a request can ask for it, and try passwords",
            })
            .help("give it a `listen` of its own, on an address that only you can reach");
    }
}

/// Whether a proxy leads to servers.
fn serves(proxy: &Proxy) -> bool {
    !proxy.servers.is_empty()
        || !proxy.rules.use_backend.is_empty()
        || proxy.front.default_backend.is_some()
}

/// `log global` where `global` has no target.
pub fn logs_to_nowhere(plan: &Plan, report: &mut Report) {
    if !plan.global.logs.targets.is_empty() {
        return;
    }
    let lines = plan.proxies.iter().chain(&plan.defaults).flat_map(|proxy| &proxy.logging.targets);
    let spans = lines.filter_map(|line| match line {
        LogLine::Global(given) => Some(given.span),
        LogLine::Target(_) => None,
    });
    let message = "`log global`, but `global` has no `log` line: it adds no target";
    if let Some(fault) =
        group::advise(report, &advice::LOG_WITHOUT_TARGET, spans.collect(), message)
    {
        fault
            .label("this refers to the targets of `global`, and there are none")
            .help("write a target in `global`, such as `log /dev/log local0` or `log stderr format raw daemon`");
    }
}
