//! Medians, percentiles and slopes.

use std::time::Duration;

/// The middle value, or the mean of the two in the middle; nothing of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(*values.get(middle - 1)?, upper) })
}

/// The duration, in microseconds, that this share of all stayed below or at; nothing of nothing.
/// Sorts them.
pub(crate) fn percentile_us(durations: &mut [Duration], share: f64) -> Option<f64> {
    durations.sort_unstable();
    let rank = (durations.len() as f64 * share).ceil() as usize;
    Some(durations.get(rank.saturating_sub(1))?.as_secs_f64() * 1e6)
}

/// Returns the slope of the second over the first, by least squares; nothing of points that have no
/// direction.
pub(crate) fn slope(points: impl IntoIterator<Item = (f64, f64)>) -> Option<f64> {
    let points: Vec<(f64, f64)> = points.into_iter().collect();
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let squares: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let products: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (squares > 0.0).then(|| products / squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlier_does_not_move_the_median() {
        assert_eq!(median([3.0, 1.0, 900.0]), Some(3.0));
        assert_eq!(median([4.0, 1.0, 2.0, 900.0]), Some(3.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut durations: Vec<_> = (1..=100).rev().map(Duration::from_micros).collect();
        let mut of = |share| percentile_us(&mut durations, share).map(f64::round);
        assert_eq!([of(0.5), of(0.99), of(1.0)], [Some(50.0), Some(99.0), Some(100.0)]);
        assert_eq!(percentile_us(&mut [Duration::from_micros(7)], 0.99).map(f64::round), Some(7.0));
        assert_eq!(percentile_us(&mut [], 0.5), None);
    }

    #[test]
    fn a_slope_is_of_all_points() {
        assert_eq!(slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]), Some(2.0));
        assert_eq!(slope([(0.0, 1.0), (1.0, 0.0), (2.0, 0.0), (3.0, 1.0)]), Some(0.0));
        assert_eq!(slope([(1.0, 1.0)]), None);
        assert_eq!(slope([]), None);
    }
}
