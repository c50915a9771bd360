//! What there is, for people who look for it: names by their parts, the series of a metric, which hosts have which metrics.
//!
//! OpenTSDB lists names by their beginnings and series by exact names. Here lists of names are held in memory
//! ([`list`], kept up to date by [`names`]), the series of a metric are found when somebody asks ([`walk`], [`metrics`]),
//! and those of all metrics in the background ([`roll`]). Nothing is written, nothing is read before the first question,
//! and all of it can be lost at any time. Bounds: `NAMES_BYTES_MAX`, `SERIES_MAX`, `SERIES_HELD_MAX`, `ROLL_SERIES_MAX`.

pub mod estimate;
pub mod list;
pub mod metrics;
pub mod names;
pub mod patterns;
pub mod roll;
mod walk;
pub mod words;
mod work;

use crate::codec::{DecodeOptions, Layout};
use crate::meta::lookup::Places;
use crate::query::engine::QueryError;
use crate::query::last::refused;
use crate::store::{Overlay, Store};
use crate::uid::{Uid, UidKind, Uids};
use metrics::{SeriesWeight, Weighed};
use names::{Fresh, KindNames};
use parking_lot::Mutex;
use patterns::Patterns;
use quick_cache::sync::Cache;
use roll::Roll;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use words::Words;
use work::{Latest, Tasks};

/// Most series held for all metrics together, about 80 bytes each.
const SERIES_HELD_MAX: u64 = 1_000_000;
/// Metrics whose series are held, as the cache expects them.
const METRICS_EXPECTED: usize = 1_000;
/// How long a question waits for the first reading of names. Afterwards it is answered with what is there.
const LOAD_WAIT: Duration = Duration::from_millis(1_500);

/// Who knows what was written lately.
pub trait Recent: Send + Sync {
    /// Calls with series (TSUIDs) that were written, and their newest instant in milliseconds if it is known.
    fn each(&self, see: &mut dyn FnMut(&[u8], Option<i64>));
}

/// What the catalog needs of the settings.
#[derive(Clone, Debug)]
pub struct CatalogOptions {
    /// Widths of row keys.
    pub layout: Layout,
    /// Name of the table of points.
    pub data_table: String,
    /// Name of the table of meta data.
    pub meta_table: String,
    /// Which of two points of one instant is read.
    pub decode: DecodeOptions,
    /// Ids of metrics are not counted up.
    pub random_metrics: bool,
}

/// The catalog. One a process.
pub struct Catalog {
    inner: Arc<Inner>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

/// What questions and the worker share.
pub(crate) struct Inner {
    store: Arc<dyn Store>,
    overlay: Arc<dyn Overlay>,
    uids: Arc<Uids>,
    options: CatalogOptions,
    fresh: Arc<Fresh>,
    recent: Arc<dyn Recent>,
    names: [KindNames; 3],
    metrics: Cache<Uid, Weighed, SeriesWeight>,
    latest: Latest,
    roll: Roll,
    tasks: Tasks,
    stop: AtomicBool,
}

/// Names that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many fit.
    pub total: usize,
    /// Names are still being read: there may be more.
    pub loading: bool,
    /// There were too many names to hold them all.
    pub limited: bool,
    /// A page of them, the best first.
    pub hits: Vec<(String, Uid)>,
}

/// A step of names that begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// What follows the beginning, up to the next separator.
    pub name: String,
    /// Metrics below it, itself included.
    pub metrics: usize,
    /// It is a metric itself.
    pub is_metric: bool,
    /// There are longer names below it.
    pub is_branch: bool,
}

impl Catalog {
    /// Over open tables. Reads nothing yet. `overlay`: rows that wait in this process.
    pub fn new(
        (store, overlay): (Arc<dyn Store>, Arc<dyn Overlay>),
        uids: Arc<Uids>,
        (fresh, recent): (Arc<Fresh>, Arc<dyn Recent>),
        options: CatalogOptions,
    ) -> Catalog {
        let names = UidKind::ALL.map(|kind| KindNames::new(kind, kind == UidKind::Metric && options.random_metrics));
        let inner = Inner {
            store,
            overlay,
            uids,
            fresh,
            recent,
            names,
            metrics: Cache::with_weighter(METRICS_EXPECTED, SERIES_HELD_MAX, SeriesWeight),
            latest: Latest::default(),
            roll: Roll::default(),
            tasks: Tasks::default(),
            stop: AtomicBool::new(false),
            options,
        };
        Catalog { inner: Arc::new(inner), worker: Mutex::default() }
    }

    /// What is known is forgotten (`dropcaches`): it is read again when somebody asks.
    pub fn forget(&self) {
        self.inner.fresh.distrust();
        self.inner.metrics.clear();
        self.inner.roll.forget();
    }

    /// Names that have all of these parts, the best fits first. `page`: how many to pass over, how many to tell. `patterns`: of
    /// whatever kind, their first is that of the names.
    pub fn find(&self, kind: UidKind, words: &Words, patterns: &Patterns, page: (usize, usize)) -> Result<Found, QueryError> {
        let names = self.ready(kind)?;
        let list = names.list();
        let hits = list.find(words, page, |at| patterns.fit(list.name(at)).then_some(()));
        let told = |at: usize| Some((list.name(at).to_owned(), list.id(at)?));
        Ok(Found {
            total: hits.total,
            loading: !names.is_loaded(),
            limited: list.is_full() || patterns.gave_up(),
            hits: hits.page.into_iter().filter_map(told).collect(),
        })
    }

    /// What follows `prefix` in names of metrics, up to the next `separator`, in order; and whether names are still read.
    pub fn branches(&self, prefix: &str, separator: char, words: &Words, patterns: &Patterns) -> Result<(Vec<Branch>, bool), QueryError> {
        let names = self.ready(UidKind::Metric)?;
        let tagged = self.tagged(patterns)?;
        let list = names.list();
        let mut found: std::collections::BTreeMap<&str, Branch> = std::collections::BTreeMap::new();
        list.each(words, |at, _| {
            let Some(rest) = list.name(at).strip_prefix(prefix).filter(|_| tagged.has(list.name(at), list.id(at))) else {
                return;
            };
            let (step, is_metric) = rest.split_once(separator).map_or((rest, true), |(step, _)| (step, false));
            let new = || Branch { name: step.to_owned(), metrics: 0, is_metric: false, is_branch: false };
            let branch = found.entry(step).or_insert_with(new);
            branch.metrics += 1;
            branch.is_metric |= is_metric;
            branch.is_branch |= !is_metric;
        });
        Ok((found.into_values().collect(), !names.is_loaded() || tagged.loading))
    }

    /// The names of a kind, as new as a look a second makes them.
    fn ready(&self, kind: UidKind) -> Result<&KindNames, QueryError> {
        let names = self.inner.names(kind);
        if names.claim(&self.inner.fresh) {
            self.order(|wanted| wanted.load.push(kind));
        }
        if !names.is_loaded() {
            let until = Instant::now() + LOAD_WAIT;
            while !names.is_loaded() && Instant::now() < until {
                self.inner.tasks.wait_for_progress(until);
            }
        }
        names.refresh(&self.inner.uids, &self.inner.fresh).map_err(QueryError::Uid)?;
        Ok(names)
    }
}

impl Inner {
    fn names(&self, kind: UidKind) -> &KindNames {
        let [metrics, tagks, tagvs] = &self.names;
        match kind {
            UidKind::Metric => metrics,
            UidKind::Tagk => tagks,
            UidKind::Tagv => tagvs,
        }
    }

    fn places<'a>(&'a self, cancel: &'a AtomicBool) -> Places<'a> {
        Places {
            store: self.store.as_ref(),
            overlay: Some(self.overlay.as_ref()),
            uids: &self.uids,
            layout: self.options.layout,
            data_table: &self.options.data_table,
            meta_table: &self.options.meta_table,
            cancel,
        }
    }

    /// The name of an id; one that has none is shown as its id.
    fn name(&self, kind: UidKind, id: &[u8]) -> Result<String, QueryError> {
        match self.uids.name(kind, id) {
            Ok(name) => Ok(name.to_string()),
            Err(crate::uid::UidError::NoSuchId { .. }) => Ok(format!("({})", crate::codec::to_hex(id))),
            Err(error) => Err(QueryError::Uid(error)),
        }
    }

    /// Brings names into the cache, many in one read.
    fn warm<'i>(&self, kind: UidKind, ids: impl IntoIterator<Item = &'i [u8]>) -> Result<(), QueryError> {
        self.uids.warm(kind, ids).map_err(|error| refused(error.into()))
    }
}

impl Drop for Catalog {
    fn drop(&mut self) {
        self.inner.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        self.inner.tasks.wake();
        if let Some(worker) = self.worker.lock().take()
            && worker.join().is_err()
        {
            tracing::error!("the thread of the catalog ended in a panic");
        }
    }
}

#[cfg(test)]
mod tests;
