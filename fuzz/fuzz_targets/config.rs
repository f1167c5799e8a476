//! Configurations, good and bad: checking one never panics, every fault points into a file and on
//! whole characters, all of it can be printed, and the same files give the same report.
//!
//! The input is one file, or several divided by the byte 0x1d; a file may name the others, as maps
//! for example. `-dict=fuzz/dictionaries/config.dict` helps.
#![no_main]

use koi::config::environment::Environment;
use koi::config::render::{self, Style};
use koi::config::source::{MemoryFiles, Sources, Span};
use koi::process::check::{Checked, check};

/// What divides files.
const DIVIDER: u8 = 0x1d;

/// How many files an input may be.
const FILES_MAX: usize = 4;

/// What is printed of a fault: its lines are cut, and it has few.
const FAULT_BYTES_MAX: usize = 64 << 10;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let contents = input.splitn(FILES_MAX, |&byte| byte == DIVIDER).enumerate();
    let files: Vec<(String, Vec<u8>)> =
        contents.map(|(number, content)| (format!("{number}.cfg"), content.to_vec())).collect();
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let files = MemoryFiles(files.into_iter().collect());
    let run = || {
        let variables = [("NAME", "value"), ("EMPTY", ""), ("WORDS", "a b  c"), ("QUOTE", "\"'\\")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut environment = Environment::new(variables);
        environment.provide(&names, "peer");
        check(&names, &files, &mut environment, &[])
    };
    let Checked { plan, report, .. } = run();
    for fault in &report.faults {
        let related = fault.related.iter().map(|(span, _)| *span);
        let places = fault.span.into_iter().chain(related).chain(fault.same.iter().copied());
        for span in places {
            assert_valid(&plan.sources, span, &fault.message);
        }
        assert!(!fault.message.is_empty());
    }
    for proxy in plan.proxies.iter().chain(&plan.defaults) {
        assert_valid(&plan.sources, proxy.span, &proxy.name);
    }
    let text = render::report(&report, &plan.sources, Style::default());
    assert!(text.len() <= (report.faults.len() + 1) * FAULT_BYTES_MAX, "{} bytes", text.len());
    let colour = Style { colour: true, errors_only: true };
    let errors = render::report(&report, &plan.sources, colour);
    assert_eq!(report.failed(), !errors.is_empty());
    let again = run();
    assert_eq!(report.faults, again.report.faults);
    assert_eq!(text, render::report(&again.report, &again.plan.sources, Style::default()));
});

fn assert_valid(sources: &Sources, span: Span, what: &str) {
    let text = sources.text(span.file);
    let (start, end) = (span.start as usize, span.end as usize);
    assert!(start <= end, "{what}: {span:?}");
    assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{what}: {span:?}");
    let place = sources.place(span);
    assert!(place.line <= sources.lines(span.file) + 1 && place.column >= 1, "{what}: {place:?}");
}
