//! Names and their ids: the table `tsdb-uid`, in OpenTSDB's layout and order of steps.
//!
//! | family | row | qualifier | value |
//! | --- | --- | --- | --- |
//! | `id` | name, ISO-8859-1, other characters as `?` | `metrics`, `tagk`, `tagv` | the id |
//! | `name` | the id | the same | the name |
//! | `id` | one zero byte | the same | highest id given out, 8 bytes |
//!
//! Recorded in `storage/uid_table`. Reading order: this file (lookups), `assign.rs` (a new id), `admin.rs` (rename,
//! delete), `check.rs` (`uid fsck`), `many.rs` (many new ids), `scan.rs` (suggest, preload, grep), `cache.rs`, `flight.rs`,
//! `watch.rs` (who is asked and told). Whether a name is legal and whether it may be
//! created is decided by callers; nothing here knows rows of data.
//!
//! Two names that differ only in characters outside ISO-8859-1 share a row and so an id, as in OpenTSDB.

mod admin;
mod assign;
mod cache;
mod check;
mod flight;
mod many;
mod scan;
mod warm;
mod watch;

pub use check::{CheckOptions, Tell};
pub use scan::EachId;
pub use watch::Watch;

use crate::store::{Columns, RowBatch, Store, StoreError};
use cache::Names;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;

/// Family of names to ids, and of the counters.
const ID_FAMILY: &str = "id";
/// Family of ids to names and of meta data.
pub const NAME_FAMILY: &str = "name";
/// Row of the counters.
const MAX_ID_ROW: [u8; 1] = [0];
/// How often a write whose outcome is unknown is repeated.
const WRITE_ATTEMPTS: usize = 3;

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

impl UidKind {
    /// All three.
    pub const ALL: [UidKind; 3] = [UidKind::Metric, UidKind::Tagk, UidKind::Tagv];

    /// Column qualifier, and the kind's name in messages.
    pub fn qualifier(self) -> &'static str {
        match self {
            UidKind::Metric => "metrics",
            UidKind::Tagk => "tagk",
            UidKind::Tagv => "tagv",
        }
    }

    /// Column of the meta data beside an id's name.
    pub fn meta_qualifier(self) -> &'static str {
        match self {
            UidKind::Metric => "metric_meta",
            UidKind::Tagk => "tagk_meta",
            UidKind::Tagv => "tagv_meta",
        }
    }

    /// From `metric`, `metrics`, `tagk` or `tagv`, in any case.
    pub fn parse(text: &str) -> Option<UidKind> {
        match text.to_ascii_lowercase().as_str() {
            "metric" | "metrics" => Some(UidKind::Metric),
            "tagk" => Some(UidKind::Tagk),
            "tagv" => Some(UidKind::Tagv),
            _ => None,
        }
    }
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

    /// A number on `width` bytes; `None` if it does not fit.
    pub fn from_number(number: u64, width: u8) -> Option<Uid> {
        let all = number.to_be_bytes();
        let (zeros, bytes) = all.split_at_checked(8usize.checked_sub(usize::from(width))?)?;
        zeros.iter().all(|&b| b == 0).then(|| Uid::new(bytes)).flatten()
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// As the API writes it: upper-case hex, `00000A`.
    pub fn to_hex(&self) -> String {
        self.as_bytes().iter().map(|b| format!("{b:02X}")).collect()
    }
}

impl std::fmt::Debug for Uid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
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

/// What [`Uids`] needs of the settings.
#[derive(Clone, Debug)]
pub struct UidOptions {
    /// Name of the table (`tsd.storage.hbase.uid_table`).
    pub table: String,
    /// Bytes of a metric's id, 1 to 8.
    pub metric_width: u8,
    /// Bytes of a tag name's id, 1 to 8.
    pub tagk_width: u8,
    /// Bytes of a tag value's id, 1 to 8.
    pub tagv_width: u8,
    /// Ids of new metrics are random and not counted up (`tsd.core.uid.random_metrics`); up to 7 bytes.
    pub random_metrics: bool,
    /// Most names held of each kind (`tsd.uid.lru.name.size`).
    pub names_max: usize,
    /// Most ids held of each kind (`tsd.uid.lru.id.size`).
    pub ids_max: usize,
    /// Column qualifier in place of the kind's own. Of use to the command line alone: `uid assign metric x` makes a kind of
    /// its own (recorded in `cli/uid`), and so does `uid assign Tagk x`.
    pub qualifier: Option<&'static str>,
}

impl Default for UidOptions {
    fn default() -> Self {
        UidOptions {
            table: "tsdb-uid".into(),
            metric_width: 3,
            tagk_width: 3,
            tagv_width: 3,
            random_metrics: false,
            names_max: 5_000_000,
            ids_max: 5_000_000,
            qualifier: None,
        }
    }
}

/// Counters of one kind, for `/api/stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UidStats {
    /// Lookups that the cache answered.
    pub cache_hits: u64,
    /// Lookups that went to the store.
    pub cache_misses: u64,
    /// Entries of both caches.
    pub cache_size: u64,
    /// Random ids that were taken already.
    pub random_collisions: u64,
    /// Highest id given out that this process has seen (0: none; random ids are not counted).
    pub last_id: u64,
    /// Highest id of this width.
    pub max_possible: u64,
    /// The last warning about the width given: 0, 70, 85 or 95 (percent).
    pub warned_percent: u8,
}

/// Names to ids and back, with bounded caches. One for a table; cheap to share.
pub struct Uids {
    store: Arc<dyn Store>,
    table: String,
    metrics: Names,
    tagks: Names,
    tagvs: Names,
    /// Ids (in hex) and new names of renames that run.
    renaming: Mutex<HashSet<String>>,
    watches: Vec<Arc<dyn Watch>>,
    /// One batch of new names at a time.
    many: Mutex<()>,
}

impl Uids {
    /// Over a table. Reads nothing yet.
    pub fn new(store: Arc<dyn Store>, options: UidOptions) -> Uids {
        let names = |kind: UidKind, width, random| Names::new(kind, width, random, &options);
        Uids {
            metrics: names(UidKind::Metric, options.metric_width, options.random_metrics),
            tagks: names(UidKind::Tagk, options.tagk_width, false),
            tagvs: names(UidKind::Tagv, options.tagv_width, false),
            store,
            table: options.table,
            renaming: Mutex::default(),
            watches: Vec::new(),
            many: Mutex::default(),
        }
    }

    fn names(&self, kind: UidKind) -> &Names {
        match kind {
            UidKind::Metric => &self.metrics,
            UidKind::Tagk => &self.tagks,
            UidKind::Tagv => &self.tagvs,
        }
    }

    /// Bytes of an id of this kind.
    pub fn width(&self, kind: UidKind) -> u8 {
        self.names(kind).width
    }

    /// Name of the table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The id if it is in the cache: no I/O.
    #[inline]
    pub fn cached_id(&self, kind: UidKind, name: &str) -> Option<Uid> {
        self.names(kind).id(name)
    }

    /// The id of a known name: from the cache, else one read. Never creates.
    pub fn id(&self, kind: UidKind, name: &str) -> Result<Uid, UidError> {
        let names = self.names(kind);
        if let Some(id) = names.id(name) {
            names.hit();
            return Ok(id);
        }
        names.miss();
        let id = self.stored_id(names, name)?;
        let id = id.ok_or_else(|| UidError::NoSuchName { kind: names.qualifier, name: name.into() })?;
        names.remember(name, id);
        Ok(id)
    }

    /// The id of a name, assigned if it is new (whether that is allowed is the caller's decision). One flight a name.
    pub fn id_or_create(&self, kind: UidKind, name: &str) -> Result<Uid, UidError> {
        let names = self.names(kind);
        if let Some(id) = names.id(name) {
            names.hit();
            return Ok(id);
        }
        names.flights.fly(name, || match self.id(kind, name) {
            Err(UidError::NoSuchName { .. }) => {
                self.may_allocate(names, name)?;
                self.allocate(names, name)
            }
            found => found,
        })
    }

    /// The name of an id: from the cache, else one read.
    pub fn name(&self, kind: UidKind, id: &[u8]) -> Result<Arc<str>, UidError> {
        let names = self.names(kind);
        let uid = Uid::new(id).filter(|_| id.len() == usize::from(names.width)).ok_or_else(|| {
            UidError::Refused(format!("Wrong id.length = {} which is != {} required for '{}'", id.len(), names.width, names.qualifier))
        })?;
        if let Some(name) = names.name(uid) {
            names.hit();
            return Ok(name);
        }
        names.miss();
        let stored = self.read(id, NAME_FAMILY, names.qualifier)?;
        let stored = stored.ok_or_else(|| UidError::NoSuchId { kind: names.qualifier, id: java_bytes(id) })?;
        // Only this way round goes into the cache: the id may be an orphan of a lost race, which its name does not have.
        let name: Arc<str> = from_latin_1(&stored).into();
        names.remember_name(uid, name.clone());
        Ok(name)
    }

    /// `/api/uid/assign` and `tsdb uid assign`: a new id; an existing name is an error that tells its id.
    pub fn assign(&self, kind: UidKind, name: &str) -> Result<Uid, UidError> {
        match self.id(kind, name) {
            Err(UidError::NoSuchName { .. }) => self.id_or_create(kind, name),
            Ok(id) => Err(UidError::Refused(format!("Name already exists with UID: {}", id.to_hex()))),
            Err(error) => Err(error),
        }
    }

    /// Highest id given out, by the counter in the table; 0 if none was.
    pub fn max_id(&self, kind: UidKind) -> Result<u64, UidError> {
        let stored = self.read(&MAX_ID_ROW, ID_FAMILY, self.names(kind).qualifier)?.unwrap_or_default();
        let counter = stored.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        self.names(kind).saw_id(counter);
        Ok(counter)
    }

    /// Empties the caches (`dropcaches`).
    pub fn drop_caches(&self) {
        for kind in UidKind::ALL {
            self.names(kind).clear();
        }
    }

    /// Counters of a kind.
    pub fn stats(&self, kind: UidKind) -> UidStats {
        self.names(kind).stats()
    }

    /// The id of a name as the table has it.
    fn stored_id(&self, names: &Names, name: &str) -> Result<Option<Uid>, UidError> {
        let row = to_latin_1(name);
        if row.is_empty() || row == MAX_ID_ROW {
            return Ok(None); // an empty row cannot be, the other one holds the counters
        }
        let Some(id) = self.read(&row, ID_FAMILY, names.qualifier)? else { return Ok(None) };
        match Uid::new(&id).filter(|_| id.len() == usize::from(names.width)) {
            Some(uid) => Ok(Some(uid)),
            None => Err(UidError::Refused(format!(
                "Found id.length = {} which is != {} required for '{}'",
                id.len(),
                names.width,
                names.qualifier
            ))),
        }
    }

    /// One cell of the table.
    fn read(&self, row: &[u8], family: &'static str, qualifier: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut batch = RowBatch::default();
        let columns = Columns::Only(vec![(family, qualifier.as_bytes().to_vec())]);
        self.store.get(&self.table, &[row.to_vec()], &columns, &mut batch)?;
        Ok(batch.row(0).and_then(|r| r.value(family, qualifier.as_bytes())).map(<[u8]>::to_vec))
    }
}

/// A name as the table holds it.
pub fn to_latin_1(name: &str) -> Vec<u8> {
    name.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

/// A name from the table.
pub fn from_latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Bytes as Java prints them.
fn java_bytes(bytes: &[u8]) -> String {
    let signed: Vec<i8> = bytes.iter().map(|&b| b as i8).collect();
    format!("{signed:?}")
}

#[cfg(test)]
mod tests;
