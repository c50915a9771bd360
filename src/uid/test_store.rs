//! The trait over a map in memory: a true check-and-put and increment, and faults on demand. For tests of this module.

use crate::store::{Columns, Mutation, Result, RowBatch, RowMutation, Scan, Scanner, Store, StoreError, TableSpec};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;

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
}

type Key = (Vec<u8>, &'static str, Vec<u8>);

/// Decides the fate of a call: its name and its place in the count of all changing calls.
type Fate = Box<dyn Fn(&str, u64) -> Fault + Send + Sync>;

pub struct MemoryStore {
    cells: Mutex<BTreeMap<Key, Vec<u8>>>,
    calls: Mutex<u64>,
    fate: Mutex<Fate>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore { cells: Mutex::default(), calls: Mutex::default(), fate: Mutex::new(Box::new(|_, _| Fault::None)) }
    }
}

impl MemoryStore {
    pub fn set_fate(&self, fate: impl Fn(&str, u64) -> Fault + Send + Sync + 'static) {
        *self.calls.lock() = 0;
        *self.fate.lock() = Box::new(fate);
    }

    pub fn put(&self, row: &[u8], family: &'static str, qualifier: &str, value: &[u8]) {
        self.cells.lock().insert((row.to_vec(), family, qualifier.into()), value.to_vec());
    }

    /// All cells as `row family:qualifier value`, names and ids readable.
    pub fn dump(&self) -> Vec<String> {
        let text = |b: &[u8]| b.escape_ascii().to_string();
        self.cells.lock().iter().map(|((r, f, q), v)| format!("{} {f}:{} {}", text(r), text(q), text(v))).collect()
    }

    pub fn cells(&self) -> BTreeMap<Key, Vec<u8>> {
        self.cells.lock().clone()
    }

    fn call<T>(&self, name: &str, work: impl FnOnce(&mut BTreeMap<Key, Vec<u8>>) -> T) -> Result<T> {
        let number = {
            let mut calls = self.calls.lock();
            *calls += 1;
            *calls
        };
        let fault = (self.fate.lock())(name, number);
        let unknown = || StoreError::MaybeApplied { who: "memory".into(), deadline: Duration::from_secs(1) };
        match fault {
            Fault::None => Ok(work(&mut self.cells.lock())),
            Fault::Unavailable => Err(StoreError::Unavailable("memory is away".into())),
            Fault::LostCall => Err(unknown()),
            Fault::LostAnswer => {
                let _lost = work(&mut self.cells.lock());
                Err(unknown())
            }
            Fault::Death => panic!("killed before {name}"),
        }
    }
}

fn wanted(columns: &Columns, key: &Key) -> bool {
    match columns {
        Columns::All => true,
        Columns::Family(family) => key.1 == *family,
        Columns::Only(only) => only.iter().any(|(f, q)| key.1 == *f && key.2 == *q),
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

fn fill<'a>(batch: &mut RowBatch, cells: impl Iterator<Item = (&'a Key, &'a Vec<u8>)>) {
    let mut last: Option<&[u8]> = None;
    for ((row, family, qualifier), value) in cells {
        if last != Some(row) {
            batch.push_row(row);
            last = Some(row);
        }
        batch.push_cell(family.as_bytes(), qualifier, value, 1);
    }
}

impl Store for MemoryStore {
    fn write(&self, _table: &str, rows: &[RowMutation]) -> Result<()> {
        self.call("write", |cells| {
            for row in rows {
                for mutation in &row.mutations {
                    match mutation.clone() {
                        Mutation::Put { family, qualifier, value } => cells.insert((row.row.clone(), family, qualifier), value),
                        Mutation::Delete { family, qualifier } => cells.remove(&(row.row.clone(), family, qualifier)),
                    };
                }
            }
        })
    }

    fn get(&self, _table: &str, keys: &[Vec<u8>], columns: &Columns, batch: &mut RowBatch) -> Result<()> {
        batch.clear();
        let cells = self.cells.lock();
        for key in keys {
            fill(batch, cells.iter().filter(|(k, _)| k.0 == *key && wanted(columns, k)));
        }
        Ok(())
    }

    fn scan(&self, _table: &str, scan: Scan) -> Result<Box<dyn Scanner>> {
        let cells = self.cells.lock();
        let mut batch = RowBatch::default();
        let inside = |k: &Key| k.0 >= scan.start && (scan.stop.is_empty() || k.0 < scan.stop);
        fill(&mut batch, cells.iter().filter(|(k, _)| inside(k) && wanted(&scan.columns, k)));
        Ok(Box::new(Rows((!batch.is_empty()).then_some(batch))))
    }

    fn increment(&self, _table: &str, row: &[u8], family: &'static str, qualifier: &[u8], by: i64) -> Result<i64> {
        self.call("increment", |cells| {
            let cell = cells.entry((row.to_vec(), family, qualifier.to_vec())).or_insert_with(|| vec![0; 8]);
            let value = i64::from_be_bytes(cell.as_slice().try_into().unwrap()) + by;
            *cell = value.to_be_bytes().to_vec();
            value
        })
    }

    fn check_and_put(
        &self,
        _table: &str,
        row: &[u8],
        family: &'static str,
        qualifier: &[u8],
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<bool> {
        self.call(if family == "id" { "claim name" } else { "claim id" }, |cells| {
            let key = (row.to_vec(), family, qualifier.to_vec());
            let fits = cells.get(&key).map(Vec::as_slice) == expected;
            if fits {
                cells.insert(key, value.to_vec());
            }
            fits
        })
    }

    fn append(&self, _: &str, _: &[u8], _: &'static str, _: &[u8], _: &[u8]) -> Result<()> {
        Err(StoreError::Rejected("names are never appended to".into()))
    }

    fn tables(&self) -> Result<Vec<String>> {
        Ok(vec!["tsdb-uid".into()])
    }

    fn create_table(&self, _: &TableSpec, _: &[Vec<u8>]) -> Result<()> {
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn describe(&self) -> String {
        "memory".into()
    }

    fn is_private(&self) -> bool {
        true
    }

    fn stats(&self, _: &mut dyn FnMut(&str, u64)) {}
}
