//! What is done in the background: reading names, what was written lately, the series of metrics that are in sight, and
//! those of all metrics. One thread, started by the first question; it sleeps when nobody asks.

use super::{Catalog, Inner};
use crate::uid::{Uid, UidKind};
use parking_lot::{Condvar, Mutex, RwLock};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the series of one metric are looked for at once.
const BRIEF_TIME: Duration = Duration::from_millis(300);
/// Least time between two looks at what was written lately, and how many times a look's cost passes between them.
const LATEST_EVERY: (Duration, u32) = (Duration::from_secs(2), 20);

/// What somebody waits for.
#[derive(Default)]
pub struct Wanted {
    /// Kinds whose names are read whole.
    pub load: Vec<UidKind>,
    /// Metrics in sight, the last asked first.
    pub brief: Vec<Uid>,
    /// What was written lately.
    pub latest: bool,
    /// All series.
    pub roll: bool,
}

/// The worker's list.
#[derive(Default)]
pub struct Tasks {
    wanted: Mutex<Wanted>,
    changed: Condvar,
    done: Mutex<()>,
    progress: Condvar,
}

impl Tasks {
    /// Waits until the worker has done something, or until then.
    pub fn wait_for_progress(&self, until: Instant) {
        // A look now and then, for what was done between the caller's look and this wait.
        let step = until.min(Instant::now() + Duration::from_millis(20));
        self.progress.wait_until(&mut self.done.lock(), step);
    }

    /// The worker looks up.
    pub fn wake(&self) {
        self.changed.notify_all();
    }
}

/// What was written lately, by metric.
#[derive(Default)]
pub struct Latest {
    metrics: RwLock<FxHashMap<Uid, i64>>,
    /// When it was last looked at, and how long that took.
    looked: Mutex<Option<(Instant, Duration)>>,
}

impl Latest {
    /// The newest instant of a metric, in milliseconds, if this process wrote it.
    pub fn of(&self, metric: Uid) -> Option<i64> {
        self.metrics.read().get(&metric).copied()
    }

    /// A point of a metric was found.
    pub fn note(&self, metric: Uid, newest: i64) {
        let mut metrics = self.metrics.write();
        let known = metrics.entry(metric).or_insert(newest);
        *known = newest.max(*known);
    }

    /// All of them.
    pub fn all(&self) -> parking_lot::RwLockReadGuard<'_, FxHashMap<Uid, i64>> {
        self.metrics.read()
    }

    /// True if it should be looked at again.
    pub fn is_old(&self) -> bool {
        self.looked.lock().is_none_or(|(then, cost)| then.elapsed() > LATEST_EVERY.0.max(cost * LATEST_EVERY.1))
    }

    /// Nobody has looked yet.
    pub fn is_new(&self) -> bool {
        self.looked.lock().is_none()
    }
}

impl Catalog {
    /// Adds to the worker's list, and starts the worker if there is none.
    pub(super) fn order(&self, add: impl FnOnce(&mut Wanted)) {
        add(&mut self.inner.tasks.wanted.lock());
        self.inner.tasks.wake();
        let mut worker = self.worker.lock();
        // One that ended in a panic has said so in the log, and has a successor.
        if worker.as_ref().is_none_or(JoinHandle::is_finished) {
            let inner = self.inner.clone();
            match std::thread::Builder::new().name("catalog".to_owned()).spawn(move || run(&inner)) {
                Ok(thread) => *worker = Some(thread),
                Err(error) => tracing::error!("no thread for the catalog: {error}"),
            }
        }
    }
}

fn run(inner: &Arc<Inner>) {
    while !inner.stop.load(Relaxed) {
        let wanted = {
            let mut wanted = inner.tasks.wanted.lock();
            let nothing = wanted.load.is_empty() && wanted.brief.is_empty() && !wanted.latest && !wanted.roll;
            if nothing {
                inner.tasks.changed.wait_for(&mut wanted, Duration::from_secs(1));
            }
            // One metric at a time: those in sight may be others by then.
            let brief: Vec<Uid> = wanted.brief.pop().into_iter().collect();
            let roll = brief.is_empty() && std::mem::take(&mut wanted.roll);
            Wanted { load: std::mem::take(&mut wanted.load), brief, latest: std::mem::take(&mut wanted.latest), roll }
        };
        for kind in wanted.load {
            if let Err(error) = inner.names(kind).load(&inner.uids, &inner.fresh, &inner.stop) {
                tracing::warn!("the names of {} cannot be read: {error}", kind.qualifier());
            }
            inner.tasks.progress.notify_all();
        }
        if wanted.latest {
            inner.look_at_latest();
        }
        for metric in wanted.brief {
            if let Err(error) = inner.read_brief(metric, BRIEF_TIME, &inner.stop) {
                tracing::debug!("series of metric {}: {error}", metric.to_hex());
            }
        }
        if wanted.roll {
            inner.call_roll();
        }
        inner.tasks.progress.notify_all();
    }
}

impl Inner {
    /// Notes the newest instant of each metric that was written here.
    pub(super) fn look_at_latest(&self) {
        let begun = Instant::now();
        let width = usize::from(self.options.layout.metric_width);
        let mut metrics: FxHashMap<Uid, i64> = FxHashMap::default();
        self.recent.each(&mut |tsuid, newest| {
            if let (Some(metric), Some(newest)) = (tsuid.get(..width).and_then(Uid::new), newest) {
                let known = metrics.entry(metric).or_insert(newest);
                *known = newest.max(*known);
            }
        });
        let mut all = self.latest.metrics.write();
        // What the cache of series has let go stays known.
        for (metric, newest) in metrics {
            let known = all.entry(metric).or_insert(newest);
            *known = newest.max(*known);
        }
        drop(all);
        *self.latest.looked.lock() = Some((begun, begun.elapsed()));
    }

    /// True while somebody waits for something quicker than what the worker does.
    pub(super) fn is_pressed(&self) -> bool {
        let wanted = self.tasks.wanted.lock();
        self.stop.load(Relaxed) || !wanted.load.is_empty() || !wanted.brief.is_empty() || wanted.latest
    }
}
