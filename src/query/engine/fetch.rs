//! Rows to series: slices are scanned in parallel, merged with the rows that wait in this process, decoded, and
//! downsampled while they stream. Memory follows the answer, not the input.

use super::abreast::abreast;
use super::budget::{Budget, Used};
use super::habit::Tally;
use super::range::ROW_SECONDS;
use super::repair::Repairs;
use super::rollup::Source;
use super::select::{Selection, SeriesTest};
use super::slices::Slice;
use super::{EngineOptions, FAMILY, QueryError};
use crate::codec::{self, Cell, Histogram, Note, decode_row, histogram_time, note_time, to_hex};
use crate::point::Number;
use crate::query::downsample::{Buckets, Grid};
use crate::query::histogram::{Gathered, Histograms};
use crate::query::points::{POINT_BYTES, Points, as_f64};
use crate::store::{CellView, Columns, Overlay, RowBatch, RowSize, RowView, Scan, Store};
use crate::uid::{UidKind, Uids};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Rows a batch: 500 to 1,000 is the plateau of a gateway, and the engines bound a batch's bytes as well.
const BATCH_ROWS: usize = 512;
/// Bytes a series costs beside its points, about: key, map entry, open bucket.
const SERIES_BYTES: u64 = 300;
/// Bytes of the time in a row key.
const TIME_WIDTH: usize = 4;

/// One series as it was read: raw points, or one point a bucket.
#[derive(Debug)]
pub struct Series {
    /// Its row key without the time: salt, metric, tags.
    pub key: Vec<u8>,
    /// Its points in time order.
    pub points: Points,
    /// First and last instant of the points read, before any bucket; `None` if there are none, only notes.
    pub span: Option<(i64, i64)>,
    /// Its annotations, in order of rows and columns.
    pub notes: Vec<Note>,
    /// Its histograms, where those are read instead of points.
    pub histograms: Histograms,
}

/// All that the slices of one sub query share.
pub struct Fetch<'a> {
    /// The tables.
    pub store: &'a dyn Store,
    /// Rows that wait in this process.
    pub overlay: Option<&'a dyn Overlay>,
    /// Names.
    pub uids: &'a Uids,
    /// Settings.
    pub options: &'a EngineOptions,
    /// The table, and how its rows are read.
    pub source: &'a Source,
    /// What is wanted.
    pub selection: &'a Selection,
    /// Buckets of time; `None`: raw points.
    pub grid: Option<&'a Grid>,
    /// Limits.
    pub budget: &'a Budget<'a>,
    /// Takes columns of appends that are out of order.
    pub repairs: Option<&'a Repairs>,
    /// About how large a row is, if that is known.
    pub row_size: Option<RowSize>,
    /// Takes what the scans bring.
    pub tally: &'a Tally,
}

/// A series inside one slice.
struct Part {
    key: Vec<u8>,
    sink: Sink,
    span: Option<(i64, i64)>,
    notes: Vec<Note>,
}

enum Sink {
    Raw(Points),
    Buckets(Box<Buckets>),
    /// Sums and counts.
    Averages(Box<(Buckets, Buckets)>),
    Histograms(Gathered),
}

impl Sink {
    fn bytes(&self) -> u64 {
        match self {
            Sink::Raw(points) => points.len() as u64 * POINT_BYTES,
            Sink::Buckets(buckets) => buckets.bytes(),
            Sink::Averages(both) => both.0.bytes() + both.1.bytes(),
            Sink::Histograms(gathered) => gathered.bytes(),
        }
    }

    fn finish(self) -> (Points, Histograms) {
        match self {
            Sink::Raw(points) => (points, Vec::new()),
            Sink::Buckets(buckets) => (buckets.finish(), Vec::new()),
            Sink::Averages(both) => (averages(both.0.finish(), both.1.finish()), Vec::new()),
            Sink::Histograms(gathered) => (Points::default(), gathered.finish()),
        }
    }
}

impl Fetch<'_> {
    /// Reads all slices with as many threads as the settings allow; the series come in order of their keys.
    pub fn run(&self, slices: &[Slice]) -> Result<Vec<Series>, QueryError> {
        // Before the first scanner opens: a point that moves from memory to the table meanwhile is seen at least once.
        let waiting = self.pin(slices)?;
        // Batches are kept from slice to slice: an allocator holds on to much of what is asked for and given back again and again.
        let parts = abreast(slices, self.options.threads, |batch: &mut RowBatch, slice| {
            SliceReader::new(self).read(slice, waiting.get(slice.bucket), batch)
        })?;
        Ok(joined_series(parts))
    }

    /// What a new series' points go to.
    fn sink(&self) -> Sink {
        match self.grid {
            _ if self.source.histograms => Sink::Histograms(Gathered::default()),
            None => Sink::Raw(Points::default()),
            Some(grid) if self.source.rollup.as_ref().is_some_and(|rollup| rollup.is_average()) => {
                Sink::Averages(Box::new((Buckets::new(grid), Buckets::new(grid))))
            }
            Some(grid) => Sink::Buckets(Box::new(Buckets::new(grid))),
        }
    }

    /// The waiting rows of each salt bucket.
    fn pin(&self, slices: &[Slice]) -> Result<Vec<RowBatch>, QueryError> {
        let Some(overlay) = self.overlay else { return Ok(Vec::new()) };
        let buckets = slices.last().map_or(0, |slice| slice.bucket + 1);
        let mut out = Vec::new();
        for bucket in 0..buckets {
            let mut of = slices.iter().filter(|slice| slice.bucket == bucket);
            let (first, last) = (of.clone().next(), of.next_back());
            let rows = match (first, last) {
                (Some(first), Some(last)) => overlay.pin(&self.source.table, &first.start, &last.stop),
                _ => RowBatch::default(),
            };
            self.budget.hold(rows.byte_len() as u64)?;
            out.push(rows);
        }
        Ok(out)
    }
}

/// Puts the slices of each series together, which come in time order.
fn joined_series(slices: Vec<Vec<Part>>) -> Vec<Series> {
    let mut series: BTreeMap<Vec<u8>, Series> = BTreeMap::new();
    for Part { key, sink, span, notes } in slices.into_iter().flatten() {
        let (points, histograms) = sink.finish();
        match series.get_mut(&key) {
            Some(known) => {
                known.points.append(points);
                known.span = joined(known.span, span);
                known.notes.extend(notes);
                known.histograms.extend(histograms);
            }
            None => drop(series.insert(key.clone(), Series { key, points, span, notes, histograms })),
        }
    }
    series.into_values().collect()
}

/// Reads one slice.
struct SliceReader<'a> {
    fetch: &'a Fetch<'a>,
    /// Bytes before the time in a row key.
    prefix: usize,
    parts: Vec<Part>,
    /// Where a series is in `parts`, by its tags; `None`: not wanted.
    known: FxHashMap<Vec<u8>, Option<usize>>,
    test: SeriesTest<'a>,
    points: codec::Points,
    /// Counts beside sums, where averages are made of rollups.
    counts: codec::Points,
    histograms: Histograms,
    held: u64,
    read: u64,
}

impl<'a> SliceReader<'a> {
    fn new(fetch: &'a Fetch<'a>) -> SliceReader<'a> {
        let layout = &fetch.options.layout;
        let prefix = usize::from(layout.salt_width) + usize::from(layout.metric_width);
        let test = SeriesTest::new(fetch.selection, fetch.uids);
        SliceReader {
            fetch,
            prefix,
            parts: Vec::new(),
            known: FxHashMap::default(),
            test,
            points: codec::Points::default(),
            counts: codec::Points::default(),
            histograms: Vec::new(),
            held: 0,
            read: 0,
        }
    }

    fn read(mut self, slice: &Slice, waiting: Option<&RowBatch>, batch: &mut RowBatch) -> Result<Vec<Part>, QueryError> {
        let fetch = self.fetch;
        let mut scan = Scan::range(slice.start.clone(), slice.stop.clone());
        scan.columns = Columns::Family(FAMILY);
        scan.prefilter = fetch.selection.prefilter(self.prefix + TIME_WIDTH);
        scan.batch_rows = BATCH_ROWS;
        scan.row_size = fetch.row_size;
        scan.time_step = fetch.source.rollup.is_none().then_some(ROW_SECONDS as u32);
        let mut waiting = Waiting::new(waiting, slice);
        let mut scanner = fetch.store.scan(&fetch.source.table, scan)?;
        fetch.budget.check()?;
        let mut waited = Duration::ZERO;
        loop {
            let begun = Instant::now();
            let more = scanner.next(batch)?;
            waited += begun.elapsed();
            if !more {
                break;
            }
            fetch.tally.batch(batch);
            self.warm(batch)?;
            for row in batch.rows() {
                while let Some(before) = waiting.take_if(|key| key < row.key()) {
                    self.row(before.key(), || before.cells())?;
                }
                match waiting.take_if(|key| key == row.key()) {
                    Some(newer) => self.row(row.key(), || row.cells().chain(newer.cells()))?,
                    None => self.row(row.key(), || row.cells())?,
                }
            }
            self.account(batch.len() as u64, batch.byte_len() as u64)?;
        }
        fetch.tally.scan(waited);
        while let Some(row) = waiting.take_if(|_| true) {
            self.row(row.key(), || row.cells())?;
        }
        self.account(0, 0)?;
        Ok(self.parts)
    }

    /// Reads the names that the new series of a batch will be tested by, many at once.
    fn warm(&self, batch: &RowBatch) -> Result<(), QueryError> {
        let selection = self.fetch.selection;
        if selection.by_name.is_empty() {
            return Ok(());
        }
        let tags = batch.rows().filter_map(|row| row.key().get(self.prefix + TIME_WIDTH..));
        let new = tags.filter(|tags| !self.known.contains_key(*tags) && selection.matches_ids(tags));
        let values = new.flat_map(|tags| selection.by_name.iter().filter_map(|(key, _)| selection.value_of(tags, key)));
        Ok(self.fetch.uids.warm(UidKind::Tagv, values)?)
    }

    /// Hands over what was used since the last batch.
    fn account(&mut self, rows: u64, bytes: u64) -> Result<(), QueryError> {
        self.fetch.budget.read(Used { rows, points: std::mem::take(&mut self.read), bytes })?;
        self.fetch.budget.hold(std::mem::take(&mut self.held))
    }

    fn row<'c, I: Iterator<Item = CellView<'c>>>(&mut self, key: &[u8], cells: impl Fn() -> I) -> Result<(), QueryError> {
        let Some((prefix, rest)) = key.split_at_checked(self.prefix) else { return Ok(()) };
        let Some((time, tags)) = rest.split_first_chunk::<TIME_WIDTH>() else { return Ok(()) };
        let place = match self.known.get(tags).copied() {
            Some(None) => return Ok(()),
            Some(Some(place)) => Some(place),
            None if self.test.wanted(tags)? => None,
            None => {
                self.known.insert(tags.to_vec(), None);
                return Ok(());
            }
        };
        let cells = || cells().map(|cell| Cell { qualifier: cell.qualifier, value: cell.value, time: cell.time });
        let Some(notes) = self.decode(key, u32::from_be_bytes(*time), cells)? else { return Ok(()) };
        let times = || self.points.times.iter().copied().chain(self.histograms.iter().map(|(ms, _)| *ms));
        let span = times().next().zip(times().next_back());
        self.read += (self.points.len() + self.histograms.len()) as u64;
        let place = place.unwrap_or_else(|| {
            self.parts.push(Part { key: [prefix, tags].concat(), sink: self.fetch.sink(), span: None, notes: Vec::new() });
            self.known.insert(tags.to_vec(), Some(self.parts.len() - 1));
            self.held += SERIES_BYTES;
            self.parts.len() - 1
        });
        let Some(part) = self.parts.get_mut(place) else { return Ok(()) };
        part.span = joined(part.span, span);
        part.notes.extend(notes);
        let before = part.sink.bytes();
        match (&mut part.sink, self.fetch.grid) {
            (Sink::Buckets(buckets), Some(grid)) => buckets.extend(grid, &self.points.times, &self.points.values),
            (Sink::Averages(both), Some(grid)) => {
                both.0.extend(grid, &self.points.times, &self.points.values);
                both.1.extend(grid, &self.counts.times, &self.counts.values);
            }
            (Sink::Raw(points), _) => points.extend(&self.points.times, &self.points.values),
            (Sink::Histograms(gathered), grid) => self.histograms.drain(..).for_each(|(ms, one)| gathered.push(grid, ms, one)),
            (Sink::Buckets(_) | Sink::Averages(_), None) => {}
        }
        self.held += part.sink.bytes().saturating_sub(before);
        Ok(())
    }

    /// The histograms of a row in order of time; of those of one instant the newest. One that cannot be read is left out,
    /// as OpenTSDB leaves it out.
    fn read_histograms<'c>(&mut self, row: &[u8], base: u32, cells: impl Iterator<Item = Cell<'c>>) {
        let mut found: Vec<(i64, i64, Histogram)> = Vec::new();
        for cell in cells {
            let Some(ms) = histogram_time(cell.qualifier, base) else { continue };
            match self.fetch.options.histograms.decode(cell.value) {
                Some(histogram) => found.push((ms, cell.time, histogram)),
                None => tracing::debug!(row = to_hex(row), column = to_hex(cell.qualifier), "a histogram cannot be read"),
            }
        }
        found.sort_by_key(|(ms, written, _)| (*ms, std::cmp::Reverse(*written)));
        found.dedup_by_key(|(ms, ..)| *ms);
        self.histograms.extend(found.into_iter().map(|(ms, _, histogram)| (ms, histogram)));
    }

    /// The annotations of a row. One that cannot be read is left out and logged with its place: the points are there.
    fn notes<'c>(&mut self, row: &[u8], cells: impl Iterator<Item = Cell<'c>>) -> Vec<Note> {
        let mut notes = Vec::new();
        for cell in cells.filter(|cell| note_time(cell.qualifier, 0).is_some()) {
            match Note::parse(cell.value) {
                Ok(note) => {
                    self.held += note.bytes();
                    notes.push(note);
                }
                Err(why) => tracing::warn!(row = to_hex(row), column = to_hex(cell.qualifier), "an annotation cannot be read: {why}"),
            }
        }
        notes
    }

    /// Reads the points of a row, and gives its annotations. `None`: the row is not there for this question.
    fn decode<'c, I: Iterator<Item = Cell<'c>>>(
        &mut self,
        key: &[u8],
        base: u32,
        cells: impl Fn() -> I,
    ) -> Result<Option<Vec<Note>>, QueryError> {
        if let Some(rollup) = &self.fetch.source.rollup {
            return Ok(rollup.decode(base, cells, &mut self.points, &mut self.counts).then(Vec::new));
        }
        if let Some(repairs) = self.fetch.repairs.filter(|_| *self.fetch.source.table == *self.fetch.options.data_table) {
            repairs.look(key, base, cells());
        }
        self.points.clear();
        self.histograms.clear();
        if self.fetch.source.histograms {
            self.read_histograms(key, base, cells());
            let notes = self.notes(key, cells());
            return Ok((!self.histograms.is_empty() || !notes.is_empty()).then_some(notes));
        }
        let report = decode_row(key, base, &cells, &self.fetch.options.decode, &mut self.points);
        // Two values for one instant are no error here, whatever `fix_duplicates` says: the newest is read.
        if let Some(damage) = report.failure() {
            return Err(QueryError::Data(damage.to_string()));
        }
        let notes = if report.skipped_cells > 0 { self.notes(key, cells()) } else { Vec::new() };
        Ok((!self.points.is_empty() || !notes.is_empty()).then_some(notes))
    }
}

/// Both spans, of which the first is the earlier.
fn joined(first: Option<(i64, i64)>, second: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (first, second) {
        (Some((start, _)), Some((_, end))) => Some((start, end)),
        (one, other) => one.or(other),
    }
}

/// Sums by counts, bucket by bucket; nothing by nothing is 0.
fn averages(sums: Points, counts: Points) -> Points {
    let both = sums.iter().zip(counts.iter().map(|(_, count)| as_f64(count)));
    both.map(|((ms, sum), count)| (ms, Number::Float(if count == 0.0 { 0.0 } else { as_f64(sum) / count }))).collect()
}

/// The waiting rows of a slice, handed out in order.
struct Waiting<'a> {
    rows: Option<&'a RowBatch>,
    at: usize,
    stop: &'a [u8],
}

impl<'a> Waiting<'a> {
    fn new(rows: Option<&'a RowBatch>, slice: &'a Slice) -> Waiting<'a> {
        let at = rows.map_or(0, |rows| {
            let (mut low, mut high) = (0, rows.len());
            while low < high {
                let middle = low + (high - low) / 2;
                match rows.row(middle) {
                    Some(row) if row.key() < slice.start.as_slice() => low = middle + 1,
                    _ => high = middle,
                }
            }
            low
        });
        Waiting { rows, at, stop: &slice.stop }
    }

    fn take_if(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Option<RowView<'a>> {
        let row = self.rows?.row(self.at)?;
        let take = row.key() < self.stop && wanted(row.key());
        self.at += usize::from(take);
        take.then_some(row)
    }
}
