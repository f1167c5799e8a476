//! Dice, and bytes that say where they belong.

/// SplitMix64: the same sequence on every machine.
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

    /// A length of any order of magnitude, at most `max`.
    pub fn length(&mut self, max: usize) -> usize {
        let bits = usize::BITS - max.leading_zeros();
        let bound = 1 << self.below(bits as usize + 1);
        self.below(bound).min(max)
    }

    /// So many bytes. They repeat only after a prime number of them, which no block's size divides.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        const PERIOD: usize = 65_521;
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len.min(PERIOD) {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len.min(PERIOD));
        while bytes.len() < len {
            let more = (len - bytes.len()).min(bytes.len());
            bytes.extend_from_within(..more);
        }
        bytes
    }
}

/// The seed of a random test: `KOI_SEED`, or this one.
pub fn seed(usual: u64) -> u64 {
    number("KOI_SEED").unwrap_or(usual)
}

/// The seeds of a random test: `KOI_SEED` alone, or as many as `KOI_SEEDS` says, or this many.
pub fn seeds(usual: u64) -> std::ops::Range<u64> {
    match number("KOI_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KOI_SEEDS").unwrap_or(usual),
    }
}

/// What a variable of the environment says.
pub fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Fails unless both are the same, saying where they part and not what 8 MiB of bytes are.
#[track_caller]
pub fn assert_same(got: &[u8], sent: &[u8]) {
    if got == sent {
        return;
    }
    let parted = got.iter().zip(sent).position(|(a, b)| a != b);
    assert!(parted.is_none(), "other bytes than were sent, from {} on", parted.unwrap_or(0));
    assert_eq!(got.len(), sent.len(), "bytes missing or too many");
}
