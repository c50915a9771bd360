//! Renaming and deleting names.

use super::{ID_FAMILY, NAME_FAMILY, Uid, UidError, UidKind, Uids, WRITE_ATTEMPTS, java_bytes, to_latin_1};
use crate::store::{Mutation, RowMutation, StoreError};

impl Uids {
    /// Gives the id of `old` the name `new`. Rows of data hold ids, so they need no change. Other TSDs that have the old
    /// name in their caches keep using it until `dropcaches`.
    ///
    /// [`UidError::NoSuchName`] without `old`, [`UidError::Refused`] if `new` has an id already.
    pub fn rename(&self, kind: UidKind, old: &str, new: &str) -> Result<(), UidError> {
        let id = self.id(kind, old)?;
        let refuse = |why: String| UidError::Refused(why);
        if new.is_empty() {
            // No row can have that key, and the id would have lost its name when this is seen.
            return Err(refuse("a name has at least one letter".into()));
        }
        let names = self.names(kind);
        let taken = |taken: &[u8]| {
            refuse(format!(
                "When trying rename(\"{old}\", \"{new}\") on UniqueId({}, {}, {}): new name already assigned ID={}",
                self.table,
                names.qualifier,
                names.width,
                java_bytes(taken)
            ))
        };
        match self.id(kind, new) {
            Ok(other) => return Err(taken(other.as_bytes())),
            Err(UidError::NoSuchName { .. }) => {}
            Err(error) => return Err(error),
        }
        let claims = [format!("{}:{}", names.qualifier, id.to_hex()), format!("{}={new}", names.qualifier)];
        let _claim = Claim::take(self, claims).ok_or_else(|| {
            let shown = java_bytes(id.as_bytes());
            refuse(format!("Ongoing rename on the same ID(\"{shown}\") or an identical new name(\"{new}\")"))
        })?;
        self.move_name(kind, id, old, new, taken)
    }

    fn move_name(&self, kind: UidKind, id: Uid, old: &str, new: &str, taken: impl Fn(&[u8]) -> UidError) -> Result<(), UidError> {
        let names = self.names(kind);
        let (old_row, new_row) = (to_latin_1(old), to_latin_1(new));
        let set_name = |name: &[u8]| put(id.as_bytes(), NAME_FAMILY, names.qualifier, name);
        // id -> name first: alone it does no harm, a name -> id without it would.
        self.write(&set_name(&new_row))?;
        if !self.put_if_absent(&new_row, ID_FAMILY, names.qualifier, id.as_bytes())?.is_ours() {
            let winner = self.read(&new_row, ID_FAMILY, names.qualifier)?.unwrap_or_default();
            if winner != id.as_bytes() {
                self.write(&set_name(&old_row))?;
                return Err(taken(&winner));
            }
        }
        names.forget_name(old);
        names.remember(new, id);
        let deleted = self.write(&delete(&old_row, ID_FAMILY, &[names.qualifier.as_bytes()]));
        self.tell_moved(kind);
        deleted
    }

    /// Deletes a name, its id and their meta data. Rows of data stay and can no longer be named: OpenTSDB's own warning.
    pub fn delete(&self, kind: UidKind, name: &str) -> Result<(), UidError> {
        let names = self.names(kind);
        let id = self.id(kind, name)?;
        let forward = self.write(&delete(&to_latin_1(name), ID_FAMILY, &[names.qualifier.as_bytes()]));
        let reverse = self.write(&delete(id.as_bytes(), NAME_FAMILY, &[names.qualifier.as_bytes(), kind.meta_qualifier().as_bytes()]));
        names.forget_name(name);
        names.forget_id(id);
        self.tell_moved(kind);
        forward.and(reverse)
    }

    /// Writes one row; puts and deletes may be repeated, so an unknown outcome is tried again.
    pub(super) fn write(&self, row: &RowMutation) -> Result<(), UidError> {
        let mut attempt = 1;
        loop {
            match self.store.write(&self.table, std::slice::from_ref(row)) {
                Err(StoreError::MaybeApplied { .. }) if attempt < WRITE_ATTEMPTS => attempt += 1,
                result => return Ok(result?),
            }
        }
    }
}

/// A cell of the table.
pub(super) fn put(row: &[u8], family: &'static str, qualifier: &str, value: &[u8]) -> RowMutation {
    let mutation = Mutation::Put { family, qualifier: qualifier.into(), value: value.to_vec() };
    RowMutation { row: row.to_vec(), mutations: vec![mutation], time: None }
}

/// Columns to delete.
pub(super) fn delete(row: &[u8], family: &'static str, qualifiers: &[&[u8]]) -> RowMutation {
    let mutations = qualifiers.iter().map(|q| Mutation::Delete { family, qualifier: q.to_vec() }).collect();
    RowMutation { row: row.to_vec(), mutations, time: None }
}

/// Holds an id and a new name while they are being renamed.
struct Claim<'a> {
    uids: &'a Uids,
    claims: [String; 2],
}

impl<'a> Claim<'a> {
    fn take(uids: &'a Uids, claims: [String; 2]) -> Option<Claim<'a>> {
        let mut renaming = uids.renaming.lock();
        if claims.iter().any(|c| renaming.contains(c)) {
            return None;
        }
        renaming.extend(claims.iter().cloned());
        drop(renaming);
        Some(Claim { uids, claims })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut renaming = self.uids.renaming.lock();
        for claim in &self.claims {
            renaming.remove(claim);
        }
    }
}
