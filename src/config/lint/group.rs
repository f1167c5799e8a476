//! One piece of advice for many lines.
//!
//! Eleven backends made by copying have the same flaw eleven times: that is one thing to say, at the
//! first line, with the numbers of the others.

use crate::config::advice::Advice;
use crate::config::report::{Fault, Report};
use crate::config::source::Span;

/// Gives a piece of advice at the first of `spans`, and tells of the others. Nothing if there is none.
pub fn advise<'r>(
    report: &'r mut Report,
    advice: &Advice,
    mut spans: Vec<Span>,
    message: &str,
) -> Option<&'r mut Fault> {
    spans.sort_unstable();
    spans.dedup();
    let (&first, others) = spans.split_first()?;
    let fault = report.advise(advice, first, message);
    fault.same = others.to_vec();
    Some(fault)
}
