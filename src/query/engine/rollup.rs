//! Which table answers a sub query: plain points, or rollups of an interval that divides its buckets.
//!
//! OpenTSDB's rules, as recorded in `rollup/*` and tried on the real one: the longest interval that divides the buckets is
//! read; `avg` is made of sums and counts; counts are added up; `zimsum`, `mimmin` and `mimmax` read what `sum`, `min` and
//! `max` wrote. A function without a number is an error although plain points could answer. A fall back to plain points makes
//! buckets of the rollup's interval, not of the one asked for.

use super::range::nominal_ms;
use super::{EngineOptions, QueryError};
use crate::codec::{Cell, Points, RollupColumn, RollupConfig, RollupInterval, histogram_time};
use crate::point::Number;
use crate::query::filter::TagTest;
use crate::query::plan::{Aggregator, Downsample, Interval, RollupUsage, SubQuery};
use crate::query::request::names;
use std::sync::Arc;

/// What queries need to know about rollups.
#[derive(Clone, Debug)]
pub struct RollupSettings {
    /// Intervals, tables and functions.
    pub config: Arc<RollupConfig>,
    /// `tsd.rollups.agg_tag_key`
    pub tag_key: String,
    /// `tsd.rollups.raw_agg_tag_value`
    pub raw_tag_value: String,
    /// `tsd.rollups.split_query.enable`
    pub split: bool,
}

/// One way to answer a sub query. The next is tried if it finds no series.
#[derive(Clone, Debug)]
pub struct Source {
    /// The table.
    pub table: Arc<str>,
    /// How its rows are read; `None`: as plain points.
    pub rollup: Option<Reading>,
    /// Buckets, which a fall back may change.
    pub downsample: Option<Downsample>,
    /// Its histograms are read, and not its points.
    pub histograms: bool,
}

impl Source {
    /// Whether each cell that is read is one value, a rolled-up one or a histogram: they have no points in them.
    pub fn has_whole_cells(&self) -> bool {
        self.rollup.is_some() || self.histograms
    }

    /// The instant of such a cell, in milliseconds; `None`: it holds something else.
    pub fn instant(&self, base: u32, qualifier: &[u8]) -> Option<i64> {
        match &self.rollup {
            Some(reading) => reading.instant(base, qualifier),
            None => histogram_time(qualifier, base).filter(|_| self.histograms),
        }
    }
}

/// How rows of rollups are read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The interval.
    pub interval: RollupInterval,
    values: RollupColumn,
    /// For `avg`: `values` are sums, and these the counts.
    counts: Option<RollupColumn>,
}

impl Reading {
    /// What makes a bucket of the values: counts and the parts of averages are added up.
    pub fn function(&self, asked: Aggregator) -> Aggregator {
        if self.counts.is_some() || asked == Aggregator::Count { Aggregator::Sum } else { asked }
    }

    /// Whether an average is made of sums and counts.
    pub fn is_average(&self) -> bool {
        self.counts.is_some()
    }

    /// The instant of a column that is read, in milliseconds.
    pub fn instant(&self, base: u32, qualifier: &[u8]) -> Option<i64> {
        let columns = std::iter::once(&self.values).chain(&self.counts);
        columns.filter_map(|column| column.instant(base, self.interval.seconds, qualifier)).next()
    }

    /// Reads a row: values, and counts of the same instants where an average is made. False: the row has neither.
    pub fn decode<'c, I: Iterator<Item = Cell<'c>>>(
        &self,
        base: u32,
        cells: impl Fn() -> I,
        values: &mut Points,
        counts: &mut Points,
    ) -> bool {
        values.clear();
        counts.clear();
        self.values.decode(base, self.interval.seconds, cells(), values);
        let Some(column) = &self.counts else { return !values.is_empty() };
        column.decode(base, self.interval.seconds, cells(), counts);
        let any = !values.is_empty() || !counts.is_empty();
        both(values, counts);
        any
    }
}

/// Keeps the instants that are in both, and makes counts whole numbers.
fn both(values: &mut Points, counts: &mut Points) {
    let (all, all_counts) = (std::mem::take(values), std::mem::take(counts));
    let mut there = all_counts.times.iter().zip(&all_counts.values).peekable();
    for (&time, &value) in all.times.iter().zip(&all.values) {
        while there.next_if(|(at, _)| **at < time).is_some() {}
        if let Some((_, &count)) = there.next_if(|(at, _)| **at == time) {
            values.push(time, value);
            counts.push(time, if let Number::Float(count) = count { Number::Int(count as i64) } else { count });
        }
    }
}

/// The ways to answer a sub query, the best first. Never empty.
pub fn sources(sub: &SubQuery, options: &EngineOptions) -> Result<Vec<Source>, QueryError> {
    let pre_aggregate = sub.rollup.pre_aggregate || asks_for_aggregates(sub, options);
    let plain = |downsample| -> Result<Source, QueryError> {
        let table = if pre_aggregate { aggregates_table(options)? } else { Arc::from(options.data_table.as_str()) };
        Ok(Source { table, rollup: None, downsample, histograms: sub.histogram.is_some() })
    };
    let usage = sub.rollup.usage;
    let (Some(settings), Some(spec)) = (&options.rollups, &sub.downsample) else { return Ok(vec![plain(sub.downsample.clone())?]) };
    let length = nominal_ms(&spec.interval);
    // Histograms are not rolled up.
    if usage == RollupUsage::Raw || length <= 0 || sub.histogram.is_some() {
        return Ok(vec![plain(sub.downsample.clone())?]);
    }
    if length < 1_000 {
        return Err(bad("Interval cannot be null or empty"));
    }
    let mut intervals = settings.config.dividing(length / 1_000).into_iter();
    let Some(first) = intervals.next().filter(|first| !first.is_default) else { return Ok(vec![plain(sub.downsample.clone())?]) };
    let function = stored_function(spec.function);
    let reading = |interval: &RollupInterval| -> Result<Source, QueryError> {
        let table = if pre_aggregate { &interval.preaggregates } else { &interval.table };
        let rollup = Some(reading(&settings.config, interval, function)?);
        Ok(Source { table: table.clone(), rollup, downsample: sub.downsample.clone(), histograms: false })
    };
    // What a fall back to plain points asks them for: buckets of the interval that had nothing.
    let instead = |interval: &RollupInterval| {
        let interval = Interval::Fixed { ms: i64::from(interval.seconds) * 1_000 };
        plain(Some(Downsample { interval, function, fill: spec.fill }))
    };
    let mut found = vec![reading(first)?];
    match usage {
        RollupUsage::Raw | RollupUsage::NoFallback => {}
        RollupUsage::FallbackRaw => found.push(instead(first)?),
        RollupUsage::Fallback => {
            let mut before = first;
            for next in intervals {
                if next.is_default {
                    found.push(instead(before)?);
                    break;
                }
                found.push(reading(next)?);
                before = next;
            }
        }
    }
    Ok(found)
}

/// If tables of rollups may still miss the end of a question: from when on plain points are read too. `now`, `start` and
/// `end` in milliseconds.
pub fn split_at(options: &EngineOptions, source: &Source, now: i64, end: i64) -> Option<i64> {
    let lag = i64::from(source.rollup.as_ref()?.interval.lag);
    let may_miss = options.rollups.as_ref().is_some_and(|settings| settings.split) && lag > 0 && end > now - lag * 1_000;
    may_miss.then_some((now / 1_000 - lag) * 1_000)
}

/// The source of plain points only.
pub fn plain_source(sub: &SubQuery, options: &EngineOptions) -> Result<Source, QueryError> {
    let raw = SubQuery { rollup: crate::query::plan::RollupChoice { usage: RollupUsage::Raw, ..sub.rollup }, ..sub.clone() };
    sources(&raw, options)?.into_iter().next().ok_or_else(|| bad("no table answers this query"))
}

/// A filter on the aggregate tag by other values than that of plain points.
fn asks_for_aggregates(sub: &SubQuery, options: &EngineOptions) -> bool {
    let Some(settings) = &options.rollups else { return false };
    sub.filters
        .iter()
        .filter(|filter| filter.tagk == settings.tag_key)
        .any(|filter| matches!(&filter.test, TagTest::LiteralOr { values, .. } if values.join("|") != settings.raw_tag_value))
}

fn aggregates_table(options: &EngineOptions) -> Result<Arc<str>, QueryError> {
    let default = options.rollups.as_ref().and_then(|settings| settings.config.default_interval());
    default
        .map(|interval| interval.preaggregates.clone())
        .ok_or_else(|| bad("Pre-aggregated data needs rollups, which are off (tsd.rollups.enable)"))
}

/// Whose values are read for a function.
fn stored_function(function: Aggregator) -> Aggregator {
    match function {
        Aggregator::Zimsum => Aggregator::Sum,
        Aggregator::Mimmax => Aggregator::Max,
        Aggregator::Mimmin => Aggregator::Min,
        other => other,
    }
}

fn reading(config: &RollupConfig, interval: &RollupInterval, function: Aggregator) -> Result<Reading, QueryError> {
    let column = |name: &str| config.column(name).map_err(bad);
    let name = names::name_of(function);
    let (values, counts) = match function {
        Aggregator::Avg => (column("sum")?, Some(column("count")?)),
        Aggregator::Dev => {
            column(name)?;
            return Err(bad("Standard deviation over rolled up data is not supported at this time"));
        }
        _ => (column(name)?, None),
    };
    Ok(Reading { interval: interval.clone(), values, counts })
}

fn bad(message: impl Into<String>) -> QueryError {
    let message = message.into();
    QueryError::Bad { details: Some(message.clone()), message }
}
