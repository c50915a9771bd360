//! One call to the store: rows are taken, read where a rule asks for it, made into cells and written.

use super::{packed, single};
use crate::codec::Cell;
use crate::store::{Columns, Mutation, RowBatch, RowMutation, RowView, StoreError};
use crate::write::head::{FAMILY, Taken, Target};
use crate::write::{Cells, Inner, compaction};
use std::sync::atomic::Ordering::Relaxed;

/// A flush that is this much later than it should be is no immediate retry: the rows are read first (rule 2).
const LATE: i64 = 10_000;

/// What one row needs.
#[derive(Default)]
pub struct Plan {
    /// Calls in order: a later one must reach the store after an earlier one has been answered.
    pub rounds: Vec<Vec<RowMutation>>,
    /// Highest instant in the row afterwards; `None` where nobody needs it.
    pub newest: Option<u32>,
    /// Cells that this process has made in the row.
    pub cells: u32,
    /// Points left out because the store had them, or newer ones.
    pub skipped: u64,
}

impl Plan {
    /// Adds a change to a round.
    pub fn push(&mut self, round: usize, row: RowMutation) {
        while self.rounds.len() <= round {
            self.rounds.push(Vec::new());
        }
        if let Some(round) = self.rounds.get_mut(round) {
            round.push(row);
        }
    }
}

/// A cell to be written.
pub fn put(qualifier: &[u8], value: &[u8]) -> Mutation {
    Mutation::Put { family: FAMILY, qualifier: qualifier.to_vec(), value: value.to_vec() }
}

/// Stores the waiting points of these rows. An error means that some of them wait again.
pub fn store(inner: &Inner, targets: &[Target]) -> Result<(), StoreError> {
    let taken: Vec<Taken> = targets.iter().filter_map(|t| inner.head.take(t)).collect();
    if let Some(oldest) = taken.iter().map(|t| t.part.since).min() {
        let lag = (inner.options.clock)().saturating_sub(oldest).max(0);
        inner.counters.flush_lag.store(lag as u64, Relaxed);
    }
    if inner.options.cells == Cells::Append {
        return super::append::store(inner, &taken);
    }
    settle(inner, &taken)
}

/// Stores rows; those that the store refuses are found by halving and kept aside.
fn settle(inner: &Inner, taken: &[Taken]) -> Result<(), StoreError> {
    if taken.is_empty() {
        return Ok(());
    }
    match attempt(inner, taken) {
        Ok(plans) => {
            for (row, plan) in taken.iter().zip(plans) {
                inner.counters.stored_points.fetch_add((row.part.count() as u64).saturating_sub(plan.skipped), Relaxed);
                inner.counters.late_skipped.fetch_add(plan.skipped, Relaxed);
                // In this order: who sees that nothing waits here any more sees the row in the line of the compaction.
                note_for_compaction(inner, row);
                inner.head.stored(row, plan.newest, plan.cells);
            }
            Ok(())
        }
        Err(StoreError::Rejected(why)) => match taken {
            [row] => {
                let layout = &inner.options.layout;
                if inner.aside.row(&inner.uids, layout, &row.series, row.base, &row.part, &why) {
                    inner.counters.rejected.fetch_add(row.part.count() as u64, Relaxed);
                    inner.head.stored(row, row.newest_stored, row.cells);
                    return Ok(());
                }
                inner.head.give_back(row);
                Err(StoreError::Rejected(why))
            }
            _ => {
                let (one, other) = taken.split_at(taken.len() / 2);
                let first = settle(inner, one);
                // A missing table refuses everything: one row is enough to know.
                settle(inner, other).and(first)
            }
        },
        Err(error) => {
            taken.iter().for_each(|row| inner.head.give_back(row));
            Err(error)
        }
    }
}

/// Cells of our own store are joined when they are written, unless they are to be single ones.
fn note_for_compaction(inner: &Inner, row: &Taken) {
    let joined = inner.store.is_private() && inner.options.cells == Cells::Packed;
    if inner.options.compaction.enabled && !joined {
        inner.compaction.add(&row.series, row.base, (inner.options.clock)(), compaction::quiet(inner));
    }
}

fn attempt(inner: &Inner, taken: &[Taken]) -> Result<Vec<Plan>, StoreError> {
    let now = (inner.options.clock)();
    let read: Vec<bool> = taken.iter().map(|row| needs_reading(inner, row, now)).collect();
    let keys: Vec<Vec<u8>> = taken.iter().zip(&read).filter(|(_, read)| **read).map(|(row, _)| row.series.key.row(row.base)).collect();
    let mut batch = RowBatch::default();
    if !keys.is_empty() {
        inner.store.get(&inner.options.table, &keys, &Columns::Family(FAMILY), &mut batch)?;
        inner.counters.rows_read.fetch_add(keys.len() as u64, Relaxed);
    }
    let mut found = batch.rows().peekable();
    let mut plans = Vec::with_capacity(taken.len());
    for (row, read) in taken.iter().zip(read) {
        let key = row.series.key.row(row.base);
        let cells = if read { found.next_if(|r| r.key() == key).map(cells_of).unwrap_or_default() } else { Vec::new() };
        let late = read && is_late(inner, row.part.late, row.part.since, now);
        plans.push(match inner.options.cells {
            Cells::Single | Cells::Append => single::plan(&inner.options, key, row, &cells, late),
            Cells::Packed => packed::plan(inner.store.is_private(), key, row, read.then_some(&cells), late),
        });
    }
    write(inner, &mut plans)?;
    Ok(plans)
}

fn write(inner: &Inner, plans: &mut [Plan]) -> Result<(), StoreError> {
    let rounds = plans.iter().map(|p| p.rounds.len()).max().unwrap_or(0);
    for round in 0..rounds {
        let rows: Vec<RowMutation> = plans.iter_mut().filter_map(|p| p.rounds.get_mut(round)).flat_map(std::mem::take).collect();
        if rows.is_empty() {
            continue;
        }
        if round > 0 {
            // The store orders writes by the millisecond.
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        inner.store.write(&inner.options.table, &rows)?;
        inner.counters.stored_cells.fetch_add(rows.iter().map(|r| r.mutations.len() as u64).sum(), Relaxed);
    }
    Ok(())
}

/// A row's cells as the codec reads them.
pub fn cells_of(row: RowView<'_>) -> Vec<Cell<'_>> {
    row.cells().map(|c| Cell { qualifier: c.qualifier, value: c.value, time: c.time }).collect()
}

/// Rule 2: from the journal, or held up by an outage. A store that nobody else writes has no newer values.
pub fn is_late(inner: &Inner, replayed: bool, since: i64, now: i64) -> bool {
    let interval = i64::try_from(inner.options.flush_interval).unwrap_or(i64::MAX);
    !inner.store.is_private() && (replayed || now - since > interval.saturating_add(LATE))
}

fn needs_reading(inner: &Inner, row: &Taken, now: i64) -> bool {
    // Cells that carry the points' own times cannot tell which was written last.
    if inner.options.cells != Cells::Packed {
        return is_late(inner, row.part.late, row.part.since, now) && !inner.options.use_otsdb_timestamp;
    }
    let over = now >= (i64::from(row.base) + 3_600) * 1_000;
    let rejoin = inner.store.is_private() && over && row.cells > 0;
    let first = row.part.entries().map(|e| e.qualifier.offset_ms()).min();
    is_late(inner, row.part.late, row.part.since, now)
        || rejoin
        || row.newest_stored.is_none_or(|newest| first.is_none_or(|first| first <= newest))
}
