//! A table: an LSM tree, its column families, and the rule which time wins.

use super::key;
use crate::store::{Result, StoreError};
use fjall::Keyspace;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

/// Most column families of a table: their places share a byte with another bit, and `ff` is kept free.
pub const FAMILIES_MAX: usize = 100;

/// An open table.
pub struct Table {
    /// Its name.
    pub name: String,
    /// Column families in byte order, as HBase returns them.
    pub families: Vec<String>,
    /// The tree.
    pub tree: Keyspace,
    /// Every change is on disk when the call returns.
    pub is_durable: bool,
    /// Held while a change that depends on what is stored is read, decided and written, and by every commit.
    pub commit: Mutex<()>,
    /// The latest time that a caller gave a cell. While the clock has not passed it, a write of now may be the older one
    /// and has to look.
    pub latest_given: AtomicI64,
}

impl Table {
    /// The place of a family among the table's. `Rejected` without it, as in HBase.
    pub fn family(&self, name: &str) -> Result<u8> {
        let place = self.families.iter().position(|f| f == name).and_then(|at| u8::try_from(at).ok());
        place.ok_or_else(|| StoreError::Rejected(format!("table {} has no column family {name}", self.name)))
    }

    /// Name of the family at a place.
    pub fn family_name(&self, place: u8) -> Option<&str> {
        self.families.get(usize::from(place)).map(String::as_str)
    }

    /// The row's part of a key.
    pub fn row_key(row: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(row.len() + 16);
        key::push_row(&mut out, row);
        out
    }

    /// True if a cell may have a later time than `now`.
    pub fn is_ahead_of(&self, now: i64) -> bool {
        self.latest_given.load(Ordering::Acquire) >= now
    }

    /// Remembers a time that a caller gave. True if it is the latest so far.
    pub fn note_given(&self, time: i64) -> bool {
        self.latest_given.fetch_max(time, Ordering::AcqRel) < time
    }
}
