//! Advice about the whole of a configuration: what works, but not as its author thinks.
//!
//! In: a plan without errors. Out: advice in the report. What one line alone shows is said where the
//! line is read; what takes several lines or sections is said here.

mod backends;
pub(in crate::config) mod group;
mod pages;
mod stickiness;

use super::plan::Plan;
use super::report::Report;

/// Looks for all of it.
pub fn lint(plan: &Plan, report: &mut Report) {
    stickiness::tables_of_ipv4(plan, report);
    stickiness::single_servers(plan, report);
    pages::everywhere(plan, report);
    pages::logs_to_nowhere(plan, report);
    backends::checks_of_nobody(plan, report);
    backends::unused(plan, report);
    backends::without_timeouts(plan, report);
}
