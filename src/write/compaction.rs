//! Background compaction: rows that were flushed wait here until they are quiet, then their cells are joined.
//!
//! All rows of an hour become quiet at one time. They are worked off at an even pace over the following hour (a share of
//! it with `tsd.storage.compaction.flush_speed`), and each round's rows are spread over the time to the next round.
//! The queue is bounded by [`QUEUE_ROWS_MAX`]; what finds no room, and what waits when the process ends, stays as it is:
//! such rows read the same, and `tsdb fsck --fix --compact` joins their cells.

use super::Inner;
use super::flush::compact::{CompactError, CompactRules, Compacted, compact_rows};
use super::series::Series;
use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashSet;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Rows that wait at most: about 50 bytes each.
const QUEUE_ROWS_MAX: usize = 2_000_000;
/// Rows of one call to the store at most.
const CALL_ROWS: usize = 128;
/// Rows of a row's age are told apart by this many milliseconds.
const GRAIN: i64 = 1_000;
/// Seconds over which the rows of an hour are spread at speed 1.
const SPREAD_SECONDS: u64 = 3_600;

/// `tsd.storage.compaction.*`
#[derive(Clone, Debug)]
pub struct CompactionOptions {
    /// `tsd.storage.enable_compaction`
    pub enabled: bool,
    /// Seconds between rounds.
    pub interval: u64,
    /// Nothing happens while no more rows than this wait; and a round takes at least as many.
    pub min_rows: u64,
    /// Rows under way at once.
    pub concurrent: u64,
    /// How much faster than needed the queue is worked off.
    pub speed: u64,
    /// Milliseconds for which a row must have been quiet after its hour. To them comes the flush interval.
    pub quiet: u64,
    /// `tsd.storage.fix_duplicates`: rows with two values for an instant are compacted too.
    pub fix_duplicates: bool,
    /// Which of two points of an instant stays.
    pub decode: crate::codec::DecodeOptions,
}

impl Default for CompactionOptions {
    /// OpenTSDB's, switched off.
    fn default() -> Self {
        CompactionOptions {
            enabled: false,
            interval: 10,
            min_rows: 100,
            concurrent: 10_000,
            speed: 2,
            quiet: 3_600_000,
            fix_duplicates: false,
            decode: crate::codec::DecodeOptions::default(),
        }
    }
}

struct Entry {
    series: Arc<Series>,
    base: u32,
}

/// Rows by the time at which they can be looked at, each once.
#[derive(Default)]
struct Queue {
    due: BTreeMap<i64, Vec<Entry>>,
    members: FxHashSet<(usize, u32)>,
    /// Rows that were taken and are being compacted.
    under_way: usize,
    stop: bool,
}

/// Counters of the compaction, by OpenTSDB's names, and the rows that wait or are under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CompactionStats {
    pub enabled: bool,
    pub count: u64,
    pub same: u64,
    pub different: u64,
    pub queue: u64,
    pub dropped: u64,
    pub read_errors: u64,
    pub put_errors: u64,
    pub delete_errors: u64,
    pub writes: u64,
    pub deletes: u64,
}

#[derive(Default)]
struct Counters {
    count: AtomicU64,
    same: AtomicU64,
    different: AtomicU64,
    dropped: AtomicU64,
    read_errors: AtomicU64,
    put_errors: AtomicU64,
    delete_errors: AtomicU64,
    writes: AtomicU64,
    deletes: AtomicU64,
}

/// The queue and its thread's state.
#[derive(Default)]
pub struct Compaction {
    queue: Mutex<Queue>,
    changed: Condvar,
    counters: Counters,
    /// Rows of a round while the rows of an hour are worked off.
    pace: AtomicU64,
}

impl Compaction {
    /// Notes a row that was flushed.
    pub fn add(&self, series: &Arc<Series>, base: u32, now: i64, quiet: i64) {
        let over = (i64::from(base) + 3_600) * 1_000;
        self.put(Entry { series: series.clone(), base }, over.max(now).saturating_add(quiet));
    }

    fn put(&self, entry: Entry, due: i64) {
        let mut queue = self.queue.lock();
        let id = (Arc::as_ptr(&entry.series) as usize, entry.base);
        if queue.members.contains(&id) {
            return;
        }
        if queue.members.len() >= QUEUE_ROWS_MAX {
            self.counters.dropped.fetch_add(1, Relaxed);
            return;
        }
        queue.members.insert(id);
        queue.due.entry(due.div_euclid(GRAIN).saturating_add(1)).or_default().push(entry);
    }

    /// Rows that wait, and those of them whose time has come.
    fn sizes(&self, now: i64) -> (u64, u64) {
        let queue = self.queue.lock();
        let ready = queue.due.range(..=now.div_euclid(GRAIN)).map(|(_, rows)| rows.len()).sum::<usize>();
        (queue.members.len() as u64, ready as u64)
    }

    /// Takes up to `most` rows whose time has come, the oldest first. They count until [`Compaction::done`].
    fn take(&self, now: i64, most: usize) -> Vec<Entry> {
        let mut queue = self.queue.lock();
        let mut out = Vec::new();
        while out.len() < most {
            let Some(mut first) = queue.due.first_entry().filter(|e| *e.key() <= now.div_euclid(GRAIN)) else { break };
            let rows = first.get_mut();
            let keep = rows.len().saturating_sub(most - out.len());
            out.extend(rows.drain(keep..));
            if rows.is_empty() {
                first.remove();
            }
        }
        for entry in &out {
            queue.members.remove(&(Arc::as_ptr(&entry.series) as usize, entry.base));
        }
        queue.under_way = out.len();
        out
    }

    /// What was taken is done, or waits again.
    fn done(&self) {
        self.queue.lock().under_way = 0;
    }

    /// Waits. False: the process stops.
    fn sleep(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut queue = self.queue.lock();
        while !queue.stop {
            if self.changed.wait_until(&mut queue, until).timed_out() {
                return true;
            }
        }
        false
    }

    /// Ends the thread.
    pub fn stop(&self) {
        self.queue.lock().stop = true;
        self.changed.notify_all();
    }

    /// Counters and what waits.
    pub fn stats(&self, enabled: bool) -> CompactionStats {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let c = &self.counters;
        let queue = self.queue.lock();
        CompactionStats {
            enabled,
            count: read(&c.count),
            same: read(&c.same),
            different: read(&c.different),
            queue: (queue.members.len() + queue.under_way) as u64,
            dropped: read(&c.dropped),
            read_errors: read(&c.read_errors),
            put_errors: read(&c.put_errors),
            delete_errors: read(&c.delete_errors),
            writes: read(&c.writes),
            deletes: read(&c.deletes),
        }
    }
}

/// How long a row must have been quiet: the key, and the longest time that a point may wait here for its flush.
pub fn quiet(inner: &Inner) -> i64 {
    i64::try_from(inner.options.compaction.quiet.saturating_add(inner.options.flush_interval)).unwrap_or(i64::MAX)
}

/// The thread.
pub fn run(inner: &Inner) {
    let interval = Duration::from_secs(inner.options.compaction.interval.max(1));
    let mut next = interval;
    while inner.compaction.sleep(next) {
        let begun = Instant::now();
        if !round(inner, interval) {
            return;
        }
        next = interval.saturating_sub(begun.elapsed()).max(interval / 10);
    }
}

/// One round. False: the process stops.
fn round(inner: &Inner, interval: Duration) -> bool {
    let (options, compaction) = (&inner.options.compaction, &inner.compaction);
    let (waiting, ready) = compaction.sizes((inner.options.clock)());
    if ready == 0 {
        compaction.pace.store(0, Relaxed);
    }
    if ready == 0 || waiting <= options.min_rows {
        return true;
    }
    // The pace of an hour's rows does not fall while they get fewer: else the last of them would take for ever.
    let share = ready.saturating_mul(interval.as_secs()).saturating_mul(options.speed).div_ceil(SPREAD_SECONDS);
    let pace = compaction.pace.fetch_max(share, Relaxed).max(share);
    let mut left = usize::try_from(pace.max(options.min_rows).min(ready)).unwrap_or(usize::MAX);
    let call = CALL_ROWS.min(usize::try_from(options.concurrent).unwrap_or(usize::MAX)).max(1);
    let calls = left.div_ceil(call).max(1);
    // Half of the time to the next round, so that a slow store does not delay it.
    let pause = interval / 2 / u32::try_from(calls).unwrap_or(u32::MAX);
    while left > 0 {
        let begun = Instant::now();
        let rows = compaction.take((inner.options.clock)(), call.min(left));
        if rows.is_empty() {
            break;
        }
        left -= rows.len();
        let taken = compact(inner, rows);
        compaction.done();
        if !taken {
            break;
        }
        if left > 0 && !compaction.sleep(pause.saturating_sub(begun.elapsed())) {
            return false;
        }
    }
    true
}

/// Compacts rows of the queue. False: the store does not take them; they wait again.
fn compact(inner: &Inner, rows: Vec<Entry>) -> bool {
    let (options, counters) = (&inner.options, &inner.compaction.counters);
    let now = (options.clock)();
    let quiet = quiet(inner);
    let rules = CompactRules {
        quiet_since: now.saturating_sub(quiet),
        fix_duplicates: options.compaction.fix_duplicates,
        decode: options.compaction.decode,
    };
    let keys: Vec<Vec<u8>> = rows.iter().map(|row| row.series.key.row(row.base)).collect();
    // A delete of points must not meet a row between its reading and its writing.
    let _pass = inner.passes.lock();
    match compact_rows(inner.store.as_ref(), (&options.table, &options.layout), &keys, &rules) {
        Ok(done) => {
            counters.count.fetch_add(done.joined, Relaxed);
            counters.same.fetch_add(done.same, Relaxed);
            counters.different.fetch_add(done.different, Relaxed);
            counters.writes.fetch_add(done.writes, Relaxed);
            counters.deletes.fetch_add(done.deletes, Relaxed);
            for (row, outcome) in rows.into_iter().zip(done.rows) {
                if let Compacted::TooYoung(touched) = outcome {
                    inner.compaction.put(row, touched.saturating_add(quiet));
                }
            }
            true
        }
        Err(error) => {
            let (counter, what, why) = match &error {
                CompactError::Read(why) => (&counters.read_errors, "read", why),
                CompactError::Put(why) => (&counters.put_errors, "write", why),
                CompactError::Delete(why) => (&counters.delete_errors, "delete from", why),
            };
            if counter.fetch_add(1, Relaxed).is_multiple_of(100) {
                tracing::warn!("compaction could not {what} {} rows, which wait again: {why}", rows.len());
            }
            rows.into_iter().for_each(|row| inner.compaction.put(row, now));
            false
        }
    }
}
