//! Names: each means one section, and what is named exists.
//!
//! A frontend and a backend may share a name. What is an error and what only a warning is as in
//! HAProxy 3.0.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::advice;
use crate::config::args::shown_text;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{Answer, Given, Plan, Proxy};
use crate::config::report::Report;
use crate::config::section::Section;
use crate::config::source::Span;

/// Fills the plan's indexes of proxies; of two with the same side and name, the first counts.
pub(super) fn proxies(plan: &mut Plan, report: &mut Report) {
    for (index, proxy) in plan.proxies.iter().enumerate() {
        if proxy.name.is_empty() {
            continue;
        }
        let first = |names: &BTreeMap<Box<str>, usize>| {
            names.get(&proxy.name).and_then(|&index| plan.proxies.get(index))
        };
        let front = first(&plan.frontends_by_name).filter(|_| proxy.has_frontend());
        let back = first(&plan.backends_by_name).filter(|_| proxy.has_backend());
        match (front, back) {
            (None, None) => {}
            // HAProxy looks for a `listen` among the frontends only.
            (None, Some(back)) if proxy.section == Section::Listen => shadowed(report, proxy, back),
            (Some(other), _) | (None, Some(other)) => {
                let (span, section) = (proxy.span, other.section.word());
                doubled(report, section, &proxy.name, span, other.span);
            }
        }
        if proxy.has_frontend() {
            plan.frontends_by_name.entry(proxy.name.clone()).or_insert(index);
        }
        if proxy.has_backend() {
            plan.backends_by_name.entry(proxy.name.clone()).or_insert(index);
        }
    }
}

/// Sections that are found by their names, each kind by itself.
pub(super) fn sections(plan: &Plan, report: &mut Report) {
    macro_rules! unique {
        ($($section:ident $field:ident,)*) => {
            $(unique(
                report,
                Section::$section,
                plan.$field.iter().map(|it| (&*it.name, it.span)),
            );)*
        };
    }
    unique! {
        Resolvers resolvers,
        Peers peers,
        Mailers mailers,
        Ring rings,
        HttpErrors http_errors,
        Cache caches,
        Carp carps,
    }
}

fn unique<'a>(report: &mut Report, section: Section, named: impl Iterator<Item = (&'a str, Span)>) {
    let mut seen = BTreeMap::new();
    for (name, span) in named.filter(|(name, _)| !name.is_empty()) {
        match seen.get(name) {
            Some(&first) => doubled(report, section.word(), name, span, first),
            None => {
                seen.insert(name, span);
            }
        }
    }
}

fn doubled(report: &mut Report, section: &str, name: &str, span: Span, first: Span) {
    report
        .error(span, format!("a `{section}` is named `{}` already", shown_text(name)))
        .label("this name is taken")
        .also(first, "by this section");
}

fn shadowed(report: &mut Report, listen: &Proxy, back: &Proxy) {
    let message =
        format!("a `{}` is named `{}` already", back.section.word(), shown_text(&back.name));
    report
        .advise(&advice::SAME_NAME, listen.span, message)
        .label("no rule can send requests to this one")
        .also(back.span, "rules that name it mean this one");
}

/// `errorfiles` of proxies: the `http-errors` section that they name must be there.
pub(super) fn answers(plan: &Plan, report: &mut Report) {
    let mut told = BTreeSet::new(); // proxies share the lines of their `defaults`
    for answer in plan.proxies.iter().flat_map(|proxy| &proxy.settings.error_answers) {
        let Answer::Section(name) = &answer.answer else { continue };
        let there = || plan.http_errors.iter().map(|section| &*section.name);
        if there().any(|section| *section == *name.value) || !told.insert(name.span) {
            continue;
        }
        let message = format!("there is no `http-errors` section `{}`", shown_text(&name.value));
        let fault = report.error(name.span, message);
        fault.label("expected the name of one");
        if let Some(near) = did_you_mean(&nearest(&name.value, there())) {
            fault.help(near);
        }
    }
}

/// The backend of a name that some setting gives; that there is none is reported.
///
/// `keyword` is what named it: `default_backend`.
pub fn backend(
    plan: &Plan,
    report: &mut Report,
    keyword: &str,
    name: &Given<Box<str>>,
) -> Option<usize> {
    let found = plan.backend(&name.value);
    if found.is_none() {
        let all = plan.backends_by_name.keys().map(|name| &**name);
        let near = did_you_mean(&nearest(&name.value, all));
        let shown = shown_text(&name.value);
        let fault = report.error(name.span, format!("`{keyword}`: no backend is named `{shown}`"));
        fault.label("expected the name of a `backend` or `listen`");
        match plan.frontend(&name.value).and_then(|index| plan.proxies.get(index)) {
            Some(frontend) => {
                fault.also(frontend.span, "this one has no servers");
            }
            None => {
                near.map(|near| fault.help(near));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_that_is_not_there_is_reported_with_its_neighbours() {
        let proxy = Proxy::new(Section::Backend, "servers".into(), Span::default());
        let mut plan = Plan { proxies: vec![proxy], ..Plan::default() };
        let mut report = Report::default();
        proxies(&mut plan, &mut report);
        let given = |name: &str| Given { value: name.into(), span: Span::default() };
        assert_eq!(backend(&plan, &mut report, "default_backend", &given("servers")), Some(0));
        assert_eq!(backend(&plan, &mut report, "default_backend", &given("server")), None);
        assert_eq!(report.faults[0].message, "`default_backend`: no backend is named `server`");
        assert_eq!(report.faults[0].help, ["did you mean `servers`?"]);
    }
}
