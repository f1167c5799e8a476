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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::PoolConfig;

    fn pool() -> Pool {
        Pool::new(PoolConfig::default())
    }

    fn chunk(pool: &Pool, bytes: &[u8]) -> Chunk {
        pool.copy_from(bytes).expect("room")
    }

    #[test]
    fn what_came_in_pieces_is_one_run() {
        let pool = pool();
        let mut inbox = Inbox::default();
        assert!(inbox.is_empty());
        assert_eq!(inbox.push(chunk(&pool, b"GET / HT"), &pool), Ok(()));
        assert_eq!(inbox.push(chunk(&pool, b"TP/1.1"), &pool), Ok(()));
        assert_eq!(inbox.bytes(), b"GET / HTTP/1.1");
        assert_eq!(inbox.take(4).as_deref(), Some(&b"GET "[..]));
        inbox.advance(2);
        assert_eq!(inbox.bytes(), b"HTTP/1.1");
        assert_eq!(inbox.take(900).as_deref(), Some(&b"HTTP/1.1"[..]));
        assert!(inbox.is_empty() && inbox.take(1).is_none());
    }

    #[test]
    fn empty_it_holds_no_buffer() {
        let pool = pool();
        let mut inbox = Inbox::new(Some(chunk(&pool, b"")));
        assert!(inbox.is_empty());
        assert_eq!(inbox.push(chunk(&pool, b"abc"), &pool), Ok(()));
        inbox.advance(3);
        assert!(inbox.is_empty());
        assert_eq!(pool.stats().leased, [0, 0]);
    }

    #[test]
    fn a_run_has_an_end() {
        let pool = pool();
        let mut inbox = Inbox::new(Some(chunk(&pool, &[b'a'; 100 * 1024])));
        assert_eq!(inbox.push(chunk(&pool, &[b'b'; 100 * 1024]), &pool), Err(Full));
    }
}
