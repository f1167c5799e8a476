//! `.if`, `.elif`, `.else`, `.endif`, and the messages a file gives itself.

use std::ops::Range;

use super::{NESTING_MAX, Reader, condition};
use crate::config::advice;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::report::Report;
use crate::config::source::Span;
use crate::config::word::{Line, Word};

/// Where a block of `.if` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// These lines are read.
    Taken,
    /// They are not; a later branch may be.
    Waiting,
    /// They are not, nor is any later branch: one was, or the whole block is skipped.
    Done,
}

/// The blocks that are open.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// Each with the place of its `.if` and whether `.else` was seen.
    open: Vec<(State, Span, bool)>,
    /// How many of them are not taken: the depth of blocks is the file's choice, so it is not
    /// walked for every line.
    not_taken: usize,
}

impl Blocks {
    /// Whether lines are read.
    pub fn active(&self) -> bool {
        self.not_taken == 0
    }

    fn push(&mut self, state: State, span: Span, after_else: bool) {
        self.not_taken += usize::from(state != State::Taken);
        self.open.push((state, span, after_else));
    }

    fn pop(&mut self) -> Option<(State, Span, bool)> {
        let block = self.open.pop()?;
        self.not_taken -= usize::from(block.0 != State::Taken);
        Some(block)
    }

    /// Reports blocks that nothing closed.
    pub fn end_of_file(&mut self, report: &mut Report) {
        while let Some((_, span, _)) = self.pop() {
            report.error(span, "this `.if` has no `.endif`").label("opened here");
        }
    }
}

const DIRECTIVES: &[&str] =
    &[".if", ".elif", ".else", ".endif", ".notice", ".warning", ".alert", ".diag"];

impl Reader<'_> {
    /// A line whose first word begins with a dot.
    pub(super) fn directive(&mut self, line: &Line) {
        let word = &line.words[0];
        match &*word.text {
            ".if" => self.open_block(line),
            ".elif" => self.next_branch(line, true),
            ".else" => self.next_branch(line, false),
            ".endif" => {
                if self.blocks.pop().is_none() {
                    self.report.error(word.span, "`.endif` without `.if`");
                }
                self.nothing_behind(line);
            }
            _ if !self.blocks.active() => {}
            ".notice" | ".warning" | ".alert" | ".diag" => self.message(line),
            _ => {
                let near = nearest(word, DIRECTIVES.iter().copied());
                let fault =
                    self.report.error(word.span, format!("unknown directive `{}`", word.text));
                if let Some(meant) = did_you_mean(&near) {
                    fault.help(meant);
                }
            }
        }
    }

    fn open_block(&mut self, line: &Line) {
        let word = &line.words[0];
        if self.blocks.open.len() == NESTING_MAX {
            let message = format!("more than {NESTING_MAX} blocks of `.if` inside each other");
            self.report.error(word.span, message);
        }
        let state = match self.blocks.active() {
            false => State::Done,
            true if self.holds(line) => State::Taken,
            true => State::Waiting,
        };
        self.blocks.push(state, word.span, false);
    }

    fn next_branch(&mut self, line: &Line, with_condition: bool) {
        let word = &line.words[0];
        let Some((state, span, after_else)) = self.blocks.pop() else {
            self.report.error(word.span, format!("`{}` without `.if`", word.text));
            return;
        };
        if after_else {
            self.report
                .error(word.span, format!("`{}` behind `.else`", word.text))
                .also(span, "the block began here");
        }
        let state = match state {
            State::Waiting if self.blocks.active() && (!with_condition || self.holds(line)) => {
                State::Taken
            }
            State::Waiting => State::Waiting,
            State::Taken | State::Done => State::Done,
        };
        if !with_condition {
            self.nothing_behind(line);
        }
        self.blocks.push(state, span, after_else || !with_condition);
    }

    /// Whether the condition of a line holds; one that is wrong is reported and does not.
    ///
    /// The condition is the whole line behind the directive: blanks in it need no quotes.
    fn holds(&mut self, line: &Line) -> bool {
        let words = &line.words[1..];
        let texts: Vec<&str> = words.iter().map(|word| &*word.text).collect();
        match condition::evaluate(&texts.join(" "), self.environment) {
            Ok(holds) => holds,
            Err((message, range)) => {
                self.report.error(joined_part(words, range), message);
                false
            }
        }
    }

    fn nothing_behind(&mut self, line: &Line) {
        if let (Some(extra), true) = (line.words.get(1), self.blocks.active()) {
            let message = format!("unexpected word behind `{}`", line.words[0].text);
            self.report.error(extra.span, message);
        }
    }

    fn message(&mut self, line: &Line) {
        let [word, text] = &line.words[..] else {
            let message = format!("`{}` needs one message, in quotes", line.words[0].text);
            self.report.error(line.span, message);
            return;
        };
        let span = text.span;
        let message = match text.is_empty() {
            true => format!("`{}` with an empty message", word.text),
            false => text.text.to_string(),
        };
        match &*word.text {
            ".alert" => {
                self.report.error(span, message);
            }
            ".warning" => {
                self.report.advise(&advice::MESSAGE, span, message);
            }
            ".notice" => {
                self.report.advise(&advice::NOTICE, span, message);
            }
            // Only HAProxy's -dD shows it.
            _ => {}
        }
    }
}

/// The place of bytes `range` of what words make when a blank joins them.
fn joined_part(words: &[Word], range: Range<usize>) -> Span {
    let mut start = 0;
    let mut found: Option<Span> = None;
    for word in words {
        let end = start + word.len();
        if range.start <= end && (range.end > start || found.is_none()) {
            let to = range.end.min(end).saturating_sub(start);
            let part = word.part(range.start.saturating_sub(start)..to);
            found = Some(found.map_or(part, |first| first.to(part)));
        }
        start = end + 1;
    }
    found.unwrap_or_default()
}
