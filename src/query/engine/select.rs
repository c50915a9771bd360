//! Which series a sub query means: its names as UIDs, and the test of a row key's tags.
//!
//! Part of a filter becomes a test of bytes (that a tag is there, that its value is one of these UIDs), the rest a test of
//! the value's name. What OpenTSDB does where several filters meet is kept, as answers show it:
//! of the tag key with the lowest UID the literal lists are joined; of every other tag key the last filter alone decides
//! about UIDs. And under `explicitTags` a series must not differ from the first listed values in more than one tag
//! (HBase's fuzzy filter as OpenTSDB fills it): both tried on the real one.

use super::QueryError;
use crate::codec::{Layout, to_hex};
use crate::query::filter::{TagFilter, TagTest};
use crate::query::plan::{Source, SubQuery};
use crate::store::{Prefilter, TagBytes};
use crate::uid::{UidError, UidKind, Uids};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// Most literal values that are turned into UIDs (OpenTSDB's `tsd.query.filter.expansion_limit` by default); longer lists
/// are compared by name.
const LITERALS_MAX: usize = 4_096;
/// Most values of one tag in a prefilter: beyond it the filter costs a region server more than the rows.
const PREFILTER_VALUES_MAX: usize = 64;

/// A sub query's series.
#[derive(Debug)]
pub struct Selection {
    /// UID of the metric.
    pub metric: Vec<u8>,
    /// Tag keys whose values split the answer, ascending.
    pub group_by: Vec<Vec<u8>>,
    /// Tests of a value's name that are left: tag key and test.
    pub by_name: Vec<(Vec<u8>, TagTest)>,
    ids: Ids,
    widths: (usize, usize),
}

#[derive(Debug)]
enum Ids {
    /// Every series of the metric.
    All,
    /// Tag keys that must be there, and their values' UIDs (ascending; `None`: any); nothing else if `explicit`.
    Tags { tags: BTreeMap<Vec<u8>, Option<Vec<Vec<u8>>>>, explicit: bool },
    /// The tags of these series.
    Series(FxHashSet<Vec<u8>>),
}

impl Selection {
    /// Resolves names; unknown ones are errors, as OpenTSDB has them.
    pub fn resolve(sub: &SubQuery, uids: &Uids, layout: &Layout, skip_unresolved: bool) -> Result<Selection, QueryError> {
        let widths = (usize::from(layout.tagk_width), usize::from(layout.tagv_width));
        match &sub.source {
            Source::Tsuids(tsuids) => of_series(tsuids, usize::from(layout.metric_width), widths),
            Source::Metric(name) => {
                let metric = uids.id(UidKind::Metric, name)?.as_bytes().to_vec();
                let mut selection = Selection { metric, group_by: Vec::new(), by_name: Vec::new(), ids: Ids::All, widths };
                if !sub.filters.is_empty() {
                    let filters =
                        sub.filters.iter().map(|filter| Resolved::new(filter, uids, skip_unresolved)).collect::<Result<_, _>>()?;
                    selection.filter_by(filters, sub.explicit_tags);
                }
                Ok(selection)
            }
        }
    }

    fn filter_by(&mut self, mut filters: Vec<Resolved>, explicit: bool) {
        filters.sort_by(|a, b| a.key.cmp(&b.key));
        self.group_by = filters.iter().filter(|filter| filter.group_by).map(|filter| filter.key.clone()).collect();
        self.group_by.dedup();
        let lowest = filters.first().map(|filter| filter.key.clone()).unwrap_or_default();
        let (first, others): (Vec<_>, Vec<_>) = filters.into_iter().partition(|filter| filter.key == lowest);
        let mut tags = BTreeMap::new();
        let mut literals = 0;
        let runs = std::iter::once(first).chain(others.into_iter().map(|filter| vec![filter]));
        for run in runs {
            let Some(key) = run.first().map(|filter| filter.key.clone()) else { continue };
            let mut values: Vec<Vec<u8>> = run.iter().flat_map(|filter| filter.values.iter().cloned()).collect();
            values.sort();
            values.dedup();
            let resolved = !values.is_empty() && values.len() + literals <= LITERALS_MAX;
            if resolved {
                literals += values.len();
            }
            if resolved || values.is_empty() {
                tags.insert(key, resolved.then_some(values));
            }
            let left = run.into_iter().filter(|filter| (filter.values.is_empty() || !resolved) && !filter.is_star());
            self.by_name.extend(left.map(|filter| (filter.key, filter.test)));
        }
        self.ids = Ids::Tags { tags, explicit };
    }

    /// Whether a row key's tags (key and value UIDs, ascending by key) pass, names aside.
    pub fn matches_ids(&self, row_tags: &[u8]) -> bool {
        match &self.ids {
            Ids::All => true,
            Ids::Series(series) => series.contains(row_tags),
            Ids::Tags { tags, explicit } => {
                let mut differing = 0;
                let all = tags.iter().all(|(key, values)| {
                    let Some(value) = self.value_of(row_tags, key) else { return false };
                    let Some(values) = values else { return true };
                    differing += usize::from(values.first().is_some_and(|first| first != value));
                    values.binary_search_by(|v| v.as_slice().cmp(value)).is_ok()
                });
                all && (!explicit || row_tags.len() == tags.len() * (self.widths.0 + self.widths.1) && (differing <= 1 || tags.is_empty()))
            }
        }
    }

    /// The value's UID of one tag of a row.
    pub fn value_of<'r>(&self, row_tags: &'r [u8], key: &[u8]) -> Option<&'r [u8]> {
        tag_pairs(row_tags, self.widths).find(|pair| pair.0 == key).map(|pair| pair.1)
    }

    /// The pairs of a row key's tags.
    pub fn pairs<'r>(&self, row_tags: &'r [u8]) -> impl Iterator<Item = (&'r [u8], &'r [u8])> + use<'r> {
        tag_pairs(row_tags, self.widths)
    }

    /// Whether the scan goes on into the row at the end of the range. With explicit tags OpenTSDB ends it after that
    /// row's series and not before it, so points there are held (tried on the real one).
    pub fn reads_end_row(&self) -> bool {
        matches!(&self.ids, Ids::Tags { tags, explicit: true } if !tags.is_empty())
    }

    /// Whether some of the metric's series are left out by their UIDs.
    pub fn is_filtered(&self) -> bool {
        !matches!(self.ids, Ids::All)
    }

    /// What the store may leave out. `skip`: bytes before the tags.
    pub fn prefilter(&self, skip: usize) -> Option<Prefilter> {
        let tags: Vec<TagBytes> = match &self.ids {
            Ids::All => return None,
            Ids::Tags { tags, .. } => tags.iter().map(|(key, values)| tag_bytes(key, values.as_deref())).collect(),
            Ids::Series(series) => self.tags_of_all(series),
        };
        (!tags.is_empty()).then_some(Prefilter { skip, tagk_width: self.widths.0, tagv_width: self.widths.1, tags })
    }

    /// Tag keys that all of these series have, and the values that any of them has.
    fn tags_of_all(&self, series: &FxHashSet<Vec<u8>>) -> Vec<TagBytes> {
        let mut seen: BTreeMap<&[u8], (usize, Vec<Vec<u8>>)> = BTreeMap::new();
        for (key, value) in series.iter().flat_map(|tags| tag_pairs(tags, self.widths)) {
            let entry = seen.entry(key).or_default();
            entry.0 += 1;
            entry.1.push(value.to_vec());
        }
        let common = seen.into_iter().filter(|(_, (count, _))| *count == series.len());
        common
            .map(|(key, (_, mut values))| {
                values.sort();
                values.dedup();
                tag_bytes(key, Some(&values))
            })
            .collect()
    }
}

/// The exact test of series: their UIDs, then the names that are asked for.
pub struct SeriesTest<'a> {
    selection: &'a Selection,
    uids: &'a Uids,
    /// Answers of tests by name: place of the test and UID of the value.
    named: FxHashMap<(usize, Vec<u8>), bool>,
}

impl<'a> SeriesTest<'a> {
    /// For the series of a selection.
    pub fn new(selection: &'a Selection, uids: &'a Uids) -> SeriesTest<'a> {
        SeriesTest { selection, uids, named: FxHashMap::default() }
    }

    /// Whether a series is wanted, by its tags.
    pub fn wanted(&mut self, tags: &[u8]) -> Result<bool, QueryError> {
        if !self.selection.matches_ids(tags) {
            return Ok(false);
        }
        for (at, (key, test)) in self.selection.by_name.iter().enumerate() {
            let Some(value) = self.selection.value_of(tags, key) else { return Ok(false) };
            let passes = match self.named.get(&(at, value.to_vec())) {
                Some(passes) => *passes,
                None => {
                    let name = self.uids.name(UidKind::Tagv, value)?;
                    let passes = test.try_matches(&name).map_err(|error| QueryError::Bad { message: error.to_string(), details: None })?;
                    self.named.insert((at, value.to_vec()), passes);
                    passes
                }
            };
            if !passes {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn tag_bytes(key: &[u8], values: Option<&[Vec<u8>]>) -> TagBytes {
    let values = values.filter(|values| values.len() <= PREFILTER_VALUES_MAX).unwrap_or_default();
    TagBytes { key: key.to_vec(), values: values.to_vec() }
}

fn tag_pairs(row_tags: &[u8], widths: (usize, usize)) -> impl Iterator<Item = (&[u8], &[u8])> {
    row_tags.chunks_exact((widths.0 + widths.1).max(1)).filter_map(move |pair| pair.split_at_checked(widths.0))
}

fn of_series(tsuids: &[Vec<u8>], metric_width: usize, widths: (usize, usize)) -> Result<Selection, QueryError> {
    let bad = |message: String| QueryError::Bad { message, details: None };
    let mut metric: Option<&[u8]> = None;
    let mut series = FxHashSet::default();
    for tsuid in tsuids {
        let Some((of, tags)) = tsuid.split_at_checked(metric_width) else {
            return Err(bad(format!("The TSUID '{}' is too short: a metric's UID has {metric_width} bytes", to_hex(tsuid))));
        };
        match metric {
            Some(first) if first != of => {
                return Err(bad(format!("One or more TSUIDs did not share the same metric [{}] [{}]", to_hex(first), to_hex(of))));
            }
            _ => metric = Some(of),
        }
        series.insert(tags.to_vec());
    }
    let metric = metric.ok_or_else(|| bad("Empty or missing TSUID list not allowed".to_string()))?.to_vec();
    Ok(Selection { metric, group_by: Vec::new(), by_name: Vec::new(), ids: Ids::Series(series), widths })
}

/// A filter with its names as UIDs.
struct Resolved {
    key: Vec<u8>,
    group_by: bool,
    /// Known values of a literal list; empty for other tests.
    values: Vec<Vec<u8>>,
    test: TagTest,
}

impl Resolved {
    fn new(filter: &TagFilter, uids: &Uids, skip_unresolved: bool) -> Result<Resolved, QueryError> {
        let mut ids = Vec::new();
        if let TagTest::LiteralOr { values, ignore_case: false } = &filter.test
            && values.len() <= LITERALS_MAX
        {
            for value in values {
                match uids.id(UidKind::Tagv, value) {
                    Ok(id) => ids.push(id.as_bytes().to_vec()),
                    Err(UidError::NoSuchName { .. }) if skip_unresolved => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let key = uids.id(UidKind::Tagk, &filter.tagk)?.as_bytes().to_vec();
        Ok(Resolved { key, group_by: filter.group_by, values: ids, test: filter.test.clone() })
    }

    /// Every value passes, so no name has to be looked up.
    fn is_star(&self) -> bool {
        matches!(&self.test, TagTest::Wildcard { pattern, .. } if pattern.bytes().all(|b| b == b'*'))
    }
}
