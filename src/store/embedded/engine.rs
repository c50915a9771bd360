//! The opened trees: the list of tables, the tables, and what goes into them.

use super::commit::Commits;
use super::health::Health;
use super::stats::Counters;
use super::table::Table;
use super::{EmbeddedOptions, data_tree, small_tree};
use crate::store::{Result, RowMutation, StoreError};
use fjall::{Database, Keyspace};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

/// The family that marks a table of names and ids, whose every change is on disk when the call returns.
const DURABLE_FAMILY: &str = "id";
/// Bytes of the trees' journal from which on small tables are flushed so that it can be cut: what a start has to replay.
const JOURNAL_BYTES: u64 = 64 << 20;
/// Files kept open.
const OPEN_FILES: usize = 256;

/// Open trees.
pub struct Engine {
    /// The way in.
    pub commits: Commits,
    /// Open tables by name.
    pub tables: RwLock<BTreeMap<String, Arc<Table>>>,
    meta: Keyspace,
    health: Arc<Health>,
    memtable_bytes: u64,
}

impl Engine {
    /// Opens the trees in a folder, or makes them there.
    pub fn open(trees: &Path, options: &EmbeddedOptions, health: &Arc<Health>, counters: &Arc<Counters>) -> Result<Engine> {
        let database = health.call("opening the store", || {
            Database::builder(trees)
                .cache_size(options.cache_bytes)
                .manual_journal_persist(true)
                .max_journaling_size(JOURNAL_BYTES)
                .worker_threads(options.threads.max(1))
                .max_cached_files(Some(OPEN_FILES))
                .open()
        })?;
        let meta = health.call("opening the list of tables", || database.keyspace("meta", small_tree))?;
        let clock = read_number(&meta, health, b"clock")?.unwrap_or_default();
        let engine = Engine {
            commits: Commits::new(database, clock, health.clone(), counters.clone()),
            tables: RwLock::default(),
            meta,
            health: health.clone(),
            memtable_bytes: options.memtable_bytes,
        };
        engine.open_tables()?;
        Ok(engine)
    }

    fn open_tables(&self) -> Result<()> {
        for entry in self.meta.prefix("table/") {
            let (key, families) = self.health.call("reading the list of tables", || entry.into_inner())?;
            let name = String::from_utf8_lossy(key.strip_prefix(b"table/").unwrap_or_default()).into_owned();
            let families = String::from_utf8_lossy(&families).lines().map(str::to_owned).collect();
            self.open_table(name, families)?;
        }
        Ok(())
    }

    fn open_table(&self, name: String, families: Vec<String>) -> Result<()> {
        let tree = self.health.call("opening a table", || {
            self.commits.database().keyspace(&format!("t.{name}"), || data_tree().max_memtable_size(self.memtable_bytes))
        })?;
        let given = read_number(&self.meta, &self.health, format!("given/{name}").as_bytes())?;
        let table = Table {
            is_durable: families.iter().any(|f| f == DURABLE_FAMILY),
            name: name.clone(),
            families,
            tree,
            commit: Mutex::new(()),
            latest_given: AtomicI64::new(given.unwrap_or(i64::MIN)),
        };
        self.tables.write().insert(name, Arc::new(table));
        Ok(())
    }

    /// Makes a table and notes it in the list.
    pub fn make_table(&self, name: &str, families: Vec<String>) -> Result<()> {
        let list = families.join("\n");
        self.open_table(name.to_owned(), families)?;
        self.commits.put_small(&self.meta, format!("table/{name}").as_bytes(), list.as_bytes())?;
        self.commits.sync()
    }

    /// An open table. `Rejected`: there is none of that name.
    pub fn table(&self, name: &str) -> Result<Arc<Table>> {
        let found = self.tables.read().get(name).cloned();
        let text = || format!("table {name} does not exist in the embedded store; `tsdb create-tables` makes it");
        found.ok_or_else(|| StoreError::Rejected(text()))
    }

    /// Remembers a time ahead of the clock that a caller gave, so that later writes of now know that they may be older.
    pub fn note_given(&self, table: &Table, rows: &[RowMutation], now: i64) -> Result<()> {
        let latest = rows.iter().filter_map(|r| r.time).max();
        if let Some(latest) = latest.filter(|t| table.note_given(*t) && *t >= now) {
            let key = format!("given/{}", table.name);
            self.commits.put_small(&self.meta, key.as_bytes(), &latest.to_be_bytes())?;
            self.commits.sync()?;
        }
        Ok(())
    }

    /// Keeps the clock, at most once a second, so that it does not fall behind the stored cells when the machine's clock is
    /// set back.
    pub fn keep_clock(&self) -> Result<()> {
        if self.commits.is_clock_due() {
            self.commits.put_small(&self.meta, b"clock", &self.commits.now().to_be_bytes())?;
        }
        Ok(())
    }
}

fn read_number(meta: &Keyspace, health: &Health, key: &[u8]) -> Result<Option<i64>> {
    let bytes = health.call("reading the store's settings", || meta.get(key))?;
    Ok(bytes.and_then(|b| b.as_ref().try_into().ok()).map(i64::from_be_bytes))
}
