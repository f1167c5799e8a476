//! The text of a format to its parts.

use std::ops::Range;

use super::{Flags, Format, Item, OutputType, PARTS_MAX, Part, Source, Style, alias};
use crate::config::advice;
use crate::config::args::shown_text;
use crate::config::keyword::Feature;
use crate::config::nearest::{did_you_mean, nearest};
use crate::config::word::Word;
use crate::rules::compiler::{Compiler, Scope};
use crate::rules::expr::Expr;

/// What a format is for.
#[derive(Clone, Copy, Debug)]
pub struct Use<'p> {
    /// What its output becomes.
    pub style: Style,
    /// When it is evaluated.
    pub scope: Scope,
    /// The same in words: `http-request rules`.
    pub place: &'p str,
}

pub fn parse(word: &Word, of: Use<'_>, compiler: &mut Compiler<'_>) -> Option<Format> {
    let mut parser = Parser {
        word,
        of,
        compiler,
        at: 0,
        text: String::new(),
        parts: Vec::new(),
        flags: Flags::default(),
        whole: Flags::default(),
    };
    while parser.at < word.len() {
        parser.step()?;
    }
    parser.end_text();
    Some(Format::new(parser.parts.into(), (of.style, parser.whole), word))
}

struct Parser<'w, 'u, 'c, 'p> {
    word: &'w Word,
    of: Use<'u>,
    compiler: &'c mut Compiler<'p>,
    /// The next byte.
    at: usize,
    /// Text that no part holds yet.
    text: String,
    parts: Vec<Part>,
    /// What `%o` set for the items behind it.
    flags: Flags,
    /// What `%o` set for the whole format.
    whole: Flags,
}

/// What may stand between `%` and an item.
#[derive(Default)]
struct Prefix {
    name: Option<Box<str>>,
    output: Option<OutputType>,
    flags: Option<Flags>,
}

impl Parser<'_, '_, '_, '_> {
    /// Text up to the next `%`, or an item.
    fn step(&mut self) -> Option<()> {
        if self.next() != Some(b'%') {
            let rest = &self.word[self.at..];
            let end = rest.find('%').unwrap_or(rest.len());
            self.push_text(&rest[..end]);
            self.at += end;
            return Some(());
        }
        if self.parts.len() >= PARTS_MAX {
            let message = format!("a log format of more than {PARTS_MAX} parts");
            self.error(self.at..self.word.len(), message);
            return None;
        }
        self.item()
    }

    fn item(&mut self) -> Option<()> {
        let start = self.at;
        self.at += 1;
        if self.next() == Some(b'%') {
            self.text.push('%');
            self.at += 1;
            return Some(());
        }
        let mut prefix = Prefix::default();
        while self.next() == Some(b'(') {
            (prefix.name, prefix.output) = self.name()?;
        }
        if self.next() == Some(b'{') {
            prefix.flags = Some(self.flags()?);
        }
        match self.next() {
            Some(b'[') => self.expression(start, prefix),
            Some(byte) if byte.is_ascii_alphabetic() => self.alias(start, prefix),
            other => self.lonely(start, other),
        }
    }

    /// A `%` without an item behind it.
    fn lonely(&mut self, start: usize, next: Option<u8>) -> Option<()> {
        let bare = self.at == start + 1;
        let harmless = next.is_some_and(|byte| !byte.is_ascii_digit() && !b" \t".contains(&byte));
        if bare && harmless {
            let span = self.word.part(start..start + 1);
            self.compiler
                .report
                .advise(&advice::NO_EFFECT, span, "this `%` has no effect: it is left out")
                .label("no item follows")
                .help("write `%%` for a percent sign");
            return Some(());
        }
        let message = match bare {
            true => "this `%` begins no item",
            false => "no item follows the name or the options",
        };
        self.error(start..self.at, message).help(
            "write `%%` for a percent sign; items are `%[expression]` and names such as `%ci`",
        );
        None
    }

    /// `%[src,lower]`.
    fn expression(&mut self, start: usize, prefix: Prefix) -> Option<()> {
        let (expr, end) = Expr::parse_in(self.word, self.at + 1, self.compiler)?;
        match self.word.as_bytes().get(end) {
            Some(b']') => {}
            Some(_) => {
                let rest = self.word[end..].chars().next().map_or(0, char::len_utf8);
                let shown = shown_text(&self.word[end..end + rest]);
                self.error(end..end + rest, format!("unexpected `{shown}` in the expression"))
                    .label("expected `,` and a converter, or `]`");
                return None;
            }
            None => {
                self.error(self.at..self.at + 1, "this `[` is never closed")
                    .label("expected `]` behind the expression");
                return None;
            }
        }
        self.at = end + 1;
        if !expr.check_scope(self.of.scope, self.of.place, self.compiler.report) {
            return None;
        }
        self.push_item(start, prefix, Source::Expr(expr));
        Some(())
    }

    /// `%ci`.
    fn alias(&mut self, start: usize, prefix: Prefix) -> Option<()> {
        let rest = &self.word[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = self.at..self.at + end;
        self.at = name.end;
        if &self.word[name.clone()] == "o" {
            if let Some(flags) = prefix.flags {
                self.whole_flags(flags, start);
            }
            return Some(());
        }
        let Some(alias) = alias::find(&self.word[name.clone()]) else {
            let text = &self.word[name.clone()];
            let near = did_you_mean(&nearest(text, alias::names()));
            let message = format!("there is no item `%{}`", shown_text(text));
            let fault = self.error(name, message);
            fault.label("not a name of a log format");
            if let Some(near) = near {
                fault.help(near);
            }
            fault.help("write `%%` for a percent sign");
            return None;
        };
        self.push_item(start, prefix, Source::Alias(alias));
        Some(())
    }

    /// `%{+Q}o`: options for all that follows.
    fn whole_flags(&mut self, flags: Flags, start: usize) {
        self.flags = flags;
        self.whole = flags;
        let span = self.word.part(start..self.at);
        if flags.cbor {
            self.compiler.report.later(Feature::Logs, span);
        }
        if (flags.json || flags.cbor) && self.of.style == Style::Http {
            let message = "JSON and CBOR have no effect here: they are for logs and variables";
            self.compiler.report.advise(&advice::NO_EFFECT, span, message);
        }
    }

    /// `(name)`, `(name:type)`, `(:type)`.
    fn name(&mut self) -> Option<(Option<Box<str>>, Option<OutputType>)> {
        let open = self.at;
        let inside = &self.word[open + 1..];
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let end = inside.find(|c| !legal(c)).unwrap_or(inside.len());
        let name: Option<Box<str>> = (end > 0).then(|| inside[..end].into());
        let mut at = open + 1 + end;
        let mut output = None;
        if self.word[at..].starts_with(':') {
            let rest = &self.word[at + 1..];
            let length = rest.find(|c| !legal(c)).unwrap_or(rest.len());
            let place = at + 1..at + 1 + length;
            output = Some(match &rest[..length] {
                "str" => OutputType::Str,
                "sint" => OutputType::Int,
                "bool" => OutputType::Bool,
                "raw" => OutputType::Raw,
                other => {
                    let message = format!("`{}` is no type of an item", shown_text(other));
                    self.error(place, message).label("expected str, sint, bool or raw");
                    return None;
                }
            });
            at = place.end;
        }
        match self.word[at..].chars().next() {
            Some(')') => {
                self.at = at + 1;
                Some((name, output))
            }
            Some(other) => {
                self.error(
                    at..at + other.len_utf8(),
                    "a name of an item has only letters, digits, - and _",
                )
                .label("expected `)`");
                None
            }
            None => {
                self.error(open..open + 1, "this `(` is never closed");
                None
            }
        }
    }

    /// `{+Q,-E}`: the options of one item, on top of those of the whole.
    fn flags(&mut self) -> Option<Flags> {
        let open = self.at;
        let Some(length) = self.word[open..].find('}') else {
            self.error(open..open + 1, "this `{` is never closed");
            return None;
        };
        let mut flags = self.flags;
        let mut at = open + 1;
        for one in self.word[at..open + length].split(',') {
            self.flag(one, at, &mut flags);
            at += one.len() + 1;
        }
        self.at = open + length + 1;
        Some(flags)
    }

    fn flag(&mut self, text: &str, at: usize, flags: &mut Flags) {
        if text.is_empty() {
            return;
        }
        let (on, name) = match text.split_at_checked(1) {
            Some(("+", name)) => (Some(true), name),
            Some(("-", name)) => (Some(false), name),
            _ => (None, text),
        };
        let slot = match name {
            "Q" => Some(&mut flags.quote),
            "E" => Some(&mut flags.escape),
            "X" => Some(&mut flags.hex),
            "json" => Some(&mut flags.json),
            "cbor" => Some(&mut flags.cbor),
            "bin" => Some(&mut flags.binary),
            _ => None,
        };
        if let (Some(on), Some(slot)) = (on, slot) {
            *slot = on;
            return;
        }
        // HAProxy reads past what it does not know here.
        let span = self.word.part(at..at + text.len());
        let message = format!("the option `{}` has no effect", shown_text(text));
        self.compiler
            .report
            .advise(&advice::NO_EFFECT, span, message)
            .label("not an option")
            .help("options are +Q, +E, +X, +bin, +json, +cbor, or with - to take them back");
    }

    fn push_item(&mut self, start: usize, prefix: Prefix, source: Source) {
        self.end_text();
        self.parts.push(Part::Item(Item {
            source,
            flags: prefix.flags.unwrap_or(self.flags),
            name: prefix.name,
            output: prefix.output,
            span: self.word.part(start..self.at),
        }));
    }

    /// Keeps text; in log lines blanks become one space.
    fn push_text(&mut self, text: &str) {
        if self.of.style != Style::Log {
            self.text.push_str(text);
            return;
        }
        for character in text.chars() {
            match character {
                ' ' | '\t' if self.text.ends_with(' ') => {}
                ' ' | '\t' => self.text.push(' '),
                other => self.text.push(other),
            }
        }
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            self.parts.push(Part::Text(std::mem::take(&mut self.text).into()));
        }
    }

    fn next(&self) -> Option<u8> {
        self.word.as_bytes().get(self.at).copied()
    }

    fn error(
        &mut self,
        range: Range<usize>,
        message: impl Into<String>,
    ) -> &mut crate::config::report::Fault {
        self.compiler.report.error(self.word.part(range), message)
    }
}
