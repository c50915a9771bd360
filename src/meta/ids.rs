//! Names and meta data of many ids at once: the ids of series that are shown together are mostly the same.

use super::error::MetaError;
use super::tables::MetaTables;
use super::ts_meta::TsMeta;
use super::uid_meta::UidMeta;
use crate::codec::java_bytes;
use crate::store::{Columns, RowBatch};
use crate::uid::{NAME_FAMILY, UidError, UidKind, from_latin_1};
use std::collections::{BTreeSet, HashMap};

/// Rows of a call to the store.
const CALL_ROWS: usize = 500;

/// What is known about the ids of some series.
pub struct IdMetas(HashMap<(UidKind, Vec<u8>), Result<UidMeta, MetaError>>);

impl IdMetas {
    /// Reads what the ids of these series need. Those of a broken TSUID are left out.
    pub fn read(tables: &MetaTables, series: &[TsMeta]) -> Result<IdMetas, MetaError> {
        let mut wanted: [BTreeSet<&[u8]>; 3] = Default::default();
        for meta in series {
            let Ok(ids) = tables.split(&meta.tsuid) else { continue };
            let [metrics, names, values] = &mut wanted;
            metrics.insert(ids.metric);
            for (name, value) in ids.tags {
                names.insert(name);
                values.insert(value);
            }
        }
        let mut found = HashMap::new();
        for (kind, ids) in UidKind::ALL.into_iter().zip(wanted) {
            let ids: Vec<&[u8]> = ids.into_iter().collect();
            for ids in ids.chunks(CALL_ROWS) {
                read_call(tables, kind, ids, &mut found)?;
            }
        }
        Ok(IdMetas(found))
    }

    /// Adds to a series what is known about its metric and tags.
    pub fn add_to(&self, tables: &MetaTables, mut meta: TsMeta) -> Result<TsMeta, MetaError> {
        let tsuid = std::mem::take(&mut meta.tsuid);
        let ids = tables.split(&tsuid)?;
        meta.metric = Some(self.get(UidKind::Metric, ids.metric)?);
        meta.tags.clear();
        for (name, value) in ids.tags {
            meta.tags.push(self.get(UidKind::Tagk, name)?);
            meta.tags.push(self.get(UidKind::Tagv, value)?);
        }
        meta.tsuid = tsuid;
        Ok(meta)
    }

    fn get(&self, kind: UidKind, id: &[u8]) -> Result<UidMeta, MetaError> {
        match self.0.get(&(kind, id.to_vec())) {
            Some(known) => known.clone(),
            None => Err(MetaError::Unknown(UidError::NoSuchId { kind: kind.qualifier(), id: java_bytes(id) })),
        }
    }
}

fn read_call(
    tables: &MetaTables,
    kind: UidKind,
    ids: &[&[u8]],
    found: &mut HashMap<(UidKind, Vec<u8>), Result<UidMeta, MetaError>>,
) -> Result<(), MetaError> {
    let (name_column, meta_column) = (kind.qualifier().as_bytes(), kind.meta_qualifier().as_bytes());
    let columns = Columns::Only(vec![(NAME_FAMILY, name_column.to_vec()), (NAME_FAMILY, meta_column.to_vec())]);
    let keys: Vec<Vec<u8>> = ids.iter().map(|id| id.to_vec()).collect();
    let mut batch = RowBatch::default();
    tables.store.get(tables.uids.table(), &keys, &columns, &mut batch)?;
    for row in batch.rows() {
        let Some(name) = row.value(NAME_FAMILY, name_column) else { continue };
        let name = from_latin_1(name);
        let meta = match row.value(NAME_FAMILY, meta_column) {
            Some(json) => tables.read_uid_meta(kind, row.key(), &name, json),
            None => Ok(UidMeta::new(kind, row.key(), &name)),
        };
        found.insert((kind, row.key().to_vec()), meta);
    }
    Ok(())
}
