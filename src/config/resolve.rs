//! Names to sections, and what no single line can know.
//!
//! In: the plan once all files are read. Out: the same with its indexes, and reports of what is
//! missing, doubled or contradictory between sections.

use super::plan::Plan;
use super::report::Report;

pub mod names;
pub mod not_yet;

/// Completes the plan.
pub fn resolve(plan: &mut Plan, report: &mut Report) {
    super::finish::finish(plan, report);
    names::proxies(plan, report);
    names::sections(plan, report);
    names::answers(plan, report);
}
