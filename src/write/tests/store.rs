//! A store in memory with HBase's idea of time: every cell has versions, deletes hide what is not newer. It can be
//! private or shared, fail on demand, lose its power and keep an image in a file. For tests of the way in.

use crate::store::{Columns, Mutation, Result, RowBatch, RowMutation, Scan, Scanner, Store, StoreError, TableSpec};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::time::Duration;

/// Table, row, family, qualifier.
type Column = (String, Vec<u8>, String, Vec<u8>);
/// Row, qualifier, value, time.
pub type DataCell = (Vec<u8>, Vec<u8>, Vec<u8>, i64);
/// Versions by time; `None` is a delete.
type Image = BTreeMap<Column, BTreeMap<i64, Option<Vec<u8>>>>;

/// What happens to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    Unavailable,
    LostAnswer,
    /// Rejects calls that hold a row whose key contains these bytes.
    Reject(&'static [u8]),
}

pub struct MemoryStore {
    live: Mutex<Image>,
    durable: Mutex<Image>,
    pub clock: Arc<AtomicI64>,
    private: bool,
    pub fault: Mutex<Fault>,
    /// Reads fail too while this is set.
    pub away: AtomicBool,
    /// Every call of `write` to the data table.
    pub writes: Mutex<Vec<Vec<RowMutation>>>,
    pub file: Option<PathBuf>,
    /// How long a write takes before anything of it is visible.
    pub pause: Mutex<Duration>,
}

impl MemoryStore {
    pub fn new(private: bool, clock: Arc<AtomicI64>) -> MemoryStore {
        MemoryStore {
            live: Mutex::default(),
            durable: Mutex::default(),
            clock,
            private,
            fault: Mutex::new(Fault::None),
            away: AtomicBool::new(false),
            writes: Mutex::default(),
            file: None,
            pause: Mutex::default(),
        }
    }

    /// What is left after a power cut.
    pub fn after_power_cut(&self) -> MemoryStore {
        let new = MemoryStore::new(self.private, self.clock.clone());
        *new.live.lock() = self.durable.lock().clone();
        *new.durable.lock() = self.durable.lock().clone();
        new
    }

    /// Goes on from a file, and writes it at every sync.
    pub fn in_file(path: PathBuf, clock: Arc<AtomicI64>) -> MemoryStore {
        let mut store = MemoryStore::new(true, clock);
        if let Ok(bytes) = std::fs::read(&path) {
            let cells: Vec<(Column, Vec<u8>)> = serde_json::from_slice(&bytes).expect("the image is whole: it is renamed into place");
            *store.live.lock() = cells.into_iter().map(|(c, v)| (c, BTreeMap::from([(1, Some(v))]))).collect();
        }
        store.file = Some(path);
        store
    }

    /// Another TSD writes a cell.
    pub fn put(&self, row: &[u8], qualifier: &[u8], value: &[u8], time: i64) {
        self.put_in("tsdb", row, qualifier, value, time);
    }

    /// The same in another table.
    pub fn put_in(&self, table: &str, row: &[u8], qualifier: &[u8], value: &[u8], time: i64) {
        let column = (table.to_owned(), row.to_vec(), "t".to_owned(), qualifier.to_vec());
        self.live.lock().entry(column).or_default().insert(time, Some(value.to_vec()));
    }

    /// Cells of the data table.
    pub fn cells(&self) -> Vec<DataCell> {
        self.cells_of("tsdb")
    }

    /// Cells of a table of points.
    pub fn cells_of(&self, of: &str) -> Vec<DataCell> {
        let live = self.live.lock();
        let data = live.iter().filter(|((table, _, family, _), _)| table == of && family == "t");
        data.filter_map(|((_, row, _, q), v)| newest(v).map(|(value, time)| (row.clone(), q.clone(), value.clone(), time))).collect()
    }

    fn check(&self) -> Result<()> {
        if self.away.load(SeqCst) { Err(StoreError::Unavailable("the test store is away".into())) } else { Ok(()) }
    }

    fn apply(&self, table: &str, rows: &[RowMutation]) {
        let now = self.clock.load(SeqCst);
        let mut live = self.live.lock();
        for row in rows {
            let time = row.time.unwrap_or(now);
            for mutation in &row.mutations {
                let (family, qualifier, value) = match mutation.clone() {
                    Mutation::Put { family, qualifier, value } => (family, qualifier, Some(value)),
                    Mutation::Delete { family, qualifier } => (family, qualifier, None),
                };
                let versions = live.entry((table.to_owned(), row.row.clone(), family.to_owned(), qualifier)).or_default();
                // A put at or before a delete's time stays hidden, as in HBase.
                if value.is_none() || versions.get(&time) != Some(&None) {
                    versions.insert(time, value);
                }
            }
        }
    }
}

/// The version that a reader sees.
fn newest(versions: &BTreeMap<i64, Option<Vec<u8>>>) -> Option<(&Vec<u8>, i64)> {
    let (time, value) = versions.iter().next_back()?;
    value.as_ref().map(|v| (v, *time))
}

fn wanted(columns: &Columns, family: &str, qualifier: &[u8]) -> bool {
    match columns {
        Columns::All => true,
        Columns::Family(f) => family == *f,
        Columns::Only(only) => only.iter().any(|(f, q)| family == *f && qualifier == q),
    }
}

fn fill(image: &Image, table: &str, inside: impl Fn(&[u8]) -> bool, columns: &Columns, batch: &mut RowBatch) {
    let mut last: Option<&[u8]> = None;
    for ((in_table, row, family, qualifier), versions) in image {
        if in_table != table || !inside(row) || !wanted(columns, family, qualifier) {
            continue;
        }
        let Some((value, time)) = newest(versions) else { continue };
        if last != Some(row) {
            batch.push_row(row);
            last = Some(row);
        }
        batch.push_cell(family.as_bytes(), qualifier, value, time);
    }
}

struct Rows(Option<RowBatch>);

impl Scanner for Rows {
    fn next(&mut self, batch: &mut RowBatch) -> Result<bool> {
        batch.clear();
        let Some(rows) = self.0.take() else { return Ok(false) };
        *batch = rows;
        Ok(true)
    }
}

impl Store for MemoryStore {
    fn write(&self, table: &str, rows: &[RowMutation]) -> Result<()> {
        self.check()?;
        if table == "tsdb" {
            self.writes.lock().push(rows.to_vec());
        }
        let pause = *self.pause.lock();
        std::thread::sleep(pause);
        let fault = *self.fault.lock();
        match fault {
            Fault::None => {}
            Fault::Unavailable => return Err(StoreError::Unavailable("the test store is away".into())),
            Fault::Reject(bytes) => {
                if rows.iter().any(|r| r.row.windows(bytes.len()).any(|w| w == bytes)) {
                    return Err(StoreError::Rejected("the test store refuses this row".into()));
                }
            }
            Fault::LostAnswer => {
                self.apply(table, rows);
                return Err(StoreError::MaybeApplied { who: "the test store".into(), deadline: Duration::from_secs(1) });
            }
        }
        self.apply(table, rows);
        Ok(())
    }

    fn get(&self, table: &str, keys: &[Vec<u8>], columns: &Columns, batch: &mut RowBatch) -> Result<()> {
        self.check()?;
        batch.clear();
        let live = self.live.lock();
        for key in keys {
            fill(&live, table, |row| row == key, columns, batch);
        }
        Ok(())
    }

    fn scan(&self, table: &str, scan: Scan) -> Result<Box<dyn Scanner>> {
        self.check()?;
        let mut batch = RowBatch::default();
        let inside = |row: &[u8]| row >= scan.start.as_slice() && (scan.stop.is_empty() || row < scan.stop.as_slice());
        fill(&self.live.lock(), table, inside, &scan.columns, &mut batch);
        Ok(Box::new(Rows((!batch.is_empty()).then_some(batch))))
    }

    fn increment(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], by: i64) -> Result<i64> {
        self.check()?;
        let mut live = self.live.lock();
        let versions = live.entry((table.to_owned(), row.to_vec(), family.to_owned(), qualifier.to_vec())).or_default();
        let old = newest(versions).map_or(0, |(v, _)| i64::from_be_bytes(v.as_slice().try_into().unwrap()));
        versions.insert(self.clock.load(SeqCst), Some((old + by).to_be_bytes().to_vec()));
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
        self.check()?;
        let mut live = self.live.lock();
        let versions = live.entry((table.to_owned(), row.to_vec(), family.to_owned(), qualifier.to_vec())).or_default();
        let fits = newest(versions).map(|(v, _)| v.as_slice()) == expected;
        if fits {
            versions.insert(self.clock.load(SeqCst), Some(value.to_vec()));
        }
        Ok(fits)
    }

    fn append(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], value: &[u8]) -> Result<()> {
        self.check()?;
        let fault = *self.fault.lock();
        if fault == Fault::Unavailable {
            return Err(StoreError::Unavailable("the test store is away".into()));
        }
        let mut live = self.live.lock();
        let versions = live.entry((table.to_owned(), row.to_vec(), family.to_owned(), qualifier.to_vec())).or_default();
        let whole = [newest(versions).map(|(v, _)| v.clone()).unwrap_or_default(), value.to_vec()].concat();
        versions.insert(self.clock.load(SeqCst), Some(whole));
        if fault == Fault::LostAnswer {
            return Err(StoreError::MaybeApplied { who: "the test store".into(), deadline: Duration::from_secs(1) });
        }
        Ok(())
    }

    fn tables(&self) -> Result<Vec<String>> {
        Ok(vec!["tsdb".into(), "tsdb-uid".into()])
    }

    fn create_table(&self, _: &TableSpec, _: &[Vec<u8>]) -> Result<()> {
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let image = self.live.lock().clone();
        if let Some(path) = &self.file {
            let cells: Vec<_> = image.iter().filter_map(|(c, v)| newest(v).map(|(value, _)| (c, value))).collect();
            let new = path.with_extension("new");
            std::fs::write(&new, serde_json::to_vec(&cells).unwrap()).unwrap();
            std::fs::rename(&new, path).unwrap();
        }
        *self.durable.lock() = image;
        Ok(())
    }

    fn describe(&self) -> String {
        "a store in memory".into()
    }

    fn is_private(&self) -> bool {
        self.private
    }

    fn stats(&self, _: &mut dyn FnMut(&str, u64)) {}
}
