//! Sets of numbers, as ranges.

/// Ranges that do not touch, in order; both ends belong to them.
#[derive(Clone, Debug, Default)]
pub struct Ranges(Box<[(i64, i64)]>);

impl Ranges {
    /// The union of ranges.
    pub fn new(ranges: impl Iterator<Item = (i64, i64)>) -> Ranges {
        let mut sorted: Vec<_> = ranges.filter(|(least, most)| least <= most).collect();
        sorted.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for (least, most) in sorted {
            match merged.last_mut() {
                Some(last) if least <= last.1.saturating_add(1) => last.1 = last.1.max(most),
                _ => merged.push((least, most)),
            }
        }
        Ranges(merged.into())
    }

    /// Whether it has this number.
    pub fn has(&self, number: i64) -> bool {
        let behind = self.0.partition_point(|(least, _)| *least <= number);
        behind.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, most)| number <= *most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_merge_and_keep_their_ends() {
        let ranges = [(5, 7), (1, 2), (8, 9), (i64::MAX, i64::MAX), (20, 10), (6, 6)];
        let ranges = Ranges::new(ranges.into_iter());
        assert_eq!(*ranges.0, [(1, 2), (5, 9), (i64::MAX, i64::MAX)]);
        let inside: Vec<i64> = (0..12).filter(|number| ranges.has(*number)).collect();
        assert_eq!(inside, [1, 2, 5, 6, 7, 8, 9]);
        assert!(ranges.has(i64::MAX) && !ranges.has(i64::MIN));
        assert!(!Ranges::default().has(0));
    }
}
