//! The last point of series. Where it lies is told by the series' counter in the table of meta data (the time of its cell
//! is the time of the last write), or it is looked for hour by hour back from now.
//!
//! As OpenTSDB has it (recorded cases `last/*`): with a counter only the row of the last *write*'s hour is read, so a
//! series whose last write was for another hour has no answer; a look back ends at the first row that holds anything.

use super::engine::QueryError;
use super::request::last::{LastRequest, LastSub};
use crate::codec::{self, Cell, DecodeOptions, ROW_SECONDS, SeriesKey, decode_row, id_from_hex, to_hex};
use crate::meta::lookup::{LookupError, NamedSeries, Places, Wanted};
use crate::point::Number;
use crate::store::{Columns, RowBatch, RowView};
use crate::uid::{UidError, UidKind};
use std::collections::HashMap;

/// Column family of points.
const FAMILY: &str = "t";
/// What is said of hours to look back that are fewer than none.
const NEGATIVE_BACK_SCAN: &str = "Backscan must be zero or a positive number";
/// Rows of one read: they may hold 3,600 cells each.
const READ_ROWS: usize = 128;

/// A point, with the names of its series if they were asked for.
#[derive(Clone, Debug)]
pub struct LastPoint {
    /// Its series.
    pub tsuid: Vec<u8>,
    /// Milliseconds since the epoch.
    pub time: i64,
    /// Its value.
    pub value: Number,
    /// Metric and tags.
    pub names: Option<(String, Vec<(String, String)>)>,
}

/// What answers such questions.
pub struct Last<'a> {
    /// The tables, and whether anybody still waits.
    pub places: Places<'a>,
    /// Which of two points of one instant is read.
    pub decode: DecodeOptions,
    /// `tsd.core.meta.enable_tsuid_tracking` or `..._incrementing`: series that are written have counters.
    pub has_counters: bool,
    /// Milliseconds since the epoch: where a look back begins.
    pub now: i64,
}

/// A part of a question that says itself nothing wrong.
enum Asked<'r> {
    /// TSUIDs.
    Series(Vec<Vec<u8>>),
    /// A metric and tags.
    Metric(&'r str, &'r [(String, String)]),
}

/// A series and the base time of the row to begin with.
struct Search {
    tsuid: Vec<u8>,
    base: i64,
}

impl Last<'_> {
    /// The last points, in the order of the question; series without one are left out.
    pub fn answer(&self, request: &LastRequest) -> Result<Vec<LastPoint>, QueryError> {
        let mut points = Vec::new();
        let subs: Vec<Asked<'_>> = request.subs.iter().map(|sub| self.checked(sub, request.back_scan)).collect::<Result<_, _>>()?;
        for sub in subs {
            let series = match sub {
                Asked::Series(ref tsuids) => self.by_ids(tsuids, request.back_scan)?,
                Asked::Metric(metric, tags) if request.back_scan > 0 => vec![self.starting_now(self.tsuid_of(metric, tags)?)],
                Asked::Metric(metric, tags) => self.by_counters(metric, tags)?,
            };
            if request.back_scan < 0 && !series.is_empty() {
                return Err(bad(NEGATIVE_BACK_SCAN));
            }
            let found = self.find(series, request.back_scan)?;
            match sub {
                _ if !request.resolve => points.extend(found),
                Asked::Metric(metric, tags) if request.back_scan > 0 => {
                    let names = || Some((metric.to_owned(), tags.to_vec()));
                    points.extend(found.into_iter().map(|point| LastPoint { names: names(), ..point }));
                }
                _ => points.extend(self.with_names(found)?),
            }
        }
        Ok(points)
    }

    /// The last points of series in rows that are known to be there: TSUID and start of the row, in seconds. Without
    /// names; series whose row holds no point are left out.
    pub fn in_rows(&self, rows: Vec<(Vec<u8>, u32)>) -> Result<Vec<LastPoint>, QueryError> {
        self.find(rows.into_iter().map(|(tsuid, base)| Search { tsuid, base: i64::from(base) }).collect(), 0)
    }

    fn starting_now(&self, tsuid: Vec<u8>) -> Search {
        Search { tsuid, base: base_of(self.now) }
    }

    /// What can be said of a part without a table. OpenTSDB says this of all parts before what its tables say of the first; a
    /// look back into the future comes up with the first id that is one.
    fn checked<'r>(&self, sub: &'r LastSub, back_scan: i64) -> Result<Asked<'r>, QueryError> {
        match sub {
            LastSub::Metric(metric, _) if metric.is_empty() => Err(bad("Metric cannot be null or empty")),
            LastSub::Metric(_, tags) if tags.is_empty() && back_scan > 0 => Err(bad("Tags cannot be null or empty when getting a TSUID")),
            LastSub::Metric(metric, tags) => Ok(Asked::Metric(metric, tags)),
            LastSub::Tsuids(ids) => {
                let checked = |text: &String| match self.tsuid(text)? {
                    _ if back_scan < 0 => Err(bad(NEGATIVE_BACK_SCAN)),
                    tsuid => Ok(tsuid),
                };
                Ok(Asked::Series(ids.iter().map(checked).collect::<Result<_, _>>()?))
            }
        }
    }

    fn tsuid(&self, text: &str) -> Result<Vec<u8>, QueryError> {
        let layout = &self.places.layout;
        if text.is_empty() {
            return Err(bad("UID was empty"));
        }
        let tsuid = id_from_hex(text).map_err(bad)?;
        if tsuid.len() < usize::from(layout.metric_width) + layout.pair_width() {
            return Err(bad("TSUID must not be null and must have a metric and at least one tag pair"));
        }
        Ok(tsuid)
    }

    /// Series by their ids; without a look back their counters tell where to read.
    fn by_ids(&self, tsuids: &[Vec<u8>], back_scan: i64) -> Result<Vec<Search>, QueryError> {
        let mut series: Vec<Search> = tsuids.iter().map(|tsuid| self.starting_now(tsuid.clone())).collect();
        if back_scan > 0 || !self.has_counters {
            return Ok(series);
        }
        let times = self.places.counter_times(tsuids).map_err(refused)?;
        for one in &mut series {
            let time = times.get(&one.tsuid).ok_or_else(|| bad(format!("The series {} has no counter", to_hex(&one.tsuid))))?;
            one.base = base_of(*time);
        }
        Ok(series)
    }

    /// The one series that has exactly these tags.
    fn tsuid_of(&self, metric: &str, tags: &[(String, String)]) -> Result<Vec<u8>, QueryError> {
        let uids = self.places.uids;
        let mut tsuid = uids.id(UidKind::Metric, metric)?.as_bytes().to_vec();
        let mut pairs = Vec::with_capacity(tags.len());
        for (name, value) in tags {
            pairs.push([uids.id(UidKind::Tagk, name)?.as_bytes(), uids.id(UidKind::Tagv, value)?.as_bytes()].concat());
        }
        pairs.sort();
        tsuid.extend(pairs.concat());
        Ok(tsuid)
    }

    /// All series of a metric that have these tags, by their counters.
    fn by_counters(&self, metric: &str, tags: &[(String, String)]) -> Result<Vec<Search>, QueryError> {
        let wanted = Wanted::exactly(metric, tags.to_vec());
        let found = self.places.counters(&wanted).map_err(refused)?;
        Ok(found.into_iter().map(|(tsuid, time)| Search { tsuid, base: base_of(time) }).collect())
    }

    fn with_names(&self, points: Vec<LastPoint>) -> Result<Vec<LastPoint>, QueryError> {
        let named = self.places.named(points.iter().map(|point| point.tsuid.clone()).collect()).map_err(refused)?;
        let add = |(point, NamedSeries { metric, tags, .. }): (LastPoint, _)| LastPoint { names: Some((metric, tags)), ..point };
        Ok(points.into_iter().zip(named).map(add).collect())
    }

    /// The last point of each series in its first row that holds anything, `back_scan` hours further back at most.
    fn find(&self, series: Vec<Search>, back_scan: i64) -> Result<Vec<LastPoint>, QueryError> {
        let mut found: HashMap<usize, LastPoint> = HashMap::new();
        let mut left: Vec<usize> = (0..series.len()).collect();
        let (mut hour, mut step) = (0, 1);
        while hour <= back_scan.max(0) && !left.is_empty() {
            // The longer nothing is found the more hours are read at once.
            let hours = hour..(hour + step).min(back_scan.max(0) + 1);
            let mut open = Vec::new();
            for part in left.chunks((READ_ROWS / step as usize).max(1)) {
                let mut wanted = Vec::with_capacity(part.len() * step as usize);
                for (at, one) in part.iter().filter_map(|at| Some((*at, series.get(*at)?))) {
                    let key = SeriesKey::from_tsuid(&self.places.layout, &one.tsuid);
                    let bases = hours.clone().map(|hour| one.base - hour * i64::from(ROW_SECONDS));
                    wanted.extend(bases.filter_map(|base| u32::try_from(base).ok()).map(|base| (at, base, key.row(base))));
                }
                let mut settled: HashMap<usize, Option<(i64, Number)>> = HashMap::new();
                self.read(&wanted, |at, point| {
                    settled.entry(at).or_insert(point);
                })?;
                for at in part {
                    match settled.remove(at) {
                        None => open.push(*at),
                        Some(point) => {
                            if let (Some((time, value)), Some(one)) = (point, series.get(*at)) {
                                found.insert(*at, LastPoint { tsuid: one.tsuid.clone(), time, value, names: None });
                            }
                        }
                    }
                }
            }
            left = open;
            hour = hours.end;
            step = (step * 2).min(READ_ROWS as i64);
        }
        Ok((0..series.len()).filter_map(|at| found.remove(&at)).collect())
    }

    /// Tells the last point of each of these rows that is there at all, in their order.
    fn read(&self, wanted: &[(usize, u32, Vec<u8>)], mut each: impl FnMut(usize, Option<(i64, Number)>)) -> Result<(), QueryError> {
        if self.places.cancel.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(QueryError::Cancelled);
        }
        // Before the read: a point that moves from memory to the table meanwhile is seen at least once.
        let pin = |key: &Vec<u8>| match self.places.overlay {
            Some(overlay) => overlay.pin(self.places.data_table, key, &[key.as_slice(), &[0]].concat()),
            None => RowBatch::default(),
        };
        let waiting: Vec<RowBatch> = wanted.iter().map(|(.., key)| pin(key)).collect();
        let keys: Vec<Vec<u8>> = wanted.iter().map(|(.., key)| key.clone()).collect();
        let mut batch = RowBatch::default();
        self.places.store.get(self.places.data_table, &keys, &Columns::Family(FAMILY), &mut batch)?;
        let mut stored = batch.rows().peekable();
        for ((at, base, key), waiting) in wanted.iter().zip(&waiting) {
            let (old, new) = (stored.next_if(|row| row.key() == key), waiting.row(0));
            if old.is_some() || new.is_some() {
                each(*at, self.last_of(key, *base, old, new)?);
            }
        }
        Ok(())
    }

    fn last_of(
        &self,
        key: &[u8],
        base: u32,
        old: Option<RowView<'_>>,
        new: Option<RowView<'_>>,
    ) -> Result<Option<(i64, Number)>, QueryError> {
        let cells = || old.into_iter().chain(new).flat_map(|row| row.cells());
        let cells = || cells().map(|cell| Cell { qualifier: cell.qualifier, value: cell.value, time: cell.time });
        let mut points = codec::Points::default();
        let report = decode_row(key, base, cells, &self.decode, &mut points);
        if let Some(damage) = report.failure() {
            return Err(QueryError::Data(damage.to_string()));
        }
        Ok(points.times.last().copied().zip(points.values.last().copied()))
    }
}

/// The base time of the row that an instant in milliseconds belongs to.
fn base_of(ms: i64) -> i64 {
    let seconds = ms / 1000;
    seconds - seconds % i64::from(ROW_SECONDS)
}

/// OpenTSDB repeats the message as details here.
fn bad(message: impl Into<String>) -> QueryError {
    let message = message.into();
    QueryError::Bad { details: Some(message.clone()), message }
}

/// A lookup's error as one of a query.
pub fn refused(e: LookupError) -> QueryError {
    match e {
        LookupError::Uid(UidError::Store(e)) | LookupError::Store(e) => QueryError::Store(e),
        LookupError::Uid(e) => QueryError::Uid(e),
        LookupError::Cancelled => QueryError::Cancelled,
        LookupError::TooMany => QueryError::Limit { message: e.to_string(), status: 413 },
        other => bad(other.to_string()),
    }
}
