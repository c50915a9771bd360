//! Tables of rows of cells: bytes only. Two engines, [`hbase`] and [`embedded`], one trait.
//!
//! The trait is synchronous: both engines block, and callers run on plain threads.

pub mod batch;
pub mod copy;
pub mod embedded;
pub mod hbase;
#[cfg(test)]
pub(crate) mod memory;

pub use batch::{CellView, RowBatch, RowView};

use std::time::Duration;

/// What a store could not do, by what the caller may do about it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Nothing was written. Try again later or keep the data in the journal.
    #[error("storage is not reachable: {0}")]
    Unavailable(String),
    /// The call may have been carried out. Puts can be repeated; read back anything else.
    #[error("{who} did not answer within {deadline:?}")]
    MaybeApplied {
        /// Gateway or engine.
        who: String,
        /// The deadline that passed.
        deadline: Duration,
    },
    /// The store refuses this call and always will (missing table, bad filter, ...).
    #[error("{0}")]
    Rejected(String),
    /// Data on disk or on the wire is not what it says it is.
    #[error("corrupt: {0}")]
    Corrupt(String),
}

/// `Result` of store calls.
pub type Result<T> = std::result::Result<T, StoreError>;

/// One change inside a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Writes a cell. Without a time the engine's own clock orders writes.
    Put {
        /// Column family.
        family: &'static str,
        /// Column qualifier.
        qualifier: Vec<u8>,
        /// The bytes.
        value: Vec<u8>,
    },
    /// Deletes a cell: every version of it not newer than the row mutation's time (now, without one).
    Delete {
        /// Column family.
        family: &'static str,
        /// Column qualifier.
        qualifier: Vec<u8>,
    },
}

/// Changes of one row, applied together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowMutation {
    /// Row key.
    pub row: Vec<u8>,
    /// What to change.
    pub mutations: Vec<Mutation>,
    /// Milliseconds since the epoch that all cells and deletes of this row carry; `None`: the engine's clock.
    pub time: Option<i64>,
}

/// Which columns a read returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    /// All of them.
    #[default]
    All,
    /// One family.
    Family(&'static str),
    /// Single columns (family, qualifier).
    Only(Vec<(&'static str, Vec<u8>)>),
}

/// One tag of a prefilter: the row key must hold `key` followed by one of `values` (any value if empty).
/// Bytes of UIDs, as they stand in row keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagBytes {
    /// UID of the tag name.
    pub key: Vec<u8>,
    /// UIDs of the accepted values; empty: any.
    pub values: Vec<Vec<u8>>,
}

/// A hint which rows of a scan can matter, told by the tag pairs in their keys. Engines may use it to send fewer
/// rows, never to lose one that matches: the exact test is repeated by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefilter {
    /// Bytes before the tags: salt, metric and base time.
    pub skip: usize,
    /// Width of a tag name's UID.
    pub tagk_width: usize,
    /// Width of a tag value's UID.
    pub tagv_width: usize,
    /// Tags that must all be there, in ascending order of key. Other tags may stand between them.
    pub tags: Vec<TagBytes>,
}

/// What to scan.
#[derive(Clone, Debug)]
pub struct Scan {
    /// First row, included.
    pub start: Vec<u8>,
    /// Row to stop before; empty: the end of the table.
    pub stop: Vec<u8>,
    /// Columns to return.
    pub columns: Columns,
    /// Rows that can be left out.
    pub prefilter: Option<Prefilter>,
    /// Rows a batch at most; engines bound the bytes of a batch as well.
    pub batch_rows: usize,
    /// From the last row to the first: `start` is then the highest row, `stop` the lowest, both included.
    pub reverse: bool,
    /// Only the keys of rows matter: an engine may send one cell of a row, and that without its value.
    pub keys_only: bool,
    /// How large the rows are, where the asker has read such rows before: a hint for how many to fetch at once.
    pub row_size: Option<RowSize>,
    /// The times in the row keys, four bytes before the tags, are multiples of this: a hint where rows can stand.
    pub time_step: Option<u32>,
}

/// The size of a row, about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowSize {
    /// Bytes of its key and its cells.
    pub bytes: usize,
    /// Cells.
    pub cells: usize,
}

/// What a cell costs beside its bytes, in bytes: about what a gateway sends with it.
const CELL_BYTES: usize = 56;

impl RowSize {
    /// Both as bytes.
    pub fn weight(self) -> usize {
        self.bytes.saturating_add(self.cells.saturating_mul(CELL_BYTES))
    }
}

impl Scan {
    /// Everything from `start` up to `stop`, in batches of 512 rows.
    pub fn range(start: impl Into<Vec<u8>>, stop: impl Into<Vec<u8>>) -> Scan {
        let (start, stop) = (start.into(), stop.into());
        Scan {
            start,
            stop,
            columns: Columns::All,
            prefilter: None,
            batch_rows: 512,
            reverse: false,
            keys_only: false,
            row_size: None,
            time_step: None,
        }
    }
}

/// The first row key behind all that begin with `prefix`; empty: there is none.
pub fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut stop = prefix.to_vec();
    while let Some(last) = stop.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            break;
        }
        stop.pop();
    }
    stop
}

/// A running scan. Rows come whole (all their columns in one batch) and in order of their keys;
/// dropping it closes the scanner.
pub trait Scanner: Send {
    /// Replaces `batch` with the next rows. False, and an empty batch, when the scan has ended; an empty batch alone says
    /// that there was work without a find, so that the caller can look whether it still wants to go on.
    fn next(&mut self, batch: &mut RowBatch) -> Result<bool>;
}

/// How a table is made where it is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// Its name.
    pub name: String,
    /// Column families, each with its settings.
    pub families: Vec<FamilySpec>,
}

impl TableSpec {
    /// A table of one version a cell, for ever, neither compressed nor of another kind than HBase makes by itself.
    pub fn plain(name: impl Into<String>, families: &[&'static str]) -> TableSpec {
        let family = |name: &&'static str| FamilySpec { name, compression: "NONE".into(), bloom: "ROW".into(), versions: 1, ttl: None };
        TableSpec { name: name.into(), families: families.iter().map(family).collect() }
    }
}

/// A column family of a new table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilySpec {
    /// Its name: `t`, `id` or `name`.
    pub name: &'static str,
    /// `NONE`, `GZ`, `LZO`, `SNAPPY`, ...
    pub compression: String,
    /// `ROW`, `ROWCOL` or `NONE`.
    pub bloom: String,
    /// Versions kept.
    pub versions: u32,
    /// Seconds to live; `None`: for ever.
    pub ttl: Option<u32>,
}

/// Tables of rows of cells. Every method may block, and may be called from many threads at once.
pub trait Store: Send + Sync {
    /// Applies every row; durable when it returns (HBase: in its log; embedded: after the next [`Store::sync`]).
    /// Rows are independent: after an error some may have been written. Repeating is safe.
    fn write(&self, table: &str, rows: &[RowMutation]) -> Result<()>;
    /// Reads rows by key. Missing rows are left out; the rest come in the order of `keys`.
    fn get(&self, table: &str, keys: &[Vec<u8>], columns: &Columns, batch: &mut RowBatch) -> Result<()>;
    /// Starts a scan.
    fn scan(&self, table: &str, scan: Scan) -> Result<Box<dyn Scanner>>;
    /// Adds `by` to an 8-byte big-endian counter cell (absent: 0) and returns the new value. Never repeated blindly.
    fn increment(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], by: i64) -> Result<i64>;
    /// Writes the cell only if it holds `expected` now (`None`: only if it does not exist).
    fn check_and_put(
        &self,
        table: &str,
        row: &[u8],
        family: &'static str,
        qualifier: &[u8],
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<bool>;
    /// Appends bytes to a cell (absent: creates it). Never repeated blindly.
    fn append(&self, table: &str, row: &[u8], family: &'static str, qualifier: &[u8], value: &[u8]) -> Result<()>;
    /// Which tables exist.
    fn tables(&self) -> Result<Vec<String>>;
    /// Creates a table, split at `splits` (ascending row keys) where the engine has regions.
    fn create_table(&self, spec: &TableSpec, splits: &[Vec<u8>]) -> Result<()>;
    /// Everything written before this call is on disk when it returns.
    fn sync(&self) -> Result<()>;
    /// For messages: `HBase through 127.0.0.1:9090`, `embedded store in ./tsdb-data`.
    fn describe(&self) -> String;
    /// True for the store that only this process reads and writes.
    fn is_private(&self) -> bool;
    /// Gauges and counters of the engine, by name (`store.` is put before them).
    fn stats(&self, emit: &mut dyn FnMut(&str, u64));
}

/// Rows that wait in memory and are newer than what the store holds: a reader merges both.
pub trait Overlay: Send + Sync {
    /// The waiting rows from `start` up to `stop` (empty: the end), in order of their keys, as cells whose time is
    /// `i64::MAX`. A copy: it stays as it is while the reader works.
    fn pin(&self, table: &str, start: &[u8], stop: &[u8]) -> RowBatch;
}
