//! A new id, in OpenTSDB's order of steps, so that TSDs of both kinds can assign at the same time:
//! 1. take the next number (or a random one);
//! 2. write id -> name, only if nobody has that id;
//! 3. write name -> id, only if nobody has that name. Who comes second here uses the winner's id; the own one stays
//!    behind as an orphan that nothing refers to.
//!
//! A process that dies between 2 and 3 leaves such an orphan too. A name -> id without id -> name never comes about.
//! A step whose outcome is unknown is answered by reading back; an increment that may have happened burns a number.

use super::cache::Names;
use super::{ID_FAMILY, MAX_ID_ROW, NAME_FAMILY, Uid, UidError, Uids, to_latin_1};
use crate::store::StoreError;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::Ordering::Relaxed;

/// How many ids are tried for a name.
const ASSIGN_ATTEMPTS: usize = 10;
/// How often a check-and-put whose outcome stays unknown is tried.
const CHECK_ATTEMPTS: usize = 4;
/// Widest random id, in bytes: numbers are signed in OpenTSDB.
const RANDOM_WIDTH_MAX: u8 = 7;

/// What a cell holds after "write it if it is not there".
pub(super) enum Written {
    Ours,
    Theirs(Vec<u8>),
}

impl Uids {
    pub(super) fn allocate(&self, names: &Names, name: &str) -> Result<Uid, UidError> {
        let row = to_latin_1(name);
        if row.is_empty() || row == MAX_ID_ROW {
            return Err(UidError::Refused(format!("'{}' cannot be a name", name.escape_default())));
        }
        let mut trouble = String::from("every id tried was taken");
        for _ in 0..ASSIGN_ATTEMPTS {
            let id = match self.next_id(names) {
                Ok(id) => id,
                Err(UidError::Store(error @ StoreError::MaybeApplied { .. })) => {
                    trouble = error.to_string();
                    continue; // that number is burnt
                }
                Err(error) => return Err(error),
            };
            match self.put_if_absent(id.as_bytes(), NAME_FAMILY, names.qualifier, &row)? {
                Written::Ours => {}
                Written::Theirs(_) if names.random => {
                    names.collisions.fetch_add(1, Relaxed);
                    continue;
                }
                Written::Theirs(other) => {
                    let other = super::from_latin_1(&other);
                    tracing::error!(
                        kind = names.qualifier,
                        ?id,
                        other,
                        name,
                        "a fresh id has a name already: check the table with `uid fsck`"
                    );
                    continue;
                }
            }
            if let Some(id) = self.claim_name(names, name, &row, id)? {
                names.remember(name, id);
                return Ok(id);
            }
            trouble = "the name was deleted meanwhile".into();
        }
        let what = if names.random { "random ID" } else { "ID" };
        Err(UidError::Refused(format!(
            "Failed to assign {what} for kind='{}' name='{name}' after {ASSIGN_ATTEMPTS} attempts due to: {trouble}",
            names.qualifier
        )))
    }

    /// Step 3. `None`: somebody had the name and it is gone again.
    pub(super) fn claim_name(&self, names: &Names, name: &str, row: &[u8], id: Uid) -> Result<Option<Uid>, UidError> {
        match self.put_if_absent(row, ID_FAMILY, names.qualifier, id.as_bytes())? {
            Written::Ours => {
                self.tell_assigned(names, name, id);
                Ok(Some(id))
            }
            Written::Theirs(winner) if winner.is_empty() => Ok(None),
            Written::Theirs(winner) => {
                tracing::info!(kind = names.qualifier, name = super::from_latin_1(row), lost = ?id, "another TSD assigned the name first");
                if winner.len() != usize::from(names.width) {
                    let (found, want) = (winner.len(), names.width);
                    let text = format!("Found id.length = {found} which is != {want} required for '{}'", names.qualifier);
                    return Err(UidError::Refused(text));
                }
                Ok(Uid::new(&winner))
            }
        }
    }

    fn next_id(&self, names: &Names) -> Result<Uid, UidError> {
        if names.random {
            return random_id(names);
        }
        let number = self.store.increment(&self.table, &MAX_ID_ROW, ID_FAMILY, names.qualifier.as_bytes(), 1)?;
        let id = u64::try_from(number).ok().filter(|&n| n != 0).and_then(|n| Uid::from_number(n, names.width));
        names.saw_id(u64::try_from(number).unwrap_or(u64::MAX).min(names.max_possible()));
        id.ok_or_else(|| {
            UidError::Exhausted(format!("All Unique IDs for {} on {} bytes are already assigned!", names.qualifier, names.width))
        })
    }

    /// Check-and-put with "must not be there", decided for certain: an unknown outcome is read back. An empty "theirs"
    /// means that the cell was there and is not any more.
    pub(super) fn put_if_absent(&self, row: &[u8], family: &'static str, qualifier: &str, value: &[u8]) -> Result<Written, UidError> {
        let mut last = None;
        for _ in 0..CHECK_ATTEMPTS {
            let unsure = match self.store.check_and_put(&self.table, row, family, qualifier.as_bytes(), None, value) {
                Ok(true) => return Ok(Written::Ours),
                // After an unknown outcome this may mean that the first try was carried out: reading tells.
                Ok(false) => None,
                Err(error @ StoreError::MaybeApplied { .. }) => Some(error),
                Err(error) => return Err(error.into()),
            };
            match self.read(row, family, qualifier)? {
                Some(found) if found == value => return Ok(Written::Ours),
                Some(found) => return Ok(Written::Theirs(found)),
                None if unsure.is_none() => return Ok(Written::Theirs(Vec::new())),
                None => last = unsure,
            }
        }
        Err(last.unwrap_or_else(|| StoreError::Unavailable("no answer to a check-and-put".into())).into())
    }
}

impl Written {
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Written::Ours)
    }
}

/// A random id that is not zero.
fn random_id(names: &Names) -> Result<Uid, UidError> {
    if names.width > RANDOM_WIDTH_MAX {
        return Err(UidError::Refused(format!(
            "Expecting to return an unsigned long random integer, it can not be larger than {RANDOM_WIDTH_MAX} bytes wide"
        )));
    }
    // The standard library's keys come from the system's random source; hashing nothing with them gives a random number.
    let number = RandomState::new().build_hasher().finish() & names.max_possible();
    Uid::from_number(number.max(1), names.width).ok_or_else(|| UidError::Refused("a random id does not fit its width".into()))
}
