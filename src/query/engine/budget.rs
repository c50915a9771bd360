//! What a query may use: points and bytes for each sub query, as in OpenTSDB; memory and time for all of them together;
//! and whether it was stopped. Shared by its threads.

use super::{Cancel, EngineOptions, QueryError};
use crate::query::limits::Limit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the sub queries of one query share.
pub struct Allowance {
    deadline: Option<Instant>,
    held: AtomicU64,
}

impl Allowance {
    /// Time runs from now.
    pub fn new(options: &EngineOptions) -> Allowance {
        let limit = Duration::from_millis(options.timeout_ms);
        let deadline = (options.timeout_ms > 0).then(|| Instant::now().checked_add(limit)).flatten();
        Allowance { deadline, held: AtomicU64::default() }
    }
}

/// Counts what a sub query uses and says no at the first limit.
pub struct Budget<'a> {
    options: &'a EngineOptions,
    limit: Limit,
    cancel: &'a Cancel,
    allowance: &'a Allowance,
    rows: AtomicU64,
    points: AtomicU64,
    bytes: AtomicU64,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Rows that came from the store.
    pub rows: u64,
    /// Points of the series that are wanted.
    pub points: u64,
    /// Bytes of the rows.
    pub bytes: u64,
}

impl std::ops::AddAssign for Used {
    fn add_assign(&mut self, more: Used) {
        self.rows += more.rows;
        self.points += more.points;
        self.bytes += more.bytes;
    }
}

/// Statuses as OpenTSDB has them.
const TOO_LARGE: u16 = 413;
const TOO_SLOW: u16 = 504;

impl<'a> Budget<'a> {
    /// A sub query's, within the allowance of the whole. `limit`: what it may read.
    pub fn new(options: &'a EngineOptions, limit: Limit, cancel: &'a Cancel, allowance: &'a Allowance) -> Budget<'a> {
        let zero = AtomicU64::default;
        Budget { options, limit, cancel, allowance, rows: zero(), points: zero(), bytes: zero() }
    }

    /// Called once a batch of work.
    pub fn check(&self) -> Result<(), QueryError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(QueryError::Cancelled);
        }
        if self.allowance.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            let message = format!("Query timeout exceeded: tsd.query.timeout is {} ms", self.options.timeout_ms);
            return Err(QueryError::Limit { message, status: TOO_SLOW });
        }
        Ok(())
    }

    /// Counts a batch that was read.
    pub fn read(&self, Used { rows, points, bytes }: Used) -> Result<(), QueryError> {
        self.cancel.read(Used { rows, points, bytes });
        self.rows.fetch_add(rows, Ordering::Relaxed);
        let points = self.points.fetch_add(points, Ordering::Relaxed) + points;
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let Limit { points: max_points, bytes: max_bytes } = self.limit;
        if max_points > 0 && points > max_points {
            return Err(too_large(format!(
                "Sorry, you have attempted to fetch more than our limit of {max_points} data points. Please try filtering using more \
                 tags or decrease your time range. (tsd.query.limits.data_points.default or tsd.query.limits.overrides.config)"
            )));
        }
        if max_bytes > 0 && bytes > max_bytes {
            return Err(too_large(format!(
                "Sorry, you have attempted to fetch more than our maximum amount of {}MB from storage. Please try filtering using \
                 more tags or decrease your time range. (tsd.query.limits.bytes.default or tsd.query.limits.overrides.config)",
                max_bytes / 1024 / 1024
            )));
        }
        self.check()
    }

    /// Counts memory that is kept to the end of the query.
    pub fn hold(&self, bytes: u64) -> Result<(), QueryError> {
        let held = self.allowance.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let limit = self.options.memory_bytes;
        if limit > 0 && held > limit {
            return Err(too_large(format!(
                "The query needs more than its {} MB of memory (tsd.query.memory): filter by more tags, shorten the time range or \
                 downsample",
                limit >> 20
            )));
        }
        Ok(())
    }

    /// What was read so far.
    pub fn used(&self) -> Used {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Used { rows: of(&self.rows), points: of(&self.points), bytes: of(&self.bytes) }
    }
}

fn too_large(message: String) -> QueryError {
    QueryError::Limit { message, status: TOO_LARGE }
}
