//! Faults as text: file, line, column, the line itself, a caret under the exact words.
//!
//! In: a [`Report`] and the [`Sources`] its spans point into. Out: text in the manner of rustc.

use annotate_snippets::{AnnotationKind, Group, Level as Title, Renderer, Snippet};

use super::report::{Fault, Level, Report};
use super::source::{Sources, Span};

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// With colours.
    pub colour: bool,
}

/// Every fault of the report, errors first, in the files' order within a level.
pub fn report(report: &Report, sources: &Sources, style: Style) -> String {
    let renderer = if style.colour { Renderer::styled() } else { Renderer::plain() };
    let mut faults: Vec<&Fault> = report.faults.iter().collect();
    faults.sort_by_key(|fault| (fault.level, fault.span));
    let mut out = String::new();
    for fault in faults {
        out.push_str(&renderer.render(&[group(fault, sources)]));
        out.push_str("\n\n");
    }
    if report.dropped > 0 {
        out.push_str(&format!("... and {} more\n", report.dropped));
    }
    out
}

fn group<'a>(fault: &'a Fault, sources: &'a Sources) -> Group<'a> {
    let title = match fault.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
        Level::Note => Title::NOTE,
    };
    let mut group = match fault.advice {
        Some(name) => Group::with_title(title.primary_title(&*fault.message).id(name)),
        None => Group::with_title(title.primary_title(&*fault.message)),
    };
    if let Some(span) = fault.span {
        group = group.element(snippet(span, &fault.label, AnnotationKind::Primary, sources));
    }
    for (span, text) in &fault.related {
        group = group.element(snippet(*span, text, AnnotationKind::Context, sources));
    }
    for help in &fault.help {
        group = group.element(Title::HELP.message(&**help));
    }
    group
}

/// The line a span starts on, with the span marked.
fn snippet<'a>(
    span: Span,
    label: &'a str,
    kind: AnnotationKind,
    sources: &'a Sources,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let line = sources.line(span);
    let range = sources.line_range(span.file, line);
    let text = sources.text(span.file).get(range.clone()).unwrap_or("");
    let at = |offset: u32| (offset as usize).clamp(range.start, range.end) - range.start;
    let mut mark = kind.span(at(span.start)..at(span.end));
    if !label.is_empty() {
        mark = mark.label(label);
    }
    Snippet::source(text).path(sources.name(span.file)).line_start(line).annotation(mark)
}
