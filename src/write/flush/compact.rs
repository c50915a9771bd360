//! Compaction of a quiet row, as other TSDs' readers expect it (rule 5).
//!
//! The merged cell is written at the time of the newest cell that was read, and the merged cells are deleted in a call of
//! its own at that same time: a point that somebody rewrites meanwhile is newer and survives both.

use super::rows::put;
use crate::codec::{Cell, DecodeOptions, Layout, RowKey, merge_cells};
use crate::store::{Columns, Mutation, RowBatch, RowMutation, Store, StoreError};
use crate::write::head::FAMILY;

/// A row is left alone for its hour and this long after it, in milliseconds, beside the longest flush delay.
const QUIET: i64 = 3_600_000;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compacted {
    /// Its cells are one now.
    Merged,
    /// It was written to too lately.
    TooYoung,
    /// There is nothing to merge, or something in it must not be touched.
    Left,
}

/// Compacts a row unless its hour ended, or a cell of it was written, less than an hour and `flush_delay` (the longest
/// of all TSDs, in milliseconds) before `now`. With `fix_duplicates` off a row with two values for an instant is left.
pub fn compact_row(
    store: &dyn Store,
    (table, layout): (&str, &Layout),
    key: &[u8],
    (now, flush_delay): (i64, i64),
    fix_duplicates: bool,
) -> Result<Compacted, StoreError> {
    let Ok(parsed) = RowKey::parse(layout, key) else { return Ok(Compacted::Left) };
    let quiet_since = now - QUIET - flush_delay;
    if (i64::from(parsed.base_time()) + 3_600) * 1_000 > quiet_since {
        return Ok(Compacted::TooYoung);
    }
    let mut batch = RowBatch::default();
    store.get(table, &[key.to_vec()], &Columns::Family(FAMILY), &mut batch)?;
    let Some(row) = batch.row(0) else { return Ok(Compacted::Left) };
    let cells: Vec<Cell<'_>> = row.cells().map(|c| Cell { qualifier: c.qualifier, value: c.value, time: c.time }).collect();
    if cells.iter().any(|c| c.time > quiet_since) {
        return Ok(Compacted::TooYoung);
    }
    let Some(merged) = merge_cells(&cells, &DecodeOptions::default()) else { return Ok(Compacted::Left) };
    if merged.duplicate.is_some() && !fix_duplicates {
        return Ok(Compacted::Left);
    }
    let at = |mutations| RowMutation { row: key.to_vec(), mutations, time: Some(merged.newest) };
    if merged.write {
        store.write(table, &[at(vec![put(&merged.cell.qualifier, &merged.cell.value)])])?;
    }
    if !merged.delete.is_empty() {
        let deletes = merged.delete.iter().map(|q| Mutation::Delete { family: FAMILY, qualifier: q.clone() }).collect();
        store.write(table, &[at(deletes)])?;
    }
    Ok(Compacted::Merged)
}
