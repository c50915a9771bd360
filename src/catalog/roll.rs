//! All series, for the question the other way round: which hosts are there, and which metrics do these hosts have?
//!
//! The tables answer it for one metric at a time, so the worker goes through what was written lately here, through the
//! table of meta data, and then from metric to metric, and keeps the ids. Answers say while that goes on.

use super::metrics::TagFilter;
use super::words::Words;
use super::{Catalog, Inner};
use crate::meta::lookup::Wanted;
use crate::query::engine::QueryError;
use crate::query::last::refused;
use crate::uid::{Uid, UidError, UidKind};
use parking_lot::{Mutex, RwLock};
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most series of all metrics, about 80 bytes each.
pub const ROLL_SERIES_MAX: usize = 1_000_000;
/// How long the series of one metric are looked for.
const METRIC_TIME: Duration = Duration::from_millis(100);
/// How long one call goes on.
const CALL_TIME: Duration = Duration::from_secs(20);
/// Time between calls, while somebody asks.
const CALL_EVERY: Duration = Duration::from_secs(3);
/// After so long metrics and meta data are gone through again.
const ROUND_EVERY: Duration = Duration::from_secs(600);
/// How long a question waits for the first call.
const FIRST_WAIT: Duration = Duration::from_millis(1_500);

/// The series that are known.
#[derive(Default)]
pub struct Roll {
    held: RwLock<Held>,
    index: Mutex<Option<(Uid, usize, Arc<Hosts>)>>,
}

#[derive(Default)]
struct Held {
    series: Vec<Box<[u8]>>,
    known: FxHashSet<u64>,
    covered: FxHashSet<Uid>,
    round: Option<Instant>,
    called: Option<Instant>,
    complete: bool,
    limited: bool,
}

/// The values of one tag, with the series that have them as places in the roll.
struct Hosts(Vec<(String, Vec<u32>)>);

/// A host that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Series that fit the question.
    pub series: usize,
    /// Metrics of those.
    pub metrics: usize,
}

/// A metric of some hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostMetric {
    /// Its name.
    pub name: String,
    /// Series.
    pub series: usize,
    /// How many of the hosts have it.
    pub hosts: usize,
}

/// A page of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollPage<T> {
    /// How many in all.
    pub total: usize,
    /// The series of some metrics are still looked for.
    pub loading: bool,
    /// There are more series than are held.
    pub limited: bool,
    /// The page.
    pub hits: Vec<T>,
}

impl Held {
    fn add(&mut self, tsuid: &[u8]) {
        if self.series.len() >= ROLL_SERIES_MAX {
            self.limited = true;
        } else if self.known.insert(FxBuildHasher.hash_one(tsuid)) {
            self.series.push(tsuid.into());
        }
    }
}

impl Roll {
    /// Nothing is known any more.
    pub fn forget(&self) {
        *self.held.write() = Held::default();
        *self.index.lock() = None;
    }
}

impl Catalog {
    /// Values of the tag `tagk` that have all of these parts and a series with these tags, by name.
    pub fn hosts(&self, tagk: &str, words: &Words, tags: &TagFilter, page: (usize, usize)) -> Result<RollPage<Host>, QueryError> {
        let inner = &self.inner;
        let (hosts, loading, limited) = self.ready_hosts(tagk)?;
        let filter = inner.resolve(tags)?;
        let held = inner.roll.held.read();
        let width = usize::from(inner.options.layout.metric_width);
        let mut found = Vec::new();
        for (name, series) in hosts.iter().flat_map(|hosts| &hosts.0) {
            let Some(filter) = filter.as_ref().filter(|_| words.fits(name)) else { continue };
            let of = series.iter().filter_map(|at| held.series.get(*at as usize)).filter_map(|tsuid| tsuid.split_at_checked(width));
            let (mut metrics, mut series) = (FxHashSet::default(), 0);
            for (metric, _) in of.filter(|(_, tags)| inner.have(tags, filter)) {
                metrics.insert(metric);
                series += 1;
            }
            if series > 0 {
                found.push(Host { name: name.clone(), series, metrics: metrics.len() });
            }
        }
        let total = found.len();
        Ok(RollPage { total, loading, limited, hits: found.into_iter().skip(page.0).take(page.1).collect() })
    }

    /// The metrics of these hosts whose names have all of these parts, by name.
    pub fn host_metrics(
        &self,
        tagk: &str,
        names: &[String],
        words: &Words,
        page: (usize, usize),
    ) -> Result<RollPage<HostMetric>, QueryError> {
        let inner = &self.inner;
        let (hosts, loading, limited) = self.ready_hosts(tagk)?;
        let wanted: FxHashSet<&str> = names.iter().map(String::as_str).collect();
        let held = inner.roll.held.read();
        let width = usize::from(inner.options.layout.metric_width);
        let mut counts: FxHashMap<&[u8], (usize, usize, usize)> = FxHashMap::default();
        for (place, (_, series)) in hosts.iter().flat_map(|hosts| &hosts.0).filter(|host| wanted.contains(host.0.as_str())).enumerate() {
            for metric in series.iter().filter_map(|at| held.series.get(*at as usize)?.get(..width)) {
                let (series, hosts, last) = counts.entry(metric).or_insert((0, 0, usize::MAX));
                *series += 1;
                *hosts += usize::from(*last != place);
                *last = place;
            }
        }
        inner.warm(UidKind::Metric, counts.keys().copied())?;
        let named =
            counts.into_iter().map(|(id, (series, hosts, _))| Ok(HostMetric { name: inner.name(UidKind::Metric, id)?, series, hosts }));
        let mut found = named.collect::<Result<Vec<_>, QueryError>>()?;
        found.retain(|metric| words.fits(&metric.name));
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(RollPage { total: found.len(), loading, limited, hits: found.into_iter().skip(page.0).take(page.1).collect() })
    }

    /// The values of a tag (none: no such tag), whether series are still looked for, and whether there are too many.
    fn ready_hosts(&self, tagk: &str) -> Result<(Option<Arc<Hosts>>, bool, bool), QueryError> {
        let (loading, limited) = self.ready_roll()?;
        let tagk = match self.inner.uids.id(UidKind::Tagk, tagk) {
            Err(UidError::NoSuchName { .. }) => return Ok((None, loading, limited)),
            id => id?,
        };
        Ok((Some(self.inner.index(tagk)?), loading, limited))
    }

    /// Has the roll called, and says whether series are still looked for, and whether there are too many.
    pub(super) fn ready_roll(&self) -> Result<(bool, bool), QueryError> {
        self.ready(UidKind::Metric)?; // the metrics to go through
        let roll = &self.inner.roll;
        let age = || roll.held.read().called.map(|called| called.elapsed());
        if age().is_none_or(|age| age > CALL_EVERY) {
            self.order(|wanted| wanted.roll = true);
        }
        let until = Instant::now() + FIRST_WAIT;
        while age().is_none() && Instant::now() < until {
            self.inner.tasks.wait_for_progress(until);
        }
        let held = roll.held.read();
        Ok((!held.complete, held.limited))
    }
}

impl Inner {
    /// Calls with every series that is known.
    pub(super) fn each_of_roll(&self, see: &mut dyn FnMut(&[u8])) {
        self.roll.held.read().series.iter().for_each(|tsuid| see(tsuid));
    }

    /// The values of a tag in order of name. No lock is held while names are read.
    fn index(&self, tagk: Uid) -> Result<Arc<Hosts>, QueryError> {
        let (places, all) = {
            let held = self.roll.held.read();
            if let Some((of, series, hosts)) = &*self.roll.index.lock()
                && *of == tagk
                && *series == held.series.len()
            {
                return Ok(hosts.clone());
            }
            let width = usize::from(self.options.layout.metric_width);
            let mut places: FxHashMap<Box<[u8]>, Vec<u32>> = FxHashMap::default();
            for (at, tsuid) in held.series.iter().enumerate() {
                let tags = tsuid.get(width..).unwrap_or_default();
                if let Some((_, value)) = self.pairs(tags).find(|(key, _)| *key == tagk.as_bytes()) {
                    match places.get_mut(value) {
                        Some(places) => places.push(at as u32),
                        None => drop(places.insert(value.into(), vec![at as u32])),
                    }
                }
            }
            (places, held.series.len())
        };
        self.warm(UidKind::Tagv, places.keys().map(AsRef::as_ref))?;
        let named = places.into_iter().map(|(value, places)| Ok((self.name(UidKind::Tagv, &value)?, places)));
        let mut hosts = named.collect::<Result<Vec<_>, QueryError>>()?;
        hosts.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let hosts = Arc::new(Hosts(hosts));
        *self.roll.index.lock() = Some((tagk, all, hosts.clone()));
        Ok(hosts)
    }

    /// Brings in more series: the worker's part.
    pub(super) fn call_roll(&self) {
        let begun = Instant::now();
        let mut new: Vec<Box<[u8]>> = Vec::new();
        self.recent.each(&mut |tsuid, _| new.push(tsuid.into()));
        let starts_round = self.roll.held.read().round.is_none_or(|round| round.elapsed() > ROUND_EVERY);
        if starts_round {
            match self.series_of_meta() {
                Ok(series) => new.extend(series.into_iter().map(Vec::into_boxed_slice)),
                Err(error) => tracing::debug!("series of meta data: {error}"),
            }
        }
        {
            let mut held = self.roll.held.write();
            new.iter().for_each(|tsuid| held.add(tsuid));
            held.called = Some(begun);
            if starts_round {
                held.round = Some(begun);
                held.covered.clear();
            }
        }
        self.cover(begun + CALL_TIME);
    }

    fn series_of_meta(&self) -> Result<Vec<Vec<u8>>, QueryError> {
        let places = self.places(&self.stop);
        if !places.has_meta().map_err(QueryError::Store)? {
            return Ok(Vec::new());
        }
        places.in_meta(&Wanted { limit: Some(ROLL_SERIES_MAX), ..Wanted::default() }).map_err(refused)
    }

    /// Goes from metric to metric.
    fn cover(&self, until: Instant) {
        let names = self.names(UidKind::Metric);
        let mut open: Vec<Uid> = {
            let (list, held) = (names.list(), self.roll.held.read());
            (0..list.len()).filter_map(|at| list.id(at)).filter(|id| !held.covered.contains(id)).collect()
        };
        {
            let latest = self.latest.all();
            open.sort_by_key(|id| std::cmp::Reverse(latest.get(id).copied()));
        }
        let mut complete = names.is_loaded();
        for metric in open {
            if Instant::now() > until || self.is_pressed() || self.roll.held.read().limited {
                complete = false;
                break;
            }
            let mut found = Vec::new();
            let limited = self.tags_of(metric, METRIC_TIME, &mut |tags| found.push([metric.as_bytes(), tags].concat()));
            if let Err(error) = limited {
                tracing::debug!("series of metric {}: {error}", metric.to_hex());
            }
            let mut held = self.roll.held.write();
            found.iter().for_each(|tsuid| held.add(tsuid));
            held.covered.insert(metric);
        }
        self.roll.held.write().complete = complete;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::names::Fresh;
    use crate::catalog::{CatalogOptions, Recent};
    use crate::codec::{DecodeOptions, Layout};
    use crate::store::memory::MemoryStore;
    use crate::store::{Overlay, RowBatch};
    use crate::uid::{UidOptions, Uids};
    use std::sync::atomic::Ordering::SeqCst;

    struct Nothing;

    impl Overlay for Nothing {
        fn pin(&self, _: &str, _: &[u8], _: &[u8]) -> RowBatch {
            RowBatch::default()
        }
    }

    impl Recent for Nothing {
        fn each(&self, _: &mut dyn FnMut(&[u8], Option<i64>)) {}
    }

    #[test]
    fn nobody_waits_while_names_are_read() {
        let store = Arc::new(MemoryStore::default());
        let uids = Arc::new(Uids::new(store.clone(), UidOptions::default()));
        let id = |kind, name: &str| uids.id_or_create(kind, name).unwrap();
        let (metric, tagk, tagv) = (id(UidKind::Metric, "m"), id(UidKind::Tagk, "host"), id(UidKind::Tagv, "web01"));
        let options = CatalogOptions {
            layout: Layout::default(),
            data_table: "tsdb".to_owned(),
            meta_table: "tsdb-meta".to_owned(),
            decode: DecodeOptions::default(),
            random_metrics: false,
        };
        let catalog = Catalog::new((store.clone(), Arc::new(Nothing)), uids.clone(), (Arc::<Fresh>::default(), Arc::new(Nothing)), options);
        let roll = &catalog.inner.roll;
        roll.held.write().add(&[metric.as_bytes(), tagk.as_bytes(), tagv.as_bytes()].concat());
        uids.drop_caches();
        std::thread::scope(|scope| {
            let slow = store.reads.lock();
            let asked = scope.spawn(|| catalog.inner.index(tagk).map(|hosts| hosts.0.clone()));
            let until = Instant::now() + Duration::from_secs(60);
            while store.waiting.load(SeqCst) == 0 {
                assert!(Instant::now() < until, "it reads no names");
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(roll.held.try_write_for(Duration::from_secs(60)).is_some() && roll.index.try_lock().is_some());
            drop(slow);
            assert_eq!(asked.join().unwrap().unwrap(), [("web01".to_owned(), vec![0])]);
        });
    }
}
