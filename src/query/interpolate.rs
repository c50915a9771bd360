//! What a series counts for at an instant where others have a point and it has none.

use super::plan::Aggregator;

/// How a series is carried between two of its points; each aggregation function has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// On the straight line between the points.
    Linear,
    /// Zero.
    Zero,
    /// The largest number there is.
    Max,
    /// The smallest number there is.
    Min,
    /// The value of the point before.
    Previous,
}

impl Interpolation {
    /// The one that belongs to a function (recorded cases `agg/mis-int-*`).
    pub fn of(function: Aggregator) -> Interpolation {
        match function {
            Aggregator::Zimsum | Aggregator::SquareSum | Aggregator::Count | Aggregator::First | Aggregator::Last | Aggregator::None => {
                Interpolation::Zero
            }
            Aggregator::Mimmin => Interpolation::Max,
            Aggregator::Mimmax => Interpolation::Min,
            Aggregator::Pfsum => Interpolation::Previous,
            _ => Interpolation::Linear,
        }
    }

    /// Between integers: wraps and truncates as Java does. `x` lies strictly between the two times.
    #[inline]
    pub fn integers(self, x: i64, (x0, y0): (i64, i64), (x1, y1): (i64, i64)) -> i64 {
        match self {
            Interpolation::Linear => {
                let rise = (x - x0).wrapping_mul(y1.wrapping_sub(y0));
                y0.wrapping_add(rise.wrapping_div((x1 - x0).max(1)))
            }
            Interpolation::Zero => 0,
            Interpolation::Max => i64::MAX,
            Interpolation::Min => i64::MIN,
            Interpolation::Previous => y0,
        }
    }

    /// Between doubles.
    #[inline]
    pub fn doubles(self, x: i64, (x0, y0): (i64, f64), (x1, y1): (i64, f64)) -> f64 {
        match self {
            Interpolation::Linear => y0 + (x - x0) as f64 * (y1 - y0) / (x1 - x0) as f64,
            Interpolation::Zero => 0.0,
            Interpolation::Max => f64::MAX,
            Interpolation::Min => -f64::MAX,
            Interpolation::Previous => y0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(function: Aggregator, y: (i64, i64), integer: i64, double: f64) {
        let method = Interpolation::of(function);
        assert_eq!(method.integers(1, (0, y.0), (3, y.1)), integer, "{function:?}");
        assert_eq!(method.doubles(1, (0, y.0 as f64), (3, y.1 as f64)), double, "{function:?}");
    }

    #[test]
    fn between_two_points() {
        check(Aggregator::Sum, (0, 10), 3, 10.0 / 3.0); // truncates: agg/mis-int-sum
        check(Aggregator::Avg, (0, -10), -3, -10.0 / 3.0);
        check(Aggregator::Zimsum, (5, 10), 0, 0.0);
        check(Aggregator::Mimmin, (5, 10), i64::MAX, f64::MAX);
        check(Aggregator::Mimmax, (5, 10), i64::MIN, -f64::MAX);
        check(Aggregator::Pfsum, (5, 10), 5, 5.0);
        assert_eq!(Interpolation::Linear.integers(3, (0, i64::MIN), (4, i64::MAX)), i64::MIN, "wraps");
    }
}
