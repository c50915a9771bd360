//! The aggregation functions.

use crate::query::percentile::percentile;
use crate::query::plan::{Aggregator, Estimation};

/// A function over doubles that takes its values in runs and gives one result: a bucket of a downsample, or the values of
/// a group at one instant.
#[derive(Clone, Debug)]
pub struct Fold {
    function: Aggregator,
    /// Values taken that were not NaN.
    count: u64,
    /// Sum, product, extreme, mean, first or count, by function.
    main: f64,
    /// Sum of squared distances (`dev`), or the last value (`diff`).
    side: f64,
    /// Whether any value came, NaN included.
    any: bool,
    /// `diff`: whether a value came after the first that is not NaN.
    more: bool,
    /// The values themselves, where the function needs them all.
    kept: Vec<f64>,
}

impl Fold {
    /// An empty fold. [`Aggregator::None`] gives the first value: it only ever meets one.
    pub fn new(function: Aggregator) -> Fold {
        let mut fold = Fold { function, count: 0, main: 0.0, side: 0.0, any: false, more: false, kept: Vec::new() };
        fold.clear();
        fold
    }

    /// Forgets all values and keeps the memory.
    pub fn clear(&mut self) {
        self.main = match self.function {
            Aggregator::Min | Aggregator::Mimmin => f64::INFINITY,
            Aggregator::Max | Aggregator::Mimmax => f64::NEG_INFINITY,
            _ => 0.0,
        };
        (self.count, self.side, self.any, self.more) = (0, 0.0, false, false);
        self.kept.clear();
    }

    /// Whether no value came yet.
    pub fn is_empty(&self) -> bool {
        !self.any
    }

    /// Bytes kept beside the struct itself.
    pub fn kept_bytes(&self) -> u64 {
        (self.kept.capacity() * size_of::<f64>()) as u64
    }

    /// Takes one more value.
    #[inline]
    pub fn push(&mut self, value: f64) {
        self.extend(std::iter::once(value));
    }

    /// Takes more values. The choice of function is made once for the run.
    #[inline]
    pub fn extend(&mut self, values: impl Iterator<Item = f64>) {
        match self.function {
            Aggregator::Sum | Aggregator::Zimsum | Aggregator::Pfsum | Aggregator::Avg => self.sum(values, |v| v),
            Aggregator::SquareSum => self.sum(values, |v| v * v),
            Aggregator::Count => self.sum(values, |_| 1.0),
            Aggregator::Min | Aggregator::Mimmin => self.extreme(values, |v, best| v < best),
            Aggregator::Max | Aggregator::Mimmax => self.extreme(values, |v, best| v > best),
            Aggregator::Mult => self.product(values),
            Aggregator::Dev => self.deviation(values),
            Aggregator::Diff => self.difference(values),
            Aggregator::First | Aggregator::None => self.first(values),
            Aggregator::Last => values.for_each(|v| (self.main, self.any) = (v, true)),
            Aggregator::Median | Aggregator::Percentile(_) => {
                self.any = true;
                self.kept.extend(values.filter(|v| !v.is_nan()));
            }
        }
    }

    fn sum(&mut self, values: impl Iterator<Item = f64>, term: impl Fn(f64) -> f64) {
        let (mut sum, mut count) = (self.main, self.count);
        for value in values {
            if !value.is_nan() {
                sum += term(value);
                count += 1;
            }
        }
        (self.main, self.count, self.any) = (sum, count, true);
    }

    fn extreme(&mut self, values: impl Iterator<Item = f64>, better: impl Fn(f64, f64) -> bool) {
        let mut best = self.main;
        for value in values {
            if better(value, best) {
                best = value;
            }
        }
        (self.main, self.any) = (best, true);
    }

    fn product(&mut self, values: impl Iterator<Item = f64>) {
        for value in values {
            self.main = if self.any { self.main * value } else { value };
            self.any = true;
        }
    }

    /// Welford's running mean and squares, in the order of operations that OpenTSDB has.
    fn deviation(&mut self, values: impl Iterator<Item = f64>) {
        self.any = true;
        for value in values {
            if value.is_nan() {
                continue;
            }
            self.count += 1;
            if self.count == 1 {
                self.main = value;
                continue;
            }
            let mean = self.main + (value - self.main) / self.count as f64;
            self.side += (value - self.main) * (value - mean);
            self.main = mean;
        }
    }

    fn difference(&mut self, values: impl Iterator<Item = f64>) {
        self.any = true;
        for value in values {
            if self.count > 0 {
                (self.side, self.more) = (value, true);
            } else if !value.is_nan() {
                (self.main, self.count) = (value, 1);
            }
        }
    }

    fn first(&mut self, values: impl Iterator<Item = f64>) {
        for value in values {
            if !self.any {
                (self.main, self.any) = (value, true);
            }
        }
    }

    /// The result over everything taken since it was cleared.
    pub fn finish(&mut self) -> f64 {
        match self.function {
            Aggregator::Sum | Aggregator::Zimsum | Aggregator::Pfsum | Aggregator::SquareSum if self.count == 0 => f64::NAN,
            Aggregator::Avg if self.count == 0 => f64::NAN,
            Aggregator::Avg => self.main / self.count as f64,
            // Nothing but NaN (or nothing but infinity) leaves the start value.
            Aggregator::Min | Aggregator::Mimmin if self.main == f64::INFINITY => f64::NAN,
            Aggregator::Max | Aggregator::Mimmax if self.main == f64::NEG_INFINITY => f64::NAN,
            Aggregator::Dev => match self.count {
                0 => f64::NAN,
                1 => 0.0,
                count => (self.side / count as f64).sqrt(),
            },
            Aggregator::Diff => match (self.count, self.more) {
                (0, _) => f64::NAN,
                (_, false) => 0.0,
                (_, true) => self.side - self.main,
            },
            Aggregator::Median => {
                self.kept.sort_unstable_by(f64::total_cmp);
                self.kept.get(self.kept.len() / 2).copied().unwrap_or(f64::NAN)
            }
            // The estimation counts for groups of integers only: agg/many-f-ep50r3.
            Aggregator::Percentile(which) => percentile(&mut self.kept, which, Estimation::Legacy),
            _ => self.main,
        }
    }
}

/// The function over integers, which wrap at 64 bits and truncate. `values` is used as working space.
pub fn fold_integers(function: Aggregator, values: &mut [i64]) -> i64 {
    let sum = |values: &[i64]| values.iter().fold(0_i64, |sum, &v| sum.wrapping_add(v));
    let first = values.first().copied().unwrap_or(0);
    let last = values.last().copied().unwrap_or(0);
    match function {
        Aggregator::Sum | Aggregator::Zimsum | Aggregator::Pfsum => sum(values),
        Aggregator::SquareSum => values.iter().fold(0, |sum: i64, &v| sum.wrapping_add(v.wrapping_mul(v))),
        Aggregator::Min | Aggregator::Mimmin => values.iter().copied().min().unwrap_or(0),
        Aggregator::Max | Aggregator::Mimmax => values.iter().copied().max().unwrap_or(0),
        Aggregator::Avg => sum(values).wrapping_div(values.len().max(1) as i64),
        Aggregator::Median => {
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or(0)
        }
        Aggregator::Mult => values.iter().fold(1, |product: i64, &v| product.wrapping_mul(v)),
        Aggregator::Dev => {
            let mut fold = Fold::new(function);
            fold.extend(values.iter().map(|&v| v as f64));
            fold.finish() as i64
        }
        Aggregator::Diff if values.len() < 2 => 0,
        Aggregator::Diff => last.wrapping_sub(first),
        Aggregator::Count => values.len() as i64,
        Aggregator::First | Aggregator::None => first,
        Aggregator::Last => last,
        Aggregator::Percentile(which) => {
            let mut doubles: Vec<f64> = values.iter().map(|&v| v as f64).collect();
            percentile(&mut doubles, which, which.estimation) as i64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::plan::Percentile;
    use Aggregator::*;

    const NAN: f64 = f64::NAN;

    fn p(per_mille: u16, estimation: Estimation) -> Aggregator {
        Percentile(self::Percentile { per_mille, estimation })
    }

    fn doubles(function: Aggregator, values: &[f64], want: f64) {
        let mut fold = Fold::new(function);
        fold.push(99.0);
        fold.clear(); // must leave nothing behind
        fold.extend(values.iter().copied());
        let got = fold.finish();
        assert!(got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(), "{function:?} of {values:?}: {got}, not {want}");
        let mut one_by_one = Fold::new(function);
        values.iter().for_each(|&v| one_by_one.push(v));
        let again = one_by_one.finish();
        assert!(again.to_bits() == got.to_bits() || again.is_nan() && got.is_nan(), "{function:?} in runs and one by one");
    }

    fn integers(function: Aggregator, values: &[i64], want: i64) {
        assert_eq!(fold_integers(function, &mut values.to_vec()), want, "{function:?} of {values:?}");
    }

    #[test]
    fn functions_over_doubles() {
        doubles(Sum, &[1.5, NAN, 2.0], 3.5);
        doubles(Sum, &[-0.0], 0.0); // starts from +0.0: put/store-zeros-sum
        doubles(Sum, &[NAN, NAN], NAN);
        doubles(None, &[-0.0], -0.0); // put/store-zeros-none
        doubles(Avg, &[1.0, 2.0, NAN], 1.5);
        doubles(Min, &[NAN, 3.0, -1.0], -1.0);
        doubles(Min, &[NAN], NAN);
        doubles(Max, &[NAN, 3.0, -1.0], 3.0);
        doubles(Mimmax, &[NAN], NAN);
        doubles(SquareSum, &[3.0, NAN, 4.0], 25.0);
        doubles(Count, &[NAN, 1.0, 2.0], 2.0);
        doubles(Count, &[NAN], 0.0); // fill/nan-count
        doubles(Mult, &[2.0, 3.0, 4.0], 24.0);
        doubles(Mult, &[2.0, NAN], NAN); // fill/nan-mult
        doubles(Diff, &[5.0], 0.0);
        doubles(Diff, &[NAN, 5.0, 7.0, 6.0], 1.0);
        doubles(Diff, &[5.0, NAN], NAN); // fill/nan-diff
        doubles(Diff, &[NAN], NAN);
        doubles(First, &[NAN, 1.0], NAN);
        doubles(Last, &[1.0, 2.0], 2.0);
        doubles(Dev, &[4.0], 0.0);
        doubles(Dev, &[NAN, 2.0, 4.0, NAN, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 2.0);
        doubles(Median, &[3.0, 1.0, 2.0, NAN, 4.0], 3.0); // the upper of two: agg/ints-median
        doubles(Median, &[NAN], NAN);
        doubles(p(500, Estimation::R3), &[1.0, 2.0], 1.5); // estimation ignored: agg/many-f-ep50r3
    }

    #[test]
    fn functions_over_integers() {
        integers(Sum, &[i64::MAX, 1], i64::MIN); // wraps: agg/bigs-sum
        integers(Avg, &[-1, -2], -1); // truncates towards zero
        integers(Avg, &[i64::MAX, i64::MAX], -1); // agg/bigs-avg
        integers(Min, &[3, -1], -1);
        integers(Max, &[3, -1], 3);
        integers(Mult, &[i64::MAX, 2], -2);
        integers(SquareSum, &[3, 4], 25);
        integers(Dev, &[2, 4, 4, 4, 5, 5, 7, 10], 2); // cut to an integer: agg/mis-int-dev
        integers(Dev, &[7], 0);
        integers(Diff, &[5], 0);
        integers(Diff, &[5, 9, 3], -2);
        integers(Count, &[5, 9], 2);
        integers(First, &[5, 9], 5);
        integers(Last, &[5, 9], 9);
        integers(Median, &[4, 1, 3, 2], 3);
        integers(p(500, Estimation::Legacy), &[1, 2], 1); // 1.5 cut: agg/many-i-p50
        integers(p(500, Estimation::R3), &[1, 2, 3, 4], 2);
        integers(p(500, Estimation::R7), &[1, 2, 3, 4, 6], 3);
    }
}
