//! Waiting for a time, and for something but not for ever.

use super::Local;
use super::future::{Either, race};
use super::timer::TimerKey;
use koi_sys::clock::Time;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

/// Ends at its deadline. Dropping it disarms the timer.
#[derive(Debug)]
pub struct Sleep {
    local: Local,
    timer: TimerKey,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.local.0.is_timer_armed(self.timer) { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.local.0.cancel_timer(self.timer);
    }
}

/// The time ran out first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired;

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time ran out")
    }
}

impl std::error::Error for Expired {}

impl Local {
    /// Waits until `deadline`. The timer belongs to the task that calls this: it must be awaited
    /// there.
    pub fn sleep_until(&self, deadline: Time) -> Sleep {
        Sleep { local: self.clone(), timer: self.0.arm_timer(deadline) }
    }

    /// Waits for a duration from this turn's clock.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Runs a future, but no longer than `limit`; it is dropped then.
    ///
    /// # Errors
    /// [`Expired`].
    pub async fn timeout<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> Result<F::Output, Expired> {
        match race(pin!(future), pin!(self.sleep(limit))).await {
            Either::First(output) => Ok(output),
            Either::Second(()) => Err(Expired),
        }
    }
}
