//! What is taken from several runs of one command: medians, and how far the runs lie apart.

/// The value in the middle; between the two in the middle if their number is even. `None` without values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// How far the smallest and the largest value lie apart, as a share of the median.
/// `None` for fewer than two values, and where the median is zero.
pub(crate) fn spread(values: &[f64]) -> Option<f64> {
    let middle = median(values.iter().copied())?;
    let least = values.iter().copied().min_by(f64::total_cmp)?;
    let most = values.iter().copied().max_by(f64::total_cmp)?;
    (values.len() > 1 && middle > 0.0).then(|| (most - least) / middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_odd_and_even_numbers_of_values() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 100.0, 2.0]), Some(3.0));
    }

    #[test]
    fn one_slow_run_moves_the_spread_but_not_the_median() {
        let runs = [1.0, 1.0, 1.0, 1.0, 3.0];
        assert_eq!(median(runs), Some(1.0));
        assert_eq!(spread(&runs), Some(2.0));
        assert_eq!(spread(&[2.0, 2.0]), Some(0.0));
        for none in [&[][..], &[2.0], &[0.0, 0.0]] {
            assert_eq!(spread(none), None);
        }
    }
}
