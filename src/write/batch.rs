//! A batch: points of one connection or request, from admission to the journal's buffer.

use super::head::Arrival;
use super::hook::News;
use super::journal::{NamedPoint, NewCell, Stored, What};
use super::resolve::{NewNames, Resolved, resolve};
use super::series::{Series, SeriesCache};
use super::{Inner, Ticket, WriteError};
use crate::point::{Point, PointTime, Value};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Most points staged in one batch: a journal group must stay far below its 4 GiB.
const BATCH_POINTS_MAX: usize = 1_000_000;

/// A point of a known series.
pub struct Staged {
    pub series: Arc<Series>,
    pub time: PointTime,
    pub value: Stored,
}

/// A cell that is no plain point (a rolled-up or pre-aggregated value, a histogram), complete but for the ids of its names.
#[derive(Clone, Debug)]
pub struct CellPoint<'a> {
    /// Its table; `None`: the data table.
    pub table: Option<&'a str>,
    /// Metric name.
    pub metric: &'a str,
    /// Tags in the order given; keys are unique.
    pub tags: &'a [(&'a str, &'a str)],
    /// Base time of its row, in seconds.
    pub base: u32,
    /// Column qualifier: the flags of its value, if it has any, are the last half byte.
    pub qualifier: &'a [u8],
    /// The bytes.
    pub value: &'a [u8],
}

/// A batch of one connection or request: its buffers are reused. Not shared between threads.
pub struct Batch {
    inner: Arc<Inner>,
    staged: Vec<Staged>,
    cells: Vec<(Arc<Series>, NewCell)>,
    named: Vec<NamedPoint>,
    key: Vec<u8>,
    tsuid: Vec<u8>,
    last: Ticket,
}

impl Batch {
    pub(super) fn new(inner: Arc<Inner>) -> Batch {
        Batch { inner, staged: Vec::new(), cells: Vec::new(), named: Vec::new(), key: Vec::new(), tsuid: Vec::new(), last: Ticket(0) }
    }

    /// Takes one point if its series is known already: no I/O, no allocation. `None`: use [`Batch::add`].
    #[inline]
    pub fn add_known(&mut self, point: &Point<'_>) -> Option<Result<(), WriteError>> {
        SeriesCache::write_key(point, &mut self.key);
        let series = self.inner.series.get(&self.key)?;
        Some(self.stage(series, point))
    }

    /// Takes one point, assigning or looking up its names where needed: may block on the store.
    pub fn add(&mut self, point: &Point<'_>) -> Result<(), WriteError> {
        self.check(point)?;
        match self.series_of(point)? {
            Some(series) => self.stage(series, point),
            None => {
                check_numbers(point)?;
                self.stage_named(point, What::Point(point.time, Stored::new(point.value)))
            }
        }
    }

    /// Takes one cell, assigning or looking up its names where needed: may block on the store.
    pub fn add_cell(&mut self, cell: &CellPoint<'_>) -> Result<(), WriteError> {
        // Time and value play no part in the lookup.
        let names = Point { metric: cell.metric, time: PointTime::Seconds(1), value: Value::Int(0), tags: cell.tags };
        self.check(&names)?;
        if self.len() >= BATCH_POINTS_MAX {
            return Err(WriteError::Overloaded(format!("a batch holds at most {BATCH_POINTS_MAX} points")));
        }
        let table = cell.table.filter(|table| *table != self.inner.options.table).unwrap_or_default();
        let new = NewCell { table: Arc::from(table), base: cell.base, qualifier: cell.qualifier.into(), value: cell.value.into() };
        match self.series_of(&names)? {
            Some(series) => self.cells.push((series, new)),
            None => self.stage_named(&names, What::Cell(new))?,
        }
        Ok(())
    }

    pub(super) fn rollups(&self) -> Option<Arc<super::RollupOptions>> {
        self.inner.options.rollups.clone()
    }

    pub(super) fn is_function(&self) -> fn(&str) -> bool {
        self.inner.options.is_function
    }

    /// The series of a point's names; `None`: the store is away and its names have no ids yet.
    fn series_of(&mut self, point: &Point<'_>) -> Result<Option<Arc<Series>>, WriteError> {
        SeriesCache::write_key(point, &mut self.key);
        if let Some(series) = self.inner.series.get(&self.key) {
            return Ok(Some(series));
        }
        self.inner.counters.series_misses.fetch_add(1, Relaxed);
        Ok(match resolve(&self.inner, point)? {
            Resolved::Series(series) => {
                self.inner.series.insert(&self.key, series.clone());
                Some(series)
            }
            Resolved::Later => None,
        })
    }

    /// For the names of points that this batch is about to be given.
    pub fn new_names(&self) -> NewNames<'_> {
        NewNames::new(&self.inner)
    }

    /// What no table can hold. Names and numbers were checked when the point was read.
    fn check(&self, point: &Point<'_>) -> Result<(), WriteError> {
        let max = self.inner.options.max_tags;
        let tags = || crate::point::TagBuf::show(point.tags, true);
        if point.tags.is_empty() {
            return Err(WriteError::Illegal(format!("Need at least one tag (metric={}, tags={})", point.metric, tags())));
        }
        if point.tags.len() > max {
            return Err(WriteError::Illegal(format!("Too many tags: {} maximum allowed: {max}, tags: {}", point.tags.len(), tags())));
        }
        let longest = point.tags.iter().flat_map(|(k, v)| [k.len(), v.len()]).fold(point.metric.len(), usize::max);
        if longest > usize::from(u16::MAX) {
            return Err(WriteError::Illegal(format!("a name of {longest} bytes is too long: at most {}", u16::MAX)));
        }
        Ok(())
    }

    #[inline]
    fn stage(&mut self, series: Arc<Series>, point: &Point<'_>) -> Result<(), WriteError> {
        check_numbers(point)?;
        if self.staged.len() >= BATCH_POINTS_MAX {
            return Err(WriteError::Overloaded(format!("a batch holds at most {BATCH_POINTS_MAX} points")));
        }
        self.staged.push(Staged { series, time: point.time, value: Stored::new(point.value) });
        Ok(())
    }

    fn stage_named(&mut self, point: &Point<'_>, what: What) -> Result<(), WriteError> {
        self.inner.named.room(self.named.len() + 1)?;
        self.named.push(NamedPoint {
            metric: point.metric.to_owned(),
            tags: point.tags.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect(),
            what,
        });
        Ok(())
    }

    /// Hands the points over: they are in the journal's buffer and in the head (visible to queries here).
    /// They are on disk when [`super::Writer::wait`] returns. After an error none of them was taken: the batch keeps its
    /// points after [`WriteError::Overloaded`], so that a later commit offers them again, and is empty after any other.
    /// Without points it returns the ticket of the commit before.
    pub fn commit(&mut self) -> Result<Ticket, WriteError> {
        if self.is_empty() {
            return Ok(self.last);
        }
        let offered = self.len() as u64;
        let result = self.hand_over();
        let counters = &self.inner.counters;
        match &result {
            Ok(ticket) => {
                counters.points.fetch_add(offered, Relaxed);
                self.last = *ticket;
            }
            // Refused before any point was taken. Emptied, the next commit would succeed with nothing in it.
            Err(WriteError::Overloaded(_)) => {
                counters.refused.fetch_add(offered, Relaxed);
                return result;
            }
            Err(_) => {
                counters.refused.fetch_add(offered, Relaxed);
            }
        }
        self.staged.clear();
        self.cells.clear();
        self.named.clear();
        result
    }

    fn hand_over(&mut self) -> Result<Ticket, WriteError> {
        let inner = &*self.inner;
        inner.wait_for_head()?;
        inner.journal.wait_for_room()?;
        let now = (inner.options.clock)();
        // A flush that notes "all before here is stored" must not look between these two steps.
        let _gate = inner.gate.read();
        let points = self.staged.iter().map(|s| (&s.series, s.time, &s.value));
        let cells = self.cells.iter().map(|(series, cell)| (series, cell));
        let (ticket, segment) = inner.journal.append(now, points, cells, &self.named)?;
        let arrival = Arrival { segment: &segment, accepted: now, now, late: false };
        let mut grown = 0;
        for run in self.staged.chunk_by(|a, b| Arc::ptr_eq(&a.series, &b.series)) {
            if let Some(first) = run.first() {
                grown += inner.head.add(&first.series, run.iter().map(|s| (s.time, &s.value)), &arrival);
                inner.hooks.tell(&segment, &first.series, News::Points(run), &mut self.tsuid);
            }
        }
        for (series, cell) in self.cells.drain(..) {
            inner.hooks.tell(&segment, &series, News::Cell(&cell), &mut self.tsuid);
            grown += inner.loose.add(&series, cell, &segment, now, false);
        }
        for point in self.named.drain(..) {
            inner.named.push(point, now, segment.clone());
        }
        inner.grown(grown);
        Ok(ticket)
    }

    /// Points taken and not yet committed.
    pub fn len(&self) -> usize {
        self.staged.len() + self.cells.len() + self.named.len()
    }

    /// True with no points.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[inline]
fn check_numbers(point: &Point<'_>) -> Result<(), WriteError> {
    if !point.value.is_finite() {
        return Err(WriteError::Illegal(format!("value is NaN or Infinite: {:?} for timestamp={}", point.value, point.time.millis())));
    }
    match point.time {
        PointTime::Millis(ms) if !(1..=PointTime::MILLIS_MAX).contains(&ms) => {
            Err(WriteError::Illegal(format!("The timestamp was invalid: {ms}")))
        }
        _ => Ok(()),
    }
}
