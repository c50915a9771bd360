//! The series of a window of time as an index of shapes, read once and shared by the searches that come after.
//!
//! Kept are the windows used last, as many as fit into the bounds. The end of a window that reaches to the present is set
//! back to a whole step, so that people who look at the same time share an index. Windows of the present that somebody
//! searches are read anew in the background by rounds (`refresh.rs`), and searched as they were until that is done. A window
//! that nobody asked for before is read at once, one at a time: who asks for another one waits, and is told to come back if
//! that takes too long.

use super::super::api::ApiError;
use super::super::query::error;
use crate::catalog::patterns::Patterns;
use crate::catalog::words::Words;
use crate::clock;
use crate::codec::{Layout, to_hex};
use crate::config::Settings;
use crate::point::Number;
use crate::query::engine::windows::{Next, SeriesWindow, WindowQuery};
use crate::query::engine::{Cancel, QueryError};
use crate::query::plan::{Source, SubQuery};
use crate::stats::Counter;
use crate::tsd::{self, Tsd};
use crate::uid::{UidError, UidKind};
use crate::worker::similar::Index;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest steps of the end of a window that reaches to the present; shorter where rounds are.
const STEP_MS: i64 = 60_000;
/// Rounds after which an index of the present is too old to be searched.
const OLD_ROUNDS: u32 = 3;
/// Windows of the present that are read anew: those of the lengths that were asked for last.
const REFRESHED_MAX: usize = 2;
/// Longest window.
const SPAN_MS_MAX: i64 = 7 * 86_400_000;
/// A series is this many values at most: those of one part of the window are averaged.
const PARTS: i64 = 720;
/// Most points that are read of a series; of more the newest.
const POINTS_MAX: usize = 1_000_000;
/// Most series of an index.
const SERIES_MAX: usize = 500_000;
/// Bytes after which an index takes no more series.
const INDEX_BYTES_MAX: usize = 256 << 20;
/// Bytes of all indexes that are kept, besides the newest.
const KEPT_BYTES_MAX: usize = 512 << 20;
/// Indexes that are kept.
const KEPT_MAX: usize = 8;
/// How long an index is used: points that come in late are seen then.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// Most metrics that are read.
const METRICS_MAX: usize = 100_000;
/// How long a request waits while another window is read.
const WAIT: Duration = Duration::from_secs(30);

/// A window of time, in milliseconds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start_ms: i64,
    pub end_ms: i64,
    /// Reaches to the present: another one of this length may stand in for it for a while.
    pub present: bool,
}

impl Span {
    /// `step_ms`: steps of the end of a window of the present.
    pub fn new(start_ms: i64, end_ms: i64, now_ms: i64, step_ms: i64) -> Result<Span, ApiError> {
        if start_ms < 0 || start_ms >= end_ms {
            return Err(ApiError::bad(format!("The start must lie before the end: {start_ms} and {end_ms} ms")));
        }
        if end_ms - start_ms > SPAN_MS_MAX {
            return Err(ApiError::bad(format!("A window has at most {} days (SPAN_MS_MAX)", SPAN_MS_MAX / 86_400_000)));
        }
        let present = end_ms > now_ms - step_ms;
        let back = if present { end_ms.rem_euclid(step_ms) } else { 0 };
        Ok(Span { start_ms: (start_ms - back).max(0), end_ms: end_ms - back, present })
    }

    fn length_ms(&self) -> i64 {
        self.end_ms - self.start_ms
    }

    fn is_same(&self, other: &Span) -> bool {
        (self.start_ms, self.end_ms) == (other.start_ms, other.end_ms)
    }

    /// The same window of the present, at another time.
    fn is_like(&self, other: &Span) -> bool {
        self.present && other.present && self.length_ms() == other.length_ms()
    }

    /// The length of the parts whose values are averaged; points further apart stay as they are.
    fn part_ms(&self) -> i64 {
        (self.length_ms() / PARTS).max(1)
    }
}

/// An index and what is told about it.
pub struct Indexed {
    pub span: Span,
    begun: Instant,
    pub index: Index,
    /// Not all series are in it: a bound was met, or the list of metrics was still being read.
    pub limited: bool,
    /// Names of metrics were still being read: the next search reads again.
    early: bool,
    /// When it was read.
    pub built_ms: i64,
    /// How long that took.
    pub took_ms: u64,
}

/// The windows that are kept.
#[derive(Default)]
pub struct Windows {
    /// The one used last comes last.
    kept: Mutex<Vec<Arc<Indexed>>>,
    reading: Mutex<()>,
    /// Lengths of windows of the present, and when somebody asked for them last.
    asked: Mutex<Vec<(i64, Instant)>>,
    pub counts: Counts,
}

/// What was done so far.
#[derive(Default)]
pub struct Counts {
    /// Searches.
    pub searches: Counter,
    /// Of them those that were answered from the index of a round before.
    pub older: Counter,
    /// Windows that were read while somebody waited.
    pub asked: Counter,
    /// Windows that were read by rounds.
    pub rounds: Counter,
    /// Windows that could not be read by rounds.
    pub failed: Counter,
    /// Milliseconds that reading took in all.
    pub read_ms: Counter,
}

/// What is kept now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Indexes.
    pub windows: usize,
    /// Series in them.
    pub series: usize,
    /// Their memory.
    pub bytes: usize,
    /// Seconds since the reading of the newest began.
    pub age_s: u64,
}

/// How often windows of the present are read anew, and the steps of their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two rounds; `None`: windows are read on request only.
    pub round: Option<Duration>,
    /// Milliseconds.
    pub step_ms: i64,
}

impl Pace {
    pub fn of(settings: &Settings) -> Pace {
        let round = u64::try_from(settings.worker_similar_interval).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
        let step_ms = round.map_or(STEP_MS, |round| i64::try_from(round.as_millis()).unwrap_or(STEP_MS).min(STEP_MS));
        Pace { round, step_ms }
    }
}

impl Windows {
    /// The index of a window: as it was read by the last rounds, or read now if it is not kept.
    pub fn get(&self, tsd: &Tsd, span: &Span, cancel: &Cancel) -> Result<Arc<Indexed>, ApiError> {
        self.counts.searches.inc();
        self.note(span);
        if let Some(known) = self.known(span) {
            return Ok(known);
        }
        if let Some(older) = Pace::of(&tsd.settings).round.and_then(|round| self.older(span, round * OLD_ROUNDS)) {
            self.counts.older.inc();
            return Ok(older);
        }
        let Some(_reading) = self.reading.try_lock_for(WAIT) else {
            return Err(ApiError::new(503, "Another window is being read; try again in a moment"));
        };
        if let Some(known) = self.known(span) {
            return Ok(known);
        }
        let new = Arc::new(read(tsd, span, cancel)?);
        self.counts.asked.inc();
        self.keep(&new);
        Ok(new)
    }

    /// Reads what a round has to read: windows of the present that were asked for lately, and `always` this length. Searches
    /// go on meanwhile with what is kept.
    pub fn round(&self, tsd: &Tsd, always: Option<i64>, now_ms: i64, cancel: &Cancel) {
        for length in self.lengths(always) {
            let Ok(span) = Span::new((now_ms - length).max(0), now_ms, now_ms, Pace::of(&tsd.settings).step_ms) else { continue };
            if self.kept.lock().iter().any(|kept| kept.span.is_same(&span)) {
                continue;
            }
            match read(tsd, &span, cancel) {
                Ok(new) => {
                    self.counts.rounds.inc();
                    self.keep(&Arc::new(new));
                }
                Err(error) => {
                    self.counts.failed.inc();
                    tracing::warn!("the series of the last {} s are not indexed: {}", length / 1_000, error.message);
                }
            }
        }
    }

    /// Lengths of windows that a round reads.
    fn lengths(&self, always: Option<i64>) -> Vec<i64> {
        let mut asked = self.asked.lock();
        asked.retain(|(_, at)| at.elapsed() < KEPT_FOR);
        let mut lengths: Vec<i64> = asked.iter().rev().take(REFRESHED_MAX).map(|(length, _)| *length).collect();
        lengths.extend(always.filter(|length| !lengths.contains(length)));
        lengths
    }

    fn note(&self, span: &Span) {
        if !span.present {
            return;
        }
        let mut asked = self.asked.lock();
        asked.retain(|(length, at)| *length != span.length_ms() && at.elapsed() < KEPT_FOR);
        asked.push((span.length_ms(), Instant::now()));
        let surplus = asked.len().saturating_sub(KEPT_MAX);
        asked.drain(..surplus);
    }

    pub fn held(&self) -> Held {
        let kept = self.kept.lock();
        let sum = |of: fn(&Index) -> usize| kept.iter().map(|kept| of(&kept.index)).sum();
        let age_s = kept.iter().map(|kept| kept.begun.elapsed().as_secs()).min().unwrap_or(0);
        Held { windows: kept.len(), series: sum(Index::len), bytes: sum(Index::bytes), age_s }
    }

    /// Keeps an index, in the place of an older one of the same window of the present.
    fn keep(&self, new: &Arc<Indexed>) {
        self.counts.read_ms.add(new.took_ms);
        if new.early {
            return;
        }
        let mut kept = self.kept.lock();
        kept.retain(|k| !k.span.is_like(&new.span));
        kept.push(Arc::clone(new));
        // The newest stays, whatever its size.
        while kept.len() > 1 && (kept.len() > KEPT_MAX || kept.iter().map(|k| k.index.bytes()).sum::<usize>() > KEPT_BYTES_MAX) {
            kept.remove(0);
        }
    }

    /// The index of the same window of the present at an earlier time, if it is not too old.
    fn older(&self, span: &Span, age_max: Duration) -> Option<Arc<Indexed>> {
        let kept = self.kept.lock();
        kept.iter().find(|k| k.span.is_like(span) && k.begun.elapsed() < age_max.min(KEPT_FOR)).cloned()
    }

    fn known(&self, span: &Span) -> Option<Arc<Indexed>> {
        let mut kept = self.kept.lock();
        kept.retain(|k| k.begun.elapsed() < KEPT_FOR);
        let at = kept.iter().position(|k| k.span.is_same(span))?;
        let found = kept.remove(at);
        kept.push(Arc::clone(&found));
        Some(found)
    }
}

fn read(tsd: &Tsd, span: &Span, cancel: &Cancel) -> Result<Indexed, ApiError> {
    let begun = Instant::now();
    let metrics = tsd.catalog.find(UidKind::Metric, &Words::default(), &Patterns::default(), (0, METRICS_MAX)).map_err(error)?;
    let mut index = Index::default();
    let mut limited = metrics.loading || metrics.limited || metrics.total > metrics.hits.len();
    let (mut values, mut failed) = (Vec::new(), None);
    for (metric, _) in &metrics.hits {
        let sub = SubQuery::plain(Source::Metric(metric.clone()));
        let visit = |window: &SeriesWindow<'_>| -> Next {
            averages(window, span, &mut values);
            if values.len() < 2 {
                return Next::Go;
            }
            match describe(tsd, window.tsuid) {
                Ok(known) => index.add(&to_hex(window.tsuid), &known.name(), &values),
                // A series whose names were deleted.
                Err(QueryError::Uid(UidError::NoSuchId { .. })) => {}
                Err(e) => failed = Some(e),
            }
            let full = index.len() >= SERIES_MAX || index.bytes() >= INDEX_BYTES_MAX;
            limited |= full;
            if full || failed.is_some() { Next::Stop } else { Next::Go }
        };
        match tsd.engine.windows(&window_query(&sub, span), cancel, visit) {
            // A metric that was deleted after it was listed.
            Ok(_) | Err(QueryError::Uid(UidError::NoSuchName { .. })) => {}
            Err(e) => return Err(error(e)),
        }
        if let Some(e) = failed {
            return Err(error(e));
        }
        if index.len() >= SERIES_MAX || index.bytes() >= INDEX_BYTES_MAX {
            break;
        }
    }
    let built_ms = clock::now_ms();
    Ok(Indexed { span: *span, begun, index, limited, early: metrics.loading, built_ms, took_ms: begun.elapsed().as_millis() as u64 })
}

/// The values of one series in a window. 404 if it has none.
pub fn values_of(tsd: &Tsd, tsuid: &[u8], span: &Span, cancel: &Cancel) -> Result<Vec<f64>, ApiError> {
    let sub = SubQuery::plain(Source::Tsuids(vec![tsuid.to_vec()]));
    let mut values = Vec::new();
    let visit = |window: &SeriesWindow<'_>| {
        averages(window, span, &mut values);
        Next::Stop
    };
    tsd.engine.windows(&window_query(&sub, span), cancel, visit).map_err(error)?;
    if values.is_empty() { Err(ApiError::new(404, "The series has no points in this window")) } else { Ok(values) }
}

fn window_query<'a>(sub: &'a SubQuery, span: &Span) -> WindowQuery<'a> {
    WindowQuery { sub, range_ms: (span.start_ms, span.end_ms), points_max: POINTS_MAX, buckets: None }
}

/// The values of a series, those of one part of the window as their mean.
fn averages(window: &SeriesWindow<'_>, span: &Span, out: &mut Vec<f64>) {
    out.clear();
    let part_ms = span.part_ms();
    let (mut part, mut sum, mut count) = (i64::MIN, 0.0, 0.0);
    for (time, value) in window.times.iter().zip(window.values) {
        let value = match value {
            Number::Int(n) => *n as f64,
            Number::Float(x) => *x,
        };
        if !value.is_finite() {
            continue;
        }
        let at = (time - span.start_ms).div_euclid(part_ms);
        if at != part && count > 0.0 {
            out.push(sum / count);
            (sum, count) = (0.0, 0.0);
        }
        part = at;
        sum += value;
        count += 1.0;
    }
    if count > 0.0 {
        out.push(sum / count);
    }
}

/// Names of a series.
#[derive(Default)]
pub struct Described {
    pub metric: String,
    pub tags: Vec<(String, String)>,
}

impl Described {
    /// `metric{name=value,name=value}`.
    pub fn name(&self) -> String {
        let tags: Vec<String> = self.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("{}{{{}}}", self.metric, tags.join(","))
    }
}

fn widths(tsd: &Tsd) -> (usize, usize, usize) {
    let Layout { metric_width, tagk_width, tagv_width, .. } = tsd::layout(&tsd.settings);
    (metric_width.into(), tagk_width.into(), tagv_width.into())
}

/// Has it the length of a metric and of one tag or more?
pub fn is_tsuid(tsd: &Tsd, id: &[u8]) -> bool {
    let (metric, key, value) = widths(tsd);
    id.len() > metric && (id.len() - metric).is_multiple_of(key + value)
}

/// The names of a TSUID.
pub fn describe(tsd: &Tsd, tsuid: &[u8]) -> Result<Described, QueryError> {
    let (metric_width, key_width, value_width) = widths(tsd);
    let (metric, pairs) = tsuid.split_at_checked(metric_width).unwrap_or_default();
    let name = |kind, id: &[u8]| tsd.uids.name(kind, id).map(|name| name.to_string()).map_err(QueryError::Uid);
    let pair = |pair: &[u8]| -> Result<(String, String), QueryError> {
        let (key, value) = pair.split_at_checked(key_width).unwrap_or_default();
        Ok((name(UidKind::Tagk, key)?, name(UidKind::Tagv, value)?))
    };
    let tags = pairs.chunks_exact(key_width + value_width).map(pair).collect::<Result<_, _>>()?;
    Ok(Described { metric: name(UidKind::Metric, metric)?, tags })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_windows() {
        let span = |start, end, now| Span::new(start, end, now, STEP_MS).map(|s| (s.start_ms, s.end_ms)).map_err(|e| e.message);
        // Up to now: people who ask within a minute share it.
        assert_eq!(span(3_600_000, 7_230_000, 7_230_000), Ok((3_570_000, 7_200_000)));
        assert_eq!(span(3_615_000, 7_245_000, 7_245_000), Ok((3_570_000, 7_200_000)));
        // The past as it was asked.
        assert_eq!(span(1_234, 5_678, 7_230_000), Ok((1_234, 5_678)));
        assert!(Span::new(0, 100, 100, 60).unwrap().present && !Span::new(0, 100, 200, 60).unwrap().present);
        assert!(span(5, 5, 9).is_err() && span(-5, 5, 9).is_err() && span(0, SPAN_MS_MAX + 1, 9).is_err());
    }

    #[test]
    fn values_of_a_part_are_averaged() {
        let span = Span { start_ms: 0, end_ms: 7_200, present: false };
        let values = [Number::Int(1), Number::Float(2.0), Number::Float(f64::NAN), Number::Int(7), Number::Int(9)];
        let window = SeriesWindow { tsuid: &[], times: &[0, 9, 10, 20, 7_200], values: &values, cut: false, bucket: 0 };
        let mut out = vec![5.0];
        averages(&window, &span, &mut out);
        assert_eq!(out, [1.5, 7.0, 9.0]);
    }
}
