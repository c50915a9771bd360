//! The axes as plotters knows them: instants and values become places, and the ticks are where its grid has lines.

use super::time::TimeTick;
use super::value::{Scale, Tick};
use crate::plot::board::UNIT;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use std::ops::Range;

/// Farthest place beyond a picture that is computed with, in pixels: lines keep their slope, numbers their digits.
const FAR: f64 = 100_000.0;

/// Time and one of the value axes.
pub type Plane = Cartesian2d<TimeAxis, ValueAxis>;

/// The time axis.
#[derive(Clone, Debug)]
pub struct TimeAxis {
    /// First and last instant, in milliseconds since the epoch.
    pub span: (i64, i64),
    /// Its marks.
    pub ticks: Vec<TimeTick>,
}

/// A value axis.
#[derive(Clone, Debug)]
pub struct ValueAxis {
    /// Values to places.
    pub scale: Scale,
    /// Its marks.
    pub ticks: Vec<Tick>,
}

/// The place of a share of an axis. plotters gives areas whose ends are a unit off on some axes: frames lie on whole pixels.
fn between(share: f64, (from, to): (i32, i32)) -> i32 {
    let whole = |limit: i32| f64::from((limit + UNIT / 2).div_euclid(UNIT) * UNIT);
    let (from, to) = (whole(from), whole(to));
    let place = (from + share * (to - from)).clamp(-FAR * f64::from(UNIT), FAR * f64::from(UNIT));
    (if place < 0.0 { place - 0.5 } else { place + 0.5 }) as i32
}

impl Ranged for TimeAxis {
    type FormatOption = DefaultFormatting;
    /// Milliseconds since the epoch.
    type ValueType = f64;

    fn map(&self, ms: &f64, limits: (i32, i32)) -> i32 {
        let (from, to) = (self.span.0 as f64, self.span.1 as f64);
        between((ms - from) / (to - from), limits)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        self.ticks.iter().filter(|_| hint.max_num_points() > 0).map(|tick| tick.ms as f64).collect()
    }

    fn range(&self) -> Range<f64> {
        self.span.0 as f64..self.span.1 as f64
    }
}

impl Ranged for ValueAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limits: (i32, i32)) -> i32 {
        between(self.scale.place(*value).unwrap_or(0.0), limits)
    }

    /// Ticks with a text: those between them are marked at the axis only.
    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        self.ticks.iter().filter(|tick| hint.max_num_points() > 0 && tick.text.is_some()).map(|tick| tick.value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.scale.min..self.scale.max
    }
}

impl TimeAxis {
    /// Whether an instant is on it.
    pub fn has(&self, ms: f64) -> bool {
        self.range().contains(&ms) || ms == self.range().end
    }
}

impl ValueAxis {
    /// Whether a value is on it.
    pub fn has(&self, value: f64) -> bool {
        self.range().contains(&value) || value == self.scale.max
    }

    /// Zero, or the end that is nearest to it: where areas begin.
    pub fn base(&self) -> f64 {
        if self.scale.log { self.scale.min } else { 0f64.clamp(self.scale.min, self.scale.max) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_whole_pixels() {
        let value = |log: bool| ValueAxis { scale: Scale { min: 1.0, max: 100.0, log }, ticks: Vec::new() };
        let time = TimeAxis { span: (1_000, 5_000), ticks: Vec::new() };
        for off in [-1, 0, 1] {
            let limits = (10 * 256 + off, 410 * 256 - off);
            assert_eq!([1_000.0, 2_000.0, 5_000.0, 9_000.0].map(|ms| time.map(&ms, limits)), [10, 110, 410, 810].map(|x| x * 256));
            assert_eq!([1.0, 10.0, 100.0].map(|v| value(true).map(&v, (limits.1, limits.0))), [410, 210, 10].map(|y| y * 256));
        }
        // Parts of a pixel are kept, and nothing is too far.
        assert_eq!(value(false).map(&50.5, (0, 101 * 256)), 50 * 256 + 128);
        for far in [f64::MAX, f64::MIN, f64::INFINITY, f64::NAN, 0.0, -1.0] {
            for log in [false, true] {
                assert!(value(log).map(&far, (0, 25_600)).abs() <= FAR as i32 * UNIT);
            }
            assert!(time.map(&far, (0, 25_600)).abs() <= FAR as i32 * UNIT);
        }
        assert_eq!((value(true).base(), value(false).base()), (1.0, 1.0));
        assert!(time.has(1_000.0) && time.has(5_000.0) && !time.has(5_000.5) && value(false).has(100.0) && !value(false).has(0.9));
    }
}
