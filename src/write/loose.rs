//! Loose cells: what is stored beside plain points and waits for the store like them. Rolled-up and pre-aggregated values
//! go to tables of their own, histograms to the data table. They come complete but for their row's ids, are far fewer than
//! points and are never packed.
//!
//! An instant is a qualifier without the flags in its last half byte: a value of another width is another column of the same
//! instant, stored after the one that came before it, so that the store's clock tells which is newer. Histograms have no
//! flags there: theirs is the whole qualifier.

use super::journal::{NewCell, Segment};
use super::series::Series;
use crate::codec::histogram_time;
use crate::store::RowBatch;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Bytes that a row with waiting cells costs beside them, about; and a cell.
const ROW_COST: usize = 300;
const CELL_COST: usize = 120;

/// A cell that waits.
#[derive(Clone, Debug)]
pub struct Loose {
    /// Column qualifier.
    pub qualifier: Box<[u8]>,
    /// The bytes.
    pub value: Box<[u8]>,
    /// When it was accepted, in milliseconds.
    pub accepted: i64,
}

/// The cells of a row that wait.
#[derive(Clone, Debug, Default)]
pub struct LooseRow {
    /// By instant; the columns of one in the order they came.
    cells: BTreeMap<Box<[u8]>, Vec<Loose>>,
    /// The journal's segment with the oldest.
    segment: Option<Arc<Segment>>,
    /// When the first one came, in milliseconds.
    pub since: i64,
    /// Restored from the journal: the store may hold these already, or newer ones.
    pub late: bool,
    bytes: usize,
}

/// What two columns of one instant have in common. `table`: empty for the data table.
pub fn instant(table: &str, qualifier: &[u8]) -> Box<[u8]> {
    let mut instant: Box<[u8]> = qualifier.into();
    let is_histogram = table.is_empty() && histogram_time(qualifier, 0).is_some();
    if let Some(last) = instant.last_mut().filter(|_| !is_histogram) {
        *last &= 0xf0;
    }
    instant
}

impl LooseRow {
    /// Adds a cell; returns the bytes by which the row grew.
    fn push(&mut self, table: &str, cell: Loose) -> usize {
        let instant = instant(table, &cell.qualifier);
        let size = CELL_COST + 2 * cell.qualifier.len() + cell.value.len();
        let columns = self.cells.entry(instant).or_default();
        let replaced = columns.iter().position(|c| c.qualifier == cell.qualifier).map(|at| columns.remove(at));
        columns.push(cell);
        let grown = if replaced.is_some() { 0 } else { size };
        self.bytes += grown;
        grown
    }

    /// The cells in the order in which they must reach the store: those of one round may go in one call.
    pub fn rounds(&self) -> Vec<Vec<&Loose>> {
        let count = self.cells.values().map(Vec::len).max().unwrap_or(0);
        (0..count).map(|round| self.cells.values().filter_map(|columns| columns.get(round)).collect()).collect()
    }

    /// All cells.
    pub fn iter(&self) -> impl Iterator<Item = &Loose> {
        self.cells.values().flatten()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.cells.values().map(Vec::len).sum()
    }

    fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Whether it keeps a segment of the journal up to this one.
    pub fn holds(&self, upto: u64) -> bool {
        self.segment.as_ref().is_some_and(|segment| segment.seq <= upto)
    }
}

/// A row whose cells are on their way to the store.
pub struct TakenRow {
    /// Its table; empty: the data table.
    pub table: Arc<str>,
    /// Its key.
    pub key: Box<[u8]>,
    /// The cells.
    pub row: Arc<LooseRow>,
}

/// Table (empty: the data table) and row key.
pub type RowPlace = (Arc<str>, Box<[u8]>);

#[derive(Default)]
struct Slot {
    waiting: LooseRow,
    flushing: Option<Arc<LooseRow>>,
}

/// All waiting cells, by table and row key.
#[derive(Default)]
pub struct LooseCells {
    rows: Mutex<BTreeMap<RowPlace, Slot>>,
}

impl LooseCells {
    /// Takes a cell; returns the bytes by which memory grew.
    pub fn add(&self, series: &Arc<Series>, cell: NewCell, segment: &Arc<Segment>, accepted: i64, late: bool) -> usize {
        let mut rows = self.rows.lock();
        let table = cell.table.clone();
        let slot = rows.entry((cell.table, series.key.row(cell.base).into_boxed_slice())).or_default();
        let mut grown = 0;
        if slot.waiting.is_empty() {
            slot.waiting = LooseRow { segment: Some(segment.clone()), since: accepted, bytes: ROW_COST, ..LooseRow::default() };
            grown = ROW_COST;
        }
        slot.waiting.late |= late;
        grown + slot.waiting.push(&table, Loose { qualifier: cell.qualifier, value: cell.value, accepted })
    }

    /// Rows that wait.
    pub fn len(&self) -> usize {
        self.rows.lock().len()
    }

    /// The places of the rows that wait and whose time has come, in order. Rows that a flush has already are left out.
    pub fn targets(&self, wanted: impl Fn(&LooseRow) -> bool) -> Vec<RowPlace> {
        let rows = self.rows.lock();
        let due = rows.iter().filter(|(_, slot)| slot.flushing.is_none() && !slot.waiting.is_empty() && wanted(&slot.waiting));
        due.map(|(place, _)| place.clone()).collect()
    }

    /// Takes the waiting cells of these rows for a flush; they stay visible.
    pub fn take(&self, places: &[RowPlace]) -> Vec<TakenRow> {
        let mut rows = self.rows.lock();
        let mut taken = Vec::with_capacity(places.len());
        for place @ (table, key) in places {
            let Some(slot) = rows.get_mut(place).filter(|slot| slot.flushing.is_none() && !slot.waiting.is_empty()) else { continue };
            let row = Arc::new(std::mem::take(&mut slot.waiting));
            slot.flushing = Some(row.clone());
            taken.push(TakenRow { table: table.clone(), key: key.clone(), row });
        }
        taken
    }

    /// The cells are in the store. Returns the bytes that memory shrank by.
    pub fn stored(&self, taken: &TakenRow) -> usize {
        let mut rows = self.rows.lock();
        let key = (taken.table.clone(), taken.key.clone());
        let Some(slot) = rows.get_mut(&key) else { return 0 };
        let bytes = slot.flushing.take().map_or(0, |row| row.bytes);
        if slot.waiting.is_empty() {
            rows.remove(&key);
        }
        bytes
    }

    /// The store did not take them: they wait again, before those that came meanwhile.
    pub fn give_back(&self, taken: &TakenRow) {
        let mut rows = self.rows.lock();
        let Some(slot) = rows.get_mut(&(taken.table.clone(), taken.key.clone())) else { return };
        let Some(row) = slot.flushing.take() else { return };
        let mut back = LooseRow::clone(&row);
        let later = std::mem::take(&mut slot.waiting);
        back.late |= later.late;
        let mut cells: Vec<Loose> = later.cells.into_values().flatten().collect();
        cells.sort_by_key(|cell| cell.accepted);
        for cell in cells {
            back.push(&taken.table, cell);
        }
        // Counted as it was: what came meanwhile had the cost of a row of its own.
        back.bytes = row.bytes + later.bytes;
        slot.waiting = back;
    }

    /// The waiting rows of a key range as cells, each instant once: the last that came.
    pub fn pin(&self, table: &str, start: &[u8], stop: &[u8], family: &str) -> RowBatch {
        let mut batch = RowBatch::default();
        let table: Arc<str> = Arc::from(table);
        let from = Bound::Included((table.clone(), Box::from(start)));
        let rows = self.rows.lock();
        for ((_, key), slot) in rows.range((from, Bound::Unbounded)).take_while(|((t, key), _)| *t == table && in_range(key, stop)) {
            let mut newest: BTreeMap<&[u8], &Loose> = BTreeMap::new();
            for row in slot.flushing.as_deref().into_iter().chain([&slot.waiting]) {
                newest.extend(row.cells.iter().filter_map(|(instant, columns)| Some((instant.as_ref(), columns.last()?))));
            }
            if !newest.is_empty() {
                batch.push_row(key);
                newest.into_values().for_each(|c| batch.push_cell(family.as_bytes(), &c.qualifier, &c.value, i64::MAX));
            }
        }
        batch
    }
}

fn in_range(key: &[u8], stop: &[u8]) -> bool {
    stop.is_empty() || key < stop
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(qualifier: &[u8], value: u8, accepted: i64) -> Loose {
        Loose { qualifier: qualifier.into(), value: [value].into(), accepted }
    }

    #[test]
    fn columns_of_an_instant_go_in_rounds() {
        let mut row = LooseRow::default();
        for (qualifier, value) in
            [([0, 0x13, 0x00], 1), ([0, 0x13, 0x0b], 2), ([1, 0x13, 0x00], 3), ([0, 0x13, 0x00], 4), ([0, 0x13, 0x10], 5)]
        {
            row.push("rollups", cell(&qualifier, value, 0));
        }
        let rounds: Vec<Vec<u8>> = row.rounds().iter().map(|r| r.iter().map(|c| c.value[0]).collect()).collect();
        // The value that came last is the last of its instant, although its column was there first.
        assert_eq!(rounds, [vec![2, 5, 3], vec![4]]);
        assert_eq!(row.len(), 4);
    }

    #[test]
    fn histograms_of_near_seconds_are_apart() {
        let mut row = LooseRow::default();
        for (qualifier, value) in [([6, 0x0c, 0x80], 1), ([6, 0x0c, 0x81], 2), ([6, 0x0c, 0x80], 3)] {
            row.push("", cell(&qualifier, value, 0));
        }
        let rounds: Vec<Vec<u8>> = row.rounds().iter().map(|r| r.iter().map(|c| c.value[0]).collect()).collect();
        assert_eq!(rounds, [vec![3, 2]]);
    }
}
