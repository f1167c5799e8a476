//! `static-rr`, and what hashes lead to: a table in which every server has as many places as its
//! weight, spread evenly.

/// The table: places in `weights`, each as often as its weight says (all weights divided by what they
/// have in common). In every step each server gains its weight; the first of those that have gained
/// most, counted in whole tables, is next and pays a table's worth. (So does HAProxy, and a hash leads
/// to the same server.)
pub(crate) fn spread(weights: &[u16]) -> Vec<usize> {
    let common = weights.iter().fold(0, |common, &weight| divisor(common, weight));
    if common == 0 {
        return Vec::new();
    }
    let weights: Vec<i64> = weights.iter().map(|weight| i64::from(weight / common)).collect();
    let sum: i64 = weights.iter().sum();
    let mut gained = vec![0_i64; weights.len()];
    let step = |_| {
        let mut best: Option<(usize, i64)> = None;
        for (place, (gained, weight)) in gained.iter_mut().zip(&weights).enumerate() {
            if *weight == 0 {
                continue;
            }
            *gained += weight;
            let whole = (*gained + sum) / sum;
            if best.is_none_or(|(_, most)| whole > most) {
                best = Some((place, whole));
            }
        }
        let (place, _) = best?;
        if let Some(gained) = gained.get_mut(place) {
            *gained -= sum;
        }
        Some(place)
    };
    (0..sum).filter_map(step).collect()
}

/// The greatest common divisor (Euclid).
fn divisor(a: u16, b: u16) -> u16 {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(weights: &[u16], length: usize) -> String {
        let table = spread(weights);
        table.iter().cycle().take(length).map(|place| (place + 1).to_string()).collect()
    }

    #[test]
    fn the_order_is_that_of_haproxy() {
        // What HAProxy 3.0.11 answered with `static-rr`, in 24 requests over one connection.
        assert_eq!(sequence(&[1, 1, 1], 24), "123123123123123123123123");
        assert_eq!(sequence(&[3, 1], 24), "111211121112111211121112");
        assert_eq!(sequence(&[1, 3], 24), "122212221222122212221222");
        assert_eq!(sequence(&[5, 3, 1], 24), "112121213112121213112121");
        assert_eq!(sequence(&[2, 4], 24), "122122122122122122122122");
        assert_eq!(sequence(&[1, 2, 3], 24), "132323132323132323132323");
        assert_eq!(sequence(&[10, 1, 1, 1], 24), "111121113111411112111311");
        assert_eq!(sequence(&[0, 1, 1], 24), "232323232323232323232323");
    }

    #[test]
    fn every_server_has_its_weight() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..100 {
            let weights: Vec<u16> = (0..random.usize(1..12)).map(|_| random.u16(1..=256)).collect();
            let common = weights.iter().fold(0, |common, &weight| divisor(common, weight));
            let table = spread(&weights);
            for (place, weight) in weights.iter().enumerate() {
                let places = table.iter().filter(|&&it| it == place).count();
                assert_eq!(places, usize::from(weight / common), "{weights:?}");
            }
        }
        assert_eq!(spread(&[]), [0; 0]);
        assert_eq!(spread(&[0, 0]), [0; 0]);
    }
}
