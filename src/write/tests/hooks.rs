//! Hooks are told of every point once, whatever happens between.

use super::*;
use crate::store::memory::Fault;
use crate::write::journal::fake::Torn;
use std::sync::atomic::AtomicBool;

const HOUR: u32 = (START / 1000) as u32;

/// Counts points by series; its counts are as durable as the store that the real ones write to.
#[derive(Default)]
struct Counts {
    told: Mutex<BTreeMap<Vec<u8>, u64>>,
    apart: Mutex<BTreeMap<Vec<u8>, u64>>,
    settled: Mutex<BTreeMap<Vec<u8>, u64>>,
    newest: AtomicI64,
    failing: AtomicBool,
}

impl Arrivals for Counts {
    fn arrived(&self, points: &Arrived<'_>) {
        assert!(points.points().count() == points.count() && points.cell().is_none());
        *self.told.lock().entry(points.tsuid.to_vec()).or_default() += points.count() as u64;
        self.newest.fetch_max(points.newest(), SeqCst);
    }
    fn is_pressing(&self) -> bool {
        true
    }
    fn cut(&self) {
        for (series, count) in std::mem::take(&mut *self.told.lock()) {
            *self.apart.lock().entry(series).or_default() += count;
        }
    }
    fn settle(&self) -> Result<(), WriteError> {
        if self.failing.load(SeqCst) {
            return Err(WriteError::Failed("away".to_owned()));
        }
        for (series, count) in std::mem::take(&mut *self.apart.lock()) {
            *self.settled.lock().entry(series).or_default() += count;
        }
        Ok(())
    }
}

impl Counts {
    /// A new process: only what was settled is left.
    fn reborn(&self) -> Arc<Counts> {
        Arc::new(Counts { settled: Mutex::new(self.settled.lock().clone()), ..Counts::default() })
    }

    fn total(&self) -> u64 {
        self.settled.lock().values().sum()
    }

    #[track_caller]
    fn wait_for(&self, want: u64) {
        let until = Instant::now() + LONG;
        while self.total() != want {
            assert!(Instant::now() < until, "{} of {want} settled", self.total());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn rig(store: Arc<MemoryStore>, disk: FakeDisk, counts: &Arc<Counts>) -> Rig {
    let hook = counts.clone();
    Rig::on(store, disk, |o| o.arrivals = vec![hook]).unwrap()
}

fn store(private: bool) -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(private, Arc::new(AtomicI64::new(START))))
}

#[test]
fn points_are_told_once_across_a_restart() {
    let (table, disk, counts) = (store(true), FakeDisk::default(), Arc::new(Counts::default()));
    let first = rig(table.clone(), disk.clone(), &counts);
    first.put("a", HOUR, 1);
    first.put("a", HOUR + 1, 2);
    first.put("b", HOUR, 1);
    counts.wait_for(3);
    assert_eq!(counts.newest.load(SeqCst), i64::from(HOUR + 1) * 1000);
    // Settled and noted, not stored: the next process replays them and tells nobody.
    std::thread::sleep(Duration::from_millis(1_000));
    counts.failing.store(true, SeqCst);
    first.put("b", HOUR + 2, 1);
    std::thread::sleep(Duration::from_millis(300));
    drop(first);
    let counts = counts.reborn();
    let second = rig(table, disk, &counts);
    assert_eq!(second.writer.replayed().points, 4);
    counts.wait_for(4);
    assert_eq!(counts.settled.lock().values().copied().collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn what_is_not_settled_keeps_its_segment_though_it_is_stored() {
    let (table, disk, counts) = (store(false), FakeDisk::default(), Arc::new(Counts::default()));
    counts.failing.store(true, SeqCst);
    let first = rig(table.clone(), disk.clone(), &counts);
    (0..500).for_each(|at| first.put("a", HOUR + at, 1));
    first.flush();
    first.writer.inner.journal.rotate();
    first.flush();
    drop(first);
    let counts = counts.reborn();
    let second = rig(table.clone(), disk.clone(), &counts);
    counts.wait_for(500);
    second.flush();
    second.writer.shutdown().unwrap();
    drop(second);
    let third = rig(table, disk, &counts);
    assert_eq!((third.writer.replayed().points, third.read().len()), (0, 500));
    third.writer.shutdown().unwrap();
    assert_eq!(counts.total(), 500);
}

#[test]
fn points_of_new_names_are_told_when_the_store_is_back() {
    let (table, counts) = (store(false), Arc::new(Counts::default()));
    let rig = rig(table.clone(), FakeDisk::default(), &counts);
    *table.fault.lock() = Fault::Unavailable;
    rig.put("a", HOUR, 1);
    rig.put("b", HOUR, 1);
    assert_eq!(counts.total(), 0);
    *table.fault.lock() = Fault::None;
    rig.flush();
    counts.wait_for(2);
}

#[test]
fn a_power_cut_loses_no_count() {
    // Without faults of the hook itself a count may only be told again when the note of it was lost, so none is missing.
    for at in (2..60).step_by(3) {
        let (table, disk, counts) = (store(true), FakeDisk::cut_at(at), Arc::new(Counts::default()));
        let Ok(first) = Rig::on(table.clone(), disk.clone(), |o| o.arrivals = vec![counts.clone()]) else { continue };
        let mut acknowledged = 0;
        for second in 0..60 {
            acknowledged += u64::from(first.try_put("a", PointTime::Seconds(HOUR + second), Value::Int(1)).is_ok());
            if second % 20 == 0 {
                std::thread::sleep(Duration::from_millis(110));
            }
        }
        drop(first);
        let counts = counts.reborn();
        let second = rig(Arc::new(table.after_power_cut()), disk.after_power_cut(Torn::Half), &counts);
        std::thread::sleep(Duration::from_millis(250));
        second.writer.shutdown().unwrap();
        assert!(counts.total() >= acknowledged, "cut at sync {at}: {} of {acknowledged}", counts.total());
    }
}
