//! Where points of a series are missing: a line across would show what nobody measured.
//!
//! What nine of ten points keep from the one before them is usual; more than three times as far is a gap. So a series whose
//! points come as they please has none, and neither has one of ten points. gnuplot joins over everything. The pages have the
//! same rule (`src/ui/lib/align.js`).

/// Distances between points that are looked at, at least, to learn which is usual.
const STEPS: usize = 200;
/// So many times the usual distance is a gap.
const GAP_STEPS: i64 = 3;

/// The distance in milliseconds that nine of ten points keep from the one before them; `None` with fewer than two points.
fn usual_reach(points: &[(i64, f64)]) -> Option<i64> {
    let every = (points.len().saturating_sub(1) / STEPS).max(1);
    let mut steps: Vec<i64> = points.windows(2).step_by(every).filter_map(|pair| Some(pair.last()?.0 - pair.first()?.0)).collect();
    steps.sort_unstable();
    let place = (steps.len() * 9).div_ceil(10).checked_sub(1)?;
    steps.get(place).copied()
}

/// The points with a NaN behind each one that the next does not follow in time, which ends the line there.
pub fn opened(points: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
    let Some(reach) = usual_reach(&points) else { return points };
    let limit = reach.saturating_mul(GAP_STEPS);
    let is_gap = |pair: &[(i64, f64)]| matches!(pair, &[(before, _), (after, _)] if after - before > limit);
    let gaps = points.windows(2).filter(|pair| is_gap(pair)).count();
    if gaps == 0 {
        return points;
    }
    let mut out = Vec::with_capacity(points.len() + gaps);
    for (at, point) in points.iter().enumerate() {
        out.push(*point);
        if points.get(at..at + 2).is_some_and(is_gap) {
            out.push((point.0 + reach, f64::NAN));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many pieces the line of points at these times has.
    fn pieces(times: impl IntoIterator<Item = i64>) -> usize {
        let out = opened(times.into_iter().map(|at| (at, 1.0)).collect());
        assert!(out.is_sorted_by(|a, b| a.0 < b.0));
        1 + out.iter().filter(|(_, value)| value.is_nan()).count()
    }

    #[test]
    fn a_line_ends_where_points_are_missing() {
        let minutes = |range: std::ops::Range<i64>| range.map(|m| m * 60_000);
        assert_eq!(pieces(minutes(0..60)), 1);
        assert_eq!(pieces(minutes(0..20).chain(minutes(22..60))), 1, "two of them late are no gap");
        assert_eq!(pieces(minutes(0..20).chain(minutes(23..60))), 2);
        assert_eq!(pieces(minutes(0..20).chain(minutes(30..40)).chain(minutes(50..60))), 3);
        assert_eq!(pieces((0..3_000).map(|n| n * 10_000).chain((0..10).map(|n| 86_400_000 + n * 10_000))), 2);
        assert_eq!(pieces([]), 1);
        assert_eq!(pieces([5]), 1);
        assert_eq!(pieces([1, 2, 1_000]), 1, "too few to tell");
    }

    #[test]
    fn points_that_come_as_they_please_have_no_gaps() {
        let mut at = 0;
        let squares = (0..200i64).map(|n| {
            at += 1_000 + (n * n * 7_919) % 60_000;
            at
        });
        assert_eq!(pieces(squares), 1);
        let hours = (0..100i64).flat_map(|h| (0..5).map(move |s| h * 3_600_000 + s * 10_000));
        assert_eq!(pieces(hours), 1, "bursts of five an hour");
    }
}
