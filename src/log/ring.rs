//! `ring@name`: the last lines, in memory, for whoever asks.
//!
//! Limits: the ring's `size` in bytes; the oldest lines fall out, and are counted.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// A ring without `size` holds as many bytes as HAProxy's, a buffer's.
pub const SIZE: usize = 16 * 1024;

/// What a line costs besides its own bytes.
const OVERHEAD: usize = 16;

/// A ring.
#[derive(Debug)]
pub struct Ring {
    /// Its name.
    pub name: Box<str>,
    /// How many bytes it holds.
    pub size: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// How many lines came before the first one.
    fallen: u64,
}

impl Ring {
    /// An empty one.
    pub fn new(name: &str, size: usize) -> Ring {
        Ring { name: name.into(), size, held: Mutex::default() }
    }

    /// Adds lines.
    pub fn push<'a>(&self, lines: impl Iterator<Item = &'a [u8]>) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines {
            held.bytes = held.bytes.saturating_add(line.len() + OVERHEAD);
            held.lines.push_back(line.into());
            while held.bytes > self.size {
                let Some(first) = held.lines.pop_front() else { break };
                held.bytes = held.bytes.saturating_sub(first.len() + OVERHEAD);
                held.fallen += 1;
            }
        }
    }

    /// The lines from number `from` on (each with its end), and the number of the one that comes next.
    /// Numbers begin at 0 and count every line that ever came; so a reader that passes on what it was
    /// given sees each line once, and by the numbers how many it missed.
    pub fn read(&self, from: u64) -> (Vec<Box<[u8]>>, u64) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = u64::try_from(held.lines.len()).unwrap_or_default();
        let skip = usize::try_from(from.saturating_sub(held.fallen)).unwrap_or(usize::MAX);
        let lines = held.lines.iter().skip(skip).cloned().collect();
        (lines, held.fallen.saturating_add(count))
    }

    /// How many lines have fallen out.
    pub fn fallen(&self) -> u64 {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).fallen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_fall_out() {
        let ring = Ring::new("r", 3 * (OVERHEAD + 2));
        ring.push([&b"a\n"[..], b"b\n", b"c\n", b"d\n"].into_iter());
        let (lines, next) = ring.read(0);
        assert_eq!(lines.concat(), b"b\nc\nd\n");
        assert_eq!((next, ring.fallen()), (4, 1));
        ring.push([&b"e\n"[..]].into_iter());
        assert_eq!(ring.read(next), (vec![b"e\n"[..].into()], 5));
        assert_eq!(ring.read(99).0.len(), 0);
    }

    #[test]
    fn a_line_larger_than_the_ring_falls_through() {
        let ring = Ring::new("r", 10);
        ring.push([&b"much too long\n"[..]].into_iter());
        assert_eq!((ring.read(0).0.len(), ring.fallen()), (0, 1));
    }
}
