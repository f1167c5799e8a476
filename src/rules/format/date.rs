//! Dates of log lines, by moments in microseconds since 1970-01-01 UTC.
//!
//! The system's time zone is asked once a quarter of an hour: no zone's offset changes in between.

use std::cell::Cell;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::encode::decimal;

/// An offset of the system's zone, and for which quarter of an hour since 1970 it holds.
type Known = (i64, i32);

const QUARTER_S: i64 = 900;

thread_local! {
    /// For now, and for the quarter before it.
    static KNOWN: Cell<[Known; 2]> = const { Cell::new([(i64::MIN, 0); 2]) };

    /// The last second that was written, in local time: lines come in thousands a second.
    static WRITTEN: Cell<(u64, [u8; COMMON])> = const { Cell::new((u64::MAX, [0; COMMON])) };
}

/// The length of `23/Nov/2026:23:45:12`.
const COMMON: usize = 20;

/// A moment in a zone.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Date and time of day.
    pub at: DateTime,
    /// What the zone is ahead of UTC, in seconds.
    pub offset_s: i32,
}

impl Stamp {
    /// In UTC. `None` beyond the year 9999.
    pub fn utc(unix_us: u64) -> Option<Stamp> {
        Some(Stamp { at: Offset::UTC.to_datetime(timestamp(unix_us)?), offset_s: 0 })
    }

    /// In the system's zone.
    pub fn local(unix_us: u64) -> Option<Stamp> {
        let at = timestamp(unix_us)?;
        let quarter = at.as_second().div_euclid(QUARTER_S);
        let known = KNOWN.get();
        let offset_s = match known.iter().find(|it| it.0 == quarter) {
            Some(it) => it.1,
            None => {
                let offset_s = zone().to_offset(at).seconds();
                KNOWN.set([(quarter, offset_s), known[0]]);
                offset_s
            }
        };
        let offset = Offset::from_seconds(offset_s).ok()?;
        Some(Stamp { at: offset.to_datetime(at), offset_s })
    }

    /// `23/Nov/2026`.
    fn put_date(&self, out: &mut Vec<u8>) {
        two(self.at.day(), out);
        out.push(b'/');
        out.extend_from_slice(self.month().as_bytes());
        out.push(b'/');
        decimal(self.at.year().into(), out);
    }

    /// `23:45:12`.
    pub fn put_time(&self, out: &mut Vec<u8>) {
        two(self.at.hour(), out);
        out.push(b':');
        two(self.at.minute(), out);
        out.push(b':');
        two(self.at.second(), out);
    }

    /// `+0100`, or with something between hours and minutes.
    pub fn put_offset(&self, between: &str, out: &mut Vec<u8>) {
        out.push(if self.offset_s < 0 { b'-' } else { b'+' });
        let minutes = self.offset_s.unsigned_abs() / 60;
        // Less than a day's hours, less than an hour's minutes.
        two((minutes / 60) as i8, out);
        out.extend_from_slice(between.as_bytes());
        two((minutes % 60) as i8, out);
    }

    /// `Nov`.
    pub fn month(&self) -> &'static str {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let index = usize::try_from(self.at.month() - 1).unwrap_or_default();
        MONTHS.get(index).copied().unwrap_or_default()
    }
}

/// The system's time zone, read once: to be called before the process can no longer read it (chroot).
pub fn zone() -> &'static TimeZone {
    static ZONE: std::sync::OnceLock<TimeZone> = std::sync::OnceLock::new();
    ZONE.get_or_init(TimeZone::system)
}

fn timestamp(unix_us: u64) -> Option<Timestamp> {
    let since = SignedDuration::from_micros(i64::try_from(unix_us).ok()?);
    Timestamp::from_duration(since).ok()
}

/// Two digits, of a number from 0 to 99.
pub fn two(number: i8, out: &mut Vec<u8>) {
    let number = number.unsigned_abs();
    out.extend_from_slice(&[b'0' + number / 10 % 10, b'0' + number % 10]);
}

/// `23/Nov/2026:23:45:12`.
fn common(stamp: &Stamp, out: &mut Vec<u8>) {
    stamp.put_date(out);
    out.push(b':');
    stamp.put_time(out);
}

fn with_offset(stamp: &Stamp, out: &mut Vec<u8>) {
    common(stamp, out);
    out.push(b' ');
    stamp.put_offset("", out);
}

/// Appends `23/Nov/2026:23:45:12 +0000`, in UTC.
pub fn utc(unix_us: u64, out: &mut Vec<u8>) -> Option<()> {
    with_offset(&Stamp::utc(unix_us)?, out);
    Some(())
}

/// Appends `24/Nov/2026:00:45:12 +0100`, in local time.
pub fn local(unix_us: u64, out: &mut Vec<u8>) -> Option<()> {
    with_offset(&Stamp::local(unix_us)?, out);
    Some(())
}

/// Appends `24/Nov/2026:00:45:12.345`, in local time.
pub fn local_ms(unix_us: u64, out: &mut Vec<u8>) -> Option<()> {
    let second = unix_us / 1_000_000;
    let (known, text) = WRITTEN.get();
    if known == second {
        out.extend_from_slice(&text);
    } else {
        let from = out.len();
        common(&Stamp::local(unix_us)?, out);
        if let Some(Ok(text)) = out.get(from..).map(TryInto::try_into) {
            WRITTEN.set((second, text));
        }
    }
    let ms = unix_us / 1000 % 1000;
    let digit = |number: u64| b'0' + (number % 10) as u8;
    out.extend_from_slice(&[b'.', digit(ms / 100), digit(ms / 10), digit(ms)]);
    Some(())
}
