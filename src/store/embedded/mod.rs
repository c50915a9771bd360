//! The embedded engine: the same tables as HBase's, in LSM trees in a folder of this machine.
//!
//! One process owns the folder. It is not a server, knows nothing of points beyond the form of packed cells (which it keeps
//! in columns, [`cell`]), keeps one version of a cell, and has no regions. Bytes on disk: `docs/formats`.
//!
//! Big batches of cells go straight into table files and are on disk when [`Store::write`] returns; small ones go through
//! the trees' journal and are on disk after [`Store::sync`]. Increments, check-and-puts and everything in a table with a
//! family `id` (names and ids) are on disk when the call returns; threads that wait for the disk share one sync.

pub mod bits;
pub mod cell;
mod change;
mod commit;
mod floats;
mod folder;
mod health;
pub mod key;
mod scan;
mod skip;
mod stats;
mod table;
mod times;

use super::{Columns, Result, RowBatch, RowMutation, Scan, Scanner, Store, StoreError, TableSpec};
use cell::CellCoder;
use commit::Commits;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, config};
use folder::Folder;
use health::Health;
use parking_lot::{Mutex, RwLock};
use scan::{RowReader, TableScanner, Wanted};
use stats::Counters;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use table::{FAMILIES_MAX, Table};

/// Longest table name, in bytes.
const TABLE_NAME_BYTES_MAX: usize = 200;
/// Bytes of a data block before compression.
const BLOCK_BYTES: u32 = 16 * 1024;
/// The family that marks a table of names and ids, whose every change is on disk when the call returns.
const DURABLE_FAMILY: &str = "id";

/// How much memory and disk an embedded store takes.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Bytes of blocks kept in memory.
    pub cache_bytes: u64,
    /// Bytes of small writes that a table keeps in memory before it writes them to a table file.
    pub memtable_bytes: u64,
    /// Batches from this size (bytes as kept) go straight into table files.
    pub direct_bytes: usize,
    /// Bytes of the disk that stay free for merges: below it writes are refused.
    pub reserve_bytes: u64,
    /// Threads that flush and merge.
    pub threads: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        EmbeddedOptions { cache_bytes: 32 << 20, memtable_bytes: 8 << 20, direct_bytes: 256 << 10, reserve_bytes: 64 << 20, threads: 2 }
    }
}

/// A store in a folder. Dropping it closes it; running scans keep the folder until they end.
pub struct EmbeddedStore {
    commits: Commits,
    meta: Keyspace,
    tables: RwLock<BTreeMap<String, Arc<Table>>>,
    options: EmbeddedOptions,
    health: Arc<Health>,
    counters: Arc<Counters>,
    // The last field: the folder is given free after the trees are closed.
    folder: Folder,
}

impl EmbeddedStore {
    /// Opens the store in a folder, or makes one there. `Rejected`: another process owns the folder, it holds something
    /// else, or a store of another format. `Corrupt`: files are damaged.
    pub fn open(path: impl AsRef<Path>, options: EmbeddedOptions) -> Result<EmbeddedStore> {
        let folder = Folder::open(path.as_ref())?;
        let health = Arc::new(Health::new(folder.path(), options.reserve_bytes));
        let database = health.call("opening the store", || {
            Database::builder(folder.trees())
                .cache_size(options.cache_bytes)
                .manual_journal_persist(true)
                .max_journaling_size(64 << 20)
                .worker_threads(options.threads.max(1))
                .max_cached_files(Some(256))
                .open()
        })?;
        let meta = health.call("opening the list of tables", || database.keyspace("meta", small_tree))?;
        folder.finish_making().map_err(|e| StoreError::Unavailable(format!("cannot finish {}: {e}", folder.path().display())))?;
        let counters = Arc::new(Counters::default());
        let clock = read_number(&meta, &health, b"clock")?.unwrap_or_default();
        let store = EmbeddedStore {
            commits: Commits::new(database, clock, health.clone(), counters.clone()),
            meta,
            tables: RwLock::default(),
            options,
            health,
            counters,
            folder,
        };
        store.open_tables()?;
        Ok(store)
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
        let memtable = self.options.memtable_bytes;
        let tree = self.health.call("opening a table", || {
            self.commits.database().keyspace(&format!("t.{name}"), || data_tree().max_memtable_size(memtable))
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

    fn table(&self, name: &str) -> Result<Arc<Table>> {
        let found = self.tables.read().get(name).cloned();
        found.ok_or_else(|| {
            StoreError::Rejected(format!("table {name} does not exist in the embedded store; `tsdb create-tables` makes it"))
        })
    }

    /// Remembers a time ahead of the clock that a caller gave, so that later writes of now know that they may be older.
    fn note_given(&self, table: &Table, rows: &[RowMutation], now: i64) -> Result<()> {
        let latest = rows.iter().filter_map(|r| r.time).max();
        if let Some(latest) = latest.filter(|t| table.note_given(*t) && *t >= now) {
            let key = format!("given/{}", table.name);
            self.commits.put_small(&self.meta, key.as_bytes(), &latest.to_be_bytes())?;
            self.commits.sync()?;
        }
        Ok(())
    }

    /// Merges every table completely: what is on disk afterwards is what the data takes. For benchmarks and tests.
    pub fn merge_all(&self) -> Result<()> {
        for table in self.tables.read().values() {
            self.health.call("merging", || table.tree.rotate_memtable_and_wait())?;
            self.health.call("merging", || table.tree.major_compact())?;
        }
        Ok(())
    }

    /// Bytes of table files of a table.
    pub fn table_bytes(&self, table: &str) -> Result<u64> {
        Ok(self.table(table)?.tree.disk_space())
    }

    /// Reads one cell, changes it and writes it, alone: `change` gets the stored value and returns the new one, or none.
    fn update<T>(
        &self,
        (table, row, family, qualifier): (&str, &[u8], &str, &[u8]),
        change: impl FnOnce(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T)>,
    ) -> Result<T> {
        self.health.check_write()?;
        let table = self.table(table)?;
        let mut coder = CellCoder::default();
        let mut at = Table::row_key(row);
        let prefix = at.len();
        let packed = coder.push_column(table.family(family)?, qualifier, &mut at);
        key::check_size(row, &at)?;
        let _alone = table.commit.lock();
        let kept = self.health.call("reading a cell", || table.tree.get(&at))?;
        let column = at.get(prefix + 1..).unwrap_or_default();
        let damaged = || StoreError::Corrupt(format!("table {}: the cell to change cannot be decoded", table.name));
        let stored = kept.as_ref().map(|kept| coder.read(packed, column, kept).ok_or_else(damaged)).transpose()?;
        let before = stored.map(|(time, _, _)| time);
        let (value, answer) = change(stored.map(|(_, _, value)| value))?;
        if let Some(value) = value {
            let now = self.commits.now();
            let mut kept = Vec::new();
            coder.push_column(table.family(family)?, qualifier, &mut Vec::new());
            coder.push_value(packed, before.map_or(now, |t| t.max(now)), &value, &mut kept);
            self.commits.put_small(&table.tree, &at, &kept)?;
            Counters::add(&self.counters.cells_written, 1);
        }
        Ok(answer)
    }
}

/// Trees of data: larger blocks, compressed at every level.
fn data_tree() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        .data_block_size_policy(config::BlockSizePolicy::all(BLOCK_BYTES))
        .data_block_compression_policy(config::CompressionPolicy::all(fjall::CompressionType::Lz4))
}

fn small_tree() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().manual_journal_persist(true).max_memtable_size(1 << 20)
}

fn read_number(meta: &Keyspace, health: &Health, key: &[u8]) -> Result<Option<i64>> {
    let bytes = health.call("reading the store's settings", || meta.get(key))?;
    Ok(bytes.and_then(|b| b.as_ref().try_into().ok()).map(i64::from_be_bytes))
}

impl Store for EmbeddedStore {
    fn write(&self, table: &str, rows: &[RowMutation]) -> Result<()> {
        self.health.check_write()?;
        let table = self.table(table)?;
        let now = self.commits.now();
        self.note_given(&table, rows, now)?;
        let mut changes = change::encode(&table, rows, now)?;
        let bytes = {
            let _alone = table.commit.lock();
            if table.is_ahead_of(now) {
                changes.iter_mut().for_each(|c| c.looks = true);
            }
            let changes = change::settle(changes, |at| self.health.call("reading a cell", || change::stored_time(&table, at)))?;
            Counters::add(&self.counters.cells_written, changes.len() as u64);
            self.commits.write(&table, changes, self.options.direct_bytes)?
        };
        Counters::add(&self.counters.bytes_written, bytes as u64);
        if table.is_durable { self.commits.sync() } else { Ok(()) }
    }

    fn get(&self, table: &str, keys: &[Vec<u8>], columns: &Columns, batch: &mut RowBatch) -> Result<()> {
        batch.clear();
        let table = self.table(table)?;
        let wanted = Wanted::new(&table, columns)?;
        let mut reader = RowReader::new(table, wanted);
        let snapshot = self.commits.database().snapshot();
        keys.iter().try_for_each(|row| reader.get(&snapshot, row, batch, &self.health).map(drop)).inspect_err(|_| batch.clear())
    }

    fn scan(&self, table: &str, scan: Scan) -> Result<Box<dyn Scanner>> {
        let table = self.table(table)?;
        let wanted = Wanted::new(&table, &scan.columns)?;
        let reader = RowReader::new(table, wanted);
        let snapshot = self.commits.database().snapshot();
        Ok(Box::new(TableScanner::new(reader, snapshot, scan, self.health.clone(), self.counters.clone())))
    }

    fn increment(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], by: i64) -> Result<i64> {
        let sum = self.update((table, row, family, qualifier), |stored| {
            let before = match stored.map(<[u8; 8]>::try_from) {
                None => 0,
                Some(Ok(bytes)) => i64::from_be_bytes(bytes),
                Some(Err(_)) => {
                    let text =
                        format!("table {table}: cannot increment a cell of {} bytes, a counter has 8", stored.map_or(0, <[u8]>::len));
                    return Err(StoreError::Rejected(text));
                }
            };
            let sum = before.wrapping_add(by);
            Ok((Some(sum.to_be_bytes().to_vec()), sum))
        })?;
        self.commits.sync()?;
        Ok(sum)
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
        let done = self.update((table, row, family, qualifier), |stored| {
            let holds = stored == expected;
            Ok((holds.then(|| value.to_vec()), holds))
        })?;
        // Also when it does not hold: the caller acts on the value that stands there, so that has to be on disk as well.
        self.commits.sync()?;
        Ok(done)
    }

    fn append(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], value: &[u8]) -> Result<()> {
        self.update((table, row, family, qualifier), |stored| Ok((Some([stored.unwrap_or_default(), value].concat()), ())))
    }

    fn tables(&self) -> Result<Vec<String>> {
        Ok(self.tables.read().keys().cloned().collect())
    }

    fn create_table(&self, spec: &TableSpec, _splits: &[Vec<u8>]) -> Result<()> {
        self.health.check_write()?;
        let mut families: Vec<String> = spec.families.iter().map(|f| f.name.to_owned()).collect();
        families.sort();
        families.dedup();
        let refuse = |why: &str| Err(StoreError::Rejected(format!("cannot create table {:?}: {why}", spec.name)));
        if spec.name.is_empty() || spec.name.len() > TABLE_NAME_BYTES_MAX || spec.name.contains(['/', '\n', '\0']) {
            return refuse("a name has 1 to 200 bytes, no slash and no control characters");
        }
        if families.is_empty() || families.len() > FAMILIES_MAX || families.iter().any(|f| f.is_empty() || f.contains('\n')) {
            return refuse("it needs 1 to 100 column families, each with a name");
        }
        if let Ok(there) = self.table(&spec.name) {
            return if there.families == families { Ok(()) } else { refuse("it exists with other column families") };
        }
        let entry = (format!("table/{}", spec.name), families.join("\n"));
        self.open_table(spec.name.clone(), families)?;
        self.commits.put_small(&self.meta, entry.0.as_bytes(), entry.1.as_bytes())?;
        self.commits.sync()
    }

    fn sync(&self) -> Result<()> {
        // The clock is kept so that it does not fall behind the stored cells when the machine's clock is set back.
        if self.commits.is_clock_due() {
            self.commits.put_small(&self.meta, b"clock", &self.commits.now().to_be_bytes())?;
        }
        self.commits.sync()
    }

    fn describe(&self) -> String {
        format!("embedded store in {}", self.folder.path().display())
    }

    fn is_private(&self) -> bool {
        true
    }

    fn stats(&self, emit: &mut dyn FnMut(&str, u64)) {
        self.counters.emit(emit);
        emit("poisoned", u64::from(self.health.is_poisoned()));
        self.commits.emit(emit);
        for table in self.tables.read().values() {
            emit(&format!("disk_bytes table={}", table.name), table.tree.disk_space());
            emit(&format!("files table={}", table.name), table.tree.table_count() as u64);
        }
    }
}
