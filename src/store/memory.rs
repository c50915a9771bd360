//! A store in memory with HBase's idea of time, for tests: every cell has versions, deletes hide what is not newer. It can be
//! private or shared, fail on demand, lose its power and keep an image in a file.

use super::{Columns, Mutation, Overlay, Prefilter, Result, RowBatch, RowMutation, Scan, Scanner, Store, StoreError, TableSpec};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// Rows of a batch of a scan at most: few, so that there are several.
const BATCH_ROWS_MAX: usize = 7;

/// Row, qualifier, value, time.
pub type DataCell = (Vec<u8>, Vec<u8>, Vec<u8>, i64);
/// Versions by time; `None` is a delete.
type Versions = BTreeMap<i64, Option<Vec<u8>>>;
/// By family and qualifier.
type Row = BTreeMap<(String, Vec<u8>), Versions>;
/// Tables of rows.
type Image = BTreeMap<String, BTreeMap<Vec<u8>, Row>>;
/// Table, row, family, qualifier and value, as they stand in a file.
type Saved = (String, Vec<u8>, String, Vec<u8>, Vec<u8>);

/// What happens to one call that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Carried out and answered.
    None,
    /// Nothing is done and the caller knows.
    Unavailable,
    /// Carried out, but the answer is lost.
    LostAnswer,
    /// Not carried out, and the caller cannot know.
    LostCall,
    /// The thread dies before the call.
    Death,
    /// Refused if it holds a row whose key contains these bytes.
    Reject(&'static [u8]),
}

/// Decides the fate of a call: its name and its place in the count of all changing calls.
type Fate = Box<dyn Fn(&str, u64) -> Fault + Send + Sync>;

pub struct MemoryStore {
    live: Mutex<Image>,
    /// What the last sync saw.
    durable: Mutex<Image>,
    /// The time of writes, in milliseconds.
    pub clock: Arc<AtomicI64>,
    /// Each row that is written has a time of its own.
    ticks: bool,
    private: bool,
    fate: Mutex<Fate>,
    calls: AtomicU64,
    /// What happens to writes and appends that fate lets pass.
    pub fault: Mutex<Fault>,
    /// Reads fail too while this is set.
    pub away: AtomicBool,
    /// Rows are got when nobody holds this; so many wait for it.
    pub reads: Mutex<()>,
    pub waiting: AtomicU64,
    /// Every call of `write` to the data table.
    pub writes: Mutex<Vec<Vec<RowMutation>>>,
    file: Option<PathBuf>,
    /// How long a write takes before anything of it is visible.
    pub pause: Mutex<Duration>,
}

impl Default for MemoryStore {
    /// Private, with a clock that goes on with each row.
    fn default() -> MemoryStore {
        MemoryStore { ticks: true, ..MemoryStore::new(true, Arc::default()) }
    }
}

impl MemoryStore {
    /// With a clock that others set.
    pub fn new(private: bool, clock: Arc<AtomicI64>) -> MemoryStore {
        MemoryStore {
            live: Mutex::default(),
            durable: Mutex::default(),
            clock,
            ticks: false,
            private,
            fate: Mutex::new(Box::new(|_, _| Fault::None)),
            calls: AtomicU64::new(0),
            fault: Mutex::new(Fault::None),
            away: AtomicBool::new(false),
            reads: Mutex::default(),
            waiting: AtomicU64::new(0),
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
            let cells: Vec<Saved> = serde_json::from_slice(&bytes).expect("the image is whole: it is renamed into place");
            cells.into_iter().for_each(|(table, row, family, qualifier, value)| store.set(&table, &row, &family, &qualifier, &value, 1));
        }
        store.file = Some(path);
        store
    }

    /// Says what happens to calls from now on.
    pub fn set_fate(&self, fate: impl Fn(&str, u64) -> Fault + Send + Sync + 'static) {
        self.calls.store(0, SeqCst);
        *self.fate.lock() = Box::new(fate);
    }

    /// Somebody else writes a cell.
    pub fn set(&self, table: &str, row: &[u8], family: &str, qualifier: &[u8], value: &[u8], time: i64) {
        let mut live = self.live.lock();
        let row = live.entry(table.to_owned()).or_default().entry(row.to_vec()).or_default();
        row.entry((family.to_owned(), qualifier.to_vec())).or_default().insert(time, Some(value.to_vec()));
    }

    /// Another TSD writes a cell of points.
    pub fn put(&self, row: &[u8], qualifier: &[u8], value: &[u8], time: i64) {
        self.set("tsdb", row, "t", qualifier, value, time);
    }

    /// Cells of the data table.
    pub fn cells(&self) -> Vec<DataCell> {
        self.cells_of("tsdb")
    }

    /// Cells of a table of points.
    pub fn cells_of(&self, table: &str) -> Vec<DataCell> {
        let all = self.saved().into_iter().filter(|((of, _, family, _, _), _)| of == table && family == "t");
        all.map(|((_, row, _, qualifier, value), time)| (row, qualifier, value, time)).collect()
    }

    /// Values of all cells by row, family and qualifier.
    pub fn values(&self) -> BTreeMap<(Vec<u8>, String, Vec<u8>), Vec<u8>> {
        self.saved().into_iter().map(|((_, row, family, qualifier, value), _)| ((row, family, qualifier), value)).collect()
    }

    /// All cells as `row family:qualifier value`, names and ids readable.
    pub fn dump(&self) -> Vec<String> {
        let text = |b: &[u8]| b.escape_ascii().to_string();
        self.values().iter().map(|((r, f, q), v)| format!("{} {f}:{} {}", text(r), text(q), text(v))).collect()
    }

    fn saved(&self) -> Vec<(Saved, i64)> {
        let live = self.live.lock();
        let rows = live.iter().flat_map(|(table, rows)| rows.iter().map(move |(key, row)| (table, key, row)));
        let cells = rows.flat_map(|(table, key, row)| row.iter().map(move |(column, versions)| (table, key, column, versions)));
        cells
            .filter_map(|(table, key, (family, qualifier), versions)| {
                let (value, time) = newest(versions)?;
                Some(((table.clone(), key.clone(), family.clone(), qualifier.clone(), value.clone()), time))
            })
            .collect()
    }

    fn now(&self) -> i64 {
        if self.ticks { self.clock.fetch_add(1, SeqCst) + 1 } else { self.clock.load(SeqCst) }
    }

    fn check(&self) -> Result<()> {
        if self.away.load(SeqCst) { Err(away()) } else { Ok(()) }
    }

    /// Carries out a call that changes something, as its fate wants it.
    fn call<T>(&self, name: &str, rows: &[RowMutation], work: impl FnOnce(&mut Image) -> T) -> Result<T> {
        self.check()?;
        let number = self.calls.fetch_add(1, SeqCst) + 1;
        let fault = match self.fate.lock()(name, number) {
            Fault::None if name == "write" || name == "append" => *self.fault.lock(),
            fate => fate,
        };
        let unknown = || StoreError::MaybeApplied { who: "memory".into(), deadline: Duration::from_secs(1) };
        let refused = |bytes: &[u8]| rows.iter().any(|r| r.row.windows(bytes.len()).any(|w| w == bytes));
        match fault {
            Fault::Unavailable => Err(away()),
            Fault::LostCall => Err(unknown()),
            Fault::LostAnswer => {
                let _lost = work(&mut self.live.lock());
                Err(unknown())
            }
            Fault::Death => panic!("killed before {name}"),
            Fault::Reject(bytes) if refused(bytes) => Err(StoreError::Rejected("memory refuses this row".into())),
            Fault::None | Fault::Reject(_) => Ok(work(&mut self.live.lock())),
        }
    }

    fn apply(&self, image: &mut Image, table: &str, rows: &[RowMutation]) {
        let table = image.entry(table.to_owned()).or_default();
        for row in rows {
            let time = row.time.unwrap_or_else(|| self.now());
            let cells = table.entry(row.row.clone()).or_default();
            for mutation in &row.mutations {
                let (family, qualifier, value) = match mutation.clone() {
                    Mutation::Put { family, qualifier, value } => (family, qualifier, Some(value)),
                    Mutation::Delete { family, qualifier } => (family, qualifier, None),
                };
                let versions = cells.entry((family.to_owned(), qualifier)).or_default();
                // A put at or before a delete's time stays hidden, as in HBase.
                if value.is_none() || versions.get(&time) != Some(&None) {
                    versions.insert(time, value);
                }
            }
        }
    }

    /// Makes a cell's value from what it was.
    fn change<T>(
        &self,
        name: &str,
        (table, row, family, qualifier): (&str, &[u8], &str, &[u8]),
        work: impl FnOnce(Option<&[u8]>) -> (Option<Vec<u8>>, T),
    ) -> Result<T> {
        self.call(name, &[], |image| {
            let row = image.entry(table.to_owned()).or_default().entry(row.to_vec()).or_default();
            let versions = row.entry((family.to_owned(), qualifier.to_vec())).or_default();
            let (new, answer) = work(newest(versions).map(|(value, _)| value.as_slice()));
            if let Some(new) = new {
                versions.insert(self.now(), Some(new));
            }
            answer
        })
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("memory is away".into())
}

/// The version that a reader sees.
fn newest(versions: &Versions) -> Option<(&Vec<u8>, i64)> {
    let (time, value) = versions.iter().next_back()?;
    value.as_ref().map(|v| (v, *time))
}

/// Appends what a reader sees of a row; nothing if that is nothing.
fn push(batch: &mut RowBatch, key: &[u8], row: &Row, columns: &Columns) {
    let wanted = |family: &str, qualifier: &Vec<u8>| match columns {
        Columns::All => true,
        Columns::Family(wanted) => *wanted == family,
        Columns::Only(only) => only.iter().any(|(f, q)| *f == family && q == qualifier),
    };
    batch.push_row(key);
    let mut any = false;
    for ((family, qualifier), versions) in row.iter().filter(|((family, qualifier), _)| wanted(family, qualifier)) {
        if let Some((value, time)) = newest(versions) {
            batch.push_cell(family.as_bytes(), qualifier, value, time);
            any = true;
        }
    }
    if !any {
        batch.pop_row();
    }
}

fn may_match(prefilter: &Prefilter, key: &[u8]) -> bool {
    let pairs: Vec<_> = key[prefilter.skip..].chunks(prefilter.tagk_width + prefilter.tagv_width).collect();
    assert!(prefilter.tags.is_sorted_by(|a, b| a.key < b.key), "the prefilter's tags must be in order");
    prefilter.tags.iter().all(|tag| {
        let value = pairs.iter().map(|pair| pair.split_at(prefilter.tagk_width)).find(|pair| pair.0 == tag.key).map(|pair| pair.1);
        value.is_some_and(|value| tag.values.is_empty() || tag.values.iter().any(|v| v == value))
    })
}

/// Rows as they were when the scan began.
struct Rows {
    rows: std::vec::IntoIter<(Vec<u8>, Row)>,
    columns: Columns,
    batch_rows: usize,
}

impl Scanner for Rows {
    fn next(&mut self, batch: &mut RowBatch) -> Result<bool> {
        batch.clear();
        for (key, row) in self.rows.by_ref() {
            push(batch, &key, &row, &self.columns);
            if batch.len() >= self.batch_rows {
                break;
            }
        }
        Ok(!batch.is_empty())
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
        self.call("write", rows, |image| self.apply(image, table, rows))
    }

    fn get(&self, table: &str, keys: &[Vec<u8>], columns: &Columns, batch: &mut RowBatch) -> Result<()> {
        self.check()?;
        self.waiting.fetch_add(1, SeqCst);
        drop(self.reads.lock());
        self.waiting.fetch_sub(1, SeqCst);
        batch.clear();
        if let Some(rows) = self.live.lock().get(table) {
            keys.iter().filter_map(|key| rows.get_key_value(key)).for_each(|(key, row)| push(batch, key, row, columns));
        }
        Ok(())
    }

    fn scan(&self, table: &str, scan: Scan) -> Result<Box<dyn Scanner>> {
        self.check()?;
        assert!(!scan.reverse, "nobody who is tested here scans backwards");
        let live = self.live.lock();
        let behind = live.get(table).into_iter().flat_map(|rows| rows.range(scan.start.clone()..));
        let rows = behind.take_while(|(key, _)| scan.stop.is_empty() || **key < scan.stop);
        // Rows that the prefilter allows to leave out are left out: the answers must be the same with and without it.
        let kept = rows.filter(|(key, _)| scan.prefilter.as_ref().is_none_or(|prefilter| may_match(prefilter, key)));
        let rows: Vec<(Vec<u8>, Row)> = kept.map(|(key, row)| (key.clone(), row.clone())).collect();
        Ok(Box::new(Rows { rows: rows.into_iter(), columns: scan.columns, batch_rows: scan.batch_rows.clamp(1, BATCH_ROWS_MAX) }))
    }

    fn increment(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], by: i64) -> Result<i64> {
        self.change("increment", (table, row, family, qualifier), |old| {
            let new = old.map_or(0, |v| i64::from_be_bytes(v.try_into().unwrap())) + by;
            (Some(new.to_be_bytes().to_vec()), new)
        })
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
        self.change(&format!("check_and_put {family}"), (table, row, family, qualifier), |old| {
            let fits = old == expected;
            (fits.then(|| value.to_vec()), fits)
        })
    }

    fn append(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], value: &[u8]) -> Result<()> {
        self.change("append", (table, row, family, qualifier), |old| (Some([old.unwrap_or_default(), value].concat()), ()))
    }

    fn tables(&self) -> Result<Vec<String>> {
        Ok(self.live.lock().keys().cloned().collect())
    }

    fn create_table(&self, _: &TableSpec, _: &[Vec<u8>]) -> Result<()> {
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        if let Some(path) = &self.file {
            let cells: Vec<Saved> = self.saved().into_iter().map(|(cell, _)| cell).collect();
            let new = path.with_extension("new");
            std::fs::write(&new, serde_json::to_vec(&cells).unwrap()).unwrap();
            std::fs::rename(&new, path).unwrap();
        }
        let image = self.live.lock().clone();
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

/// A store whose rows wait in memory for another one.
impl Overlay for MemoryStore {
    fn pin(&self, table: &str, start: &[u8], stop: &[u8]) -> RowBatch {
        let mut batch = RowBatch::default();
        let live = self.live.lock();
        let behind = live.get(table).into_iter().flat_map(|rows| rows.range(start.to_vec()..));
        for (key, row) in behind.take_while(|(key, _)| stop.is_empty() || key.as_slice() < stop) {
            batch.push_row(key);
            let cells = row.iter().filter_map(|(column, versions)| Some((column, newest(versions)?.0)));
            cells.for_each(|((family, qualifier), value)| batch.push_cell(family.as_bytes(), qualifier, value, i64::MAX));
        }
        batch
    }
}
