//! Lists of names over a store in memory.

use super::names::{Fresh, KindNames};
use super::words::Words;
use crate::store::memory::MemoryStore;
use crate::uid::{UidKind, UidOptions, Uids, Watch};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn found(names: &KindNames) -> Vec<String> {
    let list = names.list();
    let hits = list.find(&Words::default(), (0, 99), |_| Some(()));
    hits.page.into_iter().map(|at| list.name(at).to_owned()).collect()
}

#[test]
fn lists_hear_of_new_names_and_notice_those_of_others() {
    let (store, fresh, stop) = (Arc::new(MemoryStore::default()), Arc::new(Fresh::default()), AtomicBool::new(false));
    let uids = Uids::new(store.clone(), UidOptions::default()).watched([fresh.clone() as Arc<dyn Watch>]);
    let others = Uids::new(store, UidOptions::default());
    others.id_or_create(UidKind::Metric, "old").unwrap();
    let names = KindNames::new(UidKind::Metric, false);
    assert!(names.claim(&fresh) && !names.claim(&fresh)); // one reads, nobody else
    names.load(&uids, &fresh, &stop).unwrap();
    assert!(names.is_loaded() && !names.claim(&fresh));
    assert_eq!(found(&names), ["old"]);
    uids.id_or_create(UidKind::Metric, "ours").unwrap();
    others.id_or_create(UidKind::Metric, "theirs").unwrap();
    others.id_or_create(UidKind::Tagk, "host").unwrap();
    names.refresh(&uids, &fresh).unwrap();
    assert_eq!(found(&names), ["old", "ours", "theirs"]);
    // Not within the second: the counter is not read again, what this process gives out is heard all the same.
    others.id_or_create(UidKind::Metric, "theirs.2").unwrap();
    uids.id_or_create(UidKind::Metric, "ours.2").unwrap();
    names.refresh(&uids, &fresh).unwrap();
    assert_eq!(found(&names), ["old", "ours", "ours.2", "theirs"]);
    // A name that moved: the whole is read again.
    uids.rename(UidKind::Metric, "old", "new").unwrap();
    assert!(names.claim(&fresh));
    names.load(&uids, &fresh, &stop).unwrap();
    assert_eq!(found(&names), ["new", "ours", "ours.2", "theirs", "theirs.2"]);
}
