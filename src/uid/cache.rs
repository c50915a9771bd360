//! What is known of one kind of names: bounded caches both ways, counters, and how much of the width is used.

use super::flight::Flights;
use super::{Uid, UidKind, UidOptions, UidStats};
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// The caches grow to their bound; this is what they are laid out for at the start.
const EXPECTED_ENTRIES: usize = 10_000;
/// Use of the width, in percent, at which a warning is given, once each.
const WARN_PERCENT: [u8; 3] = [70, 85, 95];

/// One kind of names.
pub(super) struct Names {
    pub kind: UidKind,
    pub qualifier: &'static str,
    pub width: u8,
    pub random: bool,
    pub flights: Flights,
    pub collisions: AtomicU64,
    ids: Cache<Box<str>, Uid>,
    names: Cache<Uid, Arc<str>>,
    hits: AtomicU64,
    misses: AtomicU64,
    last_id: AtomicU64,
    warned: AtomicU8,
}

impl Names {
    pub fn new(kind: UidKind, width: u8, random: bool, options: &UidOptions) -> Names {
        Names {
            kind,
            qualifier: options.qualifier.unwrap_or(kind.qualifier()),
            width: width.clamp(1, 8),
            random,
            flights: Flights::default(),
            collisions: AtomicU64::new(0),
            ids: bounded(options.names_max),
            names: bounded(options.ids_max),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            last_id: AtomicU64::new(0),
            warned: AtomicU8::new(0),
        }
    }

    #[inline]
    pub fn id(&self, name: &str) -> Option<Uid> {
        self.ids.get(name)
    }

    pub fn name(&self, id: Uid) -> Option<Arc<str>> {
        self.names.get(&id)
    }

    /// Both ways.
    pub fn remember(&self, name: &str, id: Uid) {
        self.ids.insert(name.into(), id);
        self.names.insert(id, name.into());
    }

    pub fn remember_name(&self, id: Uid, name: Arc<str>) {
        self.names.insert(id, name);
    }

    pub fn forget_name(&self, name: &str) {
        self.ids.remove(name);
    }

    pub fn forget_id(&self, id: Uid) {
        self.names.remove(&id);
    }

    pub fn clear(&self) {
        self.ids.clear();
        self.names.clear();
    }

    pub fn hit(&self) {
        self.hits.fetch_add(1, Relaxed);
    }

    pub fn miss(&self) {
        self.misses.fetch_add(1, Relaxed);
    }

    /// Highest id of this width. With 8 bytes the sign bit stays unused, as in OpenTSDB.
    pub fn max_possible(&self) -> u64 {
        if self.width >= 8 { i64::MAX as u64 } else { (1 << (u32::from(self.width) * 8)) - 1 }
    }

    /// Notes how far the counter is, and warns when a threshold is passed.
    pub fn saw_id(&self, id: u64) {
        let highest = self.last_id.fetch_max(id, Relaxed).max(id);
        let percent = u128::from(highest) * 100 / u128::from(self.max_possible());
        let Some(&passed) = WARN_PERCENT.iter().rev().find(|&&p| percent >= u128::from(p)) else { return };
        if self.warned.fetch_max(passed, Relaxed) < passed {
            tracing::warn!(
                kind = self.qualifier,
                used = highest,
                possible = self.max_possible(),
                "more than {passed} % of the unique ids for '{}' on {} bytes are used",
                self.qualifier,
                self.width
            );
        }
    }

    pub fn stats(&self) -> UidStats {
        UidStats {
            cache_hits: self.hits.load(Relaxed),
            cache_misses: self.misses.load(Relaxed),
            cache_size: (self.ids.len() + self.names.len()) as u64,
            random_collisions: self.collisions.load(Relaxed),
            last_id: self.last_id.load(Relaxed),
            max_possible: self.max_possible(),
            warned_percent: self.warned.load(Relaxed),
        }
    }
}

fn bounded<K: Eq + std::hash::Hash + Clone, V: Clone>(most: usize) -> Cache<K, V> {
    let most = most.max(1);
    let options = OptionsBuilder::new().estimated_items_capacity(EXPECTED_ENTRIES.min(most)).weight_capacity(most as u64).build();
    match options {
        Ok(options) => Cache::with_options(options, UnitWeighter, DefaultHashBuilder::default(), Default::default()),
        Err(_) => Cache::new(most), // only missing capacities are an error
    }
}
