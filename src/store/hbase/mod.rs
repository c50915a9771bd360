//! HBase through Thrift1 gateways.
//!
//! Read [`pool`] first (gateways, threads, queues), then [`retry`] (waiting and repeating), [`link`] (one connection),
//! [`message`] over [`writer`] and [`reader`] (the hot calls' bytes), [`rare`] (all other calls), [`scan`] over [`held`],
//! [`filter`], [`keyed`], [`skip`] over [`leap`], [`stride`] and [`weighed`].
//!
//! What a gateway does that its interface does not say (HBase 2.4): it closes connections idle for 60 s; it has one
//! thread a connection and accepts more connections than it serves; scanners belong to the process, not to the
//! connection, and stay open until closed; in one `mutateRows` it applies all puts before all deletes; a delete takes
//! every version up to its time; `createTable` knows no splits; an exception's text is a Java stack trace.

mod failure;
mod filter;
mod held;
mod inbox;
mod keyed;
mod leap;
mod link;
mod message;
mod options;
mod pool;
mod rare;
mod reader;
mod retry;
mod scan;
mod skip;
mod stride;
#[cfg(test)]
mod tests;
mod weighed;
mod writer;

pub use options::{CONNECTIONS_MAX, GATEWAY_PORT, HbaseOptions, Protocol, Transport};

use super::{Columns, Result, RowBatch, RowMutation, Scan, Scanner, Store, StoreError, TableSpec};
use failure::{Effect, Failure};
use pool::{Chunk, MERGE_BYTES_MAX, MERGE_CELLS_MAX, Pool, count};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Rows asked for in the first multi-get, and in any later one.
const GET_ROWS_FIRST: usize = 64;
const GET_ROWS_MAX: usize = 512;
/// Size that the answer of a multi-get is steered to: unlike a scan it walks to each row anew.
const GET_BYTES: usize = 4 * 1024 * 1024;
/// What a gateway says when it knows no region for a row.
const NO_LOCATION: &str = "servers with issues: null";
/// Creating a table may take this many deadlines.
const CREATE_PATIENCE: u32 = 6;

/// The tables of an HBase cluster.
pub struct HbaseStore {
    pool: Arc<Pool>,
}

impl HbaseStore {
    /// Starts the connections and waits until a gateway answers.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] for options out of range; [`StoreError::Unavailable`] if no gateway answers within twice
    /// the connect timeout, with each gateway's error.
    pub fn connect(options: HbaseOptions) -> Result<HbaseStore> {
        let patience = options.connect_timeout * 2;
        let store = HbaseStore::start(options)?;
        store.wait_until_up(patience)?;
        Ok(store)
    }

    /// Starts the connections and does not wait: calls fail with [`StoreError::Unavailable`] until a gateway answers.
    ///
    /// # Errors
    /// [`StoreError::Rejected`] for options out of range.
    pub fn start(options: HbaseOptions) -> Result<HbaseStore> {
        options.check()?;
        let pool = Pool::start(options).map_err(|e| StoreError::Unavailable(format!("starting a connection's thread: {e}")))?;
        Ok(HbaseStore { pool: Arc::new(pool) })
    }

    /// Waits until a gateway answers, or all have failed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with each gateway's error.
    pub fn wait_until_up(&self, patience: Duration) -> Result<()> {
        let common = &self.pool.common;
        let until = Instant::now() + patience;
        while common.up() == 0 {
            if common.all_down() || Instant::now() >= until {
                return Err(StoreError::Unavailable(common.troubles()));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn deadline(&self) -> Duration {
        self.pool.common.options.deadline
    }

    /// A scan that has the region server walk every row of its range.
    fn walk(&self, table: &str, scan: Scan) -> Box<dyn Scanner> {
        let filter = scan.prefilter.as_ref().and_then(filter::filter_string);
        let filter = filter.or_else(|| scan.keys_only.then(|| skip::KEYS_ONLY.to_owned()));
        match (filter, scan.prefilter.clone()) {
            (Some(filter), Some(prefilter)) if filter::is_loose(&filter) => {
                let store = HbaseStore { pool: self.pool.clone() };
                Box::new(keyed::KeyedScanner::new(store, table, scan, prefilter, &filter))
            }
            (filter, _) => Box::new(scan::HbaseScanner::new(self.pool.clone(), table, scan, filter)),
        }
    }

    /// Reads some rows; halves the question while the answer is too large.
    fn get_chunk(&self, table: &Arc<str>, keys: &[Vec<u8>], columns: &Arc<Columns>) -> Result<(RowBatch, usize)> {
        let asked: Arc<[Vec<u8>]> = Arc::from(keys);
        let result = self.pool.repeat(Effect::Reads, self.deadline(), || {
            let (table, keys, columns) = (table.clone(), asked.clone(), columns.clone());
            Box::new(move |link, at| {
                let mut batch = RowBatch::default();
                let cells = link.get(&table, &keys, &columns, &mut batch, at.until)?;
                Ok((batch, cells))
            })
        });
        match result {
            Ok(found) => Ok(found),
            Err(Failure::TooLarge(_)) if keys.len() > 1 => {
                let (left, right) = keys.split_at(keys.len() / 2);
                let (mut batch, mut cells) = self.get_chunk(table, left, columns)?;
                let (more, more_cells) = self.get_chunk(table, right, columns)?;
                more.rows().for_each(|row| scan::copy_row(row, &mut batch));
                cells += more_cells;
                Ok((batch, cells))
            }
            Err(failure) => {
                let what = format!("read of table {table}");
                Err(failure.into_error(Effect::Reads, &what, &self.pool.who(), self.deadline()))
            }
        }
    }
}

/// Encodes rows into chunks of one time that fit a call each.
fn chunks(table: &str, rows: &[RowMutation], protocol: Protocol) -> Vec<Arc<Chunk>> {
    let table: Arc<str> = Arc::from(table);
    let new = |time| Chunk { table: table.clone(), time, rows: 0, cells: 0, bytes: Vec::new() };
    let (mut done, mut open): (Vec<Arc<Chunk>>, Option<Chunk>) = (Vec::new(), None);
    for row in rows.iter().filter(|row| !row.mutations.is_empty()) {
        let fits = |chunk: &Chunk| {
            chunk.time == row.time && chunk.cells + row.mutations.len() <= MERGE_CELLS_MAX && chunk.bytes.len() < MERGE_BYTES_MAX
        };
        let mut chunk = match open.take() {
            Some(chunk) if fits(&chunk) => chunk,
            full => {
                done.extend(full.map(Arc::new));
                new(row.time)
            }
        };
        message::encode_row(&mut chunk.bytes, protocol, row);
        chunk.rows += 1;
        chunk.cells += row.mutations.len();
        open = Some(chunk);
    }
    done.extend(open.map(Arc::new));
    done
}

/// A scan that ends before it begins.
struct Nothing;

impl Scanner for Nothing {
    fn next(&mut self, batch: &mut RowBatch) -> Result<bool> {
        batch.clear();
        Ok(false)
    }
}

impl Store for HbaseStore {
    fn write(&self, table: &str, rows: &[RowMutation]) -> Result<()> {
        let chunks = chunks(table, rows, self.pool.common.options.protocol);
        if chunks.is_empty() {
            return Ok(());
        }
        let what = format!("write to table {table}");
        let result = self.pool.write(&chunks, &what);
        // A write to a missing table fails like one to a lost region: nothing but its name is in the message.
        if let Err(StoreError::Unavailable(text)) = &result
            && text.contains(NO_LOCATION)
            && self.tables().is_ok_and(|tables| !tables.iter().any(|name| name == table))
        {
            return Err(failure::no_such_table(&what));
        }
        result
    }

    fn get(&self, table: &str, keys: &[Vec<u8>], columns: &Columns, batch: &mut RowBatch) -> Result<()> {
        batch.clear();
        let (table, columns): (Arc<str>, _) = (Arc::from(table), Arc::new(columns.clone()));
        let (mut rest, mut rows) = (keys, GET_ROWS_FIRST);
        while !rest.is_empty() {
            let (asked, later) = rest.split_at(rows.min(rest.len()));
            rest = later;
            let (found, cells) = self.get_chunk(&table, asked, &columns)?;
            rows = scan::rows_after(rows, &found, cells, GET_BYTES).min(GET_ROWS_MAX);
            count(&self.pool.common.counters.cells_read, cells);
            count(&self.pool.common.counters.rows_read, found.len());
            if batch.is_empty() {
                *batch = found;
            } else {
                found.rows().for_each(|row| scan::copy_row(row, batch));
            }
        }
        Ok(())
    }

    fn scan(&self, table: &str, scan: Scan) -> Result<Box<dyn Scanner>> {
        if !scan.reverse && !scan.stop.is_empty() && scan.start >= scan.stop {
            return Ok(Box::new(Nothing)); // HBase itself would return the row `start`
        }
        let leap = scan.prefilter.as_ref().filter(|_| !scan.reverse).and_then(leap::Leap::new);
        match (leap, scan.prefilter.clone()) {
            (Some(leap), Some(prefilter)) => {
                let store = HbaseStore { pool: self.pool.clone() };
                Ok(Box::new(skip::SkipScanner::new(store, table, scan, &prefilter, leap)))
            }
            _ => Ok(self.walk(table, scan)),
        }
    }

    fn increment(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], by: i64) -> Result<i64> {
        self.pool.call(Effect::Once, &format!("increment in table {table}"), self.deadline(), || {
            let (table, row, qualifier) = (table.to_owned(), row.to_vec(), qualifier.to_vec());
            Box::new(move |link, at| rare::increment(link, at.until, &table, &row, (family, &qualifier), by))
        })
    }

    fn check_and_put(
        &self,
        table: &str,
        row: &[u8],
        family: &'static str,
        qualifier: &[u8],
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<bool> {
        self.pool.call(Effect::Once, &format!("check-and-put in table {table}"), self.deadline(), || {
            let (table, row, qualifier) = (table.to_owned(), row.to_vec(), qualifier.to_vec());
            let (expected, value) = (expected.map(<[u8]>::to_vec), value.to_vec());
            Box::new(move |link, at| rare::check_and_put(link, at.until, &table, &row, (family, &qualifier), expected.as_deref(), &value))
        })
    }

    fn append(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], value: &[u8]) -> Result<()> {
        self.pool.call(Effect::Once, &format!("append to table {table}"), self.deadline(), || {
            let (table, row, qualifier, value) = (table.to_owned(), row.to_vec(), qualifier.to_vec(), value.to_vec());
            Box::new(move |link, at| rare::append(link, at.until, &table, &row, (family, &qualifier), &value))
        })
    }

    fn tables(&self) -> Result<Vec<String>> {
        let task = || -> retry::Task<Vec<String>> { Box::new(|link, at| rare::tables(link, at.until)) };
        self.pool.call(Effect::Reads, "list of tables", self.deadline(), task)
    }

    fn create_table(&self, spec: &TableSpec, splits: &[Vec<u8>]) -> Result<()> {
        if !splits.is_empty() {
            tracing::warn!(
                table = spec.name,
                "a Thrift gateway cannot split a new table: it begins as one region, which HBase splits as it grows; \
                 create_table.sh makes it with {} splits",
                splits.len()
            );
        }
        let limit = self.deadline() * CREATE_PATIENCE;
        self.pool.call(Effect::Once, &format!("creation of table {}", spec.name), limit, || {
            let spec = spec.clone();
            Box::new(move |link, at| rare::create_table(link, at.until, &spec))
        })
    }

    fn sync(&self) -> Result<()> {
        Ok(()) // a write is in HBase's log when it returns
    }

    fn describe(&self) -> String {
        self.pool.who()
    }

    fn is_private(&self) -> bool {
        false
    }

    fn stats(&self, emit: &mut dyn FnMut(&str, u64)) {
        let common = &self.pool.common;
        let counters = &common.counters;
        let each = [
            ("hbase.calls", &counters.calls),
            ("hbase.errors", &counters.errors),
            ("hbase.repeats", &counters.repeats),
            ("hbase.reconnects", &counters.reconnects),
            ("hbase.cells_written", &counters.cells_written),
            ("hbase.cells_read", &counters.cells_read),
            ("hbase.rows_read", &counters.rows_read),
            ("hbase.leaps", &counters.leaps),
            ("hbase.merged_batches", &counters.merged_batches),
            ("hbase.scanners_left", &counters.scanners_left),
        ];
        each.iter().for_each(|(name, counter)| emit(name, counter.load(Ordering::Relaxed)));
        for gateway in 0..common.len() {
            emit(&format!("hbase.gateway.{}.up", common.name(gateway)), u64::from(common.is_up(gateway)));
        }
    }
}
