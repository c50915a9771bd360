//! Carries out what a row needs, so that nothing is lost that somebody writes meanwhile.

use super::Options;
use super::row::{Changes, Checked, check_row};
use crate::clock;
use crate::codec::{APPEND_QUALIFIER, Cell, to_hex};
use crate::store::{Columns, Mutation, RowBatch, RowMutation, Store, StoreError};
use std::time::Duration;

/// Column family of points.
pub const FAMILY: &str = "t";
/// A row is changed this long after the last write to it at the earliest, in milliseconds: a point that comes later is
/// then surely newer than what was read, by the table's clock.
const SETTLED: i64 = 1_000;

/// A table that is repaired.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    /// Its store.
    pub store: &'a dyn Store,
    /// Its name.
    pub name: &'a str,
}

impl Table<'_> {
    /// Deletes cells, each up to the time at which it was read.
    pub fn delete(&self, row: &[u8], deletes: &[(Vec<u8>, i64)]) -> Result<(), StoreError> {
        let one = |(qualifier, time): &(Vec<u8>, i64)| RowMutation {
            row: row.to_vec(),
            mutations: vec![Mutation::Delete { family: FAMILY, qualifier: qualifier.clone() }],
            time: Some(*time),
        };
        let rows: Vec<RowMutation> = deletes.iter().map(one).collect();
        if rows.is_empty() { Ok(()) } else { self.store.write(self.name, &rows) }
    }

    fn read(&self, row: &[u8], batch: &mut RowBatch) -> Result<(), StoreError> {
        self.store.get(self.name, &[row.to_vec()], &Columns::Family(FAMILY), batch)
    }

    /// Repairs a row that was found to need `checked`. What was found stays counted; what is put right is counted here.
    pub fn repair(&self, key: &[u8], base: u32, cells: &[Cell<'_>], checked: &mut Checked, options: &Options) -> Result<(), StoreError> {
        if checked.changes.is_empty() {
            return Ok(());
        }
        let mut batch = RowBatch::default();
        if !self.store.is_private() {
            settle(cells);
            self.read(key, &mut batch)?;
            let now: Vec<Cell<'_>> = cells_of(&batch);
            if now != cells {
                // Somebody changed the row since it was scanned.
                checked.changes = check_row(key, base, &now, options).changes;
            }
        }
        let changes = std::mem::take(&mut checked.changes);
        if self.carry_out(key, &changes)? {
            checked.found.add(&changes.fixed);
        } else {
            let why = "its new cells do not show up, as an older delete hides them: nothing else of it was touched";
            checked.notes.push(format!("WARN Row {} was not repaired: {why}", to_hex(key)));
        }
        Ok(())
    }

    /// Writes, looks, deletes. False: what was written is not to be seen, so nothing was deleted.
    fn carry_out(&self, key: &[u8], changes: &Changes) -> Result<bool, StoreError> {
        for (old, new) in &changes.appends {
            self.store.check_and_put(self.name, key, FAMILY, &APPEND_QUALIFIER, Some(old), new)?;
        }
        let one = |put: &super::row::Put| RowMutation {
            row: key.to_vec(),
            mutations: vec![Mutation::Put { family: FAMILY, qualifier: put.qualifier.clone(), value: put.value.clone() }],
            time: Some(put.time),
        };
        let puts: Vec<RowMutation> = changes.puts.iter().map(one).collect();
        if !puts.is_empty() {
            self.store.write(self.name, &puts)?;
            let mut batch = RowBatch::default();
            self.read(key, &mut batch)?;
            let now = cells_of(&batch);
            let seen =
                |put: &super::row::Put| now.iter().any(|c| c.qualifier == put.qualifier && (c.value == put.value || c.time > put.time));
            if !changes.puts.iter().all(seen) {
                return Ok(false);
            }
        }
        self.delete(key, &changes.deletes)?;
        Ok(true)
    }
}

fn cells_of(batch: &RowBatch) -> Vec<Cell<'_>> {
    let cells = batch.rows().flat_map(|row| row.cells());
    cells.map(|c| Cell { qualifier: c.qualifier, value: c.value, time: c.time }).collect()
}

/// Waits until the newest cell is a moment old.
fn settle(cells: &[Cell<'_>]) {
    let now = clock::now_ms();
    let age = cells.iter().map(|c| now - c.time).min().unwrap_or(SETTLED);
    if (0..SETTLED).contains(&age) {
        std::thread::sleep(Duration::from_millis((SETTLED - age) as u64));
    }
}
