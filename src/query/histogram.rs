//! Histograms of a question: gathered series by series, added up in groups, shown as percentiles or as counts of ranges.
//!
//! Histograms know one function, the sum, in buckets of time and in groups; there is no interpolation, no fill and no rate.
//! Source: recorded cases `histogram/*`; what they leave open was tried on the real one.

use super::downsample::{Grid, Place};
use crate::codec::{Histogram, Range};
use crate::point::{Number, write_f32};
use std::collections::BTreeMap;

/// Histograms in order of time, each instant (or bucket) once.
pub type Histograms = Vec<(i64, Histogram)>;

/// The histograms of one series as they come, in time order: as they are, or added up in buckets of time.
#[derive(Debug, Default)]
pub struct Gathered {
    place: Place,
    done: Histograms,
    bytes: u64,
}

impl Gathered {
    /// Takes the next one.
    pub fn push(&mut self, grid: Option<&Grid>, ms: i64, histogram: Histogram) {
        let start = match grid {
            None => ms,
            Some(grid) => match self.place.bucket(grid, ms) {
                Some(start) => start,
                None => return,
            },
        };
        let before = self.done.last().map_or(0, |(_, last)| last.bytes());
        match self.done.last_mut() {
            Some((open, sum)) if *open == start => {
                sum.add(&histogram);
                self.bytes += sum.bytes().saturating_sub(before);
            }
            _ => {
                self.bytes += histogram.bytes();
                self.done.push((start, histogram));
            }
        }
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All of them.
    pub fn finish(self) -> Histograms {
        self.done
    }
}

/// The sum of several series, instant by instant, within the rows that were read.
pub fn sum(series: impl IntoIterator<Item = Histograms>, rows: (i64, i64)) -> Histograms {
    let mut series = series.into_iter().map(|one| one.into_iter().filter(|(ms, _)| (rows.0..=rows.1).contains(ms)));
    let (Some(first), second) = (series.next(), series.next()) else { return Vec::new() };
    let Some(second) = second else { return first.collect() };
    let mut sums: BTreeMap<i64, Histogram> = first.collect();
    for (ms, histogram) in second.chain(series.flatten()) {
        match sums.get_mut(&ms) {
            Some(sum) => sum.add(&histogram),
            None => drop(sums.insert(ms, histogram)),
        }
    }
    sums.into_iter().collect()
}

/// What is shown of a group's histograms as a series of its own.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    /// A percentile.
    Percentile(f32),
    /// The count below all ranges.
    Underflow,
    /// The count of a range.
    Range(Range),
    /// The count above all ranges.
    Overflow,
}

impl Shown {
    /// What is shown where the ranges are asked for: those of the first histogram, whatever ranges later ones have.
    pub fn ranges(histograms: &Histograms) -> Vec<Shown> {
        let Some((_, first)) = histograms.first() else { return Vec::new() };
        let ranges = first.ranges().iter().map(|(range, _)| Shown::Range(*range));
        std::iter::once(Shown::Underflow).chain(ranges).chain([Shown::Overflow]).collect()
    }

    /// What follows the metric's name: `_pct_99.9`, `_0.0_1.75`.
    pub fn suffix(self) -> String {
        let mut out = Vec::new();
        match self {
            Shown::Percentile(percent) => {
                out.extend_from_slice(b"_pct_");
                write_f32(&mut out, percent);
            }
            Shown::Underflow => out.extend_from_slice(b"_UNDERFLOW"),
            Shown::Overflow => out.extend_from_slice(b"_OVERFLOW"),
            Shown::Range(range) => {
                for bound in [range.lower, range.upper] {
                    out.push(b'_');
                    write_f32(&mut out, bound);
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Its points: counts are whole numbers, percentiles are not.
    pub fn points(self, histograms: &Histograms) -> Vec<(i64, Number)> {
        let value = |histogram: &Histogram| match self {
            Shown::Percentile(percent) => Number::Float(histogram.percentile(f64::from(percent))),
            Shown::Underflow => Number::Int(histogram.underflow),
            Shown::Overflow => Number::Int(histogram.overflow),
            Shown::Range(range) => Number::Int(histogram.count(range)),
        };
        histograms.iter().map(|(ms, histogram)| (*ms, value(histogram))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::plan::{Aggregator, Downsample, Fill, Interval};

    fn histogram(text: &str) -> Histogram {
        Histogram::parse(text).unwrap()
    }

    fn gathered(interval: Option<Interval>, points: &[(i64, &str)]) -> Histograms {
        let spec = interval.map(|interval| Downsample { interval, function: Aggregator::Sum, fill: Fill::None });
        let grid = spec.as_ref().map(|spec| Grid::new(spec, (500, 3_000), (100, 4_000)));
        let mut gathered = Gathered::default();
        points.iter().for_each(|(ms, text)| gathered.push(grid.as_ref(), *ms, histogram(text)));
        gathered.finish()
    }

    #[test]
    fn buckets_are_sums() {
        let points = [(150, "0,1=1"), (200, "0,1=2"), (399, "1,2=3"), (600, "0,1=4:o=1"), (3_000, "0,1=5")];
        let got = gathered(Some(Interval::Fixed { ms: 200 }), &points);
        let want = [(200, "0,1=2:1,2=3"), (600, "0,1=4:o=1"), (3_000, "0,1=5")];
        assert_eq!(got, want.map(|(ms, text)| (ms, histogram(text))));
        assert_eq!(gathered(None, &points).len(), 5);
        assert_eq!(gathered(Some(Interval::All), &points), [(500, histogram("0,1=4:o=1"))]);
    }

    #[test]
    fn groups_are_sums() {
        let series = |points: &[(i64, &str)]| points.iter().map(|(ms, text)| (*ms, histogram(text))).collect::<Histograms>();
        let all = [series(&[(50, "0,1=1"), (100, "0,1=1"), (200, "0,1=2")]), series(&[(200, "1,2=5"), (300, "1,2=1"), (900, "u=1")])];
        let want = [(100, "0,1=1"), (200, "0,1=2:1,2=5"), (300, "1,2=1")];
        assert_eq!(sum(all.clone(), (100, 500)), want.map(|(ms, text)| (ms, histogram(text))));
        assert_eq!(sum(all.into_iter().take(1), (100, 500)).len(), 2);
        assert!(sum([], (0, 1)).is_empty());
    }

    #[test]
    fn what_is_shown() {
        let all = vec![(1, histogram("0,1.75=12:1.75,3.5=4")), (2, histogram("9,10=1:u=7"))];
        let names: Vec<String> = Shown::ranges(&all).into_iter().map(Shown::suffix).collect();
        assert_eq!(names, ["_UNDERFLOW", "_0.0_1.75", "_1.75_3.5", "_OVERFLOW"]);
        assert_eq!(Shown::Percentile(99.9).suffix(), "_pct_99.9");
        assert_eq!(Shown::Underflow.points(&all), [(1, Number::Int(0)), (2, Number::Int(7))]);
        assert_eq!(Shown::Percentile(90.0).points(&all), [(1, Number::Float(2.625)), (2, Number::Float(9.5))]);
        assert!(Shown::ranges(&Vec::new()).is_empty());
    }
}
