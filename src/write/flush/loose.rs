//! Loose cells to the store: as they are, a column each.

use super::pass::Outcome;
use super::rows;
use crate::codec::{RowKey, histogram_time};
use crate::store::{Columns, RowBatch, RowMutation, StoreError};
use crate::write::Inner;
use crate::write::head::FAMILY;
use crate::write::loose::{Loose, LooseRow, TakenRow, instant};
use std::sync::atomic::Ordering::Relaxed;

/// Rows of a call to the store, at most.
const CALL_ROWS: usize = 500;

/// Stores all rows, or those that have waited for `tsd.storage.flush_interval`.
pub fn run(inner: &Inner, all: bool) -> Outcome {
    let now = (inner.options.clock)();
    let interval = i64::try_from(inner.options.flush_interval).unwrap_or(i64::MAX);
    let full = inner.head.bytes() > inner.options.head_bytes;
    let pressed = inner.journal.pressure();
    let wanted = |row: &LooseRow| all || full || now - row.since >= interval || pressed.is_some_and(|upto| row.holds(upto));
    // Rows as they are now: those that come while these are stored wait for the next pass. Clients that never pause would
    // else hold this one for ever, and points behind it.
    for places in inner.loose.targets(wanted).chunks(CALL_ROWS) {
        if let Err(error) = settle(inner, &inner.loose.take(places)) {
            return Outcome::Failed(error.to_string());
        }
        inner.head_room.notify_all();
    }
    Outcome::Stored
}

/// Stores rows, table by table; those that the store refuses are found by halving and kept aside.
fn settle(inner: &Inner, taken: &[TakenRow]) -> Result<(), StoreError> {
    let mut result = Ok(());
    for rows in taken.chunk_by(|a, b| a.table == b.table) {
        // A table that fails keeps its own cells back, not those of others.
        result = settle_table(inner, rows).and(result);
    }
    result
}

fn settle_table(inner: &Inner, taken: &[TakenRow]) -> Result<(), StoreError> {
    match attempt(inner, taken) {
        Ok(()) => {
            taken.iter().for_each(|row| stored(inner, row));
            Ok(())
        }
        Err(StoreError::Rejected(why)) => match taken {
            [row] if inner.aside.loose(row, &why) => {
                inner.counters.rejected.fetch_add(row.row.len() as u64, Relaxed);
                stored(inner, row);
                Ok(())
            }
            [row] => {
                inner.loose.give_back(row);
                Err(StoreError::Rejected(why))
            }
            _ => {
                let (one, other) = taken.split_at(taken.len() / 2);
                let first = settle_table(inner, one);
                settle_table(inner, other).and(first)
            }
        },
        Err(error) => {
            taken.iter().for_each(|row| inner.loose.give_back(row));
            Err(error)
        }
    }
}

fn stored(inner: &Inner, row: &TakenRow) {
    inner.counters.stored_points.fetch_add(row.row.len() as u64, Relaxed);
    inner.head.shrink(inner.loose.stored(row));
}

fn attempt(inner: &Inner, taken: &[TakenRow]) -> Result<(), StoreError> {
    let Some(first) = taken.first() else { return Ok(()) };
    let table = if first.table.is_empty() { inner.options.table.as_str() } else { &first.table };
    let there = late_rows(inner, table, taken)?;
    let rounds = taken.iter().map(|row| row.row.rounds().len()).max().unwrap_or(0);
    for round in 0..rounds {
        let mut rows: Vec<RowMutation> = Vec::with_capacity(taken.len());
        for row in taken {
            let wanted = row.row.rounds().get(round).cloned().unwrap_or_default();
            let wanted = wanted.into_iter().filter(|cell| !is_settled(&there, row, cell));
            let put = |cell: &Loose| rows::put(&cell.qualifier, &cell.value);
            let (timed, plain): (Vec<_>, Vec<_>) =
                wanted.map(|cell| (own_time(inner, row, cell), put(cell))).partition(|(time, _)| time.is_some());
            rows.extend(timed.into_iter().map(|(time, put)| RowMutation { row: row.key.to_vec(), mutations: vec![put], time }));
            let mutations: Vec<_> = plain.into_iter().map(|(_, put)| put).collect();
            if !mutations.is_empty() {
                rows.push(RowMutation { row: row.key.to_vec(), mutations, time: None });
            }
        }
        if rows.is_empty() {
            continue;
        }
        if round > 0 {
            // The store orders writes by the millisecond.
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        inner.store.write(table, &rows)?;
        inner.counters.stored_cells.fetch_add(rows.iter().map(|r| r.mutations.len() as u64).sum(), Relaxed);
    }
    Ok(())
}

/// With `tsd.storage.use_otsdb_timestamp` a histogram's cell carries its own time, as points do.
fn own_time(inner: &Inner, row: &TakenRow, cell: &Loose) -> Option<i64> {
    if !inner.options.use_otsdb_timestamp || !row.table.is_empty() {
        return None;
    }
    let base = RowKey::parse(&inner.options.layout, &row.key).ok()?.base_time();
    histogram_time(&cell.qualifier, base)
}

/// Rule 2: what the store has of rows that come late. Only for a store that others write too.
fn late_rows(inner: &Inner, table: &str, taken: &[TakenRow]) -> Result<RowBatch, StoreError> {
    let mut batch = RowBatch::default();
    let now = (inner.options.clock)();
    let late = taken.iter().filter(|row| rows::is_late(inner, row.row.late, row.row.since, now));
    let keys: Vec<Vec<u8>> = late.map(|row| row.key.to_vec()).collect();
    if !keys.is_empty() {
        inner.store.get(table, &keys, &Columns::Family(FAMILY), &mut batch)?;
        inner.counters.rows_read.fetch_add(keys.len() as u64, Relaxed);
    }
    Ok(batch)
}

/// Rule 2: is a late cell stored already, or is the store's newer?
fn is_settled(there: &RowBatch, row: &TakenRow, cell: &Loose) -> bool {
    let Some(found) = there.rows().find(|found| found.key() == row.key.as_ref()) else { return false };
    let instant = |qualifier: &[u8]| instant(&row.table, qualifier);
    let wanted = instant(&cell.qualifier);
    let same = found.cells().any(|c| c.qualifier == cell.qualifier.as_ref() && c.value == cell.value.as_ref());
    same || found.cells().any(|c| c.time > cell.accepted && instant(c.qualifier) == wanted)
}
