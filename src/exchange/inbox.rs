//! What came on a connection and was not used yet.
//!
//! In: chunks. Out: the bytes in front, as one run. Empty it holds no buffer. Joining two chunks copies
//! (the head of a message that came in pieces); whole chunks pass through uncopied.
//!
//! Limits: a run has at most a bulk block's bytes.

use crate::worker::{Chunk, Pool};

/// The bytes in front.
#[derive(Clone, Debug, Default)]
pub struct Inbox {
    chunk: Option<Chunk>,
}

/// There is no room: the pool is exhausted, or the run would be too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Inbox {
    /// With these bytes in front.
    pub fn new(chunk: Option<Chunk>) -> Inbox {
        Inbox { chunk: chunk.filter(|chunk| !chunk.is_empty()) }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.chunk.as_deref().unwrap_or_default()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.chunk.is_none()
    }

    /// Adds what came.
    ///
    /// # Errors
    /// See [`Full`]; then the new bytes are lost and the connection has to go.
    pub fn push(&mut self, chunk: Chunk, pool: &Pool) -> Result<(), Full> {
        let joined = match &self.chunk {
            None => chunk,
            Some(first) => pool.join(first, &chunk).ok_or(Full)?,
        };
        self.chunk = Some(joined).filter(|chunk| !chunk.is_empty());
        Ok(())
    }

    /// The first `n` bytes (all, if there are fewer), which are then gone from here.
    pub fn take(&mut self, n: usize) -> Option<Chunk> {
        let chunk = self.chunk.as_mut()?;
        if n >= chunk.len() {
            return self.chunk.take();
        }
        Some(chunk.cut_front(n))
    }

    /// Drops the first `n` bytes.
    pub fn advance(&mut self, n: usize) {
        drop(self.take(n));
    }

    /// All of it.
    pub fn take_all(&mut self) -> Option<Chunk> {
        self.chunk.take()
    }
}
