//! Runs plans: fetch, decode, downsample, rate, group, aggregate.

use super::plan::{Group, Query, SubQuery};
use crate::codec::Layout;
use crate::store::{Overlay, Store, StoreError};
use crate::uid::{UidError, Uids};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Why a query has no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The question is wrong: 400 with this message.
    #[error("{message}")]
    Bad {
        /// What is wrong.
        message: String,
        /// OpenTSDB's `details`, where it gives any.
        details: Option<String>,
    },
    /// A name or id is unknown: 400.
    #[error(transparent)]
    Uid(#[from] UidError),
    /// A limit was hit; the message names it. The status is 413 or 504.
    #[error("{message}")]
    Limit {
        /// The limit's key and value.
        message: String,
        /// HTTP status.
        status: u16,
    },
    /// The caller went away or stopped the query.
    #[error("the query was cancelled")]
    Cancelled,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored cell cannot be read and OpenTSDB would fail the query too: 400 or 500 with the row key.
    #[error("{0}")]
    Data(String),
}

/// Set from outside to stop a running query; looked at between batches of rows.
pub type Cancel = Arc<AtomicBool>;

/// What a query needs of the settings.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Widths of row keys.
    pub layout: Layout,
    /// Name of the data table.
    pub data_table: String,
    /// `tsd.storage.fix_duplicates`.
    pub fix_duplicates: bool,
    /// `tsd.query.skip_unresolved_tagvs`.
    pub skip_unresolved_tagvs: bool,
    /// Threads for slices of one query.
    pub threads: usize,
    /// Most points read by one query; 0: no limit.
    pub max_points: u64,
    /// Most bytes read by one query; 0: no limit.
    pub max_bytes: u64,
    /// Most milliseconds a query may take; 0: no limit.
    pub timeout_ms: u64,
    /// Most bytes of memory one query may hold.
    pub memory_bytes: u64,
}

/// Answers plans over one store.
pub struct Engine {
    _store: Arc<dyn Store>,
    _uids: Arc<Uids>,
}

#[allow(unused_variables, clippy::unimplemented)]
impl Engine {
    /// `overlay`: rows that wait in this process.
    pub fn new(store: Arc<dyn Store>, overlay: Option<Arc<dyn Overlay>>, uids: Arc<Uids>, options: EngineOptions) -> Engine {
        unimplemented!()
    }
    /// Answers every sub query, in their order.
    pub fn run(&self, query: &Query, cancel: &Cancel) -> Result<Vec<Group>, QueryError> {
        unimplemented!()
    }
    /// Answers one sub query.
    pub fn run_sub(&self, query: &Query, sub: &SubQuery, cancel: &Cancel) -> Result<Vec<Group>, QueryError> {
        unimplemented!()
    }
}
