//! A scan through a gateway's scanner. The scanner lives in the gateway; when it is lost, the scan goes on from the row
//! after the last one delivered, on whichever gateway is up.

use super::failure::{Effect, Failure};
use super::held::{Closer, Held};
use super::pool::{Pool, count};
use super::retry::{Lane, Task};
use crate::store::{Result as StoreResult, RowBatch, RowSize, Scan, Scanner};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows of the first page at most, where nobody knows how large they are; later ones follow their size. A framed gateway
/// holds a whole page in memory, twice: one of 128 rows of 1 MB ended a gateway of 512 MB.
const FIRST_ROWS: usize = 32;
/// Rows of any page at most.
const ROWS_MAX: usize = 10_000;
/// Size a page is steered to, in bytes. A gateway makes six objects of a cell: pages of 4 MiB cost it a quarter more of its
/// time than these, as they outlive its youngest generation.
const PAGE_BYTES: usize = 512 * 1024;
/// A page of a filtered scan may be looked for this many deadlines long: rows that do not match are passed over there.
const FILTER_PATIENCE: u32 = 3;

/// A running scan.
pub(super) struct HbaseScanner {
    pool: Arc<Pool>,
    table: Arc<str>,
    scan: Scan,
    filter: Option<Arc<str>>,
    held: Option<Held>,
    last_key: Option<Vec<u8>>,
    rows: usize,
    ended: bool,
}

/// What one call brought.
struct Page {
    batch: RowBatch,
    cells: usize,
    /// The scanner that a first page came from, if it has more.
    held: Option<Held>,
    /// These are the last rows, and the connection closes the scanner.
    last: bool,
}

impl HbaseScanner {
    /// `filter`: of the gateway's language.
    pub(super) fn new(pool: Arc<Pool>, table: &str, mut scan: Scan, filter: Option<String>) -> HbaseScanner {
        scan.batch_rows = scan.batch_rows.clamp(1, ROWS_MAX);
        scan.prefilter = None;
        let first = scan.row_size.map_or(FIRST_ROWS, |size| PAGE_BYTES / size.weight().max(1));
        let rows = first.clamp(1, scan.batch_rows);
        HbaseScanner { pool, table: Arc::from(table), scan, filter: filter.map(Arc::from), held: None, last_key: None, rows, ended: false }
    }

    fn limit(&self) -> Duration {
        let deadline = self.pool.common.options.deadline;
        if self.filter.is_some() { deadline * FILTER_PATIENCE } else { deadline }
    }

    fn page(&mut self, batch: &mut RowBatch, until: Instant) -> Result<Page, Failure> {
        let (rows, mut empty) = (self.rows, std::mem::take(batch));
        let Some((gateway, number)) = self.held.as_ref().and_then(Held::place) else {
            return self.pool.attempt(Lane::Any, Effect::Reads, until, self.opening(empty));
        };
        let half = if self.pool.common.up() > 1 { until.saturating_duration_since(Instant::now()) / 2 } else { Duration::ZERO };
        let task: Task<Page> = Box::new(move |link, at| {
            empty.clear();
            let cells = link.next_rows(number, rows, &mut empty, at.until)?;
            // The gateway gives fewer rows than asked for only at the end.
            let last = empty.len() < rows;
            if last {
                link.close_later(number);
            }
            Ok(Page { batch: empty, cells, held: None, last })
        });
        self.pool.attempt(Lane::Gateway(gateway), Effect::Reads, until - half, task)
    }

    /// Opens a scanner and reads its first page in one go.
    fn opening(&self, mut batch: RowBatch) -> Task<Page> {
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
        let closer = Closer::new(&self.pool);
        Box::new(move |link, at| {
            let held = Held::open(link, at, &closer, &table, &scan, filter.as_deref())?;
            batch.clear();
            let cells = held.next_rows(link, rows, &mut batch, at.until)?;
            if batch.len() == rows {
                return Ok(Page { batch, cells, held: Some(held), last: false });
            }
            held.finish(link);
            Ok(Page { batch, cells, held: None, last: true })
        })
    }

    /// What a page means for the next one.
    fn accept(&mut self, page: Page, batch: &mut RowBatch) {
        self.ended = page.last;
        if page.last {
            self.held.take().into_iter().for_each(Held::forget);
        } else if page.held.is_some() {
            self.held = page.held;
        }
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
}

/// How many rows to ask for after `asked` brought `batch`: about `page_bytes` of them, growing step by step.
pub(super) fn rows_after(asked: usize, batch: &RowBatch, cells: usize, page_bytes: usize) -> usize {
    let row_bytes = RowSize { bytes: batch.byte_len(), cells }.weight() / batch.len().max(1) + 1;
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
                    self.held = None;
                    self.rows = (self.rows / 4).max(1);
                }
                Err(failure) if failure.is_lost_scanner() || failure.may_pass() => {
                    self.held = None;
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
        // While the pool is there.
        self.held = None;
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
