//! What no single line can know about binds, servers, TLS and the files they name.
//!
//! In: a plan whose files are all read, and where the files it names are read from. Out: faults and
//! advice.

use std::collections::BTreeSet;

use super::files::{self, check_files};
use super::line_checks;
use super::links;
use super::plan::{Given, Plan, TlsSide};
use super::report::{Fault, Level, Report};
use super::source::{Files, Sources};
use super::tls_names::{self, Side};
use super::word::Word;

/// Checks all of it. A line that is known to be wrong is not judged again: behind a misspelt `verify`,
/// nobody knows what the line was meant to say.
pub fn check(plan: &Plan, files: &dyn Files, report: &mut Report) {
    let before = report.faults.len();
    let line = |fault: &Fault| fault.span.map(|span| (span.file, plan.sources.line(span)));
    let errors = report.faults.iter().filter(|fault| fault.level == Level::Error);
    let wrong: BTreeSet<_> = errors.filter_map(line).collect();
    check_all(plan, files, report);
    report.retain_from(before, |fault| line(fault).is_none_or(|place| !wrong.contains(&place)));
}

fn check_all(plan: &Plan, files: &dyn Files, report: &mut Report) {
    let tls = &plan.global.tls;
    let unverified = tls.verify_servers.is_some_and(|verify| !verify.value);
    links::check(plan, report);
    line_checks::check(plan, unverified, report);
    let path = |given: &Option<Given<Box<str>>>| given.as_ref().map(|it| it.value.clone());
    let (certificates, authorities) = (path(&tls.crt_base), path(&tls.ca_base));
    let bases =
        files::Bases { certificates: certificates.as_deref(), authorities: authorities.as_deref() };
    check_files(plan, &bases, files, report);
    vocabulary(plan, report);
    line_checks::verify_none(&plan.proxies, unverified, report);
}

/// The names of suites, curves and versions, in `global` and on the lines.
fn vocabulary(plan: &Plan, report: &mut Report) {
    let (bind, server) = (&plan.global.tls.bind, &plan.global.tls.server);
    let words = |pick: fn(&TlsSide) -> &Option<Given<Box<str>>>| {
        let given = [pick(bind), pick(server)].into_iter().flatten();
        given.map(|it| word(it, &plan.sources)).collect::<Vec<Word>>()
    };
    let (ciphers, suites) = (words(|it| &it.ciphers), words(|it| &it.ciphersuites));
    let curves = words(|it| &it.curves);
    tls_names::advise_lists(
        &ciphers.iter().collect::<Vec<_>>(),
        &suites.iter().collect::<Vec<_>>(),
        &curves.iter().collect::<Vec<_>>(),
        report,
    );
    let bind = tls_names::read_options(&bind.options, Side::Bind, report);
    let server = tls_names::read_options(&server.options, Side::Server, report);
    let bases = tls_names::Bases { bind: &bind, server: &server };
    tls_names::advise_plan(plan, bases, report);
}

/// A value of `global` as the word it was.
fn word(given: &Given<Box<str>>, sources: &Sources) -> Word {
    let verbatim = sources.slice(given.span) == &*given.value;
    Word { text: given.value.clone(), span: given.span, verbatim }
}
