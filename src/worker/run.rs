//! A worker at work: beats of its lease, looks of the detectors, and the thread that changes alerts (`rules.rs`). Others read
//! and judge.

use super::anomalies::{self, Watch};
use super::hands::plain_word;
use super::house::{House, OwnPoint};
use super::options::Options;
use super::rounds::Rounds;
use super::rules::Rules;
use super::share::{Look, Share};
use crate::clock;
use crate::desk::Desk;
use crossbeam_channel::{Sender, bounded, unbounded};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How often messages are looked after between rounds.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// What a worker works with.
pub struct Worker {
    /// Where series are.
    pub house: Arc<dyn House>,
    /// Where alerts are.
    pub desk: Desk,
    /// Settings.
    pub options: Options,
    /// This machine, for names and tags.
    pub host: String,
    /// Set from outside to end it.
    pub stop: Arc<AtomicBool>,
}

impl Worker {
    /// Works until it is told to stop.
    ///
    /// # Errors
    /// A thread cannot be had, or a setting is wrong.
    pub fn run(self) -> std::io::Result<()> {
        // A table that is missing will not come by itself; one that cannot be reached may.
        if matches!(self.desk.is_there(), Ok(false)) {
            let table = self.desk.table();
            return Err(std::io::Error::other(format!(
                "there is no table {table}, where workers keep alerts: make it with `tsdb create-tables`, or name one that exists by \
                 tsd.storage.worker.table"
            )));
        }
        let name = Share::name(&self.host, std::process::id(), clock::now_ms());
        let share = Arc::new(Mutex::new(Share::new(name.clone(), self.options.interval, clock::now_s())));
        let (looks, looked) = unbounded::<Result<Look, String>>();
        let (finds, found) = bounded::<anomalies::Found>(1);
        let watch = Watch::new(self.options.detect.clone()).map_err(std::io::Error::other)?;
        tracing::info!("worker {name} on {}", self.house.describe());
        std::thread::scope(|scope| {
            let builder = |name: &str| std::thread::Builder::new().name(name.to_owned());
            let mut rules = Rules::new(&self, &share, &name)?;
            builder("worker beat").spawn_scoped(scope, || self.beats(&share, &looks))?;
            if !self.options.detect.metrics.is_empty() {
                builder("worker detect").spawn_scoped(scope, || self.looks(watch, &share, &finds))?;
            }
            let result = rules.work(&looked, &found);
            // The others end with this one, also when it failed.
            self.stop.store(true, Relaxed);
            result
        })?;
        if let Err(error) = share.lock().leave(&self.desk) {
            tracing::warn!("the lease stays until others see that it is silent: {error}");
        }
        Ok(())
    }

    fn beats(&self, share: &Mutex<Share>, looks: &Sender<Result<Look, String>>) {
        let pause = share.lock().pause();
        while !self.stop.load(Relaxed) {
            let look = share.lock().beat(&self.desk, clock::now_s(), Instant::now());
            let _ = looks.send(look.map_err(|error| error.to_string()));
            self.sleep(pause);
        }
    }

    fn sleep(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.stop.load(Relaxed) && Instant::now() < until {
            std::thread::sleep(TICK.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// The detectors' rounds.
    fn looks(&self, mut watch: Watch, share: &Mutex<Share>, finds: &Sender<anomalies::Found>) {
        let mut rounds = Rounds::new(self.options.detect.interval);
        if let Err(error) = watch.remember(&self.desk, clock::now_s()) {
            tracing::warn!("what was anomalous before is not known: {error}");
        }
        while !self.stop.load(Relaxed) {
            let Some(round) = rounds.due(clock::now_ms(), Instant::now()) else {
                self.sleep(rounds.pause(clock::now_ms()).min(Duration::from_secs(1)));
                continue;
            };
            if round.skipped > 0 {
                tracing::warn!("{} looks of the detectors are left out: the last one took too long", round.skipped);
            }
            let begun = Instant::now();
            let ring = share.lock().ring().clone();
            let me = share.lock().me().to_owned();
            let parts = self.house.parts();
            let mine = |metric: &str, part: u32| ring.owner(&anomalies::share_name(metric, part, parts)) == Some(me.as_str());
            let now = round.now - self.options.delay_s;
            let mut found = watch.look(self.house.as_ref(), now, self.options.threads, &mine, &self.stop, &mut |_, _, _| {});
            found.list.round = rounds.length_s();
            tracing::debug!("looked at {} series, {} are anomalous", found.list.looked_at, found.list.series.len());
            if let Some(why) = &found.away {
                tracing::warn!("the detectors cannot look: {why}");
            }
            for (metric, why) in &found.troubles {
                tracing::warn!("the detectors cannot look at {metric}: {why}");
            }
            if let Err(error) = anomalies::publish(&self.desk, &me, &found.list) {
                tracing::warn!("what is anomalous is not written down: {error}");
            }
            let number = |name: &str, value: f64| self.own(&format!("tsdb.worker.detect.{name}"), round.now, value);
            let (run, total) = (begun.elapsed().as_secs_f64(), found.list.looked_at as f64);
            let mut points =
                vec![number("run_time", run), number("total_analyzed", total), number("anomalies", found.list.series.len() as f64)];
            if let Some(hours) = found.covered_s.map(|seconds| seconds / 3_600.0).filter(|hours| *hours > 0.0) {
                points.extend([number("duration", hours), number("projected", 24.0 * run / hours)]);
            }
            self.put(&points);
            if finds.send(found).is_err() {
                return;
            }
        }
    }

    pub(super) fn own(&self, metric: &str, at: i64, value: f64) -> OwnPoint {
        OwnPoint { metric: metric.to_owned(), at, value, tags: [("host".to_owned(), plain_word(&self.host))].into() }
    }

    pub(super) fn put(&self, points: &[OwnPoint]) {
        if self.options.points
            && let Err(error) = self.house.put(points)
        {
            tracing::debug!("own points are not written: {error}");
        }
    }
}
