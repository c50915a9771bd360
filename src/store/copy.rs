//! Copies a table from one engine to the other: the same rows, cells, values and times.
//!
//! In bounded batches and in order of rows, so a copy that was cut short goes on at [`CopyReport::next_row`]. Cells that
//! are written while the copy runs may or may not be in it. Copying twice does no harm: times decide which cell is newer.

use super::{Mutation, Result, RowBatch, RowMutation, RowView, Scan, Store, StoreError};

/// Rows that a scan returns at once.
const SCAN_ROWS: usize = 500;
/// Cells after which a batch is written.
const BATCH_CELLS_MAX: usize = 10_000;
/// Bytes after which a batch is written.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// Bytes after which what was written is synced: more than this is never copied again after a stop.
const SYNC_BYTES: u64 = 64 << 20;
/// The column families of OpenTSDB's tables.
const FAMILIES: [&str; 3] = ["t", "id", "name"];

/// How far a copy came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyReport {
    /// Rows written.
    pub rows: u64,
    /// Cells written.
    pub cells: u64,
    /// Bytes of row keys, qualifiers and values.
    pub bytes: u64,
    /// Everything before this row is on disk at the target: start here to go on.
    pub next_row: Vec<u8>,
}

/// Copies a whole table that exists on both sides. `progress` gets rows, cells and bytes after every batch.
pub fn copy_table(from: &dyn Store, to: &dyn Store, table: &str, progress: &mut dyn FnMut(u64, u64, u64)) -> Result<CopyReport> {
    let mut report = CopyReport::default();
    copy_rows(from, to, table, &[], &mut report, &mut |r| progress(r.rows, r.cells, r.bytes))?;
    Ok(report)
}

/// Copies the rows from `report.next_row` up to `stop` (empty: the end) and adds to the report, which tells after an
/// error where to go on.
pub fn copy_rows(
    from: &dyn Store,
    to: &dyn Store,
    table: &str,
    stop: &[u8],
    report: &mut CopyReport,
    progress: &mut dyn FnMut(&CopyReport),
) -> Result<()> {
    let mut scanner = from.scan(table, Scan { batch_rows: SCAN_ROWS, ..Scan::range(report.next_row.clone(), stop) })?;
    let mut batch = RowBatch::default();
    let mut out = Outgoing { rows: Vec::new(), cells: 0, bytes: 0, last_row: Vec::new() };
    let mut unsynced = 0;
    while scanner.next(&mut batch)? {
        for row in batch.rows() {
            out.add(row)?;
            report.rows += 1;
            if out.is_full() {
                unsynced += out.send(to, table, report)?;
                if unsynced >= SYNC_BYTES {
                    out.settle(to, report)?;
                    unsynced = 0;
                }
                progress(report);
            }
        }
    }
    out.send(to, table, report)?;
    out.settle(to, report)?;
    progress(report);
    Ok(())
}

/// Rows on their way.
struct Outgoing {
    rows: Vec<RowMutation>,
    cells: usize,
    bytes: usize,
    last_row: Vec<u8>,
}

impl Outgoing {
    fn add(&mut self, row: RowView<'_>) -> Result<()> {
        let first = self.rows.len();
        for cell in row.cells() {
            let family = FAMILIES.into_iter().find(|f| f.as_bytes() == cell.family).ok_or_else(|| {
                let name = String::from_utf8_lossy(cell.family);
                StoreError::Rejected(format!("cannot copy column family {name}: OpenTSDB's tables have t, id and name"))
            })?;
            let put = Mutation::Put { family, qualifier: cell.qualifier.to_vec(), value: cell.value.to_vec() };
            self.cells += 1;
            self.bytes += cell.qualifier.len() + cell.value.len();
            // One mutation of a row for each time that its cells have: mostly one.
            match self.rows.iter_mut().skip(first).find(|r| r.time == Some(cell.time)) {
                Some(same) => same.mutations.push(put),
                None => self.rows.push(RowMutation { row: row.key().to_vec(), mutations: vec![put], time: Some(cell.time) }),
            }
        }
        self.bytes += row.key().len();
        self.last_row = row.key().to_vec();
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.cells >= BATCH_CELLS_MAX || self.bytes >= BATCH_BYTES_MAX
    }

    fn send(&mut self, to: &dyn Store, table: &str, report: &mut CopyReport) -> Result<u64> {
        if !self.rows.is_empty() {
            to.write(table, &self.rows)?;
        }
        let bytes = self.bytes as u64;
        report.cells += self.cells as u64;
        report.bytes += bytes;
        self.rows.clear();
        (self.cells, self.bytes) = (0, 0);
        Ok(bytes)
    }

    fn settle(&self, to: &dyn Store, report: &mut CopyReport) -> Result<()> {
        to.sync()?;
        if !self.last_row.is_empty() {
            // The least row after the last one.
            report.next_row = [self.last_row.as_slice(), &[0]].concat();
        }
        Ok(())
    }
}
