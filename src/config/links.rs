//! Names by which a proxy calls other sections, and what proxies cannot share.
//!
//! In: a plan whose files are all read. Out: faults. A name that many proxies inherit is told once.

use std::collections::BTreeSet;

use super::args::shown_text;
use super::line_checks::unique;
use super::nearest::{did_you_mean, nearest};
use super::plan::{BandwidthScope, Filter, Given, Mode, Plan, Proxy};
use super::report::Report;
use super::resolve::names;
use super::section::Section;
use super::source::Span;

/// Checks every proxy that is not disabled.
pub fn check(plan: &Plan, report: &mut Report) {
    let ids = plan.proxies.iter().filter_map(|proxy| proxy.settings.id.as_ref());
    unique("id", ids, report);
    let mut links = Links { plan, report, told: BTreeSet::new() };
    for proxy in plan.proxies.iter().filter(|proxy| !proxy.disabled) {
        links.proxy(proxy);
    }
    for table in plan.peers.iter().flat_map(|peers| &peers.tables) {
        links.peers(&table.table.peers);
    }
}

struct Links<'a> {
    plan: &'a Plan,
    report: &'a mut Report,
    /// The places of names that were reported.
    told: BTreeSet<Span>,
}

impl Links<'_> {
    fn proxy(&mut self, proxy: &Proxy) {
        let settings = &proxy.settings;
        if let Some(name) = proxy.front.default_backend.as_ref().filter(|_| proxy.has_frontend())
            && self.plan.backend(&name.value).is_none()
            && self.told.insert(name.span)
        {
            names::backend(self.plan, self.report, "default_backend", name);
        }
        self.section("mailers", &settings.email_alert.mailers, |plan| {
            plan.mailers.iter().map(|it| &*it.name).collect()
        });
        if let Some(table) = &settings.stick_table {
            self.peers(&table.peers);
        }
        for filter in &settings.filters {
            self.filter(proxy, filter);
        }
        self.mode(proxy);
        self.statistics(proxy);
    }

    fn peers(&mut self, name: &Option<Given<Box<str>>>) {
        self.section("peers", name, |plan| plan.peers.iter().map(|it| &*it.name).collect());
    }

    /// A section of the kind that the keyword `kind` opens must have this name.
    fn section(&mut self, kind: &str, name: &Option<Given<Box<str>>>, all: fn(&Plan) -> Vec<&str>) {
        let Some(name) = name else { return };
        let all = all(self.plan);
        if all.contains(&&*name.value) || !self.told.insert(name.span) {
            return;
        }
        let message = format!("no `{kind}` section is named `{}`", shown_text(&name.value));
        let fault = self.report.error(name.span, message);
        fault.label(format!("expected the name of a `{kind}` section"));
        if let Some(meant) = did_you_mean(&nearest(&name.value, all)) {
            fault.help(meant);
        }
    }

    fn filter(&mut self, proxy: &Proxy, filter: &Filter) {
        match filter {
            Filter::Compression { .. } => {}
            Filter::Cache { name } => self.section("cache", &Some(name.clone()), |plan| {
                plan.caches.iter().map(|it| &*it.name).collect()
            }),
            Filter::Bandwidth(limit) => match &limit.scope {
                BandwidthScope::Stream { .. } => {}
                BandwidthScope::Key { table: Some(table), .. } => {
                    if self.plan.table(&table.value).is_none() {
                        let name = shown_text(&table.value);
                        let message = format!("there is no stick table `{name}`");
                        let names = self.plan.table_names();
                        let near = nearest(&table.value, names.iter().map(String::as_str));
                        let fault = self.report.error(table.span, message);
                        fault.label("expected the name of a section that has a `stick-table`");
                        if let Some(meant) = did_you_mean(&near) {
                            fault.help(meant);
                        }
                    }
                }
                BandwidthScope::Key { table: None, .. } => {
                    if self.plan.own_table(proxy).is_none() {
                        let name = shown_text(&proxy.name);
                        self.report
                            .error(limit.name.span, format!("`{name}` has no stick table"))
                            .label("this limit counts in one")
                            .help("add a `stick-table` line, or name another section's by `table`");
                    }
                }
            },
        }
    }

    /// Only a `backend` takes log messages on, and a `listen` that HAProxy lets pass.
    fn mode(&mut self, proxy: &Proxy) {
        let Some(mode) = proxy.mode.filter(|mode| mode.value == Mode::Log) else { return };
        if proxy.section == Section::Frontend && self.told.insert(mode.span) {
            let fault = self.report.error(mode.span, "a frontend cannot be in `mode log`");
            fault.label("expected tcp or http");
            fault.also(proxy.span, "this frontend");
            fault.help("`mode log` is for backends of log servers");
        }
    }

    /// The page is protected in one of two ways.
    fn statistics(&mut self, proxy: &Proxy) {
        let rules = &proxy.rules.stats;
        let Some(rule) = rules.iter().find(|rule| rule.keyword == "stats http-request") else {
            return;
        };
        let Some(page) = &proxy.settings.stats else { return };
        let (what, other) = match (page.auth.first(), &page.realm) {
            (Some(auth), _) => ("auth", auth.span),
            (None, Some(realm)) => ("realm", realm.span),
            (None, None) => return,
        };
        if self.told.insert(rule.span) {
            let message = format!("`stats http-request` and `stats {what}` exclude each other");
            self.report
                .error(rule.span, message)
                .label("one of the two must go")
                .also(other, "the other one")
                .help("`stats http-request auth` asks for a password, too");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::keywords::common::testing::plan;

    /// The words that the errors of a file point at, once names are looked up.
    fn bad(text: &str) -> Vec<String> {
        let (plan, mut report) = plan(text);
        assert!(!report.failed(), "{:?}", report.faults);
        super::check(&plan, &mut report);
        let words = report.faults.iter().filter(|fault| fault.advice.is_none());
        words.map(|fault| plan.sources.slice(fault.span.unwrap_or_default()).to_owned()).collect()
    }

    #[test]
    fn names_of_sections_must_exist() {
        assert_eq!(bad("listen a\nemail-alert mailers m"), ["m"]);
        assert_eq!(bad("mailers m\nlisten a\nemail-alert mailers m"), [""; 0]);
        assert_eq!(bad("listen a\nstick-table type ip size 1k peers p"), ["p"]);
        assert_eq!(bad("listen a\nmode http\nfilter cache c"), ["c"]);
        assert_eq!(bad("listen a\nemail-alert mailers m\ndisabled"), [""; 0]);
        assert_eq!(bad("listen a\nfilter bwlim-in x limit 1m key src"), ["x"]);
        assert_eq!(bad("listen a\nfilter bwlim-in x limit 1m key src table t"), ["t"]);
        let peers = "peers p\ntable t type ip size 1k\n";
        let limit = "listen a\nfilter bwlim-in x limit 1m key src table p/";
        assert_eq!(bad(&format!("{peers}{limit}t")), [""; 0]);
        assert_eq!(bad(&format!("{peers}{limit}u")), ["p/u"]);
    }

    #[test]
    fn what_many_inherit_is_told_once() {
        let both = "frontend a\nfrontend b\n";
        assert_eq!(bad(&format!("defaults\ndefault_backend no\n{both}")), ["no"]);
        assert_eq!(bad(&format!("defaults\nmode log\n{both}")), ["log"]);
    }

    #[test]
    fn what_proxies_cannot_share() {
        assert_eq!(bad("listen a\nid 7\nbackend b\nid 7"), ["7"]);
        let page = "listen a\nmode http\nstats enable\nstats http-request deny\n";
        assert_eq!(bad(&format!("{page}stats auth a:b")), ["stats http-request deny"]);
        assert_eq!(bad(&format!("{page}stats realm r")), ["stats http-request deny"]);
        assert_eq!(bad(page), [""; 0]);
    }
}
