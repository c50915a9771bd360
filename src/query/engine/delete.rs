//! Deletes the points that a question asks for, and no others: single cells go, cells of several points are written anew
//! without them. (OpenTSDB removes the whole hours that the question touches.)
//!
//! Other TSDs may write, append to and compact the same rows meanwhile, so each row is read right before it is changed,
//! deletes carry the time of the newest cell that was read (what is written afterwards is newer and survives), what
//! is left of a cell is written before the cell goes, and rows are read again until none of the points is there.
//! A question for histograms deletes those. A question that rollups answer loses the values of its function there, and no plain points. (OpenTSDB leaves the rollups
//! and removes hours of plain points.)
//! The caller has stored what waits in this process and keeps its flushes away: `at_rest`.

use super::rollup::{self, Source};
use super::select::SeriesTest;
use super::{Cancel, Engine, FAMILY, QueryError, Selection};
use crate::clock;
use crate::codec::{self, Cell, CellKind, CellPoints, Pruned, RowKey, cell_kind, prune, scan_key, to_hex};
use crate::query::plan::{Query, SubQuery};
use crate::store::{Columns, Mutation, RowBatch, RowMutation, RowView, Scan};
use rustc_hash::FxHashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Rows changed together. They may hold 3,600 cells each.
const ROWS_AT_ONCE: usize = 64;
/// How often a row is read and cleaned before somebody else is taken to write these points on and on.
const ROUNDS_MAX: usize = 10;
/// The store orders writes by the millisecond: this long before a row is looked at again.
const ROUND_PAUSE: Duration = Duration::from_millis(2);
/// Rows whose newest cell is older share the time of their deletes, so that they go in one call. Far above the clock
/// skew that HBase tolerates among its servers (30 s).
const SETTLED_MS: i64 = 120_000;

/// Runs work while no flush of this process writes rows.
pub type AtRest<'a> = &'a dyn Fn(&mut dyn FnMut());

/// The instants to delete, in milliseconds, both included.
type Range = (i64, i64);

impl Engine {
    /// Deletes the points of all sub queries between the query's start and end. Returns how many.
    ///
    /// # Errors
    /// Points that come before the row that fails are deleted already; asking again goes on.
    pub fn delete(&self, query: &Query, cancel: &Cancel, at_rest: AtRest<'_>) -> Result<u64, QueryError> {
        let mut deleted = 0;
        for sub in &query.subs {
            deleted += self.delete_of(query, sub, cancel, at_rest)?;
        }
        self.counters.points_deleted.add(deleted);
        if deleted > 0 {
            self.store.sync()?;
        }
        Ok(deleted)
    }

    fn delete_of(&self, query: &Query, sub: &SubQuery, cancel: &Cancel, at_rest: AtRest<'_>) -> Result<u64, QueryError> {
        let selection = Selection::resolve(sub, &self.uids, &self.options.layout, self.options.skip_unresolved_tagvs)?;
        for source in rollup::sources(sub, &self.options)? {
            let deleted = self.delete_in(&source, (query.start_ms, query.end_ms), &selection, cancel, at_rest)?;
            if deleted > 0 {
                return Ok(deleted);
            }
        }
        Ok(0)
    }

    fn delete_in(
        &self,
        source: &Source,
        range: Range,
        selection: &Selection,
        cancel: &Cancel,
        at_rest: AtRest<'_>,
    ) -> Result<u64, QueryError> {
        let layout = &self.options.layout;
        let mut test = SeriesTest::new(selection, &self.uids);
        let mut known: FxHashMap<Vec<u8>, bool> = FxHashMap::default();
        let (first, last) = (base_of(source, range.0), base_of(source, range.1));
        let mut deleted = 0;
        for bucket in 0..layout.buckets() {
            let stop = match last.checked_add(1) {
                Some(base) => scan_key(layout, bucket, &selection.metric, base),
                None => crate::store::after_prefix(&scan_key(layout, bucket, &selection.metric, last)),
            };
            let mut scan = Scan::range(scan_key(layout, bucket, &selection.metric, first), stop);
            scan.columns = Columns::Family(FAMILY);
            scan.prefilter = selection.prefilter(layout.tags_at());
            let mut scanner = self.store.scan(&source.table, scan)?;
            let (mut batch, mut keys) = (RowBatch::default(), Vec::new());
            while scanner.next(&mut batch)? {
                for row in batch.rows() {
                    let Ok(key) = RowKey::parse(layout, row.key()) else { continue };
                    let wanted = match known.get(key.tag_bytes()) {
                        Some(wanted) => *wanted,
                        None => {
                            let wanted = test.wanted(key.tag_bytes())?;
                            known.insert(key.tag_bytes().to_vec(), wanted);
                            wanted
                        }
                    };
                    if wanted && holds_any(source, row, key.base_time(), range) {
                        keys.push(row.key().to_vec());
                    }
                    if keys.len() >= ROWS_AT_ONCE {
                        deleted += self.clean(source, &std::mem::take(&mut keys), range, cancel, at_rest)?;
                    }
                }
            }
            deleted += self.clean(source, &keys, range, cancel, at_rest)?;
        }
        Ok(deleted)
    }

    /// Cleans these rows until a read finds none of the points in them.
    fn clean(&self, source: &Source, keys: &[Vec<u8>], range: Range, cancel: &Cancel, at_rest: AtRest<'_>) -> Result<u64, QueryError> {
        let mut keys = keys.to_vec();
        let mut deleted = 0;
        for round in 0..ROUNDS_MAX {
            if keys.is_empty() {
                return Ok(deleted);
            }
            if cancel.load(Ordering::Relaxed) {
                return Err(QueryError::Cancelled);
            }
            if round > 0 {
                std::thread::sleep(ROUND_PAUSE);
            }
            let mut result = Ok(Vec::new());
            at_rest(&mut || result = self.round(source, &keys, range));
            let found = result?;
            // Points that come back because somebody merged the row at the same moment are not counted twice.
            deleted += if round == 0 { found.iter().map(|(_, points)| points).sum::<u64>() } else { 0 };
            keys = found.into_iter().map(|(key, _)| key).collect();
        }
        let key = keys.first().map(|key| to_hex(key)).unwrap_or_default();
        Err(QueryError::Data(format!(
            "Points of row {key} come back while they are deleted: another TSD writes them ({ROUNDS_MAX} rounds)"
        )))
    }

    /// Reads rows and takes the points out of them. Returns the rows that had any, and how many.
    fn round(&self, source: &Source, keys: &[Vec<u8>], range: Range) -> Result<Vec<(Vec<u8>, u64)>, QueryError> {
        let table = &source.table;
        let mut batch = RowBatch::default();
        self.store.get(table, keys, &Columns::Family(FAMILY), &mut batch)?;
        let mut found = Vec::new();
        let (mut puts, mut deletes) = (Vec::new(), Vec::new());
        for row in batch.rows() {
            let plan = self.plan(source, row, range)?;
            if plan.points == 0 {
                continue;
            }
            found.push((row.key().to_vec(), plan.points));
            let change = |mutations, time| RowMutation { row: row.key().to_vec(), mutations, time };
            for (qualifier, old, new) in plan.swaps {
                // An append that came since is not lost: the swap fails then, and the row is read again.
                self.store.check_and_put(table, row.key(), FAMILY, &qualifier, Some(&old), &new)?;
            }
            if !plan.puts.is_empty() {
                puts.push(change(plan.puts, None));
            }
            if !plan.deletes.is_empty() {
                deletes.push(change(plan.deletes, Some(plan.newest)));
            }
        }
        share_times(&mut deletes, clock::now_ms());
        for changes in [puts, deletes] {
            if !changes.is_empty() {
                self.store.write(table, &changes)?;
            }
        }
        Ok(found)
    }

    fn plan(&self, source: &Source, row: RowView<'_>, range: Range) -> Result<Plan, QueryError> {
        let Ok(key) = RowKey::parse(&self.options.layout, row.key()) else { return Ok(Plan::default()) };
        if source.has_whole_cells() {
            let mut plan = Plan { newest: i64::MIN, ..Plan::default() };
            let inside = |qualifier| source.instant(key.base_time(), qualifier).is_some_and(|ms| (range.0..=range.1).contains(&ms));
            for cell in row.cells().filter(|cell| inside(cell.qualifier)) {
                plan.points += 1;
                plan.newest = plan.newest.max(cell.time);
                plan.deletes.push(Mutation::Delete { family: FAMILY, qualifier: cell.qualifier.to_vec() });
            }
            return Ok(plan);
        }
        let gone = |offset: u32| within(key.base_time(), offset, range);
        let cells: Vec<Cell<'_>> = row.cells().map(|c| Cell { qualifier: c.qualifier, value: c.value, time: c.time }).collect();
        // Cells that carry the points' own times cannot tell which was written last: then every copy stays.
        let newest = if self.options.decode.use_otsdb_timestamp { FxHashMap::default() } else { newest(&cells) };
        let mut plan = Plan { newest: i64::MIN, ..Plan::default() };
        for cell in &cells {
            let kept = |offset: u32| newest.get(&offset).is_none_or(|time| *time <= cell.time);
            let damaged = |fault| {
                let (row, column) = (to_hex(row.key()), to_hex(cell.qualifier));
                QueryError::Data(format!(
                    "Column {column} of row {row} is damaged ({fault}): its points cannot be deleted; `tsdb fsck` repairs it"
                ))
            };
            let (pruned, points) = prune(cell, gone, kept).map_err(damaged)?;
            plan.points += points;
            let append = cell_kind(cell.qualifier) == CellKind::Append;
            match pruned {
                Pruned::Untouched => continue,
                Pruned::Left { qualifier, value } if append => {
                    plan.swaps.push((qualifier, cell.value.to_vec(), value));
                    continue;
                }
                Pruned::Left { qualifier, value } => plan.puts.push(Mutation::Put { family: FAMILY, qualifier, value }),
                Pruned::Gone => {}
            }
            plan.newest = plan.newest.max(cell.time);
            plan.deletes.push(Mutation::Delete { family: FAMILY, qualifier: cell.qualifier.to_vec() });
        }
        Ok(plan)
    }
}

/// What a row needs.
#[derive(Default)]
struct Plan {
    /// Cells of what is left. They are written by the store's clock: a column may carry an old mark of deletion that is
    /// newer than the cell its points come from (a compacted one).
    puts: Vec<Mutation>,
    /// Cells that go.
    deletes: Vec<Mutation>,
    /// Time of the newest of those.
    newest: i64,
    /// Appended points: column, the bytes that were read, what is left of them.
    swaps: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)>,
    /// Points that go.
    points: u64,
}

/// Gives rows that nobody has written to lately one time, below which everything in them is older.
fn share_times(deletes: &mut [RowMutation], now: i64) {
    let settled = |row: &RowMutation| row.time.filter(|time| *time <= now - SETTLED_MS);
    let Some(shared) = deletes.iter().filter_map(settled).max() else { return };
    deletes.iter_mut().filter(|row| settled(row).is_some()).for_each(|row| row.time = Some(shared));
    deletes.sort_by_key(|row| row.time);
}

/// The time of the newest cell that holds each instant.
fn newest(cells: &[Cell<'_>]) -> FxHashMap<u32, i64> {
    let mut newest = FxHashMap::default();
    for cell in cells {
        for point in CellPoints::new(cell).flatten() {
            let time = newest.entry(point.qualifier.offset_ms()).or_insert(cell.time);
            *time = cell.time.max(*time);
        }
    }
    newest
}

/// Base time of the row of an instant, in seconds. Instants beyond 32 bits of seconds have no row of their own.
fn base_of(source: &Source, ms: i64) -> u32 {
    let seconds = u32::try_from(ms / 1000).unwrap_or(u32::MAX);
    match &source.rollup {
        Some(reading) => u32::try_from(reading.interval.span.base(i64::from(seconds))).unwrap_or(0),
        None => seconds - seconds % codec::ROW_SECONDS,
    }
}

fn within(base: u32, offset: u32, range: Range) -> bool {
    (range.0..=range.1).contains(&(i64::from(base) * 1000 + i64::from(offset)))
}

/// Whether a row holds a point of the range.
fn holds_any(source: &Source, row: RowView<'_>, base: u32, range: Range) -> bool {
    if source.has_whole_cells() {
        return row.cells().any(|c| source.instant(base, c.qualifier).is_some_and(|ms| (range.0..=range.1).contains(&ms)));
    }
    row.cells().any(|c| {
        let cell = Cell { qualifier: c.qualifier, value: c.value, time: c.time };
        CellPoints::new(&cell).flatten().any(|point| within(base, point.qualifier.offset_ms(), range))
    })
}
