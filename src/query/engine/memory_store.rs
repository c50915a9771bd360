//! A store in a map, for tests of the engine without I/O.

use crate::codec::{Layout, SeriesKey, base_time, encode_point};
use crate::point::{PointTime, Value};
use crate::store::{Columns, Mutation, Overlay, Result, RowBatch, RowMutation, Scan, Scanner, Store, StoreError, TableSpec};
use crate::uid::{UidKind, Uids};
use parking_lot::Mutex;
use std::collections::BTreeMap;

type Cells = BTreeMap<(&'static str, Vec<u8>), (Vec<u8>, i64)>;

/// Tables of rows of cells; the time of a cell is the number of its write.
#[derive(Default)]
pub struct MemoryStore {
    tables: Mutex<BTreeMap<String, BTreeMap<Vec<u8>, Cells>>>,
    clock: Mutex<i64>,
}

struct MemoryScanner(std::vec::IntoIter<(Vec<u8>, Cells)>, usize);

impl Scanner for MemoryScanner {
    fn next(&mut self, batch: &mut RowBatch) -> Result<bool> {
        batch.clear();
        for (key, cells) in self.0.by_ref().take(self.1) {
            push(batch, &key, &cells, &Columns::All);
        }
        Ok(!batch.is_empty())
    }
}

fn push(batch: &mut RowBatch, key: &[u8], cells: &Cells, columns: &Columns) {
    let wanted = |family: &str, qualifier: &Vec<u8>| match columns {
        Columns::All => true,
        Columns::Family(wanted) => *wanted == family,
        Columns::Only(only) => only.iter().any(|(f, q)| *f == family && q == qualifier),
    };
    batch.push_row(key);
    let mut any = false;
    for ((family, qualifier), (value, time)) in cells.iter().filter(|((family, qualifier), _)| wanted(family, qualifier)) {
        batch.push_cell(family.as_bytes(), qualifier, value, *time);
        any = true;
    }
    if !any {
        batch.pop_row();
    }
}

impl Store for MemoryStore {
    fn write(&self, table: &str, rows: &[RowMutation]) -> Result<()> {
        let mut tables = self.tables.lock();
        let table = tables.entry(table.to_string()).or_default();
        for row in rows {
            let mut clock = self.clock.lock();
            *clock += 1;
            let cells = table.entry(row.row.clone()).or_default();
            for mutation in &row.mutations {
                match mutation.clone() {
                    Mutation::Put { family, qualifier, value } => {
                        cells.insert((family, qualifier), (value, row.time.unwrap_or(*clock)));
                    }
                    Mutation::Delete { family, qualifier } => drop(cells.remove(&(family, qualifier))),
                }
            }
        }
        Ok(())
    }
    fn get(&self, table: &str, keys: &[Vec<u8>], columns: &Columns, batch: &mut RowBatch) -> Result<()> {
        batch.clear();
        if let Some(rows) = self.tables.lock().get(table) {
            keys.iter().filter_map(|key| rows.get_key_value(key)).for_each(|(key, cells)| push(batch, key, cells, columns));
        }
        Ok(())
    }
    fn scan(&self, table: &str, scan: Scan) -> Result<Box<dyn Scanner>> {
        assert!(!scan.reverse, "the engine never scans backwards");
        let tables = self.tables.lock();
        let rows = tables.get(table).into_iter().flat_map(|rows| rows.iter());
        let inside = rows.filter(|(key, _)| **key >= scan.start && (scan.stop.is_empty() || **key < scan.stop));
        // Rows that the prefilter allows to leave out are left out: the answers must be the same with and without it.
        let kept = inside.filter(|(key, _)| scan.prefilter.as_ref().is_none_or(|prefilter| may_match(prefilter, key)));
        let rows: Vec<_> = kept.map(|(key, cells)| (key.clone(), cells.clone())).collect();
        Ok(Box::new(MemoryScanner(rows.into_iter(), scan.batch_rows.min(7))))
    }
    fn increment(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], by: i64) -> Result<i64> {
        let mut tables = self.tables.lock();
        let cells = tables.entry(table.to_string()).or_default().entry(row.to_vec()).or_default();
        let old =
            cells.get(&(family, qualifier.to_vec())).and_then(|(value, _)| value.as_slice().try_into().ok()).map_or(0, i64::from_be_bytes);
        cells.insert((family, qualifier.to_vec()), ((old + by).to_be_bytes().to_vec(), 0));
        Ok(old + by)
    }
    fn check_and_put(
        &self,
        table: &str,
        row: &[u8],
        family: &'static str,
        qualifier: &[u8],
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<bool> {
        let mut tables = self.tables.lock();
        let cells = tables.entry(table.to_string()).or_default().entry(row.to_vec()).or_default();
        let key = (family, qualifier.to_vec());
        let holds = cells.get(&key).map(|(value, _)| value.as_slice()) == expected;
        if holds {
            cells.insert(key, (value.to_vec(), 0));
        }
        Ok(holds)
    }
    fn append(&self, _: &str, _: &[u8], _: &'static str, _: &[u8], _: &[u8]) -> Result<()> {
        Err(StoreError::Rejected("no test appends".to_string()))
    }
    fn tables(&self) -> Result<Vec<String>> {
        Ok(self.tables.lock().keys().cloned().collect())
    }
    fn create_table(&self, _: &TableSpec, _: &[Vec<u8>]) -> Result<()> {
        Ok(())
    }
    fn sync(&self) -> Result<()> {
        Ok(())
    }
    fn describe(&self) -> String {
        "a map".to_string()
    }
    fn is_private(&self) -> bool {
        true
    }
    fn stats(&self, _: &mut dyn FnMut(&str, u64)) {}
}

/// A store whose rows wait in memory for another one.
impl Overlay for MemoryStore {
    fn pin(&self, table: &str, start: &[u8], stop: &[u8]) -> RowBatch {
        let mut batch = RowBatch::default();
        if let Some(rows) = self.tables.lock().get(table) {
            for (key, cells) in rows.iter().filter(|(key, _)| key.as_slice() >= start && (stop.is_empty() || key.as_slice() < stop)) {
                batch.push_row(key);
                cells.iter().for_each(|((family, qualifier), (value, _))| batch.push_cell(family.as_bytes(), qualifier, value, i64::MAX));
            }
        }
        batch
    }
}

fn may_match(prefilter: &crate::store::Prefilter, key: &[u8]) -> bool {
    let pairs: Vec<_> = key[prefilter.skip..].chunks(prefilter.tagk_width + prefilter.tagv_width).collect();
    assert!(prefilter.tags.is_sorted_by(|a, b| a.key < b.key), "the prefilter's tags must be in order");
    prefilter.tags.iter().all(|tag| {
        let value = pairs.iter().map(|pair| pair.split_at(prefilter.tagk_width)).find(|pair| pair.0 == tag.key).map(|pair| pair.1);
        value.is_some_and(|value| tag.values.is_empty() || tag.values.iter().any(|v| v == value))
    })
}

/// Stores one point as a cell of its own, assigning names as needed.
pub fn put(store: &MemoryStore, uids: &Uids, layout: &Layout, metric: &str, time: PointTime, value: Value, tags: &[(&str, &str)]) {
    let id = |kind, name| uids.id_or_create(kind, name).unwrap();
    let tags: Vec<_> = tags.iter().map(|(k, v)| (id(UidKind::Tagk, *k), id(UidKind::Tagv, *v))).collect();
    let key = SeriesKey::new(layout, id(UidKind::Metric, metric).as_bytes(), tags.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())));
    let (qualifier, bytes) = encode_point(time, value);
    let put = Mutation::Put { family: "t", qualifier: qualifier.encode().as_bytes().to_vec(), value: bytes.as_bytes().to_vec() };
    store.write("tsdb", &[RowMutation { row: key.row(base_time(time)), mutations: vec![put], time: None }]).unwrap();
}
