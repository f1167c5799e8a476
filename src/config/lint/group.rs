//! One piece of advice for many lines.
//!
//! Eleven backends made by copying have the same flaw eleven times: that is one thing to say, at the
//! first line, with the others beside it.

use crate::config::advice::Advice;
use crate::config::report::{Fault, Report};
use crate::config::source::Span;

/// How many of the other lines are shown; the rest is counted.
const SHOWN_MAX: usize = 20;

/// Gives a piece of advice at the first of `spans`, with the others as `the same here`. Nothing if
/// there is none.
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
    for &span in others.iter().take(SHOWN_MAX) {
        fault.also(span, "the same here");
    }
    if let Some(more @ 1..) = others.len().checked_sub(SHOWN_MAX) {
        fault.help(format!("and {more} more lines like these"));
    }
    Some(fault)
}
