//! Series: names to row keys, cached, so that a point of a known series costs one lookup and no allocation.
//!
//! Two maps: from the names as they were written (tags in any order, each order its own entry) and from the TSUID.
//! Both give one [`Series`], so that a row never exists twice in the head.

use super::head::Rows;
use super::journal::Numbered;
use crate::codec::SeriesKey;
use crate::point::Point;
use parking_lot::{Mutex, RwLock};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

const SHARDS: usize = 64;

/// A series with its waiting rows.
pub struct Series {
    /// Makes its row keys.
    pub key: SeriesKey,
    /// Points that wait for the store.
    pub rows: Mutex<Rows>,
    segment: AtomicU64,
    number: AtomicU32,
}

impl Numbered for Arc<Series> {
    // Both are read and written under the journal's lock only.
    fn number(&self) -> (u64, u32) {
        (self.segment.load(Ordering::Relaxed), self.number.load(Ordering::Relaxed))
    }
    fn set_number(&self, segment: u64, number: u32) {
        self.segment.store(segment, Ordering::Relaxed);
        self.number.store(number, Ordering::Relaxed);
    }
    fn tsuid(&self) -> Vec<u8> {
        self.key.tsuid()
    }
}

type Map = FxHashMap<Box<[u8]>, Arc<Series>>;

/// The cache. Its bound is on entries by name; series with waiting points stay known by TSUID until they are stored.
pub struct SeriesCache {
    names: Vec<RwLock<Map>>,
    tsuids: Vec<Mutex<Map>>,
    seed: u64,
    shard_max: usize,
    hasher: FxBuildHasher,
}

impl SeriesCache {
    /// A cache of at most about `max` names.
    pub fn new(max: usize) -> SeriesCache {
        // The hash is fast and not secret; a random start keeps chosen names from falling together.
        let seed = std::hash::RandomState::new().hash_one(0u8);
        SeriesCache {
            names: (0..SHARDS).map(|_| RwLock::default()).collect(),
            tsuids: (0..SHARDS).map(|_| Mutex::default()).collect(),
            seed,
            shard_max: (max / SHARDS).max(2),
            hasher: FxBuildHasher,
        }
    }

    /// Writes what names a point's series into `key`: lengths and texts, so that no two series look alike.
    #[inline]
    pub fn write_key(point: &Point<'_>, key: &mut Vec<u8>) {
        key.clear();
        push_text(key, point.metric);
        for (tag, value) in point.tags {
            push_text(key, tag);
            push_text(key, value);
        }
    }

    /// The series of these names, if known.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<Arc<Series>> {
        self.name_shard(key)?.read().get(key).cloned()
    }

    /// Remembers names.
    pub fn insert(&self, key: &[u8], series: Arc<Series>) {
        let Some(shard) = self.name_shard(key) else { return };
        let mut shard = shard.write();
        if shard.len() >= self.shard_max {
            // One in eight goes, whichever: the order of a hash map is as good as chance.
            let mut at = 0u32;
            shard.retain(|_, _| {
                at += 1;
                !at.is_multiple_of(8)
            });
        }
        shard.insert(key.into(), series);
    }

    /// The one series of this TSUID.
    pub fn by_tsuid(&self, tsuid: &[u8], make: impl FnOnce() -> SeriesKey) -> Arc<Series> {
        let new = |key| Arc::new(Series { key, rows: Mutex::default(), segment: AtomicU64::new(0), number: AtomicU32::new(0) });
        let Some(shard) = self.shard(tsuid).and_then(|at| self.tsuids.get(at)) else { return new(make()) };
        let mut shard = shard.lock();
        if let Some(series) = shard.get(tsuid) {
            return series.clone();
        }
        if shard.len() >= self.shard_max && shard.len().is_power_of_two() || shard.len() >= 2 * self.shard_max {
            shard.retain(|_, series| Arc::strong_count(series) > 1);
        }
        let series = new(make());
        shard.insert(tsuid.into(), series.clone());
        series
    }

    /// Forgets all names (`dropcaches`, a renamed or deleted id). Waiting points are not touched.
    pub fn clear(&self) {
        self.names.iter().for_each(|shard| shard.write().clear());
    }

    /// Calls with each series held. No lock is held meanwhile.
    pub fn each(&self, mut see: impl FnMut(&Series)) {
        for shard in &self.tsuids {
            let held: Vec<Arc<Series>> = shard.lock().values().cloned().collect();
            held.iter().for_each(|series| see(series));
        }
    }

    /// Names and series held.
    pub fn sizes(&self) -> (u64, u64) {
        let names: usize = self.names.iter().map(|s| s.read().len()).sum();
        let series: usize = self.tsuids.iter().map(|s| s.lock().len()).sum();
        (names as u64, series as u64)
    }

    fn name_shard(&self, key: &[u8]) -> Option<&RwLock<Map>> {
        self.shard(key).and_then(|at| self.names.get(at))
    }

    fn shard(&self, key: &[u8]) -> Option<usize> {
        // The map inside uses other bits of another hash; here a few bytes from both ends are enough to spread.
        let tail = key.last_chunk::<8>().map_or(0, |c| u64::from_le_bytes(*c));
        let middle = key.get(key.len() / 2..).and_then(|k| k.first_chunk::<8>()).map_or(0, |c| u64::from_le_bytes(*c));
        let mixed = self.hasher.hash_one(tail ^ middle.rotate_left(17) ^ self.seed);
        Some((mixed >> 40) as usize % SHARDS)
    }
}

#[inline]
fn push_text(key: &mut Vec<u8>, text: &str) {
    key.extend_from_slice(&(text.len() as u16).to_le_bytes());
    key.extend_from_slice(text.as_bytes());
}
