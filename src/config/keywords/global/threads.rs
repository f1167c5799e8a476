//! `nbthread`, `cpu-map` and their relatives.

use super::super::entry::{global, refused, with_no};
use super::super::lenient::{extra_words, last};
use crate::config::args::{Args, shown};
use crate::config::keyword::Keyword;
use crate::config::plan::{CpuMap, Global};
use crate::config::section::Sections;
use crate::config::word::Word;

/// HAProxy's `MAX_THREADS`.
const THREADS_MAX: u32 = 256;
/// Threads in a group, groups in a `cpu-map`: the bits of a word.
const SET_MAX: u32 = 64;
/// HAProxy's largest CPU number.
const CPU_MAX: u16 = 1023;

fn cpu_map(args: &mut Args<'_>, global: &mut Global) {
    let span = args.line.span;
    let Some(target) = args.word("threads") else { return };
    let start = if target.starts_with("auto:") { 5 } else { 0 };
    let slash = target[start..].find('/').map(|at| start + at);
    let groups = target.cut(start..slash.unwrap_or(target.len()));
    let threads = slash.map(|at| target.cut(at + 1..target.len()));
    let Some(groups) = set(args, &groups) else { return };
    let threads = match threads {
        Some(threads) => set(args, &threads),
        None => Some(u64::MAX),
    };
    let (Some(threads), Some(cpus)) = (threads, cpus(args)) else { return };
    let each = start > 0;
    if each {
        let wanted = if groups.count_ones() > 1 && slash.is_none() { groups } else { threads };
        if cpus.len() != wanted.count_ones() as usize && slash.is_some() {
            let (threads, cpus) = (wanted.count_ones(), cpus.len());
            args.error(span, format!("{threads} threads, but {cpus} CPUs"))
                .label("with `auto:` there must be as many of one as of the other");
            return;
        }
    }
    global.process.cpu_maps.push(CpuMap { span, each, groups, threads, cpus: cpus.into() });
}

/// `all`, `odd`, `even`, `4`, `1-4`, `2-`: bit n for number n + 1.
fn set(args: &mut Args<'_>, word: &Word) -> Option<u64> {
    const ODD: u64 = 0x5555_5555_5555_5555;
    match &*word.text {
        "all" => return Some(u64::MAX),
        "odd" => return Some(ODD),
        "even" => return Some(!ODD),
        _ => {}
    }
    let expected = "`all`, `odd`, `even`, a number or a range";
    let (low, high) = match word.find('-') {
        Some(at) if at + 1 == word.len() => (word.cut(0..at), None),
        Some(at) => (word.cut(0..at), Some(word.cut(at + 1..word.len()))),
        None => (word.clone(), Some(word.clone())),
    };
    let low = args.number_of(&low, expected, 1..=SET_MAX)?.value;
    let high = match high {
        Some(high) => args.number_of(&high, expected, 1..=SET_MAX)?.value,
        None => SET_MAX,
    };
    let (low, high) = (low.min(high), low.max(high));
    Some((low..=high).fold(0, |set, number| set | 1 << (number - 1)))
}

/// `0-3 8,10-`
fn cpus(args: &mut Args<'_>) -> Option<Vec<u16>> {
    args.word("a set of CPUs")?;
    args.next -= 1;
    let mut cpus = Vec::new();
    for word in args.rest() {
        let mut start = 0;
        for text in word.split(',') {
            let range = word.cut(start..start + text.len());
            start += text.len() + 1;
            if !range.is_empty() {
                cpus.extend(cpu_range(args, &range)?);
            }
        }
    }
    cpus.sort_unstable();
    cpus.dedup();
    Some(cpus)
}

fn cpu_range(args: &mut Args<'_>, word: &Word) -> Option<std::ops::RangeInclusive<u16>> {
    let expected = "a CPU or a range of CPUs";
    let (low, high) = match word.find('-') {
        Some(at) => (word.cut(0..at), Some(word.cut(at + 1..word.len()))),
        None => (word.clone(), None),
    };
    let low = args.number_of(&low, expected, 0..=CPU_MAX)?.value;
    let high = match high {
        Some(high) if high.is_empty() => CPU_MAX,
        Some(high) => args.number_of(&high, expected, 0..=CPU_MAX)?.value,
        None => low,
    };
    Some(low.min(high)..=low.max(high))
}

fn thread_group(args: &mut Args<'_>) {
    if args.number("a group", 1..=16u32).is_none() {
        return;
    }
    for word in args.rest() {
        let mut parts = word.splitn(2, '-');
        let legal =
            |part: &str| part.parse().is_ok_and(|number: u32| (1..=THREADS_MAX).contains(&number));
        if !parts.all(legal) {
            let message = format!("`{}` is neither a thread nor a range of threads", shown(word));
            args.error(word.span, message)
                .label(format!("threads are numbered from 1 to {THREADS_MAX}"));
        }
    }
}

/// The table.
pub const KEYWORDS: &[Keyword] = &[
    global(
        "nbthread",
        "<number>",
        "How many workers there are; one a CPU if unset.",
        "nbthread 4",
        |args, global| {
            let number = args.number("a number of threads", 1..=THREADS_MAX);
            last(&mut global.process.threads, number, args);
        },
    ),
    global(
        "thread-hard-limit",
        "<number>",
        "The most workers there may be.",
        "thread-hard-limit 8",
        |args, global| {
            let number = args.number("a number of threads", 1..=THREADS_MAX);
            last(&mut global.process.threads_max, number, args);
        },
    ),
    global(
        "cpu-map",
        "[auto:]<groups>[/<threads>] <CPUs>...",
        "Which CPUs workers run on; with `auto:` each worker on its own.",
        "cpu-map auto:1/1-4 0-3",
        cpu_map,
    ),
    super::super::entry::idle(
        "thread-group",
        "workers share nothing, so there is nothing to group",
        "<group> [<threads>]...",
        "Which threads belong to a group.",
        "thread-group 1 1-4",
        crate::config::keyword::Parse::Check(thread_group),
    ),
    super::super::entry::idle(
        "thread-groups",
        "workers share nothing, so there is nothing to group",
        "<number>",
        "How many groups of threads there are.",
        "thread-groups 2",
        crate::config::keyword::Parse::Check(|args| {
            args.number("a number of groups", 1..=16u32);
        }),
    ),
    with_no(super::super::entry::idle(
        "numa-cpu-mapping",
        "workers take the CPUs that the system gives the process",
        "",
        "Whether threads stay on one NUMA node.",
        "numa-cpu-mapping",
        crate::config::keyword::Parse::Check(extra_words),
    )),
    refused(
        Sections::GLOBAL,
        "nbproc",
        "there is one process, with as many workers as there are CPUs",
        "remove the line, or write `nbthread`",
        "<number>",
        "How many processes there were, up to HAProxy 2.4.",
        "nbproc 4",
    ),
];
