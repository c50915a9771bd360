//! Earlier triggers of series, for Skyline's second order: a series that triggers by habit is no news. They live in this
//! process; after a restart the first trigger of each series is news again.

use super::detect::{Trigger, second_order};
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Series whose triggers are remembered; of further ones each trigger is news.
const SERIES_MAX: usize = 100_000;

/// So many triggers of a series are kept; the oldest go.
const TRIGGERS_MAX: usize = 1_000;

/// The triggers of many series. Shared between threads.
#[derive(Debug, Default)]
pub struct Habits(Mutex<BTreeMap<Vec<u8>, Vec<Trigger>>>);

impl Habits {
    /// Takes a trigger of a series at `now` (seconds), and says whether it is worth telling.
    pub fn is_news(&self, series: Vec<u8>, now: i64, value: f64) -> bool {
        let mut known = self.0.lock();
        if known.len() >= SERIES_MAX && !known.contains_key(&series) {
            return true;
        }
        let history = known.entry(series).or_default();
        let news = second_order(history, now as f64, value);
        history.drain(..history.len().saturating_sub(TRIGGERS_MAX));
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_has_habits_of_its_own() {
        let habits = Habits::default();
        let news = |series: &[u8], now: i64| habits.is_news(series.to_vec(), now, now as f64);
        assert!(news(b"a", 0));
        assert!(!news(b"a", 3_600) && !news(b"a", 7_200));
        assert!(news(b"b", 7_200), "the first of another one");
    }

    #[test]
    fn histories_are_bounded() {
        let habits = Habits::default();
        for i in 0..3_000_i64 {
            habits.is_news(b"a".to_vec(), i * 1_000, i as f64);
        }
        let kept = habits.0.lock().get(&b"a".to_vec()).cloned().unwrap();
        assert_eq!((kept.len(), kept.last().unwrap().datapoint), (TRIGGERS_MAX, 2999.0));
        assert!(habits.is_news(b"a".to_vec(), 2_999 * 1_000 + 5_000, 1.0), "after a thousand even intervals a longer one is news");
    }
}
