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
pub(super) struct Weighed(Mutex<FxHashMap<Box<[u8]>, Finding>>);

impl Weighed {
    /// Whether such a scan is to be walked; `None`: that is to be weighed.
    pub(super) fn is_walk(&self, kind: &[u8]) -> Option<bool> {
        self.0.lock().get(kind).filter(|found| found.at.elapsed() < FRESH).map(|found| found.walk)
    }

    /// What a weighing found.
    pub(super) fn note(&self, kind: &[u8], walk: bool) {
        let mut kinds = self.0.lock();
        if kinds.len() >= KINDS_MAX {
            kinds.clear();
        }
        kinds.insert(kind.into(), Finding { walk, at: Instant::now() });
    }

    /// A finding that turned out wrong.
    pub(super) fn forget(&self, kind: &[u8]) {
        self.0.lock().remove(kind);
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
        assert_eq!(weighed.0.lock().len(), 1);
    }
}
