//! A filtered scan that leaps over the rows between those that can match, where that is cheaper than having the region
//! server walk them: it looks at every cell of a row, also of one that its filter leaves out.
//!
//! A leap is a look at the next key (three calls on one connection) and a short scan. Before the first leap, and now and
//! then later, the keys that it would pass over are walked for a moment: if that is quick, the rest is an ordinary scan.

use super::HbaseStore;
use super::failure::{Effect, Failure};
use super::leap::{Found, Leap};
use super::link::Link;
use super::pool::{Where, count};
use super::rare;
use crate::store::{Prefilter, Result, RowBatch, Scan, Scanner};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sends keys alone.
pub(super) const KEYS_ONLY: &str = "FirstKeyOnlyFilter() AND KeyOnlyFilter()";
/// Keys a page, while a leap is weighed.
const WEIGHED_ROWS: usize = 256;
/// What a leap costs, in times of opening a scanner and reading a row: rows that are walked in less are not leapt over.
const LEAP_COST: u32 = 4;
/// Leaps until the next is weighed.
const LEAPS: u32 = 16;
/// A key may be looked for this many deadlines long.
const PATIENCE: u32 = 3;

/// A running scan that leaps.
pub(super) struct SkipScanner {
    store: HbaseStore,
    table: Arc<str>,
    scan: Scan,
    leap: Arc<Leap>,
    /// Tags that are left to the region server inside a run.
    inside: Option<Prefilter>,
    runs: VecDeque<(Vec<u8>, Vec<u8>)>,
    open: Option<Box<dyn Scanner>>,
    leaps: u32,
    /// Nothing lies behind what is open and waiting.
    last: bool,
}

/// What a look brought.
struct Look {
    found: Found,
    rows: usize,
    /// Walking is quicker than leaping.
    walk: bool,
}

impl SkipScanner {
    pub(super) fn new(store: HbaseStore, table: &str, scan: Scan, prefilter: &Prefilter, leap: Leap) -> SkipScanner {
        let rest = prefilter.tags.get(1..).unwrap_or_default().to_vec();
        let inside = (!rest.is_empty()).then(|| Prefilter { tags: rest, ..prefilter.clone() });
        let (leap, table) = (Arc::new(leap), Arc::from(table));
        SkipScanner { store, table, scan, leap, inside, runs: VecDeque::new(), open: None, leaps: 0, last: false }
    }

    /// Looks for the next key from the place reached, and what it means.
    fn look(&self) -> Result<Option<Look>> {
        let weigh = self.leaps.is_multiple_of(LEAPS);
        let rows = if weigh { WEIGHED_ROWS } else { 1 };
        let limit = self.store.deadline() * PATIENCE;
        let scan = Scan { batch_rows: rows, prefilter: None, ..self.scan.clone() };
        self.store.pool.call(Effect::Reads, &format!("scan of table {}", self.table), limit, || {
            let (table, scan, leap) = (self.table.clone(), scan.clone(), self.leap.clone());
            Box::new(move |link, at| {
                let begun = Instant::now();
                let scanner = rare::open_scanner(link, at.until, &table, &scan, Some(KEYS_ONLY))?;
                let seen = see(link, at, scanner, &leap, weigh.then_some(begun));
                // A gateway keeps open scanners for ever.
                match (seen, rare::close_scanner(link, at.until, scanner)) {
                    (Ok(_), Err(failure)) if !failure.in_step() => Err(failure),
                    (seen, _) => seen,
                }
            })
        })
    }

    /// Opens the next run, or goes on to the next leap. False: the scan has ended.
    fn advance(&mut self) -> Result<bool> {
        if let Some((start, stop)) = self.runs.pop_front() {
            let scan = Scan { start, stop, prefilter: self.inside.clone(), ..self.scan.clone() };
            self.open = Some(self.store.walk(&self.table, scan));
            return Ok(true);
        }
        if self.last || (!self.scan.stop.is_empty() && self.scan.start >= self.scan.stop) {
            return Ok(false);
        }
        let Some(look) = self.look()? else { return Ok(false) };
        let counters = &self.store.pool.common.counters;
        count(&counters.rows_read, look.rows);
        if look.walk {
            self.open = Some(self.store.walk(&self.table, self.scan.clone()));
            self.last = true;
            return Ok(true);
        }
        count(&counters.leaps, 1);
        self.leaps += 1;
        let end = &self.scan.stop;
        for (start, stop) in look.found.runs {
            let stop = if stop.is_empty() || (!end.is_empty() && stop > *end) { end.clone() } else { stop };
            if stop.is_empty() || start < stop {
                self.runs.push_back((start, stop));
            }
        }
        match look.found.after {
            Some(after) => self.scan.start = after,
            None => self.last = true,
        }
        Ok(true)
    }
}

/// Reads the first key of a scanner, and in a weighing, which began at `weigh`, those that a leap from there would pass
/// over.
fn see(link: &mut Link, at: Where, scanner: i32, leap: &Leap, weigh: Option<Instant>) -> std::result::Result<Option<Look>, Failure> {
    let mut page = RowBatch::default();
    link.next_rows(scanner, 1, &mut page, at.until)?;
    let Some(found) = page.row(0).map(|row| leap.find(row.key())) else { return Ok(None) };
    let (mut rows, begun) = (1, Instant::now());
    let cost = weigh.map_or(Duration::ZERO, |opened| opened.elapsed() * LEAP_COST);
    while weigh.is_some() {
        page.clear();
        link.next_rows(scanner, WEIGHED_ROWS, &mut page, at.until)?;
        rows += page.len();
        let passed = page.row(page.len().wrapping_sub(1)).is_some_and(|row| found.after.as_deref().is_some_and(|after| row.key() >= after));
        if passed || page.len() < WEIGHED_ROWS {
            return Ok(Some(Look { found, rows, walk: true }));
        }
        if begun.elapsed() >= cost {
            break;
        }
    }
    Ok(Some(Look { found, rows, walk: false }))
}

impl Scanner for SkipScanner {
    fn next(&mut self, batch: &mut RowBatch) -> Result<bool> {
        batch.clear();
        loop {
            if let Some(open) = &mut self.open {
                if open.next(batch)? {
                    return Ok(true);
                }
                self.open = None;
            } else if !self.advance()? {
                return Ok(false);
            }
        }
    }
}
