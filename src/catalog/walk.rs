//! The series of one metric, found from its newest rows backwards.
//!
//! Rows of points are ordered by metric, then time: the newest hours tell nearly all series in few rows, and years of rows
//! behind them tell little more. So a walk has so much time, keeps its place, and goes on when it is asked again. It knows
//! whether it has come to the first row; until then the table of meta data is asked as well, if there is one.

use crate::codec::{RowKey, scan_key};
use crate::meta::lookup::{LookupError, Places, Wanted};
use crate::store::{Columns, RowBatch, Scan, after_prefix};
use rustc_hash::FxHashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// Most series of one metric that are held.
pub const SERIES_MAX: usize = 200_000;
/// Rows of one batch.
const BATCH_ROWS: usize = 1_024;
/// Least time between two looks for new rows; a look that took long makes it longer.
const LOOK_EVERY: Duration = Duration::from_millis(1_000);
/// Parts of a look's cost that pass until the next.
const LOOK_SHARE: u32 = 10;
/// After so long all is read again: points may have been deleted.
const KEEP: Duration = Duration::from_secs(300);
/// Column family of points.
const FAMILY: &str = "t";
/// Seconds before the newest row in which new series are looked for.
const BACK_SECONDS: u32 = 7_200;

/// What is known of a metric's series.
#[derive(Default)]
pub struct MetricSeries {
    metric: Vec<u8>,
    /// Tags, and the start of the newest row; 0: known from meta data alone.
    found: FxHashMap<Box<[u8]>, u32>,
    /// For each salt bucket the key below which the walk goes on; `None`: it has come to the end.
    below: Vec<Option<Vec<u8>>>,
    newest: u32,
    oldest: u32,
    full: bool,
    asked_meta: bool,
    begun: Option<Instant>,
    looked: Option<(Instant, Duration)>,
}

impl MetricSeries {
    /// Nothing is known yet.
    pub fn new(metric: &[u8]) -> MetricSeries {
        MetricSeries { metric: metric.to_vec(), ..MetricSeries::default() }
    }

    /// Tags of each series, and the start of its newest row in seconds (0: not known).
    pub fn each(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.found.iter().map(|(tags, base)| (tags.as_ref(), *base))
    }

    /// How many series are known.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// There may be more series than these.
    pub fn is_limited(&self) -> bool {
        self.full || self.below.iter().any(Option::is_some)
    }

    /// Start of the newest row, in seconds; `None` without rows.
    pub fn newest(&self) -> Option<u32> {
        (self.newest > 0).then_some(self.newest)
    }

    /// Start of the oldest row that was met.
    pub fn oldest(&self) -> Option<u32> {
        (self.oldest < u32::MAX && self.newest > 0).then_some(self.oldest)
    }

    /// Looks for new rows, then further back, for about so long.
    pub fn read(&mut self, places: &Places<'_>, time: Duration) -> Result<(), LookupError> {
        let until = Instant::now() + time;
        if self.begun.is_none_or(|begun| begun.elapsed() > KEEP) {
            let metric = std::mem::take(&mut self.metric);
            *self = MetricSeries { metric, oldest: u32::MAX, begun: Some(Instant::now()), ..MetricSeries::default() };
            self.below = (0..places.layout.buckets()).map(|bucket| Some(after_prefix(&self.prefix(places, bucket)))).collect();
            self.look_at_waiting(places);
            self.looked = Some((Instant::now(), Duration::ZERO));
        } else if self.looked.is_none_or(|(then, cost)| then.elapsed() > LOOK_EVERY.max(cost * LOOK_SHARE)) {
            let begun = Instant::now();
            self.look_at_waiting(places);
            self.look_forward(places, until)?;
            self.looked = Some((begun, begun.elapsed()));
        }
        self.go_back(places, until)?;
        if self.is_limited() && !self.full && !self.asked_meta {
            self.ask_meta(places)?;
        }
        Ok(())
    }

    /// What all keys of the metric in a bucket begin with.
    fn prefix(&self, places: &Places<'_>, bucket: u32) -> Vec<u8> {
        let mut key = scan_key(&places.layout, bucket, &self.metric, 0);
        key.truncate(places.layout.time_at());
        key
    }

    fn met(&mut self, places: &Places<'_>, key: &[u8]) {
        let Ok(row) = RowKey::parse(&places.layout, key) else { return };
        if row.tag_bytes().is_empty() {
            return; // global annotations
        }
        let base = row.base_time();
        if let Some(known) = self.found.get_mut(row.tag_bytes()) {
            *known = base.max(*known);
        } else if self.found.len() < SERIES_MAX {
            self.found.insert(row.tag_bytes().into(), base);
        } else {
            self.full = true;
            return;
        }
        self.newest = self.newest.max(base);
        self.oldest = self.oldest.min(base);
    }

    fn look_at_waiting(&mut self, places: &Places<'_>) {
        let Some(overlay) = places.overlay else { return };
        for bucket in 0..places.layout.buckets() {
            let start = self.prefix(places, bucket);
            let rows = overlay.pin(places.data_table, &start, &after_prefix(&start));
            rows.rows().for_each(|row| self.met(places, row.key()));
        }
    }

    fn look_forward(&mut self, places: &Places<'_>, until: Instant) -> Result<(), LookupError> {
        let from = self.newest.saturating_sub(BACK_SECONDS).to_be_bytes();
        for bucket in 0..places.layout.buckets() {
            let prefix = self.prefix(places, bucket);
            self.backwards(places, &prefix, after_prefix(&prefix), [prefix.as_slice(), &from].concat(), until)?;
        }
        Ok(())
    }

    fn go_back(&mut self, places: &Places<'_>, until: Instant) -> Result<(), LookupError> {
        for bucket in 0..places.layout.buckets() {
            let at = bucket as usize;
            let Some(start) = self.below.get(at).cloned().flatten() else { continue };
            let left = self.below.iter().skip(at).filter(|below| below.is_some()).count().max(1) as u32;
            let mine = Instant::now() + until.saturating_duration_since(Instant::now()) / left;
            let prefix = self.prefix(places, bucket);
            let place = self.backwards(places, &prefix, start, prefix.clone(), mine)?;
            if let Some(below) = self.below.get_mut(at) {
                *below = place;
            }
        }
        Ok(())
    }

    /// Meets rows from `start` down to `stop`; the place where time ran out, `None` at the end. At least one batch is read.
    fn backwards(
        &mut self,
        places: &Places<'_>,
        prefix: &[u8],
        start: Vec<u8>,
        stop: Vec<u8>,
        until: Instant,
    ) -> Result<Option<Vec<u8>>, LookupError> {
        let scan =
            Scan { columns: Columns::Family(FAMILY), batch_rows: BATCH_ROWS, reverse: true, keys_only: true, ..Scan::range(start, stop) };
        let mut scanner = places.store.scan(places.data_table, scan)?;
        let mut batch = RowBatch::default();
        while scanner.next(&mut batch)? {
            if places.cancel.load(Relaxed) {
                return Err(LookupError::Cancelled);
            }
            let mut last = None;
            for row in batch.rows().filter(|row| row.key().starts_with(prefix)) {
                self.met(places, row.key());
                last = Some(row.key().to_vec());
            }
            if last.is_some() && (Instant::now() >= until || self.full) {
                return Ok(last);
            }
        }
        Ok(None)
    }

    /// The series that the table of meta data knows.
    fn ask_meta(&mut self, places: &Places<'_>) -> Result<(), LookupError> {
        self.asked_meta = true;
        if !places.has_meta()? {
            return Ok(());
        }
        let metric = places.uids.name(crate::uid::UidKind::Metric, &self.metric)?;
        let wanted = Wanted { limit: Some(SERIES_MAX), ..Wanted::exactly(&metric, Vec::new()) };
        for tsuid in places.in_meta(&wanted)? {
            let tags = tsuid.get(self.metric.len()..).unwrap_or_default();
            if self.found.len() < SERIES_MAX {
                self.found.entry(tags.into()).or_insert(0);
            }
        }
        Ok(())
    }
}
