//! Log formats: text, `%[expression]` and `%alias` in one word (HAProxy 3.0, configuration.txt
//! §8.2.6).
//!
//! In: a word, and what the format is for. Out: a [`Format`], which writes bytes for a
//! [`Context`]. `parse` cuts the word, `alias` is the table of `%`-names, `encode` does quoting,
//! escaping and JSON; `steps` is what is done for each line.
//!
//! Limits: [`PARTS_MAX`] parts.

pub mod alias;
pub mod date;
mod encode;
mod parse;
mod steps;

use std::borrow::Cow;

use alias::Alias;
use steps::{Step, What};

use super::compiler::Compiler;
use super::context::Context;
use super::expr::Expr;
use super::value::Value;
use crate::config::source::Span;
use crate::config::word::Word;

pub use encode::decimal;
pub use parse::Use;

/// How many parts a format may have: more than a line of HAProxy's size can hold.
pub const PARTS_MAX: usize = 16_384;

/// What a format's output becomes; it decides how values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Header fields, targets, locations, bodies: control characters become `%XX`, a missing value is
    /// nothing, expressions are never quoted.
    Http,
    /// Variables, names of backends and servers: values as they are, a missing one is nothing.
    Text,
    /// Log lines: a missing value is `-`, blanks are merged.
    Log,
}

/// What `%{+Q,-E}` sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `Q`: in double quotes.
    pub quote: bool,
    /// `E`: `"`, `\` and `]` with a backslash.
    pub escape: bool,
    /// `X`: numbers and addresses in hexadecimal.
    pub hex: bool,
    /// `json`.
    pub json: bool,
    /// `cbor`.
    pub cbor: bool,
    /// `bin`: only for the whole format.
    pub binary: bool,
}

/// What `%(name:type)` makes of a value when it is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputType {
    /// `str`.
    Str,
    /// `sint`.
    Int,
    /// `bool`.
    Bool,
    /// `raw`: as it is.
    Raw,
}

/// Where an item's value comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// `%ci`.
    Alias(&'static Alias),
    /// `%[src]`.
    Expr(Expr),
}

/// What is evaluated in a format.
#[derive(Clone, Debug)]
pub struct Item {
    /// Where the value comes from.
    pub source: Source,
    /// How it is written.
    pub flags: Flags,
    /// `%(name)`: its key when the format is encoded.
    pub name: Option<Box<str>>,
    /// `%(:type)`.
    pub output: Option<OutputType>,
    /// Where it stands.
    pub span: Span,
}

/// A piece of a format.
#[derive(Clone, Debug)]
pub enum Part {
    /// Text that stands for itself; `%%` is already `%`.
    Text(Box<str>),
    /// Something to evaluate.
    Item(Item),
}

/// A compiled format.
#[derive(Clone, Debug)]
pub struct Format {
    parts: Box<[Part]>,
    /// What writing them comes to.
    steps: Box<[Step]>,
    style: Style,
    /// What `%o` set for the whole.
    whole: Flags,
    /// Where it stands.
    pub span: Span,
    /// As it was written.
    pub text: Box<str>,
}

impl Format {
    /// Parses the format that `word` is. Faults are reported, each at its bytes of the word.
    pub fn parse(word: &Word, of: Use<'_>, compiler: &mut Compiler<'_>) -> Option<Format> {
        parse::parse(word, of, compiler)
    }

    /// Text without anything to evaluate, whatever its percent signs.
    pub fn literal(word: &Word) -> Format {
        let parts = Box::new([Part::Text(word.text.clone())]);
        Format::new(parts, (Style::Text, Flags::default()), word)
    }

    fn new(parts: Box<[Part]>, (style, whole): (Style, Flags), word: &Word) -> Format {
        let steps = steps::steps(&parts);
        Format { parts, steps, style, whole, span: word.span, text: word.text.clone() }
    }

    /// The text, if there is nothing to evaluate.
    pub fn constant(&self) -> Option<&str> {
        match &*self.parts {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What is evaluated, in order.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.parts.iter().filter_map(|part| match part {
            Part::Item(item) => Some(item),
            Part::Text(_) => None,
        })
    }

    /// The pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Appends what the format gives.
    pub fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) {
        if self.whole.json && self.style != Style::Http {
            return self.write_json(context, out);
        }
        // In log lines a space behind a space is left out, also if a value between them was nothing.
        let log = self.style == Style::Log;
        let mut behind_space = log;
        for Step { before, what } in &self.steps {
            let text = match &**before {
                [b' ', rest @ ..] if behind_space => rest,
                text => text,
            };
            match text {
                [] => {}
                [byte] => out.push(*byte),
                text => out.extend_from_slice(text),
            }
            if let Some(last) = text.last() {
                behind_space = log && *last == b' ';
            }
            let from = out.len();
            if self.write_value(what, context, out).is_none() {
                encode::missing(Flags::default(), self.style, out);
            }
            behind_space &= out.len() == from;
        }
    }

    /// Appends a value; `None` if it is missing.
    #[inline]
    fn write_value(&self, what: &What, context: &Context<'_>, out: &mut Vec<u8>) -> Option<()> {
        match what {
            What::Int(get) => decimal(get(context)?, out),
            What::Running(get) => {
                encode::mark_early(context, out);
                decimal(get(context)?, out);
            }
            What::Str(get) => out.extend_from_slice(get(context)?),
            What::Addr(get) => encode::address(get(context)?, out),
            What::Text(write) => {
                // Without anything to write there is not even a dash.
                let _ = write(context, Flags::default(), out);
            }
            What::Part(index) => {
                if let Some(Part::Item(item)) = self.parts.get(*index) {
                    item.write(self.style, context, out);
                }
            }
            What::Nothing => {}
        }
        Some(())
    }

    /// What the format gives; text alone is borrowed.
    pub fn bytes(&self, context: &Context<'_>) -> Cow<'_, [u8]> {
        match self.constant() {
            Some(text) => Cow::Borrowed(text.as_bytes()),
            None => {
                let mut out = Vec::new();
                self.write(context, &mut out);
                Cow::Owned(out)
            }
        }
    }

    /// `{"name": value, ...}` of the items that have a name.
    fn write_json(&self, context: &Context<'_>, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut separator: &[u8] = b"";
        for item in self.items() {
            let Some(name) = &item.name else { continue };
            out.extend_from_slice(separator);
            separator = b", ";
            encode::json_string(name.as_bytes(), out);
            out.extend_from_slice(b": ");
            item.write_json(context, out);
        }
        out.push(b'}');
    }
}

impl Item {
    fn value<'a>(&'a self, context: &Context<'a>) -> Option<Value<'a>> {
        match &self.source {
            Source::Alias(alias) => alias.value(context),
            Source::Expr(expr) => expr.last(context),
        }
    }

    fn write_json(&self, context: &Context<'_>, out: &mut Vec<u8>) {
        if let Source::Alias(alias) = &self.source
            && alias.kind == alias::Kind::CaptureList
            && let alias::Get::Text(write) = alias.get
        {
            // Without any slot there is not even an empty list.
            if write(context, Flags { json: true, ..Flags::default() }, out).is_none() {
                out.extend_from_slice(b"null");
            }
            return;
        }
        encode::json(self.value(context), self.output, out);
    }

    fn write(&self, style: Style, context: &Context<'_>, out: &mut Vec<u8>) {
        if self.flags.json && style != Style::Http {
            return self.write_json(context, out);
        }
        match &self.source {
            Source::Alias(alias) => encode::alias(alias, context, self.flags, style, out),
            Source::Expr(expr) => encode::sample(expr.last(context), self.flags, style, out),
        }
    }
}

#[cfg(test)]
mod tests;
