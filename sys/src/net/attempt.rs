//! The outcome of trying something on a non-blocking descriptor.

use nix::errno::Errno;
use std::fmt;

/// Why an attempt on a non-blocking descriptor gave no result.
///
/// `WouldBlock` is apart from the errors because it is none: the descriptor is sound, and the
/// caller comes back when the ring says that it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt<E> {
    /// `EAGAIN`: nothing can be done until the descriptor is ready.
    WouldBlock,
    /// The operation failed.
    Failed(E),
}

impl<E> Attempt<E> {
    /// Sorts an error number: `EAGAIN` is `WouldBlock`, the rest goes through `sort`.
    pub(super) fn new(errno: Errno, sort: fn(i32) -> E) -> Self {
        match errno {
            // The same number as EWOULDBLOCK on Linux and on FreeBSD (errno(3), errno(2)).
            Errno::EAGAIN => Self::WouldBlock,
            other => Self::Failed(sort(other as i32)),
        }
    }

    /// The same with the failure made into something else.
    pub fn map<F>(self, into: impl FnOnce(E) -> F) -> Attempt<F> {
        match self {
            Self::WouldBlock => Attempt::WouldBlock,
            Self::Failed(error) => Attempt::Failed(into(error)),
        }
    }

    /// The failure, if it is one.
    pub fn failure(self) -> Option<E> {
        match self {
            Self::WouldBlock => None,
            Self::Failed(error) => Some(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Attempt<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("would block"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for Attempt<E> {}
