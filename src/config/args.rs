//! The words behind a keyword, taken one after the other.
//!
//! In: a line, and where to report. Out: values of the wanted kind with their places. Whatever is
//! missing, superfluous or of the wrong kind is reported here with a caret, so a keyword's own
//! function says only what it wants: `let time = args.time("a time")?`.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::address::{self, Allowed};
use super::advice;
use super::environment::Environment;
use super::keyword::{Feature, Keyword};
use super::nearest::{did_you_mean, nearest};
use super::plan::{Endpoint, Given};
use super::report::{Fault, Report};
use super::section::Section;
use super::source::{Files, Span, why};
use super::value::{self, NumberFault};
use super::word::{Line, Word};

/// The prefix that a line was written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negation {
    /// None.
    None,
    /// `no`: the opposite.
    No,
}

/// A cursor over the words behind a keyword.
pub struct Args<'a> {
    /// The whole line, keyword and prefix included.
    pub line: &'a Line,
    /// The keyword's entry.
    pub keyword: &'static Keyword,
    /// The section the line stands in.
    pub section: Section,
    /// `no` before the keyword.
    pub negation: Negation,
    /// Where to report.
    pub report: &'a mut Report,
    /// Where files are read from.
    pub files: &'a dyn Files,
    /// For `setenv` and its relatives.
    pub environment: &'a mut Environment,
    /// The index in `line.words` of the next word.
    pub next: usize,
    /// The index in `line.words` behind the keyword.
    pub first: usize,
}

impl<'a> Args<'a> {
    /// The keyword's place.
    pub fn keyword_span(&self) -> Span {
        let words = &self.line.words[..self.first.min(self.line.words.len())];
        match (words.first(), words.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => self.line.span,
        }
    }

    /// The next word, which stays.
    pub fn peek(&self) -> Option<&'a Word> {
        self.line.words.get(self.next)
    }

    /// The next word, if there is one.
    pub fn take(&mut self) -> Option<&'a Word> {
        let word = self.peek()?;
        self.next += 1;
        Some(word)
    }

    /// Takes the next word if it is `text`.
    pub fn flag(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|word| &*word.text == text);
        self.next += usize::from(found);
        found
    }

    /// The next word; an error says that `expected` is missing.
    pub fn word(&mut self, expected: &str) -> Option<&'a Word> {
        if self.peek().is_none() {
            self.missing(expected);
        }
        self.take()
    }

    /// The next word, owned, with its place.
    pub fn text(&mut self, expected: &str) -> Option<Given<Box<str>>> {
        let word = self.word(expected)?;
        Some(Given { value: word.text.clone(), span: word.span })
    }

    /// Whether there is another word; an error says that `expected` is missing.
    pub fn peek_or_missing(&mut self, expected: &str) -> bool {
        if self.peek().is_none() {
            self.missing(expected);
        }
        self.peek().is_some()
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [Word] {
        let rest = self.line.words.get(self.next..).unwrap_or_default();
        self.next = self.line.words.len();
        rest
    }

    /// Passes over what is left: the line has a fault that is reported already.
    pub fn skip(&mut self) {
        self.next = self.line.words.len();
    }

    /// Reports that `expected` is missing at the end of the line.
    pub fn missing(&mut self, expected: &str) -> &mut Fault {
        let name = self.keyword.name;
        let syntax = self.keyword.syntax;
        let span = self.line.words.last().map_or(self.line.span, |word| word.span).after();
        let fault = self.report.error(span, format!("`{name}` needs {expected}"));
        fault.label(format!("{expected} is missing here"));
        fault.help(format!("it is written: {name} {syntax}"))
    }

    /// Reports every word that is left as superfluous.
    pub fn end(&mut self) {
        let Some(word) = self.peek() else { return };
        let last = self.line.words.last().map_or(word.span, |last| last.span);
        // HAProxy looks no further than the first empty word.
        if self.next > self.first && self.line.words[self.next..].iter().all(|it| it.is_empty()) {
            self.next = self.line.words.len();
            let message = "an empty word at the end of the line means nothing";
            let fault = self.report.advise(&advice::EMPTY_WORD, word.span.to(last), message);
            fault.label("is there a variable in it that is not set?");
            return;
        }
        let (name, syntax) = (self.keyword.name, self.keyword.syntax);
        let message = match self.next == self.first && syntax.is_empty() {
            true => format!("`{name}` takes no arguments"),
            false => format!("unexpected `{}` behind `{name}`", shown(word)),
        };
        self.next = self.line.words.len();
        let fault = self.report.error(word.span.to(last), message);
        fault.label("not expected here");
        if !syntax.is_empty() {
            fault.help(format!("it is written: {name} {syntax}"));
        }
    }

    /// Reports an error at `span`.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Fault {
        self.report.error(span, message)
    }

    /// Reports that `word` is none of `all`, with the nearest of them.
    pub fn unknown<'w>(
        &mut self,
        word: &Word,
        expected: &str,
        all: impl IntoIterator<Item = &'w str>,
    ) -> &mut Fault {
        let all: Vec<&str> = all.into_iter().collect();
        let near = nearest(word, all.iter().copied());
        let name = self.keyword.name;
        let fault = self
            .report
            .error(word.span, format!("`{}` is not {expected} of `{name}`", shown(word)));
        if let Some(meant) = did_you_mean(&near) {
            fault.help(meant);
        } else if all.len() <= 24 {
            fault.help(format!("there are: {}", all.join(", ")));
        }
        fault.label(format!("expected {expected}"))
    }

    /// Remembers that this line asks for what is not built yet.
    pub fn later(&mut self, feature: Feature, span: Span) {
        self.report.later(feature, span);
    }

    /// One of a few words, each with its meaning.
    pub fn one_of<T: Copy>(&mut self, expected: &str, choices: &[(&str, T)]) -> Option<Given<T>> {
        let word = self.word(expected)?;
        match choices.iter().find(|(name, _)| *name == &*word.text) {
            Some(&(_, value)) => Some(Given { value, span: word.span }),
            None => {
                self.unknown(word, expected, choices.iter().map(|(name, _)| *name));
                None
            }
        }
    }

    /// A time in milliseconds or with a unit.
    pub fn time(&mut self, expected: &str) -> Option<Given<Duration>> {
        let word = self.word(expected)?;
        self.time_of(word, expected)
    }

    /// Reads `word` as a time in milliseconds or with a unit.
    pub fn time_of(&mut self, word: &Word, expected: &str) -> Option<Given<Duration>> {
        let units = "units are us, ms, s, m, h, d; the longest time is 24d";
        self.time_in(word, expected, (1, value::TIME_MAX), units)
    }

    /// A time in seconds or with a unit.
    pub fn seconds(&mut self, expected: &str) -> Option<Given<Duration>> {
        let word = self.word(expected)?;
        let units = "units are us, ms, s, m, h, d; the longest time is 24d";
        self.time_in(word, expected, (1000, value::TIME_MAX), units)
    }

    /// A time in seconds or with a unit, of up to 68 years (cookies, pages, probes: no timers).
    pub fn long_seconds(&mut self, expected: &str) -> Option<Given<Duration>> {
        let word = self.word(expected)?;
        let units = "units are us, ms, s, m, h, d; the longest time is 24855d";
        self.time_in(word, expected, (1000, value::SECONDS_MAX), units)
    }

    /// Reads a time; what stands behind its unit is told and read past, as in HAProxy.
    fn time_in(
        &mut self,
        word: &Word,
        expected: &str,
        (unit_ms, longest): (u64, Duration),
        units: &str,
    ) -> Option<Given<Duration>> {
        match value::time_start(word, unit_ms, longest) {
            Ok((value, read)) => {
                if read < word.len() {
                    let message =
                        format!("`{}` behind the unit is not read", shown_text(&word[read..]));
                    let span = word.part(read..word.len());
                    let fault = self.report.advise(&advice::TIME_TAIL, span, message);
                    fault
                        .label(format!("the time ends before this: {}", shown_text(&word[..read])));
                    fault.help(units);
                }
                Some(Given { value, span: word.span })
            }
            Err(fault) => {
                self.not_a_number(word, expected, fault, units);
                None
            }
        }
    }

    /// A size in bytes, or a count, with `k`, `m`, `g`.
    pub fn size(&mut self, expected: &str) -> Option<Given<u64>> {
        let word = self.word(expected)?;
        match value::size(word) {
            Ok(value) => Some(Given { value, span: word.span }),
            Err(fault) => {
                self.not_a_number(word, expected, fault, "units are k, m, g");
                None
            }
        }
    }

    /// A number without a unit, within `range`.
    pub fn number<N>(&mut self, expected: &str, range: RangeInclusive<N>) -> Option<Given<N>>
    where
        N: TryFrom<u64> + PartialOrd + Display,
    {
        let word = self.word(expected)?;
        self.number_of(word, expected, range)
    }

    /// Reads `word` as a number without a unit, within `range`.
    pub fn number_of<N>(
        &mut self,
        word: &Word,
        expected: &str,
        range: RangeInclusive<N>,
    ) -> Option<Given<N>>
    where
        N: TryFrom<u64> + PartialOrd + Display,
    {
        let bounds = format!("from {} to {}", range.start(), range.end());
        let number = value::count(word).and_then(|number| {
            let number = N::try_from(number).ok().filter(|number| range.contains(number));
            number.ok_or(NumberFault::TooLarge)
        });
        match number {
            Ok(value) => Some(Given { value, span: word.span }),
            Err(NumberFault::TooLarge) => {
                let fault = self
                    .report
                    .error(word.span, format!("`{}` is out of range for {expected}", shown(word)));
                fault.label(format!("{bounds} is possible"));
                None
            }
            Err(fault) => {
                self.not_a_number(word, expected, fault, &bounds);
                None
            }
        }
    }

    fn not_a_number(&mut self, word: &Word, expected: &str, fault: NumberFault, help: &str) {
        let (span, message) = match fault {
            NumberFault::NoDigits => (word.span, format!("`{}` is not {expected}", shown(word))),
            NumberFault::ForeignDigits => {
                (word.span, format!("`{}` has digits that are not 0 to 9", shown(word)))
            }
            NumberFault::Unit(at) => (
                word.part(at..word.len()),
                format!("`{}` behind the number is not a unit here", shown_text(&word[at..])),
            ),
            NumberFault::TooLarge => {
                (word.span, format!("`{}` is too large for {expected}", shown(word)))
            }
        };
        self.report.error(span, message).label(format!("expected {expected}")).help(help);
    }

    /// Reads `word` as an address; variables in it are replaced even outside of quotes.
    pub fn address(&mut self, word: &Word, allowed: &Allowed) -> Option<Given<Endpoint>> {
        address::read(self.report, &self.expanded(word), allowed)
    }

    /// Reads `word` as addresses with commas between them.
    pub fn addresses(&mut self, word: &Word, allowed: &Allowed) -> Vec<Given<Endpoint>> {
        address::list(self.report, &self.expanded(word), allowed)
    }

    fn expanded<'w>(&self, word: &'w Word) -> Cow<'w, Word> {
        match self.environment.expand(word) {
            Some(text) => Cow::Owned(Word { text: text.into(), span: word.span, verbatim: false }),
            None => Cow::Borrowed(word),
        }
    }

    /// Reads a file named by `word`; one that cannot be read is reported.
    pub fn file(&mut self, word: &Word) -> Option<Vec<u8>> {
        match self.files.read(&self.environment.path(word)) {
            Ok(content) => Some(content),
            Err(error) => {
                let message = format!("cannot read `{}`: {}", shown(word), why(&error));
                self.report.error(word.span, message).label("this file");
                None
            }
        }
    }
}

/// A word for a message: short, without control characters.
pub fn shown(word: &Word) -> String {
    shown_text(word)
}

/// Text for a message: at most 60 characters, those that nobody can see escaped.
pub fn shown_text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(60) {
        match c.is_control() || super::look_alike::find(c).is_some_and(|like| like.unseen) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    if text.chars().nth(60).is_some() {
        out.push_str("...");
    }
    out
}
