//! Skyline's detectors over many series: every metric that a pattern names, each row read once, one series after the
//! other in flat memory. One thread reads, others judge.

use super::alert::{Level, Verdict};
use super::detect::{Catalogue, Detector, Scratch, Window};
use super::evaluate::Judged;
use super::habits::Habits;
use super::house::{House, Seen, Series};
use super::messages::series_name;
use super::options::Detect;
use super::rates;
use super::records::{ANOMALY, Anomalies, Anomaly, Tags, all, bytes};
use super::rule::expression::SourceError;
use crate::desk::{Desk, DeskError};
use crossbeam_channel::{Receiver, bounded};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Most anomalous series that a worker lists.
pub const LISTED_MAX: usize = 10_000;
/// Seconds that an older list still tells since when series are anomalous.
const REMEMBERED_S: i64 = 3_600;
/// Series in one record.
const PART: usize = 500;
/// Bytes of points that wait between reading and judging, for each thread.
const WAITING_BYTES: usize = 8 << 20;
/// Series that are handed over at once.
const SERIES_A_BATCH: usize = 32;
/// The name of what the detectors find, among rules.
pub const RULE: &str = "skyline";

/// What one look found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// To be shown.
    pub list: Anomalies,
    /// To be told: those that are anomalous, and those that are no more.
    pub judged: Vec<Judged>,
    /// Metrics that could not be read, and why.
    pub troubles: Vec<(String, String)>,
    /// The store is away.
    pub away: Option<String>,
    /// Seconds from the first to the last point of the canary, if this worker looked at it.
    pub covered_s: Option<f64>,
}

/// What the threads of a look count.
#[derive(Default)]
struct Tally {
    looked: AtomicU64,
    skipped: AtomicU64,
    covered_s: Mutex<Option<f64>>,
}

/// Whose a part of a metric is: its name and the part.
pub type Mine<'a> = dyn Fn(&str, u32) -> bool + Sync + 'a;

/// Series in a row: their points in two columns, the part of the metric that each stands in, and where each begins.
#[derive(Default)]
struct Batch {
    metric: usize,
    /// The metric counts up: the points are its changes per second.
    rate: bool,
    series: Vec<(Name, u32, usize)>,
    times: Vec<f64>,
    values: Vec<f64>,
}

enum Name {
    Ids(Vec<u8>),
    Named(String, Tags),
}

/// What a part of a metric is called where work is shared: a metric of many series is the work of several.
pub fn share_name(metric: &str, part: u32, parts: u32) -> String {
    if parts == 1 { metric.to_owned() } else { format!("{metric}#{part}") }
}

/// Looks at series again and again, and remembers since when they are anomalous.
pub struct Watch {
    detect: Detect,
    detector: Detector,
    /// By series, those that were anomalous at the last look.
    open: BTreeMap<String, Anomaly>,
    habits: Habits,
}

impl Watch {
    /// # Errors
    /// The settings name an algorithm that is not there.
    pub fn new(detect: Detect) -> Result<Watch, String> {
        let detector =
            Detector::new(detect.skyline.clone(), &Catalogue::default()).map_err(|e| format!("tsd.worker.skyline.algorithms: {e}"))?;
        Ok(Watch { detect, detector, open: BTreeMap::new(), habits: Habits::default() })
    }

    /// Takes over what workers listed lately: since when series are anomalous.
    ///
    /// # Errors
    /// The table is away.
    pub fn remember(&mut self, desk: &Desk, now: i64) -> Result<(), DeskError> {
        for (_, list, _) in all::<Anomalies>(desk, ANOMALY, "")?.into_iter().filter(|(_, list, _)| now - list.at < REMEMBERED_S) {
            for anomaly in list.series {
                let since = self.open.get(&anomaly.tsuid).map_or(anomaly.since, |known| known.since.min(anomaly.since));
                self.open.insert(anomaly.tsuid.clone(), Anomaly { since, ..anomaly });
            }
        }
        Ok(())
    }

    /// One look at all parts of metrics that are `mine`, as they were at `now`. `progress`: metrics done, of how many, series.
    pub fn look(
        &mut self,
        house: &dyn House,
        now: i64,
        threads: usize,
        mine: &Mine<'_>,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(usize, usize, u64),
    ) -> Found {
        let mut found = Found::default();
        let parts: Vec<u32> = (0..house.parts()).collect();
        let some = |metric: &str| parts.iter().any(|part| mine(metric, *part));
        let metrics = match house.metrics(&|metric| self.detect.wants(metric) && some(metric)) {
            Ok(metrics) => metrics,
            Err(error) => return Found { away: Some(error.to_string()), ..found },
        };
        let skyline = self.detector.settings();
        let range = (now - (skyline.full_duration + skyline.roomba_grace_time) as i64, now);
        let tally = Tally::default();
        let results = Mutex::new(Vec::new());
        let (sender, batches) = bounded::<Batch>(2 * threads.max(1));
        let mut failed = Vec::new();
        std::thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                let (batches, results, tally, metrics) = (batches.clone(), &results, &tally, &metrics);
                let judge = &*self;
                scope.spawn(move || judge.judge(&batches, house, metrics, now, tally, results));
            }
            drop(batches);
            for (at, metric) in metrics.iter().enumerate() {
                if stop.load(Relaxed) {
                    break;
                }
                progress(at, metrics.len(), tally.looked.load(Relaxed));
                let empty = || Batch { metric: at, rate: self.detect.counts(metric), ..Batch::default() };
                let mut batch = empty();
                let own: Vec<u32> = parts.iter().copied().filter(|part| mine(metric, *part)).collect();
                let result = house.windows(metric, &own, range, &mut |seen: &Seen<'_>| {
                    batch.push(seen);
                    if batch.is_full() {
                        let full = std::mem::replace(&mut batch, empty());
                        return sender.send(full).is_ok() && !stop.load(Relaxed);
                    }
                    !stop.load(Relaxed)
                });
                if !batch.series.is_empty() {
                    let _ = sender.send(batch);
                }
                if let Err(error) = result {
                    failed.push((metric.clone(), error));
                }
            }
            drop(sender);
        });
        progress(metrics.len(), metrics.len(), tally.looked.load(Relaxed));
        for (metric, error) in failed {
            match error {
                SourceError::Away(why) => found.away = Some(why),
                SourceError::Refused(why) => found.troubles.push((metric, why)),
            }
        }
        let (looked_at, skipped) = (tally.looked.into_inner(), tally.skipped.into_inner());
        found.list = Anomalies { at: now, looked_at, skipped, ..Anomalies::default() };
        found.covered_s = tally.covered_s.into_inner();
        self.settle(&mut found, results.into_inner(), mine);
        found
    }

    /// What changed since the last look.
    fn settle(&mut self, found: &mut Found, mut anomalies: Vec<Anomaly>, mine: &Mine<'_>) {
        anomalies.sort_by(|a, b| (&a.metric, &a.tags).cmp(&(&b.metric, &b.tags)));
        let before = std::mem::take(&mut self.open);
        for anomaly in &mut anomalies {
            anomaly.since = before.get(&anomaly.tsuid).map_or(found.list.at, |known| known.since);
            self.open.insert(anomaly.tsuid.clone(), anomaly.clone());
            found.judged.push(judged(anomaly, Level::Warning));
        }
        for (tsuid, anomaly) in before.into_iter().filter(|(_, anomaly)| mine(&anomaly.metric, anomaly.part)) {
            if self.open.contains_key(&tsuid) {
                continue;
            }
            // Who could not look does not know that it is over.
            if found.away.is_some() || found.troubles.iter().any(|(metric, _)| *metric == anomaly.metric) {
                self.open.insert(tsuid, anomaly);
            } else {
                found.judged.push(judged(&anomaly, Level::Normal));
            }
        }
        found.list.cut = anomalies.len() > LISTED_MAX;
        anomalies.truncate(LISTED_MAX);
        found.list.series = anomalies;
    }

    fn judge(
        &self,
        batches: &Receiver<Batch>,
        house: &dyn House,
        metrics: &[String],
        now: i64,
        tally: &Tally,
        results: &Mutex<Vec<Anomaly>>,
    ) {
        let mut scratch = Scratch::default();
        for batch in batches {
            let metric = metrics.get(batch.metric).map(String::as_str).unwrap_or_default();
            let ends = batch.series.iter().skip(1).map(|(.., start)| *start).chain([batch.times.len()]);
            for ((name, part, start), end) in batch.series.iter().zip(ends) {
                let times = batch.times.get(*start..end).unwrap_or_default();
                let values = batch.values.get(*start..end).unwrap_or_default();
                let judgement = self.detector.judge(Window { times, values }, now as f64, &mut scratch);
                tally.looked.fetch_add(1, Relaxed);
                if metric == self.detector.settings().canary_metric {
                    *tally.covered_s.lock() = times.last().zip(times.first()).map(|(last, first)| last - first);
                }
                let Ok(judgement) = judgement else {
                    tally.skipped.fetch_add(1, Relaxed);
                    continue;
                };
                if !judgement.anomalous || !self.is_news(name, now, judgement.datapoint) {
                    continue;
                }
                let named = match name {
                    Name::Ids(tsuid) => house.name(Series::Ids(tsuid)),
                    Name::Named(tsuid, tags) => Ok((tsuid.clone(), tags.clone())),
                };
                let Ok((tsuid, tags)) = named else { continue };
                let numbers = judgement.votes().map(|(name, finding)| {
                    let numbers = finding.numbers.iter().filter(|(_, value)| value.is_finite());
                    (name.to_owned(), numbers.map(|(name, value)| (name.to_owned(), value)).collect())
                });
                results.lock().push(Anomaly {
                    tsuid,
                    metric: metric.to_owned(),
                    tags,
                    part: *part,
                    since: now,
                    last: times.last().map_or(now, |time| *time as i64),
                    value: judgement.datapoint,
                    rate: batch.rate,
                    votes: judgement.triggered().map(str::to_owned).collect(),
                    asked: judgement.votes().count(),
                    numbers: numbers.collect(),
                });
            }
        }
    }

    /// Skyline's second order, if it is on: a series that triggers by habit is no news.
    fn is_news(&self, name: &Name, now: i64, value: f64) -> bool {
        if !self.detector.settings().enable_second_order {
            return true;
        }
        let key = match name {
            Name::Ids(tsuid) => tsuid.clone(),
            Name::Named(tsuid, _) => tsuid.clone().into_bytes(),
        };
        self.habits.is_news(key, now, value)
    }
}

impl Batch {
    fn push(&mut self, seen: &Seen<'_>) {
        let name = match seen.series {
            Series::Ids(tsuid) => Name::Ids(tsuid.to_vec()),
            Series::Named { tsuid, tags } => Name::Named(tsuid.to_owned(), tags.clone()),
        };
        self.series.push((name, seen.part, self.times.len()));
        if self.rate {
            rates::per_second(seen.times, seen.values, &mut self.times, &mut self.values);
        } else {
            self.times.extend_from_slice(seen.times);
            self.values.extend_from_slice(seen.values);
        }
    }

    fn is_full(&self) -> bool {
        self.series.len() >= SERIES_A_BATCH || self.times.len() * 16 >= WAITING_BYTES
    }
}

fn judged(anomaly: &Anomaly, level: Level) -> Judged {
    let of = if anomaly.rate { " of its change per second" } else { "" };
    let text = format!("{} of {} detectors{of}: {}", anomaly.votes.len(), anomaly.asked, anomaly.votes.join(", "));
    Judged {
        metric: anomaly.metric.clone(),
        tags: group(anomaly),
        tsuids: vec![anomaly.tsuid.clone()],
        verdict: Verdict::Decided { level, value: Some(anomaly.value), at: anomaly.last, oldest: None },
        text,
        queries: if anomaly.rate {
            vec![format!("none:rate{{dropcounter}}:{}", series_name(&anomaly.metric, &anomaly.tags))]
        } else {
            Vec::new()
        },
    }
}

/// Series of several metrics are groups of one rule: the metric tells them apart beside their tags.
fn group(anomaly: &Anomaly) -> Tags {
    let mut tags = anomaly.tags.clone();
    tags.insert("metric".to_owned(), anomaly.metric.clone());
    tags
}

/// Puts a worker's list in the place of its last one.
///
/// # Errors
/// The table is away.
pub fn publish(desk: &Desk, worker: &str, list: &Anomalies) -> Result<(), DeskError> {
    let mut parts: Vec<Vec<Anomaly>> = list.series.chunks(PART).map(<[Anomaly]>::to_vec).collect();
    if parts.is_empty() {
        parts.push(Vec::new());
    }
    let last = parts.len();
    for (at, series) in parts.into_iter().enumerate() {
        let part = Anomalies { series, ..list.clone() };
        desk.put(ANOMALY, &format!("{worker}/{at:04}"), &bytes(&part)?)?;
    }
    let page = desk.list(ANOMALY, &format!("{worker}/"), Some(&format!("{worker}/{:04}", last - 1)), 1_000)?;
    page.records.iter().try_for_each(|record| desk.delete(ANOMALY, &record.id))
}
