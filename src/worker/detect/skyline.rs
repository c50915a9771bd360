//! Skyline's nine algorithms. Each looks at a whole window and says whether its end is strange.
//!
//! Where a comparison meets NaN it is false, and the answer is "normal": a series of one point, without a spread or
//! without a first hour is normal to most of them. Means and deviations leave NaN out where the original used pandas, and
//! become NaN where it used numpy. Vectors: kit `skyline/*`; the traps of each are named where they are.

use super::sight::{EMPTY, NULL_VALUE, Sight};
use super::special::kolmogorov_above;
use super::sums::{Moments, spread, sum_by, sum_pairs};
use super::{Finding, Verdict, is_null, unit_root};

/// How many standard deviations are too far.
const SIGMAS: f64 = 3.0;

/// One of them.
type Rule = fn(&mut Sight<'_>) -> Finding;

/// The nine in the order of Skyline's default list.
pub(super) const NINE: [(&str, Rule); 9] = [
    ("first_hour_average", |s| or_failed(first_hour_average(s))),
    ("mean_subtraction_cumulation", |s| or_failed(mean_subtraction_cumulation(s))),
    ("stddev_from_average", |s| or_failed(stddev_from_average(s))),
    ("stddev_from_moving_average", |s| or_failed(stddev_from_moving_average(s))),
    ("least_squares", |s| or_failed(least_squares(s))),
    ("grubbs", |s| or_failed(grubbs(s))),
    ("histogram_bins", |s| or_failed(histogram_bins(s))),
    ("median_absolute_deviation", |s| or_failed(median_absolute_deviation(s))),
    ("ks_test", |s| or_failed(ks_test(s))),
];

type Found = Result<Finding, &'static str>;

fn or_failed(found: Found) -> Finding {
    found.unwrap_or_else(Finding::failed)
}

/// Is the tail more than three deviations from the mean of the first hour of the full duration?
///
/// The hour is measured back from now, so it holds the points of the grace time before it too.
fn first_hour_average(sight: &mut Sight<'_>) -> Found {
    let tail = sight.tail()?;
    let until = sight.now - (sight.full_duration - 3600.0);
    let hour = &mut sight.scratch.values;
    hour.clear();
    hour.extend(sight.window.times.iter().zip(sight.window.values).filter(|(t, _)| **t < until).map(|(_, v)| *v));
    let moments = Moments::of(hour);
    let std = moments.sample_std();
    let distance = (tail - moments.mean).abs();
    let points = hour.len() as f64;
    Ok(Finding::new(
        distance > SIGMAS * std,
        &[("tail", tail), ("mean", moments.mean), ("std", std), ("limit", SIGMAS * std), ("points", points)],
    ))
}

/// Is the last value more than three deviations from the mean of all before it?
///
/// The mean is taken off first and the deviation is of what is left; a point without a value counts as 0, NaN does not.
fn mean_subtraction_cumulation(sight: &mut Sight<'_>) -> Found {
    let values = if sight.nulls {
        let copy = &mut sight.scratch.values;
        copy.clear();
        copy.extend(sight.window.values.iter().map(|v| if is_null(*v) { 0.0 } else { *v }));
        &*copy
    } else {
        sight.window.values
    };
    let (last, before) = values.split_last().ok_or(EMPTY)?;
    let mean = Moments::of(before).mean;
    let std = Moments::by(before, |v| v - mean).sample_std();
    let value = last - mean;
    Ok(Finding::new(value.abs() > SIGMAS * std, &[("value", value), ("mean", mean), ("std", std), ("limit", SIGMAS * std)]))
}

/// Is the tail more than three deviations from the mean of the whole window, itself included?
fn stddev_from_average(sight: &mut Sight<'_>) -> Found {
    let tail = sight.tail()?;
    let moments = sight.moments();
    let std = moments.sample_std();
    let anomalous = (tail - moments.mean).abs() > SIGMAS * std;
    Ok(Finding::new(anomalous, &[("tail", tail), ("mean", moments.mean), ("std", std), ("limit", SIGMAS * std)]))
}

/// Centre of mass of the moving average: a point's weight is 50/51 of the next one's.
const CENTRE_OF_MASS: f64 = 50.0;

/// Is the last value more than three moving deviations from the exponentially weighted moving average?
///
/// Weights go by the number of points, gaps in time do not matter; NaN is passed over. The deviation is the biased one of
/// weighted squares times (1 + 2 com) / (2 com), which is what pandas of Skyline's time did, and not below zero.
fn stddev_from_moving_average(sight: &mut Sight<'_>) -> Found {
    let last = sight.last()?;
    let new = 1.0 / (1.0 + CENTRE_OF_MASS);
    let old = 1.0 - new;
    // `lost` is the weight that an average which began with nothing has not reached yet.
    let (mut value, mut square, mut lost, mut begun) = (0.0, 0.0, 1.0, false);
    let mut add = |v: f64| {
        if begun {
            value = old * value + new * v;
            square = old * square + new * (v * v);
        } else {
            (value, square, begun) = (new * v, new * (v * v), true);
        }
        lost *= old;
    };
    if sight.nans {
        sight.window.values.iter().filter(|v| !v.is_nan()).for_each(|v| add(*v));
    } else {
        sight.window.values.iter().for_each(|v| add(*v));
    }
    if !begun && sight.nulls {
        return Err(NULL_VALUE);
    }
    let (mean, square) = if begun { (value / (1.0 - lost), square / (1.0 - lost)) } else { (f64::NAN, f64::NAN) };
    let variance = square - mean * mean;
    let variance = if variance < 0.0 { 0.0 } else { variance };
    let std = (variance * (1.0 + 2.0 * CENTRE_OF_MASS) / (2.0 * CENTRE_OF_MASS)).sqrt();
    Ok(Finding::new((last - mean).abs() > SIGMAS * std, &[("last", last), ("mean", mean), ("std", std), ("limit", SIGMAS * std)]))
}

/// Is the mean of the last three distances from a fitted line more than three deviations of all distances?
///
/// Both are rounded (halves away from zero) and must not be 0, so a spread below one half is never found. Times are
/// centred: the original's matrix of raw timestamps is singular to working precision for short series.
fn least_squares(sight: &mut Sight<'_>) -> Found {
    if sight.nulls {
        return Err(NULL_VALUE);
    }
    let (times, values) = (sight.window.times, sight.window.values);
    let [.., y1, y2, y3] = values else { return Ok(Finding::new(false, &[])) };
    let [.., t1, t2, t3] = times else { return Ok(Finding::new(false, &[])) };
    let n = values.len() as f64;
    let y_mean = sight.moments().mean;
    let first = times.first().copied().unwrap_or_default();
    let t_mean = first + sum_by(times, |t| t - first) / n;
    let across = sum_by(times, |t| (t - t_mean) * (t - t_mean));
    let along = sum_pairs(times, values, &|t, y| (t - t_mean) * (y - y_mean));
    let slope = if across == 0.0 { 0.0 } else { along / across };
    let residual = |t: f64, y: f64| (y - y_mean) - slope * (t - t_mean);
    let off = sum_pairs(times, values, &residual) / n;
    let squares = sum_pairs(times, values, &|t, y| {
        let r = residual(t, y) - off;
        r * r
    });
    let std = (squares / n).sqrt();
    // At a large offset the mean is rounded; what that leaves in all residuals alike is taken off.
    let tail = (residual(*t3, *y3) + residual(*t2, *y2) + residual(*t1, *y1)) / 3.0 - off;
    let anomalous = tail.abs() > std * SIGMAS && std.round() != 0.0 && tail.round() != 0.0;
    // A NaN among the values has made the sums NaN in the original; the mean above passes over it.
    let anomalous = anomalous && !sight.nans;
    Ok(Finding::new(anomalous, &[("residual", tail), ("std", std), ("limit", SIGMAS * std), ("slope", slope)]))
}

/// Is the tail further above the mean than Grubbs' test allows at 5 %?
///
/// One-sided: a drop is never found. The deviation is divided by n.
fn grubbs(sight: &mut Sight<'_>) -> Found {
    if sight.nulls {
        return Err(NULL_VALUE);
    }
    let tail = sight.tail()?;
    let n = sight.len();
    let moments = sight.moments();
    let (mean, std) = if sight.nans { (f64::NAN, f64::NAN) } else { (moments.mean, (moments.squares / moments.count as f64).sqrt()) };
    let score = (tail - mean) / std;
    let limit = sight.scratch.grubbs_limit(n);
    Ok(Finding::new(score > limit, &[("tail", tail), ("mean", mean), ("std", std), ("score", score), ("limit", limit)]))
}

/// Bins of the histogram.
const BINS: usize = 15;
/// So many points in its bin make a value familiar; one more than this.
const FAMILIAR: usize = 20;

/// Do at most twenty points share the tail's bin, of fifteen between the smallest and the largest value?
///
/// The first bin counts only for a tail at the minimum; a tail at the maximum lies in no bin and is never found.
fn histogram_bins(sight: &mut Sight<'_>) -> Found {
    let tail = sight.tail()?;
    if sight.nulls {
        return Err(NULL_VALUE);
    }
    let bins = Bins::new(sight)?;
    let mut finding = Finding::new(false, &[("tail", tail), ("min", bins.edge(0)), ("max", bins.edge(BINS))]);
    let place = (0..BINS).find(|&bin| bins.edge(bin) <= tail && tail < bins.edge(bin + 1));
    let Some(bin) = place.or((tail <= bins.edge(0)).then_some(0)) else { return Ok(finding) };
    let count = bins.count(sight.window.values, bin);
    finding.verdict = Verdict::from_bool(count <= FAMILIAR && (bin > 0 || tail <= bins.edge(0)));
    finding.numbers.push("bin", bin as f64);
    finding.numbers.push("count", count as f64);
    Ok(finding)
}

/// Fifteen equal bins.
struct Bins {
    low: f64,
    step: f64,
    high: f64,
}

impl Bins {
    fn new(sight: &Sight<'_>) -> Result<Bins, &'static str> {
        let (low, high) = sight.range;
        if sight.nans || !low.is_finite() || !high.is_finite() {
            return Err("the range of values is not finite");
        }
        let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
        let bins = Bins { low, step: (high - low) / BINS as f64, high };
        if (0..BINS).all(|bin| bins.edge(bin) < bins.edge(bin + 1)) { Ok(bins) } else { Err("the range of values is too narrow for bins") }
    }

    fn edge(&self, at: usize) -> f64 {
        if at == BINS { self.high } else { at as f64 * self.step + self.low }
    }

    /// How many of `values` lie in `bin`; the last bin holds its upper edge too.
    fn count(&self, values: &[f64], bin: usize) -> usize {
        let (from, to, last) = (self.edge(bin), self.edge(bin + 1), bin + 1 == BINS);
        // Without a branch, so that it fills vector registers.
        let inside = |v: &f64| usize::from((*v >= from) & ((*v < to) | (last & (*v == to))));
        values.iter().map(inside).sum()
    }
}

/// More than so many median deviations are too far.
const MEDIAN_DEVIATIONS: f64 = 6.0;

/// Is the last value more than six median deviations from the median?
///
/// Says "normal" only where the median deviation is 0, and otherwise yes or nothing.
fn median_absolute_deviation(sight: &mut Sight<'_>) -> Found {
    let last = sight.last()?;
    let buffer = &mut sight.scratch.values;
    buffer.clear();
    buffer.extend(sight.window.values.iter().filter(|v| !v.is_nan()));
    let (middle, spread) = spread(buffer);
    let score = (last - middle).abs() / spread;
    let verdict = match spread {
        0.0 => Verdict::Normal,
        _ if score > MEDIAN_DEVIATIONS => Verdict::Anomalous,
        _ => Verdict::Unsure,
    };
    Ok(Finding::with(
        verdict,
        &[("last", last), ("median", middle), ("median_deviation", spread), ("score", score), ("limit", MEDIAN_DEVIATIONS)],
    ))
}

/// Fewest points on either side of the Kolmogorov-Smirnov test.
const KS_POINTS: usize = 20;

/// Are the last ten minutes distributed otherwise than the fifty before, and were those stationary?
///
/// At a step of 60 s the ten minutes hold too few points, and the answer is always "normal".
fn ks_test(sight: &mut Sight<'_>) -> Found {
    let (from, to) = (sight.now - 3600.0, sight.now - 600.0);
    let (reference, probe) = (&mut sight.scratch.values, &mut sight.scratch.others);
    reference.clear();
    probe.clear();
    for (&t, &v) in sight.window.times.iter().zip(sight.window.values) {
        if t >= to {
            probe.push(v);
        } else if t >= from {
            reference.push(v);
        }
    }
    let (n1, n2) = (reference.len() as f64, probe.len() as f64);
    let mut finding = Finding::new(false, &[("reference", n1), ("probe", n2)]);
    if reference.len() < KS_POINTS || probe.len() < KS_POINTS {
        return Ok(finding);
    }
    if sight.nulls && reference.iter().chain(probe.iter()).any(|v| is_null(*v)) {
        return Err(NULL_VALUE);
    }
    if sight.nans && reference.iter().chain(probe.iter()).any(|v| v.is_nan()) {
        return Ok(finding);
    }
    probe.sort_unstable_by(f64::total_cmp);
    let sorted = match sight.scratch.matrix.first_mut() {
        Some(column) => column,
        None => sight.scratch.matrix.push_mut(Vec::new()),
    };
    sorted.clear();
    sorted.extend_from_slice(reference);
    sorted.sort_unstable_by(f64::total_cmp);
    let d = ks_distance(sorted, probe);
    let root = (n1 * n2 / (n1 + n2)).sqrt();
    let p = kolmogorov_above((root + 0.12 + 0.11 / root) * d);
    finding.numbers.push("d", d);
    finding.numbers.push("p", p);
    if p < 0.05 && d > 0.5 {
        let test = match unit_root::test(&sight.scratch.values, &mut sight.scratch.matrix) {
            Ok(test) => test,
            Err(why) => {
                finding.verdict = Verdict::Failed(why);
                return Ok(finding);
            }
        };
        finding.numbers.push("adf", test.statistic);
        finding.numbers.push("adf_p", test.p);
        finding.numbers.push("adf_lag", test.lag as f64);
        finding.verdict = Verdict::from_bool(test.p < 0.05);
    }
    Ok(finding)
}

/// The largest distance between the distributions of two sorted samples.
fn ks_distance(a: &[f64], b: &[f64]) -> f64 {
    let (n1, n2) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j, mut d) = (0, 0, 0.0_f64);
    // Once one side has ended, the distance only shrinks.
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let at = x.min(*y);
        i += a.iter().skip(i).take_while(|v| **v <= at).count();
        j += b.iter().skip(j).take_while(|v| **v <= at).count();
        d = d.max((i as f64 / n1 - j as f64 / n2).abs());
    }
    d
}
