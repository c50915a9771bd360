//! When will a limit be reached? "The disk is full in 4 h."

use super::sums::{sum_by, sum_pairs};
use super::{Finding, Sight};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};

/// A limit, and how early a series that runs towards it is told.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The value that must not be reached.
    pub limit: f64,
    /// Is the limit below the series (free bytes), not above it (used bytes)?
    #[serde(default)]
    pub falling: bool,
    /// A series that reaches the limit within so many seconds is anomalous.
    pub horizon: f64,
    /// A line is fitted to the points of so many last seconds.
    #[serde(default = "span")]
    pub span: f64,
    /// The line must explain at least this part of the movement (0 to 1); noise has no direction.
    #[serde(default = "fit")]
    pub fit: f64,
}

fn span() -> f64 {
    6.0 * 3_600.0
}

fn fit() -> f64 {
    0.5
}

/// Fewest points that have a direction.
const POINTS_MIN: usize = 5;

/// Where a series goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// The limit.
    pub limit: f64,
    /// Seconds from now until the line reaches it; 0: it is reached; infinite: never.
    pub seconds: f64,
    /// The same if the line is as steep as it may be, at two standard errors.
    pub soonest: f64,
    /// The same if the line is as flat as it may be.
    pub latest: f64,
    /// Change a second.
    pub slope: f64,
    /// Value of the line now.
    pub level: f64,
    /// Which part of the movement the line explains: 0 to 1.
    pub fit: f64,
}

impl Limit {
    /// Fits the line; nothing for too few points.
    pub fn forecast(&self, sight: &mut Sight<'_>) -> Option<Forecast> {
        let from = sight.now - self.span;
        let (times, values) = (&mut sight.scratch.values, &mut sight.scratch.others);
        times.clear();
        values.clear();
        let points = sight.window.times.iter().zip(sight.window.values);
        for (t, v) in points.filter(|(t, v)| **t > from && v.is_finite()) {
            times.push(*t - sight.now);
            values.push(*v);
        }
        let last = *values.last()?;
        let n = values.len() as f64;
        let (t_mean, v_mean) = (sum_by(times, |t| t) / n, sum_by(values, |v| v) / n);
        let across = sum_by(times, |t| (t - t_mean).powi(2));
        if values.len() < POINTS_MIN || across <= 0.0 {
            return None;
        }
        let slope = sum_pairs(times, values, &|t, v| (t - t_mean) * (v - v_mean)) / across;
        let level = v_mean - slope * t_mean;
        let movement = sum_by(values, |v| (v - v_mean).powi(2));
        let noise = sum_pairs(times, values, &|t, v| (v - level - slope * t).powi(2));
        let error = (noise / (n - 2.0) / across).sqrt();
        let fit = if movement > 0.0 { (1.0 - noise / movement).max(0.0) } else { 0.0 };
        let sign = if self.falling { -1.0 } else { 1.0 };
        let left = if (last - self.limit) * sign >= 0.0 { 0.0 } else { (self.limit - level) * sign };
        let until = |slope: f64| match slope * sign {
            _ if left <= 0.0 => 0.0,
            speed if speed > 0.0 => left / speed,
            _ => f64::INFINITY,
        };
        let (steep, flat) = (slope + 2.0 * sign * error, slope - 2.0 * sign * error);
        Some(Forecast { limit: self.limit, seconds: until(slope), soonest: until(steep), latest: until(flat), slope, level, fit })
    }

    /// Is the limit reached within the horizon?
    pub fn judge(&self, sight: &mut Sight<'_>) -> Finding {
        let Some(f) = self.forecast(sight) else { return Finding::new(false, &[]) };
        let soon = f.seconds <= self.horizon && (f.fit >= self.fit || f.seconds == 0.0);
        let numbers = [("limit", f.limit), ("seconds", f.seconds), ("soonest", f.soonest), ("latest", f.latest)];
        let mut finding = Finding::new(soon, &numbers);
        [("slope", f.slope), ("level", f.level), ("fit", f.fit)].iter().for_each(|(name, v)| finding.numbers.push(name, *v));
        finding
    }
}

impl Display for Forecast {
    /// "reaches 100 in 4 h 3 min".
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.seconds <= 0.0 {
            return write!(f, "has reached {}", self.limit);
        }
        // What lies further away than a year is not forecast from hours.
        if self.seconds > 365.0 * 86_400.0 {
            return write!(f, "does not run towards {}", self.limit);
        }
        let minutes = (self.seconds / 60.0).round() as u64;
        let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
        write!(f, "reaches {} in ", self.limit)?;
        match (days, hours) {
            (0, 0) => write!(f, "{minutes} min"),
            (0, _) => write!(f, "{hours} h {minutes} min"),
            _ => write!(f, "{days} d {hours} h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::detect::{Scratch, Verdict, Window};

    const FULL: Limit = Limit { limit: 100.0, falling: false, horizon: 5.0 * 3600.0, span: 6.0 * 3600.0, fit: 0.5 };

    fn look(limit: Limit, value: impl Fn(f64) -> f64) -> (Finding, Option<String>) {
        let times: Vec<f64> = (0..600).map(|i| 1.7e9 - f64::from(599 - i) * 60.0).collect();
        let values: Vec<f64> = times.iter().map(|t| value((t - 1.7e9) / 3600.0)).collect();
        let mut scratch = Scratch::default();
        let mut sight = Sight::new(Window { times: &times, values: &values }, 1.7e9, 86_400.0, &mut scratch);
        (limit.judge(&mut sight), limit.forecast(&mut sight).map(|f| f.to_string()))
    }

    #[track_caller]
    fn check(limit: Limit, value: impl Fn(f64) -> f64, verdict: Verdict, text: &str) {
        let (finding, said) = look(limit, value);
        assert_eq!((finding.verdict, said.as_deref()), (verdict, Some(text)));
    }

    #[test]
    fn limits() {
        let wave = |h: f64| (h * 40.0).sin();
        check(FULL, |h| 80.0 + 5.0 * h + wave(h) * 0.1, Verdict::Anomalous, "reaches 100 in 4 h 0 min");
        check(FULL, |h| 50.0 + h, Verdict::Normal, "reaches 100 in 2 d 2 h");
        check(FULL, |h| 99.0 + 30.0 * h, Verdict::Anomalous, "reaches 100 in 2 min");
        check(FULL, |h| 90.0 - h, Verdict::Normal, "does not run towards 100");
        check(FULL, |_| 99.9, Verdict::Normal, "does not run towards 100");
        check(FULL, |h| 101.0 + h, Verdict::Anomalous, "has reached 100");
        let empty = Limit { limit: 0.0, falling: true, ..FULL };
        check(empty, |h| 10.0 - 5.0 * h, Verdict::Anomalous, "reaches 0 in 2 h 0 min");
        check(empty, |h| 10.0 + 5.0 * h, Verdict::Normal, "does not run towards 0");
        // Only the last six hours count: before them it fell.
        check(FULL, |h| if h < -7.0 { 99.0 } else { 80.0 + 5.0 * h }, Verdict::Anomalous, "reaches 100 in 4 h 0 min");
        // Noise that happens to point upwards.
        assert_eq!(look(FULL, |h| 90.0 + 0.5 * h + 8.0 * wave(h)).0.verdict, Verdict::Normal);
    }

    #[test]
    fn how_sure() {
        let (finding, _) = look(FULL, |h| 80.0 + 5.0 * h + (h * 40.0).sin());
        let get = |name| finding.numbers.get(name).unwrap();
        assert!(get("soonest") < get("seconds") && get("seconds") < get("latest") && get("latest") < 5.0 * 3600.0);
        assert!(get("fit") > 0.9);
    }

    #[test]
    fn too_little() {
        let mut scratch = Scratch::default();
        let mut sight = Sight::new(Window { times: &[1.0, 2.0], values: &[1.0, 2.0] }, 2.0, 86_400.0, &mut scratch);
        assert_eq!(FULL.forecast(&mut sight), None);
        assert_eq!(FULL.judge(&mut sight).verdict, Verdict::Normal);
    }
}
