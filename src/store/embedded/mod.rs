//! The embedded engine: the same tables as HBase's, in LSM trees in a folder of this machine.
//!
//! One process owns the folder. It is not a server, knows nothing of points beyond the form of packed cells (which it keeps
//! in columns, [`cell`]), keeps one version of a cell, and has no regions. Bytes on disk: `docs/FORMATS.md`.
//!
//! Big batches of cells go straight into table files and are on disk when [`Store::write`] returns; small ones go through
//! the trees' journal and are on disk after [`Store::sync`]. Increments, check-and-puts and everything in a table with a
//! family `id` (names and ids) are on disk when the call returns; threads that wait for the disk share one sync.

pub mod bits;
pub mod cell;
mod change;
mod commit;
mod engine;
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
use engine::Engine;
use fjall::{AbstractTree, KeyspaceCreateOptions, config};
use folder::Folder;
use health::Health;
use parking_lot::RwLock;
use scan::{RowReader, TableScanner, Wanted};
use stats::Counters;
use std::path::Path;
use std::sync::Arc;
use table::{FAMILIES_MAX, Table};

/// Longest table name, in bytes.
const TABLE_NAME_BYTES_MAX: usize = 200;
/// Bytes of a data block before compression.
const BLOCK_BYTES: u32 = 16 * 1024;
/// How often a full merge looks whether the flushes before it are done.
const FLUSH_POLL: std::time::Duration = std::time::Duration::from_millis(5);
/// Bytes of a table file that a merge writes. New hours land at the end of each metric's rows, so smaller files leave more
/// of the older ones alone: a third to a half less is written than with 64 MB; still smaller ones make too many files.
const FILE_BYTES: u64 = 8 << 20;

/// How much memory and disk an embedded store takes.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Bytes of blocks kept in memory.
    pub cache_bytes: u64,
    /// Bytes of small writes that a table keeps in memory before it writes them to a table file.
    pub memtable_bytes: u64,
    /// Batches from this size (bytes as kept) go straight into table files. Smaller ones do better in the journal: the
    /// memtable makes large files of many of them, which need fewer merges than a file a batch.
    pub direct_bytes: usize,
    /// Bytes of the disk that stay free for merges: below it writes are refused. `None`: 512 MiB, on small disks an eighth.
    pub reserve_bytes: Option<u64>,
    /// Threads that flush and merge.
    pub threads: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        EmbeddedOptions { cache_bytes: 8 << 20, memtable_bytes: 8 << 20, direct_bytes: 4 << 20, reserve_bytes: None, threads: 2 }
    }
}

/// A store in a folder. Dropping it closes it; running scans keep the trees open until they end.
pub struct EmbeddedStore {
    /// `None` while the trees wait to be opened again.
    engine: RwLock<Option<Arc<Engine>>>,
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
        let counters = Arc::new(Counters::default());
        let engine = Engine::open(&folder.trees(), &options, &health, &counters)?;
        folder.finish_making().map_err(|e| StoreError::Unavailable(format!("cannot finish {}: {e}", folder.path().display())))?;
        Ok(EmbeddedStore { engine: RwLock::new(Some(Arc::new(engine))), options, health, counters, folder })
    }

    fn engine(&self) -> Result<Arc<Engine>> {
        if let Some(engine) = self.engine.read().as_ref() {
            return Ok(engine.clone());
        }
        self.open_again()
    }

    /// The trees, if they take writes.
    fn writable(&self) -> Result<Arc<Engine>> {
        self.health.check_space()?;
        let mut engine = self.engine()?;
        if !self.health.is_poisoned() && (self.health.is_stopped() || engine.commits.probe().is_err()) {
            drop(engine);
            engine = self.open_again()?;
        }
        self.health.check_poison()?;
        Ok(engine)
    }

    /// Opens the trees again after a flush or merge failed, the disk having been full as a rule. Only if all that was
    /// written is on disk: else a later sync would vouch for what may be lost.
    fn open_again(&self) -> Result<Arc<Engine>> {
        let mut slot = self.engine.write();
        if let Some(engine) = slot.as_ref() {
            if !self.health.is_stopped() {
                return Ok(engine.clone()); // another thread was faster
            }
            if engine.commits.is_dirty() {
                self.health.poison("a flush or merge failed with writes that were not synced");
            }
            self.health.check_poison().or_else(|fault| if self.health.is_poisoned() { Err(fault) } else { Ok(()) })?;
        }
        *slot = None;
        let engine = Engine::open(&self.folder.trees(), &self.options, &self.health, &self.counters).map_err(|fault| {
            let path = self.folder.path().display();
            // Locked: running scans still hold the old trees.
            StoreError::Unavailable(format!("the embedded store in {path} has to be opened again and cannot yet: {fault}"))
        })?;
        let engine = Arc::new(engine);
        *slot = Some(engine.clone());
        self.health.set_stopped(false);
        Ok(engine)
    }

    /// Merges every table completely: what is on disk afterwards is what the data takes. For benchmarks and tests.
    pub fn merge_all(&self) -> Result<()> {
        for table in self.engine()?.tables.read().values() {
            // A flush that was under way already is not waited for by the first call.
            while table.tree.sealed_memtable_count() > 0 || table.tree.tree.active_memtable().size() > 0 {
                self.health.call("merging", || table.tree.rotate_memtable_and_wait())?;
                self.health.check_poison()?;
                std::thread::sleep(FLUSH_POLL);
            }
            self.health.call("merging", || table.tree.major_compact())?;
        }
        Ok(())
    }

    /// Bytes of table files of a table.
    pub fn table_bytes(&self, table: &str) -> Result<u64> {
        Ok(self.engine()?.table(table)?.tree.disk_space())
    }

    /// Reads one cell, changes it and writes it, alone: `change` gets the stored value and returns the new one, or none.
    /// With `durable` everything written so far is on disk afterwards.
    fn update<T>(
        &self,
        durable: bool,
        (table, row, family, qualifier): (&str, &[u8], &str, &[u8]),
        change: impl FnOnce(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T)>,
    ) -> Result<T> {
        let engine = self.writable()?;
        let table = engine.table(table)?;
        let mut coder = CellCoder::default();
        let mut at = Table::row_key(row);
        let prefix = at.len();
        let packed = coder.push_column(table.family(family)?, qualifier, &mut at);
        key::check_size(row, &at)?;
        let alone = table.commit.lock();
        let kept = self.health.call("reading a cell", || table.tree.get(&at))?;
        let column = at.get(prefix + 1..).unwrap_or_default();
        let damaged = || StoreError::Corrupt(format!("table {}: the cell to change cannot be decoded", table.name));
        let stored = kept.as_ref().map(|kept| coder.read(packed, column, kept).ok_or_else(damaged)).transpose()?;
        let before = stored.map(|(time, _, _)| time);
        let (value, answer) = change(stored.map(|(_, _, value)| value))?;
        if let Some(value) = value {
            let now = engine.commits.now();
            let mut kept = Vec::new();
            coder.push_column(table.family(family)?, qualifier, &mut Vec::new());
            coder.push_value(packed, before.map_or(now, |t| t.max(now)), &value, &mut kept);
            engine.commits.put_small(&table.tree, &at, &kept)?;
            Counters::add(&self.counters.cells_written, 1);
        }
        drop(alone);
        if durable {
            engine.commits.sync()?;
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
        .compaction_strategy(Arc::new(fjall::compaction::Leveled::default().with_table_target_size(FILE_BYTES)))
}

fn small_tree() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().manual_journal_persist(true).max_memtable_size(1 << 20)
}

impl Store for EmbeddedStore {
    fn write(&self, table: &str, rows: &[RowMutation]) -> Result<()> {
        let engine = self.writable()?;
        let table = engine.table(table)?;
        let now = engine.commits.now();
        engine.note_given(&table, rows, now)?;
        let mut changes = change::encode(&table, rows, now)?;
        let bytes = {
            let _alone = table.commit.lock();
            if table.is_ahead_of(now) {
                changes.iter_mut().for_each(|c| c.looks = true);
            }
            let changes = change::settle(changes, |at| self.health.call("reading a cell", || change::stored_time(&table, at)))?;
            Counters::add(&self.counters.cells_written, changes.len() as u64);
            engine.commits.write(&table, changes, self.options.direct_bytes)?
        };
        Counters::add(&self.counters.bytes_written, bytes as u64);
        if table.is_durable { engine.commits.sync() } else { Ok(()) }
    }

    fn get(&self, table: &str, keys: &[Vec<u8>], columns: &Columns, batch: &mut RowBatch) -> Result<()> {
        batch.clear();
        let engine = self.engine()?;
        let table = engine.table(table)?;
        let wanted = Wanted::new(&table, columns)?;
        let mut reader = RowReader::new(table, wanted);
        let snapshot = engine.commits.database().snapshot();
        keys.iter().try_for_each(|row| reader.get(&snapshot, row, batch, &self.health).map(drop)).inspect_err(|_| batch.clear())
    }

    fn scan(&self, table: &str, scan: Scan) -> Result<Box<dyn Scanner>> {
        let engine = self.engine()?;
        let table = engine.table(table)?;
        let wanted = Wanted::new(&table, &scan.columns)?;
        let reader = RowReader::new(table, wanted);
        let snapshot = engine.commits.database().snapshot();
        Ok(Box::new(TableScanner::new(reader, snapshot, scan, self.health.clone(), self.counters.clone())))
    }

    fn increment(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], by: i64) -> Result<i64> {
        self.update(true, (table, row, family, qualifier), |stored| {
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
        // On disk also when it does not hold: the caller acts on the value that stands there.
        self.update(true, (table, row, family, qualifier), |stored| {
            let holds = stored == expected;
            Ok((holds.then(|| value.to_vec()), holds))
        })
    }

    fn append(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], value: &[u8]) -> Result<()> {
        self.update(false, (table, row, family, qualifier), |stored| Ok((Some([stored.unwrap_or_default(), value].concat()), ())))
    }

    fn tables(&self) -> Result<Vec<String>> {
        Ok(self.engine()?.tables.read().keys().cloned().collect())
    }

    fn create_table(&self, spec: &TableSpec, _splits: &[Vec<u8>]) -> Result<()> {
        let engine = self.writable()?;
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
        if let Ok(there) = engine.table(&spec.name) {
            return if there.families == families { Ok(()) } else { refuse("it exists with other column families") };
        }
        engine.make_table(&spec.name, families)
    }

    fn sync(&self) -> Result<()> {
        let engine = self.engine()?;
        engine.keep_clock()?;
        engine.commits.sync()
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
        let Some(engine) = self.engine.read().clone() else { return };
        engine.commits.emit(emit);
        let tables = engine.tables.read();
        tables.values().for_each(|table| emit(&format!("disk_bytes table={}", table.name), table.tree.disk_space()));
        tables.values().for_each(|table| emit(&format!("files table={}", table.name), table.tree.table_count() as u64));
    }
}
