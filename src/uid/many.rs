//! Ids for many new names in few waits: an import that meets 100,000 new hosts would else wait for the disk, or for a
//! gateway, 300,000 times.
//!
//! The steps of a name are those of `assign.rs`; only the numbers are taken together, and the steps of many names run at
//! the same time. Ids follow the order of the names given. A process that dies here leaves up to [`NUMBERS_MAX`] numbers
//! unused.

use super::assign::Written;
use super::cache::Names;
use super::{ID_FAMILY, MAX_ID_ROW, NAME_FAMILY, Uid, UidError, UidKind, Uids, to_latin_1};
use crate::store::{Columns, RowBatch};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Numbers taken from the counter together.
const NUMBERS_MAX: usize = 1_000;
/// Names assigned at the same time. Threads that wait for a disk share its sync, threads that wait for a gateway a call.
const THREADS_MAX: usize = 64;
/// How long to wait for another batch of names.
const TURN_WAIT: Duration = Duration::from_secs(10);

impl Uids {
    /// Assigns ids to those of these names that have none. Afterwards [`Uids::id_or_create`] answers from the cache, but
    /// for a name that could not be assigned: it tells why.
    pub fn create_all(&self, kind: UidKind, wanted: &[String]) -> Result<(), UidError> {
        let names = self.names(kind);
        if wanted.is_empty() {
            return Ok(());
        }
        // Another batch's threads are enough for the store. Whoever cannot wait goes on name by name.
        let Some(_turn) = self.many.try_lock_for(TURN_WAIT) else { return Ok(()) };
        for wanted in wanted.chunks(NUMBERS_MAX) {
            let new = self.without_id(names, wanted)?;
            let ids = self.next_ids(names, new.len())?;
            // Each for itself they would take numbers in any order.
            let threads = if ids.is_empty() && !names.random { 1 } else { THREADS_MAX.min(new.len()) };
            let next = AtomicUsize::new(0);
            let work = || {
                while let Some((at, name)) = Some(next.fetch_add(1, Relaxed)).and_then(|at| Some((at, new.get(at)?))) {
                    // What fails here is tried again, and told, when the name is asked for.
                    let _ = self.create_as(names, name, ids.get(at).copied());
                }
            };
            std::thread::scope(|scope| {
                (1..threads).for_each(|_| drop(scope.spawn(work)));
                work();
            });
        }
        Ok(())
    }

    /// Names that neither the cache nor the table knows, each once. Known ones come into the cache.
    fn without_id<'n>(&self, names: &Names, wanted: &'n [String]) -> Result<Vec<&'n str>, UidError> {
        let mut seen = HashSet::new();
        let mut new: Vec<(&str, Vec<u8>)> = Vec::new();
        for name in wanted.iter().map(String::as_str) {
            let row = to_latin_1(name);
            if names.id(name).is_none() && !row.is_empty() && row != MAX_ID_ROW && seen.insert(row.clone()) {
                new.push((name, row));
            }
        }
        let columns = Columns::Only(vec![(ID_FAMILY, names.qualifier.as_bytes().to_vec())]);
        let keys: Vec<Vec<u8>> = new.iter().map(|(_, row)| row.clone()).collect();
        let mut rows = RowBatch::default();
        if !keys.is_empty() {
            self.store.get(&self.table, &keys, &columns, &mut rows)?;
        }
        let known: HashSet<&[u8]> = rows.rows().map(|row| row.key()).collect();
        let new = new.into_iter().filter(|(name, row)| !known.contains(row.as_slice()) && self.may_allocate(names, name).is_ok());
        Ok(new.map(|(name, _)| name).collect())
    }

    /// The next numbers, if the width has so many left; else none: then each name takes its own.
    fn next_ids(&self, names: &Names, count: usize) -> Result<Vec<Uid>, UidError> {
        let (Ok(by), false) = (u64::try_from(count), count < 2 || names.random) else { return Ok(Vec::new()) };
        let used = self.read(&MAX_ID_ROW, ID_FAMILY, names.qualifier)?.unwrap_or_default();
        let used = used.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        if used.saturating_add(by) > names.max_possible() {
            return Ok(Vec::new());
        }
        let last = self.store.increment(&self.table, &MAX_ID_ROW, ID_FAMILY, names.qualifier.as_bytes(), count as i64)?;
        let Ok(last) = u64::try_from(last) else { return Ok(Vec::new()) };
        names.saw_id(last.min(names.max_possible()));
        Ok((1..=by).filter_map(|at| Uid::from_number((last + at).checked_sub(by)?, names.width)).collect())
    }

    fn create_as(&self, names: &Names, name: &str, id: Option<Uid>) -> Result<Uid, UidError> {
        names.flights.fly(name, || {
            if let Some(known) = names.id(name) {
                return Ok(known);
            }
            let row = to_latin_1(name);
            if let Some(id) = id
                && let Written::Ours = self.put_if_absent(id.as_bytes(), NAME_FAMILY, names.qualifier, &row)?
                && let Some(id) = self.claim_name(names, name, &row, id)?
            {
                names.remember(name, id);
                return Ok(id);
            }
            self.allocate(names, name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::*;
    use crate::uid::UidOptions;
    use std::sync::Arc;

    #[test]
    fn many_names_get_ids_in_their_order() {
        let store = Arc::new(MemoryStore::default());
        let uids = Uids::new(store.clone(), UidOptions::default());
        let old = uids.id_or_create(UidKind::Tagv, "n1500").unwrap();
        let wanted: Vec<String> = (0..2_500).map(|at| format!("n{at}")).chain(["n7".to_owned(), String::new()]).collect();
        uids.create_all(UidKind::Tagv, &wanted).unwrap();
        let other = Uids::new(store, UidOptions::default());
        let number = |name: &str| u64::from_str_radix(&other.id(UidKind::Tagv, name).unwrap().to_hex(), 16).unwrap();
        assert_eq!((number("n0"), number("n999"), number("n1499"), number("n1501"), number("n2499")), (2, 1001, 1501, 1502, 2500));
        assert_eq!(other.id(UidKind::Tagv, "n1500").unwrap(), old);
        assert_eq!(other.max_id(UidKind::Tagv).unwrap(), 2500);
        assert_eq!(&*other.name(UidKind::Tagv, old.as_bytes()).unwrap(), "n1500");
    }

    #[test]
    fn a_width_that_ends_gives_all_its_ids() {
        let store = Arc::new(MemoryStore::default());
        let options = UidOptions { tagk_width: 1, ..UidOptions::default() };
        let uids = Uids::new(store, options);
        let wanted: Vec<String> = (0..260).map(|at| format!("k{at}")).collect();
        uids.create_all(UidKind::Tagk, &wanted).unwrap();
        let found = wanted.iter().filter(|name| uids.id(UidKind::Tagk, name).is_ok()).count();
        assert_eq!(found, 255);
        assert!(matches!(uids.id_or_create(UidKind::Tagk, "more"), Err(UidError::Exhausted(_))));
    }
}
