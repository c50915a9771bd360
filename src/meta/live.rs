//! Meta data as points come in: which series there are, how many points they got, and what OpenTSDB would have stored.
//!
//! | `enable_tsuid_tracking` | `enable_realtime_ts` | `enable_tsuid_incrementing` | cells of a series |
//! | --- | --- | --- | --- |
//! | off | any | any | none |
//! | on | off | any | `ts_ctr` = 1, written again and again: its time tells when points came |
//! | on | on | off | `ts_meta`, where it is missing |
//! | on | on | on | `ts_ctr` counts points; `ts_meta` with the first of them |
//!
//! Sources: `storage/meta_realtime`, `storage/meta_tracking`, OpenTSDB's `TSDB.addPointInternal`. Two things are better: points
//! are counted in rounds, many at once, and meta data that somebody made before the first point came is kept.

use super::error::MetaError;
use super::tables::{MetaTables, put, put_uid_meta, write};
use super::ts_meta::{COUNTER_QUALIFIER, META_QUALIFIER, TsMeta};
use super::uid_meta::UidMeta;
use crate::clock;
use crate::store::{Columns, RowBatch, Store, StoreError};
use crate::uid::{NAME_FAMILY, Uid, UidKind, Watch};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Parts of the map of what came, so that connections do not wait for each other.
const SHARDS: usize = 16;
/// Rows of a call to the store.
const CALL_ROWS: usize = 500;
/// Counters incremented, or series told of, at once.
const CALLS_AT_ONCE: usize = 8;
/// How long a series that was noted needs no new note, in seconds, if the hour does not change: readers look for its last
/// point in the row of the counter's time.
const NOTED_SECONDS: i64 = 60;
/// How long a series whose meta data was seen is not looked up again, in seconds.
const STORED_SECONDS: i64 = 300;

/// Which cells a series gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracking {
    /// None.
    Off,
    /// A counter that is always 1.
    Noted,
    /// Meta data.
    Stored,
    /// A counter of points, and meta data.
    Counted,
}

impl Tracking {
    /// From the settings `enable_tsuid_tracking`, `enable_realtime_ts` and `enable_tsuid_incrementing`.
    pub fn of(tracking: bool, realtime_ts: bool, incrementing: bool) -> Tracking {
        match (tracking, realtime_ts, incrementing) {
            (false, ..) => Tracking::Off,
            (true, false, _) => Tracking::Noted,
            (true, true, false) => Tracking::Stored,
            (true, true, true) => Tracking::Counted,
        }
    }
}

/// Is told of series that got their meta data here: trees.
pub trait NewSeries: Send + Sync {
    /// The series has meta data now; `meta` comes with that of its ids.
    ///
    /// # Errors
    /// One that [`MetaError::is_passing`]: it is told again. Others are logged, and other series go on.
    fn created(&self, meta: &TsMeta) -> Result<(), MetaError>;
}

/// Those who are told.
#[derive(Default)]
pub struct Listeners(pub Vec<Arc<dyn NewSeries>>);

impl Listeners {
    /// Tells all.
    fn tell(&self, meta: &TsMeta) -> Result<(), MetaError> {
        self.0.iter().try_for_each(|listener| listener.created(meta))
    }

    /// Tells all; what fails is logged.
    pub fn tell_or_log(&self, meta: &TsMeta) {
        if let Err(error) = self.tell(meta) {
            tracing::error!("series {} is in no tree: {error}", crate::codec::to_hex(&meta.tsuid));
        }
    }
}

/// What is left to do for a series.
enum Step {
    /// Add so many points.
    Count(i64),
    /// Write the counter that is always 1.
    Note,
    /// Make meta data if there is none.
    Store,
    /// Tell that it was made.
    Tell,
}

struct Work {
    tsuid: Box<[u8]>,
    step: Step,
}

/// Counters.
#[derive(Default)]
struct Counters {
    created: AtomicU64,
    counted: AtomicU64,
    failed: AtomicU64,
}

/// Notes series and points and writes meta data, in rounds.
pub struct LiveMeta {
    tables: Arc<MetaTables>,
    tracking: Tracking,
    listeners: Arc<Listeners>,
    came: Vec<Mutex<FxHashMap<Box<[u8]>, i64>>>,
    apart: Mutex<Vec<Work>>,
    /// When a series was written or looked up last, in seconds.
    known: Cache<Box<[u8]>, i64>,
    pressing: AtomicBool,
    counters: Counters,
}

impl LiveMeta {
    /// `series_max`: series that are remembered.
    pub fn new(tables: Arc<MetaTables>, tracking: Tracking, listeners: Arc<Listeners>, series_max: usize) -> LiveMeta {
        LiveMeta {
            tables,
            tracking,
            listeners,
            came: (0..SHARDS).map(|_| Mutex::default()).collect(),
            apart: Mutex::default(),
            known: Cache::new(series_max.max(1)),
            pressing: AtomicBool::new(false),
            counters: Counters::default(),
        }
    }

    /// Points of a series came. Quick: no I/O.
    pub fn came(&self, tsuid: &[u8], points: usize) {
        let seen = self.known.get(tsuid);
        if self.tracking != Tracking::Counted && seen.is_some_and(|at| self.is_fresh(at)) {
            return;
        }
        let hash = FxBuildHasher.hash_one(tsuid);
        let Some(shard) = self.came.get((hash >> 40) as usize % SHARDS) else { return };
        let mut shard = shard.lock();
        match shard.get_mut(tsuid) {
            Some(count) => *count += points as i64,
            None => {
                shard.insert(tsuid.into(), points as i64);
                if seen.is_none() {
                    self.pressing.store(true, Relaxed);
                }
            }
        }
    }

    /// True if there are series that were never seen here.
    pub fn is_pressing(&self) -> bool {
        self.pressing.load(Relaxed)
    }

    /// Sets apart what came until now.
    pub fn cut(&self) {
        self.pressing.store(false, Relaxed);
        let mut apart = self.apart.lock();
        for shard in &self.came {
            let came = std::mem::take(&mut *shard.lock());
            apart.extend(came.into_iter().map(|(tsuid, points)| {
                let step = match self.tracking {
                    Tracking::Counted => Step::Count(points),
                    Tracking::Stored => Step::Store,
                    Tracking::Noted | Tracking::Off => Step::Note,
                };
                Work { tsuid, step }
            }));
        }
    }

    /// Writes what was set apart. What cannot be written now waits for the next call.
    pub fn settle(&self) -> Result<(), MetaError> {
        let mut work = std::mem::take(&mut *self.apart.lock());
        if work.is_empty() {
            return Ok(());
        }
        // Each pass takes out what it has done, or turns it into work for a later one.
        let mut result = Ok(());
        for pass in [LiveMeta::count, LiveMeta::note, LiveMeta::store, LiveMeta::tell] {
            result = pass(self, &mut work).and(result);
        }
        self.apart.lock().append(&mut work);
        result?;
        Ok(self.tables.store.sync()?)
    }

    /// Forgets a series, because its meta data was deleted.
    pub fn forget(&self, tsuid: &[u8]) {
        self.known.remove(tsuid);
    }

    /// Forgets all series (`dropcaches`).
    pub fn drop_caches(&self) {
        self.known.clear();
    }

    /// Counters by name.
    pub fn stats(&self, emit: &mut dyn FnMut(&str, u64)) {
        emit("series.created", self.counters.created.load(Relaxed));
        emit("series.counted_points", self.counters.counted.load(Relaxed));
        emit("series.failed", self.counters.failed.load(Relaxed));
        emit("series.known", self.known.len() as u64);
    }

    fn is_fresh(&self, at: i64) -> bool {
        let now = clock::now_s();
        match self.tracking {
            Tracking::Stored => now < at + STORED_SECONDS,
            _ => now < at + NOTED_SECONDS && now / 3600 == at / 3600,
        }
    }

    /// Adds points to counters; a series whose counter begins here needs meta data.
    fn count(&self, work: &mut Vec<Work>) -> Result<(), MetaError> {
        if !work.iter().any(|w| matches!(w.step, Step::Count(_))) {
            return Ok(());
        }
        let shared = !self.tables.store.is_private();
        let mut result = Ok(());
        let after: Vec<Option<i64>> = if shared { self.increment(work, &mut result) } else { self.add(work, &mut result) };
        let mut after = after.into_iter();
        work.retain_mut(|w| {
            let (Step::Count(points), Some(value)) = (&w.step, after.next().flatten()) else { return true };
            self.counters.counted.fetch_add(points.unsigned_abs(), Relaxed);
            let is_new = value == *points;
            if is_new {
                w.step = Step::Store;
            } else {
                self.known.insert(w.tsuid.clone(), clock::now_s());
            }
            is_new
        });
        result
    }

    /// The shared way: other TSDs count too, so each counter is one call.
    fn increment(&self, work: &[Work], result: &mut Result<(), MetaError>) -> Vec<Option<i64>> {
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<Option<i64>>> = Mutex::new(vec![None; work.len()]);
        let failure: Mutex<Option<MetaError>> = Mutex::default();
        let run = || {
            while let Some((at, w)) = Some(next.fetch_add(1, Relaxed)).and_then(|at| Some((at, work.get(at)?))) {
                let Step::Count(points) = w.step else { continue };
                let value = match self.increment_one(&w.tsuid, points) {
                    Err(error) if error.is_passing() => {
                        *failure.lock() = Some(error);
                        next.fetch_max(work.len(), Relaxed);
                        continue;
                    }
                    Err(error) => self.skip(&w.tsuid, &error.to_string()),
                    Ok(value) => value,
                };
                if let Some(slot) = done.lock().get_mut(at) {
                    *slot = Some(value);
                }
            }
        };
        std::thread::scope(|scope| {
            (1..CALLS_AT_ONCE.min(work.len())).for_each(|_| drop(scope.spawn(run)));
            run();
        });
        if let Some(error) = failure.into_inner() {
            *result = Err(error);
        }
        done.into_inner()
    }

    /// A counter's value afterwards. An increment whose outcome is unknown is taken for done if the counter is as high as
    /// it must be then.
    fn increment_one(&self, tsuid: &[u8], points: i64) -> Result<i64, MetaError> {
        let tables = &self.tables;
        match tables.store.increment(&tables.table, tsuid, NAME_FAMILY, COUNTER_QUALIFIER, points) {
            Err(error @ StoreError::MaybeApplied { .. }) => {
                let mut batch = RowBatch::default();
                tables.store.get(&tables.table, &[tsuid.to_vec()], &counter_column(), &mut batch)?;
                match batch.row(0).and_then(|row| row.value(NAME_FAMILY, COUNTER_QUALIFIER)) {
                    Some(value) if tables.counter(tsuid, value)? >= points => Ok(tables.counter(tsuid, value)?),
                    _ => Err(error.into()),
                }
            }
            done => Ok(done?),
        }
    }

    /// The way of a store that is ours alone: read, add, write, many at once.
    fn add(&self, work: &[Work], result: &mut Result<(), MetaError>) -> Vec<Option<i64>> {
        let mut after = Vec::with_capacity(work.len());
        for call in work.chunks(CALL_ROWS) {
            match self.add_call(call) {
                Ok(values) => after.extend(values),
                Err(error) => {
                    let passing = error.is_passing();
                    after.extend(call.iter().map(|w| (!passing).then(|| self.skip(&w.tsuid, &error.to_string()))));
                    if passing {
                        *result = Err(error);
                    }
                }
            }
        }
        after
    }

    fn add_call(&self, call: &[Work]) -> Result<Vec<Option<i64>>, MetaError> {
        let tables = &self.tables;
        let keys: Vec<Vec<u8>> = call.iter().map(|w| w.tsuid.to_vec()).collect();
        let mut batch = RowBatch::default();
        tables.store.get(&tables.table, &keys, &counter_column(), &mut batch)?;
        let mut stored: FxHashMap<&[u8], i64> = FxHashMap::default();
        for row in batch.rows() {
            if let Some(value) = row.value(NAME_FAMILY, COUNTER_QUALIFIER) {
                match tables.counter(row.key(), value) {
                    Ok(value) => drop(stored.insert(row.key(), value)),
                    Err(error) => drop(stored.insert(row.key(), self.skip(row.key(), &error.to_string()))),
                }
            }
        }
        let (mut values, mut rows) = (Vec::new(), Vec::new());
        for w in call {
            let before = stored.get(&*w.tsuid).copied().unwrap_or(0);
            values.push(match w.step {
                Step::Count(_) if before < 0 => Some(before),
                Step::Count(points) => {
                    let sum = before.wrapping_add(points);
                    stored.insert(&w.tsuid, sum);
                    rows.push(put(&w.tsuid, COUNTER_QUALIFIER, sum.to_be_bytes().to_vec()));
                    Some(sum)
                }
                _ => None,
            });
        }
        write(tables.store.as_ref(), &tables.table, &rows)?;
        Ok(values)
    }

    /// Writes the counters that are always 1.
    fn note(&self, work: &mut Vec<Work>) -> Result<(), MetaError> {
        let (mut noted, rest): (Vec<Work>, Vec<Work>) = std::mem::take(work).into_iter().partition(|w| matches!(w.step, Step::Note));
        *work = rest;
        while !noted.is_empty() {
            let call: Vec<Work> = noted.split_off(noted.len().saturating_sub(CALL_ROWS));
            let rows: Vec<_> = call.iter().map(|w| put(&w.tsuid, COUNTER_QUALIFIER, 1i64.to_be_bytes().to_vec())).collect();
            let written = write(self.tables.store.as_ref(), &self.tables.table, &rows).map_err(MetaError::from);
            if let Err(error) = self.skip_for_good(&call, written) {
                work.extend(call.into_iter().chain(noted));
                return Err(error);
            }
            let now = clock::now_s();
            call.into_iter().for_each(|w| self.known.insert(w.tsuid, now));
        }
        Ok(())
    }

    /// Makes the meta data that is missing.
    fn store(&self, work: &mut Vec<Work>) -> Result<(), MetaError> {
        let (mut wanted, rest): (Vec<Work>, Vec<Work>) = std::mem::take(work).into_iter().partition(|w| matches!(w.step, Step::Store));
        *work = rest;
        while !wanted.is_empty() {
            let call: Vec<Work> = wanted.split_off(wanted.len().saturating_sub(CALL_ROWS));
            match self.skip_for_good(&call, self.store_call(&call)) {
                Ok(made) => {
                    let told = call.into_iter().zip(made.unwrap_or_default()).filter(|(_, made)| *made && !self.listeners.0.is_empty());
                    work.extend(told.map(|(w, _)| Work { tsuid: w.tsuid, step: Step::Tell }));
                }
                Err(error) => {
                    work.extend(call.into_iter().chain(wanted));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// For each series whether its meta data was made here.
    fn store_call(&self, call: &[Work]) -> Result<Vec<bool>, MetaError> {
        let tables = &self.tables;
        let keys: Vec<Vec<u8>> = call.iter().map(|w| w.tsuid.to_vec()).collect();
        let column = Columns::Only(vec![(NAME_FAMILY, META_QUALIFIER.to_vec())]);
        let mut batch = RowBatch::default();
        tables.store.get(&tables.table, &keys, &column, &mut batch)?;
        let there: std::collections::HashSet<&[u8]> = batch.rows().map(|row| row.key()).collect();
        let now = clock::now_s();
        let made: Vec<bool> = call.iter().map(|w| !there.contains(&*w.tsuid)).collect();
        let new = call.iter().zip(&made).filter(|(_, made)| **made);
        let rows: Vec<_> = new.map(|(w, _)| put(&w.tsuid, META_QUALIFIER, TsMeta::new(&w.tsuid, now).to_json())).collect();
        write(tables.store.as_ref(), &tables.table, &rows)?;
        self.counters.created.fetch_add(rows.len() as u64, Relaxed);
        call.iter().for_each(|w| self.known.insert(w.tsuid.clone(), now));
        Ok(made)
    }

    /// Tells of meta data that was made. Listeners ask the store several times a series, so many are told at once.
    fn tell(&self, work: &mut Vec<Work>) -> Result<(), MetaError> {
        let (wanted, rest): (Vec<Work>, Vec<Work>) = std::mem::take(work).into_iter().partition(|w| matches!(w.step, Step::Tell));
        *work = rest;
        let told: Vec<AtomicBool> = wanted.iter().map(|_| AtomicBool::new(false)).collect();
        let next = AtomicUsize::new(0);
        let failure: Mutex<Option<MetaError>> = Mutex::default();
        let run = || {
            while let Some((w, told)) = Some(next.fetch_add(1, Relaxed)).and_then(|at| Some((wanted.get(at)?, told.get(at)?))) {
                match self.tell_one(&w.tsuid) {
                    Err(error) if error.is_passing() => {
                        *failure.lock() = Some(error);
                        next.fetch_max(wanted.len(), Relaxed);
                        continue;
                    }
                    Err(error) => drop(self.skip(&w.tsuid, &error.to_string())),
                    Ok(()) => {}
                }
                told.store(true, Relaxed);
            }
        };
        std::thread::scope(|scope| {
            (1..CALLS_AT_ONCE.min(wanted.len())).for_each(|_| drop(scope.spawn(run)));
            run();
        });
        let untold = wanted.into_iter().zip(told).filter(|(_, told)| !told.load(Relaxed));
        work.extend(untold.map(|(w, _)| w));
        failure.into_inner().map_or(Ok(()), Err)
    }

    fn tell_one(&self, tsuid: &[u8]) -> Result<(), MetaError> {
        let Some(meta) = self.tables.ts_meta(tsuid)? else { return Ok(()) };
        self.listeners.tell(&meta)
    }

    /// Says what a series does not get; -1, which is no count.
    fn skip(&self, tsuid: &[u8], why: &str) -> i64 {
        self.counters.failed.fetch_add(1, Relaxed);
        tracing::error!("meta data of series {} is left as it is: {why}", crate::codec::to_hex(tsuid));
        -1
    }

    /// What fails for good must not be tried for ever: it is said, and there is no result.
    fn skip_for_good<T>(&self, call: &[Work], result: Result<T, MetaError>) -> Result<Option<T>, MetaError> {
        match result {
            Err(error) if !error.is_passing() => {
                for w in call {
                    self.skip(&w.tsuid, &error.to_string());
                }
                Ok(None)
            }
            result => result.map(Some),
        }
    }
}

fn counter_column() -> Columns {
    Columns::Only(vec![(NAME_FAMILY, COUNTER_QUALIFIER.to_vec())])
}

/// Stores meta data of each name that gets an id here (`enable_realtime_uid`).
pub struct LiveUidMeta {
    store: Arc<dyn Store>,
    table: String,
}

impl LiveUidMeta {
    /// Over the table of names.
    pub fn new(store: Arc<dyn Store>, table: &str) -> LiveUidMeta {
        LiveUidMeta { store, table: table.to_owned() }
    }
}

impl Watch for LiveUidMeta {
    fn assigned(&self, kind: UidKind, name: &str, id: Uid) {
        let mut meta = UidMeta::new(kind, id.as_bytes(), name);
        meta.created = clock::now_s();
        if let Err(error) = put_uid_meta(self.store.as_ref(), &self.table, &meta) {
            tracing::warn!("no meta data for the new {} '{name}', `tsdb uid metasync` makes it: {error}", kind.qualifier());
        }
    }
}
