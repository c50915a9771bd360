//! From the head to the store: one thread decides when, `pass.rs` what, `rows.rs` how rows become cells.
//!
//! A pass takes rows, writes them with a few threads at once and waits for all of them, so no row is in two flushes.
//! What fails stays in the head and in the journal; the next pass waits longer each time, with jitter.

mod append;
pub mod compact;
mod loose;
mod packed;
mod pass;
mod rows;
mod single;

use super::{Inner, WriteError};
use pass::{Outcome, Wanted};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// First and longest pause after a failed pass.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Longest time between two looks at the head where rows wait until they are full or old.
const PACKED_LOOK: Duration = Duration::from_millis(500);
/// Time between two looks at the bounds of head and journal; passes to make room are at least this far apart.
const ROOM_LOOK: Duration = Duration::from_millis(100);

/// What the flush thread is asked to do.
#[derive(Default)]
pub struct Control {
    /// Full flushes asked for and done, counted.
    wanted: u64,
    done: u64,
    /// Why the last pass failed.
    failure: Option<String>,
    /// The thread ends.
    pub stop: bool,
}

impl Control {
    /// The store did not take the last pass.
    pub fn failing(&self) -> bool {
        self.failure.is_some()
    }
}

/// Asks for everything to be stored, and waits.
pub fn request(inner: &Inner, deadline: Duration) -> Result<(), WriteError> {
    let mut control = inner.control.lock();
    control.wanted += 1;
    let (mine, until) = (control.wanted, Instant::now() + deadline);
    inner.control_changed.notify_all();
    while control.done < mine {
        if control.stop {
            return Err(WriteError::Failed("this TSD is stopping".to_owned()));
        }
        if inner.control_changed.wait_until(&mut control, until).timed_out() && control.done < mine {
            let why = control.failure.clone().unwrap_or_else(|| "the store is slow".to_owned());
            return Err(WriteError::Failed(format!("not stored within {deadline:?}: {why}")));
        }
    }
    Ok(())
}

/// The flush thread.
pub fn run(inner: &Arc<Inner>) {
    let interval = match inner.options.cells {
        super::Cells::Packed => PACKED_LOOK.min(Duration::from_millis(inner.options.flush_interval.max(1))),
        _ => Duration::from_millis(inner.options.flush_interval.max(1)),
    };
    let mut failures = 0u32;
    let mut next = Instant::now() + interval;
    loop {
        let Some(wanted) = sleep(inner, next, failures) else { return };
        let started = Instant::now();
        let settled = inner.named.settle(inner, &inner.aside);
        let mut failed = (!settled).then(|| format!("{} points wait for ids of their names", inner.named.len()));
        let passes = inner.passes.lock();
        let what = if wanted.is_some() { Wanted::All } else { Wanted::Due };
        match pass::run(inner, what) {
            Outcome::Failed(why) => failed = Some(why),
            Outcome::Stored => {
                // The points are stored; segments that cannot be removed only take room.
                if let Err(error) = inner.journal.free(|| inner.store.sync()) {
                    tracing::warn!("{error}");
                }
            }
        }
        drop(passes);
        if wanted.is_some() && failed.is_none() {
            failed = inner.store.sync().err().map(|e| e.to_string());
        }
        report(inner, wanted, &failed);
        failures = if failed.is_some() { failures + 1 } else { 0 };
        next = match failures {
            0 => started + interval,
            n => Instant::now() + backoff(n),
        };
    }
}

fn report(inner: &Inner, wanted: Option<u64>, failed: &Option<String>) {
    inner.counters.passes.fetch_add(1, Relaxed);
    let mut control = inner.control.lock();
    match (failed, &control.failure) {
        (Some(why), None) => tracing::warn!("points wait for the store: {why}"),
        (None, Some(_)) => tracing::info!("the store takes points again"),
        _ => {}
    }
    control.failure = failed.clone();
    match failed {
        Some(_) => {
            inner.counters.failed_passes.fetch_add(1, Relaxed);
        }
        None => control.done = wanted.unwrap_or(control.done).max(control.done),
    }
    inner.control_changed.notify_all();
    inner.head_room.notify_all();
}

/// Waits for the next pass, and gives the number of the full flush that is asked for, if one is. `None`: stop. During an
/// outage requests wait for the pause to end too.
fn sleep(inner: &Inner, next: Instant, failures: u32) -> Option<Option<u64>> {
    let mut control = inner.control.lock();
    let room = Instant::now() + ROOM_LOOK;
    loop {
        if control.stop {
            return None;
        }
        let wanted = (control.wanted > control.done).then_some(control.wanted);
        let now = Instant::now();
        let pressed = now >= room && (inner.head.bytes() > inner.options.head_bytes || inner.journal.pressure().is_some());
        if failures == 0 && (wanted.is_some() || pressed) || now >= next {
            return Some(wanted);
        }
        inner.control_changed.wait_until(&mut control, next.min(now + ROOM_LOOK));
    }
}

fn backoff(failures: u32) -> Duration {
    use std::hash::BuildHasher;
    let base = BACKOFF.0.saturating_mul(1 << failures.min(10)).min(BACKOFF.1);
    // Half of it is chance, so that several TSDs do not come back at once.
    let chance = std::hash::RandomState::new().hash_one(failures) % 1_000;
    base / 2 + base.mul_f64(chance as f64 / 2_000.0)
}
