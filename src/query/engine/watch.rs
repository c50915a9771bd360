//! A running query seen from outside: how much it has read, and the wish that it stop.

use super::Used;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared by the query's threads and by whoever looks at it. Stands in for its stop flag, which is all that most need.
#[derive(Debug, Default)]
pub struct Watch {
    stop: AtomicBool,
    by_hand: AtomicBool,
    rows: AtomicU64,
    points: AtomicU64,
    bytes: AtomicU64,
}

impl Watch {
    /// Somebody wants it stopped while its client still waits.
    pub fn stop_by_hand(&self) {
        self.by_hand.store(true, Ordering::Relaxed);
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether somebody wanted that; else a stopped query's client has gone.
    pub fn was_stopped_by_hand(&self) -> bool {
        self.by_hand.load(Ordering::Relaxed)
    }

    /// Counts what was read.
    pub fn read(&self, Used { rows, points, bytes }: Used) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.points.fetch_add(points, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What was read so far.
    pub fn used(&self) -> Used {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Used { rows: of(&self.rows), points: of(&self.points), bytes: of(&self.bytes) }
    }
}

impl Deref for Watch {
    type Target = AtomicBool;

    fn deref(&self) -> &AtomicBool {
        &self.stop
    }
}
