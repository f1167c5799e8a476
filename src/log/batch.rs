//! Lines of one worker that wait for the end of its turn, for one outlet.
//!
//! Limits: [`BYTES_MAX`] bytes wait; a line more is refused, and its caller counts it.

use std::io::IoSlice;

/// How many bytes wait for an outlet.
pub const BYTES_MAX: usize = 256 * 1024;

/// Lines in order, each whole.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
    /// How many of them are gone.
    gone: usize,
}

impl Batch {
    /// Appends what `write` writes as a line. Whether there was room.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.bytes.len() >= BYTES_MAX {
            self.settle();
        }
        if self.bytes.len() >= BYTES_MAX {
            return false;
        }
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
        true
    }

    /// How many lines wait.
    pub fn len(&self) -> usize {
        self.ends.len() - self.gone
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first lines, as many as fit into the slices; how many those are.
    pub fn slices<'a, const N: usize>(&'a self, slices: &mut [IoSlice<'a>; N]) -> usize {
        let mut start = self.start();
        let ends = self.ends.get(self.gone..).unwrap_or_default();
        let mut count = 0;
        for (slice, &end) in slices.iter_mut().zip(ends) {
            *slice = IoSlice::new(self.bytes.get(start..end).unwrap_or_default());
            start = end;
            count += 1;
        }
        count
    }

    /// The first `count` lines are gone.
    pub fn advance(&mut self, count: usize) {
        self.gone = self.gone.saturating_add(count).min(self.ends.len());
        if self.gone == self.ends.len() {
            self.clear();
        }
    }

    /// Forgets all lines; how many there were.
    pub fn clear(&mut self) -> usize {
        let count = self.len();
        self.bytes.clear();
        self.ends.clear();
        self.gone = 0;
        count
    }

    /// Takes all lines as one run of bytes.
    pub fn take(&mut self) -> Vec<u8> {
        self.settle();
        let bytes = std::mem::take(&mut self.bytes);
        self.clear();
        bytes
    }

    /// Each line, in order, without taking it.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = self.start();
        self.ends.get(self.gone..).unwrap_or_default().iter().map(move |&end| {
            let line = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            line
        })
    }

    fn start(&self) -> usize {
        match self.gone {
            0 => 0,
            gone => self.ends.get(gone - 1).copied().unwrap_or_default(),
        }
    }

    /// Gives the room of the lines that are gone back.
    fn settle(&mut self) {
        let start = self.start();
        if start == 0 {
            return;
        }
        self.bytes.drain(..start);
        self.ends.drain(..self.gone);
        self.ends.iter_mut().for_each(|end| *end -= start);
        self.gone = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(batch: &Batch) -> Vec<String> {
        batch.lines().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    #[test]
    fn lines_leave_in_order() {
        let mut batch = Batch::default();
        for text in ["one\n", "two\n", "three\n"] {
            assert!(batch.push(|out| out.extend_from_slice(text.as_bytes())));
        }
        let mut slices = [IoSlice::new(b""); 2];
        assert_eq!(batch.slices(&mut slices), 2);
        assert_eq!((&*slices[0], &*slices[1]), (&b"one\n"[..], &b"two\n"[..]));
        batch.advance(1);
        assert_eq!(texts(&batch), ["two\n", "three\n"]);
        batch.settle();
        assert_eq!(texts(&batch), ["two\n", "three\n"]);
        assert_eq!(batch.take(), b"two\nthree\n");
        assert!(batch.is_empty());
        assert_eq!(batch.clear(), 0);
    }

    #[test]
    fn there_is_an_end_to_it() {
        let mut batch = Batch::default();
        let line = [b'x'; 1024];
        while batch.push(|out| out.extend_from_slice(&line)) {}
        assert_eq!(batch.len(), BYTES_MAX / 1024);
        batch.advance(1);
        assert!(batch.push(|out| out.extend_from_slice(&line)), "room was given back");
    }
}
