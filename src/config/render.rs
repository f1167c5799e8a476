//! Faults as text: file, line, column, the line itself, a caret under the exact words.
//!
//! In: a [`Report`] and the [`Sources`] its spans point into. Out: text in the manner of rustc,
//! errors first, and a last line that counts them.
//!
//! Limits: of a line [`SHOWN_MAX`] characters are shown, those around the caret.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level as Title, Renderer, Snippet};

use super::report::{Fault, Level, Report};
use super::source::{Place, Sources, Span};

/// How many characters of a line are shown.
pub const SHOWN_MAX: usize = 120;

/// How many of them stand before the caret if the line is cut there.
const BEFORE: usize = 40;

/// How many other places of a fault are shown.
const RELATED_MAX: usize = 8;
/// How many lines with the same flaw are named.
const SAME_MAX: usize = 24;

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// With colours.
    pub colour: bool,
    /// Errors only.
    pub errors_only: bool,
}

/// Every fault of the report, errors first, in the files' order within a level; at the end how many
/// there are and how advice is silenced. Nothing if there is nothing to say.
pub fn report(report: &Report, sources: &Sources, style: Style) -> String {
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    // Lines are cut here, not by the renderer, which would first walk all of them.
    let renderer = renderer.term_width(4 * SHOWN_MAX);
    let wanted = |level: Level| level == Level::Error || !style.errors_only;
    let mut faults: Vec<&Fault> =
        report.faults.iter().filter(|fault| wanted(fault.level)).collect();
    faults.sort_by_key(|fault| (fault.level, fault.span));
    let mut out = String::new();
    for fault in &faults {
        out.push_str(&one(fault, sources, &renderer));
        out.push_str("\n\n");
    }
    let levels = [Level::Error, Level::Warning, Level::Note];
    let count = |level: Level| if wanted(level) { report.count(level) } else { 0 };
    let all: usize = levels.iter().map(|&level| count(level)).sum();
    if all > faults.len() {
        let _ = writeln!(out, "... and {} more\n", all - faults.len());
    }
    let counted: Vec<String> =
        levels.iter().filter_map(|&level| counted(level, count(level))).collect();
    if !counted.is_empty() {
        let _ = writeln!(out, "{}", counted.join(", "));
    }
    if faults.iter().any(|fault| fault.advice.is_some()) {
        out.push_str(
            "advice is silenced by its name in brackets: --silence NAME, \
             or in the file # koi: silence NAME\n",
        );
    }
    out
}

/// `1 error`, `3 warnings`; nothing if there are none.
fn counted(level: Level, count: usize) -> Option<String> {
    let word = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{count} {word}s")),
    }
}

fn one(fault: &Fault, sources: &Sources, renderer: &Renderer) -> String {
    let title = match fault.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
        Level::Note => Title::NOTE,
    };
    let title = title.primary_title(unmarked(&fault.message));
    let mut group = Group::with_title(match fault.advice {
        Some(name) => title.id(name),
        None => title,
    });
    let mut others: Vec<(Span, &str)> =
        fault.related.iter().map(|(span, text)| (*span, &**text)).take(RELATED_MAX).collect();
    let mut places = Vec::new();
    if let Some(span) = fault.span {
        // What stands on the same line is marked there.
        let line = sources.line(span);
        let beside: Vec<_> = others
            .extract_if(.., |(other, _)| other.file == span.file && sources.line(*other) == line)
            .collect();
        let mut marks = vec![(AnnotationKind::Primary, span, &*fault.label)];
        marks.extend(beside.iter().map(|&(span, text)| (AnnotationKind::Context, span, text)));
        group = group.element(snippet(&marks, places.len(), sources));
        places.push(sources.place(span));
    }
    for (span, text) in others {
        let marks = [(AnnotationKind::Context, span, text)];
        group = group.element(snippet(&marks, places.len(), sources));
        places.push(sources.place(span));
    }
    if let Some(same) = same(&fault.same, sources) {
        group = group.element(Title::NOTE.message(same));
    }
    for help in &fault.help {
        group = group.element(Title::HELP.message(unmarked(help)));
    }
    with_places(renderer.render(&[group]), &places)
}

/// The numbers of the lines that have the same flaw.
fn same(spans: &[Span], sources: &Sources) -> Option<String> {
    let first = spans.first()?;
    let number = |span: &Span| match span.file == first.file {
        true => sources.line(*span).to_string(),
        false => format!("{}:{}", sources.name(span.file), sources.line(*span)),
    };
    let shown: Vec<String> = spans.iter().take(SAME_MAX).map(number).collect();
    let more = match spans.len().saturating_sub(SAME_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let lines = if spans.len() == 1 { "line" } else { "lines" };
    Some(format!("the same on {lines} {}{more}", shown.join(", ")))
}

/// The line that the first mark stands on, with the marks; `number` tells it from the others.
fn snippet<'a>(
    marks: &[(AnnotationKind, Span, &'a str)],
    number: usize,
    sources: &Sources,
) -> Snippet<'a, Annotation<'a>> {
    let span = marks.first().map_or_else(Span::default, |&(_, span, _)| span);
    let line = sources.line(span);
    let excerpt = Excerpt::new(span, line, sources);
    let mut snippet = Snippet::source(unmarked(&excerpt.text).into_owned())
        .path(format!("{MARKER}{number}"))
        .line_start(line);
    for &(kind, span, label) in marks {
        let mark = kind.span(excerpt.range(span));
        snippet = snippet.annotation(match label {
            "" => mark,
            label => mark.label(unmarked(label)),
        });
    }
    snippet
}

/// Stands for a place until the text is complete: the renderer counts columns in what it is given,
/// and a line that is cut at its start would get a wrong one.
const MARKER: char = '\u{e000}';

/// Text without the marker; the one instead is as long.
fn unmarked(text: &str) -> Cow<'_, str> {
    match text.contains(MARKER) {
        true => text.replace(MARKER, "\u{fffd}").into(),
        false => text.into(),
    }
}

/// Puts the places where their markers stand.
fn with_places(text: String, places: &[Place<'_>]) -> String {
    let mut parts = text.split(MARKER);
    let mut out = parts.next().unwrap_or("").to_owned();
    // The markers come in the order of their numbers.
    for (part, place) in parts.zip(places) {
        let file = place.file.replace(char::is_control, "\u{fffd}");
        out.push_str(&format!("{file}:{}:{}", place.line, place.column));
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'));
    }
    out
}

/// The part of a line that is shown.
struct Excerpt {
    text: String,
    /// For each character shown, and for what follows, its offset in the file and in `text`.
    offsets: Vec<(usize, usize)>,
}

impl Excerpt {
    /// Whole if the line is short, else cut to what surrounds the start of `span`.
    fn new(span: Span, line: usize, sources: &Sources) -> Excerpt {
        let line = sources.line_range(span.file, line);
        let text = sources.text(span.file).get(line.clone()).unwrap_or("");
        let caret = (span.start as usize).clamp(line.start, line.end) - line.start;
        let short = text.chars().nth(SHOWN_MAX).is_none();
        let before = text.get(..caret).unwrap_or("").char_indices();
        let from = match short {
            true => 0,
            false => before.rev().nth(BEFORE).map_or(0, |(at, _)| at),
        };
        let rest = &text[from..];
        let cut = rest.char_indices().nth(SHOWN_MAX).map(|(at, _)| at);
        let shown = &rest[..cut.unwrap_or(rest.len())];
        let mut excerpt = Excerpt { text: String::new(), offsets: Vec::new() };
        if from > 0 {
            excerpt.text.push_str("...");
        }
        let offset = line.start + from;
        let lead = excerpt.text.len();
        excerpt.offsets.extend(shown.char_indices().map(|(at, _)| (offset + at, lead + at)));
        excerpt.offsets.push((offset + shown.len(), lead + shown.len()));
        excerpt.text.push_str(shown);
        if cut.is_some() {
            excerpt.text.push_str("...");
        }
        excerpt
    }

    /// Where a span lies in the text; what is not shown of it is left out.
    fn range(&self, span: Span) -> Range<usize> {
        let at = |offset: u32| {
            let index = self.offsets.partition_point(|&(file, _)| file < offset as usize);
            let last = self.offsets.last().map_or(0, |&(_, text)| text);
            self.offsets.get(index).map_or(last, |&(_, text)| text)
        };
        at(span.start)..at(span.end)
    }
}
