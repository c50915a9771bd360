//! What a query would cost, before it is run: an upper estimate from the series that match and the points of a few rows.

use super::Catalog;
use crate::codec::{Cell, Points, ROW_SECONDS, RowKey, SeriesKey, decode_row};
use crate::query::engine::{Engine, QueryError};
use crate::query::last::refused;
use crate::query::plan::{Query, Source};
use crate::store::{Columns, RowBatch};
use crate::uid::{Uid, UidKind};
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long the series of a metric are looked for.
const METRIC_TIME: Duration = Duration::from_millis(800);
/// Series whose newest rows are counted.
const SAMPLED: usize = 8;
/// Column family of points.
const FAMILY: &str = "t";

/// What a query would read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Series.
    pub series: u64,
    /// Points, about; rather too many than too few.
    pub points: u64,
    /// Not all series are known: there may be more.
    pub limited: bool,
}

impl Catalog {
    /// Estimates all sub queries together.
    pub fn estimate(&self, engine: &Engine, query: &Query, cancel: &AtomicBool) -> Result<Estimate, QueryError> {
        let mut sum = Estimate::default();
        for sub in &query.subs {
            let metric = match &sub.source {
                Source::Metric(name) => self.inner.uids.id(UidKind::Metric, name)?,
                Source::Tsuids(tsuids) => {
                    let width = usize::from(self.inner.options.layout.metric_width);
                    let first = tsuids.first().and_then(|tsuid| Uid::new(tsuid.get(..width)?));
                    first.ok_or_else(|| QueryError::Bad { message: "a TSUID is too short".into(), details: None })?
                }
            };
            let entry = self.inner.entry(metric);
            let (series, rows, limited) = entry.read(&self.inner.places(cancel), METRIC_TIME, |known| {
                let series = match &sub.source {
                    Source::Metric(_) => engine.count_wanted(sub, known.each().map(|(tags, _)| tags)),
                    Source::Tsuids(tsuids) => Ok(tsuids.len() as u64),
                };
                let mut rows: Vec<(Vec<u8>, u32)> =
                    known.each().filter(|(_, base)| *base > 0).map(|(tags, base)| (tags.to_vec(), base)).collect();
                rows.sort_unstable_by_key(|(_, base)| std::cmp::Reverse(*base));
                rows.truncate(SAMPLED);
                (series, (rows, known.newest(), known.oldest().filter(|_| !known.is_limited())), known.is_limited())
            })?;
            let (series, (rows, newest, oldest)) = (series?, rows);
            let an_hour = self.points_of_an_hour(metric, &rows, cancel)?;
            let (start, end) = (query.start_ms / 1000, query.end_ms / 1000);
            let start = oldest.map_or(start, |oldest| start.max(i64::from(oldest)));
            let end = newest.map_or(start, |newest| end.min(i64::from(newest) + i64::from(ROW_SECONDS)));
            let seconds = u64::try_from(end - start).unwrap_or(0);
            sum.series += series;
            let of_one = u128::from(an_hour) * u128::from(seconds) / u128::from(ROW_SECONDS);
            sum.points = sum.points.saturating_add(u64::try_from(of_one * u128::from(series)).unwrap_or(u64::MAX));
            sum.limited |= limited;
        }
        Ok(sum)
    }

    /// The most points that one of these rows, or the row before it, holds. The newest row of a series is mostly not full.
    fn points_of_an_hour(&self, metric: Uid, rows: &[(Vec<u8>, u32)], cancel: &AtomicBool) -> Result<u64, QueryError> {
        let places = self.inner.places(cancel);
        let mut keys = Vec::with_capacity(rows.len() * 2);
        for (tags, base) in rows {
            let key = SeriesKey::from_tsuid(&places.layout, &[metric.as_bytes(), tags].concat());
            keys.extend([key.row(base.saturating_sub(ROW_SECONDS)), key.row(*base)]);
        }
        let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
        let count = |batch: &RowBatch, counts: &mut HashMap<Vec<u8>, u64>| {
            for row in batch.rows() {
                let Ok(parsed) = RowKey::parse(&places.layout, row.key()) else { continue };
                let cells = || row.cells().map(|cell| Cell { qualifier: cell.qualifier, value: cell.value, time: cell.time });
                let mut points = Points::default();
                let _damage = decode_row(row.key(), parsed.base_time(), cells, &self.inner.options.decode, &mut points);
                *counts.entry(row.key().to_vec()).or_default() += points.times.len() as u64;
            }
        };
        if let Some(overlay) = places.overlay {
            keys.iter().for_each(|key| count(&overlay.pin(places.data_table, key, &[key.as_slice(), &[0]].concat()), &mut counts));
        }
        let mut batch = RowBatch::default();
        places.store.get(places.data_table, &keys, &Columns::Family(FAMILY), &mut batch).map_err(|error| refused(error.into()))?;
        count(&batch, &mut counts);
        Ok(counts.into_values().max().unwrap_or(0))
    }
}
