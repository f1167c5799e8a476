//! `log <target> ...` (HAProxy 3.0, configuration.txt §4.2 "log").

use crate::config::address::Allowed;
use crate::config::args::{Args, shown};
use crate::config::keyword::Feature;
use crate::config::plan::{
    Facility, Given, LogLevel, LogPlace, LogSample, LogTarget, SyslogFormat, Transport,
};
use crate::config::word::Word;

/// How a `log` line is written, behind `log`.
pub const SYNTAX: &str = "<target> [len <length>] [format <format>] \
    [sample <ranges>:<size>] <facility> [<level> [<floor>]]";

/// The shortest and the longest message that `len` can ask for, in bytes.
const LENGTHS: std::ops::RangeInclusive<u16> = 80..=u16::MAX;

/// Reads the words behind `log`. `log global` and `no log` are for the caller to see first.
pub fn log_target(args: &mut Args<'_>) -> Option<LogTarget> {
    let span = args.line.span;
    let to = target(args)?;
    let length = match args.flag("len") {
        true => Some(args.number("a length in bytes", LENGTHS)?),
        false => None,
    };
    let format = match args.flag("format") {
        true => Some(args.one_of("a log format", SyslogFormat::WORDS)?),
        false => None,
    };
    let sample = match args.flag("sample") {
        true => Some(sample(args)?),
        false => None,
    };
    let facility = args.one_of("a facility", Facility::WORDS)?;
    let level = level(args)?;
    let floor = if level.is_some() { self::level(args)? } else { None };
    Some(LogTarget { span, to, length, format, sample, facility, level, floor })
}

fn target(args: &mut Args<'_>) -> Option<Given<LogPlace>> {
    let word = args.word("a target")?;
    let given = |value| Some(Given { value, span: word.span });
    if let Some(name) = word.strip_prefix("ring@") {
        return given(LogPlace::Ring(name.into()));
    }
    if let Some(name) = word.strip_prefix("backend@") {
        args.later(Feature::Logs, word.span);
        return given(LogPlace::Backend(name.into()));
    }
    match &*word.text {
        "stdout" => given(LogPlace::Stdout),
        "stderr" => given(LogPlace::Stderr),
        "" => {
            args.error(word.span, "a log target cannot be empty").label("expected an address");
            None
        }
        "global" => {
            args.error(word.span, "`log global` makes no sense here")
                .label("expected an address")
                .help("in a proxy it stands alone, and takes over the targets of `global`");
            None
        }
        _ => {
            let address = args.address(word, &Allowed::LOG)?.value;
            if address.transport == Some(Transport::Stream) {
                args.later(Feature::Logs, word.span);
            }
            given(LogPlace::Address(address))
        }
    }
}

/// `None` for a fault.
fn level(args: &mut Args<'_>) -> Option<Option<Given<LogLevel>>> {
    if args.peek().is_none() {
        return Some(None);
    }
    args.one_of("a level", LogLevel::WORDS).map(Some)
}

/// `1-2,4:5`
fn sample(args: &mut Args<'_>) -> Option<LogSample> {
    let word = args.word("ranges and a size")?;
    let Some(colon) = word.rfind(':') else {
        args.error(word.span.after(), format!("`{}` has no size", shown(word)))
            .label("`:` and a size are missing here")
            .help("the first two of each five messages are written `1-2:5`");
        return None;
    };
    let size = word.cut(colon + 1..word.len());
    let size = args.number_of(&size, "a sample size", 1..=u32::MAX)?;
    let mut ranges = Vec::new();
    let mut start = 0;
    for text in word[..colon].split(',') {
        let end = start + text.len();
        // An empty range behind the last comma is no range.
        if !text.is_empty() || start == 0 {
            ranges.push(range(args, &word.cut(start..end), size.value)?);
        }
        start = end + 1;
    }
    ranges.sort_unstable();
    if ranges.windows(2).any(|pair| matches!(pair, [one, other] if one.1 >= other.0)) {
        args.error(word.part(0..colon), "these ranges overlap").label("expected ranges apart");
        return None;
    }
    Some(LogSample { ranges: ranges.into(), size: size.value })
}

fn range(args: &mut Args<'_>, word: &Word, size: u32) -> Option<(u32, u32)> {
    let (low, high) = match word.find('-') {
        Some(at) => (word.cut(0..at), word.cut(at + 1..word.len())),
        None => (word.clone(), word.clone()),
    };
    let low = args.number_of(&low, "the place of a message", 1..=size)?.value;
    let high = args.number_of(&high, "the place of a message", 1..=size)?.value;
    if high < low {
        args.error(word.span, format!("`{}` runs backwards", shown(word)))
            .label("the smaller number must stand first");
        return None;
    }
    Some((low, high))
}
