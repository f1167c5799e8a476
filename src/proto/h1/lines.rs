//! Field lines (RFC 9112 §5).
//!
//! In: bytes and where the first line begins. Out: the fields' places, what those say that decide about
//! the message ([`Facts`]), where the head ends. A fault is reported where it shows, whatever follows:
//! so a head that comes in parts is refused for the same reason.

use super::bytes;
use super::facts::Facts;
use super::reject::{Reason, Stop};
use crate::proto::head::{Field, Piece};

/// Reads the field lines that begin at `at`, to the empty line; gives where that ends.
pub fn read(
    bytes: &[u8],
    mut at: usize,
    fields_max: usize,
    fields: &mut Vec<Field>,
    facts: &mut Facts,
) -> Result<usize, Stop> {
    // Known here, it need not be looked at for each place below.
    if bytes.len() > Piece::END_MAX {
        return Err(Stop::wrong(Reason::HeadTooLarge, Piece::END_MAX));
    }
    loop {
        let colon = bytes::skip_name(bytes, at);
        if colon == at || bytes.get(colon) != Some(&b':') {
            return end_or_fault(bytes, at, colon);
        }
        if fields.len() + 1 >= fields_max {
            return Err(Stop::wrong(Reason::TooManyFields, at));
        }
        // Nearly always there is one blank.
        let start = colon + if bytes.get(colon + 1) == Some(&b' ') { 2 } else { 1 };
        let line_end = bytes::skip_value(bytes, start);
        let next = end_of_line(bytes, line_end)?;
        let (start, end) = trim(bytes, start, line_end);
        let (Some(name), Some(value)) = (bytes.get(at..colon), bytes.get(start..end)) else {
            return Err(Stop::More);
        };
        facts.note(name, value).map_err(|reason| Stop::wrong(reason, at))?;
        fields.push(Field { name: Piece::base(at, colon), value: Piece::base(start, end) });
        at = next;
    }
}

/// The empty line, or what is wrong with a name.
#[inline(never)]
fn end_or_fault(bytes: &[u8], at: usize, name_end: usize) -> Result<usize, Stop> {
    match bytes.get(at) {
        Some(b'\r') => end_of_line(bytes, at),
        _ => Err(name_fault(bytes, at, name_end)),
    }
}

/// Without the white space around it.
#[inline(always)]
fn trim(bytes: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    let is_blank = |at: usize| matches!(bytes.get(at), Some(b' ' | b'\t'));
    while end > start && is_blank(end - 1) {
        end -= 1;
    }
    while start < end && is_blank(start) {
        start += 1;
    }
    (start, end)
}

/// Where the next line begins, if `at` is the CR of an end of line.
#[inline(always)]
pub fn end_of_line(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    match bytes.get(at..at + 2) {
        Some(b"\r\n") => Ok(at + 2),
        _ => Err(line_fault(bytes, at)),
    }
}

/// What is wrong with the end of line at `at`.
#[cold]
#[inline(never)]
fn line_fault(bytes: &[u8], at: usize) -> Stop {
    match (bytes.get(at), bytes.get(at + 1)) {
        (None, _) | (Some(b'\r'), None) => Stop::More,
        (Some(b'\r'), Some(_)) => Stop::wrong(Reason::BareCr, at),
        (Some(b'\n'), _) => Stop::wrong(Reason::BareLf, at),
        (Some(0), _) => Stop::wrong(Reason::Nul, at),
        (Some(_), _) => Stop::wrong(Reason::Control, at),
    }
}

/// What is wrong with the name from `at` to `end`, behind which there is no colon.
#[cold]
#[inline(never)]
fn name_fault(bytes: &[u8], at: usize, end: usize) -> Stop {
    let empty = end == at;
    let reason = match bytes.get(end) {
        None => return Stop::More,
        Some(b' ' | b'\t') if empty => Reason::Fold,
        Some(b' ' | b'\t') => match after_blanks(bytes, end) {
            // `Host : a` and `no colon here` differ behind the blanks.
            None => return Stop::More,
            Some(b':') => Reason::BlankBeforeColon,
            Some(_) => Reason::Name,
        },
        Some(b':') => Reason::EmptyName,
        Some(b'\n') => Reason::BareLf,
        Some(b'\r') => match bytes.get(end + 1) {
            None => return Stop::More,
            Some(b'\n') => Reason::NoColon,
            Some(_) => Reason::BareCr,
        },
        Some(0) => Reason::Nul,
        Some(_) => Reason::Name,
    };
    Stop::wrong(reason, end)
}

fn after_blanks(bytes: &[u8], from: usize) -> Option<u8> {
    bytes.get(from..)?.iter().copied().find(|byte| !matches!(byte, b' ' | b'\t'))
}
