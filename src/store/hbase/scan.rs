//! A scan through a gateway's scanner. The scanner lives in the gateway; when it is lost, the scan goes on from the row
//! after the last one delivered, on whichever gateway is up.

use super::failure::{Effect, Failure};
use super::link::Link;
use super::pool::{CallJob, Pool, Run, Ticket, Where, count};
use super::rare;
use super::retry::{Lane, Task};
use crate::store::{Result as StoreResult, RowBatch, Scan, Scanner};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows of the first page at most; later ones follow the size of the rows. A framed gateway holds a whole page in
/// memory, twice: one of 128 rows of 1 MB ended a gateway of 512 MB.
const FIRST_ROWS: usize = 32;
/// Rows of any page at most.
const ROWS_MAX: usize = 10_000;
/// Size a page is steered to, in bytes. A gateway makes six objects of a cell: pages of 4 MiB cost it a quarter more of its
/// time than these, as they outlive its youngest generation.
const PAGE_BYTES: usize = 512 * 1024;
/// What a cell counts beside its bytes.
const CELL_BYTES: usize = 56;
/// A page of a filtered scan may be looked for this many deadlines long: rows that do not match are passed over there.
const FILTER_PATIENCE: u32 = 3;

/// A running scan.
pub(super) struct HbaseScanner {
    pool: Arc<Pool>,
    table: Arc<str>,
    scan: Scan,
    filter: Option<Arc<str>>,
    /// Gateway and number of the scanner there.
    held: Option<(usize, i32)>,
    last_key: Option<Vec<u8>>,
    rows: usize,
    ended: bool,
}

/// What one call brought.
struct Page {
    batch: RowBatch,
    cells: usize,
    held: Option<(usize, i32)>,
}

impl HbaseScanner {
    /// `filter`: of the gateway's language.
    pub(super) fn new(pool: Arc<Pool>, table: &str, mut scan: Scan, filter: Option<String>) -> HbaseScanner {
        scan.batch_rows = scan.batch_rows.clamp(1, ROWS_MAX);
        scan.prefilter = None;
        let rows = scan.batch_rows.min(FIRST_ROWS);
        HbaseScanner { pool, table: Arc::from(table), scan, filter: filter.map(Arc::from), held: None, last_key: None, rows, ended: false }
    }

    fn limit(&self) -> Duration {
        let deadline = self.pool.common.options.deadline;
        if self.filter.is_some() { deadline * FILTER_PATIENCE } else { deadline }
    }

    fn page(&mut self, batch: &mut RowBatch, until: Instant) -> Result<Page, Failure> {
        let (rows, empty) = (self.rows, std::mem::take(batch));
        let Some((gateway, scanner)) = self.held else {
            return self.pool.attempt(Lane::Any, Effect::Reads, until, self.opening(empty));
        };
        let half = if self.pool.common.up() > 1 { until.saturating_duration_since(Instant::now()) / 2 } else { Duration::ZERO };
        let task: Task<Page> = Box::new(move |link, at| turn(link, at, scanner, rows, empty));
        self.pool.attempt(Lane::Gateway(gateway), Effect::Reads, until - half, task)
    }

    /// Opens a scanner and reads its first page in one go.
    fn opening(&self, batch: RowBatch) -> Task<Page> {
        let (table, rows, filter) = (self.table.clone(), self.rows, self.filter.clone());
        let mut scan = self.scan.clone();
        if scan.reverse && !scan.stop.is_empty() {
            scan.stop = before(&scan.stop);
        }
        match (&self.last_key, scan.reverse) {
            (Some(last), false) => scan.start = [last.as_slice(), &[0]].concat(),
            (Some(last), true) => scan.start = last.clone(),
            (None, _) => {}
        }
        Box::new(move |link, at| {
            let scanner = rare::open_scanner(link, at.until, &table, &scan, filter.as_deref())?;
            turn(link, at, scanner, rows, batch)
        })
    }

    /// What a page means for the next one.
    fn accept(&mut self, page: Page, batch: &mut RowBatch) {
        self.held = page.held;
        self.ended = page.held.is_none();
        *batch = page.batch;
        let counters = &self.pool.common.counters;
        count(&counters.cells_read, page.cells);
        count(&counters.rows_read, batch.len());
        if !batch.is_empty() {
            self.rows = rows_after(self.rows, batch, page.cells, PAGE_BYTES).min(self.scan.batch_rows);
        }
        if self.scan.reverse {
            self.trim(batch);
        }
        if let Some(last) = batch.row(batch.len().wrapping_sub(1)) {
            self.last_key = Some(last.key().to_vec());
        }
    }

    /// Backwards a gateway cannot start after a row nor stop at one: it gives a row more at either end.
    fn trim(&mut self, batch: &mut RowBatch) {
        if self.last_key.as_deref().is_some_and(|last| batch.row(0).is_some_and(|row| row.key() == last)) {
            let whole = std::mem::take(batch);
            whole.rows().skip(1).for_each(|row| copy_row(row, batch));
        }
        while batch.row(batch.len().wrapping_sub(1)).is_some_and(|row| row.key() < self.scan.stop.as_slice()) {
            batch.pop_row();
        }
    }

    /// Lets go of the scanner, on its gateway too as soon as that can be.
    fn close(&mut self) {
        let Some((gateway, scanner)) = self.held.take() else { return };
        let limit = self.pool.common.options.deadline;
        let run: Run = Box::new(move |link| {
            // Also after the time of whoever asked: a gateway keeps open scanners for ever.
            let (link, _) = link.ok()?;
            rare::close_scanner(link, Instant::now() + limit, scanner).err()
        });
        let job = CallJob { ticket: Arc::new(Ticket::default()), until: Instant::now() + limit, repeats: false, run };
        let left = self.pool.pinned.get(gateway).is_none_or(|queue| queue.try_send(job).is_err());
        if left {
            count(&self.pool.common.counters.scanners_left, 1);
        }
    }
}

/// Reads a page; closes the scanner at its end.
fn turn(link: &mut Link, at: Where, scanner: i32, rows: usize, mut batch: RowBatch) -> Result<Page, Failure> {
    batch.clear();
    let cells = link.next_rows(scanner, rows, &mut batch, at.until)?;
    if batch.len() == rows {
        return Ok(Page { batch, cells, held: Some((at.gateway, scanner)) });
    }
    // The gateway gives fewer rows than asked for only at the end. The rows are good even if the close is not.
    match rare::close_scanner(link, at.until, scanner) {
        Err(failure) if !failure.in_step() => Err(failure),
        _ => Ok(Page { batch, cells, held: None }),
    }
}

/// How many rows to ask for after `asked` brought `batch`: about `page_bytes` of them, growing step by step.
pub(super) fn rows_after(asked: usize, batch: &RowBatch, cells: usize, page_bytes: usize) -> usize {
    let row_bytes = (batch.byte_len() + cells * CELL_BYTES) / batch.len().max(1) + 1;
    (page_bytes / row_bytes).clamp(1, asked.saturating_mul(4))
}

/// Copies a row with its cells.
pub(super) fn copy_row(row: crate::store::RowView<'_>, to: &mut RowBatch) {
    to.push_row(row.key());
    row.cells().for_each(|cell| to.push_cell(cell.family, cell.qualifier, cell.value, cell.time));
}

/// A key before `key` and close to it. Rows between the two are trimmed off.
fn before(key: &[u8]) -> Vec<u8> {
    match key.split_last() {
        None => Vec::new(),
        Some((0, head)) => head.to_vec(),
        Some((last, head)) => [head, &[last - 1, 0xff, 0xff, 0xff, 0xff]].concat(),
    }
}

impl Scanner for HbaseScanner {
    fn next(&mut self, batch: &mut RowBatch) -> StoreResult<bool> {
        batch.clear();
        let limit = self.limit();
        let until = Instant::now() + limit;
        while !self.ended {
            match self.page(batch, until) {
                Ok(page) => {
                    self.accept(page, batch);
                    if !batch.is_empty() {
                        return Ok(true);
                    }
                }
                Err(Failure::TooLarge(_)) if self.rows > 1 => {
                    self.close();
                    self.rows = (self.rows / 4).max(1);
                }
                Err(failure) if failure.is_lost_scanner() || failure.may_pass() => {
                    self.close();
                    if !self.pool.pause(until) {
                        return Err(self.error(failure, limit));
                    }
                }
                Err(failure) => return Err(self.error(failure, limit)),
            }
        }
        Ok(false)
    }
}

impl HbaseScanner {
    fn error(&self, failure: Failure, limit: Duration) -> crate::store::StoreError {
        let what = format!("scan of table {}", self.table);
        self.pool.give_up(failure, false).into_error(Effect::Reads, &what, &self.pool.who(), limit)
    }
}

impl Drop for HbaseScanner {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::before;

    #[test]
    fn keys_before() {
        assert_eq!(before(b""), b"");
        assert_eq!(before(b"a\0"), b"a");
        assert_eq!(before(b"ab"), b"aa\xff\xff\xff\xff");
    }
}
