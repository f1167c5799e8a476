//! Reads small texts.

use crate::config::environment::Environment;
use crate::config::line_checks;
use crate::config::plan::{Plan, Proxy};
use crate::config::read;
use crate::config::report::{Level, Report};
use crate::config::source::MemoryFiles;

/// The plan and the report of a text, with the checks of lines.
pub fn read_text(text: &str) -> (Plan, Report) {
    let mut files = MemoryFiles::default();
    files.0.insert("koi.cfg".into(), text.into());
    let mut report = Report::default();
    let paths = ["koi.cfg".to_owned()];
    let plan = read::read(&paths, &files, &mut Environment::default(), &mut report);
    line_checks::check(&plan, false, &mut report);
    (plan, report)
}

/// Each error as the words it points at and its message.
pub fn errors(plan: &Plan, report: &Report) -> Vec<(String, String)> {
    let errors = report.faults.iter().filter(|fault| fault.level == Level::Error);
    errors
        .map(|fault| {
            let words = fault.span.map_or("", |span| plan.sources.slice(span));
            (words.to_owned(), fault.message.clone())
        })
        .collect()
}

/// The names of the advice that was given, each with the words it points at.
pub fn advice(plan: &Plan, report: &Report) -> Vec<(&'static str, String)> {
    let given = report.faults.iter().filter_map(|fault| Some((fault.advice?, fault.span?)));
    given.map(|(name, span)| (name, plan.sources.slice(span).to_owned())).collect()
}

/// The one error of a text.
pub fn only_error(text: &str) -> (String, String) {
    let (plan, report) = read_text(text);
    let mut errors = errors(&plan, &report);
    assert_eq!(errors.len(), 1, "{text}: {errors:?}");
    errors.remove(0)
}

/// The last proxy of a text that has no errors.
pub fn proxy(text: &str) -> Proxy {
    let (plan, report) = read_text(text);
    assert_eq!(errors(&plan, &report), [], "{text}");
    plan.proxies.last().cloned().unwrap_or_else(|| panic!("no proxy in {text}"))
}
