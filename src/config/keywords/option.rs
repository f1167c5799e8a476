//! The words that follow an option of `bind` or `server`.
//!
//! In: the line's cursor, behind the option's own word. Out: values. What is missing or wrong is
//! reported in the name of the option, not of the line's keyword.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::address::Allowed;
use crate::config::advice;
use crate::config::args::{Args, shown};
use crate::config::keyword::Status;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::plan::{Endpoint, Given};
use crate::config::report::Fault;
use crate::config::source::Span;
use crate::config::word::Word;

/// An option, and the cursor behind its word.
pub struct Opt<'o, 'a> {
    /// The line.
    pub args: &'o mut Args<'a>,
    /// The option's word.
    pub word: &'a Word,
    /// How its values are written.
    pub syntax: &'static str,
}

impl<'a> Opt<'_, 'a> {
    /// The option's name, without what stands in parentheses.
    pub fn name(&self) -> &'a str {
        self.word.split('(').next().unwrap_or_default()
    }

    /// From the option's word to the last word taken.
    pub fn span(&self) -> Span {
        let last = self.args.next.checked_sub(1).and_then(|at| self.args.line.words.get(at));
        self.word.span.to(last.map_or(self.word.span, |last| last.span))
    }

    /// The next word, which must not be empty.
    pub fn value(&mut self, expected: &str) -> Option<&'a Word> {
        let span = match self.args.take() {
            Some(word) if !word.is_empty() => return Some(word),
            Some(empty) => empty.span,
            None => self.args.line.words.last().map_or(self.word.span, |last| last.span).after(),
        };
        let (name, syntax) = (self.name(), self.syntax);
        self.args
            .error(span, format!("`{name}` needs {expected}"))
            .label(format!("{expected} is missing here"))
            .help(format!("it is written: {name}{}{syntax}", gap(syntax)));
        None
    }

    /// The next word, as it is.
    pub fn text(&mut self, expected: &str) -> Option<Given<Box<str>>> {
        let word = self.value(expected)?;
        Some(Given { value: word.text.clone(), span: word.span })
    }

    /// A number within `range`.
    pub fn number<N>(&mut self, expected: &str, range: RangeInclusive<N>) -> Option<Given<N>>
    where
        N: TryFrom<u64> + PartialOrd + Display,
    {
        let word = self.value(expected)?;
        self.args.number_of(word, expected, range)
    }

    /// A number within `range`, which may be negative.
    pub fn signed(&mut self, expected: &str, range: RangeInclusive<i32>) -> Option<Given<i32>> {
        let word = self.value(expected)?;
        let Some(digits) = word.strip_prefix('-').filter(|_| *range.start() < 0) else {
            return self.args.number_of(word, expected, 0.max(*range.start())..=*range.end());
        };
        let number = digits.parse::<u32>().ok().and_then(|it| i32::try_from(it).ok());
        match number.map(|number| -number).filter(|number| range.contains(number)) {
            Some(value) if digits.starts_with(|c: char| c.is_ascii_digit()) => {
                Some(Given { value, span: word.span })
            }
            _ => {
                let (least, most) = range.into_inner();
                self.args
                    .error(word.span, format!("`{}` is not {expected}", shown(word)))
                    .label(format!("from {least} to {most} is possible"));
                None
            }
        }
    }

    /// A time in milliseconds or with a unit.
    pub fn time(&mut self, expected: &str) -> Option<Given<Duration>> {
        let at = self.args.next;
        self.value(expected)?;
        self.args.next = at;
        self.args.time(expected)
    }

    /// A time above zero, in milliseconds or with a unit.
    pub fn time_above_zero(&mut self, expected: &str) -> Option<Given<Duration>> {
        let time = self.time(expected)?;
        if time.is_zero() {
            let name = self.name();
            self.args
                .error(time.span, format!("`{name}` cannot be zero"))
                .label(format!("expected {expected} above zero"));
            return None;
        }
        Some(time)
    }

    /// A size in bytes, above zero.
    pub fn size(&mut self, expected: &str) -> Option<Given<u64>> {
        let at = self.args.next;
        self.value(expected)?;
        self.args.next = at;
        let size = self.args.size(expected)?;
        if size.value == 0 {
            let name = self.name();
            self.args.error(size.span, format!("`{name}` cannot be zero"));
            return None;
        }
        Some(size)
    }

    /// One of a few words, each with its meaning.
    pub fn one_of<T: Copy>(&mut self, choices: &[(&str, T)]) -> Option<Given<T>> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let word = self.value(&one_of(&names))?;
        match choices.iter().find(|(name, _)| *name == &*word.text) {
            Some(&(_, value)) => Some(Given { value, span: word.span }),
            None => {
                self.unknown(word, &names);
                None
            }
        }
    }

    /// The meanings of a list with commas, each with its place.
    pub fn list<T: Copy>(&mut self, expected: &str, choices: &[(&str, T)]) -> Vec<Given<T>> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let Some(word) = self.value(expected) else { return Vec::new() };
        let mut found = Vec::new();
        for piece in pieces(word, ',') {
            match choices.iter().find(|(name, _)| *name == &*piece.text) {
                Some(&(_, value)) => found.push(Given { value, span: piece.span }),
                None => {
                    self.unknown(&piece, &names);
                }
            }
        }
        found
    }

    /// The words of a list with commas; empty ones are left out.
    pub fn names(&mut self, expected: &str, most_bytes: usize) -> Option<Given<Box<[Box<str>]>>> {
        let word = self.value(expected)?;
        let mut names = Vec::new();
        for piece in pieces(word, ',').into_iter().filter(|piece| !piece.is_empty()) {
            if piece.len() > most_bytes {
                self.args
                    .error(piece.span, format!("`{}` is too long", shown(&piece)))
                    .label(format!("at most {most_bytes} bytes are possible"));
                return None;
            }
            names.push(piece.text);
        }
        Some(Given { value: names.into(), span: word.span })
    }

    /// An address.
    pub fn endpoint(&mut self, expected: &str, allowed: &Allowed) -> Option<Given<Endpoint>> {
        let word = self.value(expected)?;
        self.args.address(word, allowed)
    }

    /// Reports that `word` is none of `all`.
    pub fn unknown(&mut self, word: &Word, all: &[&str]) -> &mut Fault {
        let near = did_you_mean(&nearest(word, all.iter().copied()));
        let message = format!("`{}` is not a value of `{}`", shown(word), self.name());
        let fault = self.args.error(word.span, message);
        fault.label(format!("expected {}", one_of(all)));
        match near {
            Some(meant) => fault.help(meant),
            None => fault,
        }
    }

    /// Says what a status means for this use; `false` if the option is refused.
    pub fn accept(&mut self, status: Status) -> bool {
        let (span, name) = (self.word.span, self.name());
        match status {
            Status::Supported => true,
            Status::Later(feature) => {
                self.args.later(feature, span);
                true
            }
            Status::NoEffect(why) => {
                let message = format!("`{name}` has no effect: {why}");
                self.args.report.advise(&advice::NO_EFFECT, span, message);
                true
            }
            Status::Refused { why, instead } => {
                self.args
                    .error(span, format!("`{name}` is not possible: {why}"))
                    .label("refused")
                    .help(instead);
                false
            }
        }
    }
}

/// The pieces of a word between separators, with their places.
pub fn pieces(word: &Word, separator: char) -> Vec<Word> {
    let mut start = 0;
    let cut = |piece: &str| {
        let range = start..start + piece.len();
        start = range.end + separator.len_utf8();
        word.cut(range)
    };
    word.split(separator).map(cut).collect()
}

/// Skips what stands behind an option that nobody knows, up to the next one that is known: its
/// values would only be more unknown words.
pub fn skip_to_known(args: &mut Args<'_>, known: impl Fn(&str) -> bool) {
    while args.peek().is_some_and(|word| !known(word)) {
        args.take();
    }
}

/// "`a`, `b` or `c`".
fn one_of(all: &[&str]) -> String {
    let quoted: Vec<String> = all.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => String::new(),
    }
}

fn gap(syntax: &str) -> &'static str {
    if syntax.is_empty() { "" } else { " " }
}
