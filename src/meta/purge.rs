//! `uid metapurge`: deletes all meta data of ids and series and all counters; names and points stay.

use super::error::MetaError;
use super::tables::{MetaTables, write};
use super::ts_meta::{COUNTER_QUALIFIER, META_QUALIFIER};
use crate::store::{Columns, Mutation, RowBatch, RowMutation, Scan};
use crate::uid::{NAME_FAMILY, UidKind};

/// Cells that were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Meta data of ids.
    pub uids: u64,
    /// Meta data and counters of series.
    pub series: u64,
}

impl MetaTables {
    /// Deletes it all; `tell` hears how far it is. May be repeated.
    pub fn purge(&self, tell: &mut dyn FnMut(&Purged)) -> Result<Purged, MetaError> {
        let mut purged = Purged::default();
        let ids = UidKind::ALL.map(|kind| kind.meta_qualifier().as_bytes());
        self.purge_columns(self.uids.table(), &ids, &mut |cells| {
            purged.uids += cells;
            tell(&purged);
        })?;
        self.purge_columns(&self.table, &[COUNTER_QUALIFIER, META_QUALIFIER], &mut |cells| {
            purged.series += cells;
            tell(&purged);
        })?;
        self.store.sync()?;
        Ok(purged)
    }

    fn purge_columns(&self, table: &str, columns: &[&[u8]], deleted: &mut dyn FnMut(u64)) -> Result<(), MetaError> {
        let columns = Columns::Only(columns.iter().map(|column| (NAME_FAMILY, column.to_vec())).collect());
        let mut scanner = self.store.scan(table, Scan { columns, ..Scan::range([], []) })?;
        let mut batch = RowBatch::default();
        while scanner.next(&mut batch)? {
            let delete = |qualifier: &[u8]| Mutation::Delete { family: NAME_FAMILY, qualifier: qualifier.to_vec() };
            let rows: Vec<RowMutation> = batch
                .rows()
                .map(|row| RowMutation {
                    row: row.key().to_vec(),
                    mutations: row.cells().map(|c| delete(c.qualifier)).collect(),
                    time: None,
                })
                .collect();
            write(self.store.as_ref(), table, &rows)?;
            deleted(rows.iter().map(|row| row.mutations.len() as u64).sum());
        }
        Ok(())
    }
}
