//! A filtered scan that leaps over the rows between those that can match, where that is cheaper than having the region
//! server walk them: it looks at every cell of a row, also of one that its filter leaves out.
//!
//! A leap is a look at the next key (two calls on one connection) and a short scan. Before the first leap, and now and then
//! later, the keys that it would pass over are walked for a moment: if that is quick, the rest is an ordinary scan. What was
//! found counts for the next scans of such rows as well, for a while ([`super::weighed`]), and where it is known that leaps
//! are worth it and where hours begin, several are made at once ([`super::stride`]).

use super::failure::{Effect, Failure};
use super::held::{Closer, Held};
use super::leap::{Found, Hour, Leap, TIME_BYTES};
use super::link::Link;
use super::pool::{Where, count};
use super::stride::{self, Part, Stride, Taken, hours_of};
use super::weighed::Weighed;
use super::{HbaseStore, filter};
use crate::store::{Prefilter, Result, RowBatch, Scan, Scanner};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Sends keys alone.
pub(super) const KEYS_ONLY: &str = "FirstKeyOnlyFilter() AND KeyOnlyFilter()";
/// Keys a page, while a leap is weighed.
const WEIGHED_ROWS: usize = 256;
/// What a leap of its own costs, in times of opening a scanner and reading a row: rows that are walked in less are not leapt
/// over. One of a stride costs as many as it has scanners.
const LEAP_COST: u32 = 4;
/// Strides at once, each over a connection of its own.
const STRIDES: usize = 2;
/// Leaps until the next is weighed.
const LEAPS: u32 = 16;
/// A key may be looked for this many deadlines long.
const PATIENCE: u32 = 3;
/// A walk that takes longer for a page is weighed again the next time, whatever was found before.
const WALK_LONG: Duration = Duration::from_millis(50);

/// A running scan that leaps.
pub(super) struct SkipScanner {
    store: HbaseStore,
    table: Arc<str>,
    scan: Scan,
    leap: Arc<Leap>,
    /// Tags that are left to the region server inside a run.
    inside: Option<Prefilter>,
    parts: VecDeque<Part>,
    open: Option<Box<dyn Scanner>>,
    leaps: u32,
    /// Nothing lies behind what is open and waiting.
    last: bool,
    /// Which scans are like this one.
    kind: Vec<u8>,
    /// Hours come as they are thought to.
    even: bool,
    /// The last ones were empty: a look finds the next row, however far it is.
    gap: bool,
}

/// What a leap is weighed with.
struct Weighing<'a> {
    /// When opening the scanner began.
    opened: Instant,
    weighed: &'a Weighed,
    /// Leaps of even hours can be made together.
    strides: bool,
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
        // Salt and metric, where there is a time behind them.
        let same = scan.start.get(..prefilter.skip.saturating_sub(TIME_BYTES)).unwrap_or_default();
        let kind = [table.as_bytes(), &[0], same, leap.key()].concat();
        let (leap, table) = (Arc::new(leap), Arc::from(table));
        SkipScanner {
            store,
            table,
            scan,
            leap,
            inside,
            parts: VecDeque::new(),
            open: None,
            leaps: 0,
            last: false,
            kind,
            even: true,
            gap: false,
        }
    }

    /// Looks for the next key from the place reached, and what it means.
    fn look(&self, weigh: bool) -> Result<Option<Look>> {
        let rows = if weigh { WEIGHED_ROWS } else { 1 };
        let limit = self.patience();
        let scan = Scan { batch_rows: rows, prefilter: None, ..self.scan.clone() };
        let closer = Closer::new(&self.store.pool);
        let strides = self.scan.time_step.is_some();
        self.store.pool.call(Effect::Reads, &format!("scan of table {}", self.table), limit, || {
            let (table, scan, leap, closer) = (self.table.clone(), scan.clone(), self.leap.clone(), closer.clone());
            let common = self.store.pool.common.clone();
            Box::new(move |link, at| {
                let opened = Instant::now();
                let held = Held::open(link, at, &closer, &table, &scan, Some(KEYS_ONLY))?;
                let weighing = Weighing { opened, weighed: &common.weighed, strides };
                let seen = see(link, at, &held, &leap, weigh.then_some(weighing))?;
                held.finish(link);
                Ok(seen)
            })
        })
    }

    fn patience(&self) -> Duration {
        self.store.deadline() * PATIENCE
    }

    /// All that is left is walked.
    fn walk_on(&mut self) -> bool {
        self.open = Some(self.store.walk(&self.table, self.scan.clone()));
        self.last = true;
        true
    }

    /// Makes several leaps at once. False: that cannot be done here.
    fn stride(&mut self) -> Result<bool> {
        let Some(step) = self.scan.time_step.filter(|_| self.even && !std::mem::take(&mut self.gap)) else { return Ok(false) };
        let most = STRIDES * hours_of(self.leap.scanners());
        let Some(hours) = self.leap.hours(&self.scan.start, &self.scan.stop, step, most) else { return Ok(false) };
        let Some(strides) = self.strides(hours) else { return Ok(false) };
        let mut rows_seen = 0;
        for (stride, taken) in strides.iter().zip(stride::take(&strides, &self.store.pool, self.patience())) {
            let Taken { parts, hours, rows, cells } = match taken {
                Ok(taken) => taken,
                // One by one, with pages that follow the size of the rows.
                Err(Failure::TooLarge(_)) => {
                    self.even = false;
                    return Ok(rows_seen > 0);
                }
                Err(failure) => {
                    let (what, limit) = (format!("scan of table {}", self.table), self.patience());
                    return Err(failure.into_error(Effect::Reads, &what, &self.store.pool.who(), limit));
                }
            };
            let counters = &self.store.pool.common.counters;
            count(&counters.rows_read, rows);
            count(&counters.cells_read, cells);
            count(&counters.leaps, hours);
            rows_seen += rows;
            self.leaps += u32::try_from(hours).unwrap_or(0);
            self.parts.extend(parts);
            if let Some(behind) = hours.checked_sub(1).and_then(|last| stride.hours.get(last)).and_then(|hour| self.leap.behind(hour)) {
                self.scan.start = behind;
            }
            // What the others brought lies behind an hour that is not as it was thought to be.
            self.even = hours == stride.hours.len();
            if !self.even {
                break;
            }
        }
        self.gap = rows_seen == 0;
        Ok(true)
    }

    /// The hours in even parts.
    fn strides(&self, mut hours: Vec<Hour>) -> Option<Vec<Arc<Stride>>> {
        let filter = self.inside.as_ref().and_then(filter::filter_string);
        let scan = Scan { prefilter: None, ..self.scan.clone() };
        let each = hours.len().div_ceil(STRIDES);
        let mut strides = Vec::new();
        while !hours.is_empty() {
            let rest = hours.split_off(each.min(hours.len()));
            let (table, leap) = (self.table.clone(), self.leap.clone());
            strides.push(Arc::new(Stride { table, leap, hours, scan: scan.clone(), filter: filter.clone() }));
            hours = rest;
        }
        (!strides.is_empty()).then_some(strides)
    }

    /// Opens the next run, or goes on to the next leap. False: the scan has ended.
    fn advance(&mut self) -> Result<bool> {
        if self.last || (!self.scan.stop.is_empty() && self.scan.start >= self.scan.stop) {
            return Ok(false);
        }
        let common = &self.store.pool.common;
        let known = common.options.leaps.map(|leaps| !leaps).or_else(|| common.weighed.is_walk(&self.kind));
        if self.leaps == 0 && known == Some(true) {
            return Ok(self.walk_on());
        }
        if (self.leaps > 0 || known == Some(false)) && self.stride()? {
            return Ok(true);
        }
        let weigh = self.leaps.is_multiple_of(LEAPS) && self.store.pool.common.options.leaps.is_none();
        let Some(look) = self.look(weigh)? else { return Ok(false) };
        if weigh {
            self.store.pool.common.weighed.note(&self.kind, look.walk);
        }
        let counters = &self.store.pool.common.counters;
        count(&counters.rows_read, look.rows);
        if look.walk {
            return Ok(self.walk_on());
        }
        count(&counters.leaps, 1);
        self.leaps += 1;
        let end = &self.scan.stop;
        for (start, stop) in look.found.runs {
            let stop = if stop.is_empty() || (!end.is_empty() && stop > *end) { end.clone() } else { stop };
            if stop.is_empty() || start < stop {
                self.parts.push_back(Part::Run(start, stop));
            }
        }
        match look.found.after {
            Some(after) => self.scan.start = after,
            None => self.last = true,
        }
        Ok(true)
    }
}

/// Reads the first key of a scanner, and in a weighing, of which comes when it began, those that a leap from there would
/// pass over. `None`: there is none.
fn see(link: &mut Link, at: Where, scanner: &Held, leap: &Leap, weigh: Option<Weighing>) -> std::result::Result<Option<Look>, Failure> {
    let mut page = RowBatch::default();
    scanner.next_rows(link, 1, &mut page, at.until)?;
    let Some(row) = page.row(0) else { return Ok(None) };
    let found = leap.find(row.key());
    let together = weigh.as_ref().is_some_and(|weigh| weigh.strides && leap.is_even(row.key(), &found));
    let times = if together { u32::try_from(leap.scanners()).unwrap_or(LEAP_COST) } else { LEAP_COST };
    let cost = weigh.as_ref().map_or(Duration::ZERO, |weigh| weigh.weighed.opened(weigh.opened.elapsed()) * times);
    let (mut rows, begun) = (1, Instant::now());
    while weigh.is_some() {
        page.clear();
        scanner.next_rows(link, WEIGHED_ROWS, &mut page, at.until)?;
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
                let begun = Instant::now();
                let more = open.next(batch)?;
                if self.last && begun.elapsed() > WALK_LONG {
                    self.store.pool.common.weighed.forget(&self.kind);
                }
                if more {
                    return Ok(true);
                }
                self.open = None;
                continue;
            }
            match self.parts.pop_front() {
                Some(Part::Rows(rows)) => {
                    *batch = rows;
                    return Ok(true);
                }
                Some(Part::Run(start, stop)) => {
                    let scan = Scan { start, stop, prefilter: self.inside.clone(), ..self.scan.clone() };
                    self.open = Some(self.store.walk(&self.table, scan));
                }
                None if !self.advance()? => return Ok(false),
                // So that whoever waits can look whether it still wants to.
                None if self.parts.is_empty() && self.open.is_none() => return Ok(true),
                None => {}
            }
        }
    }
}
