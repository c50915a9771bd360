//! Small records in a table of our own: screens, and what workers share (leases, alerts, claims, silences, rules).
//!
//! OpenTSDB does not know this fifth table (`tsd.storage.worker.table`), and a TSD works without it: whoever needs a
//! record is told how to make the table. A record is one cell:
//!
//! | row | column | value |
//! | --- | --- | --- |
//! | kind, `/`, id | `t:v` | the record, as its owner writes it: JSON as a rule |
//!
//! A kind is a word (`screen`, `lease`), an id is text and may hold slashes of its own, so that records that belong
//! together can be listed by the beginning of their ids. What a record means, its owner alone knows.

mod error;

pub use error::DeskError;

use crate::store::{Columns, Mutation, RowBatch, RowMutation, RowView, Scan, Store, StoreError, after_prefix};
use std::sync::Arc;
use std::time::Duration;

/// The column family.
pub const FAMILY: &str = "t";
/// The one column of a record.
const QUALIFIER: &[u8] = b"v";
/// Longest kind, in bytes.
const KIND_BYTES_MAX: usize = 32;
/// Longest id, in bytes.
const ID_BYTES_MAX: usize = 512;
/// Longest record, in bytes.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// Records of a page at most.
pub const PAGE_RECORDS_MAX: usize = 1000;
/// Bytes of records after which a page ends.
const PAGE_BYTES_MAX: usize = 8 << 20;
/// How often a put or delete whose outcome is unknown is repeated.
const WRITE_ATTEMPTS: usize = 3;
/// In HBase a delete hides whatever is put in its own millisecond: nothing is put before the next one has begun.
const DELETE_PAUSE: Duration = Duration::from_millis(2);

/// `Result` of the desk's calls.
pub type Result<T> = std::result::Result<T, DeskError>;

/// The table of records. Every method may block, and may be called from many threads at once.
pub struct Desk {
    store: Arc<dyn Store>,
    table: String,
}

/// A record as it stands in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id, without the kind.
    pub id: String,
    /// What was put.
    pub value: Vec<u8>,
    /// When it was put, by the store's clock: milliseconds since the epoch.
    pub time: i64,
}

/// Some records of a kind, in order of the bytes of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records.
    pub records: Vec<Record>,
    /// There are more, after this id.
    pub more_after: Option<String>,
}

impl Desk {
    /// Over a table that need not be there. Reads nothing yet.
    pub fn new(store: Arc<dyn Store>, table: &str) -> Desk {
        Desk { store, table: table.to_owned() }
    }

    /// Name of the table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Whether the table is there.
    pub fn is_there(&self) -> Result<bool> {
        Ok(self.store.tables()?.contains(&self.table))
    }

    /// The record, if there is one.
    pub fn get(&self, kind: &str, id: &str) -> Result<Option<Record>> {
        let row = row_key(kind, id)?;
        let mut batch = RowBatch::default();
        self.store.get(&self.table, &[row], &columns(), &mut batch).map_err(|error| self.explain(error))?;
        batch.row(0).and_then(|row| record(&row, kind)).transpose()
    }

    /// Puts a record, over what is there. On disk when it returns.
    pub fn put(&self, kind: &str, id: &str, value: &[u8]) -> Result<()> {
        check_value(value)?;
        self.write(row_key(kind, id)?, Mutation::Put { family: FAMILY, qualifier: QUALIFIER.to_vec(), value: value.to_vec() })
    }

    /// Puts a record if what was read (`None`: nothing) is still there. False: somebody was faster. On disk when it
    /// returns. A value must differ from every earlier one of its record (by a version or a time in it): an unknown outcome
    /// is found out by reading back.
    pub fn check_and_put(&self, kind: &str, id: &str, read: Option<&[u8]>, value: &[u8]) -> Result<bool> {
        check_value(value)?;
        let row = row_key(kind, id)?;
        match self.store.check_and_put(&self.table, &row, FAMILY, QUALIFIER, read, value) {
            Err(StoreError::MaybeApplied { who, deadline }) => {
                let now = self.get(kind, id)?.map(|record| record.value);
                match now.as_deref() {
                    now if now == Some(value) => Ok(true),
                    // Not yet, it may still come.
                    now if now == read => Err(StoreError::MaybeApplied { who, deadline }.into()),
                    _ => Ok(false),
                }
            }
            done => done.map_err(|error| self.explain(error)),
        }
    }

    /// Deletes a record, which need not be there.
    pub fn delete(&self, kind: &str, id: &str) -> Result<()> {
        self.write(row_key(kind, id)?, Mutation::Delete { family: FAMILY, qualifier: QUALIFIER.to_vec() })?;
        if !self.store.is_private() {
            std::thread::sleep(DELETE_PAUSE);
        }
        Ok(())
    }

    /// Records whose ids begin with `prefix`, behind the id `after`, `max` at most (and [`PAGE_RECORDS_MAX`]). To go on:
    /// `after` is the page's `more_after`.
    pub fn list(&self, kind: &str, prefix: &str, after: Option<&str>, max: usize) -> Result<Page> {
        let all = row_key(kind, prefix)?;
        let stop = after_prefix(&all);
        let start = match after {
            Some(id) if id >= prefix => [row_key(kind, id)?.as_slice(), &[0]].concat(),
            _ => all,
        };
        let max = max.clamp(1, PAGE_RECORDS_MAX);
        if !stop.is_empty() && start >= stop {
            return Ok(Page::default());
        }
        let scan = Scan { columns: columns(), batch_rows: max + 1, ..Scan::range(start, stop) };
        let mut scanner = self.store.scan(&self.table, scan).map_err(|error| self.explain(error))?;
        let (mut batch, mut page, mut bytes) = (RowBatch::default(), Page::default(), 0);
        while scanner.next(&mut batch).map_err(|error| self.explain(error))? {
            for row in batch.rows() {
                if page.records.len() == max || bytes >= PAGE_BYTES_MAX {
                    page.more_after = page.records.last().map(|last| last.id.clone());
                    return Ok(page);
                }
                if let Some(record) = record(&row, kind) {
                    let record = record?;
                    bytes += record.value.len();
                    page.records.push(record);
                }
            }
        }
        Ok(page)
    }

    /// Puts and deletes may be repeated, so an unknown outcome is tried again.
    fn write(&self, row: Vec<u8>, mutation: Mutation) -> Result<()> {
        let row = [RowMutation { row, mutations: vec![mutation], time: None }];
        let mut attempt = 1;
        loop {
            match self.store.write(&self.table, &row) {
                Err(StoreError::MaybeApplied { .. }) if attempt < WRITE_ATTEMPTS => attempt += 1,
                result => {
                    result.map_err(|error| self.explain(error))?;
                    return Ok(self.store.sync()?);
                }
            }
        }
    }

    /// A refusal because the table is not there says so.
    fn explain(&self, error: StoreError) -> DeskError {
        match error {
            StoreError::Rejected(_) if matches!(self.is_there(), Ok(false)) => {
                DeskError::NoTable { store: self.store.describe(), table: self.table.clone() }
            }
            other => DeskError::Store(other),
        }
    }
}

fn columns() -> Columns {
    Columns::Only(vec![(FAMILY, QUALIFIER.to_vec())])
}

/// The record of a row; nothing if the row has columns, but not that one.
fn record(row: &RowView<'_>, kind: &str) -> Option<Result<Record>> {
    let cell = row.cells().find(|cell| cell.family == FAMILY.as_bytes() && cell.qualifier == QUALIFIER)?;
    let id = row.key().get(kind.len() + 1..).and_then(|id| std::str::from_utf8(id).ok());
    Some(match id {
        Some(id) => Ok(Record { id: id.to_owned(), value: cell.value.to_vec(), time: cell.time }),
        None => Err(DeskError::Invalid(format!("a row of kind {kind} has an id that is no text"))),
    })
}

/// Kind, slash, id. The id may be empty where it is the beginning of others; a record has one.
fn row_key(kind: &str, id: &str) -> Result<Vec<u8>> {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if kind.is_empty() || kind.len() > KIND_BYTES_MAX || !kind.bytes().all(word) {
        return Err(DeskError::Invalid(format!(
            "{kind:?} is no kind of record: 1 to {KIND_BYTES_MAX} lower-case letters, digits and hyphens"
        )));
    }
    if id.len() > ID_BYTES_MAX || id.chars().any(char::is_control) {
        return Err(DeskError::Invalid(format!("{id:?} is no id of a record: at most {ID_BYTES_MAX} bytes, no control characters")));
    }
    Ok([kind.as_bytes(), b"/", id.as_bytes()].concat())
}

fn check_value(value: &[u8]) -> Result<()> {
    match value.len() {
        // In HBase a check against an empty value cannot be told from one against nothing.
        0 => Err(DeskError::Invalid("a record cannot be empty".to_owned())),
        long if long > VALUE_BYTES_MAX => {
            Err(DeskError::Invalid(format!("a record of {long} bytes is too long: at most {VALUE_BYTES_MAX} bytes")))
        }
        _ => Ok(()),
    }
}
