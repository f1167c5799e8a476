//! Monotonic time: nanoseconds since some start, never the date.
//!
//! Machines above take a [`Time`] as an argument and never read a clock; rings are where it comes
//! from, so a simulated ring can bring its own.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point on a ring's monotonic clock, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// The system's monotonic clock, `clock_gettime(CLOCK_MONOTONIC)`.
    pub fn monotonic() -> Time {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `now` is a valid timespec for the kernel to fill; nothing is kept. The call
        // cannot fail: the clock always exists and the pointer is good.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
        Time(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
    }

    /// Whole milliseconds since the clock's start.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Microseconds since the clock's own zero.
    pub fn as_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// How long from `earlier` to here; zero if it is not earlier.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, d: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Time {
    type Output = Duration;
    fn sub(self, earlier: Time) -> Duration {
        self.since(earlier)
    }
}
