//! Changes into the trees, and the trees' journal onto the disk.

use super::change::Change;
use super::health::Health;
use super::stats::Counters;
use super::table::Table;
use crate::clock;
use crate::store::{Result, StoreError};
use fjall::{AbstractTree, Database, Keyspace, PersistMode};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Unmerged files of a table from which on writers wait for the merge.
const UNMERGED_MAX: usize = 16;
/// Longest wait for a merge.
const MERGE_WAIT_MAX: Duration = Duration::from_secs(60);
/// How far the clock runs before it is written down again, in ms.
const CLOCK_EVERY_MS: i64 = 1000;

/// The trees, their clock and their syncs.
pub struct Commits {
    database: Database,
    /// Time of the last write, ms since the epoch. Never goes back.
    clock: AtomicI64,
    clock_kept: AtomicI64,
    /// Journal writes under way; done; done and synced.
    in_flight: AtomicU64,
    written: AtomicU64,
    synced: AtomicU64,
    /// Number of the last sync that was asked for, and of the last that is done.
    asked: AtomicU64,
    done: Mutex<u64>,
    health: Arc<Health>,
    counters: Arc<Counters>,
}

impl Commits {
    /// Starts with a clock that is not before `clock`.
    pub fn new(database: Database, clock: i64, health: Arc<Health>, counters: Arc<Counters>) -> Commits {
        Commits {
            database,
            clock: AtomicI64::new(clock),
            clock_kept: AtomicI64::new(clock),
            in_flight: AtomicU64::new(0),
            written: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            done: Mutex::new(0),
            health,
            counters,
        }
    }

    /// The trees.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// True if something was or is being written and is not synced.
    pub fn is_dirty(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) > 0 || self.written.load(Ordering::Acquire) != self.synced.load(Ordering::Acquire)
    }

    /// Notices whether the threads that flush and merge are gone: the journal knows, table files could still be written.
    pub fn probe(&self) -> Result<()> {
        self.health.call("writing", || self.database.persist(PersistMode::Buffer))
    }

    /// The time of a write that happens now.
    pub fn now(&self) -> i64 {
        let wall = clock::now_ms();
        self.clock.fetch_max(wall, Ordering::AcqRel).max(wall)
    }

    /// True once a second: the clock should be written down.
    pub fn is_clock_due(&self) -> bool {
        let (kept, now) = (self.clock_kept.load(Ordering::Acquire), self.now());
        now - kept >= CLOCK_EVERY_MS && self.clock_kept.compare_exchange(kept, now, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Writes settled changes of a table: big batches straight into table files, small ones through the journal.
    /// Returns their bytes.
    pub fn write(&self, table: &Table, changes: Vec<Change>, direct_bytes: usize) -> Result<usize> {
        self.health.check_poison()?;
        let bytes = changes.iter().map(|c| c.key.len() + c.kept.as_ref().map_or(0, Vec::len)).sum();
        if changes.is_empty() {
            return Ok(0);
        }
        if bytes >= direct_bytes {
            self.wait_for_merges(table)?;
            self.health.call("writing table files", || write_direct(&table.tree, changes))?;
            Counters::add(&self.counters.batches_direct, 1);
        } else {
            self.journalled(|| self.write_journalled(&table.tree, changes))?;
            Counters::add(&self.counters.batches_journalled, 1);
        }
        Ok(bytes)
    }

    fn write_journalled(&self, tree: &Keyspace, changes: Vec<Change>) -> fjall::Result<()> {
        let mut batch = fjall::OwnedWriteBatch::with_capacity(self.database.clone(), changes.len());
        for change in changes {
            match change.kept {
                Some(kept) => batch.insert(tree, change.key, kept),
                None => batch.remove(tree, change.key),
            }
        }
        batch.commit()
    }

    /// Writes one value through the journal.
    pub fn put_small(&self, tree: &Keyspace, key: &[u8], value: &[u8]) -> Result<()> {
        self.health.check_poison()?;
        self.journalled(|| tree.insert(key, value))
    }

    fn journalled(&self, write: impl FnOnce() -> fjall::Result<()>) -> Result<()> {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let done = self.health.call("writing", write);
        if done.is_ok() {
            self.written.fetch_add(1, Ordering::AcqRel);
        }
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
        done
    }

    /// Everything written before is on disk afterwards. Threads that call it together share one sync of the disk.
    pub fn sync(&self) -> Result<()> {
        let ticket = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        let mut done = self.done.lock();
        if *done >= ticket {
            return Ok(());
        }
        if self.health.is_poisoned() {
            return self.health.check_poison();
        }
        let covers = self.asked.load(Ordering::Acquire);
        let written = self.written.load(Ordering::Acquire);
        if written != self.synced.load(Ordering::Acquire) {
            let synced = self.health.call("syncing", || self.database.persist(PersistMode::SyncAll));
            if let Err(fault) = synced {
                self.health.poison(&format!("a sync failed: {fault}"));
                return self.health.check_poison();
            }
            self.synced.store(written, Ordering::Release);
            Counters::add(&self.counters.syncs, 1);
        }
        *done = covers;
        Ok(())
    }

    /// Direct writes add a file each; merges must keep up, or reads would have to look into ever more of them.
    fn wait_for_merges(&self, table: &Table) -> Result<()> {
        let start = Instant::now();
        while table.tree.tree.l0_run_count() >= UNMERGED_MAX {
            if start.elapsed() > MERGE_WAIT_MAX {
                let text = format!("merges of table {} do not keep up: {UNMERGED_MAX} files (UNMERGED_MAX) wait", table.name);
                return Err(StoreError::Unavailable(text));
            }
            std::thread::sleep(Duration::from_millis(2));
            self.probe()?;
        }
        Ok(())
    }

    /// Gauges of the trees.
    pub fn emit(&self, emit: &mut dyn FnMut(&str, u64)) {
        emit("merges", self.database.compactions_completed() as u64);
        emit("merge_ms", self.database.time_compacting().as_millis() as u64);
        emit("cache_bytes", self.database.cache_size());
        emit("journal_bytes", self.database.journal_disk_space().unwrap_or_default());
    }
}

/// Writes sorted changes as a run of table files of their own. The library gives all of them one sequence number above
/// everything written before (the memtable is flushed first, under the same lock), so later writes win over them.
fn write_direct(tree: &Keyspace, changes: Vec<Change>) -> fjall::Result<()> {
    let mut run = tree.start_ingestion()?;
    for change in changes {
        match change.kept {
            Some(kept) => run.write(change.key, kept)?,
            None => run.write_tombstone(change.key)?,
        }
    }
    run.finish()
}
