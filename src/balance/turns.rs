//! `roundrobin`: every server in its turn, as often as its weight says, as evenly as integers allow.
//!
//! In: weights. Out: one place after the other. With the weights' sum T, a server of weight w is due
//! every T/w turns; the one due longest is next. A server that has had no turn yet gets one, the
//! heaviest first, as soon as no other is due. (So does HAProxy, and the order is the same.)

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    weights: Vec<u16>,
    sum: u64,
    /// Turns given so far.
    now: u64,
    /// Those that have had a turn, the next one on top.
    queue: BinaryHeap<Reverse<Due>>,
    /// Those that have not, the next one in front.
    fresh: VecDeque<usize>,
    /// Those that were passed over in this choice.
    aside: Vec<Due>,
    /// How many entries the queue has been given.
    entries: u64,
}

/// When a server is due. Of two at the same turn the one with the smaller lead is first: it is the
/// heavier one, or the one that has waited for a larger part of a turn; then the one that waits longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    turn: u64,
    lead: i64,
    entry: u64,
    place: usize,
    /// The part of a turn by which it is due later, in its weight's parts.
    rest: u64,
}

impl Turns {
    /// For these weights, none of them zero; the first turns go to the first of the heaviest.
    pub(crate) fn new(weights: Vec<u16>) -> Turns {
        let mut fresh: Vec<usize> = (0..weights.len()).collect();
        fresh.sort_by_key(|&place| Reverse(weights.get(place).copied()));
        let sum = weights.iter().map(|&weight| u64::from(weight)).sum();
        Turns { weights, sum, fresh: fresh.into(), ..Turns::default() }
    }

    /// The next place that fits; those passed over lose their turn.
    pub(crate) fn next(&mut self, mut fits: impl FnMut(usize) -> bool) -> Option<usize> {
        let mut found = None;
        while found.is_none() {
            let Some(due) = self.pop() else { break };
            self.now += 1;
            found = Some(due.place).filter(|&place| fits(place));
            self.aside.push(due);
        }
        while let Some(due) = self.aside.pop() {
            self.queue.push(Reverse(due));
        }
        found
    }

    /// The one whose turn it is, with its next turn.
    fn pop(&mut self) -> Option<Due> {
        let due = self.queue.peek().is_some_and(|next| next.0.turn <= self.now);
        let (place, turn, rest) = match self.fresh.front() {
            Some(&place) if !due => {
                self.fresh.pop_front();
                (place, self.now, 0)
            }
            _ => {
                let Reverse(last) = self.queue.pop()?;
                (last.place, last.turn, last.rest)
            }
        };
        let weight = self.weights.get(place).copied().map_or(1, u64::from).max(1);
        let rest = rest + self.sum % weight;
        let turn = turn + self.sum / weight + rest / weight;
        let rest = rest % weight;
        // Weights are at most 256, in sixteenths.
        let lead = i64::try_from(rest).unwrap_or(0) - i64::try_from(weight).unwrap_or(0);
        self.entries += 1;
        Some(Due { turn, lead, entry: self.entries, place, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(weights: &[u16], turns: usize) -> String {
        let mut order = Turns::new(weights.to_vec());
        let places = (0..turns).map(|_| order.next(|_| true).expect("all fit") + 1);
        places.map(|place| place.to_string()).collect()
    }

    #[test]
    fn the_order_is_that_of_haproxy() {
        // What HAProxy 3.0.11 answered, in 24 requests over one connection.
        assert_eq!(sequence(&[1, 1, 1], 24), "123123123123123123123123");
        assert_eq!(sequence(&[3, 1], 24), "111211121112111211121112");
        assert_eq!(sequence(&[1, 3], 24), "222122212221222122212221");
        assert_eq!(sequence(&[5, 3, 1], 24), "112132112112132112112132");
        assert_eq!(sequence(&[2, 4], 24), "221221221221221221221221");
        assert_eq!(sequence(&[1, 2, 3], 24), "323132323132323132323132");
        assert_eq!(sequence(&[10, 1, 1, 1], 24), "111121113111411112111311");
    }

    #[test]
    fn every_window_has_each_as_often_as_its_weight() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let weights: Vec<u16> = (0..random.usize(1..12)).map(|_| random.u16(1..=256)).collect();
            let sum: usize = weights.iter().map(|&weight| usize::from(weight)).sum();
            let mut order = Turns::new(weights.clone());
            for _ in 0..3 {
                let mut counts = vec![0_i64; weights.len()];
                for _ in 0..sum {
                    counts[order.next(|_| true).expect("all fit")] += 1;
                }
                for (count, weight) in counts.iter().zip(&weights) {
                    let off = count - i64::from(*weight);
                    assert!(off.abs() <= 1, "{count} turns for the weight {weight} of {weights:?}");
                }
            }
        }
    }

    #[test]
    fn who_is_passed_over_loses_its_turn() {
        let mut order = Turns::new(vec![1, 1, 1]);
        for _ in 0..10 {
            assert_ne!(order.next(|place| place != 0), Some(0));
        }
        let after: Vec<_> = (0..6).filter_map(|_| order.next(|_| true)).collect();
        assert_eq!(after.iter().filter(|&&place| place == 0).count(), 2, "{after:?}");
        assert_eq!(order.next(|_| false), None);
        assert!(order.next(|_| true).is_some());
        assert_eq!(Turns::new(Vec::new()).next(|_| true), None);
    }
}
