//! Units of time that fetches take as an argument.

use crate::config::args::shown_text;
use crate::config::source::Span;
use crate::rules::arg::{Kind, Param, may};
use crate::rules::compiler::Compiler;

/// `s`, `ms` or `us`.
pub const OPTIONAL_UNIT: Param = may("unit", Kind::Str);

/// A time in a unit; seconds if none is given.
pub fn in_unit(time_us: u64, unit: Option<&str>) -> i64 {
    let time = match unit {
        Some("us") => time_us,
        Some("ms") => time_us / 1000,
        _ => time_us / 1_000_000,
    };
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// Reports a unit that is none.
pub fn check_unit(unit: Option<&str>, span: Span, compiler: &mut Compiler<'_>) -> Option<()> {
    check(unit, &["s", "ms", "us"], span, compiler)
}

/// Reports a unit that is none of these.
pub fn check(
    unit: Option<&str>,
    units: &[&str],
    span: Span,
    compiler: &mut Compiler<'_>,
) -> Option<()> {
    match unit {
        Some(unit) if !units.contains(&unit) => {
            let message = format!("`{}` is not a unit of time here", shown_text(unit));
            compiler.report.error(span, message).label(format!("expected {}", units.join(", ")));
            None
        }
        _ => Some(()),
    }
}
