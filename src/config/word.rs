//! Words and lines: what the tokenizer makes of text.

use std::ops::{Deref, Range};

use super::source::Span;

/// One word of a line, unquoted and unescaped, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word as the language sees it.
    pub text: Box<str>,
    /// Where it stands, quotes and escapes included.
    pub span: Span,
    /// Whether the text is the very bytes of the span, so that offsets into one hold in the other.
    pub verbatim: bool,
}

impl Word {
    /// A word that stands in no file: defaults, tests.
    pub fn synthetic(text: &str) -> Word {
        Word { text: text.into(), span: Span::default(), verbatim: false }
    }

    /// The place of bytes `range` of the text; of the whole word where quotes or escapes hide it.
    pub fn part(&self, range: Range<usize>) -> Span {
        if self.verbatim { self.span.part(range) } else { self.span }
    }

    /// The word made of bytes `range` of this one.
    pub fn cut(&self, range: Range<usize>) -> Word {
        let text = self.text.get(range.clone()).unwrap_or("").into();
        Word { text, span: self.part(range), verbatim: self.verbatim }
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// A statement: a line with at least one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its words; never empty.
    pub words: Vec<Word>,
    /// From the first word to the last.
    pub span: Span,
}
