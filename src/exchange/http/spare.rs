//! Vectors of fields that heads no longer need, kept for the next heads.
//!
//! One store per worker (per thread), so that an idle connection keeps none.
//!
//! Limits: [`KEPT`] vectors; what is longer than [`FIELDS_KEPT`] is not kept.

use std::cell::RefCell;

use crate::proto::head::Field;

/// How many are kept: enough for the exchanges that overlap on a busy worker.
const KEPT: usize = 64;

/// How many fields a kept vector has room for.
const FIELDS_KEPT: usize = 128;

thread_local! {
    static SPARE: RefCell<Vec<Vec<Field>>> = const { RefCell::new(Vec::new()) };
}

/// An empty vector, with room if one was kept.
pub(super) fn take() -> Vec<Field> {
    SPARE.with_borrow_mut(|spare| spare.pop()).unwrap_or_default()
}

/// Keeps a vector for later.
pub(super) fn give(mut fields: Vec<Field>) {
    if fields.capacity() == 0 || fields.capacity() > FIELDS_KEPT {
        return;
    }
    fields.clear();
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < KEPT {
            spare.push(fields);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::head::Piece;

    #[test]
    fn what_was_given_is_taken_empty_and_with_its_room() {
        let field = Field { name: Piece::default(), value: Piece::default() };
        let mut fields = Vec::with_capacity(20);
        fields.push(field);
        give(fields);
        let taken = take();
        assert!(taken.is_empty() && taken.capacity() >= 20);
        give(Vec::new());
        give(Vec::with_capacity(FIELDS_KEPT * 2));
        assert_eq!(take().capacity(), 0);
    }
}
