//! Tests of the way in, on a store and a disk in memory with injected faults.

mod bounds;
mod compaction;
mod hooks;
mod kill;
mod loose;
mod power;
mod rules;
mod visible;

use super::journal::fake::FakeDisk;
use super::*;
use crate::codec::{Cell, DecodeOptions, Points, RowKey, decode_row};
use crate::point::{Number, Point, PointTime, Value};
use crate::store::RowBatch;
use crate::store::memory::MemoryStore;
use crate::uid::UidOptions;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

/// A time of day to start with: 2023-11-14 22:00:00 UTC, the start of an hour.
const START: i64 = 1_699_999_200_000;
const LONG: Duration = Duration::from_secs(120);

/// A writer with everything around it.
struct Rig {
    store: Arc<MemoryStore>,
    disk: FakeDisk,
    clock: Arc<AtomicI64>,
    options: WriteOptions,
    writer: Arc<Writer>,
    _folder: tempfile::TempDir,
}

impl Rig {
    /// On a store of our own with packed cells, or on a shared one with single cells.
    fn new(private: bool) -> Rig {
        Rig::with(private, |_| {})
    }

    fn with(private: bool, change: impl FnOnce(&mut WriteOptions)) -> Rig {
        let clock = Arc::new(AtomicI64::new(START));
        let store = Arc::new(MemoryStore::new(private, clock.clone()));
        Rig::on(store, FakeDisk::default(), change).unwrap()
    }

    fn on(store: Arc<MemoryStore>, disk: FakeDisk, change: impl FnOnce(&mut WriteOptions)) -> Result<Rig, WriteError> {
        let folder = tempfile::tempdir().unwrap();
        let clock = store.clock.clone();
        let mut options = WriteOptions::new(folder.path(), crate::store::Store::is_private(&*store));
        options.auto_create = AutoCreate { metric: true, tagk: true, tagv: true };
        options.journal.disk = Some(Arc::new(disk.clone()));
        // Tests flush when they want to.
        options.flush_interval = 3_600_000;
        options.backpressure = 200;
        let time = clock.clone();
        options.clock = Arc::new(move || time.load(SeqCst));
        change(&mut options);
        Rig::open(store, disk, clock, options, folder)
    }

    fn open(
        store: Arc<MemoryStore>,
        disk: FakeDisk,
        clock: Arc<AtomicI64>,
        options: WriteOptions,
        folder: tempfile::TempDir,
    ) -> Result<Rig, WriteError> {
        let uids = Arc::new(Uids::new(store.clone(), UidOptions::default()));
        let writer = Writer::open(store.clone(), uids, options.clone())?;
        Ok(Rig { store, disk, clock, options, writer, _folder: folder })
    }

    /// Kills the writer without a flush and opens it again on the same store and disk.
    fn restart(self) -> Rig {
        let Rig { store, disk, clock, options, writer, _folder } = self;
        drop(writer);
        Rig::open(store, disk, clock, options, _folder).unwrap()
    }

    /// One point of `m{h=HOST}`, on disk.
    fn put(&self, host: &str, seconds: u32, value: i64) {
        self.try_put(host, PointTime::Seconds(seconds), Value::Int(value)).unwrap();
    }

    fn try_put(&self, host: &str, time: PointTime, value: Value) -> Result<(), WriteError> {
        let mut batch = self.writer.batch();
        batch.add(&Point { metric: "m", time, value, tags: &[("h", host)] })?;
        let ticket = batch.commit()?;
        self.writer.wait(ticket)
    }

    fn flush(&self) {
        self.writer.flush(LONG).unwrap();
    }

    fn tick(&self, millis: i64) {
        self.clock.fetch_add(millis, SeqCst);
    }

    fn stat(&self, name: &str) -> u64 {
        let mut found = None;
        self.writer.stats(&mut |n, v| {
            if n == name {
                found = Some(v);
            }
        });
        found.unwrap_or_else(|| panic!("no counter {name}"))
    }

    /// Row key of `m{h=HOST}` at a base time. Ids count up from 1 in the order of first use.
    fn row(&self, host_id: u8, base: u32) -> Vec<u8> {
        [&[0, 0, 1][..], &base.to_be_bytes(), &[0, 0, 1, 0, 0, host_id]].concat()
    }

    /// Cells of the data table without the row's key: qualifier and value in hex.
    fn cells(&self) -> Vec<(String, String)> {
        use crate::codec::to_hex;
        self.store.cells().iter().map(|(_, q, v, _)| (to_hex(q).to_lowercase(), to_hex(v).to_lowercase())).collect()
    }

    /// What a reader here sees: value by row's TSUID and millisecond. The head is pinned first.
    fn read(&self) -> BTreeMap<(Vec<u8>, i64), i64> {
        let pinned = self.writer.overlay().pin("tsdb", &[], &[]);
        read_all(&self.store, &pinned).into_iter().map(|(k, v)| (k, v.0)).collect()
    }

    /// Values by second since START, for one series.
    fn values(&self) -> Vec<(i64, i64)> {
        self.read().into_iter().map(|((_, ms), v)| ((ms - START) / 1000, v)).collect()
    }
}

/// Qualifier, value, time.
type TimedCell = (Vec<u8>, Vec<u8>, i64);
type Read = BTreeMap<(Vec<u8>, i64), (i64, u32)>;

/// Points of head and store: value, and how often rows had a duplicate of other bytes.
fn read_all(store: &MemoryStore, pinned: &RowBatch) -> Read {
    let layout = crate::codec::Layout::default();
    let mut rows: BTreeMap<Vec<u8>, Vec<TimedCell>> = BTreeMap::new();
    for (row, qualifier, value, time) in store.cells() {
        rows.entry(row).or_default().push((qualifier, value, time));
    }
    for row in pinned.rows() {
        let cells = rows.entry(row.key().to_vec()).or_default();
        cells.extend(row.cells().map(|c| (c.qualifier.to_vec(), c.value.to_vec(), c.time)));
    }
    let mut all = BTreeMap::new();
    for (key, cells) in rows {
        let parsed = RowKey::parse(&layout, &key).unwrap();
        let mut points = Points::default();
        let cells = || cells.iter().map(|(q, v, t)| Cell { qualifier: q, value: v, time: *t });
        let report = decode_row(&key, parsed.base_time(), cells, &DecodeOptions::default(), &mut points);
        assert_eq!(report.errors, []);
        let duplicates = report.same_duplicates + report.other_duplicates;
        for (time, value) in points.times.iter().zip(&points.values) {
            let Number::Int(value) = *value else { panic!("tests write integers") };
            all.insert((parsed.tsuid(), *time), (value, duplicates));
        }
    }
    all
}
