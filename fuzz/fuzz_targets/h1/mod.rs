//! What the fuzz targets of HTTP/1.1 share. [`oracle`] and [`message`] read messages without Koi's
//! parser.

#![allow(dead_code, reason = "each target uses its own part")]

pub mod message;
#[path = "../../../tests/common/h1.rs"]
pub mod oracle;

use koi::proto::h1::response::Asked;
use koi::proto::head::{Head, Piece, Start};

/// What the low bits of a byte say about the request of a response: `0`, `1` (HEAD), `2` (an upgrade)
/// and so on. CONNECT is refused, but the parser knows it.
pub fn asked(byte: u8) -> Asked {
    Asked { head: byte & 1 != 0, upgrade: byte & 2 != 0, connect: byte & 4 != 0 }
}

/// The two parts of an input whose first line says how the rest is to be treated.
pub fn after_line(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    Some((&input[..end], &input[end + 1..]))
}

/// Where the pieces end in which bytes come. `sizes` are used over and over: `0` to `9` are so many
/// bytes, letters so many times 40. An empty piece is one, too; without sizes all comes at once.
pub fn ends(sizes: &[u8], length: usize) -> Vec<usize> {
    let (mut ends, mut at) = (Vec::new(), 0);
    while at < length {
        let before = at;
        for size in sizes {
            let unit = if *size < 64 { 1 } else { 40 };
            at = (at + usize::from(size % 16) * unit).min(length);
            ends.push(at);
        }
        if at == before {
            break;
        }
    }
    ends.push(length);
    ends
}

/// Every place of a head that was just parsed lies within its bytes.
pub fn assert_within(head: &Head, length: usize) {
    let is_within = |piece: Piece| piece.in_base().is_some_and(|place| place.end <= length);
    let in_line = match head.start {
        Start::Request { method, target } => is_within(method) && is_within(target),
        Start::Response { reason, .. } => is_within(reason),
    };
    let in_lines = head.fields.iter().all(|field| is_within(field.name) && is_within(field.value));
    assert!(in_line && in_lines, "a place outside of the {length} bytes of {head:?}");
}
