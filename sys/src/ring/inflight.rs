//! The operations in flight, found by token: who keeps their buffers until the final event.

use super::op::{Op, Payload, Token, Unsent};
use crate::buf::Chunk;
use crate::table::Key;
use std::io::IoSlice;

/// The most runs of bytes handed to the kernel in one call; more go in later calls.
pub(crate) const RUNS_MAX: usize = 64;

/// How far a send has come: a chunk and an offset in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    chunk: u32,
    offset: u32,
}

impl Cursor {
    /// Moves `n` bytes forward.
    #[inline]
    pub(crate) fn advance(&mut self, payload: &Payload, n: usize) {
        let mut n = n;
        let chunks = payload.chunks();
        while let Some(chunk) = chunks.get(self.chunk as usize) {
            let left = chunk.len() - self.offset as usize;
            if n < left {
                self.offset += n as u32;
                return;
            }
            n -= left;
            self.chunk += 1;
            self.offset = 0;
        }
    }

    fn is_start(self) -> bool {
        (self.chunk, self.offset) == (0, 0)
    }

    /// Whether nothing is left to send.
    pub(crate) fn at_end(self, payload: &Payload) -> bool {
        self.left(payload) == 0
    }

    /// What is left of the only chunk of a payload.
    pub(crate) fn rest_of(self, chunk: &Chunk) -> &[u8] {
        match self.chunk {
            0 => chunk.get(self.offset as usize..).unwrap_or_default(),
            _ => &[],
        }
    }

    /// How many bytes are left to send.
    fn left(self, payload: &Payload) -> usize {
        let rest = payload.chunks().get(self.chunk as usize..).unwrap_or_default();
        let bytes = rest.iter().map(|chunk| chunk.len()).sum::<usize>();
        bytes.saturating_sub(self.offset as usize)
    }

    /// The runs still to be sent, at most [`RUNS_MAX`] of them; empty ones are left out.
    pub(crate) fn runs(self, payload: &Payload) -> impl Iterator<Item = &[u8]> {
        let chunks = payload.chunks().get(self.chunk as usize..).unwrap_or_default();
        chunks
            .iter()
            .enumerate()
            .map(move |(i, chunk)| if i == 0 { &chunk[self.offset as usize..] } else { &chunk[..] })
            .filter(|run| !run.is_empty())
            .take(RUNS_MAX)
    }

    /// The runs as slices for a vectored call, as many as `out` has room for; the count says how many
    /// of it are filled.
    pub(crate) fn slices<'p>(self, payload: &'p Payload, out: &mut [IoSlice<'p>]) -> usize {
        let mut n = 0;
        for (slice, run) in out.iter_mut().zip(self.runs(payload)) {
            *slice = IoSlice::new(run);
            n += 1;
        }
        n
    }
}

/// One operation in flight.
#[derive(Debug)]
pub(crate) struct InFlight<Extra> {
    pub(crate) op: Op,
    /// What few operations have, and an idle connection's receives never.
    more: Option<Box<More<Extra>>>,
}

/// How far a send has come, and what the back-end keeps with the operation.
#[derive(Debug, Default)]
struct More<Extra> {
    cursor: Cursor,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only io_uring keeps any"))]
    extra: Extra,
}

impl<Extra: Default> InFlight<Extra> {
    #[inline(always)]
    fn new(op: Op, cursor: Cursor) -> Self {
        let more = (!cursor.is_start()).then(|| Box::new(More { cursor, extra: Extra::default() }));
        InFlight { op, more }
    }

    /// How far the send has come.
    #[inline]
    pub(crate) fn cursor(&self) -> Cursor {
        self.more.as_ref().map_or(Cursor::default(), |more| more.cursor)
    }

    /// Remembers how far the send has come.
    #[inline]
    pub(crate) fn set_cursor(&mut self, cursor: Cursor) {
        if !cursor.is_start() {
            self.more.get_or_insert_default().cursor = cursor;
        }
    }

    /// What the back-end keeps with it, if it keeps anything.
    #[cfg(target_os = "linux")]
    #[inline]
    pub(crate) fn extra(&self) -> Option<&Extra> {
        self.more.as_ref().map(|more| &more.extra)
    }

    /// Room for what the back-end keeps with it.
    #[cfg(target_os = "linux")]
    pub(crate) fn extra_mut(&mut self) -> &mut Extra {
        &mut self.more.get_or_insert_default().extra
    }
}

/// The operations in flight by token index. The caller's tokens are slots of one table, so a plain
/// vector finds them.
#[derive(Debug)]
pub(crate) struct Operations<Extra> {
    slots: Vec<(u32, Option<InFlight<Extra>>)>,
    count: usize,
}

impl<Extra: Default> Operations<Extra> {
    pub(crate) fn new() -> Self {
        Operations { slots: Vec::new(), count: 0 }
    }

    /// Files an operation; a slot still taken gives the operation back.
    #[inline(always)]
    pub(crate) fn put(&mut self, token: Token, op: Op, cursor: Cursor) -> Result<(), Op> {
        let inflight = InFlight::new(op, cursor);
        match self.slots.get_mut(token.0.index as usize) {
            Some((generation, slot @ None)) => {
                *generation = token.0.generation;
                *slot = Some(inflight);
            }
            Some(_) => return Err(inflight.op),
            None if token == Token::WAKE => return Err(inflight.op),
            None => self.append(token, inflight),
        }
        self.count += 1;
        Ok(())
    }

    #[cold]
    fn append(&mut self, token: Token, inflight: InFlight<Extra>) {
        self.slots.resize_with(token.0.index as usize, || (0, None));
        self.slots.push((token.0.generation, Some(inflight)));
    }

    /// The operation of a token, unless it is stale.
    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut InFlight<Extra>> {
        match self.slots.get_mut(token.0.index as usize) {
            Some((generation, slot)) if *generation == token.0.generation => slot.as_mut(),
            _ => None,
        }
    }

    /// The operation in a slot and its whole token.
    pub(crate) fn at(&mut self, index: u32) -> Option<(Token, &mut InFlight<Extra>)> {
        let (generation, slot) = self.slots.get_mut(index as usize)?;
        let token = Token(Key { index, generation: *generation });
        slot.as_mut().map(|inflight| (token, inflight))
    }

    /// How far the send or drain in a slot is.
    pub(crate) fn unsent(&self, index: u32) -> Option<Unsent> {
        let (generation, slot) = self.slots.get(index as usize)?;
        let inflight = slot.as_ref()?;
        let bytes = match &inflight.op {
            Op::Send(_, payload) => inflight.cursor().left(payload),
            Op::Drain(_, pipe) => pipe.held(),
            _ => return None,
        };
        Some(Unsent { token: Token(Key { index, generation: *generation }), bytes })
    }

    /// Takes an operation out.
    pub(crate) fn take(&mut self, index: u32) -> Option<(Token, InFlight<Extra>)> {
        let (generation, slot) = self.slots.get_mut(index as usize)?;
        let token = Token(Key { index, generation: *generation });
        let inflight = slot.take()?;
        self.count -= 1;
        Some((token, inflight))
    }

    /// Forgets a receive, which owns nothing that would have to be dropped.
    #[inline]
    pub(crate) fn clear(&mut self, index: u32) {
        if let Some((_, slot @ Some(_))) = self.slots.get_mut(index as usize) {
            debug_assert!(slot.as_ref().is_some_and(|it| matches!(it.op, Op::Receive(_))));
            std::mem::forget(slot.take());
            self.count -= 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buf::{Pool, PoolConfig};

    #[test]
    fn a_cursor_walks_over_chunk_borders_and_empty_chunks() {
        let pool = Pool::new(PoolConfig::default());
        let chunk = |s: &[u8]| pool.copy_from(s).expect("pool");
        let payload = Payload::from(vec![chunk(b""), chunk(b"abc"), chunk(b""), chunk(b"de")]);
        let mut cursor = Cursor::default();
        let mut seen = Vec::new();
        for step in [0, 1, 2, 1, 1] {
            cursor.advance(&payload, step);
            seen.push(cursor.runs(&payload).collect::<Vec<_>>().concat());
        }
        assert_eq!(seen, [&b"abcde"[..], b"bcde", b"de", b"e", b""]);
        assert!(cursor.at_end(&payload));
        assert!(Cursor::default().at_end(&Payload::from(vec![])));
        assert!(Cursor::default().at_end(&Payload::One(chunk(b""))));
    }
}
