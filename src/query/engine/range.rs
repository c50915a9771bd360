//! Which hour rows a question reads.
//!
//! More than it shows: from the hour of its start (of its start's bucket, when downsampling) to the end of the hour of its
//! end, because points outside take part in interpolation and in rates, and those in rows not read do not (recorded cases
//! `agg/rows-count`, `rate/hour-start-3600`). So each odd step here can be seen in answers.

use crate::codec::RollupInterval;
use crate::query::plan::{CalendarUnit, Downsample, Interval};

/// Seconds in a row.
pub const ROW_SECONDS: i64 = 3_600;

/// The rows read, in seconds since the epoch; both are multiples of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRange {
    /// Base time of the first row.
    pub start: i64,
    /// Base time after that of the last row.
    pub end: i64,
}

impl RowRange {
    /// For a question from `start_ms` to `end_ms`.
    pub fn new(start_ms: i64, end_ms: i64, downsample: Option<&Downsample>) -> RowRange {
        let interval = downsample.map_or(0, |spec| nominal_ms(&spec.interval));
        RowRange { start: first_row(start_ms, interval), end: end_row(end_ms, interval) }
    }

    /// For a question to a table of rollups: from the row of its start (for rates the one before) to the row of a whole row
    /// behind its end.
    pub fn of_rollups(start_ms: i64, end_ms: i64, interval: &RollupInterval, rate: bool) -> RowRange {
        let seconds = |time: i64| if is_seconds(time) { time } else { time / 1000 };
        let mut start = interval.span.base(seconds(start_ms));
        if rate {
            start = interval.span.base(start - 1);
        }
        let end = if is_seconds(end_ms) { end_ms } else { end_ms / 1000 + 1 };
        let row = i64::from(interval.seconds) * i64::from(interval.intervals);
        RowRange { start: start.max(0), end: interval.span.base(end + row) }
    }

    /// Start and end in milliseconds, as the walk through groups compares them with points.
    pub fn millis(self) -> (i64, i64) {
        (to_millis(self.start), to_millis(self.end))
    }
}

/// OpenTSDB takes a time that fits 32 bits for seconds, wherever it comes from.
fn is_seconds(time: i64) -> bool {
    (0..=i64::from(u32::MAX)).contains(&time)
}

fn to_millis(time: i64) -> i64 {
    if is_seconds(time) { time * 1000 } else { time }
}

/// An interval's length in milliseconds as its text says it: a month is 30 days and a year 365. 0 for a bucket over all.
pub fn nominal_ms(interval: &Interval) -> i64 {
    match interval {
        Interval::All => 0,
        Interval::Fixed { ms } => *ms,
        Interval::Calendar { count, unit, .. } => i64::from(*count).saturating_mul(match unit {
            CalendarUnit::Millisecond => 1,
            CalendarUnit::Second => 1_000,
            CalendarUnit::Minute => 60_000,
            CalendarUnit::Hour => 3_600_000,
            CalendarUnit::Day => 86_400_000,
            CalendarUnit::Week => 7 * 86_400_000,
            CalendarUnit::Month => 30 * 86_400_000,
            CalendarUnit::Year => 365 * 86_400_000,
        }),
    }
}

fn first_row(start: i64, interval: i64) -> i64 {
    let start = if is_seconds(start) { start } else { start / 1000 };
    let bucket = if interval > 0 { start - start.wrapping_mul(1000).wrapping_rem(interval) / 1000 } else { start };
    (bucket - bucket % ROW_SECONDS).max(0)
}

fn end_row(end: i64, interval: i64) -> i64 {
    // A time in milliseconds is rounded up a second, always: a question that ends one second before the hour reads the
    // row after it.
    let end = if is_seconds(end) { end } else { end / 1000 + 1 };
    if interval <= 0 {
        return end + (ROW_SECONDS - end % ROW_SECONDS);
    }
    let bucket = end + (interval - end.wrapping_mul(1000).wrapping_rem(interval)) / 1000;
    match bucket % ROW_SECONDS {
        0 => bucket,
        over => bucket + (ROW_SECONDS - over),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::plan::{Aggregator, Fill};

    const T: i64 = 1_356_998_400;

    fn check(start_ms: i64, end_ms: i64, interval: Option<Interval>, want: (i64, i64)) {
        let spec = interval.map(|interval| Downsample { interval, function: Aggregator::Sum, fill: Fill::None });
        let got = RowRange::new(start_ms, end_ms, spec.as_ref());
        assert_eq!((got.start - T, got.end - T), want, "{start_ms} {end_ms} {spec:?}");
    }

    #[test]
    fn rows_read() {
        let minutes = |m: i64| Some(Interval::Fixed { ms: m * 60_000 });
        let calendar = |count, unit| Some(Interval::Calendar { count, unit, zone: jiff::tz::TimeZone::UTC });
        check(T * 1000, (T + 60) * 1000, None, (0, 3_600));
        check((T + 3_599) * 1000, (T + 3_600) * 1000, None, (0, 7_200));
        check(T * 1000 + 999, (T + 3_599) * 1000, None, (0, 7_200)); // the second that is added
        check((T + 60) * 1000, (T + 120) * 1000, minutes(5), (0, 3_600));
        check((T + 3_660) * 1000, (T + 3_720) * 1000, minutes(120), (0, 7_200));
        check((T + 60) * 1000, (T + 120) * 1000, minutes(1_440), (0, 86_400));
        check((T + 60) * 1000, (T + 120) * 1000, Some(Interval::All), (0, 3_600));
        check((T + 60) * 1000, (T + 120) * 1000, calendar(1, CalendarUnit::Day), (0, 86_400));
        check((T + 60) * 1000, (T + 120) * 1000, calendar(1, CalendarUnit::Week), (-5 * 86_400, 2 * 86_400)); // weeks from the epoch's Thursday
        assert_eq!(
            RowRange::new(1_000_000_000, 5_000_000_000_000, None).start,
            999_997_200,
            "an early start in milliseconds is taken for seconds"
        );
        assert_eq!(RowRange { start: 0, end: 4_294_969_200 }.millis(), (0, 4_294_969_200));
    }
}
