//! Counters of the way in. Each is counted in one place.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What happened since the start.
#[derive(Default)]
pub struct Counters {
    /// Points committed.
    pub points: AtomicU64,
    /// Points of batches that were refused.
    pub refused: AtomicU64,
    /// Series that were not in the cache.
    pub series_misses: AtomicU64,
    /// Points and cells given to the store.
    pub stored_points: AtomicU64,
    /// Cells among them.
    pub stored_cells: AtomicU64,
    /// Rows read before they were written.
    pub rows_read: AtomicU64,
    /// Late points that the store had already, or had newer.
    pub late_skipped: AtomicU64,
    /// Points that the store refuses for good.
    pub rejected: AtomicU64,
    /// Flush passes, and those that met a failing store.
    pub passes: AtomicU64,
    /// Passes that failed.
    pub failed_passes: AtomicU64,
    /// Age of the oldest waiting point at the last pass, in milliseconds.
    pub flush_lag: AtomicU64,
}

impl Counters {
    pub(super) fn emit(&self, emit: &mut dyn FnMut(&str, u64)) {
        for (name, counter) in [
            ("points", &self.points),
            ("refused", &self.refused),
            ("series_cache.misses", &self.series_misses),
            ("flush.points", &self.stored_points),
            ("flush.cells", &self.stored_cells),
            ("flush.rows_read", &self.rows_read),
            ("flush.late_skipped", &self.late_skipped),
            ("flush.rejected", &self.rejected),
            ("flush.passes", &self.passes),
            ("flush.failed_passes", &self.failed_passes),
            ("flush.lag_ms", &self.flush_lag),
        ] {
            emit(name, counter.load(Relaxed));
        }
    }
}
