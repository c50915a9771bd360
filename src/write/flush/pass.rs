//! One pass: which rows go, and the threads that carry them.

use super::rows;
use crate::store::StoreError;
use crate::write::head::{Row, Target};
use crate::write::{Cells, Inner};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows of a call to the store, at most; bytes of waiting points in it, at most.
const CALL_ROWS: usize = 1_000;
const CALL_BYTES: usize = 4 << 20;
/// Calls under way at once: HBase is saturated with four; the embedded store has one writer anyway.
const THREADS_SHARED: usize = 4;
const THREADS_PRIVATE: usize = 2;
/// Failed calls after which a pass gives up.
const FAILURES_MAX: usize = 4;
/// A row is taken for full when its series has gone on to a later hour and nothing came for this long, in milliseconds.
const SETTLED: i64 = 1_000;
/// A row whose hour is over waits for stragglers this long after the last, in milliseconds.
const STRAGGLERS: i64 = 60_000;
/// Longest time that a point waits for its row to fill, in milliseconds.
const WAIT_MAX: i64 = 2 * 3_600_000;

/// Which rows are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All.
    All,
    /// Those whose time has come, or which must make room.
    Due,
}

/// How a pass went.
pub enum Outcome {
    /// Everything it took is in the store, or refused for good and kept aside.
    Stored,
    /// The store did not take something; it waits again.
    Failed(String),
}

/// Stores what is wanted.
pub fn run(inner: &Arc<Inner>, wanted: Wanted) -> Outcome {
    let everything = wanted == Wanted::All || inner.options.cells != Cells::Packed;
    // Every batch before this place has its points in the head when the gate closes.
    let place = if everything {
        let _gate = inner.gate.write();
        inner.journal.place()
    } else {
        (0, 0)
    };
    let now = (inner.options.clock)();
    let found = if everything { inner.head.targets(|_, _| true) } else { due(inner, now) };
    // Loose cells first: they are few, and a full head must not keep them from the store.
    let loose = super::loose::run(inner, everything);
    let outcome = match (carry(inner, found), loose) {
        (Outcome::Stored, loose) => loose,
        (failed, _) => failed,
    };
    // By-name points are older than the place but not in the head.
    if everything && matches!(outcome, Outcome::Stored) && inner.named.len() == 0 && place.1 > 0 && inner.store.sync().is_ok() {
        inner.journal.append_done(place);
    }
    outcome
}

/// Packed rows whose time has come: full ones, old ones, and the oldest or largest when room is short.
fn due(inner: &Inner, now: i64) -> Vec<(Target, usize)> {
    let private = inner.store.is_private();
    let interval = i64::try_from(inner.options.flush_interval).unwrap_or(i64::MAX);
    let pressed = inner.journal.pressure();
    let is_due = |row: &Row, newest: bool| {
        let quiet = now - row.touched;
        let over = now >= (i64::from(row.base) + 3_600) * 1_000;
        let age = now - row.waiting.since;
        let holds_room = pressed.is_some_and(|upto| row.waiting.segment.as_ref().is_some_and(|s| s.seq <= upto));
        if private {
            !newest && quiet >= SETTLED || over && quiet >= STRAGGLERS || age >= WAIT_MAX || holds_room
        } else {
            age >= interval || holds_room
        }
    };
    let mut found = inner.head.targets(is_due);
    let bytes = inner.head.bytes();
    if bytes > inner.options.head_bytes && found.iter().map(|(_, b)| *b as u64).sum::<u64>() < bytes / 2 {
        found = inner.head.targets(|_, _| true);
        // The largest rows make the best cells and the most room.
        found.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        let mut room = 0;
        found.retain(|(_, size)| {
            let wanted = room < bytes / 2;
            room += *size as u64;
            wanted
        });
    }
    found
}

fn carry(inner: &Arc<Inner>, found: Vec<(Target, usize)>) -> Outcome {
    if found.is_empty() {
        return Outcome::Stored;
    }
    let calls = cut(found);
    let next = AtomicUsize::new(0);
    let failures: Mutex<Vec<StoreError>> = Mutex::default();
    let work = || {
        while failures.lock().len() < FAILURES_MAX {
            let Some(call) = calls.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            if let Err(error) = rows::store(inner, call) {
                failures.lock().push(error);
            }
            inner.head_room.notify_all();
        }
    };
    let threads = if inner.store.is_private() { THREADS_PRIVATE } else { THREADS_SHARED };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(calls.len()) {
            scope.spawn(work);
        }
        work();
    });
    match failures.into_inner().into_iter().next() {
        None => Outcome::Stored,
        Some(error) => Outcome::Failed(error.to_string()),
    }
}

/// Cuts the rows into calls.
fn cut(found: Vec<(Target, usize)>) -> Vec<Vec<Target>> {
    let mut calls = Vec::new();
    let (mut call, mut bytes) = (Vec::new(), 0);
    for (target, size) in found {
        if call.len() >= CALL_ROWS || bytes + size > CALL_BYTES && !call.is_empty() {
            calls.push(std::mem::take(&mut call));
            bytes = 0;
        }
        bytes += size;
        call.push(target);
    }
    if !call.is_empty() {
        calls.push(call);
    }
    calls
}
