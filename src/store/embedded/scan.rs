//! Reading: rows put together from the cells of a tree, whole and in HBase's order, as they were at one moment.

use super::cell::CellCoder;
use super::health::Health;
use super::key;
use super::skip::{RowFilter, Verdict};
use super::stats::Counters;
use super::table::Table;
use crate::store::{Columns, Result, RowBatch, Scan, Scanner, StoreError};
use fjall::{Iter, KvPair, Readable, Snapshot};
use std::sync::Arc;

/// Bytes of a batch after which no further row is begun.
const BATCH_BYTES_MAX: usize = 512 << 10;
/// Rows that are stepped over one by one before the scan seeks to where the next match can be: a seek costs as much as
/// about this many steps.
const STEPS_BEFORE_SEEK: u32 = 24;

/// The columns of a read, as they stand in keys.
pub enum Wanted {
    /// Every column.
    All,
    /// A family, by its place.
    Family(u8),
    /// Column parts of keys, and the qualifiers that they stand for.
    Only(Vec<(Vec<u8>, Vec<u8>)>),
}

impl Wanted {
    /// Looks the families up. `Rejected`: the table has none of that name.
    pub fn new(table: &Table, columns: &Columns) -> Result<Wanted> {
        Ok(match columns {
            Columns::All => Wanted::All,
            Columns::Family(name) => Wanted::Family(table.family(name)?),
            Columns::Only(list) => {
                let mut coder = CellCoder::default();
                let part = |(family, qualifier): &(&'static str, Vec<u8>)| {
                    let mut column = Vec::new();
                    coder.push_column(table.family(family)?, qualifier, &mut column);
                    Ok((column, qualifier.clone()))
                };
                let mut parts = list.iter().map(part).collect::<Result<Vec<_>>>()?;
                parts.sort();
                parts.dedup();
                Wanted::Only(parts)
            }
        })
    }

    fn takes(&self, column: &[u8]) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Family(place) => column.first().is_some_and(|c| c >> 1 == *place),
            Wanted::Only(list) => list.iter().any(|(part, _)| part == column),
        }
    }
}

/// Puts cells into rows of a batch.
pub struct RowReader {
    /// Whose cells.
    pub table: Arc<Table>,
    wanted: Wanted,
    coder: CellCoder,
    /// Place and qualifier of the cell pushed last, to notice cells that come out of HBase's order.
    last: (u8, Vec<u8>),
    sorted: bool,
    cells: usize,
}

impl RowReader {
    /// Reads these columns of a table.
    pub fn new(table: Arc<Table>, wanted: Wanted) -> RowReader {
        RowReader { table, wanted, coder: CellCoder::default(), last: (0, Vec::new()), sorted: true, cells: 0 }
    }

    /// Begins a row.
    pub fn begin(&mut self, row: &[u8], batch: &mut RowBatch) {
        batch.push_row(row);
        self.sorted = true;
        self.cells = 0;
    }

    /// Adds a cell of the row: `column` is its key after the row's part.
    pub fn push(&mut self, column: &[u8], kept: &[u8], batch: &mut RowBatch) -> Result<()> {
        if !self.wanted.takes(column) {
            return Ok(());
        }
        let cell = column.split_first().and_then(|(code, rest)| {
            let family = self.table.family_name(code >> 1)?;
            Some((code >> 1, family, self.coder.read(code & 1 == 1, rest, kept)?))
        });
        let Some((place, family, (time, qualifier, value))) = cell else {
            let text = format!("table {}: a cell of {} and {} bytes cannot be decoded", self.table.name, column.len(), kept.len());
            return Err(StoreError::Corrupt(text));
        };
        if self.cells > 0 {
            self.sorted &= (self.last.0, self.last.1.as_slice()) < (place, qualifier);
        }
        self.last.0 = place;
        self.last.1.clear();
        self.last.1.extend_from_slice(qualifier);
        self.cells += 1;
        batch.push_cell(family.as_bytes(), qualifier, value, time);
        Ok(())
    }

    /// Ends the row: without a cell it is taken back. True if it stays.
    pub fn end(&mut self, batch: &mut RowBatch) -> bool {
        if self.cells == 0 {
            batch.pop_row();
            return false;
        }
        if !self.sorted
            && let Some(row) = batch.len().checked_sub(1).and_then(|at| batch.row(at))
        {
            let key = row.key().to_vec();
            let mut cells: Vec<_> = row.cells().map(|c| (c.family.to_vec(), c.qualifier.to_vec(), c.value.to_vec(), c.time)).collect();
            cells.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
            batch.pop_row();
            batch.push_row(&key);
            cells.iter().for_each(|(family, qualifier, value, time)| batch.push_cell(family, qualifier, value, *time));
        }
        true
    }

    /// Reads one row by its key. True if it has a cell that is wanted.
    pub fn get(&mut self, snapshot: &Snapshot, row: &[u8], batch: &mut RowBatch, health: &Health) -> Result<bool> {
        let prefix = Table::row_key(row);
        self.begin(row, batch);
        if let Wanted::Only(list) = &self.wanted {
            let keys: Vec<_> = list.iter().map(|(column, _)| (column.clone(), [prefix.as_slice(), column].concat())).collect();
            for (column, at) in keys {
                if let Some(kept) = health.call("reading a cell", || snapshot.get(&self.table.tree, &at))? {
                    self.push(&column, &kept, batch)?;
                }
            }
        } else {
            let len = prefix.len();
            let cells = snapshot.range(&self.table.tree, prefix.clone()..key::after_row(prefix));
            for cell in cells {
                let (at, kept) = health.call("reading a row", || cell.into_inner())?;
                self.push(at.get(len..).unwrap_or_default(), &kept, batch)?;
            }
        }
        Ok(self.end(batch))
    }
}

/// A running scan of one table, as it was when the scan began.
pub struct TableScanner {
    reader: RowReader,
    snapshot: Snapshot,
    cells: Iter,
    /// Keys still to come: from the first up to the second (`None`: the end).
    bounds: (Vec<u8>, Option<Vec<u8>>),
    filter: Option<RowFilter>,
    reverse: bool,
    batch_rows: usize,
    /// Cell that was read and belongs to a row not yet begun.
    next: Option<KvPair>,
    health: Arc<Health>,
    counters: Arc<Counters>,
    row: Vec<u8>,
}

impl TableScanner {
    /// Starts a scan over a snapshot.
    pub fn new(reader: RowReader, snapshot: Snapshot, scan: Scan, health: Arc<Health>, counters: Arc<Counters>) -> TableScanner {
        let (low, high) = if scan.reverse { (&scan.stop, &scan.start) } else { (&scan.start, &scan.stop) };
        let low_key = if low.is_empty() { Vec::new() } else { Table::row_key(low) };
        let mut high_key = (!high.is_empty()).then(|| Table::row_key(high));
        if scan.reverse {
            // Backwards both ends are included.
            high_key = high_key.map(key::after_row);
        }
        let bounds = (low_key, high_key);
        let cells = open(&reader.table, &snapshot, &bounds);
        TableScanner {
            reader,
            snapshot,
            cells,
            bounds,
            filter: scan.prefilter.and_then(RowFilter::new),
            reverse: scan.reverse,
            batch_rows: scan.batch_rows.max(1),
            next: None,
            health,
            counters,
            row: Vec::new(),
        }
    }

    fn step(&mut self) -> fjall::Result<Option<KvPair>> {
        let cell = if self.reverse { self.cells.next_back() } else { self.cells.next() };
        cell.map(fjall::Guard::into_inner).transpose()
    }

    fn fill(&mut self, batch: &mut RowBatch) -> Result<bool> {
        let health = self.health.clone();
        let mut cell = match self.next.take() {
            Some(cell) => Some(cell),
            None => health.call("scanning", || self.step())?,
        };
        while let Some((at, kept)) = cell {
            let len = key::row_len(&at).filter(|len| key::read_row(at.get(..*len).unwrap_or_default(), &mut self.row));
            let Some(len) = len else {
                let name = &self.reader.table.name;
                return Err(StoreError::Corrupt(format!("table {name}: a key of {} bytes holds no row", at.len())));
            };
            Counters::add(&self.counters.rows_read, 1);
            match self.filter.as_ref().map_or(Verdict::Match, |f| f.judge(&self.row)) {
                Verdict::Match => {}
                verdict => {
                    cell = self.skip(&at, len, verdict)?;
                    continue;
                }
            }
            if batch.len() >= self.batch_rows || batch.byte_len() >= BATCH_BYTES_MAX {
                self.next = Some((at, kept));
                return Ok(true);
            }
            cell = self.read_row(at, kept, len, batch)?;
        }
        Ok(!batch.is_empty())
    }

    /// Reads the row that begins with this cell; returns the first cell after it.
    fn read_row(&mut self, first: fjall::UserKey, kept: fjall::UserValue, len: usize, batch: &mut RowBatch) -> Result<Option<KvPair>> {
        let row = std::mem::take(&mut self.row);
        self.reader.begin(&row, batch);
        self.row = row;
        let prefix = first.get(..len).unwrap_or_default();
        self.reader.push(first.get(len..).unwrap_or_default(), &kept, batch)?;
        let health = self.health.clone();
        let after = loop {
            match health.call("scanning", || self.step())? {
                Some((at, kept)) if at.starts_with(prefix) => self.reader.push(at.get(len..).unwrap_or_default(), &kept, batch)?,
                other => break other,
            }
        };
        if self.reader.end(batch) {
            Counters::add(&self.counters.rows_returned, 1);
        }
        Ok(after)
    }

    /// Goes on behind a row that does not match: step by step while that is likely shorter, then by a seek.
    fn skip(&mut self, at: &[u8], len: usize, verdict: Verdict) -> Result<Option<KvPair>> {
        let health = self.health.clone();
        let prefix = at.get(..len).unwrap_or_default();
        if self.reverse {
            return health.call("scanning", || {
                loop {
                    match self.step()? {
                        Some((at, _)) if at.starts_with(prefix) => {}
                        other => return Ok(other),
                    }
                }
            });
        }
        let Verdict::NotBefore(row) = verdict else { return Ok(None) };
        let target = Table::row_key(&row);
        let counters = self.counters.clone();
        let found = health.call("scanning", || {
            for _ in 0..STEPS_BEFORE_SEEK {
                Counters::add(&counters.rows_read, 1);
                match self.step()? {
                    Some((at, _)) if *at < *target => {}
                    other => return Ok(Some(other)),
                }
            }
            Ok(None)
        })?;
        if let Some(found) = found {
            return Ok(found);
        }
        Counters::add(&self.counters.seeks, 1);
        if self.bounds.1.as_ref().is_some_and(|end| *end <= target) {
            return Ok(None);
        }
        self.bounds.0 = target;
        self.cells = open(&self.reader.table, &self.snapshot, &self.bounds);
        health.call("seeking", || self.step())
    }
}

fn open(table: &Table, snapshot: &Snapshot, bounds: &(Vec<u8>, Option<Vec<u8>>)) -> Iter {
    match bounds {
        (low, Some(high)) if low >= high => snapshot.range(&table.tree, high.clone()..high.clone()),
        (low, Some(high)) => snapshot.range(&table.tree, low.clone()..high.clone()),
        (low, None) => snapshot.range(&table.tree, low.clone()..),
    }
}

impl Scanner for TableScanner {
    fn next(&mut self, batch: &mut RowBatch) -> Result<bool> {
        batch.clear();
        self.fill(batch).inspect_err(|_| batch.clear())
    }
}
