//! Which sections may inherit rules from which `defaults`: as in HAProxy, so that a rule never runs
//! twice for one request, nor where its kind does not exist.

use std::collections::BTreeMap;

use crate::config::plan::{Plan, Proxy};
use crate::config::report::Report;
use crate::config::section::Section;
use crate::config::source::Span;
use crate::rules::action::Ruleset;

use super::lists::lines_of;

/// Reports sections that cannot inherit the rules of their `defaults`.
pub fn check(plan: &Plan, report: &mut Report) {
    let mut users = BTreeMap::new();
    for proxy in plan.defaults.iter().chain(&plan.proxies) {
        let from = proxy.from.and_then(|from| plan.defaults.get(from));
        let Some(defaults) = from.filter(|defaults| has_rules(defaults)) else { continue };
        if let Some(why) = unfit(proxy, defaults) {
            let message = format!("{} `{}` cannot inherit rules", proxy.section.word(), proxy.name);
            report
                .error(proxy.span, message)
                .label(why)
                .also(first_rule(defaults), "a rule of the `defaults` it is based on")
                .help("base it on a `defaults` section without rules: from <name>");
            continue;
        }
        other_side(proxy, defaults, &mut users, report);
    }
}

fn has_rules(defaults: &Proxy) -> bool {
    Ruleset::ALL.into_iter().any(|ruleset| !lines_of(defaults, ruleset).is_empty())
}

fn first_rule(defaults: &Proxy) -> Span {
    let all = Ruleset::ALL.into_iter().flat_map(|ruleset| lines_of(defaults, ruleset));
    all.map(|line| line.span).min().unwrap_or(defaults.span)
}

/// Why a section of this kind cannot have these rules.
fn unfit(proxy: &Proxy, defaults: &Proxy) -> Option<&'static str> {
    let rules = &defaults.rules;
    match proxy.section {
        Section::Listen => Some("a `listen` would run them twice"),
        Section::Defaults => Some("`defaults` do not pass rules on"),
        Section::Frontend if !rules.tcp_response.is_empty() => {
            Some("a frontend has no `tcp-response content` rules")
        }
        Section::Backend if !rules.tcp_connection.is_empty() || !rules.tcp_session.is_empty() => {
            Some("a backend has no rules for connections")
        }
        Section::Backend if brings_captures(defaults) => {
            Some("a backend has no place for a rule's capture by `len`")
        }
        _ => None,
    }
}

fn brings_captures(defaults: &Proxy) -> bool {
    defaults.rules.http_request.iter().chain(&defaults.rules.tcp_content).any(|line| {
        line.words.first().is_some_and(|word| &*word.text == "capture")
            && line.words.iter().any(|word| &*word.text == "len")
    })
}

/// Reports the second kind of section that is based on one `defaults`.
fn other_side<'p>(
    proxy: &'p Proxy,
    defaults: &Proxy,
    users: &mut BTreeMap<Span, &'p Proxy>,
    report: &mut Report,
) {
    let first = users.entry(defaults.span).or_insert(proxy);
    if first.section == proxy.section {
        return;
    }
    let message = "a frontend and a backend cannot inherit the same rules";
    let name = if defaults.name.is_empty() {
        "the `defaults`".into()
    } else {
        format!("`{}`", defaults.name)
    };
    report
        .error(proxy.span, message)
        .label(format!("{name} has rules, which would run twice"))
        .also(first.span, "the other side")
        .also(first_rule(defaults), "a rule of the `defaults`")
        .help("make two `defaults` sections, one for each side: from <name>");
}
