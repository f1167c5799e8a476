//! What an action's parser has at hand: the words behind its name, and what it takes from them.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{ActionEntry, Ruleset};
use crate::config::args::{shown, shown_text};
use crate::config::report::Fault;
use crate::config::source::Span;
use crate::config::value::{self, NumberFault};
use crate::config::word::Word;
use crate::rules::arg::{self, Arg, Raw};
use crate::rules::compiler::{Compiler, Words};
use crate::rules::expr::Expr;
use crate::rules::format::{Format, Style, Use};
use crate::rules::value::{Type, castable};

/// A number that is written down, or had from an expression.
#[derive(Clone, Debug)]
pub enum Amount {
    /// Written down.
    Fixed(i64),
    /// Evaluated for each exchange.
    Expr(Expr),
}

/// A rule while its action is parsed.
pub struct Line<'l, 'w, 'p> {
    /// The action's entry.
    pub entry: &'static ActionEntry,
    /// Where the rule stands.
    pub ruleset: Ruleset,
    /// The same in words.
    pub place: &'l str,
    /// The action's word, parentheses included.
    pub word: &'w Word,
    /// The words behind it.
    pub words: &'l mut Words<'w>,
    /// What compiling needs.
    pub compiler: &'l mut Compiler<'p>,
}

impl<'w> Line<'_, 'w, '_> {
    /// Reports an error at `span`.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Fault {
        self.compiler.report.error(span, message)
    }

    /// Reports that `expected` is missing behind the words taken so far.
    pub fn missing(&mut self, expected: &str) {
        let (name, syntax) = (self.entry.name, self.entry.syntax);
        let fault = self.words.missing(expected, self.compiler.report);
        fault.help(format!("it is written: {name}{}{syntax}", gap(syntax)));
    }

    /// The next word. One that is missing, empty, or begins a condition is reported.
    pub fn text(&mut self, expected: &str) -> Option<&'w Word> {
        if self.words.peek().is_none() || self.words.at_condition() {
            self.missing(expected);
            return None;
        }
        let word = self.words.take()?;
        if word.is_empty() {
            self.error(word.span, format!("{expected} cannot be empty"));
            return None;
        }
        Some(word)
    }

    /// A log format for HTTP.
    pub fn format(&mut self, expected: &str) -> Option<Format> {
        self.format_in(expected, Style::Http)
    }

    /// A log format for `style`.
    pub fn format_in(&mut self, expected: &str, style: Style) -> Option<Format> {
        let word = self.text(expected)?;
        self.format_of(word, style)
    }

    /// The log format that `word` is.
    pub fn format_of(&mut self, word: &Word, style: Style) -> Option<Format> {
        let of = Use { style, scope: self.ruleset.scope(), place: self.place };
        Format::parse(word, of, self.compiler)
    }

    /// An expression that is known here.
    pub fn expr(&mut self) -> Option<Expr> {
        if self.words.peek().is_none() || self.words.at_condition() {
            self.missing("an expression");
            return None;
        }
        let expr = Expr::parse(self.words, self.compiler)?;
        expr.check_scope(self.ruleset.scope(), self.place, self.compiler.report).then_some(expr)
    }

    /// An expression that gives what can become `wanted`.
    pub fn expr_of(&mut self, wanted: Type) -> Option<Expr> {
        let expr = self.expr()?;
        if !castable(expr.output(), wanted) {
            let message = format!("`{}` gives {}", shown_text(&expr.text), expr.output());
            self.error(expr.span, message).label(format!("expected what can be made {wanted}"));
            return None;
        }
        Some(expr)
    }

    /// The name of a field, as the file has it.
    pub fn field_name(&mut self) -> Option<Box<str>> {
        let word = self.text("the name of a field")?;
        self.field_name_of(word)
    }

    /// The name of a field that `word` is (RFC 9110 §5.1).
    pub fn field_name_of(&mut self, word: &Word) -> Option<Box<str>> {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let Some((at, found)) = word.char_indices().find(|&(_, c)| !token(c)) else {
            return Some(word.text.clone());
        };
        let message = format!("`{}` is not the name of a field", shown(word));
        let fault = self.error(word.part(at..at + found.len_utf8()), message);
        fault.label("a name has letters, digits and !#$%&'*+-.^_`|~");
        if found == ':' {
            fault.help("write the name without a colon, then the value");
        }
        None
    }

    /// A regular expression.
    pub fn regex(&mut self, expected: &str) -> Option<std::sync::Arc<regex::bytes::Regex>> {
        let word = self.text(expected)?;
        self.regex_of(word)
    }

    /// The regular expression that `word` is.
    pub fn regex_of(&mut self, word: &Word) -> Option<std::sync::Arc<regex::bytes::Regex>> {
        match arg::regex(word, word.span, self.compiler)? {
            Arg::Regex(regex) => Some(regex),
            _ => None,
        }
    }

    /// A number within `range`.
    pub fn number(&mut self, expected: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let word = self.text(expected)?;
        self.number_of(word, word.span, word, expected, range)
    }

    /// The number that `text`, a piece of `word` at `span`, is.
    pub fn number_of(
        &mut self,
        text: &str,
        span: Span,
        word: &Word,
        expected: &str,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        match text.parse::<i64>() {
            Ok(number) if range.contains(&number) => Some(number),
            Ok(_) => {
                let bounds = format!("from {} to {} is possible", range.start(), range.end());
                self.error(span, format!("`{}` is out of range for {expected}", shown_text(text)))
                    .label(bounds);
                None
            }
            Err(_) => {
                let _ = word;
                self.error(span, format!("`{}` is not {expected}", shown_text(text)))
                    .label(format!("expected {expected}"));
                None
            }
        }
    }

    /// A time; a plain number is milliseconds.
    pub fn time(&mut self, expected: &str) -> Option<Duration> {
        let word = self.text(expected)?;
        let found = value::time(word, 1);
        self.quantity(word, expected, found, "units are us, ms, s, m, h, d")
    }

    /// A number of bytes.
    pub fn size(&mut self, expected: &str) -> Option<u64> {
        let word = self.text(expected)?;
        let found = value::size(word);
        self.quantity(word, expected, found, "units are k, m, g")
    }

    fn quantity<T>(
        &mut self,
        word: &Word,
        expected: &str,
        found: Result<T, NumberFault>,
        units: &str,
    ) -> Option<T> {
        let fault = match found {
            Ok(it) => return Some(it),
            Err(fault) => fault,
        };
        let (span, message) = match fault {
            NumberFault::Unit(at) => {
                let rest = shown_text(&word[at..]);
                (word.part(at..word.len()), format!("`{rest}` behind the number is no unit"))
            }
            NumberFault::TooLarge => (word.span, format!("`{}` is too large", shown(word))),
            _ => (word.span, format!("`{}` is not {expected}", shown(word))),
        };
        self.error(span, message).label(format!("expected {expected}")).help(units);
        None
    }

    /// What stands in parentheses behind the action's name.
    pub fn arguments(&mut self) -> Option<Vec<Raw>> {
        let (name, syntax) = (self.entry.name, self.entry.syntax);
        let word = self.word;
        let Some(open) = word.find('(') else {
            self.error(word.span.after(), format!("`{name}` needs arguments in parentheses"))
                .label("expected `(`")
                .help(format!("it is written: {name}{syntax}"));
            return None;
        };
        match arg::split(word, open) {
            Ok((raw, end)) if end == word.len() => Some(raw),
            Ok((_, end)) => {
                let rest = shown_text(&word[end..]);
                self.error(word.part(end..word.len()), format!("unexpected `{rest}`"))
                    .label("expected a space behind the parenthesis");
                None
            }
            Err((message, range)) => {
                self.error(word.part(range), message);
                None
            }
        }
    }

    /// The words that the optional `reset`-like name `flag` and a value behind it are.
    pub fn option(&mut self, flag: &str, expected: &str) -> Option<Option<&'w Word>> {
        match self.words.flag(flag) {
            true => self.text(expected).map(Some),
            false => Some(None),
        }
    }

    /// A number that is written down in decimal or as `0x..`, or an expression that gives one.
    pub fn amount(&mut self, expected: &str, max: i64) -> Option<Amount> {
        if self.words.peek().is_none() || self.words.at_condition() {
            self.missing(expected);
            return None;
        }
        let word = self.words.peek()?;
        let Some(number) = number(word) else { return self.expr_of(Type::Int).map(Amount::Expr) };
        self.words.take();
        if (0..=max).contains(&number) {
            return Some(Amount::Fixed(number));
        }
        self.error(word.span, format!("`{}` is out of range for {expected}", shown(word)))
            .label(format!("from 0 to {max} is possible"));
        None
    }

    /// The proxy whose rules are compiled, if it has no side of that kind. In `defaults` either side
    /// may inherit the rule.
    pub fn without(&self, frontend: bool) -> Option<String> {
        let proxy = self.compiler.proxy?;
        let has = if frontend { proxy.has_frontend() } else { proxy.has_backend() };
        let serves = proxy.has_frontend() || proxy.has_backend();
        let own = self.word.span.file == proxy.span.file && self.word.span > proxy.span;
        (serves && own && !has).then(|| format!("{} `{}`", proxy.section.word(), proxy.name))
    }
}

/// What stands between a name and its syntax.
fn gap(syntax: &str) -> &'static str {
    if syntax.is_empty() || syntax.starts_with('(') { "" } else { " " }
}

/// A number in decimal, or in hexadecimal digits behind `0x`; too large a one is the largest.
fn number(text: &str) -> Option<i64> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let all = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    all.then(|| i64::from_str_radix(digits, radix).unwrap_or(i64::MAX))
}
