//! A plan's words to a program.
//!
//! In: the plan, complete, and where files come from. Out: a [`Program`], and what is wrong with the
//! rules. A program whose report holds errors lacks the rules that have them.

mod capture;
mod inherit;
mod lines;
mod lists;
mod logs;
mod order;
mod routes;
mod servers;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::compiler::Compiler;
use super::condition::Acls;
use super::lists::Lists;
use super::program::{Program, ProxyProgram};
use crate::config::advice;
use crate::config::plan::{Plan, Proxy};
use crate::config::report::{Level, Report};
use crate::config::source::{Files, Span};

/// Compiles every rule of the plan.
pub fn compile(plan: &Plan, files: &dyn Files, report: &mut Report) -> Program {
    compile_after(&Lists::default(), plan, files, report)
}

/// The same for a plan that follows another one: maps and files of patterns that were changed at run time
/// stay as they are, unless their files are others now.
pub fn compile_after(
    before: &Lists,
    plan: &Plan,
    files: &dyn Files,
    report: &mut Report,
) -> Program {
    inherit::check(plan, report);
    let lists = &Arc::new(Lists::after(before));
    let files = From { files, lists };
    let mut program = Program { lists: lists.clone(), ..Program::default() };
    let mut seen = Seen::default();
    for defaults in &plan.defaults {
        if has_rules(defaults) {
            seen.compile(plan, defaults, files, report);
        }
    }
    for proxy in &plan.proxies {
        let inherits = proxy.from.and_then(|from| plan.defaults.get(from)).is_some_and(has_rules);
        let compiled = match inherits {
            true => seen.compile(plan, proxy, files, report),
            false => self::proxy(plan, proxy, files, report),
        };
        program.proxies.push(compiled);
    }
    let From { files, lists } = files;
    let mut compiler = Compiler { plan, proxy: None, report, files, lists };
    program.variables = lines::process_variables(&mut compiler);
    program.demotions = lines::demotions(&mut compiler);
    program
}

/// Where lists come from.
#[derive(Clone, Copy)]
struct From<'a> {
    files: &'a dyn Files,
    lists: &'a Arc<Lists>,
}

/// What was reported of rules that several proxies inherit: each fault is told once.
#[derive(Default)]
struct Seen(BTreeSet<(Option<Span>, String)>);

impl Seen {
    fn compile(
        &mut self,
        plan: &Plan,
        proxy: &Proxy,
        files: From<'_>,
        report: &mut Report,
    ) -> ProxyProgram {
        let mut own = Report::default();
        let program = self::proxy(plan, proxy, files, &mut own);
        for fault in own.faults {
            if !self.0.insert((fault.span, fault.message.clone())) {
                continue;
            }
            let known = fault.advice.and_then(advice::find);
            let place = fault.span.unwrap_or(proxy.span);
            let told = match (known, fault.level) {
                (Some(advice), _) => report.advise(advice, place, fault.message),
                (None, Level::Error | Level::Warning | Level::Note) => {
                    report.error(place, fault.message)
                }
            };
            told.label = fault.label;
            told.related = fault.related;
            told.same = fault.same;
            told.help = fault.help;
        }
        for (feature, (span, count)) in own.missing {
            (0..count).for_each(|_| report.later(feature, span));
        }
        program
    }
}

fn has_rules(proxy: &Proxy) -> bool {
    let rules = &proxy.rules;
    order::lists(rules).iter().any(|(_, lines)| !lines.is_empty())
        || !rules.acls.is_empty()
        || !rules.http_errors.is_empty()
        || !rules.formats.is_empty()
        || !rules.checks.is_empty()
        || !rules.stats.is_empty()
}

fn proxy(plan: &Plan, proxy: &Proxy, from: From<'_>, report: &mut Report) -> ProxyProgram {
    let From { files, lists } = from;
    let mut compiler = Compiler { plan, proxy: Some(proxy), report, files, lists };
    let mut acls = Acls::compile(&mut compiler);
    let mut program = ProxyProgram::default();
    lists::compile(proxy, &mut program, &mut acls, &mut compiler);
    capture::assign(proxy, &mut program, &mut compiler);
    routes::compile(proxy, &mut program, &mut acls, &mut compiler);
    lines::compile(proxy, &mut program, &mut acls, &mut compiler);
    servers::compile(proxy, &mut program, &mut compiler);
    logs::compile(proxy, &mut program, &mut compiler);
    order::advise(proxy, plan, compiler.report);
    for (name, span) in acls.unused() {
        let message = format!("the ACL `{name}` is used nowhere");
        compiler
            .report
            .advise(&advice::UNUSED_ACL, span, message)
            .label("no rule of this section names it");
    }
    program
}

#[cfg(test)]
mod tests;
