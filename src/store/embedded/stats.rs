//! Counters of the embedded store.

use std::sync::atomic::{AtomicU64, Ordering};

/// What was done since the store was opened.
#[derive(Debug, Default)]
pub struct Counters {
    /// Rows whose key a scan looked at.
    pub rows_read: AtomicU64,
    /// Rows that scans returned.
    pub rows_returned: AtomicU64,
    /// Times that a scan jumped over rows which could not match.
    pub seeks: AtomicU64,
    /// Cells written or deleted.
    pub cells_written: AtomicU64,
    /// Bytes of keys and values given to the trees.
    pub bytes_written: AtomicU64,
    /// Batches that went to table files directly.
    pub batches_direct: AtomicU64,
    /// Batches that went through the trees' own journal.
    pub batches_journalled: AtomicU64,
    /// Syncs of that journal.
    pub syncs: AtomicU64,
}

impl Counters {
    /// Counts.
    pub fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }

    /// Every counter with its name.
    pub fn emit(&self, emit: &mut dyn FnMut(&str, u64)) {
        for (name, counter) in [
            ("scan.rows_read", &self.rows_read),
            ("scan.rows_returned", &self.rows_returned),
            ("scan.seeks", &self.seeks),
            ("cells_written", &self.cells_written),
            ("bytes_written", &self.bytes_written),
            ("batches_direct", &self.batches_direct),
            ("batches_journalled", &self.batches_journalled),
            ("syncs", &self.syncs),
        ] {
            emit(name, counter.load(Ordering::Relaxed));
        }
    }
}
