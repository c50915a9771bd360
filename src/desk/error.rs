//! What the desk could not do, by what the caller may do about it.

use crate::store::StoreError;

/// Why a record could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DeskError {
    /// The table is not there: everything else of the TSD works.
    #[error(
        "{store} has no table {table}, where screens and the records of workers are kept: make it with `tsdb create-tables`, \
         or name one that exists by tsd.storage.worker.table"
    )]
    NoTable {
        /// The store, described.
        store: String,
        /// The table's name.
        table: String,
    },
    /// Kind, id or value cannot be a record's.
    #[error("{0}")]
    Invalid(String),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}
