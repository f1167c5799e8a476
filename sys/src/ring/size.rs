//! Which size of block a connection's next read deserves.
//!
//! In: how much each read brought. Out: [`Class`]. A read that fills its block asks for bulk; a
//! run of [`SMALL_RUN`] short reads goes back. The pause keeps a keep-alive connection that fetches
//! one large body after another from starting each of them small.

use crate::buf::{Class, Lease, Pool, SMALL_BYTES};

/// Short reads in a row after which a connection is small again.
const SMALL_RUN: u8 = 8;

/// The running judgement on one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    /// Short reads left until small; zero means small now.
    bulk_credit: u8,
    /// The last bytes were spliced.
    spliced: bool,
}

impl Size {
    pub(crate) fn class(self) -> Class {
        if self.bulk_credit > 0 { Class::Bulk } else { Class::Small }
    }

    /// Takes in that a read brought `n` bytes.
    pub(crate) fn note(&mut self, n: usize) {
        self.spliced = false;
        if n >= SMALL_BYTES {
            self.bulk_credit = SMALL_RUN;
        } else {
            self.bulk_credit = self.bulk_credit.saturating_sub(1);
        }
    }

    /// Takes in that bytes were spliced: what is received next is a head, and what follows that will be
    /// spliced again.
    pub(crate) fn note_splice(&mut self) {
        *self = Size { bulk_credit: 0, spliced: true };
    }

    /// Whether the next read should bring a head and little more.
    #[cfg_attr(
        not(target_os = "linux"),
        allow(dead_code, reason = "only io_uring reads ahead of who asks")
    )]
    pub(crate) fn follows_splice(self) -> bool {
        self.spliced
    }

    /// A block of the right size, or a small one where bulk is exhausted.
    pub(crate) fn lease(self, pool: &Pool) -> Option<Lease> {
        pool.lease(self.class()).or_else(|| match self.class() {
            Class::Bulk => pool.lease(Class::Small),
            Class::Small => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_read_asks_for_bulk_and_a_run_of_short_ones_goes_back() {
        let mut size = Size::default();
        size.note(SMALL_BYTES - 1);
        assert_eq!(size.class(), Class::Small);
        size.note(SMALL_BYTES);
        for _ in 0..SMALL_RUN {
            assert_eq!(size.class(), Class::Bulk);
            size.note(100);
        }
        assert_eq!(size.class(), Class::Small);
    }

    #[test]
    fn behind_what_was_spliced_comes_one_small_read() {
        let mut size = Size::default();
        size.note(SMALL_BYTES);
        size.note_splice();
        assert!(size.follows_splice() && size.class() == Class::Small);
        size.note(SMALL_BYTES);
        assert!(!size.follows_splice() && size.class() == Class::Bulk);
    }
}
