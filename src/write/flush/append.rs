//! Appends (`tsd.storage.enable_appends`): the points of a row go behind what its column `050000` holds, in the order in
//! which they came, duplicates included, byte for byte as OpenTSDB appends them.
//!
//! An append is never repeated blindly (rule 9). The head gives a row to one flush at a time, and an append whose outcome
//! is unknown makes its points late: the next flush reads the row and leaves out what is there as the last of its instant.

use super::rows::{cells_of, is_late};
use super::single::{is_settled, newest};
use crate::codec::APPEND_QUALIFIER;
use crate::store::{Columns, RowBatch, StoreError};
use crate::write::Inner;
use crate::write::head::{FAMILY, Taken};
use std::sync::atomic::Ordering::Relaxed;

/// Appends the points of rows. Those of which the store did not take the points wait again; the first error is told.
pub fn store(inner: &Inner, taken: &[Taken]) -> Result<(), StoreError> {
    let now = (inner.options.clock)();
    let late: Vec<&Taken> = taken.iter().filter(|row| reads_first(inner, row, now)).collect();
    let keys: Vec<Vec<u8>> = late.iter().map(|row| row.series.key.row(row.base)).collect();
    let mut batch = RowBatch::default();
    if !keys.is_empty() {
        if let Err(error) = inner.store.get(&inner.options.table, &keys, &Columns::Family(FAMILY), &mut batch) {
            taken.iter().for_each(|row| inner.head.give_back(row));
            return Err(error);
        }
        inner.counters.rows_read.fetch_add(keys.len() as u64, Relaxed);
    }
    let mut found = batch.rows().peekable();
    let mut first: Option<StoreError> = None;
    for row in taken {
        let key = row.series.key.row(row.base);
        let cells =
            if reads_first(inner, row, now) { found.next_if(|r| r.key() == key).map(cells_of).unwrap_or_default() } else { Vec::new() };
        let stored = newest(&cells);
        let mut value = Vec::with_capacity(row.part.bytes());
        let mut appended = 0u64;
        for entry in row.part.entries().filter(|entry| !is_settled(&stored, entry)) {
            value.extend_from_slice(entry.qualifier.encode().as_bytes());
            value.extend_from_slice(entry.value);
            appended += 1;
        }
        if let Err(error) = append(inner, row, &key, &value) {
            first.get_or_insert(error);
            continue;
        }
        inner.counters.stored_points.fetch_add(appended, Relaxed);
        inner.counters.stored_cells.fetch_add(u64::from(appended > 0), Relaxed);
        inner.counters.late_skipped.fetch_add(row.part.count() as u64 - appended, Relaxed);
        inner.head.stored(row, None, row.cells);
    }
    first.map_or(Ok(()), Err)
}

fn reads_first(inner: &Inner, row: &Taken, now: i64) -> bool {
    row.part.late || is_late(inner, row.part.late, row.part.since, now)
}

/// One row's append, and what its failure means for the row.
fn append(inner: &Inner, row: &Taken, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    if value.is_empty() {
        return Ok(());
    }
    match inner.store.append(&inner.options.table, key, FAMILY, &APPEND_QUALIFIER, value) {
        Ok(()) => Ok(()),
        Err(StoreError::Rejected(why)) => {
            if inner.aside.row(&inner.uids, &inner.options.layout, &row.series, row.base, &row.part, &why) {
                inner.counters.rejected.fetch_add(row.part.count() as u64, Relaxed);
                return Ok(());
            }
            inner.head.give_back(row);
            Err(StoreError::Rejected(why))
        }
        Err(error @ StoreError::Unavailable(_)) => {
            inner.head.give_back(row);
            Err(error)
        }
        Err(error) => {
            inner.head.give_back_late(row);
            Err(error)
        }
    }
}
