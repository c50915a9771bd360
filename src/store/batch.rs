//! Rows as they are read: one buffer for all their bytes, no allocation a cell.

use std::ops::Range;

/// A run of rows with their cells, in one buffer that is reused from batch to batch.
#[derive(Clone, Debug, Default)]
pub struct RowBatch {
    bytes: Vec<u8>,
    rows: Vec<RowRef>,
    cells: Vec<CellRef>,
}

#[derive(Clone, Debug)]
struct RowRef {
    key: Range<usize>,
    cells: Range<usize>,
}

/// Family, qualifier and value stand behind each other: rows of many small cells take half the memory of three ranges.
#[derive(Clone, Copy, Debug)]
struct CellRef {
    start: usize,
    family: u32,
    qualifier: u32,
    value: u32,
    time: i64,
}

/// One row of a batch.
#[derive(Clone, Copy)]
pub struct RowView<'a> {
    batch: &'a RowBatch,
    row: &'a RowRef,
}

/// One cell of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellView<'a> {
    /// Column family.
    pub family: &'a [u8],
    /// Column qualifier.
    pub qualifier: &'a [u8],
    /// The bytes.
    pub value: &'a [u8],
    /// Milliseconds since the epoch at which the engine ordered this write.
    pub time: i64,
}

impl RowBatch {
    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
        self.cells.clear();
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes held.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Number of cells of all rows.
    pub fn cell_count(&self) -> usize {
        self.cells.len()
    }

    /// Begins a row; cells pushed after it are its own.
    pub fn push_row(&mut self, key: &[u8]) {
        let key = self.store(key);
        let at = self.cells.len();
        self.rows.push(RowRef { key, cells: at..at });
    }

    /// Adds a cell to the row begun last. Without a row it does nothing.
    #[inline]
    pub fn push_cell(&mut self, family: &[u8], qualifier: &[u8], value: &[u8], time: i64) {
        if self.rows.is_empty() {
            return;
        }
        let start = self.bytes.len();
        self.bytes.reserve(family.len() + qualifier.len() + value.len());
        self.bytes.extend_from_slice(family);
        self.bytes.extend_from_slice(qualifier);
        self.bytes.extend_from_slice(value);
        // No engine stores a part of a cell of 4 GiB.
        self.cells.push(CellRef { start, family: family.len() as u32, qualifier: qualifier.len() as u32, value: value.len() as u32, time });
        let end = self.cells.len();
        if let Some(row) = self.rows.last_mut() {
            row.cells.end = end;
        }
    }

    /// Takes the row begun last back, with its cells.
    pub fn pop_row(&mut self) {
        if let Some(row) = self.rows.pop() {
            self.cells.truncate(row.cells.start);
            self.bytes.truncate(row.key.start);
        }
    }

    /// The rows of two batches in order of their keys; of a row in both, this one's cells, then the other's.
    pub fn merged(&self, other: &RowBatch) -> RowBatch {
        let mut out = RowBatch::default();
        let (mut ours, mut theirs) = (self.rows().peekable(), other.rows().peekable());
        while let Some(key) = [ours.peek(), theirs.peek()].into_iter().flatten().map(|row| row.key()).min() {
            out.push_row(key);
            for row in [ours.next_if(|row| row.key() == key), theirs.next_if(|row| row.key() == key)].into_iter().flatten() {
                row.cells().for_each(|c| out.push_cell(c.family, c.qualifier, c.value, c.time));
            }
        }
        out
    }

    /// The rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = RowView<'_>> {
        self.rows.iter().map(move |row| RowView { batch: self, row })
    }

    /// One row by its place.
    pub fn row(&self, at: usize) -> Option<RowView<'_>> {
        self.rows.get(at).map(|row| RowView { batch: self, row })
    }

    fn store(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    #[inline]
    fn cell(&self, cell: &CellRef) -> CellView<'_> {
        let (family, qualifier, value) = (cell.family as usize, cell.qualifier as usize, cell.value as usize);
        let all = self.bytes.get(cell.start..cell.start + family + qualifier + value).unwrap_or_default();
        let (family, rest) = all.split_at_checked(family).unwrap_or_default();
        let (qualifier, value) = rest.split_at_checked(qualifier).unwrap_or_default();
        CellView { family, qualifier, value, time: cell.time }
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }
}

impl<'a> RowView<'a> {
    /// Row key.
    pub fn key(&self) -> &'a [u8] {
        self.batch.slice(&self.row.key)
    }

    /// Cells in order of family and qualifier.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = CellView<'a>> + use<'a> {
        let batch = self.batch;
        batch.cells.get(self.row.cells.clone()).unwrap_or_default().iter().map(move |cell| batch.cell(cell))
    }

    /// The value of one column.
    pub fn value(&self, family: &str, qualifier: &[u8]) -> Option<&'a [u8]> {
        self.cells().find(|c| c.family == family.as_bytes() && c.qualifier == qualifier).map(|c| c.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_cells() {
        let mut batch = RowBatch::default();
        batch.push_cell(b"t", b"q", b"v", 1); // no row yet: ignored
        batch.push_row(b"a");
        batch.push_cell(b"t", b"1", b"one", 5);
        batch.push_cell(b"t", b"2", b"two", 6);
        batch.push_row(b"b");
        batch.push_row(b"c");
        batch.push_cell(b"t", b"3", b"three", 7);
        batch.pop_row();
        let got: Vec<_> = batch.rows().map(|r| (r.key().to_vec(), r.cells().map(|c| c.value.to_vec()).collect::<Vec<_>>())).collect();
        assert_eq!(got, [(b"a".to_vec(), vec![b"one".to_vec(), b"two".to_vec()]), (b"b".to_vec(), vec![])]);
        assert_eq!(batch.row(0).and_then(|r| r.value("t", b"2")), Some(&b"two"[..]));
    }

    #[test]
    fn batches_are_merged_by_key() {
        let batch = |rows: &[(&[u8], &[u8])]| {
            let mut batch = RowBatch::default();
            for (key, value) in rows {
                batch.push_row(key);
                batch.push_cell(b"t", b"q", value, 1);
            }
            batch
        };
        let merged = batch(&[(b"a", b"1"), (b"c", b"2")]).merged(&batch(&[(b"b", b"3"), (b"c", b"4"), (b"d", b"5")]));
        let got: Vec<_> = merged.rows().map(|r| (r.key()[0], r.cells().map(|c| c.value[0]).collect::<Vec<_>>())).collect();
        assert_eq!(got, [(b'a', vec![b'1']), (b'b', vec![b'3']), (b'c', vec![b'2', b'4']), (b'd', vec![b'5'])]);
    }
}
