//! Rate of change per second between neighbouring points of one series.
//!
//! OpenTSDB's first rate is taken from the instant 0 with the value 0. It is never shown, but it is there: until a series
//! of a group has a real rate, its first one counts for it (recorded case `rate/hour-start-3600`).

use super::plan::RateOptions;
use super::points::as_f64;
use crate::point::Number;

/// Turns points, one by one, into rates.
#[derive(Clone, Debug)]
pub struct Rate {
    options: RateOptions,
    before: (i64, Number),
}

impl Rate {
    /// Before the first point.
    pub fn new(options: RateOptions) -> Rate {
        Rate { options, before: (0, Number::Int(0)) }
    }

    /// The rate at a point, from the point before it. `None`: there is none, because a reset is dropped (`dropResets`) or
    /// because the time does not grow (a point at the epoch itself, which OpenTSDB fails on).
    pub fn push(&mut self, ms: i64, value: Number) -> Option<f64> {
        let (before_ms, before) = std::mem::replace(&mut self.before, (ms, value));
        if ms <= before_ms {
            return None;
        }
        let seconds = (ms - before_ms) as f64 / 1000.0;
        let difference = match (before, value) {
            (Number::Int(old), Number::Int(new)) => new.wrapping_sub(old) as f64,
            _ => as_f64(value) - as_f64(before),
        };
        if !self.options.counter || difference >= 0.0 || difference.is_nan() {
            return Some(difference / seconds);
        }
        if self.options.drop_resets {
            return None;
        }
        // No + 1: rate/post-max-kw02.
        let wrapped = match (before, value) {
            (Number::Int(old), Number::Int(new)) => self.options.counter_max.wrapping_sub(old).wrapping_add(new) as f64,
            _ => self.options.counter_max as f64 - as_f64(before) + as_f64(value),
        };
        let rate = wrapped / seconds;
        let reset = self.options.reset_value > 0 && rate > self.options.reset_value as f64;
        Some(if reset { 0.0 } else { rate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: RateOptions = RateOptions { counter: false, counter_max: i64::MAX, reset_value: 0, drop_resets: false };
    const COUNTER: RateOptions = RateOptions { counter: true, ..PLAIN };

    fn check(options: RateOptions, values: &[i64], want: &[Option<f64>]) {
        for floats in [false, true] {
            let mut rate = Rate::new(options);
            let number = |v: i64| if floats { Number::Float(v as f64) } else { Number::Int(v) };
            let got: Vec<_> = values.iter().zip(1..).map(|(&v, at)| rate.push(at * 2_000, number(v))).collect();
            assert_eq!(got, want, "{options:?} of {values:?}, floats: {floats}");
        }
    }

    #[test]
    fn rates() {
        check(PLAIN, &[4, 8, 2], &[Some(2.0), Some(2.0), Some(-3.0)]);
        check(RateOptions { counter_max: 10, ..COUNTER }, &[4, 8, 2], &[Some(2.0), Some(2.0), Some(2.0)]);
        check(RateOptions { counter_max: 100, reset_value: 10, ..COUNTER }, &[4, 8, 2], &[Some(2.0), Some(2.0), Some(0.0)]);
        check(RateOptions { counter_max: 100, reset_value: 10, ..COUNTER }, &[40, 80], &[Some(20.0), Some(20.0)]); // only wraps: rate/post-reset-kw02
        check(RateOptions { drop_resets: true, ..COUNTER }, &[4, 2, 8], &[Some(2.0), None, Some(3.0)]);
        check(RateOptions { drop_resets: true, ..PLAIN }, &[4, 2], &[Some(2.0), Some(-1.0)]); // needs counter: rate/post-drop-nocounter-kw01
        check(COUNTER, &[4, 2], &[Some(2.0), Some((i64::MAX - 2) as f64 / 2.0)]); // rate/post-counter-kw01
    }

    #[test]
    fn a_point_at_the_epoch_has_no_rate() {
        let mut rate = Rate::new(PLAIN);
        assert_eq!((rate.push(0, Number::Int(5)), rate.push(1_000, Number::Int(7))), (None, Some(2.0)));
    }
}
