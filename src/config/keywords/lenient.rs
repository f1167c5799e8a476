//! What HAProxy takes without a word, and Koi with one.

use crate::config::advice;
use crate::config::args::{Args, shown};
use crate::config::plan::Given;

/// Skips what is left of the line, with advice.
pub fn extra_words(args: &mut Args<'_>) {
    let (Some(first), name) = (args.peek(), args.keyword.name) else { return };
    let last = args.rest().last().map_or(first.span, |last| last.span);
    args.report
        .advise(
            &advice::EXTRA_WORDS,
            first.span.to(last),
            format!("`{}` behind `{name}` means nothing", shown(first)),
        )
        .label("ignored")
        .help("leave it out, or put a `#` before it");
}

/// Sets `slot`; a value that an earlier line gave is replaced, with advice.
pub fn last<T>(slot: &mut Option<Given<T>>, value: Option<Given<T>>, args: &mut Args<'_>) {
    let Some(value) = value else { return };
    if let Some(earlier) = slot {
        let (name, span) = (args.keyword.name, earlier.span);
        args.report
            .advise(&advice::DUPLICATE, value.span, format!("`{name}` was set before"))
            .label("this one holds")
            .also(span, "this one does not");
    }
    *slot = Some(value);
}

/// Sets `slot`, unless an earlier line did: then that one holds, with advice.
pub fn first<T>(slot: &mut Option<Given<T>>, value: Option<Given<T>>, args: &mut Args<'_>) {
    let Some(value) = value else { return };
    match slot {
        None => *slot = Some(value),
        Some(earlier) => {
            let (name, span) = (args.keyword.name, earlier.span);
            args.report
                .advise(&advice::DUPLICATE, value.span, format!("`{name}` was set before"))
                .label("this one is ignored")
                .also(span, "this one holds");
        }
    }
}

/// Sets `slot`; it is an error if an earlier line did.
pub fn only<T>(slot: &mut Option<Given<T>>, value: Option<Given<T>>, args: &mut Args<'_>) {
    let Some(value) = value else { return };
    match slot {
        None => *slot = Some(value),
        Some(earlier) => {
            let (name, span) = (args.keyword.name, earlier.span);
            args.error(value.span, format!("`{name}` was set before"))
                .label("one of the two must go")
                .also(span, "here");
        }
    }
}

/// The next word, which must not be empty.
pub fn filled(args: &mut Args<'_>, expected: &str) -> Option<Given<Box<str>>> {
    let text = args.text(expected)?;
    if text.value.is_empty() {
        let name = args.keyword.name;
        args.error(text.span, format!("`{name}` needs {expected}, not nothing"))
            .label(format!("expected {expected}"));
        return None;
    }
    Some(text)
}
