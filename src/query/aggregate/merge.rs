//! The series of a group, walked through time together: one value at every instant at which any of them has a point.
//!
//! Each series is held by two points, the current and the next one. A series counts from its first point to its last,
//! interpolated between the two it is held by. **The result is an integer only if every held value is one**, the next one
//! included even where it lies past the end of the question: so whether `5` prints as `5` or `5.0` depends on its neighbours
//! (recorded cases `agg/single-series-int-float`, `agg/single-next-outside`).

use super::cursor::Cursor;
use super::fold::{Fold, fold_integers};
use crate::point::Number;
use crate::query::interpolate::Interpolation;
use crate::query::plan::Aggregator;
use crate::query::points::as_f64;

/// The time of a series that has no next point.
const ENDED: i64 = i64::MAX;
/// The time of a series that has no current point: not begun, or ended before.
const NOTHING: i64 = i64::MIN;

/// What a walk does, and over which times (milliseconds).
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// The group's function.
    pub function: Aggregator,
    /// Values are rates: they hold until the next one instead of being interpolated.
    pub rate: bool,
    /// First and last instant of the rows read: points outside do not begin or end a series.
    pub rows: (i64, i64),
    /// First and last instant to give out.
    pub shown: (i64, i64),
}

/// One of the two points that hold each series, as columns.
#[derive(Default)]
struct Held {
    ms: Vec<i64>,
    integer: Vec<i64>,
    double: Vec<f64>,
    float: Vec<bool>,
}

/// The values of one instant.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Values<'a> {
    Integers(&'a [i64]),
    Doubles(&'a [f64]),
}

/// The walk, in progress.
pub struct Merge<'a> {
    walk: Walk,
    method: Interpolation,
    series: Vec<Cursor<'a>>,
    now: Held,
    next: Held,
    /// Held values, now and next, that are floats.
    floats: usize,
    /// Series whose last point was passed at the instant before.
    ending: Vec<usize>,
    integers: Vec<i64>,
    doubles: Vec<f64>,
    fold: Fold,
}

impl Held {
    fn push_nothing(&mut self, ms: i64) {
        self.ms.push(ms);
        self.integer.push(0);
        self.double.push(0.0);
        self.float.push(false);
    }
}

#[allow(clippy::indexing_slicing, reason = "all columns have one entry a series, and `i` comes from their own length; measured hot path")]
impl<'a> Merge<'a> {
    /// Begins the walk: the order of `series` is the order in which the function sees values.
    pub fn new(walk: Walk, series: Vec<Cursor<'a>>) -> Merge<'a> {
        let count = series.len();
        let mut merge = Merge {
            walk,
            method: Interpolation::of(walk.function),
            series,
            now: Held::default(),
            next: Held::default(),
            floats: 0,
            ending: Vec::new(),
            integers: Vec::with_capacity(count),
            doubles: Vec::with_capacity(count),
            fold: Fold::new(walk.function),
        };
        for i in 0..count {
            merge.now.push_nothing(NOTHING);
            merge.next.push_nothing(ENDED);
            merge.begin(i);
        }
        merge
    }

    /// Takes a series' first point of the rows read as its next one.
    fn begin(&mut self, i: usize) {
        let from = self.walk.rows.0;
        let Some(first) = self.series[i].find(|point| point.0 >= from) else { return };
        self.put_next(i, Some(first));
        if !self.walk.rate {
            return;
        }
        // The first rate, from the instant 0, is held but never shown.
        match self.series[i].next() {
            None => self.put_next(i, None),
            second => {
                self.shift(i);
                self.put_next(i, second);
            }
        }
    }

    /// Replaces the next point. Its float, if it was one, must have moved or been taken off the count before.
    fn put_next(&mut self, i: usize, point: Option<(i64, Number)>) {
        let Some((ms, value)) = point else {
            self.floats -= usize::from(std::mem::take(&mut self.next.float[i]));
            self.next.ms[i] = ENDED;
            return;
        };
        self.next.ms[i] = ms;
        self.next.double[i] = as_f64(value);
        let float = match value {
            Number::Int(v) => {
                self.next.integer[i] = v;
                false
            }
            Number::Float(_) => true,
        };
        self.next.float[i] = float;
        self.floats += usize::from(float);
    }

    /// The next point becomes the current one; what is next has to be put after it.
    fn shift(&mut self, i: usize) {
        self.floats -= usize::from(self.now.float[i]);
        self.now.ms[i] = self.next.ms[i];
        self.now.integer[i] = self.next.integer[i];
        self.now.double[i] = self.next.double[i];
        self.now.float[i] = std::mem::take(&mut self.next.float[i]);
    }

    /// Goes on to the next instant at which a series has a point.
    fn step(&mut self) -> Option<i64> {
        for i in self.ending.drain(..) {
            self.now.ms[i] = NOTHING;
            self.floats -= usize::from(std::mem::take(&mut self.now.float[i]));
        }
        let ms = self.next.ms.iter().copied().min().filter(|&ms| ms <= self.walk.rows.1 && ms != ENDED)?;
        for i in 0..self.series.len() {
            if self.next.ms[i] == ms {
                self.shift(i);
                let following = self.series[i].next();
                if following.is_none() {
                    self.ending.push(i);
                }
                self.put_next(i, following);
            }
        }
        Some(ms)
    }

    fn collect_integers(&mut self, ms: i64) {
        self.integers.clear();
        for i in 0..self.series.len() {
            let (x0, y0) = (self.now.ms[i], self.now.integer[i]);
            if x0 == ms {
                self.integers.push(y0);
            } else if x0 != NOTHING {
                self.integers.push(self.method.integers(ms, (x0, y0), (self.next.ms[i], self.next.integer[i])));
            }
        }
    }

    fn collect_doubles(&mut self, ms: i64) {
        self.doubles.clear();
        for i in 0..self.series.len() {
            let (x0, y0) = (self.now.ms[i], self.now.double[i]);
            if x0 == ms || self.walk.rate && x0 != NOTHING {
                self.doubles.push(y0);
            } else if x0 != NOTHING {
                self.doubles.push(self.method.doubles(ms, (x0, y0), (self.next.ms[i], self.next.double[i])));
            }
        }
    }
}

impl Merge<'_> {
    fn integer_at(&mut self, ms: i64) -> i64 {
        self.collect_integers(ms);
        fold_integers(self.walk.function, &mut self.integers)
    }

    fn double_at(&mut self, ms: i64) -> f64 {
        self.collect_doubles(ms);
        self.fold.clear();
        self.fold.extend(self.doubles.iter().copied());
        self.fold.finish()
    }

    /// Goes on to the next instant within [`Walk::shown`]: the values of the series that have begun and not ended, in their
    /// order, before any function.
    pub fn next_values(&mut self) -> Option<Values<'_>> {
        loop {
            let ms = self.step().filter(|&ms| ms <= self.walk.shown.1)?;
            if ms < self.walk.shown.0 {
                continue;
            }
            if self.floats == 0 && !self.walk.rate {
                self.collect_integers(ms);
                return Some(Values::Integers(&self.integers));
            }
            self.collect_doubles(ms);
            return Some(Values::Doubles(&self.doubles));
        }
    }

    /// Goes on for so many instants and appends the values of those within [`Walk::shown`]. False: the walk has ended.
    pub fn run(&mut self, instants: usize, out: &mut Vec<(i64, Number)>) -> bool {
        for _ in 0..instants {
            let Some(ms) = self.step().filter(|&ms| ms <= self.walk.shown.1) else { return false };
            if ms >= self.walk.shown.0 {
                let integer = self.floats == 0 && !self.walk.rate;
                out.push((ms, if integer { Number::Int(self.integer_at(ms)) } else { Number::Float(self.double_at(ms)) }));
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::plan::RateOptions;
    use crate::query::points::Points;
    use crate::query::rate::Rate;
    use Number::{Float, Int};

    fn check(function: Aggregator, rate: bool, series: &[&[(i64, Number)]], want: &[(i64, Number)]) {
        let columns: Vec<Points> = series.iter().map(|points| points.iter().copied().collect()).collect();
        let options = RateOptions { counter: false, counter_max: i64::MAX, reset_value: 0, drop_resets: false };
        let cursors = columns.iter().map(|points| Cursor::new(points, None, rate.then(|| Rate::new(options)))).collect();
        let walk = Walk { function, rate, rows: (0, 100_000), shown: (2_000, 9_000) };
        let (mut got, mut merge) = (Vec::new(), Merge::new(walk, cursors));
        while merge.run(2, &mut got) {}
        assert_eq!(got, want, "{function:?}");
    }

    #[test]
    fn kinds_depend_on_the_held_values() {
        let one: &[_] = &[(2_000, Int(1)), (3_000, Int(2)), (4_000, Float(2.5)), (5_000, Int(3)), (6_000, Int(4))];
        check(
            Aggregator::None,
            false,
            &[one],
            &[(2_000, Int(1)), (3_000, Float(2.0)), (4_000, Float(2.5)), (5_000, Int(3)), (6_000, Int(4))],
        );
        // agg/single-next-outside: the float at 20,000 is not shown, but held.
        check(
            Aggregator::Sum,
            false,
            &[&[(2_000, Int(1)), (3_000, Int(2)), (20_000, Float(1.0))]],
            &[(2_000, Int(1)), (3_000, Float(2.0))],
        );
        // A series that has not begun counts for the kind too, by its first point.
        check(Aggregator::Sum, false, &[&[(2_000, Int(1))], &[(8_000, Float(1.0))]], &[(2_000, Float(1.0)), (8_000, Float(1.0))]);
    }

    #[test]
    fn series_count_between_their_first_and_last_point() {
        let a: &[_] = &[(1_000, Int(0)), (5_000, Int(8)), (9_000, Int(0))];
        let b: &[_] = &[(3_000, Int(100)), (5_000, Int(200))];
        check(Aggregator::Sum, false, &[a, b], &[(3_000, Int(104)), (5_000, Int(208)), (9_000, Int(0))]);
        check(Aggregator::Count, false, &[a, b], &[(3_000, Int(2)), (5_000, Int(2)), (9_000, Int(1))]);
        check(Aggregator::Last, false, &[b, a], &[(3_000, Int(0)), (5_000, Int(8)), (9_000, Int(0))]); // agg/mis-int-last
        check(Aggregator::Diff, false, &[a, b], &[(3_000, Int(96)), (5_000, Int(192)), (9_000, Int(0))]);
    }

    #[test]
    fn rates_hold_until_the_next_one() {
        let a: &[_] = &[(1_000, Int(1)), (3_000, Int(5)), (5_000, Int(5))];
        check(Aggregator::Sum, true, &[a], &[(3_000, Float(2.0)), (5_000, Float(0.0))]);
        // Before b has a rate, its first one, from the instant 0, counts: 8 / 4 s.
        let b: &[_] = &[(4_000, Int(8)), (6_000, Int(8))];
        check(Aggregator::Sum, true, &[a, b], &[(3_000, Float(4.0)), (5_000, Float(2.0)), (6_000, Float(0.0))]);
        check(Aggregator::Sum, true, &[&[(3_000, Int(5))]], &[]); // rate/one-point
    }
}
