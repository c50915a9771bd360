//! The names of many ids in few reads: a question that meets 100,000 tag values would else wait 100,000 times.

use super::{NAME_FAMILY, Uid, UidError, UidKind, Uids, from_latin_1};
use crate::store::{Columns, RowBatch};

/// Ids of one read at most.
const READ_MAX: usize = 1_000;

impl Uids {
    /// Brings the names of these ids into the cache, as far as they are not there. Unknown ids are passed over:
    /// [`Uids::name`] tells them. Of more ids than the cache holds the last ones stay.
    pub fn warm<'i>(&self, kind: UidKind, ids: impl IntoIterator<Item = &'i [u8]>) -> Result<(), UidError> {
        let names = self.names(kind);
        let missing = |id: &&[u8]| id.len() == usize::from(names.width) && Uid::new(id).is_some_and(|uid| names.name(uid).is_none());
        let mut wanted: Vec<Vec<u8>> = ids.into_iter().filter(missing).map(<[u8]>::to_vec).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let columns = Columns::Only(vec![(NAME_FAMILY, names.qualifier.as_bytes().to_vec())]);
        let mut rows = RowBatch::default();
        for keys in wanted.chunks(READ_MAX) {
            self.store.get(&self.table, keys, &columns, &mut rows)?;
            for row in rows.rows() {
                let name = row.value(NAME_FAMILY, names.qualifier.as_bytes());
                if let (Some(uid), Some(name)) = (Uid::new(row.key()), name) {
                    names.miss();
                    names.remember_name(uid, from_latin_1(name).into());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::*;
    use crate::uid::UidOptions;
    use std::sync::Arc;

    #[test]
    fn warmed_names_need_no_further_read() {
        let store = Arc::new(MemoryStore::default());
        let known = Uids::new(store.clone(), UidOptions::default());
        let ids: Vec<_> = ["a", "b"].map(|name| known.id_or_create(UidKind::Tagv, name).unwrap()).into();
        let uids = Uids::new(store, UidOptions::default());
        uids.warm(UidKind::Tagv, ids.iter().map(Uid::as_bytes).chain([&[9, 9, 9][..], &[1]])).unwrap();
        let before = uids.stats(UidKind::Tagv).cache_misses;
        assert_eq!(ids.iter().map(|id| uids.name(UidKind::Tagv, id.as_bytes()).unwrap().to_string()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((before, uids.stats(UidKind::Tagv).cache_misses), (2, 2));
    }
}
