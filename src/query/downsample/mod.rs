//! Points of one series to buckets of time, while they stream by; and what stands in buckets without points.
//!
//! A [`Grid`] says where buckets begin, [`Buckets`] holds one series' open bucket and its finished ones. Results are always
//! floats (recorded case `downsample/5m-count`). Which rows are read at all is decided elsewhere.

pub mod calendar;

use super::aggregate::fold::Fold;
use super::plan::{Aggregator, Downsample, Fill, Interval};
use super::points::{POINT_BYTES, Points, as_f64};
use crate::point::Number;
use calendar::Calendar;

/// Where buckets begin, for one question.
#[derive(Clone, Debug)]
pub struct Grid {
    kind: Kind,
    /// Points before it are left out: the first whole bucket of the rows that are read.
    from: i64,
    function: Aggregator,
}

#[derive(Clone, Debug)]
enum Kind {
    /// One bucket: points from `start` up to but without `end`, shown at `start`.
    All {
        start: i64,
        end: i64,
    },
    /// Multiples of so many milliseconds since the epoch.
    Fixed(i64),
    Calendar(Calendar),
}

/// The buckets that a fill policy shows: all of them from the first to the last of the rows read, with or without points.
#[derive(Clone, Debug)]
pub struct FillPlan {
    /// What an empty bucket holds.
    pub value: f64,
    /// The first bucket.
    pub start: i64,
    /// The first bucket that is not shown.
    pub end: i64,
    /// How to get from one to the next.
    pub step: FillStep,
}

/// From one filled bucket to the next.
#[derive(Clone, Debug)]
pub enum FillStep {
    /// Milliseconds.
    Fixed(i64),
    /// By the calendar; shown is the step before (OpenTSDB keeps two calendars, one interval apart).
    Calendar(Calendar),
}

impl Grid {
    /// `query`: start and end of the question; `rows`: of the rows that are read. All in milliseconds.
    pub fn new(spec: &Downsample, query: (i64, i64), rows: (i64, i64)) -> Grid {
        let (kind, from) = match &spec.interval {
            Interval::All => (Kind::All { start: query.0, end: query.1 }, rows.0),
            Interval::Fixed { ms } => {
                let ms = (*ms).max(1);
                (Kind::Fixed(ms), rows.0.saturating_add(ms - 1) / ms * ms)
            }
            Interval::Calendar { count, unit, zone } => {
                let calendar = Calendar::new(*count, *unit, zone.clone());
                let start = calendar.floor(rows.0);
                let from = if rows.0 > start { calendar.next(start) } else { start };
                (Kind::Calendar(calendar), from)
            }
        };
        Grid { kind, from, function: spec.function }
    }

    /// What is shown in empty buckets; `None` where they stay out, as they always do for [`Interval::All`].
    pub fn fill(&self, fill: Fill, rows: (i64, i64)) -> Option<FillPlan> {
        let value = match fill {
            Fill::None => return None,
            Fill::Nan | Fill::Null => f64::NAN,
            Fill::Zero => 0.0,
            Fill::Scalar(value) => value,
        };
        match &self.kind {
            Kind::All { .. } => None,
            Kind::Fixed(ms) => Some(FillPlan { value, start: rows.0 / ms * ms, end: rows.1 / ms * ms, step: FillStep::Fixed(*ms) }),
            Kind::Calendar(calendar) => {
                let start = calendar.floor(rows.0);
                let mut end = calendar.floor(rows.1);
                if end == start {
                    end = calendar.next(end);
                }
                Some(FillPlan { value, start, end, step: FillStep::Calendar(calendar.clone()) })
            }
        }
    }

    /// One bucket over the whole question.
    pub fn is_all(&self) -> bool {
        matches!(self.kind, Kind::All { .. })
    }

    /// Milliseconds at whose multiples rows can be split between independent workers; `None`: nowhere.
    pub fn split_ms(&self) -> Option<i64> {
        match &self.kind {
            Kind::Fixed(ms) => Some(*ms),
            // The steps of a calendar count from a series' first point, and one bucket over all needs all points in order.
            Kind::All { .. } | Kind::Calendar(_) => None,
        }
    }
}

/// One series' buckets as its points come in, in time order.
#[derive(Clone, Debug)]
pub struct Buckets {
    fold: Fold,
    place: Place,
    done: Points,
}

/// The open bucket of one series.
#[derive(Clone, Debug)]
pub struct Place {
    start: i64,
    end: i64,
    /// The calendar put the first point outside its own interval: OpenTSDB then shows nothing of the series.
    dead: bool,
}

impl Default for Place {
    fn default() -> Place {
        Place { start: i64::MIN, end: i64::MIN, dead: false }
    }
}

impl Place {
    /// The start of the bucket of `ms`, which is not before the last one asked for; `None`: it is in no bucket.
    pub fn bucket(&mut self, grid: &Grid, ms: i64) -> Option<i64> {
        if ms < grid.from {
            return None;
        }
        if let Kind::All { start, end } = grid.kind {
            return (start..end).contains(&ms).then_some(start);
        }
        let open = !self.dead && (ms < self.end || self.open(grid, ms));
        open.then_some(self.start)
    }

    /// Opens the bucket of `ms`. False: the series shows no more.
    fn open(&mut self, grid: &Grid, ms: i64) -> bool {
        match &grid.kind {
            Kind::All { .. } => {}
            Kind::Fixed(length) => {
                self.start = ms - ms % length;
                self.end = self.start.saturating_add(*length);
            }
            Kind::Calendar(calendar) if self.end == i64::MIN => {
                self.start = calendar.floor(ms);
                self.end = calendar.next(self.start);
                self.dead = ms >= self.end;
            }
            Kind::Calendar(calendar) => (self.start, self.end) = calendar.advance(self.start, self.end, ms),
        }
        !self.dead
    }
}

impl Buckets {
    /// No points yet.
    pub fn new(grid: &Grid) -> Buckets {
        Buckets { fold: Fold::new(grid.function), place: Place::default(), done: Points::default() }
    }

    /// Takes points that are later than all before them, as columns of one length.
    pub fn extend(&mut self, grid: &Grid, times: &[i64], values: &[Number]) {
        let (mut times, mut values) = behind(times, values, grid.from);
        if let Kind::All { start, end } = grid.kind {
            (times, values) = behind(times, values, start);
            let (bucket, _) = before(times, values, end);
            if !bucket.is_empty() {
                self.place.start = start;
                self.fold.extend(bucket.iter().map(|&value| as_f64(value)));
            }
            return;
        }
        while let (Some(&first), false) = (times.first(), self.place.dead) {
            if first >= self.place.end {
                self.close();
                if !self.place.open(grid, first) {
                    return;
                }
            }
            let (bucket, later) = before(times, values, self.place.end);
            self.fold.extend(bucket.iter().map(|&value| as_f64(value)));
            (times, values) = later;
        }
    }

    fn close(&mut self) {
        if !self.fold.is_empty() {
            self.done.push(self.place.start, Number::Float(self.fold.finish()));
            self.fold.clear();
        }
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> u64 {
        self.done.len() as u64 * POINT_BYTES + self.fold.kept_bytes()
    }

    /// One point a bucket that had any.
    pub fn finish(mut self) -> Points {
        self.close();
        self.done
    }
}

/// Columns of times and of values.
type Columns<'a> = (&'a [i64], &'a [Number]);

/// What is not before `ms`.
fn behind<'a>(times: &'a [i64], values: &'a [Number], ms: i64) -> Columns<'a> {
    let at = times.iter().position(|&time| time >= ms).unwrap_or(times.len());
    (times.get(at..).unwrap_or_default(), values.get(at..).unwrap_or_default())
}

/// The values before `ms`, and the rest.
fn before<'a>(times: &'a [i64], values: &'a [Number], ms: i64) -> (&'a [Number], Columns<'a>) {
    let at = times.iter().position(|&time| time >= ms).unwrap_or(times.len());
    let (inside, later) = values.split_at_checked(at).unwrap_or((values, &[]));
    (inside, (times.get(at..).unwrap_or_default(), later))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(interval: Interval, function: Aggregator, points: &[(i64, i64)], want: &[(i64, f64)]) {
        let spec = Downsample { interval, function, fill: Fill::None };
        let grid = Grid::new(&spec, (500, 3_000), (100, 4_000));
        let (times, values): (Vec<_>, Vec<_>) = points.iter().map(|&(ms, v)| (ms, Number::Int(v))).unzip();
        for cut in 0..=points.len() {
            let mut buckets = Buckets::new(&grid);
            buckets.extend(&grid, &times[..cut], &values[..cut]);
            buckets.extend(&grid, &times[cut..], &values[cut..]);
            let got: Vec<_> = buckets.finish().iter().map(|(ms, v)| (ms, as_f64(v))).collect();
            assert_eq!(got, want, "{spec:?}, cut at {cut}");
        }
    }

    #[test]
    fn buckets() {
        let points = [(150, 1), (200, 2), (499, 4), (600, 8), (2_999, 16), (3_000, 32)];
        let fixed = |ms| Interval::Fixed { ms };
        check(fixed(200), Aggregator::Sum, &points, &[(200, 2.0), (400, 4.0), (600, 8.0), (2_800, 16.0), (3_000, 32.0)]);
        check(fixed(1_000), Aggregator::Count, &points, &[(2_000, 1.0), (3_000, 1.0)]); // what lies before the first whole bucket is out
        check(Interval::All, Aggregator::Sum, &points, &[(500, 24.0)]); // the end is left out: downsample/shift-0all-count
        check(Interval::All, Aggregator::Sum, &points[..3], &[]);
        let second = Interval::Calendar { count: 1, unit: crate::query::plan::CalendarUnit::Second, zone: jiff::tz::TimeZone::UTC };
        check(second, Aggregator::Max, &points, &[(2_000, 16.0), (3_000, 32.0)]);
    }

    #[test]
    fn fills_cover_the_rows_read() {
        let spec = Downsample { interval: Interval::Fixed { ms: 700 }, function: Aggregator::Sum, fill: Fill::Zero };
        let plan = Grid::new(&spec, (0, 0), (1_000, 3_600)).fill(Fill::Zero, (1_000, 3_600)).unwrap();
        assert_eq!((plan.start, plan.end, plan.value), (700, 3_500, 0.0));
        assert!(Grid::new(&spec, (0, 0), (0, 1)).fill(Fill::None, (0, 1)).is_none());
    }
}
