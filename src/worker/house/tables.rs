//! Series in the tables of this process, through the one query engine and the one writer.

use super::{Ask, Found, House, NOTE_SHIFT_MAX, OwnNote, OwnPoint, SERIES_POINTS_MAX, Seen, Series};
use crate::codec::to_hex;
use crate::meta::annotation::NoteError;
use crate::point::{Number, Point, PointTime, Value};
use crate::query::engine::windows::{Next, WindowQuery};
use crate::query::engine::{Cancel, QueryError};
use crate::query::plan::{Group, Source as Rows, SubQuery};
use crate::query::request::date::Clock;
use crate::query::request::{self, SubRequest};
use crate::store::StoreError;
use crate::tsd::{self, Tsd};
use crate::uid::{UidError, UidKind};
use crate::worker::records::Tags;
use crate::worker::rule::expression::{self, Answer, SourceError};
use std::ops::Deref;
use std::sync::Arc;

/// Names read at once.
const NAMES_MAX: usize = 10_000_000;

/// A TSD in this process.
pub struct Tables<T: Deref<Target = Tsd> = Arc<Tsd>> {
    tsd: T,
    cancel: Cancel,
}

impl<T: Deref<Target = Tsd>> Tables<T> {
    /// Over an open TSD, which may be borrowed.
    pub fn new(tsd: T) -> Tables<T> {
        Tables { tsd, cancel: Cancel::default() }
    }

    /// The same; queries end when `cancel` says so.
    pub fn until(tsd: T, cancel: Cancel) -> Tables<T> {
        Tables { tsd, cancel }
    }

    fn groups(&self, subs: Vec<SubRequest>, (start, end): (i64, i64)) -> Result<Vec<Group>, SourceError> {
        // Milliseconds: a time of ten digits or fewer would be taken for seconds, and the end would be cut.
        let flags = request::Flags { no_annotations: true, ..request::Flags::default() };
        let whole = request::Request {
            start: Some(start.max(1).to_string()),
            end: Some(end.max(2).to_string()),
            subs: Some(subs),
            flags,
            ..request::Request::default()
        };
        let settings = &self.tsd.settings;
        let clock: Clock = tsd::clock(settings).map_err(SourceError::Refused)?;
        let context = request::Context { clock, metric_width: tsd::layout(settings).metric_width };
        let (query, _) = request::compile(whole, &context).map_err(|e| SourceError::Refused(e.message))?;
        self.tsd.engine.run(&query, &self.cancel).map_err(|e| query_error(&e))
    }
}

/// Whether to wait or to give up.
fn query_error(error: &QueryError) -> SourceError {
    let text = error.to_string();
    match error {
        QueryError::Uid(UidError::Store(e)) | QueryError::Store(e) => store_error(e),
        QueryError::Limit { status: 504, .. } | QueryError::Cancelled => SourceError::Away(text),
        _ => SourceError::Refused(text),
    }
}

fn store_error(error: &StoreError) -> SourceError {
    match error {
        StoreError::Unavailable(_) | StoreError::MaybeApplied { .. } => SourceError::Away(error.to_string()),
        _ => SourceError::Refused(error.to_string()),
    }
}

fn uid_error(error: &UidError) -> SourceError {
    match error {
        UidError::Store(e) => store_error(e),
        other => SourceError::Refused(other.to_string()),
    }
}

fn as_f64(value: Number) -> f64 {
    match value {
        Number::Int(v) => v as f64,
        Number::Float(v) => v,
    }
}

impl<T: Deref<Target = Tsd> + Send + Sync> expression::Source for Tables<T> {
    fn query(&self, request: &expression::Request) -> Result<Vec<Answer>, SourceError> {
        let body = serde_json::to_vec(request).map_err(|e| SourceError::Refused(e.to_string()))?;
        let parsed = request::post::parse(&body).map_err(|e| SourceError::Refused(e.message))?;
        let groups = self.groups(parsed.subs.unwrap_or_default(), (request.start, request.end))?;
        let answer = |group: Group| Answer { tags: group.tags.into_iter().collect(), points: points(&group.points) };
        Ok(groups.into_iter().map(answer).collect())
    }

    fn tag_values(&self, _key: &str) -> Result<Vec<String>, SourceError> {
        self.tsd.uids.suggest(UidKind::Tagv, "", NAMES_MAX).map_err(|e| uid_error(&e))
    }
}

/// Seconds and values; of several in one second the last.
fn points(points: &[(i64, Number)]) -> Vec<(i64, f64)> {
    let mut out: Vec<(i64, f64)> = Vec::with_capacity(points.len());
    for (ms, value) in points {
        let (second, value) = (ms.div_euclid(1_000), as_f64(*value));
        match out.last_mut() {
            Some(last) if last.0 == second => last.1 = value,
            _ => out.push((second, value)),
        }
    }
    out
}

impl<T: Deref<Target = Tsd> + Send + Sync> House for Tables<T> {
    fn answer(&self, ask: &Ask<'_>) -> Result<Vec<Found>, SourceError> {
        let groups = self.groups(vec![ask.sub.clone()], ask.range)?;
        let found = |group: Group| Found {
            points: points(&group.points),
            metric: group.metric,
            tags: group.tags.into_iter().collect(),
            tsuids: group.tsuids.iter().map(|tsuid| to_hex(tsuid)).collect(),
        };
        Ok(groups.into_iter().map(found).collect())
    }

    fn metrics(&self, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, SourceError> {
        let names = self.tsd.uids.suggest(UidKind::Metric, "", NAMES_MAX).map_err(|e| uid_error(&e))?;
        Ok(names.into_iter().filter(|name| wanted(name)).collect())
    }

    fn parts(&self) -> u32 {
        self.tsd.engine.buckets()
    }

    fn windows(&self, metric: &str, parts: &[u32], range: (i64, i64), visit: &mut dyn FnMut(&Seen<'_>) -> bool) -> Result<(), SourceError> {
        let sub = SubQuery::plain(Rows::Metric(metric.to_owned()));
        let range_ms = (range.0.saturating_mul(1_000), range.1.saturating_mul(1_000).saturating_add(999));
        let query = WindowQuery { sub: &sub, range_ms, points_max: SERIES_POINTS_MAX, buckets: Some(parts) };
        let (mut times, mut values) = (Vec::new(), Vec::new());
        let visit = |window: &crate::query::engine::windows::SeriesWindow<'_>| {
            times.clear();
            values.clear();
            times.extend(window.times.iter().map(|ms| *ms as f64 / 1e3));
            values.extend(window.values.iter().map(|value| as_f64(*value)));
            let go_on = visit(&Seen { series: Series::Ids(window.tsuid), times: &times, values: &values, part: window.bucket });
            if go_on { Next::Go } else { Next::Stop }
        };
        self.tsd.engine.windows(&query, &Default::default(), visit).map_err(|e| query_error(&e))?;
        Ok(())
    }

    fn name(&self, series: Series<'_>) -> Result<(String, Tags), SourceError> {
        let tsuid = match series {
            Series::Ids(tsuid) => tsuid,
            Series::Named { tsuid, tags } => return Ok((tsuid.to_owned(), tags.clone())),
        };
        let layout = tsd::layout(&self.tsd.settings);
        let (key, value) = (usize::from(layout.tagk_width), usize::from(layout.tagv_width));
        let pairs = tsuid.get(usize::from(layout.metric_width)..).unwrap_or_default();
        let mut tags = Tags::new();
        for (key, value) in pairs.chunks_exact((key + value).max(1)).filter_map(|pair| pair.split_at_checked(key)) {
            let name = |kind, id: &[u8]| self.tsd.uids.name(kind, id).map_err(|e| uid_error(&e));
            tags.insert(name(UidKind::Tagk, key)?.to_string(), name(UidKind::Tagv, value)?.to_string());
        }
        Ok((to_hex(tsuid), tags))
    }

    fn note(&self, note: &OwnNote) -> Result<i64, SourceError> {
        for start in note.start..=note.start.saturating_add(NOTE_SHIFT_MAX) {
            let put = self.tsd.annotations.put_own(&note.stored(start), |there| note.wrote(there));
            if put.map_err(|e| note_error(&e))? {
                return Ok(start);
            }
        }
        Err(SourceError::Refused(format!("notes of others stand at {} and the {NOTE_SHIFT_MAX} seconds after it", note.start)))
    }

    fn put(&self, points: &[OwnPoint]) -> Result<(), SourceError> {
        let mut batch = self.tsd.writer.batch();
        for point in points {
            let tags: Vec<(&str, &str)> = point.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let time = PointTime::Seconds(u32::try_from(point.at).unwrap_or_default());
            let point = Point { metric: &point.metric, time, value: Value::Double(point.value), tags: &tags };
            batch.add(&point).map_err(|e| SourceError::Refused(e.to_string()))?;
        }
        batch.commit().map(|_| ()).map_err(|e| SourceError::Away(e.to_string()))
    }

    fn describe(&self) -> String {
        self.tsd.store.describe()
    }
}

fn note_error(error: &NoteError) -> SourceError {
    match error {
        NoteError::Store(e) => store_error(e),
        other => SourceError::Refused(other.to_string()),
    }
}
