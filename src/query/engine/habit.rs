//! What the scans of each metric brought lately: how many slices a question is worth, and how large its rows are. A slice
//! is a scan of its own, and on HBase a scan costs as much as a small answer.

use super::range::{ROW_SECONDS, RowRange};
use crate::store::{RowBatch, RowSize};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Metrics that are remembered at most; with more all are forgotten.
const METRICS_MAX: usize = 20_000;
/// Bytes that a slice of an unfiltered scan is worth.
const SLICE_BYTES: u64 = 2 * 1024 * 1024;
/// Time that a slice of a filtered scan is worth: what passes the filter tells nothing about what was passed over.
const SLICE_TIME: Duration = Duration::from_millis(8);
/// Time that any scan takes.
const SCAN_TIME: Duration = Duration::from_millis(2);
/// Least time of an hour's rows that is remembered, so that it can grow again.
const HOUR_TIME_MIN: Duration = Duration::from_micros(50);

/// What is known of a metric in one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habit {
    /// A row's size.
    pub row: Option<RowSize>,
    /// Bytes of the rows of an hour.
    hour_bytes: Option<u64>,
    /// Time that filtered scans take for the rows of an hour.
    hour_time: Option<Duration>,
}

/// What the scans of a question bring; shared by their threads.
#[derive(Debug, Default)]
pub struct Tally {
    rows: AtomicU64,
    bytes: AtomicU64,
    cells: AtomicU64,
    scans: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Tally {
    /// Counts a batch.
    pub fn batch(&self, batch: &RowBatch) {
        self.rows.fetch_add(batch.len() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(batch.byte_len() as u64, Ordering::Relaxed);
        self.cells.fetch_add(batch.cell_count() as u64, Ordering::Relaxed);
    }

    /// Counts a scan and the time that was waited for its batches.
    pub fn scan(&self, took: Duration) {
        self.scans.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// Habits of all metrics, by table and UID.
#[derive(Debug, Default)]
pub struct Habits(Mutex<FxHashMap<Box<[u8]>, Habit>>);

impl Habits {
    /// What is known.
    pub fn of(&self, table: &str, metric: &[u8]) -> Habit {
        self.0.lock().get(key(table, metric).as_slice()).copied().unwrap_or_default()
    }

    /// Adds what a question's scans have brought.
    pub fn learn(&self, table: &str, metric: &[u8], rows: RowRange, filtered: bool, tally: &Tally) {
        let mut all = self.0.lock();
        if all.len() >= METRICS_MAX {
            all.clear();
        }
        all.entry(key(table, metric).into()).or_default().learn(hours(rows), filtered, tally);
    }
}

fn key(table: &str, metric: &[u8]) -> Vec<u8> {
    [table.as_bytes(), &[0], metric].concat()
}

fn hours(rows: RowRange) -> u64 {
    u64::try_from((rows.end - rows.start) / ROW_SECONDS).unwrap_or(0).max(1)
}

impl Habit {
    /// How many slices a question is worth; `None`: nobody knows.
    pub fn slices(&self, rows: RowRange, filtered: bool) -> Option<u64> {
        let hours = hours(rows);
        let worth = if filtered {
            u64::try_from(self.hour_time?.as_nanos()).ok()?.saturating_mul(hours) / u64::try_from(SLICE_TIME.as_nanos()).ok()?
        } else {
            self.hour_bytes?.saturating_mul(hours) / SLICE_BYTES
        };
        Some(worth.max(1))
    }

    fn learn(&mut self, hours: u64, filtered: bool, tally: &Tally) {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (rows, bytes, cells) = (of(&tally.rows), of(&tally.bytes), of(&tally.cells));
        if rows > 0 {
            let each = |sum: u64| usize::try_from(sum.div_ceil(rows)).unwrap_or(usize::MAX);
            self.row = Some(RowSize { bytes: each(bytes), cells: each(cells) });
        }
        if filtered {
            // The better of two, as anything else on the machine makes it worse; of rows that became more it grows in steps.
            let took = Duration::from_nanos(of(&tally.nanoseconds)).saturating_sub(SCAN_TIME.saturating_mul(of(&tally.scans) as u32));
            let hour = took / u32::try_from(hours).unwrap_or(u32::MAX);
            self.hour_time = Some(self.hour_time.map_or(hour, |before| hour.min(before * 2)).max(HOUR_TIME_MIN));
        } else {
            // An hour without rows tells little about the others.
            let size = |sum: u64| usize::try_from(sum).unwrap_or(usize::MAX);
            let hour = RowSize { bytes: size(bytes), cells: size(cells) }.weight() as u64 / hours;
            self.hour_bytes = Some(self.hour_bytes.map_or(hour, |before| hour.max(before / 2)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: RowRange = RowRange { start: 0, end: 24 * ROW_SECONDS };

    fn tally(rows: u64, bytes: u64, cells: u64, scans: u64, ms: u64) -> Tally {
        let tally = Tally { rows: rows.into(), bytes: bytes.into(), cells: cells.into(), ..Tally::default() };
        (0..scans).for_each(|_| tally.scan(Duration::from_millis(ms / scans)));
        tally
    }

    fn check(habits: &Habits, filtered: bool, want: Option<u64>) {
        assert_eq!(habits.of("t", b"m").slices(DAY, filtered), want, "{habits:?}");
    }

    #[test]
    fn small_questions_are_one_scan() {
        let habits = Habits::default();
        check(&habits, false, None);
        habits.learn("t", b"m", DAY, false, &tally(240, 240_000, 240, 8, 10));
        check(&habits, false, Some(1));
        check(&habits, true, None);
        assert_eq!(habits.of("t", b"m").row, Some(RowSize { bytes: 1_000, cells: 1 }));
        habits.learn("t", b"m", DAY, false, &tally(24_000, 24_000_000, 24_000, 1, 100));
        check(&habits, false, Some(12));
        habits.learn("t", b"m", DAY, false, &tally(0, 0, 0, 1, 1));
        check(&habits, false, Some(6));
        assert_eq!(habits.of("t", b"m").row, Some(RowSize { bytes: 1_000, cells: 1 }));
        assert_eq!(habits.of("u", b"m"), Habit::default());
    }

    #[test]
    fn filtered_scans_are_weighed_by_their_time() {
        let habits = Habits::default();
        habits.learn("t", b"m", DAY, true, &tally(24, 0, 0, 8, 200));
        check(&habits, true, Some(22));
        habits.learn("t", b"m", DAY, true, &tally(24, 0, 0, 1, 3));
        check(&habits, true, Some(1));
        for want in [1, 1, 1, 2, 4, 9, 12, 12] {
            habits.learn("t", b"m", DAY, true, &tally(24, 0, 0, 1, 100));
            check(&habits, true, Some(want));
        }
    }
}
