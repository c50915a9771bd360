//! How unlike two series are: 0 is the same. Vectors: kit `oculus/scores`.

use super::shape::range;
use super::warp::Warper;
use serde::{Deserialize, Serialize};

/// Both sides are scaled to so many points before they are compared.
pub const SCALE_POINTS: f64 = 25.0;

/// The score of a series without values.
pub const MISSING: f64 = 9_999_999.0;

/// How two series are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Sum of squared differences over the shorter length.
    Euclidian,
    /// Least sum of differences where both may be stretched (dynamic time warping), nearly.
    #[default]
    FastDtw,
}

impl Method {
    /// `fastdtw` in any case; everything else is Euclidian, as Oculus reads it.
    pub fn parse(text: &str) -> Method {
        if text.eq_ignore_ascii_case("fastdtw") { Method::FastDtw } else { Method::Euclidian }
    }
}

/// The values scaled from 0 to `points`; NaN for a flat series. NaN is left out.
pub(super) fn rescale(values: &[f64], points: f64, out: &mut Vec<f64>) {
    let (low, high) = range(values);
    let factor = points / (high - low);
    out.extend(values.iter().filter(|v| !v.is_nan()).map(|v| factor * (v - low)));
}

/// Sum of squared differences of two scaled series, over the shorter length; no root is taken.
pub fn euclidian(query: &[f64], candidate: &[f64]) -> f64 {
    query.iter().zip(candidate).fold(0.0, |sum, (a, b)| sum + (b - a) * (b - a))
}

/// A query, scaled once, to compare with many. One a thread.
#[derive(Debug)]
pub struct Scorer {
    method: Method,
    query: Vec<f64>,
    points: f64,
    warper: Warper,
    candidate: Vec<f64>,
}

impl Scorer {
    /// Compares with `query`, both scaled to `points` ([`SCALE_POINTS`]). `radius` is FastDTW's: larger is closer to the
    /// exact distance and slower.
    pub fn new(query: &[f64], method: Method, radius: usize, points: f64) -> Scorer {
        let mut scaled = Vec::new();
        rescale(query, points, &mut scaled);
        // Oculus leaves the first value out of this method on both sides, after scaling with it.
        let warper = Warper::new(scaled.get(1..).unwrap_or_default(), radius);
        Scorer { method, query: scaled, points, warper, candidate: Vec::new() }
    }

    /// The score of a series as it was measured.
    pub fn score(&mut self, values: &[f64]) -> f64 {
        let mut scaled = std::mem::take(&mut self.candidate);
        scaled.clear();
        rescale(values, self.points, &mut scaled);
        let score = self.score_scaled(&scaled);
        self.candidate = scaled;
        score
    }

    /// The score of a series that is scaled already.
    pub(super) fn score_scaled(&mut self, scaled: &[f64]) -> f64 {
        match self.method {
            _ if scaled.is_empty() || self.query.is_empty() => MISSING,
            Method::Euclidian => euclidian(&self.query, scaled),
            Method::FastDtw => self.warper.distance(scaled.get(1..).unwrap_or_default()).unwrap_or(MISSING),
        }
    }
}
