//! Field lines (RFC 9112 §5).
//!
//! In: bytes and where the first line begins. Out: the fields' places, what those say that decide about
//! the message ([`Facts`]), where the head ends. A fault is reported where it shows, whatever follows:
//! so a head that comes in parts is refused for the same reason.

use super::bytes::{self, TOKEN, VALUE};
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
    loop {
        match bytes.get(at) {
            Some(b'\r') => return line_end(bytes, at),
            Some(_) => {}
            None => return Err(Stop::More),
        }
        let name_end = bytes::skip(bytes, at, TOKEN);
        if name_end == at || bytes.get(name_end) != Some(&b':') {
            return Err(name_fault(bytes, at, name_end));
        }
        if fields.len() + 1 >= fields_max {
            return Err(Stop::wrong(Reason::TooManyFields, at));
        }
        let (start, end, next) = value(bytes, name_end + 1)?;
        let (Some(name), Some(text)) = (bytes.get(at..name_end), bytes.get(start..end)) else {
            return Err(Stop::More);
        };
        facts.note(name, text).map_err(|reason| Stop::wrong(reason, at))?;
        fields.push(Field { name: Piece::base(at, name_end), value: Piece::base(start, end) });
        at = next;
    }
}

/// Where the value behind the colon begins and ends, without the white space around it, and where the
/// next line begins.
fn value(bytes: &[u8], mut start: usize) -> Result<(usize, usize, usize), Stop> {
    while let Some(b' ' | b'\t') = bytes.get(start) {
        start += 1;
    }
    let line = bytes::skip(bytes, start, VALUE);
    let next = line_end(bytes, line)?;
    let mut end = line;
    while end > start && matches!(bytes.get(end - 1), Some(b' ' | b'\t')) {
        end -= 1;
    }
    Ok((start, end, next))
}

/// Where the next line begins, if `at` is the CR of an end of line.
pub fn line_end(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Ok(at + 2),
        (None, _) | (Some(b'\r'), None) => Err(Stop::More),
        (Some(b'\r'), Some(_)) => Err(Stop::wrong(Reason::BareCr, at)),
        (Some(b'\n'), _) => Err(Stop::wrong(Reason::BareLf, at)),
        (Some(0), _) => Err(Stop::wrong(Reason::Nul, at)),
        (Some(_), _) => Err(Stop::wrong(Reason::Control, at)),
    }
}

/// What is wrong with the name from `at` to `end`, behind which there is no colon.
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
