//! Who is told of points that come in: meta data, trees, publishers.
//!
//! A hook counts in [`Arrivals::arrived`] and works in [`Arrivals::settle`], on a thread of its own. What was told and not
//! yet settled keeps its journal segments, and a note in the journal says up to which place all is settled: after a kill
//! each point is told again if its work was not done, and only then. So counters end right, and hooks need no bound of
//! their own: what they hold is bounded by the journal.
//!
//! Points of new names are told when their names have ids, wherever in the journal they stand.

use super::batch::Staged;
use super::journal::{NewCell, Segment, Stored};
use super::series::Series;
use super::{Inner, WriteError};
use crate::codec::Qualifier;
use crate::point::{Number, PointTime};
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time between two looks whether a hook presses.
const LOOK: Duration = Duration::from_millis(100);
/// Time between two rounds when nothing presses. A round that takes long makes it longer, so that hooks have at most a
/// quarter of one thread's time.
const ROUND: Duration = Duration::from_secs(1);
/// First and longest pause after a round that failed.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Points of one series that were taken together; or one value of another kind that goes to the data table (a histogram).
pub struct Arrived<'a> {
    /// The series.
    pub tsuid: &'a [u8],
    news: News<'a>,
}

/// What came of a series.
pub enum News<'a> {
    Points(&'a [Staged]),
    Point(PointTime, &'a Stored),
    Cell(&'a NewCell),
}

impl Arrived<'_> {
    /// How many.
    pub fn count(&self) -> usize {
        match self.news {
            News::Points(points) => points.len(),
            News::Point(..) | News::Cell(_) => 1,
        }
    }

    /// The newest instant, in milliseconds; of a value of another kind the start of its row.
    pub fn newest(&self) -> i64 {
        match &self.news {
            News::Points(points) => points.iter().map(|point| point.time.millis()).max().unwrap_or(0),
            News::Point(time, _) => time.millis(),
            News::Cell(cell) => i64::from(cell.base) * 1000,
        }
    }

    /// Each plain point, in the order in which they were given.
    pub fn points(&self) -> impl Iterator<Item = (PointTime, Number)> {
        let (many, one) = match self.news {
            News::Points(points) => (points, None),
            News::Point(time, value) => (&[][..], Some((time, value))),
            News::Cell(_) => (&[][..], None),
        };
        let all = many.iter().map(|point| (point.time, &point.value)).chain(one);
        all.filter_map(|(time, value)| Some((time, Qualifier::new(time, value.flags).read(value.as_bytes())?)))
    }

    /// A value of another kind: the base time of its row in seconds, the qualifier, the bytes.
    pub fn cell(&self) -> Option<(u32, &[u8], &[u8])> {
        match &self.news {
            News::Cell(cell) => Some((cell.base, &cell.qualifier, &cell.value)),
            _ => None,
        }
    }
}

/// Is told of every point that is taken.
pub trait Arrivals: Send + Sync {
    /// Points of a series were taken: visible, and in the journal. Called under locks of the way in: note and return.
    fn arrived(&self, points: &Arrived<'_>);

    /// True: the next round should not wait (a series nobody has seen before).
    fn is_pressing(&self) -> bool {
        false
    }

    /// Sets apart what was told until now. No batch is half told meanwhile: note and return.
    fn cut(&self) {}

    /// Does what the points before the last `cut` ask for. May block on the store. After an error it is called again.
    ///
    /// # Errors
    /// Only if trying again can help: what can never be done must not hold the journal.
    fn settle(&self) -> Result<(), WriteError> {
        Ok(())
    }
}

/// The hooks of a writer, and what keeps the journal for them.
pub struct Hooks {
    all: Vec<Arc<dyn Arrivals>>,
    /// The oldest segment with points that were told and are not settled.
    unsettled: Mutex<Option<Arc<Segment>>>,
    stage: Mutex<Stage>,
    wake: Condvar,
}

/// Where the thread of the hooks stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Runs,
    /// One more round, then the end.
    Ending,
    /// The end, without another round.
    Abandoned,
    Ended,
}

impl Hooks {
    pub fn new(all: Vec<Arc<dyn Arrivals>>) -> Hooks {
        Hooks { all, unsettled: Mutex::default(), stage: Mutex::new(Stage::Runs), wake: Condvar::new() }
    }

    /// True where nobody wants to be told.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Tells of what came of one series. Rolled-up values and the like, which have tables of their own, are no news.
    #[inline]
    pub fn tell(&self, segment: &Arc<Segment>, series: &Series, news: News<'_>, tsuid: &mut Vec<u8>) {
        if !self.is_empty() {
            self.tell_all(segment, series, news, tsuid);
        }
    }

    fn tell_all(&self, segment: &Arc<Segment>, series: &Series, news: News<'_>, tsuid: &mut Vec<u8>) {
        if matches!(news, News::Cell(cell) if !cell.table.is_empty()) {
            return;
        }
        tsuid.clear();
        series.key.write_tsuid(tsuid);
        self.keep(segment);
        let arrived = Arrived { tsuid, news };
        self.all.iter().for_each(|hook| hook.arrived(&arrived));
    }

    fn keep(&self, segment: &Arc<Segment>) {
        let mut unsettled = self.unsettled.lock();
        if unsettled.as_ref().is_none_or(|kept| kept.seq > segment.seq) {
            *unsettled = Some(segment.clone());
        }
    }

    /// Ends the thread after a last round, and waits for that.
    pub fn finish(&self, deadline: Duration) {
        let until = Instant::now() + deadline;
        let mut stage = self.stage.lock();
        if self.is_empty() || *stage != Stage::Runs {
            return;
        }
        *stage = Stage::Ending;
        self.wake.notify_all();
        while *stage != Stage::Ended {
            if self.wake.wait_until(&mut stage, until).timed_out() {
                tracing::warn!("the work behind new points is not done within {deadline:?}; the journal keeps them");
                return;
            }
        }
    }

    /// Ends the thread as soon as it looks.
    pub fn abandon(&self) {
        let mut stage = self.stage.lock();
        if *stage != Stage::Ended {
            *stage = Stage::Abandoned;
        }
        self.wake.notify_all();
    }

    /// Waits for the next round.
    fn sleep(&self, next: Instant, failing: bool) -> Stage {
        let mut stage = self.stage.lock();
        loop {
            let now = Instant::now();
            if *stage != Stage::Runs || now >= next {
                return *stage;
            }
            let timed_out = self.wake.wait_until(&mut stage, next.min(now + LOOK)).timed_out();
            if timed_out && !failing && self.all.iter().any(|hook| hook.is_pressing()) {
                return *stage;
            }
        }
    }
}

/// The thread of the hooks.
pub fn run(inner: Arc<Inner>) {
    let mut failures = 0u32;
    let mut next = Instant::now() + ROUND;
    loop {
        let stage = inner.hooks.sleep(next, failures > 0);
        if stage == Stage::Abandoned {
            return;
        }
        let started = Instant::now();
        match round(&inner) {
            Ok(()) if failures > 0 => {
                tracing::info!("the work behind new points goes on");
                failures = 0;
            }
            Ok(()) => {}
            Err(error) => {
                if failures == 0 {
                    tracing::warn!("the work behind new points (meta data, trees) waits: {error}");
                }
                failures += 1;
            }
        }
        if stage == Stage::Ending {
            *inner.hooks.stage.lock() = Stage::Ended;
            inner.hooks.wake.notify_all();
            return;
        }
        let pause =
            if failures > 0 { BACKOFF.0.saturating_mul(1 << failures.min(10)).min(BACKOFF.1) } else { ROUND.max(started.elapsed() * 3) };
        next = Instant::now() + pause;
    }
}

/// One round: everything told before it is settled after it.
fn round(inner: &Inner) -> Result<(), WriteError> {
    let hooks = &inner.hooks;
    let (place, kept) = {
        let _gate = inner.gate.write();
        hooks.all.iter().for_each(|hook| hook.cut());
        (inner.journal.place(), hooks.unsettled.lock().take())
    };
    let mut result = Ok(());
    for hook in &hooks.all {
        let settled = hook.settle();
        if result.is_ok() {
            result = settled;
        }
    }
    match (&result, kept) {
        (Ok(()), _) => inner.journal.append_told(place),
        (Err(_), Some(segment)) => hooks.keep(&segment),
        (Err(_), None) => {}
    }
    result
}
