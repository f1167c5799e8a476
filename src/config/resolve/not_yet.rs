//! What the files ask for and this build does not do: one warning a feature.

use crate::config::advice;
use crate::config::report::Report;

/// Warns of every feature that is missing, at the first line that asks for it. To be called once,
/// when everything that may ask has been looked at.
pub fn warn(report: &mut Report) {
    for (feature, (span, lines)) in std::mem::take(&mut report.missing) {
        let message = format!("this build does not have {} yet", feature.words());
        report.advise(&advice::NOT_YET, span, message).label(match lines {
            1 => "this is read and checked, but does nothing".to_owned(),
            lines => format!("{lines} such lines are read and checked, but do nothing"),
        });
    }
}
