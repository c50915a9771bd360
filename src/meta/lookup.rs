//! Which series there are: by metric and tags, from the counters and meta data of series (table `tsdb-meta`) or from the
//! rows of points themselves.
//!
//! What the parts of a question mean, as OpenTSDB's answers show it (recorded scenarios `search_lookup_meta`,
//! `search_lookup_nometa`): several values of one tag name are alternatives, a name without a value takes any of them;
//! different names must hold together. Values without a name are alternatives too, under any name, but beside a tag that
//! has a name they are not looked at (recorded case `two_tagv`).

use crate::codec::{Layout, RowKey, scan_key, to_hex};
use crate::point::json::Members;
use crate::store::{Columns, Overlay, Prefilter, RowBatch, RowView, Scan, Store, StoreError, TagBytes, after_prefix};
use crate::uid::{UidError, UidKind, Uids};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

/// Column family of the table of meta data.
const META_FAMILY: &str = "name";
/// Column of a series' counter. The time of the cell tells when a point of the series was written last.
const COUNTER: &[u8] = b"ts_ctr";
/// Column family of points.
const DATA_FAMILY: &str = "t";
/// Most series of one answer: with their names they take about a gigabyte.
const SERIES_MAX: usize = 2_000_000;
/// Rows of one batch.
const BATCH_ROWS: usize = 1_000;

/// Why there is no list of series.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// A name of the question was never assigned, or a series found has an id without a name.
    #[error(transparent)]
    Uid(#[from] UidError),
    /// A tag of the question has neither name nor value.
    #[error("A tag needs a name or a value: *=* matches every series")]
    EmptyPair,
    /// The caller went away.
    #[error("the lookup was cancelled")]
    Cancelled,
    /// More series than one answer holds.
    #[error("more than {SERIES_MAX} series match (SERIES_MAX): ask with a limit, a metric or more tags")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A question. `None`, an empty metric and `*` stand for anything.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The metric's name.
    pub metric: Option<String>,
    /// Names and values of tags.
    pub tags: Vec<(Option<String>, Option<String>)>,
    /// Most series in the answer.
    pub limit: Option<usize>,
    /// `*` is a name like any other.
    pub literal: bool,
}

impl Wanted {
    /// All series of a metric that have these tags.
    pub fn exactly(metric: &str, tags: Vec<(String, String)>) -> Wanted {
        let tags = tags.into_iter().map(|(name, value)| (Some(name), Some(value))).collect();
        Wanted { metric: Some(metric.to_string()), tags, limit: None, literal: true }
    }
}

/// A tag as the command line and the query string write it: `name=value`, `name=` or `=value`.
pub fn parse_tag(text: &str) -> Result<(Option<String>, Option<String>), String> {
    if text.chars().count() < 2 {
        return Err("Missing tag pair".to_string());
    }
    if let Some(value) = text.strip_prefix('=') {
        return Ok((None, Some(value.to_string())));
    }
    if let Some(name) = text.strip_suffix('=') {
        return Ok((Some(name.to_string()), None));
    }
    match text.split_once('=') {
        Some((name, value)) if !value.contains('=') => Ok((Some(name.to_string()), Some(value.to_string()))),
        _ => Err(format!("invalid tag: {text}")),
    }
}

/// What a lookup reads.
pub struct Places<'a> {
    /// The tables.
    pub store: &'a dyn Store,
    /// Rows of points that wait in this process.
    pub overlay: Option<&'a dyn Overlay>,
    /// Names.
    pub uids: &'a Uids,
    /// Widths of row keys.
    pub layout: Layout,
    /// Name of the table of points.
    pub data_table: &'a str,
    /// Name of the table of meta data.
    pub meta_table: &'a str,
    /// Set when nobody waits for the answer any more.
    pub cancel: &'a AtomicBool,
}

/// A series with its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedSeries {
    /// Metric and tags as ids.
    pub tsuid: Vec<u8>,
    /// The metric's name.
    pub metric: String,
    /// Names and values of its tags, in the order of the names' ids.
    pub tags: Vec<(String, String)>,
}

impl Places<'_> {
    /// Whether there is a table of meta data. (A store of our own has every table.)
    pub fn has_meta(&self) -> Result<bool, StoreError> {
        Ok(self.store.is_private() || self.store.tables()?.iter().any(|table| table == self.meta_table))
    }

    /// The series (TSUIDs) that match, from the table of meta data, in the order of their ids. Where that table is not
    /// there at all, from the points.
    pub fn in_meta(&self, wanted: &Wanted) -> Result<Vec<Vec<u8>>, LookupError> {
        let test = Test::new(wanted, self.uids, &self.layout)?;
        if !self.has_meta()? {
            return self.points_of(wanted, &test);
        }
        let mut found = Found::new(wanted.limit);
        self.scan(self.meta_table, self.meta_scan(&test, Columns::Family(META_FAMILY)), &mut found, |row, found| {
            if is_series(&self.layout, row.key()) && test.matches(split(&self.layout, row.key()).1) { found.add(row.key()) } else { Ok(()) }
        })?;
        Ok(found.series)
    }

    /// The series that match and have a counter, and the time of its cell, in milliseconds.
    pub fn counters(&self, wanted: &Wanted) -> Result<Vec<(Vec<u8>, i64)>, LookupError> {
        let test = Test::new(wanted, self.uids, &self.layout)?;
        let mut found = Found::new(wanted.limit);
        let mut times = Vec::new();
        let scan = self.meta_scan(&test, Columns::Only(vec![(META_FAMILY, COUNTER.to_vec())]));
        self.scan(self.meta_table, scan, &mut found, |row, found| {
            if let (true, Some(time)) = (test.matches(split(&self.layout, row.key()).1), counter_time(row)) {
                times.push(time);
                found.add(row.key())?;
            }
            Ok(())
        })?;
        Ok(found.series.into_iter().zip(times).collect())
    }

    /// The times of these series' counters, as far as they have one.
    pub fn counter_times(&self, series: &[Vec<u8>]) -> Result<HashMap<Vec<u8>, i64>, LookupError> {
        let columns = Columns::Only(vec![(META_FAMILY, COUNTER.to_vec())]);
        let mut batch = RowBatch::default();
        let mut times = HashMap::new();
        for keys in series.chunks(BATCH_ROWS) {
            self.store.get(self.meta_table, keys, &columns, &mut batch)?;
            times.extend(batch.rows().filter_map(|row| Some((row.key().to_vec(), counter_time(row)?))));
        }
        Ok(times)
    }

    fn meta_scan(&self, test: &Test, columns: Columns) -> Scan {
        let (start, stop) = test.metric.as_ref().map_or_else(Default::default, |metric| (metric.clone(), after_prefix(metric)));
        Scan { columns, prefilter: test.prefilter(usize::from(self.layout.metric_width)), ..Scan::range(start, stop) }
    }

    /// The series that match and have points: each once, however many rows it has.
    pub fn in_points(&self, wanted: &Wanted) -> Result<Vec<Vec<u8>>, LookupError> {
        self.points_of(wanted, &Test::new(wanted, self.uids, &self.layout)?)
    }

    fn points_of(&self, wanted: &Wanted, test: &Test) -> Result<Vec<Vec<u8>>, LookupError> {
        let mut found = Found::new(wanted.limit);
        let ranges: Vec<(Vec<u8>, Vec<u8>)> = match &test.metric {
            None => vec![(Vec::new(), Vec::new())],
            Some(metric) => (0..self.layout.buckets())
                .map(|bucket| {
                    let mut first = scan_key(&self.layout, bucket, metric, 0);
                    first.truncate(self.layout.time_at());
                    let stop = after_prefix(&first);
                    (first, stop)
                })
                .collect(),
        };
        let mut tsuid = Vec::new();
        let mut each = |row: RowView<'_>, found: &mut Found| {
            let Ok(row) = RowKey::parse(&self.layout, row.key()) else { return Ok(()) };
            if row.tag_bytes().is_empty() || !test.matches(row.tag_bytes()) {
                return Ok(());
            }
            tsuid.clear();
            row.write_tsuid(&mut tsuid);
            found.add(&tsuid)
        };
        for (start, stop) in ranges {
            // Pinned before the scan: a row that moves to the table meanwhile is seen at least once.
            let waiting = self.overlay.map(|overlay| overlay.pin(self.data_table, &start, &stop)).unwrap_or_default();
            let mut scan = Scan::range(start, stop);
            scan.columns = Columns::Family(DATA_FAMILY);
            scan.prefilter = test.prefilter(self.layout.tags_at());
            // A limit takes the first series in the order of the rows, wherever they are.
            let mut early = waiting.rows().peekable();
            self.scan(self.data_table, scan, &mut found, |row, found| {
                while let Some(before) = early.next_if(|waiting| waiting.key() < row.key()) {
                    each(before, found)?;
                }
                each(row, found)
            })?;
            early.try_for_each(|row| each(row, &mut found))?;
        }
        Ok(found.series)
    }

    fn scan(
        &self,
        table: &str,
        mut scan: Scan,
        found: &mut Found,
        mut each: impl FnMut(RowView<'_>, &mut Found) -> Result<(), LookupError>,
    ) -> Result<(), LookupError> {
        scan.batch_rows = found.limit.map_or(BATCH_ROWS, |limit| limit.clamp(1, BATCH_ROWS));
        let mut scanner = self.store.scan(table, scan)?;
        let mut batch = RowBatch::default();
        while !found.full() && scanner.next(&mut batch)? {
            if self.cancel.load(Ordering::Relaxed) {
                return Err(LookupError::Cancelled);
            }
            for row in batch.rows() {
                if found.full() {
                    break;
                }
                each(row, found)?;
            }
        }
        Ok(())
    }

    /// Whether a key of the table of meta data is that of a series.
    pub fn is_series(&self, key: &[u8]) -> bool {
        is_series(&self.layout, key)
    }

    /// The names of series, read many at once.
    pub fn named(&self, series: Vec<Vec<u8>>) -> Result<Vec<NamedSeries>, LookupError> {
        self.warm(&series)?;
        series.into_iter().map(|tsuid| self.name(tsuid)).collect()
    }

    /// Brings the names of series into the cache.
    pub fn warm(&self, series: &[Vec<u8>]) -> Result<(), LookupError> {
        let pairs = || series.iter().flat_map(|tsuid| pairs(&self.layout, split(&self.layout, tsuid).1));
        self.uids.warm(UidKind::Metric, series.iter().map(|tsuid| split(&self.layout, tsuid).0))?;
        self.uids.warm(UidKind::Tagk, pairs().map(|pair| pair.0))?;
        Ok(self.uids.warm(UidKind::Tagv, pairs().map(|pair| pair.1))?)
    }

    /// The names of one series.
    pub fn name(&self, tsuid: Vec<u8>) -> Result<NamedSeries, LookupError> {
        let (metric, tags) = split(&self.layout, &tsuid);
        let name = |kind, id| self.uids.name(kind, id).map(|name| name.to_string());
        let metric = name(UidKind::Metric, metric)?;
        let tags = pairs(&self.layout, tags).map(|(key, value)| Ok((name(UidKind::Tagk, key)?, name(UidKind::Tagv, value)?)));
        let tags = tags.collect::<Result<_, UidError>>()?;
        Ok(NamedSeries { tsuid, metric, tags })
    }
}

impl NamedSeries {
    /// Appends its JSON: `tsuid`, `metric`, `tags`.
    pub fn push_json(&self, out: &mut Vec<u8>) {
        let mut object = Members::open(out);
        object.text("tsuid", &to_hex(&self.tsuid));
        object.text("metric", &self.metric);
        object.value("tags", |out| {
            let mut tags = Members::open(out);
            for (key, value) in &self.tags {
                tags.text(key, value);
            }
            tags.close();
        });
        object.close();
    }
}

/// A TSUID's metric and tags.
fn split<'t>(layout: &Layout, tsuid: &'t [u8]) -> (&'t [u8], &'t [u8]) {
    tsuid.split_at_checked(usize::from(layout.metric_width)).unwrap_or((tsuid, b""))
}

/// The pairs of a series' tags.
fn pairs<'t>(layout: &Layout, tags: &'t [u8]) -> impl Iterator<Item = (&'t [u8], &'t [u8])> + use<'t> {
    let name = usize::from(layout.tagk_width);
    tags.chunks_exact(layout.pair_width().max(1)).filter_map(move |pair| pair.split_at_checked(name))
}

/// Whether a key of the table of meta data has the shape of a series: a metric and at least one tag.
fn is_series(layout: &Layout, key: &[u8]) -> bool {
    let tags = split(layout, key).1;
    !tags.is_empty() && tags.len().is_multiple_of(layout.pair_width().max(1))
}

fn counter_time(row: RowView<'_>) -> Option<i64> {
    row.cells().find(|cell| cell.family == META_FAMILY.as_bytes() && cell.qualifier == COUNTER).map(|cell| cell.time)
}

/// Series found so far.
struct Found {
    series: Vec<Vec<u8>>,
    known: HashSet<Vec<u8>>,
    limit: Option<usize>,
}

impl Found {
    fn new(limit: Option<usize>) -> Found {
        Found { series: Vec::new(), known: HashSet::new(), limit }
    }

    fn full(&self) -> bool {
        self.limit.is_some_and(|limit| self.series.len() >= limit)
    }

    fn add(&mut self, tsuid: &[u8]) -> Result<(), LookupError> {
        if self.full() || self.series.last().is_some_and(|last| last == tsuid) || self.known.contains(tsuid) {
            return Ok(());
        }
        if self.series.len() >= SERIES_MAX {
            return Err(LookupError::TooMany);
        }
        self.known.insert(tsuid.to_vec());
        self.series.push(tsuid.to_vec());
        Ok(())
    }
}

/// A question as ids.
struct Test {
    metric: Option<Vec<u8>>,
    /// Alternatives under any name.
    values: Vec<Vec<u8>>,
    /// Names and their alternatives; `None`: any value.
    tags: BTreeMap<Vec<u8>, Option<Vec<Vec<u8>>>>,
    layout: Layout,
}

impl Test {
    fn new(wanted: &Wanted, uids: &Uids, layout: &Layout) -> Result<Test, LookupError> {
        let given = |text: &Option<String>| text.clone().filter(|text| wanted.literal || text != "*");
        let id = |kind, name: Option<String>| name.map(|name| Ok::<_, UidError>(uids.id(kind, &name)?.as_bytes().to_vec())).transpose();
        let metric = id(UidKind::Metric, given(&wanted.metric).filter(|name| !name.is_empty()))?;
        let mut test = Test { metric, values: Vec::new(), tags: BTreeMap::new(), layout: *layout };
        for (name, value) in &wanted.tags {
            match (id(UidKind::Tagk, given(name))?, id(UidKind::Tagv, given(value))?) {
                (None, None) => return Err(LookupError::EmptyPair),
                (None, Some(value)) => test.values.push(value),
                (Some(name), None) => drop(test.tags.insert(name, None)),
                (Some(name), Some(value)) => {
                    if let Some(values) = test.tags.entry(name).or_insert_with(|| Some(Vec::new())) {
                        values.push(value);
                    }
                }
            }
        }
        Ok(test)
    }

    fn matches(&self, tags: &[u8]) -> bool {
        let all = || pairs(&self.layout, tags);
        let has = |name: &[u8], values: &Option<Vec<Vec<u8>>>| {
            all().any(|(key, value)| key == name && values.as_ref().is_none_or(|values| values.iter().any(|v| v == value)))
        };
        if self.tags.is_empty() && !self.values.is_empty() {
            return all().any(|(_, value)| self.values.iter().any(|v| v == value));
        }
        self.tags.iter().all(|(name, values)| has(name, values))
    }

    /// What the store may leave out. `skip`: bytes of a key before the tags.
    fn prefilter(&self, skip: usize) -> Option<Prefilter> {
        let tags: Vec<TagBytes> =
            self.tags.iter().map(|(key, values)| TagBytes { key: key.clone(), values: values.clone().unwrap_or_default() }).collect();
        let (tagk_width, tagv_width) = (usize::from(self.layout.tagk_width), usize::from(self.layout.tagv_width));
        (!tags.is_empty()).then_some(Prefilter { skip, tagk_width, tagv_width, tags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::row_from_tsuid;
    use crate::store::memory::MemoryStore;
    use crate::uid::UidOptions;
    use std::sync::Arc;
    use std::sync::atomic::AtomicI64;

    #[test]
    fn tags_of_questions() {
        let check = |text: &str, want: Result<(Option<&str>, Option<&str>), &str>| {
            let want = want.map(|(k, v)| (k.map(str::to_string), v.map(str::to_string))).map_err(str::to_string);
            assert_eq!(parse_tag(text), want, "{text}");
        };
        check("host=web01", Ok((Some("host"), Some("web01"))));
        check("host=", Ok((Some("host"), None)));
        check("=web01", Ok((None, Some("web01"))));
        check("host=*", Ok((Some("host"), Some("*"))));
        check("=a=b", Ok((None, Some("a=b"))));
        check("host", Err("invalid tag: host"));
        check("a=b=c", Err("invalid tag: a=b=c"));
        check("=", Err("Missing tag pair"));
        check("", Err("Missing tag pair"));
    }

    fn test(values: &[u8], tags: &[(u8, Option<&[u8]>)]) -> Test {
        let layout = Layout { metric_width: 1, tagk_width: 1, tagv_width: 1, ..Layout::default() };
        let of = |values: &[u8]| values.iter().map(|v| vec![*v]).collect::<Vec<_>>();
        let tags = tags.iter().map(|(key, values)| (vec![*key], values.map(of))).collect();
        Test { metric: None, values: of(values), tags, layout }
    }

    #[test]
    fn matching() {
        let row = [1, 11, 2, 22]; // two tags
        let check = |test: Test, want: bool| assert_eq!(test.matches(&row), want);
        check(test(&[], &[]), true);
        check(test(&[11], &[]), true);
        check(test(&[2], &[]), false); // a name, not a value
        check(test(&[9, 22], &[]), true);
        check(test(&[], &[(2, None)]), true);
        check(test(&[], &[(3, None)]), false);
        check(test(&[], &[(1, Some(&[9, 11]))]), true);
        check(test(&[], &[(1, Some(&[9]))]), false);
        check(test(&[], &[(1, None), (2, Some(&[22]))]), true);
        check(test(&[11], &[(2, Some(&[21]))]), false);
        check(test(&[9], &[(2, None)]), true); // two_tagv
    }

    #[test]
    fn a_limit_takes_waiting_rows_in_their_order() {
        let table = |hosts: &[u8]| {
            let store = MemoryStore::new(true, Arc::new(AtomicI64::new(1)));
            let row = |host: &u8| row_from_tsuid(&Layout::default(), &[0, 0, 1, 0, 0, 1, 0, 0, *host], 3_600);
            hosts.iter().for_each(|host| store.set("tsdb", &row(host), DATA_FAMILY, &[0, 0], &[1], 1));
            Arc::new(store)
        };
        let (store, waiting) = (table(&[2, 5, 7]), table(&[1, 5, 6, 9]));
        let uids = Uids::new(store.clone(), UidOptions::default());
        let cancel = AtomicBool::new(false);
        let (data_table, meta_table) = ("tsdb", "tsdb-meta");
        let overlay: Option<&dyn Overlay> = Some(&*waiting);
        let places = Places { store: &*store, overlay, uids: &uids, layout: Layout::default(), data_table, meta_table, cancel: &cancel };
        for (limit, hosts) in [(Some(1), &[1][..]), (Some(3), &[1, 2, 5]), (Some(5), &[1, 2, 5, 6, 7]), (None, &[1, 2, 5, 6, 7, 9])] {
            let found = places.in_points(&Wanted { metric: None, tags: Vec::new(), limit, literal: true }).unwrap();
            assert_eq!(found.iter().filter_map(|tsuid| tsuid.last().copied()).collect::<Vec<u8>>(), hosts, "{limit:?}");
        }
    }
}
