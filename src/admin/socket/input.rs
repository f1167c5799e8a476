//! What clients of the runtime socket send, as lines.
//!
//! In: chunks as they come. Out: lines without their ends, one at a time. Limits: what is not yet a line
//! may be as long as the caller says; nothing is kept beyond that and one chunk.

use std::time::Duration;

use crate::worker::{Local, Stream};

/// A line, or why there is none.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// It, without its end.
    Whole(Vec<u8>),
    /// It is longer than it may be.
    TooLong,
    /// The client is gone, or said nothing for too long.
    Gone,
}

/// What has come and was not used yet.
#[derive(Debug, Default)]
pub struct Input {
    bytes: Vec<u8>,
    /// How many of them are known to hold no end of a line.
    seen: usize,
    ended: bool,
}

impl Input {
    /// The next line of at most `most` bytes; each chunk of it may take `patience` to come.
    pub async fn line(
        &mut self,
        local: &Local,
        stream: &Stream,
        most: usize,
        patience: Duration,
    ) -> Line {
        loop {
            if let Some(line) = self.take_line(most) {
                return line;
            }
            if self.ended {
                // What comes without an end of the line counts, as in HAProxy's own scripts.
                let rest = std::mem::take(&mut self.bytes);
                self.seen = 0;
                return if rest.is_empty() { Line::Gone } else { Line::Whole(rest) };
            }
            match local.timeout(patience, stream.receive()).await {
                Ok(Ok(Some(chunk))) => self.bytes.extend_from_slice(&chunk),
                Ok(Ok(None)) => self.ended = true,
                Ok(Err(_)) | Err(_) => return Line::Gone,
            }
        }
    }

    fn take_line(&mut self, most: usize) -> Option<Line> {
        let new = self.bytes.get(self.seen..).unwrap_or_default();
        let Some(end) = new.iter().position(|byte| *byte == b'\n') else {
            self.seen = self.bytes.len();
            return (self.seen > most).then_some(Line::TooLong);
        };
        let end = self.seen + end;
        if end > most {
            return Some(Line::TooLong);
        }
        let mut line: Vec<u8> = self.bytes.drain(..=end).collect();
        self.seen = 0;
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(Line::Whole(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(input: &mut Input, bytes: &[u8]) -> Option<Line> {
        input.bytes.extend_from_slice(bytes);
        input.take_line(5)
    }

    #[test]
    fn lines_come_one_at_a_time() {
        let mut input = Input::default();
        assert_eq!(take(&mut input, b"ab"), None);
        assert_eq!(take(&mut input, b"c\r\nde\n\nf"), Some(Line::Whole(b"abc".to_vec())));
        assert_eq!(take(&mut input, b""), Some(Line::Whole(b"de".to_vec())));
        assert_eq!(take(&mut input, b""), Some(Line::Whole(Vec::new())));
        assert_eq!(take(&mut input, b""), None);
        assert_eq!(take(&mut input, b"ghij"), None);
        assert_eq!(take(&mut input, b"k"), Some(Line::TooLong));
        assert_eq!(take(&mut Input::default(), b"123456\n"), Some(Line::TooLong));
        assert_eq!(take(&mut Input::default(), b"12345\n"), Some(Line::Whole(b"12345".to_vec())));
    }
}
