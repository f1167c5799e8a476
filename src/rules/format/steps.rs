//! A format as it is written: what its parts come to, decided when it is compiled.
//!
//! In: the parts. Out: steps, each some text and a value behind it. A log line has two dozen values, and
//! most are numbers and names that nothing is asked about: those are written without a look at options.

use core::net::IpAddr;

use super::alias::{Alias, Get, Kind};
use super::{Flags, Item, Part, Source};
use crate::rules::context::Context;

/// Some text and a value.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// What stands before the value.
    pub(super) before: Box<[u8]>,
    /// The value.
    pub(super) what: What,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// None: the format is over.
    Nothing,
    /// A number.
    Int(fn(&Context<'_>) -> Option<i64>),
    /// One that is not final when lines are written early.
    Running(fn(&Context<'_>) -> Option<i64>),
    /// Text as it is.
    Str(for<'a> fn(&Context<'a>) -> Option<&'a [u8]>),
    /// An address.
    Addr(fn(&Context<'_>) -> Option<IpAddr>),
    /// What writes itself, if it is anything at all.
    Text(fn(&Context<'_>, Flags, &mut Vec<u8>) -> Option<()>),
    /// An item with options, an expression, or one that needs to be escaped: the part of this index.
    Part(usize),
}

/// The steps of these parts.
pub(super) fn steps(parts: &[Part]) -> Box<[Step]> {
    let (mut steps, mut before) = (Vec::new(), Vec::new());
    for (index, part) in parts.iter().enumerate() {
        match part {
            Part::Text(text) => before.extend_from_slice(text.as_bytes()),
            Part::Item(item) => {
                let before = std::mem::take(&mut before).into();
                steps.push(Step { before, what: direct(item).unwrap_or(What::Part(index)) });
            }
        }
    }
    steps.push(Step { before: before.into(), what: What::Nothing });
    steps.into()
}

/// How an item is written that has no options.
fn direct(item: &Item) -> Option<What> {
    let Source::Alias(Alias { kind, get, .. }) = item.source else { return None };
    if item.flags != Flags::default() {
        return None;
    }
    match (kind, *get) {
        (Kind::Running, Get::Int(get)) => Some(What::Running(get)),
        (_, Get::Int(get)) => Some(What::Int(get)),
        (Kind::Text, Get::Str(get)) => Some(What::Str(get)),
        (Kind::Address, Get::Addr(get)) => Some(What::Addr(get)),
        (Kind::Number(_) | Kind::Captures | Kind::CaptureList | Kind::Plain, Get::Text(write)) => {
            Some(What::Text(write))
        }
        _ => None,
    }
}
