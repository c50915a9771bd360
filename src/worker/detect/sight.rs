//! One series as the algorithms see it: what they share is computed once, buffers are kept from series to series.

use super::special::student_upper;
use super::sums::Moments;
use super::{Window, is_null};

/// What could not be computed of points without a value.
pub(super) const NULL_VALUE: &str = "a point without a value";
/// What could not be computed of nothing.
pub(super) const EMPTY: &str = "no points";

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) values: Vec<f64>,
    pub(super) others: Vec<f64>,
    pub(super) matrix: Vec<Vec<f64>>,
    pub(super) findings: Vec<super::Finding>,
    grubbs: Vec<(usize, f64)>,
}

/// How many critical values of Grubbs' test a thread remembers, by the length of the series.
const GRUBBS_KEPT: usize = 256;

impl Scratch {
    /// Grubbs' critical value for `n` points at 5 %, one-sided; NaN for fewer than three.
    pub(super) fn grubbs_limit(&mut self, n: usize) -> f64 {
        let at = n % GRUBBS_KEPT;
        self.grubbs.resize(GRUBBS_KEPT, (0, f64::NAN));
        if let Some(&(_, limit)) = self.grubbs.get(at).filter(|(of, _)| *of == n) {
            return limit;
        }
        let (count, df) = (n as f64, n as f64 - 2.0);
        let t = student_upper(0.05 / (2.0 * count), df);
        let limit = (count - 1.0) / count.sqrt() * (t * t / (df + t * t)).sqrt();
        if let Some(slot) = self.grubbs.get_mut(at) {
            *slot = (n, limit);
        }
        limit
    }
}

/// A window, the moment from which it is seen, and what is known of it already.
pub struct Sight<'a> {
    /// The points.
    pub window: Window<'a>,
    /// Seconds since the epoch at which the window is judged; Skyline's clock.
    pub now: f64,
    /// Length of the rolling window in seconds (`FULL_DURATION`).
    pub full_duration: f64,
    /// Are there points without a value?
    pub nulls: bool,
    /// Is there anything that is no number, [`super::NULL`] among it?
    pub nans: bool,
    /// Smallest and largest value, without NaN; infinite where there is none.
    pub range: (f64, f64),
    pub(super) scratch: &'a mut Scratch,
    moments: Option<Moments>,
}

impl<'a> Sight<'a> {
    /// Looks at `window` from `now`; one pass finds the range and whether all are numbers.
    pub fn new(window: Window<'a>, now: f64, full_duration: f64, scratch: &'a mut Scratch) -> Sight<'a> {
        let n = window.times.len().min(window.values.len());
        let window = Window { times: window.times.get(..n).unwrap_or_default(), values: window.values.get(..n).unwrap_or_default() };
        let (mut low, mut high, mut nan) = ([f64::INFINITY; 4], [f64::NEG_INFINITY; 4], [false; 4]);
        let (fours, rest) = window.values.as_chunks::<4>();
        let mut look = |values: &[f64]| {
            for (((&v, low), high), nan) in values.iter().zip(&mut low).zip(&mut high).zip(&mut nan) {
                *low = if v < *low { v } else { *low };
                *high = if v > *high { v } else { *high };
                *nan |= v.is_nan();
            }
        };
        fours.iter().for_each(|four| look(four));
        look(rest);
        let range = (low.into_iter().fold(f64::INFINITY, f64::min), high.into_iter().fold(f64::NEG_INFINITY, f64::max));
        let nans = nan.contains(&true);
        let nulls = nans && window.values.iter().any(|v| is_null(*v));
        Sight { window, now, full_duration, nulls, nans, range, scratch, moments: None }
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.window.values.len()
    }

    /// There is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last value.
    pub fn last(&self) -> Result<f64, &'static str> {
        self.window.values.last().copied().ok_or(EMPTY)
    }

    /// The mean of the last three values; of fewer than three points the last value.
    pub fn tail(&self) -> Result<f64, &'static str> {
        match self.window.values {
            [] => Err(EMPTY),
            [.., a, b, c] if is_null(*a) || is_null(*b) || is_null(*c) => Err(NULL_VALUE),
            [.., a, b, c] => Ok((c + b + a) / 3.0),
            few if few.iter().any(|v| is_null(*v)) => Err(NULL_VALUE),
            [.., last] => Ok(*last),
        }
    }

    /// Count, mean and squared deviations of the whole window, without NaN.
    pub fn moments(&mut self) -> Moments {
        *self.moments.get_or_insert_with(|| Moments::of(self.window.values))
    }
}
