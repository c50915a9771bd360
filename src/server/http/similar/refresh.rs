//! Reads windows of the present anew by rounds, in a thread of its own: a search finds an index that is a round old at most,
//! and waits for none. Which windows: those that somebody searched lately, and with a worker inside the short one of
//! Skyline's settings, which Oculus' importer read.

use super::window::{Pace, Windows};
use crate::clock;
use crate::query::engine::Cancel;
use crate::tsd::Tsd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the thread looks whether it shall end.
const TICK: Duration = Duration::from_millis(100);

/// The thread; ends when this is dropped.
pub struct Refresh(Option<(Cancel, JoinHandle<()>)>);

impl Refresh {
    /// Starts it, if the settings want rounds.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(tsd: &Arc<Tsd>) -> std::io::Result<Refresh> {
        let Some(round) = Pace::of(&tsd.settings).round else { return Ok(Refresh(None)) };
        let cancel = Cancel::default();
        let (tsd, own) = (tsd.clone(), cancel.clone());
        let thread = std::thread::Builder::new().name("similar".into()).spawn(move || rounds(&tsd, round, &own))?;
        Ok(Refresh(Some((cancel, thread))))
    }
}

impl Drop for Refresh {
    fn drop(&mut self) {
        if let Some((cancel, thread)) = self.0.take() {
            cancel.store(true, Relaxed);
            if thread.join().is_err() {
                tracing::error!("the thread of similar series ended in a panic");
            }
        }
    }
}

fn rounds(tsd: &Tsd, round: Duration, cancel: &Cancel) {
    let always = tsd.settings.worker_enable.then(|| tsd.settings.worker_skyline_mini_duration.saturating_mul(1_000));
    let mut next = Instant::now();
    while !cancel.load(Relaxed) {
        if Instant::now() < next {
            std::thread::sleep(TICK.min(next.saturating_duration_since(Instant::now())));
            continue;
        }
        tsd.kept.of::<Windows>().round(tsd, always, clock::now_ms(), cancel);
        // A round that takes long is not followed by those that it made late.
        next = (next + round).max(Instant::now());
    }
}
