//! Leaps over several hours at once. Rows of a metric stand hour by hour, and nearly always every hour begins in the same
//! way: so the first key of each of the next hours, which tells whether that is so, and the rows that a leap would read
//! behind it are asked for together, two waits for all of them. An hour that is not so is left to a leap of its own.

use super::failure::{Effect, Failure};
use super::held::{Closer, Held};
use super::leap::{Hour, Leap};
use super::link::Link;
use super::pool::{Pool, Where};
use super::skip::KEYS_ONLY;
use crate::store::{RowBatch, Scan};
use std::sync::Arc;
use std::time::Duration;

/// Scanners of one stride at most, about. A gateway serves the calls of a connection one after the other.
const SCANNERS_MAX: usize = 32;
/// Rows of a run that are read with it at most; the rest is a scan of its own.
const RUN_ROWS: usize = 32;
/// The same where nobody knows how large they are.
const RUN_ROWS_UNKNOWN: usize = 4;
/// Size of those rows at most.
const RUN_BYTES: usize = 128 * 1024;

/// Some hours to read.
pub(super) struct Stride {
    pub(super) table: Arc<str>,
    pub(super) leap: Arc<Leap>,
    pub(super) hours: Vec<Hour>,
    /// Columns and sizes.
    pub(super) scan: Scan,
    /// For the rows of a run.
    pub(super) filter: Option<String>,
}

/// Rows in order of their keys.
pub(super) enum Part {
    /// These.
    Rows(RowBatch),
    /// Those of a range.
    Run(Vec<u8>, Vec<u8>),
}

/// What a stride brought.
pub(super) struct Taken {
    pub(super) parts: Vec<Part>,
    /// How many hours were as they were thought to be.
    pub(super) hours: usize,
    pub(super) rows: usize,
    pub(super) cells: usize,
}

/// Hours of a stride, if each takes so many scanners.
pub(super) fn hours_of(scanners: usize) -> usize {
    (SCANNERS_MAX / scanners.max(1)).max(1)
}

/// Takes strides side by side, each over a connection of its own: a gateway serves the calls of one in turn.
pub(super) fn take(strides: &[Arc<Stride>], pool: &Arc<Pool>, limit: Duration) -> Vec<Result<Taken, Failure>> {
    let one = |stride: &Arc<Stride>| {
        let closer = Closer::new(pool);
        pool.repeat(Effect::Reads, limit, || {
            let (stride, closer) = (stride.clone(), closer.clone());
            Box::new(move |link, at| stride.take(link, at, &closer))
        })
    };
    let Some((first, others)) = strides.split_first() else { return Vec::new() };
    std::thread::scope(|scope| {
        let others: Vec<_> = others.iter().map(|stride| scope.spawn(|| one(stride))).collect();
        let ended = |_| Err(Failure::Internal("a scan's thread has ended".to_owned()));
        std::iter::once(one(first)).chain(others.into_iter().map(|other| other.join().unwrap_or_else(ended))).collect()
    })
}

impl Stride {
    fn run_rows(&self) -> usize {
        let known = self.scan.row_size.map(|size| RUN_BYTES / size.weight().max(1));
        known.unwrap_or(RUN_ROWS_UNKNOWN).clamp(1, RUN_ROWS)
    }

    /// Reads the hours.
    fn take(&self, link: &mut Link, at: Where, closer: &Closer) -> Result<Taken, Failure> {
        let (rows, mut asked) = (self.run_rows(), Vec::new());
        let mut ask = |(start, stop): &(Vec<u8>, Vec<u8>), batch_rows, filter: Option<&str>| {
            let scan = Scan { start: start.clone(), stop: stop.clone(), batch_rows, ..self.scan.clone() };
            link.ask_open(&self.table, &scan, filter);
            asked.push(batch_rows);
        };
        // Sends the first key alone, and ends the scan behind it.
        let first_key = format!("PageFilter(1) AND {KEYS_ONLY}");
        for hour in &self.hours {
            hour.look.iter().for_each(|look| ask(look, 1, Some(&first_key)));
            hour.runs.iter().for_each(|run| ask(run, rows, self.filter.as_deref()));
        }
        let scanners = Held::open_asked(link, at, closer, asked.len())?;
        scanners.iter().zip(&asked).for_each(|(scanner, rows)| scanner.ask_rows(link, *rows));
        link.send_asked(at.until)?;
        let taken = self.read(link, rows)?;
        scanners.into_iter().for_each(|scanner| scanner.finish(link));
        Ok(taken)
    }

    fn read(&self, link: &mut Link, rows: usize) -> Result<Taken, Failure> {
        let mut taken = Taken { parts: Vec::new(), hours: 0, rows: 0, cells: 0 };
        let (mut first, mut batch, mut broken, mut refused) = (RowBatch::default(), RowBatch::default(), false, None);
        // All answers have to be read, whatever the first ones say.
        let mut read = |rows: usize, batch: &mut RowBatch| match link.rows(rows, batch) {
            Err(failure) if failure.in_step() => {
                refused = Some(failure);
                Ok(0)
            }
            other => other,
        };
        for hour in &self.hours {
            if hour.look.is_some() {
                first.clear();
                taken.cells += read(1, &mut first)?;
                taken.rows += first.len();
                broken |= !self.leap.holds(hour, first.row(0).map(|row| row.key()));
            }
            taken.hours += usize::from(!broken);
            for (_, stop) in &hour.runs {
                let before = batch.len();
                taken.cells += read(rows, &mut batch)?;
                let got = batch.len() - before;
                taken.rows += got;
                if broken {
                    (0..got).for_each(|_| batch.pop_row());
                } else if let Some(last) = batch.row(batch.len().wrapping_sub(1)).filter(|_| got == rows) {
                    let rest = Part::Run([last.key(), &[0]].concat(), stop.clone());
                    taken.parts.extend([Part::Rows(std::mem::take(&mut batch)), rest]);
                }
            }
        }
        if !batch.is_empty() {
            taken.parts.push(Part::Rows(batch));
        }
        refused.map_or(Ok(taken), Err)
    }
}
