//! A scanner that stands open in a gateway, and its end. A gateway keeps scanners that nobody closes for ever, so each is
//! closed whatever happens to whoever asked: by its connection behind the answer with the last rows, or, when it is let
//! go of earlier, by a call in the queue of its gateway. Nobody waits for either.

use super::failure::Failure;
use super::link::Link;
use super::pool::{CallJob, Pool, Run, Ticket, Where, count};
use crate::store::{RowBatch, Scan};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// What it takes to close a scanner from anywhere.
#[derive(Clone)]
pub(super) struct Closer {
    /// Weak: it stands in calls that wait in the pool's own queues.
    pool: Weak<Pool>,
    /// How long a close may take.
    limit: Duration,
}

impl Closer {
    /// With the pool's own deadline.
    pub(super) fn new(pool: &Arc<Pool>) -> Closer {
        Closer { pool: Arc::downgrade(pool), limit: pool.common.options.deadline }
    }
}

/// One open scanner.
pub(super) struct Held {
    closer: Closer,
    gateway: usize,
    /// `None`: closed, or about to be.
    number: Option<i32>,
}

impl Held {
    /// Opens a scanner.
    pub(super) fn open(
        link: &mut Link,
        at: Where,
        closer: &Closer,
        table: &str,
        scan: &Scan,
        filter: Option<&str>,
    ) -> Result<Held, Failure> {
        link.ask_open(table, scan, filter);
        link.send_asked(at.until)?;
        let number = link.opened()?;
        Ok(Held { closer: closer.clone(), gateway: at.gateway, number: Some(number) })
    }

    /// Opens the scanners whose `count` calls are prepared, all of them or none.
    pub(super) fn open_asked(link: &mut Link, at: Where, closer: &Closer, count: usize) -> Result<Vec<Held>, Failure> {
        link.send_asked(at.until)?;
        let (mut opened, mut refused) = (Vec::new(), None);
        for _ in 0..count {
            match link.opened() {
                Ok(number) => opened.push(Held { closer: closer.clone(), gateway: at.gateway, number: Some(number) }),
                Err(failure) if failure.in_step() => refused = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        refused.map_or(Ok(opened), Err)
    }

    /// Prepares the reading of its next rows.
    pub(super) fn ask_rows(&self, link: &mut Link, rows: usize) {
        if let Some(number) = self.number {
            link.ask_rows(number, rows);
        }
    }

    /// Where it stands: gateway and number there.
    pub(super) fn place(&self) -> Option<(usize, i32)> {
        self.number.map(|number| (self.gateway, number))
    }

    /// Appends its next rows to `batch` and returns the number of their cells.
    pub(super) fn next_rows(&self, link: &mut Link, rows: usize, batch: &mut RowBatch, until: Instant) -> Result<usize, Failure> {
        match self.number {
            Some(number) => link.next_rows(number, rows, batch, until),
            None => Ok(0),
        }
    }

    /// Has the connection close it when the answer to the running call is on its way.
    pub(super) fn finish(mut self, link: &mut Link) {
        if let Some(number) = self.number.take() {
            link.close_later(number);
        }
    }

    /// It is closed already.
    pub(super) fn forget(mut self) {
        self.number = None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (Some(number), Some(pool)) = (self.number.take(), self.closer.pool.upgrade()) else { return };
        let (limit, common) = (self.closer.limit, pool.common.clone());
        let run: Run = Box::new(move |link| match link {
            // Also after the time of whoever asked.
            Ok((link, _)) => link.close(number, Instant::now() + limit).err(),
            Err(_) => {
                count(&common.counters.scanners_left, 1);
                None
            }
        });
        let job = CallJob { ticket: Arc::new(Ticket::default()), until: Instant::now() + limit, repeats: false, run };
        if pool.pinned.get(self.gateway).is_none_or(|queue| queue.try_send(job).is_err()) {
            count(&pool.common.counters.scanners_left, 1);
        }
    }
}
