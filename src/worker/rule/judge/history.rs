//! The newest points of one series, as the judge keeps them.

use super::function::rates;
use super::{Test, Verdict};
use std::collections::VecDeque;

/// Up to `remain` points, newest first. Counts points, not time.
#[derive(Clone, Debug)]
pub struct History {
    points: VecDeque<(i64, f64)>,
    remain: usize,
}

impl History {
    /// Keeps the newest `remain` points; the original keeps 11.
    pub fn new(remain: usize) -> History {
        History { points: VecDeque::new(), remain: remain.max(1) }
    }

    /// False when the point is not newer than the newest, or not later than the epoch: it is dropped and must not be judged.
    pub fn push(&mut self, seconds: i64, value: f64) -> bool {
        if self.points.front().is_some_and(|(newest, _)| seconds <= *newest || seconds <= 0) {
            return false;
        }
        self.points.push_front((seconds, value));
        self.points.truncate(self.remain);
        true
    }

    /// Up to `most` points newest first, or rates between them; what there is when there is less.
    pub fn window(&self, most: usize, rate: bool) -> Vec<(i64, f64)> {
        if rate { rates(self.points.iter()).take(most).collect() } else { self.points.iter().copied().take(most).collect() }
    }

    /// The verdict of a test, and the time of the oldest point that counted. `None`: not enough points.
    pub fn judge(&self, test: &Test, rate: bool) -> Option<(Verdict, i64)> {
        let window = self.window(test.function.points(), rate);
        let values: Vec<f64> = window.iter().map(|(_, v)| *v).collect();
        Some((test.verdict(&values)?, window.last()?.0))
    }
}
