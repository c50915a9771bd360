//! Sums of doubles: pairwise, so that the error grows with the logarithm of the length, in blocks that fill vector
//! registers. The order of additions is the one that numpy documents (eight running sums, blocks of 128), because some of
//! the recorded verdicts hang on the last bits of a sum.

/// Up to so many values are added with eight running sums; more are split in halves.
const BLOCK: usize = 128;

/// The sum of `map` over the pairs of two slices of one length.
pub fn sum_pairs(a: &[f64], b: &[f64], map: &impl Fn(f64, f64) -> f64) -> f64 {
    if a.len() <= BLOCK {
        return block(a, b, map);
    }
    let half = a.len() / 2;
    let at = half - half % 8;
    let ((a1, a2), (b1, b2)) = (a.split_at(at), b.split_at(at.min(b.len())));
    sum_pairs(a1, b1, map) + sum_pairs(a2, b2, map)
}

/// The sum of `map` over a slice.
pub fn sum_by(values: &[f64], map: impl Fn(f64) -> f64) -> f64 {
    sum_pairs(values, values, &|v, _| map(v))
}

fn block(a: &[f64], b: &[f64], map: &impl Fn(f64, f64) -> f64) -> f64 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let rest = a_rest.iter().zip(b_rest).map(|(&x, &y)| map(x, y));
    let mut eights = a8.iter().zip(b8).map(|(x, y)| -> [f64; 8] {
        let mut out = [0.0; 8];
        for ((o, &x), &y) in out.iter_mut().zip(x).zip(y) {
            *o = map(x, y);
        }
        out
    });
    let Some(mut sums) = eights.next() else { return rest.sum() };
    for eight in eights {
        for (sum, v) in sums.iter_mut().zip(eight) {
            *sum += v;
        }
    }
    let [r0, r1, r2, r3, r4, r5, r6, r7] = sums;
    rest.fold(((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7)), |sum, v| sum + v)
}

/// Count, mean and sum of squared deviations of what is a number; NaN is left out.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// How many are numbers.
    pub count: usize,
    /// Their mean; NaN when there are none.
    pub mean: f64,
    /// The sum of squared distances from the mean.
    pub squares: f64,
}

impl Moments {
    /// Of `map` of each value.
    pub fn by(values: &[f64], map: impl Fn(f64) -> f64) -> Moments {
        let nan: usize = values.iter().map(|v| usize::from(v.is_nan())).sum();
        let count = values.len() - nan;
        let number = |v: f64| if v.is_nan() { 0.0 } else { v };
        let mean = sum_by(values, |v| number(map(v))) / count as f64;
        let squares = sum_by(values, |v| {
            let d = mean - map(v);
            if v.is_nan() { 0.0 } else { d * d }
        });
        Moments { count, mean, squares }
    }

    /// Of the values themselves.
    pub fn of(values: &[f64]) -> Moments {
        Moments::by(values, |v| v)
    }

    /// Standard deviation of a sample: divided by n - 1; NaN for fewer than two numbers.
    pub fn sample_std(&self) -> f64 {
        if self.count < 2 { f64::NAN } else { (self.squares / (self.count - 1) as f64).sqrt() }
    }
}

/// The median of `values`, which it reorders; the mean of the two in the middle where their number is even. NaN if empty.
/// There must be no NaN among them.
pub fn median(values: &mut [f64]) -> f64 {
    let half = values.len() / 2;
    if values.is_empty() {
        return f64::NAN;
    }
    let odd = values.len() % 2 == 1;
    let (below, &mut upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    if odd {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (lower + upper) / 2.0
}

/// The median of `values`, and the median of how far they lie from it, which stand in their place afterwards.
pub fn spread(values: &mut Vec<f64>) -> (f64, f64) {
    let middle = median(values);
    values.iter_mut().for_each(|v| *v = (*v - middle).abs());
    // Infinite values around an infinite median leave NaN, which is passed over as any other.
    values.retain(|v| !v.is_nan());
    (middle, median(values))
}

/// From a median deviation to a standard deviation, if values lie as the normal distribution has them.
const MEDIAN_TO_STANDARD: f64 = 1.482_602_218_505_602;

/// What `values` usually are, robust against single ones: their median, and a standard deviation from the median deviation.
pub fn usual(values: &mut Vec<f64>) -> (f64, f64) {
    let (middle, spread) = spread(values);
    (middle, spread * MEDIAN_TO_STANDARD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_any_length() {
        for n in [0, 1, 7, 8, 9, 15, 127, 128, 129, 136, 1000, 1440, 86_400] {
            let values: Vec<f64> = (0..n).map(f64::from).collect();
            let n = f64::from(n);
            assert_eq!(sum_by(&values, |v| v), n * (n - 1.0) / 2.0);
            assert_eq!(sum_pairs(&values, &values, &|a, b| a - b), 0.0);
        }
    }

    #[test]
    fn moments_leave_nan_out() {
        let m = Moments::of(&[1.0, f64::NAN, 2.0, 3.0]);
        assert_eq!((m.count, m.mean, m.squares, m.sample_std()), (3, 2.0, 2.0, 1.0));
        assert!(Moments::of(&[5.0]).sample_std().is_nan());
        assert!(Moments::of(&[]).mean.is_nan() && Moments::of(&[f64::NAN]).sample_std().is_nan());
    }

    #[test]
    fn medians() {
        let check = |mut values: Vec<f64>, is: f64| assert_eq!(median(&mut values), is);
        check(vec![3.0], 3.0);
        check(vec![3.0, 1.0], 2.0);
        check(vec![3.0, 1.0, 2.0], 2.0);
        check(vec![5.0, -1.0, 5.0, 4.0], 4.5);
        check(vec![0.0, -0.0, 0.0, -0.0], 0.0);
        assert!(median(&mut []).is_nan());
        assert_eq!(spread(&mut vec![1.0, 9.0, 3.0, 2.0, 4.0]), (3.0, 1.0));
    }
}
