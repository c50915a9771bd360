//! `uid metasync`: every series that has points gets meta data, and so does every id in it, as OpenTSDB's tool makes them.
//!
//! | found | done |
//! | --- | --- |
//! | an id without meta data, or with a time of creation that is 0 or more than an hour after a row | `created` = start of the row |
//! | a series without counter and meta data | `ts_ctr` = 1 and `ts_meta`, `created` = start of its first row |
//! | a counter without meta data | `ts_meta` |
//! | meta data with a time of creation that is 0 or too late | `created` = start of its first row |
//!
//! OpenTSDB's tool makes the counter in a first run and the meta data in a second one, unless real-time TSMeta is on. What
//! cannot be read is logged with its row and left as it is. All may be repeated, also while points come in.

use super::error::MetaError;
use super::live::Listeners;
use super::series::after;
use super::tables::{MetaTables, put, ts_columns, write};
use super::ts_meta::{COUNTER_QUALIFIER, META_QUALIFIER, TsChange, TsMeta};
use super::uid_meta::{UidChange, UidMeta};
use crate::codec::{RowKey, scan_key, to_hex};
use crate::store::{Columns, RowBatch, RowMutation, RowView, Scan, StoreError};
use crate::uid::{NAME_FAMILY, UidKind, from_latin_1};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Rows of a call to the store.
const CALL_ROWS: usize = 500;
/// Series that are looked up together.
const SERIES_AT_ONCE: usize = 2_000;
/// Rows of a batch of a scan: only their keys come.
const SCAN_ROWS: usize = 2_000;
/// A time of creation may be so much later than a row's start, in seconds: the row's own hour.
const LATE_SECONDS: i64 = 3_600;

/// What a run did.
#[derive(Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct SyncCounts {
    pub rows: AtomicU64,
    pub series: AtomicU64,
    pub uids_made: AtomicU64,
    pub uids_changed: AtomicU64,
    pub series_made: AtomicU64,
    pub series_changed: AtomicU64,
    pub left_out: AtomicU64,
}

impl SyncCounts {
    /// One line.
    pub fn line(&self) -> String {
        let of = |count: &AtomicU64| count.load(Relaxed);
        format!(
            "{} rows, {} series; meta data made: {} ids, {} series; changed: {} ids, {} series; left out: {}",
            of(&self.rows),
            of(&self.series),
            of(&self.uids_made),
            of(&self.series_made),
            of(&self.uids_changed),
            of(&self.series_changed),
            of(&self.left_out)
        )
    }
}

/// A run. Its threads share it.
pub struct MetaSync {
    tables: Arc<MetaTables>,
    data_table: String,
    listeners: Arc<Listeners>,
    /// Ids that were looked at, with the earliest row so far.
    ids: Mutex<Earliest>,
    hashers: (RandomState, RandomState),
    /// What it did.
    pub counts: SyncCounts,
}

/// Ids with the start of the earliest row that was found.
type Earliest = FxHashMap<(UidKind, Box<[u8]>), u32>;
/// A series and the start of its first row that was found.
type Found = (Vec<u8>, u32);

impl MetaSync {
    /// `listeners`: told of series that get meta data.
    pub fn new(tables: Arc<MetaTables>, data_table: &str, listeners: Arc<Listeners>) -> MetaSync {
        let hashers = (RandomState::new(), RandomState::new());
        MetaSync { tables, data_table: data_table.to_owned(), listeners, ids: Mutex::default(), hashers, counts: SyncCounts::default() }
    }

    /// The parts that threads can share: the rows of each metric in each salt bucket, as a bucket and the metric's id.
    pub fn parts(&self) -> Result<Vec<(u32, Vec<u8>)>, MetaError> {
        let column = UidKind::Metric.qualifier().as_bytes().to_vec();
        let scan = Scan { columns: Columns::Only(vec![(NAME_FAMILY, column)]), ..Scan::range([], []) };
        let mut scanner = self.tables.store.scan(self.tables.uids.table(), scan)?;
        let (mut batch, mut parts) = (RowBatch::default(), Vec::new());
        let width = usize::from(self.tables.layout.metric_width);
        while scanner.next(&mut batch)? {
            for row in batch.rows().filter(|row| row.key().len() == width) {
                parts.extend((0..self.tables.layout.buckets()).map(|bucket| (bucket, row.key().to_vec())));
            }
        }
        Ok(parts)
    }

    /// One part.
    pub fn part(&self, bucket: u32, metric: &[u8]) -> Result<(), MetaError> {
        let layout = self.tables.layout;
        let mut start = scan_key(&layout, bucket, metric, 0);
        start.truncate(layout.time_at());
        let scan = Scan { keys_only: true, batch_rows: SCAN_ROWS, ..Scan::range(start.clone(), after(&start)) };
        let mut scanner = self.tables.store.scan(&self.data_table, scan)?;
        let (mut batch, mut tsuid) = (RowBatch::default(), Vec::new());
        let mut seen: FxHashSet<(u64, u64)> = FxHashSet::default();
        let mut found: Vec<Found> = Vec::new();
        while scanner.next(&mut batch)? {
            self.counts.rows.fetch_add(batch.len() as u64, Relaxed);
            for row in batch.rows() {
                let key = match RowKey::parse(&layout, row.key()) {
                    Ok(key) if !key.tag_bytes().is_empty() => key,
                    Ok(_) => continue,
                    Err(error) => {
                        self.leave_out(&error.to_string());
                        continue;
                    }
                };
                tsuid.clear();
                key.write_tsuid(&mut tsuid);
                if seen.insert((self.hashers.0.hash_one(&tsuid), self.hashers.1.hash_one(&tsuid))) {
                    found.push((tsuid.clone(), key.base_time()));
                }
            }
            if found.len() >= SERIES_AT_ONCE {
                self.apply(&std::mem::take(&mut found))?;
            }
        }
        self.apply(&found)
    }

    /// Makes and changes what these series need.
    fn apply(&self, found: &[Found]) -> Result<(), MetaError> {
        for found in found.chunks(CALL_ROWS) {
            self.ids(found)?;
            self.series(found)?;
        }
        Ok(())
    }

    fn ids(&self, found: &[Found]) -> Result<(), MetaError> {
        let mut wanted = Earliest::default();
        {
            let mut done = self.ids.lock();
            let mut want = |kind, id: &[u8], base: u32| {
                let key = (kind, Box::from(id));
                if done.get(&key).is_none_or(|earliest| base < *earliest) {
                    done.insert(key.clone(), base);
                    wanted.insert(key, base);
                }
            };
            for (tsuid, base) in found {
                let ids = self.tables.split(tsuid)?;
                want(UidKind::Metric, ids.metric, *base);
                for (name, value) in ids.tags {
                    want(UidKind::Tagk, name, *base);
                    want(UidKind::Tagv, value, *base);
                }
            }
        }
        for kind in UidKind::ALL {
            let of_kind = wanted.iter().filter(|((of, _), _)| *of == kind);
            let ids: Vec<(&[u8], u32)> = of_kind.map(|((_, id), base)| (&**id, *base)).collect();
            ids.chunks(CALL_ROWS).try_for_each(|ids| self.ids_of(kind, ids))?;
        }
        Ok(())
    }

    fn ids_of(&self, kind: UidKind, ids: &[(&[u8], u32)]) -> Result<(), MetaError> {
        let tables = &self.tables;
        let (name, meta) = (kind.qualifier().as_bytes(), kind.meta_qualifier().as_bytes());
        let columns = Columns::Only(vec![(NAME_FAMILY, name.to_vec()), (NAME_FAMILY, meta.to_vec())]);
        let keys: Vec<Vec<u8>> = ids.iter().map(|(id, _)| id.to_vec()).collect();
        let mut batch = RowBatch::default();
        tables.store.get(tables.uids.table(), &keys, &columns, &mut batch)?;
        let rows: FxHashMap<&[u8], RowView<'_>> = batch.rows().map(|row| (row.key(), row)).collect();
        let mut made: Vec<RowMutation> = Vec::new();
        for (id, base) in ids {
            let Some(text) = rows.get(id).and_then(|row| row.value(NAME_FAMILY, name)) else {
                self.leave_out(&format!("a series includes an id without a name: {} {}", kind.qualifier(), to_hex(id)));
                continue;
            };
            let (text, created) = (from_latin_1(text), i64::from(*base));
            match rows.get(id).and_then(|row| row.value(NAME_FAMILY, meta)) {
                None => made.push(put(id, meta, UidMeta { created, ..UidMeta::new(kind, id, &text) }.to_json())),
                Some(json) => match tables.read_uid_meta(kind, id, &text, json) {
                    Ok(stored) if is_late(stored.created, created) => {
                        tables.change_uid_meta(kind, id, &UidChange { created: Some(created), ..UidChange::default() }, false)?;
                        self.counts.uids_changed.fetch_add(1, Relaxed);
                    }
                    Ok(_) => {}
                    Err(error) => self.leave_out(&error.to_string()),
                },
            }
        }
        write(tables.store.as_ref(), tables.uids.table(), &made)?;
        self.counts.uids_made.fetch_add(made.len() as u64, Relaxed);
        Ok(())
    }

    fn series(&self, found: &[Found]) -> Result<(), MetaError> {
        let tables = &self.tables;
        let keys: Vec<Vec<u8>> = found.iter().map(|(tsuid, _)| tsuid.clone()).collect();
        let mut batch = RowBatch::default();
        tables.store.get(&tables.table, &keys, &ts_columns(), &mut batch)?;
        let rows: FxHashMap<&[u8], RowView<'_>> = batch.rows().map(|row| (row.key(), row)).collect();
        let (mut made, mut counters) = (Vec::new(), Vec::new());
        for (tsuid, base) in found {
            let row = rows.get(tsuid.as_slice());
            let created = i64::from(*base);
            let stored = match row.map(|row| tables.read_ts_meta(row)).transpose() {
                Ok(stored) => stored.flatten(),
                Err(error) => {
                    self.leave_out(&error.to_string());
                    continue;
                }
            };
            match stored {
                None => {
                    if row.and_then(|row| row.value(NAME_FAMILY, COUNTER_QUALIFIER)).is_none() {
                        counters.push(tsuid.as_slice());
                    }
                    made.push(put(tsuid, META_QUALIFIER, TsMeta::new(tsuid, created).to_json()));
                }
                Some(stored) if is_late(stored.created, created) => {
                    let change = TsChange { created: Some(created), ..TsChange::default() };
                    match tables.change_ts_meta(tsuid, &change, false) {
                        Ok(_) => drop(self.counts.series_changed.fetch_add(1, Relaxed)),
                        Err(error @ (MetaError::Unknown(_) | MetaError::Unreadable { .. })) => self.leave_out(&error.to_string()),
                        Err(error) => return Err(error),
                    }
                }
                Some(_) => {}
            }
        }
        self.begin_counters(&counters)?;
        write(tables.store.as_ref(), &tables.table, &made)?;
        self.counts.series.fetch_add(found.len() as u64, Relaxed);
        self.counts.series_made.fetch_add(made.len() as u64, Relaxed);
        self.tell(&made)
    }

    /// Counters that are not there become 1. A TSD may count meanwhile: what it wrote stays.
    fn begin_counters(&self, series: &[&[u8]]) -> Result<(), StoreError> {
        let (tables, one) = (&self.tables, 1i64.to_be_bytes());
        if tables.store.is_private() {
            let rows: Vec<_> = series.iter().map(|tsuid| put(tsuid, COUNTER_QUALIFIER, one.to_vec())).collect();
            return write(tables.store.as_ref(), &tables.table, &rows);
        }
        series.iter().try_for_each(|tsuid| tables.swap(&tables.table, tsuid, COUNTER_QUALIFIER, None, &one).map(drop))
    }

    fn tell(&self, made: &[RowMutation]) -> Result<(), MetaError> {
        if self.listeners.0.is_empty() {
            return Ok(());
        }
        for row in made {
            match self.tables.ts_meta(&row.row) {
                Ok(Some(meta)) => self.listeners.tell_or_log(&meta),
                Ok(None) => {}
                Err(error @ MetaError::Store(_)) => return Err(error),
                Err(error) => self.leave_out(&error.to_string()),
            }
        }
        Ok(())
    }

    fn leave_out(&self, why: &str) {
        self.counts.left_out.fetch_add(1, Relaxed);
        tracing::warn!("{why}");
    }
}

/// Whether a time of creation is unknown or cannot be right.
fn is_late(stored: i64, row: i64) -> bool {
    stored == 0 || stored > row + LATE_SECONDS
}
