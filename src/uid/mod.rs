//! Names and their ids: the table `tsdb-uid`, in OpenTSDB's layout and order of steps.

use crate::store::{Store, StoreError};
use std::sync::Arc;

/// The three kinds of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UidKind {
    /// Column qualifier `metrics`.
    Metric,
    /// Column qualifier `tagk`.
    Tagk,
    /// Column qualifier `tagv`.
    Tagv,
}

/// An id as it stands in row keys: 1 to 8 bytes, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid {
    len: u8,
    bytes: [u8; 8],
}

impl Uid {
    /// From the bytes of a row key or cell; `None` if empty or longer than 8.
    pub fn new(bytes: &[u8]) -> Option<Uid> {
        let mut all = [0; 8];
        all.get_mut(..bytes.len())?.copy_from_slice(bytes);
        (!bytes.is_empty()).then_some(Uid { len: bytes.len() as u8, bytes: all })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Why a name or an id could not be had. The texts are OpenTSDB's, as clients read them.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum UidError {
    /// The name was never assigned.
    #[error("No such name for '{kind}': '{name}'")]
    NoSuchName {
        /// `metrics`, `tagk`, `tagv`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The id was never assigned.
    #[error("No such unique ID for '{kind}': {id}")]
    NoSuchId {
        /// `metrics`, `tagk`, `tagv`.
        kind: &'static str,
        /// The id as Java prints a byte array: `[0, 0, 1]`.
        id: String,
    },
    /// All ids of this width are used.
    #[error("{0}")]
    Exhausted(String),
    /// Other refusals (exists already, bad name, a race not decided in time).
    #[error("{0}")]
    Refused(String),
    /// The table could not be reached.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Names to ids and back, with bounded caches. One for a table; cheap to share.
pub struct Uids {
    _store: Arc<dyn Store>,
}

#[allow(unused_variables, clippy::unimplemented, missing_docs)]
impl Uids {
    /// The id of a known name: from the cache, else one read. Never creates.
    pub fn id(&self, kind: UidKind, name: &str) -> Result<Uid, UidError> {
        unimplemented!()
    }
    /// The id if it is in the cache: no I/O.
    pub fn cached_id(&self, kind: UidKind, name: &str) -> Option<Uid> {
        unimplemented!()
    }
    /// The id of a name, assigned if it is new (whether that is allowed is the caller's decision). One flight a name.
    pub fn id_or_create(&self, kind: UidKind, name: &str) -> Result<Uid, UidError> {
        unimplemented!()
    }
    /// The name of an id: from the cache, else one read.
    pub fn name(&self, kind: UidKind, id: &[u8]) -> Result<Arc<str>, UidError> {
        unimplemented!()
    }
    /// Names that start with `prefix` in order, at most `max`, as `/api/suggest` lists them.
    pub fn suggest(&self, kind: UidKind, prefix: &str, max: usize) -> Result<Vec<String>, UidError> {
        unimplemented!()
    }
    /// `/api/uid/assign` and `tsdb uid assign`: a new id; an existing name is an error that tells its id.
    pub fn assign(&self, kind: UidKind, name: &str) -> Result<Uid, UidError> {
        unimplemented!()
    }
    pub fn rename(&self, kind: UidKind, old: &str, new: &str) -> Result<(), UidError> {
        unimplemented!()
    }
    pub fn delete(&self, kind: UidKind, name: &str) -> Result<(), UidError> {
        unimplemented!()
    }
    /// Empties the caches (`dropcaches`).
    pub fn drop_caches(&self) {
        unimplemented!()
    }
}
