//! What the files ask for and this build does not do: one warning a feature.

use crate::config::advice;
use crate::config::keyword::Feature;
use crate::config::plan::Plan;
use crate::config::report::Report;

/// Warns of every feature that is missing, at the first line that asks for it. To be called once,
/// when everything that may ask has been looked at.
pub fn warn(plan: &Plan, report: &mut Report) {
    let binds = || plan.proxies.iter().flat_map(|proxy| &proxy.binds).map(|bind| bind.span);
    if let (false, Some(first)) = (report.missing.contains_key(&Feature::Serving), binds().min()) {
        report.missing.insert(Feature::Serving, (first, binds().count()));
    }
    for (feature, (span, lines)) in std::mem::take(&mut report.missing) {
        let message = match feature {
            Feature::Serving => "this build does not serve yet".to_owned(),
            _ => format!("this build does not have {} yet", feature.words()),
        };
        let fault = report.advise(&advice::NOT_YET, span, message);
        fault.label(match (feature, lines) {
            (Feature::Serving, _) => "nothing listens here".to_owned(),
            (_, 1) => "this line is read and checked, but does nothing".to_owned(),
            (_, lines) => format!("{lines} such lines are read and checked, but do nothing"),
        });
        if feature == Feature::Serving {
            fault.help("it reads, checks and explains: koi -c, koi explain");
        }
    }
}
