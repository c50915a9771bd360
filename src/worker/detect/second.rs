//! Is it strange that this series is strange again? Skyline's optional second order (`ENABLE_SECOND_ORDER`).
//!
//! A series that triggers at regular intervals says nothing new. Vectors: kit `skyline/second_order`.

use super::sums::Moments;
use serde::{Deserialize, Serialize};

/// One time at which a series was found anomalous.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Trigger {
    /// Seconds since the epoch.
    pub at: f64,
    /// Its last value then.
    pub datapoint: f64,
}

/// The same value within so many seconds is the same trigger.
const SAME_WITHIN: f64 = 300.0;

/// Takes a new trigger into `history` (oldest first), and says whether it is worth telling: the first of all, and one
/// whose distance from the one before lies more than three deviations from the mean distance. The caller bounds the history.
pub fn second_order(history: &mut Vec<Trigger>, now: f64, datapoint: f64) -> bool {
    let new = Trigger { at: now, datapoint };
    let Some(last) = history.last().copied() else {
        history.push(new);
        return true;
    };
    if last.datapoint == datapoint && now - last.at <= SAME_WITHIN {
        return false;
    }
    history.push(new);
    let intervals: Vec<f64> = history.windows(2).map(|pair| pair.iter().fold(0.0, |before, t| t.at - before)).collect();
    let moments = Moments::of(&intervals);
    (now - last.at - moments.mean).abs() > 3.0 * moments.sample_std()
}
