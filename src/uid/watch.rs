//! Who is asked before a name gets an id, and told when it has one: whitelists, meta data.

use super::cache::Names;
use super::{Uid, UidError, UidKind, Uids};
use std::sync::Arc;

/// Watches what is assigned here. Other TSDs assign without a word.
pub trait Watch: Send + Sync {
    /// Whether this name may get an id. Asked only for names that have none.
    fn allows(&self, _kind: UidKind, _name: &str) -> bool {
        true
    }

    /// The name has this id now, given by this process.
    fn assigned(&self, _kind: UidKind, _name: &str, _id: Uid) {}

    /// A name was given to another id or to none, by this process.
    fn moved(&self, _kind: UidKind) {}
}

impl Uids {
    /// Adds those who watch.
    pub fn watched(mut self, watches: impl IntoIterator<Item = Arc<dyn Watch>>) -> Uids {
        self.watches.extend(watches);
        self
    }

    /// [`UidError::Refused`], in OpenTSDB's words, if a name without an id may not get one. Reads no table, so it can be
    /// asked while the store is away.
    pub fn may_create(&self, kind: UidKind, name: &str) -> Result<(), UidError> {
        self.may_allocate(self.names(kind), name)
    }

    pub(super) fn may_allocate(&self, names: &Names, name: &str) -> Result<(), UidError> {
        if self.watches.iter().all(|watch| watch.allows(names.kind, name)) {
            return Ok(());
        }
        let kind = names.qualifier;
        Err(UidError::Refused(format!(
            "Failed to assign ID for kind='{kind}' name='{name}' after 0 attempts due to: Blocked by UID filter."
        )))
    }

    pub(super) fn tell_assigned(&self, names: &Names, name: &str, id: Uid) {
        self.watches.iter().for_each(|watch| watch.assigned(names.kind, name, id));
    }

    pub(super) fn tell_moved(&self, kind: UidKind) {
        self.watches.iter().for_each(|watch| watch.moved(kind));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;
    use crate::uid::UidOptions;
    use parking_lot::Mutex;

    #[derive(Default)]
    struct Short(Mutex<Vec<String>>);

    impl Watch for Short {
        fn allows(&self, kind: UidKind, name: &str) -> bool {
            kind != UidKind::Tagk || name.len() < 3
        }
        fn assigned(&self, kind: UidKind, name: &str, id: Uid) {
            self.0.lock().push(format!("{kind:?} {name} {id:?}"));
        }
    }

    #[test]
    fn watches_refuse_and_hear() {
        let (store, watch) = (Arc::new(MemoryStore::default()), Arc::new(Short::default()));
        Uids::new(store.clone(), UidOptions::default()).id_or_create(UidKind::Tagk, "known").unwrap();
        let uids = Uids::new(store, UidOptions::default()).watched([watch.clone() as Arc<dyn Watch>]);
        uids.id_or_create(UidKind::Metric, "long.name").unwrap();
        uids.id_or_create(UidKind::Metric, "long.name").unwrap();
        // A name that has an id is never asked for.
        uids.id_or_create(UidKind::Tagk, "known").unwrap();
        let error = uids.id_or_create(UidKind::Tagk, "host").unwrap_err().to_string();
        assert_eq!(error, "Failed to assign ID for kind='tagk' name='host' after 0 attempts due to: Blocked by UID filter.");
        uids.create_all(UidKind::Tagk, &["a".to_owned(), "host".to_owned(), "b".to_owned()]).unwrap();
        assert!(uids.id(UidKind::Tagk, "host").is_err() && uids.may_create(UidKind::Tagk, "host").is_err());
        let mut heard = watch.0.lock().clone();
        heard.sort();
        assert_eq!(heard, ["Metric long.name 000001", "Tagk a 000002", "Tagk b 000003"]);
    }
}
