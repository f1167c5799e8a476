//! A stream of bytes that says of any piece where it belongs.

use koi_sys::buf::BULK_BYTES;
use std::sync::OnceLock;

/// A prime, so that no block size divides it: a piece in the wrong place never looks right.
const PERIOD: usize = 65_521;

fn table() -> &'static [u8] {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut random = Random(7);
        let period: Vec<u8> = (0..PERIOD).map(|_| random.next() as u8).collect();
        period.iter().copied().cycle().take(PERIOD + BULK_BYTES).collect()
    })
}

/// The bytes at an offset; at most a bulk block of them.
pub fn at(offset: usize, len: usize) -> &'static [u8] {
    &table()[offset % PERIOD..][..len]
}

/// Fails unless these are the bytes at an offset.
pub fn check(offset: usize, bytes: &[u8]) {
    for (i, piece) in bytes.chunks(BULK_BYTES).enumerate() {
        let offset = offset + i * BULK_BYTES;
        assert!(piece == at(offset, piece.len()), "other bytes than were sent, from {offset} on");
    }
}

/// SplitMix64: the same dice on every machine.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Zero up to, not including, `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}
