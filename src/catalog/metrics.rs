//! A metric's series: how many, since when silent, which tags with which values, and the series themselves by page.

use super::patterns::Patterns;
use super::walk::MetricSeries;
use super::words::Words;
use super::{Catalog, Inner};
use crate::codec::to_hex;
use crate::meta::lookup::Places;
use crate::point::Number;
use crate::query::engine::QueryError;
use crate::query::last::{Last, LastPoint, refused};
use crate::uid::{Uid, UidError, UidKind};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// How long one question looks for series.
const METRIC_TIME: Duration = Duration::from_millis(1_200);
/// How long all metrics of a list may be looked at, and one of them, before it is answered.
const LIST_TIME: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(4));
/// What is told of a metric in a list may be so old.
const BRIEF_AGE: Duration = Duration::from_secs(5);
/// Rows that are read for the newest point of a metric.
const LAST_ROWS: usize = 32;
/// Series that are sorted by the names of their tags; more come in the order of their ids.
const SORTED_MAX: usize = 20_000;

/// A metric that somebody asked for.
pub struct Entry {
    series: Mutex<MetricSeries>,
    brief: Mutex<Option<(Instant, Brief)>>,
}

impl Entry {
    /// Looks for series for about so long, then lets `see` look at them.
    pub(super) fn read<T>(&self, places: &Places<'_>, time: Duration, see: impl FnOnce(&MetricSeries) -> T) -> Result<T, QueryError> {
        let mut series = self.series.lock();
        series.read(places, time).map_err(refused)?;
        Ok(see(&series))
    }
}

/// An entry and what it weighs in the cache: the series it held when it was put there. (A cache must not see weights
/// change behind its back.)
pub type Weighed = (Arc<Entry>, u64);

/// Reads that weight.
#[derive(Clone)]
pub struct SeriesWeight;

impl quick_cache::Weighter<Uid, Weighed> for SeriesWeight {
    fn weight(&self, _: &Uid, entry: &Weighed) -> u64 {
        entry.1
    }
}

/// What a list tells of a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brief {
    /// How many series are known; `None`: nobody has looked yet.
    pub series: Option<usize>,
    /// There may be more.
    pub limited: bool,
    /// Time of the newest point in milliseconds, if it is known.
    pub last: Option<i64>,
}

/// A metric that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricHit {
    /// Its name.
    pub name: String,
    /// What is known of it.
    pub brief: Brief,
}

/// Metrics that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundMetrics {
    /// How many fit.
    pub total: usize,
    /// Names are still being read.
    pub loading: bool,
    /// There were too many names to hold them all.
    pub limited: bool,
    /// A page of them.
    pub hits: Vec<MetricHit>,
}

/// Tags that series must have: names, each with its alternatives (none: any value).
pub type TagFilter = Vec<(String, Vec<String>)>;

/// The same as ids.
pub(super) type IdFilter = Vec<(Uid, Vec<Uid>)>;

/// Tags by name, tags as ids, start of the newest row: a series on its way to a page.
type Row<'s> = (Vec<(String, String)>, &'s [u8], u32);

/// Some series of a metric.
pub struct Chosen {
    /// The metric.
    pub metric: Uid,
    /// Tags as ids, and the start of the newest row in seconds (0: not known), in the order of the ids.
    pub series: Vec<(Box<[u8]>, u32)>,
    /// There may be more.
    pub limited: bool,
    /// The rows were looked at back to here, in seconds.
    pub oldest: Option<u32>,
}

/// A tag of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagCard {
    /// Its name.
    pub name: String,
    /// Its id.
    pub uid: Uid,
    /// Series that have it.
    pub series: usize,
    /// How many values it has.
    pub count: usize,
    /// Values and the series that have them, the most frequent first.
    pub values: Vec<(String, usize)>,
}

/// A series of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesRow {
    /// Its id.
    pub tsuid: Vec<u8>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// Its newest point: milliseconds and value.
    pub last: Option<(i64, Number)>,
}

/// How often each value of each tag occurs.
type Counts<'s> = BTreeMap<&'s [u8], FxHashMap<&'s [u8], usize>>;

impl Catalog {
    /// Metrics whose names begin with `prefix`, have all of these parts and fit, as their tags do. Without parts, those written last
    /// come first.
    pub fn metrics(&self, prefix: &str, words: &Words, patterns: &Patterns, page: (usize, usize)) -> Result<FoundMetrics, QueryError> {
        let inner = &self.inner;
        let names = self.ready(UidKind::Metric)?;
        let tagged = self.tagged(patterns)?;
        if inner.latest.is_new() {
            inner.look_at_latest();
        } else if inner.latest.is_old() {
            self.order(|wanted| wanted.latest = true);
        }
        let (total, limited, page) = {
            let list = names.list();
            let fits = |name: &str, at: usize| name.starts_with(prefix) && tagged.has(name, list.id(at));
            let begins = |at: usize| fits(list.name(at), at).then_some(());
            let hits = if words.is_empty() {
                let latest = inner.latest.all();
                // Never written here: behind, the youngest names first.
                let when = |at| list.id(at).and_then(|id| latest.get(&id)).map_or((1, 0), |newest| (0, -newest));
                list.find(words, page, |at| begins(at).map(|()| (when(at), std::cmp::Reverse(list.id(at)))))
            } else {
                list.find(words, page, begins)
            };
            let told = |at: usize| Some((list.name(at).to_owned(), list.id(at)?));
            (hits.total, list.is_full() || tagged.limited || patterns.gave_up(), hits.page.into_iter().filter_map(told).collect::<Vec<_>>())
        };
        let hits = self.briefs(page);
        Ok(FoundMetrics { total, loading: !names.is_loaded() || tagged.loading, limited, hits })
    }

    /// What is known of these metrics, or quickly found out; the worker finds out the rest.
    fn briefs(&self, metrics: Vec<(String, Uid)>) -> Vec<MetricHit> {
        let until = Instant::now() + LIST_TIME.0;
        let (mut hits, mut later) = (Vec::with_capacity(metrics.len()), Vec::new());
        for (name, metric) in metrics {
            let mut brief = self.inner.known_brief(metric);
            if brief.is_none_or(|(age, _)| age > BRIEF_AGE) && Instant::now() < until {
                let read = self.inner.read_brief(metric, LIST_TIME.1, &self.inner.stop);
                brief = read.ok().flatten().map(|brief| (Duration::ZERO, brief)).or(brief);
            }
            if brief.is_none_or(|(age, _)| age > BRIEF_AGE) {
                later.push(metric);
            }
            let mut brief = brief.map(|(_, brief)| brief).unwrap_or_default();
            brief.last = brief.last.max(self.inner.latest.of(metric));
            hits.push(MetricHit { name, brief });
        }
        if !later.is_empty() {
            later.reverse(); // the first in sight is the first to be looked at
            self.order(|wanted| wanted.brief = later);
        }
        hits
    }

    /// The series of a metric that have these tags.
    pub fn choose(&self, metric: &str, tags: &TagFilter, cancel: &AtomicBool) -> Result<Chosen, QueryError> {
        let inner = &self.inner;
        let metric = inner.uids.id(UidKind::Metric, metric)?;
        let entry = inner.entry(metric);
        let mut held = entry.series.lock();
        held.read(&inner.places(cancel), METRIC_TIME).map_err(refused)?;
        let filter = inner.resolve(tags)?;
        let has = |tags: &[u8]| filter.as_ref().is_some_and(|filter| inner.have(tags, filter));
        let mut series: Vec<(Box<[u8]>, u32)> = held.each().filter(|(tags, _)| has(tags)).map(|(tags, base)| (tags.into(), base)).collect();
        let (limited, oldest, all) = (held.is_limited(), held.oldest(), held.len());
        drop(held);
        inner.hold(metric, entry, all);
        series.sort_unstable();
        Ok(Chosen { metric, series, limited, oldest })
    }

    /// The newest point of these series: milliseconds and value.
    pub fn last_of(&self, chosen: &Chosen, cancel: &AtomicBool) -> Result<Option<(i64, Number)>, QueryError> {
        self.inner.last_of(chosen.metric, chosen.series.iter().map(|(tags, base)| (tags.as_ref(), *base)), cancel)
    }

    /// The tags of these series, each with its `top` most frequent values, in order of name.
    pub fn cards(&self, chosen: &Chosen, top: usize) -> Result<Vec<TagCard>, QueryError> {
        let counts = self.inner.counts(&chosen.series);
        self.inner.warm(UidKind::Tagk, counts.keys().copied())?;
        let mut cards = Vec::with_capacity(counts.len());
        for (key, values) in counts {
            let Some(uid) = Uid::new(key) else { continue };
            let (count, series) = (values.len(), values.values().sum());
            let mut values: Vec<(&[u8], usize)> = values.into_iter().collect();
            values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
            values.truncate(top);
            self.inner.warm(UidKind::Tagv, values.iter().map(|value| value.0))?;
            let named = values.into_iter().map(|(id, series)| Ok((self.inner.name(UidKind::Tagv, id)?, series)));
            let mut values = named.collect::<Result<Vec<_>, QueryError>>()?;
            values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            cards.push(TagCard { name: self.inner.name(UidKind::Tagk, key)?, uid, series, count, values });
        }
        cards.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(cards)
    }

    /// The values of one tag of these series whose names have all of these parts, the most frequent first; how many in all.
    pub fn values(
        &self,
        chosen: &Chosen,
        tagk: &str,
        words: &Words,
        page: (usize, usize),
    ) -> Result<(usize, Vec<(String, usize)>), QueryError> {
        let key = match self.inner.uids.id(UidKind::Tagk, tagk) {
            Err(UidError::NoSuchName { .. }) => return Ok((0, Vec::new())),
            key => key?,
        };
        let mut counts = self.inner.counts(&chosen.series);
        let values = counts.remove(key.as_bytes()).unwrap_or_default();
        self.inner.warm(UidKind::Tagv, values.keys().copied())?;
        let named = values.into_iter().map(|(id, series)| Ok((self.inner.name(UidKind::Tagv, id)?, series)));
        let mut values = named.collect::<Result<Vec<_>, QueryError>>()?;
        values.retain(|(name, _)| words.fits(name));
        values.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok((values.len(), values.into_iter().skip(page.0).take(page.1).collect()))
    }

    /// A page of these series, by their tags if they are not too many, with the newest point of each as far as it is known
    /// where that lies. `words`: parts that `name=value` texts must have.
    pub fn series(
        &self,
        chosen: &Chosen,
        words: &Words,
        page: (usize, usize),
        cancel: &AtomicBool,
    ) -> Result<(usize, Vec<SeriesRow>), QueryError> {
        let inner = &self.inner;
        let mut total = chosen.series.len();
        let named = !words.is_empty() || total <= SORTED_MAX;
        let mut rows: Vec<Row<'_>> = Vec::new();
        if named {
            inner.warm_tags(chosen.series.iter().map(|(tags, _)| tags.as_ref()))?;
            for (tags, base) in &chosen.series {
                rows.push((inner.named(tags)?, tags, *base));
            }
            rows.retain(|(tags, ..)| words.is_empty() || words.fits(&show(tags)));
            total = rows.len();
            rows.sort_unstable();
            rows = rows.into_iter().skip(page.0).take(page.1).collect();
        } else {
            let page = chosen.series.iter().skip(page.0).take(page.1);
            inner.warm_tags(page.clone().map(|(tags, _)| tags.as_ref()))?;
            for (tags, base) in page {
                rows.push((inner.named(tags)?, tags, *base));
            }
        }
        let tsuid = |tags: &[u8]| [chosen.metric.as_bytes(), tags].concat();
        let known = rows.iter().filter(|(.., base)| *base > 0).map(|(_, tags, base)| (tsuid(tags), *base)).collect();
        let last = inner.last(cancel).in_rows(known)?;
        let last: FxHashMap<Vec<u8>, LastPoint> = last.into_iter().map(|point| (point.tsuid.clone(), point)).collect();
        let row = |(tags, ids, _): Row<'_>| {
            let tsuid = tsuid(ids);
            let last = last.get(&tsuid).map(|point| (point.time, point.value));
            SeriesRow { tsuid, tags, last }
        };
        Ok((total, rows.into_iter().map(row).collect()))
    }
}

fn show(tags: &[(String, String)]) -> String {
    tags.iter().map(|(key, value)| format!("{key}={value} ")).collect()
}

impl Inner {
    pub(super) fn entry(&self, metric: Uid) -> Arc<Entry> {
        self.metrics
            .get(&metric)
            .map(|(entry, _)| entry)
            .unwrap_or_else(|| Arc::new(Entry { series: Mutex::new(MetricSeries::new(metric.as_bytes())), brief: Mutex::default() }))
    }

    /// Puts an entry into the cache with its weight of now.
    fn hold(&self, metric: Uid, entry: Arc<Entry>, series: usize) {
        self.metrics.insert(metric, (entry, series.max(1) as u64));
    }

    fn known_brief(&self, metric: Uid) -> Option<(Duration, Brief)> {
        let (entry, _) = self.metrics.get(&metric)?;
        let brief = *entry.brief.lock();
        brief.map(|(then, brief)| (then.elapsed(), brief))
    }

    /// Looks at a metric for about so long. `None`: somebody else does so now.
    pub(super) fn read_brief(&self, metric: Uid, time: Duration, cancel: &AtomicBool) -> Result<Option<Brief>, QueryError> {
        let entry = self.entry(metric);
        let Some(mut series) = entry.series.try_lock() else { return Ok(None) };
        series.read(&self.places(cancel), time).map_err(refused)?;
        let last = self.last_of(metric, series.each(), cancel)?.map(|(time, _)| time);
        let brief = Brief { series: Some(series.len()), limited: series.is_limited(), last };
        let all = series.len();
        drop(series);
        if let Some(last) = last {
            self.latest.note(metric, last);
        }
        *entry.brief.lock() = Some((Instant::now(), brief));
        self.hold(metric, entry, all);
        Ok(Some(brief))
    }

    /// The tags of every series of a metric, for the roll.
    pub(super) fn tags_of(&self, metric: Uid, time: Duration, see: &mut dyn FnMut(&[u8])) -> Result<bool, QueryError> {
        let entry = self.entry(metric);
        let mut series = entry.series.lock();
        series.read(&self.places(&self.stop), time).map_err(refused)?;
        series.each().for_each(|(tags, _)| see(tags));
        let (limited, all) = (series.is_limited(), series.len());
        drop(series);
        self.hold(metric, entry, all);
        Ok(limited)
    }

    fn last_of<'t>(
        &self,
        metric: Uid,
        series: impl Iterator<Item = (&'t [u8], u32)>,
        cancel: &AtomicBool,
    ) -> Result<Option<(i64, Number)>, QueryError> {
        // The rows of the newest hour hold it; where they are many, a part of them tells it well enough.
        let (mut newest, mut rows): (u32, Vec<&[u8]>) = (0, Vec::new());
        for (tags, base) in series {
            if base > newest {
                newest = base;
                rows.clear();
            }
            if base == newest && base > 0 && rows.len() < LAST_ROWS {
                rows.push(tags);
            }
        }
        let rows: Vec<_> = rows.into_iter().map(|tags| ([metric.as_bytes(), tags].concat(), newest)).collect();
        Ok(self.last(cancel).in_rows(rows)?.iter().max_by_key(|point| point.time).map(|point| (point.time, point.value)))
    }

    fn last<'a>(&'a self, cancel: &'a AtomicBool) -> Last<'a> {
        Last { places: self.places(cancel), decode: self.options.decode, has_counters: false, now: 0 }
    }

    /// Names as ids; `None`: a name is unknown, so nothing can have it.
    pub(super) fn resolve(&self, tags: &TagFilter) -> Result<Option<IdFilter>, QueryError> {
        let id = |kind, name: &str| match self.uids.id(kind, name) {
            Err(UidError::NoSuchName { .. }) => Ok(None),
            other => other.map(Some),
        };
        let mut out = Vec::with_capacity(tags.len());
        for (key, values) in tags {
            let Some(key) = id(UidKind::Tagk, key)? else { return Ok(None) };
            let mut known = Vec::with_capacity(values.len());
            for value in values {
                known.extend(id(UidKind::Tagv, value)?);
            }
            if known.is_empty() && !values.is_empty() {
                return Ok(None);
            }
            out.push((key, known));
        }
        Ok(Some(out))
    }

    pub(super) fn pairs<'t>(&self, tags: &'t [u8]) -> impl Iterator<Item = (&'t [u8], &'t [u8])> + use<'t> {
        let (pair, width) = (self.options.layout.pair_width().max(1), usize::from(self.options.layout.tagk_width));
        tags.chunks_exact(pair).filter_map(move |pair| pair.split_at_checked(width))
    }

    /// Whether the tags of a series are those of a filter.
    pub(super) fn have(&self, tags: &[u8], filter: &IdFilter) -> bool {
        let is_one = |values: &[Uid], value: &[u8]| values.is_empty() || values.iter().any(|one| one.as_bytes() == value);
        filter.iter().all(|(key, values)| self.pairs(tags).any(|(k, v)| k == key.as_bytes() && is_one(values, v)))
    }

    fn counts<'s>(&self, series: &'s [(Box<[u8]>, u32)]) -> Counts<'s> {
        let mut counts = Counts::new();
        for (key, value) in series.iter().flat_map(|(tags, _)| self.pairs(tags)) {
            *counts.entry(key).or_default().entry(value).or_default() += 1;
        }
        counts
    }

    fn warm_tags<'t>(&self, series: impl Iterator<Item = &'t [u8]> + Clone) -> Result<(), QueryError> {
        self.warm(UidKind::Tagk, series.clone().flat_map(|tags| self.pairs(tags).map(|pair| pair.0)))?;
        self.warm(UidKind::Tagv, series.flat_map(|tags| self.pairs(tags).map(|pair| pair.1)))
    }

    fn named(&self, tags: &[u8]) -> Result<Vec<(String, String)>, QueryError> {
        self.pairs(tags).map(|(key, value)| Ok((self.name(UidKind::Tagk, key)?, self.name(UidKind::Tagv, value)?))).collect()
    }
}

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} series of {}", self.series.len(), to_hex(self.metric.as_bytes()))
    }
}
