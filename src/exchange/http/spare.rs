//! Vectors that heads no longer need, kept for the next heads: of fields, and of what edits add. And those
//! of request lines.
//!
//! One store per worker (per thread), so that an idle connection keeps none.
//!
//! Limits: [`KEPT`] vectors of fields, and twice as many of bytes; what is longer than [`FIELDS_KEPT`] or
//! [`BYTES_KEPT`] is not kept.

use std::cell::RefCell;

use crate::proto::head::{Field, Head};

/// How many are kept: enough for the exchanges that overlap on a busy worker.
const KEPT: usize = 128;

/// How many fields a kept vector has room for.
const FIELDS_KEPT: usize = 128;

/// How many bytes a kept vector has room for.
const BYTES_KEPT: usize = 1024;

/// What is kept.
struct Spare {
    fields: Vec<Vec<Field>>,
    bytes: Vec<Vec<u8>>,
}

thread_local! {
    static SPARE: RefCell<Spare> = const {
        RefCell::new(Spare { fields: Vec::new(), bytes: Vec::new() })
    };
}

/// An empty vector of fields, with room if one was kept.
pub(super) fn fields() -> Vec<Field> {
    SPARE.with_borrow_mut(|spare| spare.fields.pop()).unwrap_or_default()
}

/// An empty vector of bytes, with room if one was kept.
pub(super) fn bytes() -> Vec<u8> {
    SPARE.with_borrow_mut(|spare| spare.bytes.pop()).unwrap_or_default()
}

/// Keeps a vector of bytes for later.
pub(super) fn give_bytes(bytes: Vec<u8>) {
    SPARE.with_borrow_mut(|spare| keep(&mut spare.bytes, bytes, 2 * KEPT, BYTES_KEPT));
}

/// Keeps a head's vectors for later.
pub(super) fn give(head: Head) {
    let (fields, bytes) = head.into_room();
    SPARE.with_borrow_mut(|spare| {
        keep(&mut spare.fields, fields, KEPT, FIELDS_KEPT);
        keep(&mut spare.bytes, bytes, 2 * KEPT, BYTES_KEPT);
    });
}

fn keep<T>(kept: &mut Vec<Vec<T>>, mut vector: Vec<T>, most: usize, longest: usize) {
    if (1..=longest).contains(&vector.capacity()) && kept.len() < most {
        vector.clear();
        kept.push(vector);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::head::{Piece, Start, Version};

    fn head(fields: Vec<Field>) -> Head {
        let start = Start::Response { status: 200, reason: Piece::default() };
        Head::new(start, Version::Http11, fields)
    }

    #[test]
    fn what_was_given_is_taken_empty_and_with_its_room() {
        let mut used = head(Vec::with_capacity(20));
        used.append(b"X-Name", b"value");
        give(used);
        let (taken, added) = (fields(), bytes());
        assert!(taken.is_empty() && taken.capacity() >= 20);
        assert!(added.is_empty() && added.capacity() >= b"X-Namevalue".len());
        give(head(Vec::new()));
        let mut long = head(Vec::with_capacity(FIELDS_KEPT * 2));
        long.append(b"X-Name", &[b'v'; BYTES_KEPT + 1]);
        give(long);
        assert_eq!((fields().capacity(), bytes().capacity()), (0, 0));
    }
}
