//! The head: rows whose points wait for the store, found by series when points come and by row key when a query asks.
//!
//! Locks: a series' rows first, then the index; never the other way round. Nothing here knows the store.

mod row;

pub use row::{Entry, Part, Row};

use super::journal::{Segment, Stored};
use super::series::Series;
use crate::codec::{Layout, PackedCell, Qualifier, RowKey, base_time};
use crate::point::PointTime;
use crate::store::{Overlay, RowBatch};
use parking_lot::RwLock;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Column family of data cells.
pub const FAMILY: &str = "t";
/// Bytes that a row with waiting points costs beside its points: key, index entry, buffers.
const ROW_COST: usize = 400;
/// Rows looked up under one lock of the index.
const INDEX_STEP: usize = 2_048;
/// Rows without points that a series keeps because their last stored instant is known.
const KNOWN_ROWS_MAX: usize = 3;

/// The rows of a series, by base time. They come at the end and mostly go at the front.
#[derive(Default)]
pub struct Rows {
    rows: VecDeque<Row>,
    /// Rows that became empty since the last look at those.
    emptied: usize,
    /// Start of the newest row there ever was.
    newest: u32,
}

impl Rows {
    /// Points come for the newest row and flushes go by time, so the ends are looked at first.
    #[inline]
    fn at(&self, base: u32) -> Result<usize, usize> {
        match (self.rows.front(), self.rows.back()) {
            (_, Some(last)) if last.base == base => return Ok(self.rows.len() - 1),
            (_, Some(last)) if last.base < base => return Err(self.rows.len()),
            (Some(first), _) if first.base == base => return Ok(0),
            _ => {}
        }
        self.rows.binary_search_by_key(&base, |r| r.base)
    }

    /// The newest instant known to be here or stored, in milliseconds; the start of its hour if that is all that is known.
    pub fn newest(&self) -> Option<i64> {
        let Some(row) = self.rows.back().filter(|row| row.base >= self.newest) else {
            return (self.newest > 0).then_some(i64::from(self.newest) * 1000);
        };
        let parts = std::iter::once(&row.waiting).chain(row.flushing.as_deref()).filter(|part| !part.is_empty());
        let offset = parts.map(Part::last).chain(row.newest_stored).max().unwrap_or(0);
        Some(i64::from(row.base) * 1000 + i64::from(offset))
    }

    fn find(&self, base: u32) -> Option<&Row> {
        self.rows.get(self.at(base).ok()?)
    }

    fn find_mut(&mut self, base: u32) -> Option<&mut Row> {
        let at = self.at(base).ok()?;
        self.rows.get_mut(at)
    }

    #[inline]
    fn place(&mut self, base: u32) -> usize {
        self.at(base).unwrap_or_else(|at| {
            self.newest = self.newest.max(base);
            self.rows.insert(at, Row { base, ..Row::default() });
            at
        })
    }

    /// A row has no points any more: it goes, or stays a while because its last stored instant is known.
    fn emptied(&mut self, base: u32, is_known: bool) {
        if !is_known {
            if let Ok(at) = self.at(base) {
                self.rows.remove(at);
            }
            return;
        }
        self.emptied += 1;
        if self.emptied > 2 * KNOWN_ROWS_MAX + self.rows.len() / 2 {
            self.forget();
        }
    }

    /// Drops empty rows but for the newest few.
    fn forget(&mut self) {
        self.emptied = 0;
        let known = self.rows.iter().filter(|r| r.is_empty()).count();
        let mut drop = known.saturating_sub(KNOWN_ROWS_MAX);
        self.rows.retain(|row| {
            let gone = drop > 0 && row.is_empty();
            drop -= usize::from(gone);
            !gone
        });
    }
}

/// How a point reaches the head.
pub struct Arrival<'a> {
    /// The journal's segment it is in.
    pub segment: &'a Arc<Segment>,
    /// When it was accepted, in milliseconds.
    pub accepted: i64,
    /// The time now: when its row was touched.
    pub now: i64,
    /// From the journal, not from a client.
    pub late: bool,
}

/// A row whose points are on their way to the store.
pub struct Taken {
    /// Its series.
    pub series: Arc<Series>,
    /// Start of its hour.
    pub base: u32,
    /// The points.
    pub part: Arc<Part>,
    /// Highest instant known to be stored.
    pub newest_stored: Option<u32>,
    /// Cells this process has written to the row.
    pub cells: u32,
}

/// Where a row waits.
#[derive(Clone)]
pub struct Target {
    /// Its series.
    pub series: Arc<Series>,
    /// Start of its hour.
    pub base: u32,
}

/// The head.
pub struct Head {
    layout: Layout,
    table: String,
    /// Other writers share the store: times of acceptance are kept.
    shared: bool,
    index: RwLock<BTreeMap<Box<[u8]>, Arc<Series>>>,
    bytes: AtomicU64,
}

impl Head {
    /// An empty head for a table.
    pub fn new(layout: Layout, table: String, shared: bool) -> Head {
        Head { layout, table, shared, index: RwLock::default(), bytes: AtomicU64::new(0) }
    }

    /// Adds points of one series. The caller says how much the head grew with [`Head::grow`].
    #[inline]
    pub fn add<'p>(&self, series: &Arc<Series>, points: impl Iterator<Item = (PointTime, &'p Stored)>, arrival: &Arrival<'_>) -> usize {
        let mut rows = series.rows.lock();
        let mut grown = 0;
        for (time, value) in points {
            let base = base_time(time);
            let at = rows.place(base);
            let Some(row) = rows.rows.get_mut(at) else { continue };
            if row.waiting.is_empty() {
                row.waiting.segment = Some(arrival.segment.clone());
                row.waiting.since = arrival.accepted;
                row.waiting.late = false;
                grown += ROW_COST;
                if row.flushing.is_none() {
                    self.index.write().insert(series.key.row(base).into(), series.clone());
                }
            }
            row.waiting.late |= arrival.late;
            row.touched = arrival.now;
            grown += row.waiting.push(Qualifier::new(time, value.flags), value, self.shared.then_some(arrival.accepted));
        }
        grown
    }

    /// Counts bytes that came.
    pub fn grow(&self, bytes: usize) -> u64 {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Rows that wait.
    pub fn rows(&self) -> usize {
        self.index.read().len()
    }

    /// Counts bytes that went.
    pub fn shrink(&self, bytes: usize) {
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |b| Some(b.saturating_sub(bytes as u64)));
    }

    /// Visits the waiting rows of a key range in order, without holding the index for long.
    fn visit(&self, start: &[u8], stop: &[u8], mut see: impl FnMut(&[u8], &Arc<Series>)) {
        let mut from: Bound<Box<[u8]>> = Bound::Included(start.into());
        loop {
            let step: Vec<(Box<[u8]>, Arc<Series>)> = {
                let index = self.index.read();
                let to = if stop.is_empty() { Bound::Unbounded } else { Bound::Excluded(Box::from(stop)) };
                let empty = !stop.is_empty() && matches!(&from, Bound::Included(k) | Bound::Excluded(k) if k.as_ref() >= stop);
                if empty {
                    return;
                }
                index.range((from.clone(), to)).take(INDEX_STEP).map(|(k, s)| (k.clone(), s.clone())).collect()
            };
            step.iter().for_each(|(key, series)| see(key, series));
            match step.into_iter().next_back() {
                Some((key, _)) => from = Bound::Excluded(key),
                None => return,
            }
        }
    }

    /// The rows for which `want` says yes, with their bytes; it is told whether the row is the newest of its series.
    pub fn targets(&self, want: impl Fn(&Row, bool) -> bool) -> Vec<(Target, usize)> {
        let mut found = Vec::new();
        self.visit(&[], &[], |key, series| {
            let Some(base) = self.base_of(key) else { return };
            let rows = series.rows.lock();
            let newest = rows.rows.back().is_some_and(|r| r.base == base);
            if let Some(row) = rows.find(base)
                && !row.is_empty()
                && want(row, newest)
            {
                found.push((Target { series: series.clone(), base }, row.waiting.bytes() + ROW_COST));
            }
        });
        found
    }

    fn base_of(&self, key: &[u8]) -> Option<u32> {
        Some(RowKey::parse(&self.layout, key).ok()?.base_time())
    }

    /// Takes a row's waiting points for a flush. They stay visible. `None`: nothing waits, or a flush has the row.
    pub fn take(&self, target: &Target) -> Option<Taken> {
        let mut rows = target.series.rows.lock();
        let row = rows.find_mut(target.base)?;
        if row.flushing.is_some() || row.waiting.is_empty() {
            return None;
        }
        let part = Arc::new(std::mem::take(&mut row.waiting));
        row.flushing = Some(part.clone());
        Some(Taken { series: target.series.clone(), base: target.base, part, newest_stored: row.newest_stored, cells: row.cells })
    }

    /// The points are in the store: `newest` is the highest instant there, `cells` how many cells the flush made.
    pub fn stored(&self, taken: &Taken, newest: Option<u32>, cells: u32) {
        let mut rows = taken.series.rows.lock();
        let Some(row) = rows.find_mut(taken.base) else { return };
        if let Some(part) = row.flushing.take() {
            self.shrink(part.bytes() + ROW_COST);
        }
        row.newest_stored = newest.or(row.newest_stored);
        row.cells = cells;
        if row.waiting.is_empty() {
            self.index.write().remove(taken.series.key.row(taken.base).as_slice());
            rows.emptied(taken.base, newest.is_some());
        }
    }

    /// The store did not take them: they wait again, before those that came meanwhile.
    pub fn give_back(&self, taken: &Taken) {
        self.wait_again(taken, false);
    }

    /// Nobody knows whether the store took them: they wait again, and the next flush reads the row first.
    pub fn give_back_late(&self, taken: &Taken) {
        self.wait_again(taken, true);
    }

    fn wait_again(&self, taken: &Taken, late: bool) {
        let mut rows = taken.series.rows.lock();
        let Some(row) = rows.find_mut(taken.base) else { return };
        let Some(part) = row.flushing.take() else { return };
        let mut back = Part::clone(&part);
        if !row.waiting.is_empty() {
            self.shrink(ROW_COST);
        }
        back.join(&row.waiting);
        back.late |= late;
        row.waiting = back;
        // Some of them may be there all the same: the next flush reads the row.
        row.newest_stored = None;
    }
}

impl Overlay for Head {
    fn pin(&self, table: &str, start: &[u8], stop: &[u8]) -> RowBatch {
        let mut batch = RowBatch::default();
        if table != self.table {
            return batch;
        }
        let mut cell = PackedCell::default();
        self.visit(start, stop, |key, series| {
            let Some(base) = self.base_of(key) else { return };
            let rows = series.rows.lock();
            let Some(row) = rows.find(base) else { return };
            cell.clear();
            for entry in row.instants() {
                // Instants ascend, so the cell takes every one.
                let _ = cell.push(entry.qualifier, entry.value);
            }
            drop(rows);
            if cell.finish().is_ok() {
                batch.push_row(key);
                batch.push_cell(FAMILY.as_bytes(), &cell.qualifier, &cell.value, i64::MAX);
            }
        });
        batch
    }
}
