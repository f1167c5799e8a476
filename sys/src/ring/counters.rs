//! What a ring has seen that nobody was told of otherwise.

use super::op::Outcome;

/// Running totals of one ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls of `wait`.
    pub turns: u64,
    /// Operations on handles that had been closed.
    pub stale_handles: u64,
    /// Cancels of operations that had ended.
    pub stale_tokens: u64,
    /// News from the kernel about descriptors that had been closed.
    pub stale_events: u64,
    /// Connections that ended while they waited to be accepted.
    pub accepts_aborted: u64,
    /// Receives that had to wait for a buffer.
    pub starved: u64,
    /// Errno values that no error enum names.
    pub unexpected: u64,
    /// The last of them; zero if there was none.
    pub unexpected_last: i32,
}

impl Counters {
    pub(crate) fn note_unexpected(&mut self, errno: i32) {
        self.unexpected += 1;
        self.unexpected_last = errno;
    }

    /// Counts an outcome whose error is not named.
    #[inline]
    pub(crate) fn note(&mut self, outcome: &Outcome) {
        if !matches!(outcome, Outcome::Received(Ok(_)) | Outcome::Sent(Ok(()))) {
            self.note_error(outcome);
        }
    }

    fn note_error(&mut self, outcome: &Outcome) {
        let errno = match outcome {
            Outcome::Accepted(Err(e)) => e.unexpected(),
            Outcome::Connected(Err(e)) => e.unexpected(),
            Outcome::Received(Err(e)) | Outcome::Filled(Err(e)) => e.unexpected(),
            Outcome::Sent(Err(e)) | Outcome::Drained(Err(e)) => e.unexpected(),
            _ => None,
        };
        if let Some(errno) = errno {
            self.note_unexpected(errno);
        }
    }
}
