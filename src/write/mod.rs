//! The one way in: resolve, journal, head, cells, store. Admission of text is `point`'s, bytes of rows are `codec`'s.
//!
//! Reading order: [`batch`](Batch) (a connection's side), [`resolve`] (names to series), [`journal`] (on disk), [`head`]
//! (rows that wait), [`flush`] (rows to the store), [`hook`] (who else is told), [`compaction`] (cells of past hours).
//! Promises:
//!
//! - A point is visible here when [`Batch::commit`] returns, on disk when [`Writer::wait`] does.
//! - Nothing on disk is lost: a segment of the journal goes only when the store has synced all that is in it.
//! - Every buffer is bounded: the journal by `tsd.storage.journal.max_bytes`, the head by `tsd.storage.head.max_bytes`;
//!   at the bound commits wait, then fail with the key's name.
//!
//! The rules for tables that other TSDs write too stand at the tests named after them (`tests/rules.rs`).

mod aside;
mod batch;
mod compaction;
mod flush;
mod head;
mod histogram;
mod hook;
pub mod journal;
mod loose;
mod options;
mod resolve;
mod rollup;
mod series;
mod stats;
#[cfg(test)]
mod tests;

pub use batch::{Batch, CellPoint};
pub use compaction::{CompactionOptions, CompactionStats};
pub use flush::compact::{CompactError, CompactRules, Compacted, Compactions, compact_rows};
pub use histogram::HistogramPoint;
pub use hook::{Arrivals, Arrived};
pub use options::{AutoCreate, Cells, Clock, JournalOptions, WriteOptions};
pub use resolve::NewNames;
pub use rollup::{RolledUp, RollupError, RollupOptions, RollupRefused};

use crate::codec::SeriesKey;
use crate::point::PointTime;
use crate::store::{Overlay, RowBatch, Store};
use crate::uid::Uids;
use aside::Aside;
use compaction::Compaction;
use flush::Control;
use head::{Arrival, FAMILY, Head};
use hook::{Hooks, News};
use journal::{Folder, Journal, Limits, NamedPoint, NewCell, Report, Segment, Sink, Stored, What};
use loose::LooseCells;
use parking_lot::{Condvar, Mutex, RwLock};
use resolve::Named;
use series::{Series, SeriesCache};
use stats::Counters;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest time a graceful stop waits for the store.
pub const SHUTDOWN_FLUSH_MAX: Duration = Duration::from_secs(30);

/// Why a point or a batch was not taken. Displays as OpenTSDB words it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A name is unknown and may not be created: telnet says `unknown metric`, HTTP `Unknown metric`.
    #[error(transparent)]
    Uid(#[from] crate::uid::UidError),
    /// The point breaks a rule (illegal character, too many tags, ...): OpenTSDB's own words.
    #[error("{0}")]
    Illegal(String),
    /// Nothing more can be taken now; the text names the limit. Answered 503.
    #[error("{0}")]
    Overloaded(String),
    /// The journal or the store failed; what the batch held may not be on disk.
    #[error("{0}")]
    Failed(String),
}

/// A committed batch's place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What batches, threads and readers share.
pub(crate) struct Inner {
    options: WriteOptions,
    store: Arc<dyn Store>,
    uids: Arc<Uids>,
    series: SeriesCache,
    journal: Arc<Journal>,
    head: Arc<Head>,
    loose: Arc<LooseCells>,
    named: Named,
    aside: Aside,
    /// Held by a pass of the flush thread, and by a delete.
    passes: Mutex<()>,
    compaction: Compaction,
    /// Held for reading from a batch's place in the journal to its points in the head.
    gate: RwLock<()>,
    control: Mutex<Control>,
    control_changed: Condvar,
    head_room: Condvar,
    counters: Counters,
    hooks: Hooks,
}

/// The way in. One a process; cheap to share. Dropping it without [`Writer::shutdown`] stops the threads and leaves
/// what waits to the journal.
pub struct Writer {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    replayed: Report,
}

impl Writer {
    /// Opens the journal, takes what it holds into the head and starts the threads.
    ///
    /// # Errors
    /// [`WriteError::Failed`] if the journal's folder cannot be used, is another process's, or was written with other
    /// settings (the text says which).
    pub fn open(store: Arc<dyn Store>, uids: Arc<Uids>, options: WriteOptions) -> Result<Arc<Writer>, WriteError> {
        let disk = match &options.journal.disk {
            Some(disk) => disk.clone(),
            None => {
                let path = &options.journal.path;
                let folder = Folder::open(path)
                    .map_err(|e| WriteError::Failed(format!("journal folder {} (tsd.storage.journal.path): {e}", path.display())))?;
                Arc::new(folder) as Arc<dyn journal::Disk>
            }
        };
        let names = journal::replay::list(&*disk)?;
        let last = names.last().and_then(|n| journal::segment_seq(n)).unwrap_or(0);
        let limits = Limits { max_bytes: options.journal.max_bytes, backpressure: Duration::from_millis(options.backpressure) };
        let inner = Arc::new(Inner {
            journal: Journal::new(disk.clone(), options.identity(), limits, last),
            aside: Aside::new(&options.journal.path),
            head: Arc::new(Head::new(options.layout, options.table.clone(), !store.is_private())),
            loose: Arc::default(),
            series: SeriesCache::new(options.series_max),
            store,
            uids,
            named: Named::default(),
            passes: Mutex::default(),
            compaction: Compaction::default(),
            gate: RwLock::new(()),
            control: Mutex::default(),
            control_changed: Condvar::new(),
            head_room: Condvar::new(),
            counters: Counters::default(),
            hooks: Hooks::new(options.arrivals.clone()),
            options,
        });
        if !inner.hooks.is_empty() {
            inner.journal.expect_told();
        }
        let mut writer = Writer { inner: inner.clone(), threads: Mutex::default(), replayed: Report::default() };
        writer.spawn("journal", |inner| inner.journal.run())?;
        writer.spawn("flush", |inner| flush::run(&inner))?;
        if inner.options.compaction.enabled {
            writer.spawn("compaction", |inner| compaction::run(&inner))?;
        }
        // The flush thread runs already: a journal larger than the head's bound goes through it to the store.
        writer.replayed = journal::replay::read(&*disk, &names, Some(&inner.options.identity()), &mut Filler::new(&inner))?;
        if !inner.hooks.is_empty() {
            writer.spawn("hooks", hook::run)?;
        }
        let report = &writer.replayed;
        if report.points > 0 {
            tracing::info!("{} points of {} journal segments wait for the store again", report.points, report.segments);
        }
        Ok(Arc::new(writer))
    }

    fn spawn(&self, name: &str, body: fn(Arc<Inner>)) -> Result<(), WriteError> {
        let inner = self.inner.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || body(inner));
        self.threads.lock().push(thread.map_err(|e| WriteError::Failed(format!("no thread for {name}: {e}")))?);
        Ok(())
    }

    /// A batch for one connection or request.
    pub fn batch(self: &Arc<Self>) -> Batch {
        Batch::new(self.inner.clone())
    }

    /// For callers that see many points ahead: their new names can be given ids together.
    pub fn new_names(&self) -> NewNames<'_> {
        NewNames::new(&self.inner)
    }

    /// Blocks until everything up to `ticket` is on disk.
    pub fn wait(&self, ticket: Ticket) -> Result<(), WriteError> {
        self.inner.journal.wait(ticket)
    }

    /// The same for the async side: `on_disk` is called once, from another thread, or at once.
    pub fn notify(&self, ticket: Ticket, on_disk: Box<dyn FnOnce(Result<(), WriteError>) + Send>) {
        self.inner.journal.notify(ticket, on_disk);
    }

    /// Blocks until what is in the head now is in the *store*, durably (`/api/put?sync`, tests, shutdown).
    pub fn flush(&self, deadline: Duration) -> Result<(), WriteError> {
        flush::request(&self.inner, deadline)
    }

    /// Stores what waits now, as [`Writer::flush`] does, and notes so in the journal, on disk: a restart brings none of it
    /// back. Before a delete (rule 7).
    pub fn settle(&self, deadline: Duration) -> Result<(), WriteError> {
        self.flush(deadline)?;
        self.wait(self.inner.journal.last())
    }

    /// Runs `work` while no flush reads or writes rows: what it reads is what it changes. Points that come meanwhile wait.
    pub fn at_rest(&self, work: &mut dyn FnMut()) {
        let _passes = self.inner.passes.lock();
        work();
    }

    /// Flushes, stops the threads, closes the journal. After an error the journal keeps what the store did not take.
    pub fn shutdown(&self) -> Result<(), WriteError> {
        let flushed = self.flush(SHUTDOWN_FLUSH_MAX);
        self.inner.hooks.finish(SHUTDOWN_FLUSH_MAX);
        let closed = self.inner.journal.close();
        self.stop();
        // What came after the flush keeps its segments.
        self.inner.journal.rotate();
        self.inner.journal.free(|| self.inner.store.sync())?;
        flushed.and(closed)
    }

    fn stop(&self) {
        self.inner.control.lock().stop = true;
        self.inner.control_changed.notify_all();
        self.inner.hooks.abandon();
        self.inner.compaction.stop();
        let _ = self.inner.journal.close();
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the writer ended in a panic");
            }
        }
    }

    /// The rows that wait, for readers.
    pub fn overlay(self: &Arc<Self>) -> Arc<dyn Overlay> {
        let Inner { head, loose, options, .. } = &*self.inner;
        Arc::new(Waiting { head: head.clone(), loose: loose.clone(), data_table: options.table.clone() })
    }

    /// The series that this process has written to lately: TSUID, and the newest instant in milliseconds if it is known.
    /// What the cache of series has let go is not among them.
    pub fn recent(&self, see: &mut dyn FnMut(&[u8], Option<i64>)) {
        self.inner.series.each(|series| {
            let newest = series.rows.lock().newest();
            see(&series.key.tsuid(), newest);
        });
    }

    /// What the journal held when it was opened.
    pub fn replayed(&self) -> &Report {
        &self.replayed
    }

    /// Forgets which names have which ids (`dropcaches`, after a rename or delete of an id).
    pub fn drop_caches(&self) {
        self.inner.series.clear();
    }

    /// Counters of the background compaction.
    pub fn compaction(&self) -> CompactionStats {
        self.inner.compaction.stats(self.inner.options.compaction.enabled)
    }

    /// Counters and gauges by name.
    pub fn stats(&self, emit: &mut dyn FnMut(&str, u64)) {
        self.inner.stats(emit);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    /// Counts bytes that came into the head and calls the flush thread when there are too many.
    fn grown(&self, bytes: usize) {
        let total = self.head.grow(bytes);
        if total > self.options.head_bytes && total - bytes as u64 <= self.options.head_bytes {
            self.control_changed.notify_all();
        }
    }

    /// Holds a commit back while the head is far above its bound.
    fn wait_for_head(&self) -> Result<(), WriteError> {
        let full = || self.head.bytes() > self.options.head_bytes.saturating_mul(2);
        if !full() {
            return Ok(());
        }
        let deadline = Instant::now() + Duration::from_millis(self.options.backpressure);
        let mut control = self.control.lock();
        while full() {
            self.control_changed.notify_all();
            if self.head_room.wait_until(&mut control, deadline).timed_out() && full() {
                return Err(WriteError::Overloaded(format!(
                    "too many points wait for the store: tsd.storage.head.max_bytes = {}",
                    self.options.head_bytes
                )));
            }
        }
        Ok(())
    }

    /// A point that was kept by name has its series now.
    fn arrived_late(&self, series: &Arc<Series>, point: &NamedPoint, accepted: i64, segment: &Arc<Segment>) {
        let arrival = Arrival { segment, accepted, now: (self.options.clock)(), late: true };
        let grown = match &point.what {
            What::Point(time, value) => self.head.add(series, std::iter::once((*time, value)), &arrival),
            What::Cell(cell) => self.loose.add(series, cell.clone(), segment, accepted, true),
        };
        self.grown(grown);
        let news = match &point.what {
            What::Point(time, value) => News::Point(*time, value),
            What::Cell(cell) => News::Cell(cell),
        };
        self.hooks.tell(segment, series, news, &mut Vec::new());
    }

    fn stats(&self, emit: &mut dyn FnMut(&str, u64)) {
        self.counters.emit(emit);
        self.journal.stats(emit);
        let (names, series) = self.series.sizes();
        emit("series_cache.names", names);
        emit("series_cache.series", series);
        emit("head.bytes", self.head.bytes());
        emit("head.rows", self.head.rows() as u64);
        emit("head.loose_rows", self.loose.len() as u64);
        emit("head.named_points", self.named.len() as u64);
        emit("series_cache.lookups", self.counters.points.load(Relaxed));
    }
}

/// What waits here, as readers see it: rows of points, and loose cells.
struct Waiting {
    head: Arc<Head>,
    loose: Arc<LooseCells>,
    data_table: String,
}

impl Overlay for Waiting {
    fn pin(&self, table: &str, start: &[u8], stop: &[u8]) -> RowBatch {
        if table != self.data_table {
            return self.loose.pin(table, start, stop, FAMILY);
        }
        let (points, cells) = (self.head.pin(table, start, stop), self.loose.pin("", start, stop, FAMILY));
        if cells.is_empty() { points } else { points.merged(&cells) }
    }
}

/// Puts what the journal held into the head.
struct Filler<'a> {
    inner: &'a Inner,
    now: i64,
    tsuid: Vec<u8>,
}

impl<'a> Filler<'a> {
    fn new(inner: &'a Inner) -> Filler<'a> {
        Filler { inner, now: (inner.options.clock)(), tsuid: Vec::new() }
    }
}

impl Sink for Filler<'_> {
    type Series = Arc<Series>;

    fn segment(&mut self, segment: &Arc<Segment>) {
        self.inner.journal.adopt(segment.clone());
    }

    fn series(&mut self, tsuid: &[u8]) -> Arc<Series> {
        self.inner.series.by_tsuid(tsuid, || SeriesKey::from_tsuid(&self.inner.options.layout, tsuid))
    }

    fn point(&mut self, segment: &Arc<Segment>, accepted: i64, series: &Arc<Series>, time: PointTime, value: &Stored, told: bool) {
        if !told {
            self.inner.hooks.tell(segment, series, News::Point(time, value), &mut self.tsuid);
        }
        let arrival = Arrival { segment, accepted, now: self.now, late: true };
        let grown = self.inner.head.add(series, std::iter::once((time, value)), &arrival);
        self.inner.head.grow(grown);
    }

    fn cell(&mut self, segment: &Arc<Segment>, accepted: i64, series: &Arc<Series>, cell: NewCell, told: bool) {
        if !told {
            self.inner.hooks.tell(segment, series, News::Cell(&cell), &mut self.tsuid);
        }
        let grown = self.inner.loose.add(series, cell, segment, accepted, true);
        self.inner.head.grow(grown);
    }

    fn named(&mut self, segment: &Arc<Segment>, accepted: i64, point: NamedPoint) {
        self.inner.named.push(point, accepted, segment.clone());
    }

    /// Lets the flush thread make room, unless the store is away: then memory must hold what the disk held.
    fn breathe(&mut self) {
        if self.inner.head.bytes() > self.inner.options.head_bytes.saturating_mul(2) && !self.inner.control.lock().failing() {
            let _ = self.inner.wait_for_head();
        }
    }
}
