//! Pieces of work side by side.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Does `work` on each item, on up to `threads` of them at once, and gives what came of them in their order. Each thread has a
/// state of its own, which `work` may keep things in. After a failure nothing more is begun; the first in order is told.
pub fn abreast<T: Sync, S: Default, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&mut S, &T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done: Mutex<BTreeMap<usize, Result<R, E>>> = Mutex::default();
    let turns = || {
        let mut state = S::default();
        while let Some((at, item)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?))) {
            if failed.load(Ordering::Relaxed) {
                break;
            }
            let result = work(&mut state, item);
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            done.lock().insert(at, result);
        }
    };
    std::thread::scope(|scope| {
        (1..threads.min(items.len())).for_each(|_| drop(scope.spawn(turns)));
        turns();
    });
    done.into_inner().into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_their_order_and_no_more_than_so_many_at_once() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let items: Vec<usize> = (0..50).collect();
        let got = abreast(&items, 3, |_: &mut (), item| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            Ok::<usize, ()>(item * 2)
        });
        assert_eq!(got, Ok(items.iter().map(|item| item * 2).collect()));
        assert!((1..=3).contains(&most.into_inner()));
        assert_eq!(abreast(&[0; 0], 3, |_: &mut (), _| Ok::<(), ()>(())), Ok(Vec::new()));
    }

    #[test]
    fn the_first_failure_in_order_is_told() {
        for _ in 0..20 {
            let begun = AtomicUsize::new(0);
            let items: Vec<usize> = (0..1000).collect();
            let got = abreast(&items, 4, |_: &mut (), item| {
                begun.fetch_add(1, Ordering::SeqCst);
                if *item >= 5 { Err(*item) } else { Ok(()) }
            });
            assert_eq!(got, Err(5));
            assert!(begun.into_inner() < 1000);
        }
    }
}
