//! Numbers with units (HAProxy 3.0, configuration.txt §2.5 and §2.6).

use std::time::Duration;

/// Why a word is not a number of the kind wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// It does not begin with a digit.
    NoDigits,
    /// Its digits are of another script (full-width, Arabic-Indic, ...).
    ForeignDigits,
    /// What stands behind the digits is no unit, from this byte on.
    Unit(usize),
    /// It does not fit.
    TooLarge,
}

/// The longest time that HAProxy keeps: 2^31 - 1 milliseconds, nearly 25 days.
pub const TIME_MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// The longest time that HAProxy keeps where it counts in seconds: 2^31 - 1 of them, 68 years.
pub const SECONDS_MAX: Duration = Duration::from_secs(i32::MAX as u64);

/// A time; `unit_ms` is what a number without a unit counts in (1: milliseconds, 1000: seconds).
///
/// # Errors
/// Why it is none.
pub fn time(text: &str, unit_ms: u64) -> Result<Duration, NumberFault> {
    match time_start(text, unit_ms, TIME_MAX)? {
        (time, read) if read == text.len() => Ok(time),
        _ => Err(NumberFault::Unit(text.len() - digits(text)?.1.len())),
    }
}

/// A time of at most `longest` at the start of `text`, and how many bytes of it were read: HAProxy
/// only warns about what follows a unit (`5min`, `1h30m`).
///
/// # Errors
/// Why it is none.
pub fn time_start(
    text: &str,
    unit_ms: u64,
    longest: Duration,
) -> Result<(Duration, usize), NumberFault> {
    let (number, unit) = digits(text)?;
    let at = text.len() - unit.len();
    let units = [
        ("ms", 1000),
        ("us", 1),
        ("s", 1_000_000),
        ("m", 60_000_000),
        ("h", 3_600_000_000),
        ("d", 86_400_000_000),
    ];
    let (length, us_each) = match units.iter().find(|(name, _)| unit.starts_with(name)) {
        Some((name, us_each)) => (name.len(), *us_each),
        None if unit.is_empty() => (0, unit_ms * 1000),
        None => return Err(NumberFault::Unit(at)),
    };
    let time = number.checked_mul(us_each).map(Duration::from_micros);
    let time = time.filter(|&time| time <= longest).ok_or(NumberFault::TooLarge)?;
    // A time that is not zero must not become zero: it is rounded up, as HAProxy does.
    Ok((Duration::from_millis(time.as_micros().div_ceil(1000) as u64), at + length))
}

/// A time in the largest unit that writes it whole: `15m`, `90s`, `1500ms`.
pub fn time_words(time: Duration) -> String {
    let ms = time.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    match units.iter().find(|(each, _)| ms >= *each && ms.is_multiple_of(*each)) {
        Some((each, unit)) => format!("{}{unit}", ms / each),
        None => format!("{ms}ms"),
    }
}

/// A size in bytes, or a plain count: units `k`, `m`, `g` of 1024 in either case.
///
/// # Errors
/// Why it is none.
pub fn size(text: &str) -> Result<u64, NumberFault> {
    let (number, unit) = digits(text)?;
    let shift = match unit {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return Err(NumberFault::Unit(text.len() - unit.len())),
    };
    number.checked_mul(1 << shift).ok_or(NumberFault::TooLarge)
}

/// A number without a unit.
///
/// # Errors
/// Why it is none.
pub fn count(text: &str) -> Result<u64, NumberFault> {
    match digits(text)? {
        (number, "") => Ok(number),
        (_, rest) => Err(NumberFault::Unit(text.len() - rest.len())),
    }
}

/// The digits at the start of `text`, and what follows.
fn digits(text: &str) -> Result<(u64, &str), NumberFault> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    if rest.starts_with(|c: char| c.is_numeric()) {
        return Err(NumberFault::ForeignDigits);
    }
    if number.is_empty() {
        return Err(NumberFault::NoDigits);
    }
    Ok((number.parse().map_err(|_| NumberFault::TooLarge)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_an_operator_would() {
        let written = |ms| time_words(Duration::from_millis(ms));
        assert_eq!(
            [900_000, 90_000, 1_500, 0, 86_400_000].map(written),
            ["15m", "90s", "1500ms", "0ms", "1d"]
        );
    }

    #[test]
    fn times_and_sizes() {
        assert_eq!(time("30", 1), Ok(Duration::from_millis(30)));
        assert_eq!(time("30", 1000), Ok(Duration::from_secs(30)));
        assert_eq!(time("1us", 1), Ok(Duration::from_millis(1)));
        assert_eq!(time("15m", 1), Ok(Duration::from_secs(900)));
        assert_eq!(time("25d", 1), Err(NumberFault::TooLarge));
        let month = Duration::from_secs(2_592_000);
        assert_eq!(time_start("30d", 1000, SECONDS_MAX), Ok((month, 3)));
        assert_eq!(time_start("1h30m", 1, TIME_MAX), Ok((Duration::from_secs(3600), 2)));
        assert_eq!(time("5min", 1), Err(NumberFault::Unit(1)));
        assert_eq!(time("3x", 1), Err(NumberFault::Unit(1)));
        assert_eq!(time("\u{ff13}0", 1), Err(NumberFault::ForeignDigits));
        assert_eq!(size("50k"), Ok(51_200));
        assert_eq!(size("18446744073709551615k"), Err(NumberFault::TooLarge));
        assert_eq!(size("1.5m"), Err(NumberFault::Unit(1)));
        assert_eq!(count("-1"), Err(NumberFault::NoDigits));
    }
}
