//! Why a message is refused.

/// What is wrong and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// What.
    pub reason: Reason,
    /// The offset of the byte at which it showed, in the bytes given.
    pub at: usize,
}

/// What is wrong with a message. (Skeleton: the h1 engineer closes this list.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A head larger than the limit.
    HeadTooLarge,
}

impl Reason {
    /// The status that answers it (a request's): 400, 414, 417, 431, 501, 505...
    pub fn status(self) -> u16 {
        400
    }

    /// A stable word for logs and counters.
    pub fn code(self) -> &'static str {
        "head-too-large"
    }

    /// The section that forbids it: `RFC 9112 §3`.
    pub fn section(self) -> &'static str {
        "RFC 9112"
    }
}
