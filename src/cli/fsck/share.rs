//! Shares scans among threads: one that has nothing left takes half of what the one with the most has before it.
//!
//! Halves are cut by row key, as a number of its first 16 bytes, so nothing need be known of metrics or regions; an empty
//! half costs one call and is cut again.

use crate::store::{Columns, Scan, Store, StoreError};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::time::Duration;

/// How long a thread without work waits before it looks again.
const LOOK: Duration = Duration::from_millis(5);
/// Rows of a batch.
pub const BATCH_ROWS: usize = 512;

/// What a thread works on.
#[derive(Clone)]
struct Part {
    scan: Scan,
    /// The first key that it has not read yet.
    next: Vec<u8>,
    /// A batch has come: before that nobody knows where its rows begin.
    begun: bool,
}

struct Board {
    waiting: VecDeque<Scan>,
    parts: Vec<Option<Part>>,
    /// The last row of the table, for scans that go on to its end.
    last: Vec<u8>,
    stopped: bool,
}

/// Scans to be done.
pub struct Shares {
    board: Mutex<Board>,
    changed: Condvar,
}

impl Shares {
    /// For so many threads.
    pub fn new(store: &dyn Store, table: &str, scans: Vec<Scan>, threads: usize) -> Result<Shares, StoreError> {
        let mut last = Vec::new();
        if threads > 1 && scans.iter().any(|scan| scan.stop.is_empty()) {
            let whole = Scan::range(vec![0xFF; 64], Vec::new());
            let mut scanner = store.scan(table, Scan { columns: Columns::Family("t"), reverse: true, batch_rows: 1, ..whole })?;
            let mut batch = crate::store::RowBatch::default();
            if scanner.next(&mut batch)? {
                last = batch.row(0).map(|row| row.key().to_vec()).unwrap_or_default();
            }
        }
        let parts = vec![None; threads];
        let board = Board { waiting: scans.into(), parts, last, stopped: false };
        Ok(Shares { board: Mutex::new(board), changed: Condvar::new() })
    }

    /// The next scan for a thread. `None`: all is done.
    pub fn take(&self, thread: usize) -> Option<Scan> {
        let mut board = self.board.lock();
        loop {
            if board.stopped {
                return None;
            }
            if let Some(scan) = board.waiting.pop_front().or_else(|| board.halve()) {
                let part = Part { next: scan.start.clone(), scan: scan.clone(), begun: false };
                if let Some(place) = board.parts.get_mut(thread) {
                    *place = Some(part);
                }
                return Some(scan);
            }
            if board.parts.iter().all(Option::is_none) {
                return None;
            }
            self.changed.wait_for(&mut board, LOOK);
        }
    }

    /// A batch that ends with this key has come. Gives the key before which the thread must stop; empty: the table's end.
    pub fn came(&self, thread: usize, last: &[u8]) -> Vec<u8> {
        let mut board = self.board.lock();
        let Some(Some(part)) = board.parts.get_mut(thread) else { return Vec::new() };
        part.next = [last, &[0]].concat();
        part.begun = true;
        part.scan.stop.clone()
    }

    /// The thread's scan has ended.
    pub fn done(&self, thread: usize) {
        if let Some(place) = self.board.lock().parts.get_mut(thread) {
            *place = None;
        }
        self.changed.notify_all();
    }

    /// All threads end.
    pub fn stop(&self) {
        self.board.lock().stopped = true;
        self.changed.notify_all();
    }
}

impl Board {
    /// The second half of the largest part.
    fn halve(&mut self) -> Option<Scan> {
        let last = self.last.clone();
        let end = |part: &Part| number(if part.scan.stop.is_empty() { &last } else { &part.scan.stop });
        let span = |part: &Part| end(part).saturating_sub(number(&part.next));
        let part = self.parts.iter_mut().flatten().filter(|part| part.begun).max_by_key(|part| span(part))?;
        if span(part) < 2 {
            return None;
        }
        let middle = (number(&part.next) + span(part) / 2).to_be_bytes().to_vec();
        let second = Scan { start: middle.clone(), ..part.scan.clone() };
        part.scan.stop = middle;
        Some(second)
    }
}

/// The first 16 bytes of a key.
fn number(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    for (into, from) in bytes.iter_mut().zip(key) {
        *into = *from;
    }
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(start: &[u8], stop: &[u8]) -> Scan {
        Scan::range(start, stop)
    }

    #[test]
    fn halves_are_cut_behind_what_was_read() {
        let board = Board { waiting: VecDeque::new(), parts: vec![None, None], last: vec![9], stopped: false };
        let shares = Shares { board: Mutex::new(board), changed: Condvar::new() };
        shares.board.lock().waiting.push_back(scan(&[], &[]));
        let first = shares.take(0).unwrap();
        assert_eq!((first.start, first.stop), (vec![], vec![]));
        assert_eq!(shares.came(0, &[1]), Vec::<u8>::new());
        let second = shares.take(1).unwrap();
        assert_eq!(second.start[..2], [5, 0], "half way from 1 to 9");
        assert!(second.stop.is_empty());
        assert_eq!(shares.came(0, &[4]), second.start, "the first now stops there");
        shares.came(1, &[9]);
        shares.done(1);
        let third = shares.take(1).unwrap();
        assert_eq!((third.start[0], third.stop), (4, second.start));
        shares.done(0);
        shares.done(1);
        assert!(shares.take(0).is_none());
    }

    #[test]
    fn nothing_is_halved_before_it_began() {
        let parts = vec![Some(Part { scan: scan(&[1], &[9]), next: vec![1], begun: false })];
        let mut board = Board { waiting: VecDeque::new(), parts, last: Vec::new(), stopped: false };
        assert!(board.halve().is_none());
        board.parts[0].as_mut().unwrap().begun = true;
        assert_eq!(board.halve().unwrap().start[0], 5);
    }
}
