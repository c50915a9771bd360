//! Compaction of quiet rows, as other TSDs' readers expect it (rule 5).
//!
//! The merged cell is written at the time of the newest cell that was read, and the merged cells are deleted in a call of
//! its own at that same time: a point that somebody rewrites meanwhile is newer and survives both. Between the two the
//! row is read again: HBase hides a cell that is written at or before the time of an older delete of that very column,
//! and then the cells that were merged must stay.
//!
//! A row that holds an annotation is left alone, as OpenTSDB leaves it (recorded in `storage/annotations_compaction`).

use super::rows::{cells_of, put};
use crate::codec::{Cell, CellKind, DecodeOptions, Layout, Merged, RowKey, cell_kind, merge_cells};
use crate::store::{Columns, Mutation, RowBatch, RowMutation, RowView, Store, StoreError};
use crate::write::head::FAMILY;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compacted {
    /// Its cells are one now.
    Merged,
    /// Its hour ended, or something was written to it, at this time (milliseconds): too lately.
    TooYoung(i64),
    /// There is nothing to merge, or something in it must not be touched.
    Left,
}

/// Which rows are compacted, and how.
#[derive(Clone, Copy, Debug)]
pub struct CompactRules {
    /// Rows whose hour ended, or that were written to, after this time (milliseconds) are left for later.
    pub quiet_since: i64,
    /// `tsd.storage.fix_duplicates`: without it a row with two values for an instant is left.
    pub fix_duplicates: bool,
    /// Which of two points of an instant stays.
    pub decode: DecodeOptions,
}

/// What became of the rows of a call, in their order, and what it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compactions {
    /// A row each.
    pub rows: Vec<Compacted>,
    /// Rows whose cells were joined, whether or not that was stored.
    pub joined: u64,
    /// Cells written.
    pub writes: u64,
    /// Cells deleted.
    pub deletes: u64,
    /// Instants that were there twice with the same value.
    pub same: u64,
    /// Instants that were there twice with different values.
    pub different: u64,
}

/// Where a compaction failed. What was done so far does no harm; the row can be compacted again.
#[derive(Debug)]
pub enum CompactError {
    /// Rows could not be read.
    Read(StoreError),
    /// Merged cells could not be written.
    Put(StoreError),
    /// Merged cells could not be deleted.
    Delete(StoreError),
}

/// A row that is to be compacted.
struct Plan<'a> {
    at: usize,
    key: &'a [u8],
    cells: Vec<Cell<'a>>,
    merged: Merged,
}

/// Compacts rows of a table.
pub fn compact_rows(
    store: &dyn Store,
    (table, layout): (&str, &Layout),
    keys: &[Vec<u8>],
    rules: &CompactRules,
) -> Result<Compactions, CompactError> {
    let mut batch = RowBatch::default();
    store.get(table, keys, &Columns::Family(FAMILY), &mut batch).map_err(CompactError::Read)?;
    let mut done = Compactions::default();
    let mut plans = Vec::new();
    let mut found = batch.rows().peekable();
    for (at, key) in keys.iter().enumerate() {
        let cells = found.next_if(|r| r.key() == key).map(cells_of).unwrap_or_default();
        let outcome = match plan(layout, key, &cells, rules, &mut done) {
            Ok(merged) => {
                plans.push(Plan { at, key, cells, merged });
                Compacted::Merged
            }
            Err(why) => why,
        };
        done.rows.push(outcome);
    }
    if plans.is_empty() {
        return Ok(done);
    }
    let puts: Vec<RowMutation> = plans.iter().filter(|p| p.merged.write).map(|p| p.at_newest(vec![p.put()])).collect();
    if !puts.is_empty() {
        store.write(table, &puts).map_err(CompactError::Put)?;
        done.writes += puts.len() as u64;
    }
    let deletes = confirmed_deletes(store, table, &plans, &mut done)?;
    if !deletes.is_empty() {
        store.write(table, &deletes).map_err(CompactError::Delete)?;
        done.deletes += deletes.iter().map(|row| row.mutations.len() as u64).sum::<u64>();
    }
    Ok(done)
}

/// The merged form of a row, or why it has none.
fn plan(layout: &Layout, key: &[u8], cells: &[Cell<'_>], rules: &CompactRules, done: &mut Compactions) -> Result<Merged, Compacted> {
    let Ok(parsed) = RowKey::parse(layout, key) else { return Err(Compacted::Left) };
    let over = (i64::from(parsed.base_time()) + 3_600) * 1_000;
    let touched = cells.iter().map(|c| c.time).fold(over, i64::max);
    if touched > rules.quiet_since {
        return Err(Compacted::TooYoung(touched));
    }
    if cells.iter().any(|c| cell_kind(c.qualifier) == CellKind::Annotation) {
        return Err(Compacted::Left);
    }
    let merged = merge_cells(cells, &rules.decode).ok_or(Compacted::Left)?;
    done.joined += 1;
    done.same += u64::from(merged.same);
    done.different += u64::from(merged.different);
    if merged.duplicate.is_some() && !rules.fix_duplicates {
        return Err(Compacted::Left);
    }
    Ok(merged)
}

/// What may be deleted now that the rows are read again: cells that are in a merged cell which is there, and that nobody
/// has changed since.
fn confirmed_deletes(store: &dyn Store, table: &str, plans: &[Plan<'_>], done: &mut Compactions) -> Result<Vec<RowMutation>, CompactError> {
    let keys: Vec<Vec<u8>> = plans.iter().map(|p| p.key.to_vec()).collect();
    let mut batch = RowBatch::default();
    store.get(table, &keys, &Columns::Family(FAMILY), &mut batch).map_err(CompactError::Read)?;
    let mut found = batch.rows().peekable();
    let mut deletes = Vec::new();
    for plan in plans {
        let row = found.next_if(|r| r.key() == plan.key);
        let there = row.is_some_and(|r| r.value(FAMILY, &plan.merged.cell.qualifier).is_some());
        if !there && let Some(outcome) = done.rows.get_mut(plan.at) {
            *outcome = Compacted::Left;
        }
        let gone = plan.merged.delete.iter().filter(|q| there && row.is_some_and(|r| plan.is_unchanged(r, q)));
        let mutations: Vec<Mutation> = gone.map(|q| Mutation::Delete { family: FAMILY, qualifier: q.clone() }).collect();
        if !mutations.is_empty() {
            deletes.push(plan.at_newest(mutations));
        }
    }
    Ok(deletes)
}

impl Plan<'_> {
    fn put(&self) -> Mutation {
        put(&self.merged.cell.qualifier, &self.merged.cell.value)
    }

    fn at_newest(&self, mutations: Vec<Mutation>) -> RowMutation {
        RowMutation { row: self.key.to_vec(), mutations, time: Some(self.merged.newest) }
    }

    fn is_unchanged(&self, row: RowView<'_>, qualifier: &[u8]) -> bool {
        let before = self.cells.iter().find(|c| c.qualifier == qualifier);
        let now = row.cells().find(|c| c.family == FAMILY.as_bytes() && c.qualifier == qualifier);
        matches!((before, now), (Some(before), Some(now)) if before.value == now.value && before.time == now.time)
    }
}
