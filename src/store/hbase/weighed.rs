//! Which filtered scans are walked quicker than leapt over, as it was weighed lately: most questions come again and again,
//! and weighing costs as much as a small answer.

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::time::{Duration, Instant};

/// How long a weighing counts.
const FRESH: Duration = Duration::from_secs(60);
/// Kinds of scans that are remembered at most; with more all are forgotten.
const KINDS_MAX: usize = 10_000;

/// What a weighing found.
struct Finding {
    walk: bool,
    at: Instant,
}

/// Kinds of scans, and what was found for each.
#[derive(Default)]
pub(super) struct Weighed {
    kinds: Mutex<FxHashMap<Box<[u8]>, Finding>>,
    opened: Mutex<Option<(Duration, Instant)>>,
}

impl Weighed {
    /// Notes how long it took to open a scanner and read a row; the shortest such time lately.
    ///
    /// What opening costs is not how long one had to wait for it: while other scans keep the gateway busy that is many times as
    /// much, and rows would be walked that should be leapt over, which keeps it busy.
    pub(super) fn opened(&self, took: Duration) -> Duration {
        let mut least = self.opened.lock();
        let (time, at) = least.filter(|(time, at)| *time <= took && at.elapsed() < FRESH).unwrap_or((took, Instant::now()));
        *least = Some((time, at));
        time
    }

    /// Whether such a scan is to be walked; `None`: that is to be weighed.
    pub(super) fn is_walk(&self, kind: &[u8]) -> Option<bool> {
        self.kinds.lock().get(kind).filter(|found| found.at.elapsed() < FRESH).map(|found| found.walk)
    }

    /// What a weighing found.
    pub(super) fn note(&self, kind: &[u8], walk: bool) {
        let mut kinds = self.kinds.lock();
        if kinds.len() >= KINDS_MAX {
            kinds.clear();
        }
        kinds.insert(kind.into(), Finding { walk, at: Instant::now() });
    }

    /// A finding that turned out wrong.
    pub(super) fn forget(&self, kind: &[u8]) {
        self.kinds.lock().remove(kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_and_taken_back() {
        let weighed = Weighed::default();
        assert_eq!(weighed.is_walk(b"a"), None);
        weighed.note(b"a", true);
        assert_eq!(weighed.is_walk(b"a"), Some(true));
        weighed.note(b"a", false);
        assert_eq!(weighed.is_walk(b"a"), Some(false));
        weighed.forget(b"a");
        assert_eq!(weighed.is_walk(b"a"), None);
        (0..=KINDS_MAX).for_each(|n| weighed.note(&n.to_be_bytes(), true));
        assert_eq!(weighed.kinds.lock().len(), 1);
    }

    #[test]
    fn waiting_for_others_is_not_the_cost_of_opening() {
        let weighed = Weighed::default();
        let ms = Duration::from_millis;
        assert_eq!([4, 2, 80, 3, 1].map(|took| weighed.opened(ms(took))), [4, 2, 2, 2, 1].map(ms));
    }
}
