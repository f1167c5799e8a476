//! An `acl` line and conditions as an operator may write them: nothing panics, every fault points into
//! the text, and what compiles is evaluated, alone and as a list, with the same result.
//!
//! The first line is what stands behind `acl`; every further one is a rule's condition from `if` on.

#![no_main]

#[path = "../../tests/common/rules.rs"]
mod rules;

use koi::config::report::Fault;
use koi::config::source::{MemoryFiles, Sources};
use koi::rules::select::Select;
use rules::{World, compile};
use std::fmt::Write;

/// More conditions only make it slow.
const CONDITIONS: usize = 8;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let mut lines = input.lines();
    let mut text = format!(" acl {}\n", lines.next().unwrap_or_default());
    for line in lines.take(CONDITIONS) {
        writeln!(text, " use_backend b {line}").expect("memory");
    }
    let compiled = compile(&text, files());
    for fault in &compiled.report.faults {
        check(fault, &compiled.plan.sources);
    }
    let fields = [("Host", "a.example"), ("X", "1, 2,b"), ("X", " B"), ("Cookie", "a=b; c=d")];
    let world = World::new("/a/b?c=d", &fields, [192, 0, 2, 1].into(), true);
    let context = world.context(&compiled.plan);
    let holds: Vec<bool> = compiled
        .conditions
        .iter()
        .map(|condition| condition.as_ref().is_none_or(|it| it.holds(&context)))
        .collect();
    for (condition, holds) in compiled.conditions.iter().zip(&holds) {
        if let Some(condition) = condition {
            assert_eq!(condition.explain(&context, &mut |_| ()), *holds);
        }
    }
    let select = Select::new(compiled.conditions);
    for from in 0..=holds.len() {
        let expected = (from..holds.len()).find(|at| holds[*at]);
        assert_eq!(select.next(from, &context), expected, "from {from}");
    }
});

fn check(fault: &Fault, sources: &Sources) {
    assert!(!fault.message.is_empty() && !fault.message.contains('\n'), "{:?}", fault.message);
    let places = fault.span.iter().chain(fault.related.iter().map(|(span, _)| span));
    for span in places {
        let text = sources.text(span.file);
        let (start, end) = (span.start as usize, span.end as usize);
        assert!(text.get(start..end).is_some(), "{start}..{end} of {text:?}: {}", fault.message);
    }
}

/// Lists that the seeds name.
fn files() -> MemoryFiles {
    let mut files = MemoryFiles::default();
    files.0.insert("names".into(), b"# names\na.example\n B\n\n".to_vec());
    files.0.insert("nets".into(), b"192.0.2.0/24\n::1\n10.12\n".to_vec());
    files.0.insert("map".into(), b"a 1\nb 2\n".to_vec());
    files
}
