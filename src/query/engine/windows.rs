//! Windows of many series, handed out one by one in flat memory, each row read once: for who looks at every series of a
//! metric by itself.
//!
//! The rows of a metric stand in order of time, then of series: whole series are had either by reading all rows first, or
//! (here) by one scanner for each hour, merged by their tags as they go along. Nothing is held but a batch of rows for
//! each hour and the points of one series. Rows that wait in this process are read with the others.

use super::budget::{Allowance, Budget, Used};
use super::range::{ROW_SECONDS, RowRange};
use super::select::{Selection, SeriesTest};
use super::{Cancel, Engine, FAMILY, MILLIS_MAX, QueryError};
use crate::codec::{self, Cell, decode_row, scan_key, to_hex};
use crate::point::Number;
use crate::query::limits::Limit;
use crate::query::plan::SubQuery;
use crate::store::{CellView, Columns, Overlay, RowBatch, Scan, Scanner};

/// Rows of a batch of each hour's scanner.
const BATCH_ROWS: usize = 512;
/// Most hours of a window: each has a scanner of its own. 32 days.
pub const HOURS_MAX: i64 = 32 * 24;
/// Series between two looks at the limits.
const SERIES_A_CHECK: usize = 64;

/// The points of one series within the asked range, in time order.
#[derive(Debug)]
pub struct SeriesWindow<'a> {
    /// Metric and tags as UIDs.
    pub tsuid: &'a [u8],
    /// Milliseconds since the epoch.
    pub times: &'a [i64],
    /// As many values.
    pub values: &'a [Number],
    /// Older points were left out, because the series has more than the asked number.
    pub cut: bool,
    /// The salt bucket it stands in; 0 without salt.
    pub bucket: u32,
}

/// Which windows are read.
#[derive(Clone, Debug)]
pub struct WindowQuery<'a> {
    /// Source and filters; functions are not applied.
    pub sub: &'a SubQuery,
    /// First and last instant, in milliseconds, both included.
    pub range_ms: (i64, i64),
    /// Most points of a series: of more the newest are given out.
    pub points_max: usize,
    /// Only series of these salt buckets; `None`: all.
    pub buckets: Option<&'a [u32]>,
}

/// Whether the next window is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is.
    Go,
    /// That was enough.
    Stop,
}

impl Engine {
    /// Hands every series that has points in the range to `visit`, in order of salt bucket and tags. Rows that cannot be
    /// read are left out and logged: one series' damage is no reason not to look at the others.
    ///
    /// # Errors
    /// Names are unknown, the store fails, or the call was cancelled. Series that were handed out before stay valid.
    pub fn windows(
        &self,
        query: &WindowQuery<'_>,
        cancel: &Cancel,
        mut visit: impl FnMut(&SeriesWindow<'_>) -> Next,
    ) -> Result<Used, QueryError> {
        let (start, end) = query.range_ms;
        if start > end || start < 0 || end > MILLIS_MAX {
            return Err(QueryError::Bad { message: format!("no such range of time: {start} to {end} ms"), details: None });
        }
        let rows = RowRange::new(start, end, None);
        if (rows.end - rows.start) / ROW_SECONDS > HOURS_MAX {
            let message = format!("a window of {} h is too long: at most {HOURS_MAX} h", (rows.end - rows.start) / ROW_SECONDS);
            return Err(QueryError::Bad { message, details: None });
        }
        self.counters.queries.inc();
        let options = &self.options;
        let selection = Selection::resolve(query.sub, &self.uids, &options.layout, options.skip_unresolved_tagvs)?;
        let allowance = Allowance::new(options);
        let budget = Budget::new(options, Limit::default(), cancel, &allowance);
        let mut state = Reading { points: codec::Points::default(), all: codec::Points::default(), tsuid: Vec::new(), bucket: 0 };
        for bucket in (0..self.buckets()).filter(|bucket| query.buckets.is_none_or(|wanted| wanted.contains(bucket))) {
            state.bucket = bucket;
            let mut hours = self.hours(&selection, rows, bucket)?;
            let mut test = SeriesTest::new(&selection, &self.uids);
            if self.read_bucket(query, &mut hours, (&selection, &mut test), &budget, &mut state, &mut visit)? == Next::Stop {
                break;
            }
        }
        let used = budget.used();
        self.count(&used);
        Ok(used)
    }

    /// How many salt buckets the rows of a metric stand in; 1 without salt. Each can be read by itself.
    pub fn buckets(&self) -> u32 {
        let layout = &self.options.layout;
        if layout.salt_width == 0 { 1 } else { layout.salt_buckets.max(1) }
    }

    /// A scanner for each hour, newest last, and the rows that wait for each.
    fn hours(&self, selection: &Selection, rows: RowRange, bucket: u32) -> Result<Vec<Hour>, QueryError> {
        let layout = &self.options.layout;
        let range = |base: i64| {
            // A range beyond 32 bits wraps, as everywhere.
            let key = |seconds: i64| scan_key(layout, bucket, &selection.metric, seconds as u32);
            (key(base), key(base + ROW_SECONDS))
        };
        let bases = || (rows.start..rows.end).step_by(ROW_SECONDS as usize);
        // Before the first scanner opens: a point that moves from memory to the table meanwhile is seen at least once.
        let pin = |overlay: &dyn Overlay, base| {
            let (start, stop) = range(base);
            overlay.pin(&self.options.data_table, &start, &stop)
        };
        let waiting: Vec<RowBatch> = match &self.overlay {
            Some(overlay) => bases().map(|base| pin(overlay.as_ref(), base)).collect(),
            None => Vec::new(),
        };
        let mut waiting = waiting.into_iter();
        let mut out = Vec::new();
        for base in bases() {
            let waiting = waiting.next().unwrap_or_default();
            let (start, stop) = range(base);
            if start >= stop {
                continue;
            }
            let mut scan = Scan::range(start, stop);
            scan.columns = Columns::Family(FAMILY);
            scan.prefilter = selection.prefilter(layout.tags_at());
            scan.batch_rows = BATCH_ROWS;
            let scanner = self.store.scan(&self.options.data_table, scan)?;
            let tags_at = layout.tags_at();
            let mut hour = Hour { base: base as u32, tags_at, scanner, batch: RowBatch::default(), at: 0, done: false, waiting, waited: 0 };
            hour.fill()?;
            out.push(hour);
        }
        Ok(out)
    }

    fn read_bucket(
        &self,
        query: &WindowQuery<'_>,
        hours: &mut [Hour],
        (selection, test): (&Selection, &mut SeriesTest<'_>),
        budget: &Budget<'_>,
        state: &mut Reading,
        visit: &mut impl FnMut(&SeriesWindow<'_>) -> Next,
    ) -> Result<Next, QueryError> {
        let mut series = 0;
        let mut used = Used::default();
        let mut tags = Vec::new();
        while let Some(lowest) = hours.iter().filter_map(Hour::tags).min() {
            tags.clear();
            tags.extend_from_slice(lowest);
            let wanted = test.wanted(&tags)?;
            let mut cut = false;
            state.all.clear();
            for hour in hours.iter_mut() {
                while hour.tags() == Some(tags.as_slice()) {
                    used.rows += 1;
                    used.bytes += hour.bytes();
                    if wanted {
                        cut |= state.row(hour, &self.options.decode, query);
                    }
                    hour.advance()?;
                }
            }
            if !state.all.is_empty() {
                used.points += state.all.len() as u64;
                state.tsuid.clear();
                state.tsuid.extend_from_slice(&selection.metric);
                state.tsuid.extend_from_slice(&tags);
                let (times, values, bucket) = (&state.all.times, &state.all.values, state.bucket);
                let window = SeriesWindow { tsuid: &state.tsuid, times, values, cut, bucket };
                if visit(&window) == Next::Stop {
                    budget.read(used)?;
                    return Ok(Next::Stop);
                }
            }
            series += 1;
            if series % SERIES_A_CHECK == 0 {
                budget.read(std::mem::take(&mut used))?;
            }
        }
        budget.read(used)?;
        Ok(Next::Go)
    }
}

/// Buffers that are kept from series to series.
struct Reading {
    /// Of one row.
    points: codec::Points,
    /// Of the series so far.
    all: codec::Points,
    tsuid: Vec<u8>,
    bucket: u32,
}

impl Reading {
    /// Adds the points of the row that an hour stands at. True: older points had to go.
    fn row(&mut self, hour: &Hour, decode: &codec::DecodeOptions, query: &WindowQuery<'_>) -> bool {
        let Some(key) = hour.key() else { return false };
        self.points.clear();
        let cells = || hour.cells().map(|cell| Cell { qualifier: cell.qualifier, value: cell.value, time: cell.time });
        let report = decode_row(key, hour.base, cells, decode, &mut self.points);
        if let Some(damage) = report.failure() {
            tracing::warn!(row = to_hex(key), "left out of a window: {damage}");
            return false;
        }
        let (start, end) = query.range_ms;
        let from = self.points.times.partition_point(|time| *time < start);
        let to = self.points.times.partition_point(|time| *time <= end);
        self.all.times.extend_from_slice(self.points.times.get(from..to).unwrap_or_default());
        self.all.values.extend_from_slice(self.points.values.get(from..to).unwrap_or_default());
        let surplus = self.all.len().saturating_sub(query.points_max);
        self.all.times.drain(..surplus);
        self.all.values.drain(..surplus);
        surplus > 0
    }
}

/// The rows of one hour, in order of their tags: those of the table and those that wait.
struct Hour {
    base: u32,
    tags_at: usize,
    scanner: Box<dyn Scanner>,
    batch: RowBatch,
    at: usize,
    done: bool,
    waiting: RowBatch,
    waited: usize,
}

impl Hour {
    fn fill(&mut self) -> Result<(), QueryError> {
        while !self.done && self.at >= self.batch.len() {
            self.at = 0;
            self.done = !self.scanner.next(&mut self.batch)?;
            if self.done {
                self.batch.clear();
            }
        }
        Ok(())
    }

    fn stored(&self) -> Option<&[u8]> {
        self.batch.row(self.at).map(|row| row.key())
    }

    fn pinned(&self) -> Option<&[u8]> {
        self.waiting.row(self.waited).map(|row| row.key())
    }

    /// The lower of both keys.
    fn key(&self) -> Option<&[u8]> {
        match (self.stored(), self.pinned()) {
            (Some(stored), Some(pinned)) => Some(stored.min(pinned)),
            (one, other) => one.or(other),
        }
    }

    fn tags(&self) -> Option<&[u8]> {
        self.key().map(|key| key.get(self.tags_at..).unwrap_or_default())
    }

    /// The cells of the row at hand: those of the table, then those that wait.
    fn cells(&self) -> impl Iterator<Item = CellView<'_>> {
        let key = self.key();
        let of = |batch: &'_ RowBatch, at: usize| batch.row(at).is_some_and(|row| Some(row.key()) == key);
        let stored = of(&self.batch, self.at).then(|| self.batch.row(self.at)).flatten();
        let pinned = of(&self.waiting, self.waited).then(|| self.waiting.row(self.waited)).flatten();
        stored.into_iter().flat_map(|row| row.cells()).chain(pinned.into_iter().flat_map(|row| row.cells()))
    }

    fn bytes(&self) -> u64 {
        self.cells().map(|cell| (cell.qualifier.len() + cell.value.len()) as u64).sum()
    }

    fn advance(&mut self) -> Result<(), QueryError> {
        let (stored, pinned) = (self.stored(), self.pinned());
        let (take_stored, take_pinned) = match (stored, pinned) {
            (Some(stored), Some(pinned)) => (stored <= pinned, pinned <= stored),
            (stored, pinned) => (stored.is_some(), pinned.is_some()),
        };
        self.at += usize::from(take_stored);
        self.waited += usize::from(take_pinned);
        self.fill()
    }
}
