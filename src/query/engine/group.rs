//! Series to groups, and groups to answers.

use super::budget::Budget;
use super::fetch::Series;
use super::select::Selection;
use super::{EngineOptions, QueryError};
use crate::codec::Note;
use crate::point::Number;
use crate::query::aggregate::cursor::Cursor;
use crate::query::aggregate::merge::{Merge, Walk};
use crate::query::downsample::FillPlan;
use crate::query::histogram::{self, Shown};
use crate::query::plan::{Aggregator, Fill, Group, HistogramQuery, SubQuery};
use crate::query::points::as_f64;
use crate::query::rate::Rate;
use crate::uid::{UidKind, Uids};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Values taken between two looks at the limits, over all series of a group.
const WORK_A_CHECK: usize = 1 << 20;

/// What all groups of a sub query share.
pub struct Grouping<'a> {
    /// Names.
    pub uids: &'a Uids,
    /// Settings.
    pub options: &'a EngineOptions,
    /// The question.
    pub sub: &'a SubQuery,
    /// Its series' test, for the tags.
    pub selection: &'a Selection,
    /// What empty buckets hold.
    pub fill: Option<FillPlan>,
    /// There is one bucket over all.
    pub is_all: bool,
    /// First and last instant of the rows read, in milliseconds.
    pub rows: (i64, i64),
    /// First and last instant to show, in milliseconds.
    pub shown: (i64, i64),
    /// Interval of the rollups that were read.
    pub rollup: Option<Arc<str>>,
    /// Limits.
    pub budget: &'a Budget<'a>,
}

/// The tags (UIDs of key and value) that a group has in common, and the keys of those that split it.
type CommonTags<'s> = (BTreeMap<&'s [u8], &'s [u8]>, BTreeSet<&'s [u8]>);

/// What a group is made of.
#[derive(Default)]
struct Members {
    series: Vec<Series>,
    notes: Vec<Note>,
}

impl Grouping<'_> {
    /// The groups with the bytes that tell them apart, in the order of those: their tag values' UIDs, or for `none` the keys of
    /// their series.
    pub fn answer(&self, series: Vec<Series>) -> Result<Vec<(Vec<u8>, Group)>, QueryError> {
        let mut groups: BTreeMap<Vec<u8>, Vec<Series>> = BTreeMap::new();
        for one in series {
            let name = match (self.sub.aggregator, &self.selection.group_by) {
                (Aggregator::None, _) => Some(one.key.clone()),
                (_, keys) => self.group_of(&one, keys),
            };
            if let Some(name) = name {
                groups.entry(name).or_default().push(one);
            }
        }
        let (names, members): (Vec<_>, Vec<Members>) = groups.into_iter().map(|(name, series)| (name, self.in_range(series))).unzip();
        self.warm(&members)?;
        let mut answer = Vec::with_capacity(members.len());
        for (name, members) in names.into_iter().zip(members) {
            answer.extend(self.group(members)?.into_iter().map(|group| (name.clone(), group)));
        }
        Ok(answer)
    }

    /// Rows past the range may have been read (explicit tags), and series may hold annotations alone; a group of nothing
    /// else has neither name nor tags, but it is there: tried on the real one. Of a series with points all annotations are
    /// the group's, of another those in the rows read.
    fn in_range(&self, series: Vec<Series>) -> Members {
        let mut members = Members::default();
        for mut one in series {
            match one.span {
                Some((first, last)) if first <= self.rows.1 && last >= self.rows.0 => {
                    members.notes.append(&mut one.notes);
                    members.series.push(one);
                }
                Some(_) => {}
                None => members.notes.extend(one.notes.into_iter().filter(|note| (self.rows.0..=self.rows.1).contains(&note.start_ms()))),
            }
        }
        // By the numbers as they stand: those in milliseconds come last.
        members.notes.sort_by_key(|note| note.start);
        members
    }

    /// Reads the names of all groups' tags at once.
    fn warm(&self, groups: &[Members]) -> Result<(), QueryError> {
        let tags: Vec<CommonTags<'_>> = groups.iter().map(|members| self.common_tags(&members.series)).collect();
        self.uids.warm(UidKind::Tagk, tags.iter().flat_map(|(common, several)| common.keys().chain(several).copied()))?;
        Ok(self.uids.warm(UidKind::Tagv, tags.iter().flat_map(|(common, _)| common.values().copied()))?)
    }

    fn group_of(&self, series: &Series, keys: &[Vec<u8>]) -> Option<Vec<u8>> {
        let tags = self.tags_of(series);
        keys.iter().map(|key| self.selection.value_of(tags, key)).collect::<Option<Vec<_>>>().map(|values| values.concat())
    }

    fn tags_of<'s>(&self, series: &'s Series) -> &'s [u8] {
        let layout = &self.options.layout;
        series.key.get(usize::from(layout.salt_width) + usize::from(layout.metric_width)..).unwrap_or_default()
    }

    fn group(&self, Members { series, notes }: Members) -> Result<Vec<Group>, QueryError> {
        let (common, several) = self.common_tags(&series);
        let name = |kind, id| self.uids.name(kind, id).map(|name| name.to_string());
        let mut tags = Vec::with_capacity(common.len());
        for (key, value) in common {
            tags.push((name(UidKind::Tagk, key)?, name(UidKind::Tagv, value)?));
        }
        let aggregate_tags = several.into_iter().map(|key| name(UidKind::Tagk, key)).collect::<Result<_, _>>()?;
        let salt = usize::from(self.options.layout.salt_width);
        let mut tsuids: Vec<Vec<u8>> = series.iter().map(|one| one.key.get(salt..).unwrap_or_default().to_vec()).collect();
        tsuids.sort();
        let metric = if series.is_empty() { String::new() } else { self.uids.name(UidKind::Metric, &self.selection.metric)?.to_string() };
        let nan_is_null = self.sub.downsample.as_ref().is_some_and(|spec| spec.fill == Fill::Null);
        let rollup = self.rollup.clone();
        let mut group =
            Group { index: self.sub.index, metric, tags, aggregate_tags, tsuids, points: Vec::new(), nan_is_null, notes, rollup };
        if let Some(wish) = &self.sub.histogram {
            return self.histograms(wish, series, &group);
        }
        group.points = self.points(&series)?;
        Ok(vec![group])
    }

    /// Percentiles and counts of ranges, each as a group of its own.
    fn histograms(&self, wish: &HistogramQuery, series: Vec<Series>, of: &Group) -> Result<Vec<Group>, QueryError> {
        let sums = histogram::sum(series.into_iter().map(|one| one.histograms), self.rows);
        self.budget.hold(sums.iter().map(|(_, histogram)| histogram.bytes()).sum())?;
        let mut shown: Vec<Shown> = wish.percentiles.iter().map(|percent| Shown::Percentile(*percent)).collect();
        if wish.ranges {
            shown.extend(Shown::ranges(&sums));
        }
        let mut answer = Vec::with_capacity(shown.len());
        for what in shown {
            // OpenTSDB puts the one bucket over all where no answer shows it (`histogram/q-16`).
            let points = if self.is_all { Vec::new() } else { what.points(&sums) };
            self.budget.hold(size_of_val(points.as_slice()) as u64)?;
            self.budget.check()?;
            answer.push(Group { metric: format!("{}{}", of.metric, what.suffix()), points, ..of.clone() });
        }
        Ok(answer)
    }

    /// Tags on which no two series of the group disagree, also those that some of them lack (recorded case
    /// `filter/two-same-key-and`); and the keys of the others.
    fn common_tags<'s>(&self, series: &'s [Series]) -> CommonTags<'s> {
        let mut common: BTreeMap<&[u8], &[u8]> = BTreeMap::new();
        let mut several: BTreeSet<&[u8]> = BTreeSet::new();
        for (key, value) in series.iter().flat_map(|one| self.selection.pairs(self.tags_of(one))) {
            if !several.contains(key) && *common.entry(key).or_insert(value) != value {
                common.remove(key);
                several.insert(key);
            }
        }
        (common, several)
    }

    fn points(&self, series: &[Series]) -> Result<Vec<(i64, Number)>, QueryError> {
        let rate = || self.sub.rate.map(Rate::new);
        let cursors = series.iter().map(|one| Cursor::new(&one.points, self.fill.as_ref(), rate())).collect();
        let walk = Walk { function: self.sub.aggregator, rate: self.sub.rate.is_some(), rows: self.rows, shown: self.shown };
        let instants = (WORK_A_CHECK / series.len().max(1)).max(1);
        let mut merge = Merge::new(walk, cursors);
        let mut out = Vec::new();
        let mut more = true;
        while more {
            let before = out.len();
            more = merge.run(instants, &mut out);
            self.budget.check()?;
            let new = out.get(before..).unwrap_or_default();
            self.budget.hold(size_of_val(new) as u64)?;
            if let Some((ms, value)) = new.iter().find(|(_, value)| matches!(value, Number::Float(v) if v.is_infinite())) {
                // OpenTSDB refuses (400) what it could not print in JSON.
                let sign = if as_f64(*value) < 0.0 { "-" } else { "" };
                let function = self.sub.aggregator;
                return Err(QueryError::Data(format!(
                    "Got Infinity: {sign}Infinity at {ms} ms, the values are too large for {function:?}"
                )));
            }
        }
        Ok(out)
    }
}
