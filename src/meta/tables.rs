//! Meta data in the tables: reading, changing, making and deleting it, for the API, the live part and the tools.
//!
//! A change is made to the bytes that were read (check-and-put) and tried again if somebody was faster.

use super::error::MetaError;
use super::ids::IdMetas;
use super::ts_meta::{COUNTER_QUALIFIER, META_QUALIFIER, TsChange, TsMeta};
use super::uid_meta::{UidChange, UidMeta};
use crate::codec::{Layout, to_hex};
use crate::store::{Columns, Mutation, RowBatch, RowMutation, RowView, Store, StoreError};
use crate::uid::{NAME_FAMILY, UidKind, Uids};
use std::sync::Arc;

/// How often a change is tried when others change the same meta data.
const CHANGE_ATTEMPTS: usize = 5;
/// How often a put whose outcome is unknown is repeated.
const WRITE_ATTEMPTS: usize = 3;

/// The tables of meta data.
pub struct MetaTables {
    pub(super) store: Arc<dyn Store>,
    pub(super) uids: Arc<Uids>,
    pub(super) layout: Layout,
    pub(super) table: String,
}

/// A TSUID taken apart.
pub struct SeriesIds<'t> {
    /// The metric.
    pub metric: &'t [u8],
    /// Names and values of tags.
    pub tags: Vec<(&'t [u8], &'t [u8])>,
}

impl MetaTables {
    /// Over the table of names, which `uids` knows, and the table of series.
    pub fn new(store: Arc<dyn Store>, uids: Arc<Uids>, layout: Layout, table: &str) -> MetaTables {
        MetaTables { store, uids, layout, table: table.to_owned() }
    }

    /// Name of the table of series.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Takes a TSUID apart, or says what is wrong with it in OpenTSDB's words.
    pub fn split<'t>(&self, tsuid: &'t [u8]) -> Result<SeriesIds<'t>, MetaError> {
        let illegal = |text: &str| Err(MetaError::Illegal(text.to_owned()));
        let (metric, tags) = match tsuid.split_at_checked(usize::from(self.layout.metric_width)) {
            None | Some((_, [])) => return illegal("TSUID is too short, may be missing tags"),
            Some(parts) => parts,
        };
        let pairs = tags.chunks_exact(self.layout.pair_width().max(1));
        if !pairs.remainder().is_empty() {
            return illegal("The TSUID appears to be malformed, improper tag width");
        }
        let at = usize::from(self.layout.tagk_width);
        Ok(SeriesIds { metric, tags: pairs.map(|pair| pair.split_at_checked(at).unwrap_or((pair, b""))).collect() })
    }

    /// Meta data of an id; with nothing but its name if none is stored. An error if the id has no name.
    pub fn uid_meta(&self, kind: UidKind, uid: &[u8]) -> Result<UidMeta, MetaError> {
        let name = self.uids.name(kind, uid)?;
        match self.cell(self.uids.table(), uid, kind.meta_qualifier().as_bytes())? {
            Some(json) => self.read_uid_meta(kind, uid, &name, &json),
            None => Ok(UidMeta::new(kind, uid, &name)),
        }
    }

    pub(super) fn read_uid_meta(&self, kind: UidKind, uid: &[u8], name: &str, json: &[u8]) -> Result<UidMeta, MetaError> {
        UidMeta::read(kind, uid, name, json).map_err(|e| unreadable(self.uids.table(), uid, kind.meta_qualifier().as_bytes(), e.0))
    }

    /// Stores meta data of an id, over what is there.
    pub fn put_uid_meta(&self, meta: &UidMeta) -> Result<(), StoreError> {
        put_uid_meta(self.store.as_ref(), self.uids.table(), meta)
    }

    /// Changes meta data of an id; it need not be there. `replaced`: see [`UidMeta::changed`].
    pub fn change_uid_meta(&self, kind: UidKind, uid: &[u8], change: &UidChange, replaced: bool) -> Result<UidMeta, MetaError> {
        let name = self.uids.name(kind, uid)?;
        let column = kind.meta_qualifier().as_bytes();
        for _ in 0..CHANGE_ATTEMPTS {
            let stored = self.cell(self.uids.table(), uid, column)?;
            let old = match &stored {
                Some(json) => self.read_uid_meta(kind, uid, &name, json)?,
                None => UidMeta::new(kind, uid, &name),
            };
            let new = old.changed(change, replaced);
            if self.swap(self.uids.table(), uid, column, stored.as_deref(), &new.to_json())? {
                return Ok(new);
            }
        }
        Err(MetaError::Contended)
    }

    /// Deletes meta data of an id. It need not be there, nor need the id.
    pub fn delete_uid_meta(&self, kind: UidKind, uid: &[u8]) -> Result<(), MetaError> {
        self.delete(self.uids.table(), uid, kind.meta_qualifier().as_bytes())
    }

    /// Meta data of a series with that of its ids; none if none is stored, though its points may be counted.
    pub fn ts_meta(&self, tsuid: &[u8]) -> Result<Option<TsMeta>, MetaError> {
        let mut batch = RowBatch::default();
        self.store.get(&self.table, &[tsuid.to_vec()], &ts_columns(), &mut batch)?;
        let Some(row) = batch.row(0) else { return Ok(None) };
        let Some(meta) = self.read_ts_meta(&row)? else { return Ok(None) };
        self.load_ids(meta).map(Some)
    }

    /// Meta data of a series from its row, without that of its ids.
    pub fn read_ts_meta(&self, row: &RowView<'_>) -> Result<Option<TsMeta>, MetaError> {
        let Some(json) = row.value(NAME_FAMILY, META_QUALIFIER) else { return Ok(None) };
        let mut meta = TsMeta::read(row.key(), json).map_err(|e| unreadable(&self.table, row.key(), META_QUALIFIER, e.0))?;
        if let Some(cell) = row.cells().find(|cell| cell.qualifier == COUNTER_QUALIFIER) {
            meta.total_points = self.counter(row.key(), cell.value)?;
            meta.last_received = cell.time / 1000;
        }
        Ok(Some(meta))
    }

    /// A counter's value.
    pub fn counter(&self, tsuid: &[u8], value: &[u8]) -> Result<i64, MetaError> {
        match value.as_array::<8>() {
            Some(bytes) => Ok(i64::from_be_bytes(*bytes)),
            None => Err(unreadable(&self.table, tsuid, COUNTER_QUALIFIER, format!("a counter has 8 bytes, not {}", value.len()))),
        }
    }

    /// Adds the meta data of metric and tags.
    pub fn load_ids(&self, meta: TsMeta) -> Result<TsMeta, MetaError> {
        let ids = IdMetas::read(self, std::slice::from_ref(&meta))?;
        ids.add_to(self, meta)
    }

    /// Stores meta data of a series, over what is there.
    pub fn put_ts_meta(&self, meta: &TsMeta) -> Result<(), StoreError> {
        write(self.store.as_ref(), &self.table, &[put(&meta.tsuid, META_QUALIFIER, meta.to_json())])
    }

    /// Changes meta data of a series, which must be there. `replaced`: see [`TsMeta::changed`].
    pub fn change_ts_meta(&self, tsuid: &[u8], change: &TsChange, replaced: bool) -> Result<TsMeta, MetaError> {
        self.check_ids(tsuid)?;
        for _ in 0..CHANGE_ATTEMPTS {
            let mut batch = RowBatch::default();
            self.store.get(&self.table, &[tsuid.to_vec()], &ts_columns(), &mut batch)?;
            let row = batch.row(0);
            let Some(old) = row.as_ref().map(|row| self.read_ts_meta(row)).transpose()?.flatten() else {
                return Err(MetaError::Illegal("Requested TSMeta did not exist".to_owned()));
            };
            let stored = row.and_then(|row| row.value(NAME_FAMILY, META_QUALIFIER)).map(<[u8]>::to_vec);
            let new = old.changed(change, replaced);
            if self.swap(&self.table, tsuid, META_QUALIFIER, stored.as_deref(), &new.to_json())? {
                return self.load_ids(new);
            }
        }
        Err(MetaError::Contended)
    }

    /// Makes meta data of a series that has none, with a counter of 0 if it has no counter.
    pub fn create_ts_meta(&self, tsuid: &[u8], change: &TsChange) -> Result<TsMeta, MetaError> {
        self.check_ids(tsuid)?;
        let mut meta = TsMeta::new(tsuid, 0);
        meta.set(change);
        let _there = self.swap(&self.table, tsuid, COUNTER_QUALIFIER, None, &0i64.to_be_bytes())?;
        if !self.swap(&self.table, tsuid, META_QUALIFIER, None, &meta.to_json())? {
            return Err(MetaError::Contended);
        }
        self.ts_meta(tsuid)?.ok_or(MetaError::Contended)
    }

    /// Deletes meta data of a series; its counter stays. It need not be there.
    pub fn delete_ts_meta(&self, tsuid: &[u8]) -> Result<(), MetaError> {
        self.delete(&self.table, tsuid, META_QUALIFIER)
    }

    /// Whether a series has meta data, whatever is in it.
    pub fn has_ts_meta(&self, tsuid: &[u8]) -> Result<bool, MetaError> {
        Ok(self.cell(&self.table, tsuid, META_QUALIFIER)?.is_some())
    }

    /// That every id of a series has a name.
    fn check_ids(&self, tsuid: &[u8]) -> Result<(), MetaError> {
        let ids = self.split(tsuid)?;
        self.uids.name(UidKind::Metric, ids.metric)?;
        for (name, value) in ids.tags {
            self.uids.name(UidKind::Tagk, name)?;
            self.uids.name(UidKind::Tagv, value)?;
        }
        Ok(())
    }

    fn cell(&self, table: &str, row: &[u8], column: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut batch = RowBatch::default();
        let columns = Columns::Only(vec![(NAME_FAMILY, column.to_vec())]);
        self.store.get(table, &[row.to_vec()], &columns, &mut batch)?;
        Ok(batch.row(0).and_then(|row| row.value(NAME_FAMILY, column)).map(<[u8]>::to_vec))
    }

    /// Check-and-put; an unknown outcome is read back. False: somebody else wrote meanwhile.
    pub(super) fn swap(&self, table: &str, row: &[u8], column: &[u8], old: Option<&[u8]>, new: &[u8]) -> Result<bool, StoreError> {
        match self.store.check_and_put(table, row, NAME_FAMILY, column, old, new) {
            Err(StoreError::MaybeApplied { .. }) => Ok(self.cell(table, row, column)?.as_deref() == Some(new)),
            done => done,
        }
    }

    fn delete(&self, table: &str, row: &[u8], column: &[u8]) -> Result<(), MetaError> {
        let mutations = vec![Mutation::Delete { family: NAME_FAMILY, qualifier: column.to_vec() }];
        Ok(write(self.store.as_ref(), table, &[RowMutation { row: row.to_vec(), mutations, time: None }])?)
    }
}

/// Both columns of a series.
pub fn ts_columns() -> Columns {
    Columns::Only(vec![(NAME_FAMILY, COUNTER_QUALIFIER.to_vec()), (NAME_FAMILY, META_QUALIFIER.to_vec())])
}

/// A row with one cell of meta data.
pub(super) fn put(row: &[u8], column: &[u8], value: Vec<u8>) -> RowMutation {
    let mutation = Mutation::Put { family: NAME_FAMILY, qualifier: column.to_vec(), value };
    RowMutation { row: row.to_vec(), mutations: vec![mutation], time: None }
}

/// Stores meta data of an id, over what is there.
pub(super) fn put_uid_meta(store: &dyn Store, table: &str, meta: &UidMeta) -> Result<(), StoreError> {
    write(store, table, &[put(&meta.uid, meta.kind.meta_qualifier().as_bytes(), meta.to_json())])
}

/// Writes rows; puts and deletes may be repeated, so an unknown outcome is tried again.
pub(super) fn write(store: &dyn Store, table: &str, rows: &[RowMutation]) -> Result<(), StoreError> {
    let mut attempt = 1;
    loop {
        match store.write(table, rows) {
            Err(StoreError::MaybeApplied { .. }) if attempt < WRITE_ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

fn unreadable(table: &str, row: &[u8], column: &[u8], why: String) -> MetaError {
    let column = String::from_utf8_lossy(column).into_owned();
    MetaError::Unreadable { table: table.to_owned(), row: to_hex(row), column, why }
}

/// An id in hex as the API takes it; there must be one.
pub fn id_from_hex(text: &str) -> Result<Vec<u8>, MetaError> {
    if text.is_empty() {
        return Err(MetaError::Illegal("UID was empty".to_owned()));
    }
    crate::codec::id_from_hex(text).map_err(MetaError::Illegal)
}
