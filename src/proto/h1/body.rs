//! Bodies: which bytes of what came are the body's, and where it ends.

use super::{Framing, Reject};

/// Reads one body.
#[derive(Clone, Debug)]
pub struct BodyReader {
    framing: Framing,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `skip` bytes of framing, then `data` bytes of body; both may be zero, their sum is not. What
    /// follows is not looked at yet.
    Data {
        /// Bytes of chunk heads and ends.
        skip: usize,
        /// Bytes of body.
        data: usize,
    },
    /// The body ended after `skip` bytes of framing; what follows belongs to the next message.
    End {
        /// Bytes of framing (and trailers, which are checked and dropped).
        skip: usize,
    },
    /// All bytes are used up (or none were given).
    More,
}

impl BodyReader {
    /// For a body framed so.
    pub fn new(framing: Framing) -> BodyReader {
        BodyReader { framing }
    }

    /// Looks at the bytes that follow what was taken so far. The caller removes `skip + data`.
    ///
    /// # Errors
    /// Why the body is refused.
    pub fn handle_bytes(&mut self, _bytes: &[u8]) -> Result<Step, Reject> {
        unimplemented!()
    }

    /// The connection ended.
    ///
    /// # Errors
    /// If the body had not ended (only one that runs to the end may end so).
    pub fn handle_end(&mut self) -> Result<(), Reject> {
        unimplemented!()
    }

    /// Whether the body has ended.
    pub fn is_done(&self) -> bool {
        self.framing == Framing::None
    }

    /// Bytes of a body of known length still to come.
    pub fn remaining(&self) -> Option<u64> {
        unimplemented!()
    }
}
