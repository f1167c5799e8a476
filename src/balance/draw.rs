//! `random`: places drawn by chance, each as likely as its weight.

/// What is drawn from.
#[derive(Debug, Default)]
pub(crate) struct Urn {
    /// For each place the sum of the weights up to it.
    ends: Vec<u64>,
}

impl Urn {
    /// With these weights.
    pub(crate) fn new(weights: &[u16]) -> Urn {
        let mut sum = 0;
        let ends = weights.iter().map(|&weight| {
            sum += u64::from(weight);
            sum
        });
        Urn { ends: ends.collect() }
    }

    /// The place that a random number stands for.
    pub(crate) fn draw(&self, random: u64) -> Option<usize> {
        let sum = *self.ends.last()?;
        // A number below `sum`, each as likely but for one part in 2^32 or so (Lemire).
        let at = u64::try_from((u128::from(random) * u128::from(sum)) >> 64).unwrap_or(0);
        Some(self.ends.partition_point(|&end| end <= at))
    }
}

/// The next of a sequence of random numbers that one of them begins (SplitMix64).
pub(crate) fn next(random: u64) -> u64 {
    let random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (random ^ (random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_weights() {
        let weights = [1, 0, 5, 10];
        let urn = Urn::new(&weights);
        let mut counts = [0_u32; 4];
        let mut random = 1;
        for _ in 0..16_000 {
            random = next(random);
            counts[urn.draw(random).expect("a place")] += 1;
        }
        for (count, weight) in counts.iter().zip(weights) {
            let wanted = 1000 * u32::from(weight);
            assert!(count.abs_diff(wanted) <= wanted / 5, "{counts:?}");
        }
        assert_eq!(urn.draw(0), Some(0));
        assert_eq!(urn.draw(u64::MAX), Some(3));
        assert_eq!(Urn::new(&[]).draw(7), None);
    }
}
