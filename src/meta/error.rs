//! Why meta data could not be read or written.

use crate::point::json::JsonError;
use crate::store::StoreError;
use crate::uid::UidError;

/// What went wrong with meta data.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetaError {
    /// A name or an id is unknown.
    #[error("{0}")]
    Unknown(UidError),
    /// The caller's mistake, in OpenTSDB's words where it has some.
    #[error("{0}")]
    Illegal(String),
    /// What is stored cannot be read; others can. The text tells the place.
    #[error("table {table}, row {row}, column name:{column}: {why}")]
    Unreadable {
        /// Table.
        table: String,
        /// Row key in hex.
        row: String,
        /// Qualifier.
        column: String,
        /// What is wrong with the value.
        why: String,
    },
    /// Somebody changes the same meta data all the time.
    #[error("This may be caused by another process modifying storage data")]
    Contended,
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MetaError {
    /// True if the same call can succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, MetaError::Store(StoreError::Unavailable(_) | StoreError::MaybeApplied { .. }))
    }
}

impl From<UidError> for MetaError {
    fn from(error: UidError) -> MetaError {
        match error {
            UidError::Store(error) => MetaError::Store(error),
            UidError::Refused(text) => MetaError::Illegal(text),
            other => MetaError::Unknown(other),
        }
    }
}

impl From<JsonError> for MetaError {
    fn from(error: JsonError) -> MetaError {
        MetaError::Illegal(error.0)
    }
}
