//! A filtered scan in two steps, for filters that many other rows pass too: the keys that pass are read without their
//! cells, tested byte by byte here, and only the rows that match are fetched.
//!
//! A region server sees every byte from 0x80 up as the same replacement mark, so a UID that ends in one looks like half
//! of all UIDs. Sending the keys of those rows is cheap; sending their cells is not.

use super::HbaseStore;
use super::scan::HbaseScanner;
use super::skip::KEYS_ONLY;
use crate::store::{Columns, Prefilter, Result, RowBatch, RowSize, Scan, Scanner};

/// Rows fetched at once at most, and collected before they are; fewer where the scan's batches are smaller.
const FETCH_ROWS: usize = 128;

/// What is sent of a row in the first step, about.
const KEY_SIZE: RowSize = RowSize { bytes: 64, cells: 1 };

/// A running scan in two steps.
pub(super) struct KeyedScanner {
    store: HbaseStore,
    table: String,
    keys: HbaseScanner,
    page: RowBatch,
    columns: Columns,
    prefilter: Prefilter,
    found: Vec<Vec<u8>>,
    fetch_rows: usize,
    ended: bool,
}

impl KeyedScanner {
    pub(super) fn new(store: HbaseStore, table: &str, mut scan: Scan, mut prefilter: Prefilter, filter: &str) -> KeyedScanner {
        prefilter.tags.iter_mut().for_each(|tag| tag.values.sort_unstable());
        let columns = scan.columns.clone();
        let fetch_rows = scan.batch_rows.clamp(1, FETCH_ROWS);
        let filter = format!("{filter} AND {KEYS_ONLY}");
        scan.row_size = Some(KEY_SIZE);
        let keys = HbaseScanner::new(store.pool.clone(), table, scan, Some(filter));
        let (page, found) = (RowBatch::default(), Vec::new());
        KeyedScanner { store, table: table.to_owned(), keys, page, columns, prefilter, found, fetch_rows, ended: false }
    }

    /// Reads a page of keys, and more of them while there is something to fetch, but not enough.
    fn collect(&mut self) -> Result<()> {
        let mut pages = 0;
        while !self.ended && self.found.len() < self.fetch_rows && (pages == 0 || !self.found.is_empty()) {
            pages += 1;
            self.ended = !self.keys.next(&mut self.page)?;
            let keys = self.page.rows().map(|row| row.key()).filter(|key| matches(&self.prefilter, key));
            self.found.extend(keys.map(<[u8]>::to_vec));
        }
        Ok(())
    }
}

impl Scanner for KeyedScanner {
    fn next(&mut self, batch: &mut RowBatch) -> Result<bool> {
        batch.clear();
        self.collect()?;
        if self.found.is_empty() {
            return Ok(!self.ended);
        }
        let rest = self.found.split_off(self.found.len().min(self.fetch_rows));
        let asked = std::mem::replace(&mut self.found, rest);
        crate::store::Store::get(&self.store, &self.table, &asked, &self.columns, batch)?;
        Ok(true)
    }
}

/// True if the key holds all tags, or is no key of tags at all: what that is the caller decides.
fn matches(prefilter: &Prefilter, key: &[u8]) -> bool {
    let width = prefilter.tagk_width + prefilter.tagv_width;
    let Some(pairs) = key.get(prefilter.skip..).filter(|pairs| width > 0 && pairs.len().is_multiple_of(width)) else { return true };
    prefilter.tags.iter().all(|tag| {
        pairs.chunks_exact(width).any(|pair| {
            let (name, value) = pair.split_at(prefilter.tagk_width);
            name == tag.key && (tag.values.is_empty() || tag.values.binary_search_by(|v| v.as_slice().cmp(value)).is_ok())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::TagBytes;

    fn check(key: &[u8], want: bool) {
        let tag = |key: u8, values: &[u8]| TagBytes { key: vec![key], values: values.iter().map(|v| vec![*v]).collect() };
        let prefilter = Prefilter { skip: 2, tagk_width: 1, tagv_width: 1, tags: vec![tag(1, &[0x80, 0x81]), tag(9, &[])] };
        assert_eq!(matches(&prefilter, key), want, "{key:02x?}");
    }

    #[test]
    fn keys() {
        check(b"mb\x01\x80\x09\x05", true);
        check(b"mb\x01\x81\x05\x05\x09\xff", true);
        check(b"mb\x01\x82\x09\x05", false);
        check(b"mb\x01\x80", false);
        check(b"mb\x05\x01\x80\x09", false); // the same bytes across the border of two pairs
        check(b"mb", false);
        check(b"m", true); // too short for a key: not ours to judge
        check(b"mb\x01\x80\x09", true);
    }
}
